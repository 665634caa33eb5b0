//! A whole graph as data. It can be drawn at random, recorded in either precision, and printed as a program.

use std::fmt::{self, Write};

use crate::check::Function;
use crate::inspect::picture::parameter;
use crate::{Axis, Binary, Matrix, Real, Tape, Unary, Var, hstack, vstack};

/// A graph of inputs and steps. Any steps can be recorded: operands are taken from the available values, and
/// arguments are mapped into the domain of their function.
///
/// `Display` prints a program that checks it. Two graphs with the same inputs and steps are equal.
///
/// ```
/// use autograd::strategies::{Graph, GraphStep};
/// use autograd::{Matrix, check};
/// let graph = Graph::new(vec![Matrix::from([[0.5, -1.0]])], &[GraphStep([3, 0, 1, 2]), GraphStep([40, 1, 0, 0])]);
/// check(|x| graph.record(x), graph.inputs());
/// assert!(graph.to_string().starts_with("use autograd::*;"));
/// ```
#[derive(Clone, PartialEq)]
pub struct Graph {
    inputs: Vec<Matrix<f64>>,
    nodes: Vec<Node>,
}

/// A step in four numbers, taken modulo the available choices: the op, two operands, a detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphStep(pub [u8; 4]);

/// A value of the graph: an op of earlier values, times a number that keeps it in range.
#[derive(Clone, Debug, PartialEq)]
struct Node {
    call: Call,
    operands: Vec<usize>,
    scale: f64,
}

