//! The median time of one function.

use super::median::in_turns;

/// The median time of one function, in seconds.
pub fn time(seconds: f64, mut run: impl FnMut()) -> f64 {
    let [time] = in_turns(seconds, [&mut run]);
    time
}
