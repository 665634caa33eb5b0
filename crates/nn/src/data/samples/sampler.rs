//! The order in which samples are seen.

use autograd::Float;
use rand::distr::weighted::WeightedIndex;
use rand::distr::{Distribution, OpenClosed01};
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::Minibatches;
use super::split::members;

/// The minibatches of every epoch, as a function of the seed and the index of the epoch only.
///
/// There is no state between epochs, so a run that stopped in batch b of epoch e continues with
/// `sampler.epoch(e).skip(b)`. The same seed gives the same batches on every platform.
///
/// ```
/// use nn::data::Sampler;
/// let sampler = Sampler::shuffled(10, 4, 1);
/// let epoch: Vec<Vec<usize>> = sampler.epoch(7).collect();
/// assert_eq!(epoch.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
/// assert_ne!(epoch, sampler.epoch(8).collect::<Vec<_>>());
/// assert_eq!(epoch[1..], sampler.epoch(7).skip(1).collect::<Vec<_>>()); // resumed
/// assert_eq!(sampler.drop_last().epoch(7).collect::<Vec<_>>(), epoch[..2]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
#[doc(alias = "DataLoader")]
pub struct Sampler {
    order: Order,
    draws: usize,
    batch: usize,
    drop_last: bool,
    seed: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Order {
    /// 0, 1, … below the number of samples, again and again.
    Sequential(usize),
    /// One sample of every stratum in turn. The samples of a stratum are drawn in rounds, and each sample is drawn once per round.
    Rounds(Vec<Vec<usize>>),
    /// The same, and the samples of a batch are in the order of the strata.
    Parts(Vec<Vec<usize>>),
    /// Each with a probability proportional to its weight.
    Weighted { weights: Vec<f64>, replacement: bool },
}

impl Sampler {
    /// The samples `0..n` in random order, each once per epoch.
    ///
    /// # Panics
    /// If `batch` is 0.
    #[track_caller]
    pub fn shuffled(n: usize, batch: usize, seed: u64) -> Self {
        let strata = if n == 0 { vec![] } else { vec![(0..n).collect()] };
        Self::new(Order::Rounds(strata), n, batch, seed)
    }

    /// The samples `0..n` in their order, the same in every epoch.
    ///
    /// # Panics
    /// If `batch` is 0.
    #[track_caller]
    pub fn sequential(n: usize, batch: usize) -> Self {
        Self::new(Order::Sequential(n), n, batch, 0)
    }

    /// The samples `0..n` in random order within `parts` consecutive parts of them. Every batch has as many samples of each part, up to one,
    /// and they are in the order of the parts.
    ///
    /// So each of several [ranks](crate::ranks) needs only its own part of the data: rank r of P reads from the r-th of P equal groups of the
    /// parts, if P divides the number of parts, and that divides n, the batch and the number of its shards.
    ///
    /// ```
    /// use nn::data::Sampler;
    /// for batch in Sampler::in_parts(12, 3, 6, 1).epoch(0) {
    ///     assert_eq!(batch.iter().map(|i| i / 4).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2]);
    /// }
    /// ```
    ///
    /// # Panics
    /// If `batch` is 0, or there are no parts, or more than samples.
    #[track_caller]
    pub fn in_parts(n: usize, parts: usize, batch: usize, seed: u64) -> Self {
        assert!((1..=n).contains(&parts), "Sampler::in_parts: {parts} parts of {n} samples; give from 1 to {n}");
        let start = |part: usize| (part as u128 * n as u128 / parts as u128) as usize;
        let parts = (0..parts).map(|part| (start(part)..start(part + 1)).collect()).collect();
        Self::new(Order::Parts(parts), n, batch, seed)
    }

