//! Running a program again gives the same as recording it again.

use std::cell::Cell;
use std::cmp::Ordering;

use autograd::{Compiled, CustomOp, Leaf, Matrix, MatrixRef, Real, Tape, Var, checkpoint, formula, several};
use proptest::prelude::*;

use super::{close, net, numbers};

type V<'t> = Var<'t, f64>;

/// Every kind of node: ops of the table, a formula, a checkpoint, a stopped gradient.
fn loss<'t>(x: &[V<'t>]) -> V<'t> {
    let y = checkpoint(net, x).map(formula!(|x| x * x.sigmoid()));
    (y * x[1].stop_gradient() + y.select_columns(&[1, 0])).square().mean()
}

#[test]
fn as_if_recorded_again() {
    let inputs = |seed| [numbers(3, 3, seed), numbers(3, 2, seed + 1), numbers(3, 1, seed + 2)];
    let first = inputs(0);
    let tape = Tape::new();
    let x: Vec<_> = first.iter().map(|x| tape.variable(x)).collect();
    let mut program = loss(&x).program(&x);
    for seed in [10, 20, 0] {
        let (x, v) = (inputs(seed), inputs(seed + 5));
        program.run(&x).unwrap();
        let (value, gradient) = several::value_and_gradient(loss, &x);
        assert_eq!(program.value().as_slice(), [value]);
        program.backward().iter().zip(&gradient).for_each(|(a, b)| close(a, b));
        close(&program.tangent(&v), &several::jvp(loss, &x, &v).1);
    }
}

/// |x| by a comparison.
fn branching<'t>(x: &[V<'t>]) -> V<'t> {
    if x[0] > 0.0 { x[0] * 1.0 } else { -x[0] }
}

#[test]
fn a_stale_branch_is_reported() {
    let tape = Tape::new();
    let x = tape.variable(2.0);
    let mut program = branching(&[x]).program(&[x]);
    assert!(program.run(&[Matrix::full(1, 1, 5.0)]).is_ok());
    let stale = program.run(&[Matrix::full(1, 1, -5.0)]).unwrap_err();
    assert_eq!((stale.recorded, stale.now), (Some(Ordering::Greater), Some(Ordering::Less)));
    assert!(stale.to_string().contains("replay.rs") && stale.to_string().contains("record again"), "{stale}");
}

#[test]
fn a_compiled_closure_records_when_it_must() {
    let calls = Cell::new(0);
    let mut f = Compiled::new(|x| {
        calls.set(calls.get() + 1);
        branching(x)
    });
    for (x, slope) in [(2.0, 1.0), (3.0, 1.0), (-1.0, -1.0), (-4.0, -1.0), (1.0, 1.0)] {
        let (value, gradient) = f.value_and_gradient(&[Matrix::full(1, 1, x)]);
        assert_eq!((value, gradient[0][(0, 0)]), (f64::abs(x), slope));
    }
    assert_eq!(f.recordings(), 3);
    assert_eq!(calls.get(), 3);
}

/// The computations of a closure from x, in this order; comparisons choose among the values.
fn values<'t, T: Real>(x: Var<'t, T>, order: &[usize]) -> Vec<Var<'t, T>> {
    let of = |k: usize| match k {
        0 => x.square(),
        1 => x * 3.0,
        2 => x.sin() * 4.0,
        3 => x.tape().constant(Leaf::Owned(Matrix::full(1, 1, T::from_f64(2.0)))),
        _ => x.repeat(2, 2).sum() - 1.0,
    };
    order.iter().map(|&k| of(k)).collect()
}

/// One of the values, depending on how pairs of them compare: a number of any type from branches of any kind.
fn chosen<'t, T: Real>(x: Var<'t, T>, order: &[usize], pairs: &[(usize, usize)]) -> Var<'t, T> {
    let values = values(x, order);
    let outcome = pairs.iter().fold(0, |sum, &(i, j)| {
        let (a, b) = (values[i % values.len()], values[j % values.len()]);
        3 * sum + if a > b { 2 } else { usize::from(a > 1.0) }
    });
    values[outcome % values.len()] * 1.5 + x * 0.0
}

