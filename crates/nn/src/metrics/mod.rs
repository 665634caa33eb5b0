//! Metrics: how good are predictions of classes, probabilities and numbers?
//!
//! Shapes are those of models: a column for each sample. One row of scores is the logit of two classes, as in
//! [`BinaryCrossEntropy`](crate::loss::BinaryCrossEntropy), and one row of probabilities is that of class 1. Sums are computed in `f64`, in the order of the samples.

mod auc;
mod confusion;
mod regression;

use autograd::{Matrix, Real, compiled_once};

use crate::nearest::transpose_hint;

pub use auc::{roc_auc, roc_auc_ovr};
pub use confusion::{Average, Confusion};
pub use regression::{mae, mse, r2, r2_each, rmse};

/// The row of the largest entry of every column: the predicted class for every sample.
///
/// Among equal entries the first is chosen. NaN counts as smaller than every number, so it is chosen (row 0) only in a column
/// that has nothing else.
///
/// ```
/// use autograd::Matrix;
/// let scores = Matrix::from([[0.1, 3.0, 2.0], [0.7, 1.0, 2.0], [0.2, f64::NAN, 1.0]]);
/// assert_eq!(nn::metrics::argmax_cols(&scores), [1, 0, 0]);
/// ```
///
/// # Panics
/// If the matrix has columns but no rows.
#[track_caller]
pub fn argmax_cols<T: Copy + PartialOrd>(scores: &Matrix<T>) -> Vec<usize> {
    let (rows, cols) = scores.shape();
    assert!(rows > 0 || cols == 0, "argmax_cols: the columns of a 0 × {cols} matrix have no largest entry");
    let argmax = |column: &[T]| {
        let numbers = (0..rows).filter(|&i| column[i].partial_cmp(&column[i]).is_some());
        numbers.reduce(|best, i| if column[i] > column[best] { i } else { best }).unwrap_or(0)
    };
    (0..cols).map(|j| argmax(scores.col(j))).collect()
}

/// The predicted class of every sample: that of the largest score. A single row is the logit of two classes, so the class is
/// 1 if the logit is above 0.
///
/// ```
/// use autograd::Matrix;
/// use nn::metrics::{Confusion, answers};
/// let logits = Matrix::row(&[-2.0, 3.0, 0.5]);
/// assert_eq!(answers(&logits), [0, 1, 1]);
/// assert_eq!(Confusion::new(&answers(&logits), &[0, 1, 0], 2).accuracy(), 2.0 / 3.0);
/// ```
///
/// # Panics
/// If there are columns but no rows.
#[compiled_once]
#[track_caller]
pub fn answers<T: Real>(scores: &Matrix<T>) -> Vec<usize> {
    match scores.rows() {
        1 => scores.as_slice().iter().map(|&logit| usize::from(logit > T::default())).collect(),
        _ => argmax_cols(scores),
    }
}

/// The share of samples that are predicted correctly; NaN if there are none.
///
/// ```
/// assert_eq!(nn::metrics::accuracy(&[0, 1, 2, 2], &[0, 1, 1, 2]), 0.75);
/// ```
///
/// # Panics
/// If the numbers of predictions and samples differ.
#[track_caller]
pub fn accuracy(predicted: &[usize], actual: &[usize]) -> f64 {
    assert_eq!(predicted.len(), actual.len(), "accuracy: {} predictions, {} samples", predicted.len(), actual.len());
    let correct = predicted.iter().zip(actual).filter(|(p, a)| p == a).count();
    correct as f64 / actual.len() as f64
}

/// The share of samples whose class is among the `k` with the largest scores; NaN if there are none.
///
/// Among equal scores the first class comes first, and NaN comes last. For k = 1 it is the accuracy of [`answers`].
///
/// ```
/// use autograd::Matrix;
/// let scores = Matrix::from([[0.1, 0.5], [0.7, 0.3], [0.2, 0.2]]);
/// assert_eq!(nn::metrics::top_k(&scores, &[2, 2], 2), 0.5);
/// ```
///
/// # Panics
/// If the numbers of columns and samples differ, or a class has no row of scores.
#[compiled_once]
#[track_caller]
pub fn top_k<T: Real>(scores: &Matrix<T>, actual: &[usize], k: usize) -> f64 {
    check_classes("top_k", scores, actual);
    let found = (0..actual.len()).filter(|&j| {
        let class = actual[j];
        // For one row: 0 against the logit.
        let score = |class| match scores.rows() {
            1 if class == 0 => 0.0,
            1 => scores[(0, j)].to_f64(),
            _ => scores[(class, j)].to_f64(),
        };
        let own = score(class);
        let before = |&i: &usize| {
            let score = score(i);
            score > own
                || !score.is_nan() && own.is_nan()
                || i < class && (score == own || score.is_nan() && own.is_nan())
        };
        (0..classes(scores)).filter(before).count() < k
    });
    found.count() as f64 / actual.len() as f64
}

