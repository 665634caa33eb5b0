//! Skip connections that concatenate.

use rand::Rng;
use serde::{Deserialize, Serialize};

use autograd::{compiled_once, vstack};

use super::{Activation, Linear, Sequential};
use crate::{Layer, Module, Real, Var};

/// xₖ = fₖ([x₀; …; xₖ₋₁]), y = [x₀; …; x_L]: each layer sees the inputs and all earlier outputs, stacked
/// (Huang, Liu, van der Maaten, Weinberger, "Densely connected convolutional networks", 2017, eq. 2).
///
/// ```
/// use nn::{Activation, DenseBlock, Layer, Matrix, Tape};
/// # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
/// let block = DenseBlock::<_>::new(4, 3, 2, Activation::Relu, rng);
/// let tape = Tape::<f32>::new();
/// assert_eq!(block.forward(tape.constant(Matrix::zeros(4, 5))).shape(), (4 + 3 + 3, 5));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct DenseBlock<L> {
    /// f₁ to f_L.
    pub layers: Vec<L>,
}

#[compiled_once]
impl<T: Real> DenseBlock<Sequential<T>> {
    /// A block of `depth` layers fₖ(x) = h(W x + b) with `growth` outputs each. It returns `inputs` + `depth` × `growth`
    /// features.
    pub fn new(inputs: usize, growth: usize, depth: usize, activation: Activation, rng: &mut impl Rng) -> Self {
        Self::drawn(inputs, growth, depth, activation, rng)
    }

    fn drawn(inputs: usize, growth: usize, depth: usize, activation: Activation, rng: &mut dyn Rng) -> Self {
        let layer = |k| {
            let linear = Linear::drawn(inputs + k * growth, growth, activation.init(), rng);
            Sequential::new().then(linear).then(activation)
        };
        DenseBlock { layers: (0..depth).map(layer).collect() }
    }
}

impl<T: Real, L: Layer<T>> Layer<T> for DenseBlock<L> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let mut all = x;
        for layer in &self.layers {
            all = vstack(&[all, layer.forward(all)]);
        }
        all
    }
}
