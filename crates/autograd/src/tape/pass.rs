//! The kind of a pass: evaluation, or training with random numbers and running averages.

use kernel::{compiled_once, split_mix};

use crate::{Matrix, Param, Real, Tape, Var};

/// What layers can ask of the tape on which they are recorded.
pub(crate) struct Pass<T> {
    /// The state of the random stream of a training pass; `None` in evaluation.
    draws: Option<u64>,
    /// The new values of buffers, by identity.
    pub updates: Vec<(u64, Matrix<T>)>,
    /// The nodes of those that were computed on this tape, by identity. The last one of a buffer counts.
    pub computed: Vec<(u64, u32)>,
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

impl Means {
    /// Adds what a mean is divided by.
    pub(crate) fn note(&mut self, weight: Option<f64>) {
        match (weight, self.weight) {
            (None, _) => self.counted = true,
            (Some(new), Some(old)) => self.several |= new != old,
            (Some(_), None) => self.weight = weight,
        }
    }

    /// The same after means with these sums of weights.
    #[doc(hidden)]
    pub fn over(mut self, weights: impl IntoIterator<Item = f64>) -> Self {
        weights.into_iter().for_each(|weight| self.note(Some(weight)));
        self
    }
}

impl<T: Real> Pass<T> {
    /// A training pass with this seed, or an evaluation.
    pub fn new(draws: Option<u64>) -> Self {
        Pass { draws, updates: Vec::new(), computed: Vec::new(), means: Means::default() }
    }

    pub fn is_training(&self) -> bool {
        self.draws.is_some()
    }

    pub fn draw(&mut self) -> Option<u64> {
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
    #[track_caller]
    pub fn note_mean(&self, weight: Option<f64>) {
        if weight.is_some() {
            self.note_unseen("notes a plain number as the divisor of a mean");
        }
        self.with_mut(|inner| inner.pass.means.note(weight));
    }

    /// Notes that a mean of losses is divided by this number, the sum of their weights.
    #[track_caller]
    pub fn note_mean_over(&'t self, weights: Var<'t, T>) {
        self.with_mut(|inner| {
            let weight = inner.view(weights.id).as_slice()[0].to_f64();
            inner.pass.means.note(Some(weight));
            inner.records.anew().means.push(weights.id);
        });
    }

    /// What was [noted](Tape::note_mean) so far.
    #[track_caller]
    pub fn means(&self) -> Means {
        let means = self.with(|inner| inner.pass.means);
        if means.weight.is_some() {
            self.note_reading();
        }
        means
    }

    /// Whether it is of a [part of a batch](Tape::of_part).
    pub fn is_of_part(&self) -> bool {
        self.with(|inner| inner.pass.means.of_part)
    }

    /// Whether this is a training pass.
    pub fn is_training(&self) -> bool {
        self.with(|inner| inner.pass.draws.is_some())
    }

    /// The seed of the next random choice of a training pass; `None` in evaluation.
    #[track_caller]
    pub fn draw(&self) -> Option<u64> {
        let seed = self.with_mut(|inner| inner.pass.draw());
        if seed.is_some() {
            self.note_unseen("draws a random number");
        }
        seed
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
        self.note_unseen("computes the new value of a buffer outside the tape");
        // A copy, so that `f` may use the tape.
        let earlier = self.with(|inner| inner.pass.updates.iter().find(|(id, _)| *id == buffer.id()).cloned());
        let value = f(earlier.as_ref().map_or(buffer.value(), |(_, value)| value));
        self.replace_update(buffer, value);
        self.with_mut(|inner| inner.pass.computed.retain(|(id, _)| *id != buffer.id()));
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
    #[track_caller]
    pub fn as_in_training<R>(&self, seed: u64, f: impl FnOnce() -> R) -> R {
        self.during(Pass::new(Some(seed)), f)
    }

    /// Records `f` as in another pass, with its random numbers and updates, which are then discarded. Notes on means
    /// are kept.
    #[track_caller]
    pub(crate) fn during<R>(&self, pass: Pass<T>, f: impl FnOnce() -> R) -> R {
        let means = self.with(|inner| inner.pass.means);
        let pass = Pass { means: Means { of_part: pass.means.of_part, ..means }, ..pass };
        let random = pass.draws.is_some();
        let outer = self.with_mut(|inner| std::mem::replace(&mut inner.pass, pass));
        let result = f();
        self.with_mut(|inner| inner.pass = Pass { means: inner.pass.means, ..outer });
        if random {
            self.note_unseen("records in a training pass of its own");
        }
        result
    }
}
