//! A tape looked at: where the first NaN came from, why there is no gradient, pictures, node by node.

mod anomaly;
mod no_gradient;
mod nodes;
pub(crate) mod picture;

pub use anomaly::{Anomaly, Range};
pub use no_gradient::{Cut, NoGradient, explain_no_gradient};
pub use picture::Picture;
