//! The table of elementwise functions: one line each, the formula and its slope.
//!
//! A value is computed for `f32` and `f64`, a slope for both and for [`Var`], which is how
//! derivatives of any order come from the same line. Whatever follows from a line is made here: the
//! variant, the method of [`Var`], the vector loops. Adding a function is adding its line.

use crate::elementwise::{Accum, Elementwise, fill};
use crate::{Real, Var};

unary! {
    //   method            f(x)                                f'(x), which may read y = f(x)
    /// eˣ.
    Exp: exp(x, y)         => Real::exp(x),                    y;
    /// The natural logarithm, for x > 0.
    Ln: ln(x, y)           => Real::ln(x),                     x.recip(), where x > 0;
    /// ln(1 + eˣ), the smooth version of relu.
    Softplus: softplus(x, y) => Real::softplus(x),             x.sigmoid();
    /// The logistic function 1 / (1 + e⁻ˣ).
    Sigmoid: sigmoid(x, y) => Real::sigmoid(x),                y * (1.0 - y);
    /// The hyperbolic tangent.
    Tanh: tanh(x, y)       => Real::tanh(x),                   1.0 - y * y;
    /// √x, for x > 0.
    Sqrt: sqrt(x, y)       => x.sqrt(),                        y.recip().scale(0.5), where x > 0;
    /// 1 / x.
    Recip: recip(x, y)     => 1.0 / x,                         -(y * y), where x > 0;
    /// The sine, of radians.
    Sin: sin(x, y)         => x.sin(),                         x.cos();
    /// The cosine, of radians.
    Cos: cos(x, y)         => x.cos(),                         -x.sin();
    /// x².
    Square: square(x, y)   => x * x,                           x.scale(2.0);
    /// xⁿ for a whole number n; x⁰ = 1.
    Powi: powi(x, y; n: i32) => x.powi(n),                     if n == 0 { x.zero() } else { x.powi(n - 1).scale(n as f64) }, where x > 0;
    /// |x|; the slope at 0 is 0.
    Abs: abs(x, y)         => x.abs(),                         x.sign(), kink at x;
    /// max(x, 0); the slope at 0 is 0.
    Relu: relu(x, y)       => Real::relu(x),                   x.step(), kink at x;
    /// 1 where x > 0, else 0; the slope is 0 everywhere.
    Step: step(x, y)       => Real::step(x),                   x.zero(), kink at x;
    /// The sign of x, and 0 at 0; the slope is 0 everywhere.
    Sign: sign(x, y)       => Real::sign(x),                   x.zero(), kink at x;
}

binary! {
    //   method            f(a, b)                             ∂f/∂a                    ∂f/∂b
    /// a ⊙ b: the product entry by entry.
    Mul: mul(a, b, y)      => a * b,                           b,                       a;
    /// a / b, entry by entry.
    Div: div(a, b, y)      => a / b,                           b.recip(),               -(y / b), where b > 0;
    /// (a − b)².
    SquaredError: squared_error(a, b, y) => (a - b) * (a - b), (a - b).scale(2.0),      (b - a).scale(2.0);
    /// The negative log-likelihood −t ln σ(x) − (1 − t) ln(1 − σ(x)) of a probability `t` under the
    /// logit `x`, as max(x, 0) − t x + ln(1 + e^−|x|), which is exact to rounding for any logit.
    BceWithLogits: bce_with_logits(x, t, y) => (Real::relu(x) - t * x) + Real::ln_1p(Real::exp(-Real::abs(x))), x.sigmoid() - t, -x;
}

impl Elementwise for f32 {
    unary_loops!(f32);
    binary_loops!(f32);
}

impl Elementwise for f64 {
    unary_loops!(f64);
    binary_loops!(f64);
}
