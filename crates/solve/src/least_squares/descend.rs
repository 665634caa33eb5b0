//! The iterations.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use autograd::Matrix;
use autograd::descent::Bounds;

use super::jacobian::Jacobian;
use super::model::{Model, Step, dot, norm};
use super::normal::Normal;
use super::sparse_steps::{HAS_STEPS, SparseModel, Structure};
use super::{Criteria, Fit, FitError, LeastSquares, Method, Progress, Reason, conjugate};
use crate::{JacobianPlan, Residuals};

/// A point, its residuals, and the sum.
struct Point {
    x: Vec<f64>,
    r: Vec<f64>,
    value: f64,
}

impl Point {
    /// Why it ends where the sum is 0: the squares of tiny residuals may be 0 as well.
    fn nothing_left(&self) -> Reason {
        if self.r.iter().all(|r| *r == 0.0) { Reason::Exact } else { Reason::Precision }
    }
}

/// The residuals and the Jacobian of the Gauss–Newton model at a point, and half the gradient of the sum.
struct Slope {
    r: Vec<f64>,
    /// The factors of the residuals and of the rows of J; empty if all are 1.
    rows: Vec<f64>,
    /// None for conjugate gradients.
    jacobian: Option<Jacobian>,
    /// The lengths of the columns of J, 1 for conjugate gradients.
    lengths: Vec<f64>,
    gradient: Vec<f64>,
    free: Vec<usize>,
}

/// The model of an iteration.
enum Linear<'a> {
    Singular(Model),
    Normal(Normal),
    Sparse(SparseModel<'a>),
    /// Of conjugate gradients, which ask the residuals.
    Products,
}

