//! Saving and exchanging models.
//!
//! A model is a serde value, and so is everything that belongs to it. [`save`] writes it to a file, and [`load`] reads it
//! back bit-identically as the type that was saved. [`save_value`] writes any other value, such as a model with the state of its
//! optimizer.
//!
//! ```
//! use nn::{Activation, Mlp};
//! # use rand::SeedableRng;
//! # let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
//! # let folder = std::env::temp_dir().join(format!("nn-saving-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! let net: Mlp<f32> = Mlp::new(&[4, 16, 3], Activation::Tanh, rng);
//! nn::save(folder.join("net.nn"), &net)?; // binary: 4 bytes a number, checksums
//! nn::save(folder.join("net.json"), &net)?; // text, to read and to compare
//! assert_eq!(nn::load::<Mlp<f32>>(folder.join("net.nn"))?, net);
//! assert_eq!(nn::load::<Mlp<f32>>(folder.join("net.json"))?, net);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Files are written atomically
//!
//! The bytes go to a temporary file in the same folder, which is renamed once it is on the disk. If the
//! process is killed at any moment, there is a complete old file or a complete new one (and maybe a `.tape-nn.….tmp`, which
//! the next save in the folder removes). If anything fails, the old file does not change. The new file keeps its permissions, and
//! a symbolic link is followed.
//!
//! # Formats
//!
//! The extension `.json` means JSON, any other the binary format. [`load`] detects the format from the contents.
//!
//! **JSON** is `{"format":"tape-nn","version":1,"checksum":"0f5c81b3","model":…}` with the value as `serde_json` writes it,
//! and the CRC-32 of its text, from its first byte to its last. A matrix is `{"rows":2,"cols":1,"data":[0.5,-1.0]}`, column by
//! column; a parameter that is not trained also has a field `"role":"frozen"` or `"buffer"`. If you change a file by hand,
//! remove its entry `"checksum"`; a file without one is not checked, as in the first files of version 1.
//!
//! **Binary**, integers and numbers little-endian:
//!
//! | byte | bytes | what |
//! |--:|--:|---|
//! | 0 | 8 | `89 74 61 70 65 2d 6e 6e`, "\x89tape-nn" |
//! | 8 | 4 | the version of the format, 1 |
//! | 12 | 8 | n, the length of the payload |
//! | 20 | 4 | the CRC-32 (IEEE 802.3, as in zip and PNG) of the payload |
//! | 24 | 4 | the CRC-32 of bytes 0 to 23 |
//! | 28 | n | the payload: the value as [MessagePack](https://github.com/msgpack/msgpack/blob/master/spec.md), structs as maps by field name, variants by name |
//!
//! A matrix in the payload is a map of `rows`, `cols` and `data`. `data` is a map with one entry: the type of the
//! numbers, `"f32"` or `"f64"`, and their bytes, column by column. So a file gives the number type of each matrix, and
//! numbers are converted when it is read as a model of the other type: exactly from `f32` to `f64`, to the nearest from
//! `f64` to `f32`. A number that is too large for `f32` is an error.
//!
//! **safetensors** is for exchange with PyTorch and others: [`save_safetensors`], [`load_safetensors`], and [`Safetensors`] if
//! names differ. It holds only the parameters and buffers, by name.
//!
//! | byte | bytes | what |
//! |--:|--:|---|
//! | 0 | 8 | n, the length of the header, little-endian |
//! | 8 | n | JSON, padded with blanks to a multiple of 8: for each name `{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}`, and `"__metadata__":{"format":"pt"}` |
//! | 8 + n | | the numbers, little-endian, row by row, without gaps |
//!
//! A file is not used before its checksum is verified (if the format has one), and a length is not used before that many bytes are
//! there. A key that the type does not know is an error, and so is a duplicate key in a map. Values are nested at most 128
//! deep, both in writing and in reading; each list of layers inside another takes two levels. No bytes in a file make
//! loading panic.

mod binary;
mod error;
mod json;
#[cfg(feature = "safetensors")]
mod safetensors;
mod sound;
mod strict;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use autograd::compiled_once;
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _};
use serde_path_to_error::Segment;

use crate::data::first_not_finite;
use crate::module::{Walk, named};
use crate::{Module, Real, atomic};

use strict::Strict;

