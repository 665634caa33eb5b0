//! Long short-term memory.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::{Gates, RecurrentLayer, RecurrentRule};
use crate::{Real, Var};

/// Long short-term memory (Hochreiter & Schmidhuber 1997) with forget gate (Gers, Schmidhuber, Cummins 2000), as in
/// PyTorch's `LSTM`. With a state h, a memory c and gates in the order i, f, g, o, each of the form a = W x + b + U h + b':
///
/// ```text
/// c ← σ(f) ⊙ c + σ(i) ⊙ tanh(g)
/// h ← σ(o) ⊙ tanh(c)
/// ```
///
/// The state is `[h, c]`.
///
/// ```
/// use nn::{Lstm, Matrix, Recurrent, Tape};
/// # use rand::SeedableRng;
/// # let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// let lstm: Lstm<f32> = Lstm::new(3, 8, rng).with_forget_bias(1.0);
/// let tape = Tape::new();
/// let (ys, [h, c]) = lstm.run(&[tape.constant(Matrix::zeros(3, 5))], None);
/// assert_eq!((ys[0].shape(), h.shape(), c.shape()), ((8, 5), (8, 5), (8, 5)));
/// ```
pub type Lstm<T> = RecurrentLayer<T, LstmRule>;

/// The rule of an [`Lstm`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LstmRule;

#[compiled_once]
impl<T: Real> Lstm<T> {
    /// The same layer with the given sum of the two biases of the forget gate. With 1 it remembers from the
    /// start (Jozefowicz, Zaremba, Sutskever 2015). A layer without biases does not change.
    pub fn with_forget_bias(mut self, bias: f64) -> Self {
        let hidden = self.hidden();
        for (param, bias) in [(&mut self.bias_ih, bias), (&mut self.bias_hh, 0.0)] {
            if let Some(param) = param {
                param.value_mut().as_mut_slice()[hidden..2 * hidden].fill(T::from_f64(bias));
            }
        }
        self
    }
}

#[compiled_once]
impl<T: Real> RecurrentRule<T> for LstmRule {
    const NAME: &str = "Lstm";
    const GATES: usize = 4;
    type State<'t> = [Var<'t, T>; 2];

    #[inline]
    fn start<'t>(zeros: Var<'t, T>) -> [Var<'t, T>; 2] {
        [zeros; 2]
    }

    #[inline]
    fn step<'t>(&'t self, gates: Gates<'t, T>) -> impl Fn(Var<'t, T>, [Var<'t, T>; 2]) -> [Var<'t, T>; 2] {
        let all = gates.both(0);
        move |x, [h, c]| {
            let [i, f, g, o] = all(x, h);
            let c = f.sigmoid() * c + i.sigmoid() * g.tanh();
            [o.sigmoid() * c.tanh(), c]
        }
    }

    #[track_caller]
    fn run_layer<'t>(
        layer: &'t RecurrentLayer<T, Self>,
        xs: &[Var<'t, T>],
        masks: &[Option<Var<'t, T>>],
        start: Option<[Var<'t, T>; 2]>,
    ) -> (Vec<Var<'t, T>>, [Var<'t, T>; 2]) {
        layer.all_steps(xs, masks, start)
    }
}
