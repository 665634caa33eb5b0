//! One step over all parameters of a model.

use autograd::{compiled_once, vectorised};
use smallvec::SmallVec;

use super::formula::clip_factor;
use super::{Rules, State, norm};
use crate::gradients::{Updates, each_block};
use crate::{Module, ParamGradients, Path, Real, Role};

/// A step that is about to be made: the argument of [`Optimizer::update`](super::Optimizer::update).
pub struct Step<'s, T: Real> {
    lr: f64,
    model: &'s mut dyn Module<T>,
    grads: &'s dyn ParamGradients<T>,
    state: &'s mut State<T>,
    /// The rules that apply to it, the outermost first.
    rules: Vec<&'s Rules>,
    /// The factor by which clipping multiplies all gradients.
    scale: f64,
    turn: Turn,
}

/// Parameters that have missed equally many steps are updated together, in one turn. Almost always one turn updates all of them.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    /// The number of the step for these parameters.
    pub k: u64,
    /// The number of steps that they have missed.
    pub missed: u64,
    /// Whether it is the first turn of the step.
    pub first: bool,
}

#[compiled_once]
impl<'s, T: Real> Step<'s, T> {
    pub(super) fn new(
        lr: f64,
        model: &'s mut dyn Module<T>,
        grads: &'s dyn ParamGradients<T>,
        state: &'s mut State<T>,
        turn: Turn,
    ) -> Self {
        Step { lr, model, grads, state, rules: Vec::new(), scale: 1.0, turn }
    }

    /// The same step under rules; `None` if they skip it.
    #[inline]
    pub(super) fn under<'r>(self, more: &'r Rules) -> Option<Step<'r, T>>
    where
        's: 'r,
    {
        under(self, more)
    }

    /// The number of the step, 1, 2, …, as counted for the parameters that it updates.
    #[inline]
    pub fn k(&self) -> u64 {
        self.turn.k
    }

    /// Makes the step: `rule(α)(w, g, moments) = (w, moments)` on every entry of every trained parameter, in vectorized
    /// code, where α is the learning rate of the parameter's group.
    ///
    /// A moment that has decayed to a subnormal number becomes 0: it would change no weight and slow every later step.
    ///
    /// # Panics
    /// If the number of moments of the rule is not that of the optimizer.
    pub fn each<const N: usize, R>(self, rule: impl Fn(f64) -> R)
    where
        R: Fn(T, T, [T; N]) -> (T, [T; N]) + Copy + Send,
    {
        let Step { lr, model, grads, state, rules, scale, turn } = self;
        state.steps += u64::from(turn.first);
        let available = rayon_core::current_num_threads();
        let entries = if available > 1 { model.count_params() } else { 0 };
        let mut threads = None;
        let mut pieces = Pieces::new();
        let mut states = state.params.iter_mut();
        model.params_mut(&Path::Root, &mut |path, param| match param.role() {
            Role::Buffer => {
                if let Some(value) = grads.updated(param) {
                    param.value_mut().as_mut_slice().copy_from_slice(value.as_slice());
                }
            }
            Role::Frozen => states.next().into_iter().for_each(|state| {
                state.of = Some(param.id());
                state.missed += u64::from(turn.first);
            }),
            Role::Trained => {
                let (Some(Updates { entries: own, g, h }), Some(state)) = (grads.updates(param), states.next()) else {
                    return;
                };
                if state.missed != turn.missed {
                    return;
                }
                state.of = Some(param.id());
                let change = Change::of(&rules, (&state.name, path), lr, scale);
                let (rule, change) = (rule(change.lr), change.entries());
                let moments = slices(&mut state.moments).map(|moment| &mut moment[own.clone()]);
                let w = &mut param.value_mut().as_mut_slice()[own];
                let mut piece = Piece { w, g, h, moments, change, rule };
                let least = if piece.h.is_some() { LEAST_AWAKE } else { LEAST };
                let threads = threads.get_or_insert(if entries < least { 1 } else { available });
                if *threads > 1 { piece.cut(PIECE.max(entries / PIECES), &mut pieces) } else { piece.step() }
            }
        });
        share(&mut pieces, threads.unwrap_or(1), &Piece::len, &Piece::step);
    }
}

#[compiled_once]
fn under<'r, 's: 'r, T: Real>(step: Step<'s, T>, more: &'r Rules) -> Option<Step<'r, T>> {
    let Step { lr, model, grads, state, mut rules, mut scale, turn } = step;
    if more.clip_norm.is_some() || more.skip_not_finite {
        let norm = norm::gradient_norm(model, grads);
        state.norm = norm.is_finite().then_some(norm);
        if !norm.is_finite() {
            state.skipped += u64::from(turn.first);
            return None;
        }
        scale = scale.min(more.clip_norm.map_or(1.0, |max| clip_factor(max, norm)));
    }
    rules.push(more);
    Some(Step { lr, model, grads, state, rules, scale, turn })
}

/// Models with at least this many entries are updated by all threads of rayon's current pool.
const LEAST: usize = 1 << 15;
/// The same limit if the threads are already running, because each has just computed the gradients of its part of the batch.
const LEAST_AWAKE: usize = 1 << 13;
/// The smallest number of entries of a piece of a parameter.
const PIECE: usize = 1 << 12;
/// Roughly the largest number of pieces of a model; larger models have larger pieces.
const PIECES: usize = 64;
/// A list of pieces that is on the stack for most models, so that a step allocates nothing.
type Pieces<P> = SmallVec<[P; 2 * PIECES]>;

