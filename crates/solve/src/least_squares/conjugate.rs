//! The step of a large problem, by conjugate gradients and without a Jacobian.

use super::model::{Step, dot, norm};

/// The step that minimizes |r + J p|² within |p| ≤ radius, among the free parameters: conjugate gradients on Jᵀ J p = −Jᵀ r, up to the
/// boundary (Steihaug, *SIAM Journal on Numerical Analysis* 20, 1983). `pull(w)` is Jᵀ w and `push(v)` is J v, both at one point.
pub fn step(
    gradient: &[f64],
    radius: f64,
    push: &mut dyn FnMut(&[f64]) -> Vec<f64>,
    pull: &mut dyn FnMut(&[f64]) -> Vec<f64>,
) -> Step {
    let n = gradient.len();
    let mut p = vec![0.0; n];
    let mut rest: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut direction = rest.clone();
    let (start, mut square) = (norm(gradient), dot(&rest, &rest));
    let enough = start * f64::min(0.1, start.sqrt()).max(1e-10);
    let mut moved: Option<Vec<f64>> = None;
    for _ in 0..2 * n {
        if square.sqrt() <= enough {
            break;
        }
        let pushed = push(&direction);
        let curvature = dot(&pushed, &pushed);
        let alpha = square / curvature;
        let next: Vec<f64> = p.iter().zip(&direction).map(|(p, d)| p + alpha * d).collect();
        let length = norm(&next);
        // NaN comes from a direction without curvature, which leads to the boundary.
        let leaves = length >= radius || length.is_nan();
        let alpha = if leaves { boundary(&p, &direction, radius) } else { alpha };
        p.iter_mut().zip(&direction).for_each(|(p, d)| *p += alpha * d);
        let mut total = moved.take().unwrap_or_else(|| vec![0.0; pushed.len()]);
        total.iter_mut().zip(&pushed).for_each(|(total, x)| *total += alpha * x);
        moved = Some(total);
        if leaves {
            break;
        }
        let pulled = pull(&pushed);
        rest.iter_mut().zip(&pulled).for_each(|(rest, x)| *rest -= alpha * x);
        let before = std::mem::replace(&mut square, dot(&rest, &rest));
        direction.iter_mut().zip(&rest).for_each(|(d, r)| *d = r + square / before * *d);
    }
    let (slope, moved) = (dot(gradient, &p), moved.unwrap_or_default());
    Step { length: norm(&p), decrease: -2.0 * slope - dot(&moved, &moved), slope, p }
}

/// The t ≥ 0 with |p + t d| = radius.
pub fn boundary(p: &[f64], d: &[f64], radius: f64) -> f64 {
    let (a, b, c) = (dot(d, d), dot(p, d), radius * radius - dot(p, p));
    let root = (b * b + a * c).max(0.0).sqrt();
    if b > 0.0 { c / (b + root) } else { (root - b) / a }
}
