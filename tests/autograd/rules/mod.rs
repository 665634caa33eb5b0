//! Every rule of the tape through the checker: all functions of the two tables and all other ops, to first and
//! second order and in single precision, for random shapes and values.

mod axes;
mod constants;
mod division;
mod edges;
mod extremes;
mod graphs;
mod large;
mod opinfo;
mod order;
mod panics;
mod published;

use std::collections::BTreeSet;

use autograd::check::{Check, Function, Verdict};
use autograd::{
    Axis, AxisFunction, Binary, Index, Matrix, Op, Order, Real, Trans, Unary, Var, affine, function, strategies, vjp,
};
use proptest::prelude::*;

use Axis::{Cols, Rows};
use Order::{Backward, Forward};
use Trans::{No, Yes};

/// One term, recorded by the method that makes it.
struct Rule(Op<()>);

impl Function for Rule {
    fn call<'t, T: Real>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        match self.0 {
            Op::Number(c) => x[0] + c,
            Op::Add(c, ()) => x[0] + x[1].scale(c),
            Op::Divide(c, ()) => x[0] / c,
            Op::Matmul(No, (), No, ()) => x[0].matmul(x[1]),
            Op::Matmul(Yes, (), No, ()) => x[0].matmul_tn(x[1]),
            Op::Matmul(No, (), Yes, ()) => x[0].matmul_nt(x[1]),
            Op::Matmul(Yes, (), Yes, ()) => x[0].matmul_tt(x[1]),
            Op::Transpose(()) => x[0].t(),
            Op::Reshape(()) => x[0].reshape(x[0].cols(), x[0].rows()),
            Op::Slice(i, j, ()) => {
                let part = |start: u32, n: usize| (start as usize).min(n)..n - (n - (start as usize).min(n)) / 3;
                x[0].rows_in(part(i, x[0].rows())).columns(part(j, x[0].cols()))
            }
            Op::Pad(i, j, ()) => {
                let (m, n, (i, j)) = (x[0].rows(), x[0].cols(), (i as usize, j as usize));
                x[0].pad((i, j), (i + m + i, j + n + 2))
            }
            Op::Gather(..) => {
                let (m, n) = x[0].shape();
                x[0].gather(if m * n == 0 { (0, 2) } else { (m + 1, n) }, |i, j| ((2 * i) % m, (i + j) % n))
            }
            Op::Scatter(..) => x[0].scatter_add((2, 3), |i, j| ((i + j) % 2, (2 * j) % 3)),
            Op::Unary(f, ()) => x[0].unary(f),
            Op::Binary(f, (), ()) => x[0].binary(f, x[1]),
            Op::AlongAxis(f, axis, ()) => match f {
                AxisFunction::Max => x[0].max_over(axis),
                AxisFunction::ArgMax => x[0].arg_max(axis) * x[0],
                AxisFunction::CumSum(Forward) => x[0].cumsum(axis),
                // Backward is only recorded as the gradient of forward.
                AxisFunction::CumSum(Backward) => vjp(&[(x[0].cumsum(axis), x[0])], &[x[0]])[0],
                AxisFunction::Softmax => x[0].softmax(axis),
                AxisFunction::LogSoftmax => x[0].log_softmax(axis),
                AxisFunction::LogSumExp => x[0].log_sum_exp(axis),
                AxisFunction::Norm => x[0].norm_over(axis),
            },
            Op::CrossEntropy { x: (), t: (), p: () } => x[0].softmax_cross_entropy(x[1]),
        }
    }
}

/// All versions of a variant, and the first of the next variant. The compiler requires every variant.
fn versions(variant: Op<()>) -> (Vec<Op<()>>, Option<Op<()>>) {
    let corners = [(0, 0), (0, 2), (1, 0), (2, 1)];
    match variant {
        Op::Number(_) => (vec![Op::Number(0.75)], Some(Op::Add(1.0, ()))),
        Op::Add(..) => ([1.0, -1.0, 0.3].map(|c| Op::Add(c, ())).to_vec(), Some(Op::Divide(7.0, ()))),
        Op::Divide(..) => ([7.0, -0.3].map(|c| Op::Divide(c, ())).to_vec(), Some(Op::Matmul(No, (), No, ()))),
        Op::Matmul(..) => {
            let all = [(No, No), (Yes, No), (No, Yes), (Yes, Yes)];
            (all.map(|(s, t)| Op::Matmul(s, (), t, ())).to_vec(), Some(Op::Transpose(())))
        }
        Op::Transpose(()) => (vec![variant], Some(Op::Reshape(()))),
        Op::Reshape(()) => (vec![variant], Some(Op::Slice(0, 0, ()))),
        Op::Slice(..) => (corners.map(|(i, j)| Op::Slice(i, j, ())).to_vec(), Some(Op::Pad(0, 0, ()))),
        Op::Pad(..) => (corners.map(|(i, j)| Op::Pad(i, j, ())).to_vec(), some_index(Op::Gather)),
        Op::Gather(index, ()) => (vec![variant], Some(Op::Scatter(index, ()))),
        Op::Scatter(..) => (vec![variant], Some(Op::Unary(Unary::Exp, ()))),
        Op::Unary(..) => {
            (Unary::all().into_iter().map(|f| Op::Unary(f, ())).collect(), Some(Op::Binary(Binary::Mul, (), ())))
        }
        Op::Binary(..) => (
            Binary::ALL.iter().map(|&f| Op::Binary(f, (), ())).collect(),
            Some(Op::AlongAxis(AxisFunction::Max, Rows, ())),
        ),
        Op::AlongAxis(..) => {
            let both = |&f: &AxisFunction| [Rows, Cols].map(|axis| Op::AlongAxis(f, axis, ()));
            (AxisFunction::ALL.iter().flat_map(both).collect(), Some(Op::CrossEntropy { x: (), t: (), p: () }))
        }
        Op::CrossEntropy { .. } => (vec![variant], None),
    }
}

