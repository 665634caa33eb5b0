//! Layers: structs of parameters with a `forward`.

mod activation;
mod linear;
mod mlp;
mod residual;

pub use activation::Activation;
pub use linear::Linear;
pub use mlp::Mlp;
pub use residual::Residual;
