//! Gradients over shards equal those of a single tape, with the same bits for any number of threads.

use nn::data::Dataset;
use nn::parallel::{Parallel, Total};
use nn::{
    Activation, Adam, BatchNorm, Dropout, Init, Layer, Linear, Matrix, MatrixRef, Module, Optimizer, Param,
    ParamGradients, Reduction, Sequential, Sgd, Tape, Var, loss,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

type Batch = (Matrix<f64>, Matrix<f64>);

fn data(samples: usize) -> Dataset<f64, Matrix<f64>> {
    let x = Matrix::from_fn(3, samples, |i, n| ((n * (3 + i) % 17) as f64 - 8.0) / 5.0);
    let t = Matrix::from_fn(2, samples, |i, n| ((n + i) % 5) as f64 / 2.0 - 1.0);
    Dataset::new(x, t)
}

fn net(middle: impl Into<nn::AnyLayer<f64>>) -> Sequential<f64> {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    Sequential::new().then(Linear::new(3, 8, Init::Xavier, rng)).then(middle).then(Linear::new(8, 2, Init::Xavier, rng))
}

fn gradients(
    net: &Sequential<f64>,
    data: &Dataset<f64, Matrix<f64>>,
    seed: u64,
    parallel: Parallel,
) -> (f64, Total<f64>) {
    let reduction = parallel.reduction;
    fn error<'t>(
        tape: &'t Tape<'t, f64>,
        net: &'t Sequential<f64>,
        (x, t): &'t Batch,
        reduction: Reduction,
    ) -> Var<'t, f64> {
        // For every sample the error of its outputs, with any reduction.
        loss::mse(net.forward(tape.constant(x)), tape.constant(t), reduction)
    }
    parallel.gradients(
        net,
        data.len(),
        seed,
        |samples| data.batch(&samples.collect::<Vec<_>>()),
        |tape, net, batch| error(tape, net, batch, reduction),
    )
}

/// Every number of a result: the loss, the gradients, the new buffers.
fn numbers(net: &Sequential<f64>, (loss, grads): (f64, Total<f64>)) -> Vec<f64> {
    let params = net.named_params();
    let parts = params.iter().flat_map(|(_, param)| [grads.gradient(param), grads.updated(param)]);
    let all = parts.flatten().flat_map(|part| part.as_slice().to_vec());
    std::iter::once(loss).chain(all).collect()
}

fn with_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}

#[test]
fn the_bits_do_not_depend_on_threads() {
    let data = data(203);
    for net in [net(Dropout::new(0.3)), net(BatchNorm::new(8))] {
        let run = |threads| {
            let parallel = Parallel::mean().shards_of(17);
            let all = with_threads(threads, || numbers(&net, gradients(&net, &data, 7, parallel)));
            all.into_iter().map(f64::to_bits).collect::<Vec<_>>()
        };
        let one = run(1);
        assert!(one.len() > 8 * 3 + 8 + 2 * 8 + 2);
        for threads in [2, 3, 8] {
            assert_eq!(run(threads), one, "{threads} threads");
        }
    }
}

#[test]
fn shards_of_a_large_product_inside_a_pool() {
    // Products that are split themselves, inside shards.
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let wide: Linear<f64> = Linear::new(300, 300, Init::Xavier, rng);
    let x = Matrix::from_fn(300, 256, |i, j| ((i * j) % 13) as f64);
    let run = |threads| {
        with_threads(threads, || {
            let part = |samples: std::ops::Range<usize>| x.select_cols(&samples.collect::<Vec<_>>());
            let parallel = Parallel::mean();
            assert_eq!(parallel.count(&wide, 256), 2);
            let (loss, grads) =
                parallel.gradients(&wide, 256, 0, part, |tape, net, x| net.forward(tape.constant(x)).square().mean());
            (loss.to_bits(), grads.gradient(&wide.weight).unwrap().to_owned())
        })
    };
    let one = run(1);
    assert!([2, 3, 8].into_iter().all(|threads| run(threads) == one));
}

#[test]
fn every_shard_draws_anew_and_one_shard_is_the_tape_itself() {
    let (net, data) = (net(Dropout::new(0.5)), data(40));
    let run = |seed, shard| numbers(&net, gradients(&net, &data, seed, Parallel::mean().shards_of(shard)));
    assert_eq!(run(1, 10), run(1, 10));
    assert_ne!(run(1, 10), run(2, 10));
    let tape = Tape::training(9);
    let y = net.forward(tape.constant(&data.x));
    let error = loss::mse(y, tape.constant(&data.t), Reduction::Mean);
    let loss = error.item();
    let grads = error.backward();
    let params = net.named_params();
    let single =
        params.iter().flat_map(|(_, param)| ParamGradients::gradient(&grads, param).unwrap().as_slice().to_vec());
    assert_eq!(run(9, 40), std::iter::once(loss).chain(single).collect::<Vec<_>>());
}

