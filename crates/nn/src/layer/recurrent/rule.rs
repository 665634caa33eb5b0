//! A recurrent layer, and the rule of its steps.

use autograd::compiled_once;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::Recurrent;
use super::gates::{Gates, gates};
use crate::init::draw;
use crate::{Init, Matrix, Module, Param, Real, Tape, Var};

/// The rule of a recurrent layer: its number of gates, and one step.
///
/// With your own rule you get your own layer. The minimal gated unit (Zhou et al. 2016) without its reset:
///
/// ```
/// use nn::{Gates, Matrix, Real, RecurrentLayer, RecurrentRule, Recurrent, Tape, Var};
/// # use rand::SeedableRng;
/// #[derive(Clone, Default)]
/// struct Minimal;
///
/// impl<T: Real> RecurrentRule<T> for Minimal {
///     const NAME: &str = "Minimal";
///     const GATES: usize = 2;
///     type State<'t> = [Var<'t, T>; 1];
///
///     fn start<'t>(zeros: Var<'t, T>) -> [Var<'t, T>; 1] {
///         [zeros]
///     }
///
///     fn step<'t>(&'t self, gates: Gates<'t, T>) -> impl Fn(Var<'t, T>, [Var<'t, T>; 1]) -> [Var<'t, T>; 1] {
///         let both = gates.both(0);
///         move |x, [h]| {
///             let [f, n] = both(x, h);
///             [h.lerp(n.tanh(), f.sigmoid())]
///         }
///     }
/// }
///
/// let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// let layer = RecurrentLayer::<f32, Minimal>::new(3, 8, rng);
/// let tape = Tape::new();
/// let (ys, [h]) = layer.run(&[tape.constant(Matrix::zeros(3, 5))], None);
/// assert_eq!((ys.len(), h.shape()), (1, (8, 5)));
/// ```
pub trait RecurrentRule<T: Real>: Clone {
    /// The name of its layer in messages.
    const NAME: &str;
    /// The number of blocks of `hidden` rows in the weights.
    const GATES: usize;
    /// The type of the state: `[h]`, or `[h, …]` with further parts, as an array.
    type State<'t>: Copy + AsRef<[Var<'t, T>]> + AsMut<[Var<'t, T>]>;

    /// A state whose parts are all these zeros, hidden × batch.
    fn start<'t>(zeros: Var<'t, T>) -> Self::State<'t>;

    /// The function (xₜ, stateₜ₋₁) → stateₜ, with the weights on the tape.
    fn step<'t>(&'t self, gates: Gates<'t, T>) -> impl Fn(Var<'t, T>, Self::State<'t>) -> Self::State<'t>;

    /// All steps of a layer. The rules of the library compile them once.
    #[doc(hidden)]
    #[track_caller]
    fn run_layer<'t>(
        layer: &'t RecurrentLayer<T, Self>,
        xs: &[Var<'t, T>],
        masks: &[Option<Var<'t, T>>],
        start: Option<Self::State<'t>>,
    ) -> (Vec<Var<'t, T>>, Self::State<'t>) {
        layer.all_steps(xs, masks, start)
    }
}

/// A recurrent layer: weights, and the rule that uses them at every step. [`Rnn`](crate::Rnn), [`Gru`](crate::Gru) and [`Lstm`](crate::Lstm) are recurrent layers.
///
/// The names, the order of gates and the two biases are those of PyTorch, for one layer in one direction ([`torch_name`](crate::torch_name) has the
/// names of several). The initial weights are PyTorch's too: all are uniform on ±1/√hidden.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct RecurrentLayer<T, R> {
    /// W for the inputs: the blocks of all gates, stacked, gates · hidden × inputs.
    #[module(matrix, weight)]
    pub weight_ih: Param<T>,
    /// W for the state, gates · hidden × hidden.
    #[module(matrix, weight)]
    pub weight_hh: Param<T>,
    /// b, added to the product with the inputs, gates · hidden × 1.
    #[module(bias)]
    pub bias_ih: Option<Param<T>>,
    /// b', added to the product with the state, gates · hidden × 1.
    #[module(bias)]
    pub bias_hh: Option<Param<T>>,
    /// The rule.
    #[module(skip)]
    pub rule: R,
}

impl<T: Real, R: RecurrentRule<T>> RecurrentLayer<T, R> {
    /// A layer with weights and biases uniform on ±1/√hidden.
    pub fn new(inputs: usize, hidden: usize, rng: &mut impl Rng) -> Self
    where
        R: Default,
    {
        let [weight_ih, weight_hh, bias_ih, bias_hh] = first_weights(R::GATES, inputs, hidden, rng);
        let [bias_ih, bias_hh] = [bias_ih, bias_hh].map(Some);
        RecurrentLayer { weight_ih, weight_hh, bias_ih, bias_hh, rule: R::default() }
    }

    /// The same layer without biases.
    pub fn without_bias(self) -> Self {
        RecurrentLayer { bias_ih: None, bias_hh: None, ..self }
    }

