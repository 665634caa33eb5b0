//! min over x of max over y of f(x, y) = x₀² + x₁² − y₀² − y₁²: a descent whose function contains an ascent, each by its gradient. Source: B.
//! Pearlmutter, J. Siskind, AD 2008 (see `descent.rs`); GradBench's eval `saddle`.
//!
//! The four functions name the modes of the outer and of the inner gradient; `particle.rs` says how they nest.

use autograd::{Dual, Matrix, Number, Tape, Var};
use serde::Deserialize;

use crate::descent::{arg_max, arg_min};
use crate::modes::{directions, forward, recorded, reverse};
use crate::protocol::{Module, function, read};

pub const MODULE: Module = Module {
    name: "saddle",
    functions: &["ff", "fr", "rf", "rr"],
    prepare: |name, input| {
        let Input { start } = read(input)?;
        if start.iter().any(|x| x.abs() > 1e6) {
            return Err(format!("start: numbers of at most 10⁶, and not {start:?}"));
        }
        Ok(match name {
            "ff" => function(move || saddle(start, forward_forward, inner_forward)),
            "fr" => function(move || saddle(start, forward_reverse, inner_reverse)),
            "rf" => function(move || saddle(start, reverse_forward, inner_forward)),
            _ => function(move || saddle(start, reverse_reverse, inner_reverse)),
        })
    },
};

#[derive(Deserialize)]
struct Input {
    start: [f64; 2],
}

type Pair<N> = [N; 2];

fn f<N: Number>(x: Pair<N>, y: Pair<N>) -> N {
    N::dot(&x, &x) - N::dot(&y, &y)
}

/// x and y of the saddle: x by descending along `outer`, and then y by climbing along `inner`.
fn saddle(
    start: Pair<f64>,
    outer: impl Fn(Pair<f64>, Pair<f64>) -> Pair<f64>,
    inner: impl Fn(Pair<f64>, Pair<f64>) -> Pair<f64> + Copy,
) -> [f64; 4] {
    let x = arg_min(|x| largest(x, start, inner), |x| outer(x, start), start);
    let y = arg_max(|y| f(x, y), |y| inner(x, y), start);
    [x[0], x[1], y[0], y[1]]
}

/// max over y of f(x, y), from a start, by a gradient with respect to y.
fn largest<N: Number>(x: Pair<N>, start: Pair<f64>, gradient: impl Fn(Pair<N>, Pair<N>) -> Pair<N>) -> N {
    let start = start.map(|s| x[0].zero() + s);
    f(x, arg_max(|y| f(x, y), |y| gradient(x, y), start))
}

/// The gradient of f with respect to y.
fn inner_forward<N: Number>(x: Pair<N>, y: Pair<N>) -> Pair<N> {
    forward(|y| f(x.map(Dual::constant), y), y)
}

fn inner_reverse(x: Pair<f64>, y: Pair<f64>) -> Pair<f64> {
    reverse(|y| f(x.map(|x| y[0].tape().constant(x)), y), y)
}

fn inner_recorded<'t>(x: Pair<Var<'t, f64>>, y: Pair<Var<'t, f64>>) -> Pair<Var<'t, f64>> {
    recorded(|y| f(x, y), y)
}

fn forward_forward(x: Pair<f64>, start: Pair<f64>) -> Pair<f64> {
    directions(x).map(|x| largest(x, start, inner_forward).tangent)
}

fn reverse_forward(x: Pair<f64>, start: Pair<f64>) -> Pair<f64> {
    reverse(|x| largest(x, start, inner_forward), x)
}

fn forward_reverse(x: Pair<f64>, start: Pair<f64>) -> Pair<f64> {
    let (tape, one) = (Tape::new(), Matrix::full(1, 1, 1.0));
    let x = x.map(|x| tape.variable(x));
    let y = largest(x, start, inner_recorded);
    x.map(|x| tape.tangents(&[(x, one.view())]).of(y)[(0, 0)])
}

fn reverse_reverse(x: Pair<f64>, start: Pair<f64>) -> Pair<f64> {
    let tape = Tape::new();
    let x = x.map(|x| tape.variable(x));
    let grads = largest(x, start, inner_recorded).backward();
    x.map(|x| grads.wrt(x)[(0, 0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// max over y of f is ‖x‖², apart from what the ascent leaves. All ascents end at the same point.
    #[test]
    fn four_nestings() {
        for slope in [forward_forward, forward_reverse, reverse_forward, reverse_reverse] {
            let [a, b] = slope([0.5, -0.3], [1.0, 1.0]);
            assert!((a - 1.0).abs() + (b + 0.6).abs() < 1e-9, "{a} {b}");
        }
        let tape = Tape::new();
        let x = [0.5, -0.3].map(|x| tape.variable(x));
        let value = largest([0.5, -0.3], [1.0, 1.0], inner_forward);
        assert!(value < 0.34 && value > 0.34 - 1e-8);
        assert_eq!(largest(x, [1.0, 1.0], inner_recorded).item(), value);
        let tape = Tape::new();
        let [x, y] = [[0.1, 0.2], [0.3, -0.4]].map(|x| x.map(|x| tape.constant(x)));
        assert_eq!(inner_recorded(x, y).map(|slope| slope.item()), [-0.6, 0.8]);
        assert_eq!(inner_reverse([0.1, 0.2], [0.3, -0.4]), [-0.6, 0.8]);
        assert_eq!(inner_forward([0.1, 0.2], [0.3, -0.4]), [-0.6, 0.8]);
    }

    /// A bilinear function, whose inner maximum does depend on x: the slope goes through the ascent.
    #[test]
    fn through_the_ascent() {
        let g = |x: Dual<f64>, y: Dual<f64>| x * y - y.square() * 0.5; // largest at y = x, where it is x² / 2
        let best = |x: Dual<f64>| arg_max(|[y]| g(x, y), |[y]| [x - y], [Dual::constant(0.0)])[0];
        let y = best(Dual::variable(2.0));
        assert!((y.value - 2.0).abs() < 1e-4 && (y.tangent - 1.0).abs() < 1e-4);
    }

    #[test]
    fn the_answer() {
        for name in MODULE.functions {
            let f = (MODULE.prepare)(name, r#"{"start": [1.0, 1.0]}"#).unwrap();
            let point: [f64; 4] = serde_json::from_value(f().to_json().unwrap()).unwrap();
            assert!(point.iter().all(|x| x.abs() < 1e-4), "{name}: {point:?}");
        }
        assert!((MODULE.prepare)("ff", r#"{"start": [1.0]}"#).err().unwrap().contains("the input"));
        assert!((MODULE.prepare)("ff", r#"{"start": [1e300, 1.0]}"#).err().unwrap().contains("at most 10⁶"));
    }
}
