//! Backpropagation by hand: the nine steps of the 2-layer net for classification, with plain loops, next to the tape's own table.
//!
//!     cargo run --example backprop_by_hand
//!
//! The table is `grads.steps(&tape)`, which works for any net. The example prints the largest difference between the loops and the table.

use std::process::ExitCode;

use nn::{Matrix, Tape};

type M = Matrix<f64>;

/// a₀ = W₀ x, z = h(a₀), a₁ = W₁ z, y = softmax(a₁), and δa₁, ∇W₁, δz, δa₀, ∇W₀, where h = tanh and E = −Σ t ln y.
fn by_hand(w0: &M, w1: &M, x: &M, t: &M) -> [M; 9] {
    // Forward pass
    let a0 = times(w0, x);
    let z = a0.map(f64::tanh);
    let a1 = times(w1, &z);
    let y = softmax(&a1);
    // Backward pass
    let delta_a1 = zip(&y, t, |y, t| y - t);
    let grad_w1 = times(&delta_a1, &z.transpose());
    let delta_z = times(&w1.transpose(), &delta_a1);
    let delta_a0 = zip(&a0, &delta_z, |a, d| (1.0 - a.tanh().powi(2)) * d);
    let grad_w0 = times(&delta_a0, &x.transpose());
    [a0, z, a1, y, delta_a1, grad_w1, delta_z, delta_a0, grad_w0]
}

/// The same nine results from the tape, and its table. Only the forward pass is written by hand.
fn by_tape(w0: &M, w1: &M, x: &M, t: &M) -> (Vec<M>, String) {
    let tape = Tape::new();
    let (w0, w1) = (tape.variable(w0), tape.variable(w1));
    let (x, t) = (tape.constant(x), tape.constant(t));
    let a0 = w0.matmul(x);
    let z = a0.tanh();
    let a1 = w1.matmul(z);
    let e = a1.softmax_cross_entropy(t);
    let y = e.operands()[2]; // the softmax that it reads
    let grads = e.sum().backward_all();
    let names = [(w0, "W₀"), (w1, "W₁"), (x, "x"), (t, "t"), (a0, "a₀"), (z, "z"), (a1, "a₁"), (y, "y"), (e, "E")];
    let table = names.into_iter().fold(grads.steps(&tape), |steps, (v, name)| steps.name(v, name)).to_string();
    let values = [a0, z, a1, y].map(|v| v.value());
    let gradients = [a1, w1, z, a0, w0].map(|v| grads.wrt(v).to_owned());
    (values.into_iter().chain(gradients).collect(), table)
}

/// E = −Σ t ln y over all classes and samples.
fn error(w0: &M, w1: &M, x: &M, t: &M) -> f64 {
    let y = softmax(&times(w1, &times(w0, x).map(f64::tanh)));
    -zip(t, &y, |t, y| t * y.ln()).as_slice().iter().sum::<f64>()
}

/// (E(w + h) − E(w − h)) / 2h for every entry of w. With h = 6·10⁻⁶, near the cube root of the rounding unit, its error
/// is some 10⁻¹⁰: that of the formula grows like h², that of rounding like 1 / h.
fn differences(w: &M, error: impl Fn(&M) -> f64) -> M {
    let h = 6e-6;
    let moved = |i, j, by: f64| {
        let mut w = w.clone();
        w[(i, j)] += by;
        error(&w)
    };
    Matrix::from_fn(w.rows(), w.cols(), |i, j| (moved(i, j, h) - moved(i, j, -h)) / (2.0 * h))
}

fn main() -> ExitCode {
    let w0 = Matrix::from([[0.5, -0.3, 0.8], [-0.6, 0.1, 0.4], [0.2, 0.9, -0.7], [-0.1, 0.4, 0.3]]);
    let w1 = Matrix::from([[0.7, -0.2, 0.5, 0.1], [-0.4, 0.6, -0.9, 0.3], [0.2, -0.8, 0.1, 0.4]]);

    println!("3 inputs, 4 hidden units with h = tanh, 3 classes\n");
    let (x, t) = (Matrix::column(&[1.0, -2.0, 0.5]), Matrix::column(&[0.0, 1.0, 0.0]));
    let (hand, (tape, table)) = (by_hand(&w0, &w1, &x, &t), by_tape(&w0, &w1, &x, &t));
    println!("{table}");
    println!("the nine steps by hand, from the tape's: {:.1e}", distance(&hand, &tape));

    let d0 = differences(&w0, |w0| error(w0, &w1, &x, &t));
    let d1 = differences(&w1, |w1| error(&w0, w1, &x, &t));
    let numeric = distance(&[hand[5].clone(), hand[8].clone()], &[d1, d0]);
    println!("∇W₀ and ∇W₁ from central differences of E: {numeric:.1e}");

    // The formulas are those of a batch as well: a sample is a column, and ∇W = δ xᵀ sums over the samples.
    let x = Matrix::from([[1.0, 0.3, -1.2], [-2.0, 0.8, 0.1], [0.5, -0.6, 2.0]]);
    let t = Matrix::from([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
    let (batch, (batch_tape, _)) = (by_hand(&w0, &w1, &x, &t), by_tape(&w0, &w1, &x, &t));
    println!("a batch of 3 samples as columns, all steps from the tape: {:.1e}", distance(&batch, &batch_tape));

    let exact = distance(&hand, &tape).max(distance(&batch, &batch_tape));
    if exact <= 1e-12 && numeric <= 1e-9 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A B, as Σₖ aᵢₖ bₖⱼ.
fn times(a: &M, b: &M) -> M {
    Matrix::from_fn(a.rows(), b.cols(), |i, j| (0..a.cols()).map(|k| a[(i, k)] * b[(k, j)]).sum())
}

fn zip(a: &M, b: &M, f: impl Fn(f64, f64) -> f64) -> M {
    Matrix::from_fn(a.rows(), a.cols(), |i, j| f(a[(i, j)], b[(i, j)]))
}

/// yᵢ = e^aᵢ / Σₖ e^aₖ in each column.
fn softmax(a: &M) -> M {
    let sum = |j| a.col(j).iter().map(|a| a.exp()).sum::<f64>();
    Matrix::from_fn(a.rows(), a.cols(), |i, j| a[(i, j)].exp() / sum(j))
}

/// The largest difference of two entries; NaN if there is one.
fn distance(a: &[M], b: &[M]) -> f64 {
    let differences = a.iter().zip(b).flat_map(|(a, b)| zip(a, b, |a, b| (a - b).abs()).into_vec());
    differences.fold(0.0, |max, d| if d > max || d.is_nan() { d } else { max })
}
