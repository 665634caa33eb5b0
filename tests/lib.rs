//! Code that the tests share: programs to differentiate, values of other programs, and checks of messages.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

pub mod adbench;
pub mod nist;
pub mod oracle;

/// Checks that all these words are in the message.
#[track_caller]
pub fn says(message: impl Display, words: &[&str]) {
    let message = message.to_string();
    words.iter().for_each(|word| assert!(message.contains(word), "no `{word}` in: {message}"));
}

/// A caught panic: its message, and the file and line to which it pointed.
#[derive(Debug, Default)]
pub struct Panic {
    /// Its message.
    pub message: String,
    /// The file to which it pointed.
    pub file: String,
    /// The line to which it pointed.
    pub line: u32,
}

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    /// The last panic of this thread that was caught.
    static LAST: RefCell<Panic> = RefCell::default();
}

/// The panic of `f`, which is not printed. Other threads may panic at the same time.
#[track_caller]
pub fn panic_of<R>(f: impl FnOnce() -> R) -> Panic {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            if CATCHING.get() {
                let (at, payload) = (info.location().unwrap(), info.payload());
                let literal = || payload.downcast_ref::<&str>().map(|text| text.to_string());
                let message = payload.downcast_ref::<String>().cloned().or_else(literal).unwrap();
                LAST.set(Panic { message, file: at.file().to_string(), line: at.line() });
            } else {
                usual(info);
            }
        }));
    });
    CATCHING.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    CATCHING.set(false);
    assert!(result.is_err(), "no panic");
    LAST.take()
}
