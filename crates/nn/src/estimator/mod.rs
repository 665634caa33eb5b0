//! Networks in two lines, for those who come from scikit-learn: `fit`, `predict`, `predict_proba`, `score`.
//!
//! ```
//! use nn::data::Dataset;
//! use nn::estimator::MlpClassifier;
//! use nn::Matrix;
//!
//! let x = Matrix::from_fn(2, 100, |i, n| (n % (7 + 4 * i)) as f32); // features × samples, of any scale
//! let t: Vec<usize> = (0..100).map(|n| usize::from(x[(0, n)] < x[(1, n)])).collect();
//! let model = MlpClassifier::new().hidden(&[16]).lr(1e-2).fit(&x, &t)?;
//! assert!(model.score(&x, &t)? > 0.97);
//! assert_eq!(model.predict(&Matrix::column(&[6.0, 1.0]))?, [0]);
//!
//! let mut named = Dataset::new(x, t);
//! named.target_names = ["falls", "rises"].map(String::from).to_vec();
//! let model = MlpClassifier::new().hidden(&[16]).lr(1e-2).fit_dataset(&named)?;
//! assert_eq!(model.predict_names(&Matrix::column(&[1.0, 6.0]))?, ["rises"]);
//! # Ok::<(), nn::estimator::EstimatorError>(())
//! ```
//!
//! What is fitted is a model like any other: [`nn::save`](crate::save) writes it, [`nn::load`](crate::load) reads it.
//!
//! Wrong data is an error and not a panic: NaN, another number of features, a single class, a setting out of range.

mod classifier;
mod error;
mod inputs;
mod regressor;
mod settings;
mod training;

pub use classifier::{FittedClassifier, MlpClassifier};
pub use error::EstimatorError;
pub use regressor::{FittedRegressor, MlpRegressor};
pub use settings::Settings;
pub use training::Curves;
