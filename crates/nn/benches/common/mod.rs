//! What the benches share: options of the command line, medians of what runs in turns, what the machine can do.
#![allow(dead_code, reason = "no bench uses all of it")]

use std::hint::black_box;
use std::process::exit;
use std::time::{Duration, Instant};

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use nn::loss::softmax_cross_entropy;
use nn::{Activation, Adam, Layer, Matrix, Mlp, Optimizer, Reduction, Tape};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// The numbers given after these options, in their order, or what they are if not given.
pub fn options<const N: usize>(mut options: [(&str, f64); N]) -> [f64; N] {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench" && arg != "--json"); // cargo says the first
    while let Some(arg) = args.next() {
        let known = options.iter_mut().find(|(name, _)| *name == arg);
        match (known, args.next().and_then(|number| number.parse().ok())) {
            (Some((_, value)), Some(number)) => *value = number,
            _ => {
                eprintln!("options: {}", options.map(|(name, value)| format!("{name} {value}")).join(", "));
                exit(2)
            }
        }
    }
    options.map(|(_, value)| value)
}

/// Whether `--json` was given.
pub fn json() -> bool {
    std::env::args().any(|arg| arg == "--json")
}

/// The median of what each takes, in seconds; in turns, so that whatever else the machine does falls on all.
pub fn in_turns<const N: usize>(seconds: f64, runs: [&mut dyn FnMut(); N]) -> [f64; N] {
    turns(seconds, runs).map(|times| times[times.len() / 2])
}

/// What each takes in its turns, in seconds, least first.
///
/// A turn is one run that is not counted, for the caches, and then as many as take a millisecond.
fn turns<const N: usize>(seconds: f64, mut runs: [&mut dyn FnMut(); N]) -> [Vec<f64>; N] {
    let start = Instant::now();
    let mut times: [Vec<f64>; N] = [(); N].map(|()| Vec::new());
    while times.iter().any(|times| times.len() < 5) || start.elapsed().as_secs_f64() < seconds {
        for (run, times) in runs.iter_mut().zip(&mut times) {
            run();
            let (start, mut count) = (Instant::now(), 0);
            while count == 0 || start.elapsed() < Duration::from_millis(1) {
                let many = (count / 4).max(1); // so that what is timed is not the clock
                (0..many).for_each(|_| run());
                count += many;
            }
            times.push(start.elapsed().as_secs_f64() / f64::from(count));
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    times
}

/// The least that one takes, in seconds: what the machine can do when it does nothing else.
pub fn least(seconds: f64, mut run: impl FnMut()) -> f64 {
    let [times] = turns(seconds, [&mut run]);
    times[0]
}

/// With one thread for whatever would use more.
pub fn one_thread<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread starts").install(run)
}

/// The median of what one takes, in seconds.
pub fn time(seconds: f64, mut run: impl FnMut()) -> f64 {
    let [time] = in_turns(seconds, [&mut run]);
    time
}

/// faer's product of two matrices of this side, on one core.
pub fn faer_product(side: usize) -> impl FnMut() {
    let a = Mat::<f32>::from_fn(side, side, |i, j| (i % 7) as f32 - (j % 5) as f32);
    let (b, mut y) = (Mat::<f32>::full(side, side, 0.5), Mat::<f32>::zeros(side, side));
    move || matmul(y.as_mut(), Accum::Replace, a.as_ref(), b.as_ref(), 1.0, Par::Seq)
}

/// A copy of so many numbers.
pub fn copy(len: usize) -> impl FnMut() {
    let (x, mut y) = (vec![1.0f32; len], vec![0.0; len]);
    move || {
        y.copy_from_slice(black_box(&x));
        black_box(&y);
    }
}

/// Forward, softmax cross-entropy, backward, Adam: a step of a network of these sizes with this batch.
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

/// A network of these sizes; with skips where they are equal, if asked for.
pub fn network(sizes: &[usize], activation: Activation, skips: bool) -> Mlp<f32> {
    Mlp::builder(sizes).activation(activation).skips(skips).build(&mut ChaCha8Rng::seed_from_u64(1))
}
