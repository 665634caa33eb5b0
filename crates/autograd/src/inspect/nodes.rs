//! The contents of a tape, node by node, for diagnoses and tools outside this crate.

use std::panic::Location;

use kernel::compiled_once;

use crate::inspect::picture::title;
use crate::rule::op::{Index, Op};
use crate::tape::custom_rule::{FormulaTerms, RuleCode};
use crate::{Matrix, Real, Tape, Var};

impl<'t, T: Real> Tape<'t, T> {
    /// Everything recorded so far, in the order of recording: operands before results.
    ///
    /// ```
    /// use autograd::{Op, Param, Matrix, Tape, Unary};
    /// let w = Param::new(Matrix::from([[0.5f64, 2.0]]));
    /// let tape = Tape::new();
    /// let loss = tape.param(&w).matmul(tape.constant(Matrix::column(&[1.0, -1.0]))).tanh();
    /// let grads = loss.backward_all();
    ///
    /// let nodes: Vec<_> = tape.nodes().collect();
    /// assert_eq!(nodes[0].param_id(), Some(w.id()));
    /// assert_eq!(nodes[2].op(), "matmul");
    /// assert_eq!(nodes[2].operands().iter().map(|x| x.index()).collect::<Vec<_>>(), [0, 1]);
    /// assert!(matches!(nodes[3].terms()[..], [Op::Unary(Unary::Tanh, x)] if x.index() == 2));
    /// assert_eq!(grads.wrt(nodes[2])[(0, 0)], 1.0 - loss.item().powi(2)); // the gradient at any of them
    /// ```
    pub fn nodes(&'t self) -> impl Iterator<Item = Var<'t, T>> {
        (0..self.len() as u32).map(|id| Var::new(self, id))
    }
}

#[compiled_once]
impl<'t, T: Real> Tape<'t, T> {
    /// The line that first compared variables or read a number from the tape. From there on the program may have done what it does not do
    /// for other numbers.
    ///
    /// ```
    /// use autograd::Tape;
    /// let tape = Tape::new();
    /// let x = tape.variable(2.0);
    /// assert_eq!(tape.first_reading(), None);
    /// let y = if x > 1.0 { x.square() } else { x };
    /// assert_eq!(tape.first_reading().unwrap().line(), y.source().line());
    /// ```
    pub fn first_reading(&self) -> Option<&'static Location<'static>> {
        let compared = self.with(|inner| inner.branches.first().map(|branch| branch.source));
        compared.or(self.was_read())
    }

    /// An index list of an [`Op::Gather`] or [`Op::Scatter`]: the place of every entry in the other matrix, column by column.
    pub fn indices(&self, Index(index): Index) -> Vec<usize> {
        self.with(|inner| inner.indices.0[index as usize].iter().map(|&k| k as usize).collect())
    }
}

#[compiled_once]
impl<'t, T: Real> Var<'t, T> {
    /// Its number on the tape, as in `%3`.
    #[inline]
    pub fn index(self) -> usize {
        self.id as usize
    }

    /// The terms whose sum it is. A leaf has none, and a function with a custom rule has none either: [`op`](Var::op) is its name,
    /// and [`operands`](Var::operands) are its operands.
    pub fn terms(self) -> Vec<Op<Var<'t, T>>> {
        let tape = self.tape();
        tape.with(|inner| inner.terms(self.id).iter().map(|term| term.map(|id| Var::new(tape, id))).collect())
    }

    /// Its operands, term by term.
    pub fn operands(self) -> Vec<Var<'t, T>> {
        let tape = self.tape();
        tape.with(|inner| inner.operands(self.id).into_iter().map(|id| Var::new(tape, id)).collect())
    }

    /// The names of its terms, as in `repeat + matmul`; empty for a leaf.
    pub fn op(self) -> String {
        self.tape().with(|inner| title(inner, self.id))
    }

    /// The line of the program that recorded it.
    pub fn source(self) -> &'static Location<'static> {
        self.tape().with(|inner| inner.source(self.id))
    }

    /// Its value as it was recorded, for tools that show a computation. It does not count as a [reading](Tape::first_reading), so the tool must know
    /// whether other runs of a program have this value.
    #[doc(hidden)]
    pub fn recorded_value(self) -> Matrix<T> {
        self.tape().with(|inner| inner.view(self.id).to_owned())
    }

    /// Whether it is a formula, a function with a rule of its own whose entries depend only on the same entries of the operands.
    pub fn is_formula(self) -> bool {
        self.tape().with(|inner| inner.custom(self.id).is_some_and(|custom| custom.rule.is_elementwise()))
    }

    /// The formula as sums of terms of numbers, if it is one that compares no numbers.
    #[doc(hidden)]
    pub fn formula_terms(self) -> Option<FormulaTerms> {
        match self.tape().with(|inner| inner.custom(self.id)?.rule.code())? {
            RuleCode::Entrywise(formula) => Some(formula),
            RuleCode::Wgsl(_) => None,
        }
    }

    /// The identity of the parameter, if the node is one.
    pub fn param_id(self) -> Option<u64> {
        self.tape().with(|inner| inner.records.params.iter().find(|slot| slot.node == self.id).map(|slot| slot.id))
    }
}
