//! Finds the nodes of a tape that are a layer: where parameters meet data.

use std::collections::BTreeSet;

use autograd::{Op, Unary};

use crate::{Param, Real, Var};

/// A layer on a tape.
pub(super) struct Place<'t, T: Real> {
    pub name: String,
    /// The indices of its parameters in the list of the model.
    pub params: BTreeSet<usize>,
    /// Its pre-activations: one node for each use.
    pub nodes: Vec<Var<'t, T>>,
    /// The output of the activation function for each of them, if one follows directly.
    activated: Vec<Option<Var<'t, T>>>,
    /// All activation functions up to the next layer, through norms, slices and sums.
    pub activations: Vec<(Saturating, Var<'t, T>)>,
    /// The data that it reads.
    pub inputs: Vec<Var<'t, T>>,
}

/// An activation function with a flat part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Saturating {
    Relu,
    Tanh,
    Sigmoid,
}

impl<'t, T: Real> Place<'t, T> {
    /// Its output for each use.
    pub fn outputs(&self) -> impl Iterator<Item = Var<'t, T>> {
        self.nodes.iter().zip(&self.activated).map(|(a, z)| z.unwrap_or(*a))
    }
}

/// The properties of a node.
#[derive(Clone, Default)]
struct Known {
    /// The parameters from which it was computed, if it was computed only from parameters.
    params: Option<BTreeSet<usize>>,
    /// The index of the layer from which it was computed; the last one if there are several.
    layer: Option<usize>,
    /// Whether it is the node of a layer itself.
    is_layer: bool,
}

/// The layers of a model below a loss.
pub(super) fn layers<'t, T: Real>(params: &[(String, &Param<T>)], loss: Var<'t, T>) -> Vec<Place<'t, T>> {
    let mut known: Vec<Known> = Vec::new();
    let mut uses: Vec<Use<'t, T>> = Vec::new();
    for node in loss.tape().nodes().take(loss.index() + 1) {
        let operands = node.operands();
        let of = |x: &Var<'t, T>| &known[x.index()];
        let (fixed, moving): (Vec<Var<'t, T>>, Vec<_>) = operands.iter().partition(|x| of(x).params.is_some());
        let mut own = BTreeSet::new();
        // A number that was computed from many parameters is a penalty, not a layer.
        for x in fixed.iter().filter(|x| x.shape() != (1, 1) || x.param_id().is_some()) {
            own.extend(of(x).params.iter().flatten());
        }
        let latest = moving.iter().filter_map(|x| of(x).layer).max();
        let mut new = Known { layer: latest, ..Known::default() };
        if operands.is_empty() {
            let found = node.param_id().and_then(|id| params.iter().position(|(_, param)| param.id() == id));
            new.params = found.map(|k| BTreeSet::from([k]));
        } else if moving.is_empty() {
            new.params = Some(own);
        } else if !own.is_empty() {
            // W x and then + b, γ x and then + β: one layer in two nodes.
            let before = moving.iter().find(|x| of(x).is_layer && goes_on(node, **x));
            let layer = match before.and_then(|x| of(x).layer) {
                Some(layer) => {
                    (uses[layer].node, uses[layer].activated) = (node, None);
                    layer
                }
                None => {
                    let inputs = moving.iter().filter(|x| x.operands().is_empty() && !x.needs_gradient());
                    let inputs = inputs.copied().collect();
                    let params = BTreeSet::new();
                    uses.push(Use { node, params, activated: None, activations: Vec::new(), inputs });
                    uses.len() - 1
                }
            };
            uses[layer].params.extend(own);
            new = Known { layer: Some(layer), is_layer: true, params: None };
        } else if let (Some(layer), Some(kind)) = (latest, saturating(node)) {
            let layer = &mut uses[layer];
            layer.activations.push((kind, node));
        }
        if let ([Op::Unary(_, x)], Some(layer)) = (&node.terms()[..], latest)
            && uses[layer].node.index() == x.index()
        {
            uses[layer].activated.get_or_insert(node);
        }
        known.push(new);
    }

    let mut places: Vec<Place<'t, T>> = Vec::new();
    for one in uses {
        let name = name(params, &one.params);
        let k = places.iter().position(|place| place.name == name).unwrap_or_else(|| {
            let (params, nodes, activated, activations, inputs) = Default::default();
            places.push(Place { name, params, nodes, activated, activations, inputs });
            places.len() - 1
        });
        let place = &mut places[k];
        place.params.extend(one.params);
        place.nodes.push(one.node);
        place.activated.push(one.activated);
        place.activations.extend(one.activations);
        place.inputs.extend(one.inputs);
    }
    places
}

/// One use of a layer.
struct Use<'t, T: Real> {
    node: Var<'t, T>,
    params: BTreeSet<usize>,
    activated: Option<Var<'t, T>>,
    activations: Vec<(Saturating, Var<'t, T>)>,
    inputs: Vec<Var<'t, T>>,
}

/// Whether a node only adds to x or scales it.
fn goes_on<T: Real>(node: Var<'_, T>, x: Var<'_, T>) -> bool {
    let reads = |y: Var<'_, T>| y.index() == x.index();
    let entrywise = |term: &Op<Var<'_, T>>| match *term {
        Op::Add(_, y) | Op::Divide(_, y) => reads(y),
        Op::Binary(_, a, b) => reads(a) || reads(b),
        _ => false,
    };
    node.shape() == x.shape() && node.terms().iter().any(entrywise)
}

fn saturating<T: Real>(node: Var<'_, T>) -> Option<Saturating> {
    match node.terms()[..] {
        [Op::Unary(Unary::Relu, _)] => Some(Saturating::Relu),
        [Op::Unary(Unary::Tanh | Unary::HardTanh, _)] => Some(Saturating::Tanh),
        [Op::Unary(Unary::Sigmoid | Unary::HardSigmoid, _)] => Some(Saturating::Sigmoid),
        _ => None,
    }
}

/// The module that holds the parameters, or their own names; several are joined.
fn name<T: Real>(params: &[(String, &Param<T>)], own: &BTreeSet<usize>) -> String {
    let holder = |k: &usize| match params[*k].0.rsplit_once('.') {
        Some((holder, last)) if last.parse::<usize>().is_err() => holder,
        _ => &params[*k].0,
    };
    let mut names: Vec<&str> = own.iter().map(holder).collect();
    names.dedup();
    names.join(" + ")
}
