//! Gradients against finite differences, the adjoint equation, and each other.

use autograd::{Dual, Matrix, Number, ScalarTape, check};
use solve::ode::{Adaptive, Method};

use super::{METHODS, close, driven, fixed, kepler, predator_prey, robertson, tight};

const P: [f64; 4] = [2.0, 0.3, 0.7, 1.3];

/// In first and second order, with respect to parameters, initial values and times. Steps of fixed lengths are the same beside the point.
#[test]
fn finite_differences() {
    let x = [Matrix::column(&P), Matrix::column(&[0.4, -0.2]), Matrix::column(&[0.1, 0.35, 0.7])];
    for method in [Method::Rk4 { steps: 2 }, Method::DormandPrince(fixed(10.0)), Method::Rodas5P(fixed(10.0))] {
        check(
            |v| {
                let p = [0, 1, 2, 3].map(|i| v[0].at(i, 0));
                let y0 = [0, 1].map(|i| v[1].at(i, 0));
                let times = [0, 1, 2].map(|i| v[2].at(i, 0));
                let run = method.solve_at(&driven(), p, y0, &times).unwrap();
                run.y[1][0] * run.y[2][1] + run.y[2][0]
            },
            &x,
        );
    }
}

#[test]
fn finite_differences_over_several_steps() {
    let x = [Matrix::column(&P), Matrix::column(&[0.4, -0.2])];
    for method in METHODS {
        check(
            |v| {
                let p = [0, 1, 2, 3].map(|i| v[0].at(i, 0));
                let y0 = [0, 1].map(|i| v[1].at(i, 0));
                let run = method(fixed(0.05)).solve(&driven(), p, y0, &[0.1, 0.3, 0.9]).unwrap();
                assert!(run.steps > 1);
                run.y[1][0] * run.y[2][1] + run.y[2][0]
            },
            &x,
        );
    }
}

/// The second derivatives by dual numbers on a scalar tape, of steps that follow the error, agree with those of many fixed steps.
#[test]
fn second_derivatives() {
    let hessian = |method: Method| {
        let column = |k: usize| {
            let tape = ScalarTape::new();
            let x = tape.variables(&[1.1, 0.4, 0.4, 0.1, 10.0, 5.0]);
            let moved: Vec<_> = x
                .iter()
                .enumerate()
                .map(|(i, &x)| if i == k { Dual::variable(x) } else { Dual::constant(x) })
                .collect();
            let (p, y0) = ([moved[0], moved[1], moved[2], moved[3]], [moved[4], moved[5]]);
            let run = method.solve(&predator_prey(), p, y0, &[0.0, 2.0, 5.0]).unwrap();
            let loss = run.y[1][0].square() + run.y[2][1] * run.y[2][0];
            loss.tangent.backward().as_slice().to_vec()
        };
        (0..6).flat_map(column).collect::<Vec<f64>>()
    };
    let exact = hessian(Method::Rk4 { steps: 2000 });
    let largest = exact.iter().fold(0.0f64, |max, x| max.max(x.abs()));
    for method in METHODS {
        let found = hessian(method(tight(1e-9)));
        for i in 0..6 {
            for j in 0..6 {
                close(found[6 * i + j], exact[6 * i + j], 1e-6 * largest);
                close(found[6 * i + j], found[6 * j + i], 1e-10 * largest);
            }
        }
    }
}

