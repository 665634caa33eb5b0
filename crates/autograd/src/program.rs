//! A recorded computation that runs again on other numbers, without being recorded again.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::panic::Location;

use smallvec::SmallVec;

use crate::forward::push;
use crate::inner::Inner;
use crate::pool::{Deltas, Pooled};
use crate::sweep::{NOWHERE, sweep};
use crate::{Matrix, MatrixRef, Real, Tape, Var};

/// A computation that was recorded once and runs again on new values of its inputs, forward and backward.
///
/// It does exactly what was recorded. Where the program that recorded it compared variables (`if x > y`), the comparison is
/// made again, and a run that would take another way returns [`Stale`]. A number that was read out
/// ([`Var::item`], [`Var::value`]) and entered again as a constant stays what it was.
///
/// ```
/// use autograd::{Matrix, Tape};
/// let x = Matrix::column(&[1.0, 2.0]);
/// let tape = Tape::new();
/// let x = tape.variable(&x);
/// let mut program = x.square().sum().program(&[x]);
/// program.run(&[Matrix::column(&[3.0, 4.0])])?;
/// assert_eq!(program.value().as_slice(), [25.0]);
/// assert_eq!(program.backward()[0].as_slice(), [6.0, 8.0]);
/// # Ok::<(), autograd::Stale>(())
/// ```
pub struct Program<T: Real> {
    inner: Inner<'static, T>,
    inputs: Vec<u32>,
    output: u32,
}

/// A comparison that would go another way than when it was recorded: the recording does not hold for these inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stale {
    /// Where the variables were compared.
    pub source: &'static Location<'static>,
    /// How they compared when they were recorded.
    pub recorded: Option<Ordering>,
    /// How they compare now.
    pub now: Option<Ordering>,
}

impl<'t, T: Real> Var<'t, T> {
    /// What was recorded to compute this variable, as a program of the given inputs. Everything else stays as it is.
    ///
    /// # Panics
    /// If an input is not a leaf of the same tape.
    #[track_caller]
    pub fn program(self, inputs: &[Var<'t, T>]) -> Program<T> {
        for x in inputs {
            self.same_tape("program", *x);
            let leaf = self.tape().with(|inner| inner.terms(x.id).is_empty());
            assert!(leaf, "program: an input is not a leaf, but the result of a computation");
        }
        // An input that comes later changes nothing.
        let last = inputs.iter().map(|x| x.id).fold(self.id, u32::max);
        let inner = self.tape().with(|inner| inner.detached(last));
        Program { inner, inputs: inputs.iter().map(|x| x.id).collect(), output: self.id }
    }
}

impl<T: Real> Program<T> {
    /// Computes everything anew from these inputs.
    ///
    /// # Errors
    /// If a comparison goes another way than when it was recorded. The values are those of the recorded way.
    ///
    /// # Panics
    /// If the inputs are not as many as were recorded, or not of their shapes.
    #[track_caller]
    pub fn run(&mut self, inputs: &[impl Borrow<Matrix<T>>]) -> Result<(), Stale> {
        let (given, recorded) = (inputs.len(), self.inputs.len());
        assert!(given == recorded, "Program::run: {given} inputs for a program of {recorded}");
        for (k, (x, &id)) in inputs.iter().zip(&self.inputs).enumerate() {
            let (x, (m, n)) = (x.borrow(), self.inner.node(id).shape());
            let (p, q) = x.shape();
            assert!((p, q) == (m, n), "Program::run: input {k} is {p} × {q}, and was recorded as {m} × {n}");
            self.inner.value_mut(id).copy_from_slice(x.as_slice());
        }
        for id in 0..self.inner.records.nodes.len() as u32 {
            self.inner.recompute(id);
        }
        for branch in &self.inner.branches {
            let now = branch.compare(|id| self.inner.view(id).as_slice()[0]);
            if now != branch.found {
                return Err(Stale { source: branch.source, recorded: branch.found, now });
            }
        }
        Ok(())
    }

    /// The value, of the last run or of the recording.
    pub fn value(&self) -> MatrixRef<'_, T> {
        self.inner.view(self.output)
    }