#[test]
fn running_averages_are_those_of_the_shards() {
    // Shards of 2 and 3 samples: the new mean is the mean of both, weighted by samples.
    let norm: Sequential<f64> = Sequential::new().then(BatchNorm::new(1));
    let x = [1.0, 3.0, 4.0, 5.0, 9.0];
    let part = |samples: std::ops::Range<usize>| Matrix::row(&x[samples]);
    for parallel in [Parallel::mean(), Parallel::sum()] {
        let (_, grads) = parallel
            .shards_of(3)
            .gradients(&norm, 5, 0, part, |tape, norm, x| norm.forward(tape.constant(x)).square().mean());
        let params = norm.named_params();
        let mean = params.iter().find(|(name, _)| name.ends_with("mean")).unwrap();
        let updated = grads.updated(mean.1).unwrap()[(0, 0)];
        assert!((updated - 0.1 * (0.4 * 2.0 + 0.6 * 6.0)).abs() < 1e-12, "{updated}");
    }
}

/// Gradients for a caller that adds them first.
struct Added(Total<f64>);

impl ParamGradients<f64> for Added {
    fn gradient(&self, param: &Param<f64>) -> Option<MatrixRef<'_, f64>> {
        self.0.gradient(param)
    }
    fn updated(&self, buffer: &Param<f64>) -> Option<MatrixRef<'_, f64>> {
        self.0.updated(buffer)
    }
}

#[test]
fn a_step_adds_the_halves_as_it_goes() {
    let data = data(90);
    let stepped = |optimizer: &dyn Optimizer<f64>, added: bool| {
        let mut net = net(BatchNorm::new(8));
        let (_, grads) = gradients(&net, &data, 7, Parallel::mean().shards_of(30));
        let mut state = optimizer.init(&net);
        match added {
            true => optimizer.step(&mut net, &Added(grads), &mut state),
            false => optimizer.step(&mut net, &grads, &mut state),
        }
        let params = net.named_params();
        (params.iter().flat_map(|(_, param)| param.value().as_slice().to_vec()).collect::<Vec<_>>(), state.norm)
    };
    for adam in [Adam::new(0.1).with(), Adam::new(0.1).with().l2(0.3).clip_value(0.01)] {
        assert_eq!(stepped(&adam, false), stepped(&adam, true), "to the bit");
    }
    // The norm of a sum is added block by block.
    let clipped = Sgd { lr: 0.1 }.with().clip_norm(1e-3);
    let [(weights, norm), (expected, expected_norm)] = [false, true].map(|added| stepped(&clipped, added));
    assert!((norm.unwrap() / expected_norm.unwrap() - 1.0).abs() < 1e-14);
    assert!(weights.iter().zip(&expected).all(|(w, e)| (w - e).abs() <= 1e-14));
}

#[test]
fn a_parameter_that_one_shard_alone_uses() {
    for shard in [0, 1] {
        let mut model = vec![Param::new(Matrix::from([[2.0]])), Param::new(Matrix::from([[5.0]]))];
        let (_, grads) = Parallel::sum().shards_of(1).gradients(
            &model,
            2,
            0,
            |samples| samples.start,
            |tape, model, &start| {
                let y = tape.param(&model[0]).square();
                if start == shard { y * tape.param(&model[1]) } else { y }
            },
        );
        let sgd = Sgd { lr: 1.0 };
        let mut state = sgd.init(&model);
        sgd.step(&mut model, &grads, &mut state);
        // E = w² v + w²
        assert_eq!(model[0].value()[(0, 0)], 2.0 - (2.0 * 2.0 * 5.0 + 2.0 * 2.0));
        assert_eq!(model[1].value()[(0, 0)], 5.0 - 2.0 * 2.0);
    }
}

#[test]
fn small_batches_are_one_shard() {
    let small = net(Activation::Tanh);
    assert_eq!(Parallel::mean().count(&small, 1000), 1, "too little work");
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let large: Linear<f32> = Linear::new(1024, 1024, Init::Xavier, rng);
    let counts = [32, 255, 256, 1024].map(|samples| Parallel::mean().count(&large, samples));
    assert_eq!(counts, [1, 1, 2, 8]);
    assert_eq!(Parallel::mean().shards_of(10).count(&small, 25), 3);
}

#[test]
#[should_panic(expected = "at least one sample")]
fn a_batch_of_nothing() {
    gradients(&net(Activation::Tanh), &data(0), 0, Parallel::mean());
}

proptest! {
    #[test]
    fn shards_add_up_to_the_batch(samples in 1usize..60, shard in 1usize..20, sum: bool) {
        let (net, data) = (net(Activation::Tanh), data(samples));
        let parallel = if sum { Parallel::sum() } else { Parallel::mean() };
        let divided = numbers(&net, gradients(&net, &data, 0, parallel.shards_of(shard)));
        let whole = numbers(&net, gradients(&net, &data, 0, parallel.shards_of(samples)));
        prop_assert_eq!(divided.len(), whole.len());
        let scale = whole.iter().fold(0.0, |scale: f64, x| scale.max(x.abs()));
        for (a, b) in divided.iter().zip(&whole) {
            prop_assert!((a - b).abs() <= 1e-13 * scale, "{a} {b}");
        }
    }
}
