//! Losses: derivatives compared with finite differences, extreme logits in both precisions, weights, options from files.

use autograd::check::{Check, Verdict};
use autograd::{Real, check, grad};
use nn::loss::{self, BinaryCrossEntropy, CrossEntropy, Loss, Losses, gaussian_nll};
use nn::{Axis, Matrix, Reduction, Tape};
use proptest::prelude::*;
use tape_tests::oracle::is_close;

/// Every loss, with options if it has some, and whether its targets are probabilities.
pub fn all() -> Vec<(Loss, bool)> {
    let weights = || Some(vec![0.5, 2.0]);
    vec![
        (Loss::Mse, false),
        (Loss::L1, false),
        (Loss::Huber { delta: 0.7 }, false),
        (Loss::SmoothL1 { beta: 0.4 }, false),
        (BinaryCrossEntropy::default().into(), false),
        (BinaryCrossEntropy { pos_weight: weights(), label_smoothing: 0.1 }.into(), true),
        (CrossEntropy::default().into(), true),
        (CrossEntropy { class_weights: weights(), label_smoothing: 0.1 }.into(), true),
        (Loss::KlDivergence, true),
        (Loss::PoissonNll, false),
        (Loss::MultiMargin { margin: 1.0 }, true),
    ]
}

/// Matrices of numbers between 1/4 and 2 with either sign: away from kinks at 0.
fn matrices(rows: usize, cols: usize) -> impl Strategy<Value = Matrix<f64>> {
    let number = (0.25..2.0, any::<bool>()).prop_map(|(x, negative): (f64, bool)| if negative { -x } else { x });
    prop::collection::vec(number, rows * cols).prop_map(move |data| Matrix::from_vec(rows, cols, data))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Checks to second order, in the predictions, the targets and the weights of the samples. At a kink, such as that of the absolute
    /// value, a comparison is undecided; most are not.
    #[test]
    fn derivatives(y in matrices(2, 3), t in matrices(2, 3), w in matrices(1, 3)) {
        let w = w.map(f64::abs);
        for (loss, probabilities) in all() {
            let check = Check::new().directions(2).undecided(0.3);
            let report = check.run(
                |v| {
                    let t = if probabilities { v[1].softmax(Axis::Rows) } else { v[1] };
                    loss.each(v[0], t).weighted(v[2]).mean()
                },
                &[&y, &t, &w],
            );
            prop_assert!(report.verdict == Verdict::Pass, "{loss:?}: {report}");
        }
    }

    /// Labels have no gradient.
    #[test]
    fn derivatives_of_pairs(a in matrices(3, 4), b in matrices(3, 4), c in matrices(3, 4)) {
        let check = Check::new().directions(2).undecided(0.3);
        let report = check.run(
            |v| {
                let t = v[0].tape().constant(Matrix::row(&[1.0, -1.0, -1.0, 1.0]));
                let rows = t.repeat(3, 4);
                let each = [loss::margin_ranking(v[0], v[1], rows, 0.3), loss::hinge_embedding(v[0], rows, 0.7)];
                let of_columns = [loss::cosine_embedding(v[0], v[1], t, 0.1), loss::triplet_margin(v[0], v[1], v[2], 0.6)];
                each.into_iter().chain(of_columns).map(|e| e.mean()).reduce(|a, b| a + b).unwrap()
            },
            &[a, b, c],
        );
        prop_assert!(report.verdict == Verdict::Pass, "{report}");
    }

    #[test]
    fn derivatives_of_a_gaussian(y in matrices(2, 2), v in matrices(2, 1), t in matrices(2, 2)) {
        let v = v.map(f64::abs);
        check(|v| gaussian_nll(v[0], v[1], v[2], Reduction::Mean), &[&y, &v, &t]);
        check(|v| Loss::GaussianNll.of(v[0], v[1].rows_in(0..1), Reduction::Sum), &[y, t]);
    }

    /// A class is the same as a probability of 1, for every loss of classes and with any options.
    #[test]
    fn classes_are_probabilities(x in matrices(3, 4), classes in prop::collection::vec(0usize..3, 4)) {
        let entropy = CrossEntropy { class_weights: Some(vec![0.0, 1.5, 2.0]), label_smoothing: 0.2 };
        for loss in [entropy.into(), CrossEntropy::default().into(), Loss::KlDivergence, Loss::MultiMargin { margin: 0.5 }] {
            let tape = Tape::new();
            let x = tape.variable(&x);
            let (a, b) = (loss.each(x, &classes), loss.each(x, tape.one_hot(3, &classes)));
            prop_assert_eq!((a.sum().item(), a.mean().item().to_bits()), (b.sum().item(), b.mean().item().to_bits()));
        }
    }

    /// Sample weights 0, 1, 2 are the same as leaving samples out and repeating them.
    #[test]
    fn weights_are_counts(y in matrices(2, 3), t in matrices(2, 3)) {
        for (loss, probabilities) in all() {
            let tape = Tape::new();
            let [y, t] = [&y, &t].map(|m| tape.constant(m));
            let t = if probabilities { t.softmax(Axis::Rows) } else { t };
            let weighted = loss.each(y, t).weighted(tape.constant(Matrix::row(&[0.0, 1.0, 2.0])));
            let repeated = loss.each(y.select_columns(&[1, 2, 2]), t.select_columns(&[1, 2, 2]));
            for (a, b) in [(weighted.sum(), repeated.sum()), (weighted.mean(), repeated.mean())] {
                prop_assert!((a.item() - b.item()).abs() < 1e-13 * (1.0 + b.item().abs()), "{loss:?}: {a:?} {b:?}");
            }
        }
    }
}