/// A closure, compiled and as a program, at these numbers: the result of recording it again, or `Stale`.
fn never_wrong<T: Real>(order: &[usize], pairs: &[(usize, usize)], at: &[f64]) -> Result<(), TestCaseError> {
    let matrix = |x: f64| Matrix::full(1, 1, T::from_f64(x));
    let mut compiled = Compiled::new(|x| chosen(x[0], order, pairs));
    let (first, tape) = (matrix(at[0]), Tape::new());
    let x = tape.variable(&first);
    let mut program = chosen(x, order, pairs).program(&[x]);
    for &at in at {
        let x = matrix(at);
        let (value, gradient) = several::value_and_gradient(|x| chosen(x[0], order, pairs), &[&x]);
        prop_assert_eq!(compiled.value_and_gradient(&[&x]), (value, gradient.clone()));
        if program.run(&[&x]).is_ok() {
            prop_assert_eq!((program.value()[(0, 0)], program.backward()), (value, gradient));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_branch_on_any_value_counts(
        order in prop::collection::vec(0usize..5, 2..6),
        pairs in prop::collection::vec((0usize..5, 0usize..5), 1..3),
        at in prop::collection::vec(-4.0..4.0f64, 6),
    ) {
        never_wrong::<f64>(&order, &pairs, &at)?;
        never_wrong::<f32>(&order, &pairs, &at)?;
    }
}

#[test]
fn the_larger_of_two_by_a_comparison() {
    let mut f = Compiled::new(|x| {
        let (a, b) = (x[0].square(), x[0] * 3.0);
        if a > b { a } else { b }
    });
    for (x, value, slope) in [(4.0, 16.0, 8.0), (1.0, 3.0, 3.0), (5.0, 25.0, 10.0), (-1.0, 1.0, -2.0)] {
        let found = f.value_and_gradient(&[Matrix::full(1, 1, x)]);
        assert_eq!(found, (value, vec![Matrix::full(1, 1, slope)]));
    }
}

/// Every way to read a plain number from the tape, on which a closure may branch.
#[test]
fn a_closure_that_reads_numbers_is_recorded_at_every_call() {
    type Read = for<'t> fn(V<'t>) -> f64;
    let reads: [(&str, Read); 9] = [
        ("item", |x| x.item()),
        ("value", |x| x.stop_gradient().value()[(0, 0)]),
        ("debug", |x| format!("{x:?}").trim_matches(|c| c != '-' && !char::is_ascii_digit(&c)).len() as f64),
        ("backward", |x| x.square().backward().wrt(x)[(0, 0)]),
        ("tangents", |x| {
            let y = x.square();
            x.tape().tangents(&[(x, Matrix::full(1, 1, 1.0).view())]).of(y)[(0, 0)]
        }),
        ("per sample", |x| x.square().backward_per_sample(&[]).wrt(x)[(0, 0)]),
        ("determinant", |x| x.log_abs_determinant().map_or(0.0, |(_, sign)| sign)),
        ("cholesky", |x| if x.cholesky().is_ok() { 1.0 } else { -1.0 }),
        ("anomaly", |x| if x.sqrt().tape().anomaly().is_none() { 1.0 } else { -1.0 }),
    ];
    for (name, read) in reads {
        let f = |x: &[V<'_>]| if read(x[0]) > 0.0 { 1.0 } else { 2.0 };
        let mut compiled = Compiled::new(|x| x[0].exp() * f(x));
        for at in [2.0, 3.0, -1.0, -2.0, 1.0] {
            let x = [Matrix::full(1, 1, at)];
            let expected = several::value_and_gradient(|x| x[0].exp() * f(x), &x);
            assert_eq!(compiled.value_and_gradient(&x), expected, "{name}");
        }
        assert_eq!(compiled.recordings(), 5, "{name}");
    }
}

#[test]
#[should_panic(expected = "input 0 is 2 × 1, and was recorded as 1 × 1")]
fn inputs_of_another_shape() {
    let tape = Tape::new();
    let x = tape.variable(2.0);
    let _ = x.sin().program(&[x]).run(&[numbers(2, 1, 0)]);
}

/// A checkpoint may read another operand in a replay than when it was recorded: that operand has a gradient then, and the other has 0.
#[test]
fn a_checkpoint_that_reads_another_operand() {
    fn f<'t>(x: &[V<'t>]) -> V<'t> {
        let y = checkpoint(|v| if v[0] > 0.0 { v[0].sin() } else { v[1].exp() }, &[x[0].sum(), x[1].sum()]);
        // A second reader of each, before and after the checkpoint.
        x[0].square().sum() + y + x[1].cos().sum()
    }
    let first = [numbers(2, 1, 1).map(f64::abs), numbers(2, 2, 2)];
    let tape = Tape::new();
    let x: Vec<_> = first.iter().map(|x| tape.variable(x)).collect();
    let mut program = f(&x).program(&x);
    for sign in [-1.0, 1.0] {
        let inputs = [first[0].map(|x| sign * x), first[1].map(|x| x + 1.0)];
        program.run(&inputs).unwrap();
        let (value, gradient) = several::value_and_gradient(f, &inputs);
        assert_eq!((program.value().as_slice(), program.backward()), (&[value][..], gradient));
        let v = [numbers(2, 1, 3), numbers(2, 2, 4)];
        assert_eq!(program.tangent(&v), several::jvp(f, &inputs, &v).1);
    }
}

