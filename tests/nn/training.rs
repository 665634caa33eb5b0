//! The trainer: compared with a plain loop, on data of any kind, and in case of errors.

use std::ops::ControlFlow;

use nn::data::{Dataset, Sampler};
use nn::loss::{CrossEntropy, Loss};
use nn::parallel::Parallel;
use nn::schedule::{Goal, InverseTime, Plateau};
use nn::train::{Batches, End, History, TrainError, Trainer, accuracy};
use nn::{
    Activation, Adam, Dropout, Init, Layer, Linear, Matrix, Mlp, Module, Optimizer, Param, Reduction, Sequential, Sgd,
    Tape, loss,
};

use crate::{folder, rng};

/// Points in the plane, whose class says whether the signs of their coordinates agree.
fn signs(samples: usize) -> Dataset<f64> {
    let x = Matrix::from_fn(2, samples, |i, n| ((n * (7 + 4 * i)) % 20) as f64 / 10.0 - 0.95);
    let t = (0..samples).map(|n| usize::from(x[(0, n)] * x[(1, n)] > 0.0)).collect();
    Dataset::new(x, t)
}

fn net() -> Mlp<f64> {
    Mlp::new(&[2, 8, 2], Activation::Tanh, &mut rng(1))
}

fn entropy() -> Loss {
    Loss::SoftmaxCrossEntropy(CrossEntropy::default())
}

type Numbers = Dataset<f64, Matrix<f64>>;
type Pairs = (Matrix<f64>, Matrix<f64>);

fn trainer<'a>() -> Trainer<'a, f64, Mlp<f64>, (Matrix<f64>, Vec<usize>)> {
    Trainer::with_loss(entropy(), Adam::new(0.02)).epochs(5).seed(3).quiet()
}

#[test]
fn it_is_the_bare_loop() {
    let (data, mut ours) = (signs(100), net());
    let trained = trainer().schedule(InverseTime { lr: 0.02, tau: 1.0 }).fit(&mut ours, &data).unwrap();

    let (mut net, mut adam) = (net(), Adam::new(0.02));
    let mut state = adam.init(&net);
    let mut losses = Vec::new();
    for epoch in 0..5 {
        let mut sum = 0.0;
        for batch in Sampler::shuffled(100, 32, 3).epoch(epoch) {
            let (x, t) = data.batch(&batch);
            let tape = Tape::new();
            let loss = loss::softmax_cross_entropy(net.forward(tape.constant(&x)), &t, Reduction::Mean);
            sum += loss.item() * batch.len() as f64;
            let grads = loss.backward();
            adam.lr = 0.02 / (1.0 + state.steps as f64);
            adam.step(&mut net, &grads, &mut state);
        }
        losses.push(sum / 100.0);
    }
    assert_eq!(ours, net);
    assert_eq!(trained.history["loss"], losses);
    assert_eq!(trained.history["step"], [4.0, 8.0, 12.0, 16.0, 20.0]);
    assert_eq!((trained.end, trained.best_epoch), (End::Epochs, None));
}

#[test]
fn threads_and_shards_change_no_bit() {
    let data = signs(150);
    let run = |threads| {
        let mut net: Sequential<f64> = Sequential::new()
            .then(Linear::new(2, 8, Init::He, &mut rng(1)))
            .then(Activation::Relu)
            .then(Dropout::new(0.2))
            .then(Linear::new(8, 2, Init::Xavier, &mut rng(1)));
        let trained = Trainer::with_loss(entropy(), Adam::new(0.01))
            .epochs(3)
            .batch(50)
            .hold_out(0.2)
            .metric("accuracy", accuracy)
            .parallel(Parallel::mean().shards_of(8))
            .threads(threads)
            .quiet()
            .fit(&mut net, &data);
        (net, trained.unwrap())
    };
    let one = run(1);
    assert!([2, 3, 8].into_iter().all(|threads| run(threads) == one));
}

#[test]
fn micro_batches_make_the_same_step() {
    let data = signs(100);
    let run = |trainer: Trainer<'_, f64, Mlp<f64>, _>| {
        let mut net = net();
        trainer.batch(64).fit(&mut net, &data).unwrap();
        net.named_params().iter().flat_map(|(_, param)| param.value().as_slice().to_vec()).collect::<Vec<_>>()
    };
    let (whole, parts) = (run(trainer()), run(trainer().micro_batch(7)));
    assert!(whole.iter().zip(&parts).all(|(a, b)| (a - b).abs() < 1e-9));
    assert_ne!(whole, parts);
}

