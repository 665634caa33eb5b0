//! Functions of the second table of Cartis and Roberts (*A derivative-free Gauss–Newton method*, 2019), which are those of CUTEst: chains of
//! terms, sums, and systems of Lukšan (*Inexact trust region method for large sparse systems*, 1994). Grids, matrices, flows and
//! columns have files of their own.

use super::{Function, Number, more_wild, numbers, sum};

/// The function of this name.
pub fn function(name: &str) -> Option<Function> {
    Some(match name {
        "arglale" => |x| more_wild::linear_full_rank(x, 400),
        "arglble" => |x| more_wild::linear_rank_one(x, 400),
        "argtrig" => |x| {
            let all = sum(x.iter().map(|x| 1.0 - x.cos()));
            (1..).zip(x).map(|(i, x)| all + f64::from(i) * (1.0 - x.cos() - x.sin())).collect()
        },
        "artif" => |x| {
            let residual = |i: usize| {
                let turned =
                    if (i + 1).is_multiple_of(100) { x[i] * 0.0 } else { (x[i] * ((i + 1) % 100) as f64).sin().atan() };
                turned - 0.05 * (x[i] + neighbours(x, i))
            };
            (0..x.len()).map(residual).collect()
        },
        "arwhdne" => |x| {
            let (last, rest) = x.split_last().expect("variables");
            rest.iter().map(|x| x.square() + last.square()).chain(rest.iter().map(|x| *x * 4.0 - 3.0)).collect()
        },
        "bdvalues" | "morebvne" => boundary_value,
        "luksan21" => |x| boundary_value(x).into_iter().map(|r| r + 1.0).collect(),
        "brownale" => more_wild::brown_almost_linear,
        "broydn_3d" => |x| {
            let n = x.len();
            let residual = |i: usize| {
                let own = (3.0 - x[i] * 2.0) * x[i] + 1.0;
                let left = if i > 0 { own - x[i - 1] } else { own };
                if i + 1 < n { left - x[i + 1] * 2.0 } else { left }
            };
            (0..n).map(residual).collect()
        },
        "broydn_bd" => |x| {
            let n = x.len();
            let residual = |i: usize| {
                let near = (i.saturating_sub(5)..n.min(i + 2)).filter(|&j| j != i);
                x[i] * (x[i].square() * 5.0 + 2.0) - sum(near.map(|j| x[j] * (x[j] + 1.0)))
            };
            (0..n).map(residual).collect()
        },
        "chandheq" => |x| {
            let n = x.len();
            let residual = |i: usize| sum((0..n).map(|j| x[i] / (x[i] + x[j]))) * (-0.5 / n as f64);
            (0..n).map(residual).collect()
        },
        "chemrcta" => chemical_reactor_a,
        "chemrctb" => chemical_reactor_b,
        "chnrsbne" => |x| {
            let n = x.len();
            let valley = (1..n).map(|i| (x[i - 1] - x[i].square()) * (4.0 * CHAINED[i]));
            valley.chain((1..n).map(|i| x[i] - 1.0)).collect()
        },
        "freurone" => |x| {
            let pairs = || x.windows(2).map(|pair| (pair[0], pair[1]));
            let first = pairs().map(|(a, b)| a - 13.0 + ((5.0 - b) * b - 2.0) * b);
            first.chain(pairs().map(|(a, b)| a - 29.0 + ((b + 1.0) * b - 14.0) * b)).collect()
        },
        "hatfldg" => |x| {
            let (n, middle) = (x.len(), x[12]);
            let inner = (1..n - 1).map(|i| x[i] * (x[i - 1] - x[i + 1]) + x[i] - middle + 1.0);
            let ends = [x[0] - middle + 1.0 - x[0] * x[1], x[n - 1] - middle + 1.0 + x[n - 2] * x[n - 1]];
            inner.chain(ends).collect()
        },
        "integreq" => integral_equation,
        "luksan11" => |x| {
            let pair = |i: usize| [20.0 * x[i] / (x[i].square() + 1.0) - x[i + 1] * 10.0, x[i] - 1.0];
            (0..x.len() - 1).flat_map(pair).collect()
        },
        "luksan12" => |x| {
            threes(x, |[a, b, c, d, e]| {
                let (first, second) = (a.square() * d + (d - e).sin() - 10.0, b + c.powi(4) * d.square() - 20.0);
                vec![10.0 * (a.square() - b), c - 1.0, (d - 1.0).square(), (e - 1.0).powi(3), first, second]
            })
        },
        "luksan13" => |x| {
            threes(x, |[a, b, c, d, e]| {
                let sums = [a + b.square() + c - 30.0, b - c.square() + d - 10.0, b * e - 10.0];
                let first = [10.0 * (a.square() - b), 10.0 * (b.square() - c), (c - d).square(), (d - e).square()];
                first.into_iter().chain(sums).collect()
            })
        },
        "luksan14" => |x| {
            threes(x, |[a, b, c, d, e]| {
                let (last, sum) = (10.0 * (b.square() - e), c + d - e * 2.0);
                vec![10.0 * (a.square() - b), b + c - 2.0, d - 1.0, e - 1.0, a + b * 3.0, sum, last]
            })
        },
        // The absolute value to a power is an exponential of a logarithm.
        "luksan15" => |x| {
            fours(x, [35.8, 11.2, 6.2, 4.4], |x, j| {
                let product = (x[0] * x[1].square() * x[2].powi(3) * x[3].powi(4)).abs().ln();
                sum((1..4).map(|p| (product / f64::from(p * j)).exp() * (f64::from(p * p) / f64::from(j))))
            })
        },
        "luksan16" => |x| {
            fours(x, [35.8, 11.2, 6.2, 4.4], |x, j| {
                let all = x[0] + x[1] * 2.0 + x[2] * 3.0 + x[3] * 4.0;
                sum((1..4).map(|p| (all / f64::from(p * j)).exp() * (f64::from(p * p) / f64::from(j))))
            })
        },
        "luksan17" => |x| {
            fours(x, [30.6, 72.2, 124.4, 187.4], |x, j| {
                sum((1..).zip(x).map(|(q, x)| x.cos() * f64::from(j * j * q) - x.sin() * f64::from(j * q * q)))
            })
        },
        "luksan22" => |x| {
            let n = x.len();
            let pair = |i: usize| {
                let (left, right) = (x[i] - x[i + 1], x[i + 1] - x[i + 2]);
                [10.0 * (x[i].square() - x[i + 1]), 2.0 * (-left.square()).exp() + (-(right.square() * 2.0)).exp()]
            };
            let ends = [x[0] - 1.0, x[n - 2].square() * -10.0];
            [ends[0]].into_iter().chain((0..n - 2).flat_map(pair)).chain([ends[1]]).collect()
        },
        // The gradient of an oscillating valley, ¼ (x₀ − 1)² + ρ Σ (xᵢ₊₁ − 2 xᵢ² + 1)², with 4 ρ in place of 8 ρ, as CUTEst has it.
        "oscigrne" => |x| {
            let (n, rho) = (x.len(), 500.0);
            let gap = |i: usize| x[i + 1] - x[i].square() * 2.0 + 1.0;
            let first = x[0] * 0.5 - 0.5 - gap(0) * x[0] * (4.0 * rho);
            let inner = (1..n - 1).map(|i| gap(i - 1) * (2.0 * rho) - gap(i) * x[i] * (4.0 * rho));
            [first].into_iter().chain(inner).chain([gap(n - 2) * (2.0 * rho)]).collect()
        },
        "penalty_1" => |x| {
            let squares = sum(x.iter().map(|x| x.square())) - 0.25;
            x.iter().map(|x| (*x - 2.0) * 1e-5f64.sqrt()).chain([squares]).collect()
        },
        "penalty_2" => |x| {
            let (n, root) = (x.len(), 1e-10f64.sqrt());
            let tenth = |k: usize| (k as f64 / 10.0).exp();
            let both =
                (1..n).map(|i| ((x[i] / 10.0).exp() + (x[i - 1] / 10.0).exp() - (tenth(i + 1) + tenth(i))) * root);
            let each = (1..n).map(|i| ((x[i] / 10.0).exp() - (-0.1f64).exp()) * root);
            let squares = sum((0..n).map(|i| x[i].square() * (n - i) as f64)) - 1.0;
            [x[0] - 0.2].into_iter().chain(both).chain(each).chain([squares]).collect()
        },
        "semicn2u" | "semicon2" => semiconductor,
        "vardimne" => |x| {
            let weighted = sum((1..).zip(x).map(|(i, x)| (*x - 1.0) * f64::from(i)));
            x.iter().map(|x| *x - 1.0).chain([weighted, weighted.square()]).collect()
        },
        "watsonne" => more_wild::watson,
        _ => return None,
    })
}

