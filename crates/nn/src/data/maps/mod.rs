//! Maps of features: the statistics to which they are fitted, the maps, and pipelines of maps.

mod min_max;
mod moments;
mod pca;
mod preprocessing;
mod standardize;
mod zca;

pub use min_max::MinMax;
pub use moments::{Covariance, Summary};
pub use pca::{Components, Pca};
pub use preprocessing::{Fitted, Preprocessing, PreprocessingStep};
pub use standardize::Standardize;
pub use zca::Zca;
