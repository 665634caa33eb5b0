//! NIST's certified regressions.

use solve::least_squares;
use tape_tests::nist::{digits, problems};

/// From both starts with the default settings. The residuals of Lanczos1 are at the edge of double precision: rounding of its data
/// alone changes the deviations in the third digit.
#[test]
fn all_54_fits_have_the_certified_digits() {
    let mut wrong = Vec::new();
    for problem in problems() {
        for (k, start) in problem.starts.iter().enumerate() {
            let fit = least_squares(problem.residuals(), start).unwrap();
            let of_parameters = digits(&fit.parameters, &problem.parameters);
            let of_deviations = digits(&fit.standard_errors().unwrap(), &problem.deviations);
            let of_sum = digits(&[fit.sum], &[problem.sum]);
            let needed = if problem.name == "Lanczos1" { [4.0, 2.0, 2.0] } else { [6.0, 5.0, 8.0] };
            if !fit.reason.is_converged()
                || [of_parameters, of_deviations, of_sum].iter().zip(needed).any(|(found, needed)| *found < needed)
            {
                wrong.push(format!(
                    "{} {}: {of_parameters:.1} {of_deviations:.1} {of_sum:.1}\n{fit}",
                    problem.name,
                    k + 1
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
