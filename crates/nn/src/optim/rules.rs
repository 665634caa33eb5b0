//! Rules that apply to any optimizer: decay, clipping, groups of parameters.

use serde::{Deserialize, Serialize};

use super::pattern::{check_kinds, check_names, fits_any};
use super::{
    Adadelta, Adagrad, Adam, Adamax, Hyperparameters, Lion, Momentum, NAdam, Optimizer, RAdam, RmsProp, Rprop, Sgd,
    Step,
};
use crate::setting::{ABOVE_0, NOT_NEGATIVE};
use crate::{Module, ParamKind, Real};

/// An optimizer under [`Rules`]: decay of weights, clipped gradients, groups of parameters.
///
/// ```
/// use nn::{Adam, Group, Matrix, Optimizer, Param, Tape};
/// let adam = Adam::new(1e-3)
///     .with()
///     .decoupled_decay(1e-2)
///     .clip_norm(1.0)
///     .group(":bias|:norm_scale", Group { lr_factor: 2.0, decay_factor: 0.0 });
///
/// let mut w = Param::new(Matrix::from([[1.0]]));
/// let mut state = adam.init(&w);
/// let tape = Tape::new();
/// let grads = (tape.param(&w) * 5.0).backward();
/// adam.step(&mut w, &grads, &mut state);
/// assert_eq!(state.norm, Some(5.0));
/// ```
///
/// At each step, in this order:
///
/// 1. ‖g‖ over all parameters is measured, if [`clip_norm`](With::clip_norm) or
///    [`skip_not_finite`](With::skip_not_finite) needs it, and stored in [`State::norm`](super::State::norm);
/// 2. g ← g · min(1, c / ‖g‖);
/// 3. every entry of g is clipped to ±c' ([`clip_value`](With::clip_value));
/// 4. g ← g + λ w ([`l2`](With::l2)) and w ← (1 − α λ') w ([`decoupled_decay`](With::decoupled_decay));
/// 5. the optimizer's formula.
///
/// Steps 2 to 5 are one pass over the weights. It can be serialized if the optimizer can. For this reason groups are defined by patterns of
/// names. If rules are nested, decays add, factors multiply, and the tightest clip applies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct With<O> {
    /// The optimizer.
    pub optimizer: O,
    /// Its rules.
    pub rules: Rules,
}

/// The rules of an optimizer. By default there are none: no decay, no clipping, one group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// λ of g ← g + λ w.
    pub l2: f64,
    /// λ' of w ← (1 − α λ') w.
    pub decoupled_decay: f64,
    /// The largest |g| of an entry.
    pub clip_value: Option<f64>,
    /// The largest ‖g‖ of all entries.
    pub clip_norm: Option<f64>,
    /// Whether a step is skipped if a gradient is not finite.
    pub skip_not_finite: bool,
    /// Patterns of names, each with its group. The first pattern that matches applies.
    pub groups: Vec<(String, Group)>,
}

/// The settings of a group of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// The factor of the learning rate.
    pub lr_factor: f64,
    /// The factor of both decays; 0 means no decay.
    pub decay_factor: f64,
}

impl Default for Group {
    fn default() -> Self {
        Group { lr_factor: 1.0, decay_factor: 1.0 }
    }
}

impl<O> With<O> {
    /// The optimizer without rules. The optimizers of this crate have a method `with` that does the same.
    pub fn new(optimizer: O) -> Self {
        With { optimizer, rules: Rules::default() }
    }

    /// Adds λ w to every gradient, like the penalty λ‖w‖²/2 in the loss (Krogh & Hertz 1992). For adaptive
    /// optimizers such as Adam, which divide it by the size of the gradients, prefer
    /// [`decoupled_decay`](Self::decoupled_decay).
    ///
    /// # Panics
    /// If λ is negative or not finite.
    #[track_caller]
    pub fn l2(mut self, lambda: f64) -> Self {
        self.rules.l2 = NOT_NEGATIVE.expect("l2", lambda);
        self
    }