/// An op of values whose shapes fit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Unary(Unary),
    Binary(Binary),
    Add,
    Sub,
    Affine,
    Matmul(bool, bool),
    Over(&'static str, Axis),
    All(&'static str),
    CrossEntropy,
    Rows(usize, usize),
    Columns(usize, usize),
    Pad(usize, usize),
    Reshape(usize, usize),
    Select(usize),
    Stack(Axis),
    Shift(f64),
}

/// Methods of a variable by name: the list of them, and the call.
macro_rules! methods {
    ($(#[$doc:meta])* $NAMES:ident: $call:ident($x:ident $(, $axis:ident)?) $arguments:tt: $($method:ident)*) => {
        $(#[$doc])*
        const $NAMES: &[&str] = &[$(stringify!($method)),*];

        fn $call<'t, T: Real>(name: &str, $x: Var<'t, T> $(, $axis: Axis)?) -> Var<'t, T> {
            match name {
                $(stringify!($method) => $x.$method $arguments,)*
                _ => unreachable!("{name} is not in the list"),
            }
        }
    };
}

methods! {
    /// Reductions and normalisations along an axis.
    OVER: over(x, axis) (axis):
    sum_over mean_over max_over min_over variance_over norm_over product_over cumsum softmax log_softmax log_sum_exp
}

methods! {
    /// Ops on a whole matrix.
    ALL: all(x) (): sum mean max_entry variance norm product diagonal t lower
}

/// The largest size of a stack.
const LARGEST: usize = 1 << 20;

/// The ops of a step other than a function of one operand.
#[derive(Clone, Copy)]
enum Kind {
    Binary,
    Add,
    Sub,
    Matmul,
    Affine,
    Over,
    Rows,
    Columns,
    Pad,
    Reshape,
    Select,
    Stack,
    Shift,
    CrossEntropy,
    All,
}

/// The weight of each op, relative to a function of one operand. If the shapes do not fit, a step is one of [`ALL`].
const KINDS: [(Kind, usize); 15] = [
    (Kind::Binary, 12),
    (Kind::Add, 4),
    (Kind::Sub, 1),
    (Kind::Matmul, 6),
    (Kind::Affine, 2),
    (Kind::Over, OVER.len()),
    (Kind::Rows, 1),
    (Kind::Columns, 1),
    (Kind::Pad, 1),
    (Kind::Reshape, 1),
    (Kind::Select, 1),
    (Kind::Stack, 1),
    (Kind::Shift, 1),
    (Kind::CrossEntropy, 1),
    (Kind::All, 4),
];

impl Graph {
    /// The graph with these inputs and steps. Numbers are limited to 4, so that no step leaves their range.
    ///
    /// # Panics
    /// If there is no input.
    #[track_caller]
    pub fn new(inputs: Vec<Matrix<f64>>, steps: &[GraphStep]) -> Self {
        assert!(!inputs.is_empty(), "Graph: no input");
        let mut graph = Graph { inputs, nodes: Vec::new() };
        let tape = Tape::new();
        let mut values: Vec<Var<'_, f64>> = graph.inputs.iter().map(|x| tape.constant(x)).collect();
        for &step in steps {
            for mut node in plan(step, &values) {
                let value = node.record(&values);
                let largest = value.value().as_slice().iter().fold(0.0, |max: f64, x| max.max(x.abs()));
                // An argument that was shifted into a domain is not scaled.
                if largest > 4.0 && !matches!(node.call, Call::Shift(_)) {
                    node.scale = 2f64.powi(-(largest / 4.0).log2().ceil() as i32);
                }
                values.push(value.scale(node.scale));
                graph.nodes.push(node);
            }
        }
        graph
    }

    /// The graph that a byte string encodes: shapes and numbers of three inputs, then steps.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let at = |k: usize| bytes.get(k).copied().unwrap_or(0);
        let (m, n) = (1 + usize::from(at(0) % 4), 1 + usize::from(at(1) % 4));
        let number = |k: usize| f64::from(at(2 + k % 14)) / 64.0 - 1.97 + 0.015 * k as f64;
        let input = |k: usize, m: usize, n: usize| Matrix::from_fn(m, n, |i, j| number(5 * k + i + m * j));
        let inputs = vec![input(0, m, n), input(1, m, 1), input(2, n, n)];
        let steps = bytes.get(16..).unwrap_or(&[]).chunks_exact(4).map(|b| GraphStep([b[0], b[1], b[2], b[3]]));
        Graph::new(inputs, &steps.collect::<Vec<_>>())
    }

    /// Its inputs.
    pub fn inputs(&self) -> &[Matrix<f64>] {
        &self.inputs
    }

    /// The number of values that are computed from the inputs.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nothing is computed.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Records the graph. It returns the last value plus the sums of all other values that nothing reads.
    pub fn record<'t, T: Real>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        self.record_with(x, |_, y, _| y)
    }

    /// The same, but `change` may replace each value. It gets the number of the node, its value
    /// and its operands.
    pub fn record_with<'t, T: Real>(
        &self,
        x: &[Var<'t, T>],
        mut change: impl FnMut(usize, Var<'t, T>, &[Var<'t, T>]) -> Var<'t, T>,
    ) -> Var<'t, T> {
        let mut values = x.to_vec();
        for (k, node) in self.nodes.iter().enumerate() {
            let operands: Vec<_> = node.operands.iter().map(|&k| values[k]).collect();
            let value = node.record(&values);
            values.push(change(k, if node.scale == 1.0 { value } else { value.scale(node.scale) }, &operands));
        }
        let last = values[values.len() - 1];
        self.loose().into_iter().fold(last, |sum, k| sum + values[k].sum())
    }

    /// The values that nothing reads, except the last.
    fn loose(&self) -> Vec<usize> {
        let last = self.inputs.len() + self.nodes.len() - 1;
        (0..last).filter(|k| !self.nodes.iter().any(|node| node.operands.contains(k))).collect()
    }
}

impl Function for Graph {
    fn call<'t, T: Real>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        self.record(x)
    }
}

