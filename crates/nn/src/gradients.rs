//! The gradients for an optimizer step: from one tape, or summed over several.

use std::ops::Range;

use autograd::compiled_once;

use crate::{Gradients, Matrix, MatrixRef, Module, Param, Path, Real};

#[diagnostic::on_unimplemented(
    message = "`{Self}` does not have the gradients of parameters",
    note = "hand over what `loss.backward()` returned, by reference, or a `GradientSum`"
)]
/// Gives a step the gradient of each parameter and the new value of each buffer.
pub trait ParamGradients<T: Real> {
    /// The gradient of a parameter, in its shape; `None` if it was not recorded or is not trained.
    fn gradient(&self, param: &Param<T>) -> Option<MatrixRef<'_, T>>;

    /// The gradient as a sum g + h that has not been computed, such as that of two halves of a batch. A caller that reads each entry
    /// once adds them as it reads. By default it is only [`gradient`](ParamGradients::gradient).
    fn summands(&self, param: &Param<T>) -> Option<(MatrixRef<'_, T>, Option<MatrixRef<'_, T>>)> {
        Some((self.gradient(param)?, None))
    }

    /// Whether there is a gradient.
    fn has(&self, param: &Param<T>) -> bool {
        self.summands(param).is_some()
    }

    /// The entries that a step here updates, with their gradient as a sum g + h. They are all entries, unless several
    /// [ranks](crate::ranks) share the step.
    #[doc(hidden)]
    fn updates(&self, param: &Param<T>) -> Option<Updates<'_, T>> {
        self.summands(param).map(Updates::all)
    }

    /// The new value of a buffer, such as a running mean; `None` if it keeps its value.
    fn updated(&self, buffer: &Param<T>) -> Option<MatrixRef<'_, T>>;
}

/// The entries of a parameter that a step updates, and their gradient g + h.
#[doc(hidden)]
pub struct Updates<'g, T> {
    pub entries: Range<usize>,
    pub g: &'g [T],
    pub h: Option<&'g [T]>,
}

impl<'g, T> Updates<'g, T> {
    pub(crate) fn all((g, h): (MatrixRef<'g, T>, Option<MatrixRef<'g, T>>)) -> Self {
        let g = g.as_slice();
        Updates { entries: 0..g.len(), g, h: h.map(MatrixRef::as_slice) }
    }
}

#[compiled_once]
impl<T: Real> ParamGradients<T> for Gradients<T> {
    fn gradient(&self, param: &Param<T>) -> Option<MatrixRef<'_, T>> {
        self.get(param)
    }
    fn has(&self, param: &Param<T>) -> bool {
        Gradients::has(self, param)
    }
    fn updated(&self, buffer: &Param<T>) -> Option<MatrixRef<'_, T>> {
        Gradients::updated(self, buffer).map(Matrix::view)
    }
}

/// Σ wₖ gₖ over several tapes: gradients of micro-batches that are accumulated, or of shards that ran in parallel.
///
/// The weight of a part of a batch is its share of the samples, or its share of the sum of weights if the loss is a weighted
/// mean.
///
/// Buffers take the mean of their new values with the same weights, so one step updates a running average once. The sums
/// are computed in the order of the calls, so the same calls give the same bits.
///
/// ```
/// use nn::{GradientSum, Matrix, Param, ParamGradients, Tape};
/// let w = Param::new(Matrix::from([[2.0]]));
/// let mut sum = GradientSum::new();
/// for x in [1.0, 3.0] {
///     let tape = Tape::new();
///     sum.add(0.5, &w, &(tape.param(&w) * x).backward());
/// }
/// assert_eq!(sum.gradient(&w).unwrap()[(0, 0)], 2.0);
/// ```
#[derive(Clone, Debug)]
pub struct GradientSum<T> {
    /// By identity of the parameter.
    gradients: Vec<(u64, Matrix<T>)>,
    /// By identity of the buffer: the mean of its values, and the sum of their weights.
    updates: Vec<(u64, Matrix<T>, f64)>,
}

#[compiled_once]
impl<T: Real> GradientSum<T> {
    /// An empty sum.
    #[inline]
    pub fn new() -> Self {
        GradientSum { gradients: Vec::new(), updates: Vec::new() }
    }

    /// Clears the sum.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Adds `weight` times the gradients of a model.
    pub fn add(&mut self, weight: f64, model: &dyn Module<T>, grads: &dyn ParamGradients<T>) {
        self.add_shares(weight, weight, model, grads);
    }

    /// Adds `weight` times the gradients of a model, whose new buffers have the weight `share` in their mean.
    pub(crate) fn add_shares(&mut self, weight: f64, share: f64, model: &dyn Module<T>, grads: &dyn ParamGradients<T>) {
        self.add_gradients(weight, model, grads);
        self.add_buffers(share, model, grads);
    }

