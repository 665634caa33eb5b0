//! The result of a backward sweep.

use std::fmt;

use kernel::compiled_once;
use kernel::pool::Pooled;

use crate::sweep::regions::Deltas;
use crate::tape::records::Node;
use crate::{Matrix, MatrixRef, Param, Real, Var};

/// The gradient of a value with respect to the parameters and variables from which it was computed. After
/// [`backward_all`](Var::backward_all) it also has those of all intermediate variables. It is owned and outlives its tape.
pub struct Gradients<T: Real> {
    pub(crate) tape: u64,
    /// How many outputs the sweep began with.
    pub(crate) outputs: usize,
    pub(crate) deltas: Pooled<Deltas<T>>,
}

/// What a gradient can be taken with respect to: a variable of the same tape, or a parameter.
#[diagnostic::on_unimplemented(
    message = "there is no gradient of `{T}` with respect to `{Self}`",
    note = "ask for a `Var` of the same tape, or for a `&Param<{T}>` that was recorded by `tape.param`"
)]
pub trait Wrt<T: Real> {
    #[doc(hidden)]
    fn find<'g>(&self, grads: &'g Gradients<T>) -> Result<MatrixRef<'g, T>, &'static str>;
}

#[compiled_once]
impl<T: Real> Gradients<T> {
    /// The gradient with respect to a variable or parameter, in its shape. It is zero if the
    /// differentiated value does not depend on it.
    ///
    /// # Panics
    /// If there is none: the variable is constant, of another tape, recorded after the value that was differentiated,
    /// or an intermediate one whose gradient was not [kept](Var::backward_all); or the parameter is not trained or was
    /// not recorded. [`get`](Gradients::get) returns `None` instead.
    #[track_caller]
    pub fn wrt(&self, x: impl Wrt<T>) -> MatrixRef<'_, T> {
        match x.find(self) {
            Ok(gradient) => gradient,
            Err(why) => panic!("wrt: no gradient: {why}"),
        }
    }

    /// The gradient with respect to a variable or parameter, or `None` where [`wrt`](Gradients::wrt) panics.
    pub fn get(&self, x: impl Wrt<T>) -> Option<MatrixRef<'_, T>> {
        x.find(self).ok()
    }

    /// Adds the gradients of parameters from another tape, for example for other samples. Gradients of variables are not added.
    ///
    /// ```
    /// use autograd::{Matrix, Param, Tape};
    /// let w = Param::new(Matrix::from([[2.0]]));
    /// let gradient = |x: f64| {
    ///     let tape = Tape::new();
    ///     (tape.param(&w) * x).square().backward()
    /// };
    /// let mut sum = gradient(1.0);
    /// sum.add(&gradient(3.0));
    /// assert_eq!(sum.wrt(&w)[(0, 0)], 2.0 * 2.0 * (1.0 + 9.0));
    /// ```
    ///
    /// # Panics
    /// If a parameter has different shapes.
    pub fn add(&mut self, other: &Gradients<T>) {
        self.deltas.add(&other.deltas);
    }

    /// Whether there is a gradient with respect to a parameter.
    pub fn has(&self, param: &Param<T>) -> bool {
        let (slots, len) = (&self.deltas.params, param.value().as_slice().len());
        slots.binary_search_by_key(&param.id(), |slot| slot.id).is_ok_and(|k| self.deltas.has(slots[k].node, len))
    }

    /// The new value of a buffer that a layer requested with [`Tape::update`](crate::Tape::update), if one did.
    pub fn updated(&self, buffer: &Param<T>) -> Option<&Matrix<T>> {
        self.deltas.updates.iter().find(|(id, _)| *id == buffer.id()).map(|(_, value)| value)
    }

    /// The gradient of a node; `None` if it is constant, was recorded later, or was not kept.
    pub(crate) fn of_node(&self, id: u32, node: Node) -> Option<MatrixRef<'_, T>> {
        self.at(id, node.shape())
    }

    fn at(&self, node: u32, (rows, cols): (usize, usize)) -> Option<MatrixRef<'_, T>> {
        let data = self.deltas.at(node).filter(|data| data.len() == rows * cols)?;
        Some(MatrixRef::new(rows, cols, data))
    }
}

#[compiled_once]
impl<T: Real> Clone for Gradients<T> {
    fn clone(&self) -> Self {
        let mut deltas = Pooled::<Deltas<T>>::take();
        deltas.clone_from(&self.deltas);
        Gradients { tape: self.tape, outputs: self.outputs, deltas }
    }
}

impl<T: Real> fmt::Debug for Gradients<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gradients of {} parameters", self.deltas.params.len())
    }
}

impl<T: Real> Wrt<T> for Var<'_, T> {
    fn find<'g>(&self, grads: &'g Gradients<T>) -> Result<MatrixRef<'g, T>, &'static str> {
        if self.tape().id() != grads.tape {
            return Err("the variable is of another tape");
        }
        let node = self.tape().with(|inner| inner.node(self.id));
        if !node.is_active() {
            return Err("the variable is constant, or depends on constants only");
        }
        grads.at(self.id, node.shape()).ok_or(match grads.deltas.saw(self.id) {
            true => "those of intermediate variables are kept by backward_all alone",
            false => "the variable was recorded after the value that was differentiated",
        })
    }
}

impl<T: Real> Wrt<T> for &Param<T> {
    fn find<'g>(&self, grads: &'g Gradients<T>) -> Result<MatrixRef<'g, T>, &'static str> {
        let slots = &grads.deltas.params;
        let slot = slots.binary_search_by_key(&self.id(), |slot| slot.id).map(|k| slots[k]);
        let found = slot.ok().and_then(|slot| grads.at(slot.node, self.value().shape()));
        found.ok_or("the parameter is not trained, or was not recorded before the value that was differentiated")
    }
}

impl<T: Real> Wrt<T> for &mut Param<T> {
    fn find<'g>(&self, grads: &'g Gradients<T>) -> Result<MatrixRef<'g, T>, &'static str> {
        (&**self).find(grads)
    }
}
