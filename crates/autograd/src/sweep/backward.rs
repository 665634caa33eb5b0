//! The backward sweep over buffers.

use kernel::compiled_once;
use kernel::pool::Pooled;
use kernel::simd::{Accum, Out, fill};
use smallvec::SmallVec;

use crate::rule::op::{LinearTerm, Op, pullback};
use crate::rule::run::run_linear;
use crate::sweep::gradients::Gradients;
use crate::sweep::log::{DeltaStep, Log};
use crate::sweep::regions::Deltas;
use crate::tape::custom_rule::{CustomNode, NodeBuffers, Write};
use crate::tape::records::Inner;
use crate::{MatrixRef, Real, Tape, Var};

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// The gradients of this number with respect to the parameters and variables from which it was computed.
    /// Those of intermediate variables are freed on the way, so that their buffers can be reused;
    /// [`backward_all`](Var::backward_all) keeps them.
    ///
    /// # Panics
    /// If it is not 1 × 1, or depends on constants only.
    #[track_caller]
    pub fn backward(self) -> Gradients<T> {
        let (m, n) = self.shape();
        assert!((m, n) == (1, 1), "backward: {m} × {n} is not a single number: sum it, or use backward_with");
        self.tape().gradients("backward", &[(self, MatrixRef::new(1, 1, &[T::from_f64(1.0)]))], Keep::Leaves)
    }

    /// The gradients of this number with respect to everything from which it was computed, including intermediate variables.
    ///
    /// ```
    /// use autograd::Tape;
    /// let tape = Tape::new();
    /// let x = tape.variable(3.0);
    /// let h = x.square();
    /// let y = h.square();
    /// assert_eq!(y.backward_all().wrt(h)[(0, 0)], 2.0 * 9.0);
    /// assert!(y.backward().get(h).is_none());
    /// ```
    ///
    /// # Panics
    /// If it is not 1 × 1, or depends on constants only.
    #[track_caller]
    pub fn backward_all(self) -> Gradients<T> {
        let (m, n) = self.shape();
        assert!((m, n) == (1, 1), "backward_all: {m} × {n} is not a single number: sum it");
        self.tape().gradients("backward_all", &[(self, MatrixRef::new(1, 1, &[T::from_f64(1.0)]))], Keep::All)
    }

    /// The gradients of Σ w ⊙ y for this variable y: a vector-Jacobian product.
    ///
    /// # Panics
    /// If `w` is of another shape, or y depends on constants only.
    #[track_caller]
    pub fn backward_with<'w>(self, w: impl Into<MatrixRef<'w, T>>) -> Gradients<T> {
        self.tape().gradients("backward_with", &[(self, w.into())], Keep::Leaves)
    }
}

#[compiled_once]
impl<'t, T: Real> Tape<'t, T> {
    /// The gradients of Σₖ Σ wₖ ⊙ yₖ for several variables of this tape, in one sweep.
    ///
    /// # Panics
    /// If the list is empty, the shapes of a weight and its variable differ, or all variables depend on constants only.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let x = tape.variable(Matrix::column(&[1.0, 2.0]));
    /// let (y, z) = (x.square(), x.sum());
    /// let (w, half) = (Matrix::column(&[1.0, 0.0]), Matrix::full(1, 1, 0.5));
    /// assert_eq!(tape.backward(&[(y, w.view()), (z, half.view())]).wrt(x).as_slice(), [2.5, 0.5]);
    /// ```
    #[track_caller]
    pub fn backward(&self, outputs: &[(Var<'t, T>, MatrixRef<'_, T>)]) -> Gradients<T> {
        self.gradients("backward", outputs, Keep::Leaves)
    }

    #[track_caller]
    fn gradients(&self, name: &str, outputs: &[(Var<'t, T>, MatrixRef<'_, T>)], keep: Keep) -> Gradients<T> {
        let mut seeds = SmallVec::<[(u32, &[T]); 2]>::new();
        for (y, w) in outputs {
            let (m, n) = y.shape();
            assert!(y.tape().id() == self.id(), "{name}: a variable is of another tape");
            assert!(w.shape() == (m, n), "{name}: weights {} × {} for a variable {m} × {n}", w.rows(), w.cols());
            if y.needs_gradient() {
                seeds.push((y.id, w.as_slice()));
            }
        }
        assert!(!seeds.is_empty(), "{name}: the value depends on constants only: `explain_no_gradient` says why");
        self.note_reading();
        let mut deltas = Pooled::<Deltas<T>>::take();
        self.with(|inner| sweep(inner, &seeds, keep, &mut deltas, None, &mut ()));
        Gradients { tape: self.id(), outputs: seeds.len(), deltas }
    }
}

/// The derivatives that a sweep keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Those of leaves, of variables bound to parameters, and of the operands of custom rules and checkpoints.
    Leaves,
    /// Those of all nodes.
    All,
}

/// What a term of a gradient reads: the value of a node, or δy.
pub const DELTA: u32 = u32::MAX;

/// A callback after a node has added to an operand's δ. It gets the node, the operand and its δ.
pub(crate) type Watch<'a, T> = &'a mut dyn FnMut(u32, u32, &[T]);

