//! Pipelines of maps of features.

use autograd::{Matrix, Real, compiled_once};
use serde::{Deserialize, Serialize};

use super::{Components, Covariance, MinMax, Pca, Standardize, Summary, Zca};

/// A map that is to be fitted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum PreprocessingStep {
    /// Mean 0 and variance 1: [`Standardize`].
    Standardize,
    /// One mean and one deviation for all features, such as pixels: [`Standardize::fit_shared`].
    #[doc(alias("Normalize", "Normalization"))]
    StandardizeShared,
    /// A range: [`MinMax`].
    MinMax {
        /// The value of the minimum.
        low: f64,
        /// The value of the maximum.
        high: f64,
    },
    /// Principal components: [`Pca`].
    Pca(Components),
    /// Principal components of variance 1: [`Pca::whitened`].
    Whiten {
        /// How many components.
        components: Components,
        /// The number added to their variances.
        epsilon: f64,
    },
    /// Whitening without rotating the axes: [`Zca`].
    Zca {
        /// The number added to the variances.
        epsilon: f64,
    },
}

/// A fitted map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Real", deserialize = "T: Real"))]
pub enum Fitted<T> {
    /// Mean 0 and variance 1.
    Standardize(Standardize<T>),
    /// A range.
    MinMax(MinMax<T>),
    /// Principal components.
    Pca(Pca<T>),
    /// Whitening without rotating the axes.
    Zca(Zca<T>),
}

/// Maps of features in sequence, each fitted to the output of the one before.
///
/// Fit it to the training set, save it with the model, and apply it to every input of the model. It can be
/// inverted (for the targets of a regression, for example), up to rounding and to the directions that [`Pca`] drops.
///
/// ```
/// use autograd::Matrix;
/// use nn::data::{Components, Preprocessing, PreprocessingStep};
/// let x = Matrix::from([[1.0, 2.0, 4.0, 3.0], [10.0, 40.0, 20.0, 90.0], [1.0, 0.0, 0.0, 1.0]]);
/// let preprocessing = Preprocessing::fit(&[PreprocessingStep::Standardize, PreprocessingStep::Pca(Components::Count(2))], &x);
/// let y = preprocessing.apply(&x);
/// assert_eq!(y.shape(), (2, 4));
/// assert_eq!(preprocessing.invert(&y).shape(), (3, 4));
///
/// let text = serde_json::to_string(&preprocessing)?;
/// assert_eq!(serde_json::from_str::<Preprocessing<f64>>(&text)?.apply(&x), y);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw<T>", bound(serialize = "T: Real", deserialize = "T: Real"))]
pub struct Preprocessing<T> {
    steps: Vec<Fitted<T>>,
}

/// Maps as read from a file, before they are checked.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Real"))]
struct Raw<T> {
    steps: Vec<Fitted<T>>,
}

#[compiled_once]
impl<T: Real> TryFrom<Raw<T>> for Preprocessing<T> {
    type Error = String;
    fn try_from(Raw { steps }: Raw<T>) -> Result<Self, String> {
        match steps.windows(2).find(|pair| pair[0].outputs() != pair[1].inputs()) {
            Some(pair) => Err(format!(
                "a step with {} outputs is followed by one with {} inputs",
                pair[0].outputs(),
                pair[1].inputs()
            )),
            None => Ok(Preprocessing { steps }),
        }
    }
}

#[compiled_once]
impl<T: Real> Preprocessing<T> {
    /// Fits every step to `x`, features × samples, after the steps before it.
    ///
    /// # Panics
    /// If a step cannot be fitted; see the `fit` of the step.
    #[track_caller]
    pub fn fit(steps: &[PreprocessingStep], x: &Matrix<T>) -> Self {
        let mut preprocessing = Preprocessing { steps: Vec::new() };
        let mut x = x.clone();
        for step in steps {
            let fitted = Fitted::fit(step, &x);
            x = fitted.apply(&x);
            preprocessing.steps.push(fitted);
        }
        preprocessing
    }

