//! Linear algebra by faer, with derivatives: systems, determinants, factorisations.
//!
//! Every function is a [`CustomOp`](crate::CustomOp): a value from faer, and a rule in variables, so that it can be
//! differentiated to any order. The rules are those of Giles, *An extended collection of matrix derivative results*
//! (Oxford, 2008), unless another source is named.

mod factor;
mod system;

use std::fmt;

use faer::{Mat, MatRef};

use crate::{Matrix, MatrixRef, Real};

/// Which triangle of a matrix is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Triangle {
    /// The diagonal and what is below it.
    Lower,
    /// The diagonal and what is above it.
    Upper,
}

/// Why a matrix has no such solution, factor or derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LinalgError {
    /// A pivot is zero, or so small that nothing but rounding is left of it.
    Singular {
        /// What was asked for.
        op: &'static str,
        /// The number of the pivot.
        pivot: usize,
        /// Its value.
        value: f64,
    },
    /// A symmetric matrix has an eigenvalue that is not positive.
    NotPositiveDefinite {
        /// The first leading block that is not positive definite has this many rows.
        block: usize,
    },
    /// Two eigenvalues are so close that the derivative of their vectors is lost in rounding.
    NearTie {
        /// The number of the smaller one; the larger is the next.
        index: usize,
        /// Both.
        values: [f64; 2],
    },
    /// An entry is NaN or infinite, or an iteration does not converge.
    NotFinite {
        /// What was asked for.
        op: &'static str,
    },
}

impl fmt::Display for LinalgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinalgError::Singular { op, pivot, value } => write!(
                f,
                "{op}: the matrix is singular to working precision (pivot {pivot} is {value:e}); add a multiple of \
                 the identity, or leave out dependent rows"
            ),
            LinalgError::NotPositiveDefinite { block } => write!(
                f,
                "cholesky: the leading {block} × {block} block is not positive definite; add a small multiple of the \
                 identity (a jitter), or check that the matrix is a covariance"
            ),
            LinalgError::NearTie { index, values: [a, b] } => write!(
                f,
                "symmetric_eigen: eigenvalues {index} and {} ({a:e} and {b:e}) are nearly equal, their vectors have \
                 no derivative; use symmetric_eigenvalues, or separate them",
                index + 1
            ),
            LinalgError::NotFinite { op } => {
                write!(f, "{op}: an entry of the matrix is NaN or infinite, or the iteration does not converge")
            }
        }
    }
}

impl std::error::Error for LinalgError {}

fn view<T: Real>(x: MatrixRef<'_, T>) -> MatRef<'_, T> {
    MatRef::from_column_major_slice(x.as_slice(), x.rows(), x.cols())
}

fn owned<T: Real>(x: MatRef<'_, T>) -> Matrix<T> {
    Matrix::from_fn(x.nrows(), x.ncols(), |i, j| x[(i, j)])
}

/// ½ (A + Aᵀ).
fn symmetric<T: Real>(a: MatrixRef<'_, T>) -> Mat<T> {
    let at = |i: usize, j: usize| a.col(j)[i];
    Mat::from_fn(a.rows(), a.cols(), |i, j| (at(i, j) + at(j, i)) * T::from_f64(0.5))
}

/// Whether pivots are all there: none smaller than rounding leaves of the largest.
fn pivots<T: Real>(op: &'static str, diagonal: impl Iterator<Item = T> + Clone) -> Result<(), LinalgError> {
    let sizes = diagonal.clone().map(|x| x.to_f64().abs());
    let (n, largest) = (sizes.clone().count() as f64, sizes.clone().fold(0.0, f64::max));
    if sizes.clone().any(|x| !x.is_finite()) {
        return Err(LinalgError::NotFinite { op });
    }
    // The unit roundoff of T.
    let unit = if T::from_f64(1.0 + f64::EPSILON).to_f64() > 1.0 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let small = sizes.enumerate().find(|(_, size)| *size <= n * unit * largest);
    let value = |pivot| diagonal.clone().nth(pivot).map_or(0.0, Real::to_f64);
    small.map_or(Ok(()), |(pivot, _)| Err(LinalgError::Singular { op, pivot, value: value(pivot) }))
}
