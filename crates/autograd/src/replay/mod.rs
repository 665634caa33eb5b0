//! Runs a recorded computation on new numbers, without recording it again.
//!
//! `steps` is the lists of terms over matrices that a `plan` and a program of `matrices` run. A scalar computation becomes lists of
//! vector loops: `needs` and `terms` read the tape and split it into `segment`s, `groups` groups similar nodes, `tables` writes the
//! tables, and `loops` and `rows` run them.

mod compiled;
mod entries;
mod groups;
mod kind;
mod loops;
mod matrices;
mod needs;
mod plan;
mod program;
mod recorded;
mod rows;
mod segment;
mod steps;
mod tables;
mod terms;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::panic::Location;

pub use compiled::Compiled;
pub use kind::{NotSingle, ProgramKind};
pub use plan::{NotPlanned, Plan, PlanMisfit, PlanRun, PlanView, Told, ViewedParam};
pub use program::Program;
pub use steps::{PlacedMatrix, PlacedRule, PlacedStep};

/// A comparison with another outcome than when it was recorded: the recording is not valid for these inputs.
#[derive(Clone, Copy, PartialEq)]
pub struct Stale {
    /// Where the variables were compared.
    pub source: &'static Location<'static>,
    /// The outcome when it was recorded.
    pub recorded: Option<Ordering>,
    /// The outcome now.
    pub now: Option<Ordering>,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |found: Option<Ordering>| match found {
            Some(Ordering::Less) => "less",
            Some(Ordering::Equal) => "equal",
            Some(Ordering::Greater) => "greater",
            None => "not comparable",
        };
        let (before, now) = (word(self.recorded), word(self.now));
        write!(
            f,
            "the comparison at {} came out {before} when it was recorded and {now} now: record again",
            self.source
        )
    }
}

crate::debug_as_display!(Stale);

impl std::error::Error for Stale {}
