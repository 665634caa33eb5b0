//! Arithmetic, selections and stacks of plain matrices, with the same names as for variables.

use std::ops::{Add, Div, Mul, Neg, Range, Sub};

use super::{Matrix, MatrixRef};
use crate::{Float, compiled_once};

impl<T: Copy> Matrix<T> {
    /// Aᵀ.
    pub fn t(&self) -> Self {
        Matrix::from_fn(self.cols, self.rows, |i, j| self[(j, i)])
    }

    /// The same as [`t`](Matrix::t).
    pub fn transpose(&self) -> Self {
        self.t()
    }

    /// The columns with the given numbers, in that order: a minibatch.
    ///
    /// # Panics
    /// If a number is not below the number of columns.
    #[track_caller]
    pub fn select_columns(&self, columns: &[usize]) -> Self {
        let mut data = Vec::with_capacity(self.rows * columns.len());
        for &j in columns {
            data.extend_from_slice(&self.data[super::column("Matrix::select_columns", j, self.shape())]);
        }
        Matrix { rows: self.rows, cols: columns.len(), data }
    }

    /// The same as [`select_columns`](Matrix::select_columns).
    ///
    /// # Panics
    /// Under the same condition.
    #[track_caller]
    pub fn select_cols(&self, columns: &[usize]) -> Self {
        self.select_columns(columns)
    }

    /// The rows with the given numbers, in that order.
    ///
    /// # Panics
    /// If a number is not below the number of rows.
    #[track_caller]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let (m, n) = self.shape();
        for i in rows {
            assert!(*i < m, "Matrix::select_rows: there is no row {i} in {m} × {n}: rows are numbered from 0");
        }
        Matrix::from_fn(rows.len(), n, |i, j| self[(rows[i], j)])
    }

    /// The columns in a range: some of the samples.
    ///
    /// # Panics
    /// If the range does not lie within the columns.
    #[track_caller]
    pub fn columns(&self, range: Range<usize>) -> Self {
        let (m, n) = self.shape();
        assert!(range.start <= range.end && range.end <= n, "Matrix::columns: {range:?} of {m} × {n}");
        Matrix { rows: m, cols: range.len(), data: self.data[range.start * m..range.end * m].to_vec() }
    }

    /// The rows in a range: some of the features.
    ///
    /// # Panics
    /// If the range does not lie within the rows.
    #[track_caller]
    pub fn rows_in(&self, range: Range<usize>) -> Self {
        let (m, n) = self.shape();
        assert!(range.start <= range.end && range.end <= m, "Matrix::rows_in: {range:?} of {m} × {n}");
        Matrix::from_fn(range.len(), n, |i, j| self[(range.start + i, j)])
    }

    /// The diagonal as a column.
    pub fn diagonal(&self) -> Self {
        Matrix::from_fn(self.rows.min(self.cols), 1, |i, _| self[(i, i)])
    }

    /// Stacks matrices with equal numbers of columns vertically.
    ///
    /// # Panics
    /// If there is none, or they differ in the number of columns.
    ///
    /// ```
    /// use autograd::Matrix;
    /// let (a, b) = (Matrix::row(&[1.0, 2.0]), Matrix::row(&[3.0, 4.0]));
    /// assert_eq!(Matrix::vstack(&[&a, &b]), Matrix::from([[1.0, 2.0], [3.0, 4.0]]));
    /// assert_eq!(Matrix::hstack(&[&a, &b]), Matrix::row(&[1.0, 2.0, 3.0, 4.0]));
    /// ```
    #[track_caller]
    pub fn vstack(parts: &[&Self]) -> Self {
        let cols = common("vstack", parts, |part| part.cols);
        let mut data = Vec::new();
        for j in 0..cols {
            parts.iter().for_each(|part| data.extend_from_slice(part.col(j)));
        }
        Matrix { rows: parts.iter().map(|part| part.rows).sum(), cols, data }
    }

    /// Stacks matrices with equal numbers of rows horizontally.
    ///
    /// # Panics
    /// If there is none, or they differ in the number of rows.
    #[track_caller]
    pub fn hstack(parts: &[&Self]) -> Self {
        let rows = common("hstack", parts, |part| part.rows);
        let data: Vec<T> = parts.iter().flat_map(|part| part.data.iter().copied()).collect();
        Matrix { rows, cols: parts.iter().map(|part| part.cols).sum(), data }
    }
}

impl<T: Float> Matrix<T> {
    /// 1 on the diagonal of an n × n matrix, 0 elsewhere.
    pub fn identity(n: usize) -> Self {
        Matrix::from_fn(n, n, |i, j| T::from_f64(f64::from(u8::from(i == j))))
    }

    /// The matrix with this column or row as its diagonal, zero elsewhere.
    ///
    /// # Panics
    /// If it is neither a column nor a row.
    #[track_caller]
    pub fn diag(&self) -> Self {
        let (m, n) = self.shape();
        assert!(m == 1 || n == 1, "Matrix::diag: {m} × {n} is neither a column nor a row");
        Matrix::from_fn(m * n, m * n, |i, j| if i == j { self.data[i] } else { T::default() })
    }
}

