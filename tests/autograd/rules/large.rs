//! Matrices that are large enough for every loop to run in blocks, with remainders that do not fill a block.

use autograd::check::{Check, Verdict};
use autograd::{Axis, Matrix, Tape, function};

use super::{ALL, Function, Rule, away, every_op, fill, operands};

/// Deterministic numbers without a pattern.
fn numbers(count: usize) -> Vec<f32> {
    let number = |i: usize| {
        let x = 0.25 + 1.75 * (i as f32 * 0.618_034).fract();
        if (i * i + i / 3) % 7 < 3 { -x } else { x }
    };
    (0..count).map(number).collect()
}

#[test]
fn every_rule_holds_in_blocks() {
    let numbers = numbers(4001);
    let check = Check::new().directions(1);
    for op in every_op() {
        for shapes in operands(op, (70, 37), 33) {
            let inputs = away(op, &shapes, &numbers);
            let wide: Vec<Matrix<f64>> = inputs.iter().map(|x| x.map(f64::from)).collect();
            let rule = Rule(op);
            for report in [check.run(|x| rule.call(x), &wide), check.run_f32(&rule, &inputs)] {
                assert!(report.verdict == Verdict::Pass, "{op:?} of {shapes:?}\n{report}");
            }
        }
    }
}

#[test]
fn sums_hold_in_blocks() {
    let sums = function!(|x| {
        let (down, along) = (x[0].sum_over(Axis::Rows), x[0].sum_over(Axis::Cols));
        (down * x[0].sum()).sin().sum() + (along * x[0].mean()).sin().sum()
    });
    for shape in [(1, 2500), (2500, 1), (50, 50), (33, 70)] {
        let inputs = fill(&[shape], ALL, &numbers(2500)).remove(0).map(|x| f64::from(x) / 50.0);
        Check::new().directions(2).run(|x| sums.call(x), &[inputs]).unwrap();
    }
}

#[test]
fn columns_are_repeated_to_any_width() {
    for (m, n) in [(1, 5000), (3, 1), (3, 2), (32, 1001), (2047, 7), (3000, 3)] {
        let (tape, x) = (Tape::new(), Matrix::column(&numbers(m)));
        let y = tape.constant(&x).repeat(m, n).value();
        assert!(y == Matrix::from_fn(m, n, |i, _| x[(i, 0)]), "{m} × {n}");
    }
}

#[test]
fn large_products_are_associative() {
    // (A B) v = A (B v), to k roundings of the sum of absolute values, where k counts both sums.
    let (m, k, n) = (300, 520, 1030);
    let numbers = numbers(k * n);
    let shaped = |rows, cols| fill(&[(rows, cols)], ALL, &numbers).remove(0).map(f64::from);
    let tape = Tape::new();
    let v = tape.constant(shaped(n, 1));
    let (a, at) = (tape.variable(shaped(m, k)), tape.variable(shaped(m, k).transpose()));
    let (b, bt) = (tape.variable(shaped(k, n)), tape.variable(shaped(k, n).transpose()));
    let right = a.matmul(b.matmul(v));
    let bound = a.abs().matmul(b.abs().matmul(v.abs())).value();
    for product in [a.matmul(b), at.matmul_tn(b), a.matmul_nt(bt), at.matmul_tt(bt)] {
        let left = product.matmul(v).value();
        for ((l, r), b) in left.as_slice().iter().zip(right.value().as_slice()).zip(bound.as_slice()) {
            assert!((l - r).abs() <= (k + n) as f64 * f64::EPSILON * b, "{l} {r}");
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let numbers = numbers(700 * 300);
    let shaped = |rows, cols| fill(&[(rows, cols)], ALL, &numbers).remove(0);
    let (w, x) = (shaped(700, 300), shaped(300, 130));
    let bits = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let tape = Tape::new();
            let (w, x) = (tape.variable(&w), tape.variable(&x));
            let y = w.matmul(x);
            let grads = y.tanh().sum().backward();
            [y.value(), grads.wrt(w).to_owned(), grads.wrt(x).to_owned()].map(|m| m.map(f32::to_bits))
        })
    };
    assert_eq!(bits(1), bits(2));
    assert_eq!(bits(1), bits(5));
}
