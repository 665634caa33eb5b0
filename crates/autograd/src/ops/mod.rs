//! What a variable can be computed into: methods of [`Var`](crate::Var).

mod reduce;
mod selection;
mod table;

pub use selection::{hstack, matrix, vstack};
