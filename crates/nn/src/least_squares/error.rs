//! Why a model cannot be fitted by least squares.

use solve::FitError;

/// Why a model cannot be fitted by least squares.
#[derive(thiserror::Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum FitModelError {
    /// A setting is out of its range: which one, its value, and the range.
    #[error("{0}")]
    Setting(String),
    /// The loss is not a sum of squares.
    #[error(
        "least squares: the loss `{loss}` is not a sum of squares: take `mse` or `huber`, or minimize it by a `Trainer` or `Lbfgs`"
    )]
    Loss {
        /// The loss.
        loss: &'static str,
    },
    /// A robust loss would also bend what is no residual of the data.
    #[error("least squares: a robust loss together with {with} is not defined: leave one of them out")]
    Robust {
        /// What does not go with it.
        with: &'static str,
    },
    /// The model draws random numbers in training.
    #[error(
        "least squares: the model draws random numbers in training, as dropout does, so its residuals differ from one evaluation to \
         the next: leave them out, or train by a `Trainer`"
    )]
    Random,
    /// The model changes buffers in training.
    #[error(
        "least squares: the model changes its buffer `{name}` in training, as batch normalisation does, so its residuals depend on \
         earlier ones: take another normalisation, or train by a `Trainer`"
    )]
    Buffer {
        /// The name of the buffer.
        name: String,
    },
    /// No parameter is trained.
    #[error("least squares: no parameter of the model is trained: unfreeze some")]
    NothingTrained,
    /// A number among the data is not finite.
    #[error("least squares: row {row} of {what} of sample {sample} is {value}: fill it in or leave the sample out")]
    NotFinite {
        /// `x` or `t`.
        what: &'static str,
        /// The row.
        row: usize,
        /// The column.
        sample: usize,
        /// The number.
        value: f64,
    },
    /// The weight of a sample is negative, NaN or infinite.
    #[error("least squares: the weight of sample {sample} is {value}: it should be finite and not negative")]
    Weight {
        /// The sample.
        sample: usize,
        /// Its weight.
        value: f64,
    },
    /// The fit did not begin. Parameters are numbered as [`Fit::names`](solve::Fit::names) lists them.
    #[error(transparent)]
    Fit(#[from] FitError),
}

autograd::debug_as_display!(FitModelError);
