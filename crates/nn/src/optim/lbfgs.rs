//! L-BFGS: a quasi-Newton method for full batches.

use std::collections::VecDeque;
use std::fmt;

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::line_search::{LineSearch, Trial};
use super::unrecorded;
use crate::setting::{DECAY, NUMBER, all};
use crate::{Module, ParamGradients, Path, Real};

/// Limited-memory BFGS (Nocedal & Wright 2006, algorithm 7.5, with the two-loop recursion 7.4) with a line search for the
/// strong Wolfe conditions (algorithms 3.5 and 3.6).
///
/// For losses of a whole data set that is not large, without chance in them: no dropout, no minibatches. There it needs
/// far fewer gradients than an [`Optimizer`](super::Optimizer), and no learning rate.
///
/// ```
/// use nn::{Lbfgs, Matrix, Param, Stop, Tape};
/// // Rosenbrock's valley: 100 (w₁ − w₀²)² + (1 − w₀)².
/// let mut w = vec![Param::new(Matrix::from([[-1.2]])), Param::new(Matrix::from([[1.0]]))];
/// let report = Lbfgs::default().minimize(&mut w, |w| {
///     let tape = Tape::new();
///     let (w0, w1) = (tape.param(&w[0]), tape.param(&w[1]));
///     let loss = (w1 - w0.square()).square() * 100.0 + (1.0 - w0).square();
///     (loss.item(), loss.backward())
/// });
/// assert_eq!(report.stop, Stop::Gradient);
/// assert!((w[0].value()[(0, 0)] - 1.0f64).abs() < 1e-8 && report.evaluations < 60);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lbfgs {
    /// How many pairs of steps and changes of gradient are remembered, by default 10.
    pub memory: usize,
    /// After how many iterations it stops, by default 1000.
    pub max_iterations: u64,
    /// The largest |g| of an entry at which it is done, by default 10⁻⁸.
    pub gradient_tolerance: f64,
    /// It is done when an iteration decreases the loss by less than this share of it; by default 0: never.
    pub loss_tolerance: f64,
    /// What its line search accepts.
    pub line_search: LineSearch,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Lbfgs {
            memory: 10,
            max_iterations: 1000,
            gradient_tolerance: 1e-8,
            loss_tolerance: 0.0,
            line_search: LineSearch::default(),
        }
    }
}

/// Why [`Lbfgs::minimize`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// The gradient is as small as was asked for.
    Gradient,
    /// The loss hardly decreased.
    Loss,
    /// It has made as many iterations as it may.
    Iterations,
    /// No step downhill makes the loss smaller or the gradient flatter: the numbers have no more digits, or the gradient
    /// is not of this loss.
    NoDescent,
    /// The loss or its gradient is NaN or infinite where it started.
    NotFinite,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stop::Gradient => "the gradient is below the tolerance",
            Stop::Loss => "the loss decreases by less than the tolerance",
            Stop::Iterations => "the largest number of iterations is reached",
            Stop::NoDescent => "no step downhill makes the loss smaller",
            Stop::NotFinite => "the loss or its gradient is not finite at the start",
        })
    }
}

/// What [`Lbfgs::minimize`] did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LbfgsReport {
    /// Why it stopped.
    pub stop: Stop,
    /// How many steps it made.
    pub iterations: u64,
    /// How many losses and gradients it asked for.
    pub evaluations: u64,
    /// The loss where it stopped.
    pub loss: f64,
    /// The largest |g| of an entry there.
    pub gradient: f64,
}

/// As many iterations in a row without progress and the numbers have no more digits.
const STALLED: u32 = 5;

