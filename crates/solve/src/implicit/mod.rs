//! Roots, fixed points and minima as recorded operations, with derivatives by the implicit function theorem.
//!
//! # The theorem
//!
//! Let x(θ) solve F(x, θ) = 0, and let J = ∂F/∂x be regular there. Then x is a function of θ near it, and
//!
//! ```text
//! ∂x/∂θ = −J⁻¹ ∂F/∂θ,   so   δθ = −(∂F/∂θ)ᵀ w   with   Jᵀ w = δx
//! ```
//!
//! (Dini; Krantz & Parks, *The Implicit Function Theorem*, 2013; as a rule of automatic differentiation Christianson, *Optimization
//! Methods and Software* 3, 1994). The iterations that found x are not differentiated, and nothing of them is stored.
//!
//! | | F(x, θ) | shapes |
//! |---|---|---|
//! | [`root`] | f(x, θ) | f has as many entries as x |
//! | [`fixed_point`] | f(z, θ) − z | f has the shape of z |
//! | [`argmin`] | ∂f/∂x | f is 1 × 1; J is the Hessian of f |
//!
//! # Derivatives of any order
//!
//! The rule is recorded, in variables: w is an op of θ, x and δx whose own rule is again a linear system with J or Jᵀ. So derivatives of
//! any order exist, in reverse and forward mode, and [`autograd::check`](mod@autograd::check) passes.
//!
//! # Errors
//!
//! A solution that did not converge, a singular J, and for [`argmin`] a point that is not a minimum are errors, never a gradient. Whether
//! there is a solution depends on the numbers, so [`Compiled`](autograd::Compiled) records a closure with one of these functions at every
//! call, as it does for the functions of linear algebra.
//!
//! # Linear systems
//!
//! Up to 200 entries J is computed with one tangent for each column and factorized. Larger systems are solved with products J v and Jᵀ w
//! only: by conjugate gradients if J is a Hessian and by GMRES otherwise. [`LinearSolver`] chooses.
//!
//! # An example
//!
//! Kepler's equation E − e sin E = M, and how the anomaly E moves with the eccentricity e: ∂E/∂e = sin E / (1 − e cos E).
//!
//! ```
//! use autograd::{Matrix, Tape};
//! use solve::root;
//! let tape = Tape::new();
//! let (e, m) = (tape.variable(0.3), tape.variable(1.0));
//! let anomaly = root(|x, p| x - p[0] * x.sin() - p[1], &Matrix::full(1, 1, 1.0), &[e, m])?;
//! let x: f64 = anomaly.item();
//! assert!((x - 0.3 * x.sin() - 1.0).abs() < 1e-15);
//! let gradients = anomaly.backward();
//! assert!((gradients.wrt(e)[(0, 0)] - x.sin() / (1.0 - 0.3 * x.cos())).abs() < 1e-14);
//! # Ok::<(), solve::ImplicitError>(())
//! ```

mod anderson;
mod error;
mod krylov;
mod newton;
mod ops;
mod system;

use autograd::{Matrix, Real, Var, grad};
use serde::{Deserialize, Serialize};

pub use error::ImplicitError;
use ops::Kind;
use system::System;

/// How an equation is solved, with the default settings of [`root`], [`fixed_point`] and [`argmin`].
///
/// ```
/// use autograd::{Matrix, Tape};
/// use solve::{Implicit, LinearSolver};
/// let tape = Tape::new();
/// let b = tape.variable(Matrix::from_fn(300, 1, |i, _| (i as f64).sin()));
/// // x³ + 2 x = b with J v only.
/// let settings = Implicit { linear: LinearSolver::Krylov, ..Implicit::default() };
/// let x = settings.root(|x, p| x.powi(3) + x * 2.0 - p[0], &Matrix::zeros(300, 1), &[b])?;
/// let slope = x.sum().backward().wrt(b)[(7, 0)];
/// let x = x.value()[(7, 0)];
/// assert!((slope - 1.0 / (3.0 * x * x + 2.0)).abs() < 1e-12);
/// # Ok::<(), solve::ImplicitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Implicit {
    /// How linear systems are solved.
    pub linear: LinearSolver,
    /// The largest number of Newton steps, and of evaluations of f by Anderson's acceleration before them, by default 100.
    pub max_iterations: u64,
    /// The number of iterates that [`fixed_point`](Implicit::fixed_point) mixes in Anderson's acceleration of z ← f(z) before Newton's method; 0, the
    /// default, for Newton's method alone. If f is a contraction and z is large, a small number such as 5 saves linear
    /// systems with J.
    #[serde(default)]
    pub anderson: usize,
}

