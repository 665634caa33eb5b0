//! The cost of derivatives, as ratios of medians measured in turns in one process:
//!
//! - a gradient relative to its objective recorded and read, and to the same objective in loops over `f64`;
//! - H v, the Hessian times a direction, relative to a gradient;
//! - a network's outputs for one sample relative to handwritten code;
//! - recording a step and making a plan of it, relative to the gradient of that step on the tape.
//!
//! ```text
//! cargo bench -p tape-nn --bench derivatives -- [--seconds S] [--json]
//! ```

mod common {
    pub mod median;
    pub mod network;
    pub mod timing;
}
#[path = "../../../tests/adbench/gmm.rs"]
mod gmm;
#[path = "../../../tests/adbench/lstm.rs"]
mod lstm;
#[path = "../../../tests/adbench/matrices.rs"]
mod matrices;

use std::hint::black_box;

use autograd::{Var, affine, several, vectorised};
use common::median::in_turns;
use common::network::network;
use common::timing::{one_thread, options};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use gmm::Gmm;
use lstm::Lstm;
use nn::loss::softmax_cross_entropy;
use nn::{Activation, Layer, Matrix, Mlp, Module, Real, Reduction, Tape};

const SIZES: [usize; 4] = [784, 256, 128, 10];

fn main() {
    let [seconds] = options([("--seconds", 1.0)]);
    one_thread(|| {
        let gmm = Gmm::parse(include_str!("../../../tests/adbench/gmm_d10_K25.txt")).expect("a mixture");
        let lstm = Lstm::parse(include_str!("../../../tests/adbench/lstm_l2_c1024.txt")).expect("a network");
        let by_hand = || gmm.scalars(&gmm.params);
        objective(seconds, "gmm10: mixture, d10 K25", &gmm.matrices_of(), |x| gmm.matrices(x), Some(&by_hand));
        let by_hand = || lstm.scalars(&lstm.params);
        objective(seconds, "lstm2: LSTM, l2 c1024", &lstm.vectors_of(), |x| lstm.vectors(x), Some(&by_hand));

        let net = network(&SIZES, Activation::Relu, false);
        let weights: Vec<_> = net.named_params().into_iter().map(|(_, p)| p.value().clone()).collect();
        let (x, t) = (inputs(SIZES[0], 128), (0..128).map(|n| n % 10).collect::<Vec<_>>());
        objective(seconds, "mnist: 784-256-128-10, ReLU, batch 128", &weights, |w| loss(w, &x, &t), None);
        inference(seconds, &net);
        planning(seconds, "xor: 2-8-2, batch 4", &[2, 8, 2], 4);
        planning(seconds, "digits: 64-128-10, batch 100", &[64, 128, 10], 100);
        planning(seconds, "deep: 50 layers of width 64, batch 100", &[64; 51], 100);
    });
}

/// Gradient and H v of f at `xs`.
fn objective<T: Real>(
    seconds: f64,
    name: &str,
    xs: &[Matrix<T>],
    f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
    by_hand: Option<&dyn Fn() -> f64>,
) {
    let direction: Vec<_> = xs.iter().map(|x| x.map(|x| T::from_f64(0.5 - x.to_f64().abs()))).collect();
    let mut value = || {
        let tape = Tape::new();
        let xs: Vec<_> = xs.iter().map(|x| tape.variable(x)).collect();
        black_box(f(&xs).item());
    };
    let mut gradient = || drop(black_box(several::value_and_gradient(&f, xs)));
    let mut hvp = || drop(black_box(several::hvp(&f, xs, &direction)));
    let mut loops = || {
        black_box(by_hand.map(|run| run()));
    };
    let [value, gradient, hvp, loops] = in_turns(seconds, [&mut value, &mut gradient, &mut hvp, &mut loops]);
    let mut ratios = vec![("gradient / objective", gradient / value), ("H v / gradient", hvp / gradient)];
    ratios.extend(by_hand.map(|_| ("gradient / objective in loops", gradient / loops)));
    report(name, &ratios);
}

