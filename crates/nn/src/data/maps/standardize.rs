//! Features of mean 0 and variance 1.

use autograd::{Matrix, Real, compiled_once};
use serde::{Deserialize, Serialize};

use super::Summary;
use super::moments::finite;
use crate::nearest::transpose_hint;

/// The affine map that gives every feature mean 0 and variance 1 over the samples to which it was fitted.
///
/// ```text
/// mean_i = 1/N Σₙ x_in        scale_i² = 1/N Σₙ (x_in − mean_i)²        apply: (x − mean) / scale
/// ```
///
/// A feature that is constant in these samples, up to rounding, is not scaled: its scale is 1.
/// [`fit_shared`](Standardize::fit_shared) gives all features one mean and one scale, as pictures need.
/// Fit it on the training set and apply the same map everywhere else, also after deployment.
///
/// ```
/// use autograd::Matrix;
/// use nn::data::Standardize;
/// let train = Matrix::from([[1.0, 3.0], [7.0, 7.0]]);
/// let standardize = Standardize::fit(&train);
/// assert_eq!(standardize.apply(&train), Matrix::from([[-1.0, 1.0], [0.0, 0.0]]));
/// assert_eq!(standardize.apply(&Matrix::column(&[4.0, 8.0])), Matrix::column(&[2.0, 1.0]));
/// assert_eq!(standardize.invert(&standardize.apply(&train)), train);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw<T>", bound(deserialize = "T: Real"))]
#[doc(alias = "StandardScaler")]
pub struct Standardize<T> {
    mean: Vec<T>,
    scale: Vec<T>,
}

/// The map as read from a file, before it is checked.
#[derive(Deserialize)]
struct Raw<T> {
    mean: Vec<T>,
    scale: Vec<T>,
}

#[compiled_once]
impl<T: Real> TryFrom<Raw<T>> for Standardize<T> {
    type Error = String;
    fn try_from(Raw { mean, scale }: Raw<T>) -> Result<Self, String> {
        if mean.len() != scale.len() {
            return Err(format!("{} means do not match {} scales", mean.len(), scale.len()));
        }
        let usable = |s: f64| s.is_finite() && s > 0.0;
        match scale.iter().find(|s| !usable(s.to_f64())) {
            Some(s) => Err(format!("a scale is positive and finite, but one is {s}")),
            None => Ok(Standardize { mean, scale }),
        }
    }
}

#[compiled_once]
impl<T: Real> Standardize<T> {
    /// Fits mean and scale of the rows of `x`, features × samples, by their [`Summary`].
    ///
    /// # Panics
    /// If `x` has no columns or an entry that is not finite.
    #[track_caller]
    pub fn fit(x: &Matrix<T>) -> Self {
        let mut summary = Summary::new(x.rows());
        summary.add(x);
        Self::from_summary(&summary)
    }

    /// Fits one mean and one scale of all entries of `x`, features × samples, which all features share. Use it if the features
    /// are of one kind and may change places, such as the pixels of pictures that are shifted: [`fit`](Standardize::fit) would scale
    /// a pixel at the border, which is rarely bright, far more than one in the middle.
    ///
    /// ```
    /// use autograd::Matrix;
    /// use nn::data::Standardize;
    /// let standardize = Standardize::fit_shared(&Matrix::from([[0.0, 0.0], [0.0, 8.0], [8.0, 8.0], [0.0, 8.0]]));
    /// assert_eq!((standardize.mean(), standardize.scale()), (&[4.0; 4][..], &[4.0; 4][..]));
    /// ```
    ///
    /// # Panics
    /// Under the same conditions as [`fit`](Standardize::fit).
    #[track_caller]
    #[doc(alias("Normalize", "Normalization"))]
    pub fn fit_shared(x: &Matrix<T>) -> Self {
        let mut summary = Summary::new(x.rows());
        summary.add(x);
        Self::from_summary(&summary.shared())
    }

