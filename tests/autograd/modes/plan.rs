//! Plans: the bits of the tape, for new values of inputs and parameters.

use std::sync::Arc;

use autograd::strategies::{Graph, graphs, matrices};
use autograd::{
    CustomOp, Matrix, MatrixRef, Param, Plan, PlanMisfit, Real, Tape, Var, checkpoint, formula, hstack, matrix, vstack,
};
use proptest::prelude::*;
use tape_tests::panic_of;

use super::numbers;

/// What an input of a graph is.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A constant that is given in every run.
    Given,
    /// A variable that is given in every run.
    Moving,
    Trained,
    Frozen,
    /// A constant, or a variable, that stays as it is.
    Kept,
    KeptMoving,
}

const KINDS: [Kind; 6] = [Kind::Given, Kind::Moving, Kind::Trained, Kind::Frozen, Kind::Kept, Kind::KeptMoving];

/// The inputs of a graph on a tape.
fn enter<'t, T: Real>(
    tape: &'t Tape<'t, T>,
    kinds: &[Kind],
    x: &'t [Matrix<T>],
    params: &'t [Param<T>],
) -> Vec<Var<'t, T>> {
    let var = |(kind, (x, param))| match kind {
        Kind::Given | Kind::Kept => tape.constant(x),
        Kind::Moving | Kind::KeptMoving => tape.variable(x),
        Kind::Trained | Kind::Frozen => tape.param(param),
    };
    kinds.iter().copied().zip(x.iter().zip(params)).map(var).collect()
}

/// The sum of a graph's value, of which one node is computed in another way, and of a parameter.
fn number<'t, T: Real>(graph: &Graph, special: (usize, u8), x: &[Var<'t, T>], own: &'t Param<T>) -> Var<'t, T> {
    let y = graph.record_with(x, |k, y, _| match (k == special.0, special.1) {
        (true, 0) => checkpoint(|v| v[0].sin() * v[1], &[y, y]),
        (true, 1) => y.map(formula!(|y| y.tanh() * y)),
        (true, 2) => hstack(&[y.columns(1..y.cols()), y.columns(0..1)]) + y,
        _ => y,
    });
    y.sum() + y.tape().param(own) * 0.5
}

fn bits<T: Real>(x: MatrixRef<'_, T>) -> Vec<u64> {
    x.as_slice().iter().map(|x| if x.to_f64().is_nan() { f64::NAN } else { x.to_f64() }.to_bits()).collect()
}

