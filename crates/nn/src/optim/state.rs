//! What an optimizer remembers.

use std::error::Error;
use std::fmt;

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use crate::{Module, ParamGradients, Path, Real, Role};

/// What an optimizer remembers between steps. Serialise it with the model to go on where it stopped, to the bit.
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
    /// Whose state it is.
    optimizer: String,
    /// How many steps were made.
    pub steps: u64,
    /// How many steps were not made because a gradient was not finite
    /// ([`With::skip_not_finite`](super::With::skip_not_finite)).
    pub skipped: u64,
    /// The norm of all gradients together at the last step, before clipping, if it was asked for
    /// ([`With::clip_norm`](super::With::clip_norm)) and is finite.
    pub norm: Option<f64>,
    pub(super) params: Vec<ParamState<T>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub(super) struct ParamState<T> {
    pub name: String,
    #[serde(with = "autograd::entries::lists")]
    pub moments: Vec<Vec<T>>,
    /// The identity of the parameter that was last found under this name.
    #[serde(skip)]
    pub of: Option<u64>,
}

impl<T: PartialEq> PartialEq for ParamState<T> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.moments == other.moments
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
                params.push(ParamState { name: path.to_string(), moments, of: Some(param.id()) });
            }
        });
        State { optimizer: optimizer.into(), steps: 0, skipped: 0, norm: None, params }
    }

    /// Whether it is of this optimizer and of the parameters that it was made or last used for, and all of these have
    /// gradients: what holds at almost every step, seen without a look at names.
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
            }) && (!param.is_trained() || grads.summands(param).is_some());
        });
        ready && states.next().is_none()
    }

    /// The first parameter with a moment that is NaN or infinite, if there is one.
    #[cfg(feature = "save")]
    pub(crate) fn not_finite(&self) -> Option<String> {
        let bad = |state: &&ParamState<T>| state.moments.iter().flatten().any(|x| !x.to_f64().is_finite());
        self.params.iter().find(bad).map(|state| state.name.clone())
    }

    /// Why it is no state of this optimizer and model, if so.
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
                Some(_) => Ok(()),
            };
        });
        fits?;
        states.next().map_or(Ok(()), |state| Err(StateError::More { name: state.name.clone() }))
    }
}

/// Why a [`State`], such as one from a file, does not fit an optimizer and a model.
#[derive(Clone, PartialEq, Eq)]
pub enum StateError {
    /// It is of another optimizer.
    Optimizer {
        /// Whose it is.
        found: String,
        /// Who was to use it.
        expected: String,
    },
    /// It has none for a parameter of the model.
    NoPlace {
        /// The parameter.
        param: String,
    },
    /// It has another parameter in the place of one of the model.
    Name {
        /// What it has.
        found: String,
        /// The parameter of the model.
        param: String,
    },
    /// It has another number of moments or numbers in them.
    Shape {
        /// The parameter.
        param: String,
        /// How many moments there should be.
        moments: usize,
        /// How many numbers in each.
        len: usize,
        /// How many numbers each has.
        found: Vec<usize>,
    },
    /// It has parameters beyond those of the model.
    More {
        /// The first of them.
        name: String,
    },
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Optimizer { found, expected } => {
                write!(f, "the state is of the optimizer {found}, not of {expected}")
            }
            StateError::NoPlace { param } => write!(f, "the state has no place for parameter `{param}`"),
            StateError::Name { found, param } => {
                write!(f, "the state is of another model: it has `{found}` in the place of parameter `{param}`")
            }
            StateError::Shape { param, moments, len, found } => write!(
                f,
                "the state of `{param}` should be {moments} moments of {len} numbers, and has moments of {found:?}"
            ),
            StateError::More { name } => {
                write!(f, "the state is of a model with more parameters, such as `{name}`")
            }
        }
    }
}

autograd::debug_as_display!(StateError);

impl Error for StateError {}
