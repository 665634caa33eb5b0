//! Derivatives that are recorded on the tape, so that they can be differentiated again: reverse and forward.

use std::sync::Arc;

use kernel::{Axis, AxisFunction, Binary, compiled_once};
use smallvec::SmallVec;

use crate::rule::op::{LinearTerm, Op, pullback, pushforward};
use crate::tape::custom_rule::{Recorded, Rule};
use crate::{Real, Var};

/// The gradients of the number `y` with respect to each of `xs`, recorded on the tape. They are variables that
/// can be differentiated again, to any order. With respect to a constant the gradient is 0, as
/// [everywhere](crate::book::differentiating#which-variables-get-no-gradient-and-why).
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
#[compiled_once]
#[track_caller]
pub fn grad<'t, T: Real>(y: Var<'t, T>, xs: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
    let (m, n) = y.shape();
    assert!((m, n) == (1, 1), "grad: {m} × {n} is not a single number: sum it first, or use vjp");
    check_tape("grad", y, xs);
    reverse(&[(y, Op::Number(1.0))], xs)
}

/// The gradients of Σₖ Σ wₖ ⊙ yₖ with respect to each of `xs`, recorded on the tape: vector-Jacobian products.
///
/// # Panics
/// If the list of outputs is empty, the shapes of a weight and its output differ, or a variable is of another tape.
///
/// ```
/// use autograd::{Matrix, Tape, vjp};
/// let tape = Tape::new();
/// let x = tape.variable(Matrix::column(&[1.0, 3.0]));
/// let w = tape.constant(Matrix::column(&[1.0, -1.0]));
/// assert_eq!(vjp(&[(x.square(), w)], &[x])[0].value().as_slice(), [2.0, -6.0]);
/// ```
#[compiled_once]
#[track_caller]
pub fn vjp<'t, T: Real>(outputs: &[(Var<'t, T>, Var<'t, T>)], xs: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
    let Some(&(first, _)) = outputs.first() else { panic!("vjp: no output") };
    check_tape("vjp", first, xs);
    for &(y, w) in outputs {
        check_tape("vjp", first, &[y, w]);
        let ((m, n), (p, q)) = (y.shape(), w.shape());
        assert!((m, n) == (p, q), "vjp: weights {p} × {q} for an output {m} × {n}");
    }
    let seeds: SmallVec<[_; 2]> = outputs.iter().map(|(y, w)| (*y, Op::Add(1.0, w.id))).collect();
    reverse(&seeds, xs)
}

/// The tangent of `y` when each x of `moves` moves along its direction, recorded on the tape: a Jacobian-vector
/// product, in forward mode. A variable that does not move has the tangent 0. A variable that is given twice moves along the sum of
/// its directions, as [everywhere](crate::book::differentiating#which-variables-get-no-gradient-and-why).
///
/// # Panics
/// If the shapes of a direction and its variable differ, or a variable is of another tape or constant.
///
/// ```
/// use autograd::{Tape, grad, jvp};
/// let tape = Tape::new();
/// let (x, dx) = (tape.variable(2.0), tape.constant(1.0));
/// let slope = jvp(x.powi(3), &[(x, dx)]);
/// assert_eq!((slope.item(), grad(slope, &[x])[0].item()), (12.0, 12.0));
/// ```
#[compiled_once]
#[track_caller]
pub fn jvp<'t, T: Real>(y: Var<'t, T>, moves: &[(Var<'t, T>, Var<'t, T>)]) -> Var<'t, T> {
    for &(x, dx) in moves {
        check_tape("jvp", y, &[x, dx]);
        let ((m, n), (p, q)) = (x.shape(), dx.shape());
        assert!((m, n) == (p, q), "jvp: a direction {p} × {q} for a variable {m} × {n}");
        assert!(x.needs_gradient(), "jvp: a constant does not move: enter it by `Tape::variable`");
    }
    let tape = y.tape();
    let var = |id| Var::new(tape, id);
    let mut tangents: Vec<Option<Var<'t, T>>> = vec![None; y.id as usize + 1];
    for &(x, dx) in moves.iter().filter(|(x, _)| x.id <= y.id) {
        tangents[x.id as usize] = Some(tangents[x.id as usize].map_or(dx, |sum| sum + dx));
    }
    let first = moves.iter().map(|(x, _)| x.id).min().unwrap_or(0);
    let leads = tape.with(|inner| inner.ancestors(y.id));
    for id in first..=y.id {
        if tangents[id as usize].is_some() || !leads[id as usize] || !var(id).needs_gradient() {
            continue;
        }
        let mut gathered = SmallVec::<[Op<u32>; 4]>::new();
        if let Some((rule, x)) = custom(var(id)) {
            let dx: SmallVec<[_; 4]> = x.iter().map(|x| tangents[x.id as usize]).collect();
            if dx.iter().any(Option::is_some) {
                gathered.extend(rule.record_push(&x, var(id), &dx).map(|dy| Op::Add(1.0, dy.id)));
            }
        }
        for term in terms(var(id)) {
            let (operands, _) = term.operands();
            let dx = |k: usize| tangents[operands[k] as usize];
            pushforward(term.map(var), var(id), dx, |linear| gathered.push(define(linear)));
        }
        if !gathered.is_empty() {
            tangents[id as usize] = Some(tape.record(var(id).shape(), &gathered));
        }
    }
    tangents[y.id as usize].unwrap_or_else(|| y.zero())
}

