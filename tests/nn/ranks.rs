//! Runs on several ranks have the bits of a run on one thread, and end together.

use std::fs;
use std::ops::ControlFlow::{Break, Continue};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nn::data::{Dataset, Sampler};
use nn::loss::CrossEntropy;
use nn::parallel::Parallel;
use nn::ranks::{RankError, Ranks, ThreadRanks, Values, ValuesMut, on_threads};
use nn::schedule::{Cosine, Plateau};
use nn::train::{Batches, End, TrainError, Trained, Trainer, accuracy};
use nn::{
    Activation, Adam, BatchNorm, Dropout, Init, Layer, Linear, Matrix, Module, Optimizer, Param, Reduction, Sequential,
    Tape, Var, loss,
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
}

fn settings() -> impl Strategy<Value = Settings> {
    let micro_batch = proptest::option::of(4usize..40);
    let kind = prop::sample::select(&KINDS[..]);
    // The 80 samples make whole batches, each of which has a sample of class 0.
    let batch = prop::sample::select(vec![8usize, 10, 16, 20, 40]);
    (kind, batch, 2usize..20, micro_batch, any::<[bool; 4]>(), 1usize..=4).prop_map(
        |(kind, batch, shard, micro_batch, [clip, ema, stop_early, plateau], threads)| Settings {
            kind,
            batch,
            shard,
            micro_batch,
            clip,
            ema,
            stop_early,
            plateau,
            threads,
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
    }
}

fn uneven<'t>(tape: &'t Tape<'t, f32>, net: &'t Net, (x, t): &'t Batch) -> Var<'t, f32> {
    let weights = Matrix::from_fn(1, x.cols(), |_, n| [0.0, 0.25, 1.0][n % 3]);
    let y = net.forward(tape.constant(x));
    let error = CrossEntropy::default().each(y, &t[..]).weighted(tape.constant(weights)).mean();
    if t.contains(&0) { error + tape.param(&net.at_times).square().sum() * 1e-2 } else { error }
}

fn trainer<'a>(settings: &Settings, watched: &'a Dataset<f32>) -> Of<'a> {
    let Settings { kind, batch, shard, micro_batch, clip, ema, stop_early, plateau, threads } = *settings;
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
    let trainer = if matches!(kind, Kind::Uneven) { trainer } else { trainer.freeze("at_times") };
    let trainer = trainer.hold_out(0.2).watch("all", watched).metric("accuracy", accuracy);
    let trainer = if let Some(samples) = micro_batch { trainer.micro_batch(samples) } else { trainer };
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
        let alone = run(&plain(kind), None);
        assert!(alone.step == 6 && alone.checkpoint.is_some());
        for ranks in 1..=7 {
            // All pairs over the kinds together.
            let threads = 1 + (ranks + kind as usize) % 4;
            let settings = Settings { threads, ..plain(kind) };
            assert_eq!(run(&settings, Some(ranks)), alone, "{kind:?}, {ranks} ranks of {threads} threads");
        }
    }
}

#[test]
fn parameters_of_many_blocks() {
    // Some 10⁵ entries: they are added in blocks, on several threads, and a slice ends within a block.
    let x: Matrix<f64> = some(20, 48, 3);
    let data = Dataset::new(x, (0..48).map(|n| n % 3).collect::<Vec<_>>());
    let run = |class_weights: &Option<Vec<f64>>, world: Option<&dyn Ranks>, threads: usize| {
        let mut net: nn::Mlp<f64> = nn::Mlp::new(&[20, 4501, 3], Activation::Tanh, &mut rng(1));
        let adam = Adam::new(0.01).with().clip_norm(0.1);
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
    for class_weights in [None, Some(vec![1.0, 2.0, 0.5])] {
        let alone = run(&class_weights, None, 1);
        for (ranks, threads) in [(1, 2), (2, 2), (3, 1), (5, 3)] {
            let all = on_threads(ranks, |world| run(&class_weights, Some(world), threads));
            assert!(all.iter().all(|other| *other == alone), "{ranks} ranks of {threads} threads");
        }
    }
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

/// Data that panic when a sample is asked for.
struct Failing<'d> {
    data: &'d Dataset<f32>,
    rank: usize,
    asked: AtomicUsize,
    after: usize,
}

impl Batches for Failing<'_> {
    type Batch = Batch;
    fn len(&self) -> usize {
        self.data.len()
    }
    fn batch(&self, samples: &[usize]) -> Batch {
        let asked = self.asked.fetch_add(samples.len(), Ordering::Relaxed);
        assert!(self.rank != 1 || asked < self.after, "the disk of rank 1 is gone");
        self.data.batch(samples)
    }
}

