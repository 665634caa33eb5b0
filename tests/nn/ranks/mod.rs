//! Runs on several ranks have the bits of a run on one thread, and end together.

mod failing;
mod traffic;

use std::fs;
use std::ops::ControlFlow::{Break, Continue};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use nn::data::Dataset;
use nn::loss::CrossEntropy;
use nn::parallel::Parallel;
use nn::ranks::{Ranks, on_threads};
use nn::schedule::{Cosine, Plateau};
use nn::train::{End, Trained, Trainer, accuracy};
use nn::{
    Activation, Adam, BatchNorm, Dropout, Hyperparameters, Init, Layer, Linear, Matrix, Module, Optimizer, Param,
    Reduction, Sequential, Step, Tape, Var, With, loss,
};
use proptest::prelude::*;

use crate::{folder, rng, some};

/// Layers with random numbers and running averages, and a parameter that some shards do not use.
#[derive(Module, Clone, Debug, PartialEq)]
struct Net {
    layers: Sequential<f32>,
    at_times: Param<f32>,
}

impl Layer<f32> for Net {
    fn forward<'t>(&'t self, x: Var<'t, f32>) -> Var<'t, f32> {
        self.layers.forward(x)
    }
}

type Batch = (Matrix<f32>, Vec<usize>);
type Of<'a> = Trainer<'a, f32, Net, Batch>;

fn data(samples: usize) -> Dataset<f32> {
    let x: Matrix<f32> = some(3, samples, 7);
    let t = (0..samples).map(|n| usize::from(x[(0, n)] * x[(1, n)] > 0.0)).collect();
    Dataset::new(x, t)
}

fn net() -> Net {
    net_of(1)
}

fn net_of(seed: u64) -> Net {
    let rng = &mut rng(seed);
    let layers = Sequential::new()
        .then(Linear::new(3, 8, Init::He, rng))
        .then(BatchNorm::new(8))
        .then(Activation::Relu)
        .then(Dropout::new(0.1))
        .then(Linear::new(8, 2, Init::Xavier, rng));
    Net { layers, at_times: Param::new(Matrix::row(&[0.5, -0.25])) }
}

/// What a run leaves behind: the bits of weights and buffers, the history, how it ended, and the bytes of its checkpoint.
#[derive(PartialEq, Debug, Clone)]
struct Left {
    weights: Vec<(String, Vec<u32>)>,
    history: String,
    end: End,
    step: u64,
    warnings: Vec<String>,
    checkpoint: Option<Vec<u8>>,
}

impl Left {
    fn of(net: &Net, trained: &Trained) -> Self {
        let params = net.named_params().into_iter();
        let bits = |param: &Param<f32>| param.value().as_slice().iter().map(|x| x.to_bits()).collect();
        Left {
            weights: params.map(|(name, param)| (name, bits(param))).collect(),
            history: trained.history.to_json(),
            end: trained.end,
            step: trained.step,
            warnings: trained.warnings.clone(),
            checkpoint: None,
        }
    }
}

/// What a training leaves: alone on one thread, or on ranks, which must all leave the same.
fn left(file: &Path, ranks: Option<usize>, train: impl Fn(Option<&dyn Ranks>) -> (Net, Trained) + Sync) -> Left {
    let of = |(net, trained): (Net, Trained)| Left::of(&net, &trained);
    let all = match ranks {
        None => vec![of(train(None))],
        Some(ranks) => on_threads(ranks, |world| of(train(Some(world)))),
    };
    all.iter().enumerate().for_each(|(rank, other)| assert_eq!(*other, all[0], "rank {rank}"));
    Left { checkpoint: fs::read(file).ok(), ..all[0].clone() }
}

fn file(name: &str) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let file = folder(&format!("ranks-{}", std::process::id())).join(format!("{name}-{number}"));
    let _ = fs::remove_file(&file);
    file
}

fn on<'a>(trainer: Of<'a>, world: Option<&'a dyn Ranks>) -> Of<'a> {
    if let Some(world) = world { trainer.ranks(world) } else { trainer }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Its steps run from plans.
    WithLoss,
    /// A mean of losses with weights of the classes.
    Weighted,
    Closure,
    /// A closure in which the samples have weights, some of them 0, and a parameter that some shards do not use.
    Uneven,
    Sum,
}

