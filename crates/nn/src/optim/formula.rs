//! Formulas of optimizers, generic in the number: the loops of this crate compute with them, and code for other devices is written from
//! them.

use autograd::Number;

use super::{Hyperparameters, Optimizer, Rules, State, step::Change};
use crate::{Module, Path, Real, Role};

/// w ← w − α g.
#[inline(always)]
pub(super) fn sgd<N: Number>(rate: N, w: N, g: N) -> N {
    w - rate * g
}

/// v ← μ v + (1 − d) g, w ← w − α (a g + b v).
#[inline(always)]
pub(super) fn momentum<N: Number>([mu, rest, ahead, along]: [N; 4], rate: N, w: N, g: N, v: N) -> (N, [N; 1]) {
    let v = mu * v + rest * g;
    (w - rate * (ahead * g + along * v), [v])
}

/// That of [`Adam`](super::Adam), with the corrections taken out of the quotient.
#[inline(always)]
pub(super) fn adam<N: Number>(
    [b1, r1, b2, r2, inside, outside]: [N; 6],
    rate: N,
    w: N,
    g: N,
    [v, ms]: [N; 2],
) -> (N, [N; 2]) {
    let v = b1 * v + r1 * g;
    let ms = b2 * ms + r2 * g * g;
    (w - rate * v / ((ms + inside).sqrt() + outside), [v, ms])
}

/// The same with the largest MS so far.
#[inline(always)]
pub(super) fn amsgrad<N: Number>(
    [b1, r1, b2, r2, inside, outside]: [N; 6],
    rate: N,
    w: N,
    g: N,
    [v, ms, largest]: [N; 3],
) -> (N, [N; 3]) {
    let v = b1 * v + r1 * g;
    let ms = b2 * ms + r2 * g * g;
    let largest = largest.max(ms);
    (w - rate * v / ((largest + inside).sqrt() + outside), [v, ms, largest])
}

/// Which formula an optimizer has.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sgd,
    Momentum,
    Adam,
    AmsGrad,
}

/// The formula of an optimizer at one step.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Formula {
    pub kind: Kind,
    /// What the learning rate is multiplied and divided by.
    pub rate: [f64; 2],
    pub constants: Vec<f64>,
}

impl Kind {
    /// The number of constants besides the rate, and the number of moments.
    pub fn counts(self) -> (usize, usize) {
        match self {
            Kind::Sgd => (0, 0),
            Kind::Momentum => (4, 1),
            Kind::Adam => (6, 2),
            Kind::AmsGrad => (6, 3),
        }
    }

    /// The new weight and moments.
    ///
    /// # Panics
    /// Unless there are as many constants and moments as the formula has.
    pub fn apply<N: Number>(self, constants: &[N], rate: N, w: N, g: N, moments: &[N]) -> (N, Vec<N>) {
        fn all<N: Copy, const K: usize>(x: &[N]) -> [N; K] {
            *x.first_chunk().filter(|_| x.len() == K).expect("as many numbers as the formula has")
        }
        match self {
            Kind::Sgd => (sgd(rate, w, g), Vec::new()),
            Kind::Momentum => {
                let [v] = all(moments);
                let (w, moments) = momentum(all(constants), rate, w, g, v);
                (w, moments.to_vec())
            }
            Kind::Adam => {
                let (w, moments) = adam(all(constants), rate, w, g, all(moments));
                (w, moments.to_vec())
            }
            Kind::AmsGrad => {
                let (w, moments) = amsgrad(all(constants), rate, w, g, all(moments));
                (w, moments.to_vec())
            }
        }
    }
}

/// How rules and missed steps change the update of one trained parameter.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq)]
pub struct ParamRule {
    /// The identity of the parameter.
    pub id: u64,
    lr: f64,
    limit: f64,
    l2: f64,
    decay: f64,
    missed: u64,
}

