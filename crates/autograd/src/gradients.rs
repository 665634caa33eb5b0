//! What a backward sweep gives.

use std::fmt;

use crate::inner::Node;
use crate::pool::{Deltas, Pooled};
use crate::{Matrix, MatrixRef, Param, Real, Var};

/// The gradient of a value with respect to everything it was computed from, parameters and
/// intermediate variables alike. Owned: it outlives its tape.
pub struct Gradients<T: Real> {
    pub(crate) tape: u64,
    pub(crate) deltas: Pooled<T, Deltas<T>>,
}

/// What a gradient can be asked for: a variable of the same tape, or a parameter.
pub trait Wrt<T: Real> {
    #[doc(hidden)]
    fn find<'g>(&self, grads: &'g Gradients<T>) -> Result<MatrixRef<'g, T>, &'static str>;
}

impl<T: Real> Gradients<T> {
    /// The gradient with respect to a variable or parameter, of its shape. It is zero where the
    /// differentiated value does not depend on it.
    ///
    /// # Panics
    /// If there is none: the variable is constant, of another tape, or recorded later than the value
    /// that was differentiated, or the parameter is not trained or was not recorded. [`get`](Gradients::get) asks first.
    #[track_caller]
    pub fn wrt(&self, x: impl Wrt<T>) -> MatrixRef<'_, T> {
        match x.find(self) {
            Ok(gradient) => gradient,
            Err(why) => panic!("no gradient: {why}"),
        }
    }

    /// The gradient with respect to a variable or parameter, or `None` where [`wrt`](Gradients::wrt) panics.
    pub fn get(&self, x: impl Wrt<T>) -> Option<MatrixRef<'_, T>> {
        x.find(self).ok()
    }

    /// The new value of a buffer that a layer asked for with [`Tape::update`](crate::Tape::update), if one did.
    pub fn updated(&self, buffer: &Param<T>) -> Option<&Matrix<T>> {
        self.deltas.updates.iter().find(|(id, _)| *id == buffer.id()).map(|(_, value)| value)
    }

    /// The gradient of a node; `None` of a constant, or of one that came later.
    pub(crate) fn of_node(&self, id: u32, node: Node) -> Option<MatrixRef<'_, T>> {
        node.grad().and_then(|_| self.at(id, node.shape()))
    }

    fn at(&self, node: u32, (rows, cols): (usize, usize)) -> Option<MatrixRef<'_, T>> {
        let place = *self.deltas.places.get(node as usize)?;
        Some(MatrixRef::new(rows, cols, &self.deltas.values[place..][..rows * cols]))
    }
}

impl<T: Real> fmt::Debug for Gradients<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gradients of {} nodes", self.deltas.places.len())
    }
}

impl<T: Real> Wrt<T> for Var<'_, T> {
    fn find<'g>(&self, grads: &'g Gradients<T>) -> Result<MatrixRef<'g, T>, &'static str> {
        if self.tape().id() != grads.tape {
            return Err("the variable is of another tape");
        }
        let node = self.tape().with(|inner| inner.node(self.id));
        if node.grad().is_none() {
            return Err("the variable is constant, or depends on constants only");
        }
        grads.at(self.id, node.shape()).ok_or("the variable was recorded after the value that was differentiated")
    }
}

impl<T: Real> Wrt<T> for &Param<T> {
    fn find<'g>(&self, grads: &'g Gradients<T>) -> Result<MatrixRef<'g, T>, &'static str> {
        let slots = &grads.deltas.params;
        let slot = slots.binary_search_by_key(&self.id(), |slot| slot.id).map(|k| slots[k]);
        let found = slot.ok().and_then(|slot| grads.at(slot.node, (slot.rows, slot.cols)));
        found.ok_or("the parameter is not trained, or was not recorded before the value that was differentiated")
    }
}

impl<T: Real> Wrt<T> for &mut Param<T> {
    fn find<'g>(&self, grads: &'g Gradients<T>) -> Result<MatrixRef<'g, T>, &'static str> {
        (&**self).find(grads)
    }
}
