//! A scalar program as vector loops: what is stored, and how it runs.
//!
//! Nodes with the same terms that do not depend on each other form a group. Their values are contiguous, and each of their terms is a
//! loop over all of them. Backward, every node gathers: its δ is the sum of slots w δy that its readers have filled, in the
//! order in which the sweep of a tape adds them.

use kernel::simd::Accum;
use kernel::{Binary, Unary};

use super::Stale;
use super::segment::NONE;
use crate::tape::comparison::Branch;
use crate::{Matrix, Real};

/// Loops over numbers, and the numbers.
pub(super) struct Loops<T> {
    pub tables: Tables<T>,
    pub segments: Vec<SegmentLoops>,
    /// The entries of all inputs, then the values of each segment.
    pub values: Vec<T>,
    /// How many values outlive their segment in the sweep (the entries of the inputs first), and how many slots a segment has.
    pub deltas: usize,
    pub slots: usize,
    /// The places of the value and of the δ of each entry of the output; the latter is `NONE` if it depends on no input.
    pub outputs: Vec<Import>,
    /// The shape of the output, and its entries.
    pub shape: (usize, usize),
    pub output: Vec<T>,
    /// Comparisons of values, by their places.
    pub branches: Vec<Branch>,
    /// Entries of an input that is given twice: their second place, their first place, and their number.
    pub repeats: Vec<(usize, usize, usize)>,
}

/// Consecutive nodes of the tape: first the values `imports`, then those of its groups.
pub(super) struct SegmentLoops {
    /// The start of its values, and their number.
    pub start: usize,
    pub len: usize,
    pub imports: Span,
    pub groups: Span,
    /// The δ of its values that later segments read: its first slots.
    pub exports: Span,
    pub pulls: Span,
}

/// The place of a value from before the segment, and of its δ, or `NONE` if it has none.
#[derive(Clone, Copy)]
pub(super) struct Import {
    pub value: u32,
    pub delta: u32,
}

/// Imports with the same number of uses.
pub(super) struct ImportPull {
    pub imports: Span,
    pub uses: Span,
}

/// Nodes with the same terms and the same number of uses.
pub(super) struct LoopGroup {
    pub width: u32,
    /// The start of its values within the segment; the values of later groups follow.
    pub local: u32,
    /// The start of its slots: δ, then w δ for each term that has a w, operand by operand.
    pub slot: u32,
    pub rows: Span,
    /// The slots that make up δ; none if it has no δ.
    pub uses: Span,
}

/// A term of each node of a group; several, if they are plain.
pub(super) enum TermRow<T> {
    Number(Factor<T>),
    Sum(Span),
    Scaled(Factor<T>, Operand),
    Divided(Factor<T>, Operand),
    ScaledProduct(Factor<T>, Operand, Operand),
    Unary(Unary, Operand),
    Binary(Binary, Operand, Operand),
}

/// A constant of a row: the same for all nodes, or one for each from an index in `factors` on.
#[derive(Clone, Copy)]
pub(super) enum Factor<T> {
    One(T),
    Each(u32),
}

#[derive(Clone, Copy)]
pub(super) struct Operand {
    pub places: Places,
    /// Whether it has a δ, and so a slot here.
    pub active: bool,
}

/// The numbers that a row reads.
#[derive(Clone, Copy)]
pub(super) enum Places {
    /// A contiguous range from this index on.
    From(u32),
    /// One for all nodes.
    Same(u32),
    /// Several ranges. From this index in `lists` on: the first number and the length of each.
    Runs(u32),
    /// The numbers that are listed from this index in `lists` on.
    List(u32),
}

/// A part of a table.
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

#[derive(Default)]
pub(super) struct Tables<T> {
    pub imports: Vec<Import>,
    pub pulls: Vec<ImportPull>,
    pub groups: Vec<LoopGroup>,
    pub rows: Vec<TermRow<T>>,
    pub places: Vec<Places>,
    pub lists: Vec<u16>,
    pub factors: Vec<T>,
}

/// The number of nodes of a group that run at a time: the gathered numbers stay in the L1 cache.
pub(super) const BLOCK: usize = 512;

/// Buffers for the gathered operands, three at most.
pub(super) type Scratch<T> = [[T; BLOCK]; 3];

impl<T: Real> Loops<T> {
    /// Computes every value from the entries of the inputs.
    pub fn recompute(&mut self) -> Result<(), Stale> {
        let (tables, mut scratch) = (&self.tables, empty_scratch());
        for &(again, first, len) in &self.repeats {
            self.values.copy_within(again..again + len, first);
        }
        for segment in &self.segments {
            let (before, values) = self.values.split_at_mut(segment.start);
            for (x, import) in values.iter_mut().zip(segment.imports.of(&tables.imports)) {
                *x = before[import.value as usize];
            }
            for group in segment.groups.of(&tables.groups) {
                let (below, y) = values.split_at_mut(group.local as usize);
                for (start, y) in node_blocks(&mut y[..group.width as usize]) {
                    tables.group_values(group, start, below, y, &mut scratch);
                }
            }
        }
        for (y, entry) in self.output.iter_mut().zip(&self.outputs) {
            *y = self.values[entry.value as usize];
        }
        for branch in &self.branches {
            let now = branch.compare(|place| self.values[place as usize]);
            if now != branch.found {
                return Err(Stale { source: branch.source, recorded: branch.found, now });
            }
        }
        Ok(())
    }

