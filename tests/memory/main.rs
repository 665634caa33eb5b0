//! Tests of heap memory. It is counted for all threads, so only one test runs at a time.

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

/// Held by the running test. It starts when the others wait and the reporting of the previous one has ended.
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

/// The result of `f`, and its peak memory in bytes.
fn peak<R>(f: impl FnOnce() -> R) -> (R, usize) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let result = f();
    (result, HEAP.peak_usage() - before)
}
