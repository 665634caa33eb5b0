//! Is this gradient right? One checker, for the rules of this crate and for your functions.
//!
//! ```
//! use autograd::{Matrix, check};
//! let w = Matrix::from([[0.3, -1.2], [0.8, 0.5]]);
//! let x = Matrix::from([[1.0, 2.0, -0.5], [0.2, -0.7, 1.5]]);
//! check(|v| v[0].matmul(v[1]).tanh(), &[w, x]); // panics with a report unless the verdict is Pass
//! ```
//!
//! The checker catches a gradient that forgets a use of its variable. Here a copy of x enters as a constant, so the
//! recorded derivative of x² is x and not 2x:
//!
//! ```
//! use autograd::{Matrix, check::{Check, Verdict}};
//! let report = Check::new().run(|v| v[0] * v[0].tape().constant(v[0].value()), &[Matrix::from([[3.0]])]);
//! assert_eq!(report.verdict, Verdict::Fail);
//! assert!(report.to_string().contains("gradient, entry (0, 0) of input 0: analytic"));
//! ```
//!
//! # What is compared
//!
//! A function f of matrices x becomes a number E = Σ w ⊙ f(x) with fixed random weights w. No two weights are
//! equal, so a symmetry of f (a softmax sums to 1) does not hide an entry. With Jᵀw = ∇E, H = ∇²E and
//! directions d, u, v with entries ±1:
//!
//! | property | left side | right side |
//! |---|---|---|
//! | gradient | ⟨∇E, d⟩ from `backward` | differences of E along d |
//! | second order | ⟨∇⟨∇E, v⟩, d⟩ from `backward` over `grad` | differences of ⟨∇E, v⟩ along d |
//! | recorded gradient | each entry of `grad` | the same of `backward`, at both orders |
//! | forward mode | the tangent of E, over buffers and by `jvp`, at both orders | ⟨∇E, d⟩ from `backward` |
//! | adjoint | ⟨w, J v⟩, with J v = ∂⟨Jᵀw, v⟩ / ∂w | ⟨Jᵀw, v⟩ |
//! | symmetry | uᵀ H v | vᵀ H u |
//!
//! The first two are numerical. They are checked along several random directions, and along every single entry if the inputs have at
//! most 64. For larger inputs they are also checked along directions in which only a few entries move, or only entries with slopes of
//! similar size. If one of these fails, a further direction for each input shows which input has the wrong derivative. The last four
//! need no step and hold up to rounding.
//!
//! **Each size is checked separately.** If the slopes of an output (J d for a random d) are more than a thousand times smaller than
//! those of another, it is compared once more with the weights of all larger outputs set to zero. An entry of ∇E that is as much
//! smaller than another gets its own direction. These comparisons can fail. They do not count if they cannot decide.
//!
//! # Why the numbers can be trusted
//!
//! **Rounding is bounded, not guessed.** To first order a recorded number has the error
//! ρ = Σ |δᵢ| c u mᵢ over all entries on its tape. Here δᵢ is its derivative at the entry, u the unit roundoff, mᵢ the
//! sum of the absolute values that were added up to make the entry, and c the number of roundings in that sum
//! (Linnainmaa, *BIT* 16, 1976; Higham, *Accuracy and Stability*, §3). So cancellation counts with the size
//! of the numbers that cancelled, and nothing is scaled by the size of a matrix. A function with a custom rule is assumed to be
//! backward stable. The step-free properties must hold to the ρ of their two sides.
//!
//! **Differences come with an error.** (E(x + h d) − E(x − h d)) / 2h at h, h/2, h/4, … is extrapolated
//! to h = 0 (Ridders, *Adv. Eng. Softw.* 4, 1982). The error of an extrapolated value is its distance to the
//! two values it was made of, plus ρ divided by h. The value with the least error is used.
//!
//! **Differences can mislead, so they only raise suspicion.** If E oscillates within h, or x is negligible beside h, they agree on a
//! wrong number. The following holds for any h:
//!
//! ```text
//! (E(x + h d) − E(x − h d)) / 2h  =  mean of ⟨∇E(x + t d), d⟩ over |t| ≤ h
//! ```
//!
//! The right side comes from eight gradients at Chebyshev's nodes; its error is the upper half of the coefficients. A suspect
//! derivative is wrong if the two sides differ by more than five times their errors (with ρ at the ends of the step), at three steps
//! in a row, each π times the one before, by the same amount, and if the finest of them is about as fine as rounding allows.
//!
//! **Kinks are detected, not smoothed over.** An evaluation notes the signs of all arguments of functions with a kink
//! ([`Unary::kinks`](crate::Unary::kinks)), which entry was the largest, and every comparison of variables. A difference means
//! nothing if these change between its points and the base point, or if a value is not finite. The step is then made smaller, down to
//! h / 16⁵, or to that fraction of the smallest number that moves.
//!
//! # When it decides
//!
//! Let a be the analytic derivative, n ± e the numerical one, ρ the rounding of a, and S the size of the terms of
//! a: the largest of |a|, |n| and the length of the vector ∇E ⊙ d. If k entries move, S₁ = S / √k is the share of one of them,
//! because d has random signs.
//!
//! - **Pass**: |a − n| ≤ tol S₁ or |a − n| ≤ e + ρ, and e + ρ is at most tol S and S₁ / 100, so that an error of a few
//!   per cent in the slope of one entry of many would be seen. If a is what is left of numbers that cancel, the bound tol S is tol / 1000 of
//!   their sizes Σ |δᵢ| mᵢ, where that is larger. Or a and n are both zero: |a| ≤ ρ and |n| ≤ 5 (e + ρ), where e + ρ is at most tol / 1000 of
//!   these sizes, of a or of E.
//! - **Fail**: |a − n| > tol S₁ and |a − n| > 5 (e + ρ), and the mean of the gradient contradicts the differences, as above.
//! - **Inconclusive**: anything else, because of a kink, a point outside the domain, a derivative that is not finite, or an error
//!   that is too large.
//!
//! **Bounds decide further.** [`Check::bounded_by`] gives bounds of the derivative that are proved, which take the place of n ± e wherever
//! differences find no mistake. They fail a derivative that the differences passed because it is lost in the rounding of E, pass one beside a
//! kink or a point outside the domain, and leave the verdict as it is where they are too wide to decide. `solve::derivative_bounds`
//! computes them with intervals.
//!
//! The properties without a step pass if |a − b| ≤ ρ, and fail if it is larger and ρ is finite.
//!
//! The whole check fails if one comparison fails. It is inconclusive if, in either order, more than a given
//! share of the comparisons is inconclusive, so no check passes by never deciding. It is also inconclusive if a derivative is not
//! finite. The verdicts mean:
//!
//! | verdict | what it says |
//! |---|---|
//! | [`Pass`](Verdict::Pass) | along every direction that was tried, the derivative is that of the value, to the accuracy stated above |
//! | [`Fail`](Verdict::Fail) | a derivative is not that of the value, at steps as fine as rounding allows; or two ways to compute it disagree by more than rounding |
//! | [`Inconclusive`](Verdict::Inconclusive) | neither: the comparisons that are listed could not decide |
//!
//! A pass says nothing about an entry whose slope is lost in the rounding of E, about a mistake in one of several terms of an entry
//! that is a thousand times smaller than the others, or about other inputs.
//!
//! # Single precision
//!
//! Differences of `f32` values have no digits left. So a function that is generic in the number type, a
//! [`Function`], is run in both types at the same inputs. Value and gradient in `f32` must be within
//! 2 ρ of those in `f64`, with the u of `f32`; the factor 2 leaves room for terms of higher order. Where entries are too many
//! to try each alone, those are that are the furthest from double precision, one for each size of slopes:
//!
//! ```
//! use autograd::{Axis, Matrix, check::check_f32, function};
//! let scores = Matrix::from([[1.0f32, 2.0], [80.0, -3.0]]);
//! check_f32(&function!(|v| v[0].log_softmax(Axis::Rows)), &[scores]);
//! ```

