//! Steps that run from a plan have the bits of recorded steps.

use std::sync::atomic::{AtomicUsize, Ordering};

use nn::data::{Dataset, Sampler};
use nn::loss::{CrossEntropy, Loss};
use nn::parallel::Parallel;
use nn::train::{AsTarget, Trainer};
use nn::{
    Activation, Adam, AnyLayer, Axis, BatchNorm, Dropout, Gradients, Init, Layer, Linear, Matrix, Module, Optimizer,
    Param, Real, RecordedLoss, Reduction, Sequential, Sgd, Tape, Var, loss,
};
use proptest::prelude::*;

use crate::layers::{LAYERS, layer};
use crate::{losses, optimizers, rng, some};

/// A network of 3 inputs.
#[derive(Clone, Module)]
struct Net<T: Real> {
    first: Linear<T>,
    layer: AnyLayer<T>,
}

impl<T: Real> Layer<T> for Net<T> {
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let h = self.first.forward(x);
        h.tape().param(&self.first.weight).sum() * 0.1 + self.layer.forward(h)
    }
}

/// The bits of all parameters and buffers.
fn bits<T: Real>(model: &impl Module<T>) -> Vec<u64> {
    model.named_params().iter().flat_map(|(_, p)| p.value().as_slice().to_vec()).map(|x| x.to_f64().to_bits()).collect()
}

/// A weighted loss of samples, targets and weights.
struct Weighted {
    loss: Loss,
    probabilities: bool,
    reduction: Reduction,
}

