//! The backward sweep, over buffers and recorded on the tape again.

use smallvec::SmallVec;

use crate::elementwise::Accum;
use crate::gradients::Gradients;
use crate::map::Binary;
use crate::op::{Adjoint, Axis, Op, pullback};
use crate::pool::{Deltas, Pooled};
use crate::run::{Out, run_adjoint};
use crate::tape::Inner;
use crate::{MatrixRef, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The gradients of this number with respect to everything it was computed from.
    ///
    /// # Panics
    /// If it is not 1 × 1, or depends on constants only.
    #[track_caller]
    pub fn backward(self) -> Gradients<T> {
        let (m, n) = self.shape();
        assert!((m, n) == (1, 1), "backward: {m} × {n} is not a single number: sum it, or use backward_with");
        self.backward_from(&[T::from_f64(1.0)])
    }

    /// The gradients of Σ w ⊙ y for this variable y: a vector-Jacobian product.
    ///
    /// # Panics
    /// If `w` is of another shape, or y depends on constants only.
    #[track_caller]
    pub fn backward_with<'w>(self, w: impl Into<MatrixRef<'w, T>>) -> Gradients<T> {
        let (w, (m, n)) = (w.into(), self.shape());
        assert!(w.shape() == (m, n), "backward_with: weights {} × {} for a variable {m} × {n}", w.rows(), w.cols());
        self.backward_from(w.as_slice())
    }

    #[track_caller]
    fn backward_from(self, seed: &[T]) -> Gradients<T> {
        assert!(self.needs_gradient(), "backward: the value depends on constants only");
        self.tape().with(|inner| {
            let mut deltas = Pooled::<T, Deltas<T>>::take();
            sweep(inner, self.id, seed, &mut deltas);
            Gradients { tape: self.tape().id(), deltas }
        })
    }
}

/// What a term of a gradient reads: a value of the tape, or δy.
#[derive(Clone, Copy, PartialEq)]
enum Read {
    Value(u32),
    Delta,
}

/// The place of a gradient that has no term yet.
const NOWHERE: usize = usize::MAX;

/// δ of every node up to `last`, from the last to the first; `places` says where each came to lie.
fn sweep<T: Real>(inner: &Inner<'_, T>, last: u32, seed: &[T], deltas: &mut Deltas<T>) {
    let end = inner.node(last);
    let len = end.grad().map_or(0, |start| start + end.len());
    let Deltas { values, places, params } = deltas;
    if values.len() < len {
        values.resize(len, T::default());
    }
    values[len - seed.len()..len].copy_from_slice(seed);
    places.clear();
    places.resize(last as usize + 1, NOWHERE);
    places[last as usize] = len - seed.len();

    for id in (0..=last).rev() {
        let node = inner.node(id);
        let Some(start) = node.grad() else { continue };
        let at = places[id as usize];
        if at == NOWHERE {
            values[start..start + node.len()].fill(T::default());
            places[id as usize] = start;
            continue;
        }
        // Operands precede results, in the gradient buffer too: read δy above, write δx below.
        let (below, above) = values.split_at_mut(start);
        let dy = MatrixRef::new(node.shape().0, node.shape().1, &above[at - start..][..node.len()]);
        for term in inner.terms(id) {
            let (operands, _) = term.operands();
            pullback(term.map(Read::Value), Read::Value(id), Read::Delta, |k, adjoint| {
                let x = inner.node(operands[k]);
                let Some(own) = x.grad() else { return };
                let ((rows, cols), place) = (x.shape(), &mut places[operands[k] as usize]);
                // δx = δy, as at a skip connection, is not copied: it lies where δy does …
                if adjoint == Adjoint::Op(Op::Add(1.0, Read::Delta)) && *place == NOWHERE && x.shape() == node.shape() {
                    return *place = at;
                }
                let data = &mut below[own..own + x.len()];
                let accum = if *place == NOWHERE { Accum::Replace } else { Accum::Add };
                if accum == Accum::Add && *place != own {
                    // … until it gains another term, in a place of its own.
                    data.copy_from_slice(&above[*place - start..][..x.len()]);
                }
                *place = own;
                let read = |from| match from {
                    Read::Value(id) => inner.view(id),
                    Read::Delta => dy,
                };
                run_adjoint(adjoint.map(read), accum, Out { rows, cols, data });
            });
        }
    }

    params.clear();
    params.extend(inner.records.params.iter().filter(|slot| slot.node <= last));
    params.sort_unstable_by_key(|slot| slot.id);
}

