//! Tests of networks: models and their parts, losses, optimizers, training, and files.

mod check;
mod contradictions;
mod derive;
mod diagnose;
mod digits;
mod estimator;
mod init;
mod interchange;
mod kinds;
mod layers;
mod lbfgs;
mod least_squares;
mod losses;
mod metrics;
mod models;
mod onnx;
mod optimizers;
mod oracle;
mod parallel;
mod parts;
mod pipeline;
mod planned;
mod plot;
mod printed;
mod ranks;
mod readme;
mod recurrent;
mod regions;
mod replay;
mod resume;
mod roles;
mod saving;
mod schedules;
mod series;
mod settings;
mod shared_weights;
mod stages;
mod tensorboard;
mod training;
mod weights;
mod wrong_input;

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use nn::{Init, Matrix, Real};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Small numbers with either sign, without a pattern.
fn some<T: Real>(rows: usize, cols: usize, seed: u64) -> Matrix<T> {
    Init::Uniform(1.5).sample(rows, cols, &mut rng(seed))
}

/// Normally distributed numbers.
fn normal(rows: usize, cols: usize, seed: u64) -> Matrix<f64> {
    Init::Normal(1.0).sample(rows, cols, &mut rng(seed))
}

/// A folder for the files of some tests.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A process that runs only the test with this name in this module of this binary.
fn alone(module: &str, test: &str) -> Command {
    let (_, module) = module.split_once("::").unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("{module}::{test}")]);
    command
}
