//! Pipelines: from tables to answers, and what is said of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use nn::data::{Components, Csv, DatePart, Encoding, Feature, Missing, PreprocessingStep, Table, Unknown};
use nn::estimator::{Logistic, Majority, Mean, MlpClassifier, MlpRegressor, Ridge};
use nn::pipeline::{Estimator, FittedPipeline, Folds, Halving, Pipeline, PipelineError, Predictions};
use nn::{Matrix, Module};
use proptest::prelude::*;
use rand::RngExt;
use tape_tests::{panic_of, says};

use crate::folder;

fn table(text: &str) -> Table {
    Csv::new().table_from_reader(text.as_bytes(), "test.csv").unwrap_or_else(|error| panic!("{error}"))
}

const HEADER: &str = "sold,size,kind,note,shop,count,price,class\n";

/// Rows with a date, gaps, categories, a column that nothing reads, groups, weights, a number and a class.
fn lines(n: usize) -> Vec<String> {
    let line = |i: usize| {
        let size = if i % 7 == 3 { "NA".to_owned() } else { format!("{}", (i * 5) % 11) };
        let kind = ["oak", "elm", "ash"][i % 3];
        let price = 2 * ((i * 5) % 11) + 10 * (i % 3) + i % 2;
        let class = ["cheap", "dear", "free"][(price / 12) % 3];
        format!("2024-{:02}-11,{size},{kind},{},s{},{},{price},{class}\n", i % 12 + 1, i * i % 13, i % 6, i % 4)
    };
    (0..n).map(line).collect()
}

fn whole(n: usize) -> Table {
    table(&(HEADER.to_owned() + &lines(n).concat()))
}

fn encoding() -> Encoding {
    Encoding::new()
        .column("sold", Feature::date([DatePart::Month]).days_since("2024-01-01"))
        .column("size", Feature::number().missing(Missing::Median).indicator())
        .column("kind", Feature::one_hot().unknown(Unknown::Zeros))
        .ignore("note")
        .ignore("shop")
        .weight("count")
        .target("price")
        .class("class")
}

const STEPS: [PreprocessingStep; 2] = [PreprocessingStep::Standardize, PreprocessingStep::Pca(Components::Count(4))];

fn pipelines() -> Vec<Pipeline> {
    let estimators: [Estimator; 6] = [
        Mean.into(),
        Ridge::new().into(),
        MlpRegressor::new().hidden(&[5]).max_epochs(4).lr(0.01).into(),
        Majority.into(),
        Logistic::new().into(),
        MlpClassifier::new().hidden(&[5]).max_epochs(4).lr(0.01).into(),
    ];
    estimators.map(|estimator| Pipeline::new(encoding(), &STEPS, estimator)).into()
}

/// The bits of all answers, by row.
fn answers(model: &FittedPipeline, table: &Table) -> Vec<(Option<String>, Vec<u64>)> {
    match model.predict(table).unwrap() {
        Predictions::Numbers(y) => {
            (0..y.cols()).map(|j| (None, y.col(j).iter().map(|y| y.to_bits()).collect())).collect()
        }
        Predictions::Classes(names) => {
            let p = model.predict_proba(table).unwrap();
            let bits = |j: usize| p.col(j).iter().map(|p| p.to_bits()).collect();
            names.into_iter().enumerate().map(|(j, name)| (Some(name), bits(j))).collect()
        }
    }
}

/// Each row is answered by itself: wherever it stands, and without targets, classes and weights.
#[test]
fn rows_are_answered_by_themselves() {
    let all = whole(24);
    let order: Vec<usize> = (0..24).map(|i| i * 7 % 24).collect();
    let kept = |line: String| line.split(',').take(4).collect::<Vec<_>>().join(",") + "\n";
    let bare = table(&("sold,size,kind,note\n".to_owned() + &lines(24).into_iter().map(kept).collect::<String>()));
    for pipeline in pipelines() {
        let model = pipeline.fit(&all).unwrap();
        let expected = answers(&model, &all);
        let shuffled: Vec<_> = order.iter().map(|&i| expected[i].clone()).collect();
        assert!(answers(&model, &all.select(&order)) == shuffled, "{pipeline:?}");
        assert!(answers(&model, &bare) == expected, "{pipeline:?}");
    }
}

