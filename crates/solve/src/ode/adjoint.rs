//! Gradients by the adjoint equation.

use autograd::Matrix;

use super::error::OdeError;
use super::event::Event;
use super::field::{Field, PlainField, Weight};
use super::flow::{Flow, RightHandSide};
use super::path::find;
use super::scalars::Scalars;
use super::settings::Method;
use super::step::{Dense, Step};
use super::system::{System, finite};

/// A gradient by the [adjoint equation](Method::adjoint).
#[derive(Clone, Debug, PartialEq)]
pub struct AdjointGradient<const D: usize, const P: usize> {
    /// y at each time that was asked for.
    pub y: Vec<[f64; D]>,
    /// The gradient with respect to the initial values.
    pub initial: [f64; D],
    /// The gradient with respect to the parameters.
    pub parameters: [f64; P],
    /// ∂L/∂tᵢ: (∂L/∂yᵢ)ᵀ f(tᵢ, yᵢ) for i > 0, and −λ(t₀)ᵀ f(t₀, y₀) for the first time, where λ(t₀) is without the jump at t₀.
    pub times: Vec<f64>,
}

/// A gradient by the [adjoint equation](Flow::adjoint) of matrices.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixAdjointGradient {
    /// y at each time that was asked for.
    pub y: Vec<Matrix<f64>>,
    /// The gradient with respect to the initial values.
    pub initial: Matrix<f64>,
    /// The gradient with respect to the parameters.
    pub parameters: Vec<Matrix<f64>>,
    /// The gradient with respect to the times, as in [`AdjointGradient`].
    pub times: Vec<f64>,
}

/// A field whose gradients can be computed.
pub trait Pull: PlainField {
    /// The gradient of Σ w f with respect to the entries of y, and then to the parameters.
    fn pull(&self, t: f64, y: &Self::State, w: &[f64]) -> Vec<f64>;
}

impl Method {
    /// The gradient of a loss L of the solution at all times by the continuous adjoint: λ' = −(∂f/∂y)ᵀ λ is integrated from the last time to
    /// the first, with a jump ∂L/∂y at each time that was asked for, and ∂L/∂p = ∫ (∂f/∂p)ᵀ λ dt (Pontryagin 1962; Chen, Rubanova, Bettencourt &
    /// Duvenaud, *Neural ordinary differential equations*, 2018). `weights` computes all ∂L/∂y from all y.
    ///
    /// y is interpolated from the steps of the first integration, and not integrated backward, which would be unstable where the solution
    /// contracts. So memory grows with the number of steps: each step keeps five numbers for each number of y, and two more. Nothing is
    /// recorded, so f may be large.
    ///
    /// **Its error.** It approximates the gradient of the exact solution, and its error is that of a second integration with the same
    /// tolerances, plus that of the interpolation. It is not the derivative of the computed numbers, which [`solve`](Method::solve)
    /// records to rounding; a minimization with tight tolerances sees the difference. Prefer `solve`, except for long integrations of large
    /// systems.
    ///
    /// ```
    /// use solve::ode::{Method, system};
    /// let decay = system!(|_t, [y], [rate]| [-(rate * y)]);
    /// // L = y(2)² / 2 for y = 3 exp(−t / 2).
    /// let found = Method::default().adjoint(&decay, [0.5], [3.0], &[0.0, 2.0], |y| vec![[0.0], y[1]])?;
    /// assert!((found.parameters[0] + 2.0 * 9.0 * (-2.0f64).exp()).abs() < 1e-6);
    /// assert!((found.initial[0] - 3.0 * (-2.0f64).exp()).abs() < 1e-6);
    /// # Ok::<(), solve::ode::OdeError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`solve`](Method::solve). Only Dormand and Prince's method has it, and a terminal event is an error: use `solve` then.
    ///
    /// # Panics
    /// If `weights` does not return one weight for each time.
    #[track_caller]
    pub fn adjoint<S: System<D, P>, const D: usize, const P: usize>(
        &self,
        system: &S,
        p: [f64; P],
        y0: [f64; D],
        times: &[f64],
        weights: impl FnOnce(&[[f64; D]]) -> Vec<[f64; D]>,
    ) -> Result<AdjointGradient<D, P>, OdeError> {
        finite("parameter", &p)?;
        finite("initial value", &y0)?;
        let field = Scalars { system, p, like: y0 };
        let swept = forward(&field, self, &y0, times)?;
        let found = weights(&swept.y);
        assert!(found.len() == times.len(), "adjoint: {} weights for {} times", found.len(), times.len());
        let weights = found.iter().map(|w| w.to_vec()).collect();
        let (gradient, times) = backward(&field, self, &swept, times, weights, D + P)?;
        let part = |from: usize| move |i: usize| from + i;
        Ok(AdjointGradient {
            initial: std::array::from_fn(part(0)).map(|k: usize| gradient[k]),
            parameters: std::array::from_fn(part(D)).map(|k: usize| gradient[k]),
            y: swept.y,
            times,
        })
    }
}

