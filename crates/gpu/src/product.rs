//! Products Σ A B, with either factor transposed. On a card a workgroup computes a tile of 64 × 64 entries, on a program that acts as one each
//! vector of threads computes a tile of its own.

use autograd::plan_view::LinearTerm;
use autograd::{Op, Trans};

use crate::kernels::{Kernel, Params, each_entry};
use crate::tasks::Place;

/// The factors of the products that are added.
pub(crate) struct Product {
    pub factors: Vec<(Trans, Place, Trans, Place)>,
    processor: Option<Panels>,
    /// How a shader reads the parameters that `give` adds for each product.
    places: Vec<[String; 5]>,
}

/// What a program on the processor can do.
#[derive(Clone, Copy)]
pub(crate) struct Vectors {
    /// The numbers in a vector.
    pub lanes: u32,
    /// The largest number of bytes of panels.
    pub most: u64,
}

/// Where such a program puts the factors, in tiles of rows of A and of columns of B, each four times as many as lanes. A tile consists of blocks of
/// four terms of the sums, and is filled up by zeros.
struct Panels {
    lanes: u32,
    /// The first vector of four entries of each factor, and the end.
    starts: Vec<u32>,
}

/// The side of a tile of the result on a card.
const TILE: u32 = 64;
/// The number of terms of the sums for which tiles of the factors are loaded at a time.
const DEEP: u32 = 16;
/// How a shader reads four entries of panels.
const PANEL: &str =
    "fn panel(i: u32) -> vec4<T> { return bitcast<vec4<T>>(textureLoad(texels, vec2(i % ROW, i / ROW))); }\n";
/// The number of products of numbers below which a processor takes the tiles of cards.
const SMALL: u64 = 1 << 15;
const PARTS: [&str; 4] = ["x", "y", "z", "w"];

impl Product {
    /// The sum of these products, if there are any.
    pub fn of(terms: &[LinearTerm<Place>], vectors: Option<Vectors>) -> Option<Self> {
        let factors_of = |term: &LinearTerm<Place>| match *term {
            LinearTerm::Op(Op::Matmul(s, a, t, b)) => (s, a, t, b),
            _ => unreachable!("they are products"),
        };
        let factors: Vec<_> = terms.iter().map(factors_of).collect();
        let work = |&(_, a, t, b): &(_, Place, _, Place)| u64::from(a.len()) * u64::from(side(t == Trans::No, b));
        let work: u64 = factors.iter().map(work).sum();
        let processor = vectors.filter(|_| work >= SMALL).and_then(|v| Panels::of(&factors, v));
        (!factors.is_empty()).then_some(Product { factors, processor, places: Vec::new() })
    }

    /// Adds its parameters behind the length and the shape of the result. For each product these are the places and the rows of its factors, or
    /// where their panels begin, and the number of terms, or of blocks of terms.
    pub fn give(&mut self, params: &mut Params) {
        for (k, &(s, a, _, b)) in self.factors.iter().enumerate() {
            let terms = side(s == Trans::No, a);
            let values = match &self.processor {
                Some(panels) => [panels.starts[2 * k], 0, panels.starts[2 * k + 1], 0, terms.div_ceil(4)],
                None => [a.start, a.rows, b.start, b.rows, terms],
            };
            self.places.push(values.map(|value| params.give(value)));
        }
    }

    /// The kernels that fill the panels.
    pub fn packing(&self) -> Vec<Kernel> {
        let Some(panels) = &self.processor else { return Vec::new() };
        let sides = self.factors.iter().flat_map(|&(s, a, t, b)| [(a, s == Trans::Yes), (b, t == Trans::No)]);
        sides.zip(&panels.starts).map(|((x, is_deep), &start)| panels.packing(x, is_deep, start)).collect()
    }

