//! The functions of the table as methods of numbers on a scalar tape.

use kernel::table::slopes::{fused, of_first, of_one, of_second};
use kernel::table::{Lane, Values};
use kernel::{Binary, Number};

use crate::{Real, Scalar};

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
        impl<T: Real> Number for Scalar<'_, T> {
            $(#[inline(always)] fn $method(self $(, $n: $N)?) -> Self {
                self.through(fused::$method, const { is_steep(stringify!($df)) }, #[inline(always)] |x| {
                    let y = <T as Values>::$method(x $(, $n)?);
                    (y, of_one::$method(Lane(x), Lane(y) $(, $n)?).0)
                })
            })*
            $(#[inline(always)] fn $method2(self, other: Self) -> Self {
                let selects = [0, 1].map(|operand| Binary::$Name2.selects(operand));
                let steep = const { is_steep(concat!(stringify!($da), stringify!($db))) };
                self.through_both(stringify!($method2), other, fused::$method2, steep, selects, #[inline(always)] |a, b| {
                    let y = Lane(<T as Values>::$method2(a, b));
                    let (a, b) = (Lane(a), Lane(b));
                    [y, of_first::$method2(a, b, y), of_second::$method2(a, b, y)].map(|lane| lane.0)
                })
            })*
        }
    };
}
kernel::functions!(methods);

/// Whether a slope, as text, may be infinite at a number where the function is not: it divides, or has a logarithm or a power.
const fn is_steep(slope: &str) -> bool {
    let mut text = slope.as_bytes();
    while let [first, rest @ ..] = text {
        match text {
            [b'r', b'e', b'c', b'i', b'p', ..] | [b'r', b's', b'q', ..] | [b'p', b'o', b'w', ..] | [b'l', b'n', ..] => {
                return true;
            }
            _ if *first == b'/' => return true,
            _ => text = rest,
        }
    }
    false
}
