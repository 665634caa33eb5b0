//! exp, ln, tanh and relatives for `f32`, as straight-line code: every case is a select on computed values, so a plain
//! loop over a slice vectorises by itself inside `pulp::Arch::dispatch`.
//!
//! Method: argument reduction in two parts of ln 2 (Cody and Waite, *Software Manual for the Elementary Functions*,
//! 1980), then a minimax polynomial (Remez), then a power of two put into the exponent bits. Background: Muller,
//! *Elementary Functions*, 2016; Tang, *Table-driven implementation of the exponential function*, 1989.
//! Results are within 2 ulp everywhere, subnormal numbers included, and do not depend on the machine: `mul_add` is
//! one rounding with or without hardware for it.

/// ln 2 = `LN2_HI` + `LN2_LO`; the high part ends in 8 zero bits, so that n · `LN2_HI` is exact for |n| < 256.
const LN2_HI: f32 = 0.693_145_75;
const LN2_LO: f32 = 1.428_606_8e-6;

/// Adding 1.5 · 2²³ rounds to an integer and leaves it in the low bits; 254 more make it n plus twice the exponent bias.
const ROUND: f32 = 12_582_912.0 + 254.0;

/// x = n ln 2 + r with |r| ≤ ln 2 / 2. Returns r, and bits that end in n + 254.
#[inline(always)]
fn reduce(x: f32) -> (f32, u32) {
    let t = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = t - ROUND;
    let r = n.mul_add(-LN2_LO, n.mul_add(-LN2_HI, x));
    (r, t.to_bits())
}

/// 2^(e − 127); bits of e above the exponent field drop out.
#[inline(always)]
fn pow2(e: u32) -> f32 {
    f32::from_bits(e << 23)
}

/// (eʳ − 1 − r) / r² on |r| ≤ ln 2 / 2; the error is 2⁻²⁶ of eʳ − 1.
#[inline(always)]
fn exp_series(r: f32) -> f32 {
    const C: [f32; 5] = [0.5, 0.166_665_5, 0.041_666_854, 0.008_366_011, 0.001_389_825_5];
    C[4].mul_add(r, C[3]).mul_add(r, C[2]).mul_add(r, C[1]).mul_add(r, C[0])
}

/// eˣ = 2ⁿ eʳ.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Beyond these the result is 0 or ∞ anyway, and n fits. `clamp`, unlike `min` and `max`, lets NaN through.
    let (r, n) = reduce(x.clamp(-104.0, 89.0));
    let p = exp_series(r).mul_add(r, 1.0).mul_add(r, 1.0);
    // 2ⁿ as two factors: n = 128 is no number's exponent, and a subnormal result is rounded once, by the last product.
    let half = n >> 1;
    p * pow2(half) * pow2(n - half)
}

/// (eˣ − 1) / 2 as an unevaluated sum a + b. With k = 2ⁿ⁻¹ it is (k − ½) + k r + k r² (…), and b holds what rounding
/// the first sum lost. The half is there because 2¹²⁸ is no number.
#[inline(always)]
fn half_exp_m1(x: f32) -> (f32, f32) {
    let (r, n) = reduce(x);
    let k = pow2(n - 128);
    let (h, kr) = (k - 0.5, k * r);
    let a = h + kr;
    (a, (kr * r).mul_add(exp_series(r), kr - (a - h)))
}

/// eˣ − 1.
#[inline(always)]
pub(crate) fn exp_m1(x: f32) -> f32 {
    let (a, b) = half_exp_m1(x.clamp(-20.0, 89.0));
    // Below 2⁻²⁵ the answer is x, as it is for subnormal numbers, which have no half, and for −0.
    if x.abs() < 2.98e-8 { x } else { 2.0 * (a + b) }
}

/// tanh |x| = h / (1 + h) with h = (e^(2|x|) − 1) / 2, then the sign of x. As p − p q with p = min(h, 1) and
/// q = p / (1 + h), the errors of the sum and the quotient count at most by half.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let y = 2.0 * x.abs();
    let (a, b) = half_exp_m1(if y > 20.0 { 20.0 } else { y });
    let h = a + b;
    let p = if h > 1.0 { 1.0 } else { h };
    (-p).mul_add(p / (1.0 + h), p).copysign(x)
}

/// 1 / (1 + e⁻ˣ). With e = e^(−|x|) and q = e / (1 + e) it is 1 − q for x ≥ 0 and q for x < 0; the latter as e − e q, in
/// which the errors of the sum and the quotient count only e-fold.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let q = e / (1.0 + e);
    let c = if x < 0.0 { e } else { 1.0 };
    (-c).mul_add(q, c)
}

