//! Buffers that outlive what used them, so that a step allocates nothing; within bounds, and until they are asked back.

use std::cell::{Cell, RefCell};
use std::mem::take;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread::LocalKey;

use crate::Float;

/// How many buffers of a kind a thread keeps. What is beyond is there for all threads: one may take a buffer, and
/// another drop it.
const OWN: usize = 4;

/// How many bytes free buffers take together at most, of all kinds and threads. What would be beyond goes back to the
/// system at once.
pub const KEPT: usize = 512 << 20;

/// Smaller buffers do not count: there are few, and counting is shared by all threads.
const SMALL: usize = 64 << 10;

/// The bytes of the free buffers that count.
static FREE: AtomicUsize = AtomicUsize::new(0);

/// What gives back the free buffers of each kind that was used.
static KINDS: Mutex<Vec<fn()>> = Mutex::new(Vec::new());

/// How much memory a buffer holds.
pub trait Memory {
    /// Its bytes on the heap, but for small change.
    fn bytes(&self) -> usize;
}

impl<T> Memory for Vec<T> {
    fn bytes(&self) -> usize {
        self.capacity() * size_of::<T>()
    }
}

/// Gives back to the system the buffers that wait to be used again: those that are there for all threads, and those of this thread.
/// What other threads keep for themselves, a few buffers of each kind, goes when they end.
///
/// Tapes, gradients and sweeps take their buffers from there, so the next step allocates anew. Free buffers of
/// 64 KiB and more never take more than [`KEPT`] bytes together.
pub fn free_buffers() {
    let kinds = KINDS.lock().map(|kinds| kinds.clone()).unwrap_or_default();
    kinds.iter().for_each(|free| free());
}

/// A kind of buffer that is lent and comes back. The macro [`lent`](crate::lent) implements it.
pub trait Lent: Memory + Default + Send + 'static {
    /// Where free buffers of this kind lie.
    fn shelves() -> Shelves<Self>;
}

/// The free buffers of a kind: those of this thread, and those that are there for all.
pub struct Shelves<B: Memory + 'static> {
    /// Those of this thread.
    pub own: &'static LocalKey<RefCell<Shelf<B>>>,
    /// Those for all threads.
    pub shared: &'static Mutex<Shelf<B>>,
}

/// Buffers, each with the number of the thread that used it last and has it in its cache.
pub struct Shelf<B: Memory>(Vec<(u32, B)>);

impl<B: Memory> Shelf<B> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Shelf(Vec::new())
    }

    fn clear(&mut self) {
        // Dropped when it no longer counts.
        let buffers = take(&mut self.0);
        FREE.fetch_sub(buffers.iter().map(|(_, buffer)| counted(buffer)).sum(), Ordering::Relaxed);
    }
}

impl<B: Memory> Default for Shelf<B> {
    fn default() -> Self {
        Shelf::new()
    }
}

impl<B: Memory> Drop for Shelf<B> {
    fn drop(&mut self) {
        self.clear();
    }
}

fn counted<B: Memory>(buffer: &B) -> usize {
    let bytes = buffer.bytes();
    if bytes < SMALL { 0 } else { bytes }
}

/// Lets buffers of a type that is generic in the number be lent: `lent!(Records<Real>)`.
#[macro_export]
macro_rules! lent {
    ($Buffer:ident<$Number:ident>) => {
        impl<T: $crate::$Number> $crate::pool::Lent for $Buffer<T> {
            fn shelves() -> $crate::pool::Shelves<Self> {
                struct Free;
                impl $crate::dispatch::$Number for Free {
                    type Args<T: $crate::$Number> = ();
                    type Out<T: $crate::$Number> = $crate::pool::Shelves<$Buffer<T>>;
                    fn f32((): ()) -> Self::Out<f32> {
                        $crate::lent!(@of $Buffer<f32>)
                    }
                    fn f64((): ()) -> Self::Out<f64> {
                        $crate::lent!(@of $Buffer<f64>)
                    }
                }
                <T as $crate::$Number>::dispatch(Free, ())
            }
        }
    };
    (@of $Buffer:ty) => {{
        thread_local! {
            static OWN: std::cell::RefCell<$crate::pool::Shelf<$Buffer>> =
                const { std::cell::RefCell::new($crate::pool::Shelf::new()) };
        }
        static SHARED: std::sync::Mutex<$crate::pool::Shelf<$Buffer>> = std::sync::Mutex::new($crate::pool::Shelf::new());
        $crate::pool::Shelves { own: &OWN, shared: &SHARED }
    }};
}
lent!(Vec<Float>);

