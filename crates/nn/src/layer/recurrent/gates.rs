//! The gates of a recurrent layer.

use autograd::compiled_once;

use crate::{Param, Real, Tape, Var, affine};

/// The weights of a [`RecurrentLayer`](crate::RecurrentLayer) on a tape. The [rule](crate::RecurrentRule) takes the parts that it needs before the first
/// step. Gates are numbered in the order of their blocks in the weights.
#[derive(Clone, Copy)]
pub struct Gates<'t, T: Real> {
    /// For the inputs and for the state.
    weights: [Var<'t, T>; 2],
    biases: [Option<Var<'t, T>>; 2],
    hidden: usize,
}

#[compiled_once]
impl<'t, T: Real> Gates<'t, T> {
    /// W and U, b and b', with shapes as in a [`RecurrentLayer`](crate::RecurrentLayer).
    #[inline]
    pub fn new(weights: [Var<'t, T>; 2], biases: [Option<Var<'t, T>>; 2]) -> Self {
        Gates { weights, biases, hidden: weights[1].cols() }
    }

    /// The function (x, h) → W x + b + U h + b' of N gates from this one on. All are computed in one node that is split into N.
    pub fn both<const N: usize>(self, first: usize) -> impl Fn(Var<'t, T>, Var<'t, T>) -> [Var<'t, T>; N] {
        let Gates { weights, biases, hidden } = self;
        let [w, u] = weights.map(|w| self.blocks(w, first, N));
        let b = biases.into_iter().flatten().reduce(|b, c| b + c).map(|b| self.blocks(b, first, N));
        move |x, h| {
            let a = affine(&[(w, x), (u, h)], b);
            std::array::from_fn(|k| if N == 1 { a } else { a.rows_in(k * hidden..(k + 1) * hidden) })
        }
    }

    /// The function x → W x + b of one gate.
    #[inline]
    pub fn of_input(self, gate: usize) -> impl Fn(Var<'t, T>) -> Var<'t, T> {
        self.of(0, gate)
    }

    /// The function h → U h + b' of one gate.
    #[inline]
    pub fn of_state(self, gate: usize) -> impl Fn(Var<'t, T>) -> Var<'t, T> {
        self.of(1, gate)
    }

    #[inline]
    fn of(self, side: usize, gate: usize) -> impl Fn(Var<'t, T>) -> Var<'t, T> {
        let w = self.blocks(self.weights[side], gate, 1);
        let b = self.biases[side].map(|b| self.blocks(b, gate, 1));
        move |x| affine(&[(w, x)], b)
    }

    fn blocks(self, w: Var<'t, T>, first: usize, count: usize) -> Var<'t, T> {
        let rows = first * self.hidden..(first + count) * self.hidden;
        if rows.len() == w.rows() { w } else { w.rows_in(rows) }
    }
}

/// The weights of a layer on a tape.
#[compiled_once]
pub(super) fn gates<'t, T: Real>(
    tape: &'t Tape<'t, T>,
    weights: [&'t Param<T>; 2],
    biases: [&'t Option<Param<T>>; 2],
) -> Gates<'t, T> {
    Gates::new(weights.map(|w| tape.param(w)), biases.map(|b| b.as_ref().map(|b| tape.param(b))))
}
