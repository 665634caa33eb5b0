//! Principal components, and whitening along them.

use autograd::{Matrix, Real, Tape, compiled_once};
use serde::{Deserialize, Serialize};

use super::moments::{constant, epsilon_of_sums, finite};
use super::{Covariance, Summary};

/// How many principal components are kept. Components without variance are never kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Components {
    /// All directions in which the samples vary.
    #[default]
    All,
    /// This many, or all if there are fewer.
    Count(usize),
    /// The smallest number whose variances sum to this share of the total, between 0 and 1.
    Variance(f64),
}

/// Principal component analysis: the coordinates of samples along the axes of largest variance.
///
/// ```text
/// C = 1/N Σ (x − mean)(x − mean)ᵀ = V diag(λ) Vᵀ,  λ₁ ≥ λ₂ ≥ …        apply: y = diag(1/scale) Vᵀ (x − mean)
/// ```
///
/// The components of y are uncorrelated with variances λ. V has a column for each component that is kept. The scale is 1 by default.
/// After [`whitened`](Pca::whitened) it is √(λ + ε). With ε = 0 the covariance of y is then the identity, which is the full
/// decorrelation of inputs. [`Zca`](super::Zca) whitens without rotating the axes.
///
/// A direction has no variance if its λ is at most the rounding of the largest λ, or of the samples along it. It is dropped, because
/// it cannot be scaled. [`invert`](Pca::invert) reconstructs samples in the span of the kept axes; other samples are mapped to
/// the nearest point of the span. Standardize features in different units first; otherwise the feature with the largest numbers dominates.
///
/// ```
/// use autograd::Matrix;
/// use nn::data::{Components, Pca};
/// let x = Matrix::from([[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0]]); // on a line
/// let pca = Pca::fit(&x, Components::All).whitened(0.0);
/// let y = pca.apply(&x);
/// assert_eq!((y.rows(), pca.explained()), (1, 1.0));
/// assert!((y[(0, 3)] - 1.5 / 1.25f64.sqrt()).abs() < 1e-12);
/// assert!((pca.invert(&y)[(1, 3)] - 8.0).abs() < 1e-12);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw<T>", bound(deserialize = "T: Real"))]
pub struct Pca<T> {
    mean: Vec<T>,
    /// Features × components.
    axes: Matrix<T>,
    variance: Vec<T>,
    scale: Vec<T>,
    explained: f64,
}

/// The map as read from a file, before it is checked.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Real"))]
struct Raw<T> {
    mean: Vec<T>,
    axes: Matrix<T>,
    variance: Vec<T>,
    scale: Vec<T>,
    explained: f64,
}

#[compiled_once]
impl<T: Real> TryFrom<Raw<T>> for Pca<T> {
    type Error = String;
    fn try_from(Raw { mean, axes, variance, scale, explained }: Raw<T>) -> Result<Self, String> {
        let ((features, components), usable) = (axes.shape(), |s: f64| s.is_finite() && s > 0.0);
        if (mean.len(), variance.len(), scale.len()) != (features, components, components) {
            let (means, variances, scales) = (mean.len(), variance.len(), scale.len());
            return Err(format!(
                "{features} × {components} axes do not match {means} means, {variances} variances and {scales} scales"
            ));
        }
        match scale.iter().find(|s| !usable(s.to_f64())) {
            Some(s) => Err(format!("a scale is positive and finite, but one is {s}")),
            None => Ok(Pca { mean, axes, variance, scale, explained }),
        }
    }
}

#[compiled_once]
impl<T: Real> Pca<T> {
    /// The principal components of `x`, features × samples. If there are fewer samples than features, they are computed from the
    /// products of samples with each other, which are fewer than the covariances.
    ///
    /// # Panics
    /// If `x` has no columns or an entry that is not finite, if all its columns are equal, if a variance is not finite in this
    /// type, or if the number of components is 0.
    #[track_caller]
    pub fn fit(x: &Matrix<T>, components: Components) -> Self {
        Self::of(&Spectrum::of_samples("Pca::fit", x), components)
    }

    /// The principal components of samples that were summarized chunk by chunk.
    ///
    /// # Panics
    /// Under the same conditions as [`fit`](Pca::fit).
    #[track_caller]
    pub fn from_covariance(covariance: &Covariance, components: Components) -> Self {
        Self::of(&Spectrum::of_covariance("Pca::fit", covariance, T::EPSILON), components)
    }

