//! The functions that the table is made of, on intervals. The number in each is the error to which a function is trusted, in units in the
//! last place: those of the platform's mathematical library and of the crate `kernel`.

use std::cmp::Ordering;
use std::f64::consts::{PI, TAU};

use autograd::{Elementary, Float};

use super::interval::Interval;

impl Interval {
    /// Of a monotone function that is computed to this many units in the last place.
    fn monotone(self, units: i32, f: impl Fn(f64) -> f64) -> Self {
        Self::around(&[f(self.low), f(self.high)], units)
    }

    /// Of a function whose slope is at most this, computed to this many units in the last place and this error beside them.
    fn steep(self, slope: f64, units: i32, error: f64, f: impl Fn(f64) -> f64) -> Self {
        let middle = self.midpoint();
        let moved = (slope * (self.high - middle).max(middle - self.low) + error).next_up().next_up();
        if moved.is_nan() {
            return Self::ALL;
        }
        Self::around(&[f(middle)], units) + Interval { low: -moved, high: moved }
    }

    /// Of a function of two operands that is monotone in each.
    fn monotone_in_both(self, other: Self, units: i32, f: impl Fn(f64, f64) -> f64) -> Self {
        self.corners(other, |a, b| Self::around(&[f(a, b)], units))
    }

    /// Itself where it lies within a domain, else no knowledge.
    fn in_domain(self, low: f64, high: f64, f: impl Fn(Self) -> Self) -> Self {
        if low <= self.low && self.high <= high { f(self) } else { Self::ALL }
    }

    /// Whether a whole number is among these.
    pub(super) fn holds_whole(self) -> bool {
        self.low.ceil() <= self.high || self.low.is_infinite() || self.high.is_infinite()
    }

    /// A sine or cosine, which is 1 this share of a turn after 0, and −1 half a turn later.
    fn wave(self, top: f64, f: impl Fn(f64) -> f64) -> Self {
        let turns = self / Interval::constant(TAU) - top;
        let ends = self.monotone(2, f);
        Interval {
            low: if (turns - 0.5).holds_whole() { -1.0 } else { ends.low.max(-1.0) },
            high: if turns.holds_whole() { 1.0 } else { ends.high.min(1.0) },
        }
    }

    /// xⁿ of a single number.
    fn power(x: f64, n: u32) -> Self {
        let (mut result, mut square) = (Interval::at(1.0), Interval::at(x));
        for bit in 0..32 - n.leading_zeros() {
            if bit > 0 {
                square = square * square;
            }
            if n >> bit & 1 == 1 {
                result *= square;
            }
        }
        result
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
        self.larger(-self).larger(Interval::at(0.0))
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
        if other.contains(0.0) {
            return Self::ALL;
        }
        if self.is_point() && other.is_point() && self.low.is_finite() {
            return Interval::at(self.low % other.low);
        }
        // It has the sign of self, and is at most as large as both.
        let most = self.abs().high.min(other.abs().high);
        Interval { low: if self.low < 0.0 { -most } else { 0.0 }, high: if self.high > 0.0 { most } else { 0.0 } }
    }

    fn sqrt(self) -> Self {
        let root = |x: f64| {
            let y = x.sqrt();
            // y² − x is exact where it does not underflow.
            let rest = if x == 0.0 {
                0.0
            } else if x < 1e-250 {
                f64::NAN
            } else {
                -y.mul_add(y, -x)
            };
            if x.is_infinite() { Interval::at(y) } else { Interval::rounded(y, rest) }
        };
        self.in_domain(0.0, f64::INFINITY, |x| root(x.low).hull(root(x.high)))
    }
    fn cbrt(self) -> Self {
        self.monotone(5, f64::cbrt)
    }
    fn hypot(self, other: Self) -> Self {
        self.abs().monotone_in_both(other.abs(), 2, f64::hypot)
    }
    fn powi(self, n: i32) -> Self {
        if n < 0 {
            let whole = n.unsigned_abs();
            let power = if whole > i32::MAX as u32 { self.powi(i32::MAX) * self } else { self.powi(whole as i32) };
            return Interval::at(1.0) / power;
        }
        let n = n as u32;
        if n % 2 == 1 {
            return Self::power(self.low, n).hull(Self::power(self.high, n));
        }
        let size = self.abs();
        let all = Self::power(size.low, n).hull(Self::power(size.high, n));
        Interval { low: all.low.max(0.0), high: all.high }
    }
    fn powf(self, p: f64) -> Self {
        // The exponent of a slope, p − 1, is rounded, too.
        let is_whole = p.fract() == 0.0 && p.abs() > 1.0;
        self.pow(Interval::around(&[p], i32::from(!is_whole)))
    }
    fn pow(self, other: Self) -> Self {
        self.in_domain(f64::MIN_POSITIVE, f64::MAX, |x| x.monotone_in_both(other, 2, f64::powf))
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
        self.monotone(3, f64::log10)
    }
    fn ln_1p(self) -> Self {
        self.monotone(2, Float::ln_1p)
    }

    fn sin(self) -> Self {
        self.wave(0.25, f64::sin)
    }
    fn cos(self) -> Self {
        self.wave(0.0, f64::cos)
    }
    fn tan(self) -> Self {
        // A pole is half a period after every zero.
        let periods = self / Interval::constant(PI) - 0.5;
        if periods.holds_whole() { Self::ALL } else { self.monotone(2, f64::tan) }
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
        let is_cut = self.contains(0.0) && other.low <= 0.0;
        if is_cut && !(self.is_point() && other.is_point()) {
            return Interval::around(&[-PI, PI], 1);
        }
        self.monotone_in_both(other, 2, f64::atan2)
    }
    fn sinh(self) -> Self {
        self.monotone(3, f64::sinh)
    }
    fn cosh(self) -> Self {
        self.abs().monotone(3, f64::cosh)
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
        self.monotone(4, autograd::Number::erf_inv)
    }
    fn ln_gamma(self) -> Self {
        let slope = self.digamma().abs().high;
        self.in_domain(f64::MIN_POSITIVE, f64::MAX, |x| x.steep(slope, 8, 0.0, autograd::Number::ln_gamma))
    }
    fn digamma(self) -> Self {
        self.in_domain(f64::MIN_POSITIVE, f64::MAX, |x| x.monotone(8, autograd::Number::digamma))
    }
    fn polygamma(self, n: i32) -> Self {
        self.in_domain(f64::MIN_POSITIVE, f64::MAX, |x| x.monotone(8, |x| autograd::Number::polygamma(x, n)))
    }
    fn sinc_derivative(self, n: i32) -> Self {
        // The nth derivative is at most πⁿ, and if it is odd at most πⁿ |πx|.
        let size = PI.powi(n);
        let far = (PI * self.abs().high).min(1.0);
        let error = 4.0 * f64::EPSILON * size * if n % 2 == 1 { far } else { 1.0 };
        self.steep(PI * size, 2, error, |x| autograd::Number::sinc_derivative(x, n))
    }
}