/// Σ of a loss of one column of logits, and its gradient by both sweeps, in the given precision.
#[track_caller]
fn extreme<T: Real, const N: usize>(loss: &Loss, x: [f64; N], t: [f64; N], value: f64, gradient: [f64; N]) {
    let tape = Tape::new();
    let column = |x: [f64; N]| Matrix::column(&x.map(T::from_f64));
    let (v, t) = (tape.variable(column(x)), tape.constant(column(t)));
    let e = loss.of(v, t, Reduction::Sum);
    let precision = if size_of::<T>() == 4 { 4e-7 } else { 1e-15 };
    let close = |a: T, b: f64| {
        let near = is_close(a.to_f64(), b, precision * b.abs().max(1e-30));
        assert!(near, "{loss:?} of {x:?}: {a}, not {b}");
    };
    close(e.item(), value);
    for found in [e.backward().wrt(v).to_owned(), grad(e, &[v])[0].value()] {
        found.as_slice().iter().zip(gradient).for_each(|(&a, b)| close(a, b));
    }
}

/// The same in both precisions.
#[track_caller]
fn both<const N: usize>(loss: impl Into<Loss>, x: [f64; N], t: [f64; N], value: f64, gradient: [f64; N]) {
    let loss = loss.into();
    extreme::<f64, N>(&loss, x, t, value, gradient);
    extreme::<f32, N>(&loss, x, t, value, gradient);
}

