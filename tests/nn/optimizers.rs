//! Properties of every optimizer, and the lecture's formulas as printed.

use nn::schedule::{InverseTime, Schedule};
use nn::{
    Activation, Adadelta, Adagrad, Adam, Adamax, GradientSum, Group, Layer, Lion, Matrix, MatrixRef, Mlp, Module,
    Momentum, NAdam, Optimizer, Param, ParamGradients, RAdam, Real, Reduction, RmsProp, Rprop, Sgd, State, Tape, With,
    gradient_norm, loss,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// All optimizers, including variants with different formulas.
pub fn all<T: Real>() -> Vec<Box<dyn Optimizer<T>>> {
    vec![
        Box::new(Sgd { lr: 0.1 }),
        Box::new(Momentum { dampening: 0.1, ..Momentum::new(0.1, 0.9) }),
        Box::new(Momentum::nesterov(0.1, 0.9)),
        Box::new(RmsProp::torch(0.01)),
        Box::new(RmsProp::lecture(0.01)),
        Box::new(RmsProp { momentum: 0.5, centered: true, ..RmsProp::optax(0.01) }),
        Box::new(Adagrad::new(0.1)),
        Box::new(Adadelta::new(1.0)),
        Box::new(Adam::new(0.01)),
        Box::new(Adam::lecture(0.01)),
        Box::new(Adam::amsgrad(0.01)),
        Box::new(Adamax::new(0.01)),
        Box::new(NAdam::new(0.01)),
        Box::new(RAdam::new(0.01)),
        Box::new(Rprop::new(0.01)),
        Box::new(Lion::new(0.01)),
    ]
}

/// Given gradients: the same for every parameter of that shape.
struct Given<T>(Matrix<T>);

impl<T: Real> ParamGradients<T> for Given<T> {
    fn gradient(&self, param: &Param<T>) -> Option<MatrixRef<'_, T>> {
        (param.is_trained() && param.value().shape() == self.0.shape()).then(|| self.0.view())
    }
    fn updated(&self, _: &Param<T>) -> Option<MatrixRef<'_, T>> {
        None
    }
}

/// The weights after each step with these gradients.
fn walk<T: Real>(optimizer: &dyn Optimizer<T>, start: &[T], gradients: &[Vec<T>]) -> Vec<Vec<T>> {
    let mut w = Param::new(Matrix::column(start));
    let mut state = optimizer.init(&w);
    let steps = gradients.iter().map(|g| {
        optimizer.step(&mut w, &Given(Matrix::column(g)), &mut state);
        w.value().as_slice().to_vec()
    });
    steps.collect()
}

// ---------------------------------------------------------------- the lecture, as printed

/// The error 100 (w₁ − w₀²)² + (1 − w₀)² with its gradient by hand, and the tape's.
fn rosenbrock([a, b]: [f64; 2]) -> [f64; 2] {
    [-400.0 * a * (b - a * a) - 2.0 * (1.0 - a), 200.0 * (b - a * a)]
}

/// 100 steps with αₖ = 0.01 / (1 + k / 20): w as the optimizer updates it, and as a loop with the printed formula does.
#[track_caller]
fn check_lecture(mut optimizer: impl Optimizer<f64>, mut text: impl FnMut(f64, [f64; 2]) -> [f64; 2], rate: f64) {
    let mut w = [-1.2, 1.0];
    let mut param = Param::new(Matrix::column(&w));
    let mut state = optimizer.init(&param);
    for k in 0..100 {
        let alpha = rate / (1.0 + k as f64 / 20.0);
        let step = text(alpha, rosenbrock(w));
        w = [w[0] - step[0], w[1] - step[1]];

        let v = param.value();
        let g = rosenbrock([v[(0, 0)], v[(1, 0)]]);
        optimizer.set_lr(alpha);
        optimizer.step(&mut param, &Given(Matrix::column(&g)), &mut state);
        let found = param.value().as_slice();
        let close = found.iter().zip(&w).all(|(found, w)| (found - w).abs() <= 1e-12 * w.abs());
        assert!(close, "step {k}: {found:?}, in the lecture {w:?}");
    }
}

#[test]
fn the_lectures_sgd() {
    check_lecture(Sgd { lr: 0.0 }, |alpha, g| g.map(|g| alpha * g), 1e-4);
}

