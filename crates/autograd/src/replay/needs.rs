//! Finds the part of a tape that a program needs, before it is read.

use super::entries::entry_nodes;
use super::segment::NONE;
use crate::Real;
use crate::rule::op::Op;
use crate::tape::comparison::Branch;
use crate::tape::records::Inner;

/// The part of a tape that a scalar program needs.
pub(super) struct ProgramNeeds {
    /// For each node up to the output and the inputs.
    pub needs: Vec<NodeNeeds>,
    /// The comparisons among them.
    pub branches: Vec<Branch>,
    /// The node of each entry of the output.
    pub outputs: Vec<u32>,
}

/// What the program needs from a node of the tape.
#[derive(Clone, Copy, Default)]
pub(super) struct NodeNeeds {
    /// It depends on an input.
    pub moves: bool,
    /// It is computed: it moves, its value is read, and it is not a leaf.
    pub runs: bool,
    /// It depends on an input, and the output depends on it differentiably.
    pub active: bool,
    /// How often it is an operand.
    pub reads: u32,
    /// The last node that reads it.
    pub last: u32,
    /// How many values are recorded up to this node and read after it, not counting values that are read only much later.
    pub open: u32,
}

impl ProgramNeeds {
    /// For these inputs and this output.
    ///
    /// # Errors
    /// With the first node that depends on the inputs and is not a scalar.
    pub fn of<T: Real>(tape: &Inner<'_, T>, inputs: &[u32], output: u32) -> Result<Self, u32> {
        let entries = entry_nodes(tape, output);
        let outputs = entries.clone().unwrap_or_else(|| vec![output]);
        let last = tape.last_needed(inputs.iter().copied().chain([output]));
        let branches = tape.branches.clone();
        let moves = tape.descendants(inputs.iter().copied(), last);
        let mut needs: Vec<NodeNeeds> =
            moves.into_iter().map(|moves| NodeNeeds { moves, ..NodeNeeds::default() }).collect();
        for id in roots(&outputs, &branches) {
            let need = &mut needs[id as usize];
            // It is read at least twice, so it is kept for the whole program.
            (need.runs, need.reads, need.last) = (need.moves, 2, NONE);
        }
        let differentiable = |need: &NodeNeeds, id: u32| need.moves && tape.node(id).is_active();
        for &id in &outputs {
            needs[id as usize].active = differentiable(&needs[id as usize], id);
        }
        for id in (0..=last).rev() {
            let NodeNeeds { runs, active, .. } = needs[id as usize];
            if !runs {
                continue;
            }
            for x in tape.operands(id) {
                let need = &mut needs[x as usize];
                need.runs = need.moves;
                need.reads = need.reads.saturating_add(1);
                need.last = need.last.max(id);
                need.active |= active && differentiable(need, x);
            }
            needs[id as usize].runs = !tape.is_leaf(id);
        }
        let wrong = |(id, need): &(u32, &NodeNeeds)| need.runs && !is_single(tape, *id);
        if let Some((id, _)) = (0..).zip(&needs).find(wrong) {
            return Err(id);
        }
        if entries.is_none() {
            return Err(output);
        }
        count_open(&mut needs);
        Ok(ProgramNeeds { needs, branches, outputs })
    }
}

/// The values that are needed besides gradients: the entries of the output, and the operands of comparisons.
pub(super) fn roots(outputs: &[u32], branches: &[Branch]) -> impl Iterator<Item = u32> {
    outputs.iter().copied().chain(branches.iter().flat_map(Branch::nodes))
}

/// Whether a node and its terms are scalar.
fn is_single<T: Real>(tape: &Inner<'_, T>, id: u32) -> bool {
    let one = |id: u32| tape.node(id).len() == 1;
    one(id)
        && tape.custom(id).is_none()
        && tape.terms(id).iter().all(|&term| match term {
            Op::Number(_) => true,
            Op::Add(_, x) | Op::Divide(_, x) | Op::Transpose(x) | Op::Reshape(x) | Op::Unary(_, x) => one(x),
            Op::Slice(.., x) => one(x) || tape.is_leaf(x),
            Op::Binary(_, a, b) => one(a) && one(b),
            _ => false,
        })
}

/// A value counts as open if its last reader is at most this many nodes away; values that live longer are always available.
const SOON: usize = 4096;

fn count_open(needs: &mut [NodeNeeds]) {
    let mut closing = vec![0; needs.len()];
    let mut open = 0;
    for id in 0..needs.len() {
        let NodeNeeds { runs, last, .. } = needs[id];
        if runs && (last as usize) < id + SOON {
            open += 1;
            closing[last as usize] += 1;
        }
        open -= closing[id];
        needs[id].open = open;
    }
}
