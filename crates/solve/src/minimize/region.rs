//! Steps within a region that grows while the model is right.

use autograd::Matrix;
use autograd::descent::{Bounds, Trial};

use super::Descent;
use super::exact::Spectrum;
use super::newton::{conjugate, free};
use super::scaled::{End, Ended, Scaled, is_flat};
use crate::Reason;
use crate::least_squares::{dot, norm};

/// A value is known to this number of roundings, as in [`autograd::LineSearch`].
const NOISE: f64 = 400.0;

/// A trust region, with all of H if `dense` and by conjugate gradients otherwise (Nocedal & Wright 2006, algorithm 4.1). A step that leaves
/// the box is projected onto it, and the model is asked for its decrease again.
#[track_caller]
pub fn run(
    settings: &Descent,
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
        length => settings.first_step * length,
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
        loop {
            let times = |scaled: &mut Scaled<'_>, v: &[f64]| match &h {
                Some(h) => (0..n).map(|k| dot(h.col(k), v)).collect(),
                None => scaled.times(&at.x, &Matrix::column(v)).into_vec(),
            };
            let (p, hp) = match &spectrum {
                Some(spectrum) => (spectrum.step(radius), None),
                None => {
                    let (p, hp) = conjugate(&g, radius, &mut |v| free(times(scaled, v), &held));
                    (p, Some(hp))
                }
            };
            let moved: Vec<f64> = at.x.iter().zip(&p).map(|(x, p)| x + p).collect();
            let next = bounds.nearest(&moved);
            let is_cut = next != moved;
            let p = if is_cut { next.iter().zip(&at.x).map(|(to, x)| to - x).collect() } else { p };
            let hp = match hp {
                Some(hp) if !is_cut => hp,
                _ => times(scaled, &p),
            };
            let (length, predicted) = (norm(&p), -dot(&g, &p) - 0.5 * dot(&p, &hp));
            if next == at.x {
                break 'done if is_flat(&at, bounds) { Reason::Precision } else { Reason::NoDescent };
            } else if predicted.is_nan() {
                break 'done Reason::NotFinite;
            }
            let next = scaled.at(&next);
            let decrease = if next.is_finite() { at.value - next.value } else { f64::NEG_INFINITY };
            let noise = NOISE * f64::EPSILON * at.value.abs();
            let is_noise = decrease.abs() <= noise && predicted.abs() <= noise;
            let ratio = match () {
                // The values have no more digits, so the gradients decide.
                _ if is_noise => {
                    if bounds.slope(&next.x, &next.g) < slope {
                        1.0
                    } else {
                        -1.0
                    }
                }
                _ if predicted <= 0.0 => -1.0,
                _ => decrease / predicted,
            };
            if ratio < 0.25 {
                radius = if next.is_finite() { 0.25 } else { 0.1 } * radius.min(length);
            } else if ratio > 0.75 && length >= 0.9 * radius {
                radius *= 2.0;
            }
            if ratio >= 1e-4 {
                at = next;
                break;
            }
            if is_noise {
                break 'done if is_flat(&at, bounds) { Reason::Precision } else { Reason::NoDescent };
            } else if scaled.evaluations >= settings.max_evaluations {
                break 'done Reason::Evaluations;
            }
        }
    };
    let least_curvature = spectrum.as_ref().and_then(Spectrum::least);
    Ended { at, reason, least_curvature, inverse: spectrum.and_then(|spectrum| spectrum.inverse()) }
}
