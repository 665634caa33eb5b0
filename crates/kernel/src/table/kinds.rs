//! The functions of the table as values: their names, domains and kinks.

use std::f64::consts::PI;

use smallvec::SmallVec;

use super::functions::{ALL, POSITIVE};
use crate::functions;

macro_rules! kinds {
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
                match self { $(kinds!(@any Unary::$Name $($n)?) => stringify!($method),)* }
            }

            /// Every function of the table, with some values of its parameter if it has one.
            pub fn all() -> Vec<Unary> {
                [$(kinds!(@each Unary::$Name $($samples)?)),*].concat()
            }

            /// The open interval where it is defined, or where tests try it.
            pub fn domain(self) -> (f64, f64) {
                match self { $(kinds!(@any Unary::$Name $($n)?) => kinds!(@or ALL $(, $domain)?),)* }
            }

            /// The points where the function or one of its first two derivatives jumps.
            pub fn kinks(self) -> SmallVec<[f64; 2]> {
                match self { $(kinds!(@with Unary::$Name $($n)?) => {
                    $(let _ = $n;)?
                    kinds!(@or SmallVec::new() $(, SmallVec::from_slice(&$kinks))?)
                })* }
            }
        }

        impl Binary {
            /// Every function of the table.
            pub const ALL: &[Binary] = &[$(Binary::$Name2),*];

            /// The name of the method that records it.
            pub fn name(self) -> &'static str {
                match self { $(Binary::$Name2 => stringify!($method2),)* }
            }

            /// Whether it selects: an operand whose slope is 0 has no influence.
            #[inline(always)]
            pub const fn selects(self, operand: usize) -> bool {
                matches!((self, operand), (Binary::Keep | Binary::Drop | Binary::WeighBoth, _) | (Binary::Weigh, 0))
            }

            /// The open intervals where it is defined, or where tests try it.
            pub fn domain(self) -> [(f64, f64); 2] {
                match self { $(Binary::$Name2 => kinds!(@or [ALL; 2] $(, $domain2)?),)* }
            }

            /// The side of its kink on which (a, b) lies: −1, 0 or 1; `None` for a function without a kink.
            pub fn side(self, a: f64, b: f64) -> Option<i8> {
                match self { $(Binary::$Name2 => {
                    let ($a, $b) = (a, b);
                    let _ = ($a, $b);
                    kinds!(@or None $(, Some(side($kink2, 0.0)))?)
                })* }
            }
        }
    };
    (@any $E:ident::$Name:ident) => { $E::$Name };
    (@any $E:ident::$Name:ident $n:ident) => { $E::$Name(_) };
    (@with $E:ident::$Name:ident) => { $E::$Name };
    (@with $E:ident::$Name:ident $n:ident) => { $E::$Name($n) };
    (@each $E:ident::$Name:ident) => { vec![$E::$Name] };
    (@each $E:ident::$Name:ident $samples:expr) => { $samples.map($E::$Name).to_vec() };
    (@or $default:expr) => { $default };
    (@or $default:expr, $value:expr) => { $value };
}
functions!(kinds);

/// The sign of x − at: the side of a kink on which x lies.
pub fn side(x: f64, at: f64) -> i8 {
    i8::from(x > at) - i8::from(x < at)
}
