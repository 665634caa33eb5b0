//! Models as files: bit-identical, in a stable format, written atomically, and checked before they are used.

use std::fs;
use std::path::PathBuf;

use nn::persist::{Format, from_bytes, save_value, to_bytes};
use nn::{Activation, Adam, Linear, LoadError, Matrix, Mlp, Module, Optimizer, Param, SaveError, Sequential, State};
use proptest::prelude::*;
use rand::SeedableRng;
use serde::{Deserialize, Serialize};
use tape_tests::says;

use crate::folder;

mod golden;
mod hostile;
mod killed;

/// A path for a file of a test.
fn file(name: &str) -> PathBuf {
    folder("saving").join(name)
}

fn net(sizes: &[usize]) -> Mlp<f32> {
    Mlp::new(sizes, Activation::Tanh, &mut rand::rngs::ChaCha8Rng::seed_from_u64(1))
}

fn binary(value: &impl Serialize) -> Vec<u8> {
    to_bytes(Format::Binary, value).unwrap()
}

#[test]
fn the_extension_chooses_the_format_and_loading_detects_it() {
    let net = net(&[4, 8, 3]);
    for (name, first) in [("m.json", b'{'), ("m.JSON", b'{'), ("m.nn", 0x89), ("m", 0x89), ("m.checkpoint", 0x89)] {
        let path = file(name);
        nn::save(&path, &net).unwrap();
        assert_eq!(fs::read(&path).unwrap()[0], first, "{name}");
        assert_eq!(nn::load::<Mlp<f32>>(&path).unwrap(), net);
        let other = file("other-name");
        fs::rename(&path, &other).unwrap();
        assert_eq!(nn::load::<Mlp<f32>>(&other).unwrap(), net);
    }
    says(nn::save("m.safetensors", &net).unwrap_err(), &["m.safetensors", "`save_safetensors`"]);
}

#[test]
fn four_or_eight_bytes_a_number() {
    let net = net(&[100, 100, 100]);
    let double = Param::new(Matrix::<f64>::zeros(100, 100));
    assert!(binary(&net).len() < 4 * net.count_params() + 400, "{}", binary(&net).len());
    assert!(binary(&double).len() < 8 * 10_000 + 100, "{}", binary(&double).len());
    let state = Adam::new(0.01).init(&net); // two moments
    assert!(binary(&state).len() < 8 * net.count_params() + 400, "{}", binary(&state).len());
}

/// Everything that a model may hold besides its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
struct Whole {
    net: Mlp<f32>,
    mean: Param<f32>,
    #[module(skip)]
    best: f64,
    #[module(skip)]
    notes: Vec<Option<String>>,
}

fn whole() -> Whole {
    let mut net = net(&[2, 3, 1]);
    net.layers[0].weight.freeze();
    net.layers[1].bias = None;
    let notes = vec![None, Some("é".into())];
    Whole { net, mean: Param::buffer(Matrix::column(&[1.0, 2.0])), best: 0.5, notes }
}

#[test]
fn everything_comes_back() {
    for format in [Format::Json, Format::Binary] {
        let bytes = to_bytes(format, &whole()).unwrap();
        let again: Whole = from_bytes(&bytes).unwrap();
        assert_eq!(again, whole()); // roles too
        assert_eq!(to_bytes(format, &again).unwrap(), bytes);
        let net = net(&[2, 3, 1]);
        let mut state = Adam::new(0.01).init(&net);
        state.steps = u64::MAX;
        let again: (State<f32>, Mlp<f32>) = from_bytes(&to_bytes(format, &(&state, &net)).unwrap()).unwrap();
        assert_eq!(again, (state, net));
    }
}

/// Matrices also work in a field that serde buffers, because of `flatten` or an untagged enum.
#[test]
fn buffered_fields() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outer {
        #[serde(flatten)]
        inner: Inner,
        one: Tagged,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Inner {
        w: Param<f32>,
        x: Matrix<u8>,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        A(Linear<f64>),
    }
    let layer = Linear { weight: Param::new(Matrix::from([[1.0, 0.1]])), bias: None };
    let inner = Inner { w: Param::new(Matrix::from([[0.1], [2.0]])), x: Matrix::from([[1, 2]]) };
    let outer = Outer { inner, one: Tagged::A(layer) };
    for format in [Format::Json, Format::Binary] {
        assert_eq!(from_bytes::<Outer>(&to_bytes(format, &outer).unwrap()).unwrap(), outer);
    }
}

