//! Finds an initial learning rate.

use serde::{Deserialize, Serialize};

use crate::setting::{AT_LEAST_1, DECAY, all};
use crate::{Module, Optimizer, ParamGradients, Real};

/// The learning-rate range test: one step per batch while α grows geometrically, until the loss explodes (Smith 2017,
/// section 3.3; as in fastai).
///
/// It trains a copy of the model and restores the learning rate of the optimizer.
///
/// ```
/// use nn::schedule::LrFinder;
/// use nn::{Activation, Adam, Layer, Matrix, Mlp, Reduction, Tape, loss};
/// # use rand::SeedableRng;
/// # let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(1);
/// let x = Matrix::from([[0.0f32, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]);
/// let t = Matrix::row(&[0.0f32, 1.0, 1.0, 0.0]);
/// let net = Mlp::new(&[2, 8, 1], Activation::Tanh, rng);
/// let mut adam = Adam::new(1e-3);
/// let curve = LrFinder::default().run(&net, &mut adam, |net| {
///     // The next batch; here there is only one.
///     let tape = Tape::new();
///     let loss = loss::mse(net.forward(tape.constant(&x)), tape.constant(&t), Reduction::Mean);
///     (loss.item(), loss.backward())
/// });
/// let found = curve.suggestion().unwrap();
/// assert!((1e-4..1.0).contains(&found.steepest), "{found:?}");
/// adam.lr = found.steepest;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LrFinder {
    /// The first α, by default 10⁻⁷.
    pub from: f64,
    /// The last α, by default 10.
    pub to: f64,
    /// The largest number of steps, by default 100.
    pub steps: u32,
    /// β of the average a ← β a + (1 − β) loss, which is corrected for starting at 0; by default 0.9.
    pub smoothing: f64,
    /// It stops when the smoothed loss exceeds its minimum by this factor, by default 4, or is not finite.
    pub explosion: f64,
}

impl Default for LrFinder {
    fn default() -> Self {
        LrFinder { from: 1e-7, to: 10.0, steps: 100, smoothing: 0.9, explosion: 4.0 }
    }
}

/// The loss against the learning rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LrCurve {
    /// In the order of growing α.
    pub points: Vec<LrPoint>,
    /// Whether the loss exploded before the last α.
    pub exploded: bool,
}

/// A step of an [`LrCurve`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LrPoint {
    /// α.
    pub lr: f64,
    /// The loss of the batch before the step with α.
    pub loss: f64,
    /// The running average of it.
    pub smoothed: f64,
}

/// The suggestions of an [`LrCurve`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LrSuggestion {
    /// The α at which the smoothed loss falls fastest as α grows by a factor: a good choice.
    pub steepest: f64,
    /// A tenth of the α at which the smoothed loss is smallest: the largest α to try.
    pub tenth_of_minimum: f64,
}

impl LrFinder {
    /// The curve for this model and optimizer. `f` gives the loss and the gradients of the next batch, as for
    /// [`minimize_model`](crate::MinimizeModel::minimize_model).
    ///
    /// # Panics
    /// Under the conditions of [`Optimizer::step`]; unless 0 < `from` < `to`; and if another setting is out of its range.
    #[track_caller]
    pub fn run<T: Real, M: Module<T> + Clone, G: ParamGradients<T>>(
        &self,
        model: &M,
        optimizer: &mut (impl Optimizer<T> + ?Sized),
        mut f: impl FnMut(&M) -> (T, G),
    ) -> LrCurve {
        assert!(0.0 < self.from && self.from < self.to, "LrFinder: from {} to {} is not a range", self.from, self.to);
        let ranges = [("smoothing", self.smoothing, DECAY), ("explosion", self.explosion, AT_LEAST_1)];
        if let Err(problem) = all("LrFinder", &ranges) {
            panic!("{problem}");
        }
        let (mut model, before) = (model.clone(), optimizer.lr());
        let mut state = optimizer.init(&model);
        let mut curve = LrCurve { points: Vec::new(), exploded: false };
        let (mut average, mut least) = (0.0, f64::INFINITY);
        for k in 0..self.steps {
            let lr = self.from * (self.to / self.from).powf(f64::from(k) / f64::from(self.steps.max(2) - 1));
            let (loss, grads) = f(&model);
            let loss = loss.to_f64();
            average = self.smoothing * average + (1.0 - self.smoothing) * loss;
            let smoothed = average / (1.0 - self.smoothing.powf(f64::from(k) + 1.0));
            if !smoothed.is_finite() || smoothed - least > (self.explosion - 1.0) * least.abs() {
                curve.exploded = true;
                break;
            }
            least = least.min(smoothed);
            curve.points.push(LrPoint { lr, loss, smoothed });
            optimizer.set_lr(lr);
            optimizer.step(&mut model, &grads, &mut state);
        }
        optimizer.set_lr(before);
        curve
    }
}

impl LrCurve {
    /// The suggestions; `None` if the loss never fell.
    pub fn suggestion(&self) -> Option<LrSuggestion> {
        let least =
            (0..self.points.len()).min_by(|&i, &j| self.points[i].smoothed.total_cmp(&self.points[j].smoothed))?;
        let slope = |pair: &[LrPoint]| (pair[1].smoothed - pair[0].smoothed) / (pair[1].lr / pair[0].lr).ln();
        let falls = self.points[..=least].windows(2).map(|pair| (slope(pair), pair[0].lr));
        let (_, steepest) = falls.filter(|(slope, _)| *slope < 0.0).min_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(LrSuggestion { steepest, tenth_of_minimum: self.points[least].lr / 10.0 })
    }

    /// The curve as a picture, with the suggestions as dots on it.
    #[cfg(feature = "plot")]
    pub fn chart(&self) -> crate::plot::Chart {
        let points = |y: fn(&LrPoint) -> f64| self.points.iter().map(move |p| (p.lr, y(p)));
        let chart = crate::plot::Chart::new("Loss while the learning rate grows").axes("learning rate", "loss").log_x();
        let chart = chart.line("smoothed", points(|p| p.smoothed)).dashed("of the batch", points(|p| p.loss));
        let Some(found) = self.suggestion() else { return chart };
        let dot = |lr: f64| {
            let nearest = self.points.iter().min_by(|a, b| {
                let far = |p: &LrPoint| (p.lr / lr).ln().abs();
                far(a).total_cmp(&far(b))
            });
            nearest.map(|p| (p.lr, p.smoothed))
        };
        chart.dots("steepest", dot(found.steepest)).dots("minimum / 10", dot(found.tenth_of_minimum))
    }

    /// Writes the picture as SVG.
    ///
    /// # Errors
    /// If the file cannot be written.
    #[cfg(feature = "plot")]
    pub fn draw(&self, path: impl AsRef<std::path::Path>) -> Result<(), crate::plot::PlotError> {
        self.chart().save(path)
    }
}
