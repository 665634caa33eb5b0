//! Averages of a model's weights over the steps of training.

use std::fmt;

use autograd::{compiled_once, vectorised};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::layer::fraction;
use crate::{Module, Path, Real};

/// The exponential moving average of a model's parameters, w̄ ← d w̄ + (1 − d) w after every step. It follows the
/// weights with less noise and often predicts better (Polyak, Juditsky, 1992; Kingma, Ba, "Adam", 2015, §7.2).
///
/// Buffers and frozen parameters are copied. It is a serde value: stored with the optimizer's state, it continues where it
/// stopped.
///
/// ```
/// use nn::{Adam, Ema, Matrix, Optimizer, Param, Tape};
/// let mut w = Param::new(Matrix::from([[1.0f64]]));
/// let (adam, mut ema) = (Adam::new(0.1), Ema::new(0.9, &w).corrected());
/// let mut state = adam.init(&w);
/// for _ in 0..200 {
///     let tape = Tape::new();
///     let grads = (tape.param(&w) - 3.0).square().backward();
///     adam.step(&mut w, &grads, &mut state);
///     ema.update(&w);
/// }
/// let error = ema.evaluate(&mut w, |w| (w.value()[(0, 0)] - 3.0).abs());
/// assert!(error < 1e-2);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub struct Ema<T> {
    #[serde(deserialize_with = "decay")]
    decay: f64,
    start: Start,
    steps: u64,
    /// Whether the averages are in the model, and the model's weights are stored here.
    swapped: bool,
    params: Vec<Average<T>>,
}

const DECAY: &str = "Ema: the decay";

fn decay<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    fraction(DECAY, f64::deserialize(d)?).map_err(de::Error::custom)
}

/// How the average starts, before it has enough to average.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Start {
    Initial,
    Corrected,
    WarmUp,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
struct Average<T> {
    name: String,
    #[serde(with = "autograd::entries")]
    values: Vec<T>,
}

impl<T> fmt::Debug for Average<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} numbers", self.name, self.values.len())
    }
}

#[compiled_once]
impl<T: Real> Ema<T> {
    /// An average that starts at the model's weights, w̄₀ = w₀. It averages over about 1 / (1 − `decay`) steps.
    ///
    /// # Panics
    /// Unless 0 ≤ `decay` < 1.
    #[track_caller]
    pub fn new(decay: f64, model: &dyn Module<T>) -> Self {
        if let Err(message) = fraction(DECAY, decay) {
            panic!("{message}");
        }
        let mut params = Vec::new();
        model.params(&Path::Root, &mut |path, param| {
            params.push(Average { name: path.to_string(), values: param.value().as_slice().to_vec() });
        });
        Ema { decay, start: Start::Initial, steps: 0, swapped: false, params }
    }

    /// Removes the influence of the initial weights, like Adam's bias correction: w̄ₖ = (1 − d) Σ dᵏ⁻ⁱ wᵢ / (1 − dᵏ).
    #[must_use]
    pub fn corrected(self) -> Self {
        Ema { start: Start::Corrected, ..self }
    }

    /// Averages over few steps at the start: the decay of step k = 1, 2, … is min(d, (1 + k) / (10 + k)), as in TensorFlow.
    #[must_use]
    pub fn warm_up(self) -> Self {
        Ema { start: Start::WarmUp, ..self }
    }

    /// The number of steps it has averaged.
    #[inline]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Updates the average with the weights after a step.
    ///
    /// # Panics
    /// If the model is a different one, or the averages have been [swapped](Ema::swap) into it. Nothing is changed then.
    #[track_caller]
    pub fn update(&mut self, model: &dyn Module<T>) {
        self.expect_fit("update", model);
        assert!(!self.swapped, "Ema::update: the averages are in the model: swap them out before training goes on");
        self.steps += 1;
        let share = self.share(self.steps);
        let mut averages = self.params.iter_mut();
        model.params(&Path::Root, &mut |_, param| {
            let Some(Average { values, .. }) = averages.next() else { return };
            let share = if param.is_trained() { share } else { 1.0 };
            approach(values, param.value().as_slice(), T::from_f64(1.0 - share), T::from_f64(share));
        });
    }

