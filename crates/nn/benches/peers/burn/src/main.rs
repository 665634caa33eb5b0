//! Times burn's training steps on the workloads of workloads.md, on its CPU backend `flex`.
//!
//! ```text
//! RAYON_NUM_THREADS=1 cargo run --release -- [workload …] [--min-seconds S]
//! ```

#[path = "../../measure.rs"]
mod measure;

use burn::module::Module;
use burn::nn::loss::{CrossEntropyLossConfig, MseLoss, Reduction};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::{relu, tanh};
use burn::tensor::{Device, Distribution, Int, Tensor};
use measure::{Step, measure};

fn main() {
    measure("burn", build);
}

fn build(name: &str) -> Step {
    match name {
        "xor" => mlp(&[2, 8, 1], tanh, 4),
        "digits" => mlp(&[64, 128, 10], relu, 100),
        "mnist" => mlp(&[784, 256, 128, 10], relu, 128),
        "tanh" => mlp(&[784, 1024, 1024, 10], tanh, 256),
        "wide" => mlp(&[1024, 4096, 4096, 1000], relu, 512),
        "resid" => residual(50, 64, 10, 100),
        _ => recurrent(8, 32, 100, 32),
    }
}

/// The layers, first to last.
#[derive(Module, Debug)]
struct Net {
    layers: Vec<Linear>,
    head: Linear,
}

fn device() -> Device {
    Device::flex().autodiff()
}

fn linear(inputs: usize, outputs: usize) -> Linear {
    LinearConfig::new(inputs, outputs).init(&device())
}

fn mlp(sizes: &[usize], activation: fn(Tensor<2>) -> Tensor<2>, batch: usize) -> Step {
    let [.., m, n] = *sizes else { panic!("two sizes") };
    let layers = sizes[..sizes.len() - 1].windows(2).map(|s| linear(s[0], s[1])).collect();
    let x = normal(batch, sizes[0]);
    training(Net { layers, head: linear(m, n) }, batch, n, move |net| {
        let h = net.layers.iter().fold(x.clone(), |h, layer| activation(layer.forward(h)));
        net.head.forward(h)
    })
}

fn residual(depth: usize, width: usize, outputs: usize, batch: usize) -> Step {
    let layers = (0..depth).map(|_| linear(width, width)).collect();
    let x = normal(batch, width);
    training(Net { layers, head: linear(width, outputs) }, batch, outputs, move |net| {
        let h = net.layers.iter().fold(x.clone(), |h, layer| h.clone() + tanh(layer.forward(h)));
        net.head.forward(h)
    })
}

fn recurrent(inputs: usize, width: usize, times: usize, batch: usize) -> Step {
    let u = LinearConfig::new(inputs, width).with_bias(false).init(&device());
    let x: Vec<_> = (0..times).map(|_| normal(batch, inputs)).collect();
    let start = Tensor::zeros([batch, width], &device());
    training(Net { layers: vec![linear(width, width), u], head: linear(width, 1) }, batch, 1, move |net| {
        let (w, u) = (&net.layers[0], &net.layers[1]);
        let h = x.iter().fold(start.clone(), |h, x| tanh(w.forward(h) + u.forward(x.clone())));
        net.head.forward(h)
    })
}

fn training(net: Net, batch: usize, outputs: usize, forward: impl Fn(&Net) -> Tensor<2> + 'static) -> Step {
    let (classes, values) = (uniform(batch, outputs), normal(batch, 1));
    let (cross_entropy, squares) = (CrossEntropyLossConfig::new().init(&device()), MseLoss::new());
    let (mut net, mut adam) = (Some(net), AdamConfig::new().with_epsilon(1e-8).init());
    Box::new(move || {
        let model = net.take().expect("a model");
        let y = forward(&model);
        let loss = match outputs {
            1 => squares.forward(y, values.clone(), Reduction::Mean),
            _ => cross_entropy.forward(y, classes.clone()),
        };
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        net = Some(adam.step(1e-6, model, gradients));
        f64::from(loss.into_scalar::<f32>())
    })
}

fn normal(rows: usize, cols: usize) -> Tensor<2> {
    Tensor::random([rows, cols], Distribution::Normal(0.0, 1.0), &device())
}

/// Classes, of each sample one.
fn uniform(batch: usize, classes: usize) -> Tensor<1, Int> {
    Tensor::random([batch], Distribution::Uniform(0.0, classes as f64), &device())
}
