//! The tables of a program in single numbers, written segment by segment.

use kernel::Binary;
use smallvec::SmallVec;

use super::groups::{Layout, Shapes};
use super::loops::{At, Factor, Group, Import, Loops, Operand, Pull, Row, Segment, Span, Tables};
use super::needs::Need;
use super::segment::{self, Kind, NONE, Term};
use crate::Real;
use crate::tape::comparison::{Branch, Side};
use crate::tape::records::Inner;

/// Loops in the making.
pub(super) struct Builder<T> {
    loops: Loops<T>,
    /// Where the value and the δ of each node of the tape are; of an input, of its first entry.
    places: Vec<Import>,
    shapes: Shapes,
}

/// Runs are stored if they have this many numbers on average.
const RUN: usize = 8;

const NOWHERE: Import = Import { value: NONE, delta: NONE };

impl<T: Real> Builder<T> {
    pub fn new(inner: &Inner<'_, T>, inputs: &[u32], nodes: usize) -> Self {
        let (mut places, mut values, mut repeats) = (vec![NOWHERE; nodes], Vec::new(), Vec::new());
        for &id in inputs {
            let (start, place) = (values.len(), &mut places[id as usize]);
            if place.value == NONE {
                *place = Import { value: start as u32, delta: start as u32 };
            } else {
                repeats.push((start, place.value as usize, inner.node(id).len()));
            }
            values.extend_from_slice(inner.view(id).as_slice());
        }
        let deltas = values.len();
        let loops = Loops {
            tables: Tables::default(),
            segments: Vec::new(),
            values,
            deltas,
            slots: 0,
            output: NOWHERE,
            branches: Vec::new(),
            repeats,
        };
        Builder { loops, places, shapes: Shapes::default() }
    }

    /// The loops, with the values of the recording.
    pub fn finish(mut self, output: u32, active: bool, branches: Vec<Branch>) -> Loops<T> {
        let place = |id: u32| self.places[id as usize].value;
        let right = |side| if let Side::Node(id) = side { Side::Node(place(id)) } else { side };
        let placed = |branch: Branch| Branch { left: place(branch.left), right: right(branch.right), ..branch };
        self.loops.branches = branches.into_iter().map(placed).collect();
        let Import { value, delta } = self.places[output as usize];
        self.loops.output = Import { value, delta: if active { delta } else { NONE } };
        self.loops.tables.shrink_to_fit();
        self.loops.values.shrink_to_fit();
        let _ = self.loops.run();
        self.loops
    }

    /// Writes a segment that ends with the node `end` of the tape.
    pub fn close(&mut self, segment: &segment::Segment<T>, needs: &[Need], end: u32) {
        let layout = Layout::of(segment, &mut self.shapes, needs, end);
        let start = self.loops.values.len();
        let imports = self.imports(segment, &layout);
        let pulls = self.loops.tables.pulls.len();
        for alike in layout.imports.chunk_by(|&a, &b| layout.uses(a).len() == layout.uses(b).len()) {
            let uses = self.uses(&layout, alike);
            let first = imports.start + layout.spots[alike[0] as usize].local;
            if uses.len() > 0 {
                let imports = Span { start: first, end: first + alike.len() as u32 };
                self.loops.tables.pulls.push(Pull { imports, uses });
            }
        }
        let groups = self.loops.tables.groups.len();
        for group in layout.groups() {
            self.group(segment, &layout, group);
        }
        let exports = Span::from(self.loops.deltas, self.loops.deltas + layout.exports.len());
        for (k, item) in (0..).zip(&segment.items) {
            if !item.import && item.node != NONE && !item.gone {
                let value = start as u32 + layout.spots[k].local;
                self.places[item.node as usize] = Import { value, delta: NONE };
            }
        }
        for (delta, &k) in (exports.start..).zip(&layout.exports) {
            self.places[segment.items[k as usize].node as usize].delta = delta;
        }
        let len = layout.len();
        self.loops.values.resize(start + len, T::default());
        self.loops.deltas += layout.exports.len();
        self.loops.slots = self.loops.slots.max(layout.slots as usize);
        let tables = &self.loops.tables;
        let (pulls, groups) = (Span::from(pulls, tables.pulls.len()), Span::from(groups, tables.groups.len()));
        self.loops.segments.push(Segment { start, len, imports, groups, exports, pulls });
    }

    fn imports(&mut self, segment: &segment::Segment<T>, layout: &Layout) -> Span {
        let imports = &mut self.loops.tables.imports;
        let start = imports.len();
        for &k in &layout.imports {
            let item = &segment.items[k as usize];
            let Import { value, delta } = self.places[item.node as usize];
            // Of a node that is a matrix, the entry: only inputs are.
            let entry = item.start as u32;
            let delta = if item.active { delta + entry } else { NONE };
            imports.push(Import { value: value + entry, delta });
        }
        Span::from(start, imports.len())
    }

