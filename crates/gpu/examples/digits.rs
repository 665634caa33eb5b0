//! Classifying handwritten digits on the device that is found.
//!
//! ```text
//! cargo run --release -p tape-gpu --example digits
//! ```

use std::error::Error;
use std::time::Instant;

use gpu::Device;
use nn::data::{Csv, Dataset, Standardize, stratified_split};
use nn::loss::CrossEntropy;
use nn::metrics::argmax_cols;
use nn::schedule::LinearRamp;
use nn::train::{Trainer, accuracy, predict};
use nn::{Activation, Adam, Matrix, Mlp};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// 1797 digits of 8 × 8 pixels. Each line has 64 numbers, from 0 for paper to 16 for ink, and the digit.
const DIGITS: &[u8] = include_bytes!("../../../examples/data/digits.csv");
const EPOCHS: usize = 40;
const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::new()?;
    println!("device   {device}{}", if device.is_software() { ", a program on the processor" } else { "" });

    let data: Dataset<f32> = Csv::new().from_reader(DIGITS, "digits.csv")?;
    let (training, test) = stratified_split(&data.t, 0.8, &mut ChaCha8Rng::seed_from_u64(0));
    let (mut training, test) = (data.select(&training), data.select(&test));
    let standardize = Standardize::fit(&training.x);
    training.x = standardize.apply(&training.x);

    let mut net = Mlp::new(&[64, 128, 10], Activation::Relu, &mut ChaCha8Rng::seed_from_u64(0));
    let noise = |(x, _): &mut (Matrix<f32>, Vec<usize>), rng: &mut ChaCha8Rng| {
        // The sum of three uniform numbers has nearly the shape of a bell, and the deviation 1.
        let mut normal = || (0..3).map(|_| rng.random_range(-1.0..1.0f32)).sum::<f32>();
        x.as_mut_slice().iter_mut().for_each(|x| *x += 0.3 * normal());
    };
    let steps = EPOCHS * training.len().div_ceil(BATCH);
    let start = Instant::now();
    let trained = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(3e-3))
        .schedule(LinearRamp::new(3e-3, 0.0, steps as u64))
        .epochs(EPOCHS)
        .batch(BATCH)
        .augment(noise)
        .metric("accuracy", accuracy)
        .watch("training", &training)
        .print_every(10)
        .device(device)
        .fit(&mut net, &training)?;
    println!("trained  {} steps in {:.2} s", trained.step, start.elapsed().as_secs_f64());

    let predicted = argmax_cols(&predict(&net, &standardize.apply(&test.x)));
    let right = predicted.iter().zip(&test.t).filter(|(a, b)| a == b).count();
    let share = 100.0 * right as f64 / test.len() as f64;
    println!("test     {right} of {} digits are right: {share:.1} %", test.len());
    if share < 97.0 {
        return Err(format!("{share:.1} % are right, and 97 % should be").into());
    }
    Ok(())
}
