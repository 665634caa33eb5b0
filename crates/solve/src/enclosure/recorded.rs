//! Bounds of what a tape has recorded.

use std::ops::Index;
use std::panic::Location;

use autograd::plan_view::FormulaTerms;
use autograd::{Matrix, Tape, Var, grad};

use super::interval::Interval;
use super::sum::{Entries, Sum};

/// A matrix of intervals, stored column by column.
#[derive(Clone, Debug, PartialEq)]
pub struct IntervalMatrix {
    rows: usize,
    entries: Vec<Interval>,
}

/// Why a recorded closure has no bounds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EnclosureError {
    /// It compared variables or read a number, so that it may be another function elsewhere in the box.
    #[error(
        "the closure compares variables or reads a number at {0}, so it may do otherwise elsewhere in the box: use `max`, `relu` and the like"
    )]
    Reads(&'static Location<'static>),
    /// A function with a rule of its own has no formula that runs on intervals, unless it is a [`Formula`](autograd::Formula) that compares no
    /// numbers.
    #[error(
        "{name} at {source_line} has a rule of its own, which does not run on intervals: write it with functions of the table or as a `formula!`"
    )]
    Custom {
        /// Its name.
        name: String,
        /// The line that recorded it.
        source_line: &'static Location<'static>,
    },
}

impl IntervalMatrix {
    /// All matrices between two.
    ///
    /// # Panics
    /// If their shapes differ, or between two entries there is no number.
    #[track_caller]
    pub fn between(low: &Matrix<f64>, high: &Matrix<f64>) -> Self {
        assert!(low.shape() == high.shape(), "IntervalMatrix::between: {:?} and {:?}", low.shape(), high.shape());
        let entry = |(&low, &high): (&f64, &f64)| Interval::new(low, high);
        IntervalMatrix { rows: low.rows(), entries: low.as_slice().iter().zip(high.as_slice()).map(entry).collect() }
    }

    /// The number of rows and of columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.entries.len() / self.rows.max(1))
    }

    /// The entries, column by column.
    pub fn as_slice(&self) -> &[Interval] {
        &self.entries
    }

    /// A matrix in which the entries that move along a direction are between their neighbours.
    pub(super) fn beside(x: &Matrix<f64>, direction: &Matrix<f64>) -> Self {
        let side = |(&x, &d): (&f64, &f64)| Interval::around(&[x], i32::from(d != 0.0));
        IntervalMatrix { rows: x.rows(), entries: x.as_slice().iter().zip(direction.as_slice()).map(side).collect() }
    }

    fn midpoint(&self) -> Matrix<f64> {
        let (m, n) = self.shape();
        Matrix::from_vec(m, n, self.entries.iter().map(|x| x.midpoint()).collect())
    }
}

impl Index<(usize, usize)> for IntervalMatrix {
    type Output = Interval;
    fn index(&self, (i, j): (usize, usize)) -> &Interval {
        &self.entries[j * self.rows + i]
    }
}

/// Bounds of a closure over matrices, for all matrices in a box. It is recorded at the middle, and its terms are computed with intervals.
/// The entries of constant matrices are exact numbers. What is certain is said at [`Interval`].
///
/// ```
/// use autograd::Matrix;
/// use solve::{IntervalMatrix, enclose};
/// let sides = IntervalMatrix::between(&Matrix::column(&[0.0, 1.0]), &Matrix::column(&[0.1, 1.1]));
/// let y = enclose(|x| x[0].exp().sum(), &[sides])?;
/// assert!(y[(0, 0)].contains(1.0 + 1f64.exp()) && y[(0, 0)].contains(0.1f64.exp() + 1.1f64.exp()) && y[(0, 0)].width() < 0.5);
/// # Ok::<(), solve::EnclosureError>(())
/// ```
///
/// # Errors
/// If the closure compares variables or reads a number, or records a [`CustomOp`](autograd::CustomOp) or a checkpoint.
pub fn enclose(
    f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
    sides: &[IntervalMatrix],
) -> Result<IntervalMatrix, EnclosureError> {
    let tape = Tape::new();
    let x: Vec<_> = sides.iter().map(|side| tape.variable(side.midpoint())).collect();
    let y = f(&x);
    Ok(bounds(&tape, &x, sides, &[y])?.remove(0))
}

