//! Optimizers: a struct of hyperparameters and one formula, with a separate state.

mod adagrad;
mod adam;
mod adamax;
pub(crate) mod formula;
mod lbfgs;
mod nadam;
mod norm;
pub(crate) mod pattern;
mod radam;
mod rmsprop;
mod rules;
mod sgd;
mod sign;
mod state;
mod step;

use autograd::compiled_once;

use crate::setting::NOT_NEGATIVE;
use crate::{Module, Path, Real};

pub use crate::gradients::{GradientSum, ParamGradients};
pub use adagrad::{Adadelta, Adagrad};
pub use adam::Adam;
pub use adamax::Adamax;
#[doc(hidden)]
pub use formula::{Kind as FormulaKind, ParamRule, before, clip_factor, count_step, moments, param_rules};
pub use lbfgs::MinimizeModel;
pub use nadam::NAdam;
pub use norm::gradient_norm;
pub use radam::RAdam;
pub use rmsprop::RmsProp;
pub use rules::{Group, Rules, With};
pub use sgd::{Momentum, Sgd};
pub use sign::{Lion, Rprop};
pub use state::{State, StateError};
pub use step::Step;
use step::Turn;

/// The properties of an optimizer that do not depend on the number type: its name, its learning rate, and the number of its moments.
///
/// ```
/// use nn::{Adam, Hyperparameters, Optimizer};
/// let mut adam = Adam::new(1e-2);
/// adam.set_lr(1e-3);
/// assert_eq!((adam.lr(), adam.name(), adam.moments()), (1e-3, "adam", 2));
///
/// let mut chosen: Box<dyn Optimizer<f32>> = Box::new(adam.with().clip_norm(1.0));
/// chosen.set_lr(1e-4);
/// assert_eq!(chosen.lr(), 1e-4);
/// ```
pub trait Hyperparameters {
    /// Its name. It refuses a [`State`] with the name of another optimizer.
    fn name(&self) -> &'static str;

    /// The learning rate α.
    fn lr(&self) -> f64;

    /// Sets the learning rate α, as a [schedule](crate::schedule) does.
    fn set_lr(&mut self, lr: f64);

    /// The number of values that it stores for each entry of a parameter, such as running averages.
    fn moments(&self) -> usize;

    /// The initial value of a moment.
    fn start(&self, moment: usize) -> f64 {
        let _ = moment;
        0.0
    }

    /// Whether the step of an entry depends only on that entry, its gradient and its moments, and not on other entries, as a norm does.
    /// If so, [ranks](crate::ranks) divide the step; otherwise each of them makes all of it. By default it is not assumed. A rank that makes its
    /// part knows only this part of the gradients, so the step has to be made by [`Step::each`].
    fn is_elementwise(&self) -> bool {
        false
    }

    /// Its settings other than the learning rate, as text. A checkpoint stores this text, and refuses an optimizer with the same name and
    /// another text. The text is empty if nothing is to be compared.
    fn settings(&self) -> String {
        String::new()
    }

    /// Its formula at step k, for a device that makes the step; `None` if there is no code of it for devices.
    #[doc(hidden)]
    fn formula(&self, k: u64) -> Option<formula::Formula> {
        let _ = k;
        None
    }

    /// Calls a function with the rules that apply to it, the outermost first.
    #[doc(hidden)]
    fn each_rules<'a>(&'a self, f: &mut dyn FnMut(&'a Rules)) {
        let _ = f;
    }

    /// Checks that its settings are in their ranges. The message gives the setting that is not, its value, and the allowed range.
    ///
    /// # Errors
    /// If a setting is out of its range.
    fn check_settings(&self) -> Result<(), String> {
        NOT_NEGATIVE.check(&format!("{}: lr", self.name()), self.lr()).map(drop)
    }
}

/// A rule that updates parameters by their gradients.
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
/// Decay, clipping and groups of parameters wrap an optimizer: see [`With`].
///
/// # Gradients of more than one tape
/// Split a batch that is too large for one tape into parts and add them in a [`GradientSum`], each with its share
/// of the samples. For losses that are means, the step is the same.
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
/// # Your own optimizer
/// Write a struct and its formula. The formula runs on every entry of every trained parameter, in vectorized code:
///
/// ```
/// use nn::{Hyperparameters, Matrix, Optimizer, Param, Real, Step, Tape};
///
/// /// w ← w − α g / (1 + |g|).
/// struct Soft {
///     lr: f64,
/// }
///
/// impl Hyperparameters for Soft {
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
/// }
///
/// impl<T: Real> Optimizer<T> for Soft {
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an optimizer of `{T}`",
    note = "optimizers are `Adam::new(0.001)`, `Sgd {{ lr: 0.1 }}` and the others of `nn`; L-BFGS is called by `minimize_model` instead"
)]
#[doc(alias("optim", "optax"))]
pub trait Optimizer<T: Real>: Hyperparameters {
    /// Checks that its settings are in their ranges and fit the model. The message gives the setting, its value, and the allowed
    /// range. [`init`](Optimizer::init) calls it, and a [`Trainer`](crate::train::Trainer) does before its first step.
    ///
    /// # Errors
    /// If a setting is out of its range or does not fit.
    fn check(&self, model: &dyn Module<T>) -> Result<(), String> {
        let _ = model;
        self.check_settings()
    }

