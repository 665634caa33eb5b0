//! Second derivatives where eigenvalues are equal: of what treats them alike they are those of the same function of the matrix.

use super::*;

fn values(x: V<'_, f64>) -> V<'_, f64> {
    x.symmetric_eigenvalues().unwrap()
}

/// Symmetric matrices, some with eigenvalues that are equal, or equal but for rounding.
fn ties() -> Vec<Matrix<f64>> {
    let tape = Tape::new();
    let (q, _) = tape.constant(regular(4, 4, 2)).qr().unwrap();
    let turned = |values: &[f64]| (q * tape.constant(Matrix::row(values))).matmul_nt(q).value();
    let diagonal = |values: [f64; 3]| tape.constant(Matrix::column(&values)).diag().value();
    vec![
        Matrix::zeros(3, 3),
        numbers(1, 1, 1),
        diagonal([3.0, 3.0, 1.0]),
        diagonal([2.0, 2.0, 2.0]),
        turned(&[1.0, 2.0, 1.0, 2.0]),
        turned(&[1.0, 2.0, 2.0, 2.0]),
        turned(&[-1.0, 1.0, 1.0, -1.0]),
    ]
}

/// ½ (A + Aᵀ).
fn even(x: V<'_, f64>) -> V<'_, f64> {
    (x + x.t()) * 0.5
}

#[track_caller]
fn same_hessians(
    f: impl for<'t> Fn(V<'t, f64>) -> V<'t, f64>,
    of_matrix: impl for<'t> Fn(V<'t, f64>) -> V<'t, f64>,
    a: &Matrix<f64>,
) {
    let expected = autograd::hessian(&of_matrix, a);
    for found in hessians(&f, a) {
        let largest = expected.as_slice().iter().fold(1.0, |max: f64, x| max.max(x.abs()));
        close(&found.map(|x| 0.01 * x / largest), &expected.map(|x| 0.01 * x / largest));
    }
}

#[test]
fn functions_that_treat_equal_eigenvalues_alike() {
    for a in &ties() {
        for found in hessians(|x| values(x).sum(), a) {
            assert!(found.as_slice().iter().all(|x| *x == 0.0));
        }
        same_hessians(|x| values(x).sum().square(), |x| x.trace().square(), a);
        same_hessians(|x| values(x).square().sum(), |x| even(x).square().sum(), a);
        same_hessians(|x| values(x).powi(3).sum(), |x| even(x).matmul(even(x)).dot(even(x)), a);
        same_hessians(|x| values(x).square().sum().sin(), |x| even(x).square().sum().sin(), a);
        same_hessians(|x| values(x).exp().sum(), |x| even(x).matrix_exp().unwrap().trace(), a);
        same_hessians(
            |x| (values(x) + 4.0).product(),
            |x| (even(x) + x.tape().identity(x.rows()) * 4.0).determinant().unwrap(),
            a,
        );
    }
    // Of some of the eigenvalues.
    let tie = &ties()[2];
    fn larger(x: V<'_, f64>) -> V<'_, f64> {
        values(x).rows_in(1..3)
    }
    same_hessians(|x| larger(x).sum(), |x| x.trace() - values(x).at(0, 0), tie);
    same_hessians(|x| larger(x).square().sum(), |x| even(x).square().sum() - values(x).at(0, 0).square(), tie);
}

/// What does not treat them alike, or is not seen to, is refused by the names of the two.
#[test]
fn functions_that_do_not() {
    let tie = ties().remove(2);
    let zero = Matrix::zeros(3, 3);
    fn weighted(x: V<'_, f64>) -> V<'_, f64> {
        values(x).square().dot(x.tape().constant(Matrix::column(&[1.0, 1.0, 1.01])))
    }
    let texts = [
        panic_text(|| drop(autograd::hessian(|x| values(x).at(1, 0), &tie))),
        panic_text(|| drop(autograd::hessian(|x| values(x).max_entry().square(), &tie))),
        panic_text(|| drop(autograd::hessian(weighted, &tie))),
        panic_text(|| drop(autograd::hessian(|x| values(x).dot(values(x * 1.0)), &tie))),
    ];
    for text in texts {
        assert!(
            text.contains("eigenvalues 1 and 2 (3e0 and 3e0)") && !text.contains("use symmetric_eigenvalues"),
            "{text}"
        );
    }
    let text = panic_text(|| drop(autograd::hessian(weighted, &zero)));
    assert!(text.contains("eigenvalues 0 and 1 (0e0 and 0e0)"), "{text}");
}
