//! From a table to features and targets.

use autograd::{Matrix, Real, compiled_once};
use serde::{Deserialize, Serialize};

use super::date::Dates;
use super::labels::class_of;
use super::number::number;
use super::rows::{excerpt, one_of};
use super::{CsvError, Place, Table, Unknown};
use crate::data::Dataset;

/// A fitted [`Encoding`](super::Encoding). It computes features and targets from any table with the same columns.
///
/// It finds columns by name, in any order, and ignores others. Save it with the model, so that new data are
/// encoded like the training data.
///
/// ```
/// use nn::data::{Csv, Encoding, Feature, Unknown};
/// let table = |text: &str| Csv::new().table_from_reader(text.as_bytes(), "leaves.csv");
/// let train = table("width,colour,kind\n1,red,elm\n2,green,oak\n")?;
/// let encoder = Encoding::new()
///     .column("colour", Feature::one_hot().unknown(Unknown::Zeros))
///     .class("kind")
///     .fit(&train)?;
/// assert_eq!(encoder.classification::<f32>(&train)?.t, [0, 1]);
/// let new = encoder.features::<f32>(&table("colour,width\nblue,5\n")?)?;
/// assert_eq!(new.as_slice(), [5.0, 0.0, 0.0]);
/// # Ok::<(), nn::data::CsvError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    pub(super) columns: Vec<Column>,
    pub(super) targets: Vec<String>,
    /// The column, and the names of the classes.
    pub(super) class: Option<(String, Vec<String>)>,
    /// The column with the weight of each row.
    #[serde(default)]
    pub(super) weight: Option<String>,
}

/// How a column is encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Column {
    pub name: String,
    pub code: Code,
    pub fill: Fill,
    pub indicator: bool,
    pub unknown: Unknown,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Code {
    Number,
    /// The texts for 0, 1, …
    Ordinal(Vec<String>),
    /// One row for each category.
    OneHot(Vec<String>),
    /// One row for each part.
    Date(Dates),
}

/// The replacement of a missing value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Fill {
    Error,
    /// A number, the index of a category, or the seconds of a date.
    Value(f64),
    /// No category, or no date.
    Nothing,
}

impl Encoder {
    /// The names of the rows of the feature matrix: the column for a number, `column=category` for a category, `column part` for
    /// a part of a date, `column missing` for an indicator.
    pub fn feature_names(&self) -> Vec<String> {
        let names = |column: &Column| {
            let name = &column.name;
            let mut names = match &column.code {
                Code::OneHot(categories) => categories.iter().map(|category| format!("{name}={category}")).collect(),
                Code::Number | Code::Ordinal(_) => vec![name.clone()],
                Code::Date(dates) => dates.names().map(|part| format!("{name} {part}")).collect(),
            };
            names.extend(column.indicator.then(|| format!("{name} missing")));
            names
        };
        self.columns.iter().flat_map(names).collect()
    }

    /// The names of the rows of the target matrix.
    pub fn target_names(&self) -> &[String] {
        &self.targets
    }

    /// The names of the classes; empty if there is no class column.
    pub fn class_names(&self) -> &[String] {
        self.class.as_ref().map_or(&[], |(_, names)| names)
    }

    /// The features of a table, features × rows. It needs no targets.
    ///
    /// # Errors
    /// If a column is absent, or a cell does not fit what was seen when the encoder was fitted.
    pub fn features<T: Real>(&self, table: &Table) -> Result<Matrix<T>, CsvError> {
        features(self, table)
    }

    /// The columns of targets of a table, targets × rows.
    ///
    /// # Errors
    /// If a column is absent, or a cell is not a number.
    pub fn targets<T: Real>(&self, table: &Table) -> Result<Matrix<T>, CsvError> {
        targets(self, table)
    }

    /// The class of every row of a table.
    ///
    /// # Errors
    /// If the column is absent, or a cell is not one of the classes.
    ///
    /// # Panics
    /// If the encoding has no class column.
    #[track_caller]
    pub fn classes(&self, table: &Table) -> Result<Vec<usize>, CsvError> {
        let (name, names) = self.class.as_ref().expect("Encoder::classes: name the column with `Encoding::class`");
        let j = table.column(name)?;
        let class = |i| {
            let text = table.cell(i, j).ok_or_else(|| table.no_value(i, j, true))?;
            class_of(text, names).ok_or_else(|| CsvError::BadClass {
                at: table.place(i, j),
                found: excerpt(text),
                expected: one_of(names),
            })
        };
        (0..table.len()).map(class).collect()
    }

    /// The weight of every row of a table, if the encoding has a weight column: see [`Encoding::weight`](super::Encoding::weight).
    ///
    /// # Errors
    /// If the column is absent, or a cell is not a number or is negative.
    pub fn weights(&self, table: &Table) -> Result<Option<Vec<f64>>, CsvError> {
        let Some(name) = &self.weight else { return Ok(None) };
        table.weights(name).map(Some)
    }

    /// The rows of positive weight; `None` if all rows are to be used.
    pub(crate) fn counted(&self, table: &Table) -> Result<Option<Table>, CsvError> {
        let known = |name: &&String| table.names().contains(name);
        self.weight.as_ref().filter(known).map_or(Ok(None), |name| table.counted(name))
    }

    /// The same encoder with these names of all classes.
    pub(crate) fn with_classes(self, names: Option<&[String]>) -> Self {
        let class = self.class.map(|(column, known)| (column, names.map_or(known, <[String]>::to_vec)));
        Encoder { class, ..self }
    }

    /// The feature columns, each with the number of rows of its matrix.
    pub(crate) fn blocks(&self) -> Vec<(&str, usize)> {
        self.columns.iter().map(|column| (&*column.name, column.rows())).collect()
    }

