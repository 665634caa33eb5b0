//! The statistics of a column that an encoding collects from a table, and the feature that follows from them.

use std::collections::BTreeMap;

use super::date::looks_like_a_date;
use super::encoder::{Code, Column, Fill, date};
use super::encoding::{Feature, Kind, Missing, Role};
use super::labels::classes;
use super::number::{looks_like_a_number, number};
use super::rows::{excerpt, one_of};
use super::{CsvError, Table};

/// A column without a role that has more different texts than this is assumed to hold names or notes and not categories.
const MAX_CATEGORIES: usize = 64;

/// The statistics of a column.
pub(super) struct Seen {
    /// `None` if it has no role.
    feature: Option<Feature>,
    /// The number of values, and their mean.
    numbers: usize,
    mean: f64,
    /// All numbers, if they are needed.
    values: Vec<f64>,
    /// The count of each text; for a column without a role at most one text above the limit.
    texts: BTreeMap<String, usize>,
    /// For a column without a role.
    guess: Guess,
}

/// Evidence for what a column is.
#[derive(Default)]
struct Guess {
    /// The number of cells that look like numbers.
    numbers: usize,
    /// The number of cells that do not.
    texts: usize,
    /// The number of the latter that look like dates.
    dates: usize,
    /// The first cell that is not a number, and its text.
    bad: Option<(super::Place, String)>,
    /// The first cell that looks like a date, and its text.
    date: Option<(super::Place, String)>,
    /// The first cell that exceeds the number of different texts.
    many: Option<super::Place>,
}

impl Guess {
    /// The feature is a number unless most cells are texts. Dates need a role.
    fn feature(&self) -> Result<Feature, CsvError> {
        let Guess { numbers, texts, dates, bad, date, many } = self;
        if let Some((at, found)) = date.as_ref().filter(|_| 2 * dates > numbers + texts) {
            return Err(CsvError::UndeclaredDate { at: at.clone(), found: found.clone() });
        }
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
            Some(Kind::Date(dates)) => Some(date(dates, text, at)?),
            None => {
                let value = table.notation().number(text).filter(|value| value.is_finite());
                let is_number = value.is_some() || looks_like_a_number(text);
                *if is_number { &mut self.guess.numbers } else { &mut self.guess.texts } += 1;
                if !is_number && looks_like_a_date(text) {
                    self.guess.dates += 1;
                    self.guess.date.get_or_insert_with(|| (at(), excerpt(text)));
                }
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
            Missing::Zero if matches!(feature.kind, Kind::OneHot | Kind::Date(_)) => Fill::Nothing,
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
            Kind::Date(dates) => Code::Date(dates),
        };
        Ok(Column { name, code, fill, indicator: feature.indicator, unknown: feature.unknown })
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    0.5 * values[(n - 1) / 2] + 0.5 * values[n / 2]
}

/// The first of the most frequent values.
fn most_frequent(counts: impl Iterator<Item = (f64, usize)>) -> f64 {
    counts.fold((0.0, 0), |best, (value, count)| if count > best.1 { (value, count) } else { best }).0
}

/// The different labels of a class column, in the order in which they occurred, and where.
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
