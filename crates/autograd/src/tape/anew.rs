//! What a replay of a tape has to do anew: constants of random numbers and of classes, and new values of buffers.

use std::panic::Location;
use std::sync::Arc;

use kernel::compiled_once;

use crate::tape::records::Inner;
use crate::{Matrix, Param, Real, Tape, Var};

/// Writes random numbers that a seed determines.
pub(crate) type Fill<T> = Arc<dyn Fn(u64, &mut [T]) + Send + Sync>;

/// What a run of a plan makes anew, because it differs from step to step.
pub(crate) struct Anew<T> {
    /// Constants of random numbers, in the order of their seeds.
    pub drawn: Vec<(u32, Fill<T>)>,
    /// One-hot constants, each with its classes.
    pub classes: Vec<(u32, Source)>,
    /// The sums of weights by which means were divided.
    pub means: Vec<u32>,
    /// What a replay cannot do anew, and the line that did it first.
    pub unseen: Option<(&'static str, &'static Location<'static>)>,
}

/// The address and the number of the classes from which a constant was made. They are only compared.
pub(crate) type Source = (usize, usize);

/// The source of a constant.
pub(crate) fn source_of(classes: &[usize]) -> Source {
    (classes.as_ptr() as usize, classes.len())
}

impl<T> Default for Anew<T> {
    fn default() -> Self {
        Anew { drawn: Vec::new(), classes: Vec::new(), means: Vec::new(), unseen: None }
    }
}

impl<T> Anew<T> {
    pub fn clear(&mut self) {
        self.drawn.clear();
        self.classes.clear();
        self.means.clear();
        self.unseen = None;
    }
}

impl<T: Real> Inner<'_, T> {
    /// What a leaf is, if a run of a plan finds its value by itself.
    pub fn found_in_every_run(&self, leaf: u32) -> Option<&'static str> {
        if self.records.params.iter().any(|slot| slot.node == leaf && !slot.is_bound) {
            return Some("a parameter");
        }
        self.records.anew.as_ref()?.drawn.iter().any(|(id, _)| *id == leaf).then_some("of random numbers")
    }
}

