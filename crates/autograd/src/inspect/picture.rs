//! A tape as text (assignments) and as a picture.

use std::fmt::{self, Write};

use kernel::{Axis, AxisFunction, Binary, Order, Unary, compiled_once};
use linalg::Trans;

use crate::rule::op::Op;
use crate::sweep::gradients::Gradients;
use crate::tape::records::Inner;
use crate::{Real, Tape};

/// One line for each value: its expression, its shape, and the line of the program that recorded it.
///
/// ```
/// use autograd::{Matrix, Tape, affine};
/// let (w, b, x) = (Matrix::full(2, 3, 0.1), Matrix::full(2, 1, 0.2), Matrix::full(3, 5, 1.0));
/// let tape = Tape::new();
/// let (w, b, x) = (tape.variable(&w), tape.variable(&b), tape.constant(&x));
/// affine(&[(w, x)], Some(b)).tanh().mean();
/// let text = tape.to_string();
/// let line = |k: usize| text.lines().nth(k).unwrap();
/// assert!(line(2).starts_with("%2 = constant  3×5  # "));
/// assert!(line(3).starts_with("%3 = repeat(%1) + %0 · %2  2×5  # "));
/// assert!(line(4).starts_with("%4 = tanh(%3)  2×5  # "));
/// assert!(line(5).starts_with("%5 = sum(%4) / 10  1×1  # "));
/// ```
#[compiled_once]
impl<T: Real> fmt::Display for Tape<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|inner| {
            for id in 0..inner.records.nodes.len() as u32 {
                let (m, n) = inner.node(id).shape();
                writeln!(f, "%{id} = {}  {m}×{n}  # {}", formula(inner, id), place(inner, id))?;
            }
            Ok(())
        })
    }
}

/// A tape as a picture. An arrow leads from each operand, so shared values and skips are visible.
///
/// ```
/// use autograd::Tape;
/// let tape = Tape::new();
/// let x = tape.variable(0.5);
/// let y = x + x.sin();
/// let grads = y.backward_all();
/// assert!(tape.picture().dot().contains("n0 -> n1"));
/// assert!(tape.picture().gradients(&grads).mermaid().contains("n1[\"sin<br/>1×1\"]"));
/// ```
pub struct Picture<'p, 't, T: Real> {
    tape: &'p Tape<'t, T>,
    /// The colour values, one number for each node.
    sizes: Vec<Option<f64>>,
}

impl<'t, T: Real> Tape<'t, T> {
    /// The picture of everything recorded so far.
    pub fn picture(&self) -> Picture<'_, 't, T> {
        Picture { tape: self, sizes: Vec::new() }
    }
}

#[compiled_once]
impl<'p, 't: 'p, T: Real> Picture<'p, 't, T> {
    /// Colours each node by the root mean square of its value, from pale to red by its logarithm. NaN and infinity are violet.
    #[must_use]
    #[track_caller]
    pub fn values(mut self) -> Self {
        self.tape.note_reading();
        self.sizes = self.tape.with(|inner| {
            let ids = 0..inner.records.nodes.len() as u32;
            ids.map(|id| Some(root_mean_square(inner.view(id).as_slice()))).collect()
        });
        self
    }

    /// Colours each node by its gradient, if that was kept: after [`backward_all`](crate::Var::backward_all) all are. Constants have none.
    ///
    /// # Panics
    /// If the gradients are of another tape.
    #[track_caller]
    #[must_use]
    pub fn gradients(mut self, grads: &Gradients<T>) -> Self {
        assert!(grads.tape == self.tape.id(), "Picture::gradients: the gradients are of another tape");
        self.sizes = self.tape.with(|inner| {
            let ids = 0..inner.records.nodes.len() as u32;
            ids.map(|id| Some(root_mean_square(grads.of_node(id, inner.node(id))?.as_slice()))).collect()
        });
        self
    }

    /// In the language of Graphviz: `dot -Tsvg`.
    pub fn dot(&self) -> String {
        let mut text = String::from(
            "digraph tape {\n  rankdir=TB; node [shape=box, style=\"rounded,filled\", fillcolor=white];\n",
        );
        self.each(|id, label, kind, colour, operands| {
            let shape = if kind == Kind::Computed { "" } else { ", shape=ellipse" };
            let fill = colour.map_or(String::new(), |colour| format!(", fillcolor=\"{colour}\""));
            let dashed = if kind == Kind::Constant { ", color=gray" } else { "" };
            let _ = writeln!(text, "  n{id} [label=\"{}\"{shape}{fill}{dashed}];", label.join("\\n"));
            operands.iter().for_each(|x| {
                let _ = writeln!(text, "  n{x} -> n{id};");
            });
        });
        text.push_str("}\n");
        text
    }

    /// In the language of Mermaid, which Markdown viewers draw.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("graph TD\n");
        self.each(|id, label, kind, colour, operands| {
            let (open, close) = if kind == Kind::Computed { ("[", "]") } else { ("([", "])") };
            let _ = writeln!(text, "  n{id}{open}\"{}\"{close}", label.join("<br/>"));
            if let Some(colour) = colour {
                let _ = writeln!(text, "  style n{id} fill:{colour}");
            }
            operands.iter().for_each(|x| {
                let _ = writeln!(text, "  n{x} --> n{id}");
            });
        });
        text
    }

    /// Calls `draw` with the number, the lines of the label, the kind, the colour and the operands of each node.
    fn each(&self, mut draw: impl FnMut(u32, [String; 2], Kind, Option<String>, &[u32])) {
        self.tape.with(|inner| {
            let logs = self.sizes.iter().flatten().filter(|s| s.is_finite() && **s > 0.0).map(|s| s.log10());
            let (low, high) = logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), s| (a.min(s), b.max(s)));
            for id in 0..inner.records.nodes.len() as u32 {
                let (m, n) = inner.node(id).shape();
                let title = title(inner, id);
                let title = if title.is_empty() { formula(inner, id) } else { title };
                let operands = inner.operands(id);
                let colour = self.sizes.get(id as usize).copied().flatten().map(|size| colour(size, low, high));
                draw(id, [title, format!("{m}×{n}")], kind(inner, id), colour, &operands);
            }
        });
    }
}

