//! Inspecting a tape: its text and pictures, finding a wrong rule, and where a NaN came from.

#[path = "../../examples/common/shared_net.rs"]
pub mod shared_net;

use autograd::check::Verified;
use autograd::{Axis, CustomOp, Matrix, MatrixRef, Param, Tape, Var, formula};
use proptest::prelude::*;
use shared_net::Net;

type V<'t> = Var<'t, f64>;

#[test]
fn a_tape_reads_as_assignments() {
    let net = Net::default();
    let tape = Tape::new();
    net.record(&tape);
    let text = tape.to_string();
    let lines: Vec<&str> = text.lines().map(|line| line.split("  #").next().unwrap()).collect();
    let expected = [
        "%0 = constant  3×2",
        "%1 = constant  3×2",
        "%2 = param  3×3",
        "%3 = param  3×1",
        "%4 = repeat(%3) + %2 · %0  3×2",
        "%5 = tanh(%4)  3×2",
        "%6 = repeat(%3) + %2 · %5  3×2",
        "%7 = %6 + %0  3×2",
        "%8 = squared_error(%7, %1)  3×2",
    ];
    assert_eq!(lines[..9], expected);
    assert!(text.lines().all(|line| line.contains("# common/shared_net.rs:")), "{text}");
}

#[test]
fn every_op_can_be_written() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::from([[0.5, 1.0], [2.0, 0.25]]));
    let _ = x.sum() * 0.5 - x.t() + x.reshape(2, 2).at(0, 1).powi(3) / x.max_over(Axis::Rows);
    let _ = (x - x.stop_gradient()).lower().cumsum(Axis::Cols).select_columns(&[1]).map(formula!(|x| x.exp()));
    let text = tape.to_string();
    for part in ["%0ᵀ", "reshape(%0)", "[0..1, 1..2]", "powi(", ", 3)", "max_over(%0, Axis::Rows)", "stop_gradient(%0)"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    for part in ["cumsum(", "gather(", "(x.exp())(", "0.5 %", " - %3"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

/// The block of the crate's README, made by `cargo run --example picture -- mermaid`.
#[test]
fn the_picture_in_the_readme_is_that_of_the_example() {
    let net = Net::default();
    let tape = Tape::new();
    let grads = net.record(&tape).backward_all();
    let picture = tape.picture().gradients(&grads).mermaid();
    let readme = include_str!("../../crates/autograd/README.md");
    assert!(
        readme.contains(&format!("```mermaid\n{picture}```")),
        "put this into crates/autograd/README.md:\n{picture}"
    );
}

#[test]
fn pictures_show_what_is_shared_and_what_is_not_finite() {
    let tape: Tape<f64> = Tape::new();
    let x = tape.variable(-1.0);
    let y = x * x.ln();
    let dot = tape.picture().values().dot();
    assert!(dot.contains("n0 -> n1;") && dot.contains("n0 -> n2;") && dot.contains("n1 -> n2;"), "{dot}");
    assert_eq!(dot.matches("#b266ff").count(), 2, "{dot}");
    assert!(y.item().is_nan());
}

/// x ↦ 2 x, with a rule that is wrong in a selectable way.
struct Twice(&'static str);

impl CustomOp<f64> for Twice {
    fn name(&self) -> &str {
        "twice"
    }
    fn forward(&self, x: &[MatrixRef<'_, f64>]) -> Matrix<f64> {
        x[0].to_owned().map(|x| 2.0 * x)
    }
    fn pullback<'t>(&self, _: &[V<'t>], _: V<'t>, dy: V<'t>) -> Vec<Option<V<'t>>> {
        vec![Some(match self.0 {
            "sign" => dy * -2.0,
            "factor" => dy,
            "entry" => (dy * 2.0).where_entry(|i, j| (i, j) != (1, 0)),
            "transpose" => dy.t() * 2.0,
            _ => dy * 2.0,
        })]
    }
}

fn with_twice<'t>(x: V<'t>, how: &'static str) -> V<'t> {
    let h = (x * x).sin();
    let h = x.tape().custom(Twice(how), &[h + x]);
    h.log_softmax(Axis::Rows).square().sum()
}

#[test]
fn a_wrong_rule_is_named() {
    let x = Matrix::from([[0.3, -0.8], [1.1, 0.6]]);
    for how in ["right", "sign", "factor", "entry", "transpose"] {
        let tape = Tape::new();
        let x = tape.variable(&x);
        let found: Verified = with_twice(x, how).verify();
        if how == "right" {
            found.unwrap();
            assert_eq!(found.passed, 7, "{found}");
            continue;
        }
        assert_eq!(found.failed.len(), 1, "{how}: {found}");
        let wrong = &found.failed[0];
        assert_eq!((wrong.op.as_str(), wrong.node), ("twice", 4));
        assert!(wrong.source.file().ends_with("autograd/debugging.rs"), "{found}");
        assert_eq!(found.worst.as_ref().unwrap().node, 4, "{found}");
        assert!(found.to_string().contains("%4 = twice(%3)") && found.to_string().contains("analytic"), "{found}");
    }
}

#[test]
fn nodes_are_verified_in_either_precision() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::from([[0.3f32, -0.8], [1.1, 0.6]]));
    let t = tape.constant(Matrix::from([[0.25f32, 1.0], [0.75, 0.0]]));
    let y = x.map(formula!(|x| x * x.sigmoid())).softmax_cross_entropy(t).sum();
    let found = y.verify();
    assert!(found.failed.is_empty() && found.passed == 3 && found.undecided.len() == 1, "{found}");
    // At a kink nothing can be decided.
    let found = (x - 0.3f32 as f64).relu().sum().verify();
    assert!(found.failed.is_empty() && found.undecided.len() == 1, "{found}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_graph_is_verified(graph in autograd::strategies::graphs(1..10)) {
        let tape = Tape::new();
        let x: Vec<_> = graph.inputs().iter().map(|x| tape.variable(x)).collect();
        let found = graph.record(&x).verify();
        prop_assert!(found.failed.is_empty(), "{found}\n{graph}");
        prop_assert!(tape.to_string().lines().count() == tape.len());
    }
}

