//! The function in a unit that suits it, what is counted, and when it is done.

use std::cell::RefCell;
use std::ops::ControlFlow;

use autograd::descent::{Bounds, Curvature, Memory, NOISE, Trial};
use autograd::{Lbfgs, Matrix, Stop};

use super::newton::NewtonCg;
use super::quasi::Dense;
use super::{Iterate, MinimizeError, MinimizeSettings, Minimizer, Minimum, region};
use crate::least_squares::{dot, norm};
use crate::{Criteria, Objective, Reason};

/// The function times a power of two, with counts.
pub struct Scaled<'a> {
    f: &'a mut dyn Objective,
    unit: f64,
    pub evaluations: u64,
    pub products: u64,
}

impl Scaled<'_> {
    /// A value of this size is known to this number.
    pub fn noise(&self, value: f64) -> f64 {
        NOISE * self.f.rounding() * value.abs()
    }

    /// A point with the value and the gradient.
    #[track_caller]
    pub fn at(&mut self, x: &[f64]) -> Trial {
        self.evaluations += 1;
        let (value, mut g) = self.f.value_and_gradient(x);
        let (n, m) = (x.len(), g.len());
        assert!(n == m, "minimize: the function returned a gradient of {m} numbers for {n}");
        g.iter_mut().for_each(|g| *g *= self.unit);
        Trial { alpha: 0.0, value: value * self.unit, slope: 0.0, x: x.to_vec(), g }
    }

    /// H V. The function has been asked for products before.
    #[track_caller]
    pub fn times(&mut self, x: &[f64], directions: &Matrix<f64>) -> Matrix<f64> {
        self.products += directions.cols() as u64;
        let product = self.f.products(x, directions).unwrap_or_else(|| directions.map(|_| f64::NAN));
        let (shape, expected) = (product.shape(), directions.shape());
        assert!(shape == expected, "minimize: products {shape:?} for directions {expected:?}");
        product.map(|x| x * self.unit)
    }
}

/// What ends the iterations.
pub struct End<'a> {
    settings: &'a MinimizeSettings,
    bounds: &'a Bounds,
    /// What the gradient is divided by, in the unit of the function.
    of: f64,
    unit: f64,
    pub criteria: Criteria<MinimizeSettings>,
    pub iterations: u64,
    before: Option<Trial>,
    /// sᵀy / yᵀy of the last step with positive curvature.
    scale: Option<f64>,
    watch: &'a mut dyn FnMut(Iterate<'_>) -> ControlFlow<()>,
}

impl End<'_> {
    /// The largest gradient that is small enough, in the unit of the function.
    pub fn enough(&self) -> f64 {
        self.settings.gradient_tolerance * self.of
    }

    /// Whether it ends at a new point, which is not small in the gradient, and why.
    pub fn reached(&mut self, at: &Trial, evaluations: u64) -> Option<Reason> {
        let is_new = self.measure(at);
        let settings = self.settings;
        let is_small = |x: f64, tolerance: f64| is_new && tolerance > 0.0 && x <= tolerance;
        if is_small(self.criteria.decrease, settings.decrease_tolerance) {
            return Some(Reason::Decrease);
        } else if is_small(self.criteria.step, settings.step_tolerance) {
            return Some(Reason::Step);
        } else if evaluations >= settings.max_evaluations {
            return Some(Reason::Evaluations);
        } else if !is_new {
            return None;
        }
        let gradient: Vec<f64> = at.g.iter().map(|g| g / self.unit).collect();
        let (iteration, value) = (self.iterations, at.value / self.unit);
        let go_on = (self.watch)(Iterate { iteration, evaluations, x: &at.x, value, gradient: &gradient });
        go_on.is_break().then_some(Reason::Stopped)
    }

    /// The criteria at a point. Returns whether it is a new one.
    pub fn measure(&mut self, at: &Trial) -> bool {
        self.criteria.gradient = self.bounds.slope(&at.x, &at.g) / self.of;
        let is_new = self.before.as_ref().is_none_or(|before| before.x != at.x);
        if let Some(before) = self.before.replace(at.clone()).filter(|_| is_new) {
            self.iterations += 1;
            self.criteria.decrease = (before.value - at.value).abs() / before.value.abs().max(at.value.abs());
            let [s, y] = [(&at.x, &before.x), (&at.g, &before.g)]
                .map(|(to, from)| to.iter().zip(from).map(|(a, b)| a - b).collect::<Vec<_>>());
            self.criteria.step = norm(&s) / norm(&at.x);
            let scale = dot(&s, &y) / dot(&y, &y);
            self.scale = Some(scale).filter(|scale| *scale > 0.0).or(self.scale);
        }
        is_new
    }

    /// Whether the value has too few digits to show that it decreases along the gradient.
    fn is_flat(&self, at: &Trial, noise: f64) -> bool {
        let sizes = at.g.iter().map(|g| g.abs()).sum::<f64>();
        let scale = self.scale.unwrap_or((1.0 / sizes).min(1.0));
        let slope = self.bounds.slope(&at.x, &at.g);
        slope * slope * scale <= noise
    }
}