/// The kind of a node in a picture.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Constant,
    Variable,
    Param,
    Computed,
}

fn kind<T: Real>(inner: &Inner<'_, T>, id: u32) -> Kind {
    match () {
        _ if !inner.is_leaf(id) => Kind::Computed,
        _ if is_param(inner, id) => Kind::Param,
        _ if inner.node(id).is_active() => Kind::Variable,
        _ => Kind::Constant,
    }
}

pub(super) fn is_param<T: Real>(inner: &Inner<'_, T>, id: u32) -> bool {
    inner.records.params.iter().any(|slot| slot.node == id)
}

/// From pale yellow to red; violet for numbers that are not finite.
fn colour(size: f64, low: f64, high: f64) -> String {
    if !size.is_finite() {
        return "#b266ff".to_string();
    }
    let part = if size > 0.0 && high > low { (size.log10() - low) / (high - low) } else { 0.0 };
    let mix = |from: f64, to: f64| (from + part * (to - from)).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(255.0, 230.0), mix(250.0, 80.0), mix(220.0, 60.0))
}

fn root_mean_square<T: Real>(x: &[T]) -> f64 {
    let squares: f64 = x.iter().map(|x| x.to_f64().powi(2)).sum();
    (squares / x.len().max(1) as f64).sqrt()
}

/// The line that recorded a node, with only the last folder of its path.
pub(crate) fn place<T: Real>(inner: &Inner<'_, T>, id: u32) -> String {
    let source = inner.source(id);
    let parts: Vec<&str> = source.file().rsplit(['/', '\\']).take(2).collect();
    format!("{}:{}", parts.into_iter().rev().collect::<Vec<_>>().join("/"), source.line())
}

/// The right side of an assignment, in which variables have their numbers.
pub(crate) fn formula<T: Real>(inner: &Inner<'_, T>, id: u32) -> String {
    written(inner, id, &|x| format!("%{x}"))
}

/// The same, in which they have these names.
pub(super) fn written<T: Real>(inner: &Inner<'_, T>, id: u32, called: Names<'_>) -> String {
    let terms = match inner.custom(id) {
        Some(custom) => vec![call(custom.rule.name(), &custom.operands, called, "")],
        None => inner.terms(id).iter().map(|&t| term(inner, id, t, called)).collect(),
    };
    let active = inner.node(id).is_active();
    let moved = inner.operands(id).iter().any(|&x| inner.node(x).is_active());
    match kind(inner, id) {
        Kind::Constant => "constant".to_string(),
        Kind::Variable => "variable".to_string(),
        Kind::Param => "param".to_string(),
        Kind::Computed if moved && !active => format!("stop_gradient({})", terms[0]),
        Kind::Computed => terms.join(" + ").replace("+ -", "- "),
    }
}

/// What a variable is called.
type Names<'a> = &'a dyn Fn(u32) -> String;

/// A function call as text.
fn call(name: &str, operands: &[u32], called: Names<'_>, extra: &str) -> String {
    let operands: Vec<String> = operands.iter().map(|&x| called(x)).collect();
    format!("{}({}{extra})", function_word(name), operands.join(", "))
}

