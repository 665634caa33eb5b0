//! The kind of a pass: evaluation, or training with random numbers and running averages.

use kernel::{compiled_once, split_mix};

use crate::tape::records::Inner;
use crate::{Matrix, Param, Real, Tape};

/// What layers can ask of the tape on which they are recorded.
pub(crate) struct Pass<T> {
    /// The state of the random stream of a training pass; `None` in evaluation.
    draws: Option<u64>,
    /// The new values of buffers, by identity.
    pub updates: Vec<(u64, Matrix<T>)>,
    pub means: Means,
}

/// The divisors of the means of a loss. They combine the losses of the parts of a batch: a part counts
/// by its number of samples, or by the sum of its weights if its mean is weighted.
///
/// ```
/// use autograd::Tape;
/// let tape = Tape::<f64>::new();
/// tape.note_mean(Some(12.0)); // Σ wₙ Eₙ / Σ wₙ with Σ wₙ = 12
/// assert_eq!(tape.means().weight, Some(12.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Means {
    /// Whether the tape is of a [part of a batch](Tape::of_part).
    pub of_part: bool,
    /// Whether a mean was divided by a number of samples or entries.
    pub counted: bool,
    /// The sum of weights by which a mean was divided.
    pub weight: Option<f64>,
    /// Whether another mean was divided by a different sum.
    pub several: bool,
}

impl<T: Real> Pass<T> {
    /// A training pass with this seed, or an evaluation.
    pub fn new(draws: Option<u64>) -> Self {
        Pass { draws, updates: Vec::new(), means: Means::default() }
    }

    fn draw(&mut self) -> Option<u64> {
        self.draws.as_mut().map(split_mix)
    }
}

#[compiled_once]
impl<'t, T: Real> Tape<'t, T> {
    /// An empty tape for a training pass. Layers that behave differently in training ask the tape on which they are recorded,
    /// so no model has to be switched and no container can forget to pass a mode on. On [`Tape::new`] dropout does
    /// nothing, here it draws random numbers from `seed`.
    ///
    /// The same seed gives the same numbers in the same order. Draw it from your generator, a new one for each step.
    ///
    /// ```
    /// use autograd::Tape;
    /// let (a, b) = (Tape::<f32>::training(1), Tape::<f32>::training(1));
    /// assert_eq!((a.draw(), a.draw()), (b.draw(), b.draw()));
    /// assert_eq!(Tape::<f32>::new().draw(), None);
    /// ```
    pub fn training(seed: u64) -> Self {
        Tape::for_pass(Pass::new(Some(seed)))
    }

    /// The same empty tape for a part of a batch whose losses are combined afterwards. If all weights of a part are 0, its
    /// weighted mean is 0 instead of NaN, so it adds nothing.
    pub fn of_part(self) -> Self {
        self.with_mut(|inner| inner.pass.means.of_part = true);
        self
    }

    /// Notes what a mean of losses is divided by: the sum of their weights, or their number.
    pub fn note_mean(&self, weight: Option<f64>) {
        self.with_mut(|inner| {
            let means = &mut inner.pass.means;
            match (weight, means.weight) {
                (None, _) => means.counted = true,
                (Some(new), Some(old)) => means.several |= new != old,
                (Some(_), None) => means.weight = weight,
            }
        });
    }

    /// What was [noted](Tape::note_mean) so far.
    pub fn means(&self) -> Means {
        self.with(|inner| inner.pass.means)
    }

    /// Whether this is a training pass.
    pub fn is_training(&self) -> bool {
        self.with(|inner| inner.pass.draws.is_some())
    }

    /// The seed of the next random choice of a training pass; `None` in evaluation.
    pub fn draw(&self) -> Option<u64> {
        self.with_mut(|inner| inner.pass.draw())
    }

    /// Requests a new value for a buffer, such as a running mean, that takes effect when a step is made. It is `f` of the current value,
    /// or of the value that was requested earlier on this tape. The gradients carry it ([`Gradients::updated`](crate::Gradients::updated)).
    ///
    /// ```
    /// use autograd::{Matrix, Param, Tape};
    /// let mean = Param::buffer(Matrix::from([[0.0]]));
    /// let tape = Tape::training(0);
    /// tape.update(&mean, |mean| mean.map(|m| 0.9 * m + 0.1 * 5.0));
    /// let grads = tape.variable(1.0).square().backward();
    /// assert_eq!(grads.updated(&mean), Some(&Matrix::from([[0.5]])));
    /// ```
    ///
    /// # Panics
    /// If the new value has another shape.
    #[track_caller]
    pub fn update(&self, buffer: &Param<T>, f: impl FnOnce(&Matrix<T>) -> Matrix<T>) {
        let place = |inner: &Inner<'t, T>| inner.pass.updates.iter().position(|(id, _)| *id == buffer.id());
        // A copy, so that `f` may use the tape.
        let earlier = self.with(|inner| place(inner).map(|k| inner.pass.updates[k].1.clone()));
        let value = f(earlier.as_ref().unwrap_or(buffer.value()));
        let ((m, n), (p, q)) = (buffer.value().shape(), value.shape());
        assert!((m, n) == (p, q), "update: a buffer {m} × {n} cannot become {p} × {q}");
        self.with_mut(|inner| match place(inner) {
            Some(k) => inner.pass.updates[k].1 = value,
            None => inner.pass.updates.push((buffer.id(), value)),
        });
    }

    /// Records `f` as in a [training pass](Tape::training) with the given `seed`, on any tape. Updates of
    /// buffers are ignored. Use it to check a layer in training mode, or to get the spread of predictions under dropout (Gal,
    /// Ghahramani, "Dropout as a Bayesian approximation", 2016).
    ///
    /// ```
    /// use autograd::Tape;
    /// let tape = Tape::<f64>::new();
    /// assert_eq!(tape.as_in_training(1, || tape.draw()), Tape::<f64>::training(1).draw());
    /// assert!(!tape.is_training());
    /// ```
    pub fn as_in_training<R>(&self, seed: u64, f: impl FnOnce() -> R) -> R {
        self.during(Pass::new(Some(seed)), f)
    }

    /// Records `f` as in another pass, with its random numbers and updates, which are then discarded. Notes on means
    /// are kept.
    pub(crate) fn during<R>(&self, pass: Pass<T>, f: impl FnOnce() -> R) -> R {
        let pass = Pass { means: Means { of_part: pass.means.of_part, ..self.means() }, ..pass };
        let outer = self.with_mut(|inner| std::mem::replace(&mut inner.pass, pass));
        let result = f();
        self.with_mut(|inner| inner.pass = Pass { means: inner.pass.means, ..outer });
        result
    }
}
