//! Recording: values in one buffer, a node for each value, operands before results.

pub(crate) mod anew;
pub(crate) mod comparison;
pub(crate) mod custom_rule;
pub(crate) mod leaves;
mod param;
pub(crate) mod pass;
pub(crate) mod records;
pub(crate) mod var;

pub use custom_rule::Wgsl;
pub use param::{Param, Role};
pub use pass::Means;
pub use var::{Var, affine};

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kernel::compiled_once;
use smallvec::SmallVec;

use crate::rule::op::{Index, Op};
use crate::rule::run::Indices;
use crate::{Matrix, MatrixRef, Real};
use custom_rule::{CustomNode, Rule};
use kernel::pool::Pooled;
use leaves::Leaves;
use pass::Pass;
use records::{Inner, Records, Slot};

/// A record of a computation: every value, and how it was computed from earlier ones.
///
/// A tape borrows its parameters and data for `'t`, and its variables borrow the tape for as long.
/// No type with a destructor carries `'t`, so the model can be changed while the tape is in scope, once
/// its variables are no longer used. A tape cannot be moved after it has recorded something. It ends with its scope, and the
/// next tape reuses its buffers.
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
    /// The line that first read a computed number from the tape as a plain number.
    read: Cell<Option<&'static Location<'static>>>,
}

/// The value of a leaf. Borrowed matrices are not copied; owned ones are copied to the tape.
pub enum Leaf<'t, T> {
    /// A matrix that outlives the tape.
    Borrowed(MatrixRef<'t, T>),
    /// A matrix that the tape copies.
    Owned(Matrix<T>),
    /// A 1 × 1 matrix.
    Number(T),
}

#[compiled_once]
impl<'t, T: Real> Tape<'t, T> {
    /// An empty tape. It uses the buffers of an earlier one of this thread if there was one. Layers behave on it as in
    /// evaluation; on a tape from [`training`](Tape::training) they behave as in training.
    pub fn new() -> Self {
        Tape::for_pass(Pass::new(None))
    }

    pub(crate) fn for_pass(pass: Pass<T>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut records = Pooled::<Records<T>>::take();
        records.nodes.clear();
        records.terms.clear();
        records.params.clear();
        records.anew.iter_mut().for_each(|anew| anew.clear());
        let (leaves, customs, branches) = (Leaves::new(records.leaves), Vec::new(), Vec::new());
        let inner = Inner { records, leaves, indices: Indices::default(), customs, branches, pass, used: 0 };
        Tape { id: NEXT.fetch_add(1, Ordering::Relaxed), inner: RefCell::new(inner), read: Cell::new(None) }
    }

