//! Runs the lists.

use std::ops::Range;

use kernel::pool::Pooled;
use kernel::simd::{Accum, Out, fill};
use smallvec::SmallVec;

use super::{Misfit, NodeRule, Steps};
use crate::replay::Stale;
use crate::rule::run::{run_linear, run_sum};
use crate::sweep::backward::DELTA;
use crate::sweep::log::DeltaStep;
use crate::tape::comparison::Branch;
use crate::tape::custom_rule::NodeBuffers;
use crate::{MatrixRef, Real};

impl<T: Real> Steps<T> {
    /// Computes every value, and compares as soon as both sides are known, because a function may be defined only where a
    /// comparison has the recorded outcome. A program compares in the end.
    pub fn compute(&mut self, leaves: &[MatrixRef<'_, T>]) -> Result<(), Misfit> {
        let (mut first, mut branches) = (0, &self.branches[..]);
        for (done, step) in self.forward.iter().enumerate() {
            self.compare(&mut branches, done, leaves)?;
            let place = self.places[step.node as usize];
            let (before, rest) = self.values.split_at_mut(place.start);
            let (shape, data) = (place.shape(), &mut rest[..place.len()]);
            let look = |node: u32| self.places[node as usize].look(before, leaves);
            let terms = &self.terms[first..step.terms as usize];
            first = step.terms as usize;
            match step.rule {
                None => run_sum(terms, look, &self.indices, shape, data),
                Some(rule) => {
                    let NodeRule { rule, operands, source, .. } = &self.rules[rule as usize];
                    let x: SmallVec<[_; 4]> = operands.iter().map(|&x| look(x)).collect();
                    if let Err((p, q)) = rule.forward(&x, shape, data) {
                        let (name, (m, n)) = (rule.name(), shape);
                        let what = format!("{name} ({source}): the value is {p} × {q} and was recorded as {m} × {n}");
                        return Err(Misfit::Shape(what));
                    }
                }
            }
        }
        self.compare(&mut branches, self.forward.len(), leaves)
    }

    /// Takes the comparisons that are known after `done` steps off the list; whether they have the recorded outcome.
    #[inline]
    fn compare(
        &self,
        branches: &mut &[(usize, Branch)],
        done: usize,
        leaves: &[MatrixRef<'_, T>],
    ) -> Result<(), Misfit> {
        while let [(known, branch), rest @ ..] = branches
            && *known <= done
        {
            let now = branch.compare(|node| self.look(node, leaves).as_slice()[0]);
            if now != branch.found {
                return Err(Misfit::Stale(Stale { source: branch.source, recorded: branch.found, now }));
            }
            *branches = rest;
        }
        Ok(())
    }

    /// The derivatives of Σ w ⊙ output.
    pub fn sweep(&self, leaves: &[MatrixRef<'_, T>], weights: &[T], deltas: &mut [T]) {
        self.sweep_part(0..self.backward.len(), leaves, weights, deltas);
    }

    /// Some steps of the sweep.
    pub fn sweep_part(&self, steps: Range<usize>, leaves: &[MatrixRef<'_, T>], weights: &[T], deltas: &mut [T]) {
        for step in &self.backward[steps] {
            match step {
                DeltaStep::Seed { at, len } => deltas[*at..][..*len].copy_from_slice(weights),
                DeltaStep::Zero { at, len } => deltas[*at..][..*len].fill(T::default()),
                DeltaStep::Copy { from, to, len } => deltas.copy_within(*from..from + len, *to),
                DeltaStep::Add { from, to, len } => {
                    let (x, y) = pair(deltas, (*from, *len), (*to, *len));
                    fill(y, Accum::Add, |i| x[i]);
                }
                &DeltaStep::Term { term, y, dy, x, dx, accum } => {
                    let [of_y, of_x] = [y, x].map(|node| self.places[node as usize]);
                    let (from, data) = pair(deltas, (dy, of_y.len()), (dx, of_x.len()));
                    let dy = MatrixRef::of(of_y.rows, of_y.cols, from);
                    let look = |node| if node == DELTA { dy } else { self.look(node, leaves) };
                    let (rows, cols) = of_x.shape();
                    run_linear(term, look, &self.indices, accum, Out { rows, cols, data });
                }
                DeltaStep::Custom { y, dy, written } => self.pull_custom(*y, *dy, written, leaves, deltas),
            }
        }
    }

    fn pull_custom(
        &self,
        y: u32,
        dy: usize,
        written: &[(u32, usize, Accum)],
        leaves: &[MatrixRef<'_, T>],
        deltas: &mut [T],
    ) {
        let known = self.rules.binary_search_by_key(&y, |rule| rule.node).expect("it was written");
        let NodeRule { rule, operands, needs, source, .. } = &self.rules[known];
        let x: SmallVec<[_; 4]> = operands.iter().map(|&x| self.look(x, leaves)).collect();
        let (name, y, len) = (rule.name(), self.look(y, leaves), |node: u32| self.places[node as usize].len());
        // A copy, because the rule reads δy while it writes several others.
        let mut copy = Pooled::<Vec<T>>::take();
        copy.clear();
        copy.extend_from_slice(&deltas[dy..][..y.as_slice().len()]);
        let (rows, cols) = y.shape();
        let at = NodeBuffers { x: &x, y, dy: MatrixRef::new(rows, cols, &copy), source };
        let mut done = SmallVec::<[u32; 4]>::new();
        rule.pull(&at, needs, &mut |k, write| {
            // If an operand was written several times, its first entry says whether the first term replaces what is there.
            let target = written.iter().find(|(x, ..)| *x == operands[k]);
            let &(x, start, accum) = target.expect("every operand with a derivative has a place");
            let accum = if done.contains(&x) { Accum::Add } else { accum };
            done.push(x);
            write(&mut deltas[start..][..len(x)], accum);
        });
        for &(x, start, accum) in written.iter().filter(|(x, ..)| !done.contains(x)) {
            let k = operands.iter().position(|&operand| operand == x).unwrap_or(0);
            assert!(
                self.of_program,
                "{name} ({source}): operand {k} gets no gradient, but it got one when it was recorded: record again"
            );
            if accum == Accum::Replace {
                deltas[start..][..len(x)].fill(T::default());
            }
        }
    }
}

/// A part of a buffer to read and another to write.
#[inline(always)]
fn pair<T>(all: &mut [T], from: (usize, usize), to: (usize, usize)) -> (&[T], &mut [T]) {
    let [from, to] = all.get_disjoint_mut([from.0..from.0 + from.1, to.0..to.0 + to.1]).expect("derivatives lie apart");
    (from, to)
}