#[cfg(test)]
mod hard;
mod line;
mod numeric;
mod properties;
mod report;
mod rounding;
mod scalar;
mod scales;
mod shadow;
#[cfg(test)]
mod tests;
mod verify;

use std::borrow::Borrow;

use kernel::split_mix;

use crate::{Matrix, Tape, Var};

pub use report::{Along, Comparison, Property, Report, Verdict};
pub use shadow::Function;
pub use verify::{Local, Verified};

use scalar::{With, tested};
use scales::smaller;

/// Checks the derivatives of `f` at `inputs`, to second order and with the settings of [`Check::new`].
///
/// # Panics
/// With a [`Report`] if the verdict is not [`Verdict::Pass`].
#[track_caller]
#[doc(alias("gradcheck", "check_grads"))]
pub fn check(f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>, inputs: &[impl Borrow<Matrix<f64>>]) {
    Check::new().run(f, inputs).unwrap();
}

/// ρ of a number in single precision.
#[doc(hidden)]
pub fn single_rounding(number: Var<'_, f64>) -> f64 {
    rounding::rounding(number, rounding::SINGLE).error
}

/// Checks value and gradient of `f` in single precision against those in double precision at the same `inputs`.
///
/// # Panics
/// With a [`Report`] if the verdict is not [`Verdict::Pass`].
#[track_caller]
pub fn check_f32(f: &impl Function, inputs: &[impl Borrow<Matrix<f32>>]) {
    Check::new().run_f32(f, inputs).unwrap();
}

