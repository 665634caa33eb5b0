//! A program that ends in a matrix of single numbers: which number each entry is.

use super::segment::NONE;
use crate::Real;
use crate::rule::op::Op;
use crate::tape::records::Inner;

/// Stacks within stacks are followed this far.
const DEPTH: u32 = 64;

/// The node of each entry of a matrix, column by column: of a single number itself, of a stack what was stacked. `None` if it is not
/// made of single numbers.
pub(super) fn entry_nodes<T: Real>(tape: &Inner<'_, T>, id: u32) -> Option<Vec<u32>> {
    nodes_to(tape, id, DEPTH)
}

fn nodes_to<T: Real>(tape: &Inner<'_, T>, id: u32, depth: u32) -> Option<Vec<u32>> {
    let ((rows, cols), terms) = (tape.node(id).shape(), tape.terms(id));
    if (rows, cols) == (1, 1) {
        return Some(vec![id]);
    }
    let depth = depth.checked_sub(1)?;
    match *terms {
        [Op::Reshape(x)] => nodes_to(tape, x, depth),
        [Op::Transpose(x)] => {
            let nodes = nodes_to(tape, x, depth)?;
            Some((0..cols).flat_map(|j| (0..rows).map(move |i| j + i * cols)).map(|k| nodes[k]).collect())
        }
        _ => {
            let mut nodes = vec![NONE; rows * cols];
            for &term in terms {
                let Op::Pad(i, j, x) = term else { return None };
                let part_rows = tape.node(x).shape().0;
                for (k, entry) in nodes_to(tape, x, depth)?.into_iter().enumerate() {
                    let place = &mut nodes[i as usize + k % part_rows + (j as usize + k / part_rows) * rows];
                    // Two parts at one place are a sum.
                    if *place != NONE {
                        return None;
                    }
                    *place = entry;
                }
            }
            (!nodes.is_empty() && !nodes.contains(&NONE)).then_some(nodes)
        }
    }
}