    /// Fits every step to samples that do not fit into memory. `pass` is called once for every step and returns all chunks of
    /// samples from the start.
    ///
    /// ```
    /// use autograd::Matrix;
    /// use nn::data::{Components, Preprocessing, PreprocessingStep};
    /// let chunk = |k: usize| Matrix::from_fn(2, 50, move |i, j| ((k * 50 + j) as f64 * (1.0 + i as f64)).sin());
    /// let pass = || (0..20).map(|k| Ok::<_, std::io::Error>(chunk(k)));
    /// let whiten = PreprocessingStep::Whiten { components: Components::All, epsilon: 0.0 };
    /// let preprocessing = Preprocessing::fit_chunks(&[PreprocessingStep::Standardize, whiten], pass)?;
    /// assert_eq!(preprocessing.apply(&chunk(3)).shape(), (2, 50));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first error of the chunks.
    ///
    /// # Panics
    /// If a step cannot be fitted, for example because there are no chunks, or if the numbers of features of chunks differ.
    #[track_caller]
    pub fn fit_chunks<I, E>(steps: &[PreprocessingStep], mut pass: impl FnMut() -> I) -> Result<Self, E>
    where
        I: IntoIterator<Item = Result<Matrix<T>, E>>,
    {
        let mut preprocessing = Preprocessing { steps: Vec::new() };
        for step in steps {
            let mut moments = None;
            for chunk in pass() {
                preprocessing.take_in(&chunk?, step, &mut moments);
            }
            preprocessing.push(step, moments);
        }
        Ok(preprocessing)
    }

    /// Adds a chunk to the statistics of the next step.
    #[track_caller]
    fn take_in(&self, chunk: &Matrix<T>, step: &PreprocessingStep, moments: &mut Option<Moments>) {
        let x = self.apply(chunk);
        moments.get_or_insert_with(|| Moments::of(step, x.rows())).add(&x);
    }

    #[track_caller]
    fn push(&mut self, step: &PreprocessingStep, moments: Option<Moments>) {
        self.steps.push(moments.unwrap_or_else(|| Moments::of(step, 0)).fit(step));
    }

    /// Applies all steps in sequence to every column of `x`.
    ///
    /// # Panics
    /// If the number of rows of `x` is not the number of features.
    #[track_caller]
    pub fn apply(&self, x: &Matrix<T>) -> Matrix<T> {
        let mut steps = self.steps.iter();
        let Some(first) = steps.next() else { return x.clone() };
        let mut y = first.apply(x);
        for step in steps {
            y = step.apply(&y);
        }
        y
    }

    /// Inverts all steps, starting with the last.
    ///
    /// # Panics
    /// If the number of rows of `y` is not that of the output of [`apply`](Preprocessing::apply).
    #[track_caller]
    pub fn invert(&self, y: &Matrix<T>) -> Matrix<T> {
        let mut steps = self.steps.iter().rev();
        let Some(last) = steps.next() else { return y.clone() };
        let mut x = last.invert(y);
        for step in steps {
            x = step.invert(&x);
        }
        x
    }

    /// The steps.
    #[inline]
    pub fn steps(&self) -> &[Fitted<T>] {
        &self.steps
    }
}

#[compiled_once]
impl<T: Real> Fitted<T> {
    #[track_caller]
    fn fit(step: &PreprocessingStep, x: &Matrix<T>) -> Self {
        match *step {
            PreprocessingStep::Standardize => Fitted::Standardize(Standardize::fit(x)),
            PreprocessingStep::StandardizeShared => Fitted::Standardize(Standardize::fit_shared(x)),
            PreprocessingStep::MinMax { low, high } => Fitted::MinMax(MinMax::fit(x, low, high)),
            PreprocessingStep::Pca(components) => Fitted::Pca(Pca::fit(x, components)),
            PreprocessingStep::Whiten { components, epsilon } => Fitted::Pca(Pca::fit(x, components).whitened(epsilon)),
            PreprocessingStep::Zca { epsilon } => Fitted::Zca(Zca::fit(x, epsilon)),
        }
    }

