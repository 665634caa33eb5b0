//! Functions of square matrices: the exponential and powers.

use kernel::compiled_once;

use super::{LinalgError, finite};
use crate::{Axis, Real, Var};

/// The largest 1-norm of A for which the approximant of degree m is accurate to the rounding of an f64 (Higham 2005, table 2.3).
const DEGREES: [(usize, f64); 5] = [
    (3, 1.495_585_217_958_292e-2),
    (5, 2.539_398_330_063_23e-1),
    (7, 9.504_178_996_162_932e-1),
    (9, 2.097_847_961_257_068),
    (13, 5.371_920_351_148_152),
];

/// A norm may differ by this share because it is rounded, which does not matter for the accuracy.
const ROUNDING: f64 = 1e-3;

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// e^A = 1 + A + A²/2! + …: the Padé approximant of degree 3, 5, 7, 9 or 13 of A / 2ˢ, squared s times (Higham, *SIAM Journal on Matrix
    /// Analysis and Applications* 26, 2005). It is recorded as products and one [`solve`](Var::solve), which have derivatives of any order.
    ///
    /// A [program](Var::program) replays this approximant. It refuses matrices for which the approximant is not accurate: if the 1-norm is
    /// too large for its degree, or so small that fewer squarings would do.
    /// [`Compiled`](crate::Compiled) chooses anew at every call.
    ///
    /// # Errors
    /// If an entry is not finite.
    ///
    /// # Panics
    /// If A is not square.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let a = tape.variable(Matrix::from([[0.0, -1.0], [1.0, 0.0f64]])); // a quarter of a turn takes π/2
    /// let turned = (a * std::f64::consts::FRAC_PI_2).matrix_exp()?.value();
    /// assert!((turned[(1, 0)] - 1.0).abs() < 1e-15 && turned[(0, 0)].abs() < 1e-15);
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    #[doc(alias = "expm")]
    pub fn matrix_exp(self) -> Result<Self, LinalgError> {
        let n = self.side_of_square("matrix_exp");
        let norm = self.tape().with(|inner| {
            let a = inner.view(self.id);
            finite("matrix_exp", a)?;
            Ok((0..n).map(|j| a.col(j).iter().map(|x| x.to_f64().abs()).sum()).fold(0.0, f64::max))
        })?;
        let (degree, most) = *DEGREES.iter().find(|(_, most)| norm <= *most).unwrap_or(&DEGREES[4]);
        // If the norm overflows, the true norm is still below n 2¹⁰²⁴.
        let squarings = (norm / most).log2().ceil().clamp(0.0, 1100.0) as i32;
        let a = (0..squarings).step_by(512).fold(self, |a, k| a * 2f64.powi(-(squarings - k).min(512)));
        if n > 0 {
            // A replay compares, too: a larger matrix needs more terms, and a smaller one loses digits in the squarings.
            let norm = a.stop_gradient().abs().sum_over(Axis::Rows).max_entry();
            let _ = (norm > most * (1.0 + ROUNDING), squarings > 0 && norm < most * (0.5 - ROUNDING));
        }
        let mut power = pade(a, degree);
        for _ in 0..squarings {
            power = power.matmul(power);
        }
        Ok(power)
    }

    /// Aᵏ by repeated squaring. If k is negative, it is a power of A⁻¹. A⁰ is the identity.
    ///
    /// # Errors
    /// If k is negative and A singular to working precision.
    ///
    /// # Panics
    /// If A is not square.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let a = tape.variable(Matrix::from([[1.0, 1.0], [1.0, 0.0]]));
    /// assert_eq!(a.matrix_power(10)?.value(), Matrix::from([[89.0, 55.0], [55.0, 34.0]])); // Fibonacci's numbers
    /// # Ok::<(), autograd::LinalgError>(())
    /// ```
    #[track_caller]
    pub fn matrix_power(self, k: i32) -> Result<Self, LinalgError> {
        let (m, n) = self.shape();
        assert!(m == n, "matrix_power: {m} × {n} is not square");
        let (mut square, mut left) = (if k < 0 { self.inverse()? } else { self }, k.unsigned_abs());
        let mut power = None;
        while left > 0 {
            if left & 1 == 1 {
                power = Some(power.map_or(square, |power: Self| power.matmul(square)));
            }
            left >>= 1;
            if left > 0 {
                square = square.matmul(square);
            }
        }
        Ok(power.unwrap_or_else(|| self.tape().identity(n)))
    }
}

/// q(A)⁻¹ p(A) with the polynomials p(A) = Σ cₖ Aᵏ and q(A) = p(−A) of this degree. With v the sum of the even terms and u that of the odd
/// terms, p = v + u and q = v − u.
#[track_caller]
fn pade<'t, T: Real>(a: Var<'t, T>, degree: usize) -> Var<'t, T> {
    // cₖ / cₖ₋₁ = (m − k + 1) / (k (2m − k + 1)).
    let mut c = vec![1.0];
    for k in 1..=degree {
        c.push(c[k - 1] * (degree - k + 1) as f64 / (k * (2 * degree - k + 1)) as f64);
    }
    let square = a.matmul(a);
    let mut even = vec![a.tape().identity(a.rows()), square];
    while even.len() <= degree.min(6) / 2 || (degree < 13 && even.len() <= degree / 2) {
        even.push(even[even.len() - 1].matmul(square));
    }
    let sum = |first: usize, powers: std::ops::Range<usize>| {
        let terms = powers.map(|k| even[k] * c[2 * k + first]);
        terms.reduce(|sum, term| sum + term)
    };
    let polynomial = |first: usize| {
        let low = sum(first, 0..even.len().min(degree / 2 + 1));
        if degree < 13 {
            return low;
        }
        // The even terms are A⁶ (c₈ A² + c₁₀ A⁴ + c₁₂ A⁶); the odd terms have the same form, times A.
        let high = (1..4).map(|k| even[k] * c[6 + 2 * k + first]).reduce(|sum, term| sum + term);
        low.zip(high).map(|(low, high)| low + even[3].matmul(high))
    };
    let (Some(v), Some(odd)) = (polynomial(0), polynomial(1)) else { return a };
    let u = a.matmul(odd);
    super::system::solve(v - u, v + u, linalg::Trans::No)
}
