//! L-BFGS: problems with a known number of steps, with a known minimum, and without a minimum.

use nn::{
    Activation, Gradients, Layer, Lbfgs, LineSearch, Linear, Matrix, MinimizeModel, Minimum, Mlp, Module, Param,
    Reduction, Stop, Tape, Var, loss,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// Minimises a function of one column from `start`; returns the final point and the report.
fn minimize(lbfgs: Lbfgs, start: &[f64], f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>) -> (Vec<f64>, Minimum<f64>) {
    let mut w = Param::new(Matrix::column(start));
    let report = lbfgs.minimize_model(&mut w, |w| {
        let tape = Tape::new();
        let loss = f(tape.param(w));
        (loss.item(), loss.backward())
    });
    (w.value().as_slice().to_vec(), report)
}

/// Σ 100 (wᵢ₊₁ − wᵢ²)² + (1 − wᵢ)², with the minimum at (1, …, 1).
fn rosenbrock(w: Var<'_, f64>) -> Var<'_, f64> {
    let n = w.rows();
    let (a, b) = (w.rows_in(0..n - 1), w.rows_in(1..n));
    ((b - a.square()).square() * 100.0 + (1.0 - a).square()).sum()
}

#[test]
fn rosenbrocks_valley() {
    let exact = Lbfgs { gradient_tolerance: 1e-11, ..Lbfgs::default() };
    for (n, evaluations) in [(2, 60), (20, 250)] {
        let start: Vec<f64> = (0..n).map(|i| if i % 2 == 0 { -1.2 } else { 1.0 }).collect();
        let (w, report) = minimize(exact, &start, rosenbrock);
        assert_eq!(report.stop, Stop::Gradient, "{report:?}");
        assert!(w.iter().all(|w| (w - 1.0).abs() < 1e-10), "{n}: {w:?}");
        assert!(report.evaluations < evaluations, "{report:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// With exact line searches BFGS makes conjugate steps: n of them minimise ½ wᵀ A w − bᵀ w (Nocedal & Wright 2006,
    /// theorem 6.4).
    #[test]
    fn a_quadratic_takes_n_steps(
        (n, entries, b) in (1..7usize).prop_flat_map(|n| {
            let numbers = |k| prop::collection::vec(-1.0..1.0f64, k);
            (Just(n), numbers(n * n), numbers(n))
        }),
    ) {
        let root = Matrix::from_vec(n, n, entries);
        let line_search = LineSearch { curvature: 1e-7, ..LineSearch::default() };
        let exact = Lbfgs { line_search, gradient_tolerance: 1e-5, ..Lbfgs::default() };
        // ½ ‖R w‖² + ½ ‖w‖² − bᵀ w, so A = Rᵀ R + 1.
        let (_, report) = minimize(exact, &vec![0.5; n], |w| {
            let constant = |m: &Matrix<f64>| w.tape().constant(m.clone());
            (constant(&root).matmul(w).square().sum() + w.square().sum()) / 2.0
                - constant(&Matrix::column(&b)).matmul_tn(w)
        });
        prop_assert_eq!(report.stop, Stop::Gradient);
        prop_assert!(report.iterations <= n as u64, "{} steps for n = {}", report.iterations, n);
    }
}

/// A line through points, fitted by the normal equations W = T Xᵀ (X Xᵀ)⁻¹, with a row of ones in X.
#[test]
fn least_squares_as_by_the_normal_equations() {
    let x = Matrix::from_fn(3, 20, |i, j| if i == 2 { 1.0 } else { ((7 * i + 5 * j * j + j) % 11) as f64 / 5.0 - 1.0 });
    let t = Matrix::from_fn(2, 20, |i, j| ((3 * i + j * j) % 13) as f64 / 4.0 + 10.0);
    let tape = Tape::new();
    let (xs, ts) = (tape.constant(&x), tape.constant(&t));
    let expected = xs.matmul_nt(xs).solve(xs.matmul_nt(ts)).unwrap().value();

    let mut layer = Linear { weight: Param::new(Matrix::zeros(2, 2)), bias: Some(Param::new(Matrix::zeros(2, 1))) };
    let features = Matrix::from_fn(2, 20, |i, j| x[(i, j)]);
    let report = Lbfgs { gradient_tolerance: 1e-10, ..Lbfgs::default() }.minimize_model(&mut layer, |layer| {
        let tape = Tape::new();
        let loss = loss::mse(layer.forward(tape.constant(&features)), tape.constant(&t), Reduction::Mean);
        (loss.item(), loss.backward())
    });
    assert_eq!(report.stop, Stop::Gradient, "{report:?}");
    let bias = layer.bias.as_ref().unwrap();
    for k in 0..2 {
        let found = [layer.weight.value()[(k, 0)], layer.weight.value()[(k, 1)], bias.value()[(k, 0)]];
        for i in 0..3 {
            assert!((found[i] - expected[(i, k)]).abs() < 1e-9, "{found:?}");
        }
    }
}

/// Exclusive or in single precision, with a frozen layer that does not change.
#[test]
fn a_network_in_single_precision() {
    let x = Matrix::from([[0.0f32, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]);
    let t = Matrix::row(&[0.0f32, 1.0, 1.0, 0.0]);
    let mut net = Mlp::new(&[2, 8, 1], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(3));
    net.freeze(&|name| name == "layers.0.weight");
    let before = net.clone();
    let report = Lbfgs { gradient_tolerance: 0.0, ..Lbfgs::default() }.minimize_model(&mut net, |net| {
        let tape = Tape::new();
        let loss = loss::mse(net.forward(tape.constant(&x)), tape.constant(&t), Reduction::Mean);
        (loss.item(), loss.backward())
    });
    assert!(report.value < 1e-10, "{report:?}");
    let [before, after] = [&before, &net].map(|net| net.named_params()[0].1.clone());
    assert_eq!(before, after);
}

/// 1 − ln w + w, which is defined only for w > 0. A long first step leaves the domain and is shortened.
#[test]
fn steps_back_from_what_is_not_finite() {
    let (w, report) = minimize(Lbfgs::default(), &[1e-3, 3.0], |w| (w - w.ln()).sum());
    assert_eq!(report.stop, Stop::Gradient, "{report:?}");
    assert!(w.iter().all(|w| (w - 1.0).abs() < 1e-7), "{w:?}");
    // √(w − 1) + …: the minimum is the edge itself, at which the slope is infinite.
    let (w, report) = minimize(Lbfgs::default(), &[2.0], |w| (w - 1.0).sqrt().sum());
    assert!(w[0] >= 1.0 && w[0] < 1.01 && report.value < 0.1, "{w:?} {report:?}");
}

#[test]
fn says_why_it_stopped() {
    let stop = |lbfgs, start: &[f64], f: &dyn for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>| {
        let (w, report) = minimize(lbfgs, start, f);
        (report.stop, w)
    };
    let plain = Lbfgs::default();
    assert_eq!(stop(plain, &[-1.0], &|w| w.ln().sum()), (Stop::NotFinite, vec![-1.0]));
    assert_eq!(stop(plain, &[0.0], &|w| w.square().sum()).0, Stop::Gradient);
    let few = Lbfgs { max_iterations: 3, ..plain };
    assert_eq!(stop(few, &[-1.2, 1.0], &rosenbrock).0, Stop::Iterations);
    let coarse = Lbfgs { value_tolerance: 0.5, ..plain };
    assert_eq!(stop(coarse, &[-1.2, 1.0], &rosenbrock).0, Stop::Value);
    let greedy = Lbfgs { gradient_tolerance: -1.0, ..plain };
    assert_eq!(stop(greedy, &[0.3, 2.0], &|w| (w.square().square() + w.exp()).sum()).0, Stop::NoDescent);

    // The gradient of another loss points uphill.
    let mut w = Param::new(Matrix::from([[1.0]]));
    let report = plain.minimize_model(&mut w, |w| {
        let tape = Tape::new();
        let grads: Gradients<f64> = (-tape.param(w)).backward();
        (w.value()[(0, 0)], grads)
    });
    assert_eq!((report.stop, w.value()[(0, 0)]), (Stop::NoDescent, 1.0));
    // A loss without a minimum.
    assert_ne!(stop(plain, &[0.0], &|w| w.sum()).0, Stop::Gradient);
}
