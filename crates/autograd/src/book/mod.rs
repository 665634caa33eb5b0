//! The book: how to use the crate, from recording to proving, in the order to read it.
//!
//! 1. [The idea](crate): one rule, and what follows from it.
//! 2. [Recording](recording): tapes, variables, shapes, structure, programs in scalars and their own tape, what a tape looks
//!    like.
//! 3. [Differentiating](differentiating): reverse, forward, any order, several outputs, sample by sample, replayed,
//!    recomputed.
//! 4. [Checking](checking): is this gradient right, where is it wrong, where does the NaN come from.
//! 5. [Extending](extending): an elementwise function in one line, an op with a rule of its own.
//! 6. [Performance](performance): what costs what.

pub mod checking;
pub mod differentiating;
pub mod extending;
pub mod performance;
pub mod recording;
