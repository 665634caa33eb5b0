//! Running a program again gives the same as recording it again.

use std::cell::Cell;
use std::cmp::Ordering;

use autograd::{Compiled, Leaf, Matrix, Real, Tape, Var, checkpoint, formula, several};
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
