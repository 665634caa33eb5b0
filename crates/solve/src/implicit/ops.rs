//! The recorded operations: a solution of an equation, and a solution of a linear system with its Jacobian.

use std::sync::{Arc, Mutex};

use autograd::{CustomOp, Matrix, MatrixRef, Real, Tape, Var, grad, vjp};
use linalg::Trans;

use super::system::{Equation, System, wide};
use super::{ImplicitError, anderson, newton};
use crate::{Minimize, MinimizeSettings, Minimizer, Objective};

/// What is solved.
pub enum Kind<T: Real> {
    Root,
    /// A root of f(z) − z. Newton's method begins where Anderson's acceleration with this number of differences ended.
    FixedPoint(usize),
    /// The function whose gradient is the equation.
    Minimum(Equation<T>),
}

/// Records the solution.
#[track_caller]
pub fn record<'t, T: Real>(
    system: System<T>,
    kind: Kind<T>,
    x0: &Matrix<T>,
    parameters: &[Var<'t, T>],
) -> Result<Var<'t, T>, ImplicitError> {
    let Some(first) = parameters.first() else { panic!("{}: no parameter", system.name) };
    // Whether there is a solution depends on the numbers, so a closure that is replayed has to be recorded anew.
    let _ = first.value();
    let failure = Arc::new(Mutex::new(None));
    let op = Solution { system, kind, x0: x0.clone(), failure: failure.clone() };
    let x = first.tape().custom(op, parameters);
    // A poisoned lock means that the closure panicked, which has been passed on.
    let failed = failure.lock().ok().and_then(|mut failure| failure.take());
    failed.map_or(Ok(x), Err)
}

/// x(θ). Its operands are the parameters.
struct Solution<T: Real> {
    system: System<T>,
    kind: Kind<T>,
    x0: Matrix<T>,
    /// Why there is none.
    failure: Arc<Mutex<Option<ImplicitError>>>,
}

impl<T: Real> Solution<T> {
    fn solve(&self, parameters: &[MatrixRef<'_, T>]) -> Result<Matrix<T>, ImplicitError> {
        let f = match &self.kind {
            Kind::Root => return newton::solve(&self.system, &self.x0, parameters),
            Kind::FixedPoint(depth) => {
                let z = anderson::accelerate(&self.system, &self.x0, parameters, *depth);
                let from = |z: &Matrix<T>| newton::solve(&self.system, z, parameters);
                return from(&z).or_else(|_| from(&self.x0));
            }
            Kind::Minimum(f) => f,
        };
        let method = if self.system.by_krylov { Minimizer::Steihaug } else { Minimizer::TrustRegion };
        let inner = Inner { f, shape: self.x0.shape(), parameters };
        let settings = MinimizeSettings { method, ..MinimizeSettings::default() };
        let found = Minimize::new(inner).settings(settings).from(&wide(self.x0.as_slice()))?;
        if !found.reason.is_converged() {
            return Err(ImplicitError::NotMinimized { reason: found.reason });
        }
        newton::solve(&self.system, &narrow(self.x0.shape(), &found.x), parameters)
    }
}

impl<T: Real> CustomOp<T> for Solution<T> {
    fn name(&self) -> &str {
        self.system.name
    }

    /// A failure while it is recorded is an error of [`record`]. One in a later run of a program gives a matrix without entries, which
    /// no run accepts.
    fn forward(&self, parameters: &[MatrixRef<'_, T>]) -> Matrix<T> {
        self.solve(parameters).unwrap_or_else(|error| {
            if let Ok(mut failure) = self.failure.lock() {
                *failure = Some(error);
            }
            let is_recording = Arc::strong_count(&self.failure) > 1;
            if is_recording { self.x0.clone() } else { Matrix::zeros(0, 0) }
        })
    }

    fn pullback<'t>(&self, parameters: &[Var<'t, T>], x: Var<'t, T>, dx: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let w = LinearSolution::record(&self.system, parameters, x, dx, Trans::Yes);
        let parameters = copies(parameters);
        let f = self.system.value(x, &parameters);
        vjp(&[(f, w)], &parameters).into_iter().map(|d| Some(-d)).collect()
    }
}

/// w with J w = b or Jᵀ w = b, where J = ∂F/∂x. Its operands are the parameters, x and b.
struct LinearSolution<T: Real> {
    system: System<T>,
    trans: Trans,
}

