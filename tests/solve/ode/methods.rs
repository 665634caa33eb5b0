//! Orders, stability, conserved quantities and directions.

use solve::ode::{Adaptive, Method, System, system};

use super::{METHODS, close, driven, exact_tangent, fixed, kepler, robertson, tangent, tight};

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).abs().max((a[1] - b[1]).abs())
}

/// The error of one step falls with the sixth power of its length, and that of the interpolation with the fifth.
#[test]
fn orders_of_one_step() {
    for method in METHODS {
        let errors = |h: f64| {
            let times = [0.4, 0.4 + 0.35 * h, 0.4 + h];
            let run = method(fixed(10.0)).solve(&tangent(), [], exact_tangent(0.4), &times).unwrap();
            assert_eq!(run.steps, 1);
            [1, 2].map(|k| distance(run.y[k], exact_tangent(times[k])))
        };
        for h in [0.08, -0.08] {
            let (long, short) = (errors(h), errors(h / 2.0));
            let orders = [0, 1].map(|k| (long[k] / short[k]).log2());
            assert!(orders[0] > 4.6 && orders[1] > 5.6, "{:?}: {orders:?} {long:?}", method(fixed(1.0)));
            assert!(orders[0] < 6.5 && orders[1] < 7.5, "{:?}: {orders:?} {long:?}", method(fixed(1.0)));
        }
    }
}

#[test]
fn order_of_fixed_steps() {
    let error = |steps| {
        let run = Method::Rk4 { steps }.solve(&tangent(), [], exact_tangent(0.0), &[0.0, 0.5, 1.0]).unwrap();
        assert_eq!(run.steps, 2 * steps);
        distance(run.y[2], exact_tangent(1.0))
    };
    let order = (error(20) / error(40)).log2();
    assert!((order - 4.0).abs() < 0.15, "{order}");
}

/// Every elementary differential up to order 5 appears in polynomials, which are integrated exactly: t⁴ by the quadrature of order 5.
#[test]
fn quadrature() {
    let powers = system!(|t, [_a, _b], []| [t.powi(3) * 4.0, t.powi(4) * 5.0]);
    for method in METHODS {
        let run = method(fixed(10.0)).solve(&powers, [], [0.0, 0.0], &[0.0, 1.5]).unwrap();
        assert_eq!(run.steps, 1);
        close(run.y[1][0], 1.5f64.powi(4), 1e-12);
        close(run.y[1][1], 1.5f64.powi(5), 1e-12);
    }
    let run = Method::Rk4 { steps: 1 }.solve(&powers, [], [0.0, 0.0], &[0.0, 1.5]).unwrap();
    close(run.y[1][0], 1.5f64.powi(4), 1e-14);
}

/// |R(iω)| ≤ 1, R(−∞) = 0, and the explicit methods' polynomials.
#[test]
fn stability() {
    let rotation = system!(|_t, [x, v], [w]| [-(w * v), w * x]);
    let stiff = Method::Rodas5P(fixed(10.0));
    for w in [0.1, 1.0, 3.0, 10.0, 100.0, 1e4, 1e8] {
        let [x, v] = stiff.solve(&rotation, [w], [1.0, 0.0], &[0.0, 1.0]).unwrap().y[1];
        assert!(x.hypot(v) <= 1.0 + 1e-12, "{w}: {}", x.hypot(v));
    }
    let decay = system!(|_t, [x], [rate]| [-(rate * x)]);
    let one = |method: Method, rate| method.solve(&decay, [rate], [1.0], &[0.0, 1.0]).unwrap().y[1][0];
    close(one(stiff, 1e4), 0.0, 1e-2);
    close(one(stiff, 1e12), 0.0, 1e-8);
    let z: f64 = -1.5;
    let taylor = 1.0 + z + z * z / 2.0 + z.powi(3) / 6.0 + z.powi(4) / 24.0;
    close(one(Method::Rk4 { steps: 1 }, -z), taylor, 1e-15);
    close(one(Method::DormandPrince(fixed(10.0)), -z), taylor + z.powi(5) / 120.0 + z.powi(6) / 600.0, 1e-14);
}

