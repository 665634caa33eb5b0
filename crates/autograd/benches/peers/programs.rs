//! ADBench's programs on the number types of other crates, each written with that crate's operators, sums and products.

use reverse::Var;
use xad_rs::{AReal, math::ad};

use crate::gmm::Gmm;
use crate::lstm::Lstm;

/// The number type that the programs compute with.
pub trait Peer: Clone + PartialOrd {
    fn plus(&self, other: &Self) -> Self;
    fn minus(&self, other: &Self) -> Self;
    fn times(&self, other: &Self) -> Self;
    fn shifted(&self, c: f64) -> Self;
    fn scaled(&self, c: f64) -> Self;
    fn sigmoid(&self) -> Self;
    fn tanh(&self) -> Self;
    fn exp(&self) -> Self;
    fn ln(&self) -> Self;
    fn sum(x: &[Self]) -> Self;
    fn dot(x: &[Self], y: &[Self]) -> Self;
}

impl Peer for AReal<f64> {
    #[inline(always)]
    fn plus(&self, other: &Self) -> Self {
        self + other
    }
    #[inline(always)]
    fn minus(&self, other: &Self) -> Self {
        self - other
    }
    #[inline(always)]
    fn times(&self, other: &Self) -> Self {
        self * other
    }
    #[inline(always)]
    fn shifted(&self, c: f64) -> Self {
        self + c
    }
    #[inline(always)]
    fn scaled(&self, c: f64) -> Self {
        self * c
    }
    #[inline(always)]
    fn sigmoid(&self) -> Self {
        1.0 / (ad::exp(&-self) + 1.0)
    }
    #[inline(always)]
    fn tanh(&self) -> Self {
        ad::tanh(self)
    }
    #[inline(always)]
    fn exp(&self) -> Self {
        ad::exp(self)
    }
    #[inline(always)]
    fn ln(&self) -> Self {
        ad::ln(self)
    }
    fn sum(x: &[Self]) -> Self {
        ad::sum(x)
    }
    fn dot(x: &[Self], y: &[Self]) -> Self {
        ad::dot(x, y)
    }
}

impl Peer for Var<'_> {
    #[inline(always)]
    fn plus(&self, other: &Self) -> Self {
        *self + *other
    }
    #[inline(always)]
    fn minus(&self, other: &Self) -> Self {
        *self - *other
    }
    #[inline(always)]
    fn times(&self, other: &Self) -> Self {
        *self * *other
    }
    #[inline(always)]
    fn shifted(&self, c: f64) -> Self {
        *self + c
    }
    #[inline(always)]
    fn scaled(&self, c: f64) -> Self {
        *self * c
    }
    #[inline(always)]
    fn sigmoid(&self) -> Self {
        ((-*self).exp() + 1.0).recip()
    }
    #[inline(always)]
    fn tanh(&self) -> Self {
        Var::tanh(self)
    }
    #[inline(always)]
    fn exp(&self) -> Self {
        Var::exp(self)
    }
    #[inline(always)]
    fn ln(&self) -> Self {
        Var::ln(self)
    }
    fn sum(x: &[Self]) -> Self {
        x[1..].iter().fold(x[0], |sum, x| sum + *x)
    }
    fn dot(x: &[Self], y: &[Self]) -> Self {
        x[1..].iter().zip(&y[1..]).fold(x[0] * y[0], |sum, (x, y)| sum + *x * *y)
    }
}

/// Σ 100 (x_{i+1} − x_i²)² + (1 − x_i)².
pub fn rosenbrock<N: Peer>(x: &[N]) -> N {
    let square = |x: N| x.times(&x);
    let terms = x.windows(2).map(|x| {
        let apart = x[1].minus(&square(x[0].clone()));
        square(apart).scaled(100.0).plus(&square(x[0].shifted(-1.0)))
    });
    N::sum(&terms.collect::<Vec<_>>())
}

