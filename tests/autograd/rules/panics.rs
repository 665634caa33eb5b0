//! Mistakes panic with the op and all shapes, at the caller's line.

use std::panic::Location;

use autograd::{Axis, Matrix, Tape, Var, affine, check, grad, hvp, several};
use tape_tests::{panic_of, says};

/// The message of the panic of `f`, which must point at the line from which this is called.
#[track_caller]
fn message(f: impl FnOnce()) -> String {
    let (caller, found) = (Location::caller(), panic_of(f));
    assert!((&*found.file, found.line) == (caller.file(), caller.line()), "called at {caller}, panicked {found:?}");
    found.message
}

fn zeros<'t>(tape: &'t Tape<'t, f64>, rows: usize, cols: usize) -> Var<'t, f64> {
    tape.variable(Matrix::zeros(rows, cols))
}

/// `f` of variables of the given shapes panics on this line, and says these words.
macro_rules! says {
    ($shapes:expr, |$x:ident| $f:expr, $words:expr) => {{
        let text = message(|| {
            let tape = Tape::new();
            let $x: Vec<_> = $shapes.into_iter().map(|(m, n)| zeros(&tape, m, n)).collect();
            let _ = $f;
        });
        says(text, &$words);
    }};
}

/// The same of numbers of two tapes.
macro_rules! strangers {
    (|$a:ident, $b:ident| $f:expr, $words:expr) => {{
        let text = message(|| {
            let (one, other) = (Tape::new(), Tape::new());
            let ($a, $b) = (zeros(&one, 1, 1), zeros(&other, 1, 1));
            let _ = $f;
        });
        says(text, &$words);
    }};
}

#[test]
fn unequal_shapes() {
    says!([(2, 3), (4, 5)], |x| x[0] + x[1], ["add", "2 × 3", "4 × 5"]);
    says!([(2, 3), (3, 2)], |x| x[0] - x[1], ["sub", "2 × 3", "3 × 2"]);
    says!([(2, 3), (2, 4)], |x| x[0] * x[1], ["mul", "2 × 3", "2 × 4"]);
    says!([(2, 1), (1, 4)], |x| x[0] / x[1], ["div", "2 × 1", "1 × 4"]);
    says!([(2, 3), (4, 3)], |x| x[0].squared_error(x[1]), ["squared_error", "2 × 3", "4 × 3"]);
    says!([(2, 3), (4, 3)], |x| x[0].bce_with_logits(x[1]), ["bce_with_logits", "2 × 3", "4 × 3"]);
    says!([(2, 3), (2, 1)], |x| x[0].softmax_cross_entropy(x[1]), ["softmax_cross_entropy", "2 × 3", "2 × 1"]);
}

#[test]
fn directions() {
    let [x, v] = [(2, 1), (1, 3)].map(|(m, n)| Matrix::<f64>::zeros(m, n));
    for text in [
        message(|| drop(hvp(|x| x.square().sum(), &x, &v))),
        message(|| drop(several::hvp(|x| x[0].square().sum(), &[&x], &[&v]))),
    ] {
        says(text, &["hvp", "2 × 1", "1 × 3"]);
    }
}

#[test]
fn inner_lengths() {
    says!([(2, 3), (4, 5)], |x| x[0].matmul(x[1]), ["matmul", "2 × 3", "4 × 5"]);
    says!([(2, 3), (4, 5)], |x| x[0].matmul_tn(x[1]), ["matmul_tn", "2 × 3", "4 × 5"]);
    says!([(2, 3), (4, 5)], |x| x[0].matmul_nt(x[1]), ["matmul_nt", "2 × 3", "4 × 5"]);
    says!([(2, 3), (4, 5)], |x| x[0].matmul_tt(x[1]), ["matmul_tt", "2 × 3", "4 × 5"]);
    says!([(2, 3), (4, 5)], |x| affine(&[(x[0], x[1])], None), ["affine", "2 × 3", "4 × 5"]);
    says!([(2, 3), (3, 5), (5, 2)], |x| affine(&[(x[0], x[1])], Some(x[2])), ["affine", "5 × 2", "2 × 5"]);
    says!([(2, 3)], |x| affine(&[(x[0], x[0]); 0], None), ["affine", "no product"]);
}

