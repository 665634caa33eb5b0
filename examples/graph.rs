//! A computation graph of any shape: shared operands, skip connections, derivatives of derivatives.
//!
//!     cargo run --example graph

use std::process::ExitCode;

use autograd::check::{Check, Verdict};
use nn::{Matrix, Tape, Var, affine, grad};

type V<'t> = Var<'t, f64>;

/// s = sin(w x) and y = x s + s² + x. Both x and s are used more than once, and the last x skips s.
fn scalars<'t>(x: V<'t>, w: V<'t>) -> (V<'t>, V<'t>) {
    let s = (w * x).sin();
    (s, x * s + s * s + x)
}

/// h = tanh(W x), a = W h + x and E = Σ a² / 2. Both layers share the weight W, and x skips the first.
fn matrices<'t>(w: V<'t>, x: V<'t>) -> (V<'t>, V<'t>) {
    let h = w.matmul(x).tanh();
    let a = affine(&[(w, h)], Some(x)); // one node with the terms x and W h
    (h, a.square().sum() / 2.0)
}

fn scalar_graph() -> Verdict {
    println!("s = sin(w x),  y = x s + s² + x\n");
    let tape = Tape::new();
    let (x, w) = (tape.variable(0.8), tape.variable(-1.5));
    let (s, y) = scalars(x, w);
    let grads = y.backward_all();

    // The same by hand.
    let ([x0, w0, s0], cos) = ([x, w, s].map(|v| v.item()), (w.item() * x.item()).cos());
    let dy_ds = x0 + 2.0 * s0;
    let print = |name: &str, tape: f64, paper: f64| println!("  {name:<9} {tape:>12.8}   by hand {paper:>12.8}");
    print("y", y.item(), x0 * s0 + s0 * s0 + x0);
    print("∂y/∂s", grads.wrt(s)[(0, 0)], dy_ds);
    print("∂y/∂w", grads.wrt(w)[(0, 0)], dy_ds * x0 * cos);
    print("∂y/∂x", grads.wrt(x)[(0, 0)], s0 + 1.0 + dy_ds * w0 * cos);

    // A recorded gradient is a variable and can be differentiated.
    let dy_dx = grad(y, &[x])[0];
    let d2y_dx2 = grad(dy_dx, &[x])[0];
    let paper = 2.0 * w0 * cos + 2.0 * (w0 * cos).powi(2) - dy_ds * w0 * w0 * s0;
    print("∂²y/∂x²", d2y_dx2.item(), paper);

    let report = Check::new().run(|v| scalars(v[0], v[1]).1, &[x.value(), w.value()]);
    println!("\n{report}\n");
    report.verdict
}

fn matrix_graph() -> Verdict {
    println!("h = tanh(W x),  a = W h + x,  E = Σ a² / 2\n");
    let w = Matrix::from([[0.5, -1.0, 0.2], [0.3, 0.8, -0.4], [-0.7, 0.1, 0.6]]);
    let x = Matrix::from([[1.0, -0.3], [0.4, 0.9], [-1.2, 0.5]]);

    let tape = Tape::new();
    let (w, x) = (tape.variable(&w), tape.variable(&x));
    let (h, e) = matrices(w, x);
    let grads = e.backward_all();
    print_matrix("h", &h.value());
    print_matrix("E", &e.value());
    print_matrix("∇h", &grads.wrt(h).to_owned());
    print_matrix("∇x", &grads.wrt(x).to_owned());
    print_matrix("∇W", &grads.wrt(w).to_owned());

    // The derivative of ∇W along V: the gradient of ⟨∇W, V⟩.
    let v = tape.constant(Matrix::from([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, -1.0]]));
    let along = (grad(e, &[w])[0] * v).sum();
    print_matrix("∇⟨∇W, V⟩", &grad(along, &[w])[0].value());

    let report = Check::new().run(|v| matrices(v[0], v[1]).1, &[w.value(), x.value()]);
    println!("{report}");
    report.verdict
}

fn main() -> ExitCode {
    // A check compares first and second derivatives with finite differences, and the sweeps with each other.
    let verdicts = [scalar_graph(), matrix_graph()];
    if verdicts == [Verdict::Pass; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_matrix(name: &str, value: &Matrix<f64>) {
    for (i, row) in format!("{value:9.5}").lines().enumerate() {
        println!("  {:<9} {row}", if i == 0 { name } else { "" });
    }
    println!();
}
