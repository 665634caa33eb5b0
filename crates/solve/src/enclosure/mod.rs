//! Proved bounds of functions and gradients over a box.

mod along;
mod elementary;
mod formulas;
mod interval;
mod recorded;
mod slopes;
mod sum;

use autograd::Dual;

pub use interval::Interval;
pub use recorded::{EnclosureError, IntervalMatrix, enclose, enclose_gradient};
pub use slopes::{check, derivative_bounds};

/// Bounds of a function of numbers and of its gradient over a box, by forward mode on intervals. This is for programs
/// in single numbers. [`enclose_gradient`] is for closures over matrices that are recorded on a tape.
///
/// ```
/// use autograd::Number;
/// use solve::{Interval, enclose_scalar_gradient};
/// let sides = [Interval::new(0.0, 0.5), Interval::new(1.0, 2.0)];
/// let (value, [dx, dy]) = enclose_scalar_gradient(|[x, y]| (x * y).sin() + y, sides);
/// assert!(value.contains(0.25f64.sin() + 1.0) && value.low() > 0.99 && value.high() < 2.85);
/// // The function increases in both numbers everywhere in the box.
/// assert!(dx > 0.0 && dy > 0.0);
/// ```
pub fn enclose_scalar_gradient<const K: usize>(
    f: impl Fn([Dual<Interval>; K]) -> Dual<Interval>,
    sides: [Interval; K],
) -> (Interval, [Interval; K]) {
    let along =
        |k: usize| f(std::array::from_fn(|i| if i == k { Dual::variable(sides[i]) } else { Dual::constant(sides[i]) }));
    let value = f(sides.map(Dual::constant)).value;
    (value, std::array::from_fn(|k| along(k).tangent))
}
