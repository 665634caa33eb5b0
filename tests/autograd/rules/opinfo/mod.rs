//! PyTorch's test samples for its operators: values, gradients and second derivatives, for every operator that the public methods
//! can express. A tensor with one axis is a row here.

mod linear_algebra;
mod losses;
mod moved;
mod operators;

use std::collections::BTreeMap;

use autograd::{Axis, Matrix, Tape, Trans, Triangle, Var, affine, hstack, vjp, vstack};
use nn::Reduction;
use nn::loss::{self, BinaryCrossEntropy, CrossEntropy, Loss, Losses};
use operators::{apply, same};
use serde_json::Value;
use tape_tests::oracle::{is_close, numbers, parse};

type V<'t> = Var<'t, f64>;
/// The result of an operator, or why it cannot be expressed.
type Outcome<'t> = Result<Vec<V<'t>>, &'static str>;

/// The arguments of a sample, on a tape.
struct Arguments<'a, 't> {
    tape: &'t Tape<'t, f64>,
    list: &'a [Value],
    named: &'a Value,
    /// The number of entries of each of PyTorch's results.
    outputs: Vec<usize>,
    /// The variables of the gradients, in order.
    inputs: Vec<V<'t>>,
    places: BTreeMap<String, Vec<V<'t>>>,
}

/// The shape as that of a matrix.
fn shape(tensor: &Value) -> (usize, usize) {
    match tensor["shape"].as_array().unwrap()[..] {
        [] => (1, 1),
        [ref n] => (1, n.as_u64().unwrap() as usize),
        [ref m, ref n] => (m.as_u64().unwrap() as usize, n.as_u64().unwrap() as usize),
        _ => unreachable!("two axes at most"),
    }
}

fn rows((m, n): (usize, usize), data: &[f64]) -> Matrix<f64> {
    Matrix::from_fn(m, n, |i, j| data[i * n + j])
}

fn plain(x: &Matrix<f64>) -> Vec<f64> {
    x.transpose().as_slice().to_vec()
}

fn data(tensor: &Value) -> Vec<f64> {
    let number = |x: &Value| x.as_bool().map_or_else(|| tape_tests::oracle::number(x), |b| f64::from(u8::from(b)));
    tensor.as_array().unwrap().iter().map(number).collect()
}

impl<'a, 't> Arguments<'a, 't> {
    fn new(tape: &'t Tape<'t, f64>, sample: &'a Value) -> Self {
        let (list, named) = (sample[2].as_array().unwrap(), &sample[3]);
        let outputs = sample[4].as_array().unwrap().iter().map(|y| y.as_array().unwrap().len()).collect();
        let mut all = Arguments { tape, list, named, outputs, inputs: Vec::new(), places: BTreeMap::new() };
        for (k, x) in list.iter().enumerate() {
            all.enter(&k.to_string(), x);
        }
        for (name, x) in named.as_object().unwrap() {
            all.enter(name, x);
        }
        all
    }

    fn enter(&mut self, name: &str, x: &Value) {
        let tensors = match x {
            Value::Array(list) => list.iter().filter(|x| x.is_object()).collect(),
            Value::Object(_) => vec![x],
            _ => return,
        };
        for x in tensors {
            let value = rows(shape(x), &data(&x["data"]));
            let moves = x["grad"].as_bool().unwrap();
            let v = if moves { self.tape.variable(value) } else { self.tape.constant(value) };
            self.inputs.extend(moves.then_some(v));
            self.places.entry(name.to_string()).or_default().push(v);
        }
    }

    fn at(&self, k: usize) -> V<'t> {
        self.places[&k.to_string()][0]
    }

    fn all(&self, k: usize) -> &[V<'t>] {
        &self.places[&k.to_string()]
    }

    /// A tensor by its position or its name.
    fn tensor(&self, k: usize, name: &str) -> Option<V<'t>> {
        self.places.get(&k.to_string()).or_else(|| self.places.get(name)).map(|x| x[0])
    }

    fn value(&self, k: usize, name: &str) -> &'a Value {
        self.list.get(k).unwrap_or(&self.named[name])
    }

    fn number(&self, k: usize, name: &str, default: f64) -> f64 {
        match self.value(k, name) {
            Value::Null => default,
            x => tape_tests::oracle::number(x),
        }
    }

    fn flag(&self, k: usize, name: &str) -> bool {
        self.value(k, name).as_bool().unwrap_or(false)
    }

    fn text(&self, k: usize, name: &str) -> &'a str {
        self.value(k, name).as_str().unwrap_or("")
    }

    /// The number of axes of the tensor at a position.
    fn rank(&self, k: usize) -> usize {
        self.list[k]["shape"].as_array().unwrap().len()
    }

    /// The axis that is reduced, or none for all.
    fn axis(&self, k: usize, name: &str) -> Option<Axis> {
        let dim = match self.value(k, name) {
            Value::Array(list) if list.len() == 1 => list[0].as_i64()?,
            x => x.as_i64()?,
        };
        Some(if self.rank(0) == 2 && (dim == 0 || dim == -2) { Axis::Rows } else { Axis::Cols })
    }

    fn losses(&self, losses: impl Into<Losses<'t, f64>>) -> Outcome<'t> {
        let losses = losses.into();
        Ok(vec![match self.text(usize::MAX, "reduction") {
            "none" => losses.values(),
            "sum" => losses.reduce(Reduction::Sum),
            _ => losses.reduce(Reduction::Mean),
        }])
    }

    /// Two tensors in their common shape.
    fn pair(&self) -> [V<'t>; 2] {
        let b = match self.tensor(1, "other") {
            Some(b) => b,
            None => self.tape.constant(self.number(1, "other", 0.0)),
        };
        same([self.at(0), b])
    }
}

