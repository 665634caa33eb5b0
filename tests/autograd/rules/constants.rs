//! Every op with some operands constant, with the same variable as several operands, and run again on other
//! inputs. The numbers are those of the op with all operands variable, recorded at these inputs.

use autograd::check::Function;
use autograd::{AxisFunction, Matrix, Op, Order, Real, Tape, Var, jvp, strategies, vjp};
use proptest::prelude::*;

use super::{Rule, away, every_op, numbers, operands};

/// The results of all modes for an op at some operands.
pub(super) struct Found<T> {
    value: Matrix<T>,
    /// For each operand that is a variable: its gradient in reverse, and recorded; the tangent when only it moves, and recorded;
    /// and the gradient of that gradient, in reverse.
    pub(super) of: Vec<Option<[Matrix<T>; 5]>>,
}

/// The weights of a gradient, or the direction of a tangent: powers of two, so that products with them are exact.
fn powers<T: Real>((rows, cols): (usize, usize)) -> Matrix<T> {
    Matrix::from_fn(rows, cols, |i, j| T::from_f64(2f64.powi(((i + 2 * j) % 4) as i32 - 1)))
}

fn record<T: Real>(f: &impl Function, inputs: &[Matrix<T>], constant: impl Fn(usize) -> bool) -> Found<T> {
    record_with(f, inputs, constant, powers)
}

/// The same with other weights and directions.
pub(super) fn record_with<T: Real>(
    f: &impl Function,
    inputs: &[Matrix<T>],
    constant: impl Fn(usize) -> bool,
    powers: impl Fn((usize, usize)) -> Matrix<T>,
) -> Found<T> {
    let tape = Tape::new();
    let leaf = |(k, x): (usize, &Matrix<T>)| {
        if constant(k) { tape.constant(x.clone()) } else { tape.variable(x.clone()) }
    };
    let x: Vec<_> = inputs.iter().enumerate().map(leaf).collect();
    let y = f.call(&x);
    let mut of = Vec::new();
    for &x in &x {
        if !x.needs_gradient() {
            of.push(None);
            continue;
        }
        let (w, dx) = (powers(y.shape()), powers(x.shape()));
        let swept = |y: Var<'_, T>, w: &Matrix<T>| {
            let found = y.needs_gradient().then(|| y.backward_with(w).get(x).map(|dx| dx.to_owned())).flatten();
            found.unwrap_or_else(|| Matrix::zeros(x.rows(), x.cols()))
        };
        let reverse = swept(y, &w);
        let recorded = vjp(&[(y, tape.constant(w))], &[x])[0];
        let twice = swept(recorded, &dx);
        let forward = tape.tangents(&[(x, dx.view())]).of(y);
        let moved = jvp(y, &[(x, tape.constant(dx))]).value();
        of.push(Some([reverse, recorded.value(), forward, moved, twice]));
    }
    Found { value: y.value(), of }
}

/// The same bits, except for the sign of a zero and the payload of a NaN.
pub(super) fn same<T: Real>(a: &Matrix<T>, b: &Matrix<T>) -> bool {
    let alike = |(a, b): (&T, &T)| a == b || a.to_f64().is_nan() && b.to_f64().is_nan();
    a.shape() == b.shape() && a.as_slice().iter().zip(b.as_slice()).all(alike)
}

/// An op with every subset of its operands constant.
fn constants_change_nothing<T: Real>(what: &str, f: &impl Function, x: &[Matrix<T>]) -> Result<(), TestCaseError> {
    let whole = record(f, x, |_| false);
    for subset in 1..1 << x.len() {
        let found = record(f, x, |k| subset >> k & 1 == 1);
        prop_assert!(same(&found.value, &whole.value), "{what}: the value, constants {subset:b}");
        for (k, (found, whole)) in found.of.iter().zip(&whole.of).enumerate() {
            let (Some(found), Some(whole)) = (found, whole) else { continue };
            for (mode, (found, whole)) in found.iter().zip(whole).enumerate() {
                prop_assert!(
                    same(found, whole),
                    "{what}: operand {k}, mode {mode}, constants {subset:b}: {found:?} {whole:?}"
                );
            }
        }
    }
    Ok(())
}

