//! Matrix products and decompositions for `tape-autograd`: everything that it uses from faer. Its functions are compiled once in this
//! crate, for `f32` and for `f64`. Decompositions are computed in double precision for both.

mod decompositions;
mod determinant;
mod product;
mod scaled;
#[cfg(feature = "sparse")]
mod sparse;
mod systems;
mod tall;

use faer::{Mat, MatRef};
use kernel::{Float, Matrix, MatrixRef};

pub use decompositions::{cholesky, qr, svd, symmetric_eigen};
pub use determinant::{cofactors, cofactors_push, determinant};
pub use product::{gram, product};
#[cfg(feature = "sparse")]
pub use sparse::{SparseCholesky, SparseFactor};
pub use systems::{
    Lost, inverse, inverse_regular, log_abs_determinant, log_abs_determinant_regular, singular, solve, solve_regular,
    solve_triangular,
};
pub use tall::{least_squares, rank};

/// Whether a factor of a product is transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trans {
    /// A.
    No,
    /// Aᵀ.
    Yes,
}

impl Trans {
    /// The other one.
    pub fn flip(self) -> Trans {
        if self == Trans::No { Trans::Yes } else { Trans::No }
    }

    /// The shape of a factor in the product.
    pub fn shape(self, (m, n): (usize, usize)) -> (usize, usize) {
        if self == Trans::No { (m, n) } else { (n, m) }
    }
}

/// The triangle of a matrix that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Triangle {
    /// The diagonal and the entries below it.
    Lower,
    /// The diagonal and the entries above it.
    Upper,
}

fn wide<T: Float>(x: MatrixRef<'_, T>) -> Mat<f64> {
    Mat::from_fn(x.rows(), x.cols(), |i, j| x[(i, j)].to_f64())
}

fn narrow<T: Float>(x: MatRef<'_, f64>) -> Matrix<T> {
    Matrix::from_fn(x.nrows(), x.ncols(), |i, j| T::from_f64(x[(i, j)]))
}