/// Prothero and Robinson's equation: the solution is smooth, and everything near it is drawn to it at the rate 10⁶.
#[test]
fn stiff_and_smooth() {
    let equation = system!(|t, [y], [rate]| [-(rate * (y - t.cos())) - t.sin()]);
    let run = Method::Rodas5P(tight(1e-7)).solve(&equation, [1e6], [1.0], &[0.0, 3.0]).unwrap();
    close(run.y[1][0], 3f64.cos(), 1e-6);
    assert!(run.steps < 200, "{}", run.steps);
}

#[test]
fn conserved_quantities() {
    let start = [1.0, 0.0, 0.0, 1.2];
    let energy = |[x, y, u, v]: [f64; 4]| (u * u + v * v) / 2.0 - 1.0 / x.hypot(y);
    let momentum = |[x, y, u, v]: [f64; 4]| x * v - y * u;
    for method in METHODS {
        let run = method(tight(1e-10)).solve(&kepler(), [1.0], start, &[0.0, 30.0]).unwrap();
        close(energy(run.y[1]), energy(start), 1e-7);
        close(momentum(run.y[1]), momentum(start), 1e-7);
    }
    // A linear invariant is conserved to rounding.
    let run = Method::Rodas5P(tight(1e-4)).solve(&robertson(), [0.04, 3e7, 1e4], [1.0, 0.0, 0.0], &[0.0, 1e5]).unwrap();
    close(run.y[1].iter().sum(), 1.0, 1e-13);
}

/// Against time, the steps are those of −f(−t, y) along time.
#[test]
fn backward_in_time() {
    let mirrored = system!(|t, [x, v], [g, c, a, w]| [-v, -(a * (-(w * t)).cos() - g * x.sin() - c * v)]);
    let (p, y0) = ([2.0, 0.3, 0.7, 1.3], [0.4, -0.2]);
    for method in [Method::Rk4 { steps: 100 }, Method::default(), Method::Rodas5P(Adaptive::default())] {
        let back = method.solve(&driven(), p, y0, &[3.0, 1.0, -2.0]).unwrap();
        let along = method.solve(&mirrored, p, y0, &[-3.0, -1.0, 2.0]).unwrap();
        assert_eq!(back.steps, along.steps);
        for (a, b) in back.y.as_flattened().iter().zip(along.y.as_flattened()) {
            close(*a, *b, 1e-12);
        }
        // There and back again.
        let forth = method.solve(&driven(), p, back.y[2], &[-2.0, 3.0]).unwrap();
        close(forth.y[1][0], y0[0], 1e-4);
        close(forth.y[1][1], y0[1], 1e-4);
    }
}

/// Times in the middle are interpolated and change neither steps nor the other values.
#[test]
fn asked_times() {
    for method in METHODS {
        let solve = |times: &[f64]| method(tight(1e-8)).solve(&tangent(), [], exact_tangent(0.0), times).unwrap();
        let many: Vec<f64> = (0..=50).map(|k| f64::from(k) * 0.02).collect();
        assert_eq!(solve(&many).y[50], solve(&[0.0, 1.0]).y[1]);
        for (y, &t) in solve(&many).y.iter().zip(&many) {
            assert!(distance(*y, exact_tangent(t)) < 1e-6);
        }
    }
}

#[test]
fn intervals_of_length_zero() {
    fn first<S: System<2, 0>>(method: Method, system: &S, times: &[f64]) -> Vec<[f64; 2]> {
        method.solve(system, [], [0.3, 0.5], times).unwrap().y
    }
    for method in [Method::Rk4 { steps: 3 }, Method::default(), Method::Rodas5P(Adaptive::default())] {
        assert_eq!(first(method, &tangent(), &[2.0]), [[0.3, 0.5]]);
        assert_eq!(first(method, &tangent(), &[2.0, 2.0, 2.0]), [[0.3, 0.5]; 3]);
        let twice = first(method, &tangent(), &[0.0, 0.0, 0.5, 0.5]);
        assert_eq!((twice[0], twice[2]), (twice[1], twice[3]));
        assert_eq!(twice[2], first(method, &tangent(), &[0.0, 0.5])[1]);
    }
}
