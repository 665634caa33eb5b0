//! The table of elementwise functions. Each line has a formula and its slope.
//!
//! A value is made of the operations of [`Elementary`](super::Elementary), a slope of functions of the table. Both are generic in
//! the number and do not branch on it. So the value of a line is the same for vectors, intervals, and numbers that write code, and
//! derivatives of any order, in reverse and forward mode, come from its slope. The macro passes the table to other macros, each of
//! which generates code from every line: the variants ([`kinds`](super::kinds)), the values ([`values`](super::values)) and those of plain
//! numbers ([`real`](super::real)), the slopes ([`slopes`](super::slopes)), the methods of every number ([`number`](super::number)),
//! the vector loops ([`loops`](super::loops)), and in `autograd` the methods of variables. To add a function, add its line. The
//! tests also ask for reference values, as ARCHITECTURE.md describes.
//!
//! If a line is too long, its value and slopes are on separate lines, in the same order.
//!
//! After the slope a line may have `in` with the interval where the function is defined, and `kinks at` with the points where it
//! or one of its first two derivatives jumps.

use super::Number;

/// Positive numbers.
pub const POSITIVE: (f64, f64) = (0.0, f64::INFINITY);
/// All numbers.
pub const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
/// λ and α of `selu`: the fixed point of mean 0 and variance 1.
pub const SELU: (f64, f64) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);
/// 2 √(2/π), and that times 0.044715.
pub const GELU: (f64, f64) = (1.595_769_121_605_730_8, 1.595_769_121_605_730_8 * 0.044715);

/// From this number on, an exponential is negligible beside it.
pub const FAR: f64 = 1e3;

/// x, clamped to ±[`FAR`], so that a product with 0 is 0 even if x is infinite.
#[inline(always)]
pub(super) fn near<N: Number>(x: N) -> N {
    x.at_least(-FAR).at_most(FAR)
}

