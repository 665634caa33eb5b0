//! A setting that is out of its range is refused where it is set or first used; the message has its name and value.

use nn::data::Dataset;
use nn::loss::{BinaryCrossEntropy, CrossEntropy, Loss};
use nn::parallel::Parallel;
use nn::schedule::{
    Cosine, CosineRestarts, Exponential, Goal, InverseSqrt, InverseTime, MultiStep, OneCycle, Plateau, Polynomial,
    Schedule, StepDecay, Threshold, Triangular,
};
use nn::train::{End, TrainError, Trainer};
use nn::{
    Activation, Adadelta, Adagrad, Adam, Adamax, BatchNorm, Group, Layer, LayerNorm, Lbfgs, LineSearch, Linear, Lion,
    Matrix, MinimizeModel, Momentum, NAdam, Optimizer, Param, RAdam, Reduction, RmsNorm, RmsProp, Rprop, Sgd, Tape,
    With, schedule,
};

use crate::wrong_input::panics;

type Batch = (Matrix<f64>, Matrix<f64>);

fn data() -> Dataset<f64, Matrix<f64>> {
    Dataset::new(Matrix::full(1, 8, 1.0), Matrix::full(1, 8, 1.0))
}

fn net() -> Linear<f64> {
    Linear { weight: Param::new(Matrix::full(1, 1, 0.5)), bias: None }
}

/// By a panic of `init`, and by an error of a trainer, before anything has changed.
#[track_caller]
fn check(optimizer: impl Optimizer<f64> + Send + 'static, setting: &str, value: &str) {
    let words = [setting, value, "should be"];
    panics(&words, || optimizer.init(&net()));
    let mut model = net();
    let error = Trainer::with_loss(Loss::Mse, optimizer).quiet().fit(&mut model, &data()).unwrap_err();
    assert!(matches!(error, TrainError::Setting(_)), "{error}");
    words.iter().for_each(|word| assert!(error.to_string().contains(word), "{word}: {error}"));
    assert_eq!(model, net());
}

