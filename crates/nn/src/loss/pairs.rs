//! Losses of pairs and triplets of samples, for ranking and for embeddings. A label t is 1 or −1.

use autograd::{Axis, Real, Var, compiled_once};

use super::Losses;
use super::target::POSITIVE;
use crate::setting::NOT_NEGATIVE;

/// max(0, margin − t (x₁ − x₂)) of each entry. If t = 1, x₁ should exceed x₂ by the margin; if t = −1, x₂ should exceed x₁.
///
/// ```
/// use autograd::{Matrix, Tape};
/// use nn::loss::margin_ranking;
/// let tape = Tape::<f64>::new();
/// let [a, b, t] = [[3.0, 1.0], [1.0, 2.0], [1.0, 1.0]].map(|x| tape.variable(Matrix::row(&x)));
/// assert_eq!(margin_ranking(a, b, t, 0.5).values().value().as_slice(), [0.0, 1.5]);
/// ```
///
/// # Panics
/// If the shapes do not fit, or the margin is negative.
#[compiled_once]
#[track_caller]
#[doc(alias = "MarginRankingLoss")]
pub fn margin_ranking<'t, T: Real>(x1: Var<'t, T>, x2: Var<'t, T>, t: Var<'t, T>, margin: f64) -> Losses<'t, T> {
    let margin = NOT_NEGATIVE.expect("margin_ranking: margin", margin);
    (-(t * (x1 - x2)) + margin).relu().into()
}

/// The loss of each entry is x if t = 1, and max(0, margin − x) if t = −1. x is a distance. It should be small for similar samples (t = 1)
/// and at least the margin for others.
///
/// # Panics
/// If the shapes do not fit, or the margin is not positive.
#[compiled_once]
#[track_caller]
#[doc(alias = "HingeEmbeddingLoss")]
pub fn hinge_embedding<'t, T: Real>(x: Var<'t, T>, t: Var<'t, T>, margin: f64) -> Losses<'t, T> {
    let margin = POSITIVE.expect("hinge_embedding: margin", margin);
    ((t + 1.0).keep(x) + (t - 1.0).keep((-x + margin).relu())).into()
}

/// The loss of each pair of columns is 1 − cos(a, b) if t = 1, and max(0, cos(a, b) − margin) if t = −1. The result is 1 × n. The cosine
/// with a column of zeros is 0.
///
/// # Panics
/// If the shapes do not fit, or the margin is negative.
#[compiled_once]
#[track_caller]
#[doc(alias = "CosineEmbeddingLoss")]
pub fn cosine_embedding<'t, T: Real>(a: Var<'t, T>, b: Var<'t, T>, t: Var<'t, T>, margin: f64) -> Losses<'t, T> {
    let margin = NOT_NEGATIVE.expect("cosine_embedding: margin", margin);
    let size = a.norm_over(Axis::Rows) * b.norm_over(Axis::Rows);
    let cosine = size.keep((a * b).sum_over(Axis::Rows) / size);
    ((t + 1.0).keep(1.0 - cosine) + (t - 1.0).keep((cosine - margin).relu())).into()
}

/// max(0, ‖a − p‖ − ‖a − n‖ + margin) of each column: 1 × columns (Balntas et al., 2016). The columns of `anchor` are a, those of
/// `positive` are p, which should be close to a, and those of `negative` are n, which should be farther away. PyTorch adds 10⁻⁶ to every
/// difference. Here the slope of a distance 0 is 0.
///
/// ```
/// use autograd::{Matrix, Tape};
/// use nn::loss::triplet_margin;
/// let tape = Tape::<f64>::new();
/// let [a, p, n] = [[0.0, 0.0], [3.0, 4.0], [0.0, 2.0]].map(|x| tape.variable(Matrix::column(&x)));
/// assert_eq!(triplet_margin(a, p, n, 1.0).sum().item(), 5.0 - 2.0 + 1.0);
/// ```
///
/// # Panics
/// If the shapes do not fit, or the margin is not positive.
#[compiled_once]
#[track_caller]
#[doc(alias = "TripletMarginLoss")]
pub fn triplet_margin<'t, T: Real>(
    anchor: Var<'t, T>,
    positive: Var<'t, T>,
    negative: Var<'t, T>,
    margin: f64,
) -> Losses<'t, T> {
    let margin = POSITIVE.expect("triplet_margin: margin", margin);
    let (near, far) = ((anchor - positive).norm_over(Axis::Rows), (anchor - negative).norm_over(Axis::Rows));
    (near - far + margin).relu().into()
}