#[track_caller]
fn check_tape<'t, T: Real>(name: &str, y: Var<'t, T>, xs: &[Var<'t, T>]) {
    // Not `for_each`, because a panic in a closure would point here instead of at the caller.
    for &x in xs {
        y.same_tape(name, x);
    }
}

fn terms<T: Real>(y: Var<'_, T>) -> SmallVec<[Op<u32>; 4]> {
    y.tape().with(|inner| SmallVec::from_slice(inner.terms(y.id)))
}

/// A custom rule and its operands.
type Applied<'t, T> = (Arc<dyn Rule<T>>, SmallVec<[Var<'t, T>; 4]>);

/// The rule and the operands of a node with a custom rule.
fn custom<'t, T: Real>(y: Var<'t, T>) -> Option<Applied<'t, T>> {
    let node = y.tape().with(|inner| inner.custom(y.id).cloned())?;
    Some((node.rule, node.operands.iter().map(|&x| Var::new(y.tape(), x)).collect()))
}

/// The sweep. The terms of each δ are collected until its node is reached, and their sum is recorded as one node.
#[track_caller]
fn reverse<'t, T: Real>(seeds: &[(Var<'t, T>, Op<u32>)], xs: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
    let tape = seeds[0].0.tape();
    let var = |id| Var::new(tape, id);
    let last = seeds.iter().map(|(y, _)| y.id).max().unwrap_or(0);
    // Only nodes that were computed from `xs` lead to them, and none of these is earlier than the first of them. So a derivative of the last
    // few nodes takes as long on a long tape as on a short one.
    let first = xs.iter().chain(seeds.iter().map(|(y, _)| y)).map(|x| x.id).min().unwrap_or(0);
    let place = |id: u32| (id - first) as usize;
    let leads = tape.with(|inner| inner.descendants(xs.iter().map(|x| x.id), last));
    let mut deltas: Vec<SmallVec<[Op<u32>; 2]>> = vec![SmallVec::new(); place(last) + 1];
    for (y, seed) in seeds {
        deltas[place(y.id)].push(*seed);
    }
    let mut found: Vec<Option<Var<'t, T>>> = vec![None; place(last) + 1];
    for id in (first..=last).rev() {
        let gathered = std::mem::take(&mut deltas[place(id)]);
        if gathered.is_empty() {
            continue;
        }
        let dy = tape.record(var(id).shape(), &gathered);
        if !var(id).needs_gradient() {
            continue;
        }
        found[place(id)] = Some(dy);
        if let Some((rule, x)) = custom(var(id)) {
            let needs: SmallVec<[_; 4]> = x.iter().map(|x| leads[x.id as usize] && x.needs_gradient()).collect();
            let at = Recorded { x: &x, y: var(id), dy, source: tape.with(|inner| inner.source(id)) };
            for (x, dx) in x.iter().zip(rule.record(at, &needs)).filter(|(x, _)| x.id >= first) {
                deltas[place(x.id)].extend(dx.map(|dx| Op::Add(1.0, dx.id)));
            }
        }
        for term in terms(var(id)) {
            let (operands, _) = term.operands();
            pullback(term.map(var), var(id), dy, |k, adjoint| {
                let x = operands[k];
                if leads[x as usize] && var(x).needs_gradient() {
                    deltas[place(x)].push(define(adjoint));
                }
            });
        }
    }
    let mut all = Vec::with_capacity(xs.len());
    for x in xs {
        let dx = found.get(place(x.id)).copied().flatten();
        all.push(if let Some(dx) = dx { dx } else { x.zero() });
    }
    all
}

