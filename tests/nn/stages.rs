//! Batches that are changed at random, and parameters that are frozen for some epochs.

use std::fs;
use std::ops::ControlFlow::{Break, Continue};
use std::path::Path;

use nn::data::Dataset;
use nn::loss::Loss;
use nn::parallel::Parallel;
use nn::schedule::Goal;
use nn::train::{TrainError, Trainer};
use nn::{
    Activation, Adagrad, Adam, Adamax, GradientSum, Hyperparameters, Matrix, Mlp, Module, Momentum, NAdam, Optimizer,
    Param, RAdam, Real, RmsProp, Rprop, Sgd, Tape,
};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use tape_tests::says;

use crate::wrong_input::panics;
use crate::{folder, rng};

type Batch = (Matrix<f64>, Matrix<f64>);
type Own<'a> = Trainer<'a, f64, Mlp<f64>, Batch>;

pub(crate) fn data(scale: f64) -> Dataset<f64, Matrix<f64>> {
    let x = Matrix::from_fn(2, 48, |i, n| scale * (((n * (7 + 4 * i)) % 20) as f64 / 10.0 - 0.95));
    let t = Matrix::from_fn(1, 48, |_, n| (x[(0, n)] * x[(1, n)]).signum());
    Dataset::new(x, t)
}

pub(crate) fn net() -> Mlp<f64> {
    Mlp::new(&[2, 6, 6, 1], Activation::Tanh, &mut rng(1))
}

fn trainer<'a>() -> Own<'a> {
    Trainer::with_loss(Loss::Mse, Adam::new(0.02)).epochs(6).batch(16).seed(3).quiet()
}

/// The three ways in which the samples of a step are divided.
fn divided<'a>(k: usize, trainer: Own<'a>) -> Own<'a> {
    match k {
        0 => trainer,
        1 => trainer.micro_batch(5),
        _ => trainer.parallel(Parallel::mean().shards_of(3)),
    }
}

fn noise((x, _): &mut Batch, rng: &mut ChaCha8Rng) {
    x.as_mut_slice().iter_mut().for_each(|x| *x += rng.random_range(-0.2..0.2));
}

fn more_noise((x, _): &mut Batch, rng: &mut ChaCha8Rng) {
    x.as_mut_slice().iter_mut().for_each(|x| *x += rng.random_range(-0.3..0.3));
}

#[test]
fn what_is_trained_on_is_augmented_and_what_is_measured_is_not() {
    let (plain, doubled) = (data(1.0), data(2.0));
    for k in 0..3 {
        let (mut ours, mut theirs) = (net(), net());
        let twice = |(x, _): &mut Batch, _: &mut ChaCha8Rng| *x = x.map(|x| 2.0 * x);
        let measured = divided(k, trainer()).augment(twice).validate(&plain).fit(&mut ours, &plain).unwrap().history;
        let expected = divided(k, trainer()).validate(&plain).fit(&mut theirs, &doubled).unwrap().history;
        assert_eq!(ours, theirs);
        assert_eq!(measured["validation_loss"], expected["validation_loss"]);
    }
}

#[test]
fn augmentation_has_the_same_bits_on_any_threads_and_other_draws_at_every_step() {
    let mut distinct = Vec::new();
    for k in 0..3 {
        let run = |threads| {
            let mut net = net();
            let trained = divided(k, trainer()).augment(noise).threads(threads).fit(&mut net, &data(1.0)).unwrap();
            (net, trained.history)
        };
        let once = run(1);
        assert_eq!(once, run(3));
        distinct.push(once);
    }
    let mut plain = net();
    let history = trainer().fit(&mut plain, &data(1.0)).unwrap().history;
    distinct.push((plain, history));
    for (i, run) in distinct.iter().enumerate() {
        assert!(distinct[..i].iter().all(|other| other != run), "{i}");
    }
    let seen = std::sync::Mutex::new(Vec::new());
    let see = |_: &mut Batch, rng: &mut ChaCha8Rng| seen.lock().unwrap().push(rng.random::<u64>());
    trainer().augment(see).fit(&mut net(), &data(1.0)).unwrap();
    let mut seen = seen.into_inner().unwrap();
    let steps = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), steps), (6 * 3, 6 * 3));
}

