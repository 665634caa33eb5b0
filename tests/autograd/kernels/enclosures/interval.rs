//! An interval: a number that encloses what it stands for. Every operation rounds outward.

use std::cmp::Ordering;
use std::f64::consts::{FRAC_PI_2, PI};
use std::ops::{Add, Div, Mul, Neg, Sub};

use kernel::Elementary;
use kernel::float::Float;

/// The numbers from `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// What is known where an operation is not defined everywhere.
const ALL: Interval = Interval { low: f64::NEG_INFINITY, high: f64::INFINITY };

impl Interval {
    /// Exactly this number.
    pub fn point(x: f64) -> Self {
        Interval { low: x, high: x }
    }

    /// A constant of a formula. One with more than 30 binary digits is rounded, as π or 1 / 3 are, and stands for the number before
    /// rounding.
    fn constant(c: f64) -> Self {
        let rounded = c.is_finite() && c.to_bits().trailing_zeros() < 22;
        Self::around(&[c], i32::from(rounded))
    }

    /// From the least of these to the largest, and this many numbers beyond both.
    fn around(ends: &[f64], further: i32) -> Self {
        if ends.iter().any(|x| x.is_nan()) {
            return ALL;
        }
        let low = ends.iter().copied().fold(f64::INFINITY, f64::min);
        let high = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let step = |x: f64, next: fn(f64) -> f64| (0..further).fold(x, |x, _| next(x));
        Interval { low: step(low, f64::next_down), high: step(high, f64::next_up) }
    }

    /// Both.
    fn hull(self, other: Self) -> Self {
        Self::around(&[self.low, self.high, other.low, other.high], 0)
    }

    /// Of a monotone function that is computed to this many units in the last place.
    fn monotone(self, units: i32, f: impl Fn(f64) -> f64) -> Self {
        Self::around(&[f(self.low), f(self.high)], units)
    }

    /// Of a function whose slope is at most this, computed to this many units in the last place and this error beside them.
    fn steep(self, slope: f64, units: i32, error: f64, f: impl Fn(f64) -> f64) -> Self {
        let middle = self.low.midpoint(self.high);
        let moved = (slope * (self.high - middle).max(middle - self.low) + error).next_up();
        Self::around(&[f(middle)], units) + Interval { low: -moved, high: moved }
    }

    /// Of a function of two operands that is monotone in each.
    fn corners(self, other: Self, units: i32, f: impl Fn(f64, f64) -> f64) -> Self {
        let [a, b] = [self, other].map(|x| [x.low, x.high]);
        Self::around(&[f(a[0], b[0]), f(a[0], b[1]), f(a[1], b[0]), f(a[1], b[1])], units)
    }

    fn holds(self, x: f64) -> bool {
        self.low <= x && x <= self.high
    }

    pub fn is_point(self) -> bool {
        self.low == self.high
    }

    /// Itself where it lies within a domain, else no knowledge.
    fn within(self, low: f64, high: f64, f: impl Fn(Self) -> Self) -> Self {
        if low <= self.low && self.high <= high { f(self) } else { ALL }
    }
}

impl Elementary for Interval {
    fn plain(self, c: f64) -> Self {
        Interval::constant(c)
    }
    fn where_positive(self, a: Self, b: Self) -> Self {
        match (self.low > 0.0, self.high <= 0.0) {
            (true, _) => a,
            (_, true) => b,
            _ => a.hull(b),
        }
    }
    fn where_equal(self, other: Self, a: Self, b: Self) -> Self {
        match self.partial_cmp(&other) {
            Some(Ordering::Equal) => a,
            Some(_) => b,
            None => a.hull(b),
        }
    }
    fn larger(self, other: Self) -> Self {
        Interval { low: self.low.max(other.low), high: self.high.max(other.high) }
    }
    fn abs(self) -> Self {
        self.larger(-self).larger(Interval::point(0.0))
    }
    fn copysign(self, other: Self) -> Self {
        other.where_positive(self.abs(), (-other).where_positive(-self.abs(), self.abs().hull(-self.abs())))
    }
    fn sign(self) -> Self {
        self.monotone(0, Float::sign)
    }
    fn step(self) -> Self {
        self.monotone(0, Float::step)
    }
    fn relu(self) -> Self {
        self.monotone(0, Float::relu)
    }
    fn fmod(self, other: Self) -> Self {
        if self.is_point() && other.is_point() { Interval::point(self.low % other.low) } else { ALL }
    }

    fn sqrt(self) -> Self {
        self.monotone(1, f64::sqrt)
    }
    fn cbrt(self) -> Self {
        self.monotone(2, f64::cbrt)
    }
    fn hypot(self, other: Self) -> Self {
        self.abs().corners(other.abs(), 2, f64::hypot)
    }
    fn powi(self, n: i32) -> Self {
        let ends = self.monotone(n.abs() + 1, |x| x.powi(n));
        match (self.holds(0.0), n) {
            (false, _) => ends,
            (_, ..0) => ALL,
            (_, 0) => Interval::point(1.0),
            _ => ends.hull(Interval::point(0.0)),
        }
    }
    fn powf(self, p: f64) -> Self {
        self.pow(Interval::point(p))
    }
    fn pow(self, other: Self) -> Self {
        self.within(f64::MIN_POSITIVE, f64::MAX, |x| x.corners(other, 2, f64::powf))
    }

