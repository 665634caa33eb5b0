//! The functions of Moré and Wild (*Benchmarking derivative-free optimization algorithms*, 2009), most of them from Moré, Garbow and
//! Hillstrom (*Testing unconstrained optimization software*, 1981).

use std::f64::consts::PI;

use super::{Function, Number, numbers, product, sum};

/// The functions by name; several starts and sizes of one function have its name and a suffix.
pub fn function(name: &str) -> Option<Function> {
    let is = |start: &str| name.starts_with(start);
    Some(match name {
        _ if is("linear_full_rank") => |x| linear_full_rank(x, 45),
        _ if is("linear_rank_one_zero") => linear_rank_one_zero,
        _ if is("linear_rank_one") => |x| linear_rank_one(x, 35),
        _ if is("rosenbrock") => |x| vec![10.0 * (x[1] - x[0].square()), 1.0 - x[0]],
        _ if is("helical_valley") => helical_valley,
        _ if is("powell_singular") => powell_singular,
        _ if is("freudenstein_roth") => |x| {
            let [a, b] = [x[0], x[1]];
            vec![a + ((5.0 - b) * b - 2.0) * b - 13.0, a + ((b + 1.0) * b - 14.0) * b - 29.0]
        },
        _ if is("bard") => bard,
        _ if is("kowalik_osborne") => kowalik_osborne,
        _ if is("meyer") => |x| numbers(&MEYER, |i, y| x[0] * (x[1] / (x[2] + 45.0 + 5.0 * (i + 1) as f64)).exp() - y),
        _ if is("watson") => watson,
        _ if is("box_3d") => |x| {
            let term = |i: usize| {
                let t = 0.1 * i as f64;
                (x[0] * -t).exp() - (x[1] * -t).exp() - x[2] * ((-t).exp() - (-10.0 * t).exp())
            };
            (1..=10).map(term).collect()
        },
        _ if is("jennrich_sampson") => |x| {
            let term = |i: usize| (x[0] * i as f64).exp() + (x[1] * i as f64).exp() - (2 + 2 * i) as f64;
            (1..=10).map(|i| -term(i)).collect()
        },
        _ if is("brown_dennis") => |x| {
            let term = |i: usize| {
                let t = i as f64 / 5.0;
                (x[0] + x[1] * t - t.exp()).square() + (x[2] + x[3] * t.sin() - t.cos()).square()
            };
            (1..=20).map(term).collect()
        },
        _ if is("chebyquad") => chebyquad,
        _ if is("brown_almost_linear") => brown_almost_linear,
        _ if is("osborne_one") => |x| {
            numbers(&OSBORNE_1, |i, y| {
                let t = 10.0 * i as f64;
                y - (x[0] + x[1] * (x[3] * -t).exp() + x[2] * (x[4] * -t).exp())
            })
        },
        _ if is("osborne_two") => |x| {
            numbers(&OSBORNE_2, |i, y| {
                let t = i as f64 / 10.0;
                let bell = |k: usize| x[k] * (-(x[k + 4] * (t - x[k + 7]).square())).exp();
                y - (x[0] * (x[4] * -t).exp() + bell(1) + bell(2) + bell(3))
            })
        },
        _ if is("bdqrtic") => |x| {
            let (n, last) = (x.len() - 4, x[x.len() - 1]);
            let weighted = |i: usize| sum((0..4).map(|k| x[i + k].square() * (k + 1) as f64)) + last.square() * 5.0;
            (0..n).map(|i| 3.0 - 4.0 * x[i]).chain((0..n).map(weighted)).collect()
        },
        _ if is("cube") => |x| {
            let rest = (1..x.len()).map(|i| 10.0 * (x[i] - x[i - 1].powi(3)));
            [x[0] - 1.0].into_iter().chain(rest).collect()
        },
        _ if is("mancino") => mancino,
        _ if is("heart_eight") => heart_eight,
        _ => return None,
    })
}

pub fn linear_full_rank<'t>(x: &[Number<'t>], m: usize) -> Vec<Number<'t>> {
    let mean = sum(x.iter().copied()) * (2.0 / m as f64) + 1.0;
    (0..m).map(|i| if i < x.len() { x[i] - mean } else { -mean }).collect()
}

pub fn linear_rank_one<'t>(x: &[Number<'t>], m: usize) -> Vec<Number<'t>> {
    let weighted = sum((1..).zip(x).map(|(j, x)| *x * f64::from(j)));
    (1..=m).map(|i| weighted * i as f64 - 1.0).collect()
}

/// The first and the last residual do not depend on x, and no residual depends on the first and the last x.
fn linear_rank_one_zero<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let (m, n) = (35, x.len());
    let weighted = sum((1..n - 1).map(|j| x[j] * (j + 1) as f64));
    (0..m).map(|i| weighted * if i == m - 1 { 0.0 } else { i as f64 } - 1.0).collect()
}

