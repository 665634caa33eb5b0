//! From a tape to terms: what of it a program runs, node by node, cut into segments.
//!
//! A node is a sum of terms, and a term that is itself a sum which nothing else reads goes into its reader: y = (u + v) + w
//! is one node of three terms. Only what rounds as before is merged, and every term remembers the node whose rule it is, so
//! that values and gradients have the bits of the tape.

use std::collections::HashMap;
use std::ops::Range;

use smallvec::SmallVec;

use super::loops::Loops;
use super::tables::Builder;
use crate::Real;
use crate::branch::{Branch, Side};
use crate::inner::Inner;
use crate::map::{Binary, Unary};
use crate::op::Op;

/// A term of a node, and the node of the tape that recorded it.
#[derive(Clone, Copy)]
pub(super) struct Term<T> {
    pub kind: Kind,
    /// c.
    pub c: T,
    /// The operands, as items of the segment.
    pub x: [u32; 2],
    pub from: u32,
}

/// What a term is. The value of c is no part of it, so that numbers do not decide what runs together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// c.
    Number,
    /// x: its δ is that of the node.
    Plain,
    /// c x.
    Scaled,
    /// a b.
    Product,
    /// c (a b).
    ScaledProduct,
    Unary(Unary),
    Binary(Binary),
}

/// A value of a segment: computed there, or imported from before it.
#[derive(Clone)]
pub(super) struct Item {
    /// The node of the tape; `NONE` for a part of one.
    pub node: u32,
    /// Where its terms are; of an import, which entry of its node it is.
    pub start: usize,
    pub len: usize,
    /// Whether it has a δ.
    pub active: bool,
    pub import: bool,
    /// Whether its terms went into its reader.
    pub gone: bool,
}

/// Consecutive nodes whose values and slots are few enough to be named by 16 bits and to stay in a cache.
pub(super) struct Segment<T> {
    pub items: Vec<Item>,
    pub terms: Vec<Term<T>>,
    /// The item of each node of the tape in this segment, and of entries of inputs that are matrices.
    item_of: Vec<u32>,
    entries: HashMap<(u32, u32), u32>,
    size: usize,
}

/// What the program needs of a node of the tape.
#[derive(Clone, Copy, Default)]
pub(super) struct Need {
    /// It depends on an input.
    pub moves: bool,
    /// Its value is read.
    pub live: bool,
    /// It depends on an input, and the output on it, differentiably.
    pub active: bool,
    /// How many operands it is.
    reads: u32,
    /// The last node that reads it.
    pub last: u32,
}

pub(super) const NONE: u32 = u32::MAX;

/// The most terms of a merged node, beside plain ones: above it a node is narrow and its terms are nodes.
const MERGED: usize = 32;
/// The most terms of any node.
const LONG: usize = 4096;
/// The most items and edges of a segment, each item counted twice: 16 bits name them, and they stay in a cache.
pub(super) const SEGMENT: usize = 32768;

impl<T: Real> Loops<T> {
    /// The program as loops over numbers, if what depends on the inputs is made of single numbers; in segments of this size.
    pub fn new(inner: &Inner<'_, T>, inputs: &[u32], output: u32, size: usize) -> Option<Self> {
        let needs = needs(inner, inputs, output);
        let last = needs.len() as u32;
        let runs = |id: &u32| needs[*id as usize].live && needs[*id as usize].moves && !inner.terms(*id).is_empty();
        if inner.node(output).len() != 1 || !(0..last).filter(runs).all(|id| is_single(inner, id)) {
            return None;
        }
        let (segment, builder) = (Segment::new(needs.len()), Builder::new(inner, inputs, needs.len()));
        let mut tracer = Tracer { inner, needs: &needs, segment, builder, size };
        let branches: Vec<Branch> =
            inner.branches.iter().filter(|branch| branch.is_within(last - 1)).copied().collect();
        // What is asked for and does not move is a number.
        for id in roots(output, &branches).filter(|&id| !needs[id as usize].moves) {
            let number = number(value(inner, id), id);
            tracer.item(id, &mut [number]);
        }
        for id in (0..last).filter(runs) {
            tracer.record(id);
            tracer.close_above(size, id);
        }
        tracer.close_above(0, last);
        Some(tracer.builder.finish(output, needs[output as usize].active, branches))
    }
}

/// What is asked for beside gradients: the output, and what is compared.
fn roots(output: u32, branches: &[Branch]) -> impl Iterator<Item = u32> {
    let right = |branch: &Branch| if let Side::Node(id) = branch.right { Some(id) } else { None };
    std::iter::once(output).chain(branches.iter().flat_map(move |branch| [Some(branch.left), right(branch)]).flatten())
}

fn number<T>(c: T, from: u32) -> Term<T> {
    Term { kind: Kind::Number, c, x: [NONE; 2], from }
}

fn plain<T: Real>(x: u32, from: u32) -> Term<T> {
    Term { kind: Kind::Plain, c: T::from_f64(1.0), x: [x, NONE], from }
}

/// The number of a node that does not move.
fn value<T: Real>(inner: &Inner<'_, T>, id: u32) -> T {
    inner.view(id).as_slice()[0]
}

/// Whether a node is a single number, of terms that are.
fn is_single<T: Real>(inner: &Inner<'_, T>, id: u32) -> bool {
    let one = |id: u32| inner.node(id).len() == 1;
    one(id)
        && inner.terms(id).iter().all(|&term| match term {
            Op::Number(_) => true,
            Op::Add(_, x) | Op::Transpose(x) | Op::Reshape(x) | Op::Unary(_, x) => one(x),
            Op::Slice(.., x) => one(x) || inner.terms(x).is_empty(),
            Op::Binary(_, a, b) => one(a) && one(b),
            _ => false,
        })
}

