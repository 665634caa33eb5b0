//! What things take of the heap. It is counted for all threads, so one test runs at a time.

mod data;
mod files;
mod programs;
mod steps;
mod tapes;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Held by the test that runs. It begins when the others wait, and what reports on them is done with the one before.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut before = usize::MAX;
    while before != HEAP.current_usage() {
        before = HEAP.current_usage();
        thread::sleep(Duration::from_millis(50));
    }
    guard
}

/// What `f` gives, and the bytes that it takes at most.
fn peak<R>(f: impl FnOnce() -> R) -> (R, usize) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let result = f();
    (result, HEAP.peak_usage() - before)
}
