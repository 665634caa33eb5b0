//! Buffers that are reused, so that a step allocates nothing. The pool is bounded and can be freed.

use std::cell::{Cell, RefCell};
use std::mem::take;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread::LocalKey;

use crate::Float;

/// The number of free buffers of a kind that a thread keeps. Further ones are shared by all threads, because one thread may take
/// a buffer and another one drop it.
const OWN: usize = 4;

/// The largest total size of free buffers in bytes, over all kinds and threads. Any excess is returned to the
/// system at once.
pub const KEPT: usize = 512 << 20;

/// Smaller buffers are not counted: there are few, and the counter is shared by all threads.
const SMALL: usize = 64 << 10;

/// The total size of the counted free buffers.
static FREE: AtomicUsize = AtomicUsize::new(0);

/// The functions that free the buffers of each kind that was used.
static KINDS: Mutex<Vec<fn()>> = Mutex::new(Vec::new());

/// The memory of a buffer.
pub trait Memory {
    /// Its bytes on the heap, up to small parts.
    fn bytes(&self) -> usize;
}

impl<T> Memory for Vec<T> {
    fn bytes(&self) -> usize {
        self.capacity() * size_of::<T>()
    }
}

/// Returns the free buffers to the system: the shared ones and those of this thread. Other threads keep a few buffers of each kind,
/// which are freed when those threads end.
///
/// Tapes, gradients and sweeps take their buffers from the pool, so the next step allocates again. Free buffers of
/// 64 KiB and more never take more than [`KEPT`] bytes together.
pub fn free_buffers() {
    let kinds = KINDS.lock().map(|kinds| kinds.clone()).unwrap_or_default();
    kinds.iter().for_each(|free| free());
}

/// A kind of buffer that is lent and returned. The macro [`lent`](crate::lent) implements it.
pub trait Lent: Memory + Default + Send + 'static {
    /// The free buffers of this kind.
    fn shelves() -> Shelves<Self>;

    /// Puts a buffer back that a thread borrowed, and leaves an empty one: [`put_back`], compiled where the kind is declared.
    fn give_back(&mut self, thread: u32);
}

/// The free buffers of a kind: those of this thread, and the shared ones.
pub struct Shelves<B: Memory + 'static> {
    /// Those of this thread.
    pub own: &'static LocalKey<RefCell<Shelf<B>>>,
    /// Those of all threads.
    pub shared: &'static Mutex<Shelf<B>>,
}

/// Buffers, each with the number of the thread that used it last and whose cache may hold it.
pub struct Shelf<B: Memory>(Vec<(u32, B)>);

impl<B: Memory> Shelf<B> {
    /// An empty list.
    pub const fn new() -> Self {
        Shelf(Vec::new())
    }

    fn clear(&mut self) {
        // Dropped after it is no longer counted.
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

/// Implements lending for a buffer type that is generic in the number: `lent!(Records<Real>)`.
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
            fn give_back(&mut self, thread: u32) {
                struct Back<'a>(std::marker::PhantomData<&'a ()>);
                impl<'a> $crate::dispatch::$Number for Back<'a> {
                    type Args<T: $crate::$Number> = (&'a mut $Buffer<T>, u32);
                    type Out<T: $crate::$Number> = ();
                    fn f32((buffer, thread): Self::Args<f32>) {
                        $crate::pool::put_back(buffer, thread);
                    }
                    fn f64((buffer, thread): Self::Args<f64>) {
                        $crate::pool::put_back(buffer, thread);
                    }
                }
                <T as $crate::$Number>::dispatch(Back(std::marker::PhantomData), (self, thread))
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

/// A buffer that returns to the pool when it is dropped.
///
/// This type implements `Drop` and has no lifetime. A tape can therefore be borrowed for as long as the data that
/// it borrows, and the compiler still lets it end with its scope.
pub struct Pooled<B: Lent> {
    buffer: B,
    thread: u32,
}

impl<B: Lent> Pooled<B> {
    /// A free buffer with its old contents, or a new one.
    pub fn take() -> Self {
        let (thread, Shelves { own, shared }) = (this_thread(), B::shelves());
        let own = own.try_with(|own| own.borrow_mut().0.pop()).unwrap_or_default();
        // Of the shared ones, one that this thread used before is preferred.
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
        self.buffer.give_back(self.thread);
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

/// Puts a buffer on its shelf, or gives it back to the system where free buffers take [`KEPT`] bytes already.
pub fn put_back<B: Lent>(buffer: &mut B, thread: u32) {
    let Shelves { own, shared } = B::shelves();
    let bytes = counted(buffer);
    if bytes > 0 && FREE.fetch_add(bytes, Ordering::Relaxed) + bytes > KEPT {
        FREE.fetch_sub(bytes, Ordering::Relaxed);
        *buffer = B::default();
        return;
    }
    // A buffer is a few hundred bytes of vectors, so it is moved once.
    let is_own = this_thread() == thread
        && own.try_with(|own| {
            let own = &mut own.borrow_mut().0;
            let has_room = own.len() < OWN;
            if has_room {
                own.push((thread, take(buffer)));
            }
            has_room
        }) == Ok(true);
    if !is_own && let Ok(mut shelf) = shared.lock() {
        shelf.0.push((thread, take(buffer)));
    }
}

/// Registers how buffers of a kind are freed, when the first one is made.
fn note_kind(free: fn()) {
    if let Ok(mut kinds) = KINDS.lock()
        && !kinds.iter().any(|&known| std::ptr::fn_addr_eq(known, free))
    {
        kinds.push(free);
    }
}

/// Frees the buffers of a kind.
fn free<B: Lent>() {
    let Shelves { own, shared } = B::shelves();
    let _ = own.try_with(|own| own.borrow_mut().clear());
    if let Ok(mut shelf) = shared.lock() {
        shelf.clear();
    }
}

/// The number of this thread, from 1 on; 0 while the thread ends.
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

/// Makes a buffer at least `len` numbers long. It grows by half at a time.
pub fn widen<T: Float>(values: &mut Vec<T>, len: usize) {
    if values.len() < len {
        let room = len.max(values.len() + values.len() / 2);
        values.reserve_exact(room - values.len());
        values.resize(room, T::default());
    }
}

/// `len` entries of a buffer, aligned to a cache line: a vector that crosses two lines is read twice.
pub fn aligned<T: Float>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    const LINE: usize = 64;
    widen(buffer, len + LINE / size_of::<T>());
    let start = buffer.as_ptr().align_offset(LINE);
    &mut buffer[start..][..len]
}
