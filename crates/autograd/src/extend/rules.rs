//! How the sweeps see formulas and custom ops.

use std::array::from_fn;

use kernel::simd::{Accum, fill};
use kernel::table::Lane;
use smallvec::SmallVec;

use super::custom::{CustomOp, Formula};
use crate::tape::custom_rule::{Add, FormulaTerms, NodeBuffers, Recorded, Rule, RuleCode, Shape, write};
use crate::{Leaf, Matrix, MatrixRef, Real, Tape, Var, grad};

/// A formula as a rule.
pub(crate) struct Elementwise<const K: usize, F>(pub F);

/// A custom op as a rule.
pub(crate) struct General<O>(pub O);

impl<const K: usize, F: Formula<K>> Elementwise<K, F> {
    /// dx = or += ∂f/∂xₖ d.
    fn slope<T: Real>(
        &self,
        k: usize,
        x: &[MatrixRef<'_, T>],
        y: MatrixRef<'_, T>,
        d: MatrixRef<'_, T>,
        dx: &mut [T],
        accum: Accum,
    ) {
        let (f, len) = (&self.0, dx.len());
        let x: [&[T]; K] = from_fn(|k| &x[k].as_slice()[..len]);
        let (y, d) = (&y.as_slice()[..len], &d.as_slice()[..len]);
        fill(
            dx,
            accum,
            #[inline(always)]
            move |i| f.slope(from_fn(|k| Lane(x[k][i])), Lane(y[i]))[k].0 * d[i],
        );
    }
}

impl<const K: usize, F: Formula<K>, T: Real> Rule<T> for Elementwise<K, F> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn is_elementwise(&self) -> bool {
        true
    }

    /// What it records on a tape of numbers, unless it compares them.
    fn code(&self) -> Option<RuleCode> {
        let tape = Tape::<T>::new();
        let number = || tape.variable(Leaf::Number(T::from_f64(1.0)));
        let (x, y) = (from_fn(|_| number()), number());
        let (value, slopes) = (self.0.value(x), self.0.slope(x, y));
        let last = slopes.iter().map(|slope| slope.id).fold(value.id, u32::max);
        tape.with(|inner| {
            let numbers = (0..=last).map(|id| inner.terms(id).to_vec()).collect();
            let slopes = slopes.iter().map(|slope| slope.id).collect();
            let compares = !inner.branches.is_empty();
            (!compares).then_some(RuleCode::Entrywise(FormulaTerms { numbers, value: value.id, slopes }))
        })
    }

