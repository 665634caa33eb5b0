//! The state of an optimizer.

use std::fmt;

use autograd::compiled_once;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{Module, ParamGradients, Path, Real, Role};

/// The state of an optimizer between steps. Serialise it with the model to resume bit-identically.
///
/// ```
/// use nn::{Adam, Matrix, Optimizer, Param, State};
/// let w = Param::new(Matrix::from([[1.0f32]]));
/// let state = Adam::new(1e-3).init(&w);
/// let text = serde_json::to_string(&state).unwrap();
/// assert_eq!(serde_json::from_str::<State<f32>>(&text).unwrap(), state);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub struct State<T> {
    /// The name of its optimizer.
    optimizer: String,
    /// The number of steps that were made.
    pub steps: u64,
    /// The number of steps that were skipped because a gradient was not finite
    /// ([`With::skip_not_finite`](super::With::skip_not_finite)).
    pub skipped: u64,
    /// The joint norm of all gradients at the last step, before clipping, if it was needed
    /// ([`With::clip_norm`](super::With::clip_norm)) and is finite.
    pub norm: Option<f64>,
    pub(super) params: Vec<ParamState<T>>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub(super) struct ParamState<T> {
    pub name: String,
    #[serde(with = "autograd::entries::lists")]
    pub moments: Vec<Vec<T>>,
    /// The number of steps that it missed because it was frozen.
    #[serde(default)]
    pub missed: u64,
    /// The identity of the parameter that was last found under this name.
    #[serde(skip)]
    pub of: Option<u64>,
}

impl<T: PartialEq> PartialEq for ParamState<T> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.moments == other.moments && self.missed == other.missed
    }
}

/// Leaves out the moments, which are as large as the weights.
impl<T> fmt::Debug for ParamState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.moments.first().map_or(0, Vec::len);
        write!(f, "{}: {} moments of {len} numbers, {} steps missed", self.name, self.moments.len(), self.missed)
    }
}

#[compiled_once]
impl<T: Real> State<T> {
    pub(super) fn new(optimizer: &str, model: &dyn Module<T>, moments: usize, start: &dyn Fn(usize) -> f64) -> Self {
        let starts: Vec<T> = (0..moments).map(|moment| T::from_f64(start(moment))).collect();
        let mut params = Vec::new();
        model.params(&Path::Root, &mut |path, param| {
            if param.role() != Role::Buffer {
                let len = param.value().as_slice().len();
                let moments = starts.iter().map(|&start| vec![start; len]).collect();
                params.push(ParamState { name: path.to_string(), moments, missed: 0, of: Some(param.id()) });
            }
        });
        State { optimizer: optimizer.into(), steps: 0, skipped: 0, norm: None, params }
    }

    /// Whether it belongs to this optimizer and to the parameters for which it was made or last used, and all of these have
    /// gradients. This is true at almost every step, and it is decided without comparing names.
    pub(super) fn is_ready(
        &self,
        optimizer: &str,
        moments: usize,
        model: &dyn Module<T>,
        grads: &dyn ParamGradients<T>,
    ) -> bool {
        let (mut states, mut ready) = (self.params.iter(), self.optimizer == optimizer);
        model.params(&Path::Root, &mut |_, param| {
            if !ready || param.role() == Role::Buffer {
                return;
            }
            let len = param.value().as_slice().len();
            ready = states.next().is_some_and(|state| {
                state.of == Some(param.id())
                    && state.moments.len() == moments
                    && state.moments.iter().all(|m| m.len() == len)
            }) && (!param.is_trained() || grads.has(param));
        });
        ready && states.next().is_none()
    }

    /// Whether every parameter was updated at every step, as in almost all runs.
    #[inline]
    pub(super) fn none_missed(&self) -> bool {
        self.params.iter().all(|state| state.missed == 0)
    }