/// The gradients of the number `y` with respect to each of `xs`, recorded on the tape: variables that
/// can be differentiated again, to any order.
///
/// # Panics
/// If `y` is not 1 × 1, or a variable is of another tape.
///
/// ```
/// use autograd::{Tape, grad};
/// let tape = Tape::new();
/// let x = tape.variable(2.0);
/// let y = x.powi(3);
/// let dy = grad(y, &[x])[0]; // 3 x²
/// let d2y = grad(dy, &[x])[0]; // 6 x
/// assert_eq!((dy.item(), d2y.item()), (12.0, 12.0));
/// ```
#[track_caller]
pub fn grad<'t, T: Real>(y: Var<'t, T>, xs: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
    let (m, n) = y.shape();
    assert!((m, n) == (1, 1), "grad: {m} × {n} is not a single number: sum it first");
    // Not `for_each`: a panic in a closure would point here, not at the caller.
    for &x in xs {
        y.same_tape("grad", x);
    }
    let tape = y.tape();
    let var = |id| Var::new(tape, id);

    // The terms of each δ, gathered until its node is reached and its sum recorded as one node.
    let mut deltas: Vec<SmallVec<[Op<u32>; 2]>> = vec![SmallVec::new(); y.id as usize + 1];
    deltas[y.id as usize].push(Op::Number(1.0));
    let mut found: Vec<Option<Var<'t, T>>> = vec![None; xs.len()];
    for id in (0..=y.id).rev() {
        let gathered = std::mem::take(&mut deltas[id as usize]);
        if gathered.is_empty() {
            continue;
        }
        let dy = tape.record(var(id).shape(), &gathered);
        for (x, found) in xs.iter().zip(&mut found).filter(|(x, _)| x.id == id) {
            debug_assert_eq!(x.shape(), dy.shape());
            *found = Some(dy);
        }
        let terms: SmallVec<[Op<u32>; 4]> = tape.with(|inner| inner.terms(id).into());
        for term in terms {
            let (operands, _) = term.operands();
            let mut adjoints = SmallVec::<[(u32, Adjoint<Var<'t, T>>); 3]>::new();
            pullback(term.map(var), var(id), dy, |k, adjoint| adjoints.push((operands[k], adjoint)));
            for (x, adjoint) in adjoints {
                if var(x).needs_gradient() {
                    deltas[x as usize].push(define(adjoint));
                }
            }
        }
    }
    let zero = |x: &Var<'t, T>| x.zero();
    xs.iter().zip(found).map(|(x, found)| found.unwrap_or_else(|| zero(x))).collect()
}

/// A term of a gradient by its definition: as ops of variables, the last of which is returned to be
/// one term of a sum.
fn define<'t, T: Real>(adjoint: Adjoint<Var<'t, T>>) -> Op<u32> {
    let product = |w: Var<'t, T>, dy: Var<'t, T>| Op::Binary(Binary::Mul, w.id, dy.id);
    let over = |x: Var<'t, T>, axis| x.sum_over(axis);
    match adjoint {
        Adjoint::Op(op) => op.map(|x| x.id),
        Adjoint::Unary(f, x, y, dy) => product(f.slope(x, y), dy),
        Adjoint::Binary(f, side, [a, b, y, dy]) => product(f.slope(side, a, b, y), dy),
        Adjoint::Softmax(axis, y, dy) => product(y, dy - over(y * dy, axis)),
        Adjoint::LogSoftmax(axis, y, dy) => Op::Add(1.0, (dy - y.exp() * over(dy, axis)).id),
        Adjoint::LogSumExp(x, y, dy) => Op::Add(1.0, ((x - y).exp() * dy).id),
        Adjoint::CrossEntropy(t, p, dy) => Op::Add(1.0, ((p * over(t, Axis::Rows) - t) * dy).id),
        Adjoint::CrossEntropyTarget(x, dy) => Op::Add(-1.0, (x.log_softmax(Axis::Rows) * dy).id),
    }
}
