//! Operators that send entries somewhere else, or compare them.

use super::operators::{norm, one};
use super::*;

/// Where entries go somewhere else.
pub(super) fn moved<'t>(op: &str, a: &Arguments<'_, 't>) -> Outcome<'t> {
    let (x, tape, along) = (a.at(0), a.tape, a.axis(1, "dim").unwrap_or(Axis::Cols));
    match op {
        "diff" => {
            if a.number(1, "n", 1.0) == 0.0 {
                return one(x);
            }
            let axis = a.axis(2, "dim").unwrap_or(Axis::Cols);
            let ends = [a.tensor(3, "prepend"), Some(x), a.tensor(4, "append")];
            let ends: Vec<V<'t>> = ends.into_iter().flatten().collect();
            let whole = if axis == Axis::Rows { vstack(&ends) } else { hstack(&ends) };
            one((0..a.number(1, "n", 1.0) as usize).fold(whole, |y, _| y.diff(axis)))
        }
        "cdist" => {
            let (x, y) = (x.t(), a.at(1).t());
            let all = norm(x.differences(y), a.number(2, "p", 2.0), Some(Axis::Rows))?[0];
            one(all.reshape(x.cols(), y.cols()))
        }
        "nn.functional.pdist" => {
            let (n, x) = (x.rows(), x.t());
            let pairs: Vec<usize> = (0..n).flat_map(|i| (i + 1..n).map(move |j| i + j * n)).collect();
            norm(x.differences(x).select_columns(&pairs), a.number(1, "p", 2.0), Some(Axis::Rows))
        }
        "cross" => {
            let y = a.at(1);
            let next = |x: V<'t>, by: isize| x.roll(-by, Axis::Cols);
            one(next(x, 1) * next(y, 2) - next(x, 2) * next(y, 1))
        }
        "cumprod" => one(x.cumprod(along)),
        "cummax" => one(x.cummax(along)),
        "cummin" => one(x.cummin(along)),
        "logcumsumexp" => one(x.log_cumsum_exp(along)),
        "sort" if a.flag(2, "descending") => one(x.top_k(along.group_len(x.shape()), along).0),
        "sort" => one(x.sort(along).0),
        "topk" => one(x.top_k(a.number(1, "k", 1.0) as usize, a.axis(2, "dim").unwrap_or(Axis::Cols)).0),
        "kron" => one(x.kron(a.at(1))),
        "nn.functional.pad" if a.text(2, "mode") == "constant" => {
            let sides: Vec<usize> = numbers(a.value(1, "pad")).into_iter().map(|n| n as usize).collect();
            let [left, right, above, below] = [0, 1, 2, 3].map(|k| sides.get(k).copied().unwrap_or(0));
            let (m, n) = x.shape();
            let shape = (above + m + below, left + n + right);
            let inside = tape.constant(Matrix::full(m, n, 1.0)).pad((above, left), shape);
            one(x.pad((above, left), shape) + (1.0 - inside) * a.number(3, "value", 0.0))
        }
        "nn.functional.pad" => Err("only constants around it"),
        "linalg.vander" => {
            let columns: Vec<V<'t>> = (0..a.number(1, "N", 0.0) as i32).map(|k| x.t().powi(k)).collect();
            one(hstack(&columns))
        }
        _ => Err("entries in another order: gather, in axes.rs"),
    }
}
