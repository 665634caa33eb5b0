//! Rearranging entries. Every function here is a selection, that is a matrix of zeros and ones which is
//! never stored, and its rule is the transposed selection.

use std::ops::Range;

use kernel::{Axis, AxisFunction, Order, compiled_once};
use smallvec::SmallVec;

use crate::rule::op::Op;
use crate::tape::anew::source_of;
use crate::tape::var::dims;
use crate::{Matrix, Real, Tape, Var};

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// Aᵀ.
    #[track_caller]
    #[must_use]
    #[doc(alias("transpose", "permute", "T"))]
    pub fn t(self) -> Self {
        let (m, n) = self.shape();
        self.tape().record((n, m), &[Op::Transpose(self.id)])
    }

    /// The same entries, column by column, as a matrix of another shape.
    ///
    /// # Panics
    /// If the number of entries differs.
    #[track_caller]
    #[must_use]
    #[doc(alias("view", "unsqueeze", "squeeze", "flatten"))]
    pub fn reshape(self, rows: usize, cols: usize) -> Self {
        let (m, n) = self.shape();
        assert!(m * n == rows * cols, "reshape: {m} × {n} does not have the entries of {rows} × {cols}");
        self.tape().record((rows, cols), &[Op::Reshape(self.id)])
    }

    /// A range of columns: some of the samples.
    ///
    /// # Panics
    /// If the range does not lie within the columns.
    #[track_caller]
    #[must_use]
    #[doc(alias = "narrow")]
    pub fn columns(self, range: Range<usize>) -> Self {
        let (m, n) = self.shape();
        assert!(range.start <= range.end && range.end <= n, "columns: {range:?} of {m} × {n}");
        self.tape().record_columns(self, range.start, range.len())
    }

    /// A range of rows: some of the features.
    ///
    /// # Panics
    /// If the range does not lie within the rows.
    #[track_caller]
    #[must_use]
    pub fn rows_in(self, range: Range<usize>) -> Self {
        let (m, n) = self.shape();
        assert!(range.start <= range.end && range.end <= m, "rows_in: {range:?} of {m} × {n}");
        self.part((range.start, 0), (range.len(), n))
    }

    /// The entry in row i and column j, 1 × 1.
    ///
    /// # Panics
    /// If there is no such entry.
    #[track_caller]
    #[must_use]
    pub fn at(self, i: usize, j: usize) -> Self {
        let (m, n) = self.shape();
        assert!(i < m && j < n, "at: entry ({i}, {j}) of {m} × {n}");
        self.part((i, j), (1, 1))
    }

    #[track_caller]
    fn part(self, (i, j): (usize, usize), shape: (usize, usize)) -> Self {
        self.tape().record(shape, &[Op::Slice(i as u32, j as u32, self.id)])
    }

    /// A `rows × cols` matrix that contains this one from row i and column j on, and is zero elsewhere.
    ///
    /// # Panics
    /// If it does not fit.
    #[track_caller]
    #[must_use]
    pub fn pad(self, (i, j): (usize, usize), (rows, cols): (usize, usize)) -> Self {
        let (m, n) = self.shape();
        assert!(i + m <= rows && j + n <= cols, "pad: {m} × {n} at ({i}, {j}) does not fit into {rows} × {cols}");
        self.tape().record((rows, cols), &[Op::Pad(i as u32, j as u32, self.id)])
    }

    /// A matrix whose entry (i, j) is the entry of this one at `from(i, j)`. Entries may be used several times.
    ///
    /// # Panics
    /// If `from` returns an entry that does not exist.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let x = tape.variable(Matrix::from([[1.0, 2.0], [3.0, 4.0]]));
    /// let y = x.gather((1, 3), |_, j| (j % 2, j % 2));
    /// assert_eq!(y.value().as_slice(), [1.0, 4.0, 1.0]);
    /// assert_eq!(y.sum().backward().wrt(x).as_slice(), [2.0, 0.0, 0.0, 1.0]);
    /// ```
    #[track_caller]
    #[must_use]
    #[doc(alias("take", "index"))]
    pub fn gather(self, shape: (usize, usize), from: impl Fn(usize, usize) -> (usize, usize)) -> Self {
        let index = places("gather", shape, self.shape(), from);
        self.tape().record(shape, &[Op::Gather(self.tape().index(index), self.id)])
    }

    /// A matrix of zeros to which each entry (i, j) of this one is added at `to(i, j)`.
    ///
    /// # Panics
    /// If `to` returns an entry that does not exist.
    #[track_caller]
    #[must_use]
    pub fn scatter_add(self, shape: (usize, usize), to: impl Fn(usize, usize) -> (usize, usize)) -> Self {
        let index = places("scatter_add", self.shape(), shape, to);
        self.tape().record(shape, &[Op::Scatter(self.tape().index(index), self.id)])
    }

    /// The columns with these indices, in this order. It is the lookup of an embedding whose table has a column for each token.
    ///
    /// # Panics
    /// If there is no such column.
    #[track_caller]
    #[must_use]
    #[doc(alias("index_select", "embedding"))]
    pub fn select_columns(self, columns: &[usize]) -> Self {
        within("select_columns", "column", columns, self.cols(), self);
        self.gather((self.rows(), columns.len()), |i, j| (i, columns[j]))
    }

    /// The rows with these indices, in this order.
    ///
    /// # Panics
    /// If there is no such row.
    #[track_caller]
    #[must_use]
    #[doc(alias = "index_select")]
    pub fn select_rows(self, rows: &[usize]) -> Self {
        within("select_rows", "row", rows, self.rows(), self);
        self.gather((rows.len(), self.cols()), |i, j| (rows[i], j))
    }

    /// The matrix repeated `rows` times vertically and `cols` times horizontally.
    #[track_caller]
    #[must_use]
    #[doc(alias = "repeat")]
    pub fn tile(self, rows: usize, cols: usize) -> Self {
        let (m, n) = self.shape();
        self.gather((m * rows, n * cols), |i, j| (i % m, j % n))
    }

    /// The diagonal as a column.
    #[track_caller]
    #[must_use]
    pub fn diagonal(self) -> Self {
        let (m, n) = self.shape();
        self.gather((m.min(n), 1), |i, _| (i, i))
    }

    /// The matrix with this column or row as its diagonal, and zero elsewhere.
    ///
    /// # Panics
    /// If it is neither a column nor a row.
    #[track_caller]
    #[must_use]
    pub fn diag(self) -> Self {
        let (m, n) = self.shape();
        assert!(m == 1 || n == 1, "diag: {m} × {n} is neither a column nor a row");
        self.scatter_add((m * n, m * n), |i, j| (i + j, i + j))
    }

    /// The lower triangle with the diagonal, and zero above it.
    #[track_caller]
    #[must_use]
    #[doc(alias = "tril")]
    pub fn lower(self) -> Self {
        self.where_entry(|i, j| i >= j)
    }

    /// The upper triangle with the diagonal, and zero below it.
    #[track_caller]
    #[must_use]
    #[doc(alias = "triu")]
    pub fn upper(self) -> Self {
        self.where_entry(|i, j| i <= j)
    }

    /// The entries for which `keep(i, j)` is true, and zero elsewhere.
    #[track_caller]
    #[must_use]
    #[doc(alias = "masked_fill")]
    pub fn where_entry(self, keep: impl Fn(usize, usize) -> bool) -> Self {
        // Computed before the tape is borrowed: `keep` may read it, or record on it.
        let (m, n) = self.shape();
        let mask = Matrix::from_fn(m, n, |i, j| T::from_f64(f64::from(u8::from(keep(i, j)))));
        self.tape().constant(mask).keep(self)
    }

    /// a bᵀ for two columns.
    ///
    /// # Panics
    /// If one is not a column.
    #[track_caller]
    #[must_use]
    pub fn outer(self, b: Self) -> Self {
        self.same_tape("outer", b);
        assert!(self.cols() == 1 && b.cols() == 1, "outer: {} and {} are not two columns", dims(self), dims(b));
        self.matmul_nt(b)
    }

    /// The cumulative sums along an axis.
    #[track_caller]
    #[must_use]
    pub fn cumsum(self, axis: Axis) -> Self {
        self.tape().record(self.shape(), &[Op::AlongAxis(AxisFunction::CumSum(Order::Forward), axis, self.id)])
    }
}

