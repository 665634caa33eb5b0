//! The simple recurrent layer.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::{Gates, RecurrentLayer, RecurrentRule};
use crate::{Activation, Layer, Real, Var};

/// hₜ = tanh(W xₜ + b + U hₜ₋₁ + b') (Elman 1990), or with another activation: `torch.nn.RNN`.
///
/// Its gradient is multiplied by Uᵀ and tanh' at every step, so it vanishes or explodes over many steps
/// (Bengio, Simard, Frasconi 1994). [`Gru`](crate::Gru) and [`Lstm`](crate::Lstm) have a path that the gradient passes unchanged.
///
/// ```
/// use nn::{Activation, Matrix, Recurrent, Rnn, Tape};
/// # use rand::SeedableRng;
/// # let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// let rnn: Rnn<f32> = Rnn::new(3, 8, rng).with_activation(Activation::Relu);
/// let tape = Tape::new();
/// let (ys, [h]) = rnn.run(&[tape.constant(Matrix::zeros(3, 5)), tape.constant(Matrix::zeros(3, 5))], None);
/// assert_eq!(ys[1].value(), h.value());
/// ```
pub type Rnn<T> = RecurrentLayer<T, RnnRule>;

/// The rule of an [`Rnn`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RnnRule {
    /// The activation, tanh by default.
    pub activation: Activation,
}

impl Default for RnnRule {
    fn default() -> Self {
        RnnRule { activation: Activation::Tanh }
    }
}

#[compiled_once]
impl<T: Real> Rnn<T> {
    /// The same layer with another activation.
    pub fn with_activation(self, activation: Activation) -> Self {
        Rnn { rule: RnnRule { activation }, ..self }
    }
}

#[compiled_once]
impl<T: Real> RecurrentRule<T> for RnnRule {
    const NAME: &str = "Rnn";
    const GATES: usize = 1;
    type State<'t> = [Var<'t, T>; 1];

    #[inline]
    fn start<'t>(zeros: Var<'t, T>) -> [Var<'t, T>; 1] {
        [zeros]
    }

    #[inline]
    fn step<'t>(&'t self, gates: Gates<'t, T>) -> impl Fn(Var<'t, T>, [Var<'t, T>; 1]) -> [Var<'t, T>; 1] {
        let both = gates.both::<1>(0);
        move |x, [h]| both(x, h).map(|a| self.activation.forward(a))
    }

    #[track_caller]
    fn run_layer<'t>(
        layer: &'t RecurrentLayer<T, Self>,
        xs: &[Var<'t, T>],
        masks: &[Option<Var<'t, T>>],
        start: Option<[Var<'t, T>; 1]>,
    ) -> (Vec<Var<'t, T>>, [Var<'t, T>; 1]) {
        layer.all_steps(xs, masks, start)
    }
}
