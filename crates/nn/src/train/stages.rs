//! Freezes parameters for some or all epochs.

use super::Trainer;
use super::plan::Plan;
use crate::optim::pattern::{check_kinds, check_names, fits_any};
use crate::{Module, Path, Real, Role};

impl<'a, T: Real, M: Module<T>, B> Trainer<'a, T, M, B> {
    /// Freezes the parameters that match a pattern for the whole run. [`freeze_until`](Trainer::freeze_until) explains patterns. The
    /// running statistics of a frozen [`BatchNorm`](crate::BatchNorm) still move, because they are buffers.
    ///
    /// # Panics
    /// If the pattern names a kind of parameters that does not exist.
    #[track_caller]
    pub fn freeze(self, pattern: &str) -> Self {
        self.frozen("freeze", pattern, NEVER)
    }

    /// Freezes the parameters that match a pattern before an epoch, and trains them from that epoch on. The first epoch is 1.
    ///
    /// Patterns are those of [groups](crate::With::group): `*` stands for any text, `|` separates alternatives, and an alternative that
    /// begins with a colon is a [kind](crate::ParamKind). If several patterns match a parameter, it is frozen as long as any of them
    /// freezes it. The optimizer counts the steps of a parameter from its first training step. After the run every parameter is frozen or
    /// trained as it was before the run.
    ///
    /// ```
    /// # use nn::{Activation, Adam, Matrix, Mlp, data::Dataset, loss::Loss, train::Trainer};
    /// # use rand::{SeedableRng, rngs::ChaCha8Rng};
    /// # use std::ops::ControlFlow::Continue;
    /// # let data = Dataset::new(Matrix::from_fn(2, 64, |i, n| (n * (i + 2) % 7) as f64), Matrix::from_fn(1, 64, |_, n| (n % 2) as f64));
    /// let mut net = Mlp::new(&[2, 4, 4, 1], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(1));
    /// let mut trained = Vec::new();
    /// Trainer::with_loss(Loss::Mse, Adam::new(0.01))
    ///     .epochs(4)
    ///     .freeze("layers.0.*")
    ///     .freeze_until("layers.1.*", 3)
    ///     .on_epoch_end(|_, net: &Mlp<f64>| {
    ///         trained.push([0, 1, 2].map(|k: usize| net.layers[k].weight.is_trained()));
    ///         Continue(())
    ///     })
    ///     .fit(&mut net, &data)?;
    /// assert_eq!(trained, [[false, false, true], [false, false, true], [false, true, true], [false, true, true]]);
    /// # Ok::<(), nn::train::TrainError>(())
    /// ```
    ///
    /// # Panics
    /// If the pattern names a kind of parameters that does not exist, or the epoch is 0 or 1.
    #[track_caller]
    pub fn freeze_until(self, pattern: &str, epoch: usize) -> Self {
        assert!(epoch > 1, "freeze_until: no epoch is before epoch {epoch}; give 2 or more");
        self.frozen("freeze_until", pattern, epoch)
    }

    #[track_caller]
    fn frozen(mut self, setting: &str, pattern: &str, until: usize) -> Self {
        if let Err(problem) = check_kinds(setting, pattern) {
            panic!("{problem}");
        }
        self.plan.frozen.push((pattern.to_owned(), until));
        self
    }
}

/// The epoch of parameters that are never trained.
pub(super) const NEVER: usize = usize::MAX;
/// A number of completed epochs after which all parameters are trained, except those that never are.
pub(super) const AT_LAST: usize = NEVER - 2;

impl<T: Real> Plan<'_, T> {
    /// Checks the patterns, and freezes parameters for the first epoch.
    ///
    /// # Errors
    /// If a pattern matches no parameter, or no parameter is left to train.
    pub(super) fn check_stages(&self, model: &mut dyn Module<T>) -> Result<(), String> {
        if self.frozen.is_empty() {
            return Ok(());
        }
        let setting = |until: usize| if until == NEVER { "freeze" } else { "freeze_until" };
        for (pattern, until) in &self.frozen {
            check_names(setting(*until), std::iter::once(&**pattern), model)?;
        }
        self.stage(model, 0);
        if model.count_params() > 0 {
            return Ok(());
        }
        let settings = self.frozen.iter().map(|(pattern, until)| format!("{} `{pattern}`", setting(*until)));
        let settings = settings.collect::<Vec<_>>().join(", ");
        Err(format!("{settings}: nothing is left to be trained in the first epoch"))
    }

    /// Freezes and unfreezes parameters for the epoch that follows `done` completed epochs. Parameters that match no pattern are not
    /// changed.
    pub(super) fn stage(&self, model: &mut dyn Module<T>, done: usize) {
        if self.frozen.is_empty() {
            return;
        }
        model.params_mut(&Path::Root, &mut |path, param| {
            let name = path.to_string();
            let fitting = self.frozen.iter().filter(|(pattern, _)| fits_any(pattern, &name, &|| path.kind()));
            match fitting.map(|(_, until)| *until).max() {
                Some(until) if done < until - 1 => param.freeze(),
                Some(_) => param.unfreeze(),
                None => {}
            }
        });
    }
}

/// The roles of the parameters of a model.
pub(super) struct Roles(Vec<Role>);

impl Roles {
    pub fn of<T: Real>(model: &dyn Module<T>) -> Self {
        let mut roles = Vec::new();
        model.params(&Path::Root, &mut |_, param| roles.push(param.role()));
        Roles(roles)
    }

    /// Restores the roles of the same model.
    pub fn give<T: Real>(&self, model: &mut dyn Module<T>) {
        let mut roles = self.0.iter();
        model.params_mut(&Path::Root, &mut |_, param| match roles.next() {
            Some(Role::Frozen) => param.freeze(),
            _ => param.unfreeze(),
        });
    }
}