    /// The formula: values that all parameters share at this step, then [`Step::each`].
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

    /// Checks that a state fits; a state from a file may not. [`step`](Optimizer::step) panics if it does not.
    ///
    /// ```
    /// use nn::{Adam, Matrix, Optimizer, Param, Sgd};
    /// let w = Param::new(Matrix::from([[1.0f32]]));
    /// let error = Adam::new(0.1).check_state(&w, &Sgd { lr: 0.1 }.init(&w)).unwrap_err();
    /// assert_eq!(error.to_string(), "the state is of the optimizer sgd, not of adam");
    /// ```
    ///
    /// # Errors
    /// If it belongs to another optimizer or to another model.
    fn check_state(&self, model: &dyn Module<T>, state: &State<T>) -> Result<(), StateError> {
        state.misfit(self.name(), self.moments(), model)
    }

    /// Makes one step: updates every trained parameter of the model by its gradient, and gives every buffer the value that was
    /// [requested](crate::Tape::update). Steps that were made while a parameter was frozen do not count for it, so its first step is the
    /// same as for a new parameter.
    ///
    /// # Panics
    /// If the state belongs to another model or optimizer, or if a parameter was not recorded on the tape
    /// of these gradients (it would silently never be trained). Nothing is changed then.
    #[track_caller]
    fn step(&self, model: &mut dyn Module<T>, grads: &dyn ParamGradients<T>, state: &mut State<T>) {
        if !state.is_ready(self.name(), self.moments(), model, grads) {
            refuse(self.check_state(model, state), model, grads);
        }
        let made = state.steps;
        let turn = |missed: u64, first| Turn { k: made.saturating_sub(missed) + 1, missed, first };
        if state.none_missed() {
            return self.update(Step::new(self.lr(), model, grads, state, turn(0, true)));
        }
        for (k, missed) in state.missed(model).into_iter().enumerate() {
            self.update(Step::new(self.lr(), model, grads, state, turn(missed, k == 0)));
        }
    }
}

/// Panics if a step cannot be made.
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

/// An optimizer that was chosen at run time.
impl<O: Hyperparameters + ?Sized> Hyperparameters for Box<O> {
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
    fn is_elementwise(&self) -> bool {
        (**self).is_elementwise()
    }
    fn settings(&self) -> String {
        (**self).settings()
    }
    fn formula(&self, k: u64) -> Option<formula::Formula> {
        (**self).formula(k)
    }
    fn each_rules<'a>(&'a self, f: &mut dyn FnMut(&'a Rules)) {
        (**self).each_rules(f);
    }
    fn check_settings(&self) -> Result<(), String> {
        (**self).check_settings()
    }
}

impl<T: Real, O: Optimizer<T> + ?Sized> Optimizer<T> for Box<O> {
    fn check(&self, model: &dyn Module<T>) -> Result<(), String> {
        (**self).check(model)
    }
    fn update(&self, step: Step<'_, T>) {
        (**self).update(step);
    }
}

/// The methods of [`Hyperparameters`] that are the same for every optimizer with a field `lr`, and the ranges of the other fields.
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
        fn is_elementwise(&self) -> bool {
            true
        }
        fn settings(&self) -> String {
            let fields: &[(&str, f64)] = &[$((stringify!($field), self.$field)),*];
            fields.iter().map(|(field, value)| format!("{field} {value:?}")).collect::<Vec<_>>().join(", ")
        }
        fn check_settings(&self) -> Result<(), String> {
            use crate::setting::*;
            all($name, &[("lr", self.lr, NOT_NEGATIVE), $((stringify!($field), self.$field, $range)),*])
        }
    };
}
use called;

/// 1 − βᵏ without cancellation: the total weight in an average of k steps that started at 0.
fn bias_correction(beta: f64, k: u64) -> f64 {
    -(k as f64 * beta.ln()).exp_m1()
}

/// The error for the first trained parameter without a gradient, if there is one.
#[compiled_once]
fn unrecorded<T: Real>(model: &dyn Module<T>, grads: &dyn ParamGradients<T>) -> Option<String> {
    let mut problem = None;
    model.params(&Path::Root, &mut |path, param| {
        if param.is_trained() && problem.is_none() && !grads.has(param) {
            problem = Some(format!("parameter `{path}` has no gradient: it was not recorded before the loss"));
        }
    });
    problem
}
