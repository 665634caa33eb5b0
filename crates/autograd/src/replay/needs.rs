//! What of a tape a program needs, found before it is read.

use super::segment::NONE;
use crate::Real;
use crate::rule::op::Op;
use crate::tape::comparison::Branch;
use crate::tape::records::Inner;

/// What a program in single numbers needs.
pub(super) struct Plan {
    /// Of each node, up to the output and the inputs.
    pub needs: Vec<Need>,
    /// The comparisons among them.
    pub branches: Vec<Branch>,
}

/// What the program needs of a node of the tape.
#[derive(Clone, Copy, Default)]
pub(super) struct Need {
    /// It depends on an input.
    pub moves: bool,
    /// It is computed: it moves, its value is read, and it is no leaf.
    pub runs: bool,
    /// It depends on an input, and the output on it, differentiably.
    pub active: bool,
    /// How many operands it is.
    pub reads: u32,
    /// The last node that reads it.
    pub last: u32,
    /// How many values are recorded up to this node and read after it, of those that are not read for long.
    pub open: u32,
}

impl Plan {
    /// Of these inputs and output; `None` if what depends on the inputs is not made of single numbers.
    pub fn of<T: Real>(inner: &Inner<'_, T>, inputs: &[u32], output: u32) -> Option<Self> {
        let last = inner.last_needed(inputs.iter().copied().chain([output]));
        let branches = inner.branches.clone();
        let moves = inner.descendants(inputs.iter().copied(), last);
        let mut needs: Vec<Need> = moves.into_iter().map(|moves| Need { moves, ..Need::default() }).collect();
        for id in roots(output, &branches) {
            let need = &mut needs[id as usize];
            // Read twice at least: it is kept, and for all the program.
            (need.runs, need.reads, need.last) = (need.moves, 2, NONE);
        }
        let differentiable = |need: &Need, id: u32| need.moves && inner.node(id).is_active();
        needs[output as usize].active = differentiable(&needs[output as usize], output);
        for id in (0..=last).rev() {
            let Need { runs, active, .. } = needs[id as usize];
            if !runs {
                continue;
            }
            for x in inner.operands(id) {
                let need = &mut needs[x as usize];
                need.runs = need.moves;
                need.reads = need.reads.saturating_add(1);
                need.last = need.last.max(id);
                need.active |= active && differentiable(need, x);
            }
            needs[id as usize].runs = !inner.is_leaf(id);
        }
        let single = |(id, need): (u32, &Need)| !need.runs || is_single(inner, id);
        if inner.node(output).len() != 1 || !(0..).zip(&needs).all(single) {
            return None;
        }
        count_open(&mut needs);
        Some(Plan { needs, branches })
    }
}

/// What is asked for beside gradients: the output, and what is compared.
pub(super) fn roots(output: u32, branches: &[Branch]) -> impl Iterator<Item = u32> {
    std::iter::once(output).chain(branches.iter().flat_map(Branch::nodes))
}

/// Whether a node is a single number, of terms that are.
fn is_single<T: Real>(inner: &Inner<'_, T>, id: u32) -> bool {
    let one = |id: u32| inner.node(id).len() == 1;
    one(id)
        && inner.custom(id).is_none()
        && inner.terms(id).iter().all(|&term| match term {
            Op::Number(_) => true,
            Op::Add(_, x) | Op::Divide(_, x) | Op::Transpose(x) | Op::Reshape(x) | Op::Unary(_, x) => one(x),
            Op::Slice(.., x) => one(x) || inner.is_leaf(x),
            Op::Binary(_, a, b) => one(a) && one(b),
            _ => false,
        })
}

/// A value counts as open if its last reader is no more nodes away; others are there all the time.
const SOON: usize = 4096;

fn count_open(needs: &mut [Need]) {
    let mut closing = vec![0; needs.len()];
    let mut open = 0;
    for id in 0..needs.len() {
        let Need { runs, last, .. } = needs[id];
        if runs && (last as usize) < id + SOON {
            open += 1;
            closing[last as usize] += 1;
        }
        open -= closing[id];
        needs[id].open = open;
    }
}