const KINDS: [Kind; 5] = [Kind::WithLoss, Kind::Weighted, Kind::Closure, Kind::Uneven, Kind::Sum];

#[derive(Clone, Debug)]
struct Settings {
    kind: Kind,
    batch: usize,
    shard: usize,
    micro_batch: Option<usize>,
    clip: bool,
    ema: bool,
    stop_early: bool,
    plateau: bool,
    threads: usize,
    /// Whether gradients are sent while others are swept, with as many shards as ranks.
    overlaps: bool,
}

fn settings() -> impl Strategy<Value = Settings> {
    let micro_batch = proptest::option::of(4usize..40);
    let kind = prop::sample::select(&KINDS[..]);
    // The 80 samples make whole batches, each of which has a sample of class 0.
    let batch = prop::sample::select(vec![8usize, 10, 16, 20, 40]);
    (kind, batch, 2usize..20, micro_batch, any::<[bool; 5]>(), 1usize..=4).prop_map(
        |(kind, batch, shard, micro_batch, [clip, ema, stop_early, plateau, overlaps], threads)| Settings {
            kind,
            batch,
            shard,
            micro_batch,
            clip,
            ema,
            stop_early,
            plateau,
            threads,
            overlaps,
        },
    )
}

fn plain(kind: Kind) -> Settings {
    Settings {
        kind,
        batch: 40,
        shard: 3,
        micro_batch: None,
        clip: true,
        ema: true,
        stop_early: false,
        plateau: true,
        threads: 1,
        overlaps: false,
    }
}

fn uneven<'t>(tape: &'t Tape<'t, f32>, net: &'t Net, (x, t): &'t Batch) -> Var<'t, f32> {
    let weights = Matrix::from_fn(1, x.cols(), |_, n| [0.0, 0.25, 1.0][n % 3]);
    let y = net.forward(tape.constant(x));
    let error = CrossEntropy::default().each(y, &t[..]).weighted(tape.constant(weights)).mean();
    if t.contains(&0) { error + tape.param(&net.at_times).square().sum() * 1e-2 } else { error }
}

fn trainer<'a>(settings: &Settings, watched: &'a Dataset<f32>) -> Of<'a> {
    let Settings { kind, batch, shard, micro_batch, clip, ema, stop_early, plateau, threads, overlaps } = *settings;
    let adam: Box<dyn Optimizer<f32> + Send> =
        if clip { Box::new(Adam::new(0.02).with().clip_norm(0.5).l2(1e-3)) } else { Box::new(Adam::new(0.02)) };
    let class_weights = Some(vec![1.0, 3.0]);
    let trainer = match kind {
        Kind::WithLoss => Trainer::with_loss(CrossEntropy::default().into(), adam),
        Kind::Weighted => Trainer::with_loss(CrossEntropy { class_weights, ..CrossEntropy::default() }.into(), adam),
        Kind::Closure => Trainer::new(
            |tape, net: &Net, (x, t): &Batch| {
                loss::softmax_cross_entropy(net.forward(tape.constant(x)), &t[..], Reduction::Mean)
            },
            adam,
        ),
        Kind::Uneven => Trainer::new(uneven, adam),
        Kind::Sum => Trainer::new(
            |tape, net: &Net, (x, t): &Batch| {
                loss::softmax_cross_entropy(net.forward(tape.constant(x)), &t[..], Reduction::Sum)
            },
            adam,
        ),
    };
    let parallel = if matches!(kind, Kind::Sum) { Parallel::sum() } else { Parallel::mean() };
    let trainer = trainer.parallel(parallel.shards_of(shard)).epochs(3).batch(batch).seed(5).threads(threads).quiet();
    let trainer = match kind {
        Kind::Uneven => trainer.freeze_until("*.weight", 2),
        _ => trainer.freeze("at_times"),
    };
    let trainer = trainer.hold_out(0.2).watch("all", watched).metric("accuracy", accuracy);
    let trainer = if let Some(samples) = micro_batch { trainer.micro_batch(samples) } else { trainer };
    let trainer = trainer.send_while_sweeping(overlaps);
    let trainer = if ema { trainer.ema(0.9) } else { trainer };
    let trainer = if stop_early { trainer.early_stopping(1) } else { trainer.keep_best() };
    match plateau {
        true => trainer.plateau(Plateau { patience: 0, ..Plateau::new(0.02) }),
        false => trainer.schedule(Cosine::new(0.02, 0.0, 20)),
    }
}

