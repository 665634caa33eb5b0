//! Two recordings of a model, compared: what is free, what is constant, and what is computed from the input.

use std::collections::HashMap;

use autograd::{Matrix, Op};

use super::OnnxError;
use super::graph::Declared;
use crate::{Real, Var};

/// The sizes of the two batches.
pub const BATCHES: [usize; 2] = [3, 5];

/// A length of a matrix, or the start of a part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dim {
    Fixed(usize),
    /// This many times the number of samples.
    Batches(usize),
}

impl Dim {
    /// The length that is these two in the two recordings.
    fn of(lengths: [usize; 2]) -> Option<Self> {
        let [m, n] = lengths;
        match m / BATCHES[0] {
            _ if m == n => Some(Dim::Fixed(n)),
            k if lengths == BATCHES.map(|batch| k * batch) => Some(Dim::Batches(k)),
            _ => None,
        }
    }

    pub fn declared(self, batch: &str) -> Declared {
        match self {
            Dim::Fixed(n) => Declared::Number(n as i64),
            Dim::Batches(1) => Declared::Free(batch.to_owned()),
            Dim::Batches(k) => Declared::Free(format!("{k}*{batch}")),
        }
    }
}

/// The dimensions of a value that is computed entry by entry.
pub fn common(a: [Dim; 2], b: [Dim; 2]) -> [Dim; 2] {
    [0, 1].map(|k| if a[k] == Dim::Fixed(1) { b[k] } else { a[k] })
}

/// What a model records.
pub struct Recorded<'t, T: Real> {
    pub nodes: Vec<Var<'t, T>>,
    pub input: usize,
    pub output: usize,
    /// The dimensions of the tensor of every node.
    dims: Vec<[Dim; 2]>,
    /// Whether a node is computed from the input.
    moves: Vec<bool>,
    /// Constants and nodes that are computed from constants, column by column; a single column if all are equal.
    folded: HashMap<usize, Matrix<T>>,
    /// The names of the parameters by their identity.
    names: HashMap<u64, String>,
    /// Where a part begins in the columns, by node and term.
    starts: HashMap<(usize, usize), Dim>,
    /// What is gathered, by node and term.
    gathered: HashMap<(usize, usize), Gathered>,
}

/// The entries that a matrix is made of.
pub enum Gathered {
    /// These rows of every sample.
    Rows(Vec<usize>),
    /// These entries.
    Entries(Vec<usize>),
}

impl<'t, T: Real> Recorded<'t, T> {
    /// What is recorded from `x[0]` to `y[0]`; `x[1]` and `y[1]` are of the other recording.
    pub fn of(x: [Var<'t, T>; 2], y: [Var<'t, T>; 2], names: HashMap<u64, String>) -> Result<Self, OnnxError> {
        let [nodes, others] = x.map(|x| x.tape().nodes().collect::<Vec<_>>());
        let count = nodes.len();
        let mut recorded = Recorded {
            nodes,
            input: x[0].index(),
            output: y[0].index(),
            dims: Vec::with_capacity(count),
            moves: Vec::with_capacity(count),
            folded: HashMap::new(),
            names,
            starts: HashMap::new(),
            gathered: HashMap::new(),
        };
        if y[0].index() != y[1].index() || others.len() != count {
            return Err(recorded.batch(y[0], "the model records other operations for another number of samples"));
        }
        others.into_iter().try_for_each(|other| recorded.compare(other))?;
        Ok(recorded)
    }

    pub fn batch(&self, y: Var<'t, T>, problem: &str) -> OnnxError {
        OnnxError::Batch { op: y.op(), line: line(y), problem: problem.to_owned() }
    }

    pub fn no_op(&self, y: Var<'t, T>, op: &str) -> OnnxError {
        OnnxError::NoOp { op: op.to_owned(), line: line(y) }
    }

    /// Compares a node with that of the other recording, and notes its dimensions and what it depends on.
    fn compare(&mut self, other: Var<'t, T>) -> Result<(), OnnxError> {
        let id = other.index();
        let y = self.nodes[id];
        let differs = "it is another operation for another number of samples";
        let ((m, n), (p, q)) = (y.shape(), other.shape());
        let (Some(rows), Some(cols)) = (Dim::of([m, p]), Dim::of([n, q])) else {
            let shapes = format!("it is {m} × {n} for {} samples and {p} × {q} for {}", BATCHES[0], BATCHES[1]);
            return Err(self.batch(y, &shapes));
        };
        let (a, b) = (y.terms(), other.terms());
        let operands = |y: Var<'t, T>| y.operands().into_iter().map(Var::index).collect::<Vec<_>>();
        if a.len() != b.len() || operands(y) != operands(other) || (a.is_empty() && y.op() != other.op()) {
            return Err(self.batch(y, differs));
        }
        for (k, (a, b)) in a.iter().zip(&b).enumerate() {
            match (a.map(|_| ()), b.map(|_| ())) {
                (Op::Slice(i, j, ()), Op::Slice(p, q, ())) | (Op::Pad(i, j, ()), Op::Pad(p, q, ())) => {
                    let [start_i, start_j] = [[i, p], [j, q]].map(|start| Dim::of(start.map(|k| k as usize)));
                    let (Some(Dim::Fixed(_)), Some(start)) = (start_i, start_j) else {
                        return Err(self.batch(y, "its part begins at another place for another number of samples"));
                    };
                    self.starts.insert((id, k), start);
                }
                (Op::Gather(i, ()), Op::Gather(j, ())) => {
                    let from = a.map(|x| self.dims[x.index()]);
                    let (Op::Gather(_, x), Op::Gather(_, x2), Op::Gather(_, from)) = (*a, *b, from) else {
                        unreachable!()
                    };
                    let lists =
                        [(y, x, i), (other, x2, j)].map(|(y, x, index)| (y.tape().indices(index), y.rows(), x.rows()));
                    let gathered = gathered(lists, from, [cols, rows]);
                    let found = gathered.ok_or_else(|| self.batch(y, "it takes entries of other samples"))?;
                    self.gathered.insert((id, k), found);
                }
                (a, b) if a == b => {}
                _ => return Err(self.batch(y, differs)),
            }
        }
        self.dims.push([cols, rows]);
        let moves = id == self.input || y.operands().iter().any(|x| self.moves[x.index()]);
        self.moves.push(moves);
        if !moves {
            self.fold(y, other)?;
        }
        Ok(())
    }