    fn group(&mut self, segment: &segment::Segment<T>, layout: &Layout, nodes: &[u32]) {
        let uses = self.uses(layout, nodes);
        let start = self.loops.tables.rows.len();
        let model = segment.terms(nodes[0]);
        let mut k = 0;
        while k < model.len() {
            let terms = |k: usize| nodes.iter().map(move |&node| &segment.terms(node)[k]);
            let local = |x: u32| layout.spots[x as usize].local;
            let tables = &mut self.loops.tables;
            let mut operand = |side: usize| Operand {
                at: tables.at(terms(k).map(|term| local(term.x[side]))),
                active: segment.items[model[k].x[side] as usize].active,
            };
            let row = match model[k].kind {
                Kind::Plain => {
                    let count = model[k..].iter().take_while(|term| term.kind == Kind::Plain).count();
                    let start = tables.ats.len();
                    for k in k..k + count {
                        let at = tables.at(terms(k).map(|term| local(term.x[0])));
                        tables.ats.push(at);
                    }
                    k += count - 1;
                    Row::Sum(Span::from(start, tables.ats.len()))
                }
                Kind::Number => Row::Number(tables.factor(terms(k))),
                Kind::Scaled => {
                    let x = operand(0);
                    Row::Scaled(tables.factor(terms(k)), x)
                }
                Kind::Divided => {
                    let x = operand(0);
                    Row::Divided(tables.factor(terms(k)), x)
                }
                Kind::Product => Row::Binary(Binary::Mul, operand(0), operand(1)),
                Kind::ScaledProduct => {
                    let (a, b) = (operand(0), operand(1));
                    Row::ScaledProduct(tables.factor(terms(k)), a, b)
                }
                Kind::Unary(f) => Row::Unary(f, operand(0)),
                Kind::Binary(f) => Row::Binary(f, operand(0), operand(1)),
            };
            self.loops.tables.rows.push(row);
            k += 1;
        }
        let spot = layout.spots[nodes[0] as usize];
        let rows = Span::from(start, self.loops.tables.rows.len());
        let group = Group { width: nodes.len() as u32, local: spot.local, slot: spot.slot, rows, uses };
        self.loops.tables.groups.push(group);
    }

    /// The slots that items with the same number of uses pull.
    fn uses(&mut self, layout: &Layout, items: &[u32]) -> Span {
        let tables = &mut self.loops.tables;
        let start = tables.ats.len();
        for k in 0..layout.uses(items[0]).len() {
            let at = tables.at(items.iter().map(|&item| layout.slot(layout.uses(item)[k])));
            tables.ats.push(at);
        }
        Span::from(start, tables.ats.len())
    }
}

impl<T: Real> Tables<T> {
    fn shrink_to_fit(&mut self) {
        let Tables { imports, pulls, groups, rows, ats, lists, factors } = self;
        imports.shrink_to_fit();
        pulls.shrink_to_fit();
        groups.shrink_to_fit();
        rows.shrink_to_fit();
        ats.shrink_to_fit();
        lists.shrink_to_fit();
        factors.shrink_to_fit();
    }

    /// These numbers, as briefly as they can be said.
    fn at(&mut self, numbers: impl Iterator<Item = u32>) -> At {
        let short = |x: u32| u16::try_from(x).expect("a segment is small");
        let numbers: SmallVec<[u16; 64]> = numbers.map(short).collect();
        let (first, start) = (u32::from(numbers[0]), place(self.lists.len()));
        let runs = numbers.chunk_by(|a, b| a + 1 == *b);
        match runs.clone().count() {
            1 => At::From(first),
            _ if numbers.iter().all(|&x| u32::from(x) == first) => At::Same(first),
            count if count * RUN <= numbers.len() => {
                self.lists.extend(runs.flat_map(|run| [run[0], run.len() as u16]));
                At::Runs(start)
            }
            _ => {
                self.lists.extend_from_slice(&numbers);
                At::List(start)
            }
        }
    }

    /// The constants of terms: as one if they are equal.
    fn factor<'a>(&mut self, terms: impl Iterator<Item = &'a Term<T>> + Clone) -> Factor<T> {
        let first = terms.clone().next().map_or(T::default(), |term| term.c);
        // Not `==`, which takes 0 for −0.
        if terms.clone().all(|term| term.c.to_f64().to_bits() == first.to_f64().to_bits()) {
            return Factor::One(first);
        }
        let start = place(self.factors.len());
        self.factors.extend(terms.map(|term| term.c));
        Factor::Each(start)
    }
}

impl Span {
    fn from(start: usize, end: usize) -> Span {
        Span { start: place(start), end: place(end) }
    }
}

/// A place in a table.
fn place(k: usize) -> u32 {
    u32::try_from(k).expect("a table has fewer than 2³² entries")
}