/// How a linear system with J is solved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinearSolver {
    /// By factorisation up to 200 entries, and by a Krylov method beyond.
    #[default]
    Automatic,
    /// J is computed and factorized.
    Factorisation,
    /// By products with J and Jᵀ: conjugate gradients (Hestenes & Stiefel 1952) for [`argmin`], GMRES (Saad & Schultz, *SIAM Journal on
    /// Scientific and Statistical Computing* 7, 1986) for the others. A system whose residual stays above ε^¾ |b|, about
    /// 2·10⁻¹² |b| in `f64`, is an error.
    Krylov,
}

impl Default for Implicit {
    fn default() -> Self {
        Implicit { linear: LinearSolver::Automatic, max_iterations: 100, anderson: 0 }
    }
}

/// The solution x(θ) of f(x, θ) = 0 in the shape of `x0`. Newton's method finds it from `x0`; it halves a step until |f| decreases. f gets x and the variables of `parameters`, and must depend on
/// nothing else that has a gradient. It returns as many entries as x has.
///
/// ```
/// use autograd::{Matrix, Tape, hessian};
/// use solve::root;
/// // √a as the root of x² − a, and its second derivative −¼ a^(−3/2).
/// let second = hessian(|a| root(|x, p| x * x - p[0], &Matrix::full(1, 1, 1.0), &[a]).unwrap(), &Matrix::full(1, 1, 4.0f64));
/// assert!((second[(0, 0)] + 1.0 / 32.0).abs() < 1e-15);
/// // Without a root, or with a singular J, there is an error.
/// let tape = Tape::new();
/// let (a, zero) = (tape.variable(-1.0), tape.variable(0.0));
/// assert!(root(|x, p| x * x - p[0], &Matrix::full(1, 1, 1.0), &[a]).is_err());
/// assert!(root(|x, p| x * x - p[0], &Matrix::full(1, 1, 1.0), &[zero]).is_err());
/// ```
///
/// # Errors
/// If a number is not finite at the start, Newton's method does not converge, or J is singular.
///
/// # Panics
/// If there is no parameter, parameters are of different tapes, or f does not have as many entries as x. A later sweep panics if a
/// [Krylov method](LinearSolver::Krylov) does not solve its system with J, although it has solved one at the solution.
#[track_caller]
pub fn root<'t, T: Real>(
    f: impl for<'a> Fn(Var<'a, T>, &[Var<'a, T>]) -> Var<'a, T> + Send + Sync + 'static,
    x0: &Matrix<T>,
    parameters: &[Var<'t, T>],
) -> Result<Var<'t, T>, ImplicitError> {
    Implicit::default().root(f, x0, parameters)
}

/// z(θ) with z = f(z, θ), in the shape of `z0`. It is found by Newton's method on f(z, θ) − z, so f need not be a contraction. Where it is one,
/// [`Implicit::anderson`] finds nearly all digits without a linear system.
///
/// ```
/// use autograd::{Matrix, Tape};
/// use solve::fixed_point;
/// // Heron's iteration for √a, whose derivative is 1 / (2 √a).
/// let tape = Tape::new();
/// let a = tape.variable(9.0f64);
/// let z = fixed_point(|z, p| (z + p[0] / z) * 0.5, &Matrix::full(1, 1, 1.0), &[a])?;
/// assert_eq!(z.item(), 3.0);
/// assert!((z.backward().wrt(a)[(0, 0)] - 1.0 / 6.0).abs() < 1e-15);
/// # Ok::<(), solve::ImplicitError>(())
/// ```
///
/// # Errors
/// As for [`root`], where J = ∂f/∂z − 1.
///
/// # Panics
/// As for [`root`].
#[track_caller]
pub fn fixed_point<'t, T: Real>(
    f: impl for<'a> Fn(Var<'a, T>, &[Var<'a, T>]) -> Var<'a, T> + Send + Sync + 'static,
    z0: &Matrix<T>,
    parameters: &[Var<'t, T>],
) -> Result<Var<'t, T>, ImplicitError> {
    Implicit::default().fixed_point(f, z0, parameters)
}

