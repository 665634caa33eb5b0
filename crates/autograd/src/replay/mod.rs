//! A recorded computation that runs again on other numbers, without being recorded again.
//!
//! `nodes` runs it node by node as it stands on the tape. One that is made of single numbers becomes loops: `needs` and
//! `terms` read the tape and cut it into a `segment` after another, `groups` puts what runs alike together, `tables` writes it
//! down, `loops` and `rows` run it.

mod compiled;
mod groups;
mod loops;
mod needs;
mod nodes;
mod rows;
mod segment;
mod tables;
mod terms;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::panic::Location;

use crate::{Matrix, MatrixRef, Real, Var};
pub use compiled::Compiled;
use kernel::compiled_once;
use kernel::pool::Pooled;
use loops::Loops;
use nodes::Nodes;
use terms::SEGMENT;

/// A computation that was recorded once and runs again on new values of its inputs, forward and backward.
///
/// It does exactly what was recorded. Where the program that recorded it compared variables (`if x > y`), the comparison is
/// made again, and a run that would take another way returns [`Stale`]. Every comparison counts that was made on the tape
/// until the program is made, also one of variables from which the value was not computed. Inside of a
/// [`checkpoint`](crate::checkpoint) the closure runs again and may go another way.
///
/// A program does not know what was done with numbers that left the tape as plain numbers: by [`Var::value`] and [`Var::item`], by
/// gradients and tangents, by `{:?}`, or as the sign of a determinant or the error of a decomposition. A branch that was
/// taken on one of them stays as it was taken, and one that entered again as a constant stays what it was. Compare variables, or use
/// [`Compiled`], which records a closure anew at every call if it reads such a number.
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
/// # Programs in single numbers
/// A program whose nodes are 1 × 1 (elementwise functions, sums and products of numbers, entries of the inputs) does not run
/// node by node. When it is made, which costs a few gradients on the tape, nodes that do the same and do not need each other are
/// put together, and each such group is a vector loop. Values and gradients have the bits of the tape but for the signs of zeros
/// (and the order of adding for an operand that comes several times in one sum of more than 4096 terms); tangents add in another
/// order. What does not lead from the inputs to the value is left out. It is fast where many nodes do the same, on ADBench's
/// programs 0.3 to 0.6 of the time of recording on a [`ScalarTape`](crate::ScalarTape)
/// (`cargo bench -p tape-autograd --bench scalars`), and faster than node by node where none do: in a chain.
/// [`run_entries`](Program::run_entries) and [`gradient_into`](Program::gradient_into) allocate nothing once they have run.
pub struct Program<T: Real> {
    engine: Engine<T>,
    /// The shapes of the inputs.
    shapes: Vec<(usize, usize)>,
}

enum Engine<T: Real> {
    Nodes(Box<Nodes<T>>),
    Loops(Box<Loops<T>>),
}

