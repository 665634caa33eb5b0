//! Errors of the functions in units in the last place: `f32` against `f64` from std, `f64` against double-double
//! series, which hold about 100 bits. An error is |result − exact| / ulp(exact), with the ulp of subnormal numbers
//! where `exact` is one.

mod exact;

use autograd::vectorised;
use exact::{Dd, LN_2, Scaled};

/// The functions of 32 bits as plain functions.
mod k32 {
    use autograd::Float;

    macro_rules! functions {
        ($($name:ident)*) => {
            $(#[inline(always)]
            pub fn $name(x: f32) -> f32 {
                Float::$name(x)
            })*
        };
    }
    functions!(exp ln tanh sigmoid exp_m1 ln_1p softplus);
}

/// The functions of 64 bits as plain functions.
mod k64 {
    use autograd::Float;

    macro_rules! functions {
        ($($name:ident)*) => {
            $(#[inline(always)]
            pub fn $name(x: f64) -> f64 {
                Float::$name(x)
            })*
        };
    }
    functions!(exp ln tanh sigmoid exp_m1 ln_1p softplus);
}

/// `ys` = f(`xs`) in vectorized code.
macro_rules! bulk {
    ($f:path, $xs:expr) => {{
        let xs = $xs;
        let mut ys = xs.to_vec();
        let out = &mut ys[..];
        vectorised(
            #[inline(always)]
            || {
                let out = &mut *out;
                for (y, x) in out.iter_mut().zip(xs) {
                    *y = $f(*x);
                }
            },
        );
        ys
    }};
}

/// Each function as name, code, reference and bound; `$run` is called as `$run!(name, code, reference, bound)`.
macro_rules! each {
    ($run:ident, $k:ident, $reference:ident) => {
        $run!("exp", $k::exp, $reference::exp, 1.0);
        $run!("ln", $k::ln, $reference::ln, 1.0);
        $run!("tanh", $k::tanh, $reference::tanh, 2.0);
        $run!("sigmoid", $k::sigmoid, $reference::sigmoid, 2.0);
        $run!("exp_m1", $k::exp_m1, $reference::exp_m1, 2.0);
        $run!("ln_1p", $k::ln_1p, $reference::ln_1p, 2.0);
        $run!("softplus", $k::softplus, $reference::softplus, 2.0);
    };
}

#[test]
fn single_precision() {
    let mut xs: Vec<f32> = (0..=u32::MAX).step_by(997).map(f32::from_bits).collect();
    xs.extend(edges().iter().flat_map(|&x| around_f32(x as f32)));
    macro_rules! run {
        ($name:expr, $f:path, $reference:path, $bound:expr) => {
            let mut worst = (0.0, 0.0);
            for (&x, y) in xs.iter().zip(bulk!($f, &xs[..])) {
                let error = ulps_f32(y, $reference(x as f64));
                assert!(error <= $bound, "{}({x:e}) = {y:e} is off by {error} ulp", $name);
                worst = if error > worst.0 { (error, x) } else { worst };
            }
            println!("f32 {:8} {:.3} ulp at {:e}", $name, worst.0, worst.1);
        };
    }
    each!(run, k32, in_f64);
}

#[test]
fn double_precision() {
    // All exponents; then the ranges in which the functions vary, from coarse to fine.
    let mut xs: Vec<f64> = noise(40_000).map(|u| f64::from_bits((u * 2f64.powi(64)) as u64)).collect();
    for range in [750.0, 50.0, 10.0, 2.0, 0.5, 1e-3] {
        xs.extend(noise(25_000).map(|u| (2.0 * u - 1.0) * range));
    }
    xs.extend(noise(25_000).map(|u| 0.5 + u));
    xs.extend(edges().iter().flat_map(|&x| around_f64(x)));
    macro_rules! run {
        ($name:expr, $f:path, $reference:path, $bound:expr) => {
            let mut worst = (0.0, 0.0);
            for (&x, y) in xs.iter().zip(bulk!($f, &xs[..])) {
                let error = ulps_f64(y, $reference(x));
                assert!(error <= $bound, "{}({x:e}) = {y:e} is off by {error} ulp", $name);
                worst = if error > worst.0 { (error, x) } else { worst };
            }
            println!("f64 {:8} {:.3} ulp at {:e}", $name, worst.0, worst.1);
        };
    }
    each!(run, k64, exact);
}

