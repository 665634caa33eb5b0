//! A Gaussian process on one page: the likelihood of the data as a function of three hyperparameters, gradient steps
//! to the most likely ones, and the predictions.
//!
//!     cargo run --release --example gaussian_process

use autograd::{LinalgError, Matrix, Tape, Trans, Triangle, Var, check};

type V<'t> = Var<'t, f64>;

/// σ² e^(−(x − x')² / 2 ℓ²) for all pairs, where θ = (ln σ², ln ℓ, ln of the variance of the noise).
fn kernel<'t>(theta: V<'t>, x: V<'t>, y: V<'t>) -> V<'t> {
    let (m, n) = (x.rows(), y.rows());
    let apart = x.repeat(m, n) - y.t().repeat(m, n);
    (apart.square() / (theta.at(1, 0) * 2.0).exp() * -0.5).exp() * theta.at(0, 0).exp()
}

/// The lower Cholesky factor of the covariance of the data.
fn factor<'t>(theta: V<'t>, x: V<'t>) -> Result<V<'t>, LinalgError> {
    let noise = theta.tape().identity(x.rows()) * theta.at(2, 0).exp();
    (kernel(theta, x, x) + noise).cholesky()
}

/// −ln p(y | x, θ) = ½ yᵀ K⁻¹ y + ½ ln det K + n/2 ln 2π.
fn loss<'t>(theta: V<'t>, x: &Matrix<f64>, y: &Matrix<f64>) -> Result<V<'t>, LinalgError> {
    let (x, y) = (theta.tape().constant(x.clone()), theta.tape().constant(y.clone()));
    let l = factor(theta, x)?;
    let z = l.solve_triangular(y, Triangle::Lower, Trans::No)?;
    let constant = 0.5 * x.rows() as f64 * (2.0 * std::f64::consts::PI).ln();
    Ok(z.square().sum() * 0.5 + l.diagonal().ln().sum() + constant)
}

fn main() -> Result<(), LinalgError> {
    // A wave with a little deterministic noise.
    let x = Matrix::from_fn(30, 1, |i, _| i as f64 / 5.0);
    let noise = |i: usize| ((i * i) as f64 * 0.618_034).fract() - 0.5;
    let y = Matrix::from_fn(30, 1, |i, _| (1.5 * x[(i, 0)]).sin() + 0.2 * noise(i));

    let mut theta = Matrix::column(&[0.0, 0.5, -1.0]);
    check(|v| loss(v[0], &x, &y).expect("a covariance is positive definite"), &[&theta]);
    println!("the gradient is right, to second order\n");
    println!("step   −ln p      σ²       ℓ    noise");
    for step in 0..=200 {
        let tape = Tape::new();
        let var = tape.variable(&theta);
        let loss = loss(var, &x, &y)?;
        if step % 50 == 0 {
            let [s, l, n] = [0, 1, 2].map(|k: usize| theta[(k, 0)].exp());
            println!("{step:>4}  {:>7.3}  {s:>6.3}  {l:>6.3}  {n:>7.4}", loss.item());
        }
        let gradient = loss.backward().wrt(var).to_owned();
        theta = Matrix::from_fn(3, 1, |i, _| theta[(i, 0)] - 0.02 * gradient[(i, 0)]);
    }

    println!("\n    x   truth   mean ± deviation");
    let tape = Tape::new();
    let (theta, x, y) = (tape.constant(&theta), tape.constant(&x), tape.constant(&y));
    let at = Matrix::column(&[0.5, 2.25, 4.1, 6.5, 8.0]);
    let l = factor(theta, x)?;
    let cross = l.solve_triangular(kernel(theta, x, tape.constant(&at)), Triangle::Lower, Trans::No)?;
    let mean = cross.matmul_tn(l.solve_triangular(y, Triangle::Lower, Trans::No)?).value();
    let variance = (theta.at(0, 0).exp() - cross.square().sum_over(autograd::Axis::Rows)).value();
    for (i, at) in at.as_slice().iter().enumerate() {
        println!("{at:>5.2}  {:>6.3}  {:>6.3} ± {:.3}", (1.5 * at).sin(), mean[(i, 0)], variance[(0, i)].sqrt());
    }
    Ok(())
}
