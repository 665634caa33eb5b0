//! The lists as data.

use std::panic::Location;

use super::{NodeRule, Place, Steps, VALUES};
use crate::Real;
use crate::rule::op::{Index, Op};
use crate::sweep::log::DeltaStep;
use crate::tape::custom_rule::RuleCode;

/// Where a matrix of the lists is.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedMatrix {
    pub rows: usize,
    pub cols: usize,
    /// The number of the leaf in which it is; `None` if it is in the values.
    pub leaf: Option<usize>,
    /// Its first entry.
    pub start: usize,
}

/// A value that is computed: the sum of terms, or a custom rule.
#[doc(hidden)]
pub struct PlacedStep<'s> {
    pub node: u32,
    pub terms: &'s [Op<u32>],
    pub custom: Option<PlacedRule<'s>>,
}

/// The custom rule of a node.
#[doc(hidden)]
pub struct PlacedRule<'s> {
    pub name: &'s str,
    /// The line of the program.
    pub source: &'static Location<'static>,
    /// The operands, and whether each needs a gradient.
    pub operands: &'s [u32],
    pub needs: &'s [bool],
    /// The code for a device, if it has some.
    pub code: Option<RuleCode>,
}

impl From<Place> for PlacedMatrix {
    fn from(Place { rows, cols, of, start }: Place) -> Self {
        let leaf = (of != VALUES).then_some(of as usize);
        PlacedMatrix { rows: rows as usize, cols: cols as usize, leaf, start }
    }
}

impl<T: Real> Steps<T> {
    pub fn matrix(&self, node: u32) -> PlacedMatrix {
        self.places[node as usize].into()
    }

    pub fn output_node(&self) -> u32 {
        self.output
    }

    pub fn viewed(&self) -> impl Iterator<Item = PlacedStep<'_>> {
        let mut first = 0;
        self.forward.iter().map(move |step| {
            let terms = &self.terms[first..step.terms as usize];
            first = step.terms as usize;
            PlacedStep { node: step.node, terms, custom: self.custom(step.node) }
        })
    }

    pub fn backward(&self) -> &[DeltaStep] {
        &self.backward
    }

    pub fn entries_of(&self, Index(index): Index) -> &[u32] {
        &self.indices.0[index as usize]
    }

    /// The custom rule of a node.
    pub fn custom(&self, node: u32) -> Option<PlacedRule<'_>> {
        let NodeRule { rule, operands, needs, source, .. } = self.rules.iter().find(|rule| rule.node == node)?;
        Some(PlacedRule { name: rule.name(), source, operands, needs, code: rule.code() })
    }

    /// The line of the first comparison.
    pub fn comparison(&self) -> Option<&'static Location<'static>> {
        self.branches.first().map(|(_, branch)| branch.source)
    }
}
