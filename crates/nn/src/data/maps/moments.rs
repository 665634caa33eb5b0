//! The statistics to which maps are fitted: means, variances, ranges, covariances, chunk by chunk.

use autograd::{Matrix, Real, Tape, compiled_once};

/// The number of samples, and the mean, variance, minimum and maximum of every feature, over any number of chunks, in `f64`.
///
/// Welford's updates (Technometrics 4, 1962, p. 419), mean += d / n with d = x − mean, are as exact as two passes, and
/// give a variance of exactly 0 for a constant. A NaN makes mean and variance of its feature NaN. The last digits of the result
/// depend on the order of the samples, but not on the boundaries of the chunks. Differences that are too large or too small to be
/// squared are first scaled by a power of two, so deviations are correct whenever they can be represented.
///
/// ```
/// use autograd::Matrix;
/// use nn::data::{Standardize, Summary};
/// let mut summary = Summary::new(2);
/// for chunk in [Matrix::from([[1.0], [5.0]]), Matrix::from([[2.0, 3.0], [5.0, 5.0]])] {
///     summary.add(&chunk);
/// }
/// assert_eq!((summary.len(), summary.mean(), summary.max()), (3, &[2.0, 5.0][..], &[3.0, 5.0][..]));
/// assert_eq!(summary.variance(), [2.0 / 3.0, 0.0]);
/// assert_eq!(Standardize::<f64>::from_summary(&summary).mean(), [2.0, 5.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    len: usize,
    mean: Vec<f64>,
    /// Σ (u (x − mean))².
    squares: Vec<f64>,
    /// u, a power of two.
    units: Vec<f64>,
    min: Vec<f64>,
    max: Vec<f64>,
    /// The first entry that is NaN or infinite.
    bad: Option<Bad>,
}

/// An entry that is NaN or infinite, with its row and its column over all chunks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bad {
    row: usize,
    column: usize,
    value: f64,
}

/// # Panics
/// If there is such an entry.
#[track_caller]
fn expect_finite(name: &str, bad: Option<Bad>) {
    if let Some(Bad { row, column, value }) = bad {
        panic!("{name}: row {row}, column {column} is {value}; fill it in, or leave the sample out");
    }
}

impl Summary {
    /// An empty summary.
    pub fn new(features: usize) -> Self {
        let all = |value: f64| vec![value; features];
        let (mean, squares, units) = (all(0.0), all(0.0), all(1.0));
        Summary { len: 0, mean, squares, units, min: all(f64::INFINITY), max: all(f64::NEG_INFINITY), bad: None }
    }

