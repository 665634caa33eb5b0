//! Ctrl-C.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use super::TrainError;

static REQUESTED: AtomicBool = AtomicBool::new(false);
static LISTENERS: AtomicUsize = AtomicUsize::new(0);

/// Whether a hang-up or termination signal is ignored, as reported by Linux. Either all signals are handled, or none is. Ctrl-C does not
/// count, because a shell without a terminal makes every background process ignore it.
fn is_ignored() -> bool {
    const HUP_AND_TERM: u64 = 0x4001; // bit k − 1 for signal k: 1 and 15
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & HUP_AND_TERM != 0)
}

/// While a listener exists, Ctrl-C only requests a stop. A second Ctrl-C, or one without a listener, ends the process as usual.
pub(super) struct Listener(());

impl Listener {
    /// `None` if a [signal is ignored](is_ignored), as a hang-up is under `nohup`. The signal then stays ignored.
    pub fn new() -> Result<Option<Self>, TrainError> {
        static HANDLER: OnceLock<Result<(), String>> = OnceLock::new();
        let handler = || {
            if LISTENERS.load(SeqCst) == 0 || REQUESTED.swap(true, SeqCst) {
                std::process::exit(130);
            }
        };
        if HANDLER.get().is_none() && is_ignored() {
            return Ok(None);
        }
        let installed = HANDLER.get_or_init(|| ctrlc::set_handler(handler).map_err(|error| error.to_string()));
        installed.clone().map_err(TrainError::Interrupt)?;
        LISTENERS.fetch_add(1, SeqCst);
        Ok(Some(Listener(())))
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
