//! Sums along rows, columns, or both, by one workgroup for each sum or for some rows.

use kernel::simd::Accum;

use crate::kernels::{Kernel, Params, spread};
use crate::number::literal;
use crate::tasks::Place;

/// `=` or `+=`.
pub(crate) fn sign(accum: Accum) -> &'static str {
    if accum == Accum::Replace { "=" } else { "+=" }
}

/// y = c Σ x or Σ x / c, where x is summed and repeated to the shape of y.
pub(crate) fn kernel(is_double: bool, op: char, c: f64, x: Place, out: Place, accum: Accum) -> Kernel {
    let along = |n: u32, own: u32| if own == 1 { (n, 0) } else { (1, u32::from(n != 1)) };
    let ((rows, row), (cols, col)) = (along(x.rows, out.rows), along(x.cols, out.cols));
    let mut params = Params::new(&[out.len(), out.rows, x.rows, rows, cols, row, col]);
    let (from, to) = (params.offset(x), params.offset(out));
    let (from, to) = (format!("{}[{from} + ", x.buffer.name()), format!("{}[{to} + ", out.buffer.name()));
    let (sign, c) = (sign(accum), literal(is_double, c));
    // For sums of rows, neighbouring threads read neighbouring rows.
    if rows == 1 && row == 1 && out.cols == 1 && x.cols > 1 {
        let text = format!(
            "var<workgroup> parts: array<T, 256>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin(local_invocation_index) t: u32) {{
  let i = (g.x + g.y * n.x) * 32u + t % 32u;
  var sum = T(0.0);
  if (i < p[0].y) {{ for (var k = t / 32u; k < p[1].y; k += 8u) {{ sum += {from}i + k * p[0].w]; }} }}
  parts[t] = sum;
  workgroupBarrier();
  if (t < 32u && i < p[0].y) {{
    for (var k = 1u; k < 8u; k++) {{ sum += parts[t + 32u * k]; }}
    {to}i] {sign} sum {op} {c};
  }}
}}"
        );
        return Kernel {
            text,
            params: params.finish(),
            groups: spread(out.len().div_ceil(32)),
            passes: x.cols / 8,
            of: None,
        };
    }
    let add = |j: u32| {
        let term = format!("{from}r + k % p[1].x + (c + k / p[1].x) * p[0].w]");
        format!("{{ let k = first + {}u; if (k < p[1].x * p[1].y) {{ sum += {term}; }} }} ", 64 * j)
    };
    let adds: String = (0..16).map(add).collect();
    let text = format!(
        "var<workgroup> parts: array<T, 64>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin(local_invocation_index) t: u32) {{
  let i = g.x + g.y * n.x;
  let r = (i % p[0].z) * p[1].z;
  let c = (i / p[0].z) * p[1].w;
  var sum = T(0.0);
  if (i < p[0].y) {{
    for (var first = t; first < p[1].x * p[1].y; first += 1024u) {{ {adds}}}
  }}
  parts[t] = sum;
  workgroupBarrier();
  if (t == 0u && i < p[0].y) {{
    for (var k = 1u; k < 64u; k++) {{ sum += parts[k]; }}
    {to}i] {sign} sum {op} {c};
  }}
}}"
    );
    Kernel { text, params: params.finish(), groups: spread(out.len()), passes: rows * cols / 1024 + 64, of: None }
}
