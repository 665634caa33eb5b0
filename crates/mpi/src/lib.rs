//! Trains the models of [`nn`] on the machines of a cluster by MPI. Weights, history and checkpoints have the bits of a run on one thread,
//! for any number of machines.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use nn::{Activation, Adam, Matrix, Mlp, data::Dataset, loss::Loss, train::Trainer};
//! use rand::{SeedableRng, rngs::ChaCha8Rng};
//!
//! fn main() -> ExitCode {
//!     tape_mpi::run(|world| {
//!         let data = Dataset::new(Matrix::from_fn(1, 4096, |_, n| n as f32), Matrix::from_fn(1, 4096, |_, n| n as f32));
//!         let mut net = Mlp::new(&[1, 64, 1], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(1));
//!         Trainer::with_loss(Loss::Mse, Adam::new(0.01)).batch(1024).ranks(world).fit(&mut net, &data)?;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! ```text
//! mpirun -n 4 target/release/examples/digits_mpi
//! ```
//!
//! [`nn::ranks`] explains how gradients are added, and [`Trainer::ranks`](nn::train::Trainer::ranks) what the ranks do together. MPI only
//! moves bytes, so the bits do not depend on its implementation, its version, or the sizes of messages.
//!
//! # On a cluster
//!
//! The crate needs an implementation of MPI and libclang to build; on Debian these are the packages `libopenmpi-dev`, `openmpi-bin` and
//! `libclang-dev`. Start one rank on each machine, or on each of its processors, and let it use all their cores:
//!
//! ```text
//! mpirun -n 4 --map-by ppr:1:node --bind-to none program         # 4 machines
//! mpirun -n 8 --map-by ppr:1:socket --bind-to socket program     # 4 machines of 2 processors
//! ```
//!
//! A rank runs as many threads as it has cores. Ranks on the cores of one machine give no more speed than threads do.
//!
//! Batches should have at least one shard for every rank, because a rank without one waits:
//! [`Parallel::count`](nn::parallel::Parallel::count) tells their number. If the number of shards and that of the ranks are powers of two, and
//! every rank has a shard, no algorithm sends less.
//!
//! If the machines have a core to spare and the network is slow, send the gradients of one layer while the next is computed:
//! `trainer.ranks(world).send_while_sweeping(true)`, with one shard for each rank. The
//! [setting](nn::train::Trainer::send_while_sweeping) says when it applies.
//!
//! # When a rank fails
//!
//! If a rank panics, or the closure of [`run`] returns an error on it, it prints why and ends all ranks. If a process is killed, `mpirun`
//! ends the others. In each case the last checkpoint is whole, and the same program resumes from it, on any number of ranks.

use std::error::Error;
use std::mem::replace;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mpi::Threading;
use mpi::datatype::PartitionMut;
use mpi::environment::Universe;
use mpi::request::multiple_scope;
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use nn::ranks::{RankError, Ranks, Values, ValuesMut};

/// All processes that `mpirun` started. A program that is started without it is a single rank.
pub struct World {
    /// Calls are made one after the other, from any thread.
    calls: Mutex<()>,
    rank: usize,
    size: usize,
    /// MPI ends with it.
    _universe: Universe,
}

/// Why there is no world.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum StartError {
    /// MPI was started before in this process.
    Twice,
    /// This implementation of MPI does not allow calls from other threads than the first.
    Threads,
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            StartError::Twice => "MPI was started before in this process: make one world, and pass it on by reference",
            StartError::Threads => {
                "this MPI allows no calls from other threads than the first (MPI_THREAD_SERIALIZED): install one that does"
            }
        })
    }
}

nn::autograd::debug_as_display!(StartError);

impl Error for StartError {}

/// Runs a program on all ranks. If it returns an error on a rank, the rank prints it and ends all of them.
///
/// The program should return the error of a rank at once, because the others may be waiting for this rank.
pub fn run(program: impl FnOnce(&World) -> Result<(), Box<dyn Error>>) -> ExitCode {
    let world = match World::start() {
        Ok(world) => world,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = program(&world) {
        world.fail(&error.to_string());
    }
    ExitCode::SUCCESS
}

impl World {
    /// Starts MPI. Prefer [`run`], which also ends the other ranks when a program returns an error.
    ///
    /// # Errors
    /// If it was started before, or allows calls from the first thread alone.
    pub fn start() -> Result<Self, StartError> {
        let (universe, threading) = mpi::initialize_with_threading(Threading::Serialized).ok_or(StartError::Twice)?;
        if threading < Threading::Serialized {
            return Err(StartError::Threads);
        }
        let world = universe.world();
        let (rank, size) = (world.rank() as usize, world.size() as usize);
        Ok(World { calls: Mutex::new(()), rank, size, _universe: universe })
    }

    fn call(&self) -> (MutexGuard<'_, ()>, SimpleCommunicator) {
        (self.calls.lock().unwrap_or_else(PoisonError::into_inner), SimpleCommunicator::world())
    }
}

/// The other ranks cannot go on without one that panics, and MPI would wait for them to end.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.fail("it panicked");
        }
    }
}

