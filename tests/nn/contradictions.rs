//! Checkpoints that belong to another run, contradict themselves, or cannot be reached; and runs that diverge.

use std::fs;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use nn::data::Dataset;
use nn::loss::{CrossEntropy, Loss};
use nn::schedule::{Plateau, Schedule};
use nn::train::{End, TrainError, Trained, Trainer, accuracy};
use nn::{Activation, Adam, BatchNorm, Dropout, Init, Layer, Linear, Matrix, Param, Reduction, Sequential, Sgd, loss};
use serde_json::{Value, json};

use crate::{folder, rng};

type Net = Sequential<f64>;
type Batch = (Matrix<f64>, Vec<usize>);

fn data() -> Dataset<f64> {
    let x = Matrix::from_fn(2, 24, |i, n| ((n * (7 + 4 * i)) % 20) as f64 / 10.0 - 0.95);
    let t = (0..24).map(|n| usize::from(x[(0, n)] * x[(1, n)] > 0.0)).collect();
    Dataset::new(x, t)
}

fn net(dropout: f64) -> Net {
    let rng = &mut rng(1);
    let net = Sequential::new().then(Linear::new(2, 3, Init::Xavier, rng)).then(Activation::Tanh);
    net.then(Dropout::new(dropout)).then(Linear::new(3, 2, Init::Xavier, rng))
}

/// A run with everything that a checkpoint can hold.
fn trainer<'a>(entropy: CrossEntropy) -> Trainer<'a, f64, Net, Batch> {
    Trainer::with_loss(entropy.into(), Adam::new(0.02).with().clip_norm(1.0))
        .epochs(4)
        .batch(6)
        .plateau(Plateau { patience: 1, ..Plateau::new(0.02) })
        .ema(0.9)
        .hold_out(0.25)
        .metric("accuracy", accuracy)
        .early_stopping(3)
        .freeze_until("0.*", 2)
        .quiet()
}

/// The run, stopped in the third epoch.
fn stopped(path: &Path) {
    let stop = |at: &nn::train::Progress<'_>, _: &Net| {
        if at.step == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let trained = trainer(CrossEntropy::default()).checkpoint(path).on_step(stop).fit(&mut net(0.1), &data()).unwrap();
    assert_eq!((trained.end, trained.step), (End::Callback, 7));
}

fn resume(path: &Path) -> Result<Trained, TrainError> {
    trainer(CrossEntropy::default()).checkpoint(path).resume().fit(&mut net(0.1), &data())
}

fn own_folder(name: &str) -> PathBuf {
    folder(&format!("contradictions-{name}-{}", std::process::id()))
}

/// Every path in a value, but for a list of numbers only the first two.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), all)),
        Value::Array(values) => {
            let numbers = values.iter().all(Value::is_number);
            let some = values.iter().enumerate().take(if numbers { 2 } else { usize::MAX });
            some.for_each(|(k, value)| places(value, &format!("{at}/{k}"), all));
        }
        _ => {}
    }
}

/// The value with another one at a path; `None` removes it.
fn put(whole: &Value, at: &str, new: Option<Value>) -> Value {
    let mut whole = whole.clone();
    match new {
        Some(new) => *whole.pointer_mut(at).unwrap() = new,
        None => {
            let (parent, name) = at.rsplit_once('/').unwrap();
            match whole.pointer_mut(parent).unwrap() {
                Value::Object(fields) => drop(fields.remove(name)),
                Value::Array(values) => drop(values.remove(name.parse().unwrap())),
                _ => unreachable!("a place lies in an object or a list"),
            }
        }
    }
    whole
}

