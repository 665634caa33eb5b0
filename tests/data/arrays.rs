//! Arrays of other programs: NumPy and Python wrote the files in `data/arrays` with the script there.

use std::fs;
use std::path::{Path, PathBuf};

use nn::Matrix;
use nn::data::{Array, ArrayError, ArrayReader, read_idx, read_npy, read_npz, read_npz_at_most, write_npy, write_npz};
use proptest::prelude::*;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/arrays").join(name)
}

/// A file that is removed when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Scratch(std::env::temp_dir().join(format!("nn-data-arrays-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn x() -> Array<f64> {
    Array::new(&[2, 3], vec![0.5, -1.25, 3.0, 1e-3, 2f64.powi(40), -0.0])
}

#[track_caller]
fn reads(name: &str, shape: &[usize], entries: &[f64]) {
    let array = read_npy::<f64>(golden(name)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((array.shape(), array.as_slice()), (shape, entries), "{name}");
}

#[track_caller]
fn says<T>(result: Result<T, ArrayError>, parts: &[&str]) {
    tape_tests::says(result.err().expect("an error"), parts);
}

/// A file of version 1 with this header, followed by zeros.
fn npy(header: &str, zeros: usize) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &vec![0; zeros]].concat()
}

#[test]
fn every_type_of_number() {
    for name in ["f8.npy", "f8_big.npy", "version2.npy"] {
        reads(name, &[2, 3], x().as_slice());
    }
    let single: Vec<f64> = x().as_slice().iter().map(|&x| f64::from(x as f32)).collect();
    for name in ["f4.npy", "f4_big.npy"] {
        reads(name, &[2, 3], &single);
        assert_eq!(read_npy::<f32>(golden(name)).unwrap().as_slice()[3], 1e-3f32);
    }
    let exact = 2f64.powi(53);
    for size in [1, 2, 4, 8] {
        let half = 2f64.powi(8 * size - 1);
        for suffix in ["", "_big"] {
            let (signed, unsigned) = (format!("i{size}{suffix}.npy"), format!("u{size}{suffix}.npy"));
            reads(&signed, &[5], &[(-half).max(-exact), 0.0, 1.0, 100.0, (half - 1.0).min(exact)]);
            reads(&unsigned, &[5], &[0.0, 0.0, 1.0, 100.0, (2.0 * half - 1.0).min(exact)]);
        }
    }
    reads("bool.npy", &[3], &[1.0, 0.0, 1.0]);
    reads("number.npy", &[], &[2.5]);
    reads("empty.npy", &[3, 0], &[]);
    reads("fortran.npy", &[2, 3, 4], &(0..24).map(f64::from).collect::<Vec<_>>());
}

#[test]
fn axes_become_samples_and_features() {
    assert_eq!(x().samples(), Matrix::from([[0.5, 1e-3], [-1.25, 2f64.powi(40)], [3.0, -0.0]]));
    assert_eq!(Array::from_samples(&x().samples()), x());
    let pictures = read_idx::<f32>(golden("pictures-idx3-ubyte")).unwrap();
    assert_eq!(pictures.shape(), [2, 2, 3]);
    let samples = pictures.clone().samples();
    assert_eq!(samples, Matrix::from_fn(6, 2, |i, j| (20 * (i + 6 * j)) as f32));
    assert_eq!(read_idx::<f32>(golden("pictures-idx3-ubyte.gz")).unwrap(), pictures);
    for kind in ["09", "0b", "0c", "0d", "0e"] {
        let array = read_idx::<f64>(golden(&format!("type-{kind}.idx"))).unwrap();
        assert_eq!(array, Array::new(&[3], vec![-2.0, 0.0, 100.0]));
    }
    assert_eq!(Array::new(&[3], vec![0.0f32, 7.0, 2.0]).classes().unwrap(), [0, 7, 2]);
    says(Array::new(&[2], vec![0.0, 0.5]).classes(), &["entry 1: found 0.5", "a class"]);
    assert_eq!(Array::new(&[], vec![2.5]).samples(), Matrix::from([[2.5]]));
}

