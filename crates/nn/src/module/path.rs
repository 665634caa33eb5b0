//! Where a parameter is in a model, and what is said of it there.

use std::fmt;

/// Where a parameter is in a model. It displays as `layers.0.weight`.
///
/// ```
/// use nn::Path;
/// assert_eq!(Path::Root.field("layers").item(0).field("weight").to_string(), "layers.0.weight");
/// ```
#[derive(Clone, Copy)]
pub enum Path<'p> {
    /// The model itself.
    Root,
    /// A field of what lies at another path.
    Field(&'p Path<'p>, &'p str),
    /// An element of what lies at another path.
    Item(&'p Path<'p>, usize),
    /// The same place, with what other programs call its axes.
    Marked(&'p Path<'p>, Axes),
    /// The same place, with what the parameter there is for.
    Of(&'p Path<'p>, Kind),
}

/// What a parameter is for. Its layer says it, and rules for [groups](crate::With::group) of parameters go by it.
///
/// A field is marked with it by `#[module(bias)]`, `#[module(norm_scale)]` and so on:
///
/// ```
/// use nn::{Kind, Matrix, Module, Param, Path, Sgd};
/// #[derive(Module)]
/// struct Affine {
///     #[module(norm_scale)]
///     gamma: Param<f64>,
///     #[module(norm_shift)]
///     beta: Param<f64>,
/// }
/// let affine = Affine { gamma: Param::new(Matrix::full(2, 1, 1.0)), beta: Param::new(Matrix::zeros(2, 1)) };
/// let mut kinds = Vec::new();
/// affine.params(&Path::Root, &mut |path, _| kinds.push(path.kind()));
/// assert_eq!(kinds, [Kind::NormScale, Kind::NormShift]);
/// let sgd = Sgd { lr: 0.1 }.with().decoupled_decay(0.01).no_decay_of_biases_and_norms(); // neither decays
/// # let _ = sgd;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// It multiplies inputs.
    #[default]
    Weight,
    /// It is added to outputs.
    Bias,
    /// It scales what was normalised.
    NormScale,
    /// It is added to what was normalised.
    NormShift,
    /// It is a table of vectors.
    Embedding,
    /// It is the slope of an activation.
    Slope,
}

impl Kind {
    /// Every kind, with its name in [patterns of groups](crate::With::group) and marks of fields.
    pub const ALL: [(Kind, &'static str); 6] = [
        (Kind::Weight, "weight"),
        (Kind::Bias, "bias"),
        (Kind::NormScale, "norm_scale"),
        (Kind::NormShift, "norm_shift"),
        (Kind::Embedding, "embedding"),
        (Kind::Slope, "slope"),
    ];

    /// What the name tells of a parameter that is not marked: with `bias` in its last part it is a bias, with `norm` anywhere
    /// the scale of a normalisation, else a weight.
    pub fn of_name(name: &str) -> Self {
        match name.rsplit('.').next() {
            Some(last) if last.contains("bias") => Kind::Bias,
            _ if name.contains("norm") => Kind::NormScale,
            _ => Kind::Weight,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Kind::ALL[self as usize].1
    }
}

/// How a parameter lies in a program that knows vectors beside matrices, where its own shape does not tell. Usually a
/// matrix of one column is a vector there, and any other a matrix of the same shape.
///
/// A field is marked with it by `#[module(matrix)]` or `#[module(transposed)]`.
/// [`Safetensors`](crate::persist::Safetensors) goes by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axes {
    /// A matrix, also if it has one column.
    Matrix,
    /// The transposed matrix.
    Transposed,
}

impl<'p> Path<'p> {
    /// The path of a field.
    pub fn field(&'p self, name: &'p str) -> Path<'p> {
        Path::Field(self, name)
    }

    /// The path of an element.
    pub fn item(&'p self, index: usize) -> Path<'p> {
        Path::Item(self, index)
    }

    /// The same path, marked.
    pub fn with_axes(&'p self, axes: Axes) -> Path<'p> {
        Path::Marked(self, axes)
    }

    /// The mark of the field that lies there, or of which an element does.
    pub fn axes(&self) -> Option<Axes> {
        match self {
            Path::Root | Path::Field(..) => None,
            Path::Item(parent, _) => parent.axes(),
            Path::Marked(_, axes) => Some(*axes),
            Path::Of(path, _) => path.axes(),
        }
    }

    /// The same path of a parameter of this kind.
    pub fn with_kind(&'p self, kind: Kind) -> Path<'p> {
        Path::Of(self, kind)
    }

    /// What the parameter there is for: as the field that lies there is marked, or of which an element does; else
    /// [by its name](Kind::of_name).
    pub fn kind(&self) -> Kind {
        fn marked(path: &Path<'_>) -> Option<Kind> {
            match path {
                Path::Root | Path::Field(..) => None,
                Path::Item(path, _) | Path::Marked(path, _) => marked(path),
                Path::Of(_, kind) => Some(*kind),
            }
        }
        marked(self).unwrap_or_else(|| Kind::of_name(&self.to_string()))
    }

    /// Whether it displays as `name`, without making a string.
    pub(crate) fn is(&self, name: &str) -> bool {
        fn strip<'n>(path: &Path<'_>, name: &'n str) -> Option<&'n str> {
            let last = |parent: &Path<'_>, rest: &'n str| match parent {
                Path::Root => strip(parent, rest),
                _ => strip(parent, rest.strip_suffix('.')?),
            };
            match path {
                Path::Root => Some(name),
                Path::Marked(path, _) | Path::Of(path, _) => strip(path, name),
                Path::Field(parent, field) => last(parent, name.strip_suffix(field)?),
                Path::Item(parent, index) => {
                    let rest = name.trim_end_matches(|c: char| c.is_ascii_digit());
                    (name[rest.len()..].parse() == Ok(*index)).then_some(rest).and_then(|rest| last(parent, rest))
                }
            }
        }
        strip(self, name) == Some("")
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = |f: &mut fmt::Formatter<'_>, parent: &Path<'_>| match parent {
            Path::Root => Ok(()),
            _ => write!(f, "{parent}."),
        };
        match self {
            Path::Root => Ok(()),
            Path::Marked(path, _) | Path::Of(path, _) => path.fmt(f),
            Path::Field(parent, name) => dot(f, parent).and_then(|()| f.write_str(name)),
            Path::Item(parent, index) => dot(f, parent).and_then(|()| write!(f, "{index}")),
        }
    }
}
