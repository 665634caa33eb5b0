//! Activations of a graph: single operators, and compositions of several as PyTorch and this library write them.

use std::sync::LazyLock;

use super::OnnxError;
use super::read::{Node, Nodes, Operand};
use crate::Activation;

/// The operators that are imported by themselves.
const SUPPORTED: &[&str] = &[
    "Gemm",
    "MatMul",
    "Add",
    "Concat",
    "BatchNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "PRelu",
    "Dropout",
    "Identity",
    "Cast",
    "Flatten",
    "Reshape",
    "Relu",
    "LeakyRelu",
    "Elu",
    "Celu",
    "Selu",
    "Softplus",
    "Sigmoid",
    "Swish",
    "Gelu",
    "Mish",
    "Softsign",
    "Tanh",
    "Clip",
    "HardSigmoid",
    "HardSwish",
    "Softmax",
    "LogSoftmax",
];

/// The activation that one operator is.
pub fn single(nodes: &Nodes, node: &Node) -> Result<Activation, OnnxError> {
    let wrong = |problem: String| Err(nodes.problem(node, problem));
    let number = |name, default| nodes.float(node, name, default);
    let is = |found: f64, expected: f64| (found - expected).abs() <= 1e-6 * expected.abs();
    let bound = |k: usize| {
        node.inputs.get(k).map_or(Some(None), |&x| match x {
            Operand::Nothing => Some(None),
            x => nodes.scalar(x).map(Some),
        })
    };
    let unknown = || wrong(format!("supported are {}", SUPPORTED.join(", ")));
    let most = if node.op == "Clip" { 3 } else { 1 };
    if node.inputs.iter().skip(most).any(|x| *x != Operand::Nothing) {
        return if SUPPORTED.contains(&&node.op[..]) { wrong("it has too many inputs".into()) } else { unknown() };
    }
    let found = match &node.op[..] {
        "Relu" => Activation::Relu,
        "LeakyRelu" => Activation::LeakyRelu(number("alpha", 0.01)?),
        "Elu" => Activation::Elu(number("alpha", 1.0)?),
        "Celu" => Activation::Celu(number("alpha", 1.0)?),
        "Selu"
            if is(number("alpha", 1.6732632)?, 1.6732632423543772)
                && is(number("gamma", 1.050701)?, 1.0507009873554805) =>
        {
            Activation::Selu
        }
        "Softplus" => Activation::Softplus,
        "Sigmoid" => Activation::Sigmoid,
        "Swish" if is(number("alpha", 1.0)?, 1.0) => Activation::Silu,
        "Gelu" if nodes.text(node, "approximate", "none")? == "none" => Activation::Gelu,
        "Gelu" if nodes.text(node, "approximate", "none")? == "tanh" => Activation::GeluTanh,
        "Mish" => Activation::Mish,
        "Softsign" => Activation::Softsign,
        "Tanh" => Activation::Tanh,
        "Clip" if (bound(1), bound(2)) == (Some(Some(-1.0)), Some(Some(1.0))) => Activation::HardTanh,
        "Clip" if (bound(1), bound(2)) == (Some(Some(0.0)), Some(None)) => Activation::Relu,
        "HardSigmoid" if is(number("alpha", 0.2)?, 1.0 / 6.0) && is(number("beta", 0.5)?, 0.5) => {
            Activation::HardSigmoid
        }
        "HardSwish" => Activation::HardSwish,
        "Softmax" | "LogSoftmax" => {
            nodes.last_axis(node)?;
            if node.op == "Softmax" { Activation::Softmax } else { Activation::LogSoftmax }
        }
        "Selu" | "Swish" | "Gelu" | "Clip" | "HardSigmoid" => {
            return wrong("there is no activation with these numbers".into());
        }
        _ => return unknown(),
    };
    match found.check() {
        Ok(()) => Ok(found),
        Err(problem) => wrong(problem),
    }
}

/// The activation with the number `a`.
type Made = fn(f64) -> Activation;