/// Robbins and Monro's αₖ = 1 / (1 + k): on ½ (w − x)², one sample x at a time, w is the mean of all samples so far.
#[test]
fn decreasing_steps_average() {
    let schedule = InverseTime { lr: 1.0, tau: 1.0 };
    let (mut w, mut sgd) = (Param::new(Matrix::from([[9.0]])), Sgd { lr: 1.0 });
    let (mut state, mut sum) = (sgd.init(&w), 0.0);
    for k in 0..1000u32 {
        let x = f64::from(k * k % 17);
        sum += x;
        sgd.lr = schedule.lr(state.steps);
        let g = w.value()[(0, 0)] - x;
        sgd.step(&mut w, &Given(Matrix::from([[g]])), &mut state);
        assert!((w.value()[(0, 0)] - sum / f64::from(k + 1)).abs() < 1e-12);
    }
}

#[test]
fn the_lectures_rmsprop() {
    let mut ms = [0.0; 2];
    let text = |alpha: f64, g: [f64; 2]| {
        std::array::from_fn(|i| {
            ms[i] = 0.9 * ms[i] + 0.1 * g[i].powi(2);
            alpha * g[i] / (ms[i] + 1e-8).sqrt()
        })
    };
    check_lecture(RmsProp::lecture(0.0), text, 0.01);
}

#[test]
fn the_lectures_adam() {
    let [mut ms, mut v] = [[0.0; 2]; 2];
    let text = |alpha: f64, g: [f64; 2]| {
        std::array::from_fn(|i| {
            ms[i] = 0.9 * ms[i] + 0.1 * g[i].powi(2);
            v[i] = 0.9 * v[i] + 0.1 * g[i];
            alpha * v[i] / (ms[i] + 1e-8).sqrt()
        })
    };
    check_lecture(Adam::lecture(0.0), text, 0.01);
}

/// Averages that do not start at 0, and Adagrad's decrease of α, by hand.
#[test]
fn starting_values() {
    let close = |found: Vec<Vec<f64>>, expected: &[f64]| {
        assert!(found.iter().zip(expected).all(|(found, expected)| (found[0] - expected).abs() < 1e-12), "{found:?}");
    };
    let gradients = [vec![2.0], vec![2.0]];
    let rmsprop = RmsProp { initial_scale: 1.0, eps_inside: 0.0, ..RmsProp::optax(1.0) };
    let first = -2.0 / 1.3f64.sqrt(); // MS = 0.9 + 0.1 · 4, then 0.9 · 1.3 + 0.1 · 4
    close(walk(&rmsprop, &[0.0], &gradients), &[first, first - 2.0 / 1.57f64.sqrt()]);
    let adagrad = Adagrad { initial: 1.0, lr_decay: 1.0, eps: 0.0, ..Adagrad::new(1.0) };
    let first = -2.0 / 5f64.sqrt(); // S = 1 + 4, then 5 + 4 with α / 2
    close(walk(&adagrad, &[0.0], &gradients), &[first, first - 0.5 * 2.0 / 3.0]);
}

// ---------------------------------------------------------------- rules

fn step_of(optimizer: impl Optimizer<f64>, w: &[f64], g: &[f64]) -> Vec<f64> {
    walk(&optimizer, w, &[g.to_vec()]).remove(0)
}

#[test]
fn clipping() {
    let sgd = || Sgd { lr: 1.0 }.with();
    assert_eq!(step_of(sgd().clip_norm(1.25), &[0.0, 0.0], &[3.0, -4.0]), [-0.75, 1.0]);
    assert_eq!(step_of(sgd().clip_norm(5.0), &[0.0, 0.0], &[3.0, -4.0]), [-3.0, 4.0]);
    assert_eq!(step_of(sgd().clip_value(2.0), &[0.0, 0.0, 0.0], &[3.0, -4.0, 1.0]), [-2.0, 2.0, -1.0]);
    assert_eq!(step_of(sgd().clip_value(2.0).clip_norm(2.5), &[0.0, 0.0], &[3.0, -4.0]), [-1.5, 2.0]);
    assert!(step_of(sgd().clip_value(2.0), &[0.0], &[f64::NAN])[0].is_nan(), "clipping hides no NaN");
    // Nested rules: the tighter clip applies, and decays add.
    let around = With::new(sgd().clip_norm(1.25).l2(0.25)).clip_norm(2.5).l2(0.75);
    assert_eq!(step_of(around, &[1.0, 0.0], &[3.0, -4.0]), [1.0 - (0.75 + 1.0), 1.0]);
}

