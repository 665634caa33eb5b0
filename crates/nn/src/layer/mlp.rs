//! The multilayer perceptron: the lecture's shallow and deep feed-forward networks.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{Activation, Init, Layer, Linear, Module, Real, Var};

/// y = W⁽ᴸ⁾ h(… h(W⁽¹⁾ x + b⁽¹⁾) …) + b⁽ᴸ⁾: an activation after every layer but the last, whose outputs
/// are left as they are (logits, or the values of a regression).
///
/// ```
/// use nn::{Activation, Layer, Matrix, Mlp, Tape};
/// # use rand::SeedableRng;
/// let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let net: Mlp<f32> = Mlp::new(&[4, 16, 3], Activation::Tanh, rng);
/// let tape = Tape::new();
/// let y = net.forward(tape.constant(Matrix::zeros(4, 5)));
/// assert_eq!(y.shape(), (3, 5));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct Mlp<T> {
    /// The layers, first to last.
    pub layers: Vec<Linear<T>>,
    /// h.
    pub activation: Activation,
}

impl<T: Real> Mlp<T> {
    /// A network with these layer sizes, inputs first: weights by He's rule for relu and softplus, else by
    /// Xavier's, and biases 0.
    ///
    /// # Panics
    /// If there are fewer than two sizes.
    #[track_caller]
    pub fn new(sizes: &[usize], activation: Activation, rng: &mut impl Rng) -> Self {
        assert!(sizes.len() >= 2, "Mlp::new: sizes {sizes:?} name no layer: give inputs and outputs at least");
        let init = match activation {
            Activation::Relu | Activation::Softplus => Init::He,
            _ => Init::Xavier,
        };
        let layers = sizes.windows(2).map(|s| Linear::new(s[0], s[1], init, rng)).collect();
        Mlp { layers, activation }
    }
}

impl<T: Real> Layer<T> for Mlp<T> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let Some((last, hidden)) = self.layers.split_last() else { return x };
        let mut z = x;
        for layer in hidden {
            z = self.activation.forward(layer.forward(z));
        }
        last.forward(z)
    }
}
