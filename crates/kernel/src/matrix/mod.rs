//! The matrix of inputs and results: contiguous, column by column.
//!
//! A column is a sample, so a sample is contiguous in memory, and the bytes are those of a NumPy
//! array of shape *batch × features* in C order.

mod algebra;
pub mod entries;

pub use algebra::fitting;

use std::fmt;
use std::ops::{Index, IndexMut, Range};

use serde::{Deserialize, Serialize};

/// An owned `rows × cols` matrix, stored column by column without gaps.
///
/// ```
/// use autograd::Matrix;
/// let a = Matrix::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
/// assert_eq!(a.shape(), (2, 3));
/// assert_eq!(a[(1, 0)], 4.0);
/// assert_eq!(a.as_slice(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// ```
///
/// The operators +, −, ·, / work entry by entry, between matrices and with plain numbers. A number on the right is an `f32` or an `f64`, for
/// matrices of both. A number on the left is an `f64`, as for variables, because `2.0 * x` would otherwise need a type.
///
/// ```
/// use autograd::{LinearAlgebra, Matrix};
/// let x = Matrix::column(&[1.0f32, 3.0]);
/// assert_eq!(&x - x.sum() / 2.0, 2.0 * Matrix::column(&[-0.5f32, 0.5]));
/// ```
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "Raw<T>", bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>"))]
pub struct Matrix<T> {
    rows: usize,
    cols: usize,
    #[serde(serialize_with = "entries::serialize")]
    data: Vec<T>,
}

/// A borrowed [`Matrix`]: `rows × cols` values, column by column without gaps.
#[derive(PartialEq)]
pub struct MatrixRef<'a, T> {
    rows: u32,
    cols: u32,
    data: &'a [T],
}

// Not derived, because the numbers need not be `Copy` for the reference to be.
impl<T> Copy for MatrixRef<'_, T> {}

impl<T> Clone for MatrixRef<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

/// A matrix as read from a file, before its length is checked.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Raw<T> {
    rows: usize,
    cols: usize,
    #[serde(deserialize_with = "entries::deserialize")]
    data: Vec<T>,
}

impl<T> TryFrom<Raw<T>> for Matrix<T> {
    type Error = String;
    fn try_from(Raw { rows, cols, data }: Raw<T>) -> Result<Self, String> {
        Matrix::from_parts(rows, cols, data)
    }
}

impl<T> Matrix<T> {
    /// Rows, columns, and all entries.
    pub fn parts(&self) -> (usize, usize, &Vec<T>) {
        (self.rows, self.cols, &self.data)
    }

    /// A matrix from untrusted data.
    pub fn from_parts(rows: usize, cols: usize, data: Vec<T>) -> Result<Self, String> {
        if rows.checked_mul(cols) == Some(data.len()) {
            Ok(Matrix { rows, cols, data })
        } else {
            Err(format!("a {rows} × {cols} matrix cannot have {} entries", data.len()))
        }
    }
}

impl<T: Copy> Matrix<T> {
    /// A matrix whose entry in row `i` and column `j` is `f(i, j)`.
    pub fn from_fn(rows: usize, cols: usize, mut f: impl FnMut(usize, usize) -> T) -> Self {
        let mut data = Vec::with_capacity(rows * cols);
        for j in 0..cols {
            data.extend((0..rows).map(|i| f(i, j)));
        }
        Matrix { rows, cols, data }
    }

    /// A matrix from values that are already stored column by column.
    ///
    /// # Panics
    /// If `data` does not have `rows · cols` values.
    #[track_caller]
    pub fn from_vec(rows: usize, cols: usize, data: Vec<T>) -> Self {
        let count = data.len();
        assert!(count == rows * cols, "Matrix::from_vec: {count} values cannot fill {rows} × {cols}");
        Matrix { rows, cols, data }
    }

    /// A matrix with every entry equal to `value`.
    pub fn full(rows: usize, cols: usize, value: T) -> Self {
        Matrix { rows, cols, data: vec![value; rows * cols] }
    }

    /// An `m × 1` matrix.
    pub fn column(values: &[T]) -> Self {
        Matrix { rows: values.len(), cols: 1, data: values.to_vec() }
    }

    /// A `1 × n` matrix.
    pub fn row(values: &[T]) -> Self {
        Matrix { rows: 1, cols: values.len(), data: values.to_vec() }
    }

    /// The same matrix, borrowed.
    pub fn view(&self) -> MatrixRef<'_, T> {
        MatrixRef::new(self.rows, self.cols, &self.data)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// `(rows, cols)`.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// All entries, column by column.
    pub fn as_slice(&self) -> &[T] {
        &self.data
    }

    /// All entries, column by column.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// All entries, column by column.
    pub fn into_vec(self) -> Vec<T> {
        self.data
    }

    /// Column `j`: one sample.
    ///
    /// # Panics
    /// If `j` is not below the number of columns.
    #[track_caller]
    pub fn col(&self, j: usize) -> &[T] {
        &self.data[column("Matrix::col", j, self.shape())]
    }

    /// Column `j`, to write.
    ///
    /// # Panics
    /// If `j` is not below the number of columns.
    #[track_caller]
    pub fn col_mut(&mut self, j: usize) -> &mut [T] {
        let column = column("Matrix::col_mut", j, self.shape());
        &mut self.data[column]
    }

