//! Single precision, in the shadow of double precision.

use super::properties::equal;
use super::report::{Along, Comparison, Property, Report, Verdict};
use super::rounding::{SINGLE, branches, largest, rounding};
use super::scalar::{Closure, Scalar, backward, dot_of};
use super::{Check, Draw, entries};
use crate::{Matrix, Real, Tape, Var, grad};

/// A function of variables that is written once for both number types. The macro [`function!`](crate::function)
/// writes one for a formula; a struct may hold what the formula needs.
///
/// ```
/// use autograd::{Matrix, Real, Var, check::{Function, check, check_f32}};
/// struct Power(i32);
/// impl Function for Power {
///     fn call<'t, T: Real>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
///         x[0].powi(self.0)
///     }
/// }
/// check(|x| Power(3).call(x), &[Matrix::from([[0.5]])]);
/// check_f32(&Power(3), &[Matrix::from([[0.5f32]])]);
/// ```
pub trait Function {
    /// Its value.
    fn call<'t, T: Real>(&self, x: &[Var<'t, T>]) -> Var<'t, T>;
}

/// A [`Function`](crate::check::Function) from a formula that needs nothing but its arguments:
/// `function!(|x| x[0] * x[1])`.
#[macro_export]
macro_rules! function {
    (|$x:ident| $y:expr) => {{
        struct Formula;
        impl $crate::check::Function for Formula {
            fn call<'t, T: $crate::Real>(&self, $x: &[$crate::Var<'t, T>]) -> $crate::Var<'t, T> {
                $y
            }
        }
        Formula
    }};
}

const KINK: &str = "single and double precision are on different sides of a kink";
const RANGE: &str = "a number does not fit into single precision";
const LOST: &str = "single precision has lost its digits on the way";

/// ⟨w, y⟩ for several w, ⟨∇E, d⟩ for several d, each in both precisions.
pub(super) fn run(
    check: &Check,
    f: &dyn for<'t> Fn(&[Var<'t, f32>]) -> Var<'t, f32>,
    in_double: &Closure<'_>,
    inputs: &[Matrix<f32>],
) -> Report {
    let wide: Vec<Matrix<f64>> = inputs.iter().map(|x| x.map(f64::from)).collect();
    let mut draw = Draw(check.seed);

    let double = [evaluate(in_double, &wide)];
    let weights = draw.weights(double[0].shape());
    let tape = Tape::new();
    let vars: Vec<_> = inputs.iter().map(|x| tape.variable(x)).collect();
    let w = tape.constant(weights.map(|w| w as f32));
    let y = f(&vars);
    let number = (w * y).sum();
    let all = Scalar { f: in_double, weights: &weights, directions: &[] };
    let lost = all.recorded(&wide, |tape, _, _| loses(number, tape));
    let (value, signs) = ([y.value().map(f64::from)], branches(&tape));
    let widen = |g: Vec<Matrix<f32>>| g.iter().map(|g| g.map(f64::from)).collect::<Vec<_>>();
    let zeros = || wide.iter().map(|x| x.map(|_| 0.0)).collect();
    let buffered = backward(number, &vars).map_or_else(zeros, widen);
    let recorded = widen(grad(number, &vars).iter().map(|g| g.value()).collect());

    let mut found = Vec::new();
    let mut covectors = vec![(Along::Direction(0), weights.clone())];
    if y.rows() * y.cols() <= check.entries {
        covectors.extend(entries(y.shape()).map(|at| {
            let unit = Matrix::from_fn(y.rows(), y.cols(), |i, j| if (i, j) == at { 1.0 } else { 0.0 });
            (Along::Output { at }, unit)
        }));
    }
    for (along, w) in covectors {
        let shadow = Shadow::of(&Scalar { f: in_double, weights: &w, directions: &[] }, &wide, lost);
        // Picked, not multiplied: an infinite entry times 0 is NaN.
        let [single, double] = [&value, &double].map(|y| dot_of(y, std::slice::from_ref(&w)).0);
        found.push(Shadow { value: double, ..shadow }.compare(Property::SingleValue, along, single, &signs));
    }
    for (along, direction) in check.along(&mut draw, inputs) {
        let shadow = Shadow::of(&Scalar { f: in_double, weights: &weights, directions: &[&direction] }, &wide, lost);
        for gradient in [&buffered, &recorded] {
            let single = dot_of(gradient, &direction).0;
            found.push(shadow.compare(Property::SingleGradient, along, single, &signs));
        }
    }
    Report::of(found, check.undecided)
}

/// f(x).
fn evaluate(f: &Closure<'_>, inputs: &[Matrix<f64>]) -> Matrix<f64> {
    let tape = Tape::new();
    let vars: Vec<_> = inputs.iter().map(|x| tape.variable(x)).collect();
    f(&vars).value()
}

/// A number in double precision, and what single precision may be off.
struct Shadow {
    value: f64,
    allowed: f64,
    branches: Vec<i32>,
    largest: f64,
    lost: bool,
}

impl Shadow {
    fn of(scalar: &Scalar<'_>, inputs: &[Matrix<f64>], lost: bool) -> Shadow {
        let tape = Tape::new();
        let vars: Vec<_> = inputs.iter().map(|x| tape.variable(x)).collect();
        let number = scalar.record(&tape, tape.constant(scalar.weights), &vars);
        let allowed = 2.0 * rounding(number, SINGLE).error;
        Shadow { value: number.item(), allowed, branches: branches(&tape), largest: largest(&tape), lost }
    }

    fn compare(&self, property: Property, along: Along, single: f64, signs: &[i32]) -> Comparison {
        let comparison = equal(property, along, single, self.value, self.allowed);
        let reason = match () {
            _ if single.is_nan() && self.value.is_nan() => {
                return Comparison { verdict: Verdict::Pass, reason: None, ..comparison };
            }
            _ if comparison.verdict != Verdict::Fail => return comparison,
            // Those of the recorded gradient come after those of the value.
            _ if !self.branches.starts_with(signs) => KINK,
            _ if self.largest > f64::from(f32::MAX) => RANGE,
            _ if self.lost => LOST,
            _ => return comparison,
        };
        Comparison { verdict: Verdict::Inconclusive, reason: Some(reason), ..comparison }
    }
}

/// Whether a number on the way to `single` is off by a hundredth of itself, and the first of them by no more than rounding explains:
/// what follows has other arguments than in double precision, and a bound of first order says nothing of it.
fn loses<'t>(single: Var<'_, f32>, double: &'t Tape<'t, f64>) -> bool {
    let first = (0..=single.id).find_map(|id| {
        let (a, b) = (Var::new(single.tape(), id).value(), Var::new(double, id).value());
        let off = |&at: &(usize, usize)| (f64::from(a[at]) - b[at]).abs() > 0.01 * b[at].abs();
        entries(b.shape()).find(off).map(|at| (id, at, (f64::from(a[at]) - b[at]).abs()))
    });
    first.is_some_and(|(id, (i, j), apart)| apart <= 2.0 * rounding(Var::new(double, id).at(i, j), SINGLE).error)
}
