//! Random splits and minibatches.
//!
//! All randomness comes from the caller's generator, and the same generator gives the same samples on every
//! platform: `shuffle` draws 32-bit numbers, however wide a `usize` is.

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::SliceRandom;

/// Splits the samples so that both parts have the classes in the same proportions: `(train, test)` indices.
///
/// Of all n samples, `fraction · n` go to the first part, rounded to the nearest integer, with halves rounded up. Each
/// class contributes its share, rounded down or up: up for the classes whose shares have the largest remainders. The samples are drawn at
/// random; the others go to the second part. Both parts are in ascending order.
/// Split a part again to get a third one, for example for validation.
///
/// ```
/// use nn::data::stratified_split;
/// use rand::SeedableRng;
/// let classes = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1];
/// let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(1);
/// let (train, test) = stratified_split(&classes, 0.75, &mut rng);
/// assert_eq!(train.iter().filter(|&&i| classes[i] == 0).count(), 6);
/// assert_eq!(train.iter().filter(|&&i| classes[i] == 1).count(), 3);
/// assert_eq!(test.len(), 3);
/// ```
///
/// # Panics
/// If `fraction` is not between 0 and 1.
#[track_caller]
pub fn stratified_split(classes: &[usize], fraction: f64, rng: &mut (impl Rng + ?Sized)) -> (Vec<usize>, Vec<usize>) {
    split(classes, fraction, &mut &mut *rng)
}

#[track_caller]
fn split(classes: &[usize], fraction: f64, rng: &mut dyn Rng) -> (Vec<usize>, Vec<usize>) {
    assert!((0.0..=1.0).contains(&fraction), "a split takes a fraction between 0 and 1, not {fraction}");
    let (mut train, mut test) = (Vec::new(), Vec::new());
    let classes = members(classes);
    let counts = largest_remainders(&classes.iter().map(|members| fraction * members.len() as f64).collect::<Vec<_>>());
    for (mut members, count) in classes.into_iter().zip(counts) {
        members.shuffle(rng);
        let (first, second) = members.split_at(count);
        train.extend_from_slice(first);
        test.extend_from_slice(second);
    }
    train.sort_unstable();
    test.sort_unstable();
    (train, test)
}

/// The shares, rounded so that their sum is the rounded sum of the shares (Hare's method of largest remainders).
fn largest_remainders(shares: &[f64]) -> Vec<usize> {
    let mut counts: Vec<usize> = shares.iter().map(|share| share.floor() as usize).collect();
    let left = (shares.iter().sum::<f64>().round() as usize).saturating_sub(counts.iter().sum());
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|&a, &b| shares[b].fract().total_cmp(&shares[a].fract()));
    order.into_iter().take(left).for_each(|class| counts[class] += 1);
    counts
}

/// Splits `n` samples at random: `(train, test)` indices, both in ascending order.
///
/// The first part has `fraction · n` samples, rounded to the nearest integer, with halves rounded up.
///
/// # Panics
/// If `fraction` is not between 0 and 1.
#[track_caller]
#[doc(alias = "train_test_split")]
pub fn random_split(n: usize, fraction: f64, rng: &mut (impl Rng + ?Sized)) -> (Vec<usize>, Vec<usize>) {
    stratified_split(&vec![0; n], fraction, rng)
}

/// The samples `0..n` of one epoch in random order, `size` at a time; the last batch may be smaller.
///
/// Every sample occurs exactly once. Call it again for the next epoch to get another order: the generator is
/// used in this call and not while iterating.
///
/// ```
/// use nn::data::minibatches;
/// use rand::SeedableRng;
/// let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(1);
/// let epoch: Vec<Vec<usize>> = minibatches(7, 3, &mut rng).collect();
/// assert_eq!(epoch.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
/// ```
///
/// # Panics
/// If `size` is 0.
#[track_caller]
pub fn minibatches(n: usize, size: usize, rng: &mut (impl Rng + ?Sized)) -> Minibatches {
    batches(n, size, &mut &mut *rng)
}

#[track_caller]
fn batches(n: usize, size: usize, rng: &mut dyn Rng) -> Minibatches {
    assert!(size > 0, "a minibatch has at least one sample");
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(rng);
    Minibatches::new(order, size)
}

/// The samples of every class that has any, in the order of the classes.
pub(super) fn members(classes: &[usize]) -> Vec<Vec<usize>> {
    let mut members = BTreeMap::<usize, Vec<usize>>::new();
    for (i, &class) in classes.iter().enumerate() {
        members.entry(class).or_default().push(i);
    }
    members.into_values().collect()
}

