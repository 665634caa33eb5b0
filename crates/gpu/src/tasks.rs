//! A plan as tasks on places in the buffers of a device.

use std::panic::Location;
use std::rc::Rc;

use autograd::plan_view::{DELTA, DeltaStep, LinearTerm, PlacedMatrix, PlacedRule, PlanView, RuleCode};
use autograd::{Index, Op, Real, Wgsl};
use kernel::simd::Accum;

use crate::error::GpuError;
use crate::kernels::is_one_kernel;
use crate::shader::{Buffer, PARAMS};

/// A matrix in a buffer, column by column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub buffer: Buffer,
    pub start: u32,
    pub rows: u32,
    pub cols: u32,
}

impl Place {
    pub fn len(self) -> u32 {
        self.rows * self.cols
    }

    pub fn shape(self) -> (u32, u32) {
        (self.rows, self.cols)
    }

    pub fn overlaps(self, other: Place) -> bool {
        let before = |a: Place, b: Place| a.start + a.len() <= b.start;
        self.buffer == other.buffer && !before(self, other) && !before(other, self)
    }

    /// Whether both are the same entries in the same order.
    pub fn is(self, other: Place) -> bool {
        (self.buffer, self.start, self.len()) == (other.buffer, other.start, other.len())
    }
}

/// A sum of terms, or a custom function, that is written to a place, or added to what is there.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub out: Place,
    pub accum: Accum,
    pub terms: Vec<LinearTerm<Place>>,
    pub custom: Option<Custom>,
}

/// A function with a custom rule, or its pullback.
#[derive(Clone, Debug)]
pub(crate) struct Custom {
    pub name: String,
    pub source: &'static Location<'static>,
    pub code: Rc<RuleCode>,
    /// The operand whose gradient it is; `None` for the value.
    pub side: Option<usize>,
    /// The operands; for a gradient also the value and its gradient.
    pub reads: Vec<Place>,
}

impl Custom {
    /// The rule of a node, if a device can run it.
    fn of(rule: &PlacedRule<'_>, reads: Vec<Place>) -> Result<Self, GpuError> {
        let (name, source) = (rule.name.to_owned(), rule.source);
        let lacks = |text: &Wgsl| {
            (0..reads.len()).any(|k| rule.needs.get(k) == Some(&true) && !matches!(text.pullback.get(k), Some(Some(_))))
        };
        let why = match &rule.code {
            Some(RuleCode::Wgsl(text)) if lacks(text) => "its WGSL lacks the gradient of an operand that needs one",
            // Three parameters for each matrix, and four of the kernel; or one for each operand, and five.
            Some(RuleCode::Wgsl(_)) if 3 * reads.len() + 4 >= PARAMS => {
                "it has too many operands for one kernel: at most 17"
            }
            Some(RuleCode::Entrywise(_)) if reads.len() + 5 >= PARAMS => {
                "it has too many operands for one kernel: at most 56"
            }
            Some(code) => return Ok(Custom { name, source, code: Rc::new(code.clone()), side: None, reads }),
            None => {
                "it is code of the processor: make it a formula without comparisons, write it in ops of the tape, or let a custom op bring \
                 WGSL (`CustomOp::wgsl`)"
            }
        };
        Err(refused(&name, source, why))
    }
}

pub(crate) fn refused(op: &str, source: &Location<'_>, why: &str) -> GpuError {
    GpuError::Unsupported { op: op.to_owned(), source_line: source.to_string(), why: why.to_owned() }
}

/// Where the matrices of a plan are.
pub(crate) struct Layout {
    /// The first entry of each input among the values.
    pub inputs: Vec<u32>,
    /// The first entry of each parameter among the weights.
    pub params: Vec<u32>,
    /// The values of the plan in pieces: where each begins there, its buffer, and where it begins in that.
    pieces: Vec<(usize, Buffer, usize)>,
    /// The number of values in the number type of the model, with the inputs, and of those in half precision.
    pub values: usize,
    pub halves: usize,
}

