//! Initial weights: their distributions, what they preserve through many layers, and what does not train.

use nn::init::{gain, lsuv, symmetric};
use nn::{
    Activation, Adam, Axis, Fan, Float, Init, Law, Layer, Linear, Matrix, Mlp, Module, Momentum, Optimizer, Param,
    Real, Reduction, Residual, Sgd, Tape, loss,
};
use proptest::prelude::*;

use crate::rng;

// ---------------------------------------------------------------- distributions

/// Φ.
fn normal(z: f64) -> f64 {
    0.5 * Float::erfc(-z / 2f64.sqrt())
}

/// The mean and variance of N numbers are within 5 standard deviations of such estimates, with E[w⁴] = κ σ⁴. The numbers lie within the
/// bound, and differ from the distribution function by no more than √N allows in 999 of 1000 cases (Kolmogorov).
#[track_caller]
fn check(init: Init, variance: f64, kurtosis: f64, bound: f64, distribution: impl Fn(f64) -> f64) {
    let (outputs, inputs) = (300, 120);
    let w: Matrix<f64> = init.sample(outputs, inputs, &mut rng(1));
    assert_eq!(w.shape(), (outputs, inputs));
    let (mut w, n) = (w.into_vec(), (outputs * inputs) as f64);
    let mean = w.iter().sum::<f64>() / n;
    let square = w.iter().map(|w| w * w).sum::<f64>() / n;
    assert!(mean.abs() <= 5.0 * (variance / n).sqrt(), "{init:?}: mean {mean}");
    let allowed = 5.0 * ((kurtosis - 1.0) / n).sqrt();
    assert!((square / variance - 1.0).abs() <= allowed, "{init:?}: variance {square}, not {variance} ± {allowed:.4}");
    w.sort_by(f64::total_cmp);
    let (least, largest) = (w[0], w[w.len() - 1]);
    assert!(-bound <= least && largest <= bound, "{init:?}: from {least} to {largest}, beyond {bound}");
    let distance = |(k, &w): (usize, &f64)| ((k as f64 + 0.5) / n - distribution(w)).abs();
    let distance = w.iter().enumerate().map(distance).fold(0.0, f64::max);
    assert!(distance * n.sqrt() < 1.95, "{init:?}: the distribution is {distance} away");
}

#[test]
fn distributions() {
    let (i, o) = (120.0, 300.0);
    let uniform = |init, variance: f64| {
        let a = (3.0 * variance).sqrt();
        check(init, variance, 1.8, a, |w| (w / a + 1.0) / 2.0);
    };
    let gaussian = |init, variance: f64| check(init, variance, 3.0, f64::INFINITY, |w| normal(w / variance.sqrt()));
    uniform(Init::Uniform(0.3), 0.03);
    uniform(Init::Xavier, 2.0 / (i + o));
    uniform(Init::HeUniform, 2.0 / i);
    uniform(Init::LeCunUniform, 1.0 / i);
    uniform(Init::TorchLinear, 1.0 / (3.0 * i));
    uniform(Init::Scaled { scale: 0.7, fan: Fan::Out, law: Law::Uniform }, 0.7 / o);
    gaussian(Init::Normal(0.3), 0.09);
    gaussian(Init::XavierNormal, 2.0 / (i + o));
    gaussian(Init::He, 2.0 / i);
    gaussian(Init::LeCun, 1.0 / i);
    gaussian(Init::Scaled { scale: 0.7, fan: Fan::Mean, law: Law::Normal }, 1.4 / (i + o));

    // Of z within ±2: E[z²] = 1 − 4 φ(2) / P and E[z⁴] = 3 E[z²] − 16 φ(2) / P with P = Φ(2) − Φ(−2).
    let (p, density) = (normal(2.0) - normal(-2.0), (-2f64).exp() / (2.0 * std::f64::consts::PI).sqrt());
    let square = 1.0 - 4.0 * density / p;
    let kurtosis = (3.0 * square - 16.0 * density / p) / square.powi(2);
    let truncated = |init, deviation: f64| {
        let inside = |w: f64| (normal(w / deviation) - normal(-2.0)) / p;
        check(init, deviation.powi(2) * square, kurtosis, 2.0 * deviation, inside);
    };
    truncated(Init::TruncatedNormal(0.3), 0.3);
    let corrected = (2.0 / i / square).sqrt();
    truncated(Init::Scaled { scale: 2.0, fan: Fan::In, law: Law::TruncatedNormal }, corrected);
}

