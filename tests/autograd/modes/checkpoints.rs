//! Recomputed derivatives equal the stored ones.

use autograd::{CustomOp, Matrix, MatrixRef, Tape, Var, affine, check, checkpoint, grad, jvp, vjp};

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

/// a b³, whose rule takes the derivative of b³.
struct TimesCube;

impl CustomOp<f64> for TimesCube {
    fn name(&self) -> &str {
        "times_cube"
    }
    fn forward(&self, x: &[MatrixRef<'_, f64>]) -> Matrix<f64> {
        let tape = Tape::new();
        (tape.constant(x[0]) * tape.constant(x[1]).powi(3)).value()
    }
    fn pullback<'t>(&self, x: &[V<'t>], _: V<'t>, dy: V<'t>) -> Vec<Option<V<'t>>> {
        vjp(&[(x[0] * x[1].powi(3), dy)], x).into_iter().map(Some).collect()
    }
}

/// b³ as the derivative of a b³ with respect to a, whose rule differentiates twice.
struct Slope;

impl CustomOp<f64> for Slope {
    fn name(&self) -> &str {
        "slope"
    }
    fn forward(&self, x: &[MatrixRef<'_, f64>]) -> Matrix<f64> {
        let tape = Tape::new();
        (tape.constant(x[0]) * 0.0 + tape.constant(x[1]).powi(3)).value()
    }
    fn pullback<'t>(&self, x: &[V<'t>], _: V<'t>, dy: V<'t>) -> Vec<Option<V<'t>>> {
        let slope = grad((x[0] * x[1].powi(3)).sum(), &[x[0]])[0];
        vjp(&[(slope, dy)], x).into_iter().map(Some).collect()
    }
}

type F = for<'t> fn(&[V<'t>]) -> V<'t>;

/// Closures of two matrices that differentiate.
const DIFFERENTIATING: [(&str, F); 9] = [
    ("grad", |v| grad((v[0].powi(3) * v[1]).sum(), v)[0]),
    ("of the other", |v| grad((v[0].powi(3) * v[1]).sum(), v)[1] + v[1]),
    ("second derivative", |v| {
        let first = grad((v[0].powi(3) * v[1]).sum(), v)[0];
        grad((first * v[1]).sum(), v)[0]
    }),
    ("jvp", |v| {
        let moves = [(v[0], v[1]), (v[1], v[0])].into_iter().filter(|(x, _)| x.needs_gradient());
        jvp(v[0].powi(3) * v[1], &moves.collect::<Vec<_>>())
    }),
    ("backward", |v| {
        let slope = gradient_of(v[0].powi(3).sum(), v[0]);
        v[0] * v[1].tape().constant(slope) + v[1]
    }),
    ("tangents", |v| {
        if !v[0].needs_gradient() {
            return v[0] + v[1];
        }
        let (y, dx) = (v[0].powi(3) * v[1], Matrix::full(v[0].rows(), v[0].cols(), 1.0));
        v[0] * v[0].tape().constant(v[0].tape().tangents(&[(v[0], dx.view())]).of(y)) + v[1]
    }),
    ("custom", |v| grad(v[0].tape().custom(TimesCube, v).sum(), v)[1] + v[0]),
    ("nested", |v| checkpoint(|v| grad(checkpoint(|v| v[0].powi(3) * v[1], v).sum(), v)[0], v)),
    ("activity", |v| if v[0].needs_gradient() { v[0].sin() * v[1] } else { v[0] * v[1] }),
];

/// The gradient, zero where y does not depend on x.
fn gradient_of<'t>(y: V<'t>, x: V<'t>) -> Matrix<f64> {
    if y.needs_gradient() { y.backward().wrt(x).to_owned() } else { Matrix::zeros(x.rows(), x.cols()) }
}

/// The same closure with and without a checkpoint, in every mode and with either operand constant.
#[test]
fn a_closure_may_differentiate() {
    let (x, y) = (numbers(2, 3, 1), numbers(2, 3, 2));
    let (dx, again) = (numbers(2, 3, 3), [numbers(2, 3, 4), numbers(2, 3, 5)]);
    for (name, f) in DIFFERENTIATING {
        println!("{name}");
        for constant in [None, Some(0), Some(1)] {
            let tape = Tape::new();
            let leaf = |k: usize, x| if constant == Some(k) { tape.constant(x) } else { tape.variable(x) };
            let v = [leaf(0, &x), leaf(1, &y)];
            let ys = [f(&v), checkpoint(f, &v)];
            close(&ys[1].value(), &ys[0].value());
            for &x in v.iter().filter(|x| x.needs_gradient()) {
                let [stored, computed] = ys.map(|y| gradient_of(y.sum(), x));
                close(&computed, &stored);
                let [stored, computed] = ys.map(|y| grad(y.square().sum(), &[x])[0].value());
                close(&computed, &stored);
                let [stored, computed] = ys.map(|y| tape.tangents(&[(x, dx.view())]).of(y));
                close(&computed, &stored);
                let [stored, computed] = ys.map(|y| jvp(y, &[(x, tape.constant(dx.clone()))]).value());
                close(&computed, &stored);
            }
            // A checkpoint reads again the plain numbers that its closure reads; a program without one does not.
            if !matches!(name, "backward" | "tangents") {
                let [stored, computed] = ys.map(|y| {
                    let mut program = y.program(&v);
                    program.run(&again).unwrap();
                    (program.value().to_owned(), program.backward_with(&dx))
                });
                close(&computed.0, &stored.0);
                computed.1.iter().zip(&stored.1).for_each(|(a, b)| close(a, b));
            }
        }
    }
    for (f, row) in
        [((|v| grad(v[0].powi(3), v)[0]) as F, (12.0, 12.0)), (|v| grad(grad(v[0].powi(3), v)[0], v)[0], (12.0, 6.0))]
    {
        let tape = Tape::new();
        let x = tape.variable(2.0);
        let y = checkpoint(f, &[x]);
        assert_eq!((y.item(), y.backward().wrt(x)[(0, 0)]), row);
    }
}

/// A rule that differentiates gets separate operands. It does not matter whether an operand is a constant, or was computed from another.
#[test]
fn a_rule_may_differentiate() {
    let (x, c) = (numbers(2, 2, 1), numbers(2, 2, 2));
    check(|v| v[0].tape().custom(TimesCube, v), &[&x, &c]);
    check(|v| v[0].tape().custom(TimesCube, &[v[0], v[0].sin()]), &[&x]);
    check(|v| v[0].tape().custom(TimesCube, &[v[0].tape().constant(c.clone()), v[0]]), &[&x]);
    check(|v| v[0].tape().custom(Slope, &[v[0].tape().constant(c.clone()), v[0]]), &[&x]);
    check(|v| v[0].tape().custom(Slope, &[v[0], v[0].sin()]), &[&x]);
}
