//! Ranks that are threads of one process.

use std::any::Any;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{RankError, Ranks, Values, ValuesMut};

/// Calls `f` on `size` threads, each of which is a rank, and returns their results in the order of the ranks. If a rank panics or returns
/// while others wait for it, these get an error.
///
/// # Panics
/// If `size` is 0, or a rank panics.
#[track_caller]
pub fn on_threads<R: Send>(size: usize, f: impl Fn(&ThreadRanks) -> R + Sync) -> Vec<R> {
    assert!(size > 0, "on_threads: at least one rank");
    let board = Arc::new(Board {
        state: Mutex::new(State {
            given: (0..size).map(|_| None).collect(),
            all: Arc::default(),
            call: 0,
            failed: None,
        }),
        changed: Condvar::new(),
    });
    std::thread::scope(|scope| {
        let (f, board) = (&f, &board);
        let threads: Vec<_> = (0..size)
            .map(|rank| {
                scope.spawn(move || {
                    let world = ThreadRanks { rank, size, board: board.clone() };
                    let ended = Ended(&world);
                    let result = f(ended.0);
                    drop(ended);
                    result
                })
            })
            .collect();
        let results: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        results.into_iter().map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// A thread that is a rank.
pub struct ThreadRanks {
    rank: usize,
    size: usize,
    board: Arc<Board>,
}

struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// What the ranks have given to the current call.
    given: Vec<Option<Given>>,
    /// What they gave to the last call. The next one cannot end before all have read it.
    all: Arc<Vec<Given>>,
    /// The number of calls that have ended.
    call: u64,
    failed: Option<RankError>,
}

/// A `Vec` of numbers of some type, and for an exchange how many of them are for each rank.
struct Given {
    numbers: Box<dyn Any + Send + Sync>,
    lengths: Option<Vec<usize>>,
}

/// Wakes the other ranks when this one ends.
struct Ended<'w>(&'w ThreadRanks);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let how = if std::thread::panicking() { "it panicked" } else { "it has ended, and others wait for it" };
        self.0.fail(how);
    }
}

impl ThreadRanks {
    fn state(&self) -> MutexGuard<'_, State> {
        self.board.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives numbers to the current call, and returns what all ranks gave.
    fn call<N: Copy + Send + Sync + 'static>(
        &self,
        numbers: &[N],
        lengths: Option<&[usize]>,
    ) -> Result<Arc<Vec<Given>>, RankError> {
        let mut state = self.state();
        let call = state.call;
        state.given[self.rank] =
            Some(Given { numbers: Box::new(numbers.to_vec()), lengths: lengths.map(<[_]>::to_vec) });
        if state.given.iter().all(Option::is_some) {
            state.all = Arc::new(state.given.iter_mut().filter_map(Option::take).collect());
            state.call += 1;
            self.board.changed.notify_all();
        }
        while state.call == call && state.failed.is_none() {
            state = self.board.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // A call that has ended counts, whatever came later.
        if state.call == call { Err(state.failed.clone().expect("the reason to wake")) } else { Ok(state.all.clone()) }
    }

    fn exchange_of<N: Copy + Send + Sync + 'static>(
        &self,
        from: &[N],
        lengths: &[usize],
        mut into: &mut [N],
        expected: &[usize],
    ) -> Result<(), RankError> {
        for (rank, given) in self.call(from, Some(lengths))?.iter().enumerate() {
            let part = given.lengths.as_ref().zip(given.numbers.downcast_ref::<Vec<N>>()).map(|(lengths, numbers)| {
                let start = lengths[..self.rank].iter().sum::<usize>();
                &numbers[start..start + lengths[self.rank]]
            });
            let to = into.split_off_mut(..expected[rank]).expect("as many as are expected together");
            to.copy_from_slice(of_length(rank, part, expected[rank])?);
        }
        Ok(())
    }

    fn gather_of<N: Copy + Send + Sync + 'static>(&self, all: &mut [N], lengths: &[usize]) -> Result<(), RankError> {
        let start: usize = lengths[..self.rank].iter().sum();
        let given = self.call(&all[start..][..lengths[self.rank]], None)?;
        let mut rest = all;
        for (rank, given) in given.iter().enumerate() {
            let part = given.numbers.downcast_ref::<Vec<N>>().filter(|_| given.lengths.is_none());
            let to = rest.split_off_mut(..lengths[rank]).expect("as many as are there together");
            to.copy_from_slice(of_length(rank, part.map(Vec::as_slice), lengths[rank])?);
        }
        Ok(())
    }
}

impl Ranks for ThreadRanks {
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
        self.state().failed.get_or_insert(RankError { rank: self.rank, problem: why.to_owned() });
        self.board.changed.notify_all();
    }
}

/// What a rank gave, if it is what is expected of it.
fn of_length<N>(rank: usize, given: Option<&[N]>, expected: usize) -> Result<&[N], RankError> {
    let problem = match given {
        Some(given) if given.len() == expected => return Ok(given),
        Some(given) => {
            format!("it gave {} values, and {expected} were expected: do all ranks run the same program?", given.len())
        }
        None => "it made another call: do all ranks run the same program?".to_owned(),
    };
    Err(RankError { rank, problem })
}
