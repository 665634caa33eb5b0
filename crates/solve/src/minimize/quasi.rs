//! The inverse of second derivatives from changes of the gradient.

use autograd::Matrix;
use autograd::descent::Curvature;
use linalg::Trans;

use crate::least_squares::dot;

/// BFGS with all of H (Nocedal & Wright 2006, equation 6.17).
pub struct Dense {
    h: Matrix<f64>,
    /// sᵀy / yᵀy of the last pair.
    scale: Option<f64>,
}

impl Dense {
    pub fn new(n: usize) -> Self {
        Dense { h: identity(n, 1.0), scale: None }
    }

    /// H, if it is known.
    pub fn inverse(self) -> Option<Matrix<f64>> {
        self.scale.map(|_| self.h)
    }
}

impl Curvature for Dense {
    fn is_empty(&self) -> bool {
        self.scale.is_none()
    }

    fn clear(&mut self) {
        *self = Dense::new(self.h.rows());
    }

    fn scale(&self) -> f64 {
        self.scale.unwrap_or(1.0)
    }

    /// The H of the entries that are not held is that of their block of B, by the complement H_ff − H_fh H_hh⁻¹ H_hf.
    fn direction(&mut self, _: &[f64], g: &[f64], held: &[bool]) -> Vec<f64> {
        let n = g.len();
        let (of_held, free): (Vec<usize>, Vec<usize>) = (0..n).partition(|&k| held[k]);
        let g: Vec<f64> = (0..n).map(|k| if held[k] { 0.0 } else { -g[k] }).collect();
        let mut d: Vec<f64> = (0..n).map(|k| if held[k] { 0.0 } else { dot(self.h.col(k), &g) }).collect();
        if !of_held.is_empty() {
            let block = Matrix::from_fn(of_held.len(), of_held.len(), |i, j| self.h[(of_held[i], of_held[j])]);
            let across: Vec<f64> = of_held.iter().map(|&k| dot(self.h.col(k), &g)).collect();
            let pulled = linalg::solve(block.view(), Trans::No, Matrix::column(&across).view());
            for &k in &free {
                d[k] -= of_held.iter().zip(pulled.as_slice()).map(|(&j, x)| self.h[(k, j)] * x).sum::<f64>();
            }
        }
        d
    }

    /// A pair without positive curvature is left out: H would not be positive definite.
    fn push(&mut self, s: Vec<f64>, y: Vec<f64>) {
        let (n, sy, yy) = (s.len(), dot(&s, &y), dot(&y, &y));
        if sy.is_nan() || sy <= f64::EPSILON * yy.sqrt() * dot(&s, &s).sqrt() {
            return;
        }
        if self.scale.replace(sy / yy).is_none() {
            self.h = identity(n, sy / yy);
        }
        let hy: Vec<f64> = (0..n).map(|k| dot(self.h.col(k), &y)).collect();
        let factor = (1.0 + dot(&y, &hy) / sy) / sy;
        for j in 0..n {
            for i in 0..n {
                self.h[(i, j)] += factor * (s[i] * s[j]) - (hy[i] * s[j] + s[i] * hy[j]) / sy;
            }
        }
    }
}

fn identity(n: usize, x: f64) -> Matrix<f64> {
    Matrix::from_fn(n, n, |i, j| if i == j { x } else { 0.0 })
}
