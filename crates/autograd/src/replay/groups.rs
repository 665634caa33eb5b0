//! A segment in groups: nodes of one level with the same terms, in an order in which data that is read together is contiguous.
//!
//! The level of a node is 1 + the largest level of its operands. Slots are numbered from the last group to the first, and the nodes of
//! a group are in the order of the slots that their first readers fill. A group then mostly reads one contiguous range
//! and needs no list.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use smallvec::SmallVec;

use super::needs::NodeNeeds;
use super::segment::{NONE, SegmentItem, SegmentTerms, Term, TermKind};

/// A segment in order.
pub(super) struct SegmentLayout {
    /// All computed items, from the last group to the first, and the end of each group.
    nodes: Vec<u32>,
    ends: Vec<usize>,
    /// Imported items: those without uses first, then by their number.
    pub imports: Vec<u32>,
    /// Items whose δ comes from later segments.
    pub exports: Vec<u32>,
    uses: Uses,
    pub item_places: Vec<ItemPlace>,
    /// The number of slots.
    pub slots: u32,
}

/// The places of an item of a segment.
#[derive(Clone, Copy, Default)]
pub(super) struct ItemPlace {
    level: u32,
    shape: u32,
    /// Its index among the values of the segment.
    pub local: u32,
    /// The slot of its δ. The slots of its edges follow, spaced by the width of its group.
    pub slot: u32,
    width: u32,
}

/// A reader of an item, and which of its edges. For the reader `NONE`: a later segment, and which export.
#[derive(Clone, Copy)]
pub(super) struct SlotUse {
    reader: u32,
    edge: u32,
}

/// The uses of every item, one item after the other.
struct Uses {
    uses: Vec<SlotUse>,
    ends: Vec<u32>,
}

/// Numbers for lists of terms that can run together.
#[derive(Default)]
pub(super) struct TermShapes {
    kinds: Vec<TermKind>,
    shapes: HashMap<Vec<u32>, u32>,
}

impl SegmentLayout {
    /// The order of a segment that ends with the node `end` of the tape.
    pub fn of<T: Copy>(segment: &SegmentTerms<T>, shapes: &mut TermShapes, needs: &[NodeNeeds], end: u32) -> Self {
        let items = &segment.items;
        let all = || (0..items.len() as u32).zip(items);
        let mut nodes: Vec<u32> = all().filter(|(_, item)| !item.import && !item.gone).map(|(k, _)| k).collect();
        let mut item_places = vec![ItemPlace::default(); items.len()];
        for &k in &nodes {
            let terms = segment.terms(k);
            let below = terms.iter().flat_map(Term::operands).map(|x| item_places[x as usize].level).max();
            item_places[k as usize].level = 1 + below.unwrap_or(0);
            item_places[k as usize].shape = shapes.shape_number(items, terms);
        }
        let outlives = |item: &SegmentItem| item.active && item.node != NONE && needs[item.node as usize].last > end;
        let exports: Vec<u32> = nodes.iter().copied().filter(|&k| outlives(&items[k as usize])).collect();
        let uses = Uses::of(segment, &nodes, &exports);

        let count = |k: u32| uses.of_item(k).len();
        let key = |k: u32| (Reverse(item_places[k as usize].level), item_places[k as usize].shape, count(k));
        nodes.sort_by_cached_key(|&k| key(k));
        let mut start = 0;
        let ends = nodes.chunk_by(|&a, &b| key(a) == key(b)).map(|group| {
            start += group.len();
            start
        });
        let ends: Vec<usize> = ends.collect();
        let first =
            |item_places: &[ItemPlace], k: u32| uses.of_item(k).first().map_or(k, |&first| slot_of(item_places, first));
        let mut slots = exports.len() as u32;
        for range in group_ranges(&ends) {
            let group = &mut nodes[range];
            if group.len() > 1 {
                group.sort_by_cached_key(|&k| first(&item_places, k));
            }
            let width = group.len() as u32;
            for (i, &k) in (0..).zip(&*group) {
                let place = &mut item_places[k as usize];
                (place.slot, place.width) = (slots + i, width);
            }
            if count(group[0]) > 0 {
                slots += width * (1 + segment.terms(group[0]).iter().map(|term| term.edges(items)).sum::<u32>());
            }
        }
        let mut imports: Vec<u32> = all().filter(|(_, item)| item.import).map(|(k, _)| k).collect();
        imports.sort_by_cached_key(|&k| (count(k), first(&item_places, k)));
        let groups = group_ranges(&ends).rev().flat_map(|group| &nodes[group]);
        for (local, &k) in (0..).zip(imports.iter().chain(groups)) {
            item_places[k as usize].local = local;
        }
        SegmentLayout { nodes, ends, imports, exports, uses, item_places, slots }
    }

