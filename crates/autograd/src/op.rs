//! What a term can be, and the rule of each: an op maps to ops.
//!
//! A node's value is a sum of terms `y += w x`, and the rule of every term is
//!
//! ```text
//! y += w x   ⇒   δx += w δy,   ∇w += δy x
//! ```
//!
//! The kind of operand is the only parameter: [`Op<u32>`] is what the tape stores, `Op<MatrixRef>`
//! is what runs, and a sweep that is recorded again turns each [`Linear<Var>`] into ops of its own.

use crate::linear::Linear;
use crate::map::{Binary, Unary};

/// A term of a node: what is added to its value, from operands of kind `R`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op<R> {
    /// y += c, a plain number.
    Number(f64),
    /// y += c x, where x is repeated along an axis on which it has length 1 and y has not, and
    /// summed along an axis on which y has length 1 and x has not.
    Add(f64, R),
    /// y += A B, with either factor transposed.
    Matmul(Trans, R, Trans, R),
    /// y += xᵀ.
    Transpose(R),
    /// y += the entries of x in column order, in another shape.
    Reshape(R),
    /// y += the block of x from this row and column on, as large as y.
    Slice(u32, u32, R),
    /// The block of y from this row and column on += x: zeros around it.
    Pad(u32, u32, R),
    /// yₖ += x at the k-th entry of an index.
    Gather(Index, R),
    /// y at the k-th entry of an index += xₖ.
    Scatter(Index, R),
    /// y += the sums of x up to each entry along an axis, or from each entry on.
    CumSum(Axis, Order, R),
    /// y += f(x), entry by entry.
    Unary(Unary, R),
    /// y += f(a, b), entry by entry.
    Binary(Binary, R, R),
    /// y += the largest entry of x along an axis; the first of several equal ones.
    Max(Axis, R),
    /// y += 1 at the first largest entry of x along an axis, 0 elsewhere. The slope is 0.
    ArgMax(Axis, R),
    /// y += softmax(x) along an axis.
    Softmax(Axis, R),
    /// y += ln softmax(x) along an axis.
    LogSoftmax(Axis, R),
    /// y += ln Σ eˣ along an axis.
    LogSumExp(Axis, R),
    /// y += −Σᵢ tᵢ ln pᵢ in each column, where p = softmax(x) is a node of its own.
    CrossEntropy {
        /// The logits.
        x: R,
        /// The target probabilities.
        t: R,
        /// softmax(x) along the rows.
        p: R,
    },
    /// y += a function with a rule of its own, which names its operands.
    Custom(Custom),
}

/// An index list on a tape: for each entry of one matrix its place in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Index(pub(crate) u32);

/// A function with a rule of its own on a tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Custom(pub(crate) u32);

/// From where sums accumulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the first entry on.
    Forward,
    /// From the last entry back.
    Backward,
}

/// Whether a factor of a product is transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trans {
    /// A.
    No,
    /// Aᵀ.
    Yes,
}

/// What a sum or a softmax runs along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Down the rows of each column: one result for each column, that is for each sample.
    Rows,
    /// Along the columns of each row: one result for each row, that is for each feature.
    Cols,
}

/// The rule of every op: which term goes to which operand. It never adds; the sweep adds.
///
/// `op` is the term, `y` the value of its node, `dy` the gradient there; `add(k, term)` says that the
/// gradient of operand `k` gains `term`.
#[inline(always)]
pub(crate) fn pullback<R: Copy>(op: Op<R>, y: R, dy: R, mut add: impl FnMut(usize, Linear<R>)) {
    use Linear as D;
    use Trans::{No, Yes};
    match op {
        Op::Number(_) => {}
        Op::Add(c, _) => add(0, D::Op(Op::Add(c, dy))),
        Op::Matmul(s, a, t, b) => {
            // Y = A B: δA += δY Bᵀ, δB += Aᵀ δY; a factor that was transposed gets the transpose of that.
            add(0, D::Op(if s == No { Op::Matmul(No, dy, t.flip(), b) } else { Op::Matmul(t, b, Yes, dy) }));
            add(1, D::Op(if t == No { Op::Matmul(s.flip(), a, No, dy) } else { Op::Matmul(Yes, dy, s, a) }));
        }
        Op::Transpose(_) => add(0, D::Op(Op::Transpose(dy))),
        Op::Reshape(_) => add(0, D::Op(Op::Reshape(dy))),
        Op::Slice(i, j, _) => add(0, D::Op(Op::Pad(i, j, dy))),
        Op::Pad(i, j, _) => add(0, D::Op(Op::Slice(i, j, dy))),
        Op::Gather(index, _) => add(0, D::Op(Op::Scatter(index, dy))),
        Op::Scatter(index, _) => add(0, D::Op(Op::Gather(index, dy))),
        Op::CumSum(axis, order, _) => add(0, D::Op(Op::CumSum(axis, order.flip(), dy))),
        Op::Unary(f, x) => add(0, D::Unary(f, x, y, dy)),
        Op::Binary(f, a, b) => {
            add(0, D::Binary(f, 0, [a, b, y, dy]));
            add(1, D::Binary(f, 1, [a, b, y, dy]));
        }
        Op::Max(axis, x) => add(0, D::Max(axis, x, dy)),
        Op::ArgMax(..) => {}
        Op::Softmax(axis, _) => add(0, D::Softmax(axis, y, dy)),
        Op::LogSoftmax(axis, _) => add(0, D::LogSoftmax(axis, y, dy)),
        Op::LogSumExp(axis, x) => add(0, D::LogSumExp(axis, x, y, dy)),
        Op::CrossEntropy { x, t, p } => {
            add(0, D::CrossEntropy(t, p, dy));
            add(1, D::CrossEntropyTarget(x, dy));
        }
        Op::Custom(_) => unreachable!("its rule is its own"),
    }
}

