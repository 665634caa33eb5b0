//! A graph of ONNX while it is built.

use std::cell::RefCell;
use std::collections::HashMap;

use prost::Message;

use super::proto::{self, dtype};
use super::value::X;

/// The version of the operators: the first with `Gelu`.
pub const OPSET: i64 = 20;
/// The version of the file format that came with it.
const IR_VERSION: i64 = 9;

/// The nodes and constants so far. A value is a number in the list of names.
pub struct Graph {
    /// Whether numbers are `f32`. Otherwise they are `f64`, for which runtimes have only the basic operators.
    single: bool,
    parts: RefCell<Parts>,
}

#[derive(Default)]
struct Parts {
    nodes: Vec<Node>,
    initializers: Vec<(u32, proto::Tensor)>,
    names: Vec<String>,
    /// The value of a constant, by its type and bytes.
    constants: HashMap<(i32, Vec<u8>), u32>,
    /// Names, and how often each was asked for.
    taken: HashMap<String, usize>,
    /// A number that is not finite in the type of the file although it is finite itself, and its name.
    not_held: Option<(String, f64)>,
}

struct Node {
    op: &'static str,
    inputs: Vec<u32>,
    output: u32,
    attributes: Vec<(&'static str, Attr)>,
}

impl Parts {
    fn keep_only_what_leads_to(&mut self, y: u32) {
        let mut leads = vec![false; self.names.len()];
        leads[y as usize] = true;
        for node in self.nodes.iter().rev() {
            if leads[node.output as usize] {
                node.inputs.iter().for_each(|&x| leads[x as usize] = true);
            }
        }
        self.nodes.retain(|node| leads[node.output as usize]);
        self.initializers.retain(|(id, _)| leads[*id as usize]);
    }
}

/// The value of an attribute.
#[derive(Clone, Copy)]
pub enum Attr {
    Int(i64),
    Float(f64),
    Text(&'static str),
}

/// A tensor's dimension as it is declared: a number, or the name of a free one.
pub enum Declared {
    Number(i64),
    Free(String),
}

impl Graph {
    pub fn new(single: bool) -> Self {
        Graph { single, parts: RefCell::default() }
    }

    fn value(&self, name: String) -> X<'_> {
        let parts = &mut *self.parts.borrow_mut();
        let mut free = name.clone();
        while parts.taken.contains_key(&free) {
            let count = parts.taken.entry(name.clone()).or_default();
            *count += 1;
            free = format!("{name}__{count}");
        }
        parts.taken.insert(free.clone(), 1);
        parts.names.push(free);
        X { graph: self, id: parts.names.len() as u32 - 1 }
    }

    /// A value with this name that no node computes.
    pub fn named(&self, name: &str) -> X<'_> {
        self.value(name.to_owned())
    }

