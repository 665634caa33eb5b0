//! Metrics of regression.

use autograd::{Matrix, Real, compiled_once};

use crate::nearest::transpose_hint;

/// The mean squared error Σ (y − t)² / m n over all entries; NaN if there are none.
///
/// ```
/// use autograd::Matrix;
/// use nn::metrics::{mae, mse, r2, rmse};
/// let (y, t) = (Matrix::row(&[1.0, 2.0, 3.0, 8.0]), Matrix::row(&[1.0, 2.0, 3.0, 6.0]));
/// assert_eq!((mse(&y, &t), rmse(&y, &t), mae(&y, &t)), (1.0, 1.0, 0.5));
/// assert_eq!(r2(&y, &t), 1.0 - 4.0 / 14.0);
/// ```
///
/// # Panics
/// If the shapes differ.
#[compiled_once]
#[track_caller]
pub fn mse<T: Real>(y: &Matrix<T>, t: &Matrix<T>) -> f64 {
    mean("mse", y, t, |d| d * d)
}

/// The root of the [mean squared error](mse), in the units of the targets.
///
/// # Panics
/// If the shapes differ.
#[compiled_once]
#[track_caller]
pub fn rmse<T: Real>(y: &Matrix<T>, t: &Matrix<T>) -> f64 {
    mean("rmse", y, t, |d| d * d).sqrt()
}

/// The mean absolute error Σ |y − t| / m n over all entries; NaN if there are none.
///
/// # Panics
/// If the shapes differ.
#[compiled_once]
#[track_caller]
pub fn mae<T: Real>(y: &Matrix<T>, t: &Matrix<T>) -> f64 {
    mean("mae", y, t, f64::abs)
}

/// The mean over the outputs of R² = 1 − Σ (y − t)² / Σ (t − mean t)²: 1 is perfect, 0 as good as the mean.
///
/// As in scikit-learn, if all targets are equal, R² is 1 for exact predictions and 0 otherwise. It is NaN for fewer than two
/// samples, because one sample has no variance, and NaN without outputs.
///
/// # Panics
/// If the shapes differ.
#[compiled_once]
#[track_caller]
pub fn r2<T: Real>(y: &Matrix<T>, t: &Matrix<T>) -> f64 {
    let each = r2_each(y, t);
    each.iter().sum::<f64>() / each.len() as f64
}

/// [R²](r2) of each output, as a row.
///
/// # Panics
/// If the shapes differ.
#[compiled_once]
#[track_caller]
pub fn r2_each<T: Real>(y: &Matrix<T>, t: &Matrix<T>) -> Vec<f64> {
    same_shape("r2", y, t);
    let n = t.cols();
    let row = |i: usize| {
        // Differences from the first target: the variance of equal targets is then exactly 0.
        let above = |j: usize| t[(i, j)].to_f64() - t[(i, 0)].to_f64();
        let mean = (0..n).map(above).sum::<f64>() / n as f64;
        let all: f64 = (0..n).map(|j| (above(j) - mean).powi(2)).sum();
        let left: f64 = (0..n).map(|j| (y[(i, j)].to_f64() - t[(i, j)].to_f64()).powi(2)).sum();
        match (left == 0.0, all == 0.0) {
            _ if n < 2 => f64::NAN,
            (true, _) => 1.0,
            (false, true) => 0.0,
            (false, false) => 1.0 - left / all,
        }
    };
    (0..t.rows()).map(row).collect()
}

#[track_caller]
fn mean<T: Real>(name: &str, y: &Matrix<T>, t: &Matrix<T>, f: impl Fn(f64) -> f64) -> f64 {
    same_shape(name, y, t);
    let errors = y.as_slice().iter().zip(t.as_slice()).map(|(y, t)| f(y.to_f64() - t.to_f64()));
    errors.sum::<f64>() / t.as_slice().len() as f64
}

#[track_caller]
fn same_shape<T: Copy>(name: &str, y: &Matrix<T>, t: &Matrix<T>) {
    let ((m, n), (p, q)) = (y.shape(), t.shape());
    let hint = transpose_hint((m, n) == (q, p));
    assert!((m, n) == (p, q), "{name}: predictions {m} × {n} and targets {p} × {q} differ in shape{hint}");
}
