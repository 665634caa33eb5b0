//! Bounds of derivatives from what was computed, whatever rules the tape has for it.

use std::borrow::Borrow;

use autograd::check::Check;
use autograd::{AxisFunction, Binary, Matrix, Op, Tape, Unary, Var};

use super::along::{along_line, tangent_line};
use super::interval::Interval;
use super::recorded::{EnclosureError, IntervalMatrix, all_bounds, of_formula};
use super::sum::{Entries, Sum};

/// Checks the derivatives of `f` at `inputs` as [`autograd::check`](fn@autograd::check) does, and lets [`derivative_bounds`] decide what
/// differences cannot: slopes that are lost in the rounding of a value, points beside a kink, and those where every step leaves the domain.
///
/// ```
/// use autograd::{Matrix, check::Check, formula};
/// let x = [Matrix::from([[0.3, -1.2]])];
/// // Beside 10¹⁰, differences see no digit of 10⁻⁶ sin x.
/// solve::check(|v| v[0].map(formula!(|x| x.sin(), |_y| [x.cos()])) * 1e-6 + 1e10, &x);
/// // This slope is that of a cosine.
/// let check = Check::new().bounded_by(solve::derivative_bounds);
/// let report = check.run(|v| v[0].map(formula!(|x| x.sin(), |_y| [-x.sin()])) * 1e-6 + 1e10, &x);
/// assert!(!report.failed.is_empty() && report.failed[0].is_proved);
/// ```
///
/// # Panics
/// With a [`Report`](autograd::check::Report) if the verdict is not [`Pass`](autograd::check::Verdict::Pass).
#[track_caller]
pub fn check(f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>, inputs: &[impl Borrow<Matrix<f64>>]) {
    Check::new().bounded_by(derivative_bounds).run(f, inputs).unwrap();
}

/// Bounds of the derivative of a recorded number along a direction in its variables, for [`Check::bounded_by`].
///
/// Intervals run forward through the functions that were recorded, with the chain rule and the slopes of the table (Moore, *Interval
/// Analysis*, 1966). They begin at the point and the numbers next to it, so they are hardly wider than rounding makes them. They do not use the
/// rules under test. For a [`Formula`](autograd::Formula) they differentiate its value and ignore its slopes, and they ignore `stop_gradient`.
///
/// `None` if nothing is known: on a kink, where a function is not defined, and for a program that has no bounds ([`EnclosureError`]).
///
/// # Panics
/// If the number is not 1 × 1, or a variable has no direction of its shape.
#[track_caller]
pub fn derivative_bounds<'t>(
    number: Var<'t, f64>,
    x: &[Var<'t, f64>],
    direction: &[Matrix<f64>],
) -> Option<(f64, f64)> {
    let (m, n) = number.shape();
    assert!((m, n) == (1, 1), "derivative_bounds: the variable is {m} × {n}, not a single number: sum it");
    let fits = x.len() == direction.len() && x.iter().zip(direction).all(|(x, d)| x.shape() == d.shape());
    assert!(fits, "derivative_bounds: each variable needs a direction of its shape");
    let slope = slope_along(number, x, direction).ok()?;
    (slope.low.is_finite() && slope.high.is_finite()).then_some((slope.low, slope.high))
}

fn slope_along<'t>(
    number: Var<'t, f64>,
    x: &[Var<'t, f64>],
    direction: &[Matrix<f64>],
) -> Result<Interval, EnclosureError> {
    let tape = number.tape();
    // A tangent that is 0 between these neighbours is that of a constant. At a single point it would say nothing of x², which has the slope 0 at 0.
    let beside = |(x, d): (&Var<'t, f64>, &Matrix<f64>)| IntervalMatrix::beside(&x.recorded_value(), d);
    let sides: Vec<_> = x.iter().zip(direction).map(beside).collect();
    let values = all_bounds(tape, x, &sides, &[number])?;
    let mut tangents: Vec<Option<Vec<Interval>>> = Vec::with_capacity(values.len());
    for (id, node) in tape.nodes().enumerate().take(number.index() + 1) {
        let tangent = match x.iter().position(|x| x.index() == id) {
            Some(k) => Some(direction[k].as_slice().iter().map(|&d| Interval::at(d)).collect()),
            None if values[id].is_empty() => None,
            None => of_node(node, &values, &tangents),
        };
        tangents.push(tangent);
    }
    Ok(tangents[number.index()].as_ref().map_or(Interval::at(0.0), |tangent| tangent[0]))
}

/// A matrix, and its tangent unless that is 0.
#[derive(Clone, Copy)]
struct Moving<'a> {
    value: Entries<'a>,
    tangent: Option<Entries<'a>>,
}

impl<'a> Moving<'a> {
    fn new(shape: (usize, usize), value: &'a [Interval], tangent: &'a Option<Vec<Interval>>) -> Self {
        Moving { value: Entries { shape, of: value }, tangent: tangent.as_ref().map(|of| Entries { shape, of }) }
    }

    fn tangent(self, k: usize) -> Interval {
        self.tangent.map_or(Interval::at(0.0), |tangent| tangent.of[k])
    }
}