#[test]
fn other_shapes() {
    says!([(2, 3)], |x| x[0].repeat(4, 3), ["repeat", "2 × 3", "4 × 3"]);
    says!([(2, 3)], |x| x[0].item(), ["item", "2 × 3"]);
    says!([(2, 3)], |x| x[0].columns(2..4), ["columns", "2..4", "2 × 3"]);
    says!([(2, 3)], |x| x[0].rows_in(1..3), ["rows_in", "1..3", "2 × 3"]);
    says!([(2, 3)], |x| x[0].at(0, 3), ["at", "(0, 3)", "2 × 3"]);
    says!([(2, 3)], |x| x[0].pad((0, 1), (2, 3)), ["pad", "2 × 3", "(0, 1)"]);
    says!([(2, 3)], |x| x[0].reshape(2, 2), ["reshape", "2 × 3", "2 × 2"]);
    says!([(2, 3)], |x| x[0].gather((1, 1), |_, _| (2, 0)), ["gather", "(2, 0)", "2 × 3"]);
    says!([(2, 3)], |x| x[0].diag(), ["diag", "2 × 3"]);
    says!([(2, 3)], |x| x[0].outer(x[0]), ["outer", "2 × 3"]);
    says!([(2, 3), (3, 2)], |x| autograd::vstack(&[x[0], x[1]]), ["vstack", "2 × 3", "3 × 2"]);
    says!([(2, 3), (3, 2)], |x| x[0].dot(x[1]), ["dot", "2 × 3", "3 × 2"]);
    says!([(2, 3), (3, 2)], |x| x[0].select(x[0], x[1]), ["select", "2 × 3", "3 × 2"]);
}

#[test]
fn what_cannot_be_differentiated() {
    says!([(2, 3)], |x| x[0].tanh().backward(), ["backward", "2 × 3"]);
    says!([(2, 3)], |x| x[0].backward_with(&Matrix::zeros(3, 2)), ["backward", "weights 3 × 2", "2 × 3"]);
    says!([(2, 3)], |x| grad(x[0], &x), ["grad", "2 × 3"]);
    says!([(1, 1)], |x| x[0].tape().constant(1.0).tanh().backward(), ["backward", "constants"]);
    says!([(1, 1)], |x| x[0].backward().wrt(x[0].tape().constant(1.0)), ["no gradient", "constant"]);
    says!([(1, 1)], |x| x[0].backward().wrt(x[0].tanh()), ["no gradient", "after"]);
}

#[test]
fn variables_of_two_tapes() {
    strangers!(|a, b| a + b, ["add", "different tapes"]);
    strangers!(|a, b| a * b, ["mul", "different tapes"]);
    strangers!(|a, b| a.matmul(b), ["matmul", "different tapes"]);
    strangers!(|a, b| affine(&[(a, a), (a, b)], None), ["affine", "different tapes"]);
    strangers!(|a, b| a.softmax_cross_entropy(b), ["softmax_cross_entropy", "different tapes"]);
    strangers!(|a, b| grad(a, &[b]), ["grad", "different tapes"]);
    strangers!(|a, b| a.backward().wrt(b), ["no gradient", "another tape"]);
}

#[test]
fn classes_out_of_range() {
    says!([(3, 2)], |x| x[0].softmax_cross_entropy_with_classes(&[0, 3]), ["class 3", "sample 1", "3 rows"]);
    says!([(3, 2)], |x| x[0].softmax_cross_entropy_with_classes(&[0]), ["1 classes", "3 × 2"]);
}

#[test]
fn a_failed_check_points_at_its_caller() {
    let x: Matrix<f64> = Matrix::from([[1.0, 2.0]]);
    let text = message(|| check(|x| x[0] * x[0].tape().constant(x[0].value()), &[x]));
    assert!(text.contains("check: Fail") && text.contains("gradient, random direction 0"), "{text}");
    let text = message(|| check(|x| x[0].sum_over(Axis::Rows).relu(), &[Matrix::from([[0.0]])]));
    assert!(text.contains("check: Inconclusive") && text.contains("kink"), "{text}");
}
