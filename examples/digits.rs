//! Reading handwritten digits: the first network to train.
//!
//! ```text
//! cargo run --release --example digits
//! cargo run --release --example digits -- --help
//! ```

#[path = "common/plot.rs"]
mod plot;

use std::error::Error;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;
use std::{env, fs, process};

use indicatif::{ProgressBar, ProgressStyle};
use nn::data::{Csv, Dataset, Standardize, minibatches, stratified_split};
use nn::loss::softmax_cross_entropy;
use nn::metrics::{Confusion, accuracy, argmax_cols};
use nn::{Activation, Adam, Layer, Matrix, Mlp, Module, Momentum, Optimizer, Reduction, RmsProp, Sgd, Tape};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// 1797 digits of 8 × 8 pixels: in each line 64 numbers, from 0 for paper to 16 for ink, and the digit.
const DIGITS: &[u8] = include_bytes!("data/digits.csv");

/// A model is a plain struct: here a network, and the map that its inputs go through.
#[derive(Module, Serialize, Deserialize)]
struct Reader {
    #[module(skip)]
    standardize: Standardize<f32>,
    net: Mlp<f32>,
}

impl Reader {
    /// A score for every digit, for every column of pixels.
    fn scores(&self, pixels: &Matrix<f32>) -> Matrix<f32> {
        let x = self.standardize.apply(pixels);
        let tape = Tape::new();
        self.net.forward(tape.constant(&x)).value()
    }
}

/// Minimises the loss on `training`; returns loss and accuracy after every epoch, on both sets.
fn train(net: &mut Mlp<f32>, training: &Dataset<f32>, validation: &Dataset<f32>, options: &Options) -> [Curves; 2] {
    let rng = &mut options.rng(ORDER);
    let mut state = options.optimizer(0).init(net);
    let mut curves = [Curves::default(), Curves::default()];
    let (bar, start) = (progress_bar(options.epochs), Instant::now());
    for epoch in 0..options.epochs {
        let optimizer = options.optimizer(epoch);
        for batch in minibatches(training.len(), options.batch, rng) {
            let (x, t) = training.batch(&batch);
            let x = noisy(&x, options.noise, rng);
            let tape = Tape::new();
            let loss = softmax_cross_entropy(net.forward(tape.constant(&x)), &t, Reduction::Mean);
            let grads = loss.backward();
            optimizer.step(net, &grads, &mut state);
        }
        for (curves, data) in curves.iter_mut().zip([training, validation]) {
            let tape = Tape::new();
            let y = net.forward(tape.constant(&data.x));
            curves.loss.push(softmax_cross_entropy(y, &data.t, Reduction::Mean).item().into());
            curves.accuracy.push(accuracy(&argmax_cols(&y.value()), &data.t));
        }
        let (loss, accuracy) = (curves[1].loss[epoch], 100.0 * curves[1].accuracy[epoch]);
        let speed = ((epoch + 1) * training.len()) as f64 / start.elapsed().as_secs_f64();
        bar.set_message(format!("validation loss {loss:.3}   accuracy {accuracy:5.1} %   {speed:.0} samples/s"));
        bar.inc(1);
    }
    bar.finish();
    curves
}

/// The same pictures with grain, different every time: what is learned from few of them must not hang on details.
fn noisy(x: &Matrix<f32>, deviation: f32, rng: &mut ChaCha8Rng) -> Matrix<f32> {
    x.map(|x| {
        let z: f32 = StandardNormal.sample(rng);
        x + deviation * z
    })
}

/// Values after every epoch.
#[derive(Default)]
struct Curves {
    loss: Vec<f64>,
    accuracy: Vec<f64>,
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let out = |name: &str| options.out.join(name);
    fs::create_dir_all(&options.out).map_err(|error| format!("{}: {error}", options.out.display()))?;

    // The test set is the same for every seed. It has no say in anything before the last lines.
    let data: Dataset<f32> = Csv::new().from_reader(DIGITS, "digits.csv")?;
    let split = &mut ChaCha8Rng::seed_from_u64(0);
    let (rest, test) = stratified_split(&data.t, 0.8, split);
    let (rest, test) = (data.select(&rest), data.select(&test));
    let (training, validation) = stratified_split(&rest.t, 0.9, split);
    let (mut training, mut validation) = (rest.select(&training), rest.select(&validation));

