//! The skip connection.

use autograd::compiled_once;
use serde::{Deserialize, Serialize};

use crate::{Layer, Module, Real, Var};

/// y = x + f(x) (He et al., "Deep residual learning for image recognition", 2016). The inner layer
/// keeps the number of features.
///
/// With f = norm, activation, linear, … it is the residual unit "with pre-activation" of the same authors
/// ("Identity mappings in deep residual networks", 2016).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct Residual<L>(
    /// f.
    pub L,
);

impl<T: Real, L: Layer<T>> Layer<T> for Residual<L> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let y = self.0.forward(x);
        same_shape("Residual", x, "x", y);
        x + y
    }
}

/// y = s(x) + f(x): a skip with its own layer, such as a linear one (the "projection shortcut"), for an f that changes the
/// number of features (He et al., 2016, eq. 2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct Shortcut<L, S> {
    /// f.
    pub inner: L,
    /// s.
    pub shortcut: S,
}

impl<T: Real, L: Layer<T>, S: Layer<T>> Layer<T> for Shortcut<L, S> {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let (s, y) = (self.shortcut.forward(x), self.inner.forward(x));
        same_shape("Shortcut", s, "s(x)", y);
        s + y
    }
}

/// A row or a number would be repeated, so the shapes are checked.
#[compiled_once]
#[track_caller]
fn same_shape<T: Real>(layer: &str, x: Var<'_, T>, what: &str, y: Var<'_, T>) {
    let ((m, n), (p, q)) = (x.shape(), y.shape());
    assert!((m, n) == (p, q), "{layer}: cannot add {what}, {m} × {n}, and f(x), {p} × {q}: the shapes must be equal");
}
