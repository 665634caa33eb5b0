//! How the sweeps see a function with a custom rule: formulas and custom ops behind one trait.

use std::panic::Location;
use std::sync::Arc;

use kernel::simd::Accum;
use smallvec::SmallVec;

use crate::{MatrixRef, Real, Var};

/// A function with a custom rule, as the tape sees it.
pub(crate) trait Rule<T: Real>: Send + Sync {
    fn name(&self) -> &str;

    /// Whether every entry of the value depends only on the same entry of the operands.
    fn is_elementwise(&self) -> bool {
        false
    }

    /// Writes a value of the recorded shape to its place; returns the new shape if it has changed.
    fn forward(&self, x: &[MatrixRef<'_, T>], shape: Shape, y: &mut [T]) -> Result<(), Shape>;

    /// Passes the gradient of each operand that needs one to the sweep.
    fn pull(&self, at: &NodeBuffers<'_, T>, needs: &[bool], add: Add<'_, T>);

    /// Passes the terms of the tangent of y, from the tangents of the operands that move.
    fn push(&self, x: &[MatrixRef<'_, T>], y: MatrixRef<'_, T>, dx: &[Option<MatrixRef<'_, T>>], add: Add<'_, T>);

    /// The gradient of each operand that needs one, recorded.
    fn record<'t>(&self, at: Recorded<'_, 't, T>, needs: &[bool]) -> Vec<Option<Var<'t, T>>>;

    /// The tangent of y, recorded; `None` if no operand moves.
    fn record_push<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dx: &[Option<Var<'t, T>>]) -> Option<Var<'t, T>>;
}

/// Rows and columns.
pub(crate) type Shape = (usize, usize);

/// Writes a value to its place if it has the recorded shape.
pub(crate) fn write<T: Real>(value: MatrixRef<'_, T>, shape: Shape, y: &mut [T]) -> Result<(), Shape> {
    if value.shape() != shape {
        return Err(value.shape());
    }
    y.copy_from_slice(value.as_slice());
    Ok(())
}

/// Operands, value and gradient of a node.
pub(crate) struct NodeBuffers<'a, T> {
    pub x: &'a [MatrixRef<'a, T>],
    pub y: MatrixRef<'a, T>,
    pub dy: MatrixRef<'a, T>,
    /// The line that recorded it.
    pub source: &'static Location<'static>,
}

/// The same, as variables.
#[derive(Clone, Copy)]
pub(crate) struct Recorded<'a, 't, T: Real> {
    pub x: &'a [Var<'t, T>],
    pub y: Var<'t, T>,
    pub dy: Var<'t, T>,
    pub source: &'static Location<'static>,
}

/// Receives a term for operand k (0 for the tangent of y), as a function that writes it to a place.
pub(crate) type Add<'a, T> = &'a mut dyn FnMut(usize, Write<'_, T>);

/// A function that writes a term to a place.
pub(crate) type Write<'a, T> = &'a mut dyn FnMut(&mut [T], Accum);

/// A node's function and operands.
#[derive(Clone)]
pub(crate) struct CustomNode<T> {
    /// Its number on the tape.
    pub id: u32,
    pub rule: Arc<dyn Rule<T>>,
    pub operands: SmallVec<[u32; 3]>,
}