#[test]
fn decay_enters_before_or_beside_the_gradient() {
    let (w, g) = ([2.0], [0.5]);
    assert_eq!(step_of(Sgd { lr: 0.5 }.with().l2(0.25), &w, &g), [2.0 - 0.5 * (0.5 + 0.25 * 2.0)]);
    assert_eq!(step_of(Sgd { lr: 0.5 }.with().decoupled_decay(0.25), &w, &g), [2.0 * (1.0 - 0.5 * 0.25) - 0.5 * 0.5]);
    // The gradient is clipped, not the decay.
    assert_eq!(step_of(Sgd { lr: 1.0 }.with().l2(3.0).clip_value(0.25), &w, &g), [2.0 - (0.25 + 6.0)]);
    let [l2, decoupled] = [Lion::new(0.5).with().l2(0.25), Lion::new(0.5).with().decoupled_decay(0.25)]
        .map(|lion| step_of(lion, &w, &[-1e-3])[0]);
    assert_eq!([l2, decoupled], [2.0 - 0.5, 2.0 * (1.0 - 0.5 * 0.25) + 0.5]);
}

#[derive(Module)]
struct Net {
    weight: Param<f64>,
    bias: Param<f64>,
    norm: Param<f64>,
    mean: Param<f64>,
}

#[test]
fn groups_have_their_own_rate_and_decay() {
    let one = || Matrix::from([[1.0]]);
    let mut net =
        Net { weight: Param::new(one()), bias: Param::new(one()), norm: Param::new(one()), mean: Param::buffer(one()) };
    let sgd = Sgd { lr: 0.125 }.with().decoupled_decay(1.0);
    let sgd = sgd.group("bias", Group { lr_factor: 2.0, decay_factor: 0.0 }).no_decay_of_biases_and_norms();
    let sgd: Box<dyn Optimizer<f64>> = Box::new(sgd);
    let mut state = sgd.init(&net);
    let given = Given(Matrix::from([[4.0]]));
    sgd.step(&mut net, &given, &mut state);
    let values = |net: &Net| [&net.weight, &net.bias, &net.norm, &net.mean].map(|p| p.value()[(0, 0)]);
    assert_eq!(values(&net), [1.0 * (1.0 - 0.125) - 0.5, 1.0 - 1.0, 1.0 - 0.5, 1.0]);

    net.freeze(&|name| name == "weight");
    let before = values(&net);
    sgd.step(&mut net, &given, &mut state);
    assert_eq!(values(&net), [before[0], before[1] - 1.0, before[2] - 0.5, 1.0]);
    assert_eq!(state.steps, 2);
}

/// With a gradient that is not finite nothing changes, including the counter of steps.
#[test]
fn a_step_without_a_direction_is_left_out() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let adam = Adam::adamw(0.1, 0.5).clip_norm(1.0);
        let mut w = Param::new(Matrix::column(&[1.0, 2.0]));
        let mut state = adam.init(&w);
        let before = w.clone();
        adam.step(&mut w, &Given(Matrix::column(&[1.0, bad])), &mut state);
        assert_eq!(w, before);
        let mut fresh: State<f64> = adam.init(&w);
        fresh.skipped = 1;
        assert_eq!(state, fresh);
        adam.step(&mut w, &Given(Matrix::column(&[3.0, 4.0])), &mut state);
        assert_eq!((state.steps, state.skipped, state.norm), (1, 1, Some(5.0)));
    }
}

#[test]
fn the_norm_of_any_finite_gradient_is_finite() {
    let norm = |g: &[f64]| gradient_norm(&Param::new(Matrix::column(g)), &Given(Matrix::column(g)));
    for size in [1e-320, 1e-200, 1e-140, 1e-120, 1e120, 1e200, 1e308] {
        assert!(
            (norm(&[0.3 * size, 0.4 * size]) / size - 0.5).abs() < if size < 1e-300 { 1e-3 } else { 1e-15 },
            "{size}"
        );
    }
    assert_eq!(norm(&[0.0, 0.0]), 0.0);
    assert_eq!(norm(&[3e300, -4e300]) / 1e300, 5.0);
    assert_eq!(norm(&[f64::MAX; 40]), f64::INFINITY, "the norm itself is too large");
    assert!(norm(&[f64::MAX / 8.0; 40]).is_finite());
    assert!((norm(&[0.1; 1000]) / 10f64.sqrt() - 1.0).abs() < 1e-15);
    let g = [f32::MAX; 33];
    let norm = gradient_norm(&Param::new(Matrix::column(&g)), &Given(Matrix::column(&g)));
    assert!((norm / (f64::from(f32::MAX) * 33f64.sqrt()) - 1.0).abs() < 1e-15);
}

// ---------------------------------------------------------------- sums and states

fn grads_of(net: &Mlp<f64>, x: &Matrix<f64>, t: &Matrix<f64>, columns: &[usize]) -> nn::Gradients<f64> {
    let (x, t) = (x.select_cols(columns), t.select_cols(columns));
    let tape = Tape::new();
    loss::mse(net.forward(tape.constant(&x)), tape.constant(&t), Reduction::Mean).backward()
}

