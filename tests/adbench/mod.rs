//! Programs in scalars and in matrices, those of ADBench among them; their inputs are beside.

pub mod gmm;
pub mod lstm;
mod matrices;
pub mod rosenbrock;
