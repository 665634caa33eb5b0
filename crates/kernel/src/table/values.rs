//! The values of the table, generic in the number.

use std::f64::consts::FRAC_1_SQRT_2;

use super::functions::{FAR, GELU, SELU};
use super::{Binary, Elementary, LeftOf, Unary};
use crate::functions;

macro_rules! values {
    (
        one {$($(#[$doc:meta])* $Name:ident: $method:ident($x:ident, $y:ident $(; $n:ident: $N:ty, $samples:expr)?)
            => $f:expr, $df:expr $(, in $domain:expr)? $(, kinks at $kinks:expr)?;)*}
        two {$($(#[$doc2:meta])* $Name2:ident: $method2:ident($a:ident, $b:ident, $y2:ident)
            => $f2:expr, $da:expr, $db:expr $(, in $domain2:expr)? $(, kink at $kink2:expr)?;)*}
    ) => {
        $(#[doc = concat!("That of `", stringify!($method), "`.")]
        #[inline(always)]
        pub fn $method<N: Elementary>($x: N $(, $n: $N)?) -> N
        where
            f64: LeftOf<N>,
        {
            $f
        })*
        $(#[doc = concat!("That of `", stringify!($method2), "`.")]
        #[inline(always)]
        pub fn $method2<N: Elementary>($a: N, $b: N) -> N
        where
            f64: LeftOf<N>,
        {
            $f2
        })*

        impl Unary {
            /// f(x), by the formula of the table.
            pub fn value<N: Elementary>(self, x: N) -> N
            where
                f64: LeftOf<N>,
            {
                match self { $(values!(@with Unary::$Name $($n)?) => $method(x $(, $n)?),)* }
            }
        }

        impl Binary {
            /// f(a, b), by the formula of the table.
            pub fn value<N: Elementary>(self, a: N, b: N) -> N
            where
                f64: LeftOf<N>,
            {
                match self { $(Binary::$Name2 => $method2(a, b),)* }
            }
        }
    };
    (@with $E:ident::$Name:ident) => { $E::$Name };
    (@with $E:ident::$Name:ident $n:ident) => { $E::$Name($n) };
}
functions!(values);
