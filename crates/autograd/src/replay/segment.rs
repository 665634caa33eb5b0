//! A segment on its way from the tape into groups: items, and the terms of each.

use std::collections::HashMap;
use std::ops::Range;

use kernel::{Binary, Unary};

use crate::Real;

/// A term of a node, and the node of the tape that recorded it.
#[derive(Clone, Copy)]
pub(super) struct Term<T> {
    pub kind: TermKind,
    /// c.
    pub c: T,
    /// The operands, as items of the segment.
    pub x: [u32; 2],
    pub from: u32,
}

/// The kind of a term. It does not include the value of c, so numbers do not decide what can run together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TermKind {
    /// c.
    Number,
    /// x: its δ is that of the node.
    Plain,
    /// c x.
    Scaled,
    /// x / c.
    Divided,
    /// a b.
    Product,
    /// c (a b).
    ScaledProduct,
    Unary(Unary),
    Binary(Binary),
}

/// A value of a segment: computed in it, or imported from before it.
#[derive(Clone)]
pub(super) struct SegmentItem {
    /// The node of the tape; `NONE` for a part of a node.
    pub node: u32,
    /// The range of its terms; for an import, which entry of its node it is.
    pub start: usize,
    pub len: usize,
    /// Whether it has a δ.
    pub active: bool,
    pub import: bool,
    /// Whether its terms were merged into its reader.
    pub gone: bool,
}

/// Consecutive nodes. Their values and slots are few enough for 16-bit indices and for the cache.
pub(super) struct SegmentTerms<T> {
    pub items: Vec<SegmentItem>,
    pub terms: Vec<Term<T>>,
    /// The item of each node of the tape in this segment, and of entries of inputs that are matrices.
    pub item_of: Vec<u32>,
    pub entry_items: HashMap<(u32, u32), u32>,
    pub size: usize,
    /// The node before it, and the node where it should end if possible.
    pub first: u32,
    pub cut: u32,
}

pub(super) const NONE: u32 = u32::MAX;

impl<T: Real> Term<T> {
    /// c.
    pub fn number(c: T, from: u32) -> Self {
        Term { kind: TermKind::Number, c, x: [NONE; 2], from }
    }

    /// x.
    pub fn plain(x: u32, from: u32) -> Self {
        Term { kind: TermKind::Plain, c: T::from_f64(1.0), x: [x, NONE], from }
    }
}

impl<T> SegmentTerms<T> {
    /// The terms of an item.
    pub fn terms(&self, item: u32) -> &[Term<T>] {
        let SegmentItem { start, len, .. } = self.items[item as usize];
        &self.terms[start..start + len]
    }

    pub fn new(nodes: usize) -> Self {
        let (items, terms, item_of) = (Vec::new(), Vec::new(), vec![NONE; nodes]);
        SegmentTerms { items, terms, item_of, entry_items: HashMap::new(), size: 0, first: 0, cut: NONE }
    }

    pub fn push(&mut self, item: SegmentItem) -> u32 {
        self.size += 2 + 2 * item.len;
        self.items.push(item);
        self.items.len() as u32 - 1
    }

    /// Takes an item out; its terms stay where they are.
    pub fn remove(&mut self, item: u32) -> Range<usize> {
        let item = &mut self.items[item as usize];
        item.gone = true;
        self.size -= 2 + 2 * item.len;
        item.start..item.start + item.len
    }

    pub fn clear(&mut self) {
        for item in self.items.drain(..).filter(|item| item.node != NONE) {
            self.item_of[item.node as usize] = NONE;
        }
        self.terms.clear();
        self.entry_items.clear();
        self.size = 0;
    }
}
