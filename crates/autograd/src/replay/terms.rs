//! From a tape to terms: the nodes that a program runs, split into segments.
//!
//! A node is a sum of terms. A term that is itself a sum, and that nothing else reads, is merged into its reader: y = (u + v) + w
//! is one node with three terms. Only what rounds as before is merged, and every term remembers the node whose rule it follows, so
//! values and gradients have the bits of the tape.

use kernel::Binary;
use smallvec::SmallVec;

use super::loops::Loops;
use super::needs::{self, NodeNeeds, ProgramNeeds};
use super::segment::{NONE, SegmentItem, SegmentTerms, Term, TermKind};
use super::tables::Builder;
use crate::Real;
use crate::rule::op::Op;
use crate::tape::records::Inner;

/// The largest number of terms of a merged node, besides plain ones. A node with more is narrow, and its terms are nodes.
const MOST_MERGED: usize = 32;
/// The most terms of any node.
const MOST_TERMS: usize = 4096;
/// The largest number of items and edges of a segment, each item counted twice: they have 16-bit indices and stay in the cache.
pub(super) const SEGMENT_SIZE: usize = 32768;

impl<T: Real> Loops<T> {
    /// The program as loops over numbers, in segments of this size.
    ///
    /// # Errors
    /// With the first node that depends on the inputs and is not a scalar.
    pub fn new(tape: &Inner<'_, T>, inputs: &[u32], output: u32, size: usize) -> Result<Self, u32> {
        let ProgramNeeds { needs, branches, outputs } = ProgramNeeds::of(tape, inputs, output)?;
        let (segment, builder) = (SegmentTerms::new(needs.len()), Builder::new(tape, inputs, needs.len()));
        let mut tracer = Tracer { tape, needs: &needs, segment, builder, size };
        // An output that does not move is a number.
        for id in needs::roots(&outputs, &branches).filter(|&id| !needs[id as usize].moves) {
            let number = Term::number(constant_value(tape, id), id);
            tracer.add_item(id, &mut [number]);
        }
        let count = needs.len() as u32;
        for id in (0..count).filter(|&id| needs[id as usize].runs) {
            tracer.record_node(id);
            let full = if tracer.ends_here(id) { 0 } else { size };
            tracer.close_above(full, id);
        }
        tracer.close_above(0, count);
        Ok(tracer.builder.finish(tape.node(output).shape(), &outputs, &needs, branches))
    }
}

/// The number of a node that does not move.
fn constant_value<T: Real>(tape: &Inner<'_, T>, id: u32) -> T {
    tape.view(id).as_slice()[0]
}

/// A tape, on its way into segments.
struct Tracer<'a, T: Real> {
    tape: &'a Inner<'a, T>,
    needs: &'a [NodeNeeds],
    segment: SegmentTerms<T>,
    builder: Builder<T>,
    /// The size limit of a segment.
    size: usize,
}

