//! Losses: E(w) = Σ Eₙ, or the mean.

use autograd::{Axis, Real, Var};

/// How the losses of a batch become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// The lecture's E = Σ Eₙ.
    Sum,
    /// The mean: over all entries of a matrix of losses, over the samples of a row of them.
    #[default]
    Mean,
}

impl Reduction {
    /// The sum or the mean of all entries.
    pub fn of<'t, T: Real>(self, losses: Var<'t, T>) -> Var<'t, T> {
        match self {
            Reduction::Sum => losses.sum(),
            Reduction::Mean => losses.mean(),
        }
    }
}

/// What the classes of a batch are compared with.
pub enum Classes<'t, 'c, T: Real> {
    /// The right class of each column.
    Indices(&'c [usize]),
    /// A probability for each class of each column, of the shape of the logits.
    Probabilities(Var<'t, T>),
}

/// Squared error (y − t)², summed or averaged over all entries. Regression, with linear outputs.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn mse<'t, T: Real>(y: Var<'t, T>, t: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
    same_shape("mse", y, t);
    reduction.of(y.squared_error(t))
}

/// Binary cross-entropy −t ln σ(x) − (1 − t) ln(1 − σ(x)) of logits x and targets t in [0, 1], summed or
/// averaged over all entries. Exact to rounding for logits of any size.
///
/// # Panics
/// If the shapes differ.
///
/// ```
/// use autograd::{Matrix, Tape};
/// use nn::{Reduction, loss};
/// let tape = Tape::<f64>::new();
/// let x = tape.variable(Matrix::row(&[20.0, -110.0]));
/// let t = tape.constant(Matrix::row(&[1.0, 0.0]));
/// let e = loss::bce_with_logits(x, t, Reduction::Sum).item();
/// assert!((e - 2.061153620314381e-09).abs() < 1e-24); // ln(1 + e⁻²⁰)
/// ```
#[track_caller]
pub fn bce_with_logits<'t, T: Real>(x: Var<'t, T>, t: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
    same_shape("bce_with_logits", x, t);
    reduction.of(x.bce_with_logits(t))
}

/// Cross-entropy −Σᵢ tᵢ ln softmax(x)ᵢ of the logits of each column, summed or averaged over the
/// columns. Multiclass classification; δx = y − t with y = softmax(x).
///
/// # Panics
/// If the shapes do not fit or a class is not below the number of rows.
#[track_caller]
pub fn softmax_cross_entropy<'t, 'c, T: Real>(
    x: Var<'t, T>,
    t: impl Into<Classes<'t, 'c, T>>,
    reduction: Reduction,
) -> Var<'t, T> {
    reduction.of(match t.into() {
        Classes::Indices(classes) => x.softmax_cross_entropy_with_classes(classes),
        Classes::Probabilities(t) => x.softmax_cross_entropy(t),
    })
}

/// softmax(x) of each column: the probability of each class.
pub fn probabilities<T: Real>(x: Var<'_, T>) -> Var<'_, T> {
    x.softmax(Axis::Rows)
}

#[track_caller]
fn same_shape<T: Real>(name: &str, y: Var<'_, T>, t: Var<'_, T>) {
    let ((m, n), (p, q)) = (y.shape(), t.shape());
    assert!((m, n) == (p, q), "{name}: predictions {m} × {n} and targets {p} × {q} differ in shape");
}

impl<'t, T: Real> From<Var<'t, T>> for Classes<'t, '_, T> {
    fn from(t: Var<'t, T>) -> Self {
        Classes::Probabilities(t)
    }
}

impl<'c, T: Real> From<&'c [usize]> for Classes<'_, 'c, T> {
    fn from(classes: &'c [usize]) -> Self {
        Classes::Indices(classes)
    }
}

impl<'c, T: Real> From<&'c Vec<usize>> for Classes<'_, 'c, T> {
    fn from(classes: &'c Vec<usize>) -> Self {
        Classes::Indices(classes)
    }
}