impl Layout {
    /// With `in_half`, computed matrices of more than one row and more than one column are in half precision, if one kernel writes them. Those from
    /// which a cross-entropy takes logarithms of numbers near 1 are not.
    pub fn new<T: Real>(view: &PlanView<'_, T>, params: Vec<u32>, in_half: bool) -> Self {
        let (pieces, inputs) = (vec![(0, Buffer::Values, 0)], Vec::new());
        let mut layout = Layout { inputs, params, pieces, values: 0, halves: 0 };
        let mut end = 0;
        let softmax_of = |op: &Op<u32>| if let Op::CrossEntropy { p, .. } = op { Some(*p) } else { None };
        let exact: Vec<u32> = view.forward().flat_map(|step| step.terms).filter_map(softmax_of).collect();
        let shape_of = |node| {
            let PlacedMatrix { rows, cols, .. } = view.matrix(node);
            Place { buffer: Buffer::Values, start: 0, rows: rows as u32, cols: cols as u32 }
        };
        for step in view.forward() {
            let matrix = view.matrix(step.node);
            let len = matrix.rows * matrix.cols;
            let terms: Vec<_> = step.terms.iter().map(|term| LinearTerm::Op(term.map(shape_of))).collect();
            let is_half = in_half && matrix.leaf.is_none() && matrix.rows.min(matrix.cols) > 1;
            if is_half && !exact.contains(&step.node) && is_one_kernel(&terms, shape_of(step.node)) {
                layout.values += matrix.start - end;
                end = matrix.start + len;
                layout.pieces.push((matrix.start, Buffer::Halves, layout.halves));
                layout.pieces.push((end, Buffer::Values, layout.values));
                layout.halves += len;
            }
        }
        layout.values += view.values().len() - end;
        for (rows, cols) in view.inputs() {
            layout.inputs.push(layout.values as u32);
            layout.values += rows * cols;
        }
        layout
    }

    pub fn place(&self, matrix: PlacedMatrix) -> Place {
        let (buffer, start) = match matrix.leaf {
            None => {
                let piece = self.pieces.partition_point(|&(begin, ..)| begin <= matrix.start) - 1;
                let (begin, buffer, start) = self.pieces[piece];
                (buffer, start + matrix.start - begin)
            }
            Some(leaf) if leaf < self.inputs.len() => (Buffer::Values, self.inputs[leaf] as usize + matrix.start),
            Some(leaf) => (Buffer::Weights, self.params[leaf - self.inputs.len()] as usize + matrix.start),
        };
        Place { buffer, start: start as u32, rows: matrix.rows as u32, cols: matrix.cols as u32 }
    }

    /// Those of the values of the plan that are in the number type of the model.
    pub fn constants<T: Real>(&self, values: &[T]) -> Vec<T> {
        let ends = self.pieces.iter().skip(1).map(|&(begin, ..)| begin).chain([values.len()]);
        let own = self.pieces.iter().zip(ends).filter(|((_, buffer, _), _)| *buffer == Buffer::Values);
        own.flat_map(|(&(begin, ..), end)| &values[begin..end]).copied().collect()
    }
}