/// The minimum x(θ) of f(x, θ), where f is 1 × 1 and x has the shape of `x0`. A [trust region](crate::Minimizer::TrustRegion) finds it from
/// `x0` ([Steihaug's](crate::Minimizer::Steihaug) for a Krylov method), and Newton's method on ∂f/∂x = 0 refines it to rounding.
///
/// ```
/// use autograd::{Matrix, Tape};
/// use solve::argmin;
/// // The minimum of (x − a)² + b x² is at a / (1 + b).
/// let tape = Tape::new();
/// let (a, b) = (tape.variable(3.0f64), tape.variable(0.5));
/// let x = argmin(|x, p| (x - p[0]).square() + p[1] * x.square(), &Matrix::zeros(1, 1), &[a, b])?;
/// assert!((x.item() - 2.0).abs() < 1e-15);
/// assert!((x.backward().wrt(b)[(0, 0)] + 3.0 / 1.5f64.powi(2)).abs() < 1e-14);
/// # Ok::<(), solve::ImplicitError>(())
/// ```
///
/// # Errors
/// As for [`root`], and if the Hessian is not positive definite at the end.
///
/// # Panics
/// As for [`root`], or if f is not 1 × 1.
#[track_caller]
pub fn argmin<'t, T: Real>(
    f: impl for<'a> Fn(Var<'a, T>, &[Var<'a, T>]) -> Var<'a, T> + Send + Sync + 'static,
    x0: &Matrix<T>,
    parameters: &[Var<'t, T>],
) -> Result<Var<'t, T>, ImplicitError> {
    Implicit::default().argmin(f, x0, parameters)
}

impl Implicit {
    /// [`root`](fn@root) with these settings.
    ///
    /// # Errors
    /// As for [`root`](fn@root), or if a setting is out of its range.
    ///
    /// # Panics
    /// As for [`root`](fn@root).
    #[track_caller]
    pub fn root<'t, T: Real>(
        &self,
        f: impl for<'a> Fn(Var<'a, T>, &[Var<'a, T>]) -> Var<'a, T> + Send + Sync + 'static,
        x0: &Matrix<T>,
        parameters: &[Var<'t, T>],
    ) -> Result<Var<'t, T>, ImplicitError> {
        ops::record(self.system("root", system::equation(f), x0, false)?, Kind::Root, x0, parameters)
    }

    /// [`fixed_point`](fn@fixed_point) with these settings.
    ///
    /// # Errors
    /// As for [`fixed_point`](fn@fixed_point), or if a setting is out of its range.
    ///
    /// # Panics
    /// As for [`fixed_point`](fn@fixed_point).
    #[track_caller]
    pub fn fixed_point<'t, T: Real>(
        &self,
        f: impl for<'a> Fn(Var<'a, T>, &[Var<'a, T>]) -> Var<'a, T> + Send + Sync + 'static,
        z0: &Matrix<T>,
        parameters: &[Var<'t, T>],
    ) -> Result<Var<'t, T>, ImplicitError> {
        let equation = system::equation(move |z, p| f(z, p) - z);
        let kind = if self.anderson == 0 { Kind::Root } else { Kind::FixedPoint(self.anderson) };
        ops::record(self.system("fixed_point", equation, z0, false)?, kind, z0, parameters)
    }

    /// [`argmin`](fn@argmin) with these settings.
    ///
    /// # Errors
    /// As for [`argmin`](fn@argmin), or if a setting is out of its range.
    ///
    /// # Panics
    /// As for [`argmin`](fn@argmin).
    #[track_caller]
    pub fn argmin<'t, T: Real>(
        &self,
        f: impl for<'a> Fn(Var<'a, T>, &[Var<'a, T>]) -> Var<'a, T> + Send + Sync + 'static,
        x0: &Matrix<T>,
        parameters: &[Var<'t, T>],
    ) -> Result<Var<'t, T>, ImplicitError> {
        let f = system::equation(f);
        let inner = f.clone();
        let equation = system::equation(move |x, p| grad(inner(x, p), &[x])[0]);
        ops::record(self.system("argmin", equation, x0, true)?, Kind::Minimum(f), x0, parameters)
    }

    fn system<T: Real>(
        &self,
        name: &'static str,
        equation: system::Equation<T>,
        x0: &Matrix<T>,
        is_hessian: bool,
    ) -> Result<System<T>, ImplicitError> {
        if self.max_iterations == 0 {
            return Err(ImplicitError::Setting(format!("{name}: max_iterations: 0 should be at least 1")));
        }
        if let Some(entry) = x0.as_slice().iter().position(|x| !x.is_finite()) {
            return Err(ImplicitError::NotFinite { name, what: format!("entry {entry} of the start") });
        }
        let by_krylov = match self.linear {
            LinearSolver::Automatic => x0.as_slice().len() > 200,
            LinearSolver::Factorisation => false,
            LinearSolver::Krylov => true,
        };
        Ok(System { name, equation, is_hessian, by_krylov, max_iterations: self.max_iterations })
    }
}
