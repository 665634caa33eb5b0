//! A program over matrices.

use kernel::pool::{Pooled, widen};
use smallvec::SmallVec;

use super::needs::ProgramNeeds;
use super::program::input_entries;
use super::steps::{Misfit, Steps, Writer};
use super::{NotSingle, Stale};
use crate::tape::records::Inner;
use crate::{Matrix, MatrixRef, Real};

/// Lists of terms, and the inputs of the last run.
pub(super) struct Matrices<T> {
    steps: Steps<T>,
    /// The entries of all inputs, one input after the other.
    pub inputs: Vec<T>,
    shapes: Vec<(usize, usize)>,
    /// Where the derivative of each input is in the buffer of a sweep, and the length of that buffer.
    derivatives: Vec<Option<usize>>,
    buffer: usize,
    /// Which inputs move; for each, the first that is the same variable.
    moves: Vec<bool>,
    first: Vec<usize>,
    /// The first node that is not made of single numbers; none if all are.
    pub why: Option<NotSingle>,
}

impl<T: Real> Matrices<T> {
    /// The program of these inputs on a tape.
    pub fn new(tape: &Inner<'_, T>, inputs: &[u32], output: u32) -> Self {
        let writer = Writer::new(tape, output, inputs, &[], std::iter::empty(), true);
        let Ok((steps, deltas)) = writer.finish() else { unreachable!("a program leaves out no gradient") };
        let first = |x: &u32| inputs.iter().position(|y| y == x).expect("it is an input");
        Matrices {
            steps,
            inputs: inputs.iter().flat_map(|&x| tape.view(x).as_slice()).copied().collect(),
            shapes: inputs.iter().map(|&x| tape.node(x).shape()).collect(),
            derivatives: inputs.iter().map(|&x| deltas.place(x)).collect(),
            buffer: deltas.used(),
            moves: inputs.iter().map(|&x| tape.node(x).is_active()).collect(),
            first: inputs.iter().map(first).collect(),
            why: ProgramNeeds::of(tape, inputs, output).err().map(|id| NotSingle::of(tape, id)),
        }
    }

    fn leaves(&self) -> SmallVec<[MatrixRef<'_, T>; 4]> {
        leaves(&self.shapes, &self.inputs)
    }

    /// Computes everything from the inputs.
    #[track_caller]
    pub fn recompute(&mut self) -> Result<(), Stale> {
        match self.steps.compute(&leaves(&self.shapes, &self.inputs)) {
            Ok(()) => Ok(()),
            Err(Misfit::Stale(stale)) => Err(stale),
            Err(Misfit::Shape(what)) => panic!("{what}: record again"),
        }
    }

    /// The output.
    pub fn output_value(&self) -> MatrixRef<'_, T> {
        self.steps.output(&self.leaves())
    }

    /// The gradient of Σ w ⊙ output with respect to the entries of all inputs.
    pub fn weighted_gradient(&self, w: &[T], mut gradient: &mut [T]) {
        let mut deltas = Pooled::<Vec<T>>::take();
        widen(&mut deltas, self.buffer);
        self.steps.sweep(&self.leaves(), w, &mut deltas);
        for (derivative, (m, n)) in self.derivatives.iter().zip(&self.shapes) {
            let (dx, rest) = gradient.split_at_mut(m * n);
            match derivative {
                None => dx.fill(T::default()),
                Some(start) => dx.copy_from_slice(&deltas[*start..][..m * n]),
            }
            gradient = rest;
        }
    }

    /// The tangent of the output when the inputs move along these directions. One that is given twice moves along their sum. What moves
    /// along a direction of zeros stays, and so does what depends on it alone.
    pub fn output_tangent(&self, directions: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let mut sums: Vec<Matrix<T>> = directions.iter().map(|&dx| MatrixRef::to_owned(dx)).collect();
        for (k, &first) in self.first.iter().enumerate().filter(|(k, first)| k != *first) {
            let sum = sums[first].as_mut_slice().iter_mut().zip(directions[k].as_slice());
            sum.for_each(|(sum, &dx)| *sum += dx);
        }
        let stays = |dx: &Matrix<T>| dx.as_slice().iter().all(|&dx| dx == T::default());
        let sum = |(&first, &moves): (&usize, &bool)| (moves && !stays(&sums[first])).then(|| sums[first].view());
        let moving: SmallVec<[_; 4]> = self.first.iter().zip(&self.moves).map(sum).collect();
        self.steps.output_tangent(&self.leaves(), &moving)
    }
}

/// The inputs as matrices.
fn leaves<'a, T: Real>(shapes: &'a [(usize, usize)], entries: &'a [T]) -> SmallVec<[MatrixRef<'a, T>; 4]> {
    input_entries(shapes, entries).zip(shapes).map(|(x, &(m, n))| MatrixRef::new(m, n, x)).collect()
}