/// The loss of a network with these weights: W, b, W, b, ….
fn loss<'t>(w: &[Var<'t, f32>], x: &Matrix<f32>, t: &[usize]) -> Var<'t, f32> {
    let mut layers = w.chunks(2);
    let input = w[0].tape().constant(x.clone());
    let last = layers.next_back().expect("a layer");
    let h = layers.fold(input, |h, layer| affine(&[(layer[0], h)], Some(layer[1])).relu());
    softmax_cross_entropy(affine(&[(last[0], h)], Some(last[1])), t, Reduction::Mean)
}

/// The outputs for one sample, on the tape and handwritten.
fn inference(seconds: f64, net: &Mlp<f32>) {
    let x = inputs(SIZES[0], 1);
    let mut outputs = Matrix::zeros(10, 1);
    let mut on_tape = || {
        let tape = Tape::new();
        outputs = net.forward(tape.constant(&x)).value();
    };
    let mut buffers = SIZES[1..].iter().map(|&n| vec![0.0; n]).collect::<Vec<_>>();
    let mut by_hand = || {
        let mut x = x.as_slice();
        for (k, (layer, y)) in net.layers.iter().zip(&mut buffers).enumerate() {
            let (w, b) = (layer.weight.value(), layer.bias.as_ref().expect("a bias").value());
            y.copy_from_slice(b.as_slice());
            let w = MatRef::from_column_major_slice(w.as_slice(), w.rows(), w.cols());
            let out = MatMut::from_column_major_slice_mut(y, w.nrows(), 1);
            matmul(out, Accum::Add, w, MatRef::from_column_major_slice(x, w.ncols(), 1), 1.0, Par::Seq);
            if k + 2 < SIZES.len() {
                vectorised(
                    #[inline(always)]
                    || y.iter_mut().for_each(|y| *y = y.max(0.0)),
                );
            }
            x = y;
        }
        black_box(x);
    };
    let [ours, by_hand] = in_turns(seconds, [&mut on_tape, &mut by_hand]);
    for (ours, by_hand) in outputs.as_slice().iter().zip(&buffers[2]) {
        assert!((ours - by_hand).abs() < 1e-4, "{ours} and {by_hand} differ");
    }
    report("mnist: 784-256-128-10, one sample", &[("µs", 1e6 * ours), ("ours / by hand", ours / by_hand)]);
}

/// Making a plan of the loss of a network.
fn planning(seconds: f64, name: &str, sizes: &[usize], samples: usize) {
    let net = network(sizes, Activation::Relu, false);
    let (x, outputs) = (inputs(sizes[0], samples), *sizes.last().expect("outputs"));
    let classes: Vec<_> = (0..samples).map(|n| n % outputs).collect();
    let recorded = |make: &dyn for<'t> Fn(Var<'t, f32>, Var<'t, f32>)| {
        let tape = Tape::new();
        let x = tape.constant(&x);
        make(softmax_cross_entropy(net.forward(x), &classes, Reduction::Mean), x);
    };
    let mut gradient = || recorded(&|loss, _| drop(black_box(loss.backward())));
    let mut plan = || recorded(&|loss, x| drop(black_box(loss.plan_of(&[x], &classes).expect("it can be repeated"))));
    let [gradient, plan] = in_turns(seconds, [&mut gradient, &mut plan]);
    report(name, &[("a plan / gradient", plan / gradient)]);
}

/// Prints the results for a program, starting with its short name; in JSON if requested.
fn report(name: &str, measured: &[(&str, f64)]) {
    let (quote, colon, digits) = if json() { ("\"", ": ", 4) } else { ("", " ", 2) };
    let measured = measured.iter().map(|(what, x)| format!("{quote}{what}{quote}{colon}{x:.digits$}"));
    let measured = measured.collect::<Vec<_>>().join(", ");
    match name.split_once(": ") {
        Some((short, _)) if json() => println!("{{\"program\": \"{short}\", {measured}}}"),
        _ => println!("{name}: {measured}"),
    }
}

fn inputs(features: usize, samples: usize) -> Matrix<f32> {
    Matrix::from_fn(features, samples, |i, n| ((i * 7 + n * 13) % 17) as f32 / 17.0 - 0.5)
}

/// Whether `--json` was given.
fn json() -> bool {
    std::env::args().any(|arg| arg == "--json")
}
