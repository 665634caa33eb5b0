//! Whole training runs on the device and on the processor.

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow::{Break, Continue};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use gpu::{DeviceNumber, OnDevice, Weights};
use nn::data::Dataset;
use nn::loss::{CrossEntropy, Loss, Losses};
use nn::parallel::Parallel;
use nn::train::{End, TrainError, Trainer};
use nn::{
    Activation, Adam, Axis, BatchNorm, Group, Init, Layer, LayerNorm, Linear, Matrix, Mlp, Module, Momentum, Optimizer,
    Param, Path, Sequential, Sgd, Tape, Var, With, gradient_norm,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::device;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(3)
}

fn inputs<T: DeviceNumber>(features: usize, samples: usize) -> Matrix<T> {
    Matrix::from_fn(features, samples, |i, n| T::from_f64(((n * (7 + 4 * i) + 3 * i) % 23) as f64 / 11.0 - 1.0))
}

fn classes<T: DeviceNumber>(samples: usize) -> Dataset<T> {
    Dataset::new(inputs(6, samples), (0..samples).map(|n| n * n % 3).collect::<Vec<_>>())
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

fn mlp<T: DeviceNumber>() -> Mlp<T> {
    Mlp::new(&[6, 17, 9, 3], Activation::Gelu, &mut rng())
}

fn residual<T: DeviceNumber>() -> Mlp<T> {
    Mlp::builder(&[6, 12, 12, 12, 3]).activation(Activation::Tanh).skips(true).dropout(0.2).build(&mut rng())
}

fn recurrent<T: DeviceNumber>() -> Recurrent<T> {
    let rng = &mut rng();
    let mut linear = |m, n| Linear::new(m, n, Init::Xavier, rng);
    Recurrent { state: linear(8, 8), input: linear(2, 8), output: linear(8, 3) }
}

/// The first layer has no bias, because the normalisation subtracts it: its gradient would consist of rounding errors, which Adam divides by
/// their own size.
fn normalised<T: DeviceNumber>() -> Sequential<T> {
    let rng = &mut rng();
    let first = Linear { bias: None, ..Linear::new(6, 10, Init::He, rng) };
    Sequential::new()
        .then(first)
        .then(BatchNorm::new(10))
        .then(Activation::Relu)
        .then(Linear::new(10, 8, Init::He, rng))
        .then(LayerNorm::new(8))
        .then(Activation::Silu)
        .then(Linear::new(8, 3, Init::Xavier, rng))
}

fn numbers<T: DeviceNumber>(model: &dyn Module<T>) -> Vec<f64> {
    let all = model.named_params().into_iter().flat_map(|(_, param)| param.value().as_slice().to_vec());
    all.map(|x| x.to_f64()).collect()
}

/// The largest difference of two models, relative to the largest number.
fn difference<T: DeviceNumber, S: DeviceNumber>(a: &dyn Module<T>, b: &dyn Module<S>) -> f64 {
    let (a, b) = (numbers(a), numbers(b));
    let largest = a.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    assert!(a.len() == b.len() && a.iter().chain(&b).all(|x| x.is_finite()));
    a.iter().zip(&b).fold(0.0, |max: f64, (x, y)| max.max((x - y).abs())) / largest
}

/// 52 steps in batches of 32 of 100 samples, of which the last of an epoch has 4.
fn trainer<'a, T: DeviceNumber, M: Module<T> + Layer<T>>(
    optimizer: impl Optimizer<T> + Send + 'a,
) -> Trainer<'a, T, M, (Matrix<T>, Vec<usize>)> {
    Trainer::with_loss(CrossEntropy::default().into(), optimizer).epochs(13).batch(32).seed(5).quiet()
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

