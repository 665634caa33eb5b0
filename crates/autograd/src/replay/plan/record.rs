//! Makes a plan of a tape.

use super::{NotPlanned, Plan, PlannedParam};
use crate::replay::steps::Writer;
use crate::tape::anew::{Anew, source_of};
use crate::tape::custom_rule::CustomNode;
use crate::tape::records::Slot;
use crate::{Means, Real, Var};

/// The plan of a number.
pub(super) fn plan<'t, T: Real>(
    y: Var<'t, T>,
    inputs: &[Var<'t, T>],
    classes: &[usize],
) -> Result<Plan<T>, NotPlanned> {
    let tape = y.tape();
    if let Some(source) = tape.was_read() {
        let op = tape.with(|inner| {
            let is_there = |custom: &&CustomNode<T>| inner.source(custom.id) == source;
            inner.customs.iter().find(is_there).map(|custom| custom.rule.name().to_owned())
        });
        let what = op.map(|op| format!("computes `{op}`, whose success depends on numbers,"));
        return Err(NotPlanned { what: what.unwrap_or_else(|| "reads a plain number".into()), source });
    }
    tape.with(|inner| {
        let nothing = Anew::default();
        let anew = inner.records.anew.as_deref().unwrap_or(&nothing);
        if let Some((what, source)) = anew.unseen {
            return Err(NotPlanned { what: what.into(), source });
        }
        let slots: Vec<&Slot> = inner.records.params.iter().filter(|slot| !slot.is_bound).collect();
        let planned = |slot: &&Slot| {
            let node = inner.node(slot.node);
            PlannedParam { id: slot.id, shape: node.shape(), trained: node.is_active(), run: 0 }
        };
        let leaves: Vec<u32> = inputs.iter().map(|x| x.id).chain(slots.iter().map(|slot| slot.node)).collect();
        let (mut of_classes, given) = (Vec::new(), source_of(classes));
        for &(node, source) in anew.classes.iter().filter(|(node, _)| inputs.iter().all(|x| x.id != *node)) {
            if classes.is_empty() || source != given {
                let what = "makes a one-hot constant of classes that are no input".into();
                return Err(NotPlanned { what, source: inner.source(node) });
            }
            of_classes.push(node);
        }
        let written: Vec<u32> = of_classes.iter().copied().chain(anew.drawn.iter().map(|(node, _)| *node)).collect();
        let kept = inner.pass.computed.iter().map(|(_, node)| *node).chain(anew.means.iter().copied());
        let writer = Writer::new(inner, y.id, &leaves, &written, kept, false);
        let at = |id: u32| writer.place(id);
        let (classes, weights) =
            (of_classes.into_iter().map(at).collect(), anew.means.iter().copied().map(at).collect());
        let drawn = anew.drawn.iter().map(|(id, fill)| (at(*id), fill.clone())).collect();
        let updates = inner.pass.computed.iter().map(|(id, node)| (*id, at(*node))).collect();
        let (steps, deltas) = writer.finish()?;
        Ok(Plan {
            tape: tape.id(),
            steps,
            layout: deltas.layout(),
            complete: None,
            inputs: inputs.iter().map(|x| x.shape()).collect(),
            params: slots.iter().map(planned).collect(),
            is_training: inner.pass.is_training(),
            classes,
            drawn,
            updates,
            means: match anew.means[..] {
                [] => inner.pass.means,
                _ => Means { weight: None, several: false, ..inner.pass.means },
            },
            weights,
            runs: 0,
            spare: Vec::new(),
        })
    })
}