/// However the samples of a step are divided.
#[test]
fn an_augmentation_that_changes_the_number_of_samples_is_named() {
    let twice = |(x, _): &mut Batch, _: &mut ChaCha8Rng| *x = Matrix::from_fn(2, 2 * x.cols(), |i, n| x[(i, n / 2)]);
    // Shards have 2 or 3 samples, and any may be the first that fails.
    for (k, makes) in
        ["makes 32 samples of the 16 ", "makes 10 samples of the 5 ", "samples of the "].into_iter().enumerate()
    {
        let words = ["augment: augmentation 2", makes];
        let fit = || divided(k, trainer()).augment(noise).augment(twice).fit(&mut net(), &data(1.0));
        let panic = std::panic::catch_unwind(fit).unwrap_err();
        says(*panic.downcast::<String>().unwrap(), &words);
    }
}

/// A run that is stopped after any step and resumed has the bits of one that was not.
#[track_caller]
fn resumes(name: &str, trainer: impl Fn() -> Own<'static>) {
    let file = folder("stages").join(name);
    let mut whole = net();
    let history = trainer().fit(&mut whole, &data(1.0)).unwrap().history;
    for stop in [2, 3, 8, 9, 12] {
        let _ = fs::remove_file(&file);
        let stop =
            move |at: &nn::train::Progress<'_>, _: &Mlp<f64>| if at.step == stop { Break(()) } else { Continue(()) };
        let mut first = net();
        trainer().checkpoint(&file).on_step(stop).fit(&mut first, &data(1.0)).unwrap();
        let mut again = net();
        let resumed = trainer().checkpoint(&file).resume().fit(&mut again, &data(1.0)).unwrap();
        assert_eq!((&again, &resumed.history), (&whole, &history));
        assert_eq!(trainer().checkpoint(&file).resume().fit(&mut again, &data(1.0)).unwrap().history, history);
    }
}

/// And what is another run is refused, with a word that says why; the model is left as it was.
#[track_caller]
fn refuses(file: &Path, other: Own<'_>, word: &str) {
    let mut net = net();
    let error = other.checkpoint(file).resume().fit(&mut net, &data(1.0)).unwrap_err();
    assert!(matches!(error, TrainError::OtherRun { .. }) && error.to_string().contains(word), "{error}");
    assert_eq!(net, self::net());
}

#[test]
fn augmentation_is_part_of_the_run() {
    for k in 0..3 {
        resumes("augmented", || divided(k, trainer()).augment(noise));
    }
    let file = folder("stages").join("augmented");
    trainer().augment(noise).checkpoint(&file).fit(&mut net(), &data(1.0)).unwrap();
    refuses(&file, trainer(), "augmentations: was 1, is nothing");
    refuses(&file, trainer().augment(more_noise), "augmentation");
    refuses(&file, trainer().augment(noise).augment(noise), "augmentations: was 1, is 2");
}

fn staged<'a>() -> Own<'a> {
    trainer().freeze_until("layers.0.*", 4).freeze_until("layers.1.weight|layers.0.bias", 3).freeze("layers.2.bias")
}

#[test]
fn stages_are_what_a_loop_would_freeze() {
    let (mut ours, mut seen) = (net(), Vec::new());
    staged()
        .on_epoch_end(|at, net: &Mlp<f64>| {
            let trained = net.named_params().into_iter().filter(|(_, param)| param.is_trained()).map(|(name, _)| name);
            seen.push((at.epoch, trained.collect::<Vec<_>>().join(" ")));
            Continue(())
        })
        .fit(&mut ours, &data(1.0))
        .unwrap();
    let middle = "layers.1.weight layers.1.bias layers.2.weight";
    let all = format!("layers.0.weight layers.0.bias {middle}");
    let expected = ["layers.1.bias layers.2.weight", "layers.1.bias layers.2.weight", middle, &all, &all, &all];
    assert_eq!(seen, (1..).zip(expected.map(str::to_owned)).collect::<Vec<_>>());
    let before = net();
    assert_eq!(ours.layers[2].bias, before.layers[2].bias);
    assert_ne!(ours.layers[0].weight, before.layers[0].weight);
    assert!(ours.named_params().iter().all(|(_, param)| param.is_trained()), "after the run as before it");

    // What the user froze stays so unless a pattern fits it, and is so after the run.
    let mut own = net();
    own.freeze(&|name| name.ends_with("weight"));
    let roles = |net: &Mlp<f64>| net.named_params().iter().map(|(_, param)| param.role()).collect::<Vec<_>>();
    let as_set = roles(&own);
    trainer().freeze_until("layers.0.*", 2).fit(&mut own, &data(1.0)).unwrap();
    assert_eq!(roles(&own), as_set);
    assert_eq!(own.layers[1].weight.value(), before.layers[1].weight.value());
    assert_ne!(own.layers[0].weight.value(), before.layers[0].weight.value());
}

