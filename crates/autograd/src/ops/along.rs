//! Operations that depend on the order of the entries along an axis: reversal, rotation, differences, windows, and cumulative products and extremes.

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

    /// All ranges of `width` neighbouring columns, each as one column: the columns from j on are stacked in column j of the result,
    /// m × n → m · width × (n + 1 − width).
    ///
    /// A product with the windows is a convolution along the columns, Y = Σₖ Wₖ X(k), where X(k) has the columns of X from k on and
    /// the weights are (W₀ W₁ …), outputs × m · width.
    ///
    /// # Panics
    /// If `width` is 0, or there are fewer columns.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let x = tape.variable(Matrix::row(&[1.0, 2.0, 4.0, 8.0]));
    /// assert_eq!(x.windows(3).value(), Matrix::from([[1.0, 2.0], [2.0, 4.0], [4.0, 8.0]]));
    /// let w = tape.variable(Matrix::row(&[1.0, 0.0, -1.0]));
    /// assert_eq!(w.matmul(x.windows(3)).value(), Matrix::row(&[-3.0, -6.0]));
    /// ```
    #[track_caller]
    #[must_use]
    #[doc(alias("unfold", "conv1d", "im2col", "sliding_window_view"))]
    pub fn windows(self, width: usize) -> Self {
        let (m, n) = self.shape();
        assert!(0 < width && width <= n, "windows: {width} neighbouring columns of {m} × {n}");
        self.gather((m * width, n + 1 - width), |i, j| (i % m, j + i / m))
    }

    /// The cumulative products along an axis. The derivatives are exact even if entries are 0.
    ///
    /// Each product is the one before times an entry, as in a loop. Products of other groups of entries could overflow or underflow where
    /// these do not.
    #[track_caller]
    #[must_use]
    pub fn cumprod(self, axis: Axis) -> Self {
        let mut products: Vec<Self> = Vec::new();
        for k in 0..axis.group_len(self.shape()) {
            let x = self.along(axis, k, k + 1);
            products.push(if let Some(&before) = products.last() { before * x } else { x });
        }
        if products.is_empty() { self } else { self.stacked(axis, &products) }
    }

    /// The cumulative maximum along an axis. Of several equal entries the first one gets the gradient.
    ///
    /// This function and those below combine entries that are 1, 2, 4, … places apart (Hillis and Steele, 1986), so they take log₂ of the
    /// length steps.
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

    /// The cumulative ln Σ eˣ along an axis, without overflow. The slopes have all their digits, however large the entries are.
    #[track_caller]
    #[must_use]
    #[doc(alias = "logcumsumexp")]
    pub fn log_cumsum_exp(self, axis: Axis) -> Self {
        // Beside a large number m the logarithms of sums are lost in rounding, so they are computed for x − m. For a group of entries
        // m is ln Σ eˣ as far as its digits go. The result does not depend on m, which therefore needs no gradient. The largest entry
        // would do too, but has kinks.
        let m = self.stop_gradient().clamp(-T::MAX, T::MAX);
        let [m, y] = scan(axis, [m, self - m], |[m, y], [n, z]| {
            let both = m.log_add_exp(n);
            [both, (y + (m - both)).log_add_exp(z + (n - both))]
        });
        y + m
    }

    #[track_caller]
    fn scan(self, axis: Axis, f: Binary) -> Self {
        let [y] = scan(axis, [self], |[x], [y]| [x.binary(f, y)]);
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

/// The results of an associative `f` for the entries up to each entry along an axis. An entry may consist of several numbers, each of which is
/// in a matrix of its own.
#[track_caller]
fn scan<'t, T: Real, const N: usize>(
    axis: Axis,
    mut y: [Var<'t, T>; N],
    f: impl Fn([Var<'t, T>; N], [Var<'t, T>; N]) -> [Var<'t, T>; N],
) -> [Var<'t, T>; N] {
    let (len, mut apart) = (axis.group_len(y[0].shape()), 1);
    while apart < len {
        let both = f(y.map(|y| y.along(axis, 0, len - apart)), y.map(|y| y.along(axis, apart, len)));
        for (y, both) in y.iter_mut().zip(both) {
            *y = y.stacked(axis, &[y.along(axis, 0, apart), both]);
        }
        apart *= 2;
    }
    y
}
