//! The functions of an interval: the formulas of the table. They stand apart, because some have the names of operations.

use autograd::{Arithmetic, Elementary, Number};
use kernel::table::values;

use super::interval::Interval;

macro_rules! methods {
    // `Mul` and `Div` are the operators. A square is not a product of two numbers that do not know of each other.
    (
        one {
            $(#[$sd:meta])* Square: square $square:tt => $sf:expr, $sdf:expr;
            $($(#[$doc:meta])* $Name:ident: $method:ident($x:ident, $y:ident $(; $n:ident: $N:ty, $samples:expr)?)
            => $f:expr, $df:expr $(, in $domain:expr)? $(, kinks at $kinks:expr)?;)*}
        two {
            $(#[$md:meta])* Mul: mul $mul:tt => $mf:expr, $mda:expr, $mdb:expr;
            $(#[$dd:meta])* Div: div $div:tt => $qf:expr, $qda:expr, $qdb:expr, in $qdomain:expr;
            $($(#[$doc2:meta])* $Name2:ident: $method2:ident($a:ident, $b:ident, $y2:ident)
            => $f2:expr, $da:expr, $db:expr $(, in $domain2:expr)? $(, kink at $kink2:expr)?;)*}
    ) => {
        impl Number for Interval {
            fn square(self) -> Self { Elementary::powi(self, 2) }
            $(fn $method(self $(, $n: $N)?) -> Self { values::$method(self $(, $n)?) })*
            $(fn $method2(self, other: Self) -> Self { values::$method2(self, other) })*
        }
    };
}
kernel::functions!(methods);

impl Arithmetic for Interval {
    fn zero(self) -> Self {
        Interval::point(0.0)
    }
}
