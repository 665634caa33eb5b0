//! A process that is killed while it saves leaves a complete file.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rand::Rng;

use crate::alone;

use super::*;

const TARGET: &str = "SAVE_UNTIL_KILLED";

/// Not a test, but the process: saves forever, models whose entries are all the same number.
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

/// The number in the saved model.
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
            number(&path); // also while it is replaced
        }
        child.kill().unwrap();
        child.wait().unwrap();
        saved += number(&path);
    }
    println!("{saved} models saved");
    assert!(saved > 12.0);
    // The next save removes the files of killed processes, but not those of a running one.
    let (dead, written) = (folder.join(".tape-nn.1.0.tmp"), folder.join(".tape-nn.2.0.tmp"));
    fs::write(&dead, "half").unwrap();
    let held = fs::File::create(&written).unwrap();
    held.lock().unwrap();
    nn::save(folder.join("model.nn"), &Param::new(Matrix::full(1, 1, 0.0f32))).unwrap();
    let mut left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    left.sort();
    assert_eq!(left, [written, folder.join("model.json"), folder.join("model.nn")]);
    fs::remove_dir_all(&folder).unwrap();
}
