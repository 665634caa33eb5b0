//! Cross-validation: every sample is in the test set once.

use rand::Rng;
use rand::seq::SliceRandom;

use super::split::members;

/// The indices of a training and of a test set, both in ascending order.
type Parts = (Vec<usize>, Vec<usize>);

/// Splits `n` samples at random into k parts whose sizes differ by at most one, and returns `(train, test)` for each
/// part as the test set.
///
/// Call it again with the same generator for another split:
///
/// ```
/// use nn::data::k_fold;
/// use rand::SeedableRng;
/// let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(1);
/// for repeat in 0..5 {
///     for (train, test) in k_fold(10, 3, &mut rng) {
///         assert_eq!(train.len() + test.len(), 10);
///     }
/// }
/// ```
///
/// # Panics
/// If k is below 2 or above `n`.
#[track_caller]
pub fn k_fold(n: usize, k: usize, rng: &mut (impl Rng + ?Sized)) -> Vec<Parts> {
    stratified_k_fold(&vec![0; n], k, rng)
}

/// Like [`k_fold`], with the classes in the same proportions in every part. The numbers of samples of a class, and of all
/// classes, differ by at most one between parts.
///
/// ```
/// use nn::data::stratified_k_fold;
/// # let mut rng = <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(1);
/// let classes = [0, 0, 0, 0, 0, 0, 1, 1, 1];
/// for (_, test) in stratified_k_fold(&classes, 3, &mut rng) {
///     assert_eq!(test.iter().map(|&i| classes[i]).collect::<Vec<_>>(), [0, 0, 1]);
/// }
/// ```
///
/// # Panics
/// If k is below 2 or above the number of samples.
#[track_caller]
pub fn stratified_k_fold(classes: &[usize], k: usize, rng: &mut (impl Rng + ?Sized)) -> Vec<Parts> {
    stratified(classes, k, &mut &mut *rng)
}

#[track_caller]
fn stratified(classes: &[usize], k: usize, rng: &mut dyn Rng) -> Vec<Parts> {
    check(k, classes.len(), "samples");
    let mut fold = vec![0; classes.len()];
    let shuffled = members(classes).into_iter().flat_map(|mut members| {
        members.shuffle(rng);
        members
    });
    // Dealt like cards, one class after the other.
    shuffled.enumerate().for_each(|(turn, i)| fold[i] = turn % k);
    parts(&fold, k)
}

/// Like [`k_fold`], with all samples of a group, such as the pictures of one patient, in the same part.
///
/// The groups are assigned from the largest to the smallest, in random order among equals, each to the part that has the fewest
/// samples so far.
///
/// ```
/// use nn::data::group_k_fold;
/// # let mut rng = <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(1);
/// let patients = [7, 7, 7, 2, 2, 5, 5, 5];
/// for (train, test) in group_k_fold(&patients, 2, &mut rng) {
///     assert!(train.iter().all(|&i| test.iter().all(|&j| patients[i] != patients[j])));
/// }
/// ```
///
/// # Panics
/// If k is below 2 or above the number of groups.
#[track_caller]
pub fn group_k_fold(groups: &[usize], k: usize, rng: &mut (impl Rng + ?Sized)) -> Vec<Parts> {
    grouped(groups, k, &mut &mut *rng)
}

#[track_caller]
fn grouped(groups: &[usize], k: usize, rng: &mut dyn Rng) -> Vec<Parts> {
    let mut members = members(groups);
    check(k, members.len(), "groups");
    members.shuffle(rng);
    members.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let (mut fold, mut sizes) = (vec![0; groups.len()], vec![0; k]);
    for group in members {
        let smallest = (0..k).min_by_key(|&part| sizes[part]).unwrap_or(0);
        sizes[smallest] += group.len();
        group.into_iter().for_each(|i| fold[i] = smallest);
    }
    parts(&fold, k)
}

#[track_caller]
fn check(k: usize, n: usize, of: &str) {
    assert!((2..=n).contains(&k), "{k} folds of {n} {of}: there are at least 2 folds and at most one for each");
}

/// Each part as the test set, the others as the training set.
fn parts(fold: &[usize], k: usize) -> Vec<Parts> {
    (0..k).map(|part| (0..fold.len()).partition(|&i| fold[i] != part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    fn rng(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    /// Checks that every sample is in one test set and in all other training sets.
    fn is_partition(folds: &[Parts], n: usize) -> bool {
        let once = |i: &usize| folds.iter().filter(|(_, test)| test.contains(i)).count() == 1;
        let either = |(train, test): &Parts| {
            train.is_sorted() && test.is_sorted() && (0..n).all(|i| train.contains(&i) != test.contains(&i))
        };
        (0..n).all(|i| once(&i)) && folds.iter().all(either)
    }

    /// The largest difference between the counts of the parts.
    fn spread(folds: &[Parts], counted: impl Fn(usize) -> bool) -> usize {
        let counts = || folds.iter().map(|(_, test)| test.iter().filter(|&&i| counted(i)).count());
        counts().max().unwrap() - counts().min().unwrap()
    }

    proptest! {
        #[test]
        fn folds_of_samples_are_balanced(
            classes in prop::collection::vec(0usize..4, 2..50), k in 2usize..8, seed: u64
        ) {
            let (n, k) = (classes.len(), k.min(classes.len()));
            let folds = stratified_k_fold(&classes, k, &mut rng(seed));
            prop_assert!(is_partition(&folds, n) && folds.len() == k);
            prop_assert!(spread(&folds, |_| true) <= 1);
            prop_assert!((0..4).all(|class| spread(&folds, |i| classes[i] == class) <= 1));
            let plain = k_fold(n, k, &mut rng(seed));
            prop_assert!(is_partition(&plain, n) && spread(&plain, |_| true) <= 1);
        }

        #[test]
        fn groups_stay_together(groups in prop::collection::vec(0usize..9, 2..50), k in 2usize..5, seed: u64) {
            let distinct = members(&groups).len();
            prop_assume!(distinct >= k);
            let folds = group_k_fold(&groups, k, &mut rng(seed));
            prop_assert!(is_partition(&folds, groups.len()));
            let apart = |i: usize, j: usize| folds.iter().any(|(_, test)| test.contains(&i) != test.contains(&j));
            prop_assert!((0..groups.len()).all(|i| (0..i).all(|j| groups[i] != groups[j] || !apart(i, j))));
            let largest = members(&groups).iter().map(Vec::len).max().unwrap();
            prop_assert!(spread(&folds, |_| true) <= largest);
            prop_assert!(folds.iter().all(|(_, test)| !test.is_empty()));
        }
    }

    #[test]
    fn repeats_differ() {
        let mut rng = rng(1);
        assert_ne!(k_fold(30, 3, &mut rng), k_fold(30, 3, &mut rng));
    }

    #[test]
    #[should_panic(expected = "4 folds of 3 samples")]
    fn there_are_no_empty_folds() {
        k_fold(3, 4, &mut rng(1));
    }
}
