//! Bounds of a sum of terms.

use autograd::{Axis, AxisFunction, Index, Op, Tape, Trans};

use super::along::along_line;
use super::interval::Interval;

/// The bounds of a matrix, column by column.
#[derive(Clone, Copy)]
pub(super) struct Entries<'a> {
    pub shape: (usize, usize),
    pub of: &'a [Interval],
}

/// The terms that were added up so far.
pub(super) struct Sum<'t> {
    shape: (usize, usize),
    tape: &'t Tape<'t, f64>,
    entries: Vec<Option<Interval>>,
}

impl<'t> Sum<'t> {
    pub fn new(shape: (usize, usize), tape: &'t Tape<'t, f64>) -> Self {
        Sum { shape, tape, entries: vec![None; shape.0 * shape.1] }
    }

    /// The sum of these terms, on a tape that has their index lists.
    pub fn of<'a>(
        shape: (usize, usize),
        tape: &'t Tape<'t, f64>,
        terms: impl Iterator<Item = Op<Entries<'a>>>,
    ) -> Vec<Interval> {
        let mut sum = Sum::new(shape, tape);
        terms.for_each(|term| sum.add_term(term));
        sum.entries()
    }

    pub fn entries(self) -> Vec<Interval> {
        self.entries.into_iter().map(|entry| entry.unwrap_or(Interval::at(0.0))).collect()
    }

    pub fn add(&mut self, k: usize, x: Interval) {
        let entry = &mut self.entries[k];
        *entry = Some(entry.map_or(x, |sum| sum + x));
    }

    pub fn add_term(&mut self, term: Op<Entries<'_>>) {
        let (rows, cols) = self.shape;
        let entries = rows * cols;
        match term {
            Op::Number(c) => (0..entries).for_each(|k| self.add(k, Interval::constant(c))),
            Op::Add(c, x) => {
                let c = Interval::constant(c);
                self.repeat(x, |k| c * x.of[k]);
            }
            Op::Divide(c, x) => {
                let c = Interval::constant(c);
                self.repeat(x, |k| x.of[k] / c);
            }
            Op::Matmul(s, a, t, b) => {
                let inner = if s == Trans::No { a.shape.1 } else { a.shape.0 };
                let at = |trans: Trans, x: Entries<'_>, i: usize, j: usize| match trans {
                    Trans::No => x.of[j * x.shape.0 + i],
                    Trans::Yes => x.of[i * x.shape.0 + j],
                };
                for (i, j) in (0..cols).flat_map(|j| (0..rows).map(move |i| (i, j))) {
                    (0..inner).for_each(|k| self.add(j * rows + i, at(s, a, i, k) * at(t, b, k, j)));
                }
            }
            Op::Transpose(x) => (0..entries).for_each(|k| self.add(k, x.of[k % rows * cols + k / rows])),
            Op::Reshape(x) => (0..entries).for_each(|k| self.add(k, x.of[k])),
            Op::Slice(i, j, x) => {
                let (m, first) = (x.shape.0, j as usize * x.shape.0 + i as usize);
                (0..entries).for_each(|k| self.add(k, x.of[first + k / rows * m + k % rows]));
            }
            Op::Pad(i, j, x) => {
                let (m, first) = (x.shape.0, j as usize * rows + i as usize);
                (0..x.of.len()).for_each(|k| self.add(first + k / m * rows + k % m, x.of[k]));
            }
            Op::Gather(index, x) => {
                self.places(index).into_iter().enumerate().for_each(|(k, from)| self.add(k, x.of[from]));
            }
            Op::Scatter(index, x) => {
                self.places(index).into_iter().zip(x.of).for_each(|(to, &x)| self.add(to, x));
            }
            Op::Unary(f, x) => (0..entries).for_each(|k| self.add(k, f.apply(x.of[k]))),
            Op::Binary(f, a, b) => (0..entries).for_each(|k| self.add(k, f.apply(a.of[k], b.of[k]))),
            Op::AlongAxis(f, axis, x) => self.along(axis, [x, x], |x, _| along_line(f, x)),
            Op::CrossEntropy { x, t, .. } => {
                let m = x.shape.0;
                for j in 0..cols {
                    let column = &x.of[j * m..][..m];
                    let logs = along_line(AxisFunction::LogSoftmax, column);
                    (0..m).for_each(|i| self.add(j, -t.of[j * m + i] * logs[i]));
                }
            }
        }
    }

    fn places(&self, index: Index) -> Vec<usize> {
        self.tape.indices(index)
    }

    /// Repeated along an axis where x has length 1, and summed along one where y has.
    fn repeat(&mut self, x: Entries<'_>, entry: impl Fn(usize) -> Interval) {
        let ((m, n), (rows, cols)) = (x.shape, self.shape);
        let at = |i: usize, length: usize| if length == 1 { 0 } else { i };
        for (i, j) in (0..n.max(cols)).flat_map(|j| (0..m.max(rows)).map(move |i| (i, j))) {
            self.add(at(j, cols) * rows + at(i, rows), entry(at(j, n) * m + at(i, m)));
        }
    }

    /// Adds a function of each group of two matrices of one shape along an axis.
    pub fn along(&mut self, axis: Axis, x: [Entries<'_>; 2], f: impl Fn(&[Interval], &[Interval]) -> Vec<Interval>) {
        let ((m, n), rows) = (x[0].shape, self.shape.0);
        for group in 0..if axis == Axis::Rows { n } else { m } {
            let place = |rows: usize, k: usize| if axis == Axis::Rows { group * rows + k } else { k * rows + group };
            let line =
                |x: Entries<'_>| -> Vec<Interval> { (0..axis.group_len((m, n))).map(|k| x.of[place(m, k)]).collect() };
            let values = f(&line(x[0]), &line(x[1]));
            values.into_iter().enumerate().for_each(|(k, y)| self.add(place(rows, k), y));
        }
    }
}
