//! The number of evaluations until a minimum is found, as lines of JSON: `cargo bench -p tape-solve --bench minima`.
//!
//! `compare_minima.py` sets them beside SciPy's.

#[path = "../../../tests/solve/minima.rs"]
mod minima;

use solve::{Minimize, MinimizeSettings, Minimizer, Smooth};

fn main() {
    for problem in minima::all() {
        for (name, method) in [
            ("BFGS", Minimizer::Bfgs),
            ("L-BFGS-B", Minimizer::Lbfgs { memory: 10 }),
            ("Newton-CG", Minimizer::NewtonCg),
            ("trust-exact", Minimizer::TrustRegion),
            ("trust-ncg", Minimizer::Steihaug),
        ] {
            let f = problem.f;
            let run = Minimize::new(Smooth::new(move |x| f(x[0])))
                .settings(MinimizeSettings { method, ..MinimizeSettings::default() });
            let found = run.from(&problem.start).unwrap_or_else(|error| panic!("{}: {error}", problem.name));
            let near = |x: &Vec<f64>| x.iter().zip(&found.x).all(|(a, b)| (a - b).abs() <= problem.tolerance);
            println!(
                "{{\"problem\": \"{}\", \"n\": {}, \"method\": \"{name}\", \"evaluations\": {}, \"products\": {}, \"gradient\": {:e}, \
                 \"found\": {}}}",
                problem.name,
                problem.start.len(),
                found.evaluations,
                found.products,
                found.gradient_norm,
                problem.minima.iter().any(near)
            );
        }
    }
}
