//! Models for other programs, and from them: files of [ONNX](https://onnx.ai).
//!
//! [`export`] writes the evaluation of a model as a graph, which onnxruntime and many other programs run. Its input is *batch × features*
//! and its output *batch × outputs*, row by row, as other libraries have them; the batch is free. [`import`] reads a graph of layers as a
//! [`Sequential`](crate::Sequential), and [`import_sequence`] one that begins with recurrent layers as a
//! [`RecurrentNet`](crate::RecurrentNet). Both can be trained further.
//!
//! ```
//! use nn::onnx;
//! use nn::prelude::*;
//! # let rng = &mut ChaCha8Rng::seed_from_u64(0);
//! # let folder = std::env::temp_dir().join(format!("nn-onnx-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let file = folder.join("net.onnx");
//! let net: Mlp<f32> = Mlp::new(&[4, 16, 3], Activation::Relu, rng);
//! onnx::export(&net, 4, &file)?; // Python: onnxruntime.InferenceSession("net.onnx").run(None, {"input": x})
//!
//! let again: Sequential<f32> = onnx::import(&file)?;
//! let x = Init::Normal(1.0).sample(4, 5, rng);
//! assert_eq!(predict(&again, &x), predict(&net, &x));
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What can be exported
//!
//! A model is anything with a `forward`: the export records it on an evaluation tape and writes an operator of ONNX for every operation,
//! or a composition of operators. So all layers and activations of this library can be exported, and models of your own. The model is
//! recorded for 3 and for 5 samples; if it does something else for other numbers of samples, the file does not. Constants and
//! what is computed from parameters alone become numbers of the file. These are errors, which name the operation and the line that
//! recorded it: functions that ONNX does not have, such as `digamma`; operations with a custom rule, such as a decomposition or a
//! `checkpoint`; operations that mix samples so that the batch cannot be free; comparisons of variables.
//!
//! The file uses version 20 of the operators. A model of `f64` has a graph of `f64`. onnxruntime has only basic operators for it, so
//! activations are written as formulas; only `erf`, `gelu`, and the inverse and hyperbolic functions need a runtime with more. [`Export::single`]
//! writes the model as `f32` instead. Some compositions have a rounding error that is small beside 1, but not beside a result near 0: `erfc`
//! of large numbers, `tanhshrink` near 0, and in graphs of `f64` the ELUs near 0 and the softplus and Mish of very negative numbers.
//!
//! # What can be imported
//!
//! The graph has one input and one output, of two axes, and uses a version of the operators from 9 to 26. Layers are `Gemm`, `MatMul` and
//! `Add`, `BatchNormalization`, `LayerNormalization`, `RMSNormalization`, `PRelu`, `Dropout`, and the activations of [`Activation`], also as
//! PyTorch composes them: `Relu`, `LeakyRelu`, `Elu`, `Celu`, `Selu`, `Softplus`, `Sigmoid`, `Swish`, `Gelu`, `Mish`, `Softsign`, `Tanh`, `Clip`,
//! `HardSigmoid`, `HardSwish`, `Softmax`, `LogSoftmax`. `Identity`, `Flatten`, `Reshape` and `Cast` may stand where they change nothing.
//! Skips by `Add` become [`Residual`](crate::Residual) and [`Shortcut`](crate::Shortcut), those by `Concat` a
//! [`DenseBlock`](crate::DenseBlock). Numbers are `f32` or `f64`, in the file or in one beside it. A weight that is used twice becomes two
//! parameters. Nodes in training mode are errors. ONNX has an operator for [`RmsNorm`](crate::RmsNorm) only since version 23, so the export
//! writes several operators, which the import recognises for two or more features. Any other node is an error that names it.
//!
//! # Recurrent models
//!
//! [`import_sequence`] reads a graph whose input has three axes, *steps × batch × features* or *batch × steps × features*. It begins with
//! nodes `LSTM`, `GRU` or `RNN`, each on the outputs of the one before, and goes on with the layers above, on every step or on the last
//! one. These are the models that both exporters of PyTorch write for `nn.LSTM`, `nn.GRU` and `nn.RNN` with a `Linear` on `y`, on `y[-1]`
//! or on `h[-1]`. Only an `nn.RNN` needs `dynamo=False`, because the newer exporter writes it step by step.
//! `Transpose`, `Squeeze`, `Unsqueeze`, `Gather`, `Slice`, `Reshape` and `Concat` may move axes, and take the last step or a last state. On
//! every step `Gemm` and `BatchNormalization` are errors, because they have another meaning for three axes.
//!
//! The weights become those of [`Lstm`](crate::Lstm), [`Gru`](crate::Gru) and [`Rnn`](crate::Rnn), whose gates have another order. What
//! these layers do not have is an error that names the node and the attribute or the input: other directions than `forward`, the layout 1,
//! other activations (an `RNN` may have `Tanh`, `Relu`, `Sigmoid`, `Softsign` or `Softplus`), bounds (`clip`), coupled gates, a `GRU` with
//! `linear_before_reset` = 0, lengths of samples, first states that are not zeros, and peepholes. The export writes recurrent layers step
//! by step as operations, for a fixed number of steps, and these are not imported.

