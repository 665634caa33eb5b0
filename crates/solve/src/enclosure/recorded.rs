//! Bounds of what a tape has recorded.

use std::ops::Index;
use std::panic::Location;

use autograd::{Axis, AxisFunction, Elementary, Matrix, Number, Op, Order, Tape, Trans, Var, grad};

use super::interval::Interval;

/// A matrix of intervals, stored column by column.
#[derive(Clone, Debug, PartialEq)]
pub struct IntervalMatrix {
    rows: usize,
    entries: Vec<Interval>,
}

/// Why a recorded closure has no bounds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotEnclosed {
    /// It compared variables or read a number, so that it may be another function elsewhere in the box.
    #[error(
        "the closure compares variables or reads a number at {0}, so it may do otherwise elsewhere in the box: use `max`, `relu` and the like"
    )]
    Reads(&'static Location<'static>),
    /// A function with a rule of its own has no formula that runs on intervals.
    #[error(
        "{name} at {source_line} has a rule of its own, which does not run on intervals: write it with functions of the table"
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
/// # Ok::<(), solve::NotEnclosed>(())
/// ```
///
/// # Errors
/// If the closure compares variables or reads a number, or records a function with a rule of its own.
pub fn enclose(
    f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
    sides: &[IntervalMatrix],
) -> Result<IntervalMatrix, NotEnclosed> {
    let tape = Tape::new();
    let x: Vec<_> = sides.iter().map(|side| tape.variable(side.midpoint())).collect();
    let y = f(&x);
    Ok(bounds(&tape, &x, sides, &[y])?.remove(0))
}

/// Bounds of a number and of its gradient with respect to each matrix, from the recorded gradient.
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
/// # Ok::<(), solve::NotEnclosed>(())
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
) -> Result<(Interval, Vec<IntervalMatrix>), NotEnclosed> {
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
) -> Result<Vec<IntervalMatrix>, NotEnclosed> {
    if let Some(source) = tape.first_reading() {
        return Err(NotEnclosed::Reads(source));
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
    Ok(outputs.iter().map(|y| IntervalMatrix { rows: y.rows(), entries: values[y.index()].clone() }).collect())
}

/// The bounds of a node: the sum of its terms.
fn of_node(node: Var<'_, f64>, values: &[Vec<Interval>]) -> Result<Vec<Interval>, NotEnclosed> {
    let terms = node.terms();
    if terms.is_empty() {
        if !node.operands().is_empty() {
            return Err(NotEnclosed::Custom { name: node.op(), source_line: node.source() });
        }
        return Ok(node.recorded_value().as_slice().iter().map(|&x| Interval::constant_entry(x)).collect());
    }
    let mut sum = Sum { shape: node.shape(), entries: vec![None; node.rows() * node.cols()] };
    terms.into_iter().for_each(|term| sum.add_term(node, term, values));
    Ok(sum.entries.into_iter().map(|entry| entry.unwrap_or(Interval::at(0.0))).collect())
}

impl Interval {
    /// A number of a recorded constant, which is exact. NaN is no knowledge.
    fn constant_entry(x: f64) -> Self {
        if x.is_nan() { Interval::ALL } else { Interval::at(x) }
    }
}

struct Sum {
    shape: (usize, usize),
    entries: Vec<Option<Interval>>,
}

impl Sum {
    fn add(&mut self, k: usize, x: Interval) {
        let entry = &mut self.entries[k];
        *entry = Some(entry.map_or(x, |sum| sum + x));
    }

    fn add_term<'t>(&mut self, node: Var<'t, f64>, term: Op<Var<'t, f64>>, values: &[Vec<Interval>]) {
        let of = |x: Var<'t, f64>| values[x.index()].as_slice();
        let (rows, cols) = self.shape;
        let entries = rows * cols;
        match term {
            Op::Number(c) => (0..entries).for_each(|k| self.add(k, Interval::constant(c))),
            Op::Add(c, x) => {
                let c = Interval::constant(c);
                self.repeat(x, |k| c * of(x)[k]);
            }
            Op::Divide(c, x) => {
                let c = Interval::constant(c);
                self.repeat(x, |k| of(x)[k] / c);
            }
            Op::Matmul(s, a, t, b) => {
                let inner = if s == Trans::No { a.cols() } else { a.rows() };
                let at = |trans: Trans, x: Var<'t, f64>, i: usize, j: usize| match trans {
                    Trans::No => of(x)[j * x.rows() + i],
                    Trans::Yes => of(x)[i * x.rows() + j],
                };
                for (i, j) in (0..cols).flat_map(|j| (0..rows).map(move |i| (i, j))) {
                    (0..inner).for_each(|k| self.add(j * rows + i, at(s, a, i, k) * at(t, b, k, j)));
                }
            }
            Op::Transpose(x) => (0..entries).for_each(|k| self.add(k, of(x)[k % rows * cols + k / rows])),
            Op::Reshape(x) => (0..entries).for_each(|k| self.add(k, of(x)[k])),
            Op::Slice(i, j, x) => {
                let (m, first) = (x.rows(), j as usize * x.rows() + i as usize);
                (0..entries).for_each(|k| self.add(k, of(x)[first + k / rows * m + k % rows]));
            }
            Op::Pad(i, j, x) => {
                let (m, first) = (x.rows(), j as usize * rows + i as usize);
                (0..x.rows() * x.cols()).for_each(|k| self.add(first + k / m * rows + k % m, of(x)[k]));
            }
            Op::Gather(index, x) => {
                node.tape().indices(index).into_iter().enumerate().for_each(|(k, from)| self.add(k, of(x)[from]));
            }
            Op::Scatter(index, x) => {
                node.tape().indices(index).into_iter().zip(of(x)).for_each(|(to, &x)| self.add(to, x));
            }
            Op::Unary(f, x) => (0..entries).for_each(|k| self.add(k, f.apply(of(x)[k]))),
            Op::Binary(f, a, b) => (0..entries).for_each(|k| self.add(k, f.apply(of(a)[k], of(b)[k]))),
            Op::AlongAxis(f, axis, x) => self.along(f, axis, x, of(x)),
            Op::CrossEntropy { x, t, .. } => {
                let m = x.rows();
                for j in 0..cols {
                    let column = &of(x)[j * m..][..m];
                    (0..m).for_each(|i| self.add(j, -of(t)[j * m + i] * log_softmax(column, i)));
                }
            }
        }
    }

    /// Repeated along an axis where x has length 1, and summed along one where y has.
    fn repeat(&mut self, x: Var<'_, f64>, entry: impl Fn(usize) -> Interval) {
        let ((m, n), (rows, cols)) = (x.shape(), self.shape);
        let at = |i: usize, length: usize| if length == 1 { 0 } else { i };
        for (i, j) in (0..n.max(cols)).flat_map(|j| (0..m.max(rows)).map(move |i| (i, j))) {
            self.add(at(j, cols) * rows + at(i, rows), entry(at(j, n) * m + at(i, m)));
        }
    }

    fn along(&mut self, f: AxisFunction, axis: Axis, x: Var<'_, f64>, of: &[Interval]) {
        let ((m, n), rows) = (x.shape(), self.shape.0);
        for group in 0..if axis == Axis::Rows { n } else { m } {
            let place = |rows: usize, k: usize| if axis == Axis::Rows { group * rows + k } else { k * rows + group };
            let line: Vec<Interval> = (0..axis.group_len((m, n))).map(|k| of[place(m, k)]).collect();
            let values = along_line(f, &line);
            values.into_iter().enumerate().for_each(|(k, y)| self.add(place(rows, k), y));
        }
    }
}

