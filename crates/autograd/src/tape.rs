//! Recording: values in one buffer, a node for each, operands before results.

use std::cell::RefCell;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use crate::branch::Branch;
use crate::custom::{CustomNode, Rule};
use crate::elementwise::Accum;
use crate::gradients::Slot;
use crate::op::{Custom, Index, Op};
use crate::pool::{Pooled, Records};
use crate::run::{Indices, Out, add_two, run};
use crate::{Matrix, MatrixRef, Param, Real, Var};

/// A record of a computation: every value, and how it came from earlier ones.
///
/// A tape borrows its parameters and data for `'t`, and its variables borrow the tape for as long.
/// It has no destructor that mentions `'t`: the model may be changed while the tape is in scope, once
/// no variable is used any more. A recorded tape cannot be moved; it ends with its scope, and its
/// buffers serve the next one.
///
/// ```
/// use autograd::{Matrix, Tape};
/// let w = Matrix::from([[1.0, -2.0]]);
/// let tape = Tape::new();
/// let w = tape.variable(&w);
/// let x = tape.constant(Matrix::from([[3.0], [0.5]]));
/// let y = w.matmul(x).tanh();
/// let slope = 1.0 - y.item() * y.item();
/// assert_eq!(y.backward().wrt(w).as_slice(), [3.0 * slope, 0.5 * slope]);
/// ```
pub struct Tape<'t, T: Real> {
    id: u64,
    inner: RefCell<Inner<'t, T>>,
}

/// What a leaf is made of: borrowed matrices stay where they are, owned ones are copied to the tape.
pub enum Leaf<'t, T> {
    /// A matrix that outlives the tape.
    Borrowed(MatrixRef<'t, T>),
    /// A matrix that the tape copies.
    Owned(Matrix<T>),
    /// A 1 × 1 matrix.
    Number(T),
}

pub(crate) struct Inner<'t, T: Real> {
    pub records: Pooled<T, Records<T>>,
    pub leaves: Vec<MatrixRef<'t, T>>,
    pub indices: Indices,
    pub customs: Vec<CustomNode<T>>,
    /// The comparisons that were made of values.
    pub branches: Vec<Branch>,
    /// How much of the value buffer is in use, and how long the gradient buffer will be.
    used: usize,
    pub grads: usize,
}

/// A value on the tape: its shape, where it lies, where its gradient will lie, where its terms begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    rows: u32,
    cols: u32,
    terms: u32,
    /// The number of the borrowed leaf, or `NONE` for a value in the buffer.
    leaf: u32,
    value: usize,
    grad: usize,
}

const NONE: u32 = u32::MAX;

impl Node {
    pub fn shape(&self) -> (usize, usize) {
        (self.rows as usize, self.cols as usize)
    }

    pub fn len(&self) -> usize {
        self.rows as usize * self.cols as usize
    }

    /// Where its gradient lies; `None` for a constant.
    pub fn grad(&self) -> Option<usize> {
        (self.grad != usize::MAX).then_some(self.grad)
    }
}

