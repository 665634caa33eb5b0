//! The inverse of the error function, and the cardinal sine with its derivatives, in double precision. Numbers of single precision are
//! widened, and the result is rounded once.

use std::f64::consts::{FRAC_2_SQRT_PI, PI};

use super::erf::f64::{erf, erfc};
use super::f64::{exp, ln};

/// erf⁻¹(x) / x as polynomials of w = −ln(1 − x²), about 3, and of √w (Giles, *Approximating the erfinv function*, 2011), here to 2⁻²⁰;
/// they interpolate at Chebyshev points, computed in 60 digits.
const NEAR: [f64; 10] = [
    1.623_542_093_247_867_7,
    0.241_630_405_652_069_4,
    -0.005_738_612_456_456_532,
    -0.000_836_190_158_355_966_3,
    0.000_195_493_966_198_773_66,
    -1.270_985_377_426_962_5e-5,
    -1.888_463_620_362_152e-6,
    4.485_734_247_805_463_5e-7,
    -4.161_200_920_304_27e-9,
    -5.480_986_556_259_767e-9,
];
const FAR: [f64; 10] = [
    4.117_216_263_509_198,
    1.010_012_506_993_109_2,
    0.000_658_810_942_520_118,
    -0.000_588_109_923_085_884_9,
    0.000_228_995_118_609_300_35,
    -6.017_465_695_049_732e-5,
    -2.998_705_105_898_684_6e-6,
    -8.464_295_885_284_993e-6,
    1.464_952_182_156_582_4e-5,
    -4.190_171_296_637_292e-6,
];
/// The offset that is subtracted from √w.
const MIDDLE: f64 = 4.274_744_871_391_589;

/// The two polynomials and the offset.
pub(crate) fn coefficients() -> [&'static [f64]; 3] {
    [&NEAR, &FAR, &[MIDDLE]]
}

/// erf⁻¹(x), by one step of Halley's method from a polynomial. If erf is near 1, the residual is computed from erfc.
#[inline(always)]
pub(crate) fn erf_inv(x: f64) -> f64 {
    let a = x.abs();
    let w = -ln((1.0 - a) * (1.0 + a));
    let polynomial = |c: &[f64; 10], t: f64| c.iter().rev().fold(0.0, |sum: f64, &c| sum.mul_add(t, c));
    let y = a * if w < 6.0 { polynomial(&NEAR, w - 3.0) } else { polynomial(&FAR, w.sqrt() - MIDDLE) };
    let left = if a < 0.5 { erf(y) - a } else { (1.0 - a) - erfc(y) };
    let step = left / (FRAC_2_SQRT_PI * exp(-y * y));
    let y = (y - step / y.mul_add(step, 1.0)).copysign(x);
    let edge = if a == 1.0 { f64::INFINITY.copysign(x) } else { f64::NAN };
    if a < 1.0 { y } else { edge }
}

/// The nth derivative of sin(πx) / (πx). With z = πx and g⁽ⁿ⁾ that of sin z / z it is πⁿ g⁽ⁿ⁾(z), and z g⁽ⁿ⁾ + n g⁽ⁿ⁻¹⁾ = sin⁽ⁿ⁾ z. Near 0
/// this recurrence loses digits, so Taylor's series Σ (−1)ᵏ zʲ / j! / (2k + 1) with j = 2k − n is used there.
pub(crate) fn sinc(n: i32, x: f64) -> f64 {
    if n < 0 || x.is_infinite() {
        return if n < 0 { f64::NAN } else { 0.0 };
    }
    let (z, whole) = (PI * x, x.round());
    let g = if z.abs() < f64::from(n) + 1.0 {
        let (mut sum, mut power) = (0.0, if n % 2 == 0 { 1.0 } else { z });
        let n = i64::from(n);
        for k in (n + 1) / 2..n + 20 {
            let j = (2 * k - n) as f64;
            sum += (if k % 2 == 0 { power } else { -power }) / (2 * k + 1) as f64;
            power *= z * z / ((j + 1.0) * (j + 2.0));
        }
        sum
    } else {
        let sign = if whole % 2.0 == 0.0 { 1.0 } else { -1.0 };
        let (sin, cos) = (PI * (x - whole)).sin_cos();
        let sines = [sin, cos, -sin, -cos].map(|s| sign * s);
        (1..=n).fold(sines[0] / z, |g, k| (sines[k as usize % 4] - f64::from(k) * g) / z)
    };
    PI.powi(n) * g
}
