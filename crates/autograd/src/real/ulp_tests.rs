//! Errors of the functions in units in the last place: `f32` against `f64` from std, `f64` against double-double
//! series, which hold about 100 bits. An error is |result − exact| / ulp(exact), with the ulp of subnormal numbers
//! where `exact` is one.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{f32 as k32, f64 as k64};

/// `ys` = f(`xs`) in vector code. The closure is `FnOnce` only, as it moves `ys`, and so its `inline(always)` counts:
/// others are called through a shim that may stay outside, without fused multiply-add.
macro_rules! bulk {
    ($f:path, $xs:expr) => {{
        let xs = $xs;
        let mut ys = xs.to_vec();
        let out = &mut ys[..];
        pulp::Arch::new().dispatch(
            #[inline(always)]
            move || {
                let out = out;
                for (y, x) in out.iter_mut().zip(xs) {
                    *y = $f(*x);
                }
            },
        );
        ys
    }};
}

/// Each function as name, code, reference and bound; `$run` is called as `$run!(name, code, reference, bound)`.
macro_rules! each {
    ($run:ident, $k:ident, $reference:ident) => {
        $run!("exp", $k::exp, $reference::exp, 1.0);
        $run!("ln", $k::ln, $reference::ln, 1.0);
        $run!("tanh", $k::tanh, $reference::tanh, 2.0);
        $run!("sigmoid", $k::sigmoid, $reference::sigmoid, 2.0);
        $run!("exp_m1", $k::exp_m1, $reference::exp_m1, 2.0);
        $run!("ln_1p", $k::ln_1p, $reference::ln_1p, 2.0);
        $run!("softplus", $k::softplus, $reference::softplus, 2.0);
    };
}

#[test]
fn single_precision() {
    let mut xs: Vec<f32> = (0..=u32::MAX).step_by(997).map(f32::from_bits).collect();
    xs.extend(edges().iter().flat_map(|&x| around_f32(x as f32)));
    macro_rules! run {
        ($name:expr, $f:path, $reference:path, $bound:expr) => {
            let mut worst = (0.0, 0.0);
            for (&x, y) in xs.iter().zip(bulk!($f, &xs[..])) {
                let error = ulps_f32(y, $reference(x as f64));
                assert!(error <= $bound, "{}({x:e}) = {y:e} is off by {error} ulp", $name);
                worst = if error > worst.0 { (error, x) } else { worst };
            }
            println!("f32 {:8} {:.3} ulp at {:e}", $name, worst.0, worst.1);
        };
    }
    each!(run, k32, in_f64);
}

#[test]
fn double_precision() {
    // All exponents; then the ranges in which the functions vary, from coarse to fine.
    let mut xs: Vec<f64> = noise(40_000).map(|u| f64::from_bits((u * 2f64.powi(64)) as u64)).collect();
    for range in [750.0, 50.0, 10.0, 2.0, 0.5, 1e-3] {
        xs.extend(noise(25_000).map(|u| (2.0 * u - 1.0) * range));
    }
    xs.extend(noise(25_000).map(|u| 0.5 + u));
    xs.extend(edges().iter().flat_map(|&x| around_f64(x)));
    macro_rules! run {
        ($name:expr, $f:path, $reference:path, $bound:expr) => {
            let mut worst = (0.0, 0.0);
            for (&x, y) in xs.iter().zip(bulk!($f, &xs[..])) {
                let error = ulps_f64(y, $reference(x));
                assert!(error <= $bound, "{}({x:e}) = {y:e} is off by {error} ulp", $name);
                worst = if error > worst.0 { (error, x) } else { worst };
            }
            println!("f64 {:8} {:.3} ulp at {:e}", $name, worst.0, worst.1);
        };
    }
    each!(run, k64, exact);
}

