//! The skip connection.

use serde::{Deserialize, Serialize};

use crate::{Layer, Module, Real, Var};

/// y = x + f(x) (He et al., "Deep residual learning for image recognition", 2016): the inner layer
/// keeps the number of features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct Residual<L>(
    /// f.
    pub L,
);

impl<T: Real, L: Layer<T>> Layer<T> for Residual<L> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        x + self.0.forward(x)
    }
}