impl<'t, T: Real> Tape<'t, T> {
    /// An empty tape, on the buffers of an earlier one of this thread if there was one.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut records = Pooled::<T, Records<T>>::take();
        records.nodes.clear();
        records.terms.clear();
        records.sources.clear();
        records.params.clear();
        let leaves = Vec::with_capacity(records.leaves);
        let (customs, branches) = (Vec::new(), Vec::new());
        let inner = Inner { records, leaves, indices: Indices::default(), customs, branches, used: 0, grads: 0 };
        Tape { id: NEXT.fetch_add(1, Ordering::Relaxed), inner: RefCell::new(inner) }
    }

    /// Records a leaf that gets a gradient.
    #[track_caller]
    pub fn variable(&'t self, value: impl Into<Leaf<'t, T>>) -> Var<'t, T> {
        self.leaf(value.into(), true)
    }

    /// Records a leaf that gets no gradient: data. Nothing is computed for it in the sweep.
    #[track_caller]
    pub fn constant(&'t self, value: impl Into<Leaf<'t, T>>) -> Var<'t, T> {
        self.leaf(value.into(), false)
    }

    /// Records a parameter, or finds it where it was recorded before.
    #[track_caller]
    pub fn param(&'t self, param: &'t Param<T>) -> Var<'t, T> {
        if let Some(slot) = self.inner.borrow().records.params.iter().find(|slot| slot.id == param.id()) {
            return Var::new(self, slot.node);
        }
        let var = self.variable(param.value());
        let (rows, cols) = param.value().shape();
        let slot = Slot { id: param.id(), node: var.id, rows, cols };
        self.inner.borrow_mut().records.params.push(slot);
        var
    }

    /// How many values the tape holds, leaves included.
    pub fn len(&self) -> usize {
        self.inner.borrow().records.nodes.len()
    }

    /// Whether nothing has been recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Records a constant that `write` fills in where it lies, from zeros.
    #[track_caller]
    pub(crate) fn constant_with(&'t self, shape: (usize, usize), write: impl FnOnce(&mut [T])) -> Var<'t, T> {
        let inner = &mut *self.inner.borrow_mut();
        let place = inner.grow(shape.0 * shape.1);
        place.fill(T::default());
        write(place);
        Var::new(self, inner.push(shape, NONE, false))
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(&Inner<'t, T>) -> R) -> R {
        f(&self.inner.borrow())
    }

    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(&mut Inner<'t, T>) -> R) -> R {
        f(&mut self.inner.borrow_mut())
    }

    /// Keeps an index list.
    pub(crate) fn index(&self, index: impl IntoIterator<Item = usize>) -> Index {
        let entry = |k: usize| u32::try_from(k).expect("an index is below 2³²");
        let indices = &mut self.inner.borrow_mut().indices.0;
        indices.push(index.into_iter().map(entry).collect());
        Index(indices.len() as u32 - 1)
    }

    #[track_caller]
    fn leaf(&'t self, leaf: Leaf<'t, T>, active: bool) -> Var<'t, T> {
        let inner = &mut *self.inner.borrow_mut();
        let (leaf, (rows, cols)) = match &leaf {
            Leaf::Borrowed(x) => {
                inner.leaves.push(*x);
                inner.records.leaves = inner.leaves.len();
                ((inner.leaves.len() - 1) as u32, x.shape())
            }
            Leaf::Owned(x) => {
                inner.grow(x.as_slice().len()).copy_from_slice(x.as_slice());
                (NONE, x.shape())
            }
            Leaf::Number(x) => {
                inner.grow(1)[0] = *x;
                (NONE, (1, 1))
            }
        };
        Var::new(self, inner.push((rows, cols), leaf, active))
    }

    /// Records a node: the sum of the terms, of which those whose rule reads the value stand alone.
    #[track_caller]
    pub(crate) fn record(&'t self, shape: (usize, usize), terms: &[Op<u32>]) -> Var<'t, T> {
        debug_assert!(terms.len() == 1 || terms.iter().all(Op::may_share_node));
        let inner = &mut *self.inner.borrow_mut();
        inner.grow(shape.0 * shape.1);
        let active = inner.compute(inner.used - shape.0 * shape.1, shape, terms);
        inner.records.terms.extend_from_slice(terms);
        Var::new(self, inner.push(shape, NONE, active))
    }

    /// The value of x as a node that passes no gradient on.
    #[track_caller]
    pub(crate) fn record_stopped(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let (shape, terms) = (x.shape(), [Op::Add(1.0, x.id)]);
        let inner = &mut *self.inner.borrow_mut();
        inner.grow(shape.0 * shape.1);
        inner.compute(inner.used - shape.0 * shape.1, shape, &terms);
        inner.records.terms.extend_from_slice(&terms);
        Var::new(self, inner.push(shape, NONE, false))
    }

    /// Records a function with a rule of its own, of a shape that is known.
    #[track_caller]
    pub(crate) fn record_rule(&'t self, shape: (usize, usize), rule: Arc<dyn Rule<T>>, x: &[Var<'t, T>]) -> Var<'t, T> {
        let inner = &mut *self.inner.borrow_mut();
        inner.grow(shape.0 * shape.1);
        let start = inner.used - shape.0 * shape.1;
        let operands: SmallVec<[_; 4]> = x.iter().map(|x| x.id).collect();
        inner.apply(&*rule, &operands, start, shape.0 * shape.1);
        self.push_custom(inner, shape, rule, x)
    }

    /// Records a function with a rule of its own, whose value has been computed.
    #[track_caller]
    pub(crate) fn record_value(&'t self, value: Matrix<T>, rule: Arc<dyn Rule<T>>, x: &[Var<'t, T>]) -> Var<'t, T> {
        let inner = &mut *self.inner.borrow_mut();
        inner.grow(value.as_slice().len()).copy_from_slice(value.as_slice());
        self.push_custom(inner, value.shape(), rule, x)
    }

    #[track_caller]
    fn push_custom(
        &'t self,
        inner: &mut Inner<'t, T>,
        shape: (usize, usize),
        rule: Arc<dyn Rule<T>>,
        x: &[Var<'t, T>],
    ) -> Var<'t, T> {
        let operands: SmallVec<_> = x.iter().map(|x| x.id).collect();
        let active = operands.iter().any(|&x| inner.node(x).grad().is_some());
        inner.records.terms.push(Op::Custom(Custom(inner.customs.len() as u32)));
        inner.customs.push(CustomNode { rule, operands });
        Var::new(self, inner.push(shape, NONE, active))
    }
}

