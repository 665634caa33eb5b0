//! From a graph to recurrent layers and a list of layers on their outputs.
//!
//! From the input on, the axes of values are followed through the recurrent nodes and those that move axes. The last value whose axes are
//! known, and which all paths to the output pass, is the input of the list. Nodes at the end that move axes again, or take the last step,
//! do not change what a sample's outputs are.

use std::iter;
use std::path::Path;

use autograd::compiled_once;

use super::OnnxError;
use super::axes::{Axis, Seen, moves};
use super::constants::Place;
use super::import::Layers;
use super::read::{self, Node, Nodes, Operand, is_recurrent};
use crate::{Real, RecurrentNet};

/// Reads a graph of recurrent layers, and of layers on their outputs, as a network whose parameters can be trained further.
///
/// The input of the graph is *steps × batch × features* or *batch × steps × features*; [`run`](RecurrentNet::run) takes a list of steps,
/// each features × batch. The number of steps is free, even if the file has a number for it.
///
/// # Errors
/// Under the same conditions as [`import`](super::import); also if a recurrent node has something that the layers do not have, which
/// the error names.
pub fn import_sequence<T: Real>(file: impl AsRef<Path>) -> Result<RecurrentNet<T>, OnnxError> {
    of_file(file.as_ref())
}

/// Reads a graph of recurrent layers from the bytes of a file, as [`import_sequence`] does.
///
/// # Errors
/// Under the same conditions as [`import_sequence`]; also if the numbers are in another file.
#[compiled_once]
pub fn sequence_from_bytes<T: Real>(bytes: &[u8]) -> Result<RecurrentNet<T>, OnnxError> {
    net(&Nodes::read(Place { file: "the model".to_owned(), folder: None }, bytes)?)
}

#[compiled_once]
fn of_file<T: Real>(path: &Path) -> Result<RecurrentNet<T>, OnnxError> {
    let (place, bytes) = read::file(path)?;
    net(&Nodes::read(place, &bytes)?)
}

fn net<T: Real>(nodes: &Nodes) -> Result<RecurrentNet<T>, OnnxError> {
    let mut features = nodes.features(3, "steps, samples and features are three; `import` reads the others")?;
    let seen = known(nodes)?;
    let (mut end, mut moving) = (nodes.output, Vec::new());
    while let Some(node) = nodes.node(end).filter(|node| seen[end].is_none() && moves(&node.op)) {
        let Some(&Operand::Value(before)) = node.inputs.first() else { break };
        moving.push(node);
        end = before;
    }
    let layers = Layers::of(nodes);
    let mut before = iter::successors(Some(end), |&value| layers.paths.before[value]);
    let found = before.find_map(|value| Some((value, seen[value].as_ref()?)));
    let Some((from, start)) = found.filter(|(_, seen)| !seen.of.is_empty()) else {
        let problem = "it has no recurrent node in front; `import` reads a list of layers, and layers that are written step by step \
            are not imported (PyTorch writes an `nn.RNN` as a node with `dynamo=False`)";
        return Err(nodes.graph_problem(problem.into()));
    };
    let [last] = start.of[..] else {
        return Err(nodes.graph_problem("it computes with the states of several recurrent layers; take one".into()));
    };

    let first = |&value: &usize| {
        let Some(&Operand::Value(x)) = nodes.node(value)?.inputs.first() else { return None };
        seen[x].as_ref()?.of.first().copied()
    };
    let chain: Vec<usize> = iter::successors(Some(last), first).collect();
    let mut recurrent = Vec::with_capacity(chain.len());
    for node in chain.iter().rev().filter_map(|&value| nodes.node(value)) {
        let layer = nodes.recurrent::<T>(node)?;
        if let Some(n) = features.filter(|&n| n != layer.inputs()) {
            let problem = format!("its weights are for {} features, and its input has {n}", layer.inputs());
            return Err(nodes.problem(node, problem));
        }
        features = Some(layer.hidden());
        recurrent.push(layer);
    }

    if start.axes.last() != Some(&Axis::Features) || start.axes.len() > 3 {
        let problem =
            format!("layers run on {:?} of the recurrent layers, and need at most 3, features last", start.axes);
        return Err(nodes.graph_problem(problem));
    }
    nodes.axes.set(start.axes.len());
    let head = layers.between(from, end, features, 0)?;
    let mut result = start.clone();
    for node in moving.into_iter().rev() {
        result = nodes.moved(node, result)?;
    }
    Ok(RecurrentNet { recurrent, head, every_step: result.axes.contains(&Axis::Steps) })
}

