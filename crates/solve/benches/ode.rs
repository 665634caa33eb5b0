//! The time of a loss and its gradient through 200 steps of the classical method of Runge and Kutta: Lotka and Volterra's equation, seen
//! at 40 times. For each line that it reads, it measures and prints a JSON line; `compare_ode.py` takes turns with PyTorch.
//!
//! ```text
//! echo | cargo bench -p tape-solve --bench ode
//! ```

use std::time::Instant;

use autograd::{Number, ScalarTape};
use solve::ode::{Method, OdeError, System, system};

fn predator_prey() -> impl System<2, 4> {
    system!(|_t, [x, y], [a, b, c, d]| [a * x - b * x * y, d * x * y - c * y])
}

/// ½ Σ (y − seen)² and its gradient.
fn loss(
    tape: &mut ScalarTape<f64>,
    p: [f64; 4],
    times: &[f64],
    seen: &[[f64; 2]],
) -> Result<(f64, Vec<f64>), OdeError> {
    tape.clear();
    let (p, y0) = (p.map(|p| tape.variable(p)), [10.0, 5.0].map(|y| tape.constant(y)));
    let run = Method::Rk4 { steps: 5 }.solve(&predator_prey(), p, y0, times)?;
    let mut sum = tape.constant(0.0);
    for (y, seen) in run.y[1..].iter().zip(&seen[1..]) {
        sum += ((y[0] - seen[0]).square() + (y[1] - seen[1]).square()) * 0.5;
    }
    Ok((sum.value(), sum.backward().as_slice().to_vec()))
}

fn main() -> Result<(), OdeError> {
    let times: Vec<f64> = (0..=40).map(|k| f64::from(k) * 0.5).collect();
    let seen = Method::Rk4 { steps: 5 }.solve(&predator_prey(), [1.1, 0.4, 0.4, 0.1], [10.0, 5.0], &times)?.y;
    let (guess, mut tape) = ([1.0, 0.35, 0.45, 0.12], ScalarTape::new());
    for _ in std::io::stdin().lines() {
        let mut spent = Vec::new();
        let mut found = (0.0, Vec::new());
        for _ in 0..50 {
            let begin = Instant::now();
            found = loss(&mut tape, guess, &times, &seen)?;
            spent.push(begin.elapsed());
        }
        spent.sort();
        println!(
            "{{\"us\": {:.2}, \"loss\": {:?}, \"gradient\": {:?}}}",
            1e6 * spent[25].as_secs_f64(),
            found.0,
            found.1
        );
    }
    Ok(())
}