impl<T: Real> Default for Tape<'_, T> {
    fn default() -> Self {
        Tape::new()
    }
}

impl<'t, T: Real> Inner<'t, T> {
    /// The next `len` places of the value buffer.
    fn grow(&mut self, len: usize) -> &mut [T] {
        let start = self.used;
        self.used += len;
        let values = &mut self.records.values;
        if values.len() < self.used {
            let room = self.used.max(values.len() + values.len() / 2);
            values.resize(room, T::default());
        }
        &mut values[start..start + len]
    }

    /// Computes the sum of terms from `start` on in the value buffer; whether one of their operands needs a gradient.
    pub(crate) fn compute(&mut self, start: usize, shape: (usize, usize), terms: &[Op<u32>]) -> bool {
        let mut active = false;
        let Records { values, nodes, .. } = &mut *self.records;
        let (before, rest) = values.split_at_mut(start);
        let mut look = |id: u32| {
            let node = &nodes[id as usize];
            active |= node.grad().is_some();
            view(node, before, &self.leaves)
        };
        let (rows, cols) = shape;
        let data = &mut rest[..rows * cols];
        if let [Op::Add(c, a), Op::Add(d, b)] = *terms
            && nodes[a as usize].shape() == shape
            && nodes[b as usize].shape() == shape
        {
            add_two([c, d], look(a).as_slice(), look(b).as_slice(), data);
        } else {
            let mut accum = Accum::Replace;
            for term in terms {
                run(term.map(&mut look), &self.indices, accum, Out { rows, cols, data });
                accum = Accum::Add;
            }
        }
        active
    }

    /// Computes a function with a rule of its own from `start` on in the value buffer.
    pub(crate) fn apply(&mut self, rule: &dyn Rule<T>, operands: &[u32], start: usize, len: usize) {
        let Records { values, nodes, .. } = &mut *self.records;
        let (before, rest) = values.split_at_mut(start);
        let look = |&id: &u32| view(&nodes[id as usize], before, &self.leaves);
        let operands: SmallVec<[_; 4]> = operands.iter().map(look).collect();
        rule.forward(&operands, &mut rest[..len]);
    }

    #[track_caller]
    fn push(&mut self, (rows, cols): (usize, usize), leaf: u32, active: bool) -> u32 {
        let len = rows * cols;
        let grad = if active { self.grads } else { usize::MAX };
        self.grads += if active { len } else { 0 };
        let value = if leaf == NONE { self.used - len } else { 0 };
        let id = u32::try_from(self.records.nodes.len()).expect("a tape holds fewer than 2³² values");
        let terms = self.records.terms.len() as u32;
        let side = |n: usize| u32::try_from(n).expect("a matrix has fewer than 2³² rows and columns");
        self.records.nodes.push(Node { rows: side(rows), cols: side(cols), terms, leaf, value, grad });
        self.records.sources.push(Location::caller());
        id
    }