/// What ulp counts do not show: the sign of zero, and the results at the ends of the range.
#[test]
fn special_values() {
    macro_rules! check {
        ($k:ident, $T:ident) => {
            let (inf, nan) = (std::primitive::$T::INFINITY, std::primitive::$T::NAN);
            macro_rules! run {
                ($name:expr, $f:path, $reference:path, $bound:expr) => {
                    assert!(bulk!($f, &[nan, -nan][..]).iter().all(|y| y.is_nan()), $name);
                };
            }
            each!(run, $k, $k);
            assert_eq!(bulk!($k::exp, &[-inf, 0.0, -0.0, inf][..]), [0.0, 1.0, 1.0, inf]);
            assert_eq!(bulk!($k::ln, &[0.0, -0.0, 1.0, inf][..]), [-inf, -inf, 0.0, inf]);
            assert!(bulk!($k::ln, &[-1.0, -1e-40, -inf][..]).iter().all(|y| y.is_nan()));
            assert_eq!(bulk!($k::tanh, &[-inf, inf][..]), [-1.0, 1.0]);
            assert_eq!(bulk!($k::sigmoid, &[-inf, 0.0, inf][..]), [0.0, 0.5, 1.0]);
            assert_eq!(bulk!($k::exp_m1, &[-inf, inf][..]), [-1.0, inf]);
            assert_eq!(bulk!($k::ln_1p, &[-1.0, inf][..]), [-inf, inf]);
            assert!(bulk!($k::ln_1p, &[-1.5, -inf][..]).iter().all(|y| y.is_nan()));
            assert_eq!(bulk!($k::softplus, &[-inf, inf][..]), [0.0, inf]);
            for odd in [
                bulk!($k::tanh, &[-0.0, 0.0][..]),
                bulk!($k::exp_m1, &[-0.0, 0.0][..]),
                bulk!($k::ln_1p, &[-0.0, 0.0][..]),
            ] {
                assert!(odd == [0.0, 0.0] && odd[0].is_sign_negative() && odd[1].is_sign_positive());
            }
        };
    }
    check!(k32, f32);
    check!(k64, f64);
}

/// Code compiled without fused multiply-add, which calls a function for it, gives the same bits.
#[test]
fn same_bits_on_every_machine() {
    let xs: Vec<f64> = noise(5_000).map(|u| (u - 0.5) * 40.0).collect();
    let singles: Vec<f32> = xs.iter().map(|&x| x as f32).collect();
    macro_rules! run {
        ($name:expr, $f:path, $reference:path, $bound:expr) => {
            let same =
                singles.iter().zip(bulk!($f, &singles[..])).all(|(&x, y)| $f(x).to_bits() == y.to_bits() || y.is_nan());
            assert!(same, $name);
        };
    }
    each!(run, k32, k32);
    macro_rules! run {
        ($name:expr, $f:path, $reference:path, $bound:expr) => {
            let same = xs.iter().zip(bulk!($f, &xs[..])).all(|(&x, y)| $f(x).to_bits() == y.to_bits() || y.is_nan());
            assert!(same, $name);
        };
    }
    each!(run, k64, k64);
}

/// The reference itself: known digits, and identities that mix its functions.
#[test]
fn double_double_is_accurate() {
    let near = |a: Dd, b: Dd, why: &str| assert!((a - b).hi.abs() <= 1e-29 * b.hi.abs(), "{why}: {a:?} {b:?}");
    let e = Dd { hi: std::f64::consts::E, lo: 1.445_646_891_729_250_1e-16 };
    near(exact::exp(1.0).mantissa.scale(exact::exp(1.0).exponent), e, "e");
    near(exact::ln(10.0).mantissa, Dd { hi: std::f64::consts::LN_10, lo: -2.170_756_223_382_249_4e-16 }, "ln 10");
    for x in noise(2_000).map(|u| u * 30.0) {
        let y = exact::exp(x);
        let one_plus = exact::exp_m1(x);
        let one_plus = one_plus.mantissa.scale(one_plus.exponent) + Dd::from(1.0);
        near(one_plus * exact::exp(-x).mantissa, Dd::from(1.0).scale(-exact::exp(-x).exponent), "eˣ e⁻ˣ = 1");
        near(exact::ln_dd(y.mantissa) + LN_2 * Dd::from(y.exponent as f64), Dd::from(x), "ln eˣ = x");
    }
}

