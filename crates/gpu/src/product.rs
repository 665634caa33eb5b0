//! Products Σ A B, with either factor transposed. On a card a workgroup computes a tile of 64 × 64 entries, on a program that acts as one each
//! thread computes a tile alone.

use autograd::plan_view::LinearTerm;
use autograd::{Op, Trans};

use crate::kernels::{Kernel, Params, spread};
use crate::tasks::Place;

/// The factors of the products that are added.
pub(crate) struct Product {
    pub factors: Vec<(Trans, Place, Trans, Place)>,
    /// The numbers in a vector, if the device is a program on the processor.
    lanes: Option<u32>,
}

/// The side of a tile of the result.
const TILE: u32 = 64;
/// The number of terms of the sums for which tiles of the factors are loaded at a time.
const DEEP: u32 = 16;
/// On a processor: the vectors of rows and the columns of a tile, and the number of terms in a pass of a loop.
const ROWS: u32 = 4;
const COLS: u32 = 32;
const UNROLLED: u32 = 2;
/// The number of products of numbers below which a processor takes the tiles of cards, because they compile faster.
const SMALL: u64 = 1 << 15;

impl Product {
    /// The sum of these products, if there are any.
    pub fn of(terms: &[LinearTerm<Place>], lanes: Option<u32>) -> Option<Self> {
        let factors_of = |term: &LinearTerm<Place>| match *term {
            LinearTerm::Op(Op::Matmul(s, a, t, b)) => Some((s, a, t, b)),
            _ => None,
        };
        let factors: Vec<_> = terms.iter().filter_map(factors_of).collect();
        let work = |&(_, a, t, b): &(_, Place, _, Place)| {
            u64::from(a.len()) * u64::from(if t == Trans::No { b.cols } else { b.rows })
        };
        let lanes = lanes.filter(|_| factors.iter().map(work).sum::<u64>() >= SMALL);
        (!factors.is_empty()).then_some(Product { factors, lanes })
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
        let (thread, deep, threads, [height, width], (functions, sums)) = match self.lanes {
            Some(n) => ("subgroup_invocation_id", UNROLLED, n, [ROWS * n, COLS], self.in_registers(n)),
            None => ("local_invocation_index", DEEP, 256, [TILE; 2], self.in_tiles()),
        };
        let text = format!(
            "{functions}fn end(r: u32, c: u32, sum: T) {{
  if (r >= p[0].z || c >= p[0].w) {{ return; }}
  let i = r + c * p[0].z;
{body}}}
@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin({thread}) t: u32) {{
  let tile = g.x + g.y * n.x; let tiles = (p[0].z + {}u) / {height}u;
  let r0 = (tile % tiles) * {height}u; let c0 = (tile / tiles) * {width}u;
{sums}}}",
            height - 1,
        );
        let passes = self.factors.iter().map(|&(s, a, ..)| if s == Trans::No { a.cols } else { a.rows } / deep + 1);
        let passes = passes.sum::<u32>() + height / threads * width;
        let groups = spread(rows.div_ceil(height) * cols.div_ceil(width));
        Kernel { text, params: params.finish(), groups, passes, of: None }
    }

    /// For each product how a shader reads the first entry and the rows of A, those of B, and the number of terms.
    fn places(&self) -> impl Iterator<Item = [String; 5]> {
        let slot = |slot: usize| format!("p[{}].{}", slot / 4, ["x", "y", "z", "w"][slot % 4]);
        (0..self.factors.len()).map(move |k| [4, 5, 6, 7, 8].map(|first| slot(first + 5 * k)))
    }

    /// A tile for each vector of a processor, in registers. There barriers are slow, and a load costs as much as dozens of products: so each thread
    /// loads entries of other rows and columns, and hands those of B to the others.
    fn in_registers(&self, lanes: u32) -> (String, String) {
        let (rows, cols) = (ROWS, COLS);
        let of = |f: &dyn Fn(u32, u32) -> String| (0..rows * cols).map(|n| f(n % rows, n / rows)).collect::<String>();
        let mut sums = of(&|i, j| format!("  var s{i}_{j} = T(0.0);\n"));
        for (&(s, a, t, b), [a_start, a_rows, b_start, b_rows, terms]) in self.factors.iter().zip(self.places()) {
            let steps = |trans: bool, rows: String| if trans { (rows, "1u".into()) } else { ("1u".into(), rows) };
            let ((a_side, a_deep), (b_side, b_deep)) = (steps(s == Trans::Yes, a_rows), steps(t == Trans::No, b_rows));
            let first = |tile: &str, n: u32, start: &str, at: &str, last: &str, side: &str| {
                let first =
                    |i| format!("  let {tile}{i} = {start} + min({at} + {}u + t, {last} - 1u) * {side};\n", i * lanes);
                (0..n).map(first).collect::<String>()
            };
            sums += "  {\n";
            sums += &first("a_at", rows, &a_start, "r0", "p[0].z", &a_side);
            sums += &first("b_at", cols / lanes, &b_start, "c0", "p[0].w", &b_side);
            sums += &format!("  for (var first = 0u; first < {terms}; first += {UNROLLED}u) {{\n");
            for next in 0..UNROLLED {
                sums += &format!("  let k{next} = first + {next}u; if (k{next} < {terms}) {{\n");
                for i in 0..rows {
                    sums += &format!("    let a{i} = {}[a_at{i} + k{next} * {a_deep}];\n", a.buffer.name());
                }
                for j in 0..cols {
                    let q = j / lanes;
                    if j % lanes == 0 {
                        sums += &format!("    let of_b{q} = {}[b_at{q} + k{next} * {b_deep}];\n", b.buffer.name());
                    }
                    sums += &format!("    let b{j} = subgroupBroadcast(of_b{q}, {}u);\n", j % lanes);
                    (0..rows).for_each(|i| sums += &format!("    s{i}_{j} = fma(a{i}, b{j}, s{i}_{j});\n"));
                }
                sums += "  }\n";
            }
            sums += "  }\n  }\n";
        }
        // An array that is indexed is no longer in registers.
        sums += &format!("  var sums: array<T, {}>;\n", rows * cols);
        sums += &of(&|i, j| format!("  sums[{}] = s{i}_{j};\n", i + rows * j));
        let end = format!("end(r0 + k % {rows}u * {lanes}u + t, c0 + k / {rows}u, sums[k]);");
        (String::new(), sums + &format!("  for (var k = 0u; k < {}u; k++) {{ {end} }}\n", rows * cols))
    }

    /// A tile for each workgroup, which loads tiles of the factors together. A thread has 4 × 4 entries in registers.
    fn in_tiles(&self) -> (String, String) {
        let size = TILE / 4 * DEEP;
        let mut functions =
            ["a", "b"].map(|tile| format!("var<workgroup> tile_{tile}: array<vec4<T>, {size}>;\n")).concat();
        let zeros: String = (0..4).map(|j| format!(" var s{j} = vec4<T>();")).collect();
        let mut sums = format!("  let u = t % 16u; let v = t / 16u;{zeros}\n");
        for (k, (&(s, a, t, b), places)) in self.factors.iter().zip(self.places()).enumerate() {
            let [a_start, a_rows, b_start, b_rows, terms] = places;
            let mut reader = |tile: &str, x: Place, limit: &str, start: &str, at: String| {
                functions += &format!(
                    "fn {tile}{k}(i: u32, k: u32) -> T {{ if (i < {limit} && k < {terms}) {{ return {}[{start} + {at}]; }} return T(0.0); }}\n",
                    x.buffer.name()
                );
            };
            let at = |deep: bool, rows: &str| if deep { format!("k + i * {rows}") } else { format!("i + k * {rows}") };
            reader("a", a, "p[0].z", &a_start, at(s == Trans::Yes, &a_rows));
            reader("b", b, "p[0].w", &b_start, at(t == Trans::No, &b_rows));
            // Neighbouring threads read neighbouring entries.
            let thread = |deep: bool| if deep { ("t / 16u", "t % 16u") } else { ("t % 16u", "t / 16u") };
            let load = |tile: &str, side: &str, (side_of, deep): (&str, &str)| {
                let entry = |j: u32| format!("{tile}{k}({side} + 4u * ({side_of}) + {j}u, at + {deep})");
                let entries = [0, 1, 2, 3].map(entry).join(", ");
                format!("    tile_{tile}[({deep}) * 16u + {side_of}] = vec4<T>({entries});\n")
            };
            sums += &format!("  for (var at = 0u; at < {terms}; at += {DEEP}u) {{\n");
            sums += &load("a", "r0", thread(s == Trans::Yes));
            sums += &load("b", "c0", thread(t == Trans::No));
            sums += "    workgroupBarrier();\n";
            for k in 0..DEEP {
                sums += &format!("    {{ let a = tile_a[{}u + u]; let b = tile_b[{0}u + v];", 16 * k);
                for (j, part) in ["x", "y", "z", "w"].into_iter().enumerate() {
                    sums += &format!(" s{j} = fma(a, vec4<T>(b.{part}), s{j});");
                }
                sums += " }\n";
            }
            sums += "    workgroupBarrier();\n  }\n";
        }
        for j in 0..4 {
            for (i, part) in ["x", "y", "z", "w"].into_iter().enumerate() {
                sums += &format!("  end(r0 + 4u * u + {i}u, c0 + 4u * v + {j}u, s{j}.{part});\n");
            }
        }
        (functions, sums)
    }
}