/// Where a method ended.
pub struct Ended {
    pub at: Trial,
    pub reason: Reason,
    pub least_curvature: Option<f64>,
    pub inverse: Option<Matrix<f64>>,
}

#[track_caller]
pub fn run(
    settings: &MinimizeSettings,
    f: &mut dyn Objective,
    x0: &[f64],
    bounds: &[(f64, f64)],
    watch: &mut dyn FnMut(Iterate<'_>) -> ControlFlow<()>,
) -> Result<Minimum, MinimizeError> {
    if let Some((entry, &value)) = x0.iter().enumerate().find(|(_, x)| !x.is_finite()) {
        return Err(MinimizeError::Start { entry, value });
    }
    let bounds =
        Bounds::new(bounds.to_vec()).map_err(|problem| MinimizeError::Setting(format!("minimize: {problem}")))?;
    let rounding = f.rounding();
    if !(rounding > 0.0 && rounding < 1.0) {
        return Err(MinimizeError::Setting(format!("minimize: rounding: {rounding} should be above 0 and below 1")));
    }
    let mut scaled = Scaled { f, unit: 1.0, evaluations: 0, products: 0 };
    let mut start = scaled.at(&bounds.nearest(x0));
    if !start.value.is_finite() {
        return Err(MinimizeError::Value { value: start.value });
    }
    if let Some((entry, &value)) = start.g.iter().enumerate().find(|(_, g)| !g.is_finite()) {
        return Err(MinimizeError::Derivative { entry, value });
    }
    let method = choose(settings.method, &mut scaled, &start.x)?;

    let steepest = start.g.iter().fold(0.0, |max: f64, g| max.max(g.abs()));
    // A value beside which the gradient is tiny must not overflow.
    let largest = (500.0 - start.value.abs().log2().ceil()).min(1000.0);
    let exponent = (-steepest.log2().floor()).clamp(-1000.0, largest);
    let unit = if steepest > 0.0 { 2.0f64.powi(exponent as i32) } else { 1.0 };
    scaled.unit = unit;
    start.value *= unit;
    start.g.iter_mut().for_each(|g| *g *= unit);
    let criteria = Criteria { gradient: f64::NAN, decrease: f64::NAN, step: f64::NAN, tolerances: *settings };
    let mut end = End {
        settings,
        bounds: &bounds,
        of: unit * if steepest > 0.0 { steepest.min(1.0) } else { 1.0 },
        unit,
        criteria,
        iterations: 0,
        before: None,
        scale: None,
        watch,
    };
    let ended = match method {
        Minimizer::TrustRegion => region::run(settings, true, &mut scaled, &bounds, start, &mut end),
        Minimizer::Steihaug => region::run(settings, false, &mut scaled, &bounds, start, &mut end),
        _ => by_line_search(method, settings, &mut scaled, &bounds, start, &mut end),
    };
    let Ended { at, reason, least_curvature, inverse } = ended;
    let gradient: Vec<f64> = at.g.iter().map(|g| g / unit).collect();
    match reason {
        // The best point may be an earlier one.
        Reason::Precision | Reason::NoDescent => end.criteria.gradient = bounds.slope(&at.x, &at.g) / end.of,
        _ => _ = end.measure(&at),
    }
    let End { criteria, iterations, .. } = end;
    Ok(Minimum {
        value: at.value / unit,
        gradient_norm: bounds.slope(&at.x, &gradient),
        gradient,
        x: at.x,
        least_curvature: least_curvature.map(|x| x / unit),
        inverse: inverse.map(|inverse| inverse.map(|x| x * unit)),
        method,
        reason,
        criteria,
        iterations,
        evaluations: scaled.evaluations,
        products: scaled.products,
        names: Vec::new(),
    })
}

/// The method, from what the function can compute.
fn choose(method: Minimizer, scaled: &mut Scaled<'_>, x: &[f64]) -> Result<Minimizer, MinimizeError> {
    let n = x.len();
    let needs = matches!(method, Minimizer::NewtonCg | Minimizer::TrustRegion | Minimizer::Steihaug);
    let knows =
        (needs || method == Minimizer::Automatic) && n > 0 && scaled.f.products(x, &Matrix::zeros(n, 0)).is_some();
    match method {
        Minimizer::Automatic if knows && n <= 100 => Ok(Minimizer::TrustRegion),
        Minimizer::Automatic if knows => Ok(Minimizer::Steihaug),
        Minimizer::Automatic if n <= 200 => Ok(Minimizer::Bfgs),
        Minimizer::Automatic => Ok(Minimizer::Lbfgs { memory: Lbfgs::default().memory }),
        _ if needs && !knows && n > 0 => Err(MinimizeError::NoProducts(method)),
        _ => Ok(method),
    }
}

/// BFGS, L-BFGS, and Newton's method by conjugate gradients: a direction, then a search along it.
fn by_line_search(
    method: Minimizer,
    settings: &MinimizeSettings,
    scaled: &mut Scaled<'_>,
    bounds: &Bounds,
    start: Trial,
    end: &mut End<'_>,
) -> Ended {
    let lbfgs = Lbfgs {
        gradient_tolerance: end.enough(),
        line_search: settings.line_search,
        max_iterations: u64::MAX,
        ..Lbfgs::default()
    };
    let rounding = scaled.f.rounding();
    let scaled = RefCell::new(scaled);
    let (x0, mut known, mut reason) = (start.x.clone(), Some(start), None);
    let mut evaluate = |x: &[f64]| known.take().unwrap_or_else(|| scaled.borrow_mut().at(x));
    let mut ends = |at: &Trial| {
        reason = end.reached(at, scaled.borrow().evaluations);
        reason.is_some()
    };
    let mut product = |x: &[f64], v: &[f64]| scaled.borrow_mut().times(x, &Matrix::column(v)).into_vec();
    let mut dense = (method == Minimizer::Bfgs).then(|| Dense::new(x0.len()));
    let mut newton = NewtonCg::new(&mut product);
    let mut memory;
    let curvature: &mut dyn Curvature = match method {
        Minimizer::NewtonCg => &mut newton,
        Minimizer::Lbfgs { memory: capacity } => {
            memory = Memory::new(capacity);
            &mut memory
        }
        _ => dense.as_mut().expect("the method is BFGS"),
    };
    let found = lbfgs.descend(curvature, &x0, bounds, rounding, &mut evaluate, &mut ends);
    let reason = match found.stop {
        Stop::Gradient => Reason::Gradient,
        Stop::NotFinite => Reason::NotFinite,
        Stop::NoDescent if end.is_flat(&found.at, scaled.borrow().noise(found.at.value)) => Reason::Precision,
        Stop::NoDescent => Reason::NoDescent,
        Stop::Value | Stop::Iterations => reason.unwrap_or(Reason::Evaluations),
    };
    Ended { at: found.at, reason, least_curvature: None, inverse: dense.and_then(|dense| dense.inverse()) }
}
