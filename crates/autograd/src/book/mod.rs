//! The book: how to use the crate, from recording to checking, in reading order.
//!
//! 1. [The idea](crate): one rule, and what follows from it.
//! 2. [Recording](recording): tapes, variables, shapes, structure, scalar programs and their tape, printing a tape.
//! 3. [Lifetimes](lifetimes): where `'t` goes in helper functions, structs and closures.
//! 4. [Which tape](tapes): matrices, scalars, dual numbers, programs that are replayed.
//! 5. [Differentiating](differentiating): reverse and forward mode, any order, several outputs, per sample, replay,
//!    recomputation, minima of functions.
//! 6. [Checking](checking): is this gradient right, where is it wrong, and where does the NaN come from?
//! 7. [Extending](extending): an elementwise function in one line, an op with a custom rule.
//! 8. [Performance](performance): the cost of each operation.

pub mod checking;
pub mod differentiating;
pub mod extending;
pub mod lifetimes;
pub mod performance;
pub mod recording;
pub mod tapes;
