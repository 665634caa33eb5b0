//! What is made of slices, products and gathers along an axis: values against plain loops, derivatives by the checker, where entries
//! are 0, equal or NaN, and in replay.

use autograd::check::Function;
use autograd::{Axis, Matrix, Real, Tape, Var, function, grad, strategies};
use proptest::prelude::*;

use Axis::{Cols, Rows};

use super::{holds, numbers};

/// Entries an eighth apart, but for a little of each number, in no order.
fn apart((m, n): (usize, usize), numbers: &[f32]) -> Matrix<f32> {
    let entry = |k: usize| ((k * 37) % 61) as f32 / 8.0 - 3.8 + numbers[k % numbers.len()].fract() / 50.0;
    Matrix::from_fn(m, n, |i, j| entry(i + m * j))
}

/// A method along an axis, by its number.
struct Along(usize, Axis);

impl Function for Along {
    fn call<'t, T: Real>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        let (x, axis) = (x[0], self.1);
        match self.0 {
            0 => x.flip(axis),
            1 => x.roll(1, axis),
            2 => x.diff(axis),
            3 => x.cumprod(axis),
            4 => x.cummax(axis),
            5 => x.cummin(axis),
            6 => x.log_cumsum_exp(axis),
            7 => x.sort(axis).0,
            8 => x.top_k(axis.group_len(x.shape()) / 2, axis).0,
            9 => x.quantile(0.3, axis),
            _ => x.median(axis),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn derivatives_along_axes((m, n) in strategies::shapes(), numbers in numbers()) {
        let x = [apart((m, n), &numbers)];
        for (k, axis) in (0..11).flat_map(|k| [(k, Rows), (k, Cols)]) {
            if k < 9 || axis.group_len((m, n)) > 0 {
                holds(&format!("{k} along {axis:?}"), &Along(k, axis), &x);
            }
        }
    }

    #[test]
    fn derivatives_of_pairs((m, p) in strategies::shapes(), q in 0usize..4, numbers in numbers()) {
        let x = apart((m, p + q), &numbers);
        let part = |start: usize, count| Matrix::from_fn(m, count, |i, j| x[(i, start + j)]);
        let inputs = [part(0, p), part(p, q)];
        holds("distances", &function!(|x| x[0].distances(x[1])), &inputs);
        holds("squared_distances", &function!(|x| x[0].squared_distances(x[1])), &inputs);
        holds("kron", &function!(|x| x[0].kron(x[1])), &inputs);
    }
}

/// Functions along an axis that are smooth where entries are equal.
#[test]
fn derivatives_at_equal_entries() {
    for x in [Matrix::full(3, 2, 0.5f32), Matrix::from([[1.0, -2.0], [1.0, 3.0], [0.25, 3.0]])] {
        for (k, axis) in [0, 1, 2, 3, 6].into_iter().flat_map(|k| [(k, Rows), (k, Cols)]) {
            holds(&format!("{k} along {axis:?}"), &Along(k, axis), std::slice::from_ref(&x));
        }
    }
}

/// Only two entries that become equal are a kink of an order, not two equal distances.
#[test]
fn derivatives_at_equal_distances() {
    for k in 7..=10 {
        holds(&format!("{k}"), &Along(k, Rows), &[Matrix::column(&[3.0, 1.0, 5.0, 2.0, 4.0])]);
    }
}

/// One column through a method, and the gradient of the sum weighted by 1, 2, 3, …
fn column(k: usize, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let tape = Tape::<f64>::new();
    let v = tape.variable(Matrix::column(x));
    let y = Along(k, Rows).call(&[v]);
    let weights = Matrix::from_fn(y.rows(), 1, |i, _| (i + 1) as f64);
    (y.value().as_slice().to_vec(), y.backward_with(&weights).wrt(v).as_slice().to_vec())
}

#[test]
fn values_and_slopes_of_a_column() {
    let x = [2.0, 0.0, -3.0, 0.5, 0.0];
    let rows: [(usize, &[f64], &[f64]); 10] = [
        (0, &[0.0, 0.5, -3.0, 0.0, 2.0], &[5.0, 4.0, 3.0, 2.0, 1.0]),
        (1, &[0.0, 2.0, 0.0, -3.0, 0.5], &[2.0, 3.0, 4.0, 5.0, 1.0]),
        (2, &[-2.0, -3.0, 3.5, -0.5], &[-1.0, -1.0, -1.0, -1.0, 4.0]),
        // ∂/∂x₂ of 2 x₀x₁ + 3 x₀x₁x₂ + …: exact beside the zeros.
        (3, &[2.0, 0.0, 0.0, 0.0, 0.0], &[1.0, 4.0 - 18.0 - 12.0, 0.0, 0.0, 0.0]),
        (4, &[2.0, 2.0, 2.0, 2.0, 2.0], &[15.0, 0.0, 0.0, 0.0, 0.0]),
        (5, &[2.0, 0.0, -3.0, -3.0, -3.0], &[1.0, 2.0, 12.0, 0.0, 0.0]),
        (7, &[-3.0, 0.0, 0.0, 0.5, 2.0], &[5.0, 2.0, 1.0, 4.0, 3.0]),
        (8, &[2.0, 0.5], &[1.0, 0.0, 0.0, 2.0, 0.0]),
        (9, &[0.0], &[0.0, 0.8, 0.0, 0.0, 0.2]),
        (10, &[0.0], &[0.0, 0.0, 0.0, 0.0, 1.0]),
    ];
    for (k, y, dx) in rows {
        let (found, slope) = column(k, &x);
        assert_eq!(found, y, "{k}");
        assert!(slope.iter().zip(dx).all(|(a, b)| (a - b).abs() < 1e-14), "{k}: {slope:?}, not {dx:?}");
    }
    let (sums, _) = column(6, &x);
    for (k, sum) in sums.iter().enumerate() {
        assert!((sum - x[..=k].iter().map(|x| x.exp()).sum::<f64>().ln()).abs() < 1e-15, "{k}: {sum}");
    }
}

/// A cumulative product is that of a loop, to the bit, where products of other parts would overflow or underflow.
#[test]
fn cumulative_products_are_those_of_a_loop() {
    fn loops<T: Real>(large: f64) {
        let sizes = [large, large.recip(), 3.0, 0.0];
        for code in 0..4usize.pow(5) {
            let x: Vec<T> = (0..5).map(|k| T::from_f64(sizes[code / 4usize.pow(k) % 4])).collect();
            let expected = x[1..].iter().fold(vec![x[0]], |mut y, x| {
                y.push(y[y.len() - 1] * *x);
                y
            });
            let (tape, bits) = (Tape::new(), |x: &[T]| x.iter().map(|x| x.to_f64().to_bits()).collect::<Vec<_>>());
            let x = tape.constant(Matrix::column(&x));
            for y in [x.cumprod(Rows), x.t().cumprod(Cols)] {
                assert_eq!(bits(y.value().as_slice()), bits(&expected), "{}", x.value());
            }
        }
    }
    loops::<f64>(1e200);
    loops::<f32>(1e30);
    assert_eq!(Tape::<f64>::new().constant(Matrix::zeros(0, 2)).cumprod(Rows).shape(), (0, 2));
}

/// ln Σ e^(x + c) = c + ln Σ eˣ, so no slope depends on c, even if c is so large that the sum is lost beside it.
#[test]
fn slopes_of_sums_beside_a_large_number() {
    fn shifts<T: Real>(large: f64) {
        for (n, axis) in (1..10).flat_map(|n| [(n, Rows), (n, Cols)]) {
            let derivatives = |c: f64| {
                let tape = Tape::new();
                let shape = if axis == Rows { (n, 2) } else { (2, n) };
                let x = tape.variable(Matrix::full(shape.0, shape.1, T::from_f64(c)));
                let weights = |a: f64| {
                    tape.constant(Matrix::from_fn(shape.0, shape.1, |i, j| T::from_f64(a + (i + 2 * j) as f64)))
                };
                let y = x.log_cumsum_exp(axis).dot(weights(1.0));
                let slope = grad(y, &[x])[0];
                let second = grad(slope.dot(weights(0.5)), &[x])[0];
                [y.backward().wrt(x).to_owned(), slope.value(), second.value()]
            };
            let expected = derivatives(0.0);
            for c in [large, -large, 1.0 / T::EPSILON, T::MAX / 2.0] {
                for (found, expected) in derivatives(c).iter().zip(&expected) {
                    let largest = expected.as_slice().iter().fold(0.0, |max: f64, x| max.max(x.to_f64().abs()));
                    let near = |(a, b): (&T, &T)| (a.to_f64() - b.to_f64()).abs() <= 8.0 * T::EPSILON * largest;
                    let mut both = found.as_slice().iter().zip(expected.as_slice());
                    assert!(both.all(near), "{n} entries at {c}: {found} {expected}");
                }
            }
        }
    }
    shifts::<f64>(1e300);
    shifts::<f32>(1e30);
    // Of n equal entries, each has a share of 1/n of the last sum.
    let tape = Tape::<f64>::new();
    let x = tape.variable(Matrix::full(3, 1, 1e300));
    let share = x.log_cumsum_exp(Rows).at(2, 0).backward().wrt(x).to_owned();
    assert!(share.as_slice().iter().all(|share| (share - 1.0 / 3.0).abs() < 1e-15), "{share}");
}

#[test]
fn nan_comes_last_and_is_not_lost() {
    let nan = f64::NAN;
    let x = [1.0, nan, -1.0];
    assert!(column(7, &x).0[2].is_nan() && column(7, &x).0[..2] == [-1.0, 1.0]);
    assert!(column(8, &x).0[0].is_nan());
    assert!([9, 10].iter().all(|&k| column(k, &x).0[0].is_nan()));
    assert!([4, 5, 6].iter().all(|&k| column(k, &x).0[1..].iter().all(|y| y.is_nan())));
}

#[test]
fn the_order_and_where_each_was() {
    let tape = Tape::<f64>::new();
    let x = tape.variable(Matrix::from([[3.0, 1.0, 3.0], [0.0, 2.0, 1.0]]));
    assert_eq!(x.sort(Cols).1, Matrix::from([[1, 0, 2], [0, 2, 1]]));
    assert_eq!(x.top_k(2, Cols).1, Matrix::from([[0, 2], [1, 2]]));
    assert_eq!(x.top_k(1, Rows).1, Matrix::from([[0, 1, 0]]));
}

#[test]
fn a_replay_that_would_sort_in_another_way_is_refused() {
    for k in 7..=10 {
        let tape = Tape::<f64>::new();
        let x = tape.variable(Matrix::column(&[3.0, 1.0, 2.0]));
        let mut program = Along(k, Rows).call(&[x]).sum().program(&[x]);
        assert!(program.run(&[Matrix::column(&[9.0, 0.0, 4.0])]).is_ok(), "{k}");
        assert!(program.run(&[Matrix::column(&[1.0, 2.0, 3.0])]).is_err(), "{k}");
    }
}

/// A program that was recorded with NaN, or is given NaN in the middle, is refused.
#[test]
fn a_replay_with_other_nans_is_refused() {
    let (nan, tape) = (f64::NAN, Tape::<f64>::new());
    for (recorded, other) in [([1.0, 2.0, nan], [1.0, 2.0, 3.0]), ([1.0, 2.0, 3.0], [1.0, nan, 3.0])] {
        let x = tape.variable(Matrix::column(&recorded));
        let mut program = x.median(Rows).program(&[x]);
        assert!(program.run(&[Matrix::column(&other)]).is_err(), "{recorded:?}, {other:?}");
    }
}

/// Infinities are compared like other numbers, and a compiled closure sorts anew at every call.
#[test]
fn infinities_in_order() {
    let inf = f64::INFINITY;
    let tape = Tape::<f64>::new();
    let x = tape.variable(Matrix::column(&[-inf, -inf, 1.0, 2.0]));
    let mut program = x.top_k(1, Rows).0.program(&[x]);
    assert!(program.run(&[Matrix::column(&[-inf, -inf, 1.0, 3.0])]).is_ok());
    assert!(program.run(&[Matrix::column(&[-inf, -inf, 2.0, 1.0])]).is_err());

    let mut sorted = autograd::Compiled::new(|x: &[Var<'_, f64>]| x[0].sort(Rows).0.at(0, 0));
    for (entries, least) in [([f64::NAN, 1.0, 2.0], 1.0), ([f64::NAN, 2.0, 1.0], 1.0), ([3.0, -inf, -inf], -inf)] {
        assert_eq!(sorted.value(&[Matrix::column(&entries)]), least);
    }
    let quantile = |entries: &[f64], q| tape.constant(Matrix::column(entries)).quantile(q, Rows).item();
    let known = [
        (quantile(&[1.0, inf, inf], 0.5), inf),
        (quantile(&[-inf, 1.0], 0.0), -inf),
        (quantile(&[1.0, inf], 1.0), inf),
    ];
    known.iter().for_each(|(found, expected)| assert_eq!(found, expected));
    assert_eq!(tape.constant(Matrix::column(&[-f64::MAX, f64::MAX])).median(Rows).item(), 0.0);
}

#[test]
fn points_that_coincide() {
    let tape = Tape::<f64>::new();
    let x = tape.variable(Matrix::from([[1e8, 1e8 + 1.0, 1e8]]));
    let distances = [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]];
    for y in [x.distances(x), x.squared_distances(x)] {
        assert_eq!(y.value(), Matrix::from(distances));
        let slope = grad(y.at(0, 0) + y.at(0, 2), &[x])[0];
        assert_eq!(slope.value().as_slice(), [0.0; 3]);
    }
}