    /// The different numbers of steps that trained parameters have missed.
    pub(super) fn missed(&self, model: &dyn Module<T>) -> SmallVec<[u64; 2]> {
        let (mut states, mut all) = (self.params.iter(), SmallVec::new());
        model.params(&Path::Root, &mut |_, param| {
            let state = if param.role() == Role::Buffer { None } else { states.next() };
            if let Some(state) = state.filter(|state| param.is_trained() && !all.contains(&state.missed)) {
                all.push(state.missed);
            }
        });
        if all.is_empty() { SmallVec::from_elem(0, 1) } else { all }
    }

    /// Calls `f` with the moments of every parameter.
    pub(crate) fn each_moment(&mut self, f: &mut dyn FnMut(&mut [T])) {
        self.params.iter_mut().flat_map(|state| &mut state.moments).for_each(|moment| f(moment));
    }

    /// The first parameter with a moment that is NaN or infinite, if there is one.
    #[cfg(feature = "save")]
    pub(crate) fn not_finite(&self) -> Option<String> {
        let bad = |state: &&ParamState<T>| state.moments.iter().flatten().any(|x| !x.to_f64().is_finite());
        self.params.iter().find(bad).map(|state| state.name.clone())
    }

    /// The reason why it is not a state of this optimizer and model, if there is one.
    pub(super) fn misfit(&self, optimizer: &str, moments: usize, model: &dyn Module<T>) -> Result<(), StateError> {
        if self.optimizer != optimizer {
            return Err(StateError::Optimizer { found: self.optimizer.clone(), expected: optimizer.into() });
        }
        let (mut states, mut fits) = (self.params.iter(), Ok(()));
        model.params(&Path::Root, &mut |path, param| {
            if fits.is_err() || param.role() == Role::Buffer {
                return;
            }
            let len = param.value().as_slice().len();
            fits = match states.next() {
                None => Err(StateError::NoPlace { param: path.to_string() }),
                Some(state) if !path.is(&state.name) => {
                    Err(StateError::Name { found: state.name.clone(), param: path.to_string() })
                }
                Some(state) if state.moments.len() != moments || state.moments.iter().any(|m| m.len() != len) => {
                    let found = state.moments.iter().map(Vec::len).collect();
                    Err(StateError::Shape { param: path.to_string(), moments, len, found })
                }
                Some(state) if state.missed > self.steps => {
                    let (missed, steps) = (state.missed, self.steps);
                    Err(StateError::Missed { param: path.to_string(), missed, steps })
                }
                Some(_) => Ok(()),
            };
        });
        fits?;
        states.next().map_or(Ok(()), |state| Err(StateError::More { name: state.name.clone() }))
    }
}

/// Why a [`State`], such as one from a file, does not fit an optimizer and a model.
#[derive(thiserror::Error, Clone, PartialEq, Eq)]
pub enum StateError {
    /// It belongs to another optimizer.
    #[error("the state is of the optimizer {found}, not of {expected}")]
    Optimizer {
        /// Its optimizer.
        found: String,
        /// The optimizer that should use it.
        expected: String,
    },
    /// The state has no moments for a parameter of the model.
    #[error("the state has no place for parameter `{param}`")]
    NoPlace {
        /// The parameter.
        param: String,
    },
    /// It has another parameter in the place of one of the model.
    #[error("the state is of another model: it has `{found}` in the place of parameter `{param}`")]
    Name {
        /// What it has.
        found: String,
        /// The parameter of the model.
        param: String,
    },
    /// It has a different number of moments, or of numbers in them.
    #[error("the state of `{param}` should be {moments} moments of {len} numbers, and has moments of {found:?}")]
    Shape {
        /// The parameter.
        param: String,
        /// The expected number of moments.
        moments: usize,
        /// The expected number of numbers in each.
        len: usize,
        /// The actual number of numbers in each.
        found: Vec<usize>,
    },
    /// The state contradicts itself: a parameter missed more steps than were made.
    #[error("the state of `{param}` has missed {missed} steps of {steps}")]
    Missed {
        /// The parameter.
        param: String,
        /// How many steps it missed.
        missed: u64,
        /// How many steps were made.
        steps: u64,
    },
    /// It has more parameters than the model.
    #[error("the state is of a model with more parameters, such as `{name}`")]
    More {
        /// The first of them.
        name: String,
    },
}

autograd::debug_as_display!(StateError);
