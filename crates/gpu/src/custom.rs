//! Custom ops that bring WGSL: a thread computes one entry of the value or of a gradient.

use autograd::plan_view::RuleCode;
use kernel::simd::Accum;

use crate::kernels::{Kernel, Params, each_entry};
use crate::tasks::{Custom, Place};

/// The kernel of a text; `None` for a formula.
pub(crate) fn kernel(custom: &Custom, out: Place, accum: Accum) -> Option<Kernel> {
    let RuleCode::Wgsl(text) = &*custom.code else { return None };
    let body = match custom.side {
        None => &text.value,
        Some(k) => text.pullback[k].as_ref().expect("it was looked at when the plan was"),
    };
    let mut params = Params::new(&[out.len(), out.rows, out.cols]);
    let operands = custom.reads.len() - if custom.side.is_some() { 2 } else { 0 };
    let names = (0..operands).map(|k| format!("x{k}")).chain(["y".to_owned(), "dy".to_owned()]);
    let mut readers = String::new();
    for (name, &x) in names.zip(&custom.reads) {
        let (at, [rows, cols]) = (params.offset(x), [x.rows, x.cols].map(|n| params.give(n)));
        let entry = x.buffer.read(&format!("{at} + i + j * {rows}"));
        readers += &format!(
            "fn {name}_rows() -> u32 {{ return {rows}; }}
fn {name}_cols() -> u32 {{ return {cols}; }}
fn {name}(i: u32, j: u32) -> T {{ return {entry}; }}\n"
        );
    }
    let put = out.buffer.write(&format!("{} + i", params.offset(out)), accum, "entry(i % p[0].z, i / p[0].z)");
    let functions = format!("{readers}fn entry(i: u32, j: u32) -> T {{\n{body}\n}}\n");
    // A loop may go over all entries of an operand.
    let has_loops = ["for", "while", "loop"].iter().any(|word| body.contains(word));
    let passes = if has_loops { custom.reads.iter().map(|x| x.len()).max().unwrap_or(0) } else { 0 };
    let of = Some((custom.name.clone(), custom.source));
    Some(Kernel { of, ..each_entry(&functions, &format!("  {put}\n"), params, passes) })
}
