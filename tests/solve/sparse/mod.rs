//! Sparse Jacobians and Hessians against dense ones.

#[cfg(feature = "sparse")]
mod fits;
pub mod graphs;
mod large;
mod newton;
mod patterns;
mod peers;
