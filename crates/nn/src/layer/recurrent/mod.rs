//! Recurrent layers: one set of weights, used at every time step.

mod bidirectional;
mod gru;
mod lstm;
mod names;
mod rnn;

use autograd::compiled_once;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::init::draw;
use crate::{Init, Matrix, Module, Param, Real, Tape, Var, affine};

pub use bidirectional::Bidirectional;
pub use gru::{Gru, GruRule};
pub use lstm::{Lstm, LstmRule};
pub use names::torch_name;
pub use rnn::{Rnn, RnnRule};

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

/// A mask for each step that is not the end of all samples.
#[compiled_once]
#[track_caller]
fn masks_of<'t, T: Real>(xs: &[Var<'t, T>], lengths: &[usize]) -> Vec<Option<Var<'t, T>>> {
    let batch = xs.first().map_or(0, |x| x.cols());
    assert!(lengths.len() == batch, "run_padded: {} lengths for {batch} samples", lengths.len());
    for (j, &length) in lengths.iter().enumerate() {
        assert!(length <= xs.len(), "run_padded: sample {j} has length {length}, more than the {} steps", xs.len());
    }
    let mask = |t: usize| {
        let row: Vec<T> = lengths.iter().map(|&length| T::from_f64(f64::from(u8::from(t < length)))).collect();
        lengths.iter().any(|&length| t >= length).then(|| xs[t].tape().constant(Matrix::row(&row)))
    };
    (0..xs.len()).map(mask).collect()
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

/// A recurrent layer: weights, and the rule that uses them at every step. [`Rnn`], [`Gru`] and [`Lstm`] are recurrent layers.
///
/// The names, the order of gates and the two biases are those of PyTorch, for one layer in one direction ([`torch_name`] has the
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
    fn all_steps<'t>(
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

/// The weights of a layer on a tape.
#[compiled_once]
fn gates<'t, T: Real>(
    tape: &'t Tape<'t, T>,
    weights: [&'t Param<T>; 2],
    biases: [&'t Option<Param<T>>; 2],
) -> Gates<'t, T> {
    Gates::new(weights.map(|w| tape.param(w)), biases.map(|b| b.as_ref().map(|b| tape.param(b))))
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

/// The weights of a [`RecurrentLayer`] on a tape. The [rule](RecurrentRule) takes the parts that it needs before the first
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
    /// W and U, b and b', with shapes as in a [`RecurrentLayer`].
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
