//! Losses: E(w) = Σ Eₙ, or the mean.
//!
//! A [`Loss`] measures how far predictions are from targets, sample by sample ([`each`](Loss::each)). Samples can have
//! weights ([`weighted`](Losses::weighted)). A [`Reduction`] reduces the losses to one number.
//!
//! ```
//! use autograd::{Matrix, Tape};
//! use nn::Reduction;
//! use nn::loss::{CrossEntropy, Loss, softmax_cross_entropy};
//!
//! let tape = Tape::<f64>::new();
//! let x = tape.variable(Matrix::from([[2.0, -1.0], [0.5, 1.0], [-1.0, 0.0]])); // logits, a column for each sample
//! let plain = softmax_cross_entropy(x, &[0, 1][..], Reduction::Mean);
//!
//! let loss = CrossEntropy { class_weights: Some(vec![1.0, 2.0, 1.0]), label_smoothing: 0.1 };
//! let importance = tape.constant(Matrix::row(&[0.5, 3.0]));
//! let weighted = loss.each(x, &[0, 1][..]).weighted(importance).mean();
//! assert!(plain.item() < weighted.item());
//!
//! let huber: Loss = serde_json::from_str(r#"{"huber": {"delta": 0.5}}"#)?; // stored as a setting
//! assert_eq!(huber.of(x, tape.constant(Matrix::zeros(3, 2)), Reduction::Sum).item(), 2.125);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod entropy;
mod pairs;
mod reduction;
mod target;

use autograd::{Axis, Real, Var, compiled_once};
use serde::{Deserialize, Serialize};

use crate::setting::all;
use target::POSITIVE;

pub use entropy::{BinaryCrossEntropy, CrossEntropy};
pub use pairs::{cosine_embedding, hinge_embedding, margin_ranking, triplet_margin};
pub use reduction::{Losses, Reduction};
pub use target::Target;

/// A loss of predictions y (x if they are logits) and targets t, as a setting that is stored with a model.
///
/// | loss | formula | for each |
/// |---|---|---|
/// | `Mse` | (y − t)² | entry |
/// | `L1` | \|y − t\| | entry |
/// | `Huber` | d² / 2 where \|d\| ≤ δ, else δ (\|d\| − δ / 2), with d = y − t (Huber 1964) | entry |
/// | `SmoothL1` | Huber's loss for δ = β, divided by β (Girshick 2015) | entry |
/// | `BceWithLogits` | −t ln σ(x) − (1 − t) ln(1 − σ(x)) | entry |
/// | `SoftmaxCrossEntropy` | −Σᵢ tᵢ ln softmax(x)ᵢ | sample |
/// | `KlDivergence` | Σᵢ tᵢ (ln tᵢ − ln softmax(x)ᵢ), 0 ln 0 = 0 | sample |
/// | `PoissonNll` | eˣ − t x: t counts events of rate eˣ; less ln t! | entry |
/// | `GaussianNll` | (s + (μ − t)² e⁻ˢ) / 2: t has mean μ and variance eˢ; less ln(2π) / 2 | entry of t |
/// | `MultiMargin` | Σ max(0, margin − x_c + xᵢ) / K over the K classes i but the right one, c (Crammer & Singer 2001) | sample |
///
/// The predictions of `GaussianNll` are the m rows of μ above the m rows of s. All losses are stable for logits of any size, except that
/// the exponentials eˣ in `PoissonNll` and e⁻ˢ in `GaussianNll` can overflow. For infinite logits the loss is its limit. If there is no
/// limit, the loss is NaN: if several logits of a sample are +∞, if all are −∞, or if s = −∞.
///
/// Losses of pairs and triplets are functions: [`margin_ranking`], [`hinge_embedding`], [`cosine_embedding`], [`triplet_margin`]. CTC, the
/// adaptive softmax and multi-label margin losses are not implemented.
///
/// Targets are numbers (a [`Var`] in the shape of the predictions) or classes, which count as 1 in the row of the class and
/// 0 elsewhere: see [`Target`].
///
/// ```
/// use autograd::{Matrix, Tape};
/// use nn::loss::{Loss, Reduction};
/// let tape = Tape::<f64>::new();
/// let y = tape.variable(Matrix::row(&[0.5, 3.0]));
/// let t = tape.constant(Matrix::row(&[0.0, 0.0]));
/// let e = Loss::Huber { delta: 1.0 }.of(y, t, Reduction::Sum);
/// assert_eq!(e.item(), 0.125 + 2.5);
/// assert_eq!(e.backward().wrt(y).as_slice(), [0.5, 1.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Squared error.
    Mse,
    /// Absolute error.
    L1,
    /// Squared error, absolute error above δ.
    Huber {
        /// δ > 0.
        #[serde(deserialize_with = "target::positive")]
        delta: f64,
    },
    /// Absolute error, squared error below β.
    SmoothL1 {
        /// β > 0.
        #[serde(deserialize_with = "target::positive")]
        beta: f64,
    },
    /// Binary cross-entropy of logits.
    BceWithLogits(BinaryCrossEntropy),
    /// Cross-entropy of the softmax of logits.
    SoftmaxCrossEntropy(CrossEntropy),
    /// Kullback–Leibler divergence of the softmax of logits from probabilities.
    KlDivergence,
    /// Negative log-likelihood of counts, whose rate has the logarithm x.
    PoissonNll,
    /// Negative log-likelihood of numbers, whose mean and logarithm of variance are predicted.
    GaussianNll,
    /// Hinge loss of several classes.
    MultiMargin {
        /// The margin by which the score of the correct class should exceed every other; usually 1.
        #[serde(deserialize_with = "target::positive")]
        margin: f64,
    },
}

