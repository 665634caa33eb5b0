//! Steps within a region that grows while the model is right.

use autograd::Matrix;
use autograd::descent::{Bounds, Trial};

use super::MinimizeSettings;
use super::exact::Spectrum;
use super::newton::{conjugate, free};
use super::scaled::{End, Ended, Scaled};
use crate::Reason;
use crate::least_squares::{dot, norm};

/// A step within the box.
struct Step {
    to: Vec<f64>,
    /// Whether the box made it shorter.
    is_cut: bool,
    length: f64,
    /// The decrease of the model.
    predicted: f64,
}

/// A trust region, with all of H if `dense` and by conjugate gradients otherwise (Nocedal & Wright 2006, algorithm 4.1). A step that leaves
/// the box is projected onto it, and the model is asked for its decrease again.
#[track_caller]
pub fn run(
    settings: &MinimizeSettings,
    dense: bool,
    scaled: &mut Scaled<'_>,
    bounds: &Bounds,
    start: Trial,
    end: &mut End<'_>,
) -> Ended {
    let n = start.x.len();
    let identity = dense.then(|| Matrix::from_fn(n, n, |i, j| if i == j { 1.0 } else { 0.0 }));
    let mut at = start;
    let mut radius = match norm(&at.x) {
        0.0 => settings.first_step,
        // Its square must not be 0.
        length => (settings.first_step * length).max(f64::MIN_POSITIVE.sqrt()),
    };
    let mut spectrum;
    let reason = 'done: loop {
        let held = bounds.held(&at.x, &at.g);
        let g = free(at.g.clone(), &held);
        let h = identity.as_ref().map(|identity| scaled.times(&at.x, identity));
        spectrum = h.as_ref().and_then(|h| Spectrum::new(h, &g, &held));
        let slope = bounds.slope(&at.x, &at.g);
        if dense && spectrum.is_none() {
            break Reason::NotFinite;
        } else if slope <= end.enough() && !spectrum.as_ref().is_some_and(Spectrum::is_saddle) {
            break Reason::Gradient;
        } else if let Some(reason) = end.reached(&at, scaled.evaluations) {
            break reason;
        }
        let is_saddle = spectrum.as_ref().is_some_and(Spectrum::is_saddle);
        let noise = scaled.noise(at.value);
        let mut too_long = f64::INFINITY;
        loop {
            let times = |scaled: &mut Scaled<'_>, v: &[f64]| match &h {
                Some(h) => (0..n).map(|k| dot(h.col(k), v)).collect(),
                None => scaled.times(&at.x, &Matrix::column(v)).into_vec(),
            };
            let within = |scaled: &mut Scaled<'_>, p: Vec<f64>, hp: Option<Vec<f64>>| {
                let moved: Vec<f64> = at.x.iter().zip(&p).map(|(x, p)| x + p).collect();
                let to = bounds.nearest(&moved);
                let is_cut = to != moved;
                let p = if is_cut { to.iter().zip(&at.x).map(|(to, x)| to - x).collect() } else { p };
                let hp: Vec<f64> = hp.filter(|_| !is_cut).unwrap_or_else(|| times(scaled, &p));
                Step { to, is_cut, length: norm(&p), predicted: -dot(&g, &p) - 0.5 * dot(&p, &hp) }
            };
            let step = match &spectrum {
                Some(spectrum) => {
                    let p = spectrum.step(radius);
                    let step = within(scaled, p.clone(), None);
                    // A direction of negative curvature leads downhill both ways, and a bound may block one of them.
                    let back = (is_saddle && step.is_cut).then(|| within(scaled, p.iter().map(|p| -p).collect(), None));
                    back.filter(|back| back.predicted > step.predicted).unwrap_or(step)
                }
                None => {
                    let (p, hp) = conjugate(&g, radius, &mut |v| free(times(scaled, v), &held));
                    within(scaled, p, Some(hp))
                }
            };
            let Step { to, is_cut, length, predicted } = step;
            if predicted.is_nan() {
                break 'done Reason::NotFinite;
            }
            let (mut is_noise, mut shorter) = (true, 0.25);
            if to != at.x {
                let next = scaled.at(&to);
                let decrease = if next.is_finite() { at.value - next.value } else { f64::NEG_INFINITY };
                is_noise = decrease.abs() <= noise && predicted.abs() <= noise;
                let ratio = match () {
                    // The values have no more digits, so the gradients decide.
                    _ if is_noise && bounds.slope(&next.x, &next.g) < slope => 1.0,
                    _ if is_noise || predicted <= 0.0 => -1.0,
                    _ => decrease / predicted,
                };
                if ratio >= 1e-4 {
                    if ratio < 0.25 {
                        radius = 0.25 * length;
                    } else if ratio > 0.75 && length >= 0.9 * radius {
                        radius *= 2.0;
                    }
                    at = next;
                    break;
                }
                shorter = if next.is_finite() { 0.25 } else { 0.1 };
            }
            // A step that is lost in rounding says nothing of a longer one.
            let by_slope = Some(2.0 * noise / norm(&g)).filter(|length| length.is_finite());
            let longer = by_slope.unwrap_or(0.0).max(4.0 * radius);
            if !is_noise {
                too_long = radius;
                radius = shorter * radius.min(length);
            } else if length >= 0.9 * radius && !is_cut && longer < too_long {
                radius = longer;
            } else if is_saddle {
                break 'done if slope <= end.enough() { Reason::Gradient } else { Reason::NoDescent };
            } else {
                let (square, curvature) = (dot(&g, &g), dot(&g, &times(scaled, &g)));
                // The decrease of the model along −g.
                let is_flat = square * square / 2.0 <= noise * curvature;
                break 'done if is_flat { Reason::Precision } else { Reason::NoDescent };
            }
            if scaled.evaluations >= settings.max_evaluations {
                break 'done Reason::Evaluations;
            }
        }
    };
    let least_curvature = spectrum.as_ref().and_then(Spectrum::least);
    Ended { at, reason, least_curvature, inverse: spectrum.and_then(|spectrum| spectrum.inverse()) }
}
