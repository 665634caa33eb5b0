//! Medians of what runs in turns.

use super::timing::turns;

/// The median of what each takes, in seconds; in turns, so that whatever else the machine does falls on all.
pub fn in_turns<const N: usize>(seconds: f64, runs: [&mut dyn FnMut(); N]) -> [f64; N] {
    turns(seconds, runs).map(|times| times[times.len() / 2])
}
