//! A variable: the handle of a value on a tape, and its operators.

use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};

use kernel::{Binary, Unary, compiled_once};
use linalg::Trans;
use smallvec::SmallVec;

use crate::rule::op::Op;
use crate::tape::Tape;
use crate::{Matrix, Real};

/// A value on a [`Tape`]. It is `Copy`; compute with it and differentiate the result.
///
/// `+ − × ÷` act entry by entry between equal shapes, with a plain number, or with an operand that is
/// 1 × 1, m × 1 or 1 × n and is repeated. No other shape is repeated. A plain number on the right may be an `f64` or an `f32`; on the
/// left it is an `f64`. `y += x` records `y + x` and calls it y.
#[derive(Clone, Copy)]
pub struct Var<'t, T: Real> {
    tape: &'t Tape<'t, T>,
    pub(crate) id: u32,
}

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    #[inline]
    pub(crate) fn new(tape: &'t Tape<'t, T>, id: u32) -> Self {
        Var { tape, id }
    }

    /// The tape on which it is recorded.
    #[inline]
    pub fn tape(self) -> &'t Tape<'t, T> {
        self.tape
    }

    /// `(rows, cols)`.
    #[inline]
    pub fn shape(self) -> (usize, usize) {
        self.tape.with(|inner| inner.node(self.id).shape())
    }

    /// The number of rows.
    #[inline]
    pub fn rows(self) -> usize {
        self.shape().0
    }

    /// The number of columns.
    #[inline]
    pub fn cols(self) -> usize {
        self.shape().1
    }

    /// A copy of its value.
    #[doc(alias("numpy", "data"))]
    #[track_caller]
    pub fn value(self) -> Matrix<T> {
        self.tape.note_reading();
        self.tape.with(|inner| inner.view(self.id).to_owned())
    }

    /// The number of a 1 × 1 variable.
    ///
    /// # Panics
    /// If it has another shape.
    #[inline]
    #[track_caller]
    pub fn item(self) -> T {
        let (m, n) = self.shape();
        assert!((m, n) == (1, 1), "item: {m} × {n} is not a single number");
        self.tape.note_reading();
        self.tape.with(|inner| inner.view(self.id).as_slice()[0])
    }

    /// Whether it takes part in differentiation: it is, or depends on, a variable or parameter.
    #[inline]
    pub fn needs_gradient(self) -> bool {
        self.tape.with(|inner| inner.node(self.id).is_active())
    }

    // ---------------------------------------------------------------- products

    /// A B for an m × k matrix A and a k × n matrix B.
    ///
    /// # Panics
    /// If the inner lengths differ. The other products panic under the same condition.
    #[track_caller]
    #[must_use]
    #[doc(alias("mm", "dot", "einsum", "bmm"))]
    pub fn matmul(self, b: Self) -> Self {
        self.times("matmul", Trans::No, b, Trans::No)
    }

    /// Aᵀ B for a k × m matrix A and a k × n matrix B.
    #[track_caller]
    #[must_use]
    pub fn matmul_tn(self, b: Self) -> Self {
        self.times("matmul_tn", Trans::Yes, b, Trans::No)
    }

    /// A Bᵀ for an m × k matrix A and an n × k matrix B.
    #[track_caller]
    #[must_use]
    pub fn matmul_nt(self, b: Self) -> Self {
        self.times("matmul_nt", Trans::No, b, Trans::Yes)
    }

    /// Aᵀ Bᵀ for a k × m matrix A and an n × k matrix B.
    #[track_caller]
    #[must_use]
    pub fn matmul_tt(self, b: Self) -> Self {
        self.times("matmul_tt", Trans::Yes, b, Trans::Yes)
    }

    #[track_caller]
    fn times(self, name: &str, s: Trans, b: Self, t: Trans) -> Self {
        self.same_tape(name, b);
        let ((m, k), (l, n)) = (s.shape(self.shape()), t.shape(b.shape()));
        if k != l {
            let hint = Self::transposed(s.shape(self.shape()), t.shape(b.shape()));
            panic!("{name}: the inner lengths of {} and {} differ{hint}", dims(self), dims(b));
        }
        self.tape.record((m, n), &[Op::Matmul(s, self.id, t, b.id)])
    }

    /// What makes a product A B of these shapes fit, as it is said in its message.
    pub(crate) fn transposed((m, k): (usize, usize), (l, n): (usize, usize)) -> String {
        let which = match () {
            _ if k == n => "the right factor",
            _ if m == l => "the left factor",
            _ if m == n => "both factors",
            _ => return String::new(),
        };
        format!(": {which} transposed would fit; columns are samples, so X is features × samples")
    }

    // ---------------------------------------------------------------- repeats, multiples

    /// A 1 × 1, m × 1 or 1 × n variable repeated to m × n.
    ///
    /// # Panics
    /// If the shape is none of these.
    #[track_caller]
    #[must_use]
    #[doc(alias("expand", "broadcast_to"))]
    pub fn repeat(self, rows: usize, cols: usize) -> Self {
        let (m, n) = self.shape();
        let fits = (m == rows || m == 1) && (n == cols || n == 1);
        assert!(fits, "repeat: {m} × {n} cannot be repeated to {rows} × {cols}");
        self.repeated((rows, cols))
    }

    #[track_caller]
    pub(crate) fn repeated(self, shape: (usize, usize)) -> Self {
        if self.shape() == shape { self } else { self.tape.record(shape, &[Op::Add(1.0, self.id)]) }
    }

    /// c x.
    #[track_caller]
    #[must_use]
    pub fn scale(self, c: f64) -> Self {
        // A derivative of 0 stays 0 beside an infinite slope: an elementwise product sees to that.
        if !T::from_f64(c).is_finite() {
            return self * self.number(c);
        }
        self.tape.record(self.shape(), &[Op::Add(c, self.id)])
    }

    /// A constant of one entry.
    #[track_caller]
    fn number(self, c: f64) -> Self {
        self.tape.record((1, 1), &[Op::Number(c)])
    }

    /// x / c, rounded as by f64 division.
    #[track_caller]
    fn quotient(self, c: f64) -> Self {
        if T::from_f64(c) == T::default() || c.is_nan() {
            return self / self.number(c);
        }
        self.tape.record(self.shape(), &[Op::quotient::<T>(self.id, c)])
    }

    /// Zeros of the same shape.
    #[track_caller]
    pub(crate) fn zero(self) -> Self {
        self.tape.record(self.shape(), &[Op::Number(0.0)])
    }

    /// c x + d.
    #[track_caller]
    fn line(self, c: f64, d: f64) -> Self {
        self.tape.record(self.shape(), &[Op::Add(c, self.id), Op::Number(d)])
    }

    // ---------------------------------------------------------------- of several operands

    /// x clamped between two numbers. The slope is 1 if x is between them or equal to one.
    ///
    /// # Panics
    /// If `low` is larger than `high`.
    #[track_caller]
    #[must_use]
    #[doc(alias = "clip")]
    pub fn clamp(self, low: f64, high: f64) -> Self {
        assert!(low <= high, "clamp: {low} is larger than {high}");
        self.at_least(low).at_most(high)
    }

    /// a + w (b − a): a where w = 0, b where w = 1.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    #[must_use]
    pub fn lerp(self, b: Self, w: Self) -> Self {
        self.same_tape("lerp", w);
        Self::fitting("lerp", self.common_shape("lerp", b), w.shape());
        self + w * (b - self)
    }

    /// a where this mask is not 0, b where it is. The value that is not chosen has no influence, even if it or its slope is infinite or
    /// NaN: `mask.select(x.sqrt(), y)` has the gradient of the chosen branch, to any order.
    ///
    /// This holds if only elementwise functions, sums, slices and repeats lead to the branch: they pass a derivative of 0 on as 0,
    /// whatever their slope. A matrix product, a softmax or a decomposition computes 0 · ∞ = NaN. In that case select the
    /// argument too: `mask.select(w.matmul(mask.select(x, safe)), y)`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    #[must_use]
    #[doc(alias = "where")]
    pub fn select(self, a: Self, b: Self) -> Self {
        self.same_tape("select", b);
        let shape = Self::fitting("select", self.common_shape("select", a), b.shape());
        let [m, a, b] = [self, a, b].map(|x| x.repeated(shape).id);
        self.tape.record(shape, &[Op::Binary(Binary::Keep, m, a), Op::Binary(Binary::Drop, m, b)])
    }

    /// The same value without its history: a constant to every derivative.
    #[track_caller]
    #[must_use]
    #[doc(alias("detach", "no_grad"))]
    pub fn stop_gradient(self) -> Self {
        self.tape.record_stopped(self)
    }

    // ---------------------------------------------------------------- how the tables record

    /// A function of the table, given as a value: `x.unary(Unary::Tanh)` is `x.tanh()`.
    #[track_caller]
    #[must_use]
    pub fn unary(self, f: Unary) -> Self {
        self.tape.record(self.shape(), &[Op::Unary(f, self.id)])
    }

    /// A function of two operands, given as a value: `a.binary(Binary::Mul, b)` is `a * b`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    #[must_use]
    pub fn binary(self, f: Binary, other: Self) -> Self {
        let shape = self.common_shape(f.name(), other);
        let (a, b) = (self.repeated(shape), other.repeated(shape));
        self.tape.record(shape, &[Op::Binary(f, a.id, b.id)])
    }

    /// a + c b.
    #[track_caller]
    fn plus(self, name: &str, c: f64, other: Self) -> Self {
        let shape = self.common_shape(name, other);
        self.tape.record(shape, &[Op::Add(1.0, self.id), Op::Add(c, other.id)])
    }

    #[track_caller]
    fn common_shape(self, name: &str, other: Self) -> (usize, usize) {
        self.same_tape(name, other);
        Self::fitting(name, self.shape(), other.shape())
    }

    #[track_caller]
    pub(crate) fn fitting(name: &str, a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
        kernel::matrix::fitting(name, a, b)
    }

    #[inline]
    #[track_caller]
    pub(crate) fn same_tape(self, name: &str, other: Self) {
        assert!(std::ptr::eq(self.tape, other.tape), "{name}: the variables are of different tapes");
    }
}

