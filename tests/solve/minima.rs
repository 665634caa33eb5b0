//! Functions with known minima, most of them of Moré, Garbow & Hillstrom, *ACM Transactions on Mathematical Software* 7, 1981.

use autograd::{Var, vstack};

/// A function of a column, and where the search starts.
pub struct Problem {
    pub name: &'static str,
    pub f: for<'t> fn(Var<'t, f64>) -> Var<'t, f64>,
    pub start: Vec<f64>,
    /// How near x comes to a minimum: to a power of the precision where H is singular.
    pub tolerance: f64,
    pub minima: Vec<Vec<f64>>,
}

/// The extended one: a valley for each pair of entries.
pub fn rosenbrock(n: usize) -> Problem {
    fn f<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
        let every_second = |from: usize| x.select_rows(&(from..x.rows()).step_by(2).collect::<Vec<_>>());
        let (a, b) = (every_second(0), every_second(1));
        ((b - a.square()).square() * 100.0 + (a - 1.0).square()).sum()
    }
    let start = (0..n).map(|k| if k % 2 == 0 { -1.2 } else { 1.0 }).collect();
    Problem { name: "rosenbrock", f, start, tolerance: 1e-6, minima: vec![vec![1.0; n]] }
}

pub fn all() -> Vec<Problem> {
    fn beale<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
        let (a, b) = (x.at(0, 0), x.at(1, 0));
        let term = |y: f64, k: i32| (a * (b.powi(k) - 1.0) + y).square();
        term(1.5, 1) + term(2.25, 2) + term(2.625, 3)
    }
    fn powell<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
        let [a, b, c, d] = [0, 1, 2, 3].map(|k| x.at(k, 0));
        (a + b * 10.0).square() + (c - d).square() * 5.0 + (b - c * 2.0).powi(4) + (a - d).powi(4) * 10.0
    }
    fn wood<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
        let [a, b, c, d] = [0, 1, 2, 3].map(|k| x.at(k, 0));
        let r = [
            (b - a * a) * 10.0,
            1.0 - a,
            (d - c * c) * 90.0f64.sqrt(),
            1.0 - c,
            (b + d - 2.0) * 10.0f64.sqrt(),
            (b - d) / 10.0f64.sqrt(),
        ];
        vstack(&r).square().sum()
    }
    fn helical<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
        let [a, b, c] = [0, 1, 2].map(|k| x.at(k, 0));
        let turns = b.atan2(a) / (2.0 * std::f64::consts::PI);
        let radius = (a * a + b * b).sqrt();
        ((c - turns * 10.0).square() + (radius - 1.0).square()) * 100.0 + c * c
    }
    fn himmelblau<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
        let (a, b) = (x.at(0, 0), x.at(1, 0));
        (a * a + b - 11.0).square() + (a + b * b - 7.0).square()
    }
    let problem = |name, f, start: &[f64], tolerance, minima: &[&[f64]]| Problem {
        name,
        f,
        start: start.to_vec(),
        tolerance,
        minima: minima.iter().map(|x| x.to_vec()).collect(),
    };
    vec![
        rosenbrock(2),
        rosenbrock(10),
        rosenbrock(100),
        problem("beale", beale, &[1.0, 1.0], 1e-6, &[&[3.0, 0.5]]),
        // H is singular at the minimum: a gradient of 10⁻⁸ is reached at 10⁻³.
        problem("powell", powell, &[3.0, -1.0, 0.0, 1.0], 5e-3, &[&[0.0; 4]]),
        problem("wood", wood, &[-3.0, -1.0, -3.0, -1.0], 1e-6, &[&[1.0; 4]]),
        problem("helical", helical, &[-1.0, 0.0, 0.0], 1e-6, &[&[1.0, 0.0, 0.0]]),
        problem(
            "himmelblau",
            himmelblau,
            &[0.0, 0.0],
            1e-6,
            &[
                &[3.0, 2.0],
                &[-2.805118086952745, 3.131312518250573],
                &[-3.779310253377747, -3.28318599128617],
                &[3.584428340330492, -1.848126526964404],
            ],
        ),
    ]
}