/// A comparison that would go another way than when it was recorded: the recording does not hold for these inputs.
#[derive(Clone, Copy, PartialEq)]
pub struct Stale {
    /// Where the variables were compared.
    pub source: &'static Location<'static>,
    /// How they compared when they were recorded.
    pub recorded: Option<Ordering>,
    /// How they compare now.
    pub now: Option<Ordering>,
}

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// What was recorded to compute this variable, as a program of the given inputs. Everything else stays as it is. Comparisons
    /// that are made later do not count.
    ///
    /// # Panics
    /// If an input is not a leaf of the same tape.
    #[track_caller]
    pub fn program(self, inputs: &[Var<'t, T>]) -> Program<T> {
        self.tape().note_reading(); // a program shows its value
        for x in inputs {
            self.same_tape("program", *x);
            let leaf = self.tape().with(|inner| inner.is_leaf(x.id));
            assert!(leaf, "program: input %{} is not a leaf, but the result of a computation", x.id);
        }
        let ids: Vec<u32> = inputs.iter().map(|x| x.id).collect();
        match self.tape().with(|inner| Loops::new(inner, &ids, self.id, SEGMENT)) {
            Some(loops) => {
                Program { engine: Engine::Loops(Box::new(loops)), shapes: inputs.iter().map(|x| x.shape()).collect() }
            }
            None => self.recorded(inputs),
        }
    }

    /// The same, node by node.
    fn recorded(self, inputs: &[Var<'t, T>]) -> Program<T> {
        let ids: Vec<u32> = inputs.iter().map(|x| x.id).collect();
        let needed = ids.iter().copied().chain([self.id]);
        let inner = self.tape().with(|inner| inner.detached(inner.last_needed(needed)));
        let nodes = Nodes { inner, inputs: ids, output: self.id };
        Program { engine: Engine::Nodes(Box::new(nodes)), shapes: inputs.iter().map(|x| x.shape()).collect() }
    }
}

#[compiled_once]
impl<T: Real> Program<T> {
    /// Computes everything anew from these inputs.
    ///
    /// # Errors
    /// If a comparison goes another way than when it was recorded. The values are those of the recorded way.
    ///
    /// # Panics
    /// If the inputs are not as many as were recorded, or not of their shapes, or a custom op gives another shape for them.
    #[track_caller]
    pub fn run(&mut self, inputs: &[impl Borrow<Matrix<T>>]) -> Result<(), Stale> {
        self.same_shapes("run", inputs);
        let mut start = 0;
        for (k, x) in inputs.iter().enumerate() {
            let x = x.borrow().as_slice();
            match &mut self.engine {
                Engine::Nodes(nodes) => nodes.input_mut(k).copy_from_slice(x),
                Engine::Loops(loops) => loops.values[start..start + x.len()].copy_from_slice(x),
            }
            start += x.len();
        }
        self.rerun()
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
    /// As of [`run`](Program::run).
    ///
    /// # Panics
    /// If the entries are not as many as those of the inputs.
    #[track_caller]
    pub fn run_entries(&mut self, x: &[T]) -> Result<(), Stale> {
        self.same_count("run_entries", x.len());
        match &mut self.engine {
            Engine::Loops(loops) => loops.values[..x.len()].copy_from_slice(x),
            Engine::Nodes(nodes) => {
                let parts = entries(&self.shapes, x);
                parts.enumerate().for_each(|(k, x)| nodes.input_mut(k).copy_from_slice(x));
            }
        }
        self.rerun()
    }

    /// The value, of the last run or of the recording.
    pub fn value(&self) -> MatrixRef<'_, T> {
        match &self.engine {
            Engine::Nodes(nodes) => nodes.value(),
            Engine::Loops(loops) => MatrixRef::new(1, 1, loops.value()),
        }
    }

    /// The gradient of the value, a single number, with respect to each input.
    ///
    /// # Panics
    /// If the value is not 1 × 1.
    #[track_caller]
    pub fn backward(&self) -> Vec<Matrix<T>> {
        self.single("backward");
        self.backward_with(MatrixRef::new(1, 1, &[T::from_f64(1.0)]))
    }

    /// The same, with respect to the entries of all inputs, one input after the other.
    ///
    /// # Panics
    /// If the value is not 1 × 1, or there are not as many places as entries.
    #[track_caller]
    pub fn gradient_into(&self, gradient: &mut [T]) {
        self.single("gradient_into");
        self.same_count("gradient_into", gradient.len());
        self.pull(&[T::from_f64(1.0)], gradient);
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
        let mut gradient = Pooled::<Vec<T>>::take();
        gradient.resize(self.shapes.iter().map(|(m, n)| m * n).sum(), T::default());
        self.pull(w.as_slice(), &mut gradient);
        let parts = self.shapes.iter().zip(entries(&self.shapes, &gradient));
        parts.map(|(&(m, n), dx)| Matrix::from_vec(m, n, dx.to_vec())).collect()
    }

    /// The derivative of the value when each input moves along its direction: one that was given twice along their sum, a
    /// constant not at all.
    ///
    /// # Panics
    /// If the directions are not as many as the inputs, or not of their shapes.
    #[track_caller]
    pub fn tangent(&self, directions: &[impl Borrow<Matrix<T>>]) -> Matrix<T> {
        self.same_shapes("tangent", directions);
        let directions: Vec<_> = directions.iter().map(|dx| dx.borrow().view()).collect();
        self.push(&directions)
    }

    fn push(&self, directions: &[MatrixRef<'_, T>]) -> Matrix<T> {
        match &self.engine {
            Engine::Nodes(nodes) => nodes.tangent(directions.iter().copied()),
            Engine::Loops(loops) => {
                let mut tangents = Pooled::<Vec<T>>::take();
                tangents.clear();
                directions.iter().for_each(|dx| tangents.extend_from_slice(dx.as_slice()));
                Matrix::full(1, 1, loops.push(&mut tangents))
            }
        }
    }

    /// Makes loops of it if it is made of single numbers.
    fn compile(&mut self) {
        if let Engine::Nodes(nodes) = &self.engine
            && let Some(loops) = Loops::new(&nodes.inner, &nodes.inputs, nodes.output, SEGMENT)
        {
            self.engine = Engine::Loops(Box::new(loops));
        }
    }

    #[track_caller]
    fn rerun(&mut self) -> Result<(), Stale> {
        match &mut self.engine {
            Engine::Nodes(nodes) => nodes.run(),
            Engine::Loops(loops) => loops.run(),
        }
    }

    /// The gradient of Σ w ⊙ value with respect to all entries.
    fn pull(&self, w: &[T], gradient: &mut [T]) {
        match &self.engine {
            Engine::Nodes(nodes) => nodes.gradient(w, gradient),
            Engine::Loops(loops) => {
                let (mut deltas, mut slots) = (Pooled::<Vec<T>>::take(), Pooled::<Vec<T>>::take());
                loops.sweep(w[0], &mut deltas, &mut slots);
                gradient.copy_from_slice(&deltas[..gradient.len()]);
            }
        }
    }

    #[track_caller]
    fn single(&self, name: &str) {
        let (m, n) = self.value().shape();
        assert!((m, n) == (1, 1), "Program::{name}: {m} × {n} is not a single number: use backward_with");
    }

    #[track_caller]
    fn same_shapes(&self, name: &str, given: &[impl Borrow<Matrix<T>>]) {
        let (count, recorded) = (given.len(), self.shapes.len());
        assert!(count == recorded, "Program::{name}: {count} matrices for a program of {recorded} inputs");
        for (k, (x, &(m, n))) in given.iter().zip(&self.shapes).enumerate() {
            let (p, q) = x.borrow().shape();
            assert!((p, q) == (m, n), "Program::{name}: input {k} is {p} × {q}, and was recorded as {m} × {n}");
        }
    }

    #[track_caller]
    fn same_count(&self, name: &str, given: usize) {
        let recorded: usize = self.shapes.iter().map(|(m, n)| m * n).sum();
        assert!(given == recorded, "Program::{name}: {given} numbers for inputs of {recorded} entries");
    }
}

/// The entries of each input.
fn entries<'a, T>(shapes: &'a [(usize, usize)], mut all: &'a [T]) -> impl Iterator<Item = &'a [T]> {
    shapes.iter().map(move |(m, n)| {
        let (x, rest) = all.split_at(m * n);
        all = rest;
        x
    })
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

crate::debug_as_display!(Stale);

impl std::error::Error for Stale {}
