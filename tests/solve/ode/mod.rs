//! Differential equations.

mod events;
mod gradients;
mod matrices;
mod methods;
mod reference;
mod wrong_input;

use solve::ode::{Adaptive, Method, System, system};

/// Lotka and Volterra's.
fn predator_prey() -> impl System<2, 4> {
    system!(|_t, [x, y], [a, b, c, d]| [a * x - b * x * y, d * x * y - c * y])
}

/// A pendulum with friction that is driven.
fn driven() -> impl System<2, 4> {
    system!(|t, [x, v], [g, friction, force, w]| [v, force * (w * t).cos() - g * x.sin() - friction * v])
}

fn kepler() -> impl System<4, 1> {
    system!(|_t, [x, y, u, v], [m]| {
        let r3 = (x * x + y * y) * (x * x + y * y).sqrt();
        [u, v, -(m * x) / r3, -(m * y) / r3]
    })
}

/// A reaction with constants of very different size (Robertson 1966).
fn robertson() -> impl System<3, 3> {
    system!(|_t, [a, b, c], [slow, fast, join]| {
        let (first, second, third) = (slow * a, fast * b * b, join * b * c);
        [third - first, first - third - second, second]
    })
}

fn van_der_pol() -> impl System<2, 1> {
    system!(|_t, [x, v], [mu]| [v, mu * (-x * x + 1.0) * v - x])
}

/// u = tan s and v = cos² s with s = sin t + 0.3: f depends on t, and both equations are nonlinear.
fn tangent() -> impl System<2, 0> {
    system!(|t, [u, v], []| [(u * u + 1.0) * t.cos(), -(u * v * t.cos()) * 2.0])
}

fn exact_tangent(t: f64) -> [f64; 2] {
    let s = t.sin() + 0.3;
    [s.tan(), s.cos().powi(2)]
}

const METHODS: [fn(Adaptive) -> Method; 2] = [Method::DormandPrince, Method::Rodas5P];

/// Steps of this length, whatever the error, the last of which is cut off.
fn fixed(length: f64) -> Adaptive {
    Adaptive { atol: 1e300, first_step: Some(length), ..Adaptive::default() }
}

fn tight(rtol: f64) -> Adaptive {
    Adaptive { rtol, atol: 1e-2 * rtol, ..Adaptive::default() }
}

#[track_caller]
fn close(found: f64, exact: f64, allowed: f64) {
    assert!((found - exact).abs() <= allowed, "{found:e}, not {exact:e} ± {allowed:e}");
}