/// Each part of a batch of 32 has 10 samples or fewer. The last batch of an epoch, of 4 samples, is a whole.
#[test]
fn batches_in_parts() {
    double_by("parts", &mlp(), || trainer(Adam::new(0.01)).micro_batch(10));
    double_by("parts with dropout", &residual(), || trainer(Adam::adamw(0.02, 0.1)).micro_batch(10));
    double_by("parts with averages", &normalised(), || trainer(Momentum::new(0.05, 0.9)).micro_batch(10));
    double_by("clipped parts", &mlp(), || trainer(Adam::new(0.01).with().clip_norm(0.05)).micro_batch(10));
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

/// A part of one sample has no variance, so it would not count in the average over the batch.
#[test]
fn parts_that_change_different_buffers_are_refused() {
    let Some(device) = device().filter(|device| device.has_double()) else { return };
    let mut net: Sequential<f64> = normalised();
    let error =
        trainer(Adam::new(0.01)).micro_batch(31).device(device.clone()).fit(&mut net, &classes(100)).unwrap_err();
    assert!(error.to_string().contains("the last part of every batch has at least two samples"), "{error}");
}

fn weighted() -> CrossEntropy {
    CrossEntropy { class_weights: Some(vec![1.0, 3.0, 0.25]), ..CrossEntropy::default() }
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

/// Of the 32 samples of a batch so many have no weight, so that parts of 4 samples have none: the first, the last, some, all.
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

/// The derivative of √w at 0 is infinite, while the number is finite.
#[test]
fn a_step_with_an_infinite_gradient_is_skipped() {
    let Some(device) = device() else { return };
    let start = || vec![Param::new(Matrix::from([[0.0f32, 4.0]])), Param::new(Matrix::from([[1.0f32, 2.0, 3.0]]))];
    let optimizer = Sgd { lr: 0.1 }.with().skip_not_finite();
    let (mut params, x) = (start(), Matrix::from([[0.0f32, 0.0]]));
    let mut state = optimizer.init(&params);
    let weights = Weights::new(device, &params, &optimizer, &mut state).unwrap();
    let tape = Tape::new();
    let v = tape.constant(&x);
    let plan = ((tape.param(&params[0]) + v).sqrt().sum() + tape.param(&params[1]).square().sum()).plan(&[v]).unwrap();
    let mut step = plan.on(&weights).unwrap();
    step.run(&optimizer, 0, &[x.view()], &[], None).unwrap();
    assert_eq!((step.loss().unwrap(), step.norm().unwrap()), (16.0, Some(f64::INFINITY)));
    weights.read_into(&mut params, &mut state).unwrap();
    assert!(params.iter().zip(&start()).all(|(a, b)| a.value() == b.value()));
    let y = Matrix::from([[1.0, 0.0]]);
    step.run(&optimizer, 0, &[y.view()], &[], None).unwrap();
    let norm = step.norm().unwrap().unwrap();
    assert!((norm - (0.5f64.powi(2) + 0.25f64.powi(2) + 4.0 + 16.0 + 36.0).sqrt()).abs() < 1e-6, "{norm}");
    weights.read_into(&mut params, &mut state).unwrap();
    assert!((params[1].value()[(0, 2)] - 2.4).abs() < 1e-6, "{:?}", params[1]);
}

/// The gradient is above the largest number, while the loss is not. The checkpoint counts the steps that were skipped.
#[test]
fn skipped_steps_are_those_of_the_processor() {
    let Some(device) = device() else { return };
    let data = Dataset::new(
        Matrix::from_fn(1, 8, |_, n| if n == 3 { 1e30f32 } else { 1.0 }),
        Matrix::from_fn(1, 8, |_, n| if n == 3 { 1e15f32 } else { 0.0 }),
    );
    let mut start: Mlp<f32> = Mlp::new(&[1, 1], Activation::Identity, &mut rng());
    start.params_mut(&Path::Root, &mut |_, param| param.value_mut().as_mut_slice().fill(0.0));
    let path = file("skipped");
    let trainer = |epochs| {
        let trainer = Trainer::with_loss(Loss::Mse, Adam::new(0.01).with().clip_norm(1.0));
        trainer.epochs(epochs).batch(8).quiet().checkpoint(&path).checkpoint_every(1)
    };
    let mut net = start.clone();
    let trained = trainer(3).device(device.clone()).fit(&mut net, &data).unwrap();
    assert!(trained.step == 3 && net == start, "{net:?}");
    let trained = trainer(5).resume().fit(&mut net, &data).unwrap();
    assert!(trained.step == 5 && net == start, "{net:?}");
    std::fs::remove_file(path).unwrap();
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

#[test]
fn networks_in_single_precision() {
    single("mlp", &mlp(), &mut mlp(), Momentum::new(0.05, 0.9));
    single("recurrent", &recurrent(), &mut recurrent(), Momentum::nesterov(0.05, 0.9));
    single("normalised", &normalised(), &mut normalised(), Adam::new(0.003));
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tape-gpu-{name}-{}.checkpoint", std::process::id()))
}

#[test]
fn a_run_that_was_killed_is_resumed_with_the_same_bits_and_moves_to_the_processor() {
    let Some(device) = device() else { return };
    let (data, momentum) = (classes::<f32>(100), || Momentum::new(0.02, 0.9));
    let mut whole = normalised::<f32>();
    trainer(momentum()).device(device.clone()).fit(&mut whole, &data).unwrap();

    // The file as it is on the disk after step 18 of a run that goes on to step 23.
    let (path, killed) = (file("whole"), file("killed"));
    let stop = |at: &nn::train::Progress<'_>, _: &Sequential<f32>| {
        if at.step == 18 {
            std::fs::copy(&path, &killed).unwrap();
        }
        if at.step == 23 { Break(()) } else { Continue(()) }
    };
    let mut net = normalised::<f32>();
    let run = trainer(momentum()).device(device.clone()).checkpoint(&path).checkpoint_every(6).on_step(stop);
    let stopped = {
        let mut run = run;
        run.fit(&mut net, &data).unwrap()
    };
    assert_eq!((stopped.end, stopped.step), (End::Callback, 23));

    for (file, bits) in [(&path, true), (&killed, true), (&killed, false)] {
        let copy = self::file("copy");
        std::fs::copy(file, &copy).unwrap();
        let mut net = normalised::<f32>();
        let resumed = trainer(momentum()).checkpoint(&copy).resume();
        let mut resumed = if bits { resumed.device(device.clone()) } else { resumed };
        assert_eq!(resumed.fit(&mut net, &data).unwrap().step, 52);
        if bits {
            assert!(net == whole, "the bits of the resumed run differ");
        } else {
            let apart = difference(&net, &whole);
            assert!(apart > 0.0 && apart < 1e-4, "{apart:e}");
        }
        std::fs::remove_file(copy).unwrap();
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(&killed).unwrap();
}

const CHILD: &str = "TAPE_GPU_CHILD";

/// A process that is told by this variable where to write its checkpoints. It says which step it has made, and never ends by itself.
#[test]
fn child_process() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let device = device().expect("the test that started it has one").clone();
    let wait = |at: &nn::train::Progress<'_>, _: &Sequential<f32>| {
        println!("\nstep {}", at.step);
        if at.step == 22 {
            std::io::stdin().read_line(&mut String::new()).unwrap();
        }
        Continue(())
    };
    let trainer = trainer(Adam::new(0.003)).device(device).checkpoint(path).checkpoint_every(6).resume().on_step(wait);
    let mut trainer = trainer;
    trainer.fit(&mut normalised::<f32>(), &classes::<f32>(100)).unwrap();
}

#[test]
fn a_process_that_is_killed_while_it_trains_is_resumed_with_the_same_bits() {
    let Some(device) = device() else { return };
    let (data, adam, path) = (classes::<f32>(100), || Adam::new(0.003), file("process"));
    let mut whole = normalised::<f32>();
    trainer(adam()).device(device.clone()).fit(&mut whole, &data).unwrap();

    // The second process goes on from the last checkpoint, and is killed in the first step that it makes.
    for is_first in [true, false] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "training::child_process", "--nocapture"]).env(CHILD, &path);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut steps = said.lines().map_while(Result::ok).filter_map(|line| line.strip_prefix("step ")?.parse().ok());
        let last: Option<u64> = if is_first { steps.find(|step| *step == 22) } else { steps.next() };
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        assert!(last.is_some_and(|step| (19..=22).contains(&step)), "{last:?}");
    }
    let mut net = normalised::<f32>();
    let resumed = trainer(adam()).device(device.clone()).checkpoint(&path).resume().fit(&mut net, &data).unwrap();
    assert_eq!(resumed.step, 52);
    assert!(net == whole, "the bits of the resumed run differ");
    std::fs::remove_file(path).unwrap();
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