/// dy / dt is f at the time, −(∂y / ∂y0) f at the start, and 0 elsewhere.
#[test]
fn derivatives_of_times() {
    let slope = |t: f64, [x, v]: [f64; 2]| [v, P[2] * (P[3] * t).cos() - P[0] * x.sin() - P[1] * v];
    for (method, allowed) in [
        (Method::Rk4 { steps: 200 }, 1e-8),
        (Method::DormandPrince(tight(1e-9)), 1e-6),
        (Method::Rodas5P(tight(1e-9)), 1e-6),
    ] {
        for plain in [[0.0, 1.0, 1.7, 3.0], [3.0, 2.5, 1.7, 0.0], [0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0]] {
            let tape = ScalarTape::new();
            let (times, y0) = (plain.map(|t| tape.variable(t)), [0.4, -0.2].map(|y| tape.variable(y)));
            let run = method.solve_at(&driven(), P.map(|p| tape.constant(p)), y0, &times).unwrap();
            let start = slope(plain[0], [0.4, -0.2]);
            for (k, y) in run.y.iter().enumerate().skip(1) {
                let at = slope(plain[k], y.map(|y| y.value()));
                for (i, y) in y.iter().enumerate() {
                    let grads = y.backward();
                    let by_start = -(grads.wrt(y0[0]) * start[0] + grads.wrt(y0[1]) * start[1]);
                    for (j, &t) in times.iter().enumerate() {
                        let exact = if j == k {
                            at[i]
                        } else if j == 0 {
                            by_start
                        } else {
                            0.0
                        };
                        close(grads.wrt(t), exact, allowed);
                    }
                }
            }
        }
    }
}

/// The adjoint equation agrees with the sweep to the tolerance.
#[test]
fn adjoint() {
    let method = Method::DormandPrince(tight(1e-9));
    for times in [[0.0, 1.0, 1.7, 3.0], [3.0, 2.5, 1.7, 0.0], [0.0, 1.0, 1.0, 2.0]] {
        let tape = ScalarTape::new();
        let (p, y0, at) =
            (P.map(|p| tape.variable(p)), [0.4, -0.2].map(|y| tape.variable(y)), times.map(|t| tape.variable(t)));
        let run = method.solve_at(&driven(), p, y0, &at).unwrap();
        let loss = run.y[0][0] * run.y[1][0] + run.y[2][1].square() + run.y[3][0].exp();
        let grads = loss.backward();
        let weights = |y: &[[f64; 2]]| vec![[y[1][0], 0.0], [y[0][0], 0.0], [0.0, 2.0 * y[2][1]], [y[3][0].exp(), 0.0]];
        let found = method.adjoint(&driven(), P, [0.4, -0.2], &times, weights).unwrap();
        for (a, b) in found.y.as_flattened().iter().zip(run.y.as_flattened()) {
            close(*a, b.value(), 1e-12);
        }
        let both = [(&found.parameters[..], &p[..]), (&found.initial[..], &y0[..]), (&found.times[..], &at[..])];
        for (found, x) in both {
            for (&a, &x) in found.iter().zip(x) {
                close(a, grads.wrt(x), 1e-6);
            }
        }
    }
}

/// The gradient of a conserved quantity is that of its initial value.
#[test]
fn gradient_of_a_conserved_quantity() {
    let tape = ScalarTape::new();
    let y0 = [1.0, 0.0, 0.0, 1.2].map(|y| tape.variable(y));
    let run = Method::DormandPrince(tight(1e-10)).solve(&kepler(), [tape.constant(1.0)], y0, &[0.0, 20.0]).unwrap();
    let [x, y, u, v] = run.y[1];
    let grads = (x * v - y * u).backward();
    for (found, exact) in y0.iter().map(|&y| grads.wrt(y)).zip([1.2, 0.0, 0.0, 1.0]) {
        close(found, exact, 1e-7);
    }
    let tape = ScalarTape::new();
    let (p, y0) = ([0.04, 3e7, 1e4].map(|p| tape.variable(p)), [1.0, 0.0, 0.0].map(|y| tape.variable(y)));
    let run = Method::Rodas5P(Adaptive { atol: 1e-12, ..Adaptive::default() })
        .solve(&robertson(), p, y0, &[0.0, 1e3])
        .unwrap();
    let grads = (run.y[1][0] + run.y[1][1] + run.y[1][2]).backward();
    for y in y0 {
        close(grads.wrt(y), 1.0, 1e-10);
    }
    close(grads.wrt(p[0]), 0.0, 1e-10);
}
