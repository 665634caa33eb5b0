//! Differences with an error, and when they decide.

use super::Check;
use super::line::Line;
use super::report::{Along, Comparison, Property, Verdict};
use super::scalar::{Base, TestedNumber, dot_of};
use crate::Matrix;

/// A derivative from differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub value: f64,
    pub error: f64,
}

/// The number of steps h, h/2, h/4, … in a table.
const LEVELS: i32 = 7;
/// How often the first step is made 16 times smaller.
const RETRIES: i32 = 5;
/// A difference within this many errors may be due to the error.
pub(super) const ERRORS: f64 = 5.0;
/// The share of one entry's derivative that may be uncertain in a pass.
const SHARE: f64 = 0.01;
/// A derivative is what is left of numbers that cancel if it is smaller than this part of their sizes.
const LEFT: f64 = 1e-3;
/// Smaller numbers count as zero: near the end of the range they lose precision.
const VANISHING: f64 = 1e-280;

const UNCONFIRMED: &str = "the differences disagree with the derivative, but also among themselves";
const NOISE: &str = "the error of the differences is too large to decide";
const INFINITE: &str = "the derivative is not finite";

/// Ridders' extrapolation of central differences D(h) = D + c₂h² + c₄h⁴ + … to h = 0:
///
/// ```text
/// A(i, 0) = D(h/2ⁱ),   A(i, j) = A(i, j−1) + (A(i, j−1) − A(i−1, j−1)) / (4ʲ − 1)
/// ```
///
/// in which A(i, j) is free of the first j powers. Its error is its larger distance to the two
/// values it comes from, plus the rounding that it inherits: a difference has the error `noise`/h, and the absolute
/// coefficients of A(i, j) add up to Π (4ʲ + 1)/(4ʲ − 1) < 2.
/// It ends when the error is at most `enough`, or when higher orders are worse by twice the error.
pub(super) fn ridders(
    h: f64,
    noise: f64,
    enough: f64,
    difference: &mut dyn FnMut(f64) -> Result<f64, &'static str>,
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
        (scalar, base): (&TestedNumber<'_>, &Base),
        inputs: &[Matrix<f64>],
        (along, direction): (Along, &[Matrix<f64>]),
    ) -> Comparison {
        let (analytic, length) = dot_of(&base.buffered, direction);
        let rounding = scalar.rounding_along(direction, inputs);
        let moving = direction.iter().flat_map(Matrix::as_slice).filter(|d| **d != 0.0).count() as f64;
        let sizes = [base.rounding.size, rounding.size];
        let rounding = rounding.error;
        let side = Side { analytic, length, moving, rounding, sizes };
        let line = Line { scalar, base, inputs, direction };
        let mut decided = self.decide(&side, &line);
        let proof = if decided.0 == Verdict::Fail { None } else { self.proof(&side, &line) };
        let is_proved = proof.is_some();
        if let Some((verdict, bounds)) = proof {
            decided = (verdict, bounds, None);
        }
        let (verdict, Estimate { value: numeric, error }, reason) = decided;
        let allowed = self.tolerance * side.of_one(numeric);
        let error = error + rounding;
        Comparison { property, along, analytic, numeric, error, allowed, verdict, reason, is_proved }
    }

    /// What bounds of the derivative decide.
    fn proof(&self, side: &Side, line: &Line<'_>) -> Option<(Verdict, Estimate)> {
        let bounds = self.bounds?;
        let found = line.scalar.recorded(line.inputs, |_, number, x| bounds(number, x, line.direction));
        let (low, high) = found?;
        assert!(low <= high, "Check::bounded_by: there is no number from {low} to {high}");
        if !(low.is_finite() && high.is_finite()) {
            return None;
        }
        let value = low.midpoint(high);
        let proved = Estimate { value, error: (high - value).max(value - low) };
        match () {
            _ if !side.analytic.is_finite() => Some((Verdict::Fail, proved)),
            _ if side.contradicts(proved, self.tolerance) => Some((Verdict::Fail, proved)),
            _ if side.is_near(proved, self.tolerance) => Some((Verdict::Pass, proved)),
            _ => None,
        }
    }

    /// The first steps of the tables: each 16 times smaller, and one more if a number that moves is smaller than all of them.
    fn steps(&self, line: &Line<'_>) -> Vec<f64> {
        let steps = |scale: f64| (0..=RETRIES).map(move |k| self.step * scale * 0.0625f64.powi(k));
        let last = self.step * 0.0625f64.powi(RETRIES);
        steps(1.0).chain(steps(line.nearest()).filter(|&h| h < last)).collect()
    }

    /// Makes the step smaller until a table passes, or contradicts the derivative and is confirmed.
    fn decide(&self, side: &Side, line: &Line<'_>) -> (Verdict, Estimate, Option<&'static str>) {
        let noise = line.base.rounding.error;
        let enough = 1e-3 * self.tolerance * side.of_one(0.0);
        let mut best = Estimate { value: f64::NAN, error: f64::INFINITY };
        let (mut why, mut doubted) = (NOISE, false);
        for h in self.steps(line) {
            let estimate = match ridders(h, noise, enough, &mut |h| line.difference(h)) {
                Ok(estimate) => estimate,
                Err(reason) => {
                    why = if best.error.is_finite() { why } else { reason };
                    continue;
                }
            };
            why = NOISE;
            if side.passes(estimate, self.tolerance) {
                return (Verdict::Pass, estimate, None);
            }
            if side.contradicts(estimate, self.tolerance) {
                doubted = true;
                if line.contradicts((side.analytic - estimate.value).abs()) {
                    return (Verdict::Fail, estimate, None);
                }
            }
            if estimate.error < best.error {
                best = estimate;
            }
        }
        let why = match () {
            _ if !side.analytic.is_finite() => INFINITE,
            _ if doubted => UNCONFIRMED,
            _ => why,
        };
        (Verdict::Inconclusive, best, Some(why))
    }
}

