//! Every op on shapes at the edges of kernels.

use autograd::{Axis, Matrix, Var, affine, hstack, vstack};
use gpu::DeviceNumber;

use crate::{Records, compare, expect_all};

/// An op by its number. The operands are m × n, m × n, m × 1, 1 × n and n × m.
#[derive(Clone, Copy)]
pub struct Which(pub &'static str);

impl Records for Which {
    fn record<'t, T: DeviceNumber>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        let &[a, b, column, row, w] = x else { panic!("five operands") };
        let (m, n) = a.shape();
        let y = op(self.0, [a, b, column, row, w], (m, n));
        // Every operand counts, so that each has a gradient.
        x.iter().fold(weighted(y), |sum, x| sum + weighted(*x))
    }
}

pub const OPS: &[&str] = &[
    "add",
    "sub",
    "scaled",
    "divided",
    "column",
    "row",
    "number",
    "single",
    "mul",
    "nn",
    "tn",
    "nt",
    "tt",
    "affine",
    "transpose",
    "reshape",
    "columns",
    "rows",
    "pad",
    "gather",
    "scatter",
    "select",
    "hstack",
    "vstack",
    "sum",
    "sum_rows",
    "sum_cols",
    "mean_rows",
    "mean_cols",
    "max_rows",
    "max_cols",
    "argmax",
    "cumsum_rows",
    "cumsum_cols",
    "softmax_rows",
    "softmax_cols",
    "log_softmax_rows",
    "log_softmax_cols",
    "log_sum_exp_rows",
    "log_sum_exp_cols",
    "norm_rows",
    "norm_cols",
    "cross_entropy",
    "variance",
    "repeat",
    "chain",
    "many",
];

fn op<'t, T: DeviceNumber>(name: &str, [a, b, column, row, w]: [Var<'t, T>; 5], (m, n): (usize, usize)) -> Var<'t, T> {
    use Axis::{Cols, Rows};
    match name {
        "add" => a + b,
        "sub" => a - b * 2.0,
        "scaled" => a * 3.0,
        "divided" => a / 3.0 + column / 7.0,
        "column" => a + column,
        "row" => a + row,
        "number" => 1.0 - a,
        "single" => a + column.sum() * 0.125,
        "mul" => a * b,
        "nn" => a.matmul(w),
        "tn" => a.matmul_tn(b),
        "nt" => a.matmul_nt(b),
        "tt" => a.matmul_tt(w),
        "affine" => (a.matmul(w) + a.matmul_nt(b) + column).tanh(),
        "transpose" => a.t() + w,
        "reshape" => a.reshape(n, m) + w,
        "columns" => a.columns(n / 3..n),
        "rows" => a.rows_in(m / 3..m),
        "pad" => a.pad((1, 2), (m + 3, n + 2)),
        "gather" => a.gather((n + 1, m), |i, j| (index(j, m), index(i, n))),
        "scatter" => a.scatter_add((m, n), |i, j| (index(i / 2, m), index(j / 2, n))),
        "select" => a.select_columns(&(0..n + 2).map(|k| index(k, n)).collect::<Vec<_>>()),
        "hstack" => hstack(&[a, column, b]),
        "vstack" => vstack(&[a, row, b]),
        "sum" => a.sum(),
        "sum_rows" => a.sum_over(Rows),
        "sum_cols" => a.sum_over(Cols),
        "mean_rows" => a.mean_over(Rows),
        "mean_cols" => a.mean_over(Cols),
        "max_rows" => a.max_over(Rows),
        "max_cols" => a.max_over(Cols),
        "argmax" => a.arg_max(Rows) * b,
        "cumsum_rows" => a.cumsum(Rows),
        "cumsum_cols" => a.cumsum(Cols),
        "softmax_rows" => a.softmax(Rows),
        "softmax_cols" => a.softmax(Cols),
        "log_softmax_rows" => a.log_softmax(Rows),
        "log_softmax_cols" => a.log_softmax(Cols),
        "log_sum_exp_rows" => a.log_sum_exp(Rows),
        "log_sum_exp_cols" => a.log_sum_exp(Cols),
        "norm_rows" => a.norm_over(Rows),
        "norm_cols" => a.norm_over(Cols),
        "cross_entropy" => a.softmax_cross_entropy(b),
        "variance" => a.variance_over(Cols),
        "repeat" => column.repeat(m, n) * a,
        "chain" => (a.tanh() * b + column).sigmoid() * a.exp() - b,
        // More terms than one kernel has parameters for.
        "many" => {
            let products = affine(&[(a, w); 14], Some(column));
            (0..20).fold(products, |sum, k| sum + column / f64::from(k + 3))
        }
        _ => unreachable!("{name} is not in the list"),
    }
}

/// A sum with different weights, so that no two entries can be exchanged.
fn weighted<'t, T: DeviceNumber>(y: Var<'t, T>) -> Var<'t, T> {
    let (m, n) = y.shape();
    let w = Matrix::from_fn(m, n, |i, j| T::from_f64(((3 * i + 5 * j) % 7) as f64 / 4.0 - 0.75));
    (y * y.tape().constant(w)).sum()
}

fn index(k: usize, len: usize) -> usize {
    (k * 7 + 3) % len
}

pub fn operands((m, n): (usize, usize)) -> Vec<Matrix<f64>> {
    let number =
        |i: usize, j: usize, k: usize| ((i * 13 + j * 29 + k * 7 + i * j) % 41) as f64 / 16.0 - 1.25 + 0.01 * k as f64;
    let of = |m, n, k| Matrix::from_fn(m, n, |i, j| number(i, j, k));
    vec![of(m, n, 0), of(m, n, 1), of(m, 1, 2), of(1, n, 3), of(n, m, 4)]
}

fn try_all(shape: (usize, usize), names: &[&'static str]) {
    expect_all(names.iter().map(|name| compare(&format!("{name} of {shape:?}"), &Which(name), &operands(shape))));
}

#[test]
fn single_entries() {
    try_all((1, 1), OPS);
}

#[test]
fn odd_sides() {
    try_all((3, 5), OPS);
}

#[test]
fn sides_above_a_workgroup() {
    try_all((67, 300), OPS);
}

/// Products whose factors are read by vectors of four.
#[test]
fn sides_of_whole_vectors() {
    try_all((68, 132), &["nn", "tn", "nt", "tt", "affine", "many"]);
}

#[test]
fn long_columns_and_rows() {
    try_all((700, 2), OPS);
    try_all((1, 513), OPS);
}

/// More columns than workgroups in a row, and sums of many terms.
#[test]
fn many_columns() {
    try_all(
        (2, 70_000),
        &["softmax_rows", "log_sum_exp_cols", "sum_rows", "sum_cols", "max_rows", "cross_entropy", "nn", "chain"],
    );
}

/// Ops that have a result without entries, or without terms.
#[test]
fn empty_matrices() {
    let some = OPS
        .iter()
        .copied()
        .filter(|op| !["gather", "scatter", "select", "variance", "mean_rows", "mean_cols"].contains(op));
    let some: Vec<&str> = some.collect();
    try_all((0, 3), &some.iter().copied().filter(|op| !op.starts_with("max") && *op != "argmax").collect::<Vec<_>>());
    try_all((3, 0), &some);
}
