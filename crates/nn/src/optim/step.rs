//! One step over all parameters of a model.

use autograd::vectorised;

use super::{Rules, State, norm};
use crate::{Module, ParamGradients, Path, Real, Role};

/// A step that is about to be made: what [`Optimizer::update`](super::Optimizer::update) gets.
pub struct Step<'s, T: Real> {
    lr: f64,
    model: &'s mut dyn Module<T>,
    grads: &'s dyn ParamGradients<T>,
    state: &'s mut State<T>,
    /// The rules it is made under, the outermost first.
    rules: Vec<&'s Rules>,
    /// By what clipping multiplies all gradients.
    scale: f64,
}

impl<'s, T: Real> Step<'s, T> {
    pub(super) fn new(
        lr: f64,
        model: &'s mut dyn Module<T>,
        grads: &'s dyn ParamGradients<T>,
        state: &'s mut State<T>,
    ) -> Self {
        Step { lr, model, grads, state, rules: Vec::new(), scale: 1.0 }
    }

    /// The same step under rules; `None` if they forbid it.
    pub(super) fn under<'r>(self, more: &'r Rules) -> Option<Step<'r, T>>
    where
        's: 'r,
    {
        let Step { lr, model, grads, state, mut rules, mut scale } = self;
        if more.clip_norm.is_some() || more.skip_not_finite {
            let norm = norm::gradient_norm(model, grads);
            state.norm = norm.is_finite().then_some(norm);
            if !norm.is_finite() {
                state.skipped += 1;
                return None;
            }
            scale = scale.min(more.clip_norm.map_or(1.0, |max| max / norm));
        }
        rules.push(more);
        Some(Step { lr, model, grads, state, rules, scale })
    }

    /// Which step it is: 1, 2, …
    pub fn k(&self) -> u64 {
        self.state.steps + 1
    }

    /// Makes the step: `rule(α)(w, g, moments) = (w, moments)` on every entry of every trained parameter, in vector
    /// code, where α is the learning rate of the parameter's group.
    ///
    /// A moment that has decayed to a subnormal number becomes 0: it changes no weight, and would slow every later step.
    ///
    /// # Panics
    /// If the rule is of another number of moments than the optimizer says.
    pub fn each<const N: usize, R>(self, rule: impl Fn(f64) -> R)
    where
        R: Fn(T, T, [T; N]) -> (T, [T; N]) + Copy,
        [T; N]: Moments<T>,
    {
        let Step { lr, model, grads, state, rules, scale } = self;
        state.steps += 1;
        let mut states = state.params.iter_mut();
        model.params_mut(&Path::Root, &mut |_, param| match param.role() {
            Role::Buffer => {
                if let Some(value) = grads.updated(param) {
                    param.value_mut().as_mut_slice().copy_from_slice(value.as_slice());
                }
            }
            Role::Frozen => drop(states.next()),
            Role::Trained => {
                let (Some(g), Some(state)) = (grads.gradient(param), states.next()) else { return };
                let (w, g, moments) = (param.value_mut().as_mut_slice(), g.as_slice(), &mut state.moments);
                let change = Change::of(&rules, &state.name, lr, scale);
                let rule = rule(change.lr);
                match change.entries() {
                    None => Moments::each(w, g, moments, rule),
                    Some(change) => Moments::each(w, g, moments, move |w, g, m| {
                        let [w, g] = change(w, g);
                        rule(w, g, m)
                    }),
                }
            }
        });
    }
}

/// What rules change at one parameter.
struct Change {
    lr: f64,
    scale: f64,
    limit: f64,
    l2: f64,
    decay: f64,
}

impl Change {
    fn of(rules: &[&Rules], name: &str, lr: f64, scale: f64) -> Self {
        let mut change = Change { lr, scale, limit: f64::INFINITY, l2: 0.0, decay: 0.0 };
        for rules in rules {
            let group = rules.group_of(name);
            change.lr *= group.lr_factor;
            change.limit = change.limit.min(rules.clip_value.unwrap_or(f64::INFINITY));
            change.l2 += rules.l2 * group.decay_factor;
            change.decay += rules.decoupled_decay * group.decay_factor;
        }
        change
    }

    /// g ← clip(s g) + λ w, w ← (1 − α λ') w; `None` where nothing changes.
    fn entries<T: Real>(&self) -> Option<impl Fn(T, T) -> [T; 2] + Copy + use<T>> {
        if self.scale == 1.0 && self.limit == f64::INFINITY && self.l2 == 0.0 && self.decay == 0.0 {
            return None;
        }
        let [scale, limit, l2, keep] = [self.scale, self.limit, self.l2, 1.0 - self.lr * self.decay].map(T::from_f64);
        Some(
            #[inline(always)]
            move |w, g| {
                let clipped = -(-limit).larger(-(-limit).larger(scale * g));
                [keep * w, clipped + l2 * w]
            },
        )
    }
}

/// The moments of one entry: arrays of up to four numbers.
pub trait Moments<T: Real>: Sized {
    /// Applies the rule to every entry.
    #[doc(hidden)]
    fn each(w: &mut [T], g: &[T], moments: &mut [Vec<T>], rule: impl Fn(T, T, Self) -> (T, Self) + Copy);
}

/// A loop for each number of moments, for the compiler to see that their slices are of one length.
macro_rules! moments {
    ($N:literal: $($m:ident)*) => {
        impl<T: Real> Moments<T> for [T; $N] {
            #[inline(always)]
            fn each(w: &mut [T], g: &[T], moments: &mut [Vec<T>], rule: impl Fn(T, T, Self) -> (T, Self) + Copy) {
                let n = w.len();
                let g = &g[..n];
                let [$($m),*] = moments else { panic!("a rule of {} moments for {}", $N, moments.len()) };
                $(let $m = &mut $m[..n];)*
                vectorised(#[inline(always)] || {
                    // Local, lest every store be a possible change of what the rule reads.
                    let (w, rule) = (&mut *w, rule);
                    $(let $m = &mut *$m;)*
                    for i in 0..n {
                        (w[i], [$($m[i]),*]) = rule(w[i], g[i], [$($m[i]),*]);
                        $($m[i] = $m[i].flush();)*
                    }
                });
            }
        }
    };
}
moments!(0:);
moments!(1: m);
moments!(2: m v);
moments!(3: m v u);
moments!(4: m v u s);
