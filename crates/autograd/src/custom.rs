//! Functions that are written outside the table: elementwise ones as a formula, any other as forward and pullback.

use std::array::from_fn;
use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::elementwise::{Accum, fill};
use crate::map::Number;
use crate::number::{Dual, Lane};
use crate::{Matrix, MatrixRef, Real, Tape, Var, grad};

/// An elementwise function of `K` operands, written once for every kind of number.
///
/// The slope may be left out: dual numbers compute it in the same vector loop. Either way the function
/// can be differentiated to any order, in reverse and forward. [`formula!`](crate::formula!) writes one from an expression;
/// a struct may hold parameters:
///
/// ```
/// use autograd::{Formula, Matrix, Number, check};
/// #[derive(Clone)]
/// struct Swish(f64);
/// impl Formula<1> for Swish {
///     fn name(&self) -> &str {
///         "swish"
///     }
///     fn value<N: Number>(&self, [x]: [N; 1]) -> N {
///         x * (x * self.0).sigmoid() // x σ(βx)
///     }
/// }
/// check(|v| v[0].map(Swish(1.5)), &[Matrix::from([[0.3, -2.0]])]);
/// ```
pub trait Formula<const K: usize>: Send + Sync + 'static {
    /// What it is called in reports and pictures.
    fn name(&self) -> &str;

    /// f(x).
    fn value<N: Number>(&self, x: [N; K]) -> N;

    /// ∂f/∂xₖ for each k, where y = f(x).
    fn slope<N: Number>(&self, x: [N; K], y: N) -> [N; K] {
        let _ = y;
        let moving = |k| from_fn(|i| if i == k { Dual::variable(x[i]) } else { Dual::constant(x[i]) });
        from_fn(|k| self.value(moving(k)).tangent)
    }
}

/// An elementwise function in one line: `formula!(|x| x * x.sigmoid())`, or of several operands, or with its slopes,
/// which may read the value y.
///
/// ```
/// use autograd::{Matrix, check, formula, map};
/// let x = Matrix::from([[0.5, -1.0, 2.0]]);
/// check(|v| v[0].map(formula!(|x| x / (x.square() + 1.0).sqrt())), &[&x]);
/// check(|v| map(formula!(|a, b| a * b / (a + b)), [v[0].exp(), v[1].exp()]), &[&x, &x]);
/// check(|v| v[0].map(formula!(|x| (-x.square()).exp(), |y| [x * y * -2.0])), &[&x]);
/// ```
#[macro_export]
macro_rules! formula {
    (|$($x:ident),+| $value:expr) => { $crate::formula!(@ [$($x),+] $value,) };
    (|$($x:ident),+| $value:expr, |$y:ident| $slope:expr) => {
        $crate::formula!(@ [$($x),+] $value, #[inline(always)]
            fn slope<N: $crate::Number>(
                &self,
                [$($x),+]: [N; { [$(stringify!($x)),+].len() }],
                $y: N,
            ) -> [N; { [$(stringify!($x)),+].len() }] {
                $(let _ = $x;)+
                let _ = $y;
                $slope
            }
        )
    };
    (@ [$($x:ident),+] $value:expr, $($slope:tt)*) => {{
        struct Formula;
        impl $crate::Formula<{ [$(stringify!($x)),+].len() }> for Formula {
            fn name(&self) -> &str {
                stringify!($value)
            }
            #[inline(always)]
            fn value<N: $crate::Number>(&self, [$($x),+]: [N; { [$(stringify!($x)),+].len() }]) -> N {
                $value
            }
            $($slope)*
        }
        Formula
    }};
}

/// A function of any kind with a rule of its own: how it is computed, and the rule of its gradient in variables, so
/// that it can be differentiated to any order.
///
/// The tangent of forward mode follows from the rule: a pullback is linear in δy, and its transpose is the tangent.
///
/// ```
/// use autograd::{CustomOp, Matrix, MatrixRef, Real, Var, check};
/// /// y = x xᵀ x, of which δx = δy xᵀ x + x δyᵀ x + x xᵀ δy.
/// struct Cubic;
/// impl<T: Real> CustomOp<T> for Cubic {
///     fn name(&self) -> &str {
///         "cubic"
///     }
///     fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
///         let tape = autograd::Tape::new();
///         let x = tape.constant(x[0]);
///         x.matmul_nt(x).matmul(x).value()
///     }
///     fn pullback<'t>(&self, x: &[Var<'t, T>], _y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
///         let x = x[0];
///         vec![Some(dy.matmul(x.matmul_tn(x)) + x.matmul(dy.matmul_tn(x)) + x.matmul_nt(x).matmul(dy))]
///     }
/// }
/// check(|v| v[0].tape().custom(Cubic, v), &[Matrix::from([[0.5, -0.2], [0.3, 0.9]])]);
/// ```
pub trait CustomOp<T: Real>: Send + Sync + 'static {
    /// What it is called in errors, reports and pictures.
    fn name(&self) -> &str;

    /// The value.
    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T>;

    /// The gradient of each operand, of its shape, from the operands, the value and the gradient there. An operand
    /// that never needs one may have `None`; asking for it then panics with the name of the op.
    fn pullback<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>>;
}