pub fn run(
    settings: &LeastSquares,
    f: &mut dyn Residuals,
    start: &[f64],
    bounds: &Bounds,
    each: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<Fit, FitError> {
    settings.check()?;
    if let Some((parameter, &value)) = start.iter().enumerate().find(|(_, x)| !x.is_finite()) {
        return Err(FitError::Start { parameter, value });
    }
    let evaluations = Cell::new(0);
    let has_columns = settings.method != Method::ConjugateGradients;
    // With J, if the sum is wanted and the residuals have J at no more cost.
    let evaluate = |f: &mut dyn Residuals, x: Vec<f64>, wanted: &dyn Fn(f64) -> bool| {
        evaluations.set(evaluations.get() + 1);
        let (r, j) = f.values_and_jacobian(&x, &mut |r| has_columns && wanted(settings.loss.value(r)));
        (Point { value: settings.loss.value(&r), x, r }, j)
    };
    let (mut at, mut j) = evaluate(f, bounds.nearest(start), &|value| value.is_finite());
    if let Some((residual, &value)) = at.r.iter().enumerate().find(|(_, r)| !r.is_finite()) {
        return Err(FitError::Residual { residual, value });
    }
    let is_tiny = at.value < f64::MIN_POSITIVE && at.r.iter().any(|r| *r != 0.0);
    if !at.value.is_finite() || is_tiny {
        return Err(FitError::Sum);
    }
    let (mut plan, mut structure) = (JacobianPlan::default(), None);
    let mut slope = Slope::at(settings, f, &mut plan, &at, bounds, j.take());
    if let Some((residual, parameter)) = slope.not_finite() {
        return Err(FitError::Derivative { residual, parameter });
    }

    let mut scales = vec![0.0; start.len()];
    let (mut radius, mut lambda, mut iterations, mut is_here) = (None, 0.0, 0, true);
    let mut criteria = Criteria { gradient: f64::NAN, decrease: f64::NAN, step: f64::NAN, tolerances: *settings };
    let reason = 'done: loop {
        if at.value == 0.0 {
            break at.nothing_left();
        }
        slope.widen(&mut scales);
        criteria.gradient = slope.steepness();
        if criteria.gradient <= settings.gradient_tolerance {
            break Reason::Gradient;
        }
        let scaled = |x: &[f64]| norm(&x.iter().zip(&scales).map(|(x, d)| x * d).collect::<Vec<_>>());
        let model = slope.model(settings.method, &scales, &mut structure);
        let from = *radius.get_or_insert_with(|| {
            // Parameters that are 0, exactly or up to rounding, do not show their size.
            let (length, size) = (scaled(&at.x), at.value.sqrt());
            settings.first_step * if length > f64::EPSILON.sqrt() * size { length } else { size }
        });
        let mut within = from;
        loop {
            let Some(mut step) = slope.step(f, &at.x, &model, settings.method, within, &mut lambda) else {
                break 'done Reason::NotFinite;
            };
            if settings.method == Method::ConjugateGradients {
                criteria.gradient = (step.decrease.max(0.0) / at.value).sqrt();
                if criteria.gradient <= settings.gradient_tolerance {
                    break 'done Reason::Gradient;
                }
            }
            let moved: Vec<f64> = at.x.iter().zip(&step.p).map(|(x, p)| x + p).collect();
            let mut next = bounds.nearest(&moved);
            if next != moved {
                step = slope.along(f, &at.x, &next, &scales);
                // It may lead upwards now. Against the gradient, a step leads downwards if it is short.
                if step.decrease <= 0.0 {
                    next = bounds.nearest(&slope.against_gradient(&at.x, &scales, within));
                    step = slope.along(f, &at.x, &next, &scales);
                }
            }
            if iterations == 0 {
                within = within.min(step.length);
            }
            let decrease = |value: f64| if value.is_finite() { at.value - value } else { f64::NEG_INFINITY };
            let ratio =
                |value: f64| if step.decrease > 0.0 { decrease(value) / step.decrease } else { f64::NEG_INFINITY };
            let is_better = |value: f64| ratio(value) >= 1e-4;
            let (next, j_next) = evaluate(f, next, &is_better);
            let (is_better, is_finite) = (is_better(next.value), next.value.is_finite());
            let (ratio, decrease) = (ratio(next.value), decrease(next.value));
            if ratio <= 0.25 || ratio.is_nan() {
                // The minimum of the parabola through both values with the slope at the first one.
                let least = if decrease >= 0.0 { 0.5 } else { 0.5 * step.slope / (step.slope + 0.5 * decrease) };
                let much = !is_finite || next.value >= 100.0 * at.value;
                let factor = if much || least.is_nan() { 0.1 } else { least.clamp(0.1, 0.5) };
                // The length of a step that leads upwards says nothing of the region.
                within = factor * if step.decrease > 0.0 { within.min(10.0 * step.length) } else { within };
                lambda /= factor;
            } else if lambda == 0.0 || ratio >= 0.75 {
                (within, lambda) = (2.0 * step.length, 0.5 * lambda);
            }
            let (value, predicted) = (at.value, step.decrease.abs());
            let is_small =
                |tolerance: f64| decrease.abs() <= tolerance * value && predicted <= tolerance * value && ratio <= 2.0;
            criteria.decrease = decrease.abs().max(predicted) / value;
            if is_better {
                (at, j, is_here) = (next, j_next, false);
            }
            criteria.step = within / scaled(&at.x);
            let reason = match () {
                _ if at.value == 0.0 => Some(at.nothing_left()),
                _ if is_small(settings.decrease_tolerance) => Some(Reason::Decrease),
                _ if criteria.step <= settings.step_tolerance => Some(Reason::Step),
                _ if is_small(f64::EPSILON) || within == 0.0 => Some(Reason::Precision),
                _ if evaluations.get() >= settings.max_evaluations => Some(Reason::Evaluations),
                _ => None,
            };
            if is_better {
                iterations += 1;
                let (parameters, residuals, sum) = (&*at.x, &*at.r, at.value);
                let now = Progress { parameters, residuals, sum, iterations, evaluations: evaluations.get() };
                if each(&now).is_break() {
                    break 'done reason.unwrap_or(Reason::Stopped);
                }
            }
            if let Some(reason) = reason {
                break 'done reason;
            }
            if is_better {
                break;
            }
        }
        radius = Some(within);
        slope.take_back(f);
        (slope, is_here) = (Slope::at(settings, f, &mut plan, &at, bounds, j.take()), true);
        if slope.not_finite().is_some() {
            break Reason::NotFinite;
        }
    };
    if !is_here {
        slope = Slope::at(settings, f, &mut plan, &at, bounds, j);
    }
    let is_finite = slope.not_finite().is_none();
    if !criteria.gradient.is_nan() && slope.jacobian.is_some() {
        criteria.gradient = if is_finite { slope.steepness() } else { f64::NAN };
    }
    let inverse = match settings.method {
        Method::LevenbergMarquardt | Method::Dogleg if is_finite => {
            slope.singular(&slope.scales()).map(|model| model.inverse())
        }
        _ => None,
    };
    Ok(Fit::new(at.x, at.r, at.value, slope.r, inverse, reason, criteria, [iterations, evaluations.get()]))
}

