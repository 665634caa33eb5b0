//! What can be wrong with a file of a model.

use std::{error, fmt, io};

use super::{Format, json};
use crate::atomic::cannot_read;

/// Why a model was not saved: which file, what is wrong, and what to do.
///
/// ```
/// use nn::{Matrix, Param, SaveError};
/// let error = nn::save("net.json", &vec![Param::new(Matrix::row(&[1.0, f32::NAN]))]).unwrap_err();
/// assert!(matches!(&error, SaveError::NotFinite { param, row: 0, col: 1, .. } if param == "0"));
/// assert_eq!(
///     error.to_string(),
///     "net.json: not written, because entry (0, 1) of parameter `0` is NaN; \
///      training has diverged: try a smaller learning rate"
/// );
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// A parameter is NaN or infinite.
    #[error(
        "{file}: not written, because entry ({row}, {col}) of parameter `{param}` is {value}; \
         training has diverged: try a smaller learning rate"
    )]
    NotFinite {
        /// The file that was not written.
        file: String,
        /// The parameter.
        param: String,
        /// The row of its first such entry.
        row: usize,
        /// The column of that entry.
        col: usize,
        /// The entry.
        value: f64,
    },
    /// A number beside the parameters is NaN or infinite, which JSON cannot say.
    #[error(
        "{file}: not written, because `{}` is {value}, which JSON cannot say; \
         give the file another extension than .json: the binary format can",
        if .path.is_empty() { "the value" } else { .path }
    )]
    NotJson {
        /// The file that was not written.
        file: String,
        /// Where the number is, such as `history.best`.
        path: String,
        /// The number.
        value: String,
    },
    /// The value cannot be said in the format.
    #[error(
        "{file}: not written, because it cannot be said in {}: {source}; derive `Serialize` for it{}, and nest less",
        if *.format == Format::Json { "JSON" } else { "the binary format" },
        if *.format == Format::Json { ", use strings as the keys of maps" } else { "" }
    )]
    Serialize {
        /// The file that was not written.
        file: String,
        /// The format.
        format: Format,
        /// What the serialiser says.
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// Two parameters that differ got one name.
    #[error(
        "{file}: not written, because two parameters that differ would both be `{name}`; \
         give each a name of its own in `Safetensors::rename`"
    )]
    SameName {
        /// The file that was not written.
        file: String,
        /// The name.
        name: String,
    },
    /// The parameters cannot be said as safetensors.
    #[error(
        "{file}: not written, because the parameters cannot be said as safetensors: {source}; \
         use shorter names, or `save`"
    )]
    Safetensors {
        /// The file that was not written.
        file: String,
        /// What the serialiser says.
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// The extension of the file is that of another format.
    #[error(
        "{file}: not written, because .safetensors is another format than that of `save`; \
         use `save_safetensors`, or another extension"
    )]
    Extension {
        /// The file that was not written.
        file: String,
    },
    /// The file cannot be written.
    #[error("{file}: {}", cannot_write(.file, .source))]
    Write {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Why a file is not written, and what to do.
fn cannot_write(file: &str, source: &io::Error) -> String {
    let folder = std::path::Path::new(file).parent().filter(|folder| !folder.as_os_str().is_empty());
    if source.kind() == io::ErrorKind::NotFound && folder.is_none_or(|folder| !folder.is_dir()) {
        return "not written, because its folder does not exist; make the folder first".into();
    }
    format!("cannot be written: {source}; check that there is room and that you may write there")
}

autograd::debug_as_display!(SaveError);

/// Why a file is not a model: which file and where, what is wrong, and what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file does not exist or cannot be read.
    #[error("{}", cannot_read(.file, .source))]
    Read {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file ends too early.
    #[error("{file}, {at}: the file ends before the model does; copy it again in full, or save the model again")]
    Truncated {
        /// The file.
        file: String,
        /// Where it ends.
        at: Position,
    },
    /// The file is not as it was written.
    #[error("{file}, {at}: damaged since it was written: {found}; copy it again, or save the model again")]
    Damaged {
        /// The file.
        file: String,
        /// Where what is damaged begins.
        at: Position,
        /// What is wrong with it.
        found: String,
    },
    /// The file is not JSON.
    #[error(
        "{file}, {at}: not JSON: {found}; \
         give a file that `save` wrote; if this is one, it was damaged: save the model again"
    )]
    NotJson {
        /// The file.
        file: String,
        /// The first error.
        at: Position,
        /// What is wrong there.
        found: String,
    },
    /// The file is of another format.
    #[error("{file}: not a saved model: found {found}, expected {expected}")]
    Foreign {
        /// The file.
        file: String,
        /// What it is, or what its header says or lacks.
        found: String,
        /// What it should be, and what to do.
        expected: &'static str,
    },
    /// The file is of a later version of the format.
    #[error(
        "{file}: written in version {version} of the format, but this program knows version {}; \
         update tape-nn, or save the model with the version you have",
        json::VERSION
    )]
    Newer {
        /// The file.
        file: String,
        /// The version.
        version: u64,
    },
    /// The file is a model, but of another type, or one that contradicts itself.
    #[error(
        "{file}, {at}{}: not the model that was asked for: {found}; \
         load it as the type that was saved, with fields of the same names",
        if .path.is_empty() { String::new() } else { format!(", `{path}`") }
    )]
    Model {
        /// The file.
        file: String,
        /// Where the model stops to fit.
        at: Position,
        /// What is read there, such as `layers.0.weight.rows`.
        path: String,
        /// What does not fit.
        found: String,
    },
    /// The tensors of the file are not the parameters of the model.
    #[error(
        "{file}: not the parameters of this model:{}\n\
         load them into a model of the same layers, or say with `Safetensors` what differs: \
         `prefix`, `rename`, `ignore_extra`",
        .misfits.iter().map(|misfit| format!("\n  {misfit}")).collect::<String>()
    )]
    Tensors {
        /// The file.
        file: String,
        /// All that does not fit.
        misfits: Vec<Misfit>,
    },
}

autograd::debug_as_display!(LoadError);

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// Of a text.
    Text {
        /// The line, from 1.
        line: usize,
        /// The column, in bytes.
        column: usize,
    },
    /// Of a binary file: that many bytes are before it.
    Byte(usize),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Text { line, column } => write!(f, "line {line}, column {column}"),
            Position::Byte(byte) => write!(f, "byte {byte}"),
        }
    }
}

/// A tensor of a file that is not a parameter of the model, or the other way round.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Misfit {
    /// The file does not have it.
    Missing {
        /// The name.
        name: String,
        /// The shape it should have.
        expected: Vec<usize>,
    },
    /// The model does not have it.
    Extra {
        /// The name.
        name: String,
    },
    /// It has another shape.
    Shape {
        /// The name.
        name: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape it should have.
        expected: Vec<usize>,
    },
    /// It is of a type that is not read.
    Type {
        /// The name.
        name: String,
        /// The type, as the file calls it.
        found: String,
    },
    /// It has a number that is too large for the scalar type of the model.
    TooLarge {
        /// The name.
        name: String,
        /// The first such number.
        value: f64,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Missing { name, expected } => write!(f, "`{name}`, of shape {expected:?}, is missing"),
            Misfit::Extra { name } => write!(f, "`{name}` is extra"),
            Misfit::Shape { name, found, expected } => write!(f, "`{name}` is {found:?}, expected {expected:?}"),
            Misfit::Type { name, found } => write!(f, "`{name}` is {found}, expected F64, F32, F16 or BF16"),
            Misfit::TooLarge { name, value } => write!(f, "`{name}` has {value:e}, too large for f32"),
        }
    }
}
