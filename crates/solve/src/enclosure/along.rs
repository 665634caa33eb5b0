//! Functions along an axis of one group of intervals: their values and their tangents.

use autograd::{AxisFunction, Elementary, Number, Order};

use super::interval::Interval;

/// A function along an axis of one group. Where it is monotone in every number, its bounds are its values at bounds.
pub(super) fn along_line(f: AxisFunction, x: &[Interval]) -> Vec<Interval> {
    let largest = || x.iter().copied().reduce(Elementary::larger).unwrap_or(Interval::at(f64::NEG_INFINITY));
    match f {
        AxisFunction::Max => vec![largest()],
        AxisFunction::ArgMax => (0..x.len()).map(|k| is_first_largest(x, k)).collect(),
        AxisFunction::CumSum(order) => sums(order, x),
        AxisFunction::Softmax => (0..x.len()).map(|k| extremes(x, k, |x| softmax_and_log(x, k)[0])).collect(),
        AxisFunction::LogSoftmax => (0..x.len()).map(|k| extremes(x, k, |x| softmax_and_log(x, k)[1])).collect(),
        AxisFunction::LogSumExp => {
            let at = |bound: fn(Interval) -> f64| {
                let x: Vec<Interval> = x.iter().map(|x| Interval::at(bound(*x))).collect();
                let k = (0..x.len()).max_by(|&a, &b| x[a].low.total_cmp(&x[b].low)).unwrap_or(0);
                x.get(k).map_or(Interval::at(f64::NEG_INFINITY), |largest| *largest - softmax_and_log(&x, k)[1])
            };
            vec![Interval { low: at(Interval::low).low, high: at(Interval::high).high }]
        }
        AxisFunction::Norm => {
            vec![Elementary::sqrt(total(x.iter().map(|x| Number::square(*x))))]
        }
    }
}

/// The tangent of a function along an axis, from the numbers and their tangents t. Of several numbers that may be the largest, the one that
/// is decides, and where they are equal there is no derivative.
pub(super) fn tangent_line(f: AxisFunction, x: &[Interval], t: &[Interval]) -> Vec<Interval> {
    // pₖ Σ pⱼ (tₖ − tⱼ) has all digits where pₖ is nearly 1.
    let against = |k: usize| {
        let p = |j: usize| extremes(x, j, |x| softmax_and_log(x, j)[0]);
        total((0..x.len()).filter(|&j| j != k).map(|j| p(j) * (t[k] - t[j])))
    };
    let all = 0..x.len();
    match f {
        AxisFunction::Max | AxisFunction::ArgMax => {
            let may_be_largest = |&k: &usize| !x.iter().any(|other| x[k].high < other.low);
            let largest: Vec<usize> = all.clone().filter(may_be_largest).collect();
            let is_moving = largest.len() > 1 && largest.iter().any(|&k| !t[k].is_zero());
            let unknown = |x: Interval| if is_moving { Interval::ALL } else { x };
            match f {
                AxisFunction::Max => vec![unknown(largest.first().map_or(Interval::at(0.0), |&k| t[k]))],
                _ => vec![unknown(Interval::at(0.0)); x.len()],
            }
        }
        AxisFunction::CumSum(order) => sums(order, t),
        AxisFunction::Softmax => all.map(|k| along_line(AxisFunction::Softmax, x)[k] * against(k)).collect(),
        AxisFunction::LogSoftmax => all.map(against).collect(),
        AxisFunction::LogSumExp => {
            vec![total(along_line(AxisFunction::Softmax, x).into_iter().zip(t).map(|(p, t)| p * *t))]
        }
        AxisFunction::Norm => vec![total(x.iter().zip(t).map(|(x, t)| *x * *t)) / along_line(f, x)[0]],
    }
}

fn total(x: impl Iterator<Item = Interval>) -> Interval {
    x.fold(Interval::at(0.0), |sum, x| sum + x)
}

/// The sums up to each number, or from each number on.
fn sums(order: Order, x: &[Interval]) -> Vec<Interval> {
    let up_to = |k: usize| match order {
        Order::Forward => total(x[..=k].iter().copied()),
        Order::Backward => total(x[k..].iter().rev().copied()),
    };
    (0..x.len()).map(up_to).collect()
}

/// Of a function that increases in the kth number and decreases in the others.
fn extremes(x: &[Interval], k: usize, f: impl Fn(&[Interval]) -> Interval) -> Interval {
    let at = |own: fn(Interval) -> f64, others: fn(Interval) -> f64| {
        let point = |(i, &x): (usize, &Interval)| Interval::at(if i == k { own(x) } else { others(x) });
        f(&x.iter().enumerate().map(point).collect::<Vec<_>>())
    };
    Interval { low: at(Interval::low, Interval::high).low, high: at(Interval::high, Interval::low).high }
}

/// The kth entry of a softmax, 1 / (1 + Σ e^(xᵢ − xₖ)), and its logarithm.
fn softmax_and_log(x: &[Interval], k: usize) -> [Interval; 2] {
    let others = x.iter().enumerate().filter(|(i, _)| *i != k);
    let sum = others.fold(Interval::at(0.0), |sum, (_, x_i)| sum + Elementary::exp(*x_i - x[k]));
    [Interval::at(1.0) / (sum + 1.0), -Elementary::ln_1p(sum)]
}

/// 1 if the kth number is the first of the largest ones, 0 if it is not.
fn is_first_largest(x: &[Interval], k: usize) -> Interval {
    let others = || x.iter().enumerate().filter(|(i, _)| *i != k);
    let certain = others().all(|(i, other)| if i < k { other.high < x[k].low } else { other.high <= x[k].low });
    let never = others().any(|(i, other)| if i < k { other.low >= x[k].high } else { other.low > x[k].high });
    Interval { low: f64::from(u8::from(certain)), high: f64::from(u8::from(!never)) }
}
