//! Checks that the layers of a list fit together: the outputs of one are the inputs of the next.

use autograd::compiled_once;

use super::mlp::NormLayer;
use super::{AnyLayer, Linear};
use crate::{Param, Real};

/// The number of features, and the layer that outputs them; `None` if any number is possible.
pub(crate) type Width = Option<(usize, String)>;

/// The number of outputs of layers in sequence, if they fit together.
#[compiled_once]
pub(crate) fn through<T: Real>(layers: &[AnyLayer<T>], x: Width) -> Result<Width, String> {
    layers.iter().try_fold(x, |x, layer| step(layer, x))
}

fn step<T: Real>(layer: &AnyLayer<T>, x: Width) -> Result<Width, String> {
    match layer {
        AnyLayer::Activation(_) | AnyLayer::Dropout(_) => Ok(x),
        AnyLayer::Linear(layer) => linear(layer, x),
        AnyLayer::PRelu(layer) if layer.weight.value().shape() == (1, 1) => Ok(x),
        AnyLayer::PRelu(layer) => features("PRelu", &[&layer.weight], x),
        AnyLayer::LayerNorm(layer) => features("LayerNorm", &[&layer.weight, &layer.bias], x),
        AnyLayer::RmsNorm(layer) => features("RmsNorm", &[&layer.weight], x),
        AnyLayer::BatchNorm(layer) => {
            features("BatchNorm", &[&layer.weight, &layer.bias, &layer.running_mean, &layer.running_var], x)
        }
        AnyLayer::Sequential(list) => through(&list.layers, x),
        AnyLayer::Residual(layer) => same("Residual", x.clone(), through(&layer.0.layers, x)?),
        AnyLayer::Shortcut(layer) => {
            same("Shortcut", through(&layer.shortcut.layers, x.clone())?, through(&layer.inner.layers, x)?)
        }
        AnyLayer::DenseBlock(block) => block.layers.iter().try_fold(x, |all, layer| {
            let y = through(&layer.layers, all.clone())?;
            Ok(all.zip(y).map(|((m, _), (n, by))| (m + n, format!("a DenseBlock that ends in {by}"))))
        }),
        AnyLayer::Mlp(net) => net.layers.iter().enumerate().try_fold(x, |x, (k, layer)| {
            let y = linear(layer, x)?;
            match net.norms.get(k).filter(|_| k + 1 < net.layers.len()) {
                Some(NormLayer::Batch(norm)) => features("BatchNorm", &[&norm.weight], y),
                Some(NormLayer::Layer(norm)) => features("LayerNorm", &[&norm.weight], y),
                Some(NormLayer::Rms(norm)) => features("RmsNorm", &[&norm.weight], y),
                None => Ok(y),
            }
        }),
        AnyLayer::TiedAutoencoder(net) => {
            let first = net.layers.first().map(|layer| layer.weight.value().cols());
            let code = net.layers.iter().try_fold(x.clone(), |x, layer| {
                let (outputs, inputs) = layer.weight.value().shape();
                let name = format!("a tied layer of {inputs} → {outputs} features");
                vectors(&name, outputs, &[&layer.bias])?;
                vectors(&name, inputs, &[&layer.decoder_bias])?;
                takes(&name, inputs, outputs, x)
            })?;
            Ok(first.zip(code).map(|(n, (_, by))| (n, by)).or(x))
        }
    }
}

fn linear<T: Real>(layer: &Linear<T>, x: Width) -> Result<Width, String> {
    let (outputs, inputs) = layer.weight.value().shape();
    let name = format!("a Linear of {inputs} → {outputs} features");
    vectors(&name, outputs, layer.bias.as_ref().as_slice())?;
    takes(&name, inputs, outputs, x)
}

/// A layer with parameters for each feature, which keeps their number.
fn features<T: Real>(kind: &str, params: &[&Param<T>], x: Width) -> Result<Width, String> {
    let n = params[0].value().rows();
    let name = format!("a {kind} of {n} features");
    vectors(&name, n, params)?;
    takes(&name, n, n, x)
}

fn vectors<T: Real>(name: &str, n: usize, params: &[&Param<T>]) -> Result<(), String> {
    match params.iter().map(|param| param.value().shape()).find(|shape| *shape != (n, 1)) {
        Some((rows, cols)) => Err(format!("{name} has parameters of {rows} × {cols} where they are {n} × 1")),
        None => Ok(()),
    }
}

fn takes(name: &str, inputs: usize, outputs: usize, x: Width) -> Result<Width, String> {
    match x {
        Some((n, by)) if n != inputs => Err(format!("{by} gives {n} features to {name}")),
        _ => Ok(Some((outputs, name.to_owned()))),
    }
}

/// Two that are added.
fn same(name: &str, x: Width, y: Width) -> Result<Width, String> {
    match (&x, &y) {
        (Some((m, to)), Some((n, by))) if m != n => Err(format!("a {name} adds {m} features of {to} and {n} of {by}")),
        _ => Ok(y.or(x)),
    }
}