fn check_plan<T: Real>(
    graph: &Graph,
    kinds: [Kind; 3],
    special: (usize, u8),
    other: &Matrix<f64>,
) -> Result<(), TestCaseError> {
    let own = Param::new(Matrix::full(1, 1, T::from_f64(0.25)));
    let inputs = |move_by: f64| -> Vec<Matrix<T>> {
        let moved = |x: &Matrix<f64>| {
            Matrix::from_fn(x.rows(), x.cols(), |i, j| T::from_f64(x[(i, j)] + move_by * other[(i, j)]))
        };
        graph.inputs().iter().map(moved).collect()
    };
    let params_of = |x: &[Matrix<T>]| -> Vec<Param<T>> { x.iter().map(|x| Param::new(x.clone())).collect() };
    let first = inputs(0.0);
    let mut params = params_of(&first);
    let kinds = &kinds[..params.len()];
    kinds
        .iter()
        .zip(&mut params)
        .filter(|(kind, _)| matches!(kind, Kind::Frozen))
        .for_each(|(_, param)| param.freeze());
    let is_given = |k: usize| matches!(kinds[k], Kind::Given | Kind::Moving);
    let mut plan = {
        let tape = Tape::new();
        let x = enter(&tape, kinds, &first, &params);
        let given: Vec<_> = (0..x.len()).filter(|&k| is_given(k)).map(|k| x[k]).collect();
        number(graph, special, &x, &own).plan(&given).map_err(|why| TestCaseError::fail(why.to_string()))?
    };
    for move_by in [0.0, 0.5, -0.25] {
        let mut x = inputs(move_by);
        for (k, kind) in kinds.iter().enumerate() {
            match kind {
                Kind::Trained | Kind::Frozen => params[k].value_mut().as_mut_slice().copy_from_slice(x[k].as_slice()),
                Kind::Kept | Kind::KeptMoving => x[k] = first[k].clone(),
                _ => {}
            }
        }
        let given: Vec<_> = (0..x.len()).filter(|&k| is_given(k)).map(|k| x[k].view()).collect();
        let refs: Vec<_> = params.iter().rev().chain([&own]).collect();
        let run = plan.run(&given, &refs, None).map_err(|why| TestCaseError::fail(why.to_string()))?;
        let (value, grads) = (run.item(), run.backward_times(T::from_f64(0.5)));
        let tape = Tape::new();
        let vars = enter(&tape, kinds, &x, &params);
        let y = number(graph, special, &vars, &own);
        let expected = y.backward_with(&Matrix::full(1, 1, T::from_f64(0.5)));
        let same = |what: &str, a: MatrixRef<'_, T>, b: MatrixRef<'_, T>| {
            prop_assert_eq!(bits(a), bits(b), "{} of {:?}: {:?} {:?}\n{}", what, kinds, a, b, graph);
            Ok(())
        };
        same("value", MatrixRef::new(1, 1, &[value]), MatrixRef::new(1, 1, &[y.item()]))?;
        same("own gradient", grads.wrt(&own), expected.wrt(&own))?;
        for (k, kind) in kinds.iter().enumerate().filter(|(_, kind)| matches!(kind, Kind::Trained)) {
            same(&format!("{kind:?} {k}"), grads.wrt(&params[k]), expected.wrt(&params[k]))?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever an input is, and whichever node has a rule of its own or shares its columns.
    #[test]
    fn a_plan_is_a_recording(
        graph in graphs(1..20), kinds in prop::array::uniform3(0..KINDS.len()), at in 0usize..20, rule in 0u8..4,
        other in matrices(4, 4), single in any::<bool>(),
    ) {
        let (kinds, special) = (kinds.map(|k| KINDS[k]), (at % graph.len().max(1), rule));
        if single {
            check_plan::<f32>(&graph, kinds, special, &other)?;
        } else {
            check_plan::<f64>(&graph, kinds, special, &other)?;
        }
    }
}

/// The gradients of variables among the inputs, and of several branches of columns.
#[test]
fn inputs_have_gradients() {
    let (a, b) = (numbers(3, 4, 1), numbers(3, 4, 2));
    let tape = Tape::new();
    let x = tape.variable(&a);
    let y = (x.columns(1..3).sin() * x.columns(0..2)).sum() + x.columns(2..4).square().sum();
    let mut plan = y.plan(&[x]).unwrap();
    let found = plan.run(&[b.view()], &[], None).unwrap().backward().wrt(x).to_owned();
    let again = Tape::new();
    let v = again.variable(&b);
    let y = (v.columns(1..3).sin() * v.columns(0..2)).sum() + v.columns(2..4).square().sum();
    assert_eq!(found, y.backward().wrt(v).to_owned());
}

/// New random numbers and new values of buffers, as on a tape of the same seed.
#[test]
fn a_training_pass_is_drawn_anew() {
    let (mean, w) = (Param::buffer(Matrix::from([[2.0]])), Param::new(Matrix::from([[1.5, -0.5]])));
    fn loss<'t>(tape: &'t Tape<'t, f64>, w: &'t Param<f64>, mean: &'t Param<f64>, x: Var<'t, f64>) -> Var<'t, f64> {
        let noise = |seed: u64, x: &mut [f64]| x.iter_mut().for_each(|x| *x = (seed >> 40) as f64 / 2f64.powi(24));
        let _unused = tape.drawn((1, 1), noise);
        // A checkpoint uses up a seed.
        let y = checkpoint(|v| v[0].sin(), &[tape.param(w) * x]) + tape.drawn((1, 2), noise).unwrap();
        for _ in 0..2 {
            tape.update_to(mean, tape.pending(mean) * 0.5 + y.mean());
        }
        (y - tape.param(mean)).square().sum()
    }
    let x = Matrix::from([[0.25, 4.0]]);
    let mut plan = {
        let tape = Tape::training(0);
        let x = tape.constant(&x);
        loss(&tape, &w, &mean, x).plan(&[x]).unwrap()
    };
    for seed in 0..4 {
        let x = Matrix::from([[seed as f64, 1.0]]);
        let run = plan.run(&[x.view()], &[&w, &mean], Some(seed)).unwrap();
        let (value, grads) = (run.item(), run.backward());
        let tape = Tape::training(seed);
        let y = loss(&tape, &w, &mean, tape.constant(&x));
        let expected = y.backward();
        assert_eq!((value, grads.wrt(&w), grads.updated(&mean)), (y.item(), expected.wrt(&w), expected.updated(&mean)));
    }
    assert!(matches!(plan.run(&[x.view()], &[&w, &mean], None).err(), Some(PlanMisfit::Pass)));
}

