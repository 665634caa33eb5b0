//! Networks that are trained on the device agree with those that are trained on the processor.

use gpu::{DeviceNumber, OnDevice, Weights};
use nn::data::Dataset;
use nn::loss::CrossEntropy;
use nn::loss::Losses;
use nn::parallel::Parallel;
use nn::train::{DevicePart, DeviceShares, DeviceStep, TrainDevice, Trainer};
use nn::{
    Activation, Adam, Axis, BatchNorm, Group, Init, Layer, Linear, Matrix, Mlp, Module, Momentum, Optimizer, Param,
    Path, Reduction, Sgd, Tape, Var, With, gradient_norm, loss,
};

use super::{classes, difference, inputs, mlp, normalised, numbers, rng, trainer, weighted};
use crate::device;

#[test]
fn networks_in_double_precision() {
    double("mlp", &mlp(), Adam::new(0.01));
    double("residual", &residual(), Adam::adamw(0.02, 0.1).group(":bias", Group { lr_factor: 2.0, decay_factor: 0.0 }));
    double("recurrent", &recurrent(), Momentum::nesterov(0.05, 0.9).with().clip_value(0.05).l2(1e-3));
    double("normalised", &normalised(), Adam::amsgrad(0.01));
    double("lecture", &mlp(), Adam::lecture(0.003));
    double("sgd", &mlp(), Sgd { lr: 0.1 });
}

/// The norms of these gradients are about 1.
#[test]
fn gradients_that_are_clipped_to_a_norm() {
    let clipped = || Adam::new(0.01).with().clip_norm(0.05).clip_value(0.02);
    double("clipped", &mlp(), clipped());
    double("clipped twice", &mlp(), With::new(Sgd { lr: 0.5 }.with().clip_norm(0.1)).clip_norm(0.3).l2(1e-3));
    double("hardly clipped", &normalised(), Momentum::new(0.05, 0.9).with().clip_norm(1.0));
    double("looked at", &mlp(), Adam::new(0.01).with().skip_not_finite());
    single("clipped", &mlp(), &mut mlp(), Momentum::new(0.05, 0.9).with().clip_norm(0.1));
}

/// Decay, rates by groups, and a layer that is trained only from the sixth epoch on: its gradient is no part of the norm before.
#[test]
fn clipped_norms_with_groups_and_frozen_parameters() {
    let biases = Group { lr_factor: 2.0, decay_factor: 0.0 };
    let adam = || Adam::adamw(0.02, 0.1).group(":bias", biases).clip_norm(0.05);
    double_by("thawed", &mlp(), || trainer(adam()).freeze_until("layers.0.*", 6));
    let sgd = || Sgd { lr: 0.5 }.with().group("layers.1.*", Group { lr_factor: 0.3, decay_factor: 1.0 }).l2(1e-3);
    double_by("frozen", &mlp(), || trainer(sgd().clip_norm(0.1)).freeze("layers.1.bias|layers.2.weight"));
    double_by("frozen, in parts", &mlp(), || trainer(adam()).freeze("layers.0.*").micro_batch(10));
}

#[test]
fn networks_in_single_precision() {
    single("mlp", &mlp(), &mut mlp(), Momentum::new(0.05, 0.9));
    single("recurrent", &recurrent(), &mut recurrent(), Momentum::nesterov(0.05, 0.9));
    single("normalised", &normalised(), &mut normalised(), Adam::new(0.003));
}

/// Each part of a batch of 32 has 10 samples or fewer. The last batch of an epoch, of 4 samples, is a whole.
#[test]
fn batches_in_parts() {
    double_by("parts", &mlp(), || trainer(Adam::new(0.01)).micro_batch(10));
    double_by("parts with dropout", &residual(), || trainer(Adam::adamw(0.02, 0.1)).micro_batch(10));
    double_by("parts with averages", &normalised(), || trainer(Momentum::new(0.05, 0.9)).micro_batch(10));
    double_by("clipped parts", &mlp(), || trainer(Adam::new(0.01).with().clip_norm(0.05)).micro_batch(10));
}

