//! Events for TensorBoard, read by a reader of the tests and by TensorBoard's own, if it is installed.

mod reader;

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow::Continue;
use std::path::{Path, PathBuf};
use std::process::Command;

use nn::data::{Dataset, Sampler};
use nn::loss::{CrossEntropy, softmax_cross_entropy};
use nn::parallel::Parallel;
use nn::ranks::{Ranks, on_threads};
use nn::tensorboard::Events;
use nn::train::{Progress, Trained, Trainer, accuracy};
use nn::{
    Activation, Adam, Dropout, Init, Layer, Linear, Matrix, Module, Optimizer, Reduction, Sequential, Sgd, Tape,
    diagnose_step,
};
use serde_json::json;
use tape_tests::{panic_of, says};

use self::reader::{Histogram, Shown, read};
use crate::{rng, some};

type Net = Sequential<f64>;
type Data = Dataset<f64>;

fn data(samples: usize, seed: u64) -> Data {
    let x: Matrix<f64> = some(2, samples, seed);
    let t = (0..samples).map(|n| usize::from(x[(0, n)] * x[(1, n)] > 0.0)).collect();
    Dataset::new(x, t)
}

fn net(dropout: f64) -> Net {
    let rng = &mut rng(4);
    let hidden = Linear::new(2, 6, Init::Xavier, rng);
    let list = Sequential::new().then(hidden).then(Activation::Tanh).then(Dropout::new(dropout));
    list.then(Linear::new(6, 2, Init::Xavier, rng))
}

fn trainer<'a>(optimizer: impl Optimizer<f64> + Send + 'a) -> Trainer<'a, f64, Net, (Matrix<f64>, Vec<usize>)> {
    Trainer::with_loss(CrossEntropy::default().into(), optimizer).quiet()
}

/// An empty folder.
fn folder(name: &str) -> PathBuf {
    let folder = crate::folder("tensorboard").join(name);
    let _ = fs::remove_dir_all(&folder);
    folder
}

fn key(tag: &str, step: u64) -> (String, i64) {
    (tag.to_owned(), step as i64)
}

/// What a histogram has to be, by counting.
fn histogram(numbers: &[f64], limits: &[f64]) -> Histogram {
    let lower = |k: usize| if k == 0 { f64::NEG_INFINITY } else { limits[k - 1] };
    let count = |k: usize| numbers.iter().filter(|x| lower(k) < **x && **x <= limits[k]).count() as f64;
    let of = |f: fn(f64, f64) -> f64, start| numbers.iter().copied().fold(start, f);
    let (min, max) = (of(f64::min, f64::INFINITY), of(f64::max, f64::NEG_INFINITY));
    let (sum, squares) = (of(|s, x| s + x, 0.0), of(|s, x| s + x * x, 0.0));
    Histogram {
        numbers: [min, max, numbers.len() as f64, sum, squares],
        limits: limits.to_vec(),
        counts: (0..limits.len()).map(count).collect(),
    }
}

/// The numbers that a run should write, computed beside it.
#[derive(Default)]
struct Expected {
    scalars: BTreeMap<(String, i64), f32>,
    histograms: BTreeMap<(String, i64), Vec<f64>>,
}

impl Expected {
    /// Weights, and gradients and diagnosis of a step of gradient descent on all samples in their order.
    fn put_layers(&mut self, step: u64, net: &Net, data: &Data, sgd: &Sgd) {
        let tape = Tape::training(0);
        let loss = softmax_cross_entropy(net.forward(tape.constant(&data.x)), &data.t[..], Reduction::Mean);
        let grads = loss.backward();
        for (name, param) in net.named_params() {
            self.histograms.insert(key(&format!("weights/{name}"), step), param.value().as_slice().to_vec());
            let gradient = grads.get(param).unwrap().as_slice().to_vec();
            self.histograms.insert(key(&format!("gradients/{name}"), step), gradient);
        }
        let diagnosis = diagnose_step(net, loss, sgd, &sgd.init(net));
        let mut put = |tag: String, x: Option<f64>| x.map(|x| self.scalars.insert(key(&tag, step), x as f32));
        for layer in diagnosis.layers {
            let name = &layer.name;
            put(format!("layer mean/{name}"), Some(layer.mean));
            put(format!("layer rms/{name}"), Some(layer.rms));
            put(format!("layer spread/{name}"), layer.spread);
            put(format!("layer dead/{name}"), layer.dead);
            put(format!("layer saturated/{name}"), layer.saturated);
            put(format!("layer delta/{name}"), layer.delta);
            put(format!("layer weight/{name}"), Some(layer.weight));
            put(format!("layer weight gradient/{name}"), layer.weight_gradient);
            put(format!("layer update/{name}"), layer.update);
        }
        put("gradient norm".to_owned(), Some(diagnosis.gradient));
    }

