//! Operations that depend on the order of the entries along an axis: reversal, rotation, differences, and cumulative products and extremes.

use kernel::{Axis, Binary, compiled_once};

use crate::{Real, Var, hstack, vstack};

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// The entries along an axis in reverse order.
    #[track_caller]
    #[must_use]
    #[doc(alias("flipud", "fliplr"))]
    pub fn flip(self, axis: Axis) -> Self {
        let (m, n) = self.shape();
        self.gather((m, n), |i, j| if axis == Axis::Rows { (m - 1 - i, j) } else { (i, n - 1 - j) })
    }

    /// Moves the entries along an axis by `by` places, down or to the right. Entries that leave at the end come in at the start.
    ///
    /// ```
    /// use autograd::{Axis, Matrix, Tape};
    /// let tape = Tape::new();
    /// let x = tape.variable(Matrix::row(&[1.0, 2.0, 3.0]));
    /// assert_eq!(x.roll(1, Axis::Cols).value().as_slice(), [3.0, 1.0, 2.0]);
    /// ```
    #[track_caller]
    #[must_use]
    pub fn roll(self, by: isize, axis: Axis) -> Self {
        let len = axis.group_len(self.shape());
        if len == 0 {
            return self;
        }
        let start = len - by.rem_euclid(len as isize) as usize;
        self.stacked(axis, &[self.along(axis, start, len), self.along(axis, 0, start)])
    }

    /// The differences of neighbouring entries along an axis: each entry minus the one before. The result has one entry fewer.
    #[track_caller]
    #[must_use]
    pub fn diff(self, axis: Axis) -> Self {
        let len = axis.group_len(self.shape());
        self.along(axis, len.min(1), len) - self.along(axis, 0, len.saturating_sub(1))
    }

    /// The cumulative products along an axis. The derivatives are exact even if entries are 0.
    ///
    /// This function and the cumulative ones below combine entries that are 1, 2, 4, … places apart (Hillis and Steele, 1986), so they take
    /// log₂ of the length steps.
    #[track_caller]
    #[must_use]
    pub fn cumprod(self, axis: Axis) -> Self {
        self.scan(axis, Binary::Mul)
    }

    /// The cumulative maximum along an axis. Of several equal entries the first one gets the gradient.
    #[track_caller]
    #[must_use]
    pub fn cummax(self, axis: Axis) -> Self {
        self.scan(axis, Binary::Max)
    }

    /// The cumulative minimum along an axis. Of several equal entries the first one gets the gradient.
    #[track_caller]
    #[must_use]
    pub fn cummin(self, axis: Axis) -> Self {
        self.scan(axis, Binary::Min)
    }

    /// The cumulative ln Σ eˣ along an axis, without overflow.
    #[track_caller]
    #[must_use]
    #[doc(alias = "logcumsumexp")]
    pub fn log_cumsum_exp(self, axis: Axis) -> Self {
        self.scan(axis, Binary::LogAddExp)
    }

    #[track_caller]
    fn scan(self, axis: Axis, f: Binary) -> Self {
        let (len, mut apart, mut y) = (axis.group_len(self.shape()), 1, self);
        while apart < len {
            let both = y.along(axis, 0, len - apart).binary(f, y.along(axis, apart, len));
            y = y.stacked(axis, &[y.along(axis, 0, apart), both]);
            apart *= 2;
        }
        y
    }

    #[track_caller]
    fn along(self, axis: Axis, start: usize, end: usize) -> Self {
        if axis == Axis::Rows { self.rows_in(start..end) } else { self.columns(start..end) }
    }

    #[track_caller]
    fn stacked(self, axis: Axis, parts: &[Self]) -> Self {
        if axis == Axis::Rows { vstack(parts) } else { hstack(parts) }
    }
}