    /// Fits mean and scale of samples that were summarized chunk by chunk. Give it the [shared](Summary::shared) summary for one mean
    /// and one scale of all features.
    ///
    /// # Panics
    /// If there were no samples, or a mean or scale is not finite in this type, for example because an entry is NaN.
    #[track_caller]
    pub fn from_summary(summary: &Summary) -> Self {
        let features = summary.mean().len();
        assert!(!summary.is_empty(), "Standardize::fit: {features} × 0 has no samples to fit to");
        summary.expect_finite("Standardize::fit");
        let mean = finite("Standardize::fit", "mean", summary.mean().iter().copied());
        let mut scale = finite::<T>("Standardize::fit", "deviation", summary.deviation());
        for (scale, constant) in scale.iter_mut().zip(summary.constant(T::EPSILON)) {
            if constant || *scale == T::default() {
                *scale = T::from_f64(1.0);
            }
        }
        Standardize { mean, scale }
    }

    /// (x − mean) / scale, for every column of `x`.
    ///
    /// # Panics
    /// If the number of rows of `x` is not the number of features.
    #[track_caller]
    pub fn apply(&self, x: &Matrix<T>) -> Matrix<T> {
        self.each("apply", x, |x, mean, scale| (x - mean) / scale)
    }

    /// x · scale + mean, for every column of `x`: the inverse of [`apply`](Standardize::apply), up to rounding.
    ///
    /// # Panics
    /// If the number of rows of `x` is not the number of features.
    #[track_caller]
    pub fn invert(&self, x: &Matrix<T>) -> Matrix<T> {
        self.each("invert", x, |x, mean, scale| x * scale + mean)
    }

    /// The mean of every feature.
    #[inline]
    pub fn mean(&self) -> &[T] {
        &self.mean
    }

    /// The standard deviation of every feature, or 1 if that is 0.
    #[inline]
    pub fn scale(&self) -> &[T] {
        &self.scale
    }

    #[track_caller]
    fn each(&self, name: &str, x: &Matrix<T>, f: impl Fn(f64, f64, f64) -> f64) -> Matrix<T> {
        by_feature(&format!("Standardize::{name}"), self.mean.len(), x, |i, x| {
            f(x, self.mean[i].to_f64(), self.scale[i].to_f64())
        })
    }
}