impl Loss {
    /// The losses of a batch as one number, 1 × 1.
    ///
    /// # Panics
    /// Under the same conditions as [`each`](Loss::each).
    #[track_caller]
    pub fn of<'t, 'c, T: Real>(
        &self,
        y: Var<'t, T>,
        t: impl Into<Target<'t, 'c, T>>,
        reduction: Reduction,
    ) -> Var<'t, T> {
        self.each(y, t).reduce(reduction)
    }

    /// The loss of each entry, in the shape of the predictions, or of each sample, 1 × n: see the table.
    ///
    /// # Panics
    /// If the shapes do not fit, a class is not below the number of rows, or an option of the loss is out of its range.
    #[track_caller]
    pub fn each<'t, 'c, T: Real>(&self, y: Var<'t, T>, t: impl Into<Target<'t, 'c, T>>) -> Losses<'t, T> {
        each(self, y, t.into())
    }

    /// Checks that each setting is in its range. If not, the error gives the setting, its value, and the allowed range.
    pub fn check(&self) -> Result<(), String> {
        let positive = |setting, x| all(self.name(), &[(setting, x, POSITIVE)]);
        match *self {
            Loss::Huber { delta } => positive("delta", delta),
            Loss::SmoothL1 { beta } => positive("beta", beta),
            Loss::MultiMargin { margin } => positive("margin", margin),
            Loss::BceWithLogits(ref entropy) => entropy.check(),
            Loss::SoftmaxCrossEntropy(ref entropy) => entropy.check(),
            Loss::Mse | Loss::L1 | Loss::KlDivergence | Loss::PoissonNll | Loss::GaussianNll => Ok(()),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Loss::Mse => "mse",
            Loss::L1 => "l1",
            Loss::Huber { .. } => "huber",
            Loss::SmoothL1 { .. } => "smooth_l1",
            Loss::BceWithLogits(_) => "bce_with_logits",
            Loss::SoftmaxCrossEntropy(_) => "softmax_cross_entropy",
            Loss::KlDivergence => "kl_divergence",
            Loss::PoissonNll => "poisson_nll",
            Loss::GaussianNll => "gaussian_nll",
            Loss::MultiMargin { .. } => "multi_margin",
        }
    }
}

#[compiled_once]
#[track_caller]
fn each<'t, T: Real>(loss: &Loss, y: Var<'t, T>, t: Target<'t, '_, T>) -> Losses<'t, T> {
    let name = loss.name();
    if let Err(problem) = loss.check() {
        panic!("{problem}");
    }
    match *loss {
        Loss::Mse => y.squared_error(t.like(name, y)),
        Loss::L1 => (y - t.like(name, y)).abs(),
        Loss::Huber { delta } => huber(y - t.like(name, y), within::<T>("huber: delta", delta)),
        Loss::SmoothL1 { beta } => huber(y - t.like(name, y), within::<T>("smooth_l1: beta", beta)) / beta,
        Loss::BceWithLogits(ref entropy) => return entropy.each(y, t),
        Loss::SoftmaxCrossEntropy(ref entropy) => return entropy.each(y, t),
        Loss::KlDivergence => kl_divergence(y, t.like(name, y)),
        // Above this number eˣ overflows.
        Loss::PoissonNll => y.exp() - y.at_most(1e3).weigh(t.like(name, y)),
        Loss::GaussianNll => {
            let (m, n) = y.shape();
            assert!(m % 2 == 0, "{name}: {m} × {n} does not split into means above logarithms of variances");
            let (mean, log) = (y.rows_in(0..m / 2), y.rows_in(m / 2..m));
            (log + (-log).exp().weigh(mean.squared_error(t.values(name, y, (m / 2, n))))) / 2.0
        }
        Loss::MultiMargin { margin } => multi_margin(y, t.like(name, y), within::<T>("multi_margin: margin", margin)),
    }
    .into()
}

/// A positive setting. It must also be positive and finite in the number type of the tape.
#[track_caller]
fn within<T: Real>(what: &str, x: f64) -> f64 {
    POSITIVE.expect(what, T::from_f64(x).to_f64());
    x
}

/// Squared error (y − t)², summed or averaged over all entries. Regression, with linear outputs.
///
/// # Panics
/// If the shapes differ.
#[compiled_once]
#[track_caller]
#[doc(alias("MSELoss", "mse_loss"))]
pub fn mse<'t, T: Real>(y: Var<'t, T>, t: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
    Loss::Mse.of(y, t, reduction)
}

