//! The path of a parameter in a model, and its marks.

use std::fmt;

/// The path of a parameter in a model. It displays as `layers.0.weight`.
///
/// ```
/// use nn::Path;
/// assert_eq!(Path::Root.field("layers").item(0).field("weight").to_string(), "layers.0.weight");
/// ```
#[derive(Clone, Copy)]
pub enum Path<'p> {
    /// The model itself.
    Root,
    /// A field of the module at another path.
    Field(&'p Path<'p>, &'p str),
    /// An element of the list at another path.
    Item(&'p Path<'p>, usize),
    /// The same path, with the axes that other programs use.
    Marked(&'p Path<'p>, Axes),
    /// The same path, with the kind of the parameter.
    Of(&'p Path<'p>, ParamKind),
}

/// The kind of a parameter. Its layer sets it, and rules for [groups](crate::With::group) of parameters use it.
///
/// A field is marked by `#[module(bias)]`, `#[module(norm_scale)]` and so on:
///
/// ```
/// use nn::{ParamKind, Matrix, Module, Param, Path, Sgd};
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
/// assert_eq!(kinds, [ParamKind::NormScale, ParamKind::NormShift]);
/// let sgd = Sgd { lr: 0.1 }.with().decoupled_decay(0.01).no_decay_of_biases_and_norms(); // neither decays
/// # let _ = sgd;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParamKind {
    /// It multiplies inputs.
    #[default]
    Weight,
    /// It is added to outputs.
    Bias,
    /// It scales normalised values.
    NormScale,
    /// It is added to normalised values.
    NormShift,
    /// It is a table of vectors.
    Embedding,
    /// It is the slope of an activation.
    Slope,
}

impl ParamKind {
    /// Every kind, with its name in [patterns of groups](crate::With::group) and in marks of fields.
    pub const ALL: [(ParamKind, &'static str); 6] = [
        (ParamKind::Weight, "weight"),
        (ParamKind::Bias, "bias"),
        (ParamKind::NormScale, "norm_scale"),
        (ParamKind::NormShift, "norm_shift"),
        (ParamKind::Embedding, "embedding"),
        (ParamKind::Slope, "slope"),
    ];

    /// The kind of a parameter without a mark, by its name: a bias if the last part contains `bias`, the scale of a normalisation if
    /// any part contains `norm`, otherwise a weight.
    pub fn of_name(name: &str) -> Self {
        match name.rsplit('.').next() {
            Some(last) if last.contains("bias") => ParamKind::Bias,
            _ if name.contains("norm") => ParamKind::NormScale,
            _ => ParamKind::Weight,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        ParamKind::ALL[self as usize].1
    }
}

/// How a parameter is stored for programs that distinguish vectors from matrices, if its shape is not enough to tell. By default a matrix
/// with one column is stored as a vector, and any other matrix keeps its shape.
///
/// A field is marked by `#[module(matrix)]` or `#[module(transposed)]`.
/// [`Safetensors`](crate::persist::Safetensors) uses it.
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

    /// The mark of the field at this path, or of the field that contains it.
    pub fn axes(&self) -> Option<Axes> {
        match self {
            Path::Root | Path::Field(..) => None,
            Path::Item(parent, _) => parent.axes(),
            Path::Marked(_, axes) => Some(*axes),
            Path::Of(path, _) => path.axes(),
        }
    }

    /// The same path for a parameter of this kind.
    pub fn with_kind(&'p self, kind: ParamKind) -> Path<'p> {
        Path::Of(self, kind)
    }

    /// The kind of the parameter at this path: by the mark of the field, or of the field that contains it; otherwise
    /// [by its name](ParamKind::of_name).
    pub fn kind(&self) -> ParamKind {
        fn marked(path: &Path<'_>) -> Option<ParamKind> {
            match path {
                Path::Root | Path::Field(..) => None,
                Path::Item(path, _) | Path::Marked(path, _) => marked(path),
                Path::Of(_, kind) => Some(*kind),
            }
        }
        marked(self).unwrap_or_else(|| ParamKind::of_name(&self.to_string()))
    }

    /// Whether the path displays as `name`. This does not allocate a string.
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
