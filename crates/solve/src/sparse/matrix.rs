//! Matrices of which only some entries are stored.

use std::sync::Arc;

use autograd::Matrix;
#[cfg(feature = "sparse")]
use linalg::{SparseCholesky, SparseFactor};

/// The places of a sparse matrix whose entries may differ from 0, in compressed columns.
///
/// The rows of column j are `row_indices()[column_starts()[j]..column_starts()[j + 1]]`, in rising order. This is the form that faer's
/// sparse solvers, SciPy's `csc_array` and SuiteSparse take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    rows: usize,
    starts: Vec<usize>,
    indices: Vec<usize>,
}

impl Pattern {
    /// The pattern of an m × n matrix with these places, (row, column), in any order.
    ///
    /// # Panics
    /// If a place is outside.
    #[track_caller]
    pub fn new(rows: usize, cols: usize, places: &[(usize, usize)]) -> Self {
        let outside = places.iter().find(|&&(i, j)| i >= rows || j >= cols);
        assert!(outside.is_none(), "Pattern::new: {outside:?} is outside of {rows} × {cols}");
        let mut sorted: Vec<(usize, usize)> = places.iter().map(|&(i, j)| (j, i)).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let mut starts = vec![0; cols + 1];
        sorted.iter().for_each(|&(j, _)| starts[j + 1] += 1);
        (0..cols).for_each(|j| starts[j + 1] += starts[j]);
        Pattern { rows, starts, indices: sorted.into_iter().map(|(_, i)| i).collect() }
    }

    /// The pattern whose row i has these columns, in rising order.
    pub(super) fn from_rows<'a>(cols: usize, rows: impl ExactSizeIterator<Item = &'a [u32]> + Clone) -> Self {
        let mut starts = vec![0; cols + 1];
        rows.clone().flatten().for_each(|&j| starts[j as usize + 1] += 1);
        (0..cols).for_each(|j| starts[j + 1] += starts[j]);
        let (mut next, mut indices, count) = (starts.clone(), vec![0; starts[cols]], rows.len());
        for (i, row) in rows.enumerate() {
            for &j in row {
                indices[next[j as usize]] = i;
                next[j as usize] += 1;
            }
        }
        Pattern { rows: count, starts, indices }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn cols(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of places.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether every entry is 0.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Where each column begins in the row indices, and their number at the end: n + 1 numbers.
    pub fn column_starts(&self) -> &[usize] {
        &self.starts
    }

    /// The row of each place, column by column.
    pub fn row_indices(&self) -> &[usize] {
        &self.indices
    }

    /// The rows of a column.
    pub fn column(&self, j: usize) -> &[usize] {
        &self.indices[self.starts[j]..self.starts[j + 1]]
    }

    /// The number of a place in the order of storage, if it is one.
    pub fn place(&self, i: usize, j: usize) -> Option<usize> {
        self.column(j).binary_search(&i).ok().map(|k| self.starts[j] + k)
    }

    /// All places in the order of storage, (row, column).
    pub fn places(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.cols()).flat_map(move |j| self.column(j).iter().map(move |&i| (i, j)))
    }

    /// The pattern of the transpose.
    #[must_use]
    pub fn t(&self) -> Self {
        let mut starts = vec![0; self.rows + 1];
        self.indices.iter().for_each(|&i| starts[i + 1] += 1);
        (0..self.rows).for_each(|i| starts[i + 1] += starts[i]);
        let (mut next, mut indices) = (starts.clone(), vec![0; self.len()]);
        for (i, j) in self.places() {
            indices[next[i]] = j;
            next[i] += 1;
        }
        Pattern { rows: self.cols(), starts, indices }
    }

    /// The places that another pattern of the same shape has, too.
    pub(super) fn within(&self, other: &Self) -> Self {
        let mut starts = vec![0];
        let mut indices = Vec::new();
        for j in 0..self.cols() {
            indices.extend(self.column(j).iter().filter(|i| other.column(j).binary_search(i).is_ok()));
            starts.push(indices.len());
        }
        Pattern { rows: self.rows, starts, indices }
    }
}

/// A matrix of which only the entries of a [`Pattern`] are stored, column by column.
///
/// ```
/// use autograd::Matrix;
/// use solve::{Pattern, SparseMatrix};
/// let pattern = Pattern::new(2, 3, &[(0, 0), (1, 0), (1, 2)]);
/// let a = SparseMatrix::new(pattern, vec![1.0, 2.0, 3.0]);
/// assert_eq!(a.to_dense(), Matrix::from([[1.0, 0.0, 0.0], [2.0, 0.0, 3.0]]));
/// assert_eq!(a.times(&[1.0, 1.0, 1.0]), [1.0, 5.0]);
/// assert_eq!(a.transposed_times(&[1.0, 1.0]), [3.0, 0.0, 3.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SparseMatrix {
    pattern: Arc<Pattern>,
    values: Vec<f64>,
}

