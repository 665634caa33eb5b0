//! An autoencoder whose decoder is its transposed encoder.

use autograd::compiled_once;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::expect_features;
use crate::init::draw;
use crate::{Activation, Init, Layer, Matrix, Module, Param, Real, Var, affine};

/// Maps x to a code and back, with every weight used twice:
///
/// ```text
/// encode:  z⁽⁰⁾ = x,   z⁽ˡ⁾ = h(W⁽ˡ⁾ z⁽ˡ⁻¹⁾ + b⁽ˡ⁾),           the code z⁽ᴸ⁾ without h
/// decode:  y⁽ᴸ⁾ = z,   y⁽ˡ⁻¹⁾ = h(W⁽ˡ⁾ᵀ y⁽ˡ⁾ + c⁽ˡ⁾),          the output y⁽⁰⁾ without h
/// ```
///
/// The decoder has separate biases. The model has half the weights of one with separate decoder matrices (Vincent et al. 2010, §3).
/// Each W is one parameter and one leaf on the tape, so its gradient is the sum over both uses,
/// ∇W = δa zᵀ + y δrᵀ with a = W z + b and r = Wᵀ y + c.
///
/// With one layer there is no h, and the smallest squared error is that of the same number of principal components
/// (Baldi & Hornik 1989).
///
/// ```
/// use nn::{Activation, Layer, Matrix, Reduction, Tape, TiedAutoencoder, loss};
/// # use rand::SeedableRng;
/// let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// let net: TiedAutoencoder<f32> = TiedAutoencoder::new(&[64, 32, 8], Activation::Tanh, rng);
/// let x = Matrix::zeros(64, 5);
/// let tape = Tape::new();
/// let x = tape.constant(&x);
/// assert_eq!(net.encode(x).shape(), (8, 5));
/// let loss = loss::mse(net.forward(x), x, Reduction::Mean);
/// # assert!(loss.item() >= 0.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct TiedAutoencoder<T> {
    /// The layers, from the input to the code.
    pub layers: Vec<Tied<T>>,
    /// h.
    pub activation: Activation,
}

/// A layer that is used in both directions: W z + b towards the code, Wᵀ y + c back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct Tied<T> {
    /// W, outputs × inputs.
    #[module(matrix, weight)]
    pub weight: Param<T>,
    /// b, outputs × 1.
    #[module(bias)]
    pub bias: Param<T>,
    /// c, inputs × 1.
    #[module(bias)]
    pub decoder_bias: Param<T>,
}

#[compiled_once]
impl<T: Real> TiedAutoencoder<T> {
    /// An autoencoder with these layer sizes from the input to the code: weights by Xavier's rule, which is the same in
    /// both directions, and biases 0.
    ///
    /// # Panics
    /// If there are fewer than two sizes.
    #[track_caller]
    pub fn new(sizes: &[usize], activation: Activation, rng: &mut impl Rng) -> Self {
        assert!(sizes.len() >= 2, "TiedAutoencoder::new: sizes {sizes:?} name no layer: give inputs and code at least");
        Self::drawn(sizes, activation, rng)
    }

    fn drawn(sizes: &[usize], activation: Activation, rng: &mut dyn Rng) -> Self {
        let mut layer = |inputs, outputs| Tied {
            weight: Param::new(draw(Init::Xavier, outputs, inputs, rng)),
            bias: Param::new(Matrix::zeros(outputs, 1)),
            decoder_bias: Param::new(Matrix::zeros(inputs, 1)),
        };
        TiedAutoencoder { layers: sizes.windows(2).map(|s| layer(s[0], s[1])).collect(), activation }
    }

    /// The code of every sample: inputs × batch → code × batch.
    ///
    /// # Panics
    /// If x has the wrong number of rows.
    #[track_caller]
    pub fn encode<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let mut z = x;
        for (l, Tied { weight, bias, .. }) in self.layers.iter().enumerate() {
            z = if l > 0 { self.activation.forward(z) } else { z };
            expect_features("TiedAutoencoder", weight.value().cols(), z);
            let [w, b] = [weight, bias].map(|param| x.tape().param(param));
            z = affine(&[(w, z)], Some(b));
        }
        z
    }

    /// The reconstruction from codes: code × batch → inputs × batch.
    ///
    /// # Panics
    /// If the code has the wrong number of rows.
    #[track_caller]
    pub fn decode<'t>(&'t self, code: Var<'t, T>) -> Var<'t, T> {
        let mut y = code;
        for (l, Tied { weight, decoder_bias, .. }) in self.layers.iter().rev().enumerate() {
            y = if l > 0 { self.activation.forward(y) } else { y };
            expect_features("TiedAutoencoder", weight.value().rows(), y);
            let [w, c] = [weight, decoder_bias].map(|param| code.tape().param(param));
            y = w.matmul_tn(y) + c;
        }
        y
    }
}

/// decode(encode(x)).
#[compiled_once]
impl<T: Real> Layer<T> for TiedAutoencoder<T> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        self.decode(self.encode(x))
    }
}
