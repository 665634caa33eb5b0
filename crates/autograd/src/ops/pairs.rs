//! Operations on all pairs of columns or entries of two matrices: distances, products.

use kernel::{Axis, compiled_once};

use crate::tape::var::dims;
use crate::{Real, Var};

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// aᵢ − bⱼ of every column of this matrix, m × p, and every column of b, m × q: column i + j p of an m × p q matrix.
    ///
    /// # Panics
    /// If the matrices differ in the number of rows.
    #[track_caller]
    #[must_use]
    pub fn differences(self, b: Self) -> Self {
        self.each_pair("differences", b)
    }

    /// ‖aᵢ − bⱼ‖ of every column of this matrix and every column of b: entry (i, j) of a p × q matrix. If two columns are equal, the slope
    /// is 0.
    ///
    /// # Panics
    /// If the matrices differ in the number of rows.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let a = tape.variable(Matrix::from([[0.0, 3.0], [0.0, 4.0]]));
    /// assert_eq!(a.distances(a).value(), Matrix::from([[0.0, 5.0], [5.0, 0.0]]));
    /// ```
    #[track_caller]
    #[must_use]
    #[doc(alias("cdist", "pdist"))]
    pub fn distances(self, b: Self) -> Self {
        self.each_pair("distances", b).norm_over(Axis::Rows).reshape(self.cols(), b.cols())
    }

    /// ‖aᵢ − bⱼ‖² of every column of this matrix and every column of b: sums of squared differences, in which nothing cancels.
    ///
    /// # Panics
    /// If the matrices differ in the number of rows.
    #[track_caller]
    #[must_use]
    pub fn squared_distances(self, b: Self) -> Self {
        self.each_pair("squared_distances", b).square().sum_over(Axis::Rows).reshape(self.cols(), b.cols())
    }

    /// Kronecker's product: each entry of this matrix is replaced by that entry times b.
    #[track_caller]
    #[must_use]
    pub fn kron(self, b: Self) -> Self {
        self.same_tape("kron", b);
        let ((m, n), (p, q)) = (self.shape(), b.shape());
        let shape = (m * p, n * q);
        self.gather(shape, |i, j| (i / p, j / q)) * b.gather(shape, |i, j| (i % p, j % q))
    }

    #[track_caller]
    fn each_pair(self, name: &str, b: Self) -> Self {
        self.same_tape(name, b);
        assert!(self.rows() == b.rows(), "{name}: {} and {} differ in the number of rows", dims(self), dims(b));
        let (m, p, q) = (self.rows(), self.cols(), b.cols());
        self.gather((m, p * q), |i, j| (i, j % p)) - b.gather((m, p * q), |i, j| (i, j / p))
    }
}
