//! Levenberg and Marquardt's method on models: the same as least squares written by hand, and what it refuses.

use std::ops::ControlFlow;

use autograd::{Compiled, hstack, vstack};
use kernel::pool::Pooled;
use nn::data::Dataset;
use nn::estimator::{Curves, EstimatorError, FittedRegressor, MlpRegressor, Solver};
use nn::least_squares::{FitModelError, LevenbergMarquardt, Reason};
use nn::loss::Loss;
use nn::{
    Activation, BatchNorm, Bidirectional, Dropout, Each, Gru, Init, Layer, Linear, Lstm, Matrix, Mlp, Module, Param,
    Path, Real, Recurrent, Rnn, Sequential, Tape, Var,
};
use proptest::prelude::*;
use solve::{LeastSquares, Method, RobustLoss};
use tape_tests::{panic_of, says};

use crate::{folder, normal, rng, some};

const METHODS: [Method; 4] =
    [Method::LevenbergMarquardt, Method::Dogleg, Method::NormalEquations, Method::ConjugateGradients];

/// Two curved targets of two features with noise.
fn data() -> Dataset<f64, Matrix<f64>> {
    let x = normal(2, 40, 1);
    let noise = normal(2, 40, 2);
    let t = Matrix::from_fn(2, 40, |i, n| {
        let [a, b] = [x[(0, n)], x[(1, n)]];
        (if i == 0 { (a * b).tanh() } else { a - 0.5 * b }) + 0.2 * noise[(i, n)]
    });
    let weights = (0..40).map(|n| [1.0, 0.25, 2.0, 0.0][n % 4]).collect();
    Dataset { weights: Some(weights), ..Dataset::new(x, t) }
}

/// Settings that end after this number of evaluations.
fn after(max_evaluations: u64, method: Method) -> LeastSquares {
    LeastSquares { method, max_evaluations, ..LeastSquares::default() }
}

#[track_caller]
fn near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    for (k, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * largest, "{k}: {a:e} and {b:e}");
    }
}

/// Every step is that of `least_squares` on the same residuals, written by hand as a function of a column: several outputs, weights, a
/// decay of the weights as residuals √λ w, a frozen bias.
#[test]
fn steps_are_those_of_residuals_written_by_hand() {
    let (data, decay) = (data(), 0.3f64);
    let mut net: Mlp<f64> = Mlp::new(&[2, 3, 2], Activation::Tanh, &mut rng(3));
    net.freeze(&|name| name == "layers.1.bias");
    let start: Vec<f64> = trained(&net);
    let roots = Matrix::from_fn(1, 40, |_, n| data.weights.as_ref().unwrap()[n].sqrt());
    let by_hand = || {
        Compiled::new(|theta: &[Var<'_, f64>]| {
            let (theta, tape) = (theta[0], theta[0].tape());
            let part = |from: usize, m: usize, n: usize| theta.rows_in(from..from + m * n).reshape(m, n);
            let [w, b, v] = [part(0, 3, 2), part(6, 3, 1), part(9, 2, 3)];
            let x = tape.constant(data.x.clone());
            let h = (w.matmul(x) + b.repeat(3, 40)).tanh();
            let r = (v.matmul(h) - tape.constant(data.t.clone())) * tape.constant(roots.clone()).repeat(2, 40);
            let decayed = vstack(&[theta.rows_in(0..6), theta.rows_in(9..15)]) * decay.sqrt();
            vstack(&[r.reshape(80, 1), decayed])
        })
    };
    for method in METHODS {
        for evaluations in [2, 3, 6, 20, 1000] {
            let settings = after(evaluations, method);
            let expected = settings.fit(by_hand(), &start).unwrap();
            let mut found = net.clone();
            let fit = LevenbergMarquardt::new().decay(decay).settings(settings).fit(&mut found, &data).unwrap();
            near(&fit.parameters, &expected.parameters, 1e-6);
            near(&fit.residuals, &expected.residuals, 1e-6);
            assert!((fit.sum - expected.sum).abs() <= 1e-10 * expected.sum, "{method:?} {fit}\n{expected}");
            assert_eq!(trained(&found), fit.parameters, "the model has the parameters of the result");
            assert_eq!(found.layers[1].bias, net.layers[1].bias, "what is frozen stays");
            if evaluations == 1000 {
                assert!(fit.reason.is_converged(), "{fit}");
                if let (Some(errors), Some(of_hand)) = (fit.standard_errors(), expected.standard_errors()) {
                    near(&errors, &of_hand, 1e-5);
                }
            }
        }
    }
    let fit = LevenbergMarquardt::new().fit(&mut net, &data).unwrap();
    assert_eq!((fit.names[0].as_str(), fit.names[4].as_str()), ("layers.0.weight(0,0)", "layers.0.weight(1,1)"));
    assert_eq!(fit.names.len(), 15);
}