#[test]
fn optimizers() {
    for (bad, text) in [(-0.1, "-0.1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        check(Sgd { lr: bad }, "sgd: lr", text);
        check(Momentum { lr: bad, ..Momentum::new(0.1, 0.9) }, "momentum: lr", text);
        check(Adam { lr: bad, ..Adam::new(0.1) }, "adam: lr", text);
        check(Adam { eps_outside: bad, ..Adam::new(0.1) }, "eps_outside", text);
        check(Adam { eps_inside: bad, ..Adam::new(0.1) }, "eps_inside", text);
        check(Adagrad { lr_decay: bad, ..Adagrad::new(0.1) }, "lr_decay", text);
        check(Adagrad { initial: bad, ..Adagrad::new(0.1) }, "initial", text);
        check(Adadelta { eps: bad, ..Adadelta::new(0.1) }, "adadelta: eps", text);
        check(Adamax { eps: bad, ..Adamax::new(0.1) }, "adamax: eps", text);
        check(NAdam { momentum_decay: bad, ..NAdam::new(0.1) }, "momentum_decay", text);
        check(RAdam { eps: bad, ..RAdam::new(0.1) }, "radam: eps", text);
        check(RmsProp { initial_scale: bad, ..RmsProp::torch(0.1) }, "initial_scale", text);
        check(Rprop { min_step: bad, ..Rprop::new(0.1) }, "min_step", text);
        // Rules from a file may be out of their ranges.
        let sgd = || Sgd { lr: 0.1 }.with();
        let with = |set: fn(&mut With<Sgd>, f64)| {
            let mut rules = sgd();
            set(&mut rules, bad);
            rules
        };
        check(with(|sgd, x| sgd.rules.l2 = x), "l2", text);
        check(with(|sgd, x| sgd.rules.decoupled_decay = x), "decoupled_decay", text);
        let group = |lr_factor, decay_factor| Group { lr_factor, decay_factor };
        let mut rules = sgd();
        rules.rules.groups.push(("*".to_owned(), group(bad, 1.0)));
        check(rules, "lr_factor", text);
        panics(&["group `*`: decay_factor", text], || sgd().group("*", group(1.0, bad)));
        check(Box::new(Sgd { lr: bad }) as Box<dyn Optimizer<f64> + Send>, "sgd: lr", text);
    }
    for (bad, text) in [(-0.5, "-0.5"), (1.0, "1"), (1.5, "1.5"), (f64::NAN, "NaN")] {
        check(Momentum::new(0.1, bad), "momentum: momentum", text);
        check(RmsProp { decay: bad, ..RmsProp::torch(0.1) }, "rmsprop: decay", text);
        check(RmsProp { momentum: bad, ..RmsProp::torch(0.1) }, "rmsprop: momentum", text);
        check(Adadelta { decay: bad, ..Adadelta::new(0.1) }, "adadelta: decay", text);
        check(Adam { beta1: bad, ..Adam::new(0.1) }, "adam: beta1", text);
        check(Adam { beta2: bad, ..Adam::new(0.1) }, "adam: beta2", text);
        check(Adamax { beta2: bad, ..Adamax::new(0.1) }, "adamax: beta2", text);
        check(NAdam { beta1: bad, ..NAdam::new(0.1) }, "nadam: beta1", text);
        check(RAdam { beta2: bad, ..RAdam::new(0.1) }, "radam: beta2", text);
        check(Lion { beta1: bad, ..Lion::new(0.1) }, "lion: beta1", text);
    }
    for (bad, text) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN")] {
        let mut sgd = [Sgd { lr: 0.1 }.with(), Sgd { lr: 0.1 }.with()];
        sgd[0].rules.clip_value = Some(bad);
        sgd[1].rules.clip_norm = Some(bad);
        let [value, norm] = sgd;
        check(value, "clip_value", text);
        check(norm, "clip_norm", text);
    }
    check(Momentum { dampening: 1.5, ..Momentum::new(0.1, 0.9) }, "dampening", "1.5");
    check(Rprop { eta_minus: 1.5, ..Rprop::new(0.1) }, "eta_minus", "1.5");
    check(Rprop { eta_plus: 0.5, ..Rprop::new(0.1) }, "eta_plus", "0.5");
    let minimize = |lbfgs: Lbfgs| {
        lbfgs.minimize_model(&mut Param::new(Matrix::full(1, 1, 1.0)), |w: &Param<f64>| {
            let tape = Tape::new();
            let loss = tape.param(w).square();
            (loss.item(), loss.backward())
        })
    };
    panics(&["lbfgs: gradient_tolerance: NaN"], || {
        minimize(Lbfgs { gradient_tolerance: f64::NAN, ..Lbfgs::default() })
    });
    let line_search = LineSearch { curvature: 1.5, ..LineSearch::default() };
    panics(&["line_search: curvature: 1.5"], || minimize(Lbfgs { line_search, ..Lbfgs::default() }));
    panics(&["lbfgs: memory: 0"], || minimize(Lbfgs { memory: 0, ..Lbfgs::default() }));
    let line_search = LineSearch { max_trials: 0, ..LineSearch::default() };
    panics(&["line_search: max_trials: 0"], || minimize(Lbfgs { line_search, ..Lbfgs::default() }));
}

fn trainer<'a>() -> Trainer<'a, f64, Linear<f64>, Batch> {
    Trainer::with_loss(Loss::Mse, Sgd { lr: 0.1 }).quiet()
}

