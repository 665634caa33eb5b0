//! The logarithm of the posterior of a Gaussian mixture, and its gradient: `tests/adbench/gmm.rs` has the formula. Source: ADBench
//! (F. Šrajer, Z. Kukelova, A. Fitzgibbon, *Optim. Methods Softw.* 33, 2018), with the corrections of GradBench's eval `gmm`.

use autograd::{Matrix, several};
use serde::{Deserialize, Serialize};

use crate::adbench::gmm::Gmm;
use crate::input;
use crate::protocol::{Module, function, read};

pub const MODULE: Module = Module {
    name: "gmm",
    functions: &["objective", "jacobian"],
    prepare: |name, input| {
        let Mixture(gmm) = read(input)?;
        let params = gmm.matrices_of();
        Ok(match name {
            "objective" => function(move || value(&gmm, &params)),
            _ => function(move || gradient(&gmm, &params)),
        })
    },
};

#[derive(Deserialize)]
struct Input {
    d: usize,
    k: usize,
    n: usize,
    x: Vec<Vec<f64>>,
    m: i32,
    gamma: f64,
    #[serde(flatten)]
    params: Params,
}

/// Parameters or derivatives: of the weights, the means, the diagonals and what is below them, column by column.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Params {
    alpha: Vec<f64>,
    mu: Vec<Vec<f64>>,
    q: Vec<Vec<f64>>,
    l: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(try_from = "Input")]
struct Mixture(Gmm);

impl TryFrom<Input> for Mixture {
    type Error = String;

    fn try_from(Input { d, k, n, x, m, gamma, params: Params { alpha, mu, q, l } }: Input) -> Result<Self, String> {
        input::sizes(&[("d", d), ("d", d), ("k", k)])?;
        input::sizes(&[("n", n), ("d", d), ("k", k)])?;
        for (what, list, expected) in [("x", &x, n), ("mu", &mu, k), ("q", &q, k), ("l", &l, k)] {
            input::count(what, list, expected)?;
        }
        input::count("alpha", &alpha, k)?;
        if !(0..1000).contains(&m) || gamma <= 0.0 {
            return Err(format!("m is 0 to 999 and gamma more than 0, and not {m} and {gamma}"));
        }
        let (means, q) = (input::columns("mu", &mu, d)?, input::columns("q", &q, d)?);
        let blocks = Matrix::vstack(&[&q, &input::columns("l", &l, d * (d - 1) / 2)?]);
        let params = [alpha, means.into_vec(), blocks.into_vec()].concat();
        Ok(Mixture(Gmm { dim: d, components: k, x: input::columns("x", &x, d)?, params, gamma, m, sign: 1.0 }))
    }
}

fn value(gmm: &Gmm, params: &[Matrix<f64>; 3]) -> f64 {
    let tape = autograd::Tape::new();
    gmm.matrices(&params.each_ref().map(|x| tape.constant(x))).item()
}

fn gradient(gmm: &Gmm, params: &[Matrix<f64>; 3]) -> Params {
    let gradient = several::gradient(|x| gmm.matrices(x), params);
    let [alpha, means, blocks] = gradient.try_into().expect("as many as parameters");
    let below = gmm.dim..gmm.block();
    Params {
        alpha: alpha.into_vec(),
        mu: input::lists(&means),
        q: input::lists(&blocks.rows_in(0..gmm.dim)),
        l: input::lists(&blocks.rows_in(below)),
    }
}

#[cfg(test)]
pub mod tests {
    use autograd::check;
    use serde_json::json;

    use super::*;

    pub fn input() -> serde_json::Value {
        json!({
            "d": 2, "k": 2, "n": 3, "x": [[0.1, -0.5], [1.0, 0.7], [-0.3, 0.2]], "m": 1, "gamma": 1.5,
            "alpha": [0.2, -0.4], "mu": [[0.3, 0.9], [-0.6, 0.1]], "q": [[0.1, -0.2], [0.4, 0.3]], "l": [[0.5], [-0.7]],
        })
    }

    fn mixture() -> Gmm {
        read::<Mixture>(&input().to_string()).unwrap().0
    }

    /// From the densities: Gaussian ones, and Wishart's of the matrices QᵀQ.
    #[test]
    fn the_posterior() {
        let gmm = mixture();
        let (alpha, mu) = ([0.2f64, -0.4], [[0.3, 0.9], [-0.6, 0.1]]);
        let (q, l) = ([[0.1f64, -0.2], [0.4, 0.3]], [0.5, -0.7]);
        let (pi, gamma, n) = (std::f64::consts::PI, 1.5f64, 4.0); // n = D + m + 1
        let weights = alpha.map(|a| a.exp() / (alpha[0].exp() + alpha[1].exp()));
        let root = |k: usize| q[k].map(f64::exp);
        let of_point = |x: [f64; 2]| -> f64 {
            let of_component = |k: usize| {
                let ([a, b], [u, v]) = (root(k), [x[0] - mu[k][0], x[1] - mu[k][1]]);
                let square = (a * u).powi(2) + (l[k] * u + b * v).powi(2);
                weights[k] * (-0.5 * square).exp() * a * b / (2.0 * pi)
            };
            of_component(0) + of_component(1)
        };
        let prior = |k: usize| -> f64 {
            let ([a, b], c) = (root(k), l[k]);
            let gamma_2 = pi.sqrt() * 1.0 * (0.5 * pi.sqrt()); // Γ₂(2) = √π Γ(2) Γ(3/2)
            let trace = gamma * gamma * (a * a + b * b + c * c);
            (a * b).powf(n - 3.0) * (-0.5 * trace).exp() / (2f64.powf(n) * gamma.powf(-2.0 * n) * gamma_2)
        };
        let expected = [[0.1, -0.5], [1.0, 0.7], [-0.3, 0.2]].map(|x| of_point(x).ln()).iter().sum::<f64>()
            + (prior(0) * prior(1)).ln();
        let found = value(&gmm, &gmm.matrices_of());
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        assert!((gmm.scalars(&gmm.params) - expected).abs() < 1e-9);
    }

    #[test]
    fn derivatives() {
        let gmm = mixture();
        check(|x| gmm.matrices(x), &gmm.matrices_of());
        let gradient = gradient(&gmm, &gmm.matrices_of());
        assert_eq!([gradient.mu.len(), gradient.q[0].len(), gradient.l[1].len()], [2, 2, 1]);
    }

    #[test]
    fn wrong_inputs() {
        let error = |name: &str, value: serde_json::Value| {
            let mut input = input();
            input[name] = value;
            (MODULE.prepare)("jacobian", &input.to_string()).err().unwrap()
        };
        assert!(error("d", json!(3)).contains("mu[0]: 2 entries, and not 3"));
        assert!(error("d", json!(0)).contains("d is 0"));
        assert!(error("k", json!(1)).contains("mu: 2 entries, and not 1"));
        assert!(error("n", json!(4)).contains("x: 3 entries, and not 4"));
        assert!(error("alpha", json!([1.0])).contains("alpha: 1 entries, and not 2"));
        assert!(error("l", json!([[], []])).contains("l[0]: 0 entries, and not 1"));
        assert!(error("gamma", json!(0.0)).contains("gamma more than 0"));
        assert!(error("m", json!(-1)).contains("m is 0 to 999"));
    }
}