impl<T: Real> Tracer<'_, T> {
    /// Adds a node to the segment.
    fn record_node(&mut self, id: u32) {
        let ops = self.tape.terms(id);
        let mut terms = SmallVec::<[Term<T>; 8]>::new();
        // A sum of two may be swapped, so that the longer one is merged.
        let turned = match *ops {
            [Op::Add(1.0, a), Op::Add(1.0, b)] => self.merged_len(a, id) <= 1 && self.merged_len(b, id) > 1,
            _ => false,
        };
        for k in 0..ops.len() {
            let op = ops[if turned { 1 - k } else { k }];
            self.add_term(op, id, ops.len(), &mut terms);
            if terms.len() >= MOST_TERMS {
                self.add_item(id, &mut terms);
                self.close_above(self.size, id - 1);
                terms.clear();
                terms.push(Term::plain(self.operand_item(id), id));
            }
        }
        self.add_item(id, &mut terms);
    }

    /// Adds a term of a node to its terms, or the terms that it stands for. The node has `count` terms on the tape.
    fn add_term(&mut self, op: Op<u32>, id: u32, count: usize, terms: &mut SmallVec<[Term<T>; 8]>) {
        let one = T::from_f64(1.0);
        let moves = |x: u32| self.needs[x as usize].moves;
        let constant = |x: u32| constant_value(self.tape, x);
        let finite = |x: u32| moves(x) || constant(x).is_finite();
        let term = |kind, c, x| Term { kind, c, x, from: id };
        match op {
            Op::Number(c) => terms.push(Term::number(T::from_f64(c), id)),
            Op::Slice(i, j, x) if self.tape.node(x).len() != 1 => {
                let entry = i + j * self.tape.node(x).shape().0 as u32;
                let x = [self.import_item(x, entry), NONE];
                terms.push(term(TermKind::Plain, one, x));
            }
            Op::Add(_, x) | Op::Slice(.., x) | Op::Reshape(x) | Op::Transpose(x) => {
                let c = if let Op::Add(c, _) = op { T::from_f64(c) } else { one };
                if !moves(x) {
                    return terms.push(Term::number(c * constant(x), id));
                }
                // A multiple stays one whatever its factor; in a sum the factor 1 is that of the operator +.
                let kind = if c == one && count > 1 { TermKind::Plain } else { TermKind::Scaled };
                self.add_multiple(term(kind, c, [x, NONE]), terms);
            }
            Op::Divide(c, x) => {
                let c = T::from_f64(c);
                if !moves(x) {
                    return terms.push(Term::number(constant(x) / c, id));
                }
                let x = [self.operand_item(x), NONE];
                terms.push(term(TermKind::Divided, c, x));
            }
            // A product with 0 whose other factor may be infinite.
            Op::Binary(Binary::Weigh, a, b) if moves(a) && (moves(b) || constant(b) == T::default()) => {
                let x = [self.operand_item(a), self.operand_item(b)];
                terms.push(term(TermKind::Binary(Binary::Weigh), one, x));
            }
            Op::Binary(Binary::Mul | Binary::Weigh, a, b) if finite(a) && finite(b) => match (moves(a), moves(b)) {
                (true, true) => {
                    let x = [self.operand_item(a), self.operand_item(b)];
                    terms.push(term(TermKind::Product, one, x));
                }
                (false, false) => terms.push(Term::number(constant(a) * constant(b), id)),
                (true, false) => self.add_multiple(term(TermKind::Scaled, constant(b), [a, NONE]), terms),
                (false, true) => self.add_multiple(term(TermKind::Scaled, constant(a), [b, NONE]), terms),
            },
            Op::Unary(f, x) => {
                let x = [self.operand_item(x), NONE];
                terms.push(term(TermKind::Unary(f), one, x));
            }
            Op::Binary(f, a, b) => {
                let x = [self.operand_item(a), self.operand_item(b)];
                terms.push(term(TermKind::Binary(f), one, x));
            }
            _ => unreachable!("`is_single` has looked"),
        }
    }

    /// Adds c x for a node x: as the terms of x if it is merged.
    fn add_multiple(&mut self, multiple: Term<T>, terms: &mut SmallVec<[Term<T>; 8]>) {
        let x = multiple.x[0];
        let (one, item) = (T::from_f64(1.0), self.segment.item_of[x as usize]);
        let unit = |c: T| c == one || c == -one;
        match self.merged_len(x, multiple.from) {
            0 => {}
            1 => {
                let merged = self.segment.terms[self.segment.items[item as usize].start];
                if unit(multiple.c) || unit(merged.c) {
                    self.segment.remove(item);
                    let kind = match (multiple.kind, merged.kind) {
                        (TermKind::Plain, kind) => kind,
                        (_, TermKind::Product | TermKind::ScaledProduct) => TermKind::ScaledProduct,
                        _ => TermKind::Scaled,
                    };
                    return terms.push(Term { kind, c: multiple.c * merged.c, ..merged });
                }
            }
            n => {
                if multiple.kind == TermKind::Plain && terms.is_empty() && n < MOST_MERGED {
                    let range = self.segment.remove(item);
                    return terms.extend_from_slice(&self.segment.terms[range]);
                }
            }
        }
        let x = [self.operand_item(x), NONE];
        terms.push(Term { x, ..multiple });
    }

    /// The number of terms of x if it can be merged into its reader; otherwise 0.
    fn merged_len(&self, x: u32, reader: u32) -> usize {
        let (need, item) = (&self.needs[x as usize], self.segment.item_of[x as usize]);
        if item == NONE || need.reads != 1 || need.active != self.needs[reader as usize].active {
            return 0;
        }
        let terms = self.segment.terms(item);
        let sum =
            !terms.iter().any(|term| matches!(term.kind, TermKind::Divided | TermKind::Unary(_) | TermKind::Binary(_)));
        if self.segment.items[item as usize].import || !sum { 0 } else { terms.len() }
    }

    /// The item of a node that is read.
    fn operand_item(&mut self, x: u32) -> u32 {
        match self.segment.item_of[x as usize] {
            NONE if self.needs[x as usize].moves => self.import_item(x, 0),
            NONE => {
                let number = Term::number(constant_value(self.tape, x), x);
                let item = self.add_unnamed_item(NONE, number);
                self.segment.items[item as usize].active = false;
                item
            }
            item => item,
        }
    }

    /// The item of an entry of a node from before the segment.
    fn import_item(&mut self, x: u32, entry: u32) -> u32 {
        let active = self.needs[x as usize].active;
        let item = SegmentItem { node: x, start: entry as usize, len: 0, active, import: true, gone: false };
        let segment = &mut self.segment;
        if self.tape.node(x).len() == 1 {
            segment.item_of[x as usize] = segment.push(item);
            return segment.item_of[x as usize];
        }
        if let Some(&known) = segment.entry_items.get(&(x, entry)) {
            return known;
        }
        let new = segment.push(item);
        segment.entry_items.insert((x, entry), new);
        new
    }

    /// The item of a node of these terms.
    fn add_item(&mut self, node: u32, terms: &mut [Term<T>]) {
        if terms.len() > MOST_MERGED {
            for term in terms.iter_mut().filter(|term| term.kind != TermKind::Plain) {
                *term = Term::plain(self.add_unnamed_item(node, *term), node);
            }
        }
        let (start, len) = (self.segment.terms.len(), terms.len());
        self.segment.terms.extend_from_slice(terms);
        let active = self.needs[node as usize].active;
        let item = SegmentItem { node, start, len, active, import: false, gone: false };
        self.segment.item_of[node as usize] = self.segment.push(item);
    }

    /// A term of a node as an item that is not a node of the tape.
    fn add_unnamed_item(&mut self, node: u32, term: Term<T>) -> u32 {
        let active = node != NONE && self.needs[node as usize].active;
        let start = self.segment.terms.len();
        self.segment.terms.push(term);
        self.segment.push(SegmentItem { node: NONE, start, len: 1, active, import: false, gone: false })
    }

    /// Whether the segment, being nearly full, should end here: at the point with the fewest open values after the maximum, as
    /// between the steps of a loop. Then the operations that repeat for many numbers start again together.
    fn ends_here(&mut self, id: u32) -> bool {
        if self.segment.size > self.size / 4 * 3 && self.segment.cut == NONE {
            let open = |id: &u32| self.needs[*id as usize].open;
            let end = |id: u32| (id + (id - self.segment.first) / 8).min(self.needs.len() as u32 - 1);
            let most = (id..=end(id)).max_by_key(open).unwrap_or(id);
            self.segment.cut = (most..=end(most)).min_by_key(open).unwrap_or(id);
        }
        id >= self.segment.cut
    }

    /// Turns the segment into groups if it is larger than a size; it was recorded up to the node `end`.
    fn close_above(&mut self, size: usize, end: u32) {
        if self.segment.size > size {
            self.builder.write_segment(&self.segment, self.needs, end);
            self.segment.clear();
            (self.segment.first, self.segment.cut) = (end, NONE);
        }
    }
}