    /// Everything up to a node, with the borrowed leaves copied.
    pub fn detached(&self, last: u32) -> Inner<'static, T> {
        let mut records = Pooled::<T, Records<T>>::take();
        let (nodes, from) = (&self.records.nodes[..=last as usize], &self.records);
        records.nodes.clear();
        records.values.clear();
        for (id, node) in nodes.iter().enumerate() {
            let value = records.values.len();
            records.values.extend_from_slice(self.view(id as u32).as_slice());
            records.nodes.push(Node { leaf: NONE, value, ..*node });
        }
        let count = nodes.last().map_or(0, |node| node.terms as usize);
        records.terms.clear();
        records.terms.extend_from_slice(&from.terms[..count]);
        records.sources.clear();
        records.sources.extend_from_slice(&from.sources[..nodes.len()]);
        records.params.clear();
        let branches = self.branches.iter().filter(|branch| branch.is_within(last)).copied().collect();
        let (used, grads) = (records.values.len(), self.grads);
        let (indices, customs) = (self.indices.clone(), self.customs.clone());
        Inner { records, leaves: Vec::new(), indices, customs, branches, used, grads }
    }

    /// The value of a node that lies in the buffer, to change.
    pub fn value_mut(&mut self, id: u32) -> &mut [T] {
        let node = self.node(id);
        &mut self.records.values[node.value..][..node.len()]
    }

    /// Computes the value of a node again, from those of its operands.
    pub fn recompute(&mut self, id: u32) {
        let (node, terms) = (self.node(id), SmallVec::<[Op<u32>; 4]>::from(self.terms(id)));
        match terms[..] {
            [] => {}
            [Op::Custom(Custom(k))] => {
                let CustomNode { rule, operands } = self.customs[k as usize].clone();
                self.apply(&*rule, &operands, node.value, node.len());
            }
            _ => {
                self.compute(node.value, node.shape(), &terms);
            }
        }
    }

    pub fn node(&self, id: u32) -> Node {
        self.records.nodes[id as usize]
    }

    pub fn view(&self, id: u32) -> MatrixRef<'_, T> {
        view(&self.records.nodes[id as usize], &self.records.values, &self.leaves)
    }

    /// The terms of a node: none for a leaf.
    pub fn terms(&self, id: u32) -> &[Op<u32>] {
        let start = if id == 0 { 0 } else { self.records.nodes[id as usize - 1].terms };
        &self.records.terms[start as usize..self.records.nodes[id as usize].terms as usize]
    }

    /// The function of a node that has a rule of its own.
    pub fn custom(&self, term: Op<u32>) -> Option<&CustomNode<T>> {
        if let Op::Custom(Custom(k)) = term { Some(&self.customs[k as usize]) } else { None }
    }

    /// The operands of a term, in order.
    pub fn operands(&self, term: Op<u32>) -> SmallVec<[u32; 3]> {
        match self.custom(term) {
            Some(custom) => custom.operands.clone(),
            None => {
                let (all, n) = term.operands();
                SmallVec::from_slice(&all[..n])
            }
        }
    }

    /// Which nodes up to `y` it was computed from, itself included.
    pub fn ancestors(&self, y: u32) -> Vec<bool> {
        let mut leads = vec![false; y as usize + 1];
        leads[y as usize] = true;
        for id in (0..=y).rev() {
            if leads[id as usize] {
                let operands = self.terms(id).iter().flat_map(|&term| self.operands(term));
                operands.for_each(|x| leads[x as usize] = true);
            }
        }
        leads
    }

    /// Which nodes up to `last` were computed from one of `xs`, these included.
    pub fn descendants(&self, xs: impl IntoIterator<Item = u32>, last: u32) -> Vec<bool> {
        let mut reached = vec![false; last as usize + 1];
        let mut first = last + 1;
        for x in xs.into_iter().filter(|&x| x <= last) {
            reached[x as usize] = true;
            first = first.min(x);
        }
        for id in first..=last {
            let mut operands = self.terms(id).iter().flat_map(|&term| self.operands(term));
            reached[id as usize] |= operands.any(|x| reached[x as usize]);
        }
        reached
    }

    /// What a term is called.
    pub fn name(&self, term: Op<u32>) -> &str {
        self.custom(term).map_or(term.name(), |custom| custom.rule.name())
    }

    /// The line that recorded a node.
    pub fn source(&self, id: u32) -> &'static Location<'static> {
        self.records.sources[id as usize]
    }
}

fn view<'a, T: Real>(node: &Node, values: &'a [T], leaves: &[MatrixRef<'a, T>]) -> MatrixRef<'a, T> {
    if node.leaf != NONE {
        return leaves[node.leaf as usize];
    }
    let (rows, cols) = node.shape();
    MatrixRef::new(rows, cols, &values[node.value..node.value + node.len()])
}

impl<'t, T> From<&'t Matrix<T>> for Leaf<'t, T>
where
    T: Copy,
{
    fn from(x: &'t Matrix<T>) -> Self {
        Leaf::Borrowed(x.view())
    }
}

impl<'t, T> From<MatrixRef<'t, T>> for Leaf<'t, T> {
    fn from(x: MatrixRef<'t, T>) -> Self {
        Leaf::Borrowed(x)
    }
}

impl<T> From<Matrix<T>> for Leaf<'_, T> {
    fn from(x: Matrix<T>) -> Self {
        Leaf::Owned(x)
    }
}

impl From<f32> for Leaf<'_, f32> {
    fn from(x: f32) -> Self {
        Leaf::Number(x)
    }
}

impl From<f64> for Leaf<'_, f64> {
    fn from(x: f64) -> Self {
        Leaf::Number(x)
    }
}
