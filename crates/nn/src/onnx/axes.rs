//! What the axes of a value are, on the way through nodes that move them.

use super::OnnxError;
use super::lengths::Length;
use super::proto::dtype;
use super::read::{MOST_AXES, Node, Nodes, Operand};

/// An axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Axis {
    Steps,
    Batch,
    Features,
    /// It has length 1: the directions of a recurrent layer, or a step that was taken.
    One,
    /// The last states of several recurrent layers.
    Layers,
}

/// A value whose axes are known.
#[derive(Clone, PartialEq)]
pub struct Seen {
    pub axes: Vec<Axis>,
    /// The recurrent node whose outputs it has, or several whose states are stacked; none if it is the input.
    pub of: Vec<usize>,
}

const TO_THE_END: i64 = i32::MAX as i64;

/// Whether an operator moves or takes parts of axes.
pub fn moves(op: &str) -> bool {
    matches!(op, "Transpose" | "Squeeze" | "Unsqueeze" | "Gather" | "Slice" | "Reshape" | "Identity" | "Cast")
}

impl Nodes {
    /// The axes of the result of a node that [moves] those of its first input.
    pub fn moved(&self, node: &Node, mut seen: Seen) -> Result<Seen, OnnxError> {
        let count = seen.axes.len();
        match &node.op[..] {
            "Cast" if ![dtype::FLOAT, dtype::DOUBLE].map(i64::from).contains(&self.int(node, "to", 0)?) => {
                return Err(self.problem(node, "its numbers are not of type float or double".into()));
            }
            "Transpose" => {
                let reversed = || (0..count as i64).rev().collect();
                let order = self.ints(node, "perm", usize::MAX)?.unwrap_or_else(reversed);
                let all = (0..count as i64).all(|k| order.contains(&k)) && order.len() == count;
                if !all {
                    return Err(self.problem(node, format!("its order of {count} axes is {order:?}")));
                }
                seen.axes = order.into_iter().map(|k| seen.axes[k as usize]).collect();
            }
            "Squeeze" => {
                let axes = self.ints(node, "axes", 1)?.unwrap_or_default();
                let axes = axes.iter().map(|&axis| self.axis(node, axis, count)).collect::<Result<Vec<_>, _>>()?;
                if axes.is_empty() || axes.iter().any(|&axis| seen.axes[axis] != Axis::One) {
                    return Err(self.problem(node, format!("it removes axes {axes:?}, and they are {:?}", seen.axes)));
                }
                seen.axes = (0..count).filter(|axis| !axes.contains(axis)).map(|axis| seen.axes[axis]).collect();
            }
            "Unsqueeze" => {
                let axes = self.ints(node, "axes", 1)?.unwrap_or_default();
                let Some(axis) = axes.first().copied().filter(|_| axes.len() == 1 && count < MOST_AXES) else {
                    let problem =
                        format!("it adds the axes {axes:?} to {count}, and one to fewer than {MOST_AXES} is imported");
                    return Err(self.problem(node, problem));
                };
                seen.axes.insert(self.axis(node, axis, count + 1)?, Axis::One);
            }
            "Gather" => {
                let axis = self.axis(node, self.int(node, "axis", 0)?, count)?;
                let (list, dims) = (self.integers(node, 1)?, self.dims(node, 1)?);
                let [index] = list[..] else {
                    return Err(self.problem(node, format!("it takes {} parts, and one is imported", list.len())));
                };
                self.take(node, &mut seen, axis, index)?;
                match dims.len() {
                    0 => {
                        seen.axes.remove(axis);
                    }
                    1 => {}
                    n => return Err(self.problem(node, format!("its index has {n} axes"))),
                }
            }
            "Slice" => self.slice(node, &mut seen)?,
            "Reshape" if matches!(node.inputs.get(1), Some(Operand::Lengths(_))) => {
                let merged = self.products(node, 1).and_then(|list| self.merged(node, &seen.axes, &list));
                let problem = || format!("it makes other lengths of {:?}, which the graph computes", seen.axes);
                seen.axes = merged.ok_or_else(|| self.problem(node, problem()))?;
            }
            "Reshape" => {
                let list = self.integers(node, 1)?;
                let kept = list.iter().take_while(|&&n| n == 0).count();
                let merged = seen.axes.get(kept..).unwrap_or_default().split_last();
                let fits = merged
                    .is_some_and(|(last, ones)| *last == Axis::Features && ones.iter().all(|&axis| axis == Axis::One));
                if list.get(kept..) != Some(&[-1][..]) || !fits || self.int(node, "allowzero", 0)? != 0 {
                    let problem = format!("it makes the lengths {list:?} of {:?}; use `Squeeze`", seen.axes);
                    return Err(self.problem(node, problem));
                }
                seen.axes.truncate(kept);
                seen.axes.push(Axis::Features);
            }
            _ => {}
        }
        Ok(seen)
    }

