//! What formulas compute with: plain numbers, lanes of a vector loop, dual numbers; `autograd` adds those of its two tapes.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::real::Values;
use super::slopes::{fused, of_first, of_one, of_second};
use super::{Binary, Real};
use crate::functions;
use crate::simd::single;

/// The operators of a [`Number`].
pub trait Arithmetic:
    Copy
    + PartialOrd
    + PartialOrd<f64>
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
    /// 0, of the same kind and shape.
    #[must_use]
    fn zero(self) -> Self;

    /// Σ xᵢ. Of variables it is one node of the tape.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    #[must_use]
    fn sum(x: &[Self]) -> Self {
        assert!(!x.is_empty(), "sum: no number");
        x[1..].iter().fold(x[0], |sum, &x| sum + x)
    }

    /// Σ aᵢ bᵢ. Of variables it is one node of the tape.
    ///
    /// # Panics
    /// If there is none, or the lengths differ.
    #[track_caller]
    #[must_use]
    fn dot(a: &[Self], b: &[Self]) -> Self {
        assert!(a.len() == b.len() && !a.is_empty(), "dot: {} and {} numbers", a.len(), b.len());
        a[1..].iter().zip(&b[1..]).fold(a[0] * b[0], |sum, (&a, &b)| sum + a * b)
    }
}

impl Arithmetic for f64 {
    #[inline(always)]
    fn zero(self) -> f64 {
        0.0
    }
}

