//! A differential equation is fitted to noisy observations by L-BFGS. The Hessian at the minimum gives the standard errors of its
//! parameters.
//!
//!     cargo run --release --example predator_prey
//!
//! The simulation is one function, generic in its numbers. It runs on `f64` to make the observations, on a scalar tape for the gradient,
//! and on dual numbers of that tape for the Hessian.

use std::error::Error;

use autograd::{Dual, LinearAlgebra, Matrix, Number, ScalarTape, check, minimize};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

const NAMES: [&str; 4] = ["α", "β", "γ", "δ"];
const TRUE: [f64; 4] = [1.1, 0.4, 0.4, 0.1];
const GUESS: [f64; 4] = [1.0, 0.35, 0.45, 0.12];
const NOISE: f64 = 0.3;
/// The step of the simulation in years, and the number of steps between two observations.
const STEP: f64 = 0.1;
const EVERY: usize = 5;

/// The change of prey x and predators y in a year: x' = α x − β x y, y' = δ x y − γ y (Lotka 1925, Volterra 1926).
fn slope<N: Number>([x, y]: [N; 2], [a, b, c, d]: [N; 4]) -> [N; 2] {
    [a * x - b * x * y, d * x * y - c * y]
}

/// Both populations after every fifth of 200 steps of the method of Runge and Kutta of fourth order.
fn simulate<N: Number>(p: [N; 4]) -> Vec<N> {
    let after = |u: [N; 2], k: [N; 2], h: f64| [u[0] + k[0] * h, u[1] + k[1] * h];
    let (mut u, mut seen) = ([10.0, 5.0].map(|start| p[0].zero() + start), Vec::new());
    for step in 1..=200 {
        let k1 = slope(u, p);
        let k2 = slope(after(u, k1, STEP / 2.0), p);
        let k3 = slope(after(u, k2, STEP / 2.0), p);
        let k4 = slope(after(u, k3, STEP), p);
        for i in 0..2 {
            u[i] += (k1[i] + (k2[i] + k3[i]) * 2.0 + k4[i]) * (STEP / 6.0);
        }
        if step % EVERY == 0 {
            seen.extend(u);
        }
    }
    seen
}

/// ½ Σ (simulated − observed)².
fn error<N: Number>(p: [N; 4], observed: &[f64]) -> N {
    let squares: Vec<N> = simulate(p).iter().zip(observed).map(|(&u, &seen)| (u - seen).square()).collect();
    N::sum(&squares) * 0.5
}

/// The columns of the Hessian, each by one dual number in forward mode over one sweep in reverse.
fn hessian(p: &[f64], observed: &[f64]) -> Matrix<f64> {
    let column = |j: usize| {
        let tape = ScalarTape::new();
        let x = tape.variables(p);
        let moved = [0, 1, 2, 3].map(|i| if i == j { Dual::variable(x[i]) } else { Dual::constant(x[i]) });
        error(moved, observed).tangent.backward().as_slice().to_vec()
    };
    Matrix::from_vec(4, 4, (0..4).flat_map(column).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let noise = Normal::new(0.0, NOISE)?;
    let observed: Vec<f64> = simulate(TRUE).iter().map(|u| u + noise.sample(rng)).collect();
    check(|p| error([0, 1, 2, 3].map(|i| p[0].at(i, 0)), &observed), &[Matrix::column(&GUESS)]);
    println!("the gradient is right, to second order");

    let mut tape = ScalarTape::new();
    let fit = minimize(
        |p: &[f64]| {
            tape.clear();
            let x = tape.variables(p);
            let error = error([x[0], x[1], x[2], x[3]], &observed);
            (error.value(), error.backward().as_slice().to_vec())
        },
        &GUESS,
    );
    println!("{fit}\n");

    let variance = 2.0 * fit.value / (observed.len() - 4) as f64;
    let errors = (hessian(&fit.x, &observed).inverse()? * variance).diagonal().map(f64::sqrt);
    println!("parameter   true   estimate   standard error");
    for (i, name) in NAMES.iter().enumerate() {
        println!("{name:>9}  {:5.3}  {:9.4}  {:15.4}", TRUE[i], fit.x[i], errors[(i, 0)]);
    }
    println!("\nthe noise has the deviation {NOISE}, estimated {:.3}", variance.sqrt());
    Ok(())
}
