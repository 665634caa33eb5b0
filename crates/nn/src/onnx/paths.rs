//! The values that all paths from the input to a value pass.

use super::read::{Nodes, Operand};

/// For each value the last one that all paths to it pass, and how many such values precede it. The input and values
/// that are not computed from it have none.
pub struct Paths {
    pub before: Vec<Option<usize>>,
    pub depth: Vec<usize>,
}

impl Paths {
    pub fn of(nodes: &Nodes) -> Self {
        let mut paths = Paths { before: vec![None; nodes.len()], depth: vec![0; nodes.len()] };
        let mut moves = vec![false; nodes.len()];
        moves[0] = true;
        for value in 1..nodes.len() {
            let inputs = nodes.node(value).into_iter().flat_map(|node| &node.inputs);
            let values = inputs.filter_map(|&x| if let Operand::Value(x) = x { Some(x) } else { None });
            let values: Vec<usize> = values.filter(|&x| moves[x]).collect();
            moves[value] = !values.is_empty();
            let before = values.into_iter().map(Some).reduce(|a, b| paths.common(a?, b?)).flatten();
            paths.before[value] = before;
            paths.depth[value] = before.map_or(0, |before| paths.depth[before] + 1);
        }
        paths
    }

    /// The last value that all paths to both pass.
    pub fn common(&self, mut a: usize, mut b: usize) -> Option<usize> {
        while a != b {
            let later = if self.depth[a] >= self.depth[b] { &mut a } else { &mut b };
            *later = self.before[*later]?;
        }
        Some(a)
    }
}
