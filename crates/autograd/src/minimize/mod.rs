//! Minimization of a function of many numbers from its values and gradients, by L-BFGS, with optional bounds.

mod bounds;
mod line_search;
mod memory;
mod objective;

use std::fmt;

use kernel::compiled_once;
use serde::{Deserialize, Serialize};

use crate::Real;
use bounds::Bounds;
pub use line_search::LineSearch;
use line_search::Trial;
use memory::{Curvature, Memory, dot, minus};
pub use objective::Objective;

/// The iterations of [`Lbfgs`] with a model of the curvature of any origin, for a crate that has one.
#[doc(hidden)]
pub mod descent {
    pub use super::bounds::Bounds;
    pub use super::line_search::Trial;
    pub use super::memory::{Curvature, Memory};
    pub use super::{Descended, NOISE};
}

/// Limited-memory BFGS (Nocedal & Wright 2006, algorithm 7.5, with the two-loop recursion 7.4) with a line search for the
/// strong Wolfe conditions (algorithms 3.5 and 3.6), which [goes by slopes](LineSearch) where the values have no more digits.
///
/// It is for smooth, deterministic functions. It needs far fewer gradients than gradient descent, and no learning rate. The functions
/// [`minimize`](fn@minimize) and [`minimize_within`] run it with these defaults.
///
/// ```
/// use autograd::{Lbfgs, Stop};
/// // Rosenbrock's valley: 100 (x₁ − x₀²)² + (1 − x₀)².
/// let f = |x: &[f64]| {
///     let (a, b) = (x[1] - x[0] * x[0], 1.0 - x[0]);
///     (100.0 * a * a + b * b, vec![-400.0 * a * x[0] - 2.0 * b, 200.0 * a])
/// };
/// let found = Lbfgs { memory: 5, ..Lbfgs::default() }.minimize(f, &[-1.2, 1.0]);
/// assert_eq!(found.stop, Stop::Gradient);
/// assert!((found.x[0] - 1.0).abs() < 1e-8 && found.evaluations < 60);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lbfgs {
    /// The number of pairs of a step and a change of the gradient that are stored, by default 10.
    pub memory: usize,
    /// The largest number of iterations, by default 1000.
    pub max_iterations: u64,
    /// It is done when no entry of the gradient has a larger |g| than this, by default 10⁻⁸. At a bound only a gradient counts along which
    /// −g leads into the box.
    ///
    /// It is absolute: it has the unit of the value divided by that of x, so it should be chosen with the scale of the function. If the
    /// curvature is h, then x is off by about |g| / h and the value by g² / 2h. A gradient is rarely exact to more than 10⁻¹⁶ (10⁻⁷ in
    /// `f32`) times its largest terms. A smaller tolerance is not reached, and the search ends with
    /// [`NoDescent`](Stop::NoDescent), at the last point with a smaller value or gradient than all before.
    pub gradient_tolerance: f64,
    /// It is done when an iteration decreases the value by less than this share of the value. The default is 0, which never applies.
    ///
    /// It has no unit, and it saves evaluations if only the value matters: 10⁻⁹ stops a fit when its error hardly changes. x is less exact
    /// than the value: at a relative error of 10⁻⁹ of the value, x is off by about √(2 · 10⁻⁹ |f| / h). A single short step also ends it,
    /// so it should be 0 or small if the minimum is of interest, and 0 if the least value is 0.
    #[serde(alias = "loss_tolerance")]
    pub value_tolerance: f64,
    /// The conditions of its line search.
    pub line_search: LineSearch,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Lbfgs {
            memory: 10,
            max_iterations: 1000,
            gradient_tolerance: 1e-8,
            value_tolerance: 0.0,
            line_search: LineSearch::default(),
        }
    }
}

/// Why a minimization stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// The gradient is as small as requested.
    Gradient,
    /// The value hardly decreased.
    #[serde(alias = "Loss")]
    Value,
    /// The largest number of iterations was reached.
    Iterations,
    /// No step downhill makes the value or the gradient smaller: the numbers have no more digits, or the gradient
    /// is not of this function.
    NoDescent,
    /// The value or its gradient is NaN or infinite where it started.
    NotFinite,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stop::Gradient => "the gradient is below the tolerance",
            Stop::Value => "the value decreases by less than the tolerance",
            Stop::Iterations => "the largest number of iterations is reached",
            Stop::NoDescent => "no step downhill makes the value smaller",
            Stop::NotFinite => "the value or its gradient is not finite at the start",
        })
    }
}

