//! A recorded computation that runs on new inputs.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;

use kernel::compiled_once;
use kernel::pool::Pooled;

use super::loops::Loops;
use super::matrices::Matrices;
use super::recorded::Recorded;
use super::terms::SEGMENT_SIZE;
use super::{ProgramKind, Stale};
use crate::{Matrix, MatrixRef, Real, Var};

/// A computation that was recorded once and runs on new values of its inputs, forward and backward.
///
/// It does exactly what was recorded. If the program that recorded it compared variables (`if x > y`), the comparison is
/// made again, and a run that would branch differently returns [`Stale`]. This holds for every comparison on the tape
/// before the program is made, including those of variables from which the value was not computed. Inside a
/// [`checkpoint`](crate::checkpoint) the closure runs again and may branch differently.
///
/// A program does not see what was done with plain numbers that were read from the tape: by [`Var::value`] and [`Var::item`], by
/// gradients and tangents, by `{:?}`, or as the sign of a determinant or the error of a decomposition. A branch that depended
/// on one of them stays as it was, and a constant computed from one keeps its value. Compare variables instead, or use
/// [`Compiled`](crate::Compiled), which records a closure again at every call if it reads such a number.
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
///
/// # Matrices
/// A program over matrices consists of the same lists of terms with fixed places as a [`Plan`](crate::Plan): values, gradients and tangents have the bits
/// of the tape. Making it costs a copy of the values and a sweep that computes nothing. If a [`checkpoint`](crate::checkpoint) leaves out
/// the gradient of an operand, the program adds the gradient 0.
///
/// # Scalar programs
/// A program becomes vector loops if its nodes are 1 × 1 (elementwise functions, sums and products of numbers, entries of the
/// inputs), or if it ends in a stack of such nodes ([`hstack`](crate::hstack), [`vstack`](crate::vstack),
/// [`matrix`](fn@crate::matrix)). [`kind`](Program::kind) says whether it does, and if not, because of which node. When it is made,
/// nodes that do the same and do not depend on each other are grouped, and each group becomes a vector
/// loop. This costs a few gradients on the tape. Values and gradients have the bits of the tape except for the signs of zeros
/// (and the order of adding for an operand that occurs several times in one sum of more than 4096 terms). Tangents are added in
/// another order. Nodes that do not lead from the inputs to the value are left out. It is fast if many nodes do the same: on ADBench's
/// programs it takes 0.3 to 0.6 of the time of recording on a [`ScalarTape`](crate::ScalarTape)
/// (`cargo bench -p tape-autograd --bench scalars`). In a chain of steps, each of which needs the last, no nodes run together. Every loop
/// then has one term or a few, which is faster than terms over matrices of one entry, but takes 2 to 20 times as long as on a
/// [`ScalarTape`](crate::ScalarTape) (`cargo bench -p tape-autograd --bench scalars -- chain`).
/// [`run_entries`](Program::run_entries) and [`gradient_into`](Program::gradient_into) allocate nothing after their first run.
pub struct Program<T: Real> {
    pub(super) engine: Engine<T>,
    /// The tape, until it is known whether loops can be made of it.
    pub(super) recorded: Option<Box<Recorded<T>>>,
    /// The shapes of the inputs.
    pub(super) shapes: Vec<(usize, usize)>,
    /// Inputs that are the same variable.
    twice: Vec<[usize; 2]>,
}

