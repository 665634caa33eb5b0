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
    items: Vec<Item>,
}

/// A constant, function or struct: its name and its text.
type Item = (String, String);

impl Library {
    /// The elementary functions for numbers `T`, which are `f32` or, if `is_double`, `f64`. Each has the name of the method of `Elementary` or `Number`
    /// with `_` at its end. A shader defines a function `zero_() -> u32` that returns 0, from a buffer or uniform, so that a compiler does not know it. By it
    /// they keep compilers from simplifying (a + b) − b to a.
    pub fn new(is_double: bool) -> Self {
        let (number, bits) = if is_double { ("f64", "u64") } else { ("f32", "u32") };
        let header = format!("alias T = {number};\nalias U = {bits};\n");
        let mut text = String::new();
        constants(is_double, &mut |line| writeln!(text, "{line}").expect("text grows"));
        text += include_str!("primitives.wgsl");
        text += include_str!("special.wgsl");
        Library { header, items: Vec::new() }.with(&text)
    }

    /// With functions, constants and structs of yours. Each begins on a line of its own, and has its other lines indented or closed by a
    /// brace.
    #[must_use]
    pub fn with(mut self, text: &str) -> Self {
        for line in text.lines() {
            let name = ["fn ", "const ", "struct "].iter().find_map(|word| line.strip_prefix(word));
            match (name, self.items.last_mut()) {
                (Some(name), _) => {
                    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
                    self.items.push((name[..end].to_owned(), format!("{line}\n")));
                }
                (None, Some(last)) if line.starts_with(' ') || line == "}" => {
                    writeln!(last.1, "{line}").expect("text grows")
                }
                _ => {}
            }
        }
        self
    }

    /// The types `T` of numbers and `U` of their bits, and those functions and constants that a text refers to, directly or by others.
    pub fn called_by(&self, text: &str) -> String {
        let mut open: Vec<&Item> = self.items.iter().collect();
        let (mut found, mut new) = (self.header.clone(), vec![text]);
        while !new.is_empty() {
            let (named, rest): (Vec<_>, _) =
                open.into_iter().partition(|item| new.iter().any(|text| text.contains(&item.0)));
            open = rest;
            new = named.iter().map(|item| &*item.1).collect();
            found.extend(new.iter().copied());
        }
        found
    }
}

/// Calls a function with names and values.
macro_rules! each {
    ($f:expr; $($name:ident $value:expr),* $(,)?) => { $($f(stringify!($name), $value);)* };
}

