//! What the columns of a table mean, and fitting that to data.

use std::borrow::Borrow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::encoder::Encoder;
use super::seen::{Labels, Seen};
use super::{CsvError, Table};

/// What the columns of a table mean: features, targets, or nothing. Fitted to training data it is an [`Encoder`].
///
/// A column that nothing is said about is a feature: one of up to 64 categories, one-hot, if most of its cells are texts, else a
/// number, and then a cell that is no number is an error. What looks like a number in any notation, such as `1,234` or `inf`, is no
/// text.
///
/// ```
/// use nn::data::{Csv, Encoding, Feature, Missing};
/// let text = "id,rooms,heating,energy,price\na1,3,gas,B,210\na2,?,oil,C,150\na3,5,gas,A,330\n";
/// let table = Csv::new().table_from_reader(text.as_bytes(), "flats.csv")?;
///
/// let encoder = Encoding::new()
///     .ignore("id")
///     .column("rooms", Feature::number().missing(Missing::Mean).indicator())
///     .column("energy", Feature::ordinal(["C", "B", "A"]))
///     .target("price")
///     .fit(&table)?;
/// let data = encoder.regression::<f64>(&table)?;
/// assert_eq!(data.feature_names, ["rooms", "rooms missing", "heating=gas", "heating=oil", "energy"]);
/// assert_eq!(data.x.col(1), [4.0, 1.0, 0.0, 1.0, 0.0]);
/// assert_eq!(data.t.as_slice(), [210.0, 150.0, 330.0]);
/// # Ok::<(), nn::data::CsvError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoding {
    columns: Vec<(String, Role)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Role {
    Ignored,
    Feature(Feature),
    Target,
    /// With the names of all classes, if they are listed.
    Class(Option<Vec<String>>),
}

/// How a column becomes rows of a feature matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    pub(super) kind: Kind,
    pub(super) missing: Missing,
    pub(super) indicator: bool,
    pub(super) unknown: Unknown,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Number,
    /// The texts for 0, 1, …
    Ordinal(Vec<String>),
    OneHot,
}

/// What stands for a missing value. It is computed from the data that the encoder is fitted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// Nothing: it is an error.
    #[default]
    Error,
    /// The mean of the numbers.
    Mean,
    /// The median of the numbers: of an even count, the mean of the two in the middle.
    Median,
    /// The number or category that comes most often; of several, the smallest or first in the alphabet.
    MostFrequent,
    /// The number 0, or no category at all.
    Zero,
}

/// What stands for a category that was not in the data that the encoder was fitted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unknown {
    /// Nothing: it is an error.
    #[default]
    Error,
    /// No category at all: zeros.
    Zeros,
}

impl Feature {
    /// A number, as it is.
    pub fn number() -> Self {
        Self::of(Kind::Number)
    }

    /// A category of k, as a row for each: 1 in that of the category, 0 in the others. They are those of the data that
    /// the encoder is fitted to, in alphabetical (byte) order.
    pub fn one_hot() -> Self {
        Self::of(Kind::OneHot)
    }

    /// A category as its place 0, 1, … in a list: for those that have an order.
    pub fn ordinal<S: Into<String>>(categories: impl IntoIterator<Item = S>) -> Self {
        Self::of(Kind::Ordinal(categories.into_iter().map(Into::into).collect()))
    }

    /// What stands for a missing value.
    ///
    /// # Panics
    /// If it is a mean or median of categories without an order.
    #[track_caller]
    pub fn missing(self, missing: Missing) -> Self {
        let averaged = matches!(missing, Missing::Mean | Missing::Median);
        assert!(!(averaged && self.kind == Kind::OneHot), "Feature::missing: one-hot categories have no {missing:?}");
        Feature { missing, ..self }
    }

    /// With a further row that is 1 where the value is missing and 0 elsewhere.
    pub fn indicator(self) -> Self {
        Feature { indicator: true, ..self }
    }

    /// What stands for an unknown category.
    ///
    /// # Panics
    /// If it is zeros for a feature that is not one-hot, where 0 means something else.
    #[track_caller]
    pub fn unknown(self, unknown: Unknown) -> Self {
        let fits = unknown == Unknown::Error || self.kind == Kind::OneHot;
        assert!(fits, "Feature::unknown: only one-hot categories can be {unknown:?}");
        Feature { unknown, ..self }
    }

