//! Layers that are recorded as several operations and have one operator in ONNX.

use autograd::{Axis, AxisFunction, Binary, Op, Trans, Unary};

use super::export::{Exporter, Value};
use super::graph::Attr;
use super::recorded::Dim;
use super::value::X;
use crate::{Real, Var};

/// The layer that a node is the output of, as one operator.
pub fn known<'g, 't, T: Real>(e: &mut Exporter<'g, 't, T>, y: Var<'t, T>) -> Option<Value<'g>> {
    let (x, made) = batch_norm(e, y).or_else(|| layer_norm(e, y)).or_else(|| prelu(e, y))?;
    Some(Value { x: made, dims: e.tape.dims(x) })
}

/// (x − μ) ⊙ (w ⊙ 1/√(σ² + ε)) + b.
fn batch_norm<'g, 't, T: Real>(e: &mut Exporter<'g, 't, T>, y: Var<'t, T>) -> Option<(Var<'t, T>, X<'g>)> {
    let (product, b) = sum(y)?;
    let (c, scale) = times(product)?;
    let (x, mean) = difference(c)?;
    let (w, r) = times(scale)?;
    let root = applied(Unary::Recip, r)?;
    let [Op::Add(1.0, var), Op::Number(eps)] = applied(Unary::Sqrt, root)?.terms()[..] else { return None };
    let list = vectors(e, x, [w, b, mean, var]).filter(|_| is_attribute(e, eps))?;
    let inputs: Vec<_> = [e.whole(x)].into_iter().chain(list).collect();
    Some((x, e.graph.node("BatchNormalization", &inputs, &[("epsilon", Attr::Float(eps))])))
}

/// c ⊙ (w · 1/√(mean of c² + ε)) + b, where c is x minus its mean, twice.
fn layer_norm<'g, 't, T: Real>(e: &mut Exporter<'g, 't, T>, y: Var<'t, T>) -> Option<(Var<'t, T>, X<'g>)> {
    let (product, b) = sum(y)?;
    let (c, outer) = times(product)?;
    let [Op::Matmul(Trans::No, w, Trans::No, r)] = outer.terms()[..] else { return None };
    let [Op::Binary(Binary::Hypot, deviation, root)] = applied(Unary::Recip, r)?.terms()[..] else { return None };
    let [Op::Add(share, norm)] = deviation.terms()[..] else { return None };
    let [Op::AlongAxis(AxisFunction::Norm, Axis::Rows, same)] = norm.terms()[..] else { return None };
    let (near, rest) = difference(c)?;
    let (x, first) = difference(near)?;
    let n = x.rows() as f64;
    let root = e.tape.folded(repeated(root)).filter(|m| m.shape() == (1, 1))?[(0, 0)].to_f64();
    let fits =
        same.index() == c.index() && share == n.sqrt().recip() && is_mean(rest, near) && is_mean(stopped(first), x);
    let list = vectors(e, x, [w, b]).filter(|_| fits && is_attribute(e, root * root))?;
    let inputs: Vec<_> = [e.whole(x)].into_iter().chain(list).collect();
    Some((x, e.graph.node("LayerNormalization", &inputs, &[("epsilon", Attr::Float(root * root))])))
}

/// max(x, 0) + a ⊙ min(x, 0).
fn prelu<'g, 't, T: Real>(e: &mut Exporter<'g, 't, T>, y: Var<'t, T>) -> Option<(Var<'t, T>, X<'g>)> {
    let (above, product) = sum(y)?;
    let x = applied(Unary::Relu, above)?;
    let (a, below) = times(product)?;
    let same = applied(Unary::AtMost(0.0), below)?;
    let a = vectors(e, x, [a]).filter(|_| same.index() == x.index() && e.graph.is_single())?;
    Some((x, e.whole(x).by("PRelu", a[0])))
}

/// Whether a number can be an attribute, which is `f32`.
fn is_attribute<T: Real>(e: &Exporter<'_, '_, T>, x: f64) -> bool {
    e.graph.is_single() || f64::from(x as f32) == x
}

/// Columns of constants, one number for each feature of x or one for all.
fn vectors<'g, 't, T: Real, const N: usize>(
    e: &mut Exporter<'g, 't, T>,
    x: Var<'t, T>,
    all: [Var<'t, T>; N],
) -> Option<[X<'g>; N]> {
    let shared = |m: &autograd::Matrix<T>| N == 1 && m.shape() == (1, 1);
    let fits = |v: &Var<'t, T>| e.tape.folded(*v).is_some_and(|m| m.shape() == (x.rows(), 1) || shared(m));
    let of_features = matches!(e.tape.dims(x), [_, Dim::Fixed(_)]) && all.iter().all(fits);
    of_features.then(|| all.map(|v| e.operand(v).x))
}

/// x of f(x).
fn applied<'t, T: Real>(f: Unary, y: Var<'t, T>) -> Option<Var<'t, T>> {
    if let [Op::Unary(g, x)] = y.terms()[..] { (f == g).then_some(x) } else { None }
}

/// a and b of a + b.
fn sum<'t, T: Real>(y: Var<'t, T>) -> Option<(Var<'t, T>, Var<'t, T>)> {
    if let [Op::Add(1.0, a), Op::Add(1.0, b)] = y.terms()[..] { Some((a, b)) } else { None }
}

/// a and b of a − b.
fn difference<'t, T: Real>(y: Var<'t, T>) -> Option<(Var<'t, T>, Var<'t, T>)> {
    if let [Op::Add(1.0, a), Op::Add(-1.0, b)] = y.terms()[..] { Some((a, b)) } else { None }
}

/// a and b of a ⊙ b.
fn times<'t, T: Real>(y: Var<'t, T>) -> Option<(Var<'t, T>, Var<'t, T>)> {
    if let [Op::Binary(Binary::Mul, a, b)] = y.terms()[..] { Some((repeated(a), repeated(b))) } else { None }
}

/// x of a copy or a repetition of x.
fn repeated<T: Real>(y: Var<'_, T>) -> Var<'_, T> {
    match y.terms()[..] {
        [Op::Add(1.0, x)] if x.rows() <= y.rows() && x.cols() <= y.cols() => x,
        _ => y,
    }
}

/// x of the value of x without its history.
fn stopped<T: Real>(y: Var<'_, T>) -> Var<'_, T> {
    if let [Op::Add(1.0, x)] = y.terms()[..] { x } else { y }
}

/// Whether y is the mean of every column of x.
fn is_mean<T: Real>(y: Var<'_, T>, x: Var<'_, T>) -> bool {
    let n = x.rows() as f64;
    let of = match y.terms()[..] {
        [Op::Divide(count, x)] if count == n => x,
        [Op::Add(share, x)] if share * n == 1.0 => x,
        _ => return false,
    };
    of.index() == x.index() && y.rows() == 1 && y.cols() == x.cols()
}
