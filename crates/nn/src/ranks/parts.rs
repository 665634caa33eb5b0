//! The parts of numbers that the ranks own, on all ranks.

use super::layout::owned;
use super::values::values_mut;
use super::{RankError, Ranks};
use crate::Real;
use crate::parallel::Spare;

/// Calls its argument with lists of numbers, the same at every call and on every rank.
pub(crate) type EachList<'e, T> = dyn FnMut(&mut dyn FnMut(&mut [T])) + 'e;

/// Lists of at least this length are gathered where they are; shorter ones together, because a message has a latency.
pub(super) const OWN_MESSAGE: usize = 1 << 14;

/// Gives all ranks the entries of every list that each of them owns.
pub(crate) fn gather_parts<T: Real>(
    world: &dyn Ranks,
    spare: &Spare<T>,
    each: &mut EachList<'_, T>,
) -> Result<(), RankError> {
    let (rank, size) = (world.rank(), world.size());
    let (mut short, mut done) = (vec![0; size], Ok(()));
    each(&mut |list| {
        let len = list.len();
        let lengths = (0..size).map(|rank| owned(len, rank, size).len());
        if len < OWN_MESSAGE {
            short.iter_mut().zip(lengths).for_each(|(sum, len)| *sum += len);
        } else if done.is_ok() {
            done = world.all_gather(values_mut(list), &lengths.collect::<Vec<_>>());
        }
    });
    done?;
    let mut row = spare.take(short.iter().sum());
    let mut own = row[short[..rank].iter().sum()..].iter_mut();
    each(&mut |list| {
        if list.len() < OWN_MESSAGE {
            list[owned(list.len(), rank, size)].iter().zip(&mut own).for_each(|(from, to)| *to = *from);
        }
    });
    world.all_gather(values_mut(&mut row), &short)?;
    let mut starts: Vec<usize> = (0..size).map(|rank| short[..rank].iter().sum()).collect();
    each(&mut |list| {
        if list.len() >= OWN_MESSAGE {
            return;
        }
        for (rank, start) in starts.iter_mut().enumerate() {
            let part = owned(list.len(), rank, size);
            let from = &row[*start..][..part.len()];
            *start += part.len();
            list[part].copy_from_slice(from);
        }
    });
    spare.give(row);
    Ok(())
}
