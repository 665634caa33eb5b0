//! A table as it was read: texts, by row and column.

use std::cell::RefCell;
use std::io::Read;
use std::sync::Arc;

use super::labels::classes;
use super::number::{Notation, number};
use super::rows::{Row, Rows, excerpt};
use super::{CsvError, Place};
use crate::nearest::nearest;

/// The rows of a file with columns of any kind: numbers, categories, texts, with or without values.
///
/// Cells keep their text; an [`Encoding`](super::Encoding) gives them a meaning. [`Csv`](super::Csv)
/// reads a table, whole or in chunks. The header names the columns; without a header they are `1`, `2`, ….
///
/// ```
/// use nn::data::Csv;
/// let text = "width,kind\n0.5,elm\nNA,oak\n";
/// let table = Csv::new().table_from_reader(text.as_bytes(), "leaves.csv")?;
/// assert_eq!((table.names(), table.len()), (&["width".to_owned(), "kind".to_owned()][..], 2));
/// assert_eq!((table.cell(0, 0), table.cell(1, 0)), (Some("0.5"), None));
/// assert_eq!(table.drop_missing(&["width"])?.len(), 1);
/// # Ok::<(), nn::data::CsvError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The data that all chunks of a file share.
    about: Arc<About>,
    rows: Vec<Row>,
}

#[derive(Debug, PartialEq)]
struct About {
    file: String,
    header: bool,
    names: Vec<String>,
    /// The indices of the columns, in the order of their names.
    order: Vec<usize>,
    /// The texts that mark a missing value.
    missing: Vec<String>,
    notation: Notation,
}

impl About {
    fn new(file: String, header: bool, names: Vec<String>, missing: Vec<String>, notation: Notation) -> Self {
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by(|&i, &j| names[i].cmp(&names[j]));
        About { file, header, names, order, missing, notation }
    }
}

/// A row of a [`Table`], with access to its cells by name: see [`Table::computed`].
pub struct TableRow<'t> {
    table: &'t Table,
    row: usize,
    /// The first error.
    problem: RefCell<Option<CsvError>>,
}

impl TableRow<'_> {
    /// The number in a cell; `None` if the value is missing.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.look(column, |j, text| number(text, self.table.notation(), || self.table.place(self.row, j)))
    }

    /// The text of a cell; `None` if the value is missing.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.look(column, |_, text| Ok(text))
    }

    /// The value of a cell; an error is stored, and the table returns it.
    fn look<'r, R>(&'r self, column: &str, read: impl FnOnce(usize, &'r str) -> Result<R, CsvError>) -> Option<R> {
        let found =
            self.table.column(column).and_then(|j| self.table.cell(self.row, j).map(|text| read(j, text)).transpose());
        found.unwrap_or_else(|problem| {
            self.problem.borrow_mut().get_or_insert(problem);
            None
        })
    }
}

impl Table {
    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.about.names
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text of a cell, by row and column from 0; `None` if the value is missing.
    ///
    /// # Panics
    /// If there is no such row or column.
    #[track_caller]
    pub fn cell(&self, row: usize, column: usize) -> Option<&str> {
        let text = self.rows[row].cell(column);
        (!self.about.missing.iter().any(|missing| missing == text)).then_some(text)
    }

    /// The index of the column with this name, from 0.
    ///
    /// # Errors
    /// If no column or several columns have this name.
    pub fn column(&self, name: &str) -> Result<usize, CsvError> {
        let About { file, names, order, .. } = &*self.about;
        let begin = order.partition_point(|&j| *names[j] < *name);
        let mut found = order[begin..].iter().copied().take_while(|&j| names[j] == name);
        let (file, wanted) = (|| file.clone(), || name.to_owned());
        match (found.next(), found.next()) {
            (Some(j), None) => Ok(j),
            (Some(_), Some(_)) => Err(CsvError::AmbiguousColumn { file: file(), name: wanted() }),
            (None, _) => {
                let (columns, known) = (names.len(), nearest(name, names).into_iter().map(excerpt).collect());
                Err(CsvError::UnknownColumn { file: file(), name: wanted(), known, columns })
            }
        }
    }

