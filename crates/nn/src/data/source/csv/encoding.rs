//! The roles of the columns of a table, and fitting them to data.

use std::borrow::Borrow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::date::{DatePart, Dates};
use super::encoder::Encoder;
use super::seen::{Labels, Seen};
use super::{CsvError, Table};

/// The class of every row, and the names of all classes.
type RowClasses = (Vec<usize>, Vec<String>);

/// The roles of the columns of a table: features, targets, or ignored. Fitted to training data it is an [`Encoder`].
///
/// A column without a role is a feature. If most of its cells are texts, it becomes one-hot with up to 64 categories; otherwise it
/// is a number, and a cell that is not a number is an error. Text that looks like a number in any notation, such as `1,234` or
/// `inf`, does not count as text.
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
    Weight,
    /// The class column, with the names of all classes if they are given.
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
    Date(Dates),
}

/// How a missing value is replaced. The replacement is computed from the data to which the encoder is fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// Not at all: it is an error.
    #[default]
    Error,
    /// The mean of the numbers or dates.
    Mean,
    /// The median of the numbers or dates; for an even count, the mean of the two in the middle.
    Median,
    /// The most frequent number, category or date; among several, the smallest, alphabetically first, or earliest.
    MostFrequent,
    /// The number 0, no category, or 0 for every part of a date.
    Zero,
}

/// How a category is encoded that did not occur in the data to which the encoder was fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unknown {
    /// Not at all: it is an error.
    #[default]
    Error,
    /// As no category: zeros.
    Zeros,
}

impl Feature {
    /// A number, as it is.
    pub fn number() -> Self {
        Self::of(Kind::Number)
    }

    /// One-hot: k categories become k rows, with 1 in the row of the category and 0 in the others. The categories are those of the data to
    /// which the encoder is fitted, in alphabetical (byte) order.
    pub fn one_hot() -> Self {
        Self::of(Kind::OneHot)
    }

    /// The index 0, 1, … of the category in a list, for ordered categories.
    pub fn ordinal<S: Into<String>>(categories: impl IntoIterator<Item = S>) -> Self {
        Self::of(Kind::Ordinal(categories.into_iter().map(Into::into).collect()))
    }

    /// A date, with one row for each of these parts. Dates are written as in ISO 8601, such as 2024-02-29 or 2024-02-29T13:45,
    /// unless [`format`](Feature::format) sets another format. They are local times: a time zone other than Z is an error.
    ///
    /// This needs the feature `dates` of this crate.
    ///
    /// ```
    /// # #[cfg(feature = "dates")] {
    /// use nn::data::{Csv, DatePart, Encoding, Feature, Missing};
    /// let table = Csv::new().table_from_reader("sold,price\n29.02.2024,3\nNA,4\n02.03.2024,5\n".as_bytes(), "sales.csv")?;
    /// let sold = Feature::date([DatePart::Month, DatePart::Weekday]).format("%d.%m.%Y").days_since("2024-01-01");
    /// let encoder = Encoding::new().column("sold", sold.missing(Missing::Median)).target("price").fit(&table)?;
    /// assert_eq!(encoder.feature_names(), ["sold month", "sold weekday", "sold days since 2024-01-01"]);
    /// let x = encoder.features::<f64>(&table)?;
    /// assert_eq!([x.col(0), x.col(1), x.col(2)], [[2.0, 4.0, 59.0], [3.0, 5.0, 60.0], [3.0, 6.0, 61.0]]);
    /// # }
    /// # Ok::<(), nn::data::CsvError>(())
    /// ```
    ///
    /// # Panics
    /// In a build without the feature `dates`.
    #[track_caller]
    pub fn date(parts: impl IntoIterator<Item = DatePart>) -> Self {
        Dates::check_format("%Y-%m-%d").unwrap_or_else(|problem| panic!("Feature::date: {problem}"));
        Self::of(Kind::Date(Dates { parts: parts.into_iter().collect(), ..Dates::default() }))
    }

