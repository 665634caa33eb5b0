//! A Kalman filter whose noise is learned: the likelihood of the observations is differentiated through all predictions and updates.
//!
//!     cargo run --release --example kalman_filter
//!
//! A target moves in one dimension. Its state is its position and velocity, which random accelerations change. Two sensors measure both.
//! θ has the logarithms of three deviations: that of the acceleration and those of the two sensors. They are found by maximum likelihood.

use std::error::Error;

use autograd::{Compiled, LinalgError, LinearAlgebra, Matrix, Var, check, hessian, hstack, minimize};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// The time between observations.
const DT: f64 = 0.5;
const NAMES: [&str; 3] = ["acceleration", "position sensor", "velocity sensor"];
const TRUE: [f64; 3] = [0.3, 0.8, 0.5];

/// F: the state after one step is F x.
fn transition() -> Matrix<f64> {
    Matrix::from([[1.0, DT], [0.0, 1.0]])
}

/// Q: the covariance of what accelerations of unit intensity add in one step.
fn unit_noise() -> Matrix<f64> {
    Matrix::from([[DT.powi(3) / 3.0, DT.powi(2) / 2.0], [DT.powi(2) / 2.0, DT]])
}

/// P: the covariance of the state before the first step.
fn start() -> Matrix<f64> {
    Matrix::from([[4.0, 0.0], [0.0, 1.0]])
}

/// −ln p(y₁, …, yₙ | θ) = ½ Σ (eᵀ S⁻¹ e + ln det 2π S) with the error e = y − m of each prediction and its covariance S = P + R.
fn loss<'t>(theta: Var<'t, f64>, observed: &[Matrix<f64>]) -> Result<Var<'t, f64>, LinalgError> {
    let tape = theta.tape();
    let variances = (theta * 2.0).exp();
    let (f, one) = (tape.constant(transition()), tape.identity(2));
    let (q, r) = (variances.at(0, 0) * tape.constant(unit_noise()), variances.rows_in(1..3).diag());
    let (mut m, mut p) = (tape.constant(Matrix::zeros(2, 1)), tape.constant(start()));
    let mut terms = Vec::new();
    for y in observed {
        (m, p) = (f.matmul(m), f.matmul(p).matmul_nt(f) + q);
        let (e, s) = (tape.constant(y.clone()) - m, p + r);
        terms.push(e.dot(s.solve(e)?) + s.log_abs_determinant()?.0 + 2.0 * std::f64::consts::TAU.ln());
        let gain = s.solve(p)?.t();
        m += gain.matmul(e);
        // Joseph's form of (1 − K) P, which stays symmetric.
        let rest = one - gain;
        p = rest.matmul(p).matmul_nt(rest) + gain.matmul(r).matmul_nt(gain);
    }
    Ok(hstack(&terms).sum() * 0.5)
}

/// Positions and velocities as the two sensors measure them.
fn simulate(steps: usize, rng: &mut ChaCha8Rng) -> Result<Vec<Matrix<f64>>, LinalgError> {
    let mut normal = |[a, b]: [f64; 2]| {
        let [x, y]: [f64; 2] = [0, 1].map(|_| StandardNormal.sample(rng));
        Matrix::column(&[a * x, b * y])
    };
    let push = unit_noise().cholesky()? * TRUE[0];
    let mut x = normal([start()[(0, 0)].sqrt(), start()[(1, 1)].sqrt()]);
    let observe = |_| {
        x = transition().matmul(&x) + push.matmul(&normal([1.0, 1.0]));
        &x + &normal([TRUE[1], TRUE[2]])
    };
    Ok((0..steps).map(observe).collect())
}

fn of<'t>(theta: Var<'t, f64>, observed: &[Matrix<f64>]) -> Var<'t, f64> {
    loss(theta, observed).expect("covariances are regular")
}

fn main() -> Result<(), Box<dyn Error>> {
    let observed = simulate(100, &mut ChaCha8Rng::seed_from_u64(3))?;
    let guess = [0.0; 3];
    check(|v| of(v[0], &observed), &[Matrix::column(&guess)]);
    println!("the gradient is right, to second order");

    // Recorded once, the filter is replayed for every θ.
    let fit = minimize(&mut Compiled::new(|v| of(v[0], &observed)), &guess);
    println!("{fit}\n");

    let covariance = hessian(|theta| of(theta, &observed), &Matrix::column(&fit.x)).inverse()?;
    println!("deviation of       true   estimate    interval of 95 %");
    for (i, name) in NAMES.iter().enumerate() {
        let (x, error) = (fit.x[i], covariance[(i, i)].sqrt());
        let [least, estimate, most] = [-1.96, 0.0, 1.96].map(|errors| (x + errors * error).exp());
        println!("{name:<16}  {:.3}      {estimate:.3}    {least:.3} to {most:.3}", TRUE[i]);
    }
    Ok(())
}