/// The same rule forward: which term of the tangent of y comes from the tangent of which operand.
///
/// `dx(k)` is the tangent of operand `k`, or `None` where it is zero.
#[inline(always)]
pub(crate) fn pushforward<R: Copy>(
    op: Op<R>,
    y: R,
    mut dx: impl FnMut(usize) -> Option<R>,
    mut add: impl FnMut(Linear<R>),
) {
    use Linear as D;
    let first = dx(0);
    let mut of_first = |term: &dyn Fn(R) -> Linear<R>| {
        if let Some(dx) = first {
            add(term(dx));
        }
    };
    match op {
        Op::Number(_) | Op::ArgMax(..) => {}
        Op::Matmul(s, a, t, b) => {
            of_first(&|da| D::Op(Op::Matmul(s, da, t, b)));
            if let Some(db) = dx(1) {
                add(D::Op(Op::Matmul(s, a, t, db)));
            }
        }
        Op::Add(..)
        | Op::Transpose(_)
        | Op::Reshape(_)
        | Op::Slice(..)
        | Op::Pad(..)
        | Op::Gather(..)
        | Op::Scatter(..)
        | Op::CumSum(..) => of_first(&|dx| D::Op(op.map(|_| dx))),
        Op::Unary(f, x) => of_first(&|dx| D::Unary(f, x, y, dx)),
        Op::Binary(f, a, b) => {
            of_first(&|da| D::Binary(f, 0, [a, b, y, da]));
            if let Some(db) = dx(1) {
                add(D::Binary(f, 1, [a, b, y, db]));
            }
        }
        Op::Max(axis, x) => of_first(&|dx| D::MaxTangent(axis, x, dx)),
        Op::Softmax(axis, _) => of_first(&|dx| D::Softmax(axis, y, dx)),
        Op::LogSoftmax(axis, _) => of_first(&|dx| D::LogSoftmaxTangent(axis, y, dx)),
        Op::LogSumExp(axis, x) => of_first(&|dx| D::LogSumExpTangent(axis, x, y, dx)),
        Op::CrossEntropy { x, t, p } => {
            of_first(&|dx| D::CrossEntropyTangent(t, p, dx));
            if let Some(dt) = dx(1) {
                add(D::CrossEntropyTargetTangent(x, dt));
            }
        }
        Op::Custom(_) => unreachable!("its rule is its own"),
    }
}