/// The minibatches of one epoch: see [`minibatches`] and [`Sampler`](super::Sampler).
#[derive(Clone, Debug)]
pub struct Minibatches {
    order: std::vec::IntoIter<usize>,
    size: usize,
}

impl Minibatches {
    pub(super) fn new(order: Vec<usize>, size: usize) -> Self {
        Minibatches { order: order.into_iter(), size }
    }
}

impl Iterator for Minibatches {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let batch: Vec<usize> = self.order.by_ref().take(self.size).collect();
        (!batch.is_empty()).then_some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let batches = self.order.len().div_ceil(self.size);
        (batches, Some(batches))
    }
}

impl ExactSizeIterator for Minibatches {}

impl std::iter::FusedIterator for Minibatches {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    fn sorted(parts: &[Vec<usize>]) -> Vec<usize> {
        let mut all = parts.concat();
        all.sort_unstable();
        all
    }

    proptest! {
        #[test]
        fn a_stratified_split_is_a_partition_with_rounded_counts(
            classes in prop::collection::vec(0usize..20, 0..60), fraction in 0.0..=1.0, seed: u64
        ) {
            let (train, test) = stratified_split(&classes, fraction, &mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert!(train.is_sorted() && test.is_sorted());
            prop_assert_eq!(sorted(&[train.clone(), test]), (0..classes.len()).collect::<Vec<_>>());
            prop_assert!((train.len() as f64 - fraction * classes.len() as f64).abs() <= 0.5 + 1e-9, "{}", train.len());
            for k in 0..20 {
                let n = classes.iter().filter(|&&class| class == k).count();
                let first = train.iter().filter(|&&i| classes[i] == k).count();
                prop_assert!((first as f64 - fraction * n as f64).abs() < 1.0, "{first} of {n}");
            }
        }

        #[test]
        fn a_random_split_is_a_partition(n in 0usize..100, fraction in 0.0..=1.0, seed: u64) {
            let (train, test) = random_split(n, fraction, &mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert_eq!(train.len(), (fraction * n as f64).round() as usize);
            prop_assert_eq!(sorted(&[train, test]), (0..n).collect::<Vec<_>>());
        }

        #[test]
        fn an_epoch_has_every_sample_once(n in 0usize..100, size in 1usize..20, seed: u64) {
            let batches = minibatches(n, size, &mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert_eq!(batches.len(), n.div_ceil(size));
            let batches: Vec<_> = batches.collect();
            prop_assert!(batches.iter().rev().skip(1).all(|batch| batch.len() == size));
            prop_assert_eq!(sorted(&batches), (0..n).collect::<Vec<_>>());
        }

        #[test]
        fn only_the_generator_decides(n in 0usize..50, seed: u64) {
            let draw = |seed| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                (random_split(n, 0.5, &mut rng), minibatches(n, 4, &mut rng).collect::<Vec<_>>())
            };
            prop_assert_eq!(draw(seed), draw(seed));
        }
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut epoch = || minibatches(100, 10, &mut rng).collect::<Vec<_>>();
        assert_ne!(epoch(), epoch());
        let split = |seed| random_split(100, 0.5, &mut ChaCha8Rng::seed_from_u64(seed));
        assert_ne!(split(1), split(2));
    }

    #[test]
    fn every_sample_is_as_likely_to_train() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0; 10];
        for _ in 0..4000 {
            random_split(10, 0.5, &mut rng).0.iter().for_each(|&i| counts[i] += 1);
        }
        // Each count is binomial: 2000 ± 32.
        assert!(counts.iter().all(|count| (1840..2160).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_whole_is_rounded_once() {
        let check = |classes: &[usize], fraction, size| {
            let (train, _) = stratified_split(classes, fraction, &mut ChaCha8Rng::seed_from_u64(1));
            assert_eq!(train.len(), size, "{fraction} of {classes:?}");
        };
        check(&[0, 0, 0], 0.5, 2); // halves up
        check(&[0, 0, 0, 1, 1, 1], 0.5, 3);
        check(&std::array::from_fn::<_, 100, _>(|i| i / 2), 0.8, 80);
    }

    #[test]
    #[should_panic(expected = "between 0 and 1, not NaN")]
    fn fractions_are_checked() {
        random_split(4, f64::NAN, &mut ChaCha8Rng::seed_from_u64(1));
    }

    #[test]
    #[should_panic(expected = "at least one sample")]
    fn sizes_are_checked() {
        minibatches(4, 0, &mut ChaCha8Rng::seed_from_u64(1));
    }
}