#[test]
fn constants_and_precisions() {
    assert_eq!(Init::Zeros.sample(2, 3, &mut rng(0)), Matrix::full(2, 3, 0.0));
    assert_eq!(Init::Constant(0.5).sample(2, 3, &mut rng(0)), Matrix::full(2, 3, 0.5f32));
    for init in [Init::Xavier, Init::He, Init::TruncatedNormal(1.0), Init::Orthogonal(2.0)] {
        let single: Matrix<f32> = init.sample(4, 3, &mut rng(5));
        assert_eq!(single, init.sample::<f64>(4, 3, &mut rng(5)).map(|w| w as f32), "{init:?}");
        let text = serde_json::to_string(&init).unwrap();
        assert_eq!(serde_json::from_str::<Init>(&text).unwrap(), init, "{text}");
    }
}

proptest! {
    #[test]
    fn orthogonal_matrices(rows in 0usize..12, cols in 0usize..12, gain in 0.1f64..3.0, seed: u64) {
        let w: Matrix<f64> = Init::Orthogonal(gain).sample(rows, cols, &mut rng(seed));
        prop_assert_eq!(w.shape(), (rows, cols));
        let tape = Tape::new();
        let w = tape.constant(&w);
        let square = if rows >= cols { w.matmul_tn(w) } else { w.matmul_nt(w) };
        let off = (square.scale(1.0 / gain.powi(2)) - tape.identity(rows.min(cols))).value();
        prop_assert!(off.as_slice().iter().all(|x| x.abs() < 1e-12), "{:?}", off);
    }
}

/// Every entry of a 3 × 3 orthogonal matrix has mean 0 and mean square 1/3, and every product of two entries in different
/// rows and columns has mean 0, if all rotations and reflections are equally likely.
#[test]
fn orthogonal_matrices_are_equally_likely() {
    let (n, rng) = (4000, &mut rng(2));
    let all: Vec<Matrix<f64>> = (0..n).map(|_| Init::Orthogonal(1.0).sample(3, 3, rng)).collect();
    let mean = |f: &dyn Fn(&Matrix<f64>) -> f64| all.iter().map(f).sum::<f64>() / f64::from(n);
    let five = |variance: f64| 5.0 * (variance / f64::from(n)).sqrt();
    for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
        assert!(mean(&|q| q[(i, j)]).abs() < five(1.0 / 3.0), "entry ({i}, {j})");
        // E[q⁴] = 3 / (n (n + 2)) = 1/5 in 3 dimensions
        assert!((mean(&|q| q[(i, j)].powi(2)) - 1.0 / 3.0).abs() < five(1.0 / 5.0 - 1.0 / 9.0), "entry ({i}, {j})");
    }
    assert!(mean(&|q| q[(0, 0)] * q[(1, 1)]).abs() < five(1.0 / 9.0));
}

// ---------------------------------------------------------------- through many layers

#[test]
fn gains() {
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-10, "{found}, not {expected}");
    close(gain(&Activation::Identity), 1.0);
    close(gain(&Activation::Relu), 2f64.sqrt());
    close(gain(&Activation::Selu), 1.0);
    close(gain(&Activation::LeakyRelu(0.5)), (2.0 / 1.25f64).sqrt());
    // by scipy.integrate.quad
    close(gain(&Activation::Tanh), 1.592_537_419_722_831_5);
    close(gain(&Activation::Sigmoid), 1.846_228_545_338_605_4);
}

const WIDTH: usize = 400;
const DEPTH: usize = 50;

/// E[h(a)²] over the units and samples of layer 50 for x of variance 1.
fn after_fifty_layers(init: Init, h: &impl Layer<f64>) -> f64 {
    let rng = &mut rng(3);
    let mut z: Matrix<f64> = Init::Normal(1.0).sample(WIDTH, 20, rng);
    for _ in 0..DEPTH {
        let layer = Linear::new(WIDTH, WIDTH, init, rng);
        let tape = Tape::new();
        z = h.forward(layer.forward(tape.constant(&z))).value();
    }
    z.as_slice().iter().map(|z| z * z).sum::<f64>() / z.as_slice().len() as f64
}

