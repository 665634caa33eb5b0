//! A rectifier with a learnt slope for negative inputs.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use super::expect_features;
use crate::{Layer, Matrix, Module, Param, Real, Var};

/// y = max(x, 0) + a min(x, 0), where the slope a is learnt for each feature or shared by all
/// (He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015, eq. 1). The slope at 0 is a.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct PRelu<T> {
    /// a, features × 1, or 1 × 1 for all.
    #[module(slope)]
    pub weight: Param<T>,
}

#[compiled_once]
impl<T: Real> PRelu<T> {
    /// A slope for each feature, initially 1/4.
    pub fn new(features: usize) -> Self {
        PRelu { weight: Param::new(Matrix::full(features, 1, T::from_f64(0.25))) }
    }

    /// One slope for all features, initially 1/4.
    pub fn shared() -> Self {
        PRelu::new(1)
    }
}

#[compiled_once]
impl<T: Real> Layer<T> for PRelu<T> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let slopes = self.weight.value().rows();
        if slopes != 1 {
            expect_features("PRelu", slopes, x);
        }
        x.relu() + x.tape().param(&self.weight) * x.at_most(0.0)
    }
}
