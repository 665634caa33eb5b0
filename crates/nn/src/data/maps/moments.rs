//! What maps are fitted to: means, variances, ranges, covariances, chunk by chunk.

use autograd::{Matrix, Real, Tape, compiled_once};

/// Number, mean, variance, least and largest value of every feature, over any number of chunks, in `f64`.
///
/// Welford's updates (Technometrics 4, 1962, p. 419), mean += d / n with d = x − mean, are as exact as two passes, and
/// leave exactly 0 for the variance of a constant. A NaN makes mean and variance of its feature NaN. The result depends
/// on the order of the samples in its last digits, and not on where the chunks end.
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
    /// Σ (x − mean)².
    squares: Vec<f64>,
    min: Vec<f64>,
    max: Vec<f64>,
}

impl Summary {
    /// Of no samples yet.
    pub fn new(features: usize) -> Self {
        let all = |value: f64| vec![value; features];
        Summary { len: 0, mean: all(0.0), squares: all(0.0), min: all(f64::INFINITY), max: all(f64::NEG_INFINITY) }
    }

    /// Takes in some samples, features × samples.
    ///
    /// # Panics
    /// If `x` does not have a row for every feature.
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
        self.squares.iter().map(|squares| squares / self.len as f64).collect()
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

#[compiled_once]
#[track_caller]
fn add<T: Real>(summary: &mut Summary, x: &Matrix<T>) {
    let features = summary.mean.len();
    assert_eq!(x.rows(), features, "Summary::add: of {features} features, given {}", x.rows());
    for n in 0..x.cols() {
        summary.len += 1;
        for (i, x) in x.col(n).iter().enumerate() {
            let x = x.to_f64();
            let d = x - summary.mean[i];
            summary.mean[i] += d / summary.len as f64;
            summary.squares[i] += d * (x - summary.mean[i]);
            summary.min[i] = summary.min[i].min(x);
            summary.max[i] = summary.max[i].max(x);
        }
    }
}

/// Mean and covariance of all features, over any number of chunks, in `f64`.
///
/// Where the chunks end shows in the last digits.
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
}

impl Covariance {
    /// Of no samples yet.
    pub fn new(features: usize) -> Self {
        Covariance { len: 0, mean: vec![0.0; features], scatter: Matrix::zeros(features, features) }
    }

    /// Takes in some samples, features × samples.
    ///
    /// # Panics
    /// If `x` does not have a row for every feature.
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

            // By the definition, about a mean that is exact enough.
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

    #[test]
    fn extremes() {
        let mut summary = Summary::new(1);
        summary.add(&Matrix::row(&[3.0f32, -1.0, 2.0]));
        assert_eq!((summary.min()[0], summary.max()[0]), (-1.0, 3.0));
    }
}