    /// Every batch has the classes in equal shares: for K classes, ⌊`batch` / K⌋ or ⌈`batch` / K⌉ samples of each,
    /// whatever their sizes.
    ///
    /// The samples of a class are drawn in rounds, each in a new random order, in which each sample is drawn once. Rounds continue
    /// past the end of an epoch. An epoch has as many draws as there are samples. So samples of rare classes occur
    /// several times in an epoch and some samples of frequent ones do not occur, but over several epochs all samples of a class occur
    /// equally often.
    ///
    /// ```
    /// use nn::data::Sampler;
    /// let classes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1];
    /// for batch in Sampler::balanced(&classes, 4, 1).epoch(0) {
    ///     assert_eq!(batch.iter().filter(|&&i| classes[i] == 1).count(), 2);
    /// }
    /// ```
    ///
    /// # Panics
    /// If `batch` is 0.
    #[track_caller]
    pub fn balanced(classes: &[usize], batch: usize, seed: u64) -> Self {
        Self::new(Order::Rounds(members(classes)), classes.len(), batch, seed)
    }

    /// Draws sample i with probability wᵢ / Σ w each time, so it can occur several times in an epoch.
    ///
    /// ```
    /// use nn::data::Sampler;
    /// let epoch = Sampler::weighted(&[1.0, 0.0, 3.0], 100, 1).epoch_of(1000).epoch(0);
    /// let mut counts = [0; 3];
    /// epoch.flatten().for_each(|i| counts[i] += 1);
    /// assert!(counts[1] == 0 && (700..800).contains(&counts[2]), "{counts:?}");
    /// ```
    ///
    /// # Panics
    /// If `batch` is 0, a weight is negative or not finite, or their sum is not positive and finite.
    #[track_caller]
    pub fn weighted(weights: &[f64], batch: usize, seed: u64) -> Self {
        Self::new(Order::Weighted { weights: weights.to_vec(), replacement: true }, weights.len(), batch, seed)
    }

    /// Draws sample i with probability wᵢ / Σ w from those that remain in the epoch, until all samples of positive weight are
    /// drawn.
    ///
    /// Samples with larger weights tend to come earlier; [`epoch_of`](Sampler::epoch_of) ends the epoch before all are drawn.
    /// (Efraimidis, Spirakis, Information Processing Letters 97, 2006, p. 181: in the order of Eᵢ / wᵢ, where
    /// P(Eᵢ > e) = exp(−e).)
    ///
    /// # Panics
    /// If `batch` is 0, a weight is negative or not finite, or their sum is not positive and finite.
    #[track_caller]
    pub fn weighted_without_replacement(weights: &[f64], batch: usize, seed: u64) -> Self {
        let draws = positive(weights);
        Self::new(Order::Weighted { weights: weights.to_vec(), replacement: false }, draws, batch, seed)
    }

    /// Drops the last batch of an epoch if it is smaller than the others.
    ///
    /// An epoch with fewer samples than a batch is then empty.
    pub fn drop_last(self) -> Self {
        Sampler { drop_last: true, ..self }
    }

    /// Sets the number of samples in an epoch; by default it is the number of all samples. A shuffled sampler continues with the next
    /// round at the end of an epoch.
    ///
    /// # Panics
    /// If there are no samples to draw from, or more are to be drawn without replacement than have a positive weight.
    #[track_caller]
    pub fn epoch_of(self, draws: usize) -> Self {
        Sampler { draws, ..self }.believed()
    }

    /// The batches of an epoch.
    pub fn epoch(&self, epoch: u64) -> Minibatches {
        let mut order = self.order(epoch);
        if self.drop_last {
            order.truncate(self.draws / self.batch * self.batch);
        }
        if let Order::Parts(parts) = &self.order {
            let part = |sample: &usize| parts.partition_point(|part| part[0] <= *sample);
            order.chunks_mut(self.batch).for_each(|batch| batch.sort_by_key(part));
        }
        Minibatches::new(order, self.batch)
    }

    /// The number of batches in an epoch.
    pub fn batches(&self) -> usize {
        if self.drop_last { self.draws / self.batch } else { self.draws.div_ceil(self.batch) }
    }

