//! Functions defined outside the crate.

use std::panic::catch_unwind;

use autograd::check::{Check, Function, Verdict, check_f32};
use autograd::{
    CustomOp, Dual, Formula, Matrix, MatrixRef, Number, Real, Tape, Var, check, formula, function, grad, map,
};

use super::numbers;

#[test]
fn formulas_with_and_without_slopes() {
    let (a, b) = (numbers(3, 2, 1), numbers(3, 2, 2).map(|x| x.abs() + 0.5));
    check(|v| v[0].map(formula!(|x| x * x.sigmoid() + x.powi(3))), &[&a]);
    check(|v| v[0].map(formula!(|x| (-x.square()).exp(), |y| [x * y * -2.0])), &[&a]);
    check(|v| map(formula!(|a, b| (a * b).atan2(b) + a.hypot(b)), [v[0], v[1]]), &[&a, &b]);
    check(|v| map(formula!(|a, b, c, d| a * b + c / d), [v[0], v[1], v[0].sin(), v[1].exp()]), &[&a, &b]);
    // Repeated operands, as binary operators repeat them.
    check(|v| map(formula!(|a, b| a.sin() * b), [v[0], v[1]]), &[numbers(3, 2, 1), numbers(1, 2, 2)]);
    let f = function!(|v| v[0].map(formula!(|x| x.tanh() / (x.square() + 1.0))));
    check_f32(&f, &[a.map(|x| x as f32)]);
    check(|v| f.call(v), &[a]);
}

#[test]
fn formulas_hold_in_blocks_and_with_repeats() {
    let f = function!(|v| map(formula!(|a, b| (a * b).sin() / (b.square() + 1.0)), [v[0], v[1]]));
    for (m, n) in [(0, 2), (1, 1), (3, 4), (17, 5), (200, 20)] {
        for second in [(m, n), (m, 1), (1, n), (1, 1)] {
            let inputs = [numbers(m, n, 1), numbers(second.0, second.1, 2)];
            let report = Check::new().directions(2).run(|v| f.call(v), &inputs);
            assert!(report.verdict == Verdict::Pass, "{m} × {n} and {second:?}: {report}");
            check_f32(&f, &inputs.map(|x| x.map(|x| x as f32)));
        }
    }
}

#[test]
fn a_wrong_slope_is_caught() {
    let wrong = function!(|v| v[0].map(formula!(|x| x.sin(), |_y| [x.sin()])));
    assert_eq!(Check::new().run(|v| wrong.call(v), &[numbers(2, 2, 1)]).verdict, Verdict::Fail);
}

#[test]
fn one_function_for_every_number() {
    fn f<N: Number>(x: N, y: N) -> N {
        if x > y { (x * y).sin() + x.powi(2) * 3.0 } else { x.max(y) - y }
    }
    let tape = Tape::new();
    for (a, b) in [(0.5, 0.25), (0.25, 0.5)] {
        let (x, y) = (tape.variable(a), tape.variable(b));
        let z = f(x, y);
        let dual = f(Dual::variable(a), Dual::constant(b));
        assert_eq!((f(a, b), dual.value), (z.item(), z.item()));
        assert!((dual.tangent - z.backward().wrt(x)[(0, 0)]).abs() < 1e-15);
        // A dual number of variables, differentiated in reverse: the second derivative.
        let slope = f(Dual::variable(x), Dual::constant(y)).tangent;
        let twice =
            f(Dual { value: Dual::variable(a), tangent: Dual::constant(1.0) }, Dual::constant(Dual::constant(b)));
        assert!((grad(slope, &[x])[0].item() - twice.tangent.tangent).abs() < 1e-14);
    }
}

/// y = xᵀ A x for each column of x.
struct Quadratic {
    derivative_of_a: bool,
}

impl<T: Real> CustomOp<T> for Quadratic {
    fn name(&self) -> &str {
        "quadratic"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let tape = Tape::new();
        let (a, x) = (tape.constant(x[0]), tape.constant(x[1]));
        (x * a.matmul(x)).sum_over(autograd::Axis::Rows).value()
    }

    fn pullback<'t>(&self, x: &[Var<'t, T>], _y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let (a, x) = (x[0], x[1]);
        let da = self.derivative_of_a.then(|| (x * dy).matmul_nt(x));
        vec![da, Some((a + a.t()).matmul(x) * dy)]
    }
}

#[test]
fn ops_with_a_custom_rule() {
    let x = [numbers(3, 3, 1), numbers(3, 4, 2)];
    check(|v| v[0].tape().custom(Quadratic { derivative_of_a: true }, v).sin(), &x);
    // Shared, and in the middle of an expression.
    check(
        |v| {
            let y = v[0].tape().custom(Quadratic { derivative_of_a: true }, &[v[0], v[0].sin()]);
            v[0].tape().custom(Quadratic { derivative_of_a: true }, &[v[0], y.repeat(3, 3)])
        },
        &x[..1],
    );
}

#[test]
fn a_missing_derivative_is_an_error() {
    let (a, x) = (numbers(2, 2, 1), numbers(2, 1, 2));
    // The gradient of A is not needed here …
    check(
        |v| v[0].tape().custom(Quadratic { derivative_of_a: false }, &[v[0].tape().constant(a.clone()), v[0]]),
        &[&x],
    );
    // … but here it is.
    let error = catch_unwind(|| {
        let tape = Tape::new();
        let (a, x) = (tape.variable(numbers(2, 2, 1)), tape.variable(numbers(2, 1, 2)));
        tape.custom(Quadratic { derivative_of_a: false }, &[a, x]).backward();
    });
    let text = *error.unwrap_err().downcast::<String>().unwrap();
    assert!(text.starts_with("quadratic (") && text.contains("custom.rs:"), "{text}");
    assert!(text.ends_with("no derivative for operand 0, which needs one"), "{text}");
}

#[test]
fn a_named_formula_with_a_parameter() {
    struct Power(f64);
    impl Formula<1> for Power {
        fn name(&self) -> &str {
            "power"
        }
        fn value<N: Number>(&self, [x]: [N; 1]) -> N {
            (x.ln() * self.0).exp()
        }
    }
    let x = Matrix::from([[2.0f64, 3.0]]);
    let y = autograd::gradient(|x| x.map(Power(3.0)).sum(), &x);
    x.as_slice().iter().zip(y.as_slice()).for_each(|(x, y)| assert!((3.0 * x * x - y).abs() < 1e-13 * y));
}
