//! Functions along columns or rows, and cross-entropies: one workgroup for each group of entries that belong together.

use autograd::plan_view::LinearTerm;
use autograd::{Axis, AxisFunction, Op, Order};
use kernel::simd::Accum;

use crate::kernels::{Kernel, Params, spread};
use crate::sums::sign;
use crate::tasks::Place;

/// A function along an axis as the body of a kernel. Each group has `len` entries, and `t` is the number of the thread among 64.
struct Body<'b> {
    params: &'b mut Params,
    out: Place,
    sign: &'static str,
}

/// The kernel of a term.
pub(crate) fn kernel(term: &LinearTerm<Place>, out: Place, accum: Accum) -> Kernel {
    let (axis, (rows, cols)) = match *term {
        LinearTerm::Op(Op::AlongAxis(_, axis, x)) | LinearTerm::AlongAxis(_, axis, [x, ..]) => (axis, x.shape()),
        LinearTerm::Op(Op::CrossEntropy { x, .. }) => (Axis::Rows, x.shape()),
        LinearTerm::CrossEntropy(x, ..) | LinearTerm::CrossEntropyTarget(x, _) => (Axis::Rows, x.shape()),
        _ => unreachable!("tangents are in no plan, and other terms have other kernels"),
    };
    let (groups, len, first, apart) = if axis == Axis::Rows { (cols, rows, rows, 1) } else { (rows, cols, 1, rows) };
    let mut params = Params::new(&[groups, len, first, apart]);
    let mut body = Body { params: &mut params, out, sign: sign(accum) };
    let lines = match *term {
        LinearTerm::Op(Op::AlongAxis(f, _, x)) => body.value(f, x),
        LinearTerm::AlongAxis(f, _, at) => body.pull(f, at),
        LinearTerm::Op(Op::CrossEntropy { x, t, p }) => body.cross_entropy(x, t, p),
        LinearTerm::CrossEntropy(t, p, dy) => body.cross_entropy_pull(t, p, dy),
        LinearTerm::CrossEntropyTarget(x, dy) => body.cross_entropy_target(x, dy),
        _ => unreachable!("as above"),
    };
    let text = format!(
        "var<workgroup> parts: array<T, 64>;
var<workgroup> places: array<u32, 64>;
fn share(t: u32, value: T) {{ workgroupBarrier(); parts[t] = value; workgroupBarrier(); }}
fn sum_of(t: u32, value: T) -> T {{ share(t, value); var s = parts[0]; for (var k = 1u; k < 64u; k++) {{ s += parts[k]; }} return s; }}
fn max_of(t: u32, value: T) -> T {{
  share(t, value); var s = parts[0]; for (var k = 1u; k < 64u; k++) {{ s = select(s, parts[k], parts[k] > s); }} return s;
}}
fn least_of(t: u32, value: u32) -> u32 {{
  workgroupBarrier(); places[t] = value; workgroupBarrier();
  var s = places[0]; for (var k = 1u; k < 64u; k++) {{ s = min(s, places[k]); }} return s;
}}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w_id: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin(local_invocation_index) t: u32) {{
  let number = w_id.x + w_id.y * n.x;
  let on = number < p[0].y;
  let g = select(0u, number, on);
  let len = select(0u, p[0].z, on);
  let base = g * p[0].w;
  let apart = p[1].x;
{lines}}}"
    );
    // A cumulative sum is made by one thread.
    let passes = if lines.contains("var j") { len } else { len / 8 + 512 };
    Kernel { text, params: params.finish(), groups: spread(groups), passes, of: None }
}

/// A loop over the entries of a group, and what follows a loop.
fn each(lines: &str) -> String {
    format!("  for (var k = t; k < len; k += 64u) {{ {lines} }}\n")
}

