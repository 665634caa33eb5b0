//! A table as it was read: texts, by row and column.

use std::io::Read;
use std::sync::Arc;

use super::labels::classes;
use super::number::Notation;
use super::rows::{Row, Rows, excerpt};
use super::{CsvError, Place};

/// The rows of a file with columns of any kind: numbers, categories, texts, with or without values.
///
/// Cells are kept as they were written; what they mean is said by an [`Encoding`](super::Encoding). [`Csv`](super::Csv)
/// reads it, whole or in chunks. Columns are called as the header says, or `1`, `2`, … if there is none.
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
    /// What all chunks of a file share.
    about: Arc<About>,
    rows: Vec<Row>,
}

#[derive(Debug, PartialEq)]
struct About {
    file: String,
    header: bool,
    names: Vec<String>,
    /// The numbers of the columns, in the order of their names.
    order: Vec<usize>,
    /// The texts that stand for no value.
    missing: Vec<String>,
    notation: Notation,
}

impl Table {
    /// What the columns are called.
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

    /// The text of a cell, by row and column from 0; `None` if it stands for a missing value.
    ///
    /// # Panics
    /// If there is no such row or column.
    #[track_caller]
    pub fn cell(&self, row: usize, column: usize) -> Option<&str> {
        let text = self.rows[row].cell(column);
        (!self.about.missing.iter().any(|missing| missing == text)).then_some(text)
    }

    /// The number of the column with a name, from 0.
    ///
    /// # Errors
    /// If there is none, or several.
    pub fn column(&self, name: &str) -> Result<usize, CsvError> {
        let About { file, names, order, .. } = &*self.about;
        let begin = order.partition_point(|&j| *names[j] < *name);
        let mut found = order[begin..].iter().copied().take_while(|&j| names[j] == name);
        let (file, wanted) = (|| file.clone(), || name.to_owned());
        match (found.next(), found.next()) {
            (Some(j), None) => Ok(j),
            (Some(_), Some(_)) => Err(CsvError::AmbiguousColumn { file: file(), name: wanted() }),
            (None, _) => {
                let (columns, known) = (names.len(), nearest(name, names));
                Err(CsvError::UnknownColumn { file: file(), name: wanted(), known, columns })
            }
        }
    }

    /// The rows with the given numbers, in that order: a part of a split.
    ///
    /// # Panics
    /// If a number is not below [`len`](Table::len).
    #[track_caller]
    pub fn select(&self, rows: &[usize]) -> Self {
        Table { rows: rows.iter().map(|&i| self.rows[i].clone()).collect(), about: self.about.clone() }
    }

    /// The rows that have a value in each of these columns, as in those of the targets.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn drop_missing(&self, columns: &[&str]) -> Result<Self, CsvError> {
        let columns = columns.iter().map(|name| self.column(name)).collect::<Result<Vec<_>, _>>()?;
        let whole = |&i: &usize| columns.iter().all(|&j| self.cell(i, j).is_some());
        Ok(self.select(&(0..self.len()).filter(whole).collect::<Vec<_>>()))
    }

    /// The classes that a column names, to divide the rows by, and what the classes are called: see
    /// [`Csv`](super::Csv).
    ///
    /// # Errors
    /// If there is no such column, or one of its cells is no class.
    pub fn classes(&self, column: &str) -> Result<(Vec<usize>, Vec<String>), CsvError> {
        let j = self.column(column)?;
        let label = |i| self.cell(i, j).map(str::to_owned).ok_or_else(|| self.no_value(i, j, true));
        let labels = (0..self.len()).map(label).collect::<Result<Vec<_>, _>>()?;
        classes(&labels, None).map_err(|bad| {
            let (at, found) = (self.place(bad.sample, j), excerpt(&labels[bad.sample]));
            CsvError::BadClass { at, found, expected: bad.expected }
        })
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

    pub(super) fn no_value(&self, row: usize, column: usize, target: bool) -> CsvError {
        CsvError::Missing { at: self.place(row, column), found: excerpt(self.rows[row].cell(column)), target }
    }
}

/// The names that are most like this one: all in their order, if they are few.
fn nearest(name: &str, names: &[String]) -> Vec<String> {
    const SHOWN: usize = 5;
    let mut known: Vec<&String> = names.iter().collect();
    if known.len() > SHOWN {
        known.sort_by_cached_key(|known| distance(name, known));
        known.truncate(SHOWN);
    }
    known.into_iter().map(|name| excerpt(name)).collect()
}

/// How many characters are to be added, removed or replaced to make one text of the other (V. Levenshtein, 1966); of long texts,
/// of their beginnings.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 40;
    let mut row: Vec<usize> = (0..=b.chars().take(LONGEST).count()).collect();
    for (i, c) in a.chars().take(LONGEST).enumerate() {
        let mut above_left = std::mem::replace(&mut row[0], i + 1);
        for (j, d) in b.chars().take(LONGEST).enumerate() {
            let above = row[j + 1];
            row[j + 1] = (above_left + usize::from(c != d)).min(above + 1).min(row[j] + 1);
            above_left = above;
        }
    }
    row[row.len() - 1]
}

/// A table, some rows at a time: see [`Csv::chunks`](super::Csv::chunks). It ends after an error, which no rows at all are.
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
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by(|&i, &j| names[i].cmp(&names[j]));
        let (file, header) = (rows.file.clone(), rows.header.is_some());
        let about = Arc::new(About { file, header, names, order, missing, notation });
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
