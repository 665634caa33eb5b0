//! The tables of a scalar program, written segment by segment.

use kernel::Binary;
use smallvec::SmallVec;

use super::groups::{SegmentLayout, TermShapes};
use super::loops::{
    Factor, Import, ImportPull, LoopGroup, Loops, Operand, Places, SegmentLoops, Span, Tables, TermRow,
};
use super::needs::NodeNeeds;
use super::segment::{NONE, SegmentTerms, Term, TermKind};
use crate::Real;
use crate::tape::comparison::{Branch, Side};
use crate::tape::records::Inner;

/// Loops under construction.
pub(super) struct Builder<T> {
    loops: Loops<T>,
    /// The places of the value and the δ of each node of the tape; for an input, of its first entry.
    node_places: Vec<Import>,
    shapes: TermShapes,
}

/// Ranges are stored if they have this many numbers on average.
const RUN: usize = 8;

const NOWHERE: Import = Import { value: NONE, delta: NONE };

impl<T: Real> Builder<T> {
    pub fn new(tape: &Inner<'_, T>, inputs: &[u32], nodes: usize) -> Self {
        let (mut node_places, mut values, mut repeats) = (vec![NOWHERE; nodes], Vec::new(), Vec::new());
        for &id in inputs {
            let (start, place) = (values.len(), &mut node_places[id as usize]);
            if place.value == NONE {
                *place = Import { value: start as u32, delta: start as u32 };
            } else {
                repeats.push((start, place.value as usize, tape.node(id).len()));
            }
            values.extend_from_slice(tape.view(id).as_slice());
        }
        let deltas = values.len();
        let loops = Loops {
            tables: Tables::default(),
            segments: Vec::new(),
            values,
            deltas,
            slots: 0,
            outputs: Vec::new(),
            shape: (0, 0),
            output: Vec::new(),
            branches: Vec::new(),
            repeats,
        };
        Builder { loops, node_places, shapes: TermShapes::default() }
    }

    /// The loops, with the values of the recording.
    pub fn finish(
        mut self,
        shape: (usize, usize),
        outputs: &[u32],
        needs: &[NodeNeeds],
        branches: Vec<Branch>,
    ) -> Loops<T> {
        let place = |id: u32| self.node_places[id as usize].value;
        let right = |side| if let Side::Node(id) = side { Side::Node(place(id)) } else { side };
        let placed = |branch: Branch| Branch { left: place(branch.left), right: right(branch.right), ..branch };
        self.loops.branches = branches.into_iter().map(placed).collect();
        let output = |&id: &u32| {
            let Import { value, delta } = self.node_places[id as usize];
            Import { value, delta: if needs[id as usize].active { delta } else { NONE } }
        };
        self.loops.outputs = outputs.iter().map(output).collect();
        (self.loops.shape, self.loops.output) = (shape, vec![T::default(); outputs.len()]);
        self.loops.tables.shrink_to_fit();
        self.loops.values.shrink_to_fit();
        let _ = self.loops.recompute();
        self.loops
    }

    /// Writes a segment that ends with the node `end` of the tape.
    pub fn write_segment(&mut self, segment: &SegmentTerms<T>, needs: &[NodeNeeds], end: u32) {
        let layout = SegmentLayout::of(segment, &mut self.shapes, needs, end);
        let start = self.loops.values.len();
        let imports = self.write_imports(segment, &layout);
        let pulls = self.loops.tables.pulls.len();
        for alike in layout.imports.chunk_by(|&a, &b| layout.uses(a).len() == layout.uses(b).len()) {
            let uses = self.write_uses(&layout, alike);
            let first = imports.start + layout.item_places[alike[0] as usize].local;
            if uses.len() > 0 {
                let imports = Span { start: first, end: first + alike.len() as u32 };
                self.loops.tables.pulls.push(ImportPull { imports, uses });
            }
        }
        let groups = self.loops.tables.groups.len();
        for group in layout.groups() {
            self.write_group(segment, &layout, group);
        }
        let exports = Span::from(self.loops.deltas, self.loops.deltas + layout.exports.len());
        for (k, item) in (0..).zip(&segment.items) {
            if !item.import && item.node != NONE && !item.gone {
                let value = start as u32 + layout.item_places[k].local;
                self.node_places[item.node as usize] = Import { value, delta: NONE };
            }
        }
        for (delta, &k) in (exports.start..).zip(&layout.exports) {
            self.node_places[segment.items[k as usize].node as usize].delta = delta;
        }
        let len = layout.len();
        self.loops.values.resize(start + len, T::default());
        self.loops.deltas += layout.exports.len();
        self.loops.slots = self.loops.slots.max(layout.slots as usize);
        let tables = &self.loops.tables;
        let (pulls, groups) = (Span::from(pulls, tables.pulls.len()), Span::from(groups, tables.groups.len()));
        self.loops.segments.push(SegmentLoops { start, len, imports, groups, exports, pulls });
    }

    fn write_imports(&mut self, segment: &SegmentTerms<T>, layout: &SegmentLayout) -> Span {
        let imports = &mut self.loops.tables.imports;
        let start = imports.len();
        for &k in &layout.imports {
            let item = &segment.items[k as usize];
            let Import { value, delta } = self.node_places[item.node as usize];
            // For a node that is a matrix, the entry: only inputs are matrices.
            let entry = item.start as u32;
            let delta = if item.active { delta + entry } else { NONE };
            imports.push(Import { value: value + entry, delta });
        }
        Span::from(start, imports.len())
    }

