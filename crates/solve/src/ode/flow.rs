//! Equations of matrices.

use std::sync::Arc;

use autograd::{Matrix, Var, checkpoint, hstack};

use super::error::OdeError;
use super::event::{Event, Occurrence};
use super::matrices::{OnTape, Plain};
use super::path::{Path, find};
use super::replay::{Times, replay};
use super::settings::Method;
use super::system::{Solution, finite};

/// The right-hand side f(t, y, p) of y' = f for a matrix y: t is 1 × 1, and p are the parameters in the order of the call.
pub trait RightHandSide:
    for<'a> Fn(Var<'a, f64>, Var<'a, f64>, &[Var<'a, f64>]) -> Var<'a, f64> + Send + Sync + 'static
{
}
impl<F: for<'a> Fn(Var<'a, f64>, Var<'a, f64>, &[Var<'a, f64>]) -> Var<'a, f64> + Send + Sync + 'static> RightHandSide
    for F
{
}

pub(super) type Events =
    dyn for<'a> Fn(Var<'a, f64>, Var<'a, f64>, &[Var<'a, f64>]) -> Vec<Event<Var<'a, f64>>> + Send + Sync;

/// y' = f(t, y, p) for a matrix y, whose columns may be a batch of initial values.
///
/// All columns have the same steps. The error of a step is that of the worst column, so no column is less exact than it would be alone. f is
/// called on several tapes, so everything that has a gradient, or is a variable, is passed as a parameter.
///
/// ```
/// use autograd::{Matrix, Tape};
/// use solve::ode::{Flow, Method};
/// // y' = A y for two initial values.
/// let flow = Flow::new(|_t, y, p| p[0].matmul(y));
/// let tape = Tape::new();
/// let a = tape.variable(Matrix::from([[0.0, 1.0], [-1.0, 0.0]]));
/// let y0 = tape.variable(Matrix::from([[1.0, 0.0], [0.0, 1.0]]));
/// let run = flow.solve(&Method::default(), &[a], y0, &[0.0, std::f64::consts::PI])?;
/// assert!(run.y[1].value().as_slice().iter().zip([-1.0, 0.0, 0.0, -1.0]).all(|(y, exact)| (y - exact).abs() < 1e-6));
/// let grads = run.y[1].square().sum().backward();
/// assert_eq!(grads.wrt(a).shape(), (2, 2));
/// # Ok::<(), solve::ode::OdeError>(())
/// ```
pub struct Flow<F> {
    f: Arc<F>,
    events: Option<Arc<Events>>,
    has_checkpoints: bool,
}

impl<F: RightHandSide> Flow<F> {
    /// The equation y' = f(t, y, p).
    pub fn new(f: F) -> Self {
        Flow { f: Arc::new(f), events: None, has_checkpoints: false }
    }

