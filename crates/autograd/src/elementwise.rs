//! What the two tables of `map.rs` expand to: the variants, the methods of `Var`, the vector loops.

use pulp::{Arch, Simd, WithSimd};

use crate::Real;
use crate::map::{Binary, Unary};

/// Whether a result replaces what its place holds or is added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accum {
    /// y = …
    Replace,
    /// y += …
    Add,
}

/// The loops over slices that the two tables expand to.
pub trait Elementwise: Sized {
    /// y = f(x) or y += f(x).
    fn unary(f: Unary, x: &[Self], y: &mut [Self], accum: Accum);
    /// δx = f'(x, y) δy or δx += f'(x, y) δy.
    fn unary_slope(f: Unary, x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self], accum: Accum);
    /// y = f(a, b) or y += f(a, b).
    fn binary(f: Binary, a: &[Self], b: &[Self], y: &mut [Self], accum: Accum);
    /// δa or δb (`side` 0 or 1) = or += the slope times δy; `at` is `[a, b, y, δy]`.
    fn binary_slope(f: Binary, side: usize, at: [&[Self]; 4], dx: &mut [Self], accum: Accum);
}

/// A closure that is compiled for the widest vectors the processor has.
///
/// Both halves matter: without the attribute here the closure is called through a shim outside the
/// vector code, and without the caller's `#[inline(always)]` on the closure its body may stay there.
/// Either costs a factor of 20 to 50 on a loop of exponentials.
///
/// ```
/// use autograd::{Real, vectorised};
/// let mut x = [0.0f32, 1.0, 2.0];
/// vectorised(#[inline(always)] || x.iter_mut().for_each(|x| *x = Real::exp(*x)));
/// assert_eq!(x[0], 1.0);
/// ```
#[inline(always)]
pub fn vectorised<R>(f: impl FnMut() -> R) -> R {
    struct Call<F>(F);
    impl<R, F: FnMut() -> R> WithSimd for Call<F> {
        type Output = R;
        #[inline(always)]
        fn with_simd<S: Simd>(mut self, _: S) -> R {
            (self.0)()
        }
    }
    Arch::new().dispatch(Call(f))
}

/// `out[i] = f(i)` or `out[i] += f(i)`.
#[inline(always)]
pub(crate) fn fill<T: Real>(out: &mut [T], accum: Accum, f: impl Fn(usize) -> T + Copy) {
    vectorised(
        #[inline(always)]
        || {
            // Local, lest every store be a possible change of what `f` reads.
            let (out, f) = (&mut *out, f);
            match accum {
                Accum::Replace => out.iter_mut().enumerate().for_each(|(i, y)| *y = f(i)),
                Accum::Add => out.iter_mut().enumerate().for_each(|(i, y)| *y += f(i)),
            }
        },
    )
}