#[test]
fn what_is_saved_is_loaded_to_the_bit() {
    let (all, folder) = (whole(24), folder("pipeline"));
    let odd = table("kind,size,sold\nyew,NA,2031-12-31\n");
    for (k, pipeline) in pipelines().into_iter().enumerate() {
        let model = pipeline.fit(&all).unwrap();
        for extension in ["json", "nn"] {
            let path = folder.join(format!("{k}.{extension}"));
            model.save(&path).unwrap();
            let again = Pipeline::load(&path).unwrap();
            assert!(again == model && answers(&again, &all) == answers(&model, &all), "{pipeline:?}");
            assert!(answers(&again, &odd) == answers(&model, &odd));
        }
        assert_eq!(model.named_params()[0].0, "model.net.layers.0.weight");
    }
    // Parts that do not fit together are refused.
    let pipelines = pipelines();
    let json = |k: usize| serde_json::to_value(pipelines[k].fit(&all).unwrap()).unwrap();
    let plain = Pipeline::new(encoding(), &[], Mean).fit(&all).unwrap();
    let (ridge, classes) = (json(1), json(4));
    for (part, from) in [
        ("model", &serde_json::to_value(&plain).unwrap()),
        ("preprocessing", &serde_json::to_value(&plain).unwrap()),
        (
            "encoder",
            &serde_json::to_value(Pipeline::new(encoding_without_kind(), &[], Mean).fit(&all).unwrap()).unwrap(),
        ),
    ] {
        let mut changed = ridge.clone();
        changed[part] = from[part].clone();
        let error = serde_json::from_value::<FittedPipeline>(changed).unwrap_err();
        says(error, &["do not fit"]);
    }
    let mut changed = classes.clone();
    changed["encoder"]["class"][1] = serde_json::json!(["cheap"]);
    says(serde_json::from_value::<FittedPipeline>(changed).unwrap_err(), &["outputs of the model are not those"]);
    // Without outputs there is nothing to predict.
    let mut changed = classes.clone();
    changed["encoder"]["class"] = serde_json::Value::Null;
    changed["model"]["classifier"]["net"]["layers"] = serde_json::json!([]);
    says(serde_json::from_value::<FittedPipeline>(changed).unwrap_err(), &["0 outputs: at least 2"]);
    let mut changed = ridge.clone();
    changed["encoder"]["targets"] = serde_json::json!([]);
    changed["model"]["regressor"]["targets"] = serde_json::json!({"mean": [], "scale": []});
    says(serde_json::from_value::<FittedPipeline>(changed).unwrap_err(), &["0 outputs: at least 1"]);
}

fn encoding_without_kind() -> Encoding {
    Encoding::new()
        .column("sold", Feature::date([DatePart::Month]))
        .column("size", Feature::number().missing(Missing::Zero))
        .ignore("kind")
        .ignore("note")
        .ignore("shop")
        .ignore("count")
        .target("price")
        .ignore("class")
}

/// A fold is scored by a pipeline that has not seen it: nothing in its rows changes what is learnt.
#[test]
fn nothing_leaks() {
    let (n, folds) = (30, Folds::new(3).seed(5));
    for (pipeline, metric) in pipelines().into_iter().zip(["r2", "rmse", "mae", "accuracy", "log_loss", "f1"]) {
        let all = whole(n);
        let scores = pipeline.cross_validate(&all, &folds, &[metric]).unwrap();
        let parts = folds.split(&pipeline, &all).unwrap();
        for (k, (train, test)) in parts.iter().enumerate() {
            let model = pipeline.fit(&all.select(train)).unwrap();
            let alone = model.score(&all.select(test), metric).unwrap();
            assert_eq!(scores.folds(metric)[k].to_bits(), alone.to_bits(), "{pipeline:?}");
        }
    }
}

