//! The findings of a diagnosis, each with advice.

use std::fmt;

use super::nodes::Place;
use super::{Diagnosis, Entries, LayerReport, rows};
use crate::{Gradients, Param, Real, Var};

/// The thresholds of the findings.
pub mod limits {
    /// |tanh a| above which it counts as saturated: the slope is below 2 %. For a sigmoid the same at a / 2: below 4 % of 1/4.
    pub const SATURATED: f64 = 0.99;
    /// The share of saturated outputs in a layer.
    pub const SATURATED_SHARE: f64 = 0.5;
    /// The share of dead units in a layer.
    pub const DEAD_SHARE: f64 = 0.25;
    /// δ of the first layer / δ of the last. Below this, gradients vanish; above its inverse, they explode.
    pub const VANISHING: f64 = 1e-3;
    /// The part of a layer's outputs that varies from sample to sample.
    pub const SPREAD: f64 = 1e-3;
    /// ‖∇‖ ‖w‖ / loss, the relative change of the loss per relative change of the weights. Below this, the surface is flat.
    pub const FLAT: f64 = 1e-4;
    /// The range of ‖Δw‖ / ‖w‖ for a healthy step; about 10⁻³ is usual.
    pub const UPDATE: (f64, f64) = (1e-6, 0.1);
    /// The largest RMS of the inputs, and the largest ratio of the deviations of two features.
    pub const INPUTS: (f64, f64) = (10.0, 100.0);
}