/// The expected value in wide layers, where a is normal: q ← E[h(√(scale q) z)²], by sums over z.
fn expected(scale: f64, h: &impl Layer<f64>) -> f64 {
    let z = Matrix::column(&(-2000..=2000).map(|k| f64::from(k) / 250.0).collect::<Vec<_>>());
    (0..DEPTH).fold(1.0, |q, _| {
        let tape = Tape::new();
        let density = tape.constant(&z).square().scale(-0.5).exp();
        let h = h.forward(tape.constant(&z).scale((scale * q).sqrt()));
        ((h.square() * density).sum() / density.sum()).item()
    })
}

#[track_caller]
fn check_depth(init: Init, scale: f64, h: &impl Layer<f64>, factor: f64) -> f64 {
    let (found, expected) = (after_fifty_layers(init, h), expected(scale, h));
    let off = (found / expected).ln().abs();
    assert!(off < f64::ln(factor), "{init:?}: {found}, not {expected} up to a factor of {factor}");
    found
}

#[test]
fn the_size_of_activations_is_kept() {
    // With relu the logarithm of E[h²] wanders by 5 / width in each layer (Hanin & Rolnick 2018): 5 deviations.
    let wandering = (5.0 * (5.0 * DEPTH as f64 / WIDTH as f64).sqrt()).exp();
    check_depth(Init::He, 2.0, &Activation::Relu, wandering);
    check_depth(Init::HeUniform, 2.0, &Activation::Relu, wandering);
    // Too small by a factor of 2 in each layer, it vanishes.
    assert!(check_depth(Init::LeCun, 1.0, &Activation::Relu, wandering) < 1e-12);
    // The others return to the expected value.
    let selu = check_depth(Init::LeCun, 1.0, &Activation::Selu, 1.3);
    assert!((selu - 1.0).abs() < 0.3);
    // With Xavier's rule tanh shrinks, but no faster than 1 / (2 layers); with its gain it does not.
    assert!(check_depth(Init::Xavier, 1.0, &Activation::Tanh, 1.3) > 0.7 / (2.0 * DEPTH as f64));
    let gain = gain(&Activation::Tanh);
    let kept = check_depth(Init::he(&Activation::Tanh), gain * gain, &Activation::Tanh, 1.3);
    assert!((kept * gain * gain - 1.0).abs() < 0.3, "{kept}");
}

// ---------------------------------------------------------------- by measuring

fn variance<T: Float>(a: &Matrix<T>) -> f64 {
    let n = a.as_slice().len() as f64;
    let mean = a.as_slice().iter().map(|a| a.to_f64()).sum::<f64>() / n;
    a.as_slice().iter().map(|a| (a.to_f64() - mean).powi(2)).sum::<f64>() / n
}

fn check_lsuv<T: Real>(activation: Activation, tolerance: f64) {
    let rng = &mut rng(4);
    let mut net = Mlp::<T>::new(&[10, 40, 40, 40, 40, 40, 40, 3], activation, rng);
    for (l, layer) in net.layers.iter_mut().enumerate() {
        layer.bias = (l % 2 == 0).then(|| Param::new(Init::Normal(0.2).sample(layer.outputs(), 1, rng)));
    }
    let x = Init::Uniform(7.0).sample(10, 100, rng);
    let found = lsuv(&mut net, &x, tolerance, rng).unwrap();
    let mut z = x;
    for (l, layer) in net.layers.iter().enumerate() {
        let tape = Tape::new();
        let a = layer.forward(tape.constant(&z));
        let variance = variance(&a.value());
        assert_eq!(found[l].0, format!("layers.{l}.weight"));
        assert!((variance - found[l].1).abs() < 1e-4, "layer {l}: {variance}, said to be {}", found[l].1);
        assert!((variance - 1.0).abs() <= tolerance, "layer {l}: {variance}");
        z = activation.forward(a).value();
    }
}

#[test]
fn lsuv_gives_every_layer_variance_1() {
    check_lsuv::<f64>(Activation::Tanh, 1e-6);
    check_lsuv::<f64>(Activation::Relu, 0.01);
    check_lsuv::<f32>(Activation::Sigmoid, 0.01);
}

