//! The derivatives of recorded residuals.

use std::array::from_fn;

use autograd::{compiled_once, vectorised};

use crate::{Matrix, MatrixRef, Real, Var};

/// The derivatives of the entries of r (rows) with respect to those of the parameters (columns), both column by column, above `below` rows
/// of zeros. They are written to `buffer`, whose old numbers do not matter.
#[compiled_once]
pub(super) fn jacobian<'t, T: Real>(
    r: Var<'t, T>,
    params: &[Var<'t, T>],
    below: usize,
    mut buffer: Vec<f64>,
) -> Matrix<f64> {
    let (outputs, samples) = r.shape();
    let (above, cols) = (outputs * samples, params.iter().map(|w| w.rows() * w.cols()).sum());
    let rows = above + below;
    buffer.resize(rows * cols, 0.0);
    let mut all = Matrix::from_vec(rows, cols, buffer);
    (0..cols).for_each(|k| all.col_mut(k)[above..].fill(0.0));
    let data = data(r);
    if samples < 2 || data.is_empty() || !r.keeps_samples_apart(&data) {
        let found = r.program(params).jacobian();
        for k in 0..cols {
            all.col_mut(k).iter_mut().zip(found.col(k)).for_each(|(all, x)| *all = x.to_f64());
        }
        return all;
    }
    for output in 0..outputs {
        let row = if outputs == 1 { r } else { r.rows_in(output..output + 1) };
        let each = row.backward_per_sample(&data);
        let mut column = 0;
        for &param in params {
            let columns = column..column + param.rows() * param.cols();
            match each.get(param) {
                Some(found) => transpose(found, &mut all, (output, outputs), column),
                None => columns.clone().for_each(|k| {
                    all.col_mut(k)[output..above].iter_mut().step_by(outputs).for_each(|x| *x = 0.0);
                }),
            }
            column = columns.end;
        }
    }
    all
}

/// The side of the squares that are turned at once.
const SIDE: usize = 8;

/// Writes xᵀ to the rows `first`, `first` + `apart`, … of y, in columns from `column` on.
fn transpose<T: Real>(x: MatrixRef<'_, T>, y: &mut Matrix<f64>, (first, apart): (usize, usize), column: usize) {
    let (m, n) = x.shape();
    if m == 0 {
        return;
    }
    let (x, rows) = (x.as_slice(), y.rows());
    let y = &mut y.as_mut_slice()[column * rows + first..];
    let whole = if apart == 1 { [m / SIDE * SIDE, n / SIDE * SIDE] } else { [0, 0] };
    vectorised(
        #[inline(always)]
        || {
            for j in (0..whole[1]).step_by(SIDE) {
                for i in (0..whole[0]).step_by(SIDE) {
                    let square: [&[T; SIDE]; SIDE] =
                        from_fn(|t| x[(j + t) * m + i..].first_chunk().expect("the square is within x"));
                    for k in 0..SIDE {
                        let row: [f64; SIDE] = from_fn(|t| square[t][k].to_f64());
                        y[(i + k) * rows + j..][..SIDE].copy_from_slice(&row);
                    }
                }
            }
        },
    );
    for i in 0..m {
        for j in if i < whole[0] { whole[1]..n } else { 0..n } {
            y[i * rows + j * apart] = x[i + j * m].to_f64();
        }
    }
}

/// The leaves that may be data: all but parameters with a column for each column of r.
fn data<'t, T: Real>(r: Var<'t, T>) -> Vec<Var<'t, T>> {
    let is_data = |x: &Var<'t, T>| {
        x.cols() == r.cols() && x.operands().is_empty() && x.terms().is_empty() && x.param_id().is_none()
    };
    r.tape().nodes().take(r.index() + 1).filter(is_data).collect()
}