#[test]
fn means_with_weights() {
    let trainer = || Trainer::with_loss(weighted().into(), Adam::new(0.01)).epochs(13).batch(32).seed(5).quiet();
    double_by("class weights", &mlp(), trainer);
    double_by("class weights in parts", &mlp(), || trainer().micro_batch(10));
    double_by("clipped class weights in parts", &residual(), || {
        let adam = Adam::new(0.01).with().clip_norm(0.1);
        Trainer::with_loss(weighted().into(), adam).epochs(13).batch(32).micro_batch(7).seed(5).quiet()
    });
}

/// 20, 28, 31 or 32 of the 32 samples have no weight, so that some parts of 4 samples have none, or all.
#[test]
fn parts_without_weights() {
    let Some(device) = device().filter(|device| device.has_double()) else { return };
    for without in [20, 28, 31, 32] {
        let t: Vec<usize> = (0..32).map(|n| if n < without { 2 } else { n % 2 }).collect();
        let data = Dataset::new(inputs(6, 32), t);
        let run = |on_device: bool| {
            let mut net = mlp::<f64>();
            let loss = CrossEntropy { class_weights: Some(vec![1.0, 3.0, 0.0]), ..CrossEntropy::default() };
            let trainer = Trainer::with_loss(loss.into(), Momentum::new(0.05, 0.9)).epochs(12).micro_batch(4).quiet();
            let mut trainer = if on_device { trainer.device(device.clone()) } else { trainer };
            let losses = trainer.fit(&mut net, &data).map(|found| found.history["loss"].to_vec());
            (losses.map_err(|error| error.to_string()), net)
        };
        let ((losses, net), (expected, expected_net)) = (run(true), run(false));
        match (losses, expected) {
            (Ok(losses), Ok(expected)) => {
                assert!(without < 32 && difference(&expected_net, &net) < 1e-10, "{without}");
                assert!(losses.iter().zip(&expected).all(|(is, should)| (is - should).abs() < 1e-10), "{without}");
            }
            (Err(error), Err(expected)) => assert!(without == 32 && error == expected, "{error}, {expected}"),
            (is, should) => panic!("{without}: {is:?}, {should:?}"),
        }
    }
}

/// Sums are added without factors. A trainer with a loss takes means, so the steps are given to the device here.
#[test]
fn sums_in_parts() {
    let Some(device) = device().filter(|device| device.has_double()) else { return };
    let (mut exact, adam) = (mlp::<f64>(), Adam::new(0.01).with().clip_norm(0.5));
    let (x, t) = (inputs::<f64>(6, 25), inputs::<f64>(3, 25));
    let record = |net: &Mlp<f64>, part: &[Matrix<f64>; 2]| {
        let tape = Tape::training(1).of_part();
        let [x, t] = part.each_ref().map(|x| tape.constant(x));
        loss::mse(net.forward(x), t, Reduction::Sum).plan(&[x, t]).map_err(|why| why.to_string())
    };
    let (mut net, mut state, mut expected) = (exact.clone(), adam.init(&exact), adam.init(&exact));
    let mut run = TrainDevice::begin(device, &net, &adam, &mut state).unwrap();
    for steps in 0..4 {
        let tape = Tape::training(1);
        let whole = loss::mse(exact.forward(tape.constant(&x)), tape.constant(&t), Reduction::Sum);
        let should = whole.item();
        let gradients = whole.backward();
        adam.step(&mut exact, &gradients, &mut expected);
        let mut found = None;
        for from in [0, 10, 20] {
            let samples = from..(from + 10).min(25);
            let (is_first, is_last) = (from == 0, from == 20);
            let batch = [&x, &t].map(|x| x.columns(samples.clone()));
            let share = samples.len() as f64 / 25.0;
            let mut shares = |_| Ok(DeviceShares { before: 1.0, loss: 1.0, gradients: 1.0, samples: share });
            let step = DeviceStep {
                optimizer: &adam,
                steps,
                inputs: &batch.each_ref().map(Matrix::view),
                classes: &[],
                seed: 1,
                record: &|| record(&net, &batch),
            };
            found = run.step(step, Some(DevicePart { shares: &mut shares, is_first, is_last })).unwrap();
            assert_eq!(found.is_some(), is_last);
        }
        let is = found.unwrap().loss;
        assert!((is - should).abs() < 1e-10 * should, "step {steps}: {is} is not {should}");
    }
    run.read_into(&mut net, &mut state).unwrap();
    let apart = difference(&exact, &net);
    assert!(0.0 < apart && apart < 1e-10, "{apart:e}");
}

