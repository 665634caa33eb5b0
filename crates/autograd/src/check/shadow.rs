//! Single precision, compared with double precision.

use super::properties::equal;
use super::report::{Along, Comparison, Property, Report, Verdict};
use super::rounding::{SINGLE, branches, computed_from, largest, rounding};
use super::scalar::{Tested, TestedNumber, backward, dot_of};
use super::scales::smaller;
use super::{Check, Draw, entries};
use crate::{Matrix, Real, Tape, Var, grad};

/// A function of variables that is written once for both number types. The macro [`function!`](crate::function)
/// writes one for a formula; a struct can hold parameters.
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

/// A [`Function`](crate::check::Function) from a formula that needs only its arguments:
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
    in_double: &dyn Tested,
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
    let all = TestedNumber { f: in_double, weights: &weights, directions: &[] };
    let zeros = || wide.iter().map(|x| x.map(|_| 0.0)).collect::<Vec<_>>();
    let (lost, exact) =
        all.recorded(&wide, |tape, double, vars| (loses(number, tape), backward(double, vars).unwrap_or_else(zeros)));
    let (value, signs) = ([y.value().map(f64::from)], branches(number));
    let widen = |g: Vec<Matrix<f32>>| g.iter().map(|g| g.map(f64::from)).collect::<Vec<_>>();
    let buffered = backward(number, &vars).map_or_else(zeros, widen);
    let recorded = widen(grad(number, &vars).iter().map(|g| g.value()).collect());

    let mut found = Vec::new();
    let mut covectors = vec![(Along::Direction(0), weights.clone())];
    let alone: Vec<_> = match y.rows() * y.cols() <= check.entries {
        true => entries(y.shape()).collect(),
        false => furthest(&value, &double).into_iter().map(|(_, at)| at).collect(),
    };
    covectors.extend(alone.into_iter().map(|at| (Along::Output { at }, unit(y.shape(), at))));
    for (along, w) in covectors {
        let shadow = Shadow::of(&TestedNumber { f: in_double, weights: &w, directions: &[] }, &wide, lost);
        // Selected, not multiplied: an infinite entry times 0 is NaN.
        let [single, double] = [&value, &double].map(|y| dot_of(y, std::slice::from_ref(&w)).0);
        found.push(Shadow { value: double, ..shadow }.compare(Property::SingleValue, along, single, &signs));
    }
    let mut along = check.along(&mut draw, inputs);
    if along.iter().all(|(along, _)| matches!(along, Along::Direction(_))) {
        let mut few: Vec<_> = [&buffered, &recorded].iter().flat_map(|gradient| furthest(gradient, &exact)).collect();
        few.sort_unstable();
        few.dedup();
        along.extend(few.into_iter().map(|(input, at)| {
            let mut alone = zeros();
            alone[input] = unit(wide[input].shape(), at);
            (Along::Entry { input, at }, alone)
        }));
    }
    for (along, direction) in along {
        let shadow =
            Shadow::of(&TestedNumber { f: in_double, weights: &weights, directions: &[&direction] }, &wide, lost);
        for gradient in [&buffered, &recorded] {
            let single = dot_of(gradient, &direction).0;
            found.push(shadow.compare(Property::SingleGradient, along, single, &signs));
        }
    }
    Report::of(found, check.undecided)
}

/// 1 at one entry, 0 at all others.
fn unit(shape: (usize, usize), at: (usize, usize)) -> Matrix<f64> {
    let mut unit = Matrix::zeros(shape.0, shape.1);
    unit[at] = 1.0;
    unit
}

