//! Checkpoints: runs that are killed, interrupted, stopped and resumed end with the bits of an uninterrupted run.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use nn::data::Dataset;
use nn::loss::CrossEntropy;
use nn::parallel::Parallel;
use nn::schedule::{Cosine, Goal, MultiStep, Plateau};
use nn::train::{End, History, TrainError, Trainer, accuracy};
use nn::{
    Activation, Adam, BatchNorm, Dropout, Init, Linear, Lion, Matrix, Module, Optimizer, RAdam, RmsProp, Rprop,
    Sequential, persist,
};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::{alone, folder};

type Net = Sequential<f32>;
type Data = Dataset<f32>;

fn data() -> Data {
    let x = Matrix::from_fn(2, 120, |i, n| ((n * (7 + 4 * i)) % 20) as f32 / 10.0 - 0.95);
    let t = (0..120).map(|n| usize::from(x[(0, n)] * x[(1, n)] > 0.0)).collect();
    Dataset::new(x, t)
}

/// Layers with state: random numbers, running averages.
fn net() -> Net {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    Sequential::new()
        .then(Linear::new(2, 16, Init::He, rng))
        .then(BatchNorm::new(16))
        .then(Activation::Relu)
        .then(Dropout::new(0.1))
        .then(Linear::new(16, 2, Init::Xavier, rng))
}

/// And a trainer with state: moments, a plateau, an average of weights, the best weights, held-out data, shards.
fn trainer<'a>() -> Trainer<'a, f32, Net, (Matrix<f32>, Vec<usize>)> {
    with(Adam::new(0.02))
}

fn with<'a>(optimizer: impl Optimizer<f32> + Send + 'a) -> Trainer<'a, f32, Net, (Matrix<f32>, Vec<usize>)> {
    Trainer::with_loss(CrossEntropy::default().into(), optimizer)
        .epochs(40)
        .batch(20)
        .seed(5)
        .plateau(Plateau { patience: 2, factor: 0.7, ..Plateau::new(0.02) })
        .ema(0.9)
        .hold_out(0.2)
        .metric("accuracy", accuracy)
        .keep_best()
        .parallel(Parallel::mean().shards_of(6))
        .quiet()
}

/// The bits of a run: weights, running averages, and measurements.
fn bits(net: &Net, history: &History) -> Vec<String> {
    let params = net.named_params().into_iter();
    let weights = params.map(|(name, param)| format!("{name} {:?}", param.value().map(f32::to_bits).as_slice()));
    weights.chain([history.to_json()]).collect()
}

fn uninterrupted() -> Vec<String> {
    let mut net = net();
    let trained = trainer().fit(&mut net, &data()).unwrap();
    bits(&net, &trained.history)
}

/// A folder of a test.
fn own_folder(name: &str) -> PathBuf {
    folder(&format!("resume-{name}-{}", std::process::id()))
}

const CHILD: &str = "NN_RESUME_CHILD";

/// Not a test, but the process that the tests start: a run in a folder, slow enough to be killed, which writes its bits.
#[test]
fn child_process() {
    let Ok(folder) = env::var(CHILD) else { return };
    let folder = Path::new(&folder);
    let mut net = net();
    let trained = trainer()
        .checkpoint(folder.join("run"))
        .checkpoint_every(3)
        .resume()
        .interruptible()
        .on_step(|_, _| {
            thread::sleep(Duration::from_millis(2));
            ControlFlow::Continue(())
        })
        .fit(&mut net, &data())
        .unwrap();
    fs::write(folder.join("end"), trained.to_string()).unwrap();
    persist::save_value(folder.join("bits"), &bits(&net, &trained.history)).unwrap();
}

fn start(folder: &Path) -> Child {
    let child = alone(module_path!(), "child_process");
    let mut child = if cfg!(target_os = "linux") { that_ignores_no_signal(&child) } else { child };
    child.env(CHILD, folder).stdout(Stdio::null()).spawn().unwrap()
}

/// The same command, whatever signals this process ignores.
fn that_ignores_no_signal(command: &Command) -> Command {
    let mut env = Command::new("env");
    env.arg("--default-signal=HUP,TERM").arg(command.get_program()).args(command.get_args());
    env.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    env
}

#[test]
fn killed_at_any_moment() {
    let folder = own_folder("killed");
    let rng = &mut ChaCha8Rng::seed_from_u64(std::process::id().into());
    let mut kills = 0;
    loop {
        let mut child = start(&folder);
        let deadline = Instant::now() + Duration::from_millis(rng.random_range(20..150));
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if Instant::now() > deadline && kills < 25 => break None,
                None => thread::sleep(Duration::from_millis(1)),
            }
        };
        if let Some(status) = ended {
            assert!(status.success(), "a checkpoint was not whole");
            break;
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills >= 3, "{kills}");
    let resumed: Vec<String> = nn::load(folder.join("bits")).unwrap();
    assert_eq!(resumed, uninterrupted(), "after {kills} kills");
    fs::remove_dir_all(folder).unwrap();
}

