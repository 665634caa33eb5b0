//! Minimization of any function of many numbers.
//!
//! # What is minimized
//!
//! f(x) within bounds low ≤ x ≤ high, from a start. A method has a model of f around the point where it is,
//! f(x + p) ≈ f + gᵀ p + ½ pᵀ B p, and differs from the others in what it knows of B:
//!
//! | [`Minimizer`] | B | a step | memory |
//! |---|---|---|---|
//! | [`Bfgs`](Minimizer::Bfgs) | from changes of the gradient | line search | n² |
//! | [`Lbfgs`](Minimizer::Lbfgs) | from the last few changes | line search | n |
//! | [`NewtonCg`](Minimizer::NewtonCg) | products H v | line search along conjugate gradients | n |
//! | [`TrustRegion`](Minimizer::TrustRegion) | H, from n products | the minimum of the model within a ball | n² |
//! | [`Steihaug`](Minimizer::Steihaug) | products H v | conjugate gradients within a ball | n |
//!
//! By default a function with [products](Objective::products) H v, where H is the matrix of its second derivatives, is minimized by a trust
//! region: `TrustRegion` up to 100 entries, `Steihaug` beyond. Other functions are minimized by BFGS up to 200 entries and by L-BFGS
//! beyond. All of them keep to bounds: entries on a bound whose gradient leads outside are held, and the others move.
//! Line searches are those of [`autograd::Lbfgs`], which also runs L-BFGS.
//!
//! # Units
//!
//! The value is multiplied by a power of two, so that the largest entry of the first gradient is between 1 and 2. If the unit of the value
//! changes by a power of two, the steps keep their bits. The number of steps may differ, because the tolerance of the gradient is
//! absolute if the first gradient is larger than 1. The entries of x should have similar units.

mod exact;
mod minimum;
mod newton;
mod quasi;
mod region;
mod scaled;

use std::fmt;
use std::ops::ControlFlow;

use autograd::LineSearch;
use serde::{Deserialize, Serialize};

use crate::Objective;
pub use minimum::{MinimizeError, Minimum};

/// How a function is minimized, with the default settings of [`minimize`].
///
/// ```
/// use solve::{MinimizeSettings, Minimize, Minimizer, Smooth};
/// let valley = || {
///     Smooth::new(|x| {
///         let (a, b) = (x[0].at(0, 0), x[0].at(1, 0));
///         100.0 * (b - a * a).square() + (1.0 - a).square()
///     })
/// };
/// for method in [Minimizer::Bfgs, Minimizer::NewtonCg, Minimizer::TrustRegion] {
///     let found = Minimize::new(valley()).settings(MinimizeSettings { method, ..MinimizeSettings::default() }).from(&[-1.2, 1.0])?;
///     assert!(found.reason.is_converged() && found.x.iter().all(|x| (x - 1.0).abs() < 1e-7), "{found}");
/// }
/// # Ok::<(), solve::MinimizeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MinimizeSettings {
    /// How a step is found.
    pub method: Minimizer,
    /// It stops at the first step after this number of evaluations of f and ∇f, by default 5000.
    pub max_evaluations: u64,
    /// It is done when no |x − P(x − u g)| / u of an entry is larger than this number times the smaller of 1 and the largest |g| at the
    /// start, by default 10⁻⁸. P is the nearest point of the box, and u is the power of two by which the value is multiplied. Without
    /// bounds this is |g|. A start with a tiny gradient is therefore not taken for a minimum.
    pub gradient_tolerance: f64,
    /// It is done when a step decreases the value by at most this share of it. The default is 0, which never applies.
    pub decrease_tolerance: f64,
    /// It is done when a step is at most this share of |x| long. The default is 0, which never applies.
    pub step_tolerance: f64,
    /// The radius of the first region, as a multiple of |x|, or this number if x = 0; by default 1. Only trust regions use it.
    pub first_step: f64,
    /// The conditions of a line search. Trust regions do not use them.
    pub line_search: LineSearch,
}

impl Default for MinimizeSettings {
    fn default() -> Self {
        MinimizeSettings {
            method: Minimizer::Automatic,
            max_evaluations: 5000,
            gradient_tolerance: 1e-8,
            decrease_tolerance: 0.0,
            step_tolerance: 0.0,
            first_step: 1.0,
            line_search: LineSearch::default(),
        }
    }
}

