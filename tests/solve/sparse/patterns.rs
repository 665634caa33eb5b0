//! Patterns that are known exactly.

use autograd::{Axis, Matrix, Tape, Var, formula, hstack, vstack};
use solve::{Pattern, SparseHessian, SparseJacobian, sparsity};

/// The pattern of a function of a column of n numbers, as rows of text: x where an entry may differ from 0.
#[track_caller]
fn is(n: usize, f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>, expected: &[&str]) {
    let tape = Tape::new();
    let x = tape.variable(Matrix::from_fn(n, 1, |i, _| 0.3 + 0.1 * i as f64));
    let pattern = sparsity(f(x), &[x]);
    let row = |i: usize| (0..n).map(|j| if pattern.place(i, j).is_some() { 'x' } else { '.' }).collect::<String>();
    let found: Vec<String> = (0..pattern.rows()).map(row).collect();
    assert_eq!(found, expected);
}

#[test]
fn structural_functions_are_exact() {
    is(3, |x| x.sin() + 1.0, &["x..", ".x.", "..x"]);
    is(3, |x| x.rows_in(1..3), &[".x.", "..x"]);
    is(3, |x| x.pad((1, 0), (5, 1)), &["...", "x..", ".x.", "..x", "..."]);
    is(3, |x| vstack(&[x.at(2, 0), x.at(0, 0) * x.at(1, 0)]), &["..x", "xx."]);
    is(4, |x| x.reshape(2, 2).t().reshape(4, 1), &["x...", "..x.", ".x..", "...x"]);
    is(4, |x| x.reshape(2, 2).sum_over(Axis::Rows).t(), &["xx..", "..xx"]);
    is(4, |x| x.reshape(2, 2).mean_over(Axis::Cols), &["x.x.", ".x.x"]);
    is(4, |x| x.reshape(2, 2).max_over(Axis::Rows).t(), &["xx..", "..xx"]);
    is(4, |x| x.reshape(2, 2).select_columns(&[1, 1]).reshape(4, 1), &["..x.", "...x", "..x.", "...x"]);
    is(3, |x| x.cumsum(Axis::Rows), &["x..", "xx.", "xxx"]);
    is(3, |x| x.t().cumsum(Axis::Cols).t(), &["x..", "xx.", "xxx"]);
    is(3, |x| x - x.at(1, 0), &["xx.", ".x.", ".xx"]);
    is(4, |x| x.reshape(2, 2).softmax(Axis::Cols).reshape(4, 1), &["x.x.", ".x.x", "x.x.", ".x.x"]);
    is(2, |x| x.sum().square(), &["xx"]);
    is(2, |x| hstack(&[x, x.square()]).reshape(4, 1), &["x.", ".x", "x.", ".x"]);
}

#[test]
fn zeros_of_constants_are_seen() {
    let a = || Matrix::from([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [0.0, 3.0, 0.0]]);
    is(3, |x| x.tape().constant(a()).matmul(x), &["x.x", "...", ".x."]);
    is(3, |x| x.tape().constant(a()).matmul_tn(x), &["x..", "..x", "x.."]);
    is(3, |x| x.matmul_tn(x.tape().constant(a())).t(), &["x..", "..x", "x.."]);
    is(3, |x| x * x.tape().constant(Matrix::column(&[1.0, 0.0, 2.0])), &["x..", "...", "..x"]);
    is(2, |x| x * 0.0 + x.tape().constant(Matrix::column(&[1.0, 2.0])), &["..", ".."]);
}

#[test]
fn slopes_that_are_0_everywhere_are_seen() {
    is(2, |x| x.sign() + x.step(), &["..", ".."]);
    is(2, |x| x.stop_gradient() * x, &["x.", ".x"]);
    is(2, |x| x.stop_gradient() * 2.0, &["..", ".."]);
    is(2, |x| x.at(0, 0).keep(x.at(1, 0)), &[".x"]);
    is(2, |x| x.at(0, 0).copysign(x.at(1, 0)), &["x."]);
}

