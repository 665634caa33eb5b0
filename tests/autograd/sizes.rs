//! Sums, means, variances and norms of many numbers, and of numbers of any size.

use autograd::{Axis, Matrix, Real, Tape, grad};
use proptest::prelude::*;

/// |a / b − 1|.
fn apart<T: Real>(a: T, b: f64) -> f64 {
    (a.to_f64() / b - 1.0).abs()
}

/// The norms of x 2^power, and their gradients, are those of x: along both axes, over all entries, and for groups of one number.
fn norms<T: Real>(entries: &[f64], power: i32) {
    let unit = 2f64.powi(power);
    let x = Matrix::from_fn(3, entries.len() / 3, |i, j| T::from_f64(entries[i + 3 * j] * unit));
    let tape = Tape::new();
    let v = tape.variable(&x);
    for (axis, norm) in
        [(Some(Axis::Rows), v.norm_over(Axis::Rows)), (Some(Axis::Cols), v.norm_over(Axis::Cols)), (None, v.norm())]
    {
        let slopes = grad(norm.sum(), &[v])[0].value();
        let (rows, cols) = x.shape();
        let group = |i: usize, j: usize| match axis {
            Some(Axis::Rows) => (0..rows).map(|i| entries[i + 3 * j]).collect::<Vec<_>>(),
            Some(Axis::Cols) => (0..cols).map(|j| entries[i + 3 * j]).collect(),
            None => entries[..3 * cols].to_vec(),
        };
        for (i, j) in (0..cols).flat_map(|j| (0..rows).map(move |i| (i, j))) {
            let expected = group(i, j).iter().map(|x| x * x).sum::<f64>().sqrt();
            let norm = norm.value()[(i.min(norm.rows() - 1), j.min(norm.cols() - 1))];
            let slope = slopes[(i, j)].to_f64();
            if expected == 0.0 {
                assert_eq!((norm.to_f64(), slope), (0.0, 0.0));
            } else {
                assert!(apart(norm, expected * unit) < 4.0 * T::EPSILON, "{axis:?}: {norm} for {expected:e} 2^{power}");
                assert!((slope - entries[i + 3 * j] / expected).abs() < 4.0 * T::EPSILON, "{axis:?}: slope {slope}");
            }
        }
        // The gradient and the tangent belong to the same Jacobian.
        let direction = x.map(|x| T::from_f64(x.to_f64() / unit));
        let pushed = autograd::jvp(norm.sum(), &[(v, tape.constant(direction.clone()))]).item().to_f64();
        let pulled: f64 =
            direction.as_slice().iter().zip(slopes.as_slice()).map(|(a, b)| a.to_f64() * b.to_f64()).sum();
        assert!((pushed - pulled).abs() < 100.0 * T::EPSILON * pulled.abs().max(1.0), "{axis:?}: {pushed} {pulled}");
    }
}

proptest! {
    #[test]
    fn norms_of_any_size(
        entries in prop::collection::vec(prop_oneof![Just(0.0), (8i32..160).prop_map(|k| f64::from(k) / 16.0)], 3..40),
        power in -900i32..900,
        single in -110i32..110,
    ) {
        norms::<f64>(&entries, power);
        norms::<f32>(&entries, single);
    }
}

#[test]
fn what_is_not_finite_has_no_norm() {
    let tape = Tape::new();
    let norms = tape
        .constant(Matrix::from([[1.0, f64::NAN, f64::INFINITY, f64::NAN], [0.0, 1.0, 1.0, f64::INFINITY]]))
        .norm_over(Axis::Rows);
    let [one, nan, infinite, both] = norms.value().as_slice().try_into().unwrap();
    assert!(one == 1.0 && nan.is_nan() && infinite == f64::INFINITY && both.is_nan());
    let norms = tape
        .constant(Matrix::from([[1.0, f64::NAN], [f64::INFINITY, 1.0], [1.0, f64::NAN]]))
        .norm_over(Axis::Cols)
        .value();
    assert!(norms[(0, 0)].is_nan() && norms[(1, 0)] == f64::INFINITY && norms[(2, 0)].is_nan());
}

#[test]
fn variances_far_from_zero() {
    let tape = Tape::<f32>::new();
    let row = Matrix::from_fn(1, 1000, |_, j| 1e6 + (j % 2) as f32);
    let x = tape.variable(&row);
    let each = [x.variance(), x.variance_over(Axis::Cols), x.t().variance_over(Axis::Rows)];
    for variance in each {
        assert_eq!(variance.item(), 0.25);
        let gradient = grad(variance, &[x])[0].value();
        assert!(gradient.as_slice().iter().enumerate().all(|(j, g)| (g - [-1e-3, 1e-3][j % 2]).abs() < 1e-9));
    }
    let equal = tape.constant(Matrix::full(3, 77, 0.1 * 3.0)).variance_over(Axis::Cols).value();
    assert_eq!(equal, Matrix::zeros(3, 1));
}

/// Sums of more numbers than a float has digits for, computed in every way.
#[test]
fn sums_of_many_numbers() {
    const N: usize = 3_000_000;
    let small = f64::from(0.1f32);
    let total = N as f64 * small;
    let close = |name: &str, found: f32, expected: f64| {
        assert!(apart(found, expected) <= 1e-6, "{name}: {found} for {expected}")
    };
    for rows in [1, 3, 33] {
        let n = N / rows;
        let tape = Tape::<f32>::new();
        let x = tape.constant(Matrix::full(rows, n, 0.1));
        close("mean along columns", x.mean_over(Axis::Cols).value()[(rows - 1, 0)], small);
        close("mean along rows", x.t().mean_over(Axis::Rows).value()[(0, rows - 1)], small);
        close("mean", x.mean().item(), small);
        close("norm", x.norm_over(Axis::Cols).value()[(rows - 1, 0)], (n as f64).sqrt() * small);
        close("norm", x.t().norm_over(Axis::Rows).value()[(0, rows - 1)], (n as f64).sqrt() * small);
        let bias = tape.variable(Matrix::zeros(rows, 1));
        close("gradient of a bias", ((x + bias) * x).sum().backward().wrt(bias)[(rows - 1, 0)], n as f64 * small);
        let two = Matrix::from_fn(rows, n, |_, j| [100.0, 101.0][j % 2]);
        close("variance", tape.constant(two).variance_over(Axis::Cols).value()[(0, 0)], 0.25);
        close("product", x.matmul_nt(x).value()[(0, rows - 1)], n as f64 * small * small);
    }
    let tape = Tape::<f32>::new();
    let x = tape.constant(Matrix::full(N, 1, 0.1));
    close("cumsum", x.cumsum(Axis::Rows).value()[(N - 1, 0)], total);
    close("log_sum_exp", x.log_sum_exp(Axis::Rows).item(), small + (N as f64).ln());
    close("softmax", x.softmax(Axis::Rows).value()[(7, 0)], 1.0 / N as f64);
    let all = tape.constant(Matrix::full(N, 1, f32::MAX)).sum().item();
    assert_eq!(all, f32::INFINITY);
    // Large products are computed by a separate kernel.
    let k = 100_000;
    let number = |i: usize, p: usize| ((i * 7 + p * 13) % 101) as f32 / 101.0;
    let x = tape.constant(Matrix::from_fn(96, k, number));
    let expected = (0..k).map(|p| f64::from(number(95, p)).powi(2)).sum();
    close("large product", x.matmul_nt(x).value()[(95, 95)], expected);
}