    /// δ of every entry of the inputs (the first of `deltas`), if that of the output is w.
    pub fn backward_sweep(&self, w: &[T], deltas: &mut Vec<T>, slots: &mut Vec<T>) {
        let (tables, mut scratch) = (&self.tables, empty_scratch());
        deltas.clear();
        deltas.resize(self.deltas, T::default());
        if slots.len() < self.slots {
            slots.resize(self.slots, T::default());
        }
        for (entry, &w) in self.outputs.iter().zip(w).filter(|(entry, _)| entry.delta != NONE) {
            deltas[entry.delta as usize] += w;
        }
        for segment in self.segments.iter().rev() {
            let values = &self.values[segment.start..][..segment.len];
            let exports = segment.exports.of(deltas);
            slots[..exports.len()].copy_from_slice(exports);
            for group in segment.groups.of(&tables.groups).iter().rev().filter(|group| group.uses.len() > 0) {
                let (below, own) = slots.split_at_mut(group.slot as usize);
                let (dy, slots) = own.split_at_mut(group.width as usize);
                for (start, dy) in node_blocks(dy) {
                    tables.sum_operands(group.uses, start, below, dy, Accum::Replace);
                    tables.pull_group(group, start, values, dy, slots, &mut scratch);
                }
            }
            for pull in segment.pulls.of(&tables.pulls) {
                for (k, imports) in pull.imports.of(&tables.imports).chunks(BLOCK).enumerate() {
                    let dx = &mut scratch[0][..imports.len()];
                    dx.iter_mut().zip(imports).for_each(|(dx, import)| *dx = deltas[import.delta as usize]);
                    tables.sum_operands(pull.uses, k * BLOCK, slots, dx, Accum::Add);
                    dx.iter().zip(imports).for_each(|(&dx, import)| deltas[import.delta as usize] = dx);
                }
            }
        }
        for &(again, first, len) in &self.repeats {
            deltas.copy_within(first..first + len, again);
        }
    }

    /// The tangent of the output, if `tangents` begins with those of the entries of the inputs.
    pub fn output_tangent(&self, tangents: &mut Vec<T>) -> Matrix<T> {
        let (tables, mut scratch) = (&self.tables, empty_scratch());
        tangents.resize(self.values.len(), T::default());
        // An input that is given twice moves along the sum of its directions.
        for &(again, first, len) in &self.repeats {
            (0..len).for_each(|k| tangents[first + k] = tangents[first + k] + tangents[again + k]);
        }
        for segment in &self.segments {
            let values = &self.values[segment.start..][..segment.len];
            let (before, tangents) = tangents.split_at_mut(segment.start);
            for (dx, import) in tangents.iter_mut().zip(segment.imports.of(&tables.imports)) {
                *dx = if import.delta == NONE { T::default() } else { before[import.value as usize] };
            }
            for group in segment.groups.of(&tables.groups) {
                let (below, dy) = tangents.split_at_mut(group.local as usize);
                let dy = &mut dy[..group.width as usize];
                dy.fill(T::default());
                for (start, dy) in node_blocks(dy).filter(|_| group.uses.len() > 0) {
                    tables.push_group(group, start, values, below, dy, &mut scratch);
                }
            }
        }
        let (rows, cols) = self.shape;
        let tangent = |entry: &Import| if entry.delta == NONE { T::default() } else { tangents[entry.value as usize] };
        Matrix::from_vec(rows, cols, self.outputs.iter().map(tangent).collect())
    }
}

impl<T> Tables<T> {
    /// The number of terms, and of the loops over them.
    pub fn counts(&self) -> (usize, usize) {
        let count = |group: &LoopGroup| (group.width as usize * group.rows.len(), group.rows.len());
        self.groups.iter().map(count).fold((0, 0), |(terms, loops), (t, l)| (terms + t, loops + l))
    }
}

impl Span {
    pub fn of<'a, X>(&self, table: &'a [X]) -> &'a [X] {
        &table[self.start as usize..self.end as usize]
    }

    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }
}

/// Parts of a group, each with its first node.
fn node_blocks<T>(y: &mut [T]) -> impl Iterator<Item = (usize, &mut [T])> {
    y.chunks_mut(BLOCK).enumerate().map(|(k, y)| (k * BLOCK, y))
}

fn empty_scratch<T: Real>() -> Scratch<T> {
    [[T::default(); BLOCK]; 3]
}
