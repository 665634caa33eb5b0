//! The samples of a run: points of the plane and their classes.

use std::f64::consts::{PI, TAU};

use nn::Matrix;
use nn::data::{Csv, Dataset, Standardize, stratified_split};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use crate::settings::Settings;

/// The largest number of classes of a table.
const CLASSES: usize = 6;
/// The least number of samples of a table.
const LEAST: usize = 10;
/// The most samples of a table.
const MOST: usize = 2000;

/// Samples in training and in test.
pub struct Data {
    pub training: Dataset<f64>,
    pub test: Dataset<f64>,
    pub classes: Vec<String>,
    /// The names of the two coordinates.
    pub axes: [String; 2],
    /// The square that is drawn goes from −reach to reach.
    pub reach: f64,
}

/// The data of these settings. The message of an error is for the page.
pub fn load(settings: &Settings) -> Result<Data, String> {
    let rng = &mut ChaCha8Rng::seed_from_u64(settings.seed);
    let (mut all, mut classes, mut axes) = match &*settings.data {
        "csv" => table(&settings.csv)?,
        shape => (shape_of(shape, settings.samples, rng), Vec::new(), ["x₁", "x₂"].map(str::to_owned)),
    };
    all.x.as_mut_slice().iter_mut().for_each(|x| {
        let z: f64 = StandardNormal.sample(rng);
        *x += settings.noise * z;
    });
    if classes.is_empty() {
        classes = (0..all.classes()).map(|class| format!("class {class}")).collect();
    }
    axes.iter_mut().for_each(|name| *name = name.chars().take(24).collect());
    let (training, test) = stratified_split(&all.t, 1.0 - settings.test / 100.0, rng);
    if test.is_empty() {
        return Err("data: there are too few samples to hold some out; raise the share that is held out".to_owned());
    }
    let farthest = all.x.as_slice().iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    Ok(Data {
        training: all.select(&training),
        test: all.select(&test),
        classes,
        axes,
        reach: (1.1 * farthest).clamp(SIZE, 2.5 * SIZE),
    })
}

/// The distance of the farthest points of a shape from 0.
const SIZE: f64 = 2.0;

/// Two classes, in turn.
fn shape_of(shape: &str, samples: usize, rng: &mut ChaCha8Rng) -> Dataset<f64> {
    let mut x = Matrix::zeros(2, samples);
    let mut t = Vec::with_capacity(samples);
    for k in 0..samples {
        let class = k % 2;
        let share = rng.random_range(0.0..1.0);
        let (x1, x2) = match shape {
            "circles" => {
                let (radius, angle) =
                    ([0.0, 0.7][class] + [0.4f64, 0.3][class] * f64::sqrt(share), TAU * rng.random::<f64>());
                (radius * angle.cos(), radius * angle.sin())
            }
            "xor" => {
                let (a, b) = (rng.random_range(0.05..1.0), rng.random_range(0.05..1.0));
                let sign = if rng.random() { 1.0 } else { -1.0 };
                (sign * a, sign * b * [1.0, -1.0][class])
            }
            "moons" => {
                let (sin, cos) = (PI * share).sin_cos();
                [(0.6 * cos - 0.3, 0.75 * sin - 0.25), (0.3 - 0.6 * cos, 0.25 - 0.75 * sin)][class]
            }
            _ => {
                // Two arms of one and a half turns.
                let (radius, angle) = (0.08 + 0.92 * share, 3.0 * PI * share + PI * class as f64);
                (radius * angle.sin(), radius * angle.cos())
            }
        };
        (x[(0, k)], x[(1, k)]) = (SIZE * x1, SIZE * x2);
        t.push(class);
    }
    Dataset::new(x, t)
}

type Loaded = (Dataset<f64>, Vec<String>, [String; 2]);

/// A table of two columns of numbers and a column of classes, standardized.
fn table(text: &str) -> Result<Loaded, String> {
    let say = |error: nn::data::CsvError| error.to_string();
    if text.trim().is_empty() {
        return Err("own table: choose a file of two columns of numbers and a column of classes".to_owned());
    }
    let csv = Csv::new();
    let whole = csv.table_from_reader(text.as_bytes(), "own table").map_err(say)?;
    let names = whole.names();
    let [first, second, class] = names else {
        return Err(format!("own table: three columns expected, two of numbers and the class; it has {}", names.len()));
    };
    let mut data: Dataset<f64> = csv.from_reader(text.as_bytes(), "own table").map_err(say)?;
    let known = whole.classes(class).ok();
    let count = data.classes();
    if !(2..=CLASSES).contains(&count) || !(LEAST..=MOST).contains(&data.len()) {
        return Err(format!(
            "own table: 2 to {CLASSES} classes and {LEAST} to {MOST} rows expected; it has {count} and {}",
            data.len()
        ));
    }
    if let Some(bad) = data.first_not_finite() {
        return Err(format!("own table: a number is not finite: {bad:?}"));
    }
    data.x = Standardize::fit(&data.x).apply(&data.x);
    let classes = known.map(|(_, names)| names).filter(|names| names.len() == count).unwrap_or_default();
    Ok((data, classes, [first.clone(), second.clone()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data: &str) -> Settings {
        Settings { data: data.into(), ..Settings::default() }
    }

    #[test]
    fn shapes_have_two_classes_within_the_square() {
        for shape in ["spirals", "circles", "xor", "moons"] {
            let data = load(&of(shape)).unwrap();
            assert_eq!((data.training.len(), data.test.len()), (300, 100), "{shape}");
            assert_eq!(data.training.t.iter().sum::<usize>(), 150);
            assert!(data.training.x.as_slice().iter().all(|x| x.abs() < data.reach));
            assert_eq!(data.training.x, load(&of(shape)).unwrap().training.x);
        }
    }

    #[test]
    fn tables() {
        let rows: String = (0..30).map(|k| format!("{},{},{}\n", k, k * k % 7, ["no", "yes"][k % 2])).collect();
        let table =
            |text: &str| load(&Settings { csv: text.into(), ..of("csv") }).map(|data| (data.classes, data.axes));
        let (classes, axes) = table(&format!("width,height,is\n{rows}")).unwrap();
        assert_eq!((classes, axes), (vec!["no".to_owned(), "yes".into()], ["width".to_owned(), "height".into()]));
        for (text, word) in
            [("", "choose a file"), ("a,b\n1,2\n", "three columns"), ("a,b,c\n1,2,0\n1,3,1\n", "10 to 2000 rows")]
        {
            assert!(table(text).unwrap_err().contains(word), "{text}");
        }
        assert!(table(&format!("a,b,c\n{}", rows.replace("3,", "x,"))).unwrap_err().contains("own table"));
    }
}