#[test]
fn stages_are_part_of_the_run() {
    resumes("staged", staged);
    resumes("staged-best", || staged().ema(0.9).hold_out(0.25).keep_best());
    let file = folder("stages").join("staged");
    staged().checkpoint(&file).fit(&mut net(), &data(1.0)).unwrap();
    refuses(&file, trainer(), "frozen until epoch");
    refuses(&file, staged().freeze("layers.1.bias"), "frozen until epoch");
    // The group of a parameter that is still frozen where the run stopped counts too.
    let group = |lr_factor| {
        let group = nn::Group { lr_factor, decay_factor: 1.0 };
        let trainer = Trainer::with_loss(Loss::Mse, Adam::new(0.02).with().group("layers.0.*", group));
        trainer.freeze_until("layers.0.*", 4).epochs(6).batch(16).seed(3).quiet()
    };
    let stop = |at: &nn::train::Progress<'_>, _: &Mlp<f64>| if at.step == 5 { Break(()) } else { Continue(()) };
    let grouped = folder("stages").join("grouped");
    let (mut whole, mut resumed) = (net(), net());
    group(0.1).checkpoint(&grouped).on_step(stop).fit(&mut net(), &data(1.0)).unwrap();
    refuses(&grouped, group(0.5), "optimizer: was adam #");
    group(0.1).checkpoint(&grouped).resume().fit(&mut resumed, &data(1.0)).unwrap();
    group(0.1).fit(&mut whole, &data(1.0)).unwrap();
    assert_eq!(resumed, whole);
    // More epochs are welcome, and begin where the stages are.
    let (mut longer, mut whole) = (net(), net());
    staged().epochs(9).checkpoint(&file).resume().fit(&mut longer, &data(1.0)).unwrap();
    staged().epochs(9).fit(&mut whole, &data(1.0)).unwrap();
    assert_eq!(longer, whole);
}

#[test]
fn patterns_and_names_that_do_not_exist_are_told_the_nearest() {
    let says = |trainer: Own<'_>, words: &[&str]| {
        let mut net = net();
        let error = { trainer }.fit(&mut net, &data(1.0)).unwrap_err();
        assert!(matches!(error, TrainError::Setting(_)), "{error}");
        words.iter().for_each(|word| assert!(error.to_string().contains(word), "{word}: {error}"));
        assert_eq!(net, self::net(), "before the first step");
    };
    let nearest = ["no parameter of the model", "the nearest are `layers.0.weight`, `layers.1.weight`", "1 more"];
    says(trainer().freeze("layer.0.weight"), &[&nearest[..], &["freeze `layer.0.weight`"]].concat());
    says(
        trainer().freeze_until("layers.0.*|encoder.*", 2),
        &["freeze_until `layers.0.*|encoder.*`", "a name like `encoder.*`"],
    );
    says(trainer().freeze("*"), &["freeze `*`: nothing is left to be trained"]);
    says(trainer().freeze("*bias").freeze_until("*weight", 2), &["freeze `*bias`, freeze_until `*weight`: nothing"]);
    says(trainer().monitor("validation_los", Goal::Min), &["no curve `validation_los`", "`step`", "`loss`"]);
    let group = Adam::new(0.02).with().group("layer.*.weight", nn::Group { lr_factor: 0.1, decay_factor: 1.0 });
    says(Trainer::with_loss(Loss::Mse, group), &["group `layer.*.weight`", "the nearest are `layers.0.weight`"]);
    panics(&["freeze", "no kind `:biases`", "`:bias`"], || trainer().freeze(":biases"));
    panics(&["freeze_until", "epoch 1", "give 2 or more"], || trainer().freeze_until("*", 1));
    panics(&["print_every", "give 1 or more"], || trainer().print_every(0));
    let history = trainer().fit(&mut net(), &data(1.0)).unwrap().history;
    panics(&["no curve `los`", "`learning_rate`, `loss`"], || history["los"][0]);
}

