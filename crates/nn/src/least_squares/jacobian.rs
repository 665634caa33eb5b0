//! The derivatives of recorded residuals.

use autograd::compiled_once;

use crate::{Matrix, Real, Var};

/// The derivatives of the entries of r (rows) with respect to those of the parameters (columns), both column by column, above `below` rows
/// of zeros.
#[compiled_once]
pub(super) fn jacobian<'t, T: Real>(r: Var<'t, T>, params: &[Var<'t, T>], below: usize) -> Matrix<f64> {
    let (outputs, samples) = r.shape();
    let data = data(r);
    if samples < 2 || data.is_empty() || !r.keeps_samples_apart(&data) {
        let above = r.program(params).jacobian();
        let mut all = Matrix::zeros(above.rows() + below, above.cols());
        for k in 0..above.cols() {
            all.col_mut(k).iter_mut().zip(above.col(k)).for_each(|(all, x)| *all = x.to_f64());
        }
        return all;
    }
    let mut all = Matrix::zeros(outputs * samples + below, params.iter().map(|w| w.rows() * w.cols()).sum());
    for output in 0..outputs {
        let row = if outputs == 1 { r } else { r.rows_in(output..output + 1) };
        let each = row.backward_per_sample(&data);
        let mut column = 0;
        for &param in params {
            let rows = all.rows();
            for (sample, found) in each.get(param).iter().flat_map(|found| (0..samples).map(|k| (k, found.col(k)))) {
                let first = column * rows + sample * outputs + output;
                let row = all.as_mut_slice().iter_mut().skip(first).step_by(rows);
                row.zip(found).for_each(|(all, x)| *all = x.to_f64());
            }
            column += param.rows() * param.cols();
        }
    }
    all
}

/// The leaves that may be data: all but parameters with a column for each column of r.
fn data<'t, T: Real>(r: Var<'t, T>) -> Vec<Var<'t, T>> {
    let is_data = |x: &Var<'t, T>| {
        x.cols() == r.cols() && x.operands().is_empty() && x.terms().is_empty() && x.param_id().is_none()
    };
    r.tape().nodes().take(r.index() + 1).filter(is_data).collect()
}
