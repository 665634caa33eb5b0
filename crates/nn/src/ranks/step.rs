//! The gradients of a step over all ranks, added in the order of a single one.

use std::iter::Peekable;
use std::ops::Range;

use super::bytes::WEIGHT;
use super::layout::{Layout, Segment, owned};
use super::overlap::exchange_during;
use super::parts::gather_parts;
use super::terms::{Terms, in_blocks};
use super::values::{values, values_mut};
use super::{RankError, Ranks, Reader, gather, put_numbers, put_weight, share, take_weight};
use crate::parallel::{Divided, Part, Place, Row, Spare, Total, Weight, halves};
use crate::planned::Ready;
use crate::{GradientSum, Gradients, MatrixRef, Module, Real};

/// Loss and gradients of a batch, or of its micro-batches together. Every rank knows how they are divided into shards, and runs its own.
/// It adds its slice of the gradients, and receives the others if it needs the `whole`.
pub(crate) fn gradients<T: Real>(
    world: &dyn Ranks,
    overlaps: bool,
    spare: &Spare<T>,
    model: &(dyn Module<T> + Sync),
    batches: &[Divided<'_, '_, T>],
    whole: bool,
) -> Result<(f64, Total<T>), RankError> {
    let layout = &Layout::of(world, model);
    let mut row = spare.take(layout.len);
    let mut sum = Slice::of(layout, world.rank(), &mut row);
    let step = Step { world, overlaps, spare, model, layout };
    let (loss, buffers, weight) =
        if let [batch] = batches { step.whole(batch, &mut sum)? } else { step.in_parts(batches, &mut sum)? };
    let has = sum.of_any;
    if whole {
        gather_parts(world, spare, &mut |f| {
            layout.params.iter().for_each(|place| f(&mut row[place.start..][..place.len()]));
        })?;
    }
    let known = |len: usize| if whole { 0..len } else { owned(len, world.rank(), world.size()) };
    let with_gradient = layout.params.iter().zip(has).filter(|(_, has)| *has);
    let mut places: Vec<_> = with_gradient.map(|(place, _)| (*place, known(place.len()))).collect();
    places.sort_unstable_by_key(|(place, _)| place.id);
    Ok((loss, Total::in_row(Row { entries: row, places }, buffers, weight)))
}

/// For each micro-batch of a step, given by its number of shards, which shards this rank runs.
pub(crate) fn own_shards(world: &dyn Ranks, mut counts: &[usize]) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    while !counts.is_empty() {
        let (now, later) = counts.split_at(at_once(counts, world.size()));
        all.extend(own(now, world.rank(), world.size()));
        counts = later;
    }
    all
}

/// How many micro-batches run at the same time: as many as it takes that every rank has a shard.
fn at_once(counts: &[usize], ranks: usize) -> usize {
    let mut shards = 0;
    let enough = counts.iter().position(|count| {
        shards += count;
        shards >= ranks
    });
    enough.map_or(counts.len(), |last| last + 1)
}

/// The shards of a rank in each of the micro-batches that run at the same time.
fn own(counts: &[usize], rank: usize, size: usize) -> Vec<Range<usize>> {
    let own = share(counts.iter().sum(), rank, size);
    let mut end = 0;
    let parts = counts.iter().map(|count| {
        let start = end;
        end += count;
        own.start.clamp(start, end) - start..own.end.clamp(start, end) - start
    });
    parts.collect()
}

/// The shards of a subtree: the number of the batch among those that run at the same time, and its shards.
type Subtree = (usize, Range<usize>);

/// The largest subtrees of a rank: those that consist of its shards. The halves of a batch are kept apart, as the sum over a batch does.
fn subtrees(counts: &[usize], rank: usize, size: usize) -> Vec<Subtree> {
    let mut found = Vec::new();
    for (number, (count, own)) in counts.iter().zip(own(counts, rank, size)).enumerate() {
        let mut inside = Vec::new();
        match count {
            1 => cover(0..1, &own, &mut inside),
            _ => halves(0..*count).into_iter().for_each(|half| cover(half, &own, &mut inside)),
        }
        found.extend(inside.into_iter().map(|shards| (number, shards)));
    }
    found
}

