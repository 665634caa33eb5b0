//! Maps of features: what whitening promises, inverses, files, chunks.

use nn::data::{Components, Covariance, Pca, Pipeline, Step, Zca};
use nn::{Matrix, Real, Tape};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

type M = Matrix<f64>;

fn normal(rows: usize, cols: usize, seed: u64) -> M {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Matrix::from_fn(rows, cols, |_, _| StandardNormal.sample(&mut rng))
}

fn times(a: &M, b: &M) -> M {
    let tape = Tape::new();
    tape.constant(a).matmul(tape.constant(b)).value()
}

/// Correlated samples of `rank` independent directions, away from 0.
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

const WHITEN: Step = Step::Whiten { components: Components::All, epsilon: 0.0 };
const ZCA: Step = Step::Zca { epsilon: 0.0 };

proptest! {
    #[test]
    fn whitened_samples_have_the_identity_as_covariance(features in 1usize..7, seed: u64) {
        let x = samples(features, features, 200, seed);
        // Standardized first, or the condition of the covariance of x may be anything.
        for steps in [&[WHITEN][..], &[ZCA], &[Step::Standardize, WHITEN], &[Step::Standardize, ZCA]] {
            let pipeline = Pipeline::fit(steps, &x);
            let y = pipeline.apply(&x);
            let condition = condition(&x);
            prop_assert!(distance(&covariance(&y), &identity(features)) < 1e-10 + 1e-14 * condition, "{steps:?}");
            prop_assert!(distance(&pipeline.invert(&y), &x) < 1e-10 + 1e-14 * condition, "{steps:?}");
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
        // What is not explained is what the nearest points in the span of the axes miss.
        let back = pca.invert(&y);
        let missed = x.as_slice().iter().zip(back.as_slice()).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 100.0;
        let total: f64 = (0..features).map(|i| covariance(&x)[(i, i)]).sum();
        prop_assert!((missed / total - (1.0 - pca.explained())).abs() < 1e-10);
        // Asked for that share, as many are kept.
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
            // Every other whitening is a rotation of this one; these come from the axes of something unrelated.
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
    fn chunks_and_files_give_the_same_pipeline(seed: u64, size in 1usize..40) {
        let x = samples(4, 4, 90, seed);
        let steps = [Step::MinMax { low: -1.0, high: 1.0 }, Step::Standardize, Step::Pca(Components::Count(3)), ZCA];
        let whole = Pipeline::fit(&steps, &x);
        let chunks = || (0..90).step_by(size).map(|start| {
            Ok::<_, ()>(x.select_cols(&(start..90.min(start + size)).collect::<Vec<_>>()))
        });
        let chunked = Pipeline::fit_chunks(&steps, chunks).unwrap();
        prop_assert!(distance(&whole.apply(&x), &chunked.apply(&x)) < 1e-7);
        let text = serde_json::to_string(&whole).unwrap();
        prop_assert_eq!(serde_json::from_str::<Pipeline<f64>>(&text).unwrap(), whole);
    }
}

/// λ₁ / λₙ of the covariance, which rounding errors are multiplied by.
fn condition(x: &M) -> f64 {
    condition_of(Pca::fit(x, Components::All).variance())
}

fn condition_of(variance: &[f64]) -> f64 {
    variance[0] / variance[variance.len() - 1]
}

#[test]
fn single_precision_is_whitened_too() {
    let x = samples(4, 4, 300, 9).map(|x| x as f32);
    for steps in [[Step::Standardize, WHITEN], [Step::Standardize, ZCA]] {
        let y = Pipeline::fit(&steps, &x).apply(&x);
        assert!(distance(&covariance(&y), &identity(4)) < 1e-4);
    }
    // Two features that are equal up to rounding are one direction.
    let twice = Matrix::from_fn(2, 300, |i, j| if i == 0 { x[(0, j)] } else { x[(0, j)] * 0.1 });
    assert_eq!(Pca::fit(&twice, Components::All).components(), 1);
}

#[test]
fn what_was_not_fitted_has_no_say() {
    let (train, test) = (samples(3, 3, 50, 1), samples(3, 3, 50, 2));
    let steps = [Step::Standardize, WHITEN];
    let pipeline = Pipeline::fit(&steps, &train);
    let before = pipeline.apply(&train);
    let _ = pipeline.apply(&test);
    assert_eq!(pipeline.apply(&train), before);
    assert!(distance(&covariance(&pipeline.apply(&test)), &identity(3)) > 1e-3);
}

#[test]
fn the_first_error_of_the_chunks_is_returned() {
    let chunks = || [Ok(normal(2, 5, 1)), Err("broken"), Ok(normal(2, 5, 2))];
    assert_eq!(Pipeline::fit_chunks(&[Step::Standardize], chunks), Err("broken"));
}

#[test]
fn files_are_not_believed() {
    let error = |text: &str| serde_json::from_str::<Pipeline<f64>>(text).unwrap_err().to_string();
    let standardize = |n: usize| format!(r#"{{"Standardize":{{"mean":{0:?},"scale":{0:?}}}}}"#, vec![1.0; n]);
    let steps = |steps: &[String]| format!(r#"{{"steps":[{}]}}"#, steps.join(","));
    let apart = error(&steps(&[standardize(2), standardize(3)]));
    assert!(apart.contains("a step with 2 outputs is followed by one with 3 inputs"), "{apart}");

    let pca = serde_json::to_string(&Pca::fit(&normal(2, 9, 1), Components::All)).unwrap();
    let negative = pca.replace(r#""scale":[1.0,1.0]"#, r#""scale":[1.0,-1.0]"#);
    assert!(error(&steps(&[format!(r#"{{"Pca":{negative}}}"#)])).contains("a scale is positive and finite"));
    let short = pca.replace(r#""scale":[1.0,1.0]"#, r#""scale":[1.0]"#);
    assert!(error(&steps(&[format!(r#"{{"Pca":{short}}}"#)])).contains("2 × 2 axes do not go with"));
    let zca =
        r#"{"Zca":{"mean":[1],"whiten":{"rows":1,"cols":1,"data":[1]},"color":{"rows":1,"cols":2,"data":[1,1]}}}"#;
    assert!(error(&steps(&[zca.into()])).contains("1 means do not go with matrices of 1 × 1 and 1 × 2"));
}

#[test]
#[should_panic(expected = "Pca::fit: the samples have entries that are NaN or infinite")]
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

    /// A feature that is constant but for rounding is no direction, wherever the others are.
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

/// The work grows with the smaller side: all features by all features would be a hundred million covariances.
#[test]
fn components_of_very_many_features() {
    let x = Matrix::from_fn(10_000, 20, |i, j| ((i * 7 + j * j * 13) as f64 * 0.618_034).fract());
    let pipeline = Pipeline::fit(&[Step::Pca(Components::All)], &x);
    let y = pipeline.apply(&x);
    assert_eq!(y.shape(), (19, 20));
    assert!(distance(&pipeline.invert(&y), &x) < 1e-10);
}