/// Σ Wₖ Xₖ + b as one node: `affine(&[(w, x)], Some(b))` is W X + b, and
/// `affine(&[(w, h), (u, x)], Some(b))` the pre-activation of a recurrent layer.
///
/// Each W is m × kₖ, each X is kₖ × n, and b is m × 1 or any other shape that repeats to m × n.
///
/// # Panics
/// If the list of products is empty, or the shapes do not fit.
///
/// ```
/// use autograd::{Matrix, Tape, affine};
/// let tape = Tape::new();
/// let w = tape.variable(Matrix::from([[1.0, 2.0]]));
/// let x = tape.constant(Matrix::from([[3.0, 5.0], [4.0, 6.0]]));
/// let b = tape.variable(0.5);
/// assert_eq!(affine(&[(w, x)], Some(b)).value().as_slice(), [11.5, 17.5]);
/// ```
#[compiled_once]
#[track_caller]
pub fn affine<'t, T: Real>(products: &[(Var<'t, T>, Var<'t, T>)], b: Option<Var<'t, T>>) -> Var<'t, T> {
    let Some(&(w0, x0)) = products.first() else { panic!("affine: no product") };
    let (m, n) = (w0.rows(), x0.cols());
    let mut terms = SmallVec::<[Op<u32>; 4]>::new();
    if let Some(b) = b {
        w0.same_tape("affine", b);
        let (p, q) = b.shape();
        let fits = (p == m || p == 1) && (q == n || q == 1);
        assert!(fits, "affine: a bias {p} × {q} cannot be repeated to {m} × {n}");
        terms.push(Op::Add(1.0, b.id));
    }
    for &(w, x) in products {
        w0.same_tape("affine", w);
        w0.same_tape("affine", x);
        let ((p, k), (l, q)) = (w.shape(), x.shape());
        if k != l || (p, q) != (m, n) {
            let hint = if k == l { String::new() } else { Var::<T>::transposed((p, k), (l, q)) };
            panic!("affine: W {} times X {} does not make {m} × {n}{hint}", dims(w), dims(x));
        }
        terms.push(Op::Matmul(Trans::No, w.id, Trans::No, x.id));
    }
    w0.tape.record((m, n), &terms)
}

