//! Training by Levenberg and Marquardt's method, in double precision.

use std::ops::ControlFlow;

use autograd::compiled_once;
use rand::rngs::ChaCha8Rng;

use super::regressor::half_squares;
use super::training::{Begun, Patience, begin};
use super::{Curves, EstimatorError, Settings};
use crate::data::Dataset;
use crate::least_squares::LevenbergMarquardt;
use crate::{Layer, Linear, Matrix, Mlp, Param, Real, Tape};

type Split<'a> = dyn Fn(&Matrix<f64>, f64, &mut ChaCha8Rng) -> (Vec<usize>, Vec<usize>) + 'a;

/// A network trained on `data`: an epoch is a step that decreased the loss. Losses, penalty, held-out samples and patience are those of
/// training by Adam with all samples in one batch.
#[compiled_once]
pub(super) fn train<T: Real>(
    settings: &Settings,
    data: &Dataset<T, Matrix<T>>,
    split: &Split<'_>,
) -> Result<(Mlp<T>, Curves), EstimatorError> {
    let (net, curves) = train_wide(settings, &wide(data), split)?;
    let narrow = |param: &Param<f64>| Param::new(param.value().map(T::from_f64));
    let layer = |layer: &Linear<f64>| Linear { weight: narrow(&layer.weight), bias: layer.bias.as_ref().map(narrow) };
    Ok((Mlp::from_layers(net.layers.iter().map(layer).collect(), settings.activation), curves))
}

fn wide<T: Real>(data: &Dataset<T, Matrix<T>>) -> Dataset<f64, Matrix<f64>> {
    let plain = Dataset::new(data.x.map(T::to_f64), data.t.map(T::to_f64));
    Dataset { weights: data.weights.clone(), ..plain }
}

fn train_wide(
    settings: &Settings,
    data: &Dataset<f64, Matrix<f64>>,
    split: &Split<'_>,
) -> Result<(Mlp<f64>, Curves), EstimatorError> {
    let Begun { mut net, data, held_out } = begin(settings, data.t.rows(), data, split)?;
    let per_sample = 1.0 / (2.0 * data.len() as f64);
    let mut curves = Curves::default();
    let (mut patience, mut best) = (Patience::new(settings), None);
    let fit = LevenbergMarquardt::new().decay(settings.alpha).fit_while(&mut net, &data, |net, now| {
        curves.losses.push(now.sum * per_sample);
        let loss = held_out.as_ref().map_or(now.sum * per_sample, |held_out| {
            let tape = Tape::new();
            let y = net.forward(tape.constant(&held_out.x));
            half_squares(y, &held_out.t, held_out.weights.as_deref()).item()
        });
        if held_out.is_some() {
            curves.validation.push(loss);
            if loss < patience.best {
                best = Some(net.clone());
            }
        }
        curves.converged = patience.after(loss).is_break();
        if curves.converged || curves.losses.len() == settings.max_epochs {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    curves.converged |= fit.reason.is_converged();
    Ok((best.unwrap_or(net), curves))
}
