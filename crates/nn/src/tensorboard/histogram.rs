//! How some numbers are distributed.

use super::proto::Histogram;

/// The number of intervals, as in TensorBoard's own summaries.
const INTERVALS: usize = 30;

/// The histogram of finite numbers; `None` if there are none. An interval contains its upper end.
pub(super) fn of(numbers: Vec<f64>) -> Option<Histogram> {
    let min = numbers.iter().copied().reduce(f64::min)?;
    let max = numbers.iter().copied().reduce(f64::max)?;
    let intervals = if min < max { INTERVALS } else { 1 };
    // Halves, because the difference of two finite numbers may be infinite.
    let limit = |k: usize| {
        let share = (k + 1) as f64 / intervals as f64;
        if k + 1 == intervals { max } else { min + 2.0 * (share * (max / 2.0 - min / 2.0)) }
    };
    let bucket_limit: Vec<f64> = (0..intervals).map(limit).collect();
    let mut bucket = vec![0.0; intervals];
    for x in &numbers {
        bucket[bucket_limit.partition_point(|limit| limit < x)] += 1.0;
    }
    Some(Histogram {
        min,
        max,
        num: numbers.len() as f64,
        sum: numbers.iter().sum(),
        sum_squares: numbers.iter().map(|x| x * x).sum(),
        bucket_limit,
        bucket,
    })
}
