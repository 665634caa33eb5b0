//! Intervals and bounds over boxes.

use autograd::strategies::Graph;
use autograd::{Axis, Dual, Matrix, Number, Tape, checkpoint, formula, map, several, vstack};
use proptest::prelude::*;
use solve::{EnclosureError, Interval, IntervalMatrix, enclose, enclose_gradient, enclose_scalar_gradient};

use super::sparse::graphs::graphs;

/// A number between 1 and 2, or its negative, as a whole multiple of 2⁻⁵².
fn mantissas() -> impl Strategy<Value = f64> {
    (0..1u64 << 52, any::<bool>(), 0..30u32).prop_map(|(bits, negative, zeros)| {
        let x = 1.0 + (bits >> zeros << zeros) as f64 / (1u64 << 52) as f64;
        if negative { -x } else { x }
    })
}

/// x = the first times 2 to the second, exactly.
fn exact(x: f64) -> (i128, i32) {
    let bits = x.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    assert!(exponent > 0 || x == 0.0, "{x:e} is subnormal");
    let size = if x == 0.0 { 0 } else { (bits & ((1 << 52) - 1) | 1 << 52) as i128 };
    (if x < 0.0 { -size } else { size }, exponent - 1075)
}

/// a ≤ b for numbers m 2ᵉ.
fn at_most(a: (i128, i32), b: (i128, i32)) -> bool {
    let least = a.1.min(b.1);
    let whole = |x: (i128, i32)| x.0 << (x.1 - least);
    whole(a) <= whole(b)
}

fn product(a: f64, b: f64) -> (i128, i32) {
    let (a, b) = (exact(a), exact(b));
    (a.0 * b.0, a.1 + b.1)
}

fn difference(a: f64, b: f64) -> (i128, i32) {
    let (a, b) = (exact(a), exact(b));
    let least = a.1.min(b.1);
    ((a.0 << (a.1 - least)) - (b.0 << (b.1 - least)), least)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The arithmetic of points has the exact result between the neighbours of the rounded one, or is exact. Whole numbers of 128 bits decide.
    #[test]
    fn arithmetic_is_rounded_outward(a in mantissas(), b in mantissas()) {
        let [x, y] = [a, b].map(Interval::point);
        let is_narrow = |x: Interval| x.is_point() || x.high() == x.low().next_up().next_up();
        let sum = x - y;
        prop_assert!(is_narrow(sum));
        prop_assert!(at_most(exact(sum.low()), difference(a, b)) && at_most(difference(a, b), exact(sum.high())), "{sum}");
        let times = x * y;
        prop_assert!(is_narrow(times));
        prop_assert!(at_most(exact(times.low()), product(a, b)) && at_most(product(a, b), exact(times.high())), "{times}");
        prop_assert_eq!(times.is_point(), product(times.low(), 1.0).0.trailing_zeros() < 200 && {
            let (p, q) = (product(a, b), exact(times.low()));
            at_most(p, q) && at_most(q, p)
        });
        // low ≤ a / b ≤ high, multiplied by |b|.
        let over = x / y;
        prop_assert!(is_narrow(over));
        let [low, high] = [over.low(), over.high()].map(|q| product(q, b.abs()));
        let signed = exact(if b < 0.0 { -a } else { a });
        prop_assert!(at_most(low, signed) && at_most(signed, high), "{over}");
        let root = Number::sqrt(Interval::point(a.abs()));
        prop_assert!(is_narrow(root));
        let squares = [root.low(), root.high()].map(|r| product(r, r));
        prop_assert!(at_most(squares[0], exact(a.abs())) && at_most(exact(a.abs()), squares[1]), "{root}");
    }

    /// A larger box has all numbers of a smaller one, exactly, for arithmetic and whole powers.
    #[test]
    fn arithmetic_is_isotone(ends in prop::collection::vec(-3.0..3.0f64, 8), n in -4..5i32) {
        let side = |k: usize| Interval::new(ends[k].min(ends[k + 1]), ends[k].max(ends[k + 1]));
        let (a, b) = (side(0), side(2));
        let (wide_a, wide_b) = (a.hull(side(4)), b.hull(side(6)));
        for (small, large) in [
            (a + b, wide_a + wide_b),
            (a - b, wide_a - wide_b),
            (a * b, wide_a * wide_b),
            (a / b, wide_a / wide_b),
            (a.powi(n), wide_a.powi(n)),
            (a.square(), wide_a.square()),
            (Number::abs(a), Number::abs(wide_a)),
            (Number::max(a, b), Number::max(wide_a, wide_b)),
        ] {
            prop_assert!(small.is_within(large), "{small} is not in {large}");
        }
        let x = a.midpoint();
        prop_assert!(a.powi(n).contains(x.powi(n)) || x == 0.0);
        prop_assert!(a.sin().contains(x.sin()) && a.cos().contains(x.cos()) && a.exp().contains(Number::exp(x)));
        prop_assert!(a.sin().is_within(Interval::new(-1.0, 1.0)));
    }
}

