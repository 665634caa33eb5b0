//! Sets of inputs on which an entry depends.

use std::sync::Arc;

/// Numbers of inputs in rising order. Entries that depend on the same inputs share one list.
#[derive(Clone, Debug, Default)]
pub enum Set {
    #[default]
    Empty,
    One(u32),
    Many(Arc<[u32]>),
}

impl Set {
    pub fn as_slice(&self) -> &[u32] {
        match self {
            Set::Empty => &[],
            Set::One(k) => std::slice::from_ref(k),
            Set::Many(all) => all,
        }
    }

    fn from_sorted(all: &[u32]) -> Set {
        match all {
            [] => Set::Empty,
            [k] => Set::One(*k),
            _ => Set::Many(all.into()),
        }
    }

    fn is_same(&self, other: &Set) -> bool {
        match (self, other) {
            (Set::Many(a), Set::Many(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// Computes unions of sets of up to this many inputs.
pub struct Unions {
    marks: Vec<bool>,
    list: Vec<u32>,
}

impl Unions {
    pub fn new(inputs: usize) -> Self {
        Unions { marks: vec![false; inputs], list: Vec::new() }
    }

    /// The union of these sets. It shares the list of the largest one if that has all.
    pub fn of<'a>(&mut self, sets: impl Iterator<Item = &'a Set> + Clone) -> Set {
        let mut largest = &Set::Empty;
        for set in sets.clone() {
            if set.as_slice().len() > largest.as_slice().len() {
                largest = set;
            }
        }
        self.list.clear();
        for &k in largest.as_slice() {
            self.marks[k as usize] = true;
        }
        for set in sets.filter(|set| !set.is_same(largest)) {
            for &k in set.as_slice() {
                if !std::mem::replace(&mut self.marks[k as usize], true) {
                    self.list.push(k);
                }
            }
        }
        let union = if self.list.is_empty() {
            largest.clone()
        } else {
            self.list.extend_from_slice(largest.as_slice());
            self.list.sort_unstable();
            Set::from_sorted(&self.list)
        };
        largest.as_slice().iter().chain(&self.list).for_each(|&k| self.marks[k as usize] = false);
        union
    }
}
