//! Activation functions, as a choice that is stored with a model.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Layer, Module, Real, Var};

/// z = h(a), entry by entry.
///
/// ```
/// use nn::Activation;
/// assert_eq!("relu".parse(), Ok(Activation::Relu));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Module)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// h(a) = a.
    Identity,
    /// h(a) = max(a, 0).
    #[default]
    Relu,
    /// h(a) = tanh a.
    Tanh,
    /// h(a) = 1 / (1 + e⁻ᵃ).
    Sigmoid,
    /// h(a) = ln(1 + eᵃ).
    Softplus,
}

impl Activation {
    /// Every activation.
    pub const ALL: [Activation; 5] =
        [Activation::Identity, Activation::Relu, Activation::Tanh, Activation::Sigmoid, Activation::Softplus];

    fn name(self) -> &'static str {
        match self {
            Activation::Identity => "identity",
            Activation::Relu => "relu",
            Activation::Tanh => "tanh",
            Activation::Sigmoid => "sigmoid",
            Activation::Softplus => "softplus",
        }
    }
}

impl<T: Real> Layer<T> for Activation {
    fn forward<'t>(&'t self, a: Var<'t, T>) -> Var<'t, T> {
        match self {
            Activation::Identity => a,
            Activation::Relu => a.relu(),
            Activation::Tanh => a.tanh(),
            Activation::Sigmoid => a.sigmoid(),
            Activation::Softplus => a.softplus(),
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Activation {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        let names = Activation::ALL.map(Activation::name).join(", ");
        Activation::ALL
            .into_iter()
            .find(|a| a.name() == name)
            .ok_or_else(|| format!("unknown activation `{name}`: choose one of {names}"))
    }
}
