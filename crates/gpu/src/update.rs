//! The update of all trained parameters by an optimizer, as one kernel.

use nn::optim::{FormulaKind, before};

use crate::fused::THREADS;
use crate::kernels::{Kernel, Params, spread};
use crate::number::{Wgsl, Writer};

/// A trained parameter.
pub(crate) struct Segment {
    pub len: u32,
    /// Where it begins among the weights, and its gradient among the derivatives.
    pub weights: u32,
    pub gradient: u32,
    /// Where its constants begin among those that are given in every step.
    pub constants: u32,
}

/// The number of constants of a parameter: those of what is done before the formula, the rate, and those of the formula.
pub(crate) fn constants_of(kind: FormulaKind) -> usize {
    4 + kind.counts().0
}

/// The update of these parameters, unless the number `loss` of the values is not finite. The table of the parameters is added to the lists: for
/// each the first entry, what leads from an entry to its weight and its gradient, and the place of its constants.
pub(crate) fn kernel(is_double: bool, kind: FormulaKind, loss: u32, all: &[Segment], lists: &mut Vec<u32>) -> Kernel {
    let at = lists.len() as u32;
    let mut entries = 0u32;
    for segment in all {
        let apart = |start: u32| start.wrapping_sub(entries);
        lists.extend([entries, apart(segment.weights), apart(segment.gradient), segment.constants]);
        entries += segment.len;
    }
    let mut params = Params::new(&[entries, all.len() as u32, at]);
    let loss = params.give(loss);
    let writer = Writer::new(is_double);
    let given = |k: usize| writer.value(format!("given[at + {k}u]"));
    let moments: Vec<Wgsl<'_>> = (0..kind.counts().1).map(|k| writer.value(format!("m{k}[j]"))).collect();
    let [w, g] = before([0, 1, 2].map(given), writer.value("w[j]"), writer.value("d[i + list[e + 2u]]"));
    let constants: Vec<_> = (4..constants_of(kind)).map(given).collect();
    let (w, moments) = kind.apply(&constants, given(3), w, g, &moments);
    writer.line(&format!("w[j] = v{};", w.id()));
    for (k, moment) in moments.iter().enumerate() {
        writer.line(&format!("m{k}[j] = flush_(v{});", moment.id()));
    }
    let text = format!(
        "@compute @workgroup_size({THREADS})
fn main(@builtin(global_invocation_id) g: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>) {{
  let i = g.x + g.y * n.x * {THREADS}u;
  if (i >= p[0].y || !is_finite_(x[{loss}])) {{ return; }}
  var low = 0u;
  var high = p[0].z;
  while (high - low > 1u) {{
    let middle = (low + high) / 2u;
    if (list[p[0].w + 4u * middle] <= i) {{ low = middle; }} else {{ high = middle; }}
  }}
  let e = p[0].w + 4u * low;
  let j = i + list[e + 1u];
  let at = list[e + 3u];
{}}}",
        writer.finish()
    );
    Kernel { text, params: params.finish(), groups: spread(entries.div_ceil(THREADS)), passes: 32, of: None }
}
