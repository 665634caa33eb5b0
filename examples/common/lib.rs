//! What the examples share.

pub mod options;
pub mod shared_net;