    /// Shrinks every weight by the factor 1 − α λ before its update (Loshchilov & Hutter 2019, algorithm 2, as PyTorch's
    /// AdamW).
    ///
    /// # Panics
    /// If λ is negative or not finite.
    #[track_caller]
    pub fn decoupled_decay(mut self, lambda: f64) -> Self {
        self.rules.decoupled_decay = NOT_NEGATIVE.expect("decoupled_decay", lambda);
        self
    }

    /// Clips every entry of every gradient to [−max, max]. NaN stays NaN.
    ///
    /// # Panics
    /// If `max` is not above 0.
    #[track_caller]
    pub fn clip_value(mut self, max: f64) -> Self {
        self.rules.clip_value = Some(ABOVE_0.expect("clip_value", max));
        self
    }

    /// Scales all gradients by min(1, max / ‖g‖), where ‖g‖ is their joint norm (Pascanu, Mikolov, Bengio 2013,
    /// algorithm 1). A step whose ‖g‖ is NaN or infinite is skipped, as with
    /// [`skip_not_finite`](Self::skip_not_finite).
    ///
    /// # Panics
    /// If `max` is not above 0.
    #[track_caller]
    pub fn clip_norm(mut self, max: f64) -> Self {
        self.rules.clip_norm = Some(ABOVE_0.expect("clip_norm", max));
        self
    }

    /// Skips a step if a gradient is NaN or infinite. Only
    /// [`State::skipped`](super::State::skipped) changes then, which a training loop can watch.
    ///
    /// ```
    /// use nn::{Matrix, Optimizer, Param, Sgd, Tape};
    /// let mut w = Param::new(Matrix::from([[0.0]]));
    /// let sgd = Sgd { lr: 0.1 }.with().skip_not_finite();
    /// let mut state = sgd.init(&w);
    /// let tape = Tape::new();
    /// let grads = tape.param(&w).ln().backward(); // 1 / 0
    /// sgd.step(&mut w, &grads, &mut state);
    /// assert_eq!((w.value()[(0, 0)], state.steps, state.skipped), (0.0, 0, 1));
    /// ```
    pub fn skip_not_finite(mut self) -> Self {
        self.rules.skip_not_finite = true;
        self
    }

    /// Gives parameters whose name matches the pattern a separate learning rate and decay. In a pattern, `*` stands for any text
    /// and `|` separates alternatives: `encoder.*|*.weight_hh`. An alternative that begins with a colon is a
    /// [kind](ParamKind) of parameters, whatever their names: `:bias|:embedding`. If several groups match, the one that was added
    /// first applies.
    /// An alternative that matches no name of a parameter is an error before the first step.
    ///
    /// # Panics
    /// If there is no such kind, or a factor is negative or not finite.
    #[track_caller]
    pub fn group(mut self, pattern: impl Into<String>, group: Group) -> Self {
        let pattern = pattern.into();
        if let Err(problem) = check_group(&pattern, group) {
            panic!("{problem}");
        }
        self.rules.groups.push((pattern, group));
        self
    }

    /// Biases and the parameters of normalisations do not decay, whatever their names: the group
    /// `:bias|:norm_scale|:norm_shift`.
    pub fn no_decay_of_biases_and_norms(self) -> Self {
        self.group(":bias|:norm_scale|:norm_shift", Group { decay_factor: 0.0, ..Group::default() })
    }
}

impl<O: Hyperparameters> Hyperparameters for With<O> {
    fn settings(&self) -> String {
        let own = self.optimizer.settings();
        if self.rules == Rules::default() { own } else { format!("{own}; {:?}", self.rules) }
    }
    fn is_elementwise(&self) -> bool {
        let Rules { clip_norm, skip_not_finite, .. } = self.rules;
        clip_norm.is_none() && !skip_not_finite && self.optimizer.is_elementwise()
    }
    fn formula(&self, k: u64) -> Option<super::formula::Formula> {
        self.optimizer.formula(k)
    }
    fn each_rules<'a>(&'a self, f: &mut dyn FnMut(&'a Rules)) {
        f(&self.rules);
        self.optimizer.each_rules(f);
    }
    fn name(&self) -> &'static str {
        self.optimizer.name()
    }
    fn lr(&self) -> f64 {
        self.optimizer.lr()
    }
    fn set_lr(&mut self, lr: f64) {
        self.optimizer.set_lr(lr);
    }
    fn moments(&self) -> usize {
        self.optimizer.moments()
    }
    fn start(&self, moment: usize) -> f64 {
        self.optimizer.start(moment)
    }
    fn check_settings(&self) -> Result<(), String> {
        self.optimizer.check_settings()?;
        self.rules.check_settings()
    }
}