/// The encoder of a fold knows only the median and the categories of the training rows: the scores are those of features that are
/// written down here for each fold.
#[test]
fn encoders_are_fitted_to_training_rows() {
    let kinds = ["oak", "elm", "ash", "yew"];
    let size = |i: usize| (i % 5 != 2).then_some(((i * i) % 17) as f64);
    let kind = |i: usize| kinds[if i == 4 { 3 } else { i % 3 }]; // one yew
    let price = |i: usize| 3.0 * ((i * i) % 17) as f64 + 20.0 * (i % 3) as f64 + (i % 4) as f64;
    let n = 21;
    let line = |i: usize| format!("{},{},{}\n", size(i).map_or("NA".to_owned(), |x| x.to_string()), kind(i), price(i));
    let all = table(&("size,kind,price\n".to_owned() + &(0..n).map(line).collect::<String>()));
    let encoding = Encoding::new()
        .column("size", Feature::number().missing(Missing::Mean))
        .column("kind", Feature::one_hot().unknown(Unknown::Zeros))
        .target("price");
    let (pipeline, folds) = (Pipeline::new(encoding, &[], Ridge::new()), Folds::new(3).seed(5));
    let scores = pipeline.cross_validate(&all, &folds, &["mse"]).unwrap().folds("mse");
    for ((train, test), score) in folds.split(&pipeline, &all).unwrap().into_iter().zip(scores) {
        let sizes: Vec<f64> = train.iter().filter_map(|&i| size(i)).collect();
        let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
        let known: Vec<&str> = kinds.into_iter().filter(|kind_| train.iter().any(|&i| kind(i) == *kind_)).collect();
        assert_eq!(known.len(), if test.contains(&4) { 3 } else { 4 });
        let x = |rows: &[usize]| {
            Matrix::from_fn(1 + known.len(), rows.len(), |k, j| match k {
                0 => size(rows[j]).unwrap_or(mean),
                k => f64::from(u8::from(kind(rows[j]) == known[k - 1])),
            })
        };
        let t = |rows: &[usize]| Matrix::from_fn(1, rows.len(), |_, j| price(rows[j]));
        let y = Ridge::new().fit(&x(&train), &t(&train)).unwrap().predict(&x(&test)).unwrap();
        let expected = nn::metrics::mse(&y, &t(&test));
        assert!((score - expected).abs() < 1e-9 * expected, "{score} {expected}");
    }
}

