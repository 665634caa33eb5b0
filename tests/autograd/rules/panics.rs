//! Mistakes panic with the op and all shapes, at the caller's line.

use std::ops::{AddAssign, DivAssign, MulAssign, SubAssign};
use std::panic::Location;

use autograd::{
    Arithmetic, Axis, Binary, Compiled, CustomOp, Matrix, MatrixRef, Param, ScalarTape, Tape, Trans, Triangle, Var,
    affine, check, checkpoint, formula, grad, hstack, hvp, jvp, map, matrix, minimize, minimize_within, several, vjp,
    vstack,
};
use tape_tests::{panic_of, says};

/// The message of the panic of `f`, which must point at the line that calls this.
#[track_caller]
fn message(f: impl FnOnce()) -> String {
    let (caller, found) = (Location::caller(), panic_of(f));
    assert!((&*found.file, found.line) == (caller.file(), caller.line()), "called at {caller}, panicked {found:?}");
    found.message
}

fn zeros<'t>(tape: &'t Tape<'t, f64>, rows: usize, cols: usize) -> Var<'t, f64> {
    tape.variable(Matrix::zeros(rows, cols))
}

/// `f` of variables of the given shapes panics on this line with a message that contains these words.
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

/// The same for numbers of two tapes.
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

/// Where a transpose or a repeat would do, the message says so.
#[test]
fn hints() {
    let transposed = "transposed would fit; columns are samples";
    says!([(4, 3), (10, 3)], |x| x[0].matmul(x[1]), ["matmul", "4 × 3", "10 × 3", "the right factor", transposed]);
    says!([(3, 4), (3, 10)], |x| x[0].matmul(x[1]), ["matmul", "the left factor", transposed]);
    says!([(3, 4), (5, 3)], |x| x[0].matmul(x[1]), ["matmul", "both factors", transposed]);
    says!([(3, 4), (10, 3)], |x| x[0].matmul_tn(x[1]), ["matmul_tn", "the right factor", transposed]);
    says!([(4, 3), (10, 3)], |x| affine(&[(x[0], x[1])], None), ["affine", "the right factor", transposed]);
    let unlike = panic_of(|| {
        let tape = Tape::new();
        let _ = zeros(&tape, 4, 3).matmul(zeros(&tape, 7, 5));
    });
    assert!(!unlike.message.contains("transposed"), "{}", unlike.message);
    says!([(2, 1), (1, 4)], |x| x[0] + x[1], ["add", "2 × 1", "1 × 4", "by `repeat(2, 4)`"]);
    says!([(1, 4), (2, 1)], |x| x[0].max(x[1]), ["max", "by `repeat(2, 4)`"]);
    says!([(1, 4), (4, 1)], |x| x[0] - x[1], ["sub", "by `repeat(4, 4)`", "transposed by `t()` would fit"]);
    says!([(2, 3), (3, 2)], |x| x[0].squared_error(x[1]), ["transposed by `t()` would fit"]);
}

#[test]
fn assignments() {
    says!([(2, 3), (4, 5)], |x| AddAssign::add_assign(&mut { x[0] }, x[1]), ["add", "2 × 3", "4 × 5"]);
    says!([(2, 3), (4, 5)], |x| SubAssign::sub_assign(&mut { x[0] }, x[1]), ["sub", "2 × 3", "4 × 5"]);
    says!([(2, 3), (2, 4)], |x| MulAssign::mul_assign(&mut { x[0] }, x[1]), ["mul", "2 × 3", "2 × 4"]);
    says!([(2, 3), (2, 4)], |x| DivAssign::div_assign(&mut { x[0] }, x[1]), ["div", "2 × 3", "2 × 4"]);
}

