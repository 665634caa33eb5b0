//! The numbers that formulas compute with: plain numbers, lanes of a vector loop, dual numbers. `autograd` adds those of its two tapes.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use super::real::Values;
use super::slopes::{fused, of_first, of_one, of_second};
use super::{Binary, Real};
use crate::simd::single;
use crate::{assigning, beside_plain, functions};

/// The operators of a [`Number`].
#[diagnostic::on_unimplemented(
    message = "formulas do not compute with `{Self}`",
    note = "numbers are `f64`, a `Var` of a `Tape`, a `Scalar` of a `ScalarTape`, and a `Dual` of these: write the function for \
            `fn f<N: Number>(x: N) -> N`, and convert an `f32` or an integer by `f64::from`"
)]
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
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + AddAssign<f64>
    + SubAssign<f64>
    + MulAssign<f64>
    + DivAssign<f64>
{
    /// 0, of the same kind and shape.
    #[must_use]
    fn zero(self) -> Self;

    /// Σ xᵢ. For variables it is one node of the tape.
    ///
    /// # Panics
    /// If the list is empty.
    #[track_caller]
    #[must_use]
    fn sum(x: &[Self]) -> Self {
        assert!(!x.is_empty(), "sum: no number");
        x[1..].iter().fold(x[0], |sum, &x| sum + x)
    }

    /// Σ aᵢ bᵢ. For variables it is one node of the tape.
    ///
    /// # Panics
    /// If the lists are empty, or their lengths differ.
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
        /// The numbers that a formula computes with: `f64`, a `Var`, a `Scalar`, or a [`Dual`] of any of them.
        ///
        /// A function that is generic in it is written once. It can be evaluated, differentiated in reverse or forward mode, or
        /// both, unchanged. Plain numbers stand on the right, as in `x * 2.0 + 1.0` and `y *= 0.5`, or on either side if the function
        /// says so: see [`LeftOf`].
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
        #[diagnostic::on_unimplemented(
            message = "formulas do not compute with `{Self}`",
            note = "numbers are `f64`, a `Var` of a `Tape`, a `Scalar` of a `ScalarTape`, and a `Dual` of these: write the function for \
                    `fn f<N: Number>(x: N) -> N`, and convert an `f32` or an integer by `f64::from`"
        )]
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
                    if Binary::$Name2.selects(operand) { slope.weigh_both(tangent) } else { slope.weigh(tangent) }
                };
                let first = of(0, of_first::$method2(a, b, y), self.tangent);
                Dual { value: y, tangent: first + of(1, of_second::$method2(a, b, y), other.tangent) }
            })*
        }
    };
}
functions!(numbers);

/// A number of a vector loop. It has the operators with `f64` that `f32` lacks.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Lane<T>(
    /// The number.
    pub T,
);

/// A number and its derivative along one direction: forward mode for scalars.
///
/// Every result computed from dual numbers carries its derivative with it (Clifford, 1873; Wengert, 1964). A `Dual` of a
/// `Dual` carries second derivatives, and a `Dual` of a `Var` can be differentiated again in reverse mode.
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
    /// The number with respect to which derivatives are taken: its own derivative is 1.
    pub fn variable(value: N) -> Self {
        Dual { value, tangent: value.zero() + 1.0 }
    }

    /// A constant: its derivative is 0.
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

