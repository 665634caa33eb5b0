//! Units that start alike and stay so.

use crate::{MatrixRef, Module, ParamGradients, Path, Real};

/// The names of the weights whose units all have the same weights and the same gradients: every step changes them alike, and
/// the layer is worth a single unit. So it is with weights that start at 0.
///
/// The units of a matrix are its rows; of a matrix with one row, the units of the layer before, its columns. A
/// column, such as a bias, tells nothing.
pub(super) fn alike<T: Real>(model: &dyn Module<T>, grads: &dyn ParamGradients<T>) -> Vec<String> {
    let mut names = Vec::new();
    model.params(&Path::Root, &mut |path, param| {
        let same = |x: MatrixRef<'_, T>| match x.shape() {
            (_, 0 | 1) | (0, _) => false,
            (1, _) => x.as_slice().windows(2).all(|pair| pair[0] == pair[1]),
            (rows, cols) => (0..cols).all(|j| (1..rows).all(|i| x[(i, j)] == x[(0, j)])),
        };
        if grads.gradient(param).is_some_and(|g| same(param.value().view()) && same(g)) {
            names.push(path.to_string());
        }
    });
    names
}

pub(super) fn warning(names: &[String]) -> Option<String> {
    let names = if names.is_empty() { return None } else { names.join("`, `") };
    Some(format!(
        "all units of `{names}` have the same weights and the same gradients, and will stay alike: \
         start from random weights, such as `Init::Xavier`"
    ))
}
