//! Solutions of SciPy and gradients of diffrax.

use autograd::{Scalar, ScalarTape};
use serde_json::Value;
use solve::ode::{Adaptive, Method, System, system};
use tape_tests::oracle::{numbers, parse};

use super::{driven, kepler, predator_prey, robertson, tight, van_der_pol};

/// The largest errors of y, relative to the size of each number, and of the gradient, relative to its entry times the size of what it is taken
/// with respect to.
fn errors<S: System<D, P>, const D: usize, const P: usize>(system: &S, problem: &Value, method: Method) -> [f64; 2] {
    let of = |key: &str| numbers(&problem[key]);
    let size = of("size");
    let tape = ScalarTape::new();
    let p: [_; P] = tape.variables(&of("parameters")).try_into().unwrap();
    let y0: [_; D] = tape.variables(&of("start")).try_into().unwrap();
    let run = method.solve(system, p, y0, &of("times")).unwrap();
    let expected: Vec<Vec<f64>> = problem["y"].as_array().unwrap().iter().map(numbers).collect();
    assert_eq!(run.y.len(), expected.len());
    let difference = |(k, y): (usize, &[Scalar<'_, f64>; D])| {
        (0..D).map(|i| (y[i].value() - expected[k][i]).abs() / size[i]).fold(0.0, f64::max)
    };
    let of_values = run.y.iter().enumerate().map(difference).fold(0.0, f64::max);
    let weighed: Vec<_> =
        run.y[1..].as_flattened().iter().enumerate().map(|(k, &y)| (y, (k + 1) as f64 / size[k % D])).collect();
    let gradient = tape.backward(&weighed);
    let exact = [of("by_parameters"), of("by_start")].concat();
    // A step of the size of a parameter or of an initial value changes L by this much.
    let scale = [of("parameters"), size].concat();
    let largest = exact.iter().zip(&scale).map(|(g, s)| (g * s).abs()).fold(0.0, f64::max);
    let of_gradient = gradient.as_slice().iter().zip(&exact).zip(&scale).map(|((a, b), s)| (a - b).abs() * s / largest);
    [of_values, of_gradient.fold(0.0, f64::max)]
}

fn problems() -> Value {
    parse(include_str!("../../oracle/ode.json"))
}

/// Errors of steps add up, so the allowed ones are multiples of the tolerance.
fn is_within<S: System<D, P>, const D: usize, const P: usize>(
    name: &str,
    system: &S,
    method: fn(Adaptive) -> Method,
    tolerances: &[f64],
    allowed: [f64; 2],
) {
    let problems = problems();
    for &rtol in tolerances {
        let atol = if name == "robertson" { 1e-6 } else { 1e-2 } * rtol;
        let [y, gradient] = errors(system, &problems[name], method(Adaptive { atol, ..tight(rtol) }));
        println!("{name} {rtol:e}: y {:.1} gradient {:.1}", y / rtol, gradient / rtol);
        assert!(y <= allowed[0] * rtol, "{name} at {rtol:e}: y is off by {y:e}");
        assert!(gradient <= allowed[1] * rtol, "{name} at {rtol:e}: the gradient is off by {gradient:e}");
    }
}

#[test]
fn values_and_gradients_of_the_explicit_method() {
    let method = Method::DormandPrince;
    is_within("predator_prey", &predator_prey(), method, &[1e-5, 1e-7, 1e-9], [100.0, 100.0]);
    is_within("driven", &driven(), method, &[1e-5, 1e-7, 1e-9], [100.0, 100.0]);
    is_within("backward", &driven(), method, &[1e-5, 1e-7, 1e-9], [100.0, 100.0]);
    is_within("kepler", &kepler(), method, &[1e-5, 1e-7, 1e-9], [1000.0, 1000.0]);
}

#[test]
fn values_and_gradients_of_the_stiff_method() {
    let method = Method::Rodas5P;
    is_within("predator_prey", &predator_prey(), method, &[1e-5, 1e-7, 1e-9], [100.0, 100.0]);
    is_within("driven", &driven(), method, &[1e-5, 1e-7, 1e-9], [100.0, 100.0]);
    is_within("backward", &driven(), method, &[1e-5, 1e-7, 1e-9], [100.0, 100.0]);
    is_within("robertson", &robertson(), method, &[1e-5, 1e-7, 1e-9], [100.0, 100.0]);
    // A jump takes about 10⁻⁶ of the interval and moves with the parameter, but the steps do not: see the chapter on gradients.
    is_within("van_der_pol", &van_der_pol(), method, &[1e-7, 1e-9, 1e-11], [100.0, 1e6]);
}

/// The equations of three sensitivities, whose numbers are up to 10⁶ times larger, take no digits from those of (x, v): the error of the
/// gradient falls with rtol, because the steps follow the sensitivities, too.
#[test]
fn sensitivities_beside_the_solution() {
    let problem = &problems()["van_der_pol"];
    let of = |key: &str| numbers(&problem[key]);
    let (size, mu) = (of("size"), of("parameters")[0]);
    // (s, w) are the derivatives of (x, v) by μ, x(0) and v(0), times the sizes of these.
    let all = system!(|_t, [x, v, s0, s1, s2, w0, w1, w2], [mu]| {
        let damping = mu * (-x * x + 1.0);
        let moved = |s, w| damping * w - (mu * x * v * 2.0 + 1.0) * s;
        [v, damping * v - x, w0, w1, w2, moved(s0, w0) + damping * v, moved(s1, w1), moved(s2, w2)]
    });
    let exact = [of("by_parameters")[0] * mu, of("by_start")[0] * size[0], of("by_start")[1] * size[1]];
    let start = [2.0, 0.0, 0.0, size[0], 0.0, 0.0, 0.0, size[1]];
    for rtol in [1e-7, 1e-8, 1e-9] {
        let run = Method::Rodas5P(tight(rtol)).solve(&all, [mu], start, &of("times")).unwrap();
        let error = |p: usize| {
            let term = |(k, z): (usize, &[f64; 8])| {
                (2 * k + 1) as f64 * z[2 + p] / size[0] + (2 * k + 2) as f64 * z[5 + p] / size[1]
            };
            let found: f64 = run.y[1..].iter().enumerate().map(term).sum();
            (found - exact[p]).abs() / exact[1]
        };
        let largest = (0..3).map(error).fold(0.0, f64::max) / rtol;
        println!("sensitivities at {rtol:e}: {largest:.0} rtol");
        assert!(largest < 1e5, "at {rtol:e} the gradient is off by {largest} rtol");
    }
}

#[test]
fn fixed_steps() {
    let problems = problems();
    for (name, steps) in [("driven", 400), ("backward", 400)] {
        let [y, gradient] = errors(&driven(), &problems[name], Method::Rk4 { steps });
        assert!(y < 1e-8 && gradient < 1e-8, "{name}: {y:e} {gradient:e}");
    }
}
