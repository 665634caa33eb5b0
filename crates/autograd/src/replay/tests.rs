//! Loops against the same program as terms over matrices.

use proptest::prelude::*;

use super::loops::Loops;
use super::program::Engine;
use super::recorded::Recorded;
use super::terms::SEGMENT_SIZE;
use super::{Compiled, Program};
use crate::{Arithmetic, Binary, Leaf, Matrix, ProgramKind, Real, Tape, Unary, Var, hstack, matrix, several, vstack};

fn sum<N: Arithmetic>(x: &[N]) -> N {
    N::sum(x)
}

fn dot<N: Arithmetic>(a: &[N], b: &[N]) -> N {
    N::dot(a, b)
}

/// A program in single numbers of these inputs, of which the last is a matrix whose entries it reads.
fn record<'t, T: Real>(x: &[Var<'t, T>], steps: &[[u8; 4]]) -> Var<'t, T> {
    let values = record_values(x, steps);
    sum(&values[values.len().saturating_sub(5)..])
}

/// The same that ends in a matrix, with inputs, constants and values that come twice among its entries.
fn record_matrix<'t, T: Real>(x: &[Var<'t, T>], steps: &[[u8; 4]]) -> Var<'t, T> {
    let values = record_values(x, steps);
    let last = values.len() - 1;
    let constant = x[0].tape().constant(Leaf::Number(T::from_f64(0.5)));
    let top = hstack(&[values[last], x[0], values[last / 2], constant.exp()]);
    let bottom = matrix(4, 2, |i, j| values[last - (i * 3 + j) % values.len()]).t();
    vstack(&[top, bottom, hstack(&[constant, x[1], values[last], values[last]])])
}

fn record_values<'t, T: Real>(x: &[Var<'t, T>], steps: &[[u8; 4]]) -> Vec<Var<'t, T>> {
    let (matrix, numbers) = x.split_last().unwrap();
    let mut values = numbers.to_vec();
    values.extend((0..4).map(|k| matrix.at(k % 2, k / 2)));
    let (unary, binary) = (Unary::all(), Binary::ALL);
    for &[op, a, b, detail] in steps {
        // Recent values first, so that most programs are deep.
        let pick = |k: usize| values[values.len() - 1 - k % values.len()];
        let (a, b, detail) = (pick(a.into()), pick(b.into()), usize::from(detail));
        let some = |step: usize| (0..1 + detail % 40).map(|k| pick(k * step)).collect::<Vec<_>>();
        let number = |c| matrix.tape().constant(Leaf::Number(T::from_f64(c)));
        let c = [-1.0, 0.3, 1.0, 0.0, -2.7][detail % 5];
        values.push(match op % 20 {
            0..=2 => a + b,
            3 => a - b,
            4..=6 => a * b,
            7 if detail % 2 == 0 => a * c,
            7 => a * c * 0.7,
            8 => a + c,
            9..=10 => {
                let f = unary[detail % unary.len()];
                within(f.domain(), a).unary(f)
            }
            11..=12 => {
                let f = binary[detail % binary.len()];
                within(f.domain()[0], a).binary(f, within(f.domain()[1], b))
            }
            13 => sum(&some(1)).tanh(),
            14 => dot(&some(1), &some(2)).sin(),
            15 => a.relu().select(b, a),
            16 if detail % 2 == 0 => a.stop_gradient() * b,
            16 => b - a.stop_gradient(),
            17 => a.pow(number(c)),
            18 => number(c) * a + number(2.0),
            _ if a > b => a * 0.5,
            _ => b + 1.0,
        });
    }
    values
}

