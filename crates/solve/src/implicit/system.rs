//! The equation F(x, θ) = 0, and linear systems with J = ∂F/∂x.

use std::sync::Arc;

use autograd::{Matrix, MatrixRef, Real, Tape, Var};
use linalg::Trans;

use super::{ImplicitError, krylov};
use crate::least_squares::norm;

/// A function of x and the parameters.
pub type Equation<T> = Arc<dyn for<'a, 'b> Fn(Var<'a, T>, &'b [Var<'a, T>]) -> Var<'a, T> + Send + Sync>;

/// Shares a function.
pub fn equation<T: Real>(
    f: impl for<'a, 'b> Fn(Var<'a, T>, &'b [Var<'a, T>]) -> Var<'a, T> + Send + Sync + 'static,
) -> Equation<T> {
    Arc::new(f)
}

/// Multiples of the golden ratio lie evenly between whole numbers.
const GOLDEN: f64 = 0.618_033_988_749_895;

/// An equation and how it is solved.
#[derive(Clone)]
pub struct System<T: Real> {
    pub name: &'static str,
    pub equation: Equation<T>,
    /// Whether J is symmetric, and positive definite at a solution.
    pub is_hessian: bool,
    pub by_krylov: bool,
    pub max_iterations: u64,
}

impl<T: Real> System<T> {
    /// F in the shape of x. F may differentiate by x, so it gets a node of its own: a sweep to x itself would go on to what x was computed
    /// from, which is this equation.
    #[track_caller]
    pub fn value<'a>(&self, x: Var<'a, T>, parameters: &[Var<'a, T>]) -> Var<'a, T> {
        let f = (self.equation)(x.scale(1.0), parameters);
        let ((m, n), (p, q)) = (x.shape(), f.shape());
        let name = self.name;
        assert!(
            m * n == p * q,
            "{name}: the function returned {p} × {q} for {m} × {n}: there must be as many equations as unknowns"
        );
        if (m, n) == (p, q) { f } else { f.reshape(m, n) }
    }

    /// F at numbers.
    pub fn residual(&self, x: &Matrix<T>, parameters: &[MatrixRef<'_, T>]) -> Vec<f64> {
        let tape = Tape::new();
        let parameters: Vec<_> = parameters.iter().map(|&p| tape.constant(p)).collect();
        wide(self.value(tape.variable(x), &parameters).value().as_slice())
    }

    /// J⁻¹ b or J⁻ᵀ b at x.
    pub fn solve(
        &self,
        x: &Matrix<T>,
        parameters: &[MatrixRef<'_, T>],
        b: &[f64],
        trans: Trans,
    ) -> Result<Vec<f64>, ImplicitError> {
        self.with_products(x, parameters, |push, pull| {
            if b.iter().all(|b| *b == 0.0) {
                return Ok(vec![0.0; b.len()]);
            }
            if self.by_krylov {
                // Of the length 1, so that squares neither overflow nor vanish.
                let size = norm(b);
                if !size.is_finite() {
                    return Ok(vec![f64::NAN; b.len()]);
                }
                let unit: Vec<f64> = b.iter().map(|b| b / size).collect();
                let mut product = |v: &[f64]| if trans == Trans::No { push(v) } else { pull(v) };
                let found = if self.is_hessian {
                    krylov::conjugate_gradients(&unit, T::EPSILON, &mut product)
                } else {
                    krylov::gmres(&unit, T::EPSILON, &mut product)
                };
                let found = found.map(|x| x.into_iter().map(|x| size * x).collect());
                return found.map_err(|(iterations, residual)| ImplicitError::Linear {
                    name: self.name,
                    iterations,
                    residual,
                });
            }
            let j = self.regular(columns(b.len(), push))?;
            Ok(linalg::solve(j.view(), trans, Matrix::column(b).view()).into_vec())
        })
    }

    /// Whether F at x is no larger than what the rounding of x makes of it: |Fₖ| ≤ 8 n ε |Σ ± Jₖⱼ xⱼ| for the largest of four choices of
    /// signs.
    pub fn is_rounding(&self, x: &Matrix<T>, parameters: &[MatrixRef<'_, T>], f: &[f64]) -> bool {
        let n = f.len() as f64;
        let mut reach = vec![0.0f64; f.len()];
        self.with_products(x, parameters, |push, _| {
            for choice in 0..4 {
                let turn =
                    |k: usize| ((k + 1) as f64 * f64::from(choice + 1) * GOLDEN + 0.37 * f64::from(choice)).fract();
                let signed = |(k, x): (usize, &T)| if turn(k) < 0.5 { x.to_f64() } else { -x.to_f64() };
                let v: Vec<f64> = x.as_slice().iter().enumerate().map(signed).collect();
                reach.iter_mut().zip(push(&v)).for_each(|(reach, y)| *reach = reach.max(y.abs()));
            }
        });
        f.iter().zip(reach).all(|(f, reach)| f.abs() <= 8.0 * n * T::EPSILON * reach)
    }

    /// Whether the implicit function theorem holds at a solution.
    pub fn check_solution(&self, x: &Matrix<T>, parameters: &[MatrixRef<'_, T>]) -> Result<(), ImplicitError> {
        let n = x.as_slice().len();
        if self.by_krylov {
            // No Jacobian is at hand. Systems with J and Jᵀ that cannot be solved here could not be solved in a sweep.
            // No two entries are alike, so that hardly any direction is perpendicular to them.
            let b: Vec<f64> = (1..=n).map(|k| (k as f64 * GOLDEN).fract() - 0.37).collect();
            self.solve(x, parameters, &b, Trans::No).map_err(|error| match error {
                ImplicitError::Linear { residual: f64::INFINITY, .. } => ImplicitError::NotMinimum,
                error => error,
            })?;
            if !self.is_hessian {
                self.solve(x, parameters, &b, Trans::Yes)?;
            }
            return Ok(());
        }
        let j = self.with_products(x, parameters, |push, _| self.regular(columns(n, push)))?;
        if self.is_hessian && linalg::cholesky(j.view()).is_err() {
            return Err(ImplicitError::NotMinimum);
        }
        Ok(())
    }

    fn regular(&self, j: Matrix<f64>) -> Result<Matrix<f64>, ImplicitError> {
        let name = self.name;
        if let Some(k) = j.as_slice().iter().position(|x| !x.is_finite()) {
            return Err(ImplicitError::NotFinite { name, what: format!("derivative {k} of the Jacobian") });
        }
        match linalg::singular(narrow::<T>(&j).view()) {
            None => Ok(j),
            Some(_) => Err(ImplicitError::Singular { name, at: "to working precision".into() }),
        }
    }

    /// Calls a function with J v and Jᵀ w at x, of one recording.
    fn with_products<R>(
        &self,
        x: &Matrix<T>,
        parameters: &[MatrixRef<'_, T>],
        f: impl FnOnce(&mut dyn FnMut(&[f64]) -> Vec<f64>, &mut dyn FnMut(&[f64]) -> Vec<f64>) -> R,
    ) -> R {
        let tape = Tape::new();
        let (shape, parameters) = (x.shape(), parameters.iter().map(|&p| tape.constant(p)).collect::<Vec<_>>());
        let x = tape.variable(x);
        let y = self.value(x, &parameters);
        let matrix = |v: &[f64]| Matrix::from_vec(shape.0, shape.1, v.iter().map(|&v| T::from_f64(v)).collect());
        let mut push = |v: &[f64]| wide(tape.tangents(&[(x, matrix(v).view())]).of(y).as_slice());
        let mut pull = |w: &[f64]| {
            let gradients = y.needs_gradient().then(|| y.backward_with(&matrix(w)));
            let found = gradients.as_ref().and_then(|gradients| gradients.get(x));
            found.map_or_else(|| vec![0.0; w.len()], |g| wide(g.as_slice()))
        };
        f(&mut push, &mut pull)
    }
}

/// The matrix of a linear function.
fn columns(n: usize, product: &mut dyn FnMut(&[f64]) -> Vec<f64>) -> Matrix<f64> {
    let mut unit = vec![0.0; n];
    let columns = (0..n).flat_map(|k| {
        unit[k] = 1.0;
        let column = product(&unit);
        unit[k] = 0.0;
        column
    });
    let columns = columns.collect();
    Matrix::from_vec(n, n, columns)
}

pub fn wide<T: Real>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

fn narrow<T: Real>(x: &Matrix<f64>) -> Matrix<T> {
    Matrix::from_fn(x.rows(), x.cols(), |i, j| T::from_f64(x[(i, j)]))
}