#[test]
fn what_does_not_fit_is_said() {
    let (mut w, x) = (Param::new(numbers(2, 2, 1)), numbers(2, 3, 2));
    let mut plan = {
        let tape = Tape::new();
        let x = tape.constant(&x);
        let y = tape.param(&w).matmul(x);
        (if y.at(0, 0) > y.at(1, 1) { y.sum() } else { y.square().sum() }).plan(&[x]).unwrap()
    };
    let mut said = |x: &[&Matrix<f64>], params: &[&Param<f64>], seed| {
        let views: Vec<_> = x.iter().map(|x| x.view()).collect();
        plan.run(&views, params, seed).err().map_or("nothing".to_owned(), |why| why.to_string())
    };
    assert_eq!(said(&[&x], &[&w], None), "nothing");
    assert!(said(&[], &[&w], None).contains("inputs of shapes [] for a recording of [(2, 3)]"));
    assert!(said(&[&numbers(2, 2, 1)], &[&w], None).contains("[(2, 2)]"));
    assert!(said(&[&x], &[], None).contains("1 of 1 recorded parameters are not given"));
    assert!(said(&[&x], &[&Param::new(numbers(2, 2, 1))], None).contains("1 of 1 recorded parameters are not given"));
    assert!(said(&[&x], &[&w], Some(1)).contains("needs a seed"));
    assert!(said(&[&x.map(|x| -x)], &[&w], None).contains("plan.rs"));
    w.freeze();
    assert!(said(&[&x], &[&w], None).contains("trained: false"));
}

#[test]
fn a_recording_that_cannot_be_planned_names_the_line() {
    let x = numbers(2, 2, 1);
    let why = |read: fn(Var<'_, f64>)| {
        let tape = Tape::training(1);
        let v = tape.variable(&x);
        read(v);
        v.square().sum().plan(&[v]).err().map(|why| why.to_string()).unwrap_or_default()
    };
    assert_eq!(why(|_| ()), "");
    for (text, read) in [
        ("reads a plain number", (|v| drop(v.value())) as fn(Var<'_, f64>)),
        ("draws a random number", |v| _ = v.tape().draw()),
        ("draws random numbers in a checkpoint", |v| {
            let noise = |seed: u64, x: &mut [f64]| x.fill(seed as f64);
            _ = checkpoint(move |v| v[0] * v[0].tape().drawn((2, 2), noise).unwrap(), &[v]);
        }),
        ("a training pass of its own", |v| v.tape().as_in_training(1, || ())),
        ("a one-hot constant of classes", |v| _ = v.tape().one_hot(2, &[0, 1])),
        ("notes a plain number", |v| v.tape().note_mean(Some(2.0))),
        ("whose success depends on numbers", |v| _ = matrix(2, 2, |i, j| v.at(i, j)).determinant().unwrap().item()),
    ] {
        let said = why(read);
        assert!(said.contains(text) && said.contains("modes/plan.rs:"), "{text}: {said}");
    }
}

/// The sum of the positive entries, and no value for a matrix without any.
struct Positive;

impl CustomOp<f64> for Positive {
    fn name(&self) -> &str {
        "positive"
    }
    fn forward(&self, x: &[MatrixRef<'_, f64>]) -> Matrix<f64> {
        let positive: Vec<f64> = x[0].as_slice().iter().copied().filter(|x| *x > 0.0).collect();
        assert!(!positive.is_empty(), "there is no positive entry");
        Matrix::row(&positive)
    }
    fn pullback<'t>(&self, x: &[Var<'t, f64>], _: Var<'t, f64>, dy: Var<'t, f64>) -> Vec<Option<Var<'t, f64>>> {
        let sum = dy.mean();
        vec![Some(x[0].step() * sum)]
    }
}