impl Body<'_> {
    /// The entry k of a group.
    fn entry(&mut self, x: Place) -> String {
        format!("{}[{} + base + k * apart]", x.buffer.name(), self.params.offset(x))
    }

    /// The one entry of a matrix that belongs to a group.
    fn one(&mut self, x: Place) -> String {
        format!("{}[{} + g]", x.buffer.name(), self.params.offset(x))
    }

    /// Writes each entry of the result.
    fn put(&mut self, value: &str) -> String {
        let (to, sign) = (self.entry(self.out), self.sign);
        each(&format!("{to} {sign} {value};"))
    }

    /// Writes the result of the group.
    fn put_one(&mut self, value: &str) -> String {
        let (to, sign) = (self.one(self.out), self.sign);
        format!("  if (t == 0u && on) {{ {to} {sign} {value}; }}\n")
    }

    /// `max`, the largest entry, and `top`, by how much it exceeds itself: 0, or NaN if there is no limit of softmax.
    fn max(&mut self, x: Place) -> String {
        let x = self.entry(x);
        let largest = each(&format!("largest = select(largest, {x}, {x} > largest);"));
        let equal = each(&format!("if ({x} == largest_of_all) {{ equal += 1.0; }}"));
        format!(
            "  var largest = -inf_();\n{largest}  let largest_of_all = max_of(t, largest);
  var equal = T(0.0);\n{equal}  let equals = sum_of(t, equal);
  let top = select(select(nan_(), T(0.0), largest_of_all > 0.0 && equals == 1.0), T(0.0), is_finite_(largest_of_all));\n"
        )
    }

    /// A sum over the group, by name.
    fn sum(&self, name: &str, term: &str) -> String {
        let terms = each(&format!("{name}_part += {term};"));
        format!("  var {name}_part = T(0.0);\n{terms}  let {name} = sum_of(t, {name}_part);\n")
    }

    /// The index of the first largest entry or NaN.
    fn first(&mut self, x: Place) -> String {
        let (max, entry) = (self.max(x), self.entry(x));
        let nans = self.sum("nans", &format!("select(T(0.0), T(1.0), is_nan_({entry}))"));
        let found = format!("select({entry} == largest_of_all, is_nan_({entry}), nans > 0.0)");
        let places = each(&format!("if ({found}) {{ place = min(place, k); }}"));
        format!("{max}{nans}  var place = 0xffffffffu;\n{places}  let first = least_of(t, place);\n")
    }

    /// x − max.
    fn above(&mut self, x: Place) -> String {
        let x = self.entry(x);
        format!("select({x} - largest_of_all, top, {x} == largest_of_all)")
    }

    /// Σ e^(x − max), after [`max`](Body::max).
    fn total(&mut self, x: Place) -> String {
        let above = self.above(x);
        self.sum("total", &format!("exp_({above})"))
    }

    fn cumsum(&mut self, order: Order, x: Place) -> String {
        let (x, to, sign) = (self.entry(x), self.entry(self.out), self.sign);
        let k = if order == Order::Forward { "j" } else { "len - 1u - j" };
        format!(
            "  if (t == 0u) {{ var s = T(0.0); for (var j = 0u; j < len; j++) {{ let k = {k}; s += {x}; {to} {sign} s; }} }}\n"
        )
    }

    fn value(&mut self, f: AxisFunction, x: Place) -> String {
        let entry = self.entry(x);
        match f {
            AxisFunction::Max => {
                let first = self.first(x);
                let value =
                    format!("{}{}", "select(", entry.replace("k * apart", "select(first, 0u, len == 0u) * apart"));
                first + &self.put_one(&format!("{value}, -inf_(), len == 0u)"))
            }
            AxisFunction::ArgMax => self.first(x) + &self.put("select(T(0.0), T(1.0), k == first)"),
            AxisFunction::CumSum(order) => self.cumsum(order, x),
            AxisFunction::Softmax => {
                let (max, total, above) = (self.max(x), self.total(x), self.above(x));
                format!("{max}{total}  let scale = 1.0 / total;\n") + &self.put(&format!("exp_({above}) * scale"))
            }
            AxisFunction::LogSoftmax => {
                let (max, total, above) = (self.max(x), self.total(x), self.above(x));
                format!("{max}{total}  let log = ln_(total);\n") + &self.put(&format!("{above} - log"))
            }
            AxisFunction::LogSumExp => {
                let (max, above) = (self.max(x), self.above(x).replace("top", "T(0.0)"));
                let total = self.sum("total", &format!("exp_({above})"));
                let nans = self.sum("nans", &format!("select(T(0.0), {entry}, is_nan_({entry}))"));
                let value = "select(largest_of_all + nans, largest_of_all + ln_(total), is_finite_(largest_of_all))";
                max + &total + &nans + &self.put_one(value)
            }
            AxisFunction::Norm => {
                let largest = each(&format!("largest = select(largest, abs({entry}), abs({entry}) > largest);"));
                let squares = self.sum("squares", &format!("({entry} / size) * ({entry} / size)"));
                let sizes = self.sum("sizes", &format!("abs({entry})"));
                let value = "select(size * sqrt(squares), sizes, size == 0.0 || size == inf_())";
                format!("  var largest = T(0.0);\n{largest}  let size = max_of(t, largest);\n{squares}{sizes}")
                    + &self.put_one(value)
            }
        }
    }

    fn pull(&mut self, f: AxisFunction, [x, y, dy]: [Place; 3]) -> String {
        let reduces = matches!(f, AxisFunction::Max | AxisFunction::LogSumExp | AxisFunction::Norm);
        let of_x = self.entry(x);
        let [of_y, of_dy] = [y, dy].map(|x| if reduces { self.one(x) } else { self.entry(x) });
        match f {
            AxisFunction::Max => self.first(x) + &self.put(&format!("select(T(0.0), {of_dy}, k == first)")),
            AxisFunction::ArgMax => self.put("T(0.0)"),
            AxisFunction::CumSum(order) => self.cumsum(order.flip(), dy),
            AxisFunction::Softmax => {
                let dot = self.sum("dot_of", &format!("{of_y} * {of_dy}"));
                dot + &self.put(&format!("{of_y} * ({of_dy} - dot_of)"))
            }
            AxisFunction::LogSoftmax => {
                let total = self.sum("total", &of_dy);
                total + &self.put(&format!("{of_dy} - weigh_(exp_({of_y}), total)"))
            }
            AxisFunction::LogSumExp => {
                let max = self.max(x);
                let total = self
                    .sum("total", &format!("exp_(select({of_x} - largest_of_all, T(0.0), {of_x} == largest_of_all))"));
                let slope = format!("exp_(select({of_x} - origin, at, {of_x} == origin)) * scale");
                format!(
                    "{max}{total}  let y = {of_y};
  let origin = select(y, largest_of_all, is_finite_(y));
  let scale = select(T(1.0), 1.0 / total, is_finite_(y));
  let at = select(select(top, y, y == -inf_()), T(0.0), is_finite_(y));\n"
                ) + &self.put(&format!("weigh_({slope}, {of_dy})"))
            }
            AxisFunction::Norm => self.put(&format!("weigh_(select({of_x} / {of_y}, T(0.0), {of_y} == 0.0), {of_dy})")),
        }
    }

    fn cross_entropy(&mut self, x: Place, t: Place, p: Place) -> String {
        let (max, above, [of_t, of_p]) = (self.max(x), self.above(x), [t, p].map(|x| self.entry(x)));
        let share = each(&format!("share = select(share, {of_p}, {of_p} > share);"));
        let sum = self.sum("entropy", &format!("select(-{of_t} * ({above} + log), T(0.0), {of_t} == 0.0)"));
        format!("{max}  var share = -inf_();\n{share}  let log = ln_(max_of(t, share));\n{sum}")
            + &self.put_one("entropy")
    }

    fn cross_entropy_pull(&mut self, t: Place, p: Place, dy: Place) -> String {
        let ([of_t, of_p], of_dy) = ([t, p].map(|x| self.entry(x)), self.one(dy));
        let total = self.sum("total", &of_t);
        let value = format!("select(({of_p} * total - {of_t}) * {of_dy}, -{of_t} * {of_dy}, total == 0.0)");
        total + &self.put(&format!("select({value}, T(0.0), {of_dy} == 0.0)"))
    }

    fn cross_entropy_target(&mut self, x: Place, dy: Place) -> String {
        let (max, total, above, of_dy) = (self.max(x), self.total(x), self.above(x), self.one(dy));
        format!("{max}{total}  let log = ln_(total);\n") + &self.put(&format!("weigh_(-({above} - log), {of_dy})"))
    }
}