    /// The rows with the given indices, in that order: a part of a split.
    ///
    /// # Panics
    /// If an index is not below [`len`](Table::len).
    #[track_caller]
    pub fn select(&self, rows: &[usize]) -> Self {
        Table { rows: rows.iter().map(|&i| self.rows[i].clone()).collect(), about: self.about.clone() }
    }

    /// The rows that have a value in each of these columns, for example in the target columns.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn drop_missing(&self, columns: &[&str]) -> Result<Self, CsvError> {
        let columns = columns.iter().map(|name| self.column(name)).collect::<Result<Vec<_>, _>>()?;
        let whole = |&i: &usize| columns.iter().all(|&j| self.cell(i, j).is_some());
        Ok(self.select(&(0..self.len()).filter(whole).collect::<Vec<_>>()))
    }

    /// The table with an additional column of numbers, which the formula computes from each row: `None` is a missing value.
    ///
    /// The formula reads the numbers and texts of the row by the names of the columns. A missing value is `None`, so `?` makes the
    /// result missing too. The formula sees only its row, so a fold and a new table get the same values as the whole table.
    /// An encoder does not save the formula: compute the column of new tables too.
    ///
    /// ```
    /// use nn::data::Csv;
    /// let text = "mass,volume\n6,2\nNA,1\n";
    /// let table = Csv::new().table_from_reader(text.as_bytes(), "stones.csv")?;
    /// let table = table.computed("density", |row| Some(row.number("mass")? / row.number("volume")?))?;
    /// assert_eq!((table.names()[2].as_str(), table.cell(0, 2), table.cell(1, 2)), ("density", Some("3.0"), None));
    /// # Ok::<(), nn::data::CsvError>(())
    /// ```
    ///
    /// # Errors
    /// If a column has this name already, a column that the formula reads does not exist, a cell is not a number, a result is not
    /// finite, or a result is `None` and the table has no marker of a missing value.
    pub fn computed(&self, name: &str, formula: impl Fn(&TableRow<'_>) -> Option<f64>) -> Result<Self, CsvError> {
        self.with_column(name, &formula)
    }

    fn with_column(&self, name: &str, formula: &dyn Fn(&TableRow<'_>) -> Option<f64>) -> Result<Self, CsvError> {
        let About { file, header, names, missing, notation, .. } = &*self.about;
        if names.iter().any(|known| known == name) {
            return Err(CsvError::AmbiguousColumn { file: file.clone(), name: name.to_owned() });
        }
        let place = |i: usize| Place::new(file, self.rows[i].line, names.len(), Some(name));
        let cell = |row: usize| {
            let of = TableRow { table: self, row, problem: RefCell::default() };
            let value = formula(&of);
            if let Some(problem) = of.problem.into_inner() {
                return Err(problem);
            }
            let text = match value {
                // A number must not look like a missing value: it is written in the other notation then, 3e0 for 3.0.
                Some(x) if x.is_finite() => [format!("{x:?}"), format!("{x:e}")]
                    .map(|text| text.replace('.', &notation.decimal.to_string()))
                    .into_iter()
                    .find(|text| !missing.contains(text)),
                Some(x) => {
                    let (at, found, scalar) = (place(row), x.to_string(), "f64");
                    return Err(CsvError::NotFinite { at, found, scalar });
                }
                None if missing.is_empty() => return Err(CsvError::NoMarker { at: place(row) }),
                None => missing.first().cloned(),
            };
            let none = || CsvError::Missing { at: place(row), found: String::new(), target: true };
            Ok(self.rows[row].with(&text.ok_or_else(none)?))
        };
        let rows = (0..self.len()).map(cell).collect::<Result<_, _>>()?;
        let names = [&**names, &[name.to_owned()]].concat();
        let about = About::new(file.clone(), *header, names, missing.clone(), *notation);
        Ok(Table { about: Arc::new(about), rows })
    }

    /// The class of every row from a column, for example to split the rows, and the names of the classes: see
    /// [`Csv`](super::Csv).
    ///
    /// # Errors
    /// If the column does not exist, or one of its cells is not a class.
    pub fn classes(&self, column: &str) -> Result<(Vec<usize>, Vec<String>), CsvError> {
        self.labels(column, None)
    }

    /// The same with the names of all classes, if they are given.
    pub(super) fn labels(
        &self,
        column: &str,
        listed: Option<&[String]>,
    ) -> Result<(Vec<usize>, Vec<String>), CsvError> {
        let j = self.column(column)?;
        let label = |i| self.cell(i, j).map(str::to_owned).ok_or_else(|| self.no_value(i, j, true));
        let labels = (0..self.len()).map(label).collect::<Result<Vec<_>, _>>()?;
        classes(&labels, listed).map_err(|bad| {
            let (at, found) = (self.place(bad.sample, j), excerpt(&labels[bad.sample]));
            CsvError::BadClass { at, found, expected: bad.expected }
        })
    }

    /// The weights of a column.
    pub(super) fn weights(&self, column: &str) -> Result<Vec<f64>, CsvError> {
        let j = self.column(column)?;
        let weight = |i| {
            let text = self.cell(i, j).ok_or_else(|| self.no_value(i, j, true))?;
            let weight = number(text, self.notation(), || self.place(i, j))?;
            let negative = || CsvError::NegativeWeight { at: self.place(i, j), found: excerpt(text) };
            if weight < 0.0 { Err(negative()) } else { Ok(weight) }
        };
        (0..self.len()).map(weight).collect()
    }

    /// The indices of the rows of positive weight; `None` if all weights are positive.
    pub(super) fn counted_rows(&self, column: &str) -> Result<Option<Vec<usize>>, CsvError> {
        let weights = self.weights(column)?;
        let rows: Vec<usize> = (0..self.len()).filter(|&i| weights[i] > 0.0).collect();
        Ok((rows.len() < self.len()).then_some(rows))
    }

    /// The rows of positive weight; `None` if all weights are positive.
    pub(super) fn counted(&self, column: &str) -> Result<Option<Self>, CsvError> {
        Ok(self.counted_rows(column)?.map(|rows| self.select(&rows)))
    }

    pub(super) fn file(&self) -> &str {
        &self.about.file
    }

    pub(super) fn notation(&self) -> Notation {
        self.about.notation
    }

    pub(super) fn place(&self, row: usize, column: usize) -> Place {
        let name = self.about.header.then(|| &*self.about.names[column]);
        Place::new(&self.about.file, self.rows[row].line, column, name)
    }

    pub(crate) fn no_value(&self, row: usize, column: usize, target: bool) -> CsvError {
        CsvError::Missing { at: self.place(row, column), found: excerpt(self.rows[row].cell(column)), target }
    }
}

/// A table, some rows at a time: see [`Csv::chunks`](super::Csv::chunks). It ends after an error. A file without rows is an error.
pub struct TableChunks<R> {
    rows: Rows<R>,
    about: Arc<About>,
    size: usize,
    started: bool,
    done: bool,
}

impl<R: Read> TableChunks<R> {
    pub(super) fn new(rows: Rows<R>, missing: Vec<String>, notation: Notation, size: usize) -> Self {
        let names: Vec<String> = match &rows.header {
            Some(names) => names.cells().map(str::to_owned).collect(),
            None => (1..=rows.columns).map(|j| j.to_string()).collect(),
        };
        let (file, header) = (rows.file.clone(), rows.header.is_some());
        let about = Arc::new(About::new(file, header, names, missing, notation));
        TableChunks { rows, about, size, started: false, done: false }
    }

    fn read(&mut self) -> Result<Vec<Row>, CsvError> {
        let mut chunk = Vec::new();
        while chunk.len() < self.size {
            let Some(row) = self.rows.next()? else { break };
            chunk.push(row);
        }
        if chunk.is_empty() && !self.started {
            return Err(CsvError::Empty { file: self.rows.file.clone(), header: true });
        }
        self.started = true;
        Ok(chunk)
    }
}

impl<R: Read> Iterator for TableChunks<R> {
    type Item = Result<Table, CsvError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let rows = match self.read() {
            Ok(rows) => rows,
            Err(error) => {
                self.done = true;
                return Some(Err(error));
            }
        };
        self.done = rows.len() < self.size;
        let table = Table { about: self.about.clone(), rows };
        (!table.is_empty()).then_some(Ok(table))
    }
}

impl<R: Read> std::iter::FusedIterator for TableChunks<R> {}
