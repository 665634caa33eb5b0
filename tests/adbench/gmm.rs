//! The log-likelihood of a Gaussian mixture with a Wishart prior, in scalars; `matrices.rs` has the matrix version.
//!
//! L = −(N D / 2) ln 2π + Σᵢ lseₖ(αₖ + Sₖ − ½ ‖Qₖ (xᵢ − μₖ)‖²) − N lse(α) ± P
//! P = Σₖ [m Sₖ − ½ γ² (Σ e^(2 q) + Σ l²)] + K C
//!
//! The logarithm of the posterior has + P, which is GradBench's program. ADBench's has − P.
//!
//! Qₖ is lower triangular with diagonal e^q and l below it, column by column; Sₖ = Σ q.

use autograd::{Matrix, Number};

/// An instance: its sizes, its data, its parameters, the prior.
pub struct Gmm {
    /// D.
    pub dim: usize,
    /// K.
    pub components: usize,
    /// The data, D × N.
    pub x: Matrix<f64>,
    /// α, μ, then the blocks of the components.
    pub params: Vec<f64>,
    /// γ of the prior.
    pub gamma: f64,
    /// m of the prior.
    pub m: i32,
    /// What P is multiplied by.
    pub sign: f64,
}

impl Gmm {
    /// From the text of a file.
    pub fn parse(text: &str) -> Result<Gmm, String> {
        let mut words = text.split_whitespace();
        let mut next = |what: &str| words.next().ok_or(format!("the file ends before {what}"));
        let mut size = |what: &str| next(what)?.parse::<usize>().map_err(|e| format!("{what}: {e}"));
        let (dim, components, n) = (size("D")?, size("K")?, size("N")?);
        let mut number = |what: &str| next(what)?.parse::<f64>().map_err(|e| format!("{what}: {e}"));
        let count = components * (1 + dim + dim * (dim + 1) / 2);
        let params = (0..count).map(|_| number("a parameter")).collect::<Result<Vec<_>, _>>()?;
        let data = (0..n * dim).map(|_| number("the data")).collect::<Result<Vec<_>, _>>()?;
        let (gamma, m) = (number("γ")?, number("m")? as i32);
        Ok(Gmm { dim, components, x: Matrix::from_vec(dim, n, data), params, gamma, m, sign: -1.0 })
    }

    /// Numbers of a component beside α and μ.
    pub fn block(&self) -> usize {
        self.dim * (self.dim + 1) / 2
    }

    /// The terms that do not depend on parameters. The benchmark has π to 12 digits.
    pub fn constant(&self) -> f64 {
        let pi = 314_159_265_359.0 / 1e11;
        let (d, k, n) = (self.dim as f64, self.components as f64, self.x.cols() as f64);
        let degrees = d + f64::from(self.m) + 1.0;
        let gammas: f64 = (1..=self.dim).map(|j| ln_gamma_of_half(self.dim + self.m as usize + 2 - j)).sum();
        let multivariate = 0.25 * d * (d - 1.0) * pi.ln() + gammas;
        let prior = degrees * d * (self.gamma.ln() - 0.5 * 2f64.ln()) - multivariate;
        -0.5 * n * d * (2.0 * pi).ln() + self.sign * k * prior
    }

    /// In scalars.
    pub fn scalars<N: Number>(&self, params: &[N]) -> N {
        let (dim, k) = (self.dim, self.components);
        let (alpha, rest) = params.split_at(k);
        let (means, blocks) = rest.split_at(k * dim);
        let (means, blocks): (Vec<_>, Vec<_>) = (means.chunks(dim).collect(), blocks.chunks(self.block()).collect());
        let diagonals: Vec<Vec<N>> =
            blocks.iter().map(|block| block[..dim].iter().map(|q| q.exp()).collect()).collect();
        let sums: Vec<N> = blocks.iter().map(|block| N::sum(&block[..dim])).collect();
        let likelihoods = (0..self.x.cols()).map(|i| {
            let x = self.x.col(i);
            let of_component = |k: usize| {
                let apart: Vec<N> = (0..dim).map(|d| -means[k][d] + x[d]).collect();
                let mut y: Vec<N> = (0..dim).map(|d| diagonals[k][d] * apart[d]).collect();
                let mut below = blocks[k][dim..].iter();
                for (column, &apart) in apart.iter().enumerate() {
                    for (y, &l) in y[column + 1..].iter_mut().zip(&mut below) {
                        *y += l * apart;
                    }
                }
                alpha[k] + sums[k] - N::dot(&y, &y) * 0.5
            };
            log_sum_exp(&(0..k).map(of_component).collect::<Vec<_>>())
        });
        let likelihood = N::sum(&likelihoods.collect::<Vec<_>>());
        let prior = (0..k).map(|k| {
            let below = &blocks[k][dim..];
            let squares = N::dot(&diagonals[k], &diagonals[k]) + N::dot(below, below);
            sums[k] * f64::from(self.m) - squares * (0.5 * self.gamma * self.gamma)
        });
        let prior = N::sum(&prior.collect::<Vec<_>>()) * self.sign;
        likelihood - log_sum_exp(alpha) * self.x.cols() as f64 + prior + self.constant()
    }
}

/// max + ln Σ e^(x − max).
fn log_sum_exp<N: Number>(x: &[N]) -> N {
    let max = x[1..].iter().fold(x[0], |max, &x| if x > max { x } else { max });
    let terms: Vec<N> = x.iter().map(|&x| (x - max).exp()).collect();
    N::sum(&terms).ln() + max
}

/// ln Γ(n / 2), from Γ(½) = √π and Γ(1) = 1 by Γ(a + 1) = a Γ(a).
fn ln_gamma_of_half(n: usize) -> f64 {
    let start = if n % 2 == 1 { 0.5 * std::f64::consts::PI.ln() } else { 0.0 };
    let first = if n % 2 == 1 { 1 } else { 2 };
    start + (first..n).step_by(2).map(|k| (k as f64 / 2.0).ln()).sum::<f64>()
}