#[test]
fn a_rank_that_fails_ends_all_and_leaves_a_whole_checkpoint() {
    let (settings, data, watched) = (plain(Kind::WithLoss), data(100), data(50));
    let file = file("failed");
    let whole = run_in(&settings, &data, &watched, &file, None, None);
    for after in [0, 1, 20, 60, 75] {
        let _ = fs::remove_file(&file);
        let errors = on_threads(3, |world| {
            let failing = Failing { data: &data, rank: world.rank(), asked: AtomicUsize::new(0), after };
            let fit = || {
                let mut trainer = trainer(&settings, &watched).checkpoint(&file).checkpoint_every(1).ranks(world);
                trainer.fit(&mut net(), &failing).map(drop)
            };
            catch_unwind(AssertUnwindSafe(fit)).ok().map(|result| result.unwrap_err().to_string())
        });
        let of_others = "rank 1: it panicked, and has said why".to_owned();
        assert_eq!(errors, [Some(of_others.clone()), None, Some(of_others)], "after {after}");
        // The data are read again without the failure.
        assert_eq!(run_in(&settings, &data, &watched, &file, Some(2), None), whole, "after {after}");
    }
}

fn fit_errors(size: usize, change: impl for<'a> Fn(Of<'a>, &'a ThreadRanks) -> Of<'a> + Sync) -> Vec<String> {
    let watched = data(50);
    on_threads(size, |world| {
        let trainer = trainer(&plain(Kind::WithLoss), &watched);
        change(trainer, world).ranks(world).fit(&mut net(), &data(100)).unwrap_err().to_string()
    })
}

#[test]
fn ranks_with_other_settings_or_models_are_named() {
    let errors = fit_errors(3, |trainer, world| if world.rank() == 2 { trainer.seed(6) } else { trainer });
    assert!(
        errors.iter().all(|error| error.starts_with("rank 2: it has other settings") && error.contains("order of the")),
        "{errors:?}"
    );
    let errors = fit_errors(3, |trainer, world| if world.rank() == 1 { trainer.epochs(7) } else { trainer });
    assert!(errors.iter().all(|error| error.contains("rank 1") && error.contains("7 epochs")), "{errors:?}");
    let errors = on_threads(2, |world| {
        let sizes = [[3, 4, 2], [3, 5, 2]][world.rank()];
        let mut net: nn::Mlp<f32> = nn::Mlp::new(&sizes, Activation::Tanh, &mut rng(1));
        let mut trainer = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.1)).ranks(world);
        trainer.fit(&mut net, &data(100)).unwrap_err().to_string()
    });
    assert!(
        errors.iter().all(|error| error.contains("rank 1") && error.contains("layers.0.weight of 5 × 3")),
        "{errors:?}"
    );
}