mod attributes;
mod axes;
mod constants;
mod error;
mod export;
mod forms;
mod graph;
mod import;
mod lengths;
mod ops;
mod parts;
mod paths;
mod patterns;
mod proto;
mod read;
mod reader;
mod recorded;
mod recurrent;
mod sequence;
mod single;
mod value;
mod weights;

use std::collections::HashMap;
use std::path::Path;

use autograd::compiled_once;

pub use error::OnnxError;
pub use import::{from_bytes, import};
pub use sequence::{import_sequence, sequence_from_bytes};

use crate::data::{Fitted, Preprocessing};
use crate::module::Layer;
use crate::{Activation, Matrix, Real, Tape, Var, atomic};
use graph::Graph;
use recorded::{BATCHES, Recorded, entries};

/// Writes the evaluation of a model with this number of features to a file, like [`Export`] without options.
///
/// # Errors
/// Under the same conditions as [`Export::save`].
///
/// # Panics
/// If the model panics, for example because it has another number of features.
#[track_caller]
pub fn export<T: Real>(model: &impl Layer<T>, features: usize, file: impl AsRef<Path>) -> Result<(), OnnxError> {
    Export::new(features).save(model, file)
}

/// An export and its options.
///
/// ```
/// use nn::data::{Preprocessing, PreprocessingStep};
/// use nn::onnx::Export;
/// use nn::prelude::*;
/// # let rng = &mut ChaCha8Rng::seed_from_u64(0);
/// let x = Matrix::from([[1.0f32, 2.0, 4.0], [30.0, 10.0, 20.0]]);
/// let preprocessing = Preprocessing::fit(&[PreprocessingStep::Standardize], &x);
/// let net = Mlp::new(&[2, 8, 3], Activation::Tanh, rng);
/// let bytes = Export::new(2)
///     .input("measurements")
///     .output("probabilities")
///     .preprocessing(&preprocessing) // the file takes raw features
///     .then(Activation::Softmax) // and gives probabilities instead of logits
///     .to_bytes(&net)?;
/// # assert!(bytes.len() > 100);
/// # Ok::<(), nn::onnx::OnnxError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Export<'p, T> {
    features: usize,
    names: [String; 3],
    preprocessing: Option<&'p Preprocessing<T>>,
    then: Option<Activation>,
    single: bool,
}

#[compiled_once]
impl<'p, T: Real> Export<'p, T> {
    /// An export of a model with this number of features. The input is called `input`, the output `output`, and the free dimension `batch`.
    pub fn new(features: usize) -> Self {
        let names = ["input", "output", "batch"].map(str::to_owned);
        Export { features, names, preprocessing: None, then: None, single: size_of::<T>() == 4 }
    }

    /// The name of the input.
    ///
    /// # Panics
    /// If it is empty.
    #[track_caller]
    pub fn input(self, name: &str) -> Self {
        self.named(0, name)
    }

    /// The name of the output.
    ///
    /// # Panics
    /// If it is empty.
    #[track_caller]
    pub fn output(self, name: &str) -> Self {
        self.named(1, name)
    }

    /// The name of the free dimension.
    ///
    /// # Panics
    /// If it is empty.
    #[track_caller]
    pub fn batch(self, name: &str) -> Self {
        self.named(2, name)
    }

    #[track_caller]
    fn named(mut self, k: usize, name: &str) -> Self {
        let what = ["input", "output", "free dimension"][k];
        assert!(!name.is_empty(), "Export: the name of the {what} is empty");
        self.names[k] = name.to_owned();
        self
    }

