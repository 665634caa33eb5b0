//! Whitening that changes samples as little as possible.

use autograd::{Matrix, Real, Tape, compiled_once};
use serde::{Deserialize, Serialize};

use super::Covariance;
use super::moments::finite;
use super::pca::{Spectrum, centred, check_epsilon};

/// Zero-phase component analysis: the symmetric whitening.
///
/// ```text
/// C = 1/N Σ (x − mean)(x − mean)ᵀ = V diag(λ) Vᵀ
/// apply:  y = W (x − mean),  W = V diag(1/√(λ + ε)) Vᵀ        invert:  x = W⁻¹ y + mean
/// ```
///
/// With ε = 0 the covariance of y is the identity. Of all maps with this property this one has the least Σ |y − (x − mean)|²:
/// features keep their meaning, and a whitened picture looks like a picture (Bell, Sejnowski, Vision Research 37, 1997,
/// p. 3327; Kessy, Lewin, Strimmer, The American Statistician 72, 2018, p. 309).
///
/// A direction has no variance if its λ is at most the rounding of the largest λ, or of the samples along it. With ε = 0 it is mapped
/// to 0, so the covariance of y is the projection onto the others; with ε > 0 its scale is √ε. In both cases
/// [`invert`](Zca::invert) reconstructs samples without a component in it. Standardize features in different units first.
///
/// ```
/// use autograd::Matrix;
/// use nn::data::Zca;
/// let x = Matrix::from([[2.0, -2.0, 0.0, 0.0], [0.0, 0.0, 8.0, -8.0]]); // uncorrelated already
/// let y = Zca::fit(&x, 0.0).apply(&x);
/// let root2 = 2.0f64.sqrt();
/// let expected = Matrix::from([[root2, -root2, 0.0, 0.0], [0.0, 0.0, root2, -root2]]);
/// assert!(y.as_slice().iter().zip(expected.as_slice()).all(|(a, b)| (a - b).abs() < 1e-12));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw<T>", bound(deserialize = "T: Real"))]
pub struct Zca<T> {
    mean: Vec<T>,
    /// W.
    whiten: Matrix<T>,
    /// W⁻¹ if W has an inverse.
    color: Matrix<T>,
}

/// The map as read from a file, before it is checked.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Real"))]
struct Raw<T> {
    mean: Vec<T>,
    whiten: Matrix<T>,
    color: Matrix<T>,
}

#[compiled_once]
impl<T: Real> TryFrom<Raw<T>> for Zca<T> {
    type Error = String;
    fn try_from(Raw { mean, whiten, color }: Raw<T>) -> Result<Self, String> {
        let n = mean.len();
        if [whiten.shape(), color.shape()] == [(n, n); 2] {
            return Ok(Zca { mean, whiten, color });
        }
        let ((a, b), (c, d)) = (whiten.shape(), color.shape());
        Err(format!("{n} means do not match matrices of {a} × {b} and {c} × {d}"))
    }
}

#[compiled_once]
impl<T: Real> Zca<T> {
    /// The whitening of `x`, features × samples.
    ///
    /// # Panics
    /// If `x` has no columns or an entry that is not finite, if ε is negative or not finite, or if a scale is not finite in this
    /// type.
    #[track_caller]
    pub fn fit(x: &Matrix<T>, epsilon: f64) -> Self {
        Self::of(&Spectrum::of_samples("Zca::fit", x), epsilon)
    }

    /// The whitening of samples that were summarized chunk by chunk.
    ///
    /// # Panics
    /// Under the same conditions as [`fit`](Zca::fit).
    #[track_caller]
    pub fn from_covariance(covariance: &Covariance, epsilon: f64) -> Self {
        Self::of(&Spectrum::of_covariance("Zca::fit", covariance, T::EPSILON), epsilon)
    }

    #[track_caller]
    fn of(Spectrum { mean, variance, axes }: &Spectrum, epsilon: f64) -> Self {
        check_epsilon("Zca::fit", epsilon);
        let tape = Tape::<f64>::new();
        let v = tape.constant(axes);
        // V diag(f(λ)) Vᵀ + f(0) (I − V Vᵀ), where 1 / √0 counts as 0.
        let symmetric = |f: &dyn Fn(f64) -> f64| {
            let (rest, f) = (if epsilon > 0.0 { f(0.0) } else { 0.0 }, variance.iter().map(|&v| f(v)));
            let diagonal: Vec<f64> = f.map(|f| f - rest).collect();
            let scaled = Matrix::from_fn(axes.rows(), axes.cols(), |i, j| axes[(i, j)] * diagonal[j]);
            let m = tape.constant(scaled).matmul_nt(v).value();
            // Symmetric to the last bit.
            let entry = |i: usize, j: usize| 0.5 * (m[(i, j)] + m[(j, i)]) + if i == j { rest } else { 0.0 };
            let entries = (0..m.cols()).flat_map(|j| (0..m.rows()).map(move |i| (i, j))).map(|(i, j)| entry(i, j));
            Matrix::from_vec(m.rows(), m.cols(), finite("Zca::fit", "entry", entries))
        };
        Zca {
            mean: finite("Zca::fit", "mean", mean.iter().copied()),
            whiten: symmetric(&|variance| 1.0 / (variance + epsilon).sqrt()),
            color: symmetric(&|variance| (variance + epsilon).sqrt()),
        }
    }

    /// W (x − mean), features × samples.
    ///
    /// # Panics
    /// If the number of rows of `x` is not the number of features.
    #[track_caller]
    pub fn apply(&self, x: &Matrix<T>) -> Matrix<T> {
        times(&self.whiten, &centred("Zca::apply", x, &self.mean))
    }

    /// W⁻¹ y + mean, features × samples.
    ///
    /// # Panics
    /// If the number of rows of `y` is not the number of features.
    #[track_caller]
    pub fn invert(&self, y: &Matrix<T>) -> Matrix<T> {
        let n = self.features();
        assert_eq!(y.rows(), n, "Zca::invert: fitted to {n} features, given {}", y.rows());
        let x = times(&self.color, y);
        Matrix::from_fn(n, x.cols(), |i, j| x[(i, j)] + self.mean[i])
    }

    /// The mean of every feature.
    #[inline]
    pub fn mean(&self) -> &[T] {
        &self.mean
    }

    /// W, symmetric, features × features.
    #[inline]
    pub fn matrix(&self) -> &Matrix<T> {
        &self.whiten
    }

    /// The number of features of a sample.
    #[inline]
    pub fn features(&self) -> usize {
        self.mean.len()
    }
}

fn times<T: Real>(a: &Matrix<T>, b: &Matrix<T>) -> Matrix<T> {
    let tape = Tape::new();
    tape.constant(a).matmul(tape.constant(b)).value()
}