/// The settings of a check. The same settings, function and inputs give the same report.
///
/// ```
/// use autograd::{Matrix, check::{Check, Verdict}};
/// let x = Matrix::from([[0.5, -0.25]]);
/// let report = Check::new().seed(7).directions(8).tolerance(1e-7).run(|v| v[0].relu().sum(), &[x]);
/// assert_eq!(report.verdict, Verdict::Pass, "{report}");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Check {
    seed: u64,
    directions: usize,
    entries: usize,
    tolerance: f64,
    step: f64,
    order: usize,
    undecided: f64,
    bounds: Option<DerivativeBounds>,
}

/// Bounds of the derivative of a recorded number along a direction in its variables: the least and the largest value that it can have, found
/// from the values of the recorded functions and not by the rules under test. `None` if nothing is known.
pub type DerivativeBounds = for<'t> fn(Var<'t, f64>, &[Var<'t, f64>], &[Matrix<f64>]) -> Option<(f64, f64)>;

impl Default for Check {
    fn default() -> Self {
        Check::new()
    }
}

impl Check {
    /// Seed 0, 4 directions, every entry alone if there are at most 64, relative tolerance 10⁻⁶, first
    /// step 1/16, second order, at most a tenth undecided.
    pub fn new() -> Self {
        let (tolerance, step, undecided) = (1e-6, 1.0 / 16.0, 0.1);
        Check { seed: 0, directions: 4, entries: 64, tolerance, step, order: 2, undecided, bounds: None }
    }

    /// The seed of the weights and directions.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Check { seed, ..self }
    }

    /// The number of random directions: at least one if there are too many entries to try each.
    #[must_use]
    pub fn directions(self, directions: usize) -> Self {
        Check { directions, ..self }
    }

    /// The largest number of entries, over all inputs, for which each is also tried alone.
    #[must_use]
    pub fn entries(self, entries: usize) -> Self {
        Check { entries, ..self }
    }

    /// The largest allowed difference, relative to the share of one entry in the derivative (S₁ of [the module](mod@crate::check)).
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    #[must_use]
    pub fn tolerance(self, tolerance: f64) -> Self {
        assert!(
            tolerance >= 0.0 && tolerance.is_finite(),
            "Check::tolerance: {tolerance} should be finite and not negative"
        );
        Check { tolerance, ..self }
    }

    /// The first and largest step h. Choose a power of two near a tenth of the distance over which f changes.
    ///
    /// # Panics
    /// If it is not positive and finite.
    #[track_caller]
    #[must_use]
    pub fn step(self, step: f64) -> Self {
        assert!(step > 0.0 && step.is_finite(), "Check::step: {step} should be positive and finite");
        Check { step, ..self }
    }

    /// 1 for the gradient, 2 for the gradient's gradient as well.
    ///
    /// # Panics
    /// If it is any other number.
    #[track_caller]
    #[must_use]
    pub fn order(self, order: usize) -> Self {
        assert!(order == 1 || order == 2, "Check::order: {order} is neither 1 nor 2");
        Check { order, ..self }
    }

    /// The share of the comparisons that may be undecided in a check that passes.
    ///
    /// # Panics
    /// If it is not from 0 to 1.
    #[track_caller]
    #[must_use]
    pub fn undecided(self, share: f64) -> Self {
        assert!((0.0..=1.0).contains(&share), "Check::undecided: {share} should be from 0 to 1");
        Check { undecided: share, ..self }
    }

    /// Lets proved bounds decide what differences cannot, and contradict them where a slope is lost in the rounding of a value.
    /// `solve::derivative_bounds` finds such bounds with intervals.
    #[must_use]
    pub fn bounded_by(self, bounds: DerivativeBounds) -> Self {
        Check { bounds: Some(bounds), ..self }
    }

    /// Checks the derivatives of `f` at `inputs`.
    pub fn run(
        &self,
        f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
        inputs: &[impl Borrow<Matrix<f64>>],
    ) -> Report {
        let inputs: Vec<Matrix<f64>> = inputs.iter().map(|x| x.borrow().clone()).collect();
        properties::run(self, &tested(f), &inputs)
    }

    /// Checks the derivatives at `inputs` of a function of a `model`, which is anything that a tape may borrow. So the function may
    /// [bind](Tape::bind) the parameters of the model to the variables that it is given. A tape cannot borrow what the closure captures.
    /// `nn::check_model` does this for all parameters of a network.
    ///
    /// ```
    /// use autograd::{Matrix, Param, check::Check};
    /// let model = (Param::new(Matrix::from([[0.3, -1.2]])), Matrix::from([[0.5], [2.0]]));
    /// let report = Check::new().run_with(
    ///     &model,
    ///     |tape, (w, x), v| {
    ///         tape.bind(w, v[0]);
    ///         tape.param(w).matmul(tape.constant(x)).tanh()
    ///     },
    ///     &[model.0.value()],
    /// );
    /// report.unwrap();
    /// ```
    pub fn run_with<M: ?Sized>(
        &self,
        model: &M,
        f: impl for<'t> Fn(&'t Tape<'t, f64>, &'t M, &[Var<'t, f64>]) -> Var<'t, f64>,
        inputs: &[impl Borrow<Matrix<f64>>],
    ) -> Report {
        let inputs: Vec<Matrix<f64>> = inputs.iter().map(|x| x.borrow().clone()).collect();
        properties::run(self, &With::new(model, f), &inputs)
    }

    /// Checks value and gradient of `f` in single precision against those in double precision.
    pub fn run_f32(&self, f: &impl Function, inputs: &[impl Borrow<Matrix<f32>>]) -> Report {
        let inputs: Vec<Matrix<f32>> = inputs.iter().map(|x| x.borrow().clone()).collect();
        shadow::run(self, &|x| f.call(x), &tested(|x| f.call(x)), &inputs)
    }
}

/// Random numbers from a seed.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        split_mix(&mut self.0)
    }

    fn sign(&mut self) -> f64 {
        if self.next() >> 63 == 0 { 1.0 } else { -1.0 }
    }

    /// Between 1/2 and 3/2 with either sign, in 24 bits so that `f32` can represent it.
    fn weights(&mut self, (rows, cols): (usize, usize)) -> Matrix<f64> {
        let weight = |z: u64| 0.5 + (z >> 41) as f64 / (1u64 << 23) as f64;
        Matrix::from_fn(rows, cols, |_, _| self.sign() * weight(self.next()))
    }

    /// ±1 in about `count` entries, 0 in the others. Such a direction crosses few kinks.
    fn sparse_direction<T: Copy>(&mut self, like: &[Matrix<T>], count: usize) -> Vec<Matrix<f64>> {
        let all: usize = like.iter().map(|x| x.as_slice().len()).sum();
        let mut entry = || if self.next() as usize % all < count { self.sign() } else { 0.0 };
        like.iter().map(|x| x.map(|_| entry())).collect()
    }

    /// ±1 in every entry of one input.
    fn direction_in<T: Copy>(&mut self, input: usize, like: &[Matrix<T>]) -> (Along, Vec<Matrix<f64>>) {
        let signs = |(k, x): (usize, &Matrix<T>)| x.map(|_| if k == input { self.sign() } else { 0.0 });
        (Along::Input(input), like.iter().enumerate().map(signs).collect())
    }

    /// ±1 in every entry.
    fn direction<T: Copy>(&mut self, like: &[Matrix<T>]) -> Vec<Matrix<f64>> {
        like.iter().map(|x| x.map(|_| self.sign())).collect()
    }
}

