//! Optimizers: a struct of hyperparameters and one formula; the state is a value of its own.

mod adagrad;
mod adam;
mod adamax;
mod lbfgs;
mod line_search;
mod nadam;
mod norm;
mod pattern;
mod radam;
mod rmsprop;
mod rules;
mod sgd;
mod sign;
mod state;
mod step;

use autograd::compiled_once;

use crate::setting::NOT_NEGATIVE;
use crate::{Module, ParamGradients, Path, Real};

pub use adagrad::{Adadelta, Adagrad};
pub use adam::Adam;
pub use adamax::Adamax;
pub use lbfgs::{Lbfgs, LbfgsReport, Stop};
pub use line_search::LineSearch;
pub use nadam::NAdam;
pub use norm::gradient_norm;
pub use radam::RAdam;
pub use rmsprop::RmsProp;
pub use rules::{Group, Rules, With};
pub use sgd::{Momentum, Sgd};
pub use sign::{Lion, Rprop};
pub use state::{State, StateError};
pub use step::Step;

/// A rule that moves parameters along their gradients.
///
/// ```
/// use nn::{Adam, Matrix, Optimizer, Param, Tape};
/// let mut w = Param::new(Matrix::from([[1.0]]));
/// let adam = Adam::new(0.1);
/// let mut state = adam.init(&w);
/// for _ in 0..200 {
///     let tape = Tape::new();
///     let grads = (tape.param(&w) - 3.0).square().backward();
///     adam.step(&mut w, &grads, &mut state);
/// }
/// assert!((w.value()[(0, 0)] - 3.0f64).abs() < 1e-2);
/// ```
///
/// Decay, clipping and groups of parameters are around an optimizer, not in it: see [`With`].
///
/// # Gradients of more than one tape
/// A batch that is too large for one tape is a [`GradientSum`](crate::GradientSum) of parts, each with its share of the
/// samples: for losses that are means, the step is the same.
///
/// ```
/// use nn::{GradientSum, Matrix, Optimizer, Param, Sgd, Tape};
/// let mut w = Param::new(Matrix::from([[0.0]]));
/// let sgd = Sgd { lr: 0.5 };
/// let mut state = sgd.init(&w);
/// let mut sum = GradientSum::new();
/// for part in [&[1.0, 2.0][..], &[6.0]] {
///     let tape = Tape::new();
///     let loss = (tape.param(&w) - tape.constant(Matrix::row(part))).square().mean() / 2.0;
///     sum.add(part.len() as f64 / 3.0, &w, &loss.backward());
/// }
/// sgd.step(&mut w, &sum, &mut state);
/// assert_eq!(w.value()[(0, 0)], 0.5 * (1.0 + 2.0 + 6.0) / 3.0);
/// ```
///
/// # An optimizer of your own
/// A struct and its formula. The formula runs on every entry of every trained parameter, in vector code:
///
/// ```
/// use nn::{Matrix, Optimizer, Param, Real, Step, Tape};
///
/// /// w ← w − α g / (1 + |g|).
/// struct Soft {
///     lr: f64,
/// }
///
/// impl<T: Real> Optimizer<T> for Soft {
///     fn name(&self) -> &'static str {
///         "soft"
///     }
///     fn lr(&self) -> f64 {
///         self.lr
///     }
///     fn set_lr(&mut self, lr: f64) {
///         self.lr = lr;
///     }
///     fn moments(&self) -> usize {
///         0
///     }
///     fn update(&self, step: Step<'_, T>) {
///         let one = T::from_f64(1.0);
///         step.each(|lr| {
///             let lr = T::from_f64(lr);
///             move |w, g, []| (w - lr * g / (one + g.abs()), [])
///         });
///     }
/// }
///
/// let mut w = Param::new(Matrix::from([[1.0]]));
/// let (soft, tape) = (Soft { lr: 0.5 }, Tape::new());
/// let grads = (tape.param(&w) * 3.0).backward();
/// let mut state = soft.init(&w);
/// soft.step(&mut w, &grads, &mut state);
/// assert_eq!(w.value()[(0, 0)], 1.0 - 0.5 * 3.0 / 4.0);
/// ```
#[doc(alias("optim", "optax"))]
pub trait Optimizer<T: Real> {
    /// What it is called. A [`State`] of another optimizer is refused by it.
    fn name(&self) -> &'static str;

    /// The learning rate α.
    fn lr(&self) -> f64;

    /// Sets the learning rate α, as a [schedule](crate::schedule) does.
    fn set_lr(&mut self, lr: f64);

    /// How many numbers it remembers for each entry of a parameter, such as running averages.
    fn moments(&self) -> usize;

    /// With what a moment starts.
    fn start(&self, moment: usize) -> f64 {
        let _ = moment;
        0.0
    }