#[test]
fn what_is_written_is_what_numpy_writes() {
    let file = Scratch::new("x.npy");
    write_npy(&file.0, &x()).unwrap();
    assert_eq!(fs::read(&file.0).unwrap(), fs::read(golden("f8.npy")).unwrap());
    write_npy(&file.0, &Array::new(&[2, 3], x().as_slice().iter().map(|&x| x as f32).collect())).unwrap();
    assert_eq!(fs::read(&file.0).unwrap(), fs::read(golden("f4.npy")).unwrap());
    write_npy(&file.0, &Array::new(&[], vec![2.5])).unwrap();
    assert_eq!(fs::read(&file.0).unwrap(), fs::read(golden("number.npy")).unwrap());
}

#[test]
fn archives() {
    let labels = Array::new(&[2], vec![1.0, 0.0]);
    let file = Scratch::new("both.npz");
    write_npz(&file.0, &[("x", &x()), ("labels", &labels)]).unwrap();
    let expected = [("x".to_owned(), x()), ("labels".to_owned(), labels.clone())];
    for path in [golden("stored.npz"), golden("deflated.npz"), file.0.clone()] {
        assert_eq!(read_npz::<f64>(&path).unwrap(), expected);
    }
    says(read_npz::<f64>(golden("f8.npy")), &["f8.npy", "expected a ZIP archive", "numpy.savez"]);
    says(read_npz::<f64>("no/such.npz"), &["no/such.npz: file not found"]);
    assert!(write_npz(&file.0, &[("x", &x()), ("x", &x())]).is_err());
    let mut damaged = fs::read(golden("stored.npz")).unwrap();
    let entry = damaged.windows(8).position(|bytes| bytes == 3f64.to_le_bytes()).unwrap();
    damaged[entry] ^= 1;
    fs::write(&file.0, damaged).unwrap();
    assert!(read_npz::<f64>(&file.0).is_err(), "the checksum does not fit");
}

