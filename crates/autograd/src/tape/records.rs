//! The contents of a tape: values, nodes, terms, and requests of layers.

use std::cell::Cell;
use std::panic::Location;

use kernel::pool::{Memory, Pooled, widen};
use smallvec::SmallVec;

use crate::rule::op::Op;
use crate::rule::run::{Indices, run_sum};
use crate::tape::anew::Anew;
use crate::tape::comparison::Branch;
use crate::tape::custom_rule::{CustomNode, Rule, Shape};
use crate::tape::leaves::Leaves;
use crate::tape::pass::Pass;
use crate::{MatrixRef, Real};

kernel::lent!(Records<Real>);

pub(crate) struct Inner<'t, T: Real> {
    pub records: Pooled<Records<T>>,
    pub leaves: Leaves<'t, T>,
    pub indices: Indices,
    pub customs: Vec<CustomNode<T>>,
    /// The comparisons of values.
    pub branches: Vec<Branch>,
    /// The kind of the pass.
    pub pass: Pass<T>,
    /// The used length of the value buffer.
    pub used: usize,
}

/// Everything on a tape except what it borrows: its values, nodes and terms.
#[derive(Default)]
pub(crate) struct Records<T> {
    pub values: Vec<T>,
    pub nodes: Vec<Node>,
    pub terms: Vec<Op<u32>>,
    /// By identity.
    pub params: Vec<Slot>,
    /// The number of matrices that the last tape borrowed.
    pub leaves: usize,
    /// What a replay has to do anew. It is allocated when there is something, and reused like the buffers.
    pub anew: Option<Box<Anew<T>>>,
}

impl<T> Memory for Records<T> {
    fn bytes(&self) -> usize {
        self.values.bytes() + self.nodes.bytes() + self.terms.bytes() + self.params.bytes()
    }
}

impl<T> Records<T> {
    /// The list of what a replay has to do anew.
    pub fn anew(&mut self) -> &mut Anew<T> {
        self.anew.get_or_insert_default()
    }

    /// The index of a parameter among those that were recorded, or where it would be inserted. Parameters are mostly recorded in
    /// the order in which they were made, so this is usually the end.
    pub fn param(&self, id: u64) -> Result<usize, usize> {
        match self.params.last() {
            Some(last) if last.id < id => Err(self.params.len()),
            _ => self.params.binary_search_by_key(&id, |slot| slot.id),
        }
    }
}

/// A parameter, and the node of its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub id: u64,
    pub node: u32,
    /// Whether the node was [bound](crate::Tape::bind) to it, and is not its own leaf.
    pub is_bound: bool,
}

/// A value on the tape: its shape, its place, the end of its terms, the line that recorded it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    rows: u32,
    cols: u32,
    terms: u32,
    place: Place,
    active: bool,
    /// Whether a sweep keeps its derivative: it is a parameter, or an operand of a function.
    bound: bool,
    /// Whether it has a custom rule, which replaces its terms.
    custom: bool,
    /// The start in the buffer, or the number of the borrowed matrix.
    value: usize,
    source: &'static Location<'static>,
}

/// Where a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the buffer.
    Own,
    /// In the matrix whose columns it is.
    Within,
    /// Outside the tape.
    Borrowed,
}

impl Node {
    pub fn shape(&self) -> (usize, usize) {
        (self.rows as usize, self.cols as usize)
    }

    pub fn len(&self) -> usize {
        self.rows as usize * self.cols as usize
    }

    /// Whether it takes part in differentiation.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Marks this variable as a parameter or an operand of a function: a sweep keeps its derivative.
    pub fn is_bound(&self) -> bool {
        self.bound
    }

    pub fn bind(&mut self) {
        self.bound = true;
    }

    pub fn set_rule(&mut self) {
        self.custom = true;
    }

    /// Whether it has a custom rule.
    pub fn has_rule(&self) -> bool {
        self.custom
    }

    /// Values of its shape.
    #[inline(always)]
    pub fn over<'a, T: Real>(&self, values: &'a [T]) -> MatrixRef<'a, T> {
        MatrixRef::of(self.rows, self.cols, values)
    }
}

