//! The rows of a CSV file, and the line on which each begins.

use std::io::Read;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::lines::{Broken, Lines};
use super::{Csv, CsvError, Place};

/// A row of cells. It takes their bytes plus 4 for each.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// The line on which it begins, from 1.
    pub line: usize,
    text: Box<str>,
    /// The end of each cell in the text; at most the length of the longest row.
    ends: Box<[u32]>,
}

impl Row {
    fn new(line: usize, cells: &StringRecord) -> Self {
        let ends = cells.iter().scan(0, |end, cell| {
            *end += cell.len() as u32;
            Some(*end)
        });
        Row { line, ends: ends.collect(), text: cells.iter().collect::<String>().into() }
    }

    /// The row with an additional cell.
    pub fn with(&self, cell: &str) -> Self {
        let text = [&*self.text, cell].concat();
        let ends = self.ends.iter().copied().chain([text.len() as u32]).collect();
        Row { line: self.line, ends, text: text.into() }
    }

    /// The number of cells.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn cell(&self, column: usize) -> &str {
        let begin = column.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.text[begin..self.ends[column] as usize]
    }

    pub fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|column| self.cell(column))
    }
}

/// The rows below the header, all with the same number of cells. Blank lines are ignored.
pub(super) struct Rows<R> {
    reader: csv::Reader<Lines<R>>,
    /// The buffer for a row.
    record: StringRecord,
    pub file: String,
    pub header: Option<Row>,
    /// The number of cells in a row.
    pub columns: usize,
    /// The first row, if it is not a header.
    first: Option<Row>,
}

impl<R: Read> Rows<R> {
    /// Reads the first row; `is_header` says whether it is a header.
    pub fn new(csv: &Csv, reader: R, file: String, is_header: impl FnOnce(&Row) -> bool) -> Result<Self, CsvError> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(csv.delimiter)
            .quote(csv.quote)
            .trim(Trim::All)
            .from_reader(Lines::new(csv, reader));
        let mut rows = Rows { reader, record: StringRecord::new(), file, header: None, columns: 0, first: None };
        let Some(first) = rows.read()? else {
            return Err(CsvError::Empty { file: rows.file, header: false });
        };
        rows.columns = first.len();
        if is_header(&first) {
            rows.header = Some(first);
        } else {
            rows.first = Some(first);
        }
        Ok(rows)
    }

    /// The next row.
    pub fn next(&mut self) -> Result<Option<Row>, CsvError> {
        let row = if self.first.is_some() { self.first.take() } else { self.read()? };
        match row {
            Some(row) if row.len() != self.columns => {
                let (found, expected) = (row.len(), self.columns);
                Err(CsvError::Ragged { at: self.place(row.line, found.min(expected)), found, expected })
            }
            row => Ok(row),
        }
    }

    /// Cell `column`, from 0, of the row that begins on the given line.
    pub fn place(&self, line: usize, column: usize) -> Place {
        let name = self.header.as_ref().filter(|names| column < names.len()).map(|names| names.cell(column));
        Place::new(&self.file, line, column, name)
    }

    fn read(&mut self) -> Result<Option<Row>, CsvError> {
        loop {
            match self.reader.read_record(&mut self.record) {
                Ok(false) => return Ok(None),
                // A blank line is read as a row with one empty cell.
                Ok(true) if self.record.len() == 1 && self.record[0].is_empty() => {}
                Ok(true) => {
                    let line = self.line(self.record.position().map_or(0, |position| position.byte()));
                    return Ok(Some(Row::new(line, &self.record)));
                }
                Err(error) => return Err(self.error(error)),
            }
        }
    }

    fn error(&mut self, error: csv::Error) -> CsvError {
        match (self.reader.get_ref().broken, error.kind()) {
            (Some(Broken::Unclosed(line, column)), _) => CsvError::UnclosedQuote { at: self.place(line, column) },
            (Some(Broken::TooLong { line, column, quoted }), _) => {
                CsvError::LongRow { at: self.place(line, column), limit: self.reader.get_ref().longest(), quoted }
            }
            (None, csv::ErrorKind::Utf8 { pos: Some(pos), err }) => {
                let (byte, column) = (pos.byte(), err.field());
                let line = self.line(byte);
                CsvError::NotUtf8 { at: self.place(line, column) }
            }
            (None, _) => CsvError::Read { file: self.file.clone(), source: error.into() },
        }
    }

    fn line(&mut self, byte: u64) -> usize {
        self.reader.get_mut().line_of(byte)
    }
}

/// The beginning of a cell, short enough for a message.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The possible names, as many as fit into a message.
pub(super) fn one_of(names: &[String]) -> String {
    const SHOWN: usize = 8;
    match names.get(SHOWN..) {
        Some(rest) if !rest.is_empty() => format!("one of {:?} and {} more", &names[..SHOWN], rest.len()),
        _ => format!("one of {names:?}"),
    }
}
