//! Measures the limits of the machine.

use std::hint::black_box;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};

/// A product by faer, on one core.
pub fn faer_product<'a>(a: MatRef<'a, f32>, b: MatRef<'a, f32>) -> impl FnMut() + 'a {
    let mut y = Mat::zeros(a.nrows(), b.ncols());
    move || matmul(y.as_mut(), Accum::Replace, a, b, 1.0, Par::Seq)
}

/// A copy of this many numbers.
pub fn copy(len: usize) -> impl FnMut() {
    let (x, mut y) = (vec![1.0f32; len], vec![0.0; len]);
    move || {
        y.copy_from_slice(black_box(&x));
        black_box(&y);
    }
}
