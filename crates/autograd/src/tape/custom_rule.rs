//! How the sweeps see a function with a custom rule: formulas and custom ops behind one trait.

use std::panic::Location;
use std::sync::Arc;

use kernel::simd::Accum;
use smallvec::SmallVec;

use crate::{MatrixRef, Op, Real, Var};

/// A function with a custom rule, as the tape sees it.
pub(crate) trait Rule<T: Real>: Send + Sync {
    fn name(&self) -> &str;

    /// Whether every entry of the value depends only on the same entry of the operands.
    fn is_elementwise(&self) -> bool {
        false
    }

    /// The function as code for a device, if it has some.
    fn code(&self) -> Option<RuleCode> {
        None
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

/// A function with a custom rule as code for a device.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum RuleCode {
    /// A formula.
    Entrywise(FormulaTerms),
    /// What a custom op brings.
    Wgsl(Wgsl),
}

/// A formula and its slopes as sums of terms of numbers. First come the operands and the value, as they are given, which have no terms.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct FormulaTerms {
    pub numbers: Vec<Vec<Op<u32>>>,
    /// The number that is f(x), and that which is ∂f/∂xₖ for each k.
    pub value: u32,
    pub slopes: Vec<u32>,
}

/// A custom op in WGSL, the language of shaders: what [`CustomOp::wgsl`](crate::CustomOp::wgsl) returns.
///
/// Each text is the body of a function that returns the entry in row `i` and column `j` of a result, and runs once for each entry, in
/// any order. It reads the entries of operands by `x0(i, j)`, `x1(i, j)`, …; a gradient may also read the value by `y(i, j)` and its gradient by
/// `dy(i, j)`. Their shapes are `x0_rows()`, `x0_cols()` and so on. Indices are `u32`, and numbers have the type `T`, which is `f32` or
/// `f64`. Functions of the table end in `_`, as `exp_(x)`.
///
/// An index beyond the shape reads another number, without an error. The loops of one entry should make fewer than 60,000 passes together:
/// a program that acts as a card (Mesa's llvmpipe) ends them after 65,535. A device refuses larger operands where a text has loops, but does not
/// see loops within loops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wgsl {
    /// The value.
    pub value: String,
    /// The gradient of each operand; `None` for one that never needs one.
    pub pullback: Vec<Option<String>>,
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
