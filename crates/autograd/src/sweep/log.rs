//! What a sweep does to its buffer of derivatives, written down so that it can be done again.

use kernel::simd::Accum;

use crate::rule::op::LinearTerm;

/// A change of the buffer. Places are offsets in it; nodes are numbers on the tape.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub enum DeltaStep {
    /// The weights of the output are written to the place of its δ.
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
    Custom { y: u32, dy: usize, written: Vec<(u32, usize, Accum)> },
}

impl DeltaStep {
    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        matches!(self, DeltaStep::Zero { len: 0, .. } | DeltaStep::Copy { len: 0, .. } | DeltaStep::Add { len: 0, .. })
    }
}

/// Takes down the steps of a sweep, or ignores them.
pub(crate) trait Log {
    /// Whether steps are taken down. If not, no step is made.
    const ON: bool;

    fn note(&mut self, step: impl FnOnce() -> DeltaStep);

    /// Whether steps are only taken down and nothing is computed. Every operand of a custom rule then counts as written.
    #[inline(always)]
    fn is_dry(&self) -> bool {
        false
    }
}

impl Log for () {
    const ON: bool = false;
    #[inline(always)]
    fn note(&mut self, _: impl FnOnce() -> DeltaStep) {}
}

/// The steps of a sweep.
pub(crate) struct Written {
    pub steps: Vec<DeltaStep>,
    pub is_dry: bool,
}

impl Log for Written {
    const ON: bool = true;
    fn note(&mut self, step: impl FnOnce() -> DeltaStep) {
        self.steps.push(step());
    }
    fn is_dry(&self) -> bool {
        self.is_dry
    }
}