    /// Compares every number, and stores what was expected for TensorBoard's own reader.
    fn check(&self, shown: &Shown, folder: &Path) {
        assert_eq!(shown.scalars, self.scalars);
        assert_eq!(shown.histograms.keys().collect::<Vec<_>>(), self.histograms.keys().collect::<Vec<_>>());
        for (key, found) in &shown.histograms {
            assert_eq!(*found, histogram(&self.histograms[key], &found.limits), "{key:?}");
            assert_eq!(found.limits.last(), Some(&found.numbers[1]));
        }
        let scalars: Vec<_> = self.scalars.iter().map(|((tag, step), x)| json!([tag, step, f64::from(*x)])).collect();
        let histograms: Vec<_> = self.histograms.iter().map(|((tag, step), x)| json!([tag, step, x])).collect();
        let texts: Vec<_> = shown.texts.iter().map(|((tag, step), text)| json!([tag, step, text])).collect();
        let expected = json!({ "scalars": scalars, "histograms": histograms, "texts": texts });
        fs::write(folder.join("expected.json"), expected.to_string()).unwrap();
    }
}

#[test]
fn every_number_of_a_run() {
    let (folder, data, other) = (folder("run"), data(40, 1), data(30, 2));
    let (mut net, sgd) = (net(0.0), Sgd { lr: 0.3 });
    let (mut expected, mut losses) = (Expected::default(), Vec::new());
    expected.put_layers(0, &net, &data, &sgd);
    let at_end = |at: &Progress<'_>, net: &Net| {
        expected.put_layers(at.step, net, &data, &sgd);
        Continue(())
    };
    let trained = trainer(sgd)
        .sampler(Sampler::sequential(data.len(), data.len()))
        .validate(&other)
        .metric("accuracy", accuracy)
        .epochs(6)
        .tensorboard(&folder)
        .tensorboard_every(2)
        .on_step(|at, _| {
            losses.push((at.step, at.loss));
            Continue(())
        })
        .on_epoch_end(at_end)
        .fit(&mut net, &data)
        .unwrap();
    let curves = [
        ("learning_rate", "learning_rate"),
        ("loss", "loss/training"),
        ("validation_loss", "loss/validation"),
        ("validation_accuracy", "accuracy/validation"),
    ];
    for (curve, tag) in curves {
        for (epoch, value) in (1..).zip(&trained.history[curve]) {
            expected.scalars.insert(key(tag, epoch), *value as f32);
        }
    }
    for (step, loss) in losses.into_iter().filter(|(step, _)| step % 2 == 0) {
        expected.scalars.insert(key("loss/step", step), loss as f32);
    }
    let shown = read(&folder);
    expected.check(&shown, &folder);
    says(&shown.texts[&key("model", 0)], &["weight", "32 numbers are trained"]);
    let settings = &shown.texts[&key("settings", 0)];
    says(
        settings,
        &["| optimizer | sgd", "| samples in a step | 40 |", "| epochs | 6 |", "monitored | validation_loss"],
    );
    assert_eq!(shown.texts.keys().filter(|(tag, _)| tag == "diagnosis").count(), 7);
    run_check_script(&folder);
}

/// The gradients on the board are those of the step that follows, with its samples and its dropout.
#[test]
fn gradients_are_those_of_the_next_step() {
    let (folder, data) = (folder("gradients"), data(50, 1));
    let (mut net, lr) = (net(0.3), 0.25);
    let mut sums: Vec<(u64, f64)> = Vec::new();
    let sum = |net: &Net| net.named_params().iter().flat_map(|(_, p)| p.value().as_slice()).sum::<f64>();
    sums.push((0, sum(&net)));
    trainer(Sgd { lr })
        .batch(8)
        .hold_out(0.2)
        .epochs(4)
        .freeze_until("0.bias", 2)
        .tensorboard(&folder)
        .on_step(|at, net| {
            sums.push((at.step, sum(net)));
            Continue(())
        })
        .fit(&mut net, &data)
        .unwrap();
    let shown = read(&folder);
    for epoch in 0..4 {
        let step = 5 * epoch;
        let of_step = |(tag, at): &(String, i64)| *at == step as i64 && tag.starts_with("gradients/");
        let gradients = shown.histograms.iter().filter(|(key, _)| of_step(key)).map(|(_, h)| h.numbers[3]);
        let moved = (sums[step].1 - sums[step + 1].1) / lr;
        let gradient: f64 = gradients.sum();
        assert!((gradient - moved).abs() < 1e-12, "{step}: {gradient} {moved}");
        assert!(moved.abs() > 1e-3);
    }
}

