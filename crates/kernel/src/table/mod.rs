//! The table of elementwise functions, and what follows from each of its lines.

pub mod functions;
pub mod kinds;
pub mod loops;
pub mod number;
pub mod real;
pub mod slopes;

pub use kinds::{Binary, Unary};
pub use number::{Arithmetic, Dual, Lane, Number};
pub use real::{CompiledOnce, Real, Values};
