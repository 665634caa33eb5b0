//! Writes a plan from a tape and one sweep of it.

use kernel::pool::Pooled;
use kernel::simd::Accum;
use smallvec::SmallVec;

use super::run::{PlacedStep, Target};
use super::{DELTAS, NotPlanned, Place, PlacedCustom, Plan, PlannedParam, VALUES, ValueStep};
use crate::rule::op::Op;
use crate::sweep::backward::{DELTA, Keep, sweep};
use crate::sweep::log::DeltaStep;
use crate::sweep::regions::Deltas;
use crate::tape::anew::{Anew, source_of};
use crate::tape::comparison::{Branch, Side};
use crate::tape::records::{Inner, Slot};
use crate::{Means, Real, Var};

/// The plan of a number.
pub(super) fn plan<'t, T: Real>(
    y: Var<'t, T>,
    inputs: &[Var<'t, T>],
    classes: &[usize],
) -> Result<Plan<T>, NotPlanned> {
    let tape = y.tape();
    if let Some(source) = tape.was_read() {
        return Err(NotPlanned { what: "reads a plain number".into(), source });
    }
    tape.with(|inner| {
        let nothing = Anew::default();
        let anew = inner.records.anew.as_deref().unwrap_or(&nothing);
        if let Some((what, source)) = anew.unseen {
            return Err(NotPlanned { what: what.into(), source });
        }
        let mut writer = Writer::new(inner, anew, y.id, inputs.iter().map(|x| x.id).collect(), classes)?;
        writer.write_values();
        let backward = writer.sweep(y.id)?;
        Ok(writer.finish(tape.id(), y.id, backward))
    })
}

/// A tape on its way into a plan.
struct Writer<'a, 't, T: Real> {
    inner: &'a Inner<'t, T>,
    anew: &'a Anew<T>,
    /// The leaves that are given in every run: inputs, then parameters.
    leaves: Vec<u32>,
    inputs: usize,
    params: Vec<PlannedParam>,
    /// Constants that are written anew in every run.
    classes: Vec<u32>,
    /// Nodes that are computed in every run.
    runs: Vec<bool>,
    /// Nodes that are read.
    read: Vec<bool>,
    places: Vec<Place>,
    plan: Lists<T>,
}

/// The lists of a plan.
struct Lists<T> {
    values: Vec<T>,
    forward: Vec<ValueStep>,
    terms: Vec<Op<Place>>,
    customs: Vec<PlacedCustom<T>>,
    /// The nodes of `customs`, in order.
    custom_of: Vec<u32>,
    /// The nodes of `forward`, in order.
    forward_of: Vec<u32>,
}

impl<T> Lists<T> {
    fn new() -> Self {
        Lists {
            values: Vec::new(),
            forward: Vec::new(),
            terms: Vec::new(),
            customs: Vec::new(),
            custom_of: Vec::new(),
            forward_of: Vec::new(),
        }
    }
}

