//! "Properties of error function": it is not convex; the symmetry of the weights makes many global minima; there are local
//! minima, and plateaus; and "network initiated at zero will not train".
//!
//! ```text
//! cargo run --release --example error_surface
//! ```
//!
//! A network 2-3-1 with tanh learns the function of another network of the same kind, the teacher. So the global minima are known:
//! the weights of the teacher, with its hidden units in any order and with any signs, 3! 2³ = 48 in all. The error is plotted
//! in the plane through three of them, and around one of them in two random directions that are scaled in each
//! row of W to the length of the weights (Li, Xu, Taylor, Studer, Goldstein, "Visualizing the loss landscape of neural nets", 2018).

use std::collections::BTreeSet;
use std::error::Error;
use std::ops::Range;

use nn::plot::{Chart, Figure};
use nn::{
    Activation, Adam, Init, Layer, Linear, Matrix, Mlp, Module, Optimizer, Param, Path, Reduction, Tape, Var, diagnose,
    loss,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tape_examples::{options, wrote};

type Net = Mlp<f64>;

fn teacher() -> Net {
    let layer = |w: Matrix<f64>, b: &[f64]| Linear { weight: Param::new(w), bias: Some(Param::new(Matrix::column(b))) };
    let hidden = layer(Matrix::from([[2.0, 0.5], [-1.0, 1.5], [0.5, -2.5]]), &[0.5, -0.5, 1.0]);
    Mlp::from_layers(vec![hidden, layer(Matrix::row(&[1.0, -1.5, 0.8]), &[0.2])], Activation::Tanh)
}

/// The training data: inputs, and the outputs of the teacher.
struct Task {
    x: Matrix<f64>,
    t: Matrix<f64>,
}

impl Task {
    fn error<'t>(&'t self, tape: &'t Tape<'t, f64>, net: &'t Net) -> Var<'t, f64> {
        loss::mse(net.forward(tape.constant(&self.x)), tape.constant(&self.t), Reduction::Mean)
    }

    fn at(&self, net: &Net) -> f64 {
        self.error(&Tape::new(), net).item()
    }

    /// The error at every step.
    fn train(&self, net: &mut Net, steps: usize) -> Vec<f64> {
        let adam = Adam::new(0.03);
        let mut state = adam.init(net);
        let step = |_| {
            let tape = Tape::new();
            let loss = self.error(&tape, net);
            let (error, grads) = (loss.item(), loss.backward());
            adam.step(net, &grads, &mut state);
            error
        };
        (0..steps).map(step).collect()
    }

    /// log₁₀ of the error at w + a d + b e for a and b in a range, clipped below at 10⁻³.
    fn slice(&self, net: &Net, [d, e]: [&[f64]; 2], range: &Range<f64>, n: usize) -> Matrix<f64> {
        let w = weights(net);
        let at = |k: usize| range.start + (range.end - range.start) * k as f64 / (n - 1) as f64;
        Matrix::from_fn(n, n, |i, j| {
            self.at(&with(net, (0..w.len()).map(|k| w[k] + at(i) * d[k] + at(j) * e[k]))).max(1e-3).log10()
        })
    }
}

/// All weights as one vector.
fn weights(net: &Net) -> Vec<f64> {
    net.named_params().iter().flat_map(|(_, param)| param.value().as_slice()).copied().collect()
}

/// The network with other weights.
fn with(net: &Net, w: impl IntoIterator<Item = f64>) -> Net {
    let (mut net, mut w) = (net.clone(), w.into_iter());
    net.params_mut(&Path::Root, &mut |_, param| {
        param.value_mut().as_mut_slice().iter_mut().zip(&mut w).for_each(|(old, new)| *old = new);
    });
    net
}

/// The network with its hidden units in every order and with all signs; the first is unchanged.
fn equivalents(net: &Net) -> Vec<Net> {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let all = orders.iter().flat_map(|order| (0..8).map(move |signs| (order, signs)));
    let other = |(order, signs): (&[usize; 3], u8)| {
        let mut other = net.clone();
        other.permute_hidden(0, order);
        (0..3).filter(|unit| signs >> unit & 1 == 1).for_each(|unit| other.flip_sign(0, unit));
        other
    };
    all.map(other).collect()
}

fn apart(a: &Net, b: &Net) -> f64 {
    weights(a).iter().zip(weights(b)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// A random direction, with rows as long as those of the weights.
fn direction(net: &Net, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut all = Vec::new();
    for (_, param) in net.named_params() {
        let w = param.value();
        let mut d: Matrix<f64> = w.map(|_| StandardNormal.sample(rng));
        for i in 0..w.rows() {
            let norm = |x: &Matrix<f64>| (0..x.cols()).map(|j| x[(i, j)].powi(2)).sum::<f64>().sqrt();
            let scale = norm(w) / norm(&d);
            (0..w.cols()).for_each(|j| d[(i, j)] *= scale);
        }
        all.extend_from_slice(d.as_slice());
    }
    all
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options::options("error_surface");
    let (steps, starts, n) = if options.quick { (1500, 4, 21) } else { (6000, 20, 61) };
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let teacher = teacher();
    let x: Matrix<f64> = Init::Uniform(2.0).sample(2, 100, rng);
    let tape = Tape::new();
    let task = Task { t: teacher.forward(tape.constant(&x)).value(), x: x.clone() };

    // If all weights are zero, or equal to any other number, the network does not train.
    let start = Net::new(&[2, 3, 1], Activation::Tanh, rng);
    let same = |w: f64| with(&start, weights(&start).iter().map(|_| w));
    let zeros = same(0.0);
    println!("a network 2-3-1 at zero:\n\n{}\n", diagnose(&zeros, task.error(&Tape::new(), &zeros)));
    let names = ["random weights", "all weights 0", "all weights 0.5"];
    let curves = [start.clone(), zeros, same(0.5)].map(|mut net| task.train(&mut net, steps));
    for (name, curve) in names.iter().zip(&curves) {
        println!("{name:<16} error {:.4} → {:.1e}", curve[0], curve[steps - 1]);
    }
    assert!(curves[0][steps - 1] < 0.01 * curves[1][steps - 1], "zeros should not train, and random weights should");

    // 48 global minima.
    let minima = equivalents(&teacher);
    let largest = minima.iter().map(|net| task.at(net)).fold(0.0, f64::max);
    let nearest = minima[1..].iter().map(|net| apart(net, &teacher)).fold(f64::INFINITY, f64::min);
    println!(
        "\n3! 2³ = {} weight vectors with error 0 (at most {largest:.0e}), at least {nearest:.1} apart",
        minima.len()
    );
    let (d, e) = (&minima[1], &minima[24]);
    let halfway = with(&teacher, weights(&teacher).iter().zip(weights(d)).map(|(a, b)| 0.5 * (a + b)));
    println!("halfway between two of them the error is {:.3}: it is not convex", task.at(&halfway));

    // The points where training ends.
    let (mut reached, mut stuck) = (BTreeSet::new(), Vec::new());
    for _ in 0..starts {
        let mut net = Net::new(&[2, 3, 1], Activation::Tanh, rng);
        let error = task.train(&mut net, steps)[steps - 1];
        let near = (0..minima.len()).min_by(|&a, &b| apart(&minima[a], &net).total_cmp(&apart(&minima[b], &net)));
        match near {
            Some(k) if error < 2e-3 => drop(reached.insert(k)),
            _ => stuck.push(format!("{error:.1e}")),
        }
    }
    println!(
        "\nof {starts} random starts {} end at one of them, {} different ones;",
        starts - stuck.len(),
        reached.len()
    );
    println!(
        "{} in a local minimum or on a plateau{}",
        stuck.len(),
        stuck.iter().map(|e| format!(", {e}")).collect::<String>()
    );

    let to = |other: &Net| weights(other).iter().zip(weights(&teacher)).map(|(a, b)| a - b).collect::<Vec<f64>>();
    let range = -0.5..1.5;
    let plane = Chart::new("The plane through three minima")
        .axes("to another sign", "to another order")
        .surface("log₁₀ error", range.clone(), range.clone(), &task.slice(&teacher, [&to(d), &to(e)], &range, n))
        .dots("the same function", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
        .color(1);
    let (d, e) = (direction(&teacher, rng), direction(&teacher, rng));
    let range = -2.0..2.0;
    let near = Chart::new("Around a minimum")
        .axes("a", "b")
        .surface("log₁₀ error", range.clone(), range.clone(), &task.slice(&teacher, [&d, &e], &range, n))
        .dots("the teacher", [(0.0, 0.0)])
        .color(1);
    let every = |curve: &[f64]| (1..).map(f64::from).zip(curve.to_vec()).step_by(20).collect::<Vec<_>>();
    let training = Chart::new("Training").axes("step", "error").log_y();
    let training = names.iter().zip(&curves).fold(training, |chart, (name, curve)| chart.line(name, every(curve)));
    let path = options.out.join("surface.svg");
    Figure::new().with(plane).with(near).with(training).save(&path)?;
    println!();
    wrote(&path, "the error in two planes, and during training");
    Ok(())
}
