//! The update of all trained parameters by an optimizer, as one kernel, and the norm of their gradients.

use autograd::plan_view::LinearTerm;
use autograd::{Axis, AxisFunction, Op};
use kernel::simd::Accum;
use nn::optim::{FormulaKind, before, clip_factor};
use wgsl::{WgslNumber, Writer};

use crate::along::{self, Grouped};
use crate::kernels::{Kernel, Params, each_entry};
use crate::shader::Buffer;
use crate::tasks::Place;

/// A trained parameter.
pub(crate) struct Segment {
    pub len: u32,
    /// Where it begins among the weights, and its gradient in the buffer of gradients.
    pub weights: u32,
    pub gradient: u32,
    /// Where its constants begin among those that are given in every step.
    pub constants: u32,
}

/// The number of constants of a parameter: those of what is done before the formula, the rate, and those of the formula.
pub(crate) fn constants_of(kind: FormulaKind) -> usize {
    4 + kind.counts().0
}

/// All trained parameters, as a table in the lists of a step.
pub(crate) struct Trained {
    /// The buffer of gradients.
    from: Buffer,
    entries: u32,
    segments: u32,
    table: u32,
}

impl Trained {
    /// The table has for each parameter the first entry, what leads from an entry to its weight and its gradient, and the place of its constants.
    pub fn new(from: Buffer, all: &[Segment], lists: &mut Vec<u32>) -> Self {
        let (table, mut entries) = (lists.len() as u32, 0u32);
        for segment in all {
            let apart = |start: u32| start.wrapping_sub(entries);
            lists.extend([entries, apart(segment.weights), apart(segment.gradient), segment.constants]);
            entries += segment.len;
        }
        Trained { from, entries, segments: all.len() as u32, table }
    }

    /// A function that finds where an entry is in the table, and one that reads its gradient.
    fn access(&self, params: &mut Params) -> String {
        let [segments, table] = [self.segments, self.table].map(|value| params.give(value));
        format!(
            "fn segment_of(i: u32) -> u32 {{
  var low = 0u;
  var high = {segments};
  while (high - low > 1u) {{
    let middle = (low + high) / 2u;
    if (list[{table} + 4u * middle] <= i) {{ low = middle; }} else {{ high = middle; }}
  }}
  return {table} + 4u * low;
}}
fn gradient_of(i: u32, e: u32) -> T {{ return {}[i + list[e + 2u]]; }}\n",
            self.from.name()
        )
    }

    /// The norm of all gradients, written to entry `at` of the values, and what it needs behind that: norms of pieces. The order of the
    /// sums depends only on the number of entries.
    pub fn norm(&self, at: u32) -> [Kernel; 2] {
        let (len, pieces) = pieces(self.entries);
        let place = |start, rows| Place { buffer: Buffer::Values, start, rows, cols: 1 };
        let mut of_pieces = Grouped::new(pieces, len, &[self.entries]);
        of_pieces.access = self.access(&mut of_pieces.params);
        of_pieces.access += "fn x_(k: u32) -> T {
  let i = group * p[0].z + k;
  if (i >= p[0].w) { return T(0.0); }
  return gradient_of(i, segment_of(i));
}\n";
        of_pieces.write_one(place(at + 1, pieces), Accum::Replace);
        let norm = LinearTerm::Op(Op::AlongAxis(AxisFunction::Norm, Axis::Rows, place(at + 1, pieces)));
        [of_pieces.kernel("value_Norm_();", len / 8 + 512), along::kernel(&norm, place(at, 1), Accum::Replace)]
    }

    /// The update, unless one of the numbers `needed` of the values is not finite. The gradients are clipped to a largest norm, whose place is given
    /// with it.
    pub fn update(&self, is_double: bool, kind: FormulaKind, needed: &[u32], clipped: Option<(f64, u32)>) -> Kernel {
        let mut params = Params::new(&[self.entries]);
        let (access, guard) = (self.access(&mut params), guard(&mut params, needed));
        let writer = Writer::new(is_double);
        let given = |k: usize| writer.value(format!("given[at + {k}u]"));
        let moments: Vec<WgslNumber<'_>> = (0..kind.counts().1).map(|k| writer.value(format!("m{k}[j]"))).collect();
        let factor = clipped.map_or(writer.constant(1.0), |(max, norm)| {
            clip_factor(writer.constant(max), writer.value(format!("x[{}]", params.give(norm))))
        });
        let [w, g] = before([0, 1, 2].map(given), factor, writer.value("w[j]"), writer.value("gradient_of(i, e)"));
        let constants: Vec<_> = (4..constants_of(kind)).map(given).collect();
        let (w, moments) = kind.apply(&constants, given(3), w, g, &moments);
        writer.line(&format!("w[j] = v{};", w.id()));
        for (k, moment) in moments.iter().enumerate() {
            writer.line(&format!("m{k}[j] = flush_(v{});", moment.id()));
        }
        let lines = format!(
            "  {guard}
  let e = segment_of(i);
  let j = i + list[e + 1u];
  let at = list[e + 3u];
{}",
            writer.finish()
        );
        each_entry(&access, &lines, params, 32)
    }
}

/// A statement that leaves a kernel unless these numbers of the values are finite.
pub(crate) fn guard(params: &mut Params, needed: &[u32]) -> String {
    let finite =
        needed.iter().map(|&at| format!("is_finite_(x[{}])", params.give(at))).collect::<Vec<_>>().join(" && ");
    format!("if (!({finite})) {{ return; }}")
}

/// The length and the number of the pieces into which `entries` entries are cut. Both are about the square root of `entries`.
fn pieces(entries: u32) -> (u32, u32) {
    let len = entries.isqrt().max(256);
    (len, entries.div_ceil(len))
}

/// The number of entries that the [norm](Trained::norm) of at most `entries` entries takes.
pub(crate) fn scratch(entries: u32) -> u32 {
    1 + pieces(entries).1 + 1
}
