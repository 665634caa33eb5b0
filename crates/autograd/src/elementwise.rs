//! What the table of `map.rs` expands to: the variants, the methods of every [`Number`], the vector loops.

use pulp::{Arch, Simd, WithSimd};

use crate::Real;

/// Whether a result replaces what its place holds or is added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accum {
    /// y = …
    Replace,
    /// y += …
    Add,
}

impl Accum {
    /// What is added, or replaces.
    pub fn of(add: bool) -> Self {
        if add { Accum::Add } else { Accum::Replace }
    }
}

/// Where a term is written: a `rows × cols` part of a buffer.
pub(crate) struct Out<'a, T> {
    pub rows: usize,
    pub cols: usize,
    pub data: &'a mut [T],
}

/// y = value or y += value.
#[inline(always)]
pub(crate) fn put<T: Real>(y: &mut T, accum: Accum, value: T) {
    *y = if accum == Accum::Add { *y + value } else { value };
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

/// A formula of single numbers, compiled as [`vectorised`] does it if it is made of fused products.
#[inline(always)]
pub(crate) fn single<R>(fused: bool, mut f: impl FnMut() -> R) -> R {
    if fused { vectorised(f) } else { f() }
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
                // Plain loops: a `for_each` is not always compiled into the vector code around it.
                Accum::Replace => {
                    for (i, y) in out.iter_mut().enumerate() {
                        *y = f(i);
                    }
                }
                Accum::Add => {
                    for (i, y) in out.iter_mut().enumerate() {
                        *y += f(i);
                    }
                }
            }
        },
    )
}

/// The sign of x − at: on which side of a kink x lies.
pub(crate) fn side(x: f64, at: f64) -> i8 {
    i8::from(x > at) - i8::from(x < at)
}

/// Whether a formula, as text, calls a function of [`Real`] that is made of fused products: exp, ln and relatives. Compiled
/// for a processor of any age, each product would be a call. One pass, for rustc interprets it for every line of the table.
pub(crate) const fn is_fused(formula: &str) -> bool {
    let mut text = formula.as_bytes();
    while let [_, rest @ ..] = text {
        match text {
            [b'e', b'x', b'p', ..] | [b'l', b'n', ..] | [b'e', b'r', b'f', ..] | [b't', b'a', b'n', b'h', ..] => {
                return true;
            }
            [b's', b'i', b'g', b'm', ..] | [b's', b'o', b'f', b't', ..] => return true,
            _ => text = rest,
        }
    }
    false
}

