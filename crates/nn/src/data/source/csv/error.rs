//! What can be wrong with a CSV file.

use std::{fmt, io};

use super::rows::excerpt;

/// Why a CSV file is not a dataset: where, what was found, what was expected, and what to do.
///
/// ```
/// use nn::data::{Csv, CsvError};
/// let error = Csv::new().from_reader::<f32>("width,kind\n0.2,elm\no.3,oak\n".as_bytes(), "leaves.csv").unwrap_err();
/// assert!(matches!(&error, CsvError::NotANumber { at, .. } if (at.line, at.column) == (3, 1)));
/// assert_eq!(
///     error.to_string(),
///     "leaves.csv, line 3, column 1 (width): found \"o.3\", expected a number such as 5.1 or -2e-3; \
///      correct the cell or remove the row"
/// );
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum CsvError {
    /// The file does not exist or cannot be read.
    Read {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file has no samples.
    Empty {
        /// The file.
        file: String,
        /// Whether it has a header.
        header: bool,
    },
    /// The first row has no room for a feature and a class.
    TooFewColumns {
        /// The only cell of the row.
        at: Place,
        /// What it contains.
        found: String,
        /// The character that was to separate cells.
        delimiter: char,
    },
    /// A row does not have as many cells as the first.
    Ragged {
        /// The first cell that is missing or too many.
        at: Place,
        /// The number of cells in the row.
        found: usize,
        /// The number of cells in the first row.
        expected: usize,
    },
    /// A cell is empty.
    MissingCell {
        /// The cell.
        at: Place,
    },
    /// A feature is not a number.
    NotANumber {
        /// The cell.
        at: Place,
        /// What it contains.
        found: String,
    },
    /// A feature is NaN, infinite, or too large for the scalar type.
    NotFinite {
        /// The cell.
        at: Place,
        /// What it contains.
        found: String,
        /// The scalar type.
        scalar: &'static str,
    },
    /// The label of a class cannot be understood.
    BadClass {
        /// The cell.
        at: Place,
        /// What it contains.
        found: String,
        /// What it could have been.
        expected: String,
    },
    /// A cell is not text.
    NotUtf8 {
        /// The cell.
        at: Place,
    },
    /// A cell of a table has no value, and nothing was said about what stands for it.
    Missing {
        /// The cell.
        at: Place,
        /// What it contains.
        found: String,
        /// Whether it is a target, which nothing can stand for.
        target: bool,
    },
    /// A category was not seen when the encoder was fitted.
    UnknownCategory {
        /// The cell.
        at: Place,
        /// What it contains.
        found: String,
        /// What it could have been.
        expected: String,
    },
    /// There is no column of this name.
    UnknownColumn {
        /// The file.
        file: String,
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// Several columns have this name.
    AmbiguousColumn {
        /// The file.
        file: String,
        /// The name.
        name: String,
    },
    /// A column has no value to compute from what stands for a missing one.
    NoValues {
        /// The file.
        file: String,
        /// The column.
        name: String,
    },
    /// A column that nothing was said about has too many different texts to be categories.
    TooManyCategories {
        /// The cell with one more than the limit.
        at: Place,
        /// The limit.
        limit: usize,
    },
}

/// A cell of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line on which the row begins, from 1.
    pub line: usize,
    /// The number of the cell in the row, from 1.
    pub column: usize,
    /// What the header calls the column.
    pub name: Option<String>,
}

impl Place {
    /// Cell `column`, from 0.
    pub(super) fn new(file: &str, line: usize, column: usize, name: Option<&str>) -> Self {
        let name = name.filter(|name| !name.is_empty()).map(excerpt);
        Place { file: file.to_owned(), line, column: column + 1, name }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}, column {}", self.file, self.line, self.column)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CsvError::Read { file, source } if source.kind() == io::ErrorKind::NotFound => {
                write!(f, "{file}: file not found; check the path (a relative one starts at the working directory)")
            }
            CsvError::Read { file, source } => {
                write!(f, "{file}: cannot be read: {source}; check that it is a file you may read")
            }
            CsvError::Empty { file, header } => {
                let (line, found) = if *header { (2, "no row below the header") } else { (1, "an empty file") };
                write!(
                    f,
                    "{file}, line {line}, column 1: found {found}, expected a row of features and targets; add samples"
                )
            }
            CsvError::TooFewColumns { at, found, delimiter } => write!(
                f,
                "{at}: found {found:?} as the only cell, expected at least one feature and a class; \
                 if cells are not separated by {delimiter:?}, name their separator with `Csv::delimiter`"
            ),
            CsvError::Ragged { at, found, expected } => write!(
                f,
                "{at}: cells in the row: found {found}, expected {expected} as in the first row; {}",
                if found < expected {
                    "add what is missing"
                } else {
                    "remove the surplus, or quote separators in a cell"
                }
            ),
            CsvError::MissingCell { at } => {
                write!(f, "{at}: found an empty cell, expected a value; fill it in or remove the row")
            }
            CsvError::NotANumber { at, found } => {
                write!(f, "{at}: found {found:?}, expected a number such as 5.1 or -2e-3; correct the cell or ")?;
                f.write_str(if at.line == 1 {
                    "read the line as a header with `Header::Yes`"
                } else {
                    "remove the row"
                })
            }
            CsvError::NotFinite { at, found, scalar } => {
                write!(f, "{at}: found {found:?}, expected a number that is finite as {scalar}; ")?;
                f.write_str("correct the cell or remove the row")
            }
            CsvError::BadClass { at, found, expected } => write!(
                f,
                "{at}: found the class {found:?}, expected {expected}; \
                 correct the label, or list all labels in order with `Csv::classes`"
            ),
            CsvError::NotUtf8 { at } => {
                write!(f, "{at}: found bytes that are not UTF-8, expected text; save the file as UTF-8")
            }
            CsvError::Missing { at, found, target } => {
                write!(f, "{at}: found no value ({found:?}), expected one; fill it in, or ")?;
                f.write_str(match target {
                    true => "leave out such rows with `Table::drop_missing`",
                    false => "say with `Feature::missing` what stands for it",
                })
            }
            CsvError::UnknownCategory { at, found, expected } => write!(
                f,
                "{at}: found the category {found:?}, expected {expected}; correct the cell, fit the encoder to data \
                 that has it, or say `Unknown::Zeros`"
            ),
            CsvError::UnknownColumn { file, name, known } => {
                write!(
                    f,
                    "{file}, line 1: found no column {name:?}, expected one of {known:?}; correct the name, or "
                )?;
                f.write_str("check delimiter and header")
            }
            CsvError::AmbiguousColumn { file, name } => {
                write!(f, "{file}, line 1: found several columns {name:?}, expected one; rename the others")
            }
            CsvError::NoValues { file, name } => write!(
                f,
                "{file}: found no value in the whole column {name:?}, expected some to fill the missing ones with; \
                 ignore the column"
            ),
            CsvError::TooManyCategories { at, limit } => write!(
                f,
                "{at}: found more than {limit} different texts in the column, expected numbers or categories; say with \
                 `Encoding::column` what it is, or leave it out with `Encoding::ignore`"
            ),
        }
    }
}