#[test]
fn schedules() {
    #[track_caller]
    fn refused(schedule: impl Schedule + Send + 'static, setting: &str, value: &str) {
        panics(&[setting, value, "should be"], || trainer().schedule(schedule));
    }
    refused(-0.5, "lr", "-0.5");
    refused(Cosine { lr: 0.1, min: -0.5, steps: 3 }, "Cosine: min", "-0.5");
    refused(Cosine { lr: f64::NAN, min: 0.0, steps: 3 }.warmup(3), "Cosine: lr", "NaN");
    refused(0.1.then(3, Exponential { lr: 0.1, factor: -2.0 }), "Exponential: factor", "-2");
    refused(0.1.times(schedule::LinearRamp { from: 1.0, to: -1.0, steps: 3 }), "LinearRamp: to", "-1");
    refused(StepDecay { lr: 0.1, every: 0, factor: 0.5 }, "StepDecay: every", "0");
    refused(MultiStep { lr: -0.1, milestones: vec![1], factor: 0.5 }, "MultiStep: lr", "-0.1");
    refused(Polynomial { lr: 0.1, end: -1.0, steps: 3, power: 1.0 }, "Polynomial: end", "-1");
    refused(InverseTime { lr: 0.1, tau: 0.0 }, "InverseTime: tau", "0");
    refused(InverseSqrt { lr: 0.1, warmup: 0 }, "InverseSqrt: warmup", "0");
    refused(CosineRestarts { lr: 0.1, min: 0.0, period: 0, growth: 1 }, "CosineRestarts: period", "0");
    refused(OneCycle { rise: 1.5, ..OneCycle::new(0.1, 9) }, "OneCycle: rise", "1.5");
    refused(Triangular { min: 0.0, max: -0.1, up: 1, down: 1, factor: 1.0 }, "Triangular: max", "-0.1");
    refused(0.1.every(0), "Every: steps", "0");
    let plateau = |plateau| panics(&["Plateau", "should be"], || trainer().plateau(plateau));
    plateau(Plateau { factor: 1.5, ..Plateau::new(0.1) });
    plateau(Plateau::new(-0.1));
    plateau(Plateau { threshold: Threshold::Absolute(-1.0), ..Plateau::new(0.1) });
}

/// At once by a trainer, at first use elsewhere.
#[test]
fn losses() {
    #[track_caller]
    fn refused(loss: Loss, setting: &str, value: f64) {
        let words = [setting, &format!("{value} should be")];
        assert!(loss.check().is_err_and(|problem| words.iter().all(|word| problem.contains(word))), "{loss:?}");
        panics(&words, || Trainer::<f64, Linear<f64>, Batch>::with_loss(loss.clone(), Sgd { lr: 0.1 }));
        let tape = Tape::<f64>::new();
        let x = tape.variable(Matrix::full(2, 1, 0.5));
        panics(&words, || loss.of(x, x, Reduction::Mean));
    }
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refused(Loss::Huber { delta: bad }, "huber: delta", bad);
        refused(Loss::SmoothL1 { beta: bad }, "smooth_l1: beta", bad);
        refused(Loss::MultiMargin { margin: bad }, "multi_margin: margin", bad);
        let binary = BinaryCrossEntropy { pos_weight: Some(vec![1.0, bad]), ..Default::default() };
        refused(binary.into(), "bce_with_logits: pos_weight", bad);
    }
    // In single precision they are 0 and ∞.
    let tape = Tape::<f32>::new();
    let x = tape.variable(Matrix::full(2, 1, 0.5f32));
    for (tiny, text) in [(1e-60, "0 should be"), (1e60, "inf should be")] {
        panics(&["huber: delta", text], || Loss::Huber { delta: tiny }.of(x, x, Reduction::Sum));
        panics(&["smooth_l1: beta", text], || Loss::SmoothL1 { beta: tiny }.of(x, x, Reduction::Sum));
        panics(&["multi_margin: margin", text], || Loss::MultiMargin { margin: tiny }.of(x, x, Reduction::Sum));
    }
    for bad in [-0.1, 1.5, f64::NAN] {
        let (binary, entropy) = (BinaryCrossEntropy::default(), CrossEntropy::default());
        refused(BinaryCrossEntropy { label_smoothing: bad, ..binary }.into(), "bce_with_logits: label_smoothing", bad);
        refused(CrossEntropy { label_smoothing: bad, ..entropy }.into(), "entropy: label_smoothing", bad);
    }
    for bad in [-0.1, f64::NAN, f64::INFINITY] {
        let entropy = CrossEntropy { class_weights: Some(vec![bad, 1.0]), ..CrossEntropy::default() };
        refused(entropy.into(), "softmax_cross_entropy: class_weights", bad);
    }
}

