//! The rows of a CSV file, one after the other, and where each begins.

use std::collections::VecDeque;
use std::io::{self, Read};

use autograd::Real;
use csv::{ReaderBuilder, StringRecord, Trim};

use super::{Csv, CsvError, Place};

/// A row of cells.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// The line on which it begins, from 1.
    pub line: usize,
    pub cells: StringRecord,
}

/// The rows below the header, all with as many cells. Blank lines are passed over.
pub(super) struct Rows<R> {
    reader: csv::Reader<Lines<R>>,
    pub file: String,
    pub header: Option<StringRecord>,
    /// The number of cells in a row.
    pub columns: usize,
    /// The first row, if it is no header.
    first: Option<Row>,
}

impl<R: Read> Rows<R> {
    /// Reads the first row, which is a header if `is_header` says so.
    pub fn new(
        csv: &Csv,
        reader: R,
        file: String,
        is_header: impl FnOnce(&StringRecord) -> bool,
    ) -> Result<Self, CsvError> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(csv.delimiter)
            .quote(csv.quote)
            .trim(Trim::All)
            .from_reader(Lines { inner: reader, offset: 0, breaks: VecDeque::new(), line: 1 });
        let mut rows = Rows { reader, file, header: None, columns: 0, first: None };
        let Some(first) = rows.read()? else {
            return Err(CsvError::Empty { file: rows.file, header: false });
        };
        rows.columns = first.cells.len();
        if is_header(&first.cells) {
            rows.header = Some(first.cells);
        } else {
            rows.first = Some(first);
        }
        Ok(rows)
    }

    /// The next row.
    pub fn next(&mut self) -> Result<Option<Row>, CsvError> {
        let row = if self.first.is_some() { self.first.take() } else { self.read()? };
        match row {
            Some(row) if row.cells.len() != self.columns => {
                let (found, expected) = (row.cells.len(), self.columns);
                Err(CsvError::Ragged { at: self.place(row.line, found.min(expected)), found, expected })
            }
            row => Ok(row),
        }
    }

    /// Cell `column`, from 0, of the row that begins on a line.
    pub fn place(&self, line: usize, column: usize) -> Place {
        let name = self.header.as_ref().and_then(|names| names.get(column));
        Place::new(&self.file, line, column, name)
    }

    fn read(&mut self) -> Result<Option<Row>, CsvError> {
        let mut cells = StringRecord::new();
        loop {
            match self.reader.read_record(&mut cells) {
                Ok(false) => return Ok(None),
                // A line of blanks is read as a row with one empty cell.
                Ok(true) if cells.len() == 1 && cells[0].is_empty() => {}
                Ok(true) => {
                    let line = self.line(cells.position().map_or(0, |position| position.byte()));
                    return Ok(Some(Row { line, cells }));
                }
                Err(error) => {
                    if let csv::ErrorKind::Utf8 { pos: Some(pos), err } = error.kind() {
                        let (byte, column) = (pos.byte(), err.field());
                        let line = self.line(byte);
                        return Err(CsvError::NotUtf8 { at: self.place(line, column) });
                    }
                    return Err(CsvError::Read { file: self.file.clone(), source: error.into() });
                }
            }
        }
    }

    fn line(&mut self, byte: u64) -> usize {
        self.reader.get_mut().at(byte)
    }
}

/// What passes through, with the line breaks that the reader has not come to yet.
///
/// Lines are counted here, because the reader counts blank lines and the second half of "\r\n" to the row below.
struct Lines<R> {
    inner: R,
    /// The number of bytes that have passed.
    offset: u64,
    /// Where a '\r' or '\n' is, and which.
    breaks: VecDeque<(u64, u8)>,
    line: usize,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let breaks = (self.offset..).zip(buffer[..n].iter().copied()).filter(|(_, c)| matches!(c, b'\r' | b'\n'));
        self.breaks.extend(breaks);
        self.offset += n as u64;
        Ok(n)
    }
}

impl<R> Lines<R> {
    /// The line of the first byte from `byte` on that breaks none.
    fn at(&mut self, mut byte: u64) -> usize {
        while let Some(&(at, c)) = self.breaks.front().filter(|(at, _)| *at <= byte) {
            self.breaks.pop_front();
            let half = c == b'\r' && self.breaks.front() == Some(&(at + 1, b'\n'));
            self.line += usize::from(!half);
            byte = byte.max(at + 1);
        }
        self.line
    }
}

/// The number in a cell, if it is finite as a T.
pub(super) fn number<T: Real>(cell: &str, at: impl FnOnce() -> Place) -> Result<T, CsvError> {
    let Ok(number) = cell.parse() else {
        return Err(CsvError::NotANumber { at: at(), found: excerpt(cell) });
    };
    let value = T::from_f64(number);
    if value.to_f64().is_finite() {
        return Ok(value);
    }
    Err(CsvError::NotFinite { at: at(), found: excerpt(cell), scalar: std::any::type_name::<T>() })
}

/// As much of a cell as fits into a message.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
