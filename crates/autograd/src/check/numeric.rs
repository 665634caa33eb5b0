//! Differences with an error, and when they decide.

use super::Check;
use super::report::{Along, Comparison, Property, Verdict};
use super::scalar::{Base, Scalar, dot_of};
use crate::Matrix;

/// A derivative from differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub value: f64,
    pub error: f64,
}

/// How many steps h, h/2, h/4, … a table has.
const LEVELS: i32 = 7;
/// How often the first step is made 16 times smaller.
const RETRIES: i32 = 5;
/// A difference within this many errors may be the error.
const ERRORS: f64 = 5.0;

const KINK: &str = "every step crosses a kink, or starts on one";
const DOMAIN: &str = "the value is not finite near the point";
/// What is smaller is zero: the range of numbers ends, and with it their precision.
const VANISHING: f64 = 1e-280;
/// In how many steps a derivative is typically added up.
const STEPS: f64 = 8.0;

const UNCONFIRMED: &str = "the differences disagree with the derivative, but also among themselves";
const NOISE: &str = "the error of the differences is too large to decide";

/// Ridders' extrapolation of central differences D(h) = D + c₂h² + c₄h⁴ + … to h = 0:
///
/// ```text
/// A(i, 0) = D(h/2ⁱ),   A(i, j) = A(i, j−1) + (A(i, j−1) − A(i−1, j−1)) / (4ʲ − 1)
/// ```
///
/// in which A(i, j) is free of the first j powers. Its error is taken as its larger distance to the two
/// values it comes from, plus the rounding it inherits: a difference has error `noise`/h, and the absolute
/// coefficients of A(i, j) add up to Π (4ʲ + 1)/(4ʲ − 1) < 2.
/// Ends when the error is at most `enough`, or higher orders are worse by twice the error.
pub(super) fn ridders(
    h: f64,
    noise: f64,
    enough: f64,
    mut difference: impl FnMut(f64) -> Result<f64, &'static str>,
) -> Result<Estimate, &'static str> {
    let mut best = Estimate { value: f64::NAN, error: f64::INFINITY };
    let mut before: Vec<f64> = Vec::new();
    for i in 0..LEVELS {
        let h = h * 0.5f64.powi(i);
        let mut row = vec![difference(h)?];
        for (j, &coarse) in before.iter().enumerate() {
            let fine = row[j];
            let better = fine + (fine - coarse) / (4f64.powi(j as i32 + 1) - 1.0);
            let error = (better - fine).abs().max((better - coarse).abs()) + 2.0 * noise / h;
            if error < best.error {
                best = Estimate { value: better, error };
            }
            row.push(better);
        }
        let worse = |(a, b): (&f64, &f64)| (a - b).abs() > 2.0 * best.error;
        if best.error <= enough || (i > 1 && row.last().zip(before.last()).is_some_and(worse)) {
            break;
        }
        before = row;
    }
    Ok(best)
}

impl Check {
    /// Compares the gradient of a scalar along a direction with differences of it.
    pub(super) fn differences(
        &self,
        property: Property,
        (scalar, base): (&Scalar<'_>, &Base),
        inputs: &[Matrix<f64>],
        (along, direction): (Along, &[Matrix<f64>]),
    ) -> Comparison {
        let (analytic, length) = dot_of(&base.buffered, direction);
        let rounding = scalar.rounding_along(direction, inputs);
        let at = |h: f64| -> Result<f64, &'static str> {
            let step = |(x, d): (&Matrix<f64>, &Matrix<f64>)| {
                let mut x = x.clone();
                x.as_mut_slice().iter_mut().zip(d.as_slice()).for_each(|(x, d)| *x += h * d);
                x
            };
            let moved: Vec<_> = inputs.iter().zip(direction).map(step).collect();
            let point = scalar.at(&moved);
            match () {
                _ if !point.value.is_finite() => Err(DOMAIN),
                _ if point.branches != base.point.branches => Err(KINK),
                _ => Ok(point.value),
            }
        };
        let difference = |h: f64| Ok((at(h)? - at(-h)?) / (2.0 * h));

        let length = length.max(rounding.size / STEPS);
        let side = Side { analytic, length, rounding: rounding.error, size: base.rounding.size };
        let none = Estimate { value: f64::NAN, error: f64::INFINITY };
        let (mut verdict, mut best, mut reason) = (Verdict::Inconclusive, none, NOISE);
        let mut failed: Option<Estimate> = None;
        // A failure is confirmed at a step that is smaller still.
        for k in 0..=RETRIES + 1 {
            if k > RETRIES && failed.is_none() {
                break;
            }
            let h = self.step * 0.0625f64.powi(k);
            let enough = 1e-3 * self.tolerance * length;
            let estimate = match ridders(h, base.rounding.error, enough, difference) {
                Ok(estimate) => estimate,
                Err(why) => {
                    reason = if best.error.is_finite() { reason } else { why };
                    continue;
                }
            };
            reason = NOISE;
            let decided = side.decide(estimate, self.tolerance);
            if estimate.error < best.error || decided != Verdict::Inconclusive {
                best = estimate;
            }
            // Where f oscillates within a step, its differences can be wrong by more than they know, but not
            // by the same amount at a step 16 times smaller.
            let agrees = |before: Estimate| (before.value - estimate.value).abs() <= before.error + estimate.error;
            let apart = (side.analytic - estimate.value).abs() > 2.0 * (estimate.error + side.rounding);
            if let Some(before) = failed.filter(|&before| apart && agrees(before)) {
                (verdict, best) = (Verdict::Fail, before);
                break;
            }
            match decided {
                Verdict::Fail => failed = Some(estimate),
                Verdict::Inconclusive => {}
                Verdict::Pass => {
                    verdict = Verdict::Pass;
                    break;
                }
            }
        }
        if verdict == Verdict::Inconclusive && failed.is_some() {
            reason = UNCONFIRMED;
        }
        Comparison {
            property,
            along,
            analytic,
            numeric: best.value,
            error: best.error + rounding.error,
            allowed: self.tolerance * side.scale(best),
            verdict,
            reason: (verdict == Verdict::Inconclusive).then_some(reason),
        }
    }
}

/// What is known of the analytic derivative.
struct Side {
    analytic: f64,
    /// The size of what it adds up.
    length: f64,
    /// A bound on its error.
    rounding: f64,
    /// The size of what made up the value.
    size: f64,
}

impl Side {
    /// S.
    fn scale(&self, numeric: Estimate) -> f64 {
        self.analytic.abs().max(numeric.value.abs()).max(self.length)
    }

    /// As the module describes it.
    fn decide(&self, numeric: Estimate, tolerance: f64) -> Verdict {
        let Estimate { value, error } = numeric;
        if !self.analytic.is_finite() {
            return if error <= tolerance * value.abs() { Verdict::Fail } else { Verdict::Inconclusive };
        }
        let (apart, allowed) = ((self.analytic - value).abs(), tolerance * self.scale(numeric));
        let (uncertain, known) = (error + self.rounding, 0.01 * self.analytic.abs().max(value.abs()));
        let zero = self.analytic.abs() <= self.rounding && value.abs() <= ERRORS * error;
        match () {
            _ if apart <= allowed && uncertain <= allowed => Verdict::Pass,
            _ if zero && error <= 1e-3 * tolerance * self.size.max(VANISHING) => Verdict::Pass,
            _ if apart > allowed.max(ERRORS * uncertain) && uncertain <= known => Verdict::Fail,
            _ => Verdict::Inconclusive,
        }
    }
}
