//! Scalar programs: the cost of a gradient, in nanoseconds per active operation.
//!
//!     cargo bench -p tape-autograd --bench scalars -- [chain|rosenbrock|gmm10|gmm32|lstm2|lstm4]… [--min-seconds 2]
//!
//! The peers run in turns in one process: plain numbers (only the value), the scalar tape and the matrix tape (recording
//! and gradient), and a recorded program (run and gradient; it was recorded before). The results are medians. On a busy machine
//! trust only the ratios to the scalar tape. `peers/README.md` defines an active operation and compares with other libraries.

use std::time::{Duration, Instant};

use autograd::{Number, ScalarTape, Tape};

#[path = "../../../tests/adbench/gmm.rs"]
mod gmm;
#[path = "../../../tests/adbench/lstm.rs"]
mod lstm;
#[path = "../../../tests/adbench/rosenbrock.rs"]
mod rosenbrock;

/// A scalar program.
trait Case {
    fn params(&self) -> &[f64];
    fn value<N: Number>(&self, x: &[N]) -> N;
}

struct Rosenbrock(Vec<f64>);

impl Case for Rosenbrock {
    fn params(&self) -> &[f64] {
        &self.0
    }
    fn value<N: Number>(&self, x: &[N]) -> N {
        rosenbrock::rosenbrock(x)
    }
}

/// A growth curve by Euler's method: x and p, from which x ← x + h x (1 − x) p makes many steps, each from the last.
struct Chain([f64; 2]);

const CHAIN_STEPS: u16 = 2000;

impl Case for Chain {
    fn params(&self) -> &[f64] {
        &self.0
    }
    fn value<N: Number>(&self, x: &[N]) -> N {
        (0..CHAIN_STEPS).fold(x[0], |y, _| y + y * (-y + 1.0) * x[1] * 0.01)
    }
}

impl Case for gmm::Gmm {
    fn params(&self) -> &[f64] {
        &self.params
    }
    fn value<N: Number>(&self, x: &[N]) -> N {
        self.scalars(x)
    }
}

impl Case for lstm::Lstm {
    fn params(&self) -> &[f64] {
        &self.params
    }
    fn value<N: Number>(&self, x: &[N]) -> N {
        self.scalars(x)
    }
}

fn of_scalar_tape(case: &impl Case) -> Vec<f64> {
    let tape = ScalarTape::new();
    case.value(&tape.variables(case.params())).backward().as_slice().to_vec()
}

fn of_matrix_tape(case: &impl Case) -> Vec<f64> {
    let tape = Tape::new();
    let x: Vec<_> = case.params().iter().map(|&x| tape.variable(x)).collect();
    let grads = case.value(&x).backward();
    x.iter().map(|&x| grads.wrt(x)[(0, 0)]).collect()
}

fn program(case: &impl Case) -> impl FnMut() -> Vec<f64> {
    let tape = Tape::new();
    let x: Vec<_> = case.params().iter().map(|&x| tape.variable(x)).collect();
    let mut program = case.value(&x).program(&x);
    move || {
        program.run_entries(case.params()).expect("the comparisons of the recording");
        let mut gradient = vec![0.0; case.params().len()];
        program.gradient_into(&mut gradient);
        gradient
    }
}

/// Its name, and a function that computes a gradient, or only a value.
type Peer<'a> = (&'static str, Box<dyn FnMut() -> Vec<f64> + 'a>);

/// Runs the peers in turns and prints a row: nanoseconds per operation, and the ratio to the scalar tape.
fn measure(name: &str, case: &impl Case, operations: f64, matrices: bool, least: Duration) {
    let plain = || vec![case.value(std::hint::black_box(case.params()))];
    let mut peers: Vec<Peer> =
        vec![("scalar tape", Box::new(|| of_scalar_tape(case))), ("plain value", Box::new(plain))];
    if matrices {
        peers.push(("matrix tape", Box::new(|| of_matrix_tape(case))));
        peers.push(("program", Box::new(program(case))));
    }
    let expected = of_scalar_tape(case);
    let mut times = vec![Vec::new(); peers.len()];
    let start = Instant::now();
    while start.elapsed() < least || times[0].len() < 3 {
        for ((peer, run), times) in peers.iter_mut().zip(&mut times) {
            let start = Instant::now();
            let gradient = run();
            times.push(start.elapsed().as_secs_f64());
            let agrees = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-8 * (a.abs() + b.abs()).max(1.0);
            assert!(gradient.len() == 1 || gradient.iter().zip(&expected).all(agrees), "{name}: {peer}");
        }
    }
    let medians: Vec<f64> = times.into_iter().map(|times| median(times) / operations * 1e9).collect();
    print!("{name:<11}");
    for ((peer, _), ns) in peers.iter().zip(&medians) {
        print!("  {peer} {ns:6.2} ({:5.2} ×)", ns / medians[0]);
    }
    println!();
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let seconds = args.iter().position(|arg| arg == "--min-seconds");
    let least = seconds.map_or(2.0, |at| args[at + 1].parse().expect("--min-seconds takes a number"));
    let least = Duration::from_secs_f64(least);
    let chosen = |name: &str| args[..seconds.unwrap_or(args.len())].is_empty() || args.iter().any(|arg| arg == name);
    let gmm = |text| gmm::Gmm::parse(text).expect("a bundled file");
    let lstm = |text| lstm::Lstm::parse(text).expect("a bundled file");
    println!("ns per active operation, gradients with their recording, medians in turns");
    if chosen("chain") {
        measure("chain", &Chain([0.1, 1.0]), 6.0 * f64::from(CHAIN_STEPS), true, least);
    }
    if chosen("rosenbrock") {
        measure("rosenbrock", &Rosenbrock(rosenbrock::start(1000)), 7_992.0, true, least);
    }
    if chosen("gmm10") {
        measure("gmm10", &gmm(include_str!("../../../tests/adbench/gmm_d10_K25.txt")), 3_381_407.0, true, least);
    }
    if chosen("gmm32") {
        // 1 × 1 matrices would take some ten gigabytes here.
        measure("gmm32", &gmm(include_str!("../../../tests/adbench/gmm_d32_K50.txt")), 56_309_307.0, false, least);
    }
    if chosen("lstm2") {
        measure("lstm2", &lstm(include_str!("../../../tests/adbench/lstm_l2_c1024.txt")), 861_367.0, true, least);
    }
    if chosen("lstm4") {
        measure("lstm4", &lstm(include_str!("../../../tests/adbench/lstm_l4_c1024.txt")), 1_606_111.0, true, least);
    }
}
