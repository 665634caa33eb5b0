//! Storage of the derivatives of a sweep: regions of one buffer, each of which is reused when no node refers to it.
//!
//! At a skip connection δx = δy is not copied. x and y share one region, until x gains another term while y, or another
//! summand of y, still refers to it.

use kernel::pool::{Memory, widen};
use kernel::simd::{Accum, fill};
use kernel::threads::{each_in_parts, in_parts};
use smallvec::SmallVec;

use crate::sweep::log::{DeltaStep, Log};
use crate::tape::records::Slot;
use crate::{Matrix, MatrixRef, Real};

kernel::lent!(Deltas<Real>);

/// The buffers of one sweep.
#[derive(Clone, Default)]
pub(crate) struct Deltas<T> {
    values: Vec<T>,
    /// The region of each node's derivative, or `NOWHERE`.
    places: Vec<u32>,
    regions: Vec<Region>,
    /// The free regions, and their lengths.
    free: Vec<(usize, u32)>,
    /// The part of the buffer that the regions cover.
    used: usize,
    /// Parameters, by identity.
    pub params: Vec<Slot>,
    /// The new values of buffers, by identity.
    pub updates: Vec<(u64, Matrix<T>)>,
}

impl<T> Memory for Deltas<T> {
    fn bytes(&self) -> usize {
        let (values, nodes) = (self.values.bytes(), self.places.bytes() + self.params.bytes());
        values + nodes + self.regions.bytes() + self.free.bytes()
    }
}

/// A part of the buffer.
#[derive(Clone, Copy)]
struct Region {
    start: usize,
    len: usize,
    /// The number of nodes whose derivative is stored here.
    holders: u32,
    /// The number of entries at the start that have not been written.
    blank: usize,
}

const NOWHERE: u32 = u32::MAX;

impl<T: Real> Deltas<T> {
    /// Clears everything, for a sweep over `nodes` nodes.
    pub fn begin(&mut self, nodes: usize) {
        self.places.clear();
        self.places.resize(nodes, NOWHERE);
        self.regions.clear();
        self.free.clear();
        self.used = 0;
        self.params.clear();
        self.updates.clear();
    }

    /// The same places without values.
    pub fn layout(&self) -> Self {
        Deltas {
            values: Vec::new(),
            places: self.places.clone(),
            regions: self.regions.clone(),
            free: self.free.clone(),
            used: self.used,
            params: self.params.clone(),
            updates: Vec::new(),
        }
    }

    /// Takes the places of a layout, and returns the values that lie there. These, and the new values of buffers, are yet to be written.
    pub fn lay_out(&mut self, layout: &Self) -> &mut [T] {
        self.places.clone_from(&layout.places);
        self.regions.clone_from(&layout.regions);
        self.free.clone_from(&layout.free);
        self.params.clone_from(&layout.params);
        self.used = layout.used;
        widen(&mut self.values, self.used);
        &mut self.values
    }

    /// The region of a node's derivative, if it has one.
    #[inline]
    pub fn region(&self, id: u32) -> Option<u32> {
        let region = self.places[id as usize];
        (region != NOWHERE).then_some(region)
    }

    /// Whether a node has a derivative of this length.
    pub fn has(&self, id: u32, len: usize) -> bool {
        let place = self.places.get(id as usize).copied().unwrap_or(NOWHERE);
        self.regions.get(place as usize).is_some_and(|region| region.len == len)
    }

    /// The derivative of a node; `None` if it has none, or was recorded after everything in the sweep.
    pub fn at(&self, id: u32) -> Option<&[T]> {
        let region = self.regions.get(*self.places.get(id as usize)? as usize)?;
        Some(&self.values[region.start..][..region.len])
    }

    /// Where the derivative of a node is in the buffer, if it has one.
    pub fn place(&self, id: u32) -> Option<usize> {
        Some(self.regions.get(*self.places.get(id as usize)? as usize)?.start)
    }

    /// The length of the buffer.
    pub fn used(&self) -> usize {
        self.used
    }