/// A number in the domain of a function.
fn within<T: Real>((low, high): (f64, f64), x: Var<'_, T>) -> Var<'_, T> {
    match (low.is_finite(), high.is_finite()) {
        (false, _) => x,
        (true, false) => x.square() * 0.25 + (low + 0.5),
        (true, true) => x.tanh() * (0.45 * (high - low)) + (low + high) / 2.0,
    }
}

/// The program of a closure at these inputs, as terms over matrices and as loops in segments of this size.
fn both<T: Real>(
    inputs: &[Matrix<T>],
    size: usize,
    f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
) -> [Program<T>; 2] {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.variable(x)).collect();
    let y = f(&x);
    let [nodes, mut loops] = [y.recorded_program(&x), y.recorded_program(&x)];
    let Recorded { tape, inputs, output } = &**loops.recorded.as_ref().unwrap();
    let compiled = Loops::new(tape, inputs, *output, size).expect("it is made of single numbers");
    loops.engine = Engine::Loops(Box::new(compiled));
    [nodes, loops]
}

fn same<T: Real>(a: T, b: T) -> bool {
    a == b || a.to_f64().is_nan() && b.to_f64().is_nan()
}

/// Values, gradients and outcomes of comparisons are the same to the bit.
fn agree<T: Real>([nodes, loops]: &mut [Program<T>; 2], inputs: &[Matrix<T>]) -> Result<(), TestCaseError> {
    let y = loops.value()[(0, 0)];
    prop_assert!(same(y, nodes.value()[(0, 0)]), "{} {y}", nodes.value()[(0, 0)]);
    prop_assert_eq!(nodes.run(inputs), loops.run(inputs));
    let y = loops.value()[(0, 0)];
    prop_assert!(same(y, nodes.value()[(0, 0)]), "{} {y}", nodes.value()[(0, 0)]);
    let entries: Vec<T> = inputs.iter().flat_map(|x| x.as_slice().to_vec()).collect();
    let mut gradients = [nodes, loops].map(|program| {
        let _ = program.run_entries(&entries);
        let mut gradient = vec![T::from_f64(7.0); entries.len()];
        program.gradient_into(&mut gradient);
        gradient
    });
    let [expected, found] = &mut gradients;
    prop_assert!(expected.iter().zip(&*found).all(|(&a, &b)| same(a, b)), "{expected:?}\n{found:?}");
    Ok(())
}

/// Tangents are the same but for roundings: sums are added in another order.
fn move_alike(programs: &[Program<f64>; 2], inputs: &[Matrix<f64>]) -> Result<(), TestCaseError> {
    let [expected, found] = programs.each_ref().map(|program| program.tangent(inputs)[(0, 0)]);
    let gradient = programs[0].backward();
    let terms = gradient.iter().zip(inputs).flat_map(|(g, x)| g.as_slice().iter().zip(x.as_slice()));
    let size: f64 = terms.map(|(g, x)| (g * x).abs()).sum();
    if size.is_finite() && expected.is_finite() {
        prop_assert!((expected - found).abs() <= 1e-10 * size.max(1.0), "{expected} {found} of {size}");
    }
    Ok(())
}