impl Slope {
    /// `dense` is J at the point, if it is known.
    fn at(
        settings: &LeastSquares,
        f: &mut dyn Residuals,
        plan: &mut JacobianPlan,
        at: &Point,
        bounds: &Bounds,
        dense: Option<Matrix<f64>>,
    ) -> Slope {
        let rows = settings.loss.root_weights(&at.r);
        let r = weighed(&at.r, &rows);
        let (jacobian, gradient) = if settings.method == Method::ConjugateGradients {
            (None, f.vjp(&at.x, &weighed(&r, &rows)))
        } else {
            let sparse = match settings.method {
                Method::LevenbergMarquardt | Method::NormalEquations if HAS_STEPS && dense.is_none() => {
                    f.sparse_jacobian(&at.x, plan)
                }
                _ => None,
            };
            let all = || Jacobian::Dense(dense.unwrap_or_else(|| f.jacobian(&at.x)));
            let mut j = sparse.map_or_else(all, Jacobian::Sparse);
            let (shape, expected) = (j.shape(), (at.r.len(), at.x.len()));
            assert!(shape == expected, "least squares: a Jacobian {shape:?}, and {expected:?} is needed");
            if !rows.is_empty() {
                j.scale_rows(&rows);
            }
            let gradient = j.pull(&r);
            (Some(j), gradient)
        };
        let held = bounds.held(&at.x, &gradient);
        let free = (0..gradient.len()).filter(|&k| !held[k]).collect();
        let lengths = match &jacobian {
            None => vec![1.0; gradient.len()],
            Some(j) => (0..gradient.len()).map(|k| j.length(k)).collect(),
        };
        Slope { r, rows, jacobian, lengths, gradient, free }
    }

    /// Gives the memory of J back to the residuals.
    fn take_back(&mut self, f: &mut dyn Residuals) {
        if let Some(Jacobian::Dense(j)) = self.jacobian.take() {
            f.take_back(j);
        }
    }

    /// The residual and the parameter of a derivative that is not finite.
    fn not_finite(&self) -> Option<(Option<usize>, usize)> {
        match &self.jacobian {
            None => self.gradient.iter().position(|g| !g.is_finite()).map(|k| (None, k)),
            // The length of a column is finite only if all of its entries are.
            Some(_) if self.lengths.iter().all(|length| length.is_finite()) => None,
            Some(j) => j.not_finite().map(|(residual, parameter)| (Some(residual), parameter)),
        }
    }

    /// The lengths of the columns of J, and 1 where it is 0.
    fn scales(&self) -> Vec<f64> {
        self.lengths.iter().map(|&length| if length > 0.0 { length } else { 1.0 }).collect()
    }

    /// The scales are the largest lengths of the columns so far, and 1 where all were 0.
    fn widen(&self, scales: &mut [f64]) {
        for (scale, length) in scales.iter_mut().zip(&self.lengths) {
            *scale = Some(scale.max(*length)).filter(|&x| x > 0.0).unwrap_or(1.0);
        }
    }

    /// The largest |cos| of the angle between the residuals and a column of J that is free.
    fn steepness(&self) -> f64 {
        if self.jacobian.is_none() {
            return f64::INFINITY;
        }
        let (length, cosine) = (norm(&self.r), |k: usize| match self.lengths[k] {
            0.0 => 0.0,
            column => (self.gradient[k] / column).abs(),
        });
        if length == 0.0 { 0.0 } else { self.free.iter().map(|&k| cosine(k) / length).fold(0.0, f64::max) }
    }

