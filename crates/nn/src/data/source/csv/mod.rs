//! Reading CSV: numbers with a class in the last column, or a table of any columns.

mod date;
mod encoder;
mod encoding;
mod error;
mod labels;
mod lines;
mod number;
mod rows;
mod seen;
mod table;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use autograd::{Matrix, Real, compiled_once};

use labels::classes;
use number::{Notation, THOUSANDS, looks_like_a_number, number};
use rows::{Rows, excerpt};

use crate::data::Dataset;

pub use date::DatePart;
pub use encoder::Encoder;
pub use encoding::{Encoding, Feature, Missing, Unknown};
pub use error::{CsvError, Place};
pub use table::{Table, TableChunks, TableRow};

/// The default texts for a missing value.
const MISSING: [&str; 7] = ["", "?", "NA", "N/A", "NaN", "nan", "null"];

/// The default for the longest row in bytes.
const LONGEST_ROW: usize = 1 << 24;

/// How to read a CSV file of samples: a row per sample, numbers, and the class in the last column.
///
/// The classes of a file are, in this order of precedence,
/// - the list given by [`classes`](Csv::classes), numbered as listed;
/// - non-negative integers (also written as 3.0): the indices 0, 1, …, as they are;
/// - names, numbered in alphabetical (byte) order, whatever the order of the rows.
///
/// ```
/// use nn::data::{Csv, Header};
/// let csv = Csv::new().header(Header::No).delimiter(b';').classes(["no", "yes"]);
/// let data = csv.from_reader::<f64>("0.5; 2; yes\n0.25; 3; no".as_bytes(), "votes.csv")?;
/// assert_eq!(data.x, autograd::Matrix::from([[0.5, 0.25], [2.0, 3.0]]));
/// assert_eq!(data.t, [1, 0]);
/// # Ok::<(), nn::data::CsvError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Csv {
    header: Header,
    delimiter: u8,
    quote: u8,
    longest_row: usize,
    notation: Notation,
    missing: Vec<String>,
    classes: Option<Vec<String>>,
}

/// Whether the first row names the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// Yes, if none of its features is a number.
    #[default]
    Auto,
    /// Yes.
    Yes,
    /// No, it is a sample.
    No,
}

/// Reads a comma-separated file of numbers with the class in the last column: [`Csv::read`] with the defaults.
///
/// ```
/// let error = nn::data::read_csv::<f32>("no/such/file.csv").unwrap_err();
/// assert!(error.to_string().starts_with("no/such/file.csv: file not found"));
/// ```
///
/// # Errors
/// A [`CsvError`] if the file cannot be read or is not a table in this format.
pub fn read_csv<T: Real>(path: impl AsRef<Path>) -> Result<Dataset<T>, CsvError> {
    Csv::new().read(path)
}

impl Default for Csv {
    fn default() -> Self {
        let missing = MISSING.map(str::to_owned).to_vec();
        let (notation, longest_row) = (Notation::PLAIN, LONGEST_ROW);
        Csv { header: Header::Auto, delimiter: b',', quote: b'"', longest_row, notation, missing, classes: None }
    }
}

impl Csv {
    /// Cells separated by commas; header and classes are detected.
    pub fn new() -> Self {
        Csv::default()
    }

    /// Whether the first row names the columns.
    pub fn header(self, header: Header) -> Self {
        Csv { header, ..self }
    }

    /// The character between cells.
    pub fn delimiter(self, delimiter: u8) -> Self {
        Csv { delimiter, ..self }
    }

    /// The character around cells that contain delimiters or line breaks.
    pub fn quote(self, quote: u8) -> Self {
        Csv { quote, ..self }
    }

    /// The longest allowed row in bytes; the default is 2²⁴. It limits the memory for a file with one endless line, or with an unclosed
    /// quote. Rows are measured some kilobytes at a time.
    ///
    /// # Panics
    /// If it is 0, or 2³² or more.
    #[track_caller]
    pub fn longest_row(self, bytes: usize) -> Self {
        assert!(bytes > 0 && u32::try_from(bytes).is_ok(), "Csv::longest_row: {bytes} bytes; give from 1 to 2³² − 1");
        Csv { longest_row: bytes, ..self }
    }

