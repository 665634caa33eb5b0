//! How long a step may be: the norm of its error, the length of the first one, and whether stability limits them.

use super::field::{PlainField, Weight};
use super::settings::Adaptive;
use super::step::Step;

/// The largest norm of a column of the error, relative to the tolerance.
pub fn norm<F: PlainField>(field: &F, settings: &Adaptive, error: &F::State, ends: [&F::State; 2]) -> f64 {
    let (error, rows) = field.entries(error);
    let rows = rows.max(1);
    let [a, b] = ends.map(|y| field.entries(y).0);
    let square = |i: usize| {
        let allowed = settings.atol + settings.rtol * a[i].abs().max(b[i].abs());
        if error[i] == 0.0 { 0.0 } else { (error[i] / allowed).powi(2) }
    };
    let columns = (0..error.len() / rows).map(|c| (c * rows..(c + 1) * rows).map(square).sum::<f64>());
    // Not `f64::max`, which would drop a NaN.
    let largest = columns.fold(0.0, |max: f64, sum| if max.is_nan() || max >= sum { max } else { sum });
    (largest / rows as f64).sqrt()
}

/// The length of the first step to the end of an interval, of which `slope` is f at the start (Hairer, Nørsett & Wanner 1993, section II.4).
pub fn first_step<F: PlainField>(
    field: &F,
    settings: &Adaptive,
    [t, end]: [f64; 2],
    y: &F::State,
    slope: &F::State,
) -> f64 {
    let norm = |x: &F::State| norm(field, settings, x, [y, y]);
    let (size, speed, direction) = (norm(y), norm(slope), (end - t).signum());
    let mut h = if size < 1e-5 || speed < 1e-5 || !speed.is_finite() { 1e-6 } else { 0.01 * size / speed };
    h = h.min((end - t).abs());
    let at = field.sum(&[(Weight::Plain(1.0), y), (Weight::Plain(direction * h), slope)]);
    let next = field.slope(t + direction * h, &at);
    let change = field.sum(&[(Weight::Plain(1.0 / h), &next), (Weight::Plain(-1.0 / h), slope)]);
    let curved = speed.max(norm(&change));
    if !curved.is_finite() {
        return h;
    }
    let by_order = if curved <= 1e-15 { f64::max(1e-6, 1e-3 * h) } else { (0.01 / curved).powf(0.2) };
    by_order.min(100.0 * h)
}

/// How often the steps of the explicit method were as long as its stability allows.
#[derive(Default)]
pub struct Stiffness {
    looked: u32,
    found: u32,
}

impl Stiffness {
    pub fn look<F: PlainField>(&mut self, field: &F, step: &Step<F>) {
        self.looked += 1;
        self.found += u32::from(step.spectral_length(field).is_some_and(|length| length > 3.25));
    }

    pub fn is_likely(&self) -> bool {
        self.found * 2 > self.looked
    }
}
