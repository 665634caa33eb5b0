//! What can be wrong with a CSV file.

use std::{fmt, io};

use super::number::looks_like_a_number;
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
        /// The names that are most like it.
        known: Vec<String>,
        /// The number of all columns.
        columns: usize,
    },
    /// Quotes are not closed.
    UnclosedQuote {
        /// The cell in which they open, on the line of the quote.
        at: Place,
    },
    /// A row is longer than it may be.
    LongRow {
        /// The cell that is still read then, on the line on which the row begins or the quotes open.
        at: Place,
        /// How many bytes a row may have.
        limit: usize,
        /// Whether the cell is in quotes.
        quoted: bool,
    },
    /// A column that nothing was said about holds numbers, but this cell is none.
    NumberExpected {
        /// The first such cell.
        at: Place,
        /// What it contains.
        found: String,
        /// How many cells of the column are numbers, in this notation or another.
        numbers: usize,
        /// How many cells have a value.
        cells: usize,
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
                f.write_str(match at.line {
                    1 => "read the line as a header with `Header::Yes`",
                    _ if looks_like_a_number(found) => {
                        "say how numbers are written with `Csv::decimal` and `Csv::thousands`"
                    }
                    _ => "remove the row",
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
            CsvError::UnknownColumn { file, name, known, columns } => {
                write!(f, "{file}, line 1: found no column {:?}, expected one of {known:?}", excerpt(name))?;
                let rest = columns - known.len();
                if rest > 0 {
                    write!(f, ", which are most like it, or of {rest} more")?;
                }
                f.write_str("; correct the name, or check delimiter and header")
            }
            CsvError::UnclosedQuote { at } => write!(
                f,
                "{at}: found a quote that is not closed, expected a second one; close it, or name another character with \
                 `Csv::quote` if it is part of the text"
            ),
            CsvError::LongRow { at, limit, quoted } => write!(
                f,
                "{at}: found more than {limit} bytes in a row, expected {}; correct the file, or allow longer rows with \
                 `Csv::longest_row`",
                if *quoted { "the quote here to be closed before" } else { "the end of the line before" }
            ),
            CsvError::NumberExpected { at, found, numbers, cells } => write!(
                f,
                "{at}: found {found:?}, expected a finite number such as 5.1 or -2e-3, as {numbers} of {cells} cells of the \
                 column look like numbers; correct the cell, say how numbers are written with `Csv::decimal` or \
                 `Csv::thousands`, what stands for no value with `Csv::missing`, or with `Encoding::column` that the column \
                 is one of categories"
            ),
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

autograd::debug_as_display!(CsvError);

impl std::error::Error for CsvError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CsvError::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}
