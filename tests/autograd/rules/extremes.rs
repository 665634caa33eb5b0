//! Every function of the table at 0, and at tiny, large and infinite numbers, compared with exact references in every mode;
//! and values that are not chosen, which have no influence even if they are infinite or NaN.

use autograd::{Dual, Matrix, Number, Real, ScalarTape, Tape, Unary, Var, formula, grad, jvp};
use tape_tests::oracle::{number, parse};

fn one<T: Real>(x: T) -> Matrix<T> {
    Matrix::full(1, 1, x)
}

/// Value and slope of a function of variables in every mode.
fn every_sweep<T: Real>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>, x: T) -> Vec<(&'static str, [T; 2])> {
    let tape = Tape::new();
    let (v, dv) = (tape.variable(one(x)), tape.constant(one(T::from_f64(1.0))));
    let y = f(v);
    let mut program = y.program(&[v]);
    program.run(&[one(x)]).unwrap();
    let direction = one(T::from_f64(1.0));
    vec![
        ("backward", [y.item(), y.backward().wrt(v)[(0, 0)]]),
        ("tangents", [y.item(), tape.tangents(&[(v, direction.view())]).of(y)[(0, 0)]]),
        ("recorded", [y.item(), grad(y, &[v])[0].item()]),
        ("recorded forward", [y.item(), jvp(y, &[(v, dv)]).item()]),
        ("replay", [program.value()[(0, 0)], program.backward()[0][(0, 0)]]),
    ]
}

/// The same with the scalar tape, for a function of the table.
fn every_way<T: Real>(f: Unary, x: T) -> Vec<(&'static str, [T; 2])> {
    let scalars = ScalarTape::new();
    let s = scalars.variable(x);
    let z = s.unary(f);
    let mut ways = every_sweep(|x| x.unary(f), x);
    ways.push(("single numbers", [z.value(), z.backward().wrt(s)]));
    ways
}