    /// `None` if the singular values cannot be computed, or would take too long.
    fn singular(&self, scales: &[f64]) -> Option<Model> {
        let j = self.jacobian.as_ref()?.to_dense()?;
        Model::new(&self.r, &j, scales, self.free.clone())
    }

    /// `None` if the factors of a model cannot be computed.
    fn model<'a>(&self, method: Method, scales: &[f64], structure: &'a mut Option<Structure>) -> Option<Linear<'a>> {
        match &self.jacobian {
            None => Some(Linear::Products),
            Some(Jacobian::Sparse(j)) => {
                *structure = Structure::of(structure.take(), j.pattern());
                let model = SparseModel::new(structure.as_ref()?, &self.gradient, j, scales, &self.free);
                // Normal equations lose half of the digits, which singular values keep.
                let exact = (method == Method::LevenbergMarquardt && !model.is_sound()).then(|| self.singular(scales));
                Some(exact.flatten().map_or(Linear::Sparse(model), Linear::Singular))
            }
            Some(Jacobian::Dense(j)) if method == Method::NormalEquations => {
                Some(Linear::Normal(Normal::new(j, &self.gradient, scales, &self.free)))
            }
            Some(Jacobian::Dense(_)) => self.singular(scales).map(Linear::Singular),
        }
    }

    /// J v and Jᵀ w of the model.
    fn push(&self, f: &mut dyn Residuals, x: &[f64], v: &[f64]) -> Vec<f64> {
        match &self.jacobian {
            None => weighed(&f.jvp(x, v), &self.rows),
            Some(j) => j.push(v),
        }
    }

    fn step(
        &self,
        f: &mut dyn Residuals,
        x: &[f64],
        model: &Option<Linear<'_>>,
        method: Method,
        radius: f64,
        lambda: &mut f64,
    ) -> Option<Step> {
        match model.as_ref()? {
            Linear::Singular(model) => return Some(model.step(method, radius, lambda)),
            Linear::Normal(model) => return Some(model.step(radius, lambda)),
            Linear::Sparse(model) => return Some(model.step(radius, lambda)),
            Linear::Products => {}
        }
        let only_free = |mut v: Vec<f64>| {
            let mut free = self.free.iter().peekable();
            v.iter_mut().enumerate().for_each(|(k, v)| {
                if free.next_if(|free| **free == k).is_none() {
                    *v = 0.0;
                }
            });
            v
        };
        let gradient = only_free(self.gradient.clone());
        let f = RefCell::new(f);
        let mut push = |v: &[f64]| self.push(&mut **f.borrow_mut(), x, v);
        let mut pull = |w: &[f64]| only_free(f.borrow_mut().vjp(x, &weighed(w, &self.rows)));
        let step = conjugate::step(&gradient, radius, &mut push, &mut pull);
        step.p.iter().all(|p| p.is_finite()).then_some(step)
    }

    /// The point at this distance from x in the direction −D⁻² Jᵀ r of the parameters that move.
    fn against_gradient(&self, x: &[f64], scales: &[f64], distance: f64) -> Vec<f64> {
        let length = norm(&self.free.iter().map(|&k| self.gradient[k] / scales[k]).collect::<Vec<_>>());
        let mut to = x.to_vec();
        self.free.iter().for_each(|&k| to[k] -= distance * (self.gradient[k] / scales[k] / length) / scales[k]);
        to
    }

    /// The step from x to another point, as the model sees it.
    fn along(&self, f: &mut dyn Residuals, x: &[f64], to: &[f64], scales: &[f64]) -> Step {
        let p: Vec<f64> = to.iter().zip(x).map(|(to, x)| to - x).collect();
        let (moved, slope) = (self.push(f, x, &p), dot(&self.gradient, &p));
        let length = norm(&p.iter().zip(scales).map(|(p, d)| p * d).collect::<Vec<_>>());
        Step { length, decrease: -2.0 * slope - dot(&moved, &moved), slope, p }
    }
}

/// The numbers times their factors.
fn weighed(x: &[f64], factors: &[f64]) -> Vec<f64> {
    if factors.is_empty() { x.to_vec() } else { x.iter().zip(factors).map(|(x, factor)| x * factor).collect() }
}