#[compiled_once]
impl<'t, T: Real> Tape<'t, T> {
    /// A constant of random numbers in a [training pass](Tape::training): `fill` writes its entries, column by column, from the next
    /// [seed](Tape::draw) of the pass. `None` in evaluation.
    ///
    /// Use it instead of [`draw`](Tape::draw) where you can, because a [`Plan`](crate::Plan) of the tape then draws new numbers in
    /// every run.
    ///
    /// ```
    /// use autograd::Tape;
    /// let noise = |seed: u64, x: &mut [f64]| x.iter_mut().for_each(|x| *x = (seed % 7) as f64);
    /// let tape = Tape::<f64>::training(1);
    /// assert_eq!(tape.drawn((2, 1), noise).unwrap().shape(), (2, 1));
    /// assert!(Tape::<f64>::new().drawn((2, 1), noise).is_none());
    /// ```
    #[track_caller]
    pub fn drawn(
        &'t self,
        shape: (usize, usize),
        fill: impl Fn(u64, &mut [T]) + Send + Sync + 'static,
    ) -> Option<Var<'t, T>> {
        let seed = self.with_mut(|inner| inner.pass.draw())?;
        let x = self.constant_with(shape, |x| fill(seed, x));
        self.with_mut(|inner| inner.records.anew().drawn.push((x.id, Arc::new(fill))));
        Some(x)
    }

    /// The seed of a pass inside this one, if it is a training pass. A run of a plan uses up the same seed.
    #[track_caller]
    pub(crate) fn seed_of_part(&'t self) -> Option<u64> {
        let seed = self.with_mut(|inner| inner.pass.draw())?;
        let nothing = self.constant_with((0, 0), |_| {});
        self.with_mut(|inner| inner.records.anew().drawn.push((nothing.id, Arc::new(|_, _| {}))));
        Some(seed)
    }

    /// The value of a buffer after the updates that were requested in this pass so far.
    #[track_caller]
    pub fn pending(&'t self, buffer: &'t Param<T>) -> Var<'t, T> {
        let last = self.with(|inner| inner.pass.computed.iter().rfind(|(id, _)| *id == buffer.id()).copied());
        let requested = self.with(|inner| inner.pass.updates.iter().find(|(id, _)| *id == buffer.id()).cloned());
        match (last, requested) {
            (Some((_, node)), _) => Var::new(self, node),
            // By a function outside the tape, or on the tape of a checkpoint.
            (None, Some((_, value))) => self.constant(value),
            (None, None) => self.param(buffer),
        }
    }

    /// Requests a new value for a buffer, as [`update`](Tape::update) does, that is computed on the tape. Compute it from
    /// [`pending`](Tape::pending), so that updates of one buffer in one pass follow each other. A [`Plan`](crate::Plan) of the tape
    /// computes it again in every run.
    ///
    /// ```
    /// use autograd::{Matrix, Param, Tape};
    /// let mean = Param::buffer(Matrix::from([[0.0]]));
    /// let tape = Tape::training(0);
    /// let x = tape.variable(5.0);
    /// tape.update_to(&mean, tape.pending(&mean) * 0.9 + x * 0.1);
    /// let grads = x.square().backward();
    /// assert_eq!(grads.updated(&mean), Some(&Matrix::from([[0.5]])));
    /// ```
    ///
    /// # Panics
    /// If the new value has another shape or is of another tape.
    #[track_caller]
    pub fn update_to(&'t self, buffer: &Param<T>, value: Var<'t, T>) {
        assert!(std::ptr::eq(value.tape(), self), "update_to: the value is of another tape");
        let new = self.with(|inner| inner.view(value.id).to_owned());
        self.replace_update(buffer, new);
        self.with_mut(|inner| inner.pass.computed.push((buffer.id(), value.id)));
    }

    /// The new value of a buffer.
    #[track_caller]
    pub(crate) fn replace_update(&self, buffer: &Param<T>, value: Matrix<T>) {
        let ((m, n), (p, q)) = (buffer.value().shape(), value.shape());
        assert!((m, n) == (p, q), "update: a buffer {m} × {n} cannot become {p} × {q}");
        self.with_mut(|inner| {
            let updates = &mut inner.pass.updates;
            match updates.iter_mut().find(|(id, _)| *id == buffer.id()) {
                Some((_, new)) => *new = value,
                None => updates.push((buffer.id(), value)),
            }
        });
    }

    /// Notes that the program did something that a replay cannot do anew.
    #[track_caller]
    pub(crate) fn note_unseen(&self, what: &'static str) {
        let source = Location::caller();
        self.with_mut(|inner| {
            inner.records.anew().unseen.get_or_insert((what, source));
        });
    }

    /// What this tape of a checkpoint did besides computing its value. A plan of the outer tape, which knows only the value, would not
    /// do it again.
    pub(crate) fn unseen_outside(&self) -> Option<&'static str> {
        let read = self.was_read().is_some();
        self.with(|inner| {
            let anew = |f: &dyn Fn(&Anew<T>) -> bool| inner.records.anew.as_deref().is_some_and(f);
            let random = |anew: &Anew<T>| anew.drawn.iter().any(|(id, _)| inner.node(*id).len() > 0);
            let all = [
                (read, "reads a plain number in a checkpoint"),
                (!inner.branches.is_empty(), "compares numbers in a checkpoint"),
                (!inner.pass.computed.is_empty(), "updates a buffer in a checkpoint"),
                (anew(&|anew| !anew.means.is_empty()), "notes the divisor of a mean in a checkpoint"),
                (anew(&random), "draws random numbers in a checkpoint"),
                (anew(&|anew| anew.unseen.is_some()), "does something in a checkpoint that a run would not see"),
            ];
            all.into_iter().find(|(found, _)| *found).map(|(_, what)| what)
        })
    }
}
