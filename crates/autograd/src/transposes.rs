//! What is done to each row of a matrix is done to each column of its transpose, where the entries lie together.

use smallvec::SmallVec;

use crate::elementwise::{Accum, Out};
use crate::pool::Pooled;
use crate::transpose::transpose;
use crate::{MatrixRef, Real};

/// Transposes of matrices, by number.
pub(crate) struct Transposes<T: Real> {
    entries: Pooled<T, Vec<T>>,
    /// The rows and columns, and where the entries begin.
    places: SmallVec<[(usize, usize, usize); 4]>,
}

impl<T: Real> Transposes<T> {
    pub fn new() -> Self {
        let mut entries = Pooled::<T, Vec<T>>::take();
        entries.clear();
        Transposes { entries, places: SmallVec::new() }
    }

    /// Adds that of x; returns its number.
    pub fn push(&mut self, x: MatrixRef<'_, T>) -> usize {
        let start = self.entries.len();
        self.entries.resize(start + x.as_slice().len(), T::default());
        transpose(x, Accum::Replace, &mut self.entries[start..]);
        self.places.push((x.cols(), x.rows(), start));
        self.places.len() - 1
    }

    /// y = or += the transpose of what `f` makes of these.
    pub fn write<'s>(
        &'s self,
        accum: Accum,
        y: Out<'_, T>,
        f: impl FnOnce(&dyn Fn(usize) -> MatrixRef<'s, T>, Out<'_, T>),
    ) {
        let look = |k: usize| {
            let (m, n, start) = self.places[k];
            MatrixRef::new(m, n, &self.entries[start..][..m * n])
        };
        let (rows, cols) = (y.cols, y.rows);
        let mut made = Pooled::<T, Vec<T>>::take();
        made.clear();
        made.resize(rows * cols, T::default());
        f(&look, Out { rows, cols, data: &mut made });
        transpose(MatrixRef::new(rows, cols, &made), accum, y.data);
    }
}