    /// The decimal separator of numbers: `.` (the default) or `,`.
    ///
    /// # Panics
    /// If it is another character, or also the [`thousands`](Csv::thousands) separator.
    #[track_caller]
    pub fn decimal(self, decimal: char) -> Self {
        assert!(matches!(decimal, '.' | ','), "Csv::decimal: {decimal:?} is not a decimal separator; give '.' or ','");
        let notation = Notation { decimal, ..self.notation };
        self.with(notation)
    }

    /// The thousands separator of numbers, such as `,` in `1,234.5`: a comma, point, apostrophe,
    /// blank or underscore. By default there is none. If it is a point, call [`decimal`](Csv::decimal) first.
    ///
    /// ```
    /// use nn::data::Csv;
    /// let csv = Csv::new().delimiter(b';').decimal(',').thousands('.');
    /// let data = csv.from_reader::<f64>("1.234,5;0\n-0,25;1\n".as_bytes(), "prices.csv")?;
    /// assert_eq!(data.x.as_slice(), [1234.5, -0.25]);
    /// # Ok::<(), nn::data::CsvError>(())
    /// ```
    ///
    /// # Panics
    /// If it is another character, or also the decimal separator.
    #[track_caller]
    pub fn thousands(self, between: char) -> Self {
        assert!(
            THOUSANDS.contains(&between),
            "Csv::thousands: {between:?} separates no digits; give one of {THOUSANDS:?}"
        );
        let notation = Notation { thousands: Some(between), ..self.notation };
        self.with(notation)
    }

    #[track_caller]
    fn with(self, notation: Notation) -> Self {
        let Notation { decimal, thousands } = notation;
        assert!(thousands != Some(decimal), "Csv: {decimal:?} cannot be both before decimals and between thousands");
        Csv { notation, ..self }
    }

    /// The texts that mark a missing value in a [`table`](Csv::table), in place of the default: an empty cell, `?`, `NA`, `N/A`, `NaN`,
    /// `nan` and `null`.
    pub fn missing<S: Into<String>>(self, texts: impl IntoIterator<Item = S>) -> Self {
        Csv { missing: texts.into_iter().map(Into::into).collect(), ..self }
    }

    /// The labels of all classes, in order; any other label is an error.
    ///
    /// This keeps classes the same over several files, even if a class does not occur in one of them.
    pub fn classes<S: Into<String>>(self, classes: impl IntoIterator<Item = S>) -> Self {
        Csv { classes: Some(classes.into_iter().map(S::into).collect()), ..self }
    }

    /// Reads a file. Blank lines, and blanks around cells, are ignored.
    ///
    /// # Errors
    /// A [`CsvError`] if the file cannot be read or is not a table in this format.
    pub fn read<T: Real>(&self, path: impl AsRef<Path>) -> Result<Dataset<T>, CsvError> {
        let file = path.as_ref().display().to_string();
        match File::open(path) {
            Ok(mut reader) => parse(self, &mut reader, file),
            Err(source) => Err(CsvError::Read { file, source }),
        }
    }

    /// Reads from any reader. Errors use `name` for the file.
    ///
    /// # Errors
    /// A [`CsvError`] if reading fails or the text is not a table in this format.
    pub fn from_reader<T: Real>(&self, mut reader: impl Read, name: &str) -> Result<Dataset<T>, CsvError> {
        parse(self, &mut reader, name.to_owned())
    }

    /// Reads a file as a table of texts, for columns with categories and missing values. An [`Encoder`](super::Encoder) computes features
    /// and targets from it.
    ///
    /// With [`Header::Auto`] the first row names the columns if none of its cells is a number.
    ///
    /// # Errors
    /// A [`CsvError`] if the file cannot be read, or the lengths of its rows differ.
    pub fn table(&self, path: impl AsRef<Path>) -> Result<Table, CsvError> {
        self.chunks(path, usize::MAX)?.next().expect("rows or an error")
    }