/// Binary cross-entropy −t ln σ(x) − (1 − t) ln(1 − σ(x)) of logits x and targets t in [0, 1], summed or
/// averaged over all entries. Exact to rounding for logits of any size. [`BinaryCrossEntropy`] has options.
///
/// # Panics
/// If the shapes differ.
///
/// ```
/// use autograd::{Matrix, Tape};
/// use nn::{Reduction, loss};
/// let tape = Tape::<f64>::new();
/// let x = tape.variable(Matrix::row(&[20.0, -110.0]));
/// let t = tape.constant(Matrix::row(&[1.0, 0.0]));
/// let e = loss::bce_with_logits(x, t, Reduction::Sum).item();
/// assert!((e - 2.061153620314381e-09).abs() < 1e-24); // ln(1 + e⁻²⁰)
/// ```
#[compiled_once]
#[track_caller]
#[doc(alias = "BCEWithLogitsLoss")]
pub fn bce_with_logits<'t, T: Real>(x: Var<'t, T>, t: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
    BinaryCrossEntropy::default().each(x, t).reduce(reduction)
}

/// Cross-entropy −Σᵢ tᵢ ln softmax(x)ᵢ of the logits of each column, summed or averaged over the
/// columns. Multiclass classification; δx = y − t with y = softmax(x). [`CrossEntropy`] has options.
///
/// # Panics
/// If the shapes do not fit or a class is not below the number of rows.
#[track_caller]
#[doc(alias("nll_loss", "NLLLoss", "CrossEntropyLoss"))]
pub fn softmax_cross_entropy<'t, 'c, T: Real>(
    x: Var<'t, T>,
    t: impl Into<Target<'t, 'c, T>>,
    reduction: Reduction,
) -> Var<'t, T> {
    CrossEntropy::default().each(x, t).reduce(reduction)
}

/// Negative log-likelihood (ln v + (y − t)² / v) / 2 of numbers t with mean y and variance v > 0, less ln(2π) / 2, summed
/// or averaged over all entries (Nix & Weigend 1994).
///
/// [`Loss::GaussianNll`] takes the logarithm of the variance instead, which a network predicts without a constraint.
///
/// # Panics
/// If the shapes of `t` and `y` differ, or `variance` cannot be repeated to it.
///
/// ```
/// use autograd::{Matrix, Tape};
/// use nn::{Reduction, loss};
/// let tape = Tape::<f64>::new();
/// let (y, t) = (tape.variable(Matrix::row(&[1.0, 2.0])), tape.constant(Matrix::row(&[2.0, 2.0])));
/// let v = tape.variable(4.0);
/// assert_eq!(loss::gaussian_nll(y, v, t, Reduction::Sum).item(), 4f64.ln() + 1.0 / 8.0);
/// ```
#[compiled_once]
#[track_caller]
pub fn gaussian_nll<'t, T: Real>(
    y: Var<'t, T>,
    variance: Var<'t, T>,
    t: Var<'t, T>,
    reduction: Reduction,
) -> Var<'t, T> {
    let t = Target::from(t).like("gaussian_nll", y);
    let variance = variance.repeat(y.rows(), y.cols());
    reduction.of((variance.ln() + y.squared_error(t) / variance) / 2.0)
}

/// softmax(x) of each column: the probability of each class. A single row is the logit of two classes as in
/// [`BinaryCrossEntropy`], so the result is σ(x), the probability of class 1.
#[compiled_once]
pub fn probabilities<T: Real>(x: Var<'_, T>) -> Var<'_, T> {
    if x.rows() == 1 { x.sigmoid() } else { x.softmax(Axis::Rows) }
}

/// c (d − c / 2) with c = d clamped to ±δ: d² / 2, and δ (|d| − δ / 2) beyond.
#[compiled_once]
fn huber<T: Real>(d: Var<'_, T>, delta: f64) -> Var<'_, T> {
    d.clamp(-delta, delta).square() / 2.0 + (d.abs() - delta).relu() * delta
}

/// Σᵢ tᵢ ln tᵢ is constant in the predictions. 0 ln 0 is computed as 0 ln 1, whose slope is not NaN.
#[compiled_once]
fn kl_divergence<'t, T: Real>(x: Var<'t, T>, t: Var<'t, T>) -> Var<'t, T> {
    let entropy = t * t.select(t, target::number(t, 1.0)).ln();
    entropy.sum_over(Axis::Rows) + x.softmax_cross_entropy(t)
}

#[compiled_once]
fn multi_margin<'t, T: Real>(x: Var<'t, T>, t: Var<'t, T>, margin: f64) -> Var<'t, T> {
    let right = x.weigh(t).sum_over(Axis::Rows);
    let short = (x - right + margin).relu();
    short.weigh(1.0 - t).sum_over(Axis::Rows) / x.rows() as f64
}
