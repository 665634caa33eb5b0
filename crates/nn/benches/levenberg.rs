//! A 1-20-1 network of tanh units fitted to 200 samples, by Adam for 2,000 epochs and by Levenberg and Marquardt's method to the error that
//! Adam reached. Both are timed in turns; the ratio is one of medians.
//!
//! ```text
//! cargo bench -p tape-nn --features solve --bench levenberg -- [--rounds N]
//! ```

use std::time::{Duration, Instant};

use nn::estimator::{EstimatorError, FittedRegressor, MlpRegressor};
use nn::{Activation, Matrix};

const EPOCHS: usize = 2000;

fn main() -> Result<(), EstimatorError> {
    let mut args = std::env::args().skip_while(|arg| arg != "--rounds").skip(1);
    let rounds: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(9);
    let x = Matrix::from_fn(1, 200, |_, n| n as f64 / 20.0 - 5.0);
    let t = x.map(|x| x.sin() + 0.3 * (2.7 * x).cos());
    println!("| batch | learning rate | Adam\'s error | error | steps | time / Adam\'s |\n|--:|--:|--:|--:|--:|--:|");
    for (batch, lr) in [(200, 0.01), (200, 0.03), (32, 0.01)] {
        // No decrease is too small: all epochs are made.
        let plain = MlpRegressor::new().hidden(&[20]).activation(Activation::Tanh).alpha(0.0).tolerance(-1.0);
        let adam = plain.clone().lr(lr).batch(batch).max_epochs(EPOCHS);
        let error = |model: &FittedRegressor<f64>| Ok::<f64, EstimatorError>(1.0 - model.score(&x, &t)?);
        let reached = error(&adam.fit(&x, &t)?)?;
        let mut steps = 1;
        let by_steps = |steps| plain.clone().levenberg_marquardt().max_epochs(steps);
        while error(&by_steps(steps).fit(&x, &t)?)? > reached {
            steps += 1;
            assert!(steps < 1000, "the error {reached:e} was not reached");
        }
        let ours = by_steps(steps);
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (model, times) in [&adam, &ours].into_iter().zip(&mut times) {
                let begin = Instant::now();
                std::hint::black_box(model.fit(&x, &t)?);
                times.push(begin.elapsed());
            }
        }
        let [adam, ours] = times.map(median);
        println!(
            "| {batch} | {lr} | {reached:.1e} | {:.1e} | {steps} | 1 / {:.0} |",
            error(&by_steps(steps).fit(&x, &t)?)?,
            adam.as_secs_f64() / ours.as_secs_f64()
        );
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