/// How a step is found. The [module](self) compares the methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Minimizer {
    /// With products H v a [trust region](Minimizer::TrustRegion) up to 100 entries and [Steihaug's](Minimizer::Steihaug) beyond; without
    /// them [BFGS](Minimizer::Bfgs) up to 200 entries and [L-BFGS](Minimizer::Lbfgs) beyond.
    #[default]
    Automatic,
    /// The inverse of B follows from the changes of the gradient (Broyden, Fletcher, Goldfarb, Shanno 1970; Nocedal & Wright 2006,
    /// equations 6.17 and 6.20).
    Bfgs,
    /// The same from the last `memory` changes only, as [`autograd::Lbfgs`] does it.
    Lbfgs {
        /// The number of changes.
        memory: usize,
    },
    /// Conjugate gradients on H p = −g with a few products H v, until the residual is small or the curvature is negative, then a line
    /// search (Nocedal & Wright 2006, algorithm 7.1).
    NewtonCg,
    /// The minimum of the model with all of H within |p| ≤ Δ, by the eigenvalues of H (Moré & Sorensen, *SIAM Journal on Scientific and
    /// Statistical Computing* 4, 1983). It takes n products for each step, moves away from saddle points, and says whether the end is a minimum.
    TrustRegion,
    /// Conjugate gradients within |p| ≤ Δ, up to the boundary where the curvature is negative (Steihaug, *SIAM Journal on Numerical
    /// Analysis* 20, 1983).
    Steihaug,
}

/// A function to minimize, with its bounds, names and settings.
///
/// ```
/// use std::ops::ControlFlow;
/// use solve::{Minimize, Reason, Smooth};
/// let f = || Smooth::new(|x| (x[0] - 3.0).powi(4).sum());
/// let found = Minimize::new(f()).within(&[(0.0, 1.0), (-10.0, 10.0)]).names(&["width", "height"]).from(&[0.5, 0.5])?;
/// assert!(found.x[0] == 1.0 && (found.x[1] - 3.0).abs() < 1e-2, "{found}");
///
/// // A callback that stops.
/// let mut values = Vec::new();
/// let stopped = Minimize::new(f())
///     .watch(|at| {
///         values.push(at.value);
///         if at.iteration == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
///     })
///     .from(&[0.5, 0.5])?;
/// assert_eq!((stopped.reason, stopped.iterations), (Reason::Stopped, 2));
/// assert_eq!(values.len(), 3);
/// # Ok::<(), solve::MinimizeError>(())
/// ```
pub struct Minimize<'a, F> {
    f: F,
    bounds: &'a [(f64, f64)],
    names: Vec<String>,
    settings: MinimizeSettings,
    watch: Watch<'a>,
}

type Watch<'a> = Box<dyn FnMut(Iterate<'_>) -> ControlFlow<()> + 'a>;

/// A point of the path, as a callback sees it.
#[derive(Clone, Copy, Debug)]
pub struct Iterate<'a> {
    /// The number of steps that led here.
    pub iteration: u64,
    /// The number of evaluations so far.
    pub evaluations: u64,
    /// x.
    pub x: &'a [f64],
    /// f(x).
    pub value: f64,
    /// ∇f(x).
    pub gradient: &'a [f64],
}

/// The minimum of a function from a start, with [default settings](MinimizeSettings).
///
/// ```
/// use solve::minimize;
/// // Values and gradients of any origin.
/// let f = |x: &[f64]| ((x[0] - 2.0).powi(2) + x[1].powi(4), vec![2.0 * (x[0] - 2.0), 4.0 * x[1].powi(3)]);
/// let found = minimize(f, &[0.0, 1.0])?;
/// assert!((found.x[0] - 2.0).abs() < 1e-7 && found.x[1].abs() < 1e-2);
/// println!("{found}");
/// # Ok::<(), solve::MinimizeError>(())
/// ```
///
/// # Errors
/// If the start, the value or a derivative there is not finite.
///
/// # Panics
/// If a gradient does not have as many entries as `x0`.
#[track_caller]
pub fn minimize(f: impl Objective, x0: &[f64]) -> Result<Minimum, MinimizeError> {
    Minimize::new(f).from(x0)
}