fn trained<T: Real>(model: &dyn Module<T>) -> Vec<f64> {
    let mut all = Vec::new();
    model.params(&Path::Root, &mut |_, param| {
        if param.is_trained() {
            all.extend(param.value().as_slice().iter().map(|w| w.to_f64()));
        }
    });
    all
}

/// At the minimum no parameter beside it has a smaller sum: for models that use a parameter twice, mix samples, or read series.
#[track_caller]
fn is_minimum<M: Module<f64> + Clone>(
    model: &M,
    residuals: impl for<'t> Fn(&'t Tape<'t, f64>, &'t M) -> Var<'t, f64> + Copy,
) {
    let mut sums = Vec::new();
    for method in METHODS {
        let settings = LeastSquares { method, ..LeastSquares::default() };
        let mut fitted = model.clone();
        let go_on = |_: &M, _: &nn::least_squares::Progress<'_>| ControlFlow::Continue(());
        let fit = LevenbergMarquardt::new().settings(settings).fit_residuals(&mut fitted, residuals, go_on).unwrap();
        assert!(fit.reason.is_converged(), "{method:?} {fit}");
        let sum = |model: &M| {
            let tape = Tape::new();
            residuals(&tape, model).square().sum().item()
        };
        assert!((sum(&fitted) - fit.sum).abs() <= 1e-12 * fit.sum);
        for k in 0..fit.parameters.len() {
            for step in [1e-4, -1e-4] {
                let (mut beside, mut at) = (fitted.clone(), 0);
                beside.params_mut(&Path::Root, &mut |_, param| {
                    for w in param.value_mut().as_mut_slice() {
                        *w += if at == k { step } else { 0.0 };
                        at += 1;
                    }
                });
                assert!(sum(&beside) >= fit.sum * (1.0 - 1e-9), "{method:?}: entry {k}: {} {fit}", sum(&beside));
            }
        }
        sums.push(fit.sum);
    }
    sums.iter().for_each(|sum| assert!((sum - sums[0]).abs() <= 1e-6 * sums[0], "{sums:?}"));
}

/// y = wᵀ tanh(w x), with w in both layers.
#[derive(Clone, Module)]
struct Twice {
    w: Param<f64>,
    shift: Param<f64>,
}

impl Layer<f64> for Twice {
    fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
        let w = x.tape().param(&self.w);
        w.matmul_tn(w.matmul(x).tanh()) + x.tape().param(&self.shift).repeat(1, x.cols())
    }
}

#[test]
fn shared_parameters_count_once() {
    let (x, noise) = (normal(1, 30, 5), normal(1, 30, 6));
    let t = Matrix::from_fn(1, 30, |_, n| (2.0 * x[(0, n)]).tanh() + 0.1 * noise[(0, n)]);
    let model = Twice { w: Param::new(Matrix::column(&[0.9])), shift: Param::new(Matrix::zeros(1, 1)) };
    is_minimum(&model, |tape, model| model.forward(tape.constant(x.clone())) - tape.constant(t.clone()));
    // Residuals that mix the samples, in another shape than that of the data, and of which some read no data.
    is_minimum(&model, |tape, model| {
        let y = model.forward(tape.constant(x.clone()));
        hstack(&[y - y.mean().repeat(1, 30) - tape.constant(t.clone()), tape.param(&model.shift) - 0.5])
    });
    // As many columns as samples, and no data at all.
    let alone = vec![Param::new(some::<f64>(2, 3, 1))];
    is_minimum(&alone, |tape, alone| {
        (tape.param(&alone[0]).exp() - tape.constant(Matrix::full(2, 3, 2.0))) * 2.0 + 0.0
    });
}