#[test]
fn an_error_of_one_rank_is_an_error_of_all() {
    let watched = data(50);
    let errors = on_threads(3, |world| {
        let mut data = data(100);
        if world.rank() == 2 {
            data.x[(1, 4)] = f32::NAN;
        }
        let mut trainer = trainer(&plain(Kind::WithLoss), &watched).ranks(world);
        trainer.fit(&mut net(), &data).unwrap_err().to_string()
    });
    assert!(errors[2].starts_with("the training set has NaN"), "{errors:?}");
    assert!(errors[..2].iter().all(|error| error.starts_with("rank 2: the training set has NaN")), "{errors:?}");
    // Only rank 0 writes, so only its folder must exist.
    let path = folder("ranks-none").join("none/at/all");
    let errors = fit_errors(2, |trainer, _| trainer.checkpoint(&path));
    assert!(errors[0].starts_with("checkpoint") && errors[1].starts_with("rank 0: checkpoint"), "{errors:?}");
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
fn all_ranks_name_the_parameters_where_a_loss_diverged() {
    let mut data = data(40);
    data.x[(0, 39)] = 3e38;
    data.x[(1, 39)] = 3e38;
    let errors = on_threads(4, |world| {
        let trainer: Of = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.02));
        let trainer = trainer.sampler(Sampler::sequential(40, 40)).parallel(Parallel::mean().shards_of(10)).quiet();
        trainer.freeze("at_times").ranks(world).fit(&mut net(), &data).unwrap_err()
    });
    let named = |error: &TrainError| match error {
        TrainError::Diverged { parameters, step: 1, .. } => parameters.clone(),
        other => panic!("{other}"),
    };
    let names = named(&errors[0]);
    assert!(!names.is_empty() && errors.iter().all(|error| named(error) == names), "{names:?}");
}

/// Data of which a rank has only some samples.
struct OwnPart {
    data: Dataset<f32>,
    asked: Mutex<Vec<usize>>,
}

impl Batches for OwnPart {
    type Batch = Batch;
    fn len(&self) -> usize {
        self.data.len()
    }
    fn batch(&self, samples: &[usize]) -> Batch {
        self.asked.lock().unwrap().extend(samples);
        self.data.batch(samples)
    }
}

#[test]
fn a_rank_asks_only_for_the_samples_of_its_shards() {
    let samplers = [Sampler::sequential(96, 48), Sampler::in_parts(96, 4, 48, 3)];
    // A batch is 48 samples in 8 shards, two for each rank.
    let expected: [fn(usize) -> usize; 2] = [|sample| sample % 48 / 12, |sample| sample / 24];
    for (sampler, expected) in samplers.into_iter().zip(expected) {
        let asked = on_threads(4, |world| {
            let own = OwnPart { data: data(96), asked: Mutex::default() };
            let trainer: Of = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.02));
            let trainer = trainer.sampler(sampler.clone()).parallel(Parallel::mean().shards_of(6));
            let watched = OwnPart { data: data(4096), asked: Mutex::default() };
            let trainer = trainer.watch("watched", &watched).freeze("at_times").epochs(2);
            trainer.ranks(world).fit(&mut net(), &own).unwrap();
            (own.asked.into_inner().unwrap(), watched.asked.into_inner().unwrap())
        });
        for (rank, (own, watched)) in asked.into_iter().enumerate() {
            assert!(own.len() == 48 && own.iter().all(|sample| expected(*sample) == rank), "rank {rank}: {own:?}");
            assert!(watched.len() == 2 * 1024 && watched.iter().all(|sample| sample / 1024 == rank), "rank {rank}");
        }
    }
}

/// A world that counts the bytes that a rank sends to others, and may change them.
struct Watched<'w> {
    world: &'w ThreadRanks,
    /// Of every call, and whether it was an exchange.
    sent: Mutex<Vec<(bool, usize)>>,
    forge: Option<fn(usize, &mut [u8])>,
}

impl Ranks for Watched<'_> {
    fn rank(&self) -> usize {
        self.world.rank()
    }
    fn size(&self) -> usize {
        self.world.size()
    }
    fn exchange(
        &self,
        from: Values<'_>,
        lengths: &[usize],
        into: ValuesMut<'_>,
        expected: &[usize],
    ) -> Result<(), RankError> {
        let Values::F32(values) = from else { panic!("{from:?}") };
        self.sent.lock().unwrap().push((true, 4 * (values.len() - lengths[self.rank()])));
        self.world.exchange(from, lengths, into, expected)
    }
    fn gather(&self, mut all: ValuesMut<'_>, lengths: &[usize]) -> Result<(), RankError> {
        let size = if matches!(all, ValuesMut::Bytes(_)) { 1 } else { 4 };
        self.sent.lock().unwrap().push((false, size * lengths[self.rank()] * (self.size() - 1)));
        if let (Some(forge), ValuesMut::Bytes(bytes)) = (self.forge, &mut all) {
            let start = lengths[..self.rank()].iter().sum::<usize>();
            forge(self.rank(), &mut bytes[start..][..lengths[self.rank()]]);
        }
        self.world.gather(all, lengths)
    }
    fn fail(&self, why: &str) {
        self.world.fail(why);
    }
}

