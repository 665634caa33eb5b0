//! Recurrent layers: one set of weights, used at every time step.

mod any;
mod bidirectional;
mod gates;
mod gru;
mod lstm;
mod names;
mod padding;
mod rnn;
mod rule;

use std::borrow::Borrow;

use padding::{masks_of, padded};

use crate::{Matrix, Module, Real, Tape, Var};

pub use any::{AnyRecurrent, RecurrentNet};
pub use bidirectional::Bidirectional;
pub use gates::Gates;
pub use gru::{Gru, GruRule};
pub use lstm::{Lstm, LstmRule};
pub use names::torch_name;
pub use rnn::{Rnn, RnnRule};
pub use rule::{RecurrentLayer, RecurrentRule};

/// A module that maps a sequence to a sequence, step by step, and passes a state on.
///
/// A sequence is a slice of T variables, each features × batch: x₁ … x_T of all samples at once. A `Vec` of recurrent
/// modules is a deep module, in which each runs on the outputs of the one before. [`Bidirectional`] is two modules that run in
/// opposite directions:
///
/// ```
/// use nn::{Bidirectional, Gru, Lstm, Matrix, Recurrent, Tape};
/// # use rand::SeedableRng;
/// let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// let lstm: Lstm<f32> = Lstm::new(3, 8, rng);
/// let tape = Tape::new();
/// let xs = vec![tape.constant(Matrix::zeros(3, 5)); 10]; // 10 steps of 5 samples
/// let (ys, [h, c]) = lstm.run(&xs, None);
/// assert_eq!((ys.len(), h.shape(), c.shape()), (10, (8, 5), (8, 5)));
/// let (more, _) = lstm.run(&xs, Some([h, c])); // continues from the last state
/// # assert_eq!(more.len(), 10);
///
/// let both = |inputs, rng: &mut _| Bidirectional { forward: Gru::<f32>::new(inputs, 8, rng), backward: Gru::new(inputs, 8, rng) };
/// let deep = vec![both(3, rng), both(16, rng)];
/// let (ys, states) = deep.run_padded(&xs, &[10, 4, 7, 1, 9], None); // samples of these lengths
/// assert_eq!((ys[0].shape(), states.len()), ((16, 5), 2));
/// ```
pub trait Recurrent<T: Real>: Module<T> {
    /// The state that is passed from step to step, such as `[h]` or `[h, c]`, each hidden × batch; for several modules a
    /// collection of their states.
    type State<'t>: Clone
    where
        Self: 't;

    /// The outputs of all steps and the last state, from a given first state or from zeros.
    ///
    /// # Panics
    /// If there are no steps, or shapes do not fit.
    #[track_caller]
    fn run<'t>(&'t self, xs: &[Var<'t, T>], start: Option<Self::State<'t>>) -> (Vec<Var<'t, T>>, Self::State<'t>) {
        self.run_masked(xs, &vec![None; xs.len()], start)
    }

    /// The same, but sample j has only `lengths[j]` steps, and the rest is padding with any finite numbers. Its outputs
    /// there are 0, its last state is that of its own last step, and running backward begins at that step.
    ///
    /// # Panics
    /// Also if the numbers of lengths and samples differ, or a length exceeds the number of steps.
    #[track_caller]
    fn run_padded<'t>(
        &'t self,
        xs: &[Var<'t, T>],
        lengths: &[usize],
        start: Option<Self::State<'t>>,
    ) -> (Vec<Var<'t, T>>, Self::State<'t>) {
        self.run_masked(xs, &masks_of(xs, lengths), start)
    }

    /// The outputs of all steps and the last states of several series of different lengths, each features × steps, from zeros:
    /// [`run_padded`](Recurrent::run_padded) on the series, padded with zeros. So output t is outputs × series, with 0 where a series has
    /// ended, and the last state of a series is that of its own last step; of a series without steps it is 0.
    ///
    /// ```
    /// use nn::prelude::*;
    /// # let rng = &mut ChaCha8Rng::seed_from_u64(0);
    /// let lstm: Lstm<f64> = Lstm::new(2, 8, rng);
    /// let series = [4, 7, 1].map(|steps| Init::Normal(1.0).sample(2, steps, rng));
    /// let tape = Tape::new();
    /// let (ys, [h, _]) = lstm.run_sequences(&tape, &series);
    /// assert_eq!((ys.len(), h.shape()), (7, (8, 3)));
    /// assert_eq!(ys[3].value().col(0), h.value().col(0)); // the first series ends here
    /// ```
    ///
    /// # Panics
    /// If there are no series, if none has a step, or if their numbers of features differ.
    #[track_caller]
    #[doc(alias("pack_sequence", "pad_sequence", "pack_padded_sequence"))]
    fn run_sequences<'t>(
        &'t self,
        tape: &'t Tape<'t, T>,
        series: &[impl Borrow<Matrix<T>>],
    ) -> (Vec<Var<'t, T>>, Self::State<'t>) {
        let series: Vec<_> = series.iter().map(|x| x.borrow().view()).collect();
        let lengths: Vec<usize> = series.iter().map(|x| x.cols()).collect();
        self.run_padded(&padded(tape, &series), &lengths, None)
    }

    /// The same with masks, 1 × batch. A step takes place only for samples whose mask is not 0; the others keep
    /// their state, and their output is 0.
    ///
    /// # Panics
    /// If there are no steps, if there is not a mask or `None` for every step, or if shapes do not fit.
    #[track_caller]
    fn run_masked<'t>(
        &'t self,
        xs: &[Var<'t, T>],
        masks: &[Option<Var<'t, T>>],
        start: Option<Self::State<'t>>,
    ) -> (Vec<Var<'t, T>>, Self::State<'t>);
}

/// Each runs on the outputs of the one before.
impl<T: Real, R: Recurrent<T>> Recurrent<T> for Vec<R> {
    type State<'t>
        = Vec<R::State<'t>>
    where
        Self: 't;

    #[track_caller]
    fn run_masked<'t>(
        &'t self,
        xs: &[Var<'t, T>],
        masks: &[Option<Var<'t, T>>],
        start: Option<Self::State<'t>>,
    ) -> (Vec<Var<'t, T>>, Self::State<'t>) {
        if let Some(start) = &start {
            assert!(start.len() == self.len(), "run: {} states for {} layers", start.len(), self.len());
        }
        let mut start = start.map(Vec::into_iter);
        let (mut ys, mut states) = (xs.to_vec(), Vec::with_capacity(self.len()));
        for layer in self {
            let (outputs, state) = layer.run_masked(&ys, masks, start.as_mut().and_then(Iterator::next));
            states.push(state);
            ys = outputs;
        }
        (ys, states)
    }
}