/// The minimum of a function, and how it was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub struct Minimum<T: Real> {
    /// The best point: the entries of a slice, or of all trained parameters of a model.
    pub x: Vec<T>,
    /// The value there.
    pub value: T,
    /// The largest |g| of an entry there; within bounds, the largest |x − P(x − g)|, where P is the nearest point of the box.
    pub gradient: f64,
    /// The number of steps.
    pub iterations: u64,
    /// The number of evaluations of the value and the gradient.
    pub evaluations: u64,
    /// Why it stopped.
    pub stop: Stop,
}

impl<T: Real> fmt::Display for Minimum<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Minimum { gradient, iterations, evaluations, stop, .. } = self;
        let value = self.value.to_f64();
        write!(
            f,
            "{value:?} after {iterations} iterations and {evaluations} evaluations, gradient {gradient:.1e}: {stop}"
        )
    }
}

/// Minimizes a function by [L-BFGS](Lbfgs), starting at `x0`. `f` returns the value and the gradient.
///
/// ```
/// use autograd::{Compiled, ScalarTape, minimize};
/// // A closure of a column, recorded once and replayed.
/// let found = minimize(Compiled::new(|x| (x[0] - 3.0).square().sum()), &[0.0, 10.0]);
/// assert!(found.x.iter().all(|x: &f64| (x - 3.0).abs() < 1e-8), "{found}");
///
/// // A program in single numbers on a tape of its own.
/// let mut tape = ScalarTape::new();
/// let found = minimize(
///     |x: &[f64]| {
///         tape.clear();
///         let x = tape.variables(x);
///         let y = (x[0] - x[1]) * (x[0] - x[1]) + (x[0] - 1.0) * (x[0] - 1.0);
///         (y.value(), y.backward().as_slice().to_vec())
///     },
///     &[5.0, -4.0],
/// );
/// assert!((found.x[1] - 1.0).abs() < 1e-8, "{found}");
/// ```
///
/// # Panics
/// If a gradient does not have as many entries as `x0`.
#[track_caller]
pub fn minimize<T: Real>(f: impl Objective<T>, x0: &[T]) -> Minimum<T> {
    Lbfgs::default().minimize(f, x0)
}

/// Like [`minimize`](fn@minimize), with bounds: the least and the largest value of each entry, which may be infinite. If `x0` lies outside,
/// it starts at the nearest point of the box.
///
/// ```
/// use autograd::minimize_within;
/// let f = |x: &[f64]| ((x[0] - 3.0).powi(2) + x[1].powi(2), vec![2.0 * (x[0] - 3.0), 2.0 * x[1]]);
/// let found = minimize_within(f, &[0.5, 5.0], &[(0.0, 1.0), (f64::NEG_INFINITY, f64::INFINITY)]);
/// assert_eq!(found.x[0], 1.0);
/// assert!(found.x[1].abs() < 1e-8 && found.gradient < 1e-8);
/// ```
///
/// # Panics
/// If there are not as many bounds as entries, or between two bounds there is no number, or a gradient has not as
/// many entries as `x0`.
#[track_caller]
pub fn minimize_within<T: Real>(f: impl Objective<T>, x0: &[T], bounds: &[(T, T)]) -> Minimum<T> {
    Lbfgs::default().minimize_within(f, x0, bounds)
}

impl Lbfgs {
    /// [`minimize`](fn@minimize) with these settings. A step to a point with an infinite or NaN value or gradient counts as too long and is
    /// shortened.
    ///
    /// # Panics
    /// If a setting is out of its range, or a gradient has not as many entries as `x0`.
    #[track_caller]
    pub fn minimize<T: Real>(&self, mut f: impl Objective<T>, x0: &[T]) -> Minimum<T> {
        run(self, x0, None, &mut f)
    }

