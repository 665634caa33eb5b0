//! exp, ln, tanh and relatives as straight-line code: every case is a select on computed values, so a plain loop over a slice
//! vectorises by itself inside `pulp::Arch::dispatch`.
//!
//! Method: argument reduction in two parts of ln 2 (Cody and Waite, *Software Manual for the Elementary Functions*,
//! 1980), then a minimax polynomial (Remez), then a power of two put into the exponent bits. Background: Muller,
//! *Elementary Functions*, 2016; Tang, *Table-driven implementation of the exponential function*, 1989.
//! Results are within 2 ulp everywhere, subnormal numbers included, and do not depend on the machine: `mul_add` is
//! one rounding with or without hardware for it.

/// The formulas for a number type and its bits, from constants that the calling module defines.
macro_rules! formulas {
    ($T:ident, $Bits:ident) => {
        /// The number of bits of the mantissa, and the bias that is added to the exponent.
        const DIGITS: u32 = std::primitive::$T::MANTISSA_DIGITS - 1;
        const BIAS: $Bits = std::primitive::$T::MAX_EXP as $Bits - 1;

        /// Adding 1.5 · 2^`DIGITS` rounds to an integer n and leaves it in the low bits. The second term makes these n plus twice the bias.
        const ROUND: $T = 1.5 * TWO_DIGITS + (2 * BIAS) as $T;
        const TWO_DIGITS: $T = ((1 as $Bits) << DIGITS) as $T;

        /// The constants, for code that is written for other devices.
        pub(crate) fn coefficients() -> super::Coefficients {
            let wide = |c: &[$T]| c.iter().map(|&c| f64::from(c)).collect();
            super::Coefficients {
                ln_2: wide(&[LN2_HI, LN2_LO]),
                bounds: wide(&[LEAST, LARGEST, FLAT]),
                exp: wide(&EXP),
                artanh: wide(&ARTANH),
                tanhshrink: wide(&TANHSHRINK),
                erf: super::erf::$T::coefficients().map(wide),
                erf_inv: super::special::coefficients(),
                gamma: super::gamma::coefficients(),
            }
        }

        /// c₀ + c₁ x + c₂ x² + …
        #[inline(always)]
        fn polynomial<const N: usize>(c: [$T; N], x: $T) -> $T {
            let mut sum = c[N - 1];
            for k in (0..N - 1).rev() {
                sum = sum.mul_add(x, c[k]);
            }
            sum
        }

        /// x = n ln 2 + r with |r| ≤ ln 2 / 2. Returns r, and bits that end in n plus twice the bias.
        #[inline(always)]
        fn reduce(x: $T) -> ($T, $Bits) {
            let t = x.mul_add(std::$T::consts::LOG2_E, ROUND);
            let n = t - ROUND;
            let r = n.mul_add(-LN2_LO, n.mul_add(-LN2_HI, x));
            (r, t.to_bits())
        }

        /// 2^(e − `BIAS`); bits of e above the exponent field drop out.
        #[inline(always)]
        fn pow2(e: $Bits) -> $T {
            $T::from_bits(e << DIGITS)
        }

        /// eˣ = 2ⁿ eʳ.
        #[inline(always)]
        pub(crate) fn exp(x: $T) -> $T {
            // Beyond these the result is 0 or ∞ anyway, and n fits. `clamp`, unlike `min` and `max`, lets NaN through.
            let (r, n) = reduce(x.clamp(LEAST, LARGEST));
            let p = polynomial(EXP, r).mul_add(r, 1.0).mul_add(r, 1.0);
            // 2ⁿ is split into two factors, because the largest n exceeds the largest exponent. A subnormal result is rounded only once, by
            // the last product.
            let half = n >> 1;
            p * pow2(half) * pow2(n - half)
        }

        /// (eˣ − 1) / 2 as an unevaluated sum a + b. With k = 2ⁿ⁻¹ it is (k − ½) + k r + k r² (…), and b holds what rounding
        /// the first sum lost. It computes half of eˣ − 1 because 2ⁿ overflows for the largest n.
        #[inline(always)]
        fn half_exp_m1(x: $T) -> ($T, $T) {
            let (r, n) = reduce(x);
            let k = pow2(n - (BIAS + 1));
            let (h, kr) = (k - 0.5, k * r);
            let a = h + kr;
            (a, (kr * r).mul_add(polynomial(EXP, r), kr - (a - h)))
        }

        /// eˣ − 1.
        #[inline(always)]
        pub(crate) fn exp_m1(x: $T) -> $T {
            let (a, b) = half_exp_m1(x.clamp(-FLAT, LARGEST));
            // Below this the result is x. This also covers subnormal numbers, which cannot be halved exactly, and −0.
            if x.abs() < std::primitive::$T::EPSILON / 4.0 { x } else { 2.0 * (a + b) }
        }

        /// tanh |x| = h / (1 + h) with h = (e^(2|x|) − 1) / 2, then the sign of x. As p − p q with p = min(h, 1) and
        /// q = p / (1 + h), the errors of the sum and the quotient count at most by half.
        #[inline(always)]
        pub(crate) fn tanh(x: $T) -> $T {
            let y = 2.0 * x.abs();
            let (a, b) = half_exp_m1(if y > FLAT { FLAT } else { y });
            let h = a + b;
            let p = if h > 1.0 { 1.0 } else { h };
            (-p).mul_add(p / (1.0 + h), p).copysign(x)
        }

        /// 1 / (1 + e⁻ˣ). With e = e^(−|x|) and q = e / (1 + e) it is 1 − q for x ≥ 0 and q for x < 0; the latter as e − e q, in
        /// which the errors of the sum and the quotient count only e-fold.
        #[inline(always)]
        pub(crate) fn sigmoid(x: $T) -> $T {
            let e = exp(-x.abs());
            let q = e / (1.0 + e);
            let c = if x < 0.0 { e } else { 1.0 };
            (-c).mul_add(q, c)
        }

        /// u = 2ⁿ m with m in [√½, √2). Returns n, m, and n plus the bias.
        #[inline(always)]
        fn split(u: $T) -> ($T, $T, $Bits) {
            const SQRT_HALF: $Bits = std::$T::consts::FRAC_1_SQRT_2.to_bits();
            // The sum carries into the exponent exactly when the mantissa is that of √½ or more.
            let bits = u.to_bits().wrapping_add((1.0 as $T).to_bits() - SQRT_HALF);
            let biased = bits >> DIGITS;
            let n = $T::from_bits(TWO_DIGITS.to_bits() | biased) - (TWO_DIGITS + BIAS as $T);
            (n, $T::from_bits((bits & ((1 << DIGITS) - 1)) + SQRT_HALF), biased)
        }

        /// ln(1 + f) − f for f in [√½ − 1, 1]. With s = f / (2 + f) and z = s², ln(1 + f) = 2 artanh s = 2s + s z R(z), and
        /// 2s = f − s f.
        #[inline(always)]
        fn ln_tail(f: $T) -> $T {
            let s = f / (2.0 + f);
            let z = s * s;
            s * z.mul_add(polynomial(ARTANH, z), -f)
        }

        /// n ln 2 + ln(1 + f), smallest terms first.
        #[inline(always)]
        fn ln_sum(n: $T, f: $T) -> $T {
            n.mul_add(LN2_HI, f + n.mul_add(LN2_LO, ln_tail(f)))
        }

        /// ln u is `y` where u is positive and finite, otherwise ∞, −∞ or NaN.
        #[inline(always)]
        fn ln_or_special(u: $T, y: $T) -> $T {
            let positive = if u < $T::INFINITY { y } else { u };
            let other = if u == 0.0 { $T::NEG_INFINITY } else { $T::NAN };
            if u > 0.0 { positive } else { other }
        }

        /// ln x = n ln 2 + ln m.
        #[inline(always)]
        pub(crate) fn ln(x: $T) -> $T {
            // The exponent of a subnormal number cannot be read from its bits, so it is scaled to a normal number first.
            let tiny = x < $T::MIN_POSITIVE;
            let (n, m, _) = split(if tiny { x * TWO_DIGITS } else { x });
            let n = if tiny { n - DIGITS as $T } else { n };
            ln_or_special(x, ln_sum(n, m - 1.0))
        }

        /// ln(1 + y) = ln(u + c), where c is what rounding u = 1 + y lost: n ln 2 + ln(m + 2⁻ⁿ c).
        #[inline(always)]
        pub(crate) fn ln_1p(y: $T) -> $T {
            let u = 1.0 + y;
            let c = if y < 1.0 { y - (u - 1.0) } else { 1.0 - (u - y) };
            let (n, m, biased) = split(u);
            // If n is the largest exponent, c is negligible beside u, and 2⁻ⁿ can be 0.
            let f = pow2((2 * BIAS).saturating_sub(biased)).mul_add(c, m - 1.0);
            // ln_sum would lose the sign of −0.
            if y == 0.0 { y } else { ln_or_special(u, ln_sum(n, f)) }
        }

        /// ln(1 + eˣ) = max(x, 0) + ln(1 + e^(−|x|)).
        #[inline(always)]
        pub(crate) fn softplus(x: $T) -> $T {
            let positive = if x > 0.0 { x } else { 0.0 };
            let e = exp(-x.abs());
            positive + (e + ln_tail(e))
        }

        /// x − tanh x. For |x| < 2 it is (x cosh x − sinh x) / cosh x, whose numerator Σ 2k x^(2k+1) / (2k+1)! has positive terms only.
        #[inline(always)]
        pub(crate) fn tanhshrink(x: $T) -> $T {
            let (z, e) = (x * x, exp(x.abs()));
            // It multiplies by x² first, because x³ underflows earlier.
            let near = x * (z * polynomial(TANHSHRINK, z)) / (0.5 * (e + 1.0 / e));
            if x.abs() < 2.0 { near } else { x - tanh(x) }
        }
    };
}
pub(super) use formulas;
