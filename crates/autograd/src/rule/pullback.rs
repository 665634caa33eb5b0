//! The rule of every op, backward and forward: an op maps to ops.
//!
//! A node's value is a sum of terms `y += w x`, and the rule of every term is
//!
//! ```text
//! y += w x   ⇒   δx += w δy,   ∇w += δy x
//! ```

use linalg::Trans;

use super::op::{Linear, Op};

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
        Op::Unary(f, x) => add(0, D::Unary(f, x, y, dy)),
        Op::Binary(f, a, b) => {
            add(0, D::Binary(f, 0, [a, b, y, dy]));
            add(1, D::Binary(f, 1, [a, b, y, dy]));
        }
        Op::Along(f, ..) if f.is_flat() => {}
        Op::Along(f, axis, x) => add(0, D::Along(f, axis, [x, y, dy])),
        Op::CrossEntropy { x, t, p } => {
            add(0, D::CrossEntropy(t, p, dy));
            add(1, D::CrossEntropyTarget(x, dy));
        }
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
        Op::Number(_) => {}
        Op::Along(f, ..) if f.is_flat() => {}
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
        | Op::Scatter(..) => of_first(&|dx| D::Op(op.map(|_| dx))),
        Op::Unary(f, x) => of_first(&|dx| D::Unary(f, x, y, dx)),
        Op::Binary(f, a, b) => {
            of_first(&|da| D::Binary(f, 0, [a, b, y, da]));
            if let Some(db) = dx(1) {
                add(D::Binary(f, 1, [a, b, y, db]));
            }
        }
        Op::Along(f, axis, x) => of_first(&|dx| D::AlongTangent(f, axis, [x, y, dx])),
        Op::CrossEntropy { x, t, p } => {
            of_first(&|dx| D::CrossEntropyTangent(t, p, dx));
            if let Some(dt) = dx(1) {
                add(D::CrossEntropyTargetTangent(x, dt));
            }
        }
    }
}