/// The largest number of values in a message, because MPI counts in 32 bits.
const MESSAGE: usize = 1 << 30;

/// Up to this number of values in all, the ranks gather by MPI's own algorithm, which needs few messages. Above, every rank sends its
/// values to every other one, which copies nothing else.
const FEW: usize = 1 << 16;

impl Ranks for World {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn all_to_all(
        &self,
        from: Values<'_>,
        lengths: &[usize],
        into: ValuesMut<'_>,
        expected: &[usize],
    ) -> Result<(), RankError> {
        match (from, into) {
            (Values::Bytes(from), ValuesMut::Bytes(into)) => self.exchange_of(from, lengths, into, expected),
            (Values::F32(from), ValuesMut::F32(into)) => self.exchange_of(from, lengths, into, expected),
            (Values::F64(from), ValuesMut::F64(into)) => self.exchange_of(from, lengths, into, expected),
            _ => panic!("all_to_all: the values that are sent and those that are received are of two kinds"),
        }
    }

    fn all_gather(&self, all: ValuesMut<'_>, lengths: &[usize]) -> Result<(), RankError> {
        match all {
            ValuesMut::Bytes(all) => self.gather_of(all, lengths),
            ValuesMut::F32(all) => self.gather_of(all, lengths),
            ValuesMut::F64(all) => self.gather_of(all, lengths),
        }
    }

    fn fail(&self, why: &str) {
        eprintln!("rank {}: {why}", self.rank);
        SimpleCommunicator::world().abort(1)
    }
}

const WHY: &str = "the lengths are those of the values";

impl World {
    fn exchange_of<N: Equivalence + Copy>(
        &self,
        mut from: &[N],
        lengths: &[usize],
        mut into: &mut [N],
        expected: &[usize],
    ) -> Result<(), RankError> {
        let (mut sends, mut receives) = (Vec::new(), Vec::new());
        for (rank, (length, expected)) in lengths.iter().zip(expected).enumerate() {
            let to = from.split_off(..*length).expect(WHY);
            let from = into.split_off_mut(..*expected).expect(WHY);
            if rank == self.rank {
                from.copy_from_slice(to);
            } else {
                sends.push((rank, to));
                receives.push((rank, from));
            }
        }
        self.send_and_receive(sends, receives)
    }

    fn gather_of<N: Equivalence + Copy>(&self, all: &mut [N], lengths: &[usize]) -> Result<(), RankError> {
        if all.len() <= FEW {
            let (_turn, world) = self.call();
            let counts: Vec<i32> = lengths.iter().map(|length| *length as i32).collect();
            let starts: Vec<i32> = counts.iter().scan(0, |end, count| Some(replace(end, *end + count))).collect();
            let own = all[starts[self.rank] as usize..][..lengths[self.rank]].to_vec();
            world.all_gather_varcount_into(&own[..], &mut PartitionMut::new(all, counts, starts));
            return Ok(());
        }
        let mut rest = all;
        let parts = lengths.iter().map(|length| rest.split_off_mut(..*length).expect(WHY)).enumerate();
        let (mut own, mut receives) = (&[][..], Vec::new());
        for (rank, part) in parts {
            if rank == self.rank { own = part } else { receives.push((rank, part)) }
        }
        self.send_and_receive(receives.iter().map(|(rank, _)| (*rank, own)).collect(), receives)
    }

    /// Sends values to ranks, and receives values of ranks, all at the same time.
    fn send_and_receive<N: Equivalence>(
        &self,
        sends: Vec<(usize, &[N])>,
        receives: Vec<(usize, &mut [N])>,
    ) -> Result<(), RankError> {
        let (_turn, world) = self.call();
        let (mut expected, mut done) = (Vec::new(), Vec::new());
        multiple_scope(sends.len() + receives.len(), |scope, requests| {
            for (rank, part) in receives {
                for part in part.chunks_mut(MESSAGE) {
                    expected.push((rank, part.len()));
                    requests.add(world.process_at_rank(rank as i32).immediate_receive_into(scope, part));
                }
            }
            for (rank, part) in sends {
                for part in part.chunks(MESSAGE) {
                    requests.add(world.process_at_rank(rank as i32).immediate_send(scope, part));
                }
            }
            requests.wait_all(&mut done);
        });
        for (index, status, _) in done {
            let Some(&(rank, expected)) = expected.get(index) else { continue };
            let count = status.count(N::equivalent_datatype()) as usize;
            if count != expected {
                let problem =
                    format!("it sent {count} values, and {expected} were expected: do all ranks run the same program?");
                return Err(RankError { rank, problem });
            }
        }
        Ok(())
    }
}
