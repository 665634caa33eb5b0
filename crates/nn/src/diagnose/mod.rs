//! Finds what is wrong with a network: activations, gradients, dead and saturated units layer by layer, with advice.
//!
//! The tape of any model has every value and, after a sweep, every gradient. [`diagnose`] reads them; it needs
//! only a model and a loss.
//!
//! ```
//! use nn::{Activation, Layer, Matrix, Mlp, Reduction, Tape, diagnose, loss};
//! # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
//! let mut net: Mlp<f64> = Mlp::new(&[2, 8, 1], Activation::Tanh, rng);
//! net.layers.iter_mut().for_each(|layer| layer.weight.value_mut().as_mut_slice().fill(0.0));
//!
//! let tape = Tape::new();
//! let x = tape.constant(Matrix::from([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]));
//! let t = tape.constant(Matrix::row(&[0.0, 1.0, 1.0, 0.0]));
//! let diagnosis = diagnose(&net, loss::mse(net.forward(x), t, Reduction::Mean));
//!
//! assert_eq!(diagnosis.layers[0].name, "layers.0");
//! assert!(diagnosis.to_string().contains("all units of `layers.0` are alike"));
//! ```
//!
//! # Layers
//!
//! A layer is a place where parameters meet data: a product W x, a sum with b, a scale. Its name is that of
//! the module that holds these parameters (`layers.0` for `layers.0.weight`), or their own names if no module holds them
//! (`w + b`). A layer that is used several times, as in a recurrent network, is one line over all its uses.

mod finding;
mod nodes;
mod table;

#[cfg(feature = "plot")]
mod figure;

use autograd::compiled_once;

use crate::weights::Weights;
use crate::{Gradients, Matrix, MatrixRef, Module, Optimizer, Param, ParamGradients, Real, State, Var};

pub use finding::{Finding, limits};

use nodes::{Place, Saturating};

/// The state of a network on one batch. It prints as a table and findings; `{:#}` shows every layer of a deep network.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// The loss.
    pub loss: f64,
    /// ‖∇‖, over all parameters.
    pub gradient: f64,
    /// Every layer, in the order of recording.
    pub layers: Vec<LayerReport>,
    /// The problems, the most serious first; empty if nothing stands out.
    pub findings: Vec<Finding>,
}

/// What a layer does to a batch, and the sweep to the layer. RMS is the root of the mean square of all entries, so it does not
/// grow with the size of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerReport {
    /// Its name in the model.
    pub name: String,
    /// The number of units.
    pub units: usize,
    /// The mean of its outputs, after the activation function if one follows.
    pub mean: f64,
    /// The RMS of its outputs.
    pub rms: f64,
    /// The part of Σ z² that varies from sample to sample; 0 if all samples get the same outputs. `None` for one sample.
    pub spread: Option<f64>,
    /// The share of ReLU units that are active for no sample.
    pub dead: Option<f64>,
    /// The share of outputs of tanh and sigmoid where the slope is below 4 % of the largest.
    pub saturated: Option<f64>,
    /// Whether all its units have equal values and equal gradients, so that no step can make them different.
    pub alike: bool,
    /// The RMS of δa, the gradient at its pre-activations; `None` if nothing before it is trained.
    pub delta: Option<f64>,
    /// The RMS of its parameters.
    pub weight: f64,
    /// The RMS of their gradient; `None` if none is trained.
    pub weight_gradient: Option<f64>,
    /// ‖Δw‖ / ‖w‖ of the next step; `None` without an optimizer, or if w = 0.
    pub update: Option<f64>,
}

/// Diagnoses a model from a loss that was recorded on a tape. It sweeps the gradients and changes nothing.
///
/// # Panics
/// If the loss is not a single number, or depends on constants only.
#[compiled_once]
#[track_caller]
pub fn diagnose<T: Real>(model: &dyn Module<T>, loss: Var<'_, T>) -> Diagnosis {
    let grads = loss.backward_all();
    examine(model, loss, &grads, &|_| None)
}