    let standardize = Standardize::fit(&training.x);
    training.x = standardize.apply(&training.x);
    validation.x = standardize.apply(&validation.x);

    let sizes = [&[data.features()], &options.hidden[..], &[data.classes()]].concat();
    let mut net = Mlp::new(&sizes, options.activation, &mut options.rng(WEIGHTS));

    let layers = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" → ");
    let Options { epochs, batch, noise, seed, threads, .. } = options;
    println!("Handwritten digits: {} pictures of 8 × 8 pixels, {} classes", data.len(), data.classes());
    println!("  samples    {} to train, {} to validate, {} to test", training.len(), validation.len(), test.len());
    println!("  network    {layers}, {}, {} parameters", options.activation, net.count_params());
    println!("  optimizer  {}, learning rate {} falling to 0", options.rule.name, options.learning_rate());
    println!("  training   {epochs} epochs, batches of {batch}, noise {noise}, seed {seed}, threads {threads}\n");

    let start = Instant::now();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build()?;
    let [on_training, on_validation] = pool.install(|| train(&mut net, &training, &validation, options));
    println!("trained in {:.2} s\n", start.elapsed().as_secs_f64());

    let reader = Reader { standardize, net };
    nn::save(out("model.json"), &reader)?;
    let again: Reader = nn::load(out("model.json"))?;
    let scores = reader.scores(&test.x);
    let predicted = argmax_cols(&scores);
    let confusion = Confusion::new(&predicted, &test.t, data.classes());
    println!("{confusion}\n");

    if again.scores(&test.x).map(f32::to_bits) != scores.map(f32::to_bits) {
        return Err("the model that was loaded again predicts something else".into());
    }
    plot::learning_curves(
        out("curves.svg"),
        &[("training", &on_training.loss), ("validation", &on_validation.loss)],
        &[("training", &on_training.accuracy), ("validation", &on_validation.accuracy)],
    )?;
    let misread: Vec<usize> = (0..test.len()).filter(|&n| predicted[n] != test.t[n]).collect();
    let pixels = test.x.map(f64::from);
    let sheet: Vec<_> = misread.iter().map(|&n| (pixels.col(n), test.t[n], predicted[n])).collect();
    plot::digit_sheet(out("misread.svg"), &sheet)?;

    println!("{}   the network; loaded again, it predicts the same bits", out("model.json").display());
    println!("{}   loss and accuracy after every epoch", out("curves.svg").display());
    println!("{}  the {} digits of the test set that were misread\n", out("misread.svg").display(), misread.len());
    println!("test accuracy {:.4}", confusion.accuracy());
    Ok(())
}

/// Drawn on the terminal only, and not where the output is piped to.
fn progress_bar(epochs: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("epoch {pos:>3}/{len} {bar:24.cyan/dim}  {msg}");
    ProgressBar::new(epochs as u64).with_style(style.expect("a valid template").progress_chars("━╸─"))
}

const HELP: &str = "\
Trains a network to read handwritten digits.

Usage: cargo run --release --example digits -- [OPTIONS]

  --seed N             the random numbers: same seed, same bits            [1]
  --epochs N           how often every sample is seen                      [100]
  --hidden N,N,…       the sizes of the hidden layers                      [128]
  --activation NAME    identity, relu, tanh, sigmoid, softplus             [relu]
  --optimizer NAME     sgd, momentum, rmsprop, adam, and as in the lecture
                       rmsprop-lecture, adam-lecture                       [adam]
  --learning-rate X    at the start; it falls to 0 in a straight line      [by optimizer]
  --batch N            samples in a step                                   [32]
  --noise X            deviation of the noise on inputs in training        [0.6]
  --threads N          threads of the pool it runs in; same bits for any   [1]
  --out FOLDER         where pictures and model are written                [out/digits]
  --help               this text
";

struct Options {
    seed: u64,
    epochs: usize,
    hidden: Vec<usize>,
    activation: Activation,
    rule: Rule,
    learning_rate: Option<f64>,
    batch: usize,
    noise: f32,
    threads: usize,
    out: PathBuf,
}

/// An optimizer: its name, a learning rate that suits it, and how it is made from one.
#[derive(Clone, Copy)]
struct Rule {
    name: &'static str,
    learning_rate: f64,
    with: fn(f64) -> Box<dyn Optimizer<f32>>,
}