impl<'a, 't, T: Real> Writer<'a, 't, T> {
    fn new(
        inner: &'a Inner<'t, T>,
        anew: &'a Anew<T>,
        y: u32,
        inputs: Vec<u32>,
        classes: &[usize],
    ) -> Result<Self, NotPlanned> {
        let (count, given) = (inputs.len(), source_of(classes));
        let slots: Vec<_> = inner.records.params.iter().filter(|slot| !slot.is_bound).collect();
        let planned = |slot: &&Slot| {
            let node = inner.node(slot.node);
            PlannedParam { id: slot.id, shape: node.shape(), trained: node.is_active(), run: 0 }
        };
        let params: Vec<_> = slots.iter().map(planned).collect();
        let leaves: Vec<u32> = inputs.iter().copied().chain(slots.iter().map(|slot| slot.node)).collect();
        let mut of_classes = Vec::new();
        for &(node, source) in anew.classes.iter().filter(|(node, _)| !inputs.contains(node)) {
            if classes.is_empty() || source != given {
                let what = "makes a one-hot constant of classes that are no input".into();
                return Err(NotPlanned { what, source: inner.source(node) });
            }
            of_classes.push(node);
        }
        let written: Vec<u32> = of_classes.iter().copied().chain(anew.drawn.iter().map(|(node, _)| *node)).collect();
        let compared = inner.branches.iter().flat_map(Branch::nodes);
        let updates = inner.pass.computed.iter().map(|(_, node)| *node);
        let means = anew.means.iter().copied();
        let roots: Vec<u32> =
            [y].into_iter().chain(compared).chain(updates).chain(means).chain(written.iter().copied()).collect();
        let last = roots.iter().chain(&leaves).copied().max().unwrap_or(y);
        let moves = inner.descendants(leaves.iter().copied().chain(written), last);
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
        let places = vec![Place::default(); moves.len()];
        Ok(Writer {
            inner,
            anew,
            leaves,
            inputs: count,
            params,
            classes: of_classes,
            runs,
            read,
            places,
            plan: Lists::new(),
        })
    }

    /// Gives every node that is read a place, and writes the steps of those that are computed.
    fn write_values(&mut self) {
        let mut leaf_of = vec![None; self.read.len()];
        (0..).zip(&self.leaves).for_each(|(k, &leaf)| leaf_of[leaf as usize] = Some(k));
        for id in 0..self.read.len() as u32 {
            if !self.read[id as usize] {
                continue;
            }
            let (rows, cols) = self.inner.node(id).shape();
            let own = Place { rows: rows as u32, cols: cols as u32, of: VALUES, start: self.plan.values.len() };
            self.places[id as usize] = match (leaf_of[id as usize], self.inner.columns_of(id)) {
                (Some(leaf), _) => Place { of: leaf, start: 0, ..own },
                (None, Some((x, j))) => {
                    let Place { of, start, .. } = self.places[x as usize];
                    Place { of, start: start + j * rows, ..own }
                }
                (None, None) => {
                    self.plan.values.extend_from_slice(self.inner.view(id).as_slice());
                    self.write_step(id, own);
                    own
                }
            };
        }
    }

    /// Writes how a node is computed, if it is, and its function, which a sweep may need even if its value stays.
    fn write_step(&mut self, id: u32, place: Place) {
        let Writer { inner, places, plan, runs, .. } = self;
        let at = |x: u32| places[x as usize];
        let (runs, active) = (runs[id as usize], inner.node(id).is_active());
        let custom = inner.custom(id).filter(|_| runs || active).map(|custom| {
            let operands = custom.operands.iter().map(|&x| at(x)).collect();
            let needs = custom.operands.iter().map(|&x| inner.node(x).is_active()).collect();
            let (rule, source) = (custom.rule.clone(), inner.source(id));
            plan.customs.push(PlacedCustom { rule, operands, needs, value: place, source });
            plan.custom_of.push(id);
            plan.customs.len() as u32 - 1
        });
        if runs {
            plan.terms.extend(inner.terms(id).iter().map(|term| term.map(at)));
            plan.forward_of.push(id);
            plan.forward.push(ValueStep { place, terms: plan.terms.len() as u32, custom });
        }
    }

    /// Sweeps once, and writes down what the sweep does.
    fn sweep(&self, y: u32) -> Result<(Vec<PlacedStep>, Deltas<T>), NotPlanned> {
        let (mut deltas, mut log) = (Pooled::<Deltas<T>>::take(), Vec::new());
        sweep(self.inner, &[(y, &[T::from_f64(1.0)])], Keep::Leaves, &mut deltas, None, &mut log);
        let steps: Result<Vec<_>, _> = log.into_iter().filter_map(|step| self.placed(step).transpose()).collect();
        Ok((steps?, deltas.layout()))
    }

