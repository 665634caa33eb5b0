//! One step of any method, and the interpolation within it.

use autograd::Number;

use super::explicit::{DORMAND_PRINCE, RK4, Tableau, combined};
use super::field::{Field, PlainField, Weight};
use super::rosenbrock;
use super::settings::Method;

/// A step from t to t + h.
pub struct Step<F: Field> {
    method: Method,
    pub h: Weight<F::Number>,
    pub start: F::State,
    pub end: F::State,
    k: Vec<F::State>,
}

impl<F: Field> Step<F> {
    /// `first` is the slope at the start if it is known. `None` if the matrix of a Rosenbrock method is singular.
    pub fn new(
        method: &Method,
        field: &F,
        t: F::Number,
        h: Weight<F::Number>,
        y: &F::State,
        first: Option<F::State>,
    ) -> Option<Self> {
        let (k, end) = match tableau(method) {
            Some(tableau) => tableau.stages(field, t, h, y, first),
            None => rosenbrock::stages(field, t, h, y)?,
        };
        Some(Step { method: *method, h, start: y.clone(), end, k })
    }

    /// The slope at the end, if the step has computed it.
    pub fn last_slope(&self) -> Option<F::State> {
        tableau(&self.method).and(self.k.last()).cloned()
    }

    /// An estimate of the error of the end.
    pub fn error(&self, field: &F) -> F::State {
        match tableau(&self.method) {
            Some(tableau) => combined(field, None, self.h, tableau.error, &self.k),
            None => self.k[7].clone(),
        }
    }

    /// |h λ| for the largest eigenvalue λ that the last two stages of Dormand and Prince's method show, which have the same time (Hairer &
    /// Wanner 1996, section IV.2).
    pub fn spectral_length(&self, field: &F) -> Option<f64>
    where
        F: PlainField,
    {
        let before = DORMAND_PRINCE.state(field, self.h, &self.start, &self.k, 5);
        let size = |a: &F::State, b: &F::State| {
            let squares = field.entries(a).0.iter().zip(field.entries(b).0).map(|(a, b)| (a - b) * (a - b));
            squares.sum::<f64>().sqrt()
        };
        let Weight::Plain(h) = self.h else { return None };
        Some(h.abs() * size(&self.k[6], &self.k[5]) / size(&self.end, &before))
    }

    /// What the solution within the step is made of.
    pub fn dense(&self, field: &F) -> Dense<F> {
        let parts = match tableau(&self.method) {
            Some(tableau) => tableau.parts(field, self.h, &self.start, &self.k),
            None => rosenbrock::parts(field, &self.start, &self.end, &self.k),
        };
        Dense { is_hermite: tableau(&self.method).is_some(), parts }
    }
}

fn tableau(method: &Method) -> Option<&'static Tableau> {
    match method {
        Method::Rk4 { .. } => Some(&RK4),
        Method::DormandPrince(_) => Some(&DORMAND_PRINCE),
        Method::Rodas5P(_) => None,
    }
}

/// The solution within a step as a polynomial of θ, which goes from 0 to 1.
pub struct Dense<F: Field> {
    is_hermite: bool,
    parts: [F::State; 5],
}

impl<F: Field> Dense<F> {
    pub fn at(&self, field: &F, theta: Weight<F::Number>) -> F::State {
        let weights = match theta {
            Weight::Plain(theta) => self.basis(theta).map(Weight::Plain),
            Weight::Number(theta) => self.basis(theta).map(Weight::Number),
        };
        self.sum(field, weights)
    }

    pub fn sum(&self, field: &F, weights: [Weight<F::Number>; 5]) -> F::State {
        let terms: Vec<_> = weights.into_iter().zip(&self.parts).collect();
        field.sum(&terms)
    }

    pub fn basis<N: Number>(&self, x: N) -> [N; 5] {
        let (one, rest) = (x.zero() + 1.0, -x + 1.0);
        if self.is_hermite {
            [one, x * x * (-x * 2.0 + 3.0), x * rest * rest, -(x * x * rest), x * x * rest * rest]
        } else {
            [rest, x, x * rest, x * x * rest, x * x * x * rest]
        }
    }
}
