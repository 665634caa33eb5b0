//! Patterns and numbers of products against those of asdex and sparsejac on the same functions and matrices.

use autograd::{Axis, Matrix, Var, hstack, vstack};
use solve::{SparseHessian, SparseJacobian};
use tape_tests::oracle::parse;

/// A case: the columns of each row, the number of columns, and the fewest colours of a peer.
struct Case {
    name: String,
    rows: Vec<Vec<usize>>,
    cols: usize,
    fewest: usize,
}

fn cases(kind: &str) -> Vec<Case> {
    let all = parse(include_str!("../../oracle/sparse_patterns.json"));
    let number = |x: &serde_json::Value| x.as_u64().unwrap() as usize;
    let case = |(name, case): (&String, &serde_json::Value)| {
        let row = |row: &serde_json::Value| row.as_array().unwrap().iter().map(number).collect();
        let peers = ["asdex", "sparsejac"].iter().filter_map(|peer| case.get(peer));
        Case {
            name: name.clone(),
            rows: case["rows"].as_array().unwrap().iter().map(row).collect(),
            cols: number(&case["cols"]),
            fewest: peers.map(number).min().unwrap(),
        }
    };
    all[kind].as_object().unwrap().iter().map(case).collect()
}

impl Case {
    fn places(&self) -> Vec<(usize, usize)> {
        self.rows.iter().enumerate().flat_map(|(i, row)| row.iter().map(move |&j| (i, j))).collect()
    }

    /// Entry i of a function whose Jacobian has this pattern.
    fn function<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        let row = |row: &Vec<usize>| match row.as_slice() {
            [] => x.tape().constant(Matrix::zeros(1, 1)),
            row => vstack(&row.iter().map(|&j| x.at(j, 0).square()).collect::<Vec<_>>()).sum(),
        };
        vstack(&self.rows.iter().map(row).collect::<Vec<_>>())
    }

    /// A number whose Hessian has this pattern.
    fn number<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        let products = self.places().into_iter().filter(|(i, j)| i <= j).map(|(i, j)| x.at(i, 0) * x.at(j, 0));
        vstack(&products.collect::<Vec<_>>()).sum()
    }

    fn point(&self) -> Matrix<f64> {
        Matrix::from_fn(self.cols, 1, |i, _| 0.5 + (i % 7) as f64 / 10.0)
    }

    #[track_caller]
    fn check(&self, found: impl Iterator<Item = (usize, usize)>, products: usize) {
        let mut found: Vec<_> = found.collect();
        found.sort_unstable();
        assert!(found == self.places(), "{}: another pattern", self.name);
        assert!(products <= self.fewest + 1, "{}: {products} products, a peer takes {}", self.name, self.fewest);
    }
}

fn heat<'t>(u: Var<'t, f64>) -> Var<'t, f64> {
    let n = u.rows();
    let padded = u.pad((1, 0), (n + 2, 1));
    padded.rows_in(0..n) - 2.0 * padded.rows_in(1..n + 1) + padded.rows_in(2..n + 2)
}

fn convolution_1d<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    let n = x.rows();
    (x.rows_in(0..n - 2) - 2.0 * x.rows_in(1..n - 1) + x.rows_in(2..n)).square()
}

fn convolution_2d<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    let x = x.reshape(12, 12);
    let shifted = |k: usize| x.rows_in(k / 3..k / 3 + 10).columns(k % 3..k % 3 + 10);
    (1..9).fold(shifted(0), |sum, k| sum + shifted(k)).square().reshape(100, 1)
}

fn brusselator<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    let (u, v) = (x.rows_in(0..36).reshape(6, 6), x.rows_in(36..72).reshape(6, 6));
    let laplace = |w: Var<'t, f64>| {
        let neighbours = [Axis::Rows, Axis::Cols].map(|axis| w.roll(1, axis) + w.roll(-1, axis));
        neighbours[0] + neighbours[1] - 4.0 * w
    };
    let du = 1.0 + u.square() * v - 4.4 * u + 0.1 * laplace(u);
    let dv = 3.4 * u - u.square() * v + 0.1 * laplace(v);
    vstack(&[du.reshape(36, 1), dv.reshape(36, 1)])
}

fn broyden_tridiagonal<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    let n = x.rows();
    let padded = x.pad((1, 0), (n + 2, 1));
    (3.0 - 2.0 * x) * x - padded.rows_in(0..n) - 2.0 * padded.rows_in(2..n + 2) + 1.0
}

