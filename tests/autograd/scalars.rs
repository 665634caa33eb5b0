//! The scalar tape, compared with the matrix tape, dual numbers and plain numbers.

use autograd::{Arithmetic, Binary, Dual, Matrix, Number, Scalar, ScalarTape, Tape, Unary};
use proptest::prelude::*;

/// Numbers in the open interval; an infinite end is replaced by a large number.
fn within((low, high): (f64, f64)) -> Vec<f64> {
    let (low, high) = (low.max(-3.0), high.min(3.0));
    [0.01, 0.2, 0.37, 0.5, 0.61, 0.83, 0.99].map(|u| low + u * (high - low)).to_vec()
}

/// The same number to the bit, except that the scalar tape adds to 0, which turns −0 into 0.
#[track_caller]
fn same<T: autograd::Real>(a: T, b: T, what: &str) {
    assert!(a == b || [a, b].iter().all(|x| x.partial_cmp(x).is_none()), "{what}: {a} {b}");
}

/// Value and slope of a function of the table on both tapes.
#[track_caller]
fn same_unary<T: autograd::Real>(f: Unary, x: T) {
    let (scalars, matrices) = (ScalarTape::new(), Tape::new());
    let (a, b) = (scalars.variable(x), matrices.variable(Matrix::full(1, 1, x)));
    let (y, z) = (a.unary(f), b.unary(f));
    same(y.value(), z.item(), &format!("{f:?} of {x}"));
    same(y.backward().wrt(a), z.backward().wrt(b)[(0, 0)], &format!("slope of {f:?} at {x}"));
}

#[test]
fn every_function_of_one_number() {
    for f in Unary::all() {
        for x in within(f.domain()).into_iter().chain(f.kinks()) {
            same_unary(f, x);
            same_unary(f, x as f32);
        }
    }
}

#[test]
fn every_function_of_two_numbers() {
    for &f in Binary::ALL {
        let [first, second] = f.domain();
        // Equal numbers are the ties of maximum and minimum.
        for (a, b) in within(first).into_iter().flat_map(|a| within(second).into_iter().map(move |b| (a, b))) {
            let (scalars, matrices) = (ScalarTape::new(), Tape::new());
            let (x, y) = (scalars.variable(a), scalars.variable(b));
            let (v, w) = (matrices.variable(a), matrices.variable(b));
            let (found, expected) = (x.binary(f, y), v.binary(f, w));
            same(found.value(), expected.item(), &format!("{f:?}({a}, {b})"));
            let (slopes, rules) = (found.backward(), expected.backward());
            same(slopes.wrt(x), rules.wrt(v)[(0, 0)], &format!("slope of {f:?}({a}, {b}) by the first"));
            same(slopes.wrt(y), rules.wrt(w)[(0, 0)], &format!("slope of {f:?}({a}, {b}) by the second"));
        }
    }
}

/// Dual numbers have the values and slopes of the scalar tape, to the bit, also of the largest and the smallest numbers.
#[test]
fn dual_numbers_at_the_edges() {
    let edges = [0.0, 5e-324, 1e-310, 1e-20, 0.5, 1.0, 3.0, 19.0, 750.0, 1e20, 1e300, f64::INFINITY, f64::NAN];
    let edges: Vec<f64> = edges.into_iter().flat_map(|x| [x, -x]).collect();
    for (f, x) in Unary::all().into_iter().flat_map(|f| edges.iter().map(move |&x| (f, x))) {
        let tape = ScalarTape::new();
        let a = tape.variable(x);
        let (y, dual) = (a.unary(f), f.apply(Dual::variable(x)));
        same(dual.value, y.value(), &format!("{f:?} of {x:e}"));
        same(dual.tangent, y.backward().wrt(a), &format!("slope of {f:?} at {x:e}"));
    }
    for &f in Binary::ALL {
        for (a, b) in edges.iter().flat_map(|&a| edges.iter().map(move |&b| (a, b))) {
            let tape = ScalarTape::new();
            let (x, y) = (tape.variable(a), tape.variable(b));
            let z = f.apply(x, y);
            let (slopes, by) = (z.backward(), [(1.0, 0.0), (0.0, 1.0)]);
            for ((da, db), of) in by.into_iter().zip([x, y]) {
                let dual = f.apply(Dual { value: a, tangent: da }, Dual { value: b, tangent: db });
                same(dual.value, z.value(), &format!("{f:?}({a:e}, {b:e})"));
                same(dual.tangent, slopes.wrt(of), &format!("slope of {f:?}({a:e}, {b:e}) along {da}, {db}"));
            }
        }
    }
}

