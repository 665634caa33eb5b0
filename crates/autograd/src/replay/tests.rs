//! Loops against the same program node by node.

use proptest::prelude::*;

use super::loops::Loops;
use super::nodes::Nodes;
use super::terms::SEGMENT;
use super::{Compiled, Engine, Program};
use crate::{Arithmetic, Binary, Leaf, Matrix, Real, Tape, Unary, Var, several};

fn sum<N: Arithmetic>(x: &[N]) -> N {
    N::sum(x)
}

fn dot<N: Arithmetic>(a: &[N], b: &[N]) -> N {
    N::dot(a, b)
}

/// A program in single numbers of these inputs, of which the last is a matrix whose entries it reads.
fn record<'t, T: Real>(x: &[Var<'t, T>], steps: &[[u8; 4]]) -> Var<'t, T> {
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
    sum(&values[values.len().saturating_sub(5)..])
}

/// A number in the domain of a function.
fn within<T: Real>((low, high): (f64, f64), x: Var<'_, T>) -> Var<'_, T> {
    match (low.is_finite(), high.is_finite()) {
        (false, _) => x,
        (true, false) => x.square() * 0.25 + (low + 0.5),
        (true, true) => x.tanh() * (0.45 * (high - low)) + (low + high) / 2.0,
    }
}

/// The program of a closure at these inputs, node by node and as loops in segments of this size.
fn both<T: Real>(
    inputs: &[Matrix<T>],
    size: usize,
    f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
) -> [Program<T>; 2] {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.variable(x)).collect();
    let y = f(&x);
    let [nodes, mut loops] = [y.recorded(&x), y.recorded(&x)];
    if let Engine::Nodes(nodes) = &loops.engine {
        let Nodes { inner, inputs, output } = &**nodes;
        let compiled = Loops::new(inner, inputs, *output, size).expect("it is made of single numbers");
        loops.engine = Engine::Loops(Box::new(compiled));
    }
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
        size in prop::sample::select(vec![0, 30, 200, SEGMENT]),
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
        for size in [1000, SEGMENT] {
            let mut programs = both(&x, size, f);
            agree(&mut programs, &turned).unwrap();
            move_alike(&programs, &x).unwrap();
        }
    }
}

/// Inputs that are constants, come twice, are not used or are the output; outputs that are constant.
#[test]
fn inputs_of_every_kind() {
    let tape = Tape::new();
    let [x, unused] = [1.5, 2.0].map(|x| tape.variable(x));
    let constant = tape.constant(3.0);
    let outputs =
        [x, constant, x * constant, constant * constant, tape.constant(2.0).sin(), (x * x + x).sin() * constant];
    for y in outputs {
        for inputs in [vec![x, constant, unused], vec![x, unused, x], vec![unused, constant]] {
            let loops = y.program(&inputs);
            assert!(matches!(loops.engine, Engine::Loops(_)));
            let mut programs = [y.recorded(&inputs), loops];
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

/// A program of matrices stays as it is.
#[test]
fn matrices_run_node_by_node() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::column(&[1.0, 2.0]));
    for (y, loops) in
        [(x.square().sum(), false), (x.at(0, 0) * x.at(1, 0), true), (x.at(0, 0).repeat(2, 1).sum(), false)]
    {
        assert_eq!(matches!(y.program(&[x]).engine, Engine::Loops(_)), loops);
    }
}