impl Weighted {
    fn of<'t, T: Real>(&self, net: &'t Net<T>, [x, t, w]: [Var<'t, T>; 3]) -> Var<'t, T> {
        let t = if self.probabilities { t.softmax(Axis::Rows) } else { t };
        self.loss.each(net.forward(x), t).weighted(w).reduce(self.reduction)
    }
}

/// Steps by a plan and by the tape, on batches of these numbers of samples.
fn check_steps<T: Real>(
    name: &str,
    weighted: &Weighted,
    optimizer: &dyn Optimizer<T>,
    sizes: &[usize],
    frozen: bool,
) -> Result<(), TestCaseError> {
    let mut net = Net { first: Linear::new(3, 4, Init::Xavier, &mut rng(3)), layer: layer(name) };
    if frozen {
        net.first.freeze(&|name| name == "bias");
    }
    let mut twin = net.clone();
    let (mut state, mut twin_state) = (optimizer.init(&net), optimizer.init(&twin));
    let outputs = {
        let tape = Tape::new();
        net.forward(tape.constant(some(3, 2, 0))).rows()
    };
    let planned = RecordedLoss::new(|_, net: &Net<T>, v| weighted.of(net, [v[0], v[1], v[2]]));
    for (step, &n) in (0u64..).zip(sizes) {
        let w: Matrix<T> = some(1, n, step);
        let batch = [some(3, n, 10 + step), some(outputs, n, 50 + step), w.map(|w| w * w)];
        let (loss, grads) = planned.gradients(&net, &batch.each_ref(), step);
        optimizer.step(&mut net, &grads, &mut state);
        let (value, grads) = {
            let tape = Tape::training(step);
            let expected = weighted.of(&twin, batch.each_ref().map(|x| tape.constant(x)));
            (expected.item().to_f64(), expected.backward())
        };
        optimizer.step(&mut twin, &grads, &mut twin_state);
        prop_assert!(loss.to_bits() == value.to_bits() || loss.is_nan() && value.is_nan(), "{name}: {loss} {value}");
        prop_assert_eq!(bits(&net), bits(&twin), "{} after step {}", name, step);
    }
    let used = planned.plan_use();
    prop_assert!(used.why.is_none() && used.planned >= 3, "{name}: {used}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Every layer, loss and rule, with weights of samples, frozen parameters, buffers, random numbers, and batches of several sizes.
    #[test]
    fn ten_steps_have_the_bits_of_the_tape(
        of in (0..LAYERS.len(), 0..losses::all().len(), 0..optimizers::all::<f64>().len()),
        sizes in prop::collection::vec(2usize..5, 10), frozen in any::<bool>(), mean in any::<bool>(), single in any::<bool>(),
    ) {
        let (loss, probabilities) = losses::all().swap_remove(of.1);
        let reduction = if mean { Reduction::Mean } else { Reduction::Sum };
        // A loss that has weights of its own for two outputs.
        let own = format!("{loss:?}").contains("Some([");
        let name = if own { "sequential training" } else { LAYERS[of.0] };
        let weighted = Weighted { loss, probabilities, reduction };
        if single {
            check_steps::<f32>(name, &weighted, &*optimizers::all()[of.2], &sizes, frozen)?;
        } else {
            check_steps::<f64>(name, &weighted, &*optimizers::all()[of.2], &sizes, frozen)?;
        }
    }
}

fn classifier() -> Sequential<f64> {
    let rng = &mut rng(8);
    Sequential::new()
        .then(Linear::new(3, 6, Init::Xavier, rng))
        .then(BatchNorm::new(6))
        .then(Activation::Tanh)
        .then(Dropout::new(0.3))
        .then(Linear::new(6, 3, Init::Xavier, rng))
}

/// A trainer with a loss uses plans, and a trainer of the same closure does not: both give the same run.
#[test]
fn a_trainer_with_a_loss_plans_its_steps() {
    let data = Dataset::new(some::<f64>(3, 90, 1), (0..90).map(|k| k % 3).collect::<Vec<_>>());
    let entropy = CrossEntropy { class_weights: Some(vec![1.0, 2.0, 0.5]), label_smoothing: 0.1 };
    for (micro, shard) in [(16, 16), (6, 16), (16, 5), (6, 2)] {
        let settings = |trainer: Trainer<'static, f64, Sequential<f64>, _>| {
            let trainer =
                trainer.batch(16).epochs(6).seed(3).ema(0.9).freeze_until("4.*", 2).quiet().micro_batch(micro);
            trainer.parallel(Parallel::mean().shards_of(shard))
        };
        let (mut net, mut twin) = (classifier(), classifier());
        let mut planned = settings(Trainer::with_loss(Loss::from(entropy.clone()), Adam::new(0.01)));
        let loss = Loss::from(entropy.clone());
        let mut recorded = settings(Trainer::new(
            move |tape, net: &Sequential<f64>, (x, t): &(Matrix<f64>, Vec<usize>)| {
                loss.of(net.forward(tape.constant(x)), t.as_target(tape), Reduction::Mean)
            },
            Adam::new(0.01),
        ));
        let run = planned.fit(&mut net, &data).unwrap();
        let twin_run = recorded.fit(&mut twin, &data).unwrap();
        assert_eq!((run.history, bits(&net)), (twin_run.history, bits(&twin)));
        let (used, unused) = (planned.plan_use(), recorded.plan_use());
        assert!(used.planned > used.recorded && used.why.is_none(), "{used}");
        assert_eq!(unused.planned, 0);
    }
}

/// Whatever a plan could not repeat is said, with the line.
#[test]
fn what_prevents_a_plan_is_said() {
    let (net, x) = (Linear::new(2, 1, Init::Xavier, &mut rng(1)), some::<f64>(2, 5, 2));
    let why = |loss: fn(Var<'_, f64>)| {
        let recorded = RecordedLoss::new(move |_, net: &Linear<f64>, v: &[Var<'_, f64>]| {
            loss(v[0]);
            net.forward(v[0]).square().sum()
        });
        let first = recorded.gradients(&net, &[&x], 0).0;
        assert!((1..5).all(|seed| recorded.gradients(&net, &[&x], seed).0 == first));
        let used = recorded.plan_use();
        assert_eq!((used.planned, used.recorded), (0, 5), "{used}");
        used.why.unwrap()
    };
    for (text, loss) in [
        ("reads a plain number", (|x| drop(x.value())) as fn(Var<'_, f64>)),
        ("draws a random number", |x| _ = x.tape().draw()),
        ("makes a one-hot constant", |x| _ = x.tape().one_hot(3, &[1, 2])),
    ] {
        let said = why(loss);
        assert!(said.contains(text) && said.contains("planned.rs:"), "{said}");
    }
}

/// A closure that counts its calls is found out by the comparison with a recording.
#[test]
fn a_loss_that_depends_on_the_step_is_not_planned() {
    let (net, x, calls) = (Linear::new(2, 1, Init::Xavier, &mut rng(1)), some::<f64>(2, 5, 2), AtomicUsize::new(0));
    let recorded = RecordedLoss::new(|_, net: &Linear<f64>, v| {
        net.forward(v[0]).square().sum() * calls.fetch_add(1, Ordering::Relaxed) as f64
    });
    let first = recorded.gradients(&net, &[&x], 0);
    assert_eq!(first.0, 0.0);
    let losses: Vec<f64> = (1..6).map(|seed| recorded.gradients(&net, &[&x], seed).0).collect();
    assert!((0..5).all(|k| losses[k] == losses[0] * (k + 1) as f64), "{losses:?}");
    assert!(recorded.plan_use().why.unwrap().contains("depends on more than the model and the batch"));
}

/// A trainer warns if a layer is not the same function at every call.
#[test]
fn a_layer_that_counts_its_calls_is_named_in_a_warning() {
    #[derive(Module)]
    struct Counting(Linear<f64>, #[module(skip)] AtomicUsize);
    impl Layer<f64> for Counting {
        fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
            let calls = self.1.fetch_add(1, Ordering::Relaxed);
            self.0.forward(x) * if calls < 8 { 1.0 } else { 2.0 }
        }
    }
    let data = Dataset::new(some::<f64>(2, 16, 1), some(1, 16, 2));
    let mut net = Counting(Linear::new(2, 1, Init::Xavier, &mut rng(1)), AtomicUsize::new(0));
    let mut trainer = Trainer::with_loss(Loss::Mse, Sgd { lr: 0.01 }).batch(4).epochs(300).quiet();
    let trained = trainer.fit(&mut net, &data).unwrap();
    assert!(trainer.plan_use().differed);
    let warnings = trained.warnings.iter().filter(|warning| warning.contains("differed from a recording")).count();
    assert_eq!(warnings, 1, "{:?}", trained.warnings);
}

/// A comparison of variables is made again in every run.
#[test]
fn comparisons_are_made_again() {
    let mut net = Linear::new(2, 1, Init::Xavier, &mut rng(1));
    let recorded = RecordedLoss::new(|_, net: &Linear<f64>, v| {
        let y = loss::mse(net.forward(v[0]), v[1], Reduction::Mean);
        if v[0].sum() > 0.0 { y } else { y * 3.0 }
    });
    let sgd = Sgd { lr: 0.01 };
    let mut state = sgd.init(&net);
    for seed in 0..40u64 {
        let (x, t) = (some::<f64>(2, 4, seed), some(1, 4, 100 + seed));
        let (value, grads) = recorded.gradients(&net, &[&x, &t], seed);
        let sign = if x.as_slice().iter().sum::<f64>() > 0.0 { 1.0 } else { 3.0 };
        let expected = {
            let tape = Tape::new();
            loss::mse(net.forward(tape.constant(&x)), tape.constant(&t), Reduction::Mean).item() * sign
        };
        assert_eq!(value, expected);
        sgd.step(&mut net, &grads, &mut state);
    }
    let used = recorded.plan_use();
    assert!(used.recorded > 2 && used.why.is_some_and(|why| why.contains("planned.rs")));
}

/// Sharing out a batch by any number of threads changes neither bits nor whether steps are planned.
#[test]
fn threads_change_nothing() {
    let data = Dataset::new(some::<f64>(3, 64, 1), some(3, 64, 2));
    let run = |threads| {
        let mut net = classifier();
        let trainer = Trainer::with_loss(Loss::Mse, Adam::new(0.01)).sampler(Sampler::sequential(64, 32)).quiet();
        let mut trainer = trainer.parallel(Parallel::mean().shards_of(8)).epochs(8).threads(threads);
        trainer.fit(&mut net, &data).unwrap();
        assert!(trainer.plan_use().planned > 0);
        bits(&net)
    };
    assert_eq!(run(1), run(3));
}

/// Linear layers one after the other.
#[derive(Clone, Module)]
struct Stack {
    layers: Vec<Linear<f64>>,
}

impl Stack {
    fn new(layers: usize, side: usize) -> Self {
        Stack { layers: (0..layers as u64).map(|k| Linear::new(side, side, Init::Xavier, &mut rng(k))).collect() }
    }

    fn error<'t>(&'t self, v: &[Var<'t, f64>]) -> Var<'t, f64> {
        let y = self.layers.iter().fold(v[0], |x, layer| layer.forward(x).tanh());
        loss::mse(y, v[1], Reduction::Mean)
    }

    fn gradients(&self, batch: [&Matrix<f64>; 2], seed: u64) -> (u64, Vec<u64>) {
        let tape = Tape::training(seed);
        let error = self.error(&batch.map(|x| tape.constant(x)));
        self.bits(error.item(), &error.backward())
    }

    /// The bits of a loss and of the gradients.
    fn bits(&self, loss: f64, grads: &Gradients<f64>) -> (u64, Vec<u64>) {
        let of = |param| grads.get(param).map_or(Vec::new(), |g| g.as_slice().iter().map(|x| x.to_bits()).collect());
        (loss.to_bits(), self.named_params().into_iter().flat_map(|(_, param)| of(param)).collect())
    }
}

/// Layers that change places, are added, removed, frozen, or replaced by copies between two steps.
#[test]
fn a_model_may_change_between_steps() {
    let recorded = RecordedLoss::new(|_, net: &Stack, v| net.error(v));
    let (mut net, batch) = (Stack::new(3, 2), [some(2, 4, 1), some(2, 4, 2)]);
    for step in 0..50 {
        match step {
            6 => net.layers.swap(0, 2),
            11 => net.layers.push(Linear::new(2, 2, Init::Xavier, &mut rng(9))),
            16 => drop(net.layers.remove(1)),
            21 => net = net.clone(),
            26 => _ = net.freeze(&|name| name.ends_with("bias")),
            31 => net.layers.reverse(),
            36 => _ = net.unfreeze(&|_| true),
            41 => net.layers[0].weight = Param::new(some(2, 2, 3)),
            _ => net.layers[0].weight.value_mut().as_mut_slice()[1] += 0.125,
        }
        let (loss, grads) = recorded.gradients(&net, &batch.each_ref(), step);
        assert_eq!(net.bits(loss, &grads), net.gradients(batch.each_ref(), step), "step {step}");
    }
    assert!(recorded.plan_use().planned > 10, "{}", recorded.plan_use());
}

/// No samples, one, and many; by one thread and by several, also at once.
#[test]
fn batches_of_all_sizes_have_the_bits_of_the_tape() {
    let (net, recorded) = (Stack::new(2, 64), RecordedLoss::new(|_, net: &Stack, v| net.error(v)));
    let check = |n, seed| {
        let batch = [some(64, n, seed), some(64, n, 7)];
        let (loss, grads) = recorded.gradients(&net, &batch.each_ref(), seed);
        assert_eq!(net.bits(loss, &grads), net.gradients(batch.each_ref(), seed), "{n} samples");
    };
    let sizes = [0, 1, 2, 600];
    for threads in [1, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| sizes.map(|n| (0..5).for_each(|seed| check(n, seed))));
    }
    std::thread::scope(|scope| {
        for k in 0..4 {
            scope.spawn(move || (0..8).for_each(|seed| check([1, 2][seed as usize % 2], 10 * k + seed)));
        }
    });
    let used = recorded.plan_use();
    assert!(used.planned > 30 && used.why.is_none(), "{used}");
}
