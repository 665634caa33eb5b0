//! What every shader begins with: types, bindings, and the functions that it calls.

use std::fmt::Write;
use std::sync::OnceLock;

use kernel::simd::Accum;
use wgsl::Library;

use crate::along::loops;

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
    pub const ALL: [Self; 7] =
        [Self::Weights, Self::Values, Self::Deltas, Self::Moment0, Self::Moment1, Self::Moment2, Self::Halves];

    /// Its name in a shader.
    pub fn name(self) -> &'static str {
        ["w", "x", "d", "m0", "m1", "m2", "", "", "half_"][self as usize - 1]
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
            (Buffer::Halves, Accum::Replace) => format!("{name}[{index}] = to_half_({value});"),
            (Buffer::Halves, Accum::Add) => format!("{name}[{index}] = to_half_({} + {value});", self.read(index)),
            (_, Accum::Replace) => format!("{name}[{index}] = {value};"),
            (_, Accum::Add) => format!("{name}[{index}] += {value};"),
        }
    }
}

/// A shader of these statements, before which functions may stand.
pub(crate) fn shader(is_double: bool, body: &str) -> String {
    static LIBRARIES: [OnceLock<Library>; 2] = [OnceLock::new(), OnceLock::new()];
    let library = LIBRARIES[usize::from(is_double)]
        .get_or_init(|| Library::new(is_double).with(&loops(include_str!("along.wgsl"))).with(TO_HALF));
    let mut text = library.called_by(body) + "fn zero_() -> u32 { return p[0].x; }\n";
    let mut bind = |number: u32, kind: &str, what: &str| {
        writeln!(text, "@group(0) @binding({number}) var{kind} {what};").expect("text grows");
    };
    bind(0, "<uniform>", &format!("p: array<vec4<u32>, {}>", PARAMS / 4));
    for buffer in Buffer::ALL.into_iter().filter(|buffer| body.contains(&format!("{}[", buffer.name()))) {
        let entry = if buffer == Buffer::Halves { "f16" } else { "T" };
        bind(buffer as u32, "<storage, read_write>", &format!("{}: array<{entry}>", buffer.name()));
    }
    bind(INDICES, "<storage, read>", "list: array<u32>");
    bind(CONSTANTS, "<storage, read>", "given: array<T>");
    if body.contains("panels[") {
        bind(PANELS[0], "<storage, read_write>", "panels: array<vec4<T>>");
    }
    if body.contains("texels") {
        bind(PANELS[1], "", &format!("texels: texture_storage_2d<rgba32uint, read>;\nconst ROW = {ROW}u"));
    }
    let enabled = if text.contains("f16") || body.contains("f16") { "enable f16;\n" } else { "" };
    format!("{enabled}{text}{body}")
}

/// The nearest number of half precision; NaN if it would be infinite. It is computed by bits, because a device may round to either neighbour.
const TO_HALF: &str = "fn to_half_(x: T) -> f16 {
  let bits = bitcast<U>(x);
  let usual = bitcast<T>((bits + 0xfffu + ((bits >> 13u) & 1u)) & 0xffffe000u);
  let near = select(usual, round(x * 16777216.0) / 16777216.0, abs(x) < 6.103515625e-5);
  return f16(select(select(near, nan_(), abs(near) > 65504.0), x, !is_finite_(x)));
}";