/// A problem that prevents a network from training, or will do so.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// A value or gradient is NaN or infinite.
    NotFinite {
        /// Where it first occurred.
        what: String,
        /// The nearest parameters.
        params: Vec<String>,
    },
    /// No gradient reaches these parameters, because the loss was not computed from them.
    Unreached {
        /// Their names.
        params: Vec<String>,
    },
    /// All units of these layers have equal values and equal gradients.
    Alike {
        /// Their names.
        layers: Vec<String>,
    },
    /// The gradient vanishes on its way to the first layer.
    Vanishing {
        /// The first layer.
        first: String,
        /// The last layer.
        last: String,
        /// δ of the first layer / δ of the last.
        ratio: f64,
    },
    /// The gradient explodes on its way to the first layer.
    Exploding {
        /// The first layer.
        first: String,
        /// The last layer.
        last: String,
        /// δ of the first layer / δ of the last.
        ratio: f64,
    },
    /// From this layer on all samples look nearly the same.
    Collapsed {
        /// The first such layer.
        layer: String,
        /// The part of its outputs that varies from sample to sample.
        spread: f64,
    },
    /// Many ReLU units are active for no sample of the batch.
    Dead {
        /// The layers.
        layers: Vec<String>,
        /// The largest share.
        share: f64,
    },
    /// Many outputs of tanh or sigmoid are where the slope is nearly 0.
    Saturated {
        /// The layers.
        layers: Vec<String>,
        /// The largest share.
        share: f64,
    },
    /// The next step would change these weights by a large fraction, or by almost nothing.
    Update {
        /// The layer where it is worst.
        layer: String,
        /// ‖Δw‖ / ‖w‖.
        ratio: f64,
    },
    /// The inputs are large, or the sizes of their features differ greatly.
    Inputs {
        /// The layer that reads them.
        layer: String,
        /// Their RMS.
        rms: f64,
        /// The largest and the smallest deviation of a feature that varies.
        deviations: (f64, f64),
    },
    /// The gradient is tiny, but the loss is not.
    Flat {
        /// The loss.
        loss: f64,
        /// ‖∇‖.
        gradient: f64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String]| {
            let shown: Vec<String> = names.iter().take(3).map(|name| format!("`{name}`")).collect();
            let more = if names.len() > 3 { format!(" and {} more", names.len() - 3) } else { String::new() };
            shown.join(", ") + &more
        };
        let worst =
            |layers: &[String]| if layers.len() > 1 { "one of ".to_owned() } else { String::new() } + &list(layers);
        match self {
            Finding::NotFinite { what, params } if params.is_empty() => write!(f, "not finite: {what}"),
            Finding::NotFinite { what, params } => write!(
                f,
                "not finite, near {}: {what}. Lower the learning rate, clip gradients, and look for ln, √ and ÷ of 0",
                list(params)
            ),
            Finding::Unreached { params } => write!(
                f,
                "no gradient reaches {}: the loss was not computed from it. Use it in `forward`, or freeze it",
                list(params)
            ),
            Finding::Alike { layers } => write!(
                f,
                "all units of {} are alike, in value and gradient, and will stay so: a network initiated at zero does not \
                 train. Draw the weights at random (Init::He, Init::Xavier)",
                list(layers)
            ),
            Finding::Vanishing { first, last, ratio } => write!(
                f,
                "vanishing gradients: from `{last}` to `{first}` δ shrinks to {ratio:.1e} of itself, and the first layers \
                 hardly move. Add skip connections (Residual), normalise, or use ReLU with Init::He, tanh with Init::Xavier"
            ),
            Finding::Exploding { first, last, ratio } => write!(
                f,
                "exploding gradients: from `{last}` to `{first}` δ grows {ratio:.1e} times. Draw smaller weights (Init::He, \
                 Init::Xavier), normalise, or clip gradients by their norm"
            ),
            Finding::Collapsed { layer, spread } => write!(
                f,
                "from `{layer}` on all samples look nearly the same: {spread:.1e} of its outputs varies between them. Add skip \
                 connections (Residual) or normalise; if it began in training, lower the learning rate"
            ),
            Finding::Dead { layers, share } => write!(
                f,
                "{:.0} % of the ReLU units of {} are active for no sample and get no gradient. Lower the learning rate, use \
                 Init::He and biases of 0, or leaky ReLU",
                100.0 * share,
                worst(layers)
            ),
            Finding::Saturated { layers, share } => write!(
                f,
                "{:.0} % of the outputs of {} are saturated, where the slope is nearly 0. Normalise the inputs, draw smaller \
                 weights (Init::Xavier), or use ReLU",
                100.0 * share,
                worst(layers)
            ),
            Finding::Update { layer, ratio } if *ratio > limits::UPDATE.1 => write!(
                f,
                "the next step changes the weights of `{layer}` by {:.0} % of themselves; about 0.1 % is usual. Lower the \
                 learning rate",
                100.0 * ratio
            ),
            Finding::Update { layer, ratio } => write!(
                f,
                "the next step changes the weights of `{layer}` by {ratio:.1e} of themselves; about 1e-3 is usual. Raise the \
                 learning rate, or use Adam, which normalises the gradient"
            ),
            Finding::Inputs { layer, rms, deviations: (most, least) } => write!(
                f,
                "the inputs of `{layer}` have RMS {rms:.1e}, and their features deviations from {least:.1e} to {most:.1e}. \
                 Standardise them to mean 0 and variance 1 over the training set (data::Standardize)"
            ),
            Finding::Flat { loss, gradient } => write!(
                f,
                "a flat place: ‖∇‖ = {gradient:.1e} at loss {loss:.3e}. If that is more than the loss should be, this is a \
                 plateau or a saddle and no minimum: use Adam or RMSProp, which normalise the gradient, or start elsewhere"
            ),
        }
    }
}

