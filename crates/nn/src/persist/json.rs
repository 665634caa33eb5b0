//! `{"format":"tape-nn","version":1,"model":…}`

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Format, LoadError, Position, SaveError, dotted, finite, foreign};

const FORMAT: &str = "tape-nn";
pub(super) const VERSION: u32 = 1;

pub(super) fn encode<V: Serialize + ?Sized>(value: &V, file: String) -> Result<Vec<u8>, SaveError> {
    if let Some((path, value)) = finite::misfit(value) {
        return Err(SaveError::NotJson { file, path, value });
    }
    let document = Document { format: FORMAT, version: VERSION, model: value };
    serde_json::to_vec(&document).map_err(|source| failed(file, source))
}

fn failed(file: String, source: serde_json::Error) -> SaveError {
    SaveError::Serialize { file, format: Format::Json, source: Box::new(source) }
}

pub(super) fn decode<V: DeserializeOwned>(text: &[u8], file: String) -> Result<V, LoadError> {
    check_header(text, &file)?;
    let body = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(text));
    body.map(|Body { model }| model).map_err(|error| misfit(text, file, error))
}

fn check_header(text: &[u8], file: &str) -> Result<(), LoadError> {
    let header: Header = match serde_json::from_slice(text) {
        Ok(header) => header,
        Err(error) => {
            let found = message(&error);
            return Err(broken(text, file, &error).unwrap_or(foreign(file, found)));
        }
    };
    match header {
        Header { format, .. } if format != FORMAT => {
            let found = format!("format {:?}", format.chars().take(40).collect::<String>());
            Err(foreign(file, found))
        }
        Header { version: 0, .. } => Err(foreign(file, "version 0")),
        Header { version, .. } if version > VERSION.into() => Err(LoadError::Newer { file: file.to_owned(), version }),
        _ => Ok(()),
    }
}

/// Why the text is not the model that was asked for.
fn misfit(text: &[u8], file: String, error: serde_path_to_error::Error<serde_json::Error>) -> LoadError {
    let (path, error) = (dotted(error.path().iter().skip(1)), error.into_inner());
    broken(text, &file, &error).unwrap_or_else(|| {
        let (at, found) = (position(&error), message(&error));
        LoadError::Model { file, at, path, found }
    })
}

#[derive(Serialize)]
struct Document<'v, V: ?Sized> {
    format: &'static str,
    version: u32,
    model: &'v V,
}

/// What is looked at first, whatever the model may be.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

#[derive(Deserialize)]
struct Body<V> {
    model: V,
}

/// The error, if it is one of the text rather than of what it says.
fn broken(text: &[u8], file: &str, error: &serde_json::Error) -> Option<LoadError> {
    use serde_json::error::Category;
    let (file, at, found) = (file.to_owned(), position(error), message(error));
    match error.classify() {
        Category::Syntax if found == "number out of range" => None, // of the type that is asked for
        Category::Syntax if ends_in_number(text, &at) => Some(LoadError::Truncated { file, at }),
        Category::Eof => Some(LoadError::Truncated { file, at }),
        Category::Syntax | Category::Io => Some(LoadError::NotJson { file, at, found }),
        Category::Data => None,
    }
}

/// Whether the text breaks off at this place inside of a number, as in `-` or `1.`: to the parser, no end of the file.
fn ends_in_number(text: &[u8], at: &Position) -> bool {
    let lines = text.split(|&byte| byte == b'\n');
    let end = lines.enumerate().last().map(|(above, last)| Position::Text { line: above + 1, column: last.len() });
    end.as_ref() == Some(at) && [&b"-"[..], b".", b"e", b"e+"].iter().any(|end| text.ends_with(end))
}

fn position(error: &serde_json::Error) -> Position {
    Position::Text { line: error.line(), column: error.column() }
}

/// The message without the place, which is named in front.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}
