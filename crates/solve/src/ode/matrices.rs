//! An equation of matrices as a field: on a tape, and in plain matrices.

use autograd::{Arithmetic, LinearAlgebra, Matrix, Tape, Var, hstack, jvp, several};

use super::adjoint::Pull;
use super::event::Event;
use super::field::{Field, PlainField, Weight};
use super::flow::{Events, RightHandSide};

#[track_caller]
fn checked<'t>(y: Var<'t, f64>, slope: Var<'t, f64>) -> Var<'t, f64> {
    let ((m, n), (p, q)) = (y.shape(), slope.shape());
    assert!((m, n) == (p, q), "ode: f returns {p} × {q} for y of {m} × {n}");
    slope
}

/// The equation on a tape.
pub struct OnTape<'f, 't, F> {
    pub f: &'f F,
    pub events: Option<&'f Events>,
    pub tape: &'t Tape<'t, f64>,
    pub p: &'f [Var<'t, f64>],
}

impl<'t, F: RightHandSide> Field for OnTape<'_, 't, F> {
    type Number = Var<'t, f64>;
    type State = Var<'t, f64>;
    /// The inverse.
    type Factors = Var<'t, f64>;

    fn constant(&self, x: f64) -> Var<'t, f64> {
        self.tape.constant(x)
    }

    fn slope(&self, t: Var<'t, f64>, y: &Var<'t, f64>) -> Var<'t, f64> {
        checked(*y, (self.f)(t, *y, self.p))
    }

    fn sum(&self, terms: &[(Weight<Var<'t, f64>>, &Var<'t, f64>)]) -> Var<'t, f64> {
        let terms: Vec<_> = terms.iter().map(|(w, y)| w.of(**y)).collect();
        <Var<_> as Arithmetic>::sum(&terms)
    }

    fn linearize(
        &self,
        t: Var<'t, f64>,
        y: &Var<'t, f64>,
        c: Weight<Var<'t, f64>>,
    ) -> Option<(Var<'t, f64>, Var<'t, f64>)> {
        // Copies, because a parameter may depend on the same variable.
        let own = |x: Var<'t, f64>| if x.needs_gradient() { x.scale(1.0) } else { self.tape.variable(x.value()) };
        let (t, y) = (own(t), own(*y));
        let slope = self.slope(t, &y);
        let moved = if slope.needs_gradient() { jvp(slope, &[(t, self.tape.constant(1.0))]) } else { slope.scale(0.0) };
        let n = y.rows() * y.cols();
        let columns: Vec<_> = (0..n)
            .map(|k| {
                let mut unit = Matrix::zeros(y.rows(), y.cols());
                unit.as_mut_slice()[k] = 1.0;
                jvp(slope, &[(y, self.tape.constant(unit))]).reshape(n, 1)
            })
            .collect();
        let matrix = self.tape.constant(Matrix::identity(n)) - c.of(hstack(&columns));
        Some((matrix.inverse().ok()?, moved))
    }

    fn solve(&self, inverse: &Var<'t, f64>, x: &Var<'t, f64>) -> Var<'t, f64> {
        let (m, n) = x.shape();
        inverse.matmul(x.reshape(m * n, 1)).reshape(m, n)
    }

    fn events(&self, t: Var<'t, f64>, y: &Var<'t, f64>) -> Vec<Event<Var<'t, f64>>> {
        self.events.map_or(Vec::new(), |events| events(t, *y, self.p))
    }
}

/// The equation in plain matrices: every evaluation is on a tape of its own.
pub struct Plain<'f, F> {
    pub f: &'f F,
    pub events: Option<&'f Events>,
    pub p: Vec<Matrix<f64>>,
}

impl<F: RightHandSide> Plain<'_, F> {
    fn parameters<'a>(&self, tape: &'a Tape<'a, f64>) -> Vec<Var<'a, f64>> {
        self.p.iter().map(|p| tape.constant(p.clone())).collect()
    }
}

impl<F: RightHandSide> Field for Plain<'_, F> {
    type Number = f64;
    type State = Matrix<f64>;
    type Factors = Matrix<f64>;

    fn constant(&self, x: f64) -> f64 {
        x
    }

    fn slope(&self, t: f64, y: &Matrix<f64>) -> Matrix<f64> {
        let tape = Tape::new();
        let p = self.parameters(&tape);
        let y = tape.constant(y.clone());
        checked(y, (self.f)(tape.constant(t), y, &p)).value()
    }

    fn sum(&self, terms: &[(Weight<f64>, &Matrix<f64>)]) -> Matrix<f64> {
        let (rows, cols) = terms[0].1.shape();
        let mut sum = Matrix::zeros(rows, cols);
        for (w, y) in terms {
            sum.as_mut_slice().iter_mut().zip(y.as_slice()).for_each(|(sum, &y)| *sum += w.of(y));
        }
        sum
    }

    fn linearize(&self, t: f64, y: &Matrix<f64>, c: Weight<f64>) -> Option<(Matrix<f64>, Matrix<f64>)> {
        let mut parts = several::jacobian(
            |v| (self.f)(v[0], v[1], &self.parameters(v[0].tape())),
            &[Matrix::full(1, 1, t), y.clone()],
        );
        let jacobian = parts.pop()?;
        let (rows, cols) = y.shape();
        let moved = Matrix::from_vec(rows, cols, parts.pop()?.into_vec());
        let matrix =
            Matrix::from_fn(rows * cols, rows * cols, |i, j| f64::from(u8::from(i == j)) - c.of(jacobian[(i, j)]));
        Some((matrix.inverse().ok()?, moved))
    }

    fn solve(&self, inverse: &Matrix<f64>, x: &Matrix<f64>) -> Matrix<f64> {
        let (rows, cols) = x.shape();
        let column = Matrix::from_vec(rows * cols, 1, x.as_slice().to_vec());
        Matrix::from_vec(rows, cols, inverse.matmul(&column).into_vec())
    }

    fn events(&self, t: f64, y: &Matrix<f64>) -> Vec<Event<f64>> {
        let Some(events) = self.events else { return Vec::new() };
        let tape = Tape::new();
        let p = self.parameters(&tape);
        events(tape.constant(t), tape.constant(y.clone()), &p)
            .into_iter()
            .map(|event| event.map(|g| g.item()))
            .collect()
    }
}

impl<F: RightHandSide> PlainField for Plain<'_, F> {
    fn entries<'y>(&self, y: &'y Matrix<f64>) -> (&'y [f64], usize) {
        (y.as_slice(), y.rows())
    }

    fn event_slope(&self, event: usize, t: f64, y: &Matrix<f64>, dy: &Matrix<f64>) -> f64 {
        let Some(events) = self.events else { return 0.0 };
        let moves = [Matrix::full(1, 1, 1.0), dy.clone()];
        let value = several::jvp(
            |v| events(v[0], v[1], &self.parameters(v[0].tape()))[event].value,
            &[Matrix::full(1, 1, t), y.clone()],
            &moves,
        );
        value.1[(0, 0)]
    }
}

impl<F: RightHandSide> Pull for Plain<'_, F> {
    fn pull(&self, t: f64, y: &Matrix<f64>, w: &[f64]) -> Vec<f64> {
        let inputs: Vec<_> = std::iter::once(y).chain(&self.p).cloned().collect();
        let w = Matrix::from_vec(y.rows(), y.cols(), w.to_vec());
        let pulled = several::vjp(|v| (self.f)(v[0].tape().constant(t), v[0], &v[1..]), &inputs, &w);
        pulled.1.into_iter().flat_map(Matrix::into_vec).collect()
    }
}
