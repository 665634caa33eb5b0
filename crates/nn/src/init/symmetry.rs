//! Detects hidden units that are all equal.

use autograd::{Axis, MatrixRef, Real, compiled_once};

use crate::{Module, ParamGradients, Path};

/// The names of the weights that are equal for all units and whose gradients are, too. These units compute the same and
/// [will continue to](super#zero-does-not-train) with any optimizer that treats all entries in the same way. The layer is then
/// equivalent to a single unit.
///
/// The units of a matrix are its rows, those of the layer before are its columns; a bias says nothing. Equal means equal to
/// 10⁻⁵ of the largest entry; no random initialisation comes close to that. A weight whose gradient differs between units
/// is not named, even if it is all zero: softmax regression trains from zero.
///
/// ```
/// use nn::{Layer, Linear, Init, Matrix, Tape, init, loss, Reduction};
/// # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
/// let mut model = vec![Linear::<f64>::new(2, 4, Init::Constant(0.3), rng), Linear::new(4, 1, Init::Constant(0.3), rng)];
/// let names = |model: &Vec<Linear<f64>>| {
///     let tape = Tape::new();
///     let y = model.forward(tape.constant(Matrix::from([[-1.0, 0.5, 2.0], [1.0, 0.0, 0.3]])));
///     init::symmetric(model, &y.square().mean().backward())
/// };
/// assert_eq!(names(&model), ["0.weight", "1.weight"]);
/// model[1] = Linear::new(4, 1, Init::LeCun, rng); // one layer that distinguishes the units is enough
/// assert!(names(&model).is_empty());
/// ```
#[compiled_once]
pub fn symmetric<T: Real>(model: &dyn Module<T>, grads: &dyn ParamGradients<T>) -> Vec<String> {
    let mut names = Vec::new();
    model.params(&Path::Root, &mut |path, param| {
        let (w, (rows, cols)) = (param.value().view(), param.value().shape());
        let Some(g) = grads.gradient(param).filter(|_| cols > 1) else { return };
        let alike = |axis| are_alike(w, axis) && are_alike(g, axis);
        if rows > 1 && alike(Axis::Rows) || alike(Axis::Cols) {
            names.push(path.to_string());
        }
    });
    names
}

/// Whether all entries along an axis are equal.
#[compiled_once]
fn are_alike<T: Real>(x: MatrixRef<'_, T>, axis: Axis) -> bool {
    let largest = x.as_slice().iter().fold(0.0, |max: f64, x| max.max(x.to_f64().abs()));
    let first = |i: usize, j: usize| if axis == Axis::Rows { x[(0, j)] } else { x[(i, 0)] };
    let off = |i: usize, j: usize| (x[(i, j)].to_f64() - first(i, j).to_f64()).abs();
    (0..x.cols()).all(|j| (0..x.rows()).all(|i| off(i, j) <= 1e-5 * largest))
}