impl<R> Op<R> {
    /// The same op of other operands, which `f` is asked for in order.
    #[inline(always)]
    pub fn map<S>(self, mut f: impl FnMut(R) -> S) -> Op<S> {
        match self {
            Op::Number(c) => Op::Number(c),
            Op::Add(c, x) => Op::Add(c, f(x)),
            Op::Matmul(s, a, t, b) => Op::Matmul(s, f(a), t, f(b)),
            Op::Transpose(x) => Op::Transpose(f(x)),
            Op::Reshape(x) => Op::Reshape(f(x)),
            Op::Slice(i, j, x) => Op::Slice(i, j, f(x)),
            Op::Pad(i, j, x) => Op::Pad(i, j, f(x)),
            Op::Gather(index, x) => Op::Gather(index, f(x)),
            Op::Scatter(index, x) => Op::Scatter(index, f(x)),
            Op::CumSum(axis, order, x) => Op::CumSum(axis, order, f(x)),
            Op::Unary(g, x) => Op::Unary(g, f(x)),
            Op::Binary(g, a, b) => Op::Binary(g, f(a), f(b)),
            Op::Max(axis, x) => Op::Max(axis, f(x)),
            Op::ArgMax(axis, x) => Op::ArgMax(axis, f(x)),
            Op::Softmax(axis, x) => Op::Softmax(axis, f(x)),
            Op::LogSoftmax(axis, x) => Op::LogSoftmax(axis, f(x)),
            Op::LogSumExp(axis, x) => Op::LogSumExp(axis, f(x)),
            Op::CrossEntropy { x, t, p } => Op::CrossEntropy { x: f(x), t: f(t), p: f(p) },
            Op::Custom(custom) => Op::Custom(custom),
        }
    }

    /// The same of each column: along [`Axis::Rows`].
    pub(crate) fn along_rows(mut self) -> Self {
        match &mut self {
            Op::CumSum(axis, ..) | Op::Max(axis, _) | Op::ArgMax(axis, _) => *axis = Axis::Rows,
            Op::Softmax(axis, _) | Op::LogSoftmax(axis, _) | Op::LogSumExp(axis, _) => *axis = Axis::Rows,
            _ => unreachable!("it has no axis"),
        }
        self
    }

    /// Whether the rule does without the node's value, so that the op may share a node with others.
    pub(crate) fn may_share_node(&self) -> bool {
        match self {
            Op::Number(_) | Op::Add(..) | Op::Matmul(..) | Op::Transpose(_) | Op::Reshape(_) => true,
            Op::Slice(..) | Op::Pad(..) | Op::Gather(..) | Op::Scatter(..) | Op::CumSum(..) => true,
            Op::Binary(Binary::Mul | Binary::Keep | Binary::Drop, ..) => true,
            Op::Max(..) | Op::ArgMax(..) | Op::CrossEntropy { .. } => true,
            Op::Unary(..) | Op::Binary(..) | Op::Softmax(..) | Op::LogSoftmax(..) | Op::LogSumExp(..) => false,
            Op::Custom(_) => false,
        }
    }

    /// The name under which the op is recorded.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Number(_) => "number",
            Op::Add(..) => "add",
            Op::Matmul(..) => "matmul",
            Op::Transpose(_) => "transpose",
            Op::Reshape(_) => "reshape",
            Op::Slice(..) => "slice",
            Op::Pad(..) => "pad",
            Op::Gather(..) => "gather",
            Op::Scatter(..) => "scatter",
            Op::CumSum(..) => "cumsum",
            Op::Unary(f, _) => f.name(),
            Op::Binary(f, ..) => f.name(),
            Op::Max(..) => "max_over",
            Op::ArgMax(..) => "arg_max",
            Op::Softmax(..) => "softmax",
            Op::LogSoftmax(..) => "log_softmax",
            Op::LogSumExp(..) => "log_sum_exp",
            Op::CrossEntropy { .. } => "softmax_cross_entropy",
            Op::Custom(_) => "custom",
        }
    }
}

impl Order {
    /// The other one.
    pub fn flip(self) -> Order {
        if self == Order::Forward { Order::Backward } else { Order::Forward }
    }
}

impl<R: Copy + Default> Op<R> {
    /// The operands in order, then defaults, and how many there are.
    #[inline(always)]
    pub(crate) fn operands(self) -> ([R; 3], usize) {
        let (mut all, mut n) = ([R::default(); 3], 0);
        self.map(|r| {
            all[n] = r;
            n += 1;
        });
        (all, n)
    }
}

impl Trans {
    /// The other one.
    pub fn flip(self) -> Trans {
        if self == Trans::No { Trans::Yes } else { Trans::No }
    }

    /// The shape of a factor as the product sees it.
    pub(crate) fn shape(self, (m, n): (usize, usize)) -> (usize, usize) {
        if self == Trans::No { (m, n) } else { (n, m) }
    }
}

impl Axis {
    /// The shape of the results, one for each group that the axis runs through.
    pub(crate) fn reduce(self, (m, n): (usize, usize)) -> (usize, usize) {
        if self == Axis::Rows { (1, n) } else { (m, 1) }
    }

    /// How many entries a group has.
    pub(crate) fn len(self, (m, n): (usize, usize)) -> usize {
        if self == Axis::Rows { m } else { n }
    }
}