#[test]
fn series_of_different_lengths() {
    #[derive(Clone, Module)]
    struct Net(Linear<f64>);
    impl Layer<f64> for Net {
        fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
            self.0.forward(x).tanh().mean_over(nn::Axis::Cols)
        }
    }
    let series: Vec<Matrix<f64>> = (0..12).map(|k| normal(2, 1 + k % 4, 50 + k as u64)).collect();
    let t = normal(1, 12, 9).map(|t| 0.3 * t);
    let net = Each(Net(Linear::new(2, 1, Init::Xavier, &mut rng(1))));
    is_minimum(&net, |tape, net| {
        let each: Vec<_> = series.iter().map(|x| net.0.forward(tape.constant(x.clone()))).collect();
        hstack(&each) - tape.constant(t.clone())
    });
}

/// A recurrent layer of every kind, one on the other.
#[derive(Clone, Module)]
struct Deep {
    rnn: Rnn<f64>,
    gru: Bidirectional<Gru<f64>>,
    lstm: Lstm<f64>,
    output: Linear<f64>,
}

/// Series of different lengths, with a shrinkage of all numbers: the steps are those of residuals that are computed on a tape, whose
/// Jacobian is a backward pass for each.
#[test]
fn steps_on_recurrent_layers_are_those_of_gradients() {
    let rng = &mut rng(8);
    let gru = Bidirectional { forward: Gru::new(2, 1, rng), backward: Gru::new(2, 1, rng) };
    let deep = Deep {
        rnn: Rnn::new(2, 2, rng),
        gru,
        lstm: Lstm::new(2, 2, rng),
        output: Linear::new(2, 1, Init::Xavier, rng),
    };
    let lengths = [5, 2, 0, 4, 3, 5];
    let steps: Vec<_> = (0..5).map(|t| normal(2, 6, 30 + t)).collect();
    let targets = normal(1, 30, 40).map(|t| t.tanh());
    fn residuals<'t>(
        tape: &'t Tape<'t, f64>,
        net: &'t Deep,
        steps: &[Matrix<f64>],
        lengths: &[usize],
        targets: &Matrix<f64>,
    ) -> Var<'t, f64> {
        let xs: Vec<_> = steps.iter().map(|x| tape.constant(x.clone())).collect();
        let ys = net.rnn.run_padded(&xs, lengths, None).0;
        let ys = net.gru.run_padded(&ys, lengths, None).0;
        let ys = net.lstm.run_padded(&ys, lengths, None).0;
        let ys: Vec<_> = ys.into_iter().map(|y| net.output.forward(y)).collect();
        let shrunk = net
            .named_params()
            .into_iter()
            .map(|(_, param)| (tape.param(param) * 0.3).reshape(1, param.value().as_slice().len()));
        hstack(&[hstack(&ys) - tape.constant(targets.clone())].into_iter().chain(shrunk).collect::<Vec<_>>())
    }
    let at = |theta: &[f64]| {
        let (mut net, mut rest) = (deep.clone(), theta.iter());
        net.params_mut(&Path::Root, &mut |_, param| {
            param.value_mut().as_mut_slice().iter_mut().zip(&mut rest).for_each(|(w, x)| *w = *x);
        });
        net
    };
    let values = |theta: &[f64]| {
        let (net, tape) = (at(theta), Tape::new());
        residuals(&tape, &net, &steps, &lengths, &targets).value().as_slice().to_vec()
    };
    let jacobian = |theta: &[f64]| {
        let (net, tape) = (at(theta), Tape::new());
        let all = residuals(&tape, &net, &steps, &lengths, &targets);
        let rows: Vec<Vec<f64>> = (0..all.cols())
            .map(|k| {
                let grads = all.at(0, k).backward();
                let of = |param: &Param<f64>| {
                    grads.get(param).map_or(vec![0.0; param.value().as_slice().len()], |g| g.as_slice().to_vec())
                };
                net.named_params().into_iter().flat_map(|(_, param)| of(param)).collect()
            })
            .collect();
        Matrix::from_fn(rows.len(), theta.len(), |i, k| rows[i][k])
    };
    for method in METHODS {
        for evaluations in [2, 3, 6] {
            let settings = after(evaluations, method);
            let expected = settings.fit((values, jacobian), &trained(&deep)).unwrap();
            let mut found = deep.clone();
            let fit = LevenbergMarquardt::new().settings(settings).fit_residuals(
                &mut found,
                |tape, net| residuals(tape, net, &steps, &lengths, &targets),
                |_, _| ControlFlow::Continue(()),
            );
            let fit = fit.unwrap();
            near(&fit.parameters, &expected.parameters, 1e-6);
            near(&fit.residuals, &expected.residuals, 1e-6);
            assert_eq!(trained(&found), fit.parameters);
        }
    }
}