fn cover(tree: Range<usize>, own: &Range<usize>, found: &mut Vec<Range<usize>>) {
    if own.start <= tree.start && tree.end <= own.end {
        found.push(tree);
    } else if tree.start < own.end && own.start < tree.end {
        halves(tree).into_iter().for_each(|half| cover(half, own, found));
    }
}

/// The sums that a rank computes: its segments of the row.
struct Slice<'l, T> {
    params: &'l [Place],
    segments: &'l [Segment],
    row: &'l mut [T],
    /// Whether something was added to each segment.
    begun: Vec<bool>,
    /// Whether there is a gradient of each parameter of the model.
    of_any: Vec<bool>,
}

impl<'l, T: Real> Slice<'l, T> {
    fn of(layout: &'l Layout, rank: usize, row: &'l mut [T]) -> Self {
        let segments = &layout.segments[rank];
        let (begun, of_any) = (vec![false; segments.len()], vec![false; layout.params.len()]);
        Slice { params: &layout.params, segments, row, begun, of_any }
    }

    /// Calls `f` with the number of each segment, its sums, and whether they have begun, and notes that they have, if it has a gradient.
    fn each(&mut self, terms: &Terms<'_, T>, f: impl Fn(usize, &mut [T], bool)) {
        for (k, (param, entries)) in self.segments.iter().enumerate().filter(|(k, _)| terms.has(*k)) {
            let sums = &mut self.row[self.params[*param].start..][entries.clone()];
            f(k, sums, self.begun[k]);
            self.begun[k] = true;
        }
    }

    fn set(&mut self, terms: &Terms<'_, T>) {
        self.each(terms, |k, sums, _| in_blocks(0, sums, &|start, sums| terms.write(k, start, sums)));
    }

    /// Adds a multiple, as a [sum over several tapes](GradientSum) does.
    fn add_multiple(&mut self, weight: f64, terms: &Terms<'_, T>) {
        let weight = T::from_f64(weight);
        self.each(terms, |k, sums, begun| match begun {
            true => in_blocks(0, sums, &|start, sums| terms.with(k, start, sums, |sum, g| *sum += weight * g)),
            false => in_blocks(0, sums, &|start, sums| terms.with(k, start, sums, |sum, g| *sum = weight * g)),
        });
    }

    fn scale(&mut self, factor: f64) {
        let factor = T::from_f64(factor);
        for (param, entries) in self.segments {
            self.row[self.params[*param].start..][entries.clone()].iter_mut().for_each(|g| *g *= factor);
        }
    }
}

/// The sum over the shards of a batch, whose second half is still to be added unless there is a single shard or a factor.
struct Summed<'g, T: Real> {
    loss: f64,
    half: Terms<'g, T>,
    other: Option<Terms<'g, T>>,
    buffers: GradientSum<T>,
    weight: Weight,
}

/// Adds the sum over a batch to the slices.
type Add<'f, T> = dyn FnMut(&mut Slice<'_, T>, &Divided<'_, '_, T>, Summed<'_, T>) + 'f;

struct Step<'s, T: Real> {
    world: &'s dyn Ranks,
    overlaps: bool,
    spare: &'s Spare<T>,
    model: &'s (dyn Module<T> + Sync),
    layout: &'s Layout,
}