    /// Keeps the value of a node that does not depend on the input, if it is the same for all samples.
    fn fold(&mut self, y: Var<'t, T>, other: Var<'t, T>) -> Result<(), OnnxError> {
        let (a, b) = (y.value(), other.value());
        let [cols, rows] = self.dims[y.index()];
        let bits = |x: &[T]| x.iter().map(|x| x.to_f64().to_bits()).collect::<Vec<_>>();
        let same = match (cols, rows) {
            (Dim::Fixed(_), Dim::Fixed(_)) => bits(a.as_slice()) == bits(b.as_slice()),
            (Dim::Batches(_), Dim::Fixed(_)) => {
                let first = bits(a.col(0));
                [&a, &b].into_iter().all(|m| (0..m.cols()).all(|j| bits(m.col(j)) == first))
            }
            _ => false,
        };
        match (same, cols) {
            (true, Dim::Fixed(_)) => drop(self.folded.insert(y.index(), a)),
            (true, _) => drop(self.folded.insert(y.index(), Matrix::column(a.col(0)))),
            (false, _) if y.terms().is_empty() => {
                return Err(self.batch(y, "it is a constant that is not the same for every sample of every batch"));
            }
            (false, _) => {}
        }
        Ok(())
    }

    /// The nodes that lead to the output, except through folded ones.
    pub fn needed(&self) -> Vec<bool> {
        let y = self.output;
        let mut needed = vec![false; y + 1];
        needed[y] = true;
        for id in (0..=y).rev().filter(|id| !self.folded.contains_key(id)) {
            if needed[id] {
                self.nodes[id].operands().iter().for_each(|x| needed[x.index()] = true);
            }
        }
        needed
    }

    pub fn dims(&self, x: Var<'t, T>) -> [Dim; 2] {
        self.dims[x.index()]
    }

    /// The value of a node that does not depend on the input; one column if all are equal.
    pub fn folded(&self, x: Var<'t, T>) -> Option<&Matrix<T>> {
        self.folded.get(&x.index())
    }

    /// Where the part of a term begins, in columns and rows.
    pub fn starts(&self, y: Var<'t, T>, k: usize, row: u32) -> [Dim; 2] {
        [self.starts[&(y.index(), k)], Dim::Fixed(row as usize)]
    }

    /// What a term gathers.
    pub fn gathered(&self, y: Var<'t, T>, k: usize) -> &Gathered {
        &self.gathered[&(y.index(), k)]
    }

    pub fn name(&self, x: Var<'t, T>) -> String {
        let name = x.param_id().and_then(|id| self.names.get(&id));
        name.cloned().unwrap_or_else(|| format!("constant_{}", x.index()))
    }
}

/// The place of a node, for messages.
pub fn line<T: Real>(y: Var<'_, T>) -> String {
    y.source().to_string()
}

/// What is gathered in both recordings, from their index lists, the rows of the results and of the operands, and the dimensions. Rows that
/// are samples are not gathered, because their number is free.
fn gathered([(a, m, p), (b, _, _)]: [(Vec<usize>, usize, usize); 2], from: [Dim; 2], to: [Dim; 2]) -> Option<Gathered> {
    let rows: Vec<usize> = a.iter().take(m).copied().collect();
    let same = |list: &[usize]| list.iter().enumerate().all(|(k, &at)| at == rows[k % m] + k / m * p);
    let fixed = |dim: &Dim| matches!(dim, Dim::Fixed(_));
    let of_samples = from[0] == to[0] && [from[1], to[1]].iter().all(fixed);
    match () {
        _ if of_samples && rows.iter().all(|&k| k < p) && same(&a) && same(&b) => Some(Gathered::Rows(rows)),
        _ if from.iter().all(fixed) && a == b => Some(Gathered::Entries(a)),
        _ => None,
    }
}

/// The entries, column by column.
pub fn entries<T: Real>(matrix: &Matrix<T>) -> impl Iterator<Item = f64> {
    matrix.as_slice().iter().map(|x| x.to_f64())
}
