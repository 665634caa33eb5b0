//! The functions in double-double arithmetic: Taylor series after reduction by multiples of ln 2.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{exponent, times_power};

/// eˣ − 1 for |x| ≤ ln 2 / 2, to x³⁰ / 30!.
fn exp_m1_series(x: Dd) -> Dd {
    let one = Dd::from(1.0);
    let sum = (2..=30).rev().fold(one, |sum, k| one + sum * x / Dd::from(k as f64));
    sum * x
}

/// x = n ln 2 + r.
fn reduce(x: f64) -> (i32, Dd) {
    let n = (x * std::f64::consts::LOG2_E).round();
    (n as i32, Dd::from(x) - LN_2 * Dd::from(n))
}

pub fn exp(x: f64) -> Scaled {
    if x.is_nan() || x.abs() > 800.0 {
        return Scaled::from(x.exp());
    }
    let (exponent, r) = reduce(x);
    Scaled { mantissa: exp_m1_series(r) + Dd::from(1.0), exponent }
}

pub fn exp_m1(x: f64) -> Scaled {
    if x.is_nan() || x.abs() > 800.0 || x == 0.0 {
        return Scaled::from(x.exp_m1());
    }
    let (exponent, r) = reduce(x);
    if exponent == 0 && x.abs() < 2f64.powi(-200) {
        return Scaled::from(x);
    }
    if exponent < -200 {
        return Scaled::from(-1.0);
    }
    // ((eʳ − 1) + (1 − 2⁻ⁿ)) 2ⁿ
    let one = Dd::from(1.0) - Dd::from(times_power(1.0, -exponent));
    Scaled { mantissa: exp_m1_series(r) + one, exponent }
}

/// ln y = n ln 2 + 2 artanh(f / (2 + f)), y = 2ⁿ (1 + f).
pub fn ln_dd(y: Dd) -> Dd {
    let n = exponent(y.hi * std::f64::consts::SQRT_2);
    ln_1p_series(y.scale(-n) - Dd::from(1.0)) + LN_2 * Dd::from(n as f64)
}

/// 2 artanh s = 2 (s + s³/3 + …) with s = f / (2 + f), |s| < 0.18.
fn ln_1p_series(f: Dd) -> Dd {
    let s = f / (f + Dd::from(2.0));
    let z = s * s;
    let sum = (0..24).rev().fold(Dd::from(0.0), |sum, k| sum * z + Dd::from(1.0) / Dd::from(2.0 * k as f64 + 1.0));
    (s * sum).scale(1)
}

pub fn ln(x: f64) -> Scaled {
    if !(x > 0.0 && x.is_finite()) || x == 1.0 {
        return Scaled::from(x.ln());
    }
    let tiny = x < f64::MIN_POSITIVE;
    let y = ln_dd(Dd::from(if tiny { x * 2f64.powi(60) } else { x }));
    (if tiny { y - LN_2 * Dd::from(60.0) } else { y }).into()
}

/// ln(1 + y) of a double-double y > −1.
fn ln_1p_dd(y: Dd) -> Dd {
    if y.hi.abs() < 0.25 { ln_1p_series(y) } else { ln_dd(y + Dd::from(1.0)) }
}

pub fn ln_1p(y: f64) -> Scaled {
    if !(y > -1.0 && y.is_finite()) || y == 0.0 {
        return Scaled::from(y.ln_1p());
    }
    if y.abs() < 2f64.powi(-200) {
        return Scaled::from(y);
    }
    if y > 2f64.powi(200) {
        return ln(y);
    }
    ln_1p_dd(Dd::from(y)).into()
}

/// t / (t + 2) with t = e^(2x) − 1.
pub fn tanh(x: f64) -> Scaled {
    if x.is_nan() || x.abs() > 60.0 {
        return Scaled::from(x.tanh());
    }
    if x.abs() < 2f64.powi(-200) {
        return Scaled::from(x);
    }
    let t = exp_m1(2.0 * x);
    let t = t.mantissa.scale(t.exponent);
    (t / (t + Dd::from(2.0))).into()
}