macro_rules! functions {
    (
        one {$($(#[$doc:meta])* $Name:ident: $method:ident($x:ident, $y:ident $(; $n:ident: $N:ty, $samples:expr)?)
            => $f:expr, $df:expr $(, in $domain:expr)? $(, kinks at $kinks:expr)?;)*}
        two {$($(#[$doc2:meta])* $Name2:ident: $method2:ident($a:ident, $b:ident, $y2:ident)
            => $f2:expr, $da:expr, $db:expr $(, in $domain2:expr)? $(, kink at $kink2:expr)?;)*}
    ) => {
        /// An elementwise function of one operand.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Unary {
            $($(#[$doc])* $Name $(($N))?,)*
        }

        /// An elementwise function of two operands.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Binary {
            $($(#[$doc2])* $Name2,)*
        }

        impl Unary {
            /// The name of the method that records it.
            pub fn name(self) -> &'static str {
                match self { $(functions!(@pat Unary::$Name $($n)?) => { $(let _ = $n;)? stringify!($method) })* }
            }

            /// Every function of the table, with some values of its parameter if it has one.
            pub fn all() -> Vec<Unary> {
                [$(functions!(@each Unary::$Name $($samples)?)),*].concat()
            }

            /// The open interval on which it is defined, or on which tests try it.
            pub fn domain(self) -> (f64, f64) {
                match self { $(functions!(@pat Unary::$Name $($n)?) => {
                    $(let _ = $n;)? functions!(@or (f64::NEG_INFINITY, f64::INFINITY) $(, $domain)?)
                })* }
            }

            /// Where the function or one of its first two derivatives jumps.
            pub fn kinks(self) -> SmallVec<[f64; 2]> {
                match self { $(functions!(@pat Unary::$Name $($n)?) => {
                    $(let _ = $n;)? functions!(@or SmallVec::new() $(, SmallVec::from_slice(&$kinks))?)
                })* }
            }

            /// f(x).
            pub(crate) fn apply<N: Number>(self, x: N) -> N {
                match self { $(functions!(@pat Unary::$Name $($n)?) => x.$method($($n)?),)* }
            }

            /// f'(x), where y = f(x).
            pub(crate) fn slope<N: Number>(self, x: N, y: N) -> N {
                match self { $(functions!(@pat Unary::$Name $($n)?) => slopes::$method(x, y $(, $n)?),)* }
            }

            /// y = f(x) or y += f(x).
            pub(crate) fn run<T: Real>(self, xs: &[T], ys: &mut [T], accum: Accum) {
                let xs = &xs[..ys.len()];
                match self { $(functions!(@pat Unary::$Name $($n)?) =>
                    fill(ys, accum, #[inline(always)] move |i| <T as Values>::$method(xs[i] $(, $n)?)),
                )* }
            }

            /// δx = f'(x, y) δy or δx += f'(x, y) δy.
            pub(crate) fn run_slope<T: Real>(self, xs: &[T], ys: &[T], dys: &[T], dxs: &mut [T], accum: Accum) {
                let (xs, ys, dys) = (&xs[..dxs.len()], &ys[..dxs.len()], &dys[..dxs.len()]);
                match self { $(functions!(@pat Unary::$Name $($n)?) =>
                    fill(dxs, accum, #[inline(always)] move |i| slopes::$method(Lane(xs[i]), Lane(ys[i]) $(, $n)?).0 * dys[i]),
                )* }
            }
        }

        impl Binary {
            /// Every function of the table.
            pub const ALL: &[Binary] = &[$(Binary::$Name2),*];

            /// The name of the method that records it.
            pub fn name(self) -> &'static str {
                match self { $(Binary::$Name2 => stringify!($method2),)* }
            }

            /// The open intervals on which it is defined, or on which tests try it.
            pub fn domain(self) -> [(f64, f64); 2] {
                match self { $(Binary::$Name2 => functions!(@or [(f64::NEG_INFINITY, f64::INFINITY); 2] $(, $domain2)?),)* }
            }

            /// On which side of its kink (a, b) lies: −1, 0 or 1; `None` of a function without.
            pub(crate) fn side(self, a: f64, b: f64) -> Option<i8> {
                match self { $(Binary::$Name2 => {
                    let ($a, $b) = (a, b);
                    let _ = ($a, $b);
                    functions!(@or None $(, Some(side($kink2, 0.0)))?)
                })* }
            }

            /// f(a, b).
            #[track_caller]
            pub(crate) fn apply<N: Number>(self, a: N, b: N) -> N {
                match self { $(Binary::$Name2 => a.$method2(b),)* }
            }

            /// ∂f/∂a (`operand` 0) or ∂f/∂b (`operand` 1), where y = f(a, b).
            pub(crate) fn slope<N: Number>(self, operand: usize, a: N, b: N, y: N) -> N {
                match (self, operand) { $(
                    (Binary::$Name2, 0) => slopes_a::$method2(a, b, y),
                    (Binary::$Name2, _) => slopes_b::$method2(a, b, y),
                )* }
            }

            /// y = f(a, b) or y += f(a, b).
            pub(crate) fn run<T: Real>(self, a: &[T], b: &[T], y: &mut [T], accum: Accum) {
                let (a, b) = (&a[..y.len()], &b[..y.len()]);
                match self { $(Binary::$Name2 =>
                    fill(y, accum, #[inline(always)] move |i| <T as Values>::$method2(a[i], b[i])),
                )* }
            }

            /// δa or δb (`operand` 0 or 1) = or += the slope times δy; `at` is `[a, b, y, δy]`.
            pub(crate) fn run_slope<T: Real>(self, operand: usize, at: [&[T]; 4], dx: &mut [T], accum: Accum) {
                let [a, b, y, dy] = at.map(|v| &v[..dx.len()]);
                match (self, operand) { $(
                    (Binary::$Name2, 0) =>
                        fill(dx, accum, #[inline(always)] move |i| slopes_a::$method2(Lane(a[i]), Lane(b[i]), Lane(y[i])).0 * dy[i]),
                    (Binary::$Name2, _) =>
                        fill(dx, accum, #[inline(always)] move |i| slopes_b::$method2(Lane(a[i]), Lane(b[i]), Lane(y[i])).0 * dy[i]),
                )* }
            }
        }

        /// The slopes of functions of one operand.
        mod slopes {
            use super::*;
            $(#[inline(always)] pub fn $method<N: Number>($x: N, $y: N $(, $n: $N)?) -> N {
                let _ = ($x, $y);
                $df
            })*
        }
        /// ∂f/∂a.
        mod slopes_a {
            use super::*;
            $(#[inline(always)] pub fn $method2<N: Number>($a: N, $b: N, $y2: N) -> N {
                let _ = ($a, $b, $y2);
                $da
            })*
        }
        /// ∂f/∂b.
        mod slopes_b {
            use super::*;
            $(#[inline(always)] pub fn $method2<N: Number>($a: N, $b: N, $y2: N) -> N {
                let _ = ($a, $b, $y2);
                $db
            })*
        }

        /// Whether a formula or its slope is made of fused products.
        #[allow(non_upper_case_globals, dead_code)] // `mul` and `div` are operators
        mod fused {
            use super::is_fused;
            $(pub const $method: bool = is_fused(concat!(stringify!($f), stringify!($df)));)*
            $(pub const $method2: bool = is_fused(concat!(stringify!($f2), stringify!($da), stringify!($db)));)*
        }

        /// The formulas of the table, of plain numbers.
        pub trait Values: Sized {
            $(#[doc(hidden)] fn $method(x: Self $(, $n: $N)?) -> Self;)*
            $(#[doc(hidden)] fn $method2(a: Self, b: Self) -> Self;)*
        }
        functions!(@values f32 $(one $method($x $(, $n: $N)?) $f;)* $(two $method2($a, $b) $f2;)*);
        functions!(@values f64 $(one $method($x $(, $n: $N)?) $f;)* $(two $method2($a, $b) $f2;)*);

        functions!(@number $($(#[$doc])* $Name $method ($($n: $N)?);)* | $($(#[$doc2])* $Name2 $method2)*);
    };

    (@pat $E:ident::$Name:ident) => { $E::$Name };
    (@pat $E:ident::$Name:ident $n:ident) => { $E::$Name($n) };
    (@each $E:ident::$Name:ident) => { vec![$E::$Name] };
    (@each $E:ident::$Name:ident $samples:expr) => { $samples.map($E::$Name).to_vec() };
    (@or $default:expr) => { $default };
    (@or $default:expr, $value:expr) => { $value };

    (@values $T:ident $(one $method:ident($x:ident $(, $n:ident: $N:ty)?) $f:expr;)*
        $(two $method2:ident($a:ident, $b:ident) $f2:expr;)*) => {
        impl Values for $T {
            $(#[inline(always)] fn $method($x: $T $(, $n: $N)?) -> $T { $f })*
            $(#[inline(always)] fn $method2($a: $T, $b: $T) -> $T { $f2 })*
        }
    };

    // `Mul` and `Div` are the operators; the others are methods.
    (@number $($(#[$doc:meta])* $Name:ident $method:ident ($($n:ident: $N:ty)?);)* |
        $(#[$md:meta])* Mul $mul:ident $(#[$dd:meta])* Div $div:ident
        $($(#[$doc2:meta])* $Name2:ident $method2:ident)*) => {
        /// What a formula computes with: `f64`, a [`Var`], a [`Scalar`], or a [`Dual`] of any.
        ///
        /// A function that is generic in it is written once and evaluated, differentiated in reverse or forward, or
        /// both, unchanged. Plain numbers stand on the right: `x * 2.0 + 1.0`.
        ///
        /// ```
        /// use autograd::{Dual, Number, Tape};
        /// fn f<N: Number>(x: N, y: N) -> N {
        ///     (x * y).sin() + x.powi(2) * 3.0
        /// }
        /// let tape = Tape::new();
        /// let (x, y) = (tape.variable(0.5), tape.variable(2.0));
        /// let reverse = f(x, y).backward().wrt(x)[(0, 0)];
        /// let forward = f(Dual::variable(0.5), Dual::constant(2.0)).tangent;
        /// assert_eq!(f(0.5, 2.0), f(x, y).item());
        /// assert!((reverse - forward).abs() < 1e-15);
        /// ```
        pub trait Number: Arithmetic {
            $($(#[$doc])* #[track_caller] #[must_use] fn $method(self $(, $n: $N)?) -> Self;)*
            $($(#[$doc2])* #[track_caller] #[must_use] fn $method2(self, other: Self) -> Self;)*
        }

        impl Number for f64 {
            $(#[inline(always)] fn $method(self $(, $n: $N)?) -> Self {
                single(fused::$method, #[inline(always)] || <f64 as Values>::$method(self $(, $n)?))
            })*
            $(#[inline(always)] fn $method2(self, other: Self) -> Self {
                single(fused::$method2, #[inline(always)] || <f64 as Values>::$method2(self, other))
            })*
        }

        impl<T: Real> Number for Lane<T> {
            $(#[inline(always)] fn $method(self $(, $n: $N)?) -> Self { Lane(<T as Values>::$method(self.0 $(, $n)?)) })*
            $(#[inline(always)] fn $method2(self, other: Self) -> Self { Lane(<T as Values>::$method2(self.0, other.0)) })*
        }

        impl<N: Number> Number for Dual<N> {
            $(#[inline(always)] fn $method(self $(, $n: $N)?) -> Self {
                let y = self.value.$method($($n)?);
                Dual { value: y, tangent: slopes::$method(self.value, y $(, $n)?) * self.tangent }
            })*
            $(#[inline(always)] fn $method2(self, other: Self) -> Self {
                let (a, b) = (self.value, other.value);
                let y = a.$method2(b);
                Dual {
                    value: y,
                    tangent: slopes_a::$method2(a, b, y) * self.tangent + slopes_b::$method2(a, b, y) * other.tangent,
                }
            })*
        }

        impl<T: Real> Number for Scalar<'_, T> {
            $(#[inline(always)] fn $method(self $(, $n: $N)?) -> Self {
                self.through(fused::$method, #[inline(always)] |x| {
                    let y = <T as Values>::$method(x $(, $n)?);
                    (y, slopes::$method(Lane(x), Lane(y) $(, $n)?).0)
                })
            })*
            $(#[inline(always)] fn $method2(self, other: Self) -> Self {
                self.through_both(stringify!($method2), other, fused::$method2, #[inline(always)] |a, b| {
                    let y = Lane(<T as Values>::$method2(a, b));
                    let (a, b) = (Lane(a), Lane(b));
                    [y, slopes_a::$method2(a, b, y), slopes_b::$method2(a, b, y)].map(|lane| lane.0)
                })
            })*
        }

        impl<T: Real> Number for Var<'_, T> {
            $(fn $method(self $(, $n: $N)?) -> Self { Var::$method(self $(, $n)?) })*
            $(fn $method2(self, other: Self) -> Self { Var::$method2(self, other) })*
        }

        impl<'t, T: Real> Var<'t, T> {
            $($(#[$doc])* #[track_caller] #[must_use] pub fn $method(self $(, $n: $N)?) -> Self {
                self.unary(functions!(@pat Unary::$Name $($n)?))
            })*
            $($(#[$doc2])* #[track_caller] #[must_use] pub fn $method2(self, other: Self) -> Self {
                self.binary(Binary::$Name2, other)
            })*
        }
    };
}
