//! Regression on a table with a categorical column and missing values: the flavanoids of a wine from the rest of its
//! chemistry and its cultivar.
//!
//! ```text
//! cargo run --release --example table_regression
//! cargo run --release --example table_regression -- --short --out out/table_regression
//! ```
//!
//! The table is real (178 wines, UCI), and whole: one cell in twenty of the measured features is taken out at random, to
//! have something missing. The network is compared with least squares on the same features, by 5-fold cross-validation.
//! The column to predict and the decay of the weights were chosen by these same folds, so the comparison flatters it.

use std::error::Error;
use std::path::PathBuf;

use nn::data::{
    Components, Csv, Encoder, Encoding, Feature, Missing, Pipeline, Sampler, Standardize, Step, Table, Unknown, k_fold,
};
use nn::metrics::{mae, r2};
use nn::plot::Chart;
use nn::train::predict;
use nn::{Activation, Adam, Layer, Matrix, Mlp, Module, Optimizer, Reduction, Tape, loss};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

const WINE: &str = include_str!("data/wine.csv");
const TARGET: &str = "flavanoids";
const CATEGORY: &str = "class";

/// A model is saved with all that its inputs and outputs go through.
#[derive(Module, Serialize, Deserialize)]
struct Estimate {
    #[module(skip)]
    encoder: Encoder,
    #[module(skip)]
    inputs: Pipeline<f64>,
    #[module(skip)]
    outputs: Standardize<f64>,
    net: Mlp<f64>,
}

impl Estimate {
    fn fit(table: &Table, epochs: u64, rng: &mut ChaCha8Rng) -> Result<Self, Box<dyn Error>> {
        let encoder = encoding(table).fit(table)?;
        let data = encoder.regression(table)?;
        let inputs = Pipeline::fit(&[Step::Standardize], &data.x);
        let outputs = Standardize::fit(&data.t);
        let (x, t) = (inputs.apply(&data.x), outputs.apply(&data.t));

        let mut net = Mlp::new(&[x.rows(), 32, 1], Activation::Tanh, rng);
        let optimizer = Adam::adamw(0.005, 1.0);
        let mut state = optimizer.init(&net);
        let sampler = Sampler::shuffled(data.len(), 32, rng.random());
        for batch in (0..epochs).flat_map(|epoch| sampler.epoch(epoch)) {
            let tape = Tape::training(rng.random());
            let y = net.forward(tape.constant(x.select_cols(&batch)));
            let grads = loss::mse(y, tape.constant(t.select_cols(&batch)), Reduction::Mean).backward();
            optimizer.step(&mut net, &grads, &mut state);
        }
        Ok(Estimate { encoder, inputs, outputs, net })
    }

    /// What it says of each row of a table, 1 × rows.
    fn predict(&self, table: &Table) -> Result<Matrix<f64>, Box<dyn Error>> {
        let x = self.inputs.apply(&self.encoder.features(table)?);
        Ok(self.outputs.invert(&predict(&self.net, &x)))
    }
}

/// Every measurement is a number, with the median where it is missing; the cultivar is one-hot. Cells are missing at random
/// here; where that itself says something, `Feature::indicator` makes an input of it.
fn encoding(table: &Table) -> Encoding {
    let number = Feature::number().missing(Missing::Median);
    let features = table.names().iter().filter(|name| *name != TARGET && *name != CATEGORY);
    features
        .fold(Encoding::new(), |encoding, name| encoding.column(name, number.clone()))
        .column(CATEGORY, Feature::one_hot().unknown(Unknown::Zeros))
        .target(TARGET)
}

/// Least squares. Whitened inputs have the identity as their covariance, so that the weights are 1/N Σ t xᵀ: there is no
/// system to solve, and inputs that depend on each other, such as one-hot ones, do no harm.
fn least_squares(train: &Table, test: &Table) -> Result<Matrix<f64>, Box<dyn Error>> {
    let encoder = encoding(train).fit(train)?;
    let data = encoder.regression::<f64>(train)?;
    let whiten = Step::Whiten { components: Components::All, epsilon: 0.0 };
    let (inputs, outputs) = (Pipeline::fit(&[Step::Standardize, whiten], &data.x), Standardize::fit(&data.t));

    let tape = Tape::new();
    let [x, t] = [inputs.apply(&data.x), outputs.apply(&data.t)].map(|m| tape.constant(m));
    let weights = t.matmul_nt(x) * (1.0 / data.len() as f64);
    let new = tape.constant(inputs.apply(&encoder.features(test)?));
    Ok(outputs.invert(&weights.matmul(new).value()))
}