/// The limits.
#[test]
fn infinite_logits() {
    let inf = f64::INFINITY;
    let binary = BinaryCrossEntropy::default;
    both(binary(), [inf, -inf], [1.0, 0.0], 0.0, [0.0, 0.0]);
    both(binary(), [-inf, inf], [1.0, 0.0], inf, [-1.0, 1.0]);
    both(binary(), [inf, -inf], [0.25, 0.25], inf, [0.75, -0.25]);
    let positives = || BinaryCrossEntropy { pos_weight: Some(vec![3.0, 3.0]), label_smoothing: 0.0 };
    both(positives(), [inf, -inf], [1.0, 0.0], 0.0, [0.0, 0.0]);
    both(positives(), [-inf, inf], [1.0, 0.0], inf, [-3.0, 1.0]);
    both(BinaryCrossEntropy { label_smoothing: 0.5, ..binary() }, [inf, -inf], [1.0, 0.0], inf, [0.25, -0.25]);
    for classes in [None, Some(vec![1.0, 1.0])] {
        let entropy = || CrossEntropy { class_weights: classes.clone(), label_smoothing: 0.0 };
        both(entropy(), [inf, 0.0], [1.0, 0.0], 0.0, [0.0, 0.0]);
        both(entropy(), [inf, 0.0], [0.0, 1.0], inf, [1.0, -1.0]);
        both(entropy(), [-inf, 0.0], [0.0, 1.0], 0.0, [0.0, 0.0]);
        both(entropy(), [-inf, 0.0], [1.0, 0.0], inf, [-1.0, 1.0]);
        both(entropy(), [inf, -inf], [0.0, 1.0], inf, [1.0, -1.0]);
    }
    both(CrossEntropy { class_weights: None, label_smoothing: 0.5 }, [inf, 0.0], [1.0, 0.0], inf, [0.25, -0.25]);
    both(Loss::KlDivergence, [inf, 0.0], [1.0, 0.0], 0.0, [0.0, 0.0]);
    both(Loss::KlDivergence, [-inf, 0.0], [1.0, 0.0], inf, [-1.0, 1.0]);
    let margin = || Loss::MultiMargin { margin: 1.0 };
    both(margin(), [inf, 0.0], [1.0, 0.0], 0.0, [0.0, 0.0]);
    both(margin(), [inf, 0.0], [0.0, 1.0], inf, [0.5, -0.5]);
    both(margin(), [-inf, 0.0], [1.0, 0.0], inf, [-0.5, 0.5]);
    both(margin(), [-inf, 0.0], [0.0, 1.0], 0.0, [0.0, 0.0]);
    both(Loss::Mse, [inf, -inf], [0.0, 0.0], inf, [inf, -inf]);
    both(Loss::L1, [inf, -inf], [0.0, 0.0], inf, [1.0, -1.0]);
    both(Loss::Huber { delta: 2.0 }, [inf, -inf], [0.0, 0.0], inf, [2.0, -2.0]);
    both(Loss::SmoothL1 { beta: 2.0 }, [inf, -inf], [0.0, 0.0], inf, [1.0, -1.0]);
    both(Loss::PoissonNll, [-inf, 0.0], [0.0, 0.0], 1.0, [0.0, 1.0]);
    both(Loss::PoissonNll, [-inf, 0.0], [2.0, 0.0], inf, [-2.0, 1.0]);
    both(Loss::PoissonNll, [inf, 0.0], [2.0, 0.0], inf, [inf, 1.0]);
}

/// Errors far below δ keep all digits of their slope.
#[test]
fn small_errors() {
    both(Loss::Huber { delta: 2.0 }, [1e-12, 2.0], [0.0, 0.0], 2.0 + 5e-25, [1e-12, 2.0]);
    both(Loss::SmoothL1 { beta: 1e6 }, [1e-12, 0.0], [0.0, 0.0], 5e-31, [1e-18, 0.0]);
}