fn inputs(numbers: &[f64]) -> Vec<Matrix<f64>> {
    let (single, matrix) = numbers.split_at(3);
    let single = single.iter().map(|&x| Matrix::full(1, 1, x));
    single.chain([Matrix::from_vec(2, 2, matrix.to_vec())]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn loops_are_the_nodes(
        steps in prop::collection::vec(any::<[u8; 4]>(), 1..120),
        at in prop::collection::vec(-2.0..2.0f64, 7),
        then in prop::collection::vec(-2.0..2.0f64, 7),
        size in prop::sample::select(vec![0, 30, 200, SEGMENT_SIZE]),
    ) {
        let mut programs = both(&inputs(&at), size, |x| record(x, &steps));
        for x in [&at, &then, &at] {
            agree(&mut programs, &inputs(x))?;
            move_alike(&programs, &inputs(x))?;
        }
        let single = |x: &[f64]| inputs(x).iter().map(|x| x.map(|x| x as f32)).collect::<Vec<_>>();
        let mut programs = both(&single(&at), size, |x| record(x, &steps));
        agree(&mut programs, &single(&then))?;
    }

    #[test]
    fn matrices_of_single_numbers(
        steps in prop::collection::vec(any::<[u8; 4]>(), 1..60),
        at in prop::collection::vec(-2.0..2.0f64, 7),
        then in prop::collection::vec(-2.0..2.0f64, 7),
        size in prop::sample::select(vec![0, 30, SEGMENT_SIZE]),
    ) {
        let [mut nodes, mut loops] = both(&inputs(&at), size, |x| record_matrix(x, &steps));
        for x in [&at, &then].map(|x| inputs(x)) {
            let ran = loops.run(&x);
            prop_assert_eq!(nodes.run(&x), ran);
            if ran.is_err() {
                continue; // the values mean nothing, and NaN may have either sign
            }
            prop_assert_eq!(nodes.value().shape(), loops.value().shape());
            prop_assert!(nodes.value().as_slice().iter().zip(loops.value().as_slice()).all(|(&a, &b)| same(a, b)));
            let (rows, cols) = nodes.value().shape();
            let w = Matrix::from_fn(rows, cols, |i, j| (1.7 * i as f64 - 0.9 * j as f64).cos());
            let (expected, found) = (nodes.backward_with(&w), loops.backward_with(&w));
            for (a, b) in expected.iter().zip(&found).flat_map(|(a, b)| a.as_slice().iter().zip(b.as_slice())) {
                prop_assert!(same(*a, *b) || (a - b).abs() <= 1e-9 * (1.0 + a.abs()) || a.abs() > 1e12, "{} {}", a, b);
            }
            // ⟨w, J v⟩ = ⟨Jᵀ w, v⟩ of the loops alone.
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let forward = dot(loops.tangent(&x).as_slice(), w.as_slice());
            let terms = found.iter().zip(&x);
            let (mut backward, mut largest) = (0.0, 1.0f64);
            for (g, x) in terms {
                backward += dot(g.as_slice(), x.as_slice());
                largest = g.as_slice().iter().fold(largest, |max, g| max.max(g.abs()));
            }
            let known = largest < 1e6 && (forward + backward).is_finite();
            prop_assert!(!known || (forward - backward).abs() < 1e-6 * largest, "{} {}", forward, backward);
        }
    }
}

/// Loops that are wider than a block, sums that are longer than a node, and chains that are cut into segments.
#[test]
fn wide_and_long_programs() {
    let x: Vec<Matrix<f64>> = (0..5000).map(|k| Matrix::full(1, 1, (k as f64 * 0.618_034).fract() - 0.3)).collect();
    let turned: Vec<_> = x.iter().rev().cloned().collect();
    type Recorded = for<'t> fn(&[Var<'t, f64>]) -> Var<'t, f64>;
    let programs: [Recorded; 5] = [
        |x| sum(&x.windows(3).map(|x| (x[0] * x[1]).sin() * x[2] + x[0]).collect::<Vec<_>>()),
        |x| dot(x, &x.iter().map(|x| x.exp()).collect::<Vec<_>>()),
        |x| sum(&x.iter().chain(x).chain(x).copied().collect::<Vec<_>>()),
        |x| x.iter().fold(x[0], |y, &x| y + x * x),
        |x| x.iter().fold(x[0], |y, &x| (y * 0.9 + x).tanh() - y * x),
    ];
    for f in programs {
        for size in [1000, SEGMENT_SIZE] {
            let mut programs = both(&x, size, f);
            agree(&mut programs, &turned).unwrap();
            move_alike(&programs, &x).unwrap();
        }
    }
}

/// Inputs that are constants, are not used or are the output; outputs that are constant.
#[test]
fn inputs_of_every_kind() {
    let tape = Tape::new();
    let [x, unused] = [1.5, 2.0].map(|x| tape.variable(x));
    let constant = tape.constant(3.0);
    let outputs =
        [x, constant, x * constant, constant * constant, tape.constant(2.0).sin(), (x * x + x).sin() * constant];
    for y in outputs {
        for inputs in [vec![x, constant, unused], vec![x, unused], vec![unused, constant]] {
            let loops = y.program(&inputs);
            assert!(matches!(loops.engine, Engine::Loops(_)));
            let mut programs = [y.recorded_program(&inputs), loops];
            let at: Vec<_> = (0..inputs.len()).map(|k| Matrix::full(1, 1, 0.7 - k as f64)).collect();
            agree(&mut programs, &at).unwrap();
            move_alike(&programs, &at).unwrap();
        }
    }
}

