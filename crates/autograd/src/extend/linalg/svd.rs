//! Singular values and their vectors.

use kernel::compiled_once;

use super::quotients::{near, quotients, slopes, vectors_quotient};
use super::{LinalgError, finite};
use crate::{CustomOp, Matrix, MatrixRef, Real, Var};

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// The thin decomposition A = U diag(σ) Vᵀ of m × n with k = min(m, n): U, m × k, and V, n × k, with orthonormal columns, and the
    /// singular values σ, k × 1, in descending order. The largest entry in absolute value of each column of U is positive.
    ///
    /// With P = Uᵀ δU − δUᵀ U and Q = Vᵀ δV − δVᵀ V, δA = U (diag(δσ) + K) Vᵀ + (1 − U Uᵀ) δU diag(1/σ) Vᵀ + U diag(1/σ) δVᵀ (1 − V Vᵀ),
    /// where 2 Kᵢⱼ = (P + Q)ᵢⱼ / (σⱼ − σᵢ) + (P − Q)ᵢⱼ / (σⱼ + σᵢ) (Townsend, *Differentiating the singular value decomposition*, 2016).
    ///
    /// The vectors of nearly equal singular values are not determined. If A is not square, neither are those of a singular value that is
    /// nearly 0. If the function depends on such vectors, its derivative panics. If it depends only on σ and on other vectors, its
    /// derivative is right. For functions of σ alone, [`singular_values`](Var::singular_values) has more derivatives.
    ///
    /// # Errors
    /// If an entry is not finite.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let a = tape.variable(Matrix::from([[0.0, 2.0], [3.0, 0.0], [0.0, 0.0]]));
    /// let (u, s, v) = a.svd()?;
    /// assert_eq!(s.value().as_slice(), [3.0, 2.0]);
    /// assert_eq!((u * s.t()).matmul_nt(v).value(), a.value());
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    pub fn svd(self) -> Result<(Self, Self, Self), LinalgError> {
        let (m, n) = self.shape();
        let value = self.all_singular("svd")?;
        let all = self.tape().custom_value(Svd, value, &[self]);
        Ok((all.rows_in(0..m), all.rows_in(m..m + 1).t(), all.rows_in(m + 1..m + 1 + n)))
    }

    /// The singular values of A, min(m, n) × 1, in descending order.
    ///
    /// δA = U diag(δσ) Vᵀ. A singular value has a kink where it is 0, and its derivative there is a one-sided one. The second derivative
    /// has the terms (δσᵢ − δσⱼ) / (σᵢ − σⱼ) and (δσᵢ + δσⱼ) / (σᵢ + σⱼ). If a divisor is nearly 0, the derivative exists for functions
    /// that treat the two values alike, and for even functions of a value that is 0. For other functions it panics.
    ///
    /// # Errors
    /// If an entry is not finite.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let a = tape.variable(Matrix::from([[3.0, 0.0], [0.0, -2.0]]));
    /// let s = a.singular_values()?;
    /// assert_eq!(s.value().as_slice(), [3.0, 2.0]);
    /// assert_eq!(s.sum().backward().wrt(a).to_owned(), Matrix::from([[1.0, 0.0], [0.0, -1.0]]));
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    #[doc(alias = "svdvals")]
    pub fn singular_values(self) -> Result<Self, LinalgError> {
        let (m, n) = self.shape();
        let all = self.all_singular("singular_values")?;
        let value = Matrix::from_fn(m.min(n), 1, |i, _| all[(m, i)]);
        Ok(self.tape().custom_value(SingularValues, value, &[self]))
    }

    /// The nuclear norm of A, Σ σ, 1 × 1.
    ///
    /// # Errors
    /// If an entry is not finite.
    #[track_caller]
    pub fn nuclear_norm(self) -> Result<Self, LinalgError> {
        Ok(self.singular_values()?.sum())
    }

    /// The spectral norm of A, its largest singular value, 1 × 1.
    ///
    /// # Errors
    /// If an entry is not finite.
    ///
    /// # Panics
    /// If A has no entry.
    #[track_caller]
    pub fn spectral_norm(self) -> Result<Self, LinalgError> {
        self.some_entry("spectral_norm");
        Ok(self.singular_values()?.at(0, 0))
    }

    /// The condition number of A, its largest singular value divided by its smallest, 1 × 1. If the rank is not full, it is infinite or as
    /// large as rounding allows, and NaN if A is 0.
    ///
    /// # Errors
    /// If an entry is not finite.
    ///
    /// # Panics
    /// If A has no entry.
    #[track_caller]
    pub fn cond(self) -> Result<Self, LinalgError> {
        self.some_entry("cond");
        let values = self.singular_values()?;
        Ok(values.at(0, 0) / values.at(values.rows() - 1, 0))
    }

    /// The number of singular values of A that are larger than `rcond` times the largest. The default of `rcond` is the rounding of `T`
    /// times the longer side.
    ///
    /// # Errors
    /// If an entry is not finite.
    ///
    /// # Panics
    /// If `rcond` is negative or not finite.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let a = tape.constant(Matrix::from([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]));
    /// assert_eq!(a.rank(None)?, 1);
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    #[doc(alias = "matrix_rank")]
    pub fn rank(self, rcond: Option<f64>) -> Result<usize, LinalgError> {
        super::check_rcond("rank", rcond);
        let (m, n) = self.shape();
        let values = self.stop_gradient().singular_values()?.value();
        Ok(linalg::rank(values.as_slice(), m.max(n), rcond))
    }

    #[track_caller]
    fn some_entry(self, op: &str) {
        let (m, n) = self.shape();
        assert!(m * n > 0, "{op}: {m} × {n} has no entry");
    }

    #[track_caller]
    fn all_singular(self, op: &'static str) -> Result<Matrix<T>, LinalgError> {
        self.tape().note_reading();
        self.tape().with(|inner| {
            let a = inner.view(self.id);
            finite(op, a)?;
            linalg::svd(a).ok_or(LinalgError::NotFinite { op })
        })
    }
}

