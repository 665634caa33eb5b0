//! Newton's step by conjugate gradients.

use autograd::descent::Curvature;

use crate::least_squares::{boundary, dot, norm};

/// H v at x.
type Product<'a> = &'a mut dyn FnMut(&[f64], &[f64]) -> Vec<f64>;

/// The direction of a line search.
pub struct NewtonCg<'a> {
    product: Product<'a>,
    /// Whether the last direction led nowhere, so that −g is next.
    failed: bool,
    /// sᵀy / yᵀy of the last step.
    scale: f64,
}

impl<'a> NewtonCg<'a> {
    pub fn new(product: Product<'a>) -> Self {
        NewtonCg { product, failed: false, scale: 1.0 }
    }
}

impl Curvature for NewtonCg<'_> {
    fn is_empty(&self) -> bool {
        self.failed
    }

    fn clear(&mut self) {
        self.failed = true;
    }

    fn scale(&self) -> f64 {
        self.scale
    }

    fn direction(&mut self, x: &[f64], g: &[f64], held: &[bool]) -> Vec<f64> {
        let g = free(g.to_vec(), held);
        if self.failed {
            return g.iter().map(|g| -g).collect();
        }
        conjugate(&g, f64::INFINITY, &mut |v| free((self.product)(x, v), held)).0
    }

    fn push(&mut self, s: Vec<f64>, y: Vec<f64>) {
        self.failed = false;
        let sy = dot(&s, &y);
        if sy > 0.0 {
            self.scale = sy / dot(&y, &y);
        }
    }
}

/// 0 in the entries that are held.
pub fn free(mut v: Vec<f64>, held: &[bool]) -> Vec<f64> {
    v.iter_mut().zip(held).for_each(|(v, &held)| {
        if held {
            *v = 0.0;
        }
    });
    v
}

/// A step p within |p| ≤ radius for which the model gᵀ p + ½ pᵀ H p is small, and H p (Steihaug 1983). Where the curvature is negative it
/// goes to the boundary; if the radius is infinite, it stops before, and is −g at least. The residual is at most min(½, √|g|) |g|,
/// where the first |g| of a path is of the size of 1.
pub fn conjugate(g: &[f64], radius: f64, product: &mut dyn FnMut(&[f64]) -> Vec<f64>) -> (Vec<f64>, Vec<f64>) {
    let n = g.len();
    let (mut p, mut hp) = (vec![0.0; n], vec![0.0; n]);
    let mut rest: Vec<f64> = g.iter().map(|g| -g).collect();
    let mut direction = rest.clone();
    let mut square = dot(&rest, &rest);
    let enough = norm(g) * norm(g).sqrt().min(0.5);
    for iteration in 0..2 * n {
        if square.sqrt() <= enough {
            break;
        }
        let pushed = product(&direction);
        let curvature = dot(&direction, &pushed);
        let is_convex = curvature > f64::EPSILON * norm(&direction) * norm(&pushed);
        if !is_convex && radius == f64::INFINITY {
            if iteration == 0 {
                (p, hp) = (direction, pushed);
            }
            break;
        }
        let mut alpha = square / curvature;
        let next: Vec<f64> = p.iter().zip(&direction).map(|(p, d)| p + alpha * d).collect();
        let leaves = !is_convex || norm(&next) >= radius;
        if leaves {
            alpha = boundary(&p, &direction, radius);
        }
        p.iter_mut().zip(&direction).for_each(|(p, d)| *p += alpha * d);
        hp.iter_mut().zip(&pushed).for_each(|(hp, x)| *hp += alpha * x);
        if leaves {
            break;
        }
        rest.iter_mut().zip(&pushed).for_each(|(rest, x)| *rest -= alpha * x);
        let before = std::mem::replace(&mut square, dot(&rest, &rest));
        direction.iter_mut().zip(&rest).for_each(|(d, r)| *d = r + square / before * *d);
    }
    (p, hp)
}
