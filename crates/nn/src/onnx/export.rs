//! From a tape to a graph.
//!
//! A column-major features × batch matrix has the bytes of a row-major batch × features tensor, so each matrix X becomes the tensor Xᵀ:
//! rows are axis 1, columns are axis 0, and Y = A B becomes Yᵀ = Bᵀ Aᵀ. No numbers are moved.

use std::collections::HashMap;

use autograd::{Axis, AxisFunction, Op, Order, Trans};

use super::OnnxError;
use super::graph::{Attr, Graph};
use super::recorded::{Dim, Recorded, common, entries, line};
use super::value::X;
use super::{ops, patterns};
use crate::{Real, Var};

/// A value of the graph and the dimensions of its tensor. A dimension of 1 may stand for a longer one of the matrix, which repeats it.
#[derive(Clone, Copy)]
pub struct Value<'g> {
    pub x: X<'g>,
    pub dims: [Dim; 2],
}

/// A graph that is made of what is recorded.
pub struct Exporter<'g, 't, T: Real> {
    pub graph: &'g Graph,
    pub tape: Recorded<'t, T>,
    values: HashMap<usize, Value<'g>>,
    whole: HashMap<usize, X<'g>>,
    /// Multiples of the number of samples.
    batches: HashMap<usize, X<'g>>,
    input: X<'g>,
}

/// The bytes of the file, with these names of the input, the output and the free dimension.
pub fn file<T: Real>(
    graph: &Graph,
    tape: Recorded<'_, T>,
    [input, output, batch]: [&str; 3],
) -> Result<Vec<u8>, OnnxError> {
    let input_value = graph.named(input);
    graph.named(output); // no other value gets its name
    let (values, whole, batches) = (HashMap::new(), HashMap::new(), HashMap::new());
    let mut exporter = Exporter { graph, tape, values, whole, batches, input: input_value };
    let needed = exporter.tape.needed();
    for id in (0..needed.len()).filter(|&id| needed[id]) {
        let y = exporter.tape.nodes[id];
        if exporter.tape.folded(y).is_none() {
            exporter.emit(y)?;
            exporter.check(y)?;
        }
    }
    let [x, y] = [exporter.tape.input, exporter.tape.output].map(|id| exporter.tape.nodes[id]);
    let result = exporter.whole(y);
    exporter.check(y)?;
    let declared = |x| exporter.tape.dims(x).map(|dim: Dim| dim.declared(batch));
    Ok(graph.finish((input, declared(x)), (output, result, declared(y))))
}

