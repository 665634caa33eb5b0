//! Equations of matrices: batches, checkpoints, adjoints.

use autograd::{Matrix, Tape, Var, check, grad};
use solve::ode::{Adaptive, Event, Flow, Method, RightHandSide, system};

use super::{close, driven, fixed, tight};

/// W tanh(y) + b sin t, for any number of columns.
fn net() -> Flow<impl RightHandSide> {
    Flow::new(|t, y, p| p[0].matmul(y.tanh()) + p[1] * t.sin())
}

fn parameters() -> [Matrix<f64>; 2] {
    [Matrix::from([[-0.5, 1.0], [-1.2, 0.1]]), Matrix::column(&[0.3, -0.4])]
}

fn starts() -> Matrix<f64> {
    Matrix::from([[1.0, -0.5, 0.2], [0.3, 2.0, -1.0]])
}

fn methods() -> [Method; 3] {
    [Method::Rk4 { steps: 5 }, Method::DormandPrince(tight(1e-8)), Method::Rodas5P(tight(1e-8))]
}

fn all_close(a: &[f64], b: &[f64], allowed: f64) {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).for_each(|(&a, &b)| close(a, b, allowed));
}

#[test]
fn a_batch_equals_single_runs() {
    for (method, allowed) in methods().into_iter().zip([1e-14, 1e-6, 1e-6]) {
        let solve = |y0: Matrix<f64>| {
            let tape = Tape::new();
            let p = parameters().map(|p| tape.variable(p));
            let y0 = tape.variable(y0);
            let run = net().solve(&method, &p, y0, &[0.0, 0.7, 2.0]).unwrap();
            let grads = (run.y[1].square().sum() + run.y[2].sum()).backward();
            let values: Vec<_> = run.y.iter().map(|y| y.value()).collect();
            (values, grads.wrt(y0).to_owned(), p.map(|p| grads.wrt(p).to_owned()))
        };
        let (values, by_start, by_parameters) = solve(starts());
        let mut sums = parameters().map(|p| p.map(|_| 0.0));
        for c in 0..3 {
            let (alone, start, of_parameters) = solve(starts().select_columns(&[c]));
            for (batch, alone) in values.iter().zip(&alone) {
                all_close(batch.col(c), alone.as_slice(), allowed);
            }
            all_close(by_start.col(c), start.as_slice(), 10.0 * allowed);
            sums.iter_mut().zip(of_parameters).for_each(|(sum, own)| *sum = &*sum + &own);
        }
        by_parameters.iter().zip(&sums).for_each(|(a, b)| all_close(a.as_slice(), b.as_slice(), 30.0 * allowed));
    }
}

/// The same numbers, gradients and second derivatives as without.
#[test]
fn checkpoints() {
    for method in methods() {
        let run = |flow: Flow<_>| {
            let tape = Tape::new();
            let p = parameters().map(|p| tape.variable(p));
            let y0 = tape.variable(starts());
            let times = [0.0, 0.7, 2.0].map(|t| tape.variable(t));
            let flow = flow.events(|_t, y, _p| vec![Event::any(y.at(0, 0) - 0.9)]);
            let run = flow.solve_at(&method, &p, y0, &times).unwrap();
            let event = &run.events[0];
            let loss = run.y[1].square().sum() + run.y[2].sum() + event.t.square() + event.y.sum();
            let grads = loss.backward();
            let wrt: Vec<Var<'_, f64>> = p.iter().chain([&y0]).chain(&times).copied().collect();
            let first: Vec<f64> = wrt.iter().flat_map(|&x| grads.wrt(x).as_slice().to_vec()).collect();
            let second = grad(loss, &[p[0]])[0].square().sum().backward();
            let values: Vec<f64> = run.y.iter().flat_map(|y| y.value().into_vec()).collect();
            (values, first, second.wrt(p[0]).as_slice().to_vec())
        };
        let (direct, segments) = (run(net()), run(net().checkpointed()));
        assert_eq!(direct.0, segments.0);
        all_close(&direct.1, &segments.1, 1e-10);
        all_close(&direct.2, &segments.2, 1e-8);
    }
}

