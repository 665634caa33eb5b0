//! An interval, and its arithmetic.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// All numbers from a lower to an upper bound: an enclosure of a number that is not known exactly (Moore, *Interval Analysis*, 1966).
///
/// It is a [`Number`](autograd::Number), so a program that is written for numbers runs on intervals unchanged. The result encloses the
/// exact result for all numbers that the operands enclose. It is often wider than the set of these results, because an operand that
/// occurs twice counts as two; the excess shrinks with the box.
///
/// ```
/// use autograd::Number;
/// use solve::Interval;
/// let (x, y) = (Interval::new(1.0, 2.0), Interval::new(-1.0, 3.0));
/// assert!((x * y + 1.0).is_same(Interval::new(-1.0, 7.0)));
/// assert!(y.square().is_same(Interval::new(0.0, 9.0)));
/// let third = Interval::point(1.0) / 3.0;
/// assert!(third.low() < third.high() && third.contains(1.0 / 3.0));
/// ```
///
/// # What is certain
/// Sums, differences, products, quotients, square roots and whole powers are rounded outward, and not at all if they are exact; the
/// arithmetic of IEEE 754 proves them. The other functions are trusted to errors of two to eight units in the last place of the
/// platform's mathematical library and of this project's own code (`elementary.rs` has the number of each); tests compare all of them
/// with proved values of Arb. A plain number in a formula, such as 0.1, stands for the exact number before it was rounded, if it has more
/// than 31 significant binary digits.
///
/// # Where a function is not defined
/// The result is [`ALL`](Interval::ALL) if a divisor contains 0, or if a part of an operand lies outside of the domain of a function. It is
/// not an error, because a formula may multiply the result by 0 or not select it. At a kink or a jump the enclosure of the slope holds the
/// slopes on both sides; a jump itself has no slope.
///
/// # Comparisons
/// `a < b` is true if every number of a is less than every number of b. `a == b` is true if both are the same single number. If the
/// answer differs between numbers of the intervals, `<`, `>` and `==` are false and `!=` is true, so a branch may be the wrong one.
/// Programs for intervals should select with `max`, `relu` and their relatives. [`is_same`](Interval::is_same) compares the bounds.
#[derive(Clone, Copy, Debug)]
pub struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl PartialEq for Interval {
    fn eq(&self, other: &Self) -> bool {
        self.low == self.high && self.is_same(*other)
    }
}

