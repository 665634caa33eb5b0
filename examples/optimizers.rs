//! SGD, momentum, RMSProp and Adam where the lecture says that they differ: on a plateau with a small gradient, and in a narrow
//! valley. Then a learning rate for a network, found before training.
//!
//! ```text
//! cargo run --release --example optimizers
//! cargo run --release --example optimizers -- --short --out out/optimizers
//! ```

use std::error::Error;
use std::path::PathBuf;

use nn::data::{Csv, Dataset, Standardize, minibatches};
use nn::plot::{Chart, Figure};
use nn::schedule::{Cosine, LrFinder, Schedule};
use nn::{Activation, Adam, Layer, Lbfgs, Matrix, MinimizeModel, Mlp, Momentum, Optimizer, Param, Reduction, RmsProp};
use nn::{Gradients, Sgd, Tape, Var, loss};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use tape_examples::wrote;

/// An error of two weights, with the minimum 0 at the origin.
struct Surface {
    name: &'static str,
    error: for<'t> fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>,
    start: [f64; 2],
    /// The range of the picture, from −w to w.
    view: [f64; 2],
}

const SURFACES: [Surface; 2] = [
    // A hole in a plain: 1 − e^(−‖w‖²/2). At the start the gradient is 5·10⁻⁴.
    Surface {
        name: "plateau",
        error: |a, b| 1.0 - ((a.square() + b.square()) * -0.5).exp(),
        start: [-3.6, 2.3],
        view: [4.5, 4.5],
    },
    // A hundred times as steep across the valley as along it.
    Surface {
        name: "narrow valley",
        error: |a, b| (a.square() * 0.05 + b.square() * 5.0) * 0.5,
        start: [-9.0, 1.5],
        view: [10.0, 2.5],
    },
];

/// A name, and the optimizer with this α.
type Rule = (&'static str, fn(f64) -> Box<dyn Optimizer<f64>>);

const RULES: [Rule; 6] = [
    ("SGD", |lr| Box::new(Sgd { lr })),
    ("momentum", |lr| Box::new(Momentum::new(lr, 0.9))),
    ("RMSProp, lecture", |lr| Box::new(RmsProp::lecture(lr))),
    ("RMSProp, PyTorch", |lr| Box::new(RmsProp::torch(lr))),
    ("Adam, lecture", |lr| Box::new(Adam::lecture(lr))),
    ("Adam, paper", |lr| Box::new(Adam::new(lr))),
];

const RATES: [f64; 6] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3];

/// The path of an optimizer, and the error along it.
struct Walk {
    lr: f64,
    places: Vec<(f64, f64)>,
    errors: Vec<f64>,
}

impl Surface {
    fn at(&self, w: &Param<f64>) -> (f64, Gradients<f64>) {
        let tape = Tape::new();
        let w = tape.param(w);
        let error = (self.error)(w.at(0, 0), w.at(1, 0));
        (error.item(), error.backward())
    }

    fn walk(&self, optimizer: &dyn Optimizer<f64>, steps: usize) -> Walk {
        let mut w = Param::new(Matrix::column(&self.start));
        let mut state = optimizer.init(&w);
        let mut walk = Walk { lr: optimizer.lr(), places: Vec::new(), errors: Vec::new() };
        for _ in 0..=steps {
            let (error, grads) = self.at(&w);
            walk.places.push((w.value()[(0, 0)], w.value()[(1, 0)]));
            walk.errors.push(error);
            optimizer.step(&mut w, &grads, &mut state);
        }
        walk
    }

    /// The path with the learning rate that first reaches one per cent of the initial error, or otherwise ends lowest.
    fn best_walk(&self, rule: Rule, steps: usize) -> Walk {
        let walks = RATES.iter().map(|&lr| self.walk(&*rule.1(lr), steps));
        let worth = |walk: &Walk| (walk.arrival().unwrap_or(steps + 1), walk.end());
        walks.min_by(|a, b| worth(a).partial_cmp(&worth(b)).expect("errors are numbers")).expect("there are rates")
    }

    fn picture(&self, walks: &[Walk]) -> [Chart; 2] {
        let [x, y] = self.view;
        let n = 81;
        let side = |k: usize, to: f64| to * (2.0 * k as f64 / (n - 1) as f64 - 1.0);
        // All points at once, as the columns of two rows.
        let tape = Tape::new();
        let row = |f: &dyn Fn(usize) -> f64| tape.constant(Matrix::from_fn(1, n * n, |_, k| f(k)));
        let errors = (self.error)(row(&|k| side(k % n, x)), row(&|k| side(k / n, y))).value();
        let surface = Matrix::from_vec(n, n, errors.into_vec());
        let mut map = Chart::new(&format!("Paths on the {}", self.name)).axes("w₀", "w₁");
        map = map.surface("E", -x..x, -y..y, &surface);
        let mut curves = Chart::new(&format!("Error on the {}", self.name)).axes("step", "E").log_y();
        for ((name, _), walk) in RULES.iter().zip(walks) {
            map = map.line(name, walk.places.iter().copied());
            curves = curves.line(name, walk.errors.iter().enumerate().map(|(k, &e)| (k as f64, e.max(1e-12))));
        }
        [map, curves]
    }
}

