//! The formulas of the table, computed with intervals, enclose the values and slopes that ball arithmetic has proved.

use kernel::table::Lane;
use kernel::{Binary, Dual, Number, Unary};
use solve::Interval;
use tape_tests::oracle::{numbers, parse};

/// A function of the table at a point: its operands, its value, its slopes.
struct Row {
    what: String,
    operands: Vec<f64>,
    /// A middle and a radius each; the value comes first.
    proved: Vec<[f64; 2]>,
    /// What a formula of a slope loses, in units in the last place of 1.
    lost: f64,
    /// Whether its formula rounds an argument before a function of it.
    rounds_argument: bool,
}

/// The slopes that lose digits, as their documentation says: they are computed from a rounded value, which saves an exponential.
fn lost(f: Unary, x: f64) -> f64 {
    match f {
        Unary::Tanh => 4.0,
        Unary::Sigmoid if x > 0.0 => 2.0,
        _ => 0.0,
    }
}

/// Passes on every point of every function. It fails if a function has too few points, or if points belong to no function.
fn each(mut one: impl FnMut(Unary, Row), mut two: impl FnMut(Binary, Row)) {
    let all = parse(include_str!("../../oracle/enclosures.json"));
    let mut names = Vec::new();
    let mut rows = |name: String, operands: usize| -> Vec<Row> {
        let rows = all[&name].as_array().unwrap_or_else(|| panic!("{name} has no points"));
        assert!(rows.len() >= 12, "{name} has only {} points", rows.len());
        let row = |row: Vec<f64>| {
            let (operands, balls) = row.split_at(operands);
            assert_eq!(balls.len(), 2 * (1 + operands.len()), "{name}");
            let (what, proved) = (format!("{name} at {operands:?}"), balls.chunks(2).map(|b| [b[0], b[1]]).collect());
            Row { what, operands: operands.to_vec(), proved, lost: 0.0, rounds_argument: false }
        };
        let found = rows.iter().map(numbers).map(row).collect();
        names.push(name);
        found
    };
    for f in Unary::all() {
        for row in rows(format!("{f:?}"), 1) {
            let lost = lost(f, row.operands[0]);
            let rounds_argument = matches!(f, Unary::Gelu | Unary::GeluTanh | Unary::SincDerivative(_));
            one(f, Row { lost, rounds_argument, ..row });
        }
    }
    for &f in Binary::ALL {
        rows(format!("{f:?}"), 2).into_iter().for_each(|row| two(f, row));
    }
    for name in all.as_object().unwrap().keys() {
        assert!(names.contains(name), "{name} is no function of the table");
    }
}

/// Whether an interval holds what a ball encloses, and is not wider than is allowed.
fn wrong(found: Interval, [middle, radius]: [f64; 2], allowed: f64) -> Option<String> {
    // The middle is the double nearest to the exact number. The bounds are doubles, so it lies between them if the exact number does.
    let holds = found.contains(middle);
    let narrow = found.high() - found.low() <= allowed;
    (!holds || !narrow).then(|| format!("{found:?}, proved {middle:e} ± {radius:.1e}, width {allowed:.1e} allowed"))
}

/// The value and the slopes of a row, as intervals and as plain numbers, against what is proved.
fn compare(row: &Row, enclosures: &[Interval], plain: &[f64], all: &mut Vec<String>) {
    for (k, ((&found, &number), &proved)) in enclosures.iter().zip(plain).zip(&row.proved).enumerate() {
        let what = format!("{} of {}", if k == 0 { "value" } else { "slope" }, row.what);
        let allowed = 1e-10 * proved[0].abs() + 1e-300 + if k > 0 { 4.0 * row.lost * f64::EPSILON } else { 0.0 };
        all.extend(wrong(found, proved, allowed).map(|text| format!("{what}: {text}")));
        if !(found.low() <= number && number <= found.high()) {
            all.push(format!("{what}: {number:e} is not in {found:?}"));
        }
    }
    let middles: Vec<f64> = row.proved.iter().map(|ball| ball[0]).collect();
    is_rounded(row, &row.operands, plain[0], &middles, f64::EPSILON, all);
}

/// A value is within a few units in the last place of what is exact; `exact` has the value and the slopes.
fn is_rounded(row: &Row, operands: &[f64], value: f64, exact: &[f64], unit: f64, all: &mut Vec<String>) {
    let moved: f64 = operands.iter().zip(&exact[1..]).map(|(x, slope)| (x * slope).abs()).sum();
    let allowed = unit * (3.0 * exact[0].abs() + if row.rounds_argument { moved } else { 0.0 });
    if (value - exact[0]).abs() > allowed {
        all.push(format!("{} from {operands:?}: {value:e}, exactly {:e}, {allowed:.1e} allowed", row.what, exact[0]));
    }
}

