//! A program that runs node by node, as it stands on the tape.

use kernel::pool::Pooled;
use smallvec::SmallVec;

use super::Stale;
use crate::sweep::backward::{Keep, sweep};
use crate::sweep::forward::push;
use crate::sweep::regions::Deltas;
use crate::tape::records::Inner;
use crate::{Matrix, MatrixRef, Real};

pub(super) struct Nodes<T: Real> {
    pub inner: Inner<'static, T>,
    pub inputs: Vec<u32>,
    pub output: u32,
}

impl<T: Real> Nodes<T> {
    /// The entries of an input, to change.
    pub fn input_mut(&mut self, k: usize) -> &mut [T] {
        self.inner.value_mut(self.inputs[k])
    }

    /// Computes everything anew.
    #[track_caller]
    pub fn run(&mut self) -> Result<(), Stale> {
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

    /// The output.
    pub fn value(&self) -> MatrixRef<'_, T> {
        self.inner.view(self.output)
    }

    /// The gradient of Σ w ⊙ output with respect to the entries of all inputs.
    pub fn gradient(&self, w: &[T], mut gradient: &mut [T]) {
        let mut deltas = Pooled::<Deltas<T>>::take();
        sweep(&self.inner, &[(self.output, w)], Keep::Leaves, &mut deltas, None);
        for &x in &self.inputs {
            let (dx, rest) = gradient.split_at_mut(self.inner.node(x).len());
            self.derivative(x, &deltas, dx);
            gradient = rest;
        }
    }

    /// The tangent of the output when the inputs move along these directions.
    pub fn tangent<'a>(&self, directions: impl Iterator<Item = MatrixRef<'a, T>>) -> Matrix<T> {
        let seeds: SmallVec<[_; 4]> = self.inputs.iter().copied().zip(directions).collect();
        let mut deltas = Pooled::<Deltas<T>>::take();
        push(&self.inner, &seeds, &mut deltas);
        let (rows, cols) = self.value().shape();
        let mut tangent = Matrix::zeros(rows, cols);
        self.derivative(self.output, &deltas, tangent.as_mut_slice());
        tangent
    }

    fn derivative(&self, id: u32, deltas: &Deltas<T>, to: &mut [T]) {
        match deltas.at(id) {
            None => to.fill(T::default()),
            Some(d) => to.copy_from_slice(d),
        }
    }
}
