//! Feature maps: the properties of whitening, inverses, files, chunks.

use nn::data::{Components, Covariance, Dataset, Pca, Preprocessing, PreprocessingStep, Zca};
use nn::{Matrix, Real, Tape};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tape_tests::{panic_of, says};

type M = Matrix<f64>;

fn normal(rows: usize, cols: usize, seed: u64) -> M {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Matrix::from_fn(rows, cols, |_, _| StandardNormal.sample(&mut rng))
}

fn times(a: &M, b: &M) -> M {
    let tape = Tape::new();
    tape.constant(a).matmul(tape.constant(b)).value()
}

/// Correlated samples with `rank` independent directions, away from 0.
fn samples(features: usize, rank: usize, n: usize, seed: u64) -> M {
    times(&normal(features, rank, seed), &normal(rank, n, seed ^ 1)).map(|x| x + 3.0)
}

fn covariance<T: Real>(x: &Matrix<T>) -> M {
    let mut covariance = Covariance::new(x.rows());
    covariance.add(x);
    covariance.matrix()
}

fn distance(a: &M, b: &M) -> f64 {
    assert_eq!(a.shape(), b.shape());
    a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn identity(n: usize) -> M {
    Matrix::from_fn(n, n, |i, j| f64::from(u8::from(i == j)))
}

fn squares(x: &M) -> f64 {
    x.as_slice().iter().map(|x| x * x).sum()
}

const WHITEN: PreprocessingStep = PreprocessingStep::Whiten { components: Components::All, epsilon: 0.0 };
const ZCA: PreprocessingStep = PreprocessingStep::Zca { epsilon: 0.0 };

proptest! {
    #[test]
    fn whitened_samples_have_the_identity_as_covariance(features in 1usize..7, seed: u64) {
        let x = samples(features, features, 200, seed);
        // Standardized first, because otherwise the covariance of x may have any condition number.
        for steps in [&[WHITEN][..], &[ZCA], &[PreprocessingStep::Standardize, WHITEN], &[PreprocessingStep::Standardize, ZCA]] {
            let preprocessing = Preprocessing::fit(steps, &x);
            let y = preprocessing.apply(&x);
            let condition = condition(&x);
            prop_assert!(distance(&covariance(&y), &identity(features)) < 1e-10 + 1e-14 * condition, "{steps:?}");
            prop_assert!(distance(&preprocessing.invert(&y), &x) < 1e-10 + 1e-14 * condition, "{steps:?}");
        }
    }

    #[test]
    fn components_are_ordered_orthogonal_and_explain_what_they_say(features in 2usize..7, seed: u64, kept in 1usize..7) {
        let x = samples(features, features, 100, seed);
        let pca = Pca::fit(&x, Components::Count(kept));
        let (kept, v) = (kept.min(features), pca.axes());
        prop_assert_eq!(pca.components(), kept);
        prop_assert!(distance(&times(&v.transpose(), v), &identity(kept)) < 1e-12);
        prop_assert!(pca.variance().is_sorted_by(|a, b| a >= b));
        let y = pca.apply(&x);
        let c = covariance(&y);
        let diagonal = Matrix::from_fn(kept, kept, |i, j| if i == j { pca.variance()[i] } else { 0.0 });
        prop_assert!(distance(&c, &diagonal) < 1e-10 * (1.0 + pca.variance()[0]));
        // The unexplained part is the distance to the nearest points in the span of the axes.
        let back = pca.invert(&y);
        let missed = x.as_slice().iter().zip(back.as_slice()).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 100.0;
        let total: f64 = (0..features).map(|i| covariance(&x)[(i, i)]).sum();
        prop_assert!((missed / total - (1.0 - pca.explained())).abs() < 1e-10);
        // The same number is kept if that share is requested.
        let again = Pca::fit(&x, Components::Variance(pca.explained()));
        prop_assert_eq!(again.components(), kept);
    }

    #[test]
    fn zca_is_the_whitening_closest_to_the_samples(features in 2usize..6, seed: u64) {
        let x = samples(features, features, 100, seed);
        let zca = Zca::fit(&x, 0.0);
        let w = zca.matrix();
        prop_assert_eq!(&w.transpose(), w);
        let centre = |x: &M| {
            let mean: Vec<f64> = (0..features).map(|i| (0..100).map(|j| x[(i, j)]).sum::<f64>() / 100.0).collect();
            Matrix::from_fn(features, 100, |i, j| x[(i, j)] - mean[i])
        };
        let (x, y) = (centre(&x), zca.apply(&x));
        let apart = |y: &M| squares(&Matrix::from_fn(features, 100, |i, j| y[(i, j)] - x[(i, j)]));
        for other in 0..5 {
            // Every other whitening is a rotation of this one; these rotations come from the axes of an unrelated matrix.
            let rotation = Pca::fit(&normal(features, 50, seed ^ (2 + other)), Components::All);
            let turned = times(rotation.axes(), &y);
            prop_assert!(distance(&covariance(&turned), &identity(features)) < 1e-9 + 1e-14 * condition(&x));
            prop_assert!(apart(&y) <= apart(&turned) * (1.0 + 1e-9));
        }
    }

    #[test]
    fn directions_without_variance(features in 2usize..7, rank in 1usize..4, seed: u64) {
        let rank = rank.min(features - 1);
        let x = samples(features, rank, 60, seed);
        let pca = Pca::fit(&x, Components::All).whitened(0.0);
        prop_assert_eq!(pca.components(), rank);
        let (tolerance, size) = (1e-10 + 1e-13 * condition_of(pca.variance()), 1.0 + squares(&x).sqrt());
        prop_assert!(distance(&covariance(&pca.apply(&x)), &identity(rank)) < tolerance);
        prop_assert!(distance(&pca.invert(&pca.apply(&x)), &x) < 1e-10 * size);

        let projection = times(pca.axes(), &pca.axes().transpose());
        let zca = Zca::fit(&x, 0.0);
        prop_assert!(distance(&covariance(&zca.apply(&x)), &projection) < tolerance);
        for zca in [zca, Zca::fit(&x, 1e-3)] {
            prop_assert!(distance(&zca.invert(&zca.apply(&x)), &x) < 1e-9 * size);
        }
    }

    #[test]
    fn epsilon_shrinks_every_direction(seed: u64, epsilon in 1e-3..10.0) {
        let x = samples(3, 3, 80, seed);
        let pca = Pca::fit(&x, Components::All).whitened(epsilon);
        let shrunk = |i: usize| pca.variance()[i] / (pca.variance()[i] + epsilon);
        let expected = Matrix::from_fn(3, 3, |i, j| if i == j { shrunk(i) } else { 0.0 });
        prop_assert!(distance(&covariance(&pca.apply(&x)), &expected) < 1e-10);
        let turned = times(&times(pca.axes(), &expected), &pca.axes().transpose());
        prop_assert!(distance(&covariance(&Zca::fit(&x, epsilon).apply(&x)), &turned) < 1e-10);
    }

    #[test]
    fn chunks_and_files_give_the_same_maps(seed: u64, size in 1usize..40) {
        let x = samples(4, 4, 90, seed);
        let steps = [PreprocessingStep::MinMax { low: -1.0, high: 1.0 }, PreprocessingStep::StandardizeShared, PreprocessingStep::Standardize, PreprocessingStep::Pca(Components::Count(3)), ZCA];
        let whole = Preprocessing::fit(&steps, &x);
        let chunks = || (0..90).step_by(size).map(|start| {
            Ok::<_, ()>(x.select_cols(&(start..90.min(start + size)).collect::<Vec<_>>()))
        });
        let chunked = Preprocessing::fit_chunks(&steps, chunks).unwrap();
        prop_assert!(distance(&whole.apply(&x), &chunked.apply(&x)) < 1e-7);
        let text = serde_json::to_string(&whole).unwrap();
        prop_assert_eq!(serde_json::from_str::<Preprocessing<f64>>(&text).unwrap(), whole);
    }
}

/// λ₁ / λₙ of the covariance, by which rounding errors are multiplied.
fn condition(x: &M) -> f64 {
    condition_of(Pca::fit(x, Components::All).variance())
}

fn condition_of(variance: &[f64]) -> f64 {
    variance[0] / variance[variance.len() - 1]
}

#[test]
fn single_precision_is_whitened_too() {
    let x = samples(4, 4, 300, 9).map(|x| x as f32);
    for steps in [[PreprocessingStep::Standardize, WHITEN], [PreprocessingStep::Standardize, ZCA]] {
        let y = Preprocessing::fit(&steps, &x).apply(&x);
        assert!(distance(&covariance(&y), &identity(4)) < 1e-4);
    }
    // Two features that are equal up to rounding are one direction.
    let twice = Matrix::from_fn(2, 300, |i, j| if i == 0 { x[(0, j)] } else { x[(0, j)] * 0.1 });
    assert_eq!(Pca::fit(&twice, Components::All).components(), 1);
}

#[test]
fn other_samples_do_not_change_the_maps() {
    let (train, test) = (samples(3, 3, 50, 1), samples(3, 3, 50, 2));
    let steps = [PreprocessingStep::Standardize, WHITEN];
    let preprocessing = Preprocessing::fit(&steps, &train);
    let before = preprocessing.apply(&train);
    let _ = preprocessing.apply(&test);
    assert_eq!(preprocessing.apply(&train), before);
    assert!(distance(&covariance(&preprocessing.apply(&test)), &identity(3)) > 1e-3);
}

#[test]
fn the_first_error_of_the_chunks_is_returned() {
    let chunks = || [Ok(normal(2, 5, 1)), Err("broken"), Ok(normal(2, 5, 2))];
    assert_eq!(Preprocessing::fit_chunks(&[PreprocessingStep::Standardize], chunks), Err("broken"));
}

#[test]
fn files_are_validated() {
    let error = |text: &str| serde_json::from_str::<Preprocessing<f64>>(text).unwrap_err().to_string();
    let standardize = |n: usize| format!(r#"{{"Standardize":{{"mean":{0:?},"scale":{0:?}}}}}"#, vec![1.0; n]);
    let steps = |steps: &[String]| format!(r#"{{"steps":[{}]}}"#, steps.join(","));
    let apart = error(&steps(&[standardize(2), standardize(3)]));
    assert!(apart.contains("a step with 2 outputs is followed by one with 3 inputs"), "{apart}");

    let pca = serde_json::to_string(&Pca::fit(&normal(2, 9, 1), Components::All)).unwrap();
    let negative = pca.replace(r#""scale":[1.0,1.0]"#, r#""scale":[1.0,-1.0]"#);
    assert!(error(&steps(&[format!(r#"{{"Pca":{negative}}}"#)])).contains("a scale is positive and finite"));
    let short = pca.replace(r#""scale":[1.0,1.0]"#, r#""scale":[1.0]"#);
    assert!(error(&steps(&[format!(r#"{{"Pca":{short}}}"#)])).contains("2 × 2 axes do not match"));
    let zca =
        r#"{"Zca":{"mean":[1],"whiten":{"rows":1,"cols":1,"data":[1]},"color":{"rows":1,"cols":2,"data":[1,1]}}}"#;
    assert!(error(&steps(&[zca.into()])).contains("1 means do not match matrices of 1 × 1 and 1 × 2"));
}

#[test]
#[should_panic(expected = "Pca::fit: row 0, column 1 is NaN")]
fn nan_is_not_decomposed() {
    Pca::fit(&Matrix::row(&[1.0, f64::NAN]), Components::All);
}

#[test]
#[should_panic(expected = "the samples are all equal")]
fn equal_samples_have_no_components() {
    Pca::fit(&Matrix::full(3, 4, 2.5), Components::All);
}

#[test]
#[should_panic(expected = "Pca::invert: fitted to 1 components, given 2")]
fn components_must_match() {
    let pca = Pca::fit(&normal(2, 9, 1), Components::Count(1));
    pca.invert(&normal(2, 9, 1));
}

proptest! {
    /// Fewer samples than features: the components are those of the covariance.
    #[test]
    fn components_of_few_samples(features in 3usize..30, n in 1usize..12, seed: u64) {
        let n = n.min(features - 1);
        let x = samples(features, features, n + 1, seed);
        let few = Pca::fit(&x.select_cols(&(0..n.max(2)).collect::<Vec<_>>()), Components::All);
        let mut moments = Covariance::new(features);
        moments.add(&x.select_cols(&(0..n.max(2)).collect::<Vec<_>>()));
        let all = Pca::<f64>::from_covariance(&moments, Components::All);
        prop_assert_eq!(few.components(), all.components());
        let v = few.axes();
        prop_assert!(distance(&times(&v.transpose(), v), &identity(few.components())) < 1e-12);
        for (a, b) in few.variance().iter().zip(all.variance()) {
            prop_assert!((a - b).abs() < 1e-12 * all.variance()[0]);
        }
        // The same span.
        let projection = |pca: &Pca<f64>| times(pca.axes(), &pca.axes().transpose());
        let condition = all.variance()[0] / all.variance()[all.components() - 1];
        prop_assert!(distance(&projection(&few), &projection(&all)) < 1e-13 * condition);
    }

    /// A feature that is constant up to rounding is not a direction, whatever the values of the others.
    #[test]
    fn rounding_is_no_direction(seed: u64, constant in 1e3f64..1e12, size in 1e-3f64..1.0) {
        let mut x = samples(3, 3, 50, seed).map(|x| x * size);
        let plain = Pca::fit(&Matrix::from_fn(2, 50, |i, j| x[(i, j)]), Components::All);
        for j in 0..50 {
            x[(2, j)] = if j % 3 == 0 { constant.next_up() } else { constant };
        }
        let pca = Pca::fit(&x, Components::All);
        prop_assert_eq!(pca.components(), plain.components());
        prop_assert!(pca.axes().transpose().col(2).iter().all(|v| v.abs() < 1e-3));
        for whitened in [pca.whitened(0.0).apply(&x), Zca::fit(&x, 0.0).apply(&x)] {
            prop_assert!(whitened.as_slice().iter().all(|y| y.abs() < 50.0));
        }
    }
}

/// The work grows with the smaller side: a covariance of all features would have a hundred million entries.
#[test]
fn components_of_very_many_features() {
    let x = Matrix::from_fn(10_000, 20, |i, j| ((i * 7 + j * j * 13) as f64 * 0.618_034).fract());
    let preprocessing = Preprocessing::fit(&[PreprocessingStep::Pca(Components::All)], &x);
    let y = preprocessing.apply(&x);
    assert_eq!(y.shape(), (19, 20));
    assert!(distance(&preprocessing.invert(&y), &x) < 1e-10);
}

/// The first entry that is no number is named by row and column, whatever is fitted, in whichever chunk it is.
#[test]
fn maps_name_what_is_not_finite() {
    fn check<T: Real>() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let entry = |i, n| T::from_f64(if (i, n) == (1, 5) { bad } else { (3 * i + n * n) as f64 });
            let x = Matrix::from_fn(2, 8, entry);
            let wide = Matrix::from_fn(12, 8, entry);
            let whiten = PreprocessingStep::Whiten { components: Components::All, epsilon: 0.0 };
            let range = PreprocessingStep::MinMax { low: 0.0, high: 1.0 };
            for step in [
                PreprocessingStep::Standardize,
                PreprocessingStep::StandardizeShared,
                range,
                PreprocessingStep::Pca(Components::All),
                whiten,
                PreprocessingStep::Zca { epsilon: 0.1 },
            ] {
                for x in [&x, &wide] {
                    let place = format!("row 1, column 5 is {bad}");
                    says(panic_of(|| Preprocessing::fit(&[step], x)).message, &[&place]);
                    let chunks = || [[0, 1, 2, 3], [4, 5, 6, 7]].map(|part| Ok::<_, ()>(x.select_cols(&part)));
                    says(panic_of(|| Preprocessing::fit_chunks(&[step], chunks)).message, &[&place]);
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

/// Where the transpose of a matrix would fit, the message says so, and only there.
#[test]
fn columns_are_samples() {
    let x = Matrix::from_fn(2, 7, |i, n| (i + n) as f64);
    let map = Preprocessing::fit(&[PreprocessingStep::Standardize], &x);
    let hint = "columns are samples: transpose it";
    says(panic_of(|| map.apply(&x.transpose())).message, &["fitted to 2 features, given 7", hint]);
    assert!(!panic_of(|| map.apply(&Matrix::zeros(3, 7))).message.contains(hint));
    says(
        panic_of(|| Dataset::new(x.transpose(), vec![0; 7])).message,
        &["x is 7 × 2, so 2 samples but 7 targets", hint],
    );
    assert!(!panic_of(|| Dataset::new(x.clone(), vec![0; 3])).message.contains(hint));
}
