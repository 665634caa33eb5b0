//! A run that is killed and resumed: its final bits are those of an uninterrupted run.
//!
//! ```text
//! cargo run --release --example resume                 # trains; kill it, start it again
//! cargo run --release --example resume -- --demo       # does this itself, several times, and compares
//! ```

use std::error::Error;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use clap::Parser;
use nn::data::{Csv, Dataset, Standardize, stratified_split};
use nn::loss::CrossEntropy;
use nn::schedule::Cosine;
use nn::train::{Trainer, accuracy};
use nn::{Activation, Adam, Mlp, Module};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// Trains a network to classify digits, and resumes where it was stopped
#[derive(Parser)]
struct Options {
    /// Starts the training as a process, kills it at random moments until it has finished, and compares
    #[arg(long)]
    demo: bool,
    /// The number of epochs
    #[arg(long, value_name = "N", default_value = "60")]
    epochs: usize,
    /// The checkpoint file
    #[arg(long, value_name = "FILE", default_value = "out/resume/run")]
    checkpoint: PathBuf,
}

/// The training run, with or without a checkpoint: noise by dropout, a schedule, an average of the weights, the best epoch.
fn train(epochs: usize, checkpoint: Option<&Path>) -> Result<(Mlp<f32>, String), Box<dyn Error>> {
    let data: Dataset<f32> = Csv::new().from_reader(include_bytes!("data/digits.csv").as_slice(), "digits.csv")?;
    let (training, validation) = stratified_split(&data.t, 0.8, &mut ChaCha8Rng::seed_from_u64(0));
    let (mut training, mut validation) = (data.select(&training), data.select(&validation));
    let standardize = Standardize::fit(&training.x);
    training.x = standardize.apply(&training.x);
    validation.x = standardize.apply(&validation.x);

    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let mut net = Mlp::builder(&[64, 128, 10]).activation(Activation::Relu).dropout(0.2).build(rng);
    let mut trainer = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.005))
        .epochs(epochs)
        .schedule(Cosine::new(0.005, 0.0, 45 * epochs as u64))
        .ema(0.99)
        .metric("accuracy", accuracy)
        .validate(&validation)
        .keep_best()
        .interruptible();
    if let Some(file) = checkpoint {
        trainer = trainer.checkpoint(file).checkpoint_every(10).resume();
    }
    let trained = trainer.fit(&mut net, &training)?;
    Ok((net, trained.to_string()))
}

/// Every bit of the weights.
fn bits(net: &Mlp<f32>) -> Vec<u32> {
    net.named_params().iter().flat_map(|(_, param)| param.value().map(f32::to_bits).into_vec()).collect()
}

fn demo(options: &Options) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let (whole, _) = train(options.epochs, None)?;
    let usual = start.elapsed();
    println!("not killed: {:.2} s", usual.as_secs_f64());

    drop(fs::remove_file(&options.checkpoint));
    let rng = &mut ChaCha8Rng::seed_from_u64(std::process::id().into());
    for kills in 0.. {
        let mut child = Command::new(env::current_exe()?)
            .args(["--epochs", &options.epochs.to_string(), "--checkpoint"])
            .arg(&options.checkpoint)
            .stdout(Stdio::piped())
            .spawn()?;
        let most = usual.mul_f64(0.5).max(Duration::from_millis(50));
        let deadline = Instant::now() + most.mul_f64(rng.random_range(0.1..1.0));
        while child.try_wait()?.is_none() && (Instant::now() < deadline || kills >= 20) {
            thread::sleep(Duration::from_millis(1));
        }
        if let Some(status) = child.try_wait()? {
            let mut said = String::new();
            child.stdout.take().map_or(Ok(0), |mut stdout| stdout.read_to_string(&mut said))?;
            print!("{said}");
            if !status.success() {
                return Err("a resumed run failed".into());
            }
            println!("killed {kills} times, resumed {kills} times");
            break;
        }
        child.kill()?;
        child.wait()?;
        print!("killed … ");
        std::io::stdout().flush()?;
    }

    // The run has finished: the file gives its weights at once.
    let (resumed, _) = train(options.epochs, Some(&options.checkpoint))?;
    if bits(&resumed) != bits(&whole) {
        return Err("the bits of the weights differ".into());
    }
    println!("all {} weights have the same bits", resumed.count_params());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    options.checkpoint.parent().map_or(Ok(()), fs::create_dir_all)?;
    if options.demo {
        return demo(&options);
    }
    let (_, how) = train(options.epochs, Some(&options.checkpoint))?;
    println!("{how}");
    Ok(())
}