impl<T: Real> Step<'_, T> {
    /// The sum over a batch, in slices.
    fn whole(&self, batch: &Divided<'_, '_, T>, sum: &mut Slice<'_, T>) -> Result<Rest<T>, RankError> {
        let mut rest = None;
        self.run(std::slice::from_ref(batch), sum, &mut |sum, _, Summed { loss, half, other, buffers, weight }| {
            sum.set(&match other {
                None => half,
                Some(other) => Terms::both(None, half, other),
            });
            rest = Some((loss, buffers, weight));
        })?;
        Ok(rest.expect("of the batch"))
    }

    /// The sum over micro-batches, in slices.
    fn in_parts(&self, batches: &[Divided<'_, '_, T>], sum: &mut Slice<'_, T>) -> Result<Rest<T>, RankError> {
        let all: usize = batches.iter().map(|batch| batch.shards.samples).sum();
        let (mut loss, mut buffers, mut whole) = (0.0, GradientSum::new(), None);
        let mut rest = batches;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(at_once(&counts(rest), self.world.size()));
            self.run(now, sum, &mut |sum, batch, part| {
                let factor = part.weight.factor(all);
                loss += factor * part.loss;
                sum.add_multiple(factor, &part.half);
                part.other.iter().for_each(|other| sum.add_multiple(factor, other));
                buffers.add_buffers(batch.shards.samples as f64 / all as f64, self.model, &part.buffers);
                whole = Some(whole.map_or(part.weight, |whole: Weight| whole.and(part.weight)));
            })?;
            rest = later;
        }
        let whole = whole.expect("a step has samples");
        if let Some(rest) = whole.rest(all) {
            loss *= rest.loss;
            sum.scale(rest.gradients);
        }
        Ok((loss, buffers, whole))
    }

    /// Runs batches at the same time: this rank runs its shards, and calls `f` with the sum over each batch.
    fn run(&self, batches: &[Divided<'_, '_, T>], sum: &mut Slice<'_, T>, f: &mut Add<'_, T>) -> Result<(), RankError> {
        let world = self.world;
        let (rank, size, counts) = (world.rank(), world.size(), counts(batches));
        let subtrees: Vec<Vec<Subtree>> = (0..size).map(|rank| subtrees(&counts, rank, size)).collect();
        let (own, received) = match batches {
            [batch] if self.overlaps && size > 1 && batch.shards.count == size => self.overlapped(batch)?,
            _ => {
                let own = run_shards(batches, &subtrees[rank]);
                let received = self.exchanged(&own, &subtrees)?;
                (own, received)
            }
        };
        let gradients = self.gradients(&own);

        let length = self.report_len();
        let mut reports = Vec::new();
        own.iter().zip(&gradients).for_each(|(part, gradients)| self.report(&mut reports, part, gradients));
        let lengths: Vec<usize> = subtrees.iter().map(|of_rank| of_rank.len() * length).collect();
        let reports = gather(world, &reports, &lengths)?;

        let (mut reports, mut rest, mut own) = (Reader(&reports), &received[..], gradients.iter());
        let mut parts = Vec::new();
        for (other, subtrees) in subtrees.into_iter().enumerate() {
            for subtree in subtrees {
                let Report { loss, weight, has, buffers } = self.reported(&mut reports);
                sum.of_any.iter_mut().zip(&has).for_each(|(any, has)| *any |= has);
                let grads = match other == rank {
                    true => own_slice(sum.segments, own.next().expect("one of each own subtree")),
                    false => received_slice(sum.segments, &has, &mut rest),
                };
                parts.push((subtree, Part { loss, grads, buffers, weight }));
            }
        }
        let mut parts = parts.into_iter().peekable();
        for (number, batch) in batches.iter().enumerate() {
            f(sum, batch, top(number, batch, &mut parts));
        }
        drop(parts);
        self.spare.give(received);
        Ok(())
    }

    /// The gradients of each part, by the number of the parameter.
    fn gradients<'g>(&self, parts: &'g [Part<T, Gradients<T>>]) -> Vec<Vec<Option<MatrixRef<'g, T>>>> {
        parts.iter().map(|part| self.layout.gradients(self.model, &part.grads)).collect()
    }

    /// Sends the gradients of this rank to their owners, and returns what the others have sent: of each its subtrees in order.
    fn exchanged(&self, own: &[Part<T, Gradients<T>>], subtrees: &[Vec<Subtree>]) -> Result<Vec<T>, RankError> {
        let (world, layout, rank) = (self.world, self.layout, self.world.rank());
        let others = |of: &dyn Fn(usize) -> usize| -> Vec<usize> {
            (0..subtrees.len()).map(|other| if other == rank { 0 } else { of(other) }).collect()
        };
        let lengths = others(&|other| own.len() * layout.slice_len(other));
        let expected = others(&|other| subtrees[other].len() * layout.slice_len(rank));
        let gradients = self.gradients(own);
        let mut sent = self.spare.take(lengths.iter().sum());
        let mut rest = &mut sent[..];
        for other in (0..subtrees.len()).filter(|other| *other != rank) {
            gradients.iter().for_each(|gradients| put(&mut rest, &layout.segments[other], gradients));
        }
        let mut received = self.spare.take(expected.iter().sum());
        world.all_to_all(values(&sent), &lengths, values_mut(&mut received), &expected)?;
        self.spare.give(sent);
        Ok(received)
    }

    /// The same for a batch of which every rank runs one shard, while this one is swept.
    fn overlapped(&self, batch: &Divided<'_, '_, T>) -> Result<Swept<T>, RankError> {
        let sweep = |ready: &Ready<'_, T>| vec![batch.part(self.world.rank(), Some(ready))];
        exchange_during(self.world, self.spare, self.layout, sweep, |own, f| {
            let gradients = self.gradients(own).into_iter().flatten();
            gradients.enumerate().for_each(|(k, gradient)| f(k, gradient.map(|gradient| gradient.as_slice())));
        })
    }

    /// Appends what every rank must know of a subtree: its loss, its weight, which parameters have a gradient, and the new buffers.
    fn report(&self, bytes: &mut Vec<u8>, part: &Part<T, Gradients<T>>, gradients: &[Option<MatrixRef<'_, T>>]) {
        bytes.extend(part.loss.to_le_bytes());
        put_weight(bytes, &part.weight);
        bytes.extend(gradients.iter().map(|gradient| u8::from(gradient.is_some())));
        for place in &self.layout.buffers {
            let buffer = part.buffers.buffer(place.id);
            bytes.push(u8::from(buffer.is_some()));
            bytes.extend(buffer.map_or(0.0, |(_, share)| share).to_le_bytes());
            match buffer {
                Some((mean, _)) => put_numbers(bytes, mean.as_slice()),
                None => bytes.resize(bytes.len() + place.len() * size_of::<T>(), 0),
            }
        }
    }

    fn report_len(&self) -> usize {
        let buffer = |place: &Place| 1 + 8 + place.len() * size_of::<T>();
        8 + WEIGHT + self.layout.params.len() + self.layout.buffers.iter().map(buffer).sum::<usize>()
    }

    fn reported(&self, bytes: &mut Reader<'_>) -> Report<T> {
        let (loss, weight) = (bytes.f64(), take_weight(bytes));
        let has = self.layout.params.iter().map(|_| bytes.flag()).collect();
        let mut buffers = GradientSum::new();
        for place in &self.layout.buffers {
            let (has, share, mean) = (bytes.flag(), bytes.f64(), bytes.numbers(place.len()));
            if has {
                buffers.average(place.id, share, MatrixRef::new(place.shape.0, place.shape.1, &mean));
            }
        }
        Report { loss, weight, has, buffers }
    }
}

