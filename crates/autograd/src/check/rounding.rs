//! Bounds on the rounding of a recorded number, and the branches that were taken on the way to it.

use std::collections::{BTreeMap, BTreeSet};

use kernel::blocks::roundings;
use kernel::columns::{first_max, times};
use kernel::simd::{Accum, Out};
use kernel::table::kinds::side;
use kernel::{Axis, AxisFunction, Binary, Float, Unary};

use crate::rule::op::{Op, pullback};
use crate::rule::run::{run, run_linear, run_sum};
use crate::sweep::backward::pull_custom;
use crate::tape::records::Inner;
use crate::{Matrix, MatrixRef, Real, Tape, Var};

/// The precision for which an error is bounded.
#[derive(Clone, Copy)]
pub(super) struct Format {
    /// Half the distance from 1 to the next number.
    pub unit: f64,
    /// The error of a result that underflows.
    pub tiny: f64,
}

pub(super) const SINGLE: Format = Format { unit: <f32 as Float>::EPSILON / 2.0, tiny: f32::MIN_POSITIVE as f64 };
pub(super) const DOUBLE: Format = Format { unit: <f64 as Float>::EPSILON / 2.0, tiny: f64::MIN_POSITIVE };

/// Functions of the table are within 2 ulp, that is 4 units. A power or a fused formula takes a few more.
const FUNCTION: f64 = 8.0;

/// The effect of rounding on a number.
#[derive(Clone, Copy)]
pub(super) struct Rounded {
    /// ρ = Σ |δ| (c u m + tiny): a bound on its error to first order, including leaves rounded to the format.
    pub error: f64,
    /// Σ |δ| m: the size of the numbers that were added up, in all steps together.
    pub size: f64,
}

/// The sums over every entry on the tape from which `y` was computed.
///
/// It has a separate, naive sweep, which also goes through constants: the rounding of a constant
/// reaches `y` although no gradient is kept for it.
///
/// It is only used in `f64`. It is generic so that it is compiled where a function is checked, with every loop that it calls.
pub(super) fn rounding<T: Real>(y: Var<'_, T>, format: Format) -> Rounded {
    y.tape().with(|inner| {
        let mut deltas: Vec<Vec<T>> = (0..=y.id).map(|id| vec![T::default(); inner.node(id).len()]).collect();
        deltas[y.id as usize].fill(T::from_f64(1.0));
        let mut total = Rounded { error: 0.0, size: 0.0 };
        for id in (0..=y.id).rev() {
            let (below, above) = deltas.split_at_mut(id as usize);
            let delta = &above[0];
            if delta.iter().all(|&d| d == T::default()) {
                continue;
            }
            let (value, (rows, cols)) = (inner.view(id), inner.node(id).shape());
            let (c, m) = magnitude(inner, id);
            for (d, m) in numbers(delta).zip(m) {
                // A leaf that is 0 is exact, even if its derivative is infinite, as that of a target beside an excluded logit.
                if m != 0.0 || !inner.is_leaf(id) {
                    total.error += times(c * format.unit * m + format.tiny, d.abs());
                    total.size += times(m, d.abs());
                }
            }
            if let Some(custom) = inner.custom(id) {
                let dy = MatrixRef::new(rows, cols, delta);
                pull_custom(inner, custom, dy, &mut |x, write| {
                    let mut part = vec![T::default(); below[x as usize].len()];
                    write(&mut part, Accum::Replace);
                    // Its errors are assumed to be those of rounded operands: it is backward stable.
                    for ((delta, &part), x) in
                        below[x as usize].iter_mut().zip(&part).zip(numbers(inner.view(x).as_slice()))
                    {
                        total.error += times(x, part.to_f64()).abs() * c * format.unit;
                        *delta += part;
                    }
                });
            }
            for &term in inner.terms(id) {
                let (operands, _) = term.operands();
                pullback(term.map(|x| inner.view(x)), value, MatrixRef::new(rows, cols, delta), |k, adjoint| {
                    let (rows, cols) = inner.node(operands[k]).shape();
                    let data = &mut below[operands[k] as usize];
                    run_linear(adjoint, |x| x, &inner.indices, Accum::Add, Out { rows, cols, data });
                });
            }
        }
        total
    })
}

/// The operands of `y`, and its value at other values of them. There is none for a leaf or a function with a rule of its own.
pub(super) fn computed_from(
    y: Var<'_, f64>,
    operand: impl Fn(u32) -> Matrix<f64>,
) -> Option<(BTreeSet<u32>, Matrix<f64>)> {
    y.tape().with(|inner| {
        let (terms, (rows, cols)) = (inner.terms(y.id), inner.node(y.id).shape());
        let operands = terms.iter().flat_map(|term| {
            let (operands, count) = term.operands();
            operands.into_iter().take(count)
        });
        let values: BTreeMap<u32, Matrix<f64>> = operands.map(|x| (x, operand(x))).collect();
        let mut value = Matrix::zeros(rows, cols);
        run_sum(terms, |x| values[&x].view(), &inner.indices, (rows, cols), value.as_mut_slice());
        (!terms.is_empty()).then(|| (values.into_keys().collect(), value))
    })
}

