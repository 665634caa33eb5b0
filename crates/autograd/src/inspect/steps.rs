//! A forward and a backward pass as a table of numbered steps.

use std::fmt;

use kernel::simd::{Accum, Out};
use kernel::{Binary, compiled_once};

use super::picture::{function_word, is_param, names, parameter, shape_word, title, trans, written};
use crate::rule::op::{LinearTerm, Op, pullback};
use crate::rule::run::run_linear;
use crate::sweep::backward::pull_custom;
use crate::tape::records::Inner;
use crate::{Gradients, Matrix, MatrixRef, Real, Tape, Var};

/// The steps of a forward and a backward pass, each with its number, formula, shape and value. They show how the rule
/// `y += w x ⇒ δx += w δy, ∇w += δy x` was applied on a tape. [`Gradients::steps`] returns them.
///
/// ```
/// use autograd::{Matrix, Tape};
/// let tape = Tape::new();
/// let (w, x) = (tape.variable(Matrix::from([[0.5, -1.0]])), tape.constant(Matrix::column(&[2.0, 1.0])));
/// let a = w.matmul(x);
/// let z = a.tanh();
/// let grads = z.backward_all(); // keeps the δ of all steps
/// let steps = grads.steps(&tape).name(w, "W").name(x, "x").name(a, "a").name(z, "z");
///
/// let formulas: Vec<_> = steps.forward().into_iter().chain(steps.backward()).map(|step| step.formula).collect();
/// assert_eq!(formulas, ["a = W · x", "z = tanh(a)", "δa = tanh'(a) ⊙ δz", "∇W = δa · xᵀ"]);
/// assert_eq!(steps.backward()[1].value.as_ref(), Some(&grads.wrt(w).to_owned()));
/// println!("{steps}");
/// ```
pub struct Steps<'p, 't, T: Real> {
    tape: &'p Tape<'t, T>,
    grads: &'p Gradients<T>,
    names: Vec<(u32, String)>,
}

/// One step of a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct PassStep<T> {
    /// The number of the step. The backward pass continues the numbering of the forward pass.
    pub number: usize,
    /// The formula of the step, such as `a = W · x` or `∇W += δa · xᵀ`.
    pub formula: String,
    /// The name of the op whose rule this is.
    pub op: String,
    /// The shape of the value or of the derivative.
    pub shape: (usize, usize),
    /// The value, or the derivative after this term is added to it. It is `None` where a δ is needed that was not
    /// [kept](crate::Var::backward_all).
    pub value: Option<Matrix<T>>,
}

impl<T: Real> Gradients<T> {
    /// The forward pass that was recorded on this tape and the backward pass that gave these gradients, as a table of numbered steps.
    /// Gradients from [`backward_all`](crate::Var::backward_all) show the δ of all steps; others show only the gradients of leaves.
    ///
    /// # Panics
    /// If the gradients are of another tape, or of several outputs.
    #[track_caller]
    pub fn steps<'p, 't>(&'p self, tape: &'p Tape<'t, T>) -> Steps<'p, 't, T> {
        assert!(self.tape == tape.id(), "steps: the gradients are of another tape");
        assert!(self.outputs == 1, "steps: the gradients are of {} outputs; differentiate one at a time", self.outputs);
        tape.note_reading();
        Steps { tape, grads: self, names: Vec::new() }
    }
}