/// Possible corruptions of a value.
fn others(value: &Value) -> Vec<Option<Value>> {
    let mut others = vec![
        None,
        Some(Value::Null),
        Some(json!(-1)),
        Some(json!(u64::MAX)),
        Some(json!(u64::MAX - 1)),
        Some(json!(1e300)),
        Some(json!("other")),
        Some(json!([])),
    ];
    others.push(match value {
        Value::Array(values) => Some(values.iter().rev().cloned().collect()),
        Value::Object(fields) => Some(fields.iter().map(|(name, value)| (format!("{name}x"), value.clone())).collect()),
        Value::Number(x) => Some(json!(x.as_f64().unwrap() + 1.0)),
        Value::Bool(x) => Some(json!(!x)),
        other => Some(json!({ "a": other })),
    });
    if let Value::Array(values) = value {
        others.push(Some(values.iter().chain(values.first()).cloned().collect()));
    }
    others
}

/// `fit` returns an error or a complete run, whatever the file contains.
#[test]
fn no_field_of_a_file_makes_a_run_panic() {
    let folder = own_folder("fields");
    let path = folder.join("run.json");
    stopped(&path);
    let mut good: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    good.as_object_mut().unwrap().remove("checksum").unwrap(); // otherwise the checksum alone would refuse the file
    let mut all = Vec::new();
    places(&good, "", &mut all);
    assert!(all.len() > 150, "{}", all.len());
    let mut refused = 0;
    for at in all.iter().filter(|at| !at.is_empty()) {
        for other in others(good.pointer(at).unwrap()) {
            fs::write(&path, serde_json::to_vec(&put(&good, at, other.clone())).unwrap()).unwrap();
            let result = catch_unwind(AssertUnwindSafe(|| resume(&path)));
            match result.unwrap_or_else(|_| panic!("{at}: {other:?} makes it panic")) {
                Ok(trained) => assert_eq!(trained.history.epochs(), trained.epoch, "{at}: {other:?}"),
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
    assert!(refused > 1000, "{refused}");
    // The field name is enough to recognise these errors.
    for (at, other, field) in [
        ("/model/run/step", json!(0), "step"),
        ("/model/run/step", json!(u64::MAX), "step"),
        ("/model/run/batch", json!(1000), "batch"),
        ("/model/run/epoch", json!(u64::MAX), "history"),
        ("/model/run/ema", Value::Null, "ema"),
        ("/model/run/ema/params/0/name", json!("other"), "ema"),
        ("/model/run/ema/params/0/values", json!([1.0]), "ema"),
        ("/model/run/ema/swapped", json!(true), "ema"),
        ("/model/run/plateau", Value::Null, "plateau"),
        ("/model/run/best", Value::Null, "best"),
        ("/model/run/stale", json!(u64::MAX), "stale"),
        ("/model/run/history", json!({}), "history"),
        ("/model/run/end", json!("early_stopping"), "end"),
        ("/model/run/optimizer/steps", json!(u64::MAX), "optimizer"),
        ("/model/run/losses", json!([0.0, 0.0]), "losses"),
    ] {
        fs::write(&path, serde_json::to_vec(&put(&good, at, Some(other))).unwrap()).unwrap();
        let error = resume(&path).unwrap_err();
        let TrainError::Contradiction { field: found, .. } = &error else { panic!("{at}: {error}") };
        assert!(found.contains(field) && error.to_string().contains("run.json"), "{at}: {error}");
    }
    // The order of keys does not matter, because serde_json has sorted them.
    fs::write(&path, serde_json::to_vec(&good).unwrap()).unwrap();
    let sorted = resume(&path).unwrap();
    let whole = trainer(CrossEntropy::default()).fit(&mut net(0.1), &data()).unwrap();
    assert_eq!(sorted.history, whole.history);
    fs::remove_dir_all(folder).unwrap();
}

/// The loss is part of a run, and so is everything that affects its value.
#[test]
fn another_loss_is_refused() {
    let folder = own_folder("loss");
    let path = folder.join("run");
    stopped(&path);
    let smoothed = CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() };
    let mut model = net(0.1);
    let error = trainer(smoothed).checkpoint(&path).resume().fit(&mut model, &data()).unwrap_err().to_string();
    assert!(error.contains("loss: was SoftmaxCrossEntropy") && error.contains("label_smoothing: 0.1"), "{error}");
    assert_eq!(model, net(0.1));
    let mut model = net(0.5);
    let error = trainer(CrossEntropy::default()).checkpoint(&path).resume().fit(&mut model, &data()).unwrap_err();
    assert!(error.to_string().contains("loss of the first samples: was"), "{error}");
    assert_eq!(model, net(0.5));
    // A momentum does not change a loss, but it changes the running statistics.
    let averaged = |momentum| {
        let rng = &mut rng(1);
        Sequential::new().then(Linear::new(2, 2, Init::Xavier, rng)).then(BatchNorm { momentum, ..BatchNorm::new(2) })
    };
    let run = |momentum, epochs| {
        let mut model = averaged(momentum);
        let trainer = trainer(CrossEntropy::default()).checkpoint(folder.join("averaged")).epochs(epochs);
        trainer.resume().fit(&mut model, &data()).map(|_| model)
    };
    run(0.1, 1).unwrap();
    let error = run(0.2, 2).unwrap_err().to_string();
    assert!(error.contains("running statistics") && error.contains("the momentum of a normalisation"), "{error}");
    let mut at_once = averaged(0.1);
    trainer(CrossEntropy::default()).epochs(2).fit(&mut at_once, &data()).unwrap();
    assert_eq!(run(0.1, 2).unwrap(), at_once);
    let mut other = data();
    other.x.as_mut_slice()[0] += 1.0;
    let error = trainer(CrossEntropy::default()).checkpoint(&path).resume().fit(&mut net(0.1), &other).unwrap_err();
    assert!(matches!(error, TrainError::OtherRun { .. }), "{error}");
    resume(&path).unwrap();

    // A custom loss with another penalty.
    let path = folder.join("own");
    let run = |penalty: f64, epochs| fit_penalised(penalty, epochs, &path);
    run(1e-2, 1).unwrap();
    let error = run(2e-2, 2).unwrap_err().to_string();
    assert!(error.contains("loss of the first samples: was"), "{error}");
    run(1e-2, 2).unwrap();
    fs::remove_dir_all(folder).unwrap();
}

fn fit_penalised(penalty: f64, epochs: usize, path: &Path) -> Result<Trained, TrainError> {
    let mut net: Linear<f64> = Linear::new(2, 2, Init::Xavier, &mut rng(1));
    Trainer::new(
        move |tape, net: &Linear<f64>, (x, t): &Batch| {
            let error = loss::softmax_cross_entropy(net.forward(tape.constant(x)), t, Reduction::Mean);
            error + tape.param(&net.weight).square().sum() * penalty
        },
        Adam::new(0.01),
    )
    .epochs(epochs)
    .checkpoint(path)
    .resume()
    .quiet()
    .fit(&mut net, &data())
}

/// w ← w − α (w − t), with a checkpoint after every step.
fn follow(
    path: &Path,
    schedule: impl Schedule + Send + 'static,
    w: &mut Param<f64>,
    targets: &[f64],
) -> Result<Trained, TrainError> {
    let data = Dataset::new(Matrix::zeros(1, targets.len()), Matrix::row(targets));
    Trainer::new(
        |tape, w: &Param<f64>, (_, t): &(Matrix<f64>, Matrix<f64>)| {
            (tape.param(w) - tape.constant(t)).square().mean() * 0.5
        },
        Sgd { lr: 1.0 },
    )
    .schedule(schedule)
    .sampler(nn::data::Sampler::sequential(targets.len(), 1))
    .epochs(1)
    .checkpoint(path)
    .checkpoint_every(1)
    .quiet()
    .fit(w, &data)
}

/// Weights that are not finite never replace saved ones, and the error names the last good file.
#[test]
fn a_run_that_diverges_leaves_a_good_checkpoint() {
    let folder = own_folder("diverged");
    let zero = || Param::new(Matrix::zeros(1, 1));
    for (name, rate, target) in [("rate", f64::INFINITY, 7.0), ("nan", f64::NAN, 7.0), ("data", 0.5, f64::INFINITY)] {
        let path = folder.join(name);
        let targets = [1.0, 2.0, 3.0, target, 5.0];
        let error = follow(&path, 0.5.then(3, rate), &mut zero(), &targets).unwrap_err();
        let TrainError::Diverged { step: 4, checkpoint: Some((good, 3)), .. } = &error else {
            panic!("{name}: {error}")
        };
        assert_eq!(good, &path);
        let text = error.to_string();
        assert!(text.contains(&format!("the checkpoint {} is that of step 3, and good", path.display())), "{text}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_path_that_cannot_be_written_is_reported_before_the_first_step() {
    let folder = own_folder("places");
    let fit = |path: PathBuf| {
        let unseen = |_: &nn::train::Progress<'_>, _: &Net| -> ControlFlow<()> { panic!("a step was made") };
        trainer(CrossEntropy::default())
            .checkpoint(path)
            .resume()
            .on_step(unseen)
            .fit(&mut net(0.1), &data())
            .unwrap_err()
    };
    assert!(matches!(fit(folder.join("no/such/run")), TrainError::Save(_)));
    assert!(matches!(fit(folder.join("run.safetensors")), TrainError::Save(_)));
    assert!(matches!(fit(folder.clone()), TrainError::Save(_)));
    fs::remove_dir_all(folder).unwrap();
}

/// A dangling link is an error and not a new run, and stays a link; a link to a file stays a link too.
#[cfg(unix)]
#[test]
fn links_stay_links() {
    use std::os::unix::fs::symlink;
    let folder = own_folder("links");
    let (link, target) = (folder.join("link"), folder.join("volume/run"));
    symlink(&target, &link).unwrap();
    let error = resume(&link).unwrap_err();
    assert!(error.to_string().contains("link"), "{error}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    fs::create_dir(folder.join("volume")).unwrap();
    stopped(&target);
    let before = fs::read(&target).unwrap();
    assert!(matches!(resume(&link).unwrap().end, End::Epochs | End::EarlyStopping));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_ne!(fs::read(&target).unwrap(), before);
    fs::remove_dir_all(folder).unwrap();
}

/// Numbers that JSON cannot represent are restored exactly.
#[test]
fn a_resumed_history_is_the_one_that_was_kept() {
    let folder = own_folder("history");
    for file in ["run", "run.json"] {
        let path = folder.join(file);
        let fit = |epochs| {
            let odd = |epoch: &'static std::sync::atomic::AtomicUsize| {
                move |_: &Linear<f64>, _: &(Matrix<f64>, Matrix<f64>)| {
                    let k = epoch.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    [f64::INFINITY, f64::NAN, f64::NEG_INFINITY, 0.5][k % 4]
                }
            };
            static EPOCH: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
            let data = Dataset::new(Matrix::full(1, 4, 1.0), Matrix::full(1, 4, 1.0));
            let mut net = Linear { weight: Param::new(Matrix::full(1, 1, 0.5)), bias: None };
            let trainer = Trainer::with_loss(Loss::Mse, Sgd { lr: 0.1 }).watch("set", &data).metric("odd", odd(&EPOCH));
            trainer.epochs(epochs).checkpoint(&path).resume().quiet().fit(&mut net, &data).unwrap().history
        };
        let bits = |history: nn::train::History| history["set_odd"].iter().map(|x| x.to_string()).collect::<Vec<_>>();
        assert_eq!(bits(fit(4)), ["inf", "NaN", "-inf", "0.5"]);
        assert_eq!(bits(fit(4)), ["inf", "NaN", "-inf", "0.5"], "{file}");
    }
    fs::remove_dir_all(folder).unwrap();
}
