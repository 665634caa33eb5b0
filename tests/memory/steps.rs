//! A training step of any network allocates nothing once its buffers have grown.

use nn::{
    Activation, Adam, Init, Layer, Linear, Matrix, Mlp, Module, Optimizer, Param, Reduction, Residual, Tape, Var,
    affine, loss,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::{alone, peak};

/// The bytes that a step allocates after the first two: the minimum over several steps, because the threads of rayon's pool allocate
/// when they start.
fn bytes_of_a_step<M: Module<f32>>(
    mut model: M,
    x: &Matrix<f32>,
    error: impl for<'t> Fn(&'t M, Var<'t, f32>) -> Var<'t, f32>,
) -> usize {
    let adam = Adam::new(1e-3);
    let mut state = adam.init(&model);
    let mut step = || {
        peak(|| {
            let tape = Tape::new();
            let grads = error(&model, tape.constant(x)).backward();
            adam.step(&mut model, &grads, &mut state);
        })
        .1
    };
    (0..10).map(|_| step()).skip(2).min().unwrap()
}

/// h ← tanh(W h + U xₜ + b), then a head.
#[derive(nn::Module)]
struct Recurrent {
    w: Param<f32>,
    u: Param<f32>,
    b: Param<f32>,
    head: Linear<f32>,
}

impl Recurrent {
    fn forward<'t>(&'t self, x: Var<'t, f32>, batch: usize) -> Var<'t, f32> {
        let [w, u, b] = [&self.w, &self.u, &self.b].map(|p| x.tape().param(p));
        let inputs = affine(&[(u, x)], Some(b));
        let at = |k: usize| inputs.columns(k * batch..(k + 1) * batch);
        let h = (1..x.cols() / batch).fold(at(0).tanh(), |h, k| affine(&[(w, h)], Some(at(k))).tanh());
        self.head.forward(h)
    }
}

#[test]
fn steps_allocate_nothing() {
    let _alone = alone();
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let x = Matrix::from_fn(8, 30, |i, j| ((i * 7 + j * 3) % 11) as f32 / 11.0 - 0.5);
    let classes: Vec<usize> = (0..30).map(|j| j % 3).collect();

    let net: Mlp<f32> = Mlp::new(&[8, 16, 16, 3], Activation::Relu, rng);
    let bytes =
        bytes_of_a_step(net, &x, |net, x| loss::softmax_cross_entropy(net.forward(x), &classes, Reduction::Mean));
    assert_eq!(bytes, 0, "dense");

    let block = |rng: &mut ChaCha8Rng| Residual(Linear::new(8, 8, Init::Xavier, rng));
    let deep: Vec<_> = (0..3).map(|_| block(rng)).collect();
    let bytes = bytes_of_a_step(deep, &x, |net, x| net.forward(x).square().mean());
    assert_eq!(bytes, 0, "with skip connections");

    let [w, u] = [8, 8].map(|n| Linear::<f32>::new(n, 8, Init::Xavier, rng).weight);
    let net = Recurrent { w, u, b: Param::new(Matrix::zeros(8, 1)), head: Linear::new(8, 1, Init::Xavier, rng) };
    let bytes = bytes_of_a_step(net, &x, |net, x| net.forward(x, 3).square().mean());
    assert_eq!(bytes, 0, "recurrent");

    // Beyond eight borrowed matrices, one list of them.
    let deep: Vec<_> = (0..50).map(|_| block(rng)).collect();
    let bytes = bytes_of_a_step(deep, &x, |net, x| net.forward(x).square().mean());
    assert!(bytes <= 101 * 24, "one list: {bytes} bytes");
}