/// What the tape knows of a function with a rule of its own.
pub(crate) trait Rule<T: Real>: Send + Sync {
    fn name(&self) -> &str;

    /// Whether every entry of the value depends on the same entry of the operands alone.
    fn is_elementwise(&self) -> bool {
        false
    }

    /// The value, into its place.
    fn forward(&self, x: &[MatrixRef<'_, T>], y: &mut [T]);

    /// The gradient of each operand that needs one, for the sweep to place.
    fn pull(&self, at: &At<'_, T>, needs: &[bool], add: Add<'_, T>);

    /// The terms of the tangent of y, from the tangents of the operands that move.
    fn push(&self, x: &[MatrixRef<'_, T>], y: MatrixRef<'_, T>, dx: &[Option<MatrixRef<'_, T>>], add: Add<'_, T>);

    /// The gradient of each operand that needs one, recorded.
    fn record<'t>(&self, at: Recorded<'_, 't, T>, needs: &[bool]) -> Vec<Option<Var<'t, T>>>;

    /// The tangent of y, recorded; `None` if no operand moves.
    fn record_push<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dx: &[Option<Var<'t, T>>]) -> Option<Var<'t, T>>;
}

/// Operands, value and gradient of a node.
pub(crate) struct At<'a, T> {
    pub x: &'a [MatrixRef<'a, T>],
    pub y: MatrixRef<'a, T>,
    pub dy: MatrixRef<'a, T>,
    /// The line that recorded it.
    pub source: &'static Location<'static>,
}

/// The same as variables.
#[derive(Clone, Copy)]
pub(crate) struct Recorded<'a, 't, T: Real> {
    pub x: &'a [Var<'t, T>],
    pub y: Var<'t, T>,
    pub dy: Var<'t, T>,
    pub source: &'static Location<'static>,
}

/// Takes a term for operand k (0 for the tangent of y): what writes it to a place.
pub(crate) type Add<'a, T> = &'a mut dyn FnMut(usize, Write<'_, T>);

/// Writes a term to a place.
pub(crate) type Write<'a, T> = &'a mut dyn FnMut(&mut [T], Accum);

/// A node's function and operands.
#[derive(Clone)]
pub(crate) struct CustomNode<T> {
    pub rule: Arc<dyn Rule<T>>,
    pub operands: SmallVec<[u32; 3]>,
}

/// A formula as a rule.
struct Elementwise<const K: usize, F>(F);

/// A custom op as a rule.
struct General<O>(O);

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

    fn forward(&self, x: &[MatrixRef<'_, T>], y: &mut [T]) {
        let (f, len) = (&self.0, y.len());
        let x: [&[T]; K] = from_fn(|k| &x[k].as_slice()[..len]);
        fill(
            y,
            Accum::Replace,
            #[inline(always)]
            move |i| f.value(from_fn(|k| Lane(x[k][i]))).0,
        );
    }

    fn pull(&self, at: &At<'_, T>, needs: &[bool], add: Add<'_, T>) {
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

    fn forward(&self, x: &[MatrixRef<'_, T>], y: &mut [T]) {
        y.copy_from_slice(self.0.forward(x).as_slice());
    }

    fn pull(&self, at: &At<'_, T>, needs: &[bool], add: Add<'_, T>) {
        let tape = Tape::new();
        let x = leaves(&tape, at.x, needs);
        let at = Recorded { x: &x, y: tape.constant(at.y), dy: tape.constant(at.dy), source: at.source };
        for (k, dx) in self.record(at, needs).into_iter().enumerate() {
            let Some(dx) = dx else { continue };
            tape.with(|inner| {
                let data = inner.view(dx.id);
                add(k, &mut |dx, accum| fill(dx, accum, |i| data.as_slice()[i]));
            });
        }
    }

    fn push(&self, x: &[MatrixRef<'_, T>], y: MatrixRef<'_, T>, dx: &[Option<MatrixRef<'_, T>>], add: Add<'_, T>) {
        let tape = Tape::new();
        let needs: SmallVec<[bool; 4]> = dx.iter().map(Option::is_some).collect();
        let (x, y) = (leaves(&tape, x, &needs), tape.constant(y));
        let dx: Vec<_> = dx.iter().map(|dx| dx.map(|dx| tape.constant(dx))).collect();
        let Some(dy) = self.record_push(&x, y, &dx) else { return };
        tape.with(|inner| {
            let data = inner.view(dy.id);
            add(0, &mut |dy, accum| fill(dy, accum, |i| data.as_slice()[i]));
        });
    }

    fn record<'t>(&self, at: Recorded<'_, 't, T>, needs: &[bool]) -> Vec<Option<Var<'t, T>>> {
        let name = format!("{} ({})", self.0.name(), at.source);
        let mut found = self.0.pullback(at.x, at.y, at.dy);
        assert!(found.len() == at.x.len(), "{name}: {} gradients for {} operands", found.len(), at.x.len());
        for (k, (dx, x)) in found.iter_mut().zip(at.x).enumerate() {
            if !needs[k] {
                *dx = None;
                continue;
            }
            let Some(dx) = dx else { panic!("{name}: no derivative for operand {k}, which needs one") };
            let ((m, n), (p, q)) = (x.shape(), dx.shape());
            assert!((m, n) == (p, q), "{name}: the gradient of operand {k} is {p} × {q}, the operand {m} × {n}");
        }
        found
    }

    fn record_push<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dx: &[Option<Var<'t, T>>]) -> Option<Var<'t, T>> {
        // ẏ = J ẋ is the gradient of ⟨Jᵀw, ẋ⟩ with respect to w.
        let needs: SmallVec<[bool; 4]> = dx.iter().map(Option::is_some).collect();
        let (rows, cols) = y.shape();
        let w = y.tape().variable(Matrix::zeros(rows, cols));
        let pulled = self.record(Recorded { x, y, dy: w, source: Location::caller() }, &needs);
        let terms = pulled.iter().zip(dx).filter_map(|(g, dx)| Some(((*g)? * (*dx)?).sum()));
        terms.reduce(|sum, term| sum + term).map(|number| grad(number, &[w])[0])
    }
}

/// Leaves of a tape, variable where a gradient is needed.
pub(crate) fn leaves<'t, T: Real>(
    tape: &'t Tape<'t, T>,
    x: &[MatrixRef<'t, T>],
    needs: &[bool],
) -> SmallVec<[Var<'t, T>; 4]> {
    x.iter().zip(needs).map(|(&x, &needs)| if needs { tape.variable(x) } else { tape.constant(x) }).collect()
}

/// An elementwise function of several operands, of equal shapes or repeated as binary operators repeat them.
///
/// # Panics
/// If there is no operand, or the shapes do not fit.
///
/// ```
/// use autograd::{Tape, formula, map};
/// let tape = Tape::new();
/// let (a, b) = (tape.variable(3.0), tape.variable(4.0));
/// let c = map(formula!(|a, b| (a * a + b * b).sqrt()), [a, b]);
/// assert_eq!((c.item(), c.backward().wrt(b)[(0, 0)]), (5.0, 0.8));
/// ```
#[track_caller]
pub fn map<'t, T: Real, const K: usize>(f: impl Formula<K>, x: [Var<'t, T>; K]) -> Var<'t, T> {
    let Some(&first) = x.first() else { panic!("{}: no operand", f.name()) };
    let mut shape = first.shape();
    for &x in &x[1..] {
        first.same_tape(f.name(), x);
        shape = Var::<T>::fitting(f.name(), shape, x.shape());
    }
    let x = x.map(|x| x.repeated(shape));
    first.tape().record_rule(shape, Arc::new(Elementwise::<K, _>(f)), &x)
}

impl<'t, T: Real> Var<'t, T> {
    /// An elementwise function from outside the table: `x.map(formula!(|x| x * x.sigmoid()))`.
    #[track_caller]
    #[must_use]
    pub fn map(self, f: impl Formula<1>) -> Self {
        map(f, [self])
    }
}

impl<'t, T: Real> Tape<'t, T> {
    /// Records a function with a rule of its own.
    ///
    /// # Panics
    /// If an operand is of another tape. A later sweep panics with the name of the op if it has no derivative for an
    /// operand that needs one, or one of another shape.
    #[track_caller]
    pub fn custom(&'t self, op: impl CustomOp<T>, x: &[Var<'t, T>]) -> Var<'t, T> {
        for &x in x {
            assert!(std::ptr::eq(x.tape(), self), "{}: an operand is of another tape", op.name());
        }
        let value = self.with(|inner| {
            let x: SmallVec<[_; 4]> = x.iter().map(|x| inner.view(x.id)).collect();
            op.forward(&x)
        });
        self.custom_value(op, value, x)
    }

    /// The same, where the value is known.
    #[track_caller]
    pub(crate) fn custom_value(&'t self, op: impl CustomOp<T>, value: Matrix<T>, x: &[Var<'t, T>]) -> Var<'t, T> {
        self.record_value(value, Arc::new(General(op)), x)
    }
}
