//! What goes into an estimator: checked, and standardised.

use serde::{Deserialize, Serialize};

use super::{EstimatorError, Settings};
use crate::data::{Dataset, Standardize, Targets, first_not_finite};
use crate::{Layer, Linear, Matrix, Mlp, Real, Tape, Var};

/// The features of a fitted model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub(super) struct Inputs<T> {
    count: usize,
    /// Empty if they have none.
    pub names: Vec<String>,
    standardize: Option<Standardize<T>>,
}

impl<T: Real> Inputs<T> {
    /// What the features of these samples are, if they can be trained on.
    pub fn fit<Y: Targets>(data: &Dataset<T, Y>, settings: &Settings) -> Result<Self, EstimatorError> {
        let (count, names) = (data.features(), data.feature_names.clone());
        at_least("features", count, 1)?;
        at_least("samples", data.len(), 2)?;
        let inputs = Inputs { count, names, standardize: None };
        inputs.check(&data.x)?;
        let standardize = settings.standardize.then(|| Standardize::fit(&data.x));
        Ok(Inputs { standardize, ..inputs })
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Samples as the network takes them.
    pub fn of(&self, x: &Matrix<T>) -> Result<Matrix<T>, EstimatorError> {
        self.check(x)?;
        Ok(self.standardize.as_ref().map_or_else(|| x.clone(), |standardize| standardize.apply(x)))
    }

    /// A function of the outputs of a network for these samples.
    pub fn through(
        &self,
        net: &Mlp<T>,
        x: &Matrix<T>,
        f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>,
    ) -> Result<Matrix<T>, EstimatorError> {
        if !self.suit(net) {
            return Err(EstimatorError::Damaged);
        }
        let x = self.of(x)?;
        let tape = Tape::new();
        Ok(f(net.forward(tape.constant(&x))).value())
    }

    /// Whether each layer of the network takes what it is given, as it does unless a file was changed.
    fn suit(&self, net: &Mlp<T>) -> bool {
        let scaled = self.standardize.as_ref().is_none_or(|standardize| standardize.mean().len() == self.count);
        let mut width = self.count;
        let fits = |layer: &Linear<T>| {
            let given = std::mem::replace(&mut width, layer.outputs());
            let bias = layer.bias.as_ref().is_none_or(|b| b.value().shape() == (layer.outputs(), 1));
            layer.inputs() == given && bias
        };
        scaled && net.norms.is_empty() && !net.layers.is_empty() && net.layers.iter().all(fits)
    }

    fn check(&self, x: &Matrix<T>) -> Result<(), EstimatorError> {
        if x.rows() != self.count {
            return Err(EstimatorError::Features { found: x.rows(), expected: self.count });
        }
        finite("feature", x, &self.names)
    }
}

pub(super) fn at_least(what: &'static str, found: usize, expected: usize) -> Result<(), EstimatorError> {
    if found < expected { Err(EstimatorError::TooFew { what, found, expected }) } else { Ok(()) }
}

pub(super) fn as_many(samples: usize, targets: usize) -> Result<(), EstimatorError> {
    if samples == targets { Ok(()) } else { Err(EstimatorError::Targets { targets, samples }) }
}

/// Whether no entry is NaN or infinite.
pub(super) fn finite<T: Real>(what: &'static str, x: &Matrix<T>, names: &[String]) -> Result<(), EstimatorError> {
    let Some((i, sample, value)) = first_not_finite(x) else { return Ok(()) };
    let row = names.get(i).cloned().unwrap_or_else(|| i.to_string());
    Err(EstimatorError::NotFinite { what, row, sample, value })
}

/// What all fitted models can say.
macro_rules! common {
    ($Fitted:ident) => {
        impl<T: Real> $Fitted<T> {
            /// The number of features.
            pub fn features(&self) -> usize {
                self.inputs.count()
            }

            /// What the features are called; empty if they have no names.
            pub fn feature_names(&self) -> &[String] {
                &self.inputs.names
            }

            /// The network, which takes standardised features where the model does that.
            pub fn net(&self) -> &Mlp<T> {
                &self.net
            }

            /// How training went.
            pub fn curves(&self) -> &Curves {
                &self.curves
            }
        }
    };
}
pub(super) use common;