impl SparseMatrix {
    /// The matrix with these entries in the order of the pattern.
    ///
    /// # Panics
    /// If there are not as many values as places.
    #[track_caller]
    pub fn new(pattern: impl Into<Arc<Pattern>>, values: Vec<f64>) -> Self {
        let pattern = pattern.into();
        let (places, given) = (pattern.len(), values.len());
        assert!(places == given, "SparseMatrix::new: {given} values for {places} places");
        SparseMatrix { pattern, values }
    }

    /// Its places.
    pub fn pattern(&self) -> &Arc<Pattern> {
        &self.pattern
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.pattern.rows()
    }

    /// The number of columns.
    pub fn cols(&self) -> usize {
        self.pattern.cols()
    }

    /// The stored entries, in the order of the pattern.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The stored entries in the order of the pattern, for changes.
    pub fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// The entry in row i and column j; 0 if it is not stored.
    ///
    /// # Panics
    /// If there is no such row or column.
    #[track_caller]
    pub fn entry(&self, i: usize, j: usize) -> f64 {
        let (rows, cols) = (self.rows(), self.cols());
        assert!(i < rows && j < cols, "entry: ({i}, {j}) is outside of a matrix {rows} × {cols}");
        self.pattern.place(i, j).map_or(0.0, |k| self.values[k])
    }

    /// The stored entries of a column.
    pub fn column(&self, j: usize) -> &[f64] {
        &self.values[self.pattern.starts[j]..self.pattern.starts[j + 1]]
    }

    /// The matrix with all its zeros.
    pub fn to_dense(&self) -> Matrix<f64> {
        let mut dense = Matrix::zeros(self.rows(), self.cols());
        self.pattern.places().zip(&self.values).for_each(|(place, value)| dense[place] = *value);
        dense
    }

    /// A x.
    ///
    /// # Panics
    /// If x does not have a number for each column.
    #[track_caller]
    pub fn times(&self, x: &[f64]) -> Vec<f64> {
        let (n, given) = (self.cols(), x.len());
        assert!(n == given, "SparseMatrix::times: {given} numbers for {n} columns");
        let mut product = vec![0.0; self.rows()];
        for (j, x) in x.iter().enumerate() {
            self.pattern.column(j).iter().zip(self.column(j)).for_each(|(&i, a)| product[i] += a * x);
        }
        product
    }

    /// Aᵀ y.
    ///
    /// # Panics
    /// If y does not have a number for each row.
    #[track_caller]
    pub fn transposed_times(&self, y: &[f64]) -> Vec<f64> {
        let (m, given) = (self.rows(), y.len());
        assert!(m == given, "SparseMatrix::transposed_times: {given} numbers for {m} rows");
        let entry = |j: usize| self.pattern.column(j).iter().zip(self.column(j)).map(|(&i, a)| a * y[i]).sum();
        (0..self.cols()).map(entry).collect()
    }

    /// (Feature `sparse`.) The Cholesky factor of a symmetric matrix, of which the lower triangle is read. It solves linear systems, such as that of a Newton
    /// step, in an order of elimination that keeps the factor sparse. `None` if a pivot is not positive. The factor of a
    /// matrix that is singular up to rounding may mean nothing.
    ///
    /// ```
    /// use autograd::Matrix;
    /// use solve::SparseHessian;
    /// // A Newton step reaches the minimum of a quadratic function.
    /// let mut h = SparseHessian::new(|x| {
    ///     let n = x[0].rows();
    ///     ((x[0].rows_in(1..n) - x[0].rows_in(0..n - 1)).square().sum() + (x[0] - 3.0).square().sum()) * 0.5
    /// });
    /// let x = Matrix::column(&vec![1.0; 1000]);
    /// let factor = h.at(&[&x]).cholesky().expect("the function is convex");
    /// let step = factor.solve(h.gradient(&[&x]).as_slice());
    /// assert!(step.iter().zip(x.as_slice()).all(|(step, x)| (x - step - 3.0).abs() < 1e-12));
    /// ```
    ///
    /// # Panics
    /// If the matrix is not square.
    #[cfg(feature = "sparse")]
    #[track_caller]
    pub fn cholesky(&self) -> Option<SparseFactor> {
        let (m, n) = (self.rows(), self.cols());
        assert!(m == n, "SparseMatrix::cholesky: {m} × {n} is not square");
        SparseCholesky::new(self.pattern.starts.clone(), self.pattern.indices.clone())?.factor(&self.values)
    }
}