/// The processor would divide such a batch into shards.
#[test]
fn large_batches_are_one_shard() {
    let Some(device) = device().filter(|device| device.has_double()) else { return };
    let start: Mlp<f64> = Mlp::new(&[6, 90, 40, 3], Activation::Tanh, &mut rng());
    assert!(Parallel::mean().count(&start, 600) > 1);
    let fit = |device: Option<gpu::Device>| {
        let mut net = start.clone();
        let trainer = trainer(Adam::new(0.01)).batch(600).epochs(4);
        let mut trainer = match device {
            Some(device) => trainer.device(device),
            None => trainer,
        };
        trainer.fit(&mut net, &classes::<f64>(600)).unwrap();
        net
    };
    let apart = difference(&fit(None), &fit(Some(device.clone())));
    assert!(apart > 0.0 && apart < 1e-10, "{apart:e}");
}

/// The weights of samples are an input of the plan.
#[test]
fn weights_of_samples() {
    let Some(device) = device() else { return };
    let (net, sgd) = (mlp::<f32>(), Sgd { lr: 0.1 });
    let [x, t] =
        [(6, 5), (3, 7)].map(|(rows, k)| Matrix::from_fn(rows, 20, |i, n| ((n * k + i) % 9) as f32 / 4.0 - 1.0));
    let record = || {
        let (tape, weights) = (Tape::new(), Matrix::from_fn(1, 20, |_, n| n as f32));
        let [x, t, w] = [&x, &t, &weights].map(|x| tape.constant(x));
        let errors = (net.forward(x) - t).square().sum_over(Axis::Rows);
        Losses::from(errors).weighted(w).mean().plan(&[w]).unwrap()
    };
    let weights = Weights::new(device, &net, &sgd, &mut sgd.init(&net)).unwrap();
    let (mut plan, mut step) = (record(), record().on(&weights).unwrap());
    let params: Vec<_> = net.named_params().into_iter().map(|(_, param)| param).collect();
    for shift in 0..3 {
        let w = Matrix::from_fn(1, 20, |_, n| ((n + shift) % 4) as f32);
        let run = plan.run(&[w.view()], &params, None).unwrap();
        let (loss, gradients) = (run.item(), run.backward());
        step.compute(&[w.view()], &[], None).unwrap();
        assert!((step.loss().unwrap() / loss - 1.0).abs() < 1e-5, "{:?} is not {loss}", step.loss());
        for param in &params {
            let (is, should) = (step.gradient(param.id()).unwrap().unwrap(), gradients.get(*param).unwrap());
            assert!(
                is.iter().zip(should.as_slice()).all(|(is, should)| (is - should).abs() < 1e-5),
                "{is:?} {should:?}"
            );
        }
    }
}

/// Sums of squares overflow and underflow in single precision, norms do not. There are more entries than one workgroup sums. Longer gradients
/// are clipped.
#[test]
fn norms_of_huge_and_tiny_gradients() {
    let Some(device) = device() else { return };
    let start = || vec![Param::new(Matrix::from_fn(300, 300, |_, _| 0.0f32)), Param::new(Matrix::from([[0.0f32]]))];
    let sgd = Sgd { lr: 0.1 }.with().clip_norm(1.0);
    for scale in [0.0f32, 1e-30, 1.0, 1e30] {
        let mut params = start();
        let c = Matrix::from_fn(300, 300, |i, j| scale * ((i * 7 + j * 3) % 11) as f32);
        let tape = Tape::new();
        let [w, b] = [0, 1].map(|k| tape.param(&params[k]));
        let mut plan = ((w * tape.constant(&c)).sum() + b * (2.0 * f64::from(scale))).plan(&[]).unwrap();
        let gradients = plan.run(&[], &params.iter().collect::<Vec<_>>(), None).unwrap().backward();
        let expected = gradient_norm(&params, &gradients);
        let mut state = sgd.init(&params);
        let weights = Weights::new(device, &params, &sgd, &mut state).unwrap();
        let mut step = plan.on(&weights).unwrap();
        // Also without an update.
        step.compute(&[], &[], None).unwrap();
        assert!((step.norm().unwrap().unwrap() - expected).abs() <= 1e-6 * expected);
        step.run(&sgd, 0, &[], &[], None).unwrap();
        let norm = step.norm().unwrap().unwrap();
        assert!((norm - expected).abs() <= 1e-6 * expected, "{norm:e} is not {expected:e}");
        // The weights were 0, so they are −α g with ‖g‖ ≤ 1 now.
        weights.read_into(&mut params, &mut state).unwrap();
        let moved = numbers(&params).iter().map(|w| w * w).sum::<f64>().sqrt();
        assert!((moved - 0.1 * expected.min(1.0)).abs() <= 1e-6 * moved, "{moved:e} after a gradient of {expected:e}");
    }
}

