//! Recording scalars.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use kernel::pool::Pooled;

use super::connections::Connections;
use super::gradients::ScalarGradients;
use super::recording::{PooledRecording, Recording};
use crate::{Real, Scalar};

/// A record of a scalar computation, some twenty times as fast as a [`Tape`](crate::Tape) of 1 × 1 matrices.
///
/// A function that is generic in [`Number`](crate::Number) runs on both tapes. This tape gives the gradient of a number, and of
/// weighted sums. Unlike the other tape it has no replay, no names of ops and no lines.
///
/// A number carries up to three connections to recorded numbers. A function of one number only changes their
/// weights. The tape records a number only if it would have four or more: σ(x y + b) records nothing. So it
/// records less than once a statement, without expression templates (Hogan, *Fast reverse-mode
/// automatic differentiation using expression templates in C++*, 2014).
///
/// ```
/// use autograd::{Number, ScalarTape};
/// let mut tape = ScalarTape::new();
/// for start in [0.5, 2.0] {
///     let (x, y) = (tape.variable(start), tape.variable(3.0));
///     let z = (x * y).sin() + 2.0 * x;
///     let grads = z.backward(); // owned
///     assert_eq!(grads.wrt(x), (start * 3.0f64).cos() * 3.0 + 2.0);
///     tape.clear(); // the next recording allocates nothing
/// }
/// ```
///
/// With [`Dual`](crate::Dual) numbers of its numbers it gives second derivatives. The tangent is itself on the tape, and its gradient is
/// the product of the Hessian with the direction, here (1, 0). The example `predator_prey` computes a Hessian in this way.
///
/// ```
/// use autograd::{Dual, Number, ScalarTape};
/// let tape = ScalarTape::new();
/// let (x, y) = (tape.variable(2.0), tape.variable(3.0));
/// let z = Dual::variable(x).square() * Dual::constant(y); // x² y, and 2 x y as its tangent
/// assert_eq!(z.tangent.backward().as_slice(), [6.0, 4.0]); // ∂/∂x and ∂/∂y of 2 x y
/// ```
pub struct ScalarTape<T: Real> {
    id: u64,
    recording: RefCell<Pooled<PooledRecording<T>>>,
}

impl<T: Real> ScalarTape<T> {
    /// An empty tape. It uses the buffers of an earlier one of this thread if there was one.
    pub fn new() -> Self {
        let mut recording = Pooled::<PooledRecording<T>>::take();
        recording.0.get_or_insert_default().clear();
        ScalarTape { id: new_id(), recording: RefCell::new(recording) }
    }

    /// Records a number that gets a gradient.
    pub fn variable(&self, value: T) -> Scalar<'_, T> {
        let number = self.with(|recording| recording.variable(value));
        Scalar::new(self, value, Connections::to(number))
    }

    /// Records numbers that get a gradient.
    pub fn variables(&self, values: &[T]) -> Vec<Scalar<'_, T>> {
        values.iter().map(|&x| self.variable(x)).collect()
    }

    /// A number without a gradient. Nothing is recorded.
    pub fn constant(&self, value: T) -> Scalar<'_, T> {
        Scalar::new(self, value, Connections::none())
    }

    /// The gradients of Σ w y for several outputs, in one sweep.
    ///
    /// # Panics
    /// If an output is of another tape, or all are constants.
    ///
    /// ```
    /// use autograd::{Number, ScalarTape};
    /// let tape = ScalarTape::new();
    /// let x = tape.variable(3.0);
    /// assert_eq!(tape.backward(&[(x.square(), 1.0), (x.exp(), 0.0), (x, 0.5)]).wrt(x), 6.5);
    /// ```
    #[track_caller]
    pub fn backward(&self, outputs: &[(Scalar<'_, T>, T)]) -> ScalarGradients<T> {
        for (y, _) in outputs {
            assert!(std::ptr::eq(y.tape(), self), "backward: a number is of another tape");
        }
        let active = outputs.iter().any(|(y, _)| y.needs_gradient());
        assert!(active, "backward: the value depends on constants only");
        let mut values = Pooled::<Vec<T>>::take();
        let outputs = outputs.iter().map(|&(y, w)| y.connections().weighed(w));
        self.with(|recording| recording.gradients(outputs, &mut values));
        ScalarGradients { tape: self.id, values }
    }

    /// Removes everything that was recorded, and keeps the memory for the next recording.
    pub fn clear(&mut self) {
        self.id = new_id();
        self.with(Recording::clear);
    }

    /// The number of recorded numbers, including variables. Numbers that carry their connections are not counted.
    pub fn len(&self) -> usize {
        self.with(|recording| recording.numbers())
    }

    /// Whether nothing has been recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of recorded connections, each of 12 bytes in `f64`.
    pub fn connections(&self) -> usize {
        self.with(|recording| recording.connections())
    }

    /// The number a + b. Every part is passed in a register, pair by pair, to a function that is not inlined. Inlined, it would
    /// crowd out the formula around it.
    #[inline(always)]
    pub(super) fn record(&self, a: Connections<T>, b: Connections<T>) -> u32 {
        let ([q, r, s], [t, u, v]) = (a.weights, b.weights);
        self.record_parts((q, r), (s, t), (u, v), a.words.into(), b.words.into())
    }

    #[inline(never)]
    fn record_parts(&self, (q, r): (T, T), (s, t): (T, T), (u, v): (T, T), a: (u64, u64), b: (u64, u64)) -> u32 {
        let (a, b) =
            (Connections { weights: [q, r, s], words: a.into() }, Connections { weights: [t, u, v], words: b.into() });
        self.with(|recording| recording.record(a, b))
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    #[inline(always)]
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Recording<T>) -> R) -> R {
        f(self.recording.borrow_mut().0.as_mut().expect("a tape has its recording"))
    }
}

impl<T: Real> Default for ScalarTape<T> {
    fn default() -> Self {
        ScalarTape::new()
    }
}

fn new_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