impl<'g, 't, T: Real> Exporter<'g, 't, T> {
    /// The value of a node for an operation that repeats its operands.
    pub fn operand(&mut self, x: Var<'t, T>) -> Value<'g> {
        if let Some(&value) = self.values.get(&x.index()) {
            return value;
        }
        let value = match self.tape.folded(x) {
            // A column is a list of one number for each feature.
            Some(matrix) if matrix.cols() == 1 => {
                let tensor = self.graph.tensor(&self.tape.name(x), &[matrix.rows()], entries(matrix));
                Value { x: tensor, dims: [Dim::Fixed(1), Dim::Fixed(matrix.rows())] }
            }
            _ => Value { x: self.whole(x), dims: self.tape.dims(x) },
        };
        self.values.insert(x.index(), value);
        value
    }

    /// The value of a node with all its entries.
    pub fn whole(&mut self, x: Var<'t, T>) -> X<'g> {
        let (id, dims) = (x.index(), self.tape.dims(x));
        if let Some(&known) = self.whole.get(&id) {
            return known;
        }
        let whole = match self.tape.folded(x) {
            Some(matrix) => {
                let (m, n) = matrix.shape();
                let tensor = self.graph.tensor(&self.tape.name(x), &[n, m], entries(matrix));
                self.expanded(Value { x: tensor, dims: [Dim::Fixed(n), dims[1]] }, dims)
            }
            None => {
                let value = self.operand(x);
                self.expanded(value, dims)
            }
        };
        self.whole.insert(id, whole);
        whole
    }

    fn expanded(&mut self, value: Value<'g>, dims: [Dim; 2]) -> X<'g> {
        if value.dims == dims { value.x } else { value.x.by("Expand", self.lengths(&dims)) }
    }

    /// A list of lengths.
    pub fn lengths(&mut self, dims: &[Dim]) -> X<'g> {
        let list = dims.iter().map(|dim| if let Dim::Fixed(n) = dim { Some(*n as i64) } else { None });
        if let Some(list) = list.collect::<Option<Vec<_>>>() {
            return self.graph.integers(&[list.len()], list);
        }
        let lengths: Vec<_> = dims
            .iter()
            .map(|dim| match *dim {
                Dim::Fixed(n) => self.graph.integer(n as i64),
                Dim::Batches(k) => self.batches(k),
            })
            .collect();
        if let [length] = lengths[..] { length } else { self.graph.node("Concat", &lengths, &[("axis", Attr::Int(0))]) }
    }

    fn batches(&mut self, k: usize) -> X<'g> {
        if let Some(&known) = self.batches.get(&k) {
            return known;
        }
        let made = match k {
            1 => self.input.with("Shape", &[("start", Attr::Int(0)), ("end", Attr::Int(1))]),
            _ => self.batches(1).by("Mul", self.graph.integer(k as i64)),
        };
        self.batches.insert(k, made);
        made
    }

    /// The file holds all numbers that were written for a node.
    fn check(&self, y: Var<'t, T>) -> Result<(), OnnxError> {
        match self.graph.not_held() {
            Some((name, value)) => {
                Err(OnnxError::Number { name: format!("{name} of {} at {}", y.op(), line(y)), value })
            }
            None => Ok(()),
        }
    }

    /// Adds the operations of a node.
    fn emit(&mut self, y: Var<'t, T>) -> Result<(), OnnxError> {
        let value = if y.index() == self.tape.input {
            Value { x: self.input, dims: self.tape.dims(y) }
        } else if let Some(value) = patterns::known(self, y) {
            value
        } else {
            self.sum(y)?
        };
        self.values.insert(y.index(), value);
        Ok(())
    }

    /// The sum of the terms of a node.
    fn sum(&mut self, y: Var<'t, T>) -> Result<Value<'g>, OnnxError> {
        let terms = y.terms();
        if terms.is_empty() {
            return Err(self.tape.no_op(y, &y.op()));
        }
        if let Some(stacked) = self.stacked(y, &terms)? {
            return Ok(stacked);
        }
        let (products, others): (Vec<_>, Vec<_>) =
            terms.iter().enumerate().partition(|(_, term)| matches!(term, Op::Matmul(..)));
        let (minus, plus): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(_, term)| matches!(term, Op::Add(c, _) if *c == -1.0));
        let mut sum: Option<Value<'g>> = None;
        for (k, &term) in plus {
            let value = self.term(y, k, term)?;
            sum = Some(sum.map_or(value, |sum| Value { x: sum.x + value.x, dims: common(sum.dims, value.dims) }));
        }
        for (_, term) in minus {
            let Op::Add(_, x) = *term else { unreachable!("only these are negative") };
            let value = self.reduced(x, self.tape.dims(y), "ReduceSum");
            sum = Some(match sum {
                Some(sum) => Value { x: sum.x - value.x, dims: common(sum.dims, value.dims) },
                None => Value { x: -value.x, ..value },
            });
        }
        for (_, term) in products {
            let Op::Matmul(s, a, t, b) = *term else { unreachable!("only these are products") };
            let (a, b) = (self.whole(a), self.whole(b));
            let x = match sum {
                None if s == Trans::No && t == Trans::No => b.by("MatMul", a),
                _ => {
                    let of = |trans| Attr::Int(i64::from(trans == Trans::Yes));
                    let operands: Vec<_> = [b, a].into_iter().chain(sum.map(|sum| sum.x)).collect();
                    self.graph.node("Gemm", &operands, &[("transA", of(t)), ("transB", of(s))])
                }
            };
            sum = Some(Value { x, dims: self.tape.dims(y) });
        }
        Ok(sum.expect("a node has terms"))
    }

    /// A term that is neither a product nor negative; `k` is its number.
    fn term(&mut self, y: Var<'t, T>, k: usize, term: Op<Var<'t, T>>) -> Result<Value<'g>, OnnxError> {
        let dims = self.tape.dims(y);
        let whole = |x| Value { x, dims };
        Ok(match term {
            Op::Number(c) => Value { x: self.graph.number(c), dims: [Dim::Fixed(1); 2] },
            Op::Add(c, x) => {
                let value = self.reduced(x, dims, "ReduceSum");
                if c == 1.0 { value } else { Value { x: value.x * c, ..value } }
            }
            Op::Divide(c, x) => match self.count(x, dims) {
                Some(n) if n as f64 == c => self.reduced(x, dims, "ReduceMean"),
                _ => {
                    let value = self.reduced(x, dims, "ReduceSum");
                    Value { x: value.x / c, ..value }
                }
            },
            Op::Unary(f, x) => {
                let value = self.operand(x);
                let made = ops::unary(f, value.x).ok_or_else(|| self.tape.no_op(y, f.name()))?;
                Value { x: made, ..value }
            }
            Op::Binary(f, a, b) => {
                let (a, b) = (self.operand(a), self.operand(b));
                let made = ops::binary(f, a.x, b.x).ok_or_else(|| self.tape.no_op(y, f.name()))?;
                Value { x: made, dims: common(a.dims, b.dims) }
            }
            Op::AlongAxis(f, axis, x) => whole(self.along(y, f, axis, x)?),
            Op::Transpose(x) => whole(self.whole(x).op("Transpose")),
            Op::Reshape(x) => {
                let free = dims.iter().filter(|dim| matches!(dim, Dim::Batches(_))).count();
                let lengths = if free == 1 {
                    self.graph.integers(&[2], dims.map(|dim| if let Dim::Fixed(n) = dim { n as i64 } else { -1 }))
                } else {
                    self.lengths(&dims)
                };
                whole(self.whole(x).by("Reshape", lengths))
            }
            Op::Slice(i, _, x) => whole(self.slice(y, self.tape.starts(y, k, i), x)?),
            Op::Pad(i, _, x) => whole(self.pad(y, self.tape.starts(y, k, i), x)?),
            Op::Gather(_, x) => whole(self.gather(y, k, x)),
            Op::CrossEntropy { x, t, .. } => {
                let logs = self.whole(x).with("LogSoftmax", &[("axis", Attr::Int(1))]);
                whole(-(logs * self.whole(t)).by("ReduceSum", self.graph.integer(1)))
            }
            Op::Matmul(..) | Op::Scatter(..) => return Err(self.tape.no_op(y, term.name())),
        })
    }

