//! Recomputing values instead of storing them.

use std::sync::Arc;

use kernel::compiled_once;
use kernel::simd::{Accum, fill};
use smallvec::SmallVec;

use crate::tape::custom_rule::{Add, NodeBuffers, Recorded, Rule, Shape, write};
use crate::tape::pass::{Means, Pass};
use crate::{MatrixRef, Real, Tape, Var, jvp, vjp};

/// f(x), of which the tape keeps only the value. What f records is recorded again when a sweep reaches it, and freed
/// afterwards. Derivatives of any order and in any mode are those of f.
///
/// f gets variables in the order of `x`. It must not depend on anything else that has a gradient, so pass parameters in `x`. What is
/// a constant outside is a constant inside, and everything else is a variable, so f may take derivatives itself.
/// A chain of n steps that is cut into √n checkpoints of √n steps needs memory for 2 √n values instead of n, and every
/// step is computed twice (Griewank, Walther, *ACM Trans. Math. Softw.* 26, 2000; Chen, Xu, Zhang, Guestrin, 2016). Checkpoints
/// can be nested.
///
/// # Panics
/// If `x` is empty, or its variables are of different tapes.
///
/// ```
/// use autograd::{Matrix, Tape, checkpoint};
/// let x = Matrix::column(&[0.1, 0.2, 0.3]);
/// let tape = Tape::new();
/// let x = tape.variable(&x);
/// let mut y = x;
/// for _ in 0..10 {
///     y = checkpoint(|v| (0..10).fold(v[0], |y, _| y + y.sin() * 0.1), &[y]);
/// }
/// let z = (0..100).fold(x, |y, _| y + y.sin() * 0.1);
/// assert_eq!(y.value(), z.value());
/// assert_eq!(y.sum().backward().wrt(x), z.sum().backward().wrt(x));
/// // The derivative of a cube, with a derivative of its own.
/// let x = tape.variable(2.0);
/// let slope = checkpoint(|v| autograd::grad(v[0].powi(3), v)[0], &[x]);
/// assert_eq!((slope.item(), slope.backward().wrt(x)[(0, 0)]), (12.0, 12.0));
/// ```
#[track_caller]
pub fn checkpoint<'t, T: Real>(
    f: impl for<'a> Fn(&[Var<'a, T>]) -> Var<'a, T> + Send + Sync + 'static,
    x: &[Var<'t, T>],
) -> Var<'t, T> {
    record(Box::new(f), x)
}

/// The function that is computed again.
type Closure<T> = Box<dyn for<'a> Fn(&[Var<'a, T>]) -> Var<'a, T> + Send + Sync>;

#[compiled_once]
#[track_caller]
fn record<'t, T: Real>(f: Closure<T>, x: &[Var<'t, T>]) -> Var<'t, T> {
    let Some(&first) = x.first() else { panic!("checkpoint: no variable") };
    for &x in x {
        first.same_tape("checkpoint", x);
    }
    // The updates of buffers and the notes on means continue from the earlier ones.
    let seed = first.tape().seed_of_part();
    let updates = first.tape().with_mut(|inner| std::mem::take(&mut inner.pass.updates));
    let before = first.tape().with(|inner| inner.pass.means);
    let needs = x.iter().map(|x| x.needs_gradient()).collect();
    let checkpoint = Checkpoint { f, seed, of_part: before.of_part, needs };
    let (value, updates, means, unseen) = first.tape().with(|inner| {
        let mut pass = Pass::new(seed);
        (pass.updates, pass.means) = (updates, before);
        let tape = Tape::for_pass(pass);
        let views: SmallVec<[_; 4]> = x.iter().map(|x| inner.view(x.id)).collect();
        let y = (checkpoint.f)(&checkpoint.leaves(&tape, &views));
        let unseen = tape.unseen_outside();
        (
            y.value(),
            tape.with_mut(|inner| std::mem::take(&mut inner.pass.updates)),
            tape.with(|inner| inner.pass.means),
            unseen,
        )
    });
    first.tape().with_mut(|inner| (inner.pass.updates, inner.pass.means) = (updates, means));
    if let Some(what) = unseen {
        first.tape().note_unseen(what);
        // The updates may have changed.
        first.tape().with_mut(|inner| inner.pass.computed.clear());
    }
    first.tape().record_value(value, Arc::new(checkpoint), x)
}