#[test]
fn the_first_value_that_is_not_finite() {
    let w = Param::new(Matrix::from([[2.0, -1.0]]));
    let tape = Tape::new();
    let x = tape.constant(Matrix::from([[1.0, 0.5], [0.5, 3.0]]));
    let y = tape.param(&w).matmul(x).ln();
    let loss = (y * 2.0).sum();
    let anomaly = loss.backward_checked().err().unwrap();
    assert_eq!(Some(&*anomaly), tape.anomaly().as_ref());
    assert_eq!((anomaly.node, anomaly.found.nan, anomaly.backward), (3, 1, None));
    assert_eq!((anomaly.operands[0].min, anomaly.operands[0].max), (-2.0, 1.5));
    assert!(anomaly.involves(&w) && !anomaly.involves(&Param::new(Matrix::from([[1.0]]))));
    let text = anomaly.to_string();
    assert!(text.contains("%3 = ln(%2)") && text.contains("autograd/debugging.rs"), "{text}");
    // A leaf is named once it makes a result NaN.
    let tape = Tape::new();
    let _ = tape.variable(f64::INFINITY).sin();
    assert_eq!(tape.anomaly().unwrap().formula, "%0 = variable");
}

/// An attention mask of −∞, and a 0/0 after it.
#[test]
fn what_was_put_in_may_be_infinite() {
    let tape = Tape::new();
    let scores = tape.variable(Matrix::from([[1.0, 2.0], [0.5, 3.0]]));
    let mask = tape.constant(Matrix::from([[0.0, f64::NEG_INFINITY], [0.0, 0.0]]));
    let loss = (scores + mask).softmax(Axis::Rows).square().sum();
    assert_eq!(tape.anomaly(), None);
    assert!(loss.backward_checked().unwrap().wrt(scores).as_slice().iter().all(|x| x.is_finite()));
    let late = (scores - scores) / (scores - scores);
    let anomaly = tape.anomaly().unwrap();
    assert_eq!((anomaly.node, anomaly.found.nan), (late.index(), 4));
    assert_eq!((loss + late.sum()).backward_checked().err().unwrap().node, late.index());
}

