//! What can be wrong with an export or an import.

use std::io;

use crate::atomic::cannot_read;

/// Why a model was not exported or a file was not imported: where, what is wrong, and what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// ONNX has no operator for something that the model records.
    #[error("no ONNX op for `{op}`, which is recorded at {line}; write it with other functions in the exported model")]
    NoOp {
        /// The operation.
        op: String,
        /// The line of the program that recorded it.
        line: String,
    },
    /// What is recorded depends on the number of samples, so that it has no graph for all of them.
    #[error(
        "`{op}`, which is recorded at {line}, has no graph for any number of samples: {problem}; \
         let every operation treat each sample alike"
    )]
    Batch {
        /// The operation.
        op: String,
        /// The line of the program that recorded it.
        line: String,
        /// How it depends on the number of samples.
        problem: String,
    },
    /// The model compares variables or reads their numbers, so that it may do something else for other inputs.
    #[error(
        "the model reads a number of its computation at {line}, and a graph cannot branch on it; \
         use `select`, `max` and `step` in place of `if`, and `stop_gradient` in place of `value`"
    )]
    Reads {
        /// The line that compares variables, or reads a number.
        line: String,
    },
    /// A number cannot be written: a parameter that is NaN or infinite, or a number too large for `f32`.
    #[error(
        "`{name}` has the number {value:e}, which the file cannot hold; if training has diverged, try a smaller learning rate"
    )]
    Number {
        /// The parameter or the constant.
        name: String,
        /// The number.
        value: f64,
    },
    /// The file cannot be written.
    #[error("{file}: cannot be written: {source}; check that its folder exists and that you may write there")]
    Write {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file, or one that holds its numbers, cannot be read.
    #[error("{}", cannot_read(.file, .source))]
    Read {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is damaged, or has another format than ONNX.
    #[error("{file}: not an ONNX model: {found}; export it again, or copy it again in full")]
    NotOnnx {
        /// The file.
        file: String,
        /// What is wrong.
        found: String,
    },
    /// A tensor cannot be read.
    #[error("{file}: the tensor `{tensor}` {problem}")]
    Tensor {
        /// The file.
        file: String,
        /// The name of the tensor.
        tensor: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The graph has a node that is no part of a list of layers.
    #[error("{file}: the node `{node}` ({op}) is not imported: {problem}")]
    Node {
        /// The file.
        file: String,
        /// The name of the node, or of its output.
        node: String,
        /// Its operator.
        op: String,
        /// What is wrong with it, or what is supported.
        problem: String,
    },
    /// The graph as a whole is no list of layers.
    #[error("{file}: the graph is not imported: {problem}")]
    Graph {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
}

autograd::debug_as_display!(OnnxError);
