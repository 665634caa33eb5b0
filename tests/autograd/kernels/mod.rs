//! The kernels: formulas, sums and maxima of columns, transposes.

mod enclosures;
mod erf;
mod functions;

use autograd::Matrix;
use kernel::columns::{first_max, log_sum_exp, max, sum};
use kernel::simd::Accum;
use kernel::transpose::transpose;

#[test]
fn lanes_agree_with_plain_loops() {
    for len in 0..100_usize {
        let whole: Vec<f64> = (0..len).map(|i| ((i * 37) % 23) as f64 - 11.0).collect();
        assert_eq!(sum([&whole, &whole], |[a, b]| a * b), whole.iter().map(|x| x * x).sum::<f64>());
        for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 50.0] {
            for at in [0, len / 2, len.saturating_sub(1), len] {
                let mut x = whole.clone();
                x.iter_mut().skip(at).step_by(40).for_each(|x| *x = special);
                let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let first = x.iter().position(|x| x.is_nan()).or(x.iter().position(|&x| x == largest));
                assert_eq!(max(&x), largest);
                assert_eq!(first_max(&x), first);
                let direct = x.iter().map(|x| x.exp()).sum::<f64>().ln();
                let found = log_sum_exp(&x);
                let near = (found - direct).abs() <= 1e-14 * direct.abs() + 1e-15;
                assert!(near || found == direct || (found.is_nan() && direct.is_nan()), "{found} for {direct}");
            }
        }
    }
}

#[test]
fn rows_become_columns() {
    for (m, n) in [(1, 1), (16, 16), (5, 40), (33, 17), (600, 500)] {
        let x = Matrix::from_fn(m, n, |i, j| (i * n + j) as f32);
        for accum in [Accum::Replace, Accum::Add] {
            let mut y = Matrix::full(n, m, 1.0f32);
            transpose(x.view(), accum, y.as_mut_slice());
            let before = if accum == Accum::Add { 1.0 } else { 0.0 };
            assert_eq!(y, Matrix::from_fn(n, m, |j, i| before + x[(i, j)]), "{m} × {n}");
        }
    }
}
