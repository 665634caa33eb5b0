//! From nodes to the layers of a list.

use std::slice;

use super::OnnxError;
use super::import::Layers;
use super::proto::dtype;
use super::read::{Node, Operand};
use super::single;
use crate::layer::through;
use crate::{
    AnyLayer, BatchNorm, DenseBlock, Dropout, LayerNorm, Linear, Matrix, PRelu, Param, Real, Residual, RmsNorm,
    Sequential, Shortcut,
};

/// How deep skips may lie in skips.
const DEEPEST: usize = 50;
const TRAINING: &str = "it is in training mode; export the model in evaluation mode";

/// The layers of a path so far.
pub struct Reader<'n, T> {
    pub layers: &'n Layers<'n>,
    pub list: Vec<AnyLayer<T>>,
    pub features: Option<usize>,
    pub depth: usize,
}

impl<T: Real> Reader<'_, T> {
    /// Adds the layer that a node is.
    pub fn read(&mut self, node: &Node) -> Result<(), OnnxError> {
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
                nodes.two_axes(node)?;
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
            _ => single::activation(nodes, node)?.into(),
        };
        self.push(node, layer)
    }

    /// y = w ⊙ x / √(mean of x² + ε).
    pub fn root_mean_square(&mut self, node: &Node, eps: f64, features: Option<f64>) -> Result<(), OnnxError> {
        let weight = self.vector(node, 1, None)?;
        let n = weight.rows() as f64;
        if !features.is_none_or(|features| (features - n).abs() < 1e-3) || eps < 0.0 {
            return self.wrong(node, format!("it has {n} weights and is no mean of {n} squares with an epsilon ≥ 0"));
        }
        self.push(node, RmsNorm { weight: Param::new(weight), eps }.into())
    }

    fn push(&mut self, node: &Node, layer: AnyLayer<T>) -> Result<(), OnnxError> {
        let before = self.features.map(|n| (n, "what is before it".to_owned()));
        match through(slice::from_ref(&layer), before) {
            Ok(after) => self.features = after.map(|(n, _)| n),
            Err(problem) => return self.wrong(node, problem),
        }
        self.list.push(layer);
        Ok(())
    }

    pub fn wrong<R>(&self, node: &Node, problem: impl Into<String>) -> Result<R, OnnxError> {
        Err(self.layers.nodes.problem(node, problem.into()))
    }

    /// Nodes that change nothing if there are two axes.
    fn same(&self, node: &Node) -> Result<(), OnnxError> {
        let nodes = self.layers.nodes;
        if node.op != "Cast" {
            nodes.two_axes(node)?;
        }
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
        let nodes = self.layers.nodes;
        nodes.is_last_axis(node, nodes.int(node, "axis", 0)?)?;
        if values[0] != from {
            return self.wrong(node, "features are stacked only as x above f(x)");
        }
        Ok(DenseBlock { layers: vec![self.inner(from, values[1])?] }.into())
    }
}
