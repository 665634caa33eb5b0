//! Code that the examples share.

pub mod options;
pub mod shared_net;
mod wrote;

pub use wrote::wrote;
