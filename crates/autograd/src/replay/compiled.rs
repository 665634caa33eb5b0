//! A closure over matrices that is recorded once and replayed.

use std::borrow::Borrow;

use super::Program;
use crate::{Matrix, Real, Tape, Var};

/// A closure that is recorded when it must be and replayed when it can: what an optimizer that evaluates the same
/// function many times (L-BFGS, a line search, an ODE solver) calls.
///
/// It is recorded on the first call, when the shape of an input changes, and when a comparison of variables goes
/// another way; what has been replayed once runs as fast as a [`Program`]. A closure that takes a plain number off the tape
/// ([`Var::item`], [`Var::value`], a gradient, the result of a decomposition) may branch on it unseen, so it is recorded at
/// every call. It must depend on nothing but its arguments.
///
/// ```
/// use autograd::{Compiled, Matrix};
/// let mut f = Compiled::new(|x| (x[0] - 3.0).square().sum());
/// let mut x = Matrix::column(&[0.0f64, 10.0]);
/// for _ in 0..50 {
///     let (_, gradient) = f.value_and_gradient(&[&x]);
///     x = Matrix::from_fn(2, 1, |i, _| x[(i, 0)] - 0.3 * gradient[0][(i, 0)]);
/// }
/// assert!((x[(0, 0)] - 3.0).abs() < 1e-12 && f.recordings() == 1);
/// ```
pub struct Compiled<F, T: Real> {
    f: F,
    program: Option<Program<T>>,
    /// Whether the closure took no number off the tape.
    replayable: bool,
    recordings: usize,
    /// Whether the program has been replayed, and so is worth to be made fast.
    replayed: bool,
}

impl<T: Real, F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>> Compiled<F, T> {
    /// A closure over matrices that returns a single number.
    pub fn new(f: F) -> Self {
        Compiled { f, program: None, replayable: false, recordings: 0, replayed: false }
    }

    /// How often it has been recorded.
    pub fn recordings(&self) -> usize {
        self.recordings
    }

    /// f(x).
    ///
    /// # Panics
    /// If it is not 1 × 1.
    #[track_caller]
    pub fn value(&mut self, x: &[impl Borrow<Matrix<T>>]) -> T {
        let value = self.at(x).value();
        let (m, n) = value.shape();
        assert!((m, n) == (1, 1), "Compiled: the function returned {m} × {n}, not a single number: sum it");
        value.as_slice()[0]
    }

    /// f(x) and its gradient with respect to each matrix.
    ///
    /// # Panics
    /// If f(x) is not 1 × 1.
    #[track_caller]
    pub fn value_and_gradient(&mut self, x: &[impl Borrow<Matrix<T>>]) -> (T, Vec<Matrix<T>>) {
        let value = self.value(x);
        (value, self.program.as_ref().map_or_else(Vec::new, Program::backward))
    }

    /// The program, run at x.
    #[track_caller]
    fn at(&mut self, x: &[impl Borrow<Matrix<T>>]) -> &Program<T> {
        let shapes = || x.iter().map(|x| x.borrow().shape());
        let fits = |program: &Program<T>| self.replayable && program.shapes.iter().copied().eq(shapes());
        let replayed = match self.program.take().filter(fits) {
            Some(mut program) => program.run(x).is_ok().then_some(program),
            None => None,
        };
        let first = !std::mem::replace(&mut self.replayed, replayed.is_some());
        let program = match replayed {
            Some(mut program) => {
                if first {
                    program.compile();
                }
                program
            }
            None => {
                self.recordings += 1;
                let tape = Tape::new();
                let vars: Vec<_> = x.iter().map(|x| tape.variable(x.borrow())).collect();
                let y = (self.f)(&vars);
                self.replayable = !tape.was_read();
                y.recorded(&vars)
            }
        };
        self.program.insert(program)
    }
}
