//! Estimators: what they learn, what they store, and their errors.

use nn::data::{Dataset, Sampler, read_csv};
use nn::estimator::{EstimatorError, FittedClassifier, FittedRegressor, MlpClassifier, MlpRegressor};
use nn::loss::CrossEntropy;
use nn::metrics::argmax_cols;
use nn::{Activation, Adam, Init, Layer, Matrix, Mlp, Module, Optimizer, Tape};

use crate::{folder, rng};

fn iris() -> Dataset<f32> {
    read_csv(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/iris.csv")).unwrap()
}

/// Small enough for many fits.
fn classifier() -> MlpClassifier {
    MlpClassifier::new().hidden(&[8]).lr(0.05).batch(40).max_epochs(20)
}

fn regressor() -> MlpRegressor {
    MlpRegressor::new().hidden(&[16]).activation(Activation::Tanh).lr(0.02).batch(16).max_epochs(300)
}

/// Two targets of two features: a product and a sum.
fn curved() -> (Matrix<f64>, Matrix<f64>) {
    let x = Matrix::from_fn(2, 64, |i, n| if i == 0 { (n % 8) as f64 } else { (n / 8) as f64 });
    let t = Matrix::from_fn(2, 64, |i, n| {
        let [a, b] = [x[(0, n)], x[(1, n)]];
        if i == 0 { a * b } else { 0.25 * (a - b) + 50.0 }
    });
    (x, t)
}

#[test]
fn flowers_are_classified() {
    let data = iris();
    let model = classifier().fit_dataset(&data).unwrap();
    assert_eq!((model.features(), model.classes()), (4, 3));
    assert_eq!((model.feature_names(), model.class_names()), (&*data.feature_names, &*data.target_names));
    assert!(model.score(&data.x, &data.t).unwrap() > 0.95);

    let (classes, p) = (model.predict(&data.x).unwrap(), model.predict_proba(&data.x).unwrap());
    assert_eq!(argmax_cols(&p), classes);
    assert!((0..data.len()).all(|j| (p.col(j).iter().sum::<f32>() - 1.0).abs() < 1e-6));
    assert_eq!(model.predict_names(&data.x).unwrap()[149], "virginica");
    let unnamed = classifier().fit(&data.x, &data.t).unwrap();
    assert_eq!(unnamed.predict_names(&data.x).unwrap()[149], "2");
    assert_eq!(unnamed.net(), model.net(), "names change nothing");
}

#[test]
fn numbers_are_learnt() {
    let (x, t) = curved();
    let model = regressor().fit(&x, &t).unwrap();
    assert!(model.score(&x, &t).unwrap() > 0.98);
    assert_eq!((model.outputs(), model.features()), (2, 2));
    // A single output is the same problem without the other output.
    let first = Matrix::row(t.transpose().col(0));
    assert!(regressor().fit(&x, &first).unwrap().score(&x, &first).unwrap() > 0.98);
}

/// 2ᵏ x is standardized to the same bits, and 2ᵏ t is predicted where t was.
#[test]
fn scales_do_not_matter() {
    let (x, t) = curved();
    let [scale, unit] = [1024.0, 1.0].map(|c| (x.map(|x| c * x), t.map(|t| c * t)));
    let classes: Vec<usize> = (0..64).map(|n| usize::from(t[(0, n)] > 10.0)).collect();
    let fits = [&unit, &scale].map(|(x, _)| classifier().fit(x, &classes).unwrap().predict_proba(x).unwrap());
    assert_eq!(fits[0], fits[1]);
    let fits = [&unit, &scale].map(|(x, t)| regressor().max_epochs(5).fit(x, t).unwrap().predict(x).unwrap());
    assert_eq!(fits[0].map(|y| 1024.0 * y), fits[1]);
    // Without standardization the predictions differ.
    let raw = classifier().standardize(false);
    let fits = [&unit, &scale].map(|(x, _)| raw.fit(x, &classes).unwrap().predict_proba(x).unwrap());
    assert_ne!(fits[0], fits[1]);
}

#[test]
fn a_seed_is_a_model() {
    let data = iris();
    let fit = |seed| classifier().max_epochs(3).seed(seed).fit_dataset(&data).unwrap();
    assert_eq!(fit(1), fit(1));
    assert_ne!(fit(1).net(), fit(2).net());
}

#[test]
fn models_are_kept() {
    let folder = folder("estimator");
    let (data, (x, t)) = (iris(), curved());
    let model = classifier().max_epochs(3).fit_dataset(&data).unwrap();
    let numbers = regressor().max_epochs(3).fit(&x, &t).unwrap();
    for extension in ["json", "nn"] {
        let path = folder.join("classifier").with_extension(extension);
        nn::save(&path, &model).unwrap();
        let again: FittedClassifier<f32> = nn::load(&path).unwrap();
        assert!(again == model && again.predict_proba(&data.x).unwrap() == model.predict_proba(&data.x).unwrap());
        let path = folder.join("regressor").with_extension(extension);
        nn::save(&path, &numbers).unwrap();
        assert_eq!(nn::load::<FittedRegressor<f64>>(&path).unwrap().predict(&x), numbers.predict(&x));
    }
    let names: Vec<String> = model.named_params().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[..2], ["net.layers.0.weight", "net.layers.0.bias"]);
    let settings: MlpClassifier = serde_json::from_str(r#"{"settings": {"hidden": [8], "alpha": 0.5}}"#).unwrap();
    assert_eq!(settings, MlpClassifier::new().hidden(&[8]).alpha(0.5));
}

#[test]
fn training_ends_when_the_loss_does_not_fall() {
    let data = iris();
    let all = classifier().fit_dataset(&data).unwrap();
    assert!(all.curves().losses.len() == 20 && !all.curves().converged && all.curves().validation.is_empty());
    // No decrease is large enough: training ends after the first epoch, `patience` more, and one too many.
    let ends = classifier().tolerance(1e3).patience(4).fit_dataset(&data).unwrap();
    assert!(ends.curves().losses.len() == 1 + 5 && ends.curves().converged);
}

#[test]
fn early_stopping_keeps_the_best_weights() {
    let mut data = iris();
    // Random labels are memorized, and the loss of the held-out samples rises.
    data.t = (0..150).map(|n| (n * n / 7) % 3).collect();
    let early = classifier().hidden(&[64]).early_stopping(0.3).max_epochs(300);
    let model = early.fit_dataset(&data).unwrap();
    let curve = &model.curves().validation;
    let best = (0..curve.len()).min_by(|&a, &b| curve[a].total_cmp(&curve[b])).unwrap();
    assert!(model.curves().converged && best + 1 < curve.len());
    // The same run, ended after the best epoch, has the same weights.
    let cut = early.max_epochs(best + 1).fit_dataset(&data).unwrap();
    assert_eq!(model.net(), cut.net());
}

#[test]
fn a_penalty_shrinks_the_weights() {
    let data = iris();
    let norm = |alpha| {
        let model = classifier().alpha(alpha).fit_dataset(&data).unwrap();
        let weights = model.net().layers.iter().flat_map(|layer| layer.weight.value().as_slice());
        weights.map(|w| w * w).sum::<f32>()
    };
    assert!(norm(20.0) < 0.5 * norm(0.0));
}

/// The penalty α ‖W‖² / 2n is the decay λ = α / n of Adam, where the last batch of an epoch has a smaller n.
#[test]
fn steps_are_those_of_adam_with_decay() {
    let data = iris();
    let model = classifier().standardize(false).alpha(0.5).max_epochs(3).fit_dataset(&data).unwrap();
    let mut net = Mlp::builder(&[4, 8, 3]).activation(Activation::Relu).init(Init::Xavier).build(&mut rng(0));
    let mut adam = Adam::new(0.05).with().no_decay_of_biases_and_norms();
    let mut state = adam.init(&net);
    let sampler = Sampler::shuffled(150, 40, 0);
    for batch in (0..3).flat_map(|epoch| sampler.epoch(epoch)) {
        let (x, t) = data.batch(&batch);
        let tape = Tape::new();
        let grads = CrossEntropy::default().each(net.forward(tape.constant(&x)), &t).mean().backward();
        adam.rules.l2 = 0.5 / batch.len() as f64;
        adam.step(&mut net, &grads, &mut state);
    }
    assert_eq!(model.net(), &net);
}

/// Smoothed »»» smoothing ε, the loss is smallest if the correct class has the probability 1 − ε + ε / 3.
#[test]
fn smoothed_labels_keep_probabilities_from_1() {
    let data = iris();
    let mean = |smoothing| {
        let model = classifier().label_smoothing(smoothing).max_epochs(100).fit_dataset(&data).unwrap();
        let p = model.predict_proba(&data.x).unwrap();
        data.t.iter().enumerate().map(|(j, &class)| p[(class, j)]).sum::<f32>() / 150.0
    };
    let [plain, smoothed] = [mean(0.0), mean(0.3)];
    assert!(plain > 0.95 && (smoothed - 0.8).abs() < 0.05, "{plain} {smoothed}");
}

#[track_caller]
fn refuses<M>(fitted: Result<M, EstimatorError>, message: &str) {
    let error = fitted.err().unwrap().to_string();
    assert!(error.contains(message), "no `{message}` in: {error}");
}

#[test]
fn what_cannot_be_learnt_from() {
    let x = Matrix::from([[0.0f64, 1.0, 2.0], [5.0, 6.0, 7.0]]);
    let fit = |x: &Matrix<f64>, t: &[usize]| MlpClassifier::new().max_epochs(2).fit(x, t);
    let t = [0, 1, 1];
    let with = |value| {
        let mut x = x.clone();
        x[(1, 2)] = value;
        x
    };
    refuses(fit(&with(f64::NAN), &t), "feature 1 of sample 2 is NaN");
    refuses(fit(&with(f64::INFINITY), &t), "feature 1 of sample 2 is inf");
    refuses(fit(&x, &[0, 1]), "2 targets for 3 samples");
    refuses(fit(&x, &[1, 1, 1]), "all samples are of class 1");
    refuses(fit(&x, &[0, 1, usize::MAX - 1]), "of at most 3: number the classes from 0");
    refuses(fit(&Matrix::zeros(0, 3), &t), "0 features: at least 1");
    refuses(fit(&Matrix::zeros(2, 1), &[0]), "1 samples: at least 2");
    refuses(fit(&Matrix::zeros(2, 0), &[]), "0 samples: at least 2");
    let mut named = Dataset::new(with(f64::NAN), vec![0, 1, 1]);
    named.feature_names = ["width", "height"].map(String::from).to_vec();
    refuses(MlpClassifier::new().fit_dataset(&named), "feature height of sample 2");

    let fit = |t: &Matrix<f64>| MlpRegressor::new().max_epochs(2).fit(&x, t);
    refuses(fit(&Matrix::row(&[1.0, f64::NAN, 2.0])), "target 0 of sample 1 is NaN");
    refuses(fit(&Matrix::row(&[1.0, 2.0])), "2 targets for 3 samples");
    refuses(fit(&Matrix::zeros(0, 3)), "0 outputs: at least 1");
    refuses(MlpRegressor::new().early_stopping(0.01).fit(&x, &x), "0 samples held out");
    refuses(MlpRegressor::new().lr(1e200).fit(&x, &x), "the loss was not finite in epoch");
}

#[test]
fn what_cannot_be_predicted() {
    let data = iris();
    let model = classifier().max_epochs(1).fit_dataset(&data).unwrap();
    refuses(model.predict(&Matrix::zeros(3, 5)), "3 features, but the model was fitted to 4");
    refuses(model.predict_proba(&Matrix::full(4, 1, f32::NAN)), "feature sepal_length of sample 0 is NaN");
    refuses(model.score(&data.x, &[0, 1]), "2 targets for 150 samples");
    assert_eq!(model.predict(&Matrix::zeros(4, 0)), Ok(vec![]));
    let (x, t) = curved();
    refuses(
        regressor().max_epochs(1).fit(&x, &t).unwrap().score(&x, &Matrix::zeros(3, 64)),
        "3 outputs, but the model has 2",
    );
}

#[test]
fn files_that_were_changed() {
    let (x, t) = curved();
    let json = serde_json::to_value(regressor().max_epochs(1).fit(&x, &t).unwrap()).unwrap();
    let layer = |inputs: usize, outputs: usize| serde_json::json!({"rows": outputs, "cols": inputs, "data": vec![0.5; inputs * outputs]});
    let number = |n: usize| serde_json::json!({"mean": vec![0.0; n], "scale": vec![1.0; n]});
    for (pointer, changed) in [
        ("/net/layers/0/weight", layer(3, 16)),
        ("/net/layers/1/weight", layer(15, 2)),
        ("/net/layers/1/weight", layer(16, 3)),
        ("/net/layers/0/bias", layer(2, 16)),
        ("/net/layers", serde_json::json!([])),
        ("/net/layers/1", serde_json::json!({"weight": layer(16, 0), "bias": layer(1, 0)})),
        ("/inputs/standardize", number(3)),
        ("/targets", number(3)),
    ] {
        let mut json = json.clone();
        *json.pointer_mut(pointer).unwrap() = changed;
        let model: FittedRegressor<f64> = serde_json::from_value(json).unwrap();
        refuses(model.predict(&x), "do not fit together");
    }
}

#[test]
fn settings_out_of_range() {
    let (x, t) = (Matrix::row(&[0.0f32, 1.0]), [0, 1]);
    let fit = |estimator: MlpClassifier| estimator.fit(&x, &t);
    let new = MlpClassifier::new;
    refuses(fit(new().hidden(&[4, 0])), "`hidden` should be at least 1 unit");
    refuses(fit(new().lr(0.0)), "`lr` should be a positive number");
    refuses(fit(new().alpha(-1.0)), "`alpha` should be 0 or a positive number");
    refuses(fit(new().batch(0)), "`batch` should be at least 1");
    refuses(fit(new().max_epochs(0)), "`max_epochs` should be at least 1");
    refuses(fit(new().tolerance(f64::NAN)), "`tolerance` should be a number");
    refuses(fit(new().label_smoothing(1.5)), "`label_smoothing` should be a share");
    refuses(fit(new().early_stopping(1.0)), "`early_stopping` should be a share");
}
