//! Linear algebra by faer, with derivatives: systems, determinants, factorisations, least squares, functions of matrices.
//!
//! Every function is a [`CustomOp`](crate::CustomOp) with a value from faer and a rule in variables, so it can be
//! differentiated to any order. The rules are those of Giles, *An extended collection of matrix derivative results*
//! (Oxford, 2008), unless another source is named.

mod eigen;
mod factor;
mod functions;
mod least_squares;
mod plain;
mod quotients;
mod svd;
mod system;

use std::fmt;

pub use plain::LinearAlgebra;

use crate::{MatrixRef, Real};

/// Why a matrix has no such solution, factor or derivative.
#[derive(Clone, Copy, PartialEq)]
pub enum LinalgError {
    /// The matrix is singular to working precision: changes of its entries as small as their rounding can make it singular, at any scaling
    /// of its rows and columns.
    Singular {
        /// The function that was called.
        op: &'static str,
        /// The index of the smallest pivot, which is also the index of its column.
        pivot: usize,
        /// The value of the pivot after rows and columns are scaled so that their largest entries are near 1.
        value: f64,
    },
    /// A symmetric matrix has an eigenvalue that is not positive.
    NotPositiveDefinite {
        /// The first leading block that is not positive definite has this many rows.
        block: usize,
    },
    /// Two eigenvalues are so close that the derivative of their eigenvectors is lost in rounding.
    NearTie {
        /// The index of the smaller eigenvalue; the larger one is the next.
        index: usize,
        /// Both eigenvalues.
        values: [f64; 2],
    },
    /// An entry is NaN or infinite, or an iteration does not converge.
    NotFinite {
        /// The function that was called.
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

crate::debug_as_display!(LinalgError);

impl std::error::Error for LinalgError {}

/// Whether every entry is finite.
fn finite<T: Real>(op: &'static str, a: MatrixRef<'_, T>) -> Result<(), LinalgError> {
    if a.as_slice().iter().all(|x| x.is_finite()) { Ok(()) } else { Err(LinalgError::NotFinite { op }) }
}

/// The error if a pivot is not larger than rounding errors.
fn lost(op: &'static str) -> impl Fn(linalg::Lost) -> LinalgError {
    move |(pivot, value)| LinalgError::Singular { op, pivot, value }
}

/// Checks `rcond`: singular values up to this multiple of the largest count as 0.
#[track_caller]
fn check_rcond(op: &str, rcond: Option<f64>) {
    if let Some(rcond) = rcond {
        assert!(rcond >= 0.0 && rcond.is_finite(), "{op}: rcond is finite and not negative, not {rcond}");
    }
}
