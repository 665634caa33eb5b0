//! A whole check: draw, record, compare.

use super::report::{Along, Comparison, Property, Report, Verdict};
use super::rounding::{DOUBLE, rounding};
use super::scalar::{Base, Closure, Scalar, dot, dot_of};
use super::{Check, Draw, entries};
use crate::{Matrix, Tape, grad};

/// Everything the module promises of a function in double precision.
pub(super) fn run(check: &Check, f: &Closure<'_>, inputs: &[Matrix<f64>]) -> Report {
    let mut draw = Draw(check.seed);
    let weights = &draw.weights(shape(f, inputs));
    let [v, u, t] = &[(); 3].map(|()| draw.direction(inputs));
    let along = check.along(&mut draw, inputs);

    // E, its gradient along v, that one's along u, and once more for the rounding of the last gradient.
    let all: [&[&[Matrix<f64>]]; 4] = [&[], &[v], &[v, u], &[v, u, t]];
    let scalars = all.map(|directions| Scalar { f, weights, directions });
    let bases: Vec<Base> = scalars.iter().take(check.order + 1).map(|scalar| scalar.base(inputs)).collect();

    let mut found = Vec::new();
    for (order, pair) in bases.windows(2).enumerate() {
        let (scalar, base, error) = (&scalars[order], &pair[0], pair[1].rounding.error);
        let property = [Property::Gradient, Property::SecondOrder][order];
        for (along, direction) in &along {
            let comparison = check.differences(property, (scalar, base), inputs, (*along, direction));
            // A direction in which few entries move is one more chance to see a mistake, no more.
            let extra = direction.iter().any(|d| d.as_slice().contains(&0.0)) && matches!(along, Along::Direction(_));
            if !(extra && comparison.verdict == Verdict::Inconclusive) {
                found.push(comparison);
            }
        }
        found.extend(recorded(order + 1, base, error));
        if inputs.iter().any(|x| !x.as_slice().is_empty()) {
            found.extend(forward(order + 1, scalar, base, [v, u][order], inputs));
        }
    }
    // Without an entry nothing moves.
    let moves = inputs.iter().any(|x| !x.as_slice().is_empty());
    if moves {
        found.push(adjoint(&scalars[1], inputs));
    }
    if moves && check.order == 2 {
        found.push(symmetry(&scalars[2], &Scalar { f, weights, directions: &[u, v] }, inputs));
    }
    Report::of(found, check.undecided)
}

/// The shape of f(x).
fn shape(f: &Closure<'_>, inputs: &[Matrix<f64>]) -> (usize, usize) {
    let tape = Tape::new();
    let vars: Vec<_> = inputs.iter().map(|x| tape.variable(x)).collect();
    f(&vars).shape()
}

/// `grad` and `backward` add the same terms, each with an error of at most `rounding`.
fn recorded(order: usize, base: &Base, rounding: f64) -> Vec<Comparison> {
    let mut all = Vec::new();
    for (input, (a, b)) in base.recorded.iter().zip(&base.buffered).enumerate() {
        for at in entries(a.shape()) {
            all.push(equal(Property::Recorded(order), Along::Entry { input, at }, a[at], b[at], 2.0 * rounding));
        }
    }
    all
}

/// Forward mode, over buffers and recorded, against ⟨∇E, d⟩.
fn forward(
    order: usize,
    scalar: &Scalar<'_>,
    base: &Base,
    direction: &[Matrix<f64>],
    inputs: &[Matrix<f64>],
) -> [Comparison; 2] {
    let (tangents, rounding) = scalar.forward(direction, inputs);
    let reverse = dot_of(&base.buffered, direction).0;
    let error = 2.0 * (rounding.error + scalar.rounding_along(direction, inputs).error);
    tangents.map(|tangent| equal(Property::Forward(order), Along::Direction(0), tangent, reverse, error))
}

/// ⟨w, J v⟩ = ⟨Jᵀw, v⟩, in which J v is the derivative of the right side with respect to w.
fn adjoint(along_v: &Scalar<'_>, inputs: &[Matrix<f64>]) -> Comparison {
    let tape = Tape::new();
    let vars: Vec<_> = inputs.iter().map(|x| tape.variable(x)).collect();
    let w = tape.variable(along_v.weights);
    let right = along_v.record(&tape, w, &vars);
    let left = dot(&tape, &[w], &grad(right, &[w]));
    let error = rounding(left, DOUBLE).error + rounding(right, DOUBLE).error;
    equal(Property::Adjoint, Along::Direction(0), left.item(), right.item(), error)
}

/// uᵀ H v = vᵀ H u.
fn symmetry(vu: &Scalar<'_>, uv: &Scalar<'_>, inputs: &[Matrix<f64>]) -> Comparison {
    let [a, b] = [vu, uv].map(|scalar| scalar.base(inputs));
    let error = a.rounding.error + b.rounding.error;
    equal(Property::Symmetry, Along::Direction(0), a.point.value, b.point.value, error)
}

/// Two numbers that differ by rounding only.
pub(super) fn equal(property: Property, along: Along, a: f64, b: f64, error: f64) -> Comparison {
    let (verdict, reason) = match () {
        _ if a == b || (a - b).abs() <= error => (Verdict::Pass, None),
        _ if a.is_finite() && b.is_finite() && error.is_finite() => (Verdict::Fail, None),
        // What is not finite on one side only is wrong there.
        _ if a.is_finite() != b.is_finite() => (Verdict::Fail, None),
        _ => (Verdict::Inconclusive, Some("the numbers are not finite")),
    };
    Comparison { property, along, analytic: a, numeric: b, error, allowed: error, verdict, reason }
}
