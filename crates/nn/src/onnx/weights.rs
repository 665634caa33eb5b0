//! Weights and biases from the constants of nodes.

use super::OnnxError;
use super::read::{Node, Operand};
use super::reader::Reader;
use crate::{AnyLayer, Linear, Matrix, Param, Real};

impl<T: Real> Reader<'_, T> {
    /// Weights, outputs × inputs, times a factor.
    pub fn weight(&self, node: &Node, k: usize, transposed: bool, factor: f64) -> Result<Matrix<T>, OnnxError> {
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
    pub fn vector(&self, node: &Node, k: usize, length: Option<usize>) -> Result<Matrix<T>, OnnxError> {
        let (dims, numbers) = self.layers.nodes.numbers::<T>(node, k)?;
        let features = numbers.len();
        if dims.last().is_some_and(|&n| n != features) || length.is_some_and(|n| n != features) || dims.len() > 2 {
            let expected = length.map_or("for each feature".to_owned(), |n| format!("for each of {n} features"));
            return self
                .wrong(node, format!("its input {k} has the dimensions {dims:?}, and is one number {expected}"));
        }
        Ok(Matrix::column(&numbers))
    }

    pub fn gemm(&self, node: &Node) -> Result<Linear<T>, OnnxError> {
        let nodes = self.layers.nodes;
        nodes.two_axes(node)?;
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
    pub fn bias(&mut self, node: &Node) -> Result<(), OnnxError> {
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
}