/// An op that was recorded at some inputs, with some of them constant, and runs again on others.
fn replay_is_recording<T: Real>(
    what: &str,
    f: &impl Function,
    [first, then]: [&[Matrix<T>]; 2],
) -> Result<(), TestCaseError> {
    for subset in 0..1 << first.len() {
        let tape = Tape::new();
        let leaf = |(k, x): (usize, &Matrix<T>)| {
            if subset >> k & 1 == 1 { tape.constant(x.clone()) } else { tape.variable(x.clone()) }
        };
        let x: Vec<_> = first.iter().enumerate().map(leaf).collect();
        let mut program = f.call(&x).program(&x);
        prop_assert!(program.run(then).is_ok());
        let fresh = record(f, then, |k| subset >> k & 1 == 1);
        prop_assert!(same(&program.value().to_owned(), &fresh.value), "{what}: constants {subset:b}");
        let gradient = program.backward_with(&powers(fresh.value.shape()));
        for (k, (dx, fresh)) in gradient.iter().zip(&fresh.of).enumerate() {
            let zero = Matrix::zeros(dx.rows(), dx.cols());
            let (reverse, forward) = fresh.as_ref().map_or((&zero, None), |of| (&of[0], Some(&of[2])));
            prop_assert!(same(dx, reverse), "{what}: operand {k}, constants {subset:b}: {dx:?} {reverse:?}");
            let mut directions: Vec<Matrix<T>> = then.iter().map(|x| Matrix::zeros(x.rows(), x.cols())).collect();
            directions[k] = powers(dx.shape());
            let found = program.tangent(&directions);
            for (a, b) in found.as_slice().iter().zip(forward.map_or(&[][..], Matrix::as_slice)) {
                let (a, b) = (a.to_f64(), b.to_f64());
                // Loops add sums in another order.
                prop_assert!((a - b).abs() <= 8.0 * T::EPSILON * b.abs() || !b.is_finite(), "{what}: {a} {b}");
            }
        }
    }
    Ok(())
}

/// An op of one operand in the place of two.
struct Twice<'f, F>(&'f F);

impl<F: Function> Function for Twice<'_, F> {
    fn call<'t, T: Real>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        self.0.call(&[x[0], x[0]])
    }
}

/// One variable as every operand has the sum of their gradients, and moves by the sum of their tangents.
fn coinciding_operands_add<T: Real>(what: &str, f: &impl Function, x: &Matrix<T>) -> Result<(), TestCaseError> {
    let parts = record(f, &[x.clone(), x.clone()], |_| false);
    let (Some(a), Some(b)) = (&parts.of[0], &parts.of[1]) else { unreachable!("both are variables") };
    let found = record(&Twice(f), std::slice::from_ref(x), |_| false);
    prop_assert!(same(&found.value, &parts.value), "{what}: the value of one operand twice");
    // The second derivative has a part of both.
    let one = found.of[0].iter().flatten().take(4);
    for (mode, ((found, a), b)) in one.zip(a).zip(b).enumerate() {
        for ((found, a), b) in found.as_slice().iter().zip(a.as_slice()).zip(b.as_slice()) {
            let (found, a, b) = (found.to_f64(), a.to_f64(), b.to_f64());
            let size = 16.0 * T::EPSILON * (a.abs() + b.abs() + 1.0);
            prop_assert!(
                (found - (a + b)).abs() <= size || !(a + b).is_finite(),
                "{what}: mode {mode}: {found} {a} {b}"
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn operands_of_every_kind(shape in strategies::shapes(), k in 0usize..4, numbers in numbers()) {
        let turned: Vec<f32> = numbers.iter().rev().copied().collect();
        // Recorded as a gradient, which is zero with respect to a constant.
        let by_gradient = |op: &Op<()>| matches!(op, Op::AlongAxis(AxisFunction::CumSum(Order::Backward), ..));
        for op in every_op().into_iter().filter(|op| !by_gradient(op)) {
            for shapes in operands(op, shape, k) {
                let what = format!("{op:?} of {shapes:?}");
                let inputs = [&numbers, &turned].map(|numbers| away(op, &shapes, numbers));
                let wide = inputs.each_ref().map(|x| x.iter().map(|x| x.map(f64::from)).collect::<Vec<_>>());
                constants_change_nothing(&what, &Rule(op), &inputs[0])?;
                constants_change_nothing(&what, &Rule(op), &wide[0])?;
                replay_is_recording(&what, &Rule(op), inputs.each_ref().map(Vec::as_slice))?;
                replay_is_recording(&what, &Rule(op), wide.each_ref().map(Vec::as_slice))?;
                if shapes.len() == 2 && shapes[0] == shapes[1] {
                    coinciding_operands_add(&what, &Rule(op), &inputs[0][0])?;
                    coinciding_operands_add(&what, &Rule(op), &wide[0][0])?;
                    let one = wide.each_ref().map(|x| &x[..1]);
                    replay_is_recording(&format!("{what}, one twice"), &Twice(&Rule(op)), one)?;
                }
            }
        }
    }

    /// The same of whole graphs, in which methods are made of several ops and operands coincide.
    #[test]
    fn inputs_of_every_kind(graph in strategies::graphs(1..8), seed in 0u64..100) {
        let other = |x: &Matrix<f64>| x.map(|x| x * (0.5 + seed as f64 / 256.0));
        let then: Vec<_> = graph.inputs().iter().map(other).collect();
        let what = format!("{graph:?}");
        constants_change_nothing(&what, &graph, graph.inputs())?;
        replay_is_recording(&what, &graph, [graph.inputs(), &then])?;
    }
}
