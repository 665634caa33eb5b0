//! The multilayer perceptron: the shallow and deep feed-forward networks of the lecture.

use std::marker::PhantomData;

use autograd::compiled_once;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{Activation, BatchNorm, Dropout, LayerNorm, Linear, RmsNorm};
use crate::{Init, Layer, Module, Param, Path, Real, Var};

/// y = W⁽ᴸ⁾ h(… h(W⁽¹⁾ x + b⁽¹⁾) …) + b⁽ᴸ⁾: an activation after every layer except the last, whose outputs
/// have none (logits, or the values of a regression).
///
/// ```
/// use nn::{Activation, Layer, Matrix, Mlp, Tape};
/// # use rand::SeedableRng;
/// let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// let net: Mlp<f32> = Mlp::new(&[4, 16, 3], Activation::Tanh, rng);
/// let tape = Tape::new();
/// let y = net.forward(tape.constant(Matrix::zeros(4, 5)));
/// assert_eq!(y.shape(), (3, 5));
/// ```
///
/// With all options of the [builder](Mlp::builder), a hidden layer is
///
/// ```text
/// z ← dropout(h(norm(W z + b)))           or, with skips, if W is square,   z ← z + dropout(h(norm(W z + b)))
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
#[serde(bound = "T: Real")]
pub struct Mlp<T> {
    /// The layers, first to last.
    pub layers: Vec<Linear<T>>,
    /// h.
    pub activation: Activation,
    /// A normalisation for each hidden layer, or none.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub norms: Vec<NormLayer<T>>,
    /// The dropout of the hidden units in training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropout: Option<Dropout>,
    /// Whether the inputs of a hidden layer are added to its outputs if their numbers are equal.
    #[module(skip)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skips: bool,
}

#[compiled_once]
impl<T: Real> Mlp<T> {
    /// A network with these layer sizes, inputs first: weights [that suit the activation](Activation::init), biases 0.
    ///
    /// # Panics
    /// If there are fewer than two sizes.
    #[track_caller]
    pub fn new(sizes: &[usize], activation: Activation, rng: &mut impl Rng) -> Self {
        Mlp::builder(sizes).activation(activation).build(rng)
    }

    /// A builder for a network with these layer sizes, inputs first.
    ///
    /// ```
    /// use nn::{Activation, Mlp, Module, Norm};
    /// # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
    /// let net: Mlp<f32> = Mlp::builder(&[64, 128, 128, 10])
    ///     .activation(Activation::Gelu)
    ///     .norm(Norm::Batch)
    ///     .dropout(0.2)
    ///     .skips(true)
    ///     .build(rng);
    /// assert_eq!(net.count_params(), (64 + 1) * 128 + (128 + 1) * 128 + (128 + 1) * 10 + 2 * 2 * 128);
    /// ```
    pub fn builder(sizes: &[usize]) -> MlpBuilder<T> {
        MlpBuilder {
            sizes: sizes.to_vec(),
            activation: Activation::default(),
            norm: None,
            dropout: None,
            skips: false,
            init: None,
            scalar: PhantomData,
        }
    }

    /// A network from these layers.
    pub fn from_layers(layers: Vec<Linear<T>>, activation: Activation) -> Self {
        Mlp { layers, activation, norms: Vec::new(), dropout: None, skips: false }
    }

    /// Whether the inputs of hidden layer k are added to its outputs.
    pub(crate) fn has_skip(&self, k: usize) -> bool {
        self.skips && k + 1 < self.layers.len() && self.layers[k].inputs() == self.layers[k].outputs()
    }
}

#[compiled_once]
impl<T: Real> Layer<T> for Mlp<T> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let Some((last, hidden)) = self.layers.split_last() else { return x };
        let mut z = x;
        for (k, layer) in hidden.iter().enumerate() {
            let mut y = layer.forward(z);
            if let Some(norm) = self.norms.get(k) {
                y = norm.forward(y);
            }
            y = self.activation.forward(y);
            if let Some(dropout) = &self.dropout {
                y = dropout.forward(y);
            }
            z = if self.has_skip(k) { z + y } else { y };
        }
        last.forward(z)
    }
}

/// The settings of [`Mlp::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct MlpBuilder<T> {
    sizes: Vec<usize>,
    activation: Activation,
    norm: Option<Norm>,
    dropout: Option<Dropout>,
    skips: bool,
    init: Option<Init>,
    scalar: PhantomData<T>,
}

#[compiled_once]
impl<T: Real> MlpBuilder<T> {
    /// The activation after every layer except the last. The default is relu.
    pub fn activation(self, activation: Activation) -> Self {
        MlpBuilder { activation, ..self }
    }

    /// Adds a normalisation before every activation.
    pub fn norm(self, norm: Norm) -> Self {
        MlpBuilder { norm: Some(norm), ..self }
    }

    /// Zeroes each hidden unit with this probability in training.
    ///
    /// # Panics
    /// Unless 0 ≤ p < 1.
    #[track_caller]
    pub fn dropout(self, p: f64) -> Self {
        MlpBuilder { dropout: Some(Dropout::new(p)), ..self }
    }

    /// Whether the inputs of each hidden layer are added to its outputs if their numbers are equal.
    pub fn skips(self, skips: bool) -> Self {
        MlpBuilder { skips, ..self }
    }

    /// The initial weights. By default they [suit the activation](Activation::init).
    pub fn init(self, init: Init) -> Self {
        MlpBuilder { init: Some(init), ..self }
    }

    /// Builds the network.
    ///
    /// # Panics
    /// If there are fewer than two sizes.
    #[track_caller]
    pub fn build(self, rng: &mut impl Rng) -> Mlp<T> {
        self.drawn(rng)
    }

    #[track_caller]
    fn drawn(self, rng: &mut dyn Rng) -> Mlp<T> {
        let MlpBuilder { sizes, activation, norm, dropout, skips, init, .. } = self;
        assert!(sizes.len() >= 2, "Mlp: sizes {sizes:?} name no layer: give inputs and outputs at least");
        let init = init.unwrap_or(activation.init());
        let layers = sizes.windows(2).map(|s| Linear::drawn(s[0], s[1], init, rng)).collect();
        let hidden = &sizes[1..sizes.len() - 1];
        let norms = norm.iter().flat_map(|norm| hidden.iter().map(|&units| norm.layer(units))).collect();
        Mlp { layers, activation, norms, dropout, skips }
    }
}

/// A choice of normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// [`BatchNorm`].
    Batch,
    /// [`LayerNorm`].
    Layer,
    /// [`RmsNorm`].
    Rms,
}

impl Norm {
    /// The normalisation for this number of features.
    pub fn layer<T: Real>(self, features: usize) -> NormLayer<T> {
        norm_layer(self, features)
    }
}

#[compiled_once]
fn norm_layer<T: Real>(norm: Norm, features: usize) -> NormLayer<T> {
    match norm {
        Norm::Batch => BatchNorm::new(features).into(),
        Norm::Layer => LayerNorm::new(features).into(),
        Norm::Rms => RmsNorm::new(features).into(),
    }
}

choice! {
    /// One of the normalisations.
    NormLayer:
    /// By the batch.
    Batch(BatchNorm<T>);
    /// By the sample.
    Layer(LayerNorm<T>);
    /// By the sample, without its mean.
    Rms(RmsNorm<T>);
}