/// A sample of weight 2 is two samples, one of weight 0 is none.
#[test]
fn weights_are_repeated_samples() {
    let plain = data();
    let weights: Vec<f64> = (0..40).map(|n| [1.0, 2.0, 0.0][n % 3]).collect();
    let repeated: Vec<usize> = (0..40).flat_map(|n| vec![n; weights[n] as usize]).collect();
    let weighted = Dataset { weights: Some(weights), ..plain.clone() };
    let repeated = Dataset { weights: None, ..plain.select(&repeated) };
    let net: Mlp<f64> = Mlp::new(&[2, 2, 2], Activation::Tanh, &mut rng(3));
    let [a, b] = [&weighted, &repeated].map(|data| {
        let mut net = net.clone();
        LevenbergMarquardt::new().decay(1e-2).fit(&mut net, data).unwrap()
    });
    near(&a.parameters, &b.parameters, 1e-6);
    assert!((a.sum - b.sum).abs() <= 1e-10 * a.sum);
}

#[test]
fn huber_is_robust() {
    let x = Matrix::from_fn(1, 40, |_, n| n as f64 / 20.0 - 1.0);
    let mut t = x.map(|x| 2.0 * x - 0.5);
    t[(0, 7)] = 80.0;
    let line = || Linear::<f64>::new(1, 1, Init::Zeros, &mut rng(0));
    let fit = |loss: Loss| {
        let mut net = line();
        let data = Dataset::new(x.clone(), t.clone());
        let sum = LevenbergMarquardt::new().loss(loss.clone()).fit(&mut net, &data).unwrap().sum;
        let tape = Tape::new();
        let losses = loss.of(net.forward(tape.constant(&x)), tape.constant(&t), nn::Reduction::Sum).item();
        (net.weight.value()[(0, 0)], sum / losses)
    };
    let (squares, one) = fit(Loss::Mse);
    let (robust, two) = fit(Loss::Huber { delta: 0.1 });
    assert!((squares - 2.0).abs() > 1.0 && (robust - 2.0).abs() < 0.1, "{squares} {robust}");
    assert!((one - 1.0).abs() < 1e-12 && (two - 2.0).abs() < 1e-9, "{one} {two}");
}

#[test]
fn single_precision() {
    let data = data();
    let narrow = |x: &Matrix<f64>| x.map(|x| x as f32);
    let single = Dataset { weights: data.weights.clone(), ..Dataset::new(narrow(&data.x), narrow(&data.t)) };
    let mut wide: Mlp<f64> = Mlp::new(&[2, 3, 2], Activation::Tanh, &mut rng(3));
    let mut net: Mlp<f32> = Mlp::new(&[2, 3, 2], Activation::Tanh, &mut rng(3));
    let settings = LevenbergMarquardt::new().decay(0.1);
    let (a, b) = (settings.fit(&mut wide, &data).unwrap(), settings.fit(&mut net, &single).unwrap());
    assert!(b.reason.is_converged() && (a.sum - b.sum).abs() < 1e-4 * a.sum, "{a}\n{b}");
    assert!(b.evaluations < 200, "{b}");
}

