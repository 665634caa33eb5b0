//! The lists as data.

use std::panic::Location;

use super::{Place, Steps, VALUES};
use crate::Real;
use crate::rule::op::{Index, Op};
use crate::sweep::log::DeltaStep;

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
    /// The name of the custom rule, and the line of the program.
    pub custom: Option<(&'s str, &'static Location<'static>)>,
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

    /// The name of the custom rule of a node, and its line.
    pub fn custom(&self, node: u32) -> Option<(&str, &'static Location<'static>)> {
        let rule = self.rules.iter().find(|rule| rule.node == node)?;
        Some((rule.rule.name(), rule.source))
    }

    /// The line of the first comparison.
    pub fn comparison(&self) -> Option<&'static Location<'static>> {
        self.branches.first().map(|(_, branch)| branch.source)
    }
}