/// What such a run leaves, alone or on ranks.
fn run(settings: &Settings, ranks: Option<usize>) -> Left {
    let (data, watched, file) = (data(100), data(1500), file("run"));
    left(&file, ranks, |world| {
        let mut net = net();
        let trainer = trainer(settings, &watched).checkpoint(&file).checkpoint_every(2);
        let trained = on(trainer, world).fit(&mut net, &data).unwrap();
        (net, trained)
    })
}

#[test]
fn every_number_of_ranks_and_threads() {
    for kind in KINDS {
        // A step that clips by the norm is made by every rank, others are divided.
        for clip in [true, false] {
            let alone = run(&Settings { clip, ..plain(kind) }, None);
            assert!(alone.step == 6 && alone.checkpoint.is_some());
            for ranks in 1..=7 {
                // All pairs over the kinds together.
                let threads = 1 + (ranks + kind as usize) % 4;
                let settings = Settings { threads, clip, ..plain(kind) };
                assert_eq!(run(&settings, Some(ranks)), alone, "{kind:?}, {ranks} ranks of {threads} threads");
            }
        }
    }
}

#[test]
fn ranks_of_one_shard_send_while_they_sweep() {
    for kind in KINDS {
        for (ranks, clip) in [(2, true), (4, false), (5, false)] {
            let settings = Settings { shard: 40 / ranks, clip, ..plain(kind) };
            let alone = run(&settings, None);
            let settings = Settings { threads: 2, overlaps: true, ..settings };
            assert_eq!(run(&settings, Some(ranks)), alone, "{kind:?}, {ranks} ranks");
        }
    }
}

#[test]
fn parameters_of_many_blocks() {
    // Some 10⁵ entries: they are added in blocks, on several threads, and a slice ends within a block.
    let x: Matrix<f64> = some(20, 48, 3);
    let data = Dataset::new(x, (0..48).map(|n| n % 3).collect::<Vec<_>>());
    let run = |clip: Option<f64>, class_weights: &Option<Vec<f64>>, world: Option<&dyn Ranks>, threads: usize| {
        let mut net: nn::Mlp<f64> = nn::Mlp::new(&[20, 4501, 3], Activation::Tanh, &mut rng(1));
        let adam = Adam::new(0.01).with();
        let adam = if let Some(norm) = clip { adam.clip_norm(norm) } else { adam };
        let entropy = CrossEntropy { class_weights: class_weights.clone(), label_smoothing: 0.1 };
        let trainer = Trainer::with_loss(entropy.into(), adam);
        let trainer = trainer.batch(24).parallel(Parallel::mean().shards_of(5)).threads(threads).epochs(2).quiet();
        let mut trainer = if let Some(world) = world { trainer.ranks(world) } else { trainer };
        let history = trainer.fit(&mut net, &data).unwrap().history;
        let mut weights: Vec<u64> = Vec::new();
        for (_, param) in net.named_params() {
            weights.extend(param.value().as_slice().iter().map(|w| w.to_bits()));
        }
        (weights, history.to_json())
    };
    for (clip, class_weights) in [(Some(0.1), None), (None, None), (None, Some(vec![1.0, 2.0, 0.5]))] {
        let alone = run(clip, &class_weights, None, 1);
        for (ranks, threads) in [(1, 2), (2, 2), (3, 1), (5, 3)] {
            let all = on_threads(ranks, |world| run(clip, &class_weights, Some(world), threads));
            assert!(all.iter().all(|other| *other == alone), "{ranks} ranks of {threads} threads");
        }
    }
}

/// A user's own optimizer, whose rules the trainer cannot see.
struct Wrapped(With<Adam>);

impl Hyperparameters for Wrapped {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn lr(&self) -> f64 {
        self.0.lr()
    }
    fn set_lr(&mut self, lr: f64) {
        self.0.set_lr(lr);
    }
    fn moments(&self) -> usize {
        self.0.moments()
    }
}

