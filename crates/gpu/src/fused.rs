//! Elementwise terms of several tasks in one kernel: each entry is computed by one thread, which keeps what it has written.

use autograd::plan_view::{FormulaTerms, LinearTerm, RuleCode};
use autograd::{Binary, Op, Real};
use kernel::simd::Accum;
use kernel::table::values;
use wgsl::{WgslNumber, Writer};

use crate::kernels::{Kernel, Params, each_entry};
use crate::product::Product;
use crate::shader::Buffer;
use crate::tasks::{Custom, Lists, Place, Task};
use crate::update::guard;

/// A kernel that is being written.
pub(crate) struct Fused {
    writer: Writer,
    params: Params,
    /// The shape of what is written, and the product that it begins with.
    shape: (u32, u32),
    product: Option<Product>,
    /// Whether the shape does not matter.
    is_flat: bool,
    /// About how often a thread goes through loops.
    passes: u32,
    /// What was read, and whether each thread read only the entry that it may write.
    reads: Vec<(Place, bool)>,
    /// What was written, and the names of the values.
    writes: Vec<(Place, u32)>,
}

/// Whether a term is computed entry by entry.
pub(crate) fn is_elementwise(term: &LinearTerm<Place>, out: Place) -> bool {
    match *term {
        LinearTerm::Op(op) => match op {
            Op::Add(_, x) | Op::Divide(_, x) => !is_summed(x, out),
            Op::Matmul(..) | Op::AlongAxis(..) | Op::CrossEntropy { .. } => false,
            _ => true,
        },
        LinearTerm::Unary(..) | LinearTerm::Binary(..) => true,
        _ => false,
    }
}

/// Whether an entry is a sum over a list. A thread that computes many entries of a product would go through its loop too often.
pub(crate) fn has_loop(term: &LinearTerm<Place>) -> bool {
    matches!(term, LinearTerm::Op(Op::Scatter(..)))
}

/// Whether a matrix is summed to the shape of another.
pub(crate) fn is_summed(x: Place, out: Place) -> bool {
    (out.rows == 1 && x.rows != 1) || (out.cols == 1 && x.cols != 1)
}

impl Fused {
    pub fn new(is_double: bool, shape: (u32, u32), mut product: Option<Product>) -> Self {
        let mut params = Params::new(&[shape.0 * shape.1, shape.0, shape.1]);
        let writer = Writer::new(is_double);
        let mut reads = Vec::new();
        if let Some(product) = &mut product {
            product.give(&mut params);
            reads.extend(product.factors.iter().flat_map(|&(_, a, _, b)| [(a, false), (b, false)]));
            writer.value("sum");
        }
        Fused { writer, params, shape, is_flat: product.is_none(), product, passes: 0, reads, writes: Vec::new() }
    }

    /// Whether the entries of a task can be computed by the same threads.
    pub fn takes(&self, task: &Task) -> bool {
        let is_flat = task.terms.iter().all(|term| is_flat(term, task.out));
        let mut fits = task.terms.iter().all(|term| is_elementwise(term, task.out));
        each_read(task, &mut |x, aligned| fits &= self.allows(x, aligned, false));
        (task.out.shape() == self.shape || (task.out.len() == self.shape.0 * self.shape.1 && (is_flat || self.is_flat)))
            && self.params.rest() > 7 * task.terms.len() + task.custom.as_ref().map_or(0, |custom| custom.reads.len())
            && fits
            && (self.product.is_none() || !task.terms.iter().any(has_loop))
            && self.allows(task.out, true, true)
    }

    /// Whether no other thread has touched what this one is about to read or write.
    fn allows(&self, x: Place, aligned: bool, writes: bool) -> bool {
        let apart = |other: Place, as_well: bool| !other.overlaps(x) || (aligned && as_well && other.is(x));
        self.writes.iter().all(|&(other, _)| apart(other, true))
            && (!writes || self.reads.iter().all(|&(other, aligned)| apart(other, aligned)))
    }

