//! The logarithm of the gamma function and its derivatives, in double precision. Numbers of single precision are widened, and the result is
//! rounded once.
//!
//! The recurrence Γ(x + 1) = x Γ(x) moves x to an interval of length 1, or to where the asymptotic series are accurate (*DLMF* 5.11.1,
//! 5.11.2, 25.11.28). The reflection formula maps negative numbers to positive ones (*DLMF* 5.5.3, 5.5.4). On its interval ln Γ is (x − 2)
//! P(x − 2), and ψ is (x − x₀) Q(x − 3/2) with its zero x₀, so both keep their digits at their zeros. P and Q interpolate at Chebyshev
//! points. They were computed with 60 digits, and their error is at most 2⁻⁶⁰.

use std::f64::consts::{PI, TAU};

/// The number from which on the asymptotic series are accurate to the last digit.
const FAR: f64 = 10.0;

/// B₂, B₄, …: Bernoulli's numbers.
const BERNOULLI: [f64; 10] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
    43867.0 / 798.0,
    -174_611.0 / 330.0,
];

/// ln Γ(2 + t) / t for |t| ≤ ½.
const P: [f64; 20] = [
    0.422_784_335_098_467_13,
    0.322_467_033_424_113_2,
    -0.067_352_301_053_198_14,
    0.020_580_808_427_784_57,
    -0.007_385_551_028_668_153_5,
    0.002_890_510_330_738_737,
    -0.001_192_753_912_001_022_6,
    0.000_509_669_524_885_309_6,
    -0.000_223_154_750_745_203_67,
    9.945_750_909_889_392e-5,
    -4.492_635_110_383_333_4e-5,
    2.050_726_741_605_779e-5,
    -9.438_458_716_242_811e-6,
    4.374_374_916_915_131e-6,
    -2.044_920_146_701_511_5e-6,
    9.578_663_334_114_758e-7,
    -4.303_558_760_359_961e-7,
    2.030_480_675_161_522_7e-7,
    -1.341_281_975_851_728_7e-7,
    6.379_047_507_619_774e-8,
];

/// The zero of ψ, as a sum.
const ZERO: [f64; 2] = [1.461_632_144_968_362_2, 9.549_995_429_965_697e-17];

/// ψ(3/2 + t) / (3/2 + t − x₀) for |t| ≤ ½.
const Q: [f64; 24] = [
    0.951_055_876_031_832_8,
    -0.423_627_421_281_460_47,
    0.240_542_484_240_787_36,
    -0.148_404_923_053_917_6,
    0.094_988_724_452_83,
    -0.061_922_133_271_657_06,
    0.040_760_833_944_626_57,
    -0.026_975_796_844_275_36,
    0.017_907_248_195_969_127,
    -0.011_908_215_172_584_002,
    0.007_927_024_067_961_237,
    -0.005_280_017_820_898_74,
    0.003_518_080_075_106_669_4,
    -0.002_344_650_082_351_321,
    0.001_563_567_975_753_388_5,
    -0.001_042_261_556_504_223,
    0.000_689_971_780_116_684_1,
    -0.000_459_962_514_461_257_6,
    0.000_326_806_804_414_176_4,
    -0.000_217_868_214_550_145_1,
    9.173_383_289_174_792e-5,
    -6.115_542_617_507_51e-5,
    0.000_122_309_830_554_067_47,
    -8.153_978_973_309_418e-5,
];

/// The constants above.
pub(crate) fn coefficients() -> [&'static [f64]; 4] {
    [&BERNOULLI, &P, &ZERO, &Q]
}

/// c₀ + c₁ t + c₂ t² + …
fn polynomial(c: &[f64], t: f64) -> f64 {
    c.iter().rev().fold(0.0, |sum, &c| sum * t + c)
}

/// Whether Γ has a pole at x.
fn is_pole(x: f64) -> bool {
    x <= 0.0 && x == x.floor()
}