    fn exp(self) -> Self {
        self.monotone(2, Float::exp)
    }
    fn exp2(self) -> Self {
        self.monotone(2, f64::exp2)
    }
    fn exp_m1(self) -> Self {
        self.monotone(2, Float::exp_m1)
    }
    fn ln(self) -> Self {
        self.monotone(2, Float::ln)
    }
    fn log2(self) -> Self {
        self.monotone(2, f64::log2)
    }
    fn log10(self) -> Self {
        self.monotone(2, f64::log10)
    }
    fn ln_1p(self) -> Self {
        self.monotone(2, Float::ln_1p)
    }

    fn sin(self) -> Self {
        self.steep(1.0, 2, 0.0, f64::sin)
    }
    fn cos(self) -> Self {
        self.steep(1.0, 2, 0.0, f64::cos)
    }
    fn tan(self) -> Self {
        self.within(-FRAC_PI_2, FRAC_PI_2, |x| x.monotone(2, f64::tan))
    }
    fn asin(self) -> Self {
        self.monotone(2, f64::asin)
    }
    fn acos(self) -> Self {
        self.monotone(2, f64::acos)
    }
    fn atan(self) -> Self {
        self.monotone(2, f64::atan)
    }
    fn atan2(self, other: Self) -> Self {
        if other.low > 0.0 || !self.holds(0.0) { self.corners(other, 2, f64::atan2) } else { ALL }
    }
    fn sinh(self) -> Self {
        self.monotone(2, f64::sinh)
    }
    fn cosh(self) -> Self {
        self.abs().monotone(2, f64::cosh)
    }
    fn tanh(self) -> Self {
        self.monotone(2, Float::tanh)
    }
    fn asinh(self) -> Self {
        self.monotone(4, f64::asinh)
    }

    fn sigmoid(self) -> Self {
        self.monotone(2, Float::sigmoid)
    }
    fn softplus(self) -> Self {
        self.monotone(2, Float::softplus)
    }
    fn tanhshrink(self) -> Self {
        self.monotone(4, Float::tanhshrink)
    }
    fn erf(self) -> Self {
        self.monotone(2, Float::erf)
    }
    fn erfc(self) -> Self {
        self.monotone(6, Float::erfc)
    }
    fn erf_inv(self) -> Self {
        self.monotone(4, kernel::Number::erf_inv)
    }
    fn ln_gamma(self) -> Self {
        let slope = self.digamma().abs().high;
        self.within(f64::MIN_POSITIVE, f64::MAX, |x| x.steep(slope, 8, 0.0, kernel::Number::ln_gamma))
    }
    fn digamma(self) -> Self {
        self.within(f64::MIN_POSITIVE, f64::MAX, |x| x.monotone(8, kernel::Number::digamma))
    }
    fn polygamma(self, n: i32) -> Self {
        self.within(f64::MIN_POSITIVE, f64::MAX, |x| x.monotone(8, |x| kernel::Number::polygamma(x, n)))
    }
    fn sinc_derivative(self, n: i32) -> Self {
        // The nth derivative is at most πⁿ, and if it is odd at most πⁿ |πx|.
        let size = PI.powi(n);
        let error = 4.0 * f64::EPSILON * size * if n % 2 == 1 { (PI * self.low).abs().min(1.0) } else { 1.0 };
        self.steep(PI * size, 2, error, |x| kernel::Number::sinc_derivative(x, n))
    }
}

impl Neg for Interval {
    type Output = Self;
    fn neg(self) -> Self {
        Interval { low: -self.high, high: -self.low }
    }
}

/// An operator between two intervals, and with a constant on either side.
macro_rules! operator {
    ($Op:ident $op:ident, |$a:ident, $b:ident| $result:expr) => {
        impl $Op for Interval {
            type Output = Self;
            fn $op(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                $result
            }
        }
        impl $Op<f64> for Interval {
            type Output = Self;
            fn $op(self, c: f64) -> Self {
                self.$op(Interval::constant(c))
            }
        }
        impl $Op<Interval> for f64 {
            type Output = Interval;
            fn $op(self, x: Interval) -> Interval {
                Interval::constant(self).$op(x)
            }
        }
    };
}
operator!(Add add, |a, b| Interval::around(&[a.low + b.low, a.high + b.high], 1));
operator!(Sub sub, |a, b| a + -b);
operator!(Mul mul, |a, b| a.corners(b, 1, |a, b| a * b));
operator!(Div div, |a, b| if b.holds(0.0) { ALL } else { a.corners(b, 1, |a, b| a / b) });