/// The number of rows or columns that all parts must have in common.
#[track_caller]
fn common<T>(name: &str, parts: &[&Matrix<T>], side: impl Fn(&Matrix<T>) -> usize) -> usize {
    let Some(&first) = parts.first() else { panic!("Matrix::{name}: nothing to stack") };
    for part in parts {
        let fits = side(part) == side(first);
        assert!(fits, "Matrix::{name}: {} × {} does not fit to {} × {}", part.rows, part.cols, first.rows, first.cols);
    }
    side(first)
}

/// The shape rule of all elementwise operators: each side of the operands has the same length, or is 1 for one of them.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn fitting(name: &str, (m, n): (usize, usize), (p, q): (usize, usize)) -> (usize, usize) {
    let common = |a: usize, b: usize| if a == b || b == 1 { Some(a) } else { (a == 1).then_some(b) };
    let turned = || if (m, n) == (q, p) { "; one of them transposed by `t()` would fit" } else { "" };
    match (common(m, p), common(n, q)) {
        // One operand has the common shape.
        (Some(r), Some(c)) if (r, c) == (m, n) || (r, c) == (p, q) => (r, c),
        (Some(r), Some(c)) => panic!(
            "{name}: {m} × {n} and {p} × {q} do not fit: a column and a row do not make a matrix; for {r} × {c}, repeat one of \
             them by `repeat({r}, {c})`{}",
            turned()
        ),
        _ => panic!(
            "{name}: {m} × {n} and {p} × {q} do not fit: shapes must be equal, or one of them 1 × 1, {m} × 1 or 1 × {n}{}",
            turned()
        ),
    }
}

#[derive(Clone, Copy)]
enum Sign {
    Plus,
    Minus,
    Times,
    Over,
}

/// An operator entry by entry, of matrices that [fit](fitting).
#[compiled_once]
#[track_caller]
fn entrywise<T: Float>(name: &str, sign: Sign, a: MatrixRef<'_, T>, b: MatrixRef<'_, T>) -> Matrix<T> {
    let shape = fitting(name, a.shape(), b.shape());
    match sign {
        Sign::Plus => each(shape, a, b, |a, b| a + b),
        Sign::Minus => each(shape, a, b, |a, b| a - b),
        Sign::Times => each(shape, a, b, |a, b| a * b),
        Sign::Over => each(shape, a, b, |a, b| a / b),
    }
}

/// f of all entries: in one loop if each operand has the whole shape or is a number, else column by column.
fn each<T: Float>(
    (m, n): (usize, usize),
    a: MatrixRef<'_, T>,
    b: MatrixRef<'_, T>,
    f: impl Fn(T, T) -> T,
) -> Matrix<T> {
    let whole = [a, b].iter().all(|x| [(m, n), (1, 1)].contains(&x.shape()));
    let mut y = Vec::with_capacity(m * n);
    for j in 0..if whole { 1 } else { n } {
        let column = |x: MatrixRef<'_, T>| if x.cols() == 1 { 0 } else { j };
        match [a, b].map(|x| if whole { x.as_slice() } else { x.col(column(x)) }) {
            [&[a], b] => y.extend(b.iter().map(|&b| f(a, b))),
            [a, &[b]] => y.extend(a.iter().map(|&a| f(a, b))),
            [a, b] => y.extend(a.iter().zip(b).map(|(&a, &b)| f(a, b))),
        }
    }
    Matrix::from_vec(m, n, y)
}

/// One operator, between matrices and with a plain number on either side. On the left it is an `f64`: with an `f32` as well, the
/// type of `2.0 * x` would not be known.
macro_rules! operator {
    ($Op:ident $op:ident $sign:ident, $($A:ty, $B:ty);+) => {
        $(impl<T: Float> $Op<$B> for $A {
            type Output = Matrix<T>;
            #[track_caller]
            fn $op(self, other: $B) -> Matrix<T> {
                entrywise(stringify!($op), Sign::$sign, self.view(), other.view())
            }
        })+
        operator!(@number $Op $op $sign, Matrix<T>);
        operator!(@number $Op $op $sign, &Matrix<T>);
    };
    (@number $Op:ident $op:ident $sign:ident, $A:ty) => {
        impl<T: Float, C: Float> $Op<C> for $A {
            type Output = Matrix<T>;
            fn $op(self, number: C) -> Matrix<T> {
                let number = [T::from_f64(number.to_f64())];
                entrywise(stringify!($op), Sign::$sign, self.view(), MatrixRef::new(1, 1, &number))
            }
        }
        impl<T: Float> $Op<$A> for f64 {
            type Output = Matrix<T>;
            fn $op(self, matrix: $A) -> Matrix<T> {
                entrywise(stringify!($op), Sign::$sign, MatrixRef::new(1, 1, &[T::from_f64(self)]), matrix.view())
            }
        }
    };
    ($Op:ident $op:ident $sign:ident) => {
        operator!($Op $op $sign, Matrix<T>, Matrix<T>; Matrix<T>, &Matrix<T>; &Matrix<T>, Matrix<T>; &Matrix<T>, &Matrix<T>);
    };
}
operator!(Add add Plus);
operator!(Sub sub Minus);
operator!(Mul mul Times);
operator!(Div div Over);

impl<T: Float> Neg for &Matrix<T> {
    type Output = Matrix<T>;
    fn neg(self) -> Matrix<T> {
        self * -1.0
    }
}

impl<T: Float> Neg for Matrix<T> {
    type Output = Matrix<T>;
    fn neg(self) -> Matrix<T> {
        -&self
    }
}
