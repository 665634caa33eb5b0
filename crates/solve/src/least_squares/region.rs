//! The λ for which a step is as long as the region.

use super::model::norm;

/// A damped step in scaled parameters.
pub struct Damped {
    /// w = −(A + λ)⁻¹ g.
    pub w: Vec<f64>,
    /// The derivative of |w| with respect to λ.
    pub slope: f64,
}

/// A damped step w, and the function that computes the derivative of |w| from it.
pub type Trial<S> = (Vec<f64>, S);

/// The damped step whose length is the radius within a tenth, by Newton's method on 1 / |w| (Moré 1978, section 5). `steepest` is |g|,
/// `whole` the step for λ = 0 if it is determined, and `damped` computes that of a λ, or `None` where A + λ is singular to rounding. λ is
/// where the search begins and where it ends. `None` if no λ that was tried has a step.
pub fn search(
    radius: f64,
    lambda: &mut f64,
    steepest: f64,
    whole: Option<&Damped>,
    damped: impl Fn(f64) -> Option<Damped>,
) -> Option<Damped> {
    let mut low = whole.map_or(0.0, |whole| (radius - norm(&whole.w)) / whole.slope);
    let mut high = steepest / radius;
    let mut at = if *lambda > low && *lambda < high { *lambda } else { f64::max(low, 1e-3 * high) };
    let mut found = damped(at);
    for _ in 0..50 {
        let length = found.as_ref().map_or(f64::INFINITY, |found| norm(&found.w));
        if (length - radius).abs() <= 0.1 * radius {
            break;
        }
        if length > radius {
            low = f64::max(low, at)
        } else {
            high = f64::min(high, at)
        }
        at -= found.map_or(f64::NAN, |found| length / radius * (length - radius) / found.slope);
        if !(low < at && at < high) {
            at = f64::max(1e-3 * high, (low * high).sqrt());
        }
        found = damped(at);
    }
    *lambda = at;
    found
}

/// The same where every λ takes a factorization: the length may differ from the radius by half of it, because the ratio of the decreases
/// decides about the next radius anyway, the step for λ = 0 is only computed if the search leads there, and the slope of a step only if
/// another λ is needed. Every λ up to `floor` has the step of λ = 0, which is tried once.
pub fn search_few<S: Fn(&[f64]) -> f64>(
    radius: f64,
    lambda: &mut f64,
    steepest: f64,
    floor: f64,
    damped: impl Fn(f64) -> Option<Trial<S>>,
) -> Option<Vec<f64>> {
    let (mut low, mut high, mut whole_is_short) = (0.0, steepest / radius, true);
    let or_whole = |at: f64| if at <= floor { 0.0 } else { at };
    let mut at = or_whole(if *lambda < high { *lambda } else { 1e-3 * high });
    let mut found = damped(at);
    for _ in 0..50 {
        let length = found.as_ref().map_or(f64::INFINITY, |(w, _)| norm(w));
        if (length - radius).abs() <= 0.5 * radius || (at == 0.0 && length <= radius) {
            break;
        }
        if length > radius {
            low = f64::max(low, at.max(floor))
        } else {
            high = f64::min(high, at)
        }
        whole_is_short &= at > 0.0;
        let next = at - found.map_or(f64::NAN, |(w, slope)| length / radius * (length - radius) / slope(&w));
        at = or_whole(match () {
            _ if low < next && next < high => next,
            _ if next <= 0.0 && low == 0.0 && whole_is_short => 0.0,
            _ => f64::max(1e-3 * high, (low * high).sqrt()),
        });
        found = damped(at);
    }
    *lambda = at;
    found.map(|(w, _)| w)
}
