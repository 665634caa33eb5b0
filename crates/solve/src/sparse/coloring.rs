//! Groups of columns, rows, or both that one product tells apart.

use std::cell::RefCell;

use super::matrix::Pattern;
use super::orders::{Neighbours, ORDERS};

/// A colour for each column or row, and the number of colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coloring {
    pub colors: Vec<usize>,
    pub count: usize,
}

/// No more work than this is spent on other orders if the first one has not reached the least number.
const WORK: usize = 1 << 27;

/// Colours for the columns, such that two columns with an entry in one row differ: a partial colouring at distance two
/// (Gebremedhin, Manne & Pothen, *What color is your Jacobian?*, SIAM Review 47, 2005, section 3.3). The best of several orders.
pub fn columns(pattern: &Pattern) -> Coloring {
    let (rows, n) = (pattern.t(), pattern.cols());
    // The columns of one row differ, so no colouring has fewer colours.
    let least = (0..rows.cols()).map(|i| rows.column(i).len()).max().unwrap_or(0);
    if least == n {
        return Coloring { colors: (0..n).collect(), count: n };
    }
    let work = (0..rows.cols()).map(|i| rows.column(i).len().pow(2)).sum();
    let seen = RefCell::new((vec![usize::MAX; n], 0));
    let neighbours = |v: usize, f: &mut dyn FnMut(usize)| {
        let (seen, stamp) = &mut *seen.borrow_mut();
        *stamp += 1;
        seen[v] = *stamp;
        for &i in pattern.column(v) {
            for &w in rows.column(i) {
                if std::mem::replace(&mut seen[w], *stamp) != *stamp {
                    f(w);
                }
            }
        }
    };
    best(n, least, work, &neighbours, |order| greedy(n, order, &neighbours))
}

/// Tries orders until one has the least number of colours, and returns the best.
pub fn best(
    n: usize,
    least: usize,
    work: usize,
    neighbours: Neighbours<'_>,
    color: impl Fn(&[usize]) -> Coloring,
) -> Coloring {
    let mut best: Option<Coloring> = None;
    for order in ORDERS.iter().take(if work > WORK { 1 } else { ORDERS.len() }) {
        let found = color(&order(n, neighbours));
        if best.as_ref().is_none_or(|best| found.count < best.count) {
            best = Some(found);
        }
        if best.as_ref().is_some_and(|best| best.count <= least) {
            break;
        }
    }
    best.unwrap_or(Coloring { colors: Vec::new(), count: 0 })
}

/// The first colour that no neighbour has, vertex by vertex.
fn greedy(n: usize, order: &[usize], neighbours: Neighbours<'_>) -> Coloring {
    let mut painter = Painter::new(n);
    for &v in order {
        neighbours(v, &mut |w| painter.forbid_color_of(v, w));
        painter.paint(v);
    }
    painter.finish()
}

/// Gives vertices the first colour that is not forbidden.
pub struct Painter {
    pub colors: Vec<Option<usize>>,
    /// The last vertex that each colour was forbidden for.
    forbidden: Vec<usize>,
}

impl Painter {
    pub fn new(n: usize) -> Self {
        Painter { colors: vec![None; n], forbidden: Vec::new() }
    }

    /// v may not have the colour of w.
    pub fn forbid_color_of(&mut self, v: usize, w: usize) {
        if let Some(color) = self.colors[w] {
            self.forbidden[color] = v;
        }
    }

    pub fn paint(&mut self, v: usize) -> usize {
        let free = self.forbidden.iter().position(|&by| by != v);
        let color = free.unwrap_or_else(|| {
            self.forbidden.push(usize::MAX);
            self.forbidden.len() - 1
        });
        self.colors[v] = Some(color);
        color
    }

    pub fn finish(self) -> Coloring {
        let count = self.forbidden.len();
        Coloring { colors: self.colors.into_iter().map(|color| color.unwrap_or(0)).collect(), count }
    }
}
