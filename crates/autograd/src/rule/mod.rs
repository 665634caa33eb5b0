//! What a term is, its rule, and how it runs.

pub mod op;
pub(crate) mod run;