    /// Sets how the dates are written, with the directives of `strftime` in the crate
    /// [jiff](https://docs.rs/jiff/latest/jiff/fmt/strtime/): `%d.%m.%Y`, `%m/%d/%y`, `%Y-%m-%d %H:%M`.
    /// `%Y` is a year of four digits, and `%y` is one of two digits, from 1969 to 2068.
    ///
    /// # Panics
    /// If the feature is not a date, or the format lacks year, month or day, has a time without the hour of the day, or has a time zone.
    #[track_caller]
    pub fn format(self, format: &str) -> Self {
        Dates::check_format(format).unwrap_or_else(|problem| panic!("Feature::format: {format:?}: {problem}"));
        self.of_dates("format", |dates| Dates { format: Some(format.to_owned()), ..dates })
    }

    /// Adds a row with the number of days since this date, which is given in ISO 8601. The time of day is the fraction.
    ///
    /// # Panics
    /// If the feature is not a date, or the argument is not a date.
    #[track_caller]
    pub fn days_since(self, date: &str) -> Self {
        if let Err(expected) = Dates::default().read(date) {
            panic!("Feature::days_since: {date:?} should be {expected}");
        }
        self.of_dates("days_since", |dates| Dates { since: Some(date.to_owned()), ..dates })
    }

    #[track_caller]
    fn of_dates(self, method: &str, change: impl FnOnce(Dates) -> Dates) -> Self {
        let Kind::Date(dates) = self.kind else {
            panic!("Feature::{method}: the feature is no date; begin with `Feature::date`")
        };
        Feature { kind: Kind::Date(change(dates)), ..self }
    }

    /// Sets how a missing value is replaced.
    ///
    /// # Panics
    /// If it is a mean or median and the feature is one-hot.
    #[track_caller]
    pub fn missing(self, missing: Missing) -> Self {
        let averaged = matches!(missing, Missing::Mean | Missing::Median);
        assert!(!(averaged && self.kind == Kind::OneHot), "Feature::missing: one-hot categories have no {missing:?}");
        Feature { missing, ..self }
    }

    /// Adds a row that is 1 where the value is missing and 0 elsewhere.
    pub fn indicator(self) -> Self {
        Feature { indicator: true, ..self }
    }

    /// Sets how an unknown category is encoded.
    ///
    /// # Panics
    /// If it is zeros and the feature is not one-hot, because 0 then means something else.
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

    /// Sets how a column becomes features.
    ///
    /// # Panics
    /// If the column has a role already. The other methods panic under the same condition.
    #[track_caller]
    pub fn column(self, name: &str, feature: Feature) -> Self {
        self.with(name, Role::Feature(feature))
    }

    /// Ignores a column.
    #[track_caller]
    pub fn ignore(self, name: &str) -> Self {
        self.with(name, Role::Ignored)
    }

    /// A column of numbers to be predicted. Several target columns become rows of the targets in this order.
    #[track_caller]
    pub fn target(self, name: &str) -> Self {
        self.with(name, Role::Target)
    }

