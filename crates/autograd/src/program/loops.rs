//! A program in single numbers as vector loops: what is stored, and how it runs.
//!
//! Nodes of the same terms that do not need each other are a group: their values lie side by side, and each of their terms is a
//! loop over all of them. Backward every node *pulls*: its δ is the sum of slots w δy that its readers have filled, in the
//! order in which the sweep of a tape adds them.

use super::Stale;
use super::terms::NONE;
use crate::Real;
use crate::branch::Branch;
use crate::elementwise::{Accum, fill};
use crate::map::{Binary, Unary};

/// Loops over numbers, and the numbers.
pub(super) struct Loops<T> {
    pub tables: Tables<T>,
    pub segments: Vec<Segment>,
    /// The entries of all inputs, then the values of each segment.
    pub values: Vec<T>,
    /// How many values outlive their segment in the sweep: the entries of the inputs first. How many slots a segment has.
    pub deltas: usize,
    pub slots: usize,
    /// Where the output's value and its δ are; the latter `NONE` if it depends on no input.
    pub output: Import,
    /// Comparisons of values, by their places.
    pub branches: Vec<Branch>,
    /// Entries of an input that was given before: where they are again, where they are first, how many.
    pub repeats: Vec<(usize, usize, usize)>,
}

/// Consecutive nodes of the tape: values `imports`, then those of its groups.
pub(super) struct Segment {
    /// Where its values begin, and how many they are.
    pub start: usize,
    pub len: usize,
    pub imports: Span,
    pub groups: Span,
    /// The δ of its values that later segments read: its first slots.
    pub exports: Span,
    pub pulls: Span,
}

/// Where a value from before a segment is, and its δ, `NONE` if it has none.
#[derive(Clone, Copy)]
pub(super) struct Import {
    pub value: u32,
    pub delta: u32,
}

/// Imports with the same number of uses.
pub(super) struct Pull {
    pub imports: Span,
    pub uses: Span,
}

/// Nodes of the same terms, with the same number of uses.
pub(super) struct Group {
    pub width: u32,
    /// Where in the segment its values begin; after them come those of later groups.
    pub local: u32,
    /// Where its slots begin: δ, then w δ for each term that has a w, operand by operand.
    pub slot: u32,
    pub rows: Span,
    /// The slots that make up δ; none if it has no δ.
    pub uses: Span,
}

/// A term of each node of a group; several, if they are plain.
pub(super) enum Row<T> {
    Number(Factor<T>),
    Sum(Span),
    Scaled(Factor<T>, Operand),
    ScaledProduct(Factor<T>, Operand, Operand),
    Unary(Unary, Operand),
    Binary(Binary, Operand, Operand),
}

/// A constant of a row: the same for all nodes, or from a place in `factors` on.
#[derive(Clone, Copy)]
pub(super) enum Factor<T> {
    One(T),
    Each(u32),
}

#[derive(Clone, Copy)]
pub(super) struct Operand {
    pub at: At,
    /// Whether it has a δ, and so a slot here.
    pub active: bool,
}

/// Which numbers a row reads: those from one on, or those of a list from a place in `lists` on.
#[derive(Clone, Copy)]
pub(super) enum At {
    From(u32),
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
    pub pulls: Vec<Pull>,
    pub groups: Vec<Group>,
    pub rows: Vec<Row<T>>,
    pub ats: Vec<At>,
    pub lists: Vec<u16>,
    pub factors: Vec<T>,
}

/// As many nodes of a group run at a time: what they gather stays in the first cache.
const BLOCK: usize = 512;
/// A narrower sum runs node by node.
const NARROW: usize = 8;

type Scratch<T> = [[T; BLOCK]; 3];