/// A program that bytes encode: each four choose an operation, its operands and a plain number.
fn program<N: Number>(steps: &[[u8; 4]], x: &[N]) -> N {
    let mut all = x.to_vec();
    for &[op, i, j, c] in steps {
        let at = |k: u8| all[all.len() - 1 - usize::from(k) % all.len().min(8)];
        let (a, b, c) = (at(i), at(j), f64::from(c) / 64.0 - 2.0);
        let bounded = a.tanh();
        all.push(match op % 20 {
            0 => a + b,
            1 => a - b,
            2 => bounded * b,
            3 => a / (b.square() + 1.0),
            4 => a + c,
            5 => a - c,
            6 => a * c,
            7 => a / (c + 2.5),
            8 => -a,
            9 => a.sin(),
            10 => a.sigmoid(),
            11 => bounded.exp(),
            12 => bounded.square(),
            13 => (bounded + 2.0).ln(),
            14 => a.max(b),
            15 => a.relu(),
            16 => N::sum(&[a, bounded, b]),
            17 => N::dot(&[bounded, b, a], &[bounded, bounded, b.cos()]),
            18 if a > b => a - b,
            18 => b.zero() + c,
            _ => bounded.powi(3) * b.cos(),
        });
    }
    // Large values are scaled back, because otherwise one number would hide all others.
    let bounded: Vec<N> = all.iter().map(|x| x.tanh()).collect();
    N::dot(&bounded, &bounded) + N::sum(&bounded)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The value of plain numbers to the bit, the gradient of the matrix tape and of dual numbers up to rounding.
    #[test]
    fn programs_drawn_at_random(steps in prop::collection::vec(any::<[u8; 4]>(), 0..120), x in prop::array::uniform4(-2.0..2.0f64)) {
        let (scalars, matrices) = (ScalarTape::new(), Tape::new());
        let vars = scalars.variables(&x);
        let y = program(&steps, &vars);
        prop_assert_eq!(y.value().to_bits(), program(&steps, &x).to_bits());
        let entries = x.map(|x| matrices.variable(x));
        let rules = program(&steps, &entries).backward();
        let expected: Vec<f64> = entries.iter().map(|&x| rules.wrt(x)[(0, 0)]).collect();
        let size = expected.iter().fold(1.0f64, |max, g| max.max(g.abs()));
        for (k, &slope) in y.backward().as_slice().iter().enumerate() {
            prop_assert!((slope - expected[k]).abs() <= 1e-11 * size, "{slope} {}", expected[k]);
            let moving: Vec<_> = (0..4).map(|i| if i == k { Dual::variable(x[i]) } else { Dual::constant(x[i]) }).collect();
            let forward = program(&steps, &moving).tangent;
            prop_assert!((slope - forward).abs() <= 1e-11 * size, "{slope} {forward}");
        }
    }

    /// Second derivatives: dual numbers of scalars in reverse, and dual numbers of dual numbers.
    #[test]
    fn twice(steps in prop::collection::vec(any::<[u8; 4]>(), 0..40), x in prop::array::uniform4(-2.0..2.0f64)) {
        let tape = ScalarTape::new();
        let vars = tape.variables(&x);
        let moving: Vec<_> = vars.iter().enumerate().map(|(i, &x)| if i == 1 { Dual::variable(x) } else { Dual::constant(x) }).collect();
        let slope = program(&steps, &moving).tangent;
        let column = if slope.needs_gradient() { slope.backward().as_slice().to_vec() } else { vec![0.0; 4] };
        let size = column.iter().fold(1.0f64, |max, g| max.max(g.abs()));
        for (k, found) in column.into_iter().enumerate() {
            let twice: Vec<_> = (0..4).map(|i| Dual {
                value: if i == 1 { Dual::variable(x[i]) } else { Dual::constant(x[i]) },
                tangent: Dual::constant(f64::from(u8::from(i == k))),
            }).collect();
            let expected = program(&steps, &twice).tangent.tangent;
            prop_assert!((found - expected).abs() <= 1e-10 * size, "{found} {expected}");
        }
    }
}

#[test]
fn plain_numbers_on_either_side() {
    let tape = ScalarTape::new();
    let x = tape.variable(4.0);
    let all = [(x + 3.0, 1.0), (3.0 + x, 1.0), (x - 3.0, 1.0), (3.0 - x, -1.0), (x * 3.0, 3.0), (3.0 * x, 3.0)];
    for (k, (y, slope)) in all.into_iter().chain([(x / 8.0, 0.125), (8.0 / x, -0.5), (-x, -1.0)]).enumerate() {
        assert_eq!(y.backward().wrt(x), slope, "{k}");
    }
    assert_eq!((8.0 / x).value(), 2.0);
    // Nothing is recorded up to three connections; a number met twice is one.
    let (y, z) = (tape.variable(0.5), tape.variable(0.25));
    let (a, b) = ((x * y + z).sigmoid() * 3.0, x * x / x + y * x);
    assert_eq!((tape.len(), tape.connections()), (3, 0));
    let c = a * z.exp();
    assert_eq!((tape.len(), tape.connections()), (4, 4));
    let grads = tape.backward(&[(b, 1.0), (c, 0.0)]);
    assert_eq!(grads.as_slice(), [1.5, 4.0, 0.0]);
}

