//! The gradients of a batch, in the form in which they were summed.

use std::sync::OnceLock;

use autograd::compiled_once;

use super::{Row, Weight};
use crate::gradients::Updates;
use crate::{GradientSum, Gradients, MatrixRef, Param, ParamGradients, Real};

/// The gradients of a batch, as a step takes them.
pub struct Total<T: Real> {
    /// From one tape, or from both halves of several shards.
    tapes: [Option<Gradients<T>>; 2],
    /// From several ranks.
    row: Option<Row<T>>,
    /// The sum of both halves, once it was requested.
    sum: OnceLock<Gradients<T>>,
    /// The new values of buffers if there are several shards; everything if there are no tapes.
    rest: GradientSum<T>,
    weight: Weight,
}

impl<T: Real> Total<T> {
    pub(super) fn of(tapes: [Option<Gradients<T>>; 2], rest: GradientSum<T>, weight: Weight) -> Self {
        Total { tapes, row: None, sum: OnceLock::new(), rest, weight }
    }

    /// Gradients that were added already.
    pub(crate) fn summed(sum: GradientSum<T>, weight: Weight) -> Self {
        Total::of([None, None], sum, weight)
    }

    /// Gradients in a row, and new buffers.
    pub(crate) fn in_row(row: Row<T>, buffers: GradientSum<T>, weight: Weight) -> Self {
        Total { row: Some(row), ..Total::summed(buffers, weight) }
    }

    /// The memory of the row, if there is one.
    pub(crate) fn into_row(self) -> Option<Vec<T>> {
        self.row.map(|row| row.entries)
    }

    /// The weight of the batch in a mean over several.
    pub(crate) fn weight(&self) -> Weight {
        self.weight
    }

    fn sum(&self, half: &Gradients<T>, other: &Gradients<T>) -> &Gradients<T> {
        if self.sum.get().is_none() {
            // Not under the lock, because a thread that waits for parts of the sum may be given work that requests it again.
            let mut sum = half.clone();
            sum.add(other);
            let _ = self.sum.set(sum);
        }
        self.sum.get().expect("the sum was set")
    }
}

#[compiled_once]
impl<T: Real> ParamGradients<T> for Total<T> {
    fn gradient(&self, param: &Param<T>) -> Option<MatrixRef<'_, T>> {
        if let Some(row) = &self.row {
            return row.gradient(param);
        }
        match &self.tapes {
            [Some(half), Some(other)] => self.sum(half, other).gradient(param),
            [Some(grads), _] => grads.gradient(param),
            _ => self.rest.gradient(param),
        }
    }
    fn summands(&self, param: &Param<T>) -> Option<(MatrixRef<'_, T>, Option<MatrixRef<'_, T>>)> {
        let [Some(half), Some(other)] = &self.tapes else { return Some((self.gradient(param)?, None)) };
        match [half, other].map(|half| half.gradient(param)) {
            [Some(g), h] => Some((g, h)),
            [None, h] => h.map(|h| (h, None)),
        }
    }
    fn has(&self, param: &Param<T>) -> bool {
        self.row.as_ref().map_or_else(|| self.summands(param).is_some(), |row| row.has(param))
    }
    fn updates(&self, param: &Param<T>) -> Option<Updates<'_, T>> {
        if let Some(row) = &self.row {
            return row.known(param).map(|(entries, g)| Updates { entries, g, h: None });
        }
        self.summands(param).map(Updates::all)
    }
    fn updated(&self, buffer: &Param<T>) -> Option<MatrixRef<'_, T>> {
        match &self.tapes {
            [Some(grads), None] => ParamGradients::updated(grads, buffer),
            _ => self.rest.updated(buffer),
        }
    }
}
