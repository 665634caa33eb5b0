//! What tests of single rules do not show: operands used more than once, shared weights, higher orders, which nodes get a gradient.

use autograd::{Axis, Matrix, Param, Tape, Var, affine, check, function, grad};

use super::holds;

fn square() -> Matrix<f32> {
    Matrix::from([[0.5, -1.25, 0.75], [1.5, 0.25, -0.5], [-0.75, 1.0, 1.75]])
}

#[test]
fn shared_operands() {
    let x = [square()];
    holds("x * x", &function!(|x| x[0] * x[0]), &x);
    holds("x / x", &function!(|x| x[0] / x[0]), &x);
    holds("x + x", &function!(|x| x[0] + x[0]), &x);
    holds("x − x", &function!(|x| x[0] - x[0]), &x);
    holds("x x", &function!(|x| x[0].matmul(x[0])), &x);
    holds("xᵀ x", &function!(|x| x[0].matmul_tn(x[0])), &x);
    holds("x xᵀ", &function!(|x| x[0].matmul_nt(x[0])), &x);
    holds("xᵀ xᵀ", &function!(|x| x[0].matmul_tt(x[0])), &x);
    holds("(x − x)²", &function!(|x| x[0].squared_error(x[0])), &x);
    holds("bce(x, x)", &function!(|x| x[0].bce_with_logits(x[0])), &x);
    holds("cross-entropy(x, x)", &function!(|x| x[0].softmax_cross_entropy(x[0])), &x);
    holds("x Σ x", &function!(|x| x[0] * x[0].sum_over(Axis::Rows) / (x[0].square().sum() + 1.0)), &x);
    holds("x in two terms", &function!(|x| affine(&[(x[0], x[0].tanh()), (x[0].tanh(), x[0])], Some(x[0]))), &x);
}

#[test]
fn skip_connections() {
    let inputs = [square(), square().map(|x| x * 0.5 - 0.25)];
    let residual = function!(|x| {
        let mut h = x[0];
        for _ in 0..4 {
            h = h + x[1].matmul(h).tanh();
        }
        h
    });
    holds("residual", &residual, &inputs);
}

#[test]
fn a_recurrent_layer_shares_its_weights() {
    let recurrent = function!(|x| {
        let mut h = x[2].tanh();
        for _ in 0..3 {
            h = affine(&[(x[0], h), (x[1], x[2])], Some(x[3])).tanh();
        }
        h
    });
    let bias = Matrix::column(&[0.5f32, -0.25, 0.75]);
    holds("recurrent", &recurrent, &[square(), square().transpose(), square().map(|x| -x), bias]);
}

#[test]
fn a_parameter_used_twice_is_one_leaf() {
    let w = Param::new(square().map(f64::from));
    let tape = Tape::new();
    let (a, b) = (tape.param(&w), tape.param(&w));
    assert_eq!(tape.len(), 1);
    let grads = a.matmul(b.tanh()).sum().backward();
    let together = autograd::gradient(|x| x.matmul(x.tanh()).sum(), w.value());
    assert_eq!(grads.wrt(&w), together.view());
    assert_eq!(grads.wrt(a), grads.wrt(b));
    check(|x| x[0].matmul(x[0].tanh()), &[w.value()]);
}

#[test]
fn layer_normalisation_composed() {
    // Published: a fast path for softmax and layer normalisation that drops the gradient.
    let normalised = function!(|x| {
        let centred = x[0] - x[0].mean_over(Axis::Rows);
        let variance = centred.square().mean_over(Axis::Rows);
        centred / (variance + 1e-5).sqrt() * x[1] + x[2]
    });
    let (scale, shift) = (Matrix::column(&[1.5f32, 0.5, -1.0]), Matrix::column(&[0.25f32, 0.5, 0.75]));
    holds("layer norm", &normalised, &[square(), scale, shift]);
    let attention = function!(|x| x[2].matmul((x[0].matmul_tn(x[1]) / 3f64.sqrt()).softmax(Axis::Rows)));
    holds("attention", &attention, &[square(), square().transpose(), square()]);
}