impl<T: Real> Loops<T> {
    /// Computes every value from the entries of the inputs.
    pub fn run(&mut self) -> Result<(), Stale> {
        let (tables, mut scratch) = (&self.tables, scratch());
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
                for (start, y) in blocks(&mut y[..group.width as usize]) {
                    tables.value(group, start, below, y, &mut scratch);
                }
            }
        }
        for branch in &self.branches {
            let now = branch.compare(|place| self.values[place as usize]);
            if now != branch.found {
                return Err(Stale { source: branch.source, recorded: branch.found, now });
            }
        }
        Ok(())
    }

    /// The output.
    pub fn value(&self) -> &[T] {
        &self.values[self.output.value as usize..][..1]
    }

    /// δ of every entry of the inputs, the first of `deltas`, if that of the output is w.
    pub fn sweep(&self, w: T, deltas: &mut Vec<T>, slots: &mut Vec<T>) {
        let (tables, mut scratch) = (&self.tables, scratch());
        deltas.clear();
        deltas.resize(self.deltas, T::default());
        if slots.len() < self.slots {
            slots.resize(self.slots, T::default());
        }
        if self.output.delta != NONE {
            deltas[self.output.delta as usize] = w;
        }
        for segment in self.segments.iter().rev() {
            let values = &self.values[segment.start..][..segment.len];
            let exports = segment.exports.of(deltas);
            slots[..exports.len()].copy_from_slice(exports);
            for group in segment.groups.of(&tables.groups).iter().rev().filter(|group| group.uses.len() > 0) {
                let (below, own) = slots.split_at_mut(group.slot as usize);
                let (dy, slots) = own.split_at_mut(group.width as usize);
                for (start, dy) in blocks(dy) {
                    tables.sum(group.uses, start, below, dy, Accum::Replace);
                    tables.pull(group, start, values, dy, slots, &mut scratch);
                }
            }
            for pull in segment.pulls.of(&tables.pulls) {
                for (k, imports) in pull.imports.of(&tables.imports).chunks(BLOCK).enumerate() {
                    let dx = &mut scratch[0][..imports.len()];
                    dx.iter_mut().zip(imports).for_each(|(dx, import)| *dx = deltas[import.delta as usize]);
                    tables.sum(pull.uses, k * BLOCK, slots, dx, Accum::Add);
                    dx.iter().zip(imports).for_each(|(&dx, import)| deltas[import.delta as usize] = dx);
                }
            }
        }
        for &(again, first, len) in &self.repeats {
            deltas.copy_within(first..first + len, again);
        }
    }

    /// The tangent of the output, if `tangents` begins with those of the entries of the inputs.
    pub fn push(&self, tangents: &mut Vec<T>) -> T {
        let (tables, mut scratch) = (&self.tables, scratch());
        tangents.resize(self.values.len(), T::default());
        for &(again, first, len) in &self.repeats {
            tangents.copy_within(again..again + len, first);
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
                for (start, dy) in blocks(dy).filter(|_| group.uses.len() > 0) {
                    tables.push(group, start, values, below, dy, &mut scratch);
                }
            }
        }
        if self.output.delta == NONE { T::default() } else { tangents[self.output.value as usize] }
    }
}

impl<T: Real> Tables<T> {
    /// The values y of the nodes of a group from the `start`-th on, of the values below.
    fn value(&self, group: &Group, start: usize, below: &[T], y: &mut [T], [s, t, _]: &mut Scratch<T>) {
        let n = y.len();
        let mut accum = Accum::Replace;
        for row in group.rows.of(&self.rows) {
            match *row {
                Row::Number(c) => self.fill(c, start, y, accum, |c, _| c),
                Row::Sum(ats) => self.sum(ats, start, below, y, accum),
                Row::Scaled(c, x) => {
                    let x = self.read(x, start, n, below, s);
                    self.fill(c, start, y, accum, |c, i| c * x[i]);
                }
                Row::ScaledProduct(c, a, b) => {
                    let (a, b) = (self.read(a, start, n, below, s), self.read(b, start, n, below, t));
                    self.fill(c, start, y, accum, |c, i| c * (a[i] * b[i]));
                }
                Row::Unary(f, x) => f.run(self.read(x, start, n, below, s), y, accum),
                Row::Binary(f, a, b) => {
                    f.run(self.read(a, start, n, below, s), self.read(b, start, n, below, t), y, accum);
                }
            }
            accum = Accum::Add;
        }
    }

    /// Fills the slots of the same nodes, which have this δ.
    fn pull(&self, group: &Group, start: usize, values: &[T], dy: &[T], slots: &mut [T], [s, t, u]: &mut Scratch<T>) {
        let n = dy.len();
        let mut slots = slots.chunks_mut(group.width as usize);
        let mut slot = |x: Operand| if x.active { slots.next().map(|slot| &mut slot[start..][..n]) } else { None };
        for row in group.rows.of(&self.rows) {
            match *row {
                Row::Number(_) | Row::Sum(_) => {}
                Row::Scaled(c, x) => {
                    if let Some(dx) = slot(x) {
                        self.fill(c, start, dx, Accum::Replace, |c, i| c * dy[i]);
                    }
                }
                Row::ScaledProduct(c, a, b) => {
                    let multiple = &mut u[..n];
                    self.fill(c, start, multiple, Accum::Replace, |c, i| c * dy[i]);
                    let at = [self.read(a, start, n, values, s), self.read(b, start, n, values, t)];
                    let at = [at[0], at[1], dy, multiple];
                    for (side, x) in [a, b].into_iter().enumerate() {
                        if let Some(dx) = slot(x) {
                            Binary::Mul.run_slope(side, at, dx, Accum::Replace);
                        }
                    }
                }
                Row::Unary(f, x) => {
                    if let Some(dx) = slot(x) {
                        let y = &values[group.local as usize + start..][..n];
                        f.run_slope(self.read(x, start, n, values, s), y, dy, dx, Accum::Replace);
                    }
                }
                Row::Binary(f, a, b) => {
                    let y = &values[group.local as usize + start..][..n];
                    let at = [self.read(a, start, n, values, s), self.read(b, start, n, values, t), y, dy];
                    for (side, x) in [a, b].into_iter().enumerate() {
                        if let Some(dx) = slot(x) {
                            f.run_slope(side, at, dx, Accum::Replace);
                        }
                    }
                }
            }
        }
    }

