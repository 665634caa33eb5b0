//! "A 2-layer net can approximate any continuous function on a compact set with arbitrary accuracy (but the number of
//! hidden units can be large)."
//!
//! ```text
//! cargo run --release --example universal_approximation
//! ```
//!
//! The function has a kink and waves: f(x) = |x| + sin(8 x) / 4 on [−1, 1]. Networks y = W⁽²⁾ h(W⁽¹⁾ x + b) + c with more
//! and more hidden units are fitted to it by L-BFGS, each from a few random starts. The error is measured between the fitted
//! points.

use std::error::Error;

use nn::plot::{Chart, Figure};
use nn::{Activation, Init, Layer, Lbfgs, Matrix, MinimizeModel, Mlp, Reduction, Tape, loss};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use tape_examples::{options, wrote};

fn f(x: f64) -> f64 {
    x.abs() + (8.0 * x).sin() / 4.0
}

/// Points from −1 to 1.
fn points(n: usize) -> Matrix<f64> {
    Matrix::from_fn(1, n, |_, k| 2.0 * k as f64 / (n - 1) as f64 - 1.0)
}

fn values(net: &Mlp<f64>, x: &Matrix<f64>) -> Matrix<f64> {
    let tape = Tape::new();
    net.forward(tape.constant(x)).value()
}

/// The largest |y − f|, and the root of the mean square.
fn errors(net: &Mlp<f64>, x: &Matrix<f64>) -> (f64, f64) {
    let y = values(net, x);
    let each = y.as_slice().iter().zip(x.as_slice()).map(|(y, &x)| (y - f(x)).abs());
    let (largest, squares) = each.fold((0.0, 0.0), |(most, sum), e| (e.max(most), sum + e * e));
    (largest, (squares / x.cols() as f64).sqrt())
}

/// A network whose units bend at random points: W⁽¹⁾ and b are as large as the details of the function require.
fn start(units: usize, activation: Activation, rng: &mut ChaCha8Rng) -> Mlp<f64> {
    let mut net = Mlp::builder(&[1, units, 1]).activation(activation).build(rng);
    *net.layers[0].weight.value_mut() = Init::Uniform(8.0).sample(units, 1, rng);
    *net.layers[0].bias.as_mut().expect("a bias").value_mut() = Init::Uniform(8.0).sample(units, 1, rng);
    *net.layers[1].weight.value_mut() = Init::Uniform(1.0 / units as f64).sample(1, units, rng);
    net
}

/// The best of some fits.
fn fit(units: usize, activation: Activation, starts: u64, iterations: u64) -> Mlp<f64> {
    let x = points(201);
    let t = x.map(f);
    let fits = (0..starts).map(|seed| {
        let mut net = start(units, activation, &mut ChaCha8Rng::seed_from_u64(seed));
        let lbfgs = Lbfgs { max_iterations: iterations, memory: 30, ..Lbfgs::default() };
        let report = lbfgs.minimize_model(&mut net, |net| {
            let tape = Tape::new();
            let loss = loss::mse(net.forward(tape.constant(&x)), tape.constant(&t), Reduction::Mean);
            (loss.item(), loss.backward())
        });
        (report.value, net)
    });
    fits.min_by(|a, b| a.0.total_cmp(&b.0)).expect("at least one start").1
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options::options("universal_approximation");
    let (widths, starts, iterations): (&[usize], _, _) =
        if options.quick { (&[1, 4, 16], 1, 150) } else { (&[1, 2, 4, 8, 16, 32, 64], 5, 1000) };
    let between = points(2000);

    println!("f(x) = |x| + sin(8 x) / 4 on [-1, 1], fitted by y = W2 h(W1 x + b) + c\n");
    println!("              tanh                     relu");
    println!("units   largest error     rms    largest error     rms");
    let mut curves = [Vec::new(), Vec::new()];
    let mut fits = Vec::new();
    for &units in widths {
        let mut line = format!("{units:>5}");
        for (activation, curve) in [Activation::Tanh, Activation::Relu].into_iter().zip(&mut curves) {
            let net = fit(units, activation, starts, iterations);
            let (largest, rms) = errors(&net, &between);
            line += &format!("   {largest:>13.5}  {rms:>7.1e}");
            curve.push((units as f64, rms));
            if activation == Activation::Tanh {
                fits.push((units, net));
            }
        }
        println!("{line}");
    }

    let x = points(201);
    let along = |y: &Matrix<f64>| x.as_slice().iter().copied().zip(y.as_slice().iter().copied()).collect::<Vec<_>>();
    let mut shapes =
        Chart::new("A function and its approximations").axes("x", "y").dashed("f", along(&x.map(f))).color(6);
    for (k, (units, net)) in fits.iter().filter(|(units, _)| [1, 4, 16].contains(units)).enumerate() {
        let words = if *units == 1 { "1 tanh unit".to_owned() } else { format!("{units} units") };
        shapes = shapes.line(&words, along(&values(net, &x))).color(k);
    }
    let [tanh, relu] = curves;
    let error = Chart::new("Error against width")
        .axes("hidden units", "root mean square error")
        .log_x()
        .log_y()
        .line("", tanh.clone())
        .dots("tanh", tanh.clone())
        .color(0)
        .line("", relu.clone())
        .color(1)
        .dots("relu", relu)
        .color(1);
    let path = options.out.join("approximation.svg");
    Figure::new().with(shapes).with(error).save(&path)?;

    let (first, last) = (tanh[0].1, tanh[tanh.len() - 1].1);
    println!(
        "\nfrom {} to {} units the error of tanh fell {:.0} times",
        widths[0],
        widths[widths.len() - 1],
        first / last
    );
    wrote(&path, "the function, some fits, the error");
    assert!(last < first / 10.0, "more units must fit better");
    Ok(())
}
