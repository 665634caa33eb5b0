//! Right functions that are hard for the checker, drawn at random. The checker must blame none of them.

use super::scalar::{TestedNumber, tested};
use super::{Check, Draw, Function, Report, Verdict};
use crate::{Axis, Matrix, Real, Tape, Var};

/// A function as a chain of steps from a square matrix to a matrix: fast, flat, tiny, huge, nearly singular.
#[derive(Debug)]
struct Hard {
    steps: Vec<Step>,
    input: Matrix<f64>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Sin(f64),
    Tanh(f64),
    Exp(f64),
    Bump(f64),
    Scale(f64),
    Cancel(f64),
    Power(i32),
    Square,
    Inverse(f64),
    Log(f64),
    Root(f64),
    Softplus(f64),
    Relu(f64),
    Softmax,
    Gram,
    Product,
    Sum,
}

impl Draw {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number from 10^low to 10^high.
    fn size(&mut self, low: f64, high: f64) -> f64 {
        10f64.powf(self.between(low, high))
    }

    fn step(&mut self) -> Step {
        match self.next() % 17 {
            0 => Step::Sin(self.size(0.0, 5.0)),
            1 => Step::Tanh(self.size(-2.0, 4.0)),
            2 => Step::Exp(self.between(-4.0, 4.0)),
            3 => Step::Bump(self.size(-2.0, 4.0)),
            4 => Step::Scale(self.size(-15.0, 15.0)),
            5 => Step::Cancel(self.size(0.0, 12.0)),
            6 => Step::Power(2 + self.between(0.0, 5.0) as i32),
            7 => Step::Square,
            8 => Step::Inverse(self.size(-12.0, 0.0)),
            9 => Step::Log(self.size(-12.0, 0.0)),
            10 => Step::Root(self.size(-12.0, 0.0)),
            11 => Step::Softplus(self.size(-2.0, 4.0)),
            12 => Step::Relu(self.between(-1.0, 1.0)),
            13 => Step::Softmax,
            14 => Step::Gram,
            15 => Step::Product,
            _ => Step::Sum,
        }
    }

    fn hard(&mut self) -> Hard {
        let (n, scale) = (1 + self.next() as usize % 3, self.size(-4.0, 1.5));
        let scale = if self.next().is_multiple_of(4) { self.size(-15.0, 15.0) } else { scale };
        let steps = (0..1 + self.next() % 4).map(|_| self.step()).collect();
        // A quarter are rotations, for which QᵀQ − I vanishes.
        let (sin, cos) = self.between(0.0, 6.0).sin_cos();
        let turn = self.next().is_multiple_of(4);
        let input = Matrix::from_fn(n, n, |i, j| match () {
            _ if turn && i < 2 && j < 2 && n > 1 => [[cos, -sin], [sin, cos]][i][j],
            _ if turn => f64::from(u8::from(i == j)),
            _ => self.between(-1.0, 1.0) * scale,
        });
        Hard { steps, input }
    }
}

impl Step {
    fn of<'t, T: Real>(self, y: Var<'t, T>) -> Var<'t, T> {
        match self {
            Step::Sin(w) => (y * w).sin(),
            Step::Tanh(w) => (y * w).tanh(),
            Step::Exp(w) => (y * w).exp(),
            Step::Bump(w) => (-(y * w).square()).exp(),
            Step::Scale(c) => y * c,
            Step::Cancel(c) => (y + c) - c,
            Step::Power(n) => y.powi(n),
            Step::Square => y * y,
            Step::Inverse(small) => 1.0 / (y.square() + small),
            Step::Log(small) => (y.square() + small).ln(),
            Step::Root(small) => (y.square() + small).sqrt(),
            Step::Softplus(w) => (y * w).softplus(),
            Step::Relu(c) => (y - c).relu(),
            Step::Softmax => y.softmax(Axis::Rows),
            Step::Gram => {
                let one = |i, j| T::from_f64(f64::from(u8::from(i == j)));
                y.matmul_tn(y) - y.tape().constant(Matrix::from_fn(y.cols(), y.cols(), one))
            }
            Step::Product => y.product() * y,
            Step::Sum => y.sum() * y.sin(),
        }
    }
}