#[test]
fn derivatives_of_any_order() {
    let tape = Tape::new();
    let x = tape.variable(2.0);
    let mut y = x.powi(3);
    let mut found = vec![y.item()];
    for _ in 0..5 {
        y = grad(y, &[x])[0];
        found.push(y.item());
    }
    assert_eq!(found, [8.0, 12.0, 12.0, 6.0, 0.0, 0.0]); // x³, 3x², 6x, 6, 0, 0
}

#[test]
fn the_derivatives_of_a_gradient_check() {
    // x ↦ ∇ ‖∇ Σ tanh(x x)‖² holds two derivatives, and the check takes two more.
    let x: Matrix<f64> = Matrix::from([[0.5, -0.75], [0.25, 1.0]]);
    check(|x| grad(grad(x[0].matmul(x[0]).tanh().sum(), x)[0].square().sum(), x)[0], &[x]);
}

#[test]
fn intermediate_variables_have_gradients() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::from([[1.0, -2.0]]));
    let h = x.square();
    let y = (h * 3.0).sum();
    let grads = y.backward_all();
    assert_eq!(grads.wrt(h).as_slice(), [3.0, 3.0]);
    assert_eq!(grads.wrt(x).as_slice(), [6.0, -12.0]);
    assert_eq!(grads.wrt(y).as_slice(), [1.0]);
    assert_eq!(grad(y, &[h])[0].value().as_slice(), [3.0, 3.0]);
}

#[test]
fn weights_of_a_matrix_come_from_outside() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::from([[1.0, -2.0], [3.0, 0.5]]));
    let w = Matrix::from([[1.0, 10.0], [100.0, 1000.0]]);
    let grads = x.square().backward_with(&w);
    assert_eq!(grads.wrt(x).as_slice(), [2.0, 600.0, -40.0, 1000.0]);
}

#[test]
fn what_is_not_used_has_gradient_zero() {
    let tape = Tape::new();
    let (x, unused) = (tape.variable(2.0), tape.variable(Matrix::from([[1.0, 2.0]])));
    let aside = unused.tanh();
    let y = x.square();
    let grads = y.backward_all();
    assert_eq!(grads.wrt(unused).as_slice(), [0.0, 0.0]);
    assert_eq!(grads.wrt(aside).as_slice(), [0.0, 0.0]);
    let recorded = grad(y, &[unused, x]);
    assert_eq!(recorded[0].value().as_slice(), [0.0, 0.0]);
    assert_eq!(recorded[1].value().as_slice(), [4.0]);
}

#[test]
fn constants_get_none() {
    let tape = Tape::new();
    let (x, c) = (tape.variable(2.0), tape.constant(3.0));
    let of_constants = c.tanh();
    let y = x * c + of_constants;
    let later = y.square();
    let grads = y.backward();
    assert!(!of_constants.needs_gradient() && y.needs_gradient());
    assert_eq!(grads.get(c), None);
    assert_eq!(grads.get(of_constants), None);
    assert_eq!(grads.get(later), None);
    assert_eq!(grads.wrt(x).as_slice(), [3.0]);
}

#[test]
fn slopes_at_kinks() {
    let slope = |f: fn(Var<'_, f64>) -> Var<'_, f64>| {
        let tape = Tape::new();
        let x = tape.variable(0.0);
        let y = f(x);
        (y.backward().wrt(x)[(0, 0)], grad(y, &[x])[0].item())
    };
    assert_eq!(slope(|x| x.relu()), (0.0, 0.0));
    assert_eq!(slope(|x| x.abs()), (0.0, 0.0));
    assert_eq!(slope(|x| x.step()), (0.0, 0.0));
    assert_eq!(slope(|x| x.sign()), (0.0, 0.0));
}

#[test]
fn relu_networks_hold() {
    let network = function!(|x| x[1].matmul(x[0].matmul(x[2]).relu()).abs());
    holds("relu network", &network, &[square(), square().transpose(), square().map(|x| x + 0.125)]);
}