    /// Writes a task. The product, if there is one, is the first term of the first task.
    pub fn add<T: Real>(&mut self, task: &Task, lists: &mut Lists<'_, T>) {
        if !task.terms.iter().all(|term| is_flat(term, task.out)) {
            self.is_flat = false;
            self.shape = task.out.shape();
            (self.params.values[1], self.params.values[2]) = self.shape;
        }
        let mut sum = (self.writes.is_empty() && self.product.is_some()).then_some(0);
        for term in &task.terms {
            let value = self.term(term, task.out, lists);
            sum = Some(self.plus(sum, value));
        }
        if let Some(Custom { code, side, reads, .. }) = &task.custom
            && let RuleCode::Entrywise(formula) = &**code
        {
            sum = Some(self.formula(formula, *side, reads));
        }
        each_read(task, &mut |x, aligned| self.reads.push((x, aligned)));
        self.store(task.out, task.accum, sum.expect("a task has terms"));
    }

    fn store(&mut self, out: Place, accum: Accum, value: u32) {
        let before = (accum == Accum::Add).then(|| self.load(out, "i"));
        let value = self.plus(before, value);
        // Kernels that read it see what was stored, and so does this one.
        let half = (out.buffer == Buffer::Halves).then(|| self.writer.value(format!("T(to_half_(v{value}))")).id());
        let value = half.unwrap_or(value);
        let put = out.buffer.write(&format!("{} + i", self.params.offset(out)), Accum::Replace, &format!("v{value}"));
        self.writer.line(&put);
        self.writes.retain(|(other, _)| !other.is(out));
        self.writes.push((out, value));
    }

    fn plus(&self, sum: Option<u32>, value: u32) -> u32 {
        sum.map_or(value, |sum| (self.writer.at(sum) + self.writer.at(value)).id())
    }

    fn element(&mut self, x: Place, index: &str) -> String {
        x.buffer.read(&format!("{} + {index}", self.params.offset(x)))
    }

    /// The entry of an index; what this thread has written itself is not read again.
    fn load(&mut self, x: Place, index: &str) -> u32 {
        if let Some((_, value)) = self.writes.iter().find(|(other, _)| index == "i" && other.is(x)) {
            return *value;
        }
        let element = self.element(x, index);
        self.writer.value(element).id()
    }

    /// The entry of a matrix that is repeated where it has length 1.
    fn repeated(&mut self, x: Place, out: Place) -> u32 {
        let index = match (x.rows == out.rows, x.cols == out.cols) {
            (true, true) => "i",
            (true, false) => "r",
            (false, true) => "c",
            (false, false) => "0u",
        };
        self.load(x, index)
    }

    fn term<T: Real>(&mut self, term: &LinearTerm<Place>, out: Place, lists: &mut Lists<'_, T>) -> u32 {
        match *term {
            LinearTerm::Op(op) => self.op(op, out, lists),
            LinearTerm::Unary(f, x, y, dy) => {
                let [x, y, dy] = [x, y, dy].map(|x| self.load(x, "i"));
                let [x, y, dy] = [x, y, dy].map(|id| self.writer.at(id));
                times(f.slope(x, y), dy).id()
            }
            LinearTerm::Binary(f, side, all) => {
                let all = all.map(|x| self.load(x, "i"));
                let [a, b, y, dy] = all.map(|id| self.writer.at(id));
                let slope = f.slope(side, a, b, y);
                let product = times(slope, dy);
                if f.selects(side) { values::keep(slope, product).id() } else { product.id() }
            }
            _ => unreachable!("other terms have kernels of their own"),
        }
    }

    /// The value of a formula, or its slope times the gradient.
    fn formula(&mut self, formula: &FormulaTerms, side: Option<usize>, reads: &[Place]) -> u32 {
        let given: Vec<u32> = reads.iter().map(|&x| self.load(x, "i")).collect();
        let wanted = side.map_or(formula.value, |k| formula.slopes[k]);
        let mut known: Vec<WgslNumber<'_>> = Vec::new();
        for (k, terms) in formula.numbers[..=wanted as usize].iter().enumerate() {
            let terms = terms.iter().map(|term| plain(term.map(|x| known[x as usize]), &self.writer));
            // Before the first sum come the operands and the value, which the formula of the value does not read.
            let number = terms.reduce(|sum, term| sum + term);
            known.push(number.unwrap_or_else(|| self.writer.at(given[k.min(given.len() - 1)])));
        }
        let found = known[wanted as usize];
        side.map_or(found, |_| found * self.writer.at(given[given.len() - 1])).id()
    }