/// A function that runs again when its derivative is needed, in the same kind of pass with the same random numbers.
struct Checkpoint<T: Real> {
    f: Closure<T>,
    seed: Option<u64>,
    of_part: bool,
    /// Which operands are not constants. They are variables in f, whatever derivative is needed, because f may differentiate.
    needs: SmallVec<[bool; 4]>,
}

impl<T: Real> Checkpoint<T> {
    /// The pass of every recording, with the same random numbers.
    fn pass(&self) -> Pass<T> {
        let mut pass = Pass::new(self.seed);
        pass.means = Means { of_part: self.of_part, ..Means::default() };
        pass
    }

    fn tape<'a>(&self) -> Tape<'a, T> {
        Tape::for_pass(self.pass())
    }

    /// The arguments of f on its separate tape.
    fn leaves<'a>(&self, tape: &'a Tape<'a, T>, x: &[MatrixRef<'a, T>]) -> SmallVec<[Var<'a, T>; 4]> {
        x.iter().zip(&self.needs).map(|(&x, &needs)| if needs { tape.variable(x) } else { tape.constant(x) }).collect()
    }
}

impl<T: Real> Rule<T> for Checkpoint<T> {
    fn name(&self) -> &str {
        "checkpoint"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>], shape: Shape, y: &mut [T]) -> Result<(), Shape> {
        let tape = self.tape();
        let value = (self.f)(&self.leaves(&tape, x));
        tape.with(|inner| write(inner.view(value.id), shape, y))
    }

    fn pull(&self, at: &NodeBuffers<'_, T>, needs: &[bool], add: Add<'_, T>) {
        let tape = self.tape();
        let x = self.leaves(&tape, at.x);
        let y = (self.f)(&x);
        if !y.needs_gradient() {
            return;
        }
        let grads = y.backward_with(at.dy);
        for (k, &x) in x.iter().enumerate().filter(|&(k, _)| needs[k]) {
            if let Some(dx) = grads.get(x).map(MatrixRef::as_slice) {
                add(k, &mut |data, accum| fill(data, accum, |i| dx[i]));
            }
        }
    }

    fn push(&self, x: &[MatrixRef<'_, T>], _: MatrixRef<'_, T>, dx: &[Option<MatrixRef<'_, T>>], add: Add<'_, T>) {
        let tape = self.tape();
        let x = self.leaves(&tape, x);
        let y = (self.f)(&x);
        let moves: SmallVec<[_; 4]> = x.iter().zip(dx).filter_map(|(&x, dx)| Some((x, (*dx)?))).collect();
        let dy = tape.tangents(&moves).of(y);
        add(0, &mut |data, accum: Accum| fill(data, accum, |i| dy.as_slice()[i]));
    }

    fn record<'t>(&self, at: Recorded<'_, 't, T>, needs: &[bool]) -> Vec<Option<Var<'t, T>>> {
        let x = copies(at.x);
        let y = at.y.tape().during(self.pass(), || (self.f)(&x));
        let dx = vjp(&[(y, at.dy)], &x);
        dx.into_iter().zip(needs).map(|(dx, &needs)| needs.then_some(dx)).collect()
    }

    fn record_push<'t>(&self, x: &[Var<'t, T>], _: Var<'t, T>, dx: &[Option<Var<'t, T>>]) -> Option<Var<'t, T>> {
        let x = copies(x);
        let y = x[0].tape().during(self.pass(), || (self.f)(&x));
        let moves: SmallVec<[_; 4]> = x.iter().zip(dx).filter_map(|(&x, dx)| Some((x, (*dx)?))).collect();
        (!moves.is_empty()).then(|| jvp(y, &moves))
    }
}

/// Separate nodes, because one operand may have been computed from another and partial derivatives are needed.
fn copies<'t, T: Real>(x: &[Var<'t, T>]) -> SmallVec<[Var<'t, T>; 4]> {
    x.iter().map(|&x| x.tape().record_operand(x, x.needs_gradient())).collect()
}