    /// The gradient of the value, a single number, with respect to each input.
    ///
    /// # Panics
    /// If the value is not 1 × 1.
    #[track_caller]
    pub fn backward(&self) -> Vec<Matrix<T>> {
        let (m, n) = self.value().shape();
        assert!((m, n) == (1, 1), "Program::backward: {m} × {n} is not a single number: use backward_with");
        self.backward_with(MatrixRef::new(1, 1, &[T::from_f64(1.0)]))
    }

    /// The gradient of Σ w ⊙ value with respect to each input; zero of one that is constant.
    ///
    /// # Panics
    /// If `w` is not of the shape of the value.
    #[track_caller]
    pub fn backward_with<'w>(&self, w: impl Into<MatrixRef<'w, T>>) -> Vec<Matrix<T>> {
        let (w, (m, n)) = (w.into(), self.value().shape());
        let (p, q) = w.shape();
        assert!((p, q) == (m, n), "Program::backward_with: weights {p} × {q} for a value {m} × {n}");
        let mut deltas = Pooled::<T, Deltas<T>>::take();
        sweep(&self.inner, &[(self.output, w.as_slice())], &mut deltas, |_, _, _, _| ());
        self.inputs.iter().map(|&x| self.derivative(x, &deltas)).collect()
    }

    /// The derivative of the value when each input moves along its direction.
    ///
    /// # Panics
    /// If the directions are not as many as the inputs, or not of their shapes.
    #[track_caller]
    pub fn tangent(&self, directions: &[impl Borrow<Matrix<T>>]) -> Matrix<T> {
        let (given, recorded) = (directions.len(), self.inputs.len());
        assert!(given == recorded, "Program::tangent: {given} directions for a program of {recorded} inputs");
        let mut seeds = SmallVec::<[_; 4]>::new();
        for (dx, &x) in directions.iter().zip(&self.inputs) {
            let ((m, n), (p, q)) = (self.inner.node(x).shape(), dx.borrow().shape());
            assert!((p, q) == (m, n), "Program::tangent: a direction {p} × {q} for an input {m} × {n}");
            seeds.push((x, dx.borrow().view()));
        }
        let mut deltas = Pooled::<T, Deltas<T>>::take();
        push(&self.inner, &seeds, &mut deltas);
        self.derivative(self.output, &deltas)
    }

    fn derivative(&self, id: u32, deltas: &Deltas<T>) -> Matrix<T> {
        let node = self.inner.node(id);
        let (rows, cols) = node.shape();
        match deltas.places.get(id as usize) {
            None | Some(&NOWHERE) => Matrix::zeros(rows, cols),
            Some(&place) => Matrix::from_vec(rows, cols, deltas.values[place..][..node.len()].to_vec()),
        }
    }
}

/// A closure that is recorded when it must be and replayed when it can: what an optimizer that evaluates the same
/// function many times (L-BFGS, a line search, an ODE solver) calls.
///
/// It is recorded on the first call, when the shape of an input changes, and when a comparison of variables goes
/// another way. It must depend on nothing but its arguments.
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
    recordings: usize,
}

impl<T: Real, F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>> Compiled<F, T> {
    /// A closure over matrices that returns a single number.
    pub fn new(f: F) -> Self {
        Compiled { f, program: None, recordings: 0 }
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
        assert!((m, n) == (1, 1), "Compiled: {m} × {n} is not a single number");
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
    fn at(&mut self, x: &[impl Borrow<Matrix<T>>]) -> &Program<T> {
        let replayed = self.program.take().filter(|program| {
            let shapes = program.inputs.iter().map(|&id| program.inner.node(id).shape());
            shapes.eq(x.iter().map(|x| x.borrow().shape()))
        });
        let replayed = replayed.and_then(|mut program| program.run(x).is_ok().then_some(program));
        if replayed.is_none() {
            self.recordings += 1;
        }
        let f = &self.f;
        self.program.insert(replayed.unwrap_or_else(|| {
            let tape = Tape::new();
            let vars: Vec<_> = x.iter().map(|x| tape.variable(x.borrow())).collect();
            f(&vars).program(&vars)
        }))
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |found: Option<Ordering>| match found {
            Some(Ordering::Less) => "less",
            Some(Ordering::Equal) => "equal",
            Some(Ordering::Greater) => "greater",
            None => "not comparable",
        };
        let (before, now) = (word(self.recorded), word(self.now));
        write!(
            f,
            "the comparison at {} came out {before} when it was recorded and {now} now: record again",
            self.source
        )
    }
}

impl std::error::Error for Stale {}