/// Rows of weight 0 are as rows that are not there: in what the encoder learns, too, and in scores.
#[test]
fn rows_of_weight_0_are_not_there() {
    let all = whole(24);
    let some: Vec<usize> = (0..24).filter(|i| i % 4 != 0).collect();
    for (pipeline, metric) in pipelines().into_iter().zip(["r2", "rmse", "mae", "accuracy", "log_loss", "f1"]) {
        let (model, without) = (pipeline.fit(&all).unwrap(), pipeline.fit(&all.select(&some)).unwrap());
        assert!(model == without, "{pipeline:?}");
        let importances = model.permutation_importance(&all, metric, 2, 1).unwrap();
        assert_eq!(importances, model.permutation_importance(&all.select(&some), metric, 2, 1).unwrap());
        assert_eq!(model.score(&all, metric).unwrap(), model.score(&all.select(&some), metric).unwrap());
        for folds in [Folds::new(3), Folds::new(3).plain(), Folds::new(3).grouped("shop")] {
            let [with, without] =
                [&all, &all.select(&some)].map(|table| pipeline.cross_validate(table, &folds, &[metric]).unwrap());
            assert_eq!(with, without, "{pipeline:?}");
            let parts = folds.split(&pipeline, &all.select(&some)).unwrap().into_iter();
            let back = |part: Vec<usize>| part.into_iter().map(|i| some[i]).collect::<Vec<_>>();
            let expected: Vec<_> = parts.map(|(train, test)| (back(train), back(test))).collect();
            assert_eq!(folds.split(&pipeline, &all).unwrap(), expected);
        }
    }
    // Their classes, groups and categories are not read.
    let text = "x,w,g,class\n1,1,a,p\n2,1,b,q\n3,1,c,p\n4,1,d,q\n5,0,NA,r\n6,0,e,NA\n";
    let encoding = Encoding::new().weight("w").ignore("g").class("class");
    let pipeline = Pipeline::new(encoding, &[], Majority);
    for folds in [Folds::new(2), Folds::new(2).plain().seed(3), Folds::new(2).grouped("g").seed(3)] {
        let [with, without] = [table(text), table(text).select(&[0, 1, 2, 3])]
            .map(|table| pipeline.cross_validate(&table, &folds, &["log_loss"]).map_err(|error| error.to_string()));
        assert_eq!(with, without);
    }
    says(pipeline.cross_validate(&table(text), &Folds::new(5), &["f1"]).unwrap_err(), &["5 folds of 4 rows"]);
    let none: Vec<usize> = (0..24).filter(|i| i % 4 == 0).collect();
    says(pipelines()[1].fit(&all.select(&none)).unwrap_err(), &["0 rows of positive weight"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Each row of positive weight is tested once; groups stay together; classes are spread evenly.
    #[test]
    fn folds_divide_the_rows(n in 12usize..40, k in 2usize..5, seed: u64) {
        let all = whole(n);
        let pipelines = pipelines();
        let groups = |i: usize| all.cell(i, 4);
        for (pipeline, folds) in [
            (&pipelines[1], Folds::new(k).seed(seed)),
            (&pipelines[4], Folds::new(k).seed(seed)),
            (&pipelines[4], Folds::new(k).seed(seed).plain()),
            (&pipelines[4], Folds::new(k).seed(seed).grouped("shop")),
        ] {
            let parts = folds.split(pipeline, &all).unwrap();
            let mut tested: Vec<usize> = parts.iter().flat_map(|(_, test)| test.clone()).collect();
            tested.sort_unstable();
            let counted: Vec<usize> = (0..n).filter(|i| i % 4 != 0).collect();
            prop_assert!(parts.len() == k && tested == counted);
            for (train, test) in &parts {
                prop_assert!(train.len() + test.len() == counted.len() && train.iter().all(|i| !test.contains(i)));
                if folds == Folds::new(k).seed(seed).grouped("shop") {
                    prop_assert!(train.iter().all(|&i| test.iter().all(|&j| groups(i) != groups(j))));
                }
            }
            prop_assert_eq!(&parts, &folds.split(pipeline, &all).unwrap());
        }
        let stratified = Folds::new(k).seed(seed).split(&pipelines[4], &all).unwrap();
        let dear = |test: &[usize]| test.iter().filter(|&&i| all.cell(i, 7) == Some("dear")).count();
        let counts: Vec<usize> = stratified.iter().map(|(_, test)| dear(test)).collect();
        prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
    }
}

/// What depends on a column alone has all its importance, and what nothing reads, or nothing depends on, has exactly none.
#[test]
fn importance_of_columns() {
    let rows: String = (0..60).map(|i| format!("{},{},x,{}\n", i % 10, i * i % 7, 3 * (i % 10))).collect();
    let all = table(&("a,b,c,t\n".to_owned() + &rows));
    let pipeline = Pipeline::new(Encoding::new().ignore("b").target("t"), &[], Ridge::new().alpha(1e-6));
    let model = pipeline.fit(&all).unwrap();
    let importances = model.permutation_importance(&all, "r2", 8, 3).unwrap();
    assert_eq!(importances.0.iter().map(|found| &*found.column).collect::<Vec<_>>(), ["a", "b", "c"]);
    let of = |column: &str| importances.of(column).unwrap();
    // The R² of shuffled targets is about −1: 1 − 2 σ² / σ².
    assert!((of("a").mean - 2.0).abs() < 0.3 && of("a").deviation > 0.0 && of("a").falls.len() == 8, "{importances}");
    for column in ["b", "c"] {
        assert_eq!((of(column).mean, of(column).deviation), (0.0, 0.0), "{column}"); // c is constant
    }
    // Of an error it is the rise.
    let rises = model.permutation_importance(&all, "mse", 8, 3).unwrap();
    assert!(rises.of("a").unwrap().mean > 0.0 && rises.of("b").unwrap().falls == [0.0; 8]);
    let lines = importances.to_string();
    assert!(lines.starts_with("a  ") && lines.lines().count() == 3, "{lines}");
    // The mean reads no column at all.
    let mean = Pipeline::new(Encoding::new().target("t"), &[], Mean).fit(&all).unwrap();
    assert!(mean.permutation_importance(&all, "r2", 3, 1).unwrap().0.iter().all(|found| found.falls == [0.0; 3]));
}

fn with_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}

fn candidate(rng: &mut rand::rngs::ChaCha8Rng, epochs: usize) -> Pipeline {
    let lr = 10f64.powf(rng.random_range(-4.0..-1.0));
    let net = MlpRegressor::new().hidden(&[rng.random_range(2..6)]).lr(lr).max_epochs(epochs).batch(8);
    Pipeline::new(encoding(), &[], net)
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let all = whole(30);
    let results = [1, 3].map(|threads| {
        with_threads(threads, || {
            let folds = Folds::new(4).seed(2);
            let scores = pipelines().into_iter().skip(1).step_by(3).map(|pipeline| {
                let metric = if pipeline.estimator().is_classifier() { "log_loss" } else { "rmse" };
                pipeline.cross_validate(&all, &folds, &[metric]).unwrap()
            });
            let importances = pipelines()[2].fit(&all).unwrap().permutation_importance(&all, "rmse", 3, 7).unwrap();
            let found = Halving::new(5, 2).factor(2).seed(3).search(&all, &folds, "rmse", candidate).unwrap();
            (scores.collect::<Vec<_>>(), importances, found)
        })
    });
    assert!(results[0] == results[1]);
}

#[test]
fn halving_keeps_the_best() {
    let (all, folds) = (whole(24), Folds::new(2).seed(1));
    let found = Halving::new(7, 2).factor(2).seed(4).search(&all, &folds, "rmse", candidate).unwrap();
    let shape: Vec<(usize, usize)> = found.rounds.iter().map(|round| (round.budget, round.scores.len())).collect();
    assert_eq!(shape, [(2, 7), (4, 4), (8, 2)]);
    for (round, next) in found.rounds.iter().zip(&found.rounds[1..]) {
        assert!(round.scores.is_sorted_by(|a, b| a.1 <= b.1), "an error is best where it is least");
        let mut kept: Vec<usize> = round.scores[..next.scores.len()].iter().map(|score| score.0).collect();
        let mut tried: Vec<usize> = next.scores.iter().map(|score| score.0).collect();
        kept.sort_unstable();
        tried.sort_unstable();
        assert_eq!(kept, tried);
    }
    let last = found.rounds[2].scores[0];
    assert_eq!(found.score, last.1);
    assert_eq!(found.pipeline.cross_validate(&all, &folds, &["rmse"]).unwrap().mean("rmse"), found.score);
    assert_eq!(Halving::new(7, 2).factor(2).seed(4).search(&all, &folds, "rmse", candidate).unwrap(), found);
    assert_ne!(Halving::new(7, 2).factor(2).seed(5).search(&all, &folds, "rmse", candidate).unwrap(), found);

    // Of equal scores the candidate that was drawn first is the best, whatever the order of the round before.
    let alike = |rng: &mut rand::rngs::ChaCha8Rng, budget| {
        let alpha = 10f64.powf(rng.random_range(-1.0..3.0));
        Pipeline::new(encoding(), &[], Ridge::new().alpha(if budget == 1 { alpha } else { 1.0 }))
    };
    let found = Halving::new(8, 1).factor(2).seed(1).search(&all, &folds, "rmse", alike).unwrap();
    let order = |round: usize| found.rounds[round].scores.iter().map(|score| score.0).collect::<Vec<_>>();
    assert!(!order(0)[..4].is_sorted() && order(1).is_sorted() && order(2) == order(1)[..2], "{:?}", found.rounds);

    // A candidate that diverges is the last; of several that do, none is found.
    let drawn = AtomicUsize::new(0);
    let diverging = |_: &mut _, epochs| {
        let lr = if drawn.fetch_add(1, Ordering::Relaxed) == 0 { 1e200 } else { 0.01 };
        Pipeline::new(encoding(), &[], MlpRegressor::new().hidden(&[2]).lr(lr).max_epochs(epochs))
    };
    let found = Halving::new(2, 3).seed(1).search(&all, &folds, "r2", diverging).unwrap();
    assert!(found.rounds[0].scores[0].0 == 1 && found.rounds[0].scores[1].1.is_nan());
    let never = |_: &mut _, _| Pipeline::new(encoding(), &[], MlpRegressor::new().lr(1e200));
    says(Halving::new(2, 1).search(&all, &folds, "r2", never).unwrap_err(), &["r2 is NaN for each of 2 candidates"]);
}

#[test]
fn what_a_pipeline_is_not_given() {
    let all = whole(24);
    let [ridge, logistic] = [1, 4].map(|k| pipelines().swap_remove(k));
    let model = ridge.fit(&all).unwrap();
    let folds = Folds::new(3);
    let fails = |result: Result<_, PipelineError>, parts: &[&str]| says(result.map(drop).unwrap_err(), parts);
    fails(ridge.cross_validate(&all, &folds, &["r3"]), &["metric \"r3\"", r#"["r2", "mse", "rmse", "mae"]"#]);
    fails(logistic.cross_validate(&all, &folds, &["r2"]), &["metric \"r2\"", "accuracy"]);
    fails(ridge.cross_validate(&all, &Folds::new(25), &["r2"]), &["25 folds of 18 rows"]);
    fails(ridge.cross_validate(&all, &Folds::new(4).grouped("kind"), &["r2"]), &["4 folds of 3 groups"]);
    fails(ridge.cross_validate(&all, &folds.clone().grouped("shops"), &["r2"]), &["no column \"shops\"", "\"shop\""]);
    fails(ridge.cross_validate(&all, &folds.grouped("size"), &["r2"]), &["line 5, column 2 (size)", "no value"]);
    says(model.predict_proba(&all).unwrap_err(), &["no probabilities"]);
    says(model.predict(&table("sold,kind\n2024-01-01,oak\n")).unwrap_err(), &["no column \"size\""]);
    says(model.score(&table("sold,kind,size\n2024-01-01,oak,1\n"), "r2").unwrap_err(), &["no column \"price\""]);
    let plain = Pipeline::new(encoding(), &[], Logistic::new());
    says(plain.fit(&all.select(&[1])).unwrap_err(), &["1 samples: at least 2"]);
    let source = std::error::Error::source(&model.score(&table("a\n1\n"), "r2").unwrap_err()).map(ToString::to_string);
    assert!(source.unwrap().contains("no column"));
}

/// A class that some folds lack is a class all the same.
#[test]
fn rare_classes_are_cross_validated() {
    let rows: String = (0..20).map(|i| format!("{i},{}\n", if i == 7 { "rare" } else { ["a", "b"][i % 2] })).collect();
    let all = table(&("x,class\n".to_owned() + &rows));
    let pipeline = Pipeline::new(Encoding::new().class("class"), &[], Logistic::new());
    let scores = pipeline.cross_validate(&all, &Folds::new(4), &["accuracy", "log_loss"]).unwrap();
    assert!(scores.folds("log_loss").iter().all(|loss| loss.is_finite()));
    let [mean, deviation] = [scores.mean("accuracy"), scores.deviation("accuracy")];
    let folds = scores.folds("accuracy");
    assert!((mean - folds.iter().sum::<f64>() / 4.0).abs() < 1e-15);
    let squares: f64 = folds.iter().map(|score| (score - mean).powi(2)).sum();
    assert!((deviation - (squares / 3.0).sqrt()).abs() < 1e-15);
    assert!(scores.to_string().starts_with(&format!("accuracy {mean:.3} ± {deviation:.3}, log_loss ")));
    assert_eq!(pipeline.fit(&all).unwrap().class_names(), ["a", "b", "rare"]);
}

#[test]
#[should_panic(expected = "predicts classes; name their column with `Encoding::class`")]
fn a_classifier_needs_classes() {
    Pipeline::new(Encoding::new().target("t"), &[], Majority);
}

#[test]
#[should_panic(expected = "predicts numbers; name their columns with `Encoding::target`")]
fn a_regressor_needs_targets() {
    Pipeline::new(Encoding::new().class("t"), &[], Mean);
}

#[test]
#[should_panic(expected = "Predictions::numbers: the pipeline predicts classes")]
fn classes_are_no_numbers() {
    Predictions::Classes(vec![]).numbers();
}

#[test]
#[should_panic(expected = "\"mae\" was not computed, only [\"r2\"]")]
fn scores_are_those_that_were_asked_for() {
    pipelines()[0].cross_validate(&whole(12), &Folds::new(2), &["r2"]).unwrap().mean("mae");
}

#[test]
fn settings_of_a_search() {
    for (panic, message) in [
        (panic_of(|| Folds::new(1)), "Folds::new: 1 folds; at least 2 are needed"),
        (panic_of(|| Halving::new(0, 1)), "at least one candidate"),
        (panic_of(|| Halving::new(1, 0)), "the budget is at least 1"),
        (panic_of(|| Halving::new(1, 1).factor(1)), "1 should be at least 2"),
    ] {
        says(panic.message, &[message]);
        assert!(panic.file.ends_with("pipeline.rs"));
    }
}
