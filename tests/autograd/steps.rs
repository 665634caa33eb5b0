//! The table of a forward and a backward pass: what stands in it, and that it fits on a page.

use autograd::strategies::graphs;
use autograd::{Axis, CustomOp, LinearAlgebra, Matrix, MatrixRef, Param, PassStep, Steps, Tape, Var, affine, formula};
use proptest::prelude::*;

use crate::debugging::shared_net::Net;

fn formulas<T>(steps: &[PassStep<T>]) -> Vec<&str> {
    steps.iter().map(|step| step.formula.as_str()).collect()
}

/// Steps are numbered from 0 on; the last value of each derivative is that of the gradients; nothing is wider than a page.
fn consistent(steps: &Steps<'_, '_, f64>) -> Result<(), TestCaseError> {
    let (forward, backward) = (steps.forward(), steps.backward());
    let numbers: Vec<usize> = forward.iter().chain(&backward).map(|step| step.number).collect();
    prop_assert!(numbers.iter().copied().eq(0..numbers.len()));
    prop_assert!(forward.iter().all(|step| step.value.as_ref().is_some_and(|x| x.shape() == step.shape)));
    let text = steps.to_string();
    for line in text.lines() {
        prop_assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
    for step in forward.iter().chain(&backward) {
        let formula: String = step.formula.chars().take(90).collect();
        prop_assert!(text.contains(&formula), "{formula} in\n{text}");
    }
    Ok(())
}

/// The lecture's net: softmax(W₁ tanh(W₀ x)), with the steps of its table.
#[test]
fn the_lectures_table() {
    let tape = Tape::new();
    let (w0, w1) =
        (Matrix::from([[0.5, -0.3], [-0.6, 0.1], [0.2, 0.9]]), Matrix::from([[0.7, -0.2, 0.5], [-0.4, 0.6, -0.9]]));
    let (w0, w1) = (tape.variable(&w0), tape.variable(&w1));
    let x = tape.constant(Matrix::column(&[1.0, -2.0]));
    let t = tape.constant(Matrix::column(&[0.0, 1.0]));
    let a0 = w0.matmul(x);
    let z = a0.tanh();
    let a1 = w1.matmul(z);
    let e = a1.softmax_cross_entropy(t);
    let y = e.operands()[2];
    let grads = e.backward_all();
    let names = [(w0, "W₀"), (w1, "W₁"), (x, "x"), (t, "t"), (a0, "a₀"), (z, "z"), (a1, "a₁"), (y, "y"), (e, "E")];
    let steps = names.iter().fold(grads.steps(&tape), |steps, (x, name)| steps.name(*x, name));
    let forward = [
        "a₀ = W₀ · x",
        "z = tanh(a₀)",
        "a₁ = W₁ · z",
        "y = softmax(a₁, Axis::Rows)",
        "E = softmax_cross_entropy(a₁, t, y)",
    ];
    assert_eq!(formulas(&steps.forward()), forward);
    let backward = ["δa₁ = (y - t) ⊙ δE", "∇W₁ = δa₁ · zᵀ", "δz = W₁ᵀ · δa₁", "δa₀ = tanh'(a₀) ⊙ δz", "∇W₀ = δa₀ · xᵀ"];
    assert_eq!(formulas(&steps.backward()), backward);
    for (step, x) in steps.backward().iter().zip([a1, w1, z, a0, w0]) {
        assert_eq!(step.value.as_ref(), Some(&grads.wrt(x).to_owned()));
    }
    consistent(&steps).unwrap();
    let text = steps.to_string();
    assert!(text.starts_with("Given: W₀ 3 × 2, W₁ 2 × 3, x constant 2 × 1, t constant 2 × 1\n"), "{text}");
    assert!(text.contains("   5  δa₁ = (y - t) ⊙ δE "), "{text}");
}

/// Each use of a shared weight is a step of its own, with the sum so far.
#[test]
fn shared_weights_and_skips() {
    let net = Net::default();
    let tape = Tape::new();
    let loss = net.record(&tape);
    let grads = loss.backward_all();
    let steps = grads.steps(&tape);
    let backward = steps.backward();
    let uses: Vec<_> = backward.iter().filter(|step| step.formula.starts_with("∇%2 ")).collect();
    assert_eq!(uses.iter().map(|step| &step.formula[..]).collect::<Vec<_>>(), ["∇%2 = δ%6 · %5ᵀ", "∇%2 += δ%4 · %0ᵀ"]);
    let node = |index: usize| tape.nodes().nth(index).unwrap();
    let first = grads.wrt(node(6)).to_owned().matmul_nt(&node(5).value());
    assert_eq!((uses[0].value.as_ref(), uses[1].value.as_ref()), (Some(&first), Some(&grads.wrt(node(2)).to_owned())));
    assert!(steps.to_string().contains("%2 param 3 × 3"), "{steps}");
    consistent(&steps).unwrap();
    // Of plain `backward` the leaves alone are left.
    let few = loss.backward();
    let values: Vec<_> =
        few.steps(&tape).backward().into_iter().filter(|step| step.value.is_some()).map(|step| step.formula).collect();
    assert_eq!(values, ["∇%3 += sum(δ%4)", "∇%2 += δ%4 · %0ᵀ"]);
}

struct Twice;
impl CustomOp<f64> for Twice {
    fn name(&self) -> &str {
        "twice"
    }
    fn forward(&self, x: &[MatrixRef<'_, f64>]) -> Matrix<f64> {
        x[0].to_owned().map(|x| 2.0 * x)
    }
    fn pullback<'t>(&self, _: &[Var<'t, f64>], _: Var<'t, f64>, dy: Var<'t, f64>) -> Vec<Option<Var<'t, f64>>> {
        vec![Some(dy * 2.0)]
    }
}