#[test]
fn errors_name_file_and_byte() {
    let read = |bytes: &[u8]| ArrayReader::npy(bytes, "x.npy").and_then(|reader| reader.read::<f32>());
    says(read(b"not an array"), &["x.npy, byte 0", "[6e, 6f", "\\x93NUMPY", "numpy.save"]);
    says(read(b"\x93NUMPY\x09\x00\x10\x00"), &["byte 6", "version 9", "version 1, 2 or 3"]);
    says(read(b"\x93NUM"), &["byte 4", "end of the file", "expected 8 bytes"]);
    says(read(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"), &["byte 12", "4294967295 bytes", "at most 65536"]);
    says(read_npy::<f64>(golden("text.npy")), &["text.npy, byte 20", "the type \"<U3\"", "astype"]);
    says(read_npy::<f64>(golden("records.npy")), &["byte 20", "an array of records", "astype"]);

    let with = |descr: &str, order: &str, shape: &str, zeros| {
        read(&npy(&format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"), zeros))
    };
    assert_eq!(with("'<f8'", "False", "(2,)", 16).unwrap(), Array::new(&[2], vec![0.0; 2]));
    says(with("'<f8'", "False", "(2,)", 15), &["end of the file", "copy the file again"]);
    says(with("'<f8'", "False", "(2,)", 17), &["more bytes"]);
    says(with("'|O'", "False", "(2,)", 0), &["the type \"|O\"", "'<f8'"]);
    says(with("'<f8'", "No", "(2,)", 0), &["byte 44", "True or False"]);
    says(with("'<f8'", "False", "(2, -1)", 0), &["byte 64", "\"-1)", "the length of an axis"]);
    says(with("'<f8'", "False", "(99999999999999999999,)", 0), &["the length of an axis"]);
    says(with("'<f8'", "False", "(4294967296, 4294967296)", 0), &["[4294967296, 4294967296]", "fits into memory"]);
    says(read(&npy("{'descr': '<f8'}", 0)), &["'fortran_order'"]);
    says(read(&npy("{'color': '<f8'}", 0)), &["byte 11", "\"color\""]);
    says(read(&npy("{'descr': '<f8', 'descr': '<f4'}", 0)), &["byte 27", "\"descr\"", "each once"]);

    let idx = |bytes: &[u8]| ArrayReader::idx(bytes, "x.idx").and_then(|reader| reader.read::<f32>());
    says(idx(&[0, 0, 7, 1, 0, 0, 0, 0]), &["x.idx, byte 0", "[00, 00, 07, 01]", "MNIST"]);
    says(idx(&[0, 0, 8, 2, 0, 0, 0, 1, 0]), &["byte 9", "expected 12 bytes"]);
    says(idx(&[0, 0, 8, 1, 0, 0, 0, 3, 1]), &["byte 9", "expected 11 bytes"]);
    says(idx(&[0x1f, 0x8b, 8, 0]), &["x.idx"]);
    says(read_idx::<f32>("no/such.idx"), &["no/such.idx: file not found"]);
    says(write_npy("no/such/x.npy", &x()), &["no/such/x.npy: cannot be written"]);
    let fortran = ArrayReader::npy(fs::File::open(golden("fortran.npy")).unwrap(), "f.npy").unwrap();
    says(fortran.chunks::<f32>(1), &["f.npy, byte", "Fortran order", "ascontiguousarray"]);
}

/// Entries that the type cannot represent, and shapes that no matrix can have.
#[test]
fn what_does_not_fit() {
    let read = |bytes: &[u8]| ArrayReader::npy(bytes, "x.npy").and_then(|reader| reader.read::<f32>());
    let file = Scratch::new("large.npy");
    write_npy(&file.0, &Array::new(&[4], vec![1.0, f64::NAN, -1e39, f64::INFINITY])).unwrap();
    let begin = fs::read(&file.0).unwrap().len() - 32;
    let place = format!("large.npy, byte {}", begin + 16);
    says(read_npy::<f32>(&file.0), &[&*place, "found -1e39", "finite as f32", "as f64"]);
    assert_eq!(read_npy::<f64>(&file.0).unwrap().as_slice()[2..], [-1e39, f64::INFINITY]);
    let mut chunks = ArrayReader::npy(fs::File::open(&file.0).unwrap(), "large.npy").unwrap().chunks::<f32>(2).unwrap();
    assert!(chunks.next().unwrap().unwrap().as_slice()[1].is_nan()); // numbers that are not finite in the file are kept
    says(chunks.next().unwrap(), &[&*place]);

    let with = |shape: &str| read(&npy(&format!("{{'descr': '<f8', 'fortran_order': True, 'shape': {shape}, }}\n"), 8));
    assert_eq!(with(&format!("({})", "1,".repeat(64))).unwrap().shape().len(), 64);
    for axes in [65, 30_000] {
        says(with(&format!("({})", "1,".repeat(axes))), &[&format!("{axes} axes"), "at most 64"]);
    }
    for shape in ["(4294967296, 0)", "(0, 4294967296)", "(0, 70000, 70000)"] {
        says(with(shape), &["fewer than 2³² samples"]);
    }
}

#[test]
fn what_is_decompressed_has_a_limit() {
    let file = Scratch::new("limit.npz");
    write_npz(&file.0, &[("x", &x()), ("y", &x())]).unwrap();
    assert_eq!(read_npz_at_most::<f64>(&file.0, 96).unwrap(), read_npz::<f64>(&file.0).unwrap());
    says(
        read_npz_at_most::<f64>(&file.0, 95),
        &["limit.npz/y.npy", "takes 48 bytes", "at most 47", "read_npz_at_most"],
    );
    assert!(read_npz_at_most::<f32>(&file.0, 48).is_ok());
    let idx = || ArrayReader::idx(fs::File::open(golden("pictures-idx3-ubyte.gz")).unwrap(), "p.gz").unwrap();
    assert!(idx().at_most(96).read::<f64>().is_ok());
    says(idx().at_most(95).read::<f64>(), &["p.gz", "takes 96 bytes", "at most 95", "ArrayReader::at_most"]);
    // 16 GiB, refused by the header alone: gzip of one stored block.
    let header = [0, 0, 8, 2, 0, 1, 0, 0, 0, 1, 0, 0];
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1, 12, 0, !12, 255];
    bytes.extend(header);
    bytes.extend(crc32fast::hash(&header).to_le_bytes());
    bytes.extend(12u32.to_le_bytes());
    says(
        ArrayReader::idx(&bytes[..], "p.gz").unwrap().read::<f32>(),
        &["takes 17179869184 bytes", "at most 4294967296"],
    );

    // A directory that refers to one member by many names, and one with a duplicate name.
    let whole = fs::read(&file.0).unwrap();
    let found = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).position(|window| window == part).unwrap();
    let (directory, end) = (found(&whole, b"PK\x01\x02"), found(&whole, b"PK\x05\x06"));
    let second = directory + 4 + found(&whole[directory + 4..], b"PK\x01\x02");
    let offset = 42..46; // of a member in its entry
    let mut shared = whole.clone();
    shared.copy_within(directory + offset.start..directory + offset.end, second + offset.start);
    fs::write(&file.0, &shared).unwrap();
    says(read_npz::<f64>(&file.0), &["limit.npz", "share their bytes"]);
    let mut twice = whole.clone();
    let name = second + found(&whole[second..end], b"y.npy");
    twice[name] = b'x';
    fs::write(&file.0, &twice).unwrap();
    says(read_npz::<f64>(&file.0), &["limit.npz", "several members with one name"]);
}

#[test]
fn chunks_are_parts_of_the_whole() {
    let file = Scratch::new("long.npy");
    let whole = Array::new(&[500, 7, 5], (0..17_500).map(f64::from).collect());
    write_npy(&file.0, &whole).unwrap();
    let expected = whole.samples();
    for size in [1, 3, 499, 500, 10_000] {
        let reader = ArrayReader::npy(fs::File::open(&file.0).unwrap(), "long.npy").unwrap();
        let mut columns = Vec::new();
        for chunk in reader.chunks::<f64>(size).unwrap() {
            let x = chunk.unwrap().samples();
            assert!(x.rows() == 35 && x.cols() <= size);
            columns.extend_from_slice(x.as_slice());
        }
        assert_eq!(columns, expected.as_slice());
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(shape in prop::collection::vec(0usize..5, 0..4), seed: u32) {
        let count: usize = shape.iter().product();
        let bits = |i: usize| f32::from_bits(seed.wrapping_mul(i as u32 + 1));
        let array = Array::new(&shape, (0..count).map(bits).collect());
        let file = Scratch::new("any.npy");
        write_npy(&file.0, &array).unwrap();
        let again = read_npy::<f32>(&file.0).unwrap();
        prop_assert_eq!(again.shape(), &shape[..]);
        let same = |a: &f32, b: &f32| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
        prop_assert!(again.as_slice().iter().zip(array.as_slice()).all(|(a, b)| same(a, b)));
    }

    #[test]
    fn no_bytes_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        header in "[{}()',: \\[\\]0-9<>|fiub=TrueFalse]{0,60}",
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut damaged = fs::read(golden("fortran.npy")).unwrap();
        places.iter().for_each(|(place, byte)| { let n = damaged.len(); damaged[place.index(n)] = *byte; });
        let whole = npy("{'descr': '<f8', 'fortran_order': True, 'shape': (0, 9999999999, 9999999999)}", 0);
        for bytes in [&bytes, &npy(&header, 8), &damaged, &whole, &[&[0, 0, 8][..], &bytes].concat()] {
            for result in [
                ArrayReader::npy(&bytes[..], "x").and_then(|reader| reader.read::<f32>()),
                ArrayReader::idx(&bytes[..], "x").and_then(|reader| reader.read::<f32>()),
            ] {
                match result {
                    Ok(array) => prop_assert_eq!(array.as_slice().len(), array.shape().iter().product::<usize>()),
                    Err(error) => prop_assert!(error.to_string().starts_with('x'), "{}", error),
                }
            }
            for chunk in ArrayReader::npy(&bytes[..], "x").and_then(|reader| reader.chunks::<f32>(2)).into_iter().flatten() {
                drop(chunk);
            }
        }
    }
}
