//! Maps of features, one after the other.

use autograd::{Matrix, Real, compiled_once};
use serde::{Deserialize, Serialize};

use super::{Components, Covariance, MinMax, Pca, Standardize, Summary, Zca};

/// A map that is to be fitted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// Mean 0 and variance 1: [`Standardize`].
    Standardize,
    /// A range: [`MinMax`].
    MinMax {
        /// What the least value becomes.
        low: f64,
        /// What the largest value becomes.
        high: f64,
    },
    /// Principal components: [`Pca`].
    Pca(Components),
    /// Principal components of variance 1: [`Pca::whitened`].
    Whiten {
        /// How many of them.
        components: Components,
        /// What is added to their variances.
        epsilon: f64,
    },
    /// Whitening without turning the axes: [`Zca`].
    Zca {
        /// What is added to the variances.
        epsilon: f64,
    },
}

/// A map that was fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Real", deserialize = "T: Real"))]
pub enum Fitted<T> {
    /// Mean 0 and variance 1.
    Standardize(Standardize<T>),
    /// A range.
    MinMax(MinMax<T>),
    /// Principal components.
    Pca(Pca<T>),
    /// Whitening without turning the axes.
    Zca(Zca<T>),
}

/// Maps of features, one after the other, each fitted to what the one before gives.
///
/// It is fitted to the training set, saved with the model, and applied to whatever the model is given. It can be
/// inverted, as for targets of a regression, up to rounding and to what [`Pca`] drops.
///
/// ```
/// use autograd::Matrix;
/// use nn::data::{Components, Pipeline, Step};
/// let x = Matrix::from([[1.0, 2.0, 4.0, 3.0], [10.0, 40.0, 20.0, 90.0], [1.0, 0.0, 0.0, 1.0]]);
/// let pipeline = Pipeline::fit(&[Step::Standardize, Step::Pca(Components::Count(2))], &x);
/// let y = pipeline.apply(&x);
/// assert_eq!(y.shape(), (2, 4));
/// assert_eq!(pipeline.invert(&y).shape(), (3, 4));
///
/// let text = serde_json::to_string(&pipeline)?;
/// assert_eq!(serde_json::from_str::<Pipeline<f64>>(&text)?.apply(&x), y);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw<T>", bound(serialize = "T: Real", deserialize = "T: Real"))]
pub struct Pipeline<T> {
    steps: Vec<Fitted<T>>,
}

/// What a file may claim to be a pipeline, before it is believed.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Real"))]
struct Raw<T> {
    steps: Vec<Fitted<T>>,
}

#[compiled_once]
impl<T: Real> TryFrom<Raw<T>> for Pipeline<T> {
    type Error = String;
    fn try_from(Raw { steps }: Raw<T>) -> Result<Self, String> {
        match steps.windows(2).find(|pair| pair[0].outputs() != pair[1].inputs()) {
            Some(pair) => Err(format!(
                "a step with {} outputs is followed by one with {} inputs",
                pair[0].outputs(),
                pair[1].inputs()
            )),
            None => Ok(Pipeline { steps }),
        }
    }
}

#[compiled_once]
impl<T: Real> Pipeline<T> {
    /// Fits every step to `x`, features × samples, as the steps before it give it.
    ///
    /// # Panics
    /// If a step cannot be fitted: see there.
    #[track_caller]
    pub fn fit(steps: &[Step], x: &Matrix<T>) -> Self {
        let mut pipeline = Pipeline { steps: Vec::new() };
        let mut x = x.clone();
        for step in steps {
            let fitted = Fitted::fit(step, &x);
            x = fitted.apply(&x);
            pipeline.steps.push(fitted);
        }
        pipeline
    }

    /// Fits every step to samples that do not fit into memory: `pass` is called once for every step, for all chunks of
    /// samples from the start.
    ///
    /// ```
    /// use autograd::Matrix;
    /// use nn::data::{Components, Pipeline, Step};
    /// let chunk = |k: usize| Matrix::from_fn(2, 50, move |i, j| ((k * 50 + j) as f64 * (1.0 + i as f64)).sin());
    /// let pass = || (0..20).map(|k| Ok::<_, std::io::Error>(chunk(k)));
    /// let whiten = Step::Whiten { components: Components::All, epsilon: 0.0 };
    /// let pipeline = Pipeline::fit_chunks(&[Step::Standardize, whiten], pass)?;
    /// assert_eq!(pipeline.apply(&chunk(3)).shape(), (2, 50));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first of the chunks.
    ///
    /// # Panics
    /// If a step cannot be fitted, as to no chunks at all, or if chunks differ in the number of their features.
    #[track_caller]
    pub fn fit_chunks<I, E>(steps: &[Step], mut pass: impl FnMut() -> I) -> Result<Self, E>
    where
        I: IntoIterator<Item = Result<Matrix<T>, E>>,
    {
        let mut pipeline = Pipeline { steps: Vec::new() };
        for step in steps {
            let mut moments = None;
            for chunk in pass() {
                pipeline.take_in(&chunk?, step, &mut moments);
            }
            pipeline.push(step, moments);
        }
        Ok(pipeline)
    }

