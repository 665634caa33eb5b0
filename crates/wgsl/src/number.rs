//! A number that writes itself as WGSL: formulas of the table become shaders.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt::Write;
use std::ops::{Add, Div, Mul, Neg, Sub};

use kernel::table::values;
use kernel::{Arithmetic, Elementary, Number};

/// The statements of a shader, each of which names a value. An expression that was written before is not written again.
///
/// ```
/// use autograd::Number;
/// let writer = wgsl::Writer::new(false);
/// let x = writer.value("table[i]");
/// let y = (x.tanh() + x) * 2.0;
/// writer.line(&format!("table[i] = v{};", y.id()));
/// assert_eq!(writer.finish().lines().count(), 6);
/// ```
pub struct Writer {
    is_double: bool,
    text: RefCell<String>,
    known: RefCell<HashMap<String, u32>>,
}

/// A number of a shader: the name of a value.
///
/// # Panics
/// Comparisons panic, because a number has no value while the shader is written: formulas select by functions such as `max` or `step` instead. So
/// do operations on numbers of two writers.
#[derive(Clone, Copy)]
pub struct WgslNumber<'w> {
    writer: &'w Writer,
    id: u32,
}

impl Writer {
    /// No statements, for numbers of `f32` or, if `is_double`, of `f64`.
    pub fn new(is_double: bool) -> Self {
        Writer { is_double, text: RefCell::default(), known: RefCell::default() }
    }

    /// The value of an expression, which becomes `let v0 = expression;` with the next number. The same expression is the same value, also if
    /// a [statement](Writer::line) between them changes what it reads.
    pub fn value(&self, expression: impl Into<String>) -> WgslNumber<'_> {
        let expression = expression.into();
        let mut known = self.known.borrow_mut();
        let id = known.len() as u32;
        let id = *known.entry(expression).or_insert_with_key(|expression| {
            self.line(&format!("let v{id} = {expression};"));
            id
        });
        WgslNumber { writer: self, id }
    }

    /// The value with this number.
    pub fn at(&self, id: u32) -> WgslNumber<'_> {
        WgslNumber { writer: self, id }
    }

    /// A number of the program.
    pub fn constant(&self, c: f64) -> WgslNumber<'_> {
        self.value(literal(self.is_double, c))
    }

    /// Adds a statement.
    pub fn line(&self, line: &str) {
        writeln!(self.text.borrow_mut(), "  {line}").expect("text grows");
    }

    /// The statements.
    pub fn finish(self) -> String {
        self.text.into_inner()
    }
}

/// A number as text: the nearest one of the type. Shaders have no literals of infinite numbers.
pub fn literal(is_double: bool, c: f64) -> String {
    let rounded = if is_double { c } else { f64::from(c as f32) };
    match rounded {
        c if c.is_nan() => "nan_()".to_owned(),
        c if c.is_infinite() => format!("({}inf_())", if c < 0.0 { "-" } else { "" }),
        c if is_double => format!("({c:?}lf)"),
        c => format!("({:?}f)", c as f32),
    }
}

impl<'w> WgslNumber<'w> {
    /// The number of the value.
    pub fn id(self) -> u32 {
        self.id
    }

    fn call<const N: usize>(self, function: &str, more: [Self; N]) -> Self {
        let more: String = more.iter().map(|x| format!(", v{}", self.beside(*x))).collect();
        self.writer.value(format!("{function}(v{}{more})", self.id))
    }

    /// The number of another value of the same shader.
    fn beside(self, other: Self) -> u32 {
        assert!(std::ptr::eq(self.writer, other.writer), "a formula has numbers of two shaders (`Writer`)");
        other.id
    }
}

macro_rules! operators {
    ($($Op:ident $op:ident $sign:literal)*) => {$(
        impl $Op for WgslNumber<'_> {
            type Output = Self;
            fn $op(self, other: Self) -> Self {
                self.writer.value(format!("v{} {} v{}", self.id, $sign, self.beside(other)))
            }
        }
    )*};
}
operators!(Add add "+" Sub sub "-" Mul mul "*" Div div "/");
kernel::assigning!(['w,] WgslNumber<'w>);
kernel::beside_plain!(['w,] WgslNumber<'w>, |x, c| x.plain(c));

impl Neg for WgslNumber<'_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.writer.value(format!("-v{}", self.id))
    }
}

