//! The functions of an interval: the formulas of the table. They stand apart, because some have the names of operations.

use autograd::{Arithmetic, Binary, Elementary, Number};
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
            $(fn $method2(self, other: Self) -> Self {
                of_two(Binary::$Name2, self, other, values::$method2)
            })*
        }
    };
}
kernel::functions!(methods);

/// A product of intervals with 0 is 0 whatever the other number is, so a weight is a product. Its formula would join the cases 0 and not 0.
fn of_two(f: Binary, a: Interval, b: Interval, value: fn(Interval, Interval) -> Interval) -> Interval {
    if matches!(f, Binary::Weigh | Binary::WeighBoth) { a * b } else { value(a, b) }
}

impl Arithmetic for Interval {
    fn zero(self) -> Self {
        Interval::point(0.0)
    }
}
