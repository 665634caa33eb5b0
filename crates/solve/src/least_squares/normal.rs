//! The steps from the normal equations (Jᵀ J + λ D²) p = −Jᵀ r.

use autograd::{Matrix, MatrixRef};
use kernel::pool::{Pooled, aligned};
use linalg::gram;

use super::factor::Factor;
use super::model::{Step, dot, norm, scale};
use super::region::{self, Trial};

/// A = D⁻¹ Jᵀ J D⁻¹ and g = D⁻¹ Jᵀ r of the parameters that move.
pub struct Normal {
    scales: Vec<f64>,
    free: Vec<usize>,
    /// Its lower triangle.
    a: Matrix<f64>,
    g: Vec<f64>,
}

impl Normal {
    pub fn new(j: &Matrix<f64>, gradient: &[f64], scales: &[f64], free: &[usize]) -> Self {
        let (m, n) = (j.rows(), free.len());
        let mut a = Matrix::zeros(n, n);
        // No product of two of these overflows or underflows.
        if n == j.cols() && scales.iter().all(|scale| (1e-70..1e70).contains(scale)) {
            gram(j.view(), a.as_mut_slice());
            let inverse: Vec<f64> = scales.iter().map(|scale| 1.0 / scale).collect();
            for k in 0..n {
                a.col_mut(k)[k..].iter_mut().zip(&inverse[k..]).for_each(|(a, of_row)| *a *= of_row * inverse[k]);
            }
        } else {
            let mut buffer = Pooled::<Vec<f64>>::take();
            let scaled = aligned(&mut buffer, m * n);
            scale(j, scales, free, scaled);
            gram(MatrixRef::new(m, n, scaled), a.as_mut_slice());
        }
        let g = free.iter().map(|&k| gradient[k] / scales[k]).collect();
        Normal { scales: scales.to_vec(), free: free.to_vec(), a, g }
    }

    /// The step for a region of this radius, which it may exceed by half; λ is where the search for it begins and where it ends.
    pub fn step(&self, radius: f64, lambda: &mut f64) -> Step {
        let steepest = norm(&self.g);
        match region::search_few(radius, lambda, steepest, self.floor(), |at| self.damped(at)) {
            Some(w) => self.of(&w, *lambda),
            // Along the gradient, which is the direction for large λ.
            None => self.of(&self.g.iter().map(|g| -radius / steepest * g).collect::<Vec<_>>(), steepest / radius),
        }
    }

    /// The rounding errors of A are no smaller than n² ε, and A plus this is regular in spite of them.
    fn floor(&self) -> f64 {
        let n = self.g.len() as f64;
        n * n * f64::EPSILON
    }

    /// w = −(A + λ)⁻¹ g by Cholesky's factors L Lᵀ, and the derivative of |w|, which is −|L⁻¹ w|² / |w|.
    fn damped(&self, lambda: f64) -> Option<Trial<impl Fn(&[f64]) -> f64>> {
        let factor = Factor::new(&self.a, lambda.max(self.floor()))?;
        let mut w: Vec<f64> = self.g.iter().map(|g| -g).collect();
        factor.forward(&mut w);
        factor.backward(&mut w);
        let slope = move |w: &[f64]| {
            let mut bent = w.to_vec();
            factor.forward(&mut bent);
            -dot(&bent, &bent) / norm(w)
        };
        Some((w, slope))
    }

    fn of(&self, w: &[f64], lambda: f64) -> Step {
        let mut p = vec![0.0; self.scales.len()];
        self.free.iter().zip(w).for_each(|(&k, w)| p[k] = w / self.scales[k]);
        let slope = dot(&self.g, w);
        // wᵀ A w from the lower triangle.
        let below = |k: usize| self.a[(k, k)] * w[k] + 2.0 * dot(&self.a.col(k)[k + 1..], &w[k + 1..]);
        let square: f64 = (0..w.len()).map(|k| w[k] * below(k)).sum();
        // |r|² − |r + J p|² = −2 gᵀ w − wᵀ A w = wᵀ A w + 2 λ |w|², which does not cancel.
        let decrease = if lambda > 0.0 { square + 2.0 * lambda * dot(w, w) } else { -2.0 * slope - square };
        Step { p, length: norm(w), decrease, slope }
    }
}
