//! Layers: structs of parameters with a `forward`.

#[macro_use]
mod choice;
mod activation;
mod dense_block;
mod dropout;
mod embedding;
mod linear;
mod mlp;
mod norm;
mod prelu;
mod recurrent;
mod residual;
mod sequential;
mod symmetry;
mod tied;
mod widths;

pub use activation::Activation;
use autograd::compiled_once;
pub use dense_block::DenseBlock;
pub use dropout::Dropout;
pub(crate) use dropout::fraction;
pub use embedding::Embedding;
pub use linear::Linear;
pub use mlp::{Mlp, MlpBuilder, Norm, NormLayer};
pub use norm::{BatchNorm, LayerNorm, RmsNorm};
pub use prelu::PRelu;
pub use recurrent::{
    AnyRecurrent, Bidirectional, Gates, Gru, GruRule, Lstm, LstmRule, Recurrent, RecurrentLayer, RecurrentNet,
    RecurrentRule, Rnn, RnnRule, torch_name,
};
pub use residual::{Residual, Shortcut};
pub use sequential::{AnyLayer, Sequential};
pub use tied::{Tied, TiedAutoencoder};
#[cfg(feature = "onnx")]
pub(crate) use widths::through;

use crate::nearest::transpose_hint;
use crate::{Real, Var};

/// # Panics
/// With the name of the layer and both shapes if the samples have the wrong number of features.
#[compiled_once]
#[track_caller]
fn expect_features<T: Real>(layer: &str, features: usize, x: Var<'_, T>) {
    let (m, n) = x.shape();
    assert!(m == features, "{layer}: {features} features expected, got {m} × {n}{}", transpose_hint(n == features));
}
