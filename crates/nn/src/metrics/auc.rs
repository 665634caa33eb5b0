//! The area under the ROC curve.

use autograd::{Matrix, Real, compiled_once};

/// The probability that a random positive sample has a larger score than a random negative one; ties count one half.
/// This is the area under the ROC curve, by the ranks of Mann & Whitney (1947; Hanley & McNeil 1982).
///
/// NaN if all samples are positive or none is, or if a score is NaN.
///
/// ```
/// use nn::metrics::roc_auc;
/// assert_eq!(roc_auc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]), 0.75);
/// assert_eq!(roc_auc(&[1.0, 1.0], &[false, true]), 0.5);
/// ```
///
/// # Panics
/// If the numbers of scores and samples differ.
#[compiled_once]
#[track_caller]
pub fn roc_auc<T: Real>(scores: &[T], positive: &[bool]) -> f64 {
    let (n, samples) = (scores.len(), positive.len());
    assert_eq!(n, samples, "roc_auc: {n} scores, {samples} samples");
    let mut pairs: Vec<(f64, bool)> = scores.iter().map(|s| s.to_f64()).zip(positive.iter().copied()).collect();
    if pairs.iter().any(|(score, _)| score.is_nan()) {
        return f64::NAN;
    }
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    // Twice the number of pairs with the positive sample above the negative one; equal scores count as half a pair.
    let (mut above, mut negatives) = (0u128, 0u128);
    for equal in pairs.chunk_by(|a, b| a.0 == b.0) {
        let up = equal.iter().filter(|(_, positive)| *positive).count() as u128;
        let down = equal.len() as u128 - up;
        above += up * (2 * negatives + down);
        negatives += down;
    }
    above as f64 / (2 * negatives * (n as u128 - negatives)) as f64
}

/// The mean over the classes of the area under the ROC curve of one class against all others, by its row of scores.
///
/// A class without samples, or one that all samples have, has no curve and is left out. NaN if no class has one.
///
/// ```
/// use autograd::Matrix;
/// let scores = Matrix::from([[0.8, 0.3, 0.1], [0.1, 0.5, 0.6], [0.1, 0.2, 0.3]]);
/// assert_eq!(nn::metrics::roc_auc_ovr(&scores, &[0, 1, 2]), (1.0 + 0.5 + 1.0) / 3.0);
/// ```
///
/// # Panics
/// If the numbers of columns and samples differ, or a class has no row of scores.
#[compiled_once]
#[track_caller]
pub fn roc_auc_ovr<T: Real>(scores: &Matrix<T>, actual: &[usize]) -> f64 {
    super::check_classes("roc_auc_ovr", scores, actual);
    if scores.rows() == 1 {
        // Both classes have the same curve.
        return roc_auc(scores.as_slice(), &actual.iter().map(|&class| class == 1).collect::<Vec<_>>());
    }
    let class = |k: usize| {
        let row: Vec<T> = (0..scores.cols()).map(|j| scores[(k, j)]).collect();
        let positive: Vec<bool> = actual.iter().map(|&class| class == k).collect();
        (positive.contains(&true) && positive.contains(&false)).then(|| roc_auc(&row, &positive))
    };
    let areas: Vec<f64> = (0..scores.rows()).filter_map(class).collect();
    areas.iter().sum::<f64>() / areas.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_area_is_the_share_of_ordered_pairs(
            samples in prop::collection::vec((prop::sample::select(vec![-1.0f32, -0.0, 0.0, 0.5, 2.0, f32::INFINITY]), any::<bool>()), 0..30)
        ) {
            let (scores, positive): (Vec<f32>, Vec<bool>) = samples.iter().copied().unzip();
            let (mut won, mut pairs) = (0.0, 0.0);
            for &(a, _) in samples.iter().filter(|s| s.1) {
                for &(b, _) in samples.iter().filter(|s| !s.1) {
                    won += if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
                    pairs += 1.0;
                }
            }
            let (found, expected) = (roc_auc(&scores, &positive), won / pairs);
            prop_assert!(found == expected || found.is_nan() && expected.is_nan(), "{found} {expected}");
            let negated: Vec<f32> = scores.iter().map(|s| -s).collect();
            prop_assert!(found.is_nan() || (found + roc_auc(&negated, &positive) - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn no_area() {
        assert!(roc_auc(&[1.0, f64::NAN], &[false, true]).is_nan());
        assert!(roc_auc_ovr(&Matrix::<f64>::zeros(2, 3), &[1, 1, 1]).is_nan());
        // The third class has no samples; the first two have the same curve.
        let scores = Matrix::from([[0.9, 0.2], [0.1, 0.7], [0.0, 0.1]]);
        assert_eq!(roc_auc_ovr(&scores, &[0, 1]), 1.0);
    }
}