/// U, σᵀ and V, stacked in this order from top to bottom.
struct Svd;

impl<T: Real> CustomOp<T> for Svd {
    fn name(&self) -> &str {
        "svd"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let (m, n) = x[0].shape();
        let finite = finite("svd", x[0]).is_ok().then(|| linalg::svd(x[0])).flatten();
        finite.unwrap_or_else(|| Matrix::full(m + 1 + n, m.min(n), T::from_f64(f64::NAN)))
    }

    fn pullback<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let (m, n) = x[0].shape();
        let [(u, s, v), (du, ds, dv)] =
            [y, dy].map(|y| (y.rows_in(0..m), y.rows_in(m..m + 1), y.rows_in(m + 1..m + 1 + n)));
        let turn = |x: Var<'t, T>, dx: Var<'t, T>| {
            let p = x.matmul_tn(dx);
            p - p.t()
        };
        let (p, q) = (turn(u, du), turn(v, dv));
        let k = (vectors_quotient(p + q, s, 1.0) + vectors_quotient(p - q, s, -1.0)) * 0.5;
        let mut da = u.matmul(k + ds.diag()).matmul_nt(v);
        let outside = |x: Var<'t, T>, dx: Var<'t, T>| vectors_quotient(dx - x.matmul(x.matmul_tn(dx)), s, 0.0);
        if m > n {
            da += outside(u, du).matmul_nt(v);
        } else if n > m {
            da += u.matmul_nt(outside(v, dv));
        }
        vec![Some(da)]
    }
}

struct SingularValues;

impl<T: Real> CustomOp<T> for SingularValues {
    fn name(&self) -> &str {
        "singular_values"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let all = CustomOp::forward(&Svd, x);
        Matrix::from_fn(all.cols(), 1, |i, _| all[(x[0].rows(), i)])
    }

    fn pullback<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let (of_difference, of_sum) = near_pairs(&y.value(), x[0].shape());
        let pairs = [of_difference, of_sum].concat();
        let slopes = if pairs.is_empty() { None } else { slopes(y, dy, &pairs) };
        let operands: Vec<_> = [x[0], dy].into_iter().chain(slopes).collect();
        vec![Some(dy.tape().custom(WithSingularValues, &operands))]
    }
}

type Pairs = Vec<super::quotients::Pair>;