/// What a rank has swept, and what the others have sent.
type Swept<T> = (Vec<Part<T, Gradients<T>>>, Vec<T>);

/// The loss, the new buffers and the weight of a step.
type Rest<T> = (f64, GradientSum<T>, Weight);

struct Report<T> {
    loss: f64,
    weight: Weight,
    has: Vec<bool>,
    buffers: GradientSum<T>,
}

fn counts<T: Real>(batches: &[Divided<'_, '_, T>]) -> Vec<usize> {
    batches.iter().map(|batch| batch.shards.count).collect()
}

/// Writes the entries of some segments to the beginning of `rest`; 0 if there is no gradient.
fn put<T: Real>(rest: &mut &mut [T], segments: &[Segment], gradients: &[Option<MatrixRef<'_, T>>]) {
    for (k, entries) in segments {
        let to = rest.split_off_mut(..entries.len()).expect("as long as counted");
        match gradients[*k] {
            Some(gradient) => {
                in_blocks(entries.start, to, &|start, to| to.copy_from_slice(&gradient.as_slice()[start..][..to.len()]))
            }
            None => to.fill(T::default()),
        }
    }
}

fn own_slice<'g, T: Real>(segments: &[Segment], gradients: &[Option<MatrixRef<'g, T>>]) -> Terms<'g, T> {
    let of = |(k, entries): &Segment| gradients[*k].map(|gradient| &gradient.as_slice()[entries.clone()]);
    Terms::One(segments.iter().map(of).collect())
}

