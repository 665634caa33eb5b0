//! The linear model r + J p of the residuals, and the steps p that minimize its squares within a region.

use autograd::{Matrix, vectorised};

use super::region::{self, Damped};
use super::{Method, rotations};

/// The model in scaled parameters, by singular values: J D⁻¹ = U diag(σ) Vᵀ, where D holds the scales.
pub struct Model {
    scales: Vec<f64>,
    /// The parameters that move.
    free: Vec<usize>,
    sigma: Vec<f64>,
    v: Matrix<f64>,
    /// Uᵀ r.
    along: Vec<f64>,
}

/// A step of the scaled length |D p|, as coordinates w along the columns of V.
pub struct Step {
    pub p: Vec<f64>,
    pub length: f64,
    /// By how much the model says that Σ r² decreases.
    pub decrease: f64,
    /// gᵀ p, half the slope of the sum along the step.
    pub slope: f64,
}

impl Model {
    /// The model at residuals and a Jacobian, of the parameters that are free. `None` if the singular values cannot be computed.
    pub fn new(r: &[f64], j: &Matrix<f64>, scales: &[f64], free: Vec<usize>) -> Option<Model> {
        let mut scaled = Matrix::zeros(j.rows(), free.len());
        scale(j, scales, &free, scaled.as_mut_slice());
        // The singular values of R are those of Q R, which takes a fraction of the time if there are many residuals.
        let (m, n) = scaled.shape();
        if n <= rotations::FEW && n <= m {
            let (sigma, v, along) = rotations::singular(scaled, r.to_vec())?;
            return Some(Model { scales: scales.to_vec(), free, sigma, v, along });
        }
        let factors = if m > n && n > 0 { linalg::qr(scaled.view()).ok() } else { None };
        let (scaled, r) = match factors {
            Some(factors) => {
                let across = (0..n).map(|c| dot(&factors.col(c)[..m], r)).collect();
                (Matrix::from_fn(n, n, |i, c| factors[(m + i, c)]), across)
            }
            None => (scaled, r.to_vec()),
        };
        let (m, k) = (scaled.rows(), free.len().min(scaled.rows()));
        let parts = linalg::svd(scaled.view())?;
        let along = (0..k).map(|c| dot(&parts.col(c)[..m], &r)).collect();
        let sigma = (0..k).map(|c| parts[(m, c)]).collect();
        let v = Matrix::from_fn(free.len(), k, |i, c| parts[(m + 1 + i, c)]);
        Some(Model { scales: scales.to_vec(), free, sigma, v, along })
    }

    /// The number of singular values that are not rounding.
    fn rank(&self) -> usize {
        let least = self.sigma.first().map_or(0.0, |s| s * f64::EPSILON * self.scales.len() as f64);
        self.sigma.iter().take_while(|&&s| s > least).count()
    }

    /// The step of this length at most; λ is where the search for it begins and where it ends.
    pub fn step(&self, method: Method, radius: f64, lambda: &mut f64) -> Step {
        let whole = self.damped(0.0);
        let w = match method {
            _ if norm(&whole) <= 1.1 * radius => {
                *lambda = 0.0;
                whole
            }
            Method::Dogleg => self.dogleg(whole, radius),
            _ => self.marquardt(whole, radius, lambda),
        };
        self.of(&w)
    }

    /// The w that minimizes the squares plus λ |w|²: w = −σ g / (σ² + λ).
    fn damped(&self, lambda: f64) -> Vec<f64> {
        let rank = if lambda > 0.0 { self.sigma.len() } else { self.rank() };
        let coordinate =
            |k: usize| if k < rank { -self.along[k] / (self.sigma[k] + lambda / self.sigma[k]) } else { 0.0 };
        (0..self.sigma.len()).map(|k| if self.sigma[k] > 0.0 { coordinate(k) } else { 0.0 }).collect()
    }

    /// The step for the λ whose length is the radius.
    fn marquardt(&self, whole: Vec<f64>, radius: f64, lambda: &mut f64) -> Vec<f64> {
        let damped = |w: Vec<f64>, lambda: f64| {
            let terms = w.iter().zip(&self.sigma).filter(|(_, s)| **s > 0.0).map(|(w, s)| w * w / (s * s + lambda));
            Damped { slope: -terms.sum::<f64>() / norm(&w), w }
        };
        let steepest = norm(&self.sigma.iter().zip(&self.along).map(|(s, g)| s * g).collect::<Vec<_>>());
        let whole = (self.rank() == self.scales.len()).then(|| damped(whole, 0.0));
        let found = region::search(radius, lambda, steepest, whole.as_ref(), |at| Some(damped(self.damped(at), at)));
        found.map_or_else(|| vec![0.0; self.sigma.len()], |found| found.w)
    }

