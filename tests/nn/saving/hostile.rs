//! Damaged and malicious files.

#[path = "../../../crates/nn/fuzz/sealed.rs"]
mod sealed;

use super::*;
use sealed::sealed;

const HEADER: usize = 28;

fn error(bytes: &[u8]) -> LoadError {
    from_bytes::<Mlp<f32>>(bytes).unwrap_err()
}

#[test]
fn truncated_at_every_byte() {
    let good = binary(&net(&[2, 3, 2]));
    for end in 0..good.len() {
        let error = error(&good[..end]);
        assert!(matches!(error, LoadError::Truncated { .. }), "{end}: {error}");
        if end > 0 {
            says(error, &[&format!("byte {end}: the file ends before the model does; copy it again")]);
        }
    }
}

#[test]
fn flipped_at_every_bit() {
    let good = binary(&net(&[2, 3, 2]));
    for bit in 0..8 * good.len() {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = error(&flipped);
        match bit / 8 {
            0..8 => assert!(matches!(error, LoadError::NotJson { .. } | LoadError::Foreign { .. }), "{bit}: {error}"),
            8..HEADER => says(error, &["byte 0", "damaged", "checksum of the header", "copy it again"]),
            _ => says(error, &["byte 28", "damaged", "checksum of the payload", "copy it again"]),
        }
    }
}

