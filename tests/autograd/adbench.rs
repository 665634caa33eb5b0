//! Scalar programs as in physics, finance and statistics. ADBench's objectives in scalars and in
//! matrices are compared with each other, with differences, and with the results of other programs.

use autograd::{Dual, Matrix, Scalar, ScalarTape, Tape, Var, check, several};
use tape_tests::adbench::gmm::Gmm;
use tape_tests::adbench::lstm::Lstm;
use tape_tests::adbench::rosenbrock::{rosenbrock, start};

type V<'t> = Var<'t, f64>;

/// A small instance of the mixture.
fn small_gmm() -> Gmm {
    let number = |k: usize| (k as f64 * 0.618_034).fract() - 0.4;
    let params = (0..2 * (1 + 3 + 6)).map(number).collect();
    let x = Matrix::from_fn(3, 4, |i, j| 2.0 * number(i + 3 * j + 50));
    Gmm { dim: 3, components: 2, x, params, gamma: 1.3, m: 1, sign: 1.0 }
}

/// A small instance of the recurrent net.
fn small_lstm() -> Lstm {
    let number = |k: usize| (k as f64 * 0.618_034).fract() - 0.4;
    let bits = (0..4).map(|t| (0..2).map(|i| f64::from(u8::from((t + i) % 3 == 0))).collect()).collect();
    let (params, state) = ((0..(8 + 3) * 2).map(number).collect(), (0..4).map(number).collect());
    Lstm { layers: 1, width: 2, params, state, bits }
}

/// The value and the gradient of a program in scalars.
fn of_scalars(params: &[f64], f: impl for<'t> Fn(&[V<'t>]) -> V<'t>) -> (f64, Vec<f64>) {
    let tape = Tape::new();
    let x: Vec<_> = params.iter().map(|&x| tape.variable(x)).collect();
    let y = f(&x);
    let grads = y.backward();
    (y.item(), x.iter().map(|&x| grads.wrt(x)[(0, 0)]).collect())
}

/// The same for a program that was recorded here, run on other numbers, and run here again.
fn of_replay(params: &[f64], f: impl for<'t> Fn(&[V<'t>]) -> V<'t>) -> (f64, Vec<f64>) {
    let tape = Tape::new();
    let x: Vec<_> = params.iter().map(|&x| tape.variable(x)).collect();
    let mut program = f(&x).program(&x);
    let (recorded, elsewhere) = (program.value()[(0, 0)], params.iter().map(|x| 0.9 * x).collect::<Vec<_>>());
    // Comparisons may have other outcomes there.
    let _ = program.run_entries(&elsewhere);
    assert_ne!(program.value()[(0, 0)], recorded);
    program.run_entries(params).unwrap();
    let mut gradient = vec![0.0; params.len()];
    program.gradient_into(&mut gradient);
    (program.value()[(0, 0)], gradient)
}

/// The same on the scalar tape.
fn of_numbers(params: &[f64], f: impl for<'t> Fn(&[Scalar<'t, f64>]) -> Scalar<'t, f64>) -> (f64, Vec<f64>) {
    let tape = ScalarTape::new();
    let y = f(&tape.variables(params));
    (y.value(), y.backward().as_slice().to_vec())
}

/// The value and the gradient of a program in matrices, entry by entry.
fn of_matrices(params: &[Matrix<f64>], f: impl for<'t> Fn(&[V<'t>]) -> V<'t>) -> (f64, Vec<f64>) {
    let (value, gradient) = several::value_and_gradient(f, params);
    (value, gradient.iter().flat_map(|g| g.as_slice().to_vec()).collect())
}

/// ADBench's measure of agreement.
#[track_caller]
fn agree(a: &[f64], b: &[f64], allowed: f64) {
    assert_eq!(a.len(), b.len());
    let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs() / (a.abs() + b.abs()).max(1.0)).fold(0.0, f64::max);
    assert!(apart <= allowed, "{apart:e}");
}

/// Value, sum and norm of the gradient, as other programs print them, with few digits.
#[track_caller]
fn known((value, gradient): &(f64, Vec<f64>), expected: [f64; 3]) {
    let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    for (found, expected) in [*value, gradient.iter().sum(), norm].into_iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-10 * expected.abs(), "{found} {expected}");
    }
}

/// The derivative along a direction by dual numbers is that of the gradient.
#[track_caller]
fn forward_is_reverse(params: &[f64], gradient: &[f64], f: impl Fn(&[Dual<f64>]) -> Dual<f64>) {
    let direction: Vec<f64> = (0..params.len()).map(|k| (k as f64 * 0.754_877).fract() - 0.5).collect();
    let moving = params.iter().zip(&direction).map(|(&value, &tangent)| Dual { value, tangent });
    let forward = f(&moving.collect::<Vec<_>>()).tangent;
    let terms = || gradient.iter().zip(&direction).map(|(g, d)| g * d);
    let size: f64 = terms().map(f64::abs).sum();
    assert!((forward - terms().sum::<f64>()).abs() <= 1e-12 * size, "{forward}");
}

