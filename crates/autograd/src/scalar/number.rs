//! A number on the scalar tape, and its operators.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};

use kernel::simd::single;
use kernel::{Binary, Unary};

use super::connections::Connections;
use super::gradients::ScalarGradients;
use super::tape::ScalarTape;
use crate::{Arithmetic, Real};

/// A number on a [`ScalarTape`]: its value, and up to three connections to recorded numbers.
///
/// It has the operators, with plain numbers on either side, and all functions of [`Number`](crate::Number). Numbers compare by
/// their values.
#[derive(Clone, Copy)]
pub struct Scalar<'t, T: Real> {
    value: T,
    connections: Connections<T>,
    tape: &'t ScalarTape<T>,
}

impl<'t, T: Real> Scalar<'t, T> {
    #[inline(always)]
    pub(super) fn new(tape: &'t ScalarTape<T>, value: T, connections: Connections<T>) -> Self {
        Scalar { value, connections, tape }
    }

    /// Its value.
    #[inline(always)]
    pub fn value(self) -> T {
        self.value
    }

    /// The tape on which it is recorded.
    #[inline(always)]
    pub fn tape(self) -> &'t ScalarTape<T> {
        self.tape
    }

    /// Whether it takes part in differentiation: it is, or depends on, a variable.
    #[inline(always)]
    pub fn needs_gradient(self) -> bool {
        self.connections.len() > 0
    }

    /// The same value without its history: a constant to every derivative.
    #[must_use]
    pub fn stop_gradient(self) -> Self {
        self.tape.constant(self.value)
    }

    /// The gradients of this number with respect to all variables.
    ///
    /// # Panics
    /// If it depends on constants only.
    #[track_caller]
    pub fn backward(self) -> ScalarGradients<T> {
        self.tape.backward(&[(self, T::from_f64(1.0))])
    }

    /// A function of the table by its value: `x.unary(Unary::Tanh)` is `x.tanh()`.
    #[must_use]
    pub fn unary(self, f: Unary) -> Self {
        f.apply(self)
    }

    /// A function of two operands by its value: `a.binary(Binary::Mul, b)` is `a * b`.
    ///
    /// # Panics
    /// If the numbers are of different tapes.
    #[track_caller]
    #[must_use]
    pub fn binary(self, f: Binary, other: Self) -> Self {
        f.apply(self, other)
    }

    #[inline(always)]
    pub(super) fn connections(self) -> Connections<T> {
        self.connections
    }

    /// The index of the variable, in the order of recording, if it is one.
    pub(super) fn place(self) -> Option<usize> {
        let number = self.connections.number()?;
        let (place, value) = self.tape.with(|recording| recording.place(number))?;
        // x + 1 has the connection of x, but is not a variable. A variable may be NaN.
        (value == self.value || value.partial_cmp(&value).is_none()).then_some(place)
    }

    /// f(x); f returns value and slope. A slope that is infinite where the value is not is a `steep` one.
    #[inline(always)]
    pub(crate) fn through(self, fused: bool, steep: bool, mut f: impl FnMut(T) -> (T, T)) -> Self {
        let x = self.value;
        let (value, slope) = single(
            fused,
            #[inline(always)]
            || f(x),
        );
        Scalar { value, connections: self.connections.weighed(slope), ..self }.settled(!steep || slope.is_finite())
    }

    /// The same number: unless its weights are finite, recorded. So what is carried has finite weights, and a number that is made of it
    /// with the slope 0 has the derivative 0, without a test at every product.
    #[inline(always)]
    fn settled(self, finite: bool) -> Self {
        if finite || !self.needs_gradient() {
            return self;
        }
        let number = self.tape.record(self.connections, Connections::none());
        Scalar { connections: Connections::to(number), ..self }
    }

    /// f(a, b); f returns the value and both slopes. If f `selects`, an operand whose slope is 0 does not count.
    #[track_caller]
    #[inline(always)]
    pub(crate) fn through_both(
        self,
        name: &str,
        b: Self,
        fused: bool,
        steep: bool,
        selects: [bool; 2],
        mut f: impl FnMut(T, T) -> [T; 3],
    ) -> Self {
        let (x, y) = (self.value, b.value);
        let [value, da, db] = single(
            fused,
            #[inline(always)]
            || f(x, y),
        );
        self.same_tape(name, b);
        let of =
            |x: Self, selects, slope| if selects { x.connections.chosen(slope) } else { x.connections.weighed(slope) };
        let y = self.joined(value, of(self, selects[0], da), of(b, selects[1], db));
        y.settled(!steep || da.is_finite() && db.is_finite())
    }

    /// A number with these connections to a and b. It is recorded if it has more than three.
    #[inline(always)]
    fn joined(self, value: T, a: Connections<T>, b: Connections<T>) -> Self {
        let connections = match a.plus(b) {
            Some(connections) => connections,
            None => Connections::to(self.tape.record(a, b)),
        };
        Scalar { value, connections, ..self }
    }

    #[track_caller]
    #[inline(always)]
    fn same_tape(self, name: &str, other: Self) {
        assert!(std::ptr::eq(self.tape, other.tape), "{name}: the numbers are of different tapes");
    }

    /// Σ of these connections as one record.
    #[inline(always)]
    fn record_sum(self, value: T, terms: impl Iterator<Item = Connections<T>>) -> Self {
        let number = self.tape.with(
            #[inline(always)]
            |recording| recording.record_sum(terms),
        );
        Scalar { value, connections: number.map_or(Connections::none(), Connections::to), ..self }
    }
}