/// y = w x on sequences of any length: the sum of the elements, times w.
#[test]
fn sequences_are_data_too() {
    let data: Vec<(Vec<f64>, f64)> = (1..30)
        .map(|n| ((0..n % 5 + 1).map(f64::from).collect(), f64::from((0..n % 5 + 1).sum::<i32>()) * 0.5))
        .collect();
    let mut w = Param::new(Matrix::full(1, 1, 0.1));
    let mut trainer = Trainer::new(
        |tape, w: &Param<f64>, batch: &Vec<(Vec<f64>, f64)>| {
            let sum: Vec<f64> = batch.iter().map(|(sequence, _)| sequence.iter().sum()).collect();
            let t: Vec<f64> = batch.iter().map(|(_, t)| *t).collect();
            let y = tape.param(w) * tape.constant(Matrix::row(&sum));
            loss::mse(y, tape.constant(Matrix::row(&t)), Reduction::Mean)
        },
        Adam::new(0.05),
    )
    .batch(10)
    .quiet();
    trainer.fit(&mut w, &data).unwrap();
    assert!((w.value()[(0, 0)] - 0.5).abs() < 1e-3);
}

fn zero() -> Param<f64> {
    Param::new(Matrix::zeros(1, 1))
}

/// w ← w − α (w − t): with α = 1, each step moves to the mean of its targets.
fn follow<'a>(targets: &[f64]) -> (Numbers, Trainer<'a, f64, Param<f64>, Pairs>) {
    let n = targets.len();
    let trainer = Trainer::new(
        |tape, w: &Param<f64>, (_, t): &Pairs| (tape.param(w) - tape.constant(t)).square().mean() * 0.5,
        Sgd { lr: 1.0 },
    );
    (Dataset::new(Matrix::zeros(1, n), Matrix::row(targets)), trainer.sampler(Sampler::sequential(n, n)).quiet())
}

#[test]
fn early_stopping_restores_the_best() {
    // The schedule moves w from 0 by (10 − w) α; validation is best near 6.
    let (data, trainer) = follow(&[10.0]);
    let (validation, _) = follow(&[6.0]);
    let mut w = zero();
    let trained = trainer.schedule(0.2).epochs(50).validate(&validation).early_stopping(3).fit(&mut w, &data).unwrap();
    // w = 2, 3.6, 4.88, 5.904, 6.7232, …
    assert_eq!((trained.end, trained.best_epoch), (End::EarlyStopping, Some(4)));
    assert_eq!(trained.history.epochs(), 4 + 3);
    assert!((w.value()[(0, 0)] - 5.904).abs() < 1e-12);
    let least = trained.history["validation_loss"].iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(trained.history["validation_loss"][3], least);
}

#[test]
fn the_curve_that_steers_can_be_another() {
    let (data, trainer) = follow(&[10.0]);
    let mut w = zero();
    let trained = trainer
        .schedule(0.2)
        .epochs(6)
        .watch("same", &data)
        .metric("w", |w: &Param<f64>, _| -(w.value()[(0, 0)] - 5.0).abs())
        .monitor("same_w", Goal::Max)
        .keep_best()
        .fit(&mut w, &data)
        .unwrap();
    assert_eq!((trained.end, trained.best_epoch, trained.history.epochs()), (End::Epochs, Some(3), 6));
    assert!((w.value()[(0, 0)] - 4.88).abs() < 1e-12);
}

#[test]
fn the_validation_error_drives_the_learning_rate() {
    // w = 2, 3.6, …: validation is best at the start, then gets worse.
    let (data, trainer) = follow(&[10.0]);
    let (validation, _) = follow(&[2.0]);
    let plateau = Plateau { patience: 1, factor: 0.5, ..Plateau::new(0.2) };
    let trained = trainer.plateau(plateau).epochs(6).validate(&validation).fit(&mut zero(), &data).unwrap();
    assert_eq!(trained.history["learning_rate"], [0.2, 0.2, 0.2, 0.1, 0.1, 0.05]);
}

#[test]
fn averaged_weights_are_measured_and_left() {
    let (data, trainer) = follow(&[10.0]);
    let mut w = zero();
    let trained = trainer.schedule(0.5).epochs(2).ema(0.5).watch("same", &data).fit(&mut w, &data).unwrap();
    // w = 5, 7.5; their averages 5, (0.25 · 5 + 0.5 · 7.5) / 0.75.
    let average = (0.25 * 5.0 + 0.5 * 7.5) / 0.75;
    assert!((w.value()[(0, 0)] - average).abs() < 1e-12);
    let measured = [5.0, average].map(|w| 0.5 * (w - 10.0) * (w - 10.0));
    let curve = &trained.history["same_loss"];
    assert!(curve.iter().zip(measured).all(|(a, b)| (a - b).abs() < 1e-12), "{curve:?}");
}

