//! The loops of a group: its rows forward, backward and for tangents.

use std::ops::Range;

use kernel::Binary;
use kernel::simd::{Accum, fill, put, vectorised};
use kernel::table::loops;

use super::loops::{At, BLOCK, Factor, Group, Operand, Row, Scratch, Span, Tables};
use crate::Real;

/// A narrower sum runs node by node.
const NARROW: usize = 8;

impl<T: Real> Tables<T> {
    /// The values y of the nodes of a group from the `start`-th on, of the values below.
    pub fn value(&self, group: &Group, start: usize, below: &[T], y: &mut [T], [s, t, _]: &mut Scratch<T>) {
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
                Row::Divided(c, x) => {
                    let x = self.read(x, start, n, below, s);
                    self.fill(c, start, y, accum, |c, i| x[i] / c);
                }
                Row::ScaledProduct(c, a, b) => {
                    let (a, b) = (self.read(a, start, n, below, s), self.read(b, start, n, below, t));
                    self.fill(c, start, y, accum, |c, i| c * (a[i] * b[i]));
                }
                Row::Unary(f, x) => loops::unary(f, self.read(x, start, n, below, s), y, accum),
                Row::Binary(f, a, b) => {
                    loops::binary(f, self.read(a, start, n, below, s), self.read(b, start, n, below, t), y, accum);
                }
            }
            accum = Accum::Add;
        }
    }

    /// Fills the slots of the same nodes, which have this δ.
    pub fn pull(
        &self,
        group: &Group,
        start: usize,
        values: &[T],
        dy: &[T],
        slots: &mut [T],
        [s, t, u]: &mut Scratch<T>,
    ) {
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
                Row::Divided(c, x) => {
                    if let Some(dx) = slot(x) {
                        self.fill(c, start, dx, Accum::Replace, |c, i| dy[i] / c);
                    }
                }
                Row::ScaledProduct(c, a, b) => {
                    let multiple = &mut u[..n];
                    self.fill(c, start, multiple, Accum::Replace, |c, i| c * dy[i]);
                    let at = [self.read(a, start, n, values, s), self.read(b, start, n, values, t)];
                    let at = [at[0], at[1], dy, multiple];
                    for (side, x) in [a, b].into_iter().enumerate() {
                        if let Some(dx) = slot(x) {
                            loops::binary_slope(Binary::Mul, side, at, dx, Accum::Replace);
                        }
                    }
                }
                Row::Unary(f, x) => {
                    if let Some(dx) = slot(x) {
                        let y = &values[group.local as usize + start..][..n];
                        loops::unary_slope(f, self.read(x, start, n, values, s), y, dy, dx, Accum::Replace);
                    }
                }
                Row::Binary(f, a, b) => {
                    let y = &values[group.local as usize + start..][..n];
                    let at = [self.read(a, start, n, values, s), self.read(b, start, n, values, t), y, dy];
                    for (side, x) in [a, b].into_iter().enumerate() {
                        if let Some(dx) = slot(x) {
                            loops::binary_slope(f, side, at, dx, Accum::Replace);
                        }
                    }
                }
            }
        }
    }

    /// Adds the tangents of the same nodes, of the values and of the tangents below.
    pub fn push(
        &self,
        group: &Group,
        start: usize,
        values: &[T],
        below: &[T],
        dy: &mut [T],
        [s, t, u]: &mut Scratch<T>,
    ) {
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
                Row::Divided(c, x) => {
                    let dx = self.read(x, start, n, below, s);
                    self.fill(c, start, dy, Accum::Add, |c, i| dx[i] / c);
                }
                Row::ScaledProduct(c, a, b) => {
                    for (a, b) in [(a, b), (b, a)] {
                        let (da, b) = (self.read(a, start, n, below, s), self.read(b, start, n, values, t));
                        self.fill(c, start, dy, Accum::Add, |c, i| c * (da[i] * b[i]));
                    }
                }
                Row::Unary(f, x) => {
                    let dx = self.read(x, start, n, below, t);
                    loops::unary_slope(f, self.read(x, start, n, values, s), y, dx, dy, Accum::Add);
                }
                Row::Binary(f, a, b) => {
                    for (side, x) in [a, b].into_iter().enumerate().filter(|(_, x)| x.active) {
                        let dx = self.read(x, start, n, below, u);
                        let at = [self.read(a, start, n, values, s), self.read(b, start, n, values, t), y, dx];
                        loops::binary_slope(f, side, at, dy, Accum::Add);
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
            At::Same(k) => {
                scratch[..n].fill(from[k as usize]);
                &scratch[..n]
            }
            At::Runs(list) => {
                self.runs(list, start, n)
                    .for_each(|(to, x)| scratch[to.clone()].copy_from_slice(&from[x..][..to.len()]));
                &scratch[..n]
            }
            At::List(list) => {
                let (list, x) = (&self.lists[list as usize + start..][..n], &mut scratch[..n]);
                x.iter_mut().zip(list).for_each(|(x, &k)| *x = from[usize::from(k)]);
                x
            }
        }
    }

    /// The runs of a list for `n` nodes from the `start`-th on: for which of these, and its first number.
    #[inline(always)]
    fn runs(&self, list: u32, start: usize, n: usize) -> impl Iterator<Item = (Range<usize>, usize)> {
        let (runs, _) = self.lists[list as usize..].as_chunks::<2>();
        let (mut runs, mut skip, mut done) = (runs.iter(), start, 0);
        std::iter::from_fn(move || {
            while done < n {
                let (first, len) = runs.next().map(|&[first, len]| (usize::from(first), usize::from(len)))?;
                let before = skip.min(len);
                skip -= before;
                let count = (len - before).min(n - done);
                if count > 0 {
                    done += count;
                    return Some((done - count..done, first + before));
                }
            }
            None
        })
    }

    /// y = Σ x or y += Σ x, one after the other.
    pub fn sum(&self, ats: Span, start: usize, from: &[T], y: &mut [T], accum: Accum) {
        let (ats, n) = (ats.of(&self.ats), y.len());
        if n < NARROW {
            for (i, y) in y.iter_mut().enumerate() {
                let mut terms = ats.iter().map(|&at| from[self.number(at, start + i)]);
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
                At::Same(k) => {
                    let x = from[k as usize];
                    fill(y, accum, move |_| x);
                }
                At::Runs(list) => vectorised(
                    #[inline(always)]
                    || {
                        for (to, first) in self.runs(list, start, n) {
                            let x = &from[first..][..to.len()];
                            y[to].iter_mut().zip(x).for_each(|(y, &x)| put(y, accum, x));
                        }
                    },
                ),
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

    /// Which number a row reads for a node.
    fn number(&self, at: At, node: usize) -> usize {
        match at {
            At::From(first) => first as usize + node,
            At::Same(k) => k as usize,
            At::Runs(list) => self.runs(list, node, 1).next().map_or(0, |(_, first)| first),
            At::List(list) => usize::from(self.lists[list as usize + node]),
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
