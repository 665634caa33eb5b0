//! A program that has not run yet: the tape on which it was recorded.

use kernel::pool::Pooled;
use smallvec::SmallVec;

use super::NotSingle;
use super::needs::ProgramNeeds;
use crate::sweep::backward::{Keep, sweep};
use crate::sweep::forward::push;
use crate::sweep::regions::Deltas;
use crate::tape::records::Inner;
use crate::{Matrix, MatrixRef, Real};

pub(super) struct Recorded<T: Real> {
    pub tape: Inner<'static, T>,
    pub inputs: Vec<u32>,
    pub output: u32,
}

impl<T: Real> Recorded<T> {
    /// The first node that is not made of single numbers, if there is one.
    pub fn not_single(&self) -> Option<NotSingle> {
        ProgramNeeds::of(&self.tape, &self.inputs, self.output).err().map(|id| NotSingle::of(&self.tape, id))
    }

    /// The output.
    pub fn output_value(&self) -> MatrixRef<'_, T> {
        self.tape.view(self.output)
    }

    /// The gradient of Σ w ⊙ output with respect to the entries of all inputs.
    pub fn weighted_gradient(&self, w: &[T], mut gradient: &mut [T]) {
        let mut deltas = Pooled::<Deltas<T>>::take();
        sweep(&self.tape, &[(self.output, w)], Keep::Leaves, &mut deltas, None, &mut ());
        for &x in &self.inputs {
            let (dx, rest) = gradient.split_at_mut(self.tape.node(x).len());
            self.copy_derivative(x, &deltas, dx);
            gradient = rest;
        }
    }

    /// The tangent of the output when the inputs move along these directions.
    pub fn output_tangent<'a>(&self, directions: impl Iterator<Item = MatrixRef<'a, T>>) -> Matrix<T> {
        let seeds: SmallVec<[_; 4]> = self.inputs.iter().copied().zip(directions).collect();
        let mut deltas = Pooled::<Deltas<T>>::take();
        push(&self.tape, &seeds, &mut deltas);
        let (rows, cols) = self.output_value().shape();
        let mut tangent = Matrix::zeros(rows, cols);
        self.copy_derivative(self.output, &deltas, tangent.as_mut_slice());
        tangent
    }

    fn copy_derivative(&self, id: u32, deltas: &Deltas<T>, to: &mut [T]) {
        match deltas.at(id) {
            None => to.fill(T::default()),
            Some(d) => to.copy_from_slice(d),
        }
    }
}
