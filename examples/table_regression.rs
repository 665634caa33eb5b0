//! Regression on a table with dates, a categorical column, missing values and weights: the flavanoids of a wine from its other
//! measurements, its cultivar, and the date of its tasting.
//!
//! ```text
//! cargo run --release --example table_regression
//! cargo run --release --example table_regression -- --short --out out/table_regression
//! ```
//!
//! The measurements are real (178 wines, UCI) and complete, so one cell in twenty of them is removed at random. The dates of tasting
//! and the numbers of bottles are drawn at random, so the importance of the dates should be close to 0.
//!
//! A fifth of the wines is the test set. The settings of a network are searched on the other wines. The network is compared with
//! linear regression and the mean by cross-validation, which fits encoder, preprocessing and estimator to the training rows of each
//! fold. These folds differ from those of the search, but they consist of the same rows. The search has used these rows, so only the test
//! set gives a fair score. Then the network is explained, saved, loaded, and evaluated on the test set.

use std::error::Error;
use std::path::PathBuf;

use nn::Activation;
use nn::data::{Csv, DatePart, Encoding, Feature, Missing, PreprocessingStep, Table, Unknown, random_split};
use nn::estimator::{Mean, MlpRegressor, Ridge};
use nn::pipeline::{Estimator, Folds, Halving, Pipeline};
use nn::plot::Chart;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tape_examples::wrote;

const WINE: &str = include_str!("data/wine.csv");
const TARGET: &str = "flavanoids";
const CATEGORY: &str = "class";

/// The text of wine.csv with missing values, a date of tasting in German notation, and the number of bottles.
fn file(rng: &mut ChaCha8Rng) -> String {
    let header = WINE.lines().next().unwrap_or_default();
    let names: Vec<&str> = header.split(',').collect();
    let mut text = format!("tasted,bottles,{header}\n");
    for line in WINE.lines().skip(1) {
        let (day, month, bottles) = (rng.random_range(1..29), rng.random_range(1..13), rng.random_range(1..7));
        text += &format!("{day:02}.{month:02}.2024,{bottles}");
        for (cell, name) in line.split(',').zip(&names) {
            let missing = *name != TARGET && *name != CATEGORY && rng.random_bool(0.05);
            text += if missing { ",NA" } else { "," };
            text += if missing { "" } else { cell };
        }
        text += "\n";
    }
    text
}

/// Reads a table from such a text, with an additional column that is computed from each row.
fn read(text: &str, name: &str) -> Result<Table, Box<dyn Error>> {
    let table = Csv::new().table_from_reader(text.as_bytes(), name)?;
    Ok(table.computed("color per hue", |row| Some(row.number("color_intensity")? / row.number("hue")?))?)
}

/// The roles of the columns. Values are missing at random here. If missing values carry information, `Feature::indicator` makes a
/// feature of them.
fn encoding(table: &Table) -> Encoding {
    let others = ["tasted", "bottles", TARGET, CATEGORY];
    let measured = table.names().iter().filter(|name| !others.contains(&name.as_str()));
    measured
        .fold(Encoding::new(), |encoding, name| encoding.column(name, Feature::number().missing(Missing::Median)))
        .column(
            "tasted",
            Feature::date([DatePart::Month, DatePart::Weekday]).format("%d.%m.%Y").missing(Missing::Median),
        )
        .column(CATEGORY, Feature::one_hot().missing(Missing::Zero).unknown(Unknown::Zeros))
        .weight("bottles")
        .target(TARGET)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let short = arguments.iter().any(|argument| argument == "--short");
    let out = arguments.iter().skip_while(|argument| *argument != "--out").nth(1);
    let out = PathBuf::from(out.map_or("out/table_regression", String::as_str));
    std::fs::create_dir_all(&out)?;

    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let wines = read(&file(rng), "wines.csv")?;
    let (train, test) = random_split(wines.len(), 0.8, rng);
    let (train, test) = (wines.select(&train), wines.select(&test));
    let pipeline = |estimator: Estimator| Pipeline::new(encoding(&wines), &[PreprocessingStep::Standardize], estimator);
    println!("{} wines for training, {} for testing, {} columns\n", train.len(), test.len(), wines.names().len());

    let (candidates, epochs) = if short { (3, 5) } else { (27, 10) };
    let folds = |seed| Folds::new(if short { 3 } else { 5 }).seed(seed);
    let found = Halving::new(candidates, epochs).seed(1).search(&train, &folds(1), "rmse", |rng, epochs| {
        let [lr, alpha] = [(-3.0, -1.5), (-3.0, 1.5)].map(|(low, high)| 10f64.powf(rng.random_range(low..high)));
        let net = MlpRegressor::new().hidden(&[[8, 16, 32][rng.random_range(0..3)]]).activation(Activation::Tanh);
        pipeline(net.lr(lr).alpha(alpha).batch(16).max_epochs(epochs).into())
    })?;
    for round in &found.rounds {
        println!(
            "{:2} networks of {:3} epochs, the best rmse {:.3}",
            round.scores.len(),
            round.budget,
            round.scores[0].1
        );
    }

    println!("\n{TARGET} of wines in other folds than those of the search, mean ± standard deviation over the folds");
    let compared =
        [("mean", pipeline(Mean.into())), ("linear", pipeline(Ridge::new().into())), ("network", found.pipeline)];
    for (name, pipeline) in &compared {
        println!("  {name:<8} {}", pipeline.cross_validate(&train, &folds(2), &["r2", "rmse", "mae"])?);
    }

    println!("\ndecrease of R² on the test set when a column is shuffled");
    let model = compared[2].1.fit(&train)?;
    let importances = model.permutation_importance(&test, "r2", if short { 3 } else { 30 }, 1)?;
    importances.to_string().lines().for_each(|line| println!("  {line}"));

    // The file contains the encoder and the maps, so missing and unknown values are replaced as in training.
    let path = out.join("model.json");
    model.save(&path)?;
    let again = Pipeline::load(&path)?;
    if again != model || again.predict(&test)? != model.predict(&test)? {
        return Err("the loaded model gives different predictions".into());
    }
    let names = wines.names()[..wines.names().len() - 1].join(",");
    let odd = read(&format!("{names}\n{}\n", ["?"; 15].join(",") + ",class_9"), "odd.csv")?;
    println!("\nfor a wine without any known value it predicts {:.2}", again.predict(&odd)?.numbers()[(0, 0)]);

    let (actual, predicted) = (again.encoder().targets::<f64>(&test)?, again.predict(&test)?);
    let pairs = actual.as_slice().iter().copied().zip(predicted.numbers().as_slice().iter().copied());
    let most = actual.as_slice().iter().copied().fold(0.0, f64::max);
    let chart = Chart::new("Flavanoids of the test set").axes("actual", "predicted").square();
    chart.dots("network", pairs).dashed("equal", [(0.0, 0.0), (most, most)]).save(out.join("predicted.svg"))?;
    wrote(&path, "the whole pipeline; loading it gives the same bits");
    wrote(&out.join("predicted.svg"), "predicted against actual");
    println!("\nR² {:.3} on the test set", again.score(&test, "r2")?);
    Ok(())
}
