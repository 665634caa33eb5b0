//! The gated recurrent unit.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::{Gates, RecurrentLayer, RecurrentRule};
use crate::{Real, Var};

/// The gated recurrent unit (Cho et al. 2014) as in PyTorch's `GRU`. Its reset gate acts on U h + b' (the first version
/// of arXiv:1406.1078) and not on h. With a state h and gates in the order r, z, n:
///
/// ```text
/// r = σ(Wᵣ x + bᵣ + Uᵣ h + b'ᵣ)
/// z = σ(W_z x + b_z + U_z h + b'_z)
/// n = tanh(Wₙ x + bₙ + r ⊙ (Uₙ h + b'ₙ))
/// h ← (1 − z) ⊙ n + z ⊙ h
/// ```
///
/// ```
/// use nn::{Gru, Matrix, Module, Recurrent, Tape};
/// # use rand::SeedableRng;
/// # let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// let gru: Gru<f32> = Gru::new(3, 8, rng);
/// assert_eq!(gru.count_params(), 3 * 8 * (3 + 8 + 2));
/// let tape = Tape::new();
/// let (ys, [h]) = gru.run(&[tape.constant(Matrix::zeros(3, 5))], None);
/// assert_eq!((ys.len(), h.shape()), (1, (8, 5)));
/// ```
pub type Gru<T> = RecurrentLayer<T, GruRule>;

/// The rule of a [`Gru`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GruRule;

#[compiled_once]
impl<T: Real> RecurrentRule<T> for GruRule {
    const NAME: &str = "Gru";
    const GATES: usize = 3;
    type State<'t> = [Var<'t, T>; 1];

    #[inline]
    fn start<'t>(zeros: Var<'t, T>) -> [Var<'t, T>; 1] {
        [zeros]
    }

    #[inline]
    fn step<'t>(&'t self, gates: Gates<'t, T>) -> impl Fn(Var<'t, T>, [Var<'t, T>; 1]) -> [Var<'t, T>; 1] {
        let (rz, input, state) = (gates.both(0), gates.of_input(2), gates.of_state(2));
        move |x, [h]| {
            let [r, z] = rz(x, h).map(Var::sigmoid);
            let n = (input(x) + r * state(h)).tanh();
            [n.lerp(h, z)]
        }
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