/// The model at each call is that of the point, and the last one that was tried is not kept.
#[test]
fn it_can_be_watched_and_stopped() {
    let (data, mut net) = (data(), Mlp::<f64>::new(&[2, 8, 2], Activation::Tanh, &mut rng(3)));
    let mut sums = Vec::new();
    let fit = LevenbergMarquardt::new().fit_while(&mut net, &data, |net, now| {
        assert_eq!(trained(net), now.parameters);
        sums.push(now.sum);
        if sums.len() == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let fit = fit.unwrap();
    assert_eq!((fit.reason, fit.iterations, fit.sum), (Reason::Stopped, 5, sums[4]));
    assert!(sums.is_sorted_by(|a, b| a > b) && trained(&net) == fit.parameters);
    says(&fit, &["NOT CONVERGED", "layers.0.weight(0,0)"]);
}

#[test]
fn what_does_not_fit() {
    let (data, lm) = (data(), LevenbergMarquardt::new());
    let plain = Dataset { weights: None, ..data.clone() };
    let mut net: Mlp<f64> = Mlp::new(&[2, 3, 2], Activation::Tanh, &mut rng(3));
    let before = net.clone();
    let mut refuses = |lm: &LevenbergMarquardt, data: &Dataset<f64, Matrix<f64>>, words: &[&str]| {
        says(lm.fit(&mut net, data).unwrap_err(), words);
        assert_eq!(net, before, "it is unchanged");
    };
    refuses(&lm.clone().loss(Loss::L1), &plain, &["`l1` is not a sum of squares", "Trainer"]);
    refuses(&lm.clone().loss(Loss::PoissonNll), &plain, &["`poisson_nll`"]);
    refuses(&lm.clone().loss(Loss::Huber { delta: -1.0 }), &plain, &["huber: delta: -1"]);
    refuses(&lm.clone().loss(Loss::Huber { delta: 1.0 }), &data, &["robust loss", "weights of samples"]);
    refuses(&lm.clone().loss(Loss::Huber { delta: 1.0 }).decay(0.1), &plain, &["robust loss", "a decay"]);
    let cauchy = LeastSquares { loss: RobustLoss::Cauchy(1.0), ..LeastSquares::default() };
    refuses(&lm.clone().settings(cauchy), &data, &["weights of samples"]);
    let two = lm.clone().loss(Loss::Huber { delta: 1.0 }).settings(cauchy);
    refuses(&two, &plain, &["the loss is Huber's of 1", "Cauchy(1.0)", "set one of them"]);
    refuses(&LevenbergMarquardt { decay: -1.0, ..lm.clone() }, &plain, &["decay: -1 should be"]);
    let wrong = LeastSquares { first_step: 0.0, ..LeastSquares::default() };
    refuses(&lm.clone().settings(wrong), &plain, &["first_step: 0"]);
    let wrong = LeastSquares { step_tolerance: f64::NAN, ..LeastSquares::default() };
    refuses(&lm.clone().settings(wrong), &plain, &["step_tolerance: NaN"]);
    let wrong = LeastSquares { decrease_tolerance: -1.0, ..LeastSquares::default() };
    refuses(&lm.clone().settings(wrong), &plain, &["decrease_tolerance: -1"]);
    type Change = fn(&mut Dataset<f64, Matrix<f64>>);
    let with = |f: Change| {
        let mut data = data.clone();
        f(&mut data);
        data
    };
    refuses(&lm, &with(|data| data.x[(1, 3)] = f64::NAN), &["row 1 of x of sample 3 is NaN"]);
    refuses(&lm, &with(|data| data.t[(0, 4)] = f64::INFINITY), &["row 0 of t of sample 4 is inf"]);
    refuses(&lm, &with(|data| data.weights = Some(vec![-1.0; 40])), &["weight of sample 0 is -1"]);
    refuses(&lm, &with(|data| data.t = data.t.map(|t| 1e200 * t)), &["too large or too small a number at the start"]);

    let dropout = || Sequential::new().then(Linear::new(2, 2, Init::He, &mut rng(0))).then(Dropout::new(0.1));
    says(lm.fit(&mut dropout(), &plain).unwrap_err(), &["random numbers", "dropout"]);
    let mut norm = Sequential::new().then(Linear::new(2, 2, Init::He, &mut rng(0))).then(BatchNorm::new(2));
    says(lm.fit(&mut norm, &plain).unwrap_err(), &["buffer `1.running_mean`", "batch normalisation"]);
    let mut frozen = before.clone();
    frozen.freeze(&|_| true);
    assert_eq!(lm.fit(&mut frozen, &plain).unwrap_err(), FitModelError::NothingTrained);

    let mut net = before.clone();
    let narrow = Dataset { t: Matrix::zeros(1, 40), ..plain.clone() };
    let panic = panic_of(|| lm.fit(&mut net, &narrow));
    says(&panic.message, &["2 × 40", "1 × 40"]);
    let short = Dataset { weights: Some(vec![1.0]), ..plain };
    let panic = panic_of(|| lm.fit(&mut net, &short));
    says(&panic.message, &["1 weights for 40 samples"]);
    assert!(panic.file.ends_with("least_squares.rs") && panic.file.contains("tests"), "{panic:?}");
    let panic = panic_of(|| LevenbergMarquardt::new().decay(f64::NAN));
    assert!(panic.file.contains("tests"), "{panic:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A fit in memory that others have used has the bits of one in new memory: after a fit of another shape, and with NaN in all free
    /// buffers.
    #[test]
    fn used_memory_changes_no_bit(
        (inputs, hidden, outputs) in (1..3usize, 1..8usize, 1..3usize),
        (samples, decay, method) in (3..40usize, prop::sample::select(vec![0.0, 0.2]), 0..4usize),
        seed in 0..1000u64,
    ) {
        let data = Dataset::new(normal(inputs, samples, seed), normal(outputs, samples, seed + 1));
        let net: Mlp<f64> = Mlp::new(&[inputs, hidden, outputs], Activation::Tanh, &mut rng(seed));
        let settings = LevenbergMarquardt::new().decay(decay).settings(after(12, METHODS[method]));
        let fit = |net: &Mlp<f64>, data| {
            let fit = settings.fit(&mut net.clone(), data).unwrap();
            (fit.parameters, fit.residuals, fit.sum, fit.reason, [fit.iterations, fit.evaluations])
        };
        nn::autograd::free_buffers();
        let first = fit(&net, &data);
        let other = self::data();
        fit(&Mlp::new(&[2, 11, 2], Activation::Tanh, &mut rng(seed)), &other);
        prop_assert_eq!(&fit(&net, &data), &first);
        let taken: Vec<_> = (0..60)
            .map(|_| {
                let mut buffer = Pooled::<Vec<f64>>::take();
                buffer.clear();
                buffer.resize(20_000, f64::NAN);
                buffer
            })
            .collect();
        drop(taken);
        prop_assert_eq!(&fit(&net, &data), &first);
    }
}

fn regressor() -> MlpRegressor {
    MlpRegressor::new().hidden(&[6]).activation(Activation::Tanh).levenberg_marquardt()
}

/// The same bits from the same seed, on 1 and 2 threads, and from a file.
#[test]
fn a_regressor_is_kept() {
    let data = data();
    let fit = |seed, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| regressor().seed(seed).hidden(&[40]).max_epochs(20).fit_dataset(&data).unwrap())
    };
    let model = fit(1, 1);
    assert_eq!(model, fit(1, 2));
    assert_ne!(model.net(), fit(2, 1).net());
    let folder = folder("least_squares");
    for extension in ["json", "nn"] {
        let path = folder.join("regressor").with_extension(extension);
        nn::save(&path, &model).unwrap();
        let again: FittedRegressor<f64> = nn::load(&path).unwrap();
        assert!(again == model && again.predict(&data.x).unwrap() == model.predict(&data.x).unwrap());
    }
    let json = serde_json::to_string(&regressor()).unwrap();
    assert!(json.contains(r#""solver":"levenberg_marquardt""#), "{json}");
    assert_eq!(serde_json::from_str::<MlpRegressor>(&json).unwrap(), regressor());
    let old: MlpRegressor = serde_json::from_str(r#"{"settings": {"hidden": [8]}}"#).unwrap();
    assert_eq!(old.solver, Solver::Adam);
    let lm = LevenbergMarquardt::new().decay(0.5).settings(after(7, Method::Dogleg));
    assert_eq!(serde_json::from_str::<LevenbergMarquardt>(&serde_json::to_string(&lm).unwrap()).unwrap(), lm);
}

/// It minimizes what Adam minimizes with all samples in a batch.
#[test]
fn a_regressor_has_the_loss_of_adam() {
    let mut data = data();
    data.weights = Some((0..40).map(|n| 1.0 + (n % 3) as f64).collect());
    let lm = regressor().hidden(&[3]).alpha(2.0).tolerance(-1.0).max_epochs(500);
    let found = lm.fit_dataset(&data).unwrap();
    assert!(found.curves().converged && found.curves().losses.is_sorted_by(|a, b| a > b));
    let adam =
        MlpRegressor { solver: Solver::Adam, ..lm }.lr(0.02).batch(40).max_epochs(3000).fit_dataset(&data).unwrap();
    let last = |curves: &Curves| *curves.losses.last().unwrap();
    let (a, b) = (last(found.curves()), last(adam.curves()));
    assert!(a <= b && b - a < 1e-4 * b, "{a} and Adam's {b}");
    let single =
        Dataset { weights: data.weights.clone(), ..Dataset::new(data.x.map(|x| x as f32), data.t.map(|t| t as f32)) };
    let single = regressor().hidden(&[3]).alpha(2.0).fit_dataset(&single).unwrap();
    assert!(
        (single.predict(&data.x.map(|x| x as f32)).unwrap().map(f64::from) - found.predict(&data.x).unwrap())
            .as_slice()
            .iter()
            .all(|d| d.abs() < 0.05)
    );
}

#[test]
fn early_stopping_keeps_the_best_weights() {
    let data = Dataset { weights: None, ..data() };
    let early = regressor().hidden(&[20]).alpha(0.0).early_stopping(0.3).tolerance(0.0).patience(5);
    let model = early.fit_dataset(&data).unwrap();
    let curve = &model.curves().validation;
    let best = (0..curve.len()).min_by(|&a, &b| curve[a].total_cmp(&curve[b])).unwrap();
    assert!(model.curves().converged && best + 1 < curve.len(), "{curve:?}");
    assert_eq!(model.curves().losses.len(), curve.len());
    let cut = early.max_epochs(best + 1).fit_dataset(&data).unwrap();
    assert_eq!(model.net(), cut.net());
    let error = regressor().max_epochs(0).fit_dataset(&data).unwrap_err();
    assert!(matches!(error, EstimatorError::Setting { setting: "max_epochs", .. }));
}

/// More numbers than factors of Jᵀ J are for: conjugate gradients, without a matrix.
#[test]
fn large_models() {
    let data = data();
    let mut net: Mlp<f64> = Mlp::new(&[2, 60, 60, 2], Activation::Tanh, &mut rng(1));
    assert!(net.count_params() > 3000);
    let mut seen = 0;
    let fit = LevenbergMarquardt::new().decay(1e-3).fit_while(&mut net, &data, |_, _| {
        seen += 1;
        if seen < 6 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let fit = fit.unwrap();
    assert_eq!(fit.criteria.tolerances.method, Method::ConjugateGradients);
    let error = fit.residuals[..80].iter().map(|r| r * r).sum::<f64>();
    // Below the noise of the data.
    let noise = normal(2, 40, 2);
    let weights = data.weights.as_ref().unwrap();
    let of_noise: f64 = (0..80).map(|k| weights[k / 2] * (0.2 * noise.as_slice()[k]).powi(2)).sum();
    assert!(error < of_noise && fit.standard_errors().is_none(), "{error} {of_noise}");
}
