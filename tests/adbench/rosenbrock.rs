//! Σ 100 (x_{i+1} − x_i²)² + (1 − x_i)².

use autograd::Number;

/// At n points between −1.2 and 1.2.
pub fn start(n: usize) -> Vec<f64> {
    (0..n).map(|i| -1.2 + 2.4 * ((7919 * i) % 1000) as f64 / 1000.0).collect()
}

/// In scalars.
pub fn rosenbrock<N: Number>(x: &[N]) -> N {
    let terms = x.windows(2).map(|x| (x[1] - x[0].square()).square() * 100.0 + (-x[0] + 1.0).square());
    N::sum(&terms.collect::<Vec<_>>())
}
