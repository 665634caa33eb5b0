//! What a rank asks for and sends, and when.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nn::autograd::CustomOp;
use nn::data::{Dataset, Sampler};
use nn::loss::CrossEntropy;
use nn::parallel::Parallel;
use nn::ranks::{RankError, Ranks, ThreadRanks, Values, ValuesMut, on_threads};
use nn::train::{Batches, TrainError, Trainer};
use nn::{Activation, Adam, Init, Layer, Linear, Matrix, MatrixRef, Module, Sequential, Var};

use super::{Batch, Of, data, net};
use crate::rng;

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
    fn all_to_all(
        &self,
        from: Values<'_>,
        lengths: &[usize],
        into: ValuesMut<'_>,
        expected: &[usize],
    ) -> Result<(), RankError> {
        let Values::F32(values) = from else { panic!("{from:?}") };
        self.sent.lock().unwrap().push((true, 4 * (values.len() - lengths[self.rank()])));
        self.world.all_to_all(from, lengths, into, expected)
    }
    fn all_gather(&self, mut all: ValuesMut<'_>, lengths: &[usize]) -> Result<(), RankError> {
        let size = if matches!(all, ValuesMut::Bytes(_)) { 1 } else { 4 };
        self.sent.lock().unwrap().push((false, size * lengths[self.rank()] * (self.size() - 1)));
        if let (Some(forge), ValuesMut::Bytes(bytes)) = (self.forge, &mut all) {
            let start = lengths[..self.rank()].iter().sum::<usize>();
            forge(self.rank(), &mut bytes[start..][..lengths[self.rank()]]);
        }
        self.world.all_gather(all, lengths)
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

/// The identity. Its pullback, in the middle of a sweep, waits a moment for an exchange to begin, and may panic then.
struct Waits(Arc<Mutex<Sweep>>);

#[derive(Default)]
struct Sweep {
    is_on: bool,
    exchanged_in: usize,
    /// How often it looks whether an exchange began.
    looks: usize,
    /// Panics in the sweep in which the number of these exchanges becomes this.
    panics_at: Option<usize>,
}

impl CustomOp<f32> for Waits {
    fn name(&self) -> &str {
        "waits"
    }
    fn forward(&self, x: &[MatrixRef<'_, f32>]) -> Matrix<f32> {
        x[0].to_owned()
    }
    fn pullback<'t>(&self, _: &[Var<'t, f32>], _: Var<'t, f32>, dy: Var<'t, f32>) -> Vec<Option<Var<'t, f32>>> {
        let mut sweep = self.0.lock().unwrap();
        sweep.is_on = true;
        let (before, looks) = (sweep.exchanged_in, sweep.looks);
        drop(sweep);
        let began = || self.0.lock().unwrap().exchanged_in > before;
        (0..looks).take_while(|_| !began()).for_each(|_| std::thread::sleep(Duration::from_millis(2)));
        let mut sweep = self.0.lock().unwrap();
        sweep.is_on = false;
        let panics = sweep.panics_at.is_some_and(|last| sweep.exchanged_in >= last);
        drop(sweep);
        assert!(!panics, "a rule panics in the middle of a sweep");
        vec![Some(dy)]
    }
}

#[derive(Module)]
struct WaitingNet {
    layers: Sequential<f32>,
    top: Linear<f32>,
    #[module(skip)]
    sweep: Arc<Mutex<Sweep>>,
}

impl Layer<f32> for WaitingNet {
    fn forward<'t>(&'t self, x: Var<'t, f32>) -> Var<'t, f32> {
        let x = self.layers.forward(x);
        self.top.forward(x.tape().custom(Waits(self.sweep.clone()), &[x]))
    }
}

/// Notes the exchanges that begin while a sweep is on.
struct Noting<'w>(&'w ThreadRanks, Arc<Mutex<Sweep>>);

impl Ranks for Noting<'_> {
    fn rank(&self) -> usize {
        self.0.rank()
    }
    fn size(&self) -> usize {
        self.0.size()
    }
    fn all_to_all(
        &self,
        from: Values<'_>,
        lengths: &[usize],
        into: ValuesMut<'_>,
        expected: &[usize],
    ) -> Result<(), RankError> {
        let mut sweep = self.1.lock().unwrap();
        sweep.exchanged_in += usize::from(sweep.is_on);
        drop(sweep);
        self.0.all_to_all(from, lengths, into, expected)
    }
    fn all_gather(&self, all: ValuesMut<'_>, lengths: &[usize]) -> Result<(), RankError> {
        self.0.all_gather(all, lengths)
    }
    fn fail(&self, why: &str) {
        self.0.fail(why);
    }
}

/// The weights and the history of a run of sixteen steps.
fn run(world: Option<&dyn Ranks>, size: usize, sweep: &Arc<Mutex<Sweep>>) -> Result<(Vec<u32>, String), TrainError> {
    let rng = &mut rng(1);
    let layers = Sequential::new().then(Linear::new(3, 129, Init::He, rng)).then(Activation::Tanh);
    let mut net = WaitingNet { layers, top: Linear::new(129, 131, Init::He, rng), sweep: sweep.clone() };
    let trainer = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.01));
    let trainer = trainer.batch(8 * size).parallel(Parallel::mean().shards_of(8)).epochs(4).quiet();
    let mut trainer = if let Some(world) = world { trainer.ranks(world).send_while_sweeping(true) } else { trainer };
    let history = trainer.fit(&mut net, &data(32 * size))?.history.to_json();
    let mut bits: Vec<u32> = Vec::new();
    for (_, param) in net.named_params() {
        bits.extend(param.value().as_slice().iter().map(|w| w.to_bits()));
    }
    Ok((bits, history))
}

#[test]
fn gradients_of_the_last_layer_are_sent_while_the_first_is_swept() {
    // Two messages, and parts of uneven lengths.
    for size in [2, 3] {
        let alone = run(None, size, &Arc::default()).unwrap();
        let all = on_threads(size, |world| {
            let noting = Noting(world, Arc::new(Mutex::new(Sweep { looks: 100, ..Sweep::default() })));
            let left = run(Some(&noting), size, &noting.1).unwrap();
            (left, noting.1.lock().unwrap().exchanged_in)
        });
        for (left, swept_in) in all {
            assert_eq!(left, alone, "{size} ranks");
            // Ten of the sixteen steps run from a plan without a recording to compare. A machine that is busy may start a thread too late.
            assert!(swept_in > 0, "no exchange began during a sweep");
        }
    }
}

#[test]
fn a_rank_that_panics_while_gradients_are_sent_ends_all() {
    for (size, after) in [(2, 1), (2, 3), (3, 2)] {
        let errors = on_threads(size, |world| {
            let sweep = Sweep { panics_at: (world.rank() == 1).then_some(after), looks: 100, ..Sweep::default() };
            let noting = Noting(world, Arc::new(Mutex::new(sweep)));
            let fit = || run(Some(&noting), size, &noting.1);
            catch_unwind(AssertUnwindSafe(fit)).ok().map(|result| result.unwrap_err().to_string())
        });
        for (rank, error) in errors.into_iter().enumerate() {
            let expected = (rank != 1).then(|| "rank 1: it panicked, and has said why".to_owned());
            assert_eq!(error, expected, "rank {rank} of {size}");
        }
    }
}
