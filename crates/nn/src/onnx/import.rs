//! From a graph to layers.
//!
//! The layers lie on the path from the output back to the input. A node of several values, such as a skip, goes back to the last value
//! that all paths to it pass: the nearest common dominator. What lies between is a list of layers of its own.

use std::cell::Cell;
use std::path::Path;
use std::slice;

use autograd::compiled_once;

use super::OnnxError;
use super::constants::Place;
use super::forms;
use super::paths::Paths;
use super::proto::dtype;
use super::read::{self, MOST_NODES, Node, Nodes, Operand};
use crate::layer::through;
use crate::{
    AnyLayer, BatchNorm, DenseBlock, Dropout, LayerNorm, Linear, Matrix, PRelu, Param, Real, Residual, RmsNorm,
    Sequential, Shortcut,
};

/// How deep skips may lie in skips.
const DEEPEST: usize = 50;
const TRAINING: &str = "it is in training mode; export the model in evaluation mode";

/// Reads a graph of layers as a list of them, whose parameters can be trained further.
///
/// # Errors
/// If the file or one beside it with numbers cannot be read; if it is damaged; if a number is not finite in the type of the model; if
/// the graph has a node that is no layer of a list, or one in training mode; or if far more layers than nodes or far more numbers than
/// those of the file would be made, because nodes use the same values again and again.
pub fn import<T: Real>(file: impl AsRef<Path>) -> Result<Sequential<T>, OnnxError> {
    of_file(file.as_ref())
}

/// Reads a graph of layers from the bytes of a file, as [`import`] does.
///
/// # Errors
/// Under the same conditions as [`import`]; also if the numbers are in another file.
#[compiled_once]
pub fn from_bytes<T: Real>(bytes: &[u8]) -> Result<Sequential<T>, OnnxError> {
    layers(&Nodes::read(Place { file: "the model".to_owned(), folder: None }, bytes)?)
}

#[compiled_once]
fn of_file<T: Real>(path: &Path) -> Result<Sequential<T>, OnnxError> {
    let (place, bytes) = read::file(path)?;
    layers(&Nodes::read(place, &bytes)?)
}

fn layers<T: Real>(nodes: &Nodes) -> Result<Sequential<T>, OnnxError> {
    Layers { nodes, paths: Paths::of(nodes), made: Cell::new(0) }.between(0, nodes.output, nodes.features, 0)
}

struct Layers<'n> {
    nodes: &'n Nodes,
    paths: Paths,
    /// The number of layers so far.
    made: Cell<usize>,
}

impl Layers<'_> {
    /// The layers that compute value `to` from value `from`, whose number of features is known or not.
    fn between<T: Real>(
        &self,
        from: usize,
        to: usize,
        features: Option<usize>,
        depth: usize,
    ) -> Result<Sequential<T>, OnnxError> {
        let mut path = Vec::new();
        let mut value = to;
        while value != from {
            let Some(node) = self.nodes.node(value) else {
                return Err(self.nodes.graph_problem("its output is not computed from the input alone".into()));
            };
            let known = forms::composed(self.nodes, value);
            let known = known.filter(|&(_, x)| self.paths.depth[x] >= self.paths.depth[from]);
            let before = known.map(|(_, x)| x).or(self.paths.before[value]);
            self.made.set(self.made.get() + 1);
            if self.made.get() > MOST_NODES {
                return Err(self
                    .nodes
                    .problem(node, format!("skips that share their nodes make more than {MOST_NODES} layers")));
            }
            path.push((node, known.map(|(activation, _)| activation)));
            let Some(before) = before else {
                return Err(self.nodes.problem(node, "it is not computed from the input alone".into()));
            };
            value = before;
        }
        let mut list = Reader { layers: self, list: Vec::new(), features, depth };
        for (node, known) in path.into_iter().rev() {
            match known {
                Some(activation) => list.list.push(activation.into()),
                None => list.read(node)?,
            }
        }
        Ok(Sequential { layers: list.list })
    }
}