impl<'a, F: Objective> Minimize<'a, F> {
    /// A function, without bounds.
    pub fn new(f: F) -> Self {
        let watch = Box::new(|_: Iterate<'_>| ControlFlow::Continue(()));
        Minimize { f, bounds: &[], names: Vec::new(), settings: MinimizeSettings::default(), watch }
    }

    /// The least and the largest value of each entry, which may be infinite. No point outside is evaluated. The nearest point of the box
    /// replaces a start outside.
    pub fn within(self, bounds: &'a [(f64, f64)]) -> Self {
        Minimize { bounds, ..self }
    }

    /// The names of the entries in the table of the result.
    pub fn names(self, names: &[&str]) -> Self {
        Minimize { names: names.iter().map(|name| name.to_string()).collect(), ..self }
    }

    /// How it is minimized.
    pub fn settings(self, settings: MinimizeSettings) -> Self {
        Minimize { settings, ..self }
    }

    /// Sets a callback. It is called at the start and after every step that meets no criterion. If it returns `Break`, the minimization
    /// ends with [`Reason::Stopped`](crate::Reason::Stopped).
    pub fn watch(self, watch: impl FnMut(Iterate<'_>) -> ControlFlow<()> + 'a) -> Self {
        Minimize { watch: Box::new(watch), ..self }
    }

    /// The minimum from a start. A step to a point where the value or a derivative is not finite counts as too long.
    ///
    /// # Errors
    /// If a setting is out of its range, a bound is NaN or a lower one is above its upper one, the method needs products H v and the
    /// function has none, or the start, the value or a derivative there is not finite.
    ///
    /// # Panics
    /// If there are not as many bounds or names as entries, or a gradient or a product has not as many.
    #[track_caller]
    pub fn from(mut self, x0: &[f64]) -> Result<Minimum, MinimizeError> {
        let (n, bounds, names) = (x0.len(), self.bounds.len(), self.names.len());
        assert!(bounds == 0 || bounds == n, "minimize: {bounds} bounds for {n} entries");
        assert!(names == 0 || names == n, "minimize: {names} names for {n} entries");
        self.settings.check()?;
        let found = scaled::run(&self.settings, &mut self.f, x0, self.bounds, &mut *self.watch)?;
        Ok(Minimum { names: self.names, ..found })
    }
}

impl MinimizeSettings {
    fn check(&self) -> Result<(), MinimizeError> {
        let wrong = |name: &str, x: f64, range: &str| {
            Err(MinimizeError::Setting(format!("minimize: {name}: {x} should be {range}")))
        };
        let LineSearch { decrease, curvature, max_trials } = self.line_search;
        for (name, x) in [
            ("gradient_tolerance", self.gradient_tolerance),
            ("decrease_tolerance", self.decrease_tolerance),
            ("step_tolerance", self.step_tolerance),
            ("line_search: decrease", decrease),
            ("line_search: curvature", curvature),
        ] {
            if !(0.0..1.0).contains(&x) {
                return wrong(name, x, "at least 0 and below 1");
            }
        }
        match self {
            _ if !(self.first_step > 0.0 && self.first_step.is_finite()) => {
                wrong("first_step", self.first_step, "positive and finite")
            }
            _ if max_trials == 0 => wrong("line_search: max_trials", 0.0, "at least 1"),
            MinimizeSettings { method: Minimizer::Lbfgs { memory: 0 }, .. } => {
                wrong("method: memory", 0.0, "at least 1")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Minimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Minimizer::Automatic => f.write_str("automatic"),
            Minimizer::Bfgs => f.write_str("BFGS"),
            Minimizer::Lbfgs { memory } => write!(f, "L-BFGS with {memory} changes"),
            Minimizer::NewtonCg => f.write_str("Newton's method by conjugate gradients"),
            Minimizer::TrustRegion => f.write_str("trust region"),
            Minimizer::Steihaug => f.write_str("trust region by conjugate gradients"),
        }
    }
}