/// Micro-batches whose gradients are added, each weighted by its share of the samples, equal the whole batch.
#[test]
fn accumulated_micro_batches_are_the_batch() {
    let rng = &mut ChaCha8Rng::seed_from_u64(7);
    let x = Matrix::from_fn(3, 8, |i, j| ((3 * i + 5 * j) % 7) as f64 / 3.0 - 1.0);
    let t = Matrix::from_fn(2, 8, |i, j| ((i + 2 * j) % 5) as f64 / 2.0 - 1.0);
    let net = Mlp::new(&[3, 4, 2], Activation::Tanh, rng);
    for optimizer in all::<f64>() {
        let mut nets = [net.clone(), net.clone()];
        let mut states = [optimizer.init(&nets[0]), optimizer.init(&nets[1])];
        let mut sum = GradientSum::new();
        for _ in 0..5 {
            let whole = grads_of(&nets[0], &x, &t, &[0, 1, 2, 3, 4, 5, 6, 7]);
            optimizer.step(&mut nets[0], &whole, &mut states[0]);

            sum.clear();
            for columns in [&[0, 1][..], &[2, 3, 4], &[5, 6, 7]] {
                sum.add(columns.len() as f64 / 8.0, &nets[1], &grads_of(&nets[1], &x, &t, columns));
            }
            optimizer.step(&mut nets[1], &sum, &mut states[1]);
        }
        let [a, b] = nets.each_ref().map(|net| net.named_params());
        for ((name, a), (_, b)) in a.iter().zip(&b) {
            let off = a.value().as_slice().iter().zip(b.value().as_slice()).map(|(a, b)| (a - b).abs());
            // Half a rounding error of a gradient near 0 may be a large share of an adaptive step.
            assert!(off.fold(0.0, f64::max) < 1e-9, "{}: {name}", optimizer.name());
        }
    }
}