/// At first use, in training and in evaluation, and when they are read from a file.
#[test]
fn layers() {
    #[track_caller]
    fn refused(layer: impl Layer<f64>, words: &[&str]) {
        let tapes = [Tape::training(0), Tape::new()];
        for tape in &tapes {
            panics(words, || layer.forward(tape.constant(Matrix::full(1, 2, 0.5))));
        }
    }
    for (bad, text) in [(-1e-5, "-0.00001"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        refused(BatchNorm { eps: bad, ..BatchNorm::new(1) }, &["BatchNorm: eps", text]);
        refused(LayerNorm { eps: bad, ..LayerNorm::new(1) }, &["LayerNorm: eps", text]);
        refused(RmsNorm { eps: bad, ..RmsNorm::new(1) }, &["RmsNorm: eps", text]);
    }
    for (bad, text) in [(-0.1, "-0.1"), (1.5, "1.5"), (f64::NAN, "NaN")] {
        refused(BatchNorm { momentum: bad, ..BatchNorm::new(1) }, &["BatchNorm: momentum", text]);
    }
    for bad in [f64::NAN, f64::INFINITY] {
        refused(Activation::LeakyRelu(bad), &["leaky_relu", "should be finite"]);
        refused(Activation::Elu(bad), &["elu", "should be finite"]);
        refused(Activation::Celu(bad), &["celu", "should be positive"]);
    }
    refused(Activation::Celu(0.0), &["celu: 0 should be positive"]);
    assert!("celu(0)".parse::<Activation>().unwrap_err().contains("celu: 0 should be positive"));
    let file = |setting: &str, x: f64| {
        let mut norm = serde_json::to_value(BatchNorm::<f64>::new(1)).unwrap();
        norm[setting] = x.into();
        serde_json::from_value::<BatchNorm<f64>>(norm)
    };
    assert!(file("eps", 1e-3).is_ok() && file("momentum", 1.0).is_ok());
    for (setting, x) in [("eps", -1e-3), ("momentum", 2.0), ("momentum", -0.5)] {
        assert!(file(setting, x).unwrap_err().to_string().contains(&format!("{x} should be")), "{setting} {x}");
    }
}

#[test]
fn trainers() {
    let noted = |name: &str| trainer().note("noise", 1).note(name, 2);
    panics(&["note: `seed`"], || noted("seed"));
    panics(&["note: `loss`"], || noted("loss"));
    panics(&["note: `augmentations`"], || noted("augmentations"));
    panics(&["note: `frozen until epoch`"], || noted("frozen until epoch"));
    panics(&["note: `settings of the optimizer`"], || noted("settings of the optimizer"));
    panics(&["note: `noise` is noted already"], || noted("noise"));
    panics(&["batch", "at least one"], || trainer().batch(0));
    panics(&["micro_batch", "at least one"], || trainer().micro_batch(0));
    panics(&["threads", "0"], || trainer().threads(0));
    panics(&["ema", "1.5"], || trainer().ema(1.5));
    panics(&["hold_out", "1"], || trainer().hold_out(1.0));
    panics(&["early_stopping", "0"], || trainer().early_stopping(0));
    panics(&["shard: Some(0)"], || trainer().parallel(Parallel { reduction: Reduction::Mean, shard: Some(0) }));
    // Curves with the same name.
    let data = data();
    panics(&["metric", "`loss`"], || trainer().metric("loss", |_, _| 0.0));
    panics(&["metric", "`f1`"], || trainer().metric("f1", |_, _| 0.0).metric("f1", |_, _| 1.0));
    panics(&["validate", "`validation_loss`"], || trainer().hold_out(0.5).validate(&data));
    panics(&["hold_out", "`validation_loss`"], || trainer().validate(&data).hold_out(0.5));
    panics(&["watch", "`test_loss`"], || trainer().watch("test", &data).watch("test", &data));
    panics(&["watch", "`learning_rate`"], || trainer().metric("rate", |_, _| 0.0).watch("learning", &data));
}

/// Everything that can be detected before the first step is reported then.
#[test]
fn before_the_first_step() {
    let (all, empty) = (data(), Dataset::new(Matrix::zeros(1, 0), Matrix::zeros(1, 0)));
    let wrong = trainer().hold_out(0.5).metric("f1", |_, _| 0.0).monitor("validation_acuracy", Goal::Max);
    let said = { wrong }.fit(&mut net(), &all).unwrap_err().to_string();
    let there_are = "there are `step`, `learning_rate`, `loss`, `validation_loss`, `validation_f1`";
    assert_eq!(said, format!("monitor: there is no curve `validation_acuracy`: {there_are}"));
    panics(&["`validation`", "no samples"], || trainer().validate(&empty).fit(&mut net(), &all));
    let warnings = |trainer: Trainer<'_, f64, Linear<f64>, Batch>| {
        trainer.epochs(1).fit(&mut net(), &all).map(|mut trained| trained.warnings.drain(..).collect::<String>())
    };
    assert!(warnings(trainer().early_stopping(3)).unwrap().contains("early_stopping: without a validation set"));
    assert_eq!(warnings(trainer().early_stopping(3).monitor("loss", Goal::Min)).unwrap(), "");
    assert_eq!(warnings(trainer().early_stopping(3).hold_out(0.5)).unwrap(), "");
}

