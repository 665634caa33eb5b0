//! Sorting, and the functions that need sorted entries: largest entries, quantiles, medians.

use kernel::{Axis, compiled_once};

use crate::{Matrix, Real, Var};

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// The entries of each column or row in ascending order, and the index that each had before. Equal entries keep their order, and NaN
    /// comes last. The gradient of an entry goes to its former place.
    ///
    /// A [program](Var::program) replays this order and refuses inputs that would be sorted in another way. It does not detect two cases:
    /// NaN among the entries, and equal entries that were not equal before. [`Compiled`](crate::Compiled) sorts anew at every call.
    ///
    /// ```
    /// use autograd::{Axis, Matrix, Tape};
    /// let tape = Tape::new();
    /// let x = tape.variable(Matrix::column(&[3.0, 1.0, 2.0]));
    /// let (y, order) = x.sort(Axis::Rows);
    /// assert_eq!((y.value().as_slice(), order.as_slice()), (&[1.0, 2.0, 3.0][..], &[1, 2, 0][..]));
    /// assert_eq!(y.at(2, 0).backward().wrt(x).as_slice(), [1.0, 0.0, 0.0]);
    /// ```
    #[track_caller]
    #[must_use]
    #[doc(alias("argsort", "msort"))]
    pub fn sort(self, axis: Axis) -> (Self, Matrix<usize>) {
        self.sorted(axis, false)
    }

    /// The k largest entries of each column or row, the largest first, and the index of each. Equal entries keep their order, and NaN
    /// counts as the largest. Gradients and replays are as for [`sort`](Var::sort).
    ///
    /// # Panics
    /// If a column or row has fewer than k entries.
    #[track_caller]
    #[must_use]
    #[doc(alias = "topk")]
    pub fn top_k(self, k: usize, axis: Axis) -> (Self, Matrix<usize>) {
        let (m, n) = self.shape();
        assert!(k <= axis.group_len((m, n)), "top_k: {k} entries of each {axis:?} of {m} × {n}");
        let (y, order) = self.sorted(axis, true);
        let first = |rows: usize, cols: usize| Matrix::from_fn(rows, cols, |i, j| order[(i, j)]);
        if axis == Axis::Rows { (y.rows_in(0..k), first(k, n)) } else { (y.columns(0..k), first(m, k)) }
    }

    /// The q-quantile along an axis, 0 ≤ q ≤ 1: the entry at place q (k − 1) of the k sorted ones, interpolated between its two neighbours.
    /// It is NaN if an entry is NaN. Gradients and replays are as for [`sort`](Var::sort).
    ///
    /// # Panics
    /// If q is not within 0 and 1, or there are no entries.
    #[track_caller]
    #[must_use]
    pub fn quantile(self, q: f64, axis: Axis) -> Self {
        let ((m, n), last) = (self.shape(), axis.group_len(self.shape()).wrapping_sub(1));
        assert!((0.0..=1.0).contains(&q), "quantile: {q} is not within 0 and 1");
        assert!(last != usize::MAX, "quantile: {m} × {n} has no entries along {axis:?}");
        let (y, whole) = (self.sort(axis).0, q * last as f64);
        let from = y.tape().with(|inner| {
            let y = inner.view(y.id);
            let at =
                |k: f64, group| place(axis, if nan(y[place(axis, last, group)]) { last } else { k as usize }, group);
            let groups = 0..m * n / (last + 1);
            groups.map(|group| [at(whole.floor(), group), at(whole.ceil(), group)]).collect::<Vec<_>>()
        });
        let low = y.gather(axis.reduce((m, n)), |i, j| from[i.max(j)][0]);
        let high = y.gather(axis.reduce((m, n)), |i, j| from[i.max(j)][1]);
        // At an integer place nothing is interpolated, because the difference of two infinities would be NaN.
        match whole.fract() {
            0.0 => low,
            part => low * (1.0 - part) + high * part,
        }
    }

    /// The median along an axis, which is the [quantile](Var::quantile) of ½. For an even number of entries it is the mean of the two in
    /// the middle.
    ///
    /// # Panics
    /// If there are no entries.
    #[track_caller]
    #[must_use]
    pub fn median(self, axis: Axis) -> Self {
        self.quantile(0.5, axis)
    }

    #[track_caller]
    fn sorted(self, axis: Axis, descending: bool) -> (Self, Matrix<usize>) {
        let ((m, n), len) = (self.shape(), axis.group_len(self.shape()));
        self.tape().note_reading();
        let from = self.tape().with(|inner| {
            let x = inner.view(self.id);
            let at = |group| move |k: usize| x[place(axis, k, group)];
            let groups = (m * n).checked_div(len).unwrap_or(0);
            (0..groups).map(|group| order(len, descending, at(group))).collect::<Vec<_>>()
        });
        let from = |i: usize, j: usize| if axis == Axis::Rows { from[j][i] } else { from[i][j] };
        let y = self.gather((m, n), |i, j| if axis == Axis::Rows { (from(i, j), j) } else { (i, from(i, j)) });
        if len > 1 && m * n > 0 {
            // A replay compares, too: the steps are all up or all down. Halves of finite numbers have a finite difference.
            let steps = (y.stop_gradient().clamp(-T::MAX, T::MAX) * 0.5).diff(axis);
            let _ = (steps.min_entry() < 0.0, steps.max_entry() > 0.0);
        }
        (y, Matrix::from_fn(m, n, from))
    }
}

/// The k-th entry of each column or row.
fn place(axis: Axis, k: usize, group: usize) -> (usize, usize) {
    if axis == Axis::Rows { (k, group) } else { (group, k) }
}

/// The indices of the sorted numbers.
fn order<T: Real>(len: usize, descending: bool, at: impl Fn(usize) -> T) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = if descending { (at(b), at(a)) } else { (at(a), at(b)) };
        a.partial_cmp(&b).unwrap_or_else(|| nan(a).cmp(&nan(b)))
    });
    order
}

fn nan<T: Real>(x: T) -> bool {
    x.partial_cmp(&x).is_none()
}