/// What does not move has no part in a tangent, even where its slope is infinite, and neither has an operand that moves in a function
/// without a slope.
#[test]
fn tangents_of_what_does_not_move() {
    fn f<'t>(x: &[V<'t>]) -> V<'t> {
        let root = x[1].sqrt().stop_gradient() * x[0] + x[1].stop_gradient().sqrt();
        let columns = x[0].columns(1..3) * x[0].columns(0..2).step();
        root.sum() + (columns + x[2].sqrt()).square().sum()
    }
    let tape = Tape::new();
    let recorded = [numbers(2, 3, 1), Matrix::full(2, 3, 1.0), Matrix::full(2, 2, 4.0)];
    let x = [tape.variable(&recorded[0]), tape.variable(&recorded[1]), tape.constant(&recorded[2])];
    let mut program = f(&x).program(&x);
    let inputs = [numbers(2, 3, 5), Matrix::zeros(2, 3), Matrix::zeros(2, 2)];
    program.run(&inputs).unwrap();
    let v = [numbers(2, 3, 6), numbers(2, 3, 7), numbers(2, 2, 8)];
    let again = Tape::new();
    let x = [again.variable(&inputs[0]), again.variable(&inputs[1]), again.constant(&inputs[2])];
    let y = f(&x);
    let expected = again.tangents(&[(x[0], v[0].view()), (x[1], v[1].view())]).of(y);
    assert!(expected[(0, 0)].is_finite());
    assert_eq!(program.tangent(&v), expected);
}

/// A matrix at the end, which may be an input or columns of it, and an input that is given twice.
#[test]
fn matrices_at_the_end() {
    type Closure = for<'t> fn(&[V<'t>]) -> V<'t>;
    let ends: [Closure; 4] = [|x| x[0].matmul(x[1]).tanh() + x[2], |x| x[0], |x| x[0].columns(1..2), |x| x[2].t()];
    let inputs = |seed| [numbers(2, 3, seed), numbers(3, 2, seed + 1), numbers(2, 2, seed + 2)];
    for f in ends {
        let tape = Tape::new();
        let x = inputs(0).map(|x| tape.variable(Leaf::Owned(x)));
        let mut program = f(&x).program(&[x[0], x[1], x[2], x[0]]);
        let at = inputs(10);
        program.run(&[&at[0], &at[1], &at[2], &at[0]]).unwrap();
        let again = Tape::new();
        let x = at.each_ref().map(|x| again.variable(x));
        let y = f(&x);
        let w = numbers(y.rows(), y.cols(), 20);
        assert_eq!(program.value().to_owned(), y.value());
        let grads = y.backward_with(&w);
        assert_eq!(
            program.backward_with(&w),
            [0, 1, 2, 0].map(|k| grads.get(x[k]).map_or(at[k].map(|_| 0.0), |d| d.to_owned()))
        );
        let v = inputs(30);
        let moves = [0, 1, 2, 0].map(|k| (x[k], v[k].view()));
        assert_eq!(program.tangent(&[&v[0], &v[1], &v[2], &v[0]]), again.tangents(&moves).of(y));
    }
}

/// Floor, without a derivative.
struct Floor;

impl CustomOp<f64> for Floor {
    fn name(&self) -> &str {
        "floor"
    }
    fn forward(&self, x: &[MatrixRef<'_, f64>]) -> Matrix<f64> {
        x[0].to_owned().map(f64::floor)
    }
    fn pullback<'t>(&self, _: &[V<'t>], _: V<'t>, _: V<'t>) -> Vec<Option<V<'t>>> {
        vec![None]
    }
}

/// A program that is asked for values only needs no derivative; if a derivative is asked for, the panic names the op.
#[test]
fn a_function_without_a_derivative() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::row(&[1.5, 2.5]));
    let mut program = tape.custom(Floor, &[x]).sum().program(&[x]);
    program.run(&[Matrix::row(&[3.5, 4.5])]).unwrap();
    assert_eq!(program.value().as_slice(), [7.0]);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| program.backward())).unwrap_err();
    assert!(panic.downcast_ref::<String>().is_some_and(|text| text.starts_with("floor")), "{panic:?}");
}

/// A constant without entries begins where another value does, and does not move.
#[test]
fn a_constant_without_entries() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::column(&[0.5, 1.0]));
    let (empty, h) = (tape.constant(Matrix::zeros(0, 3)), x.sin());
    let y = checkpoint(|v| v[0].square().sum() + v[1].sum(), &[h, empty]);
    let mut program = y.program(&[x]);
    let (at, v) = (Matrix::column(&[2.0, 3.0]), Matrix::column(&[1.0, -1.0]));
    program.run(&[&at]).unwrap();
    let expected = several::jvp(|x| x[0].sin().square().sum(), &[&at], &[&v]).1;
    close(&program.tangent(&[&v]), &expected);
}

/// A product with a plain number may have the other zero in loops. A closure that branches on it is recorded again.
#[test]
fn the_sign_of_a_zero_in_loops() {
    let mut compiled = Compiled::new(|x| {
        let z = x[0].tape().constant(-2.0).weigh(x[0]);
        if z.recip() > 0.0 { z + 1.0 } else { z * 2.0 }
    });
    for _ in 0..4 {
        assert_eq!(compiled.value(&[Matrix::zeros(1, 1)]), 1.0);
    }
}