    pub(crate) fn add_gradients(&mut self, weight: f64, model: &dyn Module<T>, grads: &dyn ParamGradients<T>) {
        model.params(&Path::Root, &mut |_, param| {
            let (g, h) = grads.summands(param).map_or((None, None), |(g, h)| (Some(g), h));
            for g in [g, h].into_iter().flatten() {
                match self.place(param.id()) {
                    Ok(k) => add(self.gradients[k].1.as_mut_slice(), weight, g.as_slice()),
                    Err(k) => self.gradients.insert(k, (param.id(), scaled(weight, g))),
                }
            }
        });
    }

    /// Adds the new buffers of a model with the weight `share` in their mean.
    pub(crate) fn add_buffers(&mut self, share: f64, model: &dyn Module<T>, grads: &dyn ParamGradients<T>) {
        model.params(&Path::Root, &mut |_, param| {
            if let Some(value) = grads.updated(param) {
                self.average(param.id(), share, value);
            }
        });
    }

    /// Adds the new buffers of another sum to the means.
    pub(crate) fn merge_buffers(&mut self, other: Self) {
        for (id, value, share) in other.updates {
            self.average(id, share, value.view());
        }
    }

    /// The mean of the values of a buffer, and the sum of their weights.
    pub(crate) fn buffer(&self, id: u64) -> Option<(MatrixRef<'_, T>, f64)> {
        self.updates.iter().find(|slot| slot.0 == id).map(|slot| (slot.1.view(), slot.2))
    }

    fn place(&self, id: u64) -> Result<usize, usize> {
        self.gradients.binary_search_by_key(&id, |slot| slot.0)
    }

    /// Adds a value of a buffer with the weight `share` to the mean.
    pub(crate) fn average(&mut self, id: u64, share: f64, value: MatrixRef<'_, T>) {
        match self.updates.iter_mut().find(|slot| slot.0 == id) {
            Some((_, mean, shares)) => {
                let before = *shares;
                *shares += share;
                // mean ← mean + (w / Σ w) (value − mean)
                let (old, new) = (T::from_f64(before / *shares), T::from_f64(share / *shares));
                let mean = mean.as_mut_slice().iter_mut().zip(value.as_slice());
                mean.for_each(|(mean, &value)| *mean = old * *mean + new * value);
            }
            None => self.updates.push((id, value.to_owned(), share)),
        }
    }

    /// Multiplies every gradient by `factor`.
    pub fn scale(&mut self, factor: f64) {
        let factor = T::from_f64(factor);
        let all = self.gradients.iter_mut().flat_map(|(_, g)| g.as_mut_slice());
        all.for_each(|g| *g *= factor);
    }
}

impl<T: Real> Default for GradientSum<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[compiled_once]
impl<T: Real> ParamGradients<T> for GradientSum<T> {
    fn gradient(&self, param: &Param<T>) -> Option<MatrixRef<'_, T>> {
        let k = self.place(param.id()).ok()?;
        Some(self.gradients[k].1.view())
    }
    fn updated(&self, buffer: &Param<T>) -> Option<MatrixRef<'_, T>> {
        self.buffer(buffer.id()).map(|(mean, _)| mean)
    }
}

/// The number of entries of a block, which stays in cache.
pub(crate) const BLOCK: usize = 2048;

/// Applies `f` to the entries of g + h from an index on, block by block, so that the sum stays in cache; to all of g if
/// there is no h.
pub(crate) fn each_block<T: Real>(g: &[T], h: Option<&[T]>, mut f: impl FnMut(usize, &[T])) {
    let Some(h) = h else { return f(0, g) };
    assert!(g.len() == h.len(), "the parts of a gradient have {} and {} entries", g.len(), h.len());
    let mut sum = [T::default(); BLOCK];
    for (k, (g, h)) in g.chunks(BLOCK).zip(h.chunks(BLOCK)).enumerate() {
        let sum = &mut sum[..g.len()];
        sum.iter_mut().zip(g).zip(h).for_each(|((sum, &g), &h)| *sum = g + h);
        f(k * BLOCK, sum);
    }
}

fn scaled<T: Real>(weight: f64, g: MatrixRef<'_, T>) -> Matrix<T> {
    let weight = T::from_f64(weight);
    Matrix::from_vec(g.rows(), g.cols(), g.as_slice().iter().map(|&g| weight * g).collect())
}

fn add<T: Real>(sum: &mut [T], weight: f64, g: &[T]) {
    let weight = T::from_f64(weight);
    sum.iter_mut().zip(g).for_each(|(sum, &g)| *sum += weight * g);
}
