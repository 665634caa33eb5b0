//! The number types of a tape, `f32` and `f64`, with the values of every function of the table.

use super::{Lane, values};
use crate::{Float, functions};

/// A number type of a tape, `f32` or `f64`: a [`Float`] with every function of the table.
///
/// A function that is generic in it can be compiled once for both types by the attribute
/// [`compiled_once`](macro@crate::compiled_once), instead of in every crate that calls it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number of a tape",
    note = "numbers are `f32` and `f64`: write `2.0` in place of `2`, and convert an integer by `n as f64`"
)]
pub trait Real: Float + Values {
    /// Calls a function that is compiled once for each number type.
    #[doc(hidden)]
    #[track_caller]
    fn dispatch<F: CompiledOnce>(function: F, args: F::Args<Self>) -> F::Out<Self>;
}

crate::float::dispatching!(Real);

macro_rules! real {
    ($T:ident) => {
        impl Real for $T {
            #[inline(always)]
            #[track_caller]
            fn dispatch<F: CompiledOnce>(_: F, args: F::Args<$T>) -> F::Out<$T> {
                F::$T(args)
            }
        }
    };
}
real!(f32);
real!(f64);

macro_rules! plain {
    (
        one {$($(#[$doc:meta])* $Name:ident: $method:ident($x:ident, $y:ident $(; $n:ident: $N:ty, $samples:expr)?)
            => $f:expr, $df:expr $(, in $domain:expr)? $(, kinks at $kinks:expr)?;)*}
        two {$($(#[$doc2:meta])* $Name2:ident: $method2:ident($a:ident, $b:ident, $y2:ident)
            => $f2:expr, $da:expr, $db:expr $(, in $domain2:expr)? $(, kink at $kink2:expr)?;)*}
    ) => {
        /// The values of the table for plain numbers.
        pub trait Values: Sized {
            $(#[doc(hidden)] fn $method(x: Self $(, $n: $N)?) -> Self;)*
            $(#[doc(hidden)] fn $method2(a: Self, b: Self) -> Self;)*
        }
        plain!(@of f32 $(one $method $($n: $N)?;)* $(two $method2;)*);
        plain!(@of f64 $(one $method $($n: $N)?;)* $(two $method2;)*);
    };
    (@of $T:ident $(one $method:ident $($n:ident: $N:ty)?;)* $(two $method2:ident;)*) => {
        impl Values for $T {
            $(#[inline(always)] fn $method(x: $T $(, $n: $N)?) -> $T { values::$method(Lane(x) $(, $n)?).0 })*
            $(#[inline(always)] fn $method2(a: $T, b: $T) -> $T { values::$method2(Lane(a), Lane(b)).0 })*
        }
    };
}
functions!(plain);