    #[track_caller]
    fn of(Spectrum { mean, variance, axes }: &Spectrum, components: Components) -> Self {
        let total: f64 = variance.iter().sum();
        let kept = match components {
            Components::All => variance.len(),
            Components::Count(n) => n.min(variance.len()),
            Components::Variance(share) => {
                assert!(share > 0.0 && share <= 1.0, "Pca::fit: a share of variance is between 0 and 1, not {share}");
                // Rounding must not keep the sum below the total.
                let enough = share * total * (1.0 - 1e-12);
                let sums = variance.iter().scan(0.0, |sum, v| {
                    *sum += v;
                    Some(*sum)
                });
                sums.take_while(|sum| *sum < enough).count() + 1
            }
        };
        assert!(kept > 0, "Pca::fit: no components are to be kept, or the samples are all equal");
        let kept = kept.min(variance.len());
        Pca {
            mean: finite("Pca::fit", "mean", mean.iter().copied()),
            axes: Matrix::from_fn(axes.rows(), kept, |i, j| T::from_f64(axes[(i, j)])),
            variance: finite("Pca::fit", "variance", variance[..kept].iter().copied()),
            scale: vec![T::from_f64(1.0); kept],
            explained: variance[..kept].iter().sum::<f64>() / total,
        }
    }

    /// The same components, divided by √(λ + ε); their variance is 1 if ε is 0. A small positive ε keeps the directions with
    /// little variance, which are often noise, from being amplified.
    ///
    /// # Panics
    /// If ε is negative or not finite, or a scale is 0 or not finite in this type.
    #[track_caller]
    pub fn whitened(self, epsilon: f64) -> Self {
        check_epsilon("Pca::whitened", epsilon);
        let inverse = |v: &T| 1.0 / (v.to_f64() + epsilon).sqrt();
        finite::<T>("Pca::whitened", "1 / scale", self.variance.iter().map(inverse));
        let scale = finite("Pca::whitened", "scale", self.variance.iter().map(|v| (v.to_f64() + epsilon).sqrt()));
        Pca { scale, ..self }
    }

    /// The components of every column of `x`, components × samples.
    ///
    /// # Panics
    /// If the number of rows of `x` is not the number of features.
    #[track_caller]
    pub fn apply(&self, x: &Matrix<T>) -> Matrix<T> {
        let centred = centred("Pca::apply", x, &self.mean);
        let tape = Tape::new();
        let y = tape.constant(&self.axes).matmul_tn(tape.constant(&centred)).value();
        Matrix::from_fn(y.rows(), y.cols(), |i, j| y[(i, j)] / self.scale[i])
    }

    /// V diag(scale) y + mean, features × samples.
    ///
    /// # Panics
    /// If the number of rows of `y` is not the number of components.
    #[track_caller]
    pub fn invert(&self, y: &Matrix<T>) -> Matrix<T> {
        let components = self.components();
        assert_eq!(y.rows(), components, "Pca::invert: fitted to {components} components, given {}", y.rows());
        let scaled = Matrix::from_fn(y.rows(), y.cols(), |i, j| y[(i, j)] * self.scale[i]);
        let tape = Tape::new();
        let x = tape.constant(&self.axes).matmul(tape.constant(&scaled)).value();
        Matrix::from_fn(x.rows(), x.cols(), |i, j| x[(i, j)] + self.mean[i])
    }

    /// The mean of every feature.
    #[inline]
    pub fn mean(&self) -> &[T] {
        &self.mean
    }

    /// The number that every component is divided by: 1, or √(λ + ε) after [`whitened`](Pca::whitened).
    #[inline]
    pub fn scale(&self) -> &[T] {
        &self.scale
    }

    /// V: the axes as columns of length 1, features × components. The largest entry of each is positive.
    #[inline]
    pub fn axes(&self) -> &Matrix<T> {
        &self.axes
    }

    /// λ: the variance of the samples along every axis, in descending order.
    #[inline]
    pub fn variance(&self) -> &[T] {
        &self.variance
    }

    /// The share of the variance of the samples that the kept components explain.
    #[inline]
    pub fn explained(&self) -> f64 {
        self.explained
    }

    /// The number of features of a sample.
    #[inline]
    pub fn features(&self) -> usize {
        self.axes.rows()
    }

    /// The number of components that are kept.
    #[inline]
    pub fn components(&self) -> usize {
        self.axes.cols()
    }
}

/// The directions in which samples vary.
pub(super) struct Spectrum {
    pub mean: Vec<f64>,
    /// In descending order.
    pub variance: Vec<f64>,
    /// Features × variances.
    pub axes: Matrix<f64>,
}

