//! Anderson's acceleration of an iteration z ← f(z).

use autograd::{Matrix, MatrixRef, Real};
use linalg::Trans;

use super::system::{System, wide};
use crate::least_squares::norm;

/// A point from which Newton's method has little to do, by Anderson's acceleration of z ← f(z) (Walker & Ni, *SIAM Journal on Numerical
/// Analysis* 49, 2011). With the residuals r = f(z) − z and the differences Δr and Δz between the last iterates,
///
/// ```text
/// z ← z + r − Σ γₖ (Δzₖ + Δrₖ),   where γ minimizes |r − Σ γₖ Δrₖ|
/// ```
///
/// `depth` is the number of these differences. It ends at a residual of √ε of z, after as many evaluations as Newton's method may make steps, or
/// where the residual has not decreased for twice `depth` + 5 iterations. The result has the smallest residual of all iterates, and may be the
/// start, so if f is not a contraction, Newton's method usually begins at the start or near it.
pub fn accelerate<T: Real>(
    system: &System<T>,
    z0: &Matrix<T>,
    parameters: &[MatrixRef<'_, T>],
    depth: usize,
) -> Matrix<T> {
    let ((rows, cols), depth) = (z0.shape(), depth.min(z0.as_slice().len()));
    let matrix = |z: &[f64]| Matrix::from_vec(rows, cols, z.iter().map(|&z| T::from_f64(z)).collect());
    let mut z = wide(z0.as_slice());
    let (mut best, mut least, mut since) = (z.clone(), f64::INFINITY, 0);
    let mut before: Option<(Vec<f64>, Vec<f64>)> = None;
    // Δz and Δr, column by column.
    let (mut moves, mut changes): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (Vec::new(), Vec::new());
    for _ in 0..system.max_iterations {
        let r = system.residual(&matrix(&z), parameters);
        let size = norm(&r);
        if !size.is_finite() {
            break;
        }
        since += 1;
        if size < least {
            (best, least, since) = (z.clone(), size, 0);
        }
        if least <= T::EPSILON.sqrt() * norm(&best) || since > depth.saturating_mul(2).saturating_add(5) {
            break;
        }
        if let Some((z_before, r_before)) = before.replace((z.clone(), r.clone())) {
            moves.push(minus(&z, &z_before));
            changes.push(minus(&r, &r_before));
            if moves.len() > depth {
                moves.remove(0);
                changes.remove(0);
            }
        }
        z.iter_mut().zip(&r).for_each(|(z, r)| *z += r);
        let stacked = Matrix::from_vec(r.len(), changes.len(), changes.concat());
        let Some(gamma) = linalg::least_squares(stacked.view(), Trans::No, Matrix::column(&r).view(), None) else {
            break;
        };
        for ((dz, dr), gamma) in moves.iter().zip(&changes).zip(gamma.as_slice()) {
            z.iter_mut().zip(dz.iter().zip(dr)).for_each(|(z, (dz, dr))| *z -= gamma * (dz + dr));
        }
    }
    matrix(&best)
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}