/// The definition of a linear term as ops of variables. The last op is returned, to become one term of a sum.
fn define<'t, T: Real>(term: LinearTerm<Var<'t, T>>) -> Op<u32> {
    // As in the loops, 0 stays 0 even if the slope is infinite.
    let weighed = |slope: Var<'t, T>, d: Var<'t, T>| Op::Binary(Binary::Weigh, slope.id, d.id);
    let over = |x: Var<'t, T>, axis| x.sum_over(axis);
    let sum = |axis, x: Var<'t, T>| Op::Add(1.0, over(x, axis).id);
    match term {
        LinearTerm::Op(op) => op.map(|x| x.id),
        LinearTerm::Unary(f, x, y, d) => weighed(f.slope(x, y), d),
        LinearTerm::Binary(f, side, [a, b, y, d]) if f.selects(side) => {
            Op::Binary(Binary::WeighBoth, f.slope(side, a, b, y).id, d.id)
        }
        LinearTerm::Binary(f, side, [a, b, y, d]) => weighed(f.slope(side, a, b, y), d),
        LinearTerm::AlongAxis(f, axis, at) => along(f, axis, at),
        LinearTerm::AlongAxisTangent(f, axis, at) => along_tangent(f, axis, at),
        LinearTerm::CrossEntropy(t, p, d) => Op::Add(1.0, (p.weigh(over(t, Axis::Rows)) - t).weigh(d).id),
        LinearTerm::CrossEntropyTangent(t, p, d) => sum(Axis::Rows, (p.weigh(over(t, Axis::Rows)) - t).weigh(d)),
        LinearTerm::CrossEntropyTarget(x, d) => Op::Add(-1.0, x.log_softmax(Axis::Rows).weigh(d).id),
        LinearTerm::CrossEntropyTargetTangent(x, d) => {
            Op::Add(-1.0, over(x.log_softmax(Axis::Rows).weigh(d), Axis::Rows).id)
        }
    }
}

/// softmax(x), the slope of y = ln Σ eˣ. As in the loops, it is 0 at −∞ and at all entries that a +∞ leaves no share.
fn share<'t, T: Real>(x: Var<'t, T>, y: Var<'t, T>, axis: Axis) -> Var<'t, T> {
    let some = (x.at_most(T::MAX) - y.clamp(-T::MAX, T::MAX)).exp();
    some.keep(x.at_least(-T::MAX).softmax(axis))
}

/// Jᵀ δy of a function along an axis, from x, y and δy.
fn along<'t, T: Real>(f: AxisFunction, axis: Axis, [x, y, d]: [Var<'t, T>; 3]) -> Op<u32> {
    let product = |w: Var<'t, T>, d: Var<'t, T>| Op::Binary(Binary::Mul, w.id, d.id);
    match f {
        AxisFunction::Max => {
            let (m, n) = x.shape();
            Op::Binary(Binary::Keep, x.arg_max(axis).id, d.repeat(m, n).id)
        }
        AxisFunction::ArgMax => Op::Number(0.0),
        AxisFunction::CumSum(order) => Op::AlongAxis(AxisFunction::CumSum(order.flip()), axis, d.id),
        AxisFunction::Softmax => product(y, d - (y * d).sum_over(axis)),
        AxisFunction::LogSoftmax => Op::Add(1.0, (d - y.exp().weigh(d.sum_over(axis))).id),
        AxisFunction::LogSumExp => Op::Add(1.0, share(x, y, axis).weigh(d).id),
        AxisFunction::Norm => {
            let (m, n) = x.shape();
            Op::Add(1.0, norm_slope(x, y).weigh(d.repeat(m, n)).id)
        }
    }
}

/// x / ‖x‖, and 0 if the norm is 0, with all its derivatives.
fn norm_slope<'t, T: Real>(x: Var<'t, T>, y: Var<'t, T>) -> Var<'t, T> {
    let y = y.repeat(x.rows(), x.cols());
    y.keep(x / (y + y.drop_where(y.zero() + 1.0)))
}

/// J ẋ of a function along an axis, from x, y and ẋ.
fn along_tangent<'t, T: Real>(f: AxisFunction, axis: Axis, [x, y, d]: [Var<'t, T>; 3]) -> Op<u32> {
    let sum = |x: Var<'t, T>| Op::Add(1.0, x.sum_over(axis).id);
    match f {
        AxisFunction::Max => sum(x.arg_max(axis).keep(d)),
        AxisFunction::ArgMax => Op::Number(0.0),
        AxisFunction::CumSum(_) => Op::AlongAxis(f, axis, d.id),
        // The Jacobian is symmetric.
        AxisFunction::Softmax => along(f, axis, [x, y, d]),
        AxisFunction::LogSoftmax => Op::Add(1.0, (d - y.exp().weigh(d).sum_over(axis)).id),
        AxisFunction::LogSumExp => sum(share(x, y, axis).weigh(d)),
        AxisFunction::Norm => sum(norm_slope(x, y).weigh(d)),
    }
}
