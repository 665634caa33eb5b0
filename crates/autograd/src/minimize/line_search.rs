//! The line search: strong Wolfe conditions, and by slopes where the values have no more digits.

use serde::{Deserialize, Serialize};

/// φ(α) ≤ φ(0) + c₁ α φ'(0) and |φ'(α)| ≤ c₂ |φ'(0)|: the conditions for a step (Nocedal & Wright 2006, equation 3.7).
///
/// φ is known to ± ε, which is 400 roundings of φ(0). A change by less says nothing, so the first condition allows an increase by ε, and two
/// points that differ by less are compared by their slopes (the approximate Wolfe conditions of Hager & Zhang, *SIAM Journal on
/// Optimization* 16, 2005). A search near the minimum therefore needs no more trials than elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineSearch {
    /// c₁, by default 10⁻⁴.
    pub decrease: f64,
    /// c₂, by default 0.9; smaller for a more exact search.
    pub curvature: f64,
    /// The largest number of trials, by default 30.
    pub max_trials: u32,
}

impl Default for LineSearch {
    fn default() -> Self {
        LineSearch { decrease: 1e-4, curvature: 0.9, max_trials: 30 }
    }
}

/// A point of the line: α, φ(α), φ'(α), and the position and gradient there. φ is +∞ if it is not finite.
#[derive(Clone)]
pub struct Trial {
    /// α.
    pub alpha: f64,
    /// φ(α).
    pub value: f64,
    /// φ'(α).
    pub slope: f64,
    /// The position.
    pub x: Vec<f64>,
    /// The gradient.
    pub g: Vec<f64>,
}

impl Trial {
    /// Whether the value, the position and the gradient are finite.
    pub fn is_finite(&self) -> bool {
        self.value.is_finite() && self.x.iter().chain(&self.g).all(|x| x.is_finite())
    }
}

/// The factor by which a step that is too short is lengthened.
const LONGER: f64 = 4.0;

/// A trial inside an interval has at least this share of its length from both ends.
const MARGIN: f64 = 0.1;

impl LineSearch {
    /// A step that satisfies the conditions; the first trial is `first`. If no trial up to `max_trials` satisfies them, it returns a step
    /// that decreases φ or its slope, or `None` if there is none. φ is known to ± `noise`, and no step is larger than `longest`.
    pub(super) fn search(
        &self,
        start: &Trial,
        first: f64,
        longest: f64,
        noise: f64,
        at: &mut dyn FnMut(f64) -> Trial,
    ) -> Option<Trial> {
        let decreases = |t: &Trial| t.value <= start.value + self.decrease * t.alpha * start.slope + noise;
        let is_flat = |t: &Trial| t.slope.abs() <= -self.curvature * start.slope;
        let (mut low, mut alpha) = (start.clone(), first.min(longest));
        let mut high: Option<Trial> = None;
        for _ in 0..self.max_trials {
            let t = at(alpha);
            if decreases(&t) && is_flat(&t) {
                return Some(t);
            }
            // Between them there is no other number.
            if high.as_ref().is_some_and(|high| t.x == low.x || t.x == high.x) {
                break;
            }
            // Algorithm 3.5 until there is an interval that contains a minimum, then algorithm 3.6: `low` is the
            // best point so far, and φ decreases from it towards `high`.
            let turns = t.slope * high.as_ref().map_or(1.0, |high| high.alpha - low.alpha) >= 0.0;
            let better = match change(&low, &t, noise) {
                Some(change) => change < 0.0,
                None => !turns || t.slope.abs() < low.slope.abs(),
            };
            if decreases(&t) && better {
                let before = std::mem::replace(&mut low, t);
                if turns {
                    high = Some(before);
                }
            } else {
                high = Some(t);
            }
            alpha = match &high {
                None => (LONGER * alpha).min(longest),
                Some(high) => between(&low, high, noise),
            };
            if alpha == low.alpha || !alpha.is_finite() {
                break;
            }
        }
        (low.alpha > 0.0).then_some(low)
    }
}

/// φ(b) − φ(a), unless it is within the noise.
fn change(a: &Trial, b: &Trial, noise: f64) -> Option<f64> {
    Some(b.value - a.value).filter(|change| change.abs() > noise)
}

/// The minimum of the cubic through two points with their slopes (equation 3.59) if it is well inside, otherwise the midpoint. If the
/// values differ only by noise, it is the zero of the line through the slopes.
fn between(low: &Trial, high: &Trial, noise: f64) -> f64 {
    let width = high.alpha - low.alpha;
    let mean = change(low, high, noise).map_or((low.slope + high.slope) / 2.0, |change| change / width);
    let d1 = low.slope + high.slope - 3.0 * mean;
    let d2 = width.signum() * (d1 * d1 - low.slope * high.slope).sqrt();
    let share = 1.0 - (high.slope + d2 - d1) / (high.slope - low.slope + 2.0 * d2);
    let inside = (MARGIN..=1.0 - MARGIN).contains(&share);
    low.alpha + width * if inside { share } else { 0.5 }
}
