//! The entries of an array, read on demand.

use std::collections::TryReserveError;
use std::io::{self, Read};
use std::marker::PhantomData;

use autograd::Real;

use super::{Array, ArrayError};

/// The number of bytes that are read at a time. Memory grows with the actual data, not with the size in the header.
const BLOCK: usize = 1 << 16;

/// The default limit for the size in memory of an array from a compressed file, in bytes. Without a limit a file
/// of some kilobytes could fill all memory.
pub(super) const INFLATED: u64 = 1 << 32;

/// The limit of NumPy since version 2.
const MOST_AXES: usize = 64;

/// An array in a file whose header was read, but not yet its entries.
///
/// ```
/// use nn::data::{Array, ArrayReader, write_npy};
/// # let folder = std::env::temp_dir().join(format!("nn-arrays-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("x.npy");
/// write_npy(&path, &Array::new(&[5, 2], (0..10).map(f64::from).collect()))?;
///
/// let reader = ArrayReader::npy(std::fs::File::open(&path)?, "x.npy")?;
/// assert_eq!(reader.shape(), [5, 2]);
/// for chunk in reader.chunks::<f32>(3)? {
///     let x = chunk?.samples(); // features × samples: 2 × 3, then 2 × 2
///     assert!(x.rows() == 2 && x.cols() <= 3);
/// }
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ArrayReader<R> {
    pub(super) source: Source<R>,
    pub(super) header: Header,
    /// The number of entries that were not read yet.
    left: usize,
    /// The largest allowed size of all entries in memory, in bytes.
    limit: u64,
}

/// The description of the entries in a header.
#[derive(Debug)]
pub(super) struct Header {
    pub shape: Vec<usize>,
    pub scalar: Scalar,
    /// Whether the first index runs fastest.
    pub fortran: bool,
}

/// The binary format of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scalar {
    pub kind: Kind,
    /// 1, 2, 4 or 8 bytes.
    pub size: usize,
    pub big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Float,
    Signed,
    /// Also booleans: 0 and 1.
    Unsigned,
}

/// A file, and the number of bytes that were read.
#[derive(Debug)]
pub(super) struct Source<R> {
    pub file: String,
    pub byte: u64,
    reader: R,
}

impl<R: Read> ArrayReader<R> {
    pub(super) fn new(source: Source<R>, header: Header) -> Result<Self, ArrayError> {
        // The lengths after a length of 0 must be multiplied, too.
        let lengths = header.shape.iter().map(|&length| length.max(1));
        let bytes = lengths.into_iter().try_fold(header.scalar.size, usize::checked_mul);
        if bytes.is_none_or(|bytes| bytes > isize::MAX as usize) {
            let found = format!("an array of shape {:?}", header.shape);
            return Err(source.malformed(found, "one that fits into memory", "the file is damaged: make it again"));
        }
        if header.shape.len() > MOST_AXES {
            let found = format!("an array of {} axes", header.shape.len());
            return Err(source.malformed(found, "at most 64", "reshape it, and save it again"));
        }
        // A matrix has fewer rows and columns than this.
        let features = header.shape.iter().skip(1).product();
        if header.shape.iter().chain([&features]).any(|&length| u32::try_from(length).is_err()) {
            let found = format!("an array of shape {:?}", header.shape);
            let expected = "fewer than 2³² samples, each of fewer than 2³² features";
            return Err(source.malformed(found, expected, "divide it into several arrays"));
        }
        Ok(ArrayReader { left: header.shape.iter().product(), limit: u64::MAX, source, header })
    }

    /// Sets the largest size of all entries in memory, in bytes; [`read`](ArrayReader::read) returns an error above it. The default is
    /// 2³² if the file is compressed, because a small file may then hold a large array; otherwise there is no limit.
    pub fn at_most(self, bytes: u64) -> Self {
        ArrayReader { limit: bytes, ..self }
    }

    /// The length of every axis.
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// All entries.
    ///
    /// # Errors
    /// If reading fails, the length of the file differs from that in its header, or an entry is too large for T.
    pub fn read<T: Real>(mut self) -> Result<Array<T>, ArrayError> {
        let bytes = self.memory::<T>();
        if bytes > self.limit {
            let (found, expected) = (format!("an array that takes {bytes} bytes"), format!("at most {}", self.limit));
            let advice = "allow more with `ArrayReader::at_most` or `read_npz_at_most` if the file is right, or read it in chunks";
            return Err(self.source.malformed(found, &expected, advice));
        }
        let entries = self.entries(self.left)?;
        self.source.end()?;
        if !self.header.fortran {
            return Ok(Array { shape: self.header.shape, entries });
        }
        match c_order(&self.header.shape, &entries) {
            Ok(entries) => Ok(Array { shape: self.header.shape, entries }),
            Err(error) => Err(self.source.failed(error)),
        }
    }

    /// The size of the entries in bytes.
    pub(super) fn memory<T: Real>(&self) -> u64 {
        (self.left as u64).saturating_mul(size_of::<T>() as u64)
    }

    /// The array in chunks of this number of samples; the first axis runs over the samples.
    ///
    /// # Errors
    /// If it is in Fortran order, in which a sample is spread over the file.
    ///
    /// # Panics
    /// If `samples` is 0.
    #[track_caller]
    pub fn chunks<T: Real>(self, samples: usize) -> Result<ArrayChunks<T, R>, ArrayError> {
        assert!(samples > 0, "a chunk has at least one sample");
        if self.header.fortran && self.header.shape.len() > 1 {
            let advice = "read it whole, or save it in C order with `numpy.ascontiguousarray`";
            return Err(self.source.malformed("an array in Fortran order".into(), "C order to read samples", advice));
        }
        Ok(ArrayChunks { reader: self, samples, done: false, scalar: PhantomData })
    }

