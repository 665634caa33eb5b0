//! The median of one thing that is timed.

use super::median::in_turns;

/// The median of what one takes, in seconds.
pub fn time(seconds: f64, mut run: impl FnMut()) -> f64 {
    let [time] = in_turns(seconds, [&mut run]);
    time
}