/// The text of a table with a share of its cells taken out, but of these two columns.
fn with_gaps(text: &str, share: f64, rng: &mut impl Rng) -> String {
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let kept: Vec<bool> = header.split(',').map(|name| name == TARGET || name == CATEGORY).collect();
    let mut cell = |(cell, kept): (&str, &bool)| {
        let missing = !kept && rng.random_bool(share);
        if missing { "NA".to_owned() } else { cell.to_owned() }
    };
    let rows = lines.map(|line| line.split(',').zip(&kept).map(&mut cell).collect::<Vec<_>>().join(","));
    [header.to_owned()].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let epochs = if arguments.iter().any(|argument| argument == "--short") { 30 } else { 150 };
    let out = arguments.iter().skip_while(|argument| *argument != "--out").nth(1);
    let out = PathBuf::from(out.map_or("out/table_regression", String::as_str));
    std::fs::create_dir_all(&out)?;

    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let text = with_gaps(WINE, 0.05, rng);
    let table = Csv::new().table_from_reader(text.as_bytes(), "wine.csv")?;
    let encoder = encoding(&table).fit(&table)?;
    println!("{} wines, {} columns, {} features:", table.len(), table.names().len(), encoder.feature_names().len());
    println!("  {}\n", encoder.feature_names().join(", "));

    // Every wine is predicted once, by models that have not seen it.
    let actual = encoder.targets::<f64>(&table)?;
    let mut network = Matrix::zeros(1, table.len());
    let mut linear = Matrix::zeros(1, table.len());
    let mut last = None;
    for (train, test) in k_fold(table.len(), 5, rng) {
        let (train, rest) = (table.select(&train), table.select(&test));
        let model = Estimate::fit(&train, epochs, rng)?;
        let predicted = [model.predict(&rest)?, least_squares(&train, &rest)?];
        for (k, &i) in test.iter().enumerate() {
            network[(0, i)] = predicted[0][(0, k)];
            linear[(0, i)] = predicted[1][(0, k)];
        }
        last = Some((model, rest));
    }

    println!("{TARGET} of wines that were not trained on   R²      mean absolute error");
    let mut chart = Chart::new("Flavanoids of wines").axes("actual", "predicted").square();
    for (name, predicted) in [("least squares", &linear), ("network", &network)] {
        println!("  {name:<43}  {:.3}   {:.3}", r2(predicted, &actual), mae(predicted, &actual));
        let label = format!("{name}, R² {:.2}", r2(predicted, &actual));
        let points = actual.as_slice().iter().copied().zip(predicted.as_slice().iter().copied());
        chart = chart.dots(&label, points);
    }
    let most = actual.as_slice().iter().copied().fold(0.0, f64::max);
    chart.dashed("equal", [(0.0, 0.0), (most, most)]).save(out.join("predicted.svg"))?;

    // The file has the encoder and the maps in it: what was missing, or never seen, is filled in as it was in training.
    let (model, rest) = last.ok_or("there are no folds")?;
    nn::save(out.join("model.json"), &model)?;
    let again: Estimate = nn::load(out.join("model.json"))?;
    if again.predict(&rest)?.map(f64::to_bits) != model.predict(&rest)?.map(f64::to_bits) {
        return Err("the model that was loaded again predicts something else".into());
    }
    let odd = format!("{}\n{}\n", table.names().join(","), ["?"; 13].join(",") + ",class_9");
    let odd = Csv::new().table_from_reader(odd.as_bytes(), "odd.csv")?;
    println!("\nof a wine of which nothing is known, it says {:.2}", again.predict(&odd)?[(0, 0)]);

    println!("\n{}   the network with all that goes before it; the same bits again", out.join("model.json").display());
    println!("{}   predicted against actual", out.join("predicted.svg").display());
    println!("\nR² {:.3} of the network, {:.3} of least squares", r2(&network, &actual), r2(&linear, &actual));
    Ok(())
}
