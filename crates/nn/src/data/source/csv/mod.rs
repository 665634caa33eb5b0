//! Reading CSV: numbers with a class in the last column, or a table of any columns.

mod encoder;
mod encoding;
mod error;
mod labels;
mod rows;
mod table;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use autograd::{Matrix, Real, compiled_once};
use csv::StringRecord;

use labels::classes;
use rows::{Row, Rows, excerpt, number};

use crate::data::Dataset;

pub use encoder::Encoder;
pub use encoding::{Encoding, Feature, Missing, Unknown};
pub use error::{CsvError, Place};
pub use table::{Table, TableChunks};

/// What stands for a missing value where nothing else is said.
const MISSING: [&str; 7] = ["", "?", "NA", "N/A", "NaN", "nan", "null"];

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
    missing: Vec<String>,
    classes: Option<Vec<String>>,
}

/// Whether the first row names the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// It does if none of its features is a number.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It is a sample.
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
/// A [`CsvError`] if the file cannot be read or is not such a table.
pub fn read_csv<T: Real>(path: impl AsRef<Path>) -> Result<Dataset<T>, CsvError> {
    Csv::new().read(path)
}

impl Default for Csv {
    fn default() -> Self {
        let missing = MISSING.map(str::to_owned).to_vec();
        Csv { header: Header::Auto, delimiter: b',', quote: b'"', missing, classes: None }
    }
}

impl Csv {
    /// Cells separated by commas; header and classes as found.
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

    /// The texts that stand for a missing value in a [`table`](Csv::table), in place of an empty cell, `?`, `NA`, `N/A`,
    /// `NaN`, `nan` and `null`.
    pub fn missing<S: Into<String>>(self, texts: impl IntoIterator<Item = S>) -> Self {
        Csv { missing: texts.into_iter().map(Into::into).collect(), ..self }
    }

    /// The labels of all classes, in order; any other label is an error.
    ///
    /// This keeps classes the same over several files, of which one may lack a class.
    pub fn classes<S: Into<String>>(self, classes: impl IntoIterator<Item = S>) -> Self {
        Csv { classes: Some(classes.into_iter().map(S::into).collect()), ..self }
    }

    /// Reads a file. Blank lines, and blanks around cells, are passed over.
    ///
    /// # Errors
    /// A [`CsvError`] if the file cannot be read or is not such a table.
    pub fn read<T: Real>(&self, path: impl AsRef<Path>) -> Result<Dataset<T>, CsvError> {
        let file = path.as_ref().display().to_string();
        match std::fs::read(path) {
            Ok(text) => parse(self, &text, file),
            Err(source) => Err(CsvError::Read { file, source }),
        }
    }

    /// Reads from anything that can be read; errors call it `name`.
    ///
    /// # Errors
    /// A [`CsvError`] if reading fails or yields no such table.
    pub fn from_reader<T: Real>(&self, mut reader: impl Read, name: &str) -> Result<Dataset<T>, CsvError> {
        let mut text = Vec::new();
        match reader.read_to_end(&mut text) {
            Ok(_) => parse(self, &text, name.to_owned()),
            Err(source) => Err(CsvError::Read { file: name.to_owned(), source }),
        }
    }

    /// Reads a file as a table of texts, from which an [`Encoder`](super::Encoder) makes features and targets: for
    /// columns of categories and missing values.
    ///
    /// With [`Header::Auto`] the first row names the columns if none of its cells is a number.
    ///
    /// # Errors
    /// A [`CsvError`] if the file cannot be read, or its rows differ in length.
    pub fn table(&self, path: impl AsRef<Path>) -> Result<Table, CsvError> {
        self.chunks(path, usize::MAX)?.next().expect("rows or an error")
    }

    /// Reads a table from anything that can be read; errors call it `name`.
    ///
    /// # Errors
    /// A [`CsvError`] if reading fails, or rows differ in length.
    pub fn table_from_reader(&self, reader: impl Read, name: &str) -> Result<Table, CsvError> {
        self.chunks_from_reader(reader, name, usize::MAX)?.next().expect("rows or an error")
    }

    /// Reads a table that does not fit into memory, `rows` rows at a time.
    ///
    /// # Errors
    /// A [`CsvError`] if the file cannot be opened, or is empty. What is wrong below the first row is found when it is
    /// come to.
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

    /// Reads a table from anything that can be read, `rows` rows at a time; errors call it `name`.
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
        let has_numbers = |row: &StringRecord| row.iter().any(|cell| cell.parse::<f64>().is_ok());
        let all = Rows::new(self, reader, name.to_owned(), |row| match self.header {
            Header::Auto => !has_numbers(row),
            Header::Yes => true,
            Header::No => false,
        })?;
        Ok(TableChunks::new(all, self.missing.clone(), rows))
    }
}

