//! A Jacobian, dense or sparse.

use std::borrow::Cow;

use autograd::Matrix;

use super::model::{dot, norm};
use crate::SparseMatrix;

pub enum Jacobian {
    Dense(Matrix<f64>),
    Sparse(SparseMatrix),
}

impl Jacobian {
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Jacobian::Dense(j) => j.shape(),
            Jacobian::Sparse(j) => (j.rows(), j.cols()),
        }
    }

    /// The entries of a column that are stored.
    fn column(&self, k: usize) -> &[f64] {
        match self {
            Jacobian::Dense(j) => j.col(k),
            Jacobian::Sparse(j) => j.column(k),
        }
    }

    pub fn length(&self, k: usize) -> f64 {
        norm(self.column(k))
    }

    /// Multiplies each row by its factor.
    pub fn scale_rows(&mut self, factors: &[f64]) {
        match self {
            Jacobian::Dense(j) => {
                (0..j.cols()).for_each(|k| j.col_mut(k).iter_mut().zip(factors).for_each(|(j, factor)| *j *= factor))
            }
            Jacobian::Sparse(j) => {
                let pattern = j.pattern().clone();
                j.values_mut().iter_mut().zip(pattern.row_indices()).for_each(|(j, &i)| *j *= factors[i]);
            }
        }
    }

    /// Jᵀ r.
    pub fn pull(&self, r: &[f64]) -> Vec<f64> {
        match self {
            Jacobian::Dense(j) => (0..j.cols()).map(|k| dot(j.col(k), r)).collect(),
            Jacobian::Sparse(j) => j.transposed_times(r),
        }
    }

    /// J v.
    pub fn push(&self, v: &[f64]) -> Vec<f64> {
        match self {
            Jacobian::Dense(j) => {
                (0..j.rows()).map(|i| v.iter().enumerate().map(|(k, v)| j[(i, k)] * v).sum()).collect()
            }
            Jacobian::Sparse(j) => j.times(v),
        }
    }

    /// The row and the column of an entry that is not finite.
    pub fn not_finite(&self) -> Option<(usize, usize)> {
        let wrong = |k: usize| self.column(k).iter().position(|j| !j.is_finite()).map(|at| (k, at));
        let (k, at) = (0..self.shape().1).find_map(wrong)?;
        match self {
            Jacobian::Dense(_) => Some((at, k)),
            Jacobian::Sparse(j) => Some((j.pattern().column(k)[at], k)),
        }
    }

    /// All entries, if the inverse of a model with them takes at most a few seconds.
    pub fn to_dense(&self) -> Option<Cow<'_, Matrix<f64>>> {
        let (m, n) = self.shape();
        match self {
            Jacobian::Dense(j) => Some(Cow::Borrowed(j)),
            Jacobian::Sparse(j) => (m.saturating_mul(n).saturating_mul(n) <= 1 << 30).then(|| Cow::Owned(j.to_dense())),
        }
    }
}
