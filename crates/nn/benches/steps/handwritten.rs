//! The same training steps without a tape, as one would write them by hand with matrix products and loops.
//! The recorded steps are compared with them.
//!
//! Columns are samples. A dense layer is three products, everything else is one pass over a slice:
//!
//! ```text
//! y = W x + b        ∇W = δy xᵀ    ∇b = Σ δy    δx = Wᵀ δy
//! ```
//!
//! Every buffer is allocated once. An activation's buffer is reused for its δ as soon as the activation is no longer needed.
//! A layer is updated as soon as its gradient is known, while that is still in cache, unless the update waits for
//! another thread. `by_hand.rs` says how two threads share a step.

use autograd::Real;
use faer::Accum;
use faer::traits::RealField;

use super::kernels::{
    Adam, LARGE, fill_columns, loss, product, relu, relu_slope, sum_columns, tanh, tanh_add, tanh_slope, transpose,
    view,
};
use super::workloads::{Activation, Data, Network, Targets, Workload};

/// A network, its batch, and a gradient for every parameter.
pub trait Net<T>: Send {
    /// Computes the gradients. If there is an optimizer, updates each parameter as soon as its gradient is known.
    /// Returns the mean loss before the update.
    fn gradients(&mut self, adam: Option<&Adam>) -> f64;

    /// All parameters, always in the same order.
    fn parameters(&mut self) -> Vec<&mut Parameter<T>>;
}

/// The network of a workload with these weights. With `parts`, two threads share large products and updates.
pub fn network<T: Real + RealField>(
    workload: &Workload,
    weights: Vec<(usize, usize, Vec<T>)>,
    data: Data<T>,
    parts: bool,
) -> Box<dyn Net<T>> {
    let mut parameters = weights.into_iter().map(|(rows, _, value)| Parameter::new(rows, value, parts));
    let mut next = || parameters.next().unwrap();
    let mut dense = || Dense { w: next(), b: next() };
    let zeros = |rows: usize| vec![T::default(); rows * workload.batch];
    let scratch = Vec::new();
    match workload.network {
        Network::Mlp { ref sizes, activation } => Box::new(Mlp {
            layers: sizes[1..].iter().map(|_| dense()).collect(),
            h: std::iter::once(data.inputs).chain(sizes[1..].iter().map(|&n| zeros(n))).collect(),
            dh: Vec::new(),
            targets: data.targets,
            activation,
            scratch,
        }),
        Network::Residual { width, depth, outputs } => Box::new(Residual {
            blocks: (0..depth).map(|_| dense()).collect(),
            head: dense(),
            h: std::iter::once(data.inputs).chain((0..depth).map(|_| zeros(width))).collect(),
            z: vec![zeros(width); depth],
            y: zeros(outputs),
            dh: zeros(width),
            targets: data.targets,
            scratch,
        }),
        Network::Recurrent { width, times, outputs, .. } => Box::new(Recurrent {
            cell: dense(),
            u: next(),
            head: Dense { w: next(), b: next() },
            x: data.inputs,
            h: zeros(width * times),
            da: zeros(width * times),
            y: zeros(outputs),
            dh: zeros(width),
            targets: data.targets,
            scratch,
        }),
    }
}

struct Mlp<T> {
    layers: Vec<Dense<T>>,
    activation: Activation,
    /// The input, and the output of every layer.
    h: Vec<Vec<T>>,
    dh: Vec<T>,
    targets: Targets<T>,
    scratch: Vec<T>,
}

impl<T: Real + RealField> Net<T> for Mlp<T> {
    fn gradients(&mut self, adam: Option<&Adam>) -> f64 {
        let Mlp { layers, activation, h, dh, targets, scratch } = self;
        let last = layers.len() - 1;
        for (i, layer) in layers.iter().enumerate() {
            let [x, y] = &mut h[i..i + 2] else { unreachable!() };
            layer.forward(x, y);
            if i < last {
                match activation {
                    Activation::Relu => relu(y),
                    Activation::Tanh => tanh(y),
                }
            }
        }
        let loss = loss(&mut h[last + 1], targets);
        for (i, layer) in layers.iter_mut().enumerate().rev() {
            let [x, dy] = &mut h[i..i + 2] else { unreachable!() };
            layer.gradient(dy, x, scratch);
            if i > 0 {
                dh.resize(x.len(), T::default());
                layer.w.pull(dy, Accum::Replace, dh);
                match activation {
                    Activation::Relu => relu_slope(x, dh),
                    Activation::Tanh => tanh_slope(x, dh),
                }
            }
            layer.update(adam);
        }
        loss
    }

    fn parameters(&mut self) -> Vec<&mut Parameter<T>> {
        self.layers.iter_mut().flat_map(Dense::parameters).collect()
    }
}

struct Residual<T> {
    blocks: Vec<Dense<T>>,
    head: Dense<T>,
    /// The input, and h + z after every block.
    h: Vec<Vec<T>>,
    /// z = tanh(W h + b) of every block.
    z: Vec<Vec<T>>,
    y: Vec<T>,
    dh: Vec<T>,
    targets: Targets<T>,
    scratch: Vec<T>,
}

impl<T: Real + RealField> Net<T> for Residual<T> {
    fn gradients(&mut self, adam: Option<&Adam>) -> f64 {
        let Residual { blocks, head, h, z, y, dh, targets, scratch } = self;
        let depth = blocks.len();
        for (i, block) in blocks.iter().enumerate() {
            let [x, sum] = &mut h[i..i + 2] else { unreachable!() };
            block.forward(x, &mut z[i]);
            tanh_add(&mut z[i], x, sum);
        }
        head.forward(&h[depth], y);
        let loss = loss(y, targets);
        head.gradient(y, &h[depth], scratch);
        head.w.pull(y, Accum::Replace, dh);
        head.update(adam);
        for (i, block) in blocks.iter_mut().enumerate().rev() {
            let da = &mut z[i];
            tanh_slope(da, dh);
            block.gradient(da, &h[i], scratch);
            if i > 0 {
                block.w.pull(da, Accum::Add, dh);
            }
            block.update(adam);
        }
        loss
    }