/// Bounds of a number and of its gradient with respect to each matrix, from the recorded gradient.
/// [`enclose_scalar_gradient`](crate::enclose_scalar_gradient) is for programs in single numbers, which no tape records.
///
/// ```
/// use autograd::Matrix;
/// use solve::{IntervalMatrix, enclose_gradient};
/// // A proof that the only minimum of cosh(x − 1) lies between 0.9 and 1.1: the slope is negative before and positive beyond.
/// let slope = |low: f64, high: f64| {
///     let side = IntervalMatrix::between(&Matrix::full(1, 1, low), &Matrix::full(1, 1, high));
///     enclose_gradient(|x| (x[0] - 1.0).cosh(), &[side]).map(|(_, gradient)| gradient[0][(0, 0)])
/// };
/// assert!(slope(-3.0, 0.9)? < 0.0 && slope(1.1, 5.0)? > 0.0);
/// # Ok::<(), solve::EnclosureError>(())
/// ```
///
/// # Errors
/// As for [`enclose`].
///
/// # Panics
/// If the closure does not return a 1 × 1 variable.
#[track_caller]
pub fn enclose_gradient(
    f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
    sides: &[IntervalMatrix],
) -> Result<(Interval, Vec<IntervalMatrix>), EnclosureError> {
    let tape = Tape::new();
    let x: Vec<_> = sides.iter().map(|side| tape.variable(side.midpoint())).collect();
    let y = f(&x);
    let (m, n) = y.shape();
    assert!((m, n) == (1, 1), "enclose_gradient: the function returned {m} × {n}, not a single number: sum it");
    let outputs: Vec<_> = [y].into_iter().chain(grad(y, &x)).collect();
    let mut all = bounds(&tape, &x, sides, &outputs)?;
    let value = all.remove(0)[(0, 0)];
    Ok((value, all))
}

fn bounds<'t>(
    tape: &'t Tape<'t, f64>,
    x: &[Var<'t, f64>],
    sides: &[IntervalMatrix],
    outputs: &[Var<'t, f64>],
) -> Result<Vec<IntervalMatrix>, EnclosureError> {
    let values = all_bounds(tape, x, sides, outputs)?;
    Ok(outputs.iter().map(|y| IntervalMatrix { rows: y.rows(), entries: values[y.index()].clone() }).collect())
}

/// The bounds of every node from which the outputs are computed; nothing for the others.
pub(super) fn all_bounds<'t>(
    tape: &'t Tape<'t, f64>,
    x: &[Var<'t, f64>],
    sides: &[IntervalMatrix],
    outputs: &[Var<'t, f64>],
) -> Result<Vec<Vec<Interval>>, EnclosureError> {
    if let Some(source) = tape.first_reading() {
        return Err(EnclosureError::Reads(source));
    }
    let nodes: Vec<_> = tape.nodes().collect();
    let mut needed = vec![false; nodes.len()];
    outputs.iter().for_each(|y| needed[y.index()] = true);
    for id in (0..nodes.len()).rev().filter(|&id| !x.iter().any(|x| x.index() == id)) {
        if needed[id] {
            nodes[id].operands().iter().for_each(|x| needed[x.index()] = true);
        }
    }
    let mut values: Vec<Vec<Interval>> = Vec::with_capacity(nodes.len());
    for (id, &node) in nodes.iter().enumerate() {
        values.push(match x.iter().position(|x| x.index() == id) {
            Some(k) => sides[k].entries.clone(),
            None if needed[id] => of_node(node, &values)?,
            None => Vec::new(),
        });
    }
    Ok(values)
}

/// The bounds of a node: the sum of its terms.
fn of_node<'t>(node: Var<'t, f64>, values: &[Vec<Interval>]) -> Result<Vec<Interval>, EnclosureError> {
    let (terms, operands) = (node.terms(), node.operands());
    if !terms.is_empty() {
        let terms = terms.into_iter().map(|term| term.map(|x| Entries::of(x, values)));
        return Ok(Sum::of(node.shape(), node.tape(), terms));
    }
    if operands.is_empty() {
        return Ok(node.recorded_value().as_slice().iter().map(|&x| Interval::constant_entry(x)).collect());
    }
    let custom = || EnclosureError::Custom { name: node.op(), source_line: node.source() };
    let formula = node.formula_terms().ok_or_else(custom)?;
    let operands: Vec<_> = operands.iter().map(|&x| Entries::of(x, values).of.to_vec()).collect();
    Ok(of_formula(node, &formula, operands).swap_remove(formula.value as usize))
}

/// The bounds of all numbers of a formula up to its value, for every entry of its node.
pub(super) fn of_formula(
    node: Var<'_, f64>,
    formula: &FormulaTerms,
    operands: Vec<Vec<Interval>>,
) -> Vec<Vec<Interval>> {
    let (given, shape) = (operands.len(), node.shape());
    let mut numbers = operands;
    for terms in formula.numbers.iter().take(formula.value as usize + 1).skip(given) {
        let terms = terms.iter().map(|term| term.map(|x| Entries { shape, of: &numbers[x as usize] }));
        numbers.push(Sum::of(shape, node.tape(), terms));
    }
    numbers
}

impl<'a> Entries<'a> {
    pub fn of(x: Var<'_, f64>, all: &'a [Vec<Interval>]) -> Self {
        Entries { shape: x.shape(), of: &all[x.index()] }
    }
}

impl Interval {
    /// A number of a recorded constant, which is exact. NaN is no knowledge.
    fn constant_entry(x: f64) -> Self {
        if x.is_nan() { Interval::ALL } else { Interval::at(x) }
    }
}
