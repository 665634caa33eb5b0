//! The kinds of terms, their rules, and how they run.

pub mod op;
pub(crate) mod run;