    fn parameters(&mut self) -> Vec<&mut Parameter<T>> {
        self.blocks.iter_mut().chain([&mut self.head]).flat_map(Dense::parameters).collect()
    }
}

struct Recurrent<T> {
    /// W and b.
    cell: Dense<T>,
    u: Parameter<T>,
    head: Dense<T>,
    /// Inputs × (batch · times).
    x: Vec<T>,
    /// h = tanh(a), width × (batch · times).
    h: Vec<T>,
    da: Vec<T>,
    y: Vec<T>,
    dh: Vec<T>,
    targets: Targets<T>,
    scratch: Vec<T>,
}

impl<T: Real + RealField> Net<T> for Recurrent<T> {
    fn gradients(&mut self, adam: Option<&Adam>) -> f64 {
        let Recurrent { cell, u, head, x, h, da, y, dh, targets, scratch } = self;
        let (width, n, len) = (cell.w.rows, dh.len(), h.len());
        // a = U x + b for all time steps at once, then aₜ += W hₜ₋₁ and hₜ = tanh(aₜ) in sequence.
        fill_columns(h, &cell.b.value);
        u.push(x, Accum::Add, h);
        tanh(&mut h[..n]);
        for t in (n..len).step_by(n) {
            let (before, after) = h.split_at_mut(t);
            cell.w.push(&before[t - n..], Accum::Add, &mut after[..n]);
            tanh(&mut after[..n]);
        }
        let last = &h[len - n..];
        head.forward(last, y);
        let loss = loss(y, targets);
        head.gradient(y, last, scratch);
        head.w.pull(y, Accum::Replace, dh);
        // δaₜ = (1 − hₜ²) δhₜ and δhₜ₋₁ = Wᵀ δaₜ in sequence, then the gradients for all time steps at once.
        transpose(&cell.w.value, width, scratch);
        for t in (0..len).step_by(n).rev() {
            let da = &mut da[t..t + n];
            da.copy_from_slice(&h[t..t + n]);
            tanh_slope(da, dh);
            if t > 0 {
                product(dh, width, Accum::Replace, false, view(scratch, width), view(da, width));
            }
        }
        cell.w.gradient(&da[n..], &h[..len - n], scratch);
        sum_columns(da, &mut cell.b.gradient);
        u.gradient(da, x, scratch);
        cell.update(adam);
        adam.into_iter().for_each(|adam| adam.update(u));
        head.update(adam);
        loss
    }

    fn parameters(&mut self) -> Vec<&mut Parameter<T>> {
        let dense = [&mut self.cell, &mut self.head];
        dense.into_iter().flat_map(Dense::parameters).chain([&mut self.u]).collect()
    }
}

struct Dense<T> {
    w: Parameter<T>,
    b: Parameter<T>,
}

impl<T: Real + RealField> Dense<T> {
    /// y = W x + b.
    fn forward(&self, x: &[T], y: &mut [T]) {
        fill_columns(y, &self.b.value);
        self.w.push(x, Accum::Add, y);
    }

    /// ∇W = δy xᵀ, ∇b = Σ δy.
    fn gradient(&mut self, dy: &[T], x: &[T], scratch: &mut Vec<T>) {
        self.w.gradient(dy, x, scratch);
        sum_columns(dy, &mut self.b.gradient);
    }

    fn update(&mut self, adam: Option<&Adam>) {
        adam.into_iter().for_each(|adam| self.parameters().into_iter().for_each(|p| adam.update(p)));
    }

    fn parameters(&mut self) -> [&mut Parameter<T>; 2] {
        [&mut self.w, &mut self.b]
    }
}

/// A matrix or a vector, its gradient, and Adam's moments.
pub struct Parameter<T> {
    rows: usize,
    pub value: Vec<T>,
    pub gradient: Vec<T>,
    pub m: Vec<T>,
    pub v: Vec<T>,
    /// Whether two threads share its update and large products with it.
    pub parts: bool,
}

impl<T: Real + RealField> Parameter<T> {
    fn new(rows: usize, value: Vec<T>, parts: bool) -> Self {
        let zeros = vec![T::default(); value.len()];
        Parameter { rows, value, gradient: zeros.clone(), m: zeros.clone(), v: zeros, parts }
    }

    fn columns(&self) -> usize {
        self.value.len() / self.rows
    }

    /// y = W x, or y += W x.
    fn push(&self, x: &[T], accum: Accum, y: &mut [T]) {
        product(y, self.rows, accum, self.parts, view(&self.value, self.rows), view(x, self.columns()));
    }

    /// δx = Wᵀ δy, or δx += Wᵀ δy.
    fn pull(&self, dy: &[T], accum: Accum, dx: &mut [T]) {
        product(dx, self.columns(), accum, self.parts, view(&self.value, self.rows).transpose(), view(dy, self.rows));
    }

    /// ∇W = δy xᵀ.
    fn gradient(&mut self, dy: &[T], x: &[T], scratch: &mut Vec<T>) {
        let (rows, columns) = (self.rows, self.columns());
        if self.value.len() < LARGE {
            product(&mut self.gradient, rows, Accum::Replace, self.parts, view(dy, rows), view(x, columns).transpose());
        } else {
            transpose(x, columns, scratch);
            product(
                &mut self.gradient,
                rows,
                Accum::Replace,
                self.parts,
                view(dy, rows),
                view(scratch, x.len() / columns),
            );
        }
    }
}