#[compiled_once]
impl<'p, 't: 'p, T: Real> Steps<'p, 't, T> {
    /// Gives a variable a name that is shown instead of its number, such as `a` instead of `%3`.
    ///
    /// # Panics
    /// If the variable is of another tape.
    #[track_caller]
    #[must_use]
    pub fn name(mut self, x: Var<'t, T>, name: &str) -> Self {
        assert!(x.tape().id() == self.tape.id(), "Steps::name: the variable `{name}` is of another tape");
        self.names.retain(|(id, _)| *id != x.id);
        self.names.push((x.id, name.to_string()));
        self
    }

    /// The steps of the forward pass, in order.
    pub fn forward(&self) -> Vec<PassStep<T>> {
        self.tape.with(|inner| {
            let computed = self.nodes(inner).into_iter().filter(|&id| !inner.is_leaf(id));
            let step = |(number, id): (usize, u32)| PassStep {
                number,
                formula: format!("{} = {}", self.called(id), written(inner, id, &|x| self.called(x))),
                op: title(inner, id),
                shape: inner.node(id).shape(),
                value: Some(inner.view(id).to_owned()),
            };
            computed.enumerate().map(step).collect()
        })
    }

    /// The steps of the backward pass, from the last node to the first. Each term that is added to the derivative of an operand is one
    /// step.
    pub fn backward(&self) -> Vec<PassStep<T>> {
        self.tape.with(|inner| {
            let nodes = self.nodes(inner);
            let first = nodes.iter().filter(|&&id| !inner.is_leaf(id)).count();
            let mut gains: Vec<Gain<T>> = Vec::new();
            for &id in nodes.iter().rev() {
                // A rule may read a value without adding to its derivative, as the rule of cross-entropy reads the softmax.
                if Some(&id) == nodes.last() || gains.iter().any(|gain| gain.operand == id) {
                    self.gains(inner, id, &mut gains);
                }
            }
            let step = |(k, gain): (usize, &Gain<T>)| {
                let of_operand = |gains: &[Gain<T>]| gains.iter().filter(|other| other.operand == gain.operand).count();
                let sign = if of_operand(&gains[..k]) > 0 { "+=" } else { "=" };
                let sum = || {
                    let terms = gains[..=k].iter().filter(|other| other.operand == gain.operand);
                    terms.map(|term| term.value.clone()).reduce(|sum, term| Some(sum? + term?)).flatten()
                };
                let complete = || self.grads.of_node(gain.operand, inner.node(gain.operand)).map(MatrixRef::to_owned);
                PassStep {
                    number: first + k,
                    formula: format!("{} {sign} {}", self.delta(inner, gain.operand), gain.term),
                    op: gain.op.clone(),
                    shape: inner.node(gain.operand).shape(),
                    value: if of_operand(&gains[k + 1..]) > 0 { sum() } else { complete() },
                }
            };
            gains.iter().enumerate().map(step).collect()
        })
    }

    /// The nodes from which the differentiated value was computed, and the value itself.
    fn nodes(&self, inner: &Inner<'_, T>) -> Vec<u32> {
        let count = inner.records.nodes.len() as u32;
        let Some(last) = (0..count).rev().find(|&id| self.grads.deltas.saw(id)) else { return Vec::new() };
        let leads = inner.ancestors(last);
        (0..=last).filter(|&id| leads[id as usize]).collect()
    }

    /// The leaves, with which the passes begin: names, kinds and shapes.
    fn leaves(&self) -> Vec<String> {
        self.tape.with(|inner| {
            let leaf = |id: u32| {
                let ((m, n), name) = (inner.node(id).shape(), self.called(id));
                let kind = match () {
                    _ if is_param(inner, id) => " param",
                    _ if inner.node(id).is_active() => "",
                    _ => " constant",
                };
                format!("{name}{kind} {m} × {n}")
            };
            self.nodes(inner).into_iter().filter(|&id| inner.is_leaf(id)).map(leaf).collect()
        })
    }

    fn called(&self, id: u32) -> String {
        let given = self.names.iter().find(|(named, _)| *named == id);
        given.map_or_else(|| format!("%{id}"), |(_, name)| name.clone())
    }

    /// The name of a derivative: ∇ for a leaf, δ for an intermediate variable.
    fn delta(&self, inner: &Inner<'_, T>, id: u32) -> String {
        format!("{}{}", if inner.is_leaf(id) { "∇" } else { "δ" }, self.called(id))
    }

    /// Collects the terms that the rule of a node adds to the derivatives of its operands.
    fn gains(&self, inner: &Inner<'_, T>, id: u32, gains: &mut Vec<Gain<T>>) {
        let active = |x: u32| inner.node(x).is_active();
        let dy = self.grads.of_node(id, inner.node(id));
        if let Some(custom) = inner.custom(id) {
            let operands: Vec<String> = custom.operands.iter().map(|&x| self.called(x)).collect();
            let name = function_word(custom.rule.name());
            let term = format!("{name}'({})ᵀ · {}", operands.join(", "), self.delta(inner, id));
            let op = custom.rule.name().to_string();
            let first = gains.len();
            // A rule that gives an operand nothing adds 0.
            let zeros = |x: u32| Matrix::zeros(inner.node(x).shape().0, inner.node(x).shape().1);
            let value = |x: u32| dy.map(|_| zeros(x));
            let gain = |&operand: &u32| Gain { operand, term: term.clone(), op: op.clone(), value: value(operand) };
            gains.extend(custom.operands.iter().filter(|&&x| active(x)).map(gain));
            if let Some(dy) = dy {
                let mut places: Vec<&mut Gain<T>> = gains[first..].iter_mut().collect();
                pull_custom(inner, custom, dy, &mut |x, write| {
                    let place = places.iter().position(|gain| gain.operand == x).map(|k| places.remove(k));
                    if let Some(Gain { value: Some(value), .. }) = place {
                        write(value.as_mut_slice(), Accum::Replace);
                    }
                });
            }
            return;
        }
        let names = names(inner, id);
        for (&term, name) in inner.terms(id).iter().zip(names) {
            let (operands, _) = term.operands();
            pullback(term, id, DELTA, |k, adjoint| {
                let operand = operands[k];
                if active(operand) {
                    let value = dy.map(|dy| {
                        let (rows, cols) = inner.node(operand).shape();
                        let mut value = Matrix::zeros(rows, cols);
                        let look = |x: u32| if x == DELTA { dy } else { inner.view(x) };
                        let dx = Out { rows, cols, data: value.as_mut_slice() };
                        run_linear(adjoint, look, &inner.indices, Accum::Replace, dx);
                        value
                    });
                    let term = self.written_term(inner, id, operand, adjoint);
                    gains.push(Gain { operand, term, op: name.clone(), value });
                }
            });
        }
    }

    /// The text of the term that a node adds to the derivative of its operand x.
    fn written_term(&self, inner: &Inner<'_, T>, id: u32, x: u32, term: LinearTerm<u32>) -> String {
        use LinearTerm as D;
        let dy = self.delta(inner, id);
        let name = |x: u32| if x == DELTA { dy.clone() } else { self.called(x) };
        let shapes = (inner.node(id).shape(), inner.node(x).shape());
        // The term of an operand that was repeated is a sum.
        let summed = |term: String| match shape_word(shapes.0, shapes.1) {
            Some(word) => format!("{word}({term})"),
            None => term,
        };
        match term {
            D::Op(Op::Add(c, _)) => {
                let dy = summed(dy);
                match c {
                    1.0 => dy,
                    -1.0 => format!("-{dy}"),
                    _ => format!("{c} {dy}"),
                }
            }
            D::Op(Op::Divide(c, _)) => format!("{} / {c}", summed(dy)),
            D::Op(Op::Matmul(s, a, t, b)) => format!("{}{} · {}{}", name(a), trans(s), name(b), trans(t)),
            D::Op(Op::Transpose(_)) => format!("{dy}ᵀ"),
            D::Op(Op::Slice(i, j, _)) => {
                let (m, n) = shapes.1;
                format!("{dy}[{i}..{}, {j}..{}]", i as usize + m, j as usize + n)
            }
            D::Op(op) => format!("{}({dy})", op.name()),
            D::Unary(f, x, ..) => {
                let parameter = parameter(f).map_or(String::new(), |p| format!(", {p}"));
                format!("{}'({}{parameter}) ⊙ {dy}", f.name(), name(x))
            }
            D::Binary(Binary::Mul, side, [a, b, ..]) => summed(format!("{} ⊙ {dy}", name([b, a][side]))),
            D::Binary(Binary::Div, 0, [_, b, ..]) => summed(format!("{dy} / {}", name(b))),
            D::Binary(Binary::Div, _, [_, b, ..]) => summed(format!("-{} / {} ⊙ {dy}", name(id), name(b))),
            D::Binary(f, side, [a, b, ..]) => {
                let (of, a, b) = (name([a, b][side]), name(a), name(b));
                summed(format!("∂{}({a}, {b})/∂{of} ⊙ {dy}", f.name()))
            }
            D::AlongAxis(f, _, [x, ..]) => format!("{}'({})ᵀ · {dy}", f.name(), name(x)),
            D::CrossEntropy(t, p, _) => match inner.view(t) {
                // Σ t = 1 in each column, as for classes: the lecture's y − t.
                targets if sums_to_one(targets) => format!("({} - {}) ⊙ {dy}", name(p), name(t)),
                _ => format!("({} ⊙ Σ {t} - {t}) ⊙ {dy}", name(p), t = name(t)),
            },
            D::CrossEntropyTarget(x, _) => format!("-log_softmax({}) ⊙ {dy}", name(x)),
            D::AlongAxisTangent(..) | D::CrossEntropyTangent(..) | D::CrossEntropyTargetTangent(..) => {
                unreachable!("a pullback has no tangents")
            }
        }
    }
}

