//! Cross-entropies with options: class weights, label smoothing.

use autograd::{Axis, Real, Var, compiled_once};
use serde::{Deserialize, Serialize};

use super::target::{POSITIVE, SHARE, WEIGHT, per_row, positives, share, smoothed, weights};
use super::{Loss, Losses, Target};
use crate::setting::Range;

/// Cross-entropy −Σᵢ cᵢ t'ᵢ ln softmax(x)ᵢ of each sample, with weights cᵢ of the classes and smoothed targets
/// t' = (1 − ε) t + ε / K (Szegedy et al. 2016, section 7).
///
/// In the [mean](Losses::mean) Σ wₙ Eₙ / Σ wₙ a sample has the weight w = Σᵢ cᵢ tᵢ of its class. So a class given as an
/// index and the same class given as probabilities have the same loss; PyTorch divides by the number of samples in the second case.
///
/// ```
/// use autograd::{Matrix, Tape};
/// use nn::loss::CrossEntropy;
/// let tape = Tape::<f64>::new();
/// let x = tape.variable(Matrix::from([[2.0, 0.0], [0.0, 0.0]]));
/// let rare = CrossEntropy { class_weights: Some(vec![1.0, 3.0]), ..CrossEntropy::default() };
/// let [e0, e1] = [(-2f64).exp().ln_1p(), 2f64.ln()];
/// let e = rare.each(x, &[0, 1][..]).mean().item();
/// assert!((e - (e0 + 3.0 * e1) / 4.0).abs() < 1e-15);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CrossEntropy {
    /// cᵢ of each class; all 1 if `None`.
    #[serde(deserialize_with = "weights")]
    pub class_weights: Option<Vec<f64>>,
    /// ε, from 0 to 1; usually 0 or 0.1.
    #[serde(deserialize_with = "share")]
    pub label_smoothing: f64,
}

impl CrossEntropy {
    /// Checks that each option is in its range.
    pub(super) fn check(&self) -> Result<(), String> {
        let weights = self.class_weights.iter().flatten().map(|&w| ("class_weights", w, WEIGHT));
        options("softmax_cross_entropy", self.label_smoothing, weights)
    }

    /// The loss of each sample, 1 × n, for logits K × n.
    ///
    /// # Panics
    /// If the shapes do not fit, a class is not below the number of rows, or an option is out of its range.
    #[track_caller]
    pub fn each<'t, 'c, T: Real>(&self, x: Var<'t, T>, t: impl Into<Target<'t, 'c, T>>) -> Losses<'t, T> {
        cross_entropy(self, x, t.into())
    }
}

#[compiled_once]
#[track_caller]
fn cross_entropy<'t, T: Real>(entropy: &CrossEntropy, x: Var<'t, T>, t: Target<'t, '_, T>) -> Losses<'t, T> {
    let name = "softmax_cross_entropy";
    if let Err(problem) = entropy.check() {
        panic!("{problem}");
    }
    let t = t.like(name, x);
    let smooth = smoothed(t, entropy.label_smoothing, x.rows());
    match &entropy.class_weights {
        None => x.softmax_cross_entropy(smooth).into(),
        Some(weights) => {
            let weights = per_row(name, weights, x);
            let of_samples = (weights * t).sum_over(Axis::Rows);
            Losses { values: x.softmax_cross_entropy(weights * smooth), weights: Some(of_samples) }
        }
    }
}

/// Binary cross-entropy −p t' ln σ(x) − (1 − t') ln(1 − σ(x)) of each entry, with weights p of the positive class and
/// smoothed targets t' = (1 − ε) t + ε / 2.
///
/// As in PyTorch, p is not a weight of the sample in the [mean](Losses::mean), which divides by the number of entries.
///
/// If there is a single row of logits, targets may be the classes 0 and 1.
///
/// ```
/// use autograd::{Matrix, Tape};
/// use nn::loss::BinaryCrossEntropy;
/// let tape = Tape::<f64>::new();
/// let x = tape.variable(Matrix::row(&[0.0, 0.0]));
/// let rare = BinaryCrossEntropy { pos_weight: Some(vec![3.0]), ..BinaryCrossEntropy::default() };
/// assert_eq!(rare.each(x, &[1, 0][..]).sum().item(), (3.0 + 1.0) * 2f64.ln());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BinaryCrossEntropy {
    /// p > 0 of each row; all 1 if `None`.
    #[serde(deserialize_with = "positives")]
    pub pos_weight: Option<Vec<f64>>,
    /// ε, from 0 to 1; usually 0.
    #[serde(deserialize_with = "share")]
    pub label_smoothing: f64,
}

/// The options of a cross-entropy, with the name of each.
fn options<'a>(
    of: &str,
    label_smoothing: f64,
    weights: impl Iterator<Item = (&'a str, f64, Range)>,
) -> Result<(), String> {
    let mut all = weights.chain([("label_smoothing", label_smoothing, SHARE)]);
    all.try_for_each(|option| crate::setting::all(of, &[option]))
}

impl BinaryCrossEntropy {
    /// Checks that each option is in its range.
    pub(super) fn check(&self) -> Result<(), String> {
        let weights = self.pos_weight.iter().flatten().map(|&p| ("pos_weight", p, POSITIVE));
        options("bce_with_logits", self.label_smoothing, weights)
    }

    /// The loss of each entry, in the shape of the logits.
    ///
    /// # Panics
    /// If the shapes do not fit or an option is out of its range.
    #[track_caller]
    pub fn each<'t, 'c, T: Real>(&self, x: Var<'t, T>, t: impl Into<Target<'t, 'c, T>>) -> Losses<'t, T> {
        binary_cross_entropy(self, x, t.into())
    }
}

#[compiled_once]
#[track_caller]
fn binary_cross_entropy<'t, T: Real>(
    entropy: &BinaryCrossEntropy,
    x: Var<'t, T>,
    t: Target<'t, '_, T>,
) -> Losses<'t, T> {
    let name = "bce_with_logits";
    if let Err(problem) = entropy.check() {
        panic!("{problem}");
    }
    let t = match t {
        // The row belongs to the second of two classes.
        Target::Classes(classes) if x.rows() == 1 => {
            Target::Classes(classes).values(name, x, (2, x.cols())).rows_in(1..2)
        }
        t => t.like(name, x),
    };
    let t = smoothed(t, entropy.label_smoothing, 2);
    match &entropy.pos_weight {
        None => x.bce_with_logits(t),
        Some(weights) => {
            // p t and 1 − t are τ and 1 − τ times the total weight w = p t + 1 − t.
            let positive = per_row(name, weights, x) * t;
            let all = positive + (1.0 - t);
            all * x.bce_with_logits(positive / all)
        }
    }
    .into()
}

impl From<CrossEntropy> for Loss {
    fn from(entropy: CrossEntropy) -> Self {
        Loss::SoftmaxCrossEntropy(entropy)
    }
}

impl From<BinaryCrossEntropy> for Loss {
    fn from(entropy: BinaryCrossEntropy) -> Self {
        Loss::BceWithLogits(entropy)
    }
}