    /// Puts fitted maps of features in front of the model.
    pub fn preprocessing(self, preprocessing: &'p Preprocessing<T>) -> Self {
        Export { preprocessing: Some(preprocessing), ..self }
    }

    /// Puts an activation behind the model, for example a softmax behind logits.
    pub fn then(self, activation: Activation) -> Self {
        Export { then: Some(activation), ..self }
    }

    /// Writes numbers as `f32`, also those of a model of `f64`.
    pub fn single(self) -> Self {
        Export { single: true, ..self }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If something that the model records has no ONNX operator or depends on the number of samples, if the model branches on
    /// numbers, if a parameter is not finite in the number type of the file, if another
    /// number is too large for that type, or if the file cannot be written. An existing file is then unchanged.
    ///
    /// # Panics
    /// If the model panics, for example because it has another number of features; or if input and output have the same name.
    #[track_caller]
    #[inline]
    pub fn save(&self, model: &impl Layer<T>, file: impl AsRef<Path>) -> Result<(), OnnxError> {
        let (file, bytes) = (file.as_ref(), self.to_bytes(model)?);
        let failed = |source| OnnxError::Write { file: file.display().to_string(), source };
        atomic::write(file, &bytes).map_err(failed)
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// Under the same conditions as [`save`](Export::save), without a file.
    ///
    /// # Panics
    /// Under the same conditions as [`save`](Export::save).
    #[track_caller]
    #[inline]
    pub fn to_bytes(&self, model: &impl Layer<T>) -> Result<Vec<u8>, OnnxError> {
        bytes(self, model)
    }
}

/// The bytes of the file of a model.
#[compiled_once]
#[track_caller]
fn bytes<T: Real>(options: &Export<'_, T>, model: &dyn Layer<T>) -> Result<Vec<u8>, OnnxError> {
    let [input, output, _] = &options.names;
    assert!(input != output, "Export: the input `{input}` and the output `{output}` have names of their own");
    let graph = Graph::new(options.single);
    let mut names = HashMap::new();
    let mut wrong = None;
    model.params(&crate::Path::Root, &mut |path, param| {
        names.insert(param.id(), path.to_string());
        let value = entries(param.value()).find(|&x| !graph.holds(x));
        wrong = wrong.take().or(value.map(|value| OnnxError::Number { name: path.to_string(), value }));
    });
    wrong.map_or(Ok(()), Err)?;
    let tapes = [Tape::new(), Tape::new()];
    // Other numbers in each, so that a constant that was computed from them differs.
    let number = |i: usize, j: usize, n: usize| T::from_f64((3 * i + 7 * j + n) as f64 % 11.0 / 5.0 - 1.0);
    let xs = [0, 1].map(|k| {
        let (tape, n) = (&tapes[k], BATCHES[k]);
        tape.constant(Matrix::from_fn(options.features, n, |i, j| number(i, j, n)))
    });
    let steps = options.preprocessing.iter().flat_map(|preprocessing| preprocessing.steps());
    let ys = xs.map(|x| {
        let z = steps.clone().fold(x, |x, step| mapped(step, x));
        let y = model.forward(z);
        options.then.as_ref().map_or(y, |activation| activation.forward(y))
    });
    if let Some(line) = tapes[0].first_reading().or_else(|| tapes[1].first_reading()) {
        return Err(OnnxError::Reads { line: line.to_string() });
    }
    export::file(&graph, Recorded::of(xs, ys, names)?, options.names.each_ref().map(String::as_str))
}

/// A fitted map as operations on a tape.
#[track_caller]
fn mapped<'t, T: Real>(map: &Fitted<T>, x: Var<'t, T>) -> Var<'t, T> {
    let column = |numbers: &[T]| x.tape().constant(Matrix::column(numbers));
    match map {
        Fitted::Standardize(map) => (x - column(map.mean())) / column(map.scale()),
        Fitted::MinMax(map) => {
            let (low, high) = map.bounds();
            (x - column(map.min())) / column(map.range()) * (high - low) + low
        }
        Fitted::Pca(map) => {
            x.tape().constant(map.axes().clone()).matmul_tn(x - column(map.mean())) / column(map.scale())
        }
        Fitted::Zca(map) => x.tape().constant(map.matrix().clone()).matmul(x - column(map.mean())),
    }
}