/// Applies `f` to every entry, in `f64`. Its arguments are the index of the feature and the value.
#[track_caller]
pub(super) fn by_feature<T: Real>(
    name: &str,
    features: usize,
    x: &Matrix<T>,
    f: impl Fn(usize, f64) -> f64,
) -> Matrix<T> {
    let hint = transpose_hint(x.cols() == features);
    assert!(x.rows() == features, "{name}: fitted to {features} features, given {}{hint}", x.rows());
    Matrix::from_fn(features, x.cols(), |i, j| T::from_f64(f(i, x[(i, j)].to_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matrices() -> impl Strategy<Value = Matrix<f64>> {
        (1usize..5, 1usize..40).prop_flat_map(|(m, n)| {
            prop::collection::vec(-1e3..1e3, m * n).prop_map(move |data| Matrix::from_vec(m, n, data))
        })
    }

    /// Mean and variance of a row, by the definitions.
    fn moments(x: &Matrix<f64>, i: usize) -> (f64, f64) {
        let average = |f: &dyn Fn(f64) -> f64| (0..x.cols()).map(|j| f(x[(i, j)])).sum::<f64>() / x.cols() as f64;
        let mean = average(&|x| x);
        (mean, average(&|x| (x - mean).powi(2)))
    }

    proptest! {
        #[test]
        fn mean_0_and_variance_1(x in matrices()) {
            let y = Standardize::fit(&x).apply(&x);
            for i in 0..x.rows() {
                let (mean, variance) = moments(&y, i);
                let expected = if x.cols() == 1 { 0.0 } else { 1.0 };
                prop_assert!(mean.abs() < 1e-9 && (variance - expected).abs() < 1e-9, "{mean} {variance}");
            }
        }

        #[test]
        fn inverse(x in matrices()) {
            let standardize = Standardize::fit(&x);
            let back = standardize.invert(&standardize.apply(&x));
            for (a, b) in x.as_slice().iter().zip(back.as_slice()) {
                prop_assert!((a - b).abs() < 1e-9, "{a} {b}");
            }
        }

        #[test]
        fn constant_features_become_0(c in any::<f32>().prop_filter("finite", |c| c.is_finite()), n in 1usize..200) {
            let x = Matrix::full(1, n, c);
            let standardize = Standardize::fit(&x);
            prop_assert_eq!((standardize.mean(), standardize.scale()), (&[c][..], &[1.0][..]));
            prop_assert_eq!(standardize.apply(&x), Matrix::zeros(1, n));
        }

        #[test]
        fn features_that_are_constant_but_for_rounding_have_scale_1(
            c in -1e30f64..1e30,
            last in prop::collection::vec(any::<bool>(), 1..200),
        ) {
            let x = Matrix::from_fn(1, last.len(), |_, n| if last[n] { c.next_up() } else { c });
            prop_assert_eq!(Standardize::fit(&x).scale()[0], 1.0);
            let x = Matrix::from_fn(1, last.len(), |_, n| if last[n] { (c as f32).next_up() } else { c as f32 });
            prop_assert_eq!(Standardize::fit(&x).scale()[0], 1.0);
        }

        #[test]
        fn a_file_keeps_it(x in matrices()) {
            let standardize = Standardize::fit(&x.map(|x| x as f32));
            let text = serde_json::to_string(&standardize).unwrap();
            prop_assert_eq!(serde_json::from_str::<Standardize<f32>>(&text).unwrap(), standardize);
        }
    }

    #[test]
    fn shared_is_one_feature_of_all_entries() {
        for size in [1e-300f64, 1e-200, 1.0, 1e200, 1e307] {
            let x = Matrix::from([[-1.0, 1.0, 3.0], [0.5, 2.0, 2.5], [1.0, 1.0, 1.0]]).map(|x| x * size);
            let alone = Standardize::fit(&Matrix::row(x.as_slice()));
            let shared = Standardize::fit_shared(&x);
            for (found, expected) in [(shared.mean(), alone.mean()[0]), (shared.scale(), alone.scale()[0])] {
                assert!(found.len() == 3 && found.iter().all(|x| (x / expected - 1.0).abs() < 1e-14), "{size}");
            }
        }
        let constant = Standardize::fit_shared(&Matrix::full(3, 7, 0.1f32));
        assert_eq!((constant.mean(), constant.scale()), (&[0.1f32; 3][..], &[1.0f32; 3][..]));
        let mut summary = Summary::new(2);
        summary.add(&Matrix::from([[1.0, 2.0], [5.0, -3.0]]));
        assert_eq!((summary.shared().min(), summary.shared().max()), (&[-3.0; 2][..], &[5.0; 2][..]));
    }

    #[test]
    fn numbers_whose_squares_overflow_or_underflow() {
        for size in [1e-300f64, 1e-200, 1e200, 1e307] {
            let x = Matrix::row(&[-size, size, 3.0 * size, size]);
            let standardize = Standardize::fit(&x);
            let y = standardize.apply(&x);
            let expected = [-2f64.sqrt(), 0.0, 2f64.sqrt(), 0.0];
            assert!(y.as_slice().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{size}: {y:?}");
            let text = serde_json::to_string(&standardize).unwrap();
            assert_eq!(serde_json::from_str::<Standardize<f64>>(&text).unwrap(), standardize);
        }
    }

    #[test]
    #[should_panic(expected = "Standardize::fit: row 1, column 0 is NaN")]
    fn nan_has_no_mean() {
        Standardize::fit(&Matrix::from([[1.0, 2.0], [f64::NAN, 1.0]]));
    }

    #[test]
    fn a_small_spread_far_from_0_survives() {
        let x = Matrix::row(&[1e9 - 1.0, 1e9 + 1.0]);
        assert_eq!(Standardize::fit(&x), Standardize { mean: vec![1e9], scale: vec![1.0] });
    }

    #[test]
    fn files_are_validated() {
        let error = |text| serde_json::from_str::<Standardize<f32>>(text).unwrap_err().to_string();
        assert!(error(r#"{"mean":[1,2],"scale":[1]}"#).contains("2 means do not match 1 scales"));
        assert!(error(r#"{"mean":[1],"scale":[0]}"#).contains("a scale is positive and finite, but one is 0"));
    }

    #[test]
    #[should_panic(expected = "Standardize::apply: fitted to 1 features, given 2")]
    fn features_must_match() {
        Standardize::fit(&Matrix::row(&[1.0, 2.0])).apply(&Matrix::column(&[1.0, 2.0]));
    }
}
