//! The functions whose squares are summed.

use autograd::{Compiled, Matrix, Var};

use crate::{JacobianPlan, SparseJacobian, SparseMatrix};

/// Residuals r(θ), m numbers that depend on n parameters, with their Jacobian J = ∂r / ∂θ, m × n.
///
/// It is implemented for a [`Compiled`] closure of one column, whose Jacobian is computed by forward or reverse mode and is sparse where
/// that pays; for a [`SparseJacobian`] of one column, which is always sparse; and for a pair of closures that compute r and J.
///
/// ```
/// use autograd::{Compiled, Matrix, vstack};
/// use solve::Residuals;
/// let mut recorded = Compiled::new(|x| vstack(&[x[0].at(0, 0) * x[0].at(1, 0), x[0].at(0, 0)]));
/// let mut written = (|x: &[f64]| vec![x[0] * x[1], x[0]], |x: &[f64]| Matrix::from([[x[1], x[0]], [1.0, 0.0]]));
/// assert_eq!(recorded.values(&[2.0, 3.0]), [6.0, 2.0]);
/// assert_eq!(recorded.jacobian(&[2.0, 3.0]), written.jacobian(&[2.0, 3.0]));
/// assert_eq!(recorded.vjp(&[2.0, 3.0], &[1.0, 1.0]), written.vjp(&[2.0, 3.0], &[1.0, 1.0]));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not have residuals and a Jacobian",
    note = "hand over `Compiled::new(|x| …)` of one column `x[0]`, or a pair of closures that return `Vec<f64>` and `Matrix<f64>`"
)]
pub trait Residuals {
    /// r(θ).
    fn values(&mut self, x: &[f64]) -> Vec<f64>;

    /// J at θ.
    fn jacobian(&mut self, x: &[f64]) -> Matrix<f64>;

    /// r(θ), and J at θ if `wanted` says so of r and both together cost less than one after the other. By default they do not, and J is
    /// asked for by [`jacobian`](Residuals::jacobian).
    fn values_and_jacobian(
        &mut self,
        x: &[f64],
        wanted: &mut dyn FnMut(&[f64]) -> bool,
    ) -> (Vec<f64>, Option<Matrix<f64>>) {
        let _ = wanted;
        (self.values(x), None)
    }

    /// Takes back a J that is not needed any more, so that the next one can use its memory. By default it is freed.
    fn take_back(&mut self, j: Matrix<f64>) {
        drop(j);
    }

    /// J at θ as a sparse matrix, if that pays. `plan` is kept from one point to the next; it is empty at first.
    ///
    /// By default it never does. For a [`Compiled`] closure it does if there are at least 100 parameters, the sparse Jacobian takes at
    /// most a quarter of the products of the dense one, and at most a tenth of its entries may differ from 0. It is asked for only with the
    /// feature `sparse`, by [`Method::LevenbergMarquardt`](crate::Method::LevenbergMarquardt) and
    /// [`Method::NormalEquations`](crate::Method::NormalEquations).
    fn sparse_jacobian(&mut self, x: &[f64], plan: &mut JacobianPlan) -> Option<SparseMatrix> {
        let _ = (x, plan);
        None
    }

    /// J v, the change of r along a direction.
    fn jvp(&mut self, x: &[f64], v: &[f64]) -> Vec<f64> {
        let j = self.jacobian(x);
        let mut product = vec![0.0; j.rows()];
        for (k, &v) in v.iter().enumerate() {
            product.iter_mut().zip(j.col(k)).for_each(|(sum, &j)| *sum += j * v);
        }
        product
    }

    /// Jᵀ w, the gradient of Σ w ⊙ r.
    fn vjp(&mut self, x: &[f64], w: &[f64]) -> Vec<f64> {
        let j = self.jacobian(x);
        (0..j.cols()).map(|k| j.col(k).iter().zip(w).map(|(j, w)| j * w).sum()).collect()
    }
}

impl<R: FnMut(&[f64]) -> Vec<f64>, J: FnMut(&[f64]) -> Matrix<f64>> Residuals for (R, J) {
    fn values(&mut self, x: &[f64]) -> Vec<f64> {
        (self.0)(x)
    }
    fn jacobian(&mut self, x: &[f64]) -> Matrix<f64> {
        (self.1)(x)
    }
}

impl<F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>> Residuals for Compiled<F, f64> {
    fn values(&mut self, x: &[f64]) -> Vec<f64> {
        self.run(&[Matrix::column(x)]).value().as_slice().to_vec()
    }

    fn jacobian(&mut self, x: &[f64]) -> Matrix<f64> {
        self.run(&[Matrix::column(x)]).jacobian()
    }

    fn sparse_jacobian(&mut self, x: &[f64], plan: &mut JacobianPlan) -> Option<SparseMatrix> {
        if x.len() < 100 {
            return None;
        }
        let x = [Matrix::column(x)];
        plan.renew_jacobian(self, &x);
        plan.pays().then(|| plan.matrix(self, &x))
    }

    fn jvp(&mut self, x: &[f64], v: &[f64]) -> Vec<f64> {
        self.run(&[Matrix::column(x)]).tangent(&[Matrix::column(v)]).into_vec()
    }

    fn vjp(&mut self, x: &[f64], w: &[f64]) -> Vec<f64> {
        let program = self.run(&[Matrix::column(x)]);
        let (rows, cols) = program.value().shape();
        program.backward_with(&Matrix::from_vec(rows, cols, w.to_vec())).swap_remove(0).into_vec()
    }
}

impl Residuals for SparseJacobian<'_> {
    fn values(&mut self, x: &[f64]) -> Vec<f64> {
        self.value(&[Matrix::column(x)]).into_vec()
    }
    fn jacobian(&mut self, x: &[f64]) -> Matrix<f64> {
        self.at(&[Matrix::column(x)]).to_dense()
    }
    fn sparse_jacobian(&mut self, x: &[f64], _: &mut JacobianPlan) -> Option<SparseMatrix> {
        Some(self.at(&[Matrix::column(x)]))
    }
    fn jvp(&mut self, x: &[f64], v: &[f64]) -> Vec<f64> {
        self.function().jvp(x, v)
    }
    fn vjp(&mut self, x: &[f64], w: &[f64]) -> Vec<f64> {
        self.function().vjp(x, w)
    }
}

impl<R: Residuals + ?Sized> Residuals for &mut R {
    fn values(&mut self, x: &[f64]) -> Vec<f64> {
        (**self).values(x)
    }
    fn jacobian(&mut self, x: &[f64]) -> Matrix<f64> {
        (**self).jacobian(x)
    }
    fn values_and_jacobian(
        &mut self,
        x: &[f64],
        wanted: &mut dyn FnMut(&[f64]) -> bool,
    ) -> (Vec<f64>, Option<Matrix<f64>>) {
        (**self).values_and_jacobian(x, wanted)
    }
    fn take_back(&mut self, j: Matrix<f64>) {
        (**self).take_back(j);
    }
    fn sparse_jacobian(&mut self, x: &[f64], plan: &mut JacobianPlan) -> Option<SparseMatrix> {
        (**self).sparse_jacobian(x, plan)
    }
    fn jvp(&mut self, x: &[f64], v: &[f64]) -> Vec<f64> {
        (**self).jvp(x, v)
    }
    fn vjp(&mut self, x: &[f64], w: &[f64]) -> Vec<f64> {
        (**self).vjp(x, w)
    }
}
