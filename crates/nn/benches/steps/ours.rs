//! The training steps on the tape, as a user writes them, and from a plan of the step.

use std::ops::Range;

use autograd::{Matrix, MatrixRef, Param, Real, Tape, Var, affine};
use nn::parallel::Parallel;
use nn::{Activation, Adam, Layer, Linear, Mlp, Module, Optimizer, RecordedLoss, Reduction, Residual, State, loss};

use super::plan::{self, Plan};
use super::workloads::{self, Data, LEARNING_RATE, Loss, Network, Step, Targets, Workload};

/// The step of a workload on the tape, or from a plan, with weights and data from this seed. Large operations are split over threads
/// automatically; on the tape the batch is split in halves where the handwritten step does this.
pub fn build<T: Real>(name: &str, seed: u64, planned: bool) -> Box<dyn Step> {
    let workload = workloads::workload(name);
    let data = workloads::data::<T>(&workload, seed);
    let data = match plan::best(name) {
        Plan::Halves if !planned => plan::halves(data, &workload).into(),
        _ => vec![data],
    };
    let mut weights = workloads::weights(&workload, seed).into_iter();
    let mut param = || {
        let (rows, cols, values) = weights.next().expect("a weight for every parameter");
        Param::new(Matrix::from_vec(rows, cols, values))
    };
    let mut linear = || Linear { weight: param(), bias: Some(param()) };
    match workload.network {
        Network::Mlp { ref sizes, activation } => {
            let activation = match activation {
                workloads::Activation::Relu => Activation::Relu,
                workloads::Activation::Tanh => Activation::Tanh,
            };
            let layers = sizes[1..].iter().map(|_| linear()).collect();
            training(Mlp::from_layers(layers, activation), data, &workload, planned)
        }
        Network::Residual { depth, .. } => {
            let blocks = (0..depth).map(|_| Residual(TanhLinear(linear()))).collect();
            training(Deep { blocks, head: linear() }, data, &workload, planned)
        }
        Network::Recurrent { .. } => {
            let cell = linear();
            training(
                Recurrent { cell, input: param(), head: Linear { weight: param(), bias: Some(param()) } },
                data,
                &workload,
                planned,
            )
        }
    }
}

/// tanh(W h + b).
#[derive(Module)]
struct TanhLinear<T>(Linear<T>);

impl<T: Real> Layer<T> for TanhLinear<T> {
    fn forward<'t>(&'t self, h: Var<'t, T>) -> Var<'t, T> {
        self.0.forward(h).tanh()
    }
}

/// Blocks h + tanh(W h + b), then a head.
#[derive(Module)]
struct Deep<T> {
    blocks: Vec<Residual<TanhLinear<T>>>,
    head: Linear<T>,
}

/// h ← tanh(W h + U xₜ + b) with the same parameters at every time, then a head.
#[derive(Module)]
struct Recurrent<T> {
    cell: Linear<T>,
    input: Param<T>,
    head: Linear<T>,
}

/// A network as a function of all its inputs, features × columns.
trait Model<T: Real>: Module<T> {
    fn outputs<'t>(&'t self, tape: &'t Tape<'t, T>, inputs: Var<'t, T>, batch: usize) -> Var<'t, T>;
}

impl<T: Real> Model<T> for Mlp<T> {
    fn outputs<'t>(&'t self, _: &'t Tape<'t, T>, inputs: Var<'t, T>, _: usize) -> Var<'t, T> {
        self.forward(inputs)
    }
}

impl<T: Real> Model<T> for Deep<T> {
    fn outputs<'t>(&'t self, _: &'t Tape<'t, T>, inputs: Var<'t, T>, _: usize) -> Var<'t, T> {
        self.head.forward(self.blocks.forward(inputs))
    }
}

impl<T: Real> Model<T> for Recurrent<T> {
    fn outputs<'t>(&'t self, tape: &'t Tape<'t, T>, inputs: Var<'t, T>, batch: usize) -> Var<'t, T> {
        let (w, b) = (tape.param(&self.cell.weight), self.cell.bias.as_ref().map(|b| tape.param(b)));
        // The inputs of all time steps in one product. The state starts at 0, so the first step has no product with W.
        let inputs = affine(&[(tape.param(&self.input), inputs)], b);
        let mut at = (0..inputs.cols() / batch).map(|k| inputs.columns(k * batch..(k + 1) * batch));
        let first = at.next().map(|a| a.tanh());
        let h = at.fold(first, |h, a| h.map(|h| affine(&[(w, h)], Some(a)).tanh()));
        self.head.forward(h.expect("a sequence has a first element"))
    }
}

