//! A model as a table.

use std::fmt;

use autograd::compiled_once;

use super::Walk;
use crate::{Real, Role};

/// The parameters of a model, as [`Module::summary`](super::Module::summary) returns them. It displays as a table of at most 80 columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The parameters, in the order in which the model is walked.
    pub params: Vec<ParamSummary>,
}

/// A parameter in a [`Summary`].
#[derive(Clone, Debug, PartialEq)]
pub struct ParamSummary {
    /// Its dotted name, such as `layers.0.weight`.
    pub name: String,
    /// Rows and columns.
    pub shape: (usize, usize),
    /// Whether it is trained, frozen, or a buffer.
    pub role: Role,
}

impl Summary {
    /// The total number of entries of the parameters with this role.
    pub fn numbers(&self, role: Role) -> usize {
        self.params.iter().filter(|param| param.role == role).map(ParamSummary::numbers).sum()
    }
}

impl ParamSummary {
    /// The number of its entries.
    pub fn numbers(&self) -> usize {
        self.shape.0 * self.shape.1
    }
}

#[compiled_once]
pub(super) fn summary<'w, 'm: 'w, T: Real>(walk: Walk<'w, 'm, T>) -> Summary {
    let mut params = Vec::new();
    walk(&mut |path, param| {
        let (name, shape, role) = (path.to_string(), param.value().shape(), param.role());
        params.push(ParamSummary { name, shape, role });
    });
    Summary { params }
}

/// The largest width of a table.
const WIDTH: usize = 80;
/// The largest width of the name of a parameter within its layer.
const NAME: usize = 20;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = ["layer", "parameter", "shape", "numbers"].map(str::to_owned);
        let row = |param: &ParamSummary| {
            let (layer, name) = param.name.rsplit_once('.').unwrap_or(("", &param.name));
            let (rows, columns) = param.shape;
            let shape = format!("{rows} × {columns}");
            [layer.to_owned(), shortened(name, NAME), shape, thousands(param.numbers())]
        };
        let mut rows: Vec<[String; 4]> = std::iter::once(title).chain(self.params.iter().map(row)).collect();
        let widest = |rows: &[[String; 4]], k: usize| rows.iter().map(|row| row[k].chars().count()).max().unwrap_or(0);
        let [name, shape, numbers] = [1, 2, 3].map(|k| widest(&rows, k));
        let room = WIDTH.saturating_sub(name + shape + numbers + "trained".len() + 4 * 2).max(8);
        rows.iter_mut().for_each(|row| row[0] = shortened(&row[0], room));
        let layer = widest(&rows, 0);

        let roles = std::iter::once("").chain(self.params.iter().map(|param| said(param.role)));
        let of = |k: usize| self.params[k].name.rsplit_once('.').map(|(layer, _)| layer);
        for (k, ([layer_name, its, its_shape, its_numbers], role)) in rows.iter().zip(roles).enumerate() {
            let shown = if k > 1 && of(k - 2) == of(k - 1) { "" } else { layer_name };
            let line = format!("{shown:<layer$}  {its:<name$}  {its_shape:<shape$}  {its_numbers:>numbers$}  {role}");
            writeln!(f, "{}", line.trim_end())?;
        }
        let [trained, frozen, buffers] = [Role::Trained, Role::Frozen, Role::Buffer].map(|role| self.numbers(role));
        write!(f, "{} numbers are trained", thousands(trained))?;
        for (count, are) in [(frozen, "frozen"), (buffers, "in buffers")] {
            if count > 0 {
                write!(f, ", {} are {are}", thousands(count))?;
            }
        }
        Ok(())
    }
}

fn said(role: Role) -> &'static str {
    match role {
        Role::Trained => "trained",
        Role::Frozen => "frozen",
        Role::Buffer => "buffer",
    }
}

/// Shortens a name that is too long. It keeps the end, which distinguishes the name from others.
fn shortened(name: &str, room: usize) -> String {
    let count = name.chars().count();
    if count <= room {
        name.to_owned()
    } else {
        std::iter::once('…').chain(name.chars().skip(count + 1 - room)).collect()
    }
}

/// A number with a comma before each three digits.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(",")
}