/// A sample of weight 0 is the same as one that is left out, whatever its predictions and targets: in the value, in the mean, and in
/// the gradient by both sweeps, where its own is 0.
fn ignored<T: Real>(loss: &Loss, bad: f64, bad_target: bool) {
    let number = |x: f64| T::from_f64(x);
    let special = |target: bool, j: usize, x: f64| number(if j == 0 && (!target || bad_target) { bad } else { x });
    let y = Matrix::from_fn(2, 3, |i, j| special(false, j, i as f64 - 0.5 * j as f64));
    let t = Matrix::from_fn(2, 3, |i, j| special(true, j, if (i + j) % 2 == 0 { 0.25 } else { 0.75 }));
    let tape = Tape::new();
    let [y, t] = [tape.variable(y), tape.constant(t)];
    let left = |x: nn::Var<'_, T>| x.cols() - 1;
    let weights = tape.constant(Matrix::row(&[0.0, 1.0, 2.0].map(number)));
    for reduction in [Reduction::Sum, Reduction::Mean] {
        let e = loss.each(y, t).weighted(weights).reduce(reduction);
        let others = |x: nn::Var<'_, T>| x.value().as_slice()[x.rows()..].to_vec();
        let few = |x: nn::Var<'_, T>| Matrix::from_vec(x.rows(), left(x), others(x));
        let (z, s, w) = (tape.variable(few(y)), tape.constant(few(t)), tape.constant(few(weights)));
        let expected = loss.each(z, s).weighted(w).reduce(reduction);
        assert_eq!(e.item().to_f64(), expected.item().to_f64(), "{loss:?}, {bad}");
        let slopes = expected.backward().wrt(z).to_owned();
        for found in [e.backward().wrt(y).to_owned(), grad(e, &[y])[0].value()] {
            let (none, rest) = found.as_slice().split_at(2);
            assert!(none.iter().all(|x| *x == number(0.0)), "{loss:?}, {bad}: {found:?}");
            for (&a, &b) in rest.iter().zip(slopes.as_slice()) {
                let (a, b) = (a.to_f64(), b.to_f64());
                assert!(
                    is_close(a, b, 4.0 * T::EPSILON * (1.0 + b.abs())),
                    "{loss:?}, {bad}: {found:?}, not {slopes:?}"
                );
            }
        }
    }
}

#[test]
fn ignored_samples() {
    for (loss, _) in all() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for bad_target in [false, true] {
                ignored::<f64>(&loss, bad, bad_target);
                ignored::<f32>(&loss, bad, bad_target);
            }
        }
    }
    // The same for a sample of a class with weight 0.
    let tape = Tape::<f64>::new();
    let x = tape.variable(Matrix::from([[f64::NAN, 1.0], [0.0, 0.0]]));
    let e = CrossEntropy { class_weights: Some(vec![0.0, 1.0]), label_smoothing: 0.0 }.each(x, &[0, 1][..]).mean();
    assert_eq!(e.item(), 1f64.exp().ln_1p());
    assert_eq!(e.backward().wrt(x).col(0), [0.0, 0.0]);
    assert_eq!(grad(e, &[x])[0].value().col(0), [0.0, 0.0]);
}

/// The mean of no samples is NaN, and their sum 0.
#[test]
fn no_samples() {
    for (loss, _) in all().into_iter().chain([(Loss::GaussianNll, false)]) {
        let tape = Tape::<f64>::new();
        let rows = if loss == Loss::GaussianNll { 1 } else { 2 };
        let (y, t) = (tape.variable(Matrix::zeros(2, 0)), tape.constant(Matrix::zeros(rows, 0)));
        let none = tape.constant(Matrix::zeros(1, 0));
        for losses in [loss.each(y, t), loss.each(y, t).weighted(none)] {
            assert_eq!(losses.sum().item(), 0.0, "{loss:?}");
            assert!(losses.mean().item().is_nan(), "{loss:?}");
            assert!(losses.reduce(Reduction::Mean).item().is_nan(), "{loss:?}");
        }
        assert!(loss.of(y, t, Reduction::Mean).item().is_nan(), "{loss:?}");
    }
    let tape = Tape::<f64>::new();
    let (x, v) = (tape.variable(Matrix::zeros(2, 0)), tape.variable(1.0));
    let t = tape.constant(Matrix::zeros(2, 0));
    let mean = Reduction::Mean;
    let all = [nn::loss::mse(x, t, mean), nn::loss::bce_with_logits(x, t, mean), gaussian_nll(x, v, t, mean)];
    assert!(all.iter().all(|e| e.item().is_nan()));
    assert!(nn::loss::softmax_cross_entropy(x, &[][..], mean).item().is_nan());
}

