//! What the values of the table are made of.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Lane;
use crate::Float;
use crate::float::{gamma, special};

/// The operations, each with its code for `f32` and `f64`: `Float::exp` is that of this crate, `x.sin()` that of the standard library.
macro_rules! elementary {
    ($($(#[$doc:meta])* $name:ident($x:ident $(, $more:ident)* $(; $n:ident: $N:ty)?) => $f:expr;)*) => {
        /// A number that the values of the table are computed with: a lane of a vector loop, an interval, a piece of shader code.
        ///
        /// It has no comparisons. A formula selects one of two numbers by `where_positive` and its relatives. So the number may be one
        /// whose value is known only later, and an interval that cannot decide takes both.
        pub trait Elementary:
            Copy
            + Neg<Output = Self>
            + Add<Output = Self>
            + Sub<Output = Self>
            + Mul<Output = Self>
            + Div<Output = Self>
            + Add<f64, Output = Self>
            + Sub<f64, Output = Self>
            + Mul<f64, Output = Self>
            + Div<f64, Output = Self>
        {
            $($(#[$doc])* #[must_use] fn $name(self $(, $more: Self)* $(, $n: $N)?) -> Self;)*

            /// a where x = 0, else b.
            #[inline(always)]
            #[must_use]
            fn where_zero(self, a: Self, b: Self) -> Self {
                self.where_equal(self.plain(0.0), a, b)
            }

            /// max(x, c).
            #[inline(always)]
            #[must_use]
            fn at_least(self, c: f64) -> Self {
                self.larger(self.plain(c))
            }

            /// min(x, c).
            #[inline(always)]
            #[must_use]
            fn at_most(self, c: f64) -> Self {
                -(-self).at_least(-c)
            }
        }
        elementary!(@of f32 $($name($x $(, $more)* $(; $n: $N)?) $f;)*);
        elementary!(@of f64 $($name($x $(, $more)* $(; $n: $N)?) $f;)*);
    };
    (@of $T:ident $($name:ident($x:ident $(, $more:ident)* $(; $n:ident: $N:ty)?) $f:expr;)*) => {
        impl Elementary for Lane<$T> {
            $(#[inline(always)] fn $name(self $(, $more: Self)* $(, $n: $N)?) -> Self {
                let Lane($x) = self;
                $(let Lane($more) = $more;)*
                Lane($f)
            })*
        }
    };
}

elementary! {
    /// The plain number c, of the kind of x.
    plain(_x; c: f64) => c as _;
    /// a where x > 0, else b.
    where_positive(x, a, b) => if x > 0.0 { a } else { b };
    /// a where x = y, else b.
    where_equal(x, y, a, b) => if x == y { a } else { b };
    /// The larger number; NaN if either is NaN.
    larger(x, y) => Float::larger(x, y);
    /// |x|.
    abs(x) => Float::abs(x);
    /// |x| with the sign of y, that of −0 too.
    copysign(x, y) => x.copysign(y);
    /// −1, 0 or 1: the sign of x, and 0 at 0.
    sign(x) => Float::sign(x);
    /// 1 where x > 0, else 0.
    step(x) => Float::step(x);
    /// max(x, 0); NaN stays NaN.
    relu(x) => Float::relu(x);
    /// The remainder x − y trunc(x / y), with the sign of x.
    fmod(x, y) => x % y;

    /// √x.
    sqrt(x) => Float::sqrt(x);
    /// The cube root.
    cbrt(x) => x.cbrt();
    /// √(x² + y²), without overflow.
    hypot(x, y) => x.hypot(y);
    /// xⁿ for a whole number n.
    powi(x; n: i32) => x.powi(n);
    /// xᵖ for a plain number p.
    powf(x; p: f64) => x.powf(p as _);
    /// xʸ.
    pow(x, y) => x.powf(y);

    /// eˣ.
    exp(x) => Float::exp(x);
    /// 2ˣ.
    exp2(x) => x.exp2();
    /// eˣ − 1.
    exp_m1(x) => Float::exp_m1(x);
    /// The natural logarithm.
    ln(x) => Float::ln(x);
    /// The logarithm to base 2.
    log2(x) => x.log2();
    /// The logarithm to base 10.
    log10(x) => x.log10();
    /// ln(1 + x).
    ln_1p(x) => Float::ln_1p(x);

    /// The sine.
    sin(x) => x.sin();
    /// The cosine.
    cos(x) => x.cos();
    /// The tangent.
    tan(x) => x.tan();
    /// The inverse of the sine.
    asin(x) => x.asin();
    /// The inverse of the cosine.
    acos(x) => x.acos();
    /// The inverse of the tangent.
    atan(x) => x.atan();
    /// The angle of the point (y, x) from the first axis.
    atan2(x, y) => x.atan2(y);
    /// The hyperbolic sine.
    sinh(x) => x.sinh();
    /// The hyperbolic cosine.
    cosh(x) => x.cosh();
    /// The hyperbolic tangent.
    tanh(x) => Float::tanh(x);
    /// The inverse of the hyperbolic sine.
    asinh(x) => x.asinh();

    /// 1 / (1 + e⁻ˣ).
    sigmoid(x) => Float::sigmoid(x);
    /// ln(1 + eˣ), without overflow.
    softplus(x) => Float::softplus(x);
    /// x − tanh x.
    tanhshrink(x) => Float::tanhshrink(x);
    /// The error function.
    erf(x) => Float::erf(x);
    /// 1 − erf x.
    erfc(x) => Float::erfc(x);
    /// The inverse of the error function.
    erf_inv(x) => special::erf_inv(x.to_f64()) as _;
    /// ln |Γ(x)|.
    ln_gamma(x) => gamma::ln_gamma(x.to_f64()) as _;
    /// ψ(x), the derivative of ln |Γ(x)|.
    digamma(x) => gamma::digamma(x.to_f64()) as _;
    /// ψ⁽ⁿ⁾(x), the nth derivative of ψ.
    polygamma(x; n: i32) => gamma::polygamma(n, x.to_f64()) as _;
    /// The nth derivative of sin(πx) / (πx).
    sinc_derivative(x; n: i32) => special::sinc(n, x.to_f64()) as _;
}