    fn write_group(&mut self, segment: &SegmentTerms<T>, layout: &SegmentLayout, nodes: &[u32]) {
        let uses = self.write_uses(layout, nodes);
        let start = self.loops.tables.rows.len();
        let model = segment.terms(nodes[0]);
        let mut k = 0;
        while k < model.len() {
            let terms = |k: usize| nodes.iter().map(move |&node| &segment.terms(node)[k]);
            let local = |x: u32| layout.item_places[x as usize].local;
            let tables = &mut self.loops.tables;
            let mut operand = |side: usize| Operand {
                places: tables.write_places(terms(k).map(|term| local(term.x[side]))),
                active: segment.items[model[k].x[side] as usize].active,
            };
            let row = match model[k].kind {
                TermKind::Plain => {
                    let count = model[k..].iter().take_while(|term| term.kind == TermKind::Plain).count();
                    let start = tables.places.len();
                    for k in k..k + count {
                        let at = tables.write_places(terms(k).map(|term| local(term.x[0])));
                        tables.places.push(at);
                    }
                    k += count - 1;
                    TermRow::Sum(Span::from(start, tables.places.len()))
                }
                TermKind::Number => TermRow::Number(tables.write_factor(terms(k))),
                TermKind::Scaled => {
                    let x = operand(0);
                    TermRow::Scaled(tables.write_factor(terms(k)), x)
                }
                TermKind::Divided => {
                    let x = operand(0);
                    TermRow::Divided(tables.write_factor(terms(k)), x)
                }
                TermKind::Product => TermRow::Binary(Binary::Mul, operand(0), operand(1)),
                TermKind::ScaledProduct => {
                    let (a, b) = (operand(0), operand(1));
                    TermRow::ScaledProduct(tables.write_factor(terms(k)), a, b)
                }
                TermKind::Unary(f) => TermRow::Unary(f, operand(0)),
                TermKind::Binary(f) => TermRow::Binary(f, operand(0), operand(1)),
            };
            self.loops.tables.rows.push(row);
            k += 1;
        }
        let place = layout.item_places[nodes[0] as usize];
        let rows = Span::from(start, self.loops.tables.rows.len());
        let group = LoopGroup { width: nodes.len() as u32, local: place.local, slot: place.slot, rows, uses };
        self.loops.tables.groups.push(group);
    }

    /// The slots that items with the same number of uses gather.
    fn write_uses(&mut self, layout: &SegmentLayout, items: &[u32]) -> Span {
        let tables = &mut self.loops.tables;
        let start = tables.places.len();
        for k in 0..layout.uses(items[0]).len() {
            let at = tables.write_places(items.iter().map(|&item| layout.slot(layout.uses(item)[k])));
            tables.places.push(at);
        }
        Span::from(start, tables.places.len())
    }
}

impl<T: Real> Tables<T> {
    fn shrink_to_fit(&mut self) {
        let Tables { imports, pulls, groups, rows, places, lists, factors } = self;
        imports.shrink_to_fit();
        pulls.shrink_to_fit();
        groups.shrink_to_fit();
        rows.shrink_to_fit();
        places.shrink_to_fit();
        lists.shrink_to_fit();
        factors.shrink_to_fit();
    }

    /// These numbers in their shortest form.
    fn write_places(&mut self, numbers: impl Iterator<Item = u32>) -> Places {
        let short = |x: u32| u16::try_from(x).expect("a segment is small");
        let numbers: SmallVec<[u16; 64]> = numbers.map(short).collect();
        let (first, start) = (u32::from(numbers[0]), table_index(self.lists.len()));
        let runs = numbers.chunk_by(|a, b| a + 1 == *b);
        match runs.clone().count() {
            1 => Places::From(first),
            _ if numbers.iter().all(|&x| u32::from(x) == first) => Places::Same(first),
            count if count * RUN <= numbers.len() => {
                self.lists.extend(runs.flat_map(|run| [run[0], run.len() as u16]));
                Places::Runs(start)
            }
            _ => {
                self.lists.extend_from_slice(&numbers);
                Places::List(start)
            }
        }
    }

    /// The constants of terms: a single one if they are equal.
    fn write_factor<'a>(&mut self, terms: impl Iterator<Item = &'a Term<T>> + Clone) -> Factor<T> {
        let first = terms.clone().next().map_or(T::default(), |term| term.c);
        // Not `==`, because 0 equals −0.
        if terms.clone().all(|term| term.c.to_f64().to_bits() == first.to_f64().to_bits()) {
            return Factor::One(first);
        }
        let start = table_index(self.factors.len());
        self.factors.extend(terms.map(|term| term.c));
        Factor::Each(start)
    }
}

impl Span {
    fn from(start: usize, end: usize) -> Span {
        Span { start: table_index(start), end: table_index(end) }
    }
}

/// An index of a table.
fn table_index(k: usize) -> u32 {
    u32::try_from(k).expect("a table has fewer than 2³² entries")
}