/// The factor of all gradients that clips their norm: min(1, c / ‖g‖).
#[doc(hidden)]
pub fn clip_factor<N: Number>(max: N, norm: N) -> N {
    (max / norm).min(norm.zero() + 1.0)
}

/// g ← clip(s g) + λ w, w ← (1 − α λ') w: what is done before the formula, with constants `[keep, limit, l2]` and the
/// [factor](clip_factor) s.
#[doc(hidden)]
pub fn before<N: Number>([keep, limit, l2]: [N; 3], factor: N, w: N, g: N) -> [N; 2] {
    let clipped = -(-limit).max(-(-limit).max(factor * g));
    [keep * w, clipped + l2 * w]
}

impl ParamRule {
    /// The constants of `before`, the rate, and those of the formula, at the next step after `steps` steps.
    pub fn constants(&self, optimizer: &(impl Hyperparameters + ?Sized), steps: u64) -> Vec<f64> {
        let formula = optimizer.formula(steps.saturating_sub(self.missed) + 1).expect("it had a formula before");
        let lr = optimizer.lr() * self.lr;
        let mut all = vec![1.0 - lr * self.decay, self.limit, self.l2, lr * formula.rate[0] / formula.rate[1]];
        all.extend(formula.constants);
        all
    }
}

/// The rules of the trained parameters, in order. If a rule needs the norm of all gradients, also the largest norm, which is infinite if norms are
/// not clipped: a step whose norm is not finite is skipped.
///
/// # Errors
/// If the optimizer has no such formula.
#[doc(hidden)]
pub fn param_rules<T: Real>(
    optimizer: &dyn Optimizer<T>,
    model: &dyn Module<T>,
    state: &State<T>,
) -> Result<(Vec<ParamRule>, Option<f64>), String> {
    let name = optimizer.name();
    if optimizer.formula(1).is_none() {
        return Err(format!("the optimizer {name} has no code for devices: use Adam, AMSGrad, SGD or momentum"));
    }
    optimizer.check_state(model, state).map_err(|error| error.to_string())?;
    let mut rules: Vec<&Rules> = Vec::new();
    optimizer.each_rules(&mut |more| rules.push(more));
    let clipped = |rules: &&Rules| rules.clip_norm.or(rules.skip_not_finite.then_some(f64::INFINITY));
    let norm = rules.iter().filter_map(clipped).reduce(f64::min);
    let (mut states, mut all) = (state.params.iter(), Vec::new());
    model.params(&Path::Root, &mut |path, param| {
        let state = if param.role() == Role::Buffer { None } else { states.next() };
        if let Some(state) = state.filter(|_| param.is_trained()) {
            let Change { lr, limit, l2, decay, .. } = Change::of(&rules, (&state.name, path), 1.0, 1.0);
            all.push(ParamRule { id: param.id(), lr, limit, l2, decay, missed: state.missed });
        }
    });
    Ok((all, norm))
}

/// What a step changes besides weights and moments: the number of steps, also of those that frozen parameters missed, and the norm of the
/// gradients if a rule needs it. If that is not finite, the step was skipped.
#[doc(hidden)]
pub fn count_step<T: Real>(model: &dyn Module<T>, state: &mut State<T>, norm: Option<f64>) {
    if let Some(norm) = norm {
        state.norm = norm.is_finite().then_some(norm);
        if !norm.is_finite() {
            state.skipped += 1;
            return;
        }
    }
    state.steps += 1;
    let mut states = state.params.iter_mut();
    model.params(&Path::Root, &mut |_, param| {
        if param.role() != Role::Buffer
            && let Some(state) = states.next()
        {
            state.of = Some(param.id());
            state.missed += u64::from(!param.is_trained());
        }
    });
}

/// The moments of each parameter that is no buffer, in the order of the model.
#[doc(hidden)]
pub fn moments<T: Real>(state: &mut State<T>) -> impl Iterator<Item = &mut Vec<Vec<T>>> {
    state.params.iter_mut().map(|param| &mut param.moments)
}
