//! Files of version 1 in their first form: they must always load. JSON had no checksum at first; files that have
//! one, and binary files, must be written with the same bytes.
//!
//! After a deliberate change of the format increase its version, add files for it, and keep these.
//! `WRITE_GOLDEN=1 cargo test -p tape-tests --test nn golden` writes missing files.

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize, Module)]
struct Model {
    hidden: Linear<f32>,
    output: Linear<f64>,
    #[module(skip)]
    activation: Activation,
    mean: Param<f32>,
    #[module(skip)]
    classes: Vec<String>,
    #[module(skip)]
    threshold: Option<f64>,
    #[module(skip)]
    epochs: u64,
}

fn model() -> Model {
    let mut hidden = Linear {
        weight: Param::new(Matrix::from([[0.1, -2.5], [f32::MAX, f32::MIN_POSITIVE], [1e-45, -0.0]])),
        bias: Some(Param::new(Matrix::column(&[0.0, 1.0, 16777217.0]))),
    };
    hidden.weight.freeze();
    Model {
        hidden,
        output: Linear { weight: Param::new(Matrix::from([[0.1, 1e-300, -1.0 / 3.0]])), bias: None },
        activation: Activation::Softplus,
        mean: Param::buffer(Matrix::column(&[3.0, 4.0])),
        classes: vec!["elm".into(), "čížek".into()],
        threshold: None,
        epochs: 300,
    }
}

#[test]
fn version_1() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
    assert_eq!(nn::load::<Model>(folder.join("version-1.json")).unwrap(), model());
    for (name, format) in [("version-1-checksum.json", Format::Json), ("version-1.nn", Format::Binary)] {
        let path = folder.join(name);
        if !path.exists() && std::env::var_os("WRITE_GOLDEN").is_some() {
            save_value(&path, &model()).unwrap();
        }
        assert_eq!(nn::load::<Model>(&path).unwrap(), model(), "{name}");
        assert!(to_bytes(format, &model()).unwrap() == fs::read(&path).unwrap(), "{name} is written in other bytes");
    }
}

/// The table of the documentation, byte by byte.
#[test]
fn the_bytes_are_those_of_the_documentation() {
    let bytes = binary(&Param::new(Matrix::row(&[1.0f32])));
    let crc = |bytes: &[u8]| crc32fast::hash(bytes).to_le_bytes();
    let payload = b"\x84\xa4rows\x01\xa4cols\x01\xa4data\x81\xa3f32\xc4\x04\x00\x00\x80\x3f\xa4role\xa7trained";
    let mut expected = b"\x89tape-nn\x01\0\0\0".to_vec();
    expected.extend((payload.len() as u64).to_le_bytes());
    expected.extend(crc(payload));
    expected.extend(crc(&expected));
    expected.extend(payload);
    assert_eq!(bytes, expected);
    // The CRC is the standard one: "123456789" gives 0xcbf43926.
    assert_eq!(crc(b"123456789"), 0xcbf4_3926u32.to_le_bytes());
}