/// What another rank [put](put) for this one.
fn received_slice<'g, T: Real>(segments: &[Segment], has: &[bool], rest: &mut &'g [T]) -> Terms<'g, T> {
    let mut of = |(k, entries): &Segment| {
        let part = rest.split_off(..entries.len()).expect("as long as expected");
        has[*k].then_some(part)
    };
    Terms::One(segments.iter().map(&mut of).collect())
}

/// The subtrees that are still to be added, in the order of their shards.
type Parts<'g, T> = Peekable<std::vec::IntoIter<(Subtree, Part<T, Terms<'g, T>>)>>;

/// Adds the subtrees of a batch along the rest of the tree.
fn top<'g, T: Real>(number: usize, batch: &Divided<'_, '_, T>, parts: &mut Parts<'g, T>) -> Summed<'g, T> {
    let count = batch.shards.count;
    if count == 1 {
        let Part { loss, grads, buffers, weight } = tree(number, 0..1, parts);
        return Summed { loss, half: grads, other: None, buffers, weight };
    }
    let [mut half, other] = halves(0..count).map(|half| tree(number, half, parts));
    half.buffers.merge_buffers(other.buffers);
    let (loss, weight, buffers) = (half.loss + other.loss, half.weight.and(other.weight), half.buffers);
    match batch.rest(weight) {
        None => Summed { loss, half: half.grads, other: Some(other.grads), buffers, weight },
        Some(rest) => {
            let half = Terms::both(Some(rest.gradients), half.grads, other.grads);
            Summed { loss: rest.loss * loss, half, other: None, buffers, weight }
        }
    }
}

/// The sum over some shards of a batch.
fn tree<'g, T: Real>(number: usize, shards: Range<usize>, parts: &mut Parts<'g, T>) -> Part<T, Terms<'g, T>> {
    match parts.next_if(|(subtree, _)| *subtree == (number, shards.clone())) {
        Some((_, part)) => part,
        None => {
            let [a, b] = halves(shards).map(|half| tree(number, half, parts));
            a.and(b)
        }
    }
}

/// Runs the shards of some subtrees.
fn run_shards<T: Real>(batches: &[Divided<'_, '_, T>], subtrees: &[Subtree]) -> Vec<Part<T, Gradients<T>>> {
    match subtrees {
        [] => Vec::new(),
        [(number, shards)] => {
            let batch = &batches[*number];
            let mut part = batch.tree(shards.clone());
            if batch.shards.count == 1 {
                part.buffers.add_buffers(1.0, batch.model, &part.grads);
            }
            vec![part]
        }
        several => {
            let (a, b) = several.split_at(several.len() / 2);
            let (mut a, b) = rayon_core::join(|| run_shards(batches, a), || run_shards(batches, b));
            a.extend(b);
            a
        }
    }
}
