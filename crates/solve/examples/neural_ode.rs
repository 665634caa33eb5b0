//! A network learns the right-hand side of a differential equation from solutions at a few times (Chen, Rubanova, Bettencourt & Duvenaud,
//! *Neural ordinary differential equations*, 2018).
//!
//! ```text
//! cargo run --release -p tape-solve --example neural_ode -- [--quick]
//! ```
//!
//! The truth is y' = A y³, a spiral. The network W₂ tanh(W₁ y + b₁) sees eight solutions at 16 times each, as the columns of one matrix, and
//! is fitted by L-BFGS. Gradients are those of the steps, with checkpoints. Then it is compared with the truth on another solution.

use std::error::Error;
use std::f64::consts::TAU;

use autograd::{Lbfgs, Matrix, Tape, Var};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use solve::ode::{Adaptive, Flow, Method, OdeError, RightHandSide};

/// The width of the network.
const WIDTH: usize = 20;
/// The shapes of W₁, b₁ and W₂.
const SHAPES: [(usize, usize); 3] = [(WIDTH, 2), (WIDTH, 1), (2, WIDTH)];

fn truth() -> Flow<impl RightHandSide> {
    Flow::new(|_t, y, p| p[0].matmul(y.powi(3)))
}

fn net() -> Flow<impl RightHandSide> {
    Flow::new(|_t, y, p| p[2].matmul((p[0].matmul(y) + p[1]).tanh())).checkpointed()
}

/// The parameters of the network as matrices.
fn parts(mut theta: &[f64]) -> [Matrix<f64>; 3] {
    SHAPES.map(|(rows, cols)| {
        let (own, rest) = theta.split_at(rows * cols);
        theta = rest;
        Matrix::from_vec(rows, cols, own.to_vec())
    })
}

/// Solutions, one matrix for each time.
fn solutions<'t>(
    flow: &Flow<impl RightHandSide>,
    p: &[Var<'t, f64>],
    start: Var<'t, f64>,
    times: &[f64],
) -> Result<Vec<Var<'t, f64>>, OdeError> {
    let method = Method::DormandPrince(Adaptive { rtol: 1e-6, atol: 1e-8, ..Adaptive::default() });
    Ok(flow.solve(&method, p, start, times)?.y)
}

fn plain(
    flow: &Flow<impl RightHandSide>,
    p: &[Matrix<f64>],
    start: &Matrix<f64>,
    times: &[f64],
) -> Result<Vec<Matrix<f64>>, OdeError> {
    let tape = Tape::new();
    let p: Vec<_> = p.iter().map(|p| tape.constant(p)).collect();
    Ok(solutions(flow, &p, tape.constant(start), times)?.iter().map(|y| y.value()).collect())
}

/// The mean square of all differences, and its gradient.
fn loss(theta: &[f64], start: &Matrix<f64>, times: &[f64], seen: &[Matrix<f64>]) -> Result<(f64, Vec<f64>), OdeError> {
    let tape = Tape::new();
    let p = parts(theta).map(|p| tape.variable(p));
    let found = solutions(&net(), &p, tape.constant(start), times)?;
    let squares = found.iter().zip(seen).map(|(&y, seen)| y.squared_error(tape.constant(seen)).mean());
    let loss = squares.reduce(|sum, square| sum + square).expect("there are times") / times.len() as f64;
    let grads = loss.backward();
    Ok((loss.item(), p.iter().flat_map(|&p| grads.wrt(p).as_slice().to_vec()).collect()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let iterations = if std::env::args().any(|arg| arg == "--quick") { 100 } else { 400 };
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let rates = [Matrix::from([[-0.1, 2.0], [-2.0, -0.1]])];
    let times: Vec<f64> = (0..16).map(|k| f64::from(k) * 0.1).collect();
    // Eight starts on two circles.
    let start = Matrix::from_fn(2, 8, |i, k| {
        let (radius, angle) = (1.0 + 0.8 * (k % 2) as f64, TAU * k as f64 / 8.0);
        radius * if i == 0 { angle.cos() } else { angle.sin() }
    });
    let seen = plain(&truth(), &rates, &start, &times)?;

    let first: Vec<f64> =
        SHAPES.iter().flat_map(|(m, n)| vec![0.5; m * n]).map(|size| rng.random_range(-size..size)).collect();
    let lbfgs = Lbfgs { max_iterations: iterations, memory: 30, ..Lbfgs::default() };
    // Weights whose solution cannot be computed are no better than infinitely bad ones: the line search takes a shorter step.
    let fit = lbfgs.minimize(
        |theta: &[f64]| loss(theta, &start, &times, &seen).unwrap_or((f64::INFINITY, vec![0.0; theta.len()])),
        &first,
    );
    println!("{fit}");

    let other = Matrix::column(&[-0.9, 1.1]);
    let (exact, found) = (plain(&truth(), &rates, &other, &times)?, plain(&net(), &parts(&fit.x), &other, &times)?);
    println!("\na solution that it has not seen:\n   t    exact              network");
    for k in (0..times.len()).step_by(3) {
        let ([a, b], [c, d]) = ([exact[k][(0, 0)], exact[k][(1, 0)]], [found[k][(0, 0)], found[k][(1, 0)]]);
        println!("{:.1}  {a:8.4} {b:8.4}  {c:8.4} {d:8.4}", times[k]);
    }
    let error =
        exact.iter().zip(&found).map(|(a, b)| (a - b).map(f64::abs).as_slice().iter().fold(0.0, |m: f64, &x| m.max(x)));
    let error = error.fold(0.0, f64::max);
    println!("\nlargest difference {error:.1e}");
    let enough = if iterations < 400 { 0.5 } else { 0.1 };
    assert!(error < enough, "the solutions should agree within {enough}");
    Ok(())
}