fn bits(net: &Net, trained: &Trained) -> Vec<u64> {
    let numbers = trained.history.names().flat_map(|name| &trained.history[name]).copied();
    let weights = net.named_params().into_iter().flat_map(|(_, param)| param.value().as_slice());
    numbers.chain(weights.copied()).map(f64::to_bits).collect()
}

#[test]
fn a_run_with_events_has_the_same_bits() {
    let (data, adam) = (data(50, 1), || Adam::new(0.05));
    let run = |trainer: Trainer<'_, f64, Net, _>| {
        let mut net = net(0.2);
        let trained = trainer.batch(8).hold_out(0.2).ema(0.9).epochs(5).fit(&mut net, &data).unwrap();
        bits(&net, &trained)
    };
    let with = run(trainer(adam()).tensorboard(folder("same")).tensorboard_every(3));
    assert_eq!(with, run(trainer(adam())));
}

/// Of several ranks the first writes: the curves and the weights of a run on one thread, to the bit, without what needs samples that
/// another rank has.
#[test]
fn ranks_write_the_numbers_of_one() {
    let data = data(50, 1);
    let run = |folder: &Path, world: Option<&dyn Ranks>| {
        let mut net = net(0.2);
        let trainer = trainer(Adam::new(0.05)).parallel(Parallel::mean().shards_of(2)).batch(8).hold_out(0.2);
        let trainer = trainer.metric("accuracy", accuracy).epochs(3).tensorboard(folder).tensorboard_every(2);
        let mut trainer = if let Some(world) = world { trainer.ranks(world) } else { trainer };
        let trained = trainer.fit(&mut net, &data).unwrap();
        bits(&net, &trained)
    };
    let alone = folder("alone");
    let left = run(&alone, None);
    let mut expected = of_run(&alone);
    expected.scalars.retain(|(tag, _), _| !tag.starts_with("layer ") && tag != "gradient norm");
    expected.histograms.retain(|(tag, _), _| tag.starts_with("weights/"));
    expected.texts.clear();
    // Four matrices at the start and after each epoch, and every second of 15 steps.
    assert_eq!(expected.histograms.len(), 4 * 4);
    assert_eq!(expected.scalars.keys().filter(|(tag, _)| tag == "loss/step").count(), 7);
    for ranks in 1..=3 {
        let folder = folder(&format!("ranks-{ranks}"));
        for (rank, of_rank) in on_threads(ranks, |world| run(&folder, Some(world))).iter().enumerate() {
            assert_eq!(*of_rank, left, "rank {rank} of {ranks}");
        }
        assert_eq!(of_run(&folder), expected, "{ranks} ranks");
    }
}

/// Without the texts of the start, which say when it was.
fn of_run(folder: &Path) -> Shown {
    let mut shown = read(folder);
    shown.texts.retain(|(tag, _), _| tag == "diagnosis");
    shown
}

/// A run that ends after any step, with a last record that is cut off, and resumes from an older checkpoint.
#[test]
fn a_killed_run_shows_no_step_twice() {
    let data = data(50, 1);
    let run = |folder: &Path, last: Option<u64>| {
        let mut net = net(0.2);
        let trainer = trainer(Adam::new(0.05)).batch(8).hold_out(0.2).metric("accuracy", accuracy).epochs(5);
        let trainer = trainer.tensorboard(folder).tensorboard_every(1);
        let trainer = trainer.checkpoint(folder.with_extension("checkpoint")).checkpoint_every(3).resume();
        let end = move |at: &Progress<'_>, _: &Net| match Some(at.step) == last {
            true => panic!("killed"),
            false => Continue(()),
        };
        trainer.on_step(end).fit(&mut net, &data).unwrap();
    };
    let whole = folder("whole");
    let _ = fs::remove_file(whole.with_extension("checkpoint"));
    run(&whole, None);
    let expected = of_run(&whole);
    assert_eq!(expected.scalars.keys().filter(|(tag, _)| tag == "loss/step").count(), 25);
    for last in [1, 2, 3, 4, 5, 6, 10, 14, 15, 16, 24, 25] {
        let folder = folder(&format!("killed-{last}"));
        let _ = fs::remove_file(folder.with_extension("checkpoint"));
        for end in [Some(last), Some(25), None] {
            match end {
                Some(_) => assert_eq!(panic_of(|| run(&folder, end)).message, "killed"),
                None => run(&folder, None),
            }
            cut_last_file(&folder, end.is_some());
        }
        assert_eq!(of_run(&folder), expected, "killed after step {last}");
    }
    let scalars = expected.scalars.iter().map(|((tag, step), x)| json!([tag, step, f64::from(*x)]));
    let scalars: Vec<_> = scalars.collect();
    for last in [4, 16] {
        let folder = crate::folder("tensorboard").join(format!("killed-{last}"));
        fs::write(folder.join("expected.json"), json!({ "scalars": scalars }).to_string()).unwrap();
        run_check_script(&folder);
    }
}

