//! Activations that are one operator of a graph.

use super::OnnxError;
use super::read::{Node, Nodes, Operand, is_recurrent};
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
pub fn activation(nodes: &Nodes, node: &Node) -> Result<Activation, OnnxError> {
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
    if !is_recurrent(&node.op) && node.inputs.iter().skip(most).any(|x| *x != Operand::Nothing) {
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
        op if is_recurrent(op) => {
            return wrong("it reads a sequence; `import_sequence` imports recurrent layers in front of others".into());
        }
        _ => return unknown(),
    };
    match found.check() {
        Ok(()) => Ok(found),
        Err(problem) => wrong(problem),
    }
}