#[test]
fn minima() {
    let f = |x: &[f64]| (x[0], vec![1.0]);
    says(message(|| drop(minimize(f, &[1.0, 2.0]))), &["a gradient of 1 numbers for 2"]);
    says(message(|| drop(minimize_within(f, &[1.0], &[]))), &["0 bounds for 1 numbers"]);
    says(message(|| drop(minimize_within(f, &[1.0], &[(2.0, 1.0)]))), &["bound 0: from 2 to 1"]);
    says(message(|| drop(minimize_within(f, &[1.0], &[(f64::NAN, 1.0)]))), &["bound 0: from NaN to 1"]);
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
    says!([(2, 3)], |x| x[0].windows(4), ["windows", "4 ", "2 × 3"]);
    says!([(2, 3)], |x| x[0].windows(0), ["windows", "0 ", "2 × 3"]);
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

type V<'t> = Var<'t, f64>;

/// An op of variables of these shapes panics at the line that calls it. The message begins with its name and contains the shapes.
#[track_caller]
fn wrong(name: &str, shapes: &[(usize, usize)], f: impl for<'t> Fn(&[V<'t>])) {
    let (caller, shown) = (Location::caller(), shapes.iter().map(|(m, n)| format!("{m} × {n}")));
    let found = panic_of(|| {
        let tape = Tape::new();
        f(&shapes.iter().map(|&(m, n)| zeros(&tape, m, n)).collect::<Vec<_>>());
    });
    let at = (&*found.file, found.line);
    assert!(at == (caller.file(), caller.line()), "{name}: called at {caller}, panicked {found:?}");
    assert!(found.message.starts_with(name), "{name}: {}", found.message);
    says(&found.message, &shown.collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>());
}

/// An op of variables of two tapes does the same.
#[track_caller]
fn apart(name: &str, f: impl for<'t> Fn(V<'t>, V<'t>)) {
    let caller = Location::caller();
    let found = panic_of(|| {
        let (one, other) = (Tape::new(), Tape::new());
        f(zeros(&one, 1, 1), zeros(&other, 1, 1));
    });
    let at = (&*found.file, found.line);
    assert!(at == (caller.file(), caller.line()), "{name}: called at {caller}, panicked {found:?}");
    assert!(found.message.starts_with(name) && found.message.contains("tape"), "{name}: {}", found.message);
}

/// x, or its columns that are not negative: an op whose shape depends on the values.
struct Shrinking;

impl CustomOp<f64> for Shrinking {
    fn name(&self) -> &str {
        "shrinking"
    }
    fn forward(&self, x: &[MatrixRef<'_, f64>]) -> Matrix<f64> {
        let kept: Vec<_> = (0..x[0].cols()).filter(|&j| x[0].col(j)[0] >= 0.0).collect();
        x[0].to_owned().select_cols(&kept)
    }
    fn pullback<'t>(&self, _: &[V<'t>], _: V<'t>, dy: V<'t>) -> Vec<Option<V<'t>>> {
        vec![Some(dy)]
    }
}

/// Takes the result of an op.
fn done<R>(_: R) {}

fn m(rows: usize, cols: usize) -> Matrix<f64> {
    Matrix::full(rows, cols, -1.0)
}

const A: &[(usize, usize)] = &[(2, 3)];
const AB: &[(usize, usize)] = &[(2, 3), (4, 5)];