/// In double precision.
fn numbers<T: Real>(x: &[T]) -> impl Iterator<Item = f64> {
    x.iter().map(|x| x.to_f64())
}

/// The number of roundings in an entry of a node, and for each entry the absolute values that are added up.
fn magnitude<T: Real>(inner: &Inner<'_, T>, id: u32) -> (f64, Vec<f64>) {
    let (y, terms) = (inner.view(id), inner.terms(id));
    if let Some(custom) = inner.custom(id) {
        let entries: f64 = custom.operands.iter().map(|&x| inner.node(x).len() as f64).sum();
        return (FUNCTION + 1.0 + entries, numbers(y.as_slice()).map(f64::abs).collect());
    }
    if terms.is_empty() {
        return (1.0, numbers(y.as_slice()).map(f64::abs).collect());
    }
    let (mut count, mut sum) = (FUNCTION, vec![0.0; y.as_slice().len()]);
    for &term in terms {
        let (c, m) = sizes(inner, term, y);
        count += 1.0 + c;
        sum.iter_mut().zip(m).for_each(|(sum, m)| *sum += m.abs());
    }
    (count, sum)
}

/// The same for one term: how many absolute values are added up, and their sum.
fn sizes<T: Real>(inner: &Inner<'_, T>, term: Op<u32>, y: MatrixRef<'_, T>) -> (f64, Vec<f64>) {
    let (rows, cols) = y.shape();
    let term = term.map(|x| inner.view(x));
    let value = |term| {
        let mut data = vec![T::default(); rows * cols];
        run(term, |x| x, &inner.indices, Accum::Replace, Out { rows, cols, data: &mut data });
        numbers(&data).collect()
    };
    let abs = |x: MatrixRef<'_, T>| x.to_owned().map(Float::abs);
    match term {
        Op::Add(_, x) | Op::Divide(_, x) => {
            // Down the rows by lanes and pairs, along the columns in sequence.
            let summed = x.as_slice().len() / y.as_slice().len().max(1);
            let count = if rows == 1 { roundings(summed) } else { summed };
            let x = abs(x);
            (count as f64, value(term.map(|_| x.view())))
        }
        Op::Matmul(s, a, t, b) => {
            let inner = s.shape(a.shape()).1;
            (inner as f64, value(Op::Matmul(s, abs(a).view(), t, abs(b).view())))
        }
        // The weight of |x| may be negative.
        Op::Binary(Binary::BceWithLogits, x, t) => {
            let size = |(x, t): (f64, f64)| x.abs() * (1.0 + t.abs()) + 1.0;
            (1.0, numbers(x.as_slice()).zip(numbers(t.as_slice())).map(size).collect())
        }
        // In a sum of sums, each loses at most as much as the sum of its absolute values would.
        Op::AlongAxis(f @ AxisFunction::CumSum(_), axis, x) => {
            (axis.group_len(x.shape()) as f64, value(Op::AlongAxis(f, axis, abs(x).view())))
        }
        Op::AlongAxis(AxisFunction::Norm, axis, x) => (axis.group_len(x.shape()) as f64, value(term)),
        Op::Scatter(index, x) => (x.as_slice().len() as f64, value(Op::Scatter(index, abs(x).view()))),
        // Formulas that round an argument before a function of it: an error of x counts with the slope.
        Op::Unary(f, x) if composed(f) => {
            let slope = |(x, y): (f64, f64)| y.abs() + times(x.abs(), f.slope(x, y).abs());
            (0.0, numbers(x.as_slice()).zip(numbers(y.as_slice())).map(slope).collect())
        }
        Op::Binary(Binary::LogAddExp, a, b) => {
            let size = |(a, b): (f64, f64)| a.max(b).abs() + 1.0;
            (1.0, numbers(a.as_slice()).zip(numbers(b.as_slice())).map(size).collect())
        }
        Op::Binary(Binary::Pow, a, b) => {
            let size = |((a, b), y): ((f64, f64), f64)| y.abs() * (1.0 + (b * a.ln()).abs());
            let operands = numbers(a.as_slice()).zip(numbers(b.as_slice()));
            (1.0, operands.zip(numbers(y.as_slice())).map(size).collect())
        }
        Op::Unary(Unary::Powi(n), _) => (f64::from(n.unsigned_abs()), value(term)),
        // An error of x − max, at most u |ln y| + u ln Σ, is a relative error of y.
        Op::AlongAxis(AxisFunction::Softmax, _, x) => {
            let spread = 1.0 + (x.as_slice().len() as f64).ln();
            let size = |y: f64| if y > 0.0 { y * (spread - y.ln()) } else { 0.0 };
            (x.as_slice().len() as f64, numbers(y.as_slice()).map(size).collect())
        }
        // Both add or subtract the largest entry of their group and are rounded with it. Entries far below it have no influence.
        Op::AlongAxis(AxisFunction::LogSoftmax | AxisFunction::LogSumExp, axis, x) => {
            let x = if axis == Axis::Rows { x.to_owned() } else { x.to_owned().transpose() };
            let max: Vec<f64> = (0..x.cols()).map(|j| greatest(x.col(j)).abs()).collect();
            let max = |i: usize, j: usize| max[if axis == Axis::Rows { j } else { i }];
            let size = |k: usize, y: f64| y.abs() + 2.0 * max(k % rows, k / rows) + 1.0;
            (1.0 + x.as_slice().len() as f64, numbers(y.as_slice()).enumerate().map(|(k, y)| size(k, y)).collect())
        }
        Op::CrossEntropy { x, t, .. } => {
            let len = x.rows() as f64;
            let size = |j: usize| {
                let (x, max) = (numbers(x.col(j)), greatest(x.col(j)).abs());
                x.zip(numbers(t.col(j))).map(|(x, t)| times(x.abs() + max + len.ln() + 1.0, t.abs())).sum()
            };
            (1.0 + len, (0..x.cols()).map(size).collect())
        }
        _ => (0.0, value(term)),
    }
}

