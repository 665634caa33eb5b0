//! The residuals of a model, as functions of a row of numbers.

use std::cell::RefCell;

use autograd::{Program, compiled_once};
use solve::Residuals;

use super::jacobian::jacobian;
use super::{FitModelError, decays};
use crate::{Gradients, Matrix, Module, Path, Real, Role, Tape, Var};

/// Residuals of a model that are a function of its trained parameters, and below them √λ w for each w that decays.
pub(super) struct OnModel<'r, 'm, T: Real, M, F> {
    model: &'r RefCell<&'m mut M>,
    residuals: F,
    /// √λ of each parameter entry.
    roots: Vec<f64>,
    /// The number of roots that are not 0.
    decayed: usize,
    /// The last point where products with J were asked for, and what computes them.
    linear: Option<(Vec<f64>, Program<T>)>,
    /// The memory of a Jacobian that is not needed any more.
    spare: Vec<f64>,
}

impl<'r, 'm, T: Real, M: Module<T>, F: for<'t> Fn(&'t Tape<'t, T>, &'t M) -> Var<'t, T>> OnModel<'r, 'm, T, M, F> {
    pub fn new(model: &'r RefCell<&'m mut M>, residuals: F, decay: f64) -> Self {
        let roots = roots(*model.borrow(), decay);
        let decayed = roots.iter().filter(|&&root| root > 0.0).count();
        OnModel { model, residuals, roots, decayed, linear: None, spare: Vec::new() }
    }

    /// What `f` makes of the residuals and of the trained parameters at a point.
    fn record<R>(&self, x: &[f64], f: impl for<'t> FnOnce(Var<'t, T>, &[Var<'t, T>]) -> R) -> R {
        move_to(*self.model.borrow_mut(), x);
        let model = self.model.borrow();
        let tape = Tape::new();
        // Before the residuals, so that a parameter that they do not use is on the tape.
        let params = trained(&tape, &**model);
        f((self.residuals)(&tape, &**model), &params)
    }

    /// The program whose inputs are the trained parameters, at a point.
    fn linear(&mut self, x: &[f64]) -> &Program<T> {
        if self.linear.as_ref().is_none_or(|(at, _)| at != x) {
            let program = self.record(x, |r, params| r.program(params));
            self.linear = Some((x.to_vec(), program));
        }
        &self.linear.as_ref().expect("it was made").1
    }

    /// √λ x for each parameter entry that decays.
    fn decay(&self, x: &[f64]) -> impl Iterator<Item = f64> {
        self.roots.iter().zip(x).filter(|(root, _)| **root > 0.0).map(|(root, x)| root * x)
    }
}

impl<T: Real, M: Module<T>, F: for<'t> Fn(&'t Tape<'t, T>, &'t M) -> Var<'t, T>> Residuals
    for OnModel<'_, '_, T, M, F>
{
    fn values(&mut self, x: &[f64]) -> Vec<f64> {
        self.values_and_jacobian(x, &mut |_| false).0
    }

    fn jacobian(&mut self, x: &[f64]) -> Matrix<f64> {
        self.values_and_jacobian(x, &mut |_| true).1.expect("it was wanted")
    }

    /// Both come from one recording.
    fn values_and_jacobian(
        &mut self,
        x: &[f64],
        wanted: &mut dyn FnMut(&[f64]) -> bool,
    ) -> (Vec<f64>, Option<Matrix<f64>>) {
        let spare = std::mem::take(&mut self.spare);
        let (values, j, spare) = self.record(x, |r, params| {
            let mut values = wide(&r.value());
            values.extend(self.decay(x));
            match wanted(&values) {
                true => (values, Some(jacobian(r, params, self.decayed, spare)), Vec::new()),
                false => (values, None, spare),
            }
        });
        self.spare = spare;
        let j = j.map(|mut j| {
            let decayed = self.roots.iter().enumerate().filter(|(_, root)| **root > 0.0);
            for (row, (k, &root)) in (j.rows() - self.decayed..).zip(decayed) {
                j[(row, k)] = root;
            }
            j
        });
        (values, j)
    }

    fn take_back(&mut self, j: Matrix<f64>) {
        self.spare = j.into_vec();
    }

    fn jvp(&mut self, x: &[f64], v: &[f64]) -> Vec<f64> {
        let moves = parts(*self.model.borrow(), v);
        let mut pushed = wide(&self.linear(x).tangent(&moves));
        pushed.extend(self.decay(v));
        pushed
    }

    fn vjp(&mut self, x: &[f64], w: &[f64]) -> Vec<f64> {
        let (above, below) = w.split_at(w.len() - self.decayed);
        let program = self.linear(x);
        let (rows, cols) = program.value().shape();
        let weights = Matrix::from_vec(rows, cols, above.iter().map(|&w| T::from_f64(w)).collect());
        let mut pulled: Vec<f64> = program.backward_with(&weights).iter().flat_map(wide).collect();
        let decayed = pulled.iter_mut().zip(&self.roots).filter(|(_, root)| **root > 0.0);
        decayed.zip(below).for_each(|((pulled, root), w)| *pulled += root * w);
        pulled
    }
}