/// `Gmm::scalars` without the constant terms.
pub fn gmm<N: Peer>(gmm: &Gmm, params: &[N]) -> N {
    let (dim, k) = (gmm.dim, gmm.components);
    let block = dim * (dim + 1) / 2;
    let (alpha, rest) = params.split_at(k);
    let (means, blocks) = rest.split_at(k * dim);
    let (means, blocks): (Vec<_>, Vec<_>) = (means.chunks(dim).collect(), blocks.chunks(block).collect());
    let diagonals: Vec<Vec<N>> = blocks.iter().map(|block| block[..dim].iter().map(N::exp).collect()).collect();
    let sums: Vec<N> = blocks.iter().map(|block| N::sum(&block[..dim])).collect();
    let likelihoods = (0..gmm.x.cols()).map(|i| {
        let x = gmm.x.col(i);
        let of_component = |k: usize| {
            let apart: Vec<N> = (0..dim).map(|d| means[k][d].shifted(-x[d])).collect();
            let mut y: Vec<N> = (0..dim).map(|d| diagonals[k][d].times(&apart[d])).collect();
            let mut below = blocks[k][dim..].iter();
            for (column, apart) in apart.iter().enumerate() {
                for (y, l) in y[column + 1..].iter_mut().zip(&mut below) {
                    *y = y.plus(&l.times(apart));
                }
            }
            alpha[k].plus(&sums[k]).plus(&N::dot(&y, &y).scaled(-0.5))
        };
        log_sum_exp(&(0..k).map(of_component).collect::<Vec<_>>())
    });
    let likelihood = N::sum(&likelihoods.collect::<Vec<_>>());
    let prior = (0..k).map(|k| {
        let below = &blocks[k][dim..];
        let squares = N::dot(&diagonals[k], &diagonals[k]).plus(&N::dot(below, below));
        squares.scaled(0.5 * gmm.gamma * gmm.gamma).plus(&sums[k].scaled(-f64::from(gmm.m)))
    });
    let prior = N::sum(&prior.collect::<Vec<_>>());
    likelihood.plus(&log_sum_exp(alpha).scaled(-(gmm.x.cols() as f64))).plus(&prior)
}

fn log_sum_exp<N: Peer>(x: &[N]) -> N {
    let max = x[1..].iter().fold(&x[0], |max, x| if x > max { x } else { max });
    let terms: Vec<N> = x.iter().map(|x| x.minus(max).exp()).collect();
    N::sum(&terms).ln().plus(max)
}

/// `Lstm::scalars`, with `zero` a constant.
pub fn lstm<N: Peer>(lstm: &Lstm, params: &[N], zero: &N) -> N {
    let b = lstm.width;
    let numbers = |s: &[f64]| s.iter().map(|&s| zero.shifted(s)).collect::<Vec<N>>();
    let mut state: Vec<Vec<N>> = lstm.state.chunks(b).map(numbers).collect();
    let extra = &params[8 * lstm.layers * b..];
    let mut losses = Vec::new();
    for t in 0..lstm.bits.len() - 1 {
        let mut u: Vec<N> = (0..b).map(|i| extra[i].scaled(lstm.bits[t][i])).collect();
        for layer in 0..lstm.layers {
            let p = &params[8 * layer * b..][..8 * b];
            for i in 0..b {
                let gate = |x: &N, gate: usize| x.times(&p[gate * b + i]).plus(&p[(4 + gate) * b + i]);
                let (h, c) = (&state[2 * layer][i], &state[2 * layer + 1][i]);
                let (forget, new) = (gate(&u[i], 0).sigmoid(), gate(h, 1).sigmoid());
                let (out, change) = (gate(&u[i], 2).sigmoid(), gate(h, 3).tanh());
                let c = c.times(&forget).plus(&new.times(&change));
                u[i] = out.times(&c.tanh());
                (state[2 * layer][i], state[2 * layer + 1][i]) = (u[i].clone(), c);
            }
        }
        let y: Vec<N> = (0..b).map(|i| u[i].times(&extra[b + i]).plus(&extra[2 * b + i])).collect();
        let normal = N::sum(&y.iter().map(N::exp).collect::<Vec<_>>()).shifted(2.0).ln();
        losses.extend((0..b).map(|i| y[i].minus(&normal).scaled(lstm.bits[t + 1][i])));
    }
    N::sum(&losses).scaled(-1.0 / ((lstm.bits.len() - 1) * b) as f64)
}
