//! Linear systems A x = b by products A v.

use crate::least_squares::{dot, norm};

/// A solution, or the number of products and the residual as a share of |b|.
pub type Found = Result<Vec<f64>, (usize, f64)>;

/// The number of vectors after which GMRES starts again.
const RESTART: usize = 150;

/// The number of starts.
const STARTS: usize = 20;

/// A residual that is rounding, as a share of |b|, for numbers of this precision.
fn enough(epsilon: f64) -> f64 {
    epsilon.powf(0.75)
}

/// Conjugate gradients for a positive definite matrix (Hestenes & Stiefel 1952). It goes on until the residual has no more digits. The
/// residual is infinite where the curvature is not positive.
pub fn conjugate_gradients(b: &[f64], epsilon: f64, product: &mut dyn FnMut(&[f64]) -> Vec<f64>) -> Found {
    let (n, size) = (b.len(), norm(b));
    let (mut x, mut rest, mut direction) = (vec![0.0; n], b.to_vec(), b.to_vec());
    let (mut square, mut products) = (dot(b, b), 0);
    while products < 10 * n + 10 && square.sqrt() > epsilon * size {
        let pushed = product(&direction);
        products += 1;
        let curvature = dot(&direction, &pushed);
        if curvature.is_nan() || curvature <= 0.0 {
            return Err((products, f64::INFINITY));
        }
        let alpha = square / curvature;
        add(&mut x, alpha, &direction);
        add(&mut rest, -alpha, &pushed);
        let before = std::mem::replace(&mut square, dot(&rest, &rest));
        direction.iter_mut().zip(&rest).for_each(|(d, r)| *d = r + square / before * *d);
    }
    verified(x, b, epsilon, products, product)
}

/// GMRES (Saad & Schultz 1986, by Givens' rotations), which starts again after some vectors and until the residual has no more digits.
pub fn gmres(b: &[f64], epsilon: f64, product: &mut dyn FnMut(&[f64]) -> Vec<f64>) -> Found {
    let (n, size) = (b.len(), norm(b));
    let (mut x, mut products, mut last) = (vec![0.0; n], 0, f64::INFINITY);
    for start in 0..STARTS {
        let mut rest = b.to_vec();
        if start > 0 {
            add(&mut rest, -1.0, &product(&x));
            products += 1;
        }
        let length = norm(&rest);
        if length <= epsilon * size || length > 0.5 * last || length.is_nan() {
            break;
        }
        last = length;
        let mut basis = vec![scaled(&rest, 1.0 / length)];
        let mut columns: Vec<Vec<f64>> = Vec::new();
        let mut rotations: Vec<(f64, f64)> = Vec::new();
        let mut right = vec![length];
        while columns.len() < n.min(RESTART) && right[columns.len()].abs() > epsilon * size {
            let k = columns.len();
            let mut next = product(&basis[k]);
            products += 1;
            let before = norm(&next);
            let mut column = vec![0.0; k + 1];
            // Twice, so that the basis is orthogonal to rounding.
            for _ in 0..2 {
                for (h, v) in column.iter_mut().zip(&basis) {
                    let part = dot(v, &next);
                    *h += part;
                    add(&mut next, -part, v);
                }
            }
            let length = norm(&next);
            for (i, (c, s)) in rotations.iter().enumerate() {
                (column[i], column[i + 1]) = (c * column[i] + s * column[i + 1], c * column[i + 1] - s * column[i]);
            }
            let diagonal = column[k].hypot(length);
            if diagonal <= epsilon * before || diagonal.is_nan() {
                break;
            }
            let (c, s) = (column[k] / diagonal, length / diagonal);
            column[k] = diagonal;
            right.push(-s * right[k]);
            right[k] *= c;
            rotations.push((c, s));
            columns.push(column);
            basis.push(scaled(&next, if length > 0.0 { 1.0 / length } else { 0.0 }));
        }
        let mut y = vec![0.0; columns.len()];
        for i in (0..columns.len()).rev() {
            let known: f64 = (i + 1..columns.len()).map(|j| columns[j][i] * y[j]).sum();
            y[i] = (right[i] - known) / columns[i][i];
        }
        y.iter().zip(&basis).for_each(|(y, v)| add(&mut x, *y, v));
    }
    verified(x, b, epsilon, products, product)
}

/// The solution, if it is one.
fn verified(
    x: Vec<f64>,
    b: &[f64],
    epsilon: f64,
    products: usize,
    product: &mut dyn FnMut(&[f64]) -> Vec<f64>,
) -> Found {
    let mut rest = b.to_vec();
    let pushed = product(&x);
    add(&mut rest, -1.0, &pushed);
    // Products are exact only to rounding of their terms.
    let residual = norm(&rest) / norm(b);
    if residual <= enough(epsilon) { Ok(x) } else { Err((products + 1, residual)) }
}

fn add(x: &mut [f64], c: f64, y: &[f64]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += c * y);
}

fn scaled(x: &[f64], c: f64) -> Vec<f64> {
    x.iter().map(|x| c * x).collect()
}