/// The nodes of a step: its op, preceded by the ops that map the operands into its domain and shape.
fn plan(GraphStep([op, a, b, detail]): GraphStep, values: &[Var<'_, f64>]) -> Vec<Node> {
    let (op, detail) = (usize::from(op), usize::from(detail));
    // Prefer recent values, so that most graphs are deep; index 0 is the last value.
    let pick = |k: u8| values.len() - 1 - usize::from(k) % values.len();
    let (a, b) = (pick(a), pick(b));
    let ((m, n), (p, q)) = (values[a].shape(), values[b].shape());
    let node = |call, operands: &[usize]| Node { call, operands: operands.to_vec(), scale: 1.0 };
    let axis = if detail % 2 == 0 { Axis::Rows } else { Axis::Cols };
    let (unary, binary) = (Unary::all(), Binary::ALL);
    let repeats =
        (m, n) == (p, q) || (p == m || p == 1) && (q == n || q == 1) || (m == p || m == 1) && (n == q || n == 1);
    let mut kinds = KINDS.iter().flat_map(|&(kind, share)| (0..share).map(move |k| (kind, k)));
    let op = op % (unary.len() + kinds.clone().count());
    if let Some(&f) = unary.get(op) {
        return within(f.domain(), a, values.len(), |x| node(Call::Unary(f), &[x]));
    }
    let matmul = |s, t| vec![node(Call::Matmul(s, t), &[a, b])];
    match kinds.nth(op - unary.len()) {
        Some((Kind::Binary, k)) if repeats => {
            let f = binary[(2 * k + detail % 2) % binary.len()];
            let mut nodes = within(f.domain()[0], a, values.len(), |x| node(Call::Shift(0.0), &[x]));
            let first = values.len() + nodes.len() - 1;
            nodes.extend(within(f.domain()[1], b, first + 1, |x| node(Call::Binary(f), &[first, x])));
            nodes
        }
        Some((Kind::Add, _)) if repeats => vec![node(Call::Add, &[a, b])],
        Some((Kind::Sub, _)) if repeats => vec![node(Call::Sub, &[a, b])],
        Some((Kind::Matmul, _)) if n == p => matmul(false, false),
        Some((Kind::Matmul, _)) if m == p => matmul(true, false),
        Some((Kind::Matmul, _)) if n == q => matmul(false, true),
        Some((Kind::Matmul, _)) if m == q => matmul(true, true),
        Some((Kind::Affine, _)) if n == p && q == n => vec![node(Call::Affine, &[a, b, a])],
        Some((Kind::Over, k)) => vec![node(Call::Over(OVER[k], axis), &[a])],
        Some((Kind::Rows, _)) => vec![node(Call::Rows(detail % m, m - (m - detail % m) / 3), &[a])],
        Some((Kind::Columns, _)) => vec![node(Call::Columns(detail % n, n - (n - detail % n) / 3), &[a])],
        Some((Kind::Pad, _)) if m * n <= 64 => vec![node(Call::Pad(detail % 2, detail % 3), &[a])],
        Some((Kind::Reshape, _)) => vec![node(Call::Reshape(n, m), &[a])],
        Some((Kind::Select, _)) if m * n <= 4096 => vec![node(Call::Select(detail), &[a])],
        Some((Kind::Stack, _)) if m == p && m * (n + q) <= LARGEST => vec![node(Call::Stack(Axis::Cols), &[a, b])],
        Some((Kind::Stack, _)) if n == q && n * (m + p) <= LARGEST => vec![node(Call::Stack(Axis::Rows), &[a, b])],
        Some((Kind::Shift, _)) => vec![node(Call::Shift(detail as f64 / 128.0 - 1.0), &[a])],
        Some((Kind::CrossEntropy, _)) => vec![node(Call::CrossEntropy, &[a])],
        _ => vec![node(Call::All(ALL[detail % ALL.len()]), &[a])],
    }
}

/// The argument of a function, mapped into its domain if it has one, and then the function. There are `count` values
/// before it.
fn within((low, high): (f64, f64), x: usize, count: usize, f: impl FnOnce(usize) -> Node) -> Vec<Node> {
    let node = |call, x, scale| Node { call, operands: vec![x], scale };
    let mut nodes = match (low.is_finite(), high.is_finite()) {
        (false, _) => vec![],
        // low + ½ + x² / 4
        (true, false) => {
            vec![node(Call::Unary(Unary::Square), x, 0.25), node(Call::Shift(low + 0.5), count, 1.0)]
        }
        // Within 0.9 of the interval; in the table it is symmetric.
        (true, true) => {
            vec![
                node(Call::Unary(Unary::Tanh), x, 0.45 * (high - low)),
                node(Call::Shift((low + high) / 2.0), count, 1.0),
            ]
        }
    };
    let argument = if nodes.is_empty() { x } else { count + nodes.len() - 1 };
    nodes.push(f(argument));
    nodes
}

impl Node {
    /// The op, applied to existing values.
    fn record<'t, T: Real>(&self, values: &[Var<'t, T>]) -> Var<'t, T> {
        let x = values[self.operands[0]];
        let y = self.operands.get(1).map_or(x, |&k| values[k]);
        match self.call {
            Call::Unary(f) => x.unary(f),
            Call::Binary(f) => x.binary(f, y),
            Call::Add => x + y,
            Call::Sub => x - y,
            Call::Affine => crate::affine(&[(x, y)], Some(values[self.operands[2]])),
            Call::Matmul(false, false) => x.matmul(y),
            Call::Matmul(true, false) => x.matmul_tn(y),
            Call::Matmul(false, true) => x.matmul_nt(y),
            Call::Matmul(true, true) => x.matmul_tt(y),
            Call::Over(name, axis) => over(name, x, axis),
            Call::All(name) => all(name, x),
            Call::CrossEntropy => x.softmax_cross_entropy(x.softmax(Axis::Rows)),
            Call::Rows(from, to) => x.rows_in(from..to),
            Call::Columns(from, to) => x.columns(from..to),
            Call::Pad(i, j) => x.pad((i, j), (x.rows() + i + 1, x.cols() + j)),
            Call::Reshape(rows, cols) => x.reshape(rows, cols),
            Call::Select(k) => {
                let n = x.cols();
                x.select_columns(&[k % n, 0, (k / 3) % n])
            }
            Call::Stack(Axis::Rows) => vstack(&[x, y]),
            Call::Stack(Axis::Cols) => hstack(&[x, y]),
            Call::Shift(c) => x + c,
        }
    }

    /// The op as Rust code.
    fn code(&self, name: impl Fn(usize) -> String) -> String {
        let operand = |k: usize| self.operands.get(k).map_or_else(String::new, |&k| name(k));
        let (x, y) = (operand(0), operand(1));
        let code = match self.call {
            Call::Unary(f) => {
                format!("{x}.{}({})", f.name(), parameter(f).unwrap_or_default())
            }
            Call::Binary(Binary::Mul) => format!("{x} * {y}"),
            Call::Binary(Binary::Div) => format!("{x} / {y}"),
            Call::Binary(f) => format!("{x}.{}({y})", f.name()),
            Call::Add => format!("{x} + {y}"),
            Call::Sub => format!("{x} - {y}"),
            Call::Affine => format!("affine(&[({x}, {y})], Some({}))", operand(2)),
            Call::Matmul(s, t) => {
                let suffix = [["", "_nt"], ["_tn", "_tt"]][usize::from(s)][usize::from(t)];
                format!("{x}.matmul{suffix}({y})")
            }
            Call::Over(name, axis) => format!("{x}.{name}(Axis::{axis:?})"),
            Call::CrossEntropy => format!("{x}.softmax_cross_entropy({x}.softmax(Axis::Rows))"),
            Call::All(name) => format!("{x}.{name}()"),
            Call::Rows(from, to) => format!("{x}.rows_in({from}..{to})"),
            Call::Columns(from, to) => format!("{x}.columns({from}..{to})"),
            Call::Pad(i, j) => format!("{x}.pad(({i}, {j}), ({x}.rows() + {}, {x}.cols() + {j}))", i + 1),
            Call::Reshape(rows, cols) => format!("{x}.reshape({rows}, {cols})"),
            Call::Select(k) => {
                format!("{x}.select_columns(&[{k} % {x}.cols(), 0, {} % {x}.cols()])", k / 3)
            }
            Call::Stack(Axis::Rows) => format!("vstack(&[{x}, {y}])"),
            Call::Stack(Axis::Cols) => format!("hstack(&[{x}, {y}])"),
            Call::Shift(c) => format!("{x} + {c:?}"),
        };
        if self.scale == 1.0 { code } else { format!("({code}) * {:?}", self.scale) }
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |k: usize| if k < self.inputs.len() { format!("x[{k}]") } else { format!("v{k}") };
        writeln!(f, "use autograd::*;\n\ncheck(\n    |x| {{")?;
        let count = self.inputs.len();
        for (k, node) in self.nodes.iter().enumerate() {
            writeln!(f, "        let v{} = {};", count + k, node.code(name))?;
        }
        let mut value = name(count + self.nodes.len() - 1);
        self.loose().into_iter().try_for_each(|k| write!(value, " + {}.sum()", name(k)))?;
        writeln!(f, "        {value}\n    }},\n    &[")?;
        for x in &self.inputs {
            let row = |i: usize| (0..x.cols()).map(|j| format!("{:?}", x[(i, j)])).collect::<Vec<_>>().join(", ");
            let rows: Vec<_> = (0..x.rows()).map(|i| format!("[{}]", row(i))).collect();
            writeln!(f, "        Matrix::from([{}]),", rows.join(", "))?;
        }
        f.write_str("    ],\n);")
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}\n")
    }
}
