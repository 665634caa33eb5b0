//! The gradient of each sample's loss, in one sweep over the batch.

use kernel::compiled_once;
use kernel::pool::{Pooled, widen};
use kernel::simd::{Accum, Out, fill, put, vectorised};
use linalg::Trans;

use crate::rule::op::{LinearTerm, Op, pullback};
use crate::rule::run::run_linear;
use crate::sweep::backward::pull_custom;
use crate::tape::custom_rule::Write;
use crate::tape::records::Inner;
use crate::{Matrix, MatrixRef, Real, Var};

/// The gradients of the losses of a batch, sample by sample.
pub struct PerSample<T: Real> {
    tape: u64,
    samples: usize,
    found: Vec<Option<Delta<T>>>,
}

/// The derivative of a node, in a buffer of the pool: for a batched node in its shape, for any other one a column for each sample.
struct Delta<T: Real> {
    buffer: Pooled<Vec<T>>,
    shape: (usize, usize),
}

impl<T: Real> Delta<T> {
    /// The place for the first term, which replaces what the buffer held before, or for a further one.
    fn open(place: &mut Option<Self>, shape: (usize, usize)) -> (&mut [T], Accum) {
        let accum = if place.is_some() { Accum::Add } else { Accum::Replace };
        let delta = place.get_or_insert_with(|| {
            let mut buffer = Pooled::<Vec<T>>::take();
            widen(&mut buffer, shape.0 * shape.1);
            Delta { buffer, shape }
        });
        (&mut delta.buffer[..shape.0 * shape.1], accum)
    }