/// The sum of the variables beside one.
fn neighbours<'t>(x: &[Number<'t>], i: usize) -> Number<'t> {
    sum([i.checked_sub(1), Some(i + 1)].into_iter().flatten().filter_map(|k| x.get(k).copied()))
}

/// The residuals of x₀ … x₄, x₃ … x₇, …
fn threes<'t>(x: &[Number<'t>], f: impl Fn([Number<'t>; 5]) -> Vec<Number<'t>>) -> Vec<Number<'t>> {
    (0..x.len() - 2).step_by(3).flat_map(|i| f(std::array::from_fn(|k| x[i + k]))).collect()
}

/// The differences of four numbers and the functions j = 1, …, 4 of x₀ … x₃, of x₂ … x₅, …
fn fours<'t>(x: &[Number<'t>], y: [f64; 4], f: impl Fn(&[Number<'t>], i32) -> Number<'t>) -> Vec<Number<'t>> {
    let starts = (0..x.len() - 2).step_by(2);
    starts.flat_map(|i| numbers(&y, |j, y| y - f(&x[i..i + 4], j as i32 + 1))).collect()
}

/// −u″ + ½ (u + t + 1)³ = 0 on n inner points, u = 0 at both ends.
fn boundary_value<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let h = 1.0 / (x.len() + 1) as f64;
    let residual = |i: usize| {
        let t = (i + 1) as f64 * h;
        x[i] * 2.0 - neighbours(x, i) + (x[i] + (t + 1.0)).powi(3) * (h * h / 2.0)
    };
    (0..x.len()).map(residual).collect()
}

