//! How many steps a trainer ran from plans.

use super::Trainer;
use crate::planned::PlanUse;
use crate::{Module, Real};

impl<'a, T: Real, M: Module<T>, B> Trainer<'a, T, M, B> {
    /// How many steps of the last training ran from a [plan](autograd::Plan), and why others did not. A trainer [with a
    /// loss](Trainer::with_loss) makes plans by itself if the inputs are a matrix; values, gradients and files have the same bits. A trainer of a
    /// [closure](Trainer::new) records every step, because the closure may read the batch in ways that a plan cannot repeat. Use
    /// a closure if a layer of yours is not the same function at every call, for example because it counts its calls.
    ///
    /// ```
    /// # use nn::{Activation, Adam, Matrix, Mlp, data::Dataset, loss::Loss, train::Trainer};
    /// # use rand::{SeedableRng, rngs::ChaCha8Rng};
    /// # let data = Dataset::new(Matrix::from_fn(1, 64, |_, n| n as f64 / 64.0), Matrix::from_fn(1, 64, |_, n| (n % 2) as f64));
    /// # let mut net = Mlp::new(&[1, 4, 1], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(1));
    /// let mut trainer = Trainer::with_loss(Loss::Mse, Adam::new(0.01)).epochs(20);
    /// trainer.fit(&mut net, &data)?;
    /// assert_eq!(trainer.plan_use().to_string(), "38 of 40 steps ran from a plan");
    /// # Ok::<(), nn::train::TrainError>(())
    /// ```
    pub fn plan_use(&self) -> PlanUse {
        let used = self.plans.plan_use();
        let why = match self.data {
            None => Some("the loss is a closure that may read the batch in any way"),
            Some(_) => None,
        };
        PlanUse { why: used.why.or(why.map(str::to_owned)), ..used }
    }
}
