//! The steps from the normal equations (Jᵀ J + λ D²) p = −Jᵀ r.

use autograd::{LinearAlgebra, Matrix};

use super::factor::Factor;
use super::model::{Step, dot, norm};
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
        let mut scaled = Matrix::zeros(j.rows(), free.len());
        for (c, &k) in free.iter().enumerate() {
            let inverse = 1.0 / scales[k];
            scaled.col_mut(c).iter_mut().zip(j.col(k)).for_each(|(scaled, j)| *scaled = j * inverse);
        }
        let a = scaled.matmul_tn(&scaled);
        let g = free.iter().map(|&k| gradient[k] / scales[k]).collect();
        Normal { scales: scales.to_vec(), free: free.to_vec(), a, g }
    }

    /// The step of this length at most; λ is where the search for it begins and where it ends.
    pub fn step(&self, radius: f64, lambda: &mut f64) -> Step {
        // The rounding errors of A are no smaller than this, and A plus this is regular in spite of them.
        let n = self.g.len() as f64;
        let whole = self.damped(n * n * f64::EPSILON);
        if let Some(whole) = whole.as_ref().filter(|whole| norm(&whole.w) <= 1.1 * radius) {
            *lambda = 0.0;
            return self.of(&whole.w, 0.0);
        }
        let steepest = norm(&self.g);
        match region::search(radius, lambda, steepest, whole.as_ref(), |at| self.damped(at)) {
            Some(found) => self.of(&found.w, *lambda),
            // Along the gradient, which is the direction for large λ.
            None => self.of(&self.g.iter().map(|g| -radius / steepest * g).collect::<Vec<_>>(), steepest / radius),
        }
    }

    /// w = −(A + λ)⁻¹ g by Cholesky's factors L Lᵀ. The derivative of |w| is −|L⁻¹ w|² / |w|.
    fn damped(&self, lambda: f64) -> Option<Damped> {
        let mut a = self.a.clone();
        (0..self.g.len()).for_each(|k| a[(k, k)] += lambda);
        let factor = Factor::new(a)?;
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
        let moved = self.a.matmul(&Matrix::column(w)).into_vec();
        let slope = dot(&self.g, w);
        // |r|² − |r + J p|² = −2 gᵀ w − wᵀ A w = wᵀ A w + 2 λ |w|², which does not cancel.
        let decrease =
            if lambda > 0.0 { dot(w, &moved) + 2.0 * lambda * dot(w, w) } else { -2.0 * slope - dot(w, &moved) };
        Step { p, length: norm(w), decrease, slope }
    }
}