/// u(t) + ½ ∫ k(t, s) (u + s + 1)³ ds = 0 with k = s (1 − t) for s ≤ t, else t (1 − s).
fn integral_equation<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let (n, h) = (x.len(), 1.0 / (x.len() + 1) as f64);
    let t: Vec<f64> = (1..=n).map(|i| i as f64 * h).collect();
    let cubes: Vec<_> = x.iter().zip(&t).map(|(x, t)| (*x + (t + 1.0)).powi(3)).collect();
    let residual = |i: usize| {
        let kernel = |j: usize| if j <= i { t[j] * (1.0 - t[i]) } else { t[i] * (1.0 - t[j]) };
        x[i] + sum((0..n).map(|j| cubes[j] * kernel(j))) * (h / 2.0)
    };
    (0..n).map(residual).collect()
}

/// A tubular reactor with dispersion: concentration u and temperature v at n points of its length (Poore 1989).
fn chemical_reactor_a<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let n = x.len() / 2;
    let (u, v) = x.split_at(n);
    let (pem, peh, d, b, gamma) = (1.0, 5.0, 0.135, 0.5, 25.0);
    let h = 1.0 / (n - 1) as f64;
    let rate = |i: usize| u[i] * (gamma - gamma / v[i]).exp() * d;
    let of_u = (1..n - 1).map(|i| flow(u, i, h, pem) - rate(i));
    let of_v = (1..n - 1).map(|i| flow(v, i, h, peh) + rate(i) * b);
    let entry = [u[1] * (-h * pem) - u[0] + h * pem, v[1] * (-h * peh) - v[0] + h * peh];
    entry.into_iter().chain(of_u).chain(of_v).chain([u[n - 1] - u[n - 2], v[n - 1] - v[n - 2]]).collect()
}

/// The same for the temperature alone.
fn chemical_reactor_b<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let n = x.len();
    let (pe, d, b, gamma) = (5.0, 0.135, 0.5, 25.0);
    let h = 1.0 / (n - 1) as f64;
    let inner = (1..n - 1).map(|i| (b + 1.0 - x[i]) * (gamma - gamma / x[i]).exp() * d + flow(x, i, h, pe));
    let entry = x[1] * (-h * pe) - x[0] + h * pe;
    [entry].into_iter().chain(inner).chain([x[n - 1] - x[n - 2]]).collect()
}

/// u″ / p − u′, the derivative backward.
fn flow<'t>(u: &[Number<'t>], i: usize, h: f64, p: f64) -> Number<'t> {
    (u[i - 1] - u[i] * 2.0 + u[i + 1]) / (h * h * p) - (u[i] - u[i - 1]) / h
}

/// The potential in a junction of two doped semiconductors (Aarna 1989).
fn semiconductor<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let n = x.len();
    let (lambda, a, b, right, ca, cb, beta) = (0.2, -9e-5, 1e-5, 700.0, 1e12, 1e13, 40.0);
    let h = (b - a) / (n + 1) as f64;
    let unit = lambda * h * h;
    let residual = |i: usize| {
        let doping = if i < 9 * n / 10 { -ca } else { cb };
        let carriers = (x[i] * (-lambda * beta)).exp() * ca - ((x[i] - lambda * right) * (lambda * beta)).exp() * cb;
        let end = if i + 1 == n { lambda * right } else { 0.0 };
        neighbours(x, i) - x[i] * 2.0 + (carriers + doping) * unit + end
    };
    (0..n).map(residual).collect()
}

const CHAINED: [f64; 50] = [
    1.25, 1.4, 2.4, 1.4, 1.75, 1.2, 2.25, 1.2, 1.0, 1.1, 1.5, 1.6, 1.25, 1.25, 1.2, 1.2, 1.4, 0.5, 0.5, 1.25, 1.8,
    0.75, 1.25, 1.4, 1.6, 2.0, 1.0, 1.6, 1.25, 2.75, 1.25, 1.25, 1.25, 3.0, 1.5, 2.0, 1.25, 1.4, 1.8, 1.5, 2.2, 1.4,
    1.5, 1.25, 2.0, 1.5, 1.25, 1.4, 0.6, 1.5,
];