/// A closure is recorded again where a comparison goes another way, and becomes loops once it has been replayed.
#[test]
fn closures_that_branch() {
    fn f<'t>(x: &[Var<'t, f64>]) -> Var<'t, f64> {
        if x[0] > x[1] { (x[0] * x[1]).sin() + x[0] } else { x[1].exp() * x[0] }
    }
    let mut compiled = Compiled::new(f);
    let points = [(2.0, 1.0), (3.0, 1.0), (4.0, 2.0), (1.0, 2.0), (0.5, 2.0), (0.1, 3.0), (5.0, 1.0)];
    for (a, b) in points {
        let x = [Matrix::full(1, 1, a), Matrix::full(1, 1, b)];
        assert_eq!(compiled.value_and_gradient(&x), several::value_and_gradient(f, &x));
    }
    assert_eq!(compiled.recordings(), 3);
}

/// What keeps a program from running as loops is named with its op, its shape and its line; what does not, is none.
#[test]
fn kinds_and_what_prevents_loops() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::column(&[1.0, 2.0]));
    let (a, b) = (x.at(0, 0), x.at(1, 0));
    let loops = [a * b, hstack(&[a, b]), vstack(&[a.sin(), b]).t(), matrix(2, 2, |i, j| if i == j { a } else { b })];
    for y in loops {
        let program = y.program(&[x]);
        assert!(matches!(program.kind(), ProgramKind::Loops { .. }), "{program}");
    }
    let rows = hstack(&[a, b]);
    let sums = [
        (x.sin().sum(), "sin(%0)", (2, 1)),
        (rows.square().sum(), "pad(%1, (0, 0)) + pad(%2, (0, 1))", (1, 2)),
        (x, "variable", (2, 1)),
        // Two parts at one place are added.
        (a.pad((0, 0), (2, 1)) + b.pad((0, 0), (2, 1)), "pad(", (2, 1)),
    ];
    for (y, formula, shape) in sums {
        match y.program(&[x]).kind() {
            ProgramKind::Matrices(node) => {
                assert!(node.formula.contains(formula), "{node}");
                assert_eq!(node.shape, shape);
                assert!(node.source.file().ends_with("tests.rs") && node.to_string().contains("tests.rs:"), "{node}");
            }
            kind => panic!("{kind}"),
        }
    }
    let mut compiled = Compiled::new(|x| x[0] * x[0].item());
    assert_eq!(compiled.to_string(), "a closure that has not been called");
    for recorded in ["once", "2 times"] {
        compiled.value(&[Matrix::full(1, 1, 2.0)]);
        let text = format!(
            "a closure that was recorded {recorded} and cannot be replayed, because the closure takes a plain number off the tape at "
        );
        assert!(compiled.to_string().starts_with(&text), "{compiled}");
    }
}

