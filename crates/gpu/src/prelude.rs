//! What every shader begins with: types, bindings, and the elementary functions with their constants.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI, FRAC_PI_2, LN_2, LOG2_E, LOG10_E, PI, TAU};
use std::fmt::Write;
use std::sync::OnceLock;

use kernel::float::coefficients;
use kernel::simd::Accum;

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
    /// Values in half precision.
    Halves = 9,
}

/// The binding of the index lists, and that of the constants of an update.
pub(crate) const INDICES: u32 = 7;
pub(crate) const CONSTANTS: u32 = 8;

/// The number of parameters of a kernel, of which the first is 0.
pub(crate) const PARAMS: usize = 64;

/// The binding of the panels of factors, for kernels that write them, and that of the texture to which they are copied, for those that read
/// them. It has that many texels of 16 bytes in a row.
pub(crate) const PANELS: [u32; 2] = [10, 11];
pub(crate) const ROW: u32 = 4096;

impl Buffer {
    pub const ALL: [Buffer; 7] = {
        use Buffer::*;
        [Weights, Values, Deltas, Moment0, Moment1, Moment2, Halves]
    };

    /// Its name in a shader.
    pub fn name(self) -> &'static str {
        ["w", "x", "d", "m0", "m1", "m2", "", "", "half"][self as usize - 1]
    }

    /// The entry of an index, as a number.
    pub fn read(self, index: &str) -> String {
        let (name, is_half) = (self.name(), self == Buffer::Halves);
        if is_half { format!("T({name}[{index}])") } else { format!("{name}[{index}]") }
    }

    /// The statement that sets the entry of an index, or adds to it.
    pub fn write(self, index: &str, accum: Accum, value: &str) -> String {
        let name = self.name();
        match (self, accum) {
            (Buffer::Halves, Accum::Replace) => format!("{name}[{index}] = narrow_({value});"),
            (Buffer::Halves, Accum::Add) => format!("{name}[{index}] = narrow_({} + {value});", self.read(index)),
            (_, Accum::Replace) => format!("{name}[{index}] = {value};"),
            (_, Accum::Add) => format!("{name}[{index}] += {value};"),
        }
    }
}

/// A shader of these statements, before which functions may stand.
pub(crate) fn shader(is_double: bool, body: &str) -> String {
    let (number, bits) = if is_double { ("f64", "u64") } else { ("f32", "u32") };
    let uses = |buffer: Buffer| body.contains(&format!("{}[", buffer.name()));
    let enabled = if uses(Buffer::Halves) { "enable f16;\n" } else { "" };
    let mut text = format!("{enabled}alias T = {number};\nalias U = {bits};\n");
    let mut line = |line: String| writeln!(text, "{line}").expect("text grows");
    line(format!("@group(0) @binding(0) var<uniform> p: array<vec4<u32>, {}>;", PARAMS / 4));
    for buffer in Buffer::ALL.into_iter().filter(|&buffer| uses(buffer)) {
        let (number, name) = (buffer as u32, buffer.name());
        let entry = if buffer == Buffer::Halves { "f16" } else { "T" };
        line(format!("@group(0) @binding({number}) var<storage, read_write> {name}: array<{entry}>;"));
    }
    line(format!("@group(0) @binding({INDICES}) var<storage, read> list: array<u32>;"));
    line(format!("@group(0) @binding({CONSTANTS}) var<storage, read> given: array<T>;"));
    if body.contains("panels[") {
        line(format!("@group(0) @binding({}) var<storage, read_write> panels: array<vec4<T>>;", PANELS[0]));
    }
    if body.contains("texels") {
        line(format!("@group(0) @binding({}) var texels: texture_storage_2d<rgba32uint, read>;", PANELS[1]));
    }
    for item in needed(is_double, body) {
        line(item.to_owned());
    }
    line(body.to_owned());
    text
}

/// A constant, function or struct: its name and its text.
type Item = (String, String);

/// The constants and functions that a text refers to, and those to which these do.
fn needed(is_double: bool, body: &str) -> Vec<&'static str> {
    static ITEMS: [OnceLock<Vec<Item>>; 2] = [OnceLock::new(), OnceLock::new()];
    let items = ITEMS[usize::from(is_double)].get_or_init(|| items(is_double));
    let mut open: Vec<&'static Item> = items.iter().collect();
    let (mut found, mut new) = (Vec::new(), vec![body]);
    while !new.is_empty() {
        let (named, rest): (Vec<_>, _) =
            open.into_iter().partition(|item| new.iter().any(|text| text.contains(&item.0)));
        open = rest;
        let texts: Vec<&'static str> = named.iter().map(|item| &*item.1).collect();
        found.extend_from_slice(&texts);
        new = texts;
    }
    found
}

/// All of them. Each begins on a line of its own, and has its other lines indented or closed by a brace.
fn items(is_double: bool) -> Vec<Item> {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("text grows");
    constants(is_double, &mut line);
    line([include_str!("primitives.wgsl"), include_str!("special.wgsl"), include_str!("along.wgsl")].concat());
    let mut items: Vec<Item> = Vec::new();
    for line in text.lines() {
        let name = ["fn ", "const ", "struct "].iter().find_map(|word| line.strip_prefix(word));
        match (name, items.last_mut()) {
            (Some(name), _) => {
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
                items.push((name[..end].to_owned(), format!("{line}\n")));
            }
            (None, Some(last)) if line.starts_with(' ') || line == "}" => {
                writeln!(last.1, "{line}").expect("text grows")
            }
            _ => {}
        }
    }
    items
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
