//! What a term can be: an op of a value, or a linear term of a derivative.
//!
//! The kind of operand is the only parameter: [`Op<u32>`] is what the tape stores, `Op<MatrixRef>`
//! is what runs, and a sweep that is recorded again turns each [`Linear<Var>`] into ops of its own.

use kernel::along::{Along, Axis};
use kernel::{Binary, Unary};
use linalg::Trans;

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
    /// y += f(x), entry by entry.
    Unary(Unary, R),
    /// y += f(a, b), entry by entry.
    Binary(Binary, R, R),
    /// y += f(x) along an axis.
    Along(Along, Axis, R),
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

/// A linear term: of δx, an op of δy or the slope of one applied to it; or of the tangent of y, the same of that of x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Linear<R> {
    /// A linear op of δy.
    Op(Op<R>),
    /// δx += f'(x, y) ⊙ δy.
    Unary(Unary, R, R, R),
    /// δa (side 0) or δb (side 1) += the slope of f at (a, b), where it is y, ⊙ δy.
    Binary(Binary, usize, [R; 4]),
    /// δx += Jᵀ δy of a function along an axis, from x, y and δy.
    Along(Along, Axis, [R; 3]),
    /// ẏ += J ẋ of a function along an axis, from x, y and ẋ.
    AlongTangent(Along, Axis, [R; 3]),
    /// δx += (p Σ t − t) ⊙ δy: for targets that sum to 1 the lecture's δ = y − t.
    CrossEntropy(R, R, R),
    /// ẏ += Σ (p Σ t − t) ẋ.
    CrossEntropyTangent(R, R, R),
    /// δt += −ln p ⊙ δy = (ln Σ eˣ − x) ⊙ δy, from x and δy.
    CrossEntropyTarget(R, R),
    /// ẏ += Σ (ln Σ eˣ − x) ṫ.
    CrossEntropyTargetTangent(R, R),
}

/// An index list on a tape: for each entry of one matrix its place in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Index(pub(crate) u32);

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
            Op::Unary(g, x) => Op::Unary(g, f(x)),
            Op::Binary(g, a, b) => Op::Binary(g, f(a), f(b)),
            Op::Along(g, axis, x) => Op::Along(g, axis, f(x)),
            Op::CrossEntropy { x, t, p } => Op::CrossEntropy { x: f(x), t: f(t), p: f(p) },
        }
    }

    /// Whether the rule does without the node's value, so that the op may share a node with others.
    pub(crate) fn may_share_node(&self) -> bool {
        match self {
            Op::Number(_) | Op::Add(..) | Op::Matmul(..) | Op::Transpose(_) | Op::Reshape(_) => true,
            Op::Slice(..) | Op::Pad(..) | Op::Gather(..) | Op::Scatter(..) | Op::CrossEntropy { .. } => true,
            Op::Binary(Binary::Mul | Binary::Keep | Binary::Drop, ..) => true,
            Op::Along(f, ..) => !f.reads()[1],
            Op::Unary(..) | Op::Binary(..) => false,
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
            Op::Unary(f, _) => f.name(),
            Op::Binary(f, ..) => f.name(),
            Op::Along(f, ..) => f.name(),
            Op::CrossEntropy { .. } => "softmax_cross_entropy",
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
