//! Damaged and malicious files.

use super::*;
use proptest::prelude::*;

/// A file with this header and these data.
fn sealed(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// The error for a file with these bytes, for a layer with one weight and one bias.
fn load(name: &str, bytes: &[u8]) -> Result<(), LoadError> {
    let path = ours(name);
    fs::write(&path, bytes).unwrap();
    let (mut layer, before) = (linear::<f32>(1, 1), linear::<f32>(1, 1));
    let result = load_safetensors(&path, &mut layer);
    match &result {
        Ok(()) => assert_eq!(layer.weight.value().shape(), (1, 1)),
        Err(error) => {
            assert_eq!(layer, before, "changed in spite of: {error}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    result
}

#[track_caller]
fn says(bytes: &[u8], words: &[&str]) {
    tape_tests::says(load("hostile.safetensors", bytes).unwrap_err(), words);
}

const HEADER: &str = r#"{"bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"weight":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}}"#;

#[test]
fn messages() {
    load("good.safetensors", &sealed(HEADER, &[0; 8])).unwrap();
    says(&sealed(HEADER, &[0; 9]), &[&format!("byte {}", 16 + HEADER.len()), "damaged", "bytes after the end"]);
    says(&u64::MAX.to_le_bytes(), &["found a header of 18446744073709551615 bytes", "`save_safetensors`"]);
    says(&[&90_000_000u64.to_le_bytes()[..], b"{}"].concat(), &["byte 10: the file ends before"]);
    says(b"PK\x03\x04 and so on", &["a zip archive", "state_dict"]);
    let model = linear::<f32>(1, 1);
    says(&nn::persist::to_bytes(nn::persist::Format::Binary, &model).unwrap(), &["what `save` writes"]);
    says(&nn::persist::to_bytes(nn::persist::Format::Json, &model).unwrap(), &["what `save` writes"]);
    let with = |from: &str, to: &str| sealed(&HEADER.replacen(from, to, 1), &[0; 8]);
    says(&with("\"bias\"", "bias"), &["byte 9", "no header of safetensors"]);
    says(&with("[0,4]", "[0,5]"), &["byte 8", "no header of safetensors", "offset"]);
    says(&with("[4,8]", "[4,12]"), &["no header of safetensors"]);
    says(&with("[1]", "[4611686018427387905]"), &["no header of safetensors"]);
    says(&with("\"bias\"", "\"weight\""), &["no header of safetensors", "the key `weight` occurs twice"]);
    load("number.safetensors", &with("[1]", "[]")).unwrap(); // a number is a vector of one
}

#[test]
fn types_and_sizes() {
    let header = |dtype, bytes| {
        format!(
            r#"{{"bias":{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,{bytes}]}},"weight":{{"dtype":"F32","shape":[1,1],"data_offsets":[{bytes},{}]}}}}"#,
            bytes + 4
        )
    };
    says(&sealed(&header("I64", 8), &[0; 12]), &["`bias` is I64, expected F64, F32, F16 or BF16"]);
    let large = [&1e39f64.to_le_bytes()[..], &[0; 4]].concat();
    says(&sealed(&header("F64", 8), &large), &["`bias` has 1e39, too large for f32"]);
    let infinite = [&f64::NEG_INFINITY.to_le_bytes()[..], &[0; 4]].concat();
    load("infinite.safetensors", &sealed(&header("F64", 8), &infinite)).unwrap();
}

/// Offsets near 2⁶⁴ whose sum with the length of the header is too large for an integer.
#[test]
fn offsets_that_overflow() {
    let each = (1u64 << 61) - 1;
    let tensors = (0..8u64).map(|i| {
        let (from, to) = (i * each, (i + 1) * each);
        format!(r#""t{i}":{{"dtype":"U8","shape":[{each}],"data_offsets":[{from},{to}]}}"#)
    });
    let header = format!("{{{}}}", tensors.collect::<Vec<_>>().join(","));
    says(&sealed(&header, &[0; 8]), &["the file ends before the model does"]);
}

#[test]
fn truncated_at_every_byte_and_flipped_at_every_bit() {
    let good = sealed(HEADER, &[0, 0, 128, 63, 0, 0, 0, 64]);
    for end in 0..good.len() {
        let error = load("truncated.safetensors", &good[..end]).unwrap_err();
        assert!(matches!(error, LoadError::Truncated { .. }), "{end}: {error}");
    }
    let header = 8 * (8 + HEADER.len());
    for bit in 0..header {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let _ = load("flipped.safetensors", &flipped); // the format has no checksum
    }
}

proptest! {
    #[test]
    fn forged_headers(changes in prop::collection::vec((any::<prop::sample::Index>(), 32u8..127), 1..4), tail: Vec<u8>) {
        let mut header = HEADER.as_bytes().to_vec();
        for (at, byte) in &changes {
            let at = at.index(header.len());
            header[at] = *byte;
        }
        let header = String::from_utf8(header).unwrap();
        let _ = load("forged.safetensors", &sealed(&header, &[0; 8]));
        let _ = load("forged.safetensors", &sealed(&header, &tail));
        let _ = load("forged.safetensors", &tail);
    }
}