    /// Reads a table from any reader. Errors use `name` for the file.
    ///
    /// # Errors
    /// A [`CsvError`] if reading fails, or the lengths of rows differ.
    pub fn table_from_reader(&self, reader: impl Read, name: &str) -> Result<Table, CsvError> {
        self.chunks_from_reader(reader, name, usize::MAX)?.next().expect("rows or an error")
    }

    /// Reads a table that does not fit into memory, `rows` rows at a time.
    ///
    /// # Errors
    /// A [`CsvError`] if the file cannot be opened or is empty. Errors below the first row are returned when that row is
    /// reached.
    ///
    /// # Panics
    /// If `rows` is 0.
    #[track_caller]
    pub fn chunks(&self, path: impl AsRef<Path>, rows: usize) -> Result<TableChunks<File>, CsvError> {
        let file = path.as_ref().display().to_string();
        match File::open(path) {
            Ok(reader) => self.chunks_from_reader(reader, &file, rows),
            Err(source) => Err(CsvError::Read { file, source }),
        }
    }

    /// Reads a table from any reader, `rows` rows at a time. Errors use `name` for the file.
    ///
    /// ```
    /// use nn::data::Csv;
    /// let text = "width,kind\n1,elm\n2,oak\n3,elm\n";
    /// let chunks = Csv::new().chunks_from_reader(text.as_bytes(), "leaves.csv", 2)?;
    /// let lengths = chunks.map(|chunk| Ok(chunk?.len())).collect::<Result<Vec<_>, nn::data::CsvError>>()?;
    /// assert_eq!(lengths, [2, 1]);
    /// # Ok::<(), nn::data::CsvError>(())
    /// ```
    ///
    /// # Errors
    /// A [`CsvError`] if reading fails, or there is nothing to read.
    ///
    /// # Panics
    /// If `rows` is 0.
    #[track_caller]
    pub fn chunks_from_reader<R: Read>(&self, reader: R, name: &str, rows: usize) -> Result<TableChunks<R>, CsvError> {
        assert!(rows > 0, "a chunk has at least one row");
        let all = Rows::new(self, reader, name.to_owned(), |row| self.is_header(row.cells()))?;
        Ok(TableChunks::new(all, self.missing.clone(), self.notation, rows))
    }

    /// Whether a first row with these features, or cells, is a header.
    fn is_header<'c>(&self, mut cells: impl Iterator<Item = &'c str>) -> bool {
        match self.header {
            Header::Auto => !cells.any(looks_like_a_number),
            Header::Yes => true,
            Header::No => false,
        }
    }
}

#[compiled_once]
fn parse<T: Real>(csv: &Csv, reader: &mut dyn Read, file: String) -> Result<Dataset<T>, CsvError> {
    let mut rows =
        Rows::new(csv, reader, file, |row| row.len() >= 2 && csv.is_header(row.cells().take(row.len() - 1)))?;
    let columns = rows.columns;
    let (mut x, mut labels, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let at = |column| rows.place(row.line, column);
        if columns < 2 {
            let (at, found) = (at(0), excerpt(row.cell(0)));
            return Err(CsvError::TooFewColumns { at, found, delimiter: csv.delimiter.into() });
        }
        if let Some(j) = row.cells().position(str::is_empty) {
            return Err(CsvError::MissingCell { at: at(j) });
        }
        for (j, cell) in row.cells().take(columns - 1).enumerate() {
            x.push(number(cell, csv.notation, || at(j))?);
        }
        labels.push(row.cell(columns - 1).to_owned());
        lines.push(row.line);
    }
    if labels.is_empty() {
        return Err(CsvError::Empty { file: rows.file, header: true });
    }
    let (t, target_names) = classes(&labels, csv.classes.as_deref()).map_err(|bad| {
        let (at, found) = (rows.place(lines[bad.sample], columns - 1), excerpt(&labels[bad.sample]));
        CsvError::BadClass { at, found, expected: bad.expected }
    })?;
    let header = rows.header.as_ref();
    let feature_names = header.map_or(vec![], |names| names.cells().take(columns - 1).map(str::to_owned).collect());
    Ok(Dataset { feature_names, target_names, ..Dataset::new(Matrix::from_vec(columns - 1, t.len(), x), t) })
}

#[cfg(test)]
mod tests;