    /// A copy of the derivative; zeros if there is none.
    pub fn matrix(&self, id: u32, (rows, cols): (usize, usize)) -> Matrix<T> {
        self.at(id).map_or_else(|| Matrix::zeros(rows, cols), |d| Matrix::from_vec(rows, cols, d.to_vec()))
    }

    /// Whether the sweep has reached a node.
    pub fn saw(&self, id: u32) -> bool {
        (id as usize) < self.places.len()
    }

    /// Where to write the next term of a node's derivative, which has the given length: a region that no other node shares.
    #[inline]
    pub fn open(&mut self, id: u32, len: usize, log: &mut impl Log) -> (u32, Accum) {
        let (region, accum) = self.open_blank(id, len, log);
        if accum == Accum::Add {
            self.settle(region, log);
        }
        (region, accum)
    }

    /// The same, but a part of the region may be unwritten.
    #[inline]
    fn open_blank(&mut self, id: u32, len: usize, log: &mut impl Log) -> (u32, Accum) {
        let Some(region) = self.region(id) else {
            let region = self.take(len);
            self.places[id as usize] = region;
            return (region, Accum::Replace);
        };
        if self.regions[region as usize].holders == 1 {
            return (region, Accum::Add);
        }
        // The region was shared until now; the node gets its own because it gains another term.
        let own = self.take(len);
        self.regions[region as usize].holders -= 1;
        let (from, to) = (self.regions[region as usize].start, self.regions[own as usize].start);
        log.note(|| DeltaStep::Copy { from, to, len });
        self.values.copy_within(from..from + len, to);
        self.places[id as usize] = own;
        (own, Accum::Add)
    }

    /// Makes a node without a derivative share that of another.
    #[inline]
    pub fn share(&mut self, id: u32, region: u32) {
        self.regions[region as usize].holders += 1;
        self.places[id as usize] = region;
    }

    /// Frees the derivative of a node.
    #[inline]
    pub fn release(&mut self, id: u32) {
        let place = std::mem::replace(&mut self.places[id as usize], NOWHERE);
        let region = &mut self.regions[place as usize];
        region.holders -= 1;
        if region.holders == 0 {
            self.free.push((region.len, place));
        }
    }

    /// The contents of one region, and another region to write to.
    #[inline]
    pub fn pair(&mut self, from: u32, to: u32) -> (&[T], &mut [T]) {
        let range = |region: u32| {
            let Region { start, len, .. } = self.regions[region as usize];
            start..start + len
        };
        let [from, to] = self.values.get_disjoint_mut([range(from), range(to)]).expect("regions lie apart");
        (from, to)
    }

    /// Where a region begins in the buffer.
    #[inline]
    pub fn start(&self, region: u32) -> usize {
        self.regions[region as usize].start
    }

    /// The contents of a region, to write.
    pub fn slice_mut(&mut self, region: u32) -> &mut [T] {
        let Region { start, len, .. } = self.regions[region as usize];
        &mut self.values[start..start + len]
    }

    /// All derivatives before a region, and the region to write to, in a sweep that frees none.
    pub fn before(&mut self, region: u32) -> (Before<'_, T>, &mut [T]) {
        let Region { start, len, .. } = self.regions[region as usize];
        let (values, rest) = self.values.split_at_mut(start);
        (Before { values, places: &self.places, regions: &self.regions }, &mut rest[..len])
    }

    /// The derivative of a node += that of another, in the columns that begin with entry `start`. The columns before them
    /// stay unwritten: slices that are swept from last to first fill their matrix without zeroing it.
    pub fn add_columns(&mut self, id: u32, len: usize, from: u32, start: usize, log: &mut impl Log) {
        let (region, accum) = self.open_blank(id, len, log);
        let blank = if accum == Accum::Replace { len } else { self.regions[region as usize].blank };
        let [dy_start, dx_start] = [from, region].map(|region| self.start(region));
        let (dy, dx) = self.pair(from, region);
        let end = start + dy.len();
        let (fresh, rest) = dy.split_at(blank.clamp(start, end) - start);
        log.note(|| DeltaStep::Copy { from: dy_start, to: dx_start + start, len: fresh.len() });
        log.note(|| DeltaStep::Add {
            from: dy_start + fresh.len(),
            to: dx_start + start + fresh.len(),
            len: rest.len(),
        });
        dx[start..][..fresh.len()].copy_from_slice(fresh);
        dx[start + fresh.len()..end].iter_mut().zip(rest).for_each(|(dx, &dy)| *dx += dy);
        if start < blank {
            log.note(|| DeltaStep::Zero { at: dx_start + end.min(blank), len: blank - end.min(blank) });
            dx[end.min(blank)..blank].fill(T::default());
        }
        self.regions[region as usize].blank = blank.min(start);
    }

