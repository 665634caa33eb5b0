//! The vector loops of the table.

use super::number::Lane;
use super::real::Values;
use super::slopes::{of_first, of_one, of_second};
use super::{Binary, Real, Unary};
use crate::simd::{Accum, fill};
use crate::{compiled_once, functions};

macro_rules! loops {
    (
        one {$($(#[$doc:meta])* $Name:ident: $method:ident($x:ident, $y:ident $(; $n:ident: $N:ty, $samples:expr)?)
            => $f:expr, $df:expr $(, in $domain:expr)? $(, kinks at $kinks:expr)?;)*}
        two {$($(#[$doc2:meta])* $Name2:ident: $method2:ident($a:ident, $b:ident, $y2:ident)
            => $f2:expr, $da:expr, $db:expr $(, in $domain2:expr)? $(, kink at $kink2:expr)?;)*}
    ) => {
        /// y = f(x) or y += f(x).
        #[compiled_once]
        pub fn unary<T: Real>(f: Unary, x: &[T], y: &mut [T], accum: Accum) {
            let x = &x[..y.len()];
            match f { $(loops!(@with Unary::$Name $($n)?) =>
                fill(y, accum, #[inline(always)] move |i| <T as Values>::$method(x[i] $(, $n)?)),
            )* }
        }

        /// δx = f'(x, y) δy or δx += f'(x, y) δy. If δy = 0, it is 0 whatever the slope.
        #[compiled_once]
        pub fn unary_slope<T: Real>(f: Unary, x: &[T], y: &[T], dy: &[T], dx: &mut [T], accum: Accum) {
            let (x, y, dy) = (&x[..dx.len()], &y[..dx.len()], &dy[..dx.len()]);
            match f { $(loops!(@with Unary::$Name $($n)?) =>
                fill(dx, accum, #[inline(always)] move |i| times(of_one::$method(Lane(x[i]), Lane(y[i]) $(, $n)?).0, dy[i])),
            )* }
        }

        /// y = f(a, b) or y += f(a, b).
        #[compiled_once]
        pub fn binary<T: Real>(f: Binary, a: &[T], b: &[T], y: &mut [T], accum: Accum) {
            let (a, b) = (&a[..y.len()], &b[..y.len()]);
            match f { $(Binary::$Name2 =>
                fill(y, accum, #[inline(always)] move |i| <T as Values>::$method2(a[i], b[i])),
            )* }
        }

        /// δa or δb (`operand` 0 or 1) = or += the slope times δy; `at` is `[a, b, y, δy]`.
        #[compiled_once]
        pub fn binary_slope<T: Real>(f: Binary, operand: usize, at: [&[T]; 4], dx: &mut [T], accum: Accum) {
            let [a, b, y, dy] = at.map(|v| &v[..dx.len()]);
            match (f, operand) { $(
                (Binary::$Name2, 0) =>
                    fill(dx, accum, #[inline(always)] move |i| {
                        let slope = of_first::$method2(Lane(a[i]), Lane(b[i]), Lane(y[i])).0;
                        if Binary::$Name2.selects(0) { <T as Values>::weigh_both(slope, dy[i]) } else { times(slope, dy[i]) }
                    }),
                (Binary::$Name2, _) =>
                    fill(dx, accum, #[inline(always)] move |i| {
                        let slope = of_second::$method2(Lane(a[i]), Lane(b[i]), Lane(y[i])).0;
                        if Binary::$Name2.selects(1) { <T as Values>::weigh_both(slope, dy[i]) } else { times(slope, dy[i]) }
                    }),
            )* }
        }
    };
    (@with $E:ident::$Name:ident) => { $E::$Name };
    (@with $E:ident::$Name:ident $n:ident) => { $E::$Name($n) };
}
functions!(loops);

/// a b; 0 where b = 0, even if a is infinite or NaN.
#[inline(always)]
fn times<T: Real>(a: T, b: T) -> T {
    <T as Values>::weigh(a, b)
}