impl<T: Real> LinearSolution<T> {
    fn record<'t>(
        system: &System<T>,
        parameters: &[Var<'t, T>],
        x: Var<'t, T>,
        b: Var<'t, T>,
        trans: Trans,
    ) -> Var<'t, T> {
        let operands: Vec<_> = parameters.iter().copied().chain([x, b]).collect();
        x.tape().custom(LinearSolution { system: system.clone(), trans }, &operands)
    }
}

impl<T: Real> CustomOp<T> for LinearSolution<T> {
    fn name(&self) -> &str {
        self.system.name
    }

    fn forward(&self, operands: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let (parameters, [x, b]) = operands.split_at(operands.len() - 2) else { unreachable!("x and b") };
        match self.system.solve(&MatrixRef::to_owned(*x), parameters, &wide(b.as_slice()), self.trans) {
            Ok(w) => narrow(x.shape(), &w),
            // The same systems were solved where the solution was recorded.
            Err(error) => panic!("{error}"),
        }
    }

    /// b gets u with Jᵀ u = δw or J u = δw, and the others the derivative of −⟨u, J w⟩ or −⟨w, J u⟩ in J alone.
    fn pullback<'t>(&self, operands: &[Var<'t, T>], w: Var<'t, T>, dw: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let (parameters, [x, _]) = operands.split_at(operands.len() - 2) else { unreachable!("x and b") };
        let u = LinearSolution::record(&self.system, parameters, *x, dw, self.trans.flip());
        let (left, right) = if self.trans == Trans::No { (u, w) } else { (w, u) };
        let moving = copies(&operands[..operands.len() - 1]);
        let (x, parameters) = (moving[parameters.len()], &moving[..parameters.len()]);
        let f = self.system.value(x, parameters);
        let product = (vjp(&[(f, left)], &[x])[0] * right).sum();
        grad(product, &moving).into_iter().map(|d| Some(-d)).chain([Some(u)]).collect()
    }
}

/// Separate nodes: derivatives with respect to them leave out what else depends on the originals.
fn copies<'t, T: Real>(x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
    x.iter().map(|x| x.scale(1.0)).collect()
}

/// The function of an inner problem at fixed parameters.
struct Inner<'a, T: Real> {
    f: &'a Equation<T>,
    shape: (usize, usize),
    parameters: &'a [MatrixRef<'a, T>],
}

impl<T: Real> Inner<'_, T> {
    /// Calls a function with x and f(x, θ) on a tape.
    #[track_caller]
    fn with<R>(&self, x: &[f64], use_it: impl for<'t> FnOnce(Var<'t, T>, Var<'t, T>) -> R) -> R {
        let tape = Tape::new();
        let parameters: Vec<_> = self.parameters.iter().map(|p| tape.constant(*p)).collect();
        let x = tape.variable(narrow(self.shape, x));
        let y = (self.f)(x, &parameters);
        let (m, n) = y.shape();
        assert!((m, n) == (1, 1), "argmin: the function returned {m} × {n}, not a single number: sum it");
        use_it(x, y)
    }
}

impl<T: Real> Objective for Inner<'_, T> {
    fn value_and_gradient(&mut self, x: &[f64]) -> (f64, Vec<f64>) {
        self.with(x, |x, y| {
            let gradients = y.needs_gradient().then(|| y.backward());
            let gradient = gradients.as_ref().and_then(|gradients| gradients.get(x));
            let none = || vec![0.0; x.rows() * x.cols()];
            (y.item().to_f64(), gradient.map_or_else(none, |g| wide(g.as_slice())))
        })
    }

    fn rounding(&self) -> f64 {
        T::EPSILON
    }

    fn products(&mut self, x: &[f64], directions: &Matrix<f64>) -> Option<Matrix<f64>> {
        let ((n, k), shape) = (directions.shape(), self.shape);
        let columns = self.with(x, |x, y| {
            let gradient = grad(y, &[x])[0];
            let along = |j| {
                let v = narrow::<T>(shape, directions.col(j));
                wide(y.tape().tangents(&[(x, v.view())]).of(gradient).as_slice())
            };
            (0..k).flat_map(along).collect()
        });
        Some(Matrix::from_vec(n, k, columns))
    }
}

/// A matrix of these entries.
fn narrow<T: Real>((rows, cols): (usize, usize), x: &[f64]) -> Matrix<T> {
    Matrix::from_vec(rows, cols, x.iter().map(|&x| T::from_f64(x)).collect())
}