/// The analytic derivative and its error.
struct Side {
    analytic: f64,
    /// The length of the vector whose entries it adds up.
    length: f64,
    /// The number of entries that move.
    moving: f64,
    /// A bound on its error.
    rounding: f64,
    /// The sizes of the numbers that made up the value, and the derivative.
    sizes: [f64; 2],
}

impl Side {
    /// S.
    fn of_all(&self, numeric: f64) -> f64 {
        self.analytic.abs().max(numeric.abs()).max(self.length)
    }

    /// S₁: the share of one entry, in which a mistake is not diluted by the others.
    fn of_one(&self, numeric: f64) -> f64 {
        self.of_all(numeric) / self.moving.sqrt()
    }

    /// The verdict as the module describes it.
    fn passes(&self, estimate: Estimate, tolerance: f64) -> bool {
        let uncertain = estimate.error + self.rounding;
        let zero = self.analytic.abs() <= self.rounding && estimate.value.abs() <= ERRORS * uncertain;
        let nothing = LEFT * tolerance * self.sizes.into_iter().fold(VANISHING, f64::max);
        zero && uncertain <= nothing || self.is_near(estimate, tolerance)
    }

    /// Whether the numbers are equal to within an error that is small beside them.
    fn is_near(&self, Estimate { value, error }: Estimate, tolerance: f64) -> bool {
        let (apart, uncertain) = ((self.analytic - value).abs(), error + self.rounding);
        let (one, all) = (self.of_one(value), self.of_all(value));
        let [_, terms] = self.sizes;
        let fine = (tolerance * all.max(LEFT * terms)).min(SHARE * one).max(tolerance * one);
        apart.is_finite() && apart <= uncertain.max(tolerance * one) && uncertain <= fine
    }

    /// Whether the numbers differ, if the error of the differences is right.
    fn contradicts(&self, Estimate { value, error }: Estimate, tolerance: f64) -> bool {
        (self.analytic - value).abs() > (tolerance * self.of_one(value)).max(ERRORS * (error + self.rounding))
    }
}