    /// The point where Powell's path, from the minimum along the gradient to the whole step, leaves the region (Powell 1970).
    fn dogleg(&self, whole: Vec<f64>, radius: f64) -> Vec<f64> {
        let gradient: Vec<f64> = self.sigma.iter().zip(&self.along).map(|(s, g)| s * g).collect();
        let curved = norm(&self.sigma.iter().zip(&gradient).map(|(s, g)| s * g).collect::<Vec<_>>());
        let length = norm(&gradient);
        let cauchy = (length / curved).powi(2);
        if cauchy * length >= radius {
            return gradient.iter().map(|g| -radius / length * g).collect();
        }
        let from: Vec<f64> = gradient.iter().map(|g| -cauchy * g).collect();
        let to: Vec<f64> = whole.iter().zip(&from).map(|(w, f)| w - f).collect();
        // |from + t to| = radius.
        let (a, b) = (dot(&to, &to), dot(&from, &to));
        let c = radius * radius - dot(&from, &from);
        let t = c / (b + (b * b + a * c).sqrt());
        from.iter().zip(&to).map(|(f, d)| f + t * d).collect()
    }

    fn of(&self, w: &[f64]) -> Step {
        let mut p = vec![0.0; self.scales.len()];
        for (i, &k) in self.free.iter().enumerate() {
            p[k] = w.iter().enumerate().map(|(c, w)| self.v[(i, c)] * w).sum::<f64>() / self.scales[k];
        }
        let terms = || w.iter().zip(&self.sigma).zip(&self.along);
        // |r|² − |r + J p|² = −Σ σ w (2 g + σ w), where both factors have one sign.
        let decrease = terms().map(|((w, s), g)| -s * w * (2.0 * g + s * w)).sum();
        Step { p, length: norm(w), decrease, slope: terms().map(|((w, s), g)| s * w * g).sum() }
    }

    /// The inverse of Jᵀ J, 0 in the rows and columns of parameters that are held, and infinite variances of what the residuals do
    /// not determine.
    pub fn inverse(&self) -> Matrix<f64> {
        let (n, rank) = (self.scales.len(), self.rank());
        let mut inverse = Matrix::zeros(n, n);
        for (a, &i) in self.free.iter().enumerate() {
            for (b, &j) in self.free.iter().enumerate() {
                let terms = (0..rank).map(|c| self.v[(a, c)] / self.sigma[c] * (self.v[(b, c)] / self.sigma[c]));
                inverse[(i, j)] = terms.sum::<f64>() / self.scales[i] / self.scales[j];
            }
            // The part of the parameter outside the span of the first columns of V.
            let inside = (0..rank).map(|c| self.v[(a, c)].powi(2)).sum::<f64>();
            if 1.0 - inside > 1e-8 {
                inverse[(i, i)] = f64::INFINITY;
            }
        }
        inverse
    }
}

/// J D⁻¹ of the parameters that are free, column by column.
pub fn scale(j: &Matrix<f64>, scales: &[f64], free: &[usize], scaled: &mut [f64]) {
    for (&k, to) in free.iter().zip(scaled.chunks_exact_mut(j.rows().max(1))) {
        let (from, scale) = (j.col(k), scales[k]);
        // Products take a fraction of the time of quotients, and 1 / D has all digits unless it is subnormal or infinite.
        let inverse = 1.0 / scale;
        let has_digits = inverse.is_normal();
        vectorised(
            #[inline(always)]
            || match has_digits {
                true => to.iter_mut().zip(from).for_each(|(scaled, j)| *scaled = j * inverse),
                false => to.iter_mut().zip(from).for_each(|(scaled, j)| *scaled = j / scale),
            },
        );
    }
}

/// Σ a b.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    vectorised(
        #[inline(always)]
        || inner_dot(a, b),
    )
}

/// [`dot`] within a loop in vector code, as eight sums that are added in the end, which fills vectors.
#[inline(always)]
pub fn inner_dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let len = a.len().min(b.len());
    let ((a, of_a), (b, of_b)) = (a[..len].as_chunks::<LANES>(), b[..len].as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for k in 0..LANES {
            sums[k] += a[k] * b[k];
        }
    }
    sums.iter().sum::<f64>() + of_a.iter().zip(of_b).map(|(a, b)| a * b).sum::<f64>()
}

/// |x|, which is not finite if an entry is not.
pub fn norm(x: &[f64]) -> f64 {
    // Without overflow and without a loss of digits near 0, it is the root of the sum of squares.
    let square = dot(x, x);
    if (1e-280..1e280).contains(&square) || square.is_nan() {
        return square.sqrt();
    }
    let largest = x.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * x.iter().map(|x| (x / largest).powi(2)).sum::<f64>().sqrt()
}
