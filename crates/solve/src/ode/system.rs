//! Systems of single numbers.

use autograd::{Dual, Matrix, Number, Real, Scalar, Var};

use super::error::OdeError;
use super::event::{Event, Occurrence};
use super::path::find;
use super::replay::{Times, replay};
use super::scalars::Scalars;
use super::settings::Method;

/// y' = f(t, y, p) for D numbers y with P parameters p, written once for every kind of number. [`system!`](crate::system) writes one from
/// expressions.
///
/// ```
/// use autograd::Number;
/// use solve::ode::{Method, System};
/// /// A pendulum with friction.
/// struct Pendulum;
/// impl System<2, 2> for Pendulum {
///     fn slope<N: Number>(&self, _t: N, [angle, speed]: [N; 2], [g, friction]: [N; 2]) -> [N; 2] {
///         [speed, -(g * angle.sin()) - friction * speed]
///     }
/// }
/// let swing = Method::default().solve(&Pendulum, [9.81, 0.1], [0.5, 0.0], &[0.0, 1.0, 2.0])?;
/// assert_eq!(swing.y.len(), 3);
/// # Ok::<(), solve::ode::OdeError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a system of {D} numbers with {P} parameters",
    note = "write `system!(|t, [y, …], [p, …]| [y', …])`, or implement `System<{D}, {P}>` for a struct"
)]
pub trait System<const D: usize, const P: usize> {
    /// f(t, y, p).
    fn slope<N: Number>(&self, t: N, y: [N; D], p: [N; P]) -> [N; D];

    /// The functions whose roots are events. Every call must return the same number of them. By default there are none.
    fn events<N: Number>(&self, t: N, y: [N; D], p: [N; P]) -> Vec<Event<N>> {
        let _ = (t, y, p);
        Vec::new()
    }
}

/// A [`System`](crate::ode::System) in one line: `system!(|t, [x, v], [k]| [v, -(k * x)])` is x' = v, v' = −k x. A list of events may follow.
///
/// ```
/// use solve::ode::{Event, Method, system};
/// let oscillator = system!(|_t, [x, v], [k]| [v, -(k * x)], [Event::rising(x)]);
/// let run = Method::default().solve(&oscillator, [4.0], [1.0, 0.0], &[0.0, 10.0])?;
/// // x = cos 2 t rises through 0 at t = 3π/4 + k π.
/// assert_eq!(run.events.len(), 3);
/// assert!((run.events[1].t - 1.75 * std::f64::consts::PI).abs() < 1e-6);
/// # Ok::<(), solve::ode::OdeError>(())
/// ```
#[macro_export]
macro_rules! system {
    (|$t:tt, [$($y:ident),+ $(,)?], [$($p:ident),* $(,)?]| $slope:expr $(, $events:expr)? $(,)?) => {{
        struct System;
        impl $crate::ode::System<{ [$(stringify!($y)),+].len() }, { <[&str]>::len(&[$(stringify!($p)),*]) }> for System {
            #[inline]
            fn slope<N: $crate::ode::Number>(
                &self,
                $t: N,
                [$($y),+]: [N; { [$(stringify!($y)),+].len() }],
                [$($p),*]: [N; { <[&str]>::len(&[$(stringify!($p)),*]) }],
            ) -> [N; { [$(stringify!($y)),+].len() }] {
                $slope
            }
            $crate::system!(@events $t, [$($y),+], [$($p),*] $(, $events)?);
        }
        System
    }};
    (@events $t:tt, [$($y:ident),+], [$($p:ident),*]) => {};
    (@events $t:tt, [$($y:ident),+], [$($p:ident),*], $events:expr) => {
        #[allow(unused_variables)]
        fn events<N: $crate::ode::Number>(
            &self,
            $t: N,
            [$($y),+]: [N; { [$(stringify!($y)),+].len() }],
            [$($p),*]: [N; { <[&str]>::len(&[$(stringify!($p)),*]) }],
        ) -> Vec<$crate::ode::Event<N>> {
            $events.to_vec()
        }
    };
}

/// A number whose value can be read, and which makes constants of its kind: `f64`, a [`Scalar`], a 1 × 1 [`Var`], or a [`Dual`] of these.
pub trait Quantity: Number {
    /// Its value.
    #[track_caller]
    fn plain(self) -> f64;

    /// A number without a derivative.
    fn constant(self, x: f64) -> Self;
}

impl Quantity for f64 {
    fn plain(self) -> f64 {
        self
    }
    fn constant(self, x: f64) -> f64 {
        x
    }
}

impl<T: Real> Quantity for Scalar<'_, T> {
    fn plain(self) -> f64 {
        self.value().to_f64()
    }
    fn constant(self, x: f64) -> Self {
        self.tape().constant(T::from_f64(x))
    }
}

impl<T: Real> Quantity for Var<'_, T> {
    #[track_caller]
    fn plain(self) -> f64 {
        let (m, n) = self.shape();
        assert!((m, n) == (1, 1), "ode: a number of a system is {m} × {n}, not 1 × 1: use a `Flow` for matrices");
        self.item().to_f64()
    }
    fn constant(self, x: f64) -> Self {
        self.tape().constant(Matrix::full(1, 1, T::from_f64(x)))
    }
}

