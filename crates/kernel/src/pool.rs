//! Buffers that outlive what used them, so that a step allocates nothing.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::LocalKey;

use crate::Float;

/// How many buffers of a kind a thread keeps. What is beyond is there for all threads: one may take a buffer, and
/// another drop it.
const OWN: usize = 4;

/// A kind of buffer that is lent and comes back. The macro [`lent`](crate::lent) implements it.
pub trait Lent: Default + Send + 'static {
    /// Where free buffers of this kind lie.
    fn shelves() -> Shelves<Self>;
}

/// The free buffers of a kind: those of this thread, and those that are there for all.
pub struct Shelves<B: 'static> {
    /// Those of this thread.
    pub own: &'static LocalKey<RefCell<Shelf<B>>>,
    /// Those for all threads.
    pub shared: &'static Mutex<Shelf<B>>,
}

/// Buffers, each with the number of the thread that used it last and has it in its cache.
pub type Shelf<B> = Vec<(u32, B)>;

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
            static OWN: std::cell::RefCell<$crate::pool::Shelf<$Buffer>> = const { std::cell::RefCell::new(Vec::new()) };
        }
        static SHARED: std::sync::Mutex<$crate::pool::Shelf<$Buffer>> = std::sync::Mutex::new(Vec::new());
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
        let own = own.try_with(|own| own.borrow_mut().pop()).unwrap_or_default();
        // Of all threads' preferably one that this one used before.
        let found = own.or_else(|| {
            let mut shelf = shared.lock().ok()?;
            match shelf.iter().rposition(|(last, _)| *last == thread) {
                Some(k) => Some(shelf.swap_remove(k)),
                None => shelf.pop(),
            }
        });
        Pooled { buffer: found.unwrap_or_default().1, thread }
    }
}

impl<B: Lent> Drop for Pooled<B> {
    fn drop(&mut self) {
        let Shelves { own, shared } = B::shelves();
        let mut buffer = Some((self.thread, std::mem::take(&mut self.buffer)));
        if this_thread() == self.thread {
            let _ = own.try_with(|own| {
                let own = &mut *own.borrow_mut();
                if own.len() < OWN {
                    own.extend(buffer.take());
                }
            });
        }
        if let (Some(buffer), Ok(mut shelf)) = (buffer, shared.lock()) {
            shelf.push(buffer);
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