    /// The kernel that hands each entry to `body`, as `sum` of entry `i` in row `r` and column `c`.
    pub fn kernel(&self, params: Params, (rows, cols): (u32, u32), body: &str) -> Kernel {
        let (thread, deep, threads, side_of, (functions, sums)) = match &self.processor {
            Some(v) => ("subgroup_invocation_id", 4, v.lanes, 4 * v.lanes, self.in_vectors(v)),
            None => ("local_invocation_index", DEEP, 256, TILE, self.in_tiles()),
        };
        let text = format!(
            "{functions}fn end(r: u32, c: u32, sum: T) {{
  if (r >= p[0].z || c >= p[0].w) {{ return; }}
  let i = r + c * p[0].z;
{body}}}
@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin({thread}) t: u32) {{
  let tile = g.x + g.y * n.x; let tiles = (p[0].z + {}u) / {side_of}u;
  let r0 = (tile % tiles) * {side_of}u; let c0 = (tile / tiles) * {side_of}u;
{sums}}}",
            side_of - 1,
        );
        let passes = self.factors.iter().map(|&(s, a, ..)| side(s == Trans::No, a) / deep + 1);
        let passes = passes.sum::<u32>() + side_of / threads * side_of;
        let groups = rows.div_ceil(side_of) * cols.div_ceil(side_of);
        let panels = self.processor.as_ref().map_or(0, |panels| 16 * u64::from(panels.starts[2 * self.factors.len()]));
        Kernel { panels, ..Kernel::new(text, params, groups, passes) }
    }

    /// A tile for each vector of threads of a processor. Each thread has four rows of it, and hands the entries of B that it loads to the others.
    /// A block of terms has no branch, because every branch writes all sums to memory. Mesa's llvmpipe loads from a buffer for one thread after
    /// the other, with branches, but from a texture for all of them: so the panels are read as a texture. It shuffles numbers by constants
    /// without a loop, in contrast to broadcasts.
    fn in_vectors(&self, panels: &Panels) -> (String, String) {
        let (lanes, cols) = (panels.lanes, 4 * panels.lanes);
        let mut sums: String = (0..cols).map(|j| format!("  var s{j} = vec4<T>();\n")).collect();
        for [a, _, b, _, blocks] in &self.places {
            sums += &format!("  for (var k = 0u; k < {blocks}; k++) {{\n");
            for (tile, start, index) in [("a", a, "tile % tiles"), ("b", b, "tile / tiles")] {
                sums += &format!("    let at_{tile} = {start} + (({index}) * {blocks} + k) * {}u + t;\n", 4 * lanes);
                for k in 0..4 {
                    sums += &format!("    let {tile}{k} = panel(at_{tile} + {}u);\n", k * lanes);
                }
            }
            for j in 0..cols {
                let part = PARTS[j as usize % 4];
                let [c0, c1, c2, c3] = [0, 1, 2, 3].map(|k| format!("a{k} * subgroupShuffle(b{k}.{part}, {}u)", j / 4));
                sums += &format!("    s{j} += ({c0} + {c1}) + ({c2} + {c3});\n");
            }
            sums += "  }\n";
        }
        // An array that is indexed is not in registers.
        let entries = 4 * cols;
        sums += &format!("  var sums: array<T, {entries}>;\n");
        for n in 0..entries {
            sums += &format!("  sums[{n}] = s{}.{};\n", n / 4, PARTS[n as usize % 4]);
        }
        sums += &format!(
            "  for (var k = 0u; k < {entries}u; k++) {{ end(r0 + 4u * t + k % 4u, c0 + k / 4u, sums[k]); }}\n"
        );
        (PANEL.to_owned(), sums)
    }

    /// A tile for each workgroup, which loads tiles of the factors together. A thread has 4 × 4 entries in registers.
    fn in_tiles(&self) -> (String, String) {
        let size = TILE / 4 * DEEP;
        let mut functions =
            ["a", "b"].map(|tile| format!("var<workgroup> tile_{tile}: array<vec4<T>, {size}>;\n")).concat();
        let zeros: String = (0..4).map(|j| format!(" var s{j} = vec4<T>();")).collect();
        let mut sums = format!("  let u = t % 16u; let v = t / 16u;{zeros}\n");
        for (k, (&(s, a, t, b), places)) in self.factors.iter().zip(&self.places).enumerate() {
            let [a_start, a_rows, b_start, b_rows, terms] = places;
            let mut reader = |tile: &str, x: Place, limit: &str, start: &str, at: String| {
                let entry = x.buffer.read(&format!("{start} + {at}"));
                functions += &format!(
                    "fn {tile}{k}(i: u32, k: u32) -> T {{ if (i < {limit} && k < {terms}) {{ return {entry}; }} return T(0.0); }}\n"
                );
            };
            let at = |deep: bool, rows: &str| if deep { format!("k + i * {rows}") } else { format!("i + k * {rows}") };
            reader("a", a, "p[0].z", a_start, at(s == Trans::Yes, a_rows));
            reader("b", b, "p[0].w", b_start, at(t == Trans::No, b_rows));
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

impl Panels {
    /// Those of the factors of these products, if there is room for them.
    fn of(factors: &[(Trans, Place, Trans, Place)], Vectors { lanes, most }: Vectors) -> Option<Self> {
        let (mut panels, mut end) = (Panels { lanes, starts: vec![0] }, 0);
        for (x, is_deep) in factors.iter().flat_map(|&(s, a, t, b)| [(a, s == Trans::Yes), (b, t == Trans::No)]) {
            end += u64::from(panels.tiles(x, is_deep)) * u64::from(panels.tile(x, is_deep));
            panels.starts.push(u32::try_from(end).ok().filter(|_| 16 * end <= most)?);
        }
        Some(panels)
    }

    /// The number of tiles of a factor, whose columns are its rows or columns in the product if it `is_deep`.
    fn tiles(&self, x: Place, is_deep: bool) -> u32 {
        side(is_deep, x).div_ceil(4 * self.lanes)
    }

    /// The number of vectors of four entries in a tile.
    fn tile(&self, x: Place, is_deep: bool) -> u32 {
        side(!is_deep, x).div_ceil(4) * 4 * self.lanes
    }

    /// The kernel that fills the panel of a factor. A thread reads 4 × 4 entries of it.
    fn packing(&self, x: Place, is_deep: bool, start: u32) -> Kernel {
        let (lanes, tiles, limits) = (self.lanes, self.tiles(x, is_deep), [side(is_deep, x), side(!is_deep, x)]);
        let count = tiles * limits[1].div_ceil(4) * lanes;
        let mut params = Params::new(&[count]);
        let values = [x.start, x.rows, limits[0], limits[1], limits[1].div_ceil(4), tiles, start];
        let [at, rows, limit, terms, blocks, tiles, start] = values.map(|value| params.give(value));
        // Neighbouring threads read neighbouring entries.
        let (index, tile, block) = match is_deep {
            true => (format!("k + i * {rows}"), format!("m / {blocks}"), format!("m % {blocks}")),
            false => (format!("i + k * {rows}"), format!("m % {tiles}"), format!("m / {tiles}")),
        };
        let entry = x.buffer.read(&format!("{at} + {index}"));
        let mut lines = format!(
            "  let t = i % {lanes}u; let m = i / {lanes}u; let tile = {tile}; let block = {block};
  let at = {start} + (tile * {blocks} + block) * {}u + t; let r = 4u * (tile * {lanes}u + t); let k = 4u * block;\n",
            4 * lanes
        );
        for k in 0..4 {
            let entries = [0, 1, 2, 3].map(|i| format!("entry(r + {i}u, k + {k}u)")).join(", ");
            lines += &format!("  panels[at + {}u] = vec4<T>({entries});\n", k * lanes);
        }
        let function = format!(
            "fn entry(i: u32, k: u32) -> T {{ return select(T(0.0), {entry}, i < {limit} && k < {terms}); }}\n"
        );
        each_entry(&function, &lines, params, 0)
    }
}

/// The number of columns or of rows.
fn side(has_columns: bool, x: Place) -> u32 {
    if has_columns { x.cols } else { x.rows }
}