/// What ulp counts do not show: the sign of zero, and the answers at the ends.
#[test]
fn special_values() {
    macro_rules! check {
        ($k:ident, $T:ident) => {
            let (inf, nan) = (std::primitive::$T::INFINITY, std::primitive::$T::NAN);
            macro_rules! run {
                ($name:expr, $f:path, $reference:path, $bound:expr) => {
                    assert!(bulk!($f, &[nan, -nan][..]).iter().all(|y| y.is_nan()), $name);
                };
            }
            each!(run, $k, $k);
            assert_eq!(bulk!($k::exp, &[-inf, 0.0, -0.0, inf][..]), [0.0, 1.0, 1.0, inf]);
            assert_eq!(bulk!($k::ln, &[0.0, -0.0, 1.0, inf][..]), [-inf, -inf, 0.0, inf]);
            assert!(bulk!($k::ln, &[-1.0, -1e-40, -inf][..]).iter().all(|y| y.is_nan()));
            assert_eq!(bulk!($k::tanh, &[-inf, inf][..]), [-1.0, 1.0]);
            assert_eq!(bulk!($k::sigmoid, &[-inf, 0.0, inf][..]), [0.0, 0.5, 1.0]);
            assert_eq!(bulk!($k::exp_m1, &[-inf, inf][..]), [-1.0, inf]);
            assert_eq!(bulk!($k::ln_1p, &[-1.0, inf][..]), [-inf, inf]);
            assert!(bulk!($k::ln_1p, &[-1.5, -inf][..]).iter().all(|y| y.is_nan()));
            assert_eq!(bulk!($k::softplus, &[-inf, inf][..]), [0.0, inf]);
            for odd in [
                bulk!($k::tanh, &[-0.0, 0.0][..]),
                bulk!($k::exp_m1, &[-0.0, 0.0][..]),
                bulk!($k::ln_1p, &[-0.0, 0.0][..]),
            ] {
                assert!(odd == [0.0, 0.0] && odd[0].is_sign_negative() && odd[1].is_sign_positive());
            }
        };
    }
    check!(k32, f32);
    check!(k64, f64);
}

/// Code compiled without fused multiply-add, which calls a function for it, gives the same bits.
#[test]
fn same_bits_on_every_machine() {
    let xs: Vec<f64> = noise(5_000).map(|u| (u - 0.5) * 40.0).collect();
    let singles: Vec<f32> = xs.iter().map(|&x| x as f32).collect();
    macro_rules! run {
        ($name:expr, $f:path, $reference:path, $bound:expr) => {
            let same =
                singles.iter().zip(bulk!($f, &singles[..])).all(|(&x, y)| $f(x).to_bits() == y.to_bits() || y.is_nan());
            assert!(same, $name);
        };
    }
    each!(run, k32, k32);
    macro_rules! run {
        ($name:expr, $f:path, $reference:path, $bound:expr) => {
            let same = xs.iter().zip(bulk!($f, &xs[..])).all(|(&x, y)| $f(x).to_bits() == y.to_bits() || y.is_nan());
            assert!(same, $name);
        };
    }
    each!(run, k64, k64);
}

/// The reference itself: known digits, and identities that mix its functions.
#[test]
fn double_double_is_accurate() {
    let near = |a: Dd, b: Dd, why: &str| assert!((a - b).hi.abs() <= 1e-29 * b.hi.abs(), "{why}: {a:?} {b:?}");
    let e = Dd { hi: std::f64::consts::E, lo: 1.445_646_891_729_250_1e-16 };
    near(exact::exp(1.0).mantissa.scale(exact::exp(1.0).exponent), e, "e");
    near(exact::ln(10.0).mantissa, Dd { hi: std::f64::consts::LN_10, lo: -2.170_756_223_382_249_4e-16 }, "ln 10");
    for x in noise(2_000).map(|u| u * 30.0) {
        let y = exact::exp(x);
        let one_plus = exact::exp_m1(x);
        let one_plus = one_plus.mantissa.scale(one_plus.exponent) + Dd::from(1.0);
        near(one_plus * exact::exp(-x).mantissa, Dd::from(1.0).scale(-exact::exp(-x).exponent), "eˣ e⁻ˣ = 1");
        near(exact::ln_dd(y.mantissa) + LN_2 * Dd::from(y.exponent as f64), Dd::from(x), "ln eˣ = x");
    }
}

/// Where a function starts to overflow, vanish or saturate, where its argument reduction switches, and the ends.
fn edges() -> Vec<f64> {
    let positive = [
        0.0,
        f64::from_bits(1),
        2f64.powi(-1022),
        2f64.powi(-149),
        2f64.powi(-126),
        2f64.powi(-54),
        2f64.powi(-25),
        0.25,
        0.5,
        std::f64::consts::FRAC_1_SQRT_2,
        1.0,
        std::f64::consts::SQRT_2,
        2.0,
        9.0,
        9.01,
        10.0,
        17.3,
        18.0,
        19.06,
        20.0,
        36.7,
        37.4,
        40.0,
        87.33,
        88.03,
        88.72,
        88.73,
        89.0,
        103.28,
        103.97,
        104.0,
        708.39,
        709.08,
        709.78,
        710.0,
        744.44,
        745.13,
        746.0,
        1e10,
        1e30,
        f32::MAX as f64,
        1e300,
        f64::MAX,
        f64::INFINITY,
    ];
    let switches = (0..40).map(|n| (n as f64 + 0.5) * std::f64::consts::LN_2);
    positive.into_iter().chain(switches).flat_map(|x| [x, -x]).collect()
}

