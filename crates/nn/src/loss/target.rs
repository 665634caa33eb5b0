//! What predictions are compared with, and options from files.

use autograd::{Leaf, Matrix, Real, Var, compiled_once};
use serde::{Deserialize, Deserializer, de::Error};

use crate::setting::Range;
pub(super) use crate::setting::{NOT_NEGATIVE as WEIGHT, POSITIVE, SHARE};

/// What the predictions of a batch are compared with.
#[derive(Clone, Copy, Debug)]
pub enum Target<'t, 'c, T: Real> {
    /// The right class of each sample: 1 in its row, 0 elsewhere.
    Classes(&'c [usize]),
    /// A number for each prediction: values of a regression, or probabilities.
    Values(Var<'t, T>),
}

#[compiled_once]
impl<'t, T: Real> Target<'t, '_, T> {
    /// As numbers of the shape of the predictions, on their tape.
    #[track_caller]
    pub(super) fn like(self, name: &str, y: Var<'t, T>) -> Var<'t, T> {
        self.values(name, y, y.shape())
    }

    /// As numbers of the given shape, on the tape of the predictions.
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
pub(super) fn per_row<'t, T: Real>(what: &str, weights: &[f64], range: Range, y: Var<'t, T>) -> Var<'t, T> {
    let (m, n) = y.shape();
    assert!(weights.len() == m, "{what}: {} weights for {m} × {n} logits: one for each row", weights.len());
    let column = weights.iter().map(|&w| T::from_f64(range.expect(what, w))).collect();
    y.tape().constant(Matrix::from_vec(m, 1, column))
}

/// t (1 − ε) + ε / K: the target of a class out of K, smoothed by ε.
#[compiled_once]
#[track_caller]
pub(super) fn smoothed<'t, T: Real>(name: &str, t: Var<'t, T>, smoothing: f64, classes: usize) -> Var<'t, T> {
    SHARE.expect(name, smoothing);
    if smoothing == 0.0 { t } else { t * (1.0 - smoothing) + smoothing / classes as f64 }
}

fn read<E: Error>(range: Range, x: f64) -> Result<f64, E> {
    range.check("it", x).map_err(|problem| E::custom(problem.trim_start_matches("it: ")))
}

fn read_all<'de, D: Deserializer<'de>>(range: Range, d: D) -> Result<Option<Vec<f64>>, D::Error> {
    let numbers = Option::<Vec<f64>>::deserialize(d)?;
    numbers.map(|numbers| numbers.into_iter().map(|x| read(range, x)).collect()).transpose()
}

pub(super) fn positive<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    read(POSITIVE, f64::deserialize(d)?)
}

pub(super) fn share<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    read(SHARE, f64::deserialize(d)?)
}

pub(super) fn weights<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<f64>>, D::Error> {
    read_all(WEIGHT, d)
}

pub(super) fn positives<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<f64>>, D::Error> {
    read_all(POSITIVE, d)
}