    /// The columns of targets, class and weights.
    pub(crate) fn answers(&self) -> Vec<&str> {
        let class = self.class.iter().map(|(name, _)| name);
        self.targets.iter().chain(class).chain(&self.weight).map(|name| &**name).collect()
    }

    /// Features and classes of a table.
    ///
    /// # Errors
    /// Under the same conditions as [`features`](Encoder::features) and [`classes`](Encoder::classes).
    ///
    /// # Panics
    /// If the encoding has no class column.
    #[track_caller]
    pub fn classification<T: Real>(&self, table: &Table) -> Result<Dataset<T>, CsvError> {
        let (t, target_names) = (self.classes(table)?, self.class_names().to_vec());
        let (x, weights) = (self.features(table)?, self.weights(table)?);
        Ok(Dataset { x, t, feature_names: self.feature_names(), target_names, weights })
    }

    /// Features and targets of a table.
    ///
    /// # Errors
    /// Under the same conditions as [`features`](Encoder::features) and [`targets`](Encoder::targets).
    ///
    /// # Panics
    /// If the encoding has no target column.
    #[track_caller]
    pub fn regression<T: Real>(&self, table: &Table) -> Result<Dataset<T, Matrix<T>>, CsvError> {
        assert!(!self.targets.is_empty(), "Encoder::regression: name the targets with `Encoding::target`");
        let (t, target_names) = (self.targets(table)?, self.targets.clone());
        let (x, weights) = (self.features(table)?, self.weights(table)?);
        Ok(Dataset { x, t, feature_names: self.feature_names(), target_names, weights })
    }
}

/// The seconds of the date in a cell.
pub(super) fn date(dates: &Dates, text: &str, at: impl FnOnce() -> Place) -> Result<f64, CsvError> {
    dates.read(text).map_err(|expected| CsvError::NotADate { at: at(), found: excerpt(text), expected })
}

#[compiled_once]
fn targets<T: Real>(encoder: &Encoder, table: &Table) -> Result<Matrix<T>, CsvError> {
    let places = encoder.targets.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, _>>()?;
    let cells = (0..table.len()).flat_map(|i| places.iter().map(move |&j| (i, j)));
    let value = |(i, j)| {
        let text = table.cell(i, j).ok_or_else(|| table.no_value(i, j, true))?;
        number(text, table.notation(), || table.place(i, j))
    };
    Ok(Matrix::from_vec(places.len(), table.len(), cells.map(value).collect::<Result<_, _>>()?))
}

#[compiled_once]
fn features<T: Real>(encoder: &Encoder, table: &Table) -> Result<Matrix<T>, CsvError> {
    let places = encoder.columns.iter().map(|column| table.column(&column.name)).collect::<Result<Vec<_>, _>>()?;
    let mut x = Vec::new();
    for i in 0..table.len() {
        encoder.columns.iter().zip(&places).try_for_each(|(column, &j)| column.encode(table, i, j, &mut x))?;
    }
    let rows = encoder.columns.iter().map(Column::rows).sum();
    Ok(Matrix::from_vec(rows, table.len(), x))
}

impl Column {
    /// The number of rows of its matrix.
    pub fn rows(&self) -> usize {
        let rows = match &self.code {
            Code::OneHot(categories) => categories.len(),
            Code::Number | Code::Ordinal(_) => 1,
            Code::Date(dates) => dates.rows(),
        };
        rows + usize::from(self.indicator)
    }

    /// Appends the encoded cell.
    fn encode<T: Real>(&self, table: &Table, i: usize, j: usize, x: &mut Vec<T>) -> Result<(), CsvError> {
        let text = table.cell(i, j);
        let at = || table.place(i, j);
        let unknown = |text: &str, categories: &[String]| {
            let (at, found, expected) = (at(), excerpt(text), one_of(categories));
            Err(CsvError::UnknownCategory { at, found, expected })
        };
        let fill = || match self.fill {
            Fill::Error => Err(table.no_value(i, j, false)),
            Fill::Value(value) => Ok(Some(value)),
            Fill::Nothing => Ok(None),
        };
        match (&self.code, text) {
            (Code::Number, Some(text)) => x.push(number(text, table.notation(), at)?),
            (Code::Ordinal(categories), Some(text)) => match categories.iter().position(|category| category == text) {
                Some(k) => x.push(T::from_f64(k as f64)),
                None => return unknown(text, categories),
            },
            (Code::Number | Code::Ordinal(_), None) => x.push(T::from_f64(fill()?.unwrap_or(0.0))),
            (Code::Date(dates), text) => {
                let seconds = match text {
                    Some(text) => Some(date(dates, text, at)?),
                    None => fill()?,
                };
                let rows = match seconds {
                    None => vec![0.0; dates.rows()],
                    Some(seconds) => dates.features(seconds).map_err(|expected| {
                        let found = excerpt(text.unwrap_or("the replacement of a missing date"));
                        CsvError::NotADate { at: at(), found, expected }
                    })?,
                };
                x.extend(rows.into_iter().map(T::from_f64));
            }
            (Code::OneHot(categories), text) => {
                let k = match text.map(|text| (text, categories.iter().position(|category| category == text))) {
                    None => fill()?.map(|k| k as usize),
                    Some((text, None)) if self.unknown == Unknown::Error => return unknown(text, categories),
                    Some((_, k)) => k,
                };
                x.extend((0..categories.len()).map(|row| T::from_f64(f64::from(u8::from(Some(row) == k)))));
            }
        }
        x.extend(self.indicator.then(|| T::from_f64(f64::from(u8::from(text.is_none())))));
        Ok(())
    }
}
