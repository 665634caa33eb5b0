//! The overhead of a trainer: epochs of a plain loop and of a [`Trainer`] in turns, and the ratio of their medians;
//! then the same for a batch in shards and in one piece.
//!
//! ```text
//! cargo bench -p tape-nn --bench trainer -- [--seconds S]
//! ```

mod common {
    pub mod median;
    pub mod timing;
}

use std::hint::black_box;

use common::median::in_turns;
use common::timing::{one_thread, options};
use nn::data::{Dataset, Sampler};
use nn::loss::{CrossEntropy, Loss, softmax_cross_entropy};
use nn::parallel::Parallel;
use nn::train::Trainer;
use nn::{Activation, Adam, Layer, Matrix, Mlp, Optimizer, Reduction, Tape};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

type Net = Mlp<f32>;
type Batch = (Matrix<f32>, Vec<usize>);

fn main() {
    let [seconds] = options([("--seconds", 1.0)]);
    for (name, sizes, batch) in [
        ("xor 2-8-2", &[2, 8, 2][..], 4),
        ("digits 64-128-10", &[64, 128, 10], 32),
        ("784-256-10", &[784, 256, 10], 128),
    ] {
        let data = data(sizes, 20 * batch);
        let [bare, ours] = in_turns(seconds, [&mut || bare(sizes, &data, batch), &mut || ours(sizes, &data, batch)]);
        println!(
            "{name}, batch {batch}: bare loop {:.2} µs a step, trainer / bare {:.3}",
            1e6 * bare / 20.0,
            ours / bare
        );
    }
    one_thread(|| {
        for (sizes, batch) in [(&[64, 128, 10][..], 256), (&[784, 256, 10], 256), (&[1024, 1024, 10], 256)] {
            let data = data(sizes, batch);
            let net = Net::new(sizes, Activation::Relu, &mut ChaCha8Rng::seed_from_u64(1));
            for shard in [128, 64, 32, 16] {
                let run = |shard| move |data: &Dataset<f32>, net: &Net| shards(net, data, shard);
                let (one, many) = (run(batch), run(shard));
                let [one, many] = in_turns(seconds, [&mut || one(&data, &net), &mut || many(&data, &net)]);
                println!("{sizes:?}, batch {batch}, one thread: shards of {shard} / one shard {:.3}", many / one);
            }
        }
    });
}

fn data(sizes: &[usize], samples: usize) -> Dataset<f32> {
    let (inputs, classes) = (sizes[0], sizes[sizes.len() - 1]);
    let x = Matrix::from_fn(inputs, samples, |i, n| ((i * 7 + n * 13) % 17) as f32 / 17.0 - 0.5);
    Dataset::new(x, (0..samples).map(|n| n % classes).collect())
}

fn bare(sizes: &[usize], data: &Dataset<f32>, batch: usize) {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let mut net = Net::new(sizes, Activation::Relu, rng);
    let (adam, sampler) = (Adam::new(1e-3), Sampler::shuffled(data.len(), batch, 1));
    let mut state = adam.init(&net);
    for batch in sampler.epoch(0) {
        let (x, t) = data.batch(&batch);
        let tape = Tape::training(rng.random());
        let loss = softmax_cross_entropy(net.forward(tape.constant(&x)), &t, Reduction::Mean);
        black_box(loss.item());
        let grads = loss.backward();
        adam.step(&mut net, &grads, &mut state);
    }
    black_box(net);
}

fn ours(sizes: &[usize], data: &Dataset<f32>, batch: usize) {
    let mut net = Net::new(sizes, Activation::Relu, &mut ChaCha8Rng::seed_from_u64(1));
    let loss = Loss::SoftmaxCrossEntropy(CrossEntropy::default());
    let mut trainer = Trainer::with_loss(loss, Adam::new(1e-3)).epochs(1).batch(batch).seed(1).quiet();
    trainer.fit(&mut net, data).expect("it does not diverge");
    black_box(net);
}

fn shards(net: &Net, data: &Dataset<f32>, shard: usize) {
    black_box(Parallel::mean().shards_of(shard).gradients(
        net,
        data.len(),
        0,
        |samples| data.batch(&samples.collect::<Vec<_>>()),
        |tape, net, (x, t): &Batch| softmax_cross_entropy(net.forward(tape.constant(x)), t, Reduction::Mean),
    ));
}