/// x and the 40 numbers at each side of it.
fn around_f32(x: f32) -> impl Iterator<Item = f32> {
    (0..=80).map(move |i| f32::from_bits(x.to_bits().wrapping_add(i).wrapping_sub(40)))
}

fn around_f64(x: f64) -> impl Iterator<Item = f64> {
    (0..=80).map(move |i| f64::from_bits(x.to_bits().wrapping_add(i).wrapping_sub(40)))
}

/// Numbers in [0, 1): a Weyl sequence, scrambled (splitmix64).
fn noise(n: u64) -> impl Iterator<Item = f64> {
    (1..=n).map(|i| {
        let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / 2f64.powi(64)
    })
}

/// 0 where both are NaN or the same infinity or zero; infinite where only one is NaN. An infinite result counts as the
/// first number too large.
fn ulps_f32(y: f32, exact: f64) -> f64 {
    let limit = 2f64.powi(128);
    if exact.is_nan() || y.is_nan() {
        return if exact.is_nan() && y.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let exact = exact.clamp(-limit, limit);
    let ulp = 2f64.powi(exponent(exact).clamp(-126, 127) - 23);
    ((y as f64).clamp(-limit, limit) - exact).abs() / ulp
}

/// The same, with y and the ulp divided by the power of two of `exact`, so that the difference keeps all its bits.
fn ulps_f64(y: f64, exact: Scaled) -> f64 {
    let Scaled { mantissa: m, exponent: e } = exact;
    if m.hi.is_nan() || y.is_nan() {
        return if m.hi.is_nan() && y.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if m.hi.is_infinite() || m.hi == 0.0 {
        return if y == m.hi { 0.0 } else { f64::INFINITY };
    }
    let size = exponent(m.hi) + e;
    if size >= 1024 {
        return if y == f64::INFINITY.copysign(m.hi) { 0.0 } else { f64::INFINITY };
    }
    let ulp = size.max(-1022) - 52 - e;
    let y = if y.is_infinite() { times_power(1f64.copysign(y), 1024 - e) } else { times_power(y, -e) };
    times_power((Dd::from(y) - m).hi, -ulp).abs()
}

/// ⌊log₂ |x|⌋ of a normal number; smaller than any normal exponent otherwise.
fn exponent(x: f64) -> i32 {
    (x.to_bits() >> 52 & 0x7ff) as i32 - 1023
}

/// x 2ⁿ, for n beyond the exponents of `f64`.
fn times_power(x: f64, n: i32) -> f64 {
    x * 2f64.powi(n / 2) * 2f64.powi(n - n / 2)
}

/// The functions in `f64`.
mod in_f64 {
    pub fn exp(x: f64) -> f64 {
        x.exp()
    }
    pub fn ln(x: f64) -> f64 {
        x.ln()
    }
    pub fn tanh(x: f64) -> f64 {
        x.tanh()
    }
    pub fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }
    pub fn exp_m1(x: f64) -> f64 {
        x.exp_m1()
    }
    pub fn ln_1p(x: f64) -> f64 {
        x.ln_1p()
    }
    pub fn softplus(x: f64) -> f64 {
        (if x < 0.0 { 0.0 } else { x }) + (-x.abs()).exp().ln_1p()
    }
}

/// The functions in double-double arithmetic: Taylor series after reduction by multiples of ln 2.
mod exact {
    use super::{Dd, LN_2, Scaled, exponent, times_power};

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
}

/// `mantissa` · 2^`exponent`, so that subnormal values keep their digits.
#[derive(Clone, Copy, Debug)]
struct Scaled {
    mantissa: Dd,
    exponent: i32,
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
struct Dd {
    hi: f64,
    lo: f64,
}

const LN_2: Dd = Dd { hi: std::f64::consts::LN_2, lo: 2.319_046_813_846_299_6e-17 };

impl Dd {
    fn two_sum(a: f64, b: f64) -> Dd {
        let hi = a + b;
        let b_part = hi - a;
        Dd { hi, lo: (a - (hi - b_part)) + (b - b_part) }
    }

    fn scale(self, n: i32) -> Dd {
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