/// δ of every node up to the last that has a seed, from the last to the first. What is done to the buffer is written to `log`.
pub(crate) fn sweep<T: Real, L: Log>(
    inner: &Inner<'_, T>,
    seeds: &[(u32, &[T])],
    keep: Keep,
    deltas: &mut Deltas<T>,
    mut watch: Option<Watch<'_, T>>,
    log: &mut L,
) {
    let nodes = &inner.records.nodes[..];
    let last = seeds.iter().map(|seed| seed.0).max().unwrap_or(0);
    deltas.begin(last as usize + 1);
    for &(id, seed) in seeds.iter().filter(|seed| nodes[seed.0 as usize].is_active()) {
        let (region, accum) = deltas.open(id, seed.len(), log);
        log.note(|| DeltaStep::Seed { at: deltas.start(region), len: seed.len() });
        fill(deltas.slice_mut(region), accum, move |i| seed[i]);
    }
    for id in (0..=last).rev() {
        let (node, terms) = (&nodes[id as usize], inner.terms(id));
        if !node.is_active() {
            continue;
        }
        let is_leaf = terms.is_empty() && !node.has_rule();
        let kept = keep == Keep::All || is_leaf || node.is_bound();
        let Some(region) = deltas.region(id) else {
            if kept {
                let (region, _) = deltas.open(id, node.len(), log);
                log.note(|| DeltaStep::Zero { at: deltas.start(region), len: node.len() });
                deltas.slice_mut(region).fill(T::default());
            }
            continue;
        };
        deltas.settle(region, log);
        match inner.custom(id) {
            Some(custom) => pull_whole(inner, custom, region, deltas, &mut watch, log),
            None => terms.iter().for_each(|&term| pull(inner, id, term, region, deltas, &mut watch, log)),
        }
        if !kept {
            deltas.release(id);
        }
    }
    deltas.params.clone_from(&inner.records.params);
    deltas.updates.clone_from(&inner.pass.updates);
}

/// Adds the terms of a node to the δ of its operands.
#[inline(always)]
fn pull<T: Real, L: Log>(
    inner: &Inner<'_, T>,
    id: u32,
    term: Op<u32>,
    region: u32,
    deltas: &mut Deltas<T>,
    watch: &mut Option<Watch<'_, T>>,
    log: &mut L,
) {
    let nodes = &inner.records.nodes[..];
    let node = &nodes[id as usize];
    let (operands, _) = term.operands();
    pullback(term, id, DELTA, |k, adjoint| {
        let x = operands[k];
        let x_node = &nodes[x as usize];
        if !x_node.is_active() {
            return;
        }
        let (rows, cols) = x_node.shape();
        match adjoint {
            // δx = δy, as at a skip connection, is shared instead of copied.
            LinearTerm::Op(Op::Add(1.0, DELTA)) if deltas.region(x).is_none() && x_node.shape() == node.shape() => {
                return deltas.share(x, region);
            }
            LinearTerm::Op(Op::Pad(0, j, DELTA)) if rows == node.shape().0 && watch.is_none() => {
                return deltas.add_columns(x, rows * cols, region, j as usize * rows, log);
            }
            _ => {}
        }
        let (own, accum) = deltas.open(x, rows * cols, log);
        log.note(|| DeltaStep::Term {
            term: adjoint,
            y: id,
            dy: deltas.start(region),
            x,
            dx: deltas.start(own),
            accum,
        });
        if log.is_dry() {
            return;
        }
        let (dy, data) = deltas.pair(region, own);
        let dy = node.over(dy);
        let look = |id| if id == DELTA { dy } else { inner.view(id) };
        run_linear(adjoint, look, &inner.indices, accum, Out { rows, cols, data });
        if let Some(watch) = watch {
            watch(id, x, deltas.slice_mut(own));
        }
    });
}

/// Adds the terms of a node with a custom rule to the δ of its operands.
#[inline(never)]
fn pull_whole<T: Real, L: Log>(
    inner: &Inner<'_, T>,
    custom: &CustomNode<T>,
    region: u32,
    deltas: &mut Deltas<T>,
    watch: &mut Option<Watch<'_, T>>,
    log: &mut L,
) {
    let (rows, cols) = inner.node(custom.id).shape();
    let mut written = Vec::<(u32, usize, Accum)>::new();
    if log.is_dry() {
        for &x in custom.operands.iter().filter(|&&x| inner.node(x).is_active()) {
            if written.iter().all(|&(known, ..)| known != x) {
                let (own, accum) = deltas.open(x, inner.node(x).len(), log);
                written.push((x, deltas.start(own), accum));
            }
        }
        return log.note(|| DeltaStep::Custom { y: custom.id, dy: deltas.start(region), written });
    }
    // A copy, because the rule reads δy while it writes several others.
    let mut copy = Pooled::<Vec<T>>::take();
    copy.clear();
    copy.extend_from_slice(deltas.slice_mut(region));
    pull_custom(inner, custom, MatrixRef::new(rows, cols, &copy), &mut |x, write| {
        let (own, accum) = deltas.open(x, inner.node(x).len(), log);
        if L::ON {
            written.push((x, deltas.start(own), accum));
        }
        write(deltas.slice_mut(own), accum);
        if let Some(watch) = watch {
            watch(custom.id, x, deltas.slice_mut(own));
        }
    });
    log.note(|| DeltaStep::Custom { y: custom.id, dy: deltas.start(region), written });
}

/// The gradients of the operands of a node with a custom rule.
pub(crate) fn pull_custom<T: Real>(
    inner: &Inner<'_, T>,
    custom: &CustomNode<T>,
    dy: MatrixRef<'_, T>,
    add: &mut dyn FnMut(u32, Write<'_, T>),
) {
    let x: SmallVec<[_; 4]> = custom.operands.iter().map(|&x| inner.view(x)).collect();
    let needs: SmallVec<[_; 4]> = custom.operands.iter().map(|&x| inner.node(x).is_active()).collect();
    let at = NodeBuffers { x: &x, y: inner.view(custom.id), dy, source: inner.source(custom.id) };
    custom.rule.pull(&at, &needs, &mut |k, write| add(custom.operands[k], write));
}