    /// The number of samples in a batch, except for the last.
    pub fn batch_size(&self) -> usize {
        self.batch
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        let first = u128::from(epoch) * self.draws as u128;
        let draws = first..first + self.draws as u128;
        match &self.order {
            Order::Sequential(n) => draws.map(|d| (d % *n as u128) as usize).collect(),
            Order::Rounds(strata) | Order::Parts(strata) => {
                let mut rounds: Vec<(Option<u128>, Vec<usize>)> = strata.iter().map(|s| (None, s.clone())).collect();
                let draw = |d: u128| {
                    let (k, turn) = ((d % strata.len() as u128) as usize, d / strata.len() as u128);
                    let n = strata[k].len() as u128;
                    let (round, order) = &mut rounds[k];
                    if *round != Some(turn / n) {
                        *round = Some(turn / n);
                        order.copy_from_slice(&strata[k]);
                        order.shuffle(&mut generator(self.seed, k as u64, (turn / n) as u64));
                    }
                    order[(turn % n) as usize]
                };
                draws.map(draw).collect()
            }
            Order::Weighted { weights, replacement } => {
                let rng = generator(self.seed, 0, epoch);
                if *replacement {
                    with_replacement(weights, self.draws, rng)
                } else {
                    without(weights, self.draws, rng)
                }
            }
        }
    }

    #[track_caller]
    fn new(order: Order, draws: usize, batch: usize, seed: u64) -> Self {
        Sampler { order, draws, batch, drop_last: false, seed }.believed()
    }

    #[track_caller]
    fn believed(self) -> Self {
        match self.checked() {
            Ok(sampler) => sampler,
            Err(wrong) => panic!("Sampler: {wrong}"),
        }
    }

    fn checked(self) -> Result<Self, String> {
        let available = match &self.order {
            Order::Sequential(0) => 0,
            Order::Rounds(strata) | Order::Parts(strata) if strata.iter().any(Vec::is_empty) => {
                return Err("a class has no samples".into());
            }
            Order::Rounds(strata) | Order::Parts(strata) => strata.iter().fold(0, |n, stratum| n.max(stratum.len())),
            Order::Sequential(n) => *n,
            Order::Weighted { weights, replacement } => {
                if let Some(w) = weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
                    return Err(format!("a weight is finite and not negative, but one is {w}"));
                }
                let sum: f64 = weights.iter().sum();
                if !(sum > 0.0 && sum.is_finite()) {
                    return Err(format!("the weights have a positive, finite sum, not {sum}"));
                }
                let n = positive(weights);
                if !replacement && n < self.draws {
                    return Err(format!("{} draws without replacement from {n} samples", self.draws));
                }
                n
            }
        };
        match (self.batch, self.draws) {
            (0, _) => Err("a minibatch has at least one sample".into()),
            (_, draws) if draws > 0 && available == 0 => Err(format!("{draws} draws from no samples")),
            _ => Ok(self),
        }
    }
}

/// A sampler as read from a file, before it is checked.
#[derive(Deserialize)]
struct Raw {
    order: Order,
    draws: usize,
    batch: usize,
    drop_last: bool,
    seed: u64,
}

impl TryFrom<Raw> for Sampler {
    type Error = String;
    fn try_from(Raw { order, draws, batch, drop_last, seed }: Raw) -> Result<Self, String> {
        Sampler { order, draws, batch, drop_last, seed }.checked()
    }
}

/// Every round of every stratum has a separate random stream: ChaCha with these numbers as its key. The last bytes distinguish it from a
/// generator that uses the same seed for something else.
fn generator(seed: u64, stratum: u64, round: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    let words = [seed.to_le_bytes(), stratum.to_le_bytes(), round.to_le_bytes(), *b"sampling"];
    key.copy_from_slice(words.as_flattened());
    ChaCha8Rng::from_seed(key)
}

fn positive(weights: &[f64]) -> usize {
    weights.iter().filter(|w| **w > 0.0).count()
}

fn with_replacement(weights: &[f64], draws: usize, mut rng: ChaCha8Rng) -> Vec<usize> {
    let index = WeightedIndex::new(weights).expect("checked weights");
    (0..draws).map(|_| index.sample(&mut rng)).collect()
}