#[test]
fn messages() {
    let good = binary(&net(&[2, 3, 2]));
    let payload = &good[HEADER..];
    says(error(&[&good[..], b"\n"].concat()), &[&format!("byte {}", good.len()), "bytes after the end"]);
    says(error(&sealed(&[payload, b"\xc0"].concat())), &[&format!("byte {}", good.len()), "a second value"]);
    says(error(&sealed(&payload[..40])), &["byte 68", "ends too early"]);
    says(error(&sealed(b"")), &["byte 28", "ends too early"]);
    says(
        error(&binary(&net(&[2, 3]).layers[0])),
        &["`weight`", "unknown field `weight`, expected one of `layers`", "load it as the type that was saved"],
    );
    says(error(&binary(&[1, 2])), &["not the model that was asked for"]);

    let matrix = |text: &[u8], other: &[u8]| {
        let at = payload.windows(text.len()).position(|window| window == text).unwrap();
        error(&sealed(&[&payload[..at], other, &payload[at + text.len()..]].concat()))
    };
    says(matrix(b"rows\x03", b"rows\x04"), &["`layers.0.weight", "a 4 × 2 matrix cannot have 6 entries"]);
    says(matrix(b"rows\x03", b"rows\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), &["`layers.0.weight", "cannot have 6"]);
    says(matrix(b"f32\xc4\x18", b"f64\xc4\x18"), &["`layers.0.weight", "cannot have 3 entries"]);
    says(matrix(b"f32\xc4\x18", b"f65\xc4\x18"), &["`layers.0.weight.data", "unknown variant `f65`"]);
    says(matrix(b"rows\x03", b"rows\xa1x"), &["`layers.0.weight.rows`", "a value of another kind"]);
    let short = b"\x83\xa4rows\x01\xa4cols\x01\xa4data\x81\xa3f32\xc4\x03abc";
    says(
        from_bytes::<Matrix<f32>>(&sealed(short)).unwrap_err(),
        &["`data", "3 bytes are not a whole number of entries"],
    );

    let newer = |version: u8| {
        let mut bytes = good[..HEADER].to_vec();
        bytes[8] = version;
        let checksum = crc32fast::hash(&bytes[..24]).to_le_bytes();
        bytes[24..].copy_from_slice(&checksum);
        error(&bytes)
    };
    says(newer(2), &["version 2", "knows version 1", "update"]);
    says(newer(0), &["found version 0"]);

    says(error(b"PK\x03\x04rest of a torch file"), &["a zip archive", "state_dict", "load_safetensors"]);
    says(error(b"        {}"), &["missing field `format`"]); // blanks before JSON
    says(error(b"\x40\0\0\0\0\0\0\0{\"w\":{}}"), &["safetensors", "`load_safetensors`"]);
}

/// The keys of maps, in either format, of a type that would ignore them.
#[test]
fn unknown_and_repeated_keys() {
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Settings {
        rate: Option<f64>,
        names: std::collections::BTreeMap<String, u8>,
    }
    let json = |text: &str| format!(r#"{{"format":"tape-nn","version":1,"model":[{text}]}}"#).into_bytes();
    let error = |bytes: Vec<u8>| from_bytes::<Vec<Settings>>(&bytes).unwrap_err();
    let unknown = "unknown field `raet`, expected `rate` or `names`";
    says(error(json(r#"{"raet":0.5}"#)), &["line 1, column", "`0.raet`", unknown]);
    says(error(sealed(b"\x91\x81\xa4raet\x01")), &["byte", unknown]);
    let twice = "the key `a` occurs twice";
    says(error(json(r#"{"names":{"a":1,"b":2,"a":3}}"#)), &["`0.names", twice]);
    says(error(sealed(b"\x91\x81\xa5names\x83\xa1a\x01\xa1b\x02\xa1a\x03")), &["byte", twice]);
    for bytes in [json(r#"{"names":{"a":1,"b":2}}"#), sealed(b"\x91\x81\xa5names\x82\xa1a\x01\xa1b\x02")] {
        let names = [("a".to_owned(), 1), ("b".to_owned(), 2)].into();
        assert_eq!(from_bytes::<Vec<Settings>>(&bytes).unwrap(), [Settings { rate: None, names }]);
    }
}

/// Nested lists of layers: what cannot be read is not written.
#[test]
fn what_is_saved_can_be_loaded() {
    for format in [Format::Json, Format::Binary] {
        let mut net = Sequential::<f32>::new().then(Activation::Relu);
        let mut refused = false;
        for depth in 1..80 {
            net = Sequential::new().then(net);
            match to_bytes(format, &net) {
                Ok(bytes) => {
                    assert!(!refused && from_bytes::<Sequential<f32>>(&bytes).unwrap() == net, "{depth}");
                }
                Err(error) => {
                    says(error, &["values nested more than 128 deep", "nest less"]);
                    refused = true;
                }
            }
            assert_eq!(refused, depth > 62, "{depth} {format:?}");
        }
    }
}

#[test]
fn layers_that_do_not_fit_together() {
    let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(1);
    let mut linear = |inputs, outputs| Linear::<f32>::new(inputs, outputs, nn::Init::He, rng);
    let list = |layers: Vec<nn::AnyLayer<f32>>| layers.into_iter().collect::<Sequential<f32>>();
    let mut wide = linear(2, 2);
    wide.bias = Some(Param::new(Matrix::zeros(3, 1)));
    let cases = [
        (
            list(vec![linear(2, 3).into(), Activation::Relu.into(), linear(4, 1).into()]),
            "a Linear of 2 → 3 features gives 3 features to a Linear of 4 → 1 features",
        ),
        (list(vec![linear(2, 3).into(), nn::BatchNorm::new(2).into()]), "3 features to a BatchNorm of 2 features"),
        (
            list(vec![linear(2, 3).into(), nn::Residual(list(vec![linear(3, 2).into()])).into()]),
            "a Residual adds 3 features of a Linear of 2 → 3 features and 2 of a Linear of 3 → 2 features",
        ),
        (list(vec![list(vec![linear(2, 3).into()]).into(), linear(2, 3).into()]), "gives 3 features to a Linear of 2"),
        (list(vec![wide.into()]), "a Linear of 2 → 2 features has parameters of 3 × 1 where they are 2 × 1"),
    ];
    for (net, said) in cases {
        for format in [Format::Json, Format::Binary] {
            says(from_bytes::<Sequential<f32>>(&to_bytes(format, &net).unwrap()).unwrap_err(), &[said, "load it as"]);
        }
    }
}

/// No nested value overflows the reader's stack.
#[test]
fn deep_nesting() {
    #[derive(Debug, Serialize, Deserialize)]
    enum Chain {
        Link(Box<Chain>),
        List(Vec<Chain>),
        Field { next: Option<Box<Chain>> },
        End,
    }
    let chain = |n: usize| (0..n).fold(Chain::End, |chain, _| Chain::Link(Box::new(chain)));
    from_bytes::<Chain>(&binary(&chain(100))).unwrap();
    let deep: [(&[u8], &[u8]); 3] =
        [(b"\x81\xa4Link", b"\xa3End"), (b"\x81\xa4List\x91", b"\xa3End"), (b"\x81\xa5Field\x81\xa4next", b"\xc0")];
    for (link, end) in deep {
        let payload = [&link.repeat(100_000)[..], end].concat();
        says(from_bytes::<Chain>(&sealed(&payload)).unwrap_err(), &["nested more than 128 deep"]);
    }
    says(from_bytes::<Chain>(&sealed(&[0x91; 100_000])).unwrap_err(), &["nested more than 128 deep"]);
}

/// The claimed length of a list is not allocated.
#[test]
fn long_lengths() {
    for payload in [
        b"\xdd\xff\xff\xff\xff".to_vec(),
        b"\xdf\xff\xff\xff\xff".to_vec(),
        b"\xc6\xff\xff\xff\xff".to_vec(),
        b"\xdb\xff\xff\xff\xff".to_vec(),
        b"\x81\xa6layers\xdd\xff\xff\xff\xff".to_vec(),
        b"\x81\xa6layers\x91\x81\xa6weight\x83\xa4rows\x01\xa4cols\x01\xa4data\x81\xa3f32\xc6\xff\xff\xff\xff".to_vec(),
    ] {
        says(error(&sealed(&payload)), &["ends too early"]);
    }
}

/// Any bytes are an error or a model that can be saved.
fn survives(bytes: &[u8]) {
    if let Ok(model) = from_bytes::<Mlp<f32>>(bytes) {
        assert_eq!(binary(&from_bytes::<Mlp<f32>>(&binary(&model)).unwrap()), binary(&model));
    }
    if let Ok(whole) = from_bytes::<Whole>(bytes) {
        binary(&whole);
    }
}

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&bytes);
        survives(&sealed(&bytes));
        survives(&[&b"\x89tape-nn"[..], &bytes].concat());
    }

    /// The bytes of a model with some bytes replaced, removed or repeated, and correct checksums.
    #[test]
    fn forged_bytes(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4), 1..6)) {
        for mut payload in [binary(&net(&[2, 3, 2])), binary(&whole())] {
            payload.drain(..HEADER);
            for (at, byte, how) in &changes {
                // All may have been removed.
                if payload.is_empty() {
                    break;
                }
                let at = at.index(payload.len());
                match how {
                    0 => payload[at] = *byte,
                    1 => drop(payload.remove(at)),
                    2 => payload.insert(at, *byte),
                    _ => payload.truncate(at.max(1)),
                }
            }
            survives(&sealed(&payload));
        }
    }
}