/// A term that is added to the derivative of an operand: δx += term.
struct Gain<T> {
    operand: u32,
    term: String,
    op: String,
    /// `None` if δy was not kept.
    value: Option<Matrix<T>>,
}

/// Stands for δy in a term of a gradient.
const DELTA: u32 = u32::MAX;

fn sums_to_one<T: Real>(t: MatrixRef<'_, T>) -> bool {
    let sum = |j: usize| t.col(j).iter().map(|t| t.to_f64()).sum::<f64>();
    (0..t.cols()).all(|j| (sum(j) - 1.0).abs() < 1e-6)
}

/// The largest width of a formula whose value is printed beside it.
const FORMULA: usize = 36;
/// The largest width of a line.
const WIDTH: usize = 100;

#[compiled_once]
impl<'p, 't: 'p, T: Real> fmt::Display for Steps<'p, 't, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (forward, backward) = (self.forward(), self.backward());
        let mut line = String::from("Given:");
        for (k, leaf) in self.leaves().iter().enumerate() {
            let part = format!("{}{leaf}", if k == 0 { " " } else { ", " });
            if line.chars().count() + part.chars().count() >= WIDTH {
                writeln!(f, "{line},")?;
                line = format!("       {leaf}");
            } else {
                line.push_str(&part);
            }
        }
        writeln!(f, "{line}")?;
        let all = forward.iter().chain(&backward);
        let widths = all.map(|step| step.formula.chars().count()).filter(|&width| width <= FORMULA);
        let width = widths.max().unwrap_or(0).max("formula".len());
        writeln!(f, "\nstep  {:<width$}  {:<11}  value", "formula", "shape")?;
        for (pass, steps) in [("Forward pass", &forward), ("Backward pass", &backward)] {
            writeln!(f, "\n{pass}")?;
            steps.iter().try_for_each(|step| row(step, width, f))?;
        }
        if backward.iter().any(|step| step.value.is_none()) {
            writeln!(f, "\n…  Needs a δ that was not kept: `backward_all` keeps all of them.")?;
        }
        Ok(())
    }
}

