//! A program that runs again gives what recording it again would.

use std::cell::Cell;
use std::cmp::Ordering;

use autograd::{Compiled, Matrix, Tape, Var, checkpoint, formula, several};

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

#[test]
#[should_panic(expected = "input 0 is 2 × 1, and was recorded as 1 × 1")]
fn inputs_of_another_shape() {
    let tape = Tape::new();
    let x = tape.variable(2.0);
    let _ = x.sin().program(&[x]).run(&[numbers(2, 1, 0)]);
}
