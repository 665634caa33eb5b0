//! Any bytes are an error or a model that is itself a file, in every format; nothing may panic.
//!
//!     cargo +nightly fuzz run load

#![no_main]

use libfuzzer_sys::fuzz_target;
use nn::persist::{Format, from_bytes, to_bytes};
use nn::{LayerNorm, Matrix, Mlp, Sequential, load_safetensors};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What may nest and branch.
#[derive(Deserialize, Serialize)]
enum Anything {
    Number(f64),
    Text(String),
    Matrix(Matrix<f32>),
    List(Vec<Anything>),
    Maybe { of: Option<Box<Anything>>, layers: Vec<Sequential<f32>> },
}

fn check<V: DeserializeOwned + Serialize>(bytes: &[u8]) {
    let Ok(value) = from_bytes::<V>(bytes) else { return };
    // Numbers that are not finite are no JSON; whatever is one comes back the same.
    for format in [Format::Json, Format::Binary] {
        if let Ok(written) = to_bytes(format, &value) {
            let again = from_bytes::<V>(&written).unwrap_or_else(|error| panic!("{error}"));
            assert!(to_bytes(format, &again).unwrap() == written);
        }
    }
}

fn check_all(bytes: &[u8]) {
    check::<Mlp<f32>>(bytes);
    check::<Mlp<f64>>(bytes);
    check::<Anything>(bytes);
}

/// The bytes behind a header whose checksums are right.
fn sealed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89tape-nn\x01\0\0\0".to_vec();
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(crc32fast::hash(payload).to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend(payload);
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&how, bytes)) = bytes.split_first() else { return };
    match how % 4 {
        0 => check_all(bytes),
        1 => check_all(&sealed(bytes)),
        2 => check_all(&[br#"{"format":"tape-nn","version":1,"model":"#, bytes, b"}"].concat()),
        _ => {
            let path = std::env::temp_dir().join(format!("nn-fuzz-{}.safetensors", std::process::id()));
            let file = [&(bytes.len().saturating_sub(8) as u64).to_le_bytes()[..], bytes].concat();
            std::fs::write(&path, file).unwrap();
            let mut norm = LayerNorm::<f32>::new(1);
            let _ = load_safetensors(&path, &mut norm);
        }
    }
});