/// The signs of all arguments of functions with a kink on the way to a number, and the outcomes of all comparisons on the tape. Points with
/// the same signs lie on one smooth piece. A constant that was only compared has no kink, because its comparison has an outcome.
pub(super) fn branches<T: Real>(number: Var<'_, T>) -> Vec<i32> {
    number.tape().with(|inner| {
        let (leads, mut signs) = (inner.ancestors(number.id), Vec::new());
        let counts = |&id: &u32| leads.get(id as usize).is_some_and(|&leads| leads) || inner.node(id).is_active();
        let entries = |x: u32| numbers(inner.view(x).as_slice());
        for id in (0..inner.records.nodes.len() as u32).filter(counts) {
            for &term in inner.terms(id) {
                match term {
                    Op::Unary(f, x) => {
                        let kinks = f.kinks();
                        signs.extend(kinks.iter().flat_map(|&at| entries(x).map(move |x| i32::from(side(x, at)))));
                    }
                    Op::Binary(f, a, b) => {
                        signs.extend(entries(a).zip(entries(b)).filter_map(|(a, b)| f.side(a, b)).map(i32::from));
                    }
                    Op::AlongAxis(AxisFunction::Max | AxisFunction::ArgMax, axis, x) => {
                        let x = inner.view(x).to_owned();
                        let x = if axis == Axis::Rows { x } else { x.transpose() };
                        signs.extend((0..x.cols()).map(|j| first_max(x.col(j)).map_or(-1, |i| i as i32)));
                    }
                    _ => {}
                }
            }
        }
        signs.extend(inner.branches.iter().map(|branch| branch.found.map_or(2, |found| found as i32)));
        signs
    })
}

/// The largest number.
fn greatest<T: Real>(x: &[T]) -> f64 {
    numbers(x).fold(f64::NEG_INFINITY, f64::max)
}

/// Whether a function of the table is a formula of several functions.
fn composed(f: Unary) -> bool {
    use Unary as F;
    matches!(f, F::Powf(_) | F::Gelu | F::GeluTanh | F::Mish | F::Silu | F::HardSwish | F::HardSigmoid)
        || matches!(f, F::Elu(_) | F::Selu | F::Celu(_) | F::Tan | F::Acosh | F::Atanh | F::Asinh | F::Acos)
        || matches!(f, F::ErfInv | F::LnGamma | F::Digamma | F::Polygamma(_) | F::Sinc | F::SincDerivative(_))
}

/// The largest finite absolute value on the tape.
pub(super) fn largest(tape: &Tape<'_, f64>) -> f64 {
    tape.with(|inner| {
        let ids = 0..inner.records.nodes.len() as u32;
        let finite = ids.flat_map(|id| inner.view(id).as_slice()).filter(|x| x.is_finite());
        finite.fold(0.0, |max: f64, x| max.max(x.abs()))
    })
}

/// Zeros in the shapes of all inputs.
pub(super) fn zeros(inputs: &[Matrix<f64>]) -> Vec<Matrix<f64>> {
    inputs.iter().map(|x| x.map(|_| 0.0)).collect()
}