pub(crate) fn dims<T: Real>(x: Var<'_, T>) -> String {
    let (m, n) = x.shape();
    format!("{m} × {n}")
}

impl<T: Real> fmt::Debug for Var<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{} {:?}", self.id, self.value())
    }
}

impl<'t, T: Real> Neg for Var<'t, T> {
    type Output = Var<'t, T>;
    #[track_caller]
    fn neg(self) -> Self {
        self.scale(-1.0)
    }
}

/// One operator, between variables and with a plain number on either side.
macro_rules! operator {
    ($Op:ident $op:ident, |$a:ident, $b:ident| $vars:expr, |$x:ident, $c:ident| $right:expr, $left:expr) => {
        impl<'t, T: Real> $Op for Var<'t, T> {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $op(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                $vars
            }
        }
        impl<'t, T: Real, C: Real> $Op<C> for Var<'t, T> {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $op(self, number: C) -> Self {
                let ($x, $c) = (self, number.to_f64());
                $right
            }
        }
        impl<'t, T: Real> $Op<Var<'t, T>> for f64 {
            type Output = Var<'t, T>;
            #[track_caller]
            fn $op(self, var: Var<'t, T>) -> Var<'t, T> {
                let ($x, $c) = (var, self);
                $left
            }
        }
    };
}
kernel::assigning!(['t, T: Real,] Var<'t, T>);
operator!(Add add, |a, b| a.plus("add", 1.0, b), |x, c| x.line(1.0, c), x.line(1.0, c));
operator!(Sub sub, |a, b| a.plus("sub", -1.0, b), |x, c| x.line(1.0, -c), x.line(-1.0, c));
operator!(Mul mul, |a, b| a.binary(Binary::Mul, b), |x, c| x.scale(c), x.scale(c));
operator!(Div div, |a, b| a.binary(Binary::Div, b), |x, c| x.quotient(c), if c == 1.0 { x.recip() } else { x.under(c) });