/// The mean of −ln p over the samples, where p is the predicted probability of the correct class; NaN if there are none.
///
/// As in scikit-learn, p is clamped to [ε, 1 − ε], where ε is the distance from 1 to the next number of type `T`. So a probability
/// that underflows to 0 does not make the mean infinite. From logits, [`crate::loss::softmax_cross_entropy`] is exact.
///
/// ```
/// use autograd::Matrix;
/// let probabilities = Matrix::from([[0.5, 0.25], [0.5, 0.75]]);
/// let loss: f64 = nn::metrics::log_loss(&probabilities, &[0, 1]);
/// assert!((loss - (2f64.ln() - 0.75f64.ln()) / 2.0).abs() < 1e-15);
/// ```
///
/// # Panics
/// If the numbers of columns and samples differ, or a class has no row of probabilities.
#[compiled_once]
#[track_caller]
pub fn log_loss<T: Real>(probabilities: &Matrix<T>, actual: &[usize]) -> f64 {
    check_classes("log_loss", probabilities, actual);
    let p = |class, j| match probabilities.rows() {
        1 if class == 0 => 1.0 - probabilities[(0, j)].to_f64(),
        1 => probabilities[(0, j)].to_f64(),
        _ => probabilities[(class, j)].to_f64(),
    };
    let lost = |(j, &class): (usize, &usize)| -p(class, j).clamp(T::EPSILON, 1.0 - T::EPSILON).ln();
    actual.iter().enumerate().map(lost).sum::<f64>() / actual.len() as f64
}

#[track_caller]
fn check_classes<T: Copy>(name: &str, scores: &Matrix<T>, actual: &[usize]) {
    let (rows, cols) = scores.shape();
    let (samples, hint) = (actual.len(), transpose_hint(rows == actual.len()));
    assert!(cols == samples, "{name}: {rows} × {cols} scores for {samples} samples: one column for each{hint}");
    for (j, &class) in actual.iter().enumerate() {
        let classes = classes(scores);
        assert!(class < classes, "{name}: class {class} of sample {j} is not one of {classes}");
    }
}

/// The number of classes with scores.
fn classes<T: Copy>(scores: &Matrix<T>) -> usize {
    if scores.rows() == 1 { 2 } else { scores.rows() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn argmax_is_the_first_largest(column in prop::collection::vec((0u8..4).prop_map(f32::from), 1..8)) {
            let k = argmax_cols(&Matrix::column(&column))[0];
            prop_assert!(column[..k].iter().all(|&x| x < column[k]) && column.iter().all(|&x| x <= column[k]));
        }

        /// By sorting the classes; the sort is stable.
        #[test]
        fn top_k_is_a_prefix(
            scores in prop::collection::vec(prop::sample::select(vec![0.0, 0.5, 1.0, f64::NAN]), 12),
            actual in prop::collection::vec(0usize..4, 3), k in 0usize..6,
        ) {
            let scores = Matrix::from_vec(4, 3, scores);
            let rank = |x: f64| if x.is_nan() { f64::NEG_INFINITY } else { x };
            let found = (0..3).filter(|&j| {
                let mut classes = [0, 1, 2, 3];
                classes.sort_by(|&a, &b| rank(scores[(b, j)]).total_cmp(&rank(scores[(a, j)])));
                classes.iter().take(k).any(|&class| class == actual[j])
            });
            prop_assert_eq!(top_k(&scores, &actual, k), found.count() as f64 / 3.0);
            prop_assert_eq!(top_k(&scores, &actual, 1), accuracy(&argmax_cols(&scores), &actual));
        }
    }

    /// One row stands for two: the first is 0, or one minus the probability.
    #[test]
    fn one_row_is_the_logit_of_two_classes() {
        let (logits, actual) = ([-2.0, 3.0, 0.5, 0.0, f64::NAN], [0, 1, 0, 1, 0]);
        let (one, two) = (Matrix::row(&logits), Matrix::from([[0.0; 5], logits]));
        assert_eq!(answers(&one), answers(&two));
        for k in 0..3 {
            assert_eq!(top_k(&one, &actual, k), top_k(&two, &actual, k));
        }
        let p = [0.25, 0.5, 0.125, 1.0];
        let (one, two) = (Matrix::row(&p), Matrix::from([p.map(|p| 1.0 - p), p]));
        assert_eq!(log_loss(&one, &[0, 1, 1, 0]), log_loss(&two, &[0, 1, 1, 0]));
        assert_eq!(roc_auc_ovr(&one, &[0, 1, 1, 0]), roc_auc_ovr(&two, &[0, 1, 1, 0]));
    }

    #[test]
    fn argmax_of_odd_columns() {
        let nan = f64::NAN;
        let scores = Matrix::from([[nan, nan, -1.0, f64::NEG_INFINITY], [nan, -2.0, nan, f64::NEG_INFINITY]]);
        assert_eq!(argmax_cols(&scores), [0, 1, 0, 0]);
        assert_eq!(argmax_cols(&Matrix::<f64>::zeros(0, 0)), [0; 0]);
    }

    #[test]
    fn what_is_certain_and_wrong_costs_a_finite_amount() {
        let wrong = Matrix::from([[0.0f32], [1.0]]);
        assert_eq!(log_loss(&wrong, &[0]), -f64::from(f32::EPSILON).ln());
        assert!(log_loss(&wrong, &[1]) > 0.0);
        assert!(
            log_loss(&Matrix::<f32>::zeros(2, 0), &[]).is_nan() && top_k(&Matrix::<f32>::zeros(2, 0), &[], 1).is_nan()
        );
    }

    #[test]
    #[should_panic(expected = "log_loss: class 2 of sample 1 is not one of 2")]
    fn classes_have_scores() {
        log_loss(&Matrix::<f64>::zeros(2, 2), &[0, 2]);
    }
}
