//! Functions that are written outside the table: elementwise ones as a formula, any other as forward and pullback.

use std::array::from_fn;
use std::sync::Arc;

use kernel::Number;
use kernel::table::Dual;
use smallvec::SmallVec;

use super::rules::{Elementwise, General};
use crate::{Matrix, MatrixRef, Real, Tape, Var};

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
    /// that never needs one, or has none at these numbers, may have `None`; asking for it then panics with the name of the op and
    /// [`why_none`](CustomOp::why_none). The operands are variables that depend on nothing, so a rule may take derivatives of its
    /// own.
    fn pullback<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>>;

    /// Why an operand has no gradient at these numbers, and what to do.
    fn why_none(&self, x: &[Var<'_, T>], operand: usize) -> String {
        let _ = x;
        format!("no derivative for operand {operand}, which needs one")
    }
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
    let Some(&first) = x.first() else { panic!("map: no operand of {}", f.name()) };
    let mut shape = first.shape();
    for &x in &x[1..] {
        first.same_tape("map", x);
        shape = Var::<T>::fitting("map", shape, x.shape());
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
            assert!(std::ptr::eq(x.tape(), self), "custom {}: an operand is of another tape", op.name());
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