    /// Writes zeros to the entries that have not been written.
    #[inline]
    pub fn settle(&mut self, region: u32, log: &mut impl Log) {
        let Region { start, blank, .. } = self.regions[region as usize];
        if blank > 0 {
            log.note(|| DeltaStep::Zero { at: start, len: blank });
            self.values[start..start + blank].fill(T::default());
            self.regions[region as usize].blank = 0;
        }
    }

    /// Adds the gradients of parameters that another sweep found.
    pub fn add(&mut self, other: &Self) {
        let mut sums = SmallVec::<[(Region, &[T]); 16]>::new();
        for slot in &other.params {
            let Some(x) = other.at(slot.node) else { continue };
            let found = self.params.binary_search_by_key(&slot.id, |own| own.id);
            match found.map(|k| self.params[k].node) {
                Ok(node) if self.at(node).is_some() => {
                    let (own, _) = self.open(node, x.len(), &mut ());
                    sums.push((self.regions[own as usize], x));
                }
                _ => self.insert(found, slot.id, x),
            }
        }
        // In the order of their storage, each is split off from the rest.
        sums.sort_unstable_by_key(|(region, _)| region.start);
        let (mut rest, mut at) = (&mut self.values[..], 0);
        let mut pairs = SmallVec::<[(&mut [T], &[T]); 16]>::new();
        for (Region { start, len, .. }, x) in sums {
            let (own, after) = std::mem::take(&mut rest)[start - at..].split_at_mut(len);
            (rest, at) = (after, start + len);
            pairs.push((own, x));
        }
        each_in_parts(
            &mut pairs,
            |(sum, _)| sum.len(),
            |(sum, x)| {
                in_parts(sum, |start, sum| {
                    let x = &x[start..][..sum.len()];
                    fill(sum, Accum::Add, move |i| x[i]);
                });
            },
        );
    }

    /// Adds a parameter that this sweep does not have, or has without a gradient.
    fn insert(&mut self, place: Result<usize, usize>, id: u64, gradient: &[T]) {
        let region = self.take(gradient.len());
        self.slice_mut(region).copy_from_slice(gradient);
        let slot = Slot { id, node: self.places.len() as u32, is_bound: false };
        self.places.push(region);
        match place {
            Ok(k) => self.params[k] = slot,
            Err(k) => self.params.insert(k, slot),
        }
    }

    /// A region of this length for one node: one of the last that were freed, or a new one.
    fn take(&mut self, len: usize) -> u32 {
        const RECENT: usize = 8;
        let recent = self.free.len().saturating_sub(RECENT);
        if let Some(k) = self.free[recent..].iter().rposition(|free| free.0 == len) {
            let (_, region) = self.free.remove(recent + k);
            self.regions[region as usize].holders = 1;
            return region;
        }
        let start = self.used;
        self.used += len;
        widen(&mut self.values, self.used);
        self.regions.push(Region { start, len, holders: 1, blank: 0 });
        self.regions.len() as u32 - 1
    }
}

/// All derivatives before a region.
#[derive(Clone, Copy)]
pub(crate) struct Before<'a, T> {
    values: &'a [T],
    places: &'a [u32],
    regions: &'a [Region],
}

impl<'a, T: Real> Before<'a, T> {
    /// The derivative of a node with this shape, if it has one.
    pub fn at(self, id: u32, (rows, cols): (usize, usize)) -> Option<MatrixRef<'a, T>> {
        let region = self.regions.get(self.places[id as usize] as usize)?;
        Some(MatrixRef::new(rows, cols, &self.values[region.start..][..region.len]))
    }
}