/// The zeros of a number without a derivative are not those of another run.
#[test]
fn values_behind_a_stopped_gradient_are_not_taken_for_constants() {
    fn mask<'t>(x: Var<'t, f64>) -> Var<'t, f64> {
        (x - 1.0).step().stop_gradient() * x
    }
    let tape = Tape::new();
    let x = tape.variable(Matrix::column(&[0.5, 2.0]));
    assert_eq!(sparsity(mask(x), &[x]), Pattern::new(2, 2, &[(0, 0), (1, 1)]));
    let mut j = SparseJacobian::new(|x| mask(x[0]));
    for x in [[0.5, 2.0], [2.0, 0.5]] {
        let above = x.map(|x: f64| f64::from(u8::from(x > 1.0)));
        let expected = Matrix::from([[above[0], 0.0], [0.0, above[1]]]);
        assert_eq!(j.at(&[Matrix::column(&x)]).to_dense(), expected);
    }
}

#[test]
fn formulas_act_entry_by_entry() {
    is(3, |x| x.map(formula!(|x| x.sin() * x)), &["x..", ".x.", "..x"]);
}

#[test]
fn functions_with_a_rule_of_their_own_depend_on_everything() {
    is(4, |x| (x.reshape(2, 2) + 1.0).inverse().unwrap().reshape(4, 1), &["xxxx"; 4]);
}

/// A closure that branches is recorded anew, and so is the pattern.
#[test]
fn another_branch_has_another_pattern() {
    let mut j = SparseJacobian::new(|x| {
        let (a, b) = (x[0].at(0, 0), x[0].at(1, 0));
        if a > 0.0 { vstack(&[a * a, b]) } else { vstack(&[b, a * b]) }
    });
    for _ in 0..3 {
        assert_eq!(j.at(&[Matrix::column(&[2.0, 3.0])]).to_dense(), Matrix::from([[4.0, 0.0], [0.0, 1.0]]));
        assert_eq!(j.products(), 1);
        assert_eq!(j.at(&[Matrix::column(&[-2.0, 3.0])]).to_dense(), Matrix::from([[0.0, 1.0], [3.0, -2.0]]));
        assert_eq!(j.products(), 2);
    }
}

/// A closure that reads a plain number may branch on it unseen.
#[test]
fn a_closure_that_reads_a_number_is_recorded_at_every_point() {
    let mut h = SparseHessian::new(|x| {
        let (a, b) = (x[0].at(0, 0), x[0].at(1, 0));
        if a.item() > 0.0 { a * b } else { a.square() + b.powi(3) }
    });
    for _ in 0..3 {
        assert_eq!(h.at(&[Matrix::column(&[2.0, 3.0])]).to_dense(), Matrix::from([[0.0, 1.0], [1.0, 0.0]]));
        assert_eq!(h.at(&[Matrix::column(&[-2.0, 3.0])]).to_dense(), Matrix::from([[2.0, 0.0], [0.0, 18.0]]));
    }
}

#[test]
fn several_inputs_stand_one_after_the_other() {
    let (a, b) = (Matrix::from([[1.0, 2.0]]), Matrix::column(&[3.0, 4.0]));
    let mut j = SparseJacobian::new(|x| vstack(&[x[0].at(0, 1) * x[1].at(0, 0), x[1].at(1, 0)]));
    assert_eq!(j.at(&[&a, &b]).to_dense(), Matrix::from([[0.0, 3.0, 2.0, 0.0], [0.0, 0.0, 0.0, 1.0]]));
    let mut h = SparseHessian::new(|x| x[0].at(0, 1) * x[1].at(0, 0).square());
    let expected = [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 6.0, 0.0], [0.0, 6.0, 4.0, 0.0], [0.0; 4]];
    assert_eq!(h.at(&[&a, &b]).to_dense(), Matrix::from(expected));
}

#[test]
#[should_panic(expected = "SparseHessian: the function returned 2 × 1, not a single number: sum it")]
fn a_hessian_of_two_numbers() {
    SparseHessian::new(|x| x[0].square()).at(&[Matrix::column(&[1.0, 2.0])]);
}

#[test]
#[should_panic(expected = "Pattern::new: Some((2, 0)) is outside of 2 × 1")]
fn a_place_outside() {
    Pattern::new(2, 1, &[(0, 0), (2, 0)]);
}
