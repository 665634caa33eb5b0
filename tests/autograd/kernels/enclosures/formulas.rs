//! The functions of an interval: the formulas of the table. They stand apart, because some have the names of operations.

use std::cmp::Ordering;

use kernel::table::values;
use kernel::{Arithmetic, Number};

use super::interval::Interval;

macro_rules! methods {
    // `Mul` and `Div` are the operators.
    (
        one {$($(#[$doc:meta])* $Name:ident: $method:ident($x:ident, $y:ident $(; $n:ident: $N:ty, $samples:expr)?)
            => $f:expr, $df:expr $(, in $domain:expr)? $(, kinks at $kinks:expr)?;)*}
        two {
            $(#[$md:meta])* Mul: mul $mul:tt => $mf:expr, $mda:expr, $mdb:expr;
            $(#[$dd:meta])* Div: div $div:tt => $qf:expr, $qda:expr, $qdb:expr, in $qdomain:expr;
            $($(#[$doc2:meta])* $Name2:ident: $method2:ident($a:ident, $b:ident, $y2:ident)
            => $f2:expr, $da:expr, $db:expr $(, in $domain2:expr)? $(, kink at $kink2:expr)?;)*}
    ) => {
        impl Number for Interval {
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

kernel::assigning!([] Interval);

/// They compare where every number of one does.
impl PartialOrd for Interval {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self.high < other.low, self.low > other.high) {
            (true, _) => Some(Ordering::Less),
            (_, true) => Some(Ordering::Greater),
            _ => (self.is_point() && self == other).then_some(Ordering::Equal),
        }
    }
}
impl PartialEq<f64> for Interval {
    fn eq(&self, other: &f64) -> bool {
        *self == Interval::point(*other)
    }
}
impl PartialOrd<f64> for Interval {
    fn partial_cmp(&self, other: &f64) -> Option<Ordering> {
        self.partial_cmp(&Interval::point(*other))
    }
}
