//! What the machine can do.

use std::hint::black_box;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};

/// faer's product of two matrices of this side, on one core.
pub fn faer_product(side: usize) -> impl FnMut() {
    let a = Mat::<f32>::from_fn(side, side, |i, j| (i % 7) as f32 - (j % 5) as f32);
    let (b, mut y) = (Mat::<f32>::full(side, side, 0.5), Mat::<f32>::zeros(side, side));
    move || matmul(y.as_mut(), Accum::Replace, a.as_ref(), b.as_ref(), 1.0, Par::Seq)
}

/// A copy of so many numbers.
pub fn copy(len: usize) -> impl FnMut() {
    let (x, mut y) = (vec![1.0f32; len], vec![0.0; len]);
    move || {
        y.copy_from_slice(black_box(&x));
        black_box(&y);
    }
}