fn needs<T: Real>(inner: &Inner<'_, T>, inputs: &[u32], output: u32) -> Vec<Need> {
    let branches = inner.branches.iter().filter(|branch| branch.is_within(inner.records.nodes.len() as u32 - 1));
    let branches: Vec<Branch> = branches.copied().collect();
    let last = roots(output, &branches).chain(inputs.iter().copied()).max().unwrap_or(output);
    let mut needs = vec![Need::default(); last as usize + 1];
    for (need, moves) in needs.iter_mut().zip(inner.descendants(inputs.iter().copied(), last)) {
        need.moves = moves;
    }
    for id in roots(output, &branches) {
        let need = &mut needs[id as usize];
        // Read by two at least: it is kept, and for all the program.
        (need.live, need.reads, need.last) = (true, 2, NONE);
    }
    let differentiable = |need: &Need, id: u32| need.moves && inner.node(id).grad().is_some();
    needs[output as usize].active = differentiable(&needs[output as usize], output);
    for id in (0..=last).rev() {
        let Need { live, active, moves, .. } = needs[id as usize];
        if !live || !moves {
            continue;
        }
        for x in inner.terms(id).iter().flat_map(|&term| inner.operands(term)) {
            let need = &mut needs[x as usize];
            need.live = true;
            need.reads = need.reads.saturating_add(1);
            need.last = need.last.max(id);
            need.active |= active && differentiable(need, x);
        }
    }
    needs
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
                terms.push(plain(self.operand(id), id));
            }
        }
        self.item(id, &mut terms);
    }

    /// Adds a term of a node to its terms, or those that it stands for; the node has `count` on the tape.
    fn add(&mut self, op: Op<u32>, id: u32, count: usize, terms: &mut SmallVec<[Term<T>; 8]>) {
        let one = T::from_f64(1.0);
        let moves = |x: u32| self.needs[x as usize].moves;
        let static_value = |x: u32| value(self.inner, x);
        let term = |kind, c, x| Term { kind, c, x, from: id };
        match op {
            Op::Number(c) => terms.push(number(T::from_f64(c), id)),
            Op::Slice(i, j, x) if self.inner.node(x).len() != 1 => {
                let entry = i + j * self.inner.node(x).shape().0 as u32;
                let x = [self.import(x, entry), NONE];
                terms.push(term(Kind::Plain, one, x));
            }
            Op::Add(_, x) | Op::Slice(.., x) | Op::Reshape(x) | Op::Transpose(x) => {
                let c = if let Op::Add(c, _) = op { T::from_f64(c) } else { one };
                if !moves(x) {
                    return terms.push(number(c * static_value(x), id));
                }
                // A multiple is one whatever its factor; in a sum the factor 1 is that of the operator +.
                let kind = if c == one && count > 1 { Kind::Plain } else { Kind::Scaled };
                self.add_multiple(term(kind, c, [x, NONE]), terms);
            }
            Op::Binary(Binary::Mul, a, b) => match (moves(a), moves(b)) {
                (true, true) => {
                    let x = [self.operand(a), self.operand(b)];
                    terms.push(term(Kind::Product, one, x));
                }
                (false, false) => terms.push(number(static_value(a) * static_value(b), id)),
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
        let sum = !terms.iter().any(|term| matches!(term.kind, Kind::Unary(_) | Kind::Binary(_)));
        if self.segment.items[item as usize].import || !sum { 0 } else { terms.len() }
    }

    /// The item of a node that is read.
    fn operand(&mut self, x: u32) -> u32 {
        match self.segment.item_of[x as usize] {
            NONE if self.needs[x as usize].moves => self.import(x, 0),
            NONE => {
                let number = number(value(self.inner, x), x);
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
                *term = plain(self.part(node, *term), node);
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

    /// Makes groups of the segment if it is larger than a size; all of it was recorded up to the node `end`.
    fn close_above(&mut self, size: usize, end: u32) {
        if self.segment.size > size {
            self.builder.close(&self.segment, self.needs, end);
            self.segment.clear();
        }
    }
}

impl<T> Segment<T> {
    /// The terms of an item.
    pub fn terms(&self, item: u32) -> &[Term<T>] {
        let Item { start, len, .. } = self.items[item as usize];
        &self.terms[start..start + len]
    }

    fn new(nodes: usize) -> Self {
        let (items, terms, item_of) = (Vec::new(), Vec::new(), vec![NONE; nodes]);
        Segment { items, terms, item_of, entries: HashMap::new(), size: 0 }
    }

    fn push(&mut self, item: Item) -> u32 {
        self.size += 2 + 2 * item.len;
        self.items.push(item);
        self.items.len() as u32 - 1
    }

    /// Takes an item out; its terms are where they were.
    fn remove(&mut self, item: u32) -> Range<usize> {
        let item = &mut self.items[item as usize];
        item.gone = true;
        self.size -= 2 + 2 * item.len;
        item.start..item.start + item.len
    }

    fn clear(&mut self) {
        for item in self.items.drain(..).filter(|item| item.node != NONE) {
            self.item_of[item.node as usize] = NONE;
        }
        self.terms.clear();
        self.entries.clear();
        self.size = 0;
    }
}
