//! Loading a file never allocates more than the file justifies.

use std::fs;
use std::path::PathBuf;

use nn::{Linear, Matrix, Param};

use crate::{alone, peak};

fn layer(side: usize) -> Linear<f32> {
    Linear { weight: Param::new(Matrix::full(side, side, 0.5)), bias: None }
}

/// Loads these bytes as a binary file and as safetensors, with little memory.
#[track_caller]
fn refused(bytes: &[u8]) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("huge");
    fs::write(&path, bytes).unwrap();
    let (binary, taken) = peak(|| nn::load::<Linear<f32>>(&path));
    assert!(binary.is_err() && taken < 100_000, "{taken} bytes");
    let mut layer = layer(1);
    let (tensors, taken) = peak(|| nn::load_safetensors(&path, &mut layer));
    assert!(tensors.is_err() && taken < 100_000, "{taken} bytes");
}

/// A binary file with correct checksums but a wrong length.
fn claims(length: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89tape-nn\x01\0\0\0".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend(crc32fast::hash(payload).to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend(payload);
    bytes
}

#[test]
fn loading_takes_little_memory() {
    let _alone = alone();
    for length in [1 << 30, 1 << 40, u64::MAX] {
        refused(&claims(length, b""));
        refused(&length.to_le_bytes());
        let tensors = format!(r#"{{"weight":{{"dtype":"F32","shape":[{}],"data_offsets":[0,{length}]}}}}"#, length / 4);
        refused(&[&(tensors.len() as u64).to_le_bytes()[..], tensors.as_bytes()].concat());
    }
    refused(&[&99_999_999u64.to_le_bytes()[..], b"{"].concat());
    // Lists, maps, bytes and strings of 2³² − 1 elements.
    for long in [b"\xdd", b"\xdf", b"\xc6", b"\xdb"] {
        for before in [&b""[..], b"\x81\xa6weight", b"\x81\xa6weight\x83\xa4rows\x01\xa4cols\x01\xa4data\x81\xa3f32"] {
            let payload = [before, long, b"\xff\xff\xff\xff"].concat();
            refused(&claims(payload.len() as u64, &payload));
        }
    }

    // A good file needs memory for its bytes and the model.
    let (model, path) = (layer(500), PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("large.nn"));
    let bytes = 4 * 500 * 500;
    nn::save(&path, &model).unwrap();
    let (again, taken) = peak(|| nn::load::<Linear<f32>>(&path).unwrap());
    assert_eq!(again, model);
    assert!(10 * taken < 21 * bytes, "{} times the model", taken as f64 / bytes as f64);
    println!("loading takes {:.1} times the model", taken as f64 / bytes as f64);
}
