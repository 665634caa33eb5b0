//! Functions along columns or rows, cross-entropies, and sums: one workgroup for each group of entries that belong together.

use autograd::plan_view::LinearTerm;
use autograd::{Axis, AxisFunction, Op};
use kernel::simd::Accum;

use crate::kernels::{Kernel, Params, spread};
use crate::tasks::Place;

/// A function of groups of entries. The first two parameters of the kernel are the number of groups and the number of entries of each.
pub(crate) struct Grouped {
    pub params: Params,
    /// The functions of WGSL that read and write entries.
    pub access: String,
}

impl Grouped {
    pub fn new(groups: u32, len: u32, more: &[u32]) -> Self {
        let mut params = Params::new(&[groups, len]);
        more.iter().for_each(|&value| drop(params.give(value)));
        Grouped { params, access: String::new() }
    }

    /// Entry k of a matrix, by the name of the function that reads it. `index` leads from k and the number of the group to an entry.
    pub fn read(&mut self, name: &str, x: Place, index: &str) {
        let entry = x.buffer.read(&format!("{} + {index}", self.params.offset(x)));
        self.access += &format!("fn {name}_(k: u32) -> T {{ return {entry}; }}\n");
    }

    /// Writes the result of a group.
    pub fn write_one(&mut self, out: Place, accum: Accum) {
        let put = out.buffer.write(&format!("{} + group", self.params.offset(out)), accum, "value");
        self.access += &format!("fn put_one_(value: T) {{ if (me == 0u && on) {{ {put} }} }}\n");
    }

    /// The kernel of these statements. `passes` is about how often a thread goes through its loops.
    pub fn kernel(self, lines: &str, groups: u32, passes: u32) -> Kernel {
        let text = format!(
            "var<workgroup> parts: array<T, 64>;
var<workgroup> places: array<u32, 64>;
var<private> me: u32;
var<private> on: bool;
var<private> group: u32;
var<private> len: u32;
var<private> largest: T;
var<private> top: T;
{}@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin(local_invocation_index) t: u32) {{
  me = t;
  on = g.x + g.y * n.x < p[0].y;
  group = select(0u, g.x + g.y * n.x, on);
  len = select(0u, p[0].z, on);
  {lines}
}}",
            self.access
        );
        Kernel { text, params: self.params.finish(), groups: spread(groups), passes, panels: 0, of: None }
    }
}

/// The kernel of a term.
pub(crate) fn kernel(term: &LinearTerm<Place>, out: Place, accum: Accum) -> Kernel {
    const EACH: &str = "group * p[0].w + k * p[1].x";
    const ONE: &str = "group";
    let reduces =
        |f| if matches!(f, AxisFunction::Max | AxisFunction::LogSumExp | AxisFunction::Norm) { ONE } else { EACH };
    let (axis, name, reads) = match *term {
        LinearTerm::Op(Op::AlongAxis(AxisFunction::CumSum(order), axis, x)) => {
            (axis, format!("cumsum_{order:?}_"), vec![("x", x, EACH)])
        }
        LinearTerm::AlongAxis(AxisFunction::CumSum(order), axis, [.., dy]) => {
            (axis, format!("cumsum_{:?}_", order.flip()), vec![("x", dy, EACH)])
        }
        LinearTerm::Op(Op::AlongAxis(f, axis, x)) => (axis, format!("value_{f:?}_"), vec![("x", x, EACH)]),
        LinearTerm::AlongAxis(f, axis, [x, y, dy]) => {
            (axis, format!("pull_{f:?}_"), vec![("x", x, EACH), ("y", y, reduces(f)), ("dy", dy, reduces(f))])
        }
        LinearTerm::Op(Op::CrossEntropy { x, t, p }) => {
            (Axis::Rows, "value_cross_entropy_".to_owned(), vec![("x", x, EACH), ("t", t, EACH), ("p", p, EACH)])
        }
        LinearTerm::CrossEntropy(t, p, dy) => {
            (Axis::Rows, "pull_cross_entropy_".to_owned(), vec![("t", t, EACH), ("p", p, EACH), ("dy", dy, ONE)])
        }
        LinearTerm::CrossEntropyTarget(x, dy) => {
            (Axis::Rows, "pull_target_".to_owned(), vec![("x", x, EACH), ("dy", dy, ONE)])
        }
        _ => unreachable!("tangents are in no plan, and other terms have other kernels"),
    };
    let (rows, cols) = reads[0].1.shape();
    let (groups, len, first, apart) = if axis == Axis::Rows { (cols, rows, rows, 1) } else { (rows, cols, 1, rows) };
    let mut all = Grouped::new(groups, len, &[first, apart]);
    for (name, x, index) in reads {
        all.read(name, x, index);
    }
    let put = out.buffer.write(&format!("{} + {EACH}", all.params.offset(out)), accum, "value");
    all.access += &format!("fn put_(k: u32, value: T) {{ {put} }}\n");
    all.write_one(out, accum);
    // A cumulative sum is made by one thread.
    let passes = if name.starts_with("cumsum") { len } else { len / 8 + 512 };
    all.kernel(&format!("{name}();"), groups, passes)
}

/// y = c Σ x or Σ x / c, where x is summed and repeated to the shape of y.
pub(crate) fn sums(op: &str, x: Place, out: Place, accum: Accum) -> Kernel {
    let along = |n: u32, own: u32| if own == 1 { (n, 0) } else { (1, u32::from(n != 1)) };
    let ((rows, row), (cols, col)) = (along(x.rows, out.rows), along(x.cols, out.cols));
    // For sums of rows, neighbouring threads read neighbouring rows.
    if rows == 1 && row == 1 && out.cols == 1 && x.cols > 1 {
        let mut params = Params::new(&[out.len(), x.cols, x.rows]);
        let entry = x.buffer.read(&format!("{} + i + k * p[0].w", params.offset(x)));
        let put = out.buffer.write(&format!("{} + i", params.offset(out)), accum, &format!("sum{op}"));
        let text = format!(
            "var<workgroup> parts: array<T, 256>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin(local_invocation_index) t: u32) {{
  let i = (g.x + g.y * n.x) * 32u + t % 32u;
  var sum = T(0.0);
  if (i < p[0].y) {{ for (var k = t / 32u; k < p[0].z; k += 8u) {{ sum += {entry}; }} }}
  parts[t] = sum;
  workgroupBarrier();
  if (t < 32u && i < p[0].y) {{
    for (var k = 1u; k < 8u; k++) {{ sum += parts[t + 32u * k]; }}
    {put}
  }}
}}"
        );
        let groups = spread(out.len().div_ceil(32));
        return Kernel { text, params: params.finish(), groups, passes: x.cols / 8, panels: 0, of: None };
    }
    let mut all = Grouped::new(out.len(), rows * cols, &[out.rows, x.rows, rows, row, col]);
    let of_group = "(group % p[0].w) * p[1].z + (group / p[0].w) * p[1].w * p[1].x";
    all.read("x", x, &format!("{of_group} + k % p[1].y + (k / p[1].y) * p[1].x"));
    all.write_one(out, accum);
    let add = |j: u32| format!("if (k + {0}u < len) {{ sum += x_(k + {0}u); }} ", 64 * j);
    let adds: String = (0..16).map(add).collect();
    let lines = format!(
        "var sum = T(0.0);\n  for (var k = me; k < len; k += 1024u) {{ {adds}}}\n  put_one_(group_sum_(sum){op});"
    );
    all.kernel(&lines, out.len(), rows * cols / 1024 + 64)
}