    /// Adds samples, features × samples.
    ///
    /// # Panics
    /// If the number of rows of `x` is not the number of features.
    #[track_caller]
    pub fn add<T: Real>(&mut self, x: &Matrix<T>) {
        add(self, x);
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no samples yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// 1/N Σ x of every feature.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// 1/N Σ (x − mean)² of every feature; NaN if there are no samples.
    pub fn variance(&self) -> Vec<f64> {
        self.squares.iter().zip(&self.units).map(|(squares, unit)| squares / self.len as f64 / unit / unit).collect()
    }

    /// √(1/N Σ (x − mean)²) of every feature, also if the variance would overflow or underflow.
    pub fn deviation(&self) -> Vec<f64> {
        self.squares.iter().zip(&self.units).map(|(squares, unit)| (squares / self.len as f64).sqrt() / unit).collect()
    }

    /// The same samples as if all features were one: every feature has the mean, deviation and range of all entries. Maps that are
    /// fitted to it scale all features alike: `MinMax::from_summary(&summary.shared(), 0.0, 1.0)`.
    ///
    /// ```text
    /// m = 1/M Σᵢ meanᵢ        deviation² = 1/M Σᵢ (deviationᵢ² + (meanᵢ − m)²)
    /// ```
    #[must_use]
    pub fn shared(&self) -> Self {
        let features = self.mean.len();
        let mean = self.mean.iter().zip(1..).fold(0.0, |mean, (x, i)| mean + (x - mean) / f64::from(i));
        let apart: Vec<f64> = self.deviation().iter().zip(&self.mean).map(|(d, x)| d.hypot(x - mean)).collect();
        // Scaled by the largest, so that no square overflows.
        let largest = apart.iter().copied().fold(0.0, f64::max);
        let squares = apart.iter().map(|d| (d / largest).powi(2)).sum::<f64>() / features as f64;
        let deviation = if largest > 0.0 { largest * squares.sqrt() } else { 0.0 };
        let (min, max) = (&self.min, &self.max);
        let all = |value: f64| vec![value; features];
        let mut shared = Summary {
            mean: all(mean),
            squares: all(0.0),
            units: all(1.0),
            min: all(min.iter().copied().fold(f64::INFINITY, f64::min)),
            max: all(max.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            ..*self
        };
        for i in 0..features {
            shared.fit_unit(i, deviation);
            shared.squares[i] = (shared.units[i] * deviation).powi(2) * self.len as f64;
        }
        shared
    }

    /// Which features are [constant].
    pub(super) fn constant(&self, epsilon: f64) -> Vec<bool> {
        let deviations = self.deviation().into_iter();
        deviations.zip(&self.mean).map(|(deviation, &mean)| constant(self.len, mean, deviation, epsilon)).collect()
    }

    /// The least value of every feature; ∞ if there are no samples.
    pub fn min(&self) -> &[f64] {
        &self.min
    }

    /// The largest value of every feature; −∞ if there are no samples.
    pub fn max(&self) -> &[f64] {
        &self.max
    }
}

impl Summary {
    /// # Panics
    /// If an entry is NaN or infinite; the message gives the row and the column of the first one.
    #[track_caller]
    pub(super) fn expect_finite(&self, name: &str) {
        expect_finite(name, self.bad);
    }

    /// Changes the unit if the square of a difference would overflow, or would underflow when the sum is 0.
    fn fit_unit(&mut self, i: usize, d: f64) {
        const FAR: f64 = 1e150;
        let size = self.units[i] * d.abs();
        let small = size < 1.0 / FAR && size > 0.0 && self.squares[i] == 0.0;
        if small || (size > FAR && d.is_finite()) {
            let factor = 2f64.powi((-size.log2() as i32).min(1000));
            self.units[i] *= factor;
            self.squares[i] = self.squares[i] * factor * factor; // factor² may overflow or underflow
        }
    }
}

/// Whether n numbers with this mean are constant up to rounding: the rounding of a sum of n equal numbers, as in scikit-learn's
/// `_is_constant_feature`, or of one number whose precision is `epsilon`.
pub(super) fn constant(n: usize, mean: f64, deviation: f64, epsilon: f64) -> bool {
    let rounding = epsilon_of_sums(n);
    deviation * (1.0 - rounding).max(0.0).sqrt() <= rounding * mean.abs() || deviation <= epsilon * mean.abs()
}

/// A bound on the relative rounding error of a sum of n numbers.
pub(super) fn epsilon_of_sums(n: usize) -> f64 {
    n as f64 * f64::EPSILON
}

/// The numbers as T, in which they must be finite, so that a map is correct and can be saved and loaded.
///
/// # Panics
/// If a number is not finite in T.
#[track_caller]
pub(super) fn finite<T: Real>(name: &str, what: &str, x: impl IntoIterator<Item = f64>) -> Vec<T> {
    let number = |(k, x): (usize, f64)| {
        let number = T::from_f64(x);
        assert!(
            number.is_finite(),
            "{name}: {what} {k} is {x:e}, which is not finite in this precision; scale features that are too large or too \
             small"
        );
        number
    };
    let mut numbers = Vec::new();
    for x in x.into_iter().enumerate() {
        numbers.push(number(x));
    }
    numbers
}

#[compiled_once]
#[track_caller]
fn add<T: Real>(summary: &mut Summary, x: &Matrix<T>) {
    let features = summary.mean.len();
    assert_eq!(x.rows(), features, "Summary::add: of {features} features, given {}", x.rows());
    for n in 0..x.cols() {
        summary.len += 1;
        for (i, x) in x.col(n).iter().enumerate() {
            let x = x.to_f64();
            if !x.is_finite() && summary.bad.is_none() {
                summary.bad = Some(Bad { row: i, column: summary.len - 1, value: x });
            }
            let d = x - summary.mean[i];
            summary.mean[i] += d / summary.len as f64;
            summary.fit_unit(i, d);
            let unit = summary.units[i];
            summary.squares[i] += unit * d * (unit * (x - summary.mean[i]));
            summary.min[i] = summary.min[i].min(x);
            summary.max[i] = summary.max[i].max(x);
        }
    }
}

/// Mean and covariance of all features, over any number of chunks, in `f64`.
///
/// The boundaries of the chunks affect only the last digits.
///
/// ```text
/// S = Σ (x − mean)(x − mean)ᵀ        S ← S + S_chunk + n n_chunk / (n + n_chunk) d dᵀ,   d = mean_chunk − mean
/// ```
///
/// (Chan, Golub, LeVeque, The American Statistician 37, 1983, p. 242.)
///
/// ```
/// use autograd::Matrix;
/// use nn::data::Covariance;
/// let mut covariance = Covariance::new(2);
/// covariance.add(&Matrix::from([[1.0, 3.0], [2.0, 6.0]]));
/// assert_eq!(covariance.matrix(), Matrix::from([[1.0, 2.0], [2.0, 4.0]]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Covariance {
    len: usize,
    mean: Vec<f64>,
    scatter: Matrix<f64>,
    /// The first entry that is NaN or infinite.
    bad: Option<Bad>,
}

impl Covariance {
    /// An empty covariance.
    pub fn new(features: usize) -> Self {
        Covariance { len: 0, mean: vec![0.0; features], scatter: Matrix::zeros(features, features), bad: None }
    }

