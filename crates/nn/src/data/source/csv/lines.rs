//! Watches the bytes on their way to the CSV reader, to know where rows begin and how long they are.

use std::collections::VecDeque;
use std::io::{self, Read};

use super::Csv;

/// The start of a row. It is stored because the CSV reader counts blank lines above a row, and the second half of "\r\n", as part of the
/// row.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Start {
    byte: u64,
    line: usize,
}

/// Why reading stopped: the line, and the cell from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Broken {
    /// The file ends within the quotes that open there, or another quote closes them in the middle of a cell.
    Unclosed(usize, usize),
    /// The row that begins there, or the quotes that open there, exceed the longest allowed row.
    TooLong { line: usize, column: usize, quoted: bool },
}

/// The part of the file to which a byte belongs.
#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Between rows.
    Row,
    /// The start of a cell.
    Cell,
    Text,
    Quoted,
    /// A quote within quotes: it closes them, or is the first of two.
    Quote,
}

/// A reader that passes bytes on and parses them in the same way as the CSV reader.
pub(super) struct Lines<R> {
    inner: R,
    delimiter: u8,
    quote: u8,
    longest: u64,
    state: State,
    /// The number of bytes that have passed, and the line and cell of the next.
    byte: u64,
    line: usize,
    column: usize,
    /// Whether the last byte was '\r'.
    half: bool,
    /// The rows that the CSV reader has not reached yet: those in its buffer.
    starts: VecDeque<Start>,
    /// The row that has begun, and where quotes opened in it.
    row: Start,
    opened: (usize, usize),
    pub broken: Option<Broken>,
}

impl<R> Lines<R> {
    pub fn new(csv: &Csv, inner: R) -> Self {
        let row = Start { byte: 0, line: 1 };
        Lines {
            inner,
            delimiter: csv.delimiter,
            quote: csv.quote,
            longest: csv.longest_row as u64,
            state: State::Row,
            byte: 0,
            line: 1,
            column: 0,
            half: false,
            starts: VecDeque::new(),
            row,
            opened: (1, 0),
            broken: None,
        }
    }

    /// The longest allowed row in bytes.
    pub fn longest(&self) -> usize {
        self.longest as usize
    }

    /// The line of the first row that begins at `byte` or later.
    pub fn line_of(&mut self, byte: u64) -> usize {
        while let Some(start) = self.starts.pop_front() {
            if start.byte >= byte {
                return start.line;
            }
        }
        self.row.line
    }

    fn pass(&mut self, c: u8) {
        let end = matches!(c, b'\r' | b'\n');
        if self.state == State::Row && !end {
            self.row = Start { byte: self.byte, line: self.line };
            self.starts.push_back(self.row);
            (self.state, self.column) = (State::Cell, 0);
        }
        self.state = match self.state {
            State::Quoted if c == self.quote => State::Quote,
            State::Quoted => State::Quoted,
            State::Cell if c == self.quote => {
                self.opened = (self.line, self.column);
                State::Quoted
            }
            State::Quote if c == self.quote => State::Quoted,
            State::Quote if c != self.delimiter && !end && !c.is_ascii_whitespace() => {
                self.broken = Some(Broken::Unclosed(self.opened.0, self.opened.1));
                State::Text
            }
            _ if c == self.delimiter => {
                self.column += 1;
                State::Cell
            }
            _ if end => State::Row,
            _ => State::Text,
        };
        self.line += usize::from(c == b'\r' || c == b'\n' && !self.half);
        self.half = c == b'\r';
        self.byte += 1;
    }

    /// The error, if any, after these bytes have passed. At the end of the file an unclosed quote is an error too.
    fn fault(&self, n: usize) -> Option<Broken> {
        let (line, column) = self.opened;
        let quoted = self.state == State::Quoted;
        if quoted && n == 0 {
            return Some(Broken::Unclosed(line, column));
        }
        let long = self.state != State::Row && self.byte - self.row.byte > self.longest;
        let (line, column) = if quoted { (line, column) } else { (self.row.line, self.column) };
        long.then_some(Broken::TooLong { line, column, quoted })
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let failed = || Err(io::Error::from(io::ErrorKind::InvalidData)); // the caller reports `broken` instead
        if self.broken.is_some() {
            return failed();
        }
        let (begin, n) = (self.byte, self.inner.read(buffer)?);
        const MARK: &[u8] = b"\xef\xbb\xbf"; // the UTF-8 byte order mark, which the CSV reader skips
        for &c in &buffer[..n] {
            self.pass(c);
            if self.byte == 3 && self.starts.len() == 1 && buffer.starts_with(MARK) {
                self.starts.clear();
                self.state = State::Row;
            }
            if self.broken.is_some() {
                // The rows above are complete.
                let whole = self.row.byte.saturating_sub(begin) as usize;
                return if whole > 0 { Ok(whole) } else { failed() };
            }
        }
        self.broken = self.fault(n);
        if self.broken.is_some() { failed() } else { Ok(n) }
    }
}
