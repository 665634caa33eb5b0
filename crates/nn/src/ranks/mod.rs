//! One model trained by several processes, called ranks, with the bits of a single one.
//!
//! A [`Ranks`] moves bytes between the ranks, and never adds. `tape-mpi` implements it by MPI for the machines of a cluster, and
//! [`on_threads`] by threads of one process, for tests. [`Trainer::ranks`](crate::train::Trainer::ranks) says what a trainer does with it:
//!
//! ```
//! use nn::ranks::{Ranks, on_threads};
//! use nn::{Activation, Adam, Matrix, Mlp, data::Dataset, loss::Loss, parallel::Parallel, train::Trainer};
//! # use rand::SeedableRng;
//! let data = Dataset::new(Matrix::from_fn(1, 96, |_, n| n as f64 / 96.0), Matrix::from_fn(1, 96, |_, n| (n % 2) as f64));
//! let train = |world: Option<&dyn Ranks>| {
//!     let mut net = Mlp::new(&[1, 8, 1], Activation::Tanh, &mut rand::rngs::ChaCha8Rng::seed_from_u64(1));
//!     let trainer = Trainer::with_loss(Loss::Mse, Adam::new(0.01)).batch(48).parallel(Parallel::mean().shards_of(8)).epochs(3);
//!     let mut trainer = if let Some(world) = world { trainer.ranks(world) } else { trainer };
//!     trainer.fit(&mut net, &data).map(|_| net)
//! };
//! let alone = train(None)?;
//! for net in on_threads(3, |world| train(Some(world))) {
//!     assert_eq!(net?, alone); // to the bit
//! }
//! # Ok::<(), nn::train::TrainError>(())
//! ```
//!
//! # The order of adding
//!
//! The shards of a batch, and the tree along which their gradients are added, depend on the batch and the model [alone](crate::parallel). Of
//! S shards, rank r of P runs the shards ⌊rS/P⌋ … ⌊(r+1)S/P⌋ − 1 and adds the largest subtrees that consist of these:
//!
//! ```text
//! shards     0     1     2     3     4     5        three ranks: 0 runs {0, 1}, 1 runs {2, 3}, 2 runs {4, 5}
//!            │      ╲   ╱      │      ╲   ╱
//!             ╲      ╱         ╲      ╱             rank 0 keeps 0 and 1 apart, rank 2 adds 4 and 5
//!               sum              sum
//!                   ╲          ╱
//!                        sum
//! ```
//!
//! The entries of every parameter are cut into P parts, of which rank p owns part p. An exchange brings the gradients of these entries to
//! their owner, which adds them along the rest of the tree and makes the step of the optimizer on them. A gather brings the new weights to all
//! ranks. The moments stay with their owners. A run with a checkpoint brings them to all ranks after every epoch and before it writes the
//! checkpoint. If P and S are powers of two and P ≤ S, every rank has one subtree. It then sends 2 G (P − 1) / P bytes in a step, where G
//! is the number of bytes of all gradients. No algorithm that leaves the sums on all ranks sends less.
//! If the step of an entry depends on other entries, as [clipping by the norm](crate::optim::With::clip_norm) does, the gather brings the
//! sums instead, and every rank makes the whole step.
//!
//! The losses, the weights of weighted means and the new values of buffers are small, and every rank adds them all along the same tree.
//!
//! A batch of one shard runs on one rank alone. Use several ranks for batches of several shards:
//! [`Parallel::count`](crate::parallel::Parallel::count) tells their number, and
//! [`Parallel::shards_of`](crate::parallel::Parallel::shards_of) sets their size.

mod bytes;
mod layout;
mod overlap;
mod parts;
mod step;
mod terms;
mod threads;
mod values;

pub(crate) use bytes::{Reader, WEIGHT, put_numbers, put_weight, take_weight};
pub(crate) use parts::gather_parts;
pub(crate) use step::{gradients, own_shards};
pub use threads::{ThreadRanks, on_threads};
pub use values::{Values, ValuesMut};

/// The processes that train one model together, as one of them sees them.
///
/// All ranks call the same methods in the same order, with values of the same kind. A rank that cannot go on says so by
/// [`fail`](Ranks::fail), so that no other waits for it.
pub trait Ranks: Sync {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// The number of all ranks, P.
    fn size(&self) -> usize;

    /// Sends values from every rank to every rank. `from` holds the values for rank 0, then those for rank 1, and
    /// so on; `lengths[r]` of them go to rank r. `into` receives `expected[r]` values from each rank r, in the same order.
    ///
    /// # Errors
    /// If a rank has failed, or sent another number of values.
    fn all_to_all(
        &self,
        from: Values<'_>,
        lengths: &[usize],
        into: ValuesMut<'_>,
        expected: &[usize],
    ) -> Result<(), RankError>;

    /// Brings the values of all ranks to every rank. `all` has a place for the `lengths[r]` values of each rank r,
    /// in order. The caller fills the place of its own rank, and the call fills the others.
    ///
    /// # Errors
    /// If a rank has failed, or gave another number of values.
    fn all_gather(&self, all: ValuesMut<'_>, lengths: &[usize]) -> Result<(), RankError>;

    /// Tells all ranks that this one cannot go on, and why. Their calls return this as an error, or end their processes.
    fn fail(&self, why: &str);
}

/// Why ranks cannot go on together.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("rank {rank}: {problem}")]
pub struct RankError {
    /// The rank where the problem is.
    pub rank: usize,
    /// The problem.
    pub problem: String,
}

autograd::debug_as_display!(RankError);

/// The bytes of all ranks, one after the other.
pub(crate) fn gather(world: &dyn Ranks, bytes: &[u8], lengths: &[usize]) -> Result<Vec<u8>, RankError> {
    let mut all = vec![0; lengths.iter().sum()];
    all[lengths[..world.rank()].iter().sum()..][..bytes.len()].copy_from_slice(bytes);
    world.all_gather(ValuesMut::Bytes(&mut all), lengths)?;
    Ok(all)
}

/// The bytes of every rank, of any length.
pub(crate) fn gather_any(world: &dyn Ranks, bytes: &[u8]) -> Result<Vec<Vec<u8>>, RankError> {
    let all = gather(world, &(bytes.len() as u64).to_le_bytes(), &vec![8; world.size()])?;
    let mut lengths = Reader(&all);
    let lengths: Vec<usize> = (0..world.size()).map(|_| lengths.u64() as usize).collect();
    if lengths.iter().all(|length| *length == 0) {
        return Ok(vec![Vec::new(); world.size()]);
    }
    let all = gather(world, bytes, &lengths)?;
    let mut rest = Reader(&all);
    Ok(lengths.iter().map(|length| rest.bytes(*length).to_vec()).collect())
}

/// The part of a rank when `count` things in a row are divided among `size` ranks.
pub(crate) fn share(count: usize, rank: usize, size: usize) -> std::ops::Range<usize> {
    let start = |rank: usize| (rank as u128 * count as u128 / size as u128) as usize;
    start(rank)..start(rank + 1)
}
