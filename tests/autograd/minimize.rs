//! Minima of functions: where they are known, where bounds hold them, and where there is none.

use autograd::{
    Compiled, Lbfgs, Matrix, Minimum, Number, Real, ScalarTape, Stop, minimize, minimize_within, value_and_gradient,
};
use proptest::prelude::*;

const FREE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// Σ 100 (xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)², least at (1, …, 1).
fn rosenbrock<N: Number>(x: &[N]) -> N {
    let terms = x.windows(2).map(|x| (x[1] - x[0].square()).square() * 100.0 + (-x[0] + 1.0).square());
    N::sum(&terms.collect::<Vec<_>>())
}

/// The same on a tape of single numbers.
fn valley(x: &[f64]) -> (f64, Vec<f64>) {
    let tape = ScalarTape::new();
    let y = rosenbrock(&tape.variables(x));
    (y.value(), y.backward().as_slice().to_vec())
}

fn start(n: usize) -> Vec<f64> {
    (0..n).map(|i| if i % 2 == 0 { -1.2 } else { 1.0 }).collect()
}

#[test]
fn rosenbrocks_valley_by_every_way_to_a_gradient() {
    for (n, evaluations) in [(2, 60), (10, 150), (100, 1000)] {
        let exact = Lbfgs { gradient_tolerance: 1e-11, ..Lbfgs::default() };
        let compiled = Compiled::new(|x| {
            let x: Vec<_> = (0..x[0].rows()).map(|i| x[0].at(i, 0)).collect();
            rosenbrock(&x)
        });
        let recorded = |x: &[f64]| {
            let (value, gradient) = value_and_gradient(
                |x| rosenbrock(&(0..x.rows()).map(|i| x.at(i, 0)).collect::<Vec<_>>()),
                &Matrix::column(x),
            );
            (value, gradient.into_vec())
        };
        let found = [
            exact.minimize(valley, &start(n)),
            exact.minimize(compiled, &start(n)),
            exact.minimize(recorded, &start(n)),
            exact.minimize_within(valley, &start(n), &vec![FREE; n]),
        ];
        for found in found {
            assert_eq!(found.stop, Stop::Gradient, "{found}");
            // From this start there is a second minimum, at x₀ = −1 nearly, above 3 numbers.
            assert!(found.value < 1e-18 && found.x.iter().all(|x| (x - 1.0).abs() < 1e-9), "{n}: {found}");
            assert!(found.evaluations < evaluations, "{n}: {found}");
        }
    }
}

/// The conditions of a minimum within bounds: inside no slope, on a bound a slope that leads outwards.
fn is_least(found: &Minimum<f64>, bounds: &[(f64, f64)], gradient: &[f64], tolerance: f64) {
    for (i, ((x, (low, high)), g)) in found.x.iter().zip(bounds).zip(gradient).enumerate() {
        assert!(low <= x && x <= high, "entry {i}: {x} is not within {low} and {high}");
        let right = g.abs() <= tolerance || (x == low && *g > 0.0) || (x == high && *g < 0.0);
        assert!(right, "entry {i}: slope {g} at {x} within {low} and {high}: {found}");
    }
}

