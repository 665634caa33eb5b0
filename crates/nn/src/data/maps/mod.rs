//! Maps of features: what they are fitted to, the maps, and several of them one after the other.

mod min_max;
mod moments;
mod pca;
mod pipeline;
mod standardize;
mod zca;

pub use min_max::MinMax;
pub use moments::{Covariance, Summary};
pub use pca::{Components, Pca};
pub use pipeline::{Fitted, Pipeline, Step};
pub use standardize::Standardize;
pub use zca::Zca;
