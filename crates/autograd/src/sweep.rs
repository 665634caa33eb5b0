//! The backward sweep over buffers.

use smallvec::SmallVec;

use crate::elementwise::{Accum, Out};
use crate::gradients::Gradients;
use crate::inner::Inner;
use crate::op::{Linear, Op, pullback};
use crate::pool::{Deltas, Pooled};
use crate::rule::{At, CustomNode, Write};
use crate::run::run_linear;
use crate::{MatrixRef, Real, Tape, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The gradients of this number with respect to everything it was computed from.
    ///
    /// # Panics
    /// If it is not 1 × 1, or depends on constants only.
    #[track_caller]
    pub fn backward(self) -> Gradients<T> {
        let (m, n) = self.shape();
        assert!((m, n) == (1, 1), "backward: {m} × {n} is not a single number: sum it, or use backward_with");
        self.backward_with(MatrixRef::new(1, 1, &[T::from_f64(1.0)]))
    }

    /// The gradients of Σ w ⊙ y for this variable y: a vector-Jacobian product.
    ///
    /// # Panics
    /// If `w` is of another shape, or y depends on constants only.
    #[track_caller]
    pub fn backward_with<'w>(self, w: impl Into<MatrixRef<'w, T>>) -> Gradients<T> {
        assert!(self.needs_gradient(), "backward: the value depends on constants only");
        self.tape().backward(&[(self, w.into())])
    }
}

impl<'t, T: Real> Tape<'t, T> {
    /// The gradients of Σₖ Σ wₖ ⊙ yₖ for several variables of this tape, in one sweep.
    ///
    /// # Panics
    /// If there is none, or a weight is not of the shape of its variable, or all depend on constants only.
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
        let mut seeds = SmallVec::<[(u32, &[T]); 2]>::new();
        for (y, w) in outputs {
            let (m, n) = y.shape();
            assert!(y.tape().id() == self.id(), "backward: a variable is of another tape");
            assert!(w.shape() == (m, n), "backward: weights {} × {} for a variable {m} × {n}", w.rows(), w.cols());
            if y.needs_gradient() {
                seeds.push((y.id, w.as_slice()));
            }
        }
        assert!(!seeds.is_empty(), "backward: the value depends on constants only");
        let mut deltas = Pooled::<T, Deltas<T>>::take();
        self.with(|inner| sweep(inner, &seeds, &mut deltas, |_, _, _, _| ()));
        Gradients { tape: self.id(), deltas }
    }
}

/// What a term of a gradient reads: a value of the tape, or δy.
#[derive(Clone, Copy, PartialEq)]
enum Read {
    Value(u32),
    Delta,
}

/// The place of a derivative that has no term yet.
pub(crate) const NOWHERE: usize = usize::MAX;

/// δ of every node up to the last that has a seed, from the last to the first; `places` says where each came to lie.
///
/// `watch` sees each operand's δ after a node has added to it: the node, its term, the operand, its δ.
pub(crate) fn sweep<T: Real>(
    inner: &Inner<'_, T>,
    seeds: &[(u32, &[T])],
    deltas: &mut Deltas<T>,
    mut watch: impl FnMut(u32, Op<u32>, u32, &[T]),
) {
    let last = seeds.iter().map(|seed| seed.0).max().unwrap_or(0);
    let end = inner.node(last);
    let len = end.grad().map_or(0, |start| start + end.len());
    let Deltas { values, places, params, updates } = deltas;
    if values.len() < len {
        values.resize(len, T::default());
    }
    places.clear();
    places.resize(last as usize + 1, NOWHERE);
    for &(id, seed) in seeds {
        let Some(start) = inner.node(id).grad() else { continue };
        let dy = &mut values[start..start + seed.len()];
        if places[id as usize] == NOWHERE {
            dy.copy_from_slice(seed);
        } else {
            dy.iter_mut().zip(seed).for_each(|(dy, &w)| *dy += w);
        }
        places[id as usize] = start;
    }

    for id in (0..=last).rev() {
        let node = inner.node(id);
        let Some(start) = node.grad() else { continue };
        let at = places[id as usize];
        if at == NOWHERE {
            values[start..start + node.len()].fill(T::default());
            places[id as usize] = start;
            continue;
        }
        // Operands precede results, in the gradient buffer too: read δy above, write δx below.
        let (below, above) = values.split_at_mut(start);
        let dy = MatrixRef::new(node.shape().0, node.shape().1, &above[at - start..][..node.len()]);
        // The place of an operand's δ, and whether it holds something already.
        let place = |x: u32, places: &mut [usize], below: &mut [T]| {
            let node = inner.node(x);
            let own = node.grad()?;
            let place = &mut places[x as usize];
            let accum = if *place == NOWHERE { Accum::Replace } else { Accum::Add };
            if accum == Accum::Add && *place != own {
                // It was aliased, until now that it gains another term.
                below[own..own + node.len()].copy_from_slice(&above[*place - start..][..node.len()]);
            }
            *place = own;
            Some((own, node, accum))
        };
        for &term in inner.terms(id) {
            if let Some(custom) = inner.custom(term) {
                pull_custom(inner, custom, id, dy, &mut |x, write| {
                    let Some((own, node, accum)) = place(x, places, below) else { return };
                    write(&mut below[own..own + node.len()], accum);
                    watch(id, term, x, &below[own..own + node.len()]);
                });
                continue;
            }
            let (operands, _) = term.operands();
            pullback(term.map(Read::Value), Read::Value(id), Read::Delta, |k, adjoint| {
                let x = operands[k];
                // δx = δy, as at a skip connection, is not copied: it lies where δy does.
                if adjoint == Linear::Op(Op::Add(1.0, Read::Delta))
                    && places[x as usize] == NOWHERE
                    && inner.node(x).grad().is_some()
                    && inner.node(x).shape() == node.shape()
                {
                    return places[x as usize] = at;
                }
                let Some((own, x_node, accum)) = place(x, places, below) else { return };
                let (rows, cols) = x_node.shape();
                let data = &mut below[own..own + rows * cols];
                let read = |from| match from {
                    Read::Value(id) => inner.view(id),
                    Read::Delta => dy,
                };
                run_linear(adjoint.map(read), &inner.indices, accum, Out { rows, cols, data });
                watch(id, term, x, &below[own..own + rows * cols]);
            });
        }
    }

    params.clear();
    params
        .extend(inner.records.params.iter().filter(|slot| slot.node <= last && inner.node(slot.node).grad().is_some()));
    updates.clone_from(&inner.pass.updates);
}

/// The gradients of the operands of a node with a rule of its own.
pub(crate) fn pull_custom<T: Real>(
    inner: &Inner<'_, T>,
    custom: &CustomNode<T>,
    id: u32,
    dy: MatrixRef<'_, T>,
    add: &mut dyn FnMut(u32, Write<'_, T>),
) {
    let x: SmallVec<[_; 4]> = custom.operands.iter().map(|&x| inner.view(x)).collect();
    let needs: SmallVec<[_; 4]> = custom.operands.iter().map(|&x| inner.node(x).grad().is_some()).collect();
    let at = At { x: &x, y: inner.view(id), dy, source: inner.source(id) };
    custom.rule.pull(&at, &needs, &mut |k, write| add(custom.operands[k], write));
}
