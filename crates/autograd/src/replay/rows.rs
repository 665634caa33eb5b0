//! The loops of a group: its rows forward, backward and for tangents.

use std::ops::Range;

use kernel::Binary;
use kernel::simd::{Accum, fill, put, vectorised};
use kernel::table::loops;

use super::loops::{BLOCK, Factor, LoopGroup, Operand, Places, Scratch, Span, Tables, TermRow};
use crate::Real;

/// A sum over fewer nodes runs number by number.
const NARROW: usize = 8;

impl<T: Real> Tables<T> {
    /// Computes the values y of the nodes of a group from the `start`-th on, from the values below.
    pub fn group_values(&self, group: &LoopGroup, start: usize, below: &[T], y: &mut [T], [s, t, _]: &mut Scratch<T>) {
        let n = y.len();
        let mut accum = Accum::Replace;
        for row in group.rows.of(&self.rows) {
            match *row {
                TermRow::Number(c) => self.fill_row(c, start, y, accum, |c, _| c),
                TermRow::Sum(places) => self.sum_operands(places, start, below, y, accum),
                TermRow::Scaled(c, x) => {
                    let x = self.gather(x, start, n, below, s);
                    self.fill_row(c, start, y, accum, |c, i| c * x[i]);
                }
                TermRow::Divided(c, x) => {
                    let x = self.gather(x, start, n, below, s);
                    self.fill_row(c, start, y, accum, |c, i| x[i] / c);
                }
                TermRow::ScaledProduct(c, a, b) => {
                    let (a, b) = (self.gather(a, start, n, below, s), self.gather(b, start, n, below, t));
                    self.fill_row(c, start, y, accum, |c, i| c * (a[i] * b[i]));
                }
                TermRow::Unary(f, x) => loops::unary(f, self.gather(x, start, n, below, s), y, accum),
                TermRow::Binary(f, a, b) => {
                    loops::binary(f, self.gather(a, start, n, below, s), self.gather(b, start, n, below, t), y, accum);
                }
            }
            accum = Accum::Add;
        }
    }

