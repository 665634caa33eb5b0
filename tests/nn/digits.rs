//! Handwritten digits: trained within seconds, with the same bits every time, also from a file.

use std::path::PathBuf;
use std::{fs, process};

use nn::data::{Dataset, Standardize, read_csv, stratified_split};
use nn::loss::{CrossEntropy, Loss};
use nn::metrics::{accuracy, argmax_cols};
use nn::train::{Trainer, predict};
use nn::{Activation, Adam, LoadError, Matrix, Mlp};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::folder;

/// Standardized digits for training and testing.
fn digits() -> (Dataset<f32>, Dataset<f32>) {
    let data = read_csv(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/digits.csv")).unwrap();
    assert_eq!((data.features(), data.len(), data.classes()), (64, 1797, 10));
    let (train, test) = stratified_split(&data.t, 0.8, &mut ChaCha8Rng::seed_from_u64(0));
    let (mut train, mut test) = (data.select(&train), data.select(&test));
    let standardize = Standardize::fit(&train.x);
    train.x = standardize.apply(&train.x);
    test.x = standardize.apply(&test.x);
    (train, test)
}

fn trained(data: &Dataset<f32>, epochs: usize, seed: u64) -> Mlp<f32> {
    let mut net = Mlp::new(&[64, 64, 10], Activation::Relu, &mut ChaCha8Rng::seed_from_u64(seed));
    let loss = Loss::SoftmaxCrossEntropy(CrossEntropy::default());
    Trainer::with_loss(loss, Adam::new(0.003)).epochs(epochs).seed(seed).quiet().fit(&mut net, data).unwrap();
    net
}

fn bits(scores: Matrix<f32>) -> Matrix<u32> {
    scores.map(f32::to_bits)
}

/// A file of this test, in a separate folder.
fn file(name: &str) -> PathBuf {
    folder(&format!("digits-{}", process::id())).join(name)
}

#[test]
fn a_few_epochs_read_95_of_100() {
    let (train, test) = digits();
    let net = trained(&train, 10, 1);
    let share = accuracy(&argmax_cols(&predict(&net, &test.x)), &test.t);
    assert!(share >= 0.95, "{share}");
}

#[test]
fn the_seed_decides_every_bit() {
    let (train, test) = digits();
    let run = |seed| bits(predict(&trained(&train, 2, seed), &test.x));
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_file_keeps_every_bit() {
    let (train, test) = digits();
    let (net, path) = (trained(&train, 1, 1), file("kept.json"));
    nn::save(&path, &net).unwrap();
    let again: Mlp<f32> = nn::load(&path).unwrap();
    assert_eq!(bits(predict(&again, &test.x)), bits(predict(&net, &test.x)));
}

#[test]
fn broken_files_are_named() {
    let path = file("broken.json");
    nn::save(&path, &Mlp::<f32>::new(&[64, 10], Activation::Relu, &mut ChaCha8Rng::seed_from_u64(1))).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let error = |text: &str| {
        fs::write(&path, text).unwrap();
        let error = nn::load::<Mlp<f32>>(&path).unwrap_err();
        (error.to_string().replace(path.to_str().unwrap(), "broken.json"), error)
    };

    let (message, kind) = error(&good[..1000]);
    assert!(matches!(kind, LoadError::Truncated { .. }), "{message}");
    assert!(message.contains("line 1, column 1000: the file ends before the model does; copy it again"), "{message}");

    let (message, kind) = error(r#"{"format": "pickle", "version": 1}"#);
    assert!(matches!(kind, LoadError::Foreign { .. }), "{message}");
    assert!(message.starts_with(r#"broken.json: not a saved model: found format "pickle", expected"#), "{message}");

    let (message, kind) = error(&good.replacen(r#""version":1"#, r#""version":3"#, 1));
    assert!(matches!(kind, LoadError::Newer { version: 3, .. }), "{message}");
    assert!(message.contains("version 3 of the format, but this program knows version 1; update"), "{message}");

    let missing = nn::load::<Mlp<f32>>(file("missing.json")).unwrap_err().to_string();
    assert!(missing.contains("missing.json: file not found; check the path"), "{missing}");
}
