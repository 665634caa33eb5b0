//! What every shader begins with: types, bindings, and the elementary functions with their constants.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI, FRAC_PI_2, LN_2, LOG2_E, LOG10_E, PI, TAU};
use std::fmt::Write;
use std::sync::OnceLock;

use kernel::float::coefficients;

use crate::along::loops;
use crate::number::literal;

/// The buffers that every kernel can read and write. Each has the number of its binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Buffer {
    /// The parameters of a model.
    Weights = 1,
    /// Inputs, constants and values of a step.
    Values = 2,
    /// Derivatives of a step.
    Deltas = 3,
    /// The moments of the optimizer.
    Moment0 = 4,
    Moment1 = 5,
    Moment2 = 6,
}

/// The binding of the index lists, and that of the constants of an update.
pub(crate) const INDICES: u32 = 7;
pub(crate) const CONSTANTS: u32 = 8;

/// The number of parameters of a kernel, of which the first is 0.
pub(crate) const PARAMS: usize = 64;

/// A line by which a kernel has the buffers as arrays of `vec4`.
pub(crate) const VECTORS: &str = "alias E = vec4<T>;";

impl Buffer {
    pub const ALL: [Buffer; 6] = {
        use Buffer::*;
        [Weights, Values, Deltas, Moment0, Moment1, Moment2]
    };

    /// Its name in a shader.
    pub fn name(self) -> &'static str {
        ["w", "x", "d", "m0", "m1", "m2"][self as usize - 1]
    }
}

/// A shader of these statements, before which functions may stand.
pub(crate) fn shader(is_double: bool, body: &str) -> String {
    let (number, bits) = if is_double { ("f64", "u64") } else { ("f32", "u32") };
    let mut text = format!("alias T = {number};\nalias U = {bits};\n");
    let mut line = |line: String| writeln!(text, "{line}").expect("text grows");
    line(format!("@group(0) @binding(0) var<uniform> p: array<vec4<u32>, {}>;", PARAMS / 4));
    let entry = if body.contains(VECTORS) { "E" } else { "T" };
    for buffer in Buffer::ALL {
        let (number, name) = (buffer as u32, buffer.name());
        if body.contains(&format!("{name}[")) {
            line(format!("@group(0) @binding({number}) var<storage, read_write> {name}: array<{entry}>;"));
        }
    }
    line(format!("@group(0) @binding({INDICES}) var<storage, read> list: array<u32>;"));
    line(format!("@group(0) @binding({CONSTANTS}) var<storage, read> given: array<T>;"));
    line(needed(is_double, body));
    line(body.to_owned());
    text
}

/// The constants and functions that a text refers to, and those to which these do.
fn needed(is_double: bool, body: &str) -> String {
    static ITEMS: [OnceLock<Vec<Item>>; 2] = [OnceLock::new(), OnceLock::new()];
    let items = ITEMS[usize::from(is_double)].get_or_init(|| items(is_double));
    let mut found = String::new();
    for (name, text) in items.iter().rev() {
        if body.contains(name) || found.contains(name) {
            found += text;
        }
    }
    found
}

/// A constant, function or struct: its name and its text.
type Item = (String, String);

/// All of them, each behind those to which it refers. Each begins on a line of its own, and has its other lines indented or closed by a brace.
fn items(is_double: bool) -> Vec<Item> {
    let along = loops(include_str!("along.wgsl"));
    let text = [&constants(is_double), include_str!("primitives.wgsl"), include_str!("special.wgsl"), &along].concat();
    let mut items: Vec<Item> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("//")) {
        if !line.starts_with([' ', '}']) {
            let name = line.split(|c: char| !c.is_alphanumeric() && c != '_').nth(1).expect("an item has a name");
            items.push((name.to_owned(), String::new()));
        }
        let (_, item) = items.last_mut().expect("the first line begins an item");
        *item += &format!("{line}\n");
    }
    items
}

/// Calls a function with names and values.
macro_rules! each {
    ($f:expr; $($name:ident $value:expr),* $(,)?) => { $($f(stringify!($name), $value);)* };
}

