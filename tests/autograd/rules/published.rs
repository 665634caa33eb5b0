//! Bugs that other libraries had, with the right values. Numbers in the text were computed to 60 digits.

use autograd::{Axis, Matrix, Tape, Var, grad, gradient};

/// Within `relative` of `right`.
#[track_caller]
fn near(found: f64, right: f64, relative: f64) {
    assert!((found - right).abs() <= relative * right.abs(), "{found:e} is not {right:e}");
}

fn scores() -> Matrix<f64> {
    Matrix::from([[1.0, -2.0, 0.5], [3.0, 0.25, -1.5]])
}

#[test]
fn log_softmax_along_either_axis() {
    let x = scores();
    let tape = Tape::new();
    let v = tape.variable(&x);
    let (rows, cols) = (v.log_softmax(Axis::Rows), v.log_softmax(Axis::Cols));
    let lse = |entries: &[f64]| entries.iter().map(|x| x.exp()).sum::<f64>().ln();
    for i in 0..2 {
        for j in 0..3 {
            // Each side rounds a difference of these two numbers, whose logarithm is known to 2 ulp.
            let near = |y: f64, x: f64, lse: f64| {
                assert!((y - (x - lse)).abs() <= 4.0 * f64::EPSILON * (x.abs() + lse.abs()), "{y} is not {}", x - lse)
            };
            near(rows.value()[(i, j)], x[(i, j)], lse(x.col(j)));
            near(cols.value()[(i, j)], x[(i, j)], lse(x.transpose().col(i)));
        }
    }
    // ∂ yᵢⱼ / ∂ x = one at (i, j) minus the softmax of its group.
    let pick = Matrix::from([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]);
    let (of_rows, of_cols) = (rows.backward_with(&pick), cols.backward_with(&pick));
    for i in 0..2 {
        for j in 0..3 {
            let one = pick[(i, j)];
            let down = if j == 1 { (x[(i, j)] - lse(x.col(1))).exp() } else { 0.0 };
            let along = if i == 0 { (x[(i, j)] - lse(x.transpose().col(0))).exp() } else { 0.0 };
            // Absolute: two numbers up to 1, each to a few units, are subtracted.
            assert!((of_rows.wrt(v)[(i, j)] - (one - down)).abs() <= 1e-15);
            assert!((of_cols.wrt(v)[(i, j)] - (one - along)).abs() <= 1e-15);
        }
    }
}

/// Loss, slope in the logit and slope in the target.
fn bce(x: f64, t: f64) -> (f64, f64, f64) {
    let tape = Tape::new();
    let (x, t) = (tape.variable(x), tape.variable(t));
    let loss = x.bce_with_logits(t);
    let grads = loss.backward();
    let recorded = grad(loss, &[x, t]);
    assert_eq!((recorded[0].item(), recorded[1].item()), (grads.wrt(x)[(0, 0)], grads.wrt(t)[(0, 0)]));
    (loss.item(), grads.wrt(x)[(0, 0)], grads.wrt(t)[(0, 0)])
}

#[test]
fn binary_cross_entropy_of_large_logits() {
    let cases = [
        (20.0, 0.0, 20.000_000_002_061_153, 0.999_999_997_938_846_4),
        (20.0, 1.0, 2.061_153_620_314_381e-9, -2.061_153_618_190_203_6e-9),
        (-110.0, 0.0, 1.688_911_880_224_532_3e-48, 1.688_911_880_224_532_3e-48),
        (-110.0, 1.0, 110.0, -1.0),
        (1000.0, 0.0, 1000.0, 1.0),
        (1000.0, 1.0, 0.0, 0.0), // e⁻¹⁰⁰⁰ is not a number of double precision
        (-1000.0, 0.0, 0.0, 0.0),
        (-1000.0, 1.0, 1000.0, -1.0),
    ];
    for (x, t, loss, slope) in cases {
        let (found, in_logit, in_target) = bce(x, t);
        near(found, loss, 1e-15);
        near(in_logit, slope, 1e-15);
        // Published: no gradient for the target.
        assert_eq!(in_target, -x);
    }
    let single = Tape::new();
    let losses = single.variable(Matrix::row(&[20.0f32, -110.0, 1000.0, -1000.0]));
    let loss = losses.bce_with_logits(single.constant(Matrix::row(&[1.0f32, 0.0, 1.0, 0.0]))).value();
    near(loss.as_slice()[0].into(), 2.061_153_6e-9, 4.0 * f64::from(f32::EPSILON));
    assert_eq!(loss.as_slice()[1..], [0.0, 0.0, 0.0]);
}

#[test]
fn the_second_derivative_of_a_cube() {
    let x = Matrix::from([[0.5, -2.0, 3.0]]);
    let second = gradient(|x| grad((x * x * x).sum(), &[x])[0].sum(), &x);
    assert_eq!(second, x.map(|x| 6.0 * x));
    let second = gradient(|x| grad(x.powi(3).sum(), &[x])[0].sum(), &x);
    assert_eq!(second, x.map(|x| 6.0 * x));
}

#[test]
fn a_matrix_times_itself() {
    let x = scores();
    assert_eq!(gradient(|x| (x * x).sum(), &x), x.map(|x| 2.0 * x));
    // ∂ Σ (x x)ᵢⱼ / ∂ xₖₗ = Σⱼ xₗⱼ + Σᵢ xᵢₖ.
    let x = Matrix::from([[1.0, 2.0], [-3.0, 5.0]]);
    let right = Matrix::from_fn(2, 2, |k, l| x[(l, 0)] + x[(l, 1)] + x[(0, k)] + x[(1, k)]);
    assert_eq!(gradient(|x| x.matmul(x).sum(), &x), right);
}

#[test]
fn softmax_keeps_the_gradient_of_its_composition() {
    let x = scores();
    let weights = Matrix::from([[1.0, 0.5, -2.0], [0.25, 3.0, 1.5]]);
    for axis in [Axis::Rows, Axis::Cols] {
        let loss = |softmax: fn(Var<'_, f64>, Axis) -> Var<'_, f64>| {
            gradient(|x| (softmax(x, axis) * x.tape().constant(weights.clone())).sum(), &x)
        };
        let fast = loss(|x, axis| x.softmax(axis));
        let composed = loss(|x, axis| x.exp() / x.exp().sum_over(axis));
        let through_logarithm = loss(|x, axis| x.log_softmax(axis).exp());
        assert!(fast.as_slice().iter().all(|&g| g != 0.0));
        for ((&a, &b), &c) in fast.as_slice().iter().zip(composed.as_slice()).zip(through_logarithm.as_slice()) {
            // Terms up to 3, each to a few units.
            assert!((a - b).abs() <= 1e-14 && (a - c).abs() <= 1e-14, "{a} {b} {c}");
        }
    }
}