    fn op<T: Real>(&mut self, op: Op<Place>, out: Place, lists: &mut Lists<'_, T>) -> u32 {
        match op {
            Op::Number(_) | Op::Add(..) | Op::Divide(..) | Op::Unary(..) | Op::Binary(..) => {
                let loaded = op.map(|x| self.repeated(x, out));
                plain(loaded.map(|id| self.writer.at(id)), &self.writer).id()
            }
            Op::Reshape(x) => self.load(x, "i"),
            Op::Transpose(x) => {
                let rows = self.params.give(x.rows);
                self.load(x, &format!("c + r * {rows}"))
            }
            Op::Slice(i, j, x) => {
                let [i, j, rows] = [i, j, x.rows].map(|value| self.params.give(value));
                self.load(x, &format!("(r + {i}) + (c + {j}) * {rows}"))
            }
            Op::Pad(i, j, x) => {
                let [i, j, rows, cols] = [i, j, x.rows, x.cols].map(|value| self.params.give(value));
                let inside = format!("r >= {i} && r - {i} < {rows} && c >= {j} && c - {j} < {cols}");
                if x.len() == 0 {
                    return self.writer.constant(0.0).id();
                }
                let value = self.load(x, &format!("select(0u, (r - {i}) + (c - {j}) * {rows}, {inside})"));
                self.writer.value(format!("select(T(0.0), v{value}, {inside})")).id()
            }
            Op::Gather(index, x) => {
                let at = self.params.give(lists.gathered(index));
                self.load(x, &format!("list[{at} + i]"))
            }
            Op::Scatter(index, x) => {
                let at = self.params.give(lists.scattered(index, out.len()));
                self.passes += x.len();
                let behind = self.params.give(lists.scattered(index, out.len()) + out.len() + 1);
                let (sum, from) =
                    (format!("sum_{}", self.params.rest()), self.element(x, &format!("list[{behind} + k]")));
                self.writer.line(&format!(
                    "var {sum} = T(0.0); for (var k = list[{at} + i]; k < list[{at} + i + 1u]; k++) {{ {sum} += {from}; }}"
                ));
                self.writer.value(sum).id()
            }
            Op::Matmul(..) | Op::AlongAxis(..) | Op::CrossEntropy { .. } => {
                unreachable!("these have kernels of their own")
            }
        }
    }

    /// A kernel that does nothing unless these numbers of the values are finite.
    pub fn guarded(is_double: bool, shape: (u32, u32), needed: &[u32]) -> Self {
        let mut kernel = Fused::new(is_double, shape, None);
        kernel.writer.line(&guard(&mut kernel.params, needed));
        kernel
    }

    pub fn finish(self) -> Kernel {
        let Fused { writer, params, shape: (rows, cols), product, passes, .. } = self;
        let body = writer.finish();
        if let Some(product) = product {
            return product.kernel(params, (rows, cols), &body);
        }
        each_entry("", &format!("  let r = i % p[0].z;\n  let c = i / p[0].z;\n{body}"), params, passes)
    }
}

/// A term of numbers.
fn plain<'w>(op: Op<WgslNumber<'w>>, writer: &'w Writer) -> WgslNumber<'w> {
    match op {
        Op::Number(c) => writer.constant(c),
        Op::Add(1.0, x) => x,
        Op::Add(c, x) => c * x,
        Op::Divide(c, x) => x / c,
        Op::Unary(f, x) => f.value(x),
        Op::Binary(f, a, b) => f.value(a, b),
        _ => unreachable!("other terms are not of single entries"),
    }
}

/// slope ⊙ δy; 0 where δy = 0.
fn times<'w>(slope: WgslNumber<'w>, dy: WgslNumber<'w>) -> WgslNumber<'w> {
    Binary::Weigh.value(slope, dy)
}

/// The matrices that a task of elementwise terms reads, and whether a thread reads only the entry that it computes.
fn each_read(task: &Task, read: &mut impl FnMut(Place, bool)) {
    for term in &task.terms {
        term.map(|x| read(x, is_flat(term, task.out) && x.len() == task.out.len()));
    }
    task.custom.iter().flat_map(|custom| &custom.reads).for_each(|&x| read(x, true));
}

/// Whether a term is the same if the matrices are one column.
fn is_flat(term: &LinearTerm<Place>, out: Place) -> bool {
    match *term {
        LinearTerm::Op(Op::Add(_, x) | Op::Divide(_, x)) => x.shape() == out.shape(),
        LinearTerm::Op(Op::Number(_) | Op::Unary(..) | Op::Binary(..) | Op::Reshape(_)) => true,
        LinearTerm::Unary(..) | LinearTerm::Binary(..) => true,
        _ => false,
    }
}
