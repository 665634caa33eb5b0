//! The table of elementwise functions in operators of ONNX. A function without a line cannot be exported.
//!
//! Runtimes have the activations of ONNX for `f32` only, and the numbers of attributes are `f32`. So where a function has an operator of
//! its own, `f64` models use its formula.

use std::f64::consts::{LN_2, LOG2_E, LOG10_E, PI};

use autograd::{Binary, Number, Unary};

use super::graph::{Attr, X};

/// f(x), if ONNX can say it.
pub fn unary(f: Unary, x: X<'_>) -> Option<X<'_>> {
    let single = x.is_single();
    Some(match f {
        Unary::Square => x * x,
        Unary::OneMinusSquare => (1.0 - x) * (1.0 + x),
        Unary::Recip => x.op("Reciprocal"),
        Unary::Under(c) => c / x,
        Unary::Sqrt | Unary::Root => x.op("Sqrt"),
        Unary::Rsqrt => x.op("Sqrt").op("Reciprocal"),
        Unary::Cbrt => x.op("Sign") * x.op("Abs").by_number("Pow", 1.0 / 3.0),
        Unary::Powi(n) => x.by_number("Pow", n.into()),
        Unary::Powf(p) => x.by_number("Pow", p),

        Unary::Exp => x.op("Exp"),
        Unary::Exp2 => (x * LN_2).op("Exp"),
        Unary::ExpM1 => (x * 0.5).op("Tanh") * (x.op("Exp") + 1.0), // accurate near 0
        Unary::Ln => x.op("Log"),
        Unary::Log2 => x.op("Log") * LOG2_E,
        Unary::Log10 => x.op("Log") * LOG10_E,
        Unary::Ln1p => (x + 1.0).op("Log"),

        Unary::Sin => x.op("Sin"),
        Unary::Cos => x.op("Cos"),
        Unary::Tan => x.op("Sin") / x.op("Cos"),
        Unary::Asin => x.op("Asin"),
        Unary::Acos => x.op("Acos"),
        Unary::Atan => x.op("Atan"),
        Unary::Sinh => x.op("Sinh"),
        Unary::Cosh => x.op("Cosh"),
        Unary::Tanh => x.op("Tanh"),
        Unary::Asinh => x.op("Asinh"),
        Unary::Acosh => x.op("Acosh"),
        Unary::Atanh => x.op("Atanh"),

        Unary::Abs => x.op("Abs"),
        Unary::Sign => x.op("Sign"),
        Unary::Step => x.by_number("Greater", 0.0).as_number(),
        Unary::AtLeast(c) => x.by_number("Max", c),
        Unary::AtMost(c) => x.by_number("Min", c),

        Unary::Relu => x.op("Relu"),
        Unary::Sigmoid => x.op("Sigmoid"),
        Unary::Softplus => softplus(x),
        Unary::LogSigmoid => -softplus(-x),
        Unary::LeakyRelu(c) if single => x.with("LeakyRelu", &[("alpha", Attr::Float(c))]),
        Unary::LeakyRelu(c) => x.op("Relu") - (-x).op("Relu") * c,
        Unary::Elu(a) if single => x.with("Elu", &[("alpha", Attr::Float(a))]),
        Unary::Elu(a) => x.op("Relu") + below_0(x, 1.0) * a,
        Unary::Selu if single => x.op("Selu"),
        Unary::Selu => x.op("Relu") * 1f64.selu() - below_0(x, 1.0) * f64::NEG_INFINITY.selu(),
        Unary::Celu(a) if single => x.with("Celu", &[("alpha", Attr::Float(a))]),
        Unary::Celu(a) => x.op("Relu") + below_0(x, a) * a,
        Unary::Silu => x * x.op("Sigmoid"),
        Unary::Gelu => x.with("Gelu", &[("approximate", Attr::Text("none"))]),
        Unary::GeluTanh => x.with("Gelu", &[("approximate", Attr::Text("tanh"))]),
        Unary::Mish if single => x.op("Mish"),
        Unary::Mish => x * softplus(x).op("Tanh"),
        Unary::Softsign if single => x.op("Softsign"),
        Unary::Softsign => x / (x.op("Abs") + 1.0),
        Unary::HardTanh => x.clip(-1.0, 1.0),
        Unary::HardSigmoid if single => {
            x.with("HardSigmoid", &[("alpha", Attr::Float(1.0 / 6.0)), ("beta", Attr::Float(0.5))])
        }
        Unary::HardSigmoid => hard_sigmoid(x),
        Unary::HardSwish if single => x.op("HardSwish"),
        Unary::HardSwish => x * hard_sigmoid(x),
        Unary::Tanhshrink => x - x.op("Tanh"),
        Unary::Erf => x.op("Erf"),
        Unary::Erfc => 1.0 - x.op("Erf"),
        Unary::Sinc => x.by_number("Equal", 0.0).choose(x.number(1.0), (x * PI).op("Sin") / (x * PI)),
        _ => return None,
    })
}

/// f(a, b), if ONNX can say it.
pub fn binary<'g>(f: Binary, a: X<'g>, b: X<'g>) -> Option<X<'g>> {
    let zero = |x: X<'g>| x.by_number("Equal", 0.0);
    Some(match f {
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::SquaredError => (a - b) * (a - b),
        Binary::BceWithLogits => a.op("Relu") - a * b + ((-a.op("Abs")).op("Exp") + 1.0).op("Log"),
        Binary::Max => a.by("Max", b),
        Binary::Min => a.by("Min", b),
        Binary::Pow => a.by("Pow", b),
        Binary::Hypot => (a * a + b * b).op("Sqrt"),
        Binary::LogAddExp => a.by("Max", b) + ((-(a - b).op("Abs")).op("Exp") + 1.0).op("Log"),
        Binary::Fmod => fmod(a, b),
        Binary::Remainder => {
            let r = fmod(a, b);
            (r.op("Sign") * b.op("Sign")).by_number("Less", 0.0).choose(r + b, r)
        }
        Binary::Keep => zero(a).choose(a.number(0.0), b),
        Binary::Drop => zero(a).choose(b, a.number(0.0)),
        Binary::Weigh => zero(b).choose(b, a * b),
        _ => return None,
    })
}

/// ln(1 + eˣ).
fn softplus(x: X<'_>) -> X<'_> {
    if x.is_single() { x.op("Softplus") } else { x.op("Relu") + ((-x.op("Abs")).op("Exp") + 1.0).op("Log") }
}

/// e^(x/a) − 1 where x < 0, else 0.
fn below_0(x: X<'_>, a: f64) -> X<'_> {
    let x = -(-x).op("Relu");
    (if a == 1.0 { x } else { x / a }).op("Exp") - 1.0
}

fn hard_sigmoid(x: X<'_>) -> X<'_> {
    (x / 6.0 + 0.5).clip(0.0, 1.0)
}

fn fmod<'g>(a: X<'g>, b: X<'g>) -> X<'g> {
    a.by_with("Mod", b, &[("fmod", Attr::Int(1))])
}
