//! Products and decompositions of matrices, for `tape-autograd`: all that it takes from faer, behind functions that are compiled
//! here once, for `f32` and for `f64`. Decompositions are made in double precision, whatever the matrix holds.

mod decompositions;
mod determinant;
mod product;
mod scaled;

pub use decompositions::{
    Lost, cholesky, inverse, log_abs_determinant, qr, singular, solve, solve_triangular, symmetric_eigen,
};
pub use determinant::{cofactors, cofactors_push, determinant};
pub use product::product;

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

    /// The shape of a factor as the product sees it.
    pub fn shape(self, (m, n): (usize, usize)) -> (usize, usize) {
        if self == Trans::No { (m, n) } else { (n, m) }
    }
}

/// Which triangle of a matrix is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Triangle {
    /// The diagonal and what is below it.
    Lower,
    /// The diagonal and what is above it.
    Upper,
}