impl<T: Real> Arithmetic for Scalar<'_, T> {
    #[inline(always)]
    fn zero(self) -> Self {
        self.tape.constant(T::default())
    }

    #[track_caller]
    fn sum(x: &[Self]) -> Self {
        let Some(first) = x.first() else { panic!("sum: no number") };
        same_tapes("sum", *first, x);
        let value = x[1..].iter().fold(first.value, |sum, x| sum + x.value);
        first.record_sum(value, x.iter().map(|x| x.connections))
    }

    #[track_caller]
    fn dot(a: &[Self], b: &[Self]) -> Self {
        assert!(a.len() == b.len() && !a.is_empty(), "dot: {} and {} numbers", a.len(), b.len());
        same_tapes("dot", a[0], a);
        same_tapes("dot", a[0], b);
        let value = a[1..].iter().zip(&b[1..]).fold(a[0].value * b[0].value, |sum, (a, b)| sum + a.value * b.value);
        if std::ptr::eq(a, b) {
            return a[0].record_sum(value, a.iter().map(|a| a.connections.scaled(a.value + a.value)));
        }
        let terms = a.iter().zip(b).flat_map(|(a, b)| [a.connections.scaled(b.value), b.connections.scaled(a.value)]);
        a[0].record_sum(value, terms)
    }
}

/// Not `for_each`, because a panic in a closure would point here instead of at the caller.
#[track_caller]
fn same_tapes<'t, T: Real>(name: &str, first: Scalar<'t, T>, x: &[Scalar<'t, T>]) {
    for &x in x {
        first.same_tape(name, x);
    }
}

impl<T: Real> Neg for Scalar<'_, T> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Scalar { value: -self.value, connections: self.connections.scaled(T::from_f64(-1.0)), ..self }
    }
}

/// One operator with its slopes, how they change connections, and whether one is finite where the value is; between numbers and with a
/// plain number on either side.
macro_rules! operator {
    ($Op:ident $op:ident, |$a:ident, $b:ident, $y:ident| $da:expr, $db:expr, $of:ident, |$slope:ident| $finite:expr) => {
        impl<T: Real> $Op for Scalar<'_, T> {
            type Output = Self;
            #[track_caller]
            #[inline(always)]
            fn $op(self, other: Self) -> Self {
                let ($a, $b) = (self.value, other.value);
                let $y = $a.$op($b);
                let finite = |$slope: T| $finite;
                self.same_tape(stringify!($op), other);
                let y = self.joined($y, self.connections.$of($da), other.connections.$of($db));
                y.settled(finite($da) && finite($db))
            }
        }
        impl<T: Real, C: Real> $Op<C> for Scalar<'_, T> {
            type Output = Self;
            #[inline(always)]
            fn $op(self, number: C) -> Self {
                let ($a, $b) = (self.value, T::from_f64(number.to_f64()));
                let $y = $a.$op($b);
                let finite = |$slope: T| $finite;
                Scalar { value: $y, connections: self.connections.$of($da), ..self }.settled(finite($da))
            }
        }
        impl<'t, T: Real> $Op<Scalar<'t, T>> for f64 {
            type Output = Scalar<'t, T>;
            #[inline(always)]
            fn $op(self, x: Scalar<'t, T>) -> Scalar<'t, T> {
                let ($a, $b) = (T::from_f64(self), x.value);
                let $y = $a.$op($b);
                let finite = |$slope: T| $finite;
                Scalar { value: $y, connections: x.connections.$of($db), ..x }.settled(finite($db))
            }
        }
    };
}
kernel::assigning!(['t, T: Real,] Scalar<'t, T>);
operator!(Add add, |a, b, y| T::from_f64(1.0), T::from_f64(1.0), scaled, |_slope| true);
operator!(Sub sub, |a, b, y| T::from_f64(1.0), T::from_f64(-1.0), scaled, |_slope| true);
operator!(Mul mul, |a, b, y| b, a, scaled, |_slope| true);
operator!(Div div, |a, b, y| T::from_f64(1.0) / b, -y / b, weighed, |slope| slope.is_finite());

impl<T: Real> PartialEq for Scalar<'_, T> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Real> PartialOrd for Scalar<'_, T> {
    #[inline(always)]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Real, C: Real> PartialEq<C> for Scalar<'_, T> {
    #[inline(always)]
    fn eq(&self, other: &C) -> bool {
        self.value == T::from_f64(other.to_f64())
    }
}

impl<T: Real, C: Real> PartialOrd<C> for Scalar<'_, T> {
    #[inline(always)]
    fn partial_cmp(&self, other: &C) -> Option<Ordering> {
        self.value.partial_cmp(&T::from_f64(other.to_f64()))
    }
}

impl<T: Real> fmt::Debug for Scalar<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.value, f)
    }
}

impl<T: Real> fmt::Display for Scalar<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.value, f)
    }
}
