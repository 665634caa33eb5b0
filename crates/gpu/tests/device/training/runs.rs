//! Runs that are killed and resumed, frozen, skipped or refused.

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow::{Break, Continue};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use gpu::{OnDevice, Weights};
use nn::data::Dataset;
use nn::loss::Loss;
use nn::parallel::Parallel;
use nn::train::{End, TrainError, Trainer};
use nn::{Activation, Adam, Layer, Matrix, Mlp, Module, Momentum, Optimizer, Param, Path, Sequential, Sgd, Tape, Var};

use super::{classes, difference, inputs, mlp, normalised, rng, trainer};
use crate::device;

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
        child.args(["--exact", "training::runs::child_process", "--nocapture"]).env(CHILD, &path);
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

/// A part of one sample has no variance, so it would not count in the average over the batch.
#[test]
fn parts_that_change_different_buffers_are_refused() {
    let Some(device) = device().filter(|device| device.has_double()) else { return };
    let mut net: Sequential<f64> = normalised();
    let error =
        trainer(Adam::new(0.01)).micro_batch(31).device(device.clone()).fit(&mut net, &classes(100)).unwrap_err();
    assert!(error.to_string().contains("the last part of every batch has at least two samples"), "{error}");
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

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tape-gpu-{name}-{}.checkpoint", std::process::id()))
}
