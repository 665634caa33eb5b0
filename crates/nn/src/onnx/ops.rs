//! The table of elementwise functions in operators of ONNX. A function without a line cannot be exported.
//!
//! Runtimes have the activations of ONNX for `f32` only, and the numbers of attributes are `f32`. So where a function has an operator of
//! its own, `f64` models use its formula.

use std::f64::consts::{LN_2, LOG2_E, LOG10_E, PI, SQRT_2};

use autograd::{Binary, Number, Unary};

use super::graph::Attr;
use super::value::X;

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
        Unary::Ln1p => ln_1p(x),

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
        Unary::Gelu if single => x.with("Gelu", &[("approximate", Attr::Text("none"))]),
        Unary::Gelu => x * ((x / SQRT_2).op("Erf") + 1.0) * 0.5,
        Unary::GeluTanh if single => x.with("Gelu", &[("approximate", Attr::Text("tanh"))]),
        Unary::GeluTanh => x * (((x + x * (x * x) * 0.044715) * (2.0 / PI).sqrt()).op("Tanh") + 1.0) * 0.5,
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
        Binary::BceWithLogits => {
            let (w, size) = (a.by_number("Greater", 0.0).choose(1.0 - b, b), a.op("Abs"));
            zero(w).choose(w, w * size) + ln_1p((-size).op("Exp"))
        }
        Binary::Max => a.by("Max", b),
        Binary::Min => a.by("Min", b),
        Binary::Pow => a.by("Pow", b),
        Binary::Hypot => {
            let (a, b) = (a.op("Abs"), b.op("Abs"));
            let (low, high) = (a.by("Min", b), a.by("Max", b));
            let ratio = low.by("Equal", high).choose(a.number(1.0), low / high);
            high * (ratio * ratio + 1.0).op("Sqrt")
        }
        Binary::LogAddExp => {
            let apart = a.by("Equal", b).choose(a.number(0.0), (a - b).op("Abs"));
            a.by("Max", b) + ln_1p((-apart).op("Exp"))
        }
        Binary::Fmod => fmod(a, b),
        Binary::Remainder => {
            let r = fmod(a, b);
            (r.op("Sign") * b.op("Sign")).by_number("Less", 0.0).choose(r + b, r)
        }
        Binary::Keep => zero(a).choose(a.number(0.0), b),
        Binary::Drop => zero(a).choose(b, a.number(0.0)),
        Binary::Weigh => zero(b).choose(b, a * b),
        Binary::WeighBoth => zero(a).choose(a, zero(b).choose(b, a * b)),
        _ => return None,
    })
}

/// ln(1 + x): with u the rounded 1 + x, the error of ln u is made good by the factor x / (u − 1), which is 1 where x is infinite.
fn ln_1p(x: X<'_>) -> X<'_> {
    let u = x + 1.0;
    let rounded = u - 1.0;
    let factor = x.by("Equal", rounded).choose(x.number(1.0), x / rounded);
    rounded.by_number("Equal", 0.0).choose(x, u.op("Log") * factor)
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
