//! NPY: one array of NumPy, format versions 1 to 3 (NumPy Enhancement Proposal 1).
//!
//! ```text
//! 93 "NUMPY" major minor | length of the header | {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), } | entries
//! ```

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use autograd::{Real, compiled_once};

use super::reader::{Header, Kind, Scalar, Source};
use super::{Array, ArrayError, ArrayReader};
use crate::atomic;

const MAGIC: &[u8] = b"\x93NUMPY";
/// The header of a numeric array takes some hundred bytes.
const LONGEST_HEADER: usize = 1 << 16;
const NUMPY: &str = "save the array with `numpy.save`";
const NUMBERS: &str = "convert it with `array.astype(numpy.float64)` and save it again";

/// Reads an array that `numpy.save` wrote, of floating-point numbers of 4 or 8 bytes, integers, or booleans.
///
/// A batch of samples × features is the features × samples of a model: [`Array::samples`].
///
/// ```
/// let error = nn::data::read_npy::<f32>("no/such/x.npy").unwrap_err();
/// assert!(error.to_string().starts_with("no/such/x.npy: file not found"));
/// ```
///
/// # Errors
/// If the file cannot be read, or is not a complete array in this format.
pub fn read_npy<T: Real>(path: impl AsRef<Path>) -> Result<Array<T>, ArrayError> {
    read(path.as_ref())
}

#[compiled_once]
fn read<T: Real>(path: &Path) -> Result<Array<T>, ArrayError> {
    let file = path.display().to_string();
    match File::open(path) {
        Ok(reader) => ArrayReader::npy(reader, &file)?.read(),
        Err(source) => Err(ArrayError::Read { file, source }),
    }
}

/// Writes an array for `numpy.load`, in C order, with 4 bytes an entry for `f32` and 8 for `f64`. The file is written atomically.
///
/// # Errors
/// If the file cannot be written.
pub fn write_npy<T: Real>(path: impl AsRef<Path>, array: &Array<T>) -> Result<(), ArrayError> {
    write(path.as_ref(), array)
}

#[compiled_once]
fn write<T: Real>(path: &Path, array: &Array<T>) -> Result<(), ArrayError> {
    let mut bytes = Vec::new();
    let written = write_to(&mut bytes, array).and_then(|()| atomic::write(path, &bytes));
    written.map_err(|source| ArrayError::Write { file: path.display().to_string(), source })
}

pub(super) fn write_to<T: Real>(file: &mut impl Write, array: &Array<T>) -> std::io::Result<()> {
    let size = size_of::<T>();
    let shape: String = match array.shape() {
        [length] => format!("({length},)"),
        shape => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    };
    let dictionary = format!("{{'descr': '<f{size}', 'fortran_order': False, 'shape': {shape}, }}");
    // Entries begin at a multiple of 64.
    let length = (MAGIC.len() + 4 + dictionary.len() + 1).next_multiple_of(64) - MAGIC.len() - 4;
    file.write_all(MAGIC)?;
    file.write_all(&[1, 0])?;
    file.write_all(&u16::try_from(length).map_err(std::io::Error::other)?.to_le_bytes())?;
    writeln!(file, "{dictionary:0$}", length - 1)?;
    for entry in array.as_slice() {
        match size {
            4 => file.write_all(&(entry.to_f64() as f32).to_le_bytes())?,
            _ => file.write_all(&entry.to_f64().to_le_bytes())?,
        }
    }
    Ok(())
}

impl<R: Read> ArrayReader<R> {
    /// Reads the header of a file that `numpy.save` wrote. Errors use `name` for the file.
    ///
    /// # Errors
    /// If reading fails or the header is not valid.
    pub fn npy(reader: R, name: &str) -> Result<Self, ArrayError> {
        let mut source = Source::new(reader, name);
        let mut start = [0; 8];
        source.fill(&mut start, 8)?;
        let (magic, version) = start.split_at(MAGIC.len());
        let at = |byte, mut source: Source<R>| {
            source.byte = byte;
            source
        };
        if magic != MAGIC {
            return Err(at(0, source).malformed(format!("{magic:02x?}"), "\\x93NUMPY", NUMPY));
        }
        let length = match version[0] {
            1 => {
                let mut length = [0; 2];
                source.fill(&mut length, 2)?;
                usize::from(u16::from_le_bytes(length))
            }
            2 | 3 => {
                let mut length = [0; 4];
                source.fill(&mut length, 4)?;
                u32::from_le_bytes(length) as usize
            }
            other => return Err(at(6, source).malformed(format!("version {other}"), "version 1, 2 or 3", NUMPY)),
        };
        if length > LONGEST_HEADER {
            let found = format!("a header of {length} bytes");
            return Err(source.malformed(found, "at most 65536, as for an array of numbers", NUMBERS));
        }
        let (begin, mut text) = (source.byte, vec![0; length]);
        source.fill(&mut text, length as u64)?;
        match (Dictionary { text: &text, at: 0 }).header() {
            Ok(header) => ArrayReader::new(source, header),
            Err(Wrong { at: place, found, expected, advice }) => {
                Err(at(begin + place as u64, source).malformed(found, expected, advice))
            }
        }
    }
}

