//! Attributes of nodes, checked.

use super::OnnxError;
use super::read::{Node, Nodes, Operand};

impl Nodes {
    /// A number of an attribute, as its shortest decimal: 0.1 for the `f32` nearest to it.
    pub fn float(&self, node: &Node, name: &str, default: f64) -> Result<f64, OnnxError> {
        let Some(attribute) = node.attributes.get(name) else { return Ok(default) };
        let number = attribute.f.filter(|f| f.is_finite()).and_then(|f| f.to_string().parse().ok());
        number.ok_or_else(|| self.problem(node, format!("its attribute `{name}` is not a finite number")))
    }

    /// An integer of an attribute.
    pub fn int(&self, node: &Node, name: &str, default: i64) -> Result<i64, OnnxError> {
        let Some(attribute) = node.attributes.get(name) else { return Ok(default) };
        attribute.i.ok_or_else(|| self.problem(node, format!("its attribute `{name}` is not an integer")))
    }

    /// A list of integers of an attribute, or that of the constant input `k`, which has replaced it in later versions.
    pub fn ints(&self, node: &Node, name: &str, k: usize) -> Result<Option<Vec<i64>>, OnnxError> {
        match (node.attributes.get(name), node.inputs.get(k)) {
            (Some(attribute), _) => Ok(Some(attribute.ints.clone())),
            (None, None | Some(Operand::Nothing)) => Ok(None),
            (None, Some(_)) => self.integers(node, k).map(Some),
        }
    }

    /// A text of an attribute.
    pub fn text<'n>(&self, node: &'n Node, name: &str, default: &'n str) -> Result<&'n str, OnnxError> {
        let Some(attribute) = node.attributes.get(name) else { return Ok(default) };
        let text = attribute.s.as_ref().and_then(|s| std::str::from_utf8(s).ok());
        text.ok_or_else(|| self.problem(node, format!("its attribute `{name}` is not a text")))
    }

    /// The texts of an attribute.
    pub fn texts<'n>(&self, node: &'n Node, name: &str) -> Result<Vec<&'n str>, OnnxError> {
        let strings = node.attributes.get(name).map_or(&[][..], |attribute| &attribute.strings);
        let texts = strings.iter().map(|s| std::str::from_utf8(s).ok()).collect::<Option<_>>();
        texts.ok_or_else(|| self.problem(node, format!("its attribute `{name}` is no list of texts")))
    }

    /// Checks that a node runs along the features.
    pub fn last_axis(&self, node: &Node) -> Result<(), OnnxError> {
        let default = if node.op.ends_with("Softmax") && self.version < 13 { 1 } else { -1 };
        self.is_last_axis(node, self.int(node, "axis", default)?)
    }

    pub fn is_last_axis(&self, node: &Node, axis: i64) -> Result<(), OnnxError> {
        let last = self.axes.get() as i64 - 1;
        if axis == -1 || axis == last {
            return Ok(());
        }
        Err(self.problem(node, format!("it runs along axis {axis}, and features are axis {last}")))
    }

    /// Checks that a node stands where values are samples × features, because it has another meaning for sequences.
    pub fn two_axes(&self, node: &Node) -> Result<(), OnnxError> {
        if self.axes.get() == 2 {
            return Ok(());
        }
        let problem =
            format!("its input has {} axes, and it is imported for samples × features alone", self.axes.get());
        Err(self.problem(node, problem))
    }
}
