//! Every function of the table and its slope.

use autograd::{Binary, Matrix, Unary, Var};
use gpu::DeviceNumber;

use crate::{Records, compare, expect_all};

struct One(Unary);
struct Two(Binary);

/// Each entry of x counts with a weight of its own.
fn weights(n: usize) -> Matrix<f64> {
    Matrix::from_fn(n, 1, |i, _| (i % 11) as f64 / 8.0 - 0.6)
}

impl Records for One {
    fn record<'t, T: DeviceNumber>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        let (x, w) = (x[0], x[1]);
        // The gradient of w is f(x), that of x its slope.
        (x.unary(self.0) * w).sum()
    }
}

impl Records for Two {
    fn record<'t, T: DeviceNumber>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        (x[0].binary(self.0, x[1]) * x[2]).sum()
    }
}

/// Points in an interval, exact in single precision and away from its ends.
fn points((low, high): (f64, f64), shift: usize) -> Matrix<f64> {
    const N: usize = 400;
    let (low, high) = (low.max(-6.0), high.min(6.0));
    Matrix::from_fn(N, 1, |i, _| {
        f64::from((low + (high - low) * ((i * (17 + shift) % N) as f64 + 0.5) / N as f64) as f32)
    })
}

#[test]
fn functions_of_one_operand() {
    expect_all(
        Unary::all().into_iter().map(|f| compare(&format!("{f:?}"), &One(f), &[points(f.domain(), 0), weights(400)])),
    );
}

#[test]
fn functions_of_two_operands() {
    expect_all(Binary::ALL.iter().map(|&f| {
        let [a, b] = f.domain();
        compare(&format!("{f:?}"), &Two(f), &[points(a, 0), points(b, 2), weights(400)])
    }));
}
