//! Functions that are defined outside the table: elementwise ones as a formula, others as a forward function and a pullback.

use std::array::from_fn;
use std::sync::Arc;

use kernel::Number;
use kernel::table::Dual;
use smallvec::SmallVec;

use super::rules::{Elementwise, General};
use crate::tape::custom_rule::Wgsl;
use crate::{Matrix, MatrixRef, Real, Tape, Var};

/// An elementwise function of `K` operands, written once for every kind of number.
///
/// The slope may be left out; dual numbers then compute it in the same vector loop. In both cases the function
/// can be differentiated to any order, in reverse and forward mode. [`formula!`](crate::formula!) writes one from an expression;
/// a struct can hold parameters:
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Formula`",
    note = "write `formula!(|x| …)`, or implement `Formula<{K}>` for a struct"
)]
pub trait Formula<const K: usize>: Send + Sync + 'static {
    /// Its name in reports and pictures.
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

/// An elementwise function in one line: `formula!(|x| x * x.sigmoid())`. It may have several operands, and may give its slopes,
/// which can read the value y.
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

/// A function of any kind with a custom rule. It computes the value and gives the rule of its gradient in variables, so
/// that it can be differentiated to any order.
///
/// The tangent of forward mode follows from the rule: a pullback is linear in δy, and the tangent is its transpose.
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `CustomOp`",
    note = "implement `forward` in matrices and `pullback` in variables for it; an elementwise function is a `formula!`"
)]
pub trait CustomOp<T: Real>: Send + Sync + 'static {
    /// Its name in errors, reports and pictures.
    fn name(&self) -> &str;

    /// The value.
    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T>;

    /// The gradient of each operand, in its shape, from the operands, the value and the gradient of the value. Return `None` for an
    /// operand that never needs one or has none at these numbers. If it is needed, the sweep panics with the name of the op and
    /// [`why_none`](CustomOp::why_none). The operands are variables that depend on nothing, so a rule may take derivatives
    /// itself.
    fn pullback<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>>;

    /// The op in WGSL, so that steps with it run on a GPU; `None` if there is no such text.
    ///
    /// ```
    /// # use autograd::Wgsl;
    /// # fn wgsl() -> Option<Wgsl> {
    /// // The running maximum of each column, which was reached in row k.
    /// const FIND: &str = "var k = 0u; for (var n = 1u; n <= i; n++) { if (x0(n, j) > x0(k, j)) { k = n; } }";
    /// Some(Wgsl {
    ///     value: format!("{FIND} return x0(k, j);"),
    ///     pullback: vec![Some(
    ///         "var sum = T(0.0); var k = 0u;
    ///         for (var n = 0u; n < x0_rows(); n++) { if (x0(n, j) > x0(k, j)) { k = n; } if (k == i) { sum += dy(n, j); } }
    ///         return sum;"
    ///             .to_owned(),
    ///     )],
    /// })
    /// # }
    /// # assert!(wgsl().is_some());
    /// ```
    fn wgsl(&self) -> Option<Wgsl> {
        None
    }

    /// Why an operand has no gradient at these numbers, and what to do about it.
    fn why_none(&self, x: &[Var<'_, T>], operand: usize) -> String {
        let _ = x;
        format!("no derivative for operand {operand}, which needs one")
    }
}

/// An elementwise function of several operands, which have equal shapes or are repeated as by binary operators.
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
    /// Records a function with a custom rule.
    ///
    /// # Panics
    /// If an operand is of another tape. A later sweep panics with the name of the op if the op returns no gradient for an
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

    /// The same for a value that is already known.
    #[track_caller]
    pub(crate) fn custom_value(&'t self, op: impl CustomOp<T>, value: Matrix<T>, x: &[Var<'t, T>]) -> Var<'t, T> {
        self.record_value(value, Arc::new(General(op)), x)
    }
}
