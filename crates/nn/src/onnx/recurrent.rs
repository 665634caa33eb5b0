//! Recurrent nodes as recurrent layers.
//!
//! ONNX stacks the gates of an LSTM in the order i, o, f, g and those of a GRU in the order z, r, n, and has both biases in one list.

use super::OnnxError;
use super::read::{Node, Nodes};
use crate::{Activation, AnyRecurrent, GruRule, LstmRule, Matrix, Param, Real, RecurrentLayer, RnnRule};

/// Activations of a simple recurrent layer.
const OF_RNN: [(&str, Activation); 5] = [
    ("Tanh", Activation::Tanh),
    ("Relu", Activation::Relu),
    ("Sigmoid", Activation::Sigmoid),
    ("Softsign", Activation::Softsign),
    ("Softplus", Activation::Softplus),
];

impl Nodes {
    /// The layer that a recurrent node is.
    pub fn recurrent<T: Real>(&self, node: &Node) -> Result<AnyRecurrent<T>, OnnxError> {
        let activations = self.texts(node, "activations")?;
        let is = |names: &[&str]| {
            activations.is_empty()
                || (activations.len() == names.len()
                    && activations.iter().zip(names).all(|(found, name)| found.eq_ignore_ascii_case(name)))
        };
        self.is_plain(node)?;
        let problem = |problem: String| Err(self.problem(node, problem));
        match &node.op[..] {
            "LSTM" if !is(&["Sigmoid", "Tanh", "Tanh"]) => {
                problem(format!("its activations are {activations:?}, and `Sigmoid`, `Tanh`, `Tanh` are imported"))
            }
            "LSTM" if self.int(node, "input_forget", 0)? != 0 => {
                problem("its input and forget gates are coupled (`input_forget`); export a model with both".into())
            }
            "LSTM" => Ok(self.gates::<T, _>(node, &[0, 2, 3, 1], LstmRule)?.into()),
            "GRU" if !is(&["Sigmoid", "Tanh"]) => {
                problem(format!("its activations are {activations:?}, and `Sigmoid`, `Tanh` are imported"))
            }
            "GRU" if self.int(node, "linear_before_reset", 0)? == 0 => problem(
                "its reset gate acts before the product with the state; export it with `linear_before_reset` = 1, as PyTorch does"
                    .into(),
            ),
            "GRU" => Ok(self.gates::<T, _>(node, &[1, 0, 2], GruRule)?.into()),
            _ => match OF_RNN.into_iter().find(|(name, _)| is(&[name])) {
                Some((_, activation)) => Ok(self.gates::<T, _>(node, &[0], RnnRule { activation })?.into()),
                None => {
                    let names = OF_RNN.each_ref().map(|(name, _)| *name).join("`, `");
                    problem(format!("its activations are {activations:?}, and one of `{names}` is imported"))
                }
            },
        }
    }

    /// Checks that a node has nothing that the layers do not have.
    fn is_plain(&self, node: &Node) -> Result<(), OnnxError> {
        let direction = self.text(node, "direction", "forward")?;
        let refused = [
            (direction != "forward", "is in the direction", direction, "export layers of one direction, forward"),
            (self.int(node, "layout", 0)? != 0, "has the", "layout 1", "export it with layout 0, steps first"),
            (node.attributes.contains_key("clip"), "bounds its gates by", "clip", "export it without"),
            (node.attributes.contains_key("activation_alpha"), "has", "activation_alpha", "export it without"),
            (node.attributes.contains_key("activation_beta"), "has", "activation_beta", "export it without"),
            (!self.is_left_out(node, 4), "has lengths of its samples,", "sequence_lens", "export it without"),
            (!self.is_nothing(node, 5)?, "starts from an", "initial_h", "export it with zeros, or without"),
            (!self.is_nothing(node, 6)?, "starts from an", "initial_c", "export it with zeros, or without"),
            (!self.is_nothing(node, 7)?, "has peepholes,", "P", "export it without"),
            (node.inputs.len() > 8, "has more than", "8 inputs", "export it again"),
        ];
        match refused.into_iter().find(|(found, ..)| *found) {
            Some((_, has, what, remedy)) => Err(self.problem(node, format!("it {has} `{what}`; {remedy}"))),
            None => Ok(()),
        }
    }

    /// The weights of a layer, whose gate k is that with the number `order[k]` in the file.
    fn gates<T: Real, R>(&self, node: &Node, order: &[usize], rule: R) -> Result<RecurrentLayer<T, R>, OnnxError> {
        let hidden = *self.dims(node, 2)?.last().unwrap_or(&0);
        let rows = order.len().checked_mul(hidden).unwrap_or_default();
        let declared = self.int(node, "hidden_size", hidden as i64)?;
        if usize::try_from(declared) != Ok(hidden) {
            return Err(self.problem(node, format!("its hidden_size is {declared}, and its `R` is for {hidden}")));
        }
        let inputs = self.dims(node, 1)?.last().copied().unwrap_or_default();
        let param = |numbers: &[T], cols: usize| {
            let entry = |i: usize, j: usize| numbers[(order[i / hidden] * hidden + i % hidden) * cols + j];
            Param::new(Matrix::from_fn(rows, cols, entry))
        };
        let weight = |k, name, cols| {
            let numbers = self.shaped::<T>(node, k, name, &[1, rows, cols])?;
            Ok::<_, OnnxError>(param(&numbers, cols))
        };
        let biases = if self.is_left_out(node, 3) {
            None
        } else {
            let both = self.shaped::<T>(node, 3, "B", &[1, 2 * rows])?;
            let (of_input, of_state) = both.split_at(rows);
            Some([param(of_input, 1), param(of_state, 1)])
        };
        let (weight_ih, weight_hh) = (weight(1, "W", inputs)?, weight(2, "R", hidden)?);
        let [bias_ih, bias_hh] = biases.map_or([None, None], |biases| biases.map(Some));
        Ok(RecurrentLayer { weight_ih, weight_hh, bias_ih, bias_hh, rule })
    }

    /// The numbers of an input with these dimensions.
    fn shaped<T: Real>(&self, node: &Node, k: usize, name: &str, dims: &[usize]) -> Result<Vec<T>, OnnxError> {
        let (found, numbers) = self.numbers::<T>(node, k)?;
        if found != dims {
            return Err(self.problem(node, format!("its `{name}` has the dimensions {found:?}, and {dims:?} fit")));
        }
        Ok(numbers)
    }
}