impl<'t, T: Real> Inner<'t, T> {
    /// Reserves the next `len` places of the value buffer.
    pub fn grow(&mut self, len: usize) -> &mut [T] {
        let start = self.used;
        self.used += len;
        let values = &mut self.records.values;
        widen(values, self.used);
        &mut values[start..start + len]
    }

    /// Computes the sum of terms from `start` on in the value buffer; returns whether one of their operands needs a gradient.
    pub(crate) fn compute(&mut self, start: usize, shape: (usize, usize), terms: &[Op<u32>]) -> bool {
        let active = Cell::new(false);
        let Records { values, nodes, .. } = &mut *self.records;
        let (before, rest) = values.split_at_mut(start);
        let look = |id: u32| {
            let node = &nodes[id as usize];
            active.set(active.get() | node.is_active());
            view(node, before, &self.leaves)
        };
        run_sum(terms, look, &self.indices, shape, &mut rest[..shape.0 * shape.1]);
        active.get()
    }

    /// Computes a function with a custom rule from `start` on in the value buffer; returns the new shape if it has changed.
    pub(crate) fn apply(
        &mut self,
        rule: &dyn Rule<T>,
        operands: &[u32],
        start: usize,
        shape: Shape,
    ) -> Result<(), Shape> {
        let Records { values, nodes, .. } = &mut *self.records;
        let (before, rest) = values.split_at_mut(start);
        let look = |&id: &u32| view(&nodes[id as usize], before, &self.leaves);
        let operands: SmallVec<[_; 4]> = operands.iter().map(look).collect();
        rule.forward(&operands, shape, &mut rest[..shape.0 * shape.1])
    }

    #[track_caller]
    pub fn push(&mut self, shape: (usize, usize), active: bool) -> u32 {
        self.push_at(shape, Place::Own, self.used - shape.0 * shape.1, active)
    }

    /// Adds a node whose value is stored at the given place.
    #[track_caller]
    pub fn push_at(&mut self, (rows, cols): (usize, usize), place: Place, value: usize, active: bool) -> u32 {
        let id = u32::try_from(self.records.nodes.len()).expect("a tape holds fewer than 2³² values");
        let terms = self.records.terms.len() as u32;
        let side = |n: usize| u32::try_from(n).expect("a matrix has fewer than 2³² rows and columns");
        let (rows, cols, source) = (side(rows), side(cols), Location::caller());
        self.records.nodes.push(Node { rows, cols, terms, place, active, bound: false, custom: false, value, source });
        id
    }

    /// Adds a leaf outside the tape.
    #[track_caller]
    pub fn push_borrowed(&mut self, x: MatrixRef<'t, T>, active: bool) -> u32 {
        let number = self.leaves.push(x);
        self.records.leaves = number + 1;
        self.push_at(x.shape(), Place::Borrowed, number, active)
    }

    /// Adds n columns of x from column j on, as a node whose value is a part of that of x.
    #[track_caller]
    pub fn push_columns(&mut self, x: u32, j: usize, n: usize) -> u32 {
        let node = self.node(x);
        let (rows, _) = node.shape();
        let (place, value) = match node.place {
            Place::Borrowed => {
                let part = MatrixRef::new(rows, n, &self.leaves[node.value].as_slice()[j * rows..][..n * rows]);
                (Place::Borrowed, self.leaves.push(part))
            }
            _ => (Place::Within, node.value + j * rows),
        };
        self.records.terms.push(Op::Slice(0, j as u32, x));
        self.push_at((rows, n), place, value, node.active)
    }

    /// The last of these nodes and of those that were compared: a replay needs everything up to it. Every comparison
    /// counts, wherever it was recorded, because it may have decided what was recorded or returned.
    pub fn last_needed(&self, nodes: impl Iterator<Item = u32>) -> u32 {
        nodes.chain(self.branches.iter().flat_map(Branch::nodes)).max().unwrap_or(0)
    }

