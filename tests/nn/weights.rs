//! Estimators: what samples count, and the baselines.

use nn::data::{Dataset, read_csv};
use nn::estimator::{
    ClassWeights, EstimatorError, FittedClassifier, FittedRegressor, Logistic, Majority, Mean, MlpClassifier,
    MlpRegressor, Ridge,
};
use nn::pipeline::Estimator;
use nn::train::{Trainer, predict};
use nn::{Activation, Adam, Matrix, Mlp, Real, loss::Loss};
use proptest::prelude::*;
use tape_tests::{panic_of, says};

use crate::{normal, rng};

fn regressors<T: Real>(data: &Dataset<T, Matrix<T>>) -> Vec<FittedRegressor<T>> {
    let mlp = MlpRegressor::new().hidden(&[4]).max_epochs(3).batch(8).lr(0.01);
    let fits = [
        Mean.fit_dataset(data),
        Ridge::new().alpha(0.5).fit_dataset(data),
        mlp.fit_dataset(data),
        mlp.early_stopping(0.3).fit_dataset(data),
    ];
    fits.map(Result::unwrap).into()
}

fn classifiers<T: Real>(data: &Dataset<T>) -> Vec<FittedClassifier<T>> {
    let mlp = MlpClassifier::new().hidden(&[4]).max_epochs(3).batch(8).lr(0.01);
    let fits = [
        Majority.fit_dataset(data),
        Logistic::new().fit_dataset(data),
        mlp.clone().class_weights(ClassWeights::Balanced).fit_dataset(data),
        mlp.early_stopping(0.3).fit_dataset(data),
    ];
    fits.map(Result::unwrap).into()
}

/// Samples of two features, a target and a class, without weights.
fn samples<T: Real>(n: usize, seed: u64) -> (Dataset<T, Matrix<T>>, Dataset<T>) {
    let x = normal(2, n, seed).map(T::from_f64);
    let t = Matrix::from_fn(1, n, |_, j| T::from_f64(x[(0, j)].to_f64() - 0.5 * x[(1, j)].to_f64().abs()));
    let classes = (0..n).map(|j| if j < 3 { j } else { usize::from(t[(0, j)].to_f64() > 0.0) }).collect();
    (Dataset::new(x.clone(), t), Dataset::new(x, classes))
}

fn weighed<T: Real, Y: Clone>(data: &Dataset<T, Y>, weights: &[f64]) -> Dataset<T, Y> {
    Dataset { weights: Some(weights.to_vec()), ..data.clone() }
}