macro_rules! numbers {
    // `Mul` and `Div` are the operators; the others are methods.
    (
        one {$($(#[$doc:meta])* $Name:ident: $method:ident($x:ident, $y:ident $(; $n:ident: $N:ty, $samples:expr)?)
            => $f:expr, $df:expr $(, in $domain:expr)? $(, kinks at $kinks:expr)?;)*}
        two {
            $(#[$md:meta])* Mul: mul $mul:tt => $mf:expr, $mda:expr, $mdb:expr;
            $(#[$dd:meta])* Div: div $div:tt => $qf:expr, $qda:expr, $qdb:expr, in $qdomain:expr;
            $($(#[$doc2:meta])* $Name2:ident: $method2:ident($a:ident, $b:ident, $y2:ident)
            => $f2:expr, $da:expr, $db:expr $(, in $domain2:expr)? $(, kink at $kink2:expr)?;)*}
    ) => {
        /// What a formula computes with: `f64`, a `Var`, a `Scalar`, or a [`Dual`] of any.
        ///
        /// A function that is generic in it is written once and evaluated, differentiated in reverse or forward, or
        /// both, unchanged. Plain numbers stand on the right: `x * 2.0 + 1.0`.
        ///
        /// ```
        /// use autograd::{Dual, Number, Tape};
        /// fn f<N: Number>(x: N, y: N) -> N {
        ///     (x * y).sin() + x.powi(2) * 3.0
        /// }
        /// let tape = Tape::new();
        /// let (x, y) = (tape.variable(0.5), tape.variable(2.0));
        /// let reverse = f(x, y).backward().wrt(x)[(0, 0)];
        /// let forward = f(Dual::variable(0.5), Dual::constant(2.0)).tangent;
        /// assert_eq!(f(0.5, 2.0), f(x, y).item());
        /// assert!((reverse - forward).abs() < 1e-15);
        /// ```
        pub trait Number: Arithmetic {
            $($(#[$doc])* #[track_caller] #[must_use] fn $method(self $(, $n: $N)?) -> Self;)*
            $($(#[$doc2])* #[track_caller] #[must_use] fn $method2(self, other: Self) -> Self;)*
        }

        impl Number for f64 {
            $(#[inline(always)] fn $method(self $(, $n: $N)?) -> Self {
                single(fused::$method, #[inline(always)] || <f64 as Values>::$method(self $(, $n)?))
            })*
            $(#[inline(always)] fn $method2(self, other: Self) -> Self {
                single(fused::$method2, #[inline(always)] || <f64 as Values>::$method2(self, other))
            })*
        }

        impl<T: Real> Number for Lane<T> {
            $(#[inline(always)] fn $method(self $(, $n: $N)?) -> Self { Lane(<T as Values>::$method(self.0 $(, $n)?)) })*
            $(#[inline(always)] fn $method2(self, other: Self) -> Self { Lane(<T as Values>::$method2(self.0, other.0)) })*
        }

        impl<N: Number> Number for Dual<N> {
            $(#[inline(always)] fn $method(self $(, $n: $N)?) -> Self {
                let y = self.value.$method($($n)?);
                Dual { value: y, tangent: of_one::$method(self.value, y $(, $n)?).weigh(self.tangent) }
            })*
            $(#[inline(always)] fn $method2(self, other: Self) -> Self {
                let (a, b) = (self.value, other.value);
                let y = a.$method2(b);
                let of = |operand: usize, slope: N, tangent: N| {
                    let product = slope.weigh(tangent);
                    if Binary::$Name2.selects(operand) { slope.keep(product) } else { product }
                };
                let first = of(0, of_first::$method2(a, b, y), self.tangent);
                Dual { value: y, tangent: first + of(1, of_second::$method2(a, b, y), other.tangent) }
            })*
        }
    };
}
functions!(numbers);

/// A number of a vector loop: it has the operators with `f64` that an `f32` lacks.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Lane<T>(
    /// The number.
    pub T,
);

/// A number and its derivative along one direction: forward mode, one number at a time.
///
/// Whatever is computed from dual numbers carries the derivative with it (Clifford, 1873; Wengert, 1964). A `Dual` of a
/// `Dual` carries second derivatives, a `Dual` of a `Var` can be differentiated again in reverse.
///
/// ```
/// use autograd::{Dual, Number};
/// let y = (Dual::variable(2.0) * 3.0).powi(2); // 9 x²
/// assert_eq!((y.value, y.tangent), (36.0, 36.0));
/// let x = Dual { value: Dual::variable(2.0), tangent: Dual::constant(1.0) };
/// assert_eq!(x.powi(3).tangent.tangent, 12.0); // 6 x
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dual<N> {
    /// x.
    pub value: N,
    /// ẋ, the derivative of x along the direction.
    pub tangent: N,
}

impl<N: Number> Dual<N> {
    /// The number along which derivatives are taken: its own is 1.
    pub fn variable(value: N) -> Self {
        Dual { value, tangent: value.zero() + 1.0 }
    }

    /// A number that does not move: its derivative is 0.
    pub fn constant(value: N) -> Self {
        Dual { value, tangent: value.zero() }
    }
}

impl<N: Number> Arithmetic for Dual<N> {
    #[inline(always)]
    fn zero(self) -> Self {
        Dual::constant(self.value.zero())
    }
}

impl<T: Real> Arithmetic for Lane<T> {
    #[inline(always)]
    fn zero(self) -> Self {
        Lane(T::default())
    }
}

impl<T: Real> Neg for Lane<T> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Lane(-self.0)
    }
}

impl<N: Number> Neg for Dual<N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Dual { value: -self.value, tangent: -self.tangent }
    }
}

/// An operator between two numbers, and with a plain one on the right.
macro_rules! operator {
    ($Op:ident $op:ident, |$a:ident, $b:ident| $vars:expr, |$x:ident, $c:ident| $number:expr) => {
        impl<T: Real> $Op for Lane<T> {
            type Output = Self;
            #[inline(always)]
            fn $op(self, other: Self) -> Self {
                Lane(self.0.$op(other.0))
            }
        }
        impl<T: Real> $Op<f64> for Lane<T> {
            type Output = Self;
            #[inline(always)]
            fn $op(self, number: f64) -> Self {
                Lane(self.0.$op(T::from_f64(number)))
            }
        }
        impl<N: Number> $Op for Dual<N> {
            type Output = Self;
            #[inline(always)]
            fn $op(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                $vars
            }
        }
        impl<N: Number> $Op<f64> for Dual<N> {
            type Output = Self;
            #[inline(always)]
            fn $op(self, number: f64) -> Self {
                let ($x, $c) = (self, number);
                $number
            }
        }
    };
}
operator!(Add add, |a, b| Dual { value: a.value + b.value, tangent: a.tangent + b.tangent },
    |x, c| Dual { value: x.value + c, ..x });
operator!(Sub sub, |a, b| Dual { value: a.value - b.value, tangent: a.tangent - b.tangent },
    |x, c| Dual { value: x.value - c, ..x });
operator!(Mul mul, |a, b| Dual { value: a.value * b.value, tangent: a.tangent * b.value + a.value * b.tangent },
    |x, c| Dual { value: x.value * c, tangent: x.tangent * c });
operator!(Div div, |a, b| {
    let y = a.value / b.value;
    Dual { value: y, tangent: (a.tangent - y * b.tangent) / b.value }
}, |x, c| Dual { value: x.value / c, tangent: x.tangent / c });

// Numbers compare by their values.
impl<T: Real> PartialEq<f64> for Lane<T> {
    #[inline(always)]
    fn eq(&self, other: &f64) -> bool {
        self.0 == T::from_f64(*other)
    }
}
impl<T: Real> PartialOrd<f64> for Lane<T> {
    #[inline(always)]
    fn partial_cmp(&self, other: &f64) -> Option<Ordering> {
        self.0.partial_cmp(&T::from_f64(*other))
    }
}
impl<N: Number> PartialEq for Dual<N> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
impl<N: Number> PartialOrd for Dual<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}
impl<N: Number> PartialEq<f64> for Dual<N> {
    fn eq(&self, other: &f64) -> bool {
        self.value == *other
    }
}
impl<N: Number> PartialOrd<f64> for Dual<N> {
    fn partial_cmp(&self, other: &f64) -> Option<Ordering> {
        self.value.partial_cmp(other)
    }
}

impl<N: fmt::Display> fmt::Display for Dual<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} + {} ε", self.value, self.tangent)
    }
}
