//! A file as nodes and constants, checked: every name is defined once, and before it is used.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use prost::Message;

use super::OnnxError;
use super::constants::{Constant, Place};
use super::proto::{self, dtype};
use crate::Real;

/// The versions of the operators that are known.
const OPSETS: std::ops::RangeInclusive<i64> = 9..=26;
/// The number of nodes that are read; the time to find the layers grows with its square.
pub const MOST_NODES: usize = 20_000;
/// The number of inputs of a node that are read, and of its outputs. No known operator has more.
const MOST_OPERANDS: usize = 10;
/// The bytes of constants that are read are at most this many times those of the file,
const MOST_READINGS: usize = 16;
/// and this many more.
const FREE_READINGS: usize = 1 << 25;

/// A graph.
pub struct Nodes {
    place: Place,
    /// By the number of the value; the input of the graph has the number 0.
    nodes: Vec<Node>,
    constants: Vec<Constant>,
    names: HashMap<String, Operand>,
    /// The bytes of the constants that were read, and those that were read for the first time.
    readings: Cell<[usize; 2]>,
    /// The features of the input, if the file says them.
    pub features: Option<usize>,
    pub output: usize,
}

/// What a node computes with.
#[derive(Clone, Copy, PartialEq)]
pub enum Operand {
    Value(usize),
    Constant(usize),
    /// It is left out.
    Nothing,
    /// A further output of a node, such as the mask of a dropout, with which no layer computes.
    Further,
}

/// A node with one output.
#[derive(Default)]
pub struct Node {
    pub name: String,
    pub op: String,
    pub inputs: Vec<Operand>,
    /// The number of its outputs that have names.
    pub outputs: usize,
    attributes: HashMap<String, proto::Attribute>,
}

impl Nodes {
    /// Reads a graph. Numbers outside the file are in its folder.
    pub fn read(place: Place, bytes: &[u8]) -> Result<Self, OnnxError> {
        let model: proto::Model = place.decoded(bytes)?;
        let Some(graph) = model.graph else { return Err(place.damaged("it has no graph".into())) };
        let version = model.opset_import.iter().find(|set| is_standard(&set.domain)).map(|set| set.version);
        let mut nodes = Nodes {
            place,
            nodes: vec![Node::default()],
            constants: Vec::new(),
            names: HashMap::new(),
            readings: Cell::default(),
            features: None,
            output: 0,
        };
        if !version.is_some_and(|version| OPSETS.contains(&version)) {
            let found = version.map_or("no version".into(), |version| format!("version {version}"));
            let (first, last) = OPSETS.into_inner();
            let problem = format!("it uses {found} of the operators; export it with one from {first} to {last}");
            return Err(nodes.graph_problem(problem));
        }
        nodes.define(graph)?;
        Ok(nodes)
    }

    fn define(&mut self, graph: proto::Graph) -> Result<(), OnnxError> {
        for bytes in graph.initializer {
            let name = self.place.decoded::<proto::Tensor>(&bytes)?.name;
            self.add_constant(name, bytes)?;
        }
        let mut inputs = Vec::new();
        for bytes in &graph.input {
            let input = self.place.decoded::<proto::ValueInfo>(bytes)?;
            if !self.names.contains_key(&input.name) {
                inputs.push(input);
            }
        }
        let [input] = &inputs[..] else {
            return Err(self.graph_problem(format!("it has {} inputs, and a list of layers has one", inputs.len())));
        };
        self.features = self.declared_features(input)?;
        self.nodes[0].name = input.name.clone();
        self.add_name(input.name.clone(), Operand::Value(0))?;

        if graph.node.len() > MOST_NODES {
            return Err(self.graph_problem(format!("it has {} nodes, more than {MOST_NODES}", graph.node.len())));
        }
        for bytes in &graph.node {
            let node = self.place.decoded::<proto::Node>(bytes)?;
            self.add_node(node)?;
        }
        let [output] = &graph.output[..] else {
            return Err(
                self.graph_problem(format!("it has {} outputs, and a list of layers has one", graph.output.len()))
            );
        };
        let output = self.place.decoded::<proto::ValueInfo>(output)?.name;
        match self.names.get(&output) {
            Some(&Operand::Value(value)) => self.output = value,
            _ => return Err(self.graph_problem(format!("its output `{output}` is not computed from the input"))),
        }
        Ok(())
    }

