//! A recorded computation as lists of terms with fixed places, forward and backward as the sweep decided it: what a
//! [`Plan`](super::Plan) and a [`Program`](super::Program) over matrices run.
//!
//! `record` writes the lists from a tape and one sweep of it, `run` runs them, and `tangents` runs them in forward mode. They name a
//! matrix by its node on the tape.

mod record;
mod run;
mod tangents;
mod view;

use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Stale;
use crate::rule::op::Op;
use crate::rule::run::Indices;
use crate::sweep::log::DeltaStep;
use crate::tape::comparison::Branch;
use crate::tape::custom_rule::Rule;
use crate::{MatrixRef, Real};
pub(super) use record::Writer;
pub use view::{PlacedMatrix, PlacedRule, PlacedStep};

/// The lists, and the values that a run computes or that stay as they were recorded.
pub(super) struct Steps<T> {
    pub values: Vec<T>,
    /// Where the value of each node is, if it is read.
    places: Vec<Place>,
    forward: Vec<ValueStep>,
    terms: Vec<Op<u32>>,
    backward: Vec<DeltaStep>,
    rules: Vec<NodeRule<T>>,
    indices: Indices,
    /// The comparisons, each with the number of values after which it is known.
    branches: Vec<(usize, Branch)>,
    output: u32,
    /// Whether they are those of a program: an operand of which a custom rule gives no gradient has the gradient 0.
    of_program: bool,
}

/// Where a matrix is: in the values, or in a leaf.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub rows: u32,
    pub cols: u32,
    /// [`VALUES`], or the number of a leaf that is given in every run.
    of: u32,
    pub start: usize,
}

const VALUES: u32 = u32::MAX;

/// A value that is computed: the sum of terms, or a function with a custom rule.
struct ValueStep {
    node: u32,
    /// The end of its terms, which begin where those of the last step end.
    terms: u32,
    /// Which of the rules.
    rule: Option<u32>,
    /// Whether it has a derivative.
    is_active: bool,
}

/// A node with a custom rule.
struct NodeRule<T> {
    node: u32,
    rule: Arc<dyn Rule<T>>,
    operands: SmallVec<[u32; 3]>,
    needs: SmallVec<[bool; 3]>,
    source: &'static Location<'static>,
}

/// What keeps a run from being that of the recording.
pub(super) enum Misfit {
    /// A comparison has another outcome.
    Stale(Stale),
    /// The value of a function with a custom rule has another shape.
    Shape(String),
}

impl Place {
    pub fn len(&self) -> usize {
        self.rows as usize * self.cols as usize
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows as usize, self.cols as usize)
    }

    /// The matrix at this place.
    #[inline(always)]
    pub fn look<'a, T: Real>(self, values: &'a [T], leaves: &[MatrixRef<'a, T>]) -> MatrixRef<'a, T> {
        let all = if self.of == VALUES { values } else { leaves[self.of as usize].as_slice() };
        MatrixRef::of(self.rows, self.cols, &all[self.start..][..self.len()])
    }
}

impl<T: Real> Steps<T> {
    /// The value of a node.
    #[inline(always)]
    fn look<'a>(&'a self, node: u32, leaves: &[MatrixRef<'a, T>]) -> MatrixRef<'a, T> {
        self.places[node as usize].look(&self.values, leaves)
    }

    /// The number of steps of the sweep.
    pub fn backward_len(&self) -> usize {
        self.backward.len()
    }

    /// Calls `f` with the number of each step of the sweep and the places where it writes.
    pub fn each_written(&self, f: &mut dyn FnMut(usize, usize)) {
        for (k, step) in self.backward.iter().enumerate() {
            match step {
                DeltaStep::Seed { at, .. } | DeltaStep::Zero { at, .. } => f(k, *at),
                DeltaStep::Copy { to, .. } | DeltaStep::Add { to, .. } => f(k, *to),
                DeltaStep::Term { dx, .. } => f(k, *dx),
                DeltaStep::Custom { written, .. } => written.iter().for_each(|(_, at, _)| f(k, *at)),
            }
        }
    }

    /// The value of the output.
    pub fn output<'a>(&'a self, leaves: &[MatrixRef<'a, T>]) -> MatrixRef<'a, T> {
        self.look(self.output, leaves)
    }
}