    /// Takes in what the map of the next step is fitted to.
    #[track_caller]
    fn take_in(&self, chunk: &Matrix<T>, step: &Step, moments: &mut Option<Moments>) {
        let x = self.apply(chunk);
        moments.get_or_insert_with(|| Moments::of(step, x.rows())).add(&x);
    }

    #[track_caller]
    fn push(&mut self, step: &Step, moments: Option<Moments>) {
        self.steps.push(moments.unwrap_or_else(|| Moments::of(step, 0)).fit(step));
    }

    /// All steps, one after the other, of every column of `x`.
    ///
    /// # Panics
    /// If `x` does not have a row for every feature.
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

    /// The inverse of all steps, the last one first.
    ///
    /// # Panics
    /// If `y` does not have as many rows as [`apply`](Pipeline::apply) gives.
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
    fn fit(step: &Step, x: &Matrix<T>) -> Self {
        match *step {
            Step::Standardize => Fitted::Standardize(Standardize::fit(x)),
            Step::MinMax { low, high } => Fitted::MinMax(MinMax::fit(x, low, high)),
            Step::Pca(components) => Fitted::Pca(Pca::fit(x, components)),
            Step::Whiten { components, epsilon } => Fitted::Pca(Pca::fit(x, components).whitened(epsilon)),
            Step::Zca { epsilon } => Fitted::Zca(Zca::fit(x, epsilon)),
        }
    }

    /// The map of every column of `x`.
    ///
    /// # Panics
    /// If `x` does not have a row for every feature.
    #[track_caller]
    pub fn apply(&self, x: &Matrix<T>) -> Matrix<T> {
        match self {
            Fitted::Standardize(map) => map.apply(x),
            Fitted::MinMax(map) => map.apply(x),
            Fitted::Pca(map) => map.apply(x),
            Fitted::Zca(map) => map.apply(x),
        }
    }

    /// The inverse of every column of `y`.
    ///
    /// # Panics
    /// If `y` does not have as many rows as [`apply`](Fitted::apply) gives.
    #[track_caller]
    pub fn invert(&self, y: &Matrix<T>) -> Matrix<T> {
        match self {
            Fitted::Standardize(map) => map.invert(y),
            Fitted::MinMax(map) => map.invert(y),
            Fitted::Pca(map) => map.invert(y),
            Fitted::Zca(map) => map.invert(y),
        }
    }

    /// The number of rows it takes.
    pub fn inputs(&self) -> usize {
        match self {
            Fitted::Standardize(map) => map.mean().len(),
            Fitted::MinMax(map) => map.min().len(),
            Fitted::Pca(map) => map.features(),
            Fitted::Zca(map) => map.features(),
        }
    }

    /// The number of rows it gives.
    pub fn outputs(&self) -> usize {
        match self {
            Fitted::Pca(map) => map.components(),
            _ => self.inputs(),
        }
    }
}

/// What a step is fitted to.
enum Moments {
    Summary(Summary),
    Covariance(Covariance),
}

impl Moments {
    fn of(step: &Step, features: usize) -> Self {
        match step {
            Step::Standardize | Step::MinMax { .. } => Moments::Summary(Summary::new(features)),
            Step::Pca(_) | Step::Whiten { .. } | Step::Zca { .. } => Moments::Covariance(Covariance::new(features)),
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
    fn fit<T: Real>(&self, step: &Step) -> Fitted<T> {
        match (self, *step) {
            (Moments::Summary(summary), Step::MinMax { low, high }) => {
                Fitted::MinMax(MinMax::from_summary(summary, low, high))
            }
            (Moments::Summary(summary), _) => Fitted::Standardize(Standardize::from_summary(summary)),
            (Moments::Covariance(covariance), Step::Zca { epsilon }) => {
                Fitted::Zca(Zca::from_covariance(covariance, epsilon))
            }
            (Moments::Covariance(covariance), Step::Whiten { components, epsilon }) => {
                Fitted::Pca(Pca::from_covariance(covariance, components).whitened(epsilon))
            }
            (Moments::Covariance(covariance), Step::Pca(components)) => {
                Fitted::Pca(Pca::from_covariance(covariance, components))
            }
            (Moments::Covariance(_), Step::Standardize | Step::MinMax { .. }) => unreachable!("made by Moments::of"),
        }
    }
}
