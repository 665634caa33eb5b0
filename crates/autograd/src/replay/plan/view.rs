//! A plan as data, for a crate that runs it on another device.

use std::panic::Location;

use super::{Plan, PlanMisfit};
use crate::replay::steps::{PlacedMatrix, PlacedRule, PlacedStep};
use crate::rule::op::Index;
use crate::sweep::log::DeltaStep;
use crate::{Means, Real};

/// What a plan computes. Nodes are numbers.
pub struct PlanView<'p, T: Real>(&'p Plan<T>);

#[doc(hidden)]
/// A parameter as it was recorded. Its leaf has the number of the inputs plus its own.
#[derive(Clone, Copy, Debug)]
pub struct ViewedParam {
    pub id: u64,
    pub shape: (usize, usize),
    pub trained: bool,
    /// Where its derivative begins.
    pub delta: Option<usize>,
}

impl<T: Real> Plan<T> {
    /// The plan as data.
    #[doc(hidden)]
    pub fn view(&self) -> PlanView<'_, T> {
        PlanView(self)
    }

    /// Writes the constants of these classes and of random numbers, which are then among the [values](PlanView::values).
    ///
    /// # Errors
    /// As for [`run`](Plan::run).
    #[doc(hidden)]
    pub fn renew(&mut self, classes: &[usize], seed: Option<u64>) -> Result<(), PlanMisfit> {
        if self.is_training != seed.is_some() {
            return Err(PlanMisfit::Pass);
        }
        self.write_classes(classes)?;
        self.draw(seed);
        Ok(())
    }
}

impl<'p, T: Real> PlanView<'p, T> {
    /// The values of a run, or those that stay.
    pub fn values(&self) -> &'p [T] {
        &self.0.steps.values
    }

    /// Where the value of a node is.
    pub fn matrix(&self, node: u32) -> PlacedMatrix {
        self.0.steps.matrix(node)
    }

    /// The number that is computed.
    pub fn output(&self) -> PlacedMatrix {
        self.matrix(self.0.steps.output_node())
    }

    /// The shapes of the inputs, which are the first leaves.
    pub fn inputs(&self) -> &'p [(usize, usize)] {
        &self.0.inputs
    }

    /// The parameters, which are the other leaves.
    pub fn params(&self) -> impl Iterator<Item = ViewedParam> {
        let layout = &self.0.layout;
        self.0.params.iter().map(move |param| {
            let slot = layout.params.iter().find(|slot| slot.id == param.id);
            let delta = slot.and_then(|slot| layout.place(slot.node));
            ViewedParam { id: param.id, shape: param.shape, trained: param.trained, delta }
        })
    }

    /// The values, in their order.
    pub fn forward(&self) -> impl Iterator<Item = PlacedStep<'p>> {
        self.0.steps.viewed()
    }

    /// The sweep.
    pub fn backward(&self) -> &'p [DeltaStep] {
        self.0.steps.backward()
    }

    /// The length of the buffer of derivatives.
    pub fn deltas(&self) -> usize {
        self.0.layout.used()
    }

    /// The entries of an index.
    pub fn entries_of(&self, index: Index) -> &'p [u32] {
        self.0.steps.entries_of(index)
    }

    /// The custom rule of a node.
    pub fn custom(&self, node: u32) -> Option<PlacedRule<'p>> {
        self.0.steps.custom(node)
    }

    /// The line of the first comparison.
    pub fn comparison(&self) -> Option<&'static Location<'static>> {
        self.0.steps.comparison()
    }

    /// The constants that [`renew`](Plan::renew) writes.
    pub fn renewed(&self) -> Vec<PlacedMatrix> {
        let drawn = self.0.drawn.iter().map(|(place, _)| *place);
        self.0.classes.iter().copied().chain(drawn).map(PlacedMatrix::from).collect()
    }

    /// The new values of buffers, by identity.
    pub fn updates(&self) -> impl Iterator<Item = (u64, PlacedMatrix)> {
        self.0.updates.iter().map(|&(id, place)| (id, place.into()))
    }

    /// What means were divided by, and the sums of weights among them.
    pub fn means(&self) -> (Means, Vec<PlacedMatrix>) {
        (self.0.means, self.0.weights.iter().map(|&place| place.into()).collect())
    }
}