/// Calls a macro with the table.
#[doc(hidden)]
#[macro_export]
macro_rules! functions {
    ($then:ident) => {
        $then! {
one {
    //   method            f(x)                                f'(x), which may read y = f(x)
    /// x².
    Square: square(x, y)   => x * x,                           x * 2.0;
    /// 1 − x², accurate near ±1.
    OneMinusSquare: one_minus_square(x, y) => (1.0 - x) * (1.0 + x), x * -2.0;
    /// 1 / x.
    Recip: recip(x, y)     => 1.0 / x,                         -(y * y), in POSITIVE;
    /// c / x, the plain number c over x.
    Under: under(x, y; c: f64, [-2.5, 3.0]) => c / x,            -(y / x), in POSITIVE;
    /// √x, for x ≥ 0.
    Sqrt: sqrt(x, y)       => x.sqrt(),                        y.recip() * 0.5, in POSITIVE;
    /// √x whose slope at 0 is 0: the root of a sum of squares.
    Root: root(x, y)       => x.sqrt(),                        y.keep(y.recip() * 0.5), in POSITIVE;
    /// 1 / √x, for x > 0.
    Rsqrt: rsqrt(x, y)     => 1.0 / x.sqrt(),                  y / x * -0.5, in POSITIVE;
    /// The cube root.
    Cbrt: cbrt(x, y)       => x.cbrt(),                        (y.square() * 3.0).recip(), in POSITIVE;
    /// xⁿ for a whole number n; x⁰ = 1.
    Powi: powi(x, y; n: i32, [-3, -2, -1, 0, 1, 2, 3, 4]) =>
        x.powi(n),
        match n {
            0 => x.zero(),
            i32::MIN => x.powi(n) / x * f64::from(n),
            _ => x.powi(n - 1) * f64::from(n),
        },
        in POSITIVE;
    /// xᵖ for x > 0, and for x = 0 where the power or a slope of it is finite.
    Powf: powf(x, y; p: f64, [-0.5, 1.7]) => x.powf(p), if p == 0.0 { x.zero() } else { x.powf(p - 1.0) * p }, in POSITIVE;

    /// eˣ.
    Exp: exp(x, y)         => x.exp(),                          y;
    /// 2ˣ.
    Exp2: exp2(x, y)       => x.exp2(),                        y * LN_2;
    /// eˣ − 1, accurate near 0.
    ExpM1: exp_m1(x, y)    => x.exp_m1(),                       x.exp();
    /// The natural logarithm, for x > 0.
    Ln: ln(x, y)           => x.ln(),                           x.recip(), in POSITIVE;
    /// The logarithm to base 2, for x > 0.
    Log2: log2(x, y)       => x.log2(),                        x.recip() * LOG2_E, in POSITIVE;
    /// The logarithm to base 10, for x > 0.
    Log10: log10(x, y)     => x.log10(),                       x.recip() * LOG10_E, in POSITIVE;
    /// ln(1 + x), accurate near 0, for x > −1.
    Ln1p: ln_1p(x, y)      => x.ln_1p(),                        (x + 1.0).recip(), in (-1.0, f64::INFINITY);

    /// The sine, of radians.
    Sin: sin(x, y)         => x.sin(),                         x.cos();
    /// The cosine, of radians.
    Cos: cos(x, y)         => x.cos(),                         -x.sin();
    /// The tangent, of radians.
    Tan: tan(x, y)         => x.tan(),                         y.square() + 1.0, in (-1.5, 1.5);
    /// The angle in [−π/2, π/2] with sine x, for |x| ≤ 1.
    Asin: asin(x, y)       => x.asin(),                        x.one_minus_square().rsqrt(), in (-1.0, 1.0);
    /// The angle in [0, π] with cosine x, for |x| ≤ 1.
    Acos: acos(x, y)       => x.acos(),                        -x.one_minus_square().rsqrt(), in (-1.0, 1.0);
    /// The angle in (−π/2, π/2) with tangent x.
    Atan: atan(x, y)       => x.atan(),                        (x.square() + 1.0).recip();
    /// The hyperbolic sine.
    Sinh: sinh(x, y)       => x.sinh(),                        x.cosh();
    /// The hyperbolic cosine.
    Cosh: cosh(x, y)       => x.cosh(),                        x.sinh();
    /// The hyperbolic tangent. Its slope is 1 − y² of the rounded y, which saves an exponential.
    ///
    /// The absolute error of the slope is at most 4 units in the last place of 1. The relative error grows as e^(2|x|): it is below 10⁻¹⁵
    /// near 0, about 10⁻⁹ at |x| = 8, and 1 from |x| = 19 on, where the slope is 0. In `f32` it is below 10⁻⁶ near 0, and 1 from |x| = 9 on.
    /// A formula has all digits of the slope everywhere, and takes one exponential more for each logistic function:
    ///
    /// ```
    /// use autograd::{Tape, formula};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.variable(20.0);
    /// let accurate = x.map(formula!(|x| x.tanh(), |y| [(x * 2.0).sigmoid() * (x * -2.0).sigmoid() * 4.0]));
    /// assert_eq!(x.tanh().backward().wrt(x)[(0, 0)], 0.0);
    /// assert_eq!(accurate.backward().wrt(x)[(0, 0)] as f32, 1.699_341_7e-17);
    /// ```
    Tanh: tanh(x, y)       => x.tanh(),                         -(y * y) + 1.0;
    /// The number with hyperbolic sine x.
    Asinh: asinh(x, y)     => x.asinh(),                       x.hypot(x.zero() + 1.0).recip();
    /// The number ≥ 0 with hyperbolic cosine x, for x ≥ 1.
    Acosh: acosh(x, y)     => ((x - 1.0) * 0.5).sqrt().asinh() * 2.0, (x - 1.0).rsqrt() * (x + 1.0).rsqrt(), in (1.0, f64::INFINITY);
    /// The number with hyperbolic tangent x, for |x| < 1.
    Atanh: atanh(x, y) =>
        { let a = x.abs(); (0.5 * (2.0 * a / (1.0 - a)).ln_1p()).copysign(x) },
        x.one_minus_square().recip(),
        in (-1.0, 1.0);

    /// |x|; the slope at 0 is 0.
    Abs: abs(x, y)         => x.abs(),                          x.sign(), kinks at [0.0];
    /// The sign of x, and 0 at 0; the slope is 0 everywhere.
    Sign: sign(x, y)       => x.sign(),                         x.zero(), kinks at [0.0];
    /// 1 where x > 0, else 0; the slope is 0 everywhere.
    Step: step(x, y)       => x.step(),                         x.zero(), kinks at [0.0];
    /// max(x, c); the slope at c is 1.
    AtLeast: at_least(x, y; c: f64, [0.5]) => x.at_least(c), -(-x + c).step() + 1.0, kinks at [c];
    /// min(x, c); the slope at c is 1.
    AtMost: at_most(x, y; c: f64, [0.5]) => x.at_most(c), -(x - c).step() + 1.0, kinks at [c];

    /// The logistic function 1 / (1 + e⁻ˣ). Its slope is y (1 − y) of the rounded y, which saves an exponential.
    ///
    /// For x < 0 the slope has all digits. For x > 0 its absolute error is at most 2 units in the last place of 1. The relative error grows
    /// as eˣ: it is below 10⁻¹⁵ near 0, about 10⁻⁹ at x = 16, and 1 from x = 37 on, where the slope is 0. In `f32` it is below 10⁻⁶ near
    /// 0, and 1 from x = 17 on. The slopes of `log_sigmoid`, `softplus` and `bce_with_logits` have all digits on both sides. So has
    /// a formula that takes one exponential more:
    ///
    /// ```
    /// use autograd::{Tape, formula};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.variable(20.0);
    /// let accurate = x.map(formula!(|x| x.sigmoid(), |y| [y * (-x).sigmoid()]));
    /// let [rounded, exact] = [x.sigmoid(), accurate].map(|y| y.backward().wrt(x)[(0, 0)] / 2.061_153_613_941_849_3e-9 - 1.0);
    /// assert!(rounded.abs() > 1e-8 && exact.abs() < 1e-15);
    /// ```
    Sigmoid: sigmoid(x, y) => x.sigmoid(),                      y * (-y + 1.0);
    /// ln σ(x) = −ln(1 + e⁻ˣ).
    LogSigmoid: log_sigmoid(x, y) => -(-x).softplus(),          (-x).sigmoid();
    /// ln(1 + eˣ), the smooth version of relu.
    Softplus: softplus(x, y) => x.softplus(),                   x.sigmoid();
    /// max(x, 0); the slope at 0 is 0.
    Relu: relu(x, y)       => x.relu(),                         y.step(), kinks at [0.0];
    /// x where x > 0, else c x; the slope at 0 is c.
    LeakyRelu: leaky_relu(x, y; c: f64, [0.01]) =>
        if c == 0.0 { x.relu() } else { x.relu() - c * (-x).relu() },
        x.step() * (1.0 - c) + c,
        kinks at [0.0];
    /// x where x > 0, else α (eˣ − 1) (Clevert, Unterthiner, Hochreiter, 2016).
    Elu: elu(x, y; a: f64, [1.0, 0.7]) =>
        x.relu() + a * (-(-x).relu()).exp_m1(),
        x.step() + (-x.step() + 1.0) * (-(-x).relu()).exp() * a,
        kinks at [0.0];
    /// λ x where x > 0, else λ α (eˣ − 1), with the two constants that keep mean 0 and variance 1
    /// (Klambauer, Unterthiner, Mayr, Hochreiter, 2017).
    Selu: selu(x, y) =>
        SELU.0 * (x.relu() + SELU.1 * (-(-x).relu()).exp_m1()),
        (x.step() + (-x.step() + 1.0) * (-(-x).relu()).exp() * SELU.1) * SELU.0,
        kinks at [0.0];
    /// x where x > 0, else α (e^(x/α) − 1) (Barron, 2017).
    Celu: celu(x, y; a: f64, [1.0, 0.7]) =>
        x.relu() + a * (-(-x).relu() / a).exp_m1(),
        x.step() + (-x.step() + 1.0) * (-(-x).relu() / a).exp(),
        kinks at [0.0];
    /// x σ(x), also called swish.
    Silu: silu(x, y) =>
        x.at_least(-FAR) * x.sigmoid(),
        x.sigmoid() * (near(x) * (-x).sigmoid() + 1.0);
    /// x Φ(x), Φ the normal distribution function (Hendrycks, Gimpel, 2016).
    Gelu: gelu(x, y) =>
        0.5 * x.at_least(-FAR) * (x * -FRAC_1_SQRT_2).erfc(),
        (x * -FRAC_1_SQRT_2).erfc() * 0.5 + { let x = near(x); x * (x.square() * -0.5).exp() } * (FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * 0.5);
    /// The approximation ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))) of x Φ(x), as x σ of twice the argument.
    GeluTanh: gelu_tanh(x, y) =>
        x.at_least(-FAR) * (x * (GELU.0 + GELU.1 * x * x)).sigmoid(),
        { let x = near(x); let u = x * (x.square() * GELU.1 + GELU.0); u.sigmoid() * (x * (-u).sigmoid() * (x.square() * (3.0 * GELU.1) + GELU.0) + 1.0) };
    /// x tanh(ln(1 + eˣ)) (Misra, 2019).
    Mish: mish(x, y) =>
        x.at_least(-FAR) * x.softplus().tanh(),
        { let t = x.softplus().tanh(); t + near(x) * (-t.square() + 1.0) * x.sigmoid() };
    /// x / (1 + |x|).
    Softsign: softsign(x, y) =>
        { let x = x.at_most(1e30).at_least(-1e30); x / (1.0 + x.abs()) },
        (x.abs() + 1.0).recip().square(),
        kinks at [0.0];
    /// −1 below −1, 1 above 1, x between; the slope at ±1 is 0.
    HardTanh: hard_tanh(x, y) =>
        x.at_least(-1.0).at_most(1.0),
        (x + 1.0).step() * (-x + 1.0).step(),
        kinks at [-1.0, 1.0];
    /// 0 below −3, 1 above 3, x/6 + ½ between; the slope at ±3 is 0.
    HardSigmoid: hard_sigmoid(x, y) =>
        ((x + 3.0) / 6.0).relu().at_most(1.0),
        (x + 3.0).step() * (-x + 3.0).step() * (1.0 / 6.0),
        kinks at [-3.0, 3.0];
    /// x times the hard sigmoid of x (Howard et al., 2019).
    HardSwish: hard_swish(x, y) =>
        x.at_least(-3.0) * ((x + 3.0) / 6.0).relu().at_most(1.0),
        (x - 3.0).step() + (x + 3.0).step() * (-x + 3.0).step() * (near(x) / 3.0 + 0.5),
        kinks at [-3.0, 3.0];
    /// x − tanh x.
    Tanhshrink: tanhshrink(x, y) => x.tanhshrink(),             x.tanh().square();
    /// The error function 2/√π ∫₀ˣ e^(−t²) dt.
    Erf: erf(x, y)         => x.erf(),                          (-near(x).square()).exp() * FRAC_2_SQRT_PI;
    /// 1 − erf x, accurate where it is small.
    Erfc: erfc(x, y)       => x.erfc(),                         (-near(x).square()).exp() * -FRAC_2_SQRT_PI;
    /// The number whose error function is x, for |x| ≤ 1.
    #[doc(alias = "erfinv")]
    ErfInv: erf_inv(x, y)  => x.erf_inv(), y.square().exp() / FRAC_2_SQRT_PI, in (-1.0, 1.0);
    /// ln |Γ(x)|; ∞ at the poles 0, −1, −2, … Its zeros left of 0 are differences of larger numbers.
    #[doc(alias("lgamma", "gammaln"))]
    LnGamma: ln_gamma(x, y) => x.ln_gamma(), x.digamma(), in POSITIVE;
    /// ψ(x), the derivative of ln |Γ(x)|; ∓∞ at ±0 and NaN at −1, −2, …
    #[doc(alias = "psi")]
    Digamma: digamma(x, y) => x.digamma(), x.polygamma(1), in POSITIVE;
    /// ψ⁽ⁿ⁾(x), the nth derivative of ψ, for n ≥ 0; NaN for n < 0.
    #[doc(alias = "trigamma")]
    Polygamma: polygamma(x, y; n: i32, [1, 2]) => x.polygamma(n), x.polygamma(n.saturating_add(1)), in POSITIVE;
    /// sin(πx) / (πx), and 1 at 0.
    Sinc: sinc(x, y)       => x.sinc_derivative(0), x.sinc_derivative(1);
    /// The nth derivative of `sinc`, for n ≥ 0; NaN for n < 0.
    SincDerivative: sinc_derivative(x, y; n: i32, [1, 2]) => x.sinc_derivative(n), x.sinc_derivative(n.saturating_add(1));
}
two {
    //   method            f(a, b)                             ∂f/∂a                    ∂f/∂b
    /// a ⊙ b: the product entry by entry.
    Mul: mul(a, b, y)      => a * b,                           b,                       a;
    /// a / b, entry by entry.
    Div: div(a, b, y)      => a / b,                           b.recip(),               -(y / b), in [ALL, POSITIVE];
    /// (a − b)².
    SquaredError: squared_error(a, b, y) => (a - b) * (a - b), (a - b) * 2.0,           (b - a) * 2.0;
    /// The negative log-likelihood −t ln σ(x) − (1 − t) ln(1 − σ(x)) of a probability `t` under the
    /// logit `x`, as w |x| + ln(1 + e^−|x|) with w = 1 − t for x > 0 and t else, which is exact to rounding for any logit. The slope
    /// σ(x) − t is (1 − t) σ(x) − t σ(−x), which has all digits if the target is 0 or 1.
    /// For an infinite logit it is the limit: 0 if the target is the corresponding one of 0 and 1, otherwise ∞.
    BceWithLogits: bce_with_logits(x, t, y) =>
        { let w = x.where_positive(1.0 - t, t); w.where_zero(w, w * x.abs()) + (-x.abs()).exp().ln_1p() },
        x.sigmoid() * (-t + 1.0) - (-x).sigmoid() * t,
        -x;
    /// The larger number; if they are equal, the first one has the slope.
    Max: max(a, b, y)      => a.larger(b),                      -(b - a).step() + 1.0,   (b - a).step(), kink at a - b;
    /// The smaller number; if they are equal, the first one has the slope.
    Min: min(a, b, y)      => -(-a).larger(-b),                 -(a - b).step() + 1.0,   (a - b).step(), kink at a - b;
    /// aᵇ for a > 0; 0 to a positive power is 0, and 0⁰ = 1.
    Pow: pow(a, b, y) =>
        a.pow(b),
        a.pow(b - 1.0).weigh(b),
        a.keep(y * a.ln()),
        in [POSITIVE, (-3.0, 3.0)];
    /// The angle of the point (b, a) from the first axis, in (−π, π]; the slopes at (0, 0) are 0.
    Atan2: atan2(a, b, y) =>
        a.atan2(b),
        { let h = a.hypot(b); h.keep(b / h / h) },
        { let h = a.hypot(b); -h.keep(a / h / h) },
        in [ALL, POSITIVE];
    /// √(a² + b²), without overflow; the slope at 0 is 0.
    Hypot: hypot(a, b, y) =>
        a.hypot(b),
        y.keep(a / y),
        y.keep(b / y),
        in [ALL, POSITIVE];
    /// ln(eᵃ + eᵇ), without overflow. Where both are −∞ it is −∞ and the slopes are 0, as those of `log_sum_exp`.
    #[doc(alias = "logaddexp")]
    LogAddExp: log_add_exp(a, b, y) =>
        a.larger(b) + a.where_equal(b, a.plain(0.0), -(a - b).abs()).exp().ln_1p(),
        (y + f64::MAX).step().keep((a - b).sigmoid()),
        (y + f64::MAX).step().keep((b - a).sigmoid());
    /// The remainder a − b ⌊a / b⌋, with the sign of b. The slope in b is −⌊a / b⌋.
    Remainder: remainder(a, b, y) =>
        { let r = a.fmod(b); (-r.sign() * b.sign()).where_positive(r + b, r) },
        a.zero() + 1.0,
        (y - a) / b,
        in [ALL, POSITIVE], kink at (a / b * PI).sin();
    /// The remainder a − b trunc(a / b), with the sign of a. The slope in b is −trunc(a / b).
    Fmod: fmod(a, b, y) => a.fmod(b),                          a.zero() + 1.0,          (y - a) / b, in [ALL, POSITIVE], kink at (a / b * PI).sin();
    /// |a| with the sign of b, that of −0 too; the slope in a at 0 is 0, that in b is 0.
    Copysign: copysign(a, b, y) => a.copysign(b),               y.sign() * a.sign(),     b.zero(), kink at a * b;
    /// b if a ≠ 0, otherwise 0. Then b has no influence, even if it is infinite. The slope in a is 0.
    Keep: keep(a, b, y) =>
        a.where_zero(a.plain(0.0), b),
        a.zero(),
        a.keep(a.zero() + 1.0),
        kink at a;
    /// b if a = 0, otherwise 0. The slope in a is 0.
    Drop: drop_where(a, b, y) =>
        a.where_zero(b, a.plain(0.0)),
        a.zero(),
        a.drop_where(a.zero() + 1.0),
        kink at a;
    /// a b if b ≠ 0, otherwise 0. Then a has no influence, even if it is infinite or NaN.
    Weigh: weigh(a, b, y) =>
        b.where_zero(b, a * b),
        b,
        a;
    /// a b if neither is 0, otherwise 0. Then the other one has no influence, even if it is infinite or NaN.
    WeighBoth: weigh_both(a, b, y) =>
        a.where_zero(a.plain(0.0), b.where_zero(b, a * b)),
        b,
        a;
}
        }
    };
}
