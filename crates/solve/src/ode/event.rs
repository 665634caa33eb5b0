//! Events: roots of functions of the solution.

/// A function g(t, y) at one point, whose roots along the solution are events.
///
/// A root is found if g has different signs at both ends of a step. Where the integration begins is no event.
///
/// ```
/// use solve::ode::{Method, system};
/// use solve::ode::Event;
/// // A ball that is thrown up lands after 2 v / g.
/// let ball = system!(|t, [height, v], [g]| [v, -g], [Event::falling(height).terminal()]);
/// let flight = Method::default().solve(&ball, [9.81], [0.0, 3.0], &[0.0, 10.0])?;
/// assert!((flight.events[0].t - 2.0 * 3.0 / 9.81).abs() < 1e-12);
/// # Ok::<(), solve::ode::OdeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Event<N> {
    pub(super) value: N,
    pub(super) direction: Direction,
    pub(super) is_terminal: bool,
}

/// In which direction g crosses 0, seen along the integration: if it goes backward in time, so do the directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Any,
    Rising,
    Falling,
}

impl<N> Event<N> {
    /// Every root of g.
    pub fn any(g: N) -> Self {
        Event { value: g, direction: Direction::Any, is_terminal: false }
    }

    /// Where g rises through 0 as the integration goes on.
    pub fn rising(g: N) -> Self {
        Event { direction: Direction::Rising, ..Event::any(g) }
    }

    /// Where g falls through 0 as the integration goes on.
    pub fn falling(g: N) -> Self {
        Event { direction: Direction::Falling, ..Event::any(g) }
    }

    /// The same, and the first one ends the integration.
    #[must_use]
    pub fn terminal(self) -> Self {
        Event { is_terminal: true, ..self }
    }

    /// The same with another value.
    pub(super) fn map<M>(self, f: impl FnOnce(N) -> M) -> Event<M> {
        Event { value: f(self.value), direction: self.direction, is_terminal: self.is_terminal }
    }

    /// Whether a change from one value to the next is an event.
    pub(super) fn is_between(&self, before: f64, after: f64) -> bool {
        let (rises, falls) = (before < 0.0 && after >= 0.0, before > 0.0 && after <= 0.0);
        match self.direction {
            Direction::Any => rises || falls,
            Direction::Rising => rises,
            Direction::Falling => falls,
        }
    }
}

/// An event that happened.
#[derive(Clone, Debug)]
pub struct Occurrence<N, Y> {
    /// Which of the system's events, from 0 on.
    pub event: usize,
    /// When. Its derivative is that of the implicit function: dt = −dg / ġ, where ġ is the derivative of g along the solution. Derivatives up
    /// to the fourth order are right.
    pub t: N,
    /// y there, with its derivatives.
    pub y: Y,
}