#[compiled_once]
fn parse<T: Real>(csv: &Csv, text: &[u8], file: String) -> Result<Dataset<T>, CsvError> {
    let features_are_numbers =
        |row: &StringRecord| row.iter().take(row.len() - 1).any(|cell| cell.parse::<f64>().is_ok());
    let mut rows = Rows::new(csv, text, file, |row| match csv.header {
        _ if row.len() < 2 => false,
        Header::Auto => !features_are_numbers(row),
        Header::Yes => true,
        Header::No => false,
    })?;
    let columns = rows.columns;
    let (mut x, mut labels, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(Row { line, cells }) = rows.next()? {
        let at = |column| rows.place(line, column);
        if columns < 2 {
            let (at, found) = (at(0), excerpt(&cells[0]));
            return Err(CsvError::TooFewColumns { at, found, delimiter: csv.delimiter.into() });
        }
        if let Some(j) = cells.iter().position(str::is_empty) {
            return Err(CsvError::MissingCell { at: at(j) });
        }
        for (j, cell) in cells.iter().take(columns - 1).enumerate() {
            x.push(number(cell, || at(j))?);
        }
        labels.push(cells[columns - 1].to_owned());
        lines.push(line);
    }
    if labels.is_empty() {
        return Err(CsvError::Empty { file: rows.file, header: true });
    }
    let (t, target_names) = classes(&labels, csv.classes.as_deref()).map_err(|bad| {
        let (at, found) = (rows.place(lines[bad.sample], columns - 1), excerpt(&labels[bad.sample]));
        CsvError::BadClass { at, found, expected: bad.expected }
    })?;
    let header = rows.header.unwrap_or_default();
    let feature_names = header.iter().take(columns - 1).map(str::to_owned).collect();
    Ok(Dataset { x: Matrix::from_vec(columns - 1, t.len(), x), t, feature_names, target_names })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Dataset<f64> {
        Csv::new().from_reader(text.as_bytes(), "test.csv").unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_header_is_found_or_declared() {
        assert_eq!(read("a,b,kind\n1,2,0\n").feature_names, ["a", "b"]);
        assert_eq!(read("1,2,0\n").feature_names, [""; 0]);
        let csv = |header| Csv::new().header(header).from_reader::<f64>("1,2,0\n3,4,1\n".as_bytes(), "").unwrap();
        assert_eq!(csv(Header::Yes).feature_names, ["1", "2"]);
        assert_eq!((csv(Header::Yes).len(), csv(Header::No).len()), (1, 2));
    }

    #[test]
    fn blanks_quotes_and_marks_are_passed_over() {
        let plain = read("a,b,kind\n1,2,oak\n3,4,elm\n");
        assert_eq!(read("\u{feff}a, b ,kind\r\n\r\n1,\"2\",\"oak\"\r\n\r\n  \r\n 3 ,4,elm\n "), plain);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            (m, x) in (1usize..5).prop_flat_map(|m| (Just(m), prop::collection::vec(prop::collection::vec(
                any::<f64>().prop_filter("finite", |x| x.is_finite()), m), 1..10))),
            names: bool,
        ) {
            let label = |n: usize| if names { format!("class {}", n % 3) } else { (n % 3).to_string() };
            let line = |(n, x): (usize, &Vec<f64>)| {
                x.iter().map(f64::to_string).chain([label(n)]).collect::<Vec<_>>().join(",") + "\n"
            };
            let text: String = x.iter().enumerate().map(line).collect();
            let data = read(&text);
            prop_assert_eq!(data.x, Matrix::from_vec(m, x.len(), x.concat()));
            prop_assert_eq!(data.t, (0..x.len()).map(|n| n % 3).collect::<Vec<_>>());
        }

        #[test]
        fn no_bytes_panic(text in prop::collection::vec(prop::sample::select(b"1a.,-e;\"\r\n \xff".to_vec()), 0..40)) {
            for csv in [Csv::new(), Csv::new().header(Header::Yes).delimiter(b';'), Csv::new().classes(["a"])] {
                match csv.from_reader::<f32>(&text[..], "test.csv") {
                    Ok(data) => prop_assert!(data.x.cols() == data.t.len() && !data.is_empty()),
                    Err(error) => prop_assert!(error.to_string().contains("expected"), "{error}"),
                }
            }
        }
    }
}
