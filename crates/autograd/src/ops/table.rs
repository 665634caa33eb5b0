//! The functions of the table as methods of variables.

use kernel::table::Arithmetic;
use kernel::{Binary, Number, Unary};

use crate::rule::op::Op;
use crate::tape::var::dims;
use crate::{Real, Var};

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
        impl<'t, T: Real> Var<'t, T> {
            $($(#[$doc])* #[track_caller] #[must_use] pub fn $method(self $(, $n: $N)?) -> Self {
                self.unary(methods!(@with Unary::$Name $($n)?))
            })*
            $($(#[$doc2])* #[track_caller] #[must_use] pub fn $method2(self, other: Self) -> Self {
                self.binary(Binary::$Name2, other)
            })*
        }

        impl<T: Real> Number for Var<'_, T> {
            $(fn $method(self $(, $n: $N)?) -> Self { Var::$method(self $(, $n)?) })*
            $(fn $method2(self, other: Self) -> Self { Var::$method2(self, other) })*
        }
    };
    (@with $E:ident::$Name:ident) => { $E::$Name };
    (@with $E:ident::$Name:ident $n:ident) => { $E::$Name($n) };
}
kernel::functions!(methods);

impl<T: Real> Arithmetic for Var<'_, T> {
    #[track_caller]
    fn zero(self) -> Self {
        Var::zero(self)
    }

    #[track_caller]
    fn sum(x: &[Self]) -> Self {
        let Some(first) = x.first() else { panic!("sum: no number") };
        same_shapes("sum", *first, x);
        let terms: Vec<Op<u32>> = x.iter().map(|x| Op::Add(1.0, x.id)).collect();
        first.tape().record(first.shape(), &terms)
    }

    #[track_caller]
    fn dot(a: &[Self], b: &[Self]) -> Self {
        assert!(a.len() == b.len() && !a.is_empty(), "dot: {} and {} numbers", a.len(), b.len());
        same_shapes("dot", a[0], a);
        same_shapes("dot", a[0], b);
        let terms: Vec<Op<u32>> = a.iter().zip(b).map(|(a, b)| Op::Binary(Binary::Mul, a.id, b.id)).collect();
        a[0].tape().record(a[0].shape(), &terms)
    }
}

#[track_caller]
fn same_shapes<'t, T: Real>(name: &str, first: Var<'t, T>, x: &[Var<'t, T>]) {
    for &x in x {
        first.same_tape(name, x);
        assert!(x.shape() == first.shape(), "{name}: {} and {} differ in shape", dims(first), dims(x));
    }
}