#[test]
fn frozen_parameters_stay_and_thaw() {
    let Some(device) = device() else { return };
    let data = classes::<f64>(100);
    let fit = |device: Option<gpu::Device>| {
        let trainer = trainer(Adam::new(0.01)).freeze_until("layers.0.*", 5);
        let mut net = mlp::<f64>();
        let mut trainer = match device {
            Some(device) => trainer.device(device),
            None => trainer,
        };
        trainer.fit(&mut net, &data).unwrap();
        net
    };
    if device.has_double() {
        assert!(difference(&fit(None), &fit(Some(device.clone()))) < 1e-10);
    }
}

#[test]
fn what_does_not_run_is_an_error_that_says_what_to_do() {
    let Some(device) = device() else { return };
    let data = classes::<f32>(100);
    let said = |trained: Result<nn::train::Trained, TrainError>| trained.unwrap_err().to_string();
    let start = mlp::<f32>();
    let mut net = start.clone();
    let text = said(trainer(nn::Lion::new(0.01)).device(device.clone()).fit(&mut net, &data));
    assert!(text.contains("lion") && text.contains("Adam"), "{text}");
    let text = said(
        trainer(Adam::new(0.01)).parallel(Parallel::mean().shards_of(8)).device(device.clone()).fit(&mut net, &data),
    );
    assert!(text.contains("32 samples") && text.contains(".micro_batch(8)"), "{text}");
    let text = said(Trainer::new(closure_loss, Adam::new(0.01)).quiet().device(device.clone()).fit(&mut net, &data));
    assert!(text.contains("with_loss"), "{text}");
    assert!(net == start);
}

fn closure_loss<'t>(tape: &'t Tape<'t, f32>, net: &'t Mlp<f32>, (x, t): &'t (Matrix<f32>, Vec<usize>)) -> Var<'t, f32> {
    nn::loss::softmax_cross_entropy(net.forward(tape.constant(x)), t, nn::Reduction::Mean)
}

/// A step whose loss is infinite changes nothing, and the error is that of the processor.
#[test]
fn a_step_that_diverges_leaves_the_model() {
    let Some(device) = device() else { return };
    let data = Dataset::new(inputs::<f32>(2, 8), Matrix::from_fn(1, 8, |_, n| if n == 3 { 3e38 } else { 0.0 }));
    let start: Mlp<f32> = Mlp::new(&[2, 4, 1], Activation::Tanh, &mut rng());
    let mut net = start.clone();
    let error = Trainer::with_loss(Loss::Mse, Adam::new(0.01)).quiet().device(device.clone()).fit(&mut net, &data);
    assert!(matches!(error, Err(TrainError::Diverged { step: 1, .. })), "{error:?}");
    assert!(net == start);
}