#[test]
fn a_step_sends_what_no_sum_can_do_without() {
    for size in [2, 4, 8] {
        let all = on_threads(size, |world| {
            let watched = Watched { world, sent: Mutex::default(), forge: None };
            let mut net: nn::Mlp<f32> = nn::Mlp::new(&[3, 500, 2], Activation::Tanh, &mut rng(1));
            let trainer = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.02));
            let trainer =
                trainer.sampler(Sampler::sequential(64, 64)).parallel(Parallel::mean().shards_of(8)).epochs(3);
            trainer.ranks(&watched).fit(&mut net, &data(64)).unwrap();
            let gradients = 4 * net.count_params();
            (gradients, watched.sent.into_inner().unwrap())
        });
        for (gradients, sent) in all {
            let steps = sent.iter().filter(|(is_exchange, _)| *is_exchange).count();
            assert_eq!(steps, 3);
            // From the first exchange on, less the exchange itself: the sums, and what is small.
            let first = sent.iter().position(|(is_exchange, _)| *is_exchange).unwrap();
            let bytes: usize = sent[first..].iter().map(|(_, bytes)| bytes).sum();
            let bound = 2 * gradients * (size - 1) / size;
            let ratio = bytes as f64 / (steps * bound) as f64;
            assert!((0.99..1.1).contains(&ratio), "{size} ranks: {ratio} of the lower bound");
        }
    }
}

#[test]
fn a_rank_whose_processor_gives_other_bits_is_named() {
    fn forge(rank: usize, bytes: &mut [u8]) {
        if rank == 2 && bytes.windows(10).any(|text| text == b"small step") {
            *bytes.last_mut().unwrap() ^= 1;
        }
    }
    let errors = on_threads(4, |world| {
        let watched = Watched { world, sent: Mutex::default(), forge: Some(forge) };
        let trainer: Of = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.02));
        trainer.ranks(&watched).fit(&mut net(), &data(40)).unwrap_err().to_string()
    });
    assert!(errors.iter().all(|error| error.starts_with("rank 2: it would give other bits than rank 0")), "{errors:?}");
}

#[test]
fn threads_that_do_not_fit_together_get_errors() {
    let gather = |world: &ThreadRanks, own: usize| {
        let mut lengths = vec![1; world.size()];
        lengths[world.rank()] = own;
        let mut all = vec![0; lengths.iter().sum()];
        world.gather(ValuesMut::Bytes(&mut all), &lengths).map_err(|error| error.to_string())
    };
    let results = on_threads(2, |world| if world.rank() == 0 { gather(world, 1) } else { Ok(()) });
    assert_eq!(results[0], Err("rank 1: it has ended, and others wait for it".to_owned()));
    let results = on_threads(2, |world| match world.rank() {
        0 => gather(world, 1),
        _ => {
            let into = ValuesMut::Bytes(&mut [0; 2]);
            world.exchange(Values::Bytes(&[1, 2]), &[1, 1], into, &[1, 1]).map_err(|error| error.to_string())
        }
    });
    assert!(results[0].as_ref().unwrap_err().starts_with("rank 1: it made another call"), "{results:?}");
    let results = on_threads(2, |world| gather(world, 1 + world.rank()));
    let error = results[0].as_ref().unwrap_err();
    assert!(error.starts_with("rank 1: it gave 2 values, and 1 were expected"), "{error}");
    let parts = on_threads(3, |world| {
        let values: Vec<f64> = (0..3).flat_map(|to| vec![(10 * world.rank() + to) as f64; to]).collect();
        let mut into = vec![0.0; 3 * world.rank()];
        world.exchange(Values::F64(&values), &[0, 1, 2], ValuesMut::F64(&mut into), &[world.rank(); 3]).unwrap();
        into
    });
    assert_eq!(parts, [vec![], vec![1.0, 11.0, 21.0], vec![2.0, 2.0, 12.0, 12.0, 22.0, 22.0]]);
}