impl Walk {
    /// The step after which the error stays below 1 % of its initial value.
    fn arrival(&self) -> Option<usize> {
        let last = self.errors.iter().rposition(|&e| e.is_nan() || e > 0.01 * self.errors[0]);
        last.map(|k| k + 1).filter(|&k| k < self.errors.len())
    }

    fn end(&self) -> f64 {
        self.errors.last().copied().filter(|e| e.is_finite()).unwrap_or(f64::MAX)
    }
}

fn compare(surface: &Surface, steps: usize) -> [Chart; 2] {
    println!("{}: E from w = {:?}, the best α of {RATES:?}", surface.name, surface.start);
    println!("  {:18} {:>6} {:>14} {:>16}", "", "α", "E below 1 % at", format!("E, step {steps}"));
    let walks = RULES.map(|rule| surface.best_walk(rule, steps));
    for ((name, _), walk) in RULES.iter().zip(&walks) {
        let arrival = walk.arrival().map_or("never".into(), |k| format!("step {k}"));
        println!("  {name:18} {:>6} {arrival:>14} {:>16.1e}", walk.lr, walk.end());
    }
    let mut w = Param::new(Matrix::column(&surface.start));
    let report = Lbfgs::default().minimize_model(&mut w, |w| surface.at(w));
    println!(
        "  {:18} {:>6} {:>14} {:>16.1e}\n",
        "L-BFGS",
        "",
        format!("{} gradients", report.evaluations),
        report.value
    );
    surface.picture(&walks)
}

/// 1797 digits of 8 × 8 pixels.
const DIGITS: &[u8] = include_bytes!("data/digits.csv");

/// The learning rates that the range test suggests for a network, and the results of training with other rates.
fn find_rate(steps: u64) -> Result<Chart, Box<dyn Error>> {
    let mut data: Dataset<f32> = Csv::new().from_reader(DIGITS, "digits.csv")?;
    data.x = Standardize::fit(&data.x).apply(&data.x);
    let net = Mlp::new(&[64, 32, 10], Activation::Relu, &mut ChaCha8Rng::seed_from_u64(1));

    // Loss and gradients of one batch after another, in a separate order.
    let batches = || {
        let (data, mut rng) = (&data, ChaCha8Rng::seed_from_u64(2));
        let mut batches = std::iter::repeat_with(move || minibatches(data.len(), 64, &mut rng)).flatten();
        move |net: &Mlp<f32>| {
            let (x, t) = data.batch(&batches.next().expect("epochs do not end"));
            let tape = Tape::new();
            let loss = loss::softmax_cross_entropy(net.forward(tape.constant(&x)), &t, Reduction::Mean);
            (loss.item(), loss.backward())
        }
    };
    let curve = LrFinder { from: 1e-5, ..LrFinder::default() }.run(&net, &mut Adam::new(0.0), batches());
    let found = curve.suggestion().ok_or("the loss never fell")?;
    println!("digits, Adam: steepest at α = {:.1e}, minimum / 10 at {:.1e}", found.steepest, found.tenth_of_minimum);

    for (what, lr) in [
        ("a hundredth", found.steepest / 100.0),
        ("the steepest", found.steepest),
        ("a hundred times", found.steepest * 100.0),
    ] {
        let (mut net, mut adam, mut next) = (net.clone(), Adam::new(lr), batches());
        let (mut state, schedule) = (adam.init(&net), Cosine::new(lr, 0.0, steps));
        let mut last = 0.0;
        for step in 0..steps {
            adam.lr = schedule.lr(step);
            let (loss, grads) = next(&net);
            adam.step(&mut net, &grads, &mut state);
            last = if step == 0 { loss } else { 0.9 * last + 0.1 * loss };
        }
        println!("  {what:16} α = {lr:.1e}, decreased along a cosine: loss {last:.3} after {steps} steps");
    }
    Ok(curve.chart())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let short = arguments.iter().any(|argument| argument == "--short");
    let out = arguments.iter().skip_while(|argument| *argument != "--out").nth(1);
    let out = PathBuf::from(out.map_or("out/optimizers", String::as_str));

    let steps = if short { 200 } else { 400 };
    let mut figure = Figure::new().columns(2);
    for surface in &SURFACES {
        figure = compare(surface, steps).into_iter().fold(figure, Figure::with);
    }
    figure.save(out.join("surfaces.svg"))?;
    find_rate(if short { 50 } else { 500 })?.save(out.join("learning_rate.svg"))?;
    println!();
    wrote(&out.join("surfaces.svg"), "the walks on two surfaces, and their errors");
    wrote(&out.join("learning_rate.svg"), "the loss against the learning rate");
    Ok(())
}