/// The pairs of nearly equal singular values, and the pairs whose sum is nearly 0. Unless A is square, the latter include a value that is
/// nearly 0, paired with itself.
fn near_pairs<T: Real>(values: &Matrix<T>, (m, n): (usize, usize)) -> (Pairs, Pairs) {
    let mut of_sum = near(values.as_slice(), -1.0);
    of_sum.retain(|&(i, j, _)| m != n || i != j);
    (near(values.as_slice(), 1.0), of_sum)
}

/// U diag(w) Vᵀ with the singular vectors of A, that is A with its singular values replaced by w. A third operand has the slopes of w for
/// singular values that are nearly equal or nearly 0.
struct WithSingularValues;

impl<T: Real> CustomOp<T> for WithSingularValues {
    fn name(&self) -> &str {
        "derivative of singular_values"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let (m, n) = x[0].shape();
        let tape = crate::Tape::new();
        let all = tape.constant(CustomOp::forward(&Svd, &x[..1]));
        (all.rows_in(0..m) * tape.constant(x[1]).t()).matmul_nt(all.rows_in(m + 1..m + 1 + n)).value()
    }

    /// With E = δY, F = Uᵀ E V, K⁻ᵢⱼ = (wᵢ − wⱼ) / (σᵢ − σⱼ) off the diagonal and K⁺ᵢⱼ = (wᵢ + wⱼ) / (σᵢ + σⱼ), δw = diag(F) and
    /// δA = ½ U (K⁻ ⊙ (F + Fᵀ) + K⁺ ⊙ (F − Fᵀ)) Vᵀ + (1 − U Uᵀ) E V diag(w/σ) Vᵀ + U diag(w/σ) Uᵀ E (1 − V Vᵀ).
    fn pullback<'t>(&self, x: &[Var<'t, T>], _: Var<'t, T>, e: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let ((m, n), w) = (x[0].shape(), x[1]);
        let all = e.tape().custom(Svd, &x[..1]);
        let (u, s, v) = (all.rows_in(0..m), all.rows_in(m..m + 1), all.rows_in(m + 1..m + 1 + n));
        let f = u.matmul_tn(e).matmul(v);
        let (of_difference, of_sum) = near_pairs(&s.value(), (m, n));
        let (first, count) = (of_difference.len(), of_difference.len() + of_sum.len());
        let of_a = (count == 0 || x.len() == 3).then(|| {
            let slopes = |pairs, from, to| (to > from).then(|| (pairs, x[2].columns(from..to)));
            let minus = quotients(s, w, 1.0, slopes(&of_difference[..], 0, first), false);
            let plus = quotients(s, w, -1.0, slopes(&of_sum[..], first, count), m != n);
            let inner = (minus * (f + f.t()) + plus * (f - f.t())) * 0.5;
            let da = u.matmul(inner).matmul_nt(v);
            let ratio = plus.diagonal().t();
            match m.cmp(&n) {
                std::cmp::Ordering::Greater => da + ((e.matmul(v) - u.matmul(f)) * ratio).matmul_nt(v),
                std::cmp::Ordering::Less => da + (u * ratio).matmul(u.matmul_tn(e) - f.matmul_nt(v)),
                std::cmp::Ordering::Equal => da,
            }
        });
        let of_slopes = x.get(2).map(|slopes| Some(slopes.zero()));
        [of_a, Some(f.diagonal())].into_iter().chain(of_slopes).collect()
    }

    fn why_none(&self, x: &[Var<'_, T>], _: usize) -> String {
        let values = x[0].tape().custom(SingularValues, &x[..1]).value();
        let value = |k: usize| values.as_slice()[k].to_f64();
        let (of_difference, of_sum) = near_pairs(&values, x[0].shape());
        // A singular value that is nearly 0 is reported as such, even if it is also nearly equal to another.
        let first = of_sum.first().or(of_difference.first());
        first.map_or(String::new(), |&(i, j, sign)| {
            let (a, b) = (value(i), value(j));
            let which = match () {
                _ if i == j => format!("singular value {i} ({a:e}) is nearly 0"),
                _ if sign < 0.0 => format!("singular values {i} and {j} ({a:e} and {b:e}) are nearly 0"),
                _ => format!("singular values {i} and {j} ({a:e} and {b:e}) are nearly equal"),
            };
            format!(
                "{which}, and the gradients with respect to them are not seen to be those of a function that treats them, or both signs of \
                 them, alike: a second derivative divides by their distance or sum; separate them"
            )
        })
    }
}
