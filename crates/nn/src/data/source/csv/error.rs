//! What can be wrong with a CSV file.

use std::{fmt, io};

use super::number::{looks_like_a_number, question};
use super::rows::excerpt;
use crate::atomic::cannot_read;

/// Why a CSV file is not a dataset: where, what was found, what was expected, and what to do.
///
/// ```
/// use nn::data::{Csv, CsvError};
/// let error = Csv::new().from_reader::<f32>("width,kind\n0.2,elm\no.3,oak\n".as_bytes(), "leaves.csv").unwrap_err();
/// assert!(matches!(&error, CsvError::NotANumber { at, .. } if (at.line, at.column) == (3, 1)));
/// assert_eq!(
///     error.to_string(),
///     "leaves.csv, line 3, column 1 (width): found \"o.3\", expected a number such as 5.1 or -2e-3; \
///      correct the cell, remove the row, or read the file with `Csv::table` and an `Encoding`, which have \
///      categories and missing values"
/// );
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// The file does not exist or cannot be read.
    #[error("{}", cannot_read(.file, .source))]
    Read {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file has no samples.
    #[error(
        "{file}, line {}, column 1: found {}, expected a row of features and targets; add samples",
        if *.header { 2 } else { 1 }, if *.header { "no row below the header" } else { "an empty file" }
    )]
    Empty {
        /// The file.
        file: String,
        /// Whether it has a header.
        header: bool,
    },
    /// The first row has no room for a feature and a class.
    #[error(
        "{at}: found {found:?} as the only cell, expected at least one feature and a class; \
         if cells are not separated by {delimiter:?}, name their separator with `Csv::delimiter`"
    )]
    TooFewColumns {
        /// The only cell of the row.
        at: Place,
        /// What it contains.
        found: String,
        /// The character that was to separate cells.
        delimiter: char,
    },
    /// A row does not have as many cells as the first.
    #[error(
        "{at}: cells in the row: found {found}, expected {expected} as in the first row; {}",
        if .found < .expected { "add what is missing" } else { "remove the surplus, or quote separators in a cell" }
    )]
    Ragged {
        /// The first cell that is missing or too many.
        at: Place,
        /// The number of cells in the row.
        found: usize,
        /// The number of cells in the first row.
        expected: usize,
    },
    /// A cell is empty.
    #[error("{at}: found an empty cell, expected a value; fill it in or remove the row")]
    MissingCell {
        /// The cell.
        at: Place,
    },
    /// A feature is not a number.
    #[error(
        "{at}: found {found:?}, expected a number such as 5{decimal}1 or -2e-3; {}correct the cell{}",
        question(.found),
        match .at.line {
            1 => " or read the line as a header with `Header::Yes`",
            _ if looks_like_a_number(.found) => " or say how numbers are written with `Csv::decimal` and `Csv::thousands`",
            _ => ", remove the row, or read the file with `Csv::table` and an `Encoding`, which have categories and \
                  missing values",
        }
    )]
    NotANumber {
        /// The cell.
        at: Place,
        /// What it contains.
        found: String,
        /// The character before decimals.
        decimal: char,
    },
    /// A feature is NaN, infinite, or too large for the scalar type.
    #[error("{at}: found {found:?}, expected a number that is finite as {scalar}; correct the cell or remove the row")]
    NotFinite {
        /// The cell.
        at: Place,
        /// What it contains.
        found: String,
        /// The scalar type.
        scalar: &'static str,
    },
    /// The label of a class cannot be understood.
    #[error(
        "{at}: found the class {found:?}, expected {expected}; \
         correct the label, or list all labels in order with `Csv::classes`"
    )]
    BadClass {
        /// The cell.
        at: Place,
        /// What it contains.
        found: String,
        /// What it could have been.
        expected: String,
    },
    /// A cell is not text.
    #[error("{at}: found bytes that are not UTF-8, expected text; save the file as UTF-8")]
    NotUtf8 {
        /// The cell.
        at: Place,
    },
    /// A cell of a table has no value, and there is no replacement for it.
    #[error(
        "{at}: found no value ({found:?}), expected one; fill it in, or {}",
        match .target {
            true => "leave out such rows with `Table::drop_missing`",
            false => "set its replacement with `Feature::missing`",
        }
    )]
    Missing {
        /// The cell.
        at: Place,
        /// What it contains.
        found: String,
        /// Whether it is a target, which cannot be replaced.
        target: bool,
    },
    /// A formula gave no value, and the table has no marker of a missing value.
    #[error(
        "{at}: the formula gave no value, but the table has no marker of a missing value; name one with `Csv::missing`"
    )]
    NoMarker {
        /// The cell.
        at: Place,
    },
    /// A category was not seen when the encoder was fitted.
    #[error(
        "{at}: found the category {found:?}, expected {expected}; correct the cell, fit the encoder to data \
         that has it, or say `Unknown::Zeros`"
    )]
    UnknownCategory {
        /// The cell.
        at: Place,
        /// What it contains.
        found: String,
        /// What it could have been.
        expected: String,
    },
    /// There is no column of this name.
    #[error(
        "{file}, line 1: found no column {:?}, expected one of {known:?}{}; correct the name, check delimiter and header, or \
         compute the column with `Table::computed`",
        excerpt(.name),
        match .columns - .known.len() {
            0 => String::new(),
            rest => format!(" ({rest} other names are less similar)"),
        }
    )]
    UnknownColumn {
        /// The file.
        file: String,
        /// The name.
        name: String,
        /// The most similar names.
        known: Vec<String>,
        /// The number of all columns.
        columns: usize,
    },
    /// A cell is not a date, or the date is not written in the given format.
    #[error(
        "{at}: found {found:?}, expected {expected}; correct the cell, or say with `Feature::format` how dates are written"
    )]
    NotADate {
        /// The cell.
        at: Place,
        /// What it contains.
        found: String,
        /// What it should have been.
        expected: String,
    },
    /// A column without a role holds dates.
    #[error(
        "{at}: found the date {found:?}, expected a number or a category in a column without a role; say with \
         `Encoding::column` that it is a `Feature::date`, or leave it out with `Encoding::ignore`"
    )]
    UndeclaredDate {
        /// The first of them.
        at: Place,
        /// What it contains.
        found: String,
    },
    /// A weight is negative.
    #[error(
        "{at}: found the weight {found:?}, expected a number that is not negative; correct the cell, or set it to 0 to \
         leave the row out"
    )]
    NegativeWeight {
        /// The cell.
        at: Place,
        /// What it contains.
        found: String,
    },
    /// Quotes are not closed.
    #[error(
        "{at}: found a quote that is not closed, expected a second one; close it, or name another character with \
         `Csv::quote` if it is part of the text"
    )]
    UnclosedQuote {
        /// The cell in which they open, on the line of the quote.
        at: Place,
    },
    /// A row is longer than it may be.
    #[error(
        "{at}: found more than {limit} bytes in a row, expected {} before; correct the file, or allow longer rows with \
         `Csv::longest_row`",
        if *.quoted { "the quote here to be closed" } else { "the end of the line" }
    )]
    LongRow {
        /// The cell that is still read then, on the line on which the row begins or the quotes open.
        at: Place,
        /// How many bytes a row may have.
        limit: usize,
        /// Whether the cell is in quotes.
        quoted: bool,
    },
    /// A column without a role holds numbers, but this cell is not a number.
    #[error(
        "{at}: found {found:?}, expected a finite number such as 5.1 or -2e-3, as {numbers} of {cells} cells of the \
         column look like numbers; {}correct the cell, say how numbers are written with `Csv::decimal` or \
         `Csv::thousands`, the marker of a missing value with `Csv::missing`, or with `Encoding::column` that the column \
         is one of categories",
        question(.found)
    )]
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
    #[error("{file}, line 1: found several columns {name:?}, expected one; rename the others")]
    AmbiguousColumn {
        /// The file.
        file: String,
        /// The name.
        name: String,
    },
    /// A column has no value from which the replacement of a missing one could be computed.
    #[error(
        "{file}: found no value in the whole column {name:?}, expected some to fill the missing ones with; \
         ignore the column"
    )]
    NoValues {
        /// The file.
        file: String,
        /// The column.
        name: String,
    },
    /// A column without a role has too many different texts to be categories.
    #[error(
        "{at}: found more than {limit} different texts in the column, expected numbers or categories; say with \
         `Encoding::column` what it is, or leave it out with `Encoding::ignore`"
    )]
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

autograd::debug_as_display!(CsvError);
