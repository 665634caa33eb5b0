//! Recomputing instead of storing.

use std::sync::Arc;

use kernel::compiled_once;
use kernel::simd::{Accum, fill};
use smallvec::SmallVec;

use crate::tape::custom_rule::{Add, At, Recorded, Rule, leaves};
use crate::tape::pass::Pass;
use crate::{MatrixRef, Real, Tape, Var, jvp, vjp};

/// f(x), of which the tape keeps the value alone: what f records is recorded again when a sweep comes by, and forgotten
/// after it. Derivatives of any order and in any mode are those of f.
///
/// f gets variables in the order of `x` and must depend on nothing else that has a gradient: hand parameters over in `x`.
/// A chain of n steps that is cut into √n checkpoints of √n steps needs memory for 2 √n values instead of n, and every
/// step is computed twice (Griewank, Walther, *ACM Trans. Math. Softw.* 26, 2000; Chen, Xu, Zhang, Guestrin, 2016). A
/// checkpoint may contain checkpoints.
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
/// ```
#[track_caller]
pub fn checkpoint<'t, T: Real>(
    f: impl for<'a> Fn(&[Var<'a, T>]) -> Var<'a, T> + Send + Sync + 'static,
    x: &[Var<'t, T>],
) -> Var<'t, T> {
    record(Box::new(f), x)
}

/// What is computed again.
type Closure<T> = Box<dyn for<'a> Fn(&[Var<'a, T>]) -> Var<'a, T> + Send + Sync>;

#[compiled_once]
#[track_caller]
fn record<'t, T: Real>(f: Closure<T>, x: &[Var<'t, T>]) -> Var<'t, T> {
    let Some(&first) = x.first() else { panic!("checkpoint: no variable") };
    for &x in x {
        first.same_tape("checkpoint", x);
    }
    // What was asked of a buffer goes on from what was asked before.
    let seed = first.tape().draw();
    let updates = first.tape().with_mut(|inner| std::mem::take(&mut inner.pass.updates));
    let (value, updates) = first.tape().with(|inner| {
        let mut pass = Pass::new(seed);
        pass.updates = updates;
        let tape = Tape::for_pass(pass);
        let views: SmallVec<[_; 4]> = x.iter().map(|x| inner.view(x.id)).collect();
        let value = f(&leaves(&tape, &views, &vec![false; x.len()])).value();
        (value, tape.with_mut(|inner| std::mem::take(&mut inner.pass.updates)))
    });
    first.tape().with_mut(|inner| inner.pass.updates = updates);
    first.tape().record_value(value, Arc::new(Checkpoint { f, seed }), x)
}

/// A function that is run again when its derivative is asked for, in the same kind of pass with the same draws.
struct Checkpoint<T: Real> {
    f: Closure<T>,
    seed: Option<u64>,
}

impl<T: Real> Checkpoint<T> {
    /// The pass that every recording is made for: with the same draws.
    fn pass(&self) -> Pass<T> {
        Pass::new(self.seed)
    }

    fn tape<'a>(&self) -> Tape<'a, T> {
        Tape::for_pass(self.pass())
    }
}

impl<T: Real> Rule<T> for Checkpoint<T> {
    fn name(&self) -> &str {
        "checkpoint"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>], y: &mut [T]) {
        let tape = self.tape();
        let value = (self.f)(&leaves(&tape, x, &vec![false; x.len()]));
        tape.with(|inner| y.copy_from_slice(inner.view(value.id).as_slice()));
    }

    fn pull(&self, at: &At<'_, T>, needs: &[bool], add: Add<'_, T>) {
        let tape = self.tape();
        let x = leaves(&tape, at.x, needs);
        let y = (self.f)(&x);
        if !y.needs_gradient() {
            return;
        }
        let grads = y.backward_with(at.dy);
        for (k, &x) in x.iter().enumerate() {
            if let Some(dx) = grads.get(x).map(MatrixRef::as_slice) {
                add(k, &mut |data, accum| fill(data, accum, |i| dx[i]));
            }
        }
    }

    fn push(&self, x: &[MatrixRef<'_, T>], _: MatrixRef<'_, T>, dx: &[Option<MatrixRef<'_, T>>], add: Add<'_, T>) {
        let tape = self.tape();
        let needs: SmallVec<[bool; 4]> = dx.iter().map(Option::is_some).collect();
        let x = leaves(&tape, x, &needs);
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

/// Nodes of their own: one operand may have been computed from another, and what is asked for are partial derivatives.
fn copies<'t, T: Real>(x: &[Var<'t, T>]) -> SmallVec<[Var<'t, T>; 4]> {
    x.iter().map(|x| x.scale(1.0)).collect()
}
