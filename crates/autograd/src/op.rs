//! What a term can be, and the rule of each: an op maps to ops.
//!
//! A node's value is a sum of terms `y += w x`, and the rule of every term is
//!
//! ```text
//! y += w x   ⇒   δx += w δy,   ∇w += δy x
//! ```
//!
//! The kind of operand is the only parameter: [`Op<u32>`] is what the tape stores, `Op<MatrixRef>`
//! is what runs, and a sweep that is recorded again turns each [`Adjoint<Var>`] into ops of its own.

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
    /// y += the columns of x from this one on, as many as y has.
    Columns(usize, R),
    /// The columns of y from this one on += x: zeros around it.
    PadColumns(usize, R),
    /// y += f(x), entry by entry.
    Unary(Unary, R),
    /// y += f(a, b), entry by entry.
    Binary(Binary, R, R),
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
}

/// A term of δx: an op, or the slope of one applied to δy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Adjoint<R> {
    /// A linear op of δy.
    Op(Op<R>),
    /// δx += f'(x, y) ⊙ δy.
    Unary(Unary, R, R, R),
    /// δa (side 0) or δb (side 1) += the slope of f at (a, b), where it is y, ⊙ δy.
    Binary(Binary, usize, [R; 4]),
    /// δx += y ⊙ (δy − Σ y δy).
    Softmax(Axis, R, R),
    /// δx += δy − eʸ Σ δy.
    LogSoftmax(Axis, R, R),
    /// δx += e^(x − y) ⊙ δy.
    LogSumExp(R, R, R),
    /// δx += (p Σ t − t) ⊙ δy: for targets that sum to 1 the lecture's δ = y − t.
    CrossEntropy(R, R, R),
    /// δt += −ln p ⊙ δy = (ln Σ eˣ − x) ⊙ δy, from x and δy.
    CrossEntropyTarget(R, R),
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
pub(crate) fn pullback<R: Copy>(op: Op<R>, y: R, dy: R, mut add: impl FnMut(usize, Adjoint<R>)) {
    use Adjoint as D;
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
        Op::Columns(start, _) => add(0, D::Op(Op::PadColumns(start, dy))),
        Op::PadColumns(start, _) => add(0, D::Op(Op::Columns(start, dy))),
        Op::Unary(f, x) => add(0, D::Unary(f, x, y, dy)),
        Op::Binary(f, a, b) => {
            add(0, D::Binary(f, 0, [a, b, y, dy]));
            add(1, D::Binary(f, 1, [a, b, y, dy]));
        }
        Op::Softmax(axis, _) => add(0, D::Softmax(axis, y, dy)),
        Op::LogSoftmax(axis, _) => add(0, D::LogSoftmax(axis, y, dy)),
        Op::LogSumExp(_, x) => add(0, D::LogSumExp(x, y, dy)),
        Op::CrossEntropy { x, t, p } => {
            add(0, D::CrossEntropy(t, p, dy));
            add(1, D::CrossEntropyTarget(x, dy));
        }
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
            Op::Columns(start, x) => Op::Columns(start, f(x)),
            Op::PadColumns(start, x) => Op::PadColumns(start, f(x)),
            Op::Unary(g, x) => Op::Unary(g, f(x)),
            Op::Binary(g, a, b) => Op::Binary(g, f(a), f(b)),
            Op::Softmax(axis, x) => Op::Softmax(axis, f(x)),
            Op::LogSoftmax(axis, x) => Op::LogSoftmax(axis, f(x)),
            Op::LogSumExp(axis, x) => Op::LogSumExp(axis, f(x)),
            Op::CrossEntropy { x, t, p } => Op::CrossEntropy { x: f(x), t: f(t), p: f(p) },
        }
    }

    /// Whether the rule does without the node's value, so that the op may share a node with others.
    pub(crate) fn may_share_node(&self) -> bool {
        match self {
            Op::Number(_) | Op::Add(..) | Op::Matmul(..) | Op::Transpose(_) | Op::Columns(..) | Op::PadColumns(..) => {
                true
            }
            Op::Binary(Binary::Mul, ..) | Op::CrossEntropy { .. } => true,
            Op::Unary(..) | Op::Binary(..) | Op::Softmax(..) | Op::LogSoftmax(..) | Op::LogSumExp(..) => false,
        }
    }

    /// The name under which the op is recorded.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Number(_) => "number",
            Op::Add(..) => "add",
            Op::Matmul(..) => "matmul",
            Op::Transpose(_) => "transpose",
            Op::Columns(..) => "columns",
            Op::PadColumns(..) => "pad_columns",
            Op::Unary(f, _) => f.name(),
            Op::Binary(f, ..) => f.name(),
            Op::Softmax(..) => "softmax",
            Op::LogSoftmax(..) => "log_softmax",
            Op::LogSumExp(..) => "log_sum_exp",
            Op::CrossEntropy { .. } => "softmax_cross_entropy",
        }
    }
}

impl<R> Adjoint<R> {
    /// The same term of other operands.
    #[inline(always)]
    pub(crate) fn map<S>(self, mut f: impl FnMut(R) -> S) -> Adjoint<S> {
        match self {
            Adjoint::Op(op) => Adjoint::Op(op.map(f)),
            Adjoint::Unary(g, x, y, dy) => Adjoint::Unary(g, f(x), f(y), f(dy)),
            Adjoint::Binary(g, side, at) => Adjoint::Binary(g, side, at.map(f)),
            Adjoint::Softmax(axis, y, dy) => Adjoint::Softmax(axis, f(y), f(dy)),
            Adjoint::LogSoftmax(axis, y, dy) => Adjoint::LogSoftmax(axis, f(y), f(dy)),
            Adjoint::LogSumExp(x, y, dy) => Adjoint::LogSumExp(f(x), f(y), f(dy)),
            Adjoint::CrossEntropy(t, p, dy) => Adjoint::CrossEntropy(f(t), f(p), f(dy)),
            Adjoint::CrossEntropyTarget(x, dy) => Adjoint::CrossEntropyTarget(f(x), f(dy)),
        }
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
}