/// A buffer that goes back to its shelf when it is dropped.
///
/// This type has the `Drop`, and no lifetime: a tape may therefore be borrowed for as long as what
/// it borrows, and the compiler still lets it end with its scope.
pub struct Pooled<B: Lent> {
    buffer: B,
    thread: u32,
}

impl<B: Lent> Pooled<B> {
    /// A free buffer, as it was left, or a new one.
    pub fn take() -> Self {
        let (thread, Shelves { own, shared }) = (this_thread(), B::shelves());
        let own = own.try_with(|own| own.borrow_mut().0.pop()).unwrap_or_default();
        // Of all threads' preferably one that this one used before.
        let found = own.or_else(|| {
            let shelf = &mut shared.lock().ok()?.0;
            match shelf.iter().rposition(|(last, _)| *last == thread) {
                Some(k) => Some(shelf.swap_remove(k)),
                None => shelf.pop(),
            }
        });
        let buffer = match found {
            Some((_, buffer)) => {
                FREE.fetch_sub(counted(&buffer), Ordering::Relaxed);
                buffer
            }
            None => {
                note_kind(free::<B>);
                B::default()
            }
        };
        Pooled { buffer, thread }
    }
}

impl<B: Lent> Drop for Pooled<B> {
    fn drop(&mut self) {
        let Shelves { own, shared } = B::shelves();
        let buffer = take(&mut self.buffer);
        let bytes = counted(&buffer);
        if bytes > 0 && FREE.fetch_add(bytes, Ordering::Relaxed) + bytes > KEPT {
            FREE.fetch_sub(bytes, Ordering::Relaxed);
            return;
        }
        let mut buffer = Some((self.thread, buffer));
        if this_thread() == self.thread {
            let _ = own.try_with(|own| {
                let own = &mut own.borrow_mut().0;
                if own.len() < OWN {
                    own.extend(buffer.take());
                }
            });
        }
        if let (Some(buffer), Ok(mut shelf)) = (buffer, shared.lock()) {
            shelf.0.push(buffer);
        }
    }
}

impl<B: Lent> Deref for Pooled<B> {
    type Target = B;
    fn deref(&self) -> &B {
        &self.buffer
    }
}

impl<B: Lent> DerefMut for Pooled<B> {
    fn deref_mut(&mut self) -> &mut B {
        &mut self.buffer
    }
}

/// Notes how buffers of a kind are given back, when the first is made.
fn note_kind(free: fn()) {
    if let Ok(mut kinds) = KINDS.lock()
        && !kinds.iter().any(|&known| std::ptr::fn_addr_eq(known, free))
    {
        kinds.push(free);
    }
}

/// Gives back the free buffers of a kind.
fn free<B: Lent>() {
    let Shelves { own, shared } = B::shelves();
    let _ = own.try_with(|own| own.borrow_mut().clear());
    if let Ok(mut shelf) = shared.lock() {
        shelf.clear();
    }
}

/// The number of this thread, from 1 on; 0 where the thread ends.
fn this_thread() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    thread_local!(static NUMBER: Cell<u32> = const { Cell::new(0) });
    let number = |cell: &Cell<u32>| {
        if cell.get() == 0 {
            cell.set(LAST.fetch_add(1, Ordering::Relaxed) + 1);
        }
        cell.get()
    };
    NUMBER.try_with(number).unwrap_or_default()
}

/// Makes a buffer at least `len` numbers long; it grows by half at a time.
pub fn widen<T: Float>(values: &mut Vec<T>, len: usize) {
    if values.len() < len {
        let room = len.max(values.len() + values.len() / 2);
        values.reserve_exact(room - values.len());
        values.resize(room, T::default());
    }
}

/// `len` places of a buffer, from the start of a cache line on: a vector that lies across two lines is read twice.
pub fn aligned<T: Float>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    const LINE: usize = 64;
    widen(buffer, len + LINE / size_of::<T>());
    let start = buffer.as_ptr().align_offset(LINE);
    &mut buffer[start..][..len]
}