    /// A step of the sweep with its places; `None` if it does nothing.
    fn placed(&self, step: DeltaStep) -> Result<Option<PlacedStep>, NotPlanned> {
        let delta = |id: u32, start: usize| {
            let (rows, cols) = self.inner.node(id).shape();
            Place { rows: rows as u32, cols: cols as u32, of: DELTAS, start }
        };
        Ok(Some(match step {
            DeltaStep::Seed { at, len } => PlacedStep::Seed { at, len },
            DeltaStep::Zero { len: 0, .. } | DeltaStep::Copy { len: 0, .. } | DeltaStep::Add { len: 0, .. } => {
                return Ok(None);
            }
            DeltaStep::Zero { at, len } => PlacedStep::Zero { at, len },
            DeltaStep::Copy { from, to, len } => PlacedStep::Copy { from, to, len },
            DeltaStep::Add { from, to, len } => PlacedStep::Add { from, to, len },
            DeltaStep::Term { term, y, dy, x, dx, accum } => {
                let term = term.map(|id| if id == DELTA { delta(y, dy) } else { self.places[id as usize] });
                PlacedStep::Term { term, dy: delta(y, dy), dx: delta(x, dx), accum }
            }
            DeltaStep::Custom { y, dy, written } => {
                let custom = self.inner.custom(y).expect("it has a custom rule");
                let mut to = SmallVec::new();
                for (k, &x) in custom.operands.iter().enumerate() {
                    let first = custom.operands.iter().position(|&y| y == x).unwrap_or(k);
                    match written.iter().find(|(id, ..)| *id == x) {
                        Some(&(_, start, accum)) => {
                            to.push(Target { start, replaces: accum == Accum::Replace, first });
                        }
                        None if self.inner.node(x).is_active() => {
                            let what = format!("leaves out a gradient of `{}`", custom.rule.name());
                            return Err(NotPlanned { what, source: self.inner.source(y) });
                        }
                        None => to.push(Target { first, ..Target::default() }),
                    }
                }
                let known = self.plan.custom_of.binary_search(&y).expect("it was written");
                PlacedStep::Custom { number: known as u32, dy: delta(y, dy), to }
            }
        }))
    }

    fn finish(self, tape: u64, y: u32, (backward, layout): (Vec<PlacedStep>, Deltas<T>)) -> Plan<T> {
        let Writer { inner, anew, leaves, inputs, params, classes, places, plan, .. } = self;
        let at = |id: u32| places[id as usize];
        let Lists { values, forward, terms, customs, forward_of, .. } = plan;
        let known = |branch: Branch| {
            let last = branch.nodes().max().expect("two sides");
            (forward_of.partition_point(|&id| id <= last), branch)
        };
        let (mut branches, mut compared) = (inner.branches.iter().copied().map(known).collect::<Vec<_>>(), Vec::new());
        branches.sort_by_key(|(known, _)| *known);
        let mut number = |id: &mut u32| {
            compared.push(at(*id));
            *id = compared.len() as u32 - 1;
        };
        for (_, Branch { left, right, .. }) in &mut branches {
            number(left);
            if let Side::Node(id) = right {
                number(id);
            }
        }
        Plan {
            tape,
            values,
            forward,
            terms,
            backward,
            layout,
            customs,
            indices: inner.indices.clone(),
            branches,
            compared,
            output: at(y),
            inputs: leaves[..inputs].iter().map(|&id| inner.node(id).shape()).collect(),
            params,
            is_training: inner.pass.is_training(),
            classes: classes.into_iter().map(at).collect(),
            drawn: anew.drawn.iter().map(|(id, fill)| (at(*id), fill.clone())).collect(),
            updates: inner.pass.computed.iter().map(|(id, node)| (*id, at(*node))).collect(),
            means: match anew.means[..] {
                [] => inner.pass.means,
                _ => Means { weight: None, several: false, ..inner.pass.means },
            },
            weights: anew.means.iter().copied().map(at).collect(),
            runs: 0,
            spare: Vec::new(),
        }
    }
}
