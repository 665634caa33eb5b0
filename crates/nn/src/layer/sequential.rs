//! Layers in sequence: as a list that is stored, or as a tuple of any layers.

use autograd::compiled_once;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::widths::through;
use super::{
    Activation, BatchNorm, DenseBlock, Dropout, LayerNorm, Linear, Mlp, PRelu, Residual, RmsNorm, Shortcut,
    TiedAutoencoder,
};
use crate::{Layer, Module, Param, Path, Real, Var};

/// Layers in sequence, chosen at run time: a list that can be cloned, stored and loaded.
///
/// Parameters have the names of PyTorch's `Sequential`. Use tuples for your own layers; their layers and names
/// work in the same way: `(Linear::new(…), Activation::Relu)`.
///
/// ```
/// use nn::{Activation, BatchNorm, Dropout, Init, Layer, Linear, Matrix, Module, Residual, Sequential, Tape};
/// # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
/// let net: Sequential<f32> = Sequential::new()
///     .then(Linear::new(4, 8, Init::He, rng))
///     .then(Activation::Relu)
///     .then(Residual(Sequential::new().then(BatchNorm::new(8)).then(Linear::new(8, 8, Init::He, rng))))
///     .then(Dropout::new(0.2))
///     .then(Linear::new(8, 3, Init::Xavier, rng));
/// let tape = Tape::new();
/// assert_eq!(net.forward(tape.constant(Matrix::zeros(4, 5))).shape(), (3, 5));
/// assert_eq!(net.named_params()[0].0, "0.weight");
/// assert_eq!(net.named_params().last().unwrap().0, "4.bias");
/// ```
///
/// If the layers in a file do not fit together, loading returns an error.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent, bound = "T: Real")]
pub struct Sequential<T> {
    /// The layers, first to last.
    pub layers: Vec<AnyLayer<T>>,
}

impl<'de, T: Real> Deserialize<'de> for Sequential<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let layers = Vec::deserialize(d)?;
        through(&layers, None).map_err(D::Error::custom)?;
        Ok(Sequential { layers })
    }
}

#[compiled_once]
impl<T: Real> Sequential<T> {
    /// No layers: y = x.
    #[inline]
    pub fn new() -> Self {
        Sequential { layers: Vec::new() }
    }

    /// The same with one more layer at the end.
    #[must_use]
    pub fn then(mut self, layer: impl Into<AnyLayer<T>>) -> Self {
        self.push(layer.into());
        self
    }

    fn push(&mut self, layer: AnyLayer<T>) {
        self.layers.push(layer);
    }
}

impl<T: Real> Default for Sequential<T> {
    fn default() -> Self {
        Sequential::new()
    }
}

impl<T, L: Into<AnyLayer<T>>> FromIterator<L> for Sequential<T> {
    fn from_iter<I: IntoIterator<Item = L>>(layers: I) -> Self {
        Sequential { layers: layers.into_iter().map(L::into).collect() }
    }
}

/// The layers are numbered, without the name of the field.
#[compiled_once]
impl<T: Real> Module<T> for Sequential<T> {
    fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
        self.layers.params(path, f);
    }
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
        self.layers.params_mut(path, f);
    }
}

#[compiled_once]
impl<T: Real> Layer<T> for Sequential<T> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        self.layers.forward(x)
    }
}

choice! {
    /// One of the library's layers, for [`Sequential`]. Every layer converts to it by `into`.
    #[non_exhaustive]
    AnyLayer:
    /// W x + b.
    Linear(Linear<T>);
    /// h(x).
    Activation(Activation);
    /// A rectifier with a learnt slope.
    #[serde(rename = "prelu")]
    PRelu(PRelu<T>);
    /// Entries that are zeroed at random.
    Dropout(Dropout);
    /// Normalised samples.
    LayerNorm(LayerNorm<T>);
    /// Normalised features.
    BatchNorm(BatchNorm<T>);
    /// Scaled samples.
    RmsNorm(RmsNorm<T>);
    /// A nested list.
    Sequential(Sequential<T>);
    /// x + f(x).
    Residual(Residual<Sequential<T>>);
    /// s(x) + f(x).
    Shortcut(Shortcut<Sequential<T>, Sequential<T>>);
    /// x stacked with all outputs.
    DenseBlock(DenseBlock<Sequential<T>>);
    /// A multilayer perceptron.
    Mlp(Mlp<T>);
    /// An autoencoder whose decoder is its encoder, transposed.
    TiedAutoencoder(TiedAutoencoder<T>);
}

/// A tuple of layers is a layer: they run in sequence, and each may have a different type.
macro_rules! tuples {
    ($(($($L:ident $k:tt),+))+) => {$(
        impl<T: Real, $($L: Module<T>),+> Module<T> for ($($L,)+) {
            fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
                $(self.$k.params(&path.item($k), f);)+
            }
            fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
                $(self.$k.params_mut(&path.item($k), f);)+
            }
        }

        impl<T: Real, $($L: Layer<T>),+> Layer<T> for ($($L,)+) {
            #[track_caller]
            fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
                $(let x = self.$k.forward(x);)+
                x
            }
        }
    )+};
}
tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}
