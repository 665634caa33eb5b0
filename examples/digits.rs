//! Classifying handwritten digits: the first network to train.
//!
//! ```text
//! cargo run --release --example digits
//! cargo run --release --example digits -- --help
//! ```

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;
use std::{fs, process};

use clap::Parser;
use nn::data::{Csv, Dataset, Standardize, stratified_split};
use nn::loss::softmax_cross_entropy;
use nn::metrics::{Confusion, argmax_cols};
use nn::plot::Images;
use nn::schedule::LinearRamp;
use nn::train::{Trainer, accuracy, predict};
use nn::{Activation, Adam, Layer, Matrix, Mlp, Module, Momentum, Optimizer, Reduction, RmsProp, Sgd};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use tape_examples::wrote;

/// 1797 digits of 8 × 8 pixels. Each line has 64 numbers, from 0 for paper to 16 for ink, and the digit.
const DIGITS: &[u8] = include_bytes!("data/digits.csv");

/// A model is a plain struct: here a network, and the standardization of its inputs.
#[derive(Module, Serialize, Deserialize)]
struct Reader {
    #[module(skip)]
    standardize: Standardize<f32>,
    net: Mlp<f32>,
}

impl Reader {
    /// A score for every digit, for every column of pixels.
    fn scores(&self, pixels: &Matrix<f32>) -> Matrix<f32> {
        predict(&self.net, &self.standardize.apply(pixels))
    }
}

/// The same pictures with new noise every time, so that the network does not rely on details of a small training set.
fn noisy(x: &Matrix<f32>, deviation: f32, seed: u64) -> Matrix<f32> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    x.map(|x| {
        let z: f32 = StandardNormal.sample(rng);
        x + deviation * z
    })
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let out = |name: &str| options.out.join(name);
    fs::create_dir_all(&options.out).map_err(|error| format!("{}: {error}", options.out.display()))?;

    // The test set is the same for every seed. It is used only in the last lines.
    let data: Dataset<f32> = Csv::new().from_reader(DIGITS, "digits.csv")?;
    let split = &mut ChaCha8Rng::seed_from_u64(0);
    let (rest, test) = stratified_split(&data.t, 0.8, split);
    let (rest, test) = (data.select(&rest), data.select(&test));
    let (training, validation) = stratified_split(&rest.t, 0.9, split);
    let (mut training, mut validation) = (rest.select(&training), rest.select(&validation));

    let standardize = Standardize::fit(&training.x);
    training.x = standardize.apply(&training.x);
    validation.x = standardize.apply(&validation.x);

    let Options { noise, seed, ref optimizer, activation, .. } = *options;
    let [epochs, batch, threads] = [options.epochs, options.batch, options.threads].map(NonZeroUsize::get);
    let lr = options.learning_rate.unwrap_or(optimizer.learning_rate);
    let hidden = options.hidden.iter().map(|size| size.get());
    let sizes: Vec<usize> = [data.features()].into_iter().chain(hidden).chain([data.classes()]).collect();
    let mut net = Mlp::new(&sizes, activation, &mut ChaCha8Rng::seed_from_u64(seed));

    let layers = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" → ");
    println!("Handwritten digits: {} pictures of 8 × 8 pixels, {} classes", data.len(), data.classes());
    println!("  samples    {} to train, {} to validate, {} to test", training.len(), validation.len(), test.len());
    println!("  network    {layers}, {activation}, {} parameters", net.count_params());
    println!("  optimizer  {}, learning rate {lr} falling to 0", optimizer.name);
    println!("  training   {epochs} epochs, batches of {batch}, noise {noise}, seed {seed}, threads {threads}\n");

    let start = Instant::now();
    let steps = epochs * training.len().div_ceil(batch);
    let trained = Trainer::new(
        |tape, net: &Mlp<f32>, (x, t): &(Matrix<f32>, Vec<usize>)| {
            let x = match tape.draw() {
                Some(seed) => tape.constant(noisy(x, noise, seed)), // in training
                None => tape.constant(x),
            };
            softmax_cross_entropy(net.forward(x), t, Reduction::Mean)
        },
        (optimizer.with)(lr),
    )
    .schedule(LinearRamp::new(lr, 0.0, steps as u64))
    .epochs(epochs)
    .batch(batch)
    .seed(seed)
    .threads(threads)
    .metric("accuracy", accuracy)
    .watch("training", &training)
    .validate(&validation)
    .fit(&mut net, &training)?;
    println!("trained in {:.2} s\n", start.elapsed().as_secs_f64());

    let reader = Reader { standardize, net };
    nn::save(out("model.json"), &reader)?;
    let again: Reader = nn::load(out("model.json"))?;
    let scores = reader.scores(&test.x);
    let predicted = argmax_cols(&scores);
    let confusion = Confusion::new(&predicted, &test.t, data.classes());
    println!("{confusion}\n");
    if again.scores(&test.x).map(f32::to_bits) != scores.map(f32::to_bits) {
        return Err("the loaded model gives different predictions".into());
    }

    trained.history.figure().save(out("curves.svg"))?;
    trained.history.save(out("history.csv"))?;
    let misread = (0..test.len()).filter(|&n| predicted[n] != test.t[n]);
    let sheet = Images::new("Misclassified digits").note("actual → predicted");
    let (sheet, count) = misread.fold((sheet, 0), |(sheet, count), n| {
        let ink: Vec<f64> = test.x.col(n).iter().map(|ink| f64::from(ink / 16.0)).collect();
        (sheet.image(8, &ink, &format!("{} → {}", test.t[n], predicted[n])), count + 1)
    });
    sheet.save(out("misread.svg"))?;

    wrote(&out("model.json"), "the network; after loading, its predictions have the same bits");
    wrote(&out("curves.svg"), "loss and accuracy by epoch; history.csv has the numbers");
    wrote(&out("misread.svg"), &format!("the {count} misclassified digits of the test set"));
    println!("\ntest accuracy {:.4}", confusion.accuracy());
    Ok(())
}

