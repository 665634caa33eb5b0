//! Numbers at the edges of their range, by all ways to a derivative: what is recorded is what is swept, and single numbers say
//! what matrices do.

use autograd::{AxisFunction, Binary, Dual, Matrix, Number, Op, Real, ScalarTape, Tape, Unary};

use super::constants::record_with;
use super::{Rule, every_op, operands};

const EDGES: [f64; 10] = [0.0, 1.0, f64::INFINITY, -1.0, f64::NEG_INFINITY, f64::NAN, 1e30, -1e30, 0.5, -0.0];

/// The same, but for rounding of numbers of a size: both NaN, or both infinite alike, or near each other.
fn near<T: Real>(a: T, b: T, size: f64) -> bool {
    let (a, b) = (a.to_f64(), b.to_f64());
    let close = (a - b).abs() <= 64.0 * T::EPSILON * a.abs().max(b.abs()).max(size);
    a == b || a.is_nan() && b.is_nan() || a.is_finite() && b.is_finite() && close
}

/// Numbers of edges from a place on, some steps apart.
fn edges<T: Real>((m, n): (usize, usize), from: usize, step: usize) -> Matrix<T> {
    Matrix::from_fn(m, n, |i, j| T::from_f64(EDGES[(from + step * (i + m * j)) % EDGES.len()]))
}

#[track_caller]
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n"));
}

fn recorded_is_swept<T: Real>(wrong: &mut Vec<String>) {
    for op in every_op() {
        // The slope of what was multiplied by its arg max is another.
        if let Op::AlongAxis(AxisFunction::ArgMax, ..) = op {
            continue;
        }
        for shapes in operands(op, (3, 2), 2) {
            for (from, step) in (0..EDGES.len()).flat_map(|from| [0, 1, 3, 7].map(|step| (from, step))) {
                let x: Vec<_> = shapes.iter().enumerate().map(|(k, &s)| edges::<T>(s, from + 3 * k, step)).collect();
                for weight in [1.0, 0.0, f64::INFINITY] {
                    let weights = |(m, n)| Matrix::from_fn(m, n, |i, _| T::from_f64(if i == 1 { weight } else { 1.0 }));
                    let found = record_with(&Rule(op), &x, |_| false, weights);
                    for (k, modes) in found.of.iter().enumerate() {
                        let Some([reverse, recorded, forward, moved, _]) = modes else { continue };
                        for (mode, a, b) in [("reverse", reverse, recorded), ("forward", forward, moved)] {
                            let apart =
                                a.as_slice().iter().zip(b.as_slice()).any(|(&a, &b)| !near(a, b, T::MIN_POSITIVE));
                            if apart {
                                wrong.push(format!(
                                    "{op:?}, {mode}, operand {k}, weight {weight}, at {x:?}: {a:?}, recorded {b:?}"
                                ));
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_recorded_is_what_is_swept() {
    let mut wrong = Vec::new();
    recorded_is_swept::<f64>(&mut wrong);
    recorded_is_swept::<f32>(&mut wrong);
    none(&wrong);
}

/// The programs of two functions: one of another, and two beside each other.
const WAYS: usize = 8;

fn two<N: Number>(way: usize, f: Unary, g: Unary, x: N) -> N {
    let (a, b) = (f.apply(x), g.apply(x));
    match way {
        0 => g.apply(a),
        1 => a * b,
        2 => a / b,
        3 => a - b,
        4 => a * 0.0 + b,
        5 => N::dot(&[a, x], &[b, a]),
        6 => a * f64::INFINITY + b / 0.0,
        _ => g.apply(x.zero().keep(a)) + b,
    }
}

/// The slopes by which two ways differ, of a value that is finite: of another, single numbers may say NaN.
fn differ<T: Real>(x: f64, value: T, pairs: &[(T, T)], what: impl Fn() -> String, wrong: &mut Vec<String>) {
    if !value.to_f64().is_finite() {
        return;
    }
    // Where numbers are huge, sums of them may have cancelled.
    let size = if x.is_finite() && x.abs() > 1.0 { f64::INFINITY } else { 1.0 };
    for (k, &(expected, found)) in pairs.iter().enumerate().filter(|(_, (a, b))| !near(*a, *b, size)) {
        wrong.push(format!("{}, slope {k}: {found}, not {expected}", what()));
    }
}

fn single_numbers<T: Real>(wrong: &mut Vec<String>) {
    let all = Unary::all();
    for (x, &f) in EDGES.iter().flat_map(|x| all.iter().map(move |f| (*x, f))) {
        for (&g, way) in all.iter().flat_map(|g| (0..WAYS).map(move |way| (g, way))) {
            let (matrices, scalars, one) = (Tape::new(), ScalarTape::new(), Matrix::full(1, 1, T::from_f64(1.0)));
            let (v, s) = (matrices.variable(one.map(|_| T::from_f64(x))), scalars.variable(T::from_f64(x)));
            let (y, z) = (two(way, f, g, v), two(way, f, g, s));
            let mut pairs = vec![(y.backward().wrt(v)[(0, 0)], z.backward().wrt(s))];
            if size_of::<T>() == 8 {
                let dual = two(way, f, g, Dual::variable(x)).tangent;
                pairs.push((matrices.tangents(&[(v, one.view())]).of(y)[(0, 0)], T::from_f64(dual)));
            }
            differ(
                x,
                y.item(),
                &pairs,
                || format!("{f:?}, {g:?}, program {way} at {x}, {} bytes", size_of::<T>()),
                wrong,
            );
        }
    }
}

#[test]
fn single_numbers_say_what_matrices_do() {
    let mut wrong = Vec::new();
    single_numbers::<f64>(&mut wrong);
    single_numbers::<f32>(&mut wrong);
    none(&wrong);
}

/// Functions of two operands, one of which is made by a function of the other's variable.
#[test]
fn pairs_of_single_numbers_say_what_matrices_do() {
    let (mut wrong, all, one) = (Vec::new(), Unary::all(), Matrix::full(1, 1, 1.0));
    for (&f, &g) in Binary::ALL.iter().flat_map(|f| all.iter().map(move |g| (f, g))) {
        for (x, b) in EDGES.iter().flat_map(|&x| EDGES.map(|b| (x, b))) {
            let (matrices, scalars) = (Tape::<f64>::new(), ScalarTape::new());
            let (v, w) = (matrices.variable(x), matrices.variable(b));
            let (s, t) = (scalars.variable(x), scalars.variable(b));
            let (y, z) = (v.unary(g).binary(f, w), s.unary(g).binary(f, t));
            let (expected, found) = (y.backward(), z.backward());
            let dual = f.apply(g.apply(Dual::variable(x)), Dual::constant(b)).tangent;
            let pairs = [
                (expected.wrt(v)[(0, 0)], found.wrt(s)),
                (expected.wrt(w)[(0, 0)], found.wrt(t)),
                (matrices.tangents(&[(v, one.view())]).of(y)[(0, 0)], dual),
            ];
            differ(x, y.item(), &pairs, || format!("{f:?}({g:?} {x}, {b})"), &mut wrong);
        }
    }
    none(&wrong);
}
