//! The inputs of an estimator: they are checked and standardized.

use serde::{Deserialize, Serialize};

use super::EstimatorError;
use crate::data::{Dataset, Standardize, Targets, first_not_finite};
use crate::{Layer, Linear, Matrix, Mlp, Real, Tape, Var};

/// The features of a fitted model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub(super) struct Inputs<T> {
    count: usize,
    /// Empty if they have no names.
    pub names: Vec<String>,
    standardize: Option<Standardize<T>>,
}

impl<T: Real> Inputs<T> {
    /// The features of these samples, if they can be used for training.
    pub fn fit<Y: Targets>(data: &Dataset<T, Y>, standardize: bool) -> Result<Self, EstimatorError> {
        let (count, names) = (data.features(), data.feature_names.clone());
        at_least("features", count, 1)?;
        at_least("samples", data.len(), 2)?;
        let inputs = Inputs { count, names, standardize: None };
        inputs.check(&data.x)?;
        let standardize = standardize.then(|| Standardize::fit(&data.x));
        Ok(Inputs { standardize, ..inputs })
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Samples as inputs of the network.
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

    /// Whether the layers of the network fit together; they do unless a file was changed.
    fn suit(&self, net: &Mlp<T>) -> bool {
        let scaled = self.standardize.as_ref().is_none_or(|standardize| standardize.mean().len() == self.count);
        let mut width = self.count;
        let fits = |layer: &Linear<T>| {
            let given = std::mem::replace(&mut width, layer.outputs());
            let bias = layer.bias.as_ref().is_none_or(|b| b.value().shape() == (layer.outputs(), 1));
            layer.inputs() == given && layer.outputs() > 0 && bias
        };
        scaled && net.norms.is_empty() && !net.layers.is_empty() && net.layers.iter().all(fits)
    }

    fn check(&self, x: &Matrix<T>) -> Result<(), EstimatorError> {
        if x.rows() != self.count {
            let (found, expected) = (x.rows(), self.count);
            return Err(EstimatorError::Features { found, expected, transposed: x.cols() == expected });
        }
        finite("feature", x, &self.names)
    }
}

pub(super) fn at_least(what: &'static str, found: usize, expected: usize) -> Result<(), EstimatorError> {
    if found < expected { Err(EstimatorError::TooFew { what, found, expected }) } else { Ok(()) }
}

/// Whether each column of x has a target.
pub(super) fn as_many<T: Real>(x: &Matrix<T>, targets: usize) -> Result<(), EstimatorError> {
    let (rows, samples) = x.shape();
    if samples == targets {
        return Ok(());
    }
    Err(EstimatorError::Targets { targets, samples, transposed: rows == targets })
}

/// Whether no entry is NaN or infinite.
pub(super) fn finite<T: Real>(what: &'static str, x: &Matrix<T>, names: &[String]) -> Result<(), EstimatorError> {
    let Some((i, sample, value)) = first_not_finite(x) else { return Ok(()) };
    let row = names.get(i).cloned().unwrap_or_else(|| i.to_string());
    Err(EstimatorError::NotFinite { what, row, sample, value })
}

/// The methods of all fitted models.
macro_rules! common {
    ($Fitted:ident) => {
        impl<T: Real> $Fitted<T> {
            /// The number of features.
            pub fn features(&self) -> usize {
                self.inputs.count()
            }

            /// The names of the features; empty if they have no names.
            pub fn feature_names(&self) -> &[String] {
                &self.inputs.names
            }

            /// The network. It takes standardized features if the model standardizes.
            pub fn net(&self) -> &Mlp<T> {
                &self.net
            }

            /// The course of the training.
            pub fn curves(&self) -> &Curves {
                &self.curves
            }
        }
    };
}
pub(super) use common;
