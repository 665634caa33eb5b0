//! A charged particle flies past two fixed charges, one of them at a height of 10 − w. Which w makes it pass through the origin? The force is
//! the gradient of a potential and w is found by gradient descent, so the derivative of a path contains derivatives. Source: B. Pearlmutter,
//! J. Siskind, AD 2008 (see `descent.rs`); GradBench's eval `particle`.
//!
//! The four functions name the modes of the two derivatives, that by w first: forward or reverse. An inner derivative in forward mode is of
//! dual numbers of whatever the outer one needs. An inner derivative in reverse mode is recorded on the tape, which is then swept
//! in either direction.

use autograd::{Dual, Matrix, Number, ScalarTape, Tape, Var};
use serde::Deserialize;

use crate::descent::arg_min;
use crate::modes::{forward, recorded};
use crate::protocol::{Module, function, read};

pub const MODULE: Module = Module {
    name: "particle",
    functions: &["ff", "fr", "rf", "rr"],
    prepare: |name, input| {
        let Input { w } = read(input)?;
        if !missed(w, force_forward).is_finite() {
            return Err(format!("with w = {w:?} the particle does not come down"));
        }
        let slope = match name {
            "ff" => forward_forward,
            "fr" => forward_reverse,
            "rf" => reverse_forward,
            _ => reverse_reverse,
        };
        Ok(function(move || arg_min(|[w]| missed(w, force_forward), |[w]| [slope(w)], [w])[0]))
    },
};

#[derive(Deserialize)]
struct Input {
    w: f64,
}

/// The time of a step.
const STEP: f64 = 0.1;
/// A particle that takes longer does not come down.
const STEPS: usize = 1000;

/// The square of the distance from the origin at which the particle crosses the axis; NaN if it does not.
fn missed<N: Number>(w: N, force: impl Fn(N, [N; 2]) -> [N; 2]) -> N {
    let start = |x: f64| w.zero() + x;
    let (mut x, mut speed) = ([start(0.0), start(8.0)], [start(0.75), start(0.0)]);
    let moved = |x: [N; 2], v: [N; 2], time: N| [x[0] + v[0] * time, x[1] + v[1] * time];
    for _ in 0..STEPS {
        let force = force(w, x);
        x = moved(x, speed, start(STEP));
        if x[1] <= 0.0 {
            return moved(x, speed, -x[1] / speed[1])[0].square();
        }
        speed = moved(speed, force, start(STEP));
    }
    start(f64::NAN)
}

/// 1 / ‖x − (10, 10 − w)‖ + 1 / ‖x − (10, 0)‖.
fn potential<N: Number>(w: N, [x, y]: [N; 2]) -> N {
    let inverse = |y: N| ((x - 10.0).square() + y.square()).sqrt().recip();
    inverse(y - 10.0 + w) + inverse(y)
}

/// −∇ₓ of the potential.
fn force_forward<N: Number>(w: N, x: [N; 2]) -> [N; 2] {
    forward(|x| potential(Dual::constant(w), x), x).map(|slope| -slope)
}

fn force_recorded<'t>(w: Var<'t, f64>, x: [Var<'t, f64>; 2]) -> [Var<'t, f64>; 2] {
    recorded(|x| potential(w, x), x).map(|slope| -slope)
}

fn forward_forward(w: f64) -> f64 {
    missed(Dual::variable(w), force_forward).tangent
}

fn reverse_forward(w: f64) -> f64 {
    let tape = ScalarTape::new();
    let w = tape.variable(w);
    missed(w, force_forward).backward().wrt(w)
}

fn forward_reverse(w: f64) -> f64 {
    let tape = Tape::new();
    let w = tape.variable(w);
    let y = missed(w, force_recorded);
    tape.tangents(&[(w, Matrix::full(1, 1, 1.0).view())]).of(y)[(0, 0)]
}

fn reverse_reverse(w: f64) -> f64 {
    let tape = Tape::new();
    let w = tape.variable(w);
    missed(w, force_recorded).backward().wrt(w)[(0, 0)]
}

#[cfg(test)]
mod tests {
    use autograd::check;

    use super::*;

    /// The potential falls as 1 / r, so the force is Coulomb's.
    #[test]
    fn the_force() {
        let [fx, fy] = force_forward(0.0, [7.0, 6.0]);
        let of_charge = |dx: f64, dy: f64| [dx, dy].map(|d| d / (dx * dx + dy * dy).powf(1.5));
        let (above, below) = (of_charge(-3.0, -4.0), of_charge(-3.0, 6.0));
        assert!((fx - above[0] - below[0]).abs() + (fy - above[1] - below[1]).abs() < 1e-16);
    }

    #[test]
    fn four_nestings() {
        let w = 0.1;
        let h = 1e-5;
        let difference = (missed(w + h, force_forward) - missed(w - h, force_forward)) / (2.0 * h);
        for slope in [forward_forward, forward_reverse, reverse_forward, reverse_reverse] {
            assert!((slope(w) - difference).abs() < 1e-7 * difference.abs(), "{} {difference}", slope(w));
        }
        check(|x| potential(x[0], [x[1], x[2]]), &[w, 7.0, 6.0].map(|x| Matrix::full(1, 1, x)));
    }

    /// The particle passes near the origin. The descent ends at a step of 10⁻⁵, and the function is some 90 (w − 0.2072)² there.
    #[test]
    fn the_answer() {
        for name in MODULE.functions {
            let f = (MODULE.prepare)(name, r#"{"w": 0.0}"#).unwrap();
            let w = f().to_json().unwrap().as_f64().unwrap();
            assert!((w - 0.20719).abs() < 1e-4 && missed(w, force_forward) < 1e-6, "{name}: {w}");
        }
        // The upper charge is so low that it drives the particle up.
        assert!((MODULE.prepare)("ff", r#"{"w": 9.0}"#).err().unwrap().contains("does not come down"));
        assert!((MODULE.prepare)("ff", r#"{"w": "x"}"#).err().unwrap().contains("the input"));
    }
}
