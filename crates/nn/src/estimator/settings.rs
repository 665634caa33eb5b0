//! How an estimator is trained.

use serde::{Deserialize, Serialize};

use super::EstimatorError;
use crate::Activation;

/// How an estimator is trained. The defaults are scikit-learn's, and inputs are standardised besides.
///
/// A step minimises the mean loss of a batch of n samples and the penalty α ‖W‖² / 2n of all weights but the biases, by
/// [`Adam`](crate::Adam). Weights start by [`Init::Xavier`](crate::Init::Xavier), as scikit-learn's do, and biases at 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How many units each hidden layer has; none for a linear model. One layer of 100.
    pub hidden: Vec<usize>,
    /// The activation of hidden units. Relu.
    pub activation: Activation,
    /// The learning rate of Adam. 0.001.
    pub lr: f64,
    /// α of the penalty. 0.0001.
    pub alpha: f64,
    /// How many samples a step is made from, or all if there are fewer. 200.
    pub batch: usize,
    /// How often each sample is seen at most. 200.
    pub max_epochs: usize,
    /// By how much the loss should fall within `patience` epochs. 0.0001.
    pub tolerance: f64,
    /// After how many epochs in a row without such a fall training ends. 10.
    pub patience: usize,
    /// The share of the samples that is held out for early stopping, whose loss counts then in place of that of the
    /// others. None.
    pub early_stopping: Option<f64>,
    /// The seed of initial weights, order of samples, and choice of those held out. 0.
    pub seed: u64,
    /// Whether features are brought to mean 0 and variance 1. Yes.
    pub standardize: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            hidden: vec![100],
            activation: Activation::Relu,
            lr: 1e-3,
            alpha: 1e-4,
            batch: 200,
            max_epochs: 200,
            tolerance: 1e-4,
            patience: 10,
            early_stopping: None,
            seed: 0,
            standardize: true,
        }
    }
}

impl Settings {
    /// Whether every setting is in its range.
    pub(super) fn check(&self) -> Result<(), EstimatorError> {
        let share = self.early_stopping.unwrap_or(0.5);
        let ranges: [(_, _, &dyn std::fmt::Debug, _); 7] = [
            ("hidden", self.hidden.iter().all(|&units| units > 0), &self.hidden, "at least 1 unit in each layer"),
            ("lr", self.lr > 0.0 && self.lr.is_finite(), &self.lr, "a positive number"),
            ("alpha", self.alpha >= 0.0 && self.alpha.is_finite(), &self.alpha, "0 or a positive number"),
            ("batch", self.batch > 0, &self.batch, "at least 1 sample"),
            ("max_epochs", self.max_epochs > 0, &self.max_epochs, "at least 1"),
            ("tolerance", !self.tolerance.is_nan(), &self.tolerance, "a number"),
            ("early_stopping", 0.0 < share && share < 1.0, &share, "a share between 0 and 1"),
        ];
        match ranges.into_iter().find(|(_, holds, ..)| !holds) {
            Some((setting, _, value, expected)) => {
                Err(EstimatorError::Setting { setting, expected, value: format!("{value:?}") })
            }
            None => Ok(()),
        }
    }
}

/// Setters of all [`Settings`].
macro_rules! builder {
    ($Estimator:ident) => {
        builder! { $Estimator:
            /// How many units each hidden layer has.
            hidden: &[usize] => <[usize]>::to_vec;
            /// The activation of hidden units.
            activation: Activation;
            /// The learning rate of Adam.
            lr: f64;
            /// α of the penalty α ‖W‖² / 2n of a batch of n samples.
            alpha: f64;
            /// How many samples a step is made from.
            batch: usize;
            /// How often each sample is seen at most.
            max_epochs: usize;
            /// By how much the loss should fall within [`patience`](Self::patience) epochs.
            tolerance: f64;
            /// After how many epochs in a row without such a fall training ends.
            patience: usize;
            /// Holds out this share of the samples; ends when their loss does not fall any more, with the weights for
            /// which it was least.
            early_stopping: f64 => Some;
            /// The seed of all that is drawn.
            seed: u64;
            /// Whether features are brought to mean 0 and variance 1.
            standardize: bool;
        }
    };
    ($Estimator:ident: $($(#[$doc:meta])* $name:ident: $T:ty $(=> $from:expr)?;)*) => {
        impl $Estimator {
            /// With the default [`Settings`].
            pub fn new() -> Self {
                Self::default()
            }
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $name: $T) -> Self {
                let from = builder!(@from $($from)?);
                self.settings.$name = from($name);
                self
            })*
        }
    };
    (@from) => { std::convert::identity };
    (@from $from:expr) => { $from };
}
pub(super) use builder;
