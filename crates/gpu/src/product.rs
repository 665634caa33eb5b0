//! Products Σ A B, with either factor transposed. A workgroup computes a tile of 64 × 64 entries, each thread 4 × 4 of them in registers.

use autograd::plan_view::LinearTerm;
use autograd::{Op, Trans};

use crate::kernels::{Kernel, Params};
use crate::tasks::Place;

/// The factors of the products that are added.
pub(crate) struct Product {
    pub factors: Vec<(Trans, Place, Trans, Place)>,
}

/// The side of a tile of the result.
const TILE: u32 = 64;
/// The number of terms of the sums for which tiles of the factors are loaded at a time.
const DEEP: u32 = 16;

impl Product {
    /// The sum of these products, if there are any.
    pub fn of(terms: &[LinearTerm<Place>]) -> Option<Self> {
        let factors_of = |term: &LinearTerm<Place>| match *term {
            LinearTerm::Op(Op::Matmul(s, a, t, b)) => Some((s, a, t, b)),
            _ => None,
        };
        let factors: Vec<_> = terms.iter().filter_map(factors_of).collect();
        (!factors.is_empty()).then_some(Product { factors })
    }

    /// Adds its parameters behind the length and the shape of the result: for each product the places and the rows of its factors, and the
    /// number of terms.
    pub fn give(&self, params: &mut Params) {
        for &(s, a, _, b) in &self.factors {
            let terms = if s == Trans::No { a.cols } else { a.rows };
            for value in [a.start, a.rows, b.start, b.rows, terms] {
                params.give(value);
            }
        }
    }

    /// The kernel that hands each entry to `body`, as `sum` of entry `i` in row `r` and column `c`.
    pub fn kernel(&self, params: Params, (rows, cols): (u32, u32), body: &str) -> Kernel {
        let (mut loads, mut loops) = (String::new(), String::new());
        for (k, &(s, a, t, b)) in self.factors.iter().enumerate() {
            let at = |slot: usize| {
                let slot = 4 + 5 * k + slot;
                format!("p[{}].{}", slot / 4, ["x", "y", "z", "w"][slot % 4])
            };
            let [a_start, a_rows, b_start, b_rows, terms] = [0, 1, 2, 3, 4].map(at);
            let a_at = if s == Trans::No { format!("i + k * {a_rows}") } else { format!("k + i * {a_rows}") };
            let b_at = if t == Trans::No { format!("k + i * {b_rows}") } else { format!("i + k * {b_rows}") };
            let (a_name, b_name) = (a.buffer.name(), b.buffer.name());
            loads += &format!(
                "fn a{k}(i: u32, k: u32) -> T {{ if (i < p[0].z && k < {terms}) {{ return {a_name}[{a_start} + {a_at}]; }} return T(0.0); }}
fn b{k}(i: u32, k: u32) -> T {{ if (i < p[0].w && k < {terms}) {{ return {b_name}[{b_start} + {b_at}]; }} return T(0.0); }}\n"
            );
            // Neighbouring threads read neighbouring entries.
            let thread = |deep: bool| if deep { ("t / 16u", "t % 16u") } else { ("t % 16u", "t / 16u") };
            let load = |tile: &str, side: &str, (side_of, deep): (&str, &str)| {
                let entry = |j: u32| format!("{tile}{k}({side} + 4u * ({side_of}) + {j}u, at + {deep})");
                let entries = [0, 1, 2, 3].map(entry).join(", ");
                format!("    tile_{tile}[({deep}) * 16u + {side_of}] = vec4<T>({entries});\n")
            };
            loops += &format!("  for (var at = 0u; at < {terms}; at += {DEEP}u) {{\n");
            loops += &load("a", "r0", thread(s == Trans::Yes));
            loops += &load("b", "c0", thread(t == Trans::No));
            loops += "    workgroupBarrier();\n";
            for k in 0..DEEP {
                loops += &format!("    {{ let a = tile_a[{}u + u]; let b = tile_b[{0}u + v];", 16 * k);
                for (j, part) in ["x", "y", "z", "w"].into_iter().enumerate() {
                    loops += &format!(" s{j} = fma(a, vec4<T>(b.{part}), s{j});");
                }
                loops += " }\n";
            }
            loops += "    workgroupBarrier();\n  }\n";
        }
        let terms = |&(s, a, ..): &(Trans, Place, Trans, Place)| if s == Trans::No { a.cols } else { a.rows };
        let passes = self.factors.iter().map(|factors| terms(factors).div_ceil(DEEP)).sum();
        let mut ends = String::new();
        for j in 0..4 {
            for (i, part) in ["x", "y", "z", "w"].into_iter().enumerate() {
                ends += &format!("  end(r0 + 4u * u + {i}u, c0 + 4u * v + {j}u, s{j}.{part});\n");
            }
        }
        let text = format!(
            "var<workgroup> tile_a: array<vec4<T>, {size}>;
var<workgroup> tile_b: array<vec4<T>, {size}>;
{loads}fn end(r: u32, c: u32, sum: T) {{
  if (r >= p[0].z || c >= p[0].w) {{ return; }}
  let i = r + c * p[0].z;
{body}}}
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(local_invocation_index) t: u32) {{
  let r0 = g.x * {TILE}u; let c0 = g.y * {TILE}u;
  let u = t % 16u; let v = t / 16u;
  var s0 = vec4<T>(); var s1 = vec4<T>(); var s2 = vec4<T>(); var s3 = vec4<T>();
{loops}{ends}}}",
            size = TILE / 4 * DEEP,
        );
        Kernel { text, params: params.finish(), groups: [rows.div_ceil(TILE), cols.div_ceil(TILE)], passes }
    }
}
