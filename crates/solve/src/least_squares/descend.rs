//! The iterations.

use std::cell::{Cell, RefCell};

use autograd::Matrix;

use super::bounds::Bounds;
use super::model::{Model, Step, dot, norm};
use super::{Criteria, Fit, FitError, LeastSquares, Method, Reason, conjugate};
use crate::Residuals;

/// A point, its residuals, and the sum.
struct Point {
    x: Vec<f64>,
    r: Vec<f64>,
    value: f64,
}

/// The residuals and the Jacobian of the Gauss–Newton model at a point, and half the gradient of the sum.
struct Slope {
    r: Vec<f64>,
    /// The factors of the residuals and of the rows of J.
    rows: Vec<f64>,
    /// None for conjugate gradients.
    jacobian: Option<Matrix<f64>>,
    gradient: Vec<f64>,
    free: Vec<usize>,
}

pub fn run(settings: &LeastSquares, f: &mut dyn Residuals, start: &[f64], bounds: &Bounds) -> Result<Fit, FitError> {
    settings.check()?;
    if let Some((parameter, &value)) = start.iter().enumerate().find(|(_, x)| !x.is_finite()) {
        return Err(FitError::Start { parameter, value });
    }
    let evaluations = Cell::new(0);
    let evaluate = |f: &mut dyn Residuals, x: Vec<f64>| {
        evaluations.set(evaluations.get() + 1);
        let r = f.values(&x);
        Point { value: settings.sum.value(&r), x, r }
    };
    let mut at = evaluate(f, bounds.nearest(start.to_vec()));
    if let Some((residual, &value)) = at.r.iter().enumerate().find(|(_, r)| !r.is_finite()) {
        return Err(FitError::Residual { residual, value });
    }
    let mut slope = Slope::at(settings, f, &at, bounds);
    if let Some((residual, parameter)) = slope.not_finite(at.r.len()) {
        return Err(FitError::Derivative { residual, parameter });
    }

    let mut scales = vec![0.0; start.len()];
    let (mut radius, mut lambda, mut iterations) = (None, 0.0, 0);
    let mut criteria = Criteria { gradient: f64::NAN, decrease: f64::NAN, step: f64::NAN, tolerances: *settings };
    let reason = 'done: loop {
        if at.value == 0.0 {
            break Reason::Exact;
        }
        slope.widen(&mut scales);
        criteria.gradient = slope.steepness();
        if criteria.gradient <= settings.gradient_tolerance {
            break Reason::Gradient;
        }
        let scaled = |x: &[f64]| norm(&x.iter().zip(&scales).map(|(x, d)| x * d).collect::<Vec<_>>());
        let model = slope.model(&scales);
        let from = *radius.get_or_insert_with(|| match scaled(&at.x) {
            0.0 => settings.first_step,
            length => settings.first_step * length,
        });
        let mut within = from;
        loop {
            let Some(mut step) = slope.step(f, &at.x, model.as_ref(), settings.method, within, &mut lambda) else {
                break 'done Reason::NotFinite;
            };
            if settings.method == Method::ConjugateGradients {
                criteria.gradient = (step.decrease.max(0.0) / at.value).sqrt();
                if criteria.gradient <= settings.gradient_tolerance {
                    break 'done Reason::Gradient;
                }
            }
            let moved: Vec<f64> = at.x.iter().zip(&step.p).map(|(x, p)| x + p).collect();
            let next = bounds.nearest(moved.clone());
            if next != moved {
                step = slope.along(f, &at.x, &next, &scales);
            }
            if iterations == 0 {
                within = within.min(step.length);
            }
            let next = evaluate(f, next);
            let is_finite = next.value.is_finite();
            let decrease = if is_finite { at.value - next.value } else { f64::NEG_INFINITY };
            let ratio = decrease / step.decrease;
            if ratio <= 0.25 || ratio.is_nan() {
                // The minimum of the parabola through both values with the slope at the first one.
                let least = if decrease >= 0.0 { 0.5 } else { 0.5 * step.slope / (step.slope + 0.5 * decrease) };
                let much = !is_finite || next.value >= 100.0 * at.value;
                let factor = if much || least.is_nan() { 0.1 } else { least.clamp(0.1, 0.5) };
                within = factor * within.min(10.0 * step.length);
                lambda /= factor;
            } else if lambda == 0.0 || ratio >= 0.75 {
                (within, lambda) = (2.0 * step.length, 0.5 * lambda);
            }
            let (value, predicted) = (at.value, step.decrease);
            let is_better = ratio >= 1e-4;
            let is_small =
                |tolerance: f64| decrease.abs() <= tolerance * value && predicted <= tolerance * value && ratio <= 2.0;
            criteria.decrease = decrease.abs().max(predicted) / value;
            if is_better {
                at = next;
            }
            criteria.step = within / scaled(&at.x);
            let reason = match () {
                _ if at.value == 0.0 => Some(Reason::Exact),
                _ if is_small(settings.decrease_tolerance) => Some(Reason::Decrease),
                _ if criteria.step <= settings.step_tolerance => Some(Reason::Step),
                _ if is_small(f64::EPSILON) || within == 0.0 => Some(Reason::Precision),
                _ if evaluations.get() >= settings.max_evaluations => Some(Reason::Evaluations),
                _ => None,
            };
            iterations += u64::from(is_better);
            if let Some(reason) = reason {
                break 'done reason;
            }
            if is_better {
                break;
            }
        }
        radius = Some(within);
        slope = Slope::at(settings, f, &at, bounds);
        if slope.not_finite(at.r.len()).is_some() {
            break Reason::NotFinite;
        }
    };
    slope = Slope::at(settings, f, &at, bounds);
    if !criteria.gradient.is_nan() && slope.jacobian.is_some() {
        criteria.gradient = slope.steepness();
    }
    let inverse = slope.model(&slope.lengths()).map(|model| model.inverse());
    Ok(Fit::new(at.x, at.r, at.value, slope.r, inverse, reason, criteria, [iterations, evaluations.get()]))
}