    /// Exchanges the weights of the model and the averages: once before an evaluation and once after it.
    ///
    /// # Panics
    /// If the model is a different one. Nothing is changed then.
    #[track_caller]
    pub fn swap(&mut self, model: &mut dyn Module<T>) {
        self.expect_fit("swap", model);
        self.swapped = !self.swapped;
        let mut averages = self.params.iter_mut();
        model.params_mut(&Path::Root, &mut |_, param| {
            if let Some(Average { values, .. }) = averages.next() {
                param.value_mut().as_mut_slice().swap_with_slice(values);
            }
        });
    }

    /// Applies `f` to the model with the averages as its weights.
    ///
    /// # Panics
    /// If the model is a different one.
    #[track_caller]
    pub fn evaluate<M: Module<T>, R>(&mut self, model: &mut M, f: impl FnOnce(&M) -> R) -> R {
        self.swap(model);
        let result = f(model);
        self.swap(model);
        result
    }

    /// How it differs from the [corrected](Ema::corrected) average with this decay over this number of steps of this model, with the
    /// model's weights in the model. Averages from a file may differ.
    #[cfg(feature = "save")]
    pub(crate) fn contradiction(&self, decay: f64, steps: u64, model: &dyn Module<T>) -> Option<String> {
        let as_made = self.decay == decay && self.start == Start::Corrected && !self.swapped;
        if !as_made || self.steps != steps {
            let Ema { decay, start, steps, swapped, .. } = self;
            return Some(format!("decay {decay}, {start:?}, {steps} steps, swapped: {swapped}"));
        }
        let not_finite = |a: &&Average<T>| a.values.iter().any(|x| !x.to_f64().is_finite());
        let not_finite = self.params.iter().find(not_finite);
        let not_finite = not_finite.map(|a| format!("numbers of `{}` are NaN or infinite", a.name));
        self.misfit(model).or(not_finite)
    }

    /// 1 − d at step k.
    fn share(&self, k: u64) -> f64 {
        let d = self.decay;
        match self.start {
            Start::Initial => 1.0 - d,
            // If k is too large for its type, dᵏ is 0.
            Start::Corrected => (1.0 - d) / (1.0 - d.powi(i32::try_from(k).unwrap_or(i32::MAX))),
            Start::WarmUp => 1.0 - d.min((1 + k) as f64 / (10 + k) as f64),
        }
    }

    #[track_caller]
    fn expect_fit(&self, name: &str, model: &dyn Module<T>) {
        let problem = self.misfit(model);
        assert!(problem.is_none(), "Ema::{name}: the average is of another model: {}", problem.unwrap_or_default());
    }

    /// How the model differs from that of the average, if it does.
    fn misfit(&self, model: &dyn Module<T>) -> Option<String> {
        let (mut averages, mut problem) = (self.params.iter(), None);
        model.params(&Path::Root, &mut |path, param| {
            let (average, len) = (averages.next(), param.value().as_slice().len());
            if !average.is_some_and(|average| path.is(&average.name) && average.values.len() == len) {
                let has = average.map_or("none".into(), |a| format!("`{}` with {} numbers", a.name, a.values.len()));
                problem.get_or_insert(format!("in the place of parameter `{path}` with {len} numbers it has {has}"));
            }
        });
        if problem.is_none() && averages.next().is_some() {
            problem = Some("that has more parameters".into());
        }
        problem
    }
}

/// w̄ ← keep w̄ + share w.
fn approach<T: Real>(average: &mut [T], w: &[T], keep: T, share: T) {
    vectorised(
        #[inline(always)]
        || {
            let (keep, share) = (keep, share);
            average.iter_mut().zip(w).for_each(|(average, &w)| *average = keep * *average + share * w);
        },
    );
}