impl std::error::Error for CsvError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CsvError::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CsvError::*;
    use super::*;
    use crate::data::{Csv, Header, read_csv};
    use proptest::prelude::*;

    fn error(csv: &Csv, text: impl AsRef<[u8]>) -> CsvError {
        csv.from_reader::<f32>(text.as_ref(), "test.csv").unwrap_err()
    }

    #[track_caller]
    fn check(csv: &Csv, text: impl AsRef<[u8]>, parts: [&str; 3]) {
        let message = error(csv, text).to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }

    #[test]
    fn messages_say_where_and_what() {
        let csv = Csv::new();
        check(&csv, "a,b,k\n1,2,0\n1,,0", ["test.csv, line 3, column 2 (b)", "an empty cell", "fill it in"]);
        check(&csv, "1,2,0\n1,2,", ["line 2, column 3", "an empty cell", "fill it in"]);
        check(&csv, "1,2,0\n1,2.x,0", ["line 2, column 2:", "\"2.x\"", "expected a number"]);
        check(&csv, "1,two,0", ["line 1, column 2:", "\"two\"", "Header::Yes"]);
        check(&csv, "1,2,0\n1,0", ["line 2, column 3:", "found 2", "expected 3"]);
        check(&csv, "1,2,0\n1,2,3,4,0", ["line 2, column 4:", "found 5", "expected 3"]);
        check(&csv, "", ["test.csv, line 1", "an empty file", "add samples"]);
        check(&csv, "a,b,k\n", ["test.csv, line 2", "no row below the header", "add samples"]);
        check(&csv, "1;2;0", ["line 1, column 1:", "\"1;2;0\"", "Csv::delimiter"]);
        check(&csv, "1,NaN,0", ["line 1, column 2:", "\"NaN\"", "finite as f32"]);
        check(&csv, "1,1e39,0", ["line 1, column 2:", "\"1e39\"", "finite as f32"]);
        check(&csv, b"1,2,0\n1,\xff,0", ["line 2, column 2:", "not UTF-8", "save the file"]);
        check(&csv, "1,0\n1,-1", ["line 2, column 2:", "the class \"-1\"", "an integer from 0 to 65535"]);
        check(&csv, "1,elm\n\n1,0", ["line 3, column 2:", "the class \"0\"", "a name"]);
        check(
            &csv.clone().classes(["a", "b"]),
            "1,c",
            ["line 1, column 2:", "the class \"c\"", "one of [\"a\", \"b\"]"],
        );
        check(&csv.header(Header::No), "a,b,k\n", ["line 1, column 1:", "\"a\"", "expected a number"]);
    }

    #[test]
    fn files() {
        let missing = read_csv::<f32>("no/such/file.csv").unwrap_err();
        assert_eq!(std::error::Error::source(&missing).map(|source| source.is::<io::Error>()), Some(true));
        assert!(missing.to_string().starts_with("no/such/file.csv: file not found; check the path"));
        assert!(matches!(read_csv::<f32>("."), Err(Read { .. })));
    }

    #[test]
    fn long_cells_are_cut() {
        let message = error(&Csv::new(), format!("1,{},0", "ä".repeat(1000))).to_string();
        assert!(message.contains("äää…") && message.len() < 300, "{message}");
    }

    proptest! {
        #[test]
        fn the_line_and_column_are_those_of_the_cell(
            rows in 1usize..10, columns in 1usize..5, row: prop::sample::Index, column: prop::sample::Index,
            blank in 0usize..3, newline in prop::sample::select(vec!["\n", "\r\n", "\r"]), header: bool,
        ) {
            let (row, column) = (row.index(rows), column.index(columns));
            let mut lines = vec![String::new(); blank];
            if header {
                lines.push("name,".repeat(columns) + "kind");
            }
            for i in 0..rows {
                let cells = (0..columns).map(|j| if (i, j) == (row, column) { "bad," } else { "1," });
                lines.extend(vec![String::new(); blank]);
                lines.push(cells.collect::<String>() + "0");
            }
            let header = if header { Header::Yes } else { Header::No };
            let line = 1 + lines.iter().position(|line| line.contains("bad")).unwrap();
            match error(&Csv::new().header(header), lines.join(newline)) {
                NotANumber { at, found } => prop_assert_eq!((at.line, at.column, &*found), (line, column + 1, "bad")),
                other => prop_assert!(false, "{other}"),
            }
        }
    }
}
