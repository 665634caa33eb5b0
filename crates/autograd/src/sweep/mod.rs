//! Applies the rules to a tape: backward and forward over buffers, and recorded again.

pub(crate) mod backward;
pub(crate) mod forward;
pub(crate) mod gradients;
pub(crate) mod log;
mod per_sample;
mod recorded;
pub(crate) mod regions;

pub use forward::Tangents;
pub use gradients::{Gradients, Wrt};
pub use per_sample::PerSample;
pub use recorded::{grad, jvp, vjp};
