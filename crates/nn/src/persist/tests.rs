use std::path::PathBuf;
use std::{error, fs};

use super::*;
use crate::{Activation, Linear, Matrix, Mlp, Param};
use proptest::prelude::*;
use rand::SeedableRng;

/// A folder that is removed with its contents.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tape-nn-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
    fn names(&self) -> Vec<String> {
        fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn net() -> Mlp<f32> {
    Mlp::new(&[2, 3, 2], Activation::Tanh, &mut rand::rngs::ChaCha8Rng::seed_from_u64(1))
}

fn text<T: Real>(model: &(impl Module<T> + Serialize)) -> Vec<u8> {
    let folder = Folder::new(&format!("text-{:?}", std::thread::current().id()));
    save(folder.0.join("m.json"), model).unwrap();
    assert_eq!(folder.names(), ["m.json"]);
    fs::read(folder.0.join("m.json")).unwrap()
}

/// The text without its checksum, as in the first files of version 1, so that manual changes are not detected by the checksum.
fn unchecked(text: &[u8]) -> String {
    let text = std::str::from_utf8(text).unwrap();
    let (before, after) = text.split_once(r#""checksum":""#).unwrap();
    before.to_owned() + &after[r#"01234567","#.len()..]
}

fn read<M: DeserializeOwned>(text: impl AsRef<[u8]>) -> Result<M, LoadError> {
    decode(text.as_ref(), "m.json".to_owned())
}

#[track_caller]
fn says(result: Result<Mlp<f32>, LoadError>, parts: &[&str]) -> LoadError {
    let error = result.unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("m.json") && parts.iter().all(|part| message.contains(part)), "{message}");
    error
}

#[test]
fn load_errors_say_what_where_and_what_to_do() {
    use LoadError::*;
    let good = unchecked(&text(&net()));
    assert!(good.starts_with(r#"{"format":"tape-nn","version":1,"model":{"#), "{good}");
    let cut = &good[..good.len() / 2];
    let end = format!("line 1, column {}", cut.len());
    assert!(matches!(says(read(cut), &[&end, "ends before the model", "copy it again"]), Truncated { .. }));
    assert!(matches!(says(read(""), &["line 1, column 0", "ends before"]), Truncated { .. }));
    assert!(matches!(says(read("{\n no"), &["line 2, column 2", "not JSON", "`save` wrote"]), NotJson { .. }));
    assert!(matches!(says(read(good.clone() + "}"), &["not JSON: trailing characters"]), NotJson { .. }));
    assert!(matches!(says(read("{}"), &["missing field `format`", "`save` wrote"]), Foreign { .. }));
    assert!(matches!(says(read("[3]"), &["not a saved model", "integer `3`"]), Foreign { .. }));
    let other = r#"{"format":"onnx","version":7,"model":0}"#;
    assert!(matches!(says(read(other), &["format \"onnx\"", "expected the header"]), Foreign { .. }));
    let newer = r#"{"format":"tape-nn","version":2,"network":{}}"#;
    assert!(matches!(says(read(newer), &["version 2", "knows version 1", "update"]), Newer { version: 2, .. }));
    let (linear, changed) =
        (text(&net().layers[0]), String::from_utf8(text(&net())).unwrap().replacen("tanh", "relu", 1));
    let parts = ["line 1, column 63", "damaged", "checksum of the model", "remove the entry \"checksum\""];
    assert!(matches!(says(read(&changed), &parts), Damaged { .. }));
    assert_eq!(read::<Mlp<f32>>(unchecked(changed.as_bytes())).unwrap().activation, Activation::Relu);
    let cases = [
        (r#""bias":"#, r#""biaz":"#, "`layers.0.biaz`: not the model that was asked for: unknown field `biaz`"),
        (r#"{"rows":"#, r#"{"row":1,"rows":"#, "unknown field `row`, expected one of `rows`"),
        (r#""activation":"#, r#""dropout":null,"dropout":null,"activation":"#, "the key `dropout` occurs twice"),
        (r#""version":1"#, r#""version":1,"model":0"#, "duplicate field `model`"),
        (r#""version":1"#, r#""version":1,"modle":0"#, "unknown field `modle`, expected one of `format`"),
    ];
    for (was, is, said) in cases {
        says(read(good.replacen(was, is, 1)), &[said]);
    }
    assert!(matches!(says(read(linear), &["unknown field `weight`", "the type that was saved"]), Model { .. }));
    let shape = good.replacen(r#""rows":3"#, r#""rows":4"#, 1);
    assert!(matches!(says(read(shape), &["line 1, column", "a 4 × 2 matrix cannot have 6"]), Model { .. }));
    let huge = good.replacen(r#""rows":3"#, r#""rows":18446744073709551615"#, 1);
    says(read(huge), &["matrix cannot have 6 entries"]);
    let deep = r#"{"format":"tape-nn","version":1,"model":"#.to_owned() + &"[".repeat(1000) + &"]".repeat(1000) + "}";
    says(read::<serde_json::Value>(deep).map(|_| net()), &["recursion limit"]);
    assert!(matches!(load::<Mlp<f32>>(std::env::temp_dir()), Err(Read { .. })));
}

#[test]
fn a_failed_save_leaves_the_old_file_and_nothing_else() {
    let folder = Folder::new("failed");
    let (path, mut model) = (folder.0.join("m.json"), net());
    save(&path, &model).unwrap();
    let old = fs::read(&path).unwrap();

    model.layers[1].bias.as_mut().unwrap().value_mut()[(1, 0)] = f32::NEG_INFINITY;
    let error = save(&path, &model).unwrap_err().to_string();
    assert!(error.contains("entry (1, 0) of parameter `layers.1.bias` is -inf; training has diverged"), "{error}");

    fs::create_dir(folder.0.join("taken")).unwrap();
    let error = save(folder.0.join("taken"), &net()).unwrap_err();
    assert!(matches!(&error, SaveError::Write { .. }) && error::Error::source(&error).is_some(), "{error}");
    assert!(save(folder.0.join("none/m.json"), &net()).unwrap_err().to_string().contains("make the folder first"));
    assert!(save("/", &net()).unwrap_err().to_string().contains("no file name"));

    assert_eq!(fs::read(&path).unwrap(), old);
    let mut names = folder.names();
    names.sort();
    assert_eq!(names, ["m.json", "taken"]);

    save(&path, &net().layers[0]).unwrap(); // and a good one replaces it
    assert_eq!(load::<Linear<f32>>(&path).unwrap(), net().layers[0]);
}

#[test]
fn every_truncation_is_an_error() {
    let good = text(&net());
    for end in 0..good.len() {
        assert!(matches!(read::<Mlp<f32>>(&good[..end]), Err(LoadError::Truncated { .. })), "{end}");
    }
}

#[test]
fn every_bit_flip_is_an_error() {
    let good = text(&net());
    for bit in 0..8 * good.len() {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = read::<Mlp<f32>>(&flipped).unwrap_err().to_string();
        assert!(error.starts_with("m.json"), "{error}");
    }
}

proptest! {
    #[test]
    fn the_same_bits_come_back(
        f32s in prop::collection::vec(any::<u32>().prop_map(f32::from_bits), 1..20),
        f64s in prop::collection::vec(any::<u64>().prop_map(f64::from_bits), 1..20),
    ) {
        let single = Param::new(Matrix::column(&f32s).map(|x| if x.is_finite() { x } else { -0.0 }));
        let double = Param::new(Matrix::column(&f64s).map(|x| if x.is_finite() { x } else { -0.0 }));
        let (a, b): (Param<f32>, Param<f64>) = (read(text(&single)).unwrap(), read(text(&double)).unwrap());
        prop_assert_eq!(a.value().map(f32::to_bits), single.value().map(f32::to_bits));
        prop_assert_eq!(b.value().map(f64::to_bits), double.value().map(f64::to_bits));
    }

    #[test]
    fn no_bytes_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        json in prop::collection::vec(prop::sample::select(b"{}[]\",:0-1.e9 nulltape\\u\xff".to_vec()), 0..60),
    ) {
        prop_assert!(read::<Mlp<f32>>(&bytes).is_err());
        prop_assert!(read::<Mlp<f32>>(&json).is_err());
        let model = [br#"{"format":"tape-nn","version":1,"model":"#, &json[..], b"}"].concat();
        prop_assert!(read::<Mlp<f32>>(&model).is_err());
    }
}
