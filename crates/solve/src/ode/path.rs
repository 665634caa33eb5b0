//! The first pass, in plain numbers: which steps are made, and in which of them the asked times and the events are.

use autograd::Dual;

use super::error::OdeError;
use super::event::Event;
use super::field::{PlainField, Weight};
use super::length::{Stiffness, first_step, norm};
use super::settings::{Adaptive, Method, check_times};
use super::step::{Dense, Step};

/// The steps of an integration.
#[derive(Default)]
pub struct Path {
    /// Where steps begin and end.
    pub places: Vec<Place>,
    /// The step of each asked time that was reached, and where in it.
    pub asked: Vec<(usize, f64)>,
    pub hits: Vec<Hit>,
    pub rejected: usize,
}

/// An end of a step.
#[derive(Clone, Copy)]
pub struct Place {
    pub t: f64,
    /// (i, c) if it is the asked time tᵢ + c (tᵢ₊₁ − tᵢ) and moves with them; a place that the error chose is a constant.
    pub asked: Option<(usize, f64)>,
}

/// An event within a step.
#[derive(Clone, Copy)]
pub struct Hit {
    pub event: usize,
    pub step: usize,
    pub t: f64,
    /// The derivative of the event's function along the solution.
    pub slope: f64,
}

impl Path {
    pub fn steps(&self) -> usize {
        self.places.len() - 1
    }
}

/// Finds the steps through these times. `on_step` sees each with the time at its start.
pub fn find<F: PlainField>(
    field: &F,
    method: &Method,
    y: &F::State,
    times: &[f64],
    on_step: &mut dyn FnMut(f64, &Step<F>),
) -> Result<Path, OdeError> {
    method.check()?;
    check_times(times)?;
    let (t, end) = (times[0], times[times.len() - 1]);
    let slope = field.slope(t, y);
    if !is_finite(field, &slope) {
        return Err(OdeError::NotFinite { t });
    }
    let path = Path { places: vec![place(t, Some((0, 0.0)))], asked: vec![(0, 0.0)], ..Path::default() };
    let events = field.events(t, y);
    let mut walk =
        Walk { field, method, times, t, y: y.clone(), slope: Some(slope), events, path, is_over: false, on_step };
    walk.check_events(&walk.events)?;
    walk.leave_roots((end - t).signum());
    match method {
        Method::Rk4 { steps } => walk.fixed(*steps)?,
        Method::DormandPrince(_) | Method::Rodas5P(_) if t == end => walk.fixed(1)?,
        Method::DormandPrince(adaptive) | Method::Rodas5P(adaptive) => walk.adaptive(adaptive, end)?,
    }
    Ok(walk.path)
}

fn place(t: f64, asked: Option<(usize, f64)>) -> Place {
    Place { t, asked }
}

fn is_finite<F: PlainField>(field: &F, y: &F::State) -> bool {
    field.entries(y).0.iter().all(|y| y.is_finite())
}

/// The state of the integration after some steps.
struct Walk<'a, F: PlainField> {
    field: &'a F,
    method: &'a Method,
    times: &'a [f64],
    t: f64,
    y: F::State,
    slope: Option<F::State>,
    /// The events' functions here.
    events: Vec<Event<f64>>,
    path: Path,
    /// Whether a terminal event happened.
    is_over: bool,
    on_step: &'a mut dyn FnMut(f64, &Step<F>),
}

