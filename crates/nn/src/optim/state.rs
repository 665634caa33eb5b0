//! What an optimizer remembers.

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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub(super) struct ParamState<T> {
    pub name: String,
    #[serde(with = "autograd::entries::lists")]
    pub moments: Vec<Vec<T>>,
}

impl<T: Real> State<T> {
    pub(super) fn new(optimizer: &str, model: &dyn Module<T>, starts: &[T]) -> Self {
        let mut params = Vec::new();
        model.params(&Path::Root, &mut |path, param| {
            if param.role() != Role::Buffer {
                let len = param.value().as_slice().len();
                let moments = starts.iter().map(|&start| vec![start; len]).collect();
                params.push(ParamState { name: path.to_string(), moments });
            }
        });
        State { optimizer: optimizer.into(), steps: 0, skipped: 0, norm: None, params }
    }

    /// Why a step cannot be made, if so.
    pub(super) fn misfit(
        &self,
        optimizer: &str,
        moments: usize,
        model: &dyn Module<T>,
        grads: &dyn ParamGradients<T>,
    ) -> Option<String> {
        if self.optimizer != optimizer {
            return Some(format!("the state is of the optimizer {}, not of {optimizer}", self.optimizer));
        }
        let (mut states, mut problem) = (self.params.iter(), None);
        model.params(&Path::Root, &mut |path, param| {
            if problem.is_some() || param.role() == Role::Buffer {
                return;
            }
            let len = param.value().as_slice().len();
            problem = match states.next() {
                None => Some(format!("the state has no place for parameter `{path}`")),
                Some(state) if !path.is(&state.name) => Some(format!(
                    "the state is of another model: it has `{}` in the place of parameter `{path}`",
                    state.name
                )),
                Some(state) if state.moments.len() != moments || state.moments.iter().any(|m| m.len() != len) => {
                    let of = state.moments.iter().map(|m| m.len().to_string()).collect::<Vec<_>>().join(" and ");
                    Some(format!("the state of `{path}` should be {moments} moments of {len} numbers, and has [{of}]"))
                }
                Some(_) => (param.is_trained() && grads.gradient(param).is_none())
                    .then(|| format!("parameter `{path}` has no gradient: it was not recorded before the loss")),
            };
        });
        let more = || states.next().map(|_| "the state is of a model with more parameters".to_string());
        problem.or_else(more)
    }
}