    /// Records a leaf that gets a gradient.
    #[track_caller]
    #[doc(alias("requires_grad", "Variable"))]
    pub fn variable(&'t self, value: impl Into<Leaf<'t, T>>) -> Var<'t, T> {
        self.leaf(value.into(), true)
    }

    /// Records a leaf without a gradient: data. The sweep computes nothing for it.
    #[track_caller]
    #[doc(alias("no_grad", "requires_grad"))]
    pub fn constant(&'t self, value: impl Into<Leaf<'t, T>>) -> Var<'t, T> {
        self.leaf(value.into(), false)
    }

    /// Records a parameter, or returns the leaf if it was recorded before. A parameter that is not trained is a constant.
    #[track_caller]
    #[doc(alias = "Parameter")]
    pub fn param(&'t self, param: &'t Param<T>) -> Var<'t, T> {
        let inner = &mut *self.inner.borrow_mut();
        let node = match inner.records.param(param.id()) {
            Ok(k) => inner.records.params[k].node,
            Err(place) => {
                let node = inner.push_borrowed(param.value().view(), param.is_trained());
                inner.records.params.insert(place, Slot { id: param.id(), node, is_bound: false });
                node
            }
        };
        Var::new(self, node)
    }

    /// Binds a parameter to this variable: a model that reads the parameter on this tape reads `x`. So a model becomes a
    /// function of its parameters. Use it to check their gradients, for weights that another network computes, or for a step inside a
    /// derivative.
    ///
    /// ```
    /// use autograd::{Matrix, Param, Tape};
    /// let w = Param::new(Matrix::from([[3.0]]));
    /// let tape = Tape::new();
    /// let v = tape.variable(5.0);
    /// tape.bind(&w, v * 2.0);
    /// let y = tape.param(&w).square(); // (2 v)²
    /// assert_eq!((y.item(), y.backward().wrt(v)[(0, 0)]), (100.0, 40.0));
    /// ```
    ///
    /// # Panics
    /// If x is of another tape or shape, or the parameter was recorded or bound before.
    #[track_caller]
    pub fn bind(&'t self, param: &Param<T>, x: Var<'t, T>) {
        let ((m, n), (p, q)) = (param.value().shape(), x.shape());
        assert!(std::ptr::eq(x.tape(), self), "bind: the variable is of another tape");
        assert!((m, n) == (p, q), "bind: a parameter {m} × {n} cannot be {p} × {q}");
        let records = &mut self.inner.borrow_mut().records;
        match records.param(param.id()) {
            Ok(_) => panic!("bind: the parameter has been recorded before"),
            Err(place) => records.params.insert(place, Slot { id: param.id(), node: x.id, is_bound: true }),
        }
        records.nodes[x.id as usize].bind();
    }

    /// The number of values on the tape, including leaves.
    #[inline]
    pub fn len(&self) -> usize {
        self.inner.borrow().records.nodes.len()
    }

    /// Returns memory that this tape holds and does not use to the system. Buffers grow by half, and a buffer from an earlier tape may
    /// be larger than this tape needs. [`free_buffers`](crate::free_buffers) frees the other free buffers.
    pub fn shrink_to_fit(&self) {
        let inner = &mut *self.inner.borrow_mut();
        let Records { values, nodes, terms, params, .. } = &mut *inner.records;
        values.truncate(inner.used);
        values.shrink_to_fit();
        nodes.shrink_to_fit();
        terms.shrink_to_fit();
        params.shrink_to_fit();
    }

    /// Whether nothing has been recorded.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Records a constant that `write` fills in place, starting from zeros.
    #[track_caller]
    pub(crate) fn constant_with(&'t self, shape: (usize, usize), write: impl FnOnce(&mut [T])) -> Var<'t, T> {
        let inner = &mut *self.inner.borrow_mut();
        let place = inner.grow(shape.0 * shape.1);
        place.fill(T::default());
        write(place);
        Var::new(self, inner.push(shape, false))
    }

    /// The leaf that borrows this matrix, if there is exactly one.
    #[doc(hidden)]
    pub fn leaf_of(&'t self, x: MatrixRef<'_, T>) -> Option<Var<'t, T>> {
        self.with(|inner| {
            let (shape, data) = (x.shape(), x.as_slice());
            let same = |id: &u32| {
                let leaf = inner.view(*id);
                inner.is_leaf(*id) && leaf.shape() == shape && std::ptr::eq(leaf.as_slice(), data)
            };
            let mut found = (0..inner.records.nodes.len() as u32).filter(same);
            found.next().filter(|_| found.next().is_none()).map(|id| Var::new(self, id))
        })
    }

    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Notes that a plain number is read from the tape, on which a program may branch unseen.
    #[inline]
    #[track_caller]
    pub(crate) fn note_reading(&self) {
        if self.read.get().is_none() {
            self.read.set(Some(Location::caller()));
        }
    }

    /// The line that first read a plain number.
    pub(crate) fn was_read(&self) -> Option<&'static Location<'static>> {
        self.read.get()
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(&Inner<'t, T>) -> R) -> R {
        f(&self.inner.borrow())
    }

    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(&mut Inner<'t, T>) -> R) -> R {
        f(&mut self.inner.borrow_mut())
    }

    /// Stores an index list.
    pub(crate) fn index(&self, index: impl IntoIterator<Item = usize>) -> Index {
        let entry = |k: usize| u32::try_from(k).expect("an index is below 2³²");
        let indices = &mut self.inner.borrow_mut().indices.0;
        indices.push(index.into_iter().map(entry).collect());
        Index(indices.len() as u32 - 1)
    }

    #[track_caller]
    fn leaf(&'t self, leaf: Leaf<'t, T>, active: bool) -> Var<'t, T> {
        let inner = &mut *self.inner.borrow_mut();
        let id = match leaf {
            Leaf::Borrowed(x) => inner.push_borrowed(x, active),
            Leaf::Owned(x) => {
                inner.grow(x.as_slice().len()).copy_from_slice(x.as_slice());
                inner.push(x.shape(), active)
            }
            Leaf::Number(x) => {
                inner.grow(1)[0] = x;
                inner.push((1, 1), active)
            }
        };
        Var::new(self, id)
    }

    /// Records a node: the sum of the terms. Terms whose rule reads the value get their own node.
    #[track_caller]
    pub(crate) fn record(&'t self, shape: (usize, usize), terms: &[Op<u32>]) -> Var<'t, T> {
        debug_assert!(terms.len() == 1 || terms.iter().all(Op::may_share_node));
        let inner = &mut *self.inner.borrow_mut();
        inner.grow(shape.0 * shape.1);
        let active = inner.compute(inner.used - shape.0 * shape.1, shape, terms);
        terms.iter().for_each(|&term| inner.records.terms.push(term));
        Var::new(self, inner.push(shape, active))
    }

    /// Records n columns of x from column j on. Nothing is copied, because a column is contiguous and values never change.
    #[track_caller]
    pub(crate) fn record_columns(&'t self, x: Var<'t, T>, j: usize, n: usize) -> Var<'t, T> {
        Var::new(self, self.inner.borrow_mut().push_columns(x.id, j, n))
    }

    /// The value of x as a node that passes no gradient on.
    #[track_caller]
    pub(crate) fn record_stopped(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        self.record_copy(x, false)
    }

    /// The value of x as the argument of a function that differentiates. The node takes part in differentiation or not,
    /// whatever x does, and a sweep keeps its gradient as for a leaf.
    #[track_caller]
    pub(crate) fn record_operand(&'t self, x: Var<'t, T>, active: bool) -> Var<'t, T> {
        let y = self.record_copy(x, active);
        self.with_mut(|inner| inner.records.nodes[y.id as usize].bind());
        y
    }

    #[track_caller]
    fn record_copy(&'t self, x: Var<'t, T>, active: bool) -> Var<'t, T> {
        let (shape, terms) = (x.shape(), [Op::Add(1.0, x.id)]);
        let inner = &mut *self.inner.borrow_mut();
        inner.grow(shape.0 * shape.1);
        inner.compute(inner.used - shape.0 * shape.1, shape, &terms);
        inner.records.terms.extend_from_slice(&terms);
        Var::new(self, inner.push(shape, active))
    }

    /// Records a function with a custom rule, whose shape is known.
    #[track_caller]
    pub(crate) fn record_rule(&'t self, shape: (usize, usize), rule: Arc<dyn Rule<T>>, x: &[Var<'t, T>]) -> Var<'t, T> {
        let inner = &mut *self.inner.borrow_mut();
        inner.grow(shape.0 * shape.1);
        let start = inner.used - shape.0 * shape.1;
        let operands: SmallVec<[_; 4]> = x.iter().map(|x| x.id).collect();
        let fits = inner.apply(&*rule, &operands, start, shape);
        debug_assert!(fits.is_ok());
        self.push_custom(inner, shape, rule, x)
    }

    /// Records a function with a custom rule, whose value has been computed.
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
        let active = operands.iter().any(|&x| inner.node(x).is_active());
        let id = inner.push(shape, active);
        inner.records.nodes[id as usize].set_rule();
        inner.customs.push(CustomNode { id, rule, operands });
        Var::new(self, id)
    }
}

impl<T: Real> Default for Tape<'_, T> {
    fn default() -> Self {
        Tape::new()
    }
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
