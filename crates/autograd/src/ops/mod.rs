//! The operations on variables: methods of [`Var`](crate::Var).

mod along;
mod order;
mod pairs;
mod reduce;
mod selection;
mod table;

pub(crate) use selection::write_one_hot;
pub use selection::{hstack, matrix, vstack};