macro_rules! unary {
    ($($(#[$doc:meta])* $Name:ident: $method:ident($x:ident, $y:ident $(; $n:ident: $N:ty)?) => $f:expr, $df:expr
        $(, where $v:ident > 0)? $(, kink at $k:ident)?;)*) => {
        /// An elementwise function of one operand.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Unary {
            $($(#[$doc])* $Name $(($N))?,)*
        }

        impl Unary {
            /// The name of the method that records it.
            pub fn name(self) -> &'static str {
                match self { $(unary!(@pat $Name $($n)?) => { $(let _ = $n;)? stringify!($method) })* }
            }

            /// Every function of the table, for the ranges of whole-number parameters that tests draw from.
            pub fn all() -> Vec<Unary> {
                [$(unary!(@each $Name $($N)?)),*].concat()
            }

            /// Whether the function is only defined, or only tested, for positive arguments.
            pub fn needs_positive(self) -> bool {
                match self { $(unary!(@pat $Name $($n)?) => { $(let _ = $n;)? unary!(@flag $($v)?) })* }
            }

            /// Whether the function or its slope jumps where its argument changes sign.
            pub fn has_kink(self) -> bool {
                match self { $(unary!(@pat $Name $($n)?) => { $(let _ = $n;)? unary!(@flag $($k)?) })* }
            }

            /// f'(x) recorded on the tape, where y = f(x).
            pub(crate) fn slope<'t, T: Real>(self, x: Var<'t, T>, y: Var<'t, T>) -> Var<'t, T> {
                match self { $(unary!(@pat $Name $($n)?) => { let ($x, $y) = (x, y); let _ = ($x, $y); $df })* }
            }
        }

        impl<'t, T: Real> Var<'t, T> {
            $($(#[$doc])* #[track_caller] #[must_use] pub fn $method(self $(, $n: $N)?) -> Self {
                self.unary(Unary::$Name $(($n))?)
            })*
        }

        macro_rules! unary_loops {
            ($T:ident) => {
                #[inline]
                fn unary(f: Unary, xs: &[$T], ys: &mut [$T], accum: Accum) {
                    let xs = &xs[..ys.len()];
                    match f { $(unary!(@pat $Name $($n)?) => fill(ys, accum, move |i| { let $x = xs[i]; $f }),)* }
                }
                #[inline]
                fn unary_slope(f: Unary, xs: &[$T], ys: &[$T], dys: &[$T], dxs: &mut [$T], accum: Accum) {
                    let n = dxs.len();
                    let (xs, ys, dys) = (&xs[..n], &ys[..n], &dys[..n]);
                    match f { $(unary!(@pat $Name $($n)?) => fill(dxs, accum, move |i| {
                        let ($x, $y) = (xs[i], ys[i]);
                        let _ = ($x, $y);
                        ($df) * dys[i]
                    }),)* }
                }
            };
        }
    };
    (@pat $Name:ident) => { Unary::$Name };
    (@pat $Name:ident $n:ident) => { Unary::$Name($n) };
    (@each $Name:ident) => { vec![Unary::$Name] };
    (@each $Name:ident $N:ty) => { (-3..=4).map(Unary::$Name).collect() };
    (@flag) => { false };
    (@flag $v:ident) => { true };
}

macro_rules! binary {
    ($($(#[$doc:meta])* $Name:ident: $method:ident($a:ident, $b:ident, $y:ident) => $f:expr, $da:expr, $db:expr
        $(, where $v:ident > 0)? $(, kink at $k:expr)?;)*) => {
        /// An elementwise function of two operands.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Binary {
            $($(#[$doc])* $Name,)*
        }

        impl Binary {
            /// Every function of the table.
            pub const ALL: &[Binary] = &[$(Binary::$Name),*];

            /// The name of the method that records it.
            pub fn name(self) -> &'static str {
                match self { $(Binary::$Name => stringify!($method),)* }
            }

            /// Whether the function is only defined, or only tested, for a positive second operand.
            pub fn needs_positive(self) -> bool {
                match self { $(Binary::$Name => unary!(@flag $($v)?),)* }
            }

            /// ∂f/∂a (`side` 0) or ∂f/∂b (`side` 1) recorded on the tape, where y = f(a, b).
            pub(crate) fn slope<'t, T: Real>(self, side: usize, a: Var<'t, T>, b: Var<'t, T>, y: Var<'t, T>) -> Var<'t, T> {
                match self { $(Binary::$Name => {
                    let ($a, $b, $y) = (a, b, y);
                    let _ = ($a, $b, $y);
                    if side == 0 { $da } else { $db }
                })* }
            }
        }

        binary!(@methods $($(#[$doc])* $Name $method)*);

        macro_rules! binary_loops {
            ($T:ident) => {
                #[inline]
                fn binary(f: Binary, a: &[$T], b: &[$T], y: &mut [$T], accum: Accum) {
                    let (p, q) = (&a[..y.len()], &b[..y.len()]);
                    match f { $(Binary::$Name => fill(y, accum, move |i| { let ($a, $b) = (p[i], q[i]); $f }),)* }
                }
                #[inline]
                fn binary_slope(f: Binary, side: usize, at: [&[$T]; 4], dx: &mut [$T], accum: Accum) {
                    let [p, q, r, s] = at.map(|v| &v[..dx.len()]);
                    match (f, side) { $(
                        (Binary::$Name, 0) => fill(dx, accum, move |i| {
                            let ($a, $b, $y) = (p[i], q[i], r[i]);
                            let _ = ($a, $b, $y);
                            ($da) * s[i]
                        }),
                        (Binary::$Name, _) => fill(dx, accum, move |i| {
                            let ($a, $b, $y) = (p[i], q[i], r[i]);
                            let _ = ($a, $b, $y);
                            ($db) * s[i]
                        }),
                    )* }
                }
            };
        }
    };
    // `Mul` and `Div` are the operators; the others are methods.
    (@methods $(#[$md:meta])* Mul mul $(#[$dd:meta])* Div div $($(#[$doc:meta])* $Name:ident $method:ident)*) => {
        impl<'t, T: Real> Var<'t, T> {
            $($(#[$doc])* #[track_caller] #[must_use] pub fn $method(self, other: Self) -> Self {
                self.binary(Binary::$Name, other)
            })*
        }
    };
}
