//! Sparse Jacobians and Hessians.

mod coloring;
mod derivatives;
mod matrix;
mod orders;
mod plan;
mod propagate;
mod sets;
mod star;

pub use derivatives::{JacobianPlan, SparseHessian, SparseJacobian, sparse_hessian, sparse_jacobian};
#[cfg(feature = "sparse")]
pub use linalg::SparseFactor;
pub use matrix::{Pattern, SparseMatrix};
pub use plan::Sweep;
pub use propagate::sparsity;
