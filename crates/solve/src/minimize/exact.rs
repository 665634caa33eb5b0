//! The minimum of a quadratic model within a ball, by eigenvalues.

use autograd::Matrix;

use crate::least_squares::{dot, norm};

/// The model gᵀ p + ½ pᵀ H p among the free entries, H = Q diag(λ) Qᵀ.
pub struct Spectrum {
    /// The number of all entries.
    n: usize,
    free: Vec<usize>,
    /// λ, the least first.
    values: Vec<f64>,
    q: Matrix<f64>,
    /// Qᵀ g.
    along: Vec<f64>,
}

impl Spectrum {
    /// `None` if a number is not finite.
    pub fn new(h: &Matrix<f64>, g: &[f64], held: &[bool]) -> Option<Spectrum> {
        let free: Vec<usize> = (0..g.len()).filter(|&k| !held[k]).collect();
        let n = free.len();
        let block = Matrix::from_fn(n, n, |i, j| (h[(free[i], free[j])] + h[(free[j], free[i])]) / 2.0);
        if block.as_slice().iter().any(|x| !x.is_finite()) {
            return None;
        }
        let found = linalg::symmetric_eigen(block.view())?;
        let values = (0..n).map(|k| found[(0, k)]).collect();
        let q = Matrix::from_fn(n, n, |i, k| found[(1 + i, k)]);
        let moving: Vec<f64> = free.iter().map(|&k| g[k]).collect();
        let along = (0..n).map(|k| dot(q.col(k), &moving)).collect();
        Some(Spectrum { n: g.len(), free, values, q, along })
    }

    /// The least eigenvalue.
    pub fn least(&self) -> Option<f64> {
        self.values.first().copied()
    }

    /// An eigenvalue of this size is rounding.
    fn rounding(&self) -> f64 {
        let largest = self.values.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
        largest * f64::EPSILON * self.values.len() as f64
    }

    /// Whether the curvature is negative along some direction, by more than √ε of the largest.
    pub fn is_saddle(&self) -> bool {
        self.least().is_some_and(|least| least < -self.rounding() / f64::EPSILON.sqrt())
    }

    /// H⁻¹, if H is positive definite and all entries are free.
    pub fn inverse(&self) -> Option<Matrix<f64>> {
        let n = self.n;
        let regular = self.free.len() == n && self.least()? > self.rounding();
        let entry = |i: usize, j: usize| (0..n).map(|k| self.q[(i, k)] / self.values[k] * self.q[(j, k)]).sum();
        regular.then(|| Matrix::from_fn(n, n, entry))
    }

    /// The p that minimizes the model within |p| ≤ radius: −(H + μ)⁻¹ g with the least μ ≥ 0 for which H + μ is positive semidefinite and p
    /// short enough. If g has no part along the first eigenvector (the hard case), that vector leads from p to the boundary.
    pub fn step(&self, radius: f64) -> Vec<f64> {
        let (least, rounding) = (self.least().unwrap_or(1.0), self.rounding());
        let shifted = |mu: f64| -> Vec<f64> {
            let entry = |(g, x): (&f64, &f64)| if *g == 0.0 { 0.0 } else { -g / (x + mu) };
            self.along.iter().zip(&self.values).map(entry).collect()
        };
        let mut low = if least > rounding { 0.0 } else { rounding.max(f64::MIN_POSITIVE) - least };
        let mut w = shifted(low);
        let mut length = norm(&w);
        if length <= radius {
            if least < -rounding {
                let down = if self.along[0] > 0.0 { -1.0 } else { 1.0 };
                // |w + t e₀| = radius for the root t on the side of −g.
                let side = down * w[0];
                let rest = (radius * radius - length * length).max(0.0);
                let root = (side * side + rest).sqrt();
                w[0] += down * if side > 0.0 { rest / (side + root) } else { root - side };
            }
            return self.of(&w);
        }
        let mut high = low + norm(&self.along) / radius;
        let mut mu = low;
        for _ in 0..100 {
            if (length - radius).abs() <= 0.01 * radius {
                break;
            }
            if length > radius {
                low = mu;
            } else {
                high = mu;
            }
            // Newton's method on 1 / |w| (Moré & Sorensen 1983, equation 3.10).
            let slope: f64 = w.iter().zip(&self.values).map(|(w, x)| w * w / (x + mu)).sum();
            mu += length * length / slope * (length - radius) / radius;
            if !(low < mu && mu < high) {
                mu = low + (high - low) * 0.1;
            }
            w = shifted(mu);
            length = norm(&w);
        }
        self.of(&w)
    }

    /// Q w in all entries.
    fn of(&self, w: &[f64]) -> Vec<f64> {
        let mut p = vec![0.0; self.n];
        for (i, &k) in self.free.iter().enumerate() {
            p[k] = w.iter().enumerate().map(|(c, w)| self.q[(i, c)] * w).sum();
        }
        p
    }
}