/// The rule of each kind of op as it is written.
#[test]
fn every_kind_of_rule() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::from([[0.5, 1.0], [2.0, 0.25]]));
    let (y, w) = (tape.variable(Matrix::full(2, 2, 1.5)), tape.constant(Matrix::full(2, 2, 0.3)));
    type Recorded<'t> = (Var<'t, f64>, &'static [&'static str]);
    let all: [Recorded<'_>; 17] = [
        (x * y, &["∇x = y ⊙ δv", "∇y = x ⊙ δv"]),
        (x / y, &["∇x = δv / y", "∇y = -v / y ⊙ δv"]),
        (x.max(y), &["∇x = ∂max(x, y)/∂x ⊙ δv", "∇y = ∂max(x, y)/∂y ⊙ δv"]),
        (x - y, &["∇x = δv", "∇y = -δv"]),
        (x * 0.3 + 1.0, &["∇x = 0.3 δ%"]),
        (x / 3.0, &["∇x = δv / 3"]),
        (x.t(), &["∇x = δvᵀ"]),
        (x.reshape(4, 1), &["∇x = reshape(δv)"]),
        (x.at(0, 1), &["∇x = pad(δv)"]),
        (x.pad((1, 0), (3, 2)), &["∇x = δv[1..3, 0..2]"]),
        (x.powi(3), &["∇x = powi'(x, 3) ⊙ δv"]),
        (x.sum(), &["∇x = repeat(δv)"]),
        (x.columns(0..1).repeat(2, 2), &["= sum(δv)"]),
        (x.matmul_tt(y), &["∇x = yᵀ · δvᵀ", "∇y = δvᵀ · xᵀ"]),
        (x.max_over(Axis::Rows), &["∇x = max_over'(x)ᵀ · δv"]),
        (tape.custom(Twice, &[x]), &["∇x = twice'(x)ᵀ · δv"]),
        (x.map(formula!(|x| x * x.exp())), &["∇x = (x * x.exp())'(x)ᵀ · δv"]),
    ];
    for (v, expected) in all {
        let grads = v.backward_with(&Matrix::full(v.rows(), v.cols(), 1.0));
        let steps = grads.steps(&tape).name(x, "x").name(y, "y").name(v, "v");
        let text = steps.backward().into_iter().map(|step| step.formula + "\n").collect::<String>();
        assert!(expected.iter().all(|part| text.contains(part)), "{expected:?} in\n{text}");
        consistent(&steps).unwrap();
    }
    // Targets that do not sum to 1, and that are variables.
    let v = x.softmax_cross_entropy(y);
    let grads = v.sum().backward_all();
    let steps = grads.steps(&tape).name(x, "x").name(y, "y").name(v, "v").name(v.operands()[2], "p");
    let text = steps.to_string();
    assert!(text.contains("∇x = (p ⊙ Σ y - y) ⊙ δv") && text.contains("∇y = -log_softmax(x) ⊙ δv"), "{text}");
    assert!(!w.needs_gradient());
}

