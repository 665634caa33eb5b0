//! Gradients of one layer are sent while the next is swept.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

use super::layout::{Layout, owned};
use super::parts::OWN_MESSAGE;
use super::values::{values, values_mut};
use super::{RankError, Ranks};
use crate::Real;
use crate::parallel::Spare;
use crate::planned::Ready;

/// The gradient of a parameter, given by its number: the parts of all other ranks, in their order.
type Packed<T> = (usize, Vec<T>);

/// Calls `sweep` with what it tells of complete gradients, while another thread exchanges them. Then `all` gives those of which it did not
/// tell, among the others. Returns what the other ranks have sent: of each its gradients of all entries that this rank owns.
pub(super) fn exchange_during<T: Real, R>(
    world: &dyn Ranks,
    spare: &Spare<T>,
    layout: &Layout,
    sweep: impl FnOnce(&Ready<'_, T>) -> R,
    all: impl Fn(&R, &mut dyn FnMut(usize, Option<&[T]>)),
) -> Result<(R, Vec<T>), RankError> {
    let pack = |k: usize, gradient: Option<&[T]>| {
        let len = layout.params[k].len();
        let parts = others(world).map(|other| owned(len, other, world.size()));
        let mut packed = spare.take(len - owned(len, world.rank(), world.size()).len());
        let mut to = &mut packed[..];
        for part in parts {
            let to = to.split_off_mut(..part.len()).expect("the parts are all but the own one");
            match gradient {
                Some(gradient) => to.copy_from_slice(&gradient[part]),
                None => to.fill(T::default()),
            }
        }
        (k, packed)
    };
    std::thread::scope(|scope| {
        let (sender, receiver) = channel::<Packed<T>>();
        let courier = scope.spawn(move || deliver(world, spare, layout, &receiver));
        let told: Vec<_> = layout.params.iter().map(|_| AtomicBool::new(false)).collect();
        let result = sweep(&|id, gradient| {
            if let Some(k) = layout.params.iter().position(|place| place.id == id) {
                told[k].store(true, Ordering::Relaxed);
                // If the courier has ended, it returns why.
                let _ = sender.send(pack(k, Some(gradient)));
            }
        });
        all(&result, &mut |k, gradient| {
            if !told[k].load(Ordering::Relaxed) {
                let _ = sender.send(pack(k, gradient));
            }
        });
        drop(sender);
        let received = courier.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((result, received))
    })
}

fn others(world: &dyn Ranks) -> impl Iterator<Item = usize> + use<> {
    let own = world.rank();
    (0..world.size()).filter(move |rank| *rank != own)
}

/// Exchanges gradients in the order in which a sweep completes them, the last parameters first, on all ranks the same.
fn deliver<T: Real>(
    world: &dyn Ranks,
    spare: &Spare<T>,
    layout: &Layout,
    packed: &Receiver<Packed<T>>,
) -> Result<Vec<T>, RankError> {
    let (rank, size) = (world.rank(), world.size());
    let len = |k: usize, rank: usize| owned(layout.params[k].len(), rank, size).len();
    let slice = layout.slice_len(rank);
    let mut received = spare.take((size - 1) * slice);
    let mut there: Vec<Option<Vec<T>>> = layout.params.iter().map(|_| None).collect();
    for bundle in bundles(layout) {
        while bundle.clone().any(|k| there[k].is_none()) {
            let ended = |_| RankError { rank, problem: "its sweep did not end".to_owned() };
            let (k, parts) = packed.recv().map_err(ended)?;
            there[k] = Some(parts);
        }
        let of = |other: usize, from: usize| -> usize {
            if other == rank { 0 } else { bundle.clone().map(|k| len(k, from)).sum() }
        };
        let lengths: Vec<usize> = (0..size).map(|other| of(other, other)).collect();
        let expected: Vec<usize> = (0..size).map(|other| of(other, rank)).collect();
        let mut sent = spare.take(lengths.iter().sum());
        let mut to = sent.iter_mut();
        let mut starts = vec![0; layout.params.len()];
        for other in others(world) {
            for k in bundle.clone() {
                let part = &there[k].as_ref().expect("it was waited for")[starts[k]..][..len(k, other)];
                starts[k] += part.len();
                part.iter().zip(&mut to).for_each(|(from, to)| *to = *from);
            }
        }
        bundle.clone().filter_map(|k| there[k].take()).for_each(|parts| spare.give(parts));
        let mut arrived = spare.take(expected.iter().sum());
        world.all_to_all(values(&sent), &lengths, values_mut(&mut arrived), &expected)?;
        let start: usize = (0..bundle.start).map(|k| len(k, rank)).sum();
        let of_each = arrived.len() / (size - 1);
        if of_each > 0 {
            for (place, arrived) in received.chunks_mut(slice).zip(arrived.chunks(of_each)) {
                place[start..][..of_each].copy_from_slice(arrived);
            }
        }
        [sent, arrived].into_iter().for_each(|row| spare.give(row));
    }
    Ok(received)
}

/// Parameters whose gradients are sent together, because a message has a latency.
fn bundles(layout: &Layout) -> Vec<Range<usize>> {
    let (mut bundles, mut end, mut entries) = (Vec::new(), layout.params.len(), 0);
    for (k, place) in layout.params.iter().enumerate().rev() {
        entries += place.len();
        if entries >= OWN_MESSAGE || k == 0 {
            bundles.push(k..end);
            (end, entries) = (k, 0);
        }
    }
    bundles
}
