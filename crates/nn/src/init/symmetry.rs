//! Hidden units that are all alike.

use autograd::{MatrixRef, Real};

use crate::{Module, ParamGradients, Path};

/// The names of the trained parameters of two or more rows whose rows are all alike, and whose gradients are, too: a
/// layer whose units compute the same and [will stay so](super#zero-does-not-train), whatever the optimizer, as long
/// as it treats all entries alike.
///
/// Alike is: equal to 10⁻⁵ of the largest entry. No random initialisation comes close to that, and no layer whose
/// gradients tell its units apart is named, even if it is all zero: softmax regression trains from zero.
///
/// ```
/// use nn::{Layer, Linear, Init, Matrix, Tape, init, loss, Reduction};
/// # let rng = &mut <rand_chacha::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
/// let mut model = vec![Linear::<f64>::new(1, 4, Init::Constant(0.3), rng), Linear::new(4, 1, Init::Constant(0.3), rng)];
/// let names = |model: &Vec<Linear<f64>>| {
///     let tape = Tape::new();
///     let y = model.forward(tape.constant(Matrix::row(&[-1.0, 0.5, 2.0])));
///     init::symmetric(model, &y.square().mean().backward())
/// };
/// assert_eq!(names(&model), ["0.weight", "0.bias"]);
/// model[1] = Linear::new(4, 1, Init::LeCun, rng); // one layer that tells the units apart is enough
/// assert!(names(&model).is_empty());
/// ```
pub fn symmetric<T: Real>(model: &dyn Module<T>, grads: &dyn ParamGradients<T>) -> Vec<String> {
    let mut names = Vec::new();
    model.params(&Path::Root, &mut |path, param| {
        let several = param.is_trained() && param.value().rows() > 1;
        if several && rows_are_alike(param.value().view()) && grads.gradient(param).is_some_and(rows_are_alike) {
            names.push(path.to_string());
        }
    });
    names
}

fn rows_are_alike<T: Real>(x: MatrixRef<'_, T>) -> bool {
    let largest = x.as_slice().iter().fold(0.0, |max: f64, x| max.max(x.to_f64().abs()));
    let first = |j: usize| x.col(j)[0].to_f64();
    (0..x.cols()).all(|j| x.col(j).iter().all(|x| (x.to_f64() - first(j)).abs() <= 1e-5 * largest))
}
