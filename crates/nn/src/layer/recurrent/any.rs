//! Recurrent layers that are chosen at run time, and a network of them.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::{Gru, Lstm, Recurrent, RecurrentLayer, RecurrentRule, Rnn};
use crate::{Layer, Module, Param, Path, Real, Sequential, Var};

/// One of the library's recurrent layers. Every one converts to it by `into`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", bound = "T: Real")]
#[non_exhaustive]
pub enum AnyRecurrent<T> {
    /// The simple layer.
    Rnn(Rnn<T>),
    /// The gated recurrent unit.
    Gru(Gru<T>),
    /// Long short-term memory.
    Lstm(Lstm<T>),
}

macro_rules! conversions {
    ($($Layer:ident)+) => {$(
        impl<T> From<$Layer<T>> for AnyRecurrent<T> {
            fn from(layer: $Layer<T>) -> Self {
                AnyRecurrent::$Layer(layer)
            }
        }
    )+};
}
conversions!(Rnn Gru Lstm);

macro_rules! each {
    ($any:expr, $layer:ident => $result:expr) => {
        match $any {
            AnyRecurrent::Rnn($layer) => $result,
            AnyRecurrent::Gru($layer) => $result,
            AnyRecurrent::Lstm($layer) => $result,
        }
    };
}

#[compiled_once]
impl<T: Real> AnyRecurrent<T> {
    /// The number of features of an input.
    pub fn inputs(&self) -> usize {
        each!(self, layer => layer.inputs())
    }

    /// The number of features of a state and of an output.
    pub fn hidden(&self) -> usize {
        each!(self, layer => layer.hidden())
    }
}

/// The variant adds nothing to the names of the parameters.
#[compiled_once]
impl<T: Real> Module<T> for AnyRecurrent<T> {
    fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
        each!(self, layer => layer.params(path, f));
    }
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
        each!(self, layer => layer.params_mut(path, f));
    }
}

/// The state is `[h]`, or `[h, c]` of an [`Lstm`].
#[compiled_once]
impl<T: Real> Recurrent<T> for AnyRecurrent<T> {
    type State<'t>
        = Vec<Var<'t, T>>
    where
        Self: 't;

    #[track_caller]
    fn run_masked<'t>(
        &'t self,
        xs: &[Var<'t, T>],
        masks: &[Option<Var<'t, T>>],
        start: Option<Vec<Var<'t, T>>>,
    ) -> (Vec<Var<'t, T>>, Vec<Var<'t, T>>) {
        each!(self, layer => run(layer, xs, masks, start))
    }
}

#[track_caller]
fn run<'t, T: Real, R: RecurrentRule<T, State<'t> = [Var<'t, T>; N]>, const N: usize>(
    layer: &'t RecurrentLayer<T, R>,
    xs: &[Var<'t, T>],
    masks: &[Option<Var<'t, T>>],
    start: Option<Vec<Var<'t, T>>>,
) -> (Vec<Var<'t, T>>, Vec<Var<'t, T>>) {
    let start = match start.map(<[Var<'t, T>; N]>::try_from) {
        Some(Err(parts)) => panic!("{}: a first state of {N} parts expected, got {}", R::NAME, parts.len()),
        start => start.and_then(Result::ok),
    };
    let (ys, state) = R::run_layer(layer, xs, masks, start);
    (ys, state.to_vec())
}

/// Recurrent layers, each on the outputs of the one before, and a list of layers on the outputs of the last one: at every step, or at the
/// last step alone.
///
/// ```
/// use nn::{AnyRecurrent, Gru, Init, Linear, Matrix, Module, RecurrentNet, Sequential, Tape};
/// # use rand::SeedableRng;
/// let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// let recurrent: Vec<AnyRecurrent<f32>> = vec![Gru::new(3, 8, rng).into(), Gru::new(8, 8, rng).into()];
/// let head = Sequential::new().then(Linear::new(8, 2, Init::Xavier, rng));
/// let mut net = RecurrentNet { recurrent, head, every_step: true };
/// assert_eq!(net.named_params()[0].0, "recurrent.0.weight_ih");
/// {
///     let tape = Tape::new();
///     let ys = net.run(&vec![tape.constant(Matrix::zeros(3, 5)); 10]); // 10 steps of 5 samples
///     assert_eq!((ys.len(), ys[0].shape()), (10, (2, 5)));
/// }
/// net.every_step = false;
/// let tape = Tape::new();
/// assert_eq!(net.run(&vec![tape.constant(Matrix::zeros(3, 5)); 10]).len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
#[serde(bound = "T: Real")]
pub struct RecurrentNet<T> {
    /// The recurrent layers, first to last.
    pub recurrent: Vec<AnyRecurrent<T>>,
    /// The layers on their outputs.
    pub head: Sequential<T>,
    /// Whether there is an output for every step; otherwise there is one, for the last step.
    #[module(skip)]
    pub every_step: bool,
}

#[compiled_once]
impl<T: Real> RecurrentNet<T> {
    /// The outputs for a sequence, each outputs × batch: one for every step, or a single one.
    ///
    /// # Panics
    /// If there are no steps, or shapes do not fit.
    #[track_caller]
    pub fn run<'t>(&'t self, xs: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
        assert!(!xs.is_empty(), "RecurrentNet: a sequence of no steps");
        let (ys, _) = self.recurrent.run(xs, None);
        let first = if self.every_step { 0 } else { ys.len() - 1 };
        let mut outputs = Vec::with_capacity(ys.len() - first);
        for &y in &ys[first..] {
            outputs.push(self.head.forward(y));
        }
        outputs
    }
}
