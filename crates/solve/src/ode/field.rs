//! What the methods need to know of a differential equation, in plain numbers or recorded ones.

use autograd::Number;

use super::event::Event;

/// y' = f(t, y) over one kind of numbers. A formula of a step is written once and runs on plain numbers to find the steps, and on recorded
/// ones to differentiate them.
pub trait Field {
    type Number: Number;
    type State: Clone;
    /// I − c ∂f/∂y, factorized.
    type Factors;

    fn constant(&self, x: f64) -> Self::Number;

    /// f(t, y).
    fn slope(&self, t: Self::Number, y: &Self::State) -> Self::State;

    /// Σ w y.
    fn sum(&self, terms: &[(Weight<Self::Number>, &Self::State)]) -> Self::State;

    /// The factors of I − c ∂f/∂y, and ∂f/∂t. `None` if the matrix is singular.
    fn linearize(
        &self,
        t: Self::Number,
        y: &Self::State,
        c: Weight<Self::Number>,
    ) -> Option<(Self::Factors, Self::State)>;

    /// (I − c ∂f/∂y)⁻¹ x.
    fn solve(&self, factors: &Self::Factors, x: &Self::State) -> Self::State;

    /// The functions whose roots are events.
    fn events(&self, t: Self::Number, y: &Self::State) -> Vec<Event<Self::Number>>;
}

/// A field of plain numbers.
pub trait PlainField: Field<Number = f64> {
    /// The entries column by column, and the number of rows.
    fn entries<'y>(&self, y: &'y Self::State) -> (&'y [f64], usize);

    /// The derivative of an event's function when t moves by 1 and y along dy.
    fn event_slope(&self, event: usize, t: f64, y: &Self::State, dy: &Self::State) -> f64;
}

/// A factor: plain, or a number that may have a derivative.
#[derive(Clone, Copy)]
pub enum Weight<N> {
    Plain(f64),
    Number(N),
}

impl<N: Number> Weight<N> {
    pub fn times(self, c: f64) -> Self {
        match self {
            Weight::Plain(w) => Weight::Plain(w * c),
            Weight::Number(w) => Weight::Number(w * c),
        }
    }

    pub fn squared(self) -> Self {
        match self {
            Weight::Plain(w) => Weight::Plain(w * w),
            Weight::Number(w) => Weight::Number(w * w),
        }
    }

    /// w x.
    pub fn of(self, x: N) -> N {
        match self {
            Weight::Plain(1.0) => x,
            Weight::Plain(w) => x * w,
            Weight::Number(w) => x * w,
        }
    }

    /// x + w.
    pub fn after(self, x: N) -> N {
        match self {
            Weight::Plain(w) => x + w,
            Weight::Number(w) => x + w,
        }
    }
}
