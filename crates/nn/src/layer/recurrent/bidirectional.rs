//! Bidirectional recurrent layers.

use autograd::vstack;
use serde::{Deserialize, Serialize};

use super::Recurrent;
use crate::{Module, Real, Var};

/// One module runs forward and one runs backward. An output is that of `forward` stacked on that of `backward` at the
/// same step (Schuster & Paliwal 1997). The state is `[forward, backward]`; the last state of `backward` is that
/// after the first step.
///
/// ```
/// use nn::{Bidirectional, Matrix, Recurrent, Rnn, Tape};
/// # use rand::SeedableRng;
/// # let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// let both: Bidirectional<Rnn<f32>> = Bidirectional { forward: Rnn::new(3, 8, rng), backward: Rnn::new(3, 8, rng) };
/// let tape = Tape::new();
/// let (ys, [[_], [first]]) = both.run(&[tape.constant(Matrix::zeros(3, 5))], None);
/// assert_eq!((ys[0].shape(), ys[0].rows_in(8..16).value()), ((16, 5), first.value()));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct Bidirectional<R> {
    /// From the first step to the last.
    pub forward: R,
    /// From the last step to the first.
    pub backward: R,
}

impl<T: Real, R: Recurrent<T>> Recurrent<T> for Bidirectional<R> {
    type State<'t>
        = [R::State<'t>; 2]
    where
        Self: 't;

    #[track_caller]
    fn run_masked<'t>(
        &'t self,
        xs: &[Var<'t, T>],
        masks: &[Option<Var<'t, T>>],
        start: Option<[R::State<'t>; 2]>,
    ) -> (Vec<Var<'t, T>>, [R::State<'t>; 2]) {
        let [forward, backward] = start.map_or([None, None], |start| start.map(Some));
        let (up, forward) = self.forward.run_masked(xs, masks, forward);
        let (mut xs, mut masks) = (xs.to_vec(), masks.to_vec());
        xs.reverse();
        masks.reverse();
        let (down, backward) = self.backward.run_masked(&xs, &masks, backward);
        let ys = up.iter().zip(down.iter().rev()).map(|(&up, &down)| vstack(&[up, down])).collect();
        (ys, [forward, backward])
    }
}