/// e^(−|x|), and the same without its exponent, as far as it matters beside 1.
fn exp_minus_abs(x: f64) -> (Scaled, Dd) {
    let e = exp(-x.abs());
    (e, if e.exponent < -200 { Dd::from(0.0) } else { e.mantissa.scale(e.exponent) })
}

pub fn sigmoid(x: f64) -> Scaled {
    let (e, plain) = exp_minus_abs(x);
    let sum = plain + Dd::from(1.0);
    if x < 0.0 {
        return Scaled { mantissa: e.mantissa / sum, exponent: e.exponent };
    }
    (Dd::from(1.0) / sum).into()
}

pub fn softplus(x: f64) -> Scaled {
    let (e, plain) = exp_minus_abs(x);
    if x < 0.0 && e.exponent < -200 || x.is_nan() {
        return e;
    }
    if x > 800.0 {
        return Scaled::from(x);
    }
    (ln_1p_dd(plain) + Dd::from(if x > 0.0 { x } else { 0.0 })).into()
}

/// `mantissa` · 2^`exponent`, so that subnormal values keep their digits.
#[derive(Clone, Copy, Debug)]
pub struct Scaled {
    pub mantissa: Dd,
    pub exponent: i32,
}

impl From<f64> for Scaled {
    fn from(x: f64) -> Scaled {
        Scaled { mantissa: Dd::from(x), exponent: 0 }
    }
}

impl From<Dd> for Scaled {
    fn from(mantissa: Dd) -> Scaled {
        Scaled { mantissa, exponent: 0 }
    }
}

/// An unevaluated sum hi + lo with |lo| ≤ ulp(hi) / 2 (Dekker, *A floating-point technique for extending the available
/// precision*, 1971; Knuth's two-sum).
#[derive(Clone, Copy, Debug)]
pub struct Dd {
    pub hi: f64,
    pub lo: f64,
}

pub const LN_2: Dd = Dd { hi: std::f64::consts::LN_2, lo: 2.319_046_813_846_299_6e-17 };

impl Dd {
    fn two_sum(a: f64, b: f64) -> Dd {
        let hi = a + b;
        let b_part = hi - a;
        Dd { hi, lo: (a - (hi - b_part)) + (b - b_part) }
    }

    pub fn scale(self, n: i32) -> Dd {
        Dd { hi: times_power(self.hi, n), lo: times_power(self.lo, n) }
    }
}

impl From<f64> for Dd {
    fn from(hi: f64) -> Dd {
        Dd { hi, lo: 0.0 }
    }
}

impl Neg for Dd {
    type Output = Dd;
    fn neg(self) -> Dd {
        Dd { hi: -self.hi, lo: -self.lo }
    }
}

impl Add for Dd {
    type Output = Dd;
    fn add(self, other: Dd) -> Dd {
        let (high, low) = (Dd::two_sum(self.hi, other.hi), Dd::two_sum(self.lo, other.lo));
        let sum = Dd::two_sum(high.hi, high.lo + low.hi);
        Dd::two_sum(sum.hi, sum.lo + low.lo)
    }
}

impl Sub for Dd {
    type Output = Dd;
    fn sub(self, other: Dd) -> Dd {
        self + -other
    }
}

impl Mul for Dd {
    type Output = Dd;
    fn mul(self, other: Dd) -> Dd {
        let hi = self.hi * other.hi;
        let lost = self.hi.mul_add(other.hi, -hi);
        Dd::two_sum(hi, lost + (self.hi * other.lo + self.lo * other.hi))
    }
}

impl Div for Dd {
    type Output = Dd;
    fn div(self, other: Dd) -> Dd {
        let q = self.hi / other.hi;
        let rest = self - other * Dd::from(q);
        let q2 = rest.hi / other.hi;
        let rest = rest - other * Dd::from(q2);
        Dd::two_sum(q, q2) + Dd::from(rest.hi / other.hi)
    }
}