/// Stacks matrices with equal numbers of columns vertically.
///
/// # Panics
/// If there are none, or the numbers of columns differ.
///
/// ```
/// use autograd::{Matrix, Tape, hstack, vstack};
/// let tape = Tape::new();
/// let (a, b) = (tape.variable(1.0), tape.variable(2.0));
/// assert_eq!(vstack(&[hstack(&[a, b]), hstack(&[b, a])]).value(), Matrix::from([[1.0, 2.0], [2.0, 1.0]]));
/// ```
#[compiled_once]
#[track_caller]
#[doc(alias("cat", "concat", "concatenate"))]
pub fn vstack<'t, T: Real>(parts: &[Var<'t, T>]) -> Var<'t, T> {
    stack("vstack", Axis::Rows, parts)
}

/// Stacks matrices with equal numbers of rows horizontally.
///
/// # Panics
/// If there are none, or the numbers of rows differ.
#[compiled_once]
#[track_caller]
#[doc(alias("cat", "concat", "concatenate", "stack"))]
pub fn hstack<'t, T: Real>(parts: &[Var<'t, T>]) -> Var<'t, T> {
    stack("hstack", Axis::Cols, parts)
}

/// A matrix of scalars: entry (i, j) is the 1 × 1 variable that `entry(i, j)` returns.
///
/// # Panics
/// If there is no entry, or one is not 1 × 1.
#[track_caller]
pub fn matrix<'t, T: Real>(rows: usize, cols: usize, mut entry: impl FnMut(usize, usize) -> Var<'t, T>) -> Var<'t, T> {
    assert!(rows * cols > 0, "matrix: {rows} × {cols} has no entry");
    let mut terms = Vec::with_capacity(rows * cols);
    let first = entry(0, 0);
    for (i, j) in (0..cols).flat_map(|j| (0..rows).map(move |i| (i, j))) {
        let x = if (i, j) == (0, 0) { first } else { entry(i, j) };
        first.same_tape("matrix", x);
        assert!(x.shape() == (1, 1), "matrix: entry ({i}, {j}) is {}, not a single number", dims(x));
        terms.push(Op::Pad(i as u32, j as u32, x.id));
    }
    first.tape().record((rows, cols), &terms)
}

