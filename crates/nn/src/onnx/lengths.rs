//! The lengths of axes: those of the input, and what is computed from them alone, such as the zeros from which a recurrent layer starts.

use super::OnnxError;
use super::proto::{self, dtype};
use super::read::{MOST_AXES, Node, Nodes, Operand};

/// What a node is that computes with no number of the input.
pub fn derived(nodes: &Nodes, node: &Node) -> Option<Operand> {
    let is_zeros = |x: &Operand| *x == Operand::Zeros || nodes.scalar(*x) == Some(0.0);
    let is_free = |x: &Operand| !matches!(x, Operand::Value(_) | Operand::Further);
    let depends = |x: &Operand| matches!(x, Operand::Lengths | Operand::Zeros);
    let fill = || node.attributes.get("value").and_then(|value| value.t.as_ref());
    match (&node.op[..], &node.inputs[..]) {
        ("Shape" | "Size", _) => Some(Operand::Lengths),
        (_, all) if all.is_empty() || !all.iter().all(is_free) => None,
        ("ConstantOfShape", _) if fill().is_none_or(|fill| nodes.is_zero(fill)) => Some(Operand::Zeros),
        ("Expand", [x, _]) if is_zeros(x) => Some(Operand::Zeros),
        ("Concat", all) if all.iter().all(|x| *x == Operand::Zeros) => Some(Operand::Zeros),
        (
            "Slice" | "Gather" | "Squeeze" | "Unsqueeze" | "Transpose" | "Reshape" | "Cast" | "Identity",
            [Operand::Zeros, ..],
        ) => Some(Operand::Zeros),
        (_, all) => all.iter().any(depends).then_some(Operand::Lengths),
    }
}

impl Nodes {
    /// The lengths of the axes of the input.
    pub fn declared(&self, input: &proto::ValueInfo) -> Result<Option<Vec<Option<usize>>>, OnnxError> {
        let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor.as_ref());
        let Some(tensor) = tensor else { return Ok(None) };
        if ![0, dtype::FLOAT, dtype::DOUBLE].contains(&tensor.elem_type) {
            return Err(self.graph_problem("its input is not of floating-point numbers (float or double)".into()));
        }
        let Some(shape) = &tensor.shape else { return Ok(None) };
        let length = |bytes: &Vec<u8>| -> Result<Option<usize>, OnnxError> {
            let n = self.place.decoded::<proto::Dimension>(bytes)?.dim_value;
            Ok(n.and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0))
        };
        match shape.dim.len() {
            0..=MOST_AXES => shape.dim.iter().map(length).collect::<Result<_, _>>().map(Some),
            n => Err(self.graph_problem(format!("its input has {n} axes, more than {MOST_AXES}"))),
        }
    }

    /// The number of features of the input, if the file says it, which is that of its last axis.
    pub fn features(&self, axes: usize, names: &str) -> Result<Option<usize>, OnnxError> {
        let Some(lengths) = &self.lengths else { return Ok(None) };
        if lengths.len() != axes {
            return Err(self.graph_problem(format!("its input has {} axes, and {names}", lengths.len())));
        }
        Ok(lengths.last().copied().flatten())
    }

    /// Whether input `k` of a node is left out.
    pub fn is_left_out(&self, node: &Node, k: usize) -> bool {
        matches!(node.inputs.get(k), None | Some(Operand::Nothing))
    }

    /// Whether input `k` of a node is left out or consists of zeros.
    pub fn is_nothing(&self, node: &Node, k: usize) -> Result<bool, OnnxError> {
        match node.inputs.get(k) {
            None | Some(Operand::Nothing | Operand::Zeros) => Ok(true),
            Some(Operand::Constant(_)) => Ok(self.numbers::<f64>(node, k)?.1.iter().all(|&x| x == 0.0)),
            Some(_) => Ok(false),
        }
    }
}
