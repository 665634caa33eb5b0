//! Newton's method with sparse Hessians.

use autograd::{Matrix, Var};
use solve::{Minimize, MinimizeSettings, Minimizer, Objective, Smooth};

/// Rosenbrock's function in a chain.
fn chain<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    let n = x.rows();
    let (a, b) = (x.rows_in(0..n - 1), x.rows_in(1..n));
    (100.0 * (b - a.square()).square() + (1.0 - a).square()).sum()
}

/// Products with a sparse H are those of the tangent of the gradient, at one point after the other.
#[test]
fn products_are_those_of_the_tangent() {
    let n = 300;
    let mut smooth = Smooth::new(|x| chain(x[0]));
    for shift in [0.0, 0.3, 0.0] {
        let x: Vec<f64> = (0..n).map(|k| shift + (k * 31 % 17) as f64 / 10.0).collect();
        let v = Matrix::from_fn(n, 3, |i, j| ((i * 7 + j * 5) % 13) as f64 - 6.0);
        let found = smooth.products(&x, &v).unwrap();
        for j in 0..3 {
            let expected = autograd::hvp(chain, &Matrix::column(&x), &Matrix::column(v.col(j)));
            for (a, b) in found.col(j).iter().zip(expected.as_slice()) {
                assert!((a - b).abs() < 1e-10 * (1.0 + b.abs()), "{a}, not {b}");
            }
        }
    }
}

/// A function that is another one beyond a branch has another H there.
#[test]
fn a_branch_changes_the_products() {
    let n = 120;
    let mut smooth = Smooth::new(|x| {
        let square = x[0].square().sum();
        if x[0].at(0, 0) > 0.0 { square } else { square + (x[0].rows_in(1..n) * x[0].rows_in(0..n - 1)).sum() }
    });
    let v = Matrix::full(n, 1, 1.0);
    for _ in 0..3 {
        assert_eq!(smooth.products(&vec![1.0; n], &v).unwrap()[(5, 0)], 2.0);
        assert_eq!(smooth.products(&vec![-1.0; n], &v).unwrap()[(5, 0)], 4.0);
    }
}

#[test]
fn every_method_of_newton_finds_the_minimum() {
    for (method, n) in [(Minimizer::TrustRegion, 110), (Minimizer::Steihaug, 2000), (Minimizer::NewtonCg, 2000)] {
        let settings = MinimizeSettings { method, ..MinimizeSettings::default() };
        let start: Vec<f64> = (0..n).map(|k| 0.9 + 0.02 * (k % 7) as f64).collect();
        let found = Minimize::new(Smooth::new(|x| chain(x[0]))).settings(settings).from(&start).unwrap();
        assert!(found.x.iter().all(|x| (x - 1.0).abs() < 1e-6), "{method:?}: {}", found.reason);
    }
}
