//! The kinds of terms and the rule of each. A rule maps an op to ops.
//!
//! A node's value is a sum of terms `y += w x`, and the rule of every term is
//!
//! ```text
//! y += w x   ⇒   δx += w δy,   ∇w += δy x
//! ```
//!
//! The kind of operand is the only type parameter. The tape stores [`Op<u32>`], the loops run `Op<MatrixRef>`,
//! and a recorded sweep turns each [`LinearTerm<Var>`] into new ops.

use kernel::along::{Axis, AxisFunction};
use kernel::{Binary, Unary};
use linalg::Trans;

use crate::Real;

/// A term of a node: what is added to its value, from operands of type `R`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op<R> {
    /// y += c, a plain number.
    Number(f64),
    /// y += c x. x is repeated along an axis where it has length 1 and y does not, and
    /// summed along an axis where y has length 1 and x does not.
    Add(f64, R),
    /// y += x / c, with x repeated and summed as in `Add`. It is used if the reciprocal of c is not exact.
    Divide(f64, R),
    /// y += A B, with either factor transposed.
    Matmul(Trans, R, Trans, R),
    /// y += xᵀ.
    Transpose(R),
    /// y += the entries of x in column order, in another shape.
    Reshape(R),
    /// y += the block of x that begins at this row and column and is as large as y.
    Slice(u32, u32, R),
    /// The block of y that begins at this row and column += x.
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
    AlongAxis(AxisFunction, Axis, R),
    /// y += −Σᵢ tᵢ ln pᵢ in each column, where p = softmax(x) is a separate node.
    CrossEntropy {
        /// The logits.
        x: R,
        /// The target probabilities.
        t: R,
        /// softmax(x) along the rows.
        p: R,
    },
}

/// A linear term. In reverse mode it is a term of δx: a linear op of δy, or a slope times δy. In forward mode the same for tangents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LinearTerm<R> {
    /// A linear op of δy.
    Op(Op<R>),
    /// δx += f'(x, y) ⊙ δy.
    Unary(Unary, R, R, R),
    /// δa (side 0) or δb (side 1) += the slope of f at (a, b), where its value is y, ⊙ δy.
    Binary(Binary, usize, [R; 4]),
    /// δx += Jᵀ δy of a function along an axis, from x, y and δy.
    AlongAxis(AxisFunction, Axis, [R; 3]),
    /// ẏ += J ẋ of a function along an axis, from x, y and ẋ.
    AlongAxisTangent(AxisFunction, Axis, [R; 3]),
    /// δx += (p Σ t − t) ⊙ δy: for targets that sum to 1 the lecture's δ = y − t.
    CrossEntropy(R, R, R),
    /// ẏ += Σ (p Σ t − t) ẋ.
    CrossEntropyTangent(R, R, R),
    /// δt += −ln p ⊙ δy = (ln Σ eˣ − x) ⊙ δy, from x and δy.
    CrossEntropyTarget(R, R),
    /// ẏ += Σ (ln Σ eˣ − x) ṫ.
    CrossEntropyTargetTangent(R, R),
}

/// An index list on a tape: for each entry of one matrix, its index in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Index(pub(crate) u32);

/// The rule of every op: which term goes to which operand. It never adds; the sweep adds.
///
/// `op` is the term, `y` the value of its node, `dy` the gradient of y. `add(k, term)` adds `term` to the gradient
/// of operand `k`.
#[inline(always)]
pub(crate) fn pullback<R: Copy>(op: Op<R>, y: R, dy: R, mut add: impl FnMut(usize, LinearTerm<R>)) {
    use LinearTerm as D;
    use Trans::{No, Yes};
    match op {
        Op::Number(_) => {}
        Op::Add(c, _) => add(0, D::Op(Op::Add(c, dy))),
        Op::Divide(c, _) => add(0, D::Op(Op::Divide(c, dy))),
        Op::Matmul(s, a, t, b) => {
            // Y = A B: δA += δY Bᵀ, δB += Aᵀ δY; a transposed factor gets the transpose of that.
            add(0, D::Op(if s == No { Op::Matmul(No, dy, t.flip(), b) } else { Op::Matmul(t, b, Yes, dy) }));
            add(1, D::Op(if t == No { Op::Matmul(s.flip(), a, No, dy) } else { Op::Matmul(Yes, dy, s, a) }));
        }
        Op::Transpose(_) => add(0, D::Op(Op::Transpose(dy))),
        Op::Reshape(_) => add(0, D::Op(Op::Reshape(dy))),
        Op::Slice(i, j, _) => add(0, D::Op(Op::Pad(i, j, dy))),
        Op::Pad(i, j, _) => add(0, D::Op(Op::Slice(i, j, dy))),
        Op::Gather(index, _) => add(0, D::Op(Op::Scatter(index, dy))),
        Op::Scatter(index, _) => add(0, D::Op(Op::Gather(index, dy))),
        Op::Unary(f, x) => add(0, D::Unary(f, x, y, dy)),
        Op::Binary(f, a, b) => {
            add(0, D::Binary(f, 0, [a, b, y, dy]));
            add(1, D::Binary(f, 1, [a, b, y, dy]));
        }
        Op::AlongAxis(f, ..) if f.is_flat() => {}
        Op::AlongAxis(f, axis, x) => add(0, D::AlongAxis(f, axis, [x, y, dy])),
        Op::CrossEntropy { x, t, p } => {
            add(0, D::CrossEntropy(t, p, dy));
            add(1, D::CrossEntropyTarget(x, dy));
        }
    }
}

