//! Which products make a sparse matrix, and which entry of which product each of its entries is.

use std::sync::Arc;

use super::coloring::{Coloring, columns};
use super::matrix::{Pattern, SparseMatrix};
use super::star::symmetric;

/// How a Jacobian is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Each product is J times a vector of zeros and ones.
    Forward,
    /// Each product is a row vector of zeros and ones times J.
    Reverse,
}

/// The products of a sparse matrix.
pub struct Plan {
    pub pattern: Arc<Pattern>,
    pub sweep: Sweep,
    pub products: Vec<Product>,
}

/// A product with a vector of ones and zeros.
pub struct Product {
    /// Where the vector is 1.
    pub ones: Vec<usize>,
    /// Entries of the matrix by their places in the pattern, and which entries of the product they are.
    reads: Vec<(usize, usize)>,
}

impl Plan {
    /// Of a Jacobian: by columns or by rows, whichever takes fewer products.
    pub fn of_jacobian(pattern: Pattern) -> Self {
        let of_columns = columns(&pattern);
        let turned = pattern.t();
        let of_rows = columns(&turned);
        if of_columns.count <= of_rows.count {
            let reads = pattern.places().map(|(i, j)| (of_columns.colors[j], i)).collect::<Vec<_>>();
            Plan::new(pattern, Sweep::Forward, &of_columns, reads)
        } else {
            let reads = pattern.places().map(|(i, j)| (of_rows.colors[i], j)).collect::<Vec<_>>();
            Plan::new(pattern, Sweep::Reverse, &of_rows, reads)
        }
    }

    /// Of a Hessian, from the pattern of the recorded gradient. An entry that this pattern has on one side only is 0.
    pub fn of_hessian(pattern: &Pattern) -> Self {
        let pattern = pattern.within(&pattern.t());
        let coloring = symmetric(&pattern);
        let reads = symmetric_reads(&pattern, &coloring);
        Plan::new(pattern, Sweep::Forward, &coloring, reads)
    }

    /// From the product and its entry that each entry of the matrix is. Products that nothing reads are left out.
    fn new(pattern: Pattern, sweep: Sweep, coloring: &Coloring, reads: Vec<(usize, usize)>) -> Self {
        let mut products: Vec<_> = (0..coloring.count).map(|_| Product { ones: vec![], reads: vec![] }).collect();
        coloring.colors.iter().enumerate().for_each(|(v, &color)| products[color].ones.push(v));
        reads.into_iter().enumerate().for_each(|(place, (color, entry))| products[color].reads.push((place, entry)));
        products.retain(|product| !product.reads.is_empty());
        Plan { pattern: Arc::new(pattern), sweep, products }
    }

    /// The matrix, from a function that multiplies it with the vector that is 1 at some entries and 0 elsewhere.
    pub fn matrix(&self, mut product: impl FnMut(&[usize]) -> Vec<f64>) -> SparseMatrix {
        let mut values = vec![0.0; self.pattern.len()];
        for Product { ones, reads } in &self.products {
            let product = product(ones);
            reads.iter().for_each(|&(place, entry)| values[place] = product[entry]);
        }
        SparseMatrix::new(self.pattern.clone(), values)
    }
}

/// For each entry of a symmetric matrix with a star colouring, the product and its entry that it is. If it can be read from both of its
/// places, a product that is needed anyway is taken.
fn symmetric_reads(pattern: &Pattern, Coloring { colors, count }: &Coloring) -> Vec<(usize, usize)> {
    let n = pattern.cols();
    // At a place (k, i): whether k is alone in row i among its colour, so that the entry (i, k) is entry i of the product of k's colour.
    let mut alone = Vec::with_capacity(pattern.len());
    let mut seen = vec![0; *count];
    for i in 0..n {
        pattern.column(i).iter().for_each(|&k| seen[colors[k]] += 1);
        alone.extend(pattern.column(i).iter().map(|&k| seen[colors[k]] == 1));
        pattern.column(i).iter().for_each(|&k| seen[colors[k]] = 0);
    }
    let mut reads = vec![(usize::MAX, usize::MAX); pattern.len()];
    let mut needed = vec![false; *count];
    let mut open = Vec::new();
    for (place, (k, i)) in pattern.places().enumerate().filter(|(_, (k, i))| k <= i) {
        let mirror = pattern.place(i, k).expect("it is symmetric");
        let (one, other) = ((colors[k], i), (colors[i], k));
        let read = match (alone[place], alone[mirror]) {
            (true, true) if k != i => {
                open.push((place, mirror, one, other));
                continue;
            }
            (true, _) => one,
            (false, true) => other,
            (false, false) => unreachable!("a star colouring tells every entry apart"),
        };
        needed[read.0] = true;
        (reads[place], reads[mirror]) = (read, read);
    }
    let mut wanted = vec![0; *count];
    open.iter().for_each(|(_, _, one, other)| [one, other].into_iter().for_each(|read| wanted[read.0] += 1));
    // Those first that have a needed product; then the product that most of the others could use.
    open.sort_by_key(|(_, _, one, other)| {
        (!needed[one.0] && !needed[other.0], usize::MAX - wanted[one.0].max(wanted[other.0]))
    });
    for (place, mirror, one, other) in open {
        let key = |read: &(usize, usize)| (needed[read.0], wanted[read.0]);
        let read = if key(&other) > key(&one) { other } else { one };
        needed[read.0] = true;
        (reads[place], reads[mirror]) = (read, read);
    }
    reads
}