#[test]
fn logits_of_a_thousand() {
    let weighted = || CrossEntropy { class_weights: Some(vec![2.0, 3.0]), label_smoothing: 0.0 };
    both(weighted(), [1e3, -1e3], [1.0, 0.0], 0.0, [0.0, 0.0]);
    both(weighted(), [1e3, -1e3], [0.0, 1.0], 6e3, [3.0, -3.0]);
    both(weighted(), [-1e3, -1e3], [0.5, 0.5], 2.5 * 2f64.ln(), [0.25, -0.25]);
    // ε / 2 of the weight is on the wrong class: 2 (1 − ε/2) or 2000 ε/2.
    let smoothed = CrossEntropy { class_weights: None, label_smoothing: 0.25 };
    both(smoothed, [1e3, -1e3], [1.0, 0.0], 250.0, [0.125, -0.125]);
    both(Loss::KlDivergence, [1e3, -1e3], [0.0, 1.0], 2e3, [1.0, -1.0]);
    both(Loss::KlDivergence, [1e3, -1e3], [1.0, 0.0], 0.0, [0.0, 0.0]);
    both(Loss::MultiMargin { margin: 1.0 }, [1e3, -1e3], [0.0, 1.0], 1000.5, [0.5, -0.5]);

    let positives = || BinaryCrossEntropy { pos_weight: Some(vec![3.0, 3.0]), label_smoothing: 0.0 };
    both(positives(), [1e3, -1e3], [1.0, 0.0], 0.0, [0.0, 0.0]);
    both(positives(), [-1e3, 1e3], [1.0, 0.0], 4e3, [-3.0, 1.0]);
    both(positives(), [1e3, -1e3], [0.5, 0.5], 500.0 + 1500.0, [0.5, -1.5]);
    both(BinaryCrossEntropy::default(), [1e3, -1e3], [1.0, 0.0], 0.0, [0.0, 0.0]);
    both(BinaryCrossEntropy::default(), [1e3, -1e3], [0.25, 0.25], 750.0 + 250.0, [0.75, -0.25]);
    for (loss, slope) in [(Loss::Huber { delta: 2.0 }, 2.0), (Loss::SmoothL1 { beta: 2.0 }, 1.0), (Loss::L1, 1.0)] {
        let lost = if loss == Loss::L1 { 0.0 } else { slope };
        both(loss, [1e3, -1e3], [0.0, 0.0], 2.0 * (slope * 1e3 - lost), [slope, -slope]);
    }
}

/// ∂/∂t of −t ln σ(x) − (1 − t) ln(1 − σ(x)) is −x.
#[test]
fn the_gradient_of_a_binary_target() {
    let tape = Tape::new();
    let x = tape.constant(Matrix::row(&[1e3, -1e3, 0.25]));
    let t = tape.variable(Matrix::row(&[0.0, 1.0, 0.5]));
    let e = nn::loss::bce_with_logits(x, t, Reduction::Sum);
    assert_eq!(e.backward().wrt(t).as_slice(), [-1e3, 1e3, -0.25]);
}

#[test]
fn targets_that_are_certain_have_finite_gradients() {
    let tape = Tape::new();
    let (x, t) = (tape.variable(Matrix::column(&[1.0, -2.0])), tape.variable(Matrix::column(&[0.0, 1.0])));
    let grads = Loss::KlDivergence.of(x, t, Reduction::Sum).backward();
    assert!([grads.wrt(x), grads.wrt(t)].iter().all(|g| g.as_slice().iter().all(|g: &f64| g.is_finite())));
}

#[test]
fn weights_of_outputs_and_of_empty_batches() {
    let tape = Tape::new();
    let losses = Losses::<f64>::from(tape.variable(Matrix::from([[1.0, 2.0], [3.0, 5.0]])));
    assert_eq!(losses.weighted(tape.constant(Matrix::column(&[1.0, 3.0]))).mean().item(), (3.0 + 3.0 * 8.0) / 8.0);
    assert_eq!(losses.weighted(tape.constant(2.0)).mean().item(), losses.mean().item());
    assert!(losses.weighted(tape.constant(0.0)).mean().item().is_nan());
}