    /// The axes of a reshaped value whose lengths are these products of its own: each is one axis, times others of length 1.
    fn merged(&self, node: &Node, axes: &[Axis], products: &[Vec<Length>]) -> Option<Vec<Axis>> {
        let long = |axis: &usize| axes[*axis] != Axis::One;
        let (mut merged, mut order) = (Vec::new(), Vec::new());
        for product in products {
            let mut factors = Vec::new();
            for &length in product {
                match length {
                    Length::Number(1) => {}
                    Length::Axis { value, axis } if node.inputs[0] == Operand::Value(value) && axis < axes.len() => {
                        factors.push(axis)
                    }
                    _ => return None,
                }
            }
            factors.retain(long);
            merged.push(match factors[..] {
                [] => Axis::One,
                [axis] => axes[axis],
                _ => return None,
            });
            order.append(&mut factors);
        }
        order.into_iter().eq((0..axes.len()).filter(long)).then_some(merged)
    }

    fn axis(&self, node: &Node, axis: i64, count: usize) -> Result<usize, OnnxError> {
        let from_0 = if axis < 0 { axis.checked_add(count as i64) } else { Some(axis) };
        let found = from_0.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < count);
        found.ok_or_else(|| self.problem(node, format!("it has axis {axis} of {count}")))
    }

    /// Takes a part of length 1.
    fn take(&self, node: &Node, seen: &mut Seen, axis: usize, index: i64) -> Result<(), OnnxError> {
        let from_0 = |n: usize| self.axis(node, index, n);
        match seen.axes[axis] {
            Axis::Steps if index == -1 => {}
            Axis::Steps => {
                let problem = format!("it takes step {index}, and only the last one, -1, is imported");
                return Err(self.problem(node, problem));
            }
            Axis::One => {
                from_0(1)?;
            }
            Axis::Layers => seen.of = vec![seen.of[from_0(seen.of.len())?]],
            other => return Err(self.problem(node, format!("it takes a part of the axis {other:?}"))),
        }
        seen.axes[axis] = Axis::One;
        Ok(())
    }

    /// Takes a part of length 1, or all.
    fn slice(&self, node: &Node, seen: &mut Seen) -> Result<(), OnnxError> {
        let list = |name, k, default| {
            let list = self.ints(node, name, k)?;
            Ok::<_, OnnxError>(list.unwrap_or_else(|| vec![default]))
        };
        let lists = [list("starts", 1, 0)?, list("ends", 2, TO_THE_END)?, list("axes", 3, 0)?, list("steps", 4, 1)?];
        let [[start], [end], [axis], [1]] = lists.each_ref().map(|list| &list[..]) else {
            return Err(self.problem(node, "it has other parts than one, along one axis in steps of 1".into()));
        };
        let (start, end, axis) = (*start, *end, self.axis(node, *axis, seen.axes.len())?);
        let length = match seen.axes[axis] {
            Axis::One => 1,
            Axis::Layers => seen.of.len() as i64,
            _ => TO_THE_END,
        };
        let from_0 = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
        let index = |at: i64| from_0(at).clamp(0, length);
        match (index(start), index(end)) {
            (0, end) if end == length => Ok(()),
            // A negative start counts from the end, so that the part is the last one whatever the length is.
            (first, last) if last - first == 1 && (start < 0 || length < TO_THE_END) => {
                self.take(node, seen, axis, if length < TO_THE_END { first } else { start })
            }
            _ => Err(self.problem(node, format!("it takes {start}..{end} of the axis {:?}", seen.axes[axis]))),
        }
    }
}