    /// The same layer with new random weights, gate by gate, with separate rules for the inputs and for the
    /// state, and biases 0. Orthogonal weights for the state keep its size over many steps (Saxe et al. 2014).
    pub fn with_init(mut self, inputs: Init, state: Init, rng: &mut impl Rng) -> Self {
        let hidden = self.hidden();
        redraw(inputs, (R::GATES, hidden), &mut self.weight_ih, rng);
        redraw(state, (R::GATES, hidden), &mut self.weight_hh, rng);
        [&mut self.bias_ih, &mut self.bias_hh].into_iter().flatten().for_each(set_to_zero);
        self
    }

    /// The number of features of an input.
    pub fn inputs(&self) -> usize {
        self.weight_ih.value().cols()
    }

    /// The number of features of a state and of an output.
    pub fn hidden(&self) -> usize {
        self.weight_hh.value().cols()
    }

    fn gates<'t>(&'t self, tape: &'t Tape<'t, T>) -> Gates<'t, T> {
        gates(tape, [&self.weight_ih, &self.weight_hh], [&self.bias_ih, &self.bias_hh])
    }

    #[track_caller]
    pub(super) fn all_steps<'t>(
        &'t self,
        xs: &[Var<'t, T>],
        masks: &[Option<Var<'t, T>>],
        start: Option<R::State<'t>>,
    ) -> (Vec<Var<'t, T>>, R::State<'t>) {
        let tape = tape_of(R::NAME, self.inputs(), xs, masks);
        let shape = (self.hidden(), xs[0].cols());
        let mut state = start.unwrap_or_else(|| R::start(zeros(tape, shape)));
        expect_state(R::NAME, shape, state.as_ref());
        let step = self.rule.step(self.gates(tape));
        let mut ys = Vec::with_capacity(xs.len());
        for (&x, &mask) in xs.iter().zip(masks) {
            let before = state;
            state = step(x, before);
            ys.push(masked(mask, state.as_mut(), before.as_ref()));
        }
        (ys, state)
    }
}

/// Weights and biases uniform on ±1/√hidden.
#[compiled_once]
fn first_weights<T: Real>(gates: usize, inputs: usize, hidden: usize, rng: &mut dyn Rng) -> [Param<T>; 4] {
    let init = Init::Uniform(1.0 / (hidden as f64).sqrt());
    [inputs, hidden, 1, 1].map(|cols| Param::new(draw(init, gates * hidden, cols, rng)))
}

/// Draws new weights, gate by gate.
#[compiled_once]
fn redraw<T: Real>(init: Init, (gates, hidden): (usize, usize), weights: &mut Param<T>, rng: &mut dyn Rng) {
    let w = weights.value_mut();
    for gate in 0..gates {
        let block = draw(init, hidden, w.cols(), rng);
        (0..w.cols()).for_each(|j| w.col_mut(j)[gate * hidden..][..hidden].copy_from_slice(block.col(j)));
    }
}

#[compiled_once]
fn set_to_zero<T: Real>(bias: &mut Param<T>) {
    bias.value_mut().as_mut_slice().fill(T::default());
}

/// The tape of a sequence, after a check that the sequence fits the layer.
#[compiled_once]
#[track_caller]
fn tape_of<'t, T: Real>(name: &str, inputs: usize, xs: &[Var<'t, T>], masks: &[Option<Var<'t, T>>]) -> &'t Tape<'t, T> {
    let Some(first) = xs.first() else { panic!("{name}: a sequence of no steps") };
    assert!(xs.len() == masks.len(), "{name}: {} masks for {} steps", masks.len(), xs.len());
    let batch = first.cols();
    for (t, x) in xs.iter().enumerate() {
        let (m, n) = x.shape();
        assert!(
            (m, n) == (inputs, batch),
            "{name}: {inputs} features × {batch} samples expected at step {t}, got {m} × {n}"
        );
    }
    first.tape()
}

#[compiled_once]
#[track_caller]
fn zeros<'t, T: Real>(tape: &'t Tape<'t, T>, shape: (usize, usize)) -> Var<'t, T> {
    tape.constant(Matrix::zeros(shape.0, shape.1))
}

#[compiled_once]
#[track_caller]
fn expect_state<T: Real>(name: &str, (hidden, batch): (usize, usize), state: &[Var<'_, T>]) {
    for (k, part) in state.iter().enumerate() {
        let (m, n) = part.shape();
        assert!(
            (m, n) == (hidden, batch),
            "{name}: {hidden} × {batch} expected as part {k} of the first state, got {m} × {n}"
        );
    }
}

/// The output of a step. Samples whose mask is 0 keep their previous state.
#[compiled_once]
#[track_caller]
fn masked<'t, T: Real>(mask: Option<Var<'t, T>>, state: &mut [Var<'t, T>], before: &[Var<'t, T>]) -> Var<'t, T> {
    let y = state[0];
    let Some(mask) = mask else { return y };
    let kept = mask.keep(y);
    state.iter_mut().zip(before).for_each(|(new, &old)| *new = mask.select(*new, old));
    kept
}

impl<T: Real, R: RecurrentRule<T>> Recurrent<T> for RecurrentLayer<T, R> {
    type State<'t>
        = R::State<'t>
    where
        Self: 't;

    #[track_caller]
    fn run_masked<'t>(
        &'t self,
        xs: &[Var<'t, T>],
        masks: &[Option<Var<'t, T>>],
        start: Option<R::State<'t>>,
    ) -> (Vec<Var<'t, T>>, R::State<'t>) {
        R::run_layer(self, xs, masks, start)
    }
}
