//! Replaces the steps of a sparse model if the feature `sparse` is off: there is no such model.

use std::sync::Arc;

use super::model::Step;
use crate::{Pattern, SparseMatrix};

pub const HAS_STEPS: bool = false;

pub enum Structure {}

pub struct SparseModel<'a>(&'a Structure);

impl Structure {
    pub fn of(_: Option<Structure>, _: &Arc<Pattern>) -> Option<Structure> {
        None
    }
}

impl<'a> SparseModel<'a> {
    pub fn new(structure: &'a Structure, _: &[f64], _: &SparseMatrix, _: &[f64], _: &[usize]) -> Self {
        match *structure {}
    }

    pub fn is_sound(&self) -> bool {
        match *self.0 {}
    }

    pub fn step(&self, _: f64, _: &mut f64) -> Step {
        match *self.0 {}
    }
}
