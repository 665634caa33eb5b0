//! Metrics compared with scikit-learn's; `oracle/make_metrics.py` made the values.

use nn::Matrix;
use nn::metrics::{
    Average, Confusion, accuracy, argmax_cols, log_loss, mae, mse, r2, r2_each, rmse, roc_auc, roc_auc_ovr, top_k,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    classes: Vec<Classes>,
    scores: Scores,
    binary: Binary,
    regression: Regression,
}

#[derive(Deserialize)]
struct Classes {
    actual: Vec<usize>,
    predicted: Vec<usize>,
    accuracy: f64,
    #[serde(rename = "macro")]
    of_classes: [f64; 3],
    micro: [f64; 3],
    weighted: [f64; 3],
}

#[derive(Deserialize)]
struct Scores {
    actual: Vec<usize>,
    probabilities: Vec<Vec<f64>>,
    log_loss: f64,
    top_1: f64,
    roc_auc_ovr: f64,
}

#[derive(Deserialize)]
struct Binary {
    scores: Vec<f64>,
    positive: Vec<bool>,
    roc_auc: f64,
}

#[derive(Deserialize)]
struct Regression {
    y: Vec<Vec<f64>>,
    t: Vec<Vec<f64>>,
    mse: f64,
    mae: f64,
    rmse: f64,
    r2: f64,
    r2_each: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../oracle/metrics.json")).unwrap()
}

/// A row of the file is a sample, which is a column here.
fn columns(rows: &[Vec<f64>]) -> Matrix<f64> {
    Matrix::from_vec(rows[0].len(), rows.len(), rows.concat())
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-14 * expected.abs().max(1.0), "{found}, not {expected}");
}

#[test]
fn of_classes() {
    for Classes { actual, predicted, accuracy: share, of_classes, micro, weighted } in reference().classes {
        close(accuracy(&predicted, &actual), share);
        let confusion = Confusion::new(&predicted, &actual, 4);
        close(confusion.accuracy(), share);
        for (average, expected) in
            [(Average::Macro, of_classes), (Average::Micro, micro), (Average::Weighted, weighted)]
        {
            close(confusion.mean_precision(average), expected[0]);
            close(confusion.mean_recall(average), expected[1]);
            close(confusion.mean_f1(average), expected[2]);
        }
    }
}

#[test]
fn of_scores() {
    let Scores { actual, probabilities, log_loss: lost, top_1, roc_auc_ovr: area } = reference().scores;
    let probabilities = columns(&probabilities);
    close(log_loss(&probabilities, &actual), lost);
    close(top_k(&probabilities, &actual, 1), top_1);
    close(accuracy(&argmax_cols(&probabilities), &actual), top_1);
    close(roc_auc_ovr(&probabilities, &actual), area);
    let Binary { scores, positive, roc_auc: area } = reference().binary;
    close(roc_auc(&scores, &positive), area);
}

#[test]
fn of_numbers() {
    let reference = reference().regression;
    let (y, t) = (columns(&reference.y), columns(&reference.t));
    close(mse(&y, &t), reference.mse);
    close(mae(&y, &t), reference.mae);
    close(r2(&y, &t), reference.r2);
    r2_each(&y, &t).into_iter().zip(reference.r2_each).for_each(|(found, expected)| close(found, expected));
    let first = |m: &Matrix<f64>| Matrix::row(m.transpose().col(0));
    close(rmse(&first(&y), &first(&t)), reference.rmse);
}

#[test]
fn targets_that_are_all_equal() {
    let t = Matrix::row(&[0.1f32; 7]);
    assert_eq!((r2(&t, &t), r2(&Matrix::row(&[0.2; 7]), &t)), (1.0, 0.0));
    let none = Matrix::<f32>::zeros(2, 0);
    assert!([mse(&none, &none), mae(&none, &none), rmse(&none, &none), r2(&none, &none)].iter().all(|m| m.is_nan()));
    // One sample has no variance, whether its prediction is exact or not.
    let one = [[1.0f64], [2.0]].map(|t| Matrix::row(&t));
    assert!(r2(&one[0], &one[0]).is_nan() && r2(&one[0], &one[1]).is_nan());
}

#[test]
fn means_over_classes_that_are_not_there() {
    let confusion = Confusion::new(&[0, 0, 2], &[0, 1, 0], 4);
    // Class 0 has precision 1/2, class 1 is never predicted (0), class 2 is wrong (0), class 3 is left out.
    assert_eq!(confusion.mean_precision(Average::Macro), 0.5 / 3.0);
    assert_eq!(confusion.mean_precision(Average::Weighted), (2.0 * 0.5 + 0.0) / 3.0);
    assert!(confusion.f1(3).is_nan() && confusion.precision(1).is_nan() && confusion.recall(2).is_nan());
    assert_eq!((confusion.f1(0), confusion.f1(1), confusion.f1(2)), (0.5, 0.0, 0.0));
    assert!(Confusion::new(&[], &[], 3).mean_f1(Average::Macro).is_nan());
}

#[test]
#[should_panic(expected = "mse: predictions 1 × 2 and targets 2 × 1 differ in shape")]
fn shapes_are_compared() {
    mse(&Matrix::<f64>::zeros(1, 2), &Matrix::zeros(2, 1));
}
