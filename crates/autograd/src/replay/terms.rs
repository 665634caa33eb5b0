//! From a tape to terms: what of it a program runs, node by node, cut into segments.
//!
//! A node is a sum of terms, and a term that is itself a sum which nothing else reads goes into its reader: y = (u + v) + w
//! is one node of three terms. Only what rounds as before is merged, and every term remembers the node whose rule it is, so
//! that values and gradients have the bits of the tape.

use kernel::Binary;
use smallvec::SmallVec;

use super::loops::Loops;
use super::needs::{self, Need, Plan};
use super::segment::{Item, Kind, NONE, Segment, Term};
use super::tables::Builder;
use crate::Real;
use crate::rule::op::Op;
use crate::tape::records::Inner;

/// The most terms of a merged node, beside plain ones: above it a node is narrow and its terms are nodes.
const MERGED: usize = 32;
/// The most terms of any node.
const LONG: usize = 4096;
/// The most items and edges of a segment, each item counted twice: 16 bits name them, and they stay in a cache.
pub(super) const SEGMENT: usize = 32768;

impl<T: Real> Loops<T> {
    /// The program as loops over numbers, if what depends on the inputs is made of single numbers; in segments of this size.
    pub fn new(inner: &Inner<'_, T>, inputs: &[u32], output: u32, size: usize) -> Option<Self> {
        let Plan { needs, branches } = Plan::of(inner, inputs, output)?;
        let (segment, builder) = (Segment::new(needs.len()), Builder::new(inner, inputs, needs.len()));
        let mut tracer = Tracer { inner, needs: &needs, segment, builder, size };
        // What is asked for and does not move is a number.
        for id in needs::roots(output, &branches).filter(|&id| !needs[id as usize].moves) {
            let number = Term::number(value(inner, id), id);
            tracer.item(id, &mut [number]);
        }
        let count = needs.len() as u32;
        for id in (0..count).filter(|&id| needs[id as usize].runs) {
            tracer.record(id);
            let full = if tracer.cut(id) { 0 } else { size };
            tracer.close_above(full, id);
        }
        tracer.close_above(0, count);
        Some(tracer.builder.finish(output, needs[output as usize].active, branches))
    }
}

/// The number of a node that does not move.
fn value<T: Real>(inner: &Inner<'_, T>, id: u32) -> T {
    inner.view(id).as_slice()[0]
}

/// A tape, on its way into segments.
struct Tracer<'a, T: Real> {
    inner: &'a Inner<'a, T>,
    needs: &'a [Need],
    segment: Segment<T>,
    builder: Builder<T>,
    /// How large a segment may be.
    size: usize,
}

