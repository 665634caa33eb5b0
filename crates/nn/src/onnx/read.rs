//! A file as nodes and constants, checked: every name is defined once, and before it is used.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use prost::Message;

use super::OnnxError;
use super::constants::{Constant, Place};
use super::lengths::{self, Lengths};
use super::proto;

/// The versions of the operators that are known.
const OPSETS: std::ops::RangeInclusive<i64> = 9..=26;
/// The number of nodes that are read; the time to find the layers grows with its square.
pub const MOST_NODES: usize = 20_000;
/// The number of inputs of a node that are read, and of its outputs. No known operator has more.
const MOST_OPERANDS: usize = 10;
/// The number of axes of the input that are read. No known graph has more.
pub const MOST_AXES: usize = 8;

/// A graph.
pub struct Nodes {
    pub place: Place,
    /// By the number of the value; the input of the graph has the number 0.
    nodes: Vec<Node>,
    pub constants: Vec<Constant>,
    names: HashMap<String, Operand>,
    /// The bytes of the constants that were read, and those that were read for the first time.
    pub readings: Cell<[usize; 2]>,
    /// The lengths of the axes of the input, as far as the file says them.
    pub lengths: Option<Vec<Option<usize>>>,
    /// The lengths that nodes compute.
    pub computed: Vec<Lengths>,
    /// The number of axes of the values that layers compute; the last one is that of the features.
    pub axes: Cell<usize>,
    pub version: i64,
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
    /// It depends on the lengths of axes alone: which of those that are [computed](Nodes::computed).
    Lengths(usize),
    /// Zeros of any shape.
    Zeros,
}

/// A node with one output. The states of a recurrent node are nodes of their own, whose input is the recurrent one.
#[derive(Default)]
pub struct Node {
    pub name: String,
    pub op: String,
    pub inputs: Vec<Operand>,
    /// The number of its outputs that have names.
    pub outputs: usize,
    /// Which state of its input it is, from 1 on; 0 if it is a node of its own.
    pub state: usize,
    pub attributes: HashMap<String, proto::Attribute>,
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
            lengths: None,
            computed: Vec::new(),
            axes: Cell::new(2),
            version: version.unwrap_or_default(),
            output: 0,
        };
        if !OPSETS.contains(&nodes.version) {
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
        self.lengths = self.declared(input)?;
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
        let output = outputs.next().unwrap_or_default();
        if made.outputs == 0 || (output.is_empty() && !is_recurrent(&made.op)) {
            return Err(self.problem(&made, "it has no output".into()));
        }
        if let Some(operand) = lengths::derived(self, &made) {
            self.add_further(output, operand)?;
            return outputs.try_for_each(|name| self.add_further(name, Operand::Further));
        }
        match (&made.op[..], &made.inputs[..]) {
            ("Constant", _) => {
                let Some(tensor) = made.attributes.remove("value").and_then(|value| value.t) else {
                    return Err(self.problem(&made, "it has no `value` that is a tensor".into()));
                };
                self.add_constant(output, tensor.encode_to_vec())
            }
            ("Identity", &[operand @ Operand::Constant(_)]) => self.add_name(output, operand),
            (op, _) => {
                let (value, is_recurrent) = (self.nodes.len(), is_recurrent(op));
                let state = |k| Node {
                    name: made.name.clone(),
                    op: made.op.clone(),
                    inputs: vec![Operand::Value(value)],
                    state: k,
                    ..Node::default()
                };
                let states: Vec<_> = outputs.enumerate().map(|(k, name)| (name, state(k + 1))).collect();
                self.add_further(output, Operand::Value(value))?;
                self.nodes.push(made);
                states.into_iter().filter(|(name, _)| !name.is_empty()).try_for_each(|(name, state)| {
                    if !is_recurrent {
                        return self.add_name(name, Operand::Further);
                    }
                    self.add_name(name, Operand::Value(self.nodes.len()))?;
                    self.nodes.push(state);
                    Ok(())
                })
            }
        }
    }

    /// Adds an output that may be left out.
    fn add_further(&mut self, name: String, operand: Operand) -> Result<(), OnnxError> {
        if name.is_empty() { Ok(()) } else { self.add_name(name, operand) }
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
}

/// The bytes of a file, and its place.
pub fn file(path: &Path) -> Result<(Place, Vec<u8>), OnnxError> {
    let file = path.display().to_string();
    match fs::read(path) {
        Ok(bytes) => Ok((Place { file, folder: path.parent().map(Path::to_owned) }, bytes)),
        Err(source) => Err(OnnxError::Read { file, source }),
    }
}

/// Whether an operator is a recurrent layer, whose further outputs are states.
pub fn is_recurrent(op: &str) -> bool {
    matches!(op, "LSTM" | "GRU" | "RNN")
}

fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}