    /// The column with the weight of each row: a number that is not negative. The column is not a feature. Estimators weight their
    /// samples by it. A row of weight 0 is left out when encoders, estimators and pipelines are fitted. Otherwise the replacements of
    /// missing values and the scales of features do not depend on the weights.
    ///
    /// ```
    /// use nn::data::{Csv, Encoding};
    /// let table = Csv::new().table_from_reader("people,age,income\n3,20,1\n1,50,4\n".as_bytes(), "survey.csv")?;
    /// let data = Encoding::new().weight("people").target("income").fit(&table)?.regression::<f64>(&table)?;
    /// assert_eq!((data.feature_names, data.weights), (vec!["age".to_owned()], Some(vec![3.0, 1.0])));
    /// # Ok::<(), nn::data::CsvError>(())
    /// ```
    ///
    /// # Panics
    /// If there is a weight column already.
    #[track_caller]
    pub fn weight(self, name: &str) -> Self {
        self.with(name, Role::Weight)
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

    /// Fits to training data: categories, classes, and the replacements of missing values.
    ///
    /// # Errors
    /// If a column does not exist, or a cell does not fit the role of its column. Of rows of weight 0 only the weight is read. Cells of
    /// numeric targets are read later, when the table is encoded.
    pub fn fit(&self, table: &Table) -> Result<Encoder, CsvError> {
        self.fit_all([Ok(table)])
    }

    /// Fits to training data that does not fit into memory.
    ///
    /// For each column it stores the categories or the mean. For a median or the most frequent number it stores all
    /// numbers.
    ///
    /// # Errors
    /// The first error of the chunks, or if a cell does not fit the role of its column.
    ///
    /// # Panics
    /// If there are no chunks.
    #[track_caller]
    pub fn fit_chunks(&self, chunks: impl IntoIterator<Item = Result<Table, CsvError>>) -> Result<Encoder, CsvError> {
        self.fit_all(chunks)
    }

    /// Whether there are target columns.
    pub(crate) fn has_targets(&self) -> bool {
        self.columns.iter().any(|(_, role)| *role == Role::Target)
    }

    /// The column of the class, and the names of all classes if they are given.
    pub(crate) fn class_column(&self) -> Option<(&str, Option<&[String]>)> {
        self.columns.iter().find_map(|(name, role)| match role {
            Role::Class(listed) => Some((&**name, listed.as_deref())),
            _ => None,
        })
    }

    fn weight_column(&self) -> Option<&str> {
        self.columns.iter().find(|(_, role)| *role == Role::Weight).map(|(name, _)| &**name)
    }

    /// The class of every row, and the names of all classes, if there is a class column.
    pub(crate) fn labels(&self, table: &Table) -> Result<Option<RowClasses>, CsvError> {
        self.class_column().map(|(name, listed)| table.labels(name, listed)).transpose()
    }

    /// The indices of the rows of positive weight; `None` if all rows are to be used.
    pub(crate) fn counted_rows(&self, table: &Table) -> Result<Option<Vec<usize>>, CsvError> {
        self.weight_column().map_or(Ok(None), |name| table.counted_rows(name))
    }

    /// The rows of positive weight; `None` if all rows are to be used.
    pub(crate) fn counted(&self, table: &Table) -> Result<Option<Table>, CsvError> {
        self.weight_column().map_or(Ok(None), |name| table.counted(name))
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
        let weight = self.weight_column().map(str::to_owned);
        let targets = self.columns.iter().filter(|(_, role)| *role == Role::Target).map(|(name, _)| name.clone());
        let class = self.class_column();
        let mut labels = Labels::default();
        let mut file = String::new();
        for table in std::iter::once(Ok(head)).chain(chunks) {
            let table = table?;
            let table = table.borrow();
            let counted = self.counted(table)?;
            let table = counted.as_ref().unwrap_or(table);
            for (name, seen) in &mut seen {
                let j = table.column(name)?;
                (0..table.len()).try_for_each(|i| seen.add(table, i, j))?;
            }
            if let Some((name, _)) = class {
                labels.add(table, table.column(name)?)?;
            }
            file = table.file().to_owned();
        }
        let columns = seen.into_iter().map(|(name, seen)| seen.fit(&file, name)).collect::<Result<_, _>>()?;
        let class = class.map(|(name, listed)| Ok((name.to_owned(), labels.fit(listed)?))).transpose()?;
        Ok(Encoder { columns, targets: targets.collect(), class, weight })
    }

    #[track_caller]
    fn with(mut self, name: &str, role: Role) -> Self {
        assert!(self.columns.iter().all(|(known, _)| known != name), "Encoding: column {name:?} has a role already");
        let second = matches!(role, Role::Class(_)) && self.class_column().is_some();
        assert!(!second, "Encoding: there is a column of the class already");
        let second = role == Role::Weight && self.weight_column().is_some();
        assert!(!second, "Encoding: there is a column of the weights already");
        self.columns.push((name.to_owned(), role));
        self
    }
}