impl<T: Real> Tracer<'_, T> {
    /// Adds a node to the segment.
    fn record(&mut self, id: u32) {
        let ops = self.inner.terms(id);
        let mut terms = SmallVec::<[Term<T>; 8]>::new();
        // A sum of two may be turned around, so that the longer one goes in.
        let turned = match *ops {
            [Op::Add(1.0, a), Op::Add(1.0, b)] => self.merges(a, id) <= 1 && self.merges(b, id) > 1,
            _ => false,
        };
        for k in 0..ops.len() {
            let op = ops[if turned { 1 - k } else { k }];
            self.add(op, id, ops.len(), &mut terms);
            if terms.len() >= LONG {
                self.item(id, &mut terms);
                self.close_above(self.size, id - 1);
                terms.clear();
                terms.push(Term::plain(self.operand(id), id));
            }
        }
        self.item(id, &mut terms);
    }

    /// Adds a term of a node to its terms, or those that it stands for; the node has `count` on the tape.
    fn add(&mut self, op: Op<u32>, id: u32, count: usize, terms: &mut SmallVec<[Term<T>; 8]>) {
        let one = T::from_f64(1.0);
        let moves = |x: u32| self.needs[x as usize].moves;
        let static_value = |x: u32| value(self.inner, x);
        let finite = |x: u32| moves(x) || static_value(x).is_finite();
        let term = |kind, c, x| Term { kind, c, x, from: id };
        match op {
            Op::Number(c) => terms.push(Term::number(T::from_f64(c), id)),
            Op::Slice(i, j, x) if self.inner.node(x).len() != 1 => {
                let entry = i + j * self.inner.node(x).shape().0 as u32;
                let x = [self.import(x, entry), NONE];
                terms.push(term(Kind::Plain, one, x));
            }
            Op::Add(_, x) | Op::Slice(.., x) | Op::Reshape(x) | Op::Transpose(x) => {
                let c = if let Op::Add(c, _) = op { T::from_f64(c) } else { one };
                if !moves(x) {
                    return terms.push(Term::number(c * static_value(x), id));
                }
                // A multiple is one whatever its factor; in a sum the factor 1 is that of the operator +.
                let kind = if c == one && count > 1 { Kind::Plain } else { Kind::Scaled };
                self.add_multiple(term(kind, c, [x, NONE]), terms);
            }
            Op::Divide(c, x) => {
                let c = T::from_f64(c);
                if !moves(x) {
                    return terms.push(Term::number(static_value(x) / c, id));
                }
                let x = [self.operand(x), NONE];
                terms.push(term(Kind::Divided, c, x));
            }
            // A product with 0 where the other factor may be infinite.
            Op::Binary(Binary::Weigh, a, b) if moves(a) && (moves(b) || static_value(b) == T::default()) => {
                let x = [self.operand(a), self.operand(b)];
                terms.push(term(Kind::Binary(Binary::Weigh), one, x));
            }
            Op::Binary(Binary::Mul | Binary::Weigh, a, b) if finite(a) && finite(b) => match (moves(a), moves(b)) {
                (true, true) => {
                    let x = [self.operand(a), self.operand(b)];
                    terms.push(term(Kind::Product, one, x));
                }
                (false, false) => terms.push(Term::number(static_value(a) * static_value(b), id)),
                (true, false) => self.add_multiple(term(Kind::Scaled, static_value(b), [a, NONE]), terms),
                (false, true) => self.add_multiple(term(Kind::Scaled, static_value(a), [b, NONE]), terms),
            },
            Op::Unary(f, x) => {
                let x = [self.operand(x), NONE];
                terms.push(term(Kind::Unary(f), one, x));
            }
            Op::Binary(f, a, b) => {
                let x = [self.operand(a), self.operand(b)];
                terms.push(term(Kind::Binary(f), one, x));
            }
            _ => unreachable!("`is_single` has looked"),
        }
    }

    /// Adds c x, of a node x: as the terms of x if it is merged.
    fn add_multiple(&mut self, multiple: Term<T>, terms: &mut SmallVec<[Term<T>; 8]>) {
        let x = multiple.x[0];
        let (one, item) = (T::from_f64(1.0), self.segment.item_of[x as usize]);
        let unit = |c: T| c == one || c == -one;
        match self.merges(x, multiple.from) {
            0 => {}
            1 => {
                let inner = self.segment.terms[self.segment.items[item as usize].start];
                if unit(multiple.c) || unit(inner.c) {
                    self.segment.remove(item);
                    let kind = match (multiple.kind, inner.kind) {
                        (Kind::Plain, kind) => kind,
                        (_, Kind::Product | Kind::ScaledProduct) => Kind::ScaledProduct,
                        _ => Kind::Scaled,
                    };
                    return terms.push(Term { kind, c: multiple.c * inner.c, ..inner });
                }
            }
            n => {
                if multiple.kind == Kind::Plain && terms.is_empty() && n < MERGED {
                    let range = self.segment.remove(item);
                    return terms.extend_from_slice(&self.segment.terms[range]);
                }
            }
        }
        let x = [self.operand(x), NONE];
        terms.push(Term { x, ..multiple });
    }

    /// Of how many terms x is if it can go into its reader; otherwise 0.
    fn merges(&self, x: u32, reader: u32) -> usize {
        let (need, item) = (&self.needs[x as usize], self.segment.item_of[x as usize]);
        if item == NONE || need.reads != 1 || need.active != self.needs[reader as usize].active {
            return 0;
        }
        let terms = self.segment.terms(item);
        let sum = !terms.iter().any(|term| matches!(term.kind, Kind::Divided | Kind::Unary(_) | Kind::Binary(_)));
        if self.segment.items[item as usize].import || !sum { 0 } else { terms.len() }
    }

    /// The item of a node that is read.
    fn operand(&mut self, x: u32) -> u32 {
        match self.segment.item_of[x as usize] {
            NONE if self.needs[x as usize].moves => self.import(x, 0),
            NONE => {
                let number = Term::number(value(self.inner, x), x);
                let item = self.part(NONE, number);
                self.segment.items[item as usize].active = false;
                item
            }
            item => item,
        }
    }

    /// The item of an entry of a node from before the segment.
    fn import(&mut self, x: u32, entry: u32) -> u32 {
        let active = self.needs[x as usize].active;
        let item = Item { node: x, start: entry as usize, len: 0, active, import: true, gone: false };
        let segment = &mut self.segment;
        if self.inner.node(x).len() == 1 {
            segment.item_of[x as usize] = segment.push(item);
            return segment.item_of[x as usize];
        }
        if let Some(&known) = segment.entries.get(&(x, entry)) {
            return known;
        }
        let new = segment.push(item);
        segment.entries.insert((x, entry), new);
        new
    }

    /// The item of a node of these terms.
    fn item(&mut self, node: u32, terms: &mut [Term<T>]) {
        if terms.len() > MERGED {
            for term in terms.iter_mut().filter(|term| term.kind != Kind::Plain) {
                *term = Term::plain(self.part(node, *term), node);
            }
        }
        let (start, len) = (self.segment.terms.len(), terms.len());
        self.segment.terms.extend_from_slice(terms);
        let active = self.needs[node as usize].active;
        let item = Item { node, start, len, active, import: false, gone: false };
        self.segment.item_of[node as usize] = self.segment.push(item);
    }

    /// A term of a node as an item that no node of the tape is.
    fn part(&mut self, node: u32, term: Term<T>) -> u32 {
        let active = node != NONE && self.needs[node as usize].active;
        let start = self.segment.terms.len();
        self.segment.terms.push(term);
        self.segment.push(Item { node: NONE, start, len: 1, active, import: false, gone: false })
    }

    /// Whether the segment had better end here, being nearly full: where the fewest values are open after the most were, as
    /// between the steps of a loop. Then all that is done for many numbers begins anew for all of them.
    fn cut(&mut self, id: u32) -> bool {
        if self.segment.size > self.size / 4 * 3 && self.segment.cut == NONE {
            let open = |id: &u32| self.needs[*id as usize].open;
            let end = |id: u32| (id + (id - self.segment.first) / 8).min(self.needs.len() as u32 - 1);
            let most = (id..=end(id)).max_by_key(open).unwrap_or(id);
            self.segment.cut = (most..=end(most)).min_by_key(open).unwrap_or(id);
        }
        id >= self.segment.cut
    }

    /// Makes groups of the segment if it is larger than a size; all of it was recorded up to the node `end`.
    fn close_above(&mut self, size: usize, end: u32) {
        if self.segment.size > size {
            self.builder.close(&self.segment, self.needs, end);
            self.segment.clear();
            (self.segment.first, self.segment.cut) = (end, NONE);
        }
    }
}