/// θ is the angle in turns, from −¼ to ¾.
fn helical_valley<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let slope = (x[1] / x[0]).atan() / (2.0 * PI);
    let angle = if x[0] > 0.0 { slope } else { slope + 0.5 };
    vec![10.0 * (x[2] - 10.0 * angle), 10.0 * ((x[0].square() + x[1].square()).sqrt() - 1.0), x[2]]
}

fn powell_singular<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    vec![
        x[0] + 10.0 * x[1],
        5f64.sqrt() * (x[2] - x[3]),
        (x[1] - 2.0 * x[2]).square(),
        10f64.sqrt() * (x[0] - x[3]).square(),
    ]
}

fn bard<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    numbers(&BARD, |i, y| {
        let u = (i + 1) as f64;
        let v = 16.0 - u;
        y - (x[0] + u / (x[1] * v + x[2] * u.min(v)))
    })
}

fn kowalik_osborne<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    numbers(&KOWALIK, |i, y| {
        let u = KOWALIK_U[i];
        y - x[0] * (u * (u + x[1])) / (u * (u + x[2]) + x[3])
    })
}

pub fn watson<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let term = |i: usize| {
        let t = i as f64 / 29.0;
        let slope = sum((1..x.len()).map(|j| x[j] * (j as f64 * t.powi(j as i32 - 1))));
        let value = sum((0..x.len()).map(|j| x[j] * t.powi(j as i32)));
        slope - value.square() - 1.0
    };
    (1..30).map(term).chain([x[0], x[1] - x[0].square() - 1.0]).collect()
}

/// Σ T(x) / n less its integral, for the shifted polynomials of Chebyshev.
fn chebyquad<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let n = x.len();
    let mut sums: Vec<Vec<Number<'t>>> = vec![Vec::new(); n];
    for x in x {
        let y = *x * 2.0 - 1.0;
        let (mut before, mut now) = (y * 0.0 + 1.0, y);
        for terms in &mut sums {
            terms.push(now);
            (before, now) = (now, y * now * 2.0 - before);
        }
    }
    let integral = |i: usize| if i.is_multiple_of(2) { -1.0 / ((i * i) as f64 - 1.0) } else { 0.0 };
    sums.into_iter().enumerate().map(|(i, terms)| sum(terms.into_iter()) / n as f64 - integral(i + 1)).collect()
}

pub fn brown_almost_linear<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let n = x.len();
    let all = sum(x.iter().copied()) - (n + 1) as f64;
    x[..n - 1].iter().map(|x| *x + all).chain([product(x.iter().copied()) - 1.0]).collect()
}

fn mancino<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let n = x.len();
    let residual = |i: usize| {
        let term = |j: usize| {
            let root = (x[i - 1].square() + i as f64 / j as f64).sqrt();
            root * (root.ln().sin().powi(5) + root.ln().cos().powi(5))
        };
        x[i - 1] * 1400.0 + (i as f64 - 50.0).powi(3) + sum((1..=n).map(term))
    };
    (1..=n).map(residual).collect()
}

/// The moments Σ aₖ zₖᵖ for p = 0, …, 3 of two complex numbers z with complex weights a, less measured ones.
fn heart_eight<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let [a, b, c, d, t, u, v, w] = [x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]];
    let (t2, u2, v2, w2) = (t.square(), u.square(), v.square(), w.square());
    let moments = [
        a + b,
        c + d,
        t * a + u * b - v * c - w * d,
        v * a + w * b + t * c + u * d,
        a * (t2 - v2) - 2.0 * c * t * v + b * (u2 - w2) - 2.0 * d * u * w,
        c * (t2 - v2) + 2.0 * a * t * v + d * (u2 - w2) + 2.0 * b * u * w,
        a * t * (t2 - 3.0 * v2) + c * v * (v2 - 3.0 * t2) + b * u * (u2 - 3.0 * w2) + d * w * (w2 - 3.0 * u2),
        c * t * (t2 - 3.0 * v2) - a * v * (v2 - 3.0 * t2) + d * u * (u2 - 3.0 * w2) - b * w * (w2 - 3.0 * u2),
    ];
    numbers(&HEART, |i, y| moments[i] - y)
}

const BARD: [f64; 15] = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.1, 4.39];
const KOWALIK_U: [f64; 11] = [4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625];
const KOWALIK: [f64; 11] = [0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246];
const MEYER: [f64; 16] = [
    34780.0, 28610.0, 23650.0, 19630.0, 16370.0, 13720.0, 11540.0, 9744.0, 8261.0, 7030.0, 6005.0, 5147.0, 4427.0,
    3820.0, 3307.0, 2872.0,
];
const OSBORNE_1: [f64; 33] = [
    0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.85, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603,
    0.58, 0.558, 0.538, 0.522, 0.506, 0.49, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.42, 0.414, 0.411, 0.406,
];
const OSBORNE_2: [f64; 65] = [
    1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608, 0.655, 0.616, 0.606,
    0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.5, 0.423,
    0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668,
    0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739, 0.71, 0.729, 0.72, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098,
    0.054,
];
const HEART: [f64; 8] = [-0.69, -0.044, -1.57, -1.31, -2.65, 2.0, -12.6, 9.48];
