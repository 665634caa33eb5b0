//! Targets of predictions, and options from files.

use autograd::{Leaf, Matrix, Real, Var, compiled_once};
use serde::Deserializer;

pub(super) use crate::setting::{NOT_NEGATIVE as WEIGHT, POSITIVE, SHARE};
use crate::setting::{read, read_all};

/// The targets for the predictions of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Target<'t, 'c, T: Real> {
    /// The correct class of each sample: 1 in its row, 0 elsewhere.
    Classes(&'c [usize]),
    /// A number for each prediction: values of a regression, or probabilities.
    Values(Var<'t, T>),
}

#[compiled_once]
impl<'t, T: Real> Target<'t, '_, T> {
    /// The target as numbers in the shape of the predictions, on their tape.
    #[track_caller]
    pub(super) fn like(self, name: &str, y: Var<'t, T>) -> Var<'t, T> {
        self.values(name, y, y.shape())
    }

    /// The target as numbers in the given shape, on the tape of the predictions.
    #[track_caller]
    pub(super) fn values(self, name: &str, y: Var<'t, T>, (m, n): (usize, usize)) -> Var<'t, T> {
        match self {
            Target::Values(t) => {
                let (p, q) = t.shape();
                assert!((m, n) == (p, q), "{name}: predictions {m} × {n} and targets {p} × {q} differ in shape");
                t
            }
            Target::Classes(classes) => {
                assert!(
                    classes.len() == n,
                    "{name}: {} classes for predictions {m} × {n}: one for each column",
                    classes.len()
                );
                for (j, class) in classes.iter().enumerate() {
                    assert!(*class < m, "{name}: class {class} of sample {j} is not below the {m} rows of the logits");
                }
                y.tape().one_hot(m, classes)
            }
        }
    }
}

impl<'t, T: Real> From<Var<'t, T>> for Target<'t, '_, T> {
    fn from(t: Var<'t, T>) -> Self {
        Target::Values(t)
    }
}

impl<'c, T: Real> From<&'c [usize]> for Target<'_, 'c, T> {
    fn from(classes: &'c [usize]) -> Self {
        Target::Classes(classes)
    }
}

impl<'c, T: Real> From<&'c Vec<usize>> for Target<'_, 'c, T> {
    fn from(classes: &'c Vec<usize>) -> Self {
        Target::Classes(classes)
    }
}

/// A number on the tape of `y`.
#[compiled_once]
#[track_caller]
pub(super) fn number<'t, T: Real>(y: Var<'t, T>, x: f64) -> Var<'t, T> {
    y.tape().constant(Leaf::Number(T::from_f64(x)))
}

/// One weight for each row, as a column on the tape of `y`.
#[compiled_once]
#[track_caller]
pub(super) fn per_row<'t, T: Real>(what: &str, weights: &[f64], y: Var<'t, T>) -> Var<'t, T> {
    let (m, n) = y.shape();
    assert!(weights.len() == m, "{what}: {} weights for {m} × {n} logits: one for each row", weights.len());
    let column = weights.iter().map(|&w| T::from_f64(w)).collect();
    y.tape().constant(Matrix::from_vec(m, 1, column))
}

/// t (1 − ε) + ε / K: the target of one of K classes, smoothed by ε.
#[compiled_once]
#[track_caller]
pub(super) fn smoothed<T: Real>(t: Var<'_, T>, smoothing: f64, classes: usize) -> Var<'_, T> {
    if smoothing == 0.0 { t } else { t * (1.0 - smoothing) + smoothing / classes as f64 }
}

pub(super) fn positive<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    read(POSITIVE, d)
}

pub(super) fn share<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    read(SHARE, d)
}

pub(super) fn weights<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<f64>>, D::Error> {
    read_all(WEIGHT, d)
}

pub(super) fn positives<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<f64>>, D::Error> {
    read_all(POSITIVE, d)
}
