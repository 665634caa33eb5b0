//! Functions along columns or rows, cross-entropies, and sums: one workgroup for each group of entries that belong together.

use autograd::plan_view::LinearTerm;
use autograd::{Axis, AxisFunction, Op};
use kernel::simd::Accum;

use crate::kernels::{Kernel, Params};
use crate::tasks::Place;

/// A function of groups of entries. The first two parameters of the kernel are the number of groups and the number of entries of each.
pub(crate) struct Grouped {
    pub params: Params,
    /// The functions of WGSL that read and write entries.
    pub access: String,
    groups: u32,
    /// The groups of a workgroup, and the threads of each.
    side: u32,
    members: u32,
}

impl Grouped {
    pub fn new(groups: u32, len: u32, more: &[u32]) -> Self {
        let mut params = Params::new(&[groups, len]);
        more.iter().for_each(|&value| drop(params.give(value)));
        Grouped { params, access: String::new(), groups, side: 1, members: 64 }
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
    pub fn kernel(self, lines: &str, passes: u32) -> Kernel {
        let Grouped { params, access, groups, side, members } = self;
        let text = format!(
            "const SIDE = {side}u;
const MEMBERS = {members}u;
const THREADS = SIDE * MEMBERS;
var<workgroup> parts: array<T, THREADS>;
var<workgroup> places: array<u32, THREADS>;
var<private> thread: u32;
var<private> me: u32;
var<private> on: bool;
var<private> group: u32;
var<private> len: u32;
var<private> largest: T;
var<private> top: T;
{access}@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin(local_invocation_index) t: u32) {{
  thread = t;
  me = t / SIDE;
  group = (g.x + g.y * n.x) * SIDE + t % SIDE;
  on = group < p[0].y;
  group = select(0u, group, on);
  len = select(0u, p[0].z, on);
  {lines}
}}"
        );
        Kernel::new(text, params, groups.div_ceil(side), passes)
    }
}

/// A text of WGSL with its loops over a group written out. Before each loop it has a `$`: `$sum s = e;` and `$max s = e;` are the sum and the
/// maximum of e over all k, and `$each = e;` writes e as the result for each k. In e stands x for x_(k).
pub(crate) fn loops(text: &str) -> String {
    let written = |statement: &str| {
        let (before, short) = statement.split_once('$')?;
        let (what, e) = short.strip_suffix(';')?.split_once(" = ")?;
        let (kind, s) = what.split_once(' ').unwrap_or((what, ""));
        let long = match kind {
            "sum" => "var $s = T(0.0); $each $s += $e; } $s = group_sum_($s);",
            "max" => "var $s = -inf_(); $each $s = more_($s, $e); } $s = group_max_($s);",
            _ => "$each put_(k, $e); }",
        };
        let long = long.replace("$each", "for (var k = me; k < len; k += MEMBERS) { let x = x_(k);");
        Some(before.to_owned() + &long.replace("$s", s).replace("$e", e))
    };
    text.split_inclusive(';').map(|statement| written(statement).unwrap_or_else(|| statement.to_owned())).collect()
}

/// The kernel of a term.
pub(crate) fn kernel(term: &LinearTerm<Place>, out: Place, accum: Accum) -> Kernel {
    const EACH: &str = "group * p[0].w + k * p[1].x";
    use AxisFunction::CumSum;
    use LinearTerm::{AlongAxis, CrossEntropy, CrossEntropyTarget, Op as Plain};
    let (axis, name, reads) = match *term {
        Plain(Op::AlongAxis(CumSum(order), axis, x)) => (axis, format!("cumsum_{order:?}"), vec![("x", x)]),
        AlongAxis(CumSum(order), axis, [.., dy]) => (axis, format!("cumsum_{:?}", order.flip()), vec![("x", dy)]),
        Plain(Op::AlongAxis(f, axis, x)) => (axis, format!("value_{f:?}"), vec![("x", x)]),
        AlongAxis(f, axis, [x, y, dy]) => (axis, format!("pull_{f:?}"), vec![("x", x), ("y", y), ("dy", dy)]),
        Plain(Op::CrossEntropy { x, t, p }) => {
            (Axis::Rows, "value_cross_entropy".to_owned(), vec![("x", x), ("t", t), ("p", p)])
        }
        CrossEntropy(t, p, dy) => (Axis::Rows, "pull_cross_entropy".to_owned(), vec![("x", t), ("p", p), ("dy", dy)]),
        CrossEntropyTarget(x, dy) => (Axis::Rows, "pull_target".to_owned(), vec![("x", x), ("dy", dy)]),
        _ => unreachable!("tangents are in no plan, and other terms have other kernels"),
    };
    let (rows, cols) = reads[0].1.shape();
    let (groups, len, first, apart) = if axis == Axis::Rows { (cols, rows, rows, 1) } else { (rows, cols, 1, rows) };
    let mut all = Grouped::new(groups, len, &[first, apart]);
    for (name, x) in reads {
        all.read(name, x, if x.shape() == (rows, cols) { EACH } else { "group" });
    }
    let put = out.buffer.write(&format!("{} + {EACH}", all.params.offset(out)), accum, "value");
    all.access += &format!("fn put_(k: u32, value: T) {{ {put} }}\n");
    all.write_one(out, accum);
    // A cumulative sum is made by one thread.
    let passes = if name.starts_with("cumsum") { len } else { len / 8 + 512 };
    all.kernel(&format!("{name}_();"), passes)
}

/// y = c Σ x or Σ x / c, where x is summed and repeated to the shape of y.
pub(crate) fn sums(op: &str, x: Place, out: Place, accum: Accum) -> Kernel {
    let along = |n: u32, own: u32| if own == 1 { (n, 0) } else { (1, u32::from(n != 1)) };
    let ((rows, row), (cols, col)) = (along(x.rows, out.rows), along(x.cols, out.cols));
    let mut all = Grouped::new(out.len(), rows * cols, &[out.rows, x.rows, rows, col]);
    let mut index = "(group / p[0].w) * p[1].z * p[1].x + k % p[1].y + (k / p[1].y) * p[1].x";
    if row == 1 {
        // Neighbouring threads read neighbouring rows.
        ((all.side, all.members), index) = ((32, 8), "group + k * p[1].x");
    }
    all.read("x", x, index);
    all.write_one(out, accum);
    let add = |j| format!("if (k + {j}u * MEMBERS < len) {{ sum += x_(k + {j}u * MEMBERS); }} ");
    let adds: String = (0..16).map(add).collect();
    let lines = format!(
        "var sum = T(0.0);\n  for (var k = me; k < len; k += 16u * MEMBERS) {{ {adds}}}\n  put_one_(group_sum_(sum){op});"
    );
    let passes = rows * cols / (16 * all.members) + 64;
    all.kernel(&lines, passes)
}
