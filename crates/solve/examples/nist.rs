//! Fits NIST's 27 nonlinear regressions from both starts with the default settings, and prints to how many digits the parameters and
//! their standard deviations agree with the certified ones.
//!
//! ```text
//! cargo run --release -p tape-solve --example nist
//! ```

use solve::least_squares;
use tape_tests::nist;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "{:9} {:>5} {:>10} {:>10} {:>11}  stopped because",
        "problem", "start", "parameters", "deviations", "evaluations"
    );
    for problem in nist::problems() {
        for (k, start) in problem.starts.iter().enumerate() {
            let fit = least_squares(problem.residuals(), start)?;
            let deviations = fit.standard_errors().ok_or("no degree of freedom")?;
            println!(
                "{:9} {:>5} {:>10.1} {:>10.1} {:>11}  {}",
                problem.name,
                k + 1,
                nist::digits(&fit.parameters, &problem.parameters),
                nist::digits(&deviations, &problem.deviations),
                fit.evaluations,
                fit.reason
            );
        }
    }
    Ok(())
}
