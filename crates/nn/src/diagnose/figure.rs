//! A diagnosis as a picture.

use super::{Diagnosis, LayerReport};
use crate::plot::{Chart, Figure};

impl Diagnosis {
    /// Gradients, activations, and dead and saturated units, each plotted against the index of the layer. Feature `plot`.
    ///
    /// ```
    /// use nn::{Activation, Layer, Matrix, Mlp, Tape, diagnose};
    /// # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
    /// let net: Mlp<f32> = Mlp::new(&[2, 8, 8, 1], Activation::Tanh, rng);
    /// let tape = Tape::new();
    /// let loss = net.forward(tape.constant(Matrix::from([[0.3, 1.0], [-0.7, 0.2]]))).square().mean();
    /// let svg = diagnose(&net, loss).figure().to_svg();
    /// assert!(svg.contains("Gradients") && svg.contains("from layers.0 to layers.2"));
    /// ```
    pub fn figure(&self) -> Figure {
        let of = |f: &dyn Fn(&LayerReport) -> Option<f64>| -> Vec<(f64, f64)> {
            (1..).map(f64::from).zip(&self.layers).filter_map(|(k, layer)| Some((k, f(layer)?))).collect()
        };
        let axis = match &self.layers[..] {
            [] => "no layers".to_owned(),
            [only] => only.name.clone(),
            [first, .., last] => format!("layer, from {} to {}", first.name, last.name),
        };
        let chart =
            |title: &str, y: &str| Chart::new(title).axes(&axis, y).x_range(0.5..self.layers.len() as f64 + 0.5);
        Figure::new()
            .with(
                chart("Gradients", "root mean square")
                    .log_y()
                    .line("at pre-activations, δ", of(&|layer| layer.delta))
                    .line("of weights, ∇w", of(&|layer| layer.weight_gradient)),
            )
            .with(
                chart("Activations", "")
                    .line("root mean square", of(&|layer| Some(layer.rms)))
                    .line("mean", of(&|layer| Some(layer.mean)))
                    .line("part that varies between samples", of(&|layer| layer.spread)),
            )
            .with(
                chart("Units without a slope", "share")
                    .percent()
                    .y_range(0.0..1.0)
                    .dots("dead ReLU", of(&|layer| layer.dead))
                    .dots("saturated", of(&|layer| layer.saturated)),
            )
    }
}
