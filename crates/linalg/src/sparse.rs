//! Cholesky factors of sparse symmetric matrices.

use faer::linalg::solvers::SolveCore;
use faer::sparse::linalg::solvers::{Llt, SymbolicLlt};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Conj, MatMut, Side};

/// The places of a symmetric matrix in compressed columns, of which the lower triangle is read, and an order of elimination that keeps
/// its factors sparse (approximate minimum degree).
pub struct SparseCholesky {
    starts: Vec<usize>,
    indices: Vec<usize>,
    symbolic: SymbolicLlt<usize>,
}

/// The Cholesky factor L of a sparse symmetric matrix A. Its rows and columns are permuted first to keep L sparse: P A Pᵀ = L Lᵀ.
pub struct SparseFactor {
    n: usize,
    factor: Llt<usize, f64>,
}

impl SparseCholesky {
    /// From the starts of the columns and the rows of the places, in rising order. `None` if memory is short.
    ///
    /// # Panics
    /// If they are not the compressed columns of a square matrix.
    #[track_caller]
    pub fn new(starts: Vec<usize>, indices: Vec<usize>) -> Option<Self> {
        let symbolic = SymbolicLlt::try_new(places(&starts, &indices), Side::Lower).ok()?;
        Some(SparseCholesky { starts, indices, symbolic })
    }

    /// The factor of the matrix with these entries. `None` if a pivot is not positive, or memory is short.
    /// A matrix that is singular up to rounding may have a factor that means nothing.
    ///
    /// # Panics
    /// If there are not as many values as places.
    #[track_caller]
    pub fn factor(&self, values: &[f64]) -> Option<SparseFactor> {
        let matrix = SparseColMatRef::new(places(&self.starts, &self.indices), values);
        let factor = Llt::try_new_with_symbolic(self.symbolic.clone(), matrix, Side::Lower).ok()?;
        Some(SparseFactor { n: self.starts.len() - 1, factor })
    }
}

impl SparseFactor {
    /// A⁻¹ b.
    ///
    /// # Panics
    /// If b does not have a number for each row.
    #[track_caller]
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let (n, given) = (self.n, b.len());
        assert!(n == given, "SparseFactor::solve: {given} numbers for {n} rows");
        let mut x = b.to_vec();
        self.factor.solve_in_place_with_conj(Conj::No, MatMut::from_column_major_slice_mut(&mut x, n, 1));
        x
    }
}

#[track_caller]
fn places<'a>(starts: &'a [usize], indices: &'a [usize]) -> SymbolicSparseColMatRef<'a, usize> {
    let n = starts.len() - 1;
    SymbolicSparseColMatRef::new_checked(n, n, starts, None, indices)
}
