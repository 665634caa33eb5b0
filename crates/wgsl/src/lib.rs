#![doc = include_str!("../README.md")]

mod library;
mod number;
#[cfg(test)]
mod tests;

pub use library::Library;
pub use number::{WgslNumber, Writer, literal};

/// A function of WGSL with this name, N operands of type `T` and one result. The [`Library`] has the functions that it calls.
///
/// ```
/// use autograd::{Dual, Number};
/// fn f<N: Number>(x: N, y: N) -> N {
///     (x * y).sin() + x.powi(2) * 3.0
/// }
/// let value = wgsl::function(false, "f", |[x, y]| f(x, y));
/// let slope = wgsl::function(false, "f_x", |[x, y]| f(Dual::variable(x), Dual::constant(y)).tangent);
/// assert!(value.starts_with("fn f(x0: T, x1: T) -> T {") && value.contains("sin_("));
/// assert!(slope.starts_with("fn f_x(") && slope.contains("cos_("));
/// ```
///
/// # Panics
/// If the formula compares numbers.
pub fn function<const N: usize>(
    is_double: bool,
    name: &str,
    formula: impl for<'w> FnOnce([WgslNumber<'w>; N]) -> WgslNumber<'w>,
) -> String {
    let writer = Writer::new(is_double);
    let result = formula(std::array::from_fn(|k| writer.value(format!("x{k}")))).id();
    let operands = (0..N).map(|k| format!("x{k}: T")).collect::<Vec<_>>().join(", ");
    format!("fn {name}({operands}) -> T {{\n{}  return v{result};\n}}\n", writer.finish())
}
