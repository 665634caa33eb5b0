//! The slopes of the table, generic in the number.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LOG2_E, LOG10_E};

use super::functions::{GELU, SELU, near};
use super::{Binary, Number, Unary};
use crate::functions;

macro_rules! slopes {
    (
        one {$($(#[$doc:meta])* $Name:ident: $method:ident($x:ident, $y:ident $(; $n:ident: $N:ty, $samples:expr)?)
            => $f:expr, $df:expr $(, in $domain:expr)? $(, kinks at $kinks:expr)?;)*}
        two {$($(#[$doc2:meta])* $Name2:ident: $method2:ident($a:ident, $b:ident, $y2:ident)
            => $f2:expr, $da:expr, $db:expr $(, in $domain2:expr)? $(, kink at $kink2:expr)?;)*}
    ) => {
        /// The slopes of functions of one operand, f'(x) where y = f(x).
        pub mod of_one {
            use super::*;
            $(#[doc = concat!("That of `", stringify!($method), "`.")]
            #[inline(always)] pub fn $method<N: Number>($x: N, $y: N $(, $n: $N)?) -> N {
                let _ = ($x, $y $(, $n)?);
                $df
            })*
        }
        /// ∂f/∂a, where y = f(a, b).
        pub mod of_first {
            use super::*;
            $(#[doc = concat!("That of `", stringify!($method2), "`.")]
            #[inline(always)] pub fn $method2<N: Number>($a: N, $b: N, $y2: N) -> N {
                let _ = ($a, $b, $y2);
                $da
            })*
        }
        /// ∂f/∂b, where y = f(a, b).
        pub mod of_second {
            use super::*;
            $(#[doc = concat!("That of `", stringify!($method2), "`.")]
            #[inline(always)] pub fn $method2<N: Number>($a: N, $b: N, $y2: N) -> N {
                let _ = ($a, $b, $y2);
                $db
            })*
        }

        /// Whether a formula or its slope contains fused multiply-adds.
        #[allow(non_upper_case_globals)] // the names are those of the methods
        pub mod fused {
            use super::is_fused;
            $(#[doc = concat!("That of `", stringify!($method), "`.")]
            pub const $method: bool = is_fused(concat!(stringify!($f), stringify!($df)));)*
            $(#[doc = concat!("That of `", stringify!($method2), "`.")]
            pub const $method2: bool = is_fused(concat!(stringify!($f2), stringify!($da), stringify!($db)));)*
        }

        impl Unary {
            /// f(x).
            pub fn apply<N: Number>(self, x: N) -> N {
                match self { $(slopes!(@with Unary::$Name $($n)?) => x.$method($($n)?),)* }
            }

            /// f'(x), where y = f(x).
            pub fn slope<N: Number>(self, x: N, y: N) -> N {
                match self { $(slopes!(@with Unary::$Name $($n)?) => of_one::$method(x, y $(, $n)?),)* }
            }
        }

        impl Binary {
            /// f(a, b).
            #[track_caller]
            pub fn apply<N: Number>(self, a: N, b: N) -> N {
                match self { $(Binary::$Name2 => a.$method2(b),)* }
            }

            /// ∂f/∂a (`operand` 0) or ∂f/∂b (`operand` 1), where y = f(a, b).
            pub fn slope<N: Number>(self, operand: usize, a: N, b: N, y: N) -> N {
                match (self, operand) { $(
                    (Binary::$Name2, 0) => of_first::$method2(a, b, y),
                    (Binary::$Name2, _) => of_second::$method2(a, b, y),
                )* }
            }
        }
    };
    (@with $E:ident::$Name:ident) => { $E::$Name };
    (@with $E:ident::$Name:ident $n:ident) => { $E::$Name($n) };
}
functions!(slopes);

/// Whether a formula, given as text, calls a function of [`Real`] that contains fused multiply-adds: exp, ln and relatives. Code for
/// the baseline processor would call a function for each of them. It takes one pass, because rustc interprets it for every line.
const fn is_fused(formula: &str) -> bool {
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
