//! Features between two bounds.

use autograd::{Matrix, Real, compiled_once};
use serde::{Deserialize, Serialize};

use super::Summary;
use super::moments::finite;
use super::standardize::by_feature;

/// The affine map that scales every feature to the range from `low` to `high` over the samples to which it was fitted.
///
/// ```text
/// apply: low + (high − low) (x − min) / range        range = max − min
/// ```
///
/// A feature that is constant in these samples, up to rounding, has range 1 and becomes `low`. Other samples may lie outside.
///
/// ```
/// use autograd::Matrix;
/// use nn::data::MinMax;
/// let train = Matrix::from([[1.0, 3.0, 2.0], [7.0, 7.0, 7.0]]);
/// let scaled = MinMax::fit(&train, -1.0, 1.0);
/// assert_eq!(scaled.apply(&train), Matrix::from([[-1.0, 1.0, 0.0], [-1.0, -1.0, -1.0]]));
/// assert_eq!(scaled.invert(&scaled.apply(&train)), train);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw<T>", bound(deserialize = "T: Real"))]
#[doc(alias = "MinMaxScaler")]
pub struct MinMax<T> {
    min: Vec<T>,
    range: Vec<T>,
    low: f64,
    high: f64,
}

/// The map as read from a file, before it is checked.
#[derive(Deserialize)]
struct Raw<T> {
    min: Vec<T>,
    range: Vec<T>,
    low: f64,
    high: f64,
}

#[compiled_once]
impl<T: Real> TryFrom<Raw<T>> for MinMax<T> {
    type Error = String;
    fn try_from(Raw { min, range, low, high }: Raw<T>) -> Result<Self, String> {
        if min.len() != range.len() {
            return Err(format!("{} minima do not match {} ranges", min.len(), range.len()));
        }
        bounds(low, high)?;
        let usable = |r: f64| r.is_finite() && r > 0.0;
        match range.iter().find(|r| !usable(r.to_f64())) {
            Some(r) => Err(format!("a range is positive and finite, but one is {r}")),
            None => Ok(MinMax { min, range, low, high }),
        }
    }
}

fn bounds(low: f64, high: f64) -> Result<(), String> {
    let ordered = low.is_finite() && high.is_finite() && low < high;
    if ordered { Ok(()) } else { Err(format!("the bounds are finite and in order, not {low} and {high}")) }
}

#[compiled_once]
impl<T: Real> MinMax<T> {
    /// Fits the map to the minimum and range of the rows of `x`, features × samples, to scale them to `low` and `high`.
    ///
    /// # Panics
    /// If `x` has no columns or an entry that is not finite, or unless `low` < `high`.
    #[track_caller]
    pub fn fit(x: &Matrix<T>, low: f64, high: f64) -> Self {
        let mut summary = Summary::new(x.rows());
        summary.add(x);
        Self::from_summary(&summary, low, high)
    }

    /// Fits the map to samples that were summarized chunk by chunk.
    ///
    /// # Panics
    /// If there were no samples, if a minimum or range is not finite in this type, or unless `low` < `high`.
    #[track_caller]
    pub fn from_summary(summary: &Summary, low: f64, high: f64) -> Self {
        let features = summary.min().len();
        assert!(!summary.is_empty(), "MinMax::fit: {features} × 0 has no samples to fit to");
        summary.expect_finite("MinMax::fit");
        if let Err(wrong) = bounds(low, high) {
            panic!("MinMax::fit: {wrong}");
        }
        // The mean reveals a NaN, which a minimum ignores.
        finite::<T>("MinMax::fit", "mean", summary.mean().iter().copied());
        let ranges = summary.min().iter().zip(summary.max()).map(|(min, max)| max - min);
        let mut range = finite::<T>("MinMax::fit", "range", ranges);
        for (range, constant) in range.iter_mut().zip(summary.constant(T::EPSILON)) {
            if constant || *range == T::default() {
                *range = T::from_f64(1.0);
            }
        }
        MinMax { min: finite("MinMax::fit", "minimum", summary.min().iter().copied()), range, low, high }
    }