/// Writes a step: its formula, and its value to the right, or below if the formula is long.
fn row<T: Real>(step: &PassStep<T>, width: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let PassStep { number, formula, shape: (m, n), value, .. } = step;
    let long = formula.chars().count();
    let mut left = format!("{number:>4}  {formula}{}", " ".repeat(width.saturating_sub(long)));
    if long > width {
        let cut: String = left.chars().take(WIDTH - 1).collect();
        writeln!(f, "{}", if cut.chars().count() < left.chars().count() { cut + "…" } else { left })?;
        left = " ".repeat(6 + width);
    }
    let lines = value.as_ref().map_or_else(|| vec!["…".to_string()], abbreviated);
    for (k, line) in lines.iter().enumerate() {
        let shape = if k == 0 {
            format!("{m} × {n}")
        } else {
            left = " ".repeat(6 + width);
            String::new()
        };
        writeln!(f, "{left}  {shape:<11}  {line}")?;
    }
    Ok(())
}

/// A matrix in at most six rows and four columns. Of a larger matrix it shows the first rows and columns and the last one.
fn abbreviated<T: Real>(x: &Matrix<T>) -> Vec<String> {
    let shown = |len: usize, most: usize, first: usize| -> Vec<Option<usize>> {
        if len <= most {
            return (0..len).map(Some).collect();
        }
        (0..first).map(Some).chain([None, Some(len - 1)]).collect()
    };
    let number = |x: f64| match x.abs() {
        size if x == 0.0 || (1e-3..1e4).contains(&size) => format!("{x:9.4}"),
        _ => format!("{x:9.1e}"),
    };
    let cols = shown(x.cols(), 4, 2);
    let row = |i: Option<usize>| match i {
        None => "        ⋮".to_string(),
        Some(i) => {
            let cells = cols.iter().map(|j| j.map_or_else(|| "…".to_string(), |j| number(x[(i, j)].to_f64())));
            cells.collect::<Vec<_>>().join(" ")
        }
    };
    shown(x.rows(), 6, 4).into_iter().map(row).collect()
}