impl<N: Quantity> Quantity for Dual<N> {
    fn plain(self) -> f64 {
        self.value.plain()
    }
    fn constant(self, x: f64) -> Self {
        Dual::constant(self.value.constant(x))
    }
}

/// The solution of a differential equation.
#[derive(Clone, Debug)]
pub struct Solution<N, Y> {
    /// y at each time that was asked for, the first being the initial values. It is shorter than the list of times if a terminal event
    /// happened before.
    pub y: Vec<Y>,
    /// The events, in the order in which they happened. A terminal one is the last.
    pub events: Vec<Occurrence<N, Y>>,
    /// The number of accepted steps.
    pub steps: usize,
    /// The number of steps that were tried and not accepted.
    pub rejected: usize,
}

impl Method {
    /// The solution of y' = f(t, y, p) that begins with `y0` at `times[0]`, at all `times`, which go in one direction, forward or backward.
    ///
    /// The numbers may be plain, or on a tape: then every y has its derivatives with respect to `p` and `y0`, as recorded by the accepted steps.
    ///
    /// ```
    /// use autograd::ScalarTape;
    /// use solve::ode::{Method, system};
    /// let decay = system!(|_t, [y], [rate]| [-(rate * y)]);
    /// let tape = ScalarTape::new();
    /// let (rate, y0) = (tape.variable(0.5), tape.variable(3.0));
    /// let run = Method::default().solve(&decay, [rate], [y0], &[0.0, 2.0])?;
    /// let grads = run.y[1][0].backward(); // of 3 exp(−2 rate)
    /// assert!((grads.wrt(rate) + 6.0 * (-1.0f64).exp()).abs() < 1e-6);
    /// # Ok::<(), solve::ode::OdeError>(())
    /// ```
    ///
    /// # Errors
    /// If a setting is out of its range, the times do not go in one direction, a number is not finite, or the integration cannot go on: see
    /// [`OdeError`].
    ///
    /// # Panics
    /// If a variable is not 1 × 1.
    #[track_caller]
    pub fn solve<S: System<D, P>, N: Quantity, const D: usize, const P: usize>(
        &self,
        system: &S,
        p: [N; P],
        y0: [N; D],
        times: &[f64],
    ) -> Result<Solution<N, [N; D]>, OdeError> {
        self.run(system, p, y0, &Times { plain: times, numbers: None })
    }

    /// [`solve`](Method::solve) where the times are numbers, too, with respect to which y has derivatives. With steps that follow the error,
    /// the places between steps are constants, and only the first and the last step change their lengths with the times.
    ///
    /// ```
    /// use autograd::ScalarTape;
    /// use solve::ode::{Method, system};
    /// let decay = system!(|_t, [y], [rate]| [-(rate * y)]);
    /// let tape = ScalarTape::new();
    /// let (p, y0) = ([tape.constant(0.5)], [tape.constant(3.0)]);
    /// let times = [0.0, 1.0, 2.0].map(|t| tape.variable(t));
    /// let run = Method::default().solve_at(&decay, p, y0, &times)?;
    /// let slopes = run.y[1][0].backward(); // y' = −y / 2 there, and none with respect to the end
    /// assert!((slopes.wrt(times[1]) + 1.5 * (-0.5f64).exp()).abs() < 1e-5);
    /// assert_eq!(slopes.wrt(times[2]), 0.0);
    /// # Ok::<(), solve::ode::OdeError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`solve`](Method::solve).
    #[track_caller]
    pub fn solve_at<S: System<D, P>, N: Quantity, const D: usize, const P: usize>(
        &self,
        system: &S,
        p: [N; P],
        y0: [N; D],
        times: &[N],
    ) -> Result<Solution<N, [N; D]>, OdeError> {
        let plain: Vec<f64> = times.iter().map(|t| t.plain()).collect();
        self.run(system, p, y0, &Times { plain: &plain, numbers: Some(times) })
    }

    #[track_caller]
    fn run<S: System<D, P>, N: Quantity, const D: usize, const P: usize>(
        &self,
        system: &S,
        p: [N; P],
        y0: [N; D],
        times: &Times<'_, N>,
    ) -> Result<Solution<N, [N; D]>, OdeError> {
        const { assert!(D > 0, "a system has at least one number") };
        let (mut plain_p, mut plain_y) = ([0.0; P], [0.0; D]);
        // Loops, because a panic in a closure would not point at the caller.
        for (plain, p) in plain_p.iter_mut().zip(p) {
            *plain = p.plain();
        }
        for (plain, y) in plain_y.iter_mut().zip(y0) {
            *plain = y.plain();
        }
        finite("parameter", &plain_p)?;
        finite("initial value", &plain_y)?;
        let path = find(&Scalars { system, p: plain_p, like: plain_y }, self, &plain_y, times.plain, &mut |_, _| ())?;
        let piece = replay(&Scalars { system, p, like: y0 }, self, &path, 0..path.steps(), y0, times);
        Ok(Solution { y: piece.asked, events: piece.hits, steps: path.steps(), rejected: path.rejected })
    }
}

/// Checks numbers from outside.
pub fn finite(what: &'static str, x: &[f64]) -> Result<(), OdeError> {
    match x.iter().position(|x| !x.is_finite()) {
        Some(index) => Err(OdeError::Start { what, index, value: x[index] }),
        None => Ok(()),
    }
}
