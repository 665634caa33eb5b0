//! Large problems. A dense matrix of these sizes would not fit in memory.

use autograd::{Matrix, Var, several, vstack};
use solve::{SparseHessian, SparseJacobian};

fn point(n: usize) -> Matrix<f64> {
    Matrix::from_fn(n, 1, |i, _| 0.5 + (i * 7919 % 101) as f64 / 200.0)
}

#[test]
fn a_tridiagonal_jacobian_of_100_000_numbers() {
    let n = 100_000;
    let mut j = SparseJacobian::new(|x| {
        let padded = x[0].pad((1, 0), (n + 2, 1));
        (3.0 - 2.0 * x[0]) * x[0] - padded.rows_in(0..n) - 2.0 * padded.rows_in(2..n + 2) + 1.0
    });
    let x = point(n);
    let at = j.at(&[&x]);
    assert_eq!((at.values().len(), j.products()), (3 * n - 2, 3));
    for (place, value) in at.pattern().places().zip(at.values()) {
        let expected = match place {
            (i, k) if i == k => 3.0 - 4.0 * x[(i, 0)],
            (i, k) if i > k => -1.0,
            _ => -2.0,
        };
        assert_eq!(*value, expected, "{place:?}");
    }
}

/// A grid of 150 × 150 numbers.
#[test]
fn the_hessian_of_a_grid() {
    let n = 150;
    let mut h = SparseHessian::new(|x| {
        let w = x[0].reshape(n, n);
        let down = w.rows_in(1..n) - w.rows_in(0..n - 1);
        let across = w.columns(1..n) - w.columns(0..n - 1);
        down.square().sum() + across.square().sum() + w.powi(4).sum()
    });
    let x = point(n * n);
    let at = h.at(&[&x]);
    assert_eq!(at.values().len(), 5 * n * n - 4 * n);
    assert!(h.products() <= 7, "{}", h.products());
    let inside = |i: usize| 8.0 + 12.0 * x[(i, 0)].powi(2);
    let middle = n * (n / 2) + n / 2;
    assert!((at.entry(middle, middle) - inside(middle)).abs() < 1e-12);
    assert_eq!([1, n, n + 1, 2].map(|step| at.entry(middle, middle + step)), [-2.0, -2.0, 0.0, 0.0]);
}

/// 100 cameras of six numbers and 4,000 points of three, each seen by five cameras: the structure of bundle adjustment.
#[test]
fn a_jacobian_like_that_of_bundle_adjustment() {
    let (cameras, points, views) = (100, 4000, 5);
    let seen: Vec<(usize, usize)> =
        (0..points).flat_map(|p| (0..views).map(move |k| ((p * 13 + k * k * 7 + k) % cameras, p))).collect();
    let of_camera: Vec<usize> = seen.iter().map(|view| view.0).collect();
    let of_point: Vec<usize> = seen.iter().map(|view| view.1).collect();
    let mut j = SparseJacobian::new(|x| views_of(x, &of_camera, &of_point));
    let number = |i: usize, j: usize| 0.3 + (i * 5 + j * 3) as f64 % 7.0 / 10.0;
    let x = [Matrix::from_fn(6, cameras, number), Matrix::from_fn(3, points, number)];
    let at = j.at(&x);
    assert_eq!((at.rows(), at.cols()), (2 * seen.len(), 6 * cameras + 3 * points));
    // Each residual reads two numbers of each vector of three.
    assert_eq!(at.values().len(), 2 * 6 * seen.len());
    assert!(j.products() <= 12, "{}", j.products());
    let v: Vec<f64> = (0..at.cols()).map(|k| (k % 11) as f64 - 5.0).collect();
    let direction = [Matrix::from_vec(6, cameras, v[..600].to_vec()), Matrix::from_vec(3, points, v[600..].to_vec())];
    let expected = several::jvp(|x| views_of(x, &of_camera, &of_point), &x, &direction).1;
    for (a, b) in at.times(&v).iter().zip(expected.as_slice()) {
        assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{a}, not {b}");
    }
}

/// Two numbers for each view.
fn views_of<'t>(x: &[Var<'t, f64>], of_camera: &[usize], of_point: &[usize]) -> Var<'t, f64> {
    let (camera, point) = (x[0].select_columns(of_camera), x[1].select_columns(of_point));
    let moved = (point - camera.rows_in(3..6)) * camera.rows_in(0..3);
    let row = |i: usize| moved.rows_in(i..i + 1);
    vstack(&[row(0) / (2.0 + row(2).square()), row(1).sin() * row(2)])
}

/// A row or a column that is full does not make the others so.
#[test]
fn arrows() {
    let n = 5000;
    let mut h = SparseHessian::new(|x| (x[0].at(0, 0) * x[0]).sum() + x[0].powi(4).sum());
    let at = h.at(&[point(n)]);
    assert_eq!((at.values().len(), h.products()), (3 * n - 2, 2));
    let mut j = SparseJacobian::new(|x| vstack(&[x[0].square().sum(), x[0].at(1, 0), x[0].at(2, 0)]));
    assert_eq!(j.at(&[point(n)]).values().len(), n + 2);
    assert_eq!(j.products(), 2);
}