/// The points where a function starts to overflow, vanish or saturate, where its argument reduction switches, and the ends.
fn edges() -> Vec<f64> {
    let positive = [
        0.0,
        f64::from_bits(1),
        2f64.powi(-1022),
        2f64.powi(-149),
        2f64.powi(-126),
        2f64.powi(-54),
        2f64.powi(-25),
        0.25,
        0.5,
        std::f64::consts::FRAC_1_SQRT_2,
        1.0,
        std::f64::consts::SQRT_2,
        2.0,
        9.0,
        9.01,
        10.0,
        17.3,
        18.0,
        19.06,
        20.0,
        36.7,
        37.4,
        40.0,
        87.33,
        88.03,
        88.72,
        88.73,
        89.0,
        103.28,
        103.97,
        104.0,
        708.39,
        709.08,
        709.78,
        710.0,
        744.44,
        745.13,
        746.0,
        1e10,
        1e30,
        f32::MAX as f64,
        1e300,
        f64::MAX,
        f64::INFINITY,
    ];
    let switches = (0..40).map(|n| (n as f64 + 0.5) * std::f64::consts::LN_2);
    positive.into_iter().chain(switches).flat_map(|x| [x, -x]).collect()
}

/// x and the 40 numbers on each side of it.
fn around_f32(x: f32) -> impl Iterator<Item = f32> {
    (0..=80).map(move |i| f32::from_bits(x.to_bits().wrapping_add(i).wrapping_sub(40)))
}

fn around_f64(x: f64) -> impl Iterator<Item = f64> {
    (0..=80).map(move |i| f64::from_bits(x.to_bits().wrapping_add(i).wrapping_sub(40)))
}

/// Numbers in [0, 1): a Weyl sequence, scrambled (splitmix64).
fn noise(n: u64) -> impl Iterator<Item = f64> {
    (1..=n).map(|i| {
        let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / 2f64.powi(64)
    })
}

/// 0 where both are NaN or the same infinity or zero; infinite where only one is NaN. An infinite result counts as the
/// first number too large.
fn ulps_f32(y: f32, exact: f64) -> f64 {
    let limit = 2f64.powi(128);
    if exact.is_nan() || y.is_nan() {
        return if exact.is_nan() && y.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let exact = exact.clamp(-limit, limit);
    let ulp = 2f64.powi(exponent(exact).clamp(-126, 127) - 23);
    ((y as f64).clamp(-limit, limit) - exact).abs() / ulp
}

/// The same, with y and the ulp divided by the power of two of `exact`, so that the difference keeps all its bits.
fn ulps_f64(y: f64, exact: Scaled) -> f64 {
    let Scaled { mantissa: m, exponent: e } = exact;
    if m.hi.is_nan() || y.is_nan() {
        return if m.hi.is_nan() && y.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if m.hi.is_infinite() || m.hi == 0.0 {
        return if y == m.hi { 0.0 } else { f64::INFINITY };
    }
    let size = exponent(m.hi) + e;
    if size >= 1024 {
        return if y == f64::INFINITY.copysign(m.hi) { 0.0 } else { f64::INFINITY };
    }
    let ulp = size.max(-1022) - 52 - e;
    let y = if y.is_infinite() { times_power(1f64.copysign(y), 1024 - e) } else { times_power(y, -e) };
    times_power((Dd::from(y) - m).hi, -ulp).abs()
}

/// ⌊log₂ |x|⌋ of a normal number; smaller than any normal exponent otherwise.
fn exponent(x: f64) -> i32 {
    (x.to_bits() >> 52 & 0x7ff) as i32 - 1023
}

/// x 2ⁿ, for n beyond the exponents of `f64`.
fn times_power(x: f64, n: i32) -> f64 {
    x * 2f64.powi(n / 2) * 2f64.powi(n - n / 2)
}

/// The functions in `f64`.
mod in_f64 {
    pub fn exp(x: f64) -> f64 {
        x.exp()
    }
    pub fn ln(x: f64) -> f64 {
        x.ln()
    }
    pub fn tanh(x: f64) -> f64 {
        x.tanh()
    }
    pub fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }
    pub fn exp_m1(x: f64) -> f64 {
        x.exp_m1()
    }
    pub fn ln_1p(x: f64) -> f64 {
        x.ln_1p()
    }
    pub fn softplus(x: f64) -> f64 {
        (if x < 0.0 { 0.0 } else { x }) + (-x.abs()).exp().ln_1p()
    }
}