    /// The items of each group, from the first level to the last.
    pub fn groups(&self) -> impl Iterator<Item = &[u32]> {
        group_ranges(&self.ends).rev().map(|group| &self.nodes[group])
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.imports.len() + self.nodes.len()
    }

    /// The summands of an item's δ, in the order of the tape's sweep.
    pub fn uses(&self, item: u32) -> &[SlotUse] {
        self.uses.of_item(item)
    }

    /// The slot of a use.
    pub fn slot(&self, at: SlotUse) -> u32 {
        slot_of(&self.item_places, at)
    }
}

/// The ranges that end there, one after the other.
fn group_ranges(ends: &[usize]) -> impl DoubleEndedIterator<Item = Range<usize>> {
    (0..ends.len()).map(|k| if k == 0 { 0 } else { ends[k - 1] }..ends[k])
}

fn slot_of(item_places: &[ItemPlace], SlotUse { reader, edge }: SlotUse) -> u32 {
    match reader {
        NONE => edge,
        _ => item_places[reader as usize].slot + edge * item_places[reader as usize].width,
    }
}

impl Uses {
    /// The sweep of a tape goes from the last node to the first, and through the terms of each in order.
    fn of<T: Copy>(segment: &SegmentTerms<T>, nodes: &[u32], exports: &[u32]) -> Self {
        let items = &segment.items;
        let mut terms = Vec::new();
        for &reader in nodes.iter().filter(|&&k| items[k as usize].active) {
            let mut edge = 0;
            for term in segment.terms(reader) {
                terms.push((Reverse(term.from), SlotUse { reader, edge }, term));
                edge += term.edges(items);
            }
        }
        terms.sort_by_key(|&(from, ..)| from);
        let later = (0..).zip(exports).map(|(edge, &k)| (k, SlotUse { reader: NONE, edge }));
        let here = terms.iter().flat_map(|&(_, SlotUse { reader, edge }, term)| {
            let active = term.operands().filter(|&x| items[x as usize].active);
            active.zip(edge + 1..).map(move |(x, edge)| {
                (x, SlotUse { reader, edge: if term.kind == TermKind::Plain { 0 } else { edge } })
            })
        });
        let all: Vec<(u32, SlotUse)> = later.chain(here).collect();
        let mut ends = vec![0; items.len() + 1];
        all.iter().for_each(|&(x, _)| ends[x as usize + 1] += 1);
        (1..ends.len()).for_each(|k| ends[k] += ends[k - 1]);
        // Each item's uses are written from their start on; this start moves to their end.
        let mut uses = vec![SlotUse { reader: NONE, edge: NONE }; all.len()];
        for (x, at) in all {
            let end = &mut ends[x as usize];
            uses[*end as usize] = at;
            *end += 1;
        }
        Uses { uses, ends }
    }

    fn of_item(&self, k: u32) -> &[SlotUse] {
        let start = if k == 0 { 0 } else { self.ends[k as usize - 1] };
        &self.uses[start as usize..self.ends[k as usize] as usize]
    }
}

impl<T> Term<T> {
    /// The operands that exist.
    pub fn operands(&self) -> impl Iterator<Item = u32> {
        self.x.into_iter().filter(|&x| x != NONE)
    }

    /// The number of slots that it fills: none if δx = δy.
    fn edges(&self, items: &[SegmentItem]) -> u32 {
        let active = self.operands().filter(|&x| items[x as usize].active).count();
        if self.kind == TermKind::Plain { 0 } else { active as u32 }
    }
}

impl TermShapes {
    /// The number of a list of terms. Terms can run together if they are of the same kind and have slots for the same operands. For plain
    /// terms the number of terms counts as well.
    fn shape_number<T>(&mut self, items: &[SegmentItem], terms: &[Term<T>]) -> u32 {
        let mut shape = SmallVec::<[u32; 16]>::new();
        for run in terms.chunk_by(|a, b| a.kind == TermKind::Plain && b.kind == TermKind::Plain) {
            // Functions with a parameter can be many if it is data; only this many are compared.
            let recent = self.kinds.len().saturating_sub(64);
            let known = self.kinds[recent..].iter().position(|&kind| kind == run[0].kind);
            let kind = recent + known.unwrap_or(self.kinds.len() - recent);
            if known.is_none() {
                self.kinds.push(run[0].kind);
            }
            let active = |side: usize| run[0].x[side] != NONE && items[run[0].x[side] as usize].active;
            let slots =
                if run[0].kind == TermKind::Plain { 0 } else { u32::from(active(0)) + 2 * u32::from(active(1)) };
            shape.extend([4 * kind as u32 + slots, run.len() as u32]);
        }
        if let Some(&known) = self.shapes.get(&shape[..]) {
            return known;
        }
        let next = self.shapes.len() as u32;
        self.shapes.insert(shape.into_vec(), next);
        next
    }
}
