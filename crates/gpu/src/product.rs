//! Products Σ A B, with either factor transposed. On a card a workgroup computes a tile of 64 × 64 entries, on a program that acts as one each
//! vector of threads computes a tile of its own.

use autograd::plan_view::LinearTerm;
use autograd::{Op, Trans};

use crate::kernels::{Kernel, Params, spread};
use crate::shader::{Buffer, VECTORS};
use crate::tasks::Place;

/// The factors of the products that are added.
pub(crate) struct Product {
    pub factors: Vec<(Trans, Place, Trans, Place)>,
    processor: Option<Vectors>,
}

/// How a program on the processor computes them.
struct Vectors {
    /// The numbers in a vector.
    lanes: u32,
    /// The columns of a tile.
    cols: u32,
    /// Whether four neighbours in a factor are always one entry of an array of `vec4`.
    are_aligned: bool,
}

/// The side of a tile of the result.
const TILE: u32 = 64;
/// The number of terms of the sums for which tiles of the factors are loaded at a time.
const DEEP: u32 = 16;
/// The number of products of numbers below which a processor takes the tiles of cards, because they compile faster.
const SMALL: u64 = 1 << 15;
/// The number from which it takes wide tiles, which compile more slowly. Tests have fewer, so that small matrices have them.
const LARGE: u64 = if cfg!(test) { 1 << 20 } else { 1 << 28 };
const PARTS: [&str; 4] = ["x", "y", "z", "w"];

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
        let work: u64 = factors.iter().map(work).sum();
        let by_four = |x: Place| x.buffer != Buffer::Halves && x.start.is_multiple_of(4) && x.rows.is_multiple_of(4);
        let are_aligned =
            factors.iter().all(|&(s, a, _, b)| by_four(a) && by_four(b) && terms_of(s, a).is_multiple_of(4));
        let vectors = |lanes| Vectors { lanes, cols: if work < LARGE { 4 * lanes } else { 64 }, are_aligned };
        let processor = lanes.filter(|_| work >= SMALL).map(vectors);
        (!factors.is_empty()).then_some(Product { factors, processor })
    }

    /// Whether its kernel has the buffers as arrays of `vec4`.
    pub fn has_vectors(&self) -> bool {
        self.processor.as_ref().is_some_and(|vectors| vectors.are_aligned)
    }

    /// Adds its parameters behind the length and the shape of the result: for each product the places and the rows of its factors, and the
    /// number of terms.
    pub fn give(&self, params: &mut Params) {
        for &(s, a, _, b) in &self.factors {
            for value in [a.start, a.rows, b.start, b.rows, terms_of(s, a)] {
                params.give(value);
            }
        }
    }

    /// The kernel that hands each entry to `body`, as `sum` of entry `i` in row `r` and column `c`.
    pub fn kernel(&self, params: Params, (rows, cols): (u32, u32), body: &str) -> Kernel {
        let (thread, deep, threads, [height, width], (functions, sums)) = match &self.processor {
            Some(v) => ("subgroup_invocation_id", 4, v.lanes, [4 * v.lanes, v.cols], self.in_vectors(v)),
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
        let passes = self.factors.iter().map(|&(s, a, ..)| terms_of(s, a) / deep + 1);
        let passes = passes.sum::<u32>() + height / threads * width;
        let groups = spread(rows.div_ceil(height) * cols.div_ceil(width));
        Kernel { text, params: params.finish(), groups, passes, of: None }
    }

    /// For each product how a shader reads the first entry and the rows of A, those of B, and the number of terms.
    fn places(&self) -> impl Iterator<Item = [String; 5]> {
        let slot = |slot: usize| format!("p[{}].{}", slot / 4, PARTS[slot % 4]);
        (0..self.factors.len()).map(move |k| [4, 5, 6, 7, 8].map(|first| slot(first + 5 * k)))
    }

    /// A tile for each vector of threads of a processor, without barriers, which are slow there. Mesa's llvmpipe loads for one thread after
    /// the other, and a load of four neighbours takes little longer than one of a single number. So each thread loads four, for rows and
    /// columns of its own, and hands those of B to the others. A pass has four terms of the sums and no branch, because every branch
    /// writes all sums to memory.
    fn in_vectors(&self, &Vectors { lanes, cols, are_aligned }: &Vectors) -> (String, String) {
        let of = |f: &dyn Fn(u32, u32) -> String| (0..4 * cols).map(|n| f(n % 4, n / 4)).collect::<String>();
        let mut sums = of(&|i, j| format!("  var s{i}_{j} = T(0.0);\n"));
        for (&(s, a, t, b), [a_start, a_rows, b_start, b_rows, terms]) in self.factors.iter().zip(self.places()) {
            let (mut before, mut pass) = (String::new(), String::new());
            // Four neighbours are four terms of a row or column (`deep`), or one term of four of them.
            let mut load = |tile: &str, x: Place, deep: bool, start: &str, rows: &str, sides: Vec<String>| {
                let (steps, steps_deep) = (if deep { 1 } else { 4 }, if deep { 4 } else { 1 });
                for (n, side) in sides.iter().enumerate() {
                    let side = if deep { format!("({side}) * {rows}") } else { side.clone() };
                    before += &format!("    var at_{tile}{n} = {start} + {side};\n");
                    for k in 0..steps {
                        let entry = |c: u32| {
                            let term = k + c % steps_deep;
                            let entry = x.buffer.read(&format!("at_{tile}{n} + {c}u"));
                            format!("select(T(0.0), {entry}, k + {term}u < {terms})")
                        };
                        let four = match are_aligned {
                            true => x.buffer.read(&format!("at_{tile}{n} / 4u")),
                            false => format!("vec4<T>({})", [0, 1, 2, 3].map(entry).join(", ")),
                        };
                        let step = if deep { "4u" } else { rows };
                        pass += &format!("      let {tile}{n}_{k} = {four}; at_{tile}{n} += {step};\n");
                    }
                }
            };
            let (a_deep, b_deep) = (s == Trans::Yes, t == Trans::No);
            let sides = (0..if a_deep { 4 } else { 1 }).map(|i| format!("r0 + 4u * t + {i}u"));
            load("a", a, a_deep, &a_start, &a_rows, sides.collect());
            let (width, own) = if b_deep { (lanes, 1) } else { (4 * lanes, 4) };
            let sides = (0..cols / width).map(|q| format!("c0 + {}u + {own}u * t", q * width));
            load("b", b, b_deep, &b_start, &b_rows, sides.collect());
            let part =
                |deep: bool, side: u32, k: u32| if deep { (0, PARTS[k as usize]) } else { (k, PARTS[side as usize]) };
            for j in 0..cols {
                for k in 0..4 {
                    let (n, part) = part(b_deep, j % own, k);
                    let from = j % width / own;
                    pass += &format!("      let b{k}of{j} = subgroupBroadcast(b{}_{n}.{part}, {from}u);\n", j / width);
                }
                for (i, k) in (0..16).map(|n| (n / 4, n % 4)) {
                    let (n, part) = part(a_deep, i, k);
                    let row = if a_deep { i } else { 0 };
                    pass += &format!("      s{i}_{j} = fma(a{row}_{n}.{part}, b{k}of{j}, s{i}_{j});\n");
                }
            }
            sums += &format!("  {{\n{before}    for (var k = 0u; k < {terms}; k += 4u) {{\n{pass}    }}\n  }}\n");
        }
        // An array that is indexed is not in registers.
        sums += &format!("  var sums: array<T, {}>;\n", 4 * cols);
        sums += &of(&|i, j| format!("  sums[{}] = s{i}_{j};\n", i + 4 * j));
        sums += &format!(
            "  for (var k = 0u; k < {}u; k++) {{ end(r0 + 4u * t + k % 4u, c0 + k / 4u, sums[k]); }}\n",
            4 * cols
        );
        (if are_aligned { format!("{VECTORS}\n") } else { String::new() }, sums)
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
                let entry = x.buffer.read(&format!("{start} + {at}"));
                functions += &format!(
                    "fn {tile}{k}(i: u32, k: u32) -> T {{ if (i < {limit} && k < {terms}) {{ return {entry}; }} return T(0.0); }}\n"
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
                for (j, part) in PARTS.into_iter().enumerate() {
                    sums += &format!(" s{j} = fma(a, vec4<T>(b.{part}), s{j});");
                }
                sums += " }\n";
            }
            sums += "    workgroupBarrier();\n  }\n";
        }
        for j in 0..4 {
            for (i, part) in PARTS.into_iter().enumerate() {
                sums += &format!("  end(r0 + 4u * u + {i}u, c0 + 4u * v + {j}u, s{j}.{part});\n");
            }
        }
        (functions, sums)
    }
}

/// The number of terms of the sums in a product.
fn terms_of(s: Trans, a: Place) -> u32 {
    if s == Trans::No { a.cols } else { a.rows }
}
