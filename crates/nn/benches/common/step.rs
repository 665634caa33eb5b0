//! The training step of these networks.

use std::hint::black_box;

use nn::loss::softmax_cross_entropy;
use nn::{Adam, Layer, Matrix, Mlp, Optimizer, Reduction, Tape};

/// Forward, softmax cross-entropy, backward, Adam: a step of a network with these sizes on this batch.
pub fn training_step(mut net: Mlp<f32>, batch: usize) -> impl FnMut() {
    let (inputs, classes) = (net.layers[0].inputs(), net.layers[net.layers.len() - 1].outputs());
    let x = Matrix::from_fn(inputs, batch, |i, n| ((i * 7 + n * 13) % 17) as f32 / 17.0 - 0.5);
    let t: Vec<_> = (0..batch).map(|n| n % classes).collect();
    let adam = Adam::new(1e-6);
    let mut state = adam.init(&net);
    move || {
        let tape = Tape::new();
        let loss = softmax_cross_entropy(net.forward(tape.constant(&x)), &t, Reduction::Mean);
        black_box(loss.item());
        let grads = loss.backward();
        adam.step(&mut net, &grads, &mut state);
    }
}