struct Training<M, T: Real> {
    model: M,
    /// The batch in one part or in halves.
    data: Vec<(Matrix<T>, Targets<T>)>,
    batch: usize,
    adam: Adam,
    state: State<T>,
}

/// A step from a plan.
struct Planned<M, T: Real> {
    model: M,
    inputs: [Matrix<T>; 2],
    loss: RecordedLoss<'static, T, M>,
    adam: Adam,
    state: State<T>,
}

fn training<M: Model<T> + Sync + 'static, T: Real>(
    model: M,
    data: Vec<Data<T>>,
    workload: &Workload,
    planned: bool,
) -> Box<dyn Step> {
    let columns = match workload.network {
        Network::Recurrent { times, .. } => workload.batch * times,
        _ => workload.batch,
    } / data.len();
    let part = |Data { inputs, targets }| (Matrix::from_vec(inputs.len() / columns, columns, inputs), targets);
    let mut data: Vec<_> = data.into_iter().map(part).collect();
    let adam = Adam::new(LEARNING_RATE);
    let state = adam.init(&model);
    if planned {
        let (x, targets) = data.swap_remove(0);
        let (batch, kind) = (workload.batch, workload.loss);
        let t = match targets {
            Targets::Classes(classes) => {
                let tape = Tape::new();
                let rows = model.outputs(&tape, tape.constant(&x), batch).rows();
                tape.one_hot(rows, &classes).value()
            }
            Targets::Values(t) => Matrix::from_vec(t.len() / batch, batch, t),
        };
        let loss = RecordedLoss::new(move |tape, model: &M, v: &[Var<'_, T>]| {
            let y = model.outputs(tape, v[0], batch);
            match kind {
                Loss::SoftmaxCrossEntropy => loss::softmax_cross_entropy(y, v[1], Reduction::Mean),
                Loss::SquaredError => loss::mse(y, v[1], Reduction::Mean),
            }
        });
        return Box::new(Planned { model, inputs: [x, t], loss, adam, state });
    }
    Box::new(Training { model, data, batch: workload.batch, adam, state })
}

/// The loss of some samples.
fn error<'t, M: Model<T>, T: Real>(
    tape: &'t Tape<'t, T>,
    model: &'t M,
    (inputs, targets): &'t (Matrix<T>, Targets<T>),
    batch: usize,
) -> Var<'t, T> {
    let y = model.outputs(tape, tape.constant(inputs), batch);
    match targets {
        Targets::Classes(classes) => loss::softmax_cross_entropy(y, classes, Reduction::Mean),
        Targets::Values(t) => {
            let t = MatrixRef::new(t.len() / batch, batch, t);
            loss::mse(y, tape.constant(t), Reduction::Mean)
        }
    }
}

impl<M: Model<T> + Sync, T: Real> Step for Training<M, T> {
    fn step(&mut self) -> f64 {
        let Training { model, data, batch, adam, state } = self;
        if let [data] = &data[..] {
            let tape = Tape::new();
            let loss = error(&tape, model, data, *batch);
            let value = loss.item().to_f64();
            let grads = loss.backward();
            adam.step(model, &grads, state);
            return value;
        }
        let half = *batch / data.len();
        let part = |samples: Range<usize>| &data[samples.start / half];
        let (loss, grads) =
            Parallel::mean()
                .shards_of(half)
                .gradients(&*model, *batch, 0, part, |tape, model, data| error(tape, model, data, half));
        adam.step(model, &grads, state);
        loss
    }
}

impl<M: Model<T> + Sync, T: Real> Step for Planned<M, T> {
    fn step(&mut self) -> f64 {
        let Planned { model, inputs, loss, adam, state } = self;
        let (value, grads) = loss.gradients(model, &inputs.each_ref(), 0);
        adam.step(model, &grads, state);
        value
    }
}
