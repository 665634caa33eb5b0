//! The functions that are fuzzed. Any bytes must give an error or a value that can be used and written, and nothing may panic. Each
//! fuzz target is one line; `tests/data/fuzz.rs` calls the same functions with files that were changed at random.

#[path = "sealed.rs"]
mod sealed;

use std::path::Path;

use nn::data::{ArrayError, ArrayReader, Csv, Dataset, Encoding, Header, read_npz_at_most};
use nn::loss::CrossEntropy;
use nn::persist::{Format, from_bytes, to_bytes};
use nn::train::Trainer;
use nn::{Activation, Adam, LayerNorm, Matrix, Mlp, Real, Sequential, load_safetensors};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use sealed::sealed;

/// The largest size of an array in memory, in bytes.
const LIMIT: u64 = 1 << 20;

/// Passes a file with these bytes to `f`.
fn in_file<R>(name: &str, bytes: &[u8], f: impl FnOnce(&Path) -> R) -> R {
    let path = std::env::temp_dir().join(format!("nn-fuzz-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let result = f(&path);
    let _ = std::fs::remove_file(&path);
    result
}

fn array<R: std::io::Read>(open: impl Fn() -> Result<ArrayReader<R>, ArrayError>) {
    fn whole<T: Real, R: std::io::Read>(reader: ArrayReader<R>) {
        if let Ok(array) = reader.at_most(LIMIT).read::<T>() {
            assert_eq!(array.as_slice().len(), array.shape().iter().product::<usize>());
            let entries = array.as_slice().len();
            assert_eq!(array.samples().as_slice().len(), entries);
        }
    }
    let Ok(reader) = open() else { return };
    whole::<f32, R>(reader);
    open().into_iter().for_each(whole::<f64, R>);
    let chunks = open().and_then(|reader| reader.chunks::<f32>(3));
    let mut some = chunks.into_iter().flatten().flatten().take(1000);
    assert!(some.all(|chunk| !chunk.as_slice().is_empty()));
}

/// An array of NumPy.
pub fn npy(bytes: &[u8]) {
    array(|| ArrayReader::npy(bytes, "x.npy"));
}

/// An array of MNIST, compressed or not.
pub fn idx(bytes: &[u8]) {
    array(|| ArrayReader::idx(bytes, "x.idx"));
}

/// An archive of NumPy arrays.
pub fn npz(bytes: &[u8]) {
    in_file("x.npz", bytes, |path| {
        if let Ok(arrays) = read_npz_at_most::<f32>(path, LIMIT) {
            assert!(arrays.iter().map(|(_, array)| 4 * array.as_slice().len() as u64).sum::<u64>() <= LIMIT);
        }
    });
}

/// A table with commas or semicolons, as numbers and through an encoder.
pub fn csv(bytes: &[u8]) {
    for csv in
        [Csv::new(), Csv::new().header(Header::Yes).delimiter(b';').decimal(',').thousands('.').longest_row(1000)]
    {
        if let Ok(data) = csv.from_reader::<f32>(bytes, "x.csv") {
            assert!(data.x.cols() == data.t.len() && data.first_not_finite().is_none());
        }
        let Ok(table) = csv.table_from_reader(bytes, "x.csv") else { continue };
        let rows: usize = csv.chunks_from_reader(bytes, "x.csv", 2).unwrap().map(|chunk| chunk.unwrap().len()).sum();
        assert_eq!(rows, table.len());
        if let Ok(encoder) = Encoding::new().fit(&table) {
            let x = encoder.features::<f64>(&table).unwrap();
            assert_eq!(x.shape(), (encoder.feature_names().len(), table.len()));
        }
    }
}

/// A value that can nest and branch.
#[derive(Deserialize, Serialize)]
enum Anything {
    Number(f64),
    Text(String),
    Matrix(Matrix<f32>),
    List(Vec<Anything>),
    Maybe { of: Option<Box<Anything>>, layers: Vec<Sequential<f32>> },
}

fn is_itself_a_file<V: DeserializeOwned + Serialize>(bytes: &[u8]) {
    let Ok(value) = from_bytes::<V>(bytes) else { return };
    // JSON has no numbers that are not finite; any number in it must round-trip.
    for format in [Format::Json, Format::Binary] {
        if let Ok(written) = to_bytes(format, &value) {
            let again = from_bytes::<V>(&written).unwrap_or_else(|error| panic!("{error}"));
            assert!(to_bytes(format, &again).unwrap() == written);
        }
    }
}

fn any_model(bytes: &[u8]) {
    is_itself_a_file::<Mlp<f32>>(bytes);
    is_itself_a_file::<Mlp<f64>>(bytes);
    is_itself_a_file::<Anything>(bytes);
}

/// A model. The first byte selects a file, a payload with checksums, the text of a value, or tensors.
pub fn model(bytes: &[u8]) {
    let Some((&how, bytes)) = bytes.split_first() else { return };
    match how % 4 {
        0 => any_model(bytes),
        1 => any_model(&sealed(bytes)),
        2 => any_model(&[br#"{"format":"tape-nn","version":1,"model":"#, bytes, b"}"].concat()),
        _ => {
            let file = [&(bytes.len().saturating_sub(8) as u64).to_le_bytes()[..], bytes].concat();
            let mut norm = LayerNorm::<f32>::new(1);
            in_file("x.safetensors", &file, |path| drop(load_safetensors(path, &mut norm)));
        }
    }
}

/// Two epochs of a small run, from the checkpoint in this file if there is one.
pub fn run(path: &Path) -> Result<Mlp<f32>, nn::train::TrainError> {
    let mut net =
        Mlp::new(&[1, 2, 2], Activation::Tanh, &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(1));
    let x = Matrix::row(&[-1.0f32, -0.5, 0.5, 1.0]);
    Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.01))
        .epochs(2)
        .batch(2)
        .quiet()
        .checkpoint(path)
        .resume()
        .fit(&mut net, &Dataset::new(x, vec![0, 0, 1, 1]))?;
    Ok(net)
}

/// The payload of a checkpoint; the run resumes from it or returns an error.
pub fn checkpoint(payload: &[u8]) {
    in_file("run.nn", &sealed(payload), |path| drop(run(path)));
}