    /// `f` of every entry.
    pub fn map<U: Copy>(&self, f: impl FnMut(T) -> U) -> Matrix<U> {
        Matrix { rows: self.rows, cols: self.cols, data: self.data.iter().copied().map(f).collect() }
    }
}

impl<T: Copy + Default> Matrix<T> {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Matrix::full(rows, cols, T::default())
    }
}

impl<'a, T> MatrixRef<'a, T> {
    /// No rows and no columns.
    pub const EMPTY: Self = MatrixRef { rows: 0, cols: 0, data: &[] };

    /// A view of values that are stored column by column.
    ///
    /// # Panics
    /// If `data` does not have `rows · cols` values, or there are 2³² rows or columns.
    #[track_caller]
    pub fn new(rows: usize, cols: usize, data: &'a [T]) -> Self {
        let count = data.len();
        assert!(count == rows * cols, "MatrixRef::new: {count} values cannot fill {rows} × {cols}");
        let side = |n: usize| u32::try_from(n).expect("a matrix has fewer than 2³² rows and columns");
        MatrixRef { rows: side(rows), cols: side(cols), data }
    }

    /// A view of values; the caller guarantees that their number is right.
    #[inline(always)]
    pub fn of(rows: u32, cols: u32, data: &'a [T]) -> Self {
        debug_assert_eq!(data.len(), rows as usize * cols as usize);
        MatrixRef { rows, cols, data }
    }

    /// The number of rows.
    pub fn rows(self) -> usize {
        self.rows as usize
    }

    /// The number of columns.
    pub fn cols(self) -> usize {
        self.cols as usize
    }

    /// `(rows, cols)`.
    pub fn shape(self) -> (usize, usize) {
        (self.rows(), self.cols())
    }

    /// All entries, column by column.
    pub fn as_slice(self) -> &'a [T] {
        self.data
    }

    /// Column `j`: one sample.
    ///
    /// # Panics
    /// If `j` is not below the number of columns.
    #[track_caller]
    pub fn col(self, j: usize) -> &'a [T] {
        &self.data[column("MatrixRef::col", j, self.shape())]
    }

    /// An owned copy.
    pub fn to_owned(self) -> Matrix<T>
    where
        T: Copy,
    {
        Matrix { rows: self.rows(), cols: self.cols(), data: self.data.to_vec() }
    }
}

/// The range of a column in a matrix of this shape.
#[inline]
#[track_caller]
fn column(name: &str, j: usize, (m, n): (usize, usize)) -> Range<usize> {
    assert!(j < n, "{name}: there is no column {j} in {m} × {n}: columns are numbered from 0");
    j * m..(j + 1) * m
}

impl<'a, T: Copy> From<&'a Matrix<T>> for MatrixRef<'a, T> {
    fn from(m: &'a Matrix<T>) -> Self {
        m.view()
    }
}

impl<T: Copy, const M: usize, const N: usize> From<[[T; N]; M]> for Matrix<T> {
    fn from(rows: [[T; N]; M]) -> Self {
        Matrix::from_fn(M, N, |i, j| rows[i][j])
    }
}

impl<T: Copy> Index<(usize, usize)> for Matrix<T> {
    type Output = T;
    #[track_caller]
    fn index(&self, (i, j): (usize, usize)) -> &T {
        assert!(i < self.rows && j < self.cols, "entry ({i}, {j}) of a {} × {} matrix", self.rows, self.cols);
        &self.data[i + j * self.rows]
    }
}

impl<T: Copy> IndexMut<(usize, usize)> for Matrix<T> {
    #[track_caller]
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut T {
        assert!(i < self.rows && j < self.cols, "entry ({i}, {j}) of a {} × {} matrix", self.rows, self.cols);
        &mut self.data[i + j * self.rows]
    }
}

impl<T: Copy> Index<(usize, usize)> for MatrixRef<'_, T> {
    type Output = T;
    #[track_caller]
    fn index(&self, (i, j): (usize, usize)) -> &T {
        let (m, n) = self.shape();
        assert!(i < m && j < n, "entry ({i}, {j}) of a {m} × {n} matrix");
        &self.data[i + j * m]
    }
}

/// Each row on its own line. A precision applies to every entry: `{:8.3}`.
impl<T: Copy + fmt::Display> fmt::Display for MatrixRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for i in 0..self.rows() {
            f.write_str(if i == 0 { "[" } else { "\n " })?;
            for j in 0..self.cols() {
                if j > 0 {
                    f.write_str(" ")?;
                }
                fmt::Display::fmt(&self[(i, j)], f)?;
            }
        }
        f.write_str(if self.rows == 0 { "[]" } else { "]" })
    }
}

impl<T: Copy + fmt::Display> fmt::Display for Matrix<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.view(), f)
    }
}

impl<T: fmt::Debug> fmt::Debug for MatrixRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} ", self.rows, self.cols)?;
        let (m, n) = self.shape();
        let row = |i| (0..n).map(|j| &self.data[i + j * m]).collect::<Vec<_>>();
        f.debug_list().entries((0..m).map(row)).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Matrix<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Matrix { rows, cols, data } = self;
        MatrixRef::new(*rows, *cols, data).fmt(f)
    }
}
