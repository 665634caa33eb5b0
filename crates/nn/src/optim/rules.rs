//! What holds around any optimizer: decay, clipping, groups of parameters.

use serde::{Deserialize, Serialize};

use super::pattern::fits_one;
use super::{Adadelta, Adagrad, Adam, Adamax, Lion, Momentum, NAdam, Optimizer, RAdam, RmsProp, Rprop, Sgd, Step};
use crate::setting::{ABOVE_0, NOT_NEGATIVE};
use crate::{Kind, Module, Path, Real, Role};

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
///    [`skip_not_finite`](With::skip_not_finite) asks for it, and left in [`State::norm`](super::State::norm);
/// 2. g ← g · min(1, c / ‖g‖);
/// 3. every entry of g is clipped to ±c' ([`clip_value`](With::clip_value));
/// 4. g ← g + λ w ([`l2`](With::l2)) and w ← (1 − α λ') w ([`decoupled_decay`](With::decoupled_decay));
/// 5. the optimizer's formula.
///
/// Steps 2 to 5 are one pass over the weights. It is a serde value if the optimizer is; groups are named by patterns for
/// that reason. Where rules are around rules, decays add, factors multiply, and the tightest clip holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct With<O> {
    /// The optimizer.
    pub optimizer: O,
    /// What holds around it.
    pub rules: Rules,
}

/// What holds around an optimizer. By default nothing: no decay, no clipping, one group.
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
    /// Whether a step is left out if a gradient is not finite.
    pub skip_not_finite: bool,
    /// Patterns of names with what holds for them. The first that fits is taken.
    pub groups: Vec<(String, Group)>,
}

/// What is different for a group of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// By what the learning rate is multiplied.
    pub lr_factor: f64,
    /// By what both decays are multiplied; 0 for none.
    pub decay_factor: f64,
}

impl Default for Group {
    fn default() -> Self {
        Group { lr_factor: 1.0, decay_factor: 1.0 }
    }
}

impl<O> With<O> {
    /// The optimizer under no rules yet. The optimizers here have a method `with` that does this.
    pub fn new(optimizer: O) -> Self {
        With { optimizer, rules: Rules::default() }
    }

    /// Adds λ w to every gradient, as the penalty λ‖w‖²/2 in the loss does (Krogh & Hertz 1992). With adaptive
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

    /// Scales all gradients by min(1, max / ‖g‖), where ‖g‖ is their norm together (Pascanu, Mikolov, Bengio 2013,
    /// algorithm 1). A step whose ‖g‖ is NaN or infinite is left out, as with
    /// [`skip_not_finite`](Self::skip_not_finite).
    ///
    /// # Panics
    /// If `max` is not above 0.
    #[track_caller]
    pub fn clip_norm(mut self, max: f64) -> Self {
        self.rules.clip_norm = Some(ABOVE_0.expect("clip_norm", max));
        self
    }

    /// Leaves out a step if a gradient is NaN or infinite: nothing changes but
    /// [`State::skipped`](super::State::skipped), which a training loop can watch.
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

    /// Parameters whose name fits the pattern have a learning rate and a decay of their own. In a pattern, `*` is any text
    /// and `|` separates alternatives: `encoder.*|*.weight_hh`. An alternative that begins with a colon is a
    /// [kind](Kind) of parameters, whatever their names: `:bias|:embedding`. Where several groups fit, the one that was named
    /// first holds.
    ///
    /// # Panics
    /// If there is no kind of that name, or a factor is negative or not finite.
    #[track_caller]
    pub fn group(mut self, pattern: impl Into<String>, group: Group) -> Self {
        let pattern = pattern.into();
        if let Err(problem) = check_group(&pattern, group) {
            panic!("{problem}");
        }
        self.rules.groups.push((pattern, group));
        self
    }

    /// Biases and the parameters of normalisations do not decay, whatever they are called: the group
    /// `:bias|:norm_scale|:norm_shift`.
    pub fn no_decay_of_biases_and_norms(self) -> Self {
        self.group(":bias|:norm_scale|:norm_shift", Group { decay_factor: 0.0, ..Group::default() })
    }
}

impl<T: Real, O: Optimizer<T>> Optimizer<T> for With<O> {
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
    fn check(&self, model: &dyn Module<T>) -> Result<(), String> {
        self.optimizer.check(model)?;
        self.rules.check(model)
    }
    fn update(&self, step: Step<'_, T>) {
        if let Some(step) = step.under(&self.rules) {
            self.optimizer.update(step);
        }
    }
}

impl Rules {
    /// What holds for a parameter of this name, whose kind [the name tells](Kind::of_name).
    pub fn group_of(&self, name: &str) -> Group {
        self.group_at(name, &|| Kind::of_name(name))
    }

    /// Whether each is in its range, as one from a file may not be, and each group has a parameter in the model, unless it is
    /// of kinds alone.
    fn check<T: Real>(&self, model: &dyn Module<T>) -> Result<(), String> {
        let (mut names, all) = (Vec::new(), crate::setting::all);
        let clips = [("clip_value", self.clip_value), ("clip_norm", self.clip_norm)];
        let clips = clips.map(|(field, clip)| (field, clip.unwrap_or(1.0), ABOVE_0));
        all("rules", &[("l2", self.l2, NOT_NEGATIVE), ("decoupled_decay", self.decoupled_decay, NOT_NEGATIVE)])?;
        all("rules", &clips)?;
        if !self.groups.is_empty() {
            model.params(&Path::Root, &mut |path, param| {
                if param.role() != Role::Buffer {
                    names.push((path.to_string(), path.kind()));
                }
            });
        }
        for (pattern, group) in &self.groups {
            check_group(pattern, *group)?;
            let fits = |(name, kind): &(String, Kind)| pattern.split('|').any(|one| fits_one(one, name, &|| *kind));
            if !names.iter().any(fits) && !pattern.split('|').all(|one| one.starts_with(':')) {
                let names = names.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                return Err(format!("group `{pattern}`: no parameter of the model has such a name: there are {names}"));
            }
        }
        Ok(())
    }

    /// What holds for the parameter of this name and kind.
    pub(super) fn group_at(&self, name: &str, kind: &dyn Fn() -> Kind) -> Group {
        let fits = |pattern: &str| pattern.split('|').any(|one| fits_one(one, name, kind));
        self.groups.iter().find(|(pattern, _)| fits(pattern)).map(|(_, group)| *group).unwrap_or_default()
    }
}

/// Whether the kinds in a pattern are some, and the factors in their range.
fn check_group(pattern: &str, Group { lr_factor, decay_factor }: Group) -> Result<(), String> {
    let mut words = pattern.split('|').filter_map(|one| one.strip_prefix(':'));
    if let Some(word) = words.find(|word| Kind::ALL.iter().all(|(_, name)| name != word)) {
        let kinds = Kind::ALL.map(|(_, name)| format!("`:{name}`")).join(", ");
        return Err(format!("group `{pattern}`: there is no kind `:{word}` of parameters: there are {kinds}"));
    }
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
