//! The fully connected layer.

use autograd::compiled_once;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::expect_features;
use crate::init::draw;
use crate::{Init, Layer, Matrix, Module, Param, Real, Var, affine};

/// a = W x + b for every sample: inputs × batch → outputs × batch.
///
/// `weight` is outputs × inputs, `bias` outputs × 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct Linear<T> {
    /// W, outputs × inputs.
    #[module(matrix, weight)]
    pub weight: Param<T>,
    /// b, outputs × 1, if there is one.
    #[module(bias)]
    pub bias: Option<Param<T>>,
}

#[compiled_once]
impl<T: Real> Linear<T> {
    /// A layer with weights drawn by `init` and biases 0.
    pub fn new(inputs: usize, outputs: usize, init: Init, rng: &mut impl Rng) -> Self {
        Linear::drawn(inputs, outputs, init, rng)
    }

    pub(crate) fn drawn(inputs: usize, outputs: usize, init: Init, rng: &mut dyn Rng) -> Self {
        Linear {
            weight: Param::new(draw(init, outputs, inputs, rng)),
            bias: Some(Param::new(Matrix::zeros(outputs, 1))),
        }
    }

    /// The same layer without its bias.
    pub fn without_bias(self) -> Self {
        Linear { bias: None, ..self }
    }

    /// The number of inputs.
    #[inline]
    pub fn inputs(&self) -> usize {
        self.weight.value().cols()
    }

    /// The number of outputs.
    #[inline]
    pub fn outputs(&self) -> usize {
        self.weight.value().rows()
    }
}

#[compiled_once]
impl<T: Real> Layer<T> for Linear<T> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        expect_features("Linear", self.inputs(), x);
        let tape = x.tape();
        affine(&[(tape.param(&self.weight), x)], self.bias.as_ref().map(|b| tape.param(b)))
    }
}