    fn forward(&self, x: &[MatrixRef<'_, T>], _: Shape, y: &mut [T]) -> Result<(), Shape> {
        let (f, len) = (&self.0, y.len());
        let x: [&[T]; K] = from_fn(|k| &x[k].as_slice()[..len]);
        fill(
            y,
            Accum::Replace,
            #[inline(always)]
            move |i| f.value(from_fn(|k| Lane(x[k][i]))).0,
        );
        Ok(())
    }

    fn pull(&self, at: &NodeBuffers<'_, T>, needs: &[bool], add: Add<'_, T>) {
        for k in (0..K).filter(|&k| needs[k]) {
            add(k, &mut |dx, accum| self.slope(k, at.x, at.y, at.dy, dx, accum));
        }
    }

    fn push(&self, x: &[MatrixRef<'_, T>], y: MatrixRef<'_, T>, dx: &[Option<MatrixRef<'_, T>>], add: Add<'_, T>) {
        for (k, dx) in dx.iter().enumerate() {
            if let &Some(dx) = dx {
                add(0, &mut |dy, accum| self.slope(k, x, y, dx, dy, accum));
            }
        }
    }

    fn record<'t>(&self, at: Recorded<'_, 't, T>, needs: &[bool]) -> Vec<Option<Var<'t, T>>> {
        let slopes = self.0.slope(from_fn(|k| at.x[k]), at.y);
        (0..K).map(|k| needs[k].then(|| slopes[k] * at.dy)).collect()
    }

    fn record_push<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dx: &[Option<Var<'t, T>>]) -> Option<Var<'t, T>> {
        let slopes = self.0.slope(from_fn(|k| x[k]), y);
        let terms = (0..K).filter_map(|k| dx[k].map(|dx| slopes[k] * dx));
        terms.reduce(|sum, term| sum + term)
    }
}

impl<O, T: Real> Rule<T> for General<O>
where
    O: CustomOp<T>,
{
    fn name(&self) -> &str {
        self.0.name()
    }

    fn code(&self) -> Option<RuleCode> {
        self.0.wgsl().map(RuleCode::Wgsl)
    }

    fn forward(&self, x: &[MatrixRef<'_, T>], shape: Shape, y: &mut [T]) -> Result<(), Shape> {
        write(self.0.forward(x).view(), shape, y)
    }

    fn pull(&self, at: &NodeBuffers<'_, T>, needs: &[bool], add: Add<'_, T>) {
        let tape = Tape::new();
        let x = variables(&tape, at.x);
        let at = Recorded { x: &x, y: tape.variable(at.y), dy: tape.variable(at.dy), source: at.source };
        for (k, dx) in self.pullback(at, needs).into_iter().enumerate() {
            let Some(dx) = dx else { continue };
            tape.with(|inner| {
                let data = inner.view(dx.id);
                add(k, &mut |dx, accum| fill(dx, accum, |i| data.as_slice()[i]));
            });
        }
    }

    fn push(&self, x: &[MatrixRef<'_, T>], y: MatrixRef<'_, T>, dx: &[Option<MatrixRef<'_, T>>], add: Add<'_, T>) {
        let tape = Tape::new();
        let (x, y) = (variables(&tape, x), tape.variable(y));
        let dx: Vec<_> = dx.iter().map(|dx| dx.map(|dx| tape.constant(dx))).collect();
        let Some(dy) = self.record_push(&x, y, &dx) else { return };
        tape.with(|inner| {
            let data = inner.view(dy.id);
            add(0, &mut |dy, accum| fill(dy, accum, |i| data.as_slice()[i]));
        });
    }

    fn record<'t>(&self, at: Recorded<'_, 't, T>, needs: &[bool]) -> Vec<Option<Var<'t, T>>> {
        // Separate variables, as on a separate tape: the pullback may differentiate, one operand may have been
        // computed from another, and a constant must stay constant for the rule.
        let x: SmallVec<[_; 4]> = at.x.iter().map(|&x| x.tape().record_operand(x, true)).collect();
        self.pullback(Recorded { x: &x, ..at }, needs)
    }

    fn record_push<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dx: &[Option<Var<'t, T>>]) -> Option<Var<'t, T>> {
        // ẏ = J ẋ is the gradient of ⟨Jᵀw, ẋ⟩ with respect to w. It does not depend on w, but derivatives of it are lost where a weight
        // is exactly 0 (`Binary::Weigh`), so no entry of w is 0, and sums of few entries are not either.
        let needs: SmallVec<[bool; 4]> = dx.iter().map(Option::is_some).collect();
        let (rows, cols) = y.shape();
        let w =
            Matrix::from_fn(rows, cols, |i, j| T::from_f64(0.5 + ((i + j * rows) as f64 * 0.618_033_988_75).fract()));
        let w = y.tape().variable(w);
        let pulled = self.record(Recorded { x, y, dy: w, source: y.source() }, &needs);
        let terms = pulled.iter().zip(dx).filter_map(|(g, dx)| Some(((*g)? * (*dx)?).sum()));
        terms.reduce(|sum, term| sum + term).map(|number| grad(number, &[w])[0])
    }
}

impl<O> General<O> {
    /// The gradients of the operands that need one, after a check of their shapes.
    fn pullback<'t, T: Real>(&self, at: Recorded<'_, 't, T>, needs: &[bool]) -> Vec<Option<Var<'t, T>>>
    where
        O: CustomOp<T>,
    {
        let name = format!("{} ({})", self.0.name(), at.source);
        let mut found = self.0.pullback(at.x, at.y, at.dy);
        assert!(found.len() == at.x.len(), "{name}: {} gradients for {} operands", found.len(), at.x.len());
        for (k, (dx, x)) in found.iter_mut().zip(at.x).enumerate() {
            if !needs[k] {
                *dx = None;
                continue;
            }
            let Some(dx) = dx else { panic!("{name}: {}", self.0.why_none(at.x, k)) };
            let ((m, n), (p, q)) = (x.shape(), dx.shape());
            assert!((m, n) == (p, q), "{name}: the gradient of operand {k} is {p} × {q}, the operand {m} × {n}");
        }
        found
    }
}

/// The operands as variables of a separate tape.
fn variables<'t, T: Real>(tape: &'t Tape<'t, T>, x: &[MatrixRef<'t, T>]) -> SmallVec<[Var<'t, T>; 4]> {
    x.iter().map(|&x| tape.variable(x)).collect()
}