/// With more entries than this there are also directions in which an eighth of this number move.
const SPARSE: usize = 1024;

impl Check {
    /// The random directions, then the single entries if they are not too many.
    fn along<T: Copy>(&self, draw: &mut Draw, inputs: &[Matrix<T>]) -> Vec<(Along, Vec<Matrix<f64>>)> {
        let count: usize = inputs.iter().map(|x| x.as_slice().len()).sum();
        // Without entries there is no direction. If there are too many entries to try each, there is at least one.
        let directions = match count {
            0 => 0,
            _ if count > self.entries => self.directions.max(1),
            _ => self.directions,
        };
        let mut all: Vec<_> = (0..directions).map(|k| (Along::Direction(k), draw.direction(inputs))).collect();
        if count <= self.entries {
            let zeros: Vec<Matrix<f64>> = inputs.iter().map(|x| x.map(|_| 0.0)).collect();
            for (input, x) in inputs.iter().enumerate() {
                for (i, j) in entries(x.shape()) {
                    let mut unit = zeros.clone();
                    unit[input][(i, j)] = 1.0;
                    all.push((Along::Entry { input, at: (i, j) }, unit));
                }
            }
        }
        all
    }
}

impl Check {
    /// For large inputs, directions in which some entries move: entries with similar slopes if others have larger ones, and a
    /// few random entries. They are numbered from `first` on.
    fn among(
        &self,
        draw: &mut Draw,
        inputs: &[Matrix<f64>],
        gradient: &[Matrix<f64>],
        first: usize,
    ) -> Vec<(Along, Vec<Matrix<f64>>)> {
        let count: usize = inputs.iter().map(|x| x.as_slice().len()).sum();
        if count <= self.entries {
            return Vec::new();
        }
        let mut all: Vec<_> = smaller(gradient).collect();
        all.iter_mut().flatten().for_each(|mask| mask.as_mut_slice().iter_mut().for_each(|d| *d *= draw.sign()));
        if count > SPARSE {
            all.extend((0..self.directions.max(1)).map(|_| draw.sparse_direction(inputs, SPARSE / 8)));
        }
        all.into_iter().enumerate().map(|(k, direction)| (Along::Direction(first + k), direction)).collect()
    }
}

/// All indices of a matrix, column by column.
fn entries((rows, cols): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    (0..cols).flat_map(move |j| (0..rows).map(move |i| (i, j)))
}