#[test]
fn a_mixture_of_gaussians() {
    let gmm = Gmm::parse(include_str!("../adbench/gmm_d10_K25.txt")).unwrap();
    let scalars = of_scalars(&gmm.params, |x| gmm.scalars(x));
    known(&scalars, [-25649.6526211976, -17695.9952352, 2662.39860131]);
    assert_eq!(of_replay(&gmm.params, |x| gmm.scalars(x)), scalars);
    let matrices = of_matrices(&gmm.matrices_of(), |x| gmm.matrices(x));
    agree(&scalars.1, &matrices.1, 1e-12);
    assert!((gmm.scalars(&gmm.params) - scalars.0).abs() <= 1e-14 * scalars.0.abs());
    let numbers = of_numbers(&gmm.params, |x| gmm.scalars(x));
    assert_eq!(numbers.0, gmm.scalars(&gmm.params));
    agree(&numbers.1, &scalars.1, 1e-12);
    forward_is_reverse(&gmm.params, &scalars.1, |x| gmm.scalars(x));
}

#[test]
fn a_recurrent_network() {
    let files = [include_str!("../adbench/lstm_l2_c1024.txt"), include_str!("../adbench/lstm_l4_c1024.txt")];
    let expected =
        [[0.666665179558852, -0.0381950009733, 0.0947413801145], [0.710676638558428, -0.0327759207378, 0.107445363091]];
    for (file, expected) in files.into_iter().zip(expected) {
        let lstm = Lstm::parse(file).unwrap();
        let scalars = of_scalars(&lstm.params, |x| lstm.scalars(x));
        known(&scalars, expected);
        assert_eq!(of_replay(&lstm.params, |x| lstm.scalars(x)), scalars);
        let vectors = of_matrices(&lstm.vectors_of(), |x| lstm.vectors(x));
        agree(&scalars.1, &vectors.1, 1e-14);
        assert_eq!(lstm.scalars(&lstm.params), scalars.0);
        let numbers = of_numbers(&lstm.params, |x| lstm.scalars(x));
        assert_eq!(numbers.0, scalars.0);
        agree(&numbers.1, &scalars.1, 1e-14);
        forward_is_reverse(&lstm.params, &scalars.1, |x| lstm.scalars(x));
    }
}

#[test]
fn small_instances_to_second_order() {
    let (gmm, lstm) = (small_gmm(), small_lstm());
    check(|x| gmm.matrices(x), &gmm.matrices_of());
    check(|x| lstm.vectors(x), &lstm.vectors_of());
    let scalars = |params: &[f64]| params.iter().map(|&x| Matrix::full(1, 1, x)).collect::<Vec<_>>();
    check(|x| gmm.scalars(x), &scalars(&gmm.params));
    check(|x| lstm.scalars(x), &scalars(&lstm.params));
}

#[test]
fn a_banana() {
    let x = start(1000);
    let found = of_scalars(&x, |x| rosenbrock(x));
    known(&found, [61959.8424965847, -203844.744826, 11909.5850072]);
    assert_eq!(of_replay(&x, |x| rosenbrock(x)), found);
    let numbers = of_numbers(&x, |x| rosenbrock(x));
    assert_eq!(numbers.0, found.0);
    agree(&numbers.1, &found.1, 1e-14);
    forward_is_reverse(&x, &found.1, rosenbrock);
    // A second derivative: dual numbers of variables, differentiated in reverse, and dual numbers of dual numbers.
    let (tape, small) = (Tape::new(), &x[..4]);
    let vars: Vec<_> = small.iter().map(|&x| tape.variable(x)).collect();
    let moving: Vec<_> =
        vars.iter().enumerate().map(|(k, &x)| if k == 1 { Dual::variable(x) } else { Dual::constant(x) }).collect();
    let column = rosenbrock(&moving).tangent.backward();
    for (k, &var) in vars.iter().enumerate() {
        let twice = small.iter().enumerate().map(|(i, &x)| Dual {
            value: if i == 1 { Dual::variable(x) } else { Dual::constant(x) },
            tangent: Dual::constant(f64::from(u8::from(i == k))),
        });
        let expected = rosenbrock(&twice.collect::<Vec<_>>()).tangent.tangent;
        assert!((column.wrt(var)[(0, 0)] - expected).abs() <= 1e-12 * expected.abs());
    }
}

#[test]
fn files_that_are_cut_short() {
    let text = include_str!("../adbench/gmm_d10_K25.txt");
    assert_eq!(Gmm::parse(&text[..text.len() / 2]).err().unwrap(), "the file ends before the data");
    assert!(Lstm::parse("2 x 14").err().unwrap().starts_with("c: "));
}