pub use error::{LoadError, Misfit, Position, SaveError};
#[cfg(feature = "safetensors")]
pub use safetensors::{Safetensors, load_safetensors, save_safetensors};

/// The format in which values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text: `{"format":"tape-nn","version":1,"checksum":"…","model":…}`.
    Json,
    /// MessagePack after a header with checksums.
    Binary,
}

impl Format {
    /// The format for a file name: JSON if the extension is `json`, otherwise binary.
    ///
    /// ```
    /// use nn::persist::Format;
    /// assert_eq!(Format::of("net.json"), Format::Json);
    /// assert_eq!(Format::of("net.nn"), Format::Binary);
    /// ```
    pub fn of(path: impl AsRef<Path>) -> Self {
        if has_extension(path.as_ref(), "json") { Format::Json } else { Format::Binary }
    }

    fn encode(self, value: &dyn erased_serde::Serialize, file: String) -> Result<Vec<u8>, SaveError> {
        match self {
            Format::Json => json::encode(value, file),
            Format::Binary => binary::encode(value, file),
        }
    }
}

/// Writes a model to a file: JSON if the name ends in `.json`, otherwise the binary format.
///
/// If the model contains other values, such as the `Standardize` of its inputs, they are saved in the same file.
///
/// ```
/// use nn::{Activation, Mlp};
/// # use rand::SeedableRng;
/// # let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
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
/// If a parameter is NaN or infinite, from which training cannot recover; if the model cannot be serialised; or if the
/// file cannot be written. An existing file of this name is then unchanged.
pub fn save<T: Real, M: Module<T> + Serialize + ?Sized>(path: impl AsRef<Path>, model: &M) -> Result<(), SaveError> {
    let path = path.as_ref();
    finite_params(&mut |f| model.params(&crate::Path::Root, f), &name(path))?;
    save_value(path, model)
}

/// Writes any value to a file, as [`save`] writes a model. It may contain numbers that are not finite if the format supports them; the
/// binary format does.
///
/// ```
/// use nn::{Adam, Matrix, Optimizer, Param, State, persist};
/// # let folder = std::env::temp_dir().join(format!("nn-value-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("last.checkpoint");
/// let w = Param::new(Matrix::from([[1.0f32, 2.0]]));
/// let state = Adam::new(0.1).init(&w);
/// persist::save_value(&path, &(&w, &state, f64::INFINITY))?; // no loss so far
/// let again: (Param<f32>, State<f32>, f64) = nn::load(&path)?;
/// assert_eq!(again, (w, state, f64::INFINITY));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the format cannot represent the value, or the file cannot be written. An existing file of this name is then
/// unchanged.
pub fn save_value<V: Serialize + ?Sized>(path: impl AsRef<Path>, value: &V) -> Result<(), SaveError> {
    write(path.as_ref(), &value)
}

fn write(path: &Path, value: &dyn erased_serde::Serialize) -> Result<(), SaveError> {
    let file = name(path);
    if has_extension(path, "safetensors") {
        return Err(SaveError::Extension { file });
    }
    let bytes = Format::of(path).encode(value, file.clone())?;
    atomic::write(path, &bytes).map_err(|source| SaveError::Write { file, source })
}

/// Reads a file of [`save`] or [`save_value`], in either format, as the type that was saved.
///
/// ```
/// let error = nn::load::<nn::Mlp<f32>>("no/such/net.json").unwrap_err();
/// assert!(error.to_string().starts_with("no/such/net.json: file not found"));
/// ```
///
/// # Errors
/// A [`LoadError`] if the file cannot be read or does not contain such a value. No bytes in a file make this panic.
pub fn load<V: DeserializeOwned>(path: impl AsRef<Path>) -> Result<V, LoadError> {
    let path = path.as_ref();
    decode(&read(path)?, name(path))
}