    /// Applies the map to every column of `x`.
    ///
    /// # Panics
    /// If the number of rows of `x` is not the number of features.
    #[track_caller]
    pub fn apply(&self, x: &Matrix<T>) -> Matrix<T> {
        match self {
            Fitted::Standardize(map) => map.apply(x),
            Fitted::MinMax(map) => map.apply(x),
            Fitted::Pca(map) => map.apply(x),
            Fitted::Zca(map) => map.apply(x),
        }
    }

    /// Inverts the map for every column of `y`.
    ///
    /// # Panics
    /// If the number of rows of `y` is not that of the output of [`apply`](Fitted::apply).
    #[track_caller]
    pub fn invert(&self, y: &Matrix<T>) -> Matrix<T> {
        match self {
            Fitted::Standardize(map) => map.invert(y),
            Fitted::MinMax(map) => map.invert(y),
            Fitted::Pca(map) => map.invert(y),
            Fitted::Zca(map) => map.invert(y),
        }
    }

    /// The number of rows of its input.
    pub fn inputs(&self) -> usize {
        match self {
            Fitted::Standardize(map) => map.mean().len(),
            Fitted::MinMax(map) => map.min().len(),
            Fitted::Pca(map) => map.features(),
            Fitted::Zca(map) => map.features(),
        }
    }

    /// The number of rows of its output.
    pub fn outputs(&self) -> usize {
        match self {
            Fitted::Pca(map) => map.components(),
            _ => self.inputs(),
        }
    }
}

/// The statistics to which a step is fitted.
enum Moments {
    Summary(Summary),
    Covariance(Covariance),
}

impl Moments {
    fn of(step: &PreprocessingStep, features: usize) -> Self {
        match step {
            PreprocessingStep::Standardize
            | PreprocessingStep::StandardizeShared
            | PreprocessingStep::MinMax { .. } => Moments::Summary(Summary::new(features)),
            PreprocessingStep::Pca(_) | PreprocessingStep::Whiten { .. } | PreprocessingStep::Zca { .. } => {
                Moments::Covariance(Covariance::new(features))
            }
        }
    }

    #[track_caller]
    fn add<T: Real>(&mut self, x: &Matrix<T>) {
        match self {
            Moments::Summary(summary) => summary.add(x),
            Moments::Covariance(covariance) => covariance.add(x),
        }
    }

    #[track_caller]
    fn fit<T: Real>(&self, step: &PreprocessingStep) -> Fitted<T> {
        match (self, *step) {
            (Moments::Summary(summary), PreprocessingStep::MinMax { low, high }) => {
                Fitted::MinMax(MinMax::from_summary(summary, low, high))
            }
            (Moments::Summary(summary), PreprocessingStep::StandardizeShared) => {
                Fitted::Standardize(Standardize::from_summary(&summary.shared()))
            }
            (Moments::Summary(summary), _) => Fitted::Standardize(Standardize::from_summary(summary)),
            (Moments::Covariance(covariance), PreprocessingStep::Zca { epsilon }) => {
                Fitted::Zca(Zca::from_covariance(covariance, epsilon))
            }
            (Moments::Covariance(covariance), PreprocessingStep::Whiten { components, epsilon }) => {
                Fitted::Pca(Pca::from_covariance(covariance, components).whitened(epsilon))
            }
            (Moments::Covariance(covariance), PreprocessingStep::Pca(components)) => {
                Fitted::Pca(Pca::from_covariance(covariance, components))
            }
            (Moments::Covariance(_), _) => unreachable!("made by Moments::of"),
        }
    }
}
