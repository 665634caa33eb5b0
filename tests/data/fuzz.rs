//! The fuzzed functions, run on randomly changed files, with the same changes every time. A fuzzer finds more:
//! `cargo +nightly fuzz run npy` in `crates/nn/fuzz`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

#[path = "../../crates/nn/fuzz/entries.rs"]
mod entries;

/// The time limit for the changed files of one format; a slow machine tries fewer of them.
const TIME: Duration = Duration::from_secs(3);
const ROUNDS: u64 = 4000;

/// Extreme values for a number in a file.
const NUMBERS: [&[u8]; 8] =
    [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff", b"\0", b"4294967296", b"-1", b"1e999"];

/// One to four changes: a bit, a byte, a part, a number, or a part of another file.
fn changed(seeds: &[Vec<u8>], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = seeds[rng.random_range(0..seeds.len())].clone();
    for _ in 0..rng.random_range(1..=4) {
        let end = bytes.len();
        let at = rng.random_range(0..=end);
        let to = at + rng.random_range(0..=16.min(end - at));
        match rng.random_range(0..7) {
            0 if at < end => bytes[at] ^= 1 << rng.random_range(0..8),
            1 if at < end => bytes[at] = rng.random(),
            2 => drop(bytes.drain(at..to)),
            3 => bytes.extend_from_within(at..to),
            4 => {
                let number = NUMBERS[rng.random_range(0..NUMBERS.len())];
                let to = end.min(at + number.len());
                drop(bytes.splice(at..to, number.iter().copied()));
            }
            5 => {
                let other = &seeds[rng.random_range(0..seeds.len())];
                let from = rng.random_range(0..=other.len());
                drop(bytes.splice(at..to, other[from..other.len().min(from + 64)].iter().copied()));
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

fn feed(seeds: &[Vec<u8>], entry: impl Fn(&[u8])) {
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| entry(seed));
    let start = Instant::now();
    for round in 0..ROUNDS {
        // Each round has its own seed, so that a failing one can be reproduced.
        entry(&changed(seeds, &mut ChaCha8Rng::seed_from_u64(round)));
        if start.elapsed() > TIME {
            println!("{round} of {ROUNDS} files");
            break;
        }
    }
}

/// The files of the tests with this ending.
fn golden(ends: &[&str]) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/arrays");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| ends.iter().any(|end| path.to_str().unwrap().ends_with(end)));
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn npy() {
    feed(&golden(&[".npy"]), entries::npy);
}

#[test]
fn idx() {
    feed(&golden(&[".idx", "ubyte", "ubyte.gz"]), entries::idx);
}

#[test]
fn npz() {
    feed(&golden(&[".npz"]), entries::npz);
}

#[test]
fn csv() {
    let tables = [
        "a,b,kind\n1,2,oak\n3,\"4\",elm\n",
        "1.5;2;0\n-1e3;NA;1\n",
        "\u{feff}id,\"a\nb\",t\r\n1,\"x\"\"y\",0\r\n\r\n2,,1\r\n",
        "a;b\n1.234,5;inf\n2;7\n",
    ];
    feed(&tables.map(|table| table.as_bytes().to_vec()), entries::csv);
}

#[test]
fn models() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mlp = br#"{"layers":[{"weight":{"rows":1,"cols":1,"data":[0.5]},"bias":null}],"activation":"tanh"}"#;
    let binary = fs::read(golden.join("version-1.nn")).unwrap();
    let seeds = [
        [b"\0", &fs::read(golden.join("version-1-checksum.json")).unwrap()[..]].concat(),
        [b"\x01", &binary[28..]].concat(),
        [b"\x02", &mlp[..]].concat(),
        [b"\x02", &br#"{"List":[{"Number":0.5},{"Text":"a"},{"Maybe":{"of":null,"layers":[]}}]}"#[..]].concat(),
        b"\x03{\"weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} \0\0\x80\x3f".to_vec(),
    ];
    feed(&seeds, entries::model);
}

#[test]
fn checkpoints() {
    let path = std::env::temp_dir().join(format!("nn-fuzz-{}-seed.nn", std::process::id()));
    let net = entries::run(&path).unwrap();
    let seed = fs::read(&path).unwrap();
    assert_eq!(entries::run(&path).unwrap(), net); // which is at its end
    fs::remove_file(&path).unwrap();
    assert_eq!(entries::sealed(&seed[28..]), seed);
    feed(&[seed[28..].to_vec()], entries::checkpoint);
}
