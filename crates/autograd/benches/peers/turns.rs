//! The scalar tape, a replayed program and other crates run the same programs, in turns in one process. It prints
//! `case peer nanoseconds` on each line, the median per active operation. `compare.sh` runs it.

use std::time::{Duration, Instant};

use autograd::{Scalar, ScalarTape, Var};
use xad_rs::{AReal, Tape, ops::compute_gradient_rev_with};

#[path = "../../../../tests/adbench/gmm.rs"]
mod gmm;
#[path = "../../../../tests/adbench/lstm.rs"]
mod lstm;
mod programs;
#[path = "../../../../tests/adbench/rosenbrock.rs"]
mod rosenbrock;

/// Measures one case: the gradient at x by each peer, in turns.
fn measure(
    (name, operations): (&str, f64),
    x: &[f64],
    least: Duration,
    of_scalars: impl for<'t> Fn(&[Scalar<'t, f64>]) -> Scalar<'t, f64>,
    of_vars: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
    of_xad: impl Fn(&[AReal<f64>]) -> AReal<f64>,
    of_reverse: impl for<'t> Fn(&[reverse::Var<'t>]) -> reverse::Var<'t>,
) {
    let mut program = {
        let tape = autograd::Tape::new();
        let x: Vec<_> = x.iter().map(|&x| tape.variable(x)).collect();
        of_vars(&x).program(&x)
    };
    let (mut tape, start) = (Tape::<f64>::new(true), Instant::now());
    let mut times: [Vec<f64>; 4] = Default::default();
    while start.elapsed() < least || times[0].len() < 3 {
        let gradients = [0, 1, 2, 3].map(|peer| {
            let start = Instant::now();
            let gradient = match peer {
                0 => {
                    let tape = ScalarTape::new();
                    of_scalars(&tape.variables(x)).backward().as_slice().to_vec()
                }
                1 => {
                    program.run_entries(x).expect("the comparisons of the recording");
                    let mut gradient = vec![0.0; x.len()];
                    program.gradient_into(&mut gradient);
                    gradient
                }
                2 => compute_gradient_rev_with(&mut tape, x, &of_xad).1,
                _ => {
                    let tape = reverse::Tape::new();
                    let grads = of_reverse(&tape.add_vars(x)).grad();
                    grads[..x.len()].to_vec()
                }
            };
            times[peer].push(start.elapsed().as_secs_f64());
            gradient
        });
        let agree = |a: &f64, b: &f64| (a - b).abs() <= 1e-8 * (a.abs() + b.abs()).max(1.0);
        for other in &gradients[1..] {
            assert!(gradients[0].iter().zip(other).all(|(a, b)| agree(a, b)), "{}", name);
        }
    }
    for (peer, mut times) in ["scalar-tape", "replayed", "xad-rs", "reverse"].into_iter().zip(times) {
        times.sort_by(f64::total_cmp);
        println!("{} {peer} {:.3}", name, times[times.len() / 2] / operations * 1e9);
    }
}

fn main() {
    let seconds = std::env::args().nth(1).map_or(1.0, |s| s.parse().expect("seconds"));
    let least = Duration::from_secs_f64(seconds);
    measure(
        ("rosenbrock", 7_992.0),
        &rosenbrock::start(1000),
        least,
        |x| rosenbrock::rosenbrock(x),
        |x| rosenbrock::rosenbrock(x),
        |x| programs::rosenbrock(x),
        |x| programs::rosenbrock(x),
    );
    let gmm = gmm::Gmm::parse(include_str!("../../../../tests/adbench/gmm_d10_K25.txt")).expect("a bundled file");
    measure(
        ("gmm10", 3_381_407.0),
        &gmm.params,
        least,
        |x| gmm.scalars(x),
        |x| gmm.scalars(x),
        |x| programs::gmm(&gmm, x),
        |x| programs::gmm(&gmm, x),
    );
    for (name, operations, text) in [
        ("lstm2", 861_367.0, include_str!("../../../../tests/adbench/lstm_l2_c1024.txt")),
        ("lstm4", 1_606_111.0, include_str!("../../../../tests/adbench/lstm_l4_c1024.txt")),
    ] {
        let lstm = lstm::Lstm::parse(text).expect("a bundled file");
        measure(
            (name, operations),
            &lstm.params,
            least,
            |x| lstm.scalars(x),
            |x| lstm.scalars(x),
            |x| programs::lstm(&lstm, x, &AReal::new(0.0)),
            |x| programs::lstm(&lstm, x, &(x[0] * 0.0)),
        );
    }
}
