//! NPZ: several arrays of NumPy in a ZIP archive.

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::Path;

use autograd::{Real, compiled_once};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::npy::write_to;
use super::reader::INFLATED;
use super::{Array, ArrayError, ArrayReader};
use crate::atomic;

/// Reads all arrays that `numpy.savez` or `numpy.savez_compressed` wrote, with their names, in the order of the file. Needs
/// the feature `npz`.
///
/// An array may be much larger than its compressed file. All arrays together may take 4 GiB; [`read_npz_at_most`] has another limit.
///
/// # Errors
/// If the file cannot be read, a member is not an array, or members share a name or bytes.
pub fn read_npz<T: Real>(path: impl AsRef<Path>) -> Result<Vec<(String, Array<T>)>, ArrayError> {
    read(path.as_ref(), INFLATED)
}

/// Reads all arrays like [`read_npz`]. Together they may take at most this number of bytes in memory. Needs the feature `npz`.
///
/// # Errors
/// Under the same conditions as [`read_npz`].
pub fn read_npz_at_most<T: Real>(path: impl AsRef<Path>, bytes: u64) -> Result<Vec<(String, Array<T>)>, ArrayError> {
    read(path.as_ref(), bytes)
}

#[compiled_once]
fn read<T: Real>(path: &Path, mut left: u64) -> Result<Vec<(String, Array<T>)>, ArrayError> {
    let file = path.display().to_string();
    let malformed = |found: &str| ArrayError::Malformed {
        file: file.clone(),
        byte: 0,
        found: found.to_owned(),
        expected: "a ZIP archive of arrays".to_owned(),
        advice: "save the arrays with `numpy.savez`",
    };
    let failed = |error: ZipError| match error {
        ZipError::Io(source) => ArrayError::Read { file: file.clone(), source },
        other => malformed(&other.to_string()),
    };
    let reader = File::open(path).map_err(|error| failed(error.into()))?;
    let mut archive = ZipArchive::new(BufReader::new(reader)).map_err(failed)?;
    if archive.has_duplicate_names() {
        return Err(malformed("several members with one name"));
    }
    // Overlapping members could expand a few bytes to any number of large arrays.
    if archive.has_overlapping_entries().map_err(failed)? {
        return Err(malformed("members that share their bytes"));
    }
    let mut arrays = Vec::new();
    for member in 0..archive.len() {
        let member = archive.by_index(member).map_err(failed)?;
        let name = member.name().map_err(failed)?.into_owned();
        let reader = ArrayReader::npy(member, &format!("{file}/{name}"))?.at_most(left);
        left = left.saturating_sub(reader.memory::<T>());
        arrays.push((name.strip_suffix(".npy").unwrap_or(&name).to_owned(), reader.read()?));
    }
    Ok(arrays)
}

/// Writes arrays with their names for `numpy.load`, uncompressed like `numpy.savez`. The file is written atomically.
/// Needs the feature `npz`.
///
/// # Errors
/// If the file cannot be written, or a name occurs twice.
pub fn write_npz<T: Real>(path: impl AsRef<Path>, arrays: &[(&str, &Array<T>)]) -> Result<(), ArrayError> {
    write(path.as_ref(), arrays)
}

#[compiled_once]
fn write<T: Real>(path: &Path, arrays: &[(&str, &Array<T>)]) -> Result<(), ArrayError> {
    let write = || -> Result<(), ZipError> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        // No modification time: the same arrays give the same bytes.
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, array) in arrays {
            archive.start_file(format!("{name}.npy"), options.large_file(array.as_slice().len() >= 1 << 28))?;
            write_to(&mut archive, array)?;
        }
        Ok(atomic::write(path, archive.finish()?.get_ref())?)
    };
    write().map_err(|error| ArrayError::Write { file: path.display().to_string(), source: error.into() })
}
