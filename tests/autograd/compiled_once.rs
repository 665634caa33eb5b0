//! Functions of other crates that are compiled once.

use autograd::{Float, Matrix, MatrixRef, Real, Tape, Var, compiled_once, grad};
use std::iter::Sum;
use tape_tests::panic_of;

/// A function with elided lifetimes, a pattern among its arguments, and a bound that callers do not see.
#[compiled_once]
fn weighted_sum<T: Float + Sum>(x: MatrixRef<'_, T>, (c, d): (f64, f64)) -> T {
    x.as_slice().iter().map(|&x| x * T::from_f64(c) + T::from_f64(d)).sum()
}

/// A result that borrows from an argument.
#[compiled_once]
fn first_column<T: Real>(x: &Matrix<T>) -> &[T] {
    x.col(0)
}

/// An argument that is a closure over variables of any tape.
#[compiled_once]
fn slope<T: Real>(f: &dyn for<'t> Fn(Var<'t, T>) -> Var<'t, T>, at: T, tape: &Tape<'_, T>) -> T {
    let _ = tape.len();
    let tape = Tape::new();
    let x = tape.variable(Matrix::full(1, 1, at));
    grad(f(x), &[x])[0].item()
}

struct Scaled<'m, T> {
    weights: &'m Matrix<T>,
}

#[compiled_once]
impl<'m, T: Real> Scaled<'m, T> {
    fn new(weights: &'m Matrix<T>) -> Self {
        Self { weights }
    }

    #[track_caller]
    fn apply<'t>(&self, x: Var<'t, T>) -> Var<'t, T>
    where
        'm: 't,
    {
        assert!(x.shape() == self.weights.shape(), "Scaled: {:?} for {:?}", x.shape(), self.weights.shape());
        x * x.tape().constant(self.weights)
    }

    fn larger<'a>(&'a self, other: &'a Self) -> &'a Self {
        if self.total() >= other.total() { self } else { other }
    }

    fn total(&self) -> f64 {
        self.weights.as_slice().iter().map(|w| w.to_f64()).sum()
    }

    /// A method with its own type parameter stays generic.
    fn with<R>(&self, f: impl FnOnce(&Matrix<T>) -> R) -> R {
        f(self.weights)
    }
}

#[test]
fn they_are_the_functions_that_are_written() {
    fn of<T: Real>() {
        let number = T::from_f64;
        let x = Matrix::from_fn(2, 2, |i, j| number((i + 2 * j) as f64));
        assert_eq!(weighted_sum(x.view(), (2.0, 0.5)).to_f64(), 14.0);
        assert_eq!(first_column(&x), [number(0.0), number(1.0)]);
        assert_eq!(slope(&|x| x * x * x, number(2.0), &Tape::new()).to_f64(), 12.0);

        let (small, large) = (Matrix::full(2, 2, number(1.0)), Matrix::full(2, 2, number(3.0)));
        let (a, b) = (Scaled::new(&small), Scaled::new(&large));
        let tape = Tape::new();
        let y = a.larger(&b).apply(tape.variable(&x));
        assert_eq!(y.value().as_slice()[3].to_f64(), 9.0);
        assert_eq!(a.with(|w| w.rows()), 2);
    }
    of::<f32>();
    of::<f64>();
}

#[test]
fn a_panic_points_at_the_caller() {
    let weights = Matrix::full(2, 2, 1.0);
    let panic = panic_of(|| {
        let tape = Tape::new();
        Scaled::new(&weights).apply(tape.variable(1.0)); // this line
    });
    assert!(panic.message.contains("Scaled: (1, 1) for (2, 2)"), "{}", panic.message);
    let line = include_str!("compiled_once.rs").lines().position(|line| line.ends_with("// this line")).unwrap() + 1;
    assert_eq!((panic.line as usize, panic.file.ends_with("compiled_once.rs")), (line, true));
}