    /// Everything up to a node, with copies of the borrowed leaves, and all comparisons.
    pub fn detached(&self, last: u32) -> Inner<'static, T> {
        let mut records = Pooled::<Records<T>>::take();
        let (nodes, from) = (&self.records.nodes[..=last as usize], &self.records);
        records.nodes.clear();
        records.values.clear();
        for (id, node) in nodes.iter().enumerate() {
            let value = records.values.len();
            records.values.extend_from_slice(self.view(id as u32).as_slice());
            records.nodes.push(Node { place: Place::Own, bound: false, value, ..*node });
        }
        let count = nodes.last().map_or(0, |node| node.terms as usize);
        records.terms.clear();
        records.terms.extend_from_slice(&from.terms[..count]);
        records.params.clear();
        let branches = self.branches.clone();
        let used = records.values.len();
        let customs = self.customs.iter().filter(|custom| custom.id <= last).cloned().collect();
        let indices = self.indices.clone();
        Inner { records, leaves: Leaves::new(0), indices, customs, branches, pass: Pass::new(None), used }
    }

    #[inline]
    pub fn node(&self, id: u32) -> Node {
        self.records.nodes[id as usize]
    }

    #[inline]
    pub fn view(&self, id: u32) -> MatrixRef<'_, T> {
        view(&self.records.nodes[id as usize], &self.records.values, &self.leaves)
    }

    /// The terms of a node. A leaf and a function with a custom rule have none.
    pub fn terms(&self, id: u32) -> &[Op<u32>] {
        let start = if id == 0 { 0 } else { self.records.nodes[id as usize - 1].terms };
        &self.records.terms[start as usize..self.records.nodes[id as usize].terms as usize]
    }

    /// The function of a node that has a custom rule.
    #[inline]
    pub fn custom(&self, id: u32) -> Option<&CustomNode<T>> {
        if !self.records.nodes[id as usize].custom {
            return None;
        }
        self.customs.binary_search_by_key(&id, |custom| custom.id).ok().map(|k| &self.customs[k])
    }

    /// The matrix of which a node is some columns, and the first of them.
    pub fn columns_of(&self, id: u32) -> Option<(u32, usize)> {
        match *self.terms(id) {
            [Op::Slice(0, j, x)] if self.node(id).place != Place::Own => Some((x, j as usize)),
            _ => None,
        }
    }

    /// Whether a node is a leaf.
    pub fn is_leaf(&self, id: u32) -> bool {
        self.terms(id).is_empty() && !self.records.nodes[id as usize].has_rule()
    }

    /// The operands of a node, term by term.
    pub fn operands(&self, id: u32) -> SmallVec<[u32; 4]> {
        let mut all = SmallVec::new();
        self.each_operand(id, |x| all.push(x));
        all
    }

    fn each_operand(&self, id: u32, mut f: impl FnMut(u32)) {
        if let Some(custom) = self.custom(id) {
            return custom.operands.iter().copied().for_each(f);
        }
        for &term in self.terms(id) {
            let (all, n) = term.operands();
            all[..n].iter().copied().for_each(&mut f);
        }
    }

    /// The nodes up to `y` from which it was computed, including itself.
    pub fn ancestors(&self, y: u32) -> Vec<bool> {
        let mut leads = vec![false; y as usize + 1];
        leads[y as usize] = true;
        for id in (0..=y).rev() {
            if leads[id as usize] {
                self.each_operand(id, |x| leads[x as usize] = true);
            }
        }
        leads
    }

    /// The nodes up to `last` that were computed from one of `xs`, including these.
    pub fn descendants(&self, xs: impl IntoIterator<Item = u32>, last: u32) -> Vec<bool> {
        let mut reached = vec![false; last as usize + 1];
        let mut first = last + 1;
        for x in xs.into_iter().filter(|&x| x <= last) {
            reached[x as usize] = true;
            first = first.min(x);
        }
        for id in first..=last {
            let mut found = reached[id as usize];
            self.each_operand(id, |x| found |= reached[x as usize]);
            reached[id as usize] = found;
        }
        reached
    }

    /// The names of the terms of a node.
    pub fn names(&self, id: u32) -> Vec<&str> {
        match self.custom(id) {
            Some(custom) => vec![custom.rule.name()],
            None => self.terms(id).iter().map(Op::name).collect(),
        }
    }

    /// The line that recorded a node.
    pub fn source(&self, id: u32) -> &'static Location<'static> {
        self.records.nodes[id as usize].source
    }
}

#[inline(always)]
fn view<'a, T: Real>(node: &Node, values: &'a [T], leaves: &Leaves<'a, T>) -> MatrixRef<'a, T> {
    if node.place == Place::Borrowed {
        return leaves[node.value];
    }
    node.over(&values[node.value..][..node.len()])
}
