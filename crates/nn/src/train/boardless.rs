//! Without the feature `tensorboard`, no events are written.

use super::TrainError;
use super::run::Run;
use super::steps::Loop;
use crate::Real;

impl<T: Real> Loop<'_, '_, T> {
    pub(super) fn open_board(&mut self, _: &Run<T>) -> Result<(), TrainError> {
        Ok(())
    }

    pub(super) fn board_step(&mut self, _: &Run<T>, _: f64) -> Result<(), TrainError> {
        Ok(())
    }

    pub(super) fn board_epoch(&mut self, _: &Run<T>) -> Result<(), TrainError> {
        Ok(())
    }

    pub(super) fn flush_board(&mut self) -> Result<(), TrainError> {
        Ok(())
    }
}