    /// Whether its settings are in their ranges, and fit the model: the message says which is not, its value, and what it should
    /// be. [`init`](Optimizer::init) asks, and a [`Trainer`](crate::train::Trainer) before its first step.
    ///
    /// # Errors
    /// If one does not.
    fn check(&self, model: &dyn Module<T>) -> Result<(), String> {
        let _ = model;
        NOT_NEGATIVE.check(&format!("{}: lr", self.name()), self.lr()).map(drop)
    }

    /// The formula: whatever all parameters share at this step, then [`Step::each`].
    fn update(&self, step: Step<'_, T>);

    /// The state before the first step.
    ///
    /// # Panics
    /// If a setting is out of its range: see [`check`](Optimizer::check).
    #[track_caller]
    fn init(&self, model: &dyn Module<T>) -> State<T> {
        if let Err(problem) = self.check(model) {
            panic!("{problem}");
        }
        State::new(self.name(), model, self.moments(), &|moment| self.start(moment))
    }

    /// Whether a state fits, as one from a file may not: [`step`](Optimizer::step) panics then.
    ///
    /// ```
    /// use nn::{Adam, Matrix, Optimizer, Param, Sgd};
    /// let w = Param::new(Matrix::from([[1.0f32]]));
    /// let error = Adam::new(0.1).check_state(&w, &Sgd { lr: 0.1 }.init(&w)).unwrap_err();
    /// assert_eq!(error.to_string(), "the state is of the optimizer sgd, not of adam");
    /// ```
    ///
    /// # Errors
    /// If it is of another optimizer or of another model.
    fn check_state(&self, model: &dyn Module<T>, state: &State<T>) -> Result<(), StateError> {
        state.misfit(self.name(), self.moments(), model)
    }

    /// One step: updates every trained parameter of the model by its gradient, and gives every buffer the value that was
    /// [asked for](crate::Tape::update).
    ///
    /// # Panics
    /// If the state is of another model or optimizer, or a parameter was not recorded on the tape
    /// whose gradients these are: it would silently never be trained. Nothing has changed then.
    #[track_caller]
    fn step(&self, model: &mut dyn Module<T>, grads: &dyn ParamGradients<T>, state: &mut State<T>) {
        if !state.is_ready(self.name(), self.moments(), model, grads) {
            refuse(self.check_state(model, state), model, grads);
        }
        self.update(Step::new(self.lr(), model, grads, state));
    }
}

/// Panics where a step cannot be made.
#[compiled_once]
#[track_caller]
fn refuse<T: Real>(state: Result<(), StateError>, model: &dyn Module<T>, grads: &dyn ParamGradients<T>) {
    if let Err(problem) = state {
        panic!("step: {problem}");
    }
    if let Some(problem) = unrecorded(model, grads) {
        panic!("step: {problem}");
    }
}

/// An optimizer that was chosen when the program ran.
impl<T: Real, O: Optimizer<T> + ?Sized> Optimizer<T> for Box<O> {
    fn name(&self) -> &'static str {
        (**self).name()
    }
    fn lr(&self) -> f64 {
        (**self).lr()
    }
    fn set_lr(&mut self, lr: f64) {
        (**self).set_lr(lr);
    }
    fn moments(&self) -> usize {
        (**self).moments()
    }
    fn start(&self, moment: usize) -> f64 {
        (**self).start(moment)
    }
    fn check(&self, model: &dyn Module<T>) -> Result<(), String> {
        (**self).check(model)
    }
    fn update(&self, step: Step<'_, T>) {
        (**self).update(step);
    }
}

/// The methods of [`Optimizer`] that read the same in every optimizer with a field `lr`, and the ranges of the other fields.
macro_rules! called {
    ($name:literal $(, $field:ident: $range:expr)*) => {
        #[inline]
        fn name(&self) -> &'static str {
            $name
        }
        #[inline]
        fn lr(&self) -> f64 {
            self.lr
        }
        #[inline]
        fn set_lr(&mut self, lr: f64) {
            self.lr = lr;
        }
        fn check(&self, _: &dyn crate::Module<T>) -> Result<(), String> {
            use crate::setting::*;
            all($name, &[("lr", self.lr, NOT_NEGATIVE), $((stringify!($field), self.$field, $range)),*])
        }
    };
}
use called;

/// 1 − βᵏ without cancellation: what the average of k steps that started at 0 lacks.
fn bias_correction(beta: f64, k: u64) -> f64 {
    -(k as f64 * beta.ln()).exp_m1()
}

/// Which trained parameter has no gradient, if one has none.
#[compiled_once]
fn unrecorded<T: Real>(model: &dyn Module<T>, grads: &dyn ParamGradients<T>) -> Option<String> {
    let mut problem = None;
    model.params(&Path::Root, &mut |path, param| {
        if param.is_trained() && problem.is_none() && grads.summands(param).is_none() {
            problem = Some(format!("parameter `{path}` has no gradient: it was not recorded before the loss"));
        }
    });
    problem
}