/// The tasks of the value and of the sweep.
pub(crate) fn tasks<T: Real>(view: &PlanView<'_, T>, layout: &Layout) -> Result<Vec<Task>, GpuError> {
    if let Some(source) = view.comparison() {
        let why = "which terms follow depends on numbers of the step; select by a function such as `keep` instead";
        return Err(refused("a comparison", source, why));
    }
    let of = |node: u32| layout.place(view.matrix(node));
    let mut tasks = Vec::new();
    for step in view.forward() {
        let rule = step.custom.as_ref();
        let custom = rule.map(|rule| Custom::of(rule, rule.operands.iter().map(|&x| of(x)).collect())).transpose()?;
        let terms = step.terms.iter().map(|term| LinearTerm::Op(term.map(of))).collect();
        tasks.push(Task { out: of(step.node), accum: Accum::Replace, terms, custom });
    }
    let delta =
        |start: usize, len: usize| Place { buffer: Buffer::Deltas, start: start as u32, rows: len as u32, cols: 1 };
    let at = |node: u32, start: usize| Place { buffer: Buffer::Deltas, start: start as u32, ..of(node) };
    let plain = |out, accum, term| Task { out, accum, terms: vec![LinearTerm::Op(term)], custom: None };
    for step in view.backward() {
        tasks.push(match step {
            &DeltaStep::Seed { at, len } => plain(delta(at, len), Accum::Replace, Op::Number(1.0)),
            &DeltaStep::Zero { at, len } => plain(delta(at, len), Accum::Replace, Op::Number(0.0)),
            &DeltaStep::Copy { from, to, len } => plain(delta(to, len), Accum::Replace, Op::Add(1.0, delta(from, len))),
            &DeltaStep::Add { from, to, len } => plain(delta(to, len), Accum::Add, Op::Add(1.0, delta(from, len))),
            &DeltaStep::Term { term, y, dy, x, dx, accum } => {
                let look = |node| if node == DELTA { at(y, dy) } else { of(node) };
                Task { out: at(x, dx), accum, terms: vec![term.map(look)], custom: None }
            }
            DeltaStep::Custom { y, dy, written } => {
                let rule = view.custom(*y).expect("it has a custom rule");
                let (operands, of_y) = (rule.operands.iter().map(|&x| of(x)), [of(*y), at(*y, *dy)]);
                let custom = Custom::of(&rule, operands.chain(of_y).collect())?;
                for (k, &x) in rule.operands.iter().enumerate().filter(|(k, _)| rule.needs[*k]) {
                    let of_x = |&&(written, ..): &&(u32, usize, Accum)| written == x;
                    let &(_, dx, first) =
                        written.iter().find(of_x).expect("every operand that needs one has a gradient");
                    let is_first = rule.operands.iter().position(|&other| other == x) == Some(k);
                    let accum = if is_first { first } else { Accum::Add };
                    let custom = Some(Custom { side: Some(k), ..custom.clone() });
                    tasks.push(Task { out: at(x, dx), accum, terms: Vec::new(), custom });
                }
                continue;
            }
        });
    }
    tasks.retain(|task| task.out.len() > 0);
    Ok(tasks)
}

/// The places of buffers and of their new values, of each buffer the last one.
pub(crate) fn updates<T: Real>(
    view: &PlanView<'_, T>,
    start_of: impl Fn(u64) -> Option<u32>,
    layout: &Layout,
) -> Vec<(Place, Place)> {
    let places = |(id, value): (u64, PlacedMatrix)| {
        let value = layout.place(value);
        Some((Place { buffer: Buffer::Weights, start: start_of(id)?, ..value }, value))
    };
    let all: Vec<_> = view.updates().collect();
    let is_last = |k: usize| all[k + 1..].iter().all(|(other, _)| *other != all[k].0);
    (0..all.len()).filter(|&k| is_last(k)).filter_map(|k| places(all[k])).collect()
}

/// The index lists that kernels read.
pub(crate) struct Lists<'v, T: Real> {
    view: &'v PlanView<'v, T>,
    pub entries: Vec<u32>,
    known: Vec<(Index, Option<u32>, u32)>,
}

impl<'v, T: Real> Lists<'v, T> {
    pub fn new(view: &'v PlanView<'v, T>) -> Self {
        Lists { view, entries: Vec::new(), known: Vec::new() }
    }

    /// Where an index begins.
    pub fn gathered(&mut self, index: Index) -> u32 {
        self.written(index, None, |list, entries| entries.extend_from_slice(list))
    }

    /// Where the table begins that has, for each of `len` entries, where its part of the list behind the table begins. The list has for
    /// each entry the numbers of those that are added to it, in order.
    pub fn scattered(&mut self, index: Index, len: u32) -> u32 {
        self.written(index, Some(len), |list, entries| {
            let mut order: Vec<u32> = (0..list.len() as u32).collect();
            order.sort_by_key(|&k| list[k as usize]);
            let sorted = |target: u32| order.partition_point(|&k| list[k as usize] < target) as u32;
            entries.extend((0..=len).map(sorted));
            entries.extend(order.iter());
        })
    }

    fn written(&mut self, index: Index, len: Option<u32>, write: impl FnOnce(&[u32], &mut Vec<u32>)) -> u32 {
        if let Some((.., at)) = self.known.iter().find(|known| (known.0, known.1) == (index, len)) {
            return *at;
        }
        let at = self.entries.len() as u32;
        write(self.view.entries_of(index), &mut self.entries);
        self.known.push((index, len, at));
        at
    }
}
