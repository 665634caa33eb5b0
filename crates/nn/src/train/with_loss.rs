//! A trainer of a loss of a model's predictions.

use super::answers::data_of;
use super::{AsTarget, Given, Trainer};
use crate::data::nan_or_infinite;
use crate::loss::{Loss, Target};
use crate::{Model, Optimizer, Real, Reduction, Tape};

impl<'a, T: Real, X, Y: AsTarget<T>, M: Model<T, X>> Trainer<'a, T, M, (X, Y)> {
    /// Minimises the mean of a [`Loss`] of the predictions of a [`Model`] on a [`Dataset`](crate::data::Dataset), on
    /// [`Samples`](crate::data::Samples), or on other data whose batches are inputs and targets `(x, t)`. A [`Layer`](crate::Layer) is a
    /// model of a matrix, and [`Each`](crate::Each) makes it one of series of different lengths:
    ///
    /// ```
    /// use nn::prelude::*;
    ///
    /// /// Logits of a series, 1 × steps → 2 × 1.
    /// #[derive(Module)]
    /// struct Net {
    ///     hidden: Linear<f64>,
    ///     output: Linear<f64>,
    /// }
    ///
    /// impl Layer<f64> for Net {
    ///     fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
    ///         let steps = self.hidden.forward(x.windows(3)).relu();
    ///         self.output.forward(steps.mean_over(Axis::Cols))
    ///     }
    /// }
    ///
    /// # let rng = &mut ChaCha8Rng::seed_from_u64(0);
    /// // Does a series of 5 to 9 numbers alternate?
    /// let series = |n: usize| (Matrix::from_fn(1, 5 + n % 5, |_, t| 1.0 - (n * t % 2) as f64), n % 2);
    /// let data: Samples<Vec<Matrix<f64>>> = (0..40).map(series).collect();
    /// let (hidden, output) = (Linear::new(3, 4, Init::He, rng), Linear::new(4, 2, Init::Xavier, rng));
    /// let mut net = Each(Net { hidden, output });
    /// let trained = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.05))
    ///     .metric("accuracy", accuracy)
    ///     .watch("all", &data)
    ///     .quiet()
    ///     .fit(&mut net, &data)?;
    /// assert_eq!(trained.history.last("all_accuracy"), Some(1.0));
    /// # Ok::<(), nn::train::TrainError>(())
    /// ```
    ///
    /// Steps on a matrix run from a [plan](Trainer::plan_use), and those on other inputs are recorded.
    ///
    /// # Panics
    /// If a setting of the loss is [out of its range](Loss::check).
    #[track_caller]
    pub fn with_loss(loss: Loss, optimizer: impl Optimizer<T> + Send + 'a) -> Self {
        if let Err(problem) = loss.check() {
            panic!("with_loss: {problem}");
        }
        let said = format!("{loss:?}");
        let mut trainer = Trainer::new(
            move |tape, model: &M, (x, t): &(X, Y)| {
                loss.of(model.predictions(tape, x), t.as_target(tape), Reduction::Mean)
            },
            optimizer,
        );
        trainer.plan.loss = Some(said);
        trainer.samples = Some(|(x, t): &(X, Y)| {
            let of_targets = || match t.given()? {
                Given::Classes(classes) => Some(classes.len()),
                Given::Values(t) => Some(t.cols()),
            };
            M::given(x).map(|x| x.cols()).or_else(of_targets)
        });
        trainer.data = Some(data_of::<T, X, Y, M>);
        trainer.targets = Some(Box::new(|(_, t): &(X, Y)| {
            let tape = Tape::new();
            match t.as_target(&tape) {
                Target::Classes(_) => None,
                Target::Values(t) => nan_or_infinite(&t.value()),
            }
        }));
        trainer
    }
}