fn sides(graph: &Graph, size: f64) -> Vec<IntervalMatrix> {
    let side = |x: &Matrix<f64>| IntervalMatrix::between(&x.map(|x| x - size), &x.map(|x| x + 0.5 * size));
    graph.inputs().iter().map(side).collect()
}

/// Whether a number that rounding may have moved lies in an interval. An infinite or undefined number says nothing.
fn holds(found: Interval, x: f64, size: f64) -> bool {
    !x.is_finite() || (found.low() - x <= 1e-11 * size && x - found.high() <= 1e-11 * size)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The bounds of a random graph and its gradient hold at random points of the box, and those of a smaller box are within.
    #[test]
    fn bounds_of_graphs_hold(graph in graphs(7), shares in prop::collection::vec(0.0..1.0f64, 40)) {
        // Customs have no bounds; the graphs have none.
        let bounds = [0.0, 1e-3, 0.05].map(|size| enclose_gradient(|x| graph.record(x).sum(), &sides(&graph, size)).unwrap());
        let value = enclose(|x| graph.record(x).sum(), &sides(&graph, 0.05)).unwrap();
        prop_assert!(value[(0, 0)].is_same(bounds[2].0));
        for (bound, size) in bounds.iter().zip([0.0, 1e-3, 0.05]) {
            let mut shares = shares.iter().cycle();
            let mut inside = |x: &Matrix<f64>| x.map(|x| x - size + 1.5 * size * shares.next().unwrap());
            let x: Vec<_> = graph.inputs().iter().map(&mut inside).collect();
            let tape = Tape::new();
            let vars: Vec<_> = x.iter().map(|x| tape.variable(x)).collect();
            let y = graph.record(&vars).sum();
            prop_assert!(holds(bound.0, y.item(), 1.0 + y.item().abs()), "{} at {x:?} is not in {}", y.item(), bound.0);
            if !y.needs_gradient() {
                continue;
            }
            let gradient = several::gradient(|x| graph.record(x).sum(), &x);
            let largest = gradient.iter().flat_map(|g| g.as_slice()).fold(1.0, |max: f64, g| max.max(g.abs()));
            for (g, bound) in gradient.iter().zip(&bound.1) {
                for (g, bound) in g.as_slice().iter().zip(bound.as_slice()) {
                    prop_assert!(holds(*bound, *g, largest), "{g} at {x:?} is not in {bound}");
                }
            }
        }
        for pair in bounds.windows(2) {
            let all = |k: usize| [pair[k].0].into_iter().chain(pair[k].1.iter().flat_map(|g| g.as_slice()).copied());
            for (small, large) in all(0).zip(all(1)) {
                let size = 1.0 + small.low().abs().max(small.high().abs());
                let is_within = small.is_within(large) || size.is_finite() && holds(large, small.low(), size) && holds(large, small.high(), size);
                prop_assert!(is_within || large.is_same(Interval::ALL), "{small} is not in {large}");
            }
        }
    }
}

/// The width of the bounds shrinks with the box, in proportion.
#[test]
fn the_width_shrinks_with_the_box() {
    let f = |[x, y]: [Dual<Interval>; 2]| (x * y).sin().exp() / (y.square() + 1.0) + (x - y).tanh();
    let width = |size: f64| {
        let (value, slopes) = enclose_scalar_gradient(f, [0.7, -0.4].map(|x| Interval::new(x - size, x + size)));
        [value.width(), slopes[0].width(), slopes[1].width()]
    };
    for k in 3..30 {
        let (wide, narrow) = (width(0.5f64.powi(k)), width(0.5f64.powi(k + 1)));
        for (wide, narrow) in wide.iter().zip(narrow) {
            assert!(narrow < 0.7 * wide && narrow > 0.0, "{k}: {narrow} after {wide}");
        }
    }
}

#[test]
fn where_a_function_is_not_defined_nothing_is_known() {
    let x = Interval::new(-1.0, 4.0);
    assert!((Number::sqrt(x)).is_same(Interval::ALL));
    assert!((1.0 / x).is_same(Interval::ALL));
    assert!((x.ln()).is_same(Interval::ALL));
    assert!((Interval::new(1.0, 2.0).tan()).is_same(Interval::ALL));
    assert!((Interval::new(0.5, 1.5).asin()).is_same(Interval::ALL));
    assert!((x.powi(-2)).is_same(Interval::ALL));
    assert!((Number::sqrt(Interval::new(0.0, 4.0))).is_same(Interval::new(0.0, 2.0)));
    assert_eq!(Interval::new(0.0, 1.0).ln().low(), f64::NEG_INFINITY);
    assert!(Interval::point(800.0).exp().low() == f64::MAX.next_down());
    assert_eq!([x < 1.0, x > 1.0, x < 5.0], [false, false, true]);
}