/// A function along an axis of one group. Where it is monotone in every number, its bounds are its values at bounds.
fn along_line(f: AxisFunction, x: &[Interval]) -> Vec<Interval> {
    let largest = || x.iter().copied().reduce(Elementary::larger).unwrap_or(Interval::at(f64::NEG_INFINITY));
    let sums = |x: &mut dyn Iterator<Item = Interval>| {
        let mut sum = Interval::at(0.0);
        x.map(|x| {
            sum += x;
            sum
        })
        .collect::<Vec<_>>()
    };
    match f {
        AxisFunction::Max => vec![largest()],
        AxisFunction::ArgMax => (0..x.len()).map(|k| is_first_largest(x, k)).collect(),
        AxisFunction::CumSum(Order::Forward) => sums(&mut x.iter().copied()),
        AxisFunction::CumSum(Order::Backward) => {
            let mut all = sums(&mut x.iter().rev().copied());
            all.reverse();
            all
        }
        AxisFunction::Softmax => (0..x.len()).map(|k| extremes(x, k, |x| softmax_and_log(x, k)[0])).collect(),
        AxisFunction::LogSoftmax => (0..x.len()).map(|k| log_softmax(x, k)).collect(),
        AxisFunction::LogSumExp => {
            let at = |bound: fn(Interval) -> f64| {
                let x: Vec<Interval> = x.iter().map(|x| Interval::at(bound(*x))).collect();
                let k = (0..x.len()).max_by(|&a, &b| x[a].low.total_cmp(&x[b].low)).unwrap_or(0);
                x.get(k).map_or(Interval::at(f64::NEG_INFINITY), |largest| *largest - softmax_and_log(&x, k)[1])
            };
            vec![Interval { low: at(Interval::low).low, high: at(Interval::high).high }]
        }
        AxisFunction::Norm => {
            vec![Elementary::sqrt(sums(&mut x.iter().map(|x| Number::square(*x))).pop().unwrap_or(Interval::at(0.0)))]
        }
    }
}

fn log_softmax(x: &[Interval], k: usize) -> Interval {
    extremes(x, k, |x| softmax_and_log(x, k)[1])
}

/// Of a function that increases in the kth number and decreases in the others.
fn extremes(x: &[Interval], k: usize, f: impl Fn(&[Interval]) -> Interval) -> Interval {
    let at = |own: fn(Interval) -> f64, others: fn(Interval) -> f64| {
        let point = |(i, &x): (usize, &Interval)| Interval::at(if i == k { own(x) } else { others(x) });
        f(&x.iter().enumerate().map(point).collect::<Vec<_>>())
    };
    Interval { low: at(Interval::low, Interval::high).low, high: at(Interval::high, Interval::low).high }
}

/// The kth entry of a softmax, 1 / (1 + Σ e^(xᵢ − xₖ)), and its logarithm.
fn softmax_and_log(x: &[Interval], k: usize) -> [Interval; 2] {
    let others = x.iter().enumerate().filter(|(i, _)| *i != k);
    let sum = others.fold(Interval::at(0.0), |sum, (_, x_i)| sum + Elementary::exp(*x_i - x[k]));
    [Interval::at(1.0) / (sum + 1.0), -Elementary::ln_1p(sum)]
}

/// 1 if the kth number is the first of the largest ones, 0 if it is not.
fn is_first_largest(x: &[Interval], k: usize) -> Interval {
    let others = || x.iter().enumerate().filter(|(i, _)| *i != k);
    let certain = others().all(|(i, other)| if i < k { other.high < x[k].low } else { other.high <= x[k].low });
    let never = others().any(|(i, other)| if i < k { other.low >= x[k].high } else { other.low > x[k].high });
    Interval { low: f64::from(u8::from(certain)), high: f64::from(u8::from(!never)) }
}