    /// low + (high − low) (x − min) / range, for every column of `x`.
    ///
    /// # Panics
    /// If the number of rows of `x` is not the number of features.
    #[track_caller]
    pub fn apply(&self, x: &Matrix<T>) -> Matrix<T> {
        by_feature("MinMax::apply", self.min.len(), x, |i, x| {
            self.low + (self.high - self.low) * ((x - self.min[i].to_f64()) / self.range[i].to_f64())
        })
    }

    /// min + range (x − low) / (high − low), for every column of `x`: the inverse of [`apply`](MinMax::apply), up to
    /// rounding.
    ///
    /// # Panics
    /// If the number of rows of `x` is not the number of features.
    #[track_caller]
    pub fn invert(&self, x: &Matrix<T>) -> Matrix<T> {
        by_feature("MinMax::invert", self.min.len(), x, |i, x| {
            self.min[i].to_f64() + self.range[i].to_f64() * ((x - self.low) / (self.high - self.low))
        })
    }

    /// The values of the minimum and of the maximum, `low` and `high`.
    #[inline]
    pub fn bounds(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The minimum of every feature.
    #[inline]
    pub fn min(&self) -> &[T] {
        &self.min
    }

    /// The maximum of every feature minus its minimum, or 1 if that is 0.
    #[inline]
    pub fn range(&self) -> &[T] {
        &self.range
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn least_and_largest_become_the_bounds(
            data in prop::collection::vec(-1e3..1e3, 2..40), low in -2.0..0.0, width in 0.1..3.0
        ) {
            let x = Matrix::row(&data);
            let map = MinMax::fit(&x, low, low + width);
            let y = map.apply(&x);
            let fold = |f: fn(f64, f64) -> f64| y.as_slice().iter().copied().reduce(f).unwrap();
            prop_assert_eq!(fold(f64::min), low);
            let (largest, high): (f64, f64) = (fold(f64::max), low + width);
            prop_assert!((largest - high).abs() < 1e-12);
            for (a, b) in x.as_slice().iter().zip(map.invert(&y).as_slice()) {
                prop_assert!((a - b).abs() < 1e-9, "{a} {b}");
            }
            let text = serde_json::to_string(&map).unwrap();
            prop_assert_eq!(serde_json::from_str::<MinMax<f64>>(&text).unwrap(), map);
        }
    }

    #[test]
    fn features_that_are_constant_but_for_rounding_become_low() {
        let c = 0.1f64 * 3.0;
        let x = Matrix::row(&[c, 0.3, c, 0.3]);
        let map = MinMax::fit(&x, 0.0, 1.0);
        assert_eq!(map.range(), [1.0]);
        assert!(map.apply(&x).as_slice().iter().all(|y| *y < 1e-15));
    }

    #[test]
    #[should_panic(expected = "MinMax::fit: mean 0 is inf")]
    fn a_range_is_a_number() {
        MinMax::fit(&Matrix::row(&[-1e308, 1e308]), 0.0, 1.0);
    }

    #[test]
    #[should_panic(expected = "MinMax::fit: row 0, column 1 is NaN")]
    fn nan_has_no_range() {
        MinMax::fit(&Matrix::row(&[1.0, f64::NAN]), 0.0, 1.0);
    }

    #[test]
    fn files_are_validated() {
        let error = |text| serde_json::from_str::<MinMax<f32>>(text).unwrap_err().to_string();
        assert!(error(r#"{"min":[1],"range":[1,2],"low":0,"high":1}"#).contains("1 minima do not match 2 ranges"));
        assert!(error(r#"{"min":[1],"range":[0],"low":0,"high":1}"#).contains("a range is positive"));
        assert!(error(r#"{"min":[1],"range":[1],"low":1,"high":1}"#).contains("in order, not 1 and 1"));
    }

    #[test]
    #[should_panic(expected = "in order, not 1 and 0")]
    fn bounds_are_checked() {
        MinMax::fit(&Matrix::row(&[1.0, 2.0]), 1.0, 0.0);
    }
}
