//! Without the feature `save`, a run is kept in no file.

use std::path::PathBuf;

use super::fit::Run;
use super::{Batches, TrainError, Trainer};
use crate::data::Sampler;
use crate::{Module, Real};

/// There is nothing to keep.
pub(super) struct Config;

impl<T: Real, M: Module<T>, B> Trainer<'_, T, M, B> {
    pub(super) fn file(&self) -> Option<PathBuf> {
        None
    }

    pub(super) fn due(&self, _: u64) -> bool {
        false
    }

    pub(super) fn save(&self, _: &M, _: &Config, _: &Run<T>) -> Result<(), TrainError> {
        Ok(())
    }

    pub(super) fn resumed(&self, _: &mut M, _: &Config) -> Result<Option<Run<T>>, TrainError> {
        Ok(None)
    }

    pub(super) fn config(
        &self,
        _: &M,
        _: &dyn Batches<Batch = B>,
        _: Option<&dyn Batches<Batch = B>>,
        _: &Sampler,
    ) -> Config {
        Config
    }
}