/// The constants of the formulas, and their polynomials in x as functions.
fn constants(is_double: bool) -> String {
    let (digits, bias, half, suffix, far) =
        if is_double { (52, 1023, 27, "lu", 1e150) } else { (23, 127, 12, "u", 1e15) };
    let mut all = format!("const DIGITS: u32 = {digits}u;\nconst BIAS: i32 = {bias};\n");
    let mut line = |line: String| writeln!(all, "{line}").expect("text grows");
    let bits_of = |x: f64| if is_double { x.to_bits() } else { (x as f32).to_bits().into() };
    let ones = if is_double { u64::MAX } else { u32::MAX.into() };
    let mut bits = |name: &str, value: u64| line(format!("const {name}: U = {value}{suffix};"));
    each! { bits;
        INF_BITS bits_of(f64::INFINITY), NAN_BITS bits_of(f64::NAN), ABS_MASK ones >> 1, HALF_MASK ones >> half << half,
        ONE_BITS bits_of(1.0), SQRT_HALF bits_of(FRAC_1_SQRT_2),
    }
    let c = coefficients(is_double);
    let [bernoulli, ln_gamma, zero, digamma] = c.gamma;
    let [k, end, scale, shift] = c.erf[0][..] else { unreachable!("four numbers") };
    // What rounding x + low to x loses.
    let rest = |x: f64, low: f64| x - if is_double { x } else { f64::from(x as f32) } + low;
    // π/2 in three parts. Products of the first two with numbers below 2²⁹, or 2¹⁶, are exact.
    let (cut, exact) = if is_double { (29, 29) } else { (45, 16) };
    let short = |x: f64| f64::from_bits(x.to_bits() >> cut << cut);
    let first = short(FRAC_PI_2);
    let second = short(FRAC_PI_2 - first);
    let text = |c: f64| literal(is_double, c);
    let mut number = |name: &str, value: f64| line(format!("const {name}: T = {};", text(value)));
    each! { number;
        LN2_HI c.ln_2[0], LN2_LO c.ln_2[1], LEAST c.bounds[0], LARGEST c.bounds[1], FLAT c.bounds[2], EPSILON 2f64.powi(-digits),
        ERF_K k, ERF_END end, ERF_SCALE scale, ERF_SHIFT shift, ERF_INV_MIDDLE c.erf_inv[2][0], TWO_DIGITS 2f64.powi(digits),
        MIN_POSITIVE 2f64.powi(1 - bias), ASINH_FAR far, LN_2 LN_2, LOG2_E LOG2_E, LOG10_E LOG10_E, FRAC_2_SQRT_PI FRAC_2_SQRT_PI,
        FRAC_2_PI FRAC_2_PI, PI PI, HALF_PI_1 first, HALF_PI_2 second, HALF_PI_3 FRAC_PI_2 - first - second + HALF_PI_LOW,
        TURN_END FRAC_PI_2 * 2f64.powi(exact), HALF_PI FRAC_PI_2, HALF_PI_REST rest(FRAC_PI_2, HALF_PI_LOW), GAMMA_FAR 10.0,
        HALF_LN_TAU_LESS_HALF 0.5 * TAU.ln() - 0.5, DIGAMMA_ZERO zero[0], DIGAMMA_ZERO_REST rest(zero[0], zero[1]),
    }
    let table = bernoulli.iter().map(|&c| text(c)).collect::<Vec<_>>().join(", ");
    line(format!("const BERNOULLI = array<T, 10>({table});"));
    let mut polynomial = |name: &str, c: &[f64]| {
        let (last, rest) = c.split_last().expect("a polynomial has coefficients");
        let steps: String = rest.iter().rev().map(|&c| format!(" s = fma(s, x, {});", text(c))).collect();
        line(format!("fn {name}_poly_(x: T) -> T {{ var s: T = {};{steps} return s; }}", text(*last)));
    };
    let terms = if is_double { [8, 9, 12] } else { [4, 5, 5] };
    let factorial = |n: i32| (1..=n).map(f64::from).product::<f64>();
    let series = |terms: i32, f: &dyn Fn(i32) -> f64| (1..=terms).map(|k| (-1f64).powi(k) / f(k)).collect::<Vec<_>>();
    let even = |f: &dyn Fn(f64) -> f64| (1..).zip(bernoulli).map(|(k, b)| b / f(f64::from(2 * k))).collect::<Vec<_>>();
    each! { polynomial;
        exp &c.exp, artanh &c.artanh, tanhshrink &c.tanhshrink, erf_near &c.erf[1], erf_far &c.erf[2],
        erf_inv_near c.erf_inv[0], erf_inv_far c.erf_inv[1], ln_gamma ln_gamma, digamma digamma,
        sin &series(terms[0], &|k| factorial(2 * k + 1)), cos &series(terms[1], &|k| factorial(2 * k)),
        atan &series(terms[2], &|k| f64::from(2 * k + 1)), stirling &even(&|k| k * (k - 1.0)), digamma_far &even(&|k| k),
    }
    all
}

/// What rounding π/2 to double precision lost.
const HALF_PI_LOW: f64 = 6.123_233_995_736_766e-17;