/// The same, and how far the next step of an optimizer would move each layer. The state is not changed.
///
/// ```
/// use nn::{Activation, Adam, Layer, Matrix, Mlp, Optimizer, Tape, diagnose_step};
/// # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
/// let net: Mlp<f32> = Mlp::new(&[2, 8, 1], Activation::Tanh, rng);
/// let adam = Adam::new(0.001);
/// let tape = Tape::new();
/// let loss = net.forward(tape.constant(Matrix::from([[0.3, 1.0], [-0.7, 0.2]]))).square().mean();
/// let diagnosis = diagnose_step(&net, loss, &adam, &adam.init(&net));
/// assert!(diagnosis.layers[0].update.unwrap() < 0.01);
/// ```
///
/// # Panics
/// Under the same conditions as [`diagnose`], and as [`Optimizer::step`] if the state belongs to another model.
#[compiled_once]
#[track_caller]
pub fn diagnose_step<T: Real>(
    model: &dyn Module<T>,
    loss: Var<'_, T>,
    optimizer: &dyn Optimizer<T>,
    state: &State<T>,
) -> Diagnosis {
    let grads = loss.backward_all();
    // The step is made on a copy, whose parameters correspond to those of the model by name.
    let before: Vec<(String, &Param<T>)> = model.named_params();
    let mut copy = Weights::of(model);
    let gradient = |param: &Param<T>| {
        let zeros = || Matrix::zeros(param.value().rows(), param.value().cols());
        grads.get(param).map_or_else(zeros, MatrixRef::to_owned)
    };
    let of_copies = copy.0.iter().zip(&before).map(|((_, copy), (_, param))| (copy.id(), gradient(param))).collect();
    optimizer.step(&mut copy, &GradientsOfCopies(of_copies), &mut state.clone());
    examine(model, loss, &grads, &|id| {
        let k = before.iter().position(|(_, param)| param.id() == id)?;
        let moved = copy.0[k].1.value().as_slice().iter().zip(before[k].1.value().as_slice());
        Some(moved.map(|(a, b)| (a.to_f64() - b.to_f64()).powi(2)).sum())
    })
}

struct GradientsOfCopies<T>(Vec<(u64, Matrix<T>)>);

#[compiled_once]
impl<T: Real> ParamGradients<T> for GradientsOfCopies<T> {
    fn gradient(&self, param: &Param<T>) -> Option<MatrixRef<'_, T>> {
        self.0.iter().find(|(id, _)| *id == param.id()).map(|(_, g)| g.view())
    }
    fn updated(&self, _: &Param<T>) -> Option<MatrixRef<'_, T>> {
        None
    }
}

/// `moved` gives Σ Δw² of a parameter in the next step, if there is one.
fn examine<T: Real>(
    model: &dyn Module<T>,
    loss: Var<'_, T>,
    grads: &Gradients<T>,
    moved: &dyn Fn(u64) -> Option<f64>,
) -> Diagnosis {
    let params = model.named_params();
    let places = nodes::layers(&params, loss);
    let layers: Vec<LayerReport> = places.iter().map(|place| report(place, &params, grads, moved)).collect();
    let squares = params.iter().filter_map(|(_, param)| grads.get(*param)).map(|g| Entries::of(g.as_slice()).squares);
    let (gradient, loss_now) = (squares.fold(0.0, |sum, s| sum + s).sqrt(), loss.item().to_f64());
    let mut diagnosis = Diagnosis { loss: loss_now, gradient, layers, findings: Vec::new() };
    diagnosis.findings = finding::findings(&diagnosis, &params, &places, loss, grads);
    diagnosis
}

fn report<T: Real>(
    place: &Place<'_, T>,
    params: &[(String, &Param<T>)],
    grads: &Gradients<T>,
    moved: &dyn Fn(u64) -> Option<f64>,
) -> LayerReport {
    let outputs: Vec<Matrix<T>> = place.outputs().map(Var::value).collect();
    let all = outputs.iter().map(|z| Entries::of(z.as_slice())).sum::<Entries>();
    let own = || place.params.iter().map(|&k| params[k].1);
    let weights = own().map(|param| Entries::of(param.value().as_slice())).sum::<Entries>();
    let gradients: Vec<Entries> = own().filter_map(|p| grads.get(p)).map(|g| Entries::of(g.as_slice())).collect();
    let deltas: Vec<MatrixRef<'_, T>> = place.nodes.iter().filter_map(|&a| grads.get(a)).collect();
    let step = own().filter(|param| param.is_trained()).map(|param| moved(param.id())).sum::<Option<f64>>();
    LayerReport {
        name: place.name.clone(),
        units: place.nodes[0].rows(),
        mean: all.mean(),
        rms: all.rms(),
        spread: spread(&outputs),
        dead: dead(place),
        saturated: saturated(place),
        alike: alike(place, &deltas),
        delta: (!deltas.is_empty()).then(|| deltas.iter().map(|d| Entries::of(d.as_slice())).sum::<Entries>().rms()),
        weight: weights.rms(),
        weight_gradient: (!gradients.is_empty()).then(|| gradients.into_iter().sum::<Entries>().rms()),
        update: step.map(|step| (step / weights.squares).sqrt()).filter(|ratio| ratio.is_finite()),
    }
}