/// Large matrices, tiny and huge numbers, long sums, single precision.
#[test]
fn a_large_net_fits_on_a_page() {
    let tape = Tape::new();
    let w = Param::new(Matrix::from_fn(30, 784, |i, j| (i as f32 - j as f32) * 1e-7));
    let (w, x) = (tape.param(&w), tape.constant(Matrix::from_fn(784, 128, |i, j| (i * j) as f32 * 1e3)));
    let products: Vec<_> = (0..12).map(|_| (w, x)).collect();
    let loss = affine(&products, None).tanh().square().mean();
    let grads = loss.backward_all();
    let text = grads.steps(&tape).to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(text.lines().count() < 200 && text.contains('⋮') && text.contains('…'), "{text}");
    assert!(text.contains("%0 param 30 × 784, %1 constant 784 × 128"), "{text}");
    assert_eq!(grads.steps(&tape).backward().len(), 12 + 3, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Of any graph: each operand that has a derivative gains it in steps, and the last shows it.
    #[test]
    fn of_any_graph(graph in graphs(1..12)) {
        let tape = Tape::new();
        let x: Vec<_> = graph.inputs().iter().map(|x| tape.variable(x.clone())).collect();
        let y = graph.record(&x).sum() + x[0].sum().scale(0.0);
        let grads = y.backward_all();
        let steps = grads.steps(&tape);
        consistent(&steps)?;
        let backward = steps.backward();
        for node in tape.nodes().filter(|node| node.index() < y.index()) {
            let mark = if node.operands().is_empty() { "∇" } else { "δ" };
            let start = format!("{mark}%{} ", node.index());
            let gains: Vec<_> = backward.iter().filter(|step| step.formula.starts_with(&start)).collect();
            if let Some((last, before)) = gains.split_last() {
                prop_assert!(before.iter().all(|step| step.value.is_some()));
                let found = last.value.as_ref().unwrap();
                let expected = grads.wrt(node);
                prop_assert!(found.as_slice().iter().zip(expected.as_slice()).all(|(a, b)| a == b || a.is_nan()));
                prop_assert!(gains[0].formula.contains(" = ") && before.len() + 1 == gains.len());
            }
        }
    }
}

/// A rule that gives one of its operands nothing.
struct First;
impl CustomOp<f64> for First {
    fn name(&self) -> &str {
        "first"
    }
    fn forward(&self, x: &[MatrixRef<'_, f64>]) -> Matrix<f64> {
        x[0].to_owned()
    }
    fn pullback<'t>(&self, _: &[Var<'t, f64>], _: Var<'t, f64>, dy: Var<'t, f64>) -> Vec<Option<Var<'t, f64>>> {
        vec![Some(dy), Some(dy * 0.0)]
    }
}

#[test]
fn every_kept_step_has_a_value() {
    let tape = Tape::new();
    let (x, y) = (tape.variable(3.0), tape.variable(2.0));
    let z = tape.custom(First, &[x, y]) * y;
    let grads = z.backward_all();
    let steps = grads.steps(&tape);
    assert!(steps.backward().iter().all(|step| step.value.is_some()) && !steps.to_string().contains('…'), "{steps}");
}

/// The sum after each term, of integers, so that it is exact: a skip, a product, a custom op twice.
#[test]
fn sums_so_far() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::column(&[1.0, 2.0]));
    let twice = tape.custom(Twice, &[x]);
    let y = (x + x * twice + tape.custom(Twice, &[x])).sum();
    let values: Vec<Vec<f64>> = y
        .backward_all()
        .steps(&tape)
        .backward()
        .into_iter()
        .filter(|step| step.formula.starts_with("∇%0 "))
        .map(|step| step.value.unwrap().as_slice().to_vec())
        .collect();
    assert_eq!(values, [vec![2.0, 2.0], vec![3.0, 3.0], vec![5.0, 7.0], vec![7.0, 11.0]]);
}

/// An operand that is repeated gains a sum.
#[test]
fn repeated_operands_gain_sums() {
    let tape = Tape::<f64>::new();
    let (s, x) = (tape.variable(2.0), tape.variable(Matrix::from([[1.0, 2.0], [3.0, 4.0]])));
    let y = (s * x).sum();
    let grads = y.backward();
    let steps = grads.steps(&tape).name(s, "s").name(x, "x");
    assert!(steps.backward().iter().any(|step| step.formula.starts_with("∇s = sum(")), "{steps}");
}

#[test]
#[should_panic(expected = "steps: the gradients are of 2 outputs")]
fn one_output_at_a_time() {
    let tape = Tape::<f64>::new();
    let x = tape.variable(2.0);
    let one = Matrix::full(1, 1, 1.0);
    let grads = tape.backward(&[(x.square(), one.view()), (x.exp(), one.view())]);
    let _ = grads.steps(&tape);
}
