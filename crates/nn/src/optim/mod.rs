//! Optimizers: a struct of hyperparameters and one formula; the state is a value of its own.

mod adam;
mod rmsprop;
mod sgd;

use autograd::vectorised;
use serde::{Deserialize, Serialize};

use crate::{Module, Param, ParamGradients, Path, Real, Role};

pub use adam::Adam;
pub use rmsprop::RmsProp;
pub use sgd::{Momentum, Sgd};

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
pub trait Optimizer<T: Real> {
    /// The learning rate α.
    fn lr(&self) -> f64;

    /// Sets the learning rate α, as a schedule does.
    fn set_lr(&mut self, lr: f64);

    /// How many running averages each entry of a parameter has.
    fn moments(&self) -> usize;

    /// What all parameters share at step `k` = 1, 2, …, such as bias corrections.
    fn shared(&self, k: u64) -> [f64; 2] {
        let _ = k;
        [1.0; 2]
    }

    /// The update of one parameter: entries `w`, gradient `g`, its moments, and what is shared at this step.
    fn update(&self, shared: [f64; 2], w: &mut [T], g: &[T], moments: &mut [Vec<T>]);

    /// The state before the first step: all moments 0.
    fn init(&self, model: &dyn Module<T>) -> State<T> {
        let mut params = Vec::new();
        model.params(&Path::Root, &mut |path, param| {
            if param.role() == Role::Buffer {
                return;
            }
            let zeros = vec![T::default(); param.value().as_slice().len()];
            params.push(ParamState { name: path.to_string(), moments: vec![zeros; self.moments()] });
        });
        State { steps: 0, params }
    }

    /// One step: updates every trained parameter of the model by its gradient, and gives every buffer the value that was
    /// [asked for](crate::Tape::update).
    ///
    /// # Panics
    /// If the state is of another model or optimizer, or a parameter was not recorded on the tape
    /// whose gradients these are: it would silently never be trained. Nothing has changed then.
    #[track_caller]
    fn step(&self, model: &mut dyn Module<T>, grads: &dyn ParamGradients<T>, state: &mut State<T>) {
        let (mut states, mut problem) = (state.params.iter(), None);
        model.params(&Path::Root, &mut |path, param| {
            if problem.is_none() && param.role() != Role::Buffer {
                problem = misfit(path, param, grads, states.next(), self.moments());
            }
        });
        if let Some(problem) = problem {
            panic!("step: {problem}");
        }
        assert!(states.next().is_none(), "step: the state is of a model with more parameters");

        state.steps += 1;
        let shared = self.shared(state.steps);
        let mut states = state.params.iter_mut();
        model.params_mut(&Path::Root, &mut |_, param| match param.role() {
            Role::Buffer => {
                if let Some(value) = grads.updated(param) {
                    param.value_mut().as_mut_slice().copy_from_slice(value.as_slice());
                }
            }
            Role::Frozen => drop(states.next()),
            Role::Trained => {
                if let (Some(g), Some(state)) = (grads.gradient(param), states.next()) {
                    self.update(shared, param.value_mut().as_mut_slice(), g.as_slice(), &mut state.moments);
                }
            }
        });
    }
}

/// Why a parameter cannot be updated, if so.
fn misfit<T: Real>(
    path: &Path<'_>,
    param: &Param<T>,
    grads: &dyn ParamGradients<T>,
    state: Option<&ParamState<T>>,
    moments: usize,
) -> Option<String> {
    let Some(state) = state else { return Some(format!("the state has no place for parameter `{path}`")) };
    if !path.is(&state.name) {
        return Some(format!(
            "the state is of another model: it has `{}` in the place of parameter `{path}`",
            state.name
        ));
    }
    let len = param.value().as_slice().len();
    if state.moments.len() != moments || state.moments.iter().any(|m| m.len() != len) {
        let of = state.moments.iter().map(|m| m.len().to_string()).collect::<Vec<_>>().join(" and ");
        return Some(format!("the state of `{path}` should be {moments} moments of {len} numbers, and has [{of}]"));
    }
    let missing = param.is_trained() && grads.gradient(param).is_none();
    missing.then(|| format!("parameter `{path}` has no gradient: it was not recorded before the loss"))
}

/// What an optimizer remembers between steps. Serialise it with the model to go on where it stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub struct State<T> {
    /// How many steps were made.
    pub steps: u64,
    params: Vec<ParamState<T>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
struct ParamState<T> {
    name: String,
    moments: Vec<Vec<T>>,
}

/// `each(w, g, moments, rule)` applies `rule(w, g, moments) = (w, moments)` to every entry, in vector code. A moment
/// that has decayed to a subnormal number becomes 0: it changes no weight, and would slow every later step.
///
/// A function for each number of moments, for the compiler to see that their slices are of one length.
macro_rules! each {
    ($each:ident: $N:literal moments $($m:ident)*) => {
        #[inline(always)]
        fn $each<T: Real>(
            w: &mut [T],
            g: &[T],
            moments: &mut [Vec<T>],
            rule: impl Fn(T, T, [T; $N]) -> (T, [T; $N]) + Copy,
        ) {
            let n = w.len();
            let g = &g[..n];
            let [$($m),*] = moments else { panic!("an optimizer of {} moments has {}", $N, moments.len()) };
            $(let $m = &mut $m[..n];)*
            vectorised(#[inline(always)] || {
                // Local, lest every store be a possible change of what the rule reads.
                let (w, rule) = (&mut *w, rule);
                $(let $m = &mut *$m;)*
                for i in 0..n {
                    (w[i], [$($m[i]),*]) = rule(w[i], g[i], [$($m[i]),*]);
                    $($m[i] = $m[i].flush();)*
                }
            });
        }
    };
}
each!(each0: 0 moments);
each!(each1: 1 moments m);
each!(each2: 2 moments m v);
