//! The steps from the normal equations (Jᵀ J + λ D²) p = −Jᵀ r.

use autograd::{Matrix, MatrixRef};
use kernel::pool::{Pooled, aligned};
use kernel::simd::{Accum, Out};
use linalg::{Trans, product};

use super::factor::Factor;
use super::model::{Step, dot, norm, scale};
use super::region::{self, Damped};

/// A = D⁻¹ Jᵀ J D⁻¹ and g = D⁻¹ Jᵀ r of the parameters that move.
pub struct Normal {
    scales: Vec<f64>,
    free: Vec<usize>,
    a: Matrix<f64>,
    g: Vec<f64>,
}

impl Normal {
    pub fn new(j: &Matrix<f64>, gradient: &[f64], scales: &[f64], free: &[usize]) -> Self {
        let (m, n) = (j.rows(), free.len());
        let mut buffer = Pooled::<Vec<f64>>::take();
        let scaled = aligned(&mut buffer, m * n);
        scale(j, scales, free, scaled);
        let (scaled, mut a) = (MatrixRef::new(m, n, scaled), Matrix::zeros(n, n));
        let out = Out { rows: n, cols: n, data: a.as_mut_slice() };
        product(Trans::Yes, scaled, Trans::No, scaled, Accum::Replace, out);
        let g = free.iter().map(|&k| gradient[k] / scales[k]).collect();
        Normal { scales: scales.to_vec(), free: free.to_vec(), a, g }
    }

    /// The step for a region of this radius, which it may exceed by half; λ is where the search for it begins and where it ends.
    pub fn step(&self, radius: f64, lambda: &mut f64) -> Step {
        let steepest = norm(&self.g);
        match region::search_few(radius, lambda, steepest, |at| self.damped(at)) {
            Some(found) => self.of(&found.w, if *lambda > 0.0 { self.damping(*lambda) } else { 0.0 }),
            // Along the gradient, which is the direction for large λ.
            None => self.of(&self.g.iter().map(|g| -radius / steepest * g).collect::<Vec<_>>(), steepest / radius),
        }
    }

    /// The rounding errors of A are no smaller than n² ε, and A plus this is regular in spite of them.
    fn damping(&self, lambda: f64) -> f64 {
        let n = self.g.len() as f64;
        lambda.max(n * n * f64::EPSILON)
    }

    /// w = −(A + λ)⁻¹ g by Cholesky's factors L Lᵀ. The derivative of |w| is −|L⁻¹ w|² / |w|.
    fn damped(&self, lambda: f64) -> Option<Damped> {
        let factor = Factor::new(&self.a, self.damping(lambda))?;
        let mut w: Vec<f64> = self.g.iter().map(|g| -g).collect();
        factor.forward(&mut w);
        factor.backward(&mut w);
        let mut bent = w.clone();
        factor.forward(&mut bent);
        Some(Damped { slope: -dot(&bent, &bent) / norm(&w), w })
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