/// One line for each public op that checks shapes.
#[test]
#[rustfmt::skip]
fn every_op_names_itself_and_its_caller() {
    // Matrices.
    wrong("Matrix::col", &[], |_| done(m(2, 3).col(9).to_vec()));
    wrong("Matrix::col_mut", &[], |_| m(2, 3).col_mut(3).fill(0.0));
    wrong("Matrix::select_columns", &[], |_| done(m(2, 3).select_cols(&[0, 3])));
    wrong("Matrix::from_vec", &[], |_| done(Matrix::from_vec(2, 3, vec![0.0])));
    wrong("MatrixRef::col", &[], |_| done(m(2, 3).view().col(3).to_vec()));
    wrong("MatrixRef::new", &[], |_| done(MatrixRef::new(2, 3, &[0.0])));
    wrong("entry (2, 0)", &[], |_| { m(2, 3)[(2, 0)] += 1.0; });
    wrong("entry (2, 0)", &[], |_| assert!(m(2, 3)[(2, 0)] > 0.0));
    wrong("entry (0, 3)", &[], |_| assert!(m(2, 3).view()[(0, 3)] > 0.0));
    // Elementwise.
    wrong("add", AB, |x| done(x[0] + x[1]));
    wrong("sub", AB, |x| done(x[0] - x[1]));
    wrong("mul", AB, |x| done(x[0] * x[1]));
    wrong("div", AB, |x| done(x[0] / x[1]));
    for &f in Binary::ALL {
        wrong(f.name(), AB, |x| done(x[0].binary(f, x[1])));
    }
    wrong("max", AB, |x| done(x[0].max(x[1])));
    wrong("lerp", AB, |x| done(x[0].lerp(x[1], x[0])));
    wrong("lerp", AB, |x| done(x[0].lerp(x[0], x[1])));
    wrong("select", AB, |x| done(x[0].select(x[1], x[0])));
    wrong("select", AB, |x| done(x[0].select(x[0], x[1])));
    wrong("clamp", &[], |_| done(Tape::new().variable(1.0).clamp(2.0, 1.0)));
    wrong("map", AB, |x| done(map(formula!(|a, b| a + b), [x[0], x[1]])));
    wrong("sum", AB, |x| done::<V<'_>>(Arithmetic::sum(x)));
    wrong("dot", AB, |x| done::<V<'_>>(Arithmetic::dot(&x[..1], &x[1..])));
    wrong("comparison", &[(2, 3)], |x| assert!(x[0] > x[0]));
    wrong("comparison", &[(2, 3)], |x| assert!(x[0] == 1.0));
    wrong("item", A, |x| assert!(x[0].item() > 0.0));
    // Products.
    wrong("matmul", AB, |x| done(x[0].matmul(x[1])));
    wrong("matmul_tn", AB, |x| done(x[0].matmul_tn(x[1])));
    wrong("matmul_nt", AB, |x| done(x[0].matmul_nt(x[1])));
    wrong("matmul_tt", AB, |x| done(x[0].matmul_tt(x[1])));
    wrong("affine", AB, |x| done(affine(&[(x[0], x[1])], None)));
    wrong("outer", AB, |x| done(x[0].outer(x[1])));
    wrong("dot", AB, |x| done(x[0].dot(x[1])));
    wrong("differences", AB, |x| done(x[0].differences(x[1])));
    wrong("distances", AB, |x| done(x[0].distances(x[1])));
    wrong("squared_distances", AB, |x| done(x[0].squared_distances(x[1])));
    // Structure.
    wrong("top_k", A, |x| done(x[0].top_k(3, Axis::Rows)));
    wrong("quantile", &[], |_| done(Tape::new().variable(1.0).quantile(1.5, Axis::Rows)));
    wrong("quantile", &[], |_| done(Tape::new().variable(Matrix::<f64>::zeros(0, 2)).median(Axis::Rows)));
    wrong("repeat", A, |x| done(x[0].repeat(4, 3)));
    wrong("reshape", A, |x| done(x[0].reshape(2, 2)));
    wrong("columns", A, |x| done(x[0].columns(2..4)));
    wrong("rows_in", A, |x| done(x[0].rows_in(1..3)));
    wrong("at", A, |x| done(x[0].at(2, 0)));
    wrong("pad", A, |x| done(x[0].pad((0, 1), (2, 3))));
    wrong("gather", A, |x| done(x[0].gather((1, 1), |_, _| (2, 0))));
    wrong("scatter_add", A, |x| done(x[0].scatter_add((2, 3), |_, _| (2, 0))));
    wrong("select_columns", A, |x| done(x[0].select_columns(&[0, 3])));
    wrong("select_rows", A, |x| done(x[0].select_rows(&[2])));
    wrong("diag", A, |x| done(x[0].diag()));
    wrong("vstack", AB, |x| done(vstack(x)));
    wrong("hstack", AB, |x| done(hstack(x)));
    wrong("vstack", &[], |_| done(vstack::<f64>(&[])));
    wrong("hstack", &[], |_| done(hstack::<f64>(&[])));
    wrong("matrix", A, |x| done(matrix(1, 1, |_, _| x[0])));
    wrong("one_hot", &[], |_| done(Tape::<f64>::new().one_hot(2, &[2])));
    wrong("bind", A, |x| x[0].tape().bind(&Param::new(m(3, 2)), x[0]));
    wrong("update", A, |x| x[0].tape().update(&Param::buffer(m(2, 3)), |_| m(3, 2)));
    // Losses.
    wrong("softmax_cross_entropy", AB, |x| done(x[0].softmax_cross_entropy(x[1])));
    wrong("softmax_cross_entropy_with_classes", A, |x| done(x[0].softmax_cross_entropy_with_classes(&[0])));
    // Linear algebra.
    wrong("solve", A, |x| done(x[0].solve(x[0])));
    wrong("solve", &[(2, 2), (3, 1)], |x| done(x[0].solve(x[1])));
    wrong("solve_triangular", A, |x| done(x[0].solve_triangular(x[0], Triangle::Lower, Trans::No)));
    wrong("inverse", A, |x| done(x[0].inverse()));
    wrong("determinant", A, |x| done(x[0].determinant()));
    wrong("log_abs_determinant", A, |x| done(x[0].log_abs_determinant()));
    wrong("cholesky", A, |x| done(x[0].cholesky()));
    wrong("symmetric_eigen", A, |x| done(x[0].symmetric_eigen()));
    wrong("symmetric_eigenvalues", A, |x| done(x[0].symmetric_eigenvalues()));
    wrong("qr", A, |x| done(x[0].qr()));
    // Derivatives.
    wrong("backward", A, |x| done(x[0].backward()));
    wrong("backward_all", A, |x| done(x[0].backward_all()));
    wrong("backward_checked", A, |x| done(x[0].backward_checked()));
    wrong("backward_with", A, |x| done(x[0].backward_with(&m(3, 2))));
    wrong("backward", A, |x| done(x[0].tape().backward(&[(x[0], m(3, 2).view())])));
    wrong("backward_with", &[], |_| done(Tape::new().constant(1.0).backward_with(&m(1, 1))));
    wrong("backward_per_sample", &[(4, 5)], |x| done(zeros(x[0].tape(), 2, 3).backward_per_sample(x)));
    wrong("tangents", A, |x| done(x[0].tape().tangents(&[(x[0], m(3, 2).view())])));
    wrong("grad", A, |x| done(grad(x[0], x)));
    wrong("vjp", AB, |x| done(vjp(&[(x[0], x[1])], x)));
    wrong("jvp", AB, |x| done(jvp(x[0], &[(x[0], x[1])])));
    wrong("checkpoint", &[], |_| done(checkpoint::<f64>(|x| x[0], &[])));
    wrong("gradient", &[], |_| done(autograd::gradient(|x| x * 2.0, &m(2, 3))));
    wrong("gradient", &[], |_| done(autograd::gradient(|x| x.tape().constant(1.0), &m(2, 3))));
    wrong("value_and_gradient", &[], |_| done(autograd::value_and_gradient(|x| x * 2.0, &m(2, 3))));
    wrong("hessian", &[], |_| done(autograd::hessian(|x| x * 2.0, &m(2, 3))));
    wrong("laplacian", &[], |_| assert!(autograd::laplacian(|x| x * 2.0, &m(2, 3)) > 0.0));
    wrong("hvp", &[], |_| done(hvp(|x| x * 2.0, &m(2, 3), &m(2, 3))));
    wrong("hvp", &[], |_| done(hvp(|x| x.sum(), &m(2, 3), &m(3, 2))));
    wrong("gradient", &[], |_| done(several::gradient(|x| x[0], &[m(2, 3)])));
    wrong("value_and_gradient", &[], |_| done(several::value_and_gradient(|x| x[0], &[m(2, 3)])));
    wrong("vjp", &[], |_| done(several::vjp(|x| x[0], &[m(2, 3)], &m(3, 2))));
    wrong("jvp", &[], |_| done(several::jvp(|x| x[0], &[m(2, 3)], &[m(3, 2)])));
    wrong("hessian", &[], |_| done(several::hessian(|x| x[0], &[m(2, 3)])));
    wrong("hvp", &[], |_| done(several::hvp(|x| x[0], &[m(2, 3)], &[m(2, 3)])));
    wrong("laplacian", &[], |_| assert!(several::laplacian(|x| x[0], &[m(2, 3)]) > 0.0));
    // Programs.
    says!(A.to_vec(), |x| x[0].program(&[x[0].sin()]), ["program", "%1 is not a leaf"]);
    says!(A.to_vec(), |x| x[0].program(&[x[0], x[0]]).run(&[Matrix::zeros(2, 3), Matrix::full(2, 3, 1.0)]), ["run", "inputs 0 and 1 are the same variable"]);
    wrong("Program::run", A, |x| done(x[0].sin().program(x).run(&[m(3, 2)])));
    says!(A.to_vec(), |x| x[0].program(&x).run_entries(&[0.0]), ["Program::run_entries", "1 numbers", "6 entries"]);
    wrong("Program::backward", A, |x| done(x[0].sin().program(x).backward()));
    wrong("Program::backward_with", A, |x| done(x[0].sin().program(x).backward_with(&m(3, 2))));
    wrong("Program::gradient_into", A, |x| x[0].sin().program(x).gradient_into(&mut [0.0; 6]));
    wrong("Program::tangent", A, |x| done(x[0].sin().program(x).tangent(&[m(3, 2)])));
    wrong("Compiled", &[], |_| assert!(Compiled::new(|x| x[0] * 2.0).value(&[m(2, 3)]) > 0.0));
    wrong("shrinking", A, |x| done(x[0].tape().custom(Shrinking, x).program(x).run(&[m(2, 3)])));
    wrong("shrinking", A, |x| done(x[0].tape().custom(Shrinking, x).sum().program(x).run_entries(&[-1.0; 6])));
    wrong("checkpoint", A, |x| done(checkpoint(|x| x[0].tape().custom(Shrinking, x), x).program(x).run(&[m(2, 3)])));
    let mut f = Compiled::new(|x| x[0].tape().custom(Shrinking, x).sum());
    f.value(&[Matrix::zeros(2, 3)]);
    says(message(|| done(f.value(&[m(2, 3)]))), &["shrinking", "2 × 0", "2 × 3"]);
    // Numbers of another tape.
    apart("add", |a, b| done(a + b));
    apart("max", |a, b| done(a.max(b)));
    apart("matmul", |a, b| done(a.matmul(b)));
    apart("lerp", |a, b| done(a.lerp(a, b)));
    apart("lerp", |a, b| done(a.lerp(b, a)));
    apart("select", |a, b| done(a.select(a, b)));
    apart("outer", |a, b| done(a.outer(b)));
    apart("dot", |a, b| done(a.dot(b)));
    apart("kron", |a, b| done(a.kron(b)));
    apart("distances", |a, b| done(a.distances(b)));
    apart("comparison", |a, b| assert!(a < b));
    apart("vstack", |a, b| done(vstack(&[a, b])));
    apart("matrix", |a, b| done(matrix(1, 2, |_, j| [a, b][j])));
    apart("affine", |a, b| done(affine(&[(a, b)], None)));
    apart("map", |a, b| done(map(formula!(|a, b| a + b), [a, b])));
    apart("custom shrinking", |a, b| done(a.tape().custom(Shrinking, &[b])));
    apart("checkpoint", |a, b| done(checkpoint(|x| x[0] * x[1], &[a, b])));
    apart("grad", |a, b| done(grad(a, &[b])));
    apart("vjp", |a, b| done(vjp(&[(a, b)], &[a])));
    apart("jvp", |a, b| done(jvp(a, &[(a, b)])));
    apart("tangents", |a, b| done(a.tape().tangents(&[(b, m(1, 1).view())])));
    apart("backward", |a, b| done(a.tape().backward(&[(b, m(1, 1).view())])));
    apart("wrt", |a, b| done(a.backward().wrt(b).to_owned()));
    apart("Tangents::of", |a, b| done(a.tape().tangents(&[]).of(b)));
    apart("program", |a, b| done(a.program(&[b])));
    apart("bind", |a, b| a.tape().bind(&Param::new(m(1, 1)), b));
    apart("solve", |a, b| done(a.solve(b)));
}

/// The same for scalars.
#[test]
fn numbers_of_two_scalar_tapes() {
    let (one, other) = (ScalarTape::new(), ScalarTape::new());
    let (a, b) = (one.variable(1.0), other.variable(2.0));
    says(message(|| done(a + b)), &["add", "different tapes"]);
    says(message(|| done(Arithmetic::sum(&[a, b]))), &["sum", "different tapes"]);
    says(message(|| done(Arithmetic::dot(&[a, a], &[a, b]))), &["dot", "different tapes"]);
    says(message(|| done(one.backward(&[(b, 1.0)]))), &["backward", "another tape"]);
    says(message(|| assert!(a.backward().wrt(b) > 0.0)), &["wrt", "another tape"]);
}