/// With checkpoints the tape holds some values for each of √n pieces.
#[test]
fn checkpoints_save_memory() {
    let nodes = |flow: Flow<_>, steps| {
        let tape = Tape::new();
        let p = parameters().map(|p| tape.variable(p));
        let y0 = tape.variable(starts());
        flow.solve(&Method::Rk4 { steps }, &p, y0, &[0.0, 10.0]).unwrap();
        tape.len()
    };
    let (few, many) = (nodes(net().checkpointed(), 100), nodes(net().checkpointed(), 10_000));
    assert!(many < 11 * few, "{few} {many}");
    assert!(nodes(net(), 100) > 10 * few, "{few}");
}

#[test]
fn finite_differences() {
    let [w, b] = parameters();
    let x = [w, b, starts(), Matrix::column(&[0.1, 0.3, 0.8])];
    for method in [Method::Rk4 { steps: 2 }, Method::DormandPrince(fixed(10.0)), Method::Rodas5P(fixed(10.0))] {
        check(
            |v| {
                let times = [0, 1, 2].map(|i| v[3].at(i, 0));
                let run = net().solve_at(&method, &v[..2], v[2], &times).unwrap();
                run.y[1].square().sum() + run.y[2].sum()
            },
            &x,
        );
    }
}

#[test]
fn adjoint() {
    let (method, times) = (Method::DormandPrince(tight(1e-9)), [0.0, 0.7, 2.0]);
    let tape = Tape::new();
    let p = parameters().map(|p| tape.variable(p));
    let (y0, at) = (tape.variable(starts()), times.map(|t| tape.variable(t)));
    let run = net().solve_at(&method, &p, y0, &at).unwrap();
    let grads = (run.y[1].square().sum() + run.y[2].sum()).backward();
    let weights = |y: &[Matrix<f64>]| vec![y[0].map(|_| 0.0), y[1].map(|y| 2.0 * y), y[2].map(|_| 1.0)];
    let found = net().adjoint(&method, &parameters(), &starts(), &times, weights).unwrap();
    all_close(found.initial.as_slice(), grads.wrt(y0).as_slice(), 1e-6);
    for (found, &p) in found.parameters.iter().zip(&p) {
        all_close(found.as_slice(), grads.wrt(p).as_slice(), 1e-6);
    }
    for (found, &t) in found.times.iter().zip(&at) {
        close(*found, grads.wrt(t)[(0, 0)], 1e-6);
    }
}

/// A system as rows of a matrix is the system.
#[test]
fn a_flow_equals_its_system() {
    let flow = Flow::new(|t, y, p| {
        let at = |i| p[0].at(i, 0);
        let (x, v) = (y.rows_in(0..1), y.rows_in(1..2));
        autograd::vstack(&[v, at(2) * (at(3) * t).cos() - at(0) * x.sin() - at(1) * v])
    });
    let p = [2.0, 0.3, 0.7, 1.3];
    for method in methods() {
        let run = method.solve(&driven(), p, [0.4, -0.2], &[0.0, 1.0, 3.0]).unwrap();
        let tape = Tape::new();
        let found = flow
            .solve(
                &method,
                &[tape.constant(Matrix::column(&p))],
                tape.variable(Matrix::column(&[0.4, -0.2])),
                &[0.0, 1.0, 3.0],
            )
            .unwrap();
        assert_eq!(found.steps, run.steps);
        for (a, b) in found.y.iter().zip(&run.y) {
            all_close(a.value().as_slice(), b, 1e-11);
        }
    }
}

/// A program that branches on numbers is recorded anew at every call, so its steps fit its numbers.
#[test]
fn compiled_losses_choose_their_steps_anew() {
    let decay = || system!(|_t, [y], [rate]| [-(rate * y)]);
    let mut compiled = autograd::Compiled::new(|v| {
        Method::DormandPrince(Adaptive::default())
            .solve(&decay(), [v[0]], [v[0].tape().constant(1.0)], &[0.0, 1.0])
            .unwrap()
            .y[1][0]
    });
    for rate in [0.1f64, 20.0, 300.0] {
        close(compiled.run(&[Matrix::full(1, 1, rate)]).value()[(0, 0)], (-rate).exp(), 1e-7);
    }
}