/// A normalisation that is used twice, whose averages are those of the second use.
#[derive(Clone, Debug, PartialEq)]
struct Again<T>(Linear<T>, BatchNorm<T>, Linear<T>);

impl<T: DeviceNumber> Module<T> for Again<T> {
    fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
        self.0.params(&Path::Item(path, 0), f);
        self.1.params(&Path::Item(path, 1), f);
        self.2.params(&Path::Item(path, 2), f);
    }
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
        self.0.params_mut(&Path::Item(path, 0), f);
        self.1.params_mut(&Path::Item(path, 1), f);
        self.2.params_mut(&Path::Item(path, 2), f);
    }
}

impl<T: DeviceNumber> Layer<T> for Again<T> {
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let Again(first, norm, last) = self;
        last.forward(norm.forward(norm.forward(first.forward(x)).tanh()))
    }
}

#[test]
fn averages_of_a_layer_that_is_used_twice() {
    let first = Linear { bias: None, ..Linear::new(6, 10, Init::He, &mut rng()) };
    let net = Again(first, BatchNorm::new(10), Linear::new(10, 3, Init::Xavier, &mut rng()));
    double_by("used twice", &net, || trainer(Momentum::new(0.05, 0.9)));
    double_by("used twice, in parts", &net, || trainer(Momentum::new(0.05, 0.9)).micro_batch(10));
}

/// h ← tanh(W h + x) three times with one W, whose transpose gives the outputs.
#[derive(Clone, Debug, PartialEq)]
struct Tied<T>(Param<T>);

impl<T: DeviceNumber> Module<T> for Tied<T> {
    fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
        self.0.params(path, f);
    }
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
        self.0.params_mut(path, f);
    }
}

impl<T: DeviceNumber> Layer<T> for Tied<T> {
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let w = x.tape().param(&self.0);
        let h = (0..3).fold(x, |h, _| (w.matmul(h) + x).tanh());
        // The parameter enters a second time.
        x.tape().param(&self.0).matmul_tn(h).rows_in(0..3)
    }
}

#[test]
fn weights_that_are_used_several_times() {
    let start = || Tied(Param::new(Matrix::from_fn(6, 6, |i, j| ((i * 5 + j * 3) % 13) as f64 / 13.0 - 0.4)));
    double("tied", &start(), Adam::new(0.01));
    double("tied", &start(), Momentum::new(0.05, 0.9));
}

/// h ← tanh(W h + U xₜ + b) over the rows of x, two features at a time.
#[derive(Clone, Debug, PartialEq)]
struct Recurrent<T> {
    state: Linear<T>,
    input: Linear<T>,
    output: Linear<T>,
}

impl<T: DeviceNumber> Module<T> for Recurrent<T> {
    fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
        [&self.state, &self.input, &self.output].into_iter().enumerate().for_each(|(k, layer)| {
            layer.params(&Path::Item(path, k), f);
        });
    }
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
        [&mut self.state, &mut self.input, &mut self.output].into_iter().enumerate().for_each(|(k, layer)| {
            layer.params_mut(&Path::Item(path, k), f);
        });
    }
}

impl<T: DeviceNumber> Layer<T> for Recurrent<T> {
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let mut h = self.input.forward(x.rows_in(0..2)).tanh();
        for k in 1..x.rows() / 2 {
            h = (self.state.forward(h) + self.input.forward(x.rows_in(2 * k..2 * k + 2))).tanh();
        }
        self.output.forward(h)
    }
}

