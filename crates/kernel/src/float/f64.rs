//! exp, ln, tanh and relatives for `f64`, as straight-line code: every case is a select on computed values, so a plain
//! loop over a slice vectorises by itself inside `pulp::Arch::dispatch`.
//!
//! Method: argument reduction in two parts of ln 2 (Cody and Waite, *Software Manual for the Elementary Functions*,
//! 1980), then a minimax polynomial (Remez), then a power of two put into the exponent bits. Background: Muller,
//! *Elementary Functions*, 2016; Tang, *Table-driven implementation of the exponential function*, 1989.
//! Results are within 2 ulp everywhere, subnormal numbers included, and do not depend on the machine: `mul_add` is
//! one rounding with or without hardware for it.

/// ln 2 = `LN2_HI` + `LN2_LO`; the high part ends in 11 zero bits, so that n · `LN2_HI` is exact for |n| < 2048.
const LN2_HI: f64 = 0.693_147_180_559_890_3;
const LN2_LO: f64 = 5.497_923_018_708_371e-14;

/// Adding 1.5 · 2⁵² rounds to an integer and leaves it in the low bits; 2046 more make it n plus twice the exponent bias.
const ROUND: f64 = 6_755_399_441_055_744.0 + 2046.0;

/// x = n ln 2 + r with |r| ≤ ln 2 / 2. Returns r, and bits that end in n + 2046.
#[inline(always)]
fn reduce(x: f64) -> (f64, u64) {
    let t = x.mul_add(std::f64::consts::LOG2_E, ROUND);
    let n = t - ROUND;
    let r = n.mul_add(-LN2_LO, n.mul_add(-LN2_HI, x));
    (r, t.to_bits())
}

/// 2^(e − 1023); bits of e above the exponent field drop out.
#[inline(always)]
fn pow2(e: u64) -> f64 {
    f64::from_bits(e << 52)
}

/// (eʳ − 1 − r) / r² on |r| ≤ ln 2 / 2; the error is 2⁻⁵⁹ of eʳ − 1.
#[inline(always)]
fn exp_series(r: f64) -> f64 {
    const C: [f64; 11] = [
        0.5,
        0.166_666_666_666_666_77,
        0.041_666_666_666_666_58,
        0.008_333_333_333_322_29,
        0.001_388_888_888_894_225,
        0.000_198_412_698_846_493_42,
        2.480_158_719_876_749e-5,
        2.755_724_556_339_194e-6,
        2.755_738_678_386_738e-7,
        2.510_859_959_637_026e-8,
        2.087_894_074_354_044_3e-9,
    ];
    let high = C[10].mul_add(r, C[9]).mul_add(r, C[8]).mul_add(r, C[7]).mul_add(r, C[6]).mul_add(r, C[5]);
    high.mul_add(r, C[4]).mul_add(r, C[3]).mul_add(r, C[2]).mul_add(r, C[1]).mul_add(r, C[0])
}

/// eˣ = 2ⁿ eʳ.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    // Beyond these the result is 0 or ∞ anyway, and n fits. `clamp`, unlike `min` and `max`, lets NaN through.
    let (r, n) = reduce(x.clamp(-746.0, 710.0));
    let p = exp_series(r).mul_add(r, 1.0).mul_add(r, 1.0);
    // 2ⁿ as two factors: n = 1024 is no number's exponent, and a subnormal result is rounded once, by the last product.
    let half = n >> 1;
    p * pow2(half) * pow2(n - half)
}

/// (eˣ − 1) / 2 as an unevaluated sum a + b. With k = 2ⁿ⁻¹ it is (k − ½) + k r + k r² (…), and b holds what rounding
/// the first sum lost. The half is there because 2¹⁰²⁴ is no number.
#[inline(always)]
fn half_exp_m1(x: f64) -> (f64, f64) {
    let (r, n) = reduce(x);
    let k = pow2(n - 1024);
    let (h, kr) = (k - 0.5, k * r);
    let a = h + kr;
    (a, (kr * r).mul_add(exp_series(r), kr - (a - h)))
}

/// eˣ − 1.
#[inline(always)]
pub(crate) fn exp_m1(x: f64) -> f64 {
    let (a, b) = half_exp_m1(x.clamp(-40.0, 710.0));
    // Below 2⁻⁵⁴ the answer is x, as it is for subnormal numbers, which have no half, and for −0.
    if x.abs() < 5.55e-17 { x } else { 2.0 * (a + b) }
}

/// tanh |x| = h / (1 + h) with h = (e^(2|x|) − 1) / 2, then the sign of x. As p − p q with p = min(h, 1) and
/// q = p / (1 + h), the errors of the sum and the quotient count at most by half.
#[inline(always)]
pub(crate) fn tanh(x: f64) -> f64 {
    let y = 2.0 * x.abs();
    let (a, b) = half_exp_m1(if y > 40.0 { 40.0 } else { y });
    let h = a + b;
    let p = if h > 1.0 { 1.0 } else { h };
    (-p).mul_add(p / (1.0 + h), p).copysign(x)
}

/// 1 / (1 + e⁻ˣ). With e = e^(−|x|) and q = e / (1 + e) it is 1 − q for x ≥ 0 and q for x < 0; the latter as e − e q, in
/// which the errors of the sum and the quotient count only e-fold.
#[inline(always)]
pub(crate) fn sigmoid(x: f64) -> f64 {
    let e = exp(-x.abs());
    let q = e / (1.0 + e);
    let c = if x < 0.0 { e } else { 1.0 };
    (-c).mul_add(q, c)
}

