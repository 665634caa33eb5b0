//! Buffers that outlive the tape that used them, so that a step allocates nothing.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Real;
use crate::deltas::Deltas;
use crate::inner::Node;
use crate::op::Op;
use crate::scalar::Recording;

/// Everything of a tape but what it borrows: its values, nodes and terms.
#[derive(Default)]
pub(crate) struct Records<T> {
    pub values: Vec<T>,
    pub nodes: Vec<Node>,
    pub terms: Vec<Op<u32>>,
    /// By identity.
    pub params: Vec<Slot>,
    /// How many matrices the last tape borrowed.
    pub leaves: usize,
}

/// Lets a buffer have at least so many numbers; it grows by half at a time.
pub(crate) fn widen<T: Real>(values: &mut Vec<T>, len: usize) {
    if values.len() < len {
        let room = len.max(values.len() + values.len() / 2);
        values.reserve_exact(room - values.len());
        values.resize(room, T::default());
    }
}

/// So many places of a buffer from the start of a line of the cache on: a vector that lies across two lines is read twice.
pub(crate) fn aligned<T: Real>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    const LINE: usize = 64;
    widen(buffer, len + LINE / size_of::<T>());
    let start = buffer.as_ptr().align_offset(LINE);
    &mut buffer[start..][..len]
}

impl<T> Records<T> {
    /// The place of a parameter among those that were recorded, or where it would go. Parameters are mostly recorded in
    /// the order in which they were made: at the end.
    pub fn param(&self, id: u64) -> Result<usize, usize> {
        match self.params.last() {
            Some(last) if last.id < id => Err(self.params.len()),
            _ => self.params.binary_search_by_key(&id, |slot| slot.id),
        }
    }
}

/// A parameter, and the node that is its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub id: u64,
    pub node: u32,
}

/// How many buffers of a kind a thread keeps. What is beyond is there for all threads: one may take a buffer, and
/// another drop it.
const OWN: usize = 4;

/// The buffers that are free to use: of a thread, or of all.
pub struct Pool<T> {
    /// The number of the thread, from 1 on.
    thread: u32,
    records: Shelf<Records<T>>,
    deltas: Shelf<Deltas<T>>,
    scratch: Shelf<Vec<T>>,
    scalars: Shelf<Option<Recording<T>>>,
}

/// Buffers, each with the number of the thread that used it last and has it in its cache.
type Shelf<B> = Vec<(u32, B)>;

impl<T> Pool<T> {
    pub(crate) const fn new() -> Self {
        Pool { thread: 0, records: Vec::new(), deltas: Vec::new(), scratch: Vec::new(), scalars: Vec::new() }
    }
}

impl<T> Pool<T> {
    fn thread(&mut self) -> u32 {
        static LAST: AtomicU32 = AtomicU32::new(0);
        if self.thread == 0 {
            self.thread = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        }
        self.thread
    }
}

/// What a pool lends.
pub(crate) trait Lent<T>: Default {
    fn shelf(pool: &mut Pool<T>) -> &mut Shelf<Self>;
}

macro_rules! lent {
    ($Kind:ty, $shelf:ident) => {
        impl<T> Lent<T> for $Kind
        where
            $Kind: Default,
        {
            fn shelf(pool: &mut Pool<T>) -> &mut Shelf<Self> {
                &mut pool.$shelf
            }
        }
    };
}
lent!(Records<T>, records);
lent!(Deltas<T>, deltas);
lent!(Vec<T>, scratch);
lent!(Option<Recording<T>>, scalars);

/// A buffer that goes back to its pool when it is dropped.
///
/// This type has the `Drop`, and no lifetime: a tape may therefore be borrowed for as long as what
/// it borrows, and the compiler still lets it end with its scope.
pub(crate) struct Pooled<T: Real, B: Lent<T>> {
    buffer: B,
    thread: u32,
    _number: std::marker::PhantomData<T>,
}

impl<T: Real, B: Lent<T>> Pooled<T, B> {
    pub fn take() -> Self {
        let (thread, own) = T::pool()
            .try_with(|pool| {
                let pool = &mut *pool.borrow_mut();
                (pool.thread(), B::shelf(pool).pop())
            })
            .unwrap_or_default();
        let (_, buffer) = own.or_else(|| shared::<T, B>(thread)).unwrap_or_default();
        Pooled { buffer, thread, _number: std::marker::PhantomData }
    }
}

/// A buffer of all threads: preferably one that this one used before.
fn shared<T: Real, B: Lent<T>>(thread: u32) -> Option<(u32, B)> {
    let mut pool = T::shared_pool().lock().ok()?;
    let shelf = B::shelf(&mut pool);
    match shelf.iter().rposition(|(last, _)| *last == thread) {
        Some(k) => Some(shelf.swap_remove(k)),
        None => shelf.pop(),
    }
}

impl<T: Real, B: Lent<T>> Drop for Pooled<T, B> {
    fn drop(&mut self) {
        let mut buffer = Some((self.thread, std::mem::take(&mut self.buffer)));
        let _ = T::pool().try_with(|pool| {
            let pool = &mut *pool.borrow_mut();
            if pool.thread() == self.thread && B::shelf(pool).len() < OWN {
                B::shelf(pool).extend(buffer.take());
            }
        });
        if let (Some(buffer), Ok(mut pool)) = (buffer, T::shared_pool().lock()) {
            B::shelf(&mut pool).push(buffer);
        }
    }
}

impl<T: Real, B: Lent<T>> Deref for Pooled<T, B> {
    type Target = B;
    fn deref(&self) -> &B {
        &self.buffer
    }
}

impl<T: Real, B: Lent<T>> DerefMut for Pooled<T, B> {
    fn deref_mut(&mut self) -> &mut B {
        &mut self.buffer
    }
}