/// An index exists on a tape only.
fn some_index(op: fn(Index, ()) -> Op<()>) -> Option<Op<()>> {
    Some(op(Index::default(), ()))
}

/// Every version of every variant.
fn every_op() -> Vec<Op<()>> {
    let (mut all, mut next) = (Vec::new(), Some(Op::Number(0.0)));
    while let Some(variant) = next {
        let (versions, after) = versions(variant);
        all.extend(versions);
        next = after;
    }
    all
}

/// No variant is left out of the chain of `versions`.
#[test]
fn every_variant_is_tested() {
    let source = include_str!("../../../crates/autograd/src/rule/op.rs");
    let body = source.split_once("pub enum Op<R> {").and_then(|(_, rest)| rest.split_once("\n}")).expect("an enum").0;
    let name = |text: &str| text.split(['(', ' ', '{']).next().map(str::to_owned);
    let variants =
        body.lines().filter_map(|line| line.strip_prefix("    ").filter(|line| line.starts_with(char::is_uppercase)));
    let (declared, tested): (BTreeSet<_>, BTreeSet<_>) =
        (variants.map(name).collect(), every_op().iter().map(|op| name(&format!("{op:?}"))).collect());
    assert!(declared == tested && declared.len() > 10, "{declared:?}\n{tested:?}");
}

type Shape = (usize, usize);

/// The shapes of the operands for a result of m × n, in every combination that the op accepts.
fn operands(op: Op<()>, (m, n): Shape, k: usize) -> Vec<Vec<Shape>> {
    let turn = |t, (a, b): Shape| if t == No { (a, b) } else { (b, a) };
    match op {
        Op::Matmul(s, (), t, ()) => vec![vec![turn(s, (m, k)), turn(t, (k, n))]],
        Op::Add(..) | Op::Binary(..) => {
            let (full, small) = ((m, n), [(m, 1), (1, n), (1, 1)]);
            let both = small.into_iter().flat_map(|s| [vec![full, s], vec![s, full]]);
            std::iter::once(vec![full, full]).chain(both).collect()
        }
        Op::CrossEntropy { .. } => vec![vec![(m, n), (m, n)]],
        _ => vec![vec![(m, n)]],
    }
}

type Domain = (f64, f64);
const ALL: [Domain; 2] = [(f64::NEG_INFINITY, f64::INFINITY); 2];

/// The domain of the operands.
fn domain(op: Op<()>) -> [Domain; 2] {
    match op {
        Op::Unary(f, ()) => [f.domain(), ALL[1]],
        Op::Binary(f, (), ()) => f.domain(),
        _ => ALL,
    }
}

/// A number from 0.25 to 2, or 16 times that, with either sign, mapped into a domain.
fn within((low, high): Domain, x: f32) -> f32 {
    match (low.is_finite(), high.is_finite()) {
        (false, _) => x,
        (true, false) => low as f32 + x.abs(),
        (true, true) => (low + (high - low) * (0.5 + 0.45 * f64::from(x / (1.0 + x.abs())))) as f32,
    }
}

/// Enough numbers for the largest operands.
fn numbers() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(strategies::numbers().prop_map(|x| x as f32), 80)
}

fn fill(shapes: &[Shape], domains: [Domain; 2], numbers: &[f32]) -> Vec<Matrix<f32>> {
    let mut numbers = numbers.iter().cycle();
    let mut next = |k: usize| within(*domains.get(k).unwrap_or(&ALL[0]), *numbers.next().unwrap());
    shapes.iter().enumerate().map(|(k, &(m, n))| Matrix::from_fn(m, n, |_, _| next(k))).collect()
}