/// u = 2ⁿ m with m in [√½, √2). Returns n, m, and n + 1023.
#[inline(always)]
fn split(u: f64) -> (f64, f64, u64) {
    const SQRT_HALF: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    const TWO_52: f64 = 4_503_599_627_370_496.0;
    // The sum carries into the exponent exactly when the mantissa is that of √½ or more.
    let bits = u.to_bits().wrapping_add(1.0f64.to_bits() - SQRT_HALF);
    let biased = bits >> 52;
    let n = f64::from_bits(TWO_52.to_bits() | biased) - (TWO_52 + 1023.0);
    (n, f64::from_bits((bits & 0xf_ffff_ffff_ffff) + SQRT_HALF), biased)
}

/// ln(1 + f) − f for f in [√½ − 1, 1]. With s = f / (2 + f) and z = s², ln(1 + f) = 2 artanh s = 2s + s z R(z), and
/// 2s = f − s f. The error is 2⁻⁵⁸ of ln(1 + f).
#[inline(always)]
fn ln_tail(f: f64) -> f64 {
    const R: [f64; 10] = [
        0.666_666_666_666_665,
        0.400_000_000_001_031_3,
        0.285_714_285_530_275_17,
        0.222_222_237_345_922_8,
        0.181_817_496_565_664_4,
        0.153_864_835_542_545_65,
        0.133_014_696_586_040_45,
        0.121_055_559_957_117_06,
        0.083_298_078_638_429_11,
        0.170_576_133_686_913_66,
    ];
    let s = f / (2.0 + f);
    let z = s * s;
    let high = R[9].mul_add(z, R[8]).mul_add(z, R[7]).mul_add(z, R[6]).mul_add(z, R[5]);
    let r = high.mul_add(z, R[4]).mul_add(z, R[3]).mul_add(z, R[2]).mul_add(z, R[1]).mul_add(z, R[0]);
    s * z.mul_add(r, -f)
}

/// n ln 2 + ln(1 + f), smallest terms first.
#[inline(always)]
fn ln_sum(n: f64, f: f64) -> f64 {
    n.mul_add(LN2_HI, f + n.mul_add(LN2_LO, ln_tail(f)))
}

/// ln u is `y` where u is positive and finite, otherwise ∞, −∞ or NaN.
#[inline(always)]
fn ln_or_special(u: f64, y: f64) -> f64 {
    let positive = if u < f64::INFINITY { y } else { u };
    let other = if u == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    if u > 0.0 { positive } else { other }
}

/// ln x = n ln 2 + ln m.
#[inline(always)]
pub(crate) fn ln(x: f64) -> f64 {
    // A subnormal number has no exponent to read: scale it by 2⁵⁴ first.
    let tiny = x < f64::MIN_POSITIVE;
    let (n, m, _) = split(if tiny { x * 18_014_398_509_481_984.0 } else { x });
    let n = if tiny { n - 54.0 } else { n };
    ln_or_special(x, ln_sum(n, m - 1.0))
}

/// ln(1 + y) = ln(u + c), where c is what rounding u = 1 + y lost: n ln 2 + ln(m + 2⁻ⁿ c).
#[inline(always)]
pub(crate) fn ln_1p(y: f64) -> f64 {
    let u = 1.0 + y;
    let c = if y < 1.0 { y - (u - 1.0) } else { 1.0 - (u - y) };
    let (n, m, biased) = split(u);
    // Where n > 1022, c is nothing beside u, and 2⁻ⁿ can be 0.
    let f = pow2(2046u64.saturating_sub(biased)).mul_add(c, m - 1.0);
    // ln_sum would lose the sign of −0.
    if y == 0.0 { y } else { ln_or_special(u, ln_sum(n, f)) }
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^(−|x|)).
#[inline(always)]
pub(crate) fn softplus(x: f64) -> f64 {
    let positive = if x > 0.0 { x } else { 0.0 };
    let e = exp(-x.abs());
    positive + (e + ln_tail(e))
}

/// x − tanh x. For |x| < 2 it is (x cosh x − sinh x) / cosh x, whose numerator Σ 2k x^(2k+1) / (2k+1)! has positive terms only.
#[inline(always)]
pub(crate) fn tanhshrink(x: f64) -> f64 {
    const C: [f64; 13] = [
        0.3333333333333333,
        0.03333333333333333,
        0.0011904761904761906,
        2.2045855379188714e-05,
        2.505210838544172e-07,
        1.9270852604185937e-09,
        1.0706029224547743e-11,
        4.498331606952833e-14,
        1.4797143443923793e-16,
        3.9145882126782523e-19,
        8.509974375387505e-22,
        1.5472680682522736e-24,
        2.387759364586842e-27,
    ];
    let (z, e) = (x * x, exp(x.abs()));
    let sum = C.iter().rev().fold(0.0, |sum: f64, &c| sum.mul_add(z, c));
    // x² before x³, which is 0 earlier.
    let near = x * (z * sum) / (0.5 * (e + 1.0 / e));
    if x.abs() < 2.0 { near } else { x - tanh(x) }
}