/// A Python literal that is parsed from the front.
struct Dictionary<'h> {
    text: &'h [u8],
    at: usize,
}

struct Wrong {
    at: usize,
    found: String,
    expected: &'static str,
    advice: &'static str,
}

impl Dictionary<'_> {
    fn header(&mut self) -> Result<Header, Wrong> {
        let (mut scalar, mut fortran, mut shape) = (None, None, None);
        self.expect(b'{', "a dictionary in braces")?;
        while !self.take(b'}') {
            let begin = self.at;
            let key = self.string("a key in quotes")?;
            self.expect(b':', "a colon")?;
            match key.as_str() {
                "descr" if scalar.is_none() => scalar = Some(self.scalar()?),
                "fortran_order" if fortran.is_none() => fortran = Some(self.truth()?),
                "shape" if shape.is_none() => shape = Some(self.shape()?),
                _ => {
                    return Err(wrong(
                        begin,
                        format!("{key:?}"),
                        "'descr', 'fortran_order' and 'shape', each once",
                        NUMPY,
                    ));
                }
            }
            if !self.take(b',') {
                self.expect(b'}', "a comma or a closing brace")?;
                break;
            }
        }
        match (shape, scalar, fortran) {
            (Some(shape), Some(scalar), Some(fortran)) => Ok(Header { shape, scalar, fortran }),
            _ => Err(self.wrong("the keys 'descr', 'fortran_order' and 'shape'", NUMPY)),
        }
    }

    fn scalar(&mut self) -> Result<Scalar, Wrong> {
        const EXPECTED: &str = "a type of number such as '<f8', '|u1' or '<i4'";
        self.blanks();
        let begin = self.at;
        if self.text.get(begin) == Some(&b'[') {
            return Err(wrong(begin, "an array of records".into(), EXPECTED, NUMBERS));
        }
        let text = self.string("a type in quotes")?;
        let scalar = match text.as_bytes() {
            &[order @ (b'<' | b'>' | b'|' | b'='), kind, size] => {
                let kind = match (kind, size) {
                    (b'f', b'4' | b'8') => Some(Kind::Float),
                    (b'i', b'1' | b'2' | b'4' | b'8') => Some(Kind::Signed),
                    (b'u', b'1' | b'2' | b'4' | b'8') | (b'b', b'1') => Some(Kind::Unsigned),
                    _ => None,
                };
                kind.map(|kind| Scalar { kind, size: usize::from(size - b'0'), big_endian: order == b'>' })
            }
            _ => None,
        };
        scalar.ok_or_else(|| wrong(begin, format!("the type {text:?}"), EXPECTED, NUMBERS))
    }

    fn truth(&mut self) -> Result<bool, Wrong> {
        self.blanks();
        for (word, value) in [("True", true), ("False", false)] {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.wrong("True or False", NUMPY))
    }

    fn shape(&mut self) -> Result<Vec<usize>, Wrong> {
        let mut shape = Vec::new();
        self.expect(b'(', "a shape in parentheses")?;
        while !self.take(b')') {
            let digits = self.text[self.at..].iter().take_while(|c| c.is_ascii_digit()).count();
            let text = std::str::from_utf8(&self.text[self.at..self.at + digits]).unwrap_or_default();
            let Ok(length) = text.parse() else {
                return Err(self.wrong("the length of an axis", NUMPY));
            };
            shape.push(length);
            self.at += digits;
            if !self.take(b',') {
                self.expect(b')', "a comma or a closing parenthesis")?;
                break;
            }
            self.blanks();
        }
        Ok(shape)
    }

    fn string(&mut self, expected: &'static str) -> Result<String, Wrong> {
        self.blanks();
        let quote = self.text.get(self.at).copied().filter(|c| matches!(c, b'\'' | b'"'));
        let Some(quote) = quote else { return Err(self.wrong(expected, NUMPY)) };
        let rest = &self.text[self.at + 1..];
        let Some(length) = rest.iter().take(100).position(|&c| c == quote) else {
            return Err(self.wrong(expected, NUMPY));
        };
        self.at += length + 2;
        Ok(String::from_utf8_lossy(&rest[..length]).into_owned())
    }

    fn expect(&mut self, c: u8, expected: &'static str) -> Result<(), Wrong> {
        if self.take(c) { Ok(()) } else { Err(self.wrong(expected, NUMPY)) }
    }

    /// Skips the next character after blanks if it is this one, and returns whether it is.
    fn take(&mut self, c: u8) -> bool {
        self.blanks();
        let found = self.text.get(self.at) == Some(&c);
        self.at += usize::from(found);
        found
    }

    fn blanks(&mut self) {
        self.at += self.text[self.at..].iter().take_while(|c| c.is_ascii_whitespace()).count();
    }

    fn wrong(&self, expected: &'static str, advice: &'static str) -> Wrong {
        let rest = String::from_utf8_lossy(&self.text[self.at..]);
        let found = match rest.chars().take(20).collect::<String>() {
            text if text.is_empty() => "the end of the header".to_owned(),
            text => format!("{text:?}"),
        };
        wrong(self.at, found, expected, advice)
    }
}

fn wrong(at: usize, found: String, expected: &'static str, advice: &'static str) -> Wrong {
    Wrong { at, found, expected, advice }
}
