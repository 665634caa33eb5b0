//! A closure over matrices that is recorded once and replayed.

use std::borrow::Borrow;
use std::fmt;
use std::panic::Location;

use super::{Program, ProgramKind};
use crate::{Matrix, Real, Tape, Var};

/// A closure that is recorded when necessary and replayed otherwise. It is for algorithms that evaluate the same
/// function many times: L-BFGS, a line search, an ensemble.
///
/// It is fast for matrices, and for single numbers if many terms do the same independently of each other, as in a sum over data. A chain
/// of dependent steps in single numbers, such as an ODE solver, is faster on a [`ScalarTape`](crate::ScalarTape);
/// [`book::tapes`](crate::book::tapes) has the numbers.
///
/// It is recorded on the first call, when the shape of an input changes, and when a comparison of variables has another
/// outcome. After one replay it runs as fast as a [`Program`], and at the inputs of its last run it does not run again.
/// A closure that reads a plain number from the tape
/// ([`Var::item`], [`Var::value`], a gradient, the result of a decomposition) may branch on it unseen, so it is recorded at
/// every call. The closure must depend only on its arguments.
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
    /// Where the closure read a number from the tape.
    read: Option<&'static Location<'static>>,
    recordings: usize,
    /// Whether the program has been replayed, so that it is worth compiling.
    replayed: bool,
}

impl<T: Real, F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>> Compiled<F, T> {
    /// A closure over matrices that returns a 1 × 1 variable, or a matrix for [`run`](Compiled::run).
    pub fn new(f: F) -> Self {
        Compiled { f, program: None, read: None, recordings: 0, replayed: false }
    }

    /// The closure.
    pub fn function(&self) -> &F {
        &self.f
    }

    /// How often it has been recorded.
    pub fn recordings(&self) -> usize {
        self.recordings
    }

    /// Whether it runs as vector loops over single numbers, and how many terms a loop has, and if not, the line and the op that prevent it,
    /// or the line that takes a plain number off the tape.
    ///
    /// ```
    /// use autograd::{Compiled, Matrix, ProgramKind};
    /// let x = Matrix::column(&[1.0, 2.0]);
    /// let mut single = Compiled::new(|x| x[0].at(0, 0) * x[0].at(1, 0).sin());
    /// assert_eq!(single.kind(), ProgramKind::NotCalled);
    /// single.value(&[&x]);
    /// assert_eq!(single.kind(), ProgramKind::LoopsNext); // one call may be the only one
    /// single.value(&[&x]);
    /// assert!(matches!(single.kind(), ProgramKind::Loops { .. }));
    /// println!("{single}"); // a closure that was recorded once and runs as 3 vector loops over single numbers, with 1.3 terms …
    /// # assert!(single.to_string().contains("recorded once and runs as 3 vector loops over single numbers, with 1.3 terms"), "{single}");
    ///
    /// let mut matrices = Compiled::new(|x| x[0].sin().sum());
    /// matrices.value(&[&x]);
    /// println!("{}", matrices.kind()); // runs matrix by matrix: %1 = sin(%0) at src/main.rs:12:43 is 2 × 1, not a single number
    /// # assert!(matrices.to_string().contains("%1 = sin(%0) at ") && matrices.to_string().contains("is 2 × 1"));
    /// ```
    pub fn kind(&self) -> ProgramKind {
        match &self.program {
            None => ProgramKind::NotCalled,
            Some(program) => self.read.map_or_else(|| program.kind(), |source| ProgramKind::Recorded { source }),
        }
    }

    /// The program at x, with its value, which may be a matrix, and its derivatives.
    ///
    /// ```
    /// use autograd::{Compiled, Matrix, ProgramKind, vstack};
    /// // The residuals of a fit, and their Jacobian by rows.
    /// let mut residuals = Compiled::new(|x| {
    ///     let (a, b) = (x[0].at(0, 0), x[0].at(1, 0));
    ///     vstack(&[a * b - 2.0, a + b - 3.0])
    /// });
    /// let x = Matrix::column(&[1.0, 4.0]);
    /// for _ in 0..3 {
    ///     assert_eq!(residuals.run(&[&x]).value().as_slice(), [2.0, 2.0]);
    /// }
    /// assert!(matches!(residuals.kind(), ProgramKind::Loops { .. }));
    /// let row = |w: [f64; 2]| Matrix::column(&w);
    /// assert_eq!(residuals.run(&[&x]).backward_with(&row([1.0, 0.0]))[0].as_slice(), [4.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn run(&mut self, x: &[impl Borrow<Matrix<T>>]) -> &Program<T> {
        // A Jacobian is often wanted at the inputs of the last value.
        if self.replayed && self.read.is_none() && self.program.as_ref().is_some_and(|program| program.ran_at(x)) {
            return self.program.as_ref().expect("it ran");
        }
        let shapes = || x.iter().map(|x| x.borrow().shape());
        let fits = |program: &Program<T>| self.read.is_none() && program.shapes.iter().copied().eq(shapes());
        let replayed = match self.program.take().filter(fits) {
            Some(mut program) => program.run(x).is_ok().then_some(program),
            None => None,
        };
        let first = !std::mem::replace(&mut self.replayed, replayed.is_some());
        let compiled = replayed.and_then(|mut program| match first {
            true => program.compile_to_loops().is_ok().then_some(program),
            false => Some(program),
        });
        let program = match compiled {
            Some(program) => program,
            None => {
                self.recordings += 1;
                let tape = Tape::new();
                let vars: Vec<_> = x.iter().map(|x| tape.variable(x.borrow())).collect();
                let y = (self.f)(&vars);
                self.read = tape.was_read();
                y.recorded_program(&vars)
            }
        };
        self.program.insert(program)
    }

    /// f(x).
    ///
    /// # Panics
    /// If it is not 1 × 1.
    #[track_caller]
    pub fn value(&mut self, x: &[impl Borrow<Matrix<T>>]) -> T {
        let value = self.run(x).value();
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
}

impl<T: Real, F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>> fmt::Display for Compiled<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.recordings, self.kind()) {
            (0, _) => f.write_str("a closure that has not been called"),
            (1, kind) => write!(f, "a closure that was recorded once and {kind}"),
            (n, kind) => write!(f, "a closure that was recorded {n} times and {kind}"),
        }
    }
}