/// Calls `f` for every item, on this number of threads. A thread gets the same items at every step, so they are in its cache.
fn share<X: Send>(items: &mut [X], threads: usize, size: &(impl Fn(&X) -> usize + Sync), f: &(impl Fn(&mut X) + Sync)) {
    if threads <= 1 {
        return items.iter_mut().for_each(f);
    }
    let (few, mut left) = (threads / 2, items.iter().map(size).sum::<usize>() * (threads / 2) / threads);
    let middle = items.iter().position(|item| left.checked_sub(size(item)).map(|rest| left = rest).is_none());
    let (a, b) = items.split_at_mut(middle.unwrap_or(items.len()));
    rayon_core::join(|| share(a, few, size, f), || share(b, threads - few, size, f));
}

/// Some entries of a parameter, and how they are updated.
struct Piece<'a, T, C, R, const N: usize> {
    w: &'a mut [T],
    g: &'a [T],
    /// The summand of g.
    h: Option<&'a [T]>,
    moments: [&'a mut [T]; N],
    /// What the rules do before the optimizer.
    change: Option<C>,
    rule: R,
}

impl<'a, T: Real, C, R, const N: usize> Piece<'a, T, C, R, N>
where
    C: Fn(T, T) -> [T; 2] + Copy,
    R: Fn(T, T, [T; N]) -> (T, [T; N]) + Copy,
{
    fn len(&self) -> usize {
        self.w.len()
    }

    fn step(&mut self) {
        let Piece { w, g, h, moments, change, rule } = self;
        let (change, rule) = (change.as_ref(), *rule);
        each_block(g, *h, |start, g| {
            let w = &mut w[start..][..g.len()];
            let moments = moments.each_mut().map(|m| &mut m[start..][..g.len()]);
            match change {
                None => each_entry(w, g, moments, rule),
                Some(change) => each_entry(w, g, moments, move |w, g, m| {
                    let [w, g] = change(w, g);
                    rule(w, g, m)
                }),
            }
        });
    }

    fn cut(self, size: usize, pieces: &mut Pieces<Self>) {
        let Piece { mut w, mut g, mut h, mut moments, change, rule } = self;
        while !w.is_empty() {
            let len = size.min(w.len());
            const WHY: &str = "all are as long as the weights";
            pieces.push(Piece {
                w: w.split_off_mut(..len).expect(WHY),
                g: g.split_off(..len).expect(WHY),
                h: h.as_mut().map(|h| h.split_off(..len).expect(WHY)),
                moments: moments.each_mut().map(|m| m.split_off_mut(..len).expect(WHY)),
                change,
                rule,
            });
        }
    }
}

/// What the rules change for one parameter.
pub(super) struct Change {
    pub lr: f64,
    pub scale: f64,
    pub limit: f64,
    pub l2: f64,
    pub decay: f64,
}

impl Change {
    pub fn of(rules: &[&Rules], (name, path): (&str, &Path<'_>), lr: f64, scale: f64) -> Self {
        let mut change = Change { lr, scale, limit: f64::INFINITY, l2: 0.0, decay: 0.0 };
        for rules in rules {
            let group = rules.group_at(name, &|| path.kind());
            change.lr *= group.lr_factor;
            change.limit = change.limit.min(rules.clip_value.unwrap_or(f64::INFINITY));
            change.l2 += rules.l2 * group.decay_factor;
            change.decay += rules.decoupled_decay * group.decay_factor;
        }
        change
    }

    /// g ← clip(s g) + λ w, w ← (1 − α λ') w; `None` if nothing changes.
    fn entries<T: Real>(&self) -> Option<impl Fn(T, T) -> [T; 2] + Copy + Send + use<T>> {
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

fn slices<T, const N: usize>(moments: &mut [Vec<T>]) -> [&mut [T]; N] {
    assert!(moments.len() == N, "a rule of {N} moments for {}", moments.len());
    let mut all = moments.iter_mut();
    std::array::from_fn(|_| all.next().expect("as many as counted").as_mut_slice())
}

const LANES: usize = 16;

/// The numbers, at most as many as there are lanes, padded with zeros.
#[inline(always)]
fn lanes<T: Real>(x: &[T]) -> [T; LANES] {
    let mut lanes = [T::default(); LANES];
    lanes[..x.len()].copy_from_slice(x);
    lanes
}

/// Applies a rule to every entry. The moments are slices of the same length as the weights.
#[inline(always)]
fn each_entry<T: Real, const N: usize>(
    w: &mut [T],
    g: &[T],
    mut moments: [&mut [T]; N],
    rule: impl Fn(T, T, [T; N]) -> (T, [T; N]) + Copy,
) {
    let n = w.len();
    let g = &g[..n];
    vectorised(
        #[inline(always)]
        || {
            // These are local, because otherwise the compiler must assume that every store may change what the rule reads. It also learns
            // that the lengths are equal.
            let (w, moments, rule) = (&mut *w, moments.each_mut().map(|m| &mut m[..n]), rule);
            let whole = n - n % LANES;
            for i in 0..whole {
                let (new, of_entry) = rule(w[i], g[i], std::array::from_fn(|k| moments[k][i]));
                w[i] = new;
                for k in 0..N {
                    moments[k][i] = of_entry[k].flush();
                }
            }
            // The remaining entries are computed as one vector, padded with zeros.
            if whole < n {
                let (mut rest, g) = (lanes(&w[whole..]), lanes(&g[whole..]));
                let mut of_rest: [_; N] = std::array::from_fn(|k| lanes(&moments[k][whole..]));
                for i in 0..LANES {
                    let (new, of_entry) = rule(rest[i], g[i], std::array::from_fn(|k| of_rest[k][i]));
                    rest[i] = new;
                    for k in 0..N {
                        of_rest[k][i] = of_entry[k].flush();
                    }
                }
                w[whole..].copy_from_slice(&rest[..n - whole]);
                for k in 0..N {
                    moments[k][whole..].copy_from_slice(&of_rest[k][..n - whole]);
                }
            }
        },
    );
}
