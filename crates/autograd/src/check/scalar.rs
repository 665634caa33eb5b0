//! The numbers that are differentiated: E = ⟨w, f(x)⟩, ⟨∇E, v⟩, ⟨∇⟨∇E, v⟩, u⟩, and so on.

use super::rounding::{DOUBLE, Rounded, branches, rounding, zeros};
use crate::{Matrix, Real, Tape, Var, grad, jvp};

/// A function under test. It outlives the tape, so a tape may borrow from it.
pub(super) trait Tested {
    fn call<'t>(&'t self, tape: &'t Tape<'t, f64>, xs: &[Var<'t, f64>]) -> Var<'t, f64>;
}

/// A function of a model and of variables.
pub(super) struct With<'m, M: ?Sized, F>(&'m M, F);

impl<'m, M: ?Sized, F: for<'t> Fn(&'t Tape<'t, f64>, &'t M, &[Var<'t, f64>]) -> Var<'t, f64>> With<'m, M, F> {
    pub fn new(model: &'m M, f: F) -> Self {
        With(model, f)
    }
}

impl<M: ?Sized, F: for<'t> Fn(&'t Tape<'t, f64>, &'t M, &[Var<'t, f64>]) -> Var<'t, f64>> Tested for With<'_, M, F> {
    fn call<'t>(&'t self, tape: &'t Tape<'t, f64>, xs: &[Var<'t, f64>]) -> Var<'t, f64> {
        (self.1)(tape, self.0, xs)
    }
}

/// A function of variables alone.
pub(super) fn tested(f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>) -> impl Tested {
    With::new(&(), move |_, (), xs| f(xs))
}

/// A number made from the function under test: E if there is no direction. Each direction adds a derivative
/// along it of the previous number.
pub(super) struct TestedNumber<'a> {
    pub f: &'a dyn Tested,
    pub weights: &'a Matrix<f64>,
    pub directions: &'a [&'a [Matrix<f64>]],
}

/// The number at one point, and the smooth piece on which the point lies.
pub(super) struct Point {
    pub value: f64,
    pub branches: Vec<i32>,
}

/// The number and its gradient at the base point.
pub(super) struct Base {
    pub point: Point,
    /// From `backward`.
    pub buffered: Vec<Matrix<f64>>,
    /// From `grad`.
    pub recorded: Vec<Matrix<f64>>,
    /// The effect of rounding on the value.
    pub rounding: Rounded,
}

impl<'a> TestedNumber<'a> {
    /// Records the number, from variables for w and x.
    pub fn record<'t>(&self, tape: &'t Tape<'t, f64>, w: Var<'t, f64>, xs: &[Var<'t, f64>]) -> Var<'t, f64>
    where
        'a: 't,
    {
        let mut number = (w * self.f.call(tape, xs)).sum();
        for direction in self.directions {
            let direction: Vec<_> = direction.iter().map(|d| tape.constant(d.clone())).collect();
            number = dot(tape, &grad(number, xs), &direction);
        }
        number
    }

    /// Applies `read` to a tape of the number at `xs`.
    pub fn recorded<R>(
        &self,
        xs: &[Matrix<f64>],
        read: impl for<'t> FnOnce(&'t Tape<'t, f64>, Var<'t, f64>, &[Var<'t, f64>]) -> R,
    ) -> R {
        let tape = Tape::new();
        let vars: Vec<_> = xs.iter().map(|x| tape.variable(x)).collect();
        read(&tape, self.record(&tape, tape.constant(self.weights), &vars), &vars)
    }

    /// The number at `xs`.
    pub fn at(&self, xs: &[Matrix<f64>]) -> Point {
        self.recorded(xs, |_, number, _| Point::of(number))
    }

    /// The number at `xs`, and the effect of rounding on it.
    pub fn rounded(&self, xs: &[Matrix<f64>]) -> (Point, Rounded) {
        self.recorded(xs, |_, number, _| (Point::of(number), rounding(number, DOUBLE)))
    }

    /// The number at `xs`, and its derivative along `direction` from `backward`.
    pub fn slope(&self, direction: &[Matrix<f64>], xs: &[Matrix<f64>]) -> (Point, f64) {
        self.recorded(xs, |_, number, vars| {
            let slope = backward(number, vars).map_or(0.0, |gradient| dot_of(&gradient, direction).0);
            (Point::of(number), slope)
        })
    }

    /// The effect of rounding on the derivative along `direction`.
    pub fn rounding_along(&self, direction: &[Matrix<f64>], xs: &[Matrix<f64>]) -> Rounded {
        let directions: Vec<_> = self.directions.iter().copied().chain([direction]).collect();
        let derivative = TestedNumber { f: self.f, weights: self.weights, directions: &directions };
        derivative.recorded(xs, |_, number, _| rounding(number, DOUBLE))
    }

    /// The derivative along `direction` by forward mode, over buffers and recorded, each with the effect of rounding.
    pub fn forward(&self, direction: &[Matrix<f64>], xs: &[Matrix<f64>]) -> ([f64; 2], Rounded) {
        self.recorded(xs, |tape, number, vars| {
            let moves: Vec<_> = vars.iter().zip(direction).map(|(&x, d)| (x, d.view())).collect();
            let buffered = tape.tangents(&moves).of(number)[(0, 0)];
            let recorded: Vec<_> = moves.iter().map(|&(x, d)| (x, tape.constant(d.to_owned()))).collect();
            let recorded = jvp(number, &recorded);
            ([buffered, recorded.item()], rounding(recorded, DOUBLE))
        })
    }

    /// The number and both its gradients at `xs`.
    pub fn base(&self, xs: &[Matrix<f64>]) -> Base {
        self.recorded(xs, |_, number, vars| {
            let point = Point::of(number);
            let buffered = backward(number, vars).unwrap_or_else(|| zeros(xs));
            let rounding = rounding(number, DOUBLE);
            let recorded = grad(number, vars).iter().map(|g| g.value()).collect();
            Base { point, buffered, recorded, rounding }
        })
    }
}

impl Point {
    fn of(number: Var<'_, f64>) -> Point {
        Point { value: number.item(), branches: branches(number) }
    }
}

/// The gradients from `backward`, or `None` if the number depends on constants only.
pub(super) fn backward<T: Real>(number: Var<'_, T>, xs: &[Var<'_, T>]) -> Option<Vec<Matrix<T>>> {
    let grads = number.needs_gradient().then(|| number.backward())?;
    Some(xs.iter().map(|&x| grads.wrt(x).to_owned()).collect())
}

/// Σₖ ⟨aₖ, bₖ⟩, recorded.
pub(super) fn dot<'t, T: Real>(tape: &'t Tape<'t, T>, a: &[Var<'t, T>], b: &[Var<'t, T>]) -> Var<'t, T> {
    let products = a.iter().zip(b).map(|(&a, &b)| (a * b).sum());
    products.reduce(|sum, x| sum + x).unwrap_or_else(|| tape.constant(Matrix::zeros(1, 1)))
}

/// Σₖ ⟨aₖ, bₖ⟩ and the length √Σ (aₖ ⊙ bₖ)² of the vector that is added up.
pub(super) fn dot_of(a: &[Matrix<f64>], b: &[Matrix<f64>]) -> (f64, f64) {
    let pairs = || a.iter().zip(b).flat_map(|(a, b)| a.as_slice().iter().zip(b.as_slice()));
    let terms = || pairs().filter(|(_, b)| **b != 0.0).map(|(a, b)| a * b);
    (terms().sum(), terms().map(|t| t * t).sum::<f64>().sqrt())
}
