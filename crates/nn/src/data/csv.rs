//! Reading a table of numbers with a class in the last column.

use std::io::Read;
use std::path::Path;

use autograd::{Matrix, Real};
use csv::{ReaderBuilder, StringRecord, Trim};

use super::labels::classes;
use super::{CsvError, Dataset, Place};

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
        Csv { header: Header::Auto, delimiter: b',', classes: None }
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
            Ok(text) => self.parse(&text, file),
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
            Ok(_) => self.parse(&text, name.to_owned()),
            Err(source) => Err(CsvError::Read { file: name.to_owned(), source }),
        }
    }

    fn parse<T: Real>(&self, text: &[u8], file: String) -> Result<Dataset<T>, CsvError> {
        let mut table = Table { text, file, header: None };
        let mut rows = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .trim(Trim::All)
            .from_reader(text)
            .into_records()
            .filter(|row| !row.as_ref().is_ok_and(is_blank));

        let Some(first) = rows.next().transpose().map_err(|error| table.unreadable(error))? else {
            return Err(CsvError::Empty { file: table.file, header: false });
        };
        let columns = first.len();
        if columns < 2 {
            let (at, found) = (table.place(byte(&first), 0), excerpt(&first[0]));
            return Err(CsvError::TooFewColumns { at, found, delimiter: self.delimiter.into() });
        }
        let mut sample = Some(first);
        table.header = sample.take_if(|first| self.is_header(first));

        let (mut x, mut labels, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for row in sample.map(Ok).into_iter().chain(rows) {
            let row = row.map_err(|error| table.unreadable(error))?;
            labels.push(table.sample(&row, columns, &mut x)?);
            starts.push(byte(&row));
        }
        if labels.is_empty() {
            return Err(CsvError::Empty { file: table.file, header: true });
        }
        let (t, target_names) = classes(&labels, self.classes.as_deref()).map_err(|bad| {
            let (at, found) = (table.place(starts[bad.sample], columns - 1), excerpt(&labels[bad.sample]));
            CsvError::BadClass { at, found, expected: bad.expected }
        })?;
        let header = table.header.unwrap_or_default();
        let feature_names = header.iter().take(columns - 1).map(str::to_owned).collect();
        Ok(Dataset { x: Matrix::from_vec(columns - 1, t.len(), x), t, feature_names, target_names })
    }

    fn is_header(&self, row: &StringRecord) -> bool {
        match self.header {
            Header::Auto => row.iter().take(row.len() - 1).all(|cell| cell.parse::<f64>().is_err()),
            Header::Yes => true,
            Header::No => false,
        }
    }
}

/// The text, and what is needed to say where in it an error is.
struct Table<'a> {
    text: &'a [u8],
    file: String,
    header: Option<StringRecord>,
}

impl Table<'_> {
    /// Appends the features of a row to `x`, and returns its label.
    fn sample<T: Real>(&self, row: &StringRecord, columns: usize, x: &mut Vec<T>) -> Result<String, CsvError> {
        let at = |column| self.place(byte(row), column);
        if row.len() != columns {
            return Err(CsvError::Ragged { at: at(row.len().min(columns)), found: row.len(), expected: columns });
        }
        if let Some(j) = row.iter().position(str::is_empty) {
            return Err(CsvError::MissingCell { at: at(j) });
        }
        for (j, cell) in row.iter().take(columns - 1).enumerate() {
            let Ok(number) = cell.parse() else {
                return Err(CsvError::NotANumber { at: at(j), found: excerpt(cell) });
            };
            let value = T::from_f64(number);
            if !value.to_f64().is_finite() {
                let scalar = std::any::type_name::<T>();
                return Err(CsvError::NotFinite { at: at(j), found: excerpt(cell), scalar });
            }
            x.push(value);
        }
        Ok(row[columns - 1].to_owned())
    }

    /// Cell `column`, from 0, of the row that the reader began to look for at `byte`.
    ///
    /// Lines are counted here, because the reader counts blank lines and the second half of "\r\n" to the row below.
    fn place(&self, byte: usize, column: usize) -> Place {
        let blank = self.text[byte..].iter().take_while(|c| b"\r\n".contains(c)).count();
        let above = &self.text[..byte + blank];
        let ends = |i: usize| above[i] == b'\n' || above[i] == b'\r' && above.get(i + 1) != Some(&b'\n');
        let line = 1 + (0..above.len()).filter(|&i| ends(i)).count();
        let name = self.header.as_ref().and_then(|names| names.get(column)).filter(|name| !name.is_empty());
        Place { file: self.file.clone(), line, column: column + 1, name: name.map(excerpt) }
    }

    fn unreadable(&self, error: csv::Error) -> CsvError {
        if let csv::ErrorKind::Utf8 { pos: Some(pos), err } = error.kind() {
            return CsvError::NotUtf8 { at: self.place(pos.byte() as usize, err.field()) };
        }
        CsvError::Read { file: self.file.clone(), source: error.into() }
    }
}

fn byte(row: &StringRecord) -> usize {
    row.position().map_or(0, |position| position.byte() as usize)
}

/// A line of blanks is read as a row with one empty cell.
fn is_blank(row: &StringRecord) -> bool {
    row.len() == 1 && row[0].is_empty()
}

/// As much of a cell as fits into a message.
fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
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
