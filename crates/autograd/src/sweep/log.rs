//! What a sweep does to its buffer of derivatives, written down so that it can be done again.

use kernel::simd::Accum;
use smallvec::SmallVec;

use crate::rule::op::LinearTerm;

/// A change of the buffer. Places are offsets in it; nodes are numbers on the tape.
#[derive(Clone, Debug)]
pub(crate) enum DeltaStep {
    /// The weights of an output are written to the place of its δ. A plan has one output.
    Seed { at: usize, len: usize },
    /// Zeros are written.
    Zero { at: usize, len: usize },
    /// One place is copied to another.
    Copy { from: usize, to: usize, len: usize },
    /// One place is added to another.
    Add { from: usize, to: usize, len: usize },
    /// A term of node y goes to the δ of its operand x.
    Term { term: LinearTerm<u32>, y: u32, dy: usize, x: u32, dx: usize, accum: Accum },
    /// A node with a custom rule has written these operands, places and whether each was added to.
    Custom { y: u32, dy: usize, written: SmallVec<[(u32, usize, Accum); 4]> },
}

/// Takes down the steps of a sweep, or ignores them.
pub(crate) trait Log {
    /// Whether steps are taken down. If not, no step is made.
    const ON: bool;

    fn note(&mut self, step: impl FnOnce() -> DeltaStep);
}

impl Log for () {
    const ON: bool = false;
    #[inline(always)]
    fn note(&mut self, _: impl FnOnce() -> DeltaStep) {}
}

impl Log for Vec<DeltaStep> {
    const ON: bool = true;
    fn note(&mut self, step: impl FnOnce() -> DeltaStep) {
        self.push(step());
    }
}
