//! Tasks as kernels: neighbours that are computed entry by entry share one.

use std::panic::Location;

use autograd::plan_view::LinearTerm;
use autograd::{Op, Real};
use kernel::simd::Accum;
use wgsl::literal;

use crate::along;
use crate::custom;
use crate::device::MOST_GROUPS;
use crate::fused::{Fused, has_loop, is_elementwise};
use crate::product::{Product, Vectors};
use crate::shader::PARAMS;
use crate::tasks::{Lists, Place, Task};

/// The number of threads of a workgroup that computes entries.
const THREADS: u32 = 256;

/// A shader, its parameters, and the numbers of its workgroups.
pub(crate) struct Kernel {
    pub text: String,
    pub params: Params,
    pub groups: [u32; 2],
    /// About how often a thread goes through loops.
    pub passes: u32,
    /// The number of bytes of panels that it reads.
    pub panels: u64,
    /// The op that brought its text, and the line.
    pub of: Option<(String, &'static Location<'static>)>,
}

impl Kernel {
    /// A kernel of this number of workgroups.
    pub fn new(text: String, params: Params, groups: u32, passes: u32) -> Self {
        // In two directions, of which each is limited.
        let x = groups.clamp(1, MOST_GROUPS);
        Kernel { text, params, groups: [x, groups.div_ceil(x).max(1)], passes, panels: 0, of: None }
    }
}

/// The parameters of a kernel: numbers that do not change its text.
pub(crate) struct Params {
    pub values: Vec<u32>,
    offsets: Vec<(Place, String)>,
}

impl Params {
    /// Parameter number 1, 2, …
    pub fn new(first: &[u32]) -> Self {
        Params { values: first.to_vec(), offsets: Vec::new() }
    }

    /// How a shader reads a new parameter.
    pub fn give(&mut self, value: u32) -> String {
        self.values.push(value);
        let k = self.values.len();
        format!("p[{}].{}", k / 4, ["x", "y", "z", "w"][k % 4])
    }

    /// How a shader reads where a matrix begins.
    pub fn offset(&mut self, x: Place) -> String {
        let same = |other: &Place| (other.buffer, other.start) == (x.buffer, x.start);
        if let Some((_, known)) = self.offsets.iter().find(|(other, _)| same(other)) {
            return known.clone();
        }
        let text = self.give(x.start);
        self.offsets.push((x, text.clone()));
        text
    }

    /// How many more there can be.
    pub fn rest(&self) -> usize {
        PARAMS - 1 - self.values.len()
    }
}

/// The kernel in which thread `i` computes one of as many entries as the first parameter says, with the functions that its lines call.
pub(crate) fn each_entry(functions: &str, lines: &str, params: Params, passes: u32) -> Kernel {
    let text = format!(
        "{functions}@compute @workgroup_size({THREADS})
fn main(@builtin(global_invocation_id) g: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>) {{
  let i = g.x + g.y * n.x * {THREADS}u;
  if (i >= p[0].y) {{ return; }}
{lines}}}"
    );
    let groups = params.values[0].div_ceil(THREADS);
    Kernel::new(text, params, groups, passes)
}

/// The kernels of tasks that follow each other.
pub(crate) fn kernels<T: Real>(
    is_double: bool,
    vectors: Option<Vectors>,
    tasks: &[Task],
    lists: &mut Lists<'_, T>,
) -> Vec<Kernel> {
    let mut writing = Writing { is_double, vectors, kernels: Vec::new(), open: None };
    tasks.iter().for_each(|task| writing.task(task, lists));
    writing.close();
    writing.kernels
}

/// The largest number of terms of a task in one kernel, whose parameters are limited.
const MOST_TERMS: usize = 6;

/// Whether one kernel computes a sum of terms, so that it is written only once.
pub(crate) fn is_one_kernel(terms: &[LinearTerm<Place>], out: Place) -> bool {
    let shares = |term: &_| is_product(term) || is_elementwise(term, out) && !has_loop(term);
    terms.len() < 2 || terms.len() <= MOST_TERMS && terms.iter().all(shares)
}

fn is_product(term: &LinearTerm<Place>) -> bool {
    matches!(term, LinearTerm::Op(Op::Matmul(..)))
}

struct Writing {
    is_double: bool,
    vectors: Option<Vectors>,
    kernels: Vec<Kernel>,
    open: Option<Fused>,
}

impl Writing {
    fn close(&mut self) {
        self.kernels.extend(self.open.take().map(Fused::finish));
    }

    /// Terms that need a kernel of their own come first, then products, and those of single entries last.
    fn task<T: Real>(&mut self, task: &Task, lists: &mut Lists<'_, T>) {
        if let Some((first, rest)) = task.terms.split_at_checked(MOST_TERMS).filter(|(_, rest)| !rest.is_empty()) {
            let part = |terms: &[_], accum| Task { out: task.out, accum, terms: terms.to_vec(), custom: None };
            self.task(&part(first, task.accum), lists);
            return self.task(&part(rest, Accum::Add), lists);
        }
        if let Some(kernel) = task.custom.as_ref().and_then(|custom| custom::kernel(custom, task.out, task.accum)) {
            self.close();
            return self.kernels.push(kernel);
        }
        let is_single = |term: &LinearTerm<Place>| is_elementwise(term, task.out);
        let (single, others): (Vec<_>, Vec<_>) = task.terms.iter().copied().partition(is_single);
        if others.is_empty() {
            if !self.open.as_ref().is_some_and(|open| open.takes(task)) {
                self.close();
            }
            let new = || Fused::new(self.is_double, task.out.shape(), None);
            return self.open.get_or_insert_with(new).add(task, lists);
        }
        self.close();
        let (products, others): (Vec<_>, Vec<_>) = others.into_iter().partition(is_product);
        let mut accum = task.accum;
        for term in others {
            self.kernels.push(own_kernel(self.is_double, &term, task.out, accum));
            accum = Accum::Add;
        }
        let mut rest = Task { out: task.out, accum, terms: single, custom: None };
        if let Some(product) = Product::of(&products, self.vectors) {
            self.kernels.extend(product.packing());
            let mut open = Fused::new(self.is_double, task.out.shape(), Some(product));
            let (looping, single) = rest.terms.into_iter().partition(has_loop);
            open.add(&Task { terms: single, custom: None, ..rest }, lists);
            self.open = Some(open);
            rest = Task { out: task.out, accum: Accum::Add, terms: looping, custom: None };
        }
        if !rest.terms.is_empty() {
            self.task(&rest, lists);
        }
    }
}

/// The kernel of a term that is not computed entry by entry and is no product.
fn own_kernel(is_double: bool, term: &LinearTerm<Place>, out: Place, accum: Accum) -> Kernel {
    let (op, c, x) = match *term {
        LinearTerm::Op(Op::Add(c, x)) => ('*', c, x),
        LinearTerm::Op(Op::Divide(c, x)) => ('/', c, x),
        _ => return along::kernel(term, out, accum),
    };
    along::sums(&format!(" {op} {}", literal(is_double, c)), x, out, accum)
}
