//! Newton's method.

use autograd::{Matrix, MatrixRef, Real};
use linalg::Trans;

use super::ImplicitError;
use super::system::System;
use crate::least_squares::norm;

/// x with F(x, θ) = 0 to rounding, from a start. A step is halved until |F| decreases.
///
/// Steps end when rounding keeps |F| from decreasing while they change every entry by less than ε^0.4 of its size, so the solution has
/// all the digits that F allows. Entries smaller than ε^0.6 times the largest one count as that large. It also ends where |F| is
/// no more than the rounding of x makes of it. Newton's method converges quadratically to a regular solution and linearly to one where J is singular (Decker, Keller &
/// Kelley, *SIAM Journal on Numerical Analysis* 20, 1983): steps that still shrink slowly when they are that short are an error.
pub fn solve<T: Real>(
    system: &System<T>,
    x0: &Matrix<T>,
    parameters: &[MatrixRef<'_, T>],
) -> Result<Matrix<T>, ImplicitError> {
    let name = system.name;
    let mut x = x0.clone();
    let mut f = system.residual(&x, parameters);
    if let Some(entry) = f.iter().position(|f| !f.is_finite()) {
        return Err(ImplicitError::NotFinite { name, what: format!("equation {entry} at the start") });
    }
    let short = T::EPSILON.powf(0.4);
    let (mut sizes, mut before): (Vec<f64>, Option<f64>) = (vec![0.0; f.len()], None);
    let (mut iterations, mut step) = (0, f64::NAN);
    while norm(&f) > 0.0 {
        sizes.iter_mut().zip(x.as_slice()).for_each(|(size, x)| *size = size.max(x.to_f64().abs()));
        if iterations == system.max_iterations {
            return Err(ImplicitError::NotConverged { name, iterations, residual: norm(&f), step });
        }
        let against: Vec<f64> = f.iter().map(|f| -f).collect();
        let p = system.solve(&x, parameters, &against, Trans::No)?;
        step = p.iter().fold(0.0, |max: f64, p| max.max(p.abs()));
        let least = T::EPSILON.powf(0.6) * sizes.iter().fold(0.0, |max: f64, size| max.max(*size));
        let relative = p.iter().zip(&sizes).fold(0.0, |max: f64, (p, size)| max.max(p.abs() / size.max(least)));
        let is_short = relative <= short;
        let mut share = 1.0;
        let found = loop {
            let moved = x.as_slice().iter().zip(&p).map(|(x, p)| T::from_f64(x.to_f64() + share * p)).collect();
            let next = Matrix::from_vec(x.rows(), x.cols(), moved);
            let values = system.residual(&next, parameters);
            let decreases = norm(&values) <= (1.0 - 1e-4 * share) * norm(&f) && values.iter().all(|f| f.is_finite());
            if decreases {
                break Some((next, values));
            } else if share < if is_short { 1e-3 } else { 1e-9 } {
                break None;
            }
            share *= 0.5;
        };
        let Some(next) = found else {
            if is_short || system.is_rounding(&x, parameters, &f) {
                break;
            }
            return Err(ImplicitError::NotConverged { name, iterations, residual: norm(&f), step });
        };
        let is_slow = is_short && before.is_some_and(|before| before > short && relative > 0.25 * before);
        if is_slow && !system.is_rounding(&next.0, parameters, &next.1) {
            return Err(ImplicitError::Singular {
                name,
                at: "at the solution, where Newton's steps shrink slowly".into(),
            });
        }
        before = (share == 1.0).then_some(relative);
        iterations += 1;
        let is_same = next.0 == x;
        (x, f) = next;
        if is_same {
            break;
        }
    }
    system.check_solution(&x, parameters)?;
    Ok(x)
}
