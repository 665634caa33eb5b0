//! Models as files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{error, fmt};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Module, Real};

const FORMAT: &str = "tape-nn";
const VERSION: u64 = 1;

/// Writes a model to a file: JSON with a header, `{"format":"tape-nn","version":1,"model":…}`.
///
/// Every number is written so that [`load`] gives the same bits. The file appears whole or not at all: the text goes
/// to a temporary file in the same folder, which takes the name `path` once it is on the disk. If anything fails, an
/// older file of this name stays as it was.
///
/// A model that holds what belongs to it, such as the `Standardize` of its inputs, keeps that in the same file.
///
/// ```
/// use nn::{Activation, Mlp};
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// # let folder = std::env::temp_dir().join(format!("nn-save-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let net: Mlp<f32> = Mlp::new(&[4, 16, 3], Activation::Tanh, rng);
/// let path = folder.join("net.json");
/// nn::save(&path, &net)?;
/// let again: Mlp<f32> = nn::load(&path)?;
/// assert_eq!(again, net);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If a parameter is NaN or infinite, which JSON cannot say and no training recovers from; if the model cannot be
/// serialised; or if the file cannot be written.
pub fn save<T: Real, M: Module<T> + Serialize>(path: impl AsRef<Path>, model: &M) -> Result<(), SaveError> {
    let (path, file) = named(path.as_ref());
    let bad = model.named_params().into_iter().find_map(|(name, param)| {
        let (entries, rows) = (param.value().as_slice(), param.value().rows());
        let at = entries.iter().position(|x| !x.to_f64().is_finite())?;
        Some((name, at % rows, at / rows, entries[at].to_f64()))
    });
    if let Some((param, row, col, value)) = bad {
        return Err(SaveError::NotFinite { file, param, row, col, value });
    }
    match serde_json::to_vec(&Document { format: FORMAT, version: VERSION, model }) {
        Ok(text) => write(path, &text).map_err(|source| SaveError::Write { file, source }),
        Err(source) => Err(SaveError::Serialize { file, source }),
    }
}

/// Reads a model that [`save`] wrote, as the type that was saved.
///
/// ```
/// let error = nn::load::<nn::Mlp<f32>>("no/such/net.json").unwrap_err();
/// assert!(error.to_string().starts_with("no/such/net.json: file not found"));
/// ```
///
/// # Errors
/// A [`LoadError`] if the file cannot be read or is not such a model. No bytes in a file make this panic.
pub fn load<M: DeserializeOwned>(path: impl AsRef<Path>) -> Result<M, LoadError> {
    let (path, file) = named(path.as_ref());
    match fs::read(path) {
        Ok(text) => parse(&text, file),
        Err(source) => Err(LoadError::Read { file, source }),
    }
}

#[derive(Serialize)]
struct Document<'m, M> {
    format: &'static str,
    version: u64,
    model: &'m M,
}

/// What is looked at first, whatever the model may be.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

#[derive(Deserialize)]
struct Body<M> {
    model: M,
}

fn named(path: &Path) -> (&Path, String) {
    (path, path.display().to_string())
}

fn parse<M: DeserializeOwned>(text: &[u8], file: String) -> Result<M, LoadError> {
    use serde_json::error::Category;
    let broken = |file: &str, error: &serde_json::Error| {
        let (file, found, line, column) = (file.to_owned(), message(error), error.line(), error.column());
        match error.classify() {
            Category::Syntax if ends_in_number(text, line, column) => Some(LoadError::Truncated { file, line, column }),
            Category::Eof => Some(LoadError::Truncated { file, line, column }),
            Category::Syntax | Category::Io => Some(LoadError::NotJson { file, line, column, found }),
            Category::Data => None,
        }
    };
    let header: Header = match serde_json::from_slice(text) {
        Ok(header) => header,
        Err(error) => return Err(broken(&file, &error).unwrap_or(LoadError::Foreign { file, found: message(&error) })),
    };
    match header {
        Header { format, .. } if format != FORMAT => {
            let found = format!("format {:?}", format.chars().take(40).collect::<String>());
            Err(LoadError::Foreign { file, found })
        }
        Header { version: 0, .. } => Err(LoadError::Foreign { file, found: "version 0".to_owned() }),
        Header { version, .. } if version > VERSION => Err(LoadError::Newer { file, version }),
        _ => serde_json::from_slice(text).map(|Body { model }| model).map_err(|error| {
            broken(&file, &error).unwrap_or_else(|| {
                let (line, column, found) = (error.line(), error.column(), message(&error));
                LoadError::Model { file, line, column, found }
            })
        }),
    }
}

/// Whether the text breaks off at this place inside of a number, as in `-` or `1.`: to the parser, no end of the file.
fn ends_in_number(text: &[u8], line: usize, column: usize) -> bool {
    let lines = text.split(|&byte| byte == b'\n');
    lines.enumerate().last().is_some_and(|(above, last)| (above + 1, last.len()) == (line, column))
        && text.ends_with(b"-") | text.ends_with(b".") | text.ends_with(b"e") | text.ends_with(b"e+")
}