/// The layers of a path so far.
struct Reader<'n, T> {
    layers: &'n Layers<'n>,
    list: Vec<AnyLayer<T>>,
    features: Option<usize>,
    depth: usize,
}

impl<T: Real> Reader<'_, T> {
    fn read(&mut self, node: &Node) -> Result<(), OnnxError> {
        let nodes = self.layers.nodes;
        let is_value = |x: &Operand| matches!(x, Operand::Value(_));
        let of_one = node.inputs.first().is_some_and(is_value) && !node.inputs[1..].iter().any(is_value);
        if !of_one && !matches!(&node.op[..], "Add" | "Concat") {
            return self.wrong(node, "only its first input may be computed from the input of the model");
        }
        let layer: AnyLayer<T> = match &node.op[..] {
            "Identity" => return Ok(()),
            "Cast" | "Flatten" | "Reshape" => return self.same(node),
            "Gemm" => self.gemm(node)?.into(),
            "MatMul" => Linear { weight: Param::new(self.weight(node, 1, false, 1.0)?), bias: None }.into(),
            "Add" if node.inputs.iter().any(|x| matches!(x, Operand::Constant(_))) => return self.bias(node),
            "Add" => self.skip(node)?,
            "Concat" => self.dense(node)?,
            "Dropout" => self.dropout(node)?.into(),
            "BatchNormalization" => {
                let n = self.vector(node, 1, None)?.rows();
                let [weight, bias, mean, var] = [1, 2, 3, 4].map(|k| self.vector(node, k, Some(n)));
                let (running_mean, running_var) = (Param::buffer(mean?), Param::buffer(var?));
                let momentum = 1.0 - nodes.float(node, "momentum", 0.9)?;
                let momentum = (momentum * 1e6).round() / 1e6;
                if !(0.0..=1.0).contains(&momentum) {
                    return self.wrong(node, format!("its momentum is {}, and is from 0 to 1", 1.0 - momentum));
                }
                if nodes.int(node, "training_mode", 0)? != 0 || node.outputs > 1 {
                    return self.wrong(node, TRAINING);
                }
                let (weight, bias, eps) = (Param::new(weight?), Param::new(bias?), self.epsilon(node)?);
                BatchNorm { weight, bias, running_mean, running_var, momentum, eps }.into()
            }
            "LayerNormalization" => {
                nodes.last_axis(node)?;
                let weight = self.vector(node, 1, None)?;
                let n = weight.rows();
                let bias = match node.inputs.get(2) {
                    None | Some(Operand::Nothing) => Matrix::zeros(n, 1),
                    Some(_) => self.vector(node, 2, Some(n))?,
                };
                LayerNorm { weight: Param::new(weight), bias: Param::new(bias), eps: self.epsilon(node)? }.into()
            }
            "RMSNormalization" => {
                nodes.last_axis(node)?;
                RmsNorm { weight: Param::new(self.vector(node, 1, None)?), eps: self.epsilon(node)? }.into()
            }
            "PRelu" => PRelu { weight: Param::new(self.vector(node, 1, None)?) }.into(),
            _ => forms::single(nodes, node)?.into(),
        };
        let before = self.features.map(|n| (n, "what is before it".to_owned()));
        match through(slice::from_ref(&layer), before) {
            Ok(after) => self.features = after.map(|(n, _)| n),
            Err(problem) => return self.wrong(node, problem),
        }
        self.list.push(layer);
        Ok(())
    }

    fn wrong<R>(&self, node: &Node, problem: impl Into<String>) -> Result<R, OnnxError> {
        Err(self.layers.nodes.problem(node, problem.into()))
    }

    /// Weights, outputs × inputs, times a factor.
    fn weight(&self, node: &Node, k: usize, transposed: bool, factor: f64) -> Result<Matrix<T>, OnnxError> {
        let (dims, numbers) = self.layers.nodes.numbers::<T>(node, k)?;
        let [rows, cols] = dims[..] else {
            return self.wrong(node, format!("weights have two axes, and these have the dimensions {dims:?}"));
        };
        // The tensor row by row is its transpose column by column.
        let matrix = Matrix::from_vec(cols, rows, numbers);
        let weight = if transposed { matrix.transpose() } else { matrix };
        self.finite(node, weight.map(|x| T::from_f64(x.to_f64() * factor)))
    }

    /// Numbers that were computed from finite ones.
    fn finite(&self, node: &Node, numbers: Matrix<T>) -> Result<Matrix<T>, OnnxError> {
        if numbers.as_slice().iter().all(|x| x.to_f64().is_finite()) {
            Ok(numbers)
        } else {
            self.wrong(node, "its numbers, multiplied or added, are not finite in the type of the model")
        }
    }

    /// Numbers of features, as a column; one number for all if it has no other length.
    fn vector(&self, node: &Node, k: usize, length: Option<usize>) -> Result<Matrix<T>, OnnxError> {
        let (dims, numbers) = self.layers.nodes.numbers::<T>(node, k)?;
        let features = numbers.len();
        if dims.last().is_some_and(|&n| n != features) || length.is_some_and(|n| n != features) || dims.len() > 2 {
            let expected = length.map_or("for each feature".to_owned(), |n| format!("for each of {n} features"));
            return self
                .wrong(node, format!("its input {k} has the dimensions {dims:?}, and is one number {expected}"));
        }
        Ok(Matrix::column(&numbers))
    }

    fn gemm(&self, node: &Node) -> Result<Linear<T>, OnnxError> {
        let nodes = self.layers.nodes;
        if nodes.int(node, "transA", 0)? != 0 {
            return self.wrong(node, "its samples are transposed");
        }
        let alpha = nodes.float(node, "alpha", 1.0)?;
        let weight = self.weight(node, 1, nodes.int(node, "transB", 0)? != 0, alpha)?;
        let beta = nodes.float(node, "beta", 1.0)?;
        let bias = match node.inputs.get(2) {
            None | Some(Operand::Nothing) => None,
            Some(_) => {
                let bias = self.repeated(self.vector(node, 2, None)?, weight.rows(), node)?;
                Some(Param::new(self.finite(node, bias.map(|x| T::from_f64(x.to_f64() * beta)))?))
            }
        };
        Ok(Linear { weight: Param::new(weight), bias })
    }

    /// A column of `n` numbers, or of one number that is repeated.
    fn repeated(&self, column: Matrix<T>, rows: usize, node: &Node) -> Result<Matrix<T>, OnnxError> {
        match column.rows() {
            n if n == rows => Ok(column),
            1 => Ok(Matrix::full(rows, 1, column[(0, 0)])),
            n => self.wrong(node, format!("it adds {n} numbers to {rows} features")),
        }
    }

    /// A constant that is added to the outputs of a linear layer.
    fn bias(&mut self, node: &Node) -> Result<(), OnnxError> {
        let k = usize::from(matches!(node.inputs.first(), Some(Operand::Value(_))));
        if node.inputs.len() != 2 {
            return self.wrong(node, "it adds two numbers");
        }
        let added = self.vector(node, k, None)?;
        let Some(AnyLayer::Linear(last)) = self.list.last() else {
            return self.wrong(node, "a constant is added only to the outputs of `Gemm` or `MatMul`");
        };
        let added = self.repeated(added, last.outputs(), node)?;
        let sum = match &last.bias {
            Some(bias) => bias.value() + &added,
            None => added,
        };
        let sum = self.finite(node, sum)?;
        if let Some(AnyLayer::Linear(last)) = self.list.last_mut() {
            last.bias = Some(Param::new(sum));
        }
        Ok(())
    }

    /// Nodes that change nothing if there are two axes.
    fn same(&self, node: &Node) -> Result<(), OnnxError> {
        let nodes = self.layers.nodes;
        let keeps = match &node.op[..] {
            "Cast" => [dtype::FLOAT, dtype::DOUBLE].map(i64::from).contains(&nodes.int(node, "to", 0)?),
            "Flatten" => nodes.int(node, "axis", 1)? == 1,
            _ if nodes.int(node, "allowzero", 0)? != 0 => false,
            _ => match (&nodes.integers(node, 1)?[..], self.features) {
                ([0, -1], _) => true,
                ([-1 | 0, n], Some(features)) => usize::try_from(*n).ok() == Some(features),
                _ => false,
            },
        };
        if keeps { Ok(()) } else { self.wrong(node, "it changes the two axes samples × features, or their type") }
    }

    fn dropout(&self, node: &Node) -> Result<Dropout, OnnxError> {
        let nodes = self.layers.nodes;
        let default = nodes.float(node, "ratio", 0.5)?;
        let ratio = match node.inputs.get(1) {
            None | Some(Operand::Nothing) => default,
            Some(&ratio) => nodes.scalar(ratio).unwrap_or(f64::NAN),
        };
        let trains = match node.inputs.get(2) {
            None | Some(Operand::Nothing) => false,
            Some(_) => nodes.integers(node, 2)? != [0],
        };
        if trains {
            self.wrong(node, TRAINING)
        } else if (0.0..1.0).contains(&ratio) {
            Ok(Dropout::new(ratio))
        } else {
            self.wrong(node, format!("its ratio is {ratio}"))
        }
    }

    fn epsilon(&self, node: &Node) -> Result<f64, OnnxError> {
        let epsilon = self.layers.nodes.float(node, "epsilon", 1e-5)?;
        if epsilon >= 0.0 { Ok(epsilon) } else { self.wrong(node, format!("its epsilon is {epsilon}")) }
    }

    /// The values of a node of several, and the last one before all of them.
    fn values(&self, node: &Node) -> Result<(usize, Vec<usize>), OnnxError> {
        let values: Option<Vec<usize>> =
            node.inputs.iter().map(|&x| if let Operand::Value(x) = x { Some(x) } else { None }).collect();
        let paths = &self.layers.paths;
        let all = values.filter(|values| values.len() == 2);
        match all.and_then(|all| Some((paths.common(all[0], all[1])?, all))) {
            _ if self.depth >= DEEPEST => self.wrong(node, format!("it lies in more than {DEEPEST} skips")),
            Some((from, all)) => Ok((from, all)),
            None => self.wrong(node, "a skip has two values that are computed from the input"),
        }
    }

    fn inner(&self, from: usize, to: usize) -> Result<Sequential<T>, OnnxError> {
        self.layers.between(from, to, self.features, self.depth + 1)
    }

    /// x + f(x), or s(x) + f(x).
    fn skip(&self, node: &Node) -> Result<AnyLayer<T>, OnnxError> {
        let (from, values) = self.values(node)?;
        let [a, b] = values[..] else { unreachable!("two values") };
        Ok(match (a == from, b == from) {
            (true, _) => Residual(self.inner(from, b)?).into(),
            (_, true) => Residual(self.inner(from, a)?).into(),
            _ => Shortcut { inner: self.inner(from, b)?, shortcut: self.inner(from, a)? }.into(),
        })
    }

    /// x stacked with f(x).
    fn dense(&self, node: &Node) -> Result<AnyLayer<T>, OnnxError> {
        let (from, values) = self.values(node)?;
        if self.layers.nodes.int(node, "axis", 0)? != 1 && self.layers.nodes.int(node, "axis", 0)? != -1
            || values[0] != from
        {
            return self.wrong(node, "features are stacked only as x above f(x)");
        }
        Ok(DenseBlock { layers: vec![self.inner(from, values[1])?] }.into())
    }
}