    pub fn node<'g>(&'g self, op: &'static str, inputs: &[X<'g>], attributes: &[(&'static str, Attr)]) -> X<'g> {
        let count = self.parts.borrow().nodes.len();
        let y = self.value(format!("{op}_{count}"));
        for &(name, value) in attributes {
            if let Attr::Float(x) = value {
                self.note(name, x, (x as f32).is_finite());
            }
        }
        let inputs = inputs.iter().map(|x| x.id).collect();
        self.parts.borrow_mut().nodes.push(Node { op, inputs, output: y.id, attributes: attributes.to_vec() });
        y
    }

    fn initializer(&self, name: String, data_type: i32, dims: &[usize], raw: Vec<u8>) -> X<'_> {
        let x = self.value(name);
        let dims = dims.iter().map(|&n| n as i64).collect();
        let tensor = proto::Tensor { dims, data_type, raw_data: Some(raw), ..Default::default() };
        self.parts.borrow_mut().initializers.push((x.id, tensor));
        x
    }

    fn constant(&self, name: &str, data_type: i32, dims: &[usize], raw: Vec<u8>) -> X<'_> {
        let key = (data_type, [dims.iter().flat_map(|n| n.to_le_bytes()).collect(), raw.clone()].concat());
        let known = self.parts.borrow().constants.get(&key).copied();
        known.map_or_else(
            || {
                let x = self.initializer(name.to_owned(), data_type, dims, raw);
                self.parts.borrow_mut().constants.insert(key, x.id);
                x
            },
            |id| X { graph: self, id },
        )
    }

    /// Whether numbers are `f32`.
    pub fn is_single(&self) -> bool {
        self.single
    }

    /// Whether a number is finite in the type of the file.
    pub fn holds(&self, x: f64) -> bool {
        if self.single { (x as f32).is_finite() } else { x.is_finite() }
    }

    /// The first number that the file does not hold, and its name.
    pub fn not_held(&self) -> Option<(String, f64)> {
        self.parts.borrow().not_held.clone()
    }

    fn note(&self, name: &str, x: f64, held: bool) {
        if x.is_finite() && !held {
            self.parts.borrow_mut().not_held.get_or_insert_with(|| (name.to_owned(), x));
        }
    }

    /// The type of the numbers.
    pub fn dtype(&self) -> i32 {
        if self.single { dtype::FLOAT } else { dtype::DOUBLE }
    }

    fn bytes(&self, name: &str, numbers: impl Iterator<Item = f64>) -> Vec<u8> {
        let numbers = numbers.inspect(|&x| self.note(name, x, self.holds(x)));
        if self.single {
            numbers.flat_map(|x| (x as f32).to_le_bytes()).collect()
        } else {
            numbers.flat_map(f64::to_le_bytes).collect()
        }
    }

    /// A tensor of numbers, row by row.
    pub fn tensor(&self, name: &str, dims: &[usize], numbers: impl Iterator<Item = f64>) -> X<'_> {
        self.initializer(name.to_owned(), self.dtype(), dims, self.bytes(name, numbers))
    }

    /// A number.
    pub fn number(&self, c: f64) -> X<'_> {
        self.constant("number", self.dtype(), &[], self.bytes("number", [c].into_iter()))
    }

    /// A list of integers: axes, lengths, indices.
    pub fn integers(&self, dims: &[usize], list: impl IntoIterator<Item = i64>) -> X<'_> {
        self.constant("integers", dtype::INT64, dims, list.into_iter().flat_map(i64::to_le_bytes).collect())
    }

    /// A list of one integer.
    pub fn integer(&self, n: i64) -> X<'_> {
        self.integers(&[1], [n])
    }

    /// The file, with these names and dimensions of the input and the output.
    pub fn finish(&self, x: (&str, [Declared; 2]), y: (&str, X<'_>, [Declared; 2])) -> Vec<u8> {
        let (output, y, y_dims) = y;
        let is_node = self.parts.borrow().nodes.iter().any(|node| node.output == y.id);
        let y = if is_node { y } else { y.op("Identity") };
        let parts = &mut *self.parts.borrow_mut();
        parts.names[y.id as usize] = output.to_owned();
        parts.keep_only_what_leads_to(y.id);
        let names = &parts.names;
        let name = |id: &u32| names[*id as usize].clone();
        let node = |node: &Node| proto::Node {
            input: node.inputs.iter().map(name).collect(),
            output: vec![name(&node.output)],
            name: format!("{}/{}", node.op, name(&node.output)),
            op_type: node.op.to_owned(),
            attribute: node.attributes.iter().map(|attribute| encoded(attribute).encode_to_vec()).collect(),
            domain: String::new(),
        };
        let tensor = |(id, tensor): &(u32, proto::Tensor)| proto::Tensor { name: name(id), ..tensor.clone() };
        let graph = proto::Graph {
            node: parts.nodes.iter().map(|n| node(n).encode_to_vec()).collect(),
            name: "model".to_owned(),
            initializer: parts.initializers.iter().map(|t| tensor(t).encode_to_vec()).collect(),
            input: vec![self.declared(x.0, x.1).encode_to_vec()],
            output: vec![self.declared(output, y_dims).encode_to_vec()],
        };
        let model = proto::Model {
            ir_version: IR_VERSION,
            producer_name: env!("CARGO_PKG_NAME").to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(graph),
            opset_import: vec![proto::Opset { domain: String::new(), version: OPSET }],
        };
        model.encode_to_vec()
    }

    fn declared(&self, name: &str, dims: [Declared; 2]) -> proto::ValueInfo {
        let dims = dims.map(|dim| match dim {
            Declared::Number(n) => proto::Dimension { dim_value: Some(n), dim_param: None },
            Declared::Free(name) => proto::Dimension { dim_value: None, dim_param: Some(name) },
        });
        let shape = proto::Shape { dim: dims.iter().map(Message::encode_to_vec).collect() };
        let tensor = proto::TensorType { elem_type: self.dtype(), shape: Some(shape) };
        proto::ValueInfo { name: name.to_owned(), r#type: Some(proto::Type { tensor: Some(tensor) }) }
    }
}

fn encoded(&(name, value): &(&'static str, Attr)) -> proto::Attribute {
    let of = |kind| proto::Attribute { name: name.to_owned(), kind, ..Default::default() };
    match value {
        Attr::Float(x) => proto::Attribute { f: Some(x as f32), ..of(1) },
        Attr::Int(n) => proto::Attribute { i: Some(n), ..of(2) },
        Attr::Text(text) => proto::Attribute { s: Some(text.into()), ..of(3) },
    }
}
