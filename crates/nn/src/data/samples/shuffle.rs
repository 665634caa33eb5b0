//! Minibatches in random order from data that does not fit into memory.

use rand::Rng;
use rand::seq::SliceRandom;

use super::{Dataset, Targets};

/// The samples of a stream of chunks as minibatches in nearly random order. Each is drawn from a buffer of `capacity`
/// samples, half of which are replaced at a time by the next ones of the stream.
///
/// Every sample occurs once; the last batch may be smaller. A sample cannot come much before its position in the stream. It
/// comes later by more than `capacity` with probability at most ½, by more than twice that with ¼, and so on. Shuffle a file that
/// is sorted by class once on disk. The buffer needs memory for `capacity` samples and a chunk, and briefly twice as much while they
/// are joined. The order depends only on the generator and the chunks.
///
/// ```
/// use nn::data::{Dataset, shuffle_chunks};
/// use nn::Matrix;
/// use rand::SeedableRng;
/// let chunk = |k: usize| Ok::<_, std::io::Error>(Dataset::new(Matrix::full(1, 10, k as f32), vec![k; 10]));
/// let rng = rand::rngs::ChaCha8Rng::seed_from_u64(1); // one for each epoch
/// let mut samples = 0;
/// for batch in shuffle_chunks((0..10).map(chunk), 40, 8, rng) {
///     samples += batch?.len();
/// }
/// assert_eq!(samples, 100);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// If `batch` is 0.
#[track_caller]
pub fn shuffle_chunks<T, Y, E, I, R>(chunks: I, capacity: usize, batch: usize, rng: R) -> ShuffledChunks<T, Y, I, R>
where
    T: Copy,
    Y: Targets,
    I: Iterator<Item = Result<Dataset<T, Y>, E>>,
    R: Rng,
{
    assert!(batch > 0, "a minibatch has at least one sample");
    ShuffledChunks { chunks: Some(chunks), capacity: capacity.max(batch), batch, rng, buffer: None, order: Vec::new() }
}

/// Minibatches of a stream: see [`shuffle_chunks`]. It ends after an error.
pub struct ShuffledChunks<T, Y, I, R> {
    /// `None` after the last.
    chunks: Option<I>,
    capacity: usize,
    batch: usize,
    rng: R,
    buffer: Option<Dataset<T, Y>>,
    /// The samples that remain in the buffer, in random order.
    order: Vec<usize>,
}

impl<T, Y, E, I, R> ShuffledChunks<T, Y, I, R>
where
    T: Copy,
    Y: Targets,
    I: Iterator<Item = Result<Dataset<T, Y>, E>>,
    R: Rng,
{
    /// Adds chunks to the remaining samples until the buffer is full, and shuffles.
    fn fill(&mut self) -> Result<(), E> {
        let left = self.buffer.take().map(|buffer| buffer.select(&self.order));
        let mut parts = Vec::from_iter(left);
        let mut len = self.order.len();
        while let Some(chunks) = self.chunks.as_mut().filter(|_| len < self.capacity) {
            match chunks.next().transpose()? {
                Some(chunk) => {
                    len += chunk.len();
                    parts.push(chunk);
                }
                None => self.chunks = None,
            }
        }
        if !parts.is_empty() {
            self.buffer = Some(Dataset::concat(&parts));
        }
        self.order = (0..len).collect();
        self.order.shuffle(&mut self.rng);
        Ok(())
    }
}

impl<T, Y, E, I, R> Iterator for ShuffledChunks<T, Y, I, R>
where
    T: Copy,
    Y: Targets,
    I: Iterator<Item = Result<Dataset<T, Y>, E>>,
    R: Rng,
{
    type Item = Result<Dataset<T, Y>, E>;

    fn next(&mut self) -> Option<Self::Item> {
        // Half of the buffer stays to be mixed with the next samples.
        if self.chunks.is_some()
            && self.order.len() < self.batch.max(self.capacity / 2)
            && let Err(error) = self.fill()
        {
            self.chunks = None;
            self.buffer = None;
            self.order.clear();
            return Some(Err(error));
        }
        let batch = self.order.split_off(self.order.len().saturating_sub(self.batch));
        let buffer = self.buffer.as_ref().filter(|_| !batch.is_empty())?;
        Some(Ok(buffer.select(&batch)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::Matrix;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    /// Samples 0, 1, … in chunks of the given sizes.
    fn chunks(sizes: &[usize]) -> Vec<Result<Dataset<f64>, String>> {
        let mut next = 0;
        let chunk = |&size: &usize| {
            let samples: Vec<usize> = (next..next + size).collect();
            next += size;
            Ok(Dataset::new(Matrix::row(&samples.iter().map(|&i| i as f64).collect::<Vec<_>>()), samples))
        };
        sizes.iter().map(chunk).collect()
    }

    proptest! {
        #[test]
        fn every_sample_comes_once(
            sizes in prop::collection::vec(0usize..20, 0..12), capacity in 0usize..40, batch in 1usize..9, seed: u64
        ) {
            let run = || shuffle_chunks(chunks(&sizes).into_iter(), capacity, batch, ChaCha8Rng::seed_from_u64(seed));
            let batches: Vec<_> = run().map(Result::unwrap).collect();
            prop_assert!(batches.iter().rev().skip(1).all(|found| found.len() == batch));
            let mut samples: Vec<usize> = batches.iter().flat_map(|batch| batch.t.clone()).collect();
            prop_assert!(batches.iter().all(|batch| batch.x.as_slice().iter().map(|&x| x as usize).eq(batch.t.iter().copied())));
            prop_assert!(batches.iter().eq(run().map(Result::unwrap).collect::<Vec<_>>().iter()));
            // A sample must not come out before it can have entered the buffer.
            let reach = capacity.max(batch) + 20;
            prop_assert!(samples.iter().enumerate().all(|(place, &i)| i <= place + reach));
            samples.sort_unstable();
            prop_assert_eq!(samples, (0..sizes.iter().sum()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_ends_it() {
        let mut broken = chunks(&[5, 5, 5]);
        broken[1] = Err("broken".to_owned());
        let mut batches = shuffle_chunks(broken.into_iter(), 4, 4, ChaCha8Rng::seed_from_u64(1));
        assert_eq!(batches.next().unwrap().unwrap().len(), 4);
        assert_eq!((batches.next(), batches.next()), (Some(Err("broken".to_owned())), None));
    }

    #[test]
    fn samples_are_mixed() {
        let order: Vec<usize> = shuffle_chunks(chunks(&[100; 10]).into_iter(), 500, 10, ChaCha8Rng::seed_from_u64(1))
            .flat_map(|batch| batch.unwrap().t)
            .collect();
        let ascents = order.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((440..560).contains(&ascents), "{ascents} of 999");
    }
}