const RULES: [Rule; 6] = [
    Rule { name: "sgd", learning_rate: 0.3, with: |lr| Box::new(Sgd { lr }) },
    Rule { name: "momentum", learning_rate: 0.05, with: |lr| Box::new(Momentum::new(lr, 0.9)) },
    Rule { name: "rmsprop", learning_rate: 0.005, with: |lr| Box::new(RmsProp::torch(lr)) },
    Rule { name: "adam", learning_rate: 0.005, with: |lr| Box::new(Adam::new(lr)) },
    Rule { name: "rmsprop-lecture", learning_rate: 0.01, with: |lr| Box::new(RmsProp::lecture(lr)) },
    Rule { name: "adam-lecture", learning_rate: 0.01, with: |lr| Box::new(Adam::lecture(lr)) },
];

/// Streams of random numbers of one seed.
const WEIGHTS: u64 = 0;
const ORDER: u64 = 1;

impl Options {
    /// `None` asks for help, `Some` says what is wrong.
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Option<String>> {
        let mut options = Options {
            seed: 1,
            epochs: 100,
            hidden: vec![128],
            activation: Activation::Relu,
            rule: RULES[3],
            learning_rate: None,
            batch: 32,
            noise: 0.6,
            threads: 1,
            out: "out/digits".into(),
        };
        while let Some(arg) = args.next() {
            let (name, given) = arg.split_once('=').map_or((&*arg, None), |(name, value)| (name, Some(value)));
            if name == "--help" || name == "-h" {
                return Err(None);
            }
            let mut value =
                || given.map(str::to_owned).or_else(|| args.next()).ok_or_else(|| format!("{name} needs a value"));
            let positive = |n: &usize| *n > 0;
            match name {
                "--seed" => options.seed = number(name, &value()?, "an integer from 0", |_| true)?,
                "--epochs" => options.epochs = number(name, &value()?, "an integer from 1", positive)?,
                "--hidden" => {
                    let layer = |n: &str| number(name, n, "integers from 1, such as 128,64", positive);
                    options.hidden = value()?.split(',').map(layer).collect::<Result<_, _>>()?;
                }
                "--activation" => options.activation = value()?.parse().map_err(|wrong| format!("{name}: {wrong}"))?,
                "--optimizer" => {
                    let (value, names) = (value()?, RULES.map(|rule| rule.name).join(", "));
                    let rule = RULES.into_iter().find(|rule| rule.name == value);
                    options.rule =
                        rule.ok_or_else(|| format!("{name}: unknown optimizer `{value}`: choose one of {names}"))?;
                }
                "--learning-rate" => {
                    let usable = |x: &f64| *x > 0.0 && x.is_finite();
                    options.learning_rate = Some(number(name, &value()?, "a positive number, such as 0.001", usable)?);
                }
                "--batch" => options.batch = number(name, &value()?, "an integer from 1", positive)?,
                "--noise" => {
                    let usable = |x: &f32| *x >= 0.0 && x.is_finite();
                    options.noise = number(name, &value()?, "a number from 0, such as 0.5", usable)?;
                }
                "--threads" => options.threads = number(name, &value()?, "an integer from 1", positive)?,
                "--out" => options.out = value()?.into(),
                _ => return Err(Some(format!("unknown option `{arg}`"))),
            }
        }
        Ok(options)
    }

    fn rng(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream);
        rng
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate.unwrap_or(self.rule.learning_rate)
    }

    /// The learning rate falls in a straight line, to 0 after the last epoch.
    fn optimizer(&self, epoch: usize) -> Box<dyn Optimizer<f32>> {
        (self.rule.with)(self.learning_rate() * (1.0 - epoch as f64 / self.epochs as f64))
    }
}

fn number<N: FromStr>(name: &str, text: &str, expected: &str, usable: impl Fn(&N) -> bool) -> Result<N, String> {
    let number = text.trim().parse().ok().filter(usable);
    number.ok_or_else(|| format!("{name}: found `{text}`, expected {expected}"))
}

fn main() {
    match Options::parse(env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned())) {
        Ok(options) => {
            if let Err(error) = run(&options) {
                eprintln!("error: {error}");
                process::exit(1);
            }
        }
        Err(None) => print!("{HELP}"),
        Err(Some(wrong)) => {
            eprintln!("error: {wrong}\nAll options: cargo run --release --example digits -- --help");
            process::exit(2);
        }
    }
}
