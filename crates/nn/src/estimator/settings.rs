//! The training settings of an estimator.

use serde::{Deserialize, Serialize};

use super::EstimatorError;
use crate::Activation;

/// The training settings of an estimator. The defaults are scikit-learn's; in addition, inputs are standardized.
///
/// A step minimises the mean loss of a batch of n samples and the penalty α ‖W‖² / 2n of all weights of the network except the
/// biases, by [`Adam`](crate::Adam). If samples have weights, these are scaled to mean 1 and each loss is multiplied by its weight.
/// The weights of the network are initialised by [`Init::Xavier`](crate::Init::Xavier), as in scikit-learn, and biases with 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The number of units of each hidden layer; empty for a linear model. Default: one layer of 100.
    pub hidden: Vec<usize>,
    /// The activation of hidden units. Default: relu.
    pub activation: Activation,
    /// The learning rate of Adam. Default: 0.001.
    pub lr: f64,
    /// α of the penalty. Default: 0.0001.
    pub alpha: f64,
    /// The number of samples in a batch; all samples if there are fewer. Default: 200.
    pub batch: usize,
    /// The largest number of epochs. Default: 200.
    pub max_epochs: usize,
    /// The decrease of the loss that is expected within `patience` epochs. Default: 0.0001.
    pub tolerance: f64,
    /// Training ends after this number of consecutive epochs without such a decrease. Default: 10.
    pub patience: usize,
    /// The share of the samples that is held out for early stopping. Their loss is then used instead of the training
    /// loss. Default: none.
    pub early_stopping: Option<f64>,
    /// The seed of the initial weights, the order of samples, and the held-out samples. Default: 0.
    pub seed: u64,
    /// Whether features are scaled to mean 0 and variance 1. Default: yes.
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

/// How a regressor is trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Solver {
    /// By [`Adam`](crate::Adam) on batches of samples.
    #[default]
    Adam,
    /// By [Levenberg and Marquardt's method](crate::least_squares::LevenbergMarquardt) on all samples, for networks of up to some thousand
    /// parameters. An epoch is a step that decreased the loss. It finds the length of its steps itself, so
    /// [`lr`](Settings::lr) and [`batch`](Settings::batch) are not used.
    #[cfg(feature = "solve")]
    LevenbergMarquardt,
}

impl Settings {
    /// Whether every setting is in its range.
    pub(super) fn check(&self) -> Result<(), EstimatorError> {
        let share = self.early_stopping.unwrap_or(0.5);
        let ranges: [(_, _, &dyn std::fmt::Debug, _); 8] = [
            ("hidden", self.hidden.iter().all(|&units| units > 0), &self.hidden, "at least 1 unit in each layer"),
            ("activation", self.activation.check().is_ok(), &self.activation, "one whose number is in its range"),
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
            /// The number of units of each hidden layer.
            hidden: &[usize] => <[usize]>::to_vec;
            /// The activation of hidden units.
            activation: Activation;
            /// The learning rate of Adam.
            lr: f64;
            /// α of the penalty α ‖W‖² / 2n of a batch of n samples.
            alpha: f64;
            /// The number of samples in a batch.
            batch: usize;
            /// The largest number of epochs.
            max_epochs: usize;
            /// The decrease of the loss that is expected within [`patience`](Self::patience) epochs.
            tolerance: f64;
            /// Training ends after this number of consecutive epochs without such a decrease.
            patience: usize;
            /// Holds out this share of the samples. Training ends when their loss no longer decreases, with the weights of the lowest
            /// loss.
            early_stopping: f64 => Some;
            /// The seed of all random numbers.
            seed: u64;
            /// Whether features are scaled to mean 0 and variance 1.
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