/// A closure that cannot be replayed names its own line, whatever it reads.
#[test]
fn the_line_that_reads() {
    type Closure = for<'t> fn(Var<'t, f64>) -> Var<'t, f64>;
    let readers: [Closure; 16] = [
        |x| x * x.at(0, 0).item(),
        |x| x * x.tape().constant(x.value()),
        |x| x * x.sum().backward().wrt(x)[(0, 0)],
        |x| x * x.tape().tangents(&[(x, Matrix::full(2, 2, 1.0).view())]).of(x)[(0, 0)],
        |x| x.solve(x).unwrap(),
        |x| x.inverse().unwrap(),
        |x| x.determinant().unwrap(),
        |x| x.log_abs_determinant().unwrap().0,
        |x| x.cholesky().unwrap(),
        |x| x.qr().unwrap().1,
        |x| x.svd().unwrap().1,
        |x| x.singular_values().unwrap(),
        |x| x.pinv(None).unwrap(),
        |x| x.symmetric_eigenvalues().unwrap(),
        |x| x.matrix_exp().unwrap(),
        |x| x.sort(crate::Axis::Rows).0,
    ];
    for (k, read) in readers.into_iter().enumerate() {
        let mut compiled = Compiled::new(|x| read(x[0]).sum());
        compiled.value(&[Matrix::from([[2.0, 1.0], [1.0, 3.0]])]);
        let ProgramKind::Recorded { source } = compiled.kind() else { panic!("{k}: {compiled}") };
        assert!(source.file().ends_with("replay/tests.rs"), "{k}: {compiled}");
    }
}

/// A chain has loops of one term, and independent terms share a loop.
#[test]
fn terms_of_a_loop() {
    let tape = Tape::new();
    let x = tape.variable(0.5);
    let chain = (0..50).fold(x, |y, _| y.sin());
    assert_eq!(chain.program(&[x]).kind(), ProgramKind::Loops { terms: 50, loops: 50 });
    let many: Vec<_> = (0..50).map(|k| (x + f64::from(k)).sin()).collect();
    let ProgramKind::Loops { terms, loops } = hstack(&many).program(&[x]).kind() else { panic!("loops") };
    assert!(terms >= 50 && loops <= 4, "{terms} terms in {loops} loops");
}

/// A program of matrices stays as it is.
#[test]
fn matrices_stay_matrices() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::column(&[1.0, 2.0]));
    for (y, loops) in
        [(x.square().sum(), false), (x.at(0, 0) * x.at(1, 0), true), (x.at(0, 0).repeat(2, 1).sum(), false)]
    {
        assert_eq!(matches!(y.program(&[x]).engine, Engine::Loops(_)), loops);
    }
}

/// A zero of the other sign is another input.
#[test]
fn compiled_closures_tell_zeros_apart() {
    let mut single = Compiled::new(|x: &[Var<'_, f64>]| 1.0 / x[0]);
    let mut matrices = Compiled::new(|x: &[Var<'_, f64>]| (1.0 / x[0]).sum());
    for x in [2.0, 1.0, 0.0, -0.0, -0.0, 0.0, 0.0, f64::NAN, 1.0, 2.0, 1.0] {
        for (found, expected) in [
            (single.value(&[Matrix::full(1, 1, x)]), 1.0 / x),
            (matrices.value(&[Matrix::column(&[x, 4.0])]), 1.0 / x + 0.25),
        ] {
            assert!(found == expected || (found.is_nan() && x.is_nan()), "{x:?}: {found} {expected}");
        }
    }
}

/// Entries of an input that stay while another entry moves.
#[test]
fn a_jacobian_by_tangents_is_that_of_the_sweep() {
    let samples = Matrix::from_fn(1, 7, |_, j| j as f64 - 3.0);
    let mut f = Compiled::new(|theta: &[Var<'_, f64>]| {
        let x = theta[0].tape().constant(samples.clone());
        let [a, b, c] = std::array::from_fn(|k| theta[0].at(k, 0));
        a * (x * b).exp() + theta[0].rows_in(1..3).sum() * x + (c - c) * theta[0].t().matmul(theta[0])
    });
    for step in 0..4 {
        let program = f.run(&[Matrix::column(&[1.0 + step as f64, 0.5, -0.25])]);
        let found = program.jacobian();
        for row in 0..7 {
            let one = Matrix::from_fn(1, 7, |_, j| if j == row { 1.0 } else { 0.0 });
            let expected = program.backward_with(&one).swap_remove(0);
            let near = (0..3).all(|k| (found[(row, k)] - expected[(k, 0)]).abs() < 1e-12);
            assert!(near, "{found:?} {expected:?}");
        }
    }
}