impl Optimizer<f32> for Wrapped {
    fn update(&self, step: Step<'_, f32>) {
        self.0.update(step);
    }
}

#[test]
fn an_optimizer_that_may_need_all_gradients_gets_them() {
    let (data, file) = (data(96), file("wrapped"));
    let run = |ranks| {
        left(&file, ranks, |world| {
            let adam = Wrapped(Adam::new(0.02).with().clip_norm(0.1));
            let trainer: Of = Trainer::with_loss(CrossEntropy::default().into(), adam);
            let trainer = trainer.parallel(Parallel::mean().shards_of(6)).batch(48).freeze("at_times").quiet();
            let mut net = net();
            let trained = on(trainer.checkpoint(&file), world).fit(&mut net, &data).unwrap();
            (net, trained)
        })
    };
    assert_eq!(run(Some(3)), run(None));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_settings(settings in settings(), ranks in 1usize..=7) {
        let alone = run(&Settings { threads: 1, ..settings.clone() }, None);
        prop_assert_eq!(run(&settings, Some(ranks)), alone);
    }

    #[test]
    fn a_run_resumes_on_another_number_of_ranks(
        settings in settings(), ranks in prop::collection::vec(1usize..=5, 1..4), stops in prop::collection::vec(1u64..6, 3),
    ) {
        let (data, watched, file) = (data(100), data(50), file("resumed"));
        let whole = run_in(&settings, &data, &watched, &file, None, None);
        fs::remove_file(&file).unwrap();
        // Each part but the last is stopped, by a callback of its last rank alone.
        let parts = ranks.len();
        for (part, (ranks, stop)) in ranks.into_iter().zip(stops).enumerate() {
            let after = (part + 1 < parts).then_some(stop);
            let part = run_in(&settings, &data, &watched, &file, Some(ranks), after);
            if after.is_none() {
                prop_assert_eq!(&part, &whole);
            }
        }
    }
}

/// Resumes a run, and stops it after some more steps if that is asked for.
fn run_in(
    settings: &Settings,
    data: &Dataset<f32>,
    watched: &Dataset<f32>,
    file: &Path,
    ranks: Option<usize>,
    stop: Option<u64>,
) -> Left {
    left(file, ranks, |world| {
        let mut net = net();
        let mut steps = 0;
        let last = world.is_none_or(|world| world.rank() + 1 == world.size());
        let count = move |_: &nn::train::Progress<'_>, _: &Net| {
            steps += 1;
            if last && stop.is_some_and(|stop| steps >= stop) { Break(()) } else { Continue(()) }
        };
        let trainer = trainer(settings, watched).checkpoint(file).resume();
        // Only one rank has a callback.
        let trainer = if last { trainer.on_step(count) } else { trainer };
        let trained = on(trainer, world).fit(&mut net, data).unwrap();
        (net, trained)
    })
}

#[test]
fn ranks_begin_with_the_weights_of_the_first() {
    let (data, watched) = (data(100), data(50));
    let all = on_threads(3, |world| {
        let mut net = net_of(1 + world.rank() as u64);
        let mut trainer = trainer(&plain(Kind::Closure), &watched).ranks(world);
        let trained = trainer.fit(&mut net, &data).unwrap();
        Left::of(&net, &trained)
    });
    assert!(all.iter().all(|left| *left == all[0]));
    assert_eq!(all[0].weights, run_in(&plain(Kind::Closure), &data, &watched, &file("first"), None, None).weights);
}

#[test]
fn all_ranks_return_the_warnings() {
    let (data, file) = (data(40), file("warnings"));
    let trained = left(&file, Some(2), |world| {
        let (mut net, adam) = (net(), Adam::new(0.02));
        let trainer: Of = Trainer::with_loss(CrossEntropy::default().into(), adam);
        let mut trainer = on(trainer.freeze("at_times").early_stopping(2).epochs(1).quiet(), world);
        let trained = trainer.fit(&mut net, &data).unwrap();
        (net, trained)
    });
    assert_eq!(trained.warnings.len(), 1, "{:?}", trained.warnings);
}