#[test]
fn lsuv_of_other_models() {
    let rng = &mut rng(5);
    let x = Init::Normal(1.0).sample(8, 50, rng);
    let mut blocks: Vec<_> = (0..5).map(|_| Residual(Linear::<f64>::new(8, 8, Init::He, rng))).collect();
    blocks[2].freeze(&|_| true);
    let frozen = blocks[2].clone();
    let found = lsuv(&mut blocks, &x, 1e-9, rng).unwrap();
    assert_eq!(
        found.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
        ["0.0.weight", "1.0.weight", "3.0.weight", "4.0.weight"]
    );
    assert!(found.iter().all(|(_, variance)| (variance - 1.0).abs() < 1e-9), "{found:?}");
    assert_eq!(blocks[2], frozen);

    let mut net = Mlp::<f64>::new(&[8, 4, 1], Activation::Tanh, rng);
    let error = lsuv(&mut net, &Matrix::zeros(8, 5), 0.1, rng).unwrap_err();
    assert_eq!(
        error.to_string(),
        "lsuv: the outputs of `layers.0.weight` have variance 0 after 0 steps: they are the same for all units and \
         samples: the samples are all alike, or the layer before is dead"
    );
    let error = lsuv(&mut net, &Matrix::full(8, 5, f64::NAN), 0.1, rng).unwrap_err();
    assert!(error.to_string().contains("are not finite"), "{error}");
    net.layers[0].bias = Some(Param::new(Init::Normal(9.0).sample(4, 1, rng)));
    let error = lsuv(&mut net, &x, 0.1, rng).unwrap_err();
    assert_eq!((&*error.weight, error.steps), ("layers.0.weight", 10));
}

// ---------------------------------------------------------------- what does not train

const STEPS: usize = 1000;

/// Learns exclusive or; returns the last error, and how often the hidden units were found to be equal.
fn train(net: &mut Mlp<f64>, optimizer: &dyn Optimizer<f64>) -> (f64, usize) {
    let x = Matrix::from([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]);
    let t = Matrix::row(&[0.0, 1.0, 1.0, 0.0]);
    let mut state = optimizer.init(net);
    let (mut error, mut alike) = (0.0, 0);
    for _ in 0..STEPS {
        let tape = Tape::new();
        let loss = loss::mse(net.forward(tape.constant(&x)), tape.constant(&t), Reduction::Mean);
        error = loss.item();
        let grads = loss.backward();
        alike += usize::from(symmetric(net, &grads).contains(&"layers.0.weight".to_string()));
        optimizer.step(net, &grads, &mut state);
    }
    (error, alike)
}

#[test]
fn units_that_start_alike_stay_alike() {
    let optimizers: [Box<dyn Optimizer<f64>>; 3] =
        [Box::new(Sgd { lr: 0.1 }), Box::new(Momentum::new(0.03, 0.9)), Box::new(Adam::new(0.05))];
    for (k, optimizer) in optimizers.iter().enumerate() {
        for init in [Init::Zeros, Init::Constant(0.4)] {
            let mut net = Mlp::new(&[2, 8, 1], Activation::Tanh, &mut rng(6));
            net.layers = vec![Linear::new(2, 8, init, &mut rng(0)), Linear::new(8, 1, init, &mut rng(0))];
            let (error, alike) = train(&mut net, &**optimizer);
            assert_eq!(alike, STEPS, "optimizer {k}, {init:?}");
            let w = net.layers[0].weight.value();
            assert!((0..2).all(|j| w.col(j).iter().all(|x| (x - w[(0, j)]).abs() < 1e-9)), "{w:?}");
            // One unit is monotonic along some direction: for 0, 1, 1, 0 in that order its best outputs are 0, ⅔, ⅔, ⅔.
            assert!(error > 1.0 / 6.0 - 1e-9, "optimizer {k}, {init:?}: {error}");
        }
        let mut net = Mlp::new(&[2, 8, 1], Activation::Tanh, &mut rng(6));
        let (error, alike) = train(&mut net, &**optimizer);
        assert!(error < 0.02 && alike == 0, "optimizer {k}: {error}, {alike}");
    }
}

#[test]
fn zeros_that_train_are_not_blamed() {
    let model = Linear::<f64>::new(3, 4, Init::Zeros, &mut rng(7));
    let x = Init::Normal(1.0).sample(3, 8, &mut rng(8));
    let tape = Tape::new();
    let y = model.forward(tape.constant(&x));
    let loss = loss::softmax_cross_entropy(y, &[0, 1, 2, 3, 0, 1, 2, 0][..], Reduction::Mean);
    assert_eq!(symmetric(&model, &loss.backward()), [""; 0], "softmax regression");

    let tape = Tape::new();
    let uniform = model.forward(tape.constant(&x)).softmax(Axis::Rows).square().sum();
    assert_eq!(symmetric(&model, &uniform.backward()), ["weight"], "nothing tells the classes apart");
}