    /// Adds the tangents of the same nodes, of the values and of the tangents below.
    fn push(&self, group: &Group, start: usize, values: &[T], below: &[T], dy: &mut [T], [s, t, u]: &mut Scratch<T>) {
        let n = dy.len();
        let y = &values[group.local as usize + start..][..n];
        for row in group.rows.of(&self.rows) {
            match *row {
                Row::Number(_) => {}
                Row::Sum(ats) => self.sum(ats, start, below, dy, Accum::Add),
                Row::Scaled(c, x) => {
                    let dx = self.read(x, start, n, below, s);
                    self.fill(c, start, dy, Accum::Add, |c, i| c * dx[i]);
                }
                Row::ScaledProduct(c, a, b) => {
                    for (a, b) in [(a, b), (b, a)] {
                        let (da, b) = (self.read(a, start, n, below, s), self.read(b, start, n, values, t));
                        self.fill(c, start, dy, Accum::Add, |c, i| c * (da[i] * b[i]));
                    }
                }
                Row::Unary(f, x) => {
                    let dx = self.read(x, start, n, below, t);
                    f.run_slope(self.read(x, start, n, values, s), y, dx, dy, Accum::Add);
                }
                Row::Binary(f, a, b) => {
                    for (side, x) in [a, b].into_iter().enumerate().filter(|(_, x)| x.active) {
                        let dx = self.read(x, start, n, below, u);
                        let at = [self.read(a, start, n, values, s), self.read(b, start, n, values, t), y, dx];
                        f.run_slope(side, at, dy, Accum::Add);
                    }
                }
            }
        }
    }

    /// `n` operands of a row from the `start`-th on: where they lie, or gathered.
    #[inline(always)]
    fn read<'a>(&self, x: Operand, start: usize, n: usize, from: &'a [T], scratch: &'a mut [T; BLOCK]) -> &'a [T] {
        match x.at {
            At::From(first) => &from[first as usize + start..][..n],
            At::List(list) => {
                let (list, x) = (&self.lists[list as usize + start..][..n], &mut scratch[..n]);
                x.iter_mut().zip(list).for_each(|(x, &k)| *x = from[usize::from(k)]);
                x
            }
        }
    }

    /// y = Σ x or y += Σ x, one after the other.
    fn sum(&self, ats: Span, start: usize, from: &[T], y: &mut [T], accum: Accum) {
        let (ats, n) = (ats.of(&self.ats), y.len());
        if n < NARROW {
            for (i, y) in y.iter_mut().enumerate() {
                let mut terms = ats.iter().map(|at| match *at {
                    At::From(first) => from[first as usize + start + i],
                    At::List(list) => from[usize::from(self.lists[list as usize + start + i])],
                });
                let first = if accum == Accum::Add { Some(*y) } else { terms.next() };
                *y = terms.fold(first.unwrap_or_default(), |sum, x| sum + x);
            }
            return;
        }
        let mut accum = accum;
        for at in ats {
            match *at {
                At::From(first) => {
                    let x = &from[first as usize + start..][..n];
                    fill(y, accum, move |i| x[i]);
                }
                At::List(list) => {
                    let list = &self.lists[list as usize + start..][..n];
                    match accum {
                        Accum::Replace => y.iter_mut().zip(list).for_each(|(y, &k)| *y = from[usize::from(k)]),
                        Accum::Add => y.iter_mut().zip(list).for_each(|(y, &k)| *y += from[usize::from(k)]),
                    }
                }
            }
            accum = Accum::Add;
        }
    }

    /// y = f(c, i) or y += f(c, i), where c is the constant of a row.
    #[inline(always)]
    fn fill(&self, c: Factor<T>, start: usize, y: &mut [T], accum: Accum, f: impl Fn(T, usize) -> T + Copy) {
        match c {
            Factor::One(c) => fill(y, accum, move |i| f(c, i)),
            Factor::Each(first) => {
                let c = &self.factors[first as usize + start..][..y.len()];
                fill(y, accum, move |i| f(c[i], i));
            }
        }
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
fn blocks<T>(y: &mut [T]) -> impl Iterator<Item = (usize, &mut [T])> {
    y.chunks_mut(BLOCK).enumerate().map(|(k, y)| (k * BLOCK, y))
}

fn scratch<T: Real>() -> Scratch<T> {
    [[T::default(); BLOCK]; 3]
}