#[test]
fn callbacks_see_every_step_and_can_stop() {
    let (data, mut seen) = (signs(70), Vec::new());
    let trained = trainer()
        .on_step(|at, _| {
            seen.push((at.epoch, at.batch, at.step));
            if at.step == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .fit(&mut net(), &data)
        .unwrap();
    assert_eq!(trained.end, End::Callback);
    assert_eq!(trained.history.epochs(), 1);
    assert_eq!(seen, [(1, 1, 1), (1, 2, 2), (1, 3, 3), (2, 1, 4), (2, 2, 5)]);

    let mut losses = Vec::new();
    let trained = trainer()
        .on_epoch_end(|at, _| {
            losses.push(at.history.last("loss").unwrap());
            if at.epoch == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .fit(&mut net(), &data)
        .unwrap();
    assert_eq!((trained.end, trained.history["loss"].to_vec()), (End::Callback, losses));
}

#[test]
fn divergence_is_an_error_that_names_the_place() {
    let mut net = net();
    net.layers[1].weight.value_mut().as_mut_slice()[3] = f64::INFINITY;
    let error = trainer().fit(&mut net, &signs(64)).unwrap_err();
    let TrainError::Diverged { epoch, step, parameters, .. } = &error else { panic!("{error}") };
    assert_eq!((*epoch, *step, &parameters[..]), (1, 1, &["layers.1.weight".to_owned()][..]));
    let text = error.to_string();
    for part in ["diverged at step 1, in epoch 1: the loss is", "`layers.1.weight`", "try a smaller learning rate"] {
        assert!(text.contains(part), "{text}");
    }

    // A learning rate with which the weights grow until they overflow.
    let (data, trainer) = follow(&[1.0, 3.0]);
    let mut w = zero();
    let error = trainer.schedule(1e200).fit(&mut w, &data).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { step: 2, .. }), "{error}");

    // The step that makes weights infinite is found even if the loss does not show it.
    let (data, trainer) = follow(&[1.0]);
    let error = trainer.epochs(1).schedule(f64::NAN).fit(&mut zero(), &data).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { step: 1, .. }), "{error}");
    assert!(error.to_string().contains("it made parameter `` infinite or NaN"), "{error}");
}

#[test]
fn weights_that_stay_alike_are_warned_about() {
    let alike = |net: &mut Mlp<f64>, epochs| trainer().epochs(epochs).fit(net, &signs(64)).unwrap().warnings.join("");
    let with = |value| {
        let mut net = net();
        net.params_mut(&nn::Path::Root, &mut |_, param| param.value_mut().as_mut_slice().fill(value));
        net
    };
    assert_eq!(alike(&mut net(), 1), "");
    let warning = alike(&mut with(0.0), 1);
    assert!(warning.contains("`layers.0.weight`, `layers.1.weight` have the same weights"), "{warning}");
    assert!(warning.contains("start from random weights"), "{warning}");
    assert!(alike(&mut with(0.1), 1).contains("`layers.0.weight`"));
    // A last layer that starts at 0 does no harm.
    let mut head = net();
    head.layers[1].weight.value_mut().as_mut_slice().fill(0.0);
    assert_eq!(alike(&mut head, 1), "");
}

#[test]
fn held_out_samples_are_not_trained_on() {
    struct Seen(Vec<usize>);
    impl Batches for Seen {
        type Batch = Vec<usize>;
        fn len(&self) -> usize {
            self.0.len()
        }
        fn batch(&self, samples: &[usize]) -> Vec<usize> {
            samples.iter().map(|&i| self.0[i]).collect()
        }
    }
    let trained_on = std::sync::Mutex::new(Vec::<usize>::new());
    let mut w = Param::new(Matrix::full(1, 1, 1.0));
    Trainer::new(
        |tape: &Tape<'_, f64>, w: &Param<f64>, batch: &Vec<usize>| {
            if tape.is_training() {
                trained_on.lock().unwrap().extend(batch);
            }
            tape.param(w).square().sum()
        },
        Sgd { lr: 0.1 },
    )
    .epochs(3)
    .hold_out(0.25)
    .quiet()
    .fit(&mut w, &Seen((100..140).collect()))
    .unwrap();
    let mut samples = trained_on.into_inner().unwrap();
    samples.sort_unstable();
    samples.dedup();
    assert_eq!(samples.len(), 30);
}

#[test]
fn histories_are_tables() {
    let mut history = History::default();
    history.push([("loss", 0.5), ("f1", f64::NAN)]);
    history.push([("loss", 1e-300), ("f1", 0.1)]);
    assert_eq!(history.to_csv(), format!("epoch,loss,f1\n1,0.5,NaN\n2,{},0.1\n", 1e-300));
    let again: History = serde_json::from_str(&history.to_json()).unwrap();
    assert_eq!(again.to_json(), history.to_json());
    assert_eq!((again["loss"].to_vec(), again.last("f1"), again.get("f2")), (vec![0.5, 1e-300], Some(0.1), None));
    let folder = folder("training");
    history.save(folder.join("history.csv")).unwrap();
    assert_eq!(std::fs::read_to_string(folder.join("history.csv")).unwrap(), history.to_csv());
    let svg = history.figure().to_svg();
    assert!(["Loss", "F1", "in training"].iter().all(|part| svg.contains(part)), "{svg}");
    assert!(history.save(folder.join("history.txt")).unwrap_err().to_string().contains(".csv or .json"));
}