/// Which entries are the furthest from those in double precision: one among all, and one among those of each smaller size. Where
/// entries are too many to try each, these are tried alone: the bound on a sum of all is larger than a mistake in one of them.
fn furthest(single: &[Matrix<f64>], double: &[Matrix<f64>]) -> Vec<(usize, (usize, usize))> {
    let ones = double.iter().map(|x| x.map(|_| 1.0)).collect();
    let among = |mask: Vec<Matrix<f64>>| {
        let places = mask.iter().enumerate().flat_map(|(k, mask)| entries(mask.shape()).map(move |at| (k, at)));
        let apart = |&(k, at): &(usize, (usize, usize))| {
            let (a, b) = (single[k][at], double[k][at]);
            let same = a == b || a.is_nan() && b.is_nan();
            match (a - b).abs() {
                _ if same => 0.0,
                apart if apart.is_nan() => f64::INFINITY,
                apart => apart,
            }
        };
        places.filter(|&(k, at)| mask[k][at] == 1.0).max_by(|a, b| apart(a).total_cmp(&apart(b)))
    };
    std::iter::once(ones).chain(smaller(double)).filter_map(among).collect()
}

/// f(x).
fn evaluate(f: &dyn Tested, inputs: &[Matrix<f64>]) -> Matrix<f64> {
    let tape = Tape::new();
    let vars: Vec<_> = inputs.iter().map(|x| tape.variable(x)).collect();
    f.call(&tape, &vars).value()
}

/// A number in double precision, and the allowed error in single precision.
struct Shadow {
    value: f64,
    allowed: f64,
    branches: Vec<i32>,
    largest: f64,
    lost: bool,
}

impl Shadow {
    fn of(scalar: &TestedNumber<'_>, inputs: &[Matrix<f64>], lost: bool) -> Shadow {
        let tape = Tape::new();
        let vars: Vec<_> = inputs.iter().map(|x| tape.variable(x)).collect();
        let number = scalar.record(&tape, tape.constant(scalar.weights), &vars);
        let allowed = 2.0 * rounding(number, SINGLE).error;
        Shadow { value: number.item(), allowed, branches: branches(number), largest: largest(&tape), lost }
    }

    fn compare(&self, property: Property, along: Along, single: f64, signs: &[i32]) -> Comparison {
        let comparison = equal(property, along, single, self.value, self.allowed);
        let reason = match () {
            _ if single.is_nan() && self.value.is_nan() => {
                return Comparison { verdict: Verdict::Pass, reason: None, ..comparison };
            }
            _ if comparison.verdict != Verdict::Fail => return comparison,
            // The gradients of the recorded gradient come after those of the value.
            _ if !self.branches.starts_with(signs) => KINK,
            _ if self.largest > f64::from(f32::MAX) => RANGE,
            _ if self.lost => LOST,
            _ => return comparison,
        };
        Comparison { verdict: Verdict::Inconclusive, reason: Some(reason), ..comparison }
    }
}

/// Whether a number on the way to `single` is off by 1 % of itself, and the first of them by no more than rounding explains. The
/// numbers after it have other arguments than in double precision, so a first-order bound does not apply to them.
///
/// That bound is 0 where a function saturates: the slope of a softmax is 0 at logits far from each other, and a rounding of the logits can
/// exchange their order. Then rounding explains the number if it explains the operands, and double precision has the same number at them.
fn loses<'t>(single: Var<'_, f32>, double: &'t Tape<'t, f64>) -> bool {
    let rounded = |id| Var::new(single.tape(), id).value().map(f64::from);
    let exact = |id| Var::new(double, id).value();
    let explained = |id, (i, j): (usize, usize)| {
        let apart = (rounded(id)[(i, j)] - exact(id)[(i, j)]).abs();
        apart <= 2.0 * rounding(Var::new(double, id).at(i, j), SINGLE).error
    };
    let first = (0..=single.id).find_map(|id| Some((id, off(&rounded(id), &exact(id))?)));
    first.is_some_and(|(id, at)| {
        explained(id, at)
            || computed_from(Var::new(double, id), rounded).is_some_and(|(operands, same)| {
                let furthest = |x| furthest(&[rounded(x)], &[exact(x)])[0].1;
                off(&rounded(id), &same).is_none() && operands.into_iter().all(|x| explained(x, furthest(x)))
            })
    })
}

/// The first entry of `a` that is off by 1 % of that of `b`.
fn off(a: &Matrix<f64>, b: &Matrix<f64>) -> Option<(usize, usize)> {
    entries(b.shape()).find(|&at| (a[at] - b[at]).abs() > 0.01 * b[at].abs())
}
