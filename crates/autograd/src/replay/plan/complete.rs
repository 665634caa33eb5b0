//! When the gradients of parameters are complete in the course of a sweep.

use super::{Leaves, Plan, PlannedParam};
use crate::Real;
use crate::sweep::regions::Deltas;

/// The gradient of a parameter, and the number of backward steps after which it no longer changes.
pub(super) struct Complete {
    after: usize,
    id: u64,
    start: usize,
    len: usize,
}

/// Is told the identity of a parameter and its gradient as soon as it is complete.
#[doc(hidden)]
pub type Told<'f, T> = dyn FnMut(u64, &[T]) + 'f;

impl<T: Real> Plan<T> {
    /// When each gradient is complete, in this order.
    pub(super) fn completed(&self) -> Vec<Complete> {
        let place = |param: &PlannedParam| {
            let slot = self.layout.params.iter().find(|slot| slot.id == param.id)?;
            let (start, len) = (self.layout.place(slot.node)?, param.shape.0 * param.shape.1);
            Some(Complete { after: 0, id: param.id, start, len })
        };
        let mut all: Vec<Complete> = self.params.iter().filter_map(place).collect();
        self.steps.each_written(&mut |step, at| {
            for gradient in all.iter_mut().filter(|g| (g.start..g.start + g.len.max(1)).contains(&at)) {
                gradient.after = step + 1;
            }
        });
        all.sort_by_key(|gradient| gradient.after);
        all
    }

    /// A sweep that tells of each gradient while it goes on.
    pub(super) fn sweep_telling(&self, leaves: &Leaves<'_, T>, factor: T, to: &mut Deltas<T>, told: &mut Told<'_, T>) {
        let (deltas, mut done) = (to.lay_out(&self.layout), 0);
        for &Complete { after, id, start, len } in self.complete.iter().flatten() {
            self.steps.sweep_part(done..after, leaves, &[factor], deltas);
            told(id, &deltas[start..][..len]);
            done = after;
        }
        self.steps.sweep_part(done..self.steps.backward_len(), leaves, &[factor], deltas);
        self.write_updates(leaves, to);
    }
}