#[test]
fn numbers_that_are_not_finite() {
    let mut model = whole();
    model.best = f64::INFINITY;
    let error = nn::save(file("best.json"), &model).unwrap_err();
    assert!(matches!(error, SaveError::NotJson { .. }));
    says(error, &["best.json", "`best` is inf, which JSON cannot say", "another extension"]);
    nn::save(file("best.nn"), &model).unwrap();
    assert_eq!(nn::load::<Whole>(file("best.nn")).unwrap(), model);
    assert!(!file("best.json").exists());

    model.net.layers[0].bias.as_mut().unwrap().value_mut()[(1, 0)] = f32::NAN;
    for name in ["nan.json", "nan.nn"] {
        says(
            nn::save(file(name), &model).unwrap_err(),
            &[name, "entry (1, 0) of parameter `net.layers.0.bias` is NaN"],
        );
    }
    says(save_value(file("nan.json"), &model).unwrap_err(), &["`net.layers.0.bias.data.1` is NaN"]);
    save_value(file("nan.nn"), &model).unwrap();
    let again: Whole = nn::load(file("nan.nn")).unwrap();
    assert!(again.net.layers[0].bias.as_ref().unwrap().value()[(1, 0)].is_nan());
}

#[test]
fn values_that_a_format_cannot_represent() {
    let keys = std::collections::BTreeMap::from([((1u8, 2u8), 0.5f32)]);
    says(to_bytes(Format::Json, &keys).unwrap_err(), &["bytes in memory", "JSON", "strings as the keys"]);
    assert_eq!(from_bytes::<std::collections::BTreeMap<(u8, u8), f32>>(&binary(&keys)).unwrap(), keys);
    // Keys that differ in their type alone.
    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Key {
        Number(u64),
        Name(String),
    }
    let keys = std::collections::BTreeMap::from([(Key::Number(1), 0.5f32), (Key::Name("1".to_owned()), 1.5)]);
    let within = [std::collections::BTreeMap::from([("table", keys)])];
    says(to_bytes(Format::Json, &within).unwrap_err(), &["the key `1` occurs twice in `0.table`", "binary format"]);
    let again: [std::collections::BTreeMap<String, std::collections::BTreeMap<Key, f32>>; 1] =
        from_bytes(&binary(&within)).unwrap();
    assert_eq!(again[0]["table"], within[0]["table"]);
}

#[test]
fn the_other_scalar_type() {
    let half = Param::new(Matrix::row(&[0.1f32, -1e30, f32::INFINITY]));
    let double = Param::new(half.value().map(f64::from));
    for bytes in [binary(&half), binary(&double)] {
        assert_eq!(from_bytes::<Param<f32>>(&bytes).unwrap(), half);
        assert_eq!(from_bytes::<Param<f64>>(&bytes).unwrap(), double);
    }
    let large = [Param::new(Matrix::row(&[1.0, 1e39]))];
    for (format, found) in [(Format::Json, "out of range"), (Format::Binary, "1e39 is too large for f32")] {
        let error = from_bytes::<[Param<f32>; 1]>(&to_bytes(format, &large).unwrap()).unwrap_err();
        says(error, &["`0.data", found, "load it as the type that was saved"]);
    }
}

/// A save changes the contents of a file, not its permissions or where a link leads.
#[cfg(unix)]
#[test]
fn permissions_and_links_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = file("links");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("run")).unwrap();
    let (secret, link, early) = (folder.join("run/m.nn"), folder.join("best.nn"), folder.join("early.nn"));
    let save = |path: &PathBuf, k: f32| nn::save(path, &Param::new(Matrix::row(&[k]))).unwrap();
    let loaded = |path: &PathBuf| nn::load::<Param<f32>>(path).unwrap().value()[(0, 0)];
    save(&secret, 0.0);
    for mode in [0o600, 0o640, 0o444] {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        save(&secret, 1.0);
        assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, mode);
    }
    symlink("run/m.nn", &link).unwrap();
    symlink("run/late.nn", &early).unwrap(); // a dangling link
    save(&link, 2.0);
    save(&early, 3.0);
    assert_eq!((loaded(&secret), loaded(&folder.join("run/late.nn"))), (2.0, 3.0));
    assert!(link.is_symlink() && early.is_symlink());
    symlink("b", folder.join("a")).unwrap();
    symlink("a", folder.join("b")).unwrap();
    says(nn::save(folder.join("a"), &Param::new(Matrix::row(&[0f32]))).unwrap_err(), &["lead in a circle"]);
}

proptest! {
    #[test]
    fn the_same_bits_come_back(
        single in prop::collection::vec(any::<u32>().prop_map(f32::from_bits), 0..20),
        double in prop::collection::vec(any::<u64>().prop_map(f64::from_bits), 0..20),
    ) {
        let bytes = binary(&(Matrix::column(&single), Param::new(Matrix::row(&double)), &single, &double));
        let again: (Matrix<f32>, Param<f64>, Vec<f32>, Vec<f64>) = from_bytes(&bytes).unwrap();
        prop_assert!(again.0.shape() == (single.len(), 1) && again.1.value().shape() == (1, double.len()));
        let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let bits64 = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert!(bits(again.0.as_slice()) == bits(&single) && bits(&again.2) == bits(&single));
        prop_assert!(bits64(again.1.value().as_slice()) == bits64(&double) && bits64(&again.3) == bits64(&double));
    }
}