/// The same rule forward: which term of the tangent of y comes from the tangent of which operand.
///
/// `dx(k)` is the tangent of operand `k`, or `None` if it is zero.
#[inline(always)]
pub(crate) fn pushforward<R: Copy>(
    op: Op<R>,
    y: R,
    mut dx: impl FnMut(usize) -> Option<R>,
    mut add: impl FnMut(LinearTerm<R>),
) {
    use LinearTerm as D;
    let first = dx(0);
    let mut of_first = |term: &dyn Fn(R) -> LinearTerm<R>| {
        if let Some(dx) = first {
            add(term(dx));
        }
    };
    match op {
        Op::Number(_) => {}
        Op::AlongAxis(f, ..) if f.is_flat() => {}
        Op::Matmul(s, a, t, b) => {
            of_first(&|da| D::Op(Op::Matmul(s, da, t, b)));
            if let Some(db) = dx(1) {
                add(D::Op(Op::Matmul(s, a, t, db)));
            }
        }
        Op::Add(..)
        | Op::Divide(..)
        | Op::Transpose(_)
        | Op::Reshape(_)
        | Op::Slice(..)
        | Op::Pad(..)
        | Op::Gather(..)
        | Op::Scatter(..) => of_first(&|dx| D::Op(op.map(|_| dx))),
        Op::Unary(f, x) => of_first(&|dx| D::Unary(f, x, y, dx)),
        Op::Binary(f, a, b) => {
            of_first(&|da| D::Binary(f, 0, [a, b, y, da]));
            if let Some(db) = dx(1) {
                add(D::Binary(f, 1, [a, b, y, db]));
            }
        }
        Op::AlongAxis(f, axis, x) => of_first(&|dx| D::AlongAxisTangent(f, axis, [x, y, dx])),
        Op::CrossEntropy { x, t, p } => {
            of_first(&|dx| D::CrossEntropyTangent(t, p, dx));
            if let Some(dt) = dx(1) {
                add(D::CrossEntropyTargetTangent(x, dt));
            }
        }
    }
}

impl<R: Copy> Op<R> {
    /// y += x / c, as a multiple if 1 / c is exact, because then both round alike.
    pub(crate) fn quotient<T: Real>(x: R, c: f64) -> Self {
        let (c, r) = (T::from_f64(c).to_f64(), T::from_f64(1.0 / c).to_f64());
        let power_of_two = c.is_normal() && c.to_bits() << 12 == 0;
        if power_of_two && r.is_normal() && r * c == 1.0 { Op::Add(r, x) } else { Op::Divide(c, x) }
    }

    /// The same op with other operands; `f` maps them in order.
    #[inline(always)]
    pub fn map<S>(self, mut f: impl FnMut(R) -> S) -> Op<S> {
        match self {
            Op::Number(c) => Op::Number(c),
            Op::Add(c, x) => Op::Add(c, f(x)),
            Op::Divide(c, x) => Op::Divide(c, f(x)),
            Op::Matmul(s, a, t, b) => Op::Matmul(s, f(a), t, f(b)),
            Op::Transpose(x) => Op::Transpose(f(x)),
            Op::Reshape(x) => Op::Reshape(f(x)),
            Op::Slice(i, j, x) => Op::Slice(i, j, f(x)),
            Op::Pad(i, j, x) => Op::Pad(i, j, f(x)),
            Op::Gather(index, x) => Op::Gather(index, f(x)),
            Op::Scatter(index, x) => Op::Scatter(index, f(x)),
            Op::Unary(g, x) => Op::Unary(g, f(x)),
            Op::Binary(g, a, b) => Op::Binary(g, f(a), f(b)),
            Op::AlongAxis(g, axis, x) => Op::AlongAxis(g, axis, f(x)),
            Op::CrossEntropy { x, t, p } => Op::CrossEntropy { x: f(x), t: f(t), p: f(p) },
        }
    }