#[test]
fn waves_have_their_extremes() {
    let sin = |a: f64, b: f64| Interval::new(a, b).sin();
    assert_eq!((sin(1.0, 2.0).high(), sin(4.0, 5.0).low()), (1.0, -1.0));
    assert!((sin(-10.0, 10.0)).is_same(Interval::new(-1.0, 1.0)));
    assert!(sin(0.0, 1.0).high() < 0.8415 && sin(0.0, 1.0).low() > -1e-300);
    assert_eq!(Interval::new(-0.1, 0.1).cos().high(), 1.0);
    assert!(Interval::new(0.1, 3.0).cos().high() < 0.996 && Interval::new(0.1, 3.0).cos().low() > -1.0);
    assert!(Interval::new(2.0, 4.0).tan().low() < -2.1 && Interval::new(2.0, 4.0).tan().high() < 1.16);
}

/// Powers whose square would overflow have quotients that do not.
#[test]
fn negative_powers_do_not_lose_small_numbers() {
    let y = Interval::point(1.6e154).powi(-2);
    assert!(y.low() <= 3.9e-309 && y.high() >= 3.91e-309, "{y}");
    assert!(Interval::point(1.0).powi(i32::MIN).contains(1.0));
}

#[test]
fn programs_that_cannot_be_enclosed_say_why() {
    let side = [IntervalMatrix::between(&Matrix::full(1, 1, -1.0), &Matrix::full(1, 1, 1.0))];
    let branch = enclose(|x| if x[0] > 0.5 { x[0] } else { -x[0] }, &side).unwrap_err();
    assert!(matches!(branch, EnclosureError::Reads(_)) && branch.to_string().contains("enclosure.rs:"), "{branch}");
    let custom = enclose(|x| checkpoint(|x| x[0] * 2.0, x), &side).unwrap_err();
    assert!(custom.to_string().contains("enclosure.rs:"), "{custom}");
    let sorted = enclose(|x| vstack(&[x[0], x[0] * 2.0]).sort(Axis::Rows).0, &side);
    assert!(sorted.is_err());
}

/// A square root that a test of signs proves to be the only zero of x² − 2 in a box.
#[test]
fn a_zero_is_proved() {
    let f = |[x]: [Dual<Interval>; 1]| x.square() - 2.0;
    let ends = [1.4, 1.5].map(|x| enclose_scalar_gradient(f, [Interval::point(x)]).0);
    assert!(ends[0] < 0.0 && ends[1] > 0.0);
    assert!(enclose_scalar_gradient(f, [Interval::new(1.4, 1.5)]).1[0] > 0.0);
}

#[test]
#[should_panic(expected = "Interval::new: from 2 to 1 there is no number")]
fn bounds_in_the_wrong_order() {
    Interval::new(2.0, 1.0);
}

/// A power of a rounded exponent, far from 1, where the rounding of the exponent counts.
#[test]
fn powers_of_rounded_exponents() {
    let x = Interval::point(1e300);
    let y = x.powf(0.1);
    assert!(y.low() <= 1e30 && 1e30 <= y.high(), "{y:?}");
    let ((_, [slope]), exact) = (enclose_scalar_gradient(|[x]: [Dual<Interval>; 1]| x.powf(0.1), [x]), 1e-271);
    assert!(slope.low() <= exact && exact <= slope.high(), "{slope:?}");
}

#[test]
fn equal_intervals_are_not_equal_numbers() {
    let x = Interval::new(0.0, 1.0);
    assert!(x != x && x.is_same(x) && Interval::point(2.0) == Interval::point(2.0));
}

/// Formulas run on intervals as the functions of the table do, in values and in gradients.
#[test]
fn formulas_have_bounds() {
    let side = [(-1.0, 2.0), (0.5, 0.75)]
        .map(|(low, high)| IntervalMatrix::between(&Matrix::full(2, 1, low), &Matrix::full(2, 1, high)));
    let f = enclose_gradient(|x| map(formula!(|a, b| a.sin() * b + a / (b + 1.0)), [x[0], x[1]]).sum(), &side).unwrap();
    let g = enclose_gradient(|x| (x[0].sin() * x[1] + x[0] / (x[1] + 1.0)).sum(), &side).unwrap();
    assert!(f.0.is_same(g.0), "{} and {}", f.0, g.0);
    for (f, g) in f.1.iter().zip(&g.1) {
        assert!(f.as_slice()[0].intersection(g.as_slice()[0]).is_some());
        assert!(f.as_slice()[0].width() < 2.0 * g.as_slice()[0].width());
    }
    // Of two operands it takes one as it is.
    let first = enclose(|x| map(formula!(|a, _b| a), [x[0], x[1]]), &side).unwrap();
    assert!(first[(0, 0)].is_same(Interval::new(-1.0, 2.0)));
}

/// A weight that may be 0 does not widen a product.
#[test]
fn weights_are_products() {
    let (a, b) = (Interval::point(0.125), Interval::new(-1.0, 2.0));
    for product in [a.weigh(b), b.weigh(a), a.weigh_both(b), b.weigh_both(a)] {
        assert!(product.is_same(a * b), "{product}");
    }
    let unknown = Interval::ALL.weigh(Interval::point(0.0));
    assert!(unknown.is_same(Interval::point(0.0)), "{unknown}");
}