    /// The next `count` entries.
    fn entries<T: Real>(&mut self, count: usize) -> Result<Vec<T>, ArrayError> {
        let scalar = self.header.scalar;
        let (mut entries, mut block) = (Vec::new(), [0; BLOCK]);
        while entries.len() < count {
            let bytes = BLOCK.min((count - entries.len()).saturating_mul(scalar.size));
            let block = &mut block[..bytes];
            let missing = ((self.left - entries.len()) * scalar.size) as u64;
            self.source.fill(block, missing)?;
            if let Err(error) = entries.try_reserve(bytes / scalar.size) {
                return Err(self.source.failed(error));
            }
            let begin = entries.len();
            entries.extend(block.chunks_exact(scalar.size).map(|bytes| T::from_f64(scalar.decode(bytes))));
            let large = |(x, bytes): (&T, &[u8])| x.to_f64().is_infinite() && scalar.decode(bytes).is_finite();
            if let Some(at) = entries[begin..].iter().zip(block.chunks_exact(scalar.size)).position(large) {
                self.source.byte -= (bytes - at * scalar.size) as u64;
                let found = format!("{:e}", scalar.decode(&block[at * scalar.size..][..scalar.size]));
                let expected = format!("a number that is finite as {}", std::any::type_name::<T>());
                return Err(self.source.malformed(found, &expected, "read the array as f64, or correct the number"));
            }
        }
        self.left -= count;
        Ok(entries)
    }
}

/// Parts of an array: see [`ArrayReader::chunks`]. It ends after an error.
#[derive(Debug)]
pub struct ArrayChunks<T, R> {
    reader: ArrayReader<R>,
    samples: usize,
    done: bool,
    scalar: PhantomData<T>,
}

impl<T: Real, R: Read> Iterator for ArrayChunks<T, R> {
    type Item = Result<Array<T>, ArrayError>;

    fn next(&mut self) -> Option<Self::Item> {
        let features: usize = self.reader.header.shape.iter().skip(1).product();
        if self.done || features == 0 || self.reader.left == 0 {
            return None;
        }
        let samples = self.samples.min(self.reader.left / features);
        let chunk = self.reader.entries(samples * features).and_then(|entries| {
            if self.reader.left == 0 {
                self.reader.source.end()?;
            }
            let mut shape = self.reader.header.shape.clone();
            shape.iter_mut().take(1).for_each(|length| *length = samples);
            Ok(Array { shape, entries })
        });
        self.done = chunk.is_err();
        Some(chunk)
    }
}

impl<R: Read> Source<R> {
    pub fn new(reader: R, file: &str) -> Self {
        Source { reader, file: file.to_owned(), byte: 0 }
    }

    /// Reads as many bytes as fit; `missing` more are expected by the header.
    pub fn fill(&mut self, buffer: &mut [u8], missing: u64) -> Result<(), ArrayError> {
        let end = self.byte + missing;
        let mut filled = 0;
        while filled < buffer.len() {
            match self.reader.read(&mut buffer[filled..]) {
                Ok(0) => {
                    return Err(ArrayError::Truncated { file: self.file.clone(), byte: self.byte, expected: end });
                }
                Ok(n) => {
                    filled += n;
                    self.byte += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(self.failed(source)),
            }
        }
        Ok(())
    }

    /// The message of the operating system, about the file or about memory.
    pub fn failed(&self, source: impl Into<io::Error>) -> ArrayError {
        ArrayError::Read { file: self.file.clone(), source: source.into() }
    }

    /// Checks that the file ends here.
    fn end(&mut self) -> Result<(), ArrayError> {
        let at = self.byte;
        match self.fill(&mut [0], 1) {
            Err(ArrayError::Truncated { .. }) => Ok(()),
            Ok(()) => {
                self.byte = at;
                let advice = "save each array in a file of its own, or copy the file again";
                Err(self.malformed("more bytes".into(), "the end of the file, as its header says", advice))
            }
            Err(error) => Err(error),
        }
    }

    /// An error about the byte that comes next.
    pub fn malformed(&self, found: String, expected: &str, advice: &'static str) -> ArrayError {
        let expected = expected.to_owned();
        ArrayError::Malformed { file: self.file.clone(), byte: self.byte, found, expected, advice }
    }
}

impl Scalar {
    fn decode(self, bytes: &[u8]) -> f64 {
        let mut word = [0; 8];
        word[..self.size].copy_from_slice(bytes);
        if self.big_endian {
            word[..self.size].reverse();
        }
        let bits = u64::from_le_bytes(word);
        match self.kind {
            Kind::Float if self.size == 4 => f64::from(f32::from_bits(bits as u32)),
            Kind::Float => f64::from_bits(bits),
            Kind::Unsigned => bits as f64,
            Kind::Signed => {
                let shift = 64 - 8 * self.size;
                ((bits << shift) as i64 >> shift) as f64
            }
        }
    }
}

/// From Fortran order to C order.
fn c_order<T: Copy>(shape: &[usize], entries: &[T]) -> Result<Vec<T>, TryReserveError> {
    let strides: Vec<usize> = shape
        .iter()
        .scan(1, |stride, &length| {
            let this = *stride;
            *stride *= length;
            Some(this)
        })
        .collect();
    let mut index = vec![0; shape.len()];
    let mut ordered = Vec::new();
    ordered.try_reserve_exact(entries.len())?;
    while ordered.len() < entries.len() {
        ordered.push(entries[index.iter().zip(&strides).map(|(i, stride)| i * stride).sum::<usize>()]);
        for (i, &length) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < length {
                break;
            }
            *i = 0;
        }
    }
    Ok(ordered)
}