    /// Whether the rule does not read the node's value, so that the op may share a node with others.
    pub(crate) fn may_share_node(&self) -> bool {
        match self {
            Op::Number(_) | Op::Add(..) | Op::Divide(..) | Op::Matmul(..) => true,
            Op::Transpose(_) | Op::Reshape(_) => true,
            Op::Slice(..) | Op::Pad(..) | Op::Gather(..) | Op::Scatter(..) | Op::CrossEntropy { .. } => true,
            Op::Binary(Binary::Mul | Binary::Keep | Binary::Drop | Binary::Weigh | Binary::WeighBoth, ..) => true,
            Op::AlongAxis(f, ..) => !f.reads()[1],
            Op::Unary(..) | Op::Binary(..) => false,
        }
    }

    /// Whether every column of the result depends only on the same column of the operands that have a column for each of n
    /// samples. `batched` says which operands do; `cols` gives the number of columns of an operand.
    pub(crate) fn keeps_samples_apart(self, n: usize, batched: impl Fn(R) -> bool, cols: impl Fn(R) -> usize) -> bool {
        match self {
            Op::Number(_) | Op::Unary(..) | Op::Binary(..) | Op::CrossEntropy { .. } => true,
            Op::Add(_, x) | Op::Divide(_, x) => !batched(x) || cols(x) == n,
            Op::Matmul(_, a, t, b) => !batched(a) && (!batched(b) || t == Trans::No),
            Op::Slice(_, j, x) | Op::Pad(_, j, x) => !batched(x) || (j == 0 && cols(x) == n),
            Op::AlongAxis(_, axis, x) => !batched(x) || axis == Axis::Rows,
            Op::Transpose(x) | Op::Reshape(x) | Op::Gather(_, x) | Op::Scatter(_, x) => !batched(x),
        }
    }

    /// The name under which the op is recorded.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Number(_) => "number",
            Op::Add(..) => "add",
            Op::Divide(..) => "divide",
            Op::Matmul(..) => "matmul",
            Op::Transpose(_) => "transpose",
            Op::Reshape(_) => "reshape",
            Op::Slice(..) => "slice",
            Op::Pad(..) => "pad",
            Op::Gather(..) => "gather",
            Op::Scatter(..) => "scatter",
            Op::Unary(f, _) => f.name(),
            Op::Binary(f, ..) => f.name(),
            Op::AlongAxis(f, ..) => f.name(),
            Op::CrossEntropy { .. } => "softmax_cross_entropy",
        }
    }
}

impl<R: Copy> LinearTerm<R> {
    /// The same term with other operands; `f` maps them in order.
    pub fn map<S>(self, mut f: impl FnMut(R) -> S) -> LinearTerm<S> {
        use LinearTerm as L;
        match self {
            L::Op(op) => L::Op(op.map(f)),
            L::Unary(g, x, y, dy) => L::Unary(g, f(x), f(y), f(dy)),
            L::Binary(g, side, all) => L::Binary(g, side, all.map(f)),
            L::AlongAxis(g, axis, all) => L::AlongAxis(g, axis, all.map(f)),
            L::AlongAxisTangent(g, axis, all) => L::AlongAxisTangent(g, axis, all.map(f)),
            L::CrossEntropy(t, p, dy) => L::CrossEntropy(f(t), f(p), f(dy)),
            L::CrossEntropyTangent(t, p, d) => L::CrossEntropyTangent(f(t), f(p), f(d)),
            L::CrossEntropyTarget(x, dy) => L::CrossEntropyTarget(f(x), f(dy)),
            L::CrossEntropyTargetTangent(x, d) => L::CrossEntropyTargetTangent(f(x), f(d)),
        }
    }
}

impl<R: Copy + Default> Op<R> {
    /// The operands in order, padded with defaults, and their number.
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