fn only_ratios_of_weights_count<T: Real>(n: usize, seed: u64, zeros: &[bool]) {
    let (numbers, classes) = samples::<T>(n, seed);
    // Equal weights are none, to the bit.
    assert_eq!(regressors(&weighed(&numbers, &vec![0.1; n])), regressors(&numbers));
    assert_eq!(classifiers(&weighed(&classes, &vec![0.1; n])), classifiers(&classes));
    // So are all weights times a power of two.
    let weights: Vec<f64> = (0..n).map(|j| 1.0 + (j % 3) as f64).collect();
    let times = |c: f64| weights.iter().map(|weight| c * weight).collect::<Vec<_>>();
    assert_eq!(regressors(&weighed(&numbers, &times(1024.0))), regressors(&weighed(&numbers, &weights)));
    assert_eq!(classifiers(&weighed(&classes, &times(1024.0))), classifiers(&weighed(&classes, &weights)));
    // A sample of weight 0 is as one that is not there, even if its numbers are none.
    let weights: Vec<f64> = (0..n).map(|j| if j >= 3 && zeros[j] { 0.0 } else { weights[j] }).collect();
    let rest: Vec<usize> = (0..n).filter(|&j| weights[j] > 0.0).collect();
    let (mut numbers, mut classes) = (weighed(&numbers, &weights), weighed(&classes, &weights));
    let expected = (regressors(&numbers.select(&rest)), classifiers(&classes.select(&rest)));
    for j in (0..n).filter(|&j| weights[j] == 0.0) {
        numbers.x[(0, j)] = T::from_f64(f64::NAN);
        classes.x[(1, j)] = T::from_f64(f64::INFINITY);
    }
    assert!((regressors(&numbers), classifiers(&classes)) == expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn weights_are_ratios(n in 12usize..24, seed: u64, zeros in prop::collection::vec(any::<bool>(), 24)) {
        only_ratios_of_weights_count::<f32>(n, seed, &zeros);
        only_ratios_of_weights_count::<f64>(n, seed, &zeros);
    }

    /// A sample of weight k is as k samples: for means and shares, and for a linear model without a penalty.
    #[test]
    fn whole_weights_are_repetitions(seed: u64, weights in prop::collection::vec(1usize..4, 12)) {
        let (numbers, classes) = samples::<f64>(12, seed);
        let again: Vec<usize> = (0..12).flat_map(|j| vec![j; weights[j]]).collect();
        let whole: Vec<f64> = weights.iter().map(|&weight| weight as f64).collect();
        let close = |a: &Matrix<f64>, b: &Matrix<f64>, tolerance: f64| {
            a.as_slice().iter().zip(b.as_slice()).all(|(a, b)| (a - b).abs() < tolerance)
        };
        let x = &numbers.x;
        let (one, several) = (weighed(&numbers, &whole), numbers.select(&again));
        let [a, b] = [&one, &several].map(|data| Mean.fit_dataset(data).unwrap().predict(x).unwrap());
        prop_assert!(close(&a, &b, 1e-12));
        let [a, b] = [&one, &several].map(|data| Ridge::new().alpha(1e-12).fit_dataset(data).unwrap().predict(x).unwrap());
        prop_assert!(close(&a, &b, 1e-8));
        let (one, several) = (weighed(&classes, &whole), classes.select(&again));
        let [a, b] = [&one, &several].map(|data| Majority.fit_dataset(data).unwrap().predict_proba(x).unwrap());
        prop_assert!(close(&a, &b, 1e-12));
    }

    /// The weights of classes are weights of their samples, and balanced ones make the weights of all classes equal.
    #[test]
    fn weights_of_classes(seed: u64, each in prop::collection::vec(0.5f64..4.0, 3)) {
        let (_, data) = samples::<f64>(15, seed);
        let of_samples: Vec<f64> = data.t.iter().map(|&class| each[class]).collect();
        let counts = [0, 1, 2].map(|class| data.t.iter().filter(|&&k| k == class).count() as f64);
        let balanced: Vec<f64> = data.t.iter().map(|&class| 15.0 / (3.0 * counts[class])).collect();
        for (class_weights, weights) in [(ClassWeights::Each(each), of_samples), (ClassWeights::Balanced, balanced)] {
            let mlp = MlpClassifier::new().hidden(&[3]).max_epochs(2).batch(5);
            let by_class = mlp.clone().class_weights(class_weights.clone()).fit_dataset(&data).unwrap();
            prop_assert_eq!(by_class, mlp.fit_dataset(&weighed(&data, &weights)).unwrap());
            let by_class = Logistic::new().class_weights(class_weights).fit_dataset(&data).unwrap();
            prop_assert_eq!(by_class, Logistic::new().fit_dataset(&weighed(&data, &weights)).unwrap());
        }
    }

    /// No change of W or b makes what a linear model minimises less: its derivatives are 0.
    #[test]
    fn linear_models_are_least(seed: u64, alpha in 0.1f64..10.0) {
        let n = 20;
        let weights: Vec<f64> = (0..n).map(|j| 0.5 + (j % 2) as f64).collect(); // of mean 1
        let (numbers, classes) = samples::<f64>(n, seed);
        let standard = nn::data::Standardize::fit(&numbers.x).apply(&numbers.x);
        let ridge = Ridge::new().alpha(alpha).fit_dataset(&weighed(&numbers, &weights)).unwrap();
        let y = ridge.predict(&numbers.x).unwrap();
        let scale = nn::data::Standardize::fit(&numbers.t).scale()[0];
        let w = ridge.net().layers[0].weight.value();
        let residual = |j: usize| weights[j] * (y[(0, j)] - numbers.t[(0, j)]) / scale;
        let of_bias: f64 = (0..n).map(residual).sum();
        prop_assert!(of_bias.abs() < 1e-10, "{}", of_bias);
        for i in 0..2 {
            let of_weight = (0..n).map(|j| residual(j) * standard[(i, j)]).sum::<f64>() + alpha * w[(0, i)];
            prop_assert!(of_weight.abs() < 1e-10, "{}", of_weight);
        }
        // Of two classes it is the difference of the rows that is penalised, as in a regression with one output.
        let t: Vec<usize> = classes.t.iter().map(|&class| class.min(1)).collect();
        let two = Dataset { t, ..weighed(&classes, &weights) };
        let logistic = Logistic::new().alpha(alpha).fit_dataset(&two).unwrap();
        let p = logistic.predict_proba(&two.x).unwrap();
        let w = logistic.net().layers[0].weight.value();
        for i in 0..2 {
            let residual = |j: usize| weights[j] * (p[(1, j)] - two.t[j] as f64);
            let of_weight = (0..n).map(|j| residual(j) * standard[(i, j)]).sum::<f64>() + alpha * (w[(1, i)] - w[(0, i)]);
            prop_assert!(of_weight.abs() < 1e-6, "{}", of_weight);
        }
        let logistic = Logistic::new().alpha(alpha).fit_dataset(&weighed(&classes, &weights)).unwrap();
        let p = logistic.predict_proba(&classes.x).unwrap();
        let w = logistic.net().layers[0].weight.value();
        for k in 0..3 {
            let residual = |j: usize| weights[j] * (p[(k, j)] - f64::from(u8::from(classes.t[j] == k)));
            prop_assert!((0..n).map(residual).sum::<f64>().abs() < 1e-6);
            for i in 0..2 {
                let of_weight = (0..n).map(|j| residual(j) * standard[(i, j)]).sum::<f64>() + alpha * w[(k, i)];
                prop_assert!(of_weight.abs() < 1e-6, "{}", of_weight);
            }
        }
    }
}

/// The probabilities of class 1 by scikit-learn 1.9: `LogisticRegression(C=1/alpha, tol=1e-12)` after `StandardScaler`.
#[test]
fn logistic_is_that_of_scikit_learn() {
    let x = Matrix::from([[1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [0.0, 3.0, 1.0, 5.0, 2.0, 2.0, 4.0, 1.0]]);
    let (two, three) = ([0, 0, 1, 0, 1, 1, 0, 1], [0, 0, 1, 2, 1, 2, 0, 1]);
    for (t, alpha, expected) in [
        (two, 1.0, [0.50333818, 0.22679054, 0.5386164, 0.16668071, 0.57351202, 0.65226778, 0.47835879, 0.86043559]),
        (two, 0.25, [0.4943901, 0.08596438, 0.56296889, 0.04393955, 0.62922198, 0.76180048, 0.45333882, 0.9683758]),
        (three, 1.0, [0.40400623, 0.15946305, 0.42814398, 0.09062472, 0.42849459, 0.49079302, 0.26052225, 0.73795216]),
        (three, 0.25, [0.41474492, 0.08089209, 0.4463004, 0.029541, 0.44130488, 0.53906636, 0.1826977, 0.86545265]),
    ] {
        let p = Logistic::new().alpha(alpha).fit(&x, &t).unwrap().predict_proba(&x).unwrap();
        for (j, expected) in expected.into_iter().enumerate() {
            assert!((p[(1, j)] - expected).abs() < 1e-6, "α = {alpha}, sample {j}: {} and not {expected}", p[(1, j)]);
        }
    }
}

#[test]
fn baselines_of_real_tables() {
    let read =
        |name: &str| read_csv::<f64>(format!("{}/../examples/data/{name}.csv", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let iris = read("iris");
    let majority = Majority.fit_dataset(&iris).unwrap();
    assert_eq!((majority.score(&iris.x, &iris.t).unwrap(), majority.predict(&iris.x).unwrap()[149]), (1.0 / 3.0, 0));
    assert_eq!(majority.class_names(), iris.target_names);
    assert!(Logistic::new().fit_dataset(&iris).unwrap().score(&iris.x, &iris.t).unwrap() > 0.95);
    let wine = read("wine");
    let t = Matrix::row(wine.x.transpose().col(6));
    let x = Matrix::from_fn(12, wine.len(), |i, n| wine.x[(i + usize::from(i >= 6), n)]);
    assert!(Mean.fit(&x, &t).unwrap().score(&x, &t).unwrap().abs() < 1e-12);
    assert!(Ridge::new().fit(&x, &t).unwrap().score(&x, &t).unwrap() > 0.7);
}

#[test]
fn a_class_without_samples_has_no_share() {
    let mut data = Dataset::new(Matrix::row(&[0.0f32, 1.0, 2.0]), vec![0, 2, 2]);
    data.target_names = ["a", "b", "c"].map(String::from).to_vec();
    let p = Majority.fit_dataset(&data).unwrap().predict_proba(&Matrix::row(&[5.0])).unwrap();
    assert!((p[(0, 0)] - 1.0 / 3.0).abs() < 1e-6 && p[(1, 0)] < 1e-30 && (p[(2, 0)] - 2.0 / 3.0).abs() < 1e-6);
}

#[test]
fn what_cannot_be_weighed() {
    let (numbers, classes) = samples::<f64>(6, 1);
    let refuses = |weights: &[f64], parts: &[&str]| {
        says(Ridge::new().fit_dataset(&weighed(&numbers, weights)).unwrap_err(), parts);
        says(Logistic::new().fit_dataset(&weighed(&classes, weights)).unwrap_err(), parts);
        says(MlpClassifier::new().fit_dataset(&weighed(&classes, weights)).unwrap_err(), parts);
    };
    refuses(&[1.0; 5], &["5 weights for 6 samples"]);
    refuses(&[1.0, 1.0, -1.0, 1.0, 1.0, 1.0], &["the weight of sample 2 is -1", "not negative"]);
    refuses(&[1.0, f64::NAN, 1.0, 1.0, 1.0, 1.0], &["the weight of sample 1 is NaN"]);
    refuses(&[0.0; 6], &["0 samples of positive weight"]);
    let two = Logistic::new().class_weights(ClassWeights::Each(vec![1.0, 2.0])).fit_dataset(&classes).unwrap_err();
    says(two, &["`class_weights` should be a weight for each class", "for 3 classes"]);
    let changed: Ridge = serde_json::from_str(r#"{"alpha": -1.0}"#).unwrap();
    says(changed.fit_dataset(&numbers).unwrap_err(), &["`alpha` should be positive and finite, and is -1"]);

    let twice = Matrix::from([[0.0, 1.0, 3.0], [0.0, 1.0, 3.0]]);
    let same = Ridge::new().alpha(1e-300).fit(&twice, &Matrix::row(&[1.0, 2.0, 3.0])).unwrap_err();
    says(same, &["features depend on each other", "raise `alpha`"]);

    // A trainer does not pass over weights.
    let mut net: Mlp<f64> = Mlp::new(&[2, 1], Activation::Tanh, &mut rng(1));
    let trainer = || Trainer::with_loss(Loss::Mse, Adam::new(0.1)).epochs(1);
    let weights = weighed(&numbers, &[1.0; 6]);
    says(trainer().fit(&mut net, &weights).err().unwrap(), &["has weights of its samples", "`weights` to None"]);
    says(trainer().watch("test", &weights).fit(&mut net, &numbers).err().unwrap(), &["has weights of its samples"]);
    assert!(trainer().fit(&mut net, &numbers).is_ok());
}

#[test]
#[should_panic(expected = "Ridge::alpha: 0 should be positive and finite")]
fn a_penalty_is_positive() {
    let _ = Ridge::new().alpha(0.0);
}

#[test]
#[should_panic(expected = "class_weights: -1 should be positive and finite")]
fn weights_of_classes_are_positive() {
    let _ = MlpClassifier::new().class_weights(ClassWeights::Each(vec![1.0, -1.0]));
}

/// Rows that are samples are told to be transposed, and nothing else is.
#[test]
fn columns_are_samples() {
    let (numbers, classes) = samples::<f64>(6, 1);
    let hint = "columns are samples: transpose it";
    let wrong = |error: EstimatorError| error.to_string();
    for message in [
        wrong(Ridge::new().fit(&numbers.x.transpose(), &numbers.t).unwrap_err()),
        wrong(Majority.fit(&classes.x.transpose(), &classes.t).unwrap_err()),
        wrong(MlpClassifier::new().fit(&classes.x.transpose(), &classes.t).unwrap_err()),
        wrong(Mean.fit_dataset(&numbers).unwrap().predict(&numbers.x.transpose()).unwrap_err()),
        wrong(Mean.fit_dataset(&numbers).unwrap().score(&numbers.x, &numbers.t.transpose()).unwrap_err()),
    ] {
        says(message, &[hint]);
    }
    let net: Mlp<f64> = Mlp::new(&[2, 1], Activation::Tanh, &mut rng(1));
    says(panic_of(|| predict(&net, &numbers.x.transpose())).message, &["2 features expected, got 6 × 2", hint]);
    assert!(!panic_of(|| predict(&net, &Matrix::zeros(3, 6))).message.contains(hint));
    let scores = numbers.x.transpose();
    says(panic_of(|| nn::metrics::top_k(&scores, &classes.t, 1)).message, &["6 × 2 scores for 6 samples", hint]);
    says(panic_of(|| nn::metrics::mae(&scores, &numbers.x)).message, &["differ in shape", hint]);
    let other = wrong(Majority.fit(&classes.x, &classes.t[..5]).unwrap_err());
    assert!(!other.contains(hint), "{other}");
    let estimators = [Estimator::from(Mean), Majority.into(), Ridge::new().into(), Logistic::new().into()];
    assert_eq!(estimators.map(|estimator| estimator.is_classifier()), [false, true, false, true]);
}