fn constants(is_double: bool, line: &mut impl FnMut(String)) {
    let c = coefficients(is_double);
    let text = |c: f64| literal(is_double, c);
    let own = |c: f64| if is_double { c } else { f64::from(c as f32) };
    let [k, end, scale, shift] = c.erf[0][..] else { unreachable!("four numbers") };
    let [first, second, third] = half_pi(is_double);
    let least_normal = if is_double { f64::MIN_POSITIVE } else { f32::MIN_POSITIVE.into() };
    let (digits, bias, far): (i32, _, _) = if is_double { (52, 1023, 1e150) } else { (23, 127, 1e15) };
    let [bernoulli, ln_gamma, zero, digamma] = c.gamma;
    let mut number = |name: &str, value: f64| line(format!("const {name}: T = {};", text(value)));
    each! { number;
        LN2_HI c.ln_2[0], LN2_LO c.ln_2[1], LEAST c.bounds[0], LARGEST c.bounds[1], FLAT c.bounds[2], EPSILON 2f64.powi(-digits),
        ERF_K k, ERF_END end, ERF_SCALE scale, ERF_SHIFT shift, ERF_INV_MIDDLE c.erf_inv[2][0], TWO_DIGITS 2f64.powi(digits),
        MIN_POSITIVE least_normal, ASINH_FAR far, LN_2 LN_2, LOG2_E LOG2_E, LOG10_E LOG10_E, FRAC_2_SQRT_PI FRAC_2_SQRT_PI,
        FRAC_2_PI FRAC_2_PI, PI PI, HALF_PI_1 first, HALF_PI_2 second, HALF_PI_3 third, HALF_PI FRAC_PI_2,
        HALF_PI_REST FRAC_PI_2 - own(FRAC_PI_2) + HALF_PI_LOW, HALF_LN_TAU_LESS_HALF 0.5 * TAU.ln() - 0.5, GAMMA_FAR 10.0,
        DIGAMMA_ZERO zero[0], DIGAMMA_ZERO_REST zero[0] - own(zero[0]) + zero[1],
    }
    let of = |x: f64| if is_double { x.to_bits() } else { (x as f32).to_bits().into() };
    let all = if is_double { u64::MAX } else { u32::MAX.into() };
    let (infinite, half, suffix) =
        (of(f64::INFINITY), if is_double { 27 } else { 12 }, if is_double { "lu" } else { "u" });
    let mut bits = |name: &str, value: u64| line(format!("const {name}: U = {value}{suffix};"));
    each! { bits;
        INF_BITS infinite, NAN_BITS infinite | 1 << (digits - 1), ABS_MASK all >> 1, HALF_MASK all >> half << half, ONE_BITS of(1.0),
        SQRT_HALF of(FRAC_1_SQRT_2),
    }
    line(format!("const DIGITS: u32 = {digits}u;\nconst BIAS: i32 = {bias};"));
    let table = bernoulli.iter().map(|&c| text(c)).collect::<Vec<_>>().join(", ");
    line(format!("const BERNOULLI = array<T, 10>({table});"));
    let mut polynomial = |name: &str, c: &[f64]| {
        let (last, rest) = c.split_last().expect("a polynomial has coefficients");
        let steps: String = rest.iter().rev().map(|&c| format!(" s = fma(s, x, {});", text(c))).collect();
        line(format!("fn {name}_poly_(x: T) -> T {{ var s: T = {};{steps} return s; }}", text(*last)));
    };
    let terms = if is_double { [8, 9, 12] } else { [4, 5, 5] };
    let factorial = |n: usize| (1..=n).map(|k| k as f64).product::<f64>();
    let sign = |k: usize| if k.is_multiple_of(2) { 1.0 } else { -1.0 };
    let series = |terms: usize, f: &dyn Fn(usize) -> f64| (1..=terms).map(|k| sign(k) * f(k)).collect::<Vec<_>>();
    let even = |f: &dyn Fn(f64) -> f64| (1..).zip(bernoulli).map(|(k, b)| b * f(f64::from(2 * k))).collect::<Vec<_>>();
    each! { polynomial;
        exp &c.exp, artanh &c.artanh, tanhshrink &c.tanhshrink, erf_near &c.erf[1], erf_far &c.erf[2],
        erf_inv_near c.erf_inv[0], erf_inv_far c.erf_inv[1], ln_gamma ln_gamma, digamma digamma,
        sin &series(terms[0], &|k| 1.0 / factorial(2 * k + 1)), cos &series(terms[1], &|k| 1.0 / factorial(2 * k)),
        atan &series(terms[2], &|k| 1.0 / (2 * k + 1) as f64),
        stirling &even(&|k| 1.0 / (k * (k - 1.0))), digamma_far &even(&|k| 1.0 / k),
    }
}

/// What rounding π/2 to double precision lost.
const HALF_PI_LOW: f64 = 6.123_233_995_736_766e-17;

/// π/2 in three parts. Products of the first two with numbers below 2¹⁶, or 2²⁰, are exact.
fn half_pi(is_double: bool) -> [f64; 3] {
    let short = |x: f64, digits: u32| f64::from_bits(x.to_bits() >> (53 - digits) << (53 - digits));
    let first = short(FRAC_PI_2, if is_double { 33 } else { 8 });
    let rest = FRAC_PI_2 - first;
    if is_double {
        return [first, rest, HALF_PI_LOW];
    }
    let second = short(rest, 8);
    [first, second, rest - second]
}
