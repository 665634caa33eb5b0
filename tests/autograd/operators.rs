//! Operators between every kind of number: with plain numbers on either side, and as assignments.

use autograd::{Dual, LeftOf, LinearAlgebra, Matrix, Number, Real, ScalarTape, Tape};

/// Every operator with a plain number on the left, on the right and in an assignment, and between numbers.
fn all_operators<N: Number>(x: N, y: N) -> N
where
    f64: LeftOf<N>,
{
    let mut z = 2.0 * x + (1.5 - y) * (3.0 / x) - (0.25 + y);
    z += x;
    z -= y * x;
    z *= y;
    z /= x;
    z += 0.5;
    z -= 0.125;
    z *= 3.0;
    z /= 1.0 / (1.0 + y * y);
    z
}

/// The same by hand, with its derivative by x.
fn by_hand(x: f64, y: f64) -> (f64, f64) {
    let inner = 2.0 * x + (1.5 - y) * 3.0 / x - 0.25 - y + x - y * x;
    let slope = 2.0 - (1.5 - y) * 3.0 / (x * x) + 1.0 - y;
    let factor = 3.0 * (1.0 + y * y);
    ((inner * y / x + 0.375) * factor, (slope * y / x - inner * y / (x * x)) * factor)
}

fn on_tapes<T: Real>(x: f64, y: f64, tolerance: f64) {
    let expected = by_hand(x, y);
    let close = |value: f64, slope: f64| {
        let off = (value - expected.0).abs() + (slope - expected.1).abs();
        assert!(off < tolerance * (1.0 + expected.0.abs() + expected.1.abs()), "{value} {slope} {expected:?}");
    };
    let number = |x: f64| Matrix::full(1, 1, T::from_f64(x));
    let tape = Tape::new();
    let (a, b) = (tape.variable(number(x)), tape.variable(number(y)));
    let z = all_operators(a, b);
    close(z.item().to_f64(), z.backward().wrt(a)[(0, 0)].to_f64());

    let dual = all_operators(Dual::variable(a), Dual::constant(b));
    close(dual.value.item().to_f64(), dual.tangent.item().to_f64());

    let tape = ScalarTape::new();
    let (a, b) = (tape.variable(T::from_f64(x)), tape.variable(T::from_f64(y)));
    let z = all_operators(a, b);
    close(z.value().to_f64(), z.backward().wrt(a).to_f64());
    let dual = all_operators(Dual::variable(a), Dual::constant(b));
    close(dual.value.value().to_f64(), dual.tangent.value().to_f64());
}

#[test]
fn of_every_kind_of_number() {
    for (x, y) in [(0.5, 2.0), (-1.5, 0.25), (3.0, -0.75)] {
        on_tapes::<f64>(x, y, 1e-13);
        on_tapes::<f32>(x, y, 1e-4);
        assert!((all_operators(x, y) - by_hand(x, y).0).abs() < 1e-12);
        let dual = all_operators(Dual::variable(x), Dual::constant(y));
        assert!((dual.tangent - by_hand(x, y).1).abs() < 1e-12);
        let second = Dual { value: Dual::variable(x), tangent: Dual::constant(1.0) };
        let slope = all_operators(second, Dual::constant(Dual::constant(y))).tangent;
        assert!((slope.value - by_hand(x, y).1).abs() < 1e-12);
        let h = 1e-5;
        let difference = (by_hand(x + h, y).1 - by_hand(x - h, y).1) / (2.0 * h);
        assert!((slope.tangent - difference).abs() < 1e-6 * (1.0 + difference.abs()), "{} {difference}", slope.tangent);
    }
}

/// Numbers of single precision beside variables of both: the number itself, not another one near it.
#[test]
fn single_precision_on_the_right() {
    fn beside<T: Real>() {
        let c = 0.1f32;
        let tape = Tape::new();
        let mut x = tape.variable(Matrix::column(&[T::from_f64(1.5), T::from_f64(-2.0)]));
        let wide = f64::from(c);
        for (a, b) in [(x + c, x + wide), (x - c, x - wide), (x * c, x * wide), (x / c, x / wide)] {
            assert_eq!(a.value(), b.value());
        }
        // A literal needs no type, also where a method follows.
        assert_eq!((x * 2.0).sin().value(), (x * 2.0f32).sin().value());
        let before = x;
        x += c;
        x *= T::from_f64(3.0);
        assert_eq!(x.value(), ((before + wide) * 3.0).value());
        assert!(x.at(0, 0) > 1.0f32 && x.at(0, 0) > 1.0 && x.at(0, 0) > T::from_f64(1.0));

        let tape = ScalarTape::new();
        let x = tape.variable(T::from_f64(1.5));
        assert_eq!((x * c + c).value(), (x * wide + wide).value());
        assert!(x == 1.5f32 && x < 2.0f32 && x > 1.0);

        let x = Matrix::column(&[T::from_f64(1.5), T::from_f64(-2.0)]);
        let wide_ones = [&x + wide, &x - wide, &x * wide, &x / wide];
        assert_eq!([&x + c, &x - c, &x * c, &x / c], wide_ones);
        assert_eq!([x.clone() + c, x.clone() - c, x.clone() * c, x.clone() / c], wide_ones);
        // A number of its own type, and a literal without a type where a method follows.
        assert_eq!(&x - x.sum() / T::from_f64(2.0), &x + 0.25);
        assert_eq!((&x * 2.0).t(), (2.0 * &x).t());
    }
    beside::<f32>();
    beside::<f64>();
}

/// An assignment records what the operator records.
#[test]
fn assignments_record_what_operators_do() {
    let (tape, other) = (Tape::new(), Tape::new());
    let (mut x, y) = (tape.variable(Matrix::column(&[1.0, 2.0])), other.variable(Matrix::column(&[1.0, 2.0])));
    x += 1.0;
    x *= x;
    x -= x.at(0, 0);
    x /= 2.0;
    let z = ((y + 1.0) * (y + 1.0) - ((y + 1.0) * (y + 1.0)).at(0, 0)) / 2.0;
    assert_eq!(x.value(), z.value());
    let ops: Vec<_> = tape.nodes().map(|x| x.op()).collect();
    assert_eq!(ops, ["", "+ 1", "mul", "slice", "+ repeat", "0.5 ×"]);
}