/// The name of a function. A formula without one is shown as its expression.
pub(super) fn function_word(name: &str) -> String {
    let word = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if word { name.to_string() } else { format!("({name})") }
}

/// A term as text.
fn term<T: Real>(inner: &Inner<'_, T>, id: u32, term: Op<u32>, called: Names<'_>) -> String {
    let call = |extra: &str| {
        let (operands, n) = term.operands();
        call(term.name(), &operands[..n], called, extra)
    };
    let along = |axis: Axis| format!(", Axis::{axis:?}");
    match term {
        Op::Number(c) => format!("{c}"),
        Op::Add(c, x) => {
            let sign = if c == 1.0 {
                String::new()
            } else if c == -1.0 {
                "-".to_string()
            } else {
                format!("{c} ")
            };
            match name(inner, id, term).as_str() {
                word @ ("sum" | "repeat") => format!("{sign}{word}({})", called(x)),
                _ => format!("{sign}{}", called(x)),
            }
        }
        Op::Divide(c, x) => match name(inner, id, term).as_str() {
            word @ ("sum" | "repeat") => format!("{word}({}) / {c}", called(x)),
            _ => format!("{} / {c}", called(x)),
        },
        Op::Matmul(s, a, t, b) => format!("{}{} · {}{}", called(a), trans(s), called(b), trans(t)),
        Op::Transpose(x) => format!("{}ᵀ", called(x)),
        Op::Slice(i, j, x) => {
            let (m, n) = inner.node(id).shape();
            format!("{}[{i}..{}, {j}..{}]", called(x), i as usize + m, j as usize + n)
        }
        Op::Pad(i, j, _) => call(&format!(", ({i}, {j})")),
        Op::AlongAxis(AxisFunction::CumSum(Order::Backward), axis, _) => call(&format!("{}, backward", along(axis))),
        Op::AlongAxis(_, axis, _) => call(&along(axis)),
        Op::Unary(f, _) => call(&parameter(f).map_or(String::new(), |p| format!(", {p}"))),
        Op::Binary(Binary::Mul, a, b) => format!("{} ⊙ {}", called(a), called(b)),
        Op::Binary(Binary::Div, a, b) => format!("{} / {}", called(a), called(b)),
        _ => call(""),
    }
}

pub(super) fn trans(trans: Trans) -> &'static str {
    if trans == Trans::Yes { "ᵀ" } else { "" }
}

/// The names of the terms of a node; empty for a leaf.
pub(crate) fn names<T: Real>(inner: &Inner<'_, T>, id: u32) -> Vec<String> {
    match inner.custom(id) {
        Some(custom) => vec![custom.rule.name().to_string()],
        None => inner.terms(id).iter().map(|&term| name(inner, id, term)).collect(),
    }
}

/// The names of the terms of a node in one text: `repeat + matmul`, `+` for a sum of variables, `+ matmul` for a variable and a product.
pub(crate) fn title<T: Real>(inner: &Inner<'_, T>, id: u32) -> String {
    let (sums, named): (Vec<String>, Vec<String>) = names(inner, id).into_iter().partition(|name| name == "+");
    match (sums.is_empty(), named.is_empty()) {
        (true, _) => named.join(" + "),
        (false, true) => "+".to_string(),
        (false, false) => format!("+ {}", named.join(" + ")),
    }
}

/// The name of a term. Copies, sums and repeats are distinguished by their shapes.
fn name<T: Real>(inner: &Inner<'_, T>, id: u32, term: Op<u32>) -> String {
    let (Op::Add(c, x) | Op::Divide(c, x)) = term else {
        return match term {
            Op::Number(c) => format!("{c}"),
            Op::Unary(f, _) => parameter(f).map_or(f.name().to_string(), |p| format!("{} {p}", f.name())),
            _ => term.name().to_string(),
        };
    };
    if let Some(word) = shape_word(inner.node(x).shape(), inner.node(id).shape()) {
        return word.to_string();
    }
    match () {
        _ if c == 1.0 => "+".to_string(),
        _ if matches!(term, Op::Divide(..)) => format!("/ {c}"),
        _ => format!("{c} ×"),
    }
}

/// What makes one shape of another, if it is another.
pub(super) fn shape_word((m, n): (usize, usize), (p, q): (usize, usize)) -> Option<&'static str> {
    match () {
        _ if (m, n) == (p, q) => None,
        _ if m >= p && n >= q => Some("sum"),
        _ => Some("repeat"),
    }
}

/// The parameter of a function, if it has one.
pub(crate) fn parameter(f: Unary) -> Option<String> {
    let text = format!("{f:?}");
    text.split_once('(').map(|(_, rest)| rest.trim_end_matches(')').to_string())
}
