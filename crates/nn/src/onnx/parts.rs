//! Parts of matrices: slices, stacks, zeros beside a matrix, and gathered entries.

use autograd::Op;

use super::OnnxError;
use super::export::{Exporter, Value};
use super::graph::Attr;
use super::recorded::{Dim, Gathered};
use super::value::X;
use crate::{Real, Var};

impl<'g, 't, T: Real> Exporter<'g, 't, T> {
    /// A part of x.
    pub fn slice(&mut self, y: Var<'t, T>, starts: [Dim; 2], x: Var<'t, T>) -> Result<X<'g>, OnnxError> {
        let (from, to) = (self.tape.dims(x), self.tape.dims(y));
        let mut part = self.whole(x);
        for axis in (0..2).filter(|&axis| from[axis] != to[axis]) {
            let end = match (starts[axis], to[axis], from[axis]) {
                (Dim::Fixed(start), Dim::Fixed(n), Dim::Fixed(_)) => Dim::Fixed(start + n),
                (Dim::Fixed(0), Dim::Batches(n), Dim::Batches(_)) => Dim::Batches(n),
                (Dim::Batches(start), Dim::Batches(n), Dim::Batches(_)) => Dim::Batches(start + n),
                _ => return Err(self.tape.batch(y, "it takes a part of the samples")),
            };
            let [start, end] = [starts[axis], end].map(|at| self.lengths(&[at]));
            part = self.graph.node("Slice", &[part, start, end, self.graph.integer(axis as i64)], &[]);
        }
        Ok(part)
    }

    /// Parts that lie beside each other along an axis and fill the matrix.
    pub fn stacked(&mut self, y: Var<'t, T>, terms: &[Op<Var<'t, T>>]) -> Result<Option<Value<'g>>, OnnxError> {
        let mut parts = Vec::new();
        for (k, term) in terms.iter().enumerate() {
            let Op::Pad(i, _, x) = *term else { return Ok(None) };
            parts.push((x, self.tape.starts(y, k, i)));
        }
        let dims = self.tape.dims(y);
        for axis in 0..2 {
            let mut end = Dim::Fixed(0);
            let fits = parts.iter().all(|&(x, starts)| {
                let x = self.tape.dims(x);
                let begins = starts[axis] == end && starts[1 - axis] == Dim::Fixed(0) && x[1 - axis] == dims[1 - axis];
                match (end, x[axis]) {
                    (Dim::Fixed(m), Dim::Fixed(n)) => end = Dim::Fixed(m + n),
                    (Dim::Fixed(0), n) => end = n,
                    (Dim::Batches(m), Dim::Batches(n)) => end = Dim::Batches(m + n),
                    _ => return false,
                }
                begins
            });
            if fits && end == dims[axis] {
                let all: Vec<_> = parts.iter().map(|&(x, _)| self.whole(x)).collect();
                let x = self.graph.node("Concat", &all, &[("axis", Attr::Int(axis as i64))]);
                return Ok(Some(Value { x, dims }));
            }
        }
        Ok(None)
    }

    /// x amid zeros.
    pub fn pad(&mut self, y: Var<'t, T>, starts: [Dim; 2], x: Var<'t, T>) -> Result<X<'g>, OnnxError> {
        let (inner, outer) = (self.tape.dims(x), self.tape.dims(y));
        let (mut before, mut after) = ([0; 2], [0; 2]);
        for axis in (0..2).filter(|&axis| inner[axis] != outer[axis]) {
            let (Dim::Fixed(start), Dim::Fixed(n), Dim::Fixed(end)) = (starts[axis], inner[axis], outer[axis]) else {
                return Err(self.tape.batch(y, "it puts the samples beside zeros"));
            };
            (before[axis], after[axis]) = (start as i64, (end - start - n) as i64);
        }
        let pads = self.graph.integers(&[4], before.into_iter().chain(after));
        Ok(self.whole(x).by("Pad", pads))
    }

    /// Entries of x, by their index.
    pub fn gather(&mut self, y: Var<'t, T>, k: usize, x: Var<'t, T>) -> X<'g> {
        let (whole, (m, n)) = (self.whole(x), y.shape());
        let list = |list: &[usize]| list.iter().map(|&k| k as i64).collect::<Vec<_>>();
        match self.tape.gathered(y, k) {
            Gathered::Rows(rows) => {
                whole.by_with("Gather", self.graph.integers(&[m], list(rows)), &[("axis", Attr::Int(1))])
            }
            Gathered::Entries(entries) => {
                let flat = whole.by("Reshape", self.graph.integer(-1));
                flat.by("Gather", self.graph.integers(&[n, m], list(entries)))
            }
        }
    }
}
