//! The loop.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::inputs::at_least;
use super::{EstimatorError, Settings};
use crate::data::{Dataset, Sampler, Targets};
use crate::{Adam, Init, Layer, Mlp, Optimizer, Real, Tape, Var};

/// How training went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// The mean loss of the samples in each epoch, penalty included, each before the step it led to.
    pub losses: Vec<f64>,
    /// The mean loss of the samples held out, after each epoch.
    pub validation: Vec<f64>,
    /// Whether training ended because the loss did not fall any more, and not after the last epoch.
    pub converged: bool,
}

/// A network of these outputs, trained on `data`; where some of that is held out, divided by `split`, its loss decides.
pub(super) fn train<T: Real, Y: Targets + Clone>(
    settings: &Settings,
    outputs: usize,
    data: &Dataset<T, Y>,
    split: impl Fn(&Y, f64, &mut ChaCha8Rng) -> (Vec<usize>, Vec<usize>),
    loss: impl for<'t> Fn(Var<'t, T>, &Y) -> Var<'t, T>,
) -> Result<(Mlp<T>, Curves), EstimatorError> {
    let rng = &mut ChaCha8Rng::seed_from_u64(settings.seed);
    let parts = settings.early_stopping.map(|share| split(&data.t, 1.0 - share, rng));
    let held_out = parts.as_ref().map(|(_, held_out)| data.select(held_out));
    let training = parts.as_ref().map(|(training, _)| data.select(training));
    let data = training.as_ref().unwrap_or(data);
    at_least("samples to train on", data.len(), 1)?;
    at_least("samples held out", held_out.as_ref().map_or(1, Dataset::len), 1)?;

    let sizes = [&[data.features()], &*settings.hidden, &[outputs]].concat();
    let mut net = Mlp::builder(&sizes).activation(settings.activation).init(Init::Xavier).build(rng);
    let sampler = Sampler::shuffled(data.len(), settings.batch.min(data.len()), settings.seed);
    let mut adam = Adam::new(settings.lr).with().no_decay_of_biases_and_norms();
    let mut state = adam.init(&net);
    let (mut curves, mut best, mut stale) = (Curves::default(), (f64::INFINITY, None), 0);

    for epoch in 0..settings.max_epochs {
        let mut total = 0.0;
        for batch in sampler.epoch(epoch as u64) {
            let (x, t) = data.batch(&batch);
            let n = batch.len() as f64;
            let penalty = settings.alpha * squares(&net) / 2.0;
            let tape = Tape::new();
            let loss = loss(net.forward(tape.constant(&x)), &t);
            total += n * loss.item().to_f64() + penalty;
            let grads = loss.backward();
            adam.rules.l2 = settings.alpha / n;
            adam.step(&mut net, &grads, &mut state);
        }
        if !total.is_finite() {
            return Err(EstimatorError::Diverged { epoch: epoch + 1 });
        }
        curves.losses.push(total / data.len() as f64);
        let mut decisive = total / data.len() as f64;
        if let Some(Dataset { x, t, .. }) = &held_out {
            let tape = Tape::new();
            decisive = loss(net.forward(tape.constant(x)), t).item().to_f64();
            curves.validation.push(decisive);
        }

        stale = if decisive > best.0 - settings.tolerance { stale + 1 } else { 0 };
        if decisive < best.0 {
            best = (decisive, held_out.as_ref().map(|_| net.clone()));
        }
        if stale > settings.patience {
            curves.converged = true;
            break;
        }
    }
    Ok((best.1.unwrap_or(net), curves))
}

/// ‖W‖² over all layers.
fn squares<T: Real>(net: &Mlp<T>) -> f64 {
    let weights = net.layers.iter().flat_map(|layer| layer.weight.value().as_slice());
    weights.map(|w| w.to_f64() * w.to_f64()).sum()
}