fn residual<T: DeviceNumber>() -> Mlp<T> {
    Mlp::builder(&[6, 12, 12, 12, 3]).activation(Activation::Tanh).skips(true).dropout(0.2).build(&mut rng())
}

fn recurrent<T: DeviceNumber>() -> Recurrent<T> {
    let rng = &mut rng();
    let mut linear = |m, n| Linear::new(m, n, Init::Xavier, rng);
    Recurrent { state: linear(8, 8), input: linear(2, 8), output: linear(8, 3) }
}

trait Net<T: DeviceNumber>: Module<T> + Layer<T> + Clone + PartialEq + std::fmt::Debug + Send + Sync {}
impl<T: DeviceNumber, M: Module<T> + Layer<T> + Clone + PartialEq + std::fmt::Debug + Send + Sync> Net<T> for M {}

type Training<'a, T, M> = Trainer<'a, T, M, (Matrix<T>, Vec<usize>)>;

fn on_processor<'a, T: DeviceNumber, M: Net<T>>(start: &M, trainer: impl Fn() -> Training<'a, T, M>) -> (M, Vec<f64>) {
    let mut net = start.clone();
    let trained = trainer().fit(&mut net, &classes::<T>(100)).unwrap();
    (net, trained.history["loss"].to_vec())
}

/// Three runs on the device, which have the same bits.
fn on_device<'a, T: DeviceNumber, M: Net<T>>(
    name: &str,
    start: &M,
    trainer: impl Fn() -> Training<'a, T, M>,
) -> Option<(M, Vec<f64>)> {
    let device = device().filter(|device| !T::IS_DOUBLE || device.has_double())?;
    let run = || {
        let mut net = start.clone();
        let trained = trainer().device(device.clone()).fit(&mut net, &classes::<T>(100)).unwrap();
        assert_eq!(trained.step, 52);
        (net, trained.history["loss"].to_vec())
    };
    let found = run();
    assert!(found == run() && found == run(), "{name}: runs differ");
    assert!(difference(start, &found.0) > 1e-3, "{name}: nothing was trained");
    Some(found)
}

/// In double precision rounding errors of 52 steps stay below 10⁻¹⁰.
fn double_by<'a, M: Net<f64>>(name: &str, start: &M, trainer: impl Fn() -> Training<'a, f64, M>) {
    let Some((net, losses)) = on_device(name, start, &trainer) else { return };
    let (expected, expected_losses) = on_processor(start, &trainer);
    let apart = difference(&expected, &net);
    eprintln!("{name}: {apart:e} apart");
    assert!(0.0 < apart && apart < 1e-10, "{name}: {apart:e} apart, and 0 would be the processor itself");
    assert!(losses.iter().zip(&expected_losses).all(|(is, should)| (is - should).abs() < 1e-10), "{name}: {losses:?}");
}

fn double<M: Net<f64>>(name: &str, start: &M, optimizer: impl Optimizer<f64> + Clone + Send) {
    double_by(name, start, || trainer(optimizer.clone()));
}

/// In single precision the run may be 8 times as far from that in double precision as one on the processor is.
fn single(
    name: &str,
    start: &impl Net<f32>,
    exact: &mut impl Net<f64>,
    optimizer: impl Optimizer<f32> + Optimizer<f64> + Clone + Send,
) {
    let Some((net, _)) = on_device::<f32, _>(name, start, || trainer(optimizer.clone())) else { return };
    let mut all = numbers(start).into_iter();
    exact.params_mut(&Path::Root, &mut |_, param| {
        param.value_mut().as_mut_slice().iter_mut().for_each(|x| *x = all.next().expect("the same model"));
    });
    let exact = on_processor::<f64, _>(exact, || trainer(optimizer.clone())).0;
    let usual = on_processor::<f32, _>(start, || trainer(optimizer.clone())).0;
    let [is, usual] = [&net, &usual].map(|net| difference(&exact, net));
    eprintln!("{name}: {is:e} apart, the processor {usual:e}");
    assert!(is <= 8.0 * usual, "{name}: {is:e} apart, the processor {usual:e}");
}
