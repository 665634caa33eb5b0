//! A number along a line, and whether its differences contradict its derivative there.

use std::f64::consts::PI;

use super::numeric::{ERRORS, Estimate};
use super::scalar::{Base, Point, TestedNumber};
use crate::Matrix;

pub(super) const KINK: &str = "every step crosses a kink, or starts on one";
pub(super) const DOMAIN: &str = "the value is not finite near the point";

/// The number of points of a segment where the derivative is taken.
const NODES: usize = 8;
/// How many steps are tried to contradict a derivative, each π times the one before, and how many in a row must contradict it.
const STEPS: i32 = 6;
const IN_A_ROW: usize = 3;

/// E(x + t d) as a function of t.
pub(super) struct Line<'a> {
    pub scalar: &'a TestedNumber<'a>,
    pub base: &'a Base,
    pub inputs: &'a [Matrix<f64>],
    pub direction: &'a [Matrix<f64>],
}

impl Line<'_> {
    /// x + t d.
    fn point(&self, t: f64) -> Vec<Matrix<f64>> {
        let step = |(x, d): (&Matrix<f64>, &Matrix<f64>)| {
            let mut x = x.clone();
            x.as_mut_slice().iter_mut().zip(d.as_slice()).for_each(|(x, d)| *x += t * d);
            x
        };
        self.inputs.iter().zip(self.direction).map(step).collect()
    }

    /// The smallest |x| of the numbers that move, ignoring zeros; at most 1.
    pub fn nearest(&self) -> f64 {
        let pairs = self.inputs.iter().zip(self.direction).flat_map(|(x, d)| x.as_slice().iter().zip(d.as_slice()));
        pairs.filter(|&(&x, &d)| x != 0.0 && d != 0.0).fold(1.0, |least: f64, (x, _)| least.min(x.abs()))
    }

    /// The value at a point on the same smooth piece as the base point.
    fn smooth(&self, point: &Point) -> Result<f64, &'static str> {
        match () {
            _ if !point.value.is_finite() => Err(DOMAIN),
            _ if point.branches != self.base.point.branches => Err(KINK),
            _ => Ok(point.value),
        }
    }

    /// (E(h) − E(−h)) / 2h.
    pub fn difference(&self, h: f64) -> Result<f64, &'static str> {
        let at = |t| self.smooth(&self.scalar.at(&self.point(t)));
        Ok((at(h)? - at(-h)?) / (2.0 * h))
    }

    /// The mean of E′ over [−h, h] by differences of E minus the mean by the derivative under test, with an error. For a right
    /// derivative both means are equal, for any h.
    fn gap(&self, h: f64) -> Result<Estimate, &'static str> {
        let mut values = [0.0; NODES];
        for (value, t) in values.iter_mut().zip(nodes()) {
            let (point, slope) = self.scalar.slope(self.direction, &self.point(h * t));
            self.smooth(&point)?;
            *value = slope;
        }
        let (mut difference, slopes) = (0.0, mean(&values));
        let mut error = slopes.error;
        for h in [h, -h] {
            let x = self.point(h);
            let (point, rounding) = self.scalar.rounded(&x);
            difference += self.smooth(&point)? / (2.0 * h);
            error += rounding.error / (2.0 * h.abs()) + self.scalar.rounding_along(self.direction, &x).error;
        }
        Ok(Estimate { value: difference - slopes.value, error })
    }

    /// Whether the derivative is wrong, by about `apart`. It is if, at the finest steps that rounding allows, three steps in a row
    /// with an irregular ratio say so, and by the same amount.
    pub fn contradicts(&self, apart: f64) -> bool {
        let mut row: Vec<Estimate> = Vec::new();
        for k in 0..STEPS {
            let h = 50.0 * self.base.rounding.error / apart * PI.powi(k);
            let Ok(gap) = self.gap(h) else { return false };
            let same = |before: &Estimate| {
                (before.value - gap.value).abs() <= before.error + gap.error + 0.1 * gap.value.abs()
            };
            match () {
                _ if gap.value.abs() <= ERRORS * gap.error => row.clear(),
                _ if row.iter().all(same) => row.push(gap),
                _ => return false,
            }
            // If a fine step finds it right, it is right.
            if gap.value.abs().max(ERRORS * gap.error) <= apart / ERRORS {
                return false;
            }
            if row.len() == IN_A_ROW {
                return true;
            }
        }
        false
    }
}

/// cos θ for θ = (i + ½) π / n: incommensurable points, so that an oscillation does not have the same phase at all of them.
fn nodes() -> impl Iterator<Item = f64> {
    angles().map(f64::cos)
}

fn angles() -> impl Iterator<Item = f64> {
    (0..NODES).map(|i| (i as f64 + 0.5) * PI / NODES as f64)
}

/// The mean over [−1, 1] of Σ cₖ Tₖ through `values` at the nodes (Fejér, *Math. Z.* 37, 1933). Tₖ has the mean 1 / (1 − k²) for
/// even k, and 0 for odd k. The error is the upper half of the |cₖ|, which is small only for smooth functions.
fn mean(values: &[f64; NODES]) -> Estimate {
    let c = |k: usize| {
        let sum: f64 = values.iter().zip(angles()).map(|(g, angle)| g * (k as f64 * angle).cos()).sum();
        sum * if k == 0 { 1.0 } else { 2.0 } / NODES as f64
    };
    let value = (0..NODES).step_by(2).map(|k| c(k) / (1.0 - (k * k) as f64)).sum();
    Estimate { value, error: (NODES / 2..NODES).map(|k| c(k).abs()).sum() }
}

#[cfg(test)]
mod tests {
    use super::{ERRORS, PI, mean, nodes};

    #[test]
    fn the_mean_knows_its_error() {
        let of = |f: &dyn Fn(f64) -> f64| {
            let mut values = [0.0; super::NODES];
            values.iter_mut().zip(nodes()).for_each(|(value, t)| *value = f(t));
            mean(&values)
        };
        // ∫ tᵏ over [−1, 1] is 2 / (k + 1) for even k.
        for k in 0..super::NODES as i32 {
            let exact = if k % 2 == 0 { 1.0 / f64::from(k + 1) } else { 0.0 };
            assert!((of(&|t| t.powi(k)).value - exact).abs() < 1e-14, "t^{k}");
        }
        // An oscillation may deceive one step, but not three in a row.
        for w in 1..1000 {
            let phase = 0.7 * f64::from(w % 10);
            let deceives = |w: f64| {
                let (exact, mean) = (w.sin() * phase.cos() / w, of(&|t| (w * t + phase).cos()));
                (mean.value - exact).abs() > 1e-15 + ERRORS * mean.error
            };
            let steps = [1.0, PI, PI * PI].map(|ratio| f64::from(w) * ratio);
            assert!(!steps.into_iter().all(deceives), "cos({w} t + {phase})");
        }
    }
}