fn without(weights: &[f64], draws: usize, mut rng: ChaCha8Rng) -> Vec<usize> {
    let mut keys: Vec<(f64, usize)> = Vec::with_capacity(weights.len());
    for (i, w) in weights.iter().enumerate() {
        let u: f64 = rng.sample(OpenClosed01);
        if *w > 0.0 {
            keys.push((-Float::ln(u) / w, i));
        }
    }
    keys.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    keys.into_iter().take(draws).map(|(_, i)| i).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::panic::catch_unwind;

    fn all(sampler: &Sampler, epoch: u64) -> Vec<usize> {
        sampler.epoch(epoch).flatten().collect()
    }

    fn sorted(mut samples: Vec<usize>) -> Vec<usize> {
        samples.sort_unstable();
        samples
    }

    fn count(samples: &[usize], of: impl Fn(usize) -> bool) -> usize {
        samples.iter().filter(|&&i| of(i)).count()
    }

    /// Samplers of every kind over `n` samples, of at most three classes.
    fn every(n: usize, batch: usize, seed: u64) -> Vec<Sampler> {
        let weights: Vec<f64> = (0..n).map(|i| (i % 4) as f64 + 0.5).collect();
        let classes: Vec<usize> = (0..n).map(|i| i % 7 % 3).collect();
        vec![
            Sampler::shuffled(n, batch, seed),
            Sampler::sequential(n, batch),
            Sampler::in_parts(n, n.min(3), batch, seed),
            Sampler::balanced(&classes, batch, seed),
            Sampler::weighted(&weights, batch, seed),
            Sampler::weighted_without_replacement(&weights, batch, seed),
        ]
    }

    proptest! {
        #[test]
        fn batches_are_as_large_and_as_many_as_said(n in 1usize..60, batch in 1usize..20, seed: u64, epoch: u64) {
            for sampler in every(n, batch, seed) {
                let sizes = |sampler: &Sampler| sampler.epoch(epoch).map(|batch| batch.len()).collect::<Vec<_>>();
                let whole = sizes(&sampler);
                prop_assert_eq!(whole.len(), sampler.batches());
                prop_assert_eq!(whole.iter().sum::<usize>(), n);
                prop_assert!(whole.iter().rev().skip(1).all(|size| *size == batch));
                let dropped = sampler.drop_last();
                prop_assert_eq!(sizes(&dropped), vec![batch; dropped.batches()]);
                prop_assert_eq!(dropped.batches(), n / batch);
            }
        }

        #[test]
        fn an_epoch_depends_on_seed_and_number_alone(n in 1usize..40, seed: u64, epoch: u64) {
            for sampler in every(n, 7, seed) {
                let _ = sampler.epoch(epoch ^ 1).count();
                let text = serde_json::to_string(&sampler).unwrap();
                let again: Sampler = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(all(&again, epoch), all(&sampler, epoch));
                prop_assert_eq!(again, sampler);
            }
        }

        #[test]
        fn shuffled_has_every_sample_once_in_a_round(n in 1usize..50, draws in 1usize..80, seed: u64, epoch in 0u64..9) {
            prop_assert_eq!(sorted(all(&Sampler::shuffled(n, 7, seed), epoch)), (0..n).collect::<Vec<_>>());
            let cut = Sampler::shuffled(n, 7, seed).epoch_of(draws);
            let mut rounds: Vec<usize> = (0..=epoch).flat_map(|epoch| all(&cut, epoch)).collect();
            rounds.truncate(rounds.len() / n * n);
            for round in rounds.chunks(n) {
                prop_assert_eq!(sorted(round.to_vec()), (0..n).collect::<Vec<_>>());
            }
        }

        #[test]
        fn classes_have_equal_shares_of_every_batch(
            classes in prop::collection::vec(prop::sample::select(vec![0usize, 0, 0, 0, 1, 5]), 1..60), batch in 1usize..20, seed: u64
        ) {
            let present = members(&classes);
            let sampler = Sampler::balanced(&classes, batch, seed);
            let mut seen = vec![0; classes.len()];
            for batch in (0..5).flat_map(|epoch| sampler.epoch(epoch)) {
                for class in &present {
                    let share = count(&batch, |i| class.contains(&i));
                    prop_assert!((batch.len() / present.len()..=batch.len().div_ceil(present.len())).contains(&share));
                }
                batch.iter().for_each(|&i| seen[i] += 1);
            }
            // Over the epochs the samples of a class occur equally often.
            for class in &present {
                let turns = || class.iter().map(|&i| seen[i]);
                prop_assert!(turns().max().unwrap() - turns().min().unwrap() <= 1);
            }
        }

        #[test]
        fn without_replacement_none_comes_twice(weights in prop::collection::vec(0u8..3, 1..40), seed: u64) {
            let weights: Vec<f64> = weights.into_iter().map(f64::from).chain([1.0]).collect();
            let expected: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
            let sampler = Sampler::weighted_without_replacement(&weights, 4, seed);
            prop_assert_eq!(sorted(all(&sampler, 0)), expected);
        }
    }

    #[test]
    fn seeds_epochs_and_kinds_of_draws_differ() {
        let order = |seed, epoch| all(&Sampler::shuffled(50, 7, seed), epoch);
        assert!(order(1, 0) != order(1, 1) && order(1, 0) != order(2, 0) && order(1, 2) != order(2, 1));
    }

    #[test]
    fn heavy_samples_come_first_as_often_as_their_weight_says() {
        // P(first = 2) = 3/6, P(0 before 1) = 1/3: counts of 4000 epochs are binomial, 2000 ± 32 and 1333 ± 30.
        let sampler = Sampler::weighted_without_replacement(&[1.0, 2.0, 3.0], 3, 5);
        let epochs: Vec<_> = (0..4000).map(|epoch| all(&sampler, epoch)).collect();
        let first = epochs.iter().filter(|order| order[0] == 2).count();
        let place = |order: &[usize], i| order.iter().position(|&k| k == i);
        let before = epochs.iter().filter(|order| place(order, 0) < place(order, 1)).count();
        assert!((1840..2160).contains(&first) && (1183..1483).contains(&before), "{first} {before}");
    }

    #[test]
    fn the_order_of_a_seed_stays() {
        assert_eq!(all(&Sampler::shuffled(8, 8, 1), 3), [6, 3, 1, 5, 4, 0, 7, 2]);
    }

    #[test]
    fn nothing_to_draw() {
        assert_eq!(Sampler::shuffled(0, 4, 1).epoch(3).count(), 0);
        assert_eq!(Sampler::balanced(&[], 4, 1).epoch(3).count(), 0);
        assert_eq!(Sampler::sequential(3, 4).drop_last().batches(), 0);
    }

    #[test]
    fn what_cannot_be_drawn_is_said() {
        let check = |part: &str, make: fn() -> Sampler| {
            let message = *catch_unwind(make).unwrap_err().downcast::<String>().unwrap();
            assert!(message.contains(part), "{message}");
        };
        check("a minibatch has at least one sample", || Sampler::shuffled(3, 0, 1));
        check("5 draws from no samples", || Sampler::sequential(0, 3).epoch_of(5));
        check("one is -1", || Sampler::weighted(&[1.0, -1.0], 3, 1));
        check("one is NaN", || Sampler::weighted(&[f64::NAN], 3, 1));
        check("finite sum, not 0", || Sampler::weighted(&[0.0], 3, 1));
        check("finite sum, not inf", || Sampler::weighted(&[f64::MAX; 2], 3, 1));
        check("3 draws without replacement from 2", || {
            Sampler::weighted_without_replacement(&[1.0, 0.0, 1.0], 3, 1).epoch_of(3)
        });
        let hostile = r#"{"order":{"Rounds":[[]]},"draws":4,"batch":2,"drop_last":false,"seed":1}"#;
        assert!(serde_json::from_str::<Sampler>(hostile).unwrap_err().to_string().contains("no samples"));
    }
}