impl<F: RightHandSide> Flow<F> {
    /// [`Method::adjoint`] of matrices.
    ///
    /// # Errors
    /// As for [`Method::adjoint`].
    ///
    /// # Panics
    /// If `weights` does not return one matrix for each time, in the shape of y.
    #[track_caller]
    pub fn adjoint(
        &self,
        method: &Method,
        p: &[Matrix<f64>],
        y0: &Matrix<f64>,
        times: &[f64],
        weights: impl FnOnce(&[Matrix<f64>]) -> Vec<Matrix<f64>>,
    ) -> Result<MatrixAdjointGradient, OdeError> {
        let field = self.plain(p.to_vec(), y0)?;
        let swept = forward(&field, method, y0, times)?;
        let found = weights(&swept.y);
        assert!(found.len() == times.len(), "adjoint: {} weights for {} times", found.len(), times.len());
        for w in &found {
            let ((m, n), (p, q)) = (w.shape(), y0.shape());
            assert!((m, n) == (p, q), "adjoint: weights {m} × {n} for y of {p} × {q}");
        }
        let size = y0.as_slice().len() + p.iter().map(|p| p.as_slice().len()).sum::<usize>();
        let weights = found.into_iter().map(Matrix::into_vec).collect();
        let (gradient, times) = backward(&field, method, &swept, times, weights, size)?;
        let mut rest = gradient.as_slice();
        let mut next = |like: &Matrix<f64>| {
            let (own, others) = rest.split_at(like.as_slice().len());
            rest = others;
            Matrix::from_vec(like.rows(), like.cols(), own.to_vec())
        };
        Ok(MatrixAdjointGradient { initial: next(y0), parameters: p.iter().map(next).collect(), y: swept.y, times })
    }
}

/// A solution that can be evaluated anywhere.
struct Swept<F: Field> {
    /// The start of each step, its length, and the solution within.
    steps: Vec<(f64, f64, Dense<F>)>,
    y: Vec<F::State>,
}

impl<F: PlainField> Swept<F> {
    fn at(&self, field: &F, t: f64) -> F::State {
        let forward = self.steps[0].1 >= 0.0;
        let after = self.steps.partition_point(|&(from, _, _)| if forward { from <= t } else { from >= t });
        let (from, h, dense) = &self.steps[after.saturating_sub(1)];
        let theta = if *h == 0.0 { 1.0 } else { (t - from) / h };
        dense.at(field, Weight::Plain(theta))
    }
}

fn forward<F: PlainField>(field: &F, method: &Method, y0: &F::State, times: &[f64]) -> Result<Swept<F>, OdeError> {
    if !matches!(method, Method::DormandPrince(_)) {
        return Err(OdeError::Adjoint(
            "the adjoint equation is integrated by Method::DormandPrince: use `solve` for others",
        ));
    }
    let mut steps = Vec::new();
    let path = find(field, method, y0, times, &mut |t, step| {
        let Weight::Plain(h) = step.h else { unreachable!("it is a plain number") };
        steps.push((t, h, step.dense(field)));
    })?;
    if path.asked.len() < times.len() {
        return Err(OdeError::Adjoint("a terminal event ends the integration before the last time: use `solve`"));
    }
    let mut y = vec![y0.clone()];
    y.extend(path.asked[1..].iter().map(|&(step, theta)| steps[step].2.at(field, Weight::Plain(theta))));
    Ok(Swept { steps, y })
}

/// The gradient with respect to y0 and the parameters, one after the other, and with respect to the times.
fn backward<F: Pull>(
    field: &F,
    method: &Method,
    swept: &Swept<F>,
    times: &[f64],
    weights: Vec<Vec<f64>>,
    size: usize,
) -> Result<(Vec<f64>, Vec<f64>), OdeError> {
    let adjoint = Backward { field, swept };
    let slope = |i: usize| field.slope(times[i], &swept.y[i]);
    let along = |w: &[f64], i: usize| -> f64 { w.iter().zip(field.entries(&slope(i)).0).map(|(w, f)| w * f).sum() };
    let (mut state, mut moved) = (vec![0.0; size], vec![0.0; times.len()]);
    for i in (0..times.len()).rev() {
        if let Some(&from) = times.get(i + 1).filter(|&&from| from != times[i]) {
            let mut end = None;
            let mut last = |_: f64, step: &Step<Backward<'_, F>>| end = Some(step.end.clone());
            find(&adjoint, method, &state, &[from, times[i]], &mut last)?;
            state = end.unwrap_or(state);
        }
        // y at the first time is y0, whatever the time.
        if i > 0 {
            moved[i] += along(&weights[i], i);
        } else {
            moved[0] -= along(&state[..weights[0].len()], 0);
        }
        state.iter_mut().zip(&weights[i]).for_each(|(sum, w)| *sum += w);
    }
    Ok((state, moved))
}

/// λ and ∫ (∂f/∂p)ᵀ λ as one system, against the time.
struct Backward<'a, F: Field> {
    field: &'a F,
    swept: &'a Swept<F>,
}

impl<F: Pull> Field for Backward<'_, F> {
    type Number = f64;
    type State = Vec<f64>;
    type Factors = ();

    fn constant(&self, x: f64) -> f64 {
        x
    }

    fn slope(&self, t: f64, state: &Vec<f64>) -> Vec<f64> {
        let y = self.swept.at(self.field, t);
        let lambda = &state[..self.field.entries(&y).0.len()];
        self.field.pull(t, &y, lambda).into_iter().map(|slope| -slope).collect()
    }

    fn sum(&self, terms: &[(Weight<f64>, &Vec<f64>)]) -> Vec<f64> {
        (0..terms[0].1.len()).map(|i| terms.iter().map(|(w, y)| w.of(y[i])).sum()).collect()
    }

    fn linearize(&self, _: f64, _: &Vec<f64>, _: Weight<f64>) -> Option<((), Vec<f64>)> {
        unreachable!("the method is explicit")
    }

    fn solve(&self, (): &(), x: &Vec<f64>) -> Vec<f64> {
        x.clone()
    }

    fn events(&self, _: f64, _: &Vec<f64>) -> Vec<Event<f64>> {
        Vec::new()
    }
}

impl<F: Pull> PlainField for Backward<'_, F> {
    fn entries<'y>(&self, y: &'y Vec<f64>) -> (&'y [f64], usize) {
        (y, y.len())
    }

    fn event_slope(&self, _: usize, _: f64, _: &Vec<f64>, _: &Vec<f64>) -> f64 {
        unreachable!("there are no events")
    }
}