    fn view(&self) -> MatrixRef<'_, T> {
        let (rows, cols) = self.shape;
        MatrixRef::new(rows, cols, &self.buffer[..rows * cols])
    }
}

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// The gradients of each column's loss, without a loop over the columns. One sweep over the whole batch keeps
    /// the products δy xᵀ of the samples separate instead of adding them. Clipping in private training and the empirical Fisher
    /// information need their norms (Goodfellow, 2015, arXiv:1510.01799).
    ///
    /// This variable holds a loss in each of n columns. `data` are the leaves whose columns are the samples.
    ///
    /// # Panics
    /// If a leaf of `data` is of another tape or does not have n columns, or if an op mixes the samples, as batch
    /// normalisation does. The message names the op and its line.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let (w, x) = (Matrix::from([[1.0, 2.0]]), Matrix::from([[1.0, 0.0, 3.0], [0.0, 1.0, 1.0]]));
    /// let tape = Tape::new();
    /// let (w, x) = (tape.variable(&w), tape.constant(&x));
    /// let losses = w.matmul(x).square(); // 1 × 3
    /// let each = losses.backward_per_sample(&[x]).wrt(w); // 2 × 3: a column for each sample
    /// assert_eq!(each, Matrix::from([[2.0, 0.0, 30.0], [0.0, 4.0, 10.0]]));
    /// assert_eq!(losses.sum().backward().wrt(w).as_slice(), [32.0, 14.0]); // what they add up to
    /// ```
    #[track_caller]
    #[doc(alias = "vmap")]
    pub fn backward_per_sample(self, data: &[Var<'t, T>]) -> PerSample<T> {
        let n = self.cols();
        for x in data {
            self.same_tape("backward_per_sample", *x);
            let (rows, cols) = x.shape();
            assert!(cols == n, "backward_per_sample: data {rows} × {cols} for {n} losses");
        }
        self.tape().note_reading();
        let found = self.tape().with(|inner| {
            let batched = inner.descendants(data.iter().map(|x| x.id), self.id);
            separate(inner, &batched, n, self.id).map(|()| Sweep { inner, batched, n }.run(self.id))
        });
        // Outside the closure, so that a panic points at the caller.
        match found {
            Ok(found) => PerSample { tape: self.tape().id(), samples: n, found },
            Err(text) => panic!("backward_per_sample: {text}"),
        }
    }

    /// Whether each column of this variable depends on the same column of `data` alone, op by op, so that
    /// [`backward_per_sample`](Var::backward_per_sample) has its derivatives.
    ///
    /// ```
    /// use autograd::{Axis, Matrix, Tape};
    /// let tape = Tape::new();
    /// let x = tape.variable(Matrix::from([[1.0, 2.0], [3.0, 5.0]]));
    /// assert!(x.tanh().sum_over(Axis::Rows).keeps_samples_apart(&[x]));
    /// assert!(!x.sum_over(Axis::Cols).repeat(2, 2).keeps_samples_apart(&[x]));
    /// ```
    ///
    /// # Panics
    /// If a leaf of `data` is of another tape.
    #[track_caller]
    pub fn keeps_samples_apart(self, data: &[Var<'t, T>]) -> bool {
        data.iter().for_each(|x| self.same_tape("keeps_samples_apart", *x));
        self.tape().with(|inner| {
            let batched = inner.descendants(data.iter().map(|x| x.id), self.id);
            data.iter().all(|x| inner.node(x.id).shape().1 == self.cols())
                && separate(inner, &batched, self.cols(), self.id).is_ok()
        })
    }
}

#[compiled_once]
impl<T: Real> PerSample<T> {
    /// The gradients with respect to a variable or, by [`Tape::param`](crate::Tape::param), a parameter: one column for
    /// each sample, with its entries column by column. For data, the gradient of each sample's own column.
    ///
    /// # Panics
    /// If the variable is of another tape, constant, or recorded after the losses.
    #[track_caller]
    pub fn wrt(&self, x: Var<'_, T>) -> Matrix<T> {
        let len = x.rows() * x.cols();
        self.get(x).map_or_else(|| Matrix::zeros(len, self.samples), MatrixRef::to_owned)
    }

    /// The same without a copy; `None` if no loss depends on the variable.
    ///
    /// # Panics
    /// As for [`wrt`](PerSample::wrt).
    #[track_caller]
    pub fn get(&self, x: Var<'_, T>) -> Option<MatrixRef<'_, T>> {
        assert!(x.tape().id() == self.tape, "PerSample: the variable is of another tape");
        assert!(x.needs_gradient(), "PerSample: the variable is constant, or depends on constants only");
        let Some(found) = self.found.get(x.id as usize) else {
            panic!("PerSample: the variable was recorded after the losses")
        };
        found.as_ref().map(Delta::view)
    }
}

/// Checks that every op keeps the columns of the batch separate; otherwise the error names the op and its line.
fn separate<T: Real>(inner: &Inner<'_, T>, batched: &[bool], n: usize, last: u32) -> Result<(), String> {
    let leads = inner.ancestors(last);
    for id in (0..=last).filter(|&id| batched[id as usize] && leads[id as usize]) {
        let mixed =
            || Err(format!("%{id} = {} mixes the samples  # {}", inner.names(id).join(" + "), inner.source(id)));
        if inner.custom(id).is_some_and(|custom| !custom.rule.is_elementwise()) || inner.node(id).shape().1 != n {
            return mixed();
        }
        let (is, cols) = (|x: u32| batched[x as usize], |x: u32| inner.node(x).shape().1);
        if !inner.terms(id).iter().all(|term| term.keeps_samples_apart(n, is, cols)) {
            return mixed();
        }
    }
    Ok(())
}

/// W = l rᵀ or W += l rᵀ for each sample, from the columns l and r of two matrices.
#[inline(always)]
fn outer_products<T: Real>(left: MatrixRef<'_, T>, right: MatrixRef<'_, T>, accum: Accum, w: &mut [T]) {
    let ((m, samples), n) = (left.shape(), right.rows());
    if m * n == 0 {
        return;
    }
    for (j, w) in w[..m * n * samples].chunks_exact_mut(m * n).enumerate() {
        let (left, right) = (&left.as_slice()[j * m..][..m], &right.as_slice()[j * n..][..n]);
        if let &[l] = left {
            w.iter_mut().zip(right).for_each(|(entry, &r)| put(entry, accum, l * r));
            continue;
        }
        for (column, &r) in w.chunks_exact_mut(m).zip(right) {
            column.iter_mut().zip(left).for_each(|(entry, &l)| put(entry, accum, l * r));
        }
    }
}

struct Sweep<'a, 't, T: Real> {
    inner: &'a Inner<'t, T>,
    batched: Vec<bool>,
    n: usize,
}

impl<T: Real> Sweep<'_, '_, T> {
    /// The derivatives of the sum of each column of a node, for the sample of that column.
    fn run(&self, last: u32) -> Vec<Option<Delta<T>>> {
        let mut found: Vec<Option<Delta<T>>> = (0..=last).map(|_| None).collect();
        if self.inner.node(last).is_active() {
            let (data, _) = self.open(&mut found, last);
            let (node, one) = (self.inner.node(last), |is: bool| T::from_f64(if is { 1.0 } else { 0.0 }));
            let of_itself = |k: usize| self.batched[last as usize] || k % node.len() / node.shape().0 == k / node.len();
            data.iter_mut().enumerate().for_each(|(k, entry)| *entry = one(of_itself(k)));
        }
        for id in (0..=last).rev() {
            if self.inner.is_leaf(id) {
                continue;
            }
            let Some(dy) = found[id as usize].take() else { continue };
            match self.inner.custom(id) {
                Some(_) => self.pull(id, None, dy.view(), &mut found),
                None => self.inner.terms(id).iter().for_each(|&term| self.pull(id, Some(term), dy.view(), &mut found)),
            }
            found[id as usize] = Some(dy);
        }
        found
    }

    /// The place for a term of the derivative of a node.
    fn open<'f>(&self, found: &'f mut [Option<Delta<T>>], x: u32) -> (&'f mut [T], Accum) {
        let node = self.inner.node(x);
        let shape = if self.batched[x as usize] { node.shape() } else { (node.len(), self.n) };
        Delta::open(&mut found[x as usize], shape)
    }

    /// Adds the terms of a node, or of the whole node if it has a custom rule.
    fn pull(&self, id: u32, term: Option<Op<u32>>, dy: MatrixRef<'_, T>, found: &mut [Option<Delta<T>>]) {
        let batched = self.batched[id as usize];
        let (rows, cols) = self.inner.node(id).shape();
        if batched {
            self.fill(id, term, dy, true, &mut |x, write| {
                let (data, accum) = self.open(found, x);
                write(data, accum);
            });
            if self.products(id, term, dy, found) {
                return;
            }
        }
        // One sample at a time: with only that sample in δy, or with its part of δy.
        for j in 0..self.n {
            let mut alone = Matrix::zeros(rows, cols);
            if batched {
                alone.col_mut(j).copy_from_slice(dy.col(j));
            } else {
                alone.as_mut_slice().copy_from_slice(dy.col(j));
            }
            self.fill(id, term, alone.view(), false, &mut |x, write| {
                let (data, accum) = self.open(found, x);
                // A sample may have no term.
                if accum == Accum::Replace {
                    data.fill(T::default());
                }
                let len = self.inner.node(x).len();
                write(&mut data[j * len..][..len], Accum::Add);
            });
        }
    }

    /// The parameters of W x + b: δy xᵀ and δy of each sample. Returns `false` for any other term.
    fn products(&self, id: u32, term: Option<Op<u32>>, dy: MatrixRef<'_, T>, found: &mut [Option<Delta<T>>]) -> bool {
        let free = |x: u32| self.inner.node(x).is_active() && !self.batched[x as usize];
        match term {
            Some(Op::Add(c, b)) if free(b) && self.inner.node(b).shape() == (dy.rows(), 1) => {
                let ((db, accum), c) = (self.open(found, b), T::from_f64(c));
                let dy = dy.as_slice();
                fill(db, accum, move |i| c * dy[i]);
                true
            }
            Some(Op::Matmul(s, w, Trans::No, x)) if self.batched[x as usize] && free(w) => {
                let ((dw, accum), x) = (self.open(found, w), self.inner.view(x));
                let (left, right) = if s == Trans::No { (dy, x) } else { (x, dy) };
                vectorised(
                    #[inline(always)]
                    || outer_products(left, right, accum, dw),
                );
                true
            }
            // Only batched operands, which have their terms.
            Some(term) => {
                let (operands, n) = term.operands();
                operands[..n].iter().all(|&x| !free(x))
            }
            None => self.inner.operands(id).iter().all(|&x| !free(x)),
        }
    }

    /// The terms that δy gives to the batched operands, or to the others.
    fn fill(
        &self,
        id: u32,
        term: Option<Op<u32>>,
        dy: MatrixRef<'_, T>,
        batched: bool,
        add: &mut dyn FnMut(u32, Write<'_, T>),
    ) {
        let inner = self.inner;
        let wanted = |x: u32| inner.node(x).is_active() && self.batched[x as usize] == batched;
        if let Some(custom) = inner.custom(id) {
            return pull_custom(inner, custom, dy, &mut |x, write| {
                if wanted(x) {
                    add(x, write);
                }
            });
        }
        let Some(term) = term else { return };
        let (operands, _) = term.operands();
        pullback(term.map(|x| inner.view(x)), inner.view(id), dy, |k, linear: LinearTerm<_>| {
            let x = operands[k];
            if wanted(x) {
                let (rows, cols) = inner.node(x).shape();
                add(x, &mut |data, accum| run_linear(linear, |x| x, &inner.indices, accum, Out { rows, cols, data }));
            }
        });
    }
}