#[track_caller]
fn stack<'t, T: Real>(name: &str, axis: Axis, parts: &[Var<'t, T>]) -> Var<'t, T> {
    let Some(&first) = parts.first() else { panic!("{name}: nothing to stack") };
    let (mut terms, mut end) = (SmallVec::<[Op<u32>; 8]>::new(), 0);
    let (mut rows, mut cols) = first.shape();
    for &x in parts {
        first.same_tape(name, x);
        let (m, n) = x.shape();
        let fits = if axis == Axis::Rows { n == cols } else { m == rows };
        assert!(fits, "{name}: {} does not fit to {}", dims(x), dims(first));
        let (i, j) = if axis == Axis::Rows { (end, 0) } else { (0, end) };
        terms.push(Op::Pad(i as u32, j as u32, x.id));
        end += if axis == Axis::Rows { m } else { n };
    }
    *(if axis == Axis::Rows { &mut rows } else { &mut cols }) = end;
    first.tape().record((rows, cols), &terms)
}

/// Checks that rows or columns with these indices exist.
#[track_caller]
fn within<T: Real>(name: &str, what: &str, numbers: &[usize], count: usize, x: Var<'_, T>) {
    for k in numbers {
        assert!(*k < count, "{name}: there is no {what} {k} in {}: {what}s are numbered from 0", dims(x));
    }
}

/// For each entry of one matrix, its index in another, column by column.
#[track_caller]
fn places(
    name: &str,
    (rows, cols): (usize, usize),
    (m, n): (usize, usize),
    place: impl Fn(usize, usize) -> (usize, usize),
) -> Vec<usize> {
    let mut all = Vec::with_capacity(rows * cols);
    for j in 0..cols {
        for i in 0..rows {
            let (p, q) = place(i, j);
            assert!(p < m && q < n, "{name}: entry ({i}, {j}) is sent to ({p}, {q}) of {m} × {n}");
            all.push(p + q * m);
        }
    }
    all
}

/// Writes 1 in row `classes[j]` of each column j of zeros.
pub(crate) fn write_one_hot<T: Real>(rows: usize, classes: &[usize], t: &mut [T]) {
    classes.iter().enumerate().for_each(|(j, &class)| t[class + j * rows] = T::from_f64(1.0));
}

#[compiled_once]
impl<'t, T: Real> Tape<'t, T> {
    /// The constant whose column j is 1 in row `classes[j]` and 0 elsewhere.
    ///
    /// # Panics
    /// If a class is not below `rows`.
    #[track_caller]
    pub fn one_hot(&'t self, rows: usize, classes: &[usize]) -> Var<'t, T> {
        for (j, &class) in classes.iter().enumerate() {
            assert!(class < rows, "one_hot: class {class} of column {j} is not below the {rows} rows");
        }
        let t = self.constant_with((rows, classes.len()), |t| write_one_hot(rows, classes, t));
        self.with_mut(|inner| inner.records.anew().classes.push((t.id, source_of(classes))));
        t
    }

    /// The constant 1 on the diagonal of an n × n matrix.
    #[track_caller]
    pub fn identity(&'t self, n: usize) -> Var<'t, T> {
        self.constant(Matrix::identity(n))
    }
}
