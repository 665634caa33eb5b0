//! Medians of functions that run in turns.

use super::timing::turns;

/// The median time of each function, in seconds. They run in turns, so other load on the machine affects all of them equally.
pub fn in_turns<const N: usize>(seconds: f64, runs: [&mut dyn FnMut(); N]) -> [f64; N] {
    turns(seconds, runs).map(|times| times[times.len() / 2])
}
