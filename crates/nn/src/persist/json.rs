//! `{"format":"tape-nn","version":1,"checksum":"…","model":…}`

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_path_to_error::Track;

use super::sound::{Distinct, not_finite};
use super::{DEPTH, Format, LoadError, Position, SaveError, Take, TakeSeed, dotted, foreign, too_deep};

const FORMAT: &str = "tape-nn";
pub(super) const VERSION: u32 = 1;

pub(super) fn encode(value: &dyn erased_serde::Serialize, file: String) -> Result<Vec<u8>, SaveError> {
    if let Some((path, value)) = not_finite(value) {
        return Err(SaveError::NotJson { file, path, value });
    }
    let start = |checksum: u32| {
        format!(r#"{{"format":"{FORMAT}","version":{VERSION},"checksum":"{checksum:08x}","model":"#).into_bytes()
    };
    let mut text = start(0);
    let begin = text.len();
    if let Err(source) = serde_json::to_writer(&mut text, &value) {
        return Err(SaveError::Serialize { file, format: Format::Json, source: Box::new(source) });
    }
    if deepest(&text) >= DEPTH {
        return Err(SaveError::Serialize { file, format: Format::Json, source: too_deep().into() });
    }
    // Keys that differ in type alone are one as text.
    let mut reader = serde_json::Deserializer::from_slice(&text[begin..]);
    if let Err(error) = serde_path_to_error::deserialize::<_, Distinct>(&mut reader) {
        let (path, found) = (dotted(error.path().iter()), message(error.inner()));
        let source = format!("{found} in `{path}`, where all keys are text; save it in the binary format").into();
        return Err(SaveError::Serialize { file, format: Format::Json, source });
    }
    let checksum = crc32fast::hash(&text[begin..]);
    text[..begin].copy_from_slice(&start(checksum));
    text.push(b'}');
    Ok(text)
}

/// The largest nesting depth of brackets.
fn deepest(text: &[u8]) -> usize {
    let (mut open, mut deepest, mut quoted, mut escaped) = (0, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => open += 1,
            b']' | b'}' if !quoted => open -= 1,
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

pub(super) fn decode(text: &[u8], file: String, take: Take) -> Result<(), LoadError> {
    check_header(text, &file)?; // reads the whole text, so later errors are in the value
    // One pass to find duplicate keys, whatever the type does with them.
    read(text, &file, &mut |reader| erased_serde::deserialize::<Distinct>(reader).map(drop))?;
    read(text, &file, take)
}

fn read(text: &[u8], file: &str, take: Take) -> Result<(), LoadError> {
    let (mut reader, mut track) = (serde_json::Deserializer::from_slice(text), Track::new());
    Body(take).deserialize(serde_path_to_error::Deserializer::new(&mut reader, &mut track)).map_err(|error| {
        let (file, at, found) = (file.to_owned(), position(&error), message(&error));
        LoadError::Model { file, at, path: dotted(track.path().iter().skip(1)), found }
    })
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
        Header { checksum: Some(said), model: Some(model), .. } => check_sum(text, file, &said, model.get()),
        _ => Ok(()),
    }
}

/// Checks that the text of the model is unchanged.
fn check_sum(text: &[u8], file: &str, said: &str, model: &str) -> Result<(), LoadError> {
    if said == format!("{:08x}", crc32fast::hash(model.as_bytes())) {
        return Ok(());
    }
    let before = &text[..model.as_ptr() as usize - text.as_ptr() as usize];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
    let found = "the checksum of the model is not that of its text (if it was changed on purpose, remove the entry \
                 \"checksum\" of the file: without one it is not checked)";
    Err(LoadError::Damaged { file: file.to_owned(), at: Position::Text { line, column }, found: found.to_owned() })
}

/// The header, which is read first for any model.
#[derive(Deserialize)]
struct Header<'t> {
    format: String,
    version: u64,
    /// The CRC-32 of the text of the model, in 8 hexadecimal digits; the first files of version 1 have none.
    checksum: Option<String>,
    #[serde(borrow)]
    model: Option<&'t RawValue>,
}

/// The document from which the value is taken.
struct Body<'t>(Take<'t>);

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a saved model")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<Cow<str>>()? {
            match &*key {
                "model" if found => return Err(A::Error::duplicate_field("model")),
                "model" => map.next_value_seed(TakeSeed(&mut *self.0))?,
                "format" | "version" | "checksum" => drop(map.next_value::<IgnoredAny>()?),
                other => {
                    let other: String = other.chars().take(40).collect();
                    return Err(A::Error::unknown_field(&other, &["format", "version", "checksum", "model"]));
                }
            }
            found |= key == "model";
        }
        if found { Ok(()) } else { Err(A::Error::missing_field("model")) }
    }
}

/// The error, if it is in the text and not in the value.
fn broken(text: &[u8], file: &str, error: &serde_json::Error) -> Option<LoadError> {
    use serde_json::error::Category;
    let (file, at, found) = (file.to_owned(), position(error), message(error));
    match error.classify() {
        Category::Syntax if found == "number out of range" => None, // for the requested type
        Category::Syntax if ends_in_number(text, &at) => Some(LoadError::Truncated { file, at }),
        Category::Eof => Some(LoadError::Truncated { file, at }),
        Category::Syntax | Category::Io => Some(LoadError::NotJson { file, at, found }),
        Category::Data => None,
    }
}

/// Whether the text ends inside a number here, as in `-` or `1.`; the parser does not report this as the end of the file.
fn ends_in_number(text: &[u8], at: &Position) -> bool {
    let lines = text.split(|&byte| byte == b'\n');
    let end = lines.enumerate().last().map(|(above, last)| Position::Text { line: above + 1, column: last.len() });
    end.as_ref() == Some(at) && [&b"-"[..], b".", b"e", b"e+"].iter().any(|end| text.ends_with(end))
}

fn position(error: &serde_json::Error) -> Position {
    Position::Text { line: error.line(), column: error.column() }
}

/// The message without the position, which is named first.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}