/// A function that a comparison guards is not computed if the comparison has another outcome, and a value of another shape is no panic.
#[test]
fn a_guarded_function_is_not_called() {
    let x = Matrix::row(&[1.0, -2.0, 3.0]);
    let mut plan = {
        let tape = Tape::new();
        let x = tape.variable(&x);
        let y = if x.max_entry() > 0.0 { tape.custom(Positive, &[x]).sum() } else { x.square().sum() };
        y.plan(&[x]).unwrap()
    };
    assert_eq!(plan.run(&[x.view()], &[], None).unwrap().item(), 4.0);
    let misfit = |x: [f64; 3], plan: &mut Plan<f64>| plan.run(&[Matrix::row(&x).view()], &[], None).err().unwrap();
    assert!(matches!(misfit([-1.0; 3], &mut plan), PlanMisfit::Stale(_)));
    let said = misfit([1.0; 3], &mut plan).to_string();
    assert!(said.contains("positive") && said.contains("1 × 3") && said.contains("plan.rs:"), "{said}");
}

/// What a checkpoint does to the pass, or decides by numbers, cannot be seen by a plan.
#[test]
fn a_checkpoint_that_is_more_than_a_formula_is_not_planned() {
    type Inside = for<'a> fn(&[Var<'a, f64>]) -> Var<'a, f64>;
    let said = |f: Inside| {
        let tape = Tape::new();
        let v = tape.variable(Matrix::from([[0.0, 0.5]]));
        checkpoint(f, &[v.sqrt()]).sum().plan(&[v]).err().map(|why| why.to_string()).unwrap_or_default()
    };
    assert_eq!(said(|v| v[0].sin()), "");
    for (text, f) in [
        ("compares", (|v| if v[0].sum() > 9.0 { v[0].sin() } else { v[0].stop_gradient() }) as Inside),
        ("reads", |v| v[0] * v[0].value()[(0, 0)]),
        ("updates", |v| {
            v[0].tape().update_to(&Param::buffer(Matrix::zeros(1, 2)), v[0]);
            v[0].sin()
        }),
        ("mean", |v| {
            v[0].tape().note_mean_over(v[0].sum());
            v[0].sin()
        }),
    ] {
        let said = said(f);
        assert!(
            said.contains(text) && said.contains("in a checkpoint at") && said.contains("plan.rs:"),
            "{text}: {said}"
        );
    }
}

/// Updates of a buffer follow each other whichever way they are requested, and those of another pass are forgotten.
#[test]
fn updates_follow_each_other() {
    /// What becomes of the value, and how it is requested.
    type Way = (fn(f64) -> f64, for<'t> fn(&'t Tape<'t, f64>, &'t Arc<Param<f64>>));
    let ways: [Way; 4] = [
        (|x| x * 0.5 + 1.0, |tape, buffer| tape.update_to(buffer, tape.pending(buffer) * 0.5 + 1.0)),
        (|x| x + 3.0, |tape, buffer| tape.update(buffer, |x| x.map(|x| x + 3.0))),
        (|x| x, |tape, buffer| tape.as_in_training(5, || tape.update_to(buffer, tape.pending(buffer) * 7.0))),
        (
            |x| x * 4.0,
            |tape, buffer| {
                let own = buffer.clone();
                let x = tape.variable(1.0);
                _ = checkpoint(
                    move |v| {
                        v[0].tape().update(&own, |x| x.map(|x| x * 4.0));
                        v[0].sin()
                    },
                    &[x],
                );
            },
        ),
    ];
    for order in 0..4usize.pow(4) {
        let (buffer, mut expected) = (Arc::new(Param::buffer(Matrix::from([[8.0]]))), 8.0);
        let tape = Tape::training(0);
        for place in 0..4 {
            let (f, way) = ways[order / 4usize.pow(place) % 4];
            expected = f(expected);
            way(&tape, &buffer);
        }
        assert_eq!(tape.pending(&buffer).item(), expected, "{order}");
        let grads = tape.variable(1.0).backward();
        assert_eq!(grads.updated(&buffer).map_or(8.0, |x| x[(0, 0)]), expected, "{order}");
    }
}

/// A parameter that is bound to another one still has a value of its own in every run.
#[test]
fn a_parameter_can_be_bound_to_another() {
    let (own, other) = (Param::new(Matrix::from([[2.0]])), Param::new(Matrix::from([[7.0]])));
    let mut plan = {
        let tape = Tape::new();
        tape.bind(&other, tape.param(&own));
        (tape.param(&other) * tape.param(&own)).plan(&[]).unwrap()
    };
    let mut own = own;
    own.value_mut().as_mut_slice()[0] = 5.0;
    let run = plan.run(&[], &[&own, &other], None).unwrap();
    assert_eq!(run.item(), 25.0);
    let grads = run.backward();
    assert_eq!([&own, &other].map(|param| grads.wrt(param)[(0, 0)]), [10.0; 2]);
}

