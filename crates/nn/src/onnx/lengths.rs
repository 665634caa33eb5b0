//! The lengths of axes: those of the input, and what is computed from them alone, such as the zeros from which a recurrent layer starts.

use super::OnnxError;
use super::proto::{self, dtype};
use super::read::{MOST_AXES, Node, Nodes, Operand};

/// The lengths that a graph computes, as far as they are followed.
#[derive(Clone)]
pub enum Lengths {
    /// Those of all axes of a value.
    All(usize),
    /// Some, each the product of these.
    Products(Vec<Vec<Length>>),
    Unknown,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Length {
    Number(i64),
    Axis { value: usize, axis: usize },
}

/// What a node is that computes with no number of the input.
pub fn derived(nodes: &mut Nodes, node: &Node) -> Option<Operand> {
    let is_length = computes_lengths(nodes, node)?;
    Some(if is_length { nodes.add_lengths(node) } else { Operand::Zeros })
}

/// Whether a node computes lengths; if not, it makes zeros. `None` if it computes with numbers of the input.
fn computes_lengths(nodes: &Nodes, node: &Node) -> Option<bool> {
    let is_zeros = |x: &Operand| *x == Operand::Zeros || nodes.scalar(*x) == Some(0.0);
    let is_free = |x: &Operand| !matches!(x, Operand::Value(_) | Operand::Further);
    let depends = |x: &Operand| matches!(x, Operand::Lengths(_) | Operand::Zeros);
    let fill = || node.attributes.get("value").and_then(|value| value.t.as_ref());
    match (&node.op[..], &node.inputs[..]) {
        ("Shape" | "Size", _) => Some(true),
        (_, all) if all.is_empty() || !all.iter().all(is_free) => None,
        ("ConstantOfShape", _) if fill().is_none_or(|fill| nodes.is_zero(fill)) => Some(false),
        ("Expand", [x, _]) if is_zeros(x) => Some(false),
        ("Concat", all) if all.iter().all(|x| *x == Operand::Zeros) => Some(false),
        (
            "Slice" | "Gather" | "Squeeze" | "Unsqueeze" | "Transpose" | "Reshape" | "Cast" | "Identity",
            [Operand::Zeros, ..],
        ) => Some(false),
        (_, all) => all.iter().any(depends).then_some(true),
    }
}

impl Nodes {
    fn add_lengths(&mut self, node: &Node) -> Operand {
        let found = self.followed(node).filter(|lengths| match lengths {
            // Chains of nodes could multiply the lists without end.
            Lengths::Products(list) => list.len() <= MOST_AXES && list.iter().all(|product| product.len() <= MOST_AXES),
            _ => true,
        });
        self.computed.push(found.unwrap_or(Lengths::Unknown));
        Operand::Lengths(self.computed.len() - 1)
    }

    /// The lengths that a node computes.
    fn followed(&self, node: &Node) -> Option<Lengths> {
        let first = || self.products(node, 0);
        let products = match (&node.op[..], &node.inputs[..]) {
            ("Shape", &[Operand::Value(value)]) => {
                let [start, end] =
                    [("start", 0), ("end", -1)].map(|(name, default)| self.int(node, name, default).ok());
                match (usize::try_from(start?), usize::try_from(end?)) {
                    (Ok(0), Err(_)) => return Some(Lengths::All(value)),
                    (Ok(start), Ok(end)) if end <= MOST_AXES => {
                        (start..end).map(|axis| vec![Length::Axis { value, axis }]).collect()
                    }
                    _ => return None,
                }
            }
            ("Identity" | "Cast" | "Squeeze" | "Unsqueeze" | "Reshape", [_, ..]) => first()?,
            ("Slice", _) => {
                let [starts, ends] = [1, 2].map(|k| self.few_integers(node, k));
                let (&[start], &[end]) = (&starts?[..], &ends?[..]) else { return None };
                let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
                first()?.get(range)?.to_vec()
            }
            ("Gather", _) => {
                let (list, index) = (first()?, self.few_integers(node, 1)?);
                index.iter().map(|&k| list.get(usize::try_from(k).ok()?).cloned()).collect::<Option<_>>()?
            }
            ("Concat", all) => (0..all.len()).map(|k| self.products(node, k)).collect::<Option<Vec<_>>>()?.concat(),
            ("Mul", [_, _]) => {
                let (a, b) = (first()?, self.products(node, 1)?);
                if a.len() != b.len() {
                    return None;
                }
                a.into_iter().zip(b).map(|(a, b)| [a, b].concat()).collect()
            }
            _ => return None,
        };
        Some(Lengths::Products(products))
    }

    /// The lengths that input `k` of a node is, as products.
    pub fn products(&self, node: &Node, k: usize) -> Option<Vec<Vec<Length>>> {
        match node.inputs.get(k)? {
            Operand::Lengths(computed) => match &self.computed[*computed] {
                Lengths::All(value) => {
                    Some((0..MOST_AXES).map(|axis| vec![Length::Axis { value: *value, axis }]).collect())
                }
                Lengths::Products(list) => Some(list.clone()),
                Lengths::Unknown => None,
            },
            _ => Some(self.few_integers(node, k)?.into_iter().map(|n| vec![Length::Number(n)]).collect()),
        }
    }

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
