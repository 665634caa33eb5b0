//! Events: when, where, which, and their derivatives.

use autograd::{Dual, Matrix, ScalarTape, check};
use solve::ode::{Adaptive, Event, Method, system};

use super::{METHODS, close, fixed, tight};

/// A ball in the air lands after 2 v / g with the speed −v.
#[test]
fn derivatives_of_a_landing() {
    let ball = system!(|_t, [h, v], [g]| [v, -g], [Event::falling(h).terminal()]);
    let (g, v) = (9.81, 3.0);
    for method in [Method::Rk4 { steps: 7 }, Method::default(), Method::Rodas5P(Adaptive::default())] {
        let tape = ScalarTape::new();
        let (p, y0) = ([tape.variable(g)], [tape.variable(0.0), tape.variable(v)]);
        let run = method.solve(&ball, p, y0, &[0.0, 0.5, 0.6, 10.0]).unwrap();
        let [landing] = &run.events[..] else { panic!("{:?}", run.events.len()) };
        close(landing.t.value(), 2.0 * v / g, 1e-12);
        assert_eq!(run.y.len(), 3);
        let grads = landing.t.backward();
        close(grads.wrt(p[0]), -2.0 * v / g / g, 1e-10);
        close(grads.wrt(y0[1]), 2.0 / g, 1e-10);
        close(grads.wrt(y0[0]), 1.0 / v, 1e-10);
        let grads = landing.y[1].backward();
        close(grads.wrt(p[0]), 0.0, 1e-10);
        close(grads.wrt(y0[1]), -1.0, 1e-10);
        close(landing.y[0].value(), 0.0, 1e-12);

        // Second derivatives by dual numbers.
        let tape = ScalarTape::new();
        let (g_of, v_of) = (tape.variable(g), tape.variable(v));
        let y0 = [Dual::constant(tape.constant(0.0)), Dual::variable(v_of)];
        let run = method.solve(&ball, [Dual::constant(g_of)], y0, &[0.0, 10.0]).unwrap();
        let grads = run.events[0].t.tangent.backward();
        close(grads.wrt(g_of), -2.0 / g / g, 1e-9);
        close(grads.wrt(v_of), 0.0, 1e-9);
    }
}

/// The time and the place of a nonlinear event against finite differences, to second order.
#[test]
fn finite_differences() {
    let pendulum = system!(
        |t, [x, v], [g, c]| [v, -(g * x.sin()) - c * v + t.sin() * 0.1],
        [Event::any(x * x + v - t * 0.2 - 0.1)]
    );
    for method in [Method::Rk4 { steps: 4 }, Method::DormandPrince(fixed(10.0)), Method::Rodas5P(fixed(10.0))] {
        check(
            |v| {
                let (p, y0) = ([v[0].at(0, 0), v[0].at(1, 0)], [v[0].at(2, 0), v[0].at(3, 0)]);
                let run = method.solve(&pendulum, p, y0, &[0.0, 0.8]).unwrap();
                let event = &run.events[0];
                event.t * event.t + event.y[0] * event.y[1] + event.t
            },
            &[Matrix::column(&[2.0, 0.3, 0.9, 0.1])],
        );
    }
}

/// cos(2 t) crosses 0 at π/4 + k π/2, falling first.
#[test]
fn directions() {
    let oscillator = system!(
        |_t, [x, v], [k]| [v, -(k * x)],
        [Event::any(x), Event::rising(x), Event::falling(x), Event::rising(v)]
    );
    let pi = std::f64::consts::PI;
    for method in METHODS {
        let run = method(tight(1e-10)).solve(&oscillator, [4.0], [1.0, 0.0], &[0.0, 4.0]).unwrap();
        let of = |event| run.events.iter().filter(|e| e.event == event).map(|e| e.t).collect::<Vec<_>>();
        for (event, exact) in [
            (0, vec![pi / 4.0, 3.0 * pi / 4.0, 5.0 * pi / 4.0]),
            (1, vec![3.0 * pi / 4.0]),
            (2, vec![pi / 4.0, 5.0 * pi / 4.0]),
            // v = −2 sin 2 t: the root at the start is no event.
            (3, vec![pi / 2.0]),
        ] {
            assert_eq!(of(event).len(), exact.len(), "{event}: {:?}", of(event));
            of(event).iter().zip(exact).for_each(|(&t, exact)| close(t, exact, 1e-8));
        }
        assert!(run.events.is_sorted_by(|a, b| a.t <= b.t));
        // Against time.
        let run = method(tight(1e-10)).solve(&oscillator, [4.0], [1.0, 0.0], &[0.0, -1.0]).unwrap();
        let found: Vec<_> = run.events.iter().map(|e| (e.event, e.t)).collect();
        assert_eq!(found.iter().map(|e| e.0).collect::<Vec<_>>(), [0, 2]);
        close(found[0].1, -pi / 4.0, 1e-8);
    }
}

/// Events do not change the solution, and what comes after a terminal one is not there.
#[test]
fn terminal_events() {
    let (plain, watched) = (
        system!(|_t, [x], [r]| [r * x]),
        system!(|_t, [x], [r]| [r * x], [Event::any(x - 2.0), Event::any(x - 3.0).terminal(), Event::any(x - 4.0)]),
    );
    let times: Vec<f64> = (0..=40).map(|k| f64::from(k) * 0.1).collect();
    for method in [Method::Rk4 { steps: 3 }, Method::default(), Method::Rodas5P(Adaptive::default())] {
        let (free, run) = (
            method.solve(&plain, [0.5], [1.0], &times).unwrap(),
            method.solve(&watched, [0.5], [1.0], &times).unwrap(),
        );
        assert_eq!(run.events.iter().map(|e| e.event).collect::<Vec<_>>(), [0, 1]);
        let end = 2.0 * 3f64.ln();
        close(run.events[1].t, end, 1e-5);
        assert_eq!(run.y.len(), times.iter().filter(|&&t| t <= end).count());
        assert_eq!(run.y[..], free.y[..run.y.len()]);
    }
}

/// A ball that is dropped at rest: its height is 0 and has the slope 0 where it begins, which is no event.
#[test]
fn a_start_at_a_root_with_slope_0() {
    let ball = system!(|_t, [h, v], [g]| [v, -g], [Event::falling(h).terminal()]);
    for method in [Method::Rk4 { steps: 8 }, Method::default(), Method::Rodas5P(Adaptive::default())] {
        let run = method.solve(&ball, [9.81], [0.0, 0.0], &[0.0, 1.0]).unwrap();
        assert!(run.events.is_empty() && run.y.len() == 2, "{method:?}");
    }
}

/// An event at a time that was asked for ends the run there, with the value. The times of Runge and Kutta's steps are exact.
#[test]
fn an_event_at_an_asked_time() {
    let clock = system!(|_t, [time, y], [a]| [a, y], [Event::rising(time - 1.0).terminal()]);
    let run = Method::Rk4 { steps: 8 }.solve(&clock, [1.0], [0.0, 1.0], &[0.0, 1.0, 2.0]).unwrap();
    assert_eq!((run.y.len(), run.events.len(), run.events[0].t), (2, 1, 1.0));
}
