//! Rodas5P, a Rosenbrock method for stiff equations.
//!
//! Every stage solves one linear system with the matrix I − γ h ∂f/∂y. There is no iteration that might not converge, and a step is an
//! explicit formula of f and its exact derivatives, so its own derivatives of any order are those of the formula. That is why it was chosen
//! instead of an implicit Runge–Kutta method, whose stages are roots.

use super::explicit::combined;
use super::field::{Field, Weight};

/// Rodas5P (Steinebach, *Construction of Rosenbrock–Wanner method Rodas5P and numerical benchmarks within the Julia Differential Equations
/// package*, BIT Numerical Mathematics 63:27, 2023): order 5, L-stable, stiffly accurate, with an embedded method and an interpolation of order 4.
///
/// The coefficients are those of the form without products of matrices and vectors (Hairer & Wanner, *Solving Ordinary Differential Equations
/// II*, 1996, section IV.7), as SciML's OrdinaryDiffEq.jl prints them:
/// (I − γ h J) kᵢ = γ (h f(t + cᵢ h, y + Σ aᵢⱼ kⱼ) + h² dᵢ ∂f/∂t + Σ Cᵢⱼ kⱼ).
const GAMMA: f64 = 0.21193756319429014;

/// The last two stages and the end of the step take one stage more each, with the weight 1.
const A: [&[f64]; 8] = [
    &[],
    &[3.0],
    &[2.849394379747939, 0.45842242204463923],
    &[-6.954028509809101, 2.489845061869568, -10.358996098473584],
    &[2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641],
    &[SIXTH[0], SIXTH[1], SIXTH[2], SIXTH[3], SIXTH[4]],
    &[SIXTH[0], SIXTH[1], SIXTH[2], SIXTH[3], SIXTH[4], 1.0],
    &[SIXTH[0], SIXTH[1], SIXTH[2], SIXTH[3], SIXTH[4], 1.0, 1.0],
];
const SIXTH: [f64; 5] =
    [-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946];

const END: [f64; 8] = [SIXTH[0], SIXTH[1], SIXTH[2], SIXTH[3], SIXTH[4], 1.0, 1.0, 1.0];

const C: [&[f64]; 8] = [
    &[],
    &[-14.155112264123755],
    &[-17.97296035885952, -2.859693295451294],
    &[147.12150275711716, -1.41221402718213, 71.68940251302358],
    &[165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306],
    &[24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471],
    &[
        30.91273214028599,
        -3.1208243349937974,
        77.79954646070892,
        34.28646028294783,
        -19.097331116725623,
        -28.087943162872662,
    ],
    &[
        37.80277123390563,
        -3.2571969029072276,
        112.26918849496327,
        66.9347231244047,
        -40.06618937091002,
        -54.66780262877968,
        -9.48861652309627,
    ],
];

const TIMES: [f64; 8] =
    [0.0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664, 1.0, 1.0, 1.0];

const D: [f64; 8] =
    [GAMMA, -0.42387512638858027, -0.3384627126235924, 1.8046452872882734, 2.325825639765069, 0.0, 0.0, 0.0];

const DENSE: [[f64; 8]; 3] = [
    [
        25.948786856663858,
        -2.5579724845846235,
        10.433815404888879,
        -2.3679251022685204,
        0.524948541321073,
        1.1241088310450404,
        0.4272876194431874,
        -0.17202221070155493,
    ],
    [
        -9.91568850695171,
        -0.9689944594115154,
        3.0438037242978453,
        -24.495224566215796,
        20.176138334709044,
        15.98066361424651,
        -6.789040303419874,
        -6.710236069923372,
    ],
    [
        11.419903575922262,
        2.8879645146136994,
        72.92137995996029,
        80.12511834622643,
        -52.072871366152654,
        -59.78993625266729,
        -0.15582684282751913,
        4.883087185713722,
    ],
];

/// The stages of a step, and its end. The last stage estimates the error. `None` if the matrix is singular.
pub fn stages<F: Field>(
    field: &F,
    t: F::Number,
    h: Weight<F::Number>,
    y: &F::State,
) -> Option<(Vec<F::State>, F::State)> {
    let (factors, moved) = field.linearize(t, y, h.times(GAMMA))?;
    let one = Weight::Plain(1.0);
    let mut k = Vec::with_capacity(8);
    for i in 0..8 {
        let slope = field.slope(h.times(TIMES[i]).after(t), &combined(field, Some(y), one, A[i], &k));
        let mut terms = vec![(h.times(GAMMA), &slope)];
        if D[i] != 0.0 {
            terms.push((h.squared().times(GAMMA * D[i]), &moved));
        }
        terms.extend(C[i].iter().zip(&k).map(|(c, k)| (Weight::Plain(GAMMA * c), k)));
        k.push(field.solve(&factors, &field.sum(&terms)));
    }
    let end = combined(field, Some(y), one, &END, &k);
    Some((k, end))
}

/// What the interpolation is made of: both ends, and three terms that vanish there.
pub fn parts<F: Field>(field: &F, y: &F::State, end: &F::State, k: &[F::State]) -> [F::State; 5] {
    let [first, second, third] = DENSE.map(|row| combined(field, None, Weight::Plain(1.0), &row, k));
    [y.clone(), end.clone(), first, second, third]
}