/// An operator between two numbers, and with a plain one on either side.
macro_rules! operator {
    ($Op:ident $op:ident, |$a:ident, $b:ident| $vars:expr, |$x:ident, $c:ident| $number:expr, $left:expr) => {
        impl<T: Real> $Op for Lane<T> {
            type Output = Self;
            #[inline(always)]
            fn $op(self, other: Self) -> Self {
                Lane(self.0.$op(other.0))
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
        impl<N: Number> $Op<Dual<N>> for f64 {
            type Output = Dual<N>;
            #[inline(always)]
            fn $op(self, number: Dual<N>) -> Dual<N> {
                let ($x, $c) = (number, self);
                $left
            }
        }
    };
}
operator!(Add add, |a, b| Dual { value: a.value + b.value, tangent: a.tangent + b.tangent },
    |x, c| Dual { value: x.value + c, ..x }, x + c);
operator!(Sub sub, |a, b| Dual { value: a.value - b.value, tangent: a.tangent - b.tangent },
    |x, c| Dual { value: x.value - c, ..x }, -x + c);
operator!(Mul mul, |a, b| {
    Dual { value: a.value * b.value, tangent: b.value.weigh(a.tangent) + a.value.weigh(b.tangent) }
}, |x, c| Dual { value: x.value * c, tangent: if c.is_finite() { x.tangent * c } else { (x.value.zero() + c).weigh(x.tangent) } }, x * c);
operator!(Div div, |a, b| {
    let y = a.value / b.value;
    Dual { value: y, tangent: b.value.recip().weigh(a.tangent) - (y / b.value).weigh(b.tangent) }
}, |x, c| Dual { value: x.value / c, tangent: if c == 0.0 || c.is_nan() { (x.value.zero() + 1.0 / c).weigh(x.tangent) } else { x.tangent / c } }, (x.zero() + c) / x);

assigning!([T: Real,] Lane<T>);
beside_plain!([T: Real,] Lane<T>, |_x, c| Lane(T::from_f64(c)));
assigning!([N: Number,] Dual<N>);

/// `+=`, `-=`, `*=` and `/=`, of everything that the operators take. The generics of the type end in a comma.
#[macro_export]
macro_rules! assigning {
    ([$($generics:tt)*] $Type:ty) => {
        $crate::assigning!(@ [$($generics)*] $Type, Add AddAssign add_assign +);
        $crate::assigning!(@ [$($generics)*] $Type, Sub SubAssign sub_assign -);
        $crate::assigning!(@ [$($generics)*] $Type, Mul MulAssign mul_assign *);
        $crate::assigning!(@ [$($generics)*] $Type, Div DivAssign div_assign /);
    };
    (@ [$($generics:tt)*] $Type:ty, $Op:ident $Assign:ident $assign:ident $op:tt) => {
        impl<$($generics)* R> std::ops::$Assign<R> for $Type
        where
            Self: std::ops::$Op<R, Output = Self>,
        {
            #[track_caller]
            #[inline(always)]
            fn $assign(&mut self, other: R) {
                *self = *self $op other;
            }
        }
    };
}

/// `+`, `-`, `*` and `/` with a plain number c on either side of x, as the operators between two numbers: the expression makes one of c. The
/// generics of the type end in a comma.
#[macro_export]
macro_rules! beside_plain {
    ([$($generics:tt)*] $Type:ty, |$x:ident, $c:ident| $plain:expr) => {
        $crate::beside_plain!(@ [$($generics)*] $Type, |$x, $c| $plain, Add add);
        $crate::beside_plain!(@ [$($generics)*] $Type, |$x, $c| $plain, Sub sub);
        $crate::beside_plain!(@ [$($generics)*] $Type, |$x, $c| $plain, Mul mul);
        $crate::beside_plain!(@ [$($generics)*] $Type, |$x, $c| $plain, Div div);
    };
    (@ [$($generics:tt)*] $Type:ty, |$x:ident, $c:ident| $plain:expr, $Op:ident $op:ident) => {
        impl<$($generics)*> std::ops::$Op<f64> for $Type {
            type Output = Self;
            #[inline(always)]
            fn $op(self, $c: f64) -> Self {
                let $x = self;
                std::ops::$Op::$op($x, $plain)
            }
        }
        impl<$($generics)*> std::ops::$Op<$Type> for f64 {
            type Output = $Type;
            #[inline(always)]
            fn $op(self, $x: $Type) -> $Type {
                let $c = self;
                std::ops::$Op::$op($plain, $x)
            }
        }
    };
}

/// `f64` where it stands on the left of numbers of kind `N`: `2.0 * x`, `1.0 - x`, `1.0 / x`.
///
/// Every kind of number can do that. A function that is generic in [`Number`] has to say it, as Rust does not infer it:
///
/// ```
/// use autograd::{Dual, LeftOf, Number, Tape};
/// fn f<N: Number>(x: N) -> N
/// where
///     f64: LeftOf<N>,
/// {
///     2.0 * x.sin() + 1.0 / x
/// }
/// let tape = Tape::new();
/// let x = tape.variable(0.5);
/// let y = f(x);
/// assert_eq!((y.item(), y.backward().wrt(x)[(0, 0)]), (f(0.5), f(Dual::variable(0.5)).tangent));
/// ```
///
/// Within such a function a number on the right of an `f64` is taken for an `N`, so `0.5 * 2.0` must be computed before it. That is why
/// not every function says it; the others write `x * 2.0`, `-x + 1.0` and `x.recip()`.
#[diagnostic::on_unimplemented(
    message = "a plain `f64` cannot stand on the left of `{N}`",
    note = "write `x * 2.0`, `-x + 1.0` and `x.recip()`, or add `where f64: LeftOf<{N}>` to the function"
)]
pub trait LeftOf<N>: Add<N, Output = N> + Sub<N, Output = N> + Mul<N, Output = N> + Div<N, Output = N> {}

impl<N> LeftOf<N> for f64 where f64: Add<N, Output = N> + Sub<N, Output = N> + Mul<N, Output = N> + Div<N, Output = N> {}

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
