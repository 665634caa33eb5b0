//! Writes the lists from a tape and one sweep of it.

use kernel::pool::Pooled;
use kernel::simd::Accum;

use super::{NodeRule, Place, Steps, VALUES, ValueStep};
use crate::Real;
use crate::replay::NotPlanned;
use crate::sweep::backward::{Keep, sweep};
use crate::sweep::log::{DeltaStep, Written};
use crate::sweep::regions::Deltas;
use crate::tape::comparison::Branch;
use crate::tape::records::Inner;

/// A tape on its way into lists.
pub(in crate::replay) struct Writer<'a, 't, T: Real> {
    inner: &'a Inner<'t, T>,
    /// Nodes that are computed in every run.
    runs: Vec<bool>,
    steps: Steps<T>,
}

impl<'a, 't, T: Real> Writer<'a, 't, T> {
    /// For a plan of a number or a program: `leaves` are given in every run, the constants `written` are written anew, and the nodes
    /// `kept` are read besides the output and what is compared.
    pub fn new(
        inner: &'a Inner<'t, T>,
        output: u32,
        leaves: &[u32],
        written: &[u32],
        kept: impl Iterator<Item = u32>,
        of_program: bool,
    ) -> Self {
        let compared = inner.branches.iter().flat_map(Branch::nodes);
        let roots: Vec<u32> = [output].into_iter().chain(compared).chain(kept).chain(written.iter().copied()).collect();
        let last = roots.iter().chain(leaves).copied().max().unwrap_or(output);
        let moves = inner.descendants(leaves.iter().chain(written).copied(), last);
        let (mut runs, mut read) = (vec![false; moves.len()], vec![false; moves.len()]);
        roots.iter().for_each(|&root| read[root as usize] = true);
        for id in (0..=last).rev() {
            if !read[id as usize] {
                continue;
            }
            runs[id as usize] = moves[id as usize] && !inner.is_leaf(id);
            // What does not move keeps its value. A sweep may read what it was computed from.
            if runs[id as usize] || inner.node(id).is_active() || inner.columns_of(id).is_some() {
                inner.operands(id).iter().for_each(|&x| read[x as usize] = true);
            }
        }
        let steps = Steps {
            values: Vec::new(),
            places: vec![Place::default(); read.len()],
            forward: Vec::new(),
            terms: Vec::new(),
            backward: Vec::new(),
            rules: Vec::new(),
            indices: inner.indices.clone(),
            branches: Vec::new(),
            output,
            of_program,
        };
        let mut writer = Writer { inner, runs, steps };
        writer.write_values(leaves, &read);
        writer.write_branches();
        writer
    }

    /// Gives every node that is read a place, and writes the steps of those that are computed.
    fn write_values(&mut self, leaves: &[u32], read: &[bool]) {
        let mut leaf_of = vec![None; read.len()];
        (0..).zip(leaves).for_each(|(k, &leaf)| leaf_of[leaf as usize] = Some(k));
        for id in (0..read.len() as u32).filter(|&id| read[id as usize]) {
            let (rows, cols) = self.inner.node(id).shape();
            let own = Place { rows: rows as u32, cols: cols as u32, of: VALUES, start: self.steps.values.len() };
            self.steps.places[id as usize] = match (leaf_of[id as usize], self.inner.columns_of(id)) {
                (Some(leaf), _) => Place { of: leaf, start: 0, ..own },
                (None, Some((x, j))) => {
                    let Place { of, start, .. } = self.place(x);
                    Place { of, start: start + j * rows, ..own }
                }
                (None, None) => {
                    self.steps.values.extend_from_slice(self.inner.view(id).as_slice());
                    self.write_step(id);
                    own
                }
            };
        }
    }

    /// Writes how a node is computed, if it is, and its rule, which a sweep may need even if its value stays.
    fn write_step(&mut self, node: u32) {
        let Writer { inner, steps, runs, .. } = self;
        let (runs, is_active) = (runs[node as usize], inner.node(node).is_active());
        let rule = inner.custom(node).filter(|_| runs || is_active).map(|custom| {
            let operands = custom.operands.iter().copied().collect();
            let needs = custom.operands.iter().map(|&x| inner.node(x).is_active()).collect();
            let (rule, source) = (custom.rule.clone(), inner.source(node));
            steps.rules.push(NodeRule { node, rule, operands, needs, source });
            steps.rules.len() as u32 - 1
        });
        if runs {
            steps.terms.extend_from_slice(inner.terms(node));
            steps.forward.push(ValueStep { node, terms: steps.terms.len() as u32, rule, is_active });
        }
    }

    /// Writes the comparisons in the order in which they are known. A program computes everything first, also where a comparison has
    /// another outcome, and compares in the order of the recording.
    fn write_branches(&mut self) {
        let Steps { forward, branches, of_program, .. } = &mut self.steps;
        let known = |&branch: &Branch| {
            let last = if *of_program { u32::MAX } else { branch.nodes().max().expect("two sides") };
            (forward.partition_point(|step| step.node <= last), branch)
        };
        branches.extend(self.inner.branches.iter().map(known));
        branches.sort_by_key(|(known, _)| *known);
    }

    /// The place of a node.
    pub fn place(&self, id: u32) -> Place {
        self.steps.places[id as usize]
    }

    /// Sweeps once, and writes down what the sweep does; also where the derivatives are. For a program nothing is computed, because it may
    /// be asked for values only.
    ///
    /// # Errors
    /// In a plan, if a custom rule leaves out a gradient.
    pub fn finish(mut self) -> Result<(Steps<T>, Pooled<Deltas<T>>), NotPlanned> {
        let mut deltas = Pooled::<Deltas<T>>::take();
        let mut log = Written { steps: Vec::new(), is_dry: self.steps.of_program };
        let weights = vec![T::from_f64(1.0); self.place(self.steps.output).len()];
        sweep(self.inner, &[(self.steps.output, &weights)], Keep::Leaves, &mut deltas, None, &mut log);
        log.steps.retain(|step| !step.is_empty());
        log.steps.shrink_to_fit();
        for step in &log.steps {
            if let DeltaStep::Custom { y, written, .. } = step {
                self.complete(*y, written)?;
            }
        }
        self.steps.backward = log.steps;
        Ok((self.steps, deltas))
    }

    /// Whether every operand that needs a gradient gets one.
    fn complete(&self, y: u32, written: &[(u32, usize, Accum)]) -> Result<(), NotPlanned> {
        let custom = self.inner.custom(y).expect("it has a custom rule");
        let left_out = |&&x: &&u32| self.inner.node(x).is_active() && written.iter().all(|(known, ..)| *known != x);
        match custom.operands.iter().find(left_out) {
            None => Ok(()),
            Some(_) => {
                let what = format!("leaves out a gradient of `{}`", custom.rule.name());
                Err(NotPlanned { what, source: self.inner.source(y) })
            }
        }
    }
}