/// How a training run ended that got this signal after its first checkpoint.
#[cfg(unix)]
fn signalled(signal: &str, mut child: Child, folder: &Path) -> String {
    while !folder.join("run").exists() {
        assert!(child.try_wait().unwrap().is_none());
        thread::sleep(Duration::from_millis(1));
    }
    assert!(Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    fs::read_to_string(folder.join("end")).unwrap()
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_after_the_step_and_says_how_to_resume() {
    let folder = own_folder("interrupted");
    let end = signalled("INT", start(&folder), &folder);
    assert!(end.starts_with("interrupted after step "), "{end}");
    assert!(end.ends_with("run: start the same training with `resume` to continue"), "{end}");

    let mut net = net();
    let trained = trainer().checkpoint(folder.join("run")).resume().fit(&mut net, &data()).unwrap();
    assert_eq!(trained.end, End::Epochs);
    assert_eq!(bits(&net, &trained.history), uninterrupted());
    fs::remove_dir_all(folder).unwrap();
}

/// Under `nohup` a hang-up is ignored, and stays ignored.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let folder = own_folder("ignored");
    let child = alone(module_path!(), "child_process");
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap "" HUP; exec "$0" "$@""#]).arg(child.get_program()).args(child.get_args());
    let child = command.env(CHILD, &folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let end = signalled("HUP", child, &folder);
    assert!(end.starts_with("trained after step "), "{end}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn stopped_after_any_step() {
    let (folder, whole) = (own_folder("stopped"), uninterrupted());
    for (step, file) in [(1, "run"), (5, "run.json"), (7, "run"), (195, "run"), (199, "run"), (200, "run")] {
        let path = folder.join(file);
        let stop = |at: &nn::train::Progress<'_>, _: &Net| match at.step == step {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let stopped = trainer().checkpoint(&path).on_step(stop).fit(&mut net(), &data()).unwrap();
        assert_eq!((stopped.end, stopped.step), (End::Callback, step));
        // As often as one likes, also after it has finished.
        for _ in 0..2 {
            let mut net = net();
            let trained = trainer().checkpoint(&path).resume().fit(&mut net, &data()).unwrap();
            assert_eq!(bits(&net, &trained.history), whole, "stopped after step {step}");
        }
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn more_epochs_continue_a_run() {
    let (folder, mut net) = (own_folder("more"), net());
    let path = folder.join("run");
    trainer().epochs(15).checkpoint(&path).fit(&mut net, &data()).unwrap();
    let trained = trainer().checkpoint(&path).resume().fit(&mut net, &data()).unwrap();
    assert_eq!(bits(&net, &trained.history), uninterrupted());
    // Without `resume` it starts again.
    let trained = trainer().epochs(1).checkpoint(&path).fit(&mut net, &data()).unwrap();
    assert_eq!(trained.history.epochs(), 1);
    fs::remove_dir_all(folder).unwrap();
}

/// Wherever the milestones differ.
#[test]
fn another_schedule_is_refused() {
    let folder = own_folder("schedules");
    for (was, is) in [(20, 60), (1, 2), (3000, 3001), (50_000, 70_000), (1 << 30, 1 << 31)] {
        let path = folder.join(format!("{was}"));
        let run = |milestone, epochs| {
            let schedule = MultiStep { lr: 0.02, milestones: vec![milestone], factor: 0.1 };
            trainer().schedule(schedule).epochs(epochs).checkpoint(&path).resume().fit(&mut net(), &data())
        };
        run(was, 1).unwrap();
        let text = run(is, 2).unwrap_err().to_string();
        assert!(text.contains("learning rates: was"), "{was} {is}: {text}");
        run(was, 2).unwrap();
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn another_run_is_refused() {
    let folder = own_folder("refused");
    let path = folder.join("run");
    trainer().epochs(1).note("noise", 0.1).checkpoint(&path).fit(&mut net(), &data()).unwrap();
    let check = |part: &str, trainer: Trainer<'_, f32, Net, _>, mut net: Net, data: Data| {
        let before = net.clone();
        let error = trainer.checkpoint(&path).resume().fit(&mut net, &data).unwrap_err();
        assert!(matches!(error, TrainError::OtherRun { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(part) && text.contains("remove it to start again"), "{part}: {text}");
        assert_eq!(net, before);
    };
    let same = || trainer().note("noise", 0.1);
    check("seed: was 5, is 6;", same().seed(6), net(), data());
    check("batch size: was 20, is 10; batches in an epoch: was 5, is 10;", same().batch(10), net(), data());
    check("noise: was 0.1, is 0.2;", trainer().note("noise", 0.2), net(), data());
    check("noise: was 0.1, is nothing;", trainer(), net(), data());
    check("optimizer: was adam #", with(Adam { beta1: 0.8, ..Adam::new(0.02) }).note("noise", 0.1), net(), data());
    // A setting that has no effect on the first steps in single precision.
    let eps = Adam { eps_outside: 2e-8, ..Adam::new(0.02) };
    check("settings of the optimizer: was beta1 0.9", with(eps).note("noise", 0.1), net(), data());
    check("is rmsprop #", with(RmsProp::torch(0.02)).note("noise", 0.1), net(), data());
    check("optimizer: was adam #", with(Adam::new(0.02).with().clip_value(5.0)).note("noise", 0.1), net(), data());
    check("learning rates: was Plateau", same().schedule(Cosine { lr: 0.02, min: 0.0, steps: 100 }), net(), data());
    check("moving average: was Some(0.9), is Some(0.8);", same().ema(0.8), net(), data());
    check("samples: was 96, is 80;", same(), net(), data().select(&(0..100).collect::<Vec<_>>()));
    let wider = Sequential::new().then(Linear::new(2, 2, Init::He, &mut ChaCha8Rng::seed_from_u64(1)));
    check(
        "parameters of the model: was `0.weight`, 16 × 2, trained, is `0.weight`, 2 × 2, trained",
        same(),
        wider,
        data(),
    );
    let mut frozen = net();
    frozen.freeze(&|name| name == "0.weight");
    check("`0.weight`, 16 × 2, trained, is `0.weight`, 16 × 2, frozen", same(), frozen, data());

    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    let error = same().checkpoint(&path).resume().fit(&mut net(), &data()).unwrap_err();
    assert!(matches!(error, TrainError::Load(_)) && error.to_string().contains("run"), "{error}");
    let error = same().checkpoint(folder.join("no/such/run")).fit(&mut net(), &data()).unwrap_err();
    assert!(matches!(error, TrainError::Save(_)), "{error}");
    fs::remove_dir_all(folder).unwrap();
}

/// So is a setting that a few steps do not show, whatever the optimizer.
#[test]
fn settings_that_matter_late_are_part_of_the_run() {
    fn refused(was: impl Optimizer<f32> + Send, is: impl Optimizer<f32> + Send, word: &str) {
        let folder = own_folder("late");
        let path = folder.join("run");
        with(was).epochs(1).checkpoint(&path).fit(&mut net(), &data()).unwrap();
        let error = with(is).epochs(2).checkpoint(&path).resume().fit(&mut net(), &data()).unwrap_err().to_string();
        assert!(error.contains("settings of the optimizer: was ") && error.contains(word), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }
    refused(RAdam::new(0.02), RAdam { beta2: 0.99, ..RAdam::new(0.02) }, "beta2 0.99,");
    refused(Rprop::new(0.02), Rprop { max_step: 7.0, ..Rprop::new(0.02) }, "max_step 7.0");
    refused(Lion::new(0.02), Box::new(Lion { beta2: 0.98, ..Lion::new(0.02) }), "beta2 0.98");
}

/// A callback that stops in the epoch of early stopping does not hide that the run is at its end.
#[test]
fn early_stopping_stays_the_end() {
    let folder = own_folder("ends");
    let path = folder.join("run");
    let run = |last: usize| {
        let stop = move |at: &nn::train::Progress<'_>, _: &Net| match at.epoch == last {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let trainer = trainer().metric("same", |_, _| 1.0).monitor("validation_same", Goal::Max).early_stopping(2);
        trainer.checkpoint(&path).resume().on_epoch_end(stop).fit(&mut net(), &data()).unwrap()
    };
    let ends = [2, 3, 9].map(run).map(|trained| (trained.end, trained.epoch));
    assert_eq!(ends, [(End::Callback, 2), (End::EarlyStopping, 3), (End::EarlyStopping, 3)]);
    fs::remove_dir_all(folder).unwrap();
}

/// A file that was made elsewhere is gone on with, and the run says so; one of before, when files said nothing of it, is silent.
#[test]
fn a_run_that_was_begun_elsewhere() {
    let folder = own_folder("elsewhere");
    let path = folder.join("run.json");
    let go_on = |was: Option<serde_json::Value>| {
        trainer().epochs(1).checkpoint(&path).fit(&mut net(), &data()).unwrap();
        let mut file: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let fields = file["model"].as_object_mut().unwrap();
        assert!(fields["made"].as_str().unwrap().contains("bits"), "{}", fields["made"]);
        match was {
            Some(was) => drop(fields.insert("made".to_owned(), was)),
            None => drop(fields.remove("made")),
        }
        file.as_object_mut().unwrap().remove("checksum");
        fs::write(&path, file.to_string()).unwrap();
        let trained = trainer().epochs(2).checkpoint(&path).resume().fit(&mut net(), &data()).unwrap();
        assert_eq!(trained.epoch, 2);
        trained.warnings
    };
    let warnings = go_on(Some("tape-nn 0.0.1, tea on leaves, vectors of 7 bits".into()));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("vectors of 7 bits, and this is tape-nn"), "{warnings:?}");
    assert_eq!(go_on(None), [""; 0]);
    fs::remove_dir_all(folder).unwrap();
}