fn wide<T: Real>(x: &Matrix<T>) -> Vec<f64> {
    x.as_slice().iter().map(|x| x.to_f64()).collect()
}

/// Checks that the residuals depend on the trained parameters alone: a training pass draws no random numbers and changes no buffer.
pub(super) fn is_the_same_each_time<T: Real, M: Module<T>>(
    model: &M,
    residuals: &impl for<'t> Fn(&'t Tape<'t, T>, &'t M) -> Var<'t, T>,
) -> Result<(), FitModelError> {
    let tape = Tape::training(0);
    let r = residuals(&tape, model);
    if tape.draw() != Tape::<T>::training(0).draw() {
        return Err(FitModelError::Random);
    }
    if has_buffers(model) { buffers_stay(model, &r.sum().backward()) } else { Ok(()) }
}

#[compiled_once]
fn has_buffers<T: Real>(model: &dyn Module<T>) -> bool {
    let mut any = false;
    model.params(&Path::Root, &mut |_, param| any |= param.role() == Role::Buffer);
    any
}

#[compiled_once]
fn buffers_stay<T: Real>(model: &dyn Module<T>, grads: &Gradients<T>) -> Result<(), FitModelError> {
    let changed = model.named_params().into_iter().find(|(_, param)| grads.updated(param).is_some());
    changed.map_or(Ok(()), |(name, _)| Err(FitModelError::Buffer { name }))
}

/// The trained parameters on a tape.
#[compiled_once]
fn trained<'t, 'm: 't, T: Real>(tape: &'t Tape<'t, T>, model: &'m dyn Module<T>) -> Vec<Var<'t, T>> {
    let mut all = Vec::new();
    model.params(&Path::Root, &mut |_, param| {
        if param.is_trained() {
            all.push(tape.param(param));
        }
    });
    all
}

/// The entries of the trained parameters.
#[compiled_once]
pub(super) fn weights<T: Real>(model: &dyn Module<T>) -> Vec<f64> {
    let mut all = Vec::new();
    model.params(&Path::Root, &mut |_, param| {
        if param.is_trained() {
            all.extend(param.value().as_slice().iter().map(|w| w.to_f64()));
        }
    });
    all
}

/// √λ of each entry of the trained parameters, 0 where there is no penalty.
#[compiled_once]
fn roots<T: Real>(model: &dyn Module<T>, decay: f64) -> Vec<f64> {
    let mut all = Vec::new();
    model.params(&Path::Root, &mut |path, param| {
        if param.is_trained() {
            let root = if decays(path) { decay.sqrt() } else { 0.0 };
            all.resize(all.len() + param.value().as_slice().len(), root);
        }
    });
    all
}

/// The names of the entries of the trained parameters: `weight(2,0)`.
#[compiled_once]
pub(super) fn names<T: Real>(model: &dyn Module<T>) -> Vec<String> {
    let mut all = Vec::new();
    model.params(&Path::Root, &mut |path, param| {
        if param.is_trained() {
            let (m, n) = param.value().shape();
            all.extend((0..m * n).map(|k| format!("{path}({},{})", k % m, k / m)));
        }
    });
    all
}

/// A row of numbers in the shapes of the trained parameters.
#[compiled_once]
fn parts<T: Real>(model: &dyn Module<T>, x: &[f64]) -> Vec<Matrix<T>> {
    let (mut all, mut rest) = (Vec::new(), x);
    model.params(&Path::Root, &mut |_, param| {
        if param.is_trained() {
            let (m, n) = param.value().shape();
            let (own, after) = rest.split_at(m * n);
            all.push(Matrix::from_vec(m, n, own.iter().map(|&x| T::from_f64(x)).collect()));
            rest = after;
        }
    });
    all
}

/// Sets the trained parameters.
#[compiled_once]
pub(super) fn move_to<T: Real>(model: &mut dyn Module<T>, x: &[f64]) {
    let mut rest = x;
    model.params_mut(&Path::Root, &mut |_, param| {
        if param.is_trained() {
            let own = param.value_mut().as_mut_slice();
            let (x, after) = rest.split_at(own.len());
            own.iter_mut().zip(x).for_each(|(own, &x)| *own = T::from_f64(x));
            rest = after;
        }
    });
}