    /// The number of entries that are summed, if it is fixed.
    fn count(&self, x: Var<'t, T>, to: [Dim; 2]) -> Option<usize> {
        let lengths = self.tape.dims(x).into_iter().zip(to).map(|(from, to)| match (from, to) {
            (Dim::Fixed(n), Dim::Fixed(1)) => Some(n),
            (from, to) if from == to => Some(1),
            _ => None,
        });
        lengths.into_iter().product::<Option<usize>>().filter(|&n| n > 1)
    }

    /// x, summed along the axes where `to` has length 1 and x does not.
    fn reduced(&mut self, x: Var<'t, T>, to: [Dim; 2], how: &'static str) -> Value<'g> {
        let from = self.tape.dims(x);
        let axes: Vec<i64> =
            (0..2).filter(|&k| to[k] == Dim::Fixed(1) && from[k] != Dim::Fixed(1)).map(|k| k as i64).collect();
        if axes.is_empty() {
            return self.operand(x);
        }
        let dims = [0, 1].map(|k| if axes.contains(&(k as i64)) { Dim::Fixed(1) } else { from[k] });
        let x = self.whole(x).by(how, self.graph.integers(&[axes.len()], axes));
        Value { x, dims }
    }

    fn along(&mut self, y: Var<'t, T>, f: AxisFunction, axis: Axis, x: Var<'t, T>) -> Result<X<'g>, OnnxError> {
        let length = self.tape.dims(x)[usize::from(axis == Axis::Rows)];
        let axis = i64::from(axis == Axis::Rows);
        let at = [("axis", Attr::Int(axis))];
        let x = self.whole(x);
        let axes = self.graph.integer(axis);
        Ok(match f {
            AxisFunction::Max => x.by("ReduceMax", axes),
            AxisFunction::Norm => {
                let most = x.op("Abs").by("ReduceMax", axes);
                let scale = most.by_number("Equal", 0.0).choose(x.number(1.0), most);
                most * (x / scale).by("ReduceL2", axes)
            }
            AxisFunction::LogSumExp => x.by("ReduceLogSumExp", axes),
            AxisFunction::Softmax => x.with("Softmax", &at),
            AxisFunction::LogSoftmax => x.with("LogSoftmax", &at),
            AxisFunction::CumSum(order) => x.by_with(
                "CumSum",
                self.graph.integers(&[], [axis]),
                &[("reverse", Attr::Int(i64::from(order == Order::Backward)))],
            ),
            AxisFunction::ArgMax => {
                let Dim::Fixed(n) = length else { return Err(self.tape.no_op(y, "arg_max over the samples")) };
                let shape = if axis == 1 { [1, n] } else { [n, 1] };
                let numbers = self.graph.integers(&shape, 0..n as i64);
                x.with("ArgMax", &at).by("Equal", numbers).as_number()
            }
        })
    }
}