    /// The length of the second axis of the input.
    fn declared_features(&self, input: &proto::ValueInfo) -> Result<Option<usize>, OnnxError> {
        let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor.as_ref());
        let Some(tensor) = tensor else { return Ok(None) };
        if ![0, dtype::FLOAT, dtype::DOUBLE].contains(&tensor.elem_type) {
            return Err(self.graph_problem("its input is not of floating-point numbers (float or double)".into()));
        }
        let Some(shape) = &tensor.shape else { return Ok(None) };
        let [_, features] = &shape.dim[..] else {
            return Err(
                self.graph_problem(format!("its input has {} axes, and samples and features are two", shape.dim.len()))
            );
        };
        let features = self.place.decoded::<proto::Dimension>(features)?.dim_value;
        Ok(features.and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0))
    }

    fn add_name(&mut self, name: String, operand: Operand) -> Result<(), OnnxError> {
        match self.names.insert(name.clone(), operand) {
            None => Ok(()),
            Some(_) => Err(self.place.damaged(format!("the name `{name}` is defined twice"))),
        }
    }

    fn add_constant(&mut self, name: String, bytes: Vec<u8>) -> Result<(), OnnxError> {
        self.add_name(name.clone(), Operand::Constant(self.constants.len()))?;
        self.constants.push(Constant::new(name, bytes, &self.place));
        Ok(())
    }

    fn add_node(&mut self, node: proto::Node) -> Result<(), OnnxError> {
        let mut made = Node { op: node.op_type, ..Node::default() };
        made.name = if node.name.is_empty() { node.output.first().cloned().unwrap_or_default() } else { node.name };
        if !is_standard(&node.domain) {
            let problem = format!("its operator is one of `{}`, not of ONNX", node.domain);
            return Err(self.problem(&made, problem));
        }
        made.outputs = node.output.iter().filter(|name| !name.is_empty()).count();
        let operands = node.input.len().max(node.output.len());
        if operands > MOST_OPERANDS {
            return Err(self.problem(&made, format!("it has {operands} inputs or outputs, more than {MOST_OPERANDS}")));
        }
        for name in node.input {
            let operand = if name.is_empty() { Some(Operand::Nothing) } else { self.names.get(&name).copied() };
            let Some(operand) = operand else {
                return Err(self.problem(&made, format!("its input `{name}` is not defined before it")));
            };
            made.inputs.push(operand);
        }
        for bytes in &node.attribute {
            let attribute = self.place.decoded::<proto::Attribute>(bytes)?;
            made.attributes.insert(attribute.name.clone(), attribute);
        }
        let mut outputs = node.output.into_iter();
        let Some(output) = outputs.next().filter(|name| !name.is_empty()) else {
            return Err(self.problem(&made, "it has no output".into()));
        };
        match (&made.op[..], &made.inputs[..]) {
            ("Constant", _) => {
                let Some(tensor) = made.attributes.remove("value").and_then(|value| value.t) else {
                    return Err(self.problem(&made, "it has no `value` that is a tensor".into()));
                };
                self.add_constant(output, tensor.encode_to_vec())
            }
            ("Identity", &[operand @ Operand::Constant(_)]) => self.add_name(output, operand),
            _ => {
                self.add_name(output, Operand::Value(self.nodes.len()))?;
                self.nodes.push(made);
                outputs.filter(|name| !name.is_empty()).try_for_each(|name| self.add_name(name, Operand::Further))
            }
        }
    }

    pub fn graph_problem(&self, problem: String) -> OnnxError {
        OnnxError::Graph { file: self.place.file.clone(), problem }
    }

    pub fn problem(&self, node: &Node, problem: String) -> OnnxError {
        OnnxError::Node { file: self.place.file.clone(), node: node.name.clone(), op: node.op.clone(), problem }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node that computes a value.
    pub fn node(&self, value: usize) -> Option<&Node> {
        self.nodes.get(value).filter(|_| value > 0)
    }

    /// The constant that an operand is.
    fn constant(&self, operand: Operand) -> Option<&Constant> {
        if let Operand::Constant(k) = operand { self.constants.get(k) } else { None }
    }

    /// The number of a constant with a single one.
    pub fn scalar(&self, operand: Operand) -> Option<f64> {
        self.constant(operand)?.scalar
    }

    /// The dimensions and numbers of the constant that is input `k` of a node, row by row.
    pub fn numbers<T: Real>(&self, node: &Node, k: usize) -> Result<(Vec<usize>, Vec<T>), OnnxError> {
        let constant = self.constant_of(node, k)?;
        let (dims, numbers) = constant.numbers(&self.place)?;
        self.count(node, constant, size_of::<T>() * numbers.len())?;
        Ok((dims, numbers))
    }

    /// The integers of the constant that is input `k` of a node.
    pub fn integers(&self, node: &Node, k: usize) -> Result<Vec<i64>, OnnxError> {
        let constant = self.constant_of(node, k)?;
        let list = constant.integers(&self.place)?;
        self.count(node, constant, 8 * list.len())?;
        Ok(list)
    }

    /// Bounds how often constants are read, because a short file may use a long one in every node.
    fn count(&self, node: &Node, constant: &Constant, bytes: usize) -> Result<(), OnnxError> {
        let bytes = bytes.max(constant.size());
        let [all, once] = self.readings.get();
        let (all, once) = (all + bytes, if constant.is_read.replace(true) { once } else { once + bytes });
        self.readings.set([all, once]);
        if all <= MOST_READINGS * once + FREE_READINGS {
            return Ok(());
        }
        let problem = format!(
            "it uses numbers again that other nodes use; the layers up to it have {all} bytes of numbers, and the file has {once} for them"
        );
        Err(self.problem(node, problem))
    }

    fn constant_of(&self, node: &Node, k: usize) -> Result<&Constant, OnnxError> {
        let constant = node.inputs.get(k).and_then(|&operand| self.constant(operand));
        constant.ok_or_else(|| self.problem(node, format!("its input {k} is not a constant of the file")))
    }

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

    /// Checks that a node runs along the features.
    pub fn last_axis(&self, node: &Node) -> Result<(), OnnxError> {
        match self.int(node, "axis", -1)? {
            -1 | 1 => Ok(()),
            axis => Err(self.problem(node, format!("it runs along axis {axis}, and features are axis 1"))),
        }
    }

    /// A text of an attribute.
    pub fn text<'n>(&self, node: &'n Node, name: &str, default: &'n str) -> Result<&'n str, OnnxError> {
        let Some(attribute) = node.attributes.get(name) else { return Ok(default) };
        let text = attribute.s.as_ref().and_then(|s| std::str::from_utf8(s).ok());
        text.ok_or_else(|| self.problem(node, format!("its attribute `{name}` is not a text")))
    }
}

/// The bytes of a file, and its place.
pub fn file(path: &Path) -> Result<(Place, Vec<u8>), OnnxError> {
    let file = path.display().to_string();
    match fs::read(path) {
        Ok(bytes) => Ok((Place { file, folder: path.parent().map(Path::to_owned) }, bytes)),
        Err(source) => Err(OnnxError::Read { file, source }),
    }
}

fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}
