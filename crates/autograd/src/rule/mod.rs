//! What a term is, its rule, and how it runs.

pub mod op;
pub(crate) mod pullback;
pub(crate) mod run;
