//! Data larger than memory: the memory of a pass over a file does not grow with the file.

use std::io::{self, Read};

use nn::data::{
    ArrayReader, Csv, CsvError, Encoding, Feature, Missing, Preprocessing, PreprocessingStep, Standardize, Summary,
    shuffle_chunks,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::{HEAP, alone, peak};

const ROWS: usize = 60_000;
const CHUNK: usize = 500;

/// A table with this number of rows, written as it is read.
struct Long {
    row: usize,
    rows: usize,
    line: io::Cursor<Vec<u8>>,
    bytes: usize,
}

impl Long {
    fn new(rows: usize) -> Self {
        Long { row: 0, rows, line: io::Cursor::new(b"a,b,kind,t\n".to_vec()), bytes: 0 }
    }
}

impl Read for Long {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.line.position() == self.line.get_ref().len() as u64 && self.row < self.rows {
            let n = self.row;
            let a = (n as f64).sin();
            let b = if n % 10 == 3 { "NA".to_owned() } else { format!("{}", 3.0 * a + (n % 7) as f64) };
            self.line = io::Cursor::new(format!("{a},{b},{},{}\n", ["x", "y", "z"][n % 3], n % 2).into_bytes());
            self.row += 1;
        }
        let n = self.line.read(buffer)?;
        self.bytes += n;
        Ok(n)
    }
}

/// The peak memory of a fit and an epoch over this number of rows, in bytes, and the mean of all features.
fn pass(rows: usize) -> Result<(usize, Vec<f64>), CsvError> {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let tables = || Csv::new().chunks_from_reader(Long::new(rows), "long.csv", CHUNK);
    let encoder = Encoding::new()
        .column("b", Feature::number().missing(Missing::Mean))
        .column("kind", Feature::one_hot())
        .class("t")
        .fit_chunks(tables()?)?;
    let chunks = || -> Result<_, CsvError> {
        let encoder = &encoder;
        Ok(tables()?.map(move |table| encoder.classification::<f64>(&table?)))
    };
    let mut features = Vec::new();
    for _ in 0..2 {
        features.push(chunks()?.map(|chunk| Ok::<_, CsvError>(chunk?.x)));
    }
    let steps = [PreprocessingStep::Standardize, PreprocessingStep::Zca { epsilon: 1e-6 }];
    let preprocessing = Preprocessing::fit_chunks(&steps, || features.pop().expect("a pass for each step"))?;
    let mut summary = Summary::new(5);
    for batch in shuffle_chunks(chunks()?, 2 * CHUNK, 100, ChaCha8Rng::seed_from_u64(1)) {
        summary.add(&preprocessing.apply(&batch?.x));
    }
    assert_eq!(summary.len(), rows);
    let standardize = Standardize::<f64>::from_summary(&summary);
    Ok((HEAP.peak_usage() - before, standardize.mean().to_vec()))
}

#[test]
fn a_pass_takes_memory_for_a_chunk() {
    let _alone = alone();
    let (short, _) = pass(10 * CHUNK).unwrap();
    let (long, mean) = pass(ROWS).unwrap();
    let mut whole = Long::new(ROWS);
    io::copy(&mut whole, &mut io::sink()).unwrap();
    println!("{} KiB for {} KiB of text, {} KiB for a twelfth of it", long >> 10, whole.bytes >> 10, short >> 10);
    assert!(long < short + short / 10, "{long} {short}");
    assert!(long < whole.bytes / 3, "{long} {}", whole.bytes);
    // The maps fitted chunk by chunk fit the whole data.
    assert!(mean.iter().all(|mean| mean.abs() < 1e-9), "{mean:?}");
    assert_eq!(mean.len(), 5);
}

/// Tables of one kind of line, over and over.
struct Repeated {
    head: &'static [u8],
    line: Vec<u8>,
    left: usize,
}

impl Read for Repeated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.head.is_empty() {
            return self.head.read(buffer);
        }
        let n = buffer.len().min(self.left);
        let phase = self.line.len() - self.left % self.line.len();
        for (i, byte) in buffer[..n].iter_mut().enumerate() {
            *byte = self.line[(phase + i) % self.line.len()];
        }
        self.left -= n;
        Ok(n)
    }
}

/// Tables of any content: blank lines, one line, an unclosed quote, many columns.
#[test]
fn a_chunk_takes_memory_for_what_is_in_it() {
    let _alone = alone();
    let csv = Csv::new().longest_row(1 << 20);
    let pass = |head: &'static [u8], line: &[u8], times: usize, rows: usize| {
        let text = Repeated { head, line: line.to_vec(), left: line.len() * times };
        let (rows, taken) = peak(|| {
            let chunks = csv.chunks_from_reader(text, "long.csv", rows).unwrap();
            chunks.map(|chunk| chunk.map_or(0, |chunk| chunk.len())).sum::<usize>()
        });
        println!("{taken} bytes for {} times {:?}", times, String::from_utf8_lossy(&line[..line.len().min(8)]));
        (rows, taken)
    };
    let (rows, taken) = pass(b"a,b\n1,2\n", b"\n", 5_000_000, 10);
    assert!(rows == 1 && taken < 100_000, "{taken}");
    let (_, taken) = pass(b"a,b\n1,2\n", b"1,2", 20_000_000, 10);
    assert!(taken < 20 << 20, "{taken}");
    let (_, taken) = pass(b"a,b\n1,\"2\n", b"1,2\n", 5_000_000, 10);
    assert!(taken < 10 << 20, "{taken}");
    // A row of 1e5 cells, as a header and in each chunk: the names once, and for each cell its bytes plus 4.
    let wide = [&b"1,".repeat(99_999)[..], b"1\n"].concat();
    let (rows, taken) = pass(b"", &wide, 20, 1);
    assert!(rows == 20 && taken < 60 * wide.len(), "{taken}");
    let (rows, more) = pass(b"", &wide, 40, 20);
    assert!(rows == 40 && more - taken < 21 * 4 * wide.len(), "{more} {taken}");
}

#[test]
fn headers_allocate_nothing_before_there_are_entries() {
    let _alone = alone();
    let npy = |shape: &str| {
        let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}\n");
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), &[0; 1000]].concat()
    };
    let (long, idx) = (npy("(1000000, 1000000)"), [&[0, 0, 0x0e, 3][..], &[0x7f, 255, 255, 255].repeat(3)].concat());
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let found = ArrayReader::npy(&long[..], "x.npy").unwrap().read::<f64>().unwrap_err().to_string();
    assert!(found.contains("x.npy, byte 1080: found the end of the file, expected 8000000000080 bytes"), "{found}");
    let found = ArrayReader::idx(&idx[..], "x.idx").err().unwrap().to_string();
    assert!(found.contains("x.idx, byte 16: found an array of shape [2147483647, 2147483647, 2147483647]"), "{found}");
    let mut chunks = ArrayReader::npy(&long[..], "x.npy").unwrap().chunks::<f32>(usize::MAX / 2).unwrap();
    assert!(chunks.next().unwrap().is_err() && chunks.next().is_none());
    assert!(HEAP.peak_usage() - before < 1 << 18, "{}", HEAP.peak_usage() - before);
}
