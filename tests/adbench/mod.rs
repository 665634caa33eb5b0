//! Programs in scalars and in matrices, including those of ADBench. Their inputs are in this folder.

pub mod gmm;
pub mod lstm;
mod matrices;
pub mod rosenbrock;
