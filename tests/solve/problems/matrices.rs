//! Functions of Cartis and Roberts whose variables are the entries of matrices: eigenvectors, roots, and orthogonal factors.

use std::f64::consts::PI;

use super::{Function, Number, sum};

/// The function of this name.
pub fn function(name: &str) -> Option<Function> {
    Some(match name {
        "eigena" => |x| decomposition(x, |i, j| if i == j { (i + 1) as f64 } else { 0.0 }),
        "eigenb" => |x| decomposition(x, |i, j| [2.0, -1.0, 0.0][i.abs_diff(j).min(2)]),
        "msqrta" => |x| root(x, |i, j| sine(10 * i + j + 1)),
        "msqrtb" => |x| root(x, |i, j| if (i, j) == (2, 0) { 0.0 } else { sine(10 * i + j + 1) }),
        "qr3d" => |x| factors(x, 5),
        "qr3dbd" => |x| factors(x, 3),
        "spmsqrt" => tridiagonal_root,
        _ => return None,
    })
}

/// The positions of a matrix of n × n, row by row.
fn positions(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n * n).map(move |k| (k / n, k % n))
}

fn unit(i: usize, j: usize) -> f64 {
    if i == j { 1.0 } else { 0.0 }
}

/// A = Qᵀ diag(d) Q with Qᵀ Q = 1, of d and Q row by row: entry by entry, the first of both, then the second.
fn decomposition<'t>(x: &[Number<'t>], a: fn(usize, usize) -> f64) -> Vec<Number<'t>> {
    let n = 10;
    let (d, q) = x.split_at(n);
    let q = |i: usize, j: usize| q[i * n + j];
    let product = positions(n).map(|(i, j)| sum((0..n).map(|k| q(k, i) * d[k] * q(k, j))) - a(i, j));
    product.chain(positions(n).map(|(i, j)| sum((0..n).map(|k| q(k, i) * q(k, j))) - unit(i, j))).collect()
}

/// X² = B² for a matrix of 10 × 10, row by row.
fn root<'t>(x: &[Number<'t>], b: fn(usize, usize) -> f64) -> Vec<Number<'t>> {
    let n = 10;
    let entry = |(i, j)| {
        let square = (0..n).map(|k| b(i, k) * b(k, j)).sum::<f64>();
        sum((0..n).map(|k| x[i * n + k] * x[k * n + j])) - square
    };
    positions(n).map(entry).collect()
}

/// X² = B² for matrices of three diagonals, whose entries follow each other row by row: (i, j) is number 2 i + j (Griewank).
fn tridiagonal_root<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let n = x.len().div_ceil(3);
    let entry = |(i, j): (usize, usize)| {
        let both = || (0..n).filter(|k| i.abs_diff(*k) <= 1 && j.abs_diff(*k) <= 1);
        let square = both().map(|k| sine(2 * i + k + 1) * sine(2 * k + j + 1)).sum::<f64>();
        // Far from the diagonal there is no term.
        both().map(|k| x[2 * i + k] * x[2 * k + j]).reduce(|a, b| a + b).unwrap_or(x[0] * 0.0) - square
    };
    positions(n).map(entry).collect()
}

/// sin k², of the remainder by 2 π.
fn sine(k: usize) -> f64 {
    ((k * k) as f64 % (2.0 * PI)).sin()
}

/// Q Qᵀ = 1 on and above the diagonal, and Q R = A of three diagonals: Q row by row, then the rows of R, which begin on the diagonal and
/// have at most `width` entries (Gould).
fn factors<'t>(x: &[Number<'t>], width: usize) -> Vec<Number<'t>> {
    let m = 5;
    let (q, r) = x.split_at(m * m);
    let q = |i: usize, k: usize| q[i * m + k];
    let start = |row: usize| (0..row).map(|i| width.min(m - i)).sum::<usize>();
    let r = |k: usize, j: usize| r[start(k) + j - k];
    let a = |i: usize, j: usize| match (i, j) {
        (4, 4) => 2.0 * m as f64,
        _ if i == j => 2.0 * (i + 1) as f64 / m as f64,
        _ if i.abs_diff(j) == 1 => -(i as f64) / m as f64,
        _ => 0.0,
    };
    let orthogonal = positions(m).filter(|(i, j)| i <= j);
    let orthogonal = orthogonal.map(|(i, j)| sum((0..m).map(|k| q(i, k) * q(j, k))) - unit(i, j));
    let product = |(i, j)| sum((0..=j).filter(|k| j - k < width).map(|k| q(i, k) * r(k, j))) - a(i, j);
    orthogonal.chain(positions(m).map(product)).collect()
}
