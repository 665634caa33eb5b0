//! Samples with their targets, and how they are split into parts, folds and minibatches.

mod dataset;
mod folds;
mod inputs;
mod sampler;
mod shuffle;
mod split;

#[cfg(feature = "csv")]
pub(super) use dataset::MAX_CLASSES;
pub(super) use dataset::class_number;
pub use dataset::{Dataset, NotFinite, Targets};
pub(crate) use dataset::{first_not_finite, nan_or_infinite};
pub use folds::{group_k_fold, k_fold, stratified_k_fold};
pub use inputs::{Inputs, Sample, Samples};
pub use sampler::Sampler;
pub use shuffle::{ShuffledChunks, shuffle_chunks};
pub use split::{Minibatches, minibatches, random_split, stratified_split};