/// The findings, the most serious first. Consequences of a more serious one are left out.
pub(super) fn findings<T: Real>(
    diagnosis: &Diagnosis,
    params: &[(String, &Param<T>)],
    places: &[Place<'_, T>],
    loss: Var<'_, T>,
    grads: &Gradients<T>,
) -> Vec<Finding> {
    let layers = &diagnosis.layers;
    let mut found = Vec::new();
    if let Err(anomaly) = loss.backward_checked() {
        let near = params.iter().filter(|(_, param)| anomaly.involves(param)).map(|(name, _)| name.clone()).collect();
        let what = anomaly.to_string().lines().next().unwrap_or_default().to_owned();
        return vec![Finding::NotFinite { what, params: near }];
    }

    let lost = |param: &Param<T>| param.is_trained() && grads.get(param).is_none();
    let unreached = names(params.iter().filter(|(_, param)| lost(param)).map(|(name, _)| name));
    if !unreached.is_empty() {
        found.push(Finding::Unreached { params: unreached });
    }
    let alike = names(layers.iter().filter(|layer| layer.alike).map(|layer| &layer.name));
    let symmetric = !alike.is_empty();
    if symmetric {
        found.push(Finding::Alike { layers: alike });
    } else {
        found.extend(along(layers));
        found.extend(collapsed(layers));
    }
    // Without a gradient there is no step.
    let no_gradient = found.iter().any(|f| matches!(f, Finding::Alike { .. } | Finding::Vanishing { .. }));
    let dead = above(layers, limits::DEAD_SHARE, |layer| layer.dead);
    found.extend(dead.map(|(layers, share)| Finding::Dead { layers, share }));
    let saturated = above(layers, limits::SATURATED_SHARE, |layer| layer.saturated);
    found.extend(saturated.map(|(layers, share)| Finding::Saturated { layers, share }));
    let follows = |f: &Finding| no_gradient && matches!(f, Finding::Update { ratio, .. } if *ratio < limits::UPDATE.0);
    found.extend(update(layers).filter(|f| !follows(f)));
    found.extend(places.iter().find_map(inputs));

    let weights = params.iter().filter(|(_, param)| param.is_trained());
    let size = weights.map(|(_, param)| Entries::of(param.value().as_slice()).squares).sum::<f64>().sqrt();
    let flat = diagnosis.gradient * size < limits::FLAT * diagnosis.loss.abs();
    if flat && !symmetric {
        found.push(Finding::Flat { loss: diagnosis.loss, gradient: diagnosis.gradient });
    }
    found
}

fn names<'n>(all: impl Iterator<Item = &'n String>) -> Vec<String> {
    all.cloned().collect()
}

/// The layers whose share is at least this large, and the largest share.
fn above(
    layers: &[LayerReport],
    limit: f64,
    share: impl Fn(&LayerReport) -> Option<f64>,
) -> Option<(Vec<String>, f64)> {
    let shares = layers.iter().filter_map(|layer| Some((layer.name.clone(), share(layer)?)));
    let (names, shares): (Vec<_>, Vec<_>) = shares.filter(|(_, share)| *share >= limit).unzip();
    (!names.is_empty()).then(|| (names, shares.into_iter().fold(0.0, f64::max)))
}

/// Whether δ vanishes or explodes between the last layer and the first.
fn along(layers: &[LayerReport]) -> Option<Finding> {
    let mut with_delta = layers.iter().filter_map(|layer| Some((layer.name.clone(), layer.delta?)));
    let (first, at_first) = with_delta.next()?;
    let (last, at_last) = with_delta.next_back()?;
    let ratio = at_first / at_last;
    match ratio {
        r if r < limits::VANISHING => Some(Finding::Vanishing { first, last, ratio }),
        r if r > 1.0 / limits::VANISHING => Some(Finding::Exploding { first, last, ratio }),
        _ => None,
    }
}

/// The first hidden layer from which on samples cannot be distinguished.
fn collapsed(layers: &[LayerReport]) -> Option<Finding> {
    let (_, hidden) = layers.split_last()?;
    let flat = |layer: &&LayerReport| layer.spread.is_some_and(|spread| spread < limits::SPREAD);
    let layer = hidden.iter().find(flat)?;
    Some(Finding::Collapsed { layer: layer.name.clone(), spread: layer.spread? })
}

/// The step that is farthest from the healthy range.
fn update(layers: &[LayerReport]) -> Option<Finding> {
    let (low, high) = limits::UPDATE;
    let all = layers.iter().filter_map(|layer| Some((layer.name.clone(), layer.update?)));
    let excess = |ratio: f64| (ratio / high).max(low / ratio);
    let (layer, ratio) = all.max_by(|a, b| excess(a.1).total_cmp(&excess(b.1)))?;
    (excess(ratio) > 1.0).then_some(Finding::Update { layer, ratio })
}

/// Inputs that should be standardized.
fn inputs<T: Real>(place: &Place<'_, T>) -> Option<Finding> {
    let x = place.inputs.iter().map(|x| x.value()).find(|x| x.cols() > 1)?;
    let deviations = rows(&x).map(|feature| Entries::of(&feature).deviation()).filter(|s| *s > 0.0);
    let (most, least) = deviations.fold((0.0, f64::INFINITY), |(a, b), s| (s.max(a), s.min(b)));
    let rms = Entries::of(x.as_slice()).rms();
    let bad = rms > limits::INPUTS.0 || most > limits::INPUTS.1 * least;
    bad.then(|| Finding::Inputs { layer: place.name.clone(), rms, deviations: (most, least) })
}