    /// [`minimize_within`] with these settings.
    ///
    /// Entries that lie on a bound and would move outwards are held. L-BFGS moves the others, using their parts of the stored pairs. A
    /// direction that leaves the box is cut off at its boundary (Morales & Nocedal, *ACM Transactions on Mathematical Software* 38, 2011),
    /// and is replaced by the projected gradient if it descends much less steeply (Birgin, Martínez & Raydan, *SIAM Journal on
    /// Optimization* 10, 2000).
    ///
    /// # Panics
    /// Under the same conditions as [`minimize_within`], or if a setting is out of its range.
    #[track_caller]
    pub fn minimize_within<T: Real>(&self, mut f: impl Objective<T>, x0: &[T], bounds: &[(T, T)]) -> Minimum<T> {
        run(self, x0, Some(bounds), &mut f)
    }

    #[track_caller]
    fn check(&self) {
        let LineSearch { decrease, curvature, max_trials } = self.line_search;
        for (name, x) in [("gradient_tolerance", self.gradient_tolerance), ("value_tolerance", self.value_tolerance)] {
            assert!(!x.is_nan(), "lbfgs: {name}: {x} should be a number");
        }
        for (name, x) in [("decrease", decrease), ("curvature", curvature)] {
            assert!((0.0..1.0).contains(&x), "lbfgs: line_search: {name}: {x} should be at least 0 and below 1");
        }
        assert!(self.memory > 0, "lbfgs: memory: 0 should be at least 1");
        assert!(max_trials > 0, "lbfgs: line_search: max_trials: 0 should be at least 1");
    }

    /// The best point, and how it was found. `evaluate` returns the point as the function's number type rounds it, the value and the
    /// gradient. The iterations also end, with [`Stop::Iterations`], when `ends` says so of a point.
    #[doc(hidden)]
    pub fn descend(
        &self,
        memory: &mut dyn Curvature,
        x0: &[f64],
        bounds: &Bounds,
        epsilon: f64,
        evaluate: &mut dyn FnMut(&[f64]) -> Trial,
        ends: &mut dyn FnMut(&Trial) -> bool,
    ) -> Descended {
        let (mut at, mut evaluations) = (evaluate(x0), 1);
        let (mut iterations, mut stalled) = (0, 0);
        let (mut least, mut flattest, mut best) = (f64::INFINITY, f64::INFINITY, None);
        let stop = loop {
            let gradient = bounds.slope(&at.x, &at.g);
            if !at.is_finite() {
                break Stop::NotFinite;
            } else if gradient <= self.gradient_tolerance {
                break Stop::Gradient;
            } else if stalled == STALLED {
                break Stop::NoDescent;
            } else if iterations == self.max_iterations || ends(&at) {
                break Stop::Iterations;
            }
            let mut direction = downhill(memory, bounds, &at);
            at.slope = dot(&direction, &at.g);
            if at.slope.is_nan() || at.slope >= 0.0 {
                memory.clear();
                direction = downhill(memory, bounds, &at);
                at.slope = dot(&direction, &at.g);
            }
            // The first step moves by at most 1; later ones try the whole step.
            let norm = direction.iter().map(|d| d.abs()).sum::<f64>();
            let first = if memory.is_empty() { (1.0 / norm).min(1.0) } else { 1.0 };
            let longest = bounds.longest(&at.x, &direction).max(1.0);
            let found = self.line_search.search(&at, first, longest, NOISE * epsilon * at.value.abs(), &mut |alpha| {
                evaluations += 1;
                let t = evaluate(&bounds.moved(&at.x, alpha, &direction));
                let value = if t.is_finite() { t.value } else { f64::INFINITY };
                Trial { alpha, value, slope: dot(&direction, &t.g), ..t }
            });
            let Some(next) = found else {
                if memory.is_empty() {
                    break Stop::NoDescent;
                }
                memory.clear();
                continue;
            };
            iterations += 1;
            memory.push(minus(&next.x, &at.x), minus(&next.g, &at.g));
            let (decrease, scale) = (at.value - next.value, at.value.abs().max(next.value.abs()));
            // Progress is a record. A decrease after an increase may be noise.
            let slope = bounds.slope(&next.x, &next.g);
            stalled =
                if least - next.value > ROUNDINGS * epsilon * scale || slope < flattest { 0 } else { stalled + 1 };
            (least, flattest) = (least.min(next.value), flattest.min(slope));
            let before = std::mem::replace(&mut at, Trial { alpha: 0.0, ..next });
            if stalled == 1 {
                best = Some(before);
            }
            if self.value_tolerance > 0.0 && decrease < self.value_tolerance * scale {
                break Stop::Value;
            }
        };
        let at = best.filter(|_| stop == Stop::NoDescent && stalled > 0).unwrap_or(at);
        Descended { stop, iterations, evaluations, at }
    }
}