/// What is blamed, by the node's formula; `None` for nothing.
#[test]
fn the_blamed_node() {
    type F = for<'t> fn(V<'t>) -> V<'t>;
    const INFINITE: f64 = f64::INFINITY;
    let cases: [(F, Option<&str>); 12] = [
        (|x| x * 2.0, None),
        (|x| x.sin(), Some("leaf")),
        (|x| (x * 2.0) - (x + 1.0), Some("leaf")),
        (|x| x.sum() + x.exp().sum(), None),
        // The other operands are finite.
        (|x| (x * 500.0).exp(), Some("exp(%1)")),
        (|x| (-x).exp(), None),
        (|x| (x - 2.0).recip(), Some("recip(%1)")),
        (|x| x.matmul_tn(x), None),
        (|x| x.log_sum_exp(Axis::Cols), None),
        (|x| x.map(formula!(|x| (x - 2.0).recip())), Some("((x - 2.0).recip())(%0)")),
        (|x| autograd::checkpoint(|v| v[0] + 1.0, &[x]), None),
        (|x| x.stop_gradient().columns(0..1), None),
    ];
    for (k, (f, blamed)) in cases.into_iter().enumerate() {
        for constant in [true, false] {
            let tape = Tape::new();
            let x = Matrix::from([[INFINITE, 2.0]]);
            f(if constant { tape.constant(x) } else { tape.variable(x) });
            let found = tape.anomaly().map(|anomaly| anomaly.formula);
            let found = found.as_deref().map(|formula| formula.split_once(" = ").unwrap().1);
            let leaf = if constant { "constant" } else { "variable" };
            let blamed = blamed.map(|blamed| if blamed == "leaf" { leaf } else { blamed });
            assert_eq!(found, blamed, "case {k}");
        }
    }
    // An infinite leaf that reaches the loss or a gradient; a NaN leaf that does or does not.
    let tape = Tape::new();
    let (x, c) = (tape.variable(1.0), tape.constant(INFINITE));
    assert_eq!((x + c).backward_checked().err().unwrap().formula, "%1 = constant");
    let anomaly = x.matmul(c).recip().backward_checked().err(); // 0 · ∞ in the sweep
    assert_eq!(anomaly.map(|anomaly| (anomaly.backward, anomaly.found.nan)), Some((Some(0), 1)));
    let hidden = tape.constant(f64::NAN);
    assert_eq!(tape.constant(0.0).keep(hidden).item(), 0.0);
    assert_eq!(tape.anomaly(), None);
    let _ = hidden * x;
    assert_eq!(tape.anomaly().unwrap().formula, "%5 = constant");
}

#[test]
fn the_first_gradient_that_is_not_finite() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::from([[4.0, 0.0]]));
    let y = x.sqrt();
    let loss = (y * 3.0).sum();
    let anomaly = loss.backward_checked().err().unwrap();
    assert_eq!((anomaly.node, anomaly.backward, anomaly.found.infinite), (1, Some(0), 1));
    let text = anomaly.to_string();
    assert!(text.contains("gradient of %0") && text.contains("sqrt(%0)"), "{text}");
    assert!(text.contains("gradient of the value: from 3 to 3"), "{text}");
    assert!(tape.anomaly().is_none());
    // Without an anomaly, the gradients.
    assert_eq!((x * 2.0).sum().backward_checked().unwrap().wrt(x).as_slice(), [2.0, 2.0]);
}