fn bundle<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    let seen = (0..5).flat_map(|c| (0..8).map(move |p| (c, p))).filter(|(c, p)| (c + p) % 3 != 0);
    let residual = |(c, p): (usize, usize)| {
        let (camera, point) = (x.rows_in(3 * c..3 * c + 3), x.rows_in(15 + 2 * p..17 + 2 * p));
        camera.rows_in(0..2).matmul_tn(point) + camera.at(2, 0)
    };
    vstack(&seen.map(residual).collect::<Vec<_>>())
}

fn rosenbrock<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    let n = x.rows();
    let (a, b) = (x.rows_in(0..n - 1), x.rows_in(1..n));
    ((1.0 - a).square() + 100.0 * (b - a.square()).square()).sum()
}

fn wood<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    let x = x.reshape(4, x.rows() / 4);
    let [a, b, c, d] = [0, 1, 2, 3].map(|k| x.rows_in(k..k + 1));
    let first = 100.0 * (b - a.square()).square() + (1.0 - a).square();
    let second = 90.0 * (d - c.square()).square() + (1.0 - c).square();
    (first + second + 10.0 * (b + d - 2.0).square() + (b - d).square() / 10.0).sum()
}

fn plate<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    let w = x.reshape(8, 8).pad((1, 1), (10, 10));
    let part = |i: usize, j: usize| w.rows_in(i..i + 9).columns(j..j + 9);
    (1.0 + (part(1, 0) - part(0, 0)).square() + (part(0, 1) - part(0, 0)).square()).sqrt().sum()
}

fn arrow<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    (x.at(0, 0) * x.rows_in(1..x.rows())).sum() + x.powi(4).sum()
}

fn star_without_diagonal<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
    let pairs = [(0, 1), (0, 2), (1, 3), (2, 3)];
    hstack(&pairs.map(|(i, j)| x.at(i, 0) * x.at(j, 0))).sum()
}

/// A function by its name in the file.
macro_rules! named {
    ($($name:ident)*) => {
        fn named<'t>(name: &str, x: Var<'t, f64>) -> Var<'t, f64> {
            match name {
                $(stringify!($name) => $name(x),)*
                _ => panic!("{name} is not among the functions"),
            }
        }
    };
}
named!(heat convolution_1d convolution_2d brusselator broyden_tridiagonal bundle rosenbrock wood plate arrow star_without_diagonal);

#[test]
fn jacobians_have_the_patterns_of_peers_and_as_few_products() {
    for case in cases("jacobians") {
        let mut j = SparseJacobian::new(|x| named(&case.name, x[0]));
        let at = j.at(&[case.point()]);
        case.check(at.pattern().places(), j.products());
        assert_eq!(at.to_dense(), autograd::jacobian(|x| named(&case.name, x), &case.point()), "{}", case.name);
    }
}

#[test]
fn hessians_have_the_patterns_of_peers_and_as_few_products() {
    for case in cases("hessians") {
        let mut h = SparseHessian::new(|x| named(&case.name, x[0]));
        let at = h.at(&[case.point()]);
        case.check(at.pattern().places(), h.products());
        let dense = autograd::hessian(|x| named(&case.name, x), &case.point());
        let wrong =
            at.to_dense().as_slice().iter().zip(dense.as_slice()).any(|(a, b)| (a - b).abs() > 1e-12 * (1.0 + b.abs()));
        assert!(!wrong, "{}: another Hessian", case.name);
    }
}

#[test]
fn matrices_take_as_few_products_as_those_of_peers() {
    for case in cases("matrices") {
        let mut j = SparseJacobian::new(|x| case.function(x[0]));
        let at = j.at(&[case.point()]);
        case.check(at.pattern().places(), j.products());
        let expected = |i: usize, k: usize| if case.rows[i].contains(&k) { 2.0 * case.point()[(k, 0)] } else { 0.0 };
        assert_eq!(at.to_dense(), Matrix::from_fn(case.rows.len(), case.cols, expected), "{}", case.name);
    }
}

#[test]
fn symmetric_matrices_take_as_few_products_as_those_of_peers() {
    for case in cases("symmetric") {
        let mut h = SparseHessian::new(|x| case.number(x[0]));
        let at = h.at(&[case.point()]);
        case.check(at.pattern().places(), h.products());
        let entry =
            |i: usize, j: usize| f64::from(u8::from(case.rows[i].contains(&j))) * if i == j { 2.0 } else { 1.0 };
        assert_eq!(at.to_dense(), Matrix::from_fn(case.cols, case.cols, entry), "{}", case.name);
    }
}
