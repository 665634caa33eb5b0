//! Ctrl-C.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use super::TrainError;

static REQUESTED: AtomicBool = AtomicBool::new(false);
static LISTENERS: AtomicUsize = AtomicUsize::new(0);

/// While one lives, Ctrl-C is a request. A second Ctrl-C, or one when none lives, ends the process as usual.
pub(super) struct Listener(());

impl Listener {
    pub fn new() -> Result<Self, TrainError> {
        static HANDLER: OnceLock<Result<(), String>> = OnceLock::new();
        let handler = || {
            if LISTENERS.load(SeqCst) == 0 || REQUESTED.swap(true, SeqCst) {
                std::process::exit(130);
            }
        };
        let installed = HANDLER.get_or_init(|| ctrlc::set_handler(handler).map_err(|error| error.to_string()));
        installed.clone().map_err(TrainError::Interrupt)?;
        LISTENERS.fetch_add(1, SeqCst);
        Ok(Listener(()))
    }

    pub fn requested(&self) -> bool {
        REQUESTED.load(SeqCst)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if LISTENERS.fetch_sub(1, SeqCst) == 1 {
            REQUESTED.store(false, SeqCst);
        }
    }
}