/// The operands of an op, away from its kinks: by a sixteenth, or by a thousandth between the entries of a maximum.
fn away(op: Op<()>, shapes: &[Shape], numbers: &[f32]) -> Vec<Matrix<f32>> {
    let grid = |x: f32| (8.0 * x).round() / 8.0;
    let mut inputs = fill(shapes, domain(op), numbers);
    match op {
        Op::Unary(f, ()) if !f.kinks().is_empty() => inputs[0] = inputs[0].map(|x| grid(x) + 1.0 / 16.0),
        Op::Binary(Binary::Max | Binary::Min, (), ()) => {
            inputs[0] = inputs[0].map(grid);
            inputs[1] = inputs[1].map(|x| grid(x) + 1.0 / 16.0);
        }
        // Odd sixteenths are no multiples of eighths.
        Op::Binary(Binary::Remainder | Binary::Fmod | Binary::Copysign, (), ()) => {
            inputs[0] = inputs[0].map(|x| grid(x) + 1.0 / 16.0);
            inputs[1] = inputs[1].map(|x| grid(x) + if x > 0.0 { 0.125 } else { -0.125 });
        }
        Op::AlongAxis(AxisFunction::Max | AxisFunction::ArgMax, ..) => {
            let apart = (0..125).cycle().map(|k| k as f32 / 1000.0);
            inputs[0].as_mut_slice().iter_mut().zip(apart).for_each(|(x, apart)| *x = grid(*x) + apart);
        }
        _ => {}
    }
    inputs
}

/// Both checks, at the same inputs.
#[track_caller]
fn holds(what: &str, f: &impl Function, inputs: &[Matrix<f32>]) {
    let wide: Vec<Matrix<f64>> = inputs.iter().map(|x| x.map(f64::from)).collect();
    let reports = [Check::new().run(|x| f.call(x), &wide), Check::new().run_f32(f, inputs)];
    for report in reports {
        assert!(report.verdict == Verdict::Pass, "{what} of {inputs:?}\n{report}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_rule_holds(shape in strategies::shapes(), k in 0usize..4, numbers in numbers()) {
        for op in every_op() {
            for shapes in operands(op, shape, k) {
                holds(&format!("{op:?}"), &Rule(op), &away(op, &shapes, &numbers));
            }
        }
    }

    /// Arguments for which functions saturate and a careless formula loses all digits: from 4 to 32.
    #[test]
    fn large_values_hold_in_single_precision(shape in strategies::shapes(), numbers in numbers()) {
        let large: Vec<f32> = numbers.iter().map(|x| x * 16.0).collect();
        for op in every_op() {
            let shapes = &operands(op, shape, 2)[0];
            let inputs = away(op, shapes, &large);
            let report = Check::new().run_f32(&Rule(op), &inputs);
            prop_assert!(report.verdict == Verdict::Pass, "{op:?} of {inputs:?}\n{report}");
        }
    }

    #[test]
    fn sums_means_and_repeats_hold((m, n) in strategies::shapes(), numbers in numbers()) {
        let full = fill(&[(m, n)], ALL, &numbers);
        holds("sum", &function!(|x| x[0].sum()), &full);
        holds("sum_over rows", &function!(|x| x[0].sum_over(Axis::Rows)), &full);
        holds("sum_over cols", &function!(|x| x[0].sum_over(Axis::Cols)), &full);
        holds("mean", &function!(|x| x[0].mean()), &full);
        holds("mean_over rows", &function!(|x| x[0].mean_over(Axis::Rows)), &full);
        holds("mean_over cols", &function!(|x| x[0].mean_over(Axis::Cols)), &full);
        holds("negation", &function!(|x| -x[0]), &full);
        holds("numbers", &function!(|x| (2.0 - x[0].scale(0.1) * 3.0) / 0.7 + 1.0 / (x[0].square() + 1.5)), &full);
        for shape in [(m, n), (m, 1), (1, n), (1, 1)] {
            struct Repeat(usize, usize);
            impl Function for Repeat {
                fn call<'t, T: Real>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
                    x[0].repeat(self.0, self.1).sin()
                }
            }
            holds("repeat", &Repeat(m, n), &fill(&[shape], ALL, &numbers));
        }
    }

    #[test]
    fn affine_holds((m, n) in strategies::shapes(), k in 0usize..4, l in 1usize..4, numbers in numbers()) {
        let products = [(m, k), (k, n), (m, l), (l, n)];
        holds("affine, no bias", &function!(|x| affine(&[(x[0], x[1])], None)), &fill(&products[..2], ALL, &numbers));
        for bias in [(m, n), (m, 1), (1, n), (1, 1)] {
            let shapes = [products[0], products[1], products[2], products[3], bias];
            let inputs = fill(&shapes, ALL, &numbers);
            holds("affine", &function!(|x| affine(&[(x[0], x[1]), (x[2], x[3])], Some(x[4]))), &inputs);
        }
        // The same matrix as every operand.
        let square = fill(&[(l, l)], ALL, &numbers);
        holds("affine, shared", &function!(|x| affine(&[(x[0], x[0]), (x[0], x[0])], Some(x[0]))), &square);
    }

    #[test]
    fn classes_hold(m in 1usize..5, classes in prop::collection::vec(any::<prop::sample::Index>(), 0..5), numbers in numbers()) {
        struct Classes(Vec<usize>);
        impl Function for Classes {
            fn call<'t, T: Real>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
                x[0].softmax_cross_entropy_with_classes(&self.0)
            }
        }
        let classes = Classes(classes.iter().map(|i| i.index(m)).collect());
        holds("classes", &classes, &fill(&[(m, classes.0.len())], ALL, &numbers));
    }
}
