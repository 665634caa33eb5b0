//! The time and the digits of NIST's 54 fits: a JSON line for each, with the median time of a fit in µs. `compare.py` sets them beside
//! SciPy's.
//!
//! ```text
//! cargo bench -p tape-solve --bench nist -- [--seconds S]
//! ```

use std::time::{Duration, Instant};

use solve::{FitError, least_squares};
use tape_tests::nist;

fn main() -> Result<(), FitError> {
    let mut args = std::env::args().skip_while(|arg| arg != "--seconds").skip(1);
    let seconds = args.next().and_then(|s| s.parse().ok()).unwrap_or(0.1);
    for problem in nist::problems() {
        for (k, start) in problem.starts.iter().enumerate() {
            let fit = least_squares(problem.residuals(), start)?;
            let (begin, mut times) = (Instant::now(), Vec::new());
            while times.len() < 5 || begin.elapsed() < Duration::from_secs_f64(seconds) {
                let one = Instant::now();
                // From recording the model to the standard errors.
                let errors = least_squares(problem.residuals(), start)?.standard_errors();
                times.push(one.elapsed());
                std::hint::black_box(errors);
            }
            times.sort();
            println!(
                "{{\"problem\": \"{}\", \"start\": {}, \"us\": {:.1}, \"digits\": {:.1}, \"evaluations\": {}}}",
                problem.name,
                k + 1,
                1e6 * times[times.len() / 2].as_secs_f64(),
                nist::digits(&fit.parameters, &problem.parameters),
                fit.evaluations
            );
        }
    }
    Ok(())
}
