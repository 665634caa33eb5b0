//! How a program runs, and what keeps it from running as loops.

use std::fmt;
use std::panic::Location;

use crate::Real;
use crate::inspect::picture::formula;
use crate::tape::records::Inner;

/// How a [`Program`](crate::Program) or a [`Compiled`](crate::Compiled) closure runs; `{}` says it in a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum ProgramKind {
    /// As vector loops over single numbers. With few terms in a loop it is slower than a [`ScalarTape`](crate::ScalarTape).
    Loops {
        /// The number of terms that are computed: functions of one or two numbers, products and sums.
        terms: usize,
        /// The number of loops. Terms that do the same and do not depend on each other are in one loop.
        loops: usize,
    },
    /// As vector loops over single numbers from the next call on.
    LoopsNext,
    /// As a list of terms over matrices, because it is not made of single numbers.
    Matrices(NotSingle),
    /// Not at all: a closure that has not been called.
    NotCalled,
    /// It is recorded at every call, because the closure takes a plain number off the tape.
    Recorded {
        /// The line that takes it first. It reads a value, a gradient or an order, or calls a function that can fail, such as `solve`.
        source: &'static Location<'static>,
    },
}

/// The first value of a program that is not a single number made of single numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct NotSingle {
    /// How it is computed: `%3 = tanh(%2)`.
    pub formula: String,
    /// Its shape.
    pub shape: (usize, usize),
    /// The line of the program that recorded it.
    pub source: &'static Location<'static>,
}

impl NotSingle {
    pub(super) fn of<T: Real>(tape: &Inner<'_, T>, id: u32) -> Self {
        let formula = format!("%{id} = {}", formula(tape, id));
        NotSingle { formula, shape: tape.node(id).shape(), source: tape.source(id) }
    }
}

impl fmt::Display for NotSingle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (NotSingle { formula, source, .. }, (m, n)) = (self, self.shape);
        match (m, n) {
            (1, 1) => write!(f, "{formula} at {source} is not made of single numbers"),
            _ => write!(f, "{formula} at {source} is {m} × {n}, not a single number"),
        }
    }
}

impl fmt::Display for ProgramKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgramKind::Loops { terms, loops } => {
                let (many, mean) = (if *loops == 1 { "" } else { "s" }, *terms as f64 / (*loops).max(1) as f64);
                write!(
                    f,
                    "runs as {loops} vector loop{many} over single numbers, with {mean:.1} terms in each on average"
                )
            }
            ProgramKind::LoopsNext => {
                f.write_str("is made of single numbers: after the next call it runs as vector loops")
            }
            ProgramKind::Matrices(node) => write!(f, "runs matrix by matrix: {node}"),
            ProgramKind::NotCalled => f.write_str("has not been called"),
            ProgramKind::Recorded { source } => write!(
                f,
                "cannot be replayed, because the closure takes a plain number off the tape at {source}: a value, a gradient, an \
                 order of entries, or whether a function such as `solve` succeeds"
            ),
        }
    }
}
