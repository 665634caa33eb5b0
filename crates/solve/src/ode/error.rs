//! Why an integration failed.

/// Why a differential equation was not integrated. There is no solution then, and no gradient.
#[derive(Clone, PartialEq, thiserror::Error)]
pub enum OdeError {
    /// A setting is out of its range: which one, its value, and the range.
    #[error("ode: {0}")]
    Setting(String),
    /// The times cannot be integrated over.
    #[error("ode: {0}")]
    Times(String),
    /// An initial value or a parameter is not finite.
    #[error("ode: {what} {index} is {value}: give a finite number")]
    Start {
        /// Which kind of number.
        what: &'static str,
        /// Which one, from 0 on.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// f is not finite, however short the step.
    #[error(
        "ode: at t = {t} the derivative of y is not finite, and shorter steps do not help: look for a division by 0 or a function outside its \
         domain in f, or for a solution that grows without bound; end the integration before, or by an event"
    )]
    NotFinite {
        /// The last time with a finite derivative, or the start.
        t: f64,
    },
    /// The steps became too short for the digits of t.
    #[error(
        "ode: at t = {t} the step {h:e} is too short for the digits of t, and the error is still {error:.1e} times the tolerance: the solution may \
         have a singularity or a jump there; end the integration before, or raise rtol and atol"
    )]
    Underflow {
        /// Where.
        t: f64,
        /// The step.
        h: f64,
        /// The estimated error divided by the tolerance.
        error: f64,
    },
    /// The largest number of steps was made.
    #[error("ode: {steps} steps reached only t = {t} of {end}: {}", if *stiff {
        "they are as long as the method's stability allows, not as the error does: the problem is stiff; use Method::Rodas5P"
    } else {
        "raise max_steps, rtol or atol, or look for a solution that changes faster and faster"
    })]
    TooManySteps {
        /// Where the last step ended.
        t: f64,
        /// Where the integration should have ended.
        end: f64,
        /// The number of steps.
        steps: usize,
        /// Whether stability of the explicit method limits the steps (Hairer & Wanner 1996, section IV.2).
        stiff: bool,
    },
    /// The matrix of a Rosenbrock method is singular, however short the step.
    #[error(
        "ode: at t = {t} the matrix I − γ h ∂f/∂y is singular, however short the step: look for an infinite derivative of f"
    )]
    Singular {
        /// Where.
        t: f64,
    },
    /// An event cannot be located.
    #[error("ode: event {event} at t = {t}: {why}")]
    Event {
        /// Which one, from 0 on.
        event: usize,
        /// Where.
        t: f64,
        /// Why.
        why: &'static str,
    },
    /// The adjoint equation is not available for this method or system.
    #[error("ode: {0}")]
    Adjoint(&'static str),
}

autograd::debug_as_display!(OdeError);
