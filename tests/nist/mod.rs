//! The nonlinear regressions of NIST's *Statistical Reference Datasets* (<https://www.itl.nist.gov/div898/strd/>, in the public
//! domain): 27 models with data, two starts each, and certified parameters, standard deviations and sums of squares.

use autograd::{Compiled, Matrix, Var};
use serde_json::Value;

/// A regression.
pub struct Problem {
    /// Its name, as NIST has it.
    pub name: String,
    /// The variables, a row each; samples are columns.
    pub x: Matrix<f64>,
    /// The measured row.
    pub y: Matrix<f64>,
    /// The two starts.
    pub starts: [Vec<f64>; 2],
    /// The certified parameters.
    pub parameters: Vec<f64>,
    /// Their certified standard deviations.
    pub deviations: Vec<f64>,
    /// The certified sum of squares.
    pub sum: f64,
}

/// All 27.
pub fn problems() -> Vec<Problem> {
    let all: Vec<Value> = serde_json::from_str(include_str!("strd_nonlinear.json")).expect("a list");
    all.iter().map(problem).collect()
}

fn problem(all: &Value) -> Problem {
    let number = |value: &Value| value.as_f64().expect("a number");
    let name = all["name"].as_str().expect("a name").to_owned();
    let rows: Vec<Vec<f64>> = serde_json::from_value(all["data"].clone()).expect("rows of numbers");
    // Nelson's model is one of ln y.
    let y = |row: &[f64]| if name == "Nelson" { row[0].ln() } else { row[0] };
    let of_parameters =
        |what: &str| all["parameters"].as_array().into_iter().flatten().map(|p| number(&p[what])).collect();
    Problem {
        x: Matrix::from_fn(rows[0].len() - 1, rows.len(), |i, j| rows[j][i + 1]),
        y: Matrix::from_fn(1, rows.len(), |_, j| y(&rows[j])),
        starts: ["start1", "start2"].map(of_parameters),
        parameters: of_parameters("value"),
        deviations: of_parameters("sd"),
        sum: number(&all["residual_sum_of_squares"]),
        name,
    }
}

impl Problem {
    /// The residuals f(x, θ) − y of a column θ.
    pub fn residuals(&self) -> Compiled<impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>, f64> {
        Compiled::new(|theta: &[Var<'_, f64>]| {
            let tape = theta[0].tape();
            let b: Vec<_> = (0..self.parameters.len()).map(|k| theta[0].at(k, 0)).collect();
            model(&self.name, tape.constant(self.x.clone()), &b) - tape.constant(self.y.clone())
        })
    }
}

/// y = f(x, b).
fn model<'t>(name: &str, x: Var<'t, f64>, b: &[Var<'t, f64>]) -> Var<'t, f64> {
    let pi = std::f64::consts::PI;
    let exp = |x: Var<'t, f64>| x.exp();
    let wave = |period: Var<'t, f64>| 2.0 * pi * x / period;
    match (name, b) {
        ("Misra1a" | "BoxBOD", &[a, b]) => a * (1.0 - exp(-(b * x))),
        ("Misra1b", &[a, b]) => a * (1.0 - (1.0 + b * x / 2.0).powi(-2)),
        ("Misra1c", &[a, b]) => a * (1.0 - (1.0 + 2.0 * b * x).powf(-0.5)),
        ("Misra1d", &[a, b]) => a * b * x / (1.0 + b * x),
        ("DanWood", &[a, b]) => a * x.pow(b),
        ("Chwirut1" | "Chwirut2", &[a, b, c]) => exp(-(a * x)) / (b + c * x),
        ("Bennett5", &[a, b, c]) => a * (b + x).pow(-1.0 / c),
        ("MGH10", &[a, b, c]) => a * exp(b / (x + c)),
        ("Rat42", &[a, b, c]) => a / (1.0 + exp(b - c * x)),
        ("Rat43", &[a, b, c, d]) => a / (1.0 + exp(b - c * x)).pow(1.0 / d),
        ("Eckerle4", &[a, b, c]) => a / b * exp(-0.5 * ((x - c) / b).square()),
        ("Nelson", &[a, b, c]) => a - b * x.rows_in(0..1) * exp(-(c * x.rows_in(1..2))),
        ("Roszman1", &[a, b, c, d]) => a - b * x - (c / (x - d)).atan() / pi,
        ("MGH09", &[a, b, c, d]) => a * (x.square() + x * b) / (x.square() + x * c + d),
        ("MGH17", &[a, b, c, d, e]) => a + b * exp(-(x * d)) + c * exp(-(x * e)),
        ("Lanczos1" | "Lanczos2" | "Lanczos3", &[a, b, c, d, e, f]) => {
            a * exp(-(b * x)) + c * exp(-(d * x)) + e * exp(-(f * x))
        }
        ("Gauss1" | "Gauss2" | "Gauss3", &[a, b, c, d, e, f, g, h]) => {
            let bell = |height: Var<'t, f64>, middle: Var<'t, f64>, width: Var<'t, f64>| {
                height * exp(-((x - middle).square() / width.square()))
            };
            a * exp(-(b * x)) + bell(c, d, e) + bell(f, g, h)
        }
        ("Kirby2", &[a, b, c, d, e]) => (a + b * x + c * x.square()) / (1.0 + d * x + e * x.square()),
        ("Hahn1" | "Thurber", &[a, b, c, d, e, f, g]) => {
            (a + b * x + c * x.square() + d * x.powi(3)) / (1.0 + e * x + f * x.square() + g * x.powi(3))
        }
        ("ENSO", &[a, b, c, first, e, f, second, h, i]) => {
            let year = 2.0 * pi * x / 12.0;
            a + b * year.cos()
                + c * year.sin()
                + e * wave(first).cos()
                + f * wave(first).sin()
                + h * wave(second).cos()
                + i * wave(second).sin()
        }
        _ => panic!("no model of {} parameters is called {name}", b.len()),
    }
}

/// The number of digits to which all of `found` agree with the certified numbers: −log₁₀ of the largest relative error, at most 11,
/// which is what NIST certifies.
pub fn digits(found: &[f64], certified: &[f64]) -> f64 {
    let errors = found.iter().zip(certified).map(|(x, c)| ((x - c) / c).abs());
    // NaN is no digit.
    let largest = errors.fold(0.0, |max: f64, e| if e.is_nan() { f64::INFINITY } else { max.max(e) });
    (-largest.log10()).clamp(0.0, 11.0)
}