impl<T: Real, O: Optimizer<T>> Optimizer<T> for With<O> {
    fn check(&self, model: &dyn Module<T>) -> Result<(), String> {
        self.optimizer.check(model)?;
        self.rules.check_settings()?;
        check_names("group", self.rules.groups.iter().map(|(pattern, _)| &**pattern), model)
    }
    fn update(&self, step: Step<'_, T>) {
        if let Some(step) = step.under(&self.rules) {
            self.optimizer.update(step);
        }
    }
}

impl Rules {
    /// The rules for a parameter with this name, whose kind [follows from the name](ParamKind::of_name).
    pub fn group_of(&self, name: &str) -> Group {
        self.group_at(name, &|| ParamKind::of_name(name))
    }

    /// Checks that each setting is in its range. A setting from a file may not be.
    fn check_settings(&self) -> Result<(), String> {
        let all = crate::setting::all;
        let clips = [("clip_value", self.clip_value), ("clip_norm", self.clip_norm)];
        let clips = clips.map(|(field, clip)| (field, clip.unwrap_or(1.0), ABOVE_0));
        all("rules", &[("l2", self.l2, NOT_NEGATIVE), ("decoupled_decay", self.decoupled_decay, NOT_NEGATIVE)])?;
        all("rules", &clips)?;
        self.groups.iter().try_for_each(|(pattern, group)| check_group(pattern, *group))
    }

    /// The rules for the parameter with this name and kind.
    pub(super) fn group_at(&self, name: &str, kind: &dyn Fn() -> ParamKind) -> Group {
        self.groups
            .iter()
            .find(|(pattern, _)| fits_any(pattern, name, kind))
            .map(|(_, group)| *group)
            .unwrap_or_default()
    }
}

/// Checks that the kinds in a pattern exist and that the factors are in their ranges.
fn check_group(pattern: &str, Group { lr_factor, decay_factor }: Group) -> Result<(), String> {
    check_kinds("group", pattern)?;
    let factors = [("lr_factor", lr_factor, NOT_NEGATIVE), ("decay_factor", decay_factor, NOT_NEGATIVE)];
    crate::setting::all(&format!("group `{pattern}`"), &factors)
}

macro_rules! with {
    ($($Optimizer:ident)*) => {$(
        impl $Optimizer {
            /// The optimizer under [`Rules`]: decay, clipping, groups of parameters.
            pub fn with(self) -> With<Self> {
                With::new(self)
            }
        }
    )*};
}
with!(Sgd Momentum RmsProp Adagrad Adadelta Adam Adamax NAdam RAdam Rprop Lion);

#[cfg(test)]
mod tests {
    use super::With;

    #[test]
    fn rules_that_would_climb_are_refused_where_they_are_set() {
        let sgd = || crate::Sgd { lr: 0.1 }.with();
        let refused = |set: fn(With<crate::Sgd>, f64) -> With<crate::Sgd>, value: f64| {
            let set = std::panic::AssertUnwindSafe(|| set(sgd(), value));
            let text = *std::panic::catch_unwind(set).unwrap_err().downcast::<String>().unwrap();
            assert!(text.contains(&format!("{value}")), "{text}");
        };
        for value in [-1.0, f64::NAN] {
            for set in [With::l2, With::decoupled_decay, With::clip_value, With::clip_norm] {
                refused(set, value);
            }
        }
        refused(With::clip_norm, 0.0);
        refused(With::clip_value, 0.0);
        refused(With::l2, f64::INFINITY);
    }
}