/// Cuts three bytes off the newest file, as if the process had been killed while it wrote.
fn cut_last_file(folder: &Path, cut: bool) {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_str().unwrap().contains("tfevents"));
    files.sort();
    let newest = files.last().unwrap();
    let bytes = fs::read(newest).unwrap();
    fs::write(newest, &bytes[..bytes.len() - if cut { 3 } else { 0 }]).unwrap();
}

#[test]
fn a_run_that_starts_again_replaces_the_first() {
    let (folder, data) = (folder("again"), data(50, 1));
    let run = |lr, epochs| {
        let mut trainer = trainer(Sgd { lr }).epochs(epochs).tensorboard(&folder);
        trainer.fit(&mut net(0.0), &data).unwrap().history["loss"].to_vec()
    };
    run(0.1, 4);
    let second = run(0.2, 3);
    let shown = read(&folder);
    let losses = shown.scalars.iter().filter(|((tag, _), _)| tag == "loss/training");
    assert_eq!(losses.map(|(_, x)| *x).collect::<Vec<_>>(), second.iter().map(|x| *x as f32).collect::<Vec<_>>());
}

#[test]
fn errors_say_what_to_do() {
    let (folder, data) = (folder("errors"), data(20, 1));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("file"), "").unwrap();
    let error = trainer(Sgd { lr: 0.1 }).tensorboard(folder.join("file")).fit(&mut net(0.0), &data).unwrap_err();
    says(error, &["errors/file: events cannot be written: ", "check that the folder exists"]);
    let taken = trainer(Sgd { lr: 0.1 }).watch("training", &data).tensorboard(&folder);
    let error = { taken }.fit(&mut net(0.0), &data).unwrap_err();
    says(error, &["`loss/training`: give the watched set another name"]);
    let panic = panic_of(|| trainer(Sgd { lr: 0.1 }).tensorboard_every(1));
    says(panic.message, &["name the folder by `tensorboard` first"]);
    let panic = panic_of(|| trainer(Sgd { lr: 0.1 }).tensorboard(&folder).tensorboard_every(0));
    says(panic.message, &["a number of steps from 1"]);
}

#[test]
fn numbers_at_their_limits() {
    let folder = folder("limits");
    let mut events = Events::begin(&folder, 0).unwrap();
    let scalars = [0.0, -0.0, 1e-310, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, 0.1];
    scalars.iter().zip(0..).for_each(|(x, step)| events.scalar("x", step, *x).unwrap());
    events.scalar("x", 7, f64::NAN).unwrap();
    let lists: [&[f64]; 5] =
        [&[2.5], &[1.0, 1.0, 1.0], &[-f64::MAX, f64::MAX, 0.0], &[f64::NAN, 3.0, f64::INFINITY, 4.0], &[0.0, 1e-300]];
    let put = |(step, list): (u64, &&[f64])| events.histogram("h", step, list.iter().copied()).unwrap();
    (0..).zip(&lists).for_each(put);
    events.histogram("none", 0, [f64::NAN]).unwrap();
    events.histogram("none", 1, []).unwrap();
    events.flush().unwrap();
    let shown = read(&folder);
    for (x, step) in scalars.iter().zip(0..) {
        assert_eq!(shown.scalars[&key("x", step)].to_bits(), (*x as f32).to_bits());
    }
    assert!(shown.scalars[&key("x", 7)].is_nan());
    assert_eq!(shown.histograms.len(), lists.len());
    for (step, list) in (0..).zip(lists) {
        let finite: Vec<f64> = list.iter().copied().filter(|x| x.is_finite()).collect();
        let found = &shown.histograms[&key("h", step)];
        assert_eq!(*found, histogram(&finite, &found.limits));
        assert_eq!(found.counts.iter().sum::<f64>(), finite.len() as f64);
    }
}

/// Compares a folder with its `expected.json` by TensorBoard's own reader, if Python has it.
fn run_check_script(folder: &Path) {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let run = |args: &[&str]| Command::new(&python).args(args).output();
    if !run(&["-c", "import tensorboard"]).is_ok_and(|output| output.status.success()) {
        println!("left out: TensorBoard's own reader, because {python} has no tensorboard");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("nn/tensorboard/check.py");
    let output = run(&[script.to_str().unwrap(), folder.to_str().unwrap()]).unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    println!("{text}");
}