/// The operations. Each has the name of its function in the shader, without the `_` at the end.
macro_rules! elementary {
    ($($name:ident($x:ident $(, $more:ident)*))*) => {
        impl Elementary for WgslNumber<'_> {
            fn plain(self, c: f64) -> Self {
                self.writer.constant(c)
            }
            /// By squaring, as on the CPU.
            fn powi(self, n: i32) -> Self {
                match n {
                    0 => self.plain(1.0),
                    1 => self,
                    _ if n % 2 == 0 => Elementary::powi(self * self, n / 2),
                    2.. => Elementary::powi(self * self, n / 2) * self,
                    _ => 1.0 / Elementary::powi(self, -n),
                }
            }
            fn powf(self, p: f64) -> Self {
                Elementary::pow(self, self.plain(p))
            }
            fn polygamma(self, n: i32) -> Self {
                match n {
                    0 => Elementary::digamma(self),
                    1.. => self.writer.value(format!("polygamma_(v{}, {})", self.id, n.saturating_add(1))),
                    _ => self.plain(f64::NAN),
                }
            }
            fn sinc_derivative(self, n: i32) -> Self {
                match n {
                    0.. => self.writer.value(format!("sinc_(v{}, {n})", self.id)),
                    _ => self.plain(f64::NAN),
                }
            }
            $(fn $name(self $(, $more: Self)*) -> Self {
                self.call(concat!(stringify!($name), "_"), [$($more),*])
            })*
        }
    };
}
elementary! {
    where_positive(x, a, b) where_equal(x, y, a, b) larger(x, y) abs(x) copysign(x, y) sign(x) step(x) relu(x) fmod(x, y)
    sqrt(x) cbrt(x) hypot(x, y) pow(x, y) exp(x) exp2(x) exp_m1(x) ln(x) log2(x) log10(x) ln_1p(x)
    sin(x) cos(x) tan(x) asin(x) acos(x) atan(x) atan2(y, x) sinh(x) cosh(x) tanh(x) asinh(x)
    sigmoid(x) softplus(x) tanhshrink(x) erf(x) erfc(x) erf_inv(x) ln_gamma(x) digamma(x)
}

impl Arithmetic for WgslNumber<'_> {
    fn zero(self) -> Self {
        self.plain(0.0)
    }
}

impl<R> PartialEq<R> for WgslNumber<'_> {
    #[track_caller]
    fn eq(&self, _: &R) -> bool {
        panic!("{COMPARED}")
    }
}
impl<R> PartialOrd<R> for WgslNumber<'_> {
    #[track_caller]
    fn partial_cmp(&self, _: &R) -> Option<Ordering> {
        panic!("{COMPARED}")
    }
}

const COMPARED: &str = "a formula that is written as a shader cannot compare numbers, because they have no values yet: select by functions such \
                        as `max`, `step` or `keep`";

macro_rules! numbers {
    (
        one {$($(#[$doc:meta])* $Name:ident: $method:ident($x:ident, $y:ident $(; $n:ident: $N:ty, $samples:expr)?)
            => $f:expr, $df:expr $(, in $domain:expr)? $(, kinks at $kinks:expr)?;)*}
        two {
            $(#[$md:meta])* Mul: mul $mul:tt => $mf:expr, $mda:expr, $mdb:expr;
            $(#[$dd:meta])* Div: div $div:tt => $qf:expr, $qda:expr, $qdb:expr, in $qdomain:expr;
            $($(#[$doc2:meta])* $Name2:ident: $method2:ident($a:ident, $b:ident, $y2:ident)
            => $f2:expr, $da:expr, $db:expr $(, in $domain2:expr)? $(, kink at $kink2:expr)?;)*}
    ) => {
        impl Number for WgslNumber<'_> {
            $(fn $method(self $(, $n: $N)?) -> Self { values::$method(self $(, $n)?) })*
            $(fn $method2(self, other: Self) -> Self { values::$method2(self, other) })*
        }
    };
}
kernel::functions!(numbers);