/// The message without the place, which is named in front.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// Replaces the file as a whole.
pub(crate) fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    if path.file_name().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"));
    }
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let (temporary, mut file) = temporary(folder)?;
    let written = file.write_all(text).and_then(|()| file.sync_all());
    drop(file);
    let renamed = written.and_then(|()| fs::rename(&temporary, path));
    match renamed {
        // The new name is on the disk once its folder is; not every system can be asked for that.
        Ok(()) => drop(File::open(folder).and_then(|folder| folder.sync_all())),
        Err(_) => drop(fs::remove_file(&temporary)),
    }
    renamed
}

/// A new file, with a name that nobody else has.
fn temporary(folder: &Path) -> io::Result<(PathBuf, File)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let name = format!(".{FORMAT}.{}.{}.tmp", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = folder.join(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            file => return Ok((path, file?)),
        }
    }
}

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
#[derive(Debug)]
#[non_exhaustive]
pub enum SaveError {
    /// A parameter is NaN or infinite.
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
    /// The model cannot be said in JSON.
    Serialize {
        /// The file that was not written.
        file: String,
        /// What the serialiser says.
        source: serde_json::Error,
    },
    /// The file cannot be written.
    Write {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SaveError::NotFinite { file, param, row, col, value } => write!(
                f,
                "{file}: not written, because entry ({row}, {col}) of parameter `{param}` is {value}; \
                 training has diverged: try a smaller learning rate"
            ),
            SaveError::Serialize { file, source } => {
                write!(f, "{file}: not written, because the model cannot be said in JSON: {source}; ")?;
                f.write_str("derive `Serialize` for it, and use strings as the keys of maps")
            }
            SaveError::Write { file, source } if source.kind() == io::ErrorKind::NotFound => {
                write!(f, "{file}: not written, because its folder does not exist; make the folder first")
            }
            SaveError::Write { file, source } => {
                write!(f, "{file}: cannot be written: {source}; check that there is room and that you may write there")
            }
        }
    }
}

impl error::Error for SaveError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            SaveError::NotFinite { .. } => None,
            SaveError::Serialize { source, .. } => Some(source),
            SaveError::Write { source, .. } => Some(source),
        }
    }
}

/// Why a file is not a model: which file and where, what is wrong, and what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// The file does not exist or cannot be read.
    Read {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file ends too early.
    Truncated {
        /// The file.
        file: String,
        /// The line where it ends, from 1.
        line: usize,
        /// The column where it ends, in bytes.
        column: usize,
    },
    /// The file is not JSON.
    NotJson {
        /// The file.
        file: String,
        /// The line of the first error, from 1.
        line: usize,
        /// The column of that error, in bytes.
        column: usize,
        /// What is wrong there.
        found: String,
    },
    /// The file is JSON, but its header is not that of a model.
    Foreign {
        /// The file.
        file: String,
        /// What its header says, or lacks.
        found: String,
    },
    /// The file is of a later version of the format.
    Newer {
        /// The file.
        file: String,
        /// The version.
        version: u64,
    },
    /// The file is a model, but of another type, or one that contradicts itself.
    Model {
        /// The file.
        file: String,
        /// The line where the model stops to fit, from 1.
        line: usize,
        /// The column there, in bytes.
        column: usize,
        /// What does not fit.
        found: String,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Read { file, source } if source.kind() == io::ErrorKind::NotFound => {
                write!(f, "{file}: file not found; check the path (a relative one starts at the working directory)")
            }
            LoadError::Read { file, source } => {
                write!(f, "{file}: cannot be read: {source}; check that it is a file you may read")
            }
            LoadError::Truncated { file, line, column } => {
                write!(f, "{file}, line {line}, column {column}: the file ends before the model does; ")?;
                f.write_str("copy it again in full, or save the model again")
            }
            LoadError::NotJson { file, line, column, found } => {
                write!(f, "{file}, line {line}, column {column}: not JSON: {found}; ")?;
                f.write_str("give a file that `save` wrote; if this is one, it was damaged: save the model again")
            }
            LoadError::Foreign { file, found } => write!(
                f,
                "{file}: not a saved model: found {found}, expected the header \
                 {{\"format\":\"{FORMAT}\",\"version\":{VERSION}}}; give a file that `save` wrote"
            ),
            LoadError::Newer { file, version } => write!(
                f,
                "{file}: written in version {version} of the format, but this program knows version {VERSION}; \
                 update {FORMAT}, or save the model with the version you have"
            ),
            LoadError::Model { file, line, column, found } => {
                write!(f, "{file}, line {line}, column {column}: not the model that was asked for: {found}; ")?;
                f.write_str("load it as the type that was saved, with fields of the same names")
            }
        }
    }
}

impl error::Error for LoadError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            LoadError::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