/// The allowed rounding of value, slope and second derivative: some units of the result, as many for an error of the argument,
/// and the loss for subnormal numbers. If a function loses more, its documentation says so.
fn allowed<T: Real>(f: Unary, x: f64, [y, dy, d2y]: [f64; 3]) -> [f64; 2] {
    let tiny = if size_of::<T>() == 4 { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
    let moved = |slope: f64| if x.is_finite() && slope.is_finite() { (x * slope).abs() } else { 0.0 };
    let lost = match f {
        Unary::Tanh => 4.0,
        Unary::Sigmoid if x > 0.0 => 2.0,
        _ => 0.0,
    };
    // The power is rounded, too.
    let power = if let Unary::Powf(p) = f { (p * x.ln()).abs() } else { 0.0 };
    let (unit, units) = (T::EPSILON / 2.0, 8.0 + if power.is_finite() { 4.0 * power } else { 0.0 });
    [unit * (units * y.abs() + 4.0 * moved(dy)) + tiny, unit * (units * dy.abs() + 4.0 * moved(d2y) + lost) + tiny]
}

fn check<T: Real>(f: Unary, x: f64, exact: [f64; 3], wrong: &mut Vec<String>) {
    if T::from_f64(x).to_f64() != x {
        return;
    }
    let (allowed, exact_value) = (allowed::<T>(f, x, exact), T::from_f64(exact[0]).to_f64());
    for (way, found) in every_way(f, T::from_f64(x)) {
        for k in 0..2 {
            let (found, exact) = (found[k].to_f64(), T::from_f64(exact[k]).to_f64());
            // If the value overflows, a slope that is computed from it may overflow too.
            let overflows = exact_value.is_infinite() && found.is_infinite() && found * exact > 0.0;
            if found != exact
                && !overflows
                && (found - exact).abs().partial_cmp(&allowed[k]) != Some(std::cmp::Ordering::Less)
            {
                let what = ["value", "slope"][k];
                wrong.push(format!(
                    "{what} of {f:?} at {x:e}, {way}, {} bytes: {found:e}, not {exact:e}",
                    size_of::<T>()
                ));
            }
        }
    }
}

/// A number, and the value, slope and second derivative of a function there.
type Reference = (f64, [f64; 3]);

/// The references of a function: x, and f, f', f'' there.
fn references() -> Vec<(Unary, Vec<Reference>)> {
    let exact = parse(include_str!("../../oracle/extreme_functions.json"));
    let more = [Unary::Powf(0.0), Unary::Powf(1.0), Unary::Powf(2.0), Unary::LeakyRelu(0.0)];
    let rows = |f: Unary| {
        let rows = exact[format!("{f:?}")].as_array().unwrap_or_else(|| panic!("{f:?} has no reference"));
        rows.iter().map(|row| (number(&row[0]), [1, 2, 3].map(|k| number(&row[k])))).collect()
    };
    Unary::all().into_iter().chain(more).map(|f| (f, rows(f))).collect()
}

#[test]
fn values_and_slopes() {
    let mut wrong = Vec::new();
    for (f, rows) in references() {
        for (x, exact) in rows {
            check::<f64>(f, x, exact, &mut wrong);
            check::<f32>(f, x, exact, &mut wrong);
            let dual = f.apply(Dual::variable(x));
            let [y, dy] = every_way(f, x)[0].1;
            if ![(dual.value, y), (dual.tangent, dy)].iter().all(|(a, b)| a == b || a.is_nan() && b.is_nan()) {
                wrong.push(format!("{f:?} at {x:e}: {dual} as dual number, {y} with slope {dy} on the tape"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// σ(x) to all digits.
fn logistic(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

fn exact_tanh<T: Real>(x: Var<'_, T>) -> Var<'_, T> {
    x.map(formula!(|x| x.tanh(), |y| [(x * 2.0).sigmoid() * (x * -2.0).sigmoid() * 4.0]))
}

fn exact_sigmoid<T: Real>(x: Var<'_, T>) -> Var<'_, T> {
    x.map(formula!(|x| x.sigmoid(), |y| [y * (-x).sigmoid()]))
}

/// The slopes of tanh and of the logistic function lose what their documentation says. The formulas that it recommends, and functions
/// whose slopes are logistic functions, lose nothing.
fn slopes_of_saturated_functions<T: Real>() {
    let check = |what: &str, x: f64, slopes: &[(&str, [T; 2])], exact: f64, allowed: f64| {
        for (way, [_, found]) in slopes {
            let found = found.to_f64();
            assert!((found - exact).abs() <= allowed, "{what} at {x}, {way}: {found:e}, not {exact:e}");
        }
    };
    for x in (-1600..=1600).map(|k| f64::from(k) / 16.0) {
        let (to, unit) = (T::from_f64(x), T::EPSILON);
        let (tanh, sigmoid) = (4.0 * logistic(2.0 * x) * logistic(-2.0 * x), logistic(x) * logistic(-x));
        check("tanh", x, &every_way(Unary::Tanh, to), tanh, 4.0 * unit);
        check("sigmoid", x, &every_way(Unary::Sigmoid, to), sigmoid, 2.0 * unit);
        // Two logistic functions, each within 2 ulp, and their product.
        let all = |what, slopes: Vec<_>, exact: f64| {
            check(what, x, &slopes, exact, 5.0 * unit * exact.abs() + T::MIN_POSITIVE)
        };
        all("formula of tanh", every_sweep(exact_tanh, to), tanh);
        all("formula of sigmoid", every_sweep(exact_sigmoid, to), sigmoid);
        all("log_sigmoid", every_way(Unary::LogSigmoid, to), logistic(-x));
        all("softplus", every_way(Unary::Softplus, to), logistic(x));
        for (t, exact) in [(0.0, logistic(x)), (1.0, -logistic(-x))] {
            let bce = every_sweep(|x| x.bce_with_logits(x.tape().constant(one(T::from_f64(t)))), to);
            all("bce_with_logits", bce, exact);
        }
    }
}

#[test]
fn slopes_far_from_zero() {
    slopes_of_saturated_functions::<f64>();
    slopes_of_saturated_functions::<f32>();
}

/// Points where the second derivative is that of a limit, or of a coefficient 0: at 0 and ±∞ it is not NaN.
#[test]
fn second_derivatives_at_zero_and_infinity() {
    let mut wrong = Vec::new();
    for (f, rows) in references() {
        for (x, [.., exact]) in rows.into_iter().filter(|(x, _)| *x == 0.0 || x.is_infinite()) {
            let tape = Tape::<f64>::new();
            let v = tape.variable(x);
            let recorded = grad(grad(v.unary(f), &[v])[0], &[v])[0].item();
            let swept = grad(v.unary(f), &[v])[0];
            let swept = if swept.needs_gradient() { swept.backward().get(v).map_or(0.0, |g| g[(0, 0)]) } else { 0.0 };
            let twice = Dual { value: Dual::variable(x), tangent: Dual::constant(1.0) };
            let dual = f.apply(twice).tangent.tangent;
            for (way, found) in [("recorded", recorded), ("swept", swept), ("dual", dual)] {
                // Their slopes contain x², whose slope is infinite: in forward mode it comes before the slope 0.
                if way == "dual" && x.is_infinite() && matches!(f, Unary::Atan | Unary::Asinh) {
                    continue;
                }
                let near = (found - exact).abs() <= 1e-14 * exact.abs() + 1e-300;
                if found != exact && !near {
                    wrong.push(format!("{f:?}'' at {x}, {way}: {found}, not {exact}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Derivatives of powers to the third order at 0, by both power functions: a coefficient 0 wins over an infinite power.
#[test]
fn powers_at_zero() {
    for (p, expected) in [(0.0, [1.0, 0.0, 0.0, 0.0]), (1.0, [0.0, 1.0, 0.0, 0.0]), (2.0, [0.0, 0.0, 2.0, 0.0])] {
        let tape = Tape::<f64>::new();
        let (x, b) = (tape.variable(0.0), tape.variable(p));
        for y in [x.powf(p), x.pow(b), x.pow(tape.constant(p)), x.powi(p as i32)] {
            let mut derivatives = vec![y];
            (0..3).for_each(|k| derivatives.push(grad(derivatives[k], &[x])[0]));
            assert_eq!(derivatives.iter().map(|d| d.item()).collect::<Vec<_>>(), expected, "x^{p}");
        }
    }
    // ∂²/∂a∂b of aᵇ at b = 0 is 1 / a.
    let tape = Tape::<f64>::new();
    let (a, b) = (tape.variable(4.0), tape.variable(0.0));
    assert_eq!(grad(grad(a.pow(b), &[a])[0], &[b])[0].item(), 0.25);
}

/// Angles and distances of points that are large, small or the origin.
#[test]
fn slopes_of_angles_and_distances() {
    let tape = Tape::<f64>::new();
    let slopes = |a: f64, b: f64| {
        let (a, b) = (tape.variable(a), tape.variable(b));
        [a.atan2(b), a.hypot(b)].map(|y| y.backward()).map(|g| [g.wrt(a)[(0, 0)], g.wrt(b)[(0, 0)]])
    };
    for size in [1e-200, 1.0, 1e200] {
        let [angle, distance] = slopes(3.0 * size, 4.0 * size);
        for (found, exact) in angle.into_iter().chain(distance).zip([0.16 / size, -0.12 / size, 0.6, 0.8]) {
            assert!((found - exact).abs() <= 4e-16 * exact.abs(), "{size:e}: {found:e}, not {exact:e}");
        }
    }
    assert_eq!(slopes(0.0, 0.0), [[0.0, 0.0], [0.0, 0.0]]);
}

/// y of a value that is not chosen, plus x: x itself, whatever f is there.
fn hidden<N: Number>(f: Unary, x: N, depth: usize) -> N {
    let y = f.apply(x);
    let y = [y, y * x, y.ln().sqrt(), y.exp() / x][depth];
    let kept = x.zero().keep(y);
    kept + kept * kept + (x.zero() + 1.0).drop_where(y) + y.weigh(x.zero()) + x
}

#[test]
fn values_that_are_not_chosen_have_no_influence() {
    for f in Unary::all() {
        for (x, depth) in [0.0, -1.0, 1.0, -5.0, 1e3, -1e3, 1e300].into_iter().flat_map(|x| (0..4).map(move |d| (x, d)))
        {
            let tape = Tape::<f64>::new();
            let (v, dv) = (tape.variable(x), tape.constant(1.0));
            let y = hidden(f, v, depth);
            let (slope, pushed) = (grad(y, &[v])[0], jvp(y, &[(v, dv)]));
            let scalars = ScalarTape::new();
            let s = scalars.variable(x);
            let z = hidden(f, s, depth);
            let mut program = y.program(&[v]);
            program.run(&[one(x)]).unwrap();
            let twice = hidden(f, Dual { value: Dual::variable(x), tangent: Dual::constant(1.0) }, depth);
            let mixed = hidden(f, Dual::variable(v), depth);
            let what = format!("{f:?} at {x}, {depth}");
            assert_eq!([y.item(), z.value(), program.value()[(0, 0)], twice.value.value], [x; 4], "{what}");
            let slopes = [
                y.backward().wrt(v)[(0, 0)],
                slope.item(),
                pushed.item(),
                tape.tangents(&[(v, one(1.0).view())]).of(y)[(0, 0)],
                z.backward().wrt(s),
                program.backward()[0][(0, 0)],
                twice.tangent.value,
                mixed.tangent.item(),
            ];
            assert_eq!(slopes, [1.0; 8], "{what}");
            let seconds = [grad(slope, &[v])[0].item(), jvp(slope, &[(v, dv)]).item(), grad(pushed, &[v])[0].item()];
            assert_eq!(seconds, [0.0; 3], "{what}");
            assert_eq!([twice.tangent.tangent, grad(mixed.tangent, &[v])[0].item()], [0.0; 2], "{what}");
        }
    }
}

/// For matrices, with `select`: the gradient of the chosen branch.
#[test]
fn the_gradient_of_the_branch_taken() {
    let tape = Tape::<f64>::new();
    let x = tape.variable(Matrix::row(&[4.0, 0.0, -1.0]));
    let mask = tape.constant(Matrix::row(&[1.0, 0.0, 0.0]));
    let y = mask.select(x.sqrt(), x * 3.0).sum();
    assert_eq!(y.backward().wrt(x).as_slice(), [0.25, 3.0, 3.0]);
    assert_eq!(grad(y, &[x])[0].value().as_slice(), [0.25, 3.0, 3.0]);
    assert_eq!(grad(grad(y, &[x])[0].sum(), &[x])[0].value().as_slice(), [-1.0 / 32.0, 0.0, 0.0]);
}

/// The softmax family with infinite entries: the limit, if there is one. If all entries are −∞, ln Σ eˣ has the slope 0.
#[test]
fn softmax_of_infinite_entries() {
    use autograd::Axis::{Cols, Rows};
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let cases = [
        ([0.0, -inf, 0.0], [0.5, 0.0, 0.5], [0.5, 0.0, 0.5]),
        ([1.0, inf, -inf], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]),
        ([inf, inf, 0.0], [nan; 3], [nan, nan, 0.0]),
        ([-inf; 3], [nan; 3], [0.0; 3]),
    ];
    for (x, softmax, slope) in cases {
        for axis in [Rows, Cols] {
            let tape = Tape::<f64>::new();
            let v = tape.variable(if axis == Rows { Matrix::column(&x) } else { Matrix::row(&x) });
            let close = |what: &str, found: &Matrix<f64>, expected: &[f64]| {
                for (a, b) in found.as_slice().iter().zip(expected) {
                    assert!((a - b).abs() < 1e-15 || a == b || a.is_nan() && b.is_nan(), "{what} of {x:?}: {found:?}");
                }
            };
            close("softmax", &v.softmax(axis).value(), &softmax);
            close("log_softmax", &v.log_softmax(axis).value(), &softmax.map(f64::ln));
            let sum = v.log_sum_exp(axis);
            close("log_sum_exp", &sum.value(), &[x.iter().map(|x| x.exp()).sum::<f64>().ln()]);
            close("slope", &sum.backward().wrt(v).to_owned(), &slope);
            if !slope[0].is_nan() {
                close("recorded slope", &grad(sum, &[v])[0].value(), &slope);
                let along = tape.tangents(&[(v, Matrix::full(v.rows(), v.cols(), 1.0).view())]).of(sum);
                close("tangent", &along, &[slope.iter().sum()]);
                assert!(grad(grad(sum, &[v])[0].sum(), &[v])[0].value().as_slice().iter().all(|x| x.is_finite()));
            }
        }
    }
}

/// The slope of ln Σ eˣ is softmax(x) in every mode, however large x is.
fn slope_is_softmax<T: Real>() {
    use autograd::Axis::{Cols, Rows};
    for (size, apart) in [(1.0, 0.5), (1e5, 0.5), (-1e5, 0.5), (1e30, 0.0), (-1e30, 0.0)] {
        for axis in [Rows, Cols] {
            let x = Matrix::from_fn(3, 3, |i, j| T::from_f64(size + apart * (i + 2 * j) as f64));
            let tape = Tape::new();
            let v = tape.variable(&x);
            let (y, softmax) = (v.log_sum_exp(axis).sum(), v.softmax(axis));
            let slope = grad(y, &[v])[0];
            let mut program = y.program(&[v]);
            program.run(&[&x]).unwrap();
            let unit = |i, j| Matrix::from_fn(3, 3, |k, l| T::from_f64(f64::from(u8::from((i, j) == (k, l)))));
            let along = |i, j| tape.tangents(&[(v, unit(i, j).view())]).of(y)[(0, 0)];
            let ways = [
                ("reverse", y.backward().wrt(v).to_owned()),
                ("recorded", slope.value()),
                ("replay", program.backward().remove(0)),
                ("tangents", Matrix::from_fn(3, 3, along)),
                ("recorded forward", Matrix::from_fn(3, 3, |i, j| jvp(y, &[(v, tape.constant(unit(i, j)))]).item())),
            ];
            let close = |what: &str, found: &Matrix<T>, expected: &Matrix<T>| {
                for (a, b) in found.as_slice().iter().zip(expected.as_slice()) {
                    let near = (a.to_f64() - b.to_f64()).abs() <= 8.0 * T::EPSILON * b.to_f64().abs().max(0.1);
                    assert!(near, "{what}, {axis:?}, {size:e}: {found:?}, not {expected:?}");
                }
            };
            for (way, found) in ways {
                close(way, &found, &softmax.value());
            }
            if apart == 0.0 {
                close("a third", &slope.value(), &Matrix::full(3, 3, T::from_f64(1.0 / 3.0)));
            }
            let w = tape.constant(Matrix::from_fn(3, 3, |i, j| T::from_f64((i * i + j) as f64 - 1.5)));
            let [found, expected] = [slope, softmax].map(|slope| grad((w * slope).sum(), &[v])[0].value());
            close("second derivatives", &found, &expected);
        }
    }
}

#[test]
fn the_slope_of_log_sum_exp_is_softmax() {
    slope_is_softmax::<f64>();
    slope_is_softmax::<f32>();
}

/// The slope of xⁿ is n xⁿ⁻¹ for every n, and a derivative of every order has a next one.
fn whole_numbers_at_the_end_of_their_range<T: Real>() {
    let n = f64::from(i32::MIN);
    for (x, slope) in [(1.0, n), (-1.0, -n), (2.0, 0.0), (f64::INFINITY, 0.0), (0.0, f64::NEG_INFINITY)] {
        for (way, [_, found]) in every_way(Unary::Powi(i32::MIN), T::from_f64(x)) {
            assert_eq!(found.to_f64(), slope, "{way} at {x}");
        }
    }
    for (way, found) in every_way(Unary::SincDerivative(i32::MAX), T::from_f64(f64::INFINITY)) {
        assert_eq!(found.map(|x| x.to_f64()), [0.0; 2], "{way}");
    }
    for (way, found) in every_way(Unary::Polygamma(i32::MAX), T::from_f64(f64::NAN)) {
        assert!(found.iter().all(|x| x.to_f64().is_nan()), "{way}");
    }
}

#[test]
fn whole_numbers_do_not_overflow() {
    whole_numbers_at_the_end_of_their_range::<f64>();
    whole_numbers_at_the_end_of_their_range::<f32>();
}

/// The product of an empty list is 1. Its gradient is empty, like that of the sum, and not missing.
#[test]
fn products_of_no_entries() {
    use autograd::Axis::{Cols, Rows};
    for (shape, axis) in [((0, 3), Rows), ((3, 0), Cols), ((0, 0), Rows)] {
        let tape = Tape::<f64>::new();
        let x = tape.variable(Matrix::zeros(shape.0, shape.1));
        let (product, sum) = (x.product_over(axis), x.sum_over(axis));
        assert_eq!(product.value(), sum.value().map(|x| x + 1.0));
        for y in [product.sum(), sum.sum(), x.product(), x.sum()] {
            assert!(y.needs_gradient());
            assert_eq!(y.backward().wrt(x).to_owned().shape(), shape);
            assert_eq!(grad(y, &[x])[0].shape(), shape);
        }
        assert_eq!(x.product().item(), 1.0);
    }
}
