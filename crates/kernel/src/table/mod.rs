//! The table of elementwise functions, and the code that is generated from its lines.

pub mod elementary;
pub mod functions;
pub mod kinds;
pub mod loops;
pub mod number;
pub mod real;
pub mod slopes;
pub mod values;

pub use elementary::Elementary;
pub use kinds::{Binary, Unary};
pub use number::{Arithmetic, Dual, Lane, LeftOf, Number};
pub use real::{CompiledOnce, Real, Values};
