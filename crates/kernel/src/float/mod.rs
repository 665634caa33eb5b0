//! `f32` and `f64`, and their functions as formulas that vectorize.

mod erf;
mod f32;
mod f64;
mod formulas;
pub(crate) mod gamma;
pub(crate) mod special;

use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

/// The constants of the formulas of a number type, of which code for other devices is written.
#[doc(hidden)]
pub struct Coefficients {
    /// ln 2 in two parts, and the bounds of the argument of eˣ.
    pub ln_2: Vec<f64>,
    pub bounds: Vec<f64>,
    pub exp: Vec<f64>,
    pub artanh: Vec<f64>,
    pub tanhshrink: Vec<f64>,
    pub erf: [Vec<f64>; 3],
    pub erf_inv: [&'static [f64]; 3],
    /// Bernoulli's numbers, P, the zero of ψ, Q.
    pub gamma: [&'static [f64]; 4],
}

/// Those of `f64` or of `f32`.
#[doc(hidden)]
pub fn coefficients(is_double: bool) -> Coefficients {
    if is_double { f64::coefficients() } else { f32::coefficients() }
}

/// `f32` or `f64`.
///
/// The methods are scalar formulas without branches or tables, so a loop over a slice inside [`pulp::Arch::dispatch`]
/// is vectorized for the processor it runs on.
/// The stated errors are maxima over all finite and special arguments, in units in the last place.
///
/// ```
/// use autograd::Float;
/// assert_eq!(Float::exp(0.0f32), 1.0);
/// assert_eq!(Float::sigmoid(0.0f64), 0.5);
/// ```
pub trait Float:
    sealed::Sealed
    + Copy
    + Default
    + PartialOrd
    + Debug
    + Display
    + Send
    + Sync
    + 'static
    + Sum
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + MulAssign
    + serde::Serialize
    + serde::de::DeserializeOwned
{
    /// The distance from 1 to the next larger number.
    const EPSILON: f64;
    /// The smallest positive normal number.
    const MIN_POSITIVE: f64;
    /// The largest finite number.
    const MAX: f64;

    /// The nearest number of this type.
    fn from_f64(x: f64) -> Self;
    /// The same number in double precision.
    fn to_f64(self) -> f64;
    /// eˣ, within 2 ulp.
    fn exp(self) -> Self;
    /// eˣ − 1.
    fn exp_m1(self) -> Self;
    /// The natural logarithm, within 2 ulp.
    fn ln(self) -> Self;
    /// ln(1 + x).
    fn ln_1p(self) -> Self;
    /// The hyperbolic tangent, within 2 ulp.
    fn tanh(self) -> Self;
    /// 1 / (1 + e⁻ˣ), within 2 ulp.
    fn sigmoid(self) -> Self;
    /// ln(1 + eˣ), without overflow.
    fn softplus(self) -> Self;
    /// x − tanh x, within 4 ulp.
    fn tanhshrink(self) -> Self;
    /// The error function 2/√π ∫₀ˣ e^(−t²) dt, within 2 ulp.
    fn erf(self) -> Self;
    /// 1 − erf x, within 6 ulp.
    fn erfc(self) -> Self;
    /// √x, correctly rounded.
    fn sqrt(self) -> Self;
    /// |x|.
    fn abs(self) -> Self;
    /// max(x, 0); NaN stays NaN.
    fn relu(self) -> Self;
    /// 1 where x > 0, else 0.
    fn step(self) -> Self;
    /// −1, 0 or 1: the sign of x, and 0 at 0.
    fn sign(self) -> Self;
    /// The larger number; NaN if either is NaN.
    fn larger(self, other: Self) -> Self;
    /// c x.
    fn scale(self, c: f64) -> Self;
    /// 0.
    fn zero(self) -> Self;
    /// Zero in place of a subnormal number.
    fn flush(self) -> Self;
    /// Whether the number is neither NaN nor infinite.
    fn is_finite(self) -> bool;

    /// Calls a function that is compiled once for each number type.
    #[doc(hidden)]
    #[track_caller]
    fn dispatch<F: CompiledOnce>(function: F, args: F::Args<Self>) -> F::Out<Self>;
}

mod sealed {
    /// Seals [`Float`]: no other type can implement it.
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// The trait through which a trait of numbers dispatches.
macro_rules! dispatching {
    ($Number:ident) => {
        /// A function that is compiled once for `f32` and once for `f64`, by the attribute
        /// [`compiled_once`](macro@crate::compiled_once).
        pub trait CompiledOnce {
            /// The types of the arguments.
            type Args<T: $Number>;
            /// The type of the result.
            type Out<T: $Number>;
            /// The function for `f32`.
            #[track_caller]
            fn f32(args: Self::Args<f32>) -> Self::Out<f32>;
            /// The function for `f64`.
            #[track_caller]
            fn f64(args: Self::Args<f64>) -> Self::Out<f64>;
        }
    };
}
pub(crate) use dispatching;
dispatching!(Float);

macro_rules! float {
    ($T:ident) => {
        impl Float for $T {
            const EPSILON: f64 = std::primitive::$T::EPSILON as f64;
            const MIN_POSITIVE: f64 = std::primitive::$T::MIN_POSITIVE as f64;
            const MAX: f64 = std::primitive::$T::MAX as f64;

            #[inline(always)]
            fn from_f64(x: f64) -> $T {
                x as $T
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn exp(self) -> $T {
                $T::exp(self)
            }
            #[inline(always)]
            fn exp_m1(self) -> $T {
                $T::exp_m1(self)
            }
            #[inline(always)]
            fn ln(self) -> $T {
                $T::ln(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> $T {
                $T::ln_1p(self)
            }
            #[inline(always)]
            fn tanh(self) -> $T {
                $T::tanh(self)
            }
            #[inline(always)]
            fn sigmoid(self) -> $T {
                $T::sigmoid(self)
            }
            #[inline(always)]
            fn softplus(self) -> $T {
                $T::softplus(self)
            }
            #[inline(always)]
            fn tanhshrink(self) -> $T {
                $T::tanhshrink(self)
            }
            #[inline(always)]
            fn erf(self) -> $T {
                erf::$T::erf(self)
            }
            #[inline(always)]
            fn erfc(self) -> $T {
                erf::$T::erfc(self)
            }
            #[inline(always)]
            fn sqrt(self) -> $T {
                std::primitive::$T::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> $T {
                std::primitive::$T::abs(self)
            }
            #[inline(always)]
            fn relu(self) -> $T {
                if self <= 0.0 { 0.0 } else { self }
            }
            #[inline(always)]
            fn step(self) -> $T {
                if self > 0.0 { 1.0 } else { 0.0 }
            }
            #[inline(always)]
            fn sign(self) -> $T {
                if self > 0.0 {
                    1.0
                } else if self < 0.0 {
                    -1.0
                } else {
                    self * 0.0
                }
            }
            #[inline(always)]
            fn larger(self, other: $T) -> $T {
                if self >= other || self.is_nan() { self } else { other }
            }
            #[inline(always)]
            fn scale(self, c: f64) -> $T {
                self * c as $T
            }
            #[inline(always)]
            fn zero(self) -> $T {
                0.0
            }
            #[inline(always)]
            fn flush(self) -> $T {
                if std::primitive::$T::abs(self) < std::primitive::$T::MIN_POSITIVE { 0.0 } else { self }
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                std::primitive::$T::is_finite(self)
            }
            #[inline(always)]
            #[track_caller]
            fn dispatch<F: CompiledOnce>(_: F, args: F::Args<$T>) -> F::Out<$T> {
                F::$T(args)
            }
        }
    };
}
float!(f32);
float!(f64);