/// Trains a network to classify handwritten digits.
#[derive(Parser)]
struct Options {
    /// The seed: the same seed gives the same bits
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// The number of epochs
    #[arg(long, value_name = "N", default_value = "100")]
    epochs: NonZeroUsize,
    /// The sizes of the hidden layers
    #[arg(long, value_name = "N,N,…", default_value = "128", value_delimiter = ',')]
    hidden: Vec<NonZeroUsize>,
    /// relu, tanh, sigmoid, softplus, …
    #[arg(long, value_name = "NAME", default_value = "relu")]
    activation: Activation,
    /// sgd, momentum, rmsprop, adam, or as in the lecture rmsprop-lecture, adam-lecture
    #[arg(long, value_name = "NAME", default_value = "adam", value_parser = rule)]
    optimizer: Rule,
    /// The initial learning rate, which falls linearly to 0 [default: by optimizer]
    #[arg(long, value_name = "X", value_parser = positive)]
    learning_rate: Option<f64>,
    /// The batch size
    #[arg(long, value_name = "N", default_value = "32")]
    batch: NonZeroUsize,
    /// The standard deviation of the noise on the inputs in training
    #[arg(long, value_name = "X", default_value = "0.6")]
    noise: f32,
    /// The number of threads: the bits are the same for any number
    #[arg(long, value_name = "N", default_value = "1")]
    threads: NonZeroUsize,
    /// The folder for pictures and the model
    #[arg(long, value_name = "FOLDER", default_value = "out/digits")]
    out: PathBuf,
}

/// An optimizer: its name, a learning rate that suits it, and its constructor.
#[derive(Clone, Copy)]
struct Rule {
    name: &'static str,
    learning_rate: f64,
    with: fn(f64) -> Box<dyn Optimizer<f32> + Send>,
}

const RULES: [Rule; 6] = [
    Rule { name: "sgd", learning_rate: 0.3, with: |lr| Box::new(Sgd { lr }) },
    Rule { name: "momentum", learning_rate: 0.05, with: |lr| Box::new(Momentum::new(lr, 0.9)) },
    Rule { name: "rmsprop", learning_rate: 0.005, with: |lr| Box::new(RmsProp::torch(lr)) },
    Rule { name: "adam", learning_rate: 0.005, with: |lr| Box::new(Adam::new(lr)) },
    Rule { name: "rmsprop-lecture", learning_rate: 0.01, with: |lr| Box::new(RmsProp::lecture(lr)) },
    Rule { name: "adam-lecture", learning_rate: 0.01, with: |lr| Box::new(Adam::lecture(lr)) },
];

fn rule(name: &str) -> Result<Rule, String> {
    let names = RULES.map(|rule| rule.name).join(", ");
    RULES.into_iter().find(|rule| rule.name == name).ok_or_else(|| format!("choose one of {names}"))
}

fn positive(text: &str) -> Result<f64, String> {
    let usable = |x: &f64| *x > 0.0 && x.is_finite();
    text.parse().ok().filter(usable).ok_or_else(|| "expected a positive number, such as 0.001".to_owned())
}

fn main() {
    if let Err(error) = run(&Options::parse()) {
        eprintln!("error: {error}");
        process::exit(1);
    }
}