/// Count, sum and sum of squares of some numbers.
#[derive(Clone, Copy, Default)]
struct Entries {
    count: usize,
    sum: f64,
    squares: f64,
}

impl Entries {
    fn of<T: Real>(x: &[T]) -> Self {
        x.iter().fold(Entries::default(), |e, x| {
            let x = x.to_f64();
            Entries { count: e.count + 1, sum: e.sum + x, squares: e.squares + x * x }
        })
    }
    fn mean(self) -> f64 {
        self.sum / self.count as f64
    }
    fn rms(self) -> f64 {
        (self.squares / self.count as f64).sqrt()
    }
    fn deviation(self) -> f64 {
        (self.squares / self.count as f64 - self.mean().powi(2)).max(0.0).sqrt()
    }
}

impl std::iter::Sum for Entries {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Entries::default(), |a, b| Entries {
            count: a.count + b.count,
            sum: a.sum + b.sum,
            squares: a.squares + b.squares,
        })
    }
}

/// The numbers of each row, that is of each unit.
fn rows<T: Real>(x: &Matrix<T>) -> impl Iterator<Item = Vec<T>> {
    (0..x.rows()).map(move |i| (0..x.cols()).map(|j| x[(i, j)]).collect())
}

/// √(Σ (z − z̄)² / Σ z²), where z̄ is the mean of a unit over the samples.
fn spread<T: Real>(outputs: &[Matrix<T>]) -> Option<f64> {
    let units = outputs.iter().filter(|z| z.cols() > 1).flat_map(|z| rows(z)).map(|unit| Entries::of(&unit));
    let (varying, all) = units.fold((0.0, 0.0), |(varying, all), unit| {
        (varying + unit.count as f64 * unit.deviation().powi(2), all + unit.squares)
    });
    (all > 0.0).then(|| (varying / all).sqrt())
}

/// A ReLU unit is dead if it is active for no sample in any use of its layer.
fn dead<T: Real>(place: &Place<'_, T>) -> Option<f64> {
    let relus = place.activations.iter().filter(|(kind, _)| *kind == Saturating::Relu);
    let mut active: Vec<bool> = Vec::new();
    for (_, z) in relus {
        let z = z.value();
        active.resize(active.len().max(z.rows()), false);
        rows(&z).enumerate().for_each(|(i, unit)| active[i] |= unit.iter().any(|z| z.to_f64() > 0.0));
    }
    let dead = active.iter().filter(|active| !**active).count();
    (!active.is_empty()).then(|| dead as f64 / active.len() as f64)
}

fn saturated<T: Real>(place: &Place<'_, T>) -> Option<f64> {
    let (mut count, mut flat) = (0, 0);
    for (kind, z) in &place.activations {
        let (low, high) = match kind {
            Saturating::Relu => continue,
            Saturating::Tanh => (-limits::SATURATED, limits::SATURATED),
            Saturating::Sigmoid => (0.5 - 0.5 * limits::SATURATED, 0.5 + 0.5 * limits::SATURATED),
        };
        let z = z.value();
        count += z.as_slice().len();
        flat += z.as_slice().iter().filter(|z| !(low..=high).contains(&z.to_f64())).count();
    }
    (count > 0).then(|| flat as f64 / count as f64)
}

/// Equal rows of values and of gradients, in every use.
fn alike<T: Real>(place: &Place<'_, T>, deltas: &[MatrixRef<'_, T>]) -> bool {
    let equal = |x: &Matrix<T>| {
        let first: Vec<T> = rows(x).next().unwrap_or_default();
        x.rows() > 1 && rows(x).all(|row| row == first)
    };
    !deltas.is_empty()
        && place.nodes.iter().all(|a| equal(&a.value()))
        && deltas.iter().all(|delta| equal(&MatrixRef::to_owned(*delta)))
}
