//! A network that satisfies a differential equation: the loss contains derivatives of its outputs with respect to its inputs, and is
//! differentiated with respect to the weights (Raissi, Perdikaris, Karniadakis, "Physics-informed neural networks", 2019).
//!
//! ```text
//! cargo run --release --example physics_informed
//! ```
//!
//! Burgers' equation u_t + u u_x = ν u_xx, on −1 ≤ x ≤ 1 and 0 ≤ t ≤ 1. The network u(x, t) gets the values at t = 0 and
//! at both ends; inside it gets only the equation, at random points. A front moves right, and the exact solution is known:
//! u = (1 − tanh((x − t/2) / 4ν)) / 2. Derivatives are tangents recorded by `jvp` (forward mode), because there are two inputs.

use std::error::Error;

use autograd::jvp;
use nn::plot::{Chart, Figure};
use nn::schedule::{Cosine, Schedule};
use nn::{Activation, Adam, Hyperparameters, Layer, Lbfgs, Matrix, MinimizeModel, Mlp, Optimizer, Tape, Var};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tape_examples::{options, wrote};

const NU: f64 = 0.03;

fn exact(x: f64, t: f64) -> f64 {
    (1.0 - ((x - 0.5 * t) / (4.0 * NU)).tanh()) / 2.0
}

/// u_t + u u_x − ν u_xx at points (x, t), one in each column.
fn residual<'t>(net: &'t Mlp<f64>, places: Var<'t, f64>) -> Var<'t, f64> {
    let along = |axis| places.tape().constant(Matrix::from_fn(2, places.cols(), |i, _| f64::from(u8::from(i == axis))));
    let (dx, dt) = (along(0), along(1));
    let u = net.forward(places);
    let (ux, ut) = (jvp(u, &[(places, dx)]), jvp(u, &[(places, dt)]));
    let uxx = jvp(ux, &[(places, dx)]);
    ut + u * ux - NU * uxx
}

/// The residuals of the equation inside, and of the values at the start and at the ends.
fn loss<'t>(
    tape: &'t Tape<'t, f64>,
    net: &'t Mlp<f64>,
    inside: &'t Matrix<f64>,
    edge: &'t Matrix<f64>,
) -> Var<'t, f64> {
    let t = Matrix::from_fn(1, edge.cols(), |_, k| exact(edge[(0, k)], edge[(1, k)]));
    let values = net.forward(tape.constant(edge)).squared_error(tape.constant(t)).mean();
    residual(net, tape.variable(inside)).square().mean() + values
}

/// Random points inside.
fn inside(n: usize, rng: &mut ChaCha8Rng) -> Matrix<f64> {
    Matrix::from_fn(2, n, |i, _| if i == 0 { rng.random_range(-1.0..1.0) } else { rng.random_range(0.0..1.0) })
}

/// Points at t = 0, x = −1 and x = 1.
fn edge(n: usize) -> Matrix<f64> {
    let part = |k: usize| k as f64 / (n - 1) as f64;
    Matrix::from_fn(2, 3 * n, |i, k| match (i, k / n) {
        (0, 0) => 2.0 * part(k) - 1.0,
        (0, side) => 2.0 * side as f64 - 3.0,
        (_, 0) => 0.0,
        _ => part(k % n),
    })
}

fn solution(net: &Mlp<f64>, places: &Matrix<f64>) -> Vec<f64> {
    let tape = Tape::new();
    net.forward(tape.constant(places)).value().into_vec()
}

/// A grid over x and t, 2 × n²: x runs fastest.
fn grid(n: usize) -> Matrix<f64> {
    let part = |k: usize| k as f64 / (n - 1) as f64;
    Matrix::from_fn(2, n * n, |i, k| if i == 0 { 2.0 * part(k % n) - 1.0 } else { part(k / n) })
}

/// The largest |u − exact|.
fn error(net: &Mlp<f64>) -> f64 {
    let places = grid(101);
    let u = solution(net, &places);
    (0..u.len()).map(|k| (u[k] - exact(places[(0, k)], places[(1, k)])).abs()).fold(0.0, f64::max)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options::options("physics_informed");
    let (steps, iterations) = if options.quick { (300, 100) } else { (1500, 500) };
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let mut net = Mlp::new(&[2, 24, 24, 1], Activation::Tanh, rng);
    let edge = edge(40);
    println!("u_t + u u_x = {NU} u_xx for -1 ≤ x ≤ 1, 0 ≤ t ≤ 1\n");
    println!("                         loss   largest error");
    let report = |stage: &str, loss: f64, net: &Mlp<f64>| println!("{stage:<19} {loss:>9.1e}   {:>13.1e}", error(net));

    let schedule = Cosine::new(0.01, 1e-4, steps);
    let mut adam = Adam::new(schedule.lr);
    let mut state = adam.init(&net);
    let mut losses = Vec::new();
    for step in 0..steps {
        adam.set_lr(schedule.lr(step));
        // New points in each step, because the network would be unconstrained between fixed ones.
        let places = inside(200, rng);
        let tape = Tape::new();
        let loss = loss(&tape, &net, &places, &edge);
        if step == 0 {
            report("start", loss.item(), &net);
        }
        if step % 5 == 0 {
            losses.push(((step + 1) as f64, loss.item()));
        }
        let grads = loss.backward();
        adam.step(&mut net, &grads, &mut state);
    }
    report(&format!("{steps} steps of Adam"), losses[losses.len() - 1].1, &net);

    let places = inside(1000, rng);
    let lbfgs = Lbfgs { max_iterations: iterations, memory: 30, ..Lbfgs::default() };
    let done = lbfgs.minimize_model(&mut net, |net| {
        let tape = Tape::new();
        let loss = loss(&tape, net, &places, &edge);
        (loss.item(), loss.backward())
    });
    report(&format!("{} of L-BFGS", done.iterations), done.value, &net);

    let n = 61;
    let surface = Matrix::from_vec(n, n, solution(&net, &grid(n))).map(|u| u.clamp(0.0, 0.999)); // without ripples of 10⁻⁴
    let map = Chart::new("u(x, t) of the network").axes("x", "t").surface("u", -1.0..1.0, 0.0..1.0, &surface);
    let x = || (0..=100).map(|k| k as f64 / 50.0 - 1.0);
    let mut fronts = Chart::new("The front, and the exact one (dashed)").axes("x", "u");
    for (k, t) in [0.0, 0.5, 1.0].into_iter().enumerate() {
        let places = Matrix::from_fn(2, 101, |i, j| if i == 0 { j as f64 / 50.0 - 1.0 } else { t });
        fronts = fronts.line(&format!("t = {t}"), x().zip(solution(&net, &places))).color(k);
        fronts = fronts.dashed("", x().map(|x| (x, exact(x, t)))).color(6);
    }
    let curve = Chart::new("Loss").axes("step of Adam", "").log_y().line("", losses);
    let path = options.out.join("burgers.svg");
    Figure::new().with(map).with(fronts).with(curve).save(&path)?;
    println!();
    wrote(&path, "the solution and the loss");
    let enough = if options.quick { 0.2 } else { 0.01 };
    assert!(error(&net) < enough, "the solution should be within {enough}");
    Ok(())
}
