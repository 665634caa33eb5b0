//! Where the entries of all gradients lie when they are one row, and which slice of it each rank adds.

use std::ops::Range;

use super::{Ranks, share};
use crate::parallel::Place;
use crate::{MatrixRef, Module, ParamGradients, Path, Real, Role};

/// A part of a parameter that lies in a slice: the number of the parameter, and the entries.
pub(super) type Segment = (usize, Range<usize>);

pub(super) struct Layout {
    /// The trained parameters, in the order of the model.
    pub params: Vec<Place>,
    pub buffers: Vec<Place>,
    /// The entries of the slice of each rank.
    pub slices: Vec<Range<usize>>,
    /// What the slice of each rank consists of.
    pub segments: Vec<Vec<Segment>>,
}

impl Layout {
    pub fn of<T: Real>(world: &dyn Ranks, model: &dyn Module<T>) -> Self {
        let (mut params, mut buffers, mut all) = (Vec::new(), Vec::new(), 0);
        model.params(&Path::Root, &mut |_, param| {
            let place = Place { id: param.id(), shape: param.value().shape(), start: all };
            match param.role() {
                Role::Trained => {
                    all += place.len();
                    params.push(place);
                }
                Role::Buffer => buffers.push(place),
                Role::Frozen => {}
            }
        });
        let slices: Vec<_> = (0..world.size()).map(|rank| share(all, rank, world.size())).collect();
        let segments = slices.iter().map(|slice| segments(&params, slice)).collect();
        Layout { params, buffers, slices, segments }
    }

    /// The number of entries of all gradients.
    pub fn len(&self) -> usize {
        self.slices.last().map_or(0, |slice| slice.end)
    }

    /// The gradients of the trained parameters, in their order.
    pub fn gradients<'g, T: Real>(
        &self,
        model: &dyn Module<T>,
        grads: &'g dyn ParamGradients<T>,
    ) -> Vec<Option<MatrixRef<'g, T>>> {
        let mut all = Vec::with_capacity(self.params.len());
        model.params(&Path::Root, &mut |_, param| {
            if param.is_trained() {
                all.push(grads.gradient(param));
            }
        });
        all
    }
}

/// The parts of parameters that lie in a slice of the row.
fn segments(params: &[Place], slice: &Range<usize>) -> Vec<Segment> {
    let parts = params.iter().enumerate().map(|(k, place)| {
        let (start, end) = (place.start, place.start + place.len());
        (k, slice.start.clamp(start, end) - start..slice.end.clamp(start, end) - start)
    });
    parts.filter(|(_, entries)| !entries.is_empty()).collect()
}