/// The values that lead to the output and whose axes are known.
fn known(nodes: &Nodes) -> Result<Vec<Option<Seen>>, OnnxError> {
    let mut leads = vec![false; nodes.len()];
    leads[nodes.output] = true;
    for value in (1..nodes.len()).rev() {
        if let Some(node) = nodes.node(value).filter(|_| leads[value]) {
            values(node).for_each(|x| leads[x] = true);
        }
    }
    let steps_first = vec![Axis::Steps, Axis::Batch, Axis::Features];
    let batch_first = vec![Axis::Batch, Axis::Steps, Axis::Features];
    // The first recurrent node shows which of the two it is.
    match axes(nodes, &leads, steps_first, &batch_first)? {
        Some(seen) => Ok(seen),
        None => Ok(axes(nodes, &leads, batch_first, &[])?.unwrap_or_default()),
    }
}

/// What is known if the input has these axes; nothing if they cannot be, because a recurrent node gets others.
fn axes(
    nodes: &Nodes,
    leads: &[bool],
    of_input: Vec<Axis>,
    turned: &[Axis],
) -> Result<Option<Vec<Option<Seen>>>, OnnxError> {
    let mut seen = vec![None; nodes.len()];
    seen[0] = Some(Seen { axes: of_input, of: Vec::new() });
    for value in 1..nodes.len() {
        let Some(node) = nodes.node(value).filter(|_| leads[value]) else { continue };
        let inputs: Vec<&Seen> = values(node).filter_map(|x| seen[x].as_ref()).collect();
        let of_first = matches!(node.inputs.first(), Some(Operand::Value(_))) && inputs.len() == values(node).count();
        seen[value] = match inputs[..] {
            [x] if is_recurrent(&node.op) && node.state == 0 && of_first => {
                if x.axes == turned && x.of.is_empty() {
                    return Ok(None);
                }
                if x.axes != [Axis::Steps, Axis::Batch, Axis::Features] || x.of.len() > 1 {
                    let problem = format!("its input has the axes {:?}, and needs steps, samples, features", x.axes);
                    return Err(nodes.problem(node, problem));
                }
                Some(Seen { axes: vec![Axis::Steps, Axis::One, Axis::Batch, Axis::Features], of: vec![value] })
            }
            [of] if node.state == 1 => {
                Some(Seen { axes: vec![Axis::One, Axis::Batch, Axis::Features], of: of.of.clone() })
            }
            _ if node.state > 0 => {
                return Err(
                    nodes.problem(node, "its last memory is an output, `Y_c`, and only `Y` and `Y_h` are".into())
                );
            }
            _ if is_recurrent(&node.op) => {
                let problem = "its input is that of the model or comes from recurrent nodes, and its first state is 0";
                return Err(nodes.problem(node, problem.into()));
            }
            [x] if moves(&node.op) && of_first && !is_head(node, x) => Some(nodes.moved(node, x.clone())?),
            [_, ..]
                if node.op == "Concat" && inputs.len() == node.inputs.len() && inputs.iter().all(|x| is_state(x)) =>
            {
                if nodes.int(node, "axis", 0)? != 0 {
                    return Err(nodes.problem(node, "states of recurrent layers are stacked along axis 0".into()));
                }
                let of = inputs.iter().flat_map(|seen| seen.of.clone()).collect();
                Some(Seen { axes: vec![Axis::Layers, Axis::Batch, Axis::Features], of })
            }
            _ => None,
        };
    }
    Ok(Some(seen))
}

/// Whether a node with this input is one of the list of layers, which has its own rules for it.
fn is_head(node: &Node, x: &Seen) -> bool {
    node.op == "Reshape" && x.axes == [Axis::Batch, Axis::Features]
}

/// The last state of a recurrent layer.
fn is_state(x: &Seen) -> bool {
    x.axes == [Axis::One, Axis::Batch, Axis::Features] && x.of.len() == 1
}

fn values(node: &Node) -> impl Iterator<Item = usize> + '_ {
    node.inputs.iter().filter_map(|&x| if let Operand::Value(x) = x { Some(x) } else { None })
}