#[test]
fn losses_are_stored() {
    for (loss, _) in all().into_iter().chain([(Loss::GaussianNll, false)]) {
        let text = serde_json::to_string(&loss).unwrap();
        assert_eq!(serde_json::from_str::<Loss>(&text).unwrap(), loss, "{text}");
    }
    let read = |text| serde_json::from_str::<Loss>(text).map_err(|error| error.to_string());
    assert_eq!(read(r#"{"softmax_cross_entropy": {}}"#), Ok(CrossEntropy::default().into()));
    for (text, word) in [
        (r#"{"huber": {"delta": 0}}"#, "0 should be positive"),
        (r#"{"multi_margin": {"margin": -1.5}}"#, "-1.5 should be positive"),
        (r#"{"softmax_cross_entropy": {"label_smoothing": 1.5}}"#, "1.5 should be from 0 to 1"),
        (r#"{"softmax_cross_entropy": {"class_weights": [1, -2]}}"#, "-2 should be finite and not negative"),
        (r#"{"bce_with_logits": {"pos_weight": [0]}}"#, "0 should be positive"),
        (r#""cross""#, "unknown variant `cross`"),
    ] {
        let message = read(text).unwrap_err();
        assert!(message.contains(word), "{text}: {message}");
    }
}

#[test]
#[should_panic(expected = "softmax_cross_entropy: 2 weights for 3 × 1 logits")]
fn a_weight_for_each_class() {
    let tape = Tape::new();
    let entropy = CrossEntropy { class_weights: Some(vec![1.0, 2.0]), ..CrossEntropy::default() };
    let _ = entropy.each(tape.variable(Matrix::column(&[1.0, 2.0, 3.0])), &[0][..]);
}

#[test]
#[should_panic(expected = "weighted: 1 × 3 weights do not fit to 1 × 2 losses")]
fn a_weight_for_each_sample() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::zeros(3, 2));
    let weights = tape.constant(Matrix::row(&[1.0, 2.0, 3.0]));
    let _ = CrossEntropy::default().each(x, &[0, 1][..]).weighted(weights);
}

#[test]
#[should_panic(expected = "huber: delta: NaN should be positive")]
fn options_are_checked_in_use() {
    let tape = Tape::<f64>::new();
    let y = tape.variable(1.0);
    let _ = Loss::Huber { delta: f64::NAN }.each(y, y);
}

/// Of points that coincide and of a column of zeros: finite values, and the slope 0.
#[test]
fn pairs_without_a_direction() {
    let tape = Tape::<f64>::new();
    let (zero, one) = (tape.variable(Matrix::zeros(2, 1)), tape.variable(Matrix::column(&[3.0, 4.0])));
    let losses = [
        (loss::triplet_margin(one, one, one, 1.0).sum(), 1.0),
        (loss::cosine_embedding(zero, one, tape.constant(1.0), 0.0).sum(), 1.0),
        (loss::cosine_embedding(zero, one, tape.constant(-1.0), 0.0).sum(), 0.0),
    ];
    for (loss, value) in losses {
        assert_eq!(loss.item(), value);
        let grads = loss.backward();
        assert!([zero, one].iter().all(|&x| grads.get(x).is_none_or(|g| g.as_slice() == [0.0, 0.0])));
    }
}

/// A loss of three matrices with a margin.
type Margin = for<'t> fn(nn::Var<'t, f64>, f64) -> Losses<'t, f64>;

#[test]
fn margins_are_checked_in_use() {
    let all: [(&str, f64, Margin); 4] = [
        ("margin_ranking: margin", -1.0, |x, margin| loss::margin_ranking(x, x, x, margin)),
        ("hinge_embedding: margin", 0.0, |x, margin| loss::hinge_embedding(x, x, margin)),
        ("cosine_embedding: margin", f64::NAN, |x, margin| loss::cosine_embedding(x, x, x, margin)),
        ("triplet_margin: margin", 0.0, |x, margin| loss::triplet_margin(x, x, x, margin)),
    ];
    for (words, margin, loss) in all {
        let found = tape_tests::panic_of(|| {
            let _ = loss(Tape::new().variable(1.0), margin);
        });
        assert!(found.message.starts_with(words), "{words}: {}", found.message);
    }
}