    /// Fills the slots of the same nodes, whose δ this is.
    pub fn pull_group(
        &self,
        group: &LoopGroup,
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
                TermRow::Number(_) | TermRow::Sum(_) => {}
                TermRow::Scaled(c, x) => {
                    if let Some(dx) = slot(x) {
                        self.fill_row(c, start, dx, Accum::Replace, |c, i| c * dy[i]);
                    }
                }
                TermRow::Divided(c, x) => {
                    if let Some(dx) = slot(x) {
                        self.fill_row(c, start, dx, Accum::Replace, |c, i| dy[i] / c);
                    }
                }
                TermRow::ScaledProduct(c, a, b) => {
                    let multiple = &mut u[..n];
                    self.fill_row(c, start, multiple, Accum::Replace, |c, i| c * dy[i]);
                    let at = [self.gather(a, start, n, values, s), self.gather(b, start, n, values, t)];
                    let at = [at[0], at[1], dy, multiple];
                    for (side, x) in [a, b].into_iter().enumerate() {
                        if let Some(dx) = slot(x) {
                            loops::binary_slope(Binary::Mul, side, at, dx, Accum::Replace);
                        }
                    }
                }
                TermRow::Unary(f, x) => {
                    if let Some(dx) = slot(x) {
                        let y = &values[group.local as usize + start..][..n];
                        loops::unary_slope(f, self.gather(x, start, n, values, s), y, dy, dx, Accum::Replace);
                    }
                }
                TermRow::Binary(f, a, b) => {
                    let y = &values[group.local as usize + start..][..n];
                    let at = [self.gather(a, start, n, values, s), self.gather(b, start, n, values, t), y, dy];
                    for (side, x) in [a, b].into_iter().enumerate() {
                        if let Some(dx) = slot(x) {
                            loops::binary_slope(f, side, at, dx, Accum::Replace);
                        }
                    }
                }
            }
        }
    }

    /// Adds the tangents of the same nodes, from the values and the tangents below.
    pub fn push_group(
        &self,
        group: &LoopGroup,
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
                TermRow::Number(_) => {}
                TermRow::Sum(places) => self.sum_operands(places, start, below, dy, Accum::Add),
                TermRow::Scaled(c, x) => {
                    let dx = self.gather(x, start, n, below, s);
                    self.fill_row(c, start, dy, Accum::Add, |c, i| c * dx[i]);
                }
                TermRow::Divided(c, x) => {
                    let dx = self.gather(x, start, n, below, s);
                    self.fill_row(c, start, dy, Accum::Add, |c, i| dx[i] / c);
                }
                TermRow::ScaledProduct(c, a, b) => {
                    for (a, b) in [(a, b), (b, a)] {
                        let (da, b) = (self.gather(a, start, n, below, s), self.gather(b, start, n, values, t));
                        self.fill_row(c, start, dy, Accum::Add, |c, i| c * (da[i] * b[i]));
                    }
                }
                TermRow::Unary(f, x) => {
                    let dx = self.gather(x, start, n, below, t);
                    loops::unary_slope(f, self.gather(x, start, n, values, s), y, dx, dy, Accum::Add);
                }
                TermRow::Binary(f, a, b) => {
                    for (side, x) in [a, b].into_iter().enumerate().filter(|(_, x)| x.active) {
                        let dx = self.gather(x, start, n, below, u);
                        let at = [self.gather(a, start, n, values, s), self.gather(b, start, n, values, t), y, dx];
                        loops::binary_slope(f, side, at, dy, Accum::Add);
                    }
                }
            }
        }
    }

    /// `n` operands of a row from the `start`-th on: a slice, or gathered.
    #[inline(always)]
    fn gather<'a>(&self, x: Operand, start: usize, n: usize, from: &'a [T], scratch: &'a mut [T; BLOCK]) -> &'a [T] {
        match x.places {
            Places::From(first) => &from[first as usize + start..][..n],
            Places::Same(k) => {
                scratch[..n].fill(from[k as usize]);
                &scratch[..n]
            }
            Places::Runs(list) => {
                self.runs_of_list(list, start, n)
                    .for_each(|(to, x)| scratch[to.clone()].copy_from_slice(&from[x..][..to.len()]));
                &scratch[..n]
            }
            Places::List(list) => {
                let (list, x) = (&self.lists[list as usize + start..][..n], &mut scratch[..n]);
                x.iter_mut().zip(list).for_each(|(x, &k)| *x = from[usize::from(k)]);
                x
            }
        }
    }

    /// The ranges of a list for `n` nodes from the `start`-th on: the nodes, and the first number of each.
    #[inline(always)]
    fn runs_of_list(&self, list: u32, start: usize, n: usize) -> impl Iterator<Item = (Range<usize>, usize)> {
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

    /// y = Σ x or y += Σ x, in sequence.
    pub fn sum_operands(&self, places: Span, start: usize, from: &[T], y: &mut [T], accum: Accum) {
        let (places, n) = (places.of(&self.places), y.len());
        if n < NARROW {
            for (i, y) in y.iter_mut().enumerate() {
                let mut terms = places.iter().map(|&at| from[self.place_read(at, start + i)]);
                let first = if accum == Accum::Add { Some(*y) } else { terms.next() };
                *y = terms.fold(first.unwrap_or_default(), |sum, x| sum + x);
            }
            return;
        }
        let mut accum = accum;
        for at in places {
            match *at {
                Places::From(first) => {
                    let x = &from[first as usize + start..][..n];
                    fill(y, accum, move |i| x[i]);
                }
                Places::Same(k) => {
                    let x = from[k as usize];
                    fill(y, accum, move |_| x);
                }
                Places::Runs(list) => vectorised(
                    #[inline(always)]
                    || {
                        for (to, first) in self.runs_of_list(list, start, n) {
                            let x = &from[first..][..to.len()];
                            y[to].iter_mut().zip(x).for_each(|(y, &x)| put(y, accum, x));
                        }
                    },
                ),
                Places::List(list) => {
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

    /// The number that a row reads for a node.
    fn place_read(&self, at: Places, node: usize) -> usize {
        match at {
            Places::From(first) => first as usize + node,
            Places::Same(k) => k as usize,
            Places::Runs(list) => self.runs_of_list(list, node, 1).next().map_or(0, |(_, first)| first),
            Places::List(list) => usize::from(self.lists[list as usize + node]),
        }
    }

    /// y = f(c, i) or y += f(c, i), where c is the constant of a row.
    #[inline(always)]
    fn fill_row(&self, c: Factor<T>, start: usize, y: &mut [T], accum: Accum, f: impl Fn(T, usize) -> T + Copy) {
        match c {
            Factor::One(c) => fill(y, accum, move |i| f(c, i)),
            Factor::Each(first) => {
                let c = &self.factors[first as usize + start..][..y.len()];
                fill(y, accum, move |i| f(c[i], i));
            }
        }
    }
}