/// The tangent of a node, unless it is 0.
fn of_node(node: Var<'_, f64>, values: &[Vec<Interval>], tangents: &[Option<Vec<Interval>>]) -> Option<Vec<Interval>> {
    let (shape, tape, terms) = (node.shape(), node.tape(), node.terms());
    let moving = |x: Var<'_, f64>| Moving::new(x.shape(), &values[x.index()], &tangents[x.index()]);
    if !terms.is_empty() {
        return tangent_of(shape, tape, terms.into_iter().map(|term| term.map(moving)));
    }
    let (formula, operands) = (node.formula_terms()?, node.operands());
    let numbers = of_formula(node, &formula, operands.iter().map(|x| values[x.index()].clone()).collect());
    let mut moved: Vec<_> = operands.iter().map(|x| tangents[x.index()].clone()).collect();
    for terms in formula.numbers.iter().take(formula.value as usize + 1).skip(operands.len()) {
        let moving = |x: u32| Moving::new(shape, &numbers[x as usize], &moved[x as usize]);
        moved.push(tangent_of(shape, tape, terms.iter().map(|term| term.map(moving))));
    }
    moved.swap_remove(formula.value as usize)
}

/// The tangent of a sum of terms.
fn tangent_of<'t, 'a>(
    shape: (usize, usize),
    tape: &'t Tape<'t, f64>,
    terms: impl Iterator<Item = Op<Moving<'a>>>,
) -> Option<Vec<Interval>> {
    let mut sum = Sum::new(shape, tape);
    let mut is_moving = false;
    for term in terms {
        let mut first = None;
        term.map(|x| first = first.or(x.tangent));
        if let Some(tangent) = first {
            is_moving = true;
            add_tangent(&mut sum, term, tangent);
        }
    }
    is_moving.then(|| sum.entries())
}

/// Adds the tangent of a term, of which this is the tangent of its first operand that has one.
fn add_tangent(sum: &mut Sum<'_>, term: Op<Moving<'_>>, first: Entries<'_>) {
    match term {
        Op::Matmul(s, a, t, b) => {
            if let Some(da) = a.tangent {
                sum.add_term(Op::Matmul(s, da, t, b.value));
            }
            if let Some(db) = b.tangent {
                sum.add_term(Op::Matmul(s, a.value, t, db));
            }
        }
        Op::Unary(f, x) => (0..x.value.of.len()).for_each(|k| sum.add(k, of_one(f, x.value.of[k], x.tangent(k)))),
        Op::Binary(f, a, b) => {
            let of = |k: usize| of_two(f, [a, b].map(|x| x.value.of[k]), [a, b].map(|x| x.tangent(k)));
            (0..a.value.of.len()).for_each(|k| sum.add(k, of(k)));
        }
        Op::AlongAxis(f, axis, x) => sum.along(axis, [x.value, first], |x, t| tangent_line(f, x, t)),
        // The columns of −Σ tᵢ ln pᵢ.
        Op::CrossEntropy { x, t, .. } => {
            let m = x.value.shape.0;
            for k in 0..x.value.of.len() {
                let (j, i) = (k / m, k % m);
                let tangents: Vec<_> = (j * m..(j + 1) * m).map(|k| x.tangent(k)).collect();
                let column = &x.value.of[j * m..][..m];
                let moved = tangent_line(AxisFunction::LogSoftmax, column, &tangents)[i];
                sum.add(j, -t.value.of[k] * moved);
                sum.add(j, -t.tangent(k) * along_line(AxisFunction::LogSoftmax, column)[i]);
            }
        }
        linear => sum.add_term(linear.map(|_| first)),
    }
}

/// f'(x) t. On a kink nothing is known, unless x is constant.
fn of_one(f: Unary, x: Interval, t: Interval) -> Interval {
    let is_on = |&at: &f64| x.partial_cmp(&Interval::constant(at)).is_none_or(|order| order.is_eq());
    match () {
        _ if t.is_zero() => Interval::at(0.0),
        _ if f.kinks().iter().any(is_on) => Interval::ALL,
        _ => f.slope(x, f.apply(x)) * t,
    }
}

/// The same of two operands.
fn of_two(f: Binary, [a, b]: [Interval; 2], [da, db]: [Interval; 2]) -> Interval {
    // What is kept moves with b, and jumps with a.
    let is_moving = !da.is_zero() || !db.is_zero() && !matches!(f, Binary::Keep | Binary::Drop);
    if is_moving && is_on_kink(f, a, b) {
        return Interval::ALL;
    }
    let y = f.apply(a, b);
    let part = |k: usize, t: Interval| if t.is_zero() { t } else { f.slope(k, a, b, y) * t };
    part(0, da) + part(1, db)
}

/// Whether a function may have a kink or a jump at some of these numbers.
fn is_on_kink(f: Binary, a: Interval, b: Interval) -> bool {
    match f {
        Binary::Max | Binary::Min => a.partial_cmp(&b).is_none_or(|order| order.is_eq()),
        Binary::Keep | Binary::Drop => a.contains(0.0),
        Binary::Copysign => a.contains(0.0) || b.contains(0.0),
        Binary::Remainder | Binary::Fmod => (a / b).holds_whole(),
        Binary::Atan2 => a.contains(0.0) && b.low <= 0.0,
        Binary::Hypot => a.contains(0.0) && b.contains(0.0),
        _ => f.side(a.low, b.low).is_some(),
    }
}