impl Lbfgs {
    /// Moves the trained parameters of the model to where the loss is least. `f` gives the loss and the gradients of the
    /// model it is handed; the same model must give the same loss. Frozen parameters and buffers stay.
    ///
    /// Where the loss is NaN or infinite, a step is too long and is shortened. The model is left at the best point.
    ///
    /// # Panics
    /// If the gradients lack a trained parameter, or a setting is out of its range.
    #[track_caller]
    pub fn minimize<T: Real, M: Module<T>, G: ParamGradients<T>>(
        &self,
        model: &mut M,
        mut f: impl FnMut(&M) -> (T, G),
    ) -> LbfgsReport {
        if let Err(problem) = self.check() {
            panic!("{problem}");
        }
        let mut evaluate = |to: Option<Move<'_>>| {
            if let Some((x, alpha, direction)) = to {
                move_to(model, x, alpha, direction);
            }
            let (loss, grads) = f(model);
            // The place itself, as the model's numbers round it.
            Trial { alpha: 0.0, loss: loss.to_f64(), slope: 0.0, x: weights(model), g: gradients(model, &grads) }
        };
        let (report, best) = self.descend(T::EPSILON, &mut evaluate);
        move_to(model, &best, 0.0, &best);
        report
    }

    fn check(&self) -> Result<(), String> {
        let LineSearch { decrease, curvature, .. } = self.line_search;
        let tolerances =
            [("gradient_tolerance", self.gradient_tolerance, NUMBER), ("loss_tolerance", self.loss_tolerance, NUMBER)];
        all("lbfgs", &tolerances)?;
        all("lbfgs: line_search", &[("decrease", decrease, DECAY), ("curvature", curvature, DECAY)])
    }

    /// What it did, and the best point. `evaluate` moves the model if it is told to, and gives the place, the loss and its
    /// gradient there.
    #[track_caller]
    fn descend(&self, epsilon: f64, evaluate: &mut dyn FnMut(Option<Move<'_>>) -> Trial) -> (LbfgsReport, Vec<f64>) {
        let (mut at, mut evaluations) = (evaluate(None), 1);
        let mut memory = Memory { pairs: VecDeque::new(), capacity: self.memory.max(1) };
        let (mut iterations, mut stalled, mut flattest) = (0, 0, f64::INFINITY);
        let noise = 4.0 * epsilon;
        let stop = loop {
            let gradient = largest(&at.g);
            if !at.loss.is_finite() || !gradient.is_finite() {
                break Stop::NotFinite;
            } else if gradient <= self.gradient_tolerance {
                break Stop::Gradient;
            } else if stalled == STALLED {
                break Stop::NoDescent;
            } else if iterations == self.max_iterations {
                break Stop::Iterations;
            }
            let mut direction = memory.direction(&at.g);
            at.slope = dot(&direction, &at.g);
            if at.slope.is_nan() || at.slope >= 0.0 {
                memory.pairs.clear();
                direction = memory.direction(&at.g);
                at.slope = dot(&direction, &at.g);
            }
            // The first step moves by at most 1; later ones try the whole step.
            let first = if memory.pairs.is_empty() { (1.0 / norm1(&at.g)).min(1.0) } else { 1.0 };
            let found = self.line_search.search(&at, first, noise * at.loss.abs(), &mut |alpha| {
                evaluations += 1;
                let Trial { loss, x, g, .. } = evaluate(Some((&at.x, alpha, &direction)));
                let finite = loss.is_finite() && g.iter().all(|g| g.is_finite());
                Trial { alpha, loss: if finite { loss } else { f64::INFINITY }, slope: dot(&direction, &g), x, g }
            });
            let Some(next) = found else {
                if memory.pairs.is_empty() {
                    break Stop::NoDescent;
                }
                memory.pairs.clear();
                continue;
            };
            iterations += 1;
            memory.push(minus(&next.x, &at.x), minus(&next.g, &at.g));
            let (decrease, scale) = (at.loss - next.loss, at.loss.abs().max(next.loss.abs()));
            let flatter = largest(&next.g) < flattest;
            stalled = if decrease > noise * scale || flatter { 0 } else { stalled + 1 };
            flattest = flattest.min(largest(&next.g));
            at = Trial { alpha: 0.0, ..next };
            if decrease < self.loss_tolerance * scale {
                break Stop::Loss;
            }
        };
        let report = LbfgsReport { stop, iterations, evaluations, loss: at.loss, gradient: largest(&at.g) };
        (report, at.x)
    }
}

/// x, α and d of x + α d.
type Move<'a> = (&'a [f64], f64, &'a [f64]);

/// Steps s and changes of gradient y, the newest first.
struct Memory {
    pairs: VecDeque<Pair>,
    capacity: usize,
}

struct Pair {
    s: Vec<f64>,
    y: Vec<f64>,
    /// sᵀy.
    sy: f64,
}

impl Memory {
    /// −H g, by the two-loop recursion; H₀ = sᵀy / yᵀy of the newest pair (equation 7.20).
    fn direction(&self, g: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = g.iter().map(|g| -g).collect();
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for Pair { s, y, sy } in &self.pairs {
            let alpha = dot(s, &q) / sy;
            add(&mut q, -alpha, y);
            alphas.push(alpha);
        }
        if let Some(Pair { y, sy, .. }) = self.pairs.front() {
            let scale = sy / dot(y, y);
            q.iter_mut().for_each(|q| *q *= scale);
        }
        for (Pair { s, y, sy }, alpha) in self.pairs.iter().zip(alphas).rev() {
            let beta = dot(y, &q) / sy;
            add(&mut q, alpha - beta, s);
        }
        q
    }

    /// Remembers a pair, unless its curvature is not positive: H would not be either.
    fn push(&mut self, s: Vec<f64>, y: Vec<f64>) {
        let sy = dot(&s, &y);
        if sy > f64::EPSILON * dot(&y, &y).sqrt() * dot(&s, &s).sqrt() {
            self.pairs.truncate(self.capacity - 1);
            self.pairs.push_front(Pair { s, y, sy });
        }
    }
}

#[compiled_once]
fn weights<T: Real>(model: &dyn Module<T>) -> Vec<f64> {
    let mut all = Vec::new();
    model.params(&Path::Root, &mut |_, param| {
        if param.is_trained() {
            all.extend(param.value().as_slice().iter().map(|w| w.to_f64()));
        }
    });
    all
}

#[compiled_once]
#[track_caller]
fn gradients<T: Real>(model: &dyn Module<T>, grads: &dyn ParamGradients<T>) -> Vec<f64> {
    if let Some(problem) = unrecorded(model, grads) {
        panic!("minimize: {problem}");
    }
    let mut all = Vec::new();
    model.params(&Path::Root, &mut |_, param| {
        if let Some(g) = param.is_trained().then(|| grads.gradient(param)).flatten() {
            all.extend(g.as_slice().iter().map(|g| g.to_f64()));
        }
    });
    all
}

/// w ← x + α d.
#[compiled_once]
fn move_to<T: Real>(model: &mut dyn Module<T>, x: &[f64], alpha: f64, d: &[f64]) {
    let mut entries = x.iter().zip(d).map(|(x, d)| T::from_f64(if alpha == 0.0 { *x } else { x + alpha * d }));
    model.params_mut(&Path::Root, &mut |_, param| {
        if param.is_trained() {
            param.value_mut().as_mut_slice().iter_mut().zip(&mut entries).for_each(|(w, x)| *w = x);
        }
    });
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn add(a: &mut [f64], c: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += c * b);
}

fn norm1(g: &[f64]) -> f64 {
    g.iter().map(|g| g.abs()).sum()
}

/// max |g|; NaN if there is one.
fn largest(g: &[f64]) -> f64 {
    g.iter().fold(0.0, |max, g| if g.abs() <= max { max } else { g.abs() })
}
