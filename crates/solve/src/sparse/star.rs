//! Colours for a symmetric matrix.

use super::coloring::{Coloring, Painter, best};
use super::matrix::Pattern;

/// A star colouring of a symmetric pattern: neighbours differ, and no path of four vertices has two colours only, so that vertices of two
/// colours form stars. Then each entry (i, j) is alone in its row among the columns of one colour, or is so as the entry (j, i).
/// The algorithm is 4.1 of Gebremedhin, Tarafdar, Manne & Pothen (*New acyclic and star coloring algorithms with application to
/// computing Hessians*, SIAM Journal on Scientific Computing 29, 2007), for the best of several orders.
pub fn symmetric(pattern: &Pattern) -> Coloring {
    let n = pattern.cols();
    let neighbours =
        |v: usize, f: &mut dyn FnMut(usize)| pattern.column(v).iter().filter(|&&w| w != v).for_each(|&w| f(w));
    let work = (0..n).map(|v| pattern.column(v).len().pow(2)).sum();
    let least = if pattern.places().any(|(i, j)| i != j) { 2 } else { 1 };
    best(n, least, work, &neighbours, |order| Stars::new(pattern).color(order))
}

/// The two-coloured stars of the vertices that are coloured so far.
struct Stars<'a> {
    pattern: &'a Pattern,
    painter: Painter,
    /// The star of the edge at each place of the pattern, in both of its places.
    star: Vec<usize>,
    /// Of each star; none while it has a single edge.
    hub: Vec<Option<usize>>,
    /// For each colour the last vertex with a neighbour of it, that neighbour, and the place of their edge.
    first_neighbour: Vec<Option<[usize; 3]>>,
    /// The last vertex for which the neighbours of each vertex were forbidden.
    treated: Vec<Option<usize>>,
    /// The place of the transposed entry.
    mirror: Vec<usize>,
}

impl<'a> Stars<'a> {
    fn new(pattern: &'a Pattern) -> Self {
        let mirror = pattern.places().map(|(i, j)| pattern.place(j, i).expect("it is symmetric")).collect();
        Stars {
            pattern,
            painter: Painter::new(pattern.cols()),
            star: vec![usize::MAX; pattern.len()],
            hub: Vec::new(),
            first_neighbour: Vec::new(),
            treated: vec![None; pattern.cols()],
            mirror,
        }
    }

    fn color(mut self, order: &[usize]) -> Coloring {
        for &v in order {
            self.forbid(v);
            let color = self.painter.paint(v);
            if color == self.first_neighbour.len() {
                self.first_neighbour.push(None);
            }
            self.join(v, color);
        }
        self.painter.finish()
    }

    /// The coloured neighbours of a vertex, with their colours and the places of the edges.
    fn neighbours(&self, v: usize) -> Vec<[usize; 3]> {
        let start = self.pattern.column_starts()[v];
        let colored = |(k, &w): (usize, &usize)| Some([w, self.painter.colors[w].filter(|_| w != v)?, start + k]);
        self.pattern.column(v).iter().enumerate().filter_map(colored).collect()
    }

    fn forbid(&mut self, v: usize) {
        for [w, color, edge] in self.neighbours(v) {
            self.painter.forbid_color_of(v, w);
            match self.first_neighbour[color] {
                // v has two neighbours of one colour, so it would be the hub of both: their neighbours must differ from v.
                Some([p, q, _]) if p == v => {
                    if self.treated[q] != Some(v) {
                        self.treat(v, q);
                    }
                    self.treat(v, w);
                }
                _ => {
                    self.first_neighbour[color] = Some([v, w, edge]);
                    // A path v, w, x, … of two colours, where x is the hub of the star of w and x.
                    for [x, _, edge] in self.neighbours(w) {
                        if x != v && self.hub[self.star[edge]] == Some(x) {
                            self.painter.forbid_color_of(v, x);
                        }
                    }
                }
            }
        }
    }

    fn treat(&mut self, v: usize, w: usize) {
        for [x, ..] in self.neighbours(w) {
            if x != v {
                self.painter.forbid_color_of(v, x);
            }
        }
        self.treated[w] = Some(v);
    }

    /// Adds the edges between v and its coloured neighbours to stars.
    fn join(&mut self, v: usize, own: usize) {
        for [w, color, edge] in self.neighbours(v) {
            let of_w = self.neighbours(w);
            let star = if let Some([_, _, other]) = of_w.iter().find(|[x, color, _]| *x != v && *color == own) {
                let star = self.star[*other];
                self.hub[star] = Some(w);
                star
            } else if let Some([p, q, other]) = self.first_neighbour[color]
                && p == v
                && q != w
            {
                let star = self.star[other];
                self.hub[star] = Some(v);
                star
            } else {
                self.hub.push(None);
                self.hub.len() - 1
            };
            self.star[edge] = star;
            self.star[self.mirror[edge]] = star;
        }
    }
}