#[test]
fn data_with_nan_are_named_by_row_and_column() {
    let mut inputs = data();
    inputs.feature_names = vec!["width".to_owned()];
    inputs.x.as_mut_slice()[3] = f64::NAN;
    let mut targets = data();
    targets.t.as_mut_slice()[5] = f64::NAN;
    let good = data();
    let text = |trainer: Trainer<'_, f64, Linear<f64>, Batch>, data| {
        let mut model = net();
        let error = { trainer }.fit(&mut model, data).unwrap_err();
        assert!(matches!(error, TrainError::NotANumber { .. }), "{error}");
        assert_eq!(model, net());
        error.to_string()
    };
    assert!(text(trainer(), &inputs).starts_with("the training set has NaN in row 0 (`width`), column 3 of x:"));
    assert!(text(trainer(), &targets).starts_with("the training set has NaN in row 0, column 5 of t:"));
    assert!(text(trainer().watch("test", &targets), &good).starts_with("the test set has NaN in row 0, column 5"));
    // Infinite entries, which are harmless for some losses, are named if the loss is not finite, instead of advice about learning rates.
    inputs.x.as_mut_slice()[3] = f64::INFINITY;
    let error = trainer().fit(&mut net(), &inputs).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
    let error = error.to_string();
    assert!(
        error.contains("inf in row 0 (`width`), column 3 of x") && !error.contains("smaller learning rate"),
        "{error}"
    );
}

/// Scores that are NaN cause an immediate warning, and no epoch with one is the best.
#[test]
fn a_score_of_nan_is_no_better_than_any() {
    let all = data();
    for (score, ends) in [(f64::NAN, 3), (f64::INFINITY, 3)] {
        let trainer = trainer().hold_out(0.5).metric("odd", move |_, _| score).monitor("validation_odd", Goal::Max);
        let trained = { trainer.early_stopping(3).epochs(50) }.fit(&mut net(), &all).unwrap();
        assert_eq!((trained.end, trained.history.epochs()), (End::EarlyStopping, ends));
        assert!(trained.warnings.concat().contains("`validation_odd` is"), "{:?}", trained.warnings);
    }
}