impl Slope {
    fn at(settings: &LeastSquares, f: &mut dyn Residuals, at: &Point, bounds: &Bounds) -> Slope {
        let rows: Vec<f64> = at.r.iter().map(|&r| settings.sum.root_weight(r)).collect();
        let r: Vec<f64> = at.r.iter().zip(&rows).map(|(r, row)| row * r).collect();
        let (jacobian, gradient) = if settings.method == Method::ConjugateGradients {
            let weights: Vec<f64> = r.iter().zip(&rows).map(|(r, row)| r * row).collect();
            (None, f.vjp(&at.x, &weights))
        } else {
            let mut j = f.jacobian(&at.x);
            let (shape, expected) = (j.shape(), (at.r.len(), at.x.len()));
            assert!(shape == expected, "least squares: a Jacobian {shape:?}, and {expected:?} is needed");
            for k in 0..j.cols() {
                j.col_mut(k).iter_mut().zip(&rows).for_each(|(j, row)| *j *= row);
            }
            let gradient = (0..j.cols()).map(|k| dot(j.col(k), &r)).collect();
            (Some(j), gradient)
        };
        let free = (0..gradient.len()).filter(|&k| !bounds.holds(k, at.x[k], gradient[k])).collect();
        Slope { r, rows, jacobian, gradient, free }
    }

    /// The residual and the parameter of a derivative that is not finite.
    fn not_finite(&self, residuals: usize) -> Option<(Option<usize>, usize)> {
        match &self.jacobian {
            None => self.gradient.iter().position(|g| !g.is_finite()).map(|k| (None, k)),
            Some(j) => j.as_slice().iter().position(|j| !j.is_finite()).map(|k| (Some(k % residuals), k / residuals)),
        }
    }

    /// The lengths of the columns of J, and 1 where it is 0.
    fn lengths(&self) -> Vec<f64> {
        let length = |k: usize| self.jacobian.as_ref().map_or(1.0, |j| norm(j.col(k)));
        (0..self.gradient.len()).map(|k| Some(length(k)).filter(|&x| x > 0.0).unwrap_or(1.0)).collect()
    }

    /// The scales are the largest lengths of the columns so far, and 1 where all were 0.
    fn widen(&self, scales: &mut [f64]) {
        for (k, scale) in scales.iter_mut().enumerate() {
            let length = self.jacobian.as_ref().map_or(1.0, |j| norm(j.col(k)));
            *scale = Some(scale.max(length)).filter(|&x| x > 0.0).unwrap_or(1.0);
        }
    }

    /// The largest |cos| of the angle between the residuals and a column of J that is free.
    fn steepness(&self) -> f64 {
        let Some(j) = &self.jacobian else { return f64::INFINITY };
        let (length, cosine) = (norm(&self.r), |k: usize| match norm(j.col(k)) {
            0.0 => 0.0,
            column => (self.gradient[k] / column).abs(),
        });
        if length == 0.0 { 0.0 } else { self.free.iter().map(|&k| cosine(k) / length).fold(0.0, f64::max) }
    }

    fn model(&self, scales: &[f64]) -> Option<Model> {
        Model::new(&self.r, self.jacobian.as_ref()?, scales, self.free.clone())
    }

    /// J v and Jᵀ w of the model.
    fn push(&self, f: &mut dyn Residuals, x: &[f64], v: &[f64]) -> Vec<f64> {
        match &self.jacobian {
            None => f.jvp(x, v).iter().zip(&self.rows).map(|(y, row)| y * row).collect(),
            Some(j) => (0..j.rows()).map(|i| v.iter().enumerate().map(|(k, v)| j[(i, k)] * v).sum()).collect(),
        }
    }

    fn step(
        &self,
        f: &mut dyn Residuals,
        x: &[f64],
        model: Option<&Model>,
        method: Method,
        radius: f64,
        lambda: &mut f64,
    ) -> Option<Step> {
        if method != Method::ConjugateGradients {
            return Some(model?.step(method, radius, lambda));
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
        let mut pull = |w: &[f64]| {
            let weights: Vec<f64> = w.iter().zip(&self.rows).map(|(w, row)| w * row).collect();
            only_free(f.borrow_mut().vjp(x, &weights))
        };
        let step = conjugate::step(&gradient, radius, &mut push, &mut pull);
        step.p.iter().all(|p| p.is_finite()).then_some(step)
    }

    /// The step from x to another point, as the model sees it.
    fn along(&self, f: &mut dyn Residuals, x: &[f64], to: &[f64], scales: &[f64]) -> Step {
        let p: Vec<f64> = to.iter().zip(x).map(|(to, x)| to - x).collect();
        let (moved, slope) = (self.push(f, x, &p), dot(&self.gradient, &p));
        let length = norm(&p.iter().zip(scales).map(|(p, d)| p * d).collect::<Vec<_>>());
        Step { length, decrease: -2.0 * slope - dot(&moved, &moved), slope, p }
    }
}
