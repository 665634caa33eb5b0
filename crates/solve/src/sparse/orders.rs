//! Orders in which the vertices of a graph are coloured.

/// The neighbours of a vertex, each once, by a function that calls another one with each.
pub type Neighbours<'a> = &'a dyn Fn(usize, &mut dyn FnMut(usize));

/// The orders that are tried: as stored, largest first (Welsh & Powell 1967), smallest last (Matula & Beck 1983), and by incidence
/// degree (Coleman & Moré, *SIAM Journal on Numerical Analysis* 20, 1983).
pub const ORDERS: [fn(usize, Neighbours<'_>) -> Vec<usize>; 4] = [natural, largest_first, smallest_last, incidence];

fn natural(n: usize, _: Neighbours<'_>) -> Vec<usize> {
    (0..n).collect()
}

fn largest_first(n: usize, neighbours: Neighbours<'_>) -> Vec<usize> {
    let degrees = degrees(n, neighbours);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&v| std::cmp::Reverse(degrees[v]));
    order
}

/// The last is the vertex with the fewest neighbours, the one before it has the fewest among the others, and so on.
fn smallest_last(n: usize, neighbours: Neighbours<'_>) -> Vec<usize> {
    let mut order = Vec::with_capacity(n);
    let mut rest = Buckets::new(degrees(n, neighbours));
    while let Some(v) = rest.take_smallest() {
        order.push(v);
        neighbours(v, &mut |w| rest.change(w, |degree| degree - 1));
    }
    order.reverse();
    order
}

/// The next is the vertex with the most neighbours among those before it.
fn incidence(n: usize, neighbours: Neighbours<'_>) -> Vec<usize> {
    let mut order = Vec::with_capacity(n);
    let most = degrees(n, neighbours).into_iter().max().unwrap_or(0);
    // Counted downwards, so that the most is the smallest.
    let mut rest = Buckets::new(vec![most; n]);
    while let Some(v) = rest.take_smallest() {
        order.push(v);
        neighbours(v, &mut |w| rest.change(w, |missing| missing - 1));
    }
    order
}

fn degrees(n: usize, neighbours: Neighbours<'_>) -> Vec<usize> {
    let degree = |v: usize| {
        let mut degree = 0;
        neighbours(v, &mut |_| degree += 1);
        degree
    };
    (0..n).map(degree).collect()
}

/// Vertices by a number each, of which the smallest is taken.
struct Buckets {
    /// None once it is taken.
    of: Vec<Option<usize>>,
    /// The vertices that had each number when they were put there.
    buckets: Vec<Vec<usize>>,
    smallest: usize,
}

impl Buckets {
    fn new(of: Vec<usize>) -> Self {
        let mut buckets = vec![Vec::new(); of.iter().max().map_or(0, |most| most + 1)];
        of.iter().enumerate().rev().for_each(|(v, &number)| buckets[number].push(v));
        Buckets { of: of.into_iter().map(Some).collect(), buckets, smallest: 0 }
    }

    fn take_smallest(&mut self) -> Option<usize> {
        loop {
            match self.buckets.get_mut(self.smallest)?.pop() {
                None => self.smallest += 1,
                Some(v) if self.of[v] == Some(self.smallest) => {
                    self.of[v] = None;
                    return Some(v);
                }
                Some(_) => {}
            }
        }
    }

    /// Changes the number of a vertex that is not taken yet, to a smaller one.
    fn change(&mut self, v: usize, to: impl FnOnce(usize) -> usize) {
        if let Some(number) = &mut self.of[v] {
            *number = to(*number);
            self.buckets[*number].push(v);
            self.smallest = self.smallest.min(*number);
        }
    }
}
