//! IDX: one array of the MNIST data base (Y. LeCun, C. Cortes, C. Burges), big-endian, in C order.
//!
//! ```text
//! 00 00 type axes | length of the first axis in 4 bytes | … | entries
//! ```

use std::fs::File;
use std::io::Read;
use std::path::Path;

use autograd::{Real, compiled_once};

use super::reader::{Header, INFLATED, Kind, Scalar, Source};
use super::{Array, ArrayError, ArrayReader};

const ADVICE: &str = "give a file in the format of the MNIST data base, such as train-images-idx3-ubyte";

/// Reads an array in the format of MNIST: pictures as samples × rows × columns, labels as a list.
///
/// With the feature `gz` the file may be compressed by gzip, as it is distributed. An array that takes more than 4 GiB is then an
/// error, unless [`ArrayReader::at_most`] allows it.
///
/// ```no_run
/// use nn::data::{Dataset, read_idx};
/// let x = read_idx::<f32>("train-images-idx3-ubyte")?.samples(); // 784 × 60000
/// let t = read_idx::<f32>("train-labels-idx1-ubyte")?.classes()?;
/// let data = Dataset::new(x.map(|x| x / 255.0), t);
/// # Ok::<(), nn::data::ArrayError>(())
/// ```
///
/// # Errors
/// If the file cannot be read, or is not a complete array in this format.
pub fn read_idx<T: Real>(path: impl AsRef<Path>) -> Result<Array<T>, ArrayError> {
    read(path.as_ref())
}

#[compiled_once]
fn read<T: Real>(path: &Path) -> Result<Array<T>, ArrayError> {
    let file = path.display().to_string();
    match File::open(path) {
        Ok(reader) => ArrayReader::idx(reader, &file)?.read(),
        Err(source) => Err(ArrayError::Read { file, source }),
    }
}

impl<'r> ArrayReader<Box<dyn Read + 'r>> {
    /// Reads the header of an array in the format of MNIST, compressed or not. Errors use `name` for the file and count uncompressed
    /// bytes.
    ///
    /// # Errors
    /// If reading fails or the header is not valid.
    pub fn idx(mut reader: impl Read + 'r, name: &str) -> Result<Self, ArrayError> {
        let mut magic = Vec::new();
        if let Err(source) = reader.by_ref().take(4).read_to_end(&mut magic) {
            return Err(ArrayError::Read { file: name.to_owned(), source });
        }
        let compressed = magic.starts_with(&[0x1f, 0x8b]);
        let whole: Box<dyn Read + 'r> = Box::new(std::io::Cursor::new(magic).chain(reader));
        let mut source = Source::new(if compressed { inflated(whole) } else { whole }, name);
        if compressed && cfg!(not(feature = "gz")) {
            let advice = "decompress it with gunzip, or turn on the feature `gz`";
            return Err(source.malformed("a file compressed by gzip".into(), "two zeros", advice));
        }
        let mut magic = [0; 4];
        source.fill(&mut magic, 4)?;
        let scalar = |kind, size| Scalar { kind, size, big_endian: true };
        let scalar = match magic {
            [0, 0, 0x08, _] => scalar(Kind::Unsigned, 1),
            [0, 0, 0x09, _] => scalar(Kind::Signed, 1),
            [0, 0, 0x0b, _] => scalar(Kind::Signed, 2),
            [0, 0, 0x0c, _] => scalar(Kind::Signed, 4),
            [0, 0, 0x0d, _] => scalar(Kind::Float, 4),
            [0, 0, 0x0e, _] => scalar(Kind::Float, 8),
            other => {
                source.byte = 0;
                let expected = "00 00, a type of 08, 09, 0b, 0c, 0d or 0e, and the number of axes";
                return Err(source.malformed(format!("{other:02x?}"), expected, ADVICE));
            }
        };
        let mut shape = Vec::new();
        for axis in 0..magic[3] {
            let mut length = [0; 4];
            source.fill(&mut length, 4 * u64::from(magic[3] - axis))?;
            shape.push(u32::from_be_bytes(length) as usize);
        }
        let reader = ArrayReader::new(source, Header { shape, scalar, fortran: false })?;
        Ok(if compressed { reader.at_most(INFLATED) } else { reader })
    }
}

#[cfg(feature = "gz")]
fn inflated<'r>(reader: Box<dyn Read + 'r>) -> Box<dyn Read + 'r> {
    Box::new(flate2::read::MultiGzDecoder::new(reader))
}

#[cfg(not(feature = "gz"))]
fn inflated<'r>(reader: Box<dyn Read + 'r>) -> Box<dyn Read + 'r> {
    reader
}