fn through_json<V: Serialize + DeserializeOwned>(value: &V) -> V {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

/// Weights and state from a file continue with the same bits.
fn check_resume<T: Real>() {
    let gradient =
        |k: usize| Given(Matrix::column(&[0.3, -1e-3, 7.0].map(|c| T::from_f64(c * ((k * k) as f64).cos() / 3.0))));
    for optimizer in all::<T>() {
        let mut w = Param::new(Matrix::column(&[1.0, 0.1, -0.7].map(T::from_f64)));
        let mut state = optimizer.init(&w);
        (0..7).for_each(|k| optimizer.step(&mut w, &gradient(k), &mut state));
        let (mut again, mut resumed) = (through_json(&w), through_json(&state));
        for k in 7..20 {
            optimizer.step(&mut w, &gradient(k), &mut state);
            optimizer.step(&mut again, &gradient(k), &mut resumed);
        }
        assert_eq!((&w, &state), (&again, &resumed), "{}", optimizer.name());
    }
}

#[test]
fn a_resumed_run_has_the_same_bits() {
    check_resume::<f32>();
    check_resume::<f64>();
    let adam = Adam::adamw(1e-3, 0.1).clip_norm(2.0).group("*bias", Group::default());
    assert_eq!(through_json(&adam), adam);
    let short = r#"{"optimizer": {"lr": 0.1}, "rules": {"l2": 0.5}}"#;
    assert_eq!(serde_json::from_str::<With<Sgd>>(short).unwrap(), Sgd { lr: 0.1 }.with().l2(0.5));
}

#[test]
#[should_panic(expected = "the state is of the optimizer adamax, not of nadam")]
fn the_state_of_another_optimizer_is_refused() {
    let mut w = Param::new(Matrix::from([[1.0]]));
    let mut state = Adamax::new(0.1).init(&w);
    NAdam::new(0.1).step(&mut w, &Given(Matrix::from([[1.0]])), &mut state);
}

// ---------------------------------------------------------------- properties

/// Gradients of a few steps, for three weights.
fn gradients() -> impl Strategy<Value = Vec<Vec<f64>>> {
    prop::collection::vec(prop::collection::vec(-3.0..3.0f64, 3), 1..12)
}

fn scaled(gradients: &[Vec<f64>], c: f64) -> Vec<Vec<f64>> {
    gradients.iter().map(|g| g.iter().map(|g| c * g).collect()).collect()
}

const START: [f64; 3] = [0.5, -2.0, 1.0];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_gradient_no_step(w in prop::collection::vec(-1e3..1e3f64, 3), steps in 1..30usize) {
        for optimizer in all() {
            for moved in walk(&*optimizer, &w, &vec![vec![0.0; 3]; steps]) {
                prop_assert_eq!(&moved, &w, "{}", optimizer.name());
            }
        }
    }

    /// Every first step goes against the gradient.
    #[test]
    fn the_first_step_goes_downhill(g in prop::collection::vec(prop_oneof![-3.0..-1e-3, 1e-3..3.0f64], 3)) {
        for optimizer in all() {
            let moved = walk(&*optimizer, &START, std::slice::from_ref(&g)).remove(0);
            for i in 0..3 {
                prop_assert!((moved[i] - START[i]) * g[i] < 0.0, "{}", optimizer.name());
            }
        }
    }

    /// Without ε, Adam and similar optimizers do not depend on the unit of the loss: a power of 2 changes no bit. (RAdam's first steps
    /// are not normalised.)
    #[test]
    fn adaptive_steps_do_not_depend_on_the_unit_of_the_loss(gradients in gradients(), power in -20..20i32) {
        let without_eps: [Box<dyn Optimizer<f64>>; 7] = [
            Box::new(Adam { eps_outside: 0.0, ..Adam::new(0.01) }),
            Box::new(Adam { eps_inside: 0.0, ..Adam::lecture(0.01) }),
            Box::new(Adam { eps_outside: 0.0, ..Adam::amsgrad(0.01) }),
            Box::new(Adamax { eps: 0.0, ..Adamax::new(0.01) }),
            Box::new(NAdam { eps: 0.0, ..NAdam::new(0.01) }),
            Box::new(RmsProp { eps_outside: 0.0, ..RmsProp::torch(0.01) }),
            Box::new(Adagrad { eps: 0.0, ..Adagrad::new(0.01) }),
        ];
        let other = scaled(&gradients, 2f64.powi(power));
        for optimizer in without_eps {
            prop_assert_eq!(walk(&*optimizer, &START, &gradients), walk(&*optimizer, &START, &other));
        }
    }

    /// Rprop sees only signs; Lion sees the sign of an average, which no positive factor changes.
    #[test]
    fn signs_have_no_size(gradients in gradients(), power in -300..300i32) {
        let signs: Vec<Vec<f64>> = gradients.iter().map(|g| g.iter().map(|g| g.signum()).collect()).collect();
        let rprop = Rprop::new(0.01);
        prop_assert_eq!(walk(&rprop, &START, &gradients), walk(&rprop, &START, &signs));
        let other = scaled(&gradients, 2f64.powi(power));
        for optimizer in [&rprop as &dyn Optimizer<f64>, &Lion::new(0.01)] {
            prop_assert_eq!(walk(optimizer, &START, &gradients), walk(optimizer, &START, &other));
        }
    }

    /// Rules with neutral settings change no bit, and a decay does what it says, for every optimizer.
    #[test]
    fn rules_at_rest_and_decay(gradients in gradients(), decay in 0.0..0.5f64) {
        for (optimizer, same) in all::<f64>().into_iter().zip(all()) {
            let (plain, lr) = (walk(&*optimizer, &START, &gradients[..1]), optimizer.lr());
            let at_rest = With::new(same).clip_norm(1e3).clip_value(1e3);
            prop_assert_eq!(&plain, &walk(&at_rest, &START, &gradients[..1]));
            let decayed = walk(&With::new(optimizer).decoupled_decay(decay), &START, &gradients[..1]);
            for i in 0..3 {
                let expected = plain[0][i] - lr * decay * START[i];
                prop_assert!((decayed[0][i] - expected).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn single_precision_is_close_to_double(gradients in gradients()) {
        let narrow: Vec<Vec<f32>> = gradients.iter().map(|g| g.iter().map(|&g| g as f32).collect()).collect();
        let same: Vec<Vec<f64>> = narrow.iter().map(|g| g.iter().map(|&g| f64::from(g)).collect()).collect();
        for (single, double) in all::<f32>().into_iter().zip(all::<f64>()) {
            let single_walk = walk(&*single, &START.map(|w| w as f32), &narrow);
            for (single_w, double_w) in single_walk.iter().zip(walk(&*double, &START, &same)) {
                for (a, b) in single_w.iter().zip(double_w) {
                    // For sign rules, another sign of an average near 0 changes a step by 2 α.
                    let allowed = if single.name() == "lion" { 0.02 * gradients.len() as f64 } else { 1e-4 };
                    prop_assert!((f64::from(*a) - b).abs() <= allowed, "{}: {a} {b}", single.name());
                }
            }
        }
    }
}