impl Arguments<'_, '_> {
    fn rank_of_first(&self) -> usize {
        self.list[0]["shape"].as_array().map_or(2, Vec::len)
    }
}

/// The allowed relative error of results, which depends on the condition of the operator.
fn tolerance(op: &str) -> f64 {
    match op {
        // PyTorch adds 1e-12 to a denominator of the second derivative.
        "nn.functional.binary_cross_entropy" => 1e-9,
        // Differences of nearly equal numbers, or systems with a condition number of some thousands.
        "det" | "linalg.det" | "logdet" | "linalg.slogdet" | "inverse" | "linalg.solve" | "linalg.solve_triangular" => {
            1e-10
        }
        "linalg.norm" | "linalg.vector_norm" | "norm" | "tan" | "acosh" | "atanh" | "linalg.qr" => 1e-11,
        // PyTorch adds 1e-12 to squared lengths.
        "nn.functional.cosine_embedding_loss" => 1e-10,
        _ => 1e-12,
    }
}

/// The differences from PyTorch's results.
fn differs(what: &str, found: &[f64], expected: &Value, tolerance: f64) -> Option<String> {
    let zeros = vec![0.0; found.len()];
    let expected = if expected.is_null() { zeros } else { data(expected) };
    let largest = expected.iter().filter(|x| x.is_finite()).fold(1e-3f64, |max, x| max.max(x.abs()));
    let close = found.len() == expected.len()
        && found.iter().zip(&expected).all(|(&a, &b)| is_close(a, b, tolerance * largest));
    (!close).then(|| format!("{what}: {found:?}, not {expected:?}"))
}

fn compare(sample: &Value) -> Result<(), String> {
    let op = sample[0].as_str().unwrap();
    let tape = Tape::new();
    let a = Arguments::new(&tape, sample);
    if sample[1] == "subgradients_at_zero" {
        // The slope of a norm at 0 is a convention: `norm` has 0, and PyTorch has no second derivative.
        return Ok(());
    }
    let y = match linear_algebra::apply(op, &a).unwrap_or_else(|| apply(op, &a)) {
        Ok(y) => y,
        Err(why) => {
            assert!(!why.is_empty());
            return Ok(());
        }
    };
    let mut wrong = Vec::new();
    let tolerance = tolerance(op);
    for (y, expected) in y.iter().zip(sample[4].as_array().unwrap()) {
        wrong.extend(differs("value", &plain(&y.value()), expected, tolerance));
    }
    let like = |x: V<'_>, value: &Value| rows(x.shape(), &data(value));
    let weights: Vec<Matrix<f64>> = y.iter().zip(sample[5].as_array().unwrap()).map(|(&y, u)| like(y, u)).collect();
    let outputs: Vec<(V<'_>, V<'_>)> = y.iter().zip(&weights).map(|(&y, u)| (y, tape.constant(u.clone()))).collect();
    let slopes = vjp(&outputs, &a.inputs);
    let views: Vec<_> = y.iter().zip(&weights).map(|(&y, u)| (y, u.view())).collect();
    let swept = y.iter().any(|y| y.needs_gradient()).then(|| tape.backward(&views));
    let expected = sample[6].as_array().unwrap();
    for ((&x, slope), expected) in a.inputs.iter().zip(&slopes).zip(expected) {
        wrong.extend(differs("recorded gradient", &plain(&slope.value()), expected, tolerance));
        if let Some(found) = swept.as_ref().and_then(|swept| swept.get(x)) {
            wrong.extend(differs("gradient", &plain(&found.to_owned()), expected, tolerance));
        }
    }
    if let Some(second) = sample[8].as_array() {
        let directions = slopes.iter().zip(sample[7].as_array().unwrap()).map(|(&g, v)| (g, tape.constant(like(g, v))));
        let found = vjp(&directions.collect::<Vec<_>>(), &a.inputs);
        for (found, expected) in found.iter().zip(second) {
            wrong.extend(differs("second derivative", &plain(&found.value()), expected, 10.0 * tolerance));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n    ")) }
}

#[test]
fn as_pytorch_finds() {
    let file = parse(include_str!("../../../oracle/opinfo.json"));
    let (samples, left_out) = (file["samples"].as_array().unwrap(), file["left_out"].as_object().unwrap());
    let reason = |entry: &Value| assert!(!entry[1].as_str().unwrap().is_empty());
    left_out.values().for_each(reason);
    let left = left_out.values().map(|entry| entry[0].as_u64().unwrap() as usize).sum::<usize>();
    assert_eq!(samples.len() + left, 1011);
    let mut wrong = Vec::new();
    for sample in samples {
        let shapes: Vec<_> = sample[2].as_array().unwrap().iter().map(|x| x["shape"].to_string()).collect();
        let what = format!("{} {} of {shapes:?}", sample[0], sample[1]);
        match std::panic::catch_unwind(|| compare(sample)) {
            Ok(Ok(())) => {}
            Ok(Err(why)) => wrong.push(format!("{what}\n    {}", why.chars().take(600).collect::<String>())),
            Err(_) => wrong.push(format!("{what} panics")),
        }
    }
    assert!(wrong.is_empty(), "{} samples are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