/// A sum with more connections than a record or a block holds.
#[test]
fn sums_of_any_length() {
    let mut tape = ScalarTape::new();
    for n in [1, 2, 253, 254, 255, 256, 509, 1000, 100_000, 70] {
        let x = tape.variables(&(0..n).map(|k| f64::from(k % 7)).collect::<Vec<_>>());
        let pairs: Vec<_> = x.windows(2).map(|x| x[0] * x[1]).collect();
        let y = Scalar::sum(&x) + Scalar::dot(&x, &x) + pairs.first().map_or(x[0].zero(), |_| Scalar::sum(&pairs));
        let grads = y.backward();
        for (k, &g) in grads.as_slice().iter().enumerate() {
            let value = |k: usize| x.get(k).map_or(0.0, |x| x.value());
            let beside = value(k + 1) + if k > 0 { value(k - 1) } else { 0.0 };
            assert_eq!(g, 1.0 + 2.0 * value(k) + beside, "{k} of {n}");
        }
        tape.clear();
    }
}

/// Variables may be recorded at any time, and far from their uses; an intermediate result may be far away, too.
#[test]
fn long_programs() {
    let tape = ScalarTape::new();
    let first = tape.variable(0.9f64);
    let mut y = first;
    let mut late = Vec::new();
    for k in 0..60_000 {
        if k % 20_000 == 0 {
            late.push(tape.variable(0.5));
        }
        y = y * 0.5 + (first * y + late[k % late.len()]) * 0.25;
    }
    let grads = (y + first).backward();
    // The fixed point y = y/2 + (x y + z)/4 with z = ½ for all of it: y = z / (2 − x).
    assert!((y.value() - 0.5 / 1.1).abs() < 1e-15);
    assert!((grads.wrt(first) - (1.0 + 0.5 / 1.21)).abs() < 1e-12);
    let of_late: f64 = late.iter().map(|&x| grads.wrt(x)).sum();
    assert!((of_late - 1.0 / 1.1).abs() < 1e-12);
    // A second sweep gives the same result: the first one left nothing behind.
    assert_eq!((y + first).backward().as_slice(), grads.as_slice());
}

#[test]
fn several_outputs() {
    let tape = ScalarTape::new();
    let (x, y) = (tape.variable(2.0), tape.variable(3.0));
    let outputs = [(x * y, 1.0), (x * y * y, 10.0), (tape.constant(5.0), 1.0), (y, 0.5)];
    let grads = tape.backward(&outputs);
    assert_eq!((grads.wrt(x), grads.wrt(y)), (3.0 + 90.0, 2.0 + 120.0 + 0.5));
    assert_eq!(grads.get(x * 2.0), None);
}

#[test]
fn nan_stays_where_it_is() {
    let tape = ScalarTape::new();
    let (x, y) = (tape.variable(f64::NAN), tape.variable(2.0));
    let grads = (x.keep(y) + y * y).backward();
    assert!(grads.wrt(x) == 0.0 && grads.wrt(y).is_finite());
}

#[test]
#[should_panic(expected = "mul: the numbers are of different tapes")]
fn of_two_tapes() {
    let (a, b) = (ScalarTape::new(), ScalarTape::new());
    let _ = a.variable(1.0) * b.variable(2.0);
}

#[test]
#[should_panic(expected = "no gradient: the number is not a variable, but computed or constant")]
fn of_a_computed_number() {
    let tape = ScalarTape::new();
    let x = tape.variable(1.0);
    x.square().backward().wrt(x + 1.0);
}

#[test]
#[should_panic(expected = "no gradient: the variable was recorded after the gradient was computed")]
fn of_a_later_variable() {
    let tape = ScalarTape::new();
    let grads = tape.variable(1.0).exp().backward();
    grads.wrt(tape.variable(2.0));
}

#[test]
#[should_panic(expected = "no gradient: the number is of another tape, or of one that was cleared")]
fn of_a_cleared_tape() {
    let mut tape = ScalarTape::new();
    let grads = tape.variable(1.0).exp().backward();
    tape.clear();
    grads.wrt(tape.variable(1.0));
}

#[test]
#[should_panic(expected = "backward: the value depends on constants only")]
fn of_constants() {
    let tape = ScalarTape::new();
    let x = tape.variable(1.0).stop_gradient();
    (x * x + 1.0).backward();
}