/// The compositions, in terms of an input `x` and a number `a`. `Add` and `Mul` may have their operands in either order.
const FORMS: &[(&str, Made)] = &[
    ("Mul(x,Sigmoid(x))", |_| Activation::Silu),
    ("Mul(x,Tanh(Softplus(x)))", |_| Activation::Mish),
    ("Mul(x,Tanh(Add(Relu(x),Log(Add(Exp(Neg(Abs(x))),1)))))", |_| Activation::Mish),
    ("Sub(x,Tanh(x))", |_| Activation::Tanhshrink),
    ("Div(x,Add(Abs(x),1))", |_| Activation::Softsign),
    ("Log(Sigmoid(x))", |_| Activation::LogSigmoid),
    ("Neg(Softplus(Neg(x)))", |_| Activation::LogSigmoid),
    ("Neg(Add(Relu(Neg(x)),Log(Add(Exp(Neg(Abs(Neg(x)))),1))))", |_| Activation::LogSigmoid),
    ("Where(Greater(x,20),x,Softplus(x))", |_| Activation::Softplus),
    ("Add(Relu(x),Log(Add(Exp(Neg(Abs(x))),1)))", |_| Activation::Softplus),
    ("Mul(0.5,Mul(x,Add(1,Erf(Div(x,1.4142135623730951)))))", |_| Activation::Gelu),
    ("Mul(x,Mul(0.5,Add(1,Erf(Div(x,1.4142135623730951)))))", |_| Activation::Gelu),
    ("Mul(0.5,Mul(x,Add(1,Tanh(Mul(0.7978845608028654,Add(x,Mul(0.044715,Mul(x,Mul(x,x)))))))))", |_| {
        Activation::GeluTanh
    }),
    ("Sub(Relu(x),Mul(Relu(Neg(x)),a))", Activation::LeakyRelu),
    ("Add(Relu(x),Mul(Sub(Exp(Neg(Relu(Neg(x)))),1),a))", Activation::Elu),
    ("Add(Relu(x),Mul(Sub(Exp(Div(Neg(Relu(Neg(x))),a)),1),a))", Activation::Celu),
    ("Sub(Mul(Relu(x),1.0507009873554805),Mul(Sub(Exp(Neg(Relu(Neg(x)))),1),-1.7580993408473766))", |_| {
        Activation::Selu
    }),
    ("Clip(Add(Div(x,6),0.5),0,1)", |_| Activation::HardSigmoid),
    ("Mul(x,Clip(Add(Div(x,6),0.5),0,1))", |_| Activation::HardSwish),
];

/// A composition.
enum Form {
    X,
    A,
    Number(f64),
    Op(&'static str, Vec<Form>),
}

static PARSED: LazyLock<Vec<(Form, Made)>> =
    LazyLock::new(|| FORMS.iter().map(|&(mut text, activation)| (Form::parse(&mut text), activation)).collect());

/// The activation that a value is by its composition, and the value to which it is applied.
pub fn composed(nodes: &Nodes, value: usize) -> Option<(Activation, usize)> {
    PARSED.iter().find_map(|(form, activation)| {
        let bound = form.fits(nodes, Operand::Value(value), Bound::default())?;
        let activation = activation(bound.a.unwrap_or_default());
        activation.check().ok()?;
        Some((activation, bound.x?))
    })
}

/// What the letters of a form stand for.
#[derive(Clone, Copy, Default)]
struct Bound {
    x: Option<usize>,
    a: Option<f64>,
}

impl Form {
    fn parse(text: &mut &'static str) -> Form {
        let end = text.find(['(', ')', ',']).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        *text = rest;
        let mut operands = Vec::new();
        while text.starts_with(if operands.is_empty() { '(' } else { ',' }) {
            *text = &text[1..];
            operands.push(Form::parse(text));
        }
        if !operands.is_empty() {
            *text = &text[1..];
            return Form::Op(word, operands);
        }
        match word {
            "x" => Form::X,
            "a" => Form::A,
            number => Form::Number(number.parse().expect("a form has operators, letters and numbers")),
        }
    }

    /// What the letters stand for if the operand is of this form.
    fn fits(&self, nodes: &Nodes, operand: Operand, bound: Bound) -> Option<Bound> {
        match (self, operand) {
            (Form::X, Operand::Value(x)) => {
                bound.x.is_none_or(|known| known == x).then_some(Bound { x: Some(x), ..bound })
            }
            (Form::A, Operand::Constant(_)) => {
                let a = nodes.scalar(operand)?;
                bound.a.is_none_or(|known| known == a).then_some(Bound { a: Some(a), ..bound })
            }
            (Form::Number(c), Operand::Constant(_)) => {
                let number = nodes.scalar(operand)?;
                // The nearest f32 is enough.
                ((number - c).abs() <= f64::from(f32::EPSILON) * c.abs()).then_some(bound)
            }
            (Form::Op(op, forms), Operand::Value(value)) => {
                let node = nodes.node(value)?;
                if node.op != *op || node.inputs.len() != forms.len() {
                    return None;
                }
                let all = |order: &[usize]| {
                    let mut pairs = forms.iter().zip(order);
                    pairs.try_fold(bound, |bound, (form, &k)| form.fits(nodes, node.inputs[k], bound))
                };
                let straight: Vec<usize> = (0..forms.len()).collect();
                let turned = matches!(*op, "Add" | "Mul").then_some([1, 0]);
                all(&straight).or_else(|| turned.and_then(|order| all(&order)))
            }
            _ => None,
        }
    }
}