/// The same in single precision against double precision, where the result is a normal number of single precision.
fn compare_single(row: &Row, operands: &[f32], value: f32, exact: &[f64], all: &mut Vec<String>) {
    if exact.iter().all(|x| x.is_finite()) && (exact[0] == 0.0 || (exact[0] as f32).is_normal()) {
        let operands: Vec<f64> = operands.iter().copied().map(f64::from).collect();
        is_rounded(row, &operands, value.into(), exact, f32::EPSILON.into(), all);
    }
}

/// Value and slope.
fn all_of_one<N: Number>(f: Unary, x: N) -> [N; 2] {
    let y = f.apply(x);
    [y, f.slope(x, y)]
}

/// Value and both slopes.
fn all_of_two<N: Number>(f: Binary, [a, b]: [N; 2]) -> [N; 3] {
    let y = f.apply(a, b);
    [y, f.slope(0, a, b, y), f.slope(1, a, b, y)]
}

#[test]
fn intervals_hold_what_is_proved_and_numbers_are_near_it() {
    let (mut ones, mut twos) = (Vec::new(), Vec::new());
    each(
        |f, row| {
            let x = row.operands[0];
            compare(&row, &all_of_one(f, Interval::point(x)), &all_of_one(f, x), &mut ones);
            let single = x as f32;
            // A power is rounded to single precision, too.
            let rounded = if let Unary::Powf(p) = f { Unary::Powf(f64::from(p as f32)) } else { f };
            let exact = all_of_one(rounded, f64::from(single));
            compare_single(&row, &[single], f.value(Lane(single)).0, &exact, &mut ones);
        },
        |f, row| {
            let [a, b] = [row.operands[0], row.operands[1]];
            compare(&row, &all_of_two(f, [a, b].map(Interval::point)), &all_of_two(f, [a, b]), &mut twos);
            let single = [a, b].map(|x| x as f32);
            let exact = all_of_two(f, single.map(f64::from));
            compare_single(&row, &single, f.value(Lane(single[0]), Lane(single[1])).0, &exact, &mut twos);
        },
    );
    ones.append(&mut twos);
    assert!(ones.is_empty(), "{} are wrong:\n{}", ones.len(), ones.join("\n"));
}

/// A dual number has no formulas of its own: its value is that of the number in it, and its tangent is the slope of the table.
#[test]
fn dual_numbers_have_the_values_of_plain_ones() {
    let same = |what: &str, [dual, plain]: [f64; 2]| {
        assert_eq!(dual.to_bits(), plain.to_bits(), "{what}: {dual}, not {plain}")
    };
    each(
        |f, row| {
            let x = row.operands[0];
            let (dual, y) = (f.apply(Dual::variable(x)), f.apply(x));
            same(&row.what, [dual.value, y]);
            same(&row.what, [dual.tangent, f.slope(x, y)]);
        },
        |f, row| {
            let [a, b] = [row.operands[0], row.operands[1]];
            same(&row.what, [f.apply(Dual::variable(a), Dual::variable(b)).value, f.apply(a, b)]);
        },
    );
}

/// A box around each point encloses what the point does: value and slopes, and the whole interval of a smaller box.
#[test]
fn boxes_hold_what_is_proved_and_smaller_boxes() {
    let mut wrong = Vec::new();
    let mut check = |row: &Row, all: [Vec<Interval>; 3]| {
        let [point, small, large] = all;
        for (k, proved) in row.proved.iter().enumerate() {
            // Beyond the functions that are trusted to some units, nothing may be lost.
            let slack = |x: Interval| 1e-14 * x.low().abs().max(x.high().abs());
            let within = |a: Interval, b: Interval| {
                a.is_within(b) || (b.low() - a.low() <= slack(a) && a.high() - b.high() <= slack(a))
            };
            let holds = small[k].contains(proved[0]);
            if !holds || !within(point[k], small[k]) || !within(small[k], large[k]) {
                wrong.push(format!("{} ({k}): {} {} {}", row.what, point[k], small[k], large[k]));
            }
        }
    };
    let around = |x: f64, share: f64| {
        let moved = share * x.abs().max(1e-3);
        Interval::new(x - moved, x + 0.7 * moved)
    };
    let sizes = [0.0, 1e-6, 0.2];
    let mut twos = Vec::new();
    each(
        |f, row| check(&row, sizes.map(|size| all_of_one(f, around(row.operands[0], size)).to_vec())),
        |f, row| twos.push((f, row)),
    );
    for (f, row) in twos {
        check(&row, sizes.map(|size| all_of_two(f, [0, 1].map(|k| around(row.operands[k], size))).to_vec()));
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