    /// Adds samples, features × samples.
    ///
    /// # Panics
    /// If the number of rows of `x` is not the number of features.
    #[track_caller]
    pub fn add<T: Real>(&mut self, x: &Matrix<T>) {
        add_scatter(self, x);
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no samples yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// # Panics
    /// If an entry is NaN or infinite; the message gives the row and the column of the first one.
    #[track_caller]
    pub(super) fn expect_finite(&self, name: &str) {
        expect_finite(name, self.bad);
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        self.mean.len()
    }

    /// 1/N Σ x of every feature.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// 1/N Σ (x − mean)(x − mean)ᵀ, features × features; NaN if there are no samples.
    pub fn matrix(&self) -> Matrix<f64> {
        self.scatter.map(|s| s / self.len as f64)
    }
}

#[compiled_once]
#[track_caller]
fn add_scatter<T: Real>(covariance: &mut Covariance, x: &Matrix<T>) {
    let features = covariance.mean.len();
    assert_eq!(x.rows(), features, "Covariance::add: of {features} features, given {}", x.rows());
    if x.cols() == 0 {
        return;
    }
    let mut chunk = Summary::new(features);
    chunk.add(x);
    let later = |bad: Bad| Bad { column: bad.column + covariance.len, ..bad };
    covariance.bad = covariance.bad.or(chunk.bad.map(later));
    let centred = Matrix::from_fn(features, x.cols(), |i, j| x[(i, j)].to_f64() - chunk.mean[i]);
    let tape = Tape::<f64>::new();
    let centred = tape.constant(&centred);
    let added = centred.matmul_nt(centred).value();

    let (n, new) = (covariance.len as f64, x.cols() as f64);
    let d: Vec<f64> = chunk.mean.iter().zip(&covariance.mean).map(|(new, old)| new - old).collect();
    let between = n * new / (n + new);
    for j in 0..features {
        for i in 0..features {
            covariance.scatter[(i, j)] += added[(i, j)] + between * d[i] * d[j];
        }
    }
    covariance.mean.iter_mut().zip(&d).for_each(|(mean, d)| *mean += d * new / (n + new));
    covariance.len += x.cols();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn chunks_add_up_to_the_whole(
            data in prop::collection::vec(-10.0..10.0, 3 * 30), ends in prop::collection::vec(0usize..=30, 0..5), shift in -1e6..1e6
        ) {
            let x = Matrix::from_vec(3, 30, data).map(|x: f64| x + shift);
            let mut ends: Vec<usize> = ends.into_iter().chain([0, 30]).collect();
            ends.sort_unstable();
            let (mut summary, mut covariance) = (Summary::new(3), Covariance::new(3));
            for ends in ends.windows(2) {
                let chunk = x.select_cols(&(ends[0]..ends[1]).collect::<Vec<_>>());
                summary.add(&chunk);
                covariance.add(&chunk);
            }
            let mut whole = Summary::new(3);
            whole.add(&x);
            prop_assert_eq!(&summary, &whole);

            // This follows the definition, with a mean that is exact enough.
            let mean: Vec<f64> = (0..3).map(|i| shift + (0..30).map(|j| x[(i, j)] - shift).sum::<f64>() / 30.0).collect();
            for i in 0..3 {
                prop_assert!((covariance.mean()[i] - mean[i]).abs() < 1e-9 && (summary.mean()[i] - mean[i]).abs() < 1e-9);
                for j in 0..3 {
                    let c = (0..30).map(|n| (x[(i, n)] - mean[i]) * (x[(j, n)] - mean[j])).sum::<f64>() / 30.0;
                    prop_assert!((covariance.matrix()[(i, j)] - c).abs() < 1e-7, "{} {c}", covariance.matrix()[(i, j)]);
                }
                prop_assert!((summary.variance()[i] - covariance.matrix()[(i, i)]).abs() < 1e-7);
            }
        }
    }

    proptest! {
        /// Powers of two scale moments and change nothing else, whatever the size of the numbers.
        #[test]
        fn scaled_by_powers_of_two(data in prop::collection::vec(-10.0f64..10.0, 1..40), power in -1000i32..1000) {
            let summary = |x: &[f64]| {
                let mut summary = Summary::new(1);
                summary.add(&Matrix::row(x));
                summary
            };
            let scale = 2f64.powi(power);
            let (plain, scaled) = (summary(&data), summary(&data.iter().map(|x| x * scale).collect::<Vec<_>>()));
            prop_assert!((scaled.mean()[0] / scale - plain.mean()[0]).abs() < 1e-14);
            prop_assert!((scaled.deviation()[0] / scale - plain.deviation()[0]).abs() < 1e-13);
            prop_assert_eq!(plain.deviation()[0], plain.variance()[0].sqrt());
            prop_assert_eq!(scaled.constant(f64::EPSILON), plain.constant(f64::EPSILON));
        }
    }

    #[test]
    fn extremes() {
        let mut summary = Summary::new(1);
        summary.add(&Matrix::row(&[3.0f32, -1.0, 2.0]));
        assert_eq!((summary.min()[0], summary.max()[0]), (-1.0, 3.0));
    }
}
