//! Activation functions, as a setting that is stored with a model.

use std::fmt;
use std::str::FromStr;

use autograd::compiled_once;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::setting::{FINITE, POSITIVE};
use crate::{Axis, Init, Layer, Module, Real, Var};

/// Generates the enum, its names and its formulas from the table.
macro_rules! activations {
    ($($(#[$meta:meta])+ $Variant:ident $(($c:ident: $Number:ty = $default:literal))? $name:literal, |$a:ident| $h:expr;)+) => {
        /// z = h(a), entry by entry, except for the softmax family.
        ///
        /// It is stored by its name.
        ///
        /// ```
        /// use nn::Activation;
        /// assert_eq!("relu".parse(), Ok(Activation::Relu));
        /// assert_eq!("elu(0.5)".parse(), Ok(Activation::Elu(0.5)));
        /// assert_eq!(Activation::LeakyRelu(0.01).to_string(), "leaky_relu(0.01)");
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Module)]
        pub enum Activation {
            $($(#[$meta])+ $Variant $((#[module(skip)] $Number))?,)+
        }

        impl Activation {
            /// Every activation, with the default parameter if it has one.
            pub const ALL: &[Activation] = &[$(Activation::$Variant $(($default))?),+];

            fn name(self) -> &'static str {
                match self {
                    $(Activation::$Variant { .. } => $name,)+
                }
            }

            /// Its parameter, if it has one.
            fn number(self) -> Option<f64> {
                match self {
                    $($(Activation::$Variant($c) => Some($c),)?)+
                    _ => None,
                }
            }

            /// The same activation with another parameter.
            fn with_number(self, number: f64) -> Option<Self> {
                match self {
                    $($(Activation::$Variant($c) => {
                        let _ = $c;
                        Some(Activation::$Variant(number))
                    })?)+
                    _ => None,
                }
            }
        }

        #[compiled_once]
        impl<T: Real> Layer<T> for Activation {
            #[track_caller]
            fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
                if let Err(problem) = self.check() {
                    panic!("{problem}");
                }
                match self {
                    $(Activation::$Variant $(($c))? => (|$a: Var<'t, T>| $h)(x),)+
                }
            }
        }
    };
}

activations! {
    //                                 name            h(a)
    /// h(a) = a.
    Identity                           "identity",     |a| a;
    /// h(a) = max(a, 0); the slope at 0 is 0.
    #[default]
    Relu                               "relu",         |a| a.relu();
    /// h(a) = a where a > 0, else c a.
    LeakyRelu(c: f64 = 0.01)           "leaky_relu",   |a| a.leaky_relu(*c);
    /// h(a) = a where a > 0, else α (eᵃ − 1) (Clevert, Unterthiner, Hochreiter, 2016).
    Elu(alpha: f64 = 1.0)              "elu",          |a| a.elu(*alpha);
    /// h(a) = λ a where a > 0, else λ α (eᵃ − 1), with the constants that keep mean 0 and variance 1 under LeCun's initial
    /// weights (Klambauer, Unterthiner, Mayr, Hochreiter, 2017).
    Selu                               "selu",         |a| a.selu();
    /// h(a) = a where a > 0, else α (e^(a/α) − 1) (Barron, 2017).
    Celu(alpha: f64 = 1.0)             "celu",         |a| a.celu(*alpha);
    /// h(a) = ln(1 + eᵃ).
    Softplus                           "softplus",     |a| a.softplus();
    /// h(a) = σ(a) = 1 / (1 + e⁻ᵃ).
    Sigmoid                            "sigmoid",      |a| a.sigmoid();
    /// h(a) = ln σ(a).
    LogSigmoid                         "log_sigmoid",  |a| a.log_sigmoid();
    /// h(a) = a σ(a), also called swish (Ramachandran, Zoph, Le, 2017).
    Silu                               "silu",         |a| a.silu();
    /// h(a) = a Φ(a), Φ the normal distribution function (Hendrycks, Gimpel, 2016).
    Gelu                               "gelu",         |a| a.gelu();
    /// h(a) = ½ a (1 + tanh(√(2/π) (a + 0.044715 a³))), close to a Φ(a).
    GeluTanh                           "gelu_tanh",    |a| a.gelu_tanh();
    /// h(a) = a tanh(ln(1 + eᵃ)) (Misra, 2019).
    Mish                               "mish",         |a| a.mish();
    /// h(a) = a / (1 + |a|).
    Softsign                           "softsign",     |a| a.softsign();
    /// h(a) = tanh a.
    Tanh                               "tanh",         |a| a.tanh();
    /// h(a) = a clamped to [−1, 1]; the slope at ±1 is 0.
    HardTanh                           "hard_tanh",    |a| a.hard_tanh();
    /// h(a) = a/6 + ½ clamped to [0, 1]; the slope at ±3 is 0.
    HardSigmoid                        "hard_sigmoid", |a| a.hard_sigmoid();
    /// h(a) = a times the hard sigmoid of a (Howard et al., 2019).
    HardSwish                          "hard_swish",   |a| a.hard_swish();
    /// h(a) = a − tanh a.
    Tanhshrink                         "tanhshrink",   |a| a.tanhshrink();
    /// h(a)ᵢ = e^aᵢ / Σₖ e^aₖ over the features of each sample.
    Softmax                            "softmax",      |a| a.softmax(Axis::Rows);
    /// h(a)ᵢ = aᵢ − ln Σₖ e^aₖ over the features of each sample.
    LogSoftmax                         "log_softmax",  |a| a.log_softmax(Axis::Rows);
}

impl Activation {
    /// Whether its number is in its range; celu divides by its own.
    pub(crate) fn check(self) -> Result<(), String> {
        let range = if let Activation::Celu(_) = self { POSITIVE } else { FINITE };
        self.number().map_or(Ok(()), |c| range.check(self.name(), c).map(drop))
    }

    /// Whether h(−a) = −h(a). Then the sign of a unit can be [flipped](crate::Mlp::flip_sign).
    pub fn is_odd(self) -> bool {
        use Activation::*;
        matches!(self, Identity | Tanh | Softsign | HardTanh | Tanhshrink)
    }

    /// The initial weights that suit it: He's for functions that pass half of their inputs, which halves the
    /// variance; LeCun's for selu; otherwise Xavier's. [`Init::he`] has the exact factor for each.
    pub fn init(self) -> Init {
        use Activation::*;
        match self {
            Relu | LeakyRelu(_) | Elu(_) | Celu(_) | Softplus | Silu | Gelu | GeluTanh | Mish | HardSwish => Init::He,
            Selu => Init::LeCun,
            _ => Init::Xavier,
        }
    }
}

/// The name, with the parameter in parentheses if it has one: `relu`, `leaky_relu(0.01)`. [`parse`](str::parse) reads it.
impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            Some(c) => f.pad(&format!("{}({c})", self.name())),
            None => f.pad(self.name()),
        }
    }
}

/// From a name, with or without a parameter: `leaky_relu` is `leaky_relu(0.01)`.
impl FromStr for Activation {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
            Some((name, number)) => (name, Some(number)),
            None => (text, None),
        };
        let Some(&activation) = Activation::ALL.iter().find(|a| a.name() == name) else {
            let names = Activation::ALL.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ");
            return Err(format!("unknown activation `{name}`: choose one of {names}"));
        };
        let Some(number) = number else { return Ok(activation) };
        let c = number.parse().ok().filter(|c: &f64| c.is_finite());
        let c = c.ok_or_else(|| format!("activation `{text}`: `{number}` is not a finite number"))?;
        let known = activation.with_number(c);
        let known = known.ok_or_else(|| format!("activation `{text}`: `{name}` takes no number"))?;
        known.check().map(|()| known)
    }
}

impl Serialize for Activation {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Activation {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}
