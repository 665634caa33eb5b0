//! Where the entries of all gradients lie when they are one row, and which of them each rank adds.

use std::ops::Range;

use super::{Ranks, share};
use crate::parallel::Place;
use crate::{MatrixRef, Module, ParamGradients, Path, Real, Role};

/// The part of a parameter that a rank owns: the number of the parameter, and the entries. It depends on the length of the parameter
/// alone, so a rank keeps its entries when others are frozen.
pub(super) type Segment = (usize, Range<usize>);

pub(super) struct Layout {
    /// The trained parameters, in the order of the model.
    pub params: Vec<Place>,
    pub buffers: Vec<Place>,
    /// What the slice of each rank consists of.
    pub segments: Vec<Vec<Segment>>,
    /// The number of entries of all gradients.
    pub len: usize,
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
        let segments = (0..world.size()).map(|rank| segments(&params, rank, world.size())).collect();
        Layout { params, buffers, segments, len: all }
    }

    /// The number of entries of the slice of a rank.
    pub fn slice_len(&self, rank: usize) -> usize {
        self.segments[rank].iter().map(|(_, entries)| entries.len()).sum()
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

/// The entries that a rank owns of a list of this length.
pub(super) fn owned(len: usize, rank: usize, size: usize) -> Range<usize> {
    share(len, rank, size)
}

fn segments(params: &[Place], rank: usize, size: usize) -> Vec<Segment> {
    let parts = params.iter().enumerate().map(|(k, place)| (k, owned(place.len(), rank, size)));
    parts.filter(|(_, entries)| !entries.is_empty()).collect()
}