#[test]
fn rosenbrocks_valley_with_bounds_that_hold() {
    for n in [2, 5, 25, 100] {
        for (k, side) in [(0, -0.5), (1, 0.5), (2, 0.8), (3, 1.5)] {
            // Every third entry is held from above, another third from below.
            let bounds: Vec<_> = (0..n)
                .map(|i| match (i + k) % 3 {
                    0 => (-2.0, side),
                    1 => (side, 3.0),
                    _ => FREE,
                })
                .collect();
            // A start that lies outside, on bounds and inside.
            let found = minimize_within(valley, &start(n), &bounds);
            assert!(matches!(found.stop, Stop::Gradient | Stop::NoDescent), "{n} {side}: {found}");
            assert!(found.gradient < 1e-6, "{n} {side}: {found}");
            is_least(&found, &bounds, &valley(&found.x).1, 1e-6);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// ½ xᵀ A x − bᵀ x in a box has one minimum. A projected gradient method with tiny steps finds it too.
    #[test]
    fn a_quadratic_in_a_box(
        (n, entries, b, low, width, x0) in (1..8usize).prop_flat_map(|n| {
            let numbers = |k, low, high| prop::collection::vec(low..high, k);
            (Just(n), numbers(n * n, -1.0, 1.0f64), numbers(n, -3.0, 3.0), numbers(n, -1.0, 1.0), numbers(n, 0.0, 2.0), numbers(n, -3.0, 3.0))
        }),
        edge in any::<bool>(),
    ) {
        let root = Matrix::from_vec(n, n, entries);
        let a = Matrix::from_fn(n, n, |i, j| {
            (0..n).map(|k| root[(k, i)] * root[(k, j)]).sum::<f64>() + if i == j { 0.1 } else { 0.0 }
        });
        let gradient = |x: &[f64]| -> Vec<f64> { (0..n).map(|i| (0..n).map(|j| a[(i, j)] * x[j]).sum::<f64>() - b[i]).collect() };
        let value = |x: &[f64]| -> f64 { gradient(x).iter().zip(x).zip(&b).map(|((g, x), b)| 0.5 * x * (g - b)).sum() };
        let bounds: Vec<_> = low.iter().zip(&width).map(|(&low, width)| (low, low + width)).collect();
        let x0: Vec<f64> = if edge { bounds.iter().map(|bound| bound.1).collect() } else { x0 };
        let found = minimize_within(|x: &[f64]| (value(x), gradient(x)), &x0, &bounds);
        prop_assert!(found.gradient < 1e-7, "{}", found);
        is_least(&found, &bounds, &gradient(&found.x), 1e-7);

        let mut x = found.x.iter().map(|_| 0.0).collect::<Vec<f64>>();
        for _ in 0..20_000 {
            let g = gradient(&x);
            x = x.iter().zip(&g).zip(&bounds).map(|((x, g), bound)| (x - 0.05 * g).clamp(bound.0, bound.1)).collect();
        }
        prop_assert!(x.iter().zip(&found.x).all(|(x, y)| (x - y).abs() < 1e-5), "{:?} {:?}", x, found.x);
    }
}

/// A minimum at a corner, from that corner, from the opposite one, and from outside.
#[test]
fn a_start_on_the_bound() {
    let f = |x: &[f64]| (x[0] + 2.0 * x[1], vec![1.0, 2.0]);
    for x0 in [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [7.0, -9.0]] {
        let found = minimize_within(f, &x0, &[(0.0, 1.0), (0.0, 1.0)]);
        assert_eq!((found.x.as_slice(), found.stop, found.gradient), (&[0.0, 0.0][..], Stop::Gradient, 0.0), "{found}");
    }
    // Bounds without room: nothing moves.
    let found = minimize_within(f, &[5.0, 5.0], &[(2.0, 2.0), (3.0, 3.0)]);
    assert_eq!((found.x, found.value), (vec![2.0, 3.0], 8.0));
    // The bound is off the scale of the first steps.
    let found = minimize_within(|x: &[f64]| (x[0].exp(), vec![x[0].exp()]), &[0.0], &[(-700.0, 1.0)]);
    assert!(found.value < 1e-8, "{found}");
}

/// Singular points inside of the bounds and at them: where there is no number, steps are shortened.
#[test]
fn what_is_not_finite() {
    let f = |x: &[f64]| (x[0] - x[0].ln(), vec![1.0 - 1.0 / x[0]]);
    let found = minimize(f, &[1e-3]);
    assert!((found.x[0] - 1.0).abs() < 1e-7, "{found}");
    let found = minimize_within(f, &[5.0], &[(0.0, 10.0)]);
    assert!((found.x[0] - 1.0).abs() < 1e-7, "{found}");
    let found = minimize_within(f, &[5.0], &[(2.0, f64::INFINITY)]);
    assert_eq!((found.x[0], found.stop), (2.0, Stop::Gradient));

    for x0 in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(minimize(f, &[x0]).stop, Stop::NotFinite, "{x0}");
    }
    assert_eq!(minimize_within(|_: &[f64]| (1.0, vec![1.0]), &[f64::NAN], &[(0.0, 1.0)]).stop, Stop::NotFinite);
    assert_eq!(minimize(|_: &[f64]| (1.0, vec![f64::NAN]), &[0.0]).stop, Stop::NotFinite);
    // NaN everywhere but at the start.
    let found = minimize(|x: &[f64]| (if x[0] == 1.0 { 1.0 } else { f64::NAN }, vec![1.0]), &[1.0]);
    assert_eq!((found.x[0], found.stop), (1.0, Stop::NoDescent));
}

/// In single precision a place is what single numbers round it to.
#[test]
fn in_single_precision() {
    fn parabola<T: Real>(x: &[T]) -> (T, Vec<T>) {
        let third = T::from_f64(1.0 / 3.0);
        let d: Vec<T> = x.iter().map(|&x| x - third).collect();
        (d.iter().fold(T::from_f64(0.0), |sum, &d| sum + d * d), d.iter().map(|&d| d + d).collect())
    }
    let found = minimize(parabola::<f32>, &[5.0, -3.0]);
    assert!(found.x.iter().all(|x| (x - 1.0 / 3.0).abs() < 1e-6), "{found}");
    let found = minimize_within(parabola::<f32>, &[5.0, -3.0], &[(0.7, 9.0), (-1.0, 0.1)]);
    assert_eq!(found.x, [0.7, 0.1]);
}

/// Both populations of prey and predators after 200 steps of the method of Runge and Kutta, at every fifth.
fn populations<N: Number>(p: &[N]) -> Vec<N> {
    let slope = |u: [N; 2]| [p[0] * u[0] - p[1] * u[0] * u[1], p[3] * u[0] * u[1] - p[2] * u[1]];
    let after = |u: [N; 2], k: [N; 2], h: f64| [u[0] + k[0] * h, u[1] + k[1] * h];
    let (mut u, mut all) = ([10.0, 5.0].map(|start| p[0].zero() + start), Vec::new());
    for step in 1..=200 {
        let k1 = slope(u);
        let k2 = slope(after(u, k1, 0.05));
        let k3 = slope(after(u, k2, 0.05));
        let k4 = slope(after(u, k3, 0.1));
        for i in 0..2 {
            u[i] += (k1[i] + (k2[i] + k3[i]) * 2.0 + k4[i]) * (0.1 / 6.0);
        }
        if step % 5 == 0 {
            all.extend(u);
        }
    }
    all
}

/// ½ Σ (population − observed)².
fn misfit<N: Number>(p: &[N], observed: &[f64]) -> N {
    let squares: Vec<_> = populations(p).iter().zip(observed).map(|(&u, &seen)| (u - seen).square()).collect();
    N::sum(&squares) * 0.5
}

/// A number between −1 and 1 that depends on every bit of x.
fn noise(x: &[f64], seed: u64) -> f64 {
    let mix = |h: u64, x: &f64| (h ^ x.to_bits()).wrapping_mul(0xBF58_476D_1CE4_E5B9).rotate_left(27);
    let bits = x.iter().fold(seed.wrapping_add(0x9E37_79B9_7F4A_7C15), mix).wrapping_mul(0x94D0_49BB_1331_11EB);
    (bits >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// The value and the gradient of a function.
type Valued = Box<dyn Fn(&[f64]) -> (f64, Vec<f64>)>;

/// A function with its gradient, where to start, bounds, and its minimum.
struct Problem {
    name: String,
    f: Valued,
    start: Vec<f64>,
    bounds: Vec<(f64, f64)>,
    least: Vec<f64>,
}

fn problems() -> Vec<Problem> {
    let mut all = Vec::new();
    let mut add = |name: &str, f: Valued, start: Vec<f64>, bounds: Vec<(f64, f64)>| {
        let exact = Lbfgs { gradient_tolerance: 1e-9, max_iterations: 10_000, ..Lbfgs::default() };
        let least = exact.minimize_within(&f, &start, &bounds).x;
        all.push(Problem { name: name.to_string(), f, start, bounds, least });
    };
    for n in [2, 10, 100] {
        let held = (0..n).map(|i| [(-2.0, 0.5), (0.2, 3.0), FREE][i % 3]).collect();
        add(&format!("valley {n}"), Box::new(valley), start(n), vec![FREE; n]);
        add(&format!("valley {n} in a box"), Box::new(valley), start(n), held);
    }
    // ½ Σ λᵢ (xᵢ − 1)², with λ from 1 to 10⁶.
    let quadratic = |x: &[f64]| {
        let g: Vec<f64> = (0..).zip(x).map(|(i, x)| 10f64.powf(f64::from(i) / 1.5) * (x - 1.0)).collect();
        (g.iter().zip(x).map(|(g, x)| 0.5 * g * (x - 1.0)).sum(), g)
    };
    let held = (0..10).map(|i| [(-2.0, 0.5), (-1.0, 3.0), FREE][i % 3]).collect();
    add("quadratic", Box::new(quadratic), vec![0.0; 10], vec![FREE; 10]);
    add("quadratic in a box", Box::new(quadratic), vec![0.0; 10], held);
    let observed: Vec<f64> =
        (0u32..).zip(populations(&[1.1, 0.4, 0.4, 0.1])).map(|(i, u)| u + 0.5 * noise(&[i.into()], 1)).collect();
    let fit = move |p: &[f64]| {
        let tape = ScalarTape::new();
        let error = misfit(&tape.variables(p), &observed);
        (error.value(), error.backward().as_slice().to_vec())
    };
    let guess = vec![1.0, 0.35, 0.45, 0.12];
    add("predators", Box::new(fit.clone()), guess.clone(), vec![FREE; 4]);
    add("predators in a box", Box::new(fit), guess, vec![(0.5, 1.08), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0)]);
    all
}

/// Where the values have no more digits, the slopes decide: rounding hardly costs evaluations, and the minimum is right to the digits of
/// the value.
#[test]
fn rounding_hardly_costs_evaluations() {
    let perturbed = [(0.0, 0.0), (1e-16, 0.0), (1e-15, 0.0), (1e-14, 0.0), (0.0, 1e6), (1e-16, 1e6), (1e-15, 1e6)];
    println!("{:<22}{}", "", perturbed.map(|(amount, offset)| format!("{amount:>8.0e} +{offset:.0e}")).concat());
    for Problem { name, f, start, bounds, least } in problems() {
        print!("{name:<22}");
        let mut exact = None;
        for (amount, offset) in perturbed {
            let mut evaluations = 0;
            for seed in 0..if amount > 0.0 { 2 } else { 1 } {
                let found = minimize_within(
                    |x: &[f64]| {
                        let (value, gradient) = f(x);
                        ((value + offset) * (1.0 + amount * noise(x, seed)), gradient)
                    },
                    &start,
                    &bounds,
                );
                let above = f(&found.x).0 - f(&least).0;
                let digits = 400.0 * f64::EPSILON * (offset + f(&least).0) + 1e-15;
                assert!(above <= digits, "{name}, {amount:e} + {offset:e}: {above:e} above the minimum: {found}");
                assert!(offset > 0.0 || found.stop == Stop::Gradient, "{name}, {amount:e}: {found}");
                evaluations = found.evaluations.max(evaluations);
            }
            print!("{evaluations:>13}");
            let exact = *exact.get_or_insert(evaluations);
            assert!(
                evaluations <= exact + exact / 3 + 10,
                "{name}, {amount:e} + {offset:e}: {evaluations} for {exact}"
            );
        }
        println!();
    }
}

/// A tolerance that no gradient reaches ends soon, at a point that is as good as any before.
#[test]
fn a_tolerance_that_is_out_of_reach() {
    let never = Lbfgs { gradient_tolerance: 0.0, ..Lbfgs::default() };
    for Problem { name, f, start, bounds, .. } in problems().into_iter().filter(|p| !p.name.contains("100")) {
        let mut flattest = f64::INFINITY;
        let reached = minimize_within(&f, &start, &bounds);
        let found = never.minimize_within(
            |x: &[f64]| {
                let (value, gradient) = f(x);
                flattest = flattest.min(gradient.iter().fold(0.0, |max, g| g.abs().max(max)));
                (value * (1.0 + 1e-15 * noise(x, 1)), gradient)
            },
            &start,
            &bounds,
        );
        assert!(found.evaluations <= 2 * reached.evaluations + 100, "{name}: {found}, after {reached}");
        assert!(found.gradient <= reached.gradient, "{name}: {found}, after {reached}");
        assert!(bounds.iter().any(|b| *b != FREE) || found.gradient < 1e-9, "{name}: {found}, flattest {flattest:e}");
    }
}

#[test]
fn the_result_reads_as_a_sentence() {
    let text = minimize(|x: &[f64]| (x[0] * x[0], vec![2.0 * x[0]]), &[0.0]).to_string();
    assert_eq!(text, "0.0 after 0 iterations and 1 evaluations, gradient 0.0e0: the gradient is below the tolerance");
}
