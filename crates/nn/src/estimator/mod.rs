//! Networks in two lines, with scikit-learn's interface: `fit`, `predict`, `predict_proba`, `score`.
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
//! [`Mean`], [`Majority`], [`Ridge`] and [`Logistic`] have the same interface and the same fitted types. They are baselines for
//! networks. All estimators use the [weights](crate::data::Dataset::weights) of a dataset: only their ratios matter, and a sample of
//! weight 0 is ignored. A [`Pipeline`](crate::pipeline::Pipeline) adds the encoding of a table to an estimator.
//!
//! A fitted model is a model like any other: [`nn::save`](crate::save) writes it, [`nn::load`](crate::load) reads it.
//!
//! Wrong data is an error and not a panic: NaN, a different number of features, a single class, a setting out of its range.

mod baseline;
mod classifier;
mod error;
mod inputs;
#[cfg(feature = "solve")]
mod least_squares;
mod regressor;
mod settings;
mod training;
mod weights;

pub use baseline::{Logistic, Majority, Mean, Ridge};
pub use classifier::{FittedClassifier, MlpClassifier};
pub use error::EstimatorError;
pub use regressor::{FittedRegressor, MlpRegressor};
pub use settings::{Settings, Solver};
pub use training::Curves;
pub use weights::ClassWeights;
