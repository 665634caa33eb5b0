//! Third derivatives at points where values, slopes and derivatives are exactly 0, in every mode.

use autograd::{Dual, Number, Tape, grad, jvp};

fn function<N: Number>(k: usize, [a, b, c]: [N; 3]) -> Option<N> {
    Some(match k {
        0 => (a.exp() - 1.0).square() * 0.5 + b * c,
        1 => (b + a * c).square() * 0.5,
        2 => (a * b).exp() * c,
        3 => a * b * c,
        4 => a.sin() * b.powi(3) + c.powi(3),
        5 => (a * c).tanh().square() + b.softplus() * a,
        6 => a.hypot(b + 2.0) * c.square(),
        7 => (a * b + c).sigmoid() * a.square(),
        8 => (a - b).squared_error(c * a) * b,
        9 => a.weigh(b) * c + (b * c).weigh(a),
        10 => a.weigh_both(b + c) * c.exp(),
        _ => return None,
    })
}

type Twice = Dual<Dual<f64>>;
type Thrice = Dual<Twice>;

/// The derivative along unit vectors i and j, by nested dual numbers.
fn second(k: usize, p: [f64; 3], [i, j]: [usize; 2]) -> f64 {
    let x: [Twice; 3] = std::array::from_fn(|n| Dual {
        value: Dual { value: p[n], tangent: f64::from(n == i) },
        tangent: Dual { value: f64::from(n == j), tangent: 0.0 },
    });
    function(k, x).expect("it is in the list").tangent.tangent
}

fn by_duals(k: usize, p: [f64; 3], [i, j, l]: [usize; 3]) -> f64 {
    let x: [Thrice; 3] = std::array::from_fn(|n| Dual {
        value: Dual {
            value: Dual { value: p[n], tangent: f64::from(n == i) },
            tangent: Dual { value: f64::from(n == j), tangent: 0.0 },
        },
        tangent: Dual {
            value: Dual { value: f64::from(n == l), tangent: 0.0 },
            tangent: Dual { value: 0.0, tangent: 0.0 },
        },
    });
    function(k, x).expect("it is in the list").tangent.tangent.tangent
}

/// By reverse mode where `reverse` is set, and else by forward mode, three times.
fn on_tape(k: usize, p: [f64; 3], along: [usize; 3], reverse: [bool; 3]) -> f64 {
    let tape = Tape::new();
    let x = p.map(|p| tape.variable(p));
    let one = tape.constant(1.0);
    let mut y = function(k, x).expect("it is in the list");
    for (n, reverse) in along.into_iter().zip(reverse) {
        y = if reverse { grad(y, &[x[n]])[0] } else { jvp(y, &[(x[n], one)]) };
    }
    y.item()
}

#[test]
fn third_derivatives_where_something_is_0() {
    const STEP: f64 = 1e-4;
    let values = [0.0, 1.0, -0.5];
    for k in (0..).take_while(|k| function(*k, [1.0; 3]).is_some()) {
        for point in 0..27 {
            let p = [1, 3, 9].map(|unit| values[point / unit % 3]);
            for direction in 0..27 {
                let along = [1, 3, 9].map(|unit| direction / unit % 3);
                let [i, j, l] = along;
                let at = |step: f64| second(k, std::array::from_fn(|n| p[n] + if n == l { step } else { 0.0 }), [i, j]);
                let expected = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                let near = |found: f64, how: &str| {
                    let close = (found - expected).abs() < 1e-5 * expected.abs().max(1.0);
                    assert!(
                        close,
                        "function {k} at {p:?} along {along:?}, {how}: {found}, and differences give {expected}"
                    );
                };
                // Products that leave out zeros are not smooth where a factor is one.
                if k < 9 || p.iter().all(|p| *p != 0.0) {
                    near(by_duals(k, p, along), "dual numbers");
                    for modes in 0..8 {
                        let reverse = [1, 2, 4].map(|bit| modes & bit != 0);
                        near(on_tape(k, p, along, reverse), &format!("reverse mode {reverse:?}"));
                    }
                }
            }
        }
    }
}
