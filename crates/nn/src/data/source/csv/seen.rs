//! What an encoding sees of a column while it goes through a table, and what it makes of that.

use std::collections::BTreeMap;

use super::encoder::{Code, Column, Fill};
use super::encoding::{Feature, Kind, Missing, Role};
use super::labels::classes;
use super::number::{looks_like_a_number, number};
use super::rows::{excerpt, one_of};
use super::{CsvError, Table};

/// More different texts than this in a column that nothing was said about are no categories, but names or notes.
const MAX_CATEGORIES: usize = 64;

/// What was seen of a column.
pub(super) struct Seen {
    /// `None` if nothing was said about it.
    feature: Option<Feature>,
    /// How many values, and their mean.
    numbers: usize,
    mean: f64,
    /// All numbers, if they are needed.
    values: Vec<f64>,
    /// How often each text comes; no more than one above the limit where nothing was said.
    texts: BTreeMap<String, usize>,
    /// Of a column that nothing was said about.
    guess: Guess,
}

/// What a column may be.
#[derive(Default)]
struct Guess {
    /// How many cells look like numbers.
    numbers: usize,
    /// How many do not.
    texts: usize,
    /// The first cell that is no number, and its text.
    bad: Option<(super::Place, String)>,
    /// The first cell with one more text than there may be categories.
    many: Option<super::Place>,
}

impl Guess {
    /// A number, unless most cells are texts.
    fn feature(&self) -> Result<Feature, CsvError> {
        let Guess { numbers, texts, bad, many } = self;
        match (bad, many) {
            (_, Some(at)) if texts > numbers => {
                Err(CsvError::TooManyCategories { at: at.clone(), limit: MAX_CATEGORIES })
            }
            _ if texts > numbers => Ok(Feature::one_hot()),
            (Some((at, found)), _) => {
                let (at, found) = (at.clone(), found.clone());
                Err(CsvError::NumberExpected { at, found, numbers: *numbers, cells: numbers + texts })
            }
            (None, _) => Ok(Feature::number()),
        }
    }
}

impl Seen {
    pub fn of(role: Option<&Role>) -> Option<Self> {
        let feature = match role {
            None => None,
            Some(Role::Feature(feature)) => Some(feature.clone()),
            Some(_) => return None,
        };
        Some(Seen { feature, numbers: 0, mean: 0.0, values: vec![], texts: BTreeMap::new(), guess: Guess::default() })
    }

    pub fn add(&mut self, table: &Table, i: usize, j: usize) -> Result<(), CsvError> {
        let missing = self.feature.as_ref().map_or(Missing::Error, |feature| feature.missing);
        let Some(text) = table.cell(i, j) else {
            return if missing == Missing::Error { Err(table.no_value(i, j, false)) } else { Ok(()) };
        };
        let at = || table.place(i, j);
        let value = match self.feature.as_ref().map(|feature| &feature.kind) {
            Some(Kind::Number) => Some(number::<f64>(text, table.notation(), at)?),
            Some(Kind::Ordinal(categories)) => match categories.iter().position(|category| category == text) {
                Some(k) => Some(k as f64),
                None => {
                    let (at, found, expected) = (at(), excerpt(text), one_of(categories));
                    return Err(CsvError::UnknownCategory { at, found, expected });
                }
            },
            Some(Kind::OneHot) => None,
            None => {
                let value = table.notation().number(text).filter(|value| value.is_finite());
                let is_number = value.is_some() || looks_like_a_number(text);
                *if is_number { &mut self.guess.numbers } else { &mut self.guess.texts } += 1;
                if value.is_none() && self.guess.bad.is_none() {
                    self.guess.bad = Some((at(), excerpt(text)));
                }
                value
            }
        };
        if let Some(value) = value {
            self.numbers += 1;
            self.mean += (value - self.mean) / self.numbers as f64;
            if matches!(missing, Missing::Median | Missing::MostFrequent) {
                self.values.push(value);
            }
        }
        let categories = match &self.feature {
            None => self.guess.many.is_none(),
            Some(feature) => feature.kind == Kind::OneHot,
        };
        if categories {
            match self.texts.get_mut(text) {
                Some(count) => *count += 1,
                None => drop(self.texts.insert(text.to_owned(), 1)),
            }
        }
        if self.feature.is_none() && self.guess.many.is_none() && self.texts.len() > MAX_CATEGORIES {
            self.guess.many = Some(at());
        }
        Ok(())
    }

    pub fn fit(mut self, file: &str, name: String) -> Result<Column, CsvError> {
        let feature = self.feature.take().map_or_else(|| self.guess.feature(), Ok)?;
        let none = || CsvError::NoValues { file: file.to_owned(), name: name.clone() };
        let fill = match feature.missing {
            Missing::Error => Fill::Error,
            Missing::Zero if feature.kind == Kind::OneHot => Fill::Nothing,
            Missing::Zero => Fill::Value(0.0),
            _ if self.numbers == 0 && self.texts.is_empty() => return Err(none()),
            Missing::Mean => Fill::Value(self.mean),
            Missing::Median => Fill::Value(median(&mut self.values)),
            Missing::MostFrequent if feature.kind == Kind::OneHot => {
                Fill::Value(most_frequent((0..).map(f64::from).zip(self.texts.values().copied())))
            }
            Missing::MostFrequent => {
                self.values.sort_by(f64::total_cmp);
                Fill::Value(most_frequent(self.values.chunk_by(|a, b| a == b).map(|run| (run[0], run.len()))))
            }
        };
        let code = match feature.kind {
            Kind::Number => Code::Number,
            Kind::Ordinal(categories) => Code::Ordinal(categories),
            Kind::OneHot => Code::OneHot(self.texts.into_keys().collect()),
        };
        Ok(Column { name, code, fill, indicator: feature.indicator, unknown: feature.unknown })
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    0.5 * values[(n - 1) / 2] + 0.5 * values[n / 2]
}

/// The first of the values that come most often.
fn most_frequent(counts: impl Iterator<Item = (f64, usize)>) -> f64 {
    counts.fold((0.0, 0), |best, (value, count)| if count > best.1 { (value, count) } else { best }).0
}

/// The different labels of a column of classes, in the order in which they came, and where.
#[derive(Default)]
pub(super) struct Labels {
    known: BTreeMap<String, usize>,
    places: Vec<(String, super::Place)>,
}

impl Labels {
    pub fn add(&mut self, table: &Table, j: usize) -> Result<(), CsvError> {
        for i in 0..table.len() {
            let label = table.cell(i, j).ok_or_else(|| table.no_value(i, j, true))?;
            if !self.known.contains_key(label) {
                self.known.insert(label.to_owned(), self.places.len());
                self.places.push((label.to_owned(), table.place(i, j)));
            }
        }
        Ok(())
    }

    pub fn fit(self, listed: Option<&[String]>) -> Result<Vec<String>, CsvError> {
        let (labels, mut places): (Vec<_>, Vec<_>) = self.places.into_iter().unzip();
        let found = classes(&labels, listed);
        found.map(|(_, names)| names).map_err(|bad| CsvError::BadClass {
            at: places.swap_remove(bad.sample),
            found: excerpt(&labels[bad.sample]),
            expected: bad.expected,
        })
    }
}
