//! A whole check: draw, record, compare.

use super::report::{Along, Comparison, Property, Report, Verdict};
use super::rounding::{DOUBLE, rounding};
use super::scalar::{Base, Tested, TestedNumber, dot, dot_of};
use super::scales::smaller;
use super::{Check, Draw, entries};
use crate::{Matrix, Tape, grad};

/// All properties that the module promises for a function in double precision.
pub(super) fn run(check: &Check, f: &dyn Tested, inputs: &[Matrix<f64>]) -> Report {
    let mut draw = Draw(check.seed);
    let moves = draw.direction(inputs);
    let sizes = tangents(f, inputs, &moves);
    let weights = draw.weights(sizes.shape());
    let mut found = comparisons(check, f, &weights, inputs, &mut draw);
    // A small output would not be seen beside a large one.
    for mask in smaller(&[sizes]) {
        let weights = Matrix::from_fn(weights.rows(), weights.cols(), |i, j| weights[(i, j)] * mask[0][(i, j)]);
        found.extend(comparisons(check, f, &weights, inputs, &mut draw).into_iter().filter(decided));
    }
    Report::of(found, check.undecided)
}

/// J d, in the shape of f(x).
fn tangents(f: &dyn Tested, inputs: &[Matrix<f64>], direction: &[Matrix<f64>]) -> Matrix<f64> {
    let tape = Tape::new();
    let vars: Vec<_> = inputs.iter().map(|x| tape.variable(x)).collect();
    let y = f.call(&tape, &vars);
    let moves: Vec<_> = vars.iter().zip(direction).map(|(&x, d)| (x, d.view())).collect();
    if y.needs_gradient() { tape.tangents(&moves).of(y).to_owned() } else { y.value().map(|_| 0.0) }
}

fn decided(comparison: &Comparison) -> bool {
    comparison.verdict != Verdict::Inconclusive
}

fn failed(comparison: &Comparison) -> bool {
    comparison.verdict == Verdict::Fail
}

/// Every comparison of the number ⟨w, f(x)⟩.
fn comparisons(
    check: &Check,
    f: &dyn Tested,
    weights: &Matrix<f64>,
    inputs: &[Matrix<f64>],
    draw: &mut Draw,
) -> Vec<Comparison> {
    let [v, u, t] = &[(); 3].map(|()| draw.direction(inputs));
    let along = check.along(draw, inputs);

    // E, its gradient along v, the gradient of that along u, and once more for the rounding of the last gradient.
    let all: [&[&[Matrix<f64>]]; 4] = [&[], &[v], &[v, u], &[v, u, t]];
    let scalars = all.map(|directions| TestedNumber { f, weights, directions });
    let bases: Vec<Base> = scalars.iter().take(check.order + 1).map(|scalar| scalar.base(inputs)).collect();

    let mut found = Vec::new();
    for (order, pair) in bases.windows(2).enumerate() {
        let (scalar, base, error) = (&scalars[order], &pair[0], pair[1].rounding.error);
        let property = [Property::Gradient, Property::SecondOrder][order];
        let differences = |(along, direction): &(Along, Vec<Matrix<f64>>)| {
            check.differences(property, (scalar, base), inputs, (*along, direction))
        };
        let start = found.len();
        found.extend(along.iter().map(differences));
        // A direction in which few entries move is only an additional chance to see a mistake.
        let few = check.among(draw, inputs, &base.buffered, along.len());
        found.extend(few.iter().map(differences).filter(decided));
        // If such a direction fails, a further one for each input shows which input has the wrong derivative.
        if along.iter().all(|(along, _)| matches!(along, Along::Direction(_))) && found[start..].iter().any(failed) {
            let alone: Vec<_> = (0..inputs.len()).map(|input| draw.direction_in(input, inputs)).collect();
            found.splice(start..start, alone.iter().map(differences).filter(failed).collect::<Vec<_>>());
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
        found.push(symmetry(&scalars[2], &TestedNumber { f, weights, directions: &[u, v] }, inputs));
    }
    found
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
    scalar: &TestedNumber<'_>,
    base: &Base,
    direction: &[Matrix<f64>],
    inputs: &[Matrix<f64>],
) -> [Comparison; 2] {
    let (tangents, rounding) = scalar.forward(direction, inputs);
    let reverse = dot_of(&base.buffered, direction).0;
    let error = 2.0 * (rounding.error + scalar.rounding_along(direction, inputs).error);
    tangents.map(|tangent| equal(Property::Forward(order), Along::Direction(0), tangent, reverse, error))
}

/// ⟨w, J v⟩ = ⟨Jᵀw, v⟩. J v is the derivative of the right side with respect to w.
fn adjoint(along_v: &TestedNumber<'_>, inputs: &[Matrix<f64>]) -> Comparison {
    let tape = Tape::new();
    let vars: Vec<_> = inputs.iter().map(|x| tape.variable(x)).collect();
    let w = tape.variable(along_v.weights);
    let right = along_v.record(&tape, w, &vars);
    let left = dot(&tape, &[w], &grad(right, &[w]));
    let error = rounding(left, DOUBLE).error + rounding(right, DOUBLE).error;
    equal(Property::Adjoint, Along::Direction(0), left.item(), right.item(), error)
}

/// uᵀ H v = vᵀ H u.
fn symmetry(vu: &TestedNumber<'_>, uv: &TestedNumber<'_>, inputs: &[Matrix<f64>]) -> Comparison {
    let [a, b] = [vu, uv].map(|scalar| scalar.base(inputs));
    let error = a.rounding.error + b.rounding.error;
    equal(Property::Symmetry, Along::Direction(0), a.point.value, b.point.value, error)
}

/// Two numbers that differ by rounding only.
pub(super) fn equal(property: Property, along: Along, a: f64, b: f64, error: f64) -> Comparison {
    let (verdict, reason) = match () {
        _ if a == b || (a - b).abs() <= error => (Verdict::Pass, None),
        // If only one side is not finite and all its operands are finite, that side is wrong.
        _ if error.is_finite() && (a.is_finite() || b.is_finite()) => (Verdict::Fail, None),
        _ => (Verdict::Inconclusive, Some("the numbers are not finite")),
    };
    Comparison { property, along, analytic: a, numeric: b, error, allowed: error, verdict, reason, is_proved: false }
}