    fn of(kind: Kind) -> Self {
        Feature { kind, missing: Missing::Error, indicator: false, unknown: Unknown::Error }
    }
}

impl Encoding {
    /// All columns are features.
    pub fn new() -> Self {
        Encoding::default()
    }

    /// How a column becomes features.
    ///
    /// # Panics
    /// If something else was said about it. So do the other methods.
    #[track_caller]
    pub fn column(self, name: &str, feature: Feature) -> Self {
        self.with(name, Role::Feature(feature))
    }

    /// A column that is left out.
    #[track_caller]
    pub fn ignore(self, name: &str) -> Self {
        self.with(name, Role::Ignored)
    }

    /// A column of numbers to be predicted; there may be several, which become rows of the targets in this order.
    #[track_caller]
    pub fn target(self, name: &str) -> Self {
        self.with(name, Role::Target)
    }

    /// The column of the class to be predicted: names, or the integers 0, 1, …
    #[track_caller]
    pub fn class(self, name: &str) -> Self {
        self.with(name, Role::Class(None))
    }

    /// The column of the class to be predicted, with the names of all classes in order.
    #[track_caller]
    pub fn class_of<S: Into<String>>(self, name: &str, classes: impl IntoIterator<Item = S>) -> Self {
        self.with(name, Role::Class(Some(classes.into_iter().map(Into::into).collect())))
    }

    /// Learns from training data: categories, classes, and what stands for missing values.
    ///
    /// # Errors
    /// If there is no such column, or a cell of one is not what it is said to be.
    pub fn fit(&self, table: &Table) -> Result<Encoder, CsvError> {
        self.fit_all([Ok(table)])
    }

    /// Learns from training data that does not fit into memory.
    ///
    /// Of a column, its categories or its mean are kept; where a median or the most frequent number is asked for, all its
    /// numbers.
    ///
    /// # Errors
    /// The first of the chunks, or if a cell of one is not what it is said to be.
    ///
    /// # Panics
    /// If there are no chunks.
    #[track_caller]
    pub fn fit_chunks(&self, chunks: impl IntoIterator<Item = Result<Table, CsvError>>) -> Result<Encoder, CsvError> {
        self.fit_all(chunks)
    }

    #[track_caller]
    fn fit_all<B: Borrow<Table>>(
        &self,
        chunks: impl IntoIterator<Item = Result<B, CsvError>>,
    ) -> Result<Encoder, CsvError> {
        let mut chunks = chunks.into_iter();
        let head = chunks.next().expect("Encoding::fit_chunks: no chunks to fit to")?;
        let first = head.borrow();
        for (name, _) in &self.columns {
            first.column(name)?;
        }
        let roles: HashMap<&String, &Role> = self.columns.iter().map(|(name, role)| (name, role)).collect();
        let mut seen: Vec<(String, Seen)> =
            first.names().iter().filter_map(|name| Some((name.clone(), Seen::of(roles.get(name).copied())?))).collect();
        let targets = self.columns.iter().filter(|(_, role)| *role == Role::Target).map(|(name, _)| name.clone());
        let class = self.columns.iter().find_map(|(name, role)| match role {
            Role::Class(listed) => Some((name.clone(), listed.as_deref())),
            _ => None,
        });
        let mut labels = Labels::default();
        let mut file = String::new();
        for table in std::iter::once(Ok(head)).chain(chunks) {
            let table = table?;
            let table = table.borrow();
            for (name, seen) in &mut seen {
                let j = table.column(name)?;
                (0..table.len()).try_for_each(|i| seen.add(table, i, j))?;
            }
            if let Some((name, _)) = &class {
                labels.add(table, table.column(name)?)?;
            }
            file = table.file().to_owned();
        }
        let columns = seen.into_iter().map(|(name, seen)| seen.fit(&file, name)).collect::<Result<_, _>>()?;
        let class = class.map(|(name, listed)| Ok((name, labels.fit(listed)?))).transpose()?;
        Ok(Encoder { columns, targets: targets.collect(), class })
    }

    #[track_caller]
    fn with(mut self, name: &str, role: Role) -> Self {
        assert!(self.columns.iter().all(|(known, _)| known != name), "Encoding: column {name:?} has a role already");
        let second = matches!(role, Role::Class(_)) && self.columns.iter().any(|(_, r)| matches!(r, Role::Class(_)));
        assert!(!second, "Encoding: there is a column of the class already");
        self.columns.push((name.to_owned(), role));
        self
    }
}
