//! From a graph to layers.
//!
//! The layers lie on the path from the output back to the input. A node of several values, such as a skip, goes back to the last value
//! that all paths to it pass: the nearest common dominator. What lies between is a list of layers of its own.

use std::cell::Cell;
use std::path::Path;

use autograd::compiled_once;

use super::OnnxError;
use super::constants::Place;
use super::forms::{self, Composed};
use super::paths::Paths;
use super::read::{self, MOST_NODES, Nodes};
use super::reader::Reader;
use crate::{Real, Sequential};

/// Reads a graph of layers as a list of them, whose parameters can be trained further.
///
/// # Errors
/// If the file or one beside it with numbers cannot be read; if it is damaged; if a number is not finite in the type of the model; if
/// the graph has a node that is no layer of a list, or one in training mode; or if far more layers than nodes or far more numbers than
/// those of the file would be made, because nodes use the same values again and again.
pub fn import<T: Real>(file: impl AsRef<Path>) -> Result<Sequential<T>, OnnxError> {
    of_file(file.as_ref())
}

/// Reads a graph of layers from the bytes of a file, as [`import`] does.
///
/// # Errors
/// Under the same conditions as [`import`]; also if the numbers are in another file.
#[compiled_once]
pub fn from_bytes<T: Real>(bytes: &[u8]) -> Result<Sequential<T>, OnnxError> {
    layers(&Nodes::read(Place { file: "the model".to_owned(), folder: None }, bytes)?)
}

#[compiled_once]
fn of_file<T: Real>(path: &Path) -> Result<Sequential<T>, OnnxError> {
    let (place, bytes) = read::file(path)?;
    layers(&Nodes::read(place, &bytes)?)
}

fn layers<T: Real>(nodes: &Nodes) -> Result<Sequential<T>, OnnxError> {
    let features = nodes.features(2, "samples and features are two; `import_sequence` reads those of sequences")?;
    Layers::of(nodes).between(0, nodes.output, features, 0)
}

/// The layers of a graph.
pub struct Layers<'n> {
    pub nodes: &'n Nodes,
    pub paths: Paths,
    /// The number of layers so far.
    made: Cell<usize>,
}

impl<'n> Layers<'n> {
    pub fn of(nodes: &'n Nodes) -> Self {
        Layers { nodes, paths: Paths::of(nodes), made: Cell::new(0) }
    }

    /// The layers that compute value `to` from value `from`, whose number of features is known or not.
    pub fn between<T: Real>(
        &self,
        from: usize,
        to: usize,
        features: Option<usize>,
        depth: usize,
    ) -> Result<Sequential<T>, OnnxError> {
        let mut path = Vec::new();
        let mut value = to;
        while value != from {
            let Some(node) = self.nodes.node(value) else {
                return Err(self.nodes.graph_problem("its output is not computed from the input alone".into()));
            };
            let known = forms::composed(self.nodes, value);
            let known = known.filter(|&(_, x)| self.paths.depth[x] >= self.paths.depth[from]);
            let before = known.as_ref().map(|&(_, x)| x).or(self.paths.before[value]);
            self.made.set(self.made.get() + 1);
            if self.made.get() > MOST_NODES {
                return Err(self
                    .nodes
                    .problem(node, format!("skips that share their nodes make more than {MOST_NODES} layers")));
            }
            path.push((node, known.map(|(layer, _)| layer)));
            let Some(before) = before else {
                return Err(self.nodes.problem(node, "it is not computed from the input alone".into()));
            };
            value = before;
        }
        let mut list = Reader { layers: self, list: Vec::new(), features, depth };
        for (node, known) in path.into_iter().rev() {
            match known {
                Some(Composed::Activation(activation)) => list.list.push(activation.into()),
                Some(Composed::RmsNorm { node, eps, features }) => list.root_mean_square(&node, eps, features)?,
                None => list.read(node)?,
            }
        }
        Ok(Sequential { layers: list.list })
    }
}
