//! A header of 28 bytes, then the value as MessagePack.

use std::io::{self, Cursor};

use rmp_serde::decode::{Deserializer, Error, ReadRefReader};
use serde::Deserialize;
use serde::de::DeserializeSeed;
use serde_path_to_error::Track;

use super::sound::Distinct;
use super::{DEPTH, Format, LoadError, Position, SaveError, Take, TakeSeed, dotted, foreign, too_deep};

/// The file does not begin like a text: 0x89 alone is not valid UTF-8.
pub(super) const MAGIC: [u8; 8] = *b"\x89tape-nn";
const VERSION: u32 = 1;
pub(super) const HEADER: usize = 28;

pub(super) fn encode(value: &dyn erased_serde::Serialize, file: String) -> Result<Vec<u8>, SaveError> {
    let mut bytes = vec![0; HEADER];
    let failed = |source| SaveError::Serialize { file: file.clone(), format: Format::Binary, source };
    let written = erased_serde::serialize(value, &mut rmp_serde::Serializer::new(&mut bytes).with_struct_map());
    written.map_err(|source| failed(Box::new(source)))?;
    let (header, payload) = bytes.split_at_mut(HEADER);
    if u32::try_from(payload.len()).is_err() {
        return Err(failed("it takes more than 4 GiB, the most that MessagePack can say of a matrix".into()));
    }
    // Everything that is written can be read.
    Distinct::deserialize(&mut reader(payload)).map_err(|error| failed(message(&error).into()))?;
    header[0..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..20].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    header[20..24].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let checksum = crc32fast::hash(&header[..24]);
    header[24..28].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

/// The header, after its checksum was verified.
pub(super) struct Header {
    /// The length of the payload.
    pub payload: u64,
    checksum: u32,
}

pub(super) fn header(bytes: &[u8], file: &str) -> Result<Header, LoadError> {
    let file = file.to_owned();
    let Some(header) = bytes.first_chunk::<HEADER>() else {
        return Err(LoadError::Truncated { file, at: Position::Byte(bytes.len()) });
    };
    let u32_at = |at| u32::from_le_bytes(std::array::from_fn(|i| header[at + i]));
    if u32_at(24) != crc32fast::hash(&header[..24]) {
        let found = "the checksum of the header is not that of its bytes".to_owned();
        return Err(LoadError::Damaged { file, at: Position::Byte(0), found });
    }
    match u32_at(8) {
        VERSION => {
            Ok(Header { payload: u64::from_le_bytes(std::array::from_fn(|i| header[12 + i])), checksum: u32_at(20) })
        }
        0 => Err(foreign(&file, "version 0")),
        version => Err(LoadError::Newer { file, version: version.into() }),
    }
}

pub(super) fn decode(bytes: &[u8], file: String, take: Take) -> Result<(), LoadError> {
    let payload = payload(bytes, &file)?;
    // The depth has been checked, except for levels that a type adds and the file does not have.
    let (mut reader, mut track) = (Deserializer::from_read_ref(payload), Track::new());
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    TakeSeed(&mut *take).deserialize(tracked).map_err(|error| {
        let (at, path) = (failure(payload, take), dotted(track.path().iter()));
        LoadError::Model { file, at, path, found: message(&error) }
    })
}

/// The payload, which is one value.
fn payload<'b>(bytes: &'b [u8], file: &str) -> Result<&'b [u8], LoadError> {
    let Header { payload: length, checksum } = header(bytes, file)?;
    let payload = &bytes[HEADER..];
    if (payload.len() as u64) < length {
        return Err(LoadError::Truncated { file: file.to_owned(), at: Position::Byte(bytes.len()) });
    }
    if payload.len() as u64 > length {
        let (at, found) = (Position::Byte(HEADER + length as usize), "bytes after the end of the model".to_owned());
        return Err(LoadError::Damaged { file: file.to_owned(), at, found });
    }
    if checksum != crc32fast::hash(payload) {
        let found = "the checksum of the payload is not that of its bytes".to_owned();
        return Err(LoadError::Damaged { file: file.to_owned(), at: Position::Byte(HEADER), found });
    }

    // One cheap pass over the whole value; after it no type can recurse deeper than this.
    let mut values = reader(payload);
    if let Err(error) = Distinct::deserialize(&mut values) {
        return Err(LoadError::Damaged {
            file: file.to_owned(),
            at: failure(payload, &mut distinct),
            found: message(&error),
        });
    }
    if !matches!(Distinct::deserialize(&mut values), Err(Error::InvalidMarkerRead(_))) {
        let (at, found) = (failure(payload, &mut distinct), "a second value".to_owned());
        return Err(LoadError::Damaged { file: file.to_owned(), at, found });
    }
    Ok(payload)
}

fn reader(payload: &[u8]) -> Deserializer<ReadRefReader<'_, [u8]>> {
    let mut reader = Deserializer::from_read_ref(payload);
    reader.set_max_depth(DEPTH);
    reader
}

fn distinct(reader: &mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error> {
    erased_serde::deserialize::<Distinct>(reader).map(drop)
}

/// The position at which reading fails. It reads again, because only a reader that copies can tell.
fn failure(payload: &[u8], take: Take) -> Position {
    let mut reader = Deserializer::new(Cursor::new(payload));
    reader.set_max_depth(DEPTH);
    let _ = TakeSeed(take).deserialize(&mut reader);
    Position::Byte(HEADER + reader.position() as usize)
}

/// The reader's message in words that do not require knowledge of MessagePack.
fn message(error: &Error) -> String {
    use Error::*;
    let ends = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
    match error {
        InvalidMarkerRead(error) | InvalidDataRead(error) if ends(error) => "a value that ends too early".to_owned(),
        DepthLimitExceeded => too_deep(),
        Syntax(text) => plain(text),
        other => plain(&other.to_string()),
    }
}

/// The same for an error that became text on its way through the type.
fn plain(text: &str) -> String {
    if let Some(marker) = text.strip_prefix("wrong msgpack marker ") {
        format!("a value of another kind ({marker})")
    } else if let Some(length) = text.strip_prefix("array had incorrect length, expected ") {
        format!("{length} values in the place of another number of them")
    } else {
        text.to_owned()
    }
}