impl Spectrum {
    #[track_caller]
    pub fn of_samples<T: Real>(name: &str, x: &Matrix<T>) -> Self {
        let (features, n) = x.shape();
        if features <= n || n == 0 {
            let mut covariance = Covariance::new(features);
            covariance.add(x);
            return Self::of_covariance(name, &covariance, T::EPSILON);
        }
        // Xᵀ X u = N λ u gives the axis X u / √(N λ). Q R removes the rounding errors of larger axes in smaller ones.
        let mut summary = Summary::new(features);
        summary.add(x);
        summary.expect_finite(name);
        let tape = Tape::<f64>::new();
        let still = summary.constant(T::EPSILON);
        let centred = |i: usize, j: usize| if still[i] { 0.0 } else { x[(i, j)].to_f64() - summary.mean()[i] };
        let x = tape.constant(Matrix::from_fn(features, n, centred));
        let (variance, vectors) = descending(name, (x.matmul_tn(x) * (1.0 / n as f64)).value(), features);
        let Ok((q, _)) = x.matmul(tape.constant(vectors)).qr() else {
            panic!("{name}: the samples have entries that are too large to be squared");
        };
        let q = q.value();
        let sign = |j: usize| q.col(j).iter().copied().reduce(|max, x| if x.abs() > max.abs() { x } else { max });
        let signs: Vec<f64> = (0..q.cols()).map(|j| sign(j).map_or(1.0, f64::signum)).collect();
        let axes = Matrix::from_fn(features, q.cols(), |i, j| signs[j] * q[(i, j)]);
        Self::above_rounding(n, summary.mean(), T::EPSILON, variance, &axes)
    }

    /// For samples whose precision is `epsilon`.
    #[track_caller]
    pub fn of_covariance(name: &str, covariance: &Covariance, epsilon: f64) -> Self {
        let features = covariance.features();
        assert!(!covariance.is_empty(), "{name}: {features} × 0 has no samples to fit to");
        covariance.expect_finite(name);
        let (n, mean, mut matrix) = (covariance.len(), covariance.mean(), covariance.matrix());
        for i in (0..features).filter(|&i| constant(n, mean[i], matrix[(i, i)].sqrt(), epsilon)).collect::<Vec<_>>() {
            (0..features).for_each(|j| (matrix[(i, j)], matrix[(j, i)]) = (0.0, 0.0));
        }
        let (variance, axes) = descending(name, matrix, features);
        Self::above_rounding(n, mean, epsilon, variance, &axes)
    }

    /// Drops directions in which n samples vary no more than equal samples would by rounding, or than the largest is rounded.
    fn above_rounding(n: usize, mean: &[f64], epsilon: f64, variance: Vec<f64>, axes: &Matrix<f64>) -> Self {
        let largest = variance.first().copied().unwrap_or(0.0);
        let unit = epsilon.max(epsilon_of_sums(n));
        let of_mean = |j: usize| axes.col(j).iter().zip(mean).map(|(v, mean)| (v * unit * mean).powi(2)).sum::<f64>();
        let least = |j: usize| of_mean(j).max(mean.len() as f64 * epsilon.powi(2) * largest);
        let kept: Vec<usize> = (0..variance.len()).filter(|&j| variance[j] > least(j)).collect();
        Spectrum {
            mean: mean.to_vec(),
            variance: kept.iter().map(|&j| variance[j]).collect(),
            axes: axes.select_cols(&kept),
        }
    }
}

/// The eigenvalues of a matrix in descending order with their eigenvectors, without those that are rounding of the largest.
#[track_caller]
fn descending(name: &str, a: Matrix<f64>, features: usize) -> (Vec<f64>, Matrix<f64>) {
    let (tape, n) = (Tape::<f64>::new(), a.rows());
    let Ok((values, vectors)) = tape.constant(a).symmetric_eigen() else {
        panic!("{name}: the samples have entries that are too large to be squared");
    };
    let (values, vectors) = (values.value(), vectors.value());
    let value = |j: usize| values.as_slice()[n - 1 - j];
    let least = if n == 0 { 0.0 } else { features as f64 * f64::EPSILON * value(0) };
    let rank = (0..n).take_while(|&j| value(j) > least).count();
    ((0..rank).map(value).collect(), Matrix::from_fn(n, rank, |i, j| vectors[(i, n - 1 - j)]))
}

#[track_caller]
pub(super) fn check_epsilon(name: &str, epsilon: f64) {
    assert!(epsilon >= 0.0 && epsilon.is_finite(), "{name}: ε is finite and not negative, not {epsilon}");
}

/// x − mean.
#[track_caller]
pub(super) fn centred<T: Real>(name: &str, x: &Matrix<T>, mean: &[T]) -> Matrix<T> {
    super::standardize::by_feature(name, mean.len(), x, |i, x| x - mean[i].to_f64())
}