/// What a run finds by itself is no input.
#[test]
fn parameters_and_random_numbers_are_no_inputs() {
    let w = Param::new(Matrix::from([[2.0]]));
    let tape = Tape::training(1);
    let (v, drawn) = (tape.param(&w), tape.drawn((1, 1), |_, x| x[0] = 3.0).unwrap());
    for input in [v, drawn] {
        let said = panic_of(|| (v * drawn).plan(&[input])).message;
        assert!(said.contains("plan: input 0 is") && said.contains("in every run"), "{said}");
    }
}

/// The sum of weights of a mean is a number of the tape like any other.
#[test]
fn reading_a_sum_of_weights_is_noted() {
    let tape = Tape::<f64>::new();
    let v = tape.variable(2.0);
    tape.note_mean_over(v * 3.0);
    let y = v * tape.means().weight.unwrap();
    assert!(y.plan(&[v]).err().unwrap().to_string().contains("reads a plain number"));
}

/// Columns of columns of inputs, parameters, kept leaves and computed values.
#[test]
fn columns_of_columns_lie_where_they_are() {
    let (mut w, kept) = (Param::new(numbers(2, 5, 1)), numbers(2, 5, 2));
    fn loss<'t>(x: Var<'t, f64>, w: &'t Param<f64>, kept: &'t Matrix<f64>) -> Var<'t, f64> {
        let tape = x.tape();
        let parts = [x, tape.param(w), tape.constant(kept), tape.variable(kept), x * tape.param(w)];
        let inner = parts.map(|part| part.columns(1..5).columns(1..4).columns(0..2));
        inner
            .into_iter()
            .zip(parts)
            .fold(x.columns(1..3), |y, (x, whole)| y * x + whole.columns(3..5).columns(0..2))
            .sum()
    }
    let first = numbers(2, 5, 3);
    let mut plan = {
        let tape = Tape::new();
        let x = tape.constant(&first);
        loss(x, &w, &kept).plan(&[x]).unwrap()
    };
    for seed in 4..7 {
        let x = numbers(2, 5, seed);
        w.value_mut().as_mut_slice()[3] += 0.5;
        let run = plan.run(&[x.view()], &[&w], None).unwrap();
        let (value, grads) = (run.item(), run.backward());
        let tape = Tape::new();
        let y = loss(tape.constant(&x), &w, &kept);
        let expected = y.backward();
        assert_eq!((value, grads.wrt(&w)), (y.item(), expected.wrt(&w)));
    }
}

/// Matrices without entries take part, too.
#[test]
fn nothing_is_planned_like_something() {
    let (w, none, x) = (Param::new(numbers(2, 3, 1)), Param::new(Matrix::zeros(0, 2)), Matrix::zeros(3, 0));
    fn loss<'t>(x: Var<'t, f64>, w: &'t Param<f64>, none: &'t Param<f64>) -> Var<'t, f64> {
        let (w, none) = (x.tape().param(w), x.tape().param(none));
        let sum = w.matmul(x).sin().sum() + none.matmul(w).sum() + vstack(&[w, none.matmul(w).tanh()]).sum();
        // The derivatives of the empty operand and of the next one begin at the same place.
        let (empty, h) = (none.matmul(w).sin(), w.sin());
        (w * w).sum() + sum + checkpoint(|v| v[1].square().sum() + v[0].sum(), &[empty, h]).exp()
    }
    let tape = Tape::new();
    let v = tape.constant(&x);
    let y = loss(v, &w, &none);
    let mut plan = y.plan(&[v]).unwrap();
    // Derivatives begin in buffers that hold other numbers.
    drop(plan.run(&[x.view()], &[&none, &w], None).unwrap().backward());
    let (expected, found) = (y.backward(), plan.run(&[x.view()], &[&none, &w], None).unwrap());
    assert_eq!(found.item(), y.item());
    let found = found.backward();
    assert_eq!((found.wrt(&w), found.wrt(&none)), (expected.wrt(&w), expected.wrt(&none)));
}