impl<F: PlainField> Walk<'_, F> {
    /// Steps of given lengths.
    fn fixed(&mut self, steps: usize) -> Result<(), OdeError> {
        for (i, pair) in self.times.windows(2).enumerate() {
            let (from, length) = (pair[0], pair[1] - pair[0]);
            let steps = if length == 0.0 { 1 } else { steps };
            for k in 1..=steps {
                let (t, asked) = match k as f64 / steps as f64 {
                    1.0 => (pair[1], (i + 1, 0.0)),
                    c => (from + c * length, (i, c)),
                };
                let step = match self.step(t) {
                    Ok(step) => step,
                    Err(Trouble::Singular) => return Err(OdeError::Singular { t: self.t }),
                    Err(_) => return Err(OdeError::NotFinite { t: self.t }),
                };
                self.accept(step, place(t, Some(asked)))?;
                if self.is_over {
                    // An event at the asked time itself.
                    if k == steps && self.path.hits.last().is_some_and(|hit| hit.t == pair[1]) {
                        self.path.asked.push((self.path.steps() - 1, 1.0));
                    }
                    return Ok(());
                }
            }
            self.path.asked.push((self.path.steps() - 1, 1.0));
        }
        Ok(())
    }

    /// Steps whose lengths follow the error (Hairer, Nørsett & Wanner 1993, section II.4; for the explicit method with the
    /// proportional and integral control of Gustafsson, *ACM Transactions on Mathematical Software* 17, 1991).
    fn adaptive(&mut self, settings: &Adaptive, end: f64) -> Result<(), OdeError> {
        let direction = (end - self.t).signum();
        let integral = if matches!(self.method, Method::DormandPrince(_)) { 0.04 } else { 0.0 };
        let estimate = self.slope.as_ref().map(|slope| first_step(self.field, settings, [self.t, end], &self.y, slope));
        let mut h = settings.first_step.or(estimate).expect("find computes the slope");
        let (mut previous, mut trouble, mut stiff) = (1e-4f64, None, Stiffness::default());
        let mut steps = 0;
        while self.t != end && !self.is_over {
            let t = self.t;
            if steps == settings.max_steps {
                return Err(OdeError::TooManySteps { t, end, steps, stiff: stiff.is_likely() });
            }
            steps += 1;
            let to = if 1.01 * h >= (end - t).abs() { end } else { t + direction * h };
            if to != end && h <= 16.0 * f64::EPSILON * t.abs() || to == t {
                return Err(match trouble {
                    Some(Trouble::NotFinite) => OdeError::NotFinite { t },
                    Some(Trouble::Singular) => OdeError::Singular { t },
                    Some(Trouble::Error(error)) => OdeError::Underflow { t, h, error },
                    None => OdeError::Underflow { t, h, error: f64::NAN },
                });
            }
            h = (to - t).abs();
            let tried = self.step(to).and_then(|step| {
                let error = norm(self.field, settings, &step.error(self.field), [&step.start, &step.end]);
                if error <= 1.0 { Ok((step, error)) } else { Err(Trouble::error(error)) }
            });
            match tried {
                Ok((step, error)) => {
                    let change = error.powf(0.2 - 0.75 * integral) / previous.powf(integral) / 0.9;
                    // No longer steps right after one that failed.
                    h /= change.clamp(if trouble.is_some() { 1.0 } else { 0.1 }, 5.0);
                    (previous, trouble) = (error.max(1e-4), None);
                    if integral > 0.0 && self.path.places.len().is_multiple_of(10) {
                        stiff.look(self.field, &step);
                    }
                    let asked = (to == end).then(|| (self.times.len() - 1, 0.0));
                    self.accept(step, place(to, asked))?;
                    self.find_asked(t);
                }
                Err(why) => {
                    h /= match why {
                        Trouble::Error(error) => (error.powf(0.2 - 0.75 * integral) / 0.9).clamp(1.1, 5.0),
                        Trouble::NotFinite | Trouble::Singular => 4.0,
                    };
                    trouble = Some(why);
                    self.path.rejected += 1;
                }
            }
        }
        Ok(())
    }

    /// The asked times up to here, of which the last step began at `from`. Those after a terminal event are not reached.
    fn find_asked(&mut self, from: f64) {
        let step = self.path.steps() - 1;
        let to = self.path.places[step + 1].t;
        let until = if self.is_over { self.path.hits.last().map_or(to, |hit| hit.t) } else { to };
        while let Some(&t) = self.times.get(self.path.asked.len()) {
            if (t - until) * (to - from) > 0.0 {
                break;
            }
            self.path.asked.push((step, if t == to { 1.0 } else { (t - from) / (to - from) }));
        }
    }

    /// A step to t, which is not made yet.
    fn step(&self, t: f64) -> Result<Step<F>, Trouble> {
        let h = Weight::Plain(t - self.t);
        let step =
            Step::new(self.method, self.field, self.t, h, &self.y, self.slope.clone()).ok_or(Trouble::Singular)?;
        let finite =
            is_finite(self.field, &step.end) && step.last_slope().is_none_or(|slope| is_finite(self.field, &slope));
        if finite { Ok(step) } else { Err(Trouble::NotFinite) }
    }

    fn accept(&mut self, step: Step<F>, to: Place) -> Result<(), OdeError> {
        let events = self.field.events(to.t, &step.end);
        self.check_events(&events)?;
        let happened = |k: &usize| self.events[*k].is_between(self.events[*k].value, events[*k].value);
        let found: Vec<usize> = (0..events.len()).filter(happened).collect();
        let mut hits = Vec::new();
        if !found.is_empty() {
            let dense = step.dense(self.field);
            for event in found {
                hits.push(self.locate(event, events[event].value, &dense, to.t)?);
            }
        }
        let forward = (to.t - self.t).signum();
        hits.sort_by(|a, b| (a.t * forward).total_cmp(&(b.t * forward)));
        if let Some(last) = hits.iter().position(|hit| events[hit.event].is_terminal) {
            hits.truncate(last + 1);
            self.is_over = true;
        }
        self.path.hits.extend(hits);
        self.path.places.push(to);
        (self.on_step)(self.t, &step);
        self.slope = step.last_slope();
        (self.t, self.y, self.events) = (to.t, step.end, events);
        self.leave_roots(forward);
        Ok(())
    }

    /// Gives functions that are 0 here the sign that they have next, so that they are not found again at this root.
    fn leave_roots(&mut self, forward: f64) {
        let (field, t, y) = (self.field, self.t, &self.y);
        for (k, event) in self.events.iter_mut().enumerate().filter(|(_, event)| event.value == 0.0) {
            let slope = self.slope.clone().unwrap_or_else(|| field.slope(t, y));
            let slope = forward * field.event_slope(k, t, y, &slope);
            if slope != 0.0 {
                event.value = f64::MIN_POSITIVE.copysign(slope);
            }
        }
    }

    fn check_events(&self, events: &[Event<f64>]) -> Result<(), OdeError> {
        match events.iter().position(|event| !event.value.is_finite()) {
            Some(event) => {
                Err(OdeError::Event { event, t: self.t, why: "its function is not finite in the next step" })
            }
            None => Ok(()),
        }
    }

    /// The root of an event's function within a step, by bisection.
    fn locate(&self, event: usize, last: f64, dense: &Dense<F>, to: f64) -> Result<Hit, OdeError> {
        let (field, h, first) = (self.field, to - self.t, self.events[event].value);
        let value = |theta: f64| field.events(self.t + theta * h, &dense.at(field, Weight::Plain(theta)))[event].value;
        let (mut low, mut high) = (0.0, 1.0);
        while high - low > f64::EPSILON * high {
            let middle = 0.5 * (low + high);
            if middle == low || middle == high {
                break;
            }
            if value(middle).signum() == first.signum() { low = middle } else { high = middle }
        }
        let t = if high == 1.0 { to } else { self.t + high * h };
        let moved = dense.basis(Dual::variable(high)).map(|weight| Weight::Plain(weight.tangent / h));
        let at = dense.at(field, Weight::Plain(high));
        let slope = field.event_slope(event, t, &at, &dense.sum(field, moved));
        if !slope.is_finite() || (slope * h).abs() <= 1e-9 * first.abs().max(last.abs()) {
            let why = "its function touches 0 with the slope 0 or an infinite one, so the time has no derivative: choose another function";
            return Err(OdeError::Event { event, t, why });
        }
        Ok(Hit { event, step: self.path.steps(), t, slope })
    }
}

/// Why a step was not accepted.
enum Trouble {
    Error(f64),
    NotFinite,
    Singular,
}

impl Trouble {
    fn error(error: f64) -> Self {
        if error.is_finite() { Trouble::Error(error) } else { Trouble::NotFinite }
    }
}
