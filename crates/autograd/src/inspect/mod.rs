//! Inspecting a tape: where the first NaN came from, why there is no gradient, pictures, node by node, step by step.

mod anomaly;
mod no_gradient;
mod nodes;
pub(crate) mod picture;
mod steps;

pub use anomaly::{Anomaly, ValueRange};
pub use no_gradient::{Cut, NoGradient, explain_no_gradient};
pub use picture::Picture;
pub use steps::{PassStep, Steps};
