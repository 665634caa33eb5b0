//! A batch that is split into micro-batches, shards or parts of a measurement has the loss and gradient of the whole.

use nn::data::{Dataset, Sampler};
use nn::loss::{BinaryCrossEntropy, CrossEntropy, Loss};
use nn::parallel::Parallel;
use nn::train::Trainer;
use nn::{Axis, Init, Layer, Linear, Matrix, Module, ParamGradients, Real, Reduction, Sgd, Tape, Var, loss};
use proptest::prelude::*;

use crate::losses::all;
use crate::{rng, some};

/// Samples, their targets and their weights.
type Batch<T> = (Matrix<T>, Matrix<T>, Matrix<T>);

struct Weighted<'l> {
    loss: &'l Loss,
    probabilities: bool,
    reduction: Reduction,
}

impl Weighted<'_> {
    fn of<'t, T: Real>(&self, tape: &'t Tape<'t, T>, net: &'t Linear<T>, (x, t, w): &'t Batch<T>) -> Var<'t, T> {
        let (y, t) = (net.forward(tape.constant(x)), tape.constant(t));
        let t = if self.probabilities { t.softmax(Axis::Rows) } else { t };
        self.loss.each(y, t).weighted(tape.constant(w)).reduce(self.reduction)
    }

    /// The loss and its gradient, in shards.
    fn numbers<T: Real>(&self, net: &Linear<T>, batch: &Batch<T>, shard: usize) -> Vec<f64> {
        let part = |samples: std::ops::Range<usize>| {
            let samples: Vec<usize> = samples.collect();
            let [x, t, w] = [&batch.0, &batch.1, &batch.2].map(|m| m.select_cols(&samples));
            (x, t, w)
        };
        let by = Parallel { reduction: self.reduction, shard: Some(shard) };
        let (value, grads) = by.gradients(net, batch.0.cols(), 0, part, |tape, net, batch| self.of(tape, net, batch));
        let gradients = net
            .named_params()
            .into_iter()
            .flat_map(|(_, param)| grads.gradient(param).unwrap().to_owned().as_slice().to_vec());
        std::iter::once(value).chain(gradients.map(|g| g.to_f64())).collect()
    }
}

