//! Reductions: sums, means, extremes, products, norms, and the softmax family.

use kernel::{Axis, AxisFunction, compiled_once};

use crate::rule::op::Op;
use crate::tape::var::dims;
use crate::{Real, Var, vstack};

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// The sum of all entries, 1 × 1.
    #[track_caller]
    #[must_use]
    pub fn sum(self) -> Self {
        self.tape().record((1, 1), &[Op::Add(1.0, self.id)])
    }

    /// The sum along an axis: 1 × n down the rows, m × 1 along the columns.
    #[track_caller]
    #[must_use]
    pub fn sum_over(self, axis: Axis) -> Self {
        self.tape().record(axis.reduce(self.shape()), &[Op::Add(1.0, self.id)])
    }

    /// The mean of all entries, 1 × 1; NaN if there are no entries.
    #[track_caller]
    #[must_use]
    pub fn mean(self) -> Self {
        let (m, n) = self.shape();
        self.average((1, 1), m * n)
    }

    /// The mean along an axis: 1 × n down the rows, m × 1 along the columns; NaN if there are no entries.
    #[track_caller]
    #[must_use]
    pub fn mean_over(self, axis: Axis) -> Self {
        self.average(axis.reduce(self.shape()), axis.group_len(self.shape()))
    }

    #[track_caller]
    fn average(self, shape: (usize, usize), count: usize) -> Self {
        self.tape().record(shape, &[Op::quotient::<T>(self.id, count as f64)])
    }

    /// The mean along an axis, and x minus the mean. The mean of the centred values is computed too and added, which removes the rounding
    /// error of the first mean. This matters if the mean is much larger than the deviation.
    #[track_caller]
    #[must_use]
    pub fn centred_over(self, axis: Axis) -> (Self, Self) {
        self.centred(|x| x.mean_over(axis))
    }

    /// The first mean needs no gradient, because the results do not depend on it.
    #[track_caller]
    fn centred(self, mean: impl Fn(Self) -> Self) -> (Self, Self) {
        let near = mean(self).stop_gradient();
        let c = self - near;
        let rest = mean(c);
        (near + rest, c - rest)
    }

    /// The mean of (x − mean)² along an axis. Multiply by n / (n − 1) for the unbiased estimate from n samples.
    #[track_caller]
    #[must_use]
    pub fn variance_over(self, axis: Axis) -> Self {
        self.centred_over(axis).1.square().mean_over(axis)
    }

    /// The mean of (x − mean)² over all entries, 1 × 1.
    #[track_caller]
    #[must_use]
    #[doc(alias = "var")]
    pub fn variance(self) -> Self {
        self.centred(Self::mean).1.square().mean()
    }

    /// √Σ x² along an axis, without overflow; the slope at 0 is 0.
    #[track_caller]
    #[must_use]
    pub fn norm_over(self, axis: Axis) -> Self {
        self.tape().record(axis.reduce(self.shape()), &[Op::AlongAxis(AxisFunction::Norm, axis, self.id)])
    }

    /// √Σ x² over all entries, 1 × 1, without overflow; the slope at 0 is 0.
    #[track_caller]
    #[must_use]
    #[doc(alias = "linalg_norm")]
    pub fn norm(self) -> Self {
        self.flat().norm_over(Axis::Rows)
    }

    /// The largest entry along an axis; among equal entries the first one gets the gradient. It is −∞ if there are no entries.
    #[track_caller]
    #[must_use]
    #[doc(alias = "amax")]
    pub fn max_over(self, axis: Axis) -> Self {
        self.tape().record(axis.reduce(self.shape()), &[Op::AlongAxis(AxisFunction::Max, axis, self.id)])
    }

    /// The smallest entry along an axis, or ∞ if there are no entries; among equal entries the first one gets the gradient.
    #[track_caller]
    #[must_use]
    pub fn min_over(self, axis: Axis) -> Self {
        -(-self).max_over(axis)
    }

    /// The largest of all entries, 1 × 1.
    #[track_caller]
    #[must_use]
    pub fn max_entry(self) -> Self {
        self.flat().max_over(Axis::Rows)
    }

    /// The smallest of all entries, 1 × 1.
    #[track_caller]
    #[must_use]
    pub fn min_entry(self) -> Self {
        self.flat().min_over(Axis::Rows)
    }

    /// 1 at the first largest entry along an axis, 0 elsewhere. The slope is 0.
    #[track_caller]
    #[must_use]
    #[doc(alias = "argmax")]
    pub fn arg_max(self, axis: Axis) -> Self {
        self.tape().record(self.shape(), &[Op::AlongAxis(AxisFunction::ArgMax, axis, self.id)])
    }

    /// The product along an axis, by halves, so its derivatives are also exact if entries are 0. The product of no entries is 1.
    ///
    /// The product of a half may overflow or underflow where a loop over the entries does not. The last of the
    /// [cumulative products](Var::cumprod) is that of a loop, in one step for each entry.
    #[track_caller]
    #[must_use]
    pub fn product_over(self, axis: Axis) -> Self {
        if axis == Axis::Cols {
            return self.t().product_over(Axis::Rows).t();
        }
        let mut y = self;
        while y.rows() > 1 {
            let (m, half) = (y.rows(), y.rows() / 2);
            let pairs = y.rows_in(0..half) * y.rows_in(half..2 * half);
            y = if m % 2 == 0 { pairs } else { vstack(&[pairs, y.rows_in(m - 1..m)]) };
        }
        if y.rows() == 1 { y } else { y.sum_over(Axis::Rows) + 1.0 }
    }

    /// The product of all entries, 1 × 1.
    #[track_caller]
    #[must_use]
    pub fn product(self) -> Self {
        self.flat().product_over(Axis::Rows)
    }

    #[track_caller]
    fn flat(self) -> Self {
        let (m, n) = self.shape();
        self.reshape(m * n, 1)
    }

    /// Σ aᵢ bᵢ over all entries, 1 × 1.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    #[must_use]
    pub fn dot(self, b: Self) -> Self {
        self.same_tape("dot", b);
        assert!(self.shape() == b.shape(), "dot: {} and {} differ in shape", dims(self), dims(b));
        (self * b).sum()
    }

    /// The sum of the diagonal, 1 × 1.
    #[track_caller]
    #[must_use]
    pub fn trace(self) -> Self {
        self.diagonal().sum()
    }

    /// yᵢ = e^xᵢ / Σₖ e^xₖ along an axis. Use `Axis::Rows` for the classes of each sample. A single +∞ gives 1, which is the limit. If
    /// several entries are +∞ or all are −∞, there is no limit, and the result is NaN.
    #[track_caller]
    #[must_use]
    pub fn softmax(self, axis: Axis) -> Self {
        self.tape().record(self.shape(), &[Op::AlongAxis(AxisFunction::Softmax, axis, self.id)])
    }

    /// xᵢ − ln Σₖ e^xₖ along an axis, also accurate if softmax underflows.
    #[track_caller]
    #[must_use]
    pub fn log_softmax(self, axis: Axis) -> Self {
        self.tape().record(self.shape(), &[Op::AlongAxis(AxisFunction::LogSoftmax, axis, self.id)])
    }

    /// ln Σₖ e^xₖ along an axis, without overflow; −∞ if there are no entries. Its slope is softmax(x). If all x are −∞, the value is
    /// −∞ and the slope 0, because no finite change of x changes it.
    #[track_caller]
    #[must_use]
    #[doc(alias = "logsumexp")]
    pub fn log_sum_exp(self, axis: Axis) -> Self {
        self.tape().record(axis.reduce(self.shape()), &[Op::AlongAxis(AxisFunction::LogSumExp, axis, self.id)])
    }

    /// The cross-entropy −Σᵢ tᵢ ln softmax(x)ᵢ of each column, 1 × n, where `t` holds probabilities.
    /// With targets that sum to 1, δx = (softmax(x) − t) δy, the lecture's δ = y − t. It is the difference of rounded numbers, accurate
    /// to some units in the last place of 1: at a correct class with a probability near 1 it loses digits.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    #[must_use]
    pub fn softmax_cross_entropy(self, t: Self) -> Self {
        self.same_tape("softmax_cross_entropy", t);
        assert!(
            self.shape() == t.shape(),
            "softmax_cross_entropy: logits {} and targets {} differ in shape",
            dims(self),
            dims(t)
        );
        let p = self.softmax(Axis::Rows);
        self.tape().record((1, self.cols()), &[Op::CrossEntropy { x: self.id, t: t.id, p: p.id }])
    }

    /// The cross-entropy with one correct class for each column: −ln softmax(x) at that class, 1 × n.
    ///
    /// # Panics
    /// If the numbers of classes and columns differ, or a class is not below the number of rows.
    #[track_caller]
    #[must_use]
    pub fn softmax_cross_entropy_with_classes(self, classes: &[usize]) -> Self {
        let (m, n) = self.shape();
        assert!(
            classes.len() == n,
            "softmax_cross_entropy_with_classes: {} classes for logits {m} × {n}: one for each column",
            classes.len()
        );
        for (j, &class) in classes.iter().enumerate() {
            assert!(
                class < m,
                "softmax_cross_entropy_with_classes: class {class} of sample {j} is not below the {m} rows of the logits"
            );
        }
        self.softmax_cross_entropy(self.tape().one_hot(m, classes))
    }
}