/// What a program runs.
pub(super) enum Engine<T: Real> {
    /// It has not run. Values and derivatives are those of the tape.
    None,
    Matrices(Box<Matrices<T>>),
    Loops(Box<Loops<T>>),
}

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// The recorded computation of this variable, as a program of the given inputs. Everything else stays constant. Later
    /// comparisons do not count.
    ///
    /// # Panics
    /// If an input is not a leaf of the same tape. If one is given twice, [`run`](Program::run) panics if its two values differ.
    #[track_caller]
    pub fn program(self, inputs: &[Var<'t, T>]) -> Program<T> {
        self.tape().note_reading(); // a program shows its value
        for x in inputs {
            self.same_tape("program", *x);
            let leaf = self.tape().with(|tape| tape.is_leaf(x.id));
            assert!(leaf, "program: input %{} is not a leaf, but the result of a computation", x.id);
        }
        let ids: Vec<u32> = inputs.iter().map(|x| x.id).collect();
        let engine = self.tape().with(|tape| match Loops::new(tape, &ids, self.id, SEGMENT_SIZE) {
            Ok(loops) => Engine::Loops(Box::new(loops)),
            Err(_) => Engine::Matrices(Box::new(Matrices::new(tape, &ids, self.id))),
        });
        Program::new(engine, None, inputs)
    }

    /// The same, but what it runs is only made when it runs.
    pub(super) fn recorded_program(self, inputs: &[Var<'t, T>]) -> Program<T> {
        let ids: Vec<u32> = inputs.iter().map(|x| x.id).collect();
        let needed = ids.iter().copied().chain([self.id]);
        let tape = self.tape().with(|tape| tape.detached(tape.last_needed(needed)));
        let recorded = Recorded { tape, inputs: ids, output: self.id };
        Program::new(Engine::None, Some(Box::new(recorded)), inputs)
    }
}

#[compiled_once]
impl<T: Real> Program<T> {
    /// Computes everything again from these inputs.
    ///
    /// # Errors
    /// If a comparison has another outcome than when it was recorded. The values are then those of the recorded branch.
    ///
    /// # Panics
    /// If the number of inputs or their shapes differ from the recorded ones, if two inputs are the same variable and their values differ, or
    /// if a custom op returns another shape for them.
    #[track_caller]
    pub fn run(&mut self, inputs: &[impl Borrow<Matrix<T>>]) -> Result<(), Stale> {
        self.assert_shapes("run", inputs);
        self.assert_same("run", |k| inputs[k].borrow().as_slice());
        let mut entries = self.entries_mut();
        for x in inputs {
            let (own, rest) = entries.split_at_mut(x.borrow().as_slice().len());
            own.copy_from_slice(x.borrow().as_slice());
            entries = rest;
        }
        self.recompute()
    }

    /// The same, from the entries of all inputs, one input after the other.
    ///
    /// ```
    /// use autograd::Tape;
    /// let tape = Tape::new();
    /// let (x, y) = (tape.variable(1.0), tape.variable(2.0));
    /// let mut program = (x * y + x).program(&[x, y]);
    /// let mut gradient = [0.0; 2];
    /// program.run_entries(&[3.0, 4.0])?;
    /// program.gradient_into(&mut gradient);
    /// assert_eq!((program.value()[(0, 0)], gradient), (15.0, [5.0, 3.0]));
    /// # Ok::<(), autograd::Stale>(())
    /// ```
    ///
    /// # Errors
    /// Under the same conditions as [`run`](Program::run).
    ///
    /// # Panics
    /// If the number of entries is not that of the inputs.
    #[track_caller]
    pub fn run_entries(&mut self, x: &[T]) -> Result<(), Stale> {
        self.assert_entry_count("run_entries", x.len());
        self.assert_same("run_entries", |k| input_entries(&self.shapes, x).nth(k).unwrap_or_default());
        self.entries_mut()[..x.len()].copy_from_slice(x);
        self.recompute()
    }

    /// The value from the last run or from the recording.
    pub fn value(&self) -> MatrixRef<'_, T> {
        match &self.engine {
            Engine::None => self.tape().output_value(),
            Engine::Matrices(matrices) => matrices.output_value(),
            Engine::Loops(loops) => MatrixRef::new(loops.shape.0, loops.shape.1, &loops.output),
        }
    }

    /// The gradient of the value, a single number, with respect to each input.
    ///
    /// # Panics
    /// If the value is not 1 × 1.
    #[track_caller]
    pub fn backward(&self) -> Vec<Matrix<T>> {
        self.assert_single_number("backward");
        self.backward_with(MatrixRef::new(1, 1, &[T::from_f64(1.0)]))
    }

    /// The same, with respect to the entries of all inputs, one input after the other.
    ///
    /// # Panics
    /// If the value is not 1 × 1, or the number of places is not the number of entries.
    #[track_caller]
    pub fn gradient_into(&self, gradient: &mut [T]) {
        self.assert_single_number("gradient_into");
        self.assert_entry_count("gradient_into", gradient.len());
        self.weighted_gradient(&[T::from_f64(1.0)], gradient);
    }

    /// The gradient of Σ w ⊙ value with respect to each input; zero for a constant.
    ///
    /// # Panics
    /// If the shapes of `w` and the value differ.
    #[track_caller]
    pub fn backward_with<'w>(&self, w: impl Into<MatrixRef<'w, T>>) -> Vec<Matrix<T>> {
        let (w, (m, n)) = (w.into(), self.value().shape());
        let (p, q) = w.shape();
        assert!((p, q) == (m, n), "Program::backward_with: weights {p} × {q} for a value {m} × {n}");
        let mut gradient = Pooled::<Vec<T>>::take();
        gradient.resize(self.shapes.iter().map(|(m, n)| m * n).sum(), T::default());
        self.weighted_gradient(w.as_slice(), &mut gradient);
        let gradients = self.shapes.iter().zip(input_entries(&self.shapes, &gradient));
        gradients.map(|(&(m, n), dx)| Matrix::from_vec(m, n, dx.to_vec())).collect()
    }

    /// The derivative of the value when each input moves along its direction. An input that was given twice moves along the sum of
    /// its directions; the direction of a constant is ignored.
    ///
    /// # Panics
    /// If the number of directions or their shapes differ from those of the inputs.
    #[track_caller]
    pub fn tangent(&self, directions: &[impl Borrow<Matrix<T>>]) -> Matrix<T> {
        self.assert_shapes("tangent", directions);
        let directions: Vec<_> = directions.iter().map(|dx| dx.borrow().view()).collect();
        self.output_tangent(&directions)
    }

    /// The derivatives of each entry of the value (a row) with respect to each entry of the inputs (a column), both column by column, one input
    /// after the other: forward if there are no more entries of the inputs than of the value, else backward.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let (a, x) = (tape.variable(3.0), tape.variable(Matrix::column(&[1.0, 2.0])));
    /// assert_eq!((x.square() * a.repeat(2, 1)).program(&[a, x]).jacobian(), Matrix::from([[1.0, 6.0, 0.0], [4.0, 0.0, 12.0]]));
    /// ```
    pub fn jacobian(&self) -> Matrix<T> {
        let (shape, n) = (self.value().shape(), self.shapes.iter().map(|(m, n)| m * n).sum::<usize>());
        let m = shape.0 * shape.1;
        let mut all = Vec::with_capacity(m * n);
        if n <= m {
            let mut moves: Vec<Matrix<T>> = self.shapes.iter().map(|&(m, n)| Matrix::zeros(m, n)).collect();
            for (input, &(rows, cols)) in self.shapes.iter().enumerate() {
                for k in 0..rows * cols {
                    moves[input].as_mut_slice()[k] = T::from_f64(1.0);
                    all.extend_from_slice(self.tangent(&moves).as_slice());
                    moves[input].as_mut_slice()[k] = T::default();
                }
            }
            return Matrix::from_vec(m, n, all);
        }
        let mut weights = Matrix::zeros(shape.0, shape.1);
        for k in 0..m {
            weights.as_mut_slice()[k] = T::from_f64(1.0);
            self.backward_with(&weights).iter().for_each(|gradient| all.extend_from_slice(gradient.as_slice()));
            weights.as_mut_slice()[k] = T::default();
        }
        Matrix::from_vec(n, m, all).t()
    }

    fn output_tangent(&self, directions: &[MatrixRef<'_, T>]) -> Matrix<T> {
        match &self.engine {
            Engine::None => self.tape().output_tangent(directions.iter().copied()),
            Engine::Matrices(matrices) => matrices.output_tangent(directions),
            Engine::Loops(loops) => {
                let mut tangents = Pooled::<Vec<T>>::take();
                tangents.clear();
                directions.iter().for_each(|dx| tangents.extend_from_slice(dx.as_slice()));
                loops.output_tangent(&mut tangents)
            }
        }
    }

    /// Whether it runs as vector loops, and of how many terms, and if not, the first node that is not a scalar.
    ///
    /// ```
    /// use autograd::{Matrix, ProgramKind, Tape, hstack};
    /// let tape = Tape::new();
    /// let x = tape.variable(Matrix::column(&[1.0, 2.0]));
    /// let residuals = hstack(&[x.at(0, 0).sin(), x.at(0, 0) * x.at(1, 0)]);
    /// assert!(matches!(residuals.program(&[x]).kind(), ProgramKind::Loops { .. }));
    ///
    /// let why = residuals.square().sum().program(&[x]).kind().to_string();
    /// assert!(why.contains("is 1 × 2, not a single number"), "{why}");
    /// ```
    pub fn kind(&self) -> ProgramKind {
        match &self.engine {
            Engine::Loops(engine) => {
                let (terms, loops) = engine.tables.counts();
                ProgramKind::Loops { terms, loops }
            }
            Engine::Matrices(matrices) => matrices.why.clone().map_or(ProgramKind::LoopsNext, ProgramKind::Matrices),
            Engine::None => self.tape().not_single().map_or(ProgramKind::LoopsNext, ProgramKind::Matrices),
        }
    }

    /// Makes loops of it after a run, if it is made of single numbers.
    ///
    /// # Errors
    /// If a comparison has another outcome in loops, which may change the sign of a zero.
    pub(super) fn compile_to_loops(&mut self) -> Result<(), Stale> {
        if let Some(recorded) = self.recorded.take()
            && let Ok(mut loops) = Loops::new(&recorded.tape, &recorded.inputs, recorded.output, SEGMENT_SIZE)
            && let Engine::Matrices(matrices) = &self.engine
        {
            loops.values[..matrices.inputs.len()].copy_from_slice(&matrices.inputs);
            loops.recompute()?;
            self.engine = Engine::Loops(Box::new(loops));
        }
        Ok(())
    }

    /// The tape of a program that has not run.
    fn tape(&self) -> &Recorded<T> {
        self.recorded.as_ref().expect("a program that has not run has its tape")
    }

    /// Whether the last run was that of these inputs, bit by bit.
    pub(super) fn ran_at(&self, x: &[impl Borrow<Matrix<T>>]) -> bool {
        let entries = match &self.engine {
            Engine::None => return false,
            Engine::Matrices(matrices) => &matrices.inputs,
            Engine::Loops(loops) => &loops.values,
        };
        let same = |(a, b): (&T, &T)| a.to_f64().to_bits() == b.to_f64().to_bits();
        self.shapes.iter().copied().eq(x.iter().map(|x| x.borrow().shape()))
            && x.iter()
                .zip(input_entries(&self.shapes, entries))
                .all(|(x, last)| x.borrow().as_slice().iter().zip(last).all(same))
    }

    /// The entries of all inputs, one input after the other, to change.
    fn entries_mut(&mut self) -> &mut [T] {
        if let Engine::None = self.engine {
            let Recorded { tape, inputs, output } = self.tape();
            self.engine = Engine::Matrices(Box::new(Matrices::new(tape, inputs, *output)));
        }
        match &mut self.engine {
            Engine::None => &mut [],
            Engine::Matrices(matrices) => &mut matrices.inputs,
            Engine::Loops(loops) => &mut loops.values,
        }
    }

    #[track_caller]
    fn recompute(&mut self) -> Result<(), Stale> {
        match &mut self.engine {
            Engine::None => Ok(()),
            Engine::Matrices(matrices) => matrices.recompute(),
            Engine::Loops(loops) => loops.recompute(),
        }
    }

    /// The gradient of Σ w ⊙ value with respect to all entries.
    fn weighted_gradient(&self, w: &[T], gradient: &mut [T]) {
        match &self.engine {
            Engine::None => self.tape().weighted_gradient(w, gradient),
            Engine::Matrices(matrices) => matrices.weighted_gradient(w, gradient),
            Engine::Loops(loops) => {
                let (mut deltas, mut slots) = (Pooled::<Vec<T>>::take(), Pooled::<Vec<T>>::take());
                loops.backward_sweep(w, &mut deltas, &mut slots);
                gradient.copy_from_slice(&deltas[..gradient.len()]);
            }
        }
    }

    #[track_caller]
    fn assert_single_number(&self, name: &str) {
        let (m, n) = self.value().shape();
        assert!((m, n) == (1, 1), "Program::{name}: {m} × {n} is not a single number: use backward_with");
    }

    #[track_caller]
    fn assert_shapes(&self, name: &str, given: &[impl Borrow<Matrix<T>>]) {
        let (count, recorded) = (given.len(), self.shapes.len());
        assert!(count == recorded, "Program::{name}: {count} matrices for a program of {recorded} inputs");
        for (k, (x, &(m, n))) in given.iter().zip(&self.shapes).enumerate() {
            let (p, q) = x.borrow().shape();
            assert!((p, q) == (m, n), "Program::{name}: input {k} is {p} × {q}, and was recorded as {m} × {n}");
        }
    }

    fn new(engine: Engine<T>, recorded: Option<Box<Recorded<T>>>, inputs: &[Var<'_, T>]) -> Self {
        let mut given = HashMap::new();
        let again = inputs.iter().enumerate().filter_map(|(k, x)| Some([given.insert(x.id, k)?, k]));
        Program { twice: again.collect(), engine, recorded, shapes: inputs.iter().map(|x| x.shape()).collect() }
    }

    /// Inputs that are the same variable have the same values.
    #[track_caller]
    fn assert_same<'x>(&self, what: &str, entries: impl Fn(usize) -> &'x [T])
    where
        T: 'x,
    {
        for &[a, b] in &self.twice {
            let same = entries(a)
                .iter()
                .zip(entries(b))
                .all(|(x, y)| x == y || (x.partial_cmp(x).is_none() && y.partial_cmp(y).is_none()));
            assert!(same, "{what}: inputs {a} and {b} are the same variable: give it the same values");
        }
    }

    #[track_caller]
    fn assert_entry_count(&self, name: &str, given: usize) {
        let recorded: usize = self.shapes.iter().map(|(m, n)| m * n).sum();
        assert!(given == recorded, "Program::{name}: {given} numbers for inputs of {recorded} entries");
    }
}

#[compiled_once]
impl<T: Real> fmt::Display for Program<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((m, n), inputs) = (self.value().shape(), self.shapes.len());
        write!(f, "a program from {inputs} inputs to {m} × {n} that {}", self.kind())
    }
}

/// The entries of each input.
pub(super) fn input_entries<'a, T>(shapes: &'a [(usize, usize)], mut all: &'a [T]) -> impl Iterator<Item = &'a [T]> {
    shapes.iter().map(move |(m, n)| {
        let (x, rest) = all.split_at(m * n);
        all = rest;
        x
    })
}
