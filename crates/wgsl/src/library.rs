//! The elementary functions as text, with their constants, and which of them a text calls.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI, FRAC_PI_2, LN_2, LOG2_E, LOG10_E, PI, TAU};
use std::fmt::Write;

use kernel::float::coefficients;

use crate::number::literal;

/// Functions and constants of WGSL, from which a shader takes those that it calls.
///
/// ```
/// let library = wgsl::Library::new(false);
/// let text = library.called_by("fn f(x: T) -> T { return tanh_(x); }");
/// assert!(text.contains("fn tanh_") && !text.contains("fn erf_"));
/// ```
pub struct Library {
    header: String,
    /// Names and texts, each behind those to which it refers.
    items: Vec<(String, String)>,
}

impl Library {
    /// The elementary functions for numbers `T`, which are `f32` or, if `is_double`, `f64`. Each has the name of the method of `Elementary` or `Number`
    /// with `_` at its end. A shader defines a function `zero_() -> u32` that returns 0, from a buffer or uniform, so that a compiler does not know it. By it
    /// they keep compilers from simplifying (a + b) − b to a.
    pub fn new(is_double: bool) -> Self {
        let (number, bits) = if is_double { ("f64", "u64") } else { ("f32", "u32") };
        let header = format!("alias T = {number};\nalias U = {bits};\n");
        let text = [&constants(is_double), include_str!("primitives.wgsl"), include_str!("special.wgsl")].concat();
        Library { header, items: Vec::new() }.with(&text)
    }

    /// With functions, constants and structs of yours, each behind those to which it refers. Each begins on a line of its own by `fn`, `const`
    /// or `struct`, and has its other lines indented or closed by a brace.
    ///
    /// # Panics
    /// If a line begins otherwise.
    #[must_use]
    pub fn with(mut self, text: &str) -> Self {
        let mut own = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("//")) {
            if let Some(rest) = ["fn ", "const ", "struct "].iter().find_map(|word| line.strip_prefix(word)) {
                let name =
                    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().expect("there is a first part");
                own.push((name.to_owned(), String::new()));
            }
            match own.last_mut().filter(|(_, item)| item.is_empty() || line.starts_with([' ', '}'])) {
                Some((_, item)) => *item += &format!("{line}\n"),
                None => panic!("Library: `{line}` begins no function, constant or struct"),
            }
        }
        self.items.extend(own);
        self
    }

    /// The types `T` of numbers and `U` of their bits, and those functions and constants whose names stand in a text, or in these functions.
    pub fn called_by(&self, text: &str) -> String {
        let mut found = self.header.clone();
        for (name, item) in self.items.iter().rev() {
            if text.contains(name) || found.contains(name) {
                found += item;
            }
        }
        found
    }
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