    /// Adds events: roots of functions of t, y and p, each 1 × 1. Every call must return the same number of them.
    #[must_use]
    pub fn events(
        self,
        events: impl for<'a> Fn(Var<'a, f64>, Var<'a, f64>, &[Var<'a, f64>]) -> Vec<Event<Var<'a, f64>>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Flow { events: Some(Arc::new(events)), ..self }
    }

    /// Records the solution in √n [checkpoints](autograd::checkpoint()) of √n steps each: a gradient needs memory for 2 √n steps instead of n and
    /// computes every step once more.
    #[must_use]
    pub fn checkpointed(self) -> Self {
        Flow { has_checkpoints: true, ..self }
    }

    /// The solution that begins with `y0` at `times[0]`, at all `times`, with its derivatives of any order with respect to `y0` and `p`.
    ///
    /// # Errors
    /// As for [`Method::solve`].
    ///
    /// # Panics
    /// If f returns another shape than that of y, or `y0` and the parameters are of different tapes.
    #[track_caller]
    pub fn solve<'t>(
        &self,
        method: &Method,
        p: &[Var<'t, f64>],
        y0: Var<'t, f64>,
        times: &[f64],
    ) -> Result<Solution<Var<'t, f64>, Var<'t, f64>>, OdeError> {
        self.run(method, p, y0, &Times { plain: times, numbers: None })
    }

    /// [`solve`](Flow::solve) where the times are variables, 1 × 1, with respect to which y has derivatives, as for
    /// [`Method::solve_at`].
    ///
    /// # Errors
    /// As for [`Method::solve`].
    #[track_caller]
    pub fn solve_at<'t>(
        &self,
        method: &Method,
        p: &[Var<'t, f64>],
        y0: Var<'t, f64>,
        times: &[Var<'t, f64>],
    ) -> Result<Solution<Var<'t, f64>, Var<'t, f64>>, OdeError> {
        let plain: Vec<f64> = times.iter().map(|t| t.item()).collect();
        self.run(method, p, y0, &Times { plain: &plain, numbers: Some(times) })
    }

    #[track_caller]
    fn run<'t>(
        &self,
        method: &Method,
        p: &[Var<'t, f64>],
        y0: Var<'t, f64>,
        times: &Times<'_, Var<'t, f64>>,
    ) -> Result<Solution<Var<'t, f64>, Var<'t, f64>>, OdeError> {
        let start = y0.value();
        let path = find(
            &self.plain(p.iter().map(|p| p.value()).collect(), &start)?,
            method,
            &start,
            times.plain,
            &mut |_, _| (),
        )?;
        let (steps, rejected) = (path.steps(), path.rejected);
        if self.has_checkpoints && steps > 3 {
            return Ok(self.checkpoints(*method, p, y0, times, path));
        }
        let field = OnTape { f: &*self.f, events: self.events.as_deref(), tape: y0.tape(), p };
        let piece = replay(&field, method, &path, 0..steps, y0, times);
        Ok(Solution { y: piece.asked, events: piece.hits, steps, rejected })
    }

    /// The equation in plain matrices.
    pub(super) fn plain(&self, p: Vec<Matrix<f64>>, y0: &Matrix<f64>) -> Result<Plain<'_, F>, OdeError> {
        for p in &p {
            finite("an entry of a parameter", p.as_slice())?;
        }
        finite("initial value", y0.as_slice())?;
        Ok(Plain { f: &self.f, events: self.events.as_deref(), p })
    }

    /// The steps in pieces, each of which keeps only what it returns: y at its asked times, its events and its end, side by side.
    #[track_caller]
    fn checkpoints<'t>(
        &self,
        method: Method,
        p: &[Var<'t, f64>],
        y0: Var<'t, f64>,
        times: &Times<'_, Var<'t, f64>>,
        path: Path,
    ) -> Solution<Var<'t, f64>, Var<'t, f64>> {
        let (steps, parameters, (rows, cols)) = (path.steps(), p.len(), y0.shape());
        let length = (steps as f64).sqrt().ceil() as usize;
        let (path, plain) = (Arc::new(path), Arc::new(times.plain.to_vec()));
        let (mut y, mut asked, mut events) = (y0, Vec::new(), Vec::new());
        for from in (0..steps).step_by(length) {
            let range = from..(from + length).min(steps);
            let operands: Vec<_> = std::iter::once(&y).chain(p).chain(times.numbers.unwrap_or(&[])).copied().collect();
            let (f, g, path_of, plain, own) =
                (self.f.clone(), self.events.clone(), path.clone(), plain.clone(), range.clone());
            let has_times = times.numbers.is_some();
            let piece = checkpoint(
                move |v| {
                    let (p, numbers) = v[1..].split_at(parameters);
                    let field = OnTape { f: &*f, events: g.as_deref(), tape: v[0].tape(), p };
                    let times = Times { plain: &plain, numbers: has_times.then_some(numbers) };
                    let piece = replay(&field, &method, &path_of, own.clone(), v[0], &times);
                    let hits = piece.hits.iter().flat_map(|hit| [hit.t.repeat(rows, 1), hit.y]);
                    hstack(&piece.asked.iter().copied().chain(hits).chain([piece.end]).collect::<Vec<_>>())
                },
                &operands,
            );
            let mut column = 0;
            let mut next = |cols: usize| {
                column += cols;
                piece.columns(column - cols..column)
            };
            let within = path
                .asked
                .iter()
                .enumerate()
                .filter(|(k, (step, _))| if *k == 0 { from == 0 } else { range.contains(step) });
            asked.extend(within.map(|_| next(cols)));
            for hit in path.hits.iter().filter(|hit| range.contains(&hit.step)) {
                events.push(Occurrence { event: hit.event, t: next(1).at(0, 0), y: next(cols) });
            }
            y = next(cols);
        }
        Solution { y: asked, events, steps, rejected: path.rejected }
    }
}
