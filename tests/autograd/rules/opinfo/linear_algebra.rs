//! Linear algebra beyond systems: singular values, least squares, norms of matrices, powers. A matrix without rows and columns has few
//! of these.

use super::*;

/// What an operator of linear algebra is in the public methods.
pub(super) fn apply<'t>(op: &str, a: &Arguments<'_, 't>) -> Option<Outcome<'t>> {
    let x = a.at(0);
    let one = |x: V<'t>| Ok(vec![x]);
    Some(match op {
        "linalg.svdvals" => one(x.singular_values().unwrap()),
        "linalg.svd" => {
            let (u, values, v) = x.svd().unwrap();
            // PyTorch tests |U|, or σ and |Vᵀ|: signs are a choice.
            if a.outputs.len() == 1 { one(u.abs()) } else { Ok(vec![values.t(), v.t().abs()]) }
        }
        "linalg.pinv" if a.flag(9, "hermitian") => Err("of the lower triangle of a matrix that is not symmetric"),
        "linalg.pinv" => {
            let x = if a.list.len() == 2 { x.matmul_nt(a.at(1)) } else { x };
            one(x.pinv(a.named["rtol"].as_f64()).unwrap())
        }
        "linalg.lstsq" => {
            let b = a.at(1);
            let found = x.least_squares(b, None).unwrap();
            let left = (x.matmul(found) - b).square().sum_over(Axis::Rows);
            Ok(if a.outputs[1] > 0 { vec![found, left] } else { vec![found] })
        }
        "triangular_solve" => {
            let upper = a.at(1).upper();
            Ok(vec![upper.solve_triangular(x, Triangle::Upper, Trans::No).unwrap(), a.at(1)])
        }
        "linalg.matrix_power" => one(x.matrix_power(a.number(1, "n", 1.0) as i32).unwrap()),
        "linalg.matrix_norm" => norm(if a.value(2, "dim")[0] == -1 { x.t() } else { x }, a.value(1, "ord")),
        "norm" if a.value(1, "p").is_string() && a.text(1, "p").parse::<f64>().is_err() => norm(x, a.value(1, "p")),
        "linalg.norm" if a.rank(0) == 2 && !a.value(1, "ord").is_null() => norm(x, a.value(1, "ord")),
        _ => return None,
    })
}

/// A norm of a matrix by PyTorch's name.
fn norm<'t>(x: V<'t>, ord: &Value) -> Outcome<'t> {
    let empty = x.tape().constant(Matrix::zeros(1, 1));
    let number = if ord.as_str().is_some_and(|name| name.parse::<f64>().is_err()) {
        f64::NAN
    } else {
        tape_tests::oracle::number(ord)
    };
    let sums = |axis| x.abs().sum_over(axis);
    Ok(vec![match number {
        _ if x.rows() * x.cols() == 0 => x.sum() + empty,
        f64::INFINITY => sums(Axis::Cols).max_entry(),
        f64::NEG_INFINITY => sums(Axis::Cols).min_entry(),
        1.0 => sums(Axis::Rows).max_entry(),
        -1.0 => sums(Axis::Rows).min_entry(),
        2.0 => x.spectral_norm().unwrap(),
        -2.0 => x.singular_values().unwrap().min_entry(),
        _ if ord == "nuc" => x.nuclear_norm().unwrap(),
        _ => x.norm(),
    }])
}
