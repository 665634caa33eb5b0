//! Recomputed derivatives are the stored ones.

use autograd::{Matrix, Tape, Var, affine, check, checkpoint, grad};

use super::{close, numbers};

type V<'t> = Var<'t, f64>;

fn step<'t>(x: &[V<'t>]) -> V<'t> {
    affine(&[(x[1], x[0])], Some(x[2])).tanh() + x[0]
}

/// Nine steps in three segments.
fn chain<'t>(x: &[V<'t>]) -> V<'t> {
    (0..3).fold(x[0], |y, _| checkpoint(three_steps, &[y, x[1], x[2]]))
}

fn three_steps<'t>(x: &[V<'t>]) -> V<'t> {
    (0..3).fold(x[0], |y, _| step(&[y, x[1], x[2]]))
}

fn nested<'t>(x: &[V<'t>]) -> V<'t> {
    checkpoint(chain, x)
}

/// A third derivative.
fn third<'t>(y: V<'t>, x: V<'t>) -> Matrix<f64> {
    let first = grad(y.sum(), &[x])[0].square().sum();
    grad(first, &[x])[0].square().sum().backward().wrt(x).to_owned()
}

#[test]
fn derivatives_of_any_order() {
    let x = [numbers(2, 3, 1), numbers(2, 2, 2), numbers(2, 1, 3)];
    check(chain, &x);
    check(nested, &x);
    let tape = Tape::new();
    let x: Vec<_> = x.iter().map(|x| tape.variable(x)).collect();
    let (stored, again, deep) = ((0..9).fold(x[0], |y, _| step(&[y, x[1], x[2]])), chain(&x), nested(&x));
    assert_eq!((again.value(), deep.value()), (stored.value(), stored.value()));
    let [a, b, c] = [stored, again, deep].map(|y| y.sum().backward());
    for &x in &x {
        let [a, b, c] = [&a, &b, &c].map(|grads| grads.wrt(x).to_owned());
        close(&b, &a);
        close(&c, &a);
    }
    // The third derivative, through all of them.
    let [a, b] = [stored, deep].map(|y| third(y, x[2]));
    a.as_slice().iter().zip(b.as_slice()).for_each(|(a, b)| assert!((a - b).abs() <= 1e-12 * a.abs(), "{a} {b}"));
}

#[test]
fn constants_take_no_gradient() {
    let tape = Tape::new();
    let (x, c) = (tape.variable(Matrix::column(&[0.5, 2.0])), tape.constant(3.0));
    let y = checkpoint(|v| v[0] * v[1], &[x, c]);
    assert_eq!(y.sum().backward().wrt(x).as_slice(), [3.0, 3.0]);
    assert!(!checkpoint(|v| v[0].sin(), &[c]).needs_gradient());
}