/// The bytes of a file that may be a model.
fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let file = name(path);
    let failed = |source| LoadError::Read { file: file.clone(), source };
    let mut source = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    source.by_ref().take(binary::HEADER as u64).read_to_end(&mut bytes).map_err(failed)?;
    let rest = rest(&bytes, &file)?;
    read_at_most(rest, source, &mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The bytes that [`save_value`] would write to a file of this format.
///
/// ```
/// use nn::persist::{Format, from_bytes, to_bytes};
/// let bytes = to_bytes(Format::Binary, &[0.5f32, f32::NAN]).unwrap();
/// assert_eq!(from_bytes::<[f32; 2]>(&bytes).unwrap()[0], 0.5);
/// ```
///
/// # Errors
/// If the format cannot represent the value.
pub fn to_bytes<V: Serialize + ?Sized>(format: Format, value: &V) -> Result<Vec<u8>, SaveError> {
    format.encode(&value, IN_MEMORY.to_owned())
}

/// The value in the bytes of a file, such as those of `include_bytes!("net.nn")`.
///
/// # Errors
/// Under the same conditions as [`load`].
pub fn from_bytes<V: DeserializeOwned>(bytes: &[u8]) -> Result<V, LoadError> {
    rest(bytes, IN_MEMORY)?;
    decode(bytes, IN_MEMORY.to_owned())
}

/// Every level uses stack in the reader; `serde_json` allows the same depth.
const DEPTH: usize = 128;

fn too_deep() -> String {
    format!("values nested more than {DEPTH} deep")
}

const IN_MEMORY: &str = "bytes in memory";

/// How many bytes may follow the first ones for the file to be worth reading.
fn rest(first: &[u8], file: &str) -> Result<u64, LoadError> {
    let foreign = |found: &str| Err(foreign(file, found));
    if is_binary(first) {
        // One more byte, to detect a file that is too long.
        Ok(binary::header(first, file)?.payload.saturating_add(1))
    } else if first.starts_with(b"PK\x03\x04") {
        foreign("a zip archive, such as PyTorch's (save its `state_dict()` as .safetensors for `load_safetensors`)")
    } else if first.get(4..9) == Some(b"\0\0\0\0{") {
        foreign("what looks like safetensors (`load_safetensors` reads that)")
    } else {
        Ok(u64::MAX)
    }
}

fn foreign(file: &str, found: impl Into<String>) -> LoadError {
    let expected = r#"the header {"format":"tape-nn","version":1} or its binary form; give a file that `save` wrote"#;
    LoadError::Foreign { file: file.to_owned(), found: found.into(), expected }
}

fn is_binary(first: &[u8]) -> bool {
    !first.is_empty() && first.iter().zip(&binary::MAGIC).all(|(a, b)| a == b)
}

/// Reads a value of any type. The readers of the formats are compiled once; a type of the caller is compiled for one reader.
fn decode<V: DeserializeOwned>(bytes: &[u8], file: String) -> Result<V, LoadError> {
    let mut value = None;
    decode_by(bytes, file, &mut |reader| erased_serde::deserialize(reader).map(|read| value = Some(read)))?;
    Ok(value.expect("what was read without an error is there"))
}

/// Takes a value of a type that only the caller knows from a reader.
type Take<'t> = &'t mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error>;

fn decode_by(bytes: &[u8], file: String, take: Take) -> Result<(), LoadError> {
    if is_binary(bytes) { binary::decode(bytes, file, take) } else { json::decode(bytes, file, take) }
}

/// [`Take`] for serde's seeds.
struct TakeSeed<'t>(Take<'t>);

impl<'de> DeserializeSeed<'de> for TakeSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        (self.0)(&mut <dyn erased_serde::Deserializer>::erase(Strict::new(reader))).map_err(D::Error::custom)
    }
}

/// Reads to the end of the file, whatever limit the caller gives.
fn read_at_most(limit: u64, source: File, bytes: &mut Vec<u8>) -> io::Result<()> {
    let left = source.metadata()?.len().saturating_sub(bytes.len() as u64).min(limit);
    bytes.try_reserve_exact(usize::try_from(left).unwrap_or(usize::MAX))?;
    source.take(limit).read_to_end(bytes).map(drop)
}

#[compiled_once]
fn finite_params<'w, 'm: 'w, T: Real>(params: Walk<'w, 'm, T>, file: &str) -> Result<(), SaveError> {
    for (param, matrix) in named(params) {
        if let Some((row, col, value)) = first_not_finite(matrix.value()) {
            return Err(SaveError::NotFinite { file: file.to_owned(), param, row, col, value });
        }
    }
    Ok(())
}

/// The path in a value, as [`Path`](crate::Path) shows that of a parameter: `layers.0.weight`.
fn dotted<'p>(path: impl Iterator<Item = &'p Segment>) -> String {
    let segments = path.filter_map(|segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    });
    segments.collect::<Vec<_>>().join(".")
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests;