/// u = 2ⁿ m with m in [√½, √2). Returns n, m, and n + 127.
#[inline(always)]
fn split(u: f32) -> (f32, f32, u32) {
    const SQRT_HALF: u32 = std::f32::consts::FRAC_1_SQRT_2.to_bits();
    const TWO_23: f32 = 8_388_608.0;
    // The sum carries into the exponent exactly when the mantissa is that of √½ or more.
    let bits = u.to_bits().wrapping_add(1.0f32.to_bits() - SQRT_HALF);
    let biased = bits >> 23;
    let n = f32::from_bits(TWO_23.to_bits() | biased) - (TWO_23 + 127.0);
    (n, f32::from_bits((bits & 0x7f_ffff) + SQRT_HALF), biased)
}

/// ln(1 + f) − f for f in [√½ − 1, 1]. With s = f / (2 + f) and z = s², ln(1 + f) = 2 artanh s = 2s + s z R(z), and
/// 2s = f − s f. The error is 2⁻²⁷ of ln(1 + f).
#[inline(always)]
fn ln_tail(f: f32) -> f32 {
    const R: [f32; 4] = [0.666_664_5, 0.400_217_35, 0.279_801_22, 0.281_753_57];
    let s = f / (2.0 + f);
    let z = s * s;
    let r = R[3].mul_add(z, R[2]).mul_add(z, R[1]).mul_add(z, R[0]);
    s * z.mul_add(r, -f)
}

/// n ln 2 + ln(1 + f), smallest terms first.
#[inline(always)]
fn ln_sum(n: f32, f: f32) -> f32 {
    n.mul_add(LN2_HI, f + n.mul_add(LN2_LO, ln_tail(f)))
}

/// ln u is `y` where u is positive and finite, otherwise ∞, −∞ or NaN.
#[inline(always)]
fn ln_or_special(u: f32, y: f32) -> f32 {
    let positive = if u < f32::INFINITY { y } else { u };
    let other = if u == 0.0 { f32::NEG_INFINITY } else { f32::NAN };
    if u > 0.0 { positive } else { other }
}

/// ln x = n ln 2 + ln m.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    // A subnormal number has no exponent to read: scale it by 2²³ first.
    let tiny = x < f32::MIN_POSITIVE;
    let (n, m, _) = split(if tiny { x * 8_388_608.0 } else { x });
    let n = if tiny { n - 23.0 } else { n };
    ln_or_special(x, ln_sum(n, m - 1.0))
}

/// ln(1 + y) = ln(u + c), where c is what rounding u = 1 + y lost: n ln 2 + ln(m + 2⁻ⁿ c).
#[inline(always)]
pub(crate) fn ln_1p(y: f32) -> f32 {
    let u = 1.0 + y;
    let c = if y < 1.0 { y - (u - 1.0) } else { 1.0 - (u - y) };
    let (n, m, biased) = split(u);
    // Where n > 126, c is nothing beside u, and 2⁻ⁿ can be 0.
    let f = pow2(254u32.saturating_sub(biased)).mul_add(c, m - 1.0);
    // ln_sum would lose the sign of −0.
    if y == 0.0 { y } else { ln_or_special(u, ln_sum(n, f)) }
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^(−|x|)).
#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    let positive = if x > 0.0 { x } else { 0.0 };
    let e = exp(-x.abs());
    positive + (e + ln_tail(e))
}

/// x − tanh x. For |x| < 2 it is (x cosh x − sinh x) / cosh x, whose numerator Σ 2k x^(2k+1) / (2k+1)! has positive terms only.
#[inline(always)]
pub(crate) fn tanhshrink(x: f32) -> f32 {
    const C: [f32; 8] = [
        0.333_333_34,
        0.033_333_335,
        0.001_190_476_2,
        2.204_585_5e-5,
        2.505_210_8e-7,
        1.927_085_3e-9,
        1.070_602_9e-11,
        4.498_331_6e-14,
    ];
    let (z, e) = (x * x, exp(x.abs()));
    let sum = C.iter().rev().fold(0.0, |sum: f32, &c| sum.mul_add(z, c));
    // x² before x³, which is 0 earlier.
    let near = x * (z * sum) / (0.5 * (e + 1.0 / e));
    if x.abs() < 2.0 { near } else { x - tanh(x) }
}