impl Function for Hard {
    fn call<'t, T: Real>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        self.steps.iter().fold(x[0], |y, step| step.of(y))
    }
}

/// The number of functions to draw: `HARD_FUNCTIONS=10000 cargo test -p tape-autograd --lib -- check::hard`.
fn count() -> u64 {
    std::env::var("HARD_FUNCTIONS").map_or(300, |count| count.parse().expect("HARD_FUNCTIONS is a number"))
}

#[test]
fn right_functions_are_not_blamed() {
    let (mut blamed, mut double, mut single) = (Vec::new(), Tally::default(), Tally::default());
    for seed in 0..count() {
        let hard = Draw(seed).hard();
        let report = Check::new().seed(seed).run(|x| hard.call(x), &[&hard.input]);
        let of_single = Check::new().seed(seed).run_f32(&hard, &[hard.input.map(|x| x as f32)]);
        let tape = Tape::new();
        let verified = hard.call(&[tape.variable(&hard.input)]).sum().verify();
        let failed = [double.add(&report), single.add(&of_single), !verified.failed.is_empty()];
        if failed.contains(&true) {
            blamed.push(format!("{hard:?}\n{report}\nsingle precision: {of_single}\n{verified}"));
        }
    }
    println!("double precision: {double:?}, single: {single:?}");
    assert!(blamed.is_empty(), "{} of {} are blamed\n{}", blamed.len(), count(), blamed.join("\n\n"));
    // It must not be silent either.
    assert!(2 * double.pass > count(), "{double:?} of {}", count());
}

/// In single precision the logits are off by more than they differ, and the softmax has slope 0 in double precision.
#[test]
fn a_saturated_softmax_of_rounded_logits_is_not_blamed() {
    let steps = vec![Step::Bump(0.134), Step::Scale(2e14), Step::Softmax, Step::Gram];
    let input = Matrix::from([[-1.9e-4, 2.9e-5], [-3e-4, 4.7e-5]]);
    let report = Check::new().run_f32(&Hard { steps, input: input.clone() }, &[input.map(|x| x as f32)]);
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report}");
}

/// How often the checker says what.
#[derive(Debug, Default)]
struct Tally {
    pass: u64,
    inconclusive: u64,
    fail: u64,
}

impl Tally {
    /// Counts a report; returns whether it fails.
    fn add(&mut self, report: &Report) -> bool {
        let counter = match report.verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Inconclusive => &mut self.inconclusive,
            Verdict::Fail => &mut self.fail,
        };
        *counter += 1;
        report.verdict == Verdict::Fail
    }
}

/// None of the functions that pass may pass with a derivative that is 10 % too large.
#[test]
fn wrong_derivatives_do_not_pass() {
    let (mut missed, mut tried) = (Vec::new(), 0);
    for seed in 0..count() {
        let hard = Draw(seed).hard();
        let check = Check::new().order(1).seed(seed);
        // If rounding leaves nothing of a slope, it is zero, and so is 10 % of it.
        let (tape, inputs) = (Tape::new(), [hard.input.clone()]);
        let [weights, direction] =
            [hard.call(&[tape.variable(&inputs[0])]).value(), inputs[0].clone()].map(|x| x.map(|_| 1.0));
        let scalar = TestedNumber { f: &tested(|x| hard.call(x)), weights: &weights, directions: &[] };
        let (base, lost) = (scalar.base(&inputs), scalar.rounding_along(&[direction], &inputs).error);
        let seen = base.buffered[0].as_slice().iter().any(|g| 0.1 * g.abs() > lost);
        if !seen || check.run(|x| hard.call(x), &inputs).verdict != Verdict::Pass {
            continue;
        }
        tried += 1;
        let report = check.run(
            |x| {
                let y = hard.call(x);
                y * 1.1 - (y * 0.1).stop_gradient()
            },
            &inputs,
        );
        if report.verdict == Verdict::Pass {
            missed.push(format!("{hard:?}\n{report}\n{:?}", report.worst));
        }
    }
    assert!(100 * missed.len() <= tried, "{} of {tried} are missed\n{}", missed.len(), missed.join("\n\n"));
}