/// Steps before a parameter was trained do not count for it: from there on it moves as it would alone.
#[test]
fn a_parameter_is_new_to_the_optimizer_where_it_is_unfrozen() {
    fn check<T: Real>() {
        let optimizers: Vec<Box<dyn Optimizer<T>>> = vec![
            Box::new(Adam::new(0.1)),
            Box::new(Adam::adamw(0.1, 0.01).clip_norm(1.0)),
            Box::new(Adamax::new(0.1)),
            Box::new(NAdam::new(0.1)),
            Box::new(RAdam::new(0.1)),
            Box::new(Momentum { dampening: 0.5, ..Momentum::new(0.1, 0.9) }),
            Box::new(Adagrad { lr_decay: 0.1, ..Adagrad::new(0.1) }),
            Box::new(RmsProp::torch(0.1)),
            Box::new(Rprop::new(0.1)),
            Box::new(Sgd { lr: 0.1 }),
        ];
        for optimizer in optimizers {
            let param = |x: f64| Param::new(Matrix::from([[T::from_f64(x)]]));
            let gradients = |params: &Vec<Param<T>>, k: usize| {
                let mut sum = GradientSum::new();
                for (i, param) in params.iter().enumerate().filter(|(_, param)| param.is_trained()) {
                    let tape = Tape::new();
                    let slope = 0.1 + ((i + 2 * k) % 3) as f64 / 10.0;
                    sum.add(1.0, param, &(tape.param(param) * slope).backward());
                }
                sum
            };
            let mut pair = vec![param(1.0), param(2.0)];
            pair[1].freeze();
            let mut state = optimizer.init(&pair);
            let (mut pair_of_one, mut one) = (None, vec![param(0.0)]);
            for k in 0..8 {
                if k == 3 {
                    pair[1].unfreeze();
                    one = vec![param(2.0)];
                    pair_of_one = Some(optimizer.init(&one));
                }
                let grads = gradients(&pair, k);
                optimizer.step(&mut pair, &grads, &mut state);
                if let Some(alone) = &mut pair_of_one {
                    let tape = Tape::new();
                    let slope = 0.1 + ((1 + 2 * k) % 3) as f64 / 10.0;
                    let grads = (tape.param(&one[0]) * slope).backward();
                    optimizer.step(&mut one, &grads, alone);
                    assert_eq!(pair[1], one[0], "{} after {k} steps", optimizer.name());
                } else {
                    assert_eq!(pair[1].value()[(0, 0)], T::from_f64(2.0));
                }
            }
            assert_eq!(state.steps, 8, "each step counts once");
            // And what never was frozen goes on as if nothing had been.
            let mut other = vec![param(1.0), param(2.0)];
            let mut of_other = optimizer.init(&other);
            for k in 0..8 {
                let grads = gradients(&other, k);
                optimizer.step(&mut other, &grads, &mut of_other);
            }
            assert_eq!(pair[0], other[0], "{}", optimizer.name());
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<nn::State<T>>(&text).unwrap(), state);
            let lie = text.replace("\"missed\":3", "\"missed\":9");
            let error = optimizer.check_state(&pair, &serde_json::from_str(&lie).unwrap()).unwrap_err();
            assert!(error.to_string().contains("missed 9 steps of 8"), "{error}");
        }
    }
    check::<f32>();
    check::<f64>();
}

/// Through a box, and in code that is generic in the optimizer, without a word about the numbers.
#[test]
fn the_learning_rate_is_set_without_a_type_of_numbers() {
    fn halve<O: Optimizer<f32> + Optimizer<f64>>(optimizer: &mut O) {
        optimizer.set_lr(optimizer.lr() / 2.0);
    }
    let mut adam = Adam::new(0.5).with().clip_norm(1.0);
    adam.set_lr(0.25);
    halve(&mut adam);
    let mut boxed: Box<dyn Optimizer<f64> + Send> = Box::new(adam);
    boxed.set_lr(boxed.lr() / 2.0);
    assert_eq!((boxed.lr(), boxed.name(), boxed.moments()), (0.0625, "adam", 2));
}