fn check_parts<T: Real>(weights: &[u8], shard: usize, seed: u64, tolerance: f64) -> Result<(), TestCaseError> {
    let n = weights.len();
    let weights: Vec<T> = weights.iter().map(|&w| T::from_f64(w.into())).collect();
    let batch = (some(3, n, seed), some(2, n, seed + 1), Matrix::row(&weights));
    let net = Linear::new(3, 2, Init::Xavier, &mut rng(seed));
    for (loss, probabilities) in &all() {
        for reduction in [Reduction::Mean, Reduction::Sum] {
            let weighted = Weighted { loss, probabilities: *probabilities, reduction };
            let [whole, parts] = [n, shard].map(|shard| weighted.numbers(&net, &batch, shard));
            let scale = whole.iter().fold(1.0, |scale: f64, x| scale.max(x.abs()));
            for (a, b) in whole.iter().zip(&parts) {
                let same = (a - b).abs() <= tolerance * scale || a.is_nan() && b.is_nan();
                prop_assert!(same && whole.len() == parts.len(), "{loss:?} {reduction:?}: {a} {b}");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Also if a part has no weight at all.
    #[test]
    fn shards_of_weighted_losses(weights in prop::collection::vec(0u8..4, 1..30), shard in 1usize..12, seed in 0u64..99) {
        check_parts::<f64>(&weights, shard, seed, 1e-13)?;
        check_parts::<f32>(&weights, shard, seed, 1e-5)?;
    }

    /// Class weights in a trainer: a step with any micro-batches and shards, and the reported losses of the epoch and of the
    /// watched sets.
    #[test]
    fn a_trainer_with_class_weights(n in 2usize..40, micro in 1usize..12, shard in 1usize..6, rare in 1usize..9, common in 0u8..2) {
        let x: Matrix<f64> = some(2, n, 5);
        let data = Dataset::new(x, (0..n).map(|k| usize::from(k % rare == 0)).collect::<Vec<_>>());
        let entropy = CrossEntropy { class_weights: Some(vec![common.into(), 10.0]), ..CrossEntropy::default() };
        let run = |micro, shard| {
            let mut net = Linear::new(2, 2, Init::Xavier, &mut rng(1));
            let trainer = Trainer::with_loss(Loss::from(entropy.clone()), Sgd { lr: 1.0 });
            let trainer = trainer.sampler(Sampler::sequential(n, n)).micro_batch(micro).parallel(Parallel::mean().shards_of(shard));
            let trained = trainer.validate(&data).epochs(1).quiet().fit(&mut net, &data).unwrap();
            let params: Vec<f64> = net.named_params().iter().flat_map(|(_, p)| p.value().as_slice().to_vec()).collect();
            (params, [trained.history["loss"][0], trained.history["validation_loss"][0]])
        };
        let ((whole, losses), (parts, again)) = (run(n, n), run(micro, shard));
        for (a, b) in whole.iter().chain(&losses).zip(parts.iter().chain(&again)) {
            prop_assert!((a - b).abs() < 1e-12, "{a} {b}");
        }
    }
}

/// More samples than are measured at a time; and an epoch of batches with unequal weights.
#[test]
fn an_epoch_and_a_validation_set_are_weighted_means() {
    let n = 2500;
    let data = Dataset::new(some::<f64>(2, n, 3), (0..n).map(|k| usize::from(k < 300)).collect::<Vec<_>>());
    let entropy = CrossEntropy { class_weights: Some(vec![1.0, 10.0]), ..CrossEntropy::default() };
    let mut net = Linear::new(2, 2, Init::Xavier, &mut rng(1));
    let expected = {
        let tape = Tape::new();
        entropy.each(net.forward(tape.constant(&data.x)), &data.t).mean().item()
    };
    let trainer = Trainer::with_loss(entropy.into(), Sgd { lr: 0.0 }).sampler(Sampler::sequential(n, 64));
    let trained = trainer.validate(&data).epochs(1).quiet().fit(&mut net, &data).unwrap();
    for curve in ["loss", "validation_loss"] {
        assert!(
            (trained.history[curve][0] - expected).abs() < 1e-12,
            "{curve}: {:?}, not {expected}",
            &trained.history[curve]
        );
    }
}

/// A validation set is measured as a whole if its parts have no common weight.
#[test]
fn a_validation_set_of_means_with_different_weights() {
    fn error<'t>(y: Var<'t, f64>, t: &[usize]) -> Var<'t, f64> {
        let entropy = CrossEntropy { class_weights: Some(vec![1.0, 10.0]), ..CrossEntropy::default() };
        entropy.each(y, t).mean() + loss::softmax_cross_entropy(y, t, Reduction::Mean)
    }
    let n = 2500;
    let data = Dataset::new(some::<f64>(2, n, 3), (0..n).map(|k| usize::from(k < 300)).collect::<Vec<_>>());
    let mut net = Linear::new(2, 2, Init::Xavier, &mut rng(1));
    let expected = error(net.forward(Tape::new().constant(&data.x)), &data.t).item();
    let trained = Trainer::new(
        |tape, net: &Linear<f64>, (x, t): &(Matrix<f64>, Vec<usize>)| error(net.forward(tape.constant(x)), t),
        Sgd { lr: 0.0 },
    )
    .sampler(Sampler::sequential(n, n))
    .parallel(Parallel::mean().shards_of(n));
    let trained = trained.validate(&data).epochs(1).quiet().fit(&mut net, &data).unwrap();
    assert!((trained.history["validation_loss"][0] - expected).abs() < 1e-12, "{expected}");
}

/// The loss of a few samples with these weights, and its gradient, in shards.
fn in_shards(weights: [f64; 4], shard: usize) -> Vec<f64> {
    let (net, x): (Linear<f64>, Matrix<f64>) = (Linear::new(2, 1, Init::Xavier, &mut rng(1)), some(2, 4, 1));
    let part = |samples: std::ops::Range<usize>| (x.select_cols(&samples.clone().collect::<Vec<_>>()), samples);
    let (loss, grads) = Parallel::mean().shards_of(shard).gradients(&net, 4, 0, part, |tape, net, (x, samples)| {
        let losses = Loss::Mse.each(net.forward(tape.constant(x)), tape.constant(Matrix::zeros(1, samples.len())));
        losses.weighted(tape.constant(Matrix::row(&weights[samples.clone()]))).mean()
    });
    [vec![loss], grads.gradient(&net.weight).unwrap().as_slice().to_vec()].concat()
}

/// Without any weight the loss is NaN, and the gradients are 0, in any parts.
#[test]
fn no_sample_has_a_weight() {
    for shard in 1..4 {
        check_parts::<f64>(&[0; 7], shard, 3, 0.0).unwrap();
        let found = in_shards([0.0; 4], shard);
        assert!(found[0].is_nan() && found[1..] == [0.0, 0.0], "{found:?}");
    }
}

#[test]
fn weights_of_either_sign() {
    for weights in [[2.0, -1.0, 2.0, 1.0], [-1.0, -1.0, 3.0, 1.0], [0.0, 0.0, 3.0, -1.0], [-1.0, 0.0, 0.0, 0.0]] {
        let (whole, parts) = (in_shards(weights, 4), in_shards(weights, 2));
        assert!(whole.iter().zip(&parts).all(|(a, b)| (a - b).abs() < 1e-14), "{weights:?}: {whole:?} {parts:?}");
    }
}

/// A part whose weights cancel has no mean that could be combined with those of other parts.
#[test]
#[should_panic(expected = "the weights of a part of the batch are not 0, but their sum is")]
fn weights_that_cancel() {
    in_shards([1.0, -1.0, 2.0, 1.0], 2);
}

/// A micro-batch of several shards has none either.
#[test]
#[should_panic(expected = "the weights of a part of the batch are not 0, but their sum is")]
fn weights_of_shards_that_cancel() {
    fn error<'t>(y: Var<'t, f64>, classes: &[usize]) -> Var<'t, f64> {
        let signs: Vec<f64> = classes.iter().map(|&class| if class == 1 { -1.0 } else { 1.0 }).collect();
        loss::Losses::from(y.square()).weighted(y.tape().constant(Matrix::row(&signs))).mean()
    }
    let data = Dataset::new(some::<f64>(2, 4, 3), vec![0, 1, 0, 0]);
    let mut net = Linear::new(2, 1, Init::Xavier, &mut rng(1));
    let _ = Trainer::new(
        |tape, net: &Linear<f64>, (x, t): &(Matrix<f64>, Vec<usize>)| error(net.forward(tape.constant(x)), t),
        Sgd { lr: 0.1 },
    )
    .sampler(Sampler::sequential(4, 4))
    .micro_batch(2)
    .parallel(Parallel::mean().shards_of(1))
    .epochs(1)
    .quiet()
    .fit(&mut net, &data);
}