/// Σ B₂ₖ f(2k) x¹⁻²ᵏ.
fn asymptotic(x: f64, f: impl Fn(f64) -> f64) -> f64 {
    let term = |k: usize| BERNOULLI[k] * f(2.0 * k as f64 + 2.0);
    (0..BERNOULLI.len()).rev().fold(0.0, |sum, k| sum / (x * x) + term(k)) / x
}

/// x minus the nearest whole number.
fn rest(x: f64) -> f64 {
    x - x.round()
}

/// ln |Γ(x)|.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    if is_pole(x) {
        return f64::INFINITY;
    }
    if x <= -FAR {
        return (PI / (x * (PI * rest(x)).sin()).abs()).ln() - ln_gamma(-x);
    }
    if x >= FAR {
        return (x - 0.5) * (x.ln() - 1.0) + (0.5 * TAU.ln() - 0.5) + asymptotic(x, |k| 1.0 / (k * (k - 1.0)));
    }
    // 2 + t is x plus a whole number.
    let steps = (x - 1.5).floor();
    let t = x - (steps + 2.0);
    let product = |from: i32, to: i32| (from..to).map(|k| x + f64::from(k)).product::<f64>().abs().ln();
    let n = steps as i32;
    t * polynomial(&P, t) + if n > 0 { product(-n, 0) } else { -product(0, -n) }
}

/// ψ(x), the derivative of ln |Γ(x)|.
pub(crate) fn digamma(x: f64) -> f64 {
    if is_pole(x) && x != 0.0 {
        return f64::NAN;
    }
    if x <= -FAR {
        return digamma(-x) - 1.0 / x - PI / (PI * rest(x)).tan();
    }
    if x >= FAR {
        return x.ln() - 0.5 / x - asymptotic(x, |k| 1.0 / k) / x;
    }
    // b is x plus a whole number.
    let steps = x.floor() - 1.0;
    let b = x - steps;
    let sum = |from: i32, to: i32| (from..to).map(|k| 1.0 / (x + f64::from(k))).sum::<f64>();
    let n = steps as i32;
    (b - ZERO[0] - ZERO[1]) * polynomial(&Q, b - 1.5) + if n > 0 { sum(-n, 0) } else { -sum(0, -n) }
}

/// ζ(s, x) = Σ 1 / (x + k)ˢ over k = 0, 1, …, for x > 0 and s ≥ 2.
fn hurwitz(s: i32, mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < FAR + f64::from(s) {
        sum += x.powi(-s);
        x += 1.0;
    }
    // B₂ₖ s (s + 1) … (s + 2k − 2) / (2k)!
    let weight = |k: f64| {
        (2..k as i32).fold(f64::from(s) / 2.0, |w, i| w * (f64::from(s) + f64::from(i - 1)) / f64::from(i + 1))
    };
    sum + x.powi(1 - s) / f64::from(s - 1) + x.powi(-s) * (0.5 + asymptotic(x, weight))
}

/// ψ⁽ⁿ⁾(x) = (−1)ⁿ⁺¹ n! ζ(n + 1, x). Left of 0 the sum goes through 1 / (r + k)ˢ, where x = r − m and |r| ≤ ½.
pub(crate) fn polygamma(n: i32, x: f64) -> f64 {
    if n < 1 {
        return if n == 0 { digamma(x) } else { f64::NAN };
    }
    let (s, r) = (n.saturating_add(1), rest(x));
    let sign = if s % 2 == 0 { 1.0 } else { -1.0 };
    let zeta = if x > 0.0 {
        hurwitz(s, x)
    } else if r == 0.0 && x < 0.0 && sign < 0.0 {
        f64::NAN
    } else {
        r.powi(-s) + hurwitz(s, 1.0 + r) + sign * (hurwitz(s, 1.0 - r) - hurwitz(s, 1.0 - x))
    };
    // 171! is infinite.
    sign * (1..=n.min(171)).map(f64::from).product::<f64>() * zeta
}
