//! Division by and of a plain number rounds as in `f64`: the same bits in every number type and for every derivative.

use autograd::{Axis, Dual, Matrix, Real, ScalarTape, Tape, vjp};
use proptest::prelude::*;

/// Any number: subnormal, huge, infinite, NaN.
fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<u32>().prop_map(|bits| f64::from(f32::from_bits(bits))),
        (1..200).prop_map(f64::from),
        -3.0..3.0,
        Just(0.0),
        Just(1e-310),
    ]
}

/// The same bits; NaN is NaN.
#[track_caller]
fn same<T: Real>(what: &str, found: T, expected: T) {
    let [a, b] = [found, expected].map(Bits::to_f64_bits);
    assert!(a == b, "{what}: {found:?}, not {expected:?}");
}

/// w / c, but 0 if w is 0: a derivative of 0 stays 0 through a quotient by 0. A zero has no sign.
fn slope<T: Real>(w: T, c: T) -> T {
    let zero = T::from_f64(0.0);
    if w == zero { zero } else { w / c + zero }
}

/// x / c and its derivatives w / c, c / x, on both tapes and in a replay.
fn divide<T: Real>(x: T, c: f64, w: T) {
    let number = T::from_f64(c);
    let (y, slope, what) = (x / number, slope(w, number), format!("{x:?} / {c:?}, weight {w:?}"));
    let (zero, one) = (T::from_f64(0.0), |x: T| Matrix::full(1, 1, x));
    let tape = Tape::new();
    let (v, weight) = (tape.variable(one(x)), tape.constant(one(w)));
    let quotient = v / c;
    same(&what, quotient.item(), y);
    same(&what, (tape.constant(Matrix::full(2, 3, x)) / c).value()[(1, 2)], y);
    same(&what, quotient.backward_with(&one(w)).wrt(v)[(0, 0)] + zero, slope);
    same(&what, tape.tangents(&[(v, one(w).view())]).of(quotient)[(0, 0)] + zero, slope);
    same(&what, vjp(&[(quotient, weight)], &[v])[0].item() + zero, slope);
    let mut program = quotient.program(&[v]);
    program.run(&[one(x)]).unwrap();
    same(&what, program.value()[(0, 0)] + zero, y + zero);
    same(&what, program.backward_with(&one(w))[0][(0, 0)] + zero, slope);
    // Matrices do not run as loops.
    let (m, twice) = (tape.variable(Matrix::full(2, 1, x)), Matrix::full(2, 1, x));
    let mut program = (m / c).program(&[m]);
    program.run(&[twice]).unwrap();
    same(&what, program.value()[(1, 0)], y);

    let scalars = ScalarTape::new();
    let s = scalars.variable(x);
    same(&what, (s / c).value(), y);
    same(&what, (s / c).backward().wrt(s) + zero, T::from_f64(1.0) / number + zero);

    let what = format!("{c:?} / {x:?}");
    same(&what, (c / v).item(), number / x);
    same(&what, (c / s).value(), number / x);
}

/// Bits that are equal for all NaN.
trait Bits: Real {
    fn to_f64_bits(self) -> u64 {
        let x = self.to_f64();
        if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() }
    }
}
impl<T: Real> Bits for T {}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn as_numbers_divide(x in any_number(), c in any_number(), w in any_number()) {
        divide(x, c, w);
        divide(x as f32, c, w as f32);
        let dual = Dual { value: x, tangent: w } / c;
        same("dual", dual.value, x / c);
        same("dual", dual.tangent + 0.0, slope(w, c));
    }

    /// A mean is the sum divided by the number of entries, and its slope 1 divided by it.
    #[test]
    fn means_divide_by_the_count((m, n) in (1usize..60, 1usize..60), x in -2.0..2.0) {
        let tape = Tape::<f64>::new();
        let v = tape.variable(Matrix::from_fn(m, n, |i, j| x + ((i * 7 + j * 3) % 11) as f64));
        same("mean", v.mean().item(), v.sum().item() / (m * n) as f64);
        same("slope", v.mean().backward().wrt(v)[(m - 1, n - 1)], 1.0 / (m * n) as f64);
        for (axis, count) in [(Axis::Rows, m), (Axis::Cols, n)] {
            let (mean, sum) = (v.mean_over(axis), v.sum_over(axis));
            mean.value().as_slice().iter().zip(sum.value().as_slice()).for_each(|(&a, &b)| same("mean", a, b / count as f64));
            same("slope", mean.sum().backward().wrt(v)[(m - 1, n - 1)], 1.0 / count as f64);
        }
    }
}

#[test]
fn known_quotients() {
    for (x, c, y) in [(49.0, 49.0, 1.0), (0.0, 1e-310, 0.0), (1e-310, 1e-310, 1.0), (5.0, f64::INFINITY, 0.0)] {
        divide(x, c, 1.0);
        assert_eq!(x / c, y);
    }
    let tape = Tape::<f64>::new();
    assert_eq!(tape.variable(Matrix::full(7, 7, 1.0)).mean().item(), 1.0);
    let none = tape.variable(Matrix::zeros(3, 0));
    assert!(none.mean().item().is_nan() && none.mean_over(Axis::Cols).value().as_slice().iter().all(|x| x.is_nan()));
}
