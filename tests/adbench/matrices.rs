//! The programs of `gmm.rs` and `lstm.rs` in matrices and vectors.

use autograd::{Axis, Matrix, Var, vstack};

use super::gmm::Gmm;
use super::lstm::{Lstm, cell};

impl Gmm {
    /// α as K × 1, μ as D × K, the blocks as D (D + 1) / 2 × K.
    pub fn matrices_of(&self) -> [Matrix<f64>; 3] {
        let (k, dim) = (self.components, self.dim);
        let part =
            |from: usize, rows: usize, cols| Matrix::from_vec(rows, cols, self.params[from..][..rows * cols].to_vec());
        [part(0, k, 1), part(k, dim, k), part(k + k * dim, self.block(), k)]
    }

    /// In matrices.
    pub fn matrices<'t>(&self, params: &[Var<'t, f64>]) -> Var<'t, f64> {
        let (dim, n) = (self.dim, self.x.cols() as f64);
        let (alpha, means, blocks) = (params[0], params[1], params[2]);
        let x = alpha.tape().constant(self.x.clone());
        // Where the entries below the diagonal go, column by column.
        let below: Vec<_> = (0..dim).flat_map(|j| (j + 1..dim).map(move |i| (i, j))).collect();
        let (q, l) = (blocks.rows_in(0..dim), blocks.rows_in(dim..blocks.rows()));
        let (diagonals, sums) = (q.exp(), q.sum_over(Axis::Rows));
        let of_component = |k: usize| {
            let one = k..k + 1;
            let lower = l.columns(one.clone()).scatter_add((dim, dim), |i, _| below[i]);
            let y = (diagonals.columns(one.clone()).diag() + lower).matmul(x - means.columns(one.clone()));
            alpha.rows_in(one.clone()) + sums.columns(one) - y.square().sum_over(Axis::Rows) * 0.5
        };
        let rows: Vec<_> = (0..self.components).map(of_component).collect();
        let likelihood = vstack(&rows).log_sum_exp(Axis::Rows).sum();
        let squares = (diagonals.square().sum() + l.square().sum()) * (0.5 * self.gamma * self.gamma);
        let prior = (sums.sum() * f64::from(self.m) - squares) * self.sign;
        likelihood - alpha.log_sum_exp(Axis::Rows) * n + prior + self.constant()
    }
}

impl Lstm {
    /// Of vectors b × 1: for each layer four weights and four biases, then the extra three.
    pub fn vectors_of(&self) -> Vec<Matrix<f64>> {
        self.params.chunks(self.width).map(Matrix::column).collect()
    }

    /// In vectors.
    pub fn vectors<'t>(&self, p: &[Var<'t, f64>]) -> Var<'t, f64> {
        let tape = p[0].tape();
        let mut state: Vec<_> = self.state.chunks(self.width).map(|s| tape.constant(Matrix::column(s))).collect();
        let extra = &p[8 * self.layers..];
        let mut losses = Vec::new();
        for t in 0..self.bits.len() - 1 {
            let mut u = extra[0] * tape.constant(Matrix::column(&self.bits[t]));
            for layer in 0..self.layers {
                let (w, bias) = (|gate: usize| p[8 * layer + gate], |gate: usize| p[8 * layer + 4 + gate]);
                let (h, c) = cell(u, (state[2 * layer], state[2 * layer + 1]), w, bias);
                (state[2 * layer], state[2 * layer + 1]) = (h, c);
                u = h;
            }
            let y = u * extra[1] + extra[2];
            let normal = (y.exp().sum() + 2.0).ln();
            losses.push((y - normal).dot(tape.constant(Matrix::column(&self.bits[t + 1]))));
        }
        <Var<'t, f64> as autograd::Arithmetic>::sum(&losses) * (-1.0 / ((self.bits.len() - 1) * self.width) as f64)
    }
}