/// Losses without a common weight are not combined with a wrong one.
#[test]
#[should_panic(expected = "means with different weights")]
fn means_with_different_weights() {
    let (net, x): (Linear<f64>, Matrix<f64>) = (Linear::new(2, 1, Init::Xavier, &mut rng(1)), some(2, 8, 1));
    let part = |samples: std::ops::Range<usize>| (x.select_cols(&samples.clone().collect::<Vec<_>>()), samples);
    Parallel::mean().shards_of(4).gradients(&net, 8, 0, part, |tape, net, (x, samples)| {
        let y = net.forward(tape.constant(x));
        let weights = Matrix::from_fn(1, samples.len(), |_, n| (samples.start + n) as f64);
        let weighted =
            Loss::L1.each(y, tape.constant(Matrix::zeros(1, samples.len()))).weighted(tape.constant(weights));
        weighted.mean() + loss::bce_with_logits(y, tape.constant(Matrix::zeros(1, samples.len())), Reduction::Mean)
    });
}

#[test]
#[should_panic(expected = "`with_loss` minimises a mean")]
fn a_mean_is_not_added_up_as_a_sum() {
    let _ = Trainer::<f64, Linear<f64>, (Matrix<f64>, Vec<usize>)>::with_loss(
        BinaryCrossEntropy::default().into(),
        Sgd { lr: 0.1 },
    )
    .parallel(Parallel::sum());
}