impl Interval {
    /// All numbers, from −∞ to ∞. It encloses a number about which nothing is known.
    pub const ALL: Interval = Interval { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// The numbers from one to another, which may be infinite.
    ///
    /// # Panics
    /// If a bound is NaN or the lower one is above the upper one.
    #[track_caller]
    pub fn new(low: f64, high: f64) -> Self {
        assert!(low <= high, "Interval::new: from {low} to {high} there is no number");
        Interval { low, high }
    }

    /// Exactly this number.
    ///
    /// # Panics
    /// If it is NaN.
    #[track_caller]
    pub fn point(x: f64) -> Self {
        Interval::new(x, x)
    }

    /// Whether both bounds are those of another interval.
    pub fn is_same(self, other: Self) -> bool {
        self.low == other.low && self.high == other.high
    }

    /// The lower bound.
    pub fn low(self) -> f64 {
        self.low
    }

    /// The upper bound.
    pub fn high(self) -> f64 {
        self.high
    }

    /// The difference of the bounds, rounded up.
    pub fn width(self) -> f64 {
        (Interval::at(self.high) - Interval::at(self.low)).high
    }

    /// A number in the middle.
    pub fn midpoint(self) -> f64 {
        self.low.midpoint(self.high)
    }

    /// Whether a number is among these.
    pub fn contains(self, x: f64) -> bool {
        self.low <= x && x <= self.high
    }

    /// Whether all of these numbers are among those of the other one.
    pub fn is_within(self, other: Self) -> bool {
        other.low <= self.low && self.high <= other.high
    }

    /// Whether it is a single number.
    pub fn is_point(self) -> bool {
        self.low == self.high
    }

    /// The smallest interval with the numbers of both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Interval { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// The numbers that are in both; none if there is no such number.
    pub fn intersection(self, other: Self) -> Option<Self> {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        (low <= high).then_some(Interval { low, high })
    }

    /// Whether it is 0 and no other number.
    pub(super) fn is_zero(self) -> bool {
        self.low == 0.0 && self.high == 0.0
    }

    /// A number that is not NaN.
    pub(super) fn at(x: f64) -> Self {
        Interval { low: x, high: x }
    }

    /// A constant of a formula. One with more than 31 significant binary digits is rounded, as π or 1 / 3 are, and stands for the number before
    /// rounding. NaN is no knowledge.
    pub(super) fn constant(c: f64) -> Self {
        let rounded = c.is_finite() && c.to_bits().trailing_zeros() < 22;
        Self::around(&[c], i32::from(rounded))
    }

    /// From the least of these to the largest, and this many numbers beyond both.
    pub(super) fn around(ends: &[f64], further: i32) -> Self {
        if ends.iter().any(|x| x.is_nan()) {
            return Self::ALL;
        }
        let low = ends.iter().copied().fold(f64::INFINITY, f64::min);
        let high = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let step = |x: f64, next: fn(f64) -> f64| (0..further).fold(x, |x, _| next(x));
        Interval { low: step(low, f64::next_down), high: step(high, f64::next_up) }
    }

    /// A rounded number, and the exact number minus it. Unless that is 0, the neighbours on both sides are the bounds.
    pub(super) fn rounded(x: f64, rest: f64) -> Self {
        Self::around(&[x], i32::from(rest != 0.0))
    }

    /// The union of a function's values at the four corners.
    pub(super) fn corners(self, other: Self, f: impl Fn(f64, f64) -> Self) -> Self {
        let ends = |x: Self| [x.low, x.high];
        let mut all = ends(self).into_iter().flat_map(|a| ends(other).map(|b| f(a, b)));
        let first = all.next().unwrap_or(Self::ALL);
        all.fold(first, Self::hull)
    }
}

/// a + b. The rest is that of Knuth's sum of two numbers, which is exact.
fn sum(a: f64, b: f64) -> Interval {
    let s = a + b;
    let of_b = s - a;
    Interval::rounded(s, (a - (s - of_b)) + (b - of_b))
}

/// The numbers below this size have products whose rests may be rounded, too.
const SMALL: f64 = 1e-250;

/// a b. The rest is that of a fused product.
fn product(a: f64, b: f64) -> Interval {
    let p = a * b;
    match (a == 0.0 || b == 0.0, a.is_infinite() || b.is_infinite()) {
        // 0 times a bound that is infinite is 0, because the numbers inside are finite.
        (true, _) => Interval::at(0.0),
        (_, true) => Interval::at(p),
        _ if p.abs() < SMALL => Interval::rounded(p, f64::NAN),
        _ => Interval::rounded(p, a.mul_add(b, -p)),
    }
}

/// a / b for b ≠ 0.
fn quotient(a: f64, b: f64) -> Interval {
    let q = a / b;
    match (a == 0.0, a.is_infinite(), b.is_infinite()) {
        (true, ..) => Interval::at(0.0),
        (_, true, true) => Interval::ALL,
        (_, true, _) => Interval::at(q),
        (_, _, true) => Interval::at(0.0),
        _ if a.abs() < SMALL || q.abs() < SMALL => Interval::rounded(q, f64::NAN),
        _ => Interval::rounded(q, -q.mul_add(b, -a) * b.signum()),
    }
}

impl Neg for Interval {
    type Output = Self;
    fn neg(self) -> Self {
        Interval { low: -self.high, high: -self.low }
    }
}

/// An operator between two intervals.
macro_rules! operator {
    ($Op:ident $op:ident, |$a:ident, $b:ident| $result:expr) => {
        impl $Op for Interval {
            type Output = Self;
            fn $op(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                $result
            }
        }
    };
}
operator!(Add add, |a, b| Interval { low: sum(a.low, b.low).low, high: sum(a.high, b.high).high });
operator!(Sub sub, |a, b| a + -b);
operator!(Mul mul, |a, b| a.corners(b, product));
operator!(Div div, |a, b| if b.contains(0.0) { Interval::ALL } else { a.corners(b, quotient) });

kernel::assigning!([] Interval);
kernel::beside_plain!([] Interval, |_x, c| Interval::constant(c));

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
        self.is_point() && self.low == *other
    }
}
impl PartialOrd<f64> for Interval {
    fn partial_cmp(&self, other: &f64) -> Option<Ordering> {
        if other.is_nan() { None } else { self.partial_cmp(&Interval::at(*other)) }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.low, self.high)
    }
}
