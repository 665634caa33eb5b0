//! A process that is killed while it saves leaves a whole file.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rand::Rng;

use crate::alone;

use super::*;

const TARGET: &str = "SAVE_UNTIL_KILLED";

/// Not a test of its own: saves for ever when the other test runs it, models whose entries are all the same number.
#[test]
fn saves_until_killed() {
    let Some(path) = std::env::var_os(TARGET) else { return };
    for k in 1.. {
        nn::save(&path, &Param::new(Matrix::full(100, 100, k as f32))).unwrap();
    }
}

fn start(path: &PathBuf) -> Child {
    alone(module_path!(), "saves_until_killed").env(TARGET, path).stdout(Stdio::null()).spawn().unwrap()
}

/// The number of which the saved model consists.
fn number(path: &PathBuf) -> f32 {
    let model: Param<f32> = nn::load(path).unwrap_or_else(|error| panic!("{error}"));
    let entries = model.value().as_slice();
    assert!(entries.iter().all(|&x| x == entries[0]), "parts of two models");
    entries[0]
}

#[test]
fn a_kill_leaves_the_old_file_or_the_new() {
    let folder = file("killed");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(7);
    let mut saved = 0.0;
    for round in 0..12 {
        let path = folder.join(["model.nn", "model.json"][round % 2]);
        nn::save(&path, &Param::new(Matrix::full(100, 100, 0.0f32))).unwrap();
        let mut child = start(&path);
        let end = Instant::now() + Duration::from_secs(10);
        while number(&path) == 0.0 {
            assert!(Instant::now() < end, "nothing was saved");
        }
        let end = Instant::now() + Duration::from_micros(rng.next_u64() % 100_000);
        while Instant::now() < end {
            number(&path); // while it is replaced too
        }
        child.kill().unwrap();
        child.wait().unwrap();
        saved += number(&path);
    }
    let broken_off = fs::read_dir(&folder).unwrap().count() - 2;
    println!("{saved} models saved, {broken_off} of 12 kills while a file was written");
    assert!(saved > 12.0);
    fs::remove_dir_all(&folder).unwrap();
}
