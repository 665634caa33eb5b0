//! A segment on its way from the tape into groups: items, and the terms of each.

use std::collections::HashMap;
use std::ops::Range;

use kernel::{Binary, Unary};

use crate::Real;

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
    /// x / c.
    Divided,
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
    pub item_of: Vec<u32>,
    pub entries: HashMap<(u32, u32), u32>,
    pub size: usize,
    /// The node before it, and the one where it had better end.
    pub first: u32,
    pub cut: u32,
}

pub(super) const NONE: u32 = u32::MAX;

impl<T: Real> Term<T> {
    /// c.
    pub fn number(c: T, from: u32) -> Self {
        Term { kind: Kind::Number, c, x: [NONE; 2], from }
    }

    /// x.
    pub fn plain(x: u32, from: u32) -> Self {
        Term { kind: Kind::Plain, c: T::from_f64(1.0), x: [x, NONE], from }
    }
}

impl<T> Segment<T> {
    /// The terms of an item.
    pub fn terms(&self, item: u32) -> &[Term<T>] {
        let Item { start, len, .. } = self.items[item as usize];
        &self.terms[start..start + len]
    }

    pub fn new(nodes: usize) -> Self {
        let (items, terms, item_of) = (Vec::new(), Vec::new(), vec![NONE; nodes]);
        Segment { items, terms, item_of, entries: HashMap::new(), size: 0, first: 0, cut: NONE }
    }

    pub fn push(&mut self, item: Item) -> u32 {
        self.size += 2 + 2 * item.len;
        self.items.push(item);
        self.items.len() as u32 - 1
    }

    /// Takes an item out; its terms are where they were.
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
        self.entries.clear();
        self.size = 0;
    }
}