/// The number of consecutive iterations without progress after which the precision counts as exhausted.
const STALLED: u32 = 10;

/// A value is known to this number of roundings. A long program and a sum of many terms are less exact than one operation.
#[doc(hidden)]
pub const NOISE: f64 = 400.0;

/// A value that is smaller by this number of roundings is progress.
const ROUNDINGS: f64 = 4.0;

/// A direction that was cut off is used only if its slope is at least this share of that of the projected gradient.
const SHARE: f64 = 0.1;

/// Where the iterations ended, and why.
#[doc(hidden)]
pub struct Descended {
    /// The best point.
    pub at: Trial,
    /// Why.
    pub stop: Stop,
    /// The number of steps.
    pub iterations: u64,
    /// The number of evaluations.
    pub evaluations: u64,
}

/// A direction along which the value decreases, and which stays in the box up to α = 1.
fn downhill(memory: &mut dyn Curvature, bounds: &Bounds, at: &Trial) -> Vec<f64> {
    let held = bounds.held(&at.x, &at.g);
    let (direction, cut) = bounds.within(&at.x, memory.direction(&at.x, &at.g, &held));
    if cut {
        let scale = memory.scale();
        let (steepest, _) = bounds.within(&at.x, at.g.iter().map(|g| -scale * g).collect());
        // The comparison is not `>`, because NaN must not count as a descent.
        let enough = dot(&direction, &at.g) <= SHARE * dot(&steepest, &at.g);
        return if enough { direction } else { steepest };
    }
    direction
}

/// L-BFGS in double precision on a function of `T`.
#[compiled_once]
#[track_caller]
fn run<T: Real>(lbfgs: &Lbfgs, x0: &[T], bounds: Option<&[(T, T)]>, f: &mut dyn Objective<T>) -> Minimum<T> {
    lbfgs.check();
    let n = x0.len();
    if let Some(bounds) = bounds {
        assert!(bounds.len() == n, "minimize_within: {} bounds for {n} numbers", bounds.len());
    }
    let wide = |x: &[T]| -> Vec<f64> { x.iter().map(|x| x.to_f64()).collect() };
    let bounds = bounds.unwrap_or(&[]).iter().map(|(low, high)| (low.to_f64(), high.to_f64())).collect();
    let bounds = match Bounds::new(bounds) {
        Ok(bounds) => bounds,
        Err(problem) => panic!("minimize_within: {problem}"),
    };
    // A wrong length of a gradient is reported after the last step, because the caller's line is known only here.
    let mut misfit = None;
    let mut evaluate = |x: &[f64]| {
        let x: Vec<T> = x.iter().map(|&x| T::from_f64(x)).collect();
        let (value, g) = f.value_and_gradient(&x);
        if g.len() != n {
            misfit = Some(g.len());
            return Trial { alpha: 0.0, value: f64::NAN, slope: 0.0, x: wide(&x), g: vec![0.0; n] };
        }
        Trial { alpha: 0.0, value: value.to_f64(), slope: 0.0, x: wide(&x), g: wide(&g) }
    };
    let (mut memory, start) = (Memory::new(lbfgs.memory), bounds.nearest(&wide(x0)));
    let Descended { at, stop, iterations, evaluations } =
        lbfgs.descend(&mut memory, &start, &bounds, T::EPSILON, &mut evaluate, &mut |_| false);
    if let Some(m) = misfit {
        panic!("minimize: the function returned a gradient of {m} numbers for {n}");
    }
    let gradient = bounds.slope(&at.x, &at.g);
    let x = at.x.iter().map(|&x| T::from_f64(x)).collect();
    Minimum { x, value: T::from_f64(at.value), gradient, iterations, evaluations, stop }
}
